"""pytest-benchmark's entry: small twins of the cases, every rival that this Python can import.

Run with ``pytest bench``. Each benchmark asserts the gap that the referee finds, and never a time. The whole suite,
with each rival in a Python of its own, is ``python -m bench run``.
"""
import dataclasses
import importlib

import numpy as np
import pytest

from . import cases, referee, rivals

pytest.importorskip("pytest_benchmark")

SHRINK = {"wide": 10, "wide-correlated": 10, "square": 10, "tall": 10, "tall-wider": 10, "wide-float32": 10}
WHOLE = ("diabetes", "small-fit")


def _small(name):
    """Return a case with a tenth of the columns (wide) or of both (others), and as many fewer true ones."""
    case = cases.CASES[name]
    if name in WHOLE:
        return case
    rows = 1 if name.startswith("wide") else SHRINK[name]
    return dataclasses.replace(
        case, n_samples=case.n_samples // rows, n_features=case.n_features // SHRINK[name],
        n_true=max(1, case.n_true // SHRINK[name]),
    )


def _tolerance(rival):
    """Return the tolerance to run at, and the gap that must be reached there: ours promises it, others are near it."""
    promised = getattr(rival, "TIGHT_TOL", None)
    return (promised, promised) if promised else (rival.LADDER[0], 1e-2)


def _import_or_skip(rival):
    try:
        importlib.import_module(rival.PACKAGE)
    except ImportError:
        pytest.skip(f"{rival.NAME} is not installed here")


@pytest.fixture(scope="module", params=[*SHRINK, *WHOLE])
def problem(request):
    """Make a small case: its X, y and alphas."""
    case = _small(request.param)
    try:
        X, y = cases.make(case)
    except cases.CaseAbsent as reason:
        pytest.skip(str(reason))
    return X, y, cases.alpha_grid(X, y, case.fractions)


@pytest.mark.parametrize("name", rivals.names())
def test_path(benchmark, problem, name):
    """Time a rival on a small case and have its answer judged."""
    rival = rivals.get(name)
    _import_or_skip(rival)
    X, y, alphas = problem
    if reason := getattr(rival, "suits", lambda X: None)(X):
        pytest.skip(reason)
    stored = getattr(rival, "prepare", lambda X, y: (X, y))(X, y)
    tol, gap = _tolerance(rival)
    found = benchmark.pedantic(rival.path, args=(*stored, alphas, tol, 1), rounds=3, warmup_rounds=1)
    judged = referee.judge(X, y, np.asarray(found[0]) if not hasattr(found[0], "tocsc") else found[0], found[1], alphas)
    benchmark.extra_info.update(judged)
    assert judged["n_answered"] == len(alphas)
    assert judged["gap"] <= gap


def test_referee_agrees_with_a_known_gap():
    """At b = 0 and alpha < alpha_max the gap is known in closed form: 1 - 1 + (1 - alpha / alpha_max)^2."""
    X, y = cases.make(_small("tall"))
    alphas = cases.alpha_max(X, y) * np.array([1.0, 0.5, 0.1])
    gaps = referee.relative_gaps(X, y, np.zeros((X.shape[1], 3)), np.full(3, y.mean()), alphas)
    np.testing.assert_allclose(gaps, (1 - np.array([1.0, 0.5, 0.1])) ** 2, atol=1e-12)


def test_referee_sees_a_wrong_intercept():
    """An intercept that is off by d adds d^2 / 2 to the objective."""
    X, y = cases.make(_small("tall"))
    alphas = np.array([cases.alpha_max(X, y)])
    off = referee.relative_gaps(X, y, np.zeros((X.shape[1], 1)), np.array([y.mean() + 0.1]), alphas)
    np.testing.assert_allclose(off, 0.1**2 / y.var(), rtol=1e-9)
