"""The penalty and the loss as values: every method against an obviously right twin, one column at a time."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from layouts import exact_matrix, target

from fastlasso.losses.squared import SquaredError
from fastlasso.parallel import Pool
from fastlasso.penalties.separable import Penalty, step_to_bounds
from fastlasso.problem.options import Options
from fastlasso.problem.problem import pose

INF = np.inf
# one column of each kind: l1, l2, lower, upper
KINDS = np.array([
    (1.0, 0.0, -INF, INF), (0.5, 0.0, 0.0, INF), (2.0, 0.0, -INF, 0.0), (1.0, 0.0, -0.3, 0.7), (0.7, 0.4, -INF, INF),
    (0.7, 0.4, -0.2, INF), (0.0, 0.3, -INF, INF), (0.0, 0.0, -INF, INF), (0.0, 0.0, 0.0, INF), (0.0, 0.0, -0.5, 0.5),
    (1.0, 0.0, 0.0, 0.0)])
ALPHAS = np.array([2.0, 0.5, 0.1])


@pytest.fixture
def penalty():
    return Penalty(*np.ascontiguousarray(KINDS.T))


def points(seed, k=3):
    """(B within the bounds, Z): some coefficients zero, some at bounds, some z on the edge of what is feasible."""
    rng = np.random.default_rng(seed)
    l1, _, lower, upper = KINDS.T
    B = np.clip(rng.standard_normal((k, len(KINDS))) * (rng.random((k, len(KINDS))) < 0.7), lower, upper)
    Z = 2 * rng.standard_normal((k, len(KINDS)))
    edge = rng.random(Z.shape) < 0.2
    Z[edge] = (np.sign(Z) * np.outer(ALPHAS, l1))[edge]
    return B, Z


def h(b, alpha, l1, l2):
    return alpha * (l1 * abs(b) + 0.5 * l2 * b * b)


def conjugate(z, alpha, l1, l2, lower, upper):
    """max over lower <= b <= upper of z b - h(b): at a kink, a bound, or where the derivative vanishes."""
    candidates = [0.0, *(bound for bound in (lower, upper) if np.isfinite(bound))]
    if l2 > 0:
        candidates += [np.clip((z - side * alpha * l1) / (alpha * l2), lower, upper) for side in (-1, 1)]
    else:
        if (upper == INF and z > alpha * l1 * (1 + 1e-12)) or (lower == -INF and -z > alpha * l1 * (1 + 1e-12)):
            return INF
    return max(z * b - h(b, alpha, l1, l2) for b in candidates)


def is_exclusive(z, l1, l2, lower, upper):
    return l1 == 0 and l2 == 0 and ((z > 0 and upper == INF) or (z < 0 and lower == -INF))


@pytest.mark.parametrize("seed", range(20))
def test_the_scale_is_the_largest_that_is_feasible(penalty, seed):
    _, Z = points(seed)
    for scale, z, alpha in zip(penalty.scales(Z, ALPHAS), Z, ALPHAS, strict=True):
        constrained = [(c, *kind) for c, kind in zip(z, KINDS, strict=True) if kind[0] > 0]
        assert 0 < scale <= 1
        assert all(np.isfinite(conjugate(scale * c, alpha, *kind)) for c, *kind in constrained)
        if scale < 1:
            assert not all(np.isfinite(conjugate(1.001 * scale * c, alpha, *kind)) for c, *kind in constrained)


@pytest.mark.parametrize("seed", range(20))
def test_the_slack_is_the_sum_of_what_no_column_has_cancelled(penalty, seed):
    (B, Z), norm2 = points(seed), np.linspace(0.5, 2.0, len(KINDS))
    scales, gaps = penalty.scales(Z, ALPHAS), np.array([10.0, 20.0, 30.0])
    expected = gaps.copy()
    for k, (b, z, alpha, t) in enumerate(zip(B, Z, ALPHAS, scales, strict=True)):
        for j, (l1, l2, lower, upper) in enumerate(KINDS):
            c = t * z[j]
            if is_exclusive(c, l1, l2, lower, upper):
                expected[k] += 0.5 * c * c / norm2[j]       # what one exact step would gain
            else:
                expected[k] += h(b[j], alpha, l1, l2) + conjugate(c, alpha, l1, l2, lower, upper) - c * b[j]
    penalty.add_slack(gaps, B, Z, ALPHAS, scales, norm2)
    np.testing.assert_allclose(gaps, expected, rtol=1e-10)


@pytest.mark.parametrize("seed", range(20))
def test_violators_are_beyond_their_limit_where_bounds_leave_room(penalty, seed):
    _, Z = points(seed)
    norm2, noise = np.linspace(0.5, 2.0, len(KINDS)), 0.3 * (seed % 2)
    for z, alpha in zip(Z, ALPHAS, strict=True):
        expected = [j for j, (l1, _, lower, upper) in enumerate(KINDS)
                    if ((z[j] > 1.1 * alpha * l1 and upper > 0) or (-z[j] > 1.1 * alpha * l1 and lower < 0))
                    and abs(z[j]) > 1.1 * alpha * l1 + noise * np.sqrt(norm2[j])]
        np.testing.assert_array_equal(penalty.violators(z, norm2, alpha, 1.1, noise), expected)


@pytest.mark.parametrize("seed", range(20))
def test_columns_are_cleared_only_where_the_bound_proves_it(penalty, seed):
    rng = np.random.default_rng(seed)
    Z, T = rng.standard_normal((2, len(KINDS))), np.ascontiguousarray(rng.dirichlet([1, 1], 3))
    distance, norm2 = rng.random(3), np.linspace(0.5, 2.0, len(KINDS))
    reach = (T @ Z, np.outer(distance, np.sqrt(norm2)))
    limit, (_, _, lower, upper) = np.outer(ALPHAS, KINDS[:, 0]), KINDS.T
    possible = ((reach[0] + reach[1] >= limit) & (upper > 0) | (reach[1] - reach[0] >= limit) & (lower < 0)).any(axis=0)
    np.testing.assert_array_equal(penalty.not_cleared(Z, T, distance, norm2, ALPHAS), np.flatnonzero(possible))


@pytest.mark.parametrize("seed", range(20))
def test_errors_of_correlations_cost_no_more_than_is_said(penalty, seed):
    """Of penalised columns: the slack at correlations off by the errors, at the dual point that stays feasible."""
    kinds = np.flatnonzero(KINDS[:, 0] > 0)
    part, rng, (B, Z) = penalty.at(kinds), np.random.default_rng(seed), points(seed)
    B, Z = np.ascontiguousarray(B[:, kinds]), np.ascontiguousarray(Z[:, kinds])
    Z *= part.scales(Z, ALPHAS)[:, None]
    error, norm2 = 0.05 * rng.random(Z.shape), np.ones(len(kinds))
    cost, delta = part.cost_of_errors(ALPHAS, B, Z, error)

    def slack(Z, scales):
        gaps = np.zeros(3)
        part.add_slack(gaps, B, np.ascontiguousarray(Z), ALPHAS, scales, norm2)
        return gaps

    off = Z + error * rng.uniform(-1, 1, Z.shape)
    shrunk = (1 - delta) * np.ones(3)
    bounded = np.abs(B).sum(axis=1) + 1.0       # a finite bound beyond its limit costs what it is long
    assert (slack(off, shrunk) <= slack(Z, np.ones(3)) + cost + error.max() * bounded + 1e-12).all()
    assert ((delta >= 0) & (delta <= 1)).all()


def test_parts_and_variants(penalty):
    cols = np.array([4, 0, 7])
    np.testing.assert_array_equal(np.transpose(penalty.at(cols).arrays()), KINDS[cols])
    assert (len(penalty), len(penalty.at(cols))) == (len(KINDS), 3)
    changed = penalty.with_factors(cols, np.array([9.0, 8.0, INF]))
    np.testing.assert_array_equal(changed.l1[cols], [9.0, 8.0, INF])
    assert penalty.l1[0] == 1.0
    assert not changed.usable[7]
    held = changed.with_exclusions_as_bounds()
    assert (held.lower[7], held.upper[7], np.isfinite(held.l1[7])) == (0.0, 0.0, True)
    assert penalty.with_exclusions_as_bounds() is penalty


def test_which_columns_are_unpenalised(penalty):
    b = np.clip(np.full(len(KINDS), 0.1), *KINDS.T[2:])
    np.testing.assert_array_equal(np.flatnonzero(penalty.unpenalised(0.5, b)), [7, 8, 9])
    b[[8, 9]] = 0.0, 0.5
    np.testing.assert_array_equal(np.flatnonzero(penalty.unpenalised(0.5, b)), [7])
    within = {j for j, (_, _, low, high) in enumerate(KINDS) if low < b[j] < high}
    assert set(np.flatnonzero(penalty.unpenalised(0.0, b))) == within
    assert penalty.has_unpenalised
    assert not penalty.at(np.arange(7)).leaves_free([0.5])
    assert penalty.at(np.arange(7)).leaves_free([0.5, 0.0])
    np.testing.assert_array_equal(np.flatnonzero(penalty.exclusive(np.ones(len(KINDS)), 0.5)), [7, 8])


def test_values_pulls_and_orthants(penalty):
    B, Z = points(0)
    for b, z, alpha in zip(B, Z, ALPHAS, strict=True):
        value = sum(h(x, alpha, l1, l2) for x, (l1, l2, _, _) in zip(b, KINDS, strict=True))
        assert penalty.value(b, alpha) == pytest.approx(value, rel=1e-12)
        assert penalty.exact_value(b, alpha) == pytest.approx(value, rel=1e-12)
        pull = [c - alpha * (l1 * np.sign(x) + l2 * x) for c, x, (l1, l2, _, _) in zip(z, b, KINDS, strict=True)]
        np.testing.assert_allclose(penalty.pull(z, b, alpha), pull, atol=1e-12)
        inside, low, high = penalty.orthant(b, alpha)
        for j, (l1, _, lower, upper) in enumerate(KINDS):
            assert inside[j] == ((b[j] != 0 or l1 == 0) and lower < b[j] < upper)
            assert low[j] == (0.0 if l1 > 0 and b[j] > 0 else lower)
            assert high[j] == (0.0 if l1 > 0 and b[j] < 0 else upper)


def test_where_columns_enter(penalty):
    z = np.linspace(-2, 2, len(KINDS))
    reach = penalty.reach(z)
    expected = [abs(c) if (c > 0 and upper > 0) or (c < 0 and lower < 0) else 0.0
                for c, (_, _, lower, upper) in zip(z, KINDS, strict=True)]
    np.testing.assert_array_equal(reach, expected)
    assert penalty.first_entry(reach) == max(r / l1 for r, l1 in zip(reach, KINDS[:, 0], strict=True) if l1 > 0)


def test_a_step_ends_at_the_first_bound():
    now, step, low, high = np.array([0.0, 0.5, -1.0]), np.array([1.0, 1.0, -1.0]), np.full(3, -2.0), np.full(3, 1.0)
    np.testing.assert_array_equal(step_to_bounds(now, step, low, high), [0.5, 0.5, -0.5])
    assert step_to_bounds(now, 0.1 * step, low, high) is not None
    np.testing.assert_array_equal(step_to_bounds(now, 0.1 * step, low, high), 0.1 * step)


# ---------------------------------------------------------------- the loss, and the problem


@pytest.mark.parametrize("weights", [None, np.array([0.1, 0.2, 0.3, 0.0, 0.4])], ids=["equal", "weighted"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_squared_error(weights, fit_intercept):
    y, offset, q = np.array([3.0, -1, 4, 1, 5]), np.linspace(0, 1, 5), np.full(5, 0.2) if weights is None else weights
    loss = SquaredError.of(y, offset, weights, fit_intercept)
    mean = q @ (y - offset) if fit_intercept else 0.0
    np.testing.assert_allclose(loss.y, y - offset - mean, atol=1e-14)
    assert loss.y_mean == pytest.approx(mean)
    assert loss.null_value == pytest.approx(0.5 * q @ loss.y**2)
    assert loss.norm == pytest.approx(np.sqrt(loss.norm2))
    r, t = np.array([0.3, -0.2, 0.5, 1.0, -0.7]), 0.8
    norm2, fitted = q @ (r * r), loss.y - r
    theta = t * r       # F(eta) + F*(-theta) + <theta, eta> with F*(-theta) = |theta|^2 / 2 - <theta, y>
    direct = 0.5 * norm2 + 0.5 * q @ theta**2 - q @ (theta * loss.y) + q @ (theta * fitted)
    assert loss.slack(norm2, t) == pytest.approx(direct)
    assert loss.cost_of_shrinking(norm2, 0.2) == pytest.approx(loss.slack(norm2, 0.8))
    assert loss.value(norm2) == 0.5 * norm2
    np.testing.assert_allclose(loss.explained(np.array([norm2])), 1 - norm2 / (q @ loss.y**2))
    coefs, means = np.array([[1.0, -2.0]]), np.array([0.5, 0.25])
    expected = mean - coefs @ means if fit_intercept else 0.0
    np.testing.assert_allclose(loss.intercepts(means, coefs), expected, atol=1e-14)


def test_a_problem_is_a_value():
    A = exact_matrix(20, 6)
    with Pool(1) as pool:
        problem = pose(A, target(A), Options(), pool)
        other = problem.with_penalty_factor(np.full(6, 2.0), l1_ratio=0.5)
    for value, name in ((problem, "penalty"), (problem.penalty, "l1"), (problem.loss, "y")):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, None)
    np.testing.assert_array_equal(problem.penalty.l1, np.where(problem.design.constant, INF, 1.0))
    np.testing.assert_array_equal(other.penalty.l2, np.where(problem.design.constant, 0.0, 1.0))
    assert other.design.passes == 0 < problem.design.passes
    assert other.loss is problem.loss
