"""The engine's kernels on fixed data, each ready to be called: what `test_kernels.py` times and counts.

Run as a program, it calls every kernel `CALLS` times: that is what valgrind watches.
"""
import numpy as np
import scipy.sparse

from fastlasso._engine import engine

CALLS = 20
N_ROWS, N_COLS, N_RIGHT, N_FACE = 1_000, 400, 4, 60
DENSITY = 0.02


def _dense(rng):
    X = np.asfortranarray(rng.standard_normal((N_COLS, N_ROWS)).T)
    R, B = rng.standard_normal((N_RIGHT, N_ROWS)), rng.standard_normal((N_RIGHT, N_COLS))
    every, out, fitted = np.arange(N_COLS), np.empty((N_RIGHT, N_COLS)), np.zeros((N_RIGHT, N_ROWS))
    columns, products = np.ascontiguousarray(X.T), np.zeros((N_FACE, N_FACE))
    yield "dot", "dot", lambda: engine.dot(R[0], R[1])
    yield "pass", "dense_dots", lambda: engine.dense_dots(X, 0, N_COLS, R, out)
    yield "combine", "dense_combine", lambda: engine.dense_combine(X, every, B, 0, N_ROWS, fitted)
    yield "gram", "products", lambda: engine.products(columns[:N_FACE], columns[:N_FACE], N_ROWS, products)
    yield "sweep", "dense_sweeps", lambda: engine.dense_sweeps(
        columns[:N_FACE], R[2].copy(), np.zeros(N_FACE), *_penalty((columns[:N_FACE] ** 2).sum(axis=1)), 1)


def _sparse(rng):
    X = scipy.sparse.random_array((N_ROWS, N_COLS), density=DENSITY, format="csr", rng=rng)
    parts, mean = (X.data, X.indices, X.indptr), X.mean(axis=0)
    R, out = rng.standard_normal((N_RIGHT, N_ROWS)), np.zeros((N_COLS, N_RIGHT))
    yield "pass, CSR", "csr_dots", lambda: engine.csr_dots(*parts, 0, N_ROWS, R, out)
    by_columns = X.tocsc()
    columns = (by_columns.data, by_columns.indices.astype(np.int32), by_columns.indptr.astype(np.int64))
    squares = np.asarray(by_columns.multiply(by_columns).sum(axis=0)).ravel()
    yield "sweep, CSC", "sparse_sweeps", lambda: engine.sparse_sweeps(
        *columns, by_columns.data, mean, R[0].copy(), 0.0, np.zeros(N_COLS), *_penalty(squares), 1)


def _penalty(curvature):
    """Return curvature, l1, l2, lower and upper: an l1 part that leaves most coordinates moving."""
    m = len(curvature)
    return curvature, np.full(m, 0.1), np.zeros(m), np.full(m, -np.inf), np.full(m, np.inf)


def _face(rng):
    """Face steps down a short path of a Gram matrix, from zero."""
    A = rng.standard_normal((N_ROWS, N_FACE))
    y = A @ rng.standard_normal(N_FACE) + rng.standard_normal(N_ROWS)
    gram, c = engine.GramProblem(y_norm2=y @ y / N_ROWS), A.T @ y / N_ROWS
    gram.extend(A.T @ A / N_ROWS, c, *_penalty(np.ones(N_FACE))[1:])
    top = np.abs(c).max() / 0.1
    alphas, B = top * np.geomspace(0.9, 0.01, 20), np.zeros((20, N_FACE))
    yield "face steps", r"GramProblem_\d+solve", lambda: gram.solve(np.zeros(N_FACE), top, alphas, 0, B)


def kernels():
    """Return, by name, the pattern of the engine's function that valgrind is to look for, and a call."""
    rng = np.random.default_rng(0)
    return {name: (symbol, call) for make in (_dense, _sparse, _face) for name, symbol, call in make(rng)}


if __name__ == "__main__":
    for _, call in kernels().values():
        for _ in range(CALLS):
            call()
