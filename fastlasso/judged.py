"""What the judge reads: the problem and the solution to be judged, validated once, and X in blocks.

The problem is that of `certificate`, with alpha and the scales s_j multiplied into the penalty.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .validation import sound_sparse

UNIT = 2.0**-53  # unit roundoff of float64
BLOCK = 2**18  # values per dense block of X: 2 MB of float64 stays in cache, where 32 MB would not
STORED = 2**21  # stored values per sparse block: scipy.sparse copies the indices of smaller views
QUIET = {"divide": "ignore", "invalid": "ignore", "over": "ignore"}  # where 0/0 is masked and x/0 means infinity


@dataclass(frozen=True)
class Options:
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


@dataclass(frozen=True)
class Columns:
    """The columns of X, read as blocks of X - 1 centre'.

    norm[j] bounds the weighted norm of column j minus its centre, up to rounding; sd[j] is its weighted standard
    deviation.
    """

    X: object
    centre: np.ndarray
    norm: np.ndarray
    sd: np.ndarray

    def times(self, b):
        """Return (X - 1 centre') b."""
        product = np.zeros(self.X.shape[0])
        for rows, cols, block in blocks(self.X, self.centre):
            if b[cols].any():
                product[rows] += block @ b[cols]
        return product

    def correlate(self, v):
        """Return (X - 1 centre')' v, for v of shape (n,) or (n, k)."""
        product = np.zeros((self.X.shape[1], *v.shape[1:]))
        for rows, cols, block in blocks(self.X, self.centre):
            product[cols] += block.T @ v[rows]
        return product

    def gather(self, chosen):
        """Return the columns `chosen` (sorted indices) of X - 1 centre' as a dense array."""
        dense = np.zeros((self.X.shape[0], len(chosen)), order="F")
        for rows, cols, block in blocks(self.X, self.centre):
            first, last = np.searchsorted(chosen, (cols.start, cols.stop))
            part = block[:, chosen[first:last] - cols.start]
            dense[rows, first:last] = part.toarray() if sparse.issparse(part) else part
        return dense


@dataclass(frozen=True)
class Penalty:
    """h_j(b) = l1 |b| + l2/2 b^2 on [lower, upper], one entry per column."""

    l1: np.ndarray
    l2: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def take(self, chosen):
        """Return the penalty of the columns `chosen`."""
        return Penalty(self.l1[chosen], self.l2[chosen], self.lower[chosen], self.upper[chosen])

    @property
    def rigid(self):
        """Where c_j <= l1_j, and where c_j >= -l1_j, is a constraint of the dual: nothing stops b_j on that side."""
        return (self.l2 == 0) & np.isposinf(self.upper), (self.l2 == 0) & np.isneginf(self.lower)

    def value(self, b):
        """h(b), whatever the bounds."""
        return self.l1 * np.abs(b) + 0.5 * self.l2 * b * b

    def maximiser(self, c):
        """Return (b, e): b maximises c b - h(b); e = soft_threshold(c, l1) - l2 b is what a bound leaves over."""
        excess = np.sign(c) * np.maximum(np.abs(c) - self.l1, 0)
        with np.errstate(**QUIET):
            unbounded = np.where(excess == 0, 0.0, excess / self.l2)
        best = np.clip(unbounded, self.lower, self.upper)
        return best, np.where(best == unbounded, 0.0, excess - self.l2 * best)

    def conjugate(self, c):
        """h*(c) = max_b c b - h(b)."""
        best, left_over = self.maximiser(c)
        return best * (left_over + 0.5 * self.l2 * best)

    def fenchel_young(self, b, c):
        """h(b) + h*(c) - b c for b within the bounds, as a sum of terms that are none of them negative.

        With m the maximiser, e what it leaves over and m != 0 (l1 |m| = l1 sign(m) m):
            l2/2 (b - m)^2 + l1 (|b| - sign(m) b) + (m - b) e;     for m = 0:  l2/2 b^2 + |b| (l1 - sign(b) c).
        """
        best, left_over = self.maximiser(c)
        moved = self.l1 * (np.abs(b) - np.sign(best) * b) + (best - b) * left_over
        at_zero = np.abs(b) * (self.l1 - np.sign(b) * c)
        return 0.5 * self.l2 * (b - best) ** 2 + np.where(best == 0, at_zero, moved)


@dataclass(frozen=True)
class Problem:
    """The validated problem and the solution to be judged.

    n-vectors called root-weighted are multiplied by root = sqrt(w / W), which makes <u, v> their plain dot product.
    """

    columns: Columns
    penalty: Penalty
    root: np.ndarray
    target: np.ndarray  # root-weighted z - target_mean
    target_mean: float  # 0 without an intercept
    coef: np.ndarray
    intercept: float
    fit_intercept: bool

    @property
    def feasible(self):
        """Whether the coefficients respect the bounds."""
        return bool(np.all((self.penalty.lower <= self.coef) & (self.coef <= self.penalty.upper)))

    @property
    def null_objective(self):
        """P(0) = 1/2 |z - mean|^2."""
        return 0.5 * total(self.target**2)


def read_problem(X, y, coef, intercept, options):
    """Validate the arguments of `verify` into a Problem."""
    X = read_matrix(X)
    n, p = X.shape
    root = root_weights(options.sample_weight, n)
    y = finite(read_vector(y, "y", n), "y")
    offset = np.zeros(n) if options.offset is None else finite(read_vector(options.offset, "offset", n), "offset")
    target, rounding = exact_difference(y, offset)
    columns = read_columns(X, root**2, options)
    mean = shifted_mean(target, root) if options.fit_intercept else 0.0
    return Problem(
        columns=columns,
        penalty=read_penalty(columns.sd, options),
        root=root,
        target=root * (target - mean + rounding),
        target_mean=mean,
        coef=finite(read_vector(coef, "coef", p), "coef"),
        intercept=read_intercept(intercept, options.fit_intercept),
        fit_intercept=bool(options.fit_intercept),
    )


def read_matrix(X):
    """Return X as a 2-d numeric ndarray, CSR or CSC, without copying those."""
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
    """Return `values`, no entry of which may be masked: what is below the mask is no data."""
    if np.ma.is_masked(values):
        raise ValueError(f"{name} contains masked entries")
    return values


def finite(vector, name):
    """Return `vector`, which must not hold infinity."""
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
    """Return the intercept as a float; without fit_intercept the problem has none."""
    value = np.asarray(intercept, dtype=np.float64)
    if value.size != 1 or not np.isfinite(value).all():
        raise ValueError(f"intercept must be one finite number, got {intercept!r}")
    if not fit_intercept and value.item() != 0:
        raise ValueError(f"intercept must be 0 when fit_intercept is false, got {intercept!r}")
    return value.item()


def read_penalty(sd, options):
    """Return h with alpha and s_j multiplied in; an excluded column is one bounded to [0, 0]."""
    p = len(sd)
    if not 0 <= options.alpha < math.inf:
        raise ValueError(f"alpha must be finite and not negative, got {options.alpha!r}")
    if not 0 <= options.l1_ratio <= 1:
        raise ValueError(f"l1_ratio must be between 0 and 1, got {options.l1_ratio!r}")
    lower, upper = repeated(options.lower, "lower", p), repeated(options.upper, "upper", p)
    if (lower > 0).any() or (upper < 0).any():
        raise ValueError("bounds must satisfy lower <= 0 <= upper")
    factor = np.ones(p) if options.penalty_factor is None else repeated(options.penalty_factor, "penalty_factor", p)
    if (factor < 0).any():
        raise ValueError("penalty_factor has negative entries")
    scale = sd if options.standardize else np.ones(p)
    excluded = np.isposinf(factor) | (scale == 0)
    strength = options.alpha * np.where(excluded, 0.0, factor)
    return Penalty(
        l1=strength * options.l1_ratio * scale,
        l2=strength * (1 - options.l1_ratio) * scale**2,
        lower=np.where(excluded, 0.0, lower),
        upper=np.where(excluded, 0.0, upper),
    )


# Reading X.


def blocks(X, centre):
    """Yield (rows, cols, block): slices, and X[rows, cols] - 1 centre' in float64, valid until the next one.

    A sparse block subtracts the centre from stored values only: a column with implicit zeros must have centre 0.
    """
    return sparse_blocks(X, centre) if sparse.issparse(X) else dense_blocks(X, centre)


def dense_blocks(X, centre):
    """Yield whole rows of a row-major X, whole columns of any other, in one reused buffer."""
    by_row = abs(X.strides[0]) > abs(X.strides[1])
    n_major, n_minor = X.shape if by_row else X.shape[::-1]
    step = max(1, BLOCK // max(n_minor, 1))
    buffer = np.empty((min(step, n_major), n_minor))
    for start in range(0, n_major, step):
        major, minor = slice(start, min(start + step, n_major)), slice(0, n_minor)
        rows, cols = (major, minor) if by_row else (minor, major)
        block = buffer[: major.stop - start]
        block = block if by_row else block.T
        np.subtract(X[rows, cols], centre[cols], out=block, dtype=np.float64, casting="same_kind")
        yield rows, cols, block


def sparse_blocks(X, centre):
    """Yield groups of rows of a CSR matrix or of columns of a CSC matrix; duplicates are summed in the block."""
    by_row = X.format == "csr"
    kind = sparse.csr_array if by_row else sparse.csc_array
    n_major, n_minor = X.shape if by_row else X.shape[::-1]
    shifted = centre.any()
    for major in stored_cuts(X.indptr, n_major):
        first, last = X.indptr[major.start], X.indptr[major.stop]
        pointers = X.indptr[major.start : major.stop + 1] - first
        shape = (len(pointers) - 1, n_minor) if by_row else (n_minor, len(pointers) - 1)
        values = X.data[first:last].astype(np.float64, copy=False)
        block = kind((values, X.indices[first:last], pointers), shape=shape, copy=False)
        if not block.has_canonical_format:
            block = block.copy()
            block.sum_duplicates()
        rows, cols = (major, slice(0, n_minor)) if by_row else (slice(0, n_minor), major)
        if shifted:
            block.data = block.data - centre_of_stored(block, centre[cols])
        yield rows, cols, block


def stored_cuts(indptr, n_major):
    """Yield slices of rows (or columns) that hold at most STORED stored values, or are single."""
    start = 0
    while start < n_major:
        stop = int(np.searchsorted(indptr, indptr[start] + STORED, side="right")) - 1
        stop = min(max(stop, start + 1), n_major)
        yield slice(start, stop)
        start = stop


def centre_of_stored(block, centre):
    """Return the centre of the column of each stored value."""
    return centre[block.indices] if block.format == "csr" else np.repeat(centre, np.diff(block.indptr))


def squared(block):
    """Return the block with its values squared; a dense block is overwritten."""
    if not sparse.issparse(block):
        return np.square(block, out=block)
    return type(block)((block.data**2, block.indices, block.indptr), shape=block.shape, copy=False)


def read_columns(X, q, options):
    """Return the columns of X with what centring and scaling need to know about them.

    A float close to the mean is as good a centre as the mean, because theta is orthogonal to 1. It is found in two
    steps, first row then mean about it, so that the values of a constant column become exactly 0.
    """
    centre = np.zeros(X.shape[1])
    with np.errstate(**QUIET):
        if options.fit_intercept or options.standardize:
            centre = close_to_mean(X, q)
        square, mean = np.zeros(X.shape[1]), np.zeros(X.shape[1])
        for rows, cols, block in blocks(X, centre):
            mean[cols] += block.T @ q[rows]
            square[cols] += squared(block).T @ q[rows]
    if not np.isfinite(square).all():
        raise ValueError("X contains NaN, infinity or a value too large for float64")
    norm, sd = np.sqrt(square), np.sqrt(np.maximum(square - mean**2, 0))
    if options.fit_intercept:
        return Columns(X, centre, norm, sd)
    return Columns(X, np.zeros_like(centre), norm + np.abs(centre), sd)


def close_to_mean(X, q):
    """Return the weighted mean of each column that has no implicit zeros, 0 for the others."""
    full = full_columns(X, q)
    if not full.any():
        return np.zeros(X.shape[1])
    row = X[[int(np.argmax(q > 0))]]
    row = row.toarray() if sparse.issparse(row) else row
    centre = np.where(full, row.ravel().astype(np.float64), 0.0)
    shift = np.zeros_like(centre)
    for rows, cols, block in blocks(X, centre):
        shift[cols] += block.T @ q[rows]
    return np.where(full, centre + shift, 0.0)


def full_columns(X, q):
    """Tell which columns store a value in every row of positive weight."""
    if not sparse.issparse(X):
        return np.ones(X.shape[1], dtype=bool)
    counted = (q > 0).astype(np.float64)
    stored = np.zeros(X.shape[1])
    for rows, cols, block in blocks(X, stored):
        ones = type(block)((np.ones(block.nnz), block.indices, block.indptr), shape=block.shape, copy=False)
        stored[cols] += ones.T @ counted[rows]
    return stored == counted.sum()


# Sums. No BLAS on single vectors: its threads cost more than the sum when other processes hold the cores.


def total(values):
    """Return the correctly rounded sum."""
    return math.fsum(values[values != 0].tolist())


def euclidean_norm(v):
    """Return |v|; the pairwise sum of NumPy is accurate to a few units."""
    return math.sqrt(np.sum(v * v))


def exact_difference(a, b):
    """Return (d, e) with d = fl(a - b) and d + e = a - b exactly (Knuth)."""
    d = a - b
    taken = a - d
    return d, (a - (d + taken)) + (taken - b)


def shifted_mean(values, root):
    """Return the weighted mean; exact for constant values."""
    origin = values[np.argmax(root > 0)]
    return float(origin + total(root * root * (values - origin)))


def dot_rounding(n):
    """Bound of the relative error of a dot product of n terms, in units of the product of the norms."""
    return (8 + math.sqrt(n)) * UNIT
