"""What X is stored as: validated once, then touched only through a few verbs; none copies X whole or writes to it.

`as_matrix` turns what the user passed into one of four matrices (dense by columns, dense by rows, CSC, CSR), which
all speak the same verbs: `moments`, `dots`, `dots_at`, `combine`, `gram`, `gather`. A new kind of matrix is one more
class with these verbs.
"""

from itertools import pairwise

import numpy as np
from scipy import sparse

from ._engine import engine
from .parallel import PIECE
from .validation import (
    BAD_INDEX,
    BAD_POINTERS,
    CORRUPT,
    as_numbers,
    compressed,
    no_nan_or_inf,
    nothing_masked,
    sparse_parts,
)

GATHER_ROWS = 512       # rows of a working set gathered at a time: 512 x 300 columns is 1.2 MB, inside L2
GROUP_ROWS = 384        # rows of each of several groups gathered together: with 256 their sums take 1.1 times as long
STRETCHES = 48          # but at most such a part of all rows
SMALL_GATHER = 1 << 21  # values of new columns gathered whole: 16 MB
SEGMENT_VALUES = 1 << 18 # values in all partial Gram matrices of a parallel sum: 2 MB
SMALL_PART = 1 << 18     # stored values of CSC columns always turned into rows at once; else an eighth of X's
SPLIT_PASS = 1 << 18     # stored values from which one pass over rows is worth two sums
GRAM_TILE = 24          # columns per triangular step of a Gram matrix, a multiple of the rows of a register tile
SUMS_VALUES = 1 << 22   # values always allowed for sums over groups of rows: 32 MB
TYPICAL_ROWS = 32       # a mean of few rows, a power of two: exact where a column is constant
LINE = 8              # values per cache line: a look at a few columns of a row reads that many times as much
MAX_RHS = 8             # right-hand sides per pass over CSC columns
LANES = 8               # residuals per sweep over CSR rows


def as_matrix(X):
    """Return the matrix class for X: dense or sparse, by columns or by rows.

    float64, float32, C and Fortran order, CSR and CSC with 32 or 64 bit indices are taken as they are; any other
    dtype, order or sparse format is converted first.

    Raises
    ------
    ValueError
        Where X is not two-dimensional, is empty, complex, or a sparse matrix with a corrupt structure.
    """
    if isinstance(X, Matrix):
        return X
    if sparse.issparse(X):
        return as_sparse(X)
    X = np.asarray(X.to_numpy() if hasattr(X, "to_numpy") else nothing_masked(X, "X"))
    check_shape(X)
    if X.dtype.kind == "O":
        X = as_numbers(X, "X")
    if X.dtype not in (np.float64, np.float32) or not X.dtype.isnative:
        X = converted(X, np.float64)
    item = X.itemsize
    if X.strides[1] == item and X.strides[0] >= item * X.shape[1] and X.strides[0] % item == 0:
        if X.strides[0] == item and X.shape[1] == 1:
            return DenseColumns(X)
        return DenseRows(X)
    if X.strides[0] == item and X.strides[1] >= item * X.shape[0] and X.strides[1] % item == 0:
        return DenseColumns(X)
    return DenseColumns(converted(X, X.dtype, "F"))


def check_shape(X):
    if X.ndim != 2:
        raise ValueError(f"Expected 2D array, got {X.ndim}D array instead; reshape your data")
    for axis, what in enumerate(("sample", "feature")):
        if X.shape[axis] == 0:
            raise ValueError(f"Found array with 0 {what}(s) (shape={X.shape}) while a minimum of 1 is required.")
    if X.dtype.kind == "c":
        raise ValueError("Complex data not supported: X is complex")
    if X.dtype.kind not in "fiubO":
        raise ValueError(f"X must hold real numbers, got dtype {X.dtype}")


def as_sparse(X):
    check_shape(X)
    X = compressed(X)
    data, indices, indptr = sparse_parts(X)
    if data.dtype not in (np.float64, np.float32) or not data.dtype.isnative:
        data = converted(data, np.float64)
    kind = indices.dtype if indices.dtype in (np.int32, np.int64) and indices.dtype.isnative else np.dtype(np.int64)
    parts = (np.ascontiguousarray(data), np.ascontiguousarray(indices, kind), np.ascontiguousarray(indptr, kind))
    n_minor = X.shape[X.format == "csr"]
    status = engine.check_structure(parts[2], parts[1], n_minor)
    if status < 0:
        raise ValueError(CORRUPT + (BAD_POINTERS if status == -1 else BAD_INDEX.format(n_minor)))
    return (SparseRows if X.format == "csr" else SparseColumns)(parts, X.shape, canonical=status == 0)


class Matrix:
    """The verbs that every kind of X speaks; weights and centring are the `Design`'s."""

    shape = (0, 0)
    by_columns = True       # whether looking at a few columns costs less than looking at all
    dense = False
    nbytes = 0

    @property
    def source(self):
        """The matrix that reads X itself."""
        return self

    def moments(self, w, u, pool):
        """Return (first, sums): sums[j] = sum w d, sum w d^2, sum u d, d = X[:, j] - first[j]; u is zero where w is."""
        raise NotImplementedError

    def dots(self, R, pool):
        """Return R X of shape (k, p) for R of shape (k, n)."""
        raise NotImplementedError

    def dots_at(self, R, cols, pool, w=None):
        """Return (w R) X[:, cols] of shape (k, len(cols)), w = 1 or weights of the rows."""
        raise NotImplementedError

    def combine(self, cols, B, pool):
        """Return B X[:, cols]' of shape (k, n) for B of shape (k, len(cols))."""
        raise NotImplementedError

    def combine_rows(self, rows, cols, B, pool):
        """Return B X[rows][:, cols]' of shape (k, len(rows))."""
        return self.combine(cols, B, pool)[:, rows]

    def gram(self, cols, n_new, mean, far_mean, weights, pool):
        """Return sum_i w_i (x_is - m_s)(x_it - m_t) of shape (n_new, len(cols)) for the last n_new of cols.

        `far_mean` says that some |m_s| is so large that both sides must be centred before they are multiplied.
        """
        raise NotImplementedError

    def column_sizes(self, cols):
        """Stored values of each of cols."""
        raise NotImplementedError

    def gather(self, cols, mean, weights, pool):
        """Return the columns `cols` for residual-form descent: dense rows or CSC parts, see `descent.pxi`."""
        raise NotImplementedError

    def typical(self):
        """A value near each column's mean, and equal to it where the column is constant."""
        raise NotImplementedError

    def group_sums(self, groups, centre, y, weights, pool):
        """Return S_g = sum_i w_i a_i a_i' with a_i = (x_i - centre, y_i, 1) over the rows i of each group, one pass.

        `groups` are disjoint, ascending row indices; the result has shape (n_groups, p + 2, p + 2).
        """
        raise NotImplementedError

    def share(self, n_cols):
        """Passes that a look at some columns counts for."""
        return n_cols / self.shape[1] if self.by_columns else 1.0

    def pays_to_select(self, n_cols):
        """Whether correlations with so many columns cost less than with all."""
        return True


class Dense(Matrix):
    """What the two dense orders share: everything that gathers a block of rows of a few columns."""

    dense = True

    def __init__(self, X):
        self.X = X
        self.shape = X.shape
        self.dtype = X.dtype
        self.nnz = X.size
        self.nbytes = X.nbytes

    def _from_first_weight(self, w, u):
        """(X, w, u) from the first row of positive weight on: about its values a constant column is exactly zero."""
        first = int(np.argmax(w > 0))
        if first:
            type(self)(self.X[:first]).check_finite()
        return self.X[first:], w[first:], u[first:]

    def check_finite(self):
        """Raise ValueError where X has NaN or infinity; called when a moment came out non-finite."""
        step = max(1, 4_000_000 // self.shape[0])
        for start in range(0, self.shape[1], step):
            no_nan_or_inf(self.X[:, start:start + step], "X")

    def column_sizes(self, cols):
        return np.full(len(cols), self.shape[0])

    def combine_rows(self, rows, cols, B, pool):
        first, last = rows[0], rows[0] + len(rows)
        if not np.array_equal(rows, np.arange(first, last)):
            return super().combine_rows(rows, cols, B, pool)
        return type(self)(self.X[first:last]).combine(cols, B, pool)

    def gather(self, cols, mean, weights, pool):
        """Return (x - mean) sqrt(w) of shape (len(cols), n)."""
        n = self.shape[0]
        out = np.empty((len(cols), n))
        engine.gather_dense(self.X, cols, mean, root_weights(weights, n), 0, n, out)
        return out

    def gram(self, cols, n_new, mean, far_mean, weights, pool):
        n, m = self.shape[0], len(cols)
        root = root_weights(weights, n)
        step = max(1, SMALL_GATHER // n)
        if n_new == m and n_new <= step:
            return self._gram_in_place(cols, n_new, mean, root, pool)
        if n_new < m and self.by_columns and not far_mean:
            return self._gram_by_steps(cols, n_new, step, mean, root, pool)
        segments = row_segments(n, m * n_new)
        partial = np.zeros((len(segments), m, n_new))
        pieces = [(a, b, rows, out) for rows, out in zip(segments, partial, strict=True)
                  for a, b in column_pieces(m, pool.n_threads if len(segments) < pool.n_threads else 1)]
        pool.run(lambda a, b, rows, out: self._gram_part(cols, n_new, mean, root, a, b, rows, out, pool), pieces)
        out = partial[0] if len(segments) == 1 else partial.sum(axis=0)
        engine.mirror_triangle(out[m - n_new:])     # _gram_part fills one triangle among the new columns
        return out.T

    def typical(self):
        rows = np.linspace(0, self.shape[0] - 1, TYPICAL_ROWS).astype(int)
        return self.X[rows].astype(np.float64).mean(axis=0)

    def group_sums(self, groups, centre, y, weights, pool):
        root, size = root_weights(weights, self.shape[0]), len(groups) * (self.shape[1] + 2) ** 2
        columns = np.stack([y * root, root])
        edges = even_cuts(self.shape[0], max(SUMS_VALUES, self.nnz // 10) // size)
        partial = np.zeros((len(edges), len(groups), *2 * [self.shape[1] + 2]))
        pool.run(lambda start, stop, out: self._add_group_sums(groups, centre, columns, root, start, stop, out, pool),
                 [(*edge, out) for edge, out in zip(edges, partial, strict=True)])
        sums = partial[0] if len(edges) == 1 else partial.sum(axis=0)
        for S in sums:
            engine.mirror_triangle(S)
        return sums

    def _add_group_sums(self, groups, centre, columns, root, start, stop, out, pool):
        """Add the part of rows start..stop, upper triangles only.

        A stretch of rows is gathered sorted by group, so that X is read from memory once however its rows are spread.
        """
        stretch = max(GATHER_ROWS, min(GROUP_ROWS * len(groups), self.shape[0] // STRETCHES))
        block = aligned(self.shape[1] + 2, stretch + LINE * len(groups))
        for first in range(start, stop, stretch):
            parts = [rows[slice(*np.searchsorted(rows, [first, min(first + stretch, stop)]))] for rows in groups]
            for load in loads(parts):
                pool.check()
                edges = self._gather_parts([rows for _, rows in load], centre, columns, root, block)
                for (group, _), (at, end) in zip(load, pairwise(edges), strict=True):
                    add_triangle(block[:, at:], end - at, out[group])

    def _gather_parts(self, parts, centre, columns, root, block):
        """Fill `block` with (x_i - centre) root_i and what else belongs to each row; return where parts begin and end.

        Each of several begins a cache line, after zeros: a length that is no multiple of 8 costs up to a sixth more.
        """
        rows, p = parts[0], self.shape[1]
        if len(parts) == 1 and rows[-1] - rows[0] == len(rows) - 1:
            engine.gather_dense(self.X, np.arange(p), centre, root, rows[0], rows[-1] + 1, block)
            block[p:, :len(rows)] = columns[:, rows]
            return [0, len(rows)]
        edges = np.cumsum([0, *(len(part) + -len(part) % LINE for part in parts)])
        rows = np.repeat([part[0] for part in parts], np.diff(edges))
        for part, at in zip(parts, edges, strict=False):
            rows[at:at + len(part)] = part
        engine.gather_rows(self.X, rows, centre, root, block)
        block[p:, :len(rows)] = columns[:, rows]
        for part, at, end in zip(parts, edges, edges[1:], strict=False):
            block[:, at + len(part):end] = 0.0
        return edges

    def _gram_by_steps(self, cols, n_new, step, mean, root, pool):
        """As gram, `step` new columns at a time."""
        old = len(cols) - n_new
        out = np.empty((n_new, len(cols)))
        for a in range(0, n_new, step):
            b = min(a + step, n_new)
            out[a:b, :old + b] = self._gram_in_place(cols[:old + b], b - a, mean[:old + b], root, pool)
            out[:a, old + a:old + b] = out[a:b, old:old + a].T
        return out

    def _gram_in_place(self, cols, n_new, mean, root, pool):
        """As gram, gathering only the new columns: <x_s - m_s, x_t - m_t> = <x_s, x_t - m_t>."""
        n, old = self.shape[0], len(cols) - n_new
        new, square, pieces = aligned(n_new, n), np.zeros((n_new, n_new)), pool.split(n_new, n)
        own, centre = cols[old:], mean[old:]
        pool.run(lambda a, b: engine.gather_dense(self.X, own[a:b], centre[a:b], root, 0, n, new[a:b]), pieces)
        parts = pool.split(n_new, column_work(n, n_new // 2), align=GRAM_TILE)
        pool.run(lambda a, b: add_triangle(new, n, square, a, b), parts if len(parts) == 1 else tiles(n_new))
        engine.mirror_triangle(square)
        if not old:
            return square
        out = np.empty((n_new, len(cols)))
        out[:, old:] = square
        pool.run(lambda a, b: np.multiply(new[a:b], root, out=new[a:b]), pieces)
        out[:, :old] = self.dots_at(new, cols[:old], pool)
        return out

    def _gram_part(self, cols, n_new, mean, root, start, stop, rows, out, pool):
        """out[start:stop] += the part of `rows` in the inner products of cols[start:stop] with the new columns."""
        old = len(cols) - n_new
        first_right = max(old, start)
        need = np.r_[start:stop, max(first_right, stop):len(cols)]
        right_at = first_right - start if first_right < stop else stop - start
        block = aligned(len(need), GATHER_ROWS)
        cols, mean = cols[need], mean[need]
        for row in range(*rows, GATHER_ROWS):
            pool.check()
            end = min(row + GATHER_ROWS, rows[1])
            engine.gather_dense(self.X, cols, mean, root, row, end, block)
            for a in range(start, stop, GRAM_TILE):
                skip = max(0, a - first_right)
                engine.products(block[a - start:min(a + GRAM_TILE, stop) - start], block[right_at + skip:], end - row,
                                out[a:min(a + GRAM_TILE, stop), first_right - old + skip:])


class DenseColumns(Dense):
    """Fortran order: each column is contiguous (its rows may be a slice of a larger array)."""

    def moments(self, w, u, pool):
        n, p = self.shape
        sums, (X, w, u) = np.empty((p, 3)), self._from_first_weight(w, u)
        pool.run(lambda a, b: engine.dense_moments(X, a, b, w, u, sums), pool.split(p, n))
        return X[0].astype(np.float64), sums

    def dots(self, R, pool):
        out = np.empty((len(R), self.shape[1]))
        pool.run(lambda a, b: engine.dense_dots(self.X, a, b, R, out),
                 pool.split(self.shape[1], column_work(self.shape[0], len(R)), align=GRAM_TILE))
        return out

    def dots_at(self, R, cols, pool, w=None):
        R, out = weighed(R, w), np.empty((len(R), len(cols)))
        pool.run(lambda a, b: engine.dense_dots_at(self.X, cols[a:b], R, out[:, a:b]),
                 pool.split(len(cols), column_work(self.shape[0], len(R)), align=GRAM_TILE))
        return out

    def combine(self, cols, B, pool):
        out = np.zeros((len(B), self.shape[0]))
        if len(cols):
            pool.run(lambda a, b: engine.dense_combine(self.X, cols, B, a, b, out),
                     pool.split(self.shape[0], column_work(len(cols), len(B)), align=512))
        return out


class DenseRows(Dense):
    """C order: each row is contiguous."""

    by_columns = False

    def moments(self, w, u, pool):
        n, p = self.shape
        sums, (X, w, u) = np.empty((p, 3)), self._from_first_weight(w, u)
        pool.run(lambda a, b: engine.rows_moments(X.T, a, b, w, u, sums), pool.split(p, n, align=256))
        return X[0].astype(np.float64), sums

    def dots(self, R, pool):
        out = np.empty((len(R), self.shape[1]))
        pool.run(lambda a, b: engine.rows_dots(self.X.T, a, b, R, out),
                 pool.split(self.shape[1], self.shape[0] * len(R), align=64))
        return out

    def pays_to_select(self, n_cols):
        return n_cols * LINE < self.shape[1]

    def dots_at(self, R, cols, pool, w=None):
        R, out = weighed(R, w), np.zeros((len(cols), len(R)))
        for start, stop, block in self._blocks(cols, pool):
            engine.products(block, R[:, start:stop], stop - start, out)
        return np.ascontiguousarray(out.T)

    def combine(self, cols, B, pool):
        out = np.zeros((len(B), self.shape[0]))
        everything = np.arange(len(cols))
        for start, stop, block in self._blocks(cols, pool):
            part = np.zeros((len(B), GATHER_ROWS))
            engine.dense_combine(block.T, everything, B, 0, stop - start, part)
            out[:, start:stop] = part[:, :stop - start]
        return out

    def _blocks(self, cols, pool):
        """Yield (start, stop, block): the columns `cols` of a few rows at a time, as contiguous columns."""
        if not len(cols):
            return
        block, zeros = np.empty((len(cols), GATHER_ROWS)), np.zeros(len(cols))
        ones = np.broadcast_to(1.0, self.shape[0]).copy()
        for start in range(0, self.shape[0], GATHER_ROWS):
            pool.check()
            stop = min(start + GATHER_ROWS, self.shape[0])
            engine.gather_dense(self.X, cols, zeros, ones, start, stop, block)
            yield start, stop, block


class Sparse(Matrix):
    """What CSC and CSR share."""

    def __init__(self, parts, shape, canonical):
        self.parts = parts
        self.data, self.indices, self.indptr = parts
        self.shape = tuple(int(n) for n in shape)
        self.dtype = self.data.dtype
        self.canonical = canonical
        self._full = None
        self.nnz = len(self.data)
        self.nbytes = sum(part.nbytes for part in parts)
        self.widest = int(np.max(np.diff(self.indptr), initial=0))

    def check_finite(self):
        """Raise ValueError where a stored value is NaN or infinite."""
        no_nan_or_inf(self.data, "X")

    def moments(self, w, u, pool):
        """As `Matrix.moments`, with first = 0 but for columns stored in every row, whose value in some row it is."""
        first = self._values_in(int(np.argmax(w > 0)))
        return first, self._sums(w, u, first, pool)

    def typical(self):
        return self._values_in(0)

    def _values_in(self, row):
        """Values in a row of the columns stored in every row, about which a constant one is exactly zero; others 0."""
        values, full = np.zeros(self.shape[1]), self.full_columns()
        if len(full):
            values[full] = self._full_values(row, full)
        return values

    def full_columns(self):
        """Columns stored in every row: centring them needs no implicit zeros, so it can be exact."""
        if self._full is None:
            full = self._counts() >= self.shape[0]
            if full.any() and not self.canonical:
                full &= self._distinct_counts() == self.shape[0]
            self._full = np.flatnonzero(full)
        return self._full

    def _distinct_counts(self):
        """Rows in which each column is stored."""
        counts = np.zeros(self.shape[1], np.int64)
        for start, stop in self._pieces():
            self._count_slice(start, stop, counts)
        return counts

    def _sums(self, w, u, shift, pool):
        sums = np.zeros((self.shape[1], 3))
        for start, stop in self._pieces():
            pool.check()
            self._add_moments(start, stop, w, u, shift, sums)
        return sums

    def products(self, cols, n_new, shift, w, pool):
        """sum_i w_i (x_is - shift_s)(x_it - shift_t) over stored entries, last n_new of cols by all of them."""
        raise NotImplementedError

    def gram(self, cols, n_new, mean, far_mean, weights, pool):
        shift = np.where(np.isin(cols, self.full_columns()), mean, 0.0)
        out = self.products(cols, n_new, shift, equal_weights(self.shape[0]) if weights is None else weights, pool)
        rest = mean - shift
        engine.subtract_outer(out, rest[len(cols) - n_new:], rest)
        return out

    def group_sums(self, groups, centre, y, weights, pool):
        p, full = self.shape[1], self.full_columns()
        shift, rest = np.zeros(p), centre.copy()
        shift[full], rest[full] = centre[full], 0.0
        out = np.empty((len(groups), p + 2, p + 2))
        for rows, S in zip(groups, out, strict=True):
            w = np.zeros(self.shape[0])
            w[rows] = 1.0 / self.shape[0] if weights is None else weights[rows]
            ends = np.stack([y, np.ones(len(y))])
            S[:p, :p] = self.products(np.arange(p), p, shift, w, pool)
            S[p:, :p] = self._sums(w, w * y, shift, pool)[:, [2, 0]].T        # centred before they are added up
            S[p:, p:] = (ends * w) @ ends.T
            S[:p, :p] -= np.outer(rest, S[p + 1, :p]) + np.outer(S[p + 1, :p], rest) - S[-1, -1] * np.outer(rest, rest)
            S[p:, :p] -= np.outer(S[p:, -1], rest)
            S[:p, p:] = S[p:, :p].T
        return out

    def _pieces(self):
        """Major slices to read at a time; where they are copied to sum duplicates, of a sixteenth of X or 64 KB."""
        n_major = len(self.indptr) - 1
        piece = PIECE if self.canonical else min(1 << 20, max(self.nnz // 16, 1 << 12))
        step = max(1, int(piece * n_major // max(self.nnz, 1)))
        return [(start, min(start + step, n_major)) for start in range(0, n_major, step)]

    def _slice(self, start, stop):
        """Major slices start..stop with their duplicates summed."""
        a, b = self.indptr[start], self.indptr[stop]
        n_minor = self.shape[1] if isinstance(self, SparseRows) else self.shape[0]
        part = sparse.csr_array((self.data[a:b].copy(), self.indices[a:b].copy(), self.indptr[start:stop + 1] - a),
                                shape=(stop - start, n_minor))
        part.sum_duplicates()
        kind = self.indices.dtype
        return part.data, part.indices.astype(kind, copy=False), part.indptr.astype(kind, copy=False)


class SparseColumns(Sparse):
    """CSC."""

    def column_sizes(self, cols):
        """Stored values of each of cols."""
        return self.indptr[cols + 1] - self.indptr[cols]

    def _counts(self):
        return np.diff(self.indptr)

    def _full_values(self, row, cols):
        """Values in a row of columns that are stored in every row."""
        if self.canonical:
            return self.data[self.indptr[cols] + row]
        stored = np.flatnonzero(self.indices == row)        # perhaps in several parts
        column = np.searchsorted(self.indptr, stored, side="right") - 1
        return np.bincount(column, self.data[stored], minlength=self.shape[1])[cols]

    def _count_slice(self, start, stop, counts):
        counts[start:stop] = np.diff(self._slice(start, stop)[2])

    def _add_moments(self, start, stop, w, u, shift, sums):
        if self.canonical:
            engine.csc_moments(*self.parts, start, stop, w, u, shift, sums)
        else:
            engine.csc_moments(*self._slice(start, stop), 0, stop - start, w, u, shift[start:stop], sums[start:stop])

    def dots(self, R, pool):
        return self.dots_at(R, np.arange(self.shape[1]), pool)

    def dots_at(self, R, cols, pool, w=None):
        out = np.empty((len(R), len(cols)))
        for c in range(0, len(R), MAX_RHS):
            Rt, part = by_rows(R[c:c + MAX_RHS], w), out[c:c + MAX_RHS]
            pool.run(lambda a, b, Rt=Rt, part=part: engine.csc_dots(*self.parts, cols[a:b], Rt, part[:, a:b]),
                     pool.split(len(cols), len(R) * self.nnz // self.shape[1]))
        return out

    def combine(self, cols, B, pool):
        out = np.zeros((self.shape[0], len(B)))
        for a, b in self._runs(cols, PIECE // len(B)):
            pool.check()
            engine.csc_combine(*self.parts, cols[a:b], np.ascontiguousarray(B[:, a:b]), out)
        return np.ascontiguousarray(out.T)

    def _runs(self, cols, size):
        """Cut `cols` into (start, stop) runs of about `size` stored values."""
        if self.nnz <= size:
            return [(0, len(cols))]
        return cuts_by_size(np.concatenate([[0], np.cumsum(self.column_sizes(cols))]), size)

    def products(self, cols, n_new, shift, w, pool):
        pieces = int(self.column_sizes(cols).sum()) // max(SMALL_PART, self.nnz // 8)
        return sum(self._as_rows(cols, a, b, pool).products(np.arange(len(cols)), n_new, shift, w[a:b], pool)
                   for a, b in even_cuts(self.shape[0], pieces))

    def _as_rows(self, cols, first, last, pool):
        """Some rows of the columns `cols` as a CSR matrix of their own."""
        counts = np.zeros(last - first + 1, np.int64)
        runs = self._runs(cols, PIECE)
        for a, b in runs:
            pool.check()
            engine.row_counts(self.indices, self.indptr, cols[a:b], first, last, counts)
        indptr = np.cumsum(counts)
        fill, data, slots = indptr[:-1].copy(), np.empty(indptr[-1]), np.empty(indptr[-1], np.int32)
        for a, b in runs:
            pool.check()
            engine.gather_csc(*self.parts, cols[a:b], a, first, last, fill, data, slots)
        return SparseRows((data, slots, indptr.astype(np.int32) if indptr[-1] < 2**31 else indptr),
                          (last - first, len(cols)), self.canonical)

    def gather(self, cols, mean, weights, pool):
        """Return (data, rows, indptr) of the columns, float64 and int32."""
        sizes = np.diff(self.indptr)[cols]
        indptr = np.concatenate([[0], np.cumsum(sizes)])
        data, rows = np.empty(indptr[-1]), np.empty(indptr[-1], np.int32)
        for a, b in cuts_by_size(indptr, PIECE // 4):
            pool.check()
            here = slice(indptr[a], indptr[b])
            at = np.repeat(self.indptr[cols[a:b]] - indptr[a:b], sizes[a:b]) + np.arange(indptr[a], indptr[b])
            data[here], rows[here] = self.data[at], self.indices[at]
        return data, rows, indptr


class SparseRows(Sparse):
    """CSR. One sweep over the rows serves any number of columns, so nothing is ever converted to CSC."""

    by_columns = False
    _sizes = None

    def column_sizes(self, cols):
        """Stored values of each of cols, counted once."""
        if self._sizes is None:
            self._sizes = self._counts().astype(np.int32)
        return self._sizes[cols].astype(np.int64)

    def _counts(self):
        counts = np.zeros(self.shape[1], np.int64)
        for start in range(0, self.nnz, PIECE):
            engine.minor_counts(self.indices[start:start + PIECE], counts)
        return counts

    def _count_slice(self, start, stop, counts):
        engine.minor_counts(self._slice(start, stop)[1], counts)

    def _add_moments(self, start, stop, w, u, shift, sums):
        if self.canonical:
            engine.csr_moments(*self.parts, start, stop, w, u, shift, sums)
        else:
            engine.csr_moments(*self._slice(start, stop), 0, stop - start, w[start:stop], u[start:stop], shift, sums)

    def _full_values(self, row, cols):
        data, indices, _ = self._slice(row, row + 1)
        return data[np.searchsorted(indices, cols)]

    def _row_pieces(self, work=1, first=0, last=None):
        last = self.shape[0] if last is None else last
        step = max(1, PIECE * self.shape[0] // max(self.nnz * work, 1))
        return [(a, min(a + step, last)) for a in range(first, last, step)]

    def dots(self, R, pool):
        if len(R) == 1 and self.nnz > SPLIT_PASS:
            return self._dots_in_halves(R, pool)
        out = np.zeros((len(R), self.shape[1]))
        share = -(-len(R) // min(pool.n_threads, len(R)))
        for start, stop in self._row_pieces(len(R)):
            pool.run(lambda a, b, start=start, stop=stop: engine.csr_dots(*self.parts, start, stop, R[a:b], out[a:b]),
                     [(a, min(a + share, len(R))) for a in range(0, len(R), share)])
        return out

    def _dots_in_halves(self, R, pool):
        """As dots for one right-hand side: upper and lower half of the rows apart, whatever the number of threads."""
        upper, lower = np.zeros((1, self.shape[1])), np.zeros((1, self.shape[1]))
        middle = self.shape[0] // 2

        def half(first, last, out):
            for start, stop in self._row_pieces(1, first, last):
                pool.check()
                engine.csr_dots(*self.parts, start, stop, R, out)

        pool.run(half, [(0, middle, upper), (middle, self.shape[0], lower)])
        upper += lower
        return upper

    def dots_at(self, R, cols, pool, w=None):
        slot, parts = self.slots(cols), even_cuts(self.shape[0], self.nnz // SPLIT_PASS)
        out = np.empty((len(R), len(cols)))
        for c in range(0, len(R), LANES):
            sums = np.zeros((len(parts), len(cols), LANES))
            pool.run(lambda a, b, own, c=c: self._add_dots(slot, R[c:c + LANES], w, a, b, own, pool),
                     [(*part, own) for part, own in zip(parts, sums, strict=True)])
            out[c:c + LANES] = sums.sum(axis=0).T[:len(R) - c]
        return out

    def _add_dots(self, slot, R, w, first, last, out, pool):
        scratch = self._scratch()
        for start, stop in self._row_pieces(1, first, last):
            pool.check()
            if w is None:
                engine.csr_dots_at(*self.parts, slot, R, start, stop, *scratch, out)
            else:
                engine.csr_dots_at(self.data, self.indices, self.indptr[start:stop + 1], slot,
                                   R[:, start:stop] * w[start:stop], 0, stop - start, *scratch, out)

    def _scratch(self):
        """Room for one row's slots and values."""
        return np.empty(self.widest, np.int32), np.empty(self.widest)

    def slots(self, cols):
        """Map each column of X to its place in cols, or -1."""
        slot = np.full(self.shape[1], -1, np.int32)
        slot[cols] = np.arange(len(cols), dtype=np.int32)
        return slot

    def combine(self, cols, B, pool):
        slot, out = self.slots(cols), np.zeros((len(B), self.shape[0]))
        for c in range(0, len(B) if len(cols) else 0, LANES):
            part = B[c:c + LANES]
            Bt = np.zeros((len(cols), 1 if len(part) == 1 else LANES))
            Bt[:, :len(part)] = part.T
            pool.run(lambda a, b, c=c, Bt=Bt: engine.csr_combine(*self.parts, slot, Bt, a, b, *self._scratch(),
                                                                 out[c:c + LANES]),
                     pool.split(self.shape[0], self.nnz // self.shape[0] + 1))
        return out

    def products(self, cols, n_new, shift, w, pool):
        m, n = len(cols), self.shape[0]
        slot = self.slots(cols)
        segments = row_segments(n, m * n_new)
        partial = np.zeros((len(segments), n_new, m))

        def part(first, last, out):
            places, scratch = np.full(0 if self.canonical else m, -1, np.int32), self._scratch()
            for start, stop in self._row_pieces(1 + min(m, self.nnz // n) // 8, first, last):
                pool.check()
                engine.csr_gram(*self.parts, slot, shift, w, m - n_new, start, stop, *scratch, places, out)

        pool.run(part, [(*rows, out) for rows, out in zip(segments, partial, strict=True)])
        return partial[0] if len(segments) == 1 else partial.sum(axis=0)

    def gather(self, cols, mean, weights, pool):
        """Return (data, rows, indptr) of the columns, float64 and int32."""
        slot, counts = self.slots(cols), np.zeros(len(cols) + 1, np.int64)
        for start, stop in self._row_pieces():
            pool.check()
            engine.gather_counts(self.indices[self.indptr[start]:self.indptr[stop]], slot, counts)
        indptr = np.cumsum(counts)
        data, rows, fill = np.empty(indptr[-1]), np.empty(indptr[-1], np.int32), indptr[:-1].copy()
        for start, stop in self._row_pieces():
            pool.check()
            engine.gather_csr(*self.parts, slot, start, stop, fill, data, rows)
        return data, rows, indptr


def equal_weights(n):
    """1/n, n times."""
    return np.full(n, 1.0 / n)


def weighed(R, w):
    """w_i R[:, i], or R itself for no weights."""
    return R if w is None else R * w


def by_rows(R, w):
    """(w R)' in C order, in one copy."""
    return np.ascontiguousarray(R.T) if w is None else np.multiply(R.T, w[:, None], order="C")


def loads(parts):
    """Cut row indices of each group into what is gathered at once, as (group, rows): one group by GATHER_ROWS."""
    present = [(group, rows) for group, rows in enumerate(parts) if len(rows)]
    if len(present) > 1:
        return [present]
    return [[(group, rows[k:k + GATHER_ROWS])] for group, rows in present for k in range(0, len(rows), GATHER_ROWS)]


def aligned(n_rows, n_cols):
    """An empty array whose rows begin cache lines: where loads of 8 values straddle two, products take 1.3 times."""
    length = -(-n_cols // 8) * 8
    room = np.empty(8 * n_rows * length + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start:start + 8 * n_rows * length].view(np.float64).reshape(n_rows, length)[:, :n_cols]


def even_cuts(n, count):
    """Cut range(n) into `count` even pieces, from 1 to 8 of them and none empty."""
    edges = np.linspace(0, n, int(np.clip(count, 1, max(1, min(n, 8)))) + 1).astype(int).tolist()
    return list(pairwise(edges))


def cuts_by_size(ends, size):
    """Cut the slices ends[s]..ends[s + 1], which begin at 0, into (start, stop) runs of about `size` values."""
    if ends[-1] <= size:
        return [(0, len(ends) - 1)]
    edges = np.unique(np.r_[0, np.searchsorted(ends, np.arange(0, ends[-1], size)), len(ends) - 1])
    return list(pairwise(edges.tolist()))


def converted(X, dtype, order="K"):
    """As X.astype(dtype, order), some rows at a time: Ctrl-C is served between them."""
    out = np.empty_like(X, dtype=dtype, order=order)
    step = max(1, PIECE * len(X) // max(X.size, 1))
    for start in range(0, len(X), step):
        out[start:start + step] = X[start:start + step]
    return out


def add_triangle(block, rows, S, start=0, stop=None):
    """Add block[:, :rows] block[:, :rows]' to S, in its rows start..stop the upper triangle, in tiles of GRAM_TILE."""
    stop = len(block) if stop is None else stop
    for a, b in tiles(stop, start):
        engine.products(block[a:b], block[a:], rows, S[a:b, a:])


def tiles(stop, start=0):
    """Cut range(start, stop) into pieces of GRAM_TILE."""
    return [(a, min(a + GRAM_TILE, stop)) for a in range(start, stop, GRAM_TILE)]


def column_work(n, k):
    """What k multiply-adds with each of n values cost, in values read from memory: 24 of them take as long as one."""
    return n + n * k // 24


def row_segments(n, size):
    """Cut n rows into up to 8 segments whose Gram matrices (of `size` values) are formed apart and then added.

    The cut depends on the data alone, never on the threads: the same bits come out for any number of them.
    """
    count = int(np.clip(min(n // 8192, SEGMENT_VALUES // max(size, 1)), 1, 8))
    edges = np.linspace(0, n, count + 1).astype(int)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def column_pieces(m, n_threads):
    """Cut m columns into a few pieces for the threads, at multiples of GRAM_TILE."""
    step = -(-m // (2 * n_threads)) if n_threads > 1 and m > 2 * GRAM_TILE else m
    step = -(-step // GRAM_TILE) * GRAM_TILE
    return [(a, min(a + step, m)) for a in range(0, m, step)]


def root_weights(weights, n):
    """sqrt(w), or 1/sqrt(n) for equal weights."""
    return np.full(n, 1.0 / np.sqrt(n)) if weights is None else np.sqrt(weights)
