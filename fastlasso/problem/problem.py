"""The one problem as a value, validated once.

    minimise over (b0, b)   1/(2 W) sum_i w_i (y_i - o_i - b0 - x_i . b)^2
                            + alpha sum_j ( l1_j |b_j| + l2_j/2 b_j^2 ),      lower_j <= b_j <= upper_j

with l1 = v l1_ratio s, l2 = v (1 - l1_ratio) s^2, penalty factors v and scales s (1, or each column's standard
deviation with `standardize`). A column that cannot enter (v = inf, or constant under an intercept) has l1 = inf.
"""

from copy import copy

import numpy as np

from .. import validation
from .._engine import engine
from ..matrices.choose import as_matrix
from ..matrices.dense import Dense
from ..matrices.summed import Summed, compressible
from ..ways import ways
from .design import Design


class Problem:
    """y, the weights and the penalty of one data set, and X behind a `Design`.

    Attributes
    ----------
    design : Design
        X with its weights and centre.
    y : ndarray of shape (n_samples,)
        Target less offset, centred where there is an intercept.
    y_mean : float
        What was taken off.
    penalty_factor : ndarray of shape (n_features,)
        v in [0, inf], as given.
    l1, l2, lower, upper : ndarray of shape (n_features,)
        The penalty per unit of alpha, and the bounds.
    correlation : ndarray of shape (n_features,)
        X'y, weighted and centred: the negative gradient at b = 0.
    null_objective : float
        P(0) = 1/2 y.y, the objective at b = 0 with the best intercept.
    group_sums : ndarray of shape (n_groups, n_features + 2, n_features + 2), or None
        The sums over each of the `groups` of rows that were asked for (`Matrix.group_sums`), y centred.
    """

    def __init__(self, X, y, options, pool, groups=None):
        matrix = as_matrix(X)
        n, p = matrix.shape
        self.weights = validation.sample_weights(options.sample_weight, n)
        self.l1_ratio = validation.number(options.l1_ratio, "l1_ratio", 0.0, 1.0)
        self.fit_intercept, self.standardize = bool(options.fit_intercept), bool(options.standardize)
        factors = validation.penalty_factors(options.penalty_factor, p)
        self.lower, self.upper = validation.bounds(options.lower, options.upper, p)
        self._set_target(validation.target(y, n), options.offset)
        self.group_sums = None
        if groups is not None:
            matrix, self.group_sums = self._summed(matrix, groups, pool)
        elif isinstance(matrix, Dense) and compressible(matrix.shape) and matrix.nnz > ways().summed_from:
            matrix, _ = self._summed(matrix, [np.arange(n)], pool)
        self.design = Design(matrix, self.weights, self.fit_intercept, pool)
        self.correlation = self.design.measure(self.y)
        self._set_penalty(factors)

    def with_penalty_factor(self, penalty_factor, l1_ratio=None):
        """Return the same data under other penalty factors (and another l1_ratio): X is not read again."""
        other = copy(self)
        if l1_ratio is not None:
            other.l1_ratio = validation.number(l1_ratio, "l1_ratio", 0.0, 1.0)
        other._set_penalty(validation.penalty_factors(penalty_factor, self.design.n_features))
        return other

    @property
    def scale(self):
        """s_j by which the penalty multiplies each coefficient: 1, or the standard deviations of the columns."""
        return np.sqrt(self.design.variance) if self.standardize else 1.0

    def closed(self):
        """Return the same problem with the columns that cannot enter held at zero by bounds instead of l1 = inf.

        So they may stand in a working set, from which nothing is ever taken out.
        """
        never = np.isinf(self.l1)
        if not never.any():
            return self
        other = copy(self)
        other.l1 = np.where(never, 1.0, self.l1)
        other.lower, other.upper = np.where(never, 0.0, self.lower), np.where(never, 0.0, self.upper)
        return other

    def _summed(self, matrix, groups, pool):
        """(the matrix known by its sums, those of each group): one pass for what would take two, moments and Gram."""
        centre = matrix.typical()
        with np.errstate(invalid="ignore", over="ignore"):
            sums = matrix.group_sums(groups, centre, self.y, self.weights, pool)
            total = sums.sum(axis=0) if len(groups) > 1 else sums[0]
        return Summed(matrix, total, total, centre), sums

    def _set_target(self, y, offset):
        if offset is not None:
            y = y - validation.no_nan_or_inf(validation.finite_vector(offset, len(y), "offset"), "offset")
        self.y_mean = self.mean_over_samples(y) if self.fit_intercept else 0.0
        y = y - self.y_mean
        if self.fit_intercept:      # a second round takes off what rounding left
            rest = self.mean_over_samples(y)
            y -= rest
            self.y_mean += rest
        with np.errstate(over="ignore"):
            self.null_objective = float(0.5 * self.mean_over_samples(y * y))
        rounding = np.finfo(float).eps * abs(self.y_mean)
        if self.null_objective**0.5 <= rounding and self.mean_over_samples(np.abs(y)) <= 2 * rounding:
            y, self.null_objective = np.zeros(len(y)), 0.0      # y is constant but for rounding
        self.y = y
        if not np.isfinite(self.null_objective):
            raise ValueError("y is too large: its squares overflow; divide y (and alpha) by a constant")
        if self.null_objective < validation.SMALLEST_SQUARE and self.mean_over_samples(np.abs(y)) > 0:
            raise ValueError("y is too small: its squares underflow; multiply y (and alpha) by a constant")

    def _set_penalty(self, factors):
        self.penalty_factor = factors
        scale = self.scale if self.standardize else None
        with np.errstate(invalid="ignore"):      # inf * 0, of columns that are never used
            l1 = factors if self.l1_ratio == 1 else factors * self.l1_ratio
            l2 = None if self.l1_ratio == 1 else factors * (1 - self.l1_ratio)
            if scale is not None:
                l1, l2 = l1 * scale, None if l2 is None else l2 * scale * scale
        never = np.isinf(factors) | (self.design.constant if scale is None else self.design.flat)
        if never.any():
            l1, l2 = np.where(never, np.inf, l1), None if l2 is None else np.where(never, 0.0, l2)
        self.l1, self.l2 = l1, validation.repeated(0.0, len(factors)) if l2 is None else l2

    def free(self, alpha, cols, coef):
        """Which of `cols` have no penalty at `alpha` and, with these coefficients, stand clear of their bounds."""
        unpenalised = np.isfinite(self.l1[cols]) if alpha == 0 else (self.l1[cols] == 0) & (self.l2[cols] == 0)
        if not unpenalised.any():
            return unpenalised
        return unpenalised & (coef > self.lower[cols]) & (coef < self.upper[cols])

    def free_rounds(self, alpha, cols, coef):
        """Yield (where, lower, upper) of the free coordinates, round by round, while the caller refits them.

        A coordinate that reached its bound is free no longer (see `within`). The rounds end after a few in which none
        did: what rounding leaves in the first, ill-conditioned one the next take away.
        """
        for _ in range(20):
            where = np.flatnonzero(self.free(alpha, cols, coef))
            if not len(where):
                return
            yield where, self.lower[cols[where]], self.upper[cols[where]]

    def ridge_degrees_of_freedom(self, alphas, supports):
        """Trace of X_A (X_A'X_A + alpha l2)^-1 X_A' for each alpha and support A; products weighted and centred."""
        df, last = np.zeros(len(alphas)), np.empty(0, np.int64)
        for k, (alpha, cols) in enumerate(zip(alphas, supports, strict=True)):
            if not np.array_equal(cols, last):
                last = cols.astype(np.int64)
                gram = self.design.gram(last, len(last))
            if len(last):
                df[k] = np.trace(np.linalg.solve(gram + np.diag(alpha * self.l2[last]), gram))
        return df

    def mean_over_samples(self, values):
        """Weighted mean of an n-vector."""
        return np.add.reduce(values) / len(values) if self.weights is None else engine.dot(self.weights, values)

    def alpha_max(self):
        """Smallest alpha at which every column with an L1 penalty has coefficient zero (given the others)."""
        from ..solver.solver import free_correlation  # the unpenalised columns are fitted first

        z = free_correlation(self)
        reach = np.abs(z)
        if not (self.lower.max(initial=-np.inf) < 0 < self.upper.min(initial=np.inf)):
            reach = np.where(z > 0, np.where(self.upper > 0, reach, 0.0), np.where(self.lower < 0, reach, 0.0))
        return self.first_entry(reach)

    def first_entry(self, correlations):
        """The largest |z_j| / l1_j; infinite where an l1_ratio near 0 makes it so."""
        with np.errstate(over="ignore"):
            if self.l1.min() > 0:
                return float((np.abs(correlations) / self.l1).max())
            penalised = self.l1 > 0
            return float(np.max(np.abs(correlations[penalised]) / self.l1[penalised], initial=0.0))

    def intercepts(self, cols, coefs):
        """b0 for each row of coefficients on the columns `cols`."""
        if not self.fit_intercept or not len(cols):
            return np.full(len(coefs), self.y_mean)
        return self.y_mean - self._shifts(coefs, self.design.mean[cols])

    def intercept_costs(self, cols, coefs):
        """What rounding of b0 = y_mean - mean.b may add to each objective: (eps |mean|.|b|)^2 / 2."""
        if not self.fit_intercept or not len(cols):
            return np.zeros(len(coefs))
        return 0.5 * (np.finfo(float).eps * self._shifts(np.abs(coefs), np.abs(self.design.mean[cols]))) ** 2

    @staticmethod
    def _shifts(coefs, mean):
        """mean.b for each row b of `coefs`."""
        shift = np.zeros((len(coefs), 1))
        engine.products(np.ascontiguousarray(coefs), mean[None], len(mean), shift)
        return shift[:, 0]
