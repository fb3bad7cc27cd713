"""solver.row_systems."""

import numpy as np

from .._engine import engine
from ..penalties.separable import orthant
from ..ways import ways
from .cost import (
    NS_PRODUCT,
    NS_REBUILD,
    NS_ROW_PAIR,
    NS_SCALED,
    ROUNDING,
    SWEEPS_PER_ALPHA,
    visit_cost,
)


class RidgeRows:
    """Ridge regression on few rows, exactly at every alpha, from the decomposition X diag(l2)^-1/2 = V diag(s) U'.

        b = diag(l2)^-1/2 U diag(s / (s^2 + alpha)) V'y         (Hastie, Tibshirani and Friedman 2009, eq. 3.47)

    Sweeps get nowhere on columns of means far from zero, and the squares of s in a Gram matrix lose half of its digits.
    """

    def __init__(self, problem, slots, columns):
        self.problem, self.columns, self.root = problem, columns, np.sqrt(problem.l2[slots])
        n = problem.design.n_samples
        cheap = NS_ROW_PAIR * n * n * len(slots) <= SWEEPS_PER_ALPHA * visit_cost(problem.design) * columns.stored
        self.applies = (cheap and 32 * n * len(slots) <= ways().gram_bytes / 8 and self.root.min() > 0
                        and not problem.l1[slots].any())
        if self.applies:
            X = np.concatenate([part for _, _, part in columns.rooted_parts()])
            self.U, self.s, self.V = np.linalg.svd(X / self.root[:, None], full_matrices=False)

    def solve(self, alpha):
        """The coefficients; what rounding left of them is solved once more."""
        b = np.zeros(len(self.root))
        for _ in range(2):
            left = self.columns.rooted(self.columns.residual(self.problem.y, b))
            shrunk = (self.s * (self.V @ left) - alpha * (self.root * b) @ self.U) / (self.s**2 + alpha)
            b += self.U @ shrunk / self.root
        return b


class RowSteps:
    """Newton steps for more columns than rows, all of them with a ridge part, by a system of as many equations as rows.

    On the coordinates F that are neither zero nor at a bound, with D = alpha diag(l2_F) and the gradient g there,

        d = -(X_F'X_F + D)^-1 g = h - D^-1 X_F's,    (I + X_F D^-1 X_F') s = X_F h,    h = -D^-1 g

    (Woodbury's identity). Columns that are copies of each other share a coefficient so slowly in sweeps, by a factor of
    1 + alpha l2 / |x_j|^2 each, that there may be thousands.
    """

    def __init__(self, problem, slots, columns):
        self.problem, self.slots, self.columns, self.least_alpha = problem, slots, columns, np.inf
        n, least = problem.design.n_samples, problem.l2[slots].min(initial=np.inf)
        if n <= min(ways().largest_newton, len(slots)) and least > 0:
            cost = (NS_PRODUCT * n + NS_SCALED) * n * len(slots) + 2 * NS_REBUILD * n**3
            self.sweeps = cost / (visit_cost(problem.design) * max(columns.stored, 1))
            # below it nothing but rounding is left of h - D^-1 X's
            self.least_alpha = ROUNDING * problem.design.norm2[slots].max() / least

    def step(self, alpha, b, z):
        """The step d from b, whose correlations are z, and the bounds between which its signs hold."""
        problem, slots, n = self.problem, self.slots, self.problem.design.n_samples
        l1, l2 = alpha * problem.l1[slots], alpha * problem.l2[slots]
        inside, low, high = orthant(b, l1, problem.lower[slots], problem.upper[slots])
        h = np.where(inside, (z - l1 * np.sign(b) - l2 * b) / l2, 0.0)
        system, right = np.eye(n), np.zeros((n, 1))
        for a, rows in self._scaled_rows(inside, l2):
            engine.products(rows, rows, rows.shape[1], system)
            engine.products(rows, (h * np.sqrt(l2))[None, a], rows.shape[1], right)
        s = np.linalg.solve(system, right[:, 0])
        for a, rows in self._scaled_rows(inside, l2):
            h[a] -= s @ rows / np.sqrt(l2[a])
        return h, low, high

    def _scaled_rows(self, inside, l2):
        """Yield some of the columns in F, divided by sqrt(l2), as (their places, n rows)."""
        for start, stop, A in self.columns.rooted_parts():
            at = np.flatnonzero(inside[start:stop])
            yield start + at, np.ascontiguousarray((A[at] / np.sqrt(l2[start + at, None])).T)
