"""The dual point of a certificate: theta = t r, the best multiple of the projected residual.

r is the part of the residual rho that is orthogonal to 1 (with an intercept) and to the unpenalised columns: elsewhere
the dual objective is minus infinity. t is the best scale that keeps theta feasible, rounding taken into account.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from .rounding import QUIET, UNIT, dot_rounding, euclidean_norm

# Up to this many unpenalised columns are projected out by a QR factorisation, more by LSMR.
BASIS_COLUMNS = 2000

# Where the numerical rank is clear, the last pivot kept is above rounding by this factor.
CLEAR_RANK = 1e3
# Where the numerical rank is clear, the pivots cut are within this many units in the last place for each column.
LAST_PLACES = 4

# Largest memory of that factorisation's Q, in bytes; beyond it LSMR takes over.
BASIS_BYTES = 200e6

# The unit roundoff of the widest float, and the last pivot below which it is used.
EXTENDED_UNIT = float(np.finfo(np.longdouble).eps) / 2
SMALL_PIVOT = 1e-4

# Most values of such a factorisation.
EXTENDED_VALUES = 2**22

# Most iterations of LSMR.
LSMR_ITERATIONS = 2000

# Rounds of projecting out unpenalised columns of the wrong sign, before all that have a bound are projected out.
SIGN_TRIALS = 12


@dataclass(frozen=True)
class Projection:
    """The residual cut in two: what the unpenalised columns explain, and the rest. Vectors are root-weighted.

    Attributes
    ----------
    removed : ndarray of shape (n_samples,)
        The part of rho - mean in the span of the unpenalised columns.
    rest : ndarray of shape (n_samples,)
        rho - mean without it.
    span_error : float
        Bound of the norm of what is left of that span in the rest.
    gradient : ndarray of shape (n_features,)
        X'(rho - mean), before the projection.
    correlation : ndarray of shape (n_features,)
        X'rest; exactly 0 at the columns projected out.
    error : ndarray of shape (n_features,)
        What `correlation` may be off by.
    """

    removed: np.ndarray
    rest: np.ndarray
    span_error: float
    gradient: np.ndarray
    correlation: np.ndarray
    error: np.ndarray


@dataclass(frozen=True)
class DualPoint:
    """theta = scale * rest, and the decomposition rho = mean + projection.removed + rest that it comes from."""

    mean: float
    rest: np.ndarray
    projection: Projection
    scale: float

    @property
    def theta(self):
        """The dual point itself, root-weighted."""
        return self.scale * self.rest

    @property
    def span_error(self):
        """Bound of the norm of theta's part in the span of the unpenalised columns, which should be 0."""
        return self.scale * self.projection.span_error

    def residual(self, root):
        """rho, root-weighted."""
        return self.mean * root + self.projection.removed + self.rest

    def difference(self, root):
        """rho - theta, root-weighted, without cancellation."""
        return self.mean * root + self.projection.removed + (1 - self.scale) * self.rest

    def correlation_ends(self, penalty):
        """Return c_j - error_j and c_j + error_j, cut to where h_j* is finite."""
        above, below = penalty.dual_constraints
        most, least = np.where(above, penalty.l1, math.inf), np.where(below, -penalty.l1, -math.inf)
        correlation, error = self.projection.correlation, self.projection.error
        return [np.clip(self.scale * (correlation + side * error), least, most) for side in (-1, 1)]


def best_dual_point(problem):
    """Return the best dual point among the multiples of the projected residual."""
    columns, coef = problem.columns, problem.coef
    mean, residual = problem.loss.residual(columns.times(coef), np.append(columns.centre * coef, problem.intercept))
    projection = project(problem, residual)
    return DualPoint(mean, projection.rest, projection, best_scale(problem, projection.rest, projection))


# ---------------------------------------------------------------- projection


def project(problem, residual):
    """Project the residual off the unpenalised columns and correlate what remains.

    A column with l1 = l2 = 0 and one infinite bound demands one sign of c_j, which no scaling can give. It is
    projected out, as columns without any penalty are, where the sign comes out wrong. In the first round it is
    projected out as well where the optimum is likely to have c_j = 0: where the correlation pulls b_j to neither bound
    (`pull_to_bounds`).
    """
    penalty, norm = problem.penalty, problem.columns.norm
    above, below = penalty.dual_constraints
    unpenalised = penalty.unpenalised
    projected, (down, up) = unpenalised & above & below, pull_to_bounds(problem)
    for trial in range(SIGN_TRIALS):  # pragma: no branch (the last round projects out all that may be wrong)
        removed, rest, span_error = remove(residual, *projector(problem, projected))
        pair = np.column_stack([residual, rest] if projected.any() else [rest]) * problem.root[:, None]
        products = problem.columns.correlate(pair)
        gradient, correlation = products[:, 0], products[:, -1]
        error = norm * (dot_rounding(len(rest)) * euclidean_norm(rest) + span_error)
        wrong = (above & (correlation + error > 0)) | (below & (error - correlation > 0))
        if trial == 0:
            wrong |= (correlation + error > -down) & (correlation - error < up)
        wrong &= unpenalised & ~projected
        if not wrong.any():
            break
        projected = projected | (wrong if trial < SIGN_TRIALS - 2 else unpenalised & (above | below))
    return Projection(removed, rest, span_error, gradient, np.where(projected, 0.0, correlation),
                      np.where(projected, 0.0, error))


def pull_to_bounds(problem):
    """Return the correlations that hold b_j at its lower and at its upper bound: |x_j|^2 times the distance to it.

    A weaker correlation leaves b_j between its bounds. This is the rule of the primal-dual active set method.
    """
    square = np.where(problem.columns.norm > 0, problem.columns.norm, 1.0) ** 2
    return square * (problem.coef - problem.penalty.lower), square * (problem.penalty.upper - problem.coef)


def projector(problem, projected):
    """Return (component, relative error) for the span of 1 (with an intercept) and X[:, projected].

    ``component(v)`` is the part of a root-weighted vector in the span; it is None for an empty span. The relative error
    is what two applications of it leave of that part, per norm of the vector: rounding leaves X[:, projected]'theta at
    some u, which is u / sigma_min(X[:, projected]) in the span.
    """
    chosen = np.flatnonzero(projected & (problem.columns.norm > 0))
    root, unit = problem.root, dot_rounding(len(problem.root))
    if len(chosen) == 0:
        return (lambda v: np.sum(root * v) * root) if problem.fit_intercept else None, 0.0
    if len(chosen) <= BASIS_COLUMNS and 8 * len(chosen) * len(root) <= BASIS_BYTES:
        basis, error = orthonormal_basis(problem, chosen)
        return lambda v: basis @ (basis.T @ v), error
    return least_squares_fit(problem, chosen), unit


def orthonormal_basis(problem, chosen):
    """Return Q with the span of sqrt(q) [1, X[:, chosen]], columns normalised, and the relative error of projecting.

    By pivoted QR, cut at the numerical rank: the last pivot kept stands for the singular value. It is 0 where pivots
    fall smoothly through rounding, or one that is cut is larger than rounding as a rule: what was cut may then be part
    of the span. Where a pivot is small, Q is formed anew in extended precision, if the machine has one.
    """
    from scipy.linalg import qr

    columns = problem.columns.gather(chosen)
    columns *= problem.root[:, None] / problem.columns.norm[chosen]
    if problem.fit_intercept:
        columns = np.column_stack([problem.root, columns])
    basis, triangle, order = qr(columns, mode="economic", pivoting=True, overwrite_a=True, check_finite=False)
    pivots = np.abs(np.diagonal(triangle))
    rounding = 2 * UNIT * LAST_PLACES * columns.shape[1] * pivots[0]
    cutoff = max(rounding, 2 * UNIT * len(columns) * pivots[0])
    kept, cut = pivots[pivots > cutoff], pivots[pivots <= cutoff]
    clear = len(cut) == 0 or (kept[-1] > CLEAR_RANK * cutoff and cut[0] <= rounding)
    unit = dot_rounding(len(columns))
    smallest, spread = float(kept[-1]) if clear else 0.0, unit * math.sqrt(len(kept))
    if EXTENDED_UNIT == UNIT or basis.size > EXTENDED_VALUES or not spread < smallest < SMALL_PIVOT:
        return basis[:, :len(kept)], spread / max(smallest, spread)
    scaled = extended(problem, chosen)[:, order[:len(kept)]]
    return gram_schmidt(scaled).astype(np.float64), unit + spread * (EXTENDED_UNIT / UNIT) / smallest


def extended(problem, chosen):
    """Return sqrt(q) [1, X[:, chosen]], columns normalised, in extended precision.

    The values of X are taken as they are, the centre is subtracted without rounding to a float.
    """
    plain = replace(problem.columns, centre=np.zeros_like(problem.columns.centre)).gather(chosen)
    columns = plain.astype(np.longdouble) - problem.columns.centre[chosen]
    columns *= problem.root[:, None]
    columns /= problem.columns.norm[chosen]
    return np.column_stack([problem.root, columns]) if problem.fit_intercept else columns


def gram_schmidt(columns):
    """Orthonormalise columns in place, from the first to the last, each twice."""
    for k in range(columns.shape[1]):
        for _ in range(2):
            columns[:, k] -= columns[:, :k] @ (columns[:, :k].T @ columns[:, k])
        columns[:, k] /= np.sqrt(columns[:, k] @ columns[:, k])
    return columns


def least_squares_fit(problem, chosen):
    """Return v -> A (A^+ v) by LSMR to machine precision, with A = sqrt(q) [1, X[:, chosen]], columns normalised."""
    from scipy.sparse.linalg import LinearOperator, lsmr

    columns, root = problem.columns, problem.root
    scale = 1 / columns.norm[chosen]
    spread = np.zeros(len(columns.norm))
    with_one = float(problem.fit_intercept)

    def forward(b):
        spread[chosen] = scale * b[1:]
        return root * (columns.times(spread) + with_one * b[0])

    def adjoint(v):
        return np.concatenate([[with_one * (root @ v)], scale * columns.correlate(root * v)[chosen]])

    design = LinearOperator((len(root), 1 + len(chosen)), forward, adjoint, dtype=np.float64)
    return lambda v: forward(lsmr(design, v, atol=0, btol=0, conlim=0, maxiter=LSMR_ITERATIONS)[0])


def remove(vector, component, relative_error):
    """Return (component of a vector, the rest, a bound of what is still left of the component in the rest).

    It is taken out twice for orthogonality. The second one is taken from the rest, which may be much smaller than the
    vector: taken from the vector it would leave rounding of the vector's size.
    """
    if component is None:
        return np.zeros_like(vector), vector, 0.0
    removed = component(vector)
    rest = vector - removed
    again = component(rest)
    rest = rest - again
    return removed + again, rest, euclidean_norm(component(rest)) + relative_error * euclidean_norm(rest)


# ---------------------------------------------------------------- scale


def best_scale(problem, rest, projection):
    """Maximise what is certain of the concave D(t r): with each c_j off by error_j, and r by the error of its span.

        D'(t) = loss part(t) - sum_j c_j m_j(t c_j),    |c_j| = |x_j'r| + error_j,  m_j the maximiser of h_j*

    The sum is not negative, so D' vanishes no later than the loss part does: that t is best if the sum vanishes there.
    Leaving the error out of c_j would cost u_j error_j at a bound u_j far from b_j, for h_j* rises by u_j per unit
    beyond l1_j.
    """
    loss_slope, vanishes = problem.loss.dual_slope(rest, projection.span_error)
    if vanishes == 0:
        return 0.0
    top = min(largest_scale(problem.penalty, projection.correlation, projection.error), vanishes)
    c = projection.correlation + np.copysign(projection.error, projection.correlation)
    active = top * np.abs(c) > problem.penalty.l1
    penalty, c = problem.penalty.take(active), c[active]

    def slope(t):
        return loss_slope(t) - c @ penalty.maximiser(t * c)[0]

    return float(top if len(c) == 0 or slope(top) >= 0 else last_nonnegative(slope, top))


def largest_scale(penalty, correlation, error):
    """Return the largest t for which t r is certain to be feasible: t (c_j + error_j) <= l1_j where h_j* demands it."""
    above, below = penalty.dual_constraints
    reach = np.maximum(np.where(above, correlation + error, 0.0), np.where(below, error - correlation, 0.0))
    bound = reach > 0
    with np.errstate(**QUIET):
        return (1 - 4 * UNIT) * float(np.min(penalty.l1[bound] / reach[bound], initial=math.inf))


def last_nonnegative(slope, top):
    """Bisect for the end of the part of [0, top] where a decreasing function is not negative."""
    low, high = 0.0, top
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if slope(middle) >= 0 else (low, middle)
    return low
