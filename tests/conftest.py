"""What all tests of the engine share: the judge, which knows only the certificate and not the engine."""

import os
import signal

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")      # before numpy: its spinning threads slow small tests tenfold

import pytest
from judging import judged, solutions

from fastlasso.matrices import dense, sparse

signal.signal(signal.SIGINT, signal.default_int_handler)        # a shell's background jobs start with Ctrl-C ignored

@pytest.fixture(scope="session")
def judge():
    """judge(X, y, path or fit, indices=None, **options): certified to its tol, and its claimed gap is the true one."""

    def run(X, y, result, indices=None, **options):
        return [judged(X, y, solution, **options) for solution in solutions(result, indices)]

    return run


@pytest.fixture
def no_kernel(monkeypatch):
    """Fail where input goes on to a kernel: whatever reads X is replaced."""

    def reached(*_, **__):
        pytest.fail("a kernel was reached")

    for kind in (dense.DenseColumns, dense.DenseRows, sparse.SparseColumns, sparse.SparseRows):
        for verb in ("moments", "dots", "dots_at", "combine", "gram", "gather", "group_sums"):
            monkeypatch.setattr(kind, verb, reached)
