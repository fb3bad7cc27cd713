"""The effect of a few variables among many controls: `double_selection`."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .. import validation
from ..annotations import ArrayLike, ByColumn, Data, Floats, FoldsLike, Ints, RandomState
from .data import Regression, least_squares
from .least_squares import Inference, ols
from .post_lasso import Selector, default_errors

# A column of which the others leave less than this share depends on them.
DEPENDENT = 1e-10


@dataclass(eq=False)
class DoubleSelection(Inference):
    """Effects of d on y, with the controls that matter for either.

    `standard_errors`, `pvalues` and `conf_int` are those of the effects alone.

    Attributes
    ----------
    coef : ndarray of shape (n_effects,)
        Effect of each column of d.
    support : ndarray of int
        Columns of X in the last regression: those selected for y, those for a column of d, those without a penalty.
    support_y : ndarray of int
    support_d : list of ndarray of int
        For each column of d.
    rule : str or float
    names : list of str
        Of the parameters of `ols`: "const", the columns of d, those of `support`.
    cov_type : str
    """

    coef: Floats
    support: Ints
    support_y: Ints
    support_d: list[Ints]
    rule: object
    names: list[str]
    cov_type: str
    _data: Regression
    _y: Floats
    _d: Floats

    def __repr__(self):
        effects = ", ".join(f"{name}={value:.4g}" for name, value in zip(self.names[self._at], self.coef, strict=True))
        return f"<DoubleSelection: {effects}, {len(self.support)} of {self._data.X.shape[1]} controls>"

    @property
    def _at(self):
        """Where the effects stand among the parameters."""
        first = int(self._data.fit_intercept)
        return slice(first, first + len(self.coef))

    @cached_property
    def ols(self) -> Any:
        """The last regression as statsmodels' results. Needs statsmodels."""
        return ols(self._y, exogenous(self._data, self._d, self.support), self.names, self._data, self.cov_type)

    @property
    def standard_errors(self) -> Floats:
        """Standard error of each effect, shape (n_effects,)."""
        return super().standard_errors[self._at]

    @property
    def pvalues(self) -> Floats:
        """Two-sided p-value of each effect, shape (n_effects,)."""
        return super().pvalues[self._at]

    def conf_int(self, level: float = 0.95) -> Floats:
        """Return the confidence interval of each effect, shape (n_effects, 2)."""
        return super().conf_int(level)[self._at]


def double_selection(X: Data, y: ArrayLike, d: ArrayLike, *, rule: str | float = "plugin",
                     loadings: str = "heteroskedastic", sample_weight: ArrayLike | None = None,
                     groups: ArrayLike | None = None, penalty_factor: ByColumn | None = None,
                     fit_intercept: bool = True, standardize: bool = False, cov_type: str | None = None,
                     cv: FoldsLike = 10,
                     random_state: RandomState = 0) -> DoubleSelection:
    """Estimate the effect of d on y, given controls X that may be more than the rows.

        y = d effect + X b + e,     both b and the regression of d on X with few large coefficients

    One lasso selects the controls that predict y, one those that predict d. Least squares of y on d and all of these
    has tests and intervals that hold although the controls were selected: a control that one lasso misses matters
    little to y or little to d.

    Parameters
    ----------
    X : array, frame or sparse matrix of shape (n_samples, n_controls)
    y : array of shape (n_samples,)
    d : array or frame of shape (n_samples,) or (n_samples, n_effects)
    rule, loadings, sample_weight, groups, fit_intercept, standardize, cov_type, cv, random_state
        As in `post_lasso`, for each lasso and the last regression.
    penalty_factor : array of shape (n_controls,), optional
        0 for controls that are always kept.

    Returns
    -------
    DoubleSelection

    Raises
    ------
    ValueError, TypeError
        For bad input, and where an effect cannot be told because d depends on other columns of the last regression.
    ImportError
        From what is statsmodels', where that is missing (extra "inference").

    References
    ----------
    Belloni, Chernozhukov and Hansen (2014), Inference on treatment effects after selection among high-dimensional
    controls, Rev. Econ. Stud. 81(2).

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import double_selection
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 300))
    >>> d = X[:, 0] + rng.standard_normal(200)
    >>> y = 0.5 * d + X[:, 0] + rng.standard_normal(200)
    >>> result = double_selection(X, y, d)
    >>> bool(abs(result.coef[0] - 0.5) < 0.2), result.support
    (True, array([0]))
    """
    data = Regression.checked(X, sample_weight, groups, penalty_factor, fit_intercept, y=y, d=d)
    y = validation.target(y, data.X.shape[0])
    D, d_names = treatments(d, data.X.shape[0])
    selector = Selector(data, rule, loadings, standardize, cv, groups, random_state)
    selected = [np.flatnonzero(selector.fit(target).coef) for target in (y, *D.T)]
    support = np.unique(np.concatenate([*selected, data.kept])).astype(np.int64)
    Z = exogenous(data, D, support)
    first = int(data.fit_intercept)
    check_identified(Z, range(first, first + D.shape[1]), data.weights, d_names)
    coef = least_squares(Z, y, data.weights)[first:first + D.shape[1]]
    names = [*(["const"] if first else []), *d_names, *(data.names[j] for j in support)]
    return DoubleSelection(coef, support, selected[0], selected[1:], rule, names,
                           default_errors(cov_type, groups, loadings), data, y, D)


def treatments(d, n):
    """Return (d as an array of shape (n, n_effects), the names of its columns)."""
    names = [str(name) for name in d.columns] if hasattr(d, "columns") else [str(getattr(d, "name", None) or "d")]
    D = np.asarray(d, float)
    D = D[:, None] if D.ndim == 1 else D
    if D.ndim != 2 or len(D) != n or not D.shape[1]:
        raise ValueError(f"d must have {n} rows and a column for each effect, got shape {np.shape(d)}")
    if not np.isfinite(D).all():
        raise ValueError("d holds NaN or infinity")
    if len(names) != D.shape[1]:
        names = [f"d{j}" for j in range(1, D.shape[1] + 1)]
    return D, names


def check_identified(Z, places, weights, names):
    """Raise ValueError where a column of Z at one of the places depends on the other columns."""
    root = 1.0 if weights is None else np.sqrt(weights)
    for at, name in zip(places, names, strict=True):
        left = (Z[:, at] - np.delete(Z, at, axis=1) @ least_squares(np.delete(Z, at, axis=1), Z[:, at], weights)) * root
        if not np.linalg.norm(left) > DEPENDENT * np.linalg.norm(Z[:, at] * root):
            raise ValueError(f"the effect of {name} cannot be told: it depends on the intercept, on other effects or "
                             "on controls that were selected, one of which may be a copy of it")


def exogenous(data, D, support):
    """Return the columns of the last regression: intercept, d, the selected controls."""
    return data.with_intercept(np.hstack([D, data.columns(support)]))
