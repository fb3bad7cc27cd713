"""Everything a caller passes, checked once and before any kernel runs, with errors in scikit-learn's words."""

import math
import numbers

import numpy as np

# Bounds that bound nothing.
UNBOUNDED = (-np.inf, np.inf)
# Sums of squares below it have lost digits to underflow.
SMALLEST_SQUARE = 1e-292
# A column varies by rounding alone if its standard deviation is at most this share of its mean, as of .1 + .2 and .3.
# With 4 in the place of 4.0123, columns that differ by whole last places lie exactly on the limit (.3 five times,
# changed by 1, -1, 8, -5 and -5 of them), where the rounding of a sum would decide.
ROUNDING_SHARE = 4.0123 * 2.0**-52
CLASSES_HINT = "For two classes take loss='log_loss'; numbers stored otherwise become numbers by y.astype(float)"
# What SciPy converts from one sparse format to another.
CONVERTED_BY_SCIPY = tuple(map(np.dtype, "?bBhHiIlLqQfd"))
CORRUPT = "corrupt sparse matrix: "
BAD_POINTERS = "indptr must start at 0, never decrease and end at the number of stored values"
BAD_INDEX = "index out of range: indices must lie in [0, {})"


def is_engine_float(dtype):
    """Whether the engine reads this type in place: C's float or double, in the machine's byte order.

    A long double of 8 bytes (Windows, macOS on arm64) equals float64 in NumPy, but its buffers say otherwise.
    """
    return dtype.char in "fd" and dtype.isnative


def doubles(values):
    """Return values as float64, not copied if they are that already, whose buffers say so (see `is_engine_float`)."""
    array = np.asarray(values, dtype=np.float64)
    return array if is_engine_float(array.dtype) else array.astype(np.float64)


def finite_vector(value, size, name):
    """Return `value` as a float64 vector of length `size`; a scalar is repeated, without taking memory where long."""
    if type(value) is float:
        return repeated(value, size)
    array = np.asarray(nothing_masked(value, name))
    if array.dtype.kind == "O":
        array = as_numbers(array, name)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be real numbers, got dtype {array.dtype}")
    array = doubles(array)
    if array.ndim == 0:
        return repeated(float(array), size)
    if array.shape != (size,):
        raise ValueError(f"{name}.shape == {array.shape}, expected {(size,)}")
    return array


def nothing_masked(value, name):
    """Return `value`; raise ValueError where it is a masked array with masked entries, which are no data."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(f"Input {name} contains masked entries; fill them or leave them out")
    return value


def repeated(value, size):
    """A constant vector: a read-only broadcast of one value above 1024 entries, a plain array up to there."""
    return np.full(size, value) if size <= 1024 else np.broadcast_to(value, (size,))


def as_numbers(array, name):
    """Return an object array as float64; raise ValueError where it holds values that are not numbers."""
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} holds values that are not numbers: {error}") from error


def no_nan_or_inf(array, name):
    """Return the array; raise ValueError where a value is NaN or infinite."""
    if not np.isfinite(array).all():
        what = "NaN" if np.isnan(array).any() else "infinity or a value too large for dtype('float64')"
        raise ValueError(f"Input {name} contains {what}.")
    return array


def compressed(X):
    """Return a sparse X as CSR or CSC; other formats are converted, their coordinates checked first.

    SciPy's conversions do not check indices before they write to the places these point at.
    """
    if X.format in ("csr", "csc"):
        return X
    if X.format == "dia" and np.shape(X.offsets) != np.shape(X.data)[:1]:
        raise ValueError(f"{CORRUPT}{np.shape(X.offsets)} offsets for diagonals of shape {np.shape(X.data)}")
    if X.format == "lil" and list(map(len, X.rows)) != list(map(len, X.data)):
        raise ValueError(f"{CORRUPT}a row has as many indices as values in every sound one")
    if X.format == "bsr":
        check_range(X.indices, X.shape[1] // X.blocksize[1])
    X = X.tocoo()
    if X.dtype.kind not in "c" and X.dtype not in CONVERTED_BY_SCIPY:
        X = type(X)((as_numbers(np.asarray(X.data), "X"), (X.row, X.col)), shape=X.shape)
    for size, index in zip(X.shape, (X.row, X.col), strict=True):
        if np.shape(index) != np.shape(X.data):
            raise ValueError(f"{CORRUPT}{np.shape(index)} indices for values of shape {np.shape(X.data)}")
        check_range(index, size)
    return X.tocsc()


def check_range(indices, size):
    """Raise ValueError unless all indices are integers in [0, size)."""
    indices = np.asarray(indices)
    if indices.dtype.kind not in "iu":
        raise ValueError(f"{CORRUPT}indices and indptr must be integers")
    if indices.size and not 0 <= indices.min() <= indices.max() < size:
        raise ValueError(CORRUPT + BAD_INDEX.format(size))


def sparse_parts(X):
    """Return (data, indices, indptr) of a CSR or CSC matrix, their kinds and lengths checked."""
    data, indices, indptr = (np.asarray(part) for part in (X.data, X.indices, X.indptr))
    if any(part.ndim != 1 for part in (data, indices, indptr)):
        raise ValueError(f"{CORRUPT}data, indices and indptr must be one-dimensional")
    if indices.dtype.kind not in "iu" or indptr.dtype.kind not in "iu" or data.dtype.kind not in "fiubO":
        raise ValueError(f"{CORRUPT}indices and indptr must be integers, data real numbers")
    n_major = X.shape[X.format == "csc"]
    if len(indptr) != n_major + 1 or len(indices) != len(data):
        raise ValueError(f"{CORRUPT}{len(indptr)} index pointers for {n_major} {X.format} slices, "
                         f"{len(indices)} indices for {len(data)} values")
    if indptr.min() < 0 or indptr.max() > len(data):        # before indptr is narrowed to the type of the indices
        raise ValueError(f"{CORRUPT}indptr must lie between 0 and the number of stored values")
    return data, indices, indptr


def sound_sparse(X):
    """Return a sparse X as CSR or CSC with its structure checked, for use outside the compiled engine."""
    X = compressed(X)
    _, indices, indptr = sparse_parts(X)
    if indptr[0] != 0 or indptr[-1] != len(indices) or (indptr[1:] < indptr[:-1]).any():
        raise ValueError(CORRUPT + BAD_POINTERS)
    check_range(indices, X.shape[X.format == "csr"])
    return X


def as_labels(y):
    """Return y; a list with NaN in it as an array of objects, for beside words NumPy would make a word of NaN."""
    if isinstance(y, list | tuple) and any(isinstance(one, float) and one != one for one in y):
        return np.array(y, dtype=object)
    return y


def same_length(y, n_samples):
    """Return y as an array of n_samples entries of any type; a single column is flattened."""
    y = np.asarray(as_labels(nothing_masked(y, "y")))
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(f"y should be a 1d array, got an array of shape {y.shape} instead.")
    if len(y) != n_samples:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: [{n_samples}, {len(y)}]")
    return y


def target(y, n_samples, loss="squared_error"):
    """Return y as a contiguous float64 vector; a single column is flattened. Errors name the loss."""
    y = np.asarray(nothing_masked(y, "y"))
    if y.dtype.kind == "c":
        raise ValueError("Complex data not supported: y is complex")
    y = numeric_target(same_length(y, n_samples), loss)
    return no_nan_or_inf(np.ascontiguousarray(finite_vector(y, n_samples, "y")), "y")


def numeric_target(y, loss):
    """Return y; raise TypeError or ValueError where it holds text or booleans, which are classes and not numbers."""
    if y.dtype.kind == "O" and len(y) and all(isinstance(value, bool | np.bool_) for value in y):
        y = y.astype(bool)
    if y.dtype.kind in "USTb":
        what = "booleans" if y.dtype.kind == "b" else f"text such as {str(y[0])!r}"
        raise TypeError(f"y must be real numbers under loss={loss!r}, got {what}. {CLASSES_HINT}")
    if y.dtype.kind == "O":
        try:
            return as_numbers(y, "y")
        except ValueError as error:
            raise ValueError(f"{error}. {CLASSES_HINT}") from error
    return y


def sample_weights(value, n_samples):
    """Return weights that sum to one, or None where all are equal. Only ratios matter."""
    if value is None or (isinstance(value, numbers.Real) and 0 < value < np.inf):
        return None
    weights = no_nan_or_inf(finite_vector(value, n_samples, "sample_weight"), "sample_weight")
    if weights.min() < 0:
        raise ValueError("Negative values in data passed to `sample_weight`")
    largest = weights.max()
    if largest == 0:
        raise ValueError("All values of sample_weight are zero: at least one weight must be non-zero")
    weights = weights / largest
    if weights.min() == 1.0:
        return None
    return weights / weights.sum()


def penalty_factors(value, n_features):
    """Return v in [0, inf], one per feature."""
    if value is None:
        return repeated(1.0, n_features)
    factors = finite_vector(value, n_features, "penalty_factor")
    if np.isnan(factors).any() or (n_features and factors.min() < 0):
        raise ValueError("penalty_factor must be >= 0 (inf is allowed, NaN is not)")
    return factors


def bounds(lower, upper, n_features):
    """Return (lower, upper) with lower <= 0 <= upper, one per feature."""
    if lower is UNBOUNDED[0] and upper is UNBOUNDED[1]:
        return repeated(lower, n_features), repeated(upper, n_features)
    lower, upper = finite_vector(lower, n_features, "lower"), finite_vector(upper, n_features, "upper")
    if np.isnan(lower).any() or np.isnan(upper).any():
        raise ValueError("lower and upper must not contain NaN")
    if (lower > 0).any() or (upper < 0).any():
        raise ValueError("bounds must satisfy lower <= 0 <= upper for every feature")
    return lower, upper


def number(value, name, low=-np.inf, high=np.inf, low_open=False):
    """Return a finite float in [low, high]."""
    if type(value) is not float:
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
            raise TypeError(f"{name} must be a number, got {value!r}")
        value = float(value)
    if not low <= value <= high or (low_open and value == low) or math.isinf(value):
        raise ValueError(f"{name} == {value}, must be in {'(' if low_open else '['}{low}, {high}]")
    return value


def whole_number(value, name, low=1):
    """Return an int >= low."""
    if type(value) is not int and (isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral)):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < low:
        raise ValueError(f"{name} == {value}, must be >= {low}")
    return int(value)


def one_of(value, name, allowed):
    """Return `value`, which must be one of the strings allowed."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value


def alpha_grid(alphas):
    """Return user's alphas as a descending float64 vector."""
    grid = np.atleast_1d(np.asarray(nothing_masked(alphas, "alphas")))
    if grid.dtype.kind not in "fiuO" and grid.size:
        raise TypeError(f"alphas must be numbers, got values such as {grid.flat[0].item()!r}")
    grid = doubles(as_numbers(grid, "alphas") if grid.dtype.kind == "O" else grid)
    if grid.ndim != 1 or grid.size == 0:
        raise ValueError("alphas must be a non-empty 1d array")
    if not np.isfinite(grid).all() or grid.min() < 0:
        raise ValueError("alphas must be finite and >= 0")
    return np.sort(grid)[::-1].copy()
