"""The rigorous alpha: the smallest one that, with high probability, no noise alone passes.

    alpha v_j = c / sqrt(n) Phi^-1(1 - gamma / (2 p)) l_j,      l_j^2 = estimated variance of sqrt(n) S_j,

with S_j = mean(w_i x~_ij e_i) the score of column j at the true model, x~ column j less its projection on intercept
and unpenalised columns, e the errors, w weights of mean 1 and p the number of penalised columns:

    heteroskedastic     l_j^2 = mean(w_i^2 x~_ij^2 e_i^2)
    homoskedastic       l_j^2 = mean(w_i x~_ij^2) mean(w_i e_i^2)
    clustered           l_j^2 = 1/n sum_g (sum_{i in g} w_i x~_ij e_i)^2

The errors are not known. They are estimated by the residuals of a fit at the last estimate, again and again. The first
ones are those of least squares on the five columns that correlate most with y.

References: Belloni, Chen, Chernozhukov and Hansen (2012), Econometrica 80(6), algorithm A.1; Belloni, Chernozhukov and
Hansen (2014), Rev. Econ. Stud. 81(2); with clusters Belloni, Chernozhukov, Hansen and Kozbur (2016), J. Bus. Econ.
Stat. 34(4).
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from .. import validation
from ..path.fit import fit
from .data import Regression, least_squares

LOADINGS = ("heteroskedastic", "homoskedastic")

# Columns that the first residuals are taken from.
FIRST_COLUMNS = 5
# Steps of the estimation at most, and the change of the residuals' deviation, as a share of that of y, that ends it.
MAX_STEPS, CHANGE = 15, 1e-6
# A share of a column, or of y, that is rounding.
NEGLIGIBLE = 1e-10
# The tolerance of its fits.
TOL = 1e-9


@dataclass(frozen=True, eq=False)
class PluginAlpha:
    """The rigorous alpha and the loadings that belong to it.

    Attributes
    ----------
    alpha : float
        c / sqrt(n) Phi^-1(1 - gamma / (2 p)); it has no unit.
    penalty_factor : ndarray of shape (n_features,)
        The loadings, times the penalty factors that were given: what `fit` takes. inf for columns that intercept and
        unpenalised columns make up already.
    sigma : float
        Deviation of the last residuals.
    n_iter : int
        Fits that it took.
    lasso : LassoFit
        The last fit, at alpha with the loadings.
    """

    alpha: float
    penalty_factor: np.ndarray
    sigma: float
    n_iter: int
    lasso: object

    def __repr__(self):
        return (f"<PluginAlpha: alpha={self.alpha:.4g}, {np.count_nonzero(self.lasso.coef)} of "
                f"{len(self.lasso.coef)} features, sigma={self.sigma:.4g}>")


def plugin_alpha(X, y, *, loadings="heteroskedastic", c=1.1, gamma=None, refit=True, sample_weight=None, groups=None,
                 penalty_factor=None, fit_intercept=True):
    """Return the rigorous (plug-in) alpha of the lasso, with the loadings of the columns.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
    y : array of shape (n_samples,)
    loadings : {"heteroskedastic", "homoskedastic"}
        Whether the variance of the errors may depend on X. Disregarded with `groups`.
    c : float > 0, default=1.1
        How far alpha is above the noise.
    gamma : float in (0, 1), optional
        Probability that the noise passes all the same; 0.1 / log(n) by default.
    refit : bool, default=True
        Estimate errors by the residuals of least squares on the selected columns, not by those of the lasso. The first
        fit then takes half of alpha.
    sample_weight : array of shape (n_samples,), optional
    groups : array of shape (n_samples,), optional
        Clusters: errors within one may depend on each other.
    penalty_factor : array of shape (n_features,), optional
        0 for columns that are always kept, inf for those never used.
    fit_intercept : bool, default=True

    Returns
    -------
    PluginAlpha

    Raises
    ------
    ValueError, TypeError
        For bad input, and where no column is penalised.

    References
    ----------
    Belloni, Chen, Chernozhukov and Hansen (2012), Econometrica 80(6).

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import fit, plugin_alpha
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 200))
    >>> y = X[:, 3] - X[:, 7] + rng.standard_normal(100) * (1 + X[:, 3] ** 2) / 2
    >>> rigorous = plugin_alpha(X, y)
    >>> np.flatnonzero(fit(X, y, rigorous.alpha, penalty_factor=rigorous.penalty_factor).coef)
    array([3, 7])
    """
    validation.one_of(loadings, "loadings", LOADINGS)
    data = Regression.checked(X, sample_weight, groups, penalty_factor, fit_intercept)
    y = validation.target(y, data.X.shape[0])
    return rigorous(data, y, loadings, c, gamma, refit)


def rigorous(data, y, loadings="heteroskedastic", c=1.1, gamma=None, refit=True):
    """As `plugin_alpha`, from a `Regression`."""
    validation.number(c, "c", 0.0, low_open=True)
    n, which = data.n_rows, data.penalised
    if not len(which):
        raise ValueError("the rigorous alpha needs a column with a penalty")
    gamma = 0.1 / np.log(max(n, 3)) if gamma is None else validation.number(gamma, "gamma", 0.0, 1.0, low_open=True)
    alpha = c / np.sqrt(n) * NormalDist().inv_cdf(1 - gamma / (2 * len(which)))
    columns = Columns(data, which)
    errors, last = columns.first_errors(y), deviation(data, columns.projected(y))
    scale = last or 1.0
    for step in range(MAX_STEPS):
        if step and last <= NEGLIGIBLE * scale:
            break       # no error is left to estimate from
        factor = columns.factor(loadings, errors)
        lasso = fit(data.X, y, alpha / 2 if refit and step == 0 else alpha, penalty_factor=factor, tol=TOL,
                    sample_weight=data.weights, fit_intercept=data.fit_intercept)
        used = np.flatnonzero(lasso.coef)
        errors = data.refit(y, np.union1d(used, data.kept))[2] if refit else y - lasso.predict(data.X)
        sigma = deviation(data, errors)
        settled = step and abs(sigma - last) <= CHANGE * scale
        last, steps = sigma, step + 1
        if settled:
            break
    return PluginAlpha(float(alpha), factor, sigma, steps, lasso)


def deviation(data, values):
    """Return the root of the weighted mean square."""
    return float(np.sqrt(np.mean(data.shares * values**2) * len(values) / data.n_rows))


class Columns:
    """The penalised columns, less their projection on what has no penalty.

    Attributes
    ----------
    data : Regression
    which : ndarray of int
    Z : ndarray of shape (n, n_unpenalised)
        Intercept and unpenalised columns.
    """

    def __init__(self, data, which):
        self.data, self.which = data, which
        self.Z = data.with_intercept(data.columns(data.kept))

    def projected(self, values):
        """Return values, or columns of them, less their projection."""
        return values - self.Z @ least_squares(self.Z, values, self.data.weights) if self.Z.shape[1] else values

    def factor(self, loadings, errors):
        """Return the penalty factors: the loadings of the columns times what was given."""
        factor = self.data.factor.copy()
        for part, X in self.data.blocks(self.which):
            own = self.projected(X)
            size, rest = ((values**2).T @ self.data.shares for values in (X, own))
            loading = np.sqrt(self._variances(own, loadings, errors))
            factor[self.which[part]] *= np.where(rest > NEGLIGIBLE**2 * size, loading, np.inf)
        return factor

    def _variances(self, X, loadings, errors):
        """Return the estimated variance of each column's score."""
        w, n = self.data.shares, self.data.n_rows
        if self.data.codes is not None:
            sums = np.zeros((self.data.codes.max() + 1, X.shape[1]))
            np.add.at(sums, self.data.codes, X * (w * errors)[:, None])
            return (sums**2).sum(axis=0) / n
        if loadings == "homoskedastic":
            return (X**2).T @ w / n * (errors**2 @ w / n)
        return (X**2).T @ (w * errors) ** 2 / n

    def first_errors(self, y):
        """Return the residuals of least squares on the columns that correlate most with y."""
        w, centred = self.data.shares, self.projected(y)
        correlation = np.zeros(len(self.which))
        for part, X in self.data.blocks(self.which):
            X = self.projected(X)
            size = np.sqrt((X**2).T @ w)
            correlation[part] = np.abs(X.T @ (w * centred)) / np.where(size > 0, size, np.inf)
        first = self.which[np.argsort(-correlation, kind="stable")[:FIRST_COLUMNS]]
        return self.data.refit(y, np.union1d(first, self.data.kept))[2]
