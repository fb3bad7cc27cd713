"""What the judge reads: the arguments of `verify`, validated once into a problem and the solution to be judged.

Alpha and the scales s_j are multiplied into the penalty here; `certificate` has the formulas.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..frames import check_rows, row_labels
from ..validation import sound_sparse
from .columns import Chunks, Columns, Streamed, read_columns
from .losses import SquaredError
from .penalties import Penalty
from .registry import SQUARED_ERROR, find_loss
from .rounding import total
from .rows import Rows
from .targets import plain


@dataclass(frozen=True)
class Arguments:
    """The keyword arguments of `verify`, as given."""

    alpha: float
    l1_ratio: float
    fit_intercept: bool
    standardize: bool
    sample_weight: object
    offset: object
    penalty_factor: object
    lower: object
    upper: object
    loss: object = SQUARED_ERROR


@dataclass(frozen=True)
class JudgedProblem:
    """The problem, and the solution whose distance from the best one is to be found.

    Attributes
    ----------
    columns : Columns
    loss : SquaredError or Rows
    penalty : Penalty
    root : ndarray of shape (n_samples,)
        sqrt(w_i / W). A vector multiplied by it is called root-weighted: <u, v> is then a plain dot product.
    coef : ndarray of shape (n_features,)
    intercept : float
    fit_intercept : bool
    """

    columns: Columns
    loss: object
    penalty: Penalty
    root: np.ndarray
    coef: np.ndarray
    intercept: float
    fit_intercept: bool

    @property
    def feasible(self):
        """Whether the coefficients respect the bounds."""
        return self.penalty.contains(self.coef)


def read_problem(X, y, coef, intercept, arguments):
    """Validate the arguments of `verify` into a `JudgedProblem`."""
    for name, rows in (("y", y), ("sample_weight", arguments.sample_weight), ("offset", arguments.offset)):
        check_rows(row_labels(X), rows, name)
    X = read_matrix(X)
    n, p = X.shape
    fit_intercept = bool(arguments.fit_intercept)
    root = root_weights(arguments.sample_weight, n)
    twin = find_loss(arguments.loss)
    y = read_target(twin, y, root)
    offset = np.zeros(n) if arguments.offset is None else finite(read_vector(arguments.offset, "offset", n), "offset")
    columns = read_columns(X, root**2, fit_intercept, arguments.standardize)
    return JudgedProblem(
        columns=columns,
        loss=make_loss(twin, y, offset, root, fit_intercept),
        penalty=read_penalty(columns.sd, arguments),
        root=root,
        coef=finite(read_vector(coef, "coef", p), "coef"),
        intercept=read_intercept(intercept, fit_intercept),
        fit_intercept=fit_intercept)


def read_target(twin, y, root):
    """Return y as the loss reads it."""
    if twin is None:
        return finite(read_vector(y, "y", len(root)), "y")
    return twin.target(plain(y, len(root)), root**2)


def make_loss(twin, target, offset, root, fit_intercept):
    """Return the loss with its target and offset inside it: `SquaredError` for no twin, `Rows` for one."""
    if twin is None:
        return SquaredError.of(target, offset, root, fit_intercept)
    return Rows(twin, target, offset, root**2, fit_intercept)


def read_matrix(X):
    """Return X as a 2-d numeric ndarray, CSR or CSC, without copying those, or as `Streamed`."""
    X = X.X if hasattr(X, "target_name") and hasattr(X, "X") else X        # of a data set
    if hasattr(X, "read_blocks"):
        return Streamed(X)
    if hasattr(X, "to_delayed"):
        return Streamed(Chunks(X))
    X = X if sparse.issparse(X) else np.asarray(unmasked(X, "X"))
    if X.ndim != 2:
        raise ValueError(f"X must have two dimensions, got {X.ndim}")
    if sparse.issparse(X):
        X = sound_sparse(X)
    if X.dtype.kind not in "biuf":
        raise ValueError(f"X must hold real numbers, got dtype {X.dtype}")
    if X.shape[0] == 0:
        raise ValueError("X has no rows")
    return X


def read_vector(values, name, size):
    """Return `values` as a float64 vector of length `size` without NaN."""
    if sparse.issparse(values):
        values = values.toarray().ravel()
    vector = np.asarray(unmasked(values, name), dtype=np.float64)
    if vector.shape != (size,):
        raise ValueError(f"{name} has shape {vector.shape}, expected ({size},)")
    if np.isnan(vector).any():
        raise ValueError(f"{name} contains NaN")
    return vector


def unmasked(values, name):
    """Return `values`, or raise where an entry is masked: what is below the mask is no data."""
    if np.ma.is_masked(values):
        raise ValueError(f"{name} contains masked entries")
    return values


def finite(vector, name):
    """Return `vector`, or raise where it holds infinity."""
    if not np.isfinite(vector).all():
        raise ValueError(f"{name} contains infinity")
    return vector


def repeated(value, name, size):
    """Return a scalar or vector as a vector of length `size`."""
    return read_vector(np.full(size, value) if np.ndim(value) == 0 else value, name, size)


def root_weights(sample_weight, n):
    """Return sqrt(w / W)."""
    if sample_weight is None:
        return np.full(n, math.sqrt(1 / n))
    weight = finite(read_vector(sample_weight, "sample_weight", n), "sample_weight")
    if (weight < 0).any():
        raise ValueError("sample_weight has negative entries")
    if not weight.any():
        raise ValueError("sample_weight is zero for every sample")
    weight = weight / weight.max()
    return np.sqrt(weight / total(weight))


def read_intercept(intercept, fit_intercept):
    """Return the intercept as a float, or raise where the problem has none and it is not 0."""
    value = np.asarray(intercept, dtype=np.float64)
    if value.size != 1 or not np.isfinite(value).all():
        raise ValueError(f"intercept must be one finite number, got {intercept!r}")
    if not fit_intercept and value.item() != 0:
        raise ValueError(f"intercept must be 0 when fit_intercept is false, got {intercept!r}")
    return value.item()


def read_penalty(sd, arguments):
    """Return the penalty with alpha and s_j multiplied in; an excluded column is one bounded to [0, 0]."""
    p = len(sd)
    if not 0 <= arguments.alpha < math.inf:
        raise ValueError(f"alpha must be finite and not negative, got {arguments.alpha!r}")
    if not 0 <= arguments.l1_ratio <= 1:
        raise ValueError(f"l1_ratio must be between 0 and 1, got {arguments.l1_ratio!r}")
    lower, upper = repeated(arguments.lower, "lower", p), repeated(arguments.upper, "upper", p)
    if (lower > 0).any() or (upper < 0).any():
        raise ValueError("bounds must satisfy lower <= 0 <= upper")
    factor = 1.0 if arguments.penalty_factor is None else arguments.penalty_factor
    factor = repeated(factor, "penalty_factor", p)
    if (factor < 0).any():
        raise ValueError("penalty_factor has negative entries")
    scale = sd if arguments.standardize else np.ones(p)
    dropped = scale == 0
    if not arguments.fit_intercept:
        dropped &= factor > 0       # a constant column without a penalty is an intercept of one's own
    excluded = np.isposinf(factor) | dropped
    strength = arguments.alpha * np.where(excluded, 0.0, factor)
    return Penalty(
        l1=strength * arguments.l1_ratio * scale,
        l2=strength * (1 - arguments.l1_ratio) * scale**2,
        lower=np.where(excluded, 0.0, lower),
        upper=np.where(excluded, 0.0, upper))
