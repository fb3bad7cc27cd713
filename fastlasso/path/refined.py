"""Paths of refinements, as `LassoPath.load` finds them: what the adaptive lasso and concave penalties add to a path."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..annotations import Floats, Ints
from ..penalties.concave import concave_penalty
from .results import LassoFit, LassoPath
from .saved import check_factors, check_vectors


@dataclass(eq=False, repr=False)
class AdaptivePath(LassoPath):
    """A path of the adaptive lasso: a `LassoPath`, and the factors it was made with.

    Attributes
    ----------
    penalty_factor : ndarray of shape (n_features,)
        v_j = 1 / |pilot_j s_j|^gamma times the user's own factor, inf where the pilot is zero. s_j is 1 without
        `standardize`. A user's own factor of 0 or inf stays as it is.
    pilot : ndarray of shape (n_features,)
        Coefficients of the pilot fit.
    """

    penalty_factor: Floats = None
    pilot: Floats = None

    extra_arrays = ("penalty_factor", "pilot")

    def check_extras(self) -> None:
        """Raise ValueError unless the factors and the pilot are sound."""
        check_factors(self, self.n_features, "penalty_factor")
        check_vectors(self, self.n_features, ("pilot",))


@dataclass(eq=False, repr=False)
class ReweightedPath(LassoPath):
    """A path of a concave penalty: at each alpha a fixed point of the weighted lasso.

    Each solution b solves, within its `gap`, the lasso whose factors are v_j = p'(|b_j|) / alpha at b itself, which is
    the condition for a stationary point of the concave problem. The gap is that of this lasso;
    ``verify(X, y, coef, intercept, alpha=alpha, penalty_factor=path.penalty_factor_at(k))`` computes it anew.

    Attributes
    ----------
    n_steps : ndarray of shape (n_alphas,)
        Weighted lassos solved at each alpha.
    objectives : ndarray of shape (n_alphas,)
        1/(2 W) sum_i w_i (residual_i)^2 + sum_j p(|b_j|) at the solution.
    penalty : Concave
    penalty_factor : ndarray of shape (n_features,)
        The user's own factors u: p has slope alpha u_j at zero.
    factors : ndarray
        v at the non-zero coefficients, in the order of `values`.
    """

    n_steps: Ints = None
    objectives: Floats = None
    penalty: object = None
    penalty_factor: Floats = None
    factors: Floats = None

    extra_arrays = ("n_steps", "objectives", "penalty_factor", "factors")
    solved_alone = False        # what a concave penalty finds depends on the way to it, so `at` only interpolates

    def extra_facts(self) -> dict[str, Any]:
        """The penalty, by its name and parameters."""
        return {"penalty": {"name": type(self.penalty).__name__.lower(), **asdict(self.penalty)}}

    @classmethod
    def restored(cls, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Return the facts with the `Concave` in place of its name and parameters."""
        return facts | {"penalty": concave_penalty(**facts["penalty"])}

    def check_extras(self) -> None:
        """Raise ValueError unless steps, objectives and factors are sound."""
        check_factors(self, self.n_features, "penalty_factor")
        check_factors(self, len(self.values), "factors")
        check_vectors(self, len(self), ("objectives",))
        if self.n_steps.shape != (len(self),) or self.n_steps.dtype.kind != "i":
            raise ValueError("n_steps is damaged")

    def fit_at(self, index: int) -> LassoFit:
        """Return the solution at a grid point as a `LassoFit`: that of the lasso with its own factors."""
        fit = super().fit_at(index)
        own = {"penalty_factor": self.penalty_factor_at(index), "l1_ratio": 1.0}
        return fit.with_options(None if fit.options is None else fit.options | own)

    def penalty_factor_at(self, index: int) -> Floats:
        """The factors v of the weighted lasso that the solution at a grid point solves, shape (n_features,)."""
        index = range(len(self))[index]
        part = slice(self.indptr[index], self.indptr[index + 1])
        factors = np.array(self.penalty_factor)
        factors[self.indices[part]] = self.factors[part]
        return factors
