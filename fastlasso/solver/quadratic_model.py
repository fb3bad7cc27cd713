"""The quadratic model of a risk on the working set, kept while the curvature changes little.

    F(eta) ~ F(e) - <rho, eta - e> + 1/2 <d, (eta - e)^2>,      rho = -f'(e), d = curvature, <.,.> weighted

With the intercept at its best, that is a squared error with sample weights q d and the target e + rho / d. `GramModel`
solves it by face steps on its Gram matrix H = X'(q d)X - (X'q d)(X'q d)' / <d>, `SweepModel` by sweeps over the columns
where a Gram matrix does not pay. The point e changes in every step. d, and H with its factor, stay until the model is
renewed. In between a scalar, the ratio of the mean curvatures, brings d up to date.
"""

from dataclasses import replace

import numpy as np

from ..losses.squared import SquaredError
from ..validation import repeated
from .base import widened
from .gram_form import GramForm
from .residual_form import ResidualForm

# Diagonal entries of the Gram matrix are at least this share of |x_j|^2.
LEAST_CURVATURE = 1e-6
# Sweeps need curvature in every sample: at least this share of the largest.
LEAST_SHARE = 1e-6
# A face that does not settle at alpha is approached from this multiple of alpha.
FROM_ABOVE = 1.05


class DampedGram(GramForm):
    """The Gram matrix of the model, whose diagonal is at least LEAST_CURVATURE times that of full curvature.

    A column is without curvature where f'' is 0 on all of its rows.

    Attributes
    ----------
    damping : ndarray
        What was added to the diagonal.
    """

    def __init__(self, problem, full, swept):
        super().__init__(problem, swept)
        self._full, self.damping = full, np.empty(0)

    def extend(self, cols, penalty):
        """Take in columns; `penalty` is that of the whole working set, theirs last."""
        old, self.columns, self.penalty = len(self.columns), np.concatenate([self.columns, cols]), penalty
        gram = self.design.gram(self.columns, len(cols))
        own = np.arange(len(cols)), old + np.arange(len(cols))
        damping = np.maximum(LEAST_CURVATURE * self._full[cols] - gram[own], 0.0)
        gram[own] += damping
        self.damping = np.concatenate([self.damping, damping])
        self.gram.extend(gram, np.zeros(len(cols)), *penalty.at(slice(old, None)).arrays(), pool=self.design.pool)


class QuadraticModel:
    """What both kinds of models share.

    Attributes
    ----------
    curvature : ndarray of shape (n_samples,)
        d; 1 everywhere if it is 0 everywhere.
    total : float
        <d>, the weighted mean of d.
    form : GramForm or ResidualForm
        The model divided by <d>, so alpha is divided by <d> there.
    sweeps : bool
        Whether the form sweeps over the columns.
    """

    def __init__(self, problem, near, curvature):
        mean = problem.loss.mean(curvature)
        if not mean > 0:
            curvature, mean = np.ones(len(curvature)), 1.0
        self.curvature, self.total = curvature, mean
        self.design = near.reweighted(near.weigh(curvature) / mean)
        self._loss = SquaredError(np.empty(0), 0.0, problem.design.fit_intercept, problem.null_objective / mean)
        self._last, self._here = np.empty(0), np.inf

    def _problem(self, problem):
        """The model as a problem of its own, without a target."""
        return replace(problem, design=self.design, loss=replace(self._loss, null_value=0.0),
                       correlation=repeated(0.0, self.design.n_features))

    def extend(self, cols, penalty):
        """Take in columns; `penalty` is that of the whole working set, theirs last."""
        self.form.extend(cols, penalty)
        self._last = widened(self._last[None], 1, self.form.size)[0]

    def last(self):
        """Return (the last minimiser, its alpha)."""
        return self._last, self._here * self.total

    def follow(self, b, alpha):
        """Start from the last minimiser of an earlier model on the same working set."""
        self._last = widened(b[None], 1, self.form.size)[0]
        self._here = alpha / self.total

    def repenalise(self, penalty):
        """Go on under another penalty."""
        self.form.repenalise(penalty)

    def minimise(self, alpha, here, rho, gradient, ratio, goal, dual):
        """Return (the minimiser, X'theta there) for the expansion at the point `here`.

        Parameters
        ----------
        rho : ndarray of shape (n_samples,)
            The residual there, or another dual point.
        gradient : ndarray
            X'rho, centred with the weights q d.
        ratio : float
            The curvature is ratio * d.
        goal : Goal
            Of the problem itself: where descent is needed, it goes to the gap promised.
        dual : (ndarray of shape (n_samples,), float), or None
            The dual point of the last solution, and its alpha.
        """
        raise NotImplementedError


class GramModel(QuadraticModel):
    """The model solved on its Gram matrix."""

    sweeps = False

    def __init__(self, problem, near, curvature, swept):
        super().__init__(problem, near, curvature)
        self.form = DampedGram(self._problem(problem), problem.design.norm2, swept)

    def extend(self, cols, penalty):
        self.design.measure_centres(cols)
        super().extend(cols, penalty)

    def minimise(self, alpha, here, rho, gradient, ratio, goal, dual):
        del dual
        scale, b = self.total * ratio, here.b
        step = gradient / scale
        c = self.form.image(b) + step
        self.form.retarget(c, float(np.abs(b) @ np.abs(c + step)) + self._loss.null_value / ratio)
        inner, B, Q = alpha / scale, np.zeros((1, self.form.size)), np.empty((1, self.form.size))
        start = max(self._here, FROM_ABOVE * inner) if np.isfinite(self._here) else np.inf
        self.form.solve(self._last, start, np.array([inner]), 0, B, goal.gap / scale, goal.max_iter, Q)
        self._last, self._here = B[0], inner
        return B[0].copy(), (Q[0] + self.form.damping * (B[0] - b)) * scale

    def diagonal(self):
        """Return H_jj of the working set, for ratio 1."""
        return np.diagonal(self.form.gram.G)[:self.form.size] * self.total


class SweepModel(QuadraticModel):
    """The model solved by sweeps over the columns; every sample has curvature."""

    sweeps = True

    def __init__(self, problem, near, curvature):
        super().__init__(problem, near, np.maximum(curvature, LEAST_SHARE * curvature.max()))
        self._offset = problem.loss.offset
        self.design.measure(np.zeros(self.design.n_samples))
        self.form = ResidualForm(self._problem(problem))

    def minimise(self, alpha, here, rho, gradient, ratio, goal, dual):
        del gradient
        scale = self.total * ratio
        if not self.form.size:
            return np.empty(0), np.empty(0)
        self.form.retarget(replace(self._loss, y=self._target(here.eta, rho, ratio)))
        if dual is not None:
            theta, there = dual
            self.form.begin_at(self.form.gathered.root * theta / (ratio * self.curvature), there / scale)
        B, start = np.zeros((1, self.form.size)), self.form.penalty.clipped(here.b)
        self.form.solve(start, np.inf, np.array([alpha / scale]), 0, B, goal.gap / scale, goal.max_iter)
        self._last, self._here = B[0], alpha / scale
        return B[0].copy(), self.form.gradient(B[0])[0] * scale

    def _target(self, eta, rho, ratio):
        """e + rho / d less the offset, and centred where there is an intercept."""
        target = eta + rho / (ratio * self.curvature)
        if self._offset is not None:
            target -= self._offset
        return target - self.design.means(target[None])[0] if self.design.fit_intercept else target

    def diagonal(self):
        """Return H_jj of the working set, for ratio 1."""
        return self.design.norm2[self.form.columns] * self.total
