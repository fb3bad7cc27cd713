"""Which columns may matter: a guess that saves work (the strong rule), and a proof that saves looking (the filter).

The guess proposes the working set; only exact correlations or the proven bound dispose of a column, so screening
never changes an answer.
"""

from dataclasses import dataclass

import numpy as np

from ._engine import engine

CANDIDATE_SHARE = 0.95      # columns whose predicted correlation reaches this share of alpha join the working set


@dataclass(slots=True)
class Reference:
    """A residual with its exact correlations z = X'r with every column and its squared norm, at `alpha`."""

    alpha: float
    residual: np.ndarray
    z: np.ndarray
    norm2: float


def predicted(references, alpha):
    """Extrapolate the correlations to `alpha` along the secant through the last two references.

    Between knots of the path z is linear in alpha. With one reference only the strong rule's bound of slope 1 is left
    (Tibshirani et al. 2012, "Strong rules for discarding predictors"): returned as |z| + (z's alpha - alpha).
    """
    last = references[-1]
    if len(references) == 1 or references[-2].alpha == last.alpha:
        return last.z, last.alpha - alpha
    before = references[-2]
    step = (alpha - last.alpha) / (last.alpha - before.alpha)
    return last.z + step * (last.z - before.z), 0.0


def candidates(problem, references, alpha, outside, limit):
    """Columns outside the working set worth having at `alpha`, at most `limit`, the most promising ones.

    `outside(columns)` keeps those that are not in the working set.
    """
    z, reach = predicted(references, alpha)
    found = np.empty(len(z), np.int64)
    bar = max(CANDIDATE_SHARE * alpha - reach, 0.0)
    count = engine.violators(z, problem.l1, problem.lower, problem.upper,
                             problem.design.norm2, bar, 1.0, 0.0, found)
    return strongest(problem, z, outside(found[:count]), limit)


def strongest(problem, z, columns, limit):
    """The `limit` columns with the largest |z| / l1, in ascending order of index."""
    if len(columns) > limit:
        l1 = problem.l1[columns]
        score = np.abs(z[columns]) / np.where(l1 > 0, l1, 1e-300)
        columns = np.sort(columns[np.argpartition(-score, limit - 1)[:limit]])
    return columns


def spans(design, R, a, b):
    """Project residuals on two references: (T, |d| rounded up) of R[k] = T[k, 0] r_a + T[k, 1] r_b + d_k."""
    ra, rb = a.residual[None], b.residual[None]
    across = design.inner(ra, rb)[0, 0]
    inner = np.concatenate([design.inner(ra, R), design.inner(rb, R)])
    T = np.linalg.lstsq([[a.norm2, across], [across, b.norm2]], inner, rcond=1e-13)[0].T.copy()
    distance = np.empty(len(R))
    engine.distances(R, a.residual, b.residual, T, design.weights, distance)
    return T, distance + 1e-13 * np.sqrt(a.norm2 + b.norm2)


def unproven(problem, a, b, T, distance, alphas):
    """Columns that the references a, b cannot prove inactive at some residual T[k, 0] r_a + T[k, 1] r_b + d_k."""
    found = np.empty(len(a.z), np.int64)
    count = engine.columns_to_check(a.z, b.z, T, distance, problem.design.norm2, problem.l1, problem.lower,
                                    problem.upper, alphas, found)
    return found[:count]
