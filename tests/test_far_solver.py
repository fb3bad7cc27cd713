"""X far away: one pass proves a batch, wrong guesses cost passes and no answer."""

import numpy as np
import pytest
from scipy import sparse

from fastlasso import convert, fit_path
from fastlasso.datasets.folder import open_folder
from fastlasso.matrices.mapped import MappedBlocks
from fastlasso.matrices.row_blocks import RowBlocks
from fastlasso.solver.far_solver import ANCHORS, FarSolver

N, FIELDS, LEVELS = 12_000, 12, 600
OPTIONS = {"alphas": 60, "eps": 0.06, "tol": 1e-9}


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    """One-hot columns with rare levels: (X in memory, y, their folder)."""
    place, rng = tmp_path_factory.mktemp("far"), np.random.default_rng(0)
    cols = (rng.random((N, FIELDS)) ** 3 * LEVELS).astype(np.int32) + LEVELS * np.arange(FIELDS, dtype=np.int32)
    X = sparse.csr_array((np.ones(cols.size), cols.ravel(), np.arange(0, cols.size + 1, FIELDS)),
                         shape=(N, FIELDS * LEVELS))
    beta = rng.standard_normal(FIELDS * LEVELS) * (rng.random(FIELDS * LEVELS) < 0.05)
    y = X @ beta + rng.standard_normal(N)
    np.save(place / "y.npy", y)
    sparse.save_npz(place / "X.npz", X)
    return X, y, convert(place / "X.npz", place / "X", target_file=place / "y.npy")


def far(folder):
    """The folder in five blocks."""
    blocks = MappedBlocks(open_folder(folder))
    return RowBlocks(MappedBlocks(blocks.folder, blocks.nbytes // 5))


@pytest.fixture
def reads(monkeypatch):
    """(alphas, solutions read on all columns, columns read at every solution) of each pass of the solver."""
    seen, read = [], FarSolver._read

    def noted(self, B, whole, some, ahead=None):
        seen.append((len(B), len(whole), len(some)))
        return read(self, B, whole, some, ahead)

    monkeypatch.setattr(FarSolver, "_read", noted)
    return seen


def check(folder, X, y, judge, **options):
    """The path from disk is certified, its claims hold, and it is the one from memory; it is returned."""
    path = fit_path(far(folder), y, **OPTIONS, **options)
    judge(X, y, path, range(0, 60, 7), tight=False, **options)
    assert path.certified.all()
    np.testing.assert_allclose(path.predict(X), fit_path(X, y, **OPTIONS, **options).predict(X), atol=1e-4 * np.std(y))
    return path


def test_a_pass_reads_few_solutions_on_all_columns_and_proves_its_batch(problem, reads, judge):
    X, y, folder = problem
    check(folder, X, y, judge)
    assert len(reads) <= 7, "one for each batch, and one for a column that was missed"
    for count, whole, some in reads:
        assert whole == min(ANCHORS, count)
        assert some < X.shape[1] / 8


def test_what_was_not_read_and_not_proven_is_read_in_a_further_pass(problem, reads, judge, monkeypatch):
    X, y, folder = problem
    monkeypatch.setattr(FarSolver, "_likely_unproven", lambda *given: np.empty(0, np.int64))
    check(folder, X, y, judge)
    assert any(not whole and some for _, whole, some in reads)


def test_more_anchors_where_few_prove_too_little(problem, reads, judge, monkeypatch):
    X, y, folder = problem
    monkeypatch.setattr("fastlasso.solver.far_solver.MOST_LIKELY", 0.02)
    check(folder, X, y, judge)
    assert max(whole for _, whole, _ in reads) >= 2 * ANCHORS


@pytest.mark.parametrize("options", [
    {"l1_ratio": 0.6}, {"penalty_factor": np.where(np.arange(FIELDS * LEVELS) == 7, 0.0, 1.0)}, {"standardize": True},
    {"fit_intercept": False}, {"sample_weight": np.arange(N) % 3.0}], ids=lambda options: next(iter(options)))
def test_options(problem, judge, options):
    X, y, folder = problem
    check(folder, X, y, judge, **options)
