"""X on disk: the folder, its maps and blocks, and the same certified answers as in memory."""

import json
import os

import matrix_contract as contract
import numpy as np
import pytest
from layouts import exact_matrix, target
from scipy import sparse

import fastlasso
from fastlasso import convert, cross_validate_path, fit_path, open_dataset
from fastlasso.datasets import DataError
from fastlasso.datasets.folder import header_checksum, open_folder
from fastlasso.matrices.choose import as_matrix
from fastlasso.matrices.mapped import MappedBlocks
from fastlasso.matrices.near import Far
from fastlasso.matrices.row_blocks import RowBlocks
from fastlasso.parallel import Pool
from fastlasso.ways import going

SHAPES = [(1, 1), (1, 7), (7, 1), (23, 17), (70, 33)]


def stored(A, place, kind, dtype="float64", y=None):
    """A in a folder, as rows of this kind."""
    source = place / ("X.npz" if kind == "csr" else "X.npy")
    if kind == "csr":
        sparse.save_npz(source, sparse.csr_array(A))
    else:
        np.save(source, A)
    more = {}
    if y is not None:
        np.save(place / "t.npy", y)
        more = {"target_file": place / "t.npy"}
    return convert(source, place / "folder", dtype=dtype, **more)


def in_blocks(folder, size=400):
    return RowBlocks(MappedBlocks(open_folder(folder), size))


@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", ["csr", "dense"])
@pytest.mark.parametrize("shape", SHAPES)
def test_verbs(shape, kind, dtype, far, tmp_path):
    A = exact_matrix(*shape)
    matrix = in_blocks(stored(A, tmp_path, kind, dtype))
    with Pool(1) as pool:
        contract.every_verb(Far(matrix) if far else matrix, A, pool)
    if shape == (70, 33):
        assert matrix.blocks.count > 3


@pytest.mark.parametrize("kind", ["csr", "dense"])
def test_copies_serve_products_without_a_pass(kind, tmp_path):
    A = exact_matrix(70, 33)
    matrix = in_blocks(stored(A, tmp_path, kind))
    far, reads = Far(matrix), []
    each = matrix.blocks.each
    matrix.blocks.each = lambda *arguments: reads.append(arguments[0]) or each(*arguments)
    cols = np.array([5, 3])
    with Pool(1) as pool:
        far.column_sizes(cols)
        reads.clear()
        far.expect(cols, pool)
        assert len(reads) == 1
        far.expect(np.array([3, 4]), pool)
        assert len(reads) == 2
        got = far.combine(np.array([4, 5]), np.eye(2), pool)
        far.gram(np.array([3, 4, 5]), 2, np.zeros(3), False, None, pool)
    assert len(reads) == 2
    np.testing.assert_array_equal(got, A[:, [4, 5]].T)
    assert far.share_of(np.array([3])) == 0
    assert far.share_of(np.array([3, 9])) == 1


OPTIONS = [{}, {"l1_ratio": 0.5, "standardize": True}, {"lower": 0.0}, {"sample_weight": np.arange(60) % 3},
           {"fit_intercept": False}, {"penalty_factor": np.arange(150) % 10}, {"screening": False}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("p", [12, 150])
@pytest.mark.parametrize("kind", ["csr", "dense"])
def test_a_path_is_certified_and_that_of_the_array(kind, p, options, judge, tmp_path):
    A = exact_matrix(60, p, seed=2)
    y, matrix = target(A, seed=2), in_blocks(stored(A, tmp_path, kind), 1500)
    options = {name: value[:p] if name == "penalty_factor" else value for name, value in options.items()}
    path, dense = (fit_path(X, y, alphas=8, eps=0.03, tol=1e-10, **options) for X in (matrix, A))
    np.testing.assert_allclose(path.coefs.toarray(), dense.coefs.toarray(), atol=1e-10)
    options.pop("screening", None)
    judge(A, y, path, (3, 7), **options)


LOSSES = ["log_loss", "poisson", "huber", "squared_hinge", "gamma"]


@pytest.mark.parametrize(("loss", "kind"), list(zip(LOSSES, ["csr", "dense"] * 3, strict=False)))
def test_every_loss(loss, kind, tmp_path):
    A = exact_matrix(60, 150, seed=2)
    y = target(A, seed=2)
    y = {"log_loss": y > 0, "squared_hinge": y > 0, "poisson": np.floor(np.abs(y)), "gamma": np.abs(y) + 1}.get(loss, y)
    matrix = in_blocks(stored(A, tmp_path, kind), 2500)
    path, dense = (fit_path(X, y, loss=loss, alphas=4, eps=0.3, tol=1e-9) for X in (matrix, A))
    assert path.certified.all()
    np.testing.assert_allclose(path.coefs.toarray(), dense.coefs.toarray(), atol=1e-3)
    np.testing.assert_allclose(path.r2, dense.r2, atol=1e-6)


@pytest.mark.parametrize("kind", ["csr", "dense"])
@pytest.mark.parametrize("p", [12, 150])
def test_cross_validation(kind, p, tmp_path):
    A = exact_matrix(60, p, seed=2)
    y, matrix = target(A, seed=2), in_blocks(stored(A, tmp_path, kind), 1500)
    ours, theirs = (cross_validate_path(X, y, cv=3, alphas=5, eps=0.1, tol=1e-10, random_state=0) for X in (matrix, A))
    np.testing.assert_allclose(ours.errors, theirs.errors, rtol=1e-6)
    np.testing.assert_allclose(ours.oof_predictions, theirs.oof_predictions, atol=1e-6)


@pytest.mark.parametrize("kind", ["csr", "dense"])
def test_many_rows_of_few_columns_take_a_pass_or_three(kind, tmp_path):
    """Their Gram matrix is formed whole even where in memory it would not be: it saves all later passes."""
    A = exact_matrix(500, 15, seed=2)
    y, matrix = target(A, seed=2), in_blocks(stored(A, tmp_path, kind), 9000)
    with going(compress_features=0):
        assert matrix.is_compressible(15)
        assert not as_matrix(A).is_compressible(15)
        path = fit_path(matrix, y)
    assert path.certified.all()
    assert path.n_passes[-1] <= 3
    np.testing.assert_allclose(path.coefs.toarray(), fit_path(A, y).coefs.toarray(), atol=1e-10)


def test_few_passes_on_many_columns(tmp_path):
    A = exact_matrix(300, 2000, seed=2, density=0.02)
    y = target(A, seed=2) + np.random.default_rng(0).standard_normal(300)
    path = fit_path(in_blocks(stored(A, tmp_path, "csr"), 30_000), y, eps=0.1)
    assert path.certified.all()
    assert path.n_passes[-1] <= 45


def test_the_bits_do_not_depend_on_threads(tmp_path):
    A = exact_matrix(60, 150, seed=2)
    y, folder = target(A, seed=2), stored(A, tmp_path, "csr")
    one, two = (fit_path(in_blocks(folder), y, alphas=8, eps=0.03, n_threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one.values, two.values)
    np.testing.assert_array_equal(one.gaps, two.gaps)


# ---------------------------------------------------------------- the folder


@pytest.fixture
def folder(tmp_path):
    A = exact_matrix(60, 20, seed=2)
    return stored(A, tmp_path, "csr", y=target(A, seed=2))


def test_it_is_opened_read_only_and_copied_nowhere(folder):
    data = open_dataset(folder)
    block = data.X.blocks.block(0).matrix
    assert not block.data.flags.writeable
    assert np.shares_memory(block.data, data.X.blocks.folder.parts[0])
    assert np.shares_memory(block.indices, data.X.blocks.folder.parts[1])
    assert block.indices.dtype == np.int32
    assert data.X.blocks.folder.parts[2].dtype == np.int64
    np.testing.assert_allclose(fastlasso.fit(data, data.y, 0.1).coef, fastlasso.fit(data.X, data.y, 0.1).coef)


@pytest.mark.parametrize("name", ["data.npy", "indices.npy", "indptr.npy", "y.npy", "header.json"])
def test_truncated_files_are_refused(name, folder):
    os.truncate(folder / name, (folder / name).stat().st_size - 5)
    with pytest.raises(DataError, match=name):
        open_dataset(folder)


@pytest.mark.parametrize("name", ["data.npy", "indices.npy", "indptr.npy", "y.npy"])
def test_files_of_another_folder_are_refused(name, folder, tmp_path):
    (tmp_path / "other").mkdir()
    A = exact_matrix(60, 20, seed=2)
    A[A != 0] += 1.0
    A = A[::-1]
    other = stored(A, tmp_path / "other", "csr", y=target(A, seed=3))
    os.replace(other / name, folder / name)
    with pytest.raises(DataError, match=name):
        open_dataset(folder)


@pytest.mark.parametrize("name", ["data.npy", "indices.npy", "indptr.npy", "y.npy", "header.json"])
def test_missing_files_are_refused(name, folder):
    (folder / name).unlink()
    with pytest.raises(DataError, match=name):
        open_dataset(folder)


def test_other_versions_are_refused(folder):
    header = json.loads((folder / "header.json").read_text())
    header["version"] = 2
    (folder / "header.json").write_text(json.dumps(header))
    with pytest.raises(DataError, match="version 2"):
        open_dataset(folder)
    header["version"], header["shape"] = 1, [61, 20]
    (folder / "header.json").write_text(json.dumps(header))
    with pytest.raises(DataError, match="checksum"):
        open_dataset(folder)


def test_a_file_that_changes_is_noticed_by_the_next_pass(folder):
    data = open_dataset(folder)
    fit_path(data.X, data.y, alphas=3)
    os.utime(folder / "data.npy", ns=(0, 0))
    with pytest.raises(DataError, match="has changed"):
        fit_path(data.X, data.y, alphas=3)


def test_a_file_that_changes_within_a_fit_is_noticed(tmp_path):
    A = exact_matrix(60, 700, seed=2)
    folder = stored(A, tmp_path, "csr", y=target(A, seed=2))
    data = open_dataset(folder)

    def touch(state):
        os.utime(folder / "indices.npy", ns=(0, 0))

    with pytest.raises(DataError, match="has changed"):
        fit_path(data.X, data.y, alphas=40, callback=touch, screening=False)


def test_an_index_out_of_range_is_an_error_and_no_crash(folder):
    """The ends of a large file are covered by its checksum, its middle by the first pass."""
    indices = np.lib.format.open_memmap(folder / "indices.npy", "r+")
    indices[len(indices) // 2] = 10**6
    indices.flush()
    header = json.loads((folder / "header.json").read_text())
    from fastlasso.datasets.folder import checksum
    header["files"]["indices.npy"]["crc32"] = checksum(folder / "indices.npy")
    header["crc32"] = header_checksum(header)
    (folder / "header.json").write_text(json.dumps(header))
    data = open_dataset(folder)
    with pytest.raises(ValueError, match="index out of range"):
        fit_path(data.X, data.y, alphas=3)


def test_more_than_2_to_the_31_stored_values(tmp_path):
    """A folder with holes: 2.2e9 stored zeros in 550 million rows would take 17 GB; the pointers are what matters."""
    n, p, each = 1100, 2_000_000, 2_000_000
    place = tmp_path / "huge"
    place.mkdir()
    nnz = n * each
    for name, dtype in (("data.npy", "<f4"), ("indices.npy", "<i4")):
        with open(place / name, "wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": (nnz,)})
            file.truncate(file.tell() + 4 * nnz)
    indptr = np.arange(n + 1, dtype=np.int64) * each
    np.save(place / "indptr.npy", indptr)
    from fastlasso.datasets.folder import write_header
    write_header(place, "csr", (n, p), nnz, "y", "holes")
    blocks = open_dataset(place).X.blocks
    assert blocks.starts[-1] == n
    last = blocks.block(blocks.count - 1).matrix
    assert last.indptr[-1] == len(last.data) == nnz - indptr[blocks.starts[-2]]
    assert last.indices.dtype == np.int32
    assert np.shares_memory(last.indices, blocks.folder.parts[1])
