"""Anonymous memory of a fit on disk: less than X, whatever it is, and with every pass read from the disk."""

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

from fastlasso import convert
from fastlasso.matrices.row_blocks import Blocks

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_DATA counts maps on Linux alone")

N_DENSE, P_DENSE = 24_000, 1_000
FIT = """
import json, os, resource, sys
import numpy as np
import fastlasso
from fastlasso.matrices.mapped import MappedBlocks
from fastlasso.matrices.row_blocks import RowBlocks

def data_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmData")) * 1024

folder, call, share, cold = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4] == "cold"
data = fastlasso.open_dataset(folder)
X = RowBlocks(MappedBlocks(data.X.blocks.folder, data.X.nbytes // 16))
fastlasso.fit_path(np.eye(3), np.arange(3.0), alphas=2)
np.linalg.lstsq(np.eye(3), np.eye(3), rcond=None)       # OpenBLAS maps 32 MB for itself at its first call
n, p = X.shape
before = data_bytes()
vectors = 12 * n + 32 * p if call == "path" else 40 * (n + p)       # of squared error no residual is held whole
limit = before + int(share * X.nbytes) + 8 * vectors + (16 << 20)       # 16 MB: stacks of two threads
assert limit - before < X.nbytes, "the limit must be below X's own size"
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
if cold:
    each = X.blocks.each
    def from_disk(*arguments):
        for file in X.blocks.files:
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        return each(*arguments)
    X.blocks.each = from_disk
options = {"alphas": 12, "eps": 0.1, "n_threads": 1}
if call == "path":
    found = fastlasso.fit_path(X, data.y, **options)
elif call == "log_loss":
    found = fastlasso.fit_path(X, data.y > np.median(data.y), loss="log_loss", **options)
else:
    found = fastlasso.cross_validate_path(X, data.y, cv=3, **options).path
print(json.dumps([bool(found.certified.all()), int(found.df[-1])]))
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place, rng = tmp_path_factory.mktemp("far"), np.random.default_rng(0)
    X = np.lib.format.open_memmap(place / "dense.npy", "w+", np.float32, (N_DENSE, P_DENSE))
    for start in range(0, N_DENSE, 2000):
        X[start:start + 2000] = rng.standard_normal((2000, P_DENSE), np.float32)
    np.save(place / "dense-y.npy", X[:, 0] - X[:, 5] + rng.standard_normal(N_DENSE))
    n, fields, levels = 60_000, 160, 190
    cols = (rng.random((n, fields)) ** 3 * levels).astype(np.int32) + levels * np.arange(fields, dtype=np.int32)
    S = sparse.csr_array((np.ones(cols.size, np.float32), cols.ravel(), np.arange(0, cols.size + 1, fields)),
                         shape=(n, fields * levels))
    sparse.save_npz(place / "csr.npz", S, compressed=False)
    np.save(place / "csr-y.npy", S @ (rng.random(fields * levels) < 0.01).astype(float) + rng.standard_normal(n))
    return {name: convert(place / f"{name}.{end}", place / name, target_file=place / f"{name}-y.npy")
            for name, end in (("dense", "npy"), ("csr", "npz"))}


@pytest.mark.parametrize(("name", "call", "cold"), [
    ("dense", "path", "cold"), ("dense", "cv", "warm"), ("csr", "path", "cold"), ("csr", "log_loss", "warm"),
    ("csr", "cv", "warm")])
def test_memory_is_a_quarter_of_X_and_some_vectors(name, call, cold, folders):
    """The limit is the system's: an allocation beyond it fails."""
    done = subprocess.run([sys.executable, "-c", FIT, str(folders[name]), call, "0.25", cold], text=True,
                          capture_output=True, check=False, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("[true")


def test_the_limit_would_stop_a_copy(folders):
    code = FIT.replace("found = fastlasso.fit_path(X, data.y, **options)", "np.ones(X.nbytes, np.uint8)")
    done = subprocess.run([sys.executable, "-c", code, str(folders["csr"]), "path", "0.25", "warm"], text=True,
                          capture_output=True, check=False, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"})
    assert done.returncode != 0
    assert "MemoryError" in done.stderr


class CountedTerm:
    """A term of a sum over blocks that counts those alive."""

    alive = 0

    def __init__(self):
        CountedTerm.alive += 1

    def __del__(self):
        CountedTerm.alive -= 1

    def __iadd__(self, other):
        return self


class CountingBlocks(Blocks):
    """Notes, as each block's term is formed, how many terms are held."""

    starts = np.arange(6)

    def each(self, part, pool, arguments, blocks=None):
        for k in range(self.count):
            yield part(k, pool, *arguments(k))


def test_a_sum_over_blocks_holds_no_term_that_was_added():
    """Eight vectors of p each, in a pass for eight residuals."""
    held = []

    def part(block, pool):
        held.append(CountedTerm.alive)
        return CountedTerm()

    CountingBlocks().total(part, None, lambda k: ())
    assert held == [0, 1, 1, 1, 1]
