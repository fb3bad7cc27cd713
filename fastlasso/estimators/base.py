"""What all estimators share: parameters checked, data validated, all or nothing kept of a fit, predictions."""

import sys
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from functools import wraps
from inspect import cleandoc, signature
from math import ceil
from os import PathLike
from typing import Any, ClassVar, TypeVar, cast

import numpy as np
from scipy import sparse

from ..annotations import Data, Floats, NDArray

try:
    from joblib import effective_n_jobs
    from sklearn import get_config
    from sklearn.base import BaseEstimator, RegressorMixin
    from sklearn.exceptions import ConvergenceWarning as PeerWarning
    from sklearn.utils import check_array, column_or_1d
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError('the estimators of fastlasso need scikit-learn 1.6 or newer: pip install "fastlasso[sklearn]"'
                      ) from error

from ..frames import by_column, check_rows, is_frame, numeric_columns, row_labels
from ..matrices.choose import far_matrix, is_far
from ..path.result import Result
from ..path.results import NO_OFFSET
from ..path.warn import WARNING_CLASS, ConvergenceWarning as NativeWarning, stack_level
from ..validation import UNBOUNDED, compressed, finite_vector, nothing_masked, sound_sparse
from .parameters import check_parameters, described, is_array_like

# The data types of X that are taken as they are.
FLOATS = (np.dtype(np.float64), np.dtype(np.float32))

# What `validate_data` is asked to do with X. NaN and infinity are left to the engine, which meets them anyway.
TAKEN = {"accept_sparse": ["csr", "csc"], "dtype": list(FLOATS), "ensure_all_finite": False}

# What `validate_data` is asked to do with y.
TARGET = {"dtype": "numeric", "ensure_2d": False, "ensure_all_finite": False}

# Where estimators keep their result, the most telling first.
RESULTS = ("cv_result_", "schedule_", "stability_path_", "path_", "_solution")

# What `all_or_nothing` adds to the docstring of each `fit`.
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


class ConvergenceWarning(NativeWarning, PeerWarning):
    """A solution is not certified to `tol`: fastlasso's warning and scikit-learn's at once."""


@contextmanager
def warnings_of_both():
    """Within, uncertified solutions are warned of by a class that is scikit-learn's too."""
    token = WARNING_CLASS.set(ConvergenceWarning)
    try:
        yield
    finally:
        WARNING_CLASS.reset(token)


# ---------------------------------------------------------------- arguments


def check_gram(precompute, n_features):
    """Raise ValueError for a Gram matrix of the wrong shape: it would not be used, but it shows a mistake."""
    if is_array_like(precompute) and np.shape(precompute) != (n_features, n_features):
        raise ValueError(f"precompute.shape == {np.shape(precompute)}, expected {(n_features, n_features)}")


def asked_grid(alphas, n_alphas):
    """Return a number of alphas, or alphas: what `alphas` and its predecessor `n_alphas` ask for together."""
    if not isinstance(n_alphas, str):
        warnings.warn("'n_alphas' was deprecated in scikit-learn 1.9 and will be removed in 1.11; pass an integer as "
                      "'alphas'.", FutureWarning, stacklevel=stack_level())
        return n_alphas if alphas is None or np.ndim(alphas) == 0 else alphas
    if alphas is None:
        warnings.warn("'alphas=None' was deprecated in scikit-learn 1.9 and will be removed in 1.11; pass alphas=100.",
                      FutureWarning, stacklevel=stack_level())
    return 100 if alphas is None else alphas


def progress(verbose):
    """Return a callback that writes a line per alpha to standard error, or None where `verbose` is false."""
    if not verbose:
        return None
    return lambda state: print(f"Path: {state.index + 1:03d} out of {state.n_alphas:03d}", file=sys.stderr)


def as_float(y):
    """Return booleans as 0.0 and 1.0, which scikit-learn's regressors take for numbers; anything else as it is."""
    return y.astype(float) if y.dtype == bool else y


def as_sparse(coefs):
    """Return coefficients as a CSR matrix, or a CSR array where scikit-learn is set to arrays; one row per target."""
    as_array = get_config().get("sparse_interface", "spmatrix") == "sparray"
    return (sparse.csr_array if as_array else sparse.csr_matrix)(np.atleast_2d(coefs))


# ---------------------------------------------------------------- estimators


Method = TypeVar("Method", bound=Callable[..., Any])


def all_or_nothing(method: Method) -> Method:
    """Decorate `fit`: forget the last fit first, leave nothing of one that fails, warn in scikit-learn's class too."""

    names = list(signature(method).parameters)[1:]

    @wraps(method)
    def whole(self, *args, **kwargs):
        self._forget()
        try:
            check_labels(dict(zip(names, args, strict=False)) | kwargs)
            with warnings_of_both():
                method(self, *args, **kwargs)
            self._name_results()
            return self
        except BaseException:
            self._forget()
            raise

    whole.__doc__ = cleandoc(method.__doc__ or "") + OUTCOME
    return cast(Method, whole)


def check_labels(given):
    """Raise ValueError where y, weights, an offset or groups have other row labels than X."""
    labels = row_labels(given.get("X"))
    for name in ("y", "sample_weight", "offset", "groups") if labels is not None else ():
        check_rows(labels, given.get(name), name)


def name_what_is_text(X, y, error):
    """Raise ValueError from `error` where a column of a frame, or y, holds no numbers."""
    if is_frame(X):
        numeric_columns(X)
    values = np.asarray(y)
    if values.dtype.kind in "OUS" and any(isinstance(value, str) for value in values.ravel()[:1]):
        raise ValueError(f"y must be numbers, got text such as {str(values.ravel()[0])!r}. For two classes take "
                         "LogisticRegression; numbers stored as text become numbers by y.astype(float)") from error


class Estimator(BaseEstimator):
    """Check parameters and validate data: what every estimator does.

    `_rules` holds the rules of parameters that differ from those of the same name in `parameters.RULES`.
    """

    n_features_in_: int
    feature_names_in_: NDArray[np.str_]

    _rules: ClassVar = {}

    def _forget(self):
        """Delete every fitted attribute."""
        fitted = [name for name in vars(self) if name[-1] == "_" and name[:2] != "__"]
        for name in fitted:
            delattr(self, name)
        vars(self).pop("_solution", None)

    def _check_parameters(self):
        """Raise InvalidParameterError for the first parameter outside its domain."""
        check_parameters(type(self).__name__, vars(self), self._rules)

    def _validated(self, X, y):
        """Return (X, y), X two-dimensional, dense, CSR or CSC, in float64 or float32.

        X is not copied if it is that already. NaN and infinity are left to the engine, which meets them in its first
        pass. A plain array skips `validate_data`, which takes longer than a fit of 100 x 10.
        """
        if (type(X) is type(y) is np.ndarray and X.dtype in FLOATS and y.dtype in FLOATS and X.ndim == 2
                and X.size and y.size):
            self.n_features_in_ = X.shape[1]
            return X, y
        if is_far(X):
            return self._far(X), check_array(nothing_masked(y, "y"), input_name="y", **TARGET)
        X, y = compressed(X) if sparse.issparse(X) else nothing_masked(X, "X"), nothing_masked(y, "y")
        try:
            return validate_data(self, X, y, validate_separately=(TAKEN, TARGET))
        except ValueError as error:
            name_what_is_text(X, y, error)
            raise

    def _far(self, X):
        """Return X, a `Matrix` or a data set, as a `Matrix`; its columns are counted and have no names."""
        matrix = far_matrix(X)
        self.n_features_in_ = matrix.shape[1]
        return matrix

    def _one_target(self, y):
        """Return y as a vector, or raise ValueError where it holds several targets."""
        if y.ndim > 1 and y.shape[1] > 1:
            raise ValueError(f"y should be a 1d array, got an array of shape {y.shape} instead; for multi-task "
                             f"outputs fit one {type(self).__name__} per target")
        return as_float(column_or_1d(y, warn=True))

    def _options(self, sample_weight, **more):
        """Return the arguments that every native function takes, and `more`."""
        if "offset" in more:
            self.has_offset_ = more["offset"] is not None
        return {"fit_intercept": self.fit_intercept, "standardize": self.standardize, "sample_weight": sample_weight,
                "penalty_factor": by_column(self.penalty_factor, self._names(), 1.0, "penalty_factor"),
                "tol": self.tol, "max_iter": self.max_iter,
                "n_threads": None if self.n_jobs is None else effective_n_jobs(self.n_jobs)} | self._bounds() | more

    def _bounds(self):
        """Return the bounds on the coefficients as arguments."""
        if hasattr(self, "positive"):
            return {"lower": 0.0 if self.positive else UNBOUNDED[0]}
        names = self._names()
        return {"lower": by_column(self.lower, names, UNBOUNDED[0], "lower"),
                "upper": by_column(self.upper, names, UNBOUNDED[1], "upper")}

    def _names(self):
        """Return the names of the columns that the estimator was fitted to, as a list, or None."""
        names = getattr(self, "feature_names_in_", None)
        return None if names is None else list(names)

    def _name_results(self):
        """Hand the names of the columns to every result that is kept."""
        names = self._names()
        for result in [value for value in vars(self).values() if isinstance(value, Result)] if names else ():
            result.feature_names = names

    def claim(self) -> tuple[NDArray[Any], float, dict[str, Any]]:
        """Return (coef, intercept, {alpha and the options of the fit}): what `fastlasso.verify` checks.

        Raises
        ------
        ValueError
            Where the estimator has several targets, or keeps no solution of one convex problem.
        """
        check_is_fitted(self)
        solution = getattr(self, "_solution", None)
        if solution is None:
            raise ValueError(f"this {type(self).__name__} has no single certified solution to verify")
        return solution.claim()

    @property
    def result_(self) -> Result:
        """The result that the verbs below ask: `cv_result_`, `schedule_`, `stability_path_`, `path_`, or the solution.

        Raises
        ------
        AttributeError
            Where the estimator has several targets, so no single result.
        """
        check_is_fitted(self)
        for name in RESULTS:
            if vars(self).get(name) is not None:
                return vars(self)[name]
        raise AttributeError(f"this {type(self).__name__} has several targets: fit_path(X, Y) keeps a path of each")

    def at(self, alpha: Any = None) -> Any:
        """Return the solution at an alpha, by default at the chosen one; as the result's `at`."""
        return self._chosen(alpha).at() if alpha is None else self.result_.at(alpha)

    def coefficients(self, alpha: Any = None, nonzero: bool = False) -> Any:
        """Return the coefficients by name; as the result's `coefficients`."""
        return self._chosen(alpha).coefficients(alpha, nonzero)

    def _chosen(self, alpha):
        """Return the result; for no alpha the solution where the estimator keeps one."""
        result = self.result_
        return result if alpha is not None else vars(self).get("_solution") or result

    def plot(self, ax: Any = None, **more: Any) -> Any:
        """Draw the result; as its `plot`."""
        return self.result_.plot(ax, **more)

    def save(self, file: str | PathLike[str]) -> None:
        """Write the result to a file, which `fastlasso.load` reads; as the result's `save`."""
        self.result_.save(file)

    def summary(self, rows: int = 12) -> str:
        """Return the table of the result as text; as its `summary`."""
        return self.result_.summary(rows)

    def to_frame(self) -> Any:
        """Return the table of the result; as its `to_frame`."""
        return self.result_.to_frame()

    def _with_offset(self, scores, offset):
        """Return scores plus an offset, which a fit with one asks for."""
        if offset is None:
            if self.has_offset_:
                raise ValueError(NO_OFFSET)
            return scores
        return scores + finite_vector(offset, len(scores), "offset")

    def _rows(self, X):
        """Return X checked for a prediction: its columns must be those of the fit."""
        check_is_fitted(self)
        if is_far(X):
            matrix = far_matrix(X)
            if matrix.shape[1] != self.n_features_in_:
                raise ValueError(f"X has {matrix.shape[1]} features, but {type(self).__name__} is expecting "
                                 f"{self.n_features_in_} features as input.")
            return matrix
        X = sound_sparse(X) if sparse.issparse(X) else nothing_masked(X, "X")
        return validate_data(self, X, accept_sparse=["csr", "csc"], dtype=list(FLOATS), reset=False)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


@described
class LinearModel(RegressorMixin, Estimator):
    """Keep coefficients and predict: what every linear model does.

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

    coef_: Floats
    intercept_: Any
    dual_gap_: Any
    n_iter_: Any

    def _keep(self, solutions, dtype, one_target):
        """Set `coef_`, `intercept_`, `dual_gap_`, `n_iter_` from one `LassoFit` per target, in X's dtype."""
        self._solution = solutions[0] if len(solutions) == 1 else None
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
    def sparse_coef_(self) -> Any:
        """`coef_` as a sparse matrix in CSR format, shape (1, n_features) or (n_targets, n_features)."""
        return as_sparse(self.coef_)

    def predict(self, X: Data) -> Floats:
        """Return intercept_ + X coef_.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        return self._rows(X) @ self.coef_.T + self.intercept_
