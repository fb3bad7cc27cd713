"""Cross-validated siblings of the regressors with other losses; scikit-learn has none."""

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.metrics import check_scoring

from ..annotations import ArrayLike, ByColumn, Data, Floats, FoldsLike
from ..losses.choose import as_loss
from ..path.results import LassoPath
from ..selection.cross_validation import cross_validate_ratios
from ..selection.path_cv import PathCV
from .base import all_or_nothing
from .cross_validated import GivenPredictions, Score, Splitting
from .generalised import (
    LINK,
    GammaRegressor,
    HuberLasso,
    NegativeBinomialRegressor,
    PoissonRegressor,
    TweedieRegressor,
)
from .parameters import POSITIVE, REAL, SHARES, described, keep_arguments

# Scores that the held-out scores give at once, by scikit-learn's names and our own. "deviance" is that of the loss.
MEASURES = {None: None, "deviance": "deviance", "mse": "mse", "mae": "mae", "neg_mean_squared_error": "mse",
            "neg_mean_absolute_error": "mae"}
# scikit-learn's names of deviances, and the losses whose deviance they are.
DEVIANCES = {"neg_mean_poisson_deviance": "poisson", "neg_mean_gamma_deviance": "gamma"}


def measure_of(scoring, loss):
    """Return what `cross_validate_path` takes as `measure`, from what scikit-learn takes as `scoring`."""
    if scoring is None or (isinstance(scoring, str) and scoring in MEASURES):
        return MEASURES[scoring]
    loss = as_loss(loss)
    if loss is not None and isinstance(scoring, str) and DEVIANCES.get(scoring) == loss.name:
        return "deviance"
    return Score(check_scoring(GivenPredictions(), scoring), scoring if isinstance(scoring, str) else None)


@described
class LossModelCV(Splitting):
    """Choose alpha, and l1_ratio, by cross-validation: what comes before a `LossModel` in a cross-validated class.

    Parameters
    ----------
    l1_ratio : float in [0, 1] or list of them, default=0.0
        0 is ridge regression, the default of scikit-learn's generalised linear models; set 1 for a sparse model. Of
        several the one with the lowest mean error; `rule` then chooses alpha on its path.
    eps : float, default=1e-3
        Smallest alpha of an automatic grid as a fraction of the largest.
    alphas : int or array of floats, default=100
        How many alphas, or which.
    cv : int, splitter or iterable of (train, test), optional
        Default: 5 contiguous folds.
    scoring : str, callable or None, default=None
        None is "deviance", the mean unit deviance of the loss; or "mse", "mae", the name of any score of scikit-learn,
        or a scorer(estimator, X, y). A scorer is given the predicted means as X, and an estimator that predicts them.
    rule : {"min", "1se"}, default="min"
        The alpha of the smallest mean error, or the largest alpha within one standard error of it.
    verbose : bool or int, default=0
        Draw a bar on standard error that counts the alphas of all folds; in notebooks tqdm's where that is installed.

    Attributes
    ----------
    alpha_, l1_ratio_ : float
        The choice. The coefficients and what belongs to them are those of the fit on all rows at it.
    alphas_ : ndarray of shape (n_alphas,) or (n_l1_ratio, n_alphas)
        Descending.
    error_path_ : ndarray of shape (n_alphas, n_folds) or (n_l1_ratio, n_alphas, n_folds)
        Held-out error, smaller is better: the mean unit deviance, what `scoring` names, or minus its score.
    cv_result_ : PathCV
        For the chosen l1_ratio: `mean_error`, `standard_error`, `fold_paths`, `oof_predictions`, `plot()`.
    path_ : LassoPath
        The fit on all rows at every alpha.
    """

    alpha_: float
    alphas_: Floats
    l1_ratio_: float
    error_path_: Floats
    path_: LassoPath
    cv_result_: PathCV

    @all_or_nothing
    def fit(self, X: Data, y: ArrayLike, sample_weight: ArrayLike | None = None, offset: ArrayLike | None = None,
            **params: Any) -> Self:
        """Choose alpha by cross-validation and keep the fit on all rows.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        y : array of shape (n_samples,)
        sample_weight : float or array of shape (n_samples,), optional
            Weights >= 0 in every fit and in the error of every fold; folds count equally. Only ratios matter.
        offset : array of shape (n_samples,), optional
            Known part of the score. Under a log link the logarithm of an exposure.
        **params
            For ``cv.split``: `groups`; with ``sklearn.set_config(enable_metadata_routing=True)`` whatever is requested.
        """
        self._check_parameters()
        self.loss_ = self._loss()
        X, y = self._validated(X, y)
        y = self._one_target(y)
        choice = {"cv": self._splits(X, y, sample_weight, params), "measure": measure_of(self.scoring, self.loss_),
                  "rule": self.rule, "alphas": self.alphas, "eps": self.eps, "verbose": self.verbose}
        ratios = np.ravel(self.l1_ratio).astype(float).tolist()
        options = self._options(sample_weight, loss=self.loss_, offset=offset)
        return self._choose(cross_validate_ratios(X, y, ratios, **choice, **options), X.dtype)

    def _choose(self, results, dtype):
        """Keep the `PathCV` of the lowest error, and the grids and errors of all."""
        best = min(results, key=lambda result: result.mean_error[result.best_index])
        self._keep([best.path.fit_at(best.index)], dtype, one_target=True)
        self.alpha_, self.cv_result_, self.path_ = best.alpha, best, best.path
        self.l1_ratio_ = float(best.path.params["l1_ratio"])
        grids = np.array([result.alphas for result in results])
        self.alphas_ = grids if len(results) > 1 and np.ndim(self.alphas) == 0 else grids[0]
        errors = np.array([result.errors for result in results])
        self.error_path_ = errors if len(results) > 1 else errors[0]
        return self


@described
class PoissonRegressorCV(LossModelCV, PoissonRegressor):
    """Poisson regression whose alpha, and l1_ratio, are chosen by cross-validation.

    Parameters
    ----------
    l1_ratio, eps, alphas, cv, scoring, rule, verbose
        As in `LossModelCV`.
    fit_intercept, max_iter, tol, standardize, penalty_factor, lower, upper, n_jobs
        As in `LossModel`.

    Attributes
    ----------
    alpha_, l1_ratio_, alphas_, error_path_, cv_result_, path_
        As in `LossModelCV`.
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_, loss_
        As in `LossModel`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import PoissonRegressorCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((80, 20))
    >>> y = rng.poisson(np.exp(X[:, 0]))
    >>> model = PoissonRegressorCV(l1_ratio=1, alphas=20, rule="1se").fit(X, y)
    >>> np.flatnonzero(model.coef_)
    array([0])
    """

    _rules: ClassVar = {"l1_ratio": SHARES}

    def __init__(self, *, l1_ratio: ArrayLike = 0.0, eps: float = 1e-3, alphas: ArrayLike = 100,
                 cv: FoldsLike | None = None, scoring: str | Callable[..., float] | None = None, rule: str = "min",
                 fit_intercept: bool = True, max_iter: int = 100, tol: float = 1e-4, verbose: bool | int = 0,
                 standardize: bool = False, penalty_factor: ByColumn | None = None, lower: ByColumn = -np.inf,
                 upper: ByColumn = np.inf, n_jobs: int | None = None) -> None:
        keep_arguments(locals())


@described
class GammaRegressorCV(LossModelCV, GammaRegressor):
    """Gamma regression whose alpha, and l1_ratio, are chosen by cross-validation.

    Parameters
    ----------
    l1_ratio, eps, alphas, cv, scoring, rule, verbose
        As in `LossModelCV`.
    fit_intercept, max_iter, tol, standardize, penalty_factor, lower, upper, n_jobs
        As in `LossModel`.

    Attributes
    ----------
    alpha_, l1_ratio_, alphas_, error_path_, cv_result_, path_
        As in `LossModelCV`.
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_, loss_
        As in `LossModel`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import GammaRegressorCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((80, 20))
    >>> y = rng.gamma(2.0, np.exp(X[:, 0]))
    >>> model = GammaRegressorCV(l1_ratio=1, alphas=20, rule="1se").fit(X, y)
    >>> np.flatnonzero(model.coef_)
    array([0])
    """

    _rules: ClassVar = {"l1_ratio": SHARES}

    def __init__(self, *, l1_ratio: ArrayLike = 0.0, eps: float = 1e-3, alphas: ArrayLike = 100,
                 cv: FoldsLike | None = None, scoring: str | Callable[..., float] | None = None, rule: str = "min",
                 fit_intercept: bool = True, max_iter: int = 100, tol: float = 1e-4, verbose: bool | int = 0,
                 standardize: bool = False, penalty_factor: ByColumn | None = None, lower: ByColumn = -np.inf,
                 upper: ByColumn = np.inf, n_jobs: int | None = None) -> None:
        keep_arguments(locals())


@described
class TweedieRegressorCV(LossModelCV, TweedieRegressor):
    """Generalised linear model of a Tweedie distribution whose alpha, and l1_ratio, are chosen by cross-validation.

    Parameters
    ----------
    power, link
        As in `TweedieRegressor`.
    l1_ratio, eps, alphas, cv, scoring, rule, verbose
        As in `LossModelCV`.
    fit_intercept, max_iter, tol, standardize, penalty_factor, lower, upper, n_jobs
        As in `LossModel`.

    Attributes
    ----------
    alpha_, l1_ratio_, alphas_, error_path_, cv_result_, path_
        As in `LossModelCV`.
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_, loss_
        As in `LossModel`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import TweedieRegressorCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((80, 20))
    >>> y = rng.poisson(np.exp(X[:, 0])) * rng.gamma(2.0, 1.0, 80)
    >>> model = TweedieRegressorCV(power=1.5, l1_ratio=1, alphas=20, rule="1se").fit(X, y)
    >>> np.flatnonzero(model.coef_)
    array([0])
    """

    _rules: ClassVar = {"l1_ratio": SHARES, "power": REAL, "link": LINK}

    def __init__(self, *, power: float = 0.0, link: str = "auto", l1_ratio: ArrayLike = 0.0, eps: float = 1e-3,
                 alphas: ArrayLike = 100, cv: FoldsLike | None = None,
                 scoring: str | Callable[..., float] | None = None,
                 rule: str = "min", fit_intercept: bool = True, max_iter: int = 100, tol: float = 1e-4,
                 verbose: bool | int = 0, standardize: bool = False, penalty_factor: ByColumn | None = None,
                 lower: ByColumn = -np.inf, upper: ByColumn = np.inf, n_jobs: int | None = None) -> None:
        keep_arguments(locals())


@described
class NegativeBinomialRegressorCV(LossModelCV, NegativeBinomialRegressor):
    """Negative binomial regression whose alpha, and l1_ratio, are chosen by cross-validation.

    Parameters
    ----------
    k : float > 0, default=1.0
        The variance of y is mu + mu^2 / k.
    l1_ratio, eps, alphas, cv, scoring, rule, verbose
        As in `LossModelCV`.
    fit_intercept, max_iter, tol, standardize, penalty_factor, lower, upper, n_jobs
        As in `LossModel`.

    Attributes
    ----------
    alpha_, l1_ratio_, alphas_, error_path_, cv_result_, path_
        As in `LossModelCV`.
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_, loss_
        As in `LossModel`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import NegativeBinomialRegressorCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((80, 20))
    >>> y = rng.poisson(rng.gamma(3.0, np.exp(X[:, 0]) / 3))
    >>> model = NegativeBinomialRegressorCV(k=3.0, l1_ratio=1, alphas=20, rule="1se").fit(X, y)
    >>> np.flatnonzero(model.coef_)
    array([0])
    """

    _rules: ClassVar = {"l1_ratio": SHARES, "k": POSITIVE}

    def __init__(self, *, k: float = 1.0, l1_ratio: ArrayLike = 0.0, eps: float = 1e-3, alphas: ArrayLike = 100,
                 cv: FoldsLike | None = None, scoring: str | Callable[..., float] | None = None, rule: str = "min",
                 fit_intercept: bool = True, max_iter: int = 100, tol: float = 1e-4, verbose: bool | int = 0,
                 standardize: bool = False, penalty_factor: ByColumn | None = None, lower: ByColumn = -np.inf,
                 upper: ByColumn = np.inf, n_jobs: int | None = None) -> None:
        keep_arguments(locals())


@described
class HuberLassoCV(LossModelCV, HuberLasso):
    """Linear regression with Huber's loss whose alpha, and l1_ratio, are chosen by cross-validation.

    The held-out error is twice Huber's loss, robust to outliers as the fit is.

    Parameters
    ----------
    delta : float > 0, default=1.35
        Residuals beyond it count linearly; in units of y.
    l1_ratio : float in [0, 1] or list of them, default=1.0
        1 is the lasso, 0 ridge regression. Of several the one with the lowest mean error.
    eps, alphas, cv, scoring, rule, verbose
        As in `LossModelCV`.
    fit_intercept, max_iter, tol, standardize, penalty_factor, lower, upper, n_jobs
        As in `LossModel`.

    Attributes
    ----------
    alpha_, l1_ratio_, alphas_, error_path_, cv_result_, path_
        As in `LossModelCV`.
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_, loss_
        As in `LossModel`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import HuberLassoCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((80, 20))
    >>> y = 2 * X[:, 0] + rng.standard_t(1.5, 80)
    >>> model = HuberLassoCV(alphas=20, rule="1se").fit(X, y)
    >>> np.flatnonzero(model.coef_)
    array([0])
    """

    _rules: ClassVar = {"l1_ratio": SHARES, "delta": POSITIVE}

    def __init__(self, *, delta: float = 1.35, l1_ratio: ArrayLike = 1.0, eps: float = 1e-3, alphas: ArrayLike = 100,
                 cv: FoldsLike | None = None, scoring: str | Callable[..., float] | None = None, rule: str = "min",
                 fit_intercept: bool = True, max_iter: int = 1000, tol: float = 1e-4, verbose: bool | int = 0,
                 standardize: bool = False, penalty_factor: ByColumn | None = None, lower: ByColumn = -np.inf,
                 upper: ByColumn = np.inf, n_jobs: int | None = None) -> None:
        keep_arguments(locals())
