"""The grid of alphas: the caller's, or an automatic one; and which steps down it are long."""

import numpy as np

from .. import validation

# A step down to less than this share of the last alpha is long.
LONG_STEP = 0.6
# A cold start is approached from alpha_max in small steps, down to this share of it.
LOWEST_APPROACH = 1e-6
# An alpha_max below this share of the largest one that the norms allow is rounding.
SMALLEST_SHARE = 1e-9


def given_grid(alphas, eps):
    """The alphas of the caller, descending, or None where a grid is to be made from a number of them and eps."""
    if np.ndim(alphas):
        return validation.alpha_grid(alphas)
    validation.whole_number(alphas, "alphas")
    validation.number(eps, "eps", 0.0, 1.0, low_open=True)
    return None


def count_of(alphas):
    """Return how many alphas a grid has that a caller asks for, by their number or one by one."""
    return np.size(alphas) if np.ndim(alphas) else alphas


def grid_of(solver, alphas, eps):
    """Return the caller's alphas in descending order, or an automatic grid of so many for a started solver."""
    grid = given_grid(alphas, eps)
    return automatic_grid(solver, alphas, eps) if grid is None else grid


def automatic_grid(solver, n_alphas, eps):
    """Return the geometric grid from alpha_max to eps * alpha_max.

    Ridge regression has no alpha_max > 0; its grid is `ridge_grid`.
    """
    problem = solver.problem
    if problem.l1_ratio == 0:
        return ridge_grid(problem, n_alphas, eps)
    top = max(solver.alpha_max, SMALLEST_SHARE * largest_correlation(problem)) or np.finfo(float).tiny ** 0.5
    if not top < np.inf:
        raise ValueError("alpha_max is infinite, as l1_ratio or a penalty factor is too near 0: pass alphas, or take "
                         "l1_ratio=0, which is ridge regression")
    return geometric(top, eps, n_alphas)


def ridge_grid(problem, n_alphas, eps):
    """Return the geometric grid from ten times the sum of the Gram matrix' eigenvalues to eps times their mean.

    Along an eigenvector of the (scaled) Gram matrix with eigenvalue d, ridge multiplies the fit by d / (d + alpha). At
    the top of the grid that factor is below a tenth everywhere. The grid does not depend on y.
    """
    total, count = problem.penalty.ridge_eigenvalues(problem.design.norm2)
    return geometric(10 * (total or 1.0), 0.1 * eps / max(count, 1), n_alphas)


def geometric(top, eps, n_alphas):
    """Return top * (1, ..., eps), a product, so that the grid scales exactly with the data."""
    return top * np.geomspace(1.0, eps, n_alphas)


def largest_correlation(problem):
    """|y| max_j |x_j| / l1_j: no alpha_max can be larger."""
    return problem.penalty.first_entry(problem.loss.norm * np.sqrt(problem.design.norm2))


def run_length(alphas):
    """How many of the leading alphas follow each other without a long step (LONG_STEP)."""
    if len(alphas) == 1:
        return 1
    large = np.flatnonzero(alphas[1:] < LONG_STEP * alphas[:-1])
    return int(large[0]) + 1 if len(large) else len(alphas)
