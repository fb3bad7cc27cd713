"""What all tests of the engine share: the judge, which knows only the certificate and not the engine."""

import os
import signal

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")      # before numpy: its spinning threads slow small tests tenfold

import pytest

from fastlasso import LassoPath, verify
from fastlasso.matrices import dense, sparse

signal.signal(signal.SIGINT, signal.default_int_handler)        # a shell's background jobs start with Ctrl-C ignored

ROUNDING = 1e-9         # of P(0): how far a claimed gap may be from the true one


def solutions(result, indices=None):
    """The solutions of a path (all, or some) or the one fit, as `LassoFit`s."""
    if not isinstance(result, LassoPath):
        return [result]
    return [result.fit_at(k) for k in (range(len(result)) if indices is None else indices)]


def judge_one(X, y, solution, options):
    true = verify(X, y, solution.coef, solution.intercept, alpha=solution.alpha, **options)
    null = true.null_objective
    slack = ROUNDING * null
    assert solution.certified, f"alpha={solution.alpha}: gap {solution.gap / null:.3g} P(0) is not {solution.tol}"
    assert solution.null_objective == pytest.approx(null, rel=1e-9)
    assert true.gap <= solution.tol * null + slack, f"alpha={solution.alpha}: the true gap is {true.relative_gap:.3g}"
    claim = f"alpha={solution.alpha}: claimed {solution.gap / null:.3g}, true {true.relative_gap:.3g}"
    assert true.gap <= 1.02 * solution.gap + slack, claim       # never too little
    assert solution.gap <= 2 * true.gap + slack, claim          # nor far too much: verify finds the best dual scale
    return true


@pytest.fixture(scope="session")
def judge():
    """judge(X, y, path or fit, indices=None, **options): certified to its tol, and its claimed gap is the true one."""

    def run(X, y, result, indices=None, **options):
        return [judge_one(X, y, solution, options) for solution in solutions(result, indices)]

    return run


@pytest.fixture
def no_kernel(monkeypatch):
    """Fail where input goes on to a kernel: whatever reads X is replaced."""

    def reached(*_, **__):
        pytest.fail("a kernel was reached")

    for kind in (dense.DenseColumns, dense.DenseRows, sparse.SparseColumns, sparse.SparseRows):
        for verb in ("moments", "dots", "dots_at", "combine", "gram", "gather", "group_sums"):
            monkeypatch.setattr(kind, verb, reached)
