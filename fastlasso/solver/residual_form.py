"""The problem on the working set, solved by sweeps over its columns (`_engine/descent.pxi`).

The columns are gathered (`matrices/gathered.py`). `state` stands for the residual; sweeps update it with b.
"""

import numpy as np

from ..ways import ways
from .cost import NEWTON_STEPS, ROUNDING
from .least_squares import NO_WORSE, LeastSquares, largest_gain_ignored
from .proof import separate_gaps
from .refit import refit
from .row_systems import RidgeRows, RowNewton
from .screening import CANDIDATE_SHARE

# Sweeps per extrapolation (Bertrand and Massias 2021, "Anderson acceleration of coordinate descent").
ANDERSON = 5
# Extrapolations without progress after which descent ends.
STALLED = 128
# Rounds of Newton's method on the rows, each from the true residual of the one before.
ROW_ROUNDS = 3
# Sweeps stop at this share of the gap asked for, since the gap of all columns comes out a little larger.
INNER_SHARE = 0.3
# `screening.CANDIDATE_SHARE` where Newton's method on the rows solves every alpha of a batch again for a column that is
# missed. With 0.9 paths on copies of columns took 1.05 to 1.1 times as long.
ROWS_SHARE = 0.8


class Descent:
    """What one run of sweeps remembers.

    Attributes
    ----------
    iterates : list of (b, state)
        Since the last extrapolation.
    best : (b, state), or None
        The point of the lowest objective.
    lowest, best_gap : float
    waited : int
        Extrapolations since something improved.
    solutions : float
        Solutions on the rows that the systems solved so far are worth.
    """

    def __init__(self, rounding):
        self.rounding = rounding        # of the objective
        self.iterates, self.best = [], None
        self.lowest = self.best_gap = np.inf
        self.waited, self.solutions = 0, 0.0

    def is_stalled(self, gap, objective):
        """Whether neither the gap (by 1 %) nor the objective improves any more."""
        held_up = gap > 0.99 * self.best_gap and objective > self.lowest - self.rounding
        self.waited = self.waited + 1 if held_up else 0
        return self.waited > STALLED

    def begin(self, b, state, gap, objective):
        """Begin a list of iterates with this point, and keep it if it is the best."""
        self.iterates = [(b.copy(), state.copy())]
        if objective <= self.lowest:
            self.best = self.iterates[0]
        self.best_gap, self.lowest = min(self.best_gap, gap), min(self.lowest, objective)

    def count(self, systems):
        """Count systems of the rows that were solved."""
        self.solutions += systems / NEWTON_STEPS

    def is_due(self, epoch, sweeps_per_solution):
        """Whether a solution on the rows is due: sweeps have cost as much as those tried so far and one more."""
        return epoch >= (self.solutions + 1) * sweeps_per_solution


class ResidualForm:
    """Solutions by sweeps, as exact as the gap asked for.

    Attributes
    ----------
    columns : ndarray of int
        The working set, in order of entry.
    penalty : Penalty
        Of these columns.
    swept : int
        Sweeps of the last call of `solve` at one alpha, at most.
    """

    has_gram = False

    def __init__(self, problem):
        self.design, self.loss = problem.design, problem.loss
        self.columns, self.gathered, self._norm2 = np.empty(0, np.int64), None, np.empty(0)
        self._rows_first = False        # whether sweeps took longer than Newton's method on the rows, at one alpha
        self._dual = None               # (v, alpha) of `begin_at`
        self.ran_out = False            # whether `max_iter` has ended sweeps
        self._limit, self.swept = np.inf, 0
        self.repenalise(problem.penalty.at(self.columns))

    def repenalise(self, penalty):
        """Go on under another penalty and other bounds; the gathered columns stay."""
        self.penalty, self._unpenalised, self._ridge, self._by_rows, self._solved = penalty, None, None, None, []

    def retarget(self, loss):
        """Go on with another y, that of the loss; the gathered columns stay."""
        self.loss, self._ridge, self._solved = loss, None, []

    def begin_at(self, v, alpha):
        """Keep the dual point v = sqrt(w) r of a solution at another alpha and for a y near the present one."""
        self._dual = v, alpha

    @property
    def size(self):
        """Number of columns."""
        return len(self.columns)

    @property
    def candidate_share(self):
        """Columns join where their predicted correlation reaches this share of alpha."""
        return ROWS_SHARE if self._rows_first else CANDIDATE_SHARE

    def extend(self, cols, penalty):
        """Take in columns; `penalty` is that of the whole working set, theirs last.

        All columns are gathered anew: that keeps them in one piece and costs less than one sweep.
        """
        self._change_to(np.concatenate([self.columns, cols]), penalty)

    def keep(self, at):
        """Let all columns leave but those at some places."""
        if self._by_rows is not None:
            self._by_rows.keep(at)
        self._change_to(self.columns[at], self.penalty.at(at))

    def _change_to(self, columns, penalty):
        """Gather other columns, with their penalty; what is known of the rows stays."""
        self.columns, self.gathered = columns, self.design.gathered(columns)
        self._norm2 = np.ascontiguousarray(self.design.norm2[columns])
        by_rows, solved = self._by_rows, self._solved
        self.repenalise(penalty)
        self._solved = solved
        if by_rows is not None:
            by_rows.extend(self.design, penalty, columns, self.gathered)
            self._by_rows = by_rows

    def end_at(self, limit):
        """Let `solve` end at an alpha that takes so many sweeps."""
        self._limit = limit

    @property
    def has_ended(self):
        """Whether the last call of `solve` ended so."""
        return self.swept >= self._limit

    def give_up(self):
        """Count the last call of `solve` as one that ended so, if there is a limit."""
        if np.isfinite(self._limit):
            self.swept = max(self.swept, self._limit)

    def gram_of(self, at):
        """Return the inner products of the columns at some places of the working set."""
        return self.design.gram(self.columns[at], len(at))

    def rounding(self, at, b):
        """Return what rounding may hide at some places: next to nothing, since `gradient` forms the true residual."""
        del b
        return np.zeros(len(at))

    def gradient(self, b):
        """Return (z, |r|^2) at b."""
        state = self._state(b)
        return self.gathered.correlations(state), self.gathered.norm2(state)

    def first_violated(self, alphas, B, slack):
        """Return 0: residual form keeps no inner products, so every solution is solved again."""
        del alphas, B, slack
        return 0

    def solve(self, before, here, alphas, start, B, target_gap, max_iter, Q=None):
        """Fill B[start:] from the solution `before`; return how many alphas are done."""
        del here, Q
        b, most, known = before.copy(), min(max_iter, ways().max_sweeps or max_iter), None
        self.swept = 0
        for k in range(start, len(alphas)):
            if self._rows_first and B[k].any():
                b, known = B[k].copy(), None    # of the round before: only columns that joined since change pieces
            with np.errstate(over="ignore", invalid="ignore"):      # of sweeps that blow up
                known = self._descend(alphas[k], b, known, INNER_SHARE * target_gap, most)
            B[k] = b
            if self.has_ended:
                return k + 1
        return len(alphas)

    def _state(self, b):
        return self.gathered.residual(self.loss.y, b)

    # ------------------------------------------------------------ descent

    def _descend(self, alpha, b, known, target, max_iter):
        """Sweep and extrapolate from b (updated) until the gap on the working set is at most `target`.

        `known` are the state of b and its correlations, or None. Those of the new b are returned, or None where sweeps
        have updated the state, which rounds it.

        With means far from zero, rounding can keep the gap above target. So descent stops, too, after STALLED
        extrapolations that improve neither the gap (by 1 %) nor the objective. Where the objective doubles its
        minimum, rounding is all that moves the sweeps, and the best point is returned.
        """
        if self._solve_ridge(alpha, b):
            return None
        state, z = (self._state(b), None) if known is None else known
        penalty = self._norm2, *self.penalty.prox_arrays(alpha)
        run = Descent(ROUNDING * self.loss.null_value)
        by_rows = self._rows_first and self._sweeps_per_solution(alpha) < np.inf
        if by_rows:
            z = self.gathered.correlations(state) if z is None else z
            if self._gap(alpha, b, state, z) <= target:
                return state, z
            self._newton(alpha, b, state, target, run, [*self._ahead(alpha), (b, state, z), *self._at_dual(alpha)])
        most = int(min(max_iter, self._limit))
        for epoch in range(0, most, ANDERSON):
            self._refit(alpha, b, state, target)
            z = self.gathered.correlations(state) if epoch or by_rows else None
            gap = np.inf if z is None else self._gap(alpha, b, state, z)
            objective = self._objective(alpha, b, state)
            if epoch and not objective <= 2 * run.lowest:
                break
            if run.is_stalled(gap, objective) or gap <= target:
                return None if epoch else (state, z)
            run.begin(b, state, gap, objective)
            self.design.pool.check()
            self.swept = max(self.swept, epoch + ANDERSON)
            if not self._sweeps(run, b, state, penalty):
                break
            self._extrapolate(alpha, b, state, run.iterates)
            if run.is_due(epoch + ANDERSON, self._sweeps_per_solution(alpha)):
                self._rows_first = True
                self._newton(alpha, b, state, target, run, [(b, state, None), *self._at_dual(alpha)])
        else:
            self.ran_out = self.ran_out or most == max_iter
        if run.best is not None and not self._objective(alpha, b, state) <= 2 * run.lowest:
            b[:], state[:] = run.best
        return None

    def _sweeps(self, run, b, state, penalty):
        """Sweep until the next extrapolation; return False where nothing moved, or nothing but NaN did."""
        for _ in range(ANDERSON):
            moved = self.gathered.sweep(b, state, penalty)
            run.iterates.append((b.copy(), state.copy()))
        return moved != 0

    def _extrapolate(self, alpha, b, state, iterates):
        """Replace b by the affine combination of the iterates whose steps cancel best, if that lowers the objective."""
        path = np.array([point for point, _ in iterates])
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
        self._take_if_better(alpha, b, state, self.penalty.clipped(c @ path[1:]))

    def _take_if_better(self, alpha, b, state, better):
        """Go to another point where the objective is lower; return whether it was."""
        residual = self._state(better)
        if self._objective(alpha, better, residual) < self._objective(alpha, b, state):
            b[:], state[:] = better, residual
            return True
        return False

    def _objective(self, alpha, b, state):
        return self.loss.value(self.gathered.norm2(state)) + self.penalty.value(b, alpha)

    def _gap(self, alpha, b, state, z):
        norm2 = np.array([self.gathered.norm2(state)])
        return separate_gaps(self.loss, self.penalty, self._norm2, np.array([alpha]), b[None], norm2, z[None])[0]

    # ------------------------------------------------------------ exact steps

    def _sweeps_per_solution(self, alpha):
        """How many sweeps cost as much as Newton's method on the rows; infinite where it cannot be used."""
        if self._by_rows is None:
            self._by_rows = RowNewton(self.design, self.penalty, self.columns, self.gathered)
        return self._by_rows.sweeps if alpha > self._by_rows.least_alpha else np.inf

    def _newton(self, alpha, b, state, target, run, starts):
        """Go to the solution that Newton's method on the rows finds, unless rounding makes it worse than b.

        Its steps begin at one of `starts` (`RowNewton.solve`), and update the residual. Where that loses too many
        digits, they are repeated from the true residual.
        """
        for _ in range(ROW_ROUNDS):
            before = self._by_rows.steps
            found = self._by_rows.solve(self.loss, alpha, starts, target)
            run.count(self._by_rows.steps - before)
            if found is None:
                return
            if self._take_if_better(alpha, b, state, found):
                self._solved = [*self._solved_above(alpha), (alpha, state.copy())]
                return
            starts = [(found, self._state(found), None)]

    def _solved_above(self, alpha):
        """The last two alphas above `alpha` that Newton's method solved, and the states of their solutions."""
        return [solved for solved in self._solved if solved[0] > alpha][-2:]

    def _ahead(self, alpha):
        """Return the start on the line through the last two states, in a list; an empty one where these are unknown.

        The state is nearly linear in alpha, and the columns that will be in use show in its correlations.
        """
        solved = self._solved_above(alpha)
        if len(solved) < 2:
            return []
        (first, before), (second, last) = solved
        return [(None, last + (last - before) * ((alpha - second) / (second - first)), None)]

    def _at_dual(self, alpha):
        """Return the start at the dual point that is known, in a list; an empty one where none is.

        b(z) is the solution there, so phi is near its minimum. With a small ridge part, b(z) at the correlations of
        y - X b is far from b: searches from there led through 50 steps to no solution.
        """
        if self._dual is None:
            return []
        v, there = self._dual
        return [(None, self.gathered.unrooted(v * (alpha / there)), None)]      # z / alpha, and so b(z), is the same

    def _solve_ridge(self, alpha, b):
        """Solve exactly (b updated) where the penalty is ridge alone, rows are few and no bound binds."""
        if self._ridge is None:
            self._ridge = RidgeRows(self.design, self.loss, self.penalty, self.gathered)
        solution = self._ridge.solve(alpha) if alpha > 0 and self._ridge.applies else None
        if solution is None or not self.penalty.is_within(solution):
            return False
        b[:] = solution
        return True

    def _refit(self, alpha, b, state, target):
        """Refit the unpenalised columns by exact least squares, which sweeps alone reach slowly."""
        if not self.penalty.leaves_free([alpha]):
            return

        def take(where, step, better):
            del step
            new = b.copy()
            new[where] = better
            left = self._state(new)
            if not self.gathered.norm2(left) <= NO_WORSE * self.gathered.norm2(state):
                return False    # the step is rounding, blown up where columns nearly depend on each other
            b[:], state[:] = new, left
            return True

        ignored = largest_gain_ignored(target, self.loss.null_value)
        refit(self.penalty, alpha, b, ways().largest_newton, lambda where: self.gathered.correlations(state)[where],
              self._least_squares, lambda columns, z, where: columns.gain(z) <= ignored, take)

    def _least_squares(self, where):
        """Least squares on unpenalised columns, kept while these stay the same."""
        if self._unpenalised is None or not np.array_equal(self._unpenalised[0], where):
            self._unpenalised = where, LeastSquares(self.gram_of(where))
        return self._unpenalised[1]
