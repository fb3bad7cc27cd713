"""Dual points of losses of rows: any vector r of the domain is made one by balancing its rows and scaling it.

A theta of the domain stays there when its rows are multiplied by factors in [0, 1], because f*(-0) is finite. With an
intercept the rows of the heavier sign are multiplied by one factor so that <1, theta> = 0. Then theta = t r, where t is
the best scale that keeps |c_j| <= l1_j where h_j* demands it.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from .dual_point import largest_scale
from .rounding import QUIET, UNIT, dot_rounding, euclidean_norm, total

# A largest scale at most so far above 1 is where the search for the best one starts: often it is the best.
NEARLY = 1e-4

# Steps of the golden section for the scale, each of which cuts its interval by 0.618.
SCALE_STEPS = 45

# It ends where the gap changes by less than this share of it.
FLAT = 1e-4


@dataclass(frozen=True)
class RowDual:
    """theta = scale * direction, and what is known of it.

    Attributes
    ----------
    direction : ndarray of shape (n_samples,)
        r, not root-weighted.
    correlation, error : ndarray of shape (n_features,)
        <x_j, r> and what it may be off by; both 0 at the columns that r is taken to be orthogonal to.
    imbalance : float
        The share of the heavier rows that r must still lose to be orthogonal to 1.
    correction : ndarray of shape (n_samples,)
        What each row of r must change by, at most, to be orthogonal to those columns (and to 1, if there are any).
    scale : float
    bound : str
        "residual" or "newton": how it was made.
    """

    direction: np.ndarray
    correlation: np.ndarray
    error: np.ndarray
    imbalance: float
    correction: np.ndarray
    scale: float
    bound: str

    @property
    def theta(self):
        """The dual point."""
        return self.scale * self.direction

    def ends(self, penalty, scale):
        """Return c_j - error_j and c_j + error_j, cut to where h_j* is finite."""
        above, below = penalty.dual_constraints
        most, least = np.where(above, penalty.l1, math.inf), np.where(below, -penalty.l1, -math.inf)
        return [np.clip(scale * (self.correlation + side * self.error), least, most) for side in (-1, 1)]


def balanced(rows, r):
    """Return r, 0 in the rows of no weight, with the rows of the heavier sign made smaller so that <1, r> = 0."""
    r = np.where(rows.q > 0, r, 0.0)
    if not rows.fit_intercept:
        return r
    up, down = rows.mean(np.maximum(r, 0)), rows.mean(np.maximum(-r, 0))
    if min(up, down) == 0 or max(up, down) == math.inf:
        return np.zeros_like(r)
    return np.where(r > 0, r * min(1, down / up), r * min(1, up / down))


def within_domain(rows, r):
    """Cut the rows of r to the domain."""
    return np.clip(np.where(np.isfinite(r), r, 0.0), *rows.loss.domain(rows.y))


def make_dual(problem, point, r, bound, orthogonal=None):
    """Return the best `RowDual` in the direction of r.

    Parameters
    ----------
    problem : JudgedProblem
    point : Point
    r : ndarray of shape (n_samples,)
    bound : str
    orthogonal : (ndarray of bool, callable), optional
        The columns that r is orthogonal to but for rounding, and what bounds the change of each row of r that makes up
        for <1, r> and the correlations c_j there, given with their errors.
    """
    rows, columns = problem.loss, problem.columns
    r = balanced(rows, within_domain(rows, r))
    correlation = columns.correlate(rows.q * r)
    norm, imbalance = euclidean_norm(np.sqrt(rows.q) * r), remaining_imbalance(rows, r)
    error = columns.norm * norm * (dot_rounding(len(r)) + imbalance)
    correction = np.zeros_like(r)
    if orthogonal is not None and orthogonal[0].any():
        at, changes = orthogonal
        of_one = rows.mean(r) * rows.fit_intercept, 2 * UNIT * rows.mean(np.abs(r))
        correction = changes(np.append(of_one[0], correlation), np.append(of_one[1], error))
        if not np.isfinite(correction).all():
            return RowDual(0 * r, 0 * correlation, 0 * error, 0.0, 0 * r, 0.0, bound)
        correlation = np.where(at, 0.0, correlation)
        error = np.where(at, 0.0, error + columns.norm * euclidean_norm(np.sqrt(rows.q) * correction))
        imbalance = 0.0
    dual = RowDual(r, correlation, error, imbalance, correction, 0.0, bound)
    return replace(dual, scale=best_scale(problem, point, dual))


def remaining_imbalance(rows, r):
    """Bound the share of the heavier rows that <1, r> is."""
    if not rows.fit_intercept:
        return 0.0
    heavier = 0.5 * rows.mean(np.abs(r))
    return (abs(rows.mean(r)) + 2 * UNIT * heavier) / heavier if 0 < heavier < math.inf else 0.0


# ---------------------------------------------------------------- gap


def gap_of(problem, point, dual):
    """Return the duality gap of a dual point, rounding included: the slack of the loss and the Fenchel-Young terms.

    What the rows must lose to be balanced exactly costs that share of F(eta) at most, by convexity.
    """
    slack = safe_slack(point, dual)
    ends = dual.ends(problem.penalty, dual.scale)
    terms = np.maximum(*(problem.penalty.fenchel_young(problem.coef, c) for c in ends))
    gap = (slack + total(terms)) * (1 + 8 * UNIT)
    return math.inf if math.isnan(gap) else gap


def safe_slack(point, dual):
    """Return an upper bound of the slack of the loss for the theta that is exactly orthogonal."""
    return point.safe_slack(dual.theta, dual.scale * dual.correction) + dual.imbalance * point.value


def dual_value(problem, null, dual):
    """Return what is certain of D(theta) = F(eta) - slack(eta, theta) - sum_j h_j*(c_j) at the scores of P(0).

    It holds for any scores o + b0, as <theta, 1> b0 = 0. D(0) = 0 is certain as well.
    """
    conjugate = np.maximum(*map(problem.penalty.conjugate, dual.ends(problem.penalty, dual.scale)))
    lost = safe_slack(null, dual) + total(conjugate)
    value = null.value * (1 - 8 * UNIT) - lost * (1 + 8 * UNIT)
    return max(value, 0.0) if dual.scale > 0 and not math.isnan(value) else 0.0


# ---------------------------------------------------------------- scale


def best_scale(problem, point, dual):
    """Return the t for which t r has the least gap: a convex function of t, finite up to the largest scale."""
    top = min(largest_scale(problem.penalty, dual.correlation, dual.error),
              *(domain_scale(problem.loss, dual.direction + side * dual.correction) for side in (-1, 1)))
    if not dual.direction.any() or top == 0:
        return 0.0

    def gap(t):
        value = point.slack(t * dual.direction)
        c = t * dual.correlation
        return value + float(np.sum(problem.penalty.fenchel_young(problem.coef, c)))

    with np.errstate(**QUIET):
        return least_of_convex(gap, top if top < 1 + NEARLY else 1.0, top)


def domain_scale(rows, r):
    """Return the largest t for which t r is in the domain."""
    low, high = rows.loss.domain(rows.y)
    with np.errstate(**QUIET):
        reach = np.where(r > 0, high / r, np.where(r < 0, low / r, math.inf))
    return (1 - 4 * UNIT) * float(np.min(reach, initial=math.inf))


def least_of_convex(function, start, top):
    """Return where on [0, top] a convex function is least, by golden section about a start that is often the best."""
    at_start, near = function(start), 1e-6 * start
    ends = start - near, min(start + near, top)
    if min(map(function, ends)) < at_start:
        high = start
        while high < top and function(min(2 * high, top)) < function(high):
            high = min(2 * high, top)
        best = golden_section(function, 0.0, min(2 * high, top), SCALE_STEPS)
    elif start == top:
        return start
    else:
        best = golden_section(function, *ends, SCALE_STEPS // 3)
    return best if function(best) < at_start else start


def golden_section(function, low, high, steps):
    """Return about where a convex function on [low, high] is least; an end where it is least there.

    It ends early where the function hardly changes between the last bounds.
    """
    share = (math.sqrt(5) - 1) / 2
    a, b = high - share * (high - low), low + share * (high - low)
    at_low, at_a, at_b, at_high = map(function, (low, a, b, high))
    for _ in range(steps):
        if max(at_low, at_a, at_b, at_high) <= (1 + FLAT) * min(at_a, at_b):
            break
        if at_a <= at_b:
            high, at_high, b, at_b = b, at_b, a, at_a
            a = high - share * (high - low)
            at_a = function(a)
        else:
            low, at_low, a, at_a = a, at_a, b, at_b
            b = low + share * (high - low)
            at_b = function(b)
    return min((at_high, high), (at_b, b), (at_a, a))[1]
