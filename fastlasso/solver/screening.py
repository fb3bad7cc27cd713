"""Which columns may matter: a guess that saves work (the strong rule), and a proof that saves reading X (the filter).

The guess proposes the working set. Only exact correlations or the proven bound rule a column out, so screening never
changes an answer. Both start from anchors: solutions whose correlations with all columns are known ("safe rules
anchored at earlier solutions", Zeng, Yang and Breheny 2021, Comput. Stat. Data Anal. 153).
"""

from dataclasses import dataclass, replace

import numpy as np

# Rounding of a squared distance, per unit of the terms whose difference it is.
ROUNDING = 64 * np.finfo(float).eps
# Under squared error, columns whose predicted correlation reaches this share of alpha join the working set.
CANDIDATE_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Anchor:
    """A solution and what X says of it.

    Attributes
    ----------
    alpha : float
    coef : ndarray
        Coefficients of the working set as it was then: the first len(coef) columns of the present one.
    residual : ndarray of shape (n_samples,), or None
        r, centred, where it was formed.
    z : ndarray of shape (n_features,)
        X'r.
    norm2 : float
        |r|^2.
    prepared : bool
        Whether columns that are likely to matter below it have joined already.
    served : float
        Alpha down to which the columns that this anchor predicts have joined already (`Solver.approach`).
    """

    alpha: float
    coef: np.ndarray
    residual: np.ndarray | None
    z: np.ndarray
    norm2: float
    prepared: bool = False
    served: float = np.inf

    def on(self, places, size):
        """Return the same for a working set of `size` columns of which those at some places are left."""
        coef = np.zeros(size)
        coef[:len(self.coef)] = self.coef
        return replace(self, coef=coef[places])

    def copy(self):
        """Return the same with arrays of its own, so that the larger arrays behind these can be freed."""
        residual = None if self.residual is None else self.residual.copy()
        return replace(self, coef=self.coef.copy(), residual=residual, z=self.z.copy())


@dataclass(frozen=True, slots=True)
class Secants:
    """Correlations z of some columns at an alpha, and their slopes from the alpha before it; None at first."""

    cols: np.ndarray
    alpha: float
    z: np.ndarray
    slopes: np.ndarray | None = None

    def moved_to(self, alpha, z):
        """Return the same from here to `alpha`, where the correlations are z."""
        return Secants(self.cols, alpha, z, (z - self.z) / (alpha - self.alpha))

    def at(self, alpha):
        """Extrapolate the correlations to `alpha`."""
        return self.z + (alpha - self.alpha) * self.slopes

    def part(self, where):
        """Return those of some of the columns."""
        return Secants(self.cols[where], self.alpha, self.z[where], self.slopes[where])


def predicted(anchors, alpha):
    """Extrapolate the correlations to `alpha` along the secant through the last two anchors; return (z, reach).

    Between knots of the path z is linear in alpha. With one anchor only the strong rule's bound of slope 1 is left
    (Tibshirani et al. 2012, "Strong rules for discarding predictors"): |z_j| at `alpha` is at most |z_j| + reach.
    """
    last = anchors[-1]
    if len(anchors) == 1 or anchors[-2].alpha == last.alpha:
        return last.z, last.alpha - alpha
    before = anchors[-2]
    step = (alpha - last.alpha) / (last.alpha - before.alpha)
    return last.z + step * (last.z - before.z), 0.0


def candidates(penalty, norm2, anchors, alpha, outside, limit, share=CANDIDATE_SHARE):
    """Return columns outside the working set worth having at `alpha`, at most `limit`, the most promising ones.

    Their predicted correlation reaches a share of alpha. `outside(columns)` keeps those that are not in the working
    set; norm2[j] is |x_j|^2.
    """
    z, reach = predicted(anchors, alpha)
    bar = max(share * alpha - reach, 0.0)
    return strongest(penalty, z, outside(penalty.violators(z, norm2, bar, 1.0)), limit)


def strongest(penalty, z, columns, limit):
    """Return the `limit` columns that could enter at the largest alpha, in ascending order of index."""
    if len(columns) > limit:
        columns = np.sort(columns[np.argpartition(-penalty.score(z, columns), limit - 1)[:limit]])
    return columns


def known_of(anchors, working_set):
    """Return the coefficients of some anchors and their correlations, both on the working set."""
    coefs = np.zeros((len(anchors), len(working_set)))
    for row, anchor in zip(coefs, anchors, strict=True):
        row[:len(anchor.coef)] = anchor.coef
    return coefs, np.array([anchor.z[working_set] for anchor in anchors])


def project_on_anchors(norms, known, B, Z, size):
    """Split residuals into affine combinations of anchors and a rest: r_k = sum_a T[k, a] r_a + d_k, sum_a T = 1.

    Returns T and |d_k| rounded up. In an affine combination y cancels: d_k = -X e with e = b_k - sum_a T[k, a] b_a.
    So X'X e is a combination of known correlations, Z of the solutions B and those of the anchors: `known` is what
    `known_of` returns. `size` is |y|, `norms` are |x_j| on the working set.
    """
    coefs, of_anchors = known
    D, F = coefs[1:] - coefs[0], of_anchors[0] - of_anchors[1:]     # F = X'X D
    E, H = B - coefs[0], of_anchors[0] - Z                          # H = X'X E
    T = np.linalg.lstsq(F @ D.T, F @ E.T, rcond=1e-13)[0].T
    E, H = E - T @ D, H - T @ F
    reach = (size + np.abs(np.concatenate([coefs, B])) @ norms).max() * (1 + np.abs(T).sum(axis=1))
    rounding = ROUNDING * reach * (np.abs(E) @ norms)
    distance = np.sqrt(np.maximum((E * H).sum(axis=1), 0.0) + rounding)
    return np.ascontiguousarray(np.column_stack([1 - T.sum(axis=1), T])), distance


def unproven(penalty, norm2, anchors, T, distance, alphas):
    """Return the columns that the anchors cannot prove inactive at some residual sum_a T[k, a] r_a + d_k."""
    return penalty.not_cleared(np.array([a.z for a in anchors]), T, distance, norm2, alphas)
