"""solver.residual_form."""

import numpy as np

from .._engine import engine
from ..matrices.gathered import DenseParts, SparseParts
from ..penalties.separable import within
from ..ways import ways
from .cost import ROUNDING
from .least_squares import NO_WORSE, LeastSquares, negligible
from .row_systems import RidgeRows, RowSteps

# sweeps per extrapolation (Bertrand and Massias 2021, "Anderson acceleration of coordinate descent")
ANDERSON = 5
STALLED = 128           # extrapolations


class ResidualSet:
    """Solutions by sweeps over the columns themselves."""

    def __init__(self, problem):
        self.slots = np.empty(0, np.int64)
        self.columns = None
        self.repenalise(problem)

    def repenalise(self, problem):
        """Go on under another penalty and other bounds on the same design; the columns stay."""
        self.problem, self.free_columns, self.ridge, self.by_rows = problem, None, None, None
        self.has_free = bool(((problem.l1 == 0) & (problem.l2 == 0)).any())

    @property
    def size(self):
        """Number of slots."""
        return len(self.slots)

    def gram_of(self, at):
        """Inner products of some slots."""
        return self.problem.design.gram(self.slots[at], len(at))

    def rounding(self, at, b):
        """What rounding may hide in some slots: next to nothing, since `look` forms the true residual."""
        del b
        return np.zeros(len(at))

    def look(self, b):
        """(X'r for all slots, |r|^2)."""
        state = self.columns.residual(self.problem.y, b)
        return self.columns.correlations(state), self.columns.norm2(state)

    def extend(self, slots, n_new):
        """Gather the last `n_new` of `slots`."""
        del n_new       # gathering all anew keeps the parts contiguous and costs less than one sweep
        self.slots, self.ridge, self.by_rows = slots, None, None
        self.columns = (DenseParts if self.problem.design.dense else SparseParts)(self.problem.design, slots)

    def first_violated(self, alphas, B, slack):
        """Residual form keeps no inner products, so everything is solved again."""
        del alphas, B, slack
        return 0

    def solve(self, before, here, alphas, start, B, target_gap, max_iter, Q=None):
        """Fill B[start:] from the solution `before`; return how many alphas are done."""
        del here, Q
        b = before.copy()
        for k in range(start, len(alphas)):
            with np.errstate(over="ignore", invalid="ignore"):      # of sweeps that blow up
                self._descend(alphas[k], b, 0.3 * target_gap, min(max_iter, ways().max_sweeps or max_iter))
            B[k] = b
        return len(alphas)

    def _descend(self, alpha, b, target, max_iter):
        """Sweep and extrapolate from b (updated) until the gap on the slots is at most `target`.

        Columns of means far from zero may round it to more than that: STALLED extrapolations that lower neither it by
        a hundredth nor the objective by more than rounding end it. So do sweeps after which the objective is twice the
        lowest: rounding is all that moves them, and the lowest is what counts.
        """
        penalty = self._penalty(alpha)
        if self._solve_ridge(alpha, b):
            return
        state = self.columns.residual(self.problem.y, b)
        trail, kept, best, lowest, waited, steps = [], None, np.inf, np.inf, 0, 0
        for epoch in range(0, max_iter, ANDERSON):
            self._refit_free(alpha, b, state, target)
            gap = self._gap(alpha, b, state) if epoch else np.inf
            objective = self._objective(alpha, b, state)
            if epoch and not objective <= 2 * lowest:
                break
            held_up = gap > 0.99 * best and objective > lowest - ROUNDING * self.problem.null_objective
            waited = waited + 1 if held_up else 0
            if gap <= target or waited > STALLED:
                return
            trail.append((b.copy(), state.copy()))
            kept = trail[0] if objective <= lowest else kept
            best, lowest = min(best, gap), min(lowest, objective)
            self.problem.design.pool.check()
            for _ in range(ANDERSON):
                moved = self.columns.sweep(b, state, penalty)
                trail.append((b.copy(), state.copy()))
            if moved == 0:      # or nothing but NaN did
                break
            self._extrapolate(alpha, b, state, trail)
            trail.clear()
            if epoch + ANDERSON >= (steps + 1) * self._sweeps_per_newton(alpha):    # both get half of the time
                self._newton(alpha, b, state)
                steps += 1
        if kept is not None and not self._objective(alpha, b, state) <= 2 * lowest:
            b[:], state[:] = kept

    def _sweeps_per_newton(self, alpha):
        """How many sweeps cost as much as a Newton step; infinite where there is none."""
        if self.by_rows is None:
            self.by_rows = RowSteps(self.problem, self.slots, self.columns)
        return self.by_rows.sweeps if alpha > self.by_rows.least_alpha else np.inf

    def _newton(self, alpha, b, state):
        """Go to the minimum for the present signs and bounds, or towards it where that is no better than b."""
        step, low, high = self.by_rows.step(alpha, b, self.columns.correlations(state))
        objective = self._objective(alpha, b, state)
        for better in (np.clip(b + step, low, high), np.clip(b + within(b, step, low, high), low, high)):
            residual = self.columns.residual(self.problem.y, better)
            if self._objective(alpha, better, residual) < objective:
                b[:], state[:] = better, residual
                return

    def _solve_ridge(self, alpha, b):
        """Solve exactly (b updated) where every slot is one of ridge regression, rows are few and no bound binds."""
        if self.ridge is None:
            self.ridge = RidgeRows(self.problem, self.slots, self.columns)
        solution = self.ridge.solve(alpha) if alpha > 0 and self.ridge.applies else None
        low, high = self.problem.lower[self.slots], self.problem.upper[self.slots]
        if solution is None or (solution < low).any() or (solution > high).any():
            return False
        b[:] = solution
        return True

    def _refit_free(self, alpha, b, state, target):
        """Exact least squares on the slots without a penalty, which sweeps alone reach slowly."""
        if alpha > 0 and not self.has_free:
            return
        for free, low, high in self.problem.free_rounds(alpha, self.slots, b):
            if len(free) > ways().largest_newton:
                return
            z = self.columns.correlations(state)[free]
            if self.free_columns is None or not np.array_equal(self.free_columns[0], free):
                self.free_columns = free, LeastSquares(self.gram_of(free))
            if self.free_columns[1].gain(z) <= negligible(target, self.problem.null_objective):
                return
            better = b.copy()
            better[free] = np.clip(b[free] + within(b[free], self.free_columns[1].step(z), low, high), low, high)
            left = self.columns.residual(self.problem.y, better)
            if not self.columns.norm2(left) <= NO_WORSE * self.columns.norm2(state):
                return      # the step is rounding, blown up where columns nearly depend on each other
            b[:], state[:] = better, left

    def _penalty(self, alpha):
        problem, slots = self.problem, self.slots
        return (np.ascontiguousarray(problem.design.norm2[slots]), alpha * problem.l1[slots],
                alpha * problem.l2[slots], np.ascontiguousarray(problem.lower[slots]),
                np.ascontiguousarray(problem.upper[slots]))

    def _objective(self, alpha, b, state):
        l1, l2 = self.problem.l1[self.slots], self.problem.l2[self.slots]
        return 0.5 * self.columns.norm2(state) + alpha * float(l1 @ np.abs(b) + 0.5 * (l2 @ (b * b)))

    def _extrapolate(self, alpha, b, state, trail):
        """Replace b by the affine combination of the trail whose steps cancel best, where that lowers the objective."""
        path = np.array([point for point, _ in trail])
        steps = np.diff(path, axis=0)
        inner = steps @ steps.T
        inner[np.diag_indices_from(inner)] += 1e-10 * np.trace(inner)
        try:
            c = np.linalg.solve(inner, np.ones(len(steps)))
        except np.linalg.LinAlgError:       # no step moved, or by squares that underflow
            return
        if not np.isfinite(c).all() or c.sum() == 0:
            return
        c /= c.sum()
        better = np.clip(c @ path[1:], self.problem.lower[self.slots], self.problem.upper[self.slots])
        residual = self.columns.residual(self.problem.y, better)
        if self._objective(alpha, better, residual) < self._objective(alpha, b, state):
            b[:], state[:] = better, residual

    def _gap(self, alpha, b, state):
        problem, slots, gap = self.problem, self.slots, np.empty(1)
        z = self.columns.correlations(state)
        engine.dual_gaps(b[None], z[None], problem.l1[slots], problem.l2[slots], problem.lower[slots],
                         problem.upper[slots], problem.design.norm2[slots], np.array([alpha]),
                         np.array([self.columns.norm2(state)]), gap)
        return gap[0]
