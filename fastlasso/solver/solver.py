"""One batch of alphas at a time: propose columns, solve on the working set, prove that no other column matters.

A batch is a run of alphas solved on one working set. One pass over X computes the correlations of every column at its
last alpha (sometimes at a few): these solutions are anchors. For the alphas in between a bound proves most columns
inactive (`screening.unproven`); only the rest are read. Problems whose Gram matrix is formed whole need none of this
(`compressed.py`).
"""

from dataclasses import dataclass, field, replace

import numpy as np

from . import cost, screening
from .base import VIOLATION, Batch, Solution, widened
from .screening import Anchor
from .working_set import LEAD, WorkingSet

# Least value of `longest_batch`. The first batch, and batches after a failure, may be shorter.
SHORTEST_BATCH = 4
# Alphas from anchor to anchor at first.
SPACING = 12
# Residuals that a pass over all columns serves at a time: a pass over rows keeps p sums for each.
PASS_RESIDUALS = 4
# Residuals at a time where few columns are read: from 8 to 16, as long as they take at most a sixteenth of X's bytes.
FILTER_RESIDUALS = 8, 16
# Columns leave where the room for further ones is less than this share of the largest Gram matrix.
ROOM = 1 / 16
# Columns leave only if they are at least this share of the working set: a smaller Gram matrix needs a new factor.
LEAST_LEAVING = 1 / 8
# Once the bound leaves more than 1 / PROVES_LITTLE of all columns, anchors stand closer.
PROVES_LITTLE = 8
# Alphas from anchor to anchor then.
CLOSE = 4
# Alphas between two passes on the way to a cold start, at most.
STEPS_PER_CHECK = 8
# Gaps on the way to a cold start may be this many times as large as the one promised.
LOOSE = 100.0
# Ratio of two alphas on the way to a cold start: that of a long step, and that of a short one, where face steps cost
# as much as passes.
LONG, SHORT = 0.9, 0.94


@dataclass(slots=True)
class Attempt:
    """A batch on its way: solved on the working set, not yet proven.

    Attributes
    ----------
    alphas : ndarray of shape (k,)
    size : int
        Alphas that the batch began with; k may become less.
    B : ndarray of shape (k, size of the working set), or None before the first round
    n_rounds : int
    anchors : list of Anchor
        Solutions along the batch, evenly spread, the last at its end.
    anchored_in_round : int
        The round whose solutions the anchors are.
    """

    alphas: np.ndarray
    size: int
    B: np.ndarray | None = None
    n_rounds: int = 0
    anchors: list = field(default_factory=list)
    anchored_in_round: int = 0

    def take_solved(self, B, done):
        """Take over a round: rows of B, of which the first `done` are solved."""
        self.alphas, self.B = self.alphas[:done], B[:done]
        self.n_rounds += 1

    def spread(self, n):
        """Return n places, evenly over the alphas, the last at their end."""
        return np.array([len(self.alphas) * k // n - 1 for k in range(1, n + 1)])

    def widen(self, size):
        """Give the solutions zeros for columns that have joined since."""
        self.B = widened(self.B, len(self.B), size)

    def take_anchors(self, at, rows, anchors):
        """Take over anchors at some alphas, and their refitted rows of B."""
        self.B[at], self.anchors, self.anchored_in_round = rows, anchors, self.n_rounds

    @property
    def is_all_anchors(self):
        """Whether every solution is an anchor as it is."""
        return len(self.anchors) == len(self.alphas) and self.anchored_in_round == self.n_rounds


@dataclass(slots=True)
class Proof:
    """What is proven of an attempt: gaps, |r|^2, `on_residual`'s results, violators of solutions that miss the goal."""

    gaps: np.ndarray
    norms: np.ndarray
    observed: list
    missing: list


class Solver(WorkingSet):
    """Walks down the alphas of one `Problem`.

    Attributes
    ----------
    problem, goal, form, last, unpenalised, n_used, inside, on_residual
        As in `WorkingSetSolver` and `Prover`.
    anchors : list of Anchor
        The last one or two anchors: all that is known of columns outside the working set.
    moved : bool
        Whether the last solution differs from the last anchor.
    spacing : int
        Alphas from anchor to anchor; falls to CLOSE once the bound has proven too little.
    alpha_max : float
        Smallest alpha at which every column with an L1 part is zero; set by `start`.
    """

    def __init__(self, problem, goal, on_residual=None):
        super().__init__(problem, goal, on_residual)
        self.anchors, self.moved, self.spacing, self.alpha_max = [], False, SPACING, np.inf

    def start(self):
        """Take in the columns that are never screened (no L1 part) and settle the state at alpha_max."""
        penalty = self.problem.penalty
        self._add(np.flatnonzero(penalty.unscreened), 1)
        residual, z = self._fit_unscreened()
        self.alpha_max = penalty.first_entry(penalty.reach(z))
        self.anchors = [Anchor(np.inf, self.last.b.copy(), residual, z, self.design.norms2(residual[None])[0])]

    def resume(self, alpha, cols, coef, centre):
        """Start below `alpha` from the solution there, which an earlier fit has found: one pass makes it an anchor."""
        del centre
        b = np.zeros(self.design.n_features)
        b[cols] = coef
        self._add(self._outside(cols), 1)
        B, self.anchors = self._anchors_at(np.array([alpha]), b[None, self.working_set])
        self.last, self.n_used = Solution(alpha, B[0]), np.count_nonzero(coef)

    def _fit_unscreened(self):
        """Residual and correlations with only the columns that carry no L1 penalty in the model."""
        if not self.form.size:
            return self.problem.loss.y, self.problem.correlation
        B, _ = self._solve_from(np.array([1.0]), 0)
        B, residual = self._residuals([1.0], B)
        self.last = Solution(np.inf, B[0])
        return residual[0], self.design.correlations(residual)[0]

    def gap(self):
        """Certified gap of the last solution, under a penalty that may have changed since it was found."""
        if self.moved:
            B, (end,) = self._anchors_at(np.array([self.last.alpha]), self.last.b[None])
            self.last, self.anchors, self.moved = replace(self.last, b=B[0]), [*self.anchors[:-1], end], False
        end, alphas = self._evaluation_of(self.anchors[-1:]), np.array([self.last.alpha])
        return self._gaps_over(alphas, self.last.b[None], end, self._outside_of_all(end.whole, alphas))[0]

    def longest_batch(self):
        """How many alphas to solve ahead: as many as cost about one pass over X, for a failure repeats them."""
        length = cost.pass_cost(self.design) / cost.face_cost(self.n_used)
        return int(min(max(length, SHORTEST_BATCH), self.design.matrix.alphas_ahead))

    # ------------------------------------------------------------ the working set

    def _make_room(self):
        """Let the columns leave that are zero, where the Gram matrix may hardly grow any more.

        At most min(n, p) columns are used at once, however many have been on the way. Columns leave, too, where sweeps
        took long because the Gram matrix of all columns did not fit.
        """
        most, size = cost.most_gram_columns(self.design), self.form.size
        if self.form.has_gram:
            room = max(ROOM * most, LEAD * self.n_used if self.form.swept else 0)
            if size + room < most:
                return
        elif not self._is_swept_too_much():
            return
        zero = self._unused()
        leaving = np.count_nonzero(zero)
        leave = leaving >= LEAST_LEAVING * size if self.form.has_gram else size - leaving < (1 - ROOM) * most
        if leave:
            kept = np.flatnonzero(~zero)
            self.inside[self.working_set[zero]] = False
            self.anchors = [anchor.on(kept, size) for anchor in self.anchors]
            self.form, self.last = self._gram_form_of(kept), replace(self.last, b=self.last.b[kept])

    def _unused(self):
        """Where a column of the working set is zero in the last solution and in the anchors, and may leave."""
        zero = (self.last.b == 0) & ~self.form.penalty.unscreened
        for anchor in self.anchors:
            zero[:len(anchor.coef)] &= anchor.coef == 0
        return zero

    def _propose(self, first, alpha, batch_size):
        """Take in the columns that are likely to matter at `alpha`, the last of a batch whose first is `first`."""
        if np.isinf(self.anchors[-1].alpha):
            top = max(self.alpha_max, first)
            self.anchors[-1], self.last = replace(self.anchors[-1], alpha=top), replace(self.last, alpha=top)
        cols = self._candidates(alpha, self._most_entering())
        if not self.anchors[-1].prepared or self._are_missed(cols, alpha):
            self._add(cols, batch_size)

    def _are_missed(self, cols, alpha):
        """Whether some of the columns are predicted to violate at alpha: then reading them now saves a failure."""
        z = screening.predicted(self.anchors, alpha)[0][cols]
        return len(self.problem.penalty.at(cols).violators(z, self.design.norm2[cols], alpha, 1.0)) > 0

    def _candidates(self, alpha, limit):
        return screening.candidates(self.problem.penalty, self.design.norm2, self.anchors, alpha, self._outside, limit)

    # ------------------------------------------------------------ one batch

    def solve(self, alphas):
        """Solve and certify some of the leading `alphas` (descending, below those solved so far); return a `Batch`."""
        attempt, first = Attempt(alphas, len(alphas)), 0
        self._make_room()
        self._leave_gram()
        if alphas[-1] < self.anchors[-1].served:
            self._propose(alphas[0], alphas[-1], attempt.size)
        self._look_ahead(alphas)
        del self.anchors[:-1]
        while True:
            attempt.take_solved(*self._solve_cheaply(attempt.alphas, first, attempt.B))
            if not attempt.anchors:
                self._anchor(attempt)
                first = self._admit(attempt)
                if first is not None:
                    continue
                attempt.widen(self.form.size)
            batch, first = self._prove(attempt)
            if batch is not None:
                return batch

    def approach(self, top, low):
        """Walk down from the solution at alpha `top` to a warm start for `low`; nothing is certified on the way.

        A pass over X every few alphas finds missing columns. The walk then goes back to the first solution that they
        violate. Where a pass costs more than face steps the last few alphas do without, as `low` has a pass of its own.
        """
        while (steps := int(np.ceil(np.log(low / top) / np.log(self._ratio())))) > 1:
            count = min(self.longest_batch(), STEPS_PER_CHECK, steps - 1)
            alphas = np.geomspace(top, low, steps + 1)[1:count + 1]
            if count == steps - 1 and self._ratio() == LONG:
                self._walk(alphas, low)
                self.anchors[-1] = replace(self.anchors[-1], served=low)
                break
            top = self._check(*self._walk(alphas, alphas[-1]))
        self.moved = True

    def _ratio(self):
        """The ratio of two alphas on the way to a cold start."""
        return SHORT if self.longest_batch() == SHORTEST_BATCH else LONG

    def _walk(self, alphas, low):
        """Solve some alphas on a working set that is to serve down to `low`; return (last solution before, Attempt)."""
        self._make_room()
        self._leave_gram()
        self._propose(alphas[0], low, len(alphas))
        before, attempt, B, done = self.last, Attempt(alphas, len(alphas)), None, 0
        while done < len(alphas):
            B, done = self._solve_cheaply(alphas, done, B, LOOSE)
        attempt.take_solved(B, done)
        self.last = Solution(alphas[-1], B[-1])
        return before, attempt

    def _check(self, before, attempt):
        """Take in what violates at the end of the attempt, and go back; return the alpha of the last solution."""
        alphas, B = attempt.alphas, attempt.B
        B[-1:], (end,) = self._anchors_at(alphas[-1:], B[-1:])
        self.last, self.anchors = Solution(alphas[-1], B[-1]), [self.anchors[-1], end]
        missing = screening.strongest(self.problem.penalty, end.z, self._violators(end.z, alphas[-1]),
                                      self._most_entering())
        if len(missing):
            clean = self._admit_columns(missing, attempt)
            alpha, b = (alphas[clean - 1], B[clean - 1]) if clean else (before.alpha, before.b)
            self.last = Solution(alpha, widened(b[None], 1, self.form.size)[0])
        return self.last.alpha

    def _look_ahead(self, alphas):
        """Make ready for the batch after these alphas: here nothing, as each Gram row costs no more than its column."""

    def _anchor(self, attempt):
        """Make anchors evenly over the attempt, the last at its end.

        If the working set holds an eighth of all columns and the batch at most CLOSE alphas, every alpha is an anchor:
        reading the working set again to certify would cost more than the larger pass.
        """
        count, large = len(attempt.alphas), PROVES_LITTLE * self.form.size > self.design.n_features
        at = attempt.spread(count if large and count <= CLOSE else -(-count // self.spacing))
        attempt.take_anchors(at, *self._anchors_at(attempt.alphas[at], attempt.B[at]))

    def _admit(self, attempt):
        """Take in what violates at the anchors; return the first alpha to solve again, or None if all is well."""
        anchors, first = attempt.anchors, None
        if attempt.B.shape[1] < self.form.size:
            first = self.form.first_violated(attempt.alphas, attempt.B, VIOLATION)
        outside = self._outside_of_all([anchor.z for anchor in anchors], [anchor.alpha for anchor in anchors])
        if not len(outside.cols):
            return first
        alphas, B = (np.array([getattr(anchor, name) for anchor in anchors]) for name in ("alpha", "coef"))
        B = widened(B, len(B), self.form.size)
        gaps = self._gaps_over(alphas, B, self._evaluation_of(anchors), outside)
        cols = np.unique(np.concatenate([outside.violators(k) for k in np.flatnonzero(gaps > self.goal.gap)]
                                        or [outside.cols[:0]]))
        if not len(cols):
            return first
        return self._admit_columns(screening.strongest(self.problem.penalty, anchors[-1].z, cols,
                                                       self._most_entering()), attempt)

    def _admit_columns(self, cols, attempt):
        """Add columns; return the index of the first alpha whose solution they violate."""
        self._add(cols, attempt.size)
        first = self.form.first_violated(attempt.alphas, attempt.B, VIOLATION)
        return len(attempt.alphas) - 1 if first is None else first

    # ------------------------------------------------------------ proof

    def _prove(self, attempt):
        """Certify every alpha of the attempt. Return (Batch, None), or (None, first alpha to solve again)."""
        k, count = len(attempt.alphas), self._residuals_at_once()
        proof = Proof(np.empty(k), np.empty(k), [], [])
        for start in range(0, k, count):
            self._prove_part(proof, slice(start, min(start + count, k)), attempt)
        if proof.missing:
            return None, self._admit_columns(np.unique(np.concatenate(proof.missing)), attempt)
        self.anchors, self.moved = [self.anchors[-1], attempt.anchors[-1].copy()], attempt.n_rounds > 1
        self.last = Solution(attempt.alphas[-1], attempt.B[-1].copy())
        order = np.argsort(self.working_set)
        return Batch(attempt.alphas, self.working_set[order], attempt.B[:, order], proof.gaps, proof.norms,
                     proof.observed, attempt.n_rounds), None

    def _residuals_at_once(self):
        """How many solutions are proven at a time."""
        if not self.goal.screening or not self.design.matrix.pays_to_select(self.form.size):
            return PASS_RESIDUALS
        least, most = FILTER_RESIDUALS
        return min(most, max(least, self.design.matrix.nbytes // (128 * self.design.n_samples)))

    def _prove_part(self, proof, part, attempt):
        """Certify a few alphas of the attempt; their residuals are freed before the next are formed."""
        alphas = attempt.alphas[part]
        evaluation = self._evaluation_of_part(part, attempt)
        outside = self._violators_of_part(evaluation, part, attempt)
        if self.on_residual is not None:
            proof.observed.extend(map(self.on_residual, self._each_residual(alphas, attempt.B[part], evaluation.R)))
        gaps = self._gaps_over(alphas, attempt.B[part], evaluation, outside)
        proof.missing.extend(outside.violators(k) for k in np.flatnonzero(gaps > self.goal.gap)
                             if len(outside.found[k]))
        proof.gaps[part], proof.norms[part] = gaps + evaluation.rounding, evaluation.norms

    def _evaluation_of_part(self, part, attempt):
        """Return the `Evaluation` of a few alphas of the attempt, whose B is refitted where nothing penalises."""
        if attempt.is_all_anchors:
            return self._evaluation_of(attempt.anchors[part])
        attempt.B[part], evaluation = self._evaluate(attempt.alphas[part], attempt.B[part])
        return evaluation

    def _each_residual(self, alphas, B, R):
        """Yield the residuals R of solutions; where they were not formed, a few at a time."""
        if R is not None:
            yield from R
            return
        for start in range(0, len(B), PASS_RESIDUALS):
            part = slice(start, start + PASS_RESIDUALS)
            yield from self._residuals(alphas[part], B[part])[1]

    def _violators_of_part(self, evaluation, part, attempt):
        """Return the violators outside at a few alphas, reading what no bound proves inactive.

        Where one anchor, or anchors of an earlier round, leave too many columns unproven, new anchors are made first.
        """
        alphas, B = attempt.alphas[part], attempt.B[part]
        if evaluation.whole is not None:
            return self._outside_of_all(evaluation.whole, alphas)
        cols = self._unproven([self.anchors[-1], *attempt.anchors], evaluation, alphas, B)
        renewable = (attempt.anchored_in_round < attempt.n_rounds
                     or len(attempt.anchors) * CLOSE < len(attempt.alphas))
        if self.goal.screening and renewable and PROVES_LITTLE * len(cols) > self.design.n_features:
            self.spacing = CLOSE
            self._anchor(attempt)
            cols = self._unproven([self.anchors[-1], *attempt.anchors], evaluation, alphas, attempt.B[part])
        return self._read_outside(cols, evaluation, part, attempt)

    def _read_outside(self, cols, evaluation, part, attempt):
        """Return the violators among some columns at a few alphas of the attempt, read from X."""
        alphas = attempt.alphas[part]
        R = self._residuals(alphas, attempt.B[part])[1] if evaluation.R is None and len(cols) else evaluation.R
        return self._outside_by_reading(cols, R, alphas)
