"""The textbook solvers against closed forms, each other and the certificate."""

import math

import numpy as np
import pytest
from scipy import sparse

from fastlasso import verify
from fastlasso.reference import coordinate_descent, fista, objective, prepare, soft_threshold


def data(seed=0, n=30, p=20):
    rng = np.random.default_rng(seed)
    X = (rng.standard_normal((n, p)) + 0.5) * (rng.random((n, p)) < 0.6)
    return X, X[:, :4].sum(axis=1) + rng.standard_normal(n)


RNG = np.random.default_rng(1)
FACTOR = np.where(np.arange(20) % 6 == 0, 0.0, np.where(np.arange(20) % 6 == 1, math.inf, 1.5))
OPTIONS = {
    "plain": {},
    "no_intercept": {"fit_intercept": False},
    "enet": {"l1_ratio": 0.4, "sample_weight": RNG.integers(0, 3, 30)},
    "ridge": {"l1_ratio": 0.0, "offset": RNG.standard_normal(30)},
    "standardize": {"standardize": True, "penalty_factor": FACTOR},
    "positive": {"lower": 0.0, "penalty_factor": FACTOR},
    "box": {"lower": -0.1, "upper": RNG.random(20), "l1_ratio": 0.9},
}
SOLVERS = {"fista": fista, "coordinate_descent": coordinate_descent}


def test_soft_threshold():
    assert soft_threshold(np.array([-3.0, -1.0, 0.0, 0.5, 2.0]), 1.0).tolist() == [-2.0, 0.0, 0.0, 0.0, 1.0]
    v = np.linspace(-2, 2, 7)
    grid = np.linspace(-3, 3, 60001)
    brute = [grid[np.argmin((grid - x) ** 2 / 2 + 0.7 * np.abs(grid))] for x in v]
    assert np.allclose(soft_threshold(v, 0.7), brute, atol=1e-4)


def test_objective_is_the_definition():
    X, y = data()
    rng = np.random.default_rng(2)
    coef, weight, offset, factor = rng.standard_normal(20), rng.random(30), rng.standard_normal(30), rng.random(20)
    q = weight / weight.sum()
    value = sum(q[i] * (y[i] - offset[i] - 0.3 - X[i] @ coef) ** 2 for i in range(30)) / 2
    for j in range(20):
        s = math.sqrt(q @ (X[:, j] - q @ X[:, j]) ** 2)
        value += 0.2 * factor[j] * (0.7 * s * abs(coef[j]) + 0.3 / 2 * s**2 * coef[j] ** 2)
    options = {"sample_weight": weight, "offset": offset, "penalty_factor": factor}
    options |= {"l1_ratio": 0.7, "standardize": True}
    assert objective(X, y, coef, 0.3, 0.2, **options) == pytest.approx(value, rel=1e-13)
    assert objective(sparse.csc_array(X), y, coef, 0.3, 0.2, **options) == pytest.approx(value, rel=1e-13)


def test_objective_is_infinite_where_the_problem_is_not():
    X, y = data()
    assert objective(X, y, np.ones(20), 0.0, 0.1, upper=0.5) == math.inf
    assert objective(X, y, np.ones(20), 0.0, 0.1, penalty_factor=FACTOR) == math.inf
    assert objective(X, y, np.ones(20), 1.0, 0.1, fit_intercept=False) == math.inf


@pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS)
def test_orthonormal_design(solve):
    n, rng = 16, np.random.default_rng(3)
    X = 4 * np.linalg.qr(np.column_stack([np.ones(n), rng.standard_normal((n, 6))]))[0][:, 1:]
    y = X @ rng.standard_normal(6) + rng.standard_normal(n) + 3
    coef, intercept, _ = solve(X, y, 0.3, l1_ratio=0.8, tol=1e-14)
    assert np.allclose(coef, soft_threshold(X.T @ y / n, 0.24) / 1.06, atol=1e-6)
    assert intercept == pytest.approx(y.mean())


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix, sparse.csc_array])
def test_both_solvers_agree_and_are_certified(name, make):
    X, y = data(4)
    options = OPTIONS[name]
    found = []
    for solve, tol in ((fista, 1e-12), (coordinate_descent, 1e-12)):
        coef, intercept, n_iter = solve(make(X), y, 0.1, tol=tol, **options)
        result = verify(X, y, coef, intercept, alpha=0.1, **options)
        assert result.relative_gap <= 1.5 * tol
        assert n_iter < 5000
        found.append(np.r_[intercept, coef])
    assert np.allclose(*found, atol=1e-5)
    assert np.count_nonzero(found[0][1:]) < 20 or name == "ridge"


@pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize("tol", [1e-2, 1e-5])
def test_stops_at_the_gap_that_was_asked_for(solve, tol):
    X, y = data(5, n=25, p=60)
    coef, intercept, _ = solve(X, y, 0.02, tol=tol)
    gap = verify(X, y, coef, intercept, alpha=0.02).relative_gap
    assert tol / 1000 < gap <= tol * (1 + 1e-9)
    assert solve(X, y, 0.02, tol=0, max_iter=7)[2] == 7


def test_momentum_and_restart_pay():
    """FISTA with restart on an ill-conditioned design beats the 1/k^2 guarantee by far."""
    X, y = data(6, n=60, p=20)
    X = X + 5 * X[:, :1]
    _, _, n_iter = fista(X, y, 1e-3, tol=1e-8)
    assert n_iter < 5000


@pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS)
def test_zeros_are_exact_and_ridge_only_shrinks(solve):
    X, y = data(7)
    assert np.count_nonzero(solve(X, y, 0.3, l1_ratio=1.0)[0]) < 10
    assert np.count_nonzero(solve(X, y, 0.3, l1_ratio=0.0)[0]) == 20


@pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_constant_and_zero_columns(solve, make):
    X, y = data(8)
    X[:, 2], X[:, 3] = 0.1, 0.0
    weight = np.random.default_rng(8).random(30)
    for options in ({}, {"standardize": True}, {"standardize": True, "fit_intercept": False}):
        coef, intercept, _ = solve(make(X), y, 0.05, sample_weight=weight, tol=1e-10, **options)
        assert coef[2] == coef[3] == 0
        result = verify(X, y, coef, intercept, alpha=0.05, sample_weight=weight, **options)
        assert result.relative_gap <= 2e-10


def test_adjoint_is_the_adjoint():
    X, y = data(9)
    rng = np.random.default_rng(9)
    problem = prepare(sparse.csr_array(X), y, 0.1, l1_ratio=1.0, fit_intercept=True, standardize=False,
                      sample_weight=rng.random(30), offset=None, penalty_factor=None, lower=-math.inf, upper=math.inf)
    b, v = rng.standard_normal(20), rng.standard_normal(30)
    assert problem.forward(b) @ v == pytest.approx(b @ problem.adjoint(v), rel=1e-12)
    assert np.allclose(problem.forward(b), problem.dense() @ b)


def test_nothing_but_zeros_is_solved_by_zeros():
    assert not fista(np.zeros((5, 3)), np.arange(5.0), alpha=0.1)[0].any()
