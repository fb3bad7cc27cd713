"""X as the solver sees it: a matrix with sample weights and an implicit centre, and a count of passes over it."""

from copy import copy

import numpy as np

from .._engine import engine
from ..matrices.summed import CONSTANT
from ..matrices.tiling import equal_weights, products, root_weights, row_products
from ..validation import ROUNDING_SHARE, SMALLEST_SQUARE

# (mean / standard deviation)^2 from which both factors of a product must be centred.
FAR_MEAN = 1e6
# A variance below this share of the mean square is measured anew, about the mean: rounding left it fewer than 6 digits.
UNSURE = 1e-9
# Columns that are measured anew at once, and the values that they may take (32 MB) unless one alone takes more.
MOST_ANEW, ANEW_VALUES = 16, 1 << 22


class Design:
    """X with sample weights (that sum to one) and an implicit centre; all inner products are weighted and centred.

    Attributes
    ----------
    mean, norm2, variance : ndarray of shape (n_features,)
        The centre (0 without intercept), |x_j|^2 about the centre, and the variance about the mean.
    constant, flat : ndarray of bool
        Columns with zero norm about the centre, and columns whose variance is zero or rounding.
    kept : dict, or None
        Gram matrices of whole working sets by their columns, where several designs of the same X share them.
    """

    def __init__(self, matrix, weights, fit_intercept, pool, kept=None):
        self.matrix, self.weights, self.fit_intercept, self._pool = matrix, weights, fit_intercept, [pool]
        self.n_samples, self.n_features = matrix.shape
        self.kept, self._count = kept, [0.0]
        self._may_be_far = True     # whether some mean may be far from zero, in standard deviations
        self._ones = np.ones((1, self.n_samples)) if weights is None else None

    @classmethod
    def measured(cls, matrix, weights, fit_intercept, pool, y, kept=None):
        """Return (the design of a matrix, X'y), measured in one pass."""
        design = cls(matrix, weights, fit_intercept, pool, kept)
        return design, design.measure(y)

    def counted_anew(self):
        """Return the same design with its own count of passes; the measurements are shared."""
        other = copy(self)
        other._count, other._pool = [0.0], list(self._pool)
        return other

    def reweighted(self, weights):
        """Return X under other weights; both count their passes together.

        The centre of a column is unknown until `measure_centres`. `norm2` stays that of the present weights.
        """
        other = copy(self)
        other.weights, other.mean, other.kept, other._may_be_far = weights, np.zeros(self.n_features), None, True
        return other

    def beside(self, matrix):
        """Return the same X read through another matrix; both count their passes together and use the same threads."""
        other = copy(self)
        other.matrix = matrix
        return other

    def replaced(self, matrix, cols, columns):
        """Return X with other columns, centred, in the place of some; both count their passes together."""
        other = copy(self)
        other.matrix, other.kept, other._may_be_far = matrix, None, True
        other.mean, other.norm2, other.variance = self.mean.copy(), self.norm2.copy(), self.variance.copy()
        other.norm2[cols] = self.norms2(columns)
        other.mean[cols], other.variance[cols] = 0.0, other.norm2[cols]
        if not self.fit_intercept:
            other.variance[cols] -= self.means(columns) ** 2
        return other

    def measure_centres(self, cols):
        """Measure the centres of some columns, which are 0 without an intercept."""
        if self.fit_intercept:
            ones = np.ones((1, self.n_samples))
            self.mean[cols] = self._weighted(self.matrix.dots_at, ones, cols, self.pool)[0]
            self.passes += self.matrix.share_of(cols)

    @property
    def passes(self):
        """Passes over X so far. Reading one column counts as 1 / n_features where X is stored by columns."""
        return self._count[0]

    @passes.setter
    def passes(self, count):
        self._count[0] = count

    def count(self, passes):
        """Count further passes, of an earlier fit."""
        self.passes += passes

    @property
    def pool(self):
        """Threads for the passes."""
        return self._pool[0]

    def move_to(self, pool):
        """Use the threads of another pool from now on."""
        self._pool[0] = pool

    @property
    def n_weighted(self):
        """Number of rows of positive weight; a row of weight 0 counts as deleted."""
        return self.n_samples if self.weights is None else int(np.count_nonzero(self.weights))

    def weigh(self, R):
        """w_i R[:, i]."""
        return R / self.n_samples if self.weights is None else R * self.weights

    def _weighted(self, product, R, *rest):
        """product(w R, ...), which is linear: equal weights are a factor of the result, not a copy of R."""
        if self.weights is not None:
            return product(R * self.weights, *rest)
        out = product(R, *rest)
        out /= self.n_samples
        return out

    def measure(self, y):
        """One fused pass: centre, norms, and the correlations with y (returned)."""
        n = self.n_samples
        w = equal_weights(n) if self.weights is None else self.weights
        u = self.weigh(y)
        with np.errstate(invalid="ignore", over="ignore"):
            first, sums = self.matrix.moments(w, u, self.pool)
            mean = self._set_moments(first, sums)
            correlation = sums[:, 2].copy() if self.fit_intercept else sums[:, 2] + first * u.sum()
            total = correlation.sum() + self.norm2.sum()
        self.passes += 1
        if not np.isfinite(total):
            self.matrix.check_finite()
            raise ValueError("X is too large: squares of its columns overflow; divide X by a constant")
        if sums[:, 1].max() < SMALLEST_SQUARE and 0 < np.abs(sums[:, 0]).max() < SMALLEST_SQUARE**0.48:
            raise ValueError("X is too small: squares of its columns underflow; multiply X by a constant")
        self._measure_anew(np.flatnonzero(self.variance < UNSURE * sums[:, 1]), mean)
        return correlation

    def _set_moments(self, first, sums):
        """Set mean and variance from sums about `first`; return the mean."""
        s0, s1 = sums[:, 0], sums[:, 1]
        mean = first + s0
        self.variance = np.maximum(s1 - s0 * s0, 0.0)
        second = s1 + first * (first + 2 * s0)
        self.mean = mean if self.fit_intercept else np.zeros(len(mean))
        self.norm2 = self.variance if self.fit_intercept else second
        self._may_be_far = bool((self.mean * self.mean > FAR_MEAN * self.norm2).any())
        self.flat = self.variance <= np.maximum(CONSTANT * s1, (ROUNDING_SHARE * mean) ** 2)
        self.constant = self.variance <= CONSTANT * s1 if self.fit_intercept else second <= 0
        return mean

    def _measure_anew(self, cols, mean):
        """Set the variances of some columns from their distances from the mean, and whether these are rounding.

        The distances of a constant column are at most ROUNDING_SHARE of its mean, and its variance is their rounding.
        """
        at_once = max(1, min(MOST_ANEW, ANEW_VALUES // self.n_samples))
        for start in range(0, len(cols), at_once):
            part = cols[start:start + at_once]
            R = np.require(self.matrix.combine(part, np.eye(len(part)), self.pool), np.float64, "CW")
            self.variance[part] = self.norms2(self._less_mean(R))
            rounding = (ROUNDING_SHARE * mean[part]) ** 2
            self.flat[part] = self.variance[part] <= rounding
            if self.fit_intercept:
                self.constant[part] = self.variance[part] <= CONSTANT * rounding
            self.passes += self.matrix.share_of_sum(part)

    def correlations(self, R):
        """Return R'X, shape (k, p), for centred residuals R of shape (k, n)."""
        self.passes += 1
        return self._weighted(self.matrix.dots, R, self.pool)

    def evaluated(self, y, cols, B, whole, some, ahead=None):
        """Return (|r|^2, R[whole]'X, R'X[:, some], Gram rows) for R = y - B X[:, cols]', centred, of shape (k, n).

        No R is formed whole. The mean of R follows from that of X but for rounding, which the same pass sums up. With
        ahead = (columns, n_new) the Gram rows are those that `gram` returns, else None.
        """
        centres, more = -(B @ self.mean[cols]), ()
        if ahead is not None:
            more = ((*ahead, np.ascontiguousarray(self.mean[ahead[0]])),)
        Z, sums, own, *rows = self.matrix.evaluated(y, cols, B, centres, self.weights, self.pool, whole, some, *more)
        self.passes += 1
        Z = np.ascontiguousarray(Z)
        if self.fit_intercept:
            for z, rest in zip(Z, sums[whole, 0], strict=True):
                z -= rest * self.mean
            own -= np.outer(sums[:, 0], self.mean[some])
            sums[:, 1] -= sums[:, 0] ** 2
        return sums[:, 1], Z, own, rows[0] if rows else None

    def correlations_at(self, R, cols):
        """Return R'X[:, cols], shape (k, len(cols))."""
        self.passes += self.matrix.share_of(cols)
        out = self.matrix.dots_at(R, cols, self.pool, self.weights)
        if self.weights is None:
            out /= self.n_samples
        return out

    def residuals(self, y, cols, B):
        """Return y - B X[:, cols]' of shape (k, n), centred."""
        R = self.matrix.combine(cols, B, self.pool)
        np.subtract(y, R, out=R)
        self.passes += self.matrix.share_of_sum(cols)
        return self._centred(R)

    def fitted(self, cols, B):
        """Return B X[:, cols]' of shape (k, n), centred."""
        self.passes += self.matrix.share_of_sum(cols)
        return self._centred(np.require(self.matrix.combine(cols, B, self.pool), np.float64, "CW"))

    def _centred(self, R):
        """Subtract the mean of each row, where there is an intercept."""
        return self._less_mean(R) if self.fit_intercept else R

    def _less_mean(self, R):
        """Subtract the mean of each row, and of what is left: means of X would multiply what rounding leaves."""
        if self.weights is None:
            engine.subtract_means(R, self._ones[0], self.n_samples)
        else:
            engine.subtract_means(R, self.weights, 1.0)
        return R

    def images(self, cols, B):
        """Return B X[:, cols]' of shape (k, n), centred and root-weighted."""
        return self.rooted(-self.residuals(np.zeros(self.n_samples), cols, B))

    def rooted(self, R):
        """sqrt(w_i) R[:, i]: inner products become plain sums."""
        return R * root_weights(self.weights, self.n_samples)

    def means(self, R):
        """Weighted mean of each row of R."""
        ones = self._ones if self.weights is None else self.weights[None]
        sums = products(R, ones)[:, 0]
        return sums / self.n_samples if self.weights is None else sums

    def inner(self, R, S):
        """Weighted inner products of residual vectors: shape (len(R), len(S))."""
        return self._weighted(products, R, S)

    def norms2(self, R):
        """Weighted squared norm of each row of R."""
        return self._weighted(row_products, R, R)

    def gram(self, cols, n_new):
        """Return the inner products of the last n_new of cols with all of cols, shape (n_new, len(cols))."""
        self.passes += self.matrix.share_of(cols)
        if self.kept is None or n_new < len(cols):
            return self._read_gram(cols, n_new)
        key = cols.tobytes()
        if key not in self.kept:
            self.kept.clear()       # one at a time: it may be the largest array beside X
            self.kept[key] = self._read_gram(cols, n_new)
        return self.kept[key]

    def _read_gram(self, cols, n_new):
        mean = np.ascontiguousarray(self.mean[cols])
        far_mean = n_new < len(cols) and self._may_be_far and bool((mean * mean > FAR_MEAN * self.norm2[cols]).any())
        return self.matrix.gram(cols, n_new, mean, far_mean, self.weights, self.pool)

    def stored(self, cols):
        """Stored values of some columns."""
        return self.matrix.stored_in(cols)

    def gather(self, cols):
        """Return columns in the form that `Matrix.gathered_kind` keeps."""
        self.passes += self.matrix.share_of(cols)
        return self.matrix.gather(cols, np.ascontiguousarray(self.mean[cols]), self.weights, self.pool)

    def expect(self, cols):
        """Make ready for the reading of some columns."""
        self.passes += self.matrix.expect(cols, self.pool)

    def gathered(self, cols):
        """Return columns gathered for coordinate descent (`matrices/gathered.py`)."""
        self.expect(cols)
        return self.matrix.gathered_kind(self, cols)
