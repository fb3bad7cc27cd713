"""Systems of as many equations as rows, for more columns than rows that all have a ridge part."""

import numpy as np

from .._engine import engine
from ..parallel import MULTIPLIES
from ..ways import ways
from .cost import NS_ROW_PAIR, ROUNDING, SWEEPS_PER_ALPHA, newton_passes

# Passes over the working set for each sweep, with its share of an extrapolation.
PASSES_PER_SWEEP = 1.4
# Newton steps on the rows for one alpha, at most.
MOST_STEPS = 50
# Full steps in a row that may leave as many columns on wrong pieces as before.
PATIENCE = 3
# Where there is another start, full steps end once one leaves more than this share of the columns in use there.
MOST_WRONG = 0.25
# A search along a step ends at this share of the lesser slope at its ends.
SLOPE_LEFT = 0.1
# Slopes formed in such a search, at most.
SEARCH_STEPS = 30
# Columns by which F may differ from that of the last factor where steps go by conjugate gradients with this factor.
MOST_CHANGED = 30
# Conjugate gradients for one step, at most. With 600 rows one takes .3 ms, and a factor 2.4.
MOST_GRADIENTS = 6
# Rows from which they pay.
LEAST_ROWS = 400
# They end where the energy of the residual is below this share of the first one.
ENERGY_LEFT = 1e-16


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
    steps : int
        Systems solved so far.
    """

    def __init__(self, design, penalty, columns, gathered):
        self.inside, self._sum, self.steps = np.zeros(0, dtype=bool), None, 0
        self.extend(design, penalty, columns, gathered)

    def extend(self, design, penalty, columns, gathered):
        """Go on with the same columns and further ones; what is known of F stays."""
        self.penalty, self.gathered, self.least_alpha = penalty, gathered, np.inf
        self._factor = None             # of the last H: (the factor, alpha, F), while the columns stay
        self.inside = np.append(self.inside, np.zeros(len(columns) - len(self.inside), dtype=bool))
        self.root = np.sqrt(penalty.ridge_curvature(1.0))
        least, passes = self.root.min(initial=np.inf) ** 2, newton_passes(design, gathered.stored, len(columns))
        if least > 0 and np.isfinite(passes):
            self.sweeps = passes / PASSES_PER_SWEEP
            self.least_alpha = ROUNDING * design.norm2[columns].max() / least

    def keep(self, at):
        """Let all columns leave but those at some places; `extend` must follow."""
        if np.delete(self.inside, at).any():
            self._sum = None
        self.inside = self.inside[at]

    def solve(self, loss, alpha, starts, target):
        """Return the coefficients of the least gap, found from the first start that leads there; steps end at `target`.

        A start is (b, its residual or v as a state, the correlations z of that); b or z may be None: b is b(z) then.
        Steps also end where rounding of the sum over F leaves H indefinite. None is returned where nothing is finite.
        """
        tried = []
        for b, state, z in starts:
            v = self.gathered.rooted(state)
            z = self._correlations(v) if z is None else z
            b = self.penalty.conjugate_slope(z, alpha) if b is None else b
            tried.append((v, z))
            found = self._by_full_steps(loss, alpha, b, v, z, target, len(tried) == len(starts))
            if found is not None:
                return found
        return self._by_searches(loss, alpha, tried, target)

    def _by_full_steps(self, loss, alpha, b, v, z, target, is_last=True):
        """Newton's method without searches, first on the pieces of h_j* that b is on; None where it does not settle.

        F, signs and bounds of the solution above alpha differ from those at alpha only in few columns, so two or three
        steps are enough as a rule. On its pieces a step is exact: what is left of grad is what columns that changed
        their piece add. From other pieces the steps may go round in circles.
        """
        inside = self.penalty.is_free(b, alpha)
        linear = self.penalty.conjugate_slope_on(inside, b, z, alpha)
        slope, least, waited = v - self._left(loss, linear), np.inf, 0
        while waited <= PATIENCE:
            d, slope = self._step(alpha, inside, slope)
            if d is None:
                return None
            v, z = v + d, z + self._correlations(d)
            linear = self.penalty.conjugate_slope_on(inside, b, z, alpha)
            b = self.penalty.conjugate_slope(z, alpha)
            inside, changed = self.penalty.is_free(b, alpha), np.flatnonzero(b != linear)
            if not is_last and len(changed) > MOST_WRONG * np.count_nonzero(inside):
                return None
            for at, columns in self.gathered.rooted_at(changed):
                slope += (b[at] - linear[at]) @ columns
            if self._gap(alpha, inside, slope) <= target:
                return b
            least, waited = (len(changed), 0) if len(changed) < least else (least, waited + 1)
        return None

    def _by_searches(self, loss, alpha, starts, target):
        """Newton's method with a search along each step, from that multiple of one of the (v, z) where phi is least."""
        y = self._left(loss, np.zeros(len(self.root)))
        multiples = [self._moved(alpha, y, v, z, -v, -z, exact=True) for v, z in starts]
        v, z = min(multiples, key=lambda start: self._value(alpha, y, *start))
        best, least = None, np.inf
        for _ in range(MOST_STEPS):
            b = self.penalty.conjugate_slope(z, alpha)
            slope = v - self._left(loss, b)
            if slope @ slope < least:
                best, least = b, slope @ slope
            inside = self.penalty.is_free(b, alpha)
            if not self._gap(alpha, inside, slope) > target:
                break
            d, _ = self._step(alpha, inside, slope)
            if d is None:
                break
            v, z = self._moved(alpha, y, v, z, d, self._correlations(d))
        return best

    def _value(self, alpha, y, v, z):
        """phi(v); infinite where it overflows."""
        b = self.penalty.conjugate_slope(z, alpha)
        value = (v - y) @ (v - y) / 2 + z @ b - self.penalty.value(b, alpha)
        return value if np.isfinite(value) else np.inf

    def _left(self, loss, b):
        """y - X b, as long as v."""
        return self.gathered.rooted(self.gathered.residual(loss.y, b))

    def _gap(self, alpha, inside, slope):
        """grad'H grad / 2: a bound of the gaps of v and of y - X b, while the columns `inside` hold."""
        self._gather(inside)
        return (slope @ slope + slope @ engine.symmetric_product(self._sum, slope) / alpha) / 2

    def _step(self, alpha, inside, slope):
        """Return (d, slope + H d), d = -H^-1 slope for the columns `inside`.

        d is None where rounding leaves H indefinite.
        """
        self._gather(inside)
        found = self._by_gradients(alpha, slope) if self._is_near(alpha, inside) else None
        if found is not None:
            return found
        self.steps += 1
        self._factor = None         # its memory is free before the next one is made
        system = self._sum / alpha
        system[np.diag_indices_from(system)] += 1
        d = solved(system, -slope)
        if d is None:
            self._sum = None
        else:
            self._factor = system, alpha, inside.copy()
        return d, np.zeros(len(slope))

    def _is_near(self, alpha, inside):
        """Whether H for the columns `inside` differs from that of the last factor in few columns."""
        if self._factor is None or len(self._sum) < LEAST_ROWS:
            return False
        _, there, before = self._factor
        return alpha == there and np.count_nonzero(before != inside) <= MOST_CHANGED

    def _by_gradients(self, alpha, slope):
        """Return (d, slope + H d) as `_step`, by conjugate gradients; None where they take too long.

        With the last factor as a preconditioner they end after as many steps as there are directions in which H differs
        from it, and one: copies of a column are one direction.
        """
        factor, d, left = self._factor[0], np.zeros(len(slope)), slope.copy()
        direction, energy, enough = np.zeros(len(slope)), np.inf, 0.0
        for _ in range(MOST_GRADIENTS + 1):
            preconditioned = left.copy()
            engine.cholesky_solve(factor, preconditioned)
            before, energy = energy, float(left @ preconditioned)
            if energy <= enough:
                return d, left
            enough = enough or ENERGY_LEFT * energy
            direction = (energy / before) * direction - preconditioned
            moved = direction + engine.symmetric_product(self._sum, direction) / alpha
            curvature = float(direction @ moved)
            if not curvature > 0:       # NaN, or squares that underflow
                break
            t = energy / curvature
            d, left = d + t * direction, left + t * moved
        return None

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

    def _gather(self, inside):
        """Sum x_j x_j' / l2_j (the upper half) for the columns `inside`; only where they changed, if few."""
        changed = inside != self.inside
        if self._sum is None or 2 * np.count_nonzero(changed) > np.count_nonzero(inside):
            self._sum, changed = np.zeros((len(self.gathered.root),) * 2), inside
            self.inside[:] = False
        for sign, where in ((1, changed & inside), (-1, changed & ~inside)):
            for at, columns in self.gathered.rooted_at(np.flatnonzero(where)):
                columns = columns / self.root[at, None]
                with self.gathered.design.pool.sharing(len(self._sum) ** 2 * len(columns) // MULTIPLIES) as crew:
                    engine.add_products(self._sum, columns, sign * columns, crew)
        self.inside[:] = inside


def solved(system, right):
    """Solve a symmetric system, its upper half, by its Cholesky factor, overwriting both; None where not definite."""
    if not engine.cholesky(system):
        return None
    engine.cholesky_solve(system, right)
    return right


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
