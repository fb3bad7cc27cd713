"""Least squares with standard errors, by statsmodels."""

from typing import Any

import numpy as np

from ..annotations import Floats


class Inference:
    """What a result says by way of its `ols`: standard errors and the like of each parameter.

    A subclass has `ols`, the results of statsmodels, and `names`.
    """

    @property
    def standard_errors(self) -> Floats:
        """Standard error of each parameter, shape (n_parameters,)."""
        return np.asarray(self.ols.bse)

    @property
    def pvalues(self) -> Floats:
        """Two-sided p-value of each parameter, shape (n_parameters,)."""
        return np.asarray(self.ols.pvalues)

    def conf_int(self, level: float = 0.95) -> Floats:
        """Return confidence intervals, shape (n_parameters, 2)."""
        return np.asarray(self.ols.conf_int(1 - level))

    def summary(self) -> Any:
        """Return statsmodels' table of the refit as text."""
        return str(self.ols.summary())


def ols(y, Z, names, data, cov_type):
    """Return statsmodels' results of (weighted) least squares of y on the columns of Z.

    Raises
    ------
    ImportError
        Where statsmodels is missing.
    """
    try:
        from statsmodels.regression.linear_model import OLS, WLS
    except ImportError:
        raise ImportError('standard errors need statsmodels: pip install "fastlasso[inference]"') from None
    rows = slice(None) if data.weights is None else np.flatnonzero(data.weights)
    model = OLS(y, Z) if data.weights is None else WLS(y[rows], Z[rows], data.weights[rows])
    model.exog_names[:] = names
    if cov_type != "cluster":
        return model.fit(cov_type=cov_type)
    if data.codes is None:
        raise ValueError("cov_type='cluster' needs groups")
    return model.fit(cov_type=cov_type, cov_kwds={"groups": data.codes[rows]})
