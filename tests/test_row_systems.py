"""Systems of as many equations as rows, against the larger systems that they stand for."""

import numpy as np
import pytest
from layouts import PLAIN, build, exact_matrix

from fastlasso.parallel import Pool
from fastlasso.problem.options import Options
from fastlasso.problem.problem import pose
from fastlasso.solver.row_systems import RidgeRows, RowSteps
from fastlasso.ways import going

ROWS, COLUMNS = 14, 60


@pytest.fixture(params=PLAIN)
def case(request):
    """A function of what is added to all of X, and of options.

    It gives (problem, penalty, gathered columns, their numbers, X centred and root-weighted, root-weighted y).
    """
    A = exact_matrix(ROWS, COLUMNS, seed=8)
    y, w = np.sin(np.arange(ROWS)), np.arange(ROWS) % 3 + 1.0
    with Pool(1) as pool:

        def make(shift=0.0, **options):
            problem = pose(build(request.param, A + shift), y, Options(sample_weight=w, **options), pool)
            cols = np.flatnonzero(problem.penalty.usable)
            q = w / w.sum()
            X = (A - q @ A)[:, cols] * np.sqrt(q)[:, None]
            return (problem, problem.penalty.at(cols), problem.design.gathered(cols), cols, X,
                    np.sqrt(q) * problem.loss.y)

        yield make


@pytest.mark.parametrize(("shift", "accuracy"), [(0.0, 1e-12), (2.0**20, 1e-8)], ids=["near", "far"])
@pytest.mark.parametrize("alpha", [1e-3, 0.1, 10.0])
def test_ridge_by_rows_solves_the_normal_equations(case, alpha, shift, accuracy):
    """Columns far from zero have the solution of near ones, for X is centred."""
    factors = 1 + np.arange(COLUMNS) % 3
    problem, penalty, gathered, cols, X, y = case(shift, l1_ratio=0.0, penalty_factor=factors)
    ridge = RidgeRows(problem.design, problem.loss, penalty, gathered)
    assert ridge.applies
    expected = np.linalg.solve(X.T @ X + np.diag(penalty.ridge_curvature(alpha)), X.T @ y)
    np.testing.assert_allclose(ridge.solve(alpha), expected, atol=accuracy * np.abs(expected).max())
    assert len(expected) == len(cols)


@pytest.mark.parametrize("options", [{"l1_ratio": 0.5}, {"l1_ratio": 1.0},
                                     {"l1_ratio": 0.0, "penalty_factor": np.arange(COLUMNS) % 2 + 0.0}], ids=str)
def test_ridge_by_rows_is_for_ridge_alone(case, options):
    problem, penalty, gathered, *_ = case(**options)
    assert not RidgeRows(problem.design, problem.loss, penalty, gathered).applies


@pytest.mark.parametrize("bounds", [{}, {"lower": 0.0}, {"lower": -0.02, "upper": 0.05}], ids=str)
def test_a_newton_step_by_rows_is_that_of_the_columns(case, bounds):
    alpha = 0.05
    problem, penalty, gathered, cols, X, y = case(l1_ratio=0.6, **bounds)
    steps = RowSteps(problem.design, penalty, cols, gathered)
    b = penalty.clipped(np.where(np.arange(len(cols)) % 3 == 0, 0.0, np.linspace(-0.02, 0.05, len(cols))))
    z = X.T @ (y - X @ b)
    d, low, high = steps.step(alpha, b, z)
    inside, expected_low, expected_high = penalty.orthant(b, alpha)
    F = np.flatnonzero(inside)
    system = X[:, F].T @ X[:, F] + np.diag(penalty.ridge_curvature(alpha)[F])
    np.testing.assert_allclose(d[F], np.linalg.solve(system, penalty.pull(z, b, alpha)[F]), atol=1e-9)
    np.testing.assert_array_equal(d[~inside], 0.0)
    np.testing.assert_array_equal((low, high), (expected_low, expected_high))
    assert steps.sweeps > 0
    assert alpha > steps.least_alpha


def test_there_are_no_steps_without_a_ridge_part_or_with_too_many_rows(case):
    problem, penalty, gathered, cols, *_ = case()
    assert RowSteps(problem.design, penalty, cols, gathered).least_alpha == np.inf
    problem, penalty, gathered, cols, *_ = case(l1_ratio=0.5)
    with going(largest_newton=2):
        assert RowSteps(problem.design, penalty, cols, gathered).least_alpha == np.inf
