"""One alpha after another on the working set, for a loss that is not quadratic: see `newton.py`."""

from dataclasses import replace

import numpy as np

from .._engine import engine
from .newton_steps import NO_VALUES, Certified, NewtonSteps, Point, Start

# Steps for one alpha, at most.
MAX_STEPS = 100
# The same where the objective has no minimum: no step can lead to one.
STEPS_WITHOUT_MINIMUM = 8
# Steps in a row that leave nine tenths of the gap, after which an alpha is given up.
PATIENCE = 6
# While no dual point is feasible, an objective that falls by less than this share of the gap asked for stands still.
# PATIENCE steps later 1e-3 of that is left, if each step leaves 1 / e of what there is to gain.
LEAST_FALL = 1.0
# An objective may rise by this share of P(0): rounding.
NO_WORSE = 1e-13
# Where the scores of a solution with a small gap still change by this much, there is no minimum.
ENDLESS = 0.25
# Halvings of a step that leads uphill.
HALVINGS = 30
# A step that leaves more than this share of the gap calls for a new model.
SLOW = 0.1
# The smallest floor of curvatures that is not 0.
LEAST_FLOOR = 0.01
# Scores beyond this are not extrapolated: e^30 = 1e13.
LARGEST_SCORE = 30.0
# A step from an extrapolated dual point is tried where this many times the last gap is still small enough.
FREE = 4.0
# An extrapolation may change no score by more than this.
LONGEST_EXTRAPOLATION = 1.0
# Where nothing is penalised, the gap goes to this share of the one promised.
UNPENALISED_SHARE = 1e-7


class NewtonAlphas(NewtonSteps):
    """Solves alphas on the working set until gaps are small enough.

    Attributes
    ----------
    problem, goal, working_set, near, model, ratio, floor, wasted, trail
        As in `NewtonSteps`.
    separated : bool
        Whether the columns without a penalty leave no minimum. No solution is certified then.
    """

    separated = False
    ran_out = True      # steps are bounded, and whether more would help is not known

    def unpenalised(self, cols, coef, centre):
        """Return (the minimiser on some columns at alpha = 0, X'rho there), from a point given.

        Where there is no minimum, scores grow. The point returned is then the one on the way to them where the first
        score has changed by LARGEST_SCORE, and X'rho is infinite.
        """
        fitted = self.near.fitted(cols, coef[None])[0]
        point = Point(coef, centre, self.problem.loss.scores_of(fitted, centre))
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

    def _solve(self, alpha, start, target, row=None):
        """Return the solution at alpha on the working set, from the point `start` or from a row that misses the target.
        """
        loss, penalty, safe = self.problem.loss, self.penalty, self.last.point
        if loss.null_value == 0:
            return self._empty(alpha)
        lowest, worst_allowed = self.last.value + penalty.value(safe.b, alpha), NO_WORSE * loss.null_value
        here, best, gap, waited = start if row is None else row.point, None, np.inf, 0
        renew = False
        most = STEPS_WITHOUT_MINIMUM if self.separated else MAX_STEPS
        for step in range(min(most, max(self.goal.max_iter, 1))):
            self.design.pool.check()
            rho, d = loss.local(here.eta, self.design.pool)
            self._keep_model(np.maximum(d, self.floor, out=d), step, renew)
            balanced, gradient = (part[0] for part in self._gradients([rho]))
            if row is not None and row.point is here and np.isinf(row.gap):
                row = self._with_residual(row, balanced, gradient)
                if row.gap <= target:
                    return row
            row = self._step(alpha, here, rho, gradient)
            if row.gap <= target:
                return row
            objective = row.value + penalty.value(row.b, alpha)
            if objective <= target:     # the gap of the dual point 0
                return row
            if not objective <= lowest + worst_allowed:     # scores may even diverge by an older curvature
                safe, lowest, goes_on = self._after_rise(alpha, here, safe, row.point, lowest)
                if not goes_on:
                    break
                here, renew = safe, True
                continue
            if self._has_diverged(row.point.eta):
                break
            self.floor = 0.1 * self.floor if self.floor > LEAST_FLOOR else 0.0
            stands = row.gap > 0.9 * gap if np.isfinite(row.gap) else objective > lowest - LEAST_FALL * target
            lowest, renew = min(objective, lowest), np.isinf(row.gap) or row.gap > SLOW * gap
            waited, before = waited + 1 if stands else 0, here
            here = safe = row.point
            best, gap = row if best is None or row.gap < best.gap else best, min(row.gap, gap)
            if waited > PATIENCE:
                break
            # Without a minimum the line would lead where scores stand still by rounding, and that would pass for one.
            if waited if np.isfinite(row.gap) else not loss.loss.keeps_curvature:
                here, lowest = self._beyond(alpha, before, here, lowest)
                safe = here
        return self._standing(alpha, safe) if best is None else best

    def _empty(self, alpha):
        """The empty model: the solution above alpha_max, and everywhere where P(0) is 0, as is its residual then."""
        loss, size = self.problem.loss, len(self.working_set)
        point = Point(np.zeros(size), loss.null_intercept, loss.scores(loss.null_intercept))
        return Certified(alpha, point, loss.null_residual, np.zeros(size), loss.null_value, 0.0, "residual")

    def _has_diverged(self, eta):
        """Whether scores are so large that there can be no minimum."""
        return not np.max(np.abs(eta)) <= self.problem.loss.loss.largest_score

    def _is_separated(self, row):
        """Whether scores would go on for ever: a further Newton step changes them by about 1, however small the gap."""
        rho, d = self.problem.loss.local(row.point.eta, self.design.pool)
        self._renew_model(np.maximum(d, self.floor))
        _, gradients = self._gradients([rho])
        here = row.point.padded(len(self.working_set))
        step = self._step(min(row.alpha, 1.0), here, rho, gradients[0])
        changed = np.abs(step.point.eta - here.eta)
        if self.problem.loss.weights is not None:
            changed = changed[self.problem.loss.weights > 0]
        return self.problem.loss.loss.link != "identity" and not np.max(changed) <= ENDLESS

    def _standing(self, alpha, point):
        """A point that no step improves, with its residual as dual point."""
        loss, pool = self.problem.loss, self.design.pool
        residual, gradient = (part[0] for part in self._gradients([loss.local(point.eta, pool)[0]]))
        row = Certified(alpha, point, residual, gradient, loss.mean_deviance(point.eta, pool), bound="residual")
        return self._with_gap(row)

    def _with_residual(self, row, residual, z):
        """The same solution with its own residual as dual point, for the Newton dual is infeasible."""
        return self._with_gap(replace(row, theta=residual, z=z, bound="residual"))

    def _with_gap(self, row):
        """The row with its dual point made feasible, and its gap."""
        row = self._freed(row)
        return replace(row, gap=self._gap(row))

    def _after_rise(self, alpha, here, safe, there, lowest):
        """Return (where to go on after a step uphill, the objective there, whether to go on)."""
        if here is not safe:
            return safe, lowest, True
        floor = self.floor
        better, lowest = self._backtracked(alpha, here, there, lowest)
        if better is None:      # a larger floor makes the model an upper bound, where f'' has one
            return safe, lowest, self.floor > floor
        return better, lowest, True

    def _backtracked(self, alpha, here, there, lowest):
        """Return (the first point on the way back from `there` that is better than `here`, its objective), or None."""
        share = 1.0
        if not self.problem.loss.loss.keeps_curvature:
            self.floor = min(1.0, max(LEAST_FLOOR, 10 * self.floor))
        for _ in range(HALVINGS):
            share /= 2
            point = here.towards(there, share)
            objective = self._objective(alpha, point)
            if objective < lowest:
                return point, objective
        return None, lowest

    def _beyond(self, alpha, here, there, lowest):
        """Return (a point as good as `there` or better on the line from `here`, its objective).

        Where f'' is 0 on many samples, steps along a direction in which F is flat come out short.
        """
        best, least, share = there, lowest, 1.0
        for _ in range(HALVINGS):
            share *= 2
            point = here.towards(there, share)
            if not self.penalty.is_within(point.b) or self._has_diverged(point.eta):
                break
            objective = self._objective(alpha, point)
            if not objective < least:
                break
            best, least = point, objective
        if best is there:
            return there, lowest
        # The line multiplies the rounding of two points near each other by the share. A step from such scores would
        # claim products X'theta that theta does not have.
        best = self._with_scores(replace(best, eta=None))
        least = self._objective(alpha, best)
        return (best, least) if least < lowest else (there, lowest)

    def _objective(self, alpha, point):
        """P at a point that has its scores."""
        return self.problem.loss.mean_deviance(point.eta, self.design.pool) + self.penalty.value(point.b, alpha)

    # ------------------------------------------------------------ extrapolation

    def _extrapolated(self, alpha):
        """The point on the line through the last two solutions, as far as no score changes too much."""
        if len(self.trail) < 2 or self.trail[0].alpha == self.last.alpha:
            return self.last.point
        before, last = self.trail
        share = (last.alpha - alpha) / (before.alpha - last.alpha)
        change, largest = engine.farthest(before.point.eta, last.point.eta)
        if not share * change > 0 or largest > LARGEST_SCORE:
            return last.point
        return before.point.towards(last.point, 1 + min(share, LONGEST_EXTRAPOLATION / change))

    def _leap(self, alphas, target):
        """Take one step to each of some alphas together, X being read once for all; return the rows.

        The steps start from extrapolated scores. Where the last gap is small, the dual point and its products with the
        columns are extrapolated, too: the products stay exact, and no gradient is formed. The distance of such a dual
        point from the residual grows from alpha to alpha, until a step starts from the residual again.
        """
        if len(self.trail) < 2 or not self.problem.loss.loss.keeps_curvature or self.model is None:
            return []
        before, last = self.trail
        if before.alpha == last.alpha or not len(self.working_set):
            return []
        is_free = (FREE ** len(alphas) * last.gap <= target
                   and min(len(before.z), len(last.z)) == self.model.form.size == len(self.working_set))
        points = [self._extrapolated(alpha) for alpha in alphas]
        if not (is_free or len(alphas) > 1) or any(point is last.point for point in points):
            return []
        return self._steps(self._free_starts(alphas, points) if is_free else self._starts(alphas, points))

    def _free_starts(self, alphas, points):
        """Starts from extrapolated dual points."""
        before, last = self.trail
        shares = (last.alpha - np.asarray(alphas)) / (before.alpha - last.alpha)
        return [Start(alpha, point, engine.line(before.theta, last.theta, 1 + share),
                      engine.line(before.z, last.z, 1 + share)) for alpha, point, share in zip(alphas, points, shares,
                                                                                             strict=True)]

    def _starts(self, alphas, points):
        """Starts from the residuals at some points."""
        residuals, curvatures = zip(*[self.problem.loss.local(point.eta, self.design.pool) for point in points],
                                    strict=True)
        self._keep_model(curvatures[0], 0, False)
        _, gradients = self._gradients(residuals)
        return [Start(*start) for start in zip(alphas, points, residuals, gradients, strict=True)]
