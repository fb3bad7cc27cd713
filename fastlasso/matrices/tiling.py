"""How passes over a matrix are cut into pieces, so that no result depends on the number of threads."""

from itertools import pairwise

import numpy as np

from .._engine import engine
from ..parallel import MULTIPLIES, PIECE

# Rows of a working set gathered at a time: 512 x 300 columns is 1.2 MB, inside L2.
GATHER_ROWS = 512
# Values in all partial Gram matrices of a parallel sum: 2 MB.
SEGMENT_VALUES = 1 << 18
# Columns per triangular step of a Gram matrix, a multiple of the rows of a register tile.
GRAM_TILE = 24
# float64 values per cache line: reading scattered columns of a row moves up to that many times the data.
LINE = 8


def products(R, S):
    """R S', added up in an order that does not depend on a BLAS."""
    out = np.zeros((len(R), len(S)))
    engine.products(np.ascontiguousarray(R), np.ascontiguousarray(S), R.shape[1], out)
    return out


def row_products(R, S):
    """The inner product of each row of R with the same row of S, to the bits of `products`."""
    out = np.zeros(len(R))
    engine.row_products(np.ascontiguousarray(R), np.ascontiguousarray(S), out)
    return out


def equal_weights(n):
    """1/n, n times."""
    return np.full(n, 1.0 / n)


def weighed(R, w):
    """w_i R[:, i], or R itself for no weights."""
    return R if w is None else R * w


def loads(parts):
    """Return lists of (group, rows) to gather at once: all groups together, a single one by GATHER_ROWS rows."""
    present = [(group, rows) for group, rows in enumerate(parts) if len(rows)]
    if len(present) > 1:
        return [present]
    return [[(group, rows[k:k + GATHER_ROWS])] for group, rows in present for k in range(0, len(rows), GATHER_ROWS)]


def aligned(n_rows, n_cols):
    """An empty array whose rows begin cache lines: loads that straddle two lines make products 1.3 times as slow."""
    length = -(-n_cols // 8) * 8
    memory = np.empty(8 * n_rows * length + 64, np.uint8)
    start = -address(memory) % 64
    return memory[start:start + 8 * n_rows * length].view(np.float64).reshape(n_rows, length)[:, :n_cols]


def zero_lanes(n_rows, lanes):
    """Zeros whose rows of 1, 2, 4 or 8 values never straddle two cache lines: scattered sums took twice as long."""
    memory = np.zeros(n_rows * lanes + 8)
    start = -address(memory) % 64 // 8
    return memory[start:start + n_rows * lanes].reshape(n_rows, lanes)


def address(memory):
    """Where an array begins. `memory.ctypes.data` takes 20 times as long."""
    return memory.__array_interface__["data"][0]


def even_cuts(n, count):
    """Cut range(n) into `count` even pieces, from 1 to 8 of them and none empty."""
    edges = np.linspace(0, n, int(np.clip(count, 1, max(1, min(n, 8)))) + 1).astype(int).tolist()
    return list(pairwise(edges))


def cuts_by_size(ends, size):
    """Cut the slices ends[s]..ends[s + 1], which begin at 0, into (start, stop) runs of about `size` values."""
    if ends[-1] <= size:
        return [(0, len(ends) - 1)]
    edges = np.unique(np.r_[0, np.searchsorted(ends, np.arange(0, ends[-1], size)), len(ends) - 1])
    return list(pairwise(edges.tolist()))


def converted(X, dtype, order="K"):
    """As X.astype(dtype, order), some rows at a time: Ctrl-C is served between them."""
    out = np.empty_like(X, dtype=dtype, order=order)
    step = max(1, PIECE * len(X) // max(X.size, 1))
    for start in range(0, len(X), step):
        out[start:start + step] = X[start:start + step]
    return out


def add_sums(block, rows, p, S):
    """Add products of the p columns, the targets and the constant in `block` to S, less those of two targets."""
    engine.add_triangle(block, rows, S, 0, p)
    for k in range(p, len(block) - 1):
        engine.products(block[k:k + 1], block[k:k + 1], rows, S[k:k + 1, k:k + 1])
    engine.products(block[p:], block[-1:], rows, S[p:, -1:])


def column_work(n, k):
    """Cost of k multiply-adds with each of n values, in values read from memory."""
    return n + n * k // MULTIPLIES


def row_segments(n, size):
    """Cut n rows into up to 8 segments whose Gram matrices (of `size` values) are formed apart and then added.

    The cut depends on the data alone, never on the threads: the same bits come out for any number of them.
    """
    count = int(np.clip(min(n // 8192, SEGMENT_VALUES // max(size, 1)), 1, 8))
    edges = np.linspace(0, n, count + 1).astype(int)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def column_pieces(m, n_threads):
    """Cut m columns into a few pieces for the threads, at multiples of GRAM_TILE."""
    step = -(-m // (2 * n_threads)) if n_threads > 1 and m > 2 * GRAM_TILE else m
    step = -(-step // GRAM_TILE) * GRAM_TILE
    return [(a, min(a + step, m)) for a in range(0, m, step)]


def root_weights(weights, n):
    """sqrt(w), or 1/sqrt(n) for equal weights."""
    return np.full(n, 1.0 / np.sqrt(n)) if weights is None else np.sqrt(weights)
