"""`LogisticRegressionCV`: C, or alpha, and l1_ratio chosen by cross-validation."""

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import check_scoring

from ..annotations import ArrayLike, ByColumn, Data, Floats, FoldsLike, RandomState
from ..path.results import LassoPath
from ..selection.cross_validation import cross_validate_ratios
from ..selection.path_cv import PathCV
from .base import all_or_nothing
from .cross_validated import Splitting
from .logistic import PENALTY_NAME, RULES, LogisticModel, penalty_asked, weights_of
from .parameters import COUNT, DEPRECATED, FLAG, SHARES, Rule, described, is_array_like, keep_arguments

# Scores that the held-out scores give at once: (measure, offset, factor), the score is offset + factor * error.
MEASURES = {"neg_log_loss": ("deviance", 0.0, -0.5), "roc_auc": ("auc", 1.0, -1.0), "accuracy": ("class", 1.0, -1.0),
            "neg_brier_score": ("mse", 0.0, -1.0)}


class GivenProbabilities(ClassifierMixin, BaseEstimator):
    """A classifier whose X is the probability of the positive class: a scorer can judge what is known already."""

    def __init__(self, classes=(0, 1)):
        self.classes = classes

    @property
    def classes_(self):
        """The two labels."""
        return np.asarray(self.classes)

    def fit(self, X, y=None):
        return self

    def predict_proba(self, X):
        return np.column_stack([1 - X, X])

    def predict(self, X):
        return self.classes_[(X > 0.5).astype(int)]


class ClassScore(NamedTuple):
    """Call a scorer of scikit-learn with labels and probabilities; weights are freed of those of the classes."""

    scorer: object
    classes: np.ndarray
    class_weight: np.ndarray

    def __call__(self, y_true, y_pred, sample_weight=None):
        own = self.class_weight[(y_true == self.classes[1]).astype(int)]
        weights = {} if sample_weight is None else {"sample_weight": sample_weight / own}
        return self.scorer(GivenProbabilities(self.classes), y_pred, y_true, **weights)


class Scoring(NamedTuple):
    """How to choose: the `measure` of `cross_validate_path`, and the score that its error stands for."""

    measure: object
    offset: float = 0.0
    factor: float = -1.0

    @classmethod
    def of(cls, scoring, classes, class_weight):
        """Return the `Scoring` of scikit-learn's `scoring`; class weights count in the fits, not in the scores."""
        name = "accuracy" if scoring is None else scoring
        if isinstance(name, str) and name in MEASURES and class_weight[0] == class_weight[1] == 1.0:
            return cls(*MEASURES[name])
        return cls(ClassScore(check_scoring(GivenProbabilities(classes), name), classes, class_weight))

    def scores(self, errors):
        """The scores, larger is better."""
        return self.offset + self.factor * errors


@described
class LogisticRegressionCV(Splitting, LogisticModel):
    """Logistic regression of two classes whose C (or alpha) and l1_ratio are chosen by cross-validation.

    In place of `sklearn.linear_model.LogisticRegressionCV`. The folds are weights: no row of X is copied, and all of
    them together cost about what a few paths cost. Three defaults are the ones that scikit-learn has announced:
    `l1_ratios`, `scoring` and `use_legacy_attributes`. **Set l1_ratios=(1,) for a sparse model.**

    Parameters
    ----------
    Cs : int or array of floats, default=10
        Which C, or how many from 1e-4 to 1e4. As in scikit-learn C multiplies the sum of the loss, so that a C means
        a weaker penalty in the fit on all rows than in the fits on the rows of a fold.
    l1_ratios : array of floats in [0, 1], default=(0.0,)
        1 is an L1 penalty, 0 an L2 penalty. Of several the one with the best mean score; `rule` then chooses C.
    fit_intercept : bool, default=True
        The intercept is never penalised.
    cv : int, splitter or iterable of (train, test), optional
        An integer makes stratified folds. Default: 5.
    penalty : {"l1", "l2", "elasticnet"}
        Older name of l1_ratios=(1,), (0,) and others; gives a FutureWarning, as in scikit-learn.
    dual, solver, intercept_scaling, random_state
        Checked; they change neither result nor cost.
    scoring : str, callable or None, default="neg_log_loss"
        The name of a score of scikit-learn, or a scorer(estimator, X, y); None is "accuracy". Of the names
        "neg_log_loss", "roc_auc", "accuracy" and "neg_brier_score" are had at once. A scorer is given the predicted
        probabilities as X, and an estimator whose `predict_proba` and `predict` give them.
    tol, max_iter, class_weight, n_jobs
        As in `LogisticRegression`.
    verbose : bool or int, default=0
        Draw a bar on standard error that counts the Cs of all folds; in notebooks tqdm's where that is installed.
    refit : bool, default=True
        False keeps the mean, over the folds, of the coefficients at each fold's own best choice, and of that choice;
        `rule` then makes no difference.
    use_legacy_attributes : bool, default=False
        True gives `C_`, `l1_ratio_`, `scores_`, `coefs_paths_` and `n_iter_` the shapes that they had until
        scikit-learn 1.9.
    alphas : int or array of floats, optional
        In place of Cs: strengths of the penalty on the weighted mean of the loss, as in `fit_path`, or how many. An
        alpha is the same in all fits.
    eps : float, default=1e-3
        Smallest alpha of an automatic grid as a fraction of the largest.
    rule : {"min", "1se"}, default="min"
        The C of the best mean score, or the smallest C within one standard error of it.
    standardize, penalty_factor, lower, upper
        As in `LossModel`.

    Attributes
    ----------
    C_, l1_ratio_, alpha_ : float
        The choice; alpha_ = 1 / (C_ W) with the sum of the weights W. The coefficients are those of the fit on all
        rows at it.
    Cs_ : ndarray of shape (n_cs,)
        In the order given, or ascending. Of shape (n_l1_ratios, n_cs) where each l1_ratio has an automatic grid.
    l1_ratios_ : ndarray of shape (n_l1_ratios,)
    alphas_ : ndarray of the shape of Cs_
        On the scale of `fit_path`, of the fit on all rows.
    scores_ : ndarray of shape (n_folds, n_l1_ratios, n_cs)
    coefs_paths_ : ndarray of shape (n_folds, n_l1_ratios, n_cs, 1, n_features + 1)
        The intercept comes last; without one the last shape is n_features. Made anew each time it is asked for.
    n_iter_ : ndarray of shape (n_folds, n_l1_ratios, n_cs)
        Passes over X, rounded up, at least 1.
    cv_result_ : PathCV
        For the chosen l1_ratio: `mean_error`, `standard_error`, `fold_paths`, `oof_predictions`, `plot()`.
    path_ : LassoPath
        The fit on all rows at every alpha.
    classes_, coef_, sparse_coef_, intercept_, dual_gap_, n_features_in_, feature_names_in_
        As in `LogisticModel`. With refit=False there is no `dual_gap_`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import LogisticRegressionCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((120, 20))
    >>> y = rng.random(120) < 1 / (1 + np.exp(-2 * X[:, 0]))
    >>> model = LogisticRegressionCV(l1_ratios=(1,), alphas=20, scoring="roc_auc", rule="1se").fit(X, y)
    >>> np.flatnonzero(model.coef_), model.scores_.shape
    (array([0]), (5, 1, 20))
    """

    alphas_: Floats
    Cs_: Floats
    l1_ratios_: Floats
    C_: Any
    l1_ratio_: Any
    scores_: Any
    path_: LassoPath
    cv_result_: PathCV

    _rules: ClassVar = RULES | {
        "Cs": Rule(f"{COUNT.words} or an array-like", lambda value: COUNT.holds(value) or is_array_like(value)),
        "l1_ratios": Rule("an array-like or None", lambda value: value is None or SHARES.holds(value)),
        "penalty": Rule(PENALTY_NAME.words, lambda value: PENALTY_NAME.holds(value) or DEPRECATED.holds(value)),
        "refit": FLAG, "use_legacy_attributes": FLAG}

    def __init__(self, *, Cs: int | ArrayLike = 10, l1_ratios: ArrayLike = (0.0,), fit_intercept: bool = True,
                 cv: FoldsLike | None = None, dual: bool = False, penalty: str = "deprecated",
                 scoring: str | Callable[..., float] = "neg_log_loss", solver: str = "lbfgs", tol: float = 1e-4,
                 max_iter: int = 100, class_weight: str | Mapping[Any, float] | None = None, n_jobs: int | None = None,
                 verbose: bool | int = 0, refit: bool = True, intercept_scaling: float = 1.0,
                 random_state: RandomState | None = None, use_legacy_attributes: bool = False,
                 alphas: ArrayLike | None = None, eps: float = 1e-3, rule: str = "min", standardize: bool = False,
                 penalty_factor: ByColumn | None = None, lower: ByColumn = -np.inf, upper: ByColumn = np.inf) -> None:
        keep_arguments(locals())

    @all_or_nothing
    def fit(self, X: Data, y: ArrayLike, sample_weight: ArrayLike | None = None, offset: ArrayLike | None = None,
            **params: Any) -> Self:
        """Choose C and l1_ratio by cross-validation and keep the fit on all rows.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        y : array of shape (n_samples,)
            Two classes of any label.
        sample_weight : float or array of shape (n_samples,), optional
            Weights >= 0, in every fit and in the score of every fold; folds count equally.
        offset : array of shape (n_samples,), optional
            Known part of the log-odds of the positive class.
        **params
            For ``cv.split``: `groups`; with ``sklearn.set_config(enable_metadata_routing=True)`` whatever is requested.
        """
        self._check_parameters()
        ratios = self._ratios()
        X, labels, y = self._labelled(X, y)
        own, weights = weights_of(sample_weight, self.class_weight, self.classes_, y)
        scoring = Scoring.of(self.scoring, self.classes_, own)
        by_C, total = self.alphas is None, weights.sum()
        order, alphas = self._grid(total) if by_C else (None, self.alphas)
        results = cross_validate_ratios(
            X, labels, ratios, cv=self._splits(X, labels, sample_weight, params), measure=scoring.measure,
            rule=self.rule, alphas=alphas, eps=self.eps, of_sums=by_C, verbose=self.verbose,
            **self._options(weights, loss="log_loss", offset=offset))
        self._keep_grid(results, ratios, total, order)
        self._keep_scores(results, scoring)
        return self._choose(results, X.dtype, total)

    # ------------------------------------------------------------ what is asked for

    def _ratios(self):
        """Return the values of l1_ratio as a list."""
        given = (0.0,) if self.l1_ratios is None else np.ravel(self.l1_ratios).tolist()
        ratio, _ = penalty_asked(self.penalty, given)
        ratios = [float(value) for value in np.ravel(ratio)]
        if not ratios:
            raise ValueError("l1_ratios is empty")
        return ratios

    def _grid(self, total):
        """Return (the places of Cs from the smallest, their alphas): alpha = 1 / (C W)."""
        Cs = np.logspace(-4, 4, self.Cs) if np.ndim(self.Cs) == 0 else np.asarray(self.Cs, dtype=np.float64)
        if Cs.ndim != 1 or not len(Cs) or not (Cs > 0).all():
            raise ValueError(f"Cs must be numbers > 0, got {self.Cs!r}")
        order = np.argsort(Cs, kind="stable")
        return order, 1 / (Cs[order] * total)

    # ------------------------------------------------------------ what is kept

    def _keep_grid(self, results, ratios, total, order):
        """Keep the grids. `_places_` is where in a path, which goes from small C to large C, each C of `Cs_` is."""
        grids = np.array([result.alphas for result in results])
        self._places_ = np.arange(grids.shape[1]) if order is None else np.argsort(order)
        grids = grids[:, self._places_]
        own_grids = order is None and np.ndim(self.alphas) == 0 and len(ratios) > 1
        self.alphas_, self.l1_ratios_ = grids if own_grids else grids[0], np.array(ratios)
        with np.errstate(divide="ignore"):
            self.Cs_ = 1 / (self.alphas_ * total) if order is None or np.ndim(self.Cs) == 0 else np.array(
                self.Cs, dtype=np.float64)

    def _keep_scores(self, results, scoring):
        """Keep scores, passes and the paths that `coefs_paths_` is made of."""
        errors = np.array([result.errors[self._places_] for result in results])         # ratio, C, fold
        self._scores_ = np.moveaxis(scoring.scores(errors), 2, 0)
        self._fold_paths_ = [result.fold_paths for result in results]
        self.scores_ = self._legacy(self._scores_)
        self.n_iter_ = np.array([[passes_of(paths[k])[self._places_] for paths in self._fold_paths_]
                                 for k in range(errors.shape[2])])
        if self.use_legacy_attributes:
            self.n_iter_ = self._by_C(self.n_iter_)[None]

    def _by_C(self, values):
        """Values with the axes (fold, ratio, C, ...) as (fold, C, ratio, ...), or (fold, C, ...) for l1_ratios=None."""
        return values[:, 0] if self.l1_ratios is None else np.swapaxes(values, 1, 2)

    def _legacy(self, values):
        """Values with the axes (fold, ratio, C, ...) as they are, or in the older form: by class."""
        return {self.classes_[1]: self._by_C(values)} if self.use_legacy_attributes else values

    @property
    def coefs_paths_(self) -> Any:
        """Coefficients, and intercept, of every fold, l1_ratio and C."""
        paths = np.array([[coefs_of(paths[k], self.fit_intercept)[self._places_] for paths in self._fold_paths_]
                          for k in range(len(self._fold_paths_[0]))])
        return self._legacy(paths) if self.use_legacy_attributes else paths[:, :, :, None]

    def _choose(self, results, dtype, total):
        """Keep the choice and its coefficients."""
        best = min(range(len(results)), key=lambda i: results[i].mean_error[results[i].best_index])
        self.cv_result_, self.path_ = results[best], results[best].path
        passes, at = self.n_iter_, int(np.flatnonzero(self._places_ == results[best].index)[0])
        if self.refit:
            self._keep(self.path_.fit_at(results[best].index), dtype)
            choice = np.broadcast_to(self.Cs_, (len(results), len(self._places_)))[best, at], self.l1_ratios_[best]
        else:
            choice = self._keep_means(results, dtype)
        self.n_iter_, self.alpha_ = passes, results[best].alpha if self.refit else 1 / (choice[0] * total)
        self.C_, self.l1_ratio_ = (np.array([value]) if self.use_legacy_attributes else float(value)
                                   for value in choice)
        return self

    def _keep_means(self, results, dtype):
        """Keep the means over the folds of the coefficients at each fold's best, and return those of C and l1_ratio."""
        scores = np.swapaxes(self._scores_, 1, 2)
        at = [np.unravel_index(np.argmax(fold), fold.shape) for fold in scores]           # C, ratio
        fits = [results[ratio].fold_paths[k].fit_at(self._places_[c]) for k, (c, ratio) in enumerate(at)]
        self.coef_ = np.mean([fit.coef for fit in fits], axis=0).astype(dtype)[None]
        self.intercept_ = np.array([np.mean([fit.intercept for fit in fits])], dtype)
        Cs = np.broadcast_to(self.Cs_, (len(results), scores.shape[1]))
        return np.mean([Cs[ratio, c] for c, ratio in at]), np.mean([self.l1_ratios_[ratio] for _, ratio in at])

    # ------------------------------------------------------------ scores

    def score(self, X: Data, y: ArrayLike, sample_weight: ArrayLike | None = None,
              offset: ArrayLike | None = None) -> float:
        """Return the score that `scoring` asks for, as scikit-learn does: by default minus the mean log loss.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        y : array of shape (n_samples,)
        sample_weight, offset : array of shape (n_samples,), optional
        """
        scorer = check_scoring(self, "accuracy" if self.scoring is None else self.scoring)
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        if offset is None:
            return scorer(self, X, y, **weights)
        given = GivenProbabilities(self.classes_)
        return scorer(given, self.predict_proba(X, offset)[:, 1], y, **weights)


def passes_of(path):
    """Passes over X at each alpha of a path, rounded up, at least 1."""
    return np.array([max(1, ceil(passes)) for passes in np.diff(path.n_passes, prepend=0.0)], np.int32)


def coefs_of(path, with_intercept):
    """The coefficients of a path as rows, the intercept last."""
    coefs = path.coefs.toarray().T
    return np.column_stack([coefs, path.intercepts]) if with_intercept else coefs
