"""The guess of columns that may matter: exact where the path is straight, and limited to the most promising."""

from dataclasses import replace

import numpy as np
import pytest

from fastlasso.matrices.choose import as_matrix
from fastlasso.parallel import Pool
from fastlasso.penalties.separable import Penalty
from fastlasso.problem.design import Design
from fastlasso.problem.options import Options
from fastlasso.problem.problem import pose
from fastlasso.solver import screening
from fastlasso.solver.screening import Anchor


def anchor(alpha, z, coef=()):
    return Anchor(alpha, np.array(coef, dtype=float), np.zeros(3), np.array(z, dtype=float), 1.0)


def test_correlations_are_extrapolated_along_their_secant():
    """z(alpha) = 2 - 3 alpha in one column, 1 + alpha in the other."""
    before, last = (anchor(alpha, [2 - 3 * alpha, 1 + alpha]) for alpha in (0.8, 0.5))
    z, reach = screening.predicted([before, last], 0.4)
    np.testing.assert_allclose(z, [2 - 1.2, 1.4])
    assert reach == 0


def test_one_anchor_gives_the_bound_of_the_strong_rule():
    z, reach = screening.predicted([anchor(0.8, [0.7, -0.1])], 0.5)
    np.testing.assert_array_equal(z, [0.7, -0.1])
    assert reach == pytest.approx(0.3)


def penalty_of(l1):
    return Penalty(l1, np.zeros(len(l1)), np.full(len(l1), -np.inf), np.full(len(l1), np.inf))


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    options = Options(penalty_factor=np.array([1.0, 4.0, 1.0, 0.5, 1.0, 1.0]))
    with Pool(1) as pool:
        yield pose(rng.standard_normal((20, 6)), rng.standard_normal(20), options, pool)


def test_candidates_are_predicted_to_come_near_alpha(problem):
    """With penalty factors (1, 4, 1, 1/2, 1, 1), at alpha = 1 and a share of 95 %."""
    same = [anchor(2.0, [0.96, 3.0, -0.94, 0.48, -0.96, 0.1]), anchor(1.0, [0.96, 3.0, -0.94, 0.48, -0.96, 0.1])]
    found = screening.candidates(problem.penalty, problem.design.norm2, same, 1.0, lambda columns: columns, 10)
    np.testing.assert_array_equal(found, [0, 3, 4])
    # at 0.9 the bar is 0.95 x 0.9 - (1 - 0.9)
    one = screening.candidates(problem.penalty, problem.design.norm2, same[1:], 0.9, lambda columns: columns, 10)
    np.testing.assert_array_equal(one, [0, 2, 3, 4])


def test_where_room_is_short_the_strongest_for_their_penalty_join(problem):
    z = np.array([0.9, 3.0, -0.8, 0.5, 0.7, 0.1])       # over the factors: 0.9, 0.75, 0.8, 1.0, 0.7, 0.1
    np.testing.assert_array_equal(screening.strongest(problem.penalty, z, np.arange(6), 3), [0, 2, 3])
    np.testing.assert_array_equal(screening.strongest(problem.penalty, z, np.arange(6), 6), np.arange(6))


def test_residuals_are_split_into_affine_combinations_of_anchors_and_a_rest_rounded_up():
    rng = np.random.default_rng(1)
    with Pool(1) as pool:
        design = Design(as_matrix(rng.standard_normal((30, 6))), None, False, pool)
        y = rng.standard_normal(30)
        design.measure(y)
        cols = np.array([5, 0, 2, 3])

        def at(b):
            residual = design.residuals(y, cols, b[None])
            return Anchor(1.0, b, residual[0], design.correlations(residual)[0], design.norms2(residual)[0])

        a, b = at(rng.standard_normal(4)), at(np.append(rng.standard_normal(3), 0.0))
        b = replace(b, coef=b.coef[:3])     # from before the last column came in
        e = rng.standard_normal(4)
        B = np.stack([1.7 * a.coef - 0.7 * np.append(b.coef, 0), 0.4 * a.coef + np.append(0.6 * b.coef, 0) + e])
        R = design.residuals(y, cols, B)
        T, distance = screening.project_on_anchors(np.sqrt(design.norm2[cols]), screening.known_of([a, b], cols), B,
                                                   design.correlations(R)[:, cols], np.sqrt(y @ y / 30))
    np.testing.assert_allclose(T[0], [1.7, -0.7], atol=1e-12)
    np.testing.assert_allclose(T.sum(axis=1), 1, rtol=1e-12)
    assert 0 < distance[0] < 1e-6
    left = R - T @ np.stack([a.residual, b.residual])
    assert distance[1] == pytest.approx(np.sqrt(left[1] @ left[1] / 30), rel=1e-10)
    np.testing.assert_allclose(left[1] @ (a.residual - b.residual), 0, atol=1e-11)


def test_rounding_of_a_distance_counts_the_sizes_that_cancel():
    """Columns 0 and 1 are one: e = (5, -5, 0) moves no residual, and what rounding may hide is all that is left.

    The sizes: |y| = 7 and at most sum |x_j b_j| = 5 + 5 + 2 x 2, for the solution and for 1 + sum |T| = 3 references.
    """
    a, b = anchor(2.0, [1, 1, 9], np.zeros(3)), anchor(1.0, [1, 1, 5], [0, 0, 1])
    T, distance = screening.project_on_anchors(np.array([1.0, 1.0, 2.0]), screening.known_of([a, b], np.arange(3)),
                                  np.array([[5.0, -5.0, 2.0]]), np.array([[1.0, 1.0, 1.0]]), 7.0)
    np.testing.assert_allclose(T, [[-1, 2]], rtol=1e-14)
    squared = 64 * np.finfo(float).eps * (7 + 14) * 3 * (5 + 5)
    assert distance[0] == pytest.approx(np.sqrt(squared), rel=1e-6)


def test_anchors_that_say_nearly_the_same_are_not_played_off_against_each_other():
    """1e7 times the second less 1e7 times the third would be the residual: nothing but their rounding."""
    points = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1e-7]])
    anchors = [anchor(2.0 - k, -point, point) for k, point in enumerate(points)]
    B = np.array([[0.0, 1.0]])
    T, distance = screening.project_on_anchors(np.ones(2), screening.known_of(anchors, np.arange(2)), B, -B, 1.0)
    np.testing.assert_allclose(T, [[1, 0, 0]], atol=1e-6)
    assert distance[0] == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("room", [1, 7, 39])
def test_the_strongest_are_the_first_of_the_sorted(room):
    rng = np.random.default_rng(room)
    z, l1 = rng.standard_normal(40), rng.uniform(0.5, 2, 40)
    best = np.sort(np.argsort(-np.abs(z) / l1)[:room])
    np.testing.assert_array_equal(screening.strongest(penalty_of(l1), z, np.arange(40), room), best)


@pytest.mark.filterwarnings("error")
def test_columns_without_penalty_are_the_strongest():
    z, l1 = np.array([0.0, 5.0, 1e-3, 0.2]), np.array([0.0, 1.0, 0.0, 1e-3])
    np.testing.assert_array_equal(screening.strongest(penalty_of(l1), z, np.arange(4), 1), [2])


@pytest.mark.parametrize("room", [1, 900])
def test_the_strongest_of_many(room):
    rng = np.random.default_rng(0)
    for _ in range(20):
        z = rng.standard_normal(2000)
        found = screening.strongest(penalty_of(np.ones(2000)), z, np.arange(2000), room)
        np.testing.assert_array_equal(found, np.sort(np.argsort(-np.abs(z))[:room]))
