"""Systems of as many equations as rows, for more columns than rows that all have a ridge part."""

import numpy as np

from ..ways import ways
from .cost import NS_PRODUCT, NS_REBUILD, NS_ROW_PAIR, NS_SCALED, ROUNDING, SWEEPS_PER_ALPHA

# Newton steps on the rows that one alpha takes, for the cost model.
NEWTON_STEPS = 6
# Alphas that share a sum over F formed anew, for the cost model.
SHARED = 4
# Newton steps on the rows for one alpha, at most.
MOST_STEPS = 50
# A search along a step ends at this share of the lesser slope at its ends.
SLOPE_LEFT = 0.1
# Slopes formed in such a search, at most.
SEARCH_STEPS = 30


class RidgeRows:
    """Ridge regression on few rows, exactly at every alpha, from the decomposition X diag(l2)^-1/2 = V diag(s) U'.

        b = diag(l2)^-1/2 U diag(s / (s^2 + alpha)) V'y         (Hastie, Tibshirani and Friedman 2009, eq. 3.47)

    On columns with means far from zero sweeps stall, and a Gram matrix, which holds s^2, loses half of the digits.
    """

    def __init__(self, design, loss, penalty, gathered):
        self.loss, self.gathered, self.root = loss, gathered, np.sqrt(penalty.ridge_curvature(1.0))
        n, size = design.n_samples, len(penalty)
        cheap = NS_ROW_PAIR * n * n * size <= SWEEPS_PER_ALPHA * design.matrix.visit_ns * gathered.stored
        self.applies = cheap and 32 * n * size <= ways().gram_bytes / 8 and penalty.is_ridge
        if self.applies:
            X = np.concatenate([part for _, _, part in gathered.rooted_parts()])
            self.U, self.s, self.V = np.linalg.svd(X / self.root[:, None], full_matrices=False)

    def solve(self, alpha):
        """Return the coefficients, after one round of iterative refinement."""
        b = np.zeros(len(self.root))
        for _ in range(2):
            left = self.gathered.rooted(self.gathered.residual(self.loss.y, b))
            shrunk = (self.s * (self.V @ left) - alpha * (self.root * b) @ self.U) / (self.s**2 + alpha)
            b += self.U @ shrunk / self.root
        return b


class RowNewton:
    """Elastic nets on few rows, by Newton's method on the dual, whose variable v is as long as a residual.

    The dual is smooth where every column has a ridge part. With z = X'v and b_j(z_j) = argmax_b z_j b - h_j(b), the
    soft threshold of z_j over alpha l2_j, clipped to the bounds, v is the minimum of

        phi(v) = |v - y|^2 / 2 + sum_j h_j*(z_j),   grad = v - (y - X b(z)),   H = I + X_F D_F^-1 X_F'

    F being the columns whose b_j is neither zero nor at a bound and D = alpha diag(l2) (Li, Sun and Toh 2018, "A
    highly efficient semismooth Newton augmented Lagrangian method for solving lasso problems"). The duality gap at
    b(z) is |grad|^2 / 2. Between columns that are copies of each other, a sweep reduces the error only by a factor
    of 1 + alpha l2 / |x_j|^2, so sweeps alone may take thousands.

    Attributes
    ----------
    sweeps : float
        How many sweeps cost as much as a solution.
    least_alpha : float
        Below this alpha b(z) is all rounding; infinite where these steps cannot be taken.
    inside : ndarray of bool
        The columns F that `_sum` holds: sum over F of x_j x_j' / l2_j.
    """

    def __init__(self, design, penalty, columns, gathered):
        self.inside, self._sum = np.zeros(0, dtype=bool), None
        self.extend(design, penalty, columns, gathered)

    def extend(self, design, penalty, columns, gathered):
        """Go on with the same columns and further ones; what is known of F stays."""
        self.penalty, self.gathered, self.least_alpha = penalty, gathered, np.inf
        self.inside = np.append(self.inside, np.zeros(len(columns) - len(self.inside), dtype=bool))
        self.root = np.sqrt(penalty.ridge_curvature(1.0))
        n, size, least = design.n_samples, len(columns), self.root.min(initial=np.inf) ** 2
        if n <= min(ways().largest_newton, size) and least > 0:
            cost = (NS_PRODUCT * n + NS_SCALED) * n * size / SHARED + NEWTON_STEPS * NS_REBUILD * n**3
            self.sweeps = 3 * NEWTON_STEPS + cost / (design.matrix.visit_ns * max(gathered.stored, 1))
            self.least_alpha = ROUNDING * design.norm2[columns].max() / least

    def solve(self, loss, alpha, state, target):
        """Return the coefficients of the least gap, found from a residual `state`; steps end at a gap of `target`.

        Steps also end where rounding of the sum over F leaves H indefinite. None is returned where nothing is finite.
        """
        v = self.gathered.rooted(state)
        z = self._correlations(v)
        y = self.gathered.rooted(self.gathered.residual(loss.y, np.zeros(len(z))))
        v, z = self._moved(alpha, y, v, z, -v, -z, exact=True)
        best, least = None, np.inf
        for _ in range(MOST_STEPS):
            b = self.penalty.conjugate_slope(z, alpha)
            slope = v - self.gathered.rooted(self.gathered.residual(loss.y, b))
            gap = slope @ slope / 2
            if gap < least:
                best, least = b, gap
            if not gap > target:
                break
            d = solved(self._curvature(alpha, self.penalty.is_free(b, alpha)), -slope)
            if d is None:
                self._sum = None
                break
            v, z = self._moved(alpha, y, v, z, d, self._correlations(d))
        return best

    def _correlations(self, v):
        """X'v."""
        return self.gathered.correlations(self.gathered.unrooted(v))

    def _moved(self, alpha, y, v, z, d, s, exact=False):
        """Return v + t d and z + t s, where phi is least along d, or t = 1 where the slope has fallen far enough."""
        along, length = float(d @ (v - y)), float(d @ d)

        def slope(t):
            b = self.penalty.conjugate_slope(z + t * s, alpha)
            inside = self.penalty.is_free(b, alpha)
            free = s[inside] / self.root[inside]
            return along + t * length + float(s @ b), length + float(free @ free) / alpha

        t, at_zero, (at_one, rise) = 1.0, slope(0.0)[0], slope(1.0)
        if at_one > (0 if exact else -SLOPE_LEFT * at_zero):
            t = root_between(slope, at_one, rise, SLOPE_LEFT * min(abs(at_zero), at_one))
        return v + t * d, z + t * s

    def _curvature(self, alpha, inside):
        """Return H for the columns `inside`; only those that differ from the last ones are read, where they are few."""
        changed = inside != self.inside
        if self._sum is None or 2 * np.count_nonzero(changed) > np.count_nonzero(inside):
            self._sum, changed = np.zeros((len(self.gathered.root),) * 2), inside
            self.inside[:] = False
        for start, stop, A in self.gathered.rooted_parts():
            for sign, at in ((1, changed & inside), (-1, changed & ~inside)):
                here = np.flatnonzero(at[start:stop])
                if len(here):
                    columns = A[here] / self.root[start + here, None]
                    self._sum += sign * (columns.T @ columns)
        self.inside[:] = inside
        system = self._sum / alpha
        system[np.diag_indices_from(system)] += 1
        return system


def solved(system, right):
    """Solve a symmetric system by its Cholesky factor, overwriting both; return None where it is not definite."""
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    try:
        factor = cho_factor(system, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return None
    return cho_solve(factor, right, overwrite_b=True, check_finite=False)


def root_between(slope, value, rise, enough):
    """Return where a rising, piecewise linear function is `enough` next to zero, from its value and rise at 1.

    Newton's method between 0 and 1; where it leaves the interval that holds the zero, the interval is halved.
    """
    low, high, t = 0.0, 1.0, 1.0
    for _ in range(SEARCH_STEPS):
        low, high = (low, t) if value > 0 else (t, high)
        t -= value / rise
        if not low < t < high:
            t = (low + high) / 2
        value, rise = slope(t)
        if abs(value) <= enough:
            break
    return t
