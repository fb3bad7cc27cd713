"""One alpha of a loss that is not quadratic, solved on the working set by Newton steps: see `newton.py`."""

from dataclasses import dataclass, replace

import numpy as np

from ..matrices.near import Near
from . import cost
from .base import widened
from .quadratic_model import GramModel, SweepModel

# Steps for one alpha, at most.
MAX_STEPS = 100
# Steps in a row that leave nine tenths of the gap, after which an alpha is given up.
PATIENCE = 6
# An objective may rise by this share of P(0): rounding.
NO_WORSE = 1e-13
# Halvings of a step that leads uphill.
HALVINGS = 30
# A step that leaves more than this share of the gap calls for a new model.
SLOW = 0.3
# The smallest floor of curvatures that is not 0.
LEAST_FLOOR = 0.01
# A model serves while the mean curvature changes by no more than this factor.
MOST_CHANGED = 8.0
# A new Gram matrix is formed as fast as this many times as many multiply-adds of products with vectors.
GRAM_SPEED = 6.0
# A dual point that must shrink by no more than this share costs at most the share of P(0).
NEGLIGIBLE = 1e-12
# Scores beyond this are not extrapolated: e^30 = 1e13.
LARGEST_SCORE = 30.0
# A step from an extrapolated dual point is tried where this many times the last gap is still small enough.
FREE = 4.0
# An extrapolation may change no score by more than this.
LONGEST_EXTRAPOLATION = 1.0
# Where nothing is penalised, the gap goes to this share of the one promised.
UNPENALISED_SHARE = 1e-7
NO_COLUMNS, NO_VALUES = np.empty(0, np.int64), np.empty(0)


@dataclass(frozen=True, slots=True)
class Point:
    """Coefficients of the working set, the intercept at the mean of X, and the scores, None where they were dropped."""

    b: np.ndarray
    centre: float
    eta: np.ndarray | None

    def padded(self, size):
        """Return the same point with zeros for further columns."""
        return self if len(self.b) == size else replace(self, b=widened(self.b[None], 1, size)[0])

    def towards(self, other, share):
        """Return the point at a share of the way to another; beyond it for shares above 1."""
        b = self.padded(len(other.b)).b
        return Point(b + share * (other.b - b), self.centre + share * (other.centre - self.centre),
                     self.eta + share * (other.eta - self.eta))


@dataclass(frozen=True, slots=True)
class Certified:
    """A solution at one alpha and its dual point.

    Attributes
    ----------
    alpha, point : float, Point
    theta : ndarray of shape (n_samples,)
    z : ndarray
        X'theta of the working set as it was then.
    value : float
        F.
    gap : float
        On the working set alone until the columns outside are proven.
    bound : str
        "newton" or "residual": which dual point theta is.
    observed : object
        What `on_residual` returned for the scores.
    """

    alpha: float
    point: Point
    theta: np.ndarray
    z: np.ndarray
    value: float
    gap: float = np.inf
    bound: str = "newton"
    observed: object = None

    @property
    def b(self):
        """The coefficients of the working set."""
        return self.point.b


class NewtonSteps:
    """A problem whose loss is a `Risk` on a working set, and the last solutions there.

    Attributes
    ----------
    problem : Problem
        Changed by `repenalise` alone.
    goal : Goal
    working_set : ndarray of int
    near : Design
        X with copies of the working set where these pay.
    model : GramModel or SweepModel, or None
    ratio : float
        What the curvature of the model is multiplied by.
    floor : float
        Least curvature of a sample, raised where f'' jumps and a step led uphill.
    wasted : float
        Multiply-adds of steps beyond the first one of an alpha since the model was made.
    trail : list of Certified
        The last one or two solutions, from which the next one is extrapolated.
    """

    def __init__(self, problem, goal):
        self.problem, self.goal, self.working_set = problem, goal, np.empty(0, np.int64)
        self.near = problem.design.beside(Near(problem.design.matrix))
        self.model, self.ratio, self.floor, self.wasted, self.trail = None, 1.0, 0.0, 0.0, []

    @property
    def design(self):
        """X as the problem sees it."""
        return self.problem.design

    @property
    def last(self):
        """The last solution."""
        return self.trail[-1]

    @property
    def penalty(self):
        """The penalty of the working set."""
        return self.problem.penalty.at(self.working_set)

    @property
    def n_used(self):
        """Columns used by the last solution."""
        return np.count_nonzero(self.last.b)

    def _extend(self, cols):
        """Take columns into the working set."""
        self.working_set = np.concatenate([self.working_set, cols])
        self.trail = [replace(row, point=row.point.padded(len(self.working_set))) for row in self.trail]
        self.near.matrix.take(cols, self.design.pool)
        if self.model is not None and (self.model.sweeps or self._gram_pays(len(cols))):
            self.model.extend(cols, self.penalty)

    def repenalise(self, problem):
        """Go on under another penalty on the same design: solutions, Gram matrix and correlations stay as they are."""
        self.problem = problem.with_penalty(problem.penalty.with_exclusions_as_bounds())
        self.trail = self.trail[-1:]
        if self.model is not None:
            self.model.repenalise(self.penalty)

    def unpenalised(self, cols, coef, centre):
        """Return (the minimiser on some columns at alpha = 0, X'rho there), from a point given.

        Where there is no minimum, scores grow. The point returned is then the one on the way to them where the first
        score has changed by LARGEST_SCORE, and X'rho is infinite.
        """
        fitted = self.near.fitted(cols, coef[None])[0]
        point = Point(coef, centre, self.problem.loss.scores(centre, fitted))
        value = self.problem.loss.mean_deviance(point.eta, self.design.pool)
        self.trail = [Certified(np.inf, point, point.eta, NO_VALUES, value)]
        self.working_set = cols
        solved = self._solve(0.0, point, UNPENALISED_SHARE * self.goal.gap).point
        largest = np.max(np.abs(solved.eta - point.eta))
        if not largest <= LARGEST_SCORE:
            share = LARGEST_SCORE / largest if np.isfinite(largest) else 0.0
            return point.towards(solved, share) if share else point, np.full(len(cols), np.inf)
        return solved, self._standing(0.0, solved).z

    # ------------------------------------------------------------ one alpha

    def _solve(self, alpha, start, target):
        """Return the solution at alpha on the working set, from the point `start`."""
        row = self._predicted(alpha, target)
        if row is not None and row.gap <= target:
            return row
        loss, penalty, safe = self.problem.loss, self.penalty, self.last.point
        lowest, worst_allowed = self.last.value + penalty.value(safe.b, alpha), NO_WORSE * loss.null_value
        here, best, gap, waited = start if row is None else row.point, None, np.inf, 0
        renew = False
        for step in range(min(MAX_STEPS, max(self.goal.max_iter, 1))):
            self.design.pool.check()
            rho, d = loss.local(here.eta, self.design.pool)
            self._keep_model(np.maximum(d, self.floor), step, renew)
            balanced, gradient = self._gradient(rho)
            if row is not None and row.point is here and np.isinf(row.gap):
                row = self._with_residual(row, balanced, gradient)
                if row.gap <= target:
                    return row
            row = self._step(alpha, here, rho, gradient)
            if row.gap <= target:
                return row
            if self._has_diverged(row.point.eta):
                break
            objective = row.value + penalty.value(row.b, alpha)
            if not objective <= lowest + worst_allowed:
                here, lowest = (safe, lowest) if here is not safe else self._backtracked(alpha, here, row.point, lowest)
                if here is None:
                    break
                safe, renew = here, True
                continue
            self.floor = 0.1 * self.floor if self.floor > LEAST_FLOOR else 0.0
            lowest, renew = min(objective, lowest), row.gap > SLOW * gap
            here = safe = row.point
            best = row if best is None or row.gap < best.gap else best
            waited, gap = waited + 1 if row.gap > 0.9 * gap else 0, min(row.gap, gap)
            if waited > PATIENCE:
                break
        return self._standing(alpha, safe) if best is None else best

    def _has_diverged(self, eta):
        """Whether scores are so large that there can be no minimum."""
        return not np.max(np.abs(eta)) <= self.problem.loss.loss.largest_score

    def _standing(self, alpha, point):
        """A point that no step improves, with its residual as dual point."""
        loss, pool = self.problem.loss, self.design.pool
        residual, gradient = self._gradient(loss.local(point.eta, pool)[0])
        row = Certified(alpha, point, residual, gradient, loss.mean_deviance(point.eta, pool), bound="residual")
        return replace(row, gap=self._gap(row))

    def _with_residual(self, row, residual, z):
        """The same solution with its own residual as dual point, for the Newton dual is infeasible."""
        row = replace(row, theta=residual, z=z, bound="residual")
        return replace(row, gap=self._gap(row))

    def _backtracked(self, alpha, here, there, lowest):
        """Return (the first point on the way back from `there` that is better than `here`, its objective), or None."""
        loss, penalty, share = self.problem.loss, self.penalty, 1.0
        if not loss.loss.keeps_curvature:
            self.floor = min(1.0, max(LEAST_FLOOR, 10 * self.floor))
        for _ in range(HALVINGS):
            share /= 2
            point = here.towards(there, share)
            objective = loss.mean_deviance(point.eta, self.design.pool) + penalty.value(point.b, alpha)
            if objective < lowest:
                return point, objective
        return None, lowest

    # ------------------------------------------------------------ the model

    def _keep_model(self, d, step, renew):
        """Make a new model at the curvature d where there is none, or where the present one costs too many steps.

        The model's ratio is set to that of the mean curvatures. With a ridge part it stays 1, since the factor of the
        Gram matrix would have to be made anew.
        """
        n, m, mean = self.design.n_samples, len(self.working_set), self.problem.loss.mean(d)
        if step:
            self.wasted += 4.0 * n * max(m, 1)
        costs = n * m * m / GRAM_SPEED + m**3 / 3
        if self._is_outdated(d, mean) or (step and (renew or self.wasted > costs)):
            self._renew_model(d)
        self.ratio = 1.0 if self.problem.has_ridge or not mean > 0 else mean / self.model.total

    def _is_outdated(self, d, mean):
        """Whether the model cannot serve at the curvature d, whose mean is `mean`."""
        if self.model is None or self.model.form.size < len(self.working_set):
            return True
        if self.problem.loss.loss.keeps_curvature:
            return not self.model.total < MOST_CHANGED * mean < MOST_CHANGED**2 * self.model.total
        return not np.array_equal(d, self.model.curvature)

    def _renew_model(self, d):
        kind = GramModel if self._gram_pays(0) else SweepModel
        before, self.model, self.wasted = self.model, kind(self.problem, self.near, d), 0.0
        self.model.extend(self.working_set, self.penalty)
        if before is not None:
            self.model.follow(before)

    def _gram_pays(self, entering):
        """Whether exact steps on a Gram matrix of the working set, of which some columns are new, cost less."""
        size = len(self.working_set)
        face = max(self.n_used, np.count_nonzero(self.penalty.unscreened))
        return not size or cost.gram_pays(self.design, self.design.stored(self.working_set), size, face, entering,
                                          self.problem.has_ridge)

    # ------------------------------------------------------------ one step

    def _gradient(self, rho):
        """Return (rho, balanced by the model; its products with the working set)."""
        loss, model, balanced = self.problem.loss, self.model, rho.copy()
        loss.balance(balanced, model.curvature, model.total, self.design.pool)
        return balanced, self.near.correlations_at(balanced[None], self.working_set)[0]

    def _step(self, alpha, here, rho, gradient):
        """Return the minimiser of the model around a point, as a `Certified` on the working set.

        rho, which becomes theta, is the residual there or another dual point; `gradient` is X'rho, rho balanced.
        """
        loss, model, ratio = self.problem.loss, self.model, self.ratio
        b, z = model.minimise(alpha, here, rho, gradient, ratio, self.goal)
        used = np.flatnonzero(b)
        eta = loss.scores(here.centre, self.near.fitted(self.working_set[used], b[used][None])[0])
        e = model.curvature if ratio == 1 else ratio * model.curvature
        shift, value, slack = loss.land(rho, e, ratio * model.total, here.eta, eta, self.design.pool)
        row = Certified(alpha, Point(b, here.centre + shift, eta), rho, z, value)
        return replace(row, gap=self._gap(row, slack=slack))

    def _extrapolated(self, alpha):
        """The point on the line through the last two solutions, as far as no score changes too much."""
        if len(self.trail) < 2 or self.trail[0].alpha == self.last.alpha:
            return self.last.point
        before, last = self.trail
        share = (last.alpha - alpha) / (before.alpha - last.alpha)
        change = np.max(np.abs(last.point.eta - before.point.eta), initial=0.0)
        if not share * change > 0 or np.max(np.abs(last.point.eta)) > LARGEST_SCORE:
            return last.point
        return before.point.towards(last.point, 1 + min(share, LONGEST_EXTRAPOLATION / change))

    def _predicted(self, alpha, target):
        """Return the solution at alpha by a step from extrapolated scores and dual point, or None: no pass over X.

        The products of the dual point with the columns are extrapolated, too, and so exact. Its distance from the
        residual grows from alpha to alpha, until a step starts from the residual again.
        """
        if len(self.trail) < 2 or FREE * self.last.gap > target or not self.problem.loss.loss.keeps_curvature:
            return None
        before, last = self.trail
        if min(len(before.z), len(last.z)) < self.model.form.size or before.alpha == last.alpha:
            return None
        point, share = self._extrapolated(alpha), (last.alpha - alpha) / (before.alpha - last.alpha)
        if point is last.point:
            return None
        theta = last.theta + share * (last.theta - before.theta)
        return self._step(alpha, point, theta, last.z + share * (last.z - before.z))

    # ------------------------------------------------------------ gaps

    def _gap(self, row, outside=NO_COLUMNS, z_outside=NO_VALUES, slack=None):
        """The duality gap of a row on the working set and some columns outside, which are zero in it.

        `slack` is that of the loss at theta itself, where it is known.
        """
        loss, m, alphas = self.problem.loss, len(self.working_set), np.array([row.alpha])
        penalty = self.problem.penalty.at(np.concatenate([self.working_set, outside]))
        b = widened(row.b[None], 1, m + len(outside))
        z = np.concatenate([widened(row.z[None], 1, m)[0], z_outside])[None]
        scales = penalty.scales(z, alphas)
        shrink = 1 - scales[0]
        if slack is None or shrink > NEGLIGIBLE:
            slack, shrink = loss.slack(self._with_scores(row.point).eta, scales[0] * row.theta, self.design.pool), 0.0
        gaps = np.array([slack + shrink * loss.null_value])
        curvatures = np.concatenate([self.model.diagonal(), np.ones(len(outside))])
        penalty.add_slack(gaps, b, z, alphas, scales, curvatures)
        return float(gaps[0])

    def _with_scores(self, point):
        """The same point with its scores, formed again where they were dropped."""
        if point.eta is not None:
            return point
        fitted = self.near.fitted(self.working_set[:len(point.b)], point.b[None])[0]
        return replace(point, eta=self.problem.loss.scores(point.centre, fitted))
