"""path.grid."""

import numpy as np

from .. import validation

LONG_STEP = 0.6         # what counts as a large step
LOWEST_BRIDGE = 1e-6    # and no further than this
SMALLEST_SHARE = 1e-9   # of the largest alpha_max that these norms allow: an alpha_max below it is rounding


def given_grid(alphas, eps):
    """The alphas of the caller, descending, or None where a grid is to be made from a number of them and eps."""
    if np.ndim(alphas):
        return validation.alpha_grid(alphas)
    validation.whole_number(alphas, "alphas")
    validation.number(eps, "eps", 0.0, 1.0, low_open=True)
    return None


def automatic_grid(problem, n_alphas, eps):
    """Geometric grid from alpha_max to eps * alpha_max; that of ridge, whose alpha_max is infinite, is `ridge_grid`."""
    if problem.l1_ratio == 0:
        return ridge_grid(problem, n_alphas, eps)
    top = max(problem.alpha_max(), SMALLEST_SHARE * largest_correlation(problem)) or np.finfo(float).tiny ** 0.5
    if not top < np.inf:
        raise ValueError("alpha_max is infinite, as l1_ratio or a penalty factor is too near 0: pass alphas, or take "
                         "l1_ratio=0, which is ridge regression")
    return geometric(top, eps, n_alphas)


def ridge_grid(problem, n_alphas, eps):
    """Geometric grid from ten times the sum of the Gram matrix' eigenvalues to eps times their mean.

    Ridge shrinks along an eigenvector of the (scaled) Gram matrix with value d by d / (d + alpha): at the top of the
    grid everything is shrunk below a tenth. As it should, the grid does not depend on y.
    """
    used = (problem.l2 > 0) & np.isfinite(problem.l1)
    total = float(np.sum(problem.design.norm2[used] / problem.l2[used])) or 1.0
    return geometric(10 * total, 0.1 * eps / max(np.count_nonzero(used), 1), n_alphas)


def geometric(top, eps, n_alphas):
    return top * np.geomspace(1.0, eps, n_alphas)     # this way the grid scales exactly with the data


def largest_correlation(problem):
    """|y| max_j |x_j| / l1_j: no alpha_max can be larger."""
    return problem.first_entry(np.sqrt(2 * problem.null_objective) * np.sqrt(problem.design.norm2))


def run_length(alphas):
    """How many of the leading alphas follow each other without a large step."""
    if len(alphas) == 1:
        return 1
    large = np.flatnonzero(alphas[1:] < LONG_STEP * alphas[:-1])
    return int(large[0]) + 1 if len(large) else len(alphas)
