"""Columns far from the origin, seen from their spread, under losses that are not quadratic: claims and solutions."""

from fractions import Fraction

import numpy as np
import pytest
from matrix_contract import check_gram, check_moments, check_products
from scipy import sparse

from fastlasso import (
    Huber,
    NegativeBinomial,
    Tweedie,
    alpha_max,
    cross_validate_path,
    fit_path,
    relaxed_path,
    reweighted_path,
    verify,
)
from fastlasso.matrices.choose import as_matrix
from fastlasso.matrices.replaced import Replaced
from fastlasso.parallel import Pool
from fastlasso.problem.options import Options
from fastlasso.problem.problem import pose
from fastlasso.solver.centred import FAR, with_centred_columns
from fastlasso.solver.choose import started_solver
from fastlasso.solver.newton_alphas import NewtonAlphas
from fastlasso.solver.newton_steps import Point
from fastlasso.ways import going

LOSSES = {"log_loss": lambda rng, mean: ("log_loss", (rng.random(len(mean)) < mean / (1 + mean)).astype(float)),
          "poisson": lambda rng, mean: ("poisson", rng.poisson(mean).astype(float)),
          "gamma": lambda rng, mean: ("gamma", rng.gamma(2.0, mean / 2)),
          "tweedie": lambda rng, mean: (Tweedie(1.5), rng.poisson(mean) * rng.gamma(2.0, 1.0, len(mean))),
          "negative_binomial": lambda rng, mean: (NegativeBinomial(2.0), rng.poisson(mean).astype(float)),
          "huber": lambda rng, mean: (Huber(0.5), np.log(mean) + rng.standard_t(2, len(mean)))}
GENERAL = {"summed": {"small": 0, "summed_from": 0}, "working set": {"small": 0, "compress_features": 0}}


def data(loss, distance, n=20, p=12, seed=0, far=3):
    """(X, y, loss): the first three columns have a mean of `distance` standard deviations and matter."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    mean = np.exp(0.5 * X[:, 0] - 0.5 * X[:, 1] + 0.3 * X[:, 5])
    X[:, :far] = 0.3 * (1 + X[:, :far] / distance)
    loss, y = LOSSES[loss](rng, mean)
    return X, y, loss


def about_the_means(X):
    """X less the means of its columns, in exact numbers."""
    out = np.empty(X.shape)
    for j, column in enumerate(X.T):
        values = [Fraction(float(v)) for v in column]
        mean = sum(values) / len(values)
        out[:, j] = [float(v - mean) for v in values]
    return out


def posed(X, y, **options):
    return pose(X, y, Options(**options), Pool(1))


@pytest.mark.parametrize("way", GENERAL)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("digits", [6, 13.5, 15])
def test_the_dual_point_has_the_products_that_are_claimed_for_it(loss, way, digits):
    """They were off by up to ten times the bound alpha s_j, so that gaps were claimed up to 20,000 times too small."""
    X, y, kind = data(loss, 10.0**digits)
    exact = about_the_means(X)
    with going(**GENERAL[way]):
        solver = started_solver(posed(X, y, loss=kind, standardize=True), 1e-6)
        for alpha in solver.alpha_max * np.geomspace(1, 0.05, 6)[1:]:
            solver.solve(np.array([alpha]))
            row, cols = solver.last, solver.working_set
            bound = alpha * np.std(exact[:, cols], axis=0)
            assert np.max(np.abs(row.z - exact[:, cols].T @ row.theta / len(y)) / bound) < 1e-8
            assert abs(np.mean(row.theta)) < 1e-15
            used = np.isfinite(solver.problem.penalty.l1)       # not those that vary by rounding alone
            assert np.all((np.abs(exact.T @ row.theta / len(y)) <= 1.001 * alpha * np.std(exact, axis=0))[used])


@pytest.mark.parametrize("weighted", [False, True])
def test_only_far_columns_are_copied(weighted):
    X, y, kind = data("poisson", 1e6)
    X[:, 3] += 0.5 * FAR
    problem = posed(X, y, loss=kind, sample_weight=np.arange(len(y)) % 3 if weighted else None)
    centred = with_centred_columns(problem)
    assert isinstance(centred.design.matrix, Replaced)
    np.testing.assert_array_equal(centred.design.matrix.cols, [0, 1, 2])
    np.testing.assert_allclose(centred.design.norm2, problem.design.norm2, rtol=1e-6)
    np.testing.assert_allclose(centred.correlation, problem.correlation, atol=1e-12)
    assert with_centred_columns(centred) is centred
    squared = posed(X, y)
    assert with_centred_columns(squared) is squared


def test_copies_take_no_more_than_the_memory_allowed():
    X, y, kind = data("poisson", 1e6, p=6)
    X[:, 1] = X[:, 1].mean() + 10 * (X[:, 1] - X[:, 1].mean())
    with going(gram_bytes=8 * 2 * len(y)):
        centred = with_centred_columns(posed(X, y, loss=kind))
    np.testing.assert_array_equal(centred.design.matrix.cols, [0, 2])      # the two that are farthest


@pytest.mark.parametrize("layout", [np.asfortranarray, sparse.csr_array, sparse.csc_array])
def test_replaced_columns_keep_the_contract_of_a_matrix(layout):
    rng = np.random.default_rng(0)
    A, columns = rng.standard_normal((30, 9)), rng.standard_normal((2, 30))
    matrix = Replaced(as_matrix(layout(A)), np.array([1, 6]), columns)
    A[:, [1, 6]] = columns.T
    for weighted in (False, True):
        check_moments(matrix, A, weighted, Pool(1))
        check_gram(matrix, A, weighted, Pool(1))
    check_products(matrix, A, Pool(1))


WAYS = {**GENERAL, "usual": {}, "sweeps": {"small": 0, "gram_form": False}}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("loss", ["poisson", "tweedie", "huber"])
def test_solutions_are_those_of_centred_columns(loss, way):
    """Refits and steps of refinements go through the copies, too, and come back to X."""
    X, y, kind = data(loss, 1e6, n=40, p=8, seed=1)
    near, given = about_the_means(X), {"loss": kind, "standardize": True}
    given["alphas"] = alpha_max(near, y, **given) * np.array([0.9, 0.5, 0.2])
    with going(**WAYS[way]):
        path, expected = fit_path(X, y, **given), fit_path(near, y, **given)
        relaxed, refits = relaxed_path(X, y, **given), relaxed_path(near, y, **given)
        cv = cross_validate_path(X, y, cv=2, **given)
        concave = reweighted_path(X, y, **given)
    assert path.certified.all()
    assert cv.path.certified.all()
    assert concave.certified.all()
    for k in range(3):
        for got, best in ((path.fit_at(k), expected.fit_at(k)), (relaxed.fit_at(k, 0.0), refits.fit_at(k, 0.0))):
            scores = got.intercept + X @ got.coef
            np.testing.assert_allclose(scores, best.intercept + near @ best.coef, atol=2e-2)
        assert verify(X, y, path.fit_at(k)).gap <= 1.1 * max(path.gaps[k], path.tol * path.null_objective)


def test_scores_far_along_a_line_are_those_of_their_coefficients():
    """Rounding of two points that are near each other was multiplied by a million: a claim of 1e-8 where 1e-5 was true.
    """
    X, y, kind = data("poisson", 10.0)
    solver = NewtonAlphas(posed(X, y, loss=kind), None)
    solver.working_set = np.arange(12)
    loss, b = solver.problem.loss, np.zeros(12)
    here = Point(b, loss.null_intercept, loss.scores(loss.null_intercept))
    step = 1e-7 * np.sign(solver.problem.correlation) * (np.abs(solver.problem.correlation) > 0.1)
    there = solver._with_scores(Point(step, here.centre, None))
    there = Point(step, here.centre, there.eta + 1e-13 * np.random.default_rng(0).standard_normal(len(y)))
    best, value = solver._beyond(0.01, here, there, loss.null_value)
    assert np.abs(best.b).max() > 1e4 * np.abs(step).max()
    np.testing.assert_allclose(best.eta, solver._with_scores(Point(best.b, best.centre, None)).eta, rtol=1e-15)
    assert value < loss.null_value
