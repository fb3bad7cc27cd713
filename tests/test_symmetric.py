"""Symmetric matrices by their upper half (`_engine/symmetric.pxi`), and the factor of a face that is made anew."""

import numpy as np
import pytest

from fastlasso._engine import engine

SIZES = [1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 130]


def definite(n, seed=0):
    """Return a positive definite matrix of n rows; what is below its diagonal is NaN, for nobody may read it."""
    A = np.random.default_rng(seed).standard_normal((n, n + 3))
    S = A @ A.T
    return S, np.where(np.tri(n, dtype=bool).T, S, np.nan)


@pytest.mark.parametrize("n", SIZES)
def test_the_cholesky_factor_solves_its_system(n):
    S, upper = definite(n)
    right = np.random.default_rng(1).standard_normal(n)
    assert engine.cholesky(upper)
    L, x = np.triu(upper).T, right.copy()
    np.testing.assert_allclose(L @ L.T, S, atol=1e-12 * n)
    engine.cholesky_solve(upper, x)
    np.testing.assert_allclose(S @ x, right, atol=1e-9 * n * np.abs(x).max())


@pytest.mark.parametrize("bad", [-1.0, 0.0, np.nan, np.inf])
@pytest.mark.parametrize("at", [0, 8, 31, 32, 64])
def test_a_matrix_that_is_not_definite_has_no_factor(at, bad):
    S = 2 * np.eye(65)
    S[at, at] = bad
    assert not engine.cholesky(S)


@pytest.mark.parametrize("n", SIZES)
def test_products_read_and_write_the_upper_half_alone(n):
    S, upper = definite(n)
    rng = np.random.default_rng(1)
    x, A = rng.standard_normal(n), rng.standard_normal((5, n))
    np.testing.assert_allclose(engine.symmetric_product(upper, x), S @ x, atol=1e-11 * n)
    engine.add_products(upper, A, -A)
    high = np.tri(n, dtype=bool).T
    np.testing.assert_allclose(upper[high], (S - A.T @ A)[high], atol=1e-11 * n)


def problem_of(X, y, l1, l2):
    n, p = X.shape
    gram = engine.GramProblem(y_norm2=y @ y / n)
    gram.extend(X.T @ X / n, X.T @ y / n, np.full(p, l1), np.full(p, l2), np.full(p, -np.inf), np.full(p, np.inf))
    return gram


@pytest.mark.parametrize("p", SIZES)
def test_a_factor_made_anew_for_each_alpha_solves_elastic_nets(p):
    rng = np.random.default_rng(p)
    X = rng.standard_normal((40, p))
    y, B = X @ rng.standard_normal(p) + rng.standard_normal(40), np.zeros((3, p))
    alphas = np.array([0.3, 0.2, 0.1])
    status, done = problem_of(X, y, 0.2, 0.8).solve(np.zeros(p), np.inf, alphas, 0, B)
    assert (status, done) == (0, 3)
    for alpha, b in zip(alphas, B, strict=True):
        q, used = X.T @ (y - X @ b) / 40, b != 0
        np.testing.assert_allclose(q[used], alpha * (0.2 * np.sign(b) + 0.8 * b)[used], atol=1e-9)
        assert (np.abs(q[~used]) <= alpha * 0.2 * (1 + 1e-9)).all()


def test_a_factor_made_anew_leaves_out_what_depends_on_the_face():
    """Copies are all in use under a ridge part. Without it one of each pair remains."""
    rng = np.random.default_rng(0)
    half = rng.standard_normal((100, 40))
    X, p = np.hstack([half, half]), 80
    y, B, alphas = half @ rng.standard_normal(40), np.zeros((1, 80)), np.array([0.01])
    gram, free = problem_of(X, y, 0.5, 0.5), (np.full(p, -np.inf), np.full(p, np.inf))
    gram.solve(np.zeros(p), np.inf, alphas, 0, B)
    assert np.count_nonzero(B) > 60
    gram.repenalise(np.full(p, 1.0), np.zeros(p), *free)
    before = B[0].copy()
    status, _ = gram.solve(before, np.inf, alphas, 0, B)
    assert status == 0
    assert np.count_nonzero(B) <= 40
    assert gram.gap(0.01, B[0]) <= 1e-12
