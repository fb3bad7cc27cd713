"""A matrix of which some columns are copied together: reading these costs no pass over a matrix stored by rows."""

import numpy as np

from .base import Matrix

# Copies may hold this share of the stored values.
COPIED_SHARE = 0.4
# Copies with no more than this share of the stored values are turned into rows for products of columns: beyond it, to
# pick the columns out of X's own rows takes no longer.
TURNED_SHARE = 0.2
# Stored values from which a second thread pays.
LARGE = 1 << 17
# Vectors of p for the residuals of a pass from far away may take this share of X's bytes.
FREE_SHARE = 1 / 6
# Residuals that such a pass serves in any case.
FREE_LEAST = 8


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
        self.is_sparse = source.is_sparse
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

    def expect(self, cols, pool):
        self.take(cols, pool)
        return 0.0

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
        sizes, parts = matrix.column_sizes(cols), [None, None]
        middle = int(np.searchsorted(np.cumsum(sizes), sizes.sum() / 2, "right"))

        def half(k, part):      # always two halves, so that the sum does not depend on the number of threads
            parts[k] = matrix.combine(cols[part], np.ascontiguousarray(B[:, part]), pool)

        pool.run(half, [(0, slice(0, middle)), (1, slice(middle, None))])
        parts[0] += parts[1]
        return parts[0]

    def gram(self, cols, n_new, mean, far_mean, weights, pool):
        matrix, places = self._split(cols)
        if matrix.is_sparse and matrix.nnz > TURNED_SHARE * self.nnz:
            matrix, places = self._source, cols
        return matrix.gram(places, n_new, mean, far_mean, weights, pool)

    def moments(self, w, u, pool):
        return self._source.moments(w, u, pool)

    def column_sizes(self, cols):
        return self._source.column_sizes(cols)

    def gather(self, cols, mean, weights, pool):
        return self._source.gather(cols, mean, weights, pool)


class Far(Near):
    """A matrix whose passes are dear, on one fit's way down the path.

    Columns that are expected are copied in one pass. From then on products with them, and sums of them, cost no pass.
    """

    is_far = True
    by_columns = False
    alphas_ahead, looks_ahead = 24, True

    def __init__(self, source):
        super().__init__(source)
        self.has_sums = source.has_sums
        self.dots, self.moments, self.combine_rows = source.dots, source.moments, source.combine_rows
        self.typical, self.group_sums, self.column_sizes = source.typical, source.group_sums, source.column_sizes
        self.check_finite, self.is_compressible = source.check_finite, source.is_compressible
        self.evaluated = source.evaluated
        self.read_blocks = source.read_blocks

    @property
    def pass_ns(self):
        return self._source.pass_ns

    @property
    def free_residuals(self):
        """As many as keep the vectors of p of one pass, three for each residual, within a share of X's bytes."""
        return int(np.clip(FREE_SHARE * self.nbytes / (24 * self.shape[1]), FREE_LEAST, self.alphas_ahead))

    @property
    def pays_to_sum(self):
        return self._source.pays_to_sum

    def pays_to_select(self, n_cols):
        """Whether so few columns may all be copies: else one pass for all columns serves what two would."""
        return n_cols <= len(self._taken)

    def _copied(self, cols):
        return len(cols) == 0 or (self.copied is not None and self._place[cols].min() >= 0)

    def expect(self, cols, pool):
        before = self.copied
        self.take(cols, pool)
        return float(self.copied is not before)

    def share(self, n_cols):
        return float(n_cols > 0)

    def share_of(self, cols):
        return 0.0 if self._copied(cols) else 1.0

    share_of_sum = share_of

    def gram(self, cols, n_new, mean, far_mean, weights, pool):
        matrix, cols = self._split(cols)
        return matrix.gram(cols, n_new, mean, far_mean, weights, pool)

    def gather(self, cols, mean, weights, pool):
        matrix, cols = self._split(cols)
        return matrix.gather(cols, mean, weights, pool)


def with_near_columns(matrix):
    """Return a matrix that keeps copies of columns in use: itself, where it does."""
    return matrix if isinstance(matrix, Far) else Near(matrix)
