"""`LassoIC`: the alpha of an information criterion."""

from typing import ClassVar, Self

import numpy as np

from ..annotations import ArrayLike, ByColumn, Data, Floats
from ..path.fit import fit_path
from ..path.results import LassoPath
from .base import LinearModel, all_or_nothing
from .parameters import NON_NEGATIVE, described, keep_arguments, word_in

CRITERIA = ("aic", "bic", "ebic")


@described
class LassoIC(LinearModel):
    """Linear regression with L1 penalty, its alpha chosen by an information criterion.

        aic  = n log(RSS/n) + 2 df
        bic  = n log(RSS/n) + log(n) df
        ebic = bic + 2 gamma log C(p, df)

    with RSS the sum of the squared residuals and df the number of coefficients that are not zero. In place of
    `sklearn.linear_model.LassoLarsIC`, for more columns than rows as well: "ebic" is for these. `fit` takes no sample
    weights: a criterion counts observations, and weights do not say how many there are.

    Parameters
    ----------
    criterion : {"aic", "bic", "ebic"}, default="bic"
    gamma : float >= 0, default=0.5
        Of "ebic".
    eps : float, default=1e-3
        Smallest alpha of an automatic grid as a fraction of the largest.
    alphas : int or array of floats, default=100
        How many alphas, or which.
    fit_intercept, max_iter, tol, positive, standardize, penalty_factor, n_jobs
        As in `ElasticNet`.

    Attributes
    ----------
    alpha_ : float
        The choice. The coefficients and what belongs to them are those of the fit at it.
    criterion_ : ndarray of shape (n_alphas,)
        The criterion at each alpha.
    alphas_ : ndarray of shape (n_alphas,)
        Descending.
    path_ : LassoPath
        The fit at every alpha.
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_
        As in `LinearModel`.

    References
    ----------
    Zou, Hastie and Tibshirani (2007), On the "degrees of freedom" of the lasso, Ann. Statist. 35(5). Chen and Chen
    (2008), Extended Bayesian information criteria, Biometrika 95(3).

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import LassoIC
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 20))
    >>> model = LassoIC().fit(X, X[:, 3] + rng.standard_normal(100))
    >>> np.flatnonzero(model.coef_)
    array([3])
    """

    alpha_: float
    alphas_: Floats
    criterion_: Floats
    path_: LassoPath

    _rules: ClassVar = {"criterion": word_in(*CRITERIA), "gamma": NON_NEGATIVE}

    def __init__(self, criterion: str = "bic", *, gamma: float = 0.5, eps: float = 1e-3, alphas: ArrayLike = 100,
                 fit_intercept: bool = True, max_iter: int = 1000, tol: float = 1e-4, positive: bool = False,
                 standardize: bool = False, penalty_factor: ByColumn | None = None, n_jobs: int | None = None) -> None:
        keep_arguments(locals())

    @all_or_nothing
    def fit(self, X: Data, y: ArrayLike) -> Self:
        """Fit the path, and keep the solution at the alpha of the smallest criterion.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        y : array of shape (n_samples,)
        """
        self._check_parameters()
        X, y = self._validated(X, y)
        y = self._one_target(y)
        path = fit_path(X, y, alphas=100 if self.alphas is None else self.alphas, eps=self.eps, **self._options(None))
        index = path.select(self.criterion, self.gamma)
        self.alpha_, self.alphas_, self.path_ = np.float64(path.alphas[index]), path.alphas, path
        self.criterion_ = path.criterion(self.criterion, self.gamma)
        return self._keep([path.fit_at(index)], X.dtype, one_target=True)
