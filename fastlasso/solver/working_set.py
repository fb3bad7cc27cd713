"""The working set grows. The problem on it is solved on a Gram matrix or by sweeps, whichever costs less."""

import numpy as np

from ..ways import ways
from . import cost
from .base import Solution, widened
from .gram_form import GramForm
from .prover import Prover
from .residual_form import ResidualForm

# Columns that may always join at once. With 40, an eighth more passes were needed.
LEAST_ENTERING = 80
# Columns that may join at once, as a share of the columns in use.
LEAD = 0.5
# Columns that may join at once where little room is left for a Gram matrix.
LEAST_LEFT = 16
# Sweeps of one alpha that are worth a smaller working set, the Gram matrix of which fits.
MANY_SWEEPS = 2000


class WorkingSet(Prover):
    """A prover that takes in columns, and changes between Gram matrix and sweeps.

    The cost model guesses how many sweeps an alpha takes. Where an alpha takes so many that the Gram matrix would have
    cost less, that is formed, and stays until it costs MORE_SWEEPS times as much or no longer fits.
    """

    def _add(self, cols, batch_size, rows=None):
        """Take columns into the working set; change to residual form once the Gram matrix no longer pays.

        `rows` are the inner products of these columns with each other and all before, where they are known.
        """
        if not len(cols):
            return
        working_set = np.concatenate([self.working_set, cols])
        penalty = self.problem.penalty.at(working_set)
        self.inside[cols] = True
        self.last = Solution(self.last.alpha, widened(self.last.b[None], 1, len(working_set))[0])
        if self.form.has_gram and not self._gram_pays(working_set, penalty, len(cols) / batch_size):
            cols, self.form = working_set, ResidualForm(self.problem)
        if self.on_residual is not None or penalty.unscreened.any():
            self.design.expect(cols)        # their sums are formed for every alpha
        if rows is not None and self.form.has_gram:
            self.form.extend(cols, penalty, rows)
        else:
            self.form.extend(cols, penalty)

    def _most_entering(self):
        """How many columns may join at once: enough for the next alphas, few that stay zero."""
        room = cost.most_gram_columns(self.design) - self.form.size if self.form.has_gram else self.design.n_features
        most = max(LEAST_ENTERING, min(int(LEAD * self.n_used), room))
        if not self.form.has_gram:
            return most
        return max(min(most, room // 2), 1 if self.form.swept else LEAST_LEFT)      # misses of a batch must fit, too

    # ------------------------------------------------------------ Gram matrix or sweeps

    def _gram_pays(self, working_set, penalty, entering):
        design, stored, size, face, ridge = self._sizes(working_set, penalty)
        by_rows = ridge and bool(penalty.ridge_curvature(1.0).min(initial=1.0) > 0)
        return cost.gram_pays(design, stored, size, face, entering, ridge, self.form.swept, by_rows)

    def _sizes(self, working_set, penalty):
        """What the cost of face steps on a Gram matrix depends on (`cost.gram_in_sweeps`)."""
        size, face, ridge = len(working_set), self.n_used, self.problem.has_ridge
        if ridge and size > self.design.n_samples:
            face += max(size - self.form.size, 0)       # all that join may be used at once, even more than rows
        face = max(face, np.count_nonzero(penalty.unscreened))
        return self.design, self.design.stored(working_set), size, face, ridge

    def _leave_gram(self):
        """Change to residual form where columns that came into use have made the Gram matrix dear.

        With a ridge part the factor is made anew for each alpha, so it costs the cube of the columns in use. Without
        one, sweeps would be slower still.
        """
        columns, penalty = self.working_set, self.form.penalty
        leavable = self.form.has_gram and self.problem.has_ridge and len(columns)
        if leavable and not self._gram_pays(columns, penalty, 0):
            self.form = ResidualForm(self.problem)
            self.form.extend(columns, penalty)

    def _solve_cheaply(self, alphas, start, B, loose=1.0):
        """As `_solve_from`; changes to a Gram matrix where an alpha takes too many sweeps."""
        if not self.form.has_gram:
            self.form.end_at(cost.most_sweeps(*self._sizes(self.working_set, self.form.penalty)))
        solved = self._solve_from(alphas, start, B, loose=loose)
        if not self.form.has_ended:
            return solved
        self.form = self._gram_form_of(np.arange(self.form.size))
        return self._solve_from(alphas, start, B, loose=loose)

    def _is_swept_too_much(self):
        """Whether an alpha of the last batch took so many sweeps that a working set pays whose Gram matrix fits."""
        return ways().gram_form is None and not self.problem.has_ridge and self.form.swept > MANY_SWEEPS

    def _gram_form_of(self, kept):
        """Return the Gram form of some places of the working set; it remembers the sweeps that it replaces."""
        if self.form.has_gram:
            return self.form.part(kept)
        form = GramForm(self.problem, self.form.swept)
        form.extend(self.working_set[kept], self.form.penalty.at(kept))
        return form
