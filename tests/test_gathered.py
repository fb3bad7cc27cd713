"""One contract for columns gathered for coordinate descent, dense and sparse: each verb against dense NumPy."""

from functools import cache

import numpy as np
import pytest
from layouts import CASES, PLAIN, build, exact_matrix

from fastlasso.matrices.choose import as_matrix
from fastlasso.matrices.gathered import GatheredDense
from fastlasso.parallel import Pool
from fastlasso.problem.design import Design
from fastlasso.ways import going

COLS = np.array([11, 3, 2, 9, 6])       # more than a quarter of all: they are kept only where memory is allowed
SMALL, LARGE = (30, 12), (350_000, 12)      # dense columns of the second come in three blocks
GATHERED = ([(*case, SMALL, weighted) for case in CASES if "memmap" not in case[0] for weighted in (False, True)]
            + [(layout, "f8", LARGE, True) for layout in PLAIN])


@cache
def data_of(shape, weighted):
    """(A, weights that sum to one, some of them zero, or equal ones; a centred y that depends on A)."""
    A, i = exact_matrix(*shape, seed=6), np.arange(shape[0])
    w = i % 3 * 1.0 if weighted else np.ones(len(i))
    w, y = w / w.sum(), np.cos(i) + A @ np.linspace(-0.2, 0.4, shape[1])
    return A, w, y - w @ y


@pytest.fixture(params=[(*case, kept) for case in GATHERED for kept in (True, False)],
                ids=lambda param: "-".join(map(str, param)))
def case(request):
    """(gathered columns, root-weighted columns about their means, root-weighted y, y)."""
    layout, dtype, shape, weighted, kept = request.param
    A, w, y = data_of(shape, weighted)
    with Pool(1) as pool, going(**({} if kept else {"gram_bytes": 0})):
        design, _ = Design.measured(as_matrix(build(layout, A, dtype=dtype)), w if weighted else None, True, pool, y)
        gathered = design.gathered(COLS)
        if isinstance(gathered, GatheredDense):
            assert (gathered.kept is not None) == kept
            assert len(gathered.blocks) == (1 if shape == SMALL else 3)
        yield gathered, (A - w @ A)[:, COLS] * np.sqrt(w)[:, None], np.sqrt(w) * y, y


def soft_thresholds(X, r, b, penalty):
    """One epoch on columns, one after another; returns the largest move."""
    moves = []
    for j, (norm2, a1, a2, lower, upper) in enumerate(zip(*penalty, strict=True)):
        u = X[:, j] @ r + norm2 * b[j]
        better = np.sign(u) * max(abs(u) - a1, 0.0) / (norm2 + a2) if norm2 else 0.0
        step = min(max(better, lower), upper) - b[j]
        r -= X[:, j] * step
        b[j] += step
        moves.append(abs(step) * np.sqrt(norm2))
    return max(moves)


def test_the_state_stands_for_the_residual(case):
    gathered, X, root_y, y = case
    b = np.array([0.5, 0.0, 1.0, -0.25, 0.0])
    state, r = gathered.residual(y, b), root_y - X @ b
    np.testing.assert_allclose(gathered.rooted(state), r, atol=1e-12)
    np.testing.assert_allclose(gathered.correlations(state), X.T @ r, atol=1e-12)
    assert gathered.norm2(state) == pytest.approx(r @ r, rel=1e-11)


def test_columns_come_back_centred_and_weighted(case):
    gathered, X, _, _ = case
    whole = np.full((len(COLS), len(X)), np.nan)
    for start, stop, rows in gathered.rooted_parts():
        whole[start:stop] = rows
    np.testing.assert_allclose(whole, X.T, atol=1e-12)


def test_some_columns_come_back_as_they_stand_among_all(case):
    gathered, X, _, _ = case
    found = {}
    for places, rows in gathered.rooted_at(np.array([0, 2, 4])):
        found.update(zip(places.tolist(), rows, strict=True))
    assert list(found) == [0, 2, 4]
    np.testing.assert_allclose([found[k] for k in found], X.T[[0, 2, 4]], atol=1e-12)
    assert not list(gathered.rooted_at(np.empty(0, np.int64)))


def test_a_sweep_is_one_epoch_of_soft_thresholds(case):
    """The first from zero, the second from where the first ended."""
    gathered, X, root_y, y = case
    penalty = ((X * X).sum(axis=0), np.full(5, 0.002), np.full(5, 0.01), np.full(5, -0.3), np.full(5, 0.2))
    b, expected, r = np.zeros(5), np.zeros(5), root_y.copy()
    state = gathered.residual(y, b)
    for _ in range(2):
        moved, largest = gathered.sweep(b, state, penalty), soft_thresholds(X, r, expected, penalty)
        np.testing.assert_allclose(b, expected, atol=1e-12)
        np.testing.assert_allclose(gathered.rooted(state), r, atol=1e-12)
        assert moved == pytest.approx(largest, rel=1e-10)
    assert np.count_nonzero(b) > 1
