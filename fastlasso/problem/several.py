"""The problems of several targets on one X, which is checked and measured once for all of them."""

import numpy as np

from ..matrices.choose import as_matrix
from ..matrices.summed import summed_with, sums_of_targets
from .problem import Given

# Targets whose sums are formed in one pass, or as many as X has columns: that pass costs as much as the Gram matrix.
TOGETHER = 64


class SeveralTargets:
    """The problem of each target, with the bits of one that is posed alone.

    Where moments and Gram matrix come from one pass (`Matrix.pays_to_sum`), that pass serves many targets. Elsewhere
    each target takes a pass of its own for X'y, and all share the Gram matrix of all columns where there is one.

    Parameters
    ----------
    X : array, sparse matrix, frame or Matrix
    columns : list of ndarray of shape (n_samples,)
        The targets.
    options : Options
    """

    def __init__(self, X, columns, options):
        self.X, self.columns, self.options = X, columns, options
        self._given, self._kept = None, {}
        self._first, self._losses, self._sums = 0, [], None

    def problem(self, k, pool):
        """Return the `Problem` of target k."""
        if self._given is None:
            self._given, self.X = Given.of(self.X, self.options, None), None
        given = self._given
        if given.is_quadratic and given.matrix.pays_to_sum:
            return self._from_sums(k, pool)
        matrix = as_matrix(given.matrix.source)     # one far away keeps copies of its columns for one fit
        kept = self._kept if given.is_quadratic and matrix.is_compressible(matrix.shape[1]) else None
        return given.problem(given.loss(self.columns[k], pool), matrix, pool, kept=kept)

    def _from_sums(self, k, pool):
        given, together = self._given, max(TOGETHER, self._given.matrix.shape[1])
        first = k - k % together
        if not self._losses or first != self._first:
            self._first, self._losses = first, [given.loss(y, pool) for y in self.columns[first:first + together]]
            self._sums = sums_of_targets(given.matrix, np.array([loss.y for loss in self._losses]), given.weights, pool)
        matrix = summed_with(given.matrix, *self._sums, k - first)
        return given.problem(self._losses[k - first], matrix, pool)
