"""Problems with few columns: all of them are in the working set, and everything comes from their Gram matrix."""

from functools import cached_property

import numpy as np

from .base import TRUSTED, Batch, Solution, WorkingSetSolver, widened
from .gram_form import GramForm
from .proof import READ_SHARE, gram_rounding
from .refit import refit
from .unpenalised import residuals_of

# Residuals formed from X at a time, where rounding of the Gram matrix is too large.
RESIDUALS = 4


class Compressed(WorkingSetSolver):
    """Solves the alphas of one `Problem` from the Gram matrix of all columns, X'y and y'y.

    Attributes
    ----------
    problem, goal, form, last, unpenalised, n_used
        As in `WorkingSetSolver`.
    """

    compressed = True

    def __init__(self, problem, goal, on_residual=None):
        del on_residual     # residuals are formed only where rounding demands it
        super().__init__(problem, GramForm(problem), goal)

    def start(self):
        """Take in all columns that can be used. The solution is zero down to the alpha where the first enters."""
        penalty = self.problem.penalty
        self._add(np.flatnonzero(penalty.usable))
        self.last = Solution(penalty.first_entry(self.problem.correlation) or np.inf, self.last.b)

    @cached_property
    def alpha_max(self):
        """Smallest alpha at which every column with an L1 part is zero."""
        penalty = self.problem.penalty
        return penalty.first_entry(penalty.reach(self._correlation_without_screened()))

    def _correlation_without_screened(self):
        """X'r with only the columns that carry no L1 penalty in the model; X'y where there are none.

        X'r comes from the Gram matrix. Where these columns nearly depend on each other, it is read from X.
        """
        z, columns = self.problem.correlation, self.working_set
        at = np.flatnonzero(self.form.penalty.unscreened)
        if not len(at):
            return z
        form, B = self.form.part(at), np.zeros((1, len(at)))
        form.solve(np.zeros(len(at)), np.inf, np.ones(1), 0, B, self.goal.gap, self.goal.max_iter)
        if self.unpenalised.nearly_dependent(columns[at[form.penalty.unpenalised(1.0, B[0])]], self.form):
            R = residuals_of(self.design, self.problem.loss, columns[at], B)
            return self.design.correlations(self.unpenalised.refit([1.0], B, R, form)[1])[0]
        z = z.copy()
        z[columns] -= self.form.images_in(at, B[0])
        return z

    def _add(self, cols):
        if len(cols):
            working_set = np.concatenate([self.working_set, cols])
            self.last = Solution(self.last.alpha, widened(self.last.b[None], 1, len(working_set))[0])
            self.form.extend(cols, self.problem.penalty.at(working_set))

    def repenalise(self, problem):
        """Go on under another penalty; columns that were excluded until now come in."""
        super().repenalise(problem)
        self._add(np.setdiff1d(np.flatnonzero(problem.penalty.usable), self.working_set))

    def gap(self):
        """Certified gap of the last solution, under a penalty that may have changed since it was found."""
        return self.joint_gap_inside()[0]

    def longest_batch(self):
        """How many alphas to solve at once: no limit, since no pass over X certifies a batch."""
        return np.iinfo(np.int64).max

    def solve(self, alphas):
        """Solve and certify some of the leading `alphas` (descending, below those solved so far); return a `Batch`."""
        Q = np.empty((len(alphas), self.form.size))
        B, done = self._solve_from(alphas, 0, None, Q)
        B, Q, alphas = B[:done], Q[:done], np.ascontiguousarray(alphas[:done])
        if any(self._is_nearly_dependent(alpha, b) for alpha, b in zip(alphas, B, strict=True)):
            return self._read(alphas, B)
        self._refit(alphas, B, Q)
        loss, cols = self.problem.loss, self.working_set
        norms = np.maximum(loss.norm2 - ((self.problem.correlation[cols] + Q) * B).sum(axis=1), 0.0)
        gaps = self._gaps(alphas, B, None, norms, Q)
        rounding = gram_rounding(loss, self.form.penalty, self.design.norm2[cols], alphas, B, norms, Q)
        if (rounding > TRUSTED * self.goal.gap).any():
            return self._read(alphas, B, gaps, rounding)
        self.last = Solution(alphas[-1], B[-1].copy())
        return Batch(alphas, cols, B, gaps + rounding, norms, [])

    def _gaps_of_tiny_alphas(self, alphas, B, R, norms, Z):
        """Bounds of gaps where the penalty h(b) itself is below the goal, infinite elsewhere.

            P(b) - min P <= P_0(b) - min P_0 + h(b),      P_0 = P without penalty

        At an alpha that is small beside the rounding of X'r, no scaled residual is a good dual point.
        """
        bounds = np.full(len(B), np.inf)
        for k, alpha in enumerate(alphas):
            penalty = self.form.penalty.value(B[k], alpha)
            if 0 < alpha and penalty < self.goal.gap:
                free = [(0.0, B[k], R[k], norms[k], Z[k])]
                bounds[k] = self._joint_gaps(free, self.working_set, self.form.penalty)[0] + penalty
        return bounds

    def _refit(self, alphas, B, Q):
        """Refit the unpenalised columns by exact least squares; Q stays c - B G."""
        if not self.problem.penalty.leaves_free(alphas):
            return
        for alpha, b, z in zip(alphas, B, Q, strict=True):
            def take(where, step, better, b=b, z=z):
                b[where] = better
                z -= self.form.images_in(where, step)
                return True

            refit(self.form.penalty, alpha, b, np.inf, lambda where, z=z: z[where],
                  lambda where: self.unpenalised.columns(self.working_set[where], self.form),
                  lambda columns, z, where: self.unpenalised.is_rounding(z, self.working_set[where], self.form), take)

    def _read(self, alphas, B, gram_gaps=None, rounding=0.0):
        """Refit and certify from X itself; the Gram matrix gave `gram_gaps` with an error of up to `rounding`.

        Where no refit changed B, both gaps are proven, and the smaller counts.
        """
        gaps, norms, free = np.empty(len(B)), np.empty(len(B)), np.empty(len(B))
        for start in range(0, len(B), RESIDUALS):
            part = slice(start, min(start + RESIDUALS, len(B)))
            R = residuals_of(self.design, self.problem.loss, self.working_set, B[part])
            if self.problem.penalty.leaves_free(alphas):
                B[part], R = self.unpenalised.refit(alphas[part], B[part], R, self.form)
            norms[part], Z = self.design.norms2(R), self.design.correlations_at(R, self.working_set)
            gaps[part] = self._gaps(alphas[part], B[part], R, norms[part], Z)
            free[part] = self._gaps_of_tiny_alphas(alphas[part], B[part], R, norms[part], Z)
        gaps = np.minimum(gaps + rounding * READ_SHARE, free)
        if gram_gaps is not None and not self.problem.penalty.leaves_free(alphas):
            gaps = np.minimum(gaps, gram_gaps + rounding)
        self.last = Solution(alphas[-1], B[-1].copy())
        return Batch(alphas, self.working_set, B, gaps, norms, [])
