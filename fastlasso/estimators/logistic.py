"""`LogisticRegression`, and what its cross-validated sibling shares with it: labels, class weights, C as an alpha."""

import warnings
from collections.abc import Mapping
from math import ceil
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import validation
from ..annotations import ArrayLike, ByColumn, Data, Floats, NDArray, RandomState
from ..losses.log_loss import LogLoss, refuse_missing
from ..matrices.choose import is_far
from ..path.fit import fit
from ..path.warn import stack_level
from ..validation import as_labels, compressed, nothing_masked
from .base import TAKEN, Estimator, all_or_nothing, as_sparse
from .parameters import DEPRECATED, NON_NEGATIVE, POSITIVE, SHARE, Rule, described, keep_arguments, word_in

# The solvers of scikit-learn's logistic regression, over the versions.
SOLVER = word_in("auto", "lbfgs", "liblinear", "newton-cg", "newton-cholesky", "newton-cd", "newton-cd-gram", "sag",
                 "saga")
PENALTY_NAME, BALANCED = word_in("l1", "l2", "elasticnet"), word_in("balanced")

# What the constructor arguments that both estimators have must be.
RULES = {
    "class_weight": Rule("an instance of 'dict', a str among {'balanced'} or None",
                         lambda value: value is None or isinstance(value, dict) or BALANCED.holds(value)),
    "dual": Rule("an instance of 'bool' or an instance of 'numpy.bool'",
                 lambda value: isinstance(value, (bool, np.bool_))),
    "intercept_scaling": POSITIVE,
    "penalty": Rule(f"{PENALTY_NAME.words} or None", lambda value: value is None or PENALTY_NAME.holds(value)
                    or DEPRECATED.holds(value)),
    "solver": SOLVER,
}


class MulticlassError(NotImplementedError, ValueError):
    """y has more than two classes. scikit-learn wants a ValueError."""


def two_classes(y, owner):
    """Return (the two classes in sorted order, y as 0.0 and 1.0).

    Raises
    ------
    ValueError
        For one class, and for y that is no label.
    NotImplementedError
        For more than two classes.
    """
    if y.dtype.kind == "O":
        refuse_missing(y)
    check_classification_targets(y)
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"{owner} needs samples of at least 2 classes in the data, but the data contains only one "
                         f"class: {classes[0]!r}")
    if len(classes) > 2:
        raise MulticlassError(
            f"Only binary classification is supported. The type of the target is multiclass: y has {len(classes)} "
            f"classes. Fit one model per class: sklearn.multiclass.OneVsRestClassifier({owner}(...))")
    return classes, codes.astype(np.float64)


def class_weights(class_weight, classes, y, weights):
    """Return (c(0), c(1)), the weights of the two classes.

    "balanced" is W / (2 W_k) with the sums of the weights over all samples and over those of class k.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        0.0 and 1.0.
    weights : ndarray of shape (n_samples,)
    """
    if class_weight is None:
        return np.ones(2)
    if isinstance(class_weight, dict):
        return compute_class_weight(class_weight, classes=classes, y=classes)
    sums = np.array([weights[y == k].sum() for k in (0, 1)])
    return sums.sum() / (2 * sums)


def weights_of(sample_weight, class_weight, classes, y):
    """Return (c(0), c(1)) and s_i c(y_i), the weights of the samples after those of their classes; checked."""
    weights = validation.finite_vector(1.0 if sample_weight is None else sample_weight, len(y), "sample_weight")
    validation.sample_weights(weights, len(y))
    if any(not weights[y == k].any() for k in (0, 1)):
        raise ValueError(f"samples of both classes, {classes.tolist()}, need a positive weight")
    c = class_weights(class_weight, classes, y, weights)
    return c, (weights if c[0] == c[1] == 1.0 else weights * c[y.astype(int)])


def penalty_asked(penalty, l1_ratio):
    """Return (l1_ratio, whether there is a penalty): what `l1_ratio` and its predecessor `penalty` ask for together."""
    if penalty == "deprecated":
        return (0.0 if l1_ratio is None else l1_ratio), True
    warnings.warn("'penalty' was deprecated in scikit-learn 1.8 and will be removed in 1.10; pass l1_ratio=0 for 'l2', "
                  "l1_ratio=1 for 'l1', another l1_ratio for 'elasticnet', and C=np.inf for None.", FutureWarning,
                  stacklevel=stack_level())
    if penalty == "elasticnet" and l1_ratio is None:
        raise ValueError("l1_ratio must be specified when penalty is elasticnet.")
    return {"l1": 1.0, "l2": 0.0, None: 0.0}.get(penalty, l1_ratio), penalty is not None


@described
class LogisticModel(ClassifierMixin, Estimator):
    """A logistic model of two classes: coefficients, probabilities and labels.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The labels in sorted order; the last is the positive class.
    coef_ : ndarray or CSR matrix of shape (1, n_features)
        In X's dtype; see `sparsify`.
    sparse_coef_ : sparse matrix of shape (1, n_features)
    intercept_ : ndarray of shape (1,)
    dual_gap_ : float
        In units of the weighted mean of the log loss, of the solution before it is rounded to X's dtype.
    n_iter_ : ndarray of shape (1,)
        Passes over X, rounded up, at least 1.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X had column names that are strings.
    """

    classes_: NDArray[Any]
    coef_: Any
    intercept_: Floats
    dual_gap_: float
    n_iter_: NDArray[Any]
    alpha_: float

    _rules: ClassVar = RULES

    def _labelled(self, X, y):
        """Return (X, y, y as 0.0 and 1.0), and keep `classes_`."""
        if is_far(X):
            X, y = self._far(X), column_or_1d(as_labels(nothing_masked(y, "y")), warn=True)
        else:
            X = compressed(X) if sparse.issparse(X) else nothing_masked(X, "X")
            X, y = validate_data(self, X, as_labels(nothing_masked(y, "y")), **TAKEN)
        self.classes_, codes = two_classes(y, type(self).__name__)
        return X, y, codes

    def _keep(self, solution, dtype):
        """Set `coef_`, `intercept_`, `dual_gap_` and `n_iter_` from a `LassoFit`, in X's dtype."""
        self._solution = solution
        self.coef_ = solution.coef.astype(dtype)[None]
        self.intercept_ = np.array([solution.intercept], dtype)
        self.dual_gap_ = dtype.type(solution.gap)
        self.n_iter_ = np.array([max(1, ceil(solution.n_passes))], np.int32)
        return self

    @property
    def sparse_coef_(self) -> Any:
        """`coef_` as a sparse matrix in CSR format, shape (1, n_features)."""
        return self.coef_ if sparse.issparse(self.coef_) else as_sparse(self.coef_)

    def sparsify(self) -> Self:
        """Turn `coef_` into a sparse matrix in CSR format; predictions stay the same.

        Returns
        -------
        self
        """
        check_is_fitted(self)
        self.coef_ = self.sparse_coef_
        return self

    def densify(self) -> Self:
        """Turn `coef_` back into an array.

        Returns
        -------
        self
        """
        check_is_fitted(self)
        self.coef_ = self.coef_.toarray() if sparse.issparse(self.coef_) else self.coef_
        return self

    def decision_function(self, X: Data, offset: ArrayLike | None = None) -> Floats:
        """Return the scores intercept_ + X coef_ (+ offset): the log-odds of the positive class, `classes_[1]`.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        offset : array of shape (n_samples,), optional

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        scores = self._rows(X) @ self.coef_.T
        scores = np.ravel(scores.toarray() if sparse.issparse(scores) else scores) + self.intercept_[0]
        return self._with_offset(scores, offset)

    def predict(self, X: Data, offset: ArrayLike | None = None) -> NDArray[Any]:
        """Return the label of the likelier class of each sample.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        offset : array of shape (n_samples,), optional

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        positive = self.decision_function(X, offset) > 0
        return self.classes_[positive.astype(int)]

    def predict_proba(self, X: Data, offset: ArrayLike | None = None) -> Floats:
        """Return the probability of each class, in the order of `classes_`; both to full relative precision.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        offset : array of shape (n_samples,), optional

        Returns
        -------
        ndarray of shape (n_samples, 2)
        """
        scores = self.decision_function(X, offset)
        shares = [LogLoss().mean(eta.astype(np.float64)) for eta in (-scores, scores)]
        return np.column_stack(shares).astype(scores.dtype, copy=False)

    def predict_log_proba(self, X: Data, offset: ArrayLike | None = None) -> Floats:
        """Return the logarithm of the probability of each class, finite for every score.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        offset : array of shape (n_samples,), optional

        Returns
        -------
        ndarray of shape (n_samples, 2)
        """
        scores = self.decision_function(X, offset)
        return -np.logaddexp(0, np.column_stack([scores, -scores]))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


@described
class LogisticRegression(LogisticModel):
    """Logistic regression of two classes with L1 and L2 penalty, and an intercept that is never penalised.

        C sum_i s_i c(y_i) ln(1 + exp(-z_i eta_i)) + l1_ratio |b|_1 + (1 - l1_ratio)/2 |b|_2^2,
        eta_i = b0 + x_i . b + offset_i,  z_i = 1 for the positive class and -1 for the other

    with sample weights s and class weights c. In place of `sklearn.linear_model.LogisticRegression`, with its default
    l1_ratio=0, which is ridge regression: **set l1_ratio=1 for a sparse model**. On the mean of the loss, the scale of
    `fit_path`, this is alpha = 1 / (C sum_i s_i c(y_i)).

    Parameters
    ----------
    penalty : {"l1", "l2", "elasticnet"} or None
        Older name of l1_ratio=1, l1_ratio=0, any l1_ratio, and C=inf; gives a FutureWarning, as in scikit-learn.
    C : float > 0, default=1.0
        Inverse of the strength of the penalty; inf is no penalty. C is multiplied by the sum of the weights: twice the
        rows, or twice the weights, are half the penalty. `alpha` does not depend on them.
    l1_ratio : float in [0, 1], default=0.0
        1 is an L1 penalty, which gives a sparse model; 0 an L2 penalty.
    dual, intercept_scaling, random_state, solver, verbose, warm_start
        Checked; they change neither result nor cost. The result is the one that scikit-learn's solvers approach, except
        for "liblinear", which penalises the intercept.
    tol : float, default=1e-4
        Promised duality gap as a fraction of P(0), the mean log loss of the empty model.
    fit_intercept : bool, default=True
    class_weight : dict of {label: weight}, "balanced" or None, default=None
        Multiply the sample weights. "balanced" is W / (2 W_k), with the sums of the sample weights over all rows and
        over those of class k.
    max_iter : int, default=100
        Largest number of Newton steps, and of coordinate descent epochs in each, where descent is used at all.
    n_jobs : int, optional
        Threads; None is every core this process may use. The result does not depend on it, to the last bit.
    alpha : float >= 0, optional
        The strength of the penalty on the weighted mean of the loss; in place of C.
    standardize, penalty_factor, lower, upper
        As in `LossModel`.

    Attributes
    ----------
    classes_, coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_
        As in `LogisticModel`.
    alpha_ : float
        The strength of the penalty on the weighted mean of the loss: `alpha`, or 1 / (C sum_i s_i c(y_i)).

    Examples
    --------
    >>> from fastlasso import LogisticRegression
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]], ["no", "yes", "no", "yes"]
    >>> model = LogisticRegression(l1_ratio=1, C=2.0, tol=1e-9).fit(X, y)
    >>> model.coef_.round(2), model.predict([[2.0, 0.0]])
    (array([[ 0. , -2.2]]), array(['yes'], dtype='<U3'))
    """

    _rules: ClassVar = RULES | {
        "C": Rule("a float in the range (0.0, inf]", lambda value: isinstance(value, Real) and value > 0),
        "alpha": Rule(f"{NON_NEGATIVE.words} or None", lambda value: value is None or NON_NEGATIVE.holds(value)),
        "l1_ratio": Rule(f"{SHARE.words} or None", lambda value: value is None or SHARE.holds(value))}

    def __init__(self, penalty: str = "deprecated", *, C: float = 1.0, l1_ratio: float = 0.0, dual: bool = False,
                 tol: float = 1e-4, fit_intercept: bool = True, intercept_scaling: float = 1,
                 class_weight: str | Mapping[Any, float] | None = None, random_state: RandomState | None = None,
                 solver: str = "lbfgs", max_iter: int = 100, verbose: bool | int = 0, warm_start: bool = False,
                 n_jobs: int | None = None, alpha: float | None = None, standardize: bool = False,
                 penalty_factor: ByColumn | None = None, lower: ByColumn = -np.inf, upper: ByColumn = np.inf) -> None:
        keep_arguments(locals())

    @all_or_nothing
    def fit(self, X: Data, y: ArrayLike, sample_weight: ArrayLike | None = None,
            offset: ArrayLike | None = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        y : array of shape (n_samples,)
            Two classes of any label.
        sample_weight : float or array of shape (n_samples,), optional
            Weights >= 0. Their sum counts where the penalty is given by C.
        offset : array of shape (n_samples,), optional
            Known part of the log-odds of the positive class.
        """
        self._check_parameters()
        l1_ratio, penalised = penalty_asked(self.penalty, self.l1_ratio)
        X, _, y = self._labelled(X, y)
        _, weights = weights_of(sample_weight, self.class_weight, self.classes_, y)
        self.alpha_ = self._strength(weights) if penalised else 0.0
        options = self._options(weights, loss="log_loss", l1_ratio=l1_ratio, offset=offset)
        return self._keep(fit(X, y, self.alpha_, **options), X.dtype)

    def _strength(self, weights):
        """Return alpha: the one given, or that of C."""
        return 1 / (self.C * weights.sum()) if self.alpha is None else float(self.alpha)

    def score(self, X: Data, y: ArrayLike, sample_weight: ArrayLike | None = None,
              offset: ArrayLike | None = None) -> float:
        """Return the accuracy of the predicted labels.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        y : array of shape (n_samples,)
        sample_weight, offset : array of shape (n_samples,), optional
        """
        return accuracy_score(y, self.predict(X, offset), sample_weight=sample_weight)
