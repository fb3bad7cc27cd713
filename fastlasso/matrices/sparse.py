"""Sparse X, by columns (CSC) or by rows (CSR), used in place. Entries may be unsorted; duplicates are summed."""

from itertools import pairwise

import numpy as np
from scipy import sparse

from .._engine import engine
from ..parallel import PIECE
from ..validation import no_nan_or_inf
from .base import Matrix
from .gathered import GatheredSparse
from .tiling import cuts_by_size, equal_weights, even_cuts, row_segments, zero_lanes

# Stored values of CSC columns that may be turned into rows at once: these, or an eighth of X's if that is more.
SMALL_PART = 1 << 18
# Stored values from which a pass over rows is split among threads.
SPLIT_PASS = 1 << 18
# Stored values times residuals from which a second thread pays for products with columns.
SPLIT_DOTS = 1 << 18
# Stored values per column from which a pass for one residual goes in two halves.
HALVES = 8
# Residuals whose sums share a line of the cache.
LANES = 8
# Columns from which their places (4 bytes each) are larger than a cache.
MANY_COLUMNS = 1 << 16
# Stored values that tell how the others are spread over the columns.
SAMPLE = 1 << 12


def lanes(k):
    """Return the width of rows that hold k numbers: 1, 2 or 4, or a multiple of LANES."""
    return 1 << (k - 1).bit_length() if k <= LANES else -(-k // LANES) * LANES


def by_rows(R, w):
    """(w R)' with the residuals of a sample together, as many places as `lanes` allows and zeros in the others."""
    width = lanes(len(R))
    if width == 1:
        return R.reshape(-1, 1) if w is None else (w * R[0])[:, None]
    out = np.zeros((R.shape[1], width))
    out[:, :len(R)] = R.T if w is None else R.T * w[:, None]
    return out


class Sparse(Matrix):
    """What CSC and CSR share."""

    has_sums = is_sparse = True
    visit_ns = 2.0
    n_moments = 3
    gathered_kind = GatheredSparse

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

    def stored(self):
        """X as a SciPy matrix; it shares memory where the indices have 32 bits."""
        kind = sparse.csr_array if isinstance(self, SparseRows) else sparse.csc_array
        return kind(self.parts, shape=self.shape, copy=False)

    def read_blocks(self):
        yield slice(0, self.shape[0]), slice(0, self.shape[1]), self.stored()

    def moments(self, w, u, pool):
        """As `Matrix.moments`; first is 0, or for a column stored in every row its value in one row."""
        first = self._values_in(int(np.argmax(w > 0)))
        return first, self.moments_about(first, w, u, pool)

    def typical(self):
        return self._values_in(0)

    def _values_in(self, row):
        """Values in one row of the columns stored in every row, which make a constant one exactly zero; others 0."""
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

    def moments_about(self, shift, w, u, pool):
        """The sums of `Matrix.moments` over stored values, about `shift`."""
        return self.counted_moments(shift, w, u, pool)[:, :3]

    def counted_moments(self, shift, w, u, pool):
        """The sums of `moments_about`, and (of CSR) as a fourth the stored entries of each column."""
        sums = zero_lanes(self.shape[1], self.n_moments)
        for start, stop in self._pieces():
            self._add_moments(start, stop, w, u, shift, sums, pool)
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
            S[p:, :p] = self.moments_about(shift, w, w * y, pool)[:, [2, 0]].T        # centred before they are added up
            S[p:, p:] = (ends * w) @ ends.T
            S[:p, :p] -= np.outer(rest, S[p + 1, :p]) + np.outer(S[p + 1, :p], rest) - S[-1, -1] * np.outer(rest, rest)
            S[p:, :p] -= np.outer(S[p:, -1], rest)
            S[:p, p:] = S[p:, :p].T
        return out

    def _pieces(self):
        """Ranges of major slices to read at a time; shorter where they are copied to sum duplicates."""
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


def lengthened(values, more):
    """Append to an array in its own memory, which two copies of it would double; `values` must not be used any more."""
    old = len(values)
    values.resize(old + len(more), refcheck=False)
    values[old:] = more
    return values


class SparseColumns(Sparse):
    """CSC."""

    combines_alone = True

    def column_sizes(self, cols):
        """Stored values of each of cols."""
        return self.indptr[cols + 1] - self.indptr[cols]

    def _counts(self):
        return np.diff(self.indptr)

    def _full_values(self, row, cols):
        """Values in a row of columns that are stored in every row."""
        if self.canonical:
            return self.data[self.indptr[cols] + row]
        stored = np.flatnonzero(self.indices == row)        # duplicates included
        column = np.searchsorted(self.indptr, stored, side="right") - 1
        return np.bincount(column, self.data[stored], minlength=self.shape[1])[cols]

    def _count_slice(self, start, stop, counts):
        counts[start:stop] = np.diff(self._slice(start, stop)[2])

    def _add_moments(self, start, stop, w, u, shift, sums, pool):
        pool.check()
        if self.canonical:
            engine.csc_moments(*self.parts, start, stop, w, u, shift, sums)
        else:
            engine.csc_moments(*self._slice(start, stop), 0, stop - start, w, u, shift[start:stop], sums[start:stop])

    def dots(self, R, pool):
        return self.dots_at(R, np.arange(self.shape[1]), pool)

    def dots_at(self, R, cols, pool, w=None):
        out = np.empty((len(R), len(cols)))
        for c in range(0, len(R), LANES):
            Rt, part = by_rows(R[c:c + LANES], w), out[c:c + LANES]
            pool.run(lambda a, b, Rt=Rt, part=part: engine.csc_dots(*self.parts, cols[a:b], Rt, part[:, a:b]),
                     self._shares(cols, len(part), pool))
        return out

    def _shares(self, cols, n_rhs, pool):
        """Cut `cols` into (start, stop) runs of about as many stored values, worth a thread each."""
        ends = np.concatenate([[0], np.cumsum(self.column_sizes(cols))])
        if n_rhs * ends[-1] < SPLIT_DOTS:
            return [(0, len(cols))]
        return cuts_by_size(ends, min(PIECE // n_rhs, -(-ends[-1] // pool.n_threads)))

    def combine(self, cols, B, pool):
        out = np.zeros((len(B), self.shape[0]))
        for a, b in self._runs(cols, PIECE // len(B)):
            pool.check()
            engine.csc_combine(*self.parts, cols[a:b], np.ascontiguousarray(B[:, a:b]), out)
        return out

    def _runs(self, cols, size):
        """Cut `cols` into (start, stop) runs of about `size` stored values."""
        if self.nnz <= size:
            return [(0, len(cols))]
        return cuts_by_size(np.concatenate([[0], np.cumsum(self.column_sizes(cols))]), size)

    def products(self, cols, n_new, shift, w, pool):
        pieces = self.stored_in(cols) // max(SMALL_PART, self.nnz // 8)
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
        fill, data, columns = indptr[:-1].copy(), np.empty(indptr[-1]), np.empty(indptr[-1], np.int32)
        for a, b in runs:
            pool.check()
            engine.gather_csc(*self.parts, cols[a:b], a, first, last, fill, data, columns)
        return SparseRows((data, columns, indptr.astype(np.int32) if indptr[-1] < 2**31 else indptr),
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
    """CSR. One pass over the rows serves any number of columns, so X is never converted to CSC."""

    by_columns = False
    n_moments = 4
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

    def _add_moments(self, start, stop, w, u, shift, sums, pool):
        rows = (*self.parts, start, stop)
        if not self.canonical:
            rows, w, u = (*self._slice(start, stop), 0, stop - start), w[start:stop], u[start:stop]
        shift = shift if shift.any() else shift[:0]
        pool.run(lambda a, b: engine.csr_moments(*rows, a, b, w, u, shift, sums), self._stripes(pool))

    def _stripes(self, pool):
        """Cut the columns into one range for each thread, of about as many stored values.

        Each column's sum is formed by one thread in the order of the rows, wherever the cuts are.
        """
        p, few = self.shape[1], self.indices[::max(1, self.nnz // SAMPLE)]
        if pool.n_threads == 1 or self.nnz < SPLIT_PASS:
            return [(0, p)]
        edges = np.quantile(few, np.arange(1, pool.n_threads) / pool.n_threads).astype(int).tolist()
        return list(pairwise([0, *edges, p]))

    def _full_values(self, row, cols):
        data, indices, _ = self._slice(row, row + 1)
        return data[np.searchsorted(indices, cols)]

    def _row_pieces(self, work=1, first=0, last=None):
        last = self.shape[0] if last is None else last
        step = max(1, PIECE * self.shape[0] // max(self.nnz * work, 1))
        return [(a, min(a + step, last)) for a in range(first, last, step)]

    def dots(self, R, pool):
        out = np.empty((len(R), self.shape[1]))
        for c in range(0, len(R), LANES):
            for start, stop, sums in self._lanes(R[c:c + LANES], pool):
                out[c + start:c + stop] = sums
        return out

    def dots_in_any_order(self, R, pool):
        if len(R) > LANES:
            return self.dots(R, pool)
        parts = self._lanes(R, pool)
        return parts[0][2] if len(parts) == 1 else np.vstack([sums for _, _, sums in parts])

    def _lanes(self, R, pool):
        """Sums of up to LANES residuals, as (start, stop, sums of these), in which those of a column lie together.

        Each thread takes some of the residuals. With some of the columns it would have to find these in every row: over
        rows of 12 values two threads took 1.25 times as long as one then, and take 0.6 times as long so. The rows of a
        single residual go in halves, whatever the threads are.
        """
        large, one = self.nnz >= SPLIT_PASS, len(R) == 1
        residuals = even_cuts(len(R), pool.n_threads if large else 1)
        halves = even_cuts(self.shape[0], 2 if one and large and self.nnz >= HALVES * self.shape[1] else 1)
        parts = [(a, b, *rows, zero_lanes(self.shape[1], lanes(b - a))) for a, b in residuals for rows in halves]

        def add(a, b, first, last, sums):
            for rows in self._row_pieces(len(R), first, last):
                pool.check()
                engine.csr_dots(*self.parts, *rows, R[a:b], sums)

        pool.run(add, parts)
        for *_, more in parts[1:] if one else []:
            parts[0][-1][:] += more
        return [(a, b, sums.T[:b - a]) for a, b, *_, sums in parts[:len(residuals)]]

    def dots_at(self, R, cols, pool, w=None):
        # as many parts as sums of whole cache lines allow
        place, whole = self.places(cols), -(-len(R) // LANES) * LANES
        parts = even_cuts(self.shape[0], self.nnz // max(SPLIT_PASS, LANES * len(cols) * whole))
        sums = np.zeros((len(parts), len(cols), lanes(len(R))))
        pool.run(lambda a, b, own: self._add_dots(place, R, w, a, b, own, pool),
                 [(*part, own) for part, own in zip(parts, sums, strict=True)])
        return np.ascontiguousarray(sums.sum(axis=0).T[:len(R)])

    def _add_dots(self, place, R, w, first, last, out, pool):
        scratch = self._scratch()
        for start, stop in self._row_pieces(1, first, last):
            pool.check()
            if w is None:
                engine.csr_dots_at(*self.parts, *place, R, start, stop, *scratch, out)
            else:
                engine.csr_dots_at(self.data, self.indices, self.indptr[start:stop + 1], *place,
                                   R[:, start:stop] * w[start:stop], 0, stop - start, *scratch, out)

    def _scratch(self):
        """Return scratch for one row's places and values."""
        return np.empty(self.widest, np.int32), np.empty(self.widest)

    def places(self, cols):
        """Return (the place of each column of X in cols, or -1; with many columns a bit for each that has a place)."""
        p = self.shape[1]
        place, taken = np.full(p, -1, np.int32), np.zeros(p // 64 + 1 if p > MANY_COLUMNS else 0, np.uint64)
        place[cols] = np.arange(len(cols), dtype=np.int32)
        if len(taken):
            np.bitwise_or.at(taken, cols >> 6, np.uint64(1) << (cols & 63).astype(np.uint64))
        return place, taken

    def combine(self, cols, B, pool):
        place, out = self.places(cols), np.zeros((len(B), self.shape[0]))
        if len(cols):
            Bt = np.zeros((len(cols), lanes(len(B))))
            Bt[:, :len(B)] = B.T
            pool.run(lambda a, b: engine.csr_combine(*self.parts, *place, Bt, a, b, *self._scratch(), out),
                     pool.split(self.shape[0], self.nnz // self.shape[0] + 1))
        return out

    def products(self, cols, n_new, shift, w, pool):
        m, n = len(cols), self.shape[0]
        place = self.places(cols)
        segments = row_segments(n, m * n_new)
        partial = np.zeros((len(segments), n_new, m))

        def part(first, last, out):
            at_place, scratch = np.full(0 if self.canonical else m, -1, np.int32), self._scratch()
            for start, stop in self._row_pieces(1 + min(m, self.nnz // n) // 8, first, last):
                pool.check()
                engine.csr_gram(*self.parts, *place, shift, w, m - n_new, start, stop, *scratch, at_place, out)

        pool.run(part, [(*rows, out) for rows, out in zip(segments, partial, strict=True)])
        return partial[0] if len(segments) == 1 else partial.sum(axis=0)

    def copies_pay(self, cols, share):
        return self.stored_in(cols) <= share * self.nnz

    def with_copies(self, copied, cols, pool):
        data, rows, indptr = self.gather(cols, None, None, pool)
        data, indptr = data.astype(self.dtype, copy=False), indptr.astype(np.int32)
        if copied is not None:
            data, rows = lengthened(copied.data, data), lengthened(copied.indices, rows)
            indptr = np.concatenate([copied.indptr, copied.indptr[-1] + indptr[1:]])
        return SparseColumns((data, rows, indptr), (self.shape[0], len(indptr) - 1), self.canonical)

    def gather(self, cols, mean, weights, pool):
        """Return (data, rows, indptr) of the columns, float64 and int32."""
        place, indptr = self.places(cols), np.concatenate([[0], np.cumsum(self._counts_of(cols, pool))])
        data, rows, n = np.empty(indptr[-1]), np.empty(indptr[-1], np.int32), self.shape[0]
        middle = n // 2 if self.nnz >= SPLIT_PASS else n

        def fill(backwards, at, pieces):    # from both ends of each column to the middle row
            scratch = self._scratch()
            for start, stop in pieces:
                pool.check()
                engine.gather_csr(*self.parts, *place, start, stop, backwards, *scratch, at, data, rows)

        halves = [(False, indptr[:-1].copy(), self._row_pieces(1, 0, middle)),
                  (True, indptr[1:].copy(), self._row_pieces(1, middle)[::-1])]
        pool.run(fill, halves[:1 + (middle < n)])
        return data, rows, indptr

    def _counts_of(self, cols, pool):
        """Stored entries of some columns: a pass over the indices where nobody has counted them all."""
        if self._sizes is not None:
            return self.column_sizes(cols)
        place, counts = self.places(cols), np.zeros(len(cols) + 1, np.int64)
        for start, stop in self._row_pieces():
            pool.check()
            engine.gather_counts(self.indices[self.indptr[start]:self.indptr[stop]], *place, counts)
        return counts[1:]
