"""Dense X, by columns (Fortran order) or by rows (C order), used in place.

No method copies more than a block of it, but `with_copies`: the columns in use, up to 0.4 of it.
"""

from itertools import pairwise

import numpy as np

from .._engine import engine
from ..parallel import PIECE
from ..validation import no_nan_or_inf
from ..ways import ways
from .base import Matrix, compressible
from .gathered import GatheredDense
from .tiling import (
    GATHER_ROWS,
    GRAM_TILE,
    LINE,
    add_sums,
    aligned,
    column_pieces,
    column_work,
    even_cuts,
    loads,
    root_weights,
    row_segments,
    weighed,
)

# Rows per group where several groups are gathered together. With 256 their sums take 1.1 times as long.
GROUP_ROWS = 384
# At most 1 / STRETCHES of all rows is gathered together.
STRETCHES = 48
# Values of new columns gathered whole: 16 MB.
SMALL_GATHER = 1 << 21
# Values always allowed for sums over groups of rows: 32 MB.
SUMS_VALUES = 1 << 22
# Columns of row-major X in a piece of a pass, at least: with 64 a pass took twice as long.
WIDE = 512
# Rows whose mean is a typical value. With a power of two the mean of a constant column is exact.
TYPICAL_ROWS = 32


class Dense(Matrix):
    """What the two dense orders share: all that works on gathered blocks, some rows of a few columns."""

    has_sums = True
    visit_ns = 0.4
    gathered_kind = GatheredDense

    def __init__(self, X):
        self.X = X
        self.shape = X.shape
        self.dtype = X.dtype
        self.nnz = X.size
        self.nbytes = X.nbytes

    @property
    def pays_to_sum(self):
        return compressible(self.shape) and self.nnz > ways().summed_from

    def _from_first_weight(self, w, u):
        """(X, w, u) from the first row of positive weight on; less that row, a constant column is exactly zero."""
        first = int(np.argmax(w > 0))
        if first:
            type(self)(self.X[:first]).check_finite()
        return self.X[first:], w[first:], u[first:]

    def check_finite(self):
        """Raise ValueError where X has NaN or infinity; called when a moment came out non-finite."""
        step = max(1, 4_000_000 // self.shape[0])
        for start in range(0, self.shape[1], step):
            block = self.X[:, start:start + step]
            try:
                no_nan_or_inf(block, "X")
            except ValueError as error:
                if self.feature_names is None:
                    raise
                first = start + int(np.argmin(np.isfinite(block).all(axis=0)))
                raise ValueError(f"{error} The first column with it is {self.feature_names[first]!r}.") from None

    def stored(self):
        """X as it was given."""
        return self.X

    def read_blocks(self):
        yield slice(0, self.shape[0]), slice(0, self.shape[1]), self.X

    def column_sizes(self, cols):
        return np.full(len(cols), self.shape[0])

    def stored_in(self, cols):
        return len(cols) * self.shape[0]

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
        columns = np.vstack([y * root, root])
        edges = even_cuts(self.shape[0], max(SUMS_VALUES, self.nnz // 10) // size)
        partial = np.zeros((len(edges), len(groups), *2 * [self.shape[1] + len(columns)]))
        pool.run(lambda start, stop, out: self._add_group_sums(groups, centre, columns, root, start, stop, out, pool),
                 [(*edge, out) for edge, out in zip(edges, partial, strict=True)])
        sums = partial[0] if len(edges) == 1 else partial.sum(axis=0)
        for S in sums:
            engine.mirror_triangle(S)
        return sums

    def _add_group_sums(self, groups, centre, columns, root, start, stop, out, pool):
        """Add the part of rows start..stop, upper triangles only.

        Each stretch of rows is gathered sorted by group, so X is read from memory once, however groups are spread.
        """
        stretch = max(GATHER_ROWS, min(GROUP_ROWS * len(groups), self.shape[0] // STRETCHES))
        block = aligned(out.shape[-1], stretch + LINE * len(groups))
        for first in range(start, stop, stretch):
            parts = [rows[slice(*np.searchsorted(rows, [first, min(first + stretch, stop)]))] for rows in groups]
            for load in loads(parts):
                pool.check()
                edges = self._gather_parts([rows for _, rows in load], centre, columns, root, block)
                for (group, _), (at, end) in zip(load, pairwise(edges), strict=True):
                    add_sums(block[:, at:], end - at, self.shape[1], out[group])

    def _gather_parts(self, parts, centre, columns, root, block):
        """Fill `block` with (x_i - centre) root_i and `columns`, a row of X per column; return the edges of the parts.

        Zeros pad each of several parts to whole cache lines: other lengths cost up to a sixth more.
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
        if n_new <= step:
            return self._gram_in_place(cols, n_new, mean, root, pool)
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
        pool.share(lambda a, b, crew: engine.add_triangle(new, n, square, a, b, crew),
                   n_new, column_work(n, n_new // 2), align=GRAM_TILE)
        engine.mirror_triangle(square)
        if not old:
            return square
        out = np.empty((n_new, len(cols)))
        out[:, old:] = square
        pool.run(lambda a, b: np.multiply(new[a:b], root, out=new[a:b]), pieces)
        self.fill_with_dots(out[:, :old], new, cols[:old], pool)
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
        pool.share(lambda a, b, crew: engine.dense_moments(X, a, b, w, u, sums, crew), p, n)
        return X[0].astype(np.float64), sums

    def dots(self, R, pool):
        out = np.empty((len(R), self.shape[1]))
        pool.share(lambda a, b, crew: engine.dense_dots(self.X, a, b, R, out, crew),
                   self.shape[1], column_work(self.shape[0], len(R)), align=GRAM_TILE)
        return out

    def dots_at(self, R, cols, pool, w=None):
        out = np.empty((len(R), len(cols)))
        self.fill_with_dots(out, weighed(R, w), cols, pool)
        return out

    def fill_with_dots(self, out, R, cols, pool):
        """out[c, s] = X[:, cols[s]] . R[c]; the rows of R are contiguous."""
        pool.share(lambda a, b, crew: engine.dense_dots_at(self.X, cols[a:b], R, out[:, a:b], crew),
                   len(cols), column_work(self.shape[0], len(R)), align=GRAM_TILE)

    def combine(self, cols, B, pool):
        out = np.zeros((len(B), self.shape[0]))
        if len(cols):
            pool.share(lambda a, b, crew: engine.dense_combine(self.X, cols, B, a, b, out, crew),
                       self.shape[0], column_work(len(cols), len(B)), align=512)
        return out


def with_room(copied, n_new, n_samples, dtype):
    """Return (the columns of `copied` and n_new further ones, these as rows to be filled in).

    Their memory grows in place, which two copies would double. `copied` (None: no columns) must not be used any more.
    """
    memory = np.empty(0, dtype) if copied is None else copied.X.base
    memory.resize(len(memory) + n_new * n_samples, refcheck=False)
    columns = memory.reshape(-1, n_samples)
    return DenseColumns(columns.T), columns[len(columns) - n_new:]


class DenseRows(Dense):
    """C order: each row is contiguous."""

    by_columns = False

    def copies_pay(self, cols, share):
        return 8 * len(cols) * self.shape[0] <= share * self.nbytes

    def with_copies(self, copied, cols, pool):
        n = self.shape[0]
        copies, new = with_room(copied, len(cols), n, np.float64)
        zeros, ones = np.zeros(len(cols)), np.ones(n)
        pool.run(lambda a, b: engine.gather_dense(self.X, cols, zeros, ones, a, b, new[:, a:b]),
                 pool.split(n, len(cols), align=LINE))
        return copies

    def moments(self, w, u, pool):
        n, p = self.shape
        sums, (X, w, u) = np.empty((p, 3)), self._from_first_weight(w, u)
        pool.run(lambda a, b: engine.rows_moments(X.T, a, b, w, u, sums), pool.split(p, n, align=256))
        return X[0].astype(np.float64), sums

    def dots(self, R, pool):
        (n, p), k = self.shape, len(R)
        segments = row_segments(n, k * p)
        cuts = [(0, p)] if len(segments) > 1 else pool.split(p, n * k, align=WIDE)
        partial = np.zeros((len(segments), k, p))

        def add(a, b, first, last, out):
            step = max(1, PIECE // (k * (b - a)))
            for start in range(first, last, step):
                pool.check()
                engine.rows_dots(self.X.T, a, b, R, start, min(start + step, last), out)

        pool.run(add, [(*cut, *rows, out) for rows, out in zip(segments, partial, strict=True) for cut in cuts])
        return partial[0] if len(segments) == 1 else partial.sum(axis=0)

    def pays_to_select(self, n_cols):
        return n_cols * LINE < self.shape[1]

    def dots_at(self, R, cols, pool, w=None):
        R = weighed(R, w)
        if not self.pays_to_select(len(cols)):
            return self.dots(R, pool).take(cols, axis=1)
        out = np.zeros((len(cols), len(R)))

        def add(a, b):
            for start, stop, block in self._blocks(cols[a:b], 0, self.shape[0], pool):
                engine.products(block, R[:, start:stop], stop - start, out[a:b])

        pool.run(add, pool.split(len(cols), column_work(self.shape[0], len(R)), align=LINE))
        return np.ascontiguousarray(out.T)

    def combine(self, cols, B, pool):
        (n, p), k = self.shape, len(B)
        out = np.zeros((k, n))
        if not self.pays_to_select(len(cols)):      # rows are read whole
            whole = np.zeros((k, p))
            whole[:, cols] = B
            pool.run(lambda a, b: engine.dense_dots(self.X.T, a, b, whole, out),
                     pool.split(n, column_work(p, k), align=GRAM_TILE))
            return out
        everything = np.arange(len(cols))

        def add(a, b):
            for start, stop, block in self._blocks(cols, a, b, pool):
                part = np.zeros((k, GATHER_ROWS))
                engine.dense_combine(block.T, everything, B, 0, stop - start, part)
                out[:, start:stop] = part[:, :stop - start]

        pool.run(add, pool.split(n, column_work(len(cols), k), align=GATHER_ROWS))
        return out

    def _blocks(self, cols, first, last, pool):
        """Yield (start, stop, block): the columns `cols` of a few rows at a time, as contiguous columns."""
        if not len(cols):
            return
        block, zeros, ones = aligned(len(cols), GATHER_ROWS + LINE), np.zeros(len(cols)), np.ones(self.shape[0])
        for start in range(first, last, GATHER_ROWS):
            pool.check()
            stop = min(start + GATHER_ROWS, last)
            engine.gather_dense(self.X, cols, zeros, ones, start, stop, block)
            yield start, stop, block
