"""pytest-benchmark's entry: small twins of the cases, every rival that this Python can import.

Run with ``pytest -n 0 bench/test_rivals.py``. Each benchmark asserts the gap that the referee finds, and never a time.
The whole suite, with each rival in a Python of its own, is ``python -m bench run``.
"""
import dataclasses
import importlib

import numpy as np
import pytest

import fastlasso

from . import cases, data, referee, rivals

pytest.importorskip("pytest_benchmark")

SHRINK = {"wide": 10, "wide-correlated": 10, "square": 10, "tall": 10, "tall-wider": 10, "tall-wider-rows": 10,
          "wide-float32": 10, "logit-wide": 10, "logit-tall": 20, "logit-tall-rows": 20, "logit-tall-wider": 20,
          "poisson-tall": 20}
WHOLE = ("diabetes", "small-fit", "logit-small-fit")
IN_PYTHON = [name for name in rivals.names() if not hasattr(rivals.get(name), "COMMAND")]


def _small(name):
    """Return a case with a tenth of the columns (wide) or of both (others), and as many fewer true ones."""
    case = cases.CASES[name]
    if name in WHOLE:
        return case
    rows = 1 if "wide" in name and "tall" not in name else SHRINK[name]
    return dataclasses.replace(
        case, n_samples=case.n_samples // rows, n_features=case.n_features // SHRINK[name],
        n_true=max(1, case.n_true // SHRINK[name]),
    )


def _tolerance(rival):
    """Return the tolerance to run at, and the gap that must be reached there: ours promises it, others are near it."""
    promised = getattr(rival, "TIGHT_TOL", None)
    return (promised, promised) if promised else (1e-3 * rival.DEFAULT_TOL, 1e-2)


def _judge(case, X, y, found, alphas):
    """Return what the referee says; of other losses also the largest distance from a path at 1e-10."""
    coefs = np.asarray(found[0]) if not hasattr(found[0], "tocsc") else found[0]
    if case.loss == "squared_error":
        return referee.judge(X, y, coefs, found[1], alphas)
    best = fastlasso.fit_path(X, y, loss=case.loss, alphas=alphas, tol=1e-10)
    best = referee.of_loss(case.loss, X, y, best.coefs, best.intercepts, best.alphas)[1]
    return referee.judge_of_loss(case.loss, best, X, y, coefs, np.asarray(found[1]), alphas,
                                 found[2]["claimed"] if len(found) == 3 else None)


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
        X, y = data.make(case)
    except cases.CaseAbsent as reason:
        pytest.skip(str(reason))
    return case, X, y, cases.alpha_grid(X, y, case.fractions)


@pytest.mark.parametrize("name", IN_PYTHON)
def test_path(benchmark, problem, name):
    """Time a rival on a small case and have its answer judged."""
    rival = rivals.get(name)
    _import_or_skip(rival)
    case, X, y, alphas = problem
    if reason := rivals.reason_against(rival, X, len(alphas), 0, case.loss):
        pytest.skip(reason)
    stored = rivals.prepared(rival, X, y)
    tol, gap = _tolerance(rival)
    loss = rivals.named_loss(case.loss)
    found = benchmark.pedantic(rival.path, args=(*stored, alphas, tol, 1), kwargs=loss, rounds=3, warmup_rounds=1)
    judged = _judge(case, X, y, found, alphas)
    benchmark.extra_info.update(judged)
    assert judged["n_answered"] == len(alphas)
    assert judged.get("suboptimality", judged["gap"]) <= gap
    assert (judged.get("overclaimed") or 0.0) <= 1e-12
