"""Select by the lasso, then fit the selected columns by least squares: `post_lasso`."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .. import validation
from ..annotations import ArrayLike, ByColumn, Data, Floats, FoldsLike, Ints, NDArray, RandomState
from ..path.fit import fit, fit_path
from ..path.results import predictions
from ..selection.cross_validation import cross_validate_path
from .data import Regression
from .least_squares import Inference, ols
from .plugin import LOADINGS, rigorous

CRITERIA = ("aic", "bic", "ebic")
RULES = ("plugin", *CRITERIA, "min", "1se")


@dataclass(eq=False)
class PostLasso(Inference):
    """Least squares on the columns that a lasso selected.

    Attributes
    ----------
    support : ndarray of int
        Columns selected, and those without a penalty.
    coef : ndarray of shape (n_features,)
        Of least squares on them; 0 elsewhere.
    intercept : float
    lasso : LassoFit
        The fit that selected.
    rule : str or float
    names : list of str
        Of the parameters: "const" where there is an intercept, and the columns of `support`.
    cov_type : str
        Kind of the standard errors.
    """

    support: Ints
    coef: Floats
    intercept: float
    lasso: object
    rule: object
    names: list[str]
    cov_type: str
    _data: Regression
    _y: Floats

    def __repr__(self):
        return (f"<PostLasso: {len(self.support)} of {len(self.coef)} features by rule {self.rule!r} at alpha="
                f"{self.lasso.alpha:.4g}>")

    @cached_property
    def ols(self) -> Any:
        """The refit as statsmodels' results: standard errors, tests, `summary()`. Needs statsmodels."""
        Z = self._data.with_intercept(self._data.columns(self.support))
        return ols(self._y, Z, self.names, self._data, self.cov_type)

    def predict(self, X: Data) -> NDArray[Any]:
        """Return intercept + X coef, shape (n_samples,). Columns of a frame go by their names."""
        return predictions(X, self.coef, self.intercept, None, self._data.feature_names)


def post_lasso(X: Data, y: ArrayLike, *, rule: str | float = "plugin", loadings: str = "heteroskedastic",
               sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None,
               penalty_factor: ByColumn | None = None, fit_intercept: bool = True, standardize: bool = False,
               cov_type: str | None = None, cv: FoldsLike = 10, random_state: RandomState = 0) -> PostLasso:
    """Select columns by the lasso, and fit them by least squares.

    Parameters
    ----------
    X : array, frame or sparse matrix of shape (n_samples, n_features)
    y : array of shape (n_samples,)
    rule : {"plugin", "aic", "bic", "ebic", "min", "1se"} or float, default="plugin"
        How alpha is chosen: the rigorous one of `plugin_alpha`, an information criterion of the path, its
        cross-validation; or alpha itself. For a criterion the path ends where it has used half as many columns as
        there are rows: near as many as rows the deviance falls without end.
    loadings : {"heteroskedastic", "homoskedastic"}
        What rule="plugin" supposes about the errors.
    sample_weight : array of shape (n_samples,), optional
        In the lasso and in the refit.
    groups : array of shape (n_samples,), optional
        Clusters: in rule="plugin", in the standard errors, and as folds of a cross-validation.
    penalty_factor : array of shape (n_features,), optional
        0 for controls that are always kept.
    fit_intercept : bool, default=True
    standardize : bool, default=False
        As in `fit`; rule="plugin" has loadings of its own.
    cov_type : str, optional
        The standard errors by statsmodels' name. By default "cluster" with `groups`, else "HC1", or "nonrobust" with
        loadings="homoskedastic". They take the selection as given: for valid tests of one effect there is
        `double_selection`.
    cv : int or splitter, default=10
    random_state : int, default=0
        Shuffles the folds of an integer `cv`.

    Returns
    -------
    PostLasso

    Raises
    ------
    ValueError, TypeError
        For bad input.
    ImportError
        From `ols`, `standard_errors` and what else is statsmodels', where that is missing (extra "inference").

    References
    ----------
    Belloni and Chernozhukov (2013), Least squares after model selection, Bernoulli 19(2).

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import post_lasso
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 50))
    >>> y = 3 * X[:, 3] + rng.standard_normal(200)
    >>> result = post_lasso(X, y)
    >>> result.support, result.coef[3].round(1)
    (array([3]), np.float64(3.0))
    """
    data = Regression.checked(X, sample_weight, groups, penalty_factor, fit_intercept, y=y)
    y = validation.target(y, data.X.shape[0])
    lasso = Selector(data, rule, loadings, standardize, cv, groups, random_state).fit(y)
    support = np.union1d(np.flatnonzero(lasso.coef), data.kept)
    own, intercept, _ = data.refit(y, support)
    coef = np.zeros(data.X.shape[1])
    coef[support] = own
    names = [*(["const"] if data.fit_intercept else []), *(data.names[j] for j in support)]
    return PostLasso(support, coef, intercept, lasso, rule, names, default_errors(cov_type, groups, loadings), data, y)


def default_errors(cov_type, groups, loadings):
    """Return the kind of the standard errors."""
    if cov_type is not None:
        return cov_type
    return "cluster" if groups is not None else "nonrobust" if loadings == "homoskedastic" else "HC1"


class Selector:
    """Choose alpha by a rule, and fit the lasso at it: what `post_lasso` and `double_selection` do with each target."""

    def __init__(self, data, rule, loadings, standardize, cv, groups, random_state):
        if isinstance(rule, str):
            validation.one_of(rule, "rule", RULES)
        else:
            rule = validation.number(rule, "rule", 0.0)
        validation.one_of(loadings, "loadings", LOADINGS)
        self.data, self.rule, self.loadings = data, rule, loadings
        self.folds = {"cv": cv, "groups": groups, "random_state": random_state if np.ndim(cv) == 0 else None}
        self.options = {"penalty_factor": data.factor, "sample_weight": data.weights,
                        "fit_intercept": data.fit_intercept, "standardize": standardize}

    def fit(self, y):
        """Return the `LassoFit` that selects."""
        X = self.data.X
        if self.rule == "plugin":
            return rigorous(self.data, y, self.loadings).lasso
        if not isinstance(self.rule, str):
            return fit(X, y, self.rule, **self.options)
        if self.rule in CRITERIA:
            path = fit_path(X, y, dfmax=max(self.data.n_rows // 2, len(self.data.kept) + 1), **self.options)
            return path.fit_at(path.select(self.rule))
        result = cross_validate_path(X, y, rule=self.rule, **self.folds, **self.options)
        return result.path.fit_at(result.index)
