"""X as the judge reads it: in blocks, centred; sparse blocks stay sparse."""

from dataclasses import dataclass
from itertools import islice

import numpy as np
from scipy import sparse

from ..validation import ROUNDING_SHARE, sound_sparse
from .rounding import QUIET

# A dense block has this many values: 2 MB of float64 stays in cache, where 32 MB would not.
BLOCK = 2**18

# A sparse block has this many stored values: scipy.sparse copies the indices of smaller views.
STORED = 2**21


class Streamed:
    """X that is not in memory: ``source.read_blocks()`` yields (rows, cols, part), two slices and their values.

    Parts come in a fixed order, as NumPy arrays, or as CSR or CSC.
    """

    def __init__(self, source):
        self.source, self.shape, self.dtype = source, source.shape, np.dtype(source.dtype)
        self.is_sparse = any(sparse.issparse(part) for _, _, part in islice(source.read_blocks(), 1))

    def parts(self):
        """Yield (rows, cols, part), the structure of sparse parts checked."""
        for rows, cols, part in self.source.read_blocks():
            yield rows, cols, sound_sparse(part) if sparse.issparse(part) else part


class Chunks:
    """A dask array as `Streamed` reads it: each chunk is computed when it is due."""

    def __init__(self, X):
        self.X, self.dtype = X, X.dtype
        lengths = [X.chunks[0], X.chunks[1]]
        if any(np.isnan(length) for length in lengths[0]):
            lengths[0] = [block.compute().shape[0] for block in X.to_delayed()[:, 0]]
        self.edges = [np.concatenate([[0], np.cumsum(length)]).astype(int).tolist() for length in lengths]
        self.shape = self.edges[0][-1], self.edges[1][-1]

    def read_blocks(self):
        """Yield (rows, cols, chunk), empty ones left out."""
        for (i, j), chunk in np.ndenumerate(self.X.to_delayed()):
            rows, cols = slice(*self.edges[0][i:i + 2]), slice(*self.edges[1][j:j + 2])
            if rows.start < rows.stop and cols.start < cols.stop:
                yield rows, cols, chunk.compute()


@dataclass(frozen=True)
class Columns:
    """The columns of X - 1 centre'.

    Attributes
    ----------
    X : array, CSR, CSC or Streamed
    centre : ndarray of shape (n_features,)
    norm : ndarray of shape (n_features,)
        norm[j] bounds the weighted norm of column j minus its centre, up to rounding.
    sd : ndarray of shape (n_features,)
        Weighted standard deviations.
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

    def magnitudes(self, b):
        """Return |X - 1 centre'| |b|: what rounding errors of `times` are measured in."""
        product = np.zeros(self.X.shape[0])
        size = np.abs(b)
        for rows, cols, block in blocks(self.X, self.centre):
            if size[cols].any():
                product[rows] += sized(block) @ size[cols]
        return product

    def moments(self, weight):
        """Return (sum_i weight_i x_ij^2, sum_i weight_i x_ij) per column j of X - 1 centre'."""
        square, mean = np.zeros(self.X.shape[1]), np.zeros(self.X.shape[1])
        for rows, cols, block in blocks(self.X, self.centre):
            mean[cols] += block.T @ weight[rows]
            square[cols] += squared(block).T @ weight[rows]
        return square, mean

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

    def gather_as_stored(self, chosen):
        """Return the columns `chosen` (sorted indices) of X - 1 centre': sparse where X is and their centre is 0."""
        if not is_sparse(self.X) or self.centre[chosen].any() or len(chosen) == 0:
            return self.gather(chosen)
        parts, by_row = [], False
        for _, cols, block in blocks(self.X, self.centre):
            first, last = np.searchsorted(chosen, (cols.start, cols.stop))
            parts.append(block[:, chosen[first:last] - cols.start])
            by_row = cols == slice(0, self.X.shape[1])
        return (sparse.vstack if by_row else sparse.hstack)(parts, format="csc")


def read_columns(X, q, fit_intercept, standardize):
    """Measure the columns of X under the weights q, and return them as `Columns`.

    A float close to the mean is as good a centre as the mean, because theta is orthogonal to 1. It is found in two
    steps, a row and then the mean about it, so that the values of a constant column become exactly 0.
    """
    centre = np.zeros(X.shape[1])
    with np.errstate(**QUIET):
        if fit_intercept or standardize:
            centre = close_to_mean(X, q)
        square, mean = np.zeros(X.shape[1]), np.zeros(X.shape[1])
        for rows, cols, block in blocks(X, centre):
            mean[cols] += block.T @ q[rows]
            square[cols] += squared(block).T @ q[rows]
    if not np.isfinite(square).all():
        raise ValueError("X contains NaN, infinity or a value too large for float64")
    norm, sd = np.sqrt(square), np.sqrt(np.maximum(square - mean**2, 0))
    sd[sd <= ROUNDING_SHARE * np.abs(centre + mean)] = 0.0
    if fit_intercept:
        return Columns(X, centre, norm, sd)
    return Columns(X, np.zeros_like(centre), norm + np.abs(centre), sd)


def close_to_mean(X, q):
    """Return the weighted mean of each column that has no implicit zeros, 0 for the others."""
    full = full_columns(X, q)
    if not full.any():
        return np.zeros(X.shape[1])
    centre = np.where(full, row_of(X, int(np.argmax(q > 0))).astype(np.float64), 0.0)
    shift = np.zeros_like(centre)
    for rows, cols, block in blocks(X, centre):
        shift[cols] += block.T @ q[rows]
    return np.where(full, centre + shift, 0.0)


def full_columns(X, q):
    """Tell which columns store a value in every row of positive weight."""
    if not is_sparse(X):
        return np.ones(X.shape[1], dtype=bool)
    counted = (q > 0).astype(np.float64)
    stored = np.zeros(X.shape[1])
    for rows, cols, block in blocks(X, stored):
        ones = type(block)((np.ones(block.nnz), block.indices, block.indptr), shape=block.shape, copy=False)
        stored[cols] += ones.T @ counted[rows]
    return stored == counted.sum()


def sized(block):
    """Return the block with the absolute values of its entries; a dense block is overwritten."""
    if not sparse.issparse(block):
        return np.abs(block, out=block)
    return type(block)((np.abs(block.data), block.indices, block.indptr), shape=block.shape, copy=False)


def squared(block):
    """Return the block with its values squared; a dense block is overwritten."""
    if not sparse.issparse(block):
        return np.square(block, out=block)
    return type(block)((block.data**2, block.indices, block.indptr), shape=block.shape, copy=False)


def blocks(X, centre):
    """Yield (rows, cols, block): two slices, and X[rows, cols] - 1 centre' in float64, valid until the next one.

    A sparse block subtracts the centre from stored values only: a column with implicit zeros must have centre 0.
    """
    if isinstance(X, Streamed):
        return streamed_blocks(X, centre)
    return sparse_blocks(X, centre) if sparse.issparse(X) else dense_blocks(X, centre)


def streamed_blocks(X, centre):
    """Yield the blocks of each part that a stream yields."""
    for rows, cols, part in X.parts():
        for inner_rows, inner_cols, block in blocks(part, centre[cols]):
            yield within(rows, inner_rows), within(cols, inner_cols), block


def within(outer, inner):
    """Return a slice of a slice, as one slice."""
    return slice(outer.start + inner.start, outer.start + inner.stop)


def is_sparse(X):
    """Tell whether X, or what a stream yields, is sparse."""
    return X.is_sparse if isinstance(X, Streamed) else sparse.issparse(X)


def row_of(X, i):
    """Return one row as a vector."""
    if isinstance(X, Streamed):
        row = np.zeros(X.shape[1])
        for rows, cols, part in X.parts():
            if rows.start <= i < rows.stop:
                row[cols] = row_of(part, i - rows.start)
        return row
    row = X[[i]]
    return (row.toarray() if sparse.issparse(row) else row).ravel()


def dense_blocks(X, centre):
    """Yield whole rows of a row-major X, whole columns of any other, in one reused buffer."""
    by_row = abs(X.strides[0]) > abs(X.strides[1])
    n_major, n_minor = X.shape if by_row else X.shape[::-1]
    step = max(1, BLOCK // max(n_minor, 1))
    buffer = np.empty((min(step, n_major), n_minor))
    for start in range(0, n_major, step):
        major, minor = slice(start, min(start + step, n_major)), slice(0, n_minor)
        rows, cols = (major, minor) if by_row else (minor, major)
        block = buffer[:major.stop - start]
        block = block if by_row else block.T
        np.subtract(X[rows, cols], centre[cols], out=block, dtype=np.float64, casting="same_kind")
        yield rows, cols, block


def sparse_blocks(X, centre):
    """Yield groups of rows of a CSR matrix or of columns of a CSC matrix; a block has its duplicates summed."""
    by_row = X.format == "csr"
    kind = sparse.csr_array if by_row else sparse.csc_array
    n_major, n_minor = X.shape if by_row else X.shape[::-1]
    shifted = centre.any()
    for major in stored_cuts(X.indptr, n_major):
        first, last = X.indptr[major.start], X.indptr[major.stop]
        pointers = X.indptr[major.start:major.stop + 1] - first
        shape = (len(pointers) - 1, n_minor) if by_row else (n_minor, len(pointers) - 1)
        values = X.data[first:last].astype(np.float64, copy=False)
        block = kind((values, X.indices[first:last], pointers), shape=shape, copy=False)
        if not block.has_canonical_format:
            block = block.copy()
            block.sum_duplicates()
        rows, cols = (major, slice(0, n_minor)) if by_row else (slice(0, n_minor), major)
        if shifted:
            values = block.data - centre_of_stored(block, centre[cols])
            block = kind((values, block.indices, block.indptr), shape=shape, copy=False)
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
