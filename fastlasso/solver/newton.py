"""Losses that are not quadratic: Newton's method inside the working set.

The solver proposes columns and proves with the loss's own residual. Only the working set sees a quadratic model of the
risk (`quadratic_model.py`), whose Gram matrix is kept from step to step and from alpha to alpha. For each alpha

1. the solution is extrapolated from the last two: no pass over X;
2. the model around that point is solved exactly on the working set. With the step of the scores Delta, the dual point

       theta = rho - d Delta       (the Newton dual)

   is orthogonal to 1 and to the unpenalised columns, and feasible on the working set, as exactly as the model is solved.
   It is feasible for the loss, too, where no |Delta| is large. Its gap at the new point is of second order in Delta;
3. where the gap is too large, a further step starts from the new point.

Batches, anchors and the filter are those of `solver.py`: X'theta of all columns is known at some alphas, and a bound
proves most columns inactive at the others.

Sources: Friedman, Hastie and Tibshirani 2010 (J. Stat. Softw. 33(1)), Newton and coordinate descent; Massias, Vaiter,
Gramfort and Salmon 2020 (JMLR 21), dual points of generalised linear models.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..matrices.near import Near
from . import screening
from .base import VIOLATION, Batch, widened
from .quadratic_model import QuadraticModel
from .screening import Anchor

# Range of `longest_batch`.
BATCH_RANGE = 4, 12
# Dual points whose products with some columns are formed together.
PASS_ROWS = 4
# Columns that may always join at once.
LEAST_ENTERING = 80
# Columns that may join at once, as a share of the columns in use.
LEAD = 0.5
# Dual points of a batch may take this share of X's bytes.
BATCH_SHARE = 1 / 4
# Steps for one alpha, at most.
MAX_STEPS = 100
# Steps in a row that do not lower the gap, after which an alpha is given up.
PATIENCE = 6
# An objective may rise by this share of P(0): rounding.
NO_WORSE = 1e-13
# Halvings of a step that leads uphill.
HALVINGS = 30
# A step that leaves more than this share of the gap calls for a new model at the next step.
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
# Alphas on the way to a cold start follow each other by about this many of the steps given.
APPROACH_STRIDE = 8
NO_COLUMNS, NO_VALUES = np.empty(0, np.int64), np.empty(0)
# Gaps there may be this many times as large as the one promised.
LOOSE = 1000.0


@dataclass(slots=True)
class Point:
    """Coefficients of the working set, the intercept at the mean of X, and the scores."""

    b: np.ndarray
    centre: float
    eta: np.ndarray

    def towards(self, other, share):
        """Return the point at a share of the way to another; beyond it for shares above 1."""
        b = widened(self.b[None], 1, len(other.b))[0]
        return Point(b + share * (other.b - b), self.centre + share * (other.centre - self.centre),
                     self.eta + share * (other.eta - self.eta))


@dataclass(slots=True)
class Certified:
    """A solution at one alpha and its dual point.

    Attributes
    ----------
    alpha, point : float, Point
    theta : ndarray of shape (n_samples,)
    z : ndarray
        X'theta of the working set.
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
    gap: float
    bound: str
    observed: object = None


class NewtonSolver:
    """Walks down the alphas of one `Problem` whose loss is a `Risk`.

    Attributes
    ----------
    problem, goal, on_residual
        As in `Solver`; `on_residual` is called with the scores of each solution.
    working_set : ndarray of int
    inside : ndarray of bool, shape (n_features,)
    model : QuadraticModel, or None
    anchors : list of Anchor
        The last one or two solutions with X'theta of all columns.
    trail : list of Certified
        The last one or two solutions, from which the next one is extrapolated.
    near : Design
        X with copies of the working set where these pay.
    ratio : float
        What the curvature of the model is multiplied by.
    floor : float
        Least curvature of a sample, raised where f'' jumps and a step led uphill.
    wasted : float
        Multiply-adds of steps beyond the first one of an alpha since the model was made.
    alpha_max : float
    """

    compressed = False

    def __init__(self, problem, goal, on_residual=None):
        self.problem, self.goal, self.on_residual = problem, goal, on_residual
        self.working_set, self.inside = np.empty(0, np.int64), np.zeros(problem.design.n_features, bool)
        self.near = problem.design.beside(Near(problem.design.matrix))
        self.model, self.anchors, self.trail = None, [], []
        self.ratio, self.floor, self.wasted, self.alpha_max, self.n_used = 1.0, 0.0, 0.0, np.inf, 0

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

    def start(self):
        """Take in the columns without an L1 part, and settle the state at alpha_max."""
        loss, penalty = self.problem.loss, self.problem.penalty
        point = Point(np.empty(0), loss.null_intercept, loss.scores(loss.null_intercept))
        empty = Certified(np.inf, point, loss.null_residual, np.empty(0), loss.null_value, 0.0, "residual")
        self.trail, z = [empty], self.problem.correlation
        self._add(np.flatnonzero(penalty.unscreened))
        if len(self.working_set) and not penalty.unscreened.all():
            fitted = replace(self._solve(1.0, point, self.goal.gap * 1e-3), alpha=np.inf)
            self.trail, z = [fitted], self.design.correlations(fitted.theta[None])[0]
        self.alpha_max = penalty.first_entry(penalty.reach(z))
        self.anchors = [self._anchor_of(self.last, z)]

    def longest_batch(self):
        """How many alphas to solve before columns outside are checked."""
        shortest, longest = BATCH_RANGE
        rows = BATCH_SHARE * self.design.matrix.nbytes / (8 * self.design.n_samples)
        return int(np.clip(rows, shortest, longest))

    # ------------------------------------------------------------ the working set

    def _add(self, cols):
        """Take columns into the working set."""
        if not len(cols):
            return
        self.working_set = np.concatenate([self.working_set, cols])
        self.inside[cols] = True
        self.near.matrix.take(cols, self.design.pool)
        if self.model is not None:
            self.model.extend(cols, self.penalty)

    def _outside(self, cols):
        return cols[~self.inside[cols]]

    def _propose(self, first, alpha):
        """Take in the columns that are likely to matter at `alpha`, the last of a batch whose first is `first`."""
        if np.isinf(self.anchors[-1].alpha):
            top = max(self.alpha_max, first)
            self.anchors[-1], self.trail[-1] = replace(self.anchors[-1], alpha=top), replace(self.last, alpha=top)
        self._add(screening.candidates(self.problem.penalty, self.design.norm2, self.anchors, alpha, self._outside,
                                       self._most_entering()))

    def _most_entering(self):
        return max(LEAST_ENTERING, int(LEAD * self.n_used))

    # ------------------------------------------------------------ one batch

    def solve(self, alphas):
        """Solve and certify some of the leading `alphas` (descending, below those solved so far); return a `Batch`."""
        self._propose(alphas[0], alphas[-1])
        rows, first, n_rounds = [], 0, 0
        before, start = list(self.trail), list(self.anchors[-1:])
        anchor = None
        while first is not None:
            n_rounds += 1
            for k in range(first, len(alphas)):
                point = self._with_scores(rows[k].point) if k < len(rows) else self._extrapolated(alphas[k])
                row = self._solve(alphas[k], point, self.goal.gap)
                rows[k:k + 1] = [row]
                self._take(row, [*before, *rows[:k + 1]])
            if anchor is None:
                anchor = self._anchor_of(row, self._correlations(row))
                self.anchors = [*start, anchor]
            first = self._add_missing(rows)
        self.n_used = np.count_nonzero(self.last.point.b)
        return self._batch(rows, n_rounds)

    def _take(self, row, solved):
        """Take over the last of the solutions, and drop the scores of all but two to save memory."""
        if self.on_residual is not None:
            row.observed = self.on_residual(row.point.eta)
        self.trail = solved[-2:]
        for old in solved[-3:-2]:
            old.point = replace(old.point, eta=None)

    def _with_scores(self, point):
        """The same point with its scores, formed again where they were dropped."""
        if point.eta is not None:
            return point
        fitted = self.near.fitted(self.working_set[:len(point.b)], point.b[None])[0]
        return replace(point, eta=self.problem.loss.scores(point.centre, fitted))

    def approach(self, alphas):
        """Walk down some of `alphas` to a warm start for the alpha that follows; nothing is certified on the way."""
        for alpha in alphas[::APPROACH_STRIDE]:
            self._propose(alpha, alpha)
            row = self._solve(alpha, self._extrapolated(alpha), LOOSE * self.goal.gap)
            z = self._correlations(row)
            self.trail, self.anchors = [self.last, row], [self.anchors[-1], self._anchor_of(row, z)]
            found = self._outside(self.problem.penalty.violators(z, self.design.norm2, alpha, VIOLATION))
            self.n_used = np.count_nonzero(row.point.b)
            self._add(screening.strongest(self.problem.penalty, z, found, self._most_entering()))

    def _correlations(self, row):
        """X'theta of all columns; those of the working set are known where columns may be read apart."""
        if not self.design.matrix.by_columns:
            return self.design.correlations(row.theta[None])[0]
        z, outside = np.empty(self.design.n_features), np.flatnonzero(~self.inside)
        z[self.working_set] = row.z
        z[outside] = self.design.correlations_at(row.theta[None], outside)[0]
        return z

    def _anchor_of(self, row, z):
        """The anchor of a solution, its dual point's correlations with all columns being z."""
        return Anchor(row.alpha, np.empty(0), row.theta, z, self.design.norms2(row.theta[None])[0])

    def _batch(self, rows, n_rounds):
        """The `Batch` of solutions whose proof is complete."""
        order = np.argsort(self.working_set)
        coefs = np.array([widened(row.point.b[None], 1, len(order))[0] for row in rows])
        observed = [] if self.on_residual is None else [row.observed for row in rows]
        figures = (np.array([getattr(row, name) for row in rows]) for name in ("alpha", "gap", "value"))
        alphas, gaps, values = figures
        return Batch(alphas, self.working_set[order], coefs[:, order], gaps, values, observed, n_rounds,
                     np.array([row.point.centre for row in rows]), np.array([row.bound == "newton" for row in rows]))

    # ------------------------------------------------------------ columns outside

    def _add_missing(self, rows):
        """Take in the columns that violate at some row beyond its gap; return the first such row, or None."""
        cols = self._unproven(rows)
        if not len(cols):
            return None
        Z = self._products(rows, cols)
        violators = [self._violators(row, cols, z) for row, z in zip(rows, Z, strict=True)]
        first = next((k for k, found in enumerate(violators) if len(found)), None)
        if first is not None:
            missing, z = np.unique(np.concatenate(violators)), np.zeros(self.design.n_features)
            z[cols] = Z[-1]
            self._add(screening.strongest(self.problem.penalty, z, cols[missing], self._most_entering()))
        return first

    def _products(self, rows, cols):
        """The products of the rows' dual points with some columns."""
        parts, select = [], self.design.matrix.pays_to_select(len(cols))
        for start in range(0, len(rows), PASS_ROWS):
            Theta = np.array([row.theta for row in rows[start:start + PASS_ROWS]])
            parts.append(self.design.correlations_at(Theta, cols) if select else self.design.correlations(Theta)[:, cols])
        return np.concatenate(parts)

    def _violators(self, row, cols, z):
        """The places in `cols` of the columns that violate at a row and leave its gap too large; the gap counts them."""
        found = self.problem.penalty.at(cols).violators(z, self.design.norm2[cols], row.alpha, VIOLATION, 0.0)
        if len(found):
            row.gap = self._gap(row, cols[found], z[found])
        return found if row.gap > self.goal.gap else found[:0]

    def _unproven(self, rows):
        """Return the columns outside that the anchors do not prove inactive at the rows' dual points."""
        penalty, norm2 = self.problem.penalty, self.design.norm2
        if not self.goal.screening:
            return self._outside(np.flatnonzero(penalty.usable))
        base = np.array([anchor.residual for anchor in self.anchors])
        gram = self.design.inner(base, base)
        products = np.hstack([self.design.inner(base, row.theta[None]) for row in rows])
        norms = np.array([self.design.norms2(row.theta[None])[0] for row in rows])
        T = np.ascontiguousarray(np.linalg.lstsq(gram, products, rcond=1e-13)[0].T)
        left = norms - 2 * (T * products.T).sum(axis=1) + ((T @ gram) * T).sum(axis=1)
        distance = np.sqrt(np.maximum(left, 0.0) + screening.ROUNDING * (norms + np.abs(T) @ np.diagonal(gram)))
        alphas = np.array([row.alpha for row in rows])
        return self._outside(screening.unproven(penalty, norm2, self.anchors, T, distance, alphas))

    # ------------------------------------------------------------ one alpha

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

    def _solve(self, alpha, start, target):
        """Return the solution at alpha on the working set, from the point `start`."""
        row = self._predicted(alpha, target)
        if row is not None and row.gap <= target:
            return row
        loss, pool, size, penalty = self.problem.loss, self.design.pool, len(self.working_set), self.penalty
        safe = padded(self.last.point, size)
        lowest = self.last.value + penalty.value(safe.b, alpha)
        here, best, gap, waited = padded(start, size) if row is None else row.point, None, np.inf, 0
        is_safe, renew = here.eta is safe.eta, False
        for step in range(min(MAX_STEPS, max(self.goal.max_iter, 1))):
            pool.check()
            rho, d = loss.local(here.eta, pool)
            self._keep_model(np.maximum(d, self.floor), step, renew)
            balanced, gradient = self._gradient(rho)
            if row is not None and row.point is here and np.isinf(row.gap):
                row = self._with_residual(row, balanced, gradient)
                if row.gap <= target:
                    return row
            row = self._step(alpha, here, rho, gradient)
            if row.gap <= target:
                return row
            objective = row.value + penalty.value(row.point.b, alpha)
            if not objective <= lowest + NO_WORSE * loss.null_value:
                renew = True
                if not is_safe:
                    here, is_safe = safe, True
                    continue
                here, lowest = self._backtracked(alpha, here, row.point, lowest)
                if here is None:
                    break
                safe = here
                continue
            self.floor = 0.1 * self.floor if self.floor > LEAST_FLOOR else 0.0
            lowest, here, is_safe = min(objective, lowest), row.point, True
            safe = here
            best = row if best is None or row.gap < best.gap else best
            renew = row.gap > SLOW * gap
            waited = waited + 1 if row.gap > 0.9 * gap else 0
            gap = min(row.gap, gap)
            if waited > PATIENCE:
                break
        return self._standing(alpha, safe) if best is None else best

    def _standing(self, alpha, point):
        """A point that no step improves, with its residual as dual point."""
        loss, pool = self.problem.loss, self.design.pool
        residual, gradient = self._gradient(loss.local(point.eta, pool)[0])
        row = Certified(alpha, point, residual, gradient, loss.value(point.eta, pool), np.inf, "residual")
        row.gap = self._gap(row)
        return row

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
        if self.model is None:
            return True
        if self.problem.loss.loss.keeps_curvature:
            return not self.model.total < MOST_CHANGED * mean < MOST_CHANGED**2 * self.model.total
        return not np.array_equal(d, self.model.curvature)

    def _renew_model(self, d):
        before, self.model, self.wasted = self.model, QuadraticModel(self.problem, self.near, d), 0.0
        self.model.extend(self.working_set, self.penalty)
        if before is not None:
            self.model.follow(before)

    def _gradient(self, rho):
        """Return (rho, balanced by the model; its products with the working set)."""
        loss, model, balanced = self.problem.loss, self.model, rho.copy()
        loss.balance(balanced, model.curvature, model.total, self.design.pool)
        return balanced, self.near.correlations_at(balanced[None], self.working_set)[0]

    def _with_residual(self, row, residual, z):
        """The same solution with its own residual as dual point, for the Newton dual is infeasible."""
        row = replace(row, theta=residual, z=z, bound="residual")
        row.gap = self._gap(row)
        return row

    def _step(self, alpha, here, rho, gradient):
        """Return the minimiser of the model around a point, as a `Certified` on the working set.

        rho, which becomes theta, is the residual there or another dual point; `gradient` is X'rho, rho balanced.
        """
        loss, model, ratio = self.problem.loss, self.model, self.ratio
        b, z = model.minimise(alpha, here.b, gradient, ratio, self.goal.gap, self.goal.max_iter)
        used = np.flatnonzero(b)
        eta = loss.scores(here.centre, self.near.fitted(self.working_set[used], b[used][None])[0])
        e = model.curvature if ratio == 1 else ratio * model.curvature
        shift, value, slack = loss.land(rho, e, ratio * model.total, here.eta, eta, self.design.pool)
        row = Certified(alpha, Point(b, here.centre + shift, eta), rho, z, value, np.inf, "newton")
        row.gap = self._gap(row, slack=slack)
        return row

    def _predicted(self, alpha, target):
        """Return the solution at alpha by a step from extrapolated scores and dual point, or None: no pass over X.

        The products of the dual point with the columns are extrapolated, too, and so exact. Its distance from the
        residual grows from alpha to alpha, until a step starts from the residual again.
        """
        m = len(self.working_set)
        if len(self.trail) < 2 or any(len(row.z) < m for row in self.trail) or FREE * self.last.gap > target:
            return None
        before, last = self.trail
        if before.alpha == last.alpha:
            return None
        point, share = self._extrapolated(alpha), (last.alpha - alpha) / (before.alpha - last.alpha)
        if point is last.point or not self.problem.loss.loss.keeps_curvature:
            return None
        theta = last.theta + share * (last.theta - before.theta)
        return self._step(alpha, point, theta, last.z + share * (last.z - before.z))

    def _backtracked(self, alpha, here, there, lowest):
        """Return (the first point on the way back from `there` that is no worse than `here`, its objective)."""
        loss, penalty, share = self.problem.loss, self.penalty, 1.0
        if not loss.loss.keeps_curvature:
            self.floor = min(1.0, max(LEAST_FLOOR, 10 * self.floor))
        for _ in range(HALVINGS):
            share /= 2
            point = here.towards(there, share)
            objective = loss.value(point.eta, self.design.pool) + penalty.value(point.b, alpha)
            if objective < lowest:
                return point, objective
        return None, lowest

    # ------------------------------------------------------------ gaps

    def _gap(self, row, outside=NO_COLUMNS, z_outside=NO_VALUES, slack=None):
        """The duality gap of a row on the working set and some columns outside, which are zero in it.

        `slack` is that of the loss at theta itself, where it is known.
        """
        loss, m, alphas = self.problem.loss, len(self.working_set), np.array([row.alpha])
        penalty = self.problem.penalty.at(np.concatenate([self.working_set, outside]))
        b = widened(row.point.b[None], 1, m + len(outside))
        z = np.concatenate([widened(row.z[None], 1, m)[0], z_outside])[None]
        curvatures = np.concatenate([self.model.diagonal(), np.ones(len(outside))])
        scales = penalty.scales(z, alphas)
        shrink = 1 - scales[0]
        if slack is None or shrink > NEGLIGIBLE:
            slack, shrink = loss.slack(self._with_scores(row.point).eta, scales[0] * row.theta, self.design.pool), 0.0
        gaps = np.array([slack + shrink * loss.null_value])
        penalty.add_slack(gaps, b, z, alphas, scales, curvatures)
        return float(gaps[0])


def padded(point, size):
    """The same point with zeros for further columns."""
    return point if len(point.b) == size else Point(widened(point.b[None], 1, size)[0], point.centre, point.eta)
