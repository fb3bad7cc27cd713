"""Which columns may matter: a guess that saves work (the strong rule), and a proof that saves looking (the filter).

The guess proposes the working set; only exact correlations or the proven bound dispose of a column, so screening
never changes an answer.
"""

from dataclasses import dataclass

import numpy as np

from .._engine import engine

ROUNDING = 64 * np.finfo(float).eps     # of a squared distance, per unit of the sizes that it is the difference of
CANDIDATE_SHARE = 0.95      # columns whose predicted correlation reaches this share of alpha join the working set


@dataclass(slots=True)
class Reference:
    """Coefficients of the first slots, their residual r, its correlations z = X'r with all columns, and |r|^2."""

    alpha: float
    coef: np.ndarray
    residual: np.ndarray
    z: np.ndarray
    norm2: float

    def kept(self):
        """The same, without the arrays that it may share with other references."""
        return Reference(self.alpha, self.coef.copy(), self.residual.copy(), self.z.copy(), self.norm2)


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
        score = np.abs(z[columns]) / np.maximum(problem.l1[columns], 1e-150)
        columns = np.sort(columns[np.argpartition(-score, limit - 1)[:limit]])
    return columns


def spans(design, references, slots, B, Z, size):
    """Split residuals into affine combinations of references and a rest: r_k = sum_a T[k, a] r_a + d_k, sum_a T = 1.

    Returns T and |d_k| rounded up. With affine combinations d = -X e, e = b_k - sum_a T[k, a] b_a: y cancels, and so
    X'X e is a combination of correlations that are known, Z of the solutions B and z of the references. `size` is |y|.
    """
    first, norms = references[0], np.sqrt(design.norm2[slots])
    coefs = np.zeros((len(references), len(slots)))
    for row, reference in zip(coefs, references, strict=True):
        row[:len(reference.coef)] = reference.coef
    D, F = coefs[1:] - coefs[0], first.z[slots] - np.array([a.z[slots] for a in references[1:]])    # F = X'X D
    E, H = B - coefs[0], first.z[slots] - Z                                                         # H = X'X E
    T = np.linalg.lstsq(F @ D.T, F @ E.T, rcond=1e-13)[0].T
    E, H = E - T @ D, H - T @ F
    reach = (size + np.abs(np.concatenate([coefs, B])) @ norms).max() * (1 + np.abs(T).sum(axis=1))
    rounding = ROUNDING * reach * (np.abs(E) @ norms)
    distance = np.sqrt(np.maximum((E * H).sum(axis=1), 0.0) + rounding)
    return np.ascontiguousarray(np.column_stack([1 - T.sum(axis=1), T])), distance


def unproven(problem, references, T, distance, alphas):
    """Columns that the references cannot prove inactive at some residual sum_a T[k, a] r_a + d_k."""
    found = np.empty(len(references[0].z), np.int64)
    count = engine.columns_to_check(np.array([a.z for a in references]), T, distance, problem.design.norm2, problem.l1,
                                    problem.lower, problem.upper, alphas, found)
    return found[:count]
