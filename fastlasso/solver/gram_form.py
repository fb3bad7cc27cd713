"""The columns worked on, and the two ways to solve the problem restricted to them.

`GramSet` forms their Gram matrix and solves exactly, face by face (`_engine/gram.pxi`). `ResidualSet` sweeps over
the columns themselves with Anderson extrapolation (`_engine/descent.pxi`). `gram_pays` is the one cost model that
chooses between them. Both speak the same verbs: `extend`, `repenalise`, `solve`, `first_violated`, `look`, `rounding`,
`gram_of`, and both have a `size`.
"""

import numpy as np

from .._engine import engine
from ..penalties.separable import orthant, within
from ..ways import ways
from .cost import ROUNDING
from .least_squares import LeastSquares, negligible

EPOCHS_PER_NEWTON = 64  # of coordinate descent on a Gram matrix
WISHED, SETTLED = 1e-3, 0.1     # of the gap asked for, see `GramSet._descend`


class GramSet:
    """Exact solutions from the Gram matrix of the slots."""

    def __init__(self, problem):
        self.problem, self.slots = problem, np.empty(0, np.int64)
        self.gram = engine.GramProblem()
        self.gram.yy = 2 * problem.null_objective
        self.gram.pool = problem.design.pool

    @property
    def size(self):
        """Number of slots."""
        return self.gram.size

    def extend(self, slots, n_new):
        """Take in the last `n_new` of `slots`: one look at X for their inner products with all the others."""
        self.slots = slots
        problem, cols = self.problem, slots[len(slots) - n_new:]
        self.gram.extend(problem.design.gram(slots, n_new), problem.correlation[cols], problem.l1[cols],
                         problem.l2[cols], problem.lower[cols], problem.upper[cols])

    def repenalise(self, problem):
        """Go on under another penalty and other bounds on the same design; the Gram matrix stays."""
        self.problem, slots = problem, self.slots
        self.gram.repenalise(problem.l1[slots], problem.l2[slots], problem.lower[slots], problem.upper[slots])

    def gram_of(self, at):
        """Inner products of some slots."""
        return self.gram.G[np.ix_(at, at)]

    def look(self, b):
        """(X'r for all slots, |r|^2)."""
        Z, norms = self.looks(b[None])
        return Z[0], norms[0]

    def looks(self, B):
        """The same for several solutions: c - B G and y'y - b'(c + X'r)."""
        m = self.size
        fitted = np.zeros((len(B), m))
        engine.products(B, self.gram.G[:m, :m], m, fitted)
        Z = self.gram.c[:m] - fitted
        return Z, np.maximum(self.gram.yy - ((self.gram.c[:m] + Z) * B).sum(axis=1), 0.0)

    def rounding(self, at, b):
        """What rounding of c - G b may hide in some slots."""
        return ROUNDING * (np.abs(self.gram.G[at, :self.size]) @ np.abs(b))

    def first_violated(self, alphas, B, slack):
        """Index of the first solution in B that the slots added since then violate, or None."""
        old, new = B.shape[1], self.gram.size
        fitted = np.zeros((len(B), new - old))
        engine.products(B, self.gram.G[old:new, :old], old, fitted)
        z = np.abs(self.gram.c[old:new] - fitted)
        bad = (z > np.outer(alphas, self.gram.l1[old:new]) * slack).any(axis=1)
        return int(np.argmax(bad)) if bad.any() else None

    def solve(self, before, here, alphas, start, B, target_gap, max_iter, Q=None):
        """Fill B[start:] (and Q with c - G b) from the solution `before` at `here`; return how many alphas are done."""
        status, at = self.gram.solve(before, here, alphas, start, B, Q)
        if status == 0 or at > start:
            return at
        b = before.copy()       # a bound binds, or exact ties keep the face from settling
        self._descend(alphas[start], b, target_gap, max_iter)
        B[start] = b
        if Q is not None:
            Q[start] = self.look(b)[0]      # the last Newton step moved b after q was formed
        return start + 1

    def _descend(self, alpha, b, target_gap, max_iter):
        """Coordinate descent, with Newton steps on the coordinates inside their bounds after each few epochs.

        It goes on to WISHED of the gap asked for, but no further than rounding lets it: once SETTLED of that gap is
        reached, no longer than the gap halves; before, no more than `Ways.patience` rounds without a hundredth less.
        """
        target, best, last, waited = WISHED * target_gap, np.inf, np.inf, 0
        while max_iter > 0 and waited < ways().patience:
            epochs = min(EPOCHS_PER_NEWTON, max_iter)
            self.problem.design.pool.check()
            gap, done = self.gram.descend(alpha, b, target, epochs)
            max_iter -= epochs
            at_rest = done < epochs or 0.5 * last <= gap <= SETTLED * target_gap
            if gap <= target or at_rest:
                if self._refit_free(alpha, b, target) <= target or at_rest:
                    return
            waited = waited + 1 if gap > 0.99 * best else 0
            best, last = min(best, gap), gap
            self._newton(alpha, b)

    def _refit_free(self, alpha, b, target):
        """Exact least squares on the slots without a penalty; returns the gap after it."""
        gram = self.gram
        for free, low, high in self.problem.free_rounds(alpha, self.slots, b):
            if len(free) > ways().largest_newton:
                break
            columns = LeastSquares(self.gram_of(free))
            if columns.gain(gram.q[free]) <= negligible(target, self.problem.null_objective):
                break
            b[free] = np.clip(b[free] + within(b[free], columns.step(gram.q[free]), low, high), low, high)
            gram.gap(alpha, b)
        return gram.gap(alpha, b)

    def _newton(self, alpha, b):
        """Minimise over the coordinates that are neither zero nor at a bound, while their signs hold.

        One that reaches zero or its bound stays there, and the others go on (as in Lawson and Hanson 1974, chapter 23):
        cut at the first of many tiny coefficients of wrong sign, a single step would lead nowhere.
        """
        for _ in range(ways().newton_steps):
            if not self._newton_step(alpha, b):
                return
            self.gram.gap(alpha, b)

    def _newton_step(self, alpha, b):
        """Whether the step (G + alpha l2)_FF d = (q - alpha (l1 sign(b) + l2 b))_F, q = c - G b, had to be cut."""
        m, gram = len(b), self.gram
        l1, l2, lower, upper = alpha * gram.l1[:m], alpha * gram.l2[:m], gram.lower[:m], gram.upper[:m]
        inside, low, high = orthant(b, l1, lower, upper)
        inside = np.flatnonzero(inside)
        if not 0 < len(inside) <= ways().largest_newton:
            return False
        now, l1, l2 = b[inside], l1[inside], l2[inside]
        system = LeastSquares(gram.G[np.ix_(inside, inside)] + np.diag(l2))
        step = system.step(gram.q[inside] - l1 * np.sign(now) - l2 * now)
        low, high = low[inside], high[inside]
        allowed = within(now, step, low, high)
        b[inside] = np.clip(now + allowed, low, high)
        return allowed is not step
