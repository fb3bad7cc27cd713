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
from scipy import sparse

from .. import validation
from ..annotations import ArrayLike, ByColumn, Data, Floats
from ..path.fit import fit
from .data import Regression

LOADINGS = ("heteroskedastic", "homoskedastic")

# Columns that the first residuals are taken from.
FIRST_COLUMNS = 5
# Steps of the estimation at most, and the change of the residuals' deviation, as a share of that of y, that ends it.
MAX_STEPS, CHANGE = 15, 1e-6
# A share of a column, or of y, that is rounding.
NEGLIGIBLE = 1e-10
# A sum of squares below this share of what it is the difference of is computed from dense columns.
CANCELS = 1e-6
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
    penalty_factor: Floats
    sigma: float
    n_iter: int
    lasso: object

    def __repr__(self):
        return (f"<PluginAlpha: alpha={self.alpha:.4g}, {np.count_nonzero(self.lasso.coef)} of "
                f"{len(self.lasso.coef)} features, sigma={self.sigma:.4g}>")


def plugin_alpha(X: Data, y: ArrayLike, *, loadings: str = "heteroskedastic", c: float = 1.1,
                 gamma: float | None = None, refit: bool = True, sample_weight: ArrayLike | None = None,
                 groups: ArrayLike | None = None, penalty_factor: ByColumn | None = None,
                 fit_intercept: bool = True) -> PluginAlpha:
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
    data = Regression.checked(X, sample_weight, groups, penalty_factor, fit_intercept, y=y)
    y = validation.target(y, data.X.shape[0])
    return rigorous(data, y, loadings, c, gamma, refit)


def rigorous(data, y, loadings="heteroskedastic", c=1.1, gamma=None, refit=True):
    """As `plugin_alpha`, from a `Regression`."""
    validation.number(c, "c", 0.0, low_open=True)
    n, which = data.n_rows, data.penalised
    if not len(which):
        raise ValueError("the rigorous alpha needs a column with a penalty")
    gamma = 0.1 / np.log(max(n, 3)) if gamma is None else validation.number(gamma, "gamma", 0.0, 1.0, low_open=True)
    alpha = -c / np.sqrt(n) * NormalDist().inv_cdf(gamma / (2 * len(which)))       # 1 - gamma / (2 p) may round to 1
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
    """The penalised columns x, less their projection on what has no penalty: x~ = x - Z g.

    Attributes
    ----------
    data : Regression
    which : ndarray of int
    Z : ndarray of shape (n, n_unpenalised)
        Unpenalised columns, less their mean where an intercept is fitted.
    solve : ndarray of shape (n_unpenalised, n)
        What makes g of a centred x: g = solve @ x.
    size, rest : ndarray of shape (len(which),)
        sum_i w_i x_ij^2, and the same of x~.
    """

    def __init__(self, data, which):
        self.data, self.which = data, which
        self.Z = self._centred(data.columns(data.kept))
        root = np.sqrt(data.shares)
        self.solve = np.linalg.pinv(self.Z * root[:, None]) * root
        self.size = self._squares_as_they_are(data.shares)
        self.rest = self.squares(data.shares)

    def projected(self, values):
        """Return values, or columns of them, less their projection."""
        values = self._centred(values)
        return values - self.Z @ (self.solve @ values)

    def _centred(self, values):
        """Return values, or columns of them, less their weighted mean where an intercept is fitted."""
        return values - self.data.shares @ values / self.data.n_rows if self.data.fit_intercept else values

    def factor(self, loadings, errors):
        """Return the penalty factors: the loadings of the columns times what was given."""
        factor = self.data.factor.copy()
        loading = np.sqrt(self._variances(loadings, errors) / self.data.n_rows)
        factor[self.which] *= np.where(self.rest > NEGLIGIBLE**2 * self.size, loading, np.inf)
        return factor

    def _variances(self, loadings, errors):
        """Return n times the estimated variance of each column's score."""
        w = self.data.shares
        if self.data.codes is not None:
            return self._of_blocks(lambda X: self._cluster_squares(X, w * errors))
        if loadings == "homoskedastic":
            return self.rest * (w @ errors**2 / self.data.n_rows)
        return self.squares((w * errors) ** 2)

    def _cluster_squares(self, X, weighted):
        """Return for each column the sum of squares, over clusters, of the sum of its scores."""
        sums = np.zeros((self.data.codes.max() + 1, X.shape[1]))
        np.add.at(sums, self.data.codes, X * weighted[:, None])
        return (sums**2).sum(axis=0)

    def squares(self, a):
        """Return sum_i a_i x~_ij^2 of each column; those of a sparse X without making it dense.

            sum a x~^2 = sum a x^2 - 2 g'(Z' a x) + g'(Z' a Z) g,     the ones among Z, the mean among g

        Where that cancels, the columns are made dense.
        """
        if not sparse.issparse(self.data.X):
            return self._of_blocks(lambda X: a @ X**2)
        X, Z, plain = self.data.X[:, self.which], self.data.with_intercept(self.Z), self._squares_as_they_are(a)
        mean = [self.data.shares / self.data.n_rows] if self.data.fit_intercept else []
        g = X.T @ np.vstack([*mean, self.solve]).T
        across, inner = X.T @ (Z * a[:, None]), (Z.T * a) @ Z
        found = plain - 2 * (g * across).sum(axis=1) + ((g @ inner) * g).sum(axis=1)
        unclear = np.flatnonzero(found <= CANCELS * plain)
        found[unclear] = self._of_blocks(lambda X: a @ X**2, unclear)
        return found

    def _squares_as_they_are(self, a):
        """Return sum_i a_i x_ij^2 of each column."""
        if not sparse.issparse(self.data.X):
            return np.concatenate([a @ X**2 for _, X in self.data.blocks(self.which)])
        X = self.data.X[:, self.which]
        return X.multiply(X).T @ a

    def _of_blocks(self, measure, among=None):
        """Return what `measure` says of each projected column, or of those `among` them."""
        which = self.which if among is None else self.which[among]
        return np.concatenate([np.zeros(0), *(measure(self.projected(X)) for _, X in self.data.blocks(which))])

    def first_errors(self, y):
        """Return the residuals of least squares on the columns that correlate most with y."""
        product = self.data.X[:, self.which].T @ (self.data.shares * self.projected(y))
        known = self.rest > NEGLIGIBLE**2 * self.size
        correlation = np.where(known, np.abs(product) / np.sqrt(np.where(known, self.rest, 1.0)), 0.0)
        first = self.which[np.argsort(-correlation, kind="stable")[:FIRST_COLUMNS]]
        return self.data.refit(y, np.union1d(first, self.data.kept))[2]
