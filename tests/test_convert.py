"""`convert`: the same matrix from every format, in pieces, and nothing left behind by what fails."""

import gc
import gzip
import os
import signal
import subprocess
import sys
import tracemalloc
import warnings

import numpy as np
import pytest
from layouts import exact_matrix, target
from scipy import io, sparse

from fastlasso import convert, open_dataset
from fastlasso.cli import main
from fastlasso.datasets import DataError, TargetError, folder, sources, writers

A = exact_matrix(40, 17, seed=3)
A[:, -1] = 1.5
A[7] = 0.0
Y = target(A, seed=3)
NAMES = [f"col {j}" for j in range(17)]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    for name, value in (("LINES", 7), ("VALUES", 60)):
        monkeypatch.setattr(sources, name, value)
    monkeypatch.setattr(writers, "ENTRIES", 50)


def svm(file):
    def line(row, y):
        entries = " ".join(f"{j + 1}:{value!r}" for j, value in enumerate(row) if value)
        return f"{y!r} {entries}" + (" # word" if y > 4 else "")

    text = "\n".join(map(line, A.tolist(), Y.tolist()))
    write(file, text + "\n\n")


def write(file, text):
    with gzip.open(file, "wt") if file.suffix == ".gz" else open(file, "w") as stream:
        stream.write(text)


def csv(file, delimiter=","):
    rows = [delimiter.join([*NAMES, "y"])] + [delimiter.join(map(repr, [*row, y]))
                                              for row, y in zip(A.tolist(), Y.tolist(), strict=True)]
    write(file, "\n".join(rows) + "\n")


def mtx(file, X=None):
    plain = file.with_suffix("") if file.suffix == ".gz" else file
    io.mmwrite(plain, sparse.coo_array(A) if X is None else X)
    if file.suffix == ".gz":
        write(file, plain.read_text())


def npz(file, form):
    sparse.save_npz(file, sparse.csr_array(A).asformat(form))


def duplicated(file):
    """Every entry in two halves, in random order."""
    X = sparse.coo_array(A)
    order = np.random.default_rng(0).permutation(2 * X.nnz)
    rows, cols, data = (np.tile(part, 2)[order] for part in (X.row, X.col, X.data / 2))
    sparse.save_npz(file, sparse.coo_array((data, (rows, cols)), shape=A.shape))


def parquet(file):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet
    table = pyarrow.table({name: column for name, column in zip([*NAMES, "y"], [*A.T, Y], strict=True)})
    parquet.write_table(table, file, row_group_size=11)


def anndata(root, form, words=False):
    """The groups of an AnnData file."""
    if form == "dense":
        root["X"] = A.astype(np.float32)
    else:
        X, group = sparse.csr_array(A.astype(np.float32)).asformat(form), root.create_group("X")
        group.attrs["encoding-type"], group.attrs["shape"] = f"{form}_matrix", list(A.shape)
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(X, name)
    obs, var = root.create_group("obs"), root.create_group("var")
    var.attrs["_index"], obs["score"] = "gene", Y
    var["gene"] = np.array(NAMES, dtype="S8" if words else str)
    kind = obs.create_group("kind")
    kind["codes"], kind["categories"] = (Y > 3).astype(np.int8), np.array(["a", "bc"], dtype="S2" if words else str)


def h5ad(file, form):
    with pytest.importorskip("h5py").File(file, "w") as root:
        anndata(root, form, words=True)


def zarr(file, form):
    anndata(pytest.importorskip("zarr").open_group(str(file), mode="w"), form)


CASES = {
    "svm": ("d.svm", svm, {}), "svm.gz": ("d.libsvm.gz", svm, {}),
    "csv": ("d.csv", csv, {"target": "y"}), "csv.gz": ("d.csv.gz", csv, {"target": -1}),
    "tabs": ("d.csv", lambda file: csv(file, "\t"), {"target": "18"}),
    "mtx": ("d.mtx", mtx, {"target_file": "y"}), "mtx.gz": ("d.mtx.gz", mtx, {"target_file": "y"}),
    "dense mtx": ("d.mtx", lambda file: mtx(file, A), {"target_file": "y"}),
    **{f"npz {form}": ("d.npz", lambda file, form=form: npz(file, form), {"target_file": "y"})
       for form in ("csr", "csc", "coo")},
    "duplicates": ("d.npz", duplicated, {"target_file": "y"}),
    "npy": ("d.npy", lambda file: np.save(file, np.column_stack([Y, A])), {"target": 1}),
    "npy by columns": ("d.npy", lambda file: np.save(file, np.asfortranarray(A)), {"target_file": "y"}),
    "parquet": ("d.parquet", parquet, {"target": "y"}),
    **{f"h5ad {form}": ("d.h5ad", lambda file, form=form: h5ad(file, form), {"target": "score"})
       for form in ("csr", "csc", "dense")},
    **{f"zarr {form}": ("d.zarr", lambda file, form=form: zarr(file, form), {"target": "score"})
       for form in ("csr", "csc", "dense")},
}
NAMED = ("csv", "csv.gz", "tabs", "parquet", "h5ad csr", "h5ad csc", "h5ad dense", "zarr csr", "zarr csc", "zarr dense")
SINGLE = ("h5ad", "zarr")


@pytest.mark.filterwarnings("ignore:.*does not have a Zarr V3 specification")
@pytest.mark.parametrize("case", CASES)
def test_every_format(case, tmp_path):
    name, make, options = CASES[case]
    make(tmp_path / name)
    np.save(tmp_path / "y.npy", Y)
    options = {key: tmp_path / "y.npy" if key == "target_file" else value for key, value in options.items()}
    data = open_dataset(convert(tmp_path / name, tmp_path / "folder", **options))
    X = np.vstack([part.toarray() if sparse.issparse(part) else part for _, _, part in data.X.read_blocks()])
    np.testing.assert_array_equal(X, A)
    np.testing.assert_array_equal(data.y, Y)
    assert data.X.dtype == (np.float32 if case.split()[0] in SINGLE else np.float64)
    assert list(data.feature_names) == (NAMES if case in NAMED else [f"x{j}" for j in range(1, 18)])
    assert sorted(os.listdir(tmp_path / "folder")) == sorted([*data.X.blocks.folder.header["files"], "header.json"])
    assert data.X.blocks.is_sparse == (case not in ("csv", "csv.gz", "tabs", "npy", "npy by columns", "parquet",
                                                    "h5ad dense", "zarr dense"))


def test_words_of_a_target(tmp_path):
    h5ad(tmp_path / "d.h5ad", "csr")
    data = open_dataset(convert(tmp_path / "d.h5ad", tmp_path / "h", target="kind"))
    assert data.y.tolist() == ["bc" if y > 3 else "a" for y in Y]
    write(tmp_path / "d.csv", "a,y\n1,no\n2,yes\n")
    assert open_dataset(convert(tmp_path / "d.csv", tmp_path / "c", target="y")).y.tolist() == ["no", "yes"]


@pytest.mark.parametrize("kind", ["symmetric", "skew-symmetric", "pattern"])
def test_kinds_of_matrix_market(kind, tmp_path):
    S = np.triu(exact_matrix(9, 9, seed=1), 1)
    S = {"symmetric": S + S.T, "skew-symmetric": S - S.T, "pattern": (S != 0) * 1.0}[kind]
    if kind == "pattern":
        io.mmwrite(tmp_path / "d.mtx", sparse.coo_array(S), field="pattern")
    else:
        io.mmwrite(tmp_path / "d.mtx", sparse.coo_array(S), symmetry=kind)
    data = open_dataset(convert(tmp_path / "d.mtx", tmp_path / "folder"))
    np.testing.assert_array_equal(np.vstack([part.toarray() for _, _, part in data.X.read_blocks()]), S)
    assert data.y is None


HEAD = "%%MatrixMarket matrix coordinate {} general\n"
FAILURES = {
    "half a gzip": ("d.svm.gz", lambda file: (svm(file), file.write_bytes(file.read_bytes()[:-40])), {}, "not whole"),
    "a word": ("d.svm", lambda file: write(file, "1 1:2\n1 2:x\n"), {}, "line 2"),
    "an index that falls": ("d.svm", lambda file: write(file, "1 1:2\n1 3:1 2:1\n"), {}, "line 2"),
    "index 0": ("d.svm", lambda file: write(file, "1 0:2\n"), {}, "line 1"),
    "an underscore": ("d.svm", lambda file: write(file, "1 1:1_0\n"), {}, "line 1"),
    "a missing field": ("d.csv", lambda file: write(file, "a,y\n1,2\n,3\n"), {"target": "y"}, "missing"),
    "a short line": ("d.csv", lambda file: write(file, "a,b,y\n1,2,3\n1,2\n"), {"target": "y"}, "2 fields"),
    "NaN": ("d.npy", lambda file: np.save(file, np.array([[1.0, np.nan]])), {}, "NaN"),
    "half a matrix": ("d.mtx", lambda file: write(file, HEAD.format("real") + "3 3 4\n1 1 2\n"), {}, "not whole"),
    "complex": ("d.mtx", lambda file: write(file, HEAD.format("complex") + "1 1 0\n"), {}, "real"),
    "an entry outside": ("d.mtx", lambda file: write(file, HEAD.format("real") + "2 2 1\n3 1 2\n"), {}, "outside"),
    "no rows": ("d.csv", lambda file: write(file, "a,y\n"), {"target": "y"}, "0 rows"),
    "unknown": ("d.xyz", lambda file: write(file, ""), {}, "cannot convert"),
    "no obs": ("d.h5ad", lambda file: h5ad(file, "csr"), {"target": "colour"}, "colour"),
    "no layer": ("d.h5ad", lambda file: h5ad(file, "csr"), {"layer": "raw"}, "raw"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_what_fails_leaves_nothing_behind(case, tmp_path):
    name, make, options, words = FAILURES[case]
    make(tmp_path / name)
    before = sorted(os.listdir(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)     # of a file that is still open
        with pytest.raises(DataError, match=words):
            convert(tmp_path / name, tmp_path / "folder", **options)
        gc.collect()
    assert sorted(os.listdir(tmp_path)) == before


def test_targets_that_cannot_be(tmp_path):
    svm(tmp_path / "d.svm")
    with pytest.raises(TargetError, match="its own target"):
        convert(tmp_path / "d.svm", tmp_path / "folder", target="3")
    np.save(tmp_path / "y.npy", Y[:-1])
    with pytest.raises(DataError, match="39 values"):
        convert(tmp_path / "d.svm", tmp_path / "folder", target_file=tmp_path / "y.npy")


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    svm(tmp_path / "d.svm")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="exists"):
        convert(tmp_path / "d.svm", tmp_path / "folder")
    assert os.listdir(tmp_path / "folder") == []


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    svm(tmp_path / "d.svm")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writers, "write_header", full)
    with pytest.raises(OSError, match="No space"):
        convert(tmp_path / "d.svm", tmp_path / "folder")
    assert os.listdir(tmp_path) == ["d.svm"]


KILLED = """
import os, sys, time
from fastlasso import convert
from fastlasso.datasets import writers
write = writers.write_header
def stop(*arguments):
    print("ready", flush=True)
    time.sleep(60)
writers.write_header = stop
convert({source!r}, {folder!r})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_conversion_that_is_killed_makes_no_folder(tmp_path):
    svm(tmp_path / "d.svm")
    code = KILLED.format(source=str(tmp_path / "d.svm"), folder=str(tmp_path / "folder"))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "folder").exists()
    left = next(path for path in tmp_path.iterdir() if path.is_dir())
    with pytest.raises(DataError, match=r"header\.json"):
        open_dataset(left)
    convert(tmp_path / "d.svm", tmp_path / "folder")


def test_memory_is_bounded(tmp_path, monkeypatch):
    """A file of 2 million entries, 24 MB as CSR, in pieces of 2 MB."""
    monkeypatch.setattr(sources, "VALUES", 1 << 16)
    monkeypatch.setattr(writers, "ENTRIES", 1 << 16)
    rng = np.random.default_rng(0)
    for form in ("csr", "csc"):
        X = sparse.random_array((5_000, 4_000), density=0.1, format=form, rng=rng)
        sparse.save_npz(tmp_path / f"{form}.npz", X, compressed=False)
        del X
        tracemalloc.start()
        convert(tmp_path / f"{form}.npz", tmp_path / form)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= 10e6, form       # the maps in which entries are sorted are files, and count for nothing


def test_the_command_line(tmp_path, capsys):
    csv(tmp_path / "d.csv")
    assert main(["convert", str(tmp_path / "d.csv"), str(tmp_path / "folder"), "--target", "y"]) == 0
    assert "40 x 17" in capsys.readouterr().out
    for command in (["path"], ["cv", "--folds", "3"], ["path", "--verify", "--json"]):
        name, *more = command
        assert main([name, str(tmp_path / "folder"), "--alphas", "4", "--eps", "0.2", *more]) == 0
        assert "col" in capsys.readouterr().out
    out = str(tmp_path / "path.npz")
    assert main(["path", str(tmp_path / "folder"), "--alphas", "0.5,", "--out", out]) == 0
    capsys.readouterr()
    assert main(["predict", out, str(tmp_path / "folder"), "--alpha", "0.5"]) == 0
    assert len(capsys.readouterr().out.split()) == 40
    assert main(["convert", str(tmp_path / "d.csv"), str(tmp_path / "folder")]) == 3
    assert main(["path", str(tmp_path)]) == 3


def test_the_checksum_of_a_large_file_covers_its_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "END", 8)
    file = tmp_path / "data.npy"
    found = set()
    for changed in (None, 3, 90):
        content = bytearray(100)
        if changed is not None:
            content[changed] = 1
        if changed == 90:
            content[95] = 1
        file.write_bytes(content)
        found.add(folder.checksum(file))
    assert len(found) == 3
