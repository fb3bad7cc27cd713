"""scikit-learn's face: `Lasso`, `ElasticNet`, `LassoCV`, `ElasticNetCV`, `lasso_path`, `enet_path`.

Names, arguments, defaults, attributes and errors are those of `sklearn.linear_model`; the solutions are certified.
docs/scikit-learn.md lists what differs. A new estimator derives from `LinearModel` (or `LinearModelCV`), keeps its
arguments by `keep_arguments`, decorates its `fit` with `all_or_nothing`, and in it goes `_check_parameters` (the rules
are in parameters.py), `_validated`, then the functions of the floors below with `_options`, then `_keep`. `described`
puts what other classes say of shared arguments and attributes into its docstring.
"""

import sys
import warnings
from contextlib import contextmanager
from functools import wraps
from inspect import cleandoc
from math import ceil
from numbers import Integral
from typing import ClassVar, NamedTuple

import numpy as np
from scipy import sparse

try:
    from sklearn import get_config
    from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
    from sklearn.exceptions import ConvergenceWarning as PeerWarning
    from sklearn.metrics import check_scoring
    from sklearn.model_selection import check_cv
    from sklearn.utils import column_or_1d
    from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, MethodMapping, process_routing
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError('the estimators of fastlasso need scikit-learn 1.6 or newer: pip install "fastlasso[sklearn]"'
                      ) from error

from joblib import effective_n_jobs

from . import path as engine_path
from .cross_validation import cross_validate_ratios
from .matrices import as_matrix
from .parameters import (
    GRAM,
    SHARES,
    InvalidParameterError,
    check_parameters,
    described,
    is_array_like,
    keep_arguments,
)
from .path import fit, fit_path
from .validation import FREE, compressed, nothing_masked, sound_sparse

__all__ = ["ConvergenceWarning", "ElasticNet", "ElasticNetCV", "InvalidParameterError", "Lasso", "LassoCV", "enet_path",
           "lasso_path"]

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
TAKEN = {"accept_sparse": ["csr", "csc"], "dtype": list(FLOATS), "ensure_all_finite": False}  # the engine checks
TARGET = {"dtype": "numeric", "ensure_2d": False, "ensure_all_finite": False}


class ConvergenceWarning(engine_path.ConvergenceWarning, PeerWarning):
    """A solution is not certified to `tol`: fastlasso's warning and scikit-learn's at once."""


# ---------------------------------------------------------------- parameters

def check_gram(precompute, n_features):
    """A Gram matrix is not needed here, but one of another shape shows a mistake."""
    if is_array_like(precompute) and np.shape(precompute) != (n_features, n_features):
        raise ValueError(f"precompute.shape == {np.shape(precompute)}, expected {(n_features, n_features)}")


def asked_grid(alphas, n_alphas):
    """What `alphas` and its predecessor `n_alphas` ask for: a number of alphas, or alphas."""
    if not isinstance(n_alphas, str):
        warnings.warn("'n_alphas' was deprecated in scikit-learn 1.9 and will be removed in 1.11; pass an integer as "
                      "'alphas'.", FutureWarning, stacklevel=4)
        return n_alphas if alphas is None or np.ndim(alphas) == 0 else alphas
    if alphas is None:
        warnings.warn("'alphas=None' was deprecated in scikit-learn 1.9 and will be removed in 1.11; pass alphas=100.",
                      FutureWarning, stacklevel=4)
    return 100 if alphas is None else alphas


def progress(verbose):
    """A callback that writes a line per alpha to standard error, or None."""
    if not verbose:
        return None
    return lambda state: print(f"Path: {state.index + 1:03d} out of {state.n_alphas:03d}", file=sys.stderr)


# ---------------------------------------------------------------- base


@contextmanager
def warnings_of_both():
    """Within, the engine warns with a class that is scikit-learn's too."""
    token = engine_path.WARNING_CLASS.set(ConvergenceWarning)
    try:
        yield
    finally:
        engine_path.WARNING_CLASS.reset(token)


OUTCOME = """

Returns
-------
self

Raises
------
ValueError, TypeError
    For bad input; the estimator is then not fitted.

Warns
-----
ConvergenceWarning
    A solution is not certified to `tol`. A subclass of both `fastlasso.ConvergenceWarning` and
    `sklearn.exceptions.ConvergenceWarning`.
"""


def all_or_nothing(method):
    """Decorate `fit`: forget the last fit first, leave nothing of one that fails, warn in scikit-learn's class too."""

    @wraps(method)
    def whole(self, *args, **kwargs):
        self._forget()
        try:
            with warnings_of_both():
                return method(self, *args, **kwargs)
        except BaseException:
            self._forget()
            raise

    whole.__doc__ = cleandoc(method.__doc__ or "") + OUTCOME
    return whole


class Estimator(BaseEstimator):
    """What all estimators share: parameters checked, data validated.

    `_rules` holds the rules of parameters that differ from those of the same name in `parameters.RULES`.
    """

    _rules: ClassVar = {}

    def _forget(self):
        """Delete every fitted attribute."""
        fitted = [name for name in vars(self) if name[-1] == "_" and name[:2] != "__"]
        for name in fitted:
            delattr(self, name)

    def _check_parameters(self):
        check_parameters(type(self).__name__, vars(self), self._rules)

    def _validated(self, X, y):
        """Return X (two-dimensional, dense, CSR or CSC, float64 or float32, never copied if it is that) and y.

        NaN and infinity are left to the engine, which meets them in its first pass. A plain array skips
        `validate_data` (which takes longer than a fit of 100 x 10).
        """
        if (type(X) is type(y) is np.ndarray and X.dtype in FLOATS and y.dtype in FLOATS and X.ndim == 2
                and X.size and y.size):
            self.n_features_in_ = X.shape[1]
            return X, y
        X = compressed(X) if sparse.issparse(X) else nothing_masked(X, "X")
        return validate_data(self, X, nothing_masked(y, "y"), validate_separately=(TAKEN, TARGET))

    def _one_target(self, y):
        """Return y as a vector, or raise where it holds several targets."""
        if y.ndim > 1 and y.shape[1] > 1:
            raise ValueError(f"y should be a 1d array, got an array of shape {y.shape} instead; for multi-task "
                             f"outputs fit one {type(self).__name__} per target")
        return column_or_1d(y, warn=True)

    def _options(self, sample_weight):
        """The arguments that every function of the floors below takes."""
        return {"fit_intercept": self.fit_intercept, "standardize": self.standardize, "sample_weight": sample_weight,
                "penalty_factor": self.penalty_factor, "lower": 0.0 if self.positive else FREE[0], "tol": self.tol,
                "max_iter": self.max_iter, "n_threads": None if self.n_jobs is None else effective_n_jobs(self.n_jobs)}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


@described
class LinearModel(RegressorMixin, Estimator):
    """What all linear models share: attributes kept, predictions.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        In X's dtype.
    sparse_coef_ : sparse matrix of shape (1, n_features)
    intercept_ : float
    dual_gap_ : float
        In units of the objective, of the solution before it is rounded to X's dtype.
    n_iter_ : int
        Passes over X, rounded up, at least 1.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X had column names that are strings.
    """

    def _keep(self, solutions, dtype, one_target):
        """Set `coef_`, `intercept_`, `dual_gap_`, `n_iter_` from one `LassoFit` per target, in X's dtype."""
        coefs = np.array([solution.coef for solution in solutions], dtype)
        intercepts = np.array([solution.intercept for solution in solutions], dtype)
        gaps = np.array([solution.gap for solution in solutions], dtype)
        n_iter = [max(1, ceil(solution.n_passes)) for solution in solutions]
        if len(solutions) == 1:
            coefs, gaps, n_iter = coefs[0], gaps[0], n_iter[0]
        self.coef_, self.dual_gap_, self.n_iter_ = coefs, gaps, n_iter
        self.intercept_ = 0.0 if not self.fit_intercept else intercepts[0] if one_target else intercepts
        return self

    @property
    def sparse_coef_(self):
        """`coef_` as a sparse matrix in CSR format, shape (1, n_features) or (n_targets, n_features)."""
        as_array = get_config().get("sparse_interface", "spmatrix") == "sparray"
        return (sparse.csr_array if as_array else sparse.csr_matrix)(np.atleast_2d(self.coef_))

    def predict(self, X):
        """Return intercept_ + X coef_.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        check_is_fitted(self)
        X = sound_sparse(X) if sparse.issparse(X) else nothing_masked(X, "X")
        X = validate_data(self, X, accept_sparse=["csr", "csc"], dtype=list(FLOATS), reset=False)
        return X @ self.coef_.T + self.intercept_


# ---------------------------------------------------------------- paths

SOLVER_DEFAULTS = {"tol": 1e-4, "max_iter": 1000, "sample_weight": None, "random_state": None, "selection": "cyclic",
                   "do_screening": True, "X_offset": None, "X_scale": None}


def lasso_path(X, y, *, eps=1e-3, n_alphas="deprecated", alphas=100, precompute="auto", Xy=None, copy_X=True,
               coef_init=None, verbose=False, return_n_iter=False, positive=False, **params):
    """Solve the lasso without intercept at every alpha of a grid.

        1/(2 n) |y - X b|^2 + alpha |b|_1

    `enet_path` with l1_ratio = 1; it describes the arguments and results.

    Examples
    --------
    >>> from fastlasso import lasso_path
    >>> alphas, coefs, dual_gaps = lasso_path([[1, 2], [2, 5], [3, 4]], [1.0, 2.0, 3.0], alphas=[5.0, 1.0, 0.5])
    >>> coefs.round(3)
    array([[0.   , 0.   , 0.417],
           [0.2  , 0.467, 0.278]])
    """
    return enet_path(X, y, l1_ratio=1.0, eps=eps, n_alphas=n_alphas, alphas=alphas, precompute=precompute, Xy=Xy,
                     copy_X=copy_X, coef_init=coef_init, verbose=verbose, return_n_iter=return_n_iter,
                     positive=positive, **params)


def enet_path(X, y, *, l1_ratio=0.5, eps=1e-3, n_alphas="deprecated", alphas=100, precompute="auto", Xy=None,
              copy_X=True, coef_init=None, verbose=False, return_n_iter=False, positive=False, check_input=True,
              **params):
    """Solve the elastic net without intercept at every alpha of a grid.

        1/(2 n) |y - X b|^2 + alpha ( l1_ratio |b|_1 + (1 - l1_ratio)/2 |b|_2^2 )

    In place of `sklearn.linear_model.enet_path`. `fastlasso.fit_path` says more (intercepts, sparse coefficients).

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
    y : array of shape (n_samples,) or (n_samples, 1)
    l1_ratio : float in [0, 1], default=0.5
    eps : float, default=1e-3
        Smallest alpha of an automatic grid as a fraction of the largest.
    n_alphas : int
        Older name of an integer `alphas`; gives a FutureWarning, as in scikit-learn.
    alphas : int or array of floats, default=100
        How many alphas, or which.
    verbose : bool or int, default=False
        Write a line per alpha to standard error.
    return_n_iter : bool, default=False
    positive : bool, default=False
        Coefficients >= 0.
    precompute, Xy, copy_X, coef_init, check_input
        Checked for their kind and shape; they change neither result nor cost.
    **params
        tol (default 1e-4, the promised duality gap as a fraction of P(0)), max_iter (default 1000), sample_weight
        (rows weighted, only ratios matter); random_state, selection and do_screening make no difference.

    Returns
    -------
    alphas : ndarray of shape (n_alphas,)
        Descending.
    coefs : ndarray of shape (n_features, n_alphas), or (1, n_features, n_alphas) for y of shape (n_samples, 1)
        In X's dtype.
    dual_gaps : ndarray of shape (n_alphas,)
        In units of the objective.
    n_iters : list of int
        Passes over X, rounded up, at least 1; only if `return_n_iter`.

    Raises
    ------
    ValueError, TypeError
        For bad input; for several targets, which share no penalty here: call it once for each.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import enet_path
    >>> alphas, coefs, gaps = enet_path(np.eye(3), [3.0, 1.0, 2.0], l1_ratio=0.9, alphas=4)
    >>> coefs.shape, bool((gaps <= 1e-12).all())
    ((3, 4), True)
    """
    if unexpected := params.keys() - SOLVER_DEFAULTS.keys():
        raise ValueError(f"Unexpected parameters in params: {sorted(unexpected)}")
    arguments = SOLVER_DEFAULTS | params | {
        "l1_ratio": l1_ratio, "eps": eps, "n_alphas": n_alphas, "alphas": alphas, "precompute": precompute, "Xy": Xy,
        "copy_X": copy_X, "coef_init": coef_init, "verbose": verbose, "return_n_iter": return_n_iter,
        "positive": positive, "check_input": check_input}
    check_parameters("enet_path", arguments, {})
    matrix = as_matrix(X)
    check_path_data(matrix.shape, y, arguments)
    path = solved_path(X if isinstance(X, np.ndarray) else matrix, y, arguments)
    coefs = path.coefs.toarray().astype(matrix.dtype, copy=False)
    results = path.alphas, coefs if np.ndim(y) < 2 else coefs[None], path.gaps
    passes = np.maximum(1, np.ceil(np.diff(path.n_passes, prepend=0.0))).astype(int)
    return (*results, passes.tolist()) if return_n_iter else results


def check_path_data(shape, y, arguments):
    """Raise ValueError for several targets, foreign centring, and arrays of a shape that does not fit."""
    if np.ndim(y) > 1 and np.shape(y)[1] != 1:
        raise ValueError("positive=True is not allowed for multi-output (y.ndim != 1)" if arguments["positive"] else
                         f"y should be a 1d array, got an array of shape {np.shape(y)} instead; call once per target")
    if arguments["X_offset"] is not None or arguments["X_scale"] is not None:
        raise ValueError("X_offset and X_scale are not supported: fastlasso.fit_path centres and standardises X itself")
    check_gram(arguments["precompute"], shape[1])
    for name in ("Xy", "coef_init"):
        value = arguments[name]
        if value is not None and np.size(value) != shape[1]:
            raise ValueError(f"{name}.shape == {np.shape(value)}, expected {(shape[1],)}")


def solved_path(X, y, arguments):
    """`fit_path` on the arguments of `enet_path`."""
    with warnings_of_both():
        alphas = asked_grid(arguments["alphas"], arguments["n_alphas"])
        return fit_path(X, y, alphas=alphas, eps=arguments["eps"], l1_ratio=arguments["l1_ratio"],
                        fit_intercept=False, sample_weight=arguments["sample_weight"],
                        lower=0.0 if arguments["positive"] else FREE[0], tol=arguments["tol"],
                        max_iter=arguments["max_iter"], callback=progress(arguments["verbose"]))


# ---------------------------------------------------------------- one alpha


@described
class ElasticNet(MultiOutputMixin, LinearModel):
    """Linear regression with L1 and L2 penalty.

        1/(2 W) sum_i w_i (y_i - b0 - x_i . b)^2 + alpha ( l1_ratio |b|_1 + (1 - l1_ratio)/2 |b|_2^2 ),  W = sum_i w_i

    In place of `sklearn.linear_model.ElasticNet`.

    Parameters
    ----------
    alpha : float >= 0, default=1.0
    l1_ratio : float in [0, 1], default=0.5
        1 is the lasso, 0 ridge regression.
    fit_intercept : bool, default=True
    max_iter : int, default=1000
        Largest number of coordinate descent epochs, where descent is used at all.
    tol : float, default=1e-4
        Promised duality gap as a fraction of P(0), the objective of the empty model.
    positive : bool, default=False
        Coefficients >= 0.
    precompute, copy_X, warm_start, random_state, selection
        Checked; they change neither result nor cost. X is never copied and never written to.
    standardize : bool, default=False
        Penalise as if every column had standard deviation one; `coef_` stays in the units of X.
    penalty_factor : array of shape (n_features,), optional
        Multiplies the penalty of each coefficient: 0 is never penalised, inf never used.
    n_jobs : int, optional
        Threads; None is every core this process may use. The result does not depend on it, to the last bit.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        In X's dtype.
    sparse_coef_ : sparse matrix of shape (1, n_features) or (n_targets, n_features)
    intercept_ : float or ndarray of shape (n_targets,)
    dual_gap_ : float or ndarray of shape (n_targets,)
        In units of the objective, of the solution before it is rounded to X's dtype.
    n_iter_ : int or list of int
        Passes over X, rounded up, at least 1.
    n_features_in_, feature_names_in_
        As in `LinearModel`.

    Examples
    --------
    >>> from fastlasso import ElasticNet
    >>> model = ElasticNet(alpha=0.1).fit([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]], [0.0, 1.0, 2.0])
    >>> model.coef_.round(3)
    array([0.86, 0.  ])
    """

    # as in scikit-learn, check_input is no metadata to route
    __metadata_request__fit: ClassVar = {"check_input": UNUSED}
    _rules: ClassVar = {"precompute": GRAM}

    path = staticmethod(enet_path)

    def __init__(self, alpha=1.0, *, l1_ratio=0.5, fit_intercept=True, precompute=False, max_iter=1000, copy_X=True,
                 tol=1e-4, warm_start=False, positive=False, random_state=None, selection="cyclic",
                 standardize=False, penalty_factor=None, n_jobs=None):
        keep_arguments(locals())

    @all_or_nothing
    def fit(self, X, y, sample_weight=None, check_input=True):
        """Fit the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        y : array of shape (n_samples,) or (n_samples, n_targets)
            Each target is a problem of its own.
        sample_weight : float or array of shape (n_samples,), optional
            Weights >= 0; only ratios matter.
        check_input : bool, default=True
            Makes no difference: the input is always checked.
        """
        self._check_parameters()
        X, y = self._validated(X, y)
        check_gram(self.precompute, X.shape[1])
        targets = [y] if y.ndim < 2 else np.ascontiguousarray(y.T)
        options = self._options(sample_weight)
        solutions = [fit(X, target, self.alpha, l1_ratio=self.l1_ratio, **options) for target in targets]
        return self._keep(solutions, X.dtype, y.ndim < 2)


@described
class Lasso(ElasticNet):
    """Linear regression with L1 penalty.

        1/(2 W) sum_i w_i (y_i - b0 - x_i . b)^2 + alpha |b|_1,  W = sum_i w_i

    In place of `sklearn.linear_model.Lasso`.

    Parameters
    ----------
    alpha, fit_intercept, max_iter, tol, positive, precompute, copy_X, warm_start, random_state, selection, \
standardize, penalty_factor, n_jobs
        As in `ElasticNet`.

    Attributes
    ----------
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_
        As in `ElasticNet`.

    Examples
    --------
    >>> from fastlasso import Lasso
    >>> model = Lasso(alpha=0.1).fit([[0, 0], [1, 1], [2, 2]], [0, 1, 2])
    >>> model.coef_.round(2), round(float(model.intercept_), 2)
    (array([0.85, 0.  ]), 0.15)
    """

    def __init__(self, alpha=1.0, *, fit_intercept=True, precompute=False, copy_X=True, max_iter=1000, tol=1e-4,
                 warm_start=False, positive=False, random_state=None, selection="cyclic", standardize=False,
                 penalty_factor=None, n_jobs=None):
        keep_arguments(locals())
        self.l1_ratio = 1.0


# ---------------------------------------------------------------- cross-validation


# scores that the held-out residuals give at once; any other is asked for every alpha and fold
MEASURES = {None: "mse", "neg_mean_squared_error": "mse", "neg_mean_absolute_error": "mae", "r2": "r2", "mse": "mse",
            "mae": "mae"}


class Foretold(RegressorMixin, BaseEstimator):
    """A regressor whose X is its prediction: it lets a scorer judge predictions that are there already."""

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return X


class Score(NamedTuple):
    """A scorer of scikit-learn as a function of targets and predictions."""

    scorer: object

    def __call__(self, y_true, y_pred, sample_weight=None):
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return self.scorer(Foretold(), y_pred, y_true, **weights)


def held_out_measure(scoring):
    """What `cross_validate_path` takes as `scoring`, from what scikit-learn takes."""
    if scoring is None or (isinstance(scoring, str) and scoring in MEASURES):
        return MEASURES[scoring]
    return Score(check_scoring(Foretold(), scoring))


class Splitting:
    """What estimators with a parameter `cv` share: splits, and metadata routed to the splitter."""

    def _splits(self, X, y, sample_weight, params):
        """What `cross_validate_path` takes as `cv`: contiguous folds as their number, without arrays of indices."""
        cv = 5 if self.cv is None else self.cv
        splitter = check_cv(cv)         # first: routing looks at `cv` again, and a generator is used up by one look
        metadata = self._for_splitter(sample_weight, params)
        return cv if isinstance(cv, Integral) else list(splitter.split(X, y, **metadata))

    def _for_splitter(self, sample_weight, params):
        """The keyword arguments of ``cv.split``: what it requests, or the groups where metadata are not routed."""
        if get_config()["enable_metadata_routing"]:
            return process_routing(self, "fit", sample_weight=sample_weight, **params).splitter.split
        if unexpected := params.keys() - {"groups"}:
            raise ValueError(
                f"Passing extra keyword arguments to {type(self).__name__}.fit is only supported if "
                "enable_metadata_routing=True, which you can set using `sklearn.set_config`. Extra parameters passed "
                f"are: {unexpected}")
        return params

    def get_metadata_routing(self):
        """Return scikit-learn's `MetadataRouter`: `fit` passes metadata on to the splitter."""
        return MetadataRouter(owner=type(self).__name__).add_self_request(self).add(
            splitter=check_cv(self.cv), method_mapping=MethodMapping().add(caller="fit", callee="split"))


@described
class LinearModelCV(Splitting, LinearModel):
    """What all cross-validated models share: the choice, and what is kept of it.

    A subclass of another kind overrides `_cross_validate`.

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

    l1_ratio = 1.0

    def __init__(self, *, eps=1e-3, alphas=100, fit_intercept=True, precompute="auto", max_iter=1000, tol=1e-4,
                 copy_X=True, cv=None, verbose=False, n_jobs=None, positive=False, random_state=None,
                 selection="cyclic", standardize=False, penalty_factor=None, scoring=None, rule="min",
                 n_alphas="deprecated"):
        keep_arguments(locals())

    @all_or_nothing
    def fit(self, X, y, sample_weight=None, **params):
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
        """One `PathCV` per value of l1_ratio."""
        check_gram(self.precompute, X.shape[1])
        choice = {"cv": splits, "scoring": held_out_measure(self.scoring), "rule": self.rule, "eps": self.eps,
                  "alphas": asked_grid(self.alphas, self.n_alphas), "callback": progress(self.verbose)}
        return cross_validate_ratios(X, y, np.ravel(self.l1_ratio).astype(float).tolist(), **choice,
                                     **self._options(sample_weight))

    def _choose(self, results, dtype):
        """Keep the best of some `PathCV`s and what led to it."""
        best = min(results, key=lambda result: result.mean_error[result.best_index])
        self._keep([best.path.fit_at(best.index)], dtype, one_target=True)
        self.alpha_, self.cv_result_, self.path_ = np.float64(best.alpha), best, best.path
        grids, errors = np.array([result.alphas for result in results]), np.array([r.errors for r in results])
        several = len(results) > 1
        self.alphas_ = grids if several and np.ndim(self.alphas) == 0 else grids[0]
        self.mse_path_ = np.squeeze(errors)
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
        Write a line per alpha of the fit on all rows to standard error.
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

    _rules: ClassVar = {"l1_ratio": SHARES}

    path = staticmethod(enet_path)

    def __init__(self, *, l1_ratio=0.5, eps=1e-3, alphas=100, fit_intercept=True, precompute="auto", max_iter=1000,
                 tol=1e-4, cv=None, copy_X=True, verbose=0, n_jobs=None, positive=False, random_state=None,
                 selection="cyclic", standardize=False, penalty_factor=None, scoring=None, rule="min",
                 n_alphas="deprecated"):
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
