"""The way to an alpha far below the last one: solutions that are not certified, and the columns that they need.

What is known of columns outside the working set are the correlations at anchors: solutions at which a pass over X was
made. Secants through the last two predict which columns enter, the worse the farther away. So a long way has legs,
with a pass at the end of each. Where Gram rows of columns that will never be used would cost more, the columns that are
likely to matter are read on the way, too.
"""

import math
from dataclasses import replace

import numpy as np

from . import cost, screening
from .base import VIOLATION, Solution, widened
from .working_set import LEAD, LEAST_ENTERING, WorkingSet

# Least value of `longest_batch`. The first batch, and batches after a failure, may be shorter.
SHORTEST_BATCH = 4
# Columns leave where the room for further ones is less than this share of the largest Gram matrix.
ROOM = 1 / 16
# Columns leave only if they are at least this share of the working set: a smaller Gram matrix needs a new factor.
LEAST_LEAVING = 1 / 8
# Columns leave a working set that is swept where at least this share of them is zero.
MOST_UNUSED = 0.5
# Alphas between two passes on the way to a cold start, at most.
STEPS_PER_CHECK = 8
# Gaps on the way to a cold start may be this many times as large as the one promised.
LOOSE = 100.0
# Ratio of two alphas on the way to a cold start: that of a long step, and that of a short one, where face steps cost
# as much as passes.
LONG, SHORT = 0.9, 0.94
# Where columns are read on the way: ratio of the alphas between which there is no pass, and readings in between.
READING_LEG, READINGS = 0.6, 2
# Columns are read on the way where their predicted correlation reaches this share of the last alpha of the leg.
LIKELY = 0.8
# Columns join there if their predicted correlation reaches this share of alpha. With `screening.CANDIDATE_SHARE` Gram
# rows took 1.4 times as long; a column that is missed joins after the next reading.
JOINS = 1.0
# At most so many are read: a share of all columns, and in units of those that may join at once.
MOST_LIKELY, LIKELY_PER_ENTERING = 1 / 5, 6


class Approach(WorkingSet):
    """A working set that takes in columns by what anchors predict, on a way down that is not certified.

    Attributes
    ----------
    anchors : list of Anchor
        The last one or two anchors: all that is known of columns outside the working set.
    moved : bool
        Whether the last solution differs from the last anchor.
    alpha_max : float
        Smallest alpha at which every column with an L1 part is zero; set by `start`.
    """

    def __init__(self, problem, goal, on_residual=None):
        super().__init__(problem, goal, on_residual)
        self.anchors, self.moved, self.alpha_max = [], False, np.inf

    def longest_batch(self):
        """How many alphas to solve ahead: as many as cost about one pass over X, for a failure repeats them."""
        length = cost.pass_cost(self.design) / cost.face_cost(self.n_used)
        return int(min(max(length, SHORTEST_BATCH), self.design.matrix.alphas_ahead))

    # ------------------------------------------------------------ the working set

    def _make_room(self, before_batch=False):
        """Let the columns leave that are zero, where the Gram matrix may hardly grow any more.

        At most min(n, p) columns are used at once, however many have been on the way. Columns leave, too, where sweeps
        took long because the Gram matrix of all columns did not fit. Before a batch they leave, too, where half of what
        sweeps read is zero. On the way to an alpha those would be columns that have just been found missing.
        """
        most, size = cost.most_gram_columns(self.design), self.form.size
        if self.form.has_gram:
            room = max(ROOM * most, LEAD * self.n_used if self.form.swept else 0)
            if size + room < most:
                return
        zero = self._unused()
        leaving = np.count_nonzero(zero)
        if self.form.has_gram:
            leave = leaving >= LEAST_LEAVING * size
        elif self._is_swept_too_much():
            leave = size - leaving < (1 - ROOM) * most
        else:
            leave = before_batch and leaving >= max(MOST_UNUSED * size, LEAST_ENTERING)
        if leave and leaving < size:
            self._keep(np.flatnonzero(~zero))

    def _keep(self, kept):
        """Let all columns leave but those at some places of the working set."""
        left = np.delete(self.working_set, kept)
        self.inside[left] = False
        self.anchors = [anchor.on(kept, self.form.size) for anchor in self.anchors]
        if (self.form.has_gram or self._is_swept_too_much()
                or self._gram_pays(self.working_set[kept], self.form.penalty.at(kept), 0)):
            self.form = self._gram_form_of(kept)
        else:
            self.form.keep(kept)
        self.last = replace(self.last, b=self.last.b[kept])

    def _unused(self):
        """Where a column of the working set is zero in the last solution and in the anchors, and may leave."""
        zero = (self.last.b == 0) & ~self.form.penalty.unscreened
        for anchor in self.anchors:
            zero[:len(anchor.coef)] &= anchor.coef == 0
        return zero

    def _propose(self, first, alpha, batch_size, share=None):
        """Take in the columns that are likely to matter at `alpha`, the last of a batch whose first is `first`."""
        if np.isinf(self.anchors[-1].alpha):
            top = max(self.alpha_max, first)
            self.anchors[-1], self.last = replace(self.anchors[-1], alpha=top), replace(self.last, alpha=top)
        cols = self._candidates(alpha, self._most_entering(), share)
        if not self.anchors[-1].prepared or self._are_missed(cols, alpha):
            self._add(cols, batch_size)

    def _are_missed(self, cols, alpha):
        """Whether some of the columns are predicted to violate at alpha: then reading them now saves a failure."""
        z = screening.predicted(self.anchors, alpha)[0][cols]
        return len(self.problem.penalty.at(cols).violators(z, self.design.norm2[cols], alpha, 1.0)) > 0

    def _candidates(self, alpha, limit, share=None):
        return screening.candidates(self.problem.penalty, self.design.norm2, self.anchors, alpha, self._outside, limit,
                                    self.form.candidate_share if share is None else share)

    def _admit_columns(self, cols, batch_size, alphas, B):
        """Add columns; return the index of the first alpha whose solution, a row of B, they violate, or None."""
        self._add(cols, batch_size)
        return self.form.first_violated(alphas, B, VIOLATION)

    # ------------------------------------------------------------ the way down

    def approach(self, top, low):
        """Walk down from the solution at alpha `top` to a warm start for `low`; nothing is certified on the way.

        The last leg ends without a pass, as `low` has a pass of its own, but where passes cost less than face steps.
        """
        while top > low:
            top = self._leg_by_reading(top, low) if self._reading_pays() else self._leg(top, low)
        self.moved = True

    def _leg(self, top, low):
        """Walk down a leg; return the alpha to go on from: `low` where nothing is left to do."""
        ratio = self._ratio()
        points = geometric_steps(top, low, ratio)[:-1]
        count = min(self.longest_batch(), STEPS_PER_CHECK, len(points))
        if not count:
            return low
        if count < len(points) or ratio == SHORT:
            return self._checked_walk(top, points[:count])
        self._walk(points, low)
        self._serve(low)
        return low

    def _ratio(self):
        """The ratio of two alphas on the way."""
        return SHORT if self.longest_batch() == SHORTEST_BATCH else LONG

    def _serve(self, low):
        """The columns that the last anchor predicts for `low` have joined."""
        self.anchors[-1] = replace(self.anchors[-1], served=low)

    def _walk(self, alphas, low, share=None):
        """Solve some alphas on a working set that is to serve down to `low`; return (b before, their solutions)."""
        self._make_room()
        self._leave_gram()
        self._propose(alphas[0], low, len(alphas), share)
        return self.last.b, self._go_down(alphas)

    def _go_down(self, alphas):
        """Solve some alphas on the way; return their solutions."""
        B, done = None, 0
        while done < len(alphas):
            B, done = self._solve_cheaply(alphas, done, B, LOOSE)
        self.last = Solution(alphas[-1], B[-1])
        return B

    def _checked_walk(self, top, alphas):
        """Walk, and take in what violates at the end; return the alpha to go on from.

        That is the last one whose solution the new columns do not violate.
        """
        b, B = self._walk(alphas, alphas[-1])
        missing, B[-1] = self._missing(alphas[-1])
        if not len(missing):
            return alphas[-1]
        first = self._admit_columns(missing, len(alphas), alphas, B)
        clean = len(alphas) - 1 if first is None else first
        alpha, b = (alphas[clean - 1], B[clean - 1]) if clean else (top, b)
        self.last = Solution(alpha, widened(b[None], 1, self.form.size)[0])
        return alpha

    def _missing(self, alpha):
        """Make an anchor of the last solution; return the strongest columns that violate it, and its coefficients."""
        B, (end,) = self._anchors_at(np.array([alpha]), self.last.b[None])
        self.last, self.anchors = Solution(alpha, B[0]), [self.anchors[-1], end]
        return screening.strongest(self.problem.penalty, end.z, self._violators(end.z, alpha),
                                   self._most_entering()), B[0]

    # ------------------------------------------------------------ columns that are read on the way

    def _reading_pays(self):
        """Whether to read likely columns on the way: Gram rows of columns that will not be used would cost more.

        With a ridge part the factor, made anew for each alpha, costs most.
        """
        return (self.design.matrix.by_columns and self.form.has_gram and not self.problem.has_ridge
                and cost.reading_pays(self.design.stored(self.working_set), self._most_entering()))

    def _leg_by_reading(self, top, low):
        """Walk down a leg; return its last alpha.

        At some alphas on the way the correlations of columns that are likely to matter at its end are read. Their
        secants predict what enters next far better than those through the last two anchors.
        """
        end = low if low > LONG * READING_LEG * top else READING_LEG * top
        alphas = geometric_steps(top, end, self._ratio())
        if end == low:
            alphas = alphas[:-1]
        if not len(alphas):
            return low
        likely, parts = None, np.array_split(alphas, min(READINGS, len(alphas)))
        for part, after in zip(parts, [*(part[-1] for part in parts[1:]), end], strict=True):
            likely = self._read_on_way(part, after, end, likely)
        if end > low:
            self._take(self._missing(end)[0], len(alphas))
        else:
            self._serve(low)
        return end

    def _read_on_way(self, alphas, after, end, likely):
        """Solve some alphas on the way, and take in what will matter at the alpha `after`; return what then still may.
        """
        if likely is None:
            self._walk(alphas, alphas[-1], JOINS)
            likely = self._likely(end)
        else:
            self._go_down(alphas)
        if alphas[-1] == end or not len(likely.cols):
            return likely
        R = self._residuals(alphas[-1:], self.last.b[None])[1]
        likely = likely.moved_to(alphas[-1], self.design.correlations_at(R, likely.cols)[0])
        taken, likely = self._next(likely, after, end)
        self._take(taken, len(alphas))
        return likely

    def _likely(self, low):
        """Return the columns outside that are likely to matter at `low`."""
        most = min(int(MOST_LIKELY * self.design.n_features), LIKELY_PER_ENTERING * self._most_entering())
        cols = self._candidates(low, most, LIKELY)
        return screening.Secants(cols, self.anchors[-1].alpha, self.anchors[-1].z[cols])

    def _next(self, likely, after, low):
        """Return the columns that matter at the alpha `after`, and the others that still may at `low`."""
        penalty, norm2 = self.problem.penalty.at(likely.cols), self.design.norm2[likely.cols]
        z = likely.at(after)
        taken = screening.strongest(penalty, z, penalty.violators(z, norm2, JOINS * after, 1.0),
                                    self._most_entering())
        left = np.zeros(len(likely.cols), bool)
        left[penalty.violators(likely.at(low), norm2, LIKELY * low, 1.0)] = True
        left[taken] = False
        return likely.cols[taken], likely.part(left)

    def _take(self, cols, count):
        """Take in columns that enter within `count` alphas.

        A solution that they violate is none of the larger problem, at any alpha: its alpha counts as infinite, so that
        no path is followed from it.
        """
        alpha, b = np.array([self.last.alpha]), self.last.b[None]
        if len(cols) and self._admit_columns(cols, count, alpha, b) is not None:
            self.last = replace(self.last, alpha=np.inf)


def geometric_steps(top, low, ratio):
    """Return alphas from below `top` to `low`, the last, each `ratio` or a little more times the one before."""
    count = max(1, math.ceil(math.log(low / top) / math.log(ratio) - 0.01))
    alphas = top * (low / top) ** (np.arange(1, count + 1) / count)
    alphas[-1] = low
    return alphas
