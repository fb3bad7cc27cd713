"""The problem on the working set, solved on its Gram matrix: exactly, face by face (`_engine/gram.pxi`).

A face is the set of the non-zero coordinates of a solution, with their signs. `GramForm` and `ResidualForm` have the
same methods. z are the correlations X_W'r of the working set W.
"""

from copy import copy

import numpy as np

from .._engine import engine
from ..penalties.separable import step_to_bounds
from ..ways import ways
from .cost import ROUNDING
from .least_squares import LeastSquares, largest_gain_ignored, step_of
from .proof import gram_rounding
from .refit import refit
from .screening import CANDIDATE_SHARE

# Epochs of coordinate descent on a Gram matrix between two Newton steps.
EPOCHS_PER_NEWTON = 64
# Descent goes on to this share of the gap asked for, as long as rounding lets it.
WISHED = 1e-3
# Below this share of the gap asked for, descent ends where the gap no longer halves.
SETTLED = 0.1
# Newton steps that leave more than this share of the gap are fruitless.
FRUITLESS = 0.9
# After this many rounds that lower the gap by less than a hundredth, steps that leave more than FRUITLESS of the least
# gap that any left are fruitless.
STUCK = 8


class GramForm:
    """Exact solutions from the Gram matrix of the working set.

    Attributes
    ----------
    columns : ndarray of int
        The working set, in order of entry.
    penalty : Penalty
        Of these columns.
    swept : int
        Sweeps that an alpha took, where this form has taken their place; else 0.
    """

    has_gram, has_ended, candidate_share = True, False, CANDIDATE_SHARE

    def __init__(self, problem, swept=0):
        self.design, self.loss, self._correlation = problem.design, problem.loss, problem.correlation
        self.columns, self.penalty = np.empty(0, np.int64), problem.penalty.at(np.empty(0, np.int64))
        self.gram = engine.GramProblem(y_norm2=problem.loss.norm2)
        self.ran_out, self.swept = False, swept     # whether `max_iter` has ended descent
        self._patience = ways().patience

    @property
    def size(self):
        """Number of columns."""
        return self.gram.size

    def extend(self, cols, penalty, rows=None):
        """Take in columns; `penalty` is that of the whole working set, theirs last. `rows` are known Gram rows."""
        old, self.columns, self.penalty = len(self.columns), np.concatenate([self.columns, cols]), penalty
        rows = self.design.gram(self.columns, len(cols)) if rows is None else rows
        self.gram.extend(rows, self._correlation[cols],
                         *penalty.at(slice(old, None)).arrays(), pool=self.design.pool)

    def part(self, at):
        """Return the form of the columns at some places alone; X is not read."""
        form = copy(self)
        form.gram = engine.GramProblem(y_norm2=self.loss.norm2)
        form.columns, form.penalty = self.columns[at], self.penalty.at(at)
        form.gram.extend(self.gram_of(at), self._correlation[form.columns], *form.penalty.arrays())
        return form

    def repenalise(self, penalty):
        """Go on under another penalty and other bounds; the Gram matrix stays."""
        self.penalty = penalty
        self.gram.repenalise(*penalty.arrays())

    def retarget(self, correlation_y, y_norm2):
        """Go on with another y: its products with the columns, and |y|^2; the Gram matrix stays."""
        self.gram.retarget(correlation_y, y_norm2)

    def gram_of(self, at):
        """Return the inner products of the columns at some places of the working set."""
        return self.gram.G[np.ix_(at, at)]

    def images_in(self, at, steps):
        """Return X_W' X_at d for each row d of `steps`."""
        return steps @ self.gram.G[at, :self.size]

    def image(self, b):
        """Return X_W' X_W b."""
        return self.gram.product(b)

    def gradient(self, b):
        """Return (z, |r|^2) at b."""
        Z, norms = self.gradients(b[None])
        return Z[0], norms[0]

    def gradients(self, B):
        """Return z and |r|^2 for each row b of B: c - G b and |y|^2 - b'(c + z), with c = X_W'y."""
        m = self.size
        fitted = np.zeros((len(B), m))
        engine.products(B, self.gram.G[:m, :m], m, fitted)
        c = self.gram.correlation_y
        Z = c - fitted
        return Z, np.maximum(self.gram.y_norm2 - ((c + Z) * B).sum(axis=1), 0.0)

    def rounding(self, at, b):
        """Return what rounding of c - G b may hide at some places."""
        return ROUNDING * (np.abs(self.gram.G[at, :self.size]) @ np.abs(b))

    def first_violated(self, alphas, B, slack):
        """Return the index of the first solution in B that columns added since then violate, or None."""
        old, new = B.shape[1], self.size
        fitted = np.zeros((len(B), new - old))
        engine.products(B, self.gram.G[old:new, :old], old, fitted)
        bad = self.penalty.at(slice(old, new)).violated(self.gram.correlation_y[old:new] - fitted, alphas, slack)
        return int(np.argmax(bad)) if bad.any() else None

    def solve(self, before, here, alphas, start, B, target_gap, max_iter, Q=None):
        """Fill B[start:], and Q with z, from the solution `before` at alpha `here`; return how many alphas are done."""
        status, at = self.gram.solve(before, here, alphas, start, B, Q, SETTLED * target_gap, pool=self.design.pool)
        if status == 0 or at > start:
            return at
        b = before.copy()       # ties keep the face from settling
        self._descend(alphas[start], b, target_gap, max_iter)
        B[start] = b
        if Q is not None:
            Q[start] = self.gradient(b)[0]      # the last Newton step moved b after z was formed
        return start + 1

    def _descend(self, alpha, b, target_gap, max_iter):
        """Coordinate descent, with Newton steps on the coordinates inside their bounds after each few epochs.

        The target is WISHED times the gap asked for, which rounding may keep out of reach. So descent stops, too, where
        the gap no longer halves and is below SETTLED times the gap asked for, or below what rounding may hide in it,
        and after `Ways.patience` rounds that lower the gap by less than a hundredth. After each series of Newton steps
        in a row that hardly lowers the gap there are twice as many rounds without any. In a model that rounding leaves
        without a minimum, epochs may raise the gap by what Newton steps lower it, for ever. After an alpha that waited
        in vain the next one waits for an eighth of the rounds, and begins without Newton steps.
        """
        patience, self._patience = self._patience, ways().patience
        target, waited, fruitless, rest = WISHED * target_gap, 0, 0, int(patience < ways().patience)
        best = last = least = np.inf
        while max_iter > 0 and waited < patience:
            epochs = min(EPOCHS_PER_NEWTON, max_iter)
            self.design.pool.check()
            gap, done = self.gram.descend(alpha, b, target, epochs, pool=self.design.pool)
            max_iter -= epochs
            # after 0, 1, 2, 4, ... rounds of waiting: what rounding may hide hardly changes in between
            hidden = 0.0 if waited & waited - 1 else self._hidden(alpha, b, gap, last)
            at_rest = done < epochs or 0.5 * last <= gap <= max(SETTLED * target_gap, hidden)
            if gap <= target or at_rest:
                if self._refit(alpha, b, target) <= target or at_rest:
                    return
            waited = waited + 1 if gap > 0.99 * best else 0
            best, last, rest = min(best, gap), gap, rest - 1
            if rest < 0:
                self._newton(alpha, b)
                left = self.gram.gap(alpha, b)
                fruitless = fruitless + 1 if left > FRUITLESS * (gap if waited < STUCK else least) else 0
                least, rest = min(least, left), 2**fruitless - 1
        if waited == patience:
            self._patience = max(patience // 8, 1)
        self.ran_out = self.ran_out or max_iter <= 0

    def _hidden(self, alpha, b, gap, last):
        """Return what rounding of c - G b may hide in a gap that no longer halves, else 0."""
        if 2 * gap < last:
            return 0.0
        z, norm2 = self.gradient(b)
        loss, sizes2 = self.loss.of_norm2(self.gram.y_norm2), np.diagonal(self.gram.G)[:self.size]
        return gram_rounding(loss, self.penalty, sizes2, np.array([alpha]), b[None], np.array([norm2]), z[None])[0]

    def _refit(self, alpha, b, target):
        """Refit the unpenalised columns by exact least squares; return the gap after it."""
        def take(where, step, better):
            del step
            b[where] = better
            self.gram.gap(alpha, b)
            return True

        refit(self.penalty, alpha, b, ways().largest_newton, lambda where: self.gram.correlation[where],
              lambda where: LeastSquares(self.gram_of(where)),
              lambda columns, z, where: columns.gain(z) <= largest_gain_ignored(target, self.loss.null_value), take)
        return self.gram.gap(alpha, b)

    def _newton(self, alpha, b):
        """Minimise over the coordinates that are neither zero nor at a bound, while their signs hold.

        A coordinate that reaches zero or its bound stays there, and further steps move the others (Lawson and Hanson
        1974, chapter 23). A single step is cut at the first of many tiny coefficients of wrong sign and leads nowhere.
        """
        for _ in range(ways().newton_steps):
            if not self._newton_step(alpha, b):
                return
            self.gram.gap(alpha, b)

    def _newton_step(self, alpha, b):
        """Take the step (G + h'')_FF d = (z - h'(b))_F on the coordinates F inside; return whether it had to be cut."""
        inside, low, high = self.penalty.orthant(b, alpha)
        inside = np.flatnonzero(inside)
        if not 0 < len(inside) <= ways().largest_newton:
            return False
        penalty, now = self.penalty.at(inside), b[inside]
        step = step_of(self.gram_of(inside) + np.diag(penalty.ridge_curvature(alpha)),
                       penalty.pull(self.gram.correlation[inside], now, alpha))
        low, high = low[inside], high[inside]
        allowed = step_to_bounds(now, step, low, high)
        b[inside] = np.clip(now + allowed, low, high)
        return allowed is not step
