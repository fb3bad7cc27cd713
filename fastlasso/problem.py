"""The one problem as a value, validated once.

    minimise over (b0, b)   1/(2 W) sum_i w_i (y_i - o_i - b0 - x_i . b)^2
                            + alpha sum_j ( l1_j |b_j| + l2_j/2 b_j^2 ),      lower_j <= b_j <= upper_j

with l1 = v l1_ratio s, l2 = v (1 - l1_ratio) s^2, penalty factors v and scales s (1, or each column's standard
deviation with `standardize`). A column that cannot enter (v = inf, or constant under an intercept) has l1 = inf.
"""

from copy import copy
from dataclasses import dataclass

import numpy as np

from . import validation
from ._engine import engine
from .design import CANCELLED, Design, Summed, compressible
from .matrices import Dense, as_matrix

LARGE = 1 << 18     # stored values from which one pass is worth saving
NO_WORSE = 1 + 1e-12        # a refit may raise |r|^2 by rounding, not by more
NEARLY_DEPENDENT = 1e-6     # eigenvalue of a Gram matrix, of the largest, below which X itself is asked
IMAGES = 8              # directions of unpenalised columns whose images are formed at once


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may say about the problem beside X, y and alpha; defaults are scikit-learn's lasso."""

    l1_ratio: float = 1.0
    fit_intercept: bool = True
    standardize: bool = False
    sample_weight: object = None
    offset: object = None
    penalty_factor: object = None
    lower: object = validation.FREE[0]
    upper: object = validation.FREE[1]

    def are_plain(self):
        """Whether nothing but l1_ratio, fit_intercept and sample_weight differs from the defaults."""
        return (self.offset is None and self.penalty_factor is None
                and not self.standardize and self.lower is validation.FREE[0] and self.upper is validation.FREE[1])

    def as_dict(self):
        """The options by name, arrays not copied."""
        return {name: getattr(self, name) for name in self.__slots__}


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
        elif isinstance(matrix, Dense) and compressible(matrix.shape) and matrix.nnz > LARGE:
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
        from .solver import free_correlation  # the unpenalised columns are fitted first

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


class LeastSquares:
    """Exact steps and gains on unpenalised columns from their Gram matrix, dependent ones included.

    With D = diag |x_j|, D^-1 G D^-1 = V diag(s^2) V': whatever their units, columns count alike. The Gram matrix tells
    s^2 to some eps of the largest, X tells s to that: dependence to 1e-8, which float32 columns have by rounding, shows
    only in X. `images(V)` returns the rows (X v)' root-weighted and centred, for each row v of V, rounded to eps times
    the norms of the columns before they are centred, which are `sizes` of what they are after. By rounding of G, eps
    or where sums were subtracted eps / CANCELLED, a direction of small eigenvalue holds as much / s^2 of another one,
    and its image as much / s of that one's: where that matters it is taken out. Without images small eigenvalues count
    as zero.

    A direction whose image is nothing but rounding counts as zero, too. Rounding of row i is in proportion to its size,
    and that to its `root` sqrt(w_i / W), so what a light row has of such a direction may be true: then `vague` says
    that what these columns have to gain cannot be told.
    """

    def __init__(self, gram, images=None, sizes=None, root=None):
        norm = np.sqrt(np.maximum(np.diagonal(gram), 0.0))
        self.unit = np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0)
        values, self.vectors = np.linalg.eigh(gram * self.unit * self.unit[:, None])
        eps, largest = np.finfo(float).eps, max(values[-1], 0.0)
        cutoff = len(values) * eps * largest
        small = values < NEARLY_DEPENDENT * values[-1]
        self.basis, self.vague = None, False    # (X D^-1 v)' / s of the last directions v
        if images is not None and small.any():
            V, Z = self.vectors[:, small], self._images(images, small)
            turn, singular, self.basis = np.linalg.svd(Z, full_matrices=False)
            blur = eps / CANCELLED * largest / np.sqrt(np.min(values[~small], initial=largest))
            noise = max(Z.shape[1], len(values)) * eps
            if ((singular > noise * np.sqrt(largest)) & (singular <= blur)).any():
                V, Z = self._apart(V, Z, images, values, np.flatnonzero(~small))
                turn, singular, self.basis = np.linalg.svd(Z, full_matrices=False)
            self.vectors = np.hstack([self.vectors[:, ~small], V @ turn])
            values = np.concatenate([values[~small], singular**2])
            cutoff = (noise * np.maximum(sizes @ np.abs(self.vectors), np.sqrt(largest))) ** 2
            if root is not None:
                nothing = (values <= cutoff)[-len(singular):]
                left = np.abs(turn.T[nothing] @ Z).max(axis=0, initial=0.0)
                self.vague = self._is_more(left, noise, np.sqrt(sizes @ sizes) * root, images)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.scale = np.where(values > cutoff, 1 / np.sqrt(values), 0.0)

    def _images(self, images, directions):
        return images(np.ascontiguousarray(self.vectors[:, directions].T * self.unit))

    def _is_more(self, left, noise, size, images):
        """Whether a row has more left than `noise` of its size: of the values before they are centred, and after."""
        if (left <= noise * size).all():
            return False
        square, k = size * size, len(self.unit)
        for start in range(0, k, IMAGES):
            columns = np.eye(min(IMAGES, k - start), k, start) * self.unit
            square += (images(columns) ** 2).sum(axis=0)
        return bool((left > noise * np.sqrt(square)).any())

    def _apart(self, V, Z, images, values, others):
        """Directions V and their images Z without what they hold of other directions."""
        for start in range(0, len(others), IMAGES):
            part = others[start:start + IMAGES]
            U = self._images(images, part)
            shares = (U @ Z.T) / values[part, None]
            V, Z = V - self.vectors[:, part] @ shares, Z - shares.T @ U
        return V, Z

    def _coordinates(self, z, rooted):
        """The part of r in the span, in its orthonormal basis X D^-1 v / s: v'D^-1 z / s, or from root-weighted r."""
        part = self.scale * (self.vectors.T @ (self.unit * z))
        if self.basis is not None:
            part[-len(self.basis):] = np.where(self.scale[-len(self.basis):] > 0, self.basis @ rooted, 0.0)
        return part

    def step(self, z, rooted=None):
        """The change of the coefficients that brings X'r = z to zero."""
        return self.unit * (self.vectors @ (self.scale * self._coordinates(z, rooted)))

    def gain(self, z, rooted=None):
        """How much that step lowers the objective: z'G^+z / 2."""
        return 0.5 * float(np.sum(self._coordinates(z, rooted) ** 2))

    def worst_gain(self, error):
        """The largest gain that correlations within +-error of zero can stand for."""
        return 0.5 * float(np.sum((self.scale * (np.abs(self.vectors).T @ (self.unit * error))) ** 2))


def negligible(target, null_objective):
    """The gain from free columns that may be left where a gap of `target` is promised.

    Making the dual point orthogonal to them moves it by |d| = sqrt(2 gain), and the other correlations, and with them
    the gap, by as much: first order in |d|. So the gain itself must be of the order of the promise squared.
    """
    return 1e-6 * target * target / null_objective if null_objective > 0 else 0.0


def orthant(b, l1, lower, upper):
    """(which coordinates are neither zero nor at a bound, bounds low, high between which the signs of b hold)."""
    inside = ((b != 0) | (l1 == 0)) & (b > lower) & (b < upper)
    return inside, np.where((l1 > 0) & (b > 0), 0.0, lower), np.where((l1 > 0) & (b < 0), 0.0, upper)


def within(now, step, low, high):
    """The step, cut short where the first coordinate reaches its bound (and lands on it exactly)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(step < 0, (low - now) / step, np.where(step > 0, (high - now) / step, np.inf))
    cut = float(reach.min(initial=np.inf))
    if cut >= 1:
        return step
    return np.where(reach <= cut, np.where(step < 0, low, high) - now, cut * step)
