"""The quadratic model of a risk on the working set, kept while the curvature changes little.

    F(eta) ~ F(e) - <rho, eta - e> + 1/2 <d, (eta - e)^2>,      rho = -f'(e), d = curvature, <.,.> weighted

With the intercept at its best, that is a squared error with sample weights q d: its Gram matrix is
H = X'(q d)X - (X'q d)(X'q d)' / <d>. The point e changes in every step. d, and H with its factor, stay until
`NewtonSolver` renews the model. In between a scalar, the ratio of the mean curvatures, brings d up to date.
"""

from dataclasses import replace

import numpy as np

from ..losses.squared import SquaredError
from ..validation import repeated
from .base import widened
from .gram_form import GramForm

# Diagonal entries of the Gram matrix are at least this share of |x_j|^2.
LEAST_CURVATURE = 1e-6
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

    def __init__(self, problem, full):
        super().__init__(problem)
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
    """Minimises the model plus the penalty on the working set.

    Attributes
    ----------
    curvature : ndarray of shape (n_samples,)
        d; 1 everywhere if it is 0 everywhere.
    total : float
        <d>, the weighted mean of d.
    form : DampedGram
        On the Gram matrix H / <d>; so alpha is divided by <d> there.
    """

    def __init__(self, problem, near, curvature):
        mean = problem.loss.mean(curvature)
        if not mean > 0:
            curvature, mean = np.ones(len(curvature)), 1.0
        self.curvature, self.total = curvature, mean
        design = near.reweighted(near.weigh(curvature) / mean)
        nothing = SquaredError(np.empty(0), 0.0, problem.design.fit_intercept, 0.0)
        self.design, self._null_value = design, problem.null_objective
        self.form = DampedGram(replace(problem, design=design, loss=nothing,
                                       correlation=repeated(0.0, design.n_features)), problem.design.norm2)
        self._last, self._here = np.empty(0), np.inf

    def extend(self, cols, penalty):
        """Take in columns; `penalty` is that of the whole working set, theirs last."""
        self.design.measure_centres(cols)
        self.form.extend(cols, penalty)
        self._last = widened(self._last[None], 1, self.form.size)[0]

    def follow(self, before):
        """Start from the last solution of an earlier model on the same working set."""
        self._last, self._here = before._last, before._here * before.total / self.total

    def repenalise(self, penalty):
        """Go on under another penalty."""
        self.form.repenalise(penalty)

    def minimise(self, alpha, b, gradient, ratio, target, max_iter):
        """Return (the minimiser, X'theta there) for the expansion at b.

        Parameters
        ----------
        gradient : ndarray
            X'rho at the expansion, centred with the weights q d.
        ratio : float
            The curvature is ratio * d.
        target : float
            The gap to which coordinate descent goes where it is needed.
        """
        scale = self.total * ratio
        step = gradient / scale
        c = self.form.image(b) + step
        size = float(np.abs(b) @ np.abs(c + step)) + self._null_value / scale
        self.form.retarget(c, size)
        inner, B, Q = alpha / scale, np.zeros((1, self.form.size)), np.empty((1, self.form.size))
        here = max(self._here, FROM_ABOVE * inner) if np.isfinite(self._here) else np.inf
        self.form.solve(self._last, here, np.array([inner]), 0, B, target / scale, max_iter, Q)
        self._last, self._here = B[0], inner
        return B[0].copy(), (Q[0] + self.form.damping * (B[0] - b)) * scale

    def diagonal(self):
        """Return H_jj of the working set, for ratio 1."""
        return np.diagonal(self.form.gram.G)[:self.form.size] * self.total
