"""X is never copied whole: the peak of what a fit allocates, in terms of X's own bytes."""

import gc
import os
import platform
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from fastlasso import (
    Stage,
    cross_validate_path,
    cross_validate_relaxed,
    cross_validate_reweighted,
    fit,
    fit_path,
    fit_schedule,
    stability_selection,
    verify,
)
from fastlasso.matrices.dense import DenseRows
from fastlasso.matrices.near import with_near_columns
from fastlasso.parallel import Pool


def peak_of(call):
    """Largest number of bytes that Python and NumPy held at once during the call, beyond what was there before."""
    gc.collect()
    tracemalloc.start()
    try:
        result = call()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


def dense(n, p, order, dtype):
    X = np.empty((n, p), dtype, order=order)
    rng = np.random.default_rng(0)
    step = max(1, 2_000_000 // p)
    for start in range(0, n, step):
        X[start:start + step] = rng.standard_normal((len(X[start:start + step]), p), np.float32)
    return X, X[:, 0] - X[:, 5] + rng.standard_normal(n)


def matrix_bytes(X):
    return sum(part.nbytes for part in (X.data, X.indices, X.indptr)) if sparse.issparse(X) else X.nbytes


def stored_entries(n, p, form, nnz, dtype=np.float64):
    """A random matrix with word-like columns: few common, many rare."""
    rng = np.random.default_rng(0)
    cols = (p * rng.random(nnz) ** 3).astype(np.int64)
    X = sparse.coo_array((rng.random(nnz).astype(dtype) + 0.5, (rng.integers(0, n, nnz), cols)), shape=(n, p))
    X = X.asformat(form)
    X.sum_duplicates()
    y = X @ np.where((np.arange(p) < 400) & (np.arange(p) % 10 == 0), 1.0, 0.0) + 0.1 * rng.standard_normal(n)
    return X, y


def test_the_measure_sees_numpy():
    peak, _ = peak_of(lambda: np.ones(10**6).sum())
    assert 8e6 <= peak < 9e6


DENSE_SHAPES = {"wide": (250, 24_000), "square": (2_400, 2_500), "tall": (60_000, 100)}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", ["F", "C"])
@pytest.mark.parametrize("shape", DENSE_SHAPES)
def test_a_dense_path_copies_no_X(shape, order, dtype):
    """At most a quarter of X beside the working set's Gram matrix, its factor and a few vectors."""
    n, p = DENSE_SHAPES[shape]
    X, y = dense(n, p, order, dtype)
    peak, path = peak_of(lambda: fit_path(X, y, alphas=20, eps=0.2, n_threads=2))
    assert path.certified.all()
    assert peak <= 0.25 * X.nbytes + 8 * 40 * (n + p)


def test_copies_of_columns_grow_in_place():
    """Other losses copy columns of X by rows, up to 0.4 of X; the old copies beside the new ones would make it 0.76."""
    X, _ = dense(20_000, 500, "C", np.float64)
    near = with_near_columns(DenseRows(X))

    def take_all():
        with Pool(2) as pool:
            for start in range(0, 260, 20):
                near.take(np.arange(start, start + 20), pool)

    peak, _ = peak_of(take_all)
    np.testing.assert_array_equal(near.copied.X, X[:, :200])
    assert peak <= 0.41 * X.nbytes


FAULTS = """
import resource
import sys
import numpy as np
from fastlasso import fit_path
n, p, n_alphas = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
X = np.empty((n, p), order="F")
rng.standard_normal(out=X.T)
y = X[:, :50].sum(axis=1) + 2 * rng.standard_normal(n)
faults = []
for _ in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    fit_path(X, y, alphas=n_alphas, eps=0.01, n_threads=1)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(min(faults[1:]))      # a busy machine moves pages now and then: up to 561 in a fit
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep freed memory by other rules")
@pytest.mark.parametrize("shape", [(200, 2_000, 100), (500, 2_000, 100), (400, 6_000, 10), (1_000, 5_000, 10)])
def test_the_next_fit_finds_the_memory_of_the_last_one(shape):
    """In a process that has freed no large array, the C library would return 300 to 3,000 pages of 4 KB each time."""
    # who sets limits of the C library by MALLOC_TRIM_THRESHOLD_, as dask's clusters do, gets these
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    faults = subprocess.run([sys.executable, "-c", FAULTS, *map(str, shape)], env=environment, capture_output=True,
                            text=True, check=True).stdout
    assert int(faults) < 150


@pytest.mark.parametrize("order", ["F", "C"])
@pytest.mark.parametrize("options", [{"fit_intercept": False}, {"standardize": True, "l1_ratio": 0.5},
                                     {"lower": 0.0}, {"screening": False}])
def test_no_option_copies_X(order, options):
    X, y = dense(500, 6_000, order, np.float64)
    peak, _ = peak_of(lambda: fit_path(X, y, sample_weight=np.arange(500.0), alphas=10, eps=0.3, **options))
    assert peak <= 0.25 * X.nbytes + 8 * 40 * 6_500


@pytest.mark.parametrize("order", ["F", "C"])
def test_folds_copy_no_rows(order):
    X, y = dense(1_000, 5_000, order, np.float64)
    peak, _ = peak_of(lambda: cross_validate_path(X, y, cv=4, alphas=10, eps=0.3))
    assert peak <= 0.25 * X.nbytes + 8 * 40 * 6_000


@pytest.mark.parametrize("n_threads", [1, 2, 8])
def test_threads_do_not_multiply_what_folds_take(n_threads):
    """Three tenths of X however many threads there are."""
    X, y = dense(250, 24_000, "F", np.float64)
    peak, _ = peak_of(lambda: cross_validate_path(X, y, cv=5, alphas=20, eps=0.05, n_threads=n_threads))
    assert peak <= 0.3 * X.nbytes
    X, y = stored_entries(8_000, 60_000, "csr", ENTRIES)
    peak, _ = peak_of(lambda: cross_validate_path(X, y, cv=5, alphas=20, eps=0.02, n_threads=n_threads))
    assert peak <= 0.3 * matrix_bytes(X)


@pytest.mark.parametrize("order", ["F", "C"])
@pytest.mark.parametrize("call", [
    lambda X, y: cross_validate_relaxed(X, y, cv=4, alphas=10, eps=0.3),
    lambda X, y: cross_validate_reweighted(X, y, cv=4, alphas=5, eps=0.4),
    lambda X, y: fit_schedule(X, y, [Stage("1se", alphas=5, eps=0.4), Stage("min", factor="adaptive", alphas=5)], cv=4),
    lambda X, y: stability_selection(X, y, n_pairs=3, alphas=10, eps=0.3),
], ids=["relaxed", "reweighted", "schedule", "stability"])
def test_no_method_copies_rows(call, order):
    """Beside some vectors for every fold."""
    X, y = dense(1_000, 5_000, order, np.float64)
    peak, _ = peak_of(lambda: call(X, y))
    assert peak <= 0.25 * X.nbytes + 5 * 8 * 40 * 6_000


def test_a_memory_map_is_not_read_into_memory(tmp_path):
    X, y = dense(400, 8_000, "F", np.float32)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    peak, _ = peak_of(lambda: fit_path(mapped, y, alphas=10, eps=0.3))
    assert peak <= 0.25 * X.nbytes + 8 * 40 * 8_400


SPARSE_SHAPES = {"wide": (8_000, 60_000), "square": (30_000, 30_000), "tall": (60_000, 3_000)}
ENTRIES = 2_500_000


@pytest.mark.parametrize("width", [np.int32, np.int64])
@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize("shape", SPARSE_SHAPES)
def test_a_sparse_path_takes_a_quarter_of_X(shape, form, width):
    """Beside the path itself and some vectors of length n and p."""
    n, p = SPARSE_SHAPES[shape]
    X, y = stored_entries(n, p, form, ENTRIES)
    X.indices, X.indptr = X.indices.astype(width), X.indptr.astype(width)
    peak, path = peak_of(lambda: fit_path(X, y, alphas=20, eps=0.02))
    assert path.certified.all()
    assert path.df[-1] >= 5
    assert peak <= 0.25 * matrix_bytes(X) + 8 * 20 * (n + p)


@pytest.mark.parametrize("form", ["csr", "csc"])
def test_few_columns_are_not_copied_either(form):
    X, y = stored_entries(100_000, 300, form, 3_000_000)
    for call in (lambda: fit_path(X, y, alphas=10, eps=0.1),
                 lambda: cross_validate_path(X, y, cv=3, alphas=5, eps=0.1)):
        peak, _ = peak_of(call)
        assert peak <= 0.25 * matrix_bytes(X) + 8 * 12 * 100_000


@pytest.mark.parametrize("form", ["csr", "csc"])
def test_entries_out_of_order_cost_no_copy_either(form):
    X, y = stored_entries(20_000, 20_000, form, 2_000_000)
    for a, b in zip(X.indptr[:-1:7], X.indptr[1::7], strict=True):
        X.indices[a:b], X.data[a:b] = X.indices[a:b][::-1].copy(), X.data[a:b][::-1].copy()
    X.has_sorted_indices = X.has_canonical_format = False
    peak, path = peak_of(lambda: fit_path(X, y, alphas=10, eps=0.2))
    assert path.certified.all()
    assert peak <= 0.5 * matrix_bytes(X) + 8 * 30 * 40_000


@pytest.mark.parametrize("form", ["csr", "csc"])
def test_single_fits_and_the_judge_stay_small_too(form):
    X, y = stored_entries(30_000, 30_000, form, 2_000_000)
    peak, found = peak_of(lambda: fit(X, y, 0.02))
    assert peak <= 0.25 * matrix_bytes(X) + 8 * 30 * 60_000
    peak, _ = peak_of(lambda: verify(X, y, found.coef, found.intercept, alpha=0.02))
    assert peak <= matrix_bytes(X)
