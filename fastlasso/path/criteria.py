"""Information criteria along a path, and the degrees of freedom that they count."""

import math
import warnings
from typing import Any

import numpy as np

from ..annotations import ArrayLike, Data, Floats
from ..losses.choose import deviance_term
from ..parallel import Pool
from ..problem.options import Options
from ..problem.problem import pose
from .warn import stack_level

# A model with more features than this share of the samples is nearly saturated.
SATURATED = 0.5


class Criteria:
    """What a path says of the size of its models: `effective_df`, `criterion`, `select`."""

    def effective_df(self, X: Data | None = None) -> Floats:
        """Degrees of freedom at each alpha: trace of X_A (X_A'X_A + alpha diag(l2_A))^-1 X_A', |A| for the lasso.

        For other losses than squared error X'X has the curvatures of the loss at the solution as weights.

        Reference: Tibshirani and Taylor (2012), Ann. Statist. 40(2). With a ridge part the data are needed.
        """
        if self.params["l1_ratio"] == 1.0:
            return self.df.astype(float)
        X = self._kept_X() if X is None else X
        if self._data is None or X is None:
            raise ValueError("effective_df of an elastic net needs the data of the fit, which are gone or have changed")
        with Pool(1) as pool:
            return self.df_of(pose(X, self._data.y, Options(**self._data.options), pool))

    def df_of(self, problem: Any) -> Floats:
        """`effective_df` from the `Problem` that the path solves."""
        if self.params["l1_ratio"] == 1.0:
            return self.df.astype(float)
        supports, coefs = ([part[a:b] for a, b in zip(self.indptr[:-1], self.indptr[1:], strict=True)]
                           for part in (self.indices, self.values))
        return problem.ridge_degrees_of_freedom(self.alphas, supports, self.intercepts, coefs)

    def select(self, criterion: str = "bic", gamma: float = 0.5, df: ArrayLike | None = None) -> int:
        """Return the index of the alpha that minimises an information criterion.

            aic  = n log(RSS/n) + 2 df
            bic  = n log(RSS/n) + log(n) df
            ebic = bic + 2 gamma log C(p, k)           (Chen and Chen 2008)

        n is `n_samples`, the rows of positive weight, and RSS/n the weighted mean of the squared residuals. p is the
        number of penalised columns, and k how many of them the model has: df less the unpenalised ones. For other
        losses than squared error the deviance, n times the weighted mean of the unit deviance, takes the place of
        n log(RSS/n): the dispersion counts as 1.
        `df`, of shape (n_alphas,), is `effective_df` unless given.

        Warns
        -----
        UserWarning
            Where the choice is the last model of a path with more columns than rows, and nearly saturated.
        """
        if not len(self):
            raise ValueError("this path has no alphas to select from")
        df = self.effective_df() if df is None else df
        index = int(np.argmin(self.criterion(criterion, gamma, df)))
        if self._is_saturated(index):
            warnings.warn(f"{criterion} chooses the last alpha of the path, whose model has {self.df[index]} features "
                          f"on {self.n_samples} samples. With more features than samples the deviance of such models "
                          "falls without end, and the criterion says nothing. Take criterion='ebic', cross-validation, "
                          "or end the path earlier (eps, dfmax).", UserWarning, stacklevel=stack_level())
        return index

    def _is_saturated(self, index):
        """Whether a choice is the last of a path with more columns than rows, and a model nearly as large as the data.
        """
        return (index == len(self) - 1 > 0 and self.n_features > self.n_samples
                and self.df[index] > SATURATED * self.n_samples)

    def criterion(self, criterion: str = "bic", gamma: float = 0.5, df: ArrayLike | None = None) -> Floats:
        """Return the values of an information criterion at each alpha, see `select`."""
        n, p, df = self.n_samples, self.n_penalised, self.effective_df() if df is None else df
        fit_term = deviance_term(self.loss, n, self.null_objective, self.r2)
        if criterion == "aic":
            return fit_term + 2 * df
        if criterion not in ("bic", "ebic"):
            raise ValueError(f'criterion must be "aic", "bic" or "ebic", got {criterion!r}')
        values = fit_term + np.log(n) * df
        if criterion == "ebic":
            values = values + 2 * gamma * np.array([log_binomial(p, k) for k in self._chosen_df(df)])
        return values

    def _chosen_df(self, df):
        """Degrees of freedom less those of columns without a penalty, between 0 and the number of the others."""
        if self.unpenalised is None:
            return np.minimum(df, self.n_penalised)
        free = self.coefs[self.unpenalised].astype(bool).sum(axis=0)
        return np.clip(df - np.asarray(free).ravel(), 0, self.n_penalised)


def log_binomial(n, k):
    """log C(n, k), for fractional k too (`scipy.special` would double the time of `import fastlasso`)."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
