"""`ElasticNetCV`, `LassoCV`, and what all cross-validated models share: splits, scores, and the choice kept."""

from collections.abc import Callable
from numbers import Integral
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from .. import validation
from ..annotations import ArrayLike, ByColumn, Data, Floats, FoldsLike, RandomState
from ..matrices.choose import is_far
from ..path.results import LassoPath
from ..selection.cross_validation import cross_validate_ratios
from ..selection.path_cv import PathCV
from ..selection.splits import are_fold_numbers, folds_of_groups, group_numbers, refuse_class
from .base import LinearModel, all_or_nothing, asked_grid, check_gram
from .linear import enet_path, lasso_path
from .parameters import SHARES, described, keep_arguments

# Scores that the held-out residuals give at once, by scikit-learn's names and our own. Any other is asked for every
# alpha and fold.
MEASURES = {None: "mse", "neg_mean_squared_error": "mse", "neg_mean_absolute_error": "mae", "r2": "r2", "mse": "mse",
            "mae": "mae"}


class GivenPredictions(RegressorMixin, BaseEstimator):
    """A regressor that predicts X itself, so that a scorer can judge predictions that are known already."""

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return X


class Score(NamedTuple):
    """Call a scorer of scikit-learn with targets and predictions."""

    scorer: object
    name: str | None = None

    def __call__(self, y_true, y_pred, sample_weight=None):
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return self.scorer(GivenPredictions(), y_pred, y_true, **weights)


def held_out_measure(scoring):
    """Return what `cross_validate_path` takes as `scoring`, from what scikit-learn takes."""
    if scoring is None or (isinstance(scoring, str) and scoring in MEASURES):
        return MEASURES[scoring]
    name = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", None)
    return Score(check_scoring(GivenPredictions(), scoring), name)


class Splitting:
    """Make splits, and route metadata to the splitter: what every estimator with a parameter `cv` does."""

    def _splits(self, X, y, sample_weight, params):
        """Return what `cross_validate_path` takes as `cv`.

        A number of contiguous folds stays a number, so that no arrays of indices are made. With `groups` it means folds
        of whole groups. A vector of fold numbers is taken as it is.
        """
        cv = 5 if self.cv is None else self.cv
        refuse_class(cv)
        if isinstance(cv, Integral) and params.get("groups") is not None:
            params = dict(params)
            groups = group_numbers(params.pop("groups"), len(y))
            self._for_splitter(sample_weight, params)
            return folds_of_groups(groups, validation.whole_number(cv, "cv", 2))
        if hasattr(cv, "__len__") and not hasattr(cv, "split") and are_fold_numbers(cv):
            return cv
        splitter = check_cv(cv)         # before routing, which reads `cv` too: a generator can be read only once
        metadata = self._for_splitter(sample_weight, params)
        X = np.empty((X.shape[0], 0)) if is_far(X) else X       # splitters count its rows
        return cv if isinstance(cv, Integral) else list(splitter.split(X, y, **metadata))

    def _for_splitter(self, sample_weight, params):
        """Return the keyword arguments of ``cv.split``: what it requests, or `groups` where nothing is routed."""
        if get_config()["enable_metadata_routing"]:
            return process_routing(self, "fit", sample_weight=sample_weight, **params).splitter.split
        if unexpected := params.keys() - {"groups"}:
            raise ValueError(
                f"Passing extra keyword arguments to {type(self).__name__}.fit is only supported if "
                "enable_metadata_routing=True, which you can set using `sklearn.set_config`. Extra parameters passed "
                f"are: {unexpected}")
        return params

    def get_metadata_routing(self) -> Any:
        """Return scikit-learn's `MetadataRouter`: `fit` passes metadata on to the splitter."""
        return MetadataRouter(owner=type(self).__name__).add_self_request(self).add(
            splitter=check_cv(self.cv), method_mapping=MethodMapping().add(caller="fit", callee="split"))


@described
class LinearModelCV(Splitting, LinearModel):
    """Choose alpha by cross-validation, and keep the choice: what every cross-validated model does.

    A model that is no elastic net overrides `_cross_validate`.

    Attributes
    ----------
    alpha_ : float
        The choice. The coefficients and what belongs to them are those of the fit on all rows at it.
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_
        As in `LinearModel`.
    mse_path_ : ndarray of shape (n_alphas, n_folds)
        Held-out error: the mean squared one, unless a `scoring` asks for another.
    alphas_ : ndarray of shape (n_alphas,)
        Descending.
    cv_result_ : PathCV
        `mean_error`, `standard_error`, `fold_paths`, `oof_predictions`, `plot()`.
    path_ : LassoPath
        The fit on all rows at every alpha.
    """

    alpha_: float
    alphas_: Floats
    mse_path_: Floats
    path_: LassoPath
    cv_result_: PathCV

    l1_ratio = 1.0

    def __init__(self, *, eps: float = 1e-3, alphas: ArrayLike = 100, fit_intercept: bool = True,
                 precompute: bool | str | ArrayLike = "auto", max_iter: int = 1000, tol: float = 1e-4,
                 copy_X: bool = True, cv: FoldsLike | None = None, verbose: bool | int = False,
                 n_jobs: int | None = None,
                 positive: bool = False, random_state: RandomState | None = None, selection: str = "cyclic",
                 standardize: bool = False, penalty_factor: ByColumn | None = None,
                 scoring: str | Callable[..., float] | None = None, rule: str = "min",
                 n_alphas: int | str = "deprecated") -> None:
        keep_arguments(locals())

    @all_or_nothing
    def fit(self, X: Data, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: Any) -> Self:
        """Choose alpha by cross-validation and keep the fit on all rows.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        y : array of shape (n_samples,)
        sample_weight : float or array of shape (n_samples,), optional
            Weights >= 0 in every fit and in the error of every fold; folds count equally. Only ratios matter.
        **params
            For ``cv.split``: `groups`; with ``sklearn.set_config(enable_metadata_routing=True)`` whatever is requested.
        """
        self._check_parameters()
        X, y = self._validated(X, y)
        y = self._one_target(y)
        splits = self._splits(X, y, sample_weight, params)
        return self._choose(self._cross_validate(X, y, splits, sample_weight), X.dtype)

    def _cross_validate(self, X, y, splits, sample_weight):
        """Return one `PathCV` per value of l1_ratio."""
        check_gram(self.precompute, X.shape[1])
        choice = {"cv": splits, "scoring": held_out_measure(self.scoring), "rule": self.rule, "eps": self.eps,
                  "alphas": asked_grid(self.alphas, self.n_alphas), "verbose": self.verbose}
        return cross_validate_ratios(X, y, np.ravel(self.l1_ratio).astype(float).tolist(), **choice,
                                     **self._options(sample_weight))

    def _choose(self, results, dtype):
        """Keep the `PathCV` of the lowest error, and the grids and errors of all."""
        best = min(results, key=lambda result: result.mean_error[result.best_index])
        self._keep([best.path.fit_at(best.index)], dtype, one_target=True)
        self.alpha_, self.cv_result_, self.path_ = np.float64(best.alpha), best, best.path
        grids = np.array([result.alphas for result in results])
        self.alphas_ = grids if len(results) > 1 and np.ndim(self.alphas) == 0 else grids[0]
        self.mse_path_ = np.squeeze([result.errors for result in results])
        return self


@described
class ElasticNetCV(LinearModelCV):
    """Elastic net whose alpha and l1_ratio are chosen by cross-validation.

    In place of `sklearn.linear_model.ElasticNetCV`. Folds are weights: no row of X is copied.

    Parameters
    ----------
    l1_ratio : float in [0, 1] or list of them, default=0.5
        Of several the one with the lowest mean error; `rule` then chooses alpha on its path.
    eps : float, default=1e-3
        Smallest alpha of an automatic grid as a fraction of the largest.
    alphas : int or array of floats, default=100
        How many alphas, or which.
    cv : int, splitter or iterable of (train, test), optional
        Default: 5 contiguous folds.
    verbose : bool or int, default=0
        Draw a bar on standard error that counts the alphas of all folds; in notebooks tqdm's where that is installed.
    fit_intercept, max_iter, tol, positive, penalty_factor, n_jobs
        As in `ElasticNet`.
    precompute, copy_X, random_state, selection
        Checked; they change neither result nor cost.
    standardize : bool, default=False
        Penalise as if every column had standard deviation one: in each fold that of its training rows.
    scoring : str, callable or None, default=None
        None is "mse"; or "mae", "r2", the name of any score of scikit-learn ("neg_median_absolute_error", ...), or a
        scorer(estimator, X, y). A scorer is given the predictions as X, and an estimator that predicts them.
    rule : {"min", "1se"}, default="min"
        The alpha of the smallest mean error, or the largest alpha within one standard error of it.
    n_alphas : int
        Older name of an integer `alphas`; gives a FutureWarning, as in scikit-learn.

    Attributes
    ----------
    alpha_, l1_ratio_ : float
        The choice. The coefficients and what belongs to them are those of the fit on all rows at it.
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_, path_
        As in `LinearModelCV`.
    mse_path_ : ndarray of shape (n_alphas, n_folds) or (n_l1_ratio, n_alphas, n_folds)
        Mean squared error on the held-out rows; with `scoring` the mean absolute error, 1 - R2, or minus the score.
    alphas_ : ndarray of shape (n_alphas,) or (n_l1_ratio, n_alphas)
        Descending.
    cv_result_ : PathCV
        For the chosen l1_ratio: `mean_error`, `standard_error`, `fold_paths`, `oof_predictions`, `plot()`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import ElasticNetCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 30))
    >>> y = X[:, 0] + 0.1 * rng.standard_normal(60)
    >>> model = ElasticNetCV(l1_ratio=[0.5, 0.9], alphas=20, cv=3).fit(X, y)
    >>> float(model.l1_ratio_), model.mse_path_.shape
    (0.9, (2, 20, 3))
    """

    l1_ratio_: float

    _rules: ClassVar = {"l1_ratio": SHARES}

    path = staticmethod(enet_path)

    def __init__(self, *, l1_ratio: ArrayLike = 0.5, eps: float = 1e-3, alphas: ArrayLike = 100,
                 fit_intercept: bool = True, precompute: bool | str | ArrayLike = "auto", max_iter: int = 1000,
                 tol: float = 1e-4, cv: FoldsLike | None = None, copy_X: bool = True, verbose: bool | int = 0,
                 n_jobs: int | None = None, positive: bool = False, random_state: RandomState | None = None,
                 selection: str = "cyclic", standardize: bool = False, penalty_factor: ByColumn | None = None,
                 scoring: str | Callable[..., float] | None = None, rule: str = "min",
                 n_alphas: int | str = "deprecated") -> None:
        keep_arguments(locals())

    def _choose(self, results, dtype):
        super()._choose(results, dtype)
        self.l1_ratio_ = np.float64(self.path_.params["l1_ratio"])
        return self


@described
class LassoCV(LinearModelCV):
    """Lasso whose alpha is chosen by cross-validation.

    In place of `sklearn.linear_model.LassoCV`.

    Parameters
    ----------
    eps, alphas, cv, verbose, fit_intercept, max_iter, tol, positive, penalty_factor, n_jobs, precompute, copy_X, \
random_state, selection, standardize, scoring, rule, n_alphas
        As in `ElasticNetCV`.

    Attributes
    ----------
    alpha_, coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_, mse_path_, \
alphas_, cv_result_, path_
        As in `LinearModelCV`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import LassoCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 30))
    >>> y = X[:, 0] + 0.1 * rng.standard_normal(60)
    >>> model = LassoCV(alphas=20, cv=3, rule="1se").fit(X, y)
    >>> np.flatnonzero(model.coef_)
    array([0])
    """

    path = staticmethod(lasso_path)
