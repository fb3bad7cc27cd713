"""Small problems whose loss is not quadratic: compiled Newton steps, `_engine/small_risk.pxi`."""

import numpy as np

from .._engine import engine
from ..ways import ways
from .base import Batch
from .newton import NewtonSolver
from .newton_steps import Certified, Point

# Up to this many columns a Gram matrix of all is formed for every step.
SMALL_FEATURES = 64
# A problem is small up to this many times as many values as one with squared error: steps cost more beside Python's.
RISK_SHARE = 4
# Values of the scores that a batch keeps, at most.
KEPT_SCORES = 1 << 20
# Multiply-adds of one model for each alpha of a batch, at most: no signal is seen within a batch.
BATCH_WORK = 1 << 22


def is_small_risk(shape):
    """Whether a problem of this shape is small."""
    return shape[0] * shape[1] <= RISK_SHARE * ways().small and shape[1] <= SMALL_FEATURES


def is_small(problem):
    """Whether `SmallNewton` takes a problem: a compiled loss, few values, and no column without a penalty."""
    return (is_small_risk(problem.design.matrix.shape) and problem.loss.loss.name in engine.SMALL_LOSSES
            and 0 < np.count_nonzero(problem.penalty.usable) and not problem.penalty.has_unpenalised)


class SmallNewton(NewtonSolver):
    """A `NewtonSolver` whose alphas are solved by compiled steps, and by its own where these leave too large a gap.

    All columns that can be used are in the working set. X is copied: it has 2 MB at most.

    Attributes
    ----------
    small : SmallRisk, or None
        The problem under the present penalty; None until it is asked for.
    """

    def __init__(self, problem, goal, on_residual=None):
        super().__init__(problem, goal, on_residual)
        self.small = None

    def start(self):
        """Settle the state at alpha_max, and take in all columns."""
        super().start()
        self._add(self._outside(np.flatnonzero(self.problem.penalty.usable)))

    def repenalise(self, problem):
        """Go on under another penalty on the same design."""
        super().repenalise(problem)
        self.small = None

    def resume(self, alpha, cols, coef, centre):
        del alpha, cols, coef, centre       # every batch starts anew

    def approach(self, top, low):
        """Do nothing: Newton's method reaches any alpha from any other."""

    def longest_batch(self):
        """How many alphas to solve at once: scores are kept where `on_residual` asks for them."""
        n, p = self.design.n_samples, len(self.working_set)
        return max(1, min(KEPT_SCORES // n, BATCH_WORK // (n * p * p)))

    def solve(self, alphas):
        """Solve and certify some of the leading `alphas` (descending, below those solved so far); return a `Batch`."""
        if (self.goal.max_iter < 1 or alphas[-1] <= 0 or self.problem.penalty.has_unpenalised
                or self.problem.null_objective == 0):
            return super().solve(alphas)
        self.small = self._compiled() if self.small is None else self.small
        count, B, figures, scores = self.small.solve(alphas, self.goal.gap, self.on_residual is not None)
        if not count:
            return super().solve(alphas[:1])
        self.design.pool.check()
        return self._solved(alphas[:count], B[:count], figures[:, :count], scores)

    def _compiled(self):
        """The compiled problem on the working set."""
        loss, penalty, cols = self.problem.loss, self.penalty, self.working_set
        X = self.design.matrix.combine(cols, np.eye(len(cols)), self.design.pool)
        return engine.small_risk_of(X.T, loss.y, loss.weights, loss.loss.name, loss.fit_intercept, loss.offset,
                                    loss.null_intercept, np.array(penalty.arrays()))

    def _solved(self, alphas, B, figures, scores):
        """Keep the last solution, and return the `Batch` of all."""
        centres, _, gaps, values = figures
        eta, theta, z = self.small.present()
        self.trail = [Certified(alphas[-1], Point(B[-1].copy(), centres[-1], eta), theta, z, values[-1], gaps[-1])]
        order = np.argsort(self.working_set)
        observed = [] if self.on_residual is None else [self.on_residual(row) for row in scores[:len(alphas)]]
        return Batch(alphas, self.working_set[order], B[:, order], gaps, values, observed, 1, centres,
                     np.ones(len(alphas), bool))
