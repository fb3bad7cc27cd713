"""A loss of rows: target, offset and weights about a loss of `row_losses`, and the scores at which it is looked at."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .rounding import QUIET, UNIT, dot_rounding, total

# Relative error of a value or slack of one row, computed: some units of its terms.
EVALUATION = 2.0**-44

# Most steps of the search for an intercept, whose length may double each time.
INTERCEPT_STEPS = 300


@dataclass(frozen=True)
class Rows:
    """F(eta) = sum_i q_i f(y_i, eta_i).

    Attributes
    ----------
    loss : object
        One of `row_losses`.
    y, offset, q : ndarray of shape (n_samples,)
        The target as the loss reads it, the offset, and w_i / W.
    fit_intercept : bool
    """

    loss: object
    y: np.ndarray
    offset: np.ndarray
    q: np.ndarray
    fit_intercept: bool

    def mean(self, values):
        """sum_i q_i values_i over the rows of positive weight; infinite where that is not a number."""
        with np.errstate(**QUIET):
            products = np.where(self.q > 0, self.q * values, 0.0)
            rough = float(np.sum(np.abs(products)))
        return total(products) if rough < 1e300 else math.inf

    def value(self, eta):
        """F(eta)."""
        with np.errstate(**QUIET):
            return self.mean(self.loss.value(self.y, eta))

    def best_shift(self, eta):
        """Return the number z that makes F(eta + z) least, by Newton steps between bounds that close in.

        sum_i q_i rho_i(eta + z) falls in z. Until both bounds are known a step is at least twice the one before.
        """
        low, high, z, least = -math.inf, math.inf, 0.0, 2.0**-10
        for _ in range(INTERCEPT_STEPS):
            with np.errstate(**QUIET):
                slope = self.rough_mean(self.loss.residual(self.y, eta + z))
                curvature = self.rough_mean(self.loss.curvature(self.y, eta + z))
            if slope == 0:
                return z
            low, high = (z, high) if slope > 0 else (low, z)
            following = newton_or_middle(z, slope, curvature, low, high, least)
            if abs(following - z) <= 2 * UNIT * abs(z) or not low <= following <= high:
                return z
            z, least = following, 2 * least
        return z

    def rough_mean(self, values):
        """sum_i q_i values_i, by NumPy's sum."""
        return float(np.sum(np.where(self.q > 0, self.q * values, 0.0)))

    @cached_property
    def null_scores(self):
        """The scores of P(0): the offset, plus the best intercept if there is one."""
        return self.offset + (self.best_shift(self.offset) if self.fit_intercept else 0.0)

    @cached_property
    def null_value(self):
        """P(0)."""
        return self.value(self.null_scores)


def newton_or_middle(z, slope, curvature, low, high, least):
    """Return the next trial of a root in (low, high): Newton's, where it is inside; else the middle, or a long step."""
    newton = slope / curvature if 0 < curvature < math.inf and abs(slope) < math.inf else math.copysign(least, slope)
    if low == -math.inf or high == math.inf:
        return z + math.copysign(min(max(abs(newton), least if abs(newton) > 0.5 else 0.0), 4 * least + 1), slope)
    return z + newton if low < z + newton < high else 0.5 * (low + high)


@dataclass(frozen=True)
class Point:
    """The loss at given scores.

    Attributes
    ----------
    rows : Rows
    eta : ndarray of shape (n_samples,)
    error : ndarray of shape (n_samples,)
        What rounding may have made of eta.
    """

    rows: Rows
    eta: np.ndarray
    error: np.ndarray

    @cached_property
    def value(self):
        """F(eta)."""
        return self.rows.value(self.eta)

    @cached_property
    def residual(self):
        """rho, 0 in the rows of no weight."""
        with np.errstate(**QUIET):
            return np.where(self.rows.q > 0, self.rows.loss.residual(self.rows.y, self.eta), 0.0)

    @cached_property
    def curvature(self):
        """f'' at eta."""
        with np.errstate(**QUIET):
            return self.rows.loss.curvature(self.rows.y, self.eta)

    @cached_property
    def residual_error(self):
        """Bound what rounding makes of rho: that of its terms, and that of eta."""
        loss, y = self.rows.loss, self.rows.y
        with np.errstate(**QUIET):
            steepest = np.maximum(loss.curvature(y, self.eta - self.error), loss.curvature(y, self.eta + self.error))
            return 8 * UNIT * loss.terms(y, self.eta) + steepest * self.error

    @cached_property
    def safe_value(self):
        """What F of the true scores is at most: f(eta + e) <= f + |rho| |e| + (largest f'') e^2."""
        with np.errstate(**QUIET):
            reach = self.rows.mean((np.abs(self.residual) + self.residual_error) * self.error)
        return self.value * (1 + 64 * UNIT) + 2 * reach

    def slack(self, theta):
        """F(eta) + F*(-theta) + <theta, eta>, without regard to rounding."""
        with np.errstate(**QUIET):
            return self.rows.mean(self.rows.loss.slack(self.rows.y, self.eta, self.residual - theta))

    def safe_slack(self, theta, correction=0.0):
        """Return an upper bound of the slack at the exact scores, with each row of theta off by its `correction`.

        It is convex in theta, and in the scores.
        """
        loss, y, change = self.rows.loss, self.rows.y, self.residual - theta
        with np.errstate(**QUIET):
            error = self.residual_error + 2 * UNIT * (np.abs(theta) + np.abs(change)) + correction
            worse = np.maximum(loss.slack(y, self.eta, change - error), loss.slack(y, self.eta, change + error))
            return self.rows.mean(worse + np.abs(change) * self.error) * (1 + EVALUATION)


def point_of(problem):
    """Return the `Point` of the scores of a problem's solution."""
    columns, coef, rows = problem.columns, problem.coef, problem.loss
    shifts = columns.centre * coef
    constant = total(np.append(shifts, problem.intercept))
    with np.errstate(**QUIET):
        eta = rows.offset + (columns.times(coef) + constant)
        error = (dot_rounding(np.count_nonzero(coef)) * columns.magnitudes(coef)
                 + 2 * UNIT * (np.sum(np.abs(shifts)) + abs(problem.intercept) + np.abs(rows.offset) + np.abs(eta)))
    return Point(rows, eta, error)
