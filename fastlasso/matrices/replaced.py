"""A matrix some of whose columns are replaced by dense ones, which are held in memory."""

import numpy as np

from .base import Matrix
from .tiling import equal_weights, products, root_weights


class Replaced(Matrix):
    """Another matrix, with dense columns in the place of some of its own.

    Parameters
    ----------
    matrix : Matrix
    cols : ndarray of int
        The columns that are replaced.
    columns : ndarray of shape (len(cols), n_samples)
        What replaces them.
    """

    def __init__(self, matrix, cols, columns):
        self.matrix, self.cols, self.columns = matrix, cols, columns
        self.shape, self.dtype, self.nnz, self.nbytes = matrix.shape, matrix.dtype, matrix.nnz, matrix.nbytes
        self.by_columns, self.visit_ns, self.alphas_ahead = matrix.by_columns, matrix.visit_ns, matrix.alphas_ahead
        self.gathered_kind, self.is_sparse, self.is_far = matrix.gathered_kind, matrix.is_sparse, matrix.is_far
        self.share, self.pays_to_select = matrix.share, matrix.pays_to_select
        self.is_compressible = matrix.is_compressible
        self.called(matrix.feature_names, matrix.row_labels)
        self.place = np.full(self.shape[1], -1)
        self.place[cols] = np.arange(len(cols))

    @property
    def source(self):
        return self.matrix.source

    def share_of(self, cols):
        return self.matrix.share_of(self._kept(cols))

    def share_of_sum(self, cols):
        return self.matrix.share_of_sum(self._kept(cols))

    def expect(self, cols, pool):
        return self.matrix.expect(self._kept(cols), pool)

    def _kept(self, cols):
        return cols[self.place[cols] < 0]

    def moments(self, w, u, pool):
        first, sums = self.matrix.moments(w, u, pool)
        first, sums = first.copy(), sums.copy()
        first[self.cols] = 0.0
        sums[self.cols, :2] = products(np.vstack([self.columns, self.columns**2]), w[None]).reshape(2, -1).T
        sums[self.cols, 2] = products(self.columns, u[None])[:, 0]
        return first, sums

    def dots(self, R, pool):
        out = self.matrix.dots(R, pool)
        out[:, self.cols] = products(R, self.columns)
        return out

    def dots_at(self, R, cols, pool, w=None):
        at, out = self.place[cols], np.empty((len(R), len(cols)))
        out[:, at < 0] = self.matrix.dots_at(R, cols[at < 0], pool, w)
        if (at >= 0).any():
            out[:, at >= 0] = products(R if w is None else R * w, self.columns[at[at >= 0]])
        return out

    def combine(self, cols, B, pool):
        at = self.place[cols]
        out = self.matrix.combine(cols[at < 0], np.ascontiguousarray(B[:, at < 0]), pool)
        for place, b in zip(at[at >= 0], B[:, at >= 0].T, strict=True):
            out += b[:, None] * self.columns[place]
        return out

    def gram(self, cols, n_new, mean, far_mean, weights, pool):
        at, old = self.place[cols], len(cols) - n_new
        ours, new = np.flatnonzero(at >= 0), np.arange(old, len(cols))
        out = np.empty((n_new, len(cols)))
        theirs, theirs_new = np.flatnonzero(at < 0), new[at[new] < 0]
        if len(theirs_new):
            out[np.ix_(theirs_new - old, theirs)] = self.matrix.gram(
                cols[theirs], len(theirs_new), np.ascontiguousarray(mean[theirs]), far_mean, weights, pool)
        if len(ours):
            w = equal_weights(self.shape[0]) if weights is None else weights
            rows = w * (self.columns[at[ours]] - mean[ours, None])
            rows = self.dots_at(rows, cols, pool) - np.outer(rows.sum(axis=1), mean)
            own = ours >= old
            out[ours[own] - old] = rows[own]
            out[:, ours] = rows[:, old:].T
        return out

    def column_sizes(self, cols):
        return np.where(self.place[cols] < 0, self.matrix.column_sizes(cols), self.shape[0])

    def check_finite(self):
        self.matrix.check_finite()

    def gather(self, cols, mean, weights, pool):
        at = self.place[cols]
        got, ours = self.matrix.gather(cols[at < 0], np.ascontiguousarray(mean[at < 0]), weights, pool), at[at >= 0]
        if isinstance(got, tuple):
            return self._gathered_sparse(at, *got)
        out = np.empty((len(cols), self.shape[0]))
        out[at < 0] = got
        out[at >= 0] = (self.columns[ours] - mean[at >= 0, None]) * root_weights(weights, self.shape[0])
        return out

    def _gathered_sparse(self, at, data, rows, indptr):
        everywhere = np.arange(self.shape[0], dtype=np.int32)
        values = np.split(data, indptr[1:-1]) if len(indptr) > 1 else []
        places = np.split(rows, indptr[1:-1]) if len(indptr) > 1 else []
        values, places = iter(values), iter(places)
        values = [next(values) if k < 0 else self.columns[k] for k in at]
        places = [next(places) if k < 0 else everywhere for k in at]
        return np.concatenate(values), np.concatenate(places), np.cumsum([0, *map(len, values)])
