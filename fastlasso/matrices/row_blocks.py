"""X in blocks of rows that are not in memory: on disk (`mapped.py`) or with the workers of a cluster (`dask_rows.py`).

Every verb is a sum over blocks, or a list of their parts. What is computed of one block is a function at the end of
this file; a source of blocks runs it wherever the block is.
"""

from itertools import repeat

import numpy as np

from .._engine import engine
from ..parallel import Pool
from ..validation import BAD_INDEX, BAD_POINTERS, CORRUPT
from .base import Matrix, compressible
from .dense import LINE, with_room
from .gathered import GatheredDense, GatheredSparse
from .sparse import SparseColumns, lengthened
from .tiling import equal_weights

# Copies of columns may take this share of X's bytes.
COPIED = 0.15
# Nanoseconds to bring one byte of X from where it is, at 1 GB/s.
NS_PER_BYTE = 1.0
# Nanoseconds of a multiply-add of a Gram matrix.
NS_PRODUCT = 0.03
# Matrices of that size that are held at once.
GRAM_COPIES = 5
# A Gram matrix of all columns may take as long as this many passes.
DEAR_GRAM = 15
# Rows of a dense block whose columns are copied at a time.
COPY_ROWS = 4096


class Blocks:
    """A source of blocks of rows, in their order. A subclass says how a function reaches the blocks.

    Attributes
    ----------
    shape, dtype, nnz, nbytes, is_sparse
        Those of X.
    starts : ndarray of shape (n_blocks + 1,)
        First row of each block, and the number of rows. No block is empty.
    """

    def each(self, part, pool, arguments, blocks=None):
        """Yield part(block, pool, *arguments(k)) for each block k, or for some of them, in order."""
        raise NotImplementedError

    def total(self, part, pool, arguments):
        """Return the sum of part(block, pool, *arguments(k)) over the blocks, in an order that the data alone fix."""
        total = None
        for term in self.each(part, pool, arguments):
            if total is None:
                total = term
            else:
                total += term
            del term        # before the next is formed: it may hold 8 vectors of p
        return total

    def kept(self, vector):
        """Return what stands for each block's part of a vector of n that is given again and again."""
        return [vector[self.rows(k)] for k in range(self.count)]

    def rows(self, k):
        """The rows of block k as a slice."""
        return slice(int(self.starts[k]), int(self.starts[k + 1]))

    @property
    def count(self):
        """Number of blocks."""
        return len(self.starts) - 1

    def close(self):
        """Let go of files, or of a cluster's memory."""


class RowBlocks(Matrix):
    """X in blocks of rows, read anew in each pass; sums are formed in an order that the data alone fix.

    Parameters
    ----------
    blocks : Blocks
    """

    has_sums = True
    by_columns = False
    is_far = True

    def __init__(self, blocks):
        self.blocks, self.shape, self.dtype = blocks, blocks.shape, blocks.dtype
        self.nnz, self.nbytes = blocks.nnz, blocks.nbytes
        self.is_sparse = blocks.is_sparse
        self.visit_ns = 2.0 if blocks.is_sparse else 0.4
        self.gathered_kind = GatheredSparse if blocks.is_sparse else GatheredDense
        self._stored = None

    @property
    def pass_ns(self):
        return self.nnz * self.visit_ns + NS_PER_BYTE * self.nbytes

    @property
    def pays_to_sum(self):
        return not self.is_sparse and self.is_compressible(self.shape[1])

    def is_compressible(self, n_cols):
        """As for any matrix, and where a Gram matrix and what is formed on the way to it take a quarter of X's bytes.

        The multiply-adds of a row then cost at most DEAR_GRAM times what its values cost to bring.
        """
        n, stored = self.shape[0], self.nnz / self.shape[0]
        fits = 8 * GRAM_COPIES * n_cols**2 <= self.nbytes / 4 and n >= 4 * n_cols
        return compressible((n, n_cols)) or (fits and NS_PRODUCT * stored <= DEAR_GRAM * self.pass_ns / self.nnz)

    def pays_to_select(self, n_cols):
        return self.is_sparse or n_cols * LINE < self.shape[1]

    def _total(self, pool, part, arguments):
        return self.blocks.total(part, pool, lambda k: arguments(self.blocks.rows(k)))

    def _each(self, pool, part, arguments):
        """Yield (rows, part of the block) for each block."""
        parts = self.blocks.each(part, pool, lambda k: arguments(self.blocks.rows(k)))
        for k, found in enumerate(parts):
            yield self.blocks.rows(k), found

    def _weights(self, weights):
        return equal_weights(self.shape[0]) if weights is None else weights

    # ------------------------------------------------------------ the columns

    def _counts(self, pool):
        """Stored values of each column. The first pass of all: it checks the structure of every block."""
        if self._stored is None:
            self._stored = self._total(pool, count_part, lambda rows: ()).astype(np.int64)
        return self._stored

    def _full(self, pool):
        """Columns stored in every row."""
        return np.flatnonzero(self._counts(pool) >= self.shape[0])

    def column_sizes(self, cols):
        if not self.is_sparse:
            return np.full(len(cols), self.shape[0])
        with Pool(1) as pool:
            return self._counts(pool)[cols]

    def check_finite(self):
        with Pool(1) as pool:
            for _ in self._each(pool, finite_part, lambda rows: ()):
                pass

    def typical(self):
        with Pool(1) as pool:
            if not self.is_sparse:
                return next(iter(self.blocks.each(typical_part, pool, lambda k: (), [0])))
            return self._values_in(0, self._full(pool), pool)

    def _values_in(self, row, full, pool):
        """Values in one row of some columns, which it stores; others 0."""
        values = np.zeros(self.shape[1])
        if len(full):
            k = int(np.searchsorted(self.blocks.starts, row, side="right")) - 1
            at = row - int(self.blocks.starts[k])
            values[full], = self.blocks.each(values_part, pool, lambda _: (at, full), [k])
        return values

    def _likely_full(self, pool):
        """Columns that are stored in every row as far as is known: of the first block, before the first pass."""
        if self._stored is not None:
            return self._full(pool)
        counts, = self.blocks.each(count_part, pool, lambda _: (), [0])
        return np.flatnonzero(counts >= self.blocks.starts[1])

    # ------------------------------------------------------------ sums over rows

    def moments(self, w, u, pool):
        if self.is_sparse:
            return self._sparse_moments(w, u, pool)
        first = sums = None
        for rows, (own, terms) in self._each(pool, moments_part, lambda rows: (w[rows], u[rows])):
            if first is None and w[rows].any():
                first = own
            if first is not None:
                add_about(first, sums := np.zeros_like(terms) if sums is None else sums, own, terms, w[rows], u[rows])
        return first, sums

    def _sparse_moments(self, w, u, pool):
        """`moments` and the stored values of each column in one pass.

        It is repeated where a column is stored in every row of the first block, but not in all rows.
        """
        full = self._likely_full(pool)
        while True:
            first = self._values_in(int(np.argmax(w > 0)), full, pool)
            sums = self._total(pool, sparse_moments_part, lambda rows, first=first: (w[rows], u[rows], first))
            self._stored, guessed = sums[:, 3].astype(np.int64), full
            full = self._full(pool)
            if np.array_equal(full, guessed):
                return first, sums[:, :3]

    def evaluated(self, y, cols, B, centres, w, pool, whole, some, ahead=None):
        """As `Matrix.evaluated`; with ahead = (columns, n_new, mean) a fourth result is what `gram` returns."""
        y, w = self.blocks.kept(y), repeat(1 / self.shape[0], self.blocks.count) if w is None else self.blocks.kept(w)
        y, w = list(y), list(w)
        gram = None if ahead is None else (*ahead[:2], self._shift(ahead[0], ahead[2], pool))
        parts = self.blocks.total(evaluated_part, pool, lambda k: (y[k], cols, B, centres, w[k], whole, some,
                                                                        gram)).parts
        if gram is not None:
            self._centre_gram(parts[3], gram[1], ahead[2] - gram[2])
        return parts

    def dots(self, R, pool):
        return self._total(pool, dots_part, lambda rows: (np.ascontiguousarray(R[:, rows]),))

    def dots_at(self, R, cols, pool, w=None):
        if not len(cols):
            return np.zeros((len(R), 0))
        return self._total(pool, dots_at_part, lambda rows: (
            np.ascontiguousarray(R[:, rows]), cols, None if w is None else w[rows]))

    def combine(self, cols, B, pool):
        out = np.zeros((len(B), self.shape[0]))
        if len(cols):
            for rows, part in self._each(pool, combine_part, lambda rows: (cols, B)):
                out[:, rows] = part
        return out

    def combine_rows(self, rows, cols, B, pool):
        starts, out = self.blocks.starts, np.zeros((len(B), len(rows)))
        edges = np.searchsorted(rows, starts)
        touched = np.flatnonzero(np.diff(edges)) if len(cols) else []
        parts = self.blocks.each(combine_rows_part, pool,
                                 lambda k: (rows[edges[k]:edges[k + 1]] - starts[k], cols, B), touched)
        for k, part in zip(touched, parts, strict=True):
            out[:, edges[k]:edges[k + 1]] = part
        return out

    def gram(self, cols, n_new, mean, far_mean, weights, pool):
        del far_mean        # both sides are centred in any case
        w = self._weights(weights)
        if not self.is_sparse:
            return self._total(pool, gram_part, lambda rows: (cols, n_new, mean, w[rows]))
        shift = self._shift(cols, mean, pool)
        out = self._total(pool, products_part, lambda rows: (cols, n_new, shift, w[rows]))
        return self._centre_gram(out, n_new, mean - shift)

    def _shift(self, cols, mean, pool):
        """What blocks subtract from the values of some columns: of sparse ones the mean where no zero is implicit."""
        return np.where(np.isin(cols, self._full(pool)), mean, 0.0) if self.is_sparse else mean

    @staticmethod
    def _centre_gram(out, n_new, rest):
        """Subtract from products of columns that of the part of their means that is left."""
        engine.subtract_outer(out, rest[len(rest) - n_new:], rest)
        return out

    def group_sums(self, groups, centre, y, weights, pool):
        w = self._weights(weights)

        def arguments(rows):
            own = [part[slice(*np.searchsorted(part, [rows.start, rows.stop]))] - rows.start for part in groups]
            return own, centre, np.ascontiguousarray(y[..., rows]), w[rows]

        return self._total(pool, group_sums_part, arguments)

    # ------------------------------------------------------------ columns by themselves

    def gather(self, cols, mean, weights, pool):
        if self.is_sparse:
            return joined([part for _, part in self._each(pool, gather_part, lambda rows: (cols, None, None))])
        w, out = self._weights(weights), np.empty((len(cols), self.shape[0]))
        for rows, part in self._each(pool, gather_part, lambda rows: (cols, mean, w[rows])):
            out[:, rows] = part
        return out

    def copies_pay(self, cols, share):
        share = min(share, COPIED)
        if not self.is_sparse:
            return self.dtype.itemsize * len(cols) * self.shape[0] <= share * self.nbytes
        return self.stored_in(cols) <= share * self.nnz

    def with_copies(self, copied, cols, pool):
        if self.is_sparse:
            data, rows, indptr = self.gather(cols, None, None, pool)
            data = data.astype(self.dtype, copy=False)
            if copied is not None:
                data, rows = lengthened(copied.data, data), lengthened(copied.indices, rows)
                indptr = np.concatenate([copied.indptr, copied.indptr[-1] + indptr[1:]])
            kind = np.int32 if len(data) <= np.iinfo(np.int32).max else np.int64
            return SparseColumns((data, rows.astype(kind, copy=False), indptr.astype(kind)),
                                 (self.shape[0], len(indptr) - 1), True)
        copies, new = with_room(copied, len(cols), self.shape[0], self.dtype)
        for rows, part in self._each(pool, columns_part, lambda rows: (cols,)):
            new[:, rows] = part
        return copies

    def read_blocks(self):
        with Pool(1) as pool:
            for rows, part in self._each(pool, stored_part, lambda rows: ()):
                yield rows, slice(0, self.shape[1]), part


def add_about(first, sums, own, terms, w, u):
    """Add moments about `own` to sums about `first`."""
    shift, s0, total = own - first, terms[:, 0], w.sum()
    sums[:, 1] += terms[:, 1] + shift * (2 * s0 + shift * total)
    sums[:, 0] += s0 + shift * total
    sums[:, 2] += terms[:, 2] + shift * u.sum()


def joined(parts):
    """Return (data, rows, indptr) of columns whose rows come in blocks, each (start, data, rows, indptr)."""
    counts = np.array([np.diff(part[-1]) for part in parts])
    indptr = np.concatenate([[0], np.cumsum(counts.sum(axis=0))])
    data, rows, fill = np.empty(indptr[-1], parts[0][1].dtype), np.empty(indptr[-1], np.int32), indptr[:-1].copy()
    for k in range(len(parts)):
        start, values, places, own = parts[k]
        parts[k] = None         # its memory is free once it is copied
        at = np.repeat(fill - own[:-1], counts[k]) + np.arange(len(values))
        data[at], rows[at] = values, places + start
        fill += counts[k]
    return data, rows, indptr


# ---------------------------------------------------------------- what is computed of one block


class Sums:
    """Several arrays that are added up together over the blocks."""

    def __init__(self, *parts):
        self.parts = parts

    @property
    def nbytes(self):
        """Bytes of all arrays."""
        return sum(part.nbytes for part in self.parts)

    def __add__(self, other):
        return Sums(*(mine + theirs for mine, theirs in zip(self.parts, other.parts, strict=True)))

    def __iadd__(self, other):
        for mine, theirs in zip(self.parts, other.parts, strict=True):
            mine += theirs
        return self

    def copy(self):
        """The same with arrays of its own."""
        return Sums(*map(np.array, self.parts))


class Block:
    """One block: a matrix of some rows, and the number of its first row in X."""

    def __init__(self, matrix, start):
        self.matrix, self.start = matrix, start


def count_part(block, pool):
    """Stored values of each column; ValueError for a corrupt block."""
    check_part(block, pool)
    return block.matrix.column_sizes(np.arange(block.matrix.shape[1]))


def check_part(block, pool):
    """Raise ValueError for a corrupt block."""
    matrix = block.matrix
    pool.check()
    status = engine.check_structure(matrix.indptr, matrix.indices, matrix.shape[1])
    if status != 0:
        where = f" (rows from {block.start})"
        raise ValueError(CORRUPT + {-1: BAD_POINTERS, -2: BAD_INDEX.format(matrix.shape[1]),
                                    1: "indices must ascend in every row"}[status] + where)


def finite_part(block, pool):
    """Raise ValueError where the block has NaN or infinity."""
    pool.check()
    block.matrix.check_finite()


def typical_part(block, pool):
    """A typical value of each column."""
    del pool
    return block.matrix.typical()


def values_part(block, pool, row, cols):
    """Values of one row in some columns."""
    del pool
    first, last = block.matrix.indptr[row], block.matrix.indptr[row + 1]
    return block.matrix.data[first + np.searchsorted(block.matrix.indices[first:last], cols)].astype(np.float64)


def moments_part(block, pool, w, u):
    """`Matrix.moments`."""
    return block.matrix.moments(w, u, pool)


def sparse_moments_part(block, pool, w, u, first):
    """The sums of `Matrix.moments` about `first`, over stored values, and their number; ValueError if corrupt."""
    check_part(block, pool)
    return block.matrix.counted_moments(first, w, u, pool)


def evaluated_part(block, pool, y, cols, B, centres, w, whole, some, gram):
    """`RowBlocks.evaluated`; w may be one weight for all rows, and gram (columns, n_new, shift)."""
    w = np.full(len(y), w) if np.ndim(w) == 0 else w
    found = block.matrix.evaluated(y, cols, B, centres, w, pool, whole, some)
    if gram is None:
        return Sums(*found)
    return Sums(*found, (products_part if block.matrix.is_sparse else gram_part)(block, pool, *gram, w))


def dots_part(block, pool, R):
    """`Matrix.dots`."""
    return block.matrix.dots(R, pool)


def dots_at_part(block, pool, R, cols, w):
    """`Matrix.dots_at`."""
    return block.matrix.dots_at(R, cols, pool, w)


def combine_part(block, pool, cols, B):
    """`Matrix.combine`."""
    return block.matrix.combine(cols, B, pool)


def combine_rows_part(block, pool, rows, cols, B):
    """`Matrix.combine_rows`."""
    return block.matrix.combine_rows(rows, cols, B, pool)


def gram_part(block, pool, cols, n_new, mean, w):
    """`Matrix.gram`, both sides centred: the mean is not that of the block."""
    return block.matrix.gram(cols, n_new, mean, True, w, pool)


def products_part(block, pool, cols, n_new, shift, w):
    """Products of sparse columns over stored values."""
    return block.matrix.products(cols, n_new, shift, w, pool)


def group_sums_part(block, pool, groups, centre, y, w):
    """`Matrix.group_sums`."""
    return block.matrix.group_sums(groups, centre, y, w, pool)


def gather_part(block, pool, cols, mean, w):
    """`Matrix.gather`; of sparse columns as (first row, data, rows, indptr) in X's dtype."""
    got = block.matrix.gather(cols, mean, w, pool)
    return (block.start, *got) if isinstance(got, tuple) else got


def columns_part(block, pool, cols):
    """Some columns of a dense block as rows."""
    X, out = block.matrix.X, np.empty((len(cols), block.matrix.shape[0]), block.matrix.dtype)
    for start in range(0, len(X), COPY_ROWS):
        pool.check()
        out[:, start:start + COPY_ROWS] = X[start:start + COPY_ROWS, cols].T
    return out


def stored_part(block, pool):
    """The block as NumPy or SciPy hold it."""
    pool.check()
    return block.matrix.stored()
