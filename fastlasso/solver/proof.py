"""What a solution proves: duality gaps from correlations, and how much rounding may hide in them.

For the dual point t r the gap is  loss.slack(|r|^2, t) + sum_j ( h_j(b_j) + h_j*(t z_j) - t z_j b_j ),  z = X'r, with
h_j* the conjugate of the penalty. No term is negative, so no digits cancel.
"""

from dataclasses import dataclass

import numpy as np

from .cost import ROUNDING

# Share of the rounding bound that counts where the residual is read from X. In 60 digits at most 1/180 was seen.
READ_SHARE = 1 / 64


@dataclass(slots=True)
class Evaluation:
    """Some solutions as X or the Gram matrix shows them.

    Attributes
    ----------
    norms : ndarray of shape (k,)
        |r|^2.
    Z : ndarray of shape (k, size)
        Correlations of the working set.
    rounding : ndarray of shape (k,)
        Bound on the error of each gap.
    R : k arrays of shape (n_samples,), or None
        Residuals, where they were formed.
    whole : k arrays of shape (n_features,), or None
        Correlations of all columns, where all were read.
    """

    norms: np.ndarray
    Z: np.ndarray
    rounding: np.ndarray
    R: np.ndarray | list | None = None
    whole: np.ndarray | list | None = None


def separate_gaps(loss, penalty, norm2, alphas, B, norms, Z):
    """Return the duality gap of each row of B, unpenalised coordinates taken one by one.

    `penalty`, norm2[j] = |x_j|^2, B and Z are those of the same columns; norms[k] is |r_k|^2. Columns may be left out
    where b = 0 and |z| <= alpha l1: they add nothing.
    """
    scales = penalty.scales(Z, alphas)
    gaps = loss.slack(norms, scales)
    penalty.add_slack(gaps, B, Z, alphas, scales, norm2)
    return gaps


def gap_errors(loss, penalty, alphas, B, norms, Z, error, shrink=0.0):
    """Return how much larger the gaps can be where the correlations Z are off by up to `error`.

    `shrink` is the delta by which columns that are not among these make the dual point shrink (`cost_of_errors`).
    """
    cost, delta = penalty.cost_of_errors(alphas, B, Z, error, shrink)
    return cost + loss.cost_of_shrinking(norms, delta)


def gram_rounding(loss, penalty, norm2, alphas, B, norms, Z):
    """Return what rounding of G, and of z = c - G b, may hide in each gap.

    With S = |y| + sum_k |x_k b_k|, z_j is known to +-ROUNDING |x_j| S.
    """
    sizes, norm = np.sqrt(norm2), loss.norm
    S = norm + np.abs(B) @ sizes
    return ROUNDING * S * norm + gap_errors(loss, penalty, alphas, B, norms, Z, ROUNDING * np.outer(S, sizes))
