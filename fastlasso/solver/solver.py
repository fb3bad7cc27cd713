"""One batch of alphas at a time: propose columns, solve on the working set, prove that no other column matters.

A batch is a run of alphas solved on one working set. One pass over X computes the correlations of every column at its
last alpha (sometimes at a few): these solutions are anchors. For the alphas in between a bound proves most columns
inactive (`screening.unproven`); only the rest are read. Problems whose Gram matrix is formed whole need none of this
(`compressed.py`).
"""

from dataclasses import dataclass, field, replace

import numpy as np

from . import screening
from .approach import Approach
from .base import VIOLATION, Batch, Solution, widened
from .screening import Anchor

# Alphas from anchor to anchor at first.
SPACING = 12
# Residuals that a pass over all columns serves at a time: a pass over rows keeps p sums for each.
PASS_RESIDUALS = 4
# Residuals at a time where few columns are read: from 8 to 16, as long as they take at most a sixteenth of X's bytes.
FILTER_RESIDUALS = 8, 16
# Once the bound leaves more than 1 / PROVES_LITTLE of all columns, anchors stand closer.
PROVES_LITTLE = 8
# Alphas from anchor to anchor then.
CLOSE = 4


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


class Solver(Approach):
    """Walks down the alphas of one `Problem`.

    Attributes
    ----------
    problem, goal, form, last, unpenalised, n_used, inside, on_residual, anchors, moved, alpha_max
        As in `WorkingSetSolver`, `Prover` and `Approach`.
    spacing : int
        Alphas from anchor to anchor; falls to CLOSE once the bound has proven too little.
    """

    def __init__(self, problem, goal, on_residual=None):
        super().__init__(problem, goal, on_residual)
        self.spacing = SPACING

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

    # ------------------------------------------------------------ one batch

    def solve(self, alphas):
        """Solve and certify some of the leading `alphas` (descending, below those solved so far); return a `Batch`."""
        attempt, first = Attempt(alphas, len(alphas)), 0
        self._make_room(before_batch=True)
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

    def _look_ahead(self, alphas):
        """Make ready for the batch after these alphas: here nothing, as each Gram row costs no more than its column."""

    def _anchor(self, attempt):
        """Make anchors evenly over the attempt, the last at its end.

        If the working set holds an eighth of all columns and the batch at most CLOSE alphas, every alpha is an anchor:
        reading the working set again to certify would cost more than the larger pass.
        """
        count, large = len(attempt.alphas), PROVES_LITTLE * self.form.size > self.design.n_features
        at = attempt.spread(count if large and count <= CLOSE else -(-count // self.spacing))
        if count == 1 and self._is_at_last_anchor(attempt.B[0]):
            anchors = [replace(self.anchors[-1], alpha=attempt.alphas[0], coef=attempt.B[0].copy(), prepared=False)]
            attempt.take_anchors(at, attempt.B[at], anchors)
        else:
            attempt.take_anchors(at, *self._anchors_at(attempt.alphas[at], attempt.B[at]))

    def _is_at_last_anchor(self, b):
        """Whether b is the solution of the last anchor: above alpha_max, or where nothing is left to change."""
        coef = self.anchors[-1].coef
        return np.array_equal(b[:len(coef)], coef) and not b[len(coef):].any()

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
        return self._admit_to(attempt, screening.strongest(self.problem.penalty, anchors[-1].z, cols,
                                                           self._most_entering()))

    def _admit_to(self, attempt, cols):
        """Add columns; return the index of the first alpha whose solution they violate."""
        first = self._admit_columns(cols, attempt.size, attempt.alphas, attempt.B)
        return len(attempt.alphas) - 1 if first is None else first

    # ------------------------------------------------------------ proof

    def _prove(self, attempt):
        """Certify every alpha of the attempt. Return (Batch, None), or (None, first alpha to solve again)."""
        k, count = len(attempt.alphas), self._residuals_at_once()
        proof = Proof(np.empty(k), np.empty(k), [], [])
        for start in range(0, k, count):
            self._prove_part(proof, slice(start, min(start + count, k)), attempt)
        if proof.missing:
            return None, self._admit_to(attempt, np.unique(np.concatenate(proof.missing)))
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
