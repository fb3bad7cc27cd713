"""The separable penalty: L1 and ridge parts and bounds, column by column.

    h_j(b) = alpha ( l1_j |b| + l2_j/2 b^2 )   on lower_j <= b <= upper_j, infinite elsewhere;   lower_j <= 0 <= upper_j

All other Python code gets penalty formulas from `Penalty` alone; compiled loops have theirs in `_engine/penalty.pxi`.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .._engine import engine
from ..validation import repeated


@dataclass(frozen=True, eq=False)
class Penalty:
    """What each coefficient costs per unit of alpha, and where it may go.

    Attributes
    ----------
    l1, l2 : ndarray of shape (n_columns,)
        The L1 and the ridge part. l1 is infinite where a column may never be used.
    lower, upper : ndarray of shape (n_columns,)
        Bounds; infinite where there are none.
    """

    l1: np.ndarray
    l2: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    @classmethod
    def of(cls, factors, l1_ratio, scale, excluded, lower, upper):
        """Return the penalty of factors v: l1 = v l1_ratio s, l2 = v (1 - l1_ratio) s^2, with l1 = inf where excluded.

        `scale` is s, or None for 1.
        """
        with np.errstate(invalid="ignore"):      # inf * 0, of columns that are never used
            l1 = factors if l1_ratio == 1 else factors * l1_ratio
            l2 = None if l1_ratio == 1 else factors * (1 - l1_ratio)
            if scale is not None:
                l1, l2 = l1 * scale, None if l2 is None else l2 * scale * scale
        never = np.isinf(factors) | excluded
        if never.any():
            l1, l2 = np.where(never, np.inf, l1), None if l2 is None else np.where(never, 0.0, l2)
        return cls(l1, repeated(0.0, len(l1)) if l2 is None else l2, lower, upper)

    @classmethod
    def bounds_alone(cls, lower, upper):
        """Return the penalty that is zero within bounds."""
        return cls(np.zeros(len(lower)), np.zeros(len(lower)), lower, upper)

    def __len__(self):
        return len(self.l1)

    def at(self, cols):
        """Return the penalty of some columns."""
        return Penalty(self.l1[cols], self.l2[cols], self.lower[cols], self.upper[cols])

    def with_factors(self, cols, factors):
        """Return the penalty with other L1 parts on some columns."""
        l1 = np.array(self.l1)
        l1[cols] = factors
        return replace(self, l1=l1)

    def with_exclusions_as_bounds(self):
        """Return the penalty with the bounds [0, 0] in place of l1 = inf.

        A column never leaves a working set, so a column that is excluded later must be held at zero by its bounds.
        """
        never = np.isinf(self.l1)
        if not never.any():
            return self
        return Penalty(np.where(never, 1.0, self.l1), self.l2,
                       np.where(never, 0.0, self.lower), np.where(never, 0.0, self.upper))

    # ------------------------------------------------------------ which columns

    @property
    def usable(self):
        """Where a column may be used at all."""
        return np.isfinite(self.l1)

    @property
    def unscreened(self):
        """Where there is no L1 part: such a column is in every model."""
        return self.l1 == 0

    @cached_property
    def has_unpenalised(self):
        """Whether a column costs nothing at any alpha."""
        return bool(((self.l1 == 0) & (self.l2 == 0)).any())

    @property
    def never_bind(self):
        """Where a column costs nothing at any alpha, and nothing bounds it."""
        if not self.has_unpenalised:
            return np.zeros(len(self.l1), bool)
        above, below = self.open_sides
        return (self.l1 == 0) & (self.l2 == 0) & above & below

    def leaves_free(self, alphas):
        """Whether a column costs nothing at one of the alphas."""
        return self.has_unpenalised or any(alpha == 0 for alpha in alphas)

    @property
    def is_ridge(self):
        """Whether every column has a ridge part and none has an L1 part."""
        return bool(self.l2.min(initial=np.inf) > 0 and not self.l1.any())

    @property
    def binds(self):
        """Whether a column may be held at zero from one side."""
        return not (self.lower.max(initial=-np.inf) < 0 < self.upper.min(initial=np.inf))

    @property
    def open_sides(self):
        """(where nothing bounds a column from above, where nothing bounds it from below)."""
        return np.isinf(self.upper), np.isinf(self.lower)

    def unpenalised(self, alpha, b):
        """Where a column costs nothing at alpha and b_j is strictly between its bounds."""
        where = np.isfinite(self.l1) if alpha == 0 else (self.l1 == 0) & (self.l2 == 0)
        if not where.any():
            return where
        return where & (b > self.lower) & (b < self.upper)

    def exclusive(self, z, alpha):
        """Where no t > 0 makes t z_j dual feasible: no penalty, and no bound on the side z_j pulls to."""
        above, below = self.open_sides
        return (alpha * self.l1 == 0) & (alpha * self.l2 == 0) & (above & (z > 0) | below & (z < 0))

    # ------------------------------------------------------------ values

    def value(self, b, alpha):
        """sum_j h_j(b_j), bounds ignored."""
        return alpha * float(self.l1 @ np.abs(b) + 0.5 * (self.l2 @ (b * b)))

    def exact_value(self, b, alpha):
        """sum_j h_j(b_j), bounds ignored, summed in an order that does not depend on a BLAS."""
        size = np.abs(b)
        return engine.dot(size, alpha * self.l1 + 0.5 * (alpha * self.l2) * size)

    def ridge_curvature(self, alpha):
        """alpha l2, the second derivative of h_j between its kinks."""
        return alpha * self.l2

    def pull(self, z, b, alpha):
        """z_j - h_j'(b_j) between the kinks."""
        return z - alpha * self.l1 * np.sign(b) - alpha * self.l2 * b

    def conjugate_slope(self, z, alpha):
        """b_j = argmax z_j b - h_j(b), the derivative of h_j*; every column needs a ridge part and alpha > 0."""
        soft = z - np.clip(z, -alpha * self.l1, alpha * self.l1)
        return np.clip(soft / (alpha * self.l2), self.lower, self.upper)

    def conjugate_slope_on(self, inside, b, z, alpha):
        """As `conjugate_slope`, continued from the piece that b is on: where b is `inside`, its sign holds, else b."""
        return np.where(inside, (z - alpha * self.l1 * np.sign(b)) / (alpha * self.l2), b)

    def is_free(self, b, alpha):
        """Where b_j is neither at a kink of h_j nor at a bound."""
        return ((b != 0) | (alpha * self.l1 == 0)) & (b > self.lower) & (b < self.upper)

    def step_within(self, where, now, step):
        """Return (the step of some columns from `now`, cut at their bounds, and where it ends)."""
        low, high = self.lower[where], self.upper[where]
        step = step_to_bounds(now, step, low, high)
        return step, np.clip(now + step, low, high)

    def is_within(self, b):
        """Whether b respects the bounds."""
        return not ((b < self.lower).any() or (b > self.upper).any())

    def clipped(self, b):
        """b, moved to the nearest bounds."""
        return np.clip(b, self.lower, self.upper)

    def orthant(self, b, alpha):
        """(where b_j is neither zero nor at a bound, low, high), the bounds between which the signs of b hold."""
        l1 = alpha * self.l1
        low, high = np.where((l1 > 0) & (b > 0), 0.0, self.lower), np.where((l1 > 0) & (b < 0), 0.0, self.upper)
        return self.is_free(b, alpha), low, high

    # ------------------------------------------------------------ where columns enter

    def reach(self, z):
        """|z_j|, or 0 where a bound at zero forbids a coefficient of the sign of z_j."""
        if not self.binds:
            return np.abs(z)
        size = np.abs(z)
        return np.where(z > 0, np.where(self.upper > 0, size, 0.0), np.where(self.lower < 0, size, 0.0))

    def first_entry(self, reach):
        """Return max_j reach_j / l1_j over the columns with an L1 part.

        It is 0 without such columns, and infinite where the quotient overflows (an l1_ratio near 0).
        """
        with np.errstate(over="ignore"):
            if self.l1.min() > 0:
                return float((np.abs(reach) / self.l1).max())
            penalised = self.l1 > 0
            return float(np.max(np.abs(reach[penalised]) / self.l1[penalised], initial=0.0))

    def score(self, z, cols):
        """|z_j| / l1_j of some columns: how large an alpha each could enter at."""
        return np.abs(z[cols]) / np.maximum(self.l1[cols], 1e-150)

    def violators(self, z, norm2, alpha, slack, noise=0.0):
        """Return the columns with |z_j| > slack alpha l1_j + noise |x_j|, unless a bound forbids that sign of b_j."""
        found = np.empty(len(z), np.int64)
        return found[:engine.violators(z, self.l1, self.lower, self.upper, norm2, alpha, slack, noise, found)]

    def violated(self, Z, alphas, slack):
        """Return for each alpha whether |Z[k, j]| > slack alphas[k] l1_j for some column j."""
        return (np.abs(Z) > np.outer(alphas, self.l1) * slack).any(axis=1)

    def not_cleared(self, Z, T, distance, norm2, alphas):
        """Return the columns with |sum_a T[k, a] Z[a, j]| + |x_j| distance[k] not below alphas[k] l1_j for some k."""
        found = np.empty(Z.shape[1], np.int64)
        return found[:engine.columns_to_check(Z, T, distance, norm2, self.l1, self.lower, self.upper, alphas, found)]

    def ridge_eigenvalues(self, norm2):
        """Return (sum of |x_j|^2 / l2_j, number of them) over the columns with a ridge part."""
        used = (self.l2 > 0) & np.isfinite(self.l1)
        return float(np.sum(norm2[used] / self.l2[used])), np.count_nonzero(used)

    # ------------------------------------------------------------ the certificate

    def scales(self, Z, alphas):
        """Return for each alpha the largest t <= 1 for which every h_j*(t Z[k, j]) is finite."""
        scales = np.empty(len(alphas))
        engine.feasible_scales(Z, self.l1, self.l2, self.lower, self.upper, alphas, scales)
        return scales

    def add_slack(self, gaps, B, Z, alphas, scales, norm2):
        """Add sum_j h_j(b_j) + h_j*(t z_j) - t z_j b_j to each gap, terms that are never negative.

        An unpenalised coordinate adds the gain of one exact step on it, with |x_j|^2 = norm2[j].
        """
        engine.add_fenchel_young(B, Z, self.l1, self.l2, self.lower, self.upper, norm2, alphas, scales, gaps)

    def cost_of_errors(self, alphas, B, Z, error, shrink=0.0):
        """Return what errors of up to error[k, j] in the correlations Z[k, j] cost each gap, and delta.

        Errors cost twice. They move sum_j b_j z_j by up to sum_j |b_j| error_j. And the dual point must shrink by
        1 - delta to stay feasible, delta = max_j error_j / (alpha l1_j) over the constraints that errors can break;
        delta = 1 always suffices, for 0 is feasible. Shrinking costs delta alpha sum_j l1_j |b_j| in the penalty; the
        loss adds `SquaredError.cost_of_shrinking`. `shrink` is a lower bound of delta that is known already.

        A column with a finite bound is no constraint, and what its conjugate gains beyond l1 is not counted: at most
        error_j times the bound.
        """
        sizes, limit = np.abs(B), np.outer(alphas, self.l1)
        above, below = self.open_sides
        hard = ((Z + error > limit) & above | (Z - error < -limit) & below) & (limit > 0) & (self.l2 == 0)
        with np.errstate(over="ignore"):        # an alpha near the smallest numbers
            delta = np.divide(error, limit, out=np.zeros_like(error), where=hard).max(axis=1, initial=shrink)
        delta = np.minimum(delta, 1.0)
        return (sizes * error).sum(axis=1) + delta * alphas * (sizes @ self.l1), delta

    # ------------------------------------------------------------ for the compiled loops

    def arrays(self):
        """Return (l1, l2, lower, upper)."""
        return self.l1, self.l2, self.lower, self.upper

    def prox_arrays(self, alpha):
        """Return (alpha l1, alpha l2, lower, upper), contiguous, as sweeps take them."""
        return (alpha * self.l1, alpha * self.l2, np.ascontiguousarray(self.lower), np.ascontiguousarray(self.upper))


def step_to_bounds(now, step, low, high):
    """Return the step, cut short where the first coordinate reaches its bound, which it then meets exactly.

    This is the ratio test of active set methods (Nocedal and Wright 2006, eq. 16.41).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(step < 0, (low - now) / step, np.where(step > 0, (high - now) / step, np.inf))
    cut = float(reach.min(initial=np.inf))
    if cut >= 1:
        return step
    return np.where(reach <= cut, np.where(step < 0, low, high) - now, cut * step)
