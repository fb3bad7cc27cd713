"""A matrix of which some columns are copied together: reading these costs no pass over a matrix stored by rows."""

import numpy as np

from .base import Matrix

# Copies may hold this share of the stored values.
COPIED_SHARE = 0.4
# Stored values from which a second thread pays.
LARGE = 1 << 17


class Near(Matrix):
    """Reads the columns that were taken from their copy, and everything else from the source.

    Attributes
    ----------
    copied : Matrix, or None
        The columns taken, in order; None where copies do not pay.
    """

    def __init__(self, source):
        self._source, self.copied = source, None
        self.shape, self.dtype, self.nnz, self.nbytes = source.shape, source.dtype, source.nnz, source.nbytes
        self.visit_ns, self.gathered_kind = source.visit_ns, source.gathered_kind
        self._place, self._taken = np.full(self.shape[1], -1), np.empty(0, np.int64)

    @property
    def source(self):
        return self._source

    def take(self, cols, pool):
        """Copy further columns, as long as all copies take little memory beside X."""
        cols = cols[self._place[cols] < 0]
        taken = np.concatenate([self._taken, cols])
        if not len(cols) or not self._source.copies_pay(taken, COPIED_SHARE):
            return
        self.copied = self._source.with_copies(self.copied, cols, pool)
        self._place[cols] = len(self._taken) + np.arange(len(cols))
        self._taken = taken

    def share(self, n_cols):
        """Reading copies counts as reading that share of X."""
        return n_cols / self.shape[1]

    def _split(self, cols):
        """(matrix, columns of it) that hold these columns."""
        places = self._place[cols]
        if self.copied is None or (len(places) and places.min() < 0):
            return self._source, cols
        return self.copied, places

    def dots_at(self, R, cols, pool, w=None):
        matrix, cols = self._split(cols)
        return matrix.dots_at(R, cols, pool, w)

    def combine(self, cols, B, pool):
        matrix, cols = self._split(cols)
        if matrix is self._source or not matrix.combines_alone or matrix.nnz < LARGE:
            return matrix.combine(cols, B, pool)
        middle, parts = len(cols) // 2, [None, None]

        def half(k, part):      # always two halves, so that the sum does not depend on the number of threads
            parts[k] = matrix.combine(cols[part], np.ascontiguousarray(B[:, part]), pool)

        pool.run(half, [(0, slice(0, middle)), (1, slice(middle, None))])
        parts[0] += parts[1]
        return parts[0]

    def gram(self, cols, n_new, mean, far_mean, weights, pool):
        return self._source.gram(cols, n_new, mean, far_mean, weights, pool)

    def moments(self, w, u, pool):
        return self._source.moments(w, u, pool)

    def column_sizes(self, cols):
        return self._source.column_sizes(cols)

    def gather(self, cols, mean, weights, pool):
        return self._source.gather(cols, mean, weights, pool)
