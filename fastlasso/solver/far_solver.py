"""As few passes as possible over a matrix that is far away: on a disk, or with the workers of a cluster.

Bringing X is dear, whatever is done with it then. So one pass forms the residuals of a whole batch block by block and
multiplies them with the block at once:

- a few of them, the anchors, with all columns;
- all of them with the working set, and with the columns that the anchors will hardly prove inactive at the alphas in
  between. How far these solutions are from the anchors is known before the pass, from the Gram matrix;
- and it forms the Gram rows of columns that are likely to matter in the next batch.

With one-hot data of 2 million columns four anchors leave a hundredth of the columns unproven, and products with these
cost a tenth of products with all, whose sums are in no cache. The proof is that of `solver.py`: what the guess left out
is read in a further pass.
"""

from dataclasses import dataclass, replace

import numpy as np

from . import screening
from .proof import Evaluation
from .screening import Anchor
from .solver import PROVES_LITTLE, Solver

# Anchors of a pass, where they prove enough.
ANCHORS = 4
# Columns that are read at all solutions, beside the working set, hold at most this share of X's stored values.
MOST_LIKELY = 1 / 4
# A column is likely to be unproven within this many times the distance of a solution from the anchors.
WIDER = 2.0
# The next batch may be so many times as long as the present one, as its columns are taken ahead.
STEPS_AHEAD = 1.5
# Columns that may be taken ahead, in units of those that may join at once.
AHEAD = 2


@dataclass(slots=True)
class Reading:
    """What X says of all solutions of an attempt on some columns, in ascending order: Z of shape (k, len(cols))."""

    cols: np.ndarray
    norms: np.ndarray
    Z: np.ndarray

    def at(self, part, cols):
        """Correlations with some of the columns at a few solutions."""
        return self.Z[part, np.searchsorted(self.cols, cols)]


class FarSolver(Solver):
    """A `Solver` whose matrix evaluates solutions in one pass (`Matrix.free_residuals`).

    Where alphas leave columns without a penalty, residuals are needed, and it does what `Solver` does.

    Attributes
    ----------
    ahead : ndarray of int, or None
        Columns that are likely to matter in the next batch.
    reading : Reading, or None
        What the last pass that made anchors read of all solutions.
    """

    def __init__(self, problem, goal, on_residual=None):
        super().__init__(problem, goal, on_residual)
        self.ahead, self.reading = None, None

    def _needs_rows(self, alphas):
        return self.problem.penalty.leaves_free(alphas)

    def _read(self, B, whole, some, ahead=None):
        """Return (|r|^2, correlations of the solutions `whole`, those with `some` columns, Gram rows): one pass."""
        used = np.flatnonzero(B.any(axis=0))
        if ahead is not None:
            ahead = np.concatenate([self.working_set, ahead]), len(ahead)
        return self.design.evaluated(self.problem.loss.y, self.working_set[used], np.ascontiguousarray(B[:, used]),
                                     whole, some, ahead)

    # ------------------------------------------------------------ anchors

    def _look_ahead(self, alphas):
        self.ahead, here = None, alphas[-1]
        if not self.design.matrix.looks_ahead or not self.form.has_gram or self._needs_rows(alphas):
            return
        cols = self._candidates(here * (here / self.anchors[-1].alpha) ** STEPS_AHEAD, AHEAD * self._most_entering())
        self.ahead = cols if len(cols) else None

    def _anchors_at(self, alphas, B):
        if self._needs_rows(alphas):
            return super()._anchors_at(alphas, B)
        norms, whole, _, _ = self._read(B, np.arange(len(B)), np.empty(0, np.int64))
        return B, self._as_anchors(alphas, B, whole, norms)

    @staticmethod
    def _as_anchors(alphas, B, whole, norms):
        return [Anchor(alpha, b.copy(), None, z, norm2)
                for alpha, b, z, norm2 in zip(alphas, B, whole, norms, strict=True)]

    def _anchor(self, attempt):
        """Make anchors evenly over the attempt; the same pass reads of all solutions what these will hardly prove."""
        self.reading = None
        if self._needs_rows(attempt.alphas):
            super()._anchor(attempt)
            return
        at, likely = self._anchors_and_likely(attempt)
        ahead, self.ahead = self.ahead, None
        some = np.empty(0, np.int64)
        if len(at) < len(attempt.alphas):
            some = np.unique(np.concatenate([self.working_set, likely, likely[:0] if ahead is None else ahead]))
        norms, whole, Z, rows = self._read(attempt.B, at, some, ahead)
        anchors = self._as_anchors(attempt.alphas[at], attempt.B[at], whole, norms[at])
        if rows is not None:
            self._add(ahead, attempt.size, rows)
            anchors[-1] = replace(anchors[-1], prepared=True)
        attempt.take_anchors(at, attempt.B[at], anchors)
        self.reading = Reading(some, norms, Z)

    def _anchors_and_likely(self, attempt):
        """Return the places of anchors, as few as prove most columns inactive, and the columns that are left to read.

        Where even the most anchors would leave many, nothing is guessed.
        """
        n, most = min(ANCHORS, len(attempt.alphas)), min(self.design.matrix.free_residuals, len(attempt.alphas))
        nothing = np.empty(0, np.int64)
        if not self.form.has_gram or not self.goal.screening:
            return attempt.spread(most), nothing
        Z = self.form.gradients(attempt.B)[0]
        while True:
            likely = self._likely_unproven(attempt, Z, attempt.spread(n))
            few = (self.design.stored(likely) <= MOST_LIKELY * self.design.matrix.nnz
                   and PROVES_LITTLE * len(likely) <= self.design.n_features)
            if few or n >= most:
                return attempt.spread(n), likely if few else nothing
            n = min(2 * n, most)

    def _likely_unproven(self, attempt, Z, at):
        """Return the columns outside that anchors at some places will hardly prove inactive at all alphas.

        What these anchors will say of the columns outside is not known yet: the last anchor stands for them.
        """
        coefs, known = screening.known_of(self.anchors[-1:], self.working_set)
        distance = self._projected((np.vstack([coefs, attempt.B[at]]), np.vstack([known, Z[at]])), attempt.B, Z)[1]
        return self._outside(screening.unproven(self.problem.penalty, self.design.norm2, self.anchors[-1:],
                                                np.ones((len(Z), 1)), WIDER * distance, attempt.alphas))

    # ------------------------------------------------------------ proof

    def _residuals_at_once(self):
        return self.design.matrix.alphas_ahead if self.reading is not None else super()._residuals_at_once()

    def _reads(self, attempt):
        """Whether the last reading is one of the attempt's solutions as they are."""
        return self.reading is not None and attempt.anchored_in_round == attempt.n_rounds

    def _evaluation_of_part(self, part, attempt):
        if self._needs_rows(attempt.alphas):
            return super()._evaluation_of_part(part, attempt)
        if not self._reads(attempt):
            evaluation = self._evaluation_by_gram(attempt.alphas[part], attempt.B[part])
            if evaluation is not None:
                return evaluation
            self._anchor(attempt)
        if attempt.is_all_anchors:
            return super()._evaluation_of_part(part, attempt)
        return Evaluation(self.reading.norms[part], self.reading.at(part, self.working_set),
                          np.zeros(len(attempt.alphas[part])))

    def _read_outside(self, cols, evaluation, part, attempt):
        alphas = attempt.alphas[part]
        if not len(cols) or self._needs_rows(alphas):
            return super()._read_outside(cols, evaluation, part, attempt)
        if self._reads(attempt) and np.isin(cols, self.reading.cols, assume_unique=True).all():
            return self._violators_among(cols, self.reading.at(part, cols), alphas)
        return self._violators_among(cols, self._read_at(cols, attempt.B[part]), alphas)

    def _read_at(self, cols, B):
        """Correlations with some columns at solutions: as many at a time as vectors of all columns would be."""
        count = max(1, self.design.matrix.free_residuals * self.design.n_features // len(cols))
        return np.concatenate([self._read(B[start:start + count], np.empty(0, np.int64), cols)[2]
                               for start in range(0, len(B), count)])
