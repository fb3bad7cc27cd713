"""Columns far from the origin, seen from their spread, replaced by centred copies.

A column of mean m and standard deviation s is read with rounding of eps |m|. Its product with a dual point is bounded
by alpha s, so that rounding moves it by a share eps |m| / (alpha s) of the bound, and scores by eps |m b|. A dual point
made of such scores does not have the products that the model claims for it, nor is its feasibility known. x - m is
exact where x and m are near each other, and X b less the intercept is the same for centred columns.

Squared error on dense X needs copies only at larger means: its dual point is the computed residual itself, so that only
products with it are rounded. On sparse X a column may be absent from rows of weight 0 alone. Then its variance is a
difference of two sums, and has a relative rounding error of eps (m/s)^2.
"""

from dataclasses import replace

import numpy as np

from ..matrices.replaced import Replaced
from ..ways import ways

# A column is replaced where its mean is this many times its norm about the mean: rounding of 1e-12 of that norm.
FAR = 1e4
# As FAR, for squared error on dense X, whose residual is formed anew from X: rounding of 1e-6 of the norm.
FAR_OF_SQUARES = 1e10
# Columns that are copied at a time.
AT_ONCE = 64


class InCentred:
    """A solver of the problem on centred copies; solutions come and go as coefficients of X, which are the same.

    All that is not named here is that of the solver.

    Parameters
    ----------
    solver : NewtonSolver or InBasis
    centred : Problem
        With the copies.
    given : Problem
        On X itself.
    """

    def __init__(self, solver, centred, given):
        self.solver, self.centred = solver, centred
        self.means = given.design.mean - centred.design.mean

    def __getattr__(self, name):
        return getattr(self.solver, name)

    def refitted(self, refit):
        """Return a function like ``refit(cols, coef, intercept)`` that takes and returns intercepts of X."""
        refit = self.solver.refitted(refit)

        def refit_given(cols, coef, intercept):
            coef, intercept, residual = refit(cols, coef, intercept + self.means[cols] @ coef)
            return coef, intercept - self.means[cols] @ coef, residual
        return refit_given

    def repenalise(self, problem):
        """Go on under another penalty."""
        self.solver.repenalise(replace(problem, design=self.centred.design, correlation=self.centred.correlation))


def with_centred_columns(problem):
    """Return the problem with centred copies of the columns far from the origin; itself where there are none."""
    design = problem.design
    far = FAR_OF_SQUARES if problem.loss.is_quadratic and not design.matrix.is_sparse else FAR
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(problem.penalty.usable, np.abs(design.mean) / np.sqrt(design.norm2), 0.0)
    cols = np.flatnonzero(distance > far)
    if not len(cols):
        return problem
    room = int(max(ways().gram_bytes, design.matrix.nbytes / 4) / (8 * design.n_samples))
    cols = np.sort(cols[np.argsort(-distance[cols], kind="stable")[:room]])
    copies = np.concatenate([design.fitted(part, np.eye(len(part)))
                             for part in np.split(cols, np.arange(AT_ONCE, len(cols), AT_ONCE))])
    correlation = problem.correlation.copy()
    correlation[cols] = design.inner(copies, problem.loss.null_residual[None])[:, 0]
    return replace(problem, design=design.replaced(Replaced(design.matrix, cols, copies), cols, copies),
                   correlation=correlation)
