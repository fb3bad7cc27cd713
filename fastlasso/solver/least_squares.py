"""Exact least squares on a few columns, dependent ones included, from their Gram matrix and, where needed, from X."""

import numpy as np

from .._engine import engine
from ..matrices.summed import CANCELLED

# A refit may raise |r|^2 by this factor, which allows for rounding.
NO_WORSE = 1 + 1e-12
# Directions with an eigenvalue below this share of the largest are measured by X itself, not by the Gram matrix.
NEARLY_DEPENDENT = 1e-6
# Where the rank is clear, singular values that count are above rounding by this factor.
SEPARATED = 1e3
# Where the rank is clear, those that do not count are within this many units in the last place of the columns.
LAST_PLACES = 4
EPSILON = float(np.finfo(float).eps)
# A Gram matrix of columns of unit norm is regular if every squared pivot is above this.
REGULAR = 1e-10
# Directions whose images are formed at once.
IMAGES = 8


class LeastSquares:
    """Exact steps and gains on columns from their Gram matrix, dependent ones included.

    With D = diag |x_j|, D^-1 G D^-1 = V diag(s^2) V': columns count alike, whatever their units. The Gram matrix gives
    s^2 to a few eps of the largest s^2; X gives s to a few eps of the largest s. So dependence to 1e-8, which float32
    columns have by rounding, shows only in X.

    A direction whose image X D^-1 v is below rounding counts as null. Rounding of row i scales with sqrt(w_i / W). A
    light row's part may exceed its own rounding there; then the direction may be real, and `undetermined` says that no
    gain can be claimed for these columns. It does so, too, where singular values fall smoothly through rounding, and
    where one lies between LAST_PLACES eps, the usual rounding, and m eps, the largest rounding of m terms.

    Rounding of G (eps, or eps / CANCELLED where sums were subtracted) mixes other directions into a direction of small
    eigenvalue s^2, in proportion to 1 / s^2, and their images into its image, in proportion to 1 / s. Where that
    matters, the other directions are projected out again. Without images, eigenvalues below rounding count as zero.

    Parameters
    ----------
    gram : ndarray of shape (k, k)
    images : callable, optional
        ``images(V)`` returns the rows (X v)', root-weighted and centred, for each row v of V.
    sizes : ndarray of shape (k,), optional
        Norms of the columns before centring, as multiples of their norms after it. Images are exact to eps times
        these.
    root : ndarray of shape (n_samples,), optional
        sqrt(w_i / W); None for equal weights.

    Attributes
    ----------
    basis : ndarray of shape (k', n_samples), or None
        (X D^-1 v)' / s of the last directions v, where X was asked.
    undetermined : bool
    blur : float
        Rounding of the images leaves about this share of r in the span after `step`.
    """

    def __init__(self, gram, images=None, sizes=None, root=None):
        norm = np.sqrt(np.maximum(np.diagonal(gram), 0.0))
        self.unit = np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0)
        values, self.vectors = np.linalg.eigh(gram * self.unit * self.unit[:, None])
        largest = max(values[-1], 0.0)
        cutoff, small = len(values) * EPSILON * largest, values < NEARLY_DEPENDENT * values[-1]
        self.basis, self.undetermined, self.blur = None, False, 0.0
        if images is not None and small.any():
            values, cutoff = self._measured(values, small, images, sizes, root)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.scale = np.where(values > cutoff, 1 / np.sqrt(values), 0.0)

    def _measured(self, values, small, images, sizes, root):
        """Measure the directions of small eigenvalues by X; return (all squared singular values, what rounding is)."""
        largest = values[-1]
        V, Z = self.vectors[:, small], self._images(images, small)
        left_vectors, singular, self.basis = np.linalg.svd(Z, full_matrices=False)
        gram_error = EPSILON / CANCELLED * largest / np.sqrt(np.min(values[~small], initial=largest))
        if ((singular > LAST_PLACES * EPSILON * np.sqrt(largest)) & (singular <= gram_error)).any():
            V, Z = self._orthogonalised(V, Z, images, values, np.flatnonzero(~small))
            left_vectors, singular, self.basis = np.linalg.svd(Z, full_matrices=False)
        self.vectors = np.hstack([self.vectors[:, ~small], V @ left_vectors])
        values, noise = np.concatenate([values[~small], singular**2]), max(Z.shape[1], len(values)) * EPSILON
        size2 = np.maximum(sizes @ np.abs(self.vectors), np.sqrt(largest)) ** 2
        cutoff = noise**2 * size2
        self._tell_rank(values, cutoff, (LAST_PLACES * EPSILON) ** 2 * size2)
        if root is not None and not self.undetermined:
            nothing = (values <= cutoff)[-len(singular):]
            left = np.abs(left_vectors.T[nothing] @ Z).max(axis=0, initial=0.0)
            self.undetermined = self._exceeds_rounding(left, noise, np.sqrt(sizes @ sizes) * root, images)
        return values, cutoff

    def _tell_rank(self, values, worst, usual):
        """Set `undetermined` and `blur`, from what rounding is at worst and as a rule, per squared singular value."""
        null = values <= worst
        unclear = np.where(null, values > usual, values < SEPARATED**2 * worst)
        self.undetermined = bool(null.any() and unclear.any())
        near = ~null & (values < NEARLY_DEPENDENT)
        self.blur = float(np.sqrt(np.max(usual[near] / values[near], initial=0.0)))

    def _images(self, images, directions):
        return images(np.ascontiguousarray(self.vectors[:, directions].T * self.unit))

    def _exceeds_rounding(self, left, noise, size, images):
        """Whether a row has more left than `noise` times its size, that of its values before centring and after."""
        if (left <= noise * size).all():
            return False
        square, k = size * size, len(self.unit)
        for start in range(0, k, IMAGES):
            columns = np.eye(min(IMAGES, k - start), k, start) * self.unit
            square += (images(columns) ** 2).sum(axis=0)
        return bool((left > noise * np.sqrt(square)).any())

    def _orthogonalised(self, V, Z, images, values, others):
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
        """How much `step` lowers the objective: z'G^+z / 2."""
        return 0.5 * float(np.sum(self._coordinates(z, rooted) ** 2))

    def worst_gain(self, error):
        """The largest gain that correlations within +-error of zero can stand for."""
        return 0.5 * float(np.sum((self.scale * (np.abs(self.vectors).T @ (self.unit * error))) ** 2))


def step_of(gram, z):
    """Return G^+ z: by a Cholesky factor where its pivots show that G is regular, else by eigenvectors.

    Parameters
    ----------
    gram : ndarray of shape (k, k)
    z : ndarray of shape (k,)
    """
    diagonal = np.diagonal(gram)
    if diagonal.min() > 0:
        unit = 1 / np.sqrt(diagonal)
        factor = np.ascontiguousarray(gram * unit * unit[:, None])
        if engine.cholesky(factor) and np.diagonal(factor).min() ** 2 > REGULAR:
            step = unit * z
            engine.cholesky_solve(factor, step)
            return unit * step
    return LeastSquares(gram).step(z)


def largest_gain_ignored(target, null_objective):
    """Return the largest gain from unpenalised columns that may be ignored where a gap of `target` is promised.

    Projecting these columns out of the dual point moves it by |d| = sqrt(2 gain). The other correlations, and with
    them the gap, move to first order in |d|. So the gain must be of the order of the squared target.
    """
    return 1e-6 * target * target / null_objective if null_objective > 0 else 0.0
