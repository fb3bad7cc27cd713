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

from . import cost, screening
from .base import VIOLATION, Batch, widened
from .quadratic_model import QuadraticModel
from .screening import Anchor

# Range of `longest_batch`.
BATCH_RANGE = 4, 12
# Columns that may always join at once.
LEAST_ENTERING = 80
# Columns that may join at once, as a share of the columns in use.
LEAD = 0.5
# Rows of a batch may take this share of X's bytes.
BATCH_SHARE = 1 / 8
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
# A new Gram matrix is formed as fast as this many times as many multiply-adds of products with vectors.
GRAM_SPEED = 6.0
# Scores beyond this are not extrapolated: e^30 = 1e13.
LARGEST_SCORE = 30.0
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
    """

    alpha: float
    point: Point
    theta: np.ndarray
    z: np.ndarray
    value: float
    gap: float
    bound: str


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
    wasted : float
        Multiply-adds of steps beyond the first one of an alpha since the model was made.
    alpha_max : float
    """

    compressed = False

    def __init__(self, problem, goal, on_residual=None):
        self.problem, self.goal, self.on_residual = problem, goal, on_residual
        self.working_set, self.inside = np.empty(0, np.int64), np.zeros(problem.design.n_features, bool)
        self.model, self.anchors, self.trail = None, [], []
        self.wasted, self.alpha_max, self.n_used = 0.0, np.inf, 0

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
        rows = BATCH_SHARE * self.design.matrix.nbytes / (16 * self.design.n_samples)
        return int(np.clip(rows, shortest, longest))

    # ------------------------------------------------------------ the working set

    def _add(self, cols):
        """Take columns into the working set."""
        if not len(cols):
            return
        self.working_set = np.concatenate([self.working_set, cols])
        self.inside[cols] = True
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
                point = rows[k].point if k < len(rows) else self._extrapolated(alphas[k])
                row = self._solve(alphas[k], point, self.goal.gap)
                rows[k:k + 1] = [row]
                self.trail = [*before, *rows[:k + 1]][-2:]
            if anchor is None:
                anchor = self._anchor_of(row, self.design.correlations(row.theta[None])[0])
                self.anchors = [*start, anchor]
            first = self._add_missing(rows)
        self.n_used = np.count_nonzero(self.last.point.b)
        return self._batch(rows, n_rounds)

    def approach(self, alphas):
        """Walk down some of `alphas` to a warm start for the alpha that follows; nothing is certified on the way."""
        for alpha in alphas[::APPROACH_STRIDE]:
            self._propose(alpha, alpha)
            row = self._solve(alpha, self._extrapolated(alpha), LOOSE * self.goal.gap)
            z = self.design.correlations(row.theta[None])[0]
            self.trail, self.anchors = [self.last, row], [self.anchors[-1], self._anchor_of(row, z)]
            found = self._outside(self.problem.penalty.violators(z, self.design.norm2, alpha, VIOLATION))
            self.n_used = np.count_nonzero(row.point.b)
            self._add(screening.strongest(self.problem.penalty, z, found, self._most_entering()))

    def _anchor_of(self, row, z):
        """The anchor of a solution, its dual point's correlations with all columns being z."""
        return Anchor(row.alpha, np.empty(0), row.theta, z, self.design.norms2(row.theta[None])[0])

    def _batch(self, rows, n_rounds):
        """The `Batch` of solutions whose proof is complete."""
        order = np.argsort(self.working_set)
        coefs = np.array([widened(row.point.b[None], 1, len(order))[0] for row in rows])
        observed = [] if self.on_residual is None else [self.on_residual(row.point.eta) for row in rows]
        figures = (np.array([getattr(row, name) for row in rows]) for name in ("alpha", "gap", "value"))
        alphas, gaps, values = figures
        return Batch(alphas, self.working_set[order], coefs[:, order], gaps, values, observed, n_rounds,
                     np.array([row.point.centre for row in rows]), np.array([row.bound == "newton" for row in rows]))

    # ------------------------------------------------------------ columns outside

    def _add_missing(self, rows):
        """Take in the columns that violate at some row beyond its gap; return the first such row, or None."""
        alphas, Theta = np.array([row.alpha for row in rows]), np.array([row.theta for row in rows])
        cols = self._unproven(alphas, Theta)
        if not len(cols):
            return None
        if self.design.matrix.pays_to_select(len(cols)):
            Z = self.design.correlations_at(Theta, cols)
        else:
            Z = self.design.correlations(Theta)[:, cols]
        penalty, norm2 = self.problem.penalty.at(cols), self.design.norm2[cols]
        missing, first = [], None
        for k, (row, z) in enumerate(zip(rows, Z, strict=True)):
            found = penalty.violators(z, norm2, row.alpha, VIOLATION, 0.0)
            if not len(found):
                continue
            row.gap = self._gap(row, cols[found], z[found])
            if row.gap > self.goal.gap:
                first = k if first is None else first
                missing.append(found)
        if not missing:
            return None
        missing = np.unique(np.concatenate(missing))
        self._add(screening.strongest(self.problem.penalty, self._whole(cols, Z[-1]), cols[missing],
                                      self._most_entering()))
        return first

    def _whole(self, cols, z):
        """z of some columns as a vector over all."""
        out = np.zeros(self.design.n_features)
        out[cols] = z
        return out

    def _unproven(self, alphas, Theta):
        """Return the columns outside that the anchors do not prove inactive at the dual points Theta."""
        penalty, norm2 = self.problem.penalty, self.design.norm2
        if not self.goal.screening:
            return self._outside(np.flatnonzero(penalty.usable))
        base = np.array([anchor.residual for anchor in self.anchors])
        T = np.linalg.lstsq(self.design.inner(base, base), self.design.inner(base, Theta), rcond=1e-13)[0].T
        rest = Theta - T @ base
        size = np.sqrt(self.design.norms2(Theta)) + np.abs(T) @ np.sqrt(self.design.norms2(base))
        distance = np.sqrt(self.design.norms2(rest)) + cost.ROUNDING * size
        return self._outside(screening.unproven(penalty, norm2, self.anchors, np.ascontiguousarray(T), distance, alphas))

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
        loss, pool = self.problem.loss, self.design.pool
        size, penalty = len(self.working_set), self.penalty
        here, best, gap, waited = padded(start, size), None, np.inf, 0
        safe = padded(self.last.point, size)
        lowest = self.last.value + penalty.value(safe.b, alpha)
        is_safe, renew = here.eta is safe.eta, False
        for step in range(min(MAX_STEPS, max(self.goal.max_iter, 1))):
            pool.check()
            rho, d = loss.local(here.eta, pool)
            self._keep_model(d, step, renew)
            row = self._step(alpha, here, rho, d)
            if row.gap <= target:
                return row
            objective = row.value + penalty.value(row.point.b, alpha)
            if not objective <= lowest + NO_WORSE * loss.null_value:
                renew = True
                if not is_safe:
                    here, is_safe = safe, True
                    continue
                found = self._backtracked(alpha, here, row.point, lowest)
                if found is None:
                    break
                here, lowest = found
                continue
            lowest, here, is_safe = min(objective, lowest), row.point, True
            safe = here
            best = row if best is None or row.gap < best.gap else best
            renew = row.gap > SLOW * gap
            waited = waited + 1 if row.gap > 0.9 * gap else 0
            gap = min(row.gap, gap)
            if waited > PATIENCE:
                break
        return row if best is None else best

    def _keep_model(self, d, step, renew):
        """Make a new model at the curvature d where there is none, or where the present one costs too many steps."""
        n, m = self.design.n_samples, len(self.working_set)
        if step:
            self.wasted += 4.0 * n * max(m, 1)
        is_old = self.model is None or (not self.problem.loss.loss.keeps_curvature
                                        and not np.array_equal(d, self.model.curvature))
        costs = n * m * m / GRAM_SPEED + m**3 / 3
        if is_old or (step and (renew or self.wasted > costs)):
            before, self.model, self.wasted = self.model, QuadraticModel(self.problem, d), 0.0
            self.model.extend(self.working_set, self.penalty)
            if before is not None:
                self.model.follow(before)

    def _step(self, alpha, here, rho, d):
        """Return the minimiser of the model around a point, as a `Certified` on the working set."""
        loss, design, model = self.problem.loss, self.design, self.model
        e = model.curvature
        ratio = 1.0 if self.problem.has_ridge else loss.mean(d) / model.total
        e, total = ratio * e, ratio * model.total
        u = self._balanced(rho, e, total)[0]
        g = design.correlations_at(u[None], self.working_set)[0]
        b, z = model.minimise(alpha, here.b, g, ratio, self.goal.gap, self.goal.max_iter)
        used = np.flatnonzero(b)
        fitted = design.fitted(self.working_set[used], b[used][None])[0]
        eta = loss.scores(here.centre, fitted)
        theta, shift = self._balanced(rho + e * (here.eta - eta), e, total)
        point = Point(b, here.centre + shift, eta + shift if shift else eta)
        row = Certified(alpha, point, theta, z, loss.value(point.eta, design.pool), np.inf, "newton")
        row.gap = self._gap(row)
        return row

    def _balanced(self, v, e, total):
        """Return (v - shift e with weighted mean 0, shift); v itself without an intercept."""
        if not self.design.fit_intercept:
            return v, 0.0
        shift = 0.0
        for _ in range(2):      # the second round takes off what rounding left
            more = self.problem.loss.mean(v) / total
            v, shift = v - more * e, shift + more
        return v, shift

    def _backtracked(self, alpha, here, there, lowest):
        """Return (the first point on the way back from `there` that is no worse than `here`, its objective), or None."""
        loss, penalty, share = self.problem.loss, self.penalty, 1.0
        for _ in range(HALVINGS):
            share /= 2
            point = here.towards(there, share)
            objective = loss.value(point.eta, self.design.pool) + penalty.value(point.b, alpha)
            if objective < lowest:
                return point, objective
        return None

    # ------------------------------------------------------------ gaps

    def _gap(self, row, outside=NO_COLUMNS, z_outside=NO_VALUES):
        """The duality gap of a row on the working set and some columns outside, which are zero in it."""
        loss, m, alphas = self.problem.loss, len(self.working_set), np.array([row.alpha])
        penalty = self.problem.penalty.at(np.concatenate([self.working_set, outside]))
        b = widened(row.point.b[None], 1, m + len(outside))
        z = np.concatenate([widened(row.z[None], 1, m)[0], z_outside])[None]
        curvatures = np.concatenate([self.model.diagonal(), np.ones(len(outside))])
        scales = penalty.scales(z, alphas)
        theta = row.theta if scales[0] == 1 else scales[0] * row.theta
        gaps = np.array([loss.slack(row.point.eta, theta, self.design.pool)])
        penalty.add_slack(gaps, b, z, alphas, scales, curvatures)
        return float(gaps[0])


def padded(point, size):
    """The same point with zeros for further columns."""
    return point if len(point.b) == size else Point(widened(point.b[None], 1, size)[0], point.centre, point.eta)
