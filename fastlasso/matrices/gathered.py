"""matrices.gathered."""

import numpy as np

from .._engine import engine
from ..parallel import PIECE
from .tiling import cuts_by_size

DENSE_BLOCK = 1 << 20       # values gathered at a time: 8 MB
GATHERED_BYTES = 1 << 26    # memory always allowed for gathered dense columns: 64 MB


class DenseParts:
    """Dense columns, centred and scaled by sqrt(w); the state is the residual scaled alike.

    The columns are gathered once where that is little memory beside X, and block by block in each sweep where not.
    """

    def __init__(self, design, slots):
        n = design.n_samples
        self.design, self.slots, self.stored = design, slots, n * len(slots)
        self.root = np.full(n, n ** -0.5) if design.weights is None else np.sqrt(design.weights)
        width = max(1, DENSE_BLOCK // n)
        self.blocks = [(a, min(a + width, len(slots))) for a in range(0, len(slots), width)]
        keep = 8 * self.stored <= max(GATHERED_BYTES, design.matrix.nbytes / 4)
        self.kept = [design.gather(slots[a:b]) for a, b in self.blocks] if keep else None

    def _parts(self):
        for k, (a, b) in enumerate(self.blocks):
            self.design.pool.check()
            yield a, b, self.kept[k] if self.kept else self.design.gather(self.slots[a:b])

    def rooted_parts(self):
        """Yield (start, stop, columns as rows, centred and scaled by sqrt(w)): a few at a time."""
        return self._parts()

    def residual(self, y, b):
        """sqrt(w) (y - X b)."""
        used = np.flatnonzero(b)
        return self.root * self.design.residuals(y, self.slots[used], b[used][None])[0]

    def sweep(self, b, state, penalty):
        """One epoch; returns the largest move."""
        return max(engine.dense_sweeps(A, state, b[start:stop], *(part[start:stop] for part in penalty), 1)
                   for start, stop, A in self._parts())

    def correlations(self, state):
        """X'r for all slots."""
        out = np.zeros((len(self.slots), 1))
        for start, stop, A in self._parts():
            engine.products(A, state[None], len(state), out[start:stop])
        return out[:, 0]

    def norm2(self, state):
        """|r|^2."""
        return engine.dot(state, state)

    def rooted(self, state):
        """sqrt(w) r, which is the state."""
        return state


class SparseParts:
    """Gathered sparse columns; the state is the residual before its mean is taken off, which is the last entry."""

    def __init__(self, design, slots):
        self.design, self.pool = design, design.pool
        self.data, self.rows, indptr = design.gather(slots)
        self.indptr = indptr.astype(np.int64, copy=False)
        self.stored = len(self.data)
        self.mean = np.ascontiguousarray(design.mean[slots])
        self.weights = design.weights
        self.blocks, self.wx = cuts_by_size(self.indptr, PIECE), np.empty(self.stored)
        for _, _, indptr in self._parts():
            here = slice(indptr[0], indptr[-1])
            x = self.data[here]
            self.wx[here] = design.weigh(x) if design.weights is None else x * design.weights[self.rows[here]]

    def _parts(self):
        """Yield (start, stop, indptr): a few columns at a time."""
        for start, stop in self.blocks:
            self.pool.check()
            yield start, stop, self.indptr[start:stop + 1]

    def residual(self, y, b):
        """y - X b, and the mean of it."""
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
        """X'r for all slots."""
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

    def rooted_parts(self):
        """Yield (start, stop, columns as dense rows, centred and scaled by sqrt(w)): a few at a time."""
        n = self.design.n_samples
        width = max(1, DENSE_BLOCK // n)
        for start in range(0, len(self.mean), width):
            self.pool.check()
            indptr = self.indptr[start:start + width + 1]
            here = slice(indptr[0], indptr[-1])
            X = np.repeat(-self.mean[start:start + width, None], n, axis=1)
            np.add.at(X, (np.repeat(np.arange(len(X)), np.diff(indptr)), self.rows[here]), self.data[here])
            yield start, start + len(X), self.design.rooted(X)      # add.at, for entries may repeat
