"""Columns gathered for coordinate descent on the columns themselves: one class for dense ones, one for sparse ones.

Both have the same methods on a `state` that stands for the residual: `residual`, `sweep`, `correlations`, `norm2`,
`rooted`, `rooted_parts`, `rooted_at`; `stored` is the number of stored values. A `design` is the `Design` that reads
the matrix.
"""

from itertools import pairwise

import numpy as np

from .._engine import engine
from ..parallel import PIECE
from ..ways import ways
from .tiling import cuts_by_size, root_weights

# Values gathered at a time: 8 MB.
DENSE_BLOCK = 1 << 20


class GatheredDense:
    """Dense columns, centred and scaled by sqrt(w); the state is the residual scaled by sqrt(w).

    The columns are gathered once where that takes little memory beside X, otherwise block by block in each sweep.
    """

    def __init__(self, design, cols):
        n = design.n_samples
        self.design, self.cols, self.stored = design, cols, n * len(cols)
        self.root = root_weights(design.weights, n)
        width = max(1, DENSE_BLOCK // n)
        self.blocks = [(a, min(a + width, len(cols))) for a in range(0, len(cols), width)]
        keep = 8 * self.stored <= max(ways().gram_bytes / 4, design.matrix.nbytes / 4)
        self.kept = [design.gather(cols[a:b]) for a, b in self.blocks] if keep else None

    def _parts(self):
        for k, (a, b) in enumerate(self.blocks):
            self.design.pool.check()
            yield a, b, self.kept[k] if self.kept else self.design.gather(self.cols[a:b])

    def rooted_parts(self):
        """Yield (start, stop, columns as rows, centred and scaled by sqrt(w)): a few at a time."""
        return self._parts()

    def rooted_at(self, places):
        """Yield (some of the sorted `places`, their columns as in `rooted_parts`): a few at a time."""
        ends = np.searchsorted(places, [b for _, b in self.blocks])
        for k, (start, stop) in enumerate(pairwise([0, *ends])):
            if start < stop:
                self.design.pool.check()
                at = places[start:stop]
                yield at, self.kept[k][at - self.blocks[k][0]] if self.kept else self.design.gather(self.cols[at])

    def residual(self, y, b):
        """sqrt(w) (y - X b)."""
        used = np.flatnonzero(b)
        return self.root * self.design.residuals(y, self.cols[used], b[used][None])[0]

    def sweep(self, b, state, penalty):
        """One epoch; returns the largest move."""
        return max(engine.dense_sweeps(A, state, b[start:stop], *(part[start:stop] for part in penalty), 1)
                   for start, stop, A in self._parts())

    def correlations(self, state):
        """X'r for all cols."""
        out = np.empty(len(self.cols))
        for start, stop, A in self._parts():
            self.design.pool.share(lambda a, b, crew, A=A, part=out[None, start:stop]: engine.dense_dots(
                A.T, a, b, state[None], part, crew), len(A), len(state))
        return out

    def norm2(self, state):
        """|r|^2."""
        return engine.dot(state, state)

    def rooted(self, state):
        """sqrt(w) r, which is the state."""
        return state

    def unrooted(self, v):
        """Return the state with sqrt(w) r = v."""
        return v


class GatheredSparse:
    """Gathered sparse columns; the state is the residual before centring, then as last entry the mean to subtract."""

    def __init__(self, design, cols):
        self.design = design
        self.data, self.rows, indptr = design.gather(cols)
        self.indptr = indptr.astype(np.int64, copy=False)
        self.stored = len(self.data)
        self.mean = np.ascontiguousarray(design.mean[cols])
        self.weights, self.root = design.weights, root_weights(design.weights, design.n_samples)
        self.blocks, self.wx = cuts_by_size(self.indptr, PIECE), np.empty(self.stored)
        for _, _, indptr in self._parts():
            here = slice(indptr[0], indptr[-1])
            x = self.data[here]
            self.wx[here] = design.weigh(x) if design.weights is None else x * design.weights[self.rows[here]]

    def _parts(self):
        """Yield (start, stop, indptr): a few columns at a time."""
        for start, stop in self.blocks:
            self.design.pool.check()
            yield start, stop, self.indptr[start:stop + 1]

    def residual(self, y, b):
        """y - X b with X not centred, then the mean of it, -mean.b."""
        fitted = np.zeros(len(y))
        for start, stop, indptr in self._parts():
            engine.sparse_combine(self.data, self.rows, indptr, b[start:stop], fitted)
        return np.append(y - fitted, -engine.dot(self.mean, b))

    def sweep(self, b, state, penalty):
        """One epoch; returns the largest move."""
        largest = 0.0
        for start, stop, indptr in self._parts():
            moved, state[-1] = engine.sparse_sweeps(self.data, self.rows, indptr, self.wx, self.mean[start:stop],
                                                    state[:-1], state[-1], b[start:stop],
                                                    *(part[start:stop] for part in penalty), 1)
            largest = max(largest, moved)
        return largest

    def correlations(self, state):
        """X'r for all cols."""
        z = np.empty(len(self.mean))
        for start, stop, indptr in self._parts():
            engine.sparse_correlations(self.rows, indptr, self.wx, self.mean[start:stop], state[:-1], state[-1],
                                       z[start:stop])
        return z

    def norm2(self, state):
        """|r|^2."""
        r = state[:-1] - state[-1]
        return engine.dot(r, r) / len(r) if self.weights is None else engine.dot(self.weights, r * r)

    def rooted(self, state):
        """sqrt(w) r."""
        return self.design.rooted(state[:-1] - state[-1])

    def unrooted(self, v):
        """Return a state whose correlations are those of sqrt(w) r = v; with an intercept r need not be centred."""
        r = np.divide(v, self.root, out=np.zeros(len(v)), where=self.root > 0)
        return np.append(r, engine.dot(self.root, v) if self.design.fit_intercept else 0.0)

    def rooted_parts(self):
        """Yield (start, stop, columns as dense rows, centred and scaled by sqrt(w)): a few at a time."""
        for at, X in self.rooted_at(np.arange(len(self.mean))):
            yield at[0], at[-1] + 1, X

    def rooted_at(self, places):
        """Yield (some of the `places`, their columns as in `rooted_parts`): a few at a time."""
        n = self.design.n_samples
        width = max(1, DENSE_BLOCK // n)
        for start in range(0, len(places), width):
            self.design.pool.check()
            at = places[start:start + width]
            counts = self.indptr[at + 1] - self.indptr[at]
            column = np.repeat(np.arange(len(at)), counts)
            here = np.arange(len(column)) + np.repeat(self.indptr[at] - np.cumsum(counts) + counts, counts)
            X = np.repeat(-self.mean[at, None], n, axis=1)
            np.add.at(X, (column, self.rows[here]), self.data[here])        # np.add.at, because entries may repeat
            yield at, self.design.rooted(X)
