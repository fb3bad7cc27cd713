"""Estimators that prune hard and refine gently, that have a concave penalty, or that select columns by stability.

Each class calls one function of `refinement` or `selection`, on the bases of `base` and `cross_validated`.
"""

from math import ceil
from numbers import Integral
from typing import Any, ClassVar, Self

from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted

from ..annotations import ArrayLike, ByColumn, Data, Floats, FoldsLike, RandomState
from ..penalties.concave import PENALTIES
from ..refinement.adaptive import PILOTS, adaptive_path, cross_validate_adaptive
from ..refinement.relaxation import PHIS, cross_validate_relaxed, relaxed_path
from ..refinement.reweighting import cross_validate_reweighted, reweighted_path
from ..refinement.schedule import CRITERIA, FACTORS, ScheduleFit, Stage, fit_schedule
from ..selection.path_cv import RULES
from ..selection.stability import StabilityPath, stability_selection
from .base import Estimator, LinearModel, all_or_nothing
from .cross_validated import LinearModelCV, Splitting
from .parameters import (
    COUNT,
    FLAG,
    NON_NEGATIVE,
    POSITIVE,
    SHARE,
    Rule,
    WordIn,
    described,
    is_array_like,
    keep_arguments,
    word_in,
)

# How an alpha is chosen on a path: by cross-validation, or by an information criterion.
ALPHA_RULE = word_in(*RULES, *CRITERIA)

# An alpha, or how to choose it.
ALPHA_CHOICE = Rule(f"{NON_NEGATIVE.words} or {ALPHA_RULE.words}",
                    lambda value: NON_NEGATIVE.holds(value) or ALPHA_RULE.holds(value))
NUMBER_OR_NONE = Rule(f"{POSITIVE.words} or None", lambda value: value is None or POSITIVE.holds(value))
COUNT_OR_NONE = Rule(f"{COUNT.words} or None", lambda value: value is None or COUNT.holds(value))
POSITIVE_SHARE = Rule("a float in the range (0.0, 1.0]", lambda value: POSITIVE.holds(value) and value <= 1)
PILOT_NAME, FACTOR_NAME = word_in(*PILOTS), word_in(*FACTORS)

# The rules of estimators with a pilot fit.
PILOT_RULES = {"pilot": Rule(f"{PILOT_NAME.words} or an array-like",
                             lambda value: PILOT_NAME.holds(value) or is_array_like(value)),
               "pilot_alpha": ALPHA_CHOICE, "gamma": NON_NEGATIVE}

# The rules of estimators with a concave penalty.
CONCAVE_RULES = {"penalty": WordIn(PENALTIES), "gamma": NUMBER_OR_NONE, "q": NUMBER_OR_NONE, "max_steps": COUNT}


class Refined(LinearModel):
    """Fit a linear model of one target at given parameters.

    A subclass has ``_solve(X, y, options)``, which returns a `LassoFit`.
    """

    @all_or_nothing
    def fit(self, X: Data, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        y : array of shape (n_samples,)
        sample_weight : float or array of shape (n_samples,), optional
            Weights >= 0; only ratios matter.
        """
        return self._fit(X, y, sample_weight, {})

    def _fit(self, X, y, sample_weight, params):
        """Check everything, solve, and keep the solution."""
        self._check_parameters()
        X, y = self._validated(X, y)
        y = self._one_target(y)
        options = self._options(sample_weight) | self._folds(X, y, sample_weight, params) | {"verbose": self.verbose}
        return self._keep([self._solve(X, y, options)], X.dtype, one_target=True)

    def _folds(self, *_):
        """Return the options that say what the folds are: here there are none."""
        return {}


class RefinedOnFolds(Splitting, Refined):
    """As `Refined`, where something on the way is chosen by cross-validation: `_solve` finds `cv` in its options."""

    @all_or_nothing
    def fit(self, X: Data, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: Any) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        y : array of shape (n_samples,)
        sample_weight : float or array of shape (n_samples,), optional
            Weights >= 0; only ratios matter.
        **params
            For ``cv.split``: `groups`; with ``sklearn.set_config(enable_metadata_routing=True)`` whatever is requested.
        """
        return self._fit(X, y, sample_weight, params)

    def _folds(self, X, y, sample_weight, params):
        """Return the splits as the option `cv`."""
        return {"cv": self._splits(X, y, sample_weight, params), "random_state": None}


class RefinedCV(LinearModelCV):
    """Choose the alpha of a refined model by cross-validation.

    A subclass has ``_validate(X, y, arguments)``, which returns a `PathCV`.
    """

    def _cross_validate(self, X, y, splits, sample_weight):
        choice = {"cv": splits, "random_state": None, "rule": self.rule, "alphas": self.alphas, "eps": self.eps,
                  "verbose": self.verbose}
        return [self._validate(X, y, choice | self._options(sample_weight))]


@described
class AdaptiveLasso(RefinedOnFolds):
    """Lasso with penalty factors 1 / |pilot_j|^gamma, from the coefficients of a pilot fit (`adaptive_path`).

    Parameters
    ----------
    alpha : float >= 0, default=1.0
        Multiplies the factors. Its size depends on that of pilot^gamma, so prefer `AdaptiveLassoCV`.
    pilot : {"lasso", "ridge", "marginal"} or array of shape (n_features,), default="lasso"
    pilot_alpha : float or {"min", "1se", "aic", "bic", "ebic"}, default="min"
        The alpha of a lasso or ridge pilot, or how to choose it.
    gamma : float, default=1.0
    cv : int, splitter or iterable, optional
        For a `pilot_alpha` that is cross-validated; default: 5 contiguous folds.
    fit_intercept, standardize, positive, penalty_factor, n_jobs
        As in `ElasticNet`.
    verbose : bool or int, default=0
        Whether a bar on standard error shows how far the fit has come.
    max_iter : int, default=10000
        Largest number of coordinate descent epochs, where descent is used at all.
    tol : float, default=1e-6
        Promised duality gap as a fraction of P(0), the objective of the empty model.

    Attributes
    ----------
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_
        As in `LinearModel`.
    pilot_coef_, penalty_factor_ : ndarray of shape (n_features,)
        The pilot's coefficients, and the factors made of them.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import AdaptiveLasso
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 30))
    >>> y = 3 * X[:, 0] - 2 * X[:, 1] + rng.standard_normal(60)
    >>> np.flatnonzero(AdaptiveLasso(alpha=0.5).fit(X, y).coef_)
    array([0, 1])
    """

    pilot_coef_: Floats
    penalty_factor_: Floats

    _rules = PILOT_RULES

    def __init__(self, alpha: float = 1.0, *, pilot: str = "lasso", pilot_alpha: float | str = "min",
                 gamma: float = 1.0, cv: FoldsLike | None = None, fit_intercept: bool = True, standardize: bool = False,
                 positive: bool = False, penalty_factor: ByColumn | None = None, max_iter: int = 10_000,
                 tol: float = 1e-6, n_jobs: int | None = None,
                 verbose: bool | int = 0) -> None:
        keep_arguments(locals())

    def _solve(self, X, y, options):
        path = adaptive_path(X, y, pilot=self.pilot, pilot_alpha=self.pilot_alpha, gamma=self.gamma,
                             alphas=[self.alpha], **options)
        self.pilot_coef_, self.penalty_factor_ = path.pilot, path.penalty_factor
        return path.fit_at(0)


@described
class AdaptiveLassoCV(RefinedCV):
    """`AdaptiveLasso` whose alpha is chosen by cross-validation, the pilot fitted again inside each fold.

    Parameters
    ----------
    pilot, pilot_alpha, gamma
        As in `AdaptiveLasso`.
    eps, alphas, cv, rule
        As in `LassoCV`.
    fit_intercept, standardize, positive, penalty_factor, max_iter, tol, n_jobs
        As in `AdaptiveLasso`.
    verbose : bool or int, default=0
        Whether a bar on standard error shows how far the fit has come.

    Attributes
    ----------
    alpha_, alphas_, mse_path_, cv_result_, coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, \
n_features_in_, feature_names_in_
        As in `LassoCV`.
    path_ : AdaptivePath
        The fit on all rows at every alpha, with the factors and the pilot.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import AdaptiveLassoCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 30))
    >>> y = 3 * X[:, 0] - 2 * X[:, 1] + rng.standard_normal(60)
    >>> np.flatnonzero(AdaptiveLassoCV(rule="1se").fit(X, y).coef_)
    array([0, 1])
    """

    _rules = PILOT_RULES

    def __init__(self, *, pilot: str = "lasso", pilot_alpha: float | str = "min", gamma: float = 1.0, eps: float = 1e-3,
                 alphas: ArrayLike = 100, cv: FoldsLike | None = None, rule: str = "min", fit_intercept: bool = True,
                 standardize: bool = False, positive: bool = False, penalty_factor: ByColumn | None = None,
                 max_iter: int = 10_000, tol: float = 1e-6, n_jobs: int | None = None,
                 verbose: bool | int = 0) -> None:
        keep_arguments(locals())

    def _validate(self, X, y, arguments):
        return cross_validate_adaptive(X, y, pilot=self.pilot, pilot_alpha=self.pilot_alpha, gamma=self.gamma,
                                       **arguments)


@described
class ReweightedLasso(Refined):
    """Linear regression with a concave penalty (MCP, SCAD, log, lq) by reweighted lassos (`reweighted_path`).

    Parameters
    ----------
    alpha : float >= 0, default=1.0
        Slope of the penalty at zero.
    penalty : {"mcp", "scad", "log", "lq"}, default="mcp"
    gamma, q : float, optional
        Shape of the penalty; the defaults are those of `reweighted_path`.
    max_steps : int, default=2000
        Largest number of lassos.
    fit_intercept, standardize, positive, penalty_factor, max_iter, tol, n_jobs
        As in `AdaptiveLasso`.
    verbose : bool or int, default=0
        Whether a bar on standard error shows how far the fit has come.

    Attributes
    ----------
    coef_, sparse_coef_, intercept_, n_iter_, n_features_in_, feature_names_in_
        As in `LinearModel`.
    dual_gap_ : float
        That of the lasso with the factors `penalty_factor_`.
    penalty_factor_ : ndarray of shape (n_features,)
        The slope of the penalty at the solution, divided by alpha.
    n_steps_ : int
        Lassos solved.

    Examples
    --------
    >>> from fastlasso import Lasso, ReweightedLasso
    >>> X, y = [[-2.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [2.0, 1.0]], [-4.0, -2.0, 2.0, 4.0]
    >>> ReweightedLasso(alpha=0.5).fit(X, y).coef_, Lasso(alpha=0.5).fit(X, y).coef_
    (array([2., 0.]), array([1.8, 0. ]))
    """

    penalty_factor_: Floats
    n_steps_: int

    _rules = CONCAVE_RULES

    def __init__(self, alpha: float = 1.0, *, penalty: str = "mcp", gamma: float | None = None, q: float | None = None,
                 max_steps: int = 2000, fit_intercept: bool = True, standardize: bool = False, positive: bool = False,
                 penalty_factor: ByColumn | None = None, max_iter: int = 10_000, tol: float = 1e-6,
                 n_jobs: int | None = None,
                 verbose: bool | int = 0) -> None:
        keep_arguments(locals())

    def _solve(self, X, y, options):
        path = reweighted_path(X, y, penalty=self.penalty, gamma=self.gamma, q=self.q, max_steps=self.max_steps,
                               alphas=[self.alpha], **options)
        self.penalty_factor_, self.n_steps_ = path.penalty_factor_at(0), int(path.n_steps[0])
        return path.fit_at(0)


@described
class ReweightedLassoCV(RefinedCV):
    """`ReweightedLasso` whose alpha is chosen by cross-validation.

    Parameters
    ----------
    penalty, gamma, q, max_steps
        As in `ReweightedLasso`.
    eps, alphas, cv, rule, fit_intercept, standardize, positive, penalty_factor, max_iter, tol, n_jobs
        As in `AdaptiveLassoCV`.
    verbose : bool or int, default=0
        Whether a bar on standard error shows how far the fit has come.

    Attributes
    ----------
    alpha_, alphas_, mse_path_, cv_result_, coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, \
n_features_in_, feature_names_in_
        As in `LassoCV`.
    path_ : ReweightedPath
        The fit on all rows at every alpha.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import ReweightedLassoCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 30))
    >>> y = 3 * X[:, 0] - 2 * X[:, 1] + rng.standard_normal(100)
    >>> np.flatnonzero(ReweightedLassoCV(penalty="scad", rule="1se").fit(X, y).coef_)
    array([0, 1])
    """

    _rules = CONCAVE_RULES

    def __init__(self, *, penalty: str = "mcp", gamma: float | None = None, q: float | None = None,
                 max_steps: int = 2000, eps: float = 1e-3, alphas: ArrayLike = 100, cv: FoldsLike | None = None,
                 rule: str = "min", fit_intercept: bool = True, standardize: bool = False, positive: bool = False,
                 penalty_factor: ByColumn | None = None, max_iter: int = 10_000, tol: float = 1e-6,
                 n_jobs: int | None = None,
                 verbose: bool | int = 0) -> None:
        keep_arguments(locals())

    def _validate(self, X, y, arguments):
        return cross_validate_reweighted(X, y, penalty=self.penalty, gamma=self.gamma, q=self.q,
                                         max_steps=self.max_steps, **arguments)


@described
class RelaxedLasso(Refined):
    """Linear regression on the columns that the lasso chooses, with less shrinkage than the lasso's (`relaxed_path`).

    The coefficients are phi times the lasso's plus (1 - phi) times those of least squares on its columns.

    Parameters
    ----------
    alpha : float >= 0, default=1.0
    phi : float in [0, 1], default=0.0
        1 is the lasso, 0 least squares on its support.
    fit_intercept, standardize, positive, penalty_factor, max_iter, tol, n_jobs
        As in `AdaptiveLasso`.
    verbose : bool or int, default=0
        Whether a bar on standard error shows how far the fit has come.

    Attributes
    ----------
    coef_, sparse_coef_, intercept_, n_iter_, n_features_in_, feature_names_in_
        As in `LinearModel`.
    dual_gap_ : float
        That of the lasso.
    refit_residual_ : float
        How well the normal equations of the refit hold (`RelaxedPath.refit_residuals`).

    Examples
    --------
    >>> from fastlasso import RelaxedLasso
    >>> X, y = [[-2.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [2.0, 1.0]], [-4.0, -2.0, 2.0, 4.0]
    >>> for phi in (1.0, 0.5, 0.0):
    ...     print(RelaxedLasso(alpha=0.5, phi=phi).fit(X, y).coef_)
    [1.8 0. ]
    [1.9 0. ]
    [2. 0.]
    """

    refit_residual_: float

    _rules: ClassVar = {"phi": SHARE}

    def __init__(self, alpha: float = 1.0, *, phi: float = 0.0, fit_intercept: bool = True, standardize: bool = False,
                 positive: bool = False, penalty_factor: ByColumn | None = None, max_iter: int = 10_000,
                 tol: float = 1e-6, n_jobs: int | None = None,
                 verbose: bool | int = 0) -> None:
        keep_arguments(locals())

    def _solve(self, X, y, options):
        path = relaxed_path(X, y, alphas=[self.alpha], **options)
        self.refit_residual_ = float(path.refit_residuals[0])
        return path._blended(self.phi).fit_at(0)


@described
class RelaxedLassoCV(RefinedCV):
    """`RelaxedLasso` whose alpha and phi are chosen by cross-validation.

    Parameters
    ----------
    phis : array of floats in [0, 1], default=(0, 0.25, 0.5, 0.75, 1)
    rule : {"min", "1se"}, default="min"
        See `RelaxedCV.index`.
    eps, alphas, cv, fit_intercept, standardize, positive, penalty_factor, max_iter, tol, n_jobs
        As in `AdaptiveLassoCV`.
    verbose : bool or int, default=0
        Whether a bar on standard error shows how far the fit has come.

    Attributes
    ----------
    alpha_, phi_ : float
        The choice.
    mse_path_ : ndarray of shape (n_alphas, n_phis, n_folds)
    cv_result_ : RelaxedCV
    path_ : RelaxedPath
    alphas_, coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_
        As in `LassoCV`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import RelaxedLassoCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 30))
    >>> y = 3 * X[:, 0] - 2 * X[:, 1] + 0.1 * rng.standard_normal(60)
    >>> model = RelaxedLassoCV().fit(X, y)
    >>> np.flatnonzero(model.coef_), model.phi_
    (array([0, 1]), 0.0)
    """

    _rules: ClassVar = {"phis": Rule("an array-like", is_array_like)}

    def __init__(self, *, phis: ArrayLike = PHIS, eps: float = 1e-3, alphas: ArrayLike = 100,
                 cv: FoldsLike | None = None,
                 rule: str = "min", fit_intercept: bool = True, standardize: bool = False, positive: bool = False,
                 penalty_factor: ByColumn | None = None, max_iter: int = 10_000, tol: float = 1e-6,
                 n_jobs: int | None = None,
                 verbose: bool | int = 0) -> None:
        keep_arguments(locals())

    def _validate(self, X, y, arguments):
        return cross_validate_relaxed(X, y, phis=self.phis, **arguments)

    def _choose(self, results, dtype):
        result, = results
        self._keep([result.path._blended(result.phi).fit_at(result.index[0])], dtype, one_target=True)
        self.alpha_, self.phi_, self.cv_result_, self.path_ = result.alpha, result.phi, result, result.path
        self.alphas_, self.mse_path_ = result.alphas, result.errors
        return self


@described
class TwoStageLasso(RefinedOnFolds):
    """Prune hard, then refine gently: a lasso chooses the columns, a second fit on them takes over (`fit_schedule`).

    Where the second stage is cross-validated, the first is fitted again inside each fold. The coefficients, and the
    attributes that belong to them, are those of the last stage.

    Parameters
    ----------
    prune : float or {"min", "1se", "aic", "bic", "ebic"}, default="1se"
        The alpha of the first stage, or how to choose it.
    refine : float or {"min", "1se", "aic", "bic", "ebic"}, default="min"
        The alpha of the second stage; 0 is least squares.
    l1_ratio : float in [0, 1], default=1.0
        That of the second stage: 1 is the lasso, 0 ridge regression.
    factor : {"support", "adaptive"} or callable, default="support"
        How the second stage's penalty factors follow from the first's coefficients (`Stage`).
    stages : list of Stage, optional
        Any schedule in place of the parameters above.
    cv : int, splitter or iterable, optional
        Default: 5 contiguous folds.
    fit_intercept, standardize, positive, penalty_factor, max_iter, tol, n_jobs
        As in `AdaptiveLasso`.
    verbose : bool or int, default=0
        Whether a bar on standard error shows how far the fit has come.

    Attributes
    ----------
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_
        As in `LinearModel`.
    alphas_ : list of float
        The alpha of each stage.
    schedule_ : ScheduleFit
        Every stage with its certificate, penalty factors, path and cross-validation.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import TwoStageLasso
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 30))
    >>> y = 3 * X[:, 0] - 2 * X[:, 1] + 0.5 * rng.standard_normal(60)
    >>> TwoStageLasso(prune="1se", refine=0.0).fit(X, y).coef_[:3].round(1)
    array([ 3. , -2.1,  0. ])
    """

    schedule_: ScheduleFit
    alphas_: Floats

    _rules: ClassVar = {
        "prune": ALPHA_CHOICE, "refine": ALPHA_CHOICE,
        "factor": Rule(f"{FACTOR_NAME.words} or a callable", lambda value: callable(value) or FACTOR_NAME.holds(value)),
        "stages": Rule("a list of Stage or None", lambda value: value is None or is_array_like(value))}

    def __init__(self, prune: object = "1se", refine: object = "min", *, l1_ratio: float = 1.0, factor: str = "support",
                 stages: int | None = None, cv: FoldsLike | None = None, fit_intercept: bool = True,
                 standardize: bool = False, positive: bool = False, penalty_factor: ByColumn | None = None,
                 max_iter: int = 10_000, tol: float = 1e-6, n_jobs: int | None = None,
                 verbose: bool | int = 0) -> None:
        keep_arguments(locals())

    def _solve(self, X, y, options):
        stages = self.stages
        if stages is None:
            stages = [Stage(self.prune), Stage(self.refine, l1_ratio=self.l1_ratio, factor=self.factor)]
        self.schedule_ = fit_schedule(X, y, stages, **options)
        self.alphas_ = self.schedule_.alphas
        return self.schedule_.fits[-1]


@described
class StabilitySelection(SelectorMixin, Estimator):
    """Select the columns that the lasso keeps choosing on random halves of the rows (`stability_selection`).

    Parameters
    ----------
    threshold : float in (0, 1], default=0.75
        Smallest share of the subsamples in which a selected column is chosen.
    max_false : float, optional
        Bound on the expected number of false selections, of columns that are chosen no more often than at random. The
        path is followed as far as the bound holds; by default to its end.
    unimodal : bool, default=False
        Use the sharper bound, which needs an assumption (`StabilityPath.error_bound`).
    n_pairs : int, default=50
        Complementary pairs of subsamples: two paths are fitted for each.
    weakness : float in (0, 1], default=1.0
        Below 1, each penalty factor is divided by a random number from [weakness, 1], another one in each subsample.
    alphas : int or array of floats, default=50
        How many alphas, or which.
    eps : float, default=0.05
        Smallest alpha of an automatic grid as a fraction of the largest.
    dfmax : int, optional
        End each subsample's path before its first model with more columns.
    l1_ratio : float in [0, 1], default=1.0
        1 is the lasso, 0 ridge regression.
    random_state : int or RandomState, optional
    fit_intercept, standardize, positive, penalty_factor, max_iter, tol, n_jobs
        As in `AdaptiveLasso`.
    verbose : bool or int, default=0
        Whether a bar on standard error shows how far the fit has come.

    Attributes
    ----------
    stability_path_ : StabilityPath
        Selection probabilities at every alpha, `error_bound`, `support`.
    scores_ : ndarray of shape (n_features,)
        The selection probabilities that `threshold` is compared with.
    n_iter_ : int
        Passes over X, rounded up, of the subsample that took most; at least 1.
    n_features_in_, feature_names_in_
        As in `LinearModel`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import StabilitySelection
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((120, 200))
    >>> y = 2 * X[:, 0] - 2 * X[:, 1] + rng.standard_normal(120)
    >>> selector = StabilitySelection(max_false=1.0, random_state=0).fit(X, y)
    >>> selector.get_support(indices=True), selector.transform(X).shape
    (array([0, 1]), (120, 2))
    """

    stability_path_: StabilityPath
    scores_: Floats
    n_iter_: int

    _rules: ClassVar = {"threshold": POSITIVE_SHARE, "max_false": NUMBER_OR_NONE, "unimodal": FLAG, "n_pairs": COUNT,
                        "weakness": POSITIVE_SHARE, "dfmax": COUNT_OR_NONE}

    def __init__(self, threshold: float = 0.75, *, max_false: float | None = None, unimodal: bool = False,
                 n_pairs: int = 50, weakness: float = 1.0, alphas: ArrayLike = 50, eps: float = 0.05,
                 dfmax: int | None = None, l1_ratio: float = 1.0, random_state: RandomState | None = None,
                 fit_intercept: bool = True, standardize: bool = False, positive: bool = False,
                 penalty_factor: ByColumn | None = None, max_iter: int = 10_000, tol: float = 1e-6,
                 n_jobs: int | None = None,
                 verbose: bool | int = 0) -> None:
        keep_arguments(locals())

    @all_or_nothing
    def fit(self, X: Data, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Count what is selected on random halves of the rows.

        Sample weights are not taken: a half is a random choice of rows, so a weight of 2 would differ from the row
        twice. `stability_selection` takes them.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        y : array of shape (n_samples,)
        groups : array of shape (n_samples,), optional
            Rows of one group stay together: a half is a random half of the groups.
        """
        self._check_parameters()
        X, y = self._validated(X, y)
        seed = self.random_state
        seed = seed if seed is None or isinstance(seed, Integral) else seed.randint(2**31)
        path = stability_selection(X, self._one_target(y), n_pairs=self.n_pairs, weakness=self.weakness,
                                   random_state=seed, alphas=self.alphas, eps=self.eps, dfmax=self.dfmax,
                                   l1_ratio=self.l1_ratio, groups=groups, verbose=self.verbose,
                                   **self._options(None))
        at = -1 if self.max_false is None else path.index_for(self.max_false, self.threshold, self.unimodal)
        self.stability_path_, self.scores_ = path, path.probabilities[:, at]
        self.n_iter_ = max(1, ceil(path.n_passes))
        return self

    def _get_support_mask(self):
        """Tell which columns are selected: all that scikit-learn's `SelectorMixin` asks for."""
        check_is_fitted(self)
        return self.scores_ >= self.threshold

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
