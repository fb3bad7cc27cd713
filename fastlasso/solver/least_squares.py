"""solver.least_squares."""

import numpy as np

from ..matrices.summed import CANCELLED

NO_WORSE = 1 + 1e-12        # a refit may raise |r|^2 by rounding, not by more
NEARLY_DEPENDENT = 1e-6     # eigenvalue of a Gram matrix, of the largest, below which X itself is asked
IMAGES = 8              # directions of unpenalised columns whose images are formed at once


class LeastSquares:
    """Exact steps and gains on unpenalised columns from their Gram matrix, dependent ones included.

    With D = diag |x_j|, D^-1 G D^-1 = V diag(s^2) V': whatever their units, columns count alike. The Gram matrix tells
    s^2 to some eps of the largest, X tells s to that: dependence to 1e-8, which float32 columns have by rounding, shows
    only in X. `images(V)` returns the rows (X v)' root-weighted and centred, for each row v of V, rounded to eps times
    the norms of the columns before they are centred, which are `sizes` of what they are after. By rounding of G, eps
    or where sums were subtracted eps / CANCELLED, a direction of small eigenvalue holds as much / s^2 of another one,
    and its image as much / s of that one's: where that matters it is taken out. Without images small eigenvalues count
    as zero.

    A direction whose image is nothing but rounding counts as zero, too. Rounding of row i is in proportion to its size,
    and that to its `root` sqrt(w_i / W), so what a light row has of such a direction may be true: then `vague` says
    that what these columns have to gain cannot be told.
    """

    def __init__(self, gram, images=None, sizes=None, root=None):
        norm = np.sqrt(np.maximum(np.diagonal(gram), 0.0))
        self.unit = np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0)
        values, self.vectors = np.linalg.eigh(gram * self.unit * self.unit[:, None])
        eps, largest = np.finfo(float).eps, max(values[-1], 0.0)
        cutoff = len(values) * eps * largest
        small = values < NEARLY_DEPENDENT * values[-1]
        self.basis, self.vague = None, False    # (X D^-1 v)' / s of the last directions v
        if images is not None and small.any():
            V, Z = self.vectors[:, small], self._images(images, small)
            turn, singular, self.basis = np.linalg.svd(Z, full_matrices=False)
            blur = eps / CANCELLED * largest / np.sqrt(np.min(values[~small], initial=largest))
            noise = max(Z.shape[1], len(values)) * eps
            if ((singular > noise * np.sqrt(largest)) & (singular <= blur)).any():
                V, Z = self._apart(V, Z, images, values, np.flatnonzero(~small))
                turn, singular, self.basis = np.linalg.svd(Z, full_matrices=False)
            self.vectors = np.hstack([self.vectors[:, ~small], V @ turn])
            values = np.concatenate([values[~small], singular**2])
            cutoff = (noise * np.maximum(sizes @ np.abs(self.vectors), np.sqrt(largest))) ** 2
            if root is not None:
                nothing = (values <= cutoff)[-len(singular):]
                left = np.abs(turn.T[nothing] @ Z).max(axis=0, initial=0.0)
                self.vague = self._is_more(left, noise, np.sqrt(sizes @ sizes) * root, images)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.scale = np.where(values > cutoff, 1 / np.sqrt(values), 0.0)

    def _images(self, images, directions):
        return images(np.ascontiguousarray(self.vectors[:, directions].T * self.unit))

    def _is_more(self, left, noise, size, images):
        """Whether a row has more left than `noise` of its size: of the values before they are centred, and after."""
        if (left <= noise * size).all():
            return False
        square, k = size * size, len(self.unit)
        for start in range(0, k, IMAGES):
            columns = np.eye(min(IMAGES, k - start), k, start) * self.unit
            square += (images(columns) ** 2).sum(axis=0)
        return bool((left > noise * np.sqrt(square)).any())

    def _apart(self, V, Z, images, values, others):
        """Directions V and their images Z without what they hold of other directions."""
        for start in range(0, len(others), IMAGES):
            part = others[start:start + IMAGES]
            U = self._images(images, part)
            shares = (U @ Z.T) / values[part, None]
            V, Z = V - self.vectors[:, part] @ shares, Z - shares.T @ U
        return V, Z

    def _coordinates(self, z, rooted):
        """The part of r in the span, in its orthonormal basis X D^-1 v / s: v'D^-1 z / s, or from root-weighted r."""
        part = self.scale * (self.vectors.T @ (self.unit * z))
        if self.basis is not None:
            part[-len(self.basis):] = np.where(self.scale[-len(self.basis):] > 0, self.basis @ rooted, 0.0)
        return part

    def step(self, z, rooted=None):
        """The change of the coefficients that brings X'r = z to zero."""
        return self.unit * (self.vectors @ (self.scale * self._coordinates(z, rooted)))

    def gain(self, z, rooted=None):
        """How much that step lowers the objective: z'G^+z / 2."""
        return 0.5 * float(np.sum(self._coordinates(z, rooted) ** 2))

    def worst_gain(self, error):
        """The largest gain that correlations within +-error of zero can stand for."""
        return 0.5 * float(np.sum((self.scale * (np.abs(self.vectors).T @ (self.unit * error))) ** 2))


def negligible(target, null_objective):
    """The gain from free columns that may be left where a gap of `target` is promised.

    Making the dual point orthogonal to them moves it by |d| = sqrt(2 gain), and the other correlations, and with them
    the gap, by as much: first order in |d|. So the gain itself must be of the order of the promise squared.
    """
    return 1e-6 * target * target / null_objective if null_objective > 0 else 0.0
