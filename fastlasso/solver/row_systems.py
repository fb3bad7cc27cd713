"""Systems of as many equations as rows, for more columns than rows that all have a ridge part."""

import numpy as np

from .._engine import engine
from ..ways import ways
from .cost import NS_PRODUCT, NS_REBUILD, NS_ROW_PAIR, NS_SCALED, ROUNDING, SWEEPS_PER_ALPHA


class RidgeRows:
    """Ridge regression on few rows, exactly at every alpha, from the decomposition X diag(l2)^-1/2 = V diag(s) U'.

        b = diag(l2)^-1/2 U diag(s / (s^2 + alpha)) V'y         (Hastie, Tibshirani and Friedman 2009, eq. 3.47)

    On columns with means far from zero sweeps stall, and a Gram matrix, which holds s^2, loses half of the digits.
    """

    def __init__(self, design, loss, penalty, gathered):
        self.loss, self.gathered, self.root = loss, gathered, np.sqrt(penalty.ridge_curvature(1.0))
        n, size = design.n_samples, len(penalty)
        cheap = NS_ROW_PAIR * n * n * size <= SWEEPS_PER_ALPHA * design.matrix.visit_ns * gathered.stored
        self.applies = cheap and 32 * n * size <= ways().gram_bytes / 8 and penalty.is_ridge
        if self.applies:
            X = np.concatenate([part for _, _, part in gathered.rooted_parts()])
            self.U, self.s, self.V = np.linalg.svd(X / self.root[:, None], full_matrices=False)

    def solve(self, alpha):
        """Return the coefficients, after one round of iterative refinement."""
        b = np.zeros(len(self.root))
        for _ in range(2):
            left = self.gathered.rooted(self.gathered.residual(self.loss.y, b))
            shrunk = (self.s * (self.V @ left) - alpha * (self.root * b) @ self.U) / (self.s**2 + alpha)
            b += self.U @ shrunk / self.root
        return b


class RowSteps:
    """Newton steps by a system of as many equations as rows.

    On the coordinates F that are neither zero nor at a bound, with D = alpha diag(l2_F) and the gradient g there,

        d = -(X_F'X_F + D)^-1 g = h - D^-1 X_F's,    (I + X_F D^-1 X_F') s = X_F h,    h = -D^-1 g

    (Woodbury's identity). Between columns that are copies of each other, a sweep reduces the error only by a factor of
    1 + alpha l2 / |x_j|^2, so sweeps alone may take thousands.

    Attributes
    ----------
    sweeps : float
        How many sweeps cost as much as a step.
    least_alpha : float
        Below this alpha h - D^-1 X_F's is all rounding; infinite where these steps cannot be taken.
    """

    def __init__(self, design, penalty, columns, gathered):
        self.penalty, self.gathered, self.least_alpha = penalty, gathered, np.inf
        n, size, least = design.n_samples, len(columns), penalty.ridge_curvature(1.0).min(initial=np.inf)
        self.n_samples = n
        if n <= min(ways().largest_newton, size) and least > 0:
            cost = (NS_PRODUCT * n + NS_SCALED) * n * size + 2 * NS_REBUILD * n**3
            self.sweeps = cost / (design.matrix.visit_ns * max(gathered.stored, 1))
            self.least_alpha = ROUNDING * design.norm2[columns].max() / least

    def step(self, alpha, b, z):
        """Return the step d from b, whose correlations are z, and the bounds between which its signs hold."""
        curvature, n = self.penalty.ridge_curvature(alpha), self.n_samples
        inside, low, high = self.penalty.orthant(b, alpha)
        h = np.where(inside, self.penalty.pull(z, b, alpha) / curvature, 0.0)
        system, right = np.eye(n), np.zeros((n, 1))
        for a, rows in self._scaled_rows(inside, curvature):
            engine.products(rows, rows, rows.shape[1], system)
            engine.products(rows, (h * np.sqrt(curvature))[None, a], rows.shape[1], right)
        s = np.linalg.solve(system, right[:, 0])
        for a, rows in self._scaled_rows(inside, curvature):
            h[a] -= s @ rows / np.sqrt(curvature[a])
        return h, low, high

    def _scaled_rows(self, inside, curvature):
        """Yield some of the columns in F, divided by sqrt(alpha l2), as (their places, n rows)."""
        for start, stop, A in self.gathered.rooted_parts():
            at = np.flatnonzero(inside[start:stop])
            yield start + at, np.ascontiguousarray((A[at] / np.sqrt(curvature[start + at, None])).T)
