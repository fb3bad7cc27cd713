"""Some rows of a matrix, known by their sums of squares and products."""

import numpy as np

from .base import Matrix

# Rows of a Gram matrix that are centred at a time.
ROWS = 256
# A variance below this share of the mean squared distance from a reference point is rounding.
CONSTANT = 1e-14
# Where some rows hold less than this share of a column's sum of squares, the difference of two sums has lost 4 digits.
CANCELLED = 1e-4


class FromSums(Matrix):
    """Some rows of another matrix, known by their sums S (see `Matrix.group_sums`).

    Moments and Gram matrices come from the sums, with one exception: the columns `lost`. Where these rows hold less
    than CANCELLED of a column's squares, of its spread, or of all weight, the total minus the held-out part has lost
    its digits, and X is read. So it is where the spread itself is as small a share of the squares: the centre is then
    an outlier, for instance of a row without weight.

    Parameters
    ----------
    matrix : Matrix
        All rows.
    S, total : ndarray of shape (p + 2, p + 2)
        The sums over these rows and over all.
    centre : ndarray of shape (p,)
        The values subtracted from X before it was summed.
    """

    by_columns = False

    def __init__(self, matrix, S, total, centre):
        self.matrix, self.centre, self.weight, self.total = matrix, centre, S[-1, -1], total
        self.S, self.shape, self.nnz, self.nbytes = S, matrix.shape, matrix.nnz, matrix.nbytes
        self.dots, self.dots_at, self.combine, self.gather = matrix.dots, matrix.dots_at, matrix.combine, matrix.gather
        self.check_finite, self.column_sizes, self.dtype = matrix.check_finite, matrix.column_sizes, matrix.dtype
        self.visit_ns, self.gathered_kind = matrix.visit_ns, matrix.gathered_kind
        self.is_far, self.is_sparse, self.is_compressible = matrix.is_far, matrix.is_sparse, matrix.is_compressible
        self.share_of_sum, self.evaluated = matrix.share_of_sum, matrix.evaluated
        self.alphas_ahead, self.free_residuals = matrix.alphas_ahead, matrix.free_residuals
        self.called(matrix.feature_names, matrix.row_labels)
        about_mean, spread, size = spread_of(S), spread_of(total), total.diagonal()[:-2]
        self.lost = np.flatnonzero((self.weight < CANCELLED * total[-1, -1])
                                   | (S.diagonal()[:-2] < CANCELLED * size) | (spread < CANCELLED * size)
                                   | (about_mean < CANCELLED * spread))

    @property
    def source(self):
        return self.matrix

    def without(self, S):
        """Return these rows less those whose sums are S."""
        return FromSums(self.matrix, self.S - S, self.total, self.centre)

    def share(self, n_cols):
        return 0.0

    def moments(self, w, u, pool):
        """As `Matrix.moments`, for u = w (y - a constant); the constant follows from the sum of u."""
        if len(self.lost):
            return self.matrix.moments(w, u, pool)
        p, S = self.shape[1], self.S / self.weight
        constant = S[p, -1] - u.sum()
        return self.centre, np.stack([S[-1, :p], S.diagonal()[:p], S[p, :p] - constant * S[-1, :p]], axis=1)

    def gram(self, cols, n_new, mean, far_mean, weights, pool):
        new = cols[len(cols) - n_new:]
        shift, first = mean - self.centre[cols], self.S[-1, cols] / self.weight
        G, old = self.S[np.ix_(new, cols)], len(cols) - n_new
        G /= self.weight
        for at in range(0, n_new, ROWS):        # some rows at a time, whose products take little memory
            rows = slice(old + at, old + at + ROWS)
            G[at:at + ROWS] += np.outer(shift[rows], shift - first) - np.outer(first[rows], shift)
        lost = np.isin(cols, self.lost)
        if lost.any():
            order = np.argsort(lost, kind="stable")
            rows = np.empty((np.count_nonzero(lost), len(cols)))
            rows[:, order] = self.matrix.gram(cols[order], len(rows), mean[order], True, weights, pool)
            G[:, lost] = rows[:, old:].T
            G[lost[old:]] = rows[np.count_nonzero(lost[:old]):]
        return G


def spread_of(S):
    """Sums of squares of the columns about their means."""
    return S.diagonal()[:-2] - S[-1, :-2] ** 2 / S[-1, -1]


def summed_whole(matrix, groups, y, weights, pool):
    """Return (all rows as `FromSums`, the sums of each group of rows): one pass for moments and Gram matrix."""
    centre = matrix.typical()
    with np.errstate(invalid="ignore", over="ignore"):
        sums = matrix.group_sums(groups, centre, y, weights, pool)
        total = sums.sum(axis=0) if len(groups) > 1 else sums[0]
    return FromSums(matrix, total, total, centre), sums


def sums_of_targets(matrix, Y, weights, pool):
    """Return (the sums over all rows with the targets that are the rows of Y, the centre of X): one pass."""
    centre = matrix.typical()
    with np.errstate(invalid="ignore", over="ignore"):
        return matrix.group_sums([np.arange(matrix.shape[0])], centre, Y, weights, pool)[0], centre


def summed_with(matrix, sums, centre, k):
    """Return all rows as `FromSums` with target k of those summed, with the bits of `summed_whole`."""
    p = matrix.shape[1]
    own = np.r_[:p, p + k, len(sums) - 1]
    S = sums[np.ix_(own, own)]
    return FromSums(matrix, S, S, centre)
