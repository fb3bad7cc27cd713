"""The certificate against closed forms, scikit-learn, a conic solver and 50-digit arithmetic."""

import math
import warnings
from fractions import Fraction
from itertools import pairwise, product

import mpmath
import numpy as np
import pytest
from oracles import conic_solution, exact_objective, exact_optimum, exact_problem
from scipy import sparse

from fastlasso.judge import columns as columns_module, dual_point, losses, support_proof, verify
from fastlasso.reference import coordinate_descent, objective, soft_threshold


def random_data(seed, n=30, p=20, density=1.0):
    """X with correlated columns, some of them zero, and y from the first five."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) + 0.7 * rng.standard_normal((n, 1)) + rng.standard_normal(p)
    X *= rng.random((n, p)) < density
    return X, X[:, :5] @ rng.standard_normal(5) + rng.standard_normal(n)


def problems(n=30, p=20):
    """Options that reach every branch of the problem, by name."""
    rng = np.random.default_rng(0)
    weight = rng.integers(0, 4, n).astype(float)
    factor = rng.uniform(0.2, 2.0, p)
    some_free = np.where(np.arange(p) % 7 == 1, 0.0, np.where(np.arange(p) % 7 == 2, math.inf, factor))
    tight = {"lower": -rng.uniform(0, 0.3, p), "upper": np.where(np.arange(p) % 3 == 0, 0.0, 0.2)}
    return {
        "plain": {},
        "no_intercept": {"fit_intercept": False},
        "weights": {"sample_weight": weight, "offset": rng.standard_normal(n)},
        "factors": {"penalty_factor": some_free, "sample_weight": weight},
        "standardize": {"standardize": True, "sample_weight": weight},
        "standardize_no_intercept": {"standardize": True, "fit_intercept": False, "penalty_factor": factor},
        "positive": {"lower": 0.0, "penalty_factor": some_free},
        "box": tight,
        "unpenalised_box": {**tight, "penalty_factor": some_free},
        "enet": {"l1_ratio": 0.5, "penalty_factor": some_free, "offset": rng.standard_normal(n)},
        "enet_box": {"l1_ratio": 0.3, "standardize": True, **tight},
        "ridge": {"l1_ratio": 0.0, "sample_weight": weight, "penalty_factor": some_free},
        "nonnegative_least_squares": {"lower": 0.0, "penalty_factor": 0.0},
        "least_squares": {"penalty_factor": 0.0},
    }


PROBLEMS = problems()


def perturbed(coef, options, size, rng):
    """A feasible point near coef: some coefficients moved, excluded ones left at zero."""
    p = len(coef)
    allowed = ~np.isinf(np.broadcast_to(options.get("penalty_factor", 1.0), p)) & (rng.random(p) < 0.5)
    moved = coef + np.where(allowed, size * rng.standard_normal(p), 0.0)
    return np.clip(moved, options.get("lower", -math.inf), options.get("upper", math.inf))


# Closed forms


def orthonormal_problem(n=16, p=8):
    """Centred X with X'X / n = I."""
    rng = np.random.default_rng(3)
    basis = np.linalg.qr(np.column_stack([np.ones(n), rng.standard_normal((n, p))]))[0][:, 1:]
    X = math.sqrt(n) * basis
    return X, 5 + X @ rng.standard_normal(p) + rng.standard_normal(n)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.6, 0.0])
def test_orthonormal_design_is_solved_by_soft_thresholding(l1_ratio):
    X, y = orthonormal_problem()
    correlation, alpha = X.T @ y / len(y), 0.4
    solution = soft_threshold(correlation, alpha * l1_ratio) / (1 + alpha * (1 - l1_ratio))
    exact = verify(X, y, solution, y.mean(), alpha=alpha, l1_ratio=l1_ratio)
    assert exact.relative_gap < 1e-13
    assert exact.kkt_violation < 1e-12
    assert exact.primal == pytest.approx(objective(X, y, solution, y.mean(), alpha, l1_ratio=l1_ratio), rel=1e-14)
    assert exact.null_objective == pytest.approx(np.var(y) / 2, rel=1e-14)


def test_kkt_violation_has_the_units_of_the_penalty():
    X, y = orthonormal_problem()
    correlation, alpha = X.T @ y / len(y), 0.4
    solution = soft_threshold(correlation, alpha)
    j = int(np.argmax(np.abs(solution)))
    solution[j] += 0.1  # moves x_j.r by -0.1 and no other
    assert verify(X, y, solution, y.mean(), alpha=alpha).kkt_violation == pytest.approx(0.1 / alpha)
    factor = np.where(np.arange(8) == j, 0.0, 1.0)
    solution[j] = correlation[j] + 0.1
    result = verify(X, y, solution, y.mean(), alpha=alpha, penalty_factor=factor)
    assert result.kkt_violation == pytest.approx(0.1)
    assert result.gap == pytest.approx(0.1**2 / 2)


def test_kkt_violation_knows_the_bounds():
    X, y = orthonormal_problem()
    correlation = X.T @ y / len(y)
    solution = np.clip(soft_threshold(correlation, 0.1), -0.2, 0.2)
    assert verify(X, y, solution, y.mean(), alpha=0.1, lower=-0.2, upper=0.2).kkt_violation < 1e-12
    assert verify(X, y, solution, y.mean(), alpha=0.1).kkt_violation > 1
    # at zero: a bound there silences one sign of the gradient only
    j = int(np.argmax(correlation))
    solution[j] = 0.0
    assert verify(X, y, solution, y.mean(), alpha=0.1, lower=-0.2, upper=0.2).kkt_violation > 1
    upper = np.where(np.arange(8) == j, 0.0, 0.2)
    assert verify(X, y, solution, y.mean(), alpha=0.1, lower=-0.2, upper=upper).kkt_violation < 1e-12


def test_kkt_violation_is_the_same_for_the_mirrored_problem():
    """Each way of being wrong, a coefficient of either sign: too large, too small, of the wrong sign, wrongly zero."""
    X, y = orthonormal_problem()
    correlation, alpha = X.T @ y / len(y), 0.4
    solution = soft_threshold(correlation, alpha)
    used = np.flatnonzero(solution)
    assert np.abs(solution[used]).min() < 1 < np.abs(solution[used]).max()
    for j, (wrong, expected) in product(used, ((1.5, 0.5), (0.5, 0.5), (-0.5, 1.5), (0.0, 1.0))):
        coef = np.where(np.arange(8) == j, wrong * solution, solution)
        violation = expected * abs(solution[j]) / alpha + 2 * (wrong < 0)       # its subgradient is on the other side
        for sign in (1, -1):
            found = verify(X, sign * y, sign * coef, sign * y.mean(), alpha=alpha).kkt_violation
            assert found == pytest.approx(violation)


def test_a_wrong_intercept_costs_half_its_square():
    X, y = random_data(1)
    coef, intercept, _ = coordinate_descent(X, y, 0.1, tol=1e-14)
    best = verify(X, y, coef, intercept, alpha=0.1)
    off = verify(X, y, coef, intercept + 0.3, alpha=0.1)
    assert off.gap - best.gap == pytest.approx(0.3**2 / 2, rel=1e-9)
    assert off.dual == pytest.approx(best.dual, rel=1e-14)


def test_coefficients_of_any_size_count_in_the_intercept():
    """Also those that are 0 or 1 exactly."""
    rng = np.random.default_rng(1)
    X, coef = rng.standard_normal((30, 5)) + 100, np.array([0.0, 1.0, -1.0, 2.0, 1.0])
    best = float(np.mean(X @ coef))
    for intercept in (0.0, 3.0):
        result = verify(X, X @ coef - best, coef, intercept - best, alpha=0.1)
        assert result.primal == pytest.approx(0.1 * 5 + intercept**2 / 2, rel=1e-12)


def test_zero_problem():
    result = verify(np.ones((3, 2)), np.full(3, 0.1), np.zeros(2), 0.1, alpha=1.0)
    assert (result.primal, result.gap, result.relative_gap, result.null_objective) == (0, 0, 0, 0)


def test_figures_are_plain_floats():
    X, y = random_data(1)
    result = verify(X, y, np.ones(20), np.float32(0.5), alpha=0.1, penalty_factor=np.arange(20.0) % 2, l1_ratio=0.5)
    assert {type(value) for name, value in vars(result).items() if name != "bound"} == {float}
    assert result.bound == "residual"


def test_no_columns():
    result = verify(np.zeros((3, 0)), np.arange(3.0), [], 1.0, alpha=1.0)
    assert result.gap < 1e-15
    assert result.primal == pytest.approx(1 / 3)


# Independent oracles


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize("tol", [1e-1, 1e-3])
def test_gap_is_scikit_learns(l1_ratio, tol):
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y = random_data(2, n=40, p=60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = linear_model.ElasticNet(alpha=0.05, l1_ratio=l1_ratio, tol=tol).fit(X, y)
    result = verify(X, y, model.coef_, model.intercept_, alpha=0.05, l1_ratio=l1_ratio)
    if l1_ratio == 1:
        assert result.gap == pytest.approx(model.dual_gap_, rel=1e-8)
    else:  # their dual point of the augmented design is not the best one
        assert result.gap <= model.dual_gap_ * (1 + 1e-8)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("kind", ["dense", "float32", "sparse"])
def test_gap_bounds_the_suboptimality_found_by_a_conic_solver(name, kind):
    options = PROBLEMS[name]
    X, y = random_data(4, density=0.3 if kind == "sparse" else 1.0)
    X = {"dense": X, "float32": X.astype(np.float32), "sparse": sparse.csc_array(X)}[kind]
    best, best_intercept, value = conic_solution(X, y, 0.1, options)
    reached = objective(X, y, best, best_intercept, 0.1, **options)
    assert verify(X, y, best, best_intercept, alpha=0.1, **options).relative_gap < 1e-6
    assert reached == pytest.approx(value, rel=1e-7)
    rng = np.random.default_rng(5)
    for size in (1e-9, 1e-6, 1e-3, 1e-1, 1.0):
        coef = perturbed(best, options, size, rng)
        intercept = best_intercept + options.get("fit_intercept", True) * size * rng.standard_normal()
        result = verify(X, y, coef, intercept, alpha=0.1, **options)
        assert result.primal == pytest.approx(objective(X, y, coef, intercept, 0.1, **options), rel=1e-12)
        assert result.gap >= result.primal - reached - 1e-14 * result.primal
        assert result.gap == pytest.approx(result.primal - result.dual, rel=1e-9, abs=1e-13 * result.null_objective)


@pytest.mark.parametrize("name", PROBLEMS)
def test_gap_of_a_solution_is_rounding_only(name):
    X, y = random_data(6)
    options = PROBLEMS[name]
    coef, intercept, _ = coordinate_descent(X, y, 0.1, tol=1e-15, max_iter=3000, **options)
    result = verify(X, y, coef, intercept, alpha=0.1, **options)
    assert 0 < result.relative_gap < 5e-13
    assert result.kkt_violation < 1e-6


def test_unpenalised_columns_with_one_bound_keep_a_sharp_dual_point():
    """Nonnegative least squares: c_j <= 0 where b_j = 0, c_j = 0 elsewhere, which rounding gets wrong half the time."""
    X, y = random_data(23, n=100, p=60)
    coef, intercept, _ = coordinate_descent(X, y, 0.0, lower=0.0, tol=1e-14, max_iter=3000)
    assert verify(X, y, coef, intercept, alpha=0.0, lower=0.0).relative_gap < 1e-13
    coef[coef > 0] += 1e-7
    assert verify(X, y, coef, intercept, alpha=0.0, lower=0.0).relative_gap < 1e-11
    assert verify(X, y, -coef, intercept, alpha=0.0, upper=0.0).gap > 1  # the mirror image
    assert verify(-X, y, -coef, intercept, alpha=0.0, upper=0.0).relative_gap < 1e-11


def test_unpenalised_columns_between_two_bounds_keep_a_sharp_dual_point():
    """Clear of its bounds a column is projected out; what is left of its correlation is not paid for by 1e5."""
    X, y = random_data(4)
    inside = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean())[0]
    coef = inside + 1e-5 * np.ones(20)
    found = verify(X, y, coef, y.mean() - X.mean(axis=0) @ coef, alpha=0, lower=inside - 1e5, upper=inside + 1e5)
    centred = (X - X.mean(axis=0)) @ (coef - inside)
    assert found.gap == pytest.approx(0.5 * np.mean(centred**2), rel=1e-6)


def test_signs_that_take_too_many_rounds_leave_a_dual_point_all_the_same(monkeypatch):
    """All columns with a bound are projected out then: a weaker bound, but not none."""
    X, y = random_data(23, n=100, p=60)
    sharp = verify(X, y, np.zeros(60), y.mean(), alpha=0.0, lower=0.0)
    monkeypatch.setattr(dual_point, "SIGN_TRIALS", 2)
    assert 0 < verify(X, y, np.zeros(60), y.mean(), alpha=0.0, lower=0.0).dual < sharp.dual
    monkeypatch.setattr(dual_point, "SIGN_TRIALS", 3)      # as many as it takes
    assert verify(X, y, np.zeros(60), y.mean(), alpha=0.0, lower=0.0).dual == sharp.dual


@pytest.mark.parametrize("bound", [-0.2, -0.05])
@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_one_bound_elsewhere_and_columns_of_any_scale_keep_the_dual_point_sharp(bound, scale):
    """Least squares with b_j >= bound / scale; half of the columns are held."""
    X, y = random_data(23, n=100, p=60)
    shifted, intercept, _ = coordinate_descent(X, y - X @ np.full(60, bound), 0.0, lower=0.0, tol=1e-14, max_iter=3000)
    held = shifted == 0
    assert 5 < held.sum() < 55
    coef = (shifted + bound + np.where(held, 0.0, 1e-7)) / scale
    coef[held] = bound / scale
    given = {"alpha": 0.0, "lower": bound / scale}
    assert verify(scale * X, y, coef, intercept, **given).relative_gap < 1e-11
    assert verify(-scale * X, y, -coef, intercept, alpha=0.0, upper=-bound / scale).relative_gap < 1e-11


@pytest.mark.parametrize("lower", [-math.inf, -0.05])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize("alpha", [0.3, 30.0])
def test_dual_point_is_the_best_multiple_of_the_residual(alpha, l1_ratio, lower):
    X, y = random_data(24)
    X, y = X - X.mean(axis=0), y - y.mean()
    l1, l2 = alpha * l1_ratio, alpha * (1 - l1_ratio)
    for size in (0.0, 0.03, 0.3, 1.0):
        coef = np.clip(size * np.linalg.lstsq(X, y)[0], lower, 0.5)
        r = y - X @ coef
        scales = np.linspace(0, 2, 4001)
        c = (X.T @ r / len(y))[:, None] * scales
        excess = soft_threshold(c, l1)
        with np.errstate(divide="ignore", invalid="ignore"):
            best = np.clip(np.where(excess == 0, 0.0, excess / l2), lower, 0.5)
            conjugate = np.where(best == 0, 0.0, c * best - l1 * np.abs(best) - l2 / 2 * best**2).sum(axis=0)
        value = scales * (r @ y) / len(y) - scales**2 * (r @ r) / len(y) / 2 - np.nan_to_num(conjugate, nan=math.inf)
        result = verify(X, y, coef, alpha=alpha, l1_ratio=l1_ratio, lower=lower, upper=0.5)
        assert value.max() - 1e-12 <= result.dual <= value.max() + 1e-3
        assert abs(scales[np.argmax(value)] - result.dual_scale) < 2e-3


def test_dual_point_of_a_single_column_is_the_best_multiple_too():
    """At b = 0, D(t) = |y|^2 (t - t^2 / 2) - (t c - l1)^2 / (2 l2), c = x.y, is largest where D'(t) = 0."""
    x, y = np.array([1.0, 2.0, -3.0]), np.array([2.0, 1.0, -4.0])
    result = verify(x[:, None], y, np.zeros(1), 0.0, alpha=1.0, l1_ratio=0.5, fit_intercept=False)
    c, yy, l1, l2 = x @ y / 3, y @ y / 3, 0.5, 0.5
    assert result.dual_scale == pytest.approx((yy + c * l1 / l2) / (yy + c * c / l2), rel=1e-12)


def test_bounds_far_away_cost_nothing():
    """h_j* rises by u_j per unit beyond l1_j, so an error of 1e-15 in c_j must not be multiplied by u_j = 1e9."""
    X, y = random_data(29)
    coef, intercept, _ = coordinate_descent(X, y, 0.1, tol=1e-15, max_iter=3000)
    assert verify(X, y, coef, intercept, alpha=0.1, lower=-1e9, upper=1e9).relative_gap < 5e-13


# The loss


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_loss_is_its_definition(fit_intercept):
    """Each method against the formulas of F and F*, for any scores, dual point and multiple."""
    rng = np.random.default_rng(30)
    y, offset, q = rng.standard_normal(9) + 3, rng.standard_normal(9), rng.random(9)
    q /= q.sum()
    root, z, shift = np.sqrt(q), y - offset, 1.7 * fit_intercept
    loss = losses.SquaredError.of(y, offset, root, fit_intercept)
    product, theta = rng.standard_normal(9), rng.standard_normal(9)
    theta -= (q @ theta) * fit_intercept
    scores, conjugate = product + shift, q @ (theta**2 / 2 - theta * z)
    mean, rest = loss.residual(product, np.array([2 * shift, -shift]))
    rho = mean * root + rest
    np.testing.assert_allclose(rho, root * (z - scores), atol=1e-14)
    assert rest @ root == pytest.approx(0, abs=1e-15) or not fit_intercept
    assert loss.value(rho) == pytest.approx(q @ (z - scores) ** 2 / 2)
    assert loss.null_value == pytest.approx(q @ (z - (q @ z) * fit_intercept) ** 2 / 2)
    assert loss.dual_value(root * theta, 0.0) == pytest.approx(-conjugate)
    slack = loss.value(rho) + conjugate + q @ (theta * scores)
    assert loss.slack(rho - root * theta, 0.0) == pytest.approx(slack)
    slope, vanishes = loss.dual_slope(rest, 0.0)
    value = [loss.dual_value(t * rest, 0.0) for t in (0.5, 0.5 + 1e-6)]
    assert slope(0.5) == pytest.approx((value[1] - value[0]) / 1e-6, abs=1e-5)
    assert slope(vanishes) == pytest.approx(0, abs=1e-14)
    assert loss.dual_slope(-rest, 0.0)[1] == 0


def test_errors_of_vectors_count_against_the_loss():
    loss = losses.SquaredError.of(np.array([3.0, 4.0]), np.zeros(2), np.ones(2), False)      # a target of norm 5
    ones = np.ones(2)
    assert loss.dual_value(ones, 0.1) == pytest.approx(7 - 1 - 5 * 0.1)
    assert loss.slack(ones, 0.1) == pytest.approx((math.sqrt(2) + 0.1) ** 2 / 2)
    slope, vanishes = loss.dual_slope(ones, 0.1)
    assert slope(0.25) == pytest.approx(7 - 5 * 0.1 - 0.25 * 2)
    assert vanishes == pytest.approx((7 - 5 * 0.1) / 2)
    assert loss.dual_radius(8.0) == 4.0


# Forms of X


def forms(X):
    """The same numbers in every form that is promised, by name."""
    n, p = X.shape
    padded = np.zeros((2 * n, 3 * p))
    padded[::2, ::3] = X
    readonly = X.copy()
    readonly.flags.writeable = False
    csr, csc = sparse.csr_array(X), sparse.csc_array(X)
    wide = sparse.csr_array((csr.data, csr.indices.astype(np.int64), csr.indptr.astype(np.int64)), shape=X.shape)
    made = {
        "c": np.ascontiguousarray(X),
        "fortran": np.asfortranarray(X),
        "strided": padded[::2, ::3],
        "reversed": np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
        "readonly": readonly,
        "list": X.tolist(),
        "int": X.astype(np.int16),
        "float32": X.astype(np.float32),
        "csr": csr,
        "csc": csc,
        "csr_matrix": sparse.csr_matrix(X),
        "csc_matrix": sparse.csc_matrix(X),
        "csr_int": csr.astype(np.int32),
        "csc_float32": csc.astype(np.float32),
        "int64_indices": wide,
        "coo": sparse.coo_array(X),
        "lil_matrix": sparse.lil_matrix(X),
    }
    return made | {"messy_csr": messy(csr), "messy_csc": messy(csc)}


def messy(X):
    """The same matrix unsorted, with every value split into two duplicates."""
    indptr = 2 * X.indptr
    parts = list(pairwise(X.indptr))
    order = np.concatenate([np.tile(np.arange(a, b), 2)[::-1] for a, b in parts])
    first = np.concatenate([np.arange(2 * (b - a)) < b - a for a, b in parts])
    data = np.where(first, 3.0, -2.0) * X.data[order]
    return type(X)((data, X.indices[order], indptr), shape=X.shape)


def whole_numbers():
    rng = np.random.default_rng(7)
    X = np.rint(3 * rng.standard_normal((25, 12))) * (rng.random((25, 12)) < 0.6)
    X[:, 3] = 50 + np.arange(25)  # no zeros: centred in sparse form too
    X[:, 4] = 2  # constant
    return X, X[:, 0] - X[:, 1] + rng.standard_normal(25)


@pytest.mark.parametrize("form", forms(whole_numbers()[0]))
@pytest.mark.parametrize("block", [1, 30, 10**6])
def test_every_form_of_x_gives_the_same_certificate(form, block, monkeypatch):
    monkeypatch.setattr(columns_module, "BLOCK", block)
    monkeypatch.setattr(columns_module, "STORED", block)
    X, y = whole_numbers()
    other = forms(X)[form]
    coef = np.random.default_rng(8).standard_normal(12) * (np.arange(12) % 2 == 1)
    coef[4] = 0.0
    weight = np.arange(25.0) % 5
    for options in ({}, {"fit_intercept": False}, {"standardize": True, "penalty_factor": np.arange(12.0) % 3}):
        expected = verify(X, y, coef, 0.0, alpha=0.5, sample_weight=weight, **options)
        result = verify(other, y, coef, 0.0, alpha=0.5, sample_weight=weight, **options)
        for field in ("primal", "dual", "gap", "null_objective", "kkt_violation", "dual_scale"):
            assert getattr(result, field) == pytest.approx(getattr(expected, field), rel=1e-10), field
        expected = support_proof(X, y, coef, 0.0, alpha=5.0, sample_weight=weight, **options)
        assert np.array_equal(support_proof(other, y, coef, 0.0, alpha=5.0, sample_weight=weight, **options), expected)


@pytest.mark.parametrize("form", ["csr", "csc", "messy_csr", "messy_csc", "c"])
def test_x_is_not_changed(form):
    X, y = whole_numbers()
    X = forms(X)[form]
    parts = (X.data, X.indices, X.indptr) if sparse.issparse(X) else (X,)
    before = [part.copy() for part in parts]
    verify(X, y, np.ones(12), alpha=0.1, standardize=True, penalty_factor=np.r_[np.ones(4), np.inf, np.zeros(7)])
    after = (X.data, X.indices, X.indptr) if sparse.issparse(X) else (X,)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array, sparse.csc_array])
def test_blocks_stay_small(make):
    import tracemalloc

    X = make(np.ones((500, 4000)))  # 16 MB
    verify(X[:5], np.arange(5.0), np.zeros(4000), alpha=1.0)
    tracemalloc.start()
    verify(X, np.arange(500.0), np.ones(4000), alpha=1.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (4e6 if make is np.asarray else 64e6)


# Weights


def test_weight_two_is_the_row_twice():
    X, y = random_data(9)
    weight = np.random.default_rng(1).integers(0, 3, len(y))
    coef = np.random.default_rng(2).standard_normal(X.shape[1])
    again = np.repeat(np.arange(len(y)), weight)
    for options in ({}, {"standardize": True, "l1_ratio": 0.5}, {"fit_intercept": False}):
        weighted = verify(X, y, coef, 0.0, alpha=0.1, sample_weight=weight * 3.5, **options)
        repeated = verify(X[again], y[again], coef, 0.0, alpha=0.1, **options)
        for field in ("primal", "dual", "gap", "null_objective", "kkt_violation"):
            assert getattr(weighted, field) == pytest.approx(getattr(repeated, field), rel=1e-11), field
        huge = verify(X, y, coef, 0.0, alpha=0.1, sample_weight=weight * 0.8e308, **options)
        assert huge.gap == pytest.approx(weighted.gap, rel=1e-13)


# Hard numbers


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("standardize", [False, True])
def test_columns_of_mean_1e8_deviations_keep_their_digits(make, standardize):
    rng = np.random.default_rng(10)
    small = np.rint(1000 * rng.standard_normal((40, 15))) / 1024  # exact beside 1e8
    y = small[:, :3].sum(axis=1) + np.rint(1000 * rng.standard_normal(40)) / 1024
    coef, _, _ = coordinate_descent(small, y, 0.1, tol=1e-15, max_iter=3000, standardize=standardize)
    X, shifted_y = small + 1e8, y + 1e8
    intercept = float(shifted_y.mean() - math.fsum(X.mean(axis=0) * coef))
    result = verify(make(X), shifted_y, coef, intercept, alpha=0.1, standardize=standardize)
    assert result.relative_gap < 1e-12
    offset = rng.random(40)  # y - offset is rounded by 1e-8
    coef, best, _ = coordinate_descent(small, y - offset, 0.1, tol=1e-15, max_iter=3000)
    result = verify(make(small), y + 1e8, coef, best + 1e8, alpha=0.1, offset=offset)
    assert result.relative_gap < 1e-12
    weight = np.r_[0.0, np.ones(39)]
    coef, _, _ = coordinate_descent(small, y, 0.1, tol=1e-15, max_iter=3000, sample_weight=weight)
    intercept = float(shifted_y[1:].mean() - math.fsum(X[1:].mean(axis=0) * coef))
    X[0] = 0.0  # implicit zeros in a row that does not count
    assert verify(make(X), shifted_y, coef, intercept, alpha=0.1, sample_weight=weight).relative_gap < 1e-12


def test_a_wild_row_of_no_weight_costs_no_digits():
    """The first row is a poor centre: 1e8 deviations away, and of weight 1e-20."""
    X, y = random_data(25)
    X[0] += 1e8
    weight = np.r_[1e-20, np.ones(29)]
    coef, intercept, _ = coordinate_descent(X, y, 0.1, tol=1e-14, max_iter=3000, sample_weight=weight)
    assert verify(X, y, coef, intercept, alpha=0.1, sample_weight=weight).relative_gap < 1e-12


def test_constant_columns_are_excluded_when_standardizing():
    X, y = random_data(11)
    X[:, 3] = 0.1
    X[1:, 4] = 1 / 3
    weight = np.r_[0.0, np.ones(len(y) - 1)]
    coef = np.zeros(X.shape[1])
    for make in (np.asarray, sparse.csr_array, sparse.csc_array):
        assert verify(make(X), y, coef, 1.0, alpha=0.1, standardize=True, sample_weight=weight).primal < math.inf
        for j in (3, 4):
            used = np.where(np.arange(len(coef)) == j, 1e-3, 0.0)
            result = verify(make(X), y, used, 1.0, alpha=0.1, standardize=True, sample_weight=weight)
            assert result.primal == result.gap == result.relative_gap == result.kkt_violation == math.inf


def test_out_of_bounds_is_infinite_but_the_dual_remains():
    X, y = random_data(12)
    coef = np.full(X.shape[1], 0.1)
    result = verify(X, y, coef, 0.0, alpha=0.1, upper=0.05)
    assert result.primal == result.gap == math.inf
    assert math.isfinite(result.dual)
    assert verify(X, y, coef, 0.0, alpha=0.1, penalty_factor=math.inf).gap == math.inf
    assert set(support_proof(X, y, coef, 0.0, alpha=0.1, upper=0.05)) == {1}
    coef[:4] = 0.0      # outside the bounds nothing is proven but what the bounds themselves say
    lower, upper = np.r_[0.0, 0.0, -1, -1, np.full(16, -1)], np.r_[0.0, 1, 0, 1, np.full(16, 0.05)]
    proof = support_proof(X, y, coef, 0.0, alpha=0.1, lower=lower, upper=upper)
    np.testing.assert_array_equal(proof, np.r_[0, -1, -1, -1, np.ones(16)])


@pytest.mark.parametrize("columns", [0, 3])
def test_dependent_unpenalised_columns(columns, monkeypatch):
    """Twice the same column, one collinear with the intercept, by QR and by LSMR."""
    monkeypatch.setattr(dual_point, "BASIS_COLUMNS", columns)
    X, y = random_data(13)
    X[:, 1], X[:, 2] = X[:, 0], 7.0
    factor = np.r_[np.zeros(3), np.ones(17)]
    coef, intercept, _ = coordinate_descent(X, y, 0.1, penalty_factor=factor, tol=1e-15, max_iter=3000)
    result = verify(X, y, coef, intercept, alpha=0.1, penalty_factor=factor)
    assert result.relative_gap < 5e-13
    coef[0] += 0.01  # the dual point does not see it: the whole gap is the distance
    moved = verify(X, y, coef, intercept, alpha=0.1, penalty_factor=factor)
    assert moved.gap - result.gap == pytest.approx(0.5 * np.mean((0.01 * X[:, 0]) ** 2), rel=1e-6)
    assert moved.dual == pytest.approx(result.dual, rel=1e-12)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_many_unpenalised_columns_go_through_lsmr(make, fit_intercept, monkeypatch):
    X, y = random_data(14, density=0.5)
    options = {"alpha": 0.1, "fit_intercept": fit_intercept, "penalty_factor": np.arange(20) % 2}
    coef = np.random.default_rng(3).standard_normal(20)
    by_qr = verify(make(X), y, coef, **options)
    monkeypatch.setattr(dual_point, "BASIS_COLUMNS", 2)
    by_lsmr = verify(make(X), y, coef, **options)
    assert by_lsmr.gap == pytest.approx(by_qr.gap, rel=1e-10)
    assert by_lsmr.dual == pytest.approx(by_qr.dual, rel=1e-10)


@pytest.mark.parametrize(("columns", "size", "by_qr"), [(10, 2400, True), (9, 2400, False), (10, 2399, False)])
def test_the_basis_of_unpenalised_columns_has_limits(columns, size, by_qr, monkeypatch):
    """10 columns of 30 rows are 2,400 bytes."""
    X, y = random_data(14)
    reached, basis = [], dual_point.orthonormal_basis
    monkeypatch.setattr(dual_point, "orthonormal_basis", lambda *args: reached.append(1) or basis(*args))
    monkeypatch.setattr(dual_point, "BASIS_COLUMNS", columns)
    monkeypatch.setattr(dual_point, "BASIS_BYTES", size)
    verify(X, y, np.zeros(20), alpha=0.1, penalty_factor=np.arange(20) % 2)
    assert bool(reached) == by_qr


def test_lsmr_does_not_care_about_the_columns_scales(monkeypatch):
    X, y = random_data(14)
    factor, scale = np.arange(20) % 2, 10.0 ** np.linspace(-6, 6, 20)
    coef = np.random.default_rng(3).standard_normal(20)
    factors = {"alpha": 0.1, "penalty_factor": factor * scale}
    monkeypatch.setattr(dual_point, "BASIS_COLUMNS", 2)
    plain = verify(X, y, coef, alpha=0.1, penalty_factor=factor)
    assert verify(X * scale, y, coef / scale, **factors).gap == pytest.approx(plain.gap, rel=1e-8)


def test_unpenalised_columns_that_explain_nearly_everything():
    """The rest of the residual is 1e-8 of it: projected once, it would be noise."""
    X, y = random_data(26)
    factor = np.r_[0.0, np.ones(19)]
    coef, intercept, _ = coordinate_descent(X, y, 0.1, tol=1e-14, max_iter=3000, penalty_factor=factor)
    best = verify(X, y, coef, intercept, alpha=0.1, penalty_factor=factor).dual
    result = verify(X, y + 1e8 * X[:, 0], coef, intercept, alpha=0.1, penalty_factor=factor)
    assert result.dual == pytest.approx(best, rel=1e-3)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_unpenalised_columns_that_span_everything_leave_no_dual_point(fit_intercept):
    for seed in range(20):
        X, y = random_data(seed, n=10, p=20)
        coef = np.linalg.lstsq(X, y)[0]
        for size in (0.0, 1e-3, 1.0):
            result = verify(X, y, coef * (1 + size), alpha=0.1, penalty_factor=0.0, fit_intercept=fit_intercept)
            assert result.dual <= result.primal
            assert result.gap == pytest.approx(result.primal, rel=1e-6, abs=1e-26)


# Fifty digits


@pytest.mark.parametrize(("ratio", "l1_ratio"), [(0.5, 0.5), (1e-3, 0.5), (1e-6, 1.0), (1e-9, 1.0)])
def test_rounding_is_never_in_favour_of_the_solution(ratio, l1_ratio):
    """One column parallel to y makes the gap sharp, so that any rounding the wrong way shows; rational arithmetic."""
    for seed in range(30):
        x = np.random.default_rng(seed).standard_normal(6)
        y = 3.3 * x
        pairs = [(Fraction(u), Fraction(v)) for u, v in zip(x, y, strict=True)]
        product, square = sum(u * v for u, v in pairs) / 6, sum(u * u for u, _ in pairs) / 6
        alpha = float(product) * ratio
        l1, l2 = Fraction(alpha) * Fraction(l1_ratio), Fraction(alpha) * Fraction(1 - l1_ratio)
        exact = (product - l1) / (square + l2)

        def value(b, pairs=pairs, l1=l1, l2=l2):
            return sum((v - u * b) ** 2 for u, v in pairs) / 12 + l1 * abs(b) + l2 * b * b / 2

        for change in (0, -1e-12, 1e-9, -1e-5):
            coef = float(exact) * (1 + change)
            result = verify(x[:, None], y, [coef], alpha=alpha, l1_ratio=l1_ratio, fit_intercept=False)
            assert Fraction(result.gap) >= value(Fraction(coef)) - value(exact)
            assert Fraction(result.dual) <= value(exact)


def test_rounding_of_a_projection_off_nearly_equal_columns():
    """Two unpenalised columns 1e-6 apart: the second direction, and so the gap at 0, is known to 1e-10 only."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        x, y = rng.standard_normal(8), rng.standard_normal(8)
        X = np.column_stack([x, x + 1e-6 * rng.standard_normal(8)])
        (a, b), z = ([Fraction(v) for v in column] for column in X.T), [Fraction(v) for v in y]
        aa, ab, bb, az, bz, zz = (dot(*pair) for pair in ((a, a), (a, b), (b, b), (a, z), (b, z), (z, z)))
        explained = (bb * az**2 - 2 * ab * az * bz + aa * bz**2) / (aa * bb - ab**2)
        result = verify(X, y, [0.0, 0.0], alpha=0.1, penalty_factor=0.0, fit_intercept=False)
        assert explained / 16 <= Fraction(result.gap) <= explained / 16 * Fraction(1 + 1e-7)
        assert Fraction(result.dual) <= (zz - explained) / 16


def test_rounding_of_a_projection_is_that_of_the_least_direction():
    """Two of three unpenalised columns are 1e-6 apart: what the third is like must not matter."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        x, other, y = rng.standard_normal((3, 8))
        X = np.column_stack([x, x + 1e-6 * rng.standard_normal(8), other])
        columns, z = [[Fraction(v) for v in column] for column in X.T], [Fraction(v) for v in y]
        explained, rest = Fraction(0), []
        for column in columns:      # Gram and Schmidt, in rational numbers
            for done in rest:
                share = dot(column, done) / dot(done, done)
                column = [a - share * b for a, b in zip(column, done, strict=True)]
            rest.append(column)
            explained += dot(column, z) ** 2 / dot(column, column)
        result = verify(X, y, np.zeros(3), alpha=0.1, penalty_factor=0.0, fit_intercept=False)
        assert explained / 16 <= Fraction(result.gap) <= explained / 16 * Fraction(1 + 1e-7)
        assert Fraction(result.dual) <= (dot(z, z) - explained) / 16


def dot(u, v):
    return sum(a * b for a, b in zip(u, v, strict=True))


EXACT = {
    "plain": {},
    "no_intercept": {"fit_intercept": False},
    "weights_enet": {"l1_ratio": 0.5, "sample_weight": np.random.default_rng(0).random(40)},
    "standardize": {"standardize": True, "offset": np.random.default_rng(1).standard_normal(40)},
    "free_and_bounds": {"penalty_factor": np.r_[0.0, 0.0, np.ones(58)], "lower": -0.25, "upper": 0.5},
    "half_free": {"penalty_factor": np.r_[np.zeros(4), np.ones(56)], "lower": np.r_[0.0, 0.0, np.full(58, -np.inf)]},
    "mean_1e8": {},
    "free_and_nearly_equal": {"penalty_factor": np.r_[0.0, 0.0, np.ones(58)]},
}


@pytest.mark.parametrize("name", EXACT)
def test_gap_is_not_below_the_true_gap_in_fifty_digits(name):
    options, alpha = EXACT[name], 0.15
    X, y = random_data(15, n=40, p=60)
    if name == "mean_1e8":
        X = np.rint(1024 * X) / 1024 + 1e8
    start, _, _ = coordinate_descent(X, y, alpha, tol=0, max_iter=600, **options)
    if name == "free_and_nearly_equal":
        X[:, 1] = X[:, 0] + 1e-5 * X[:, 1]
        start[:2] = start[0] - 1e5 * start[1], 1e5 * start[1]
    with mpmath.mp.workdps(50):
        best = exact_optimum(X, y, alpha, options, start)
        raw = exact_problem(X, y, alpha, {**options, "fit_intercept": False})
        weights = {"sample_weight": options.get("sample_weight", 1.0), "fit_intercept": False}
        (ones,), *_ = exact_problem(np.ones((len(y), 1)), y, alpha, weights)
        rng = np.random.default_rng(16)
        for size in (0.0, 1e-12, 1e-8, 1e-4):
            for moved in ("all", "intercept", "unpenalised"):
                only_intercept = moved == "intercept"
                coef = perturbed(start, options, size, rng) if moved == "all" else start.copy()
                if moved == "unpenalised" and name.startswith("free"):  # the gap is sharp here too
                    coef[0] += size
                residual = y - options.get("offset", 0.0) - (X - X.mean(axis=0)) @ coef
                weight = options.get("sample_weight", np.ones(40))
                intercept = np.average(residual, weights=weight) - math.fsum(X.mean(axis=0) * coef)
                intercept = (intercept + only_intercept * size) * options.get("fit_intercept", True)
                result = verify(X, y, coef, intercept, alpha=alpha, **options)
                true_gap = exact_objective(raw, ones, coef, intercept) - best
                assert 0 <= true_gap <= mpmath.mpf(result.gap)
                assert result.dual <= best + 1e-14 * abs(best)
                if only_intercept:  # the dual point is optimal: the gap is sharp
                    floor = 1e-9 if name == "free_and_nearly_equal" else 2e-13  # 1e5 is what those columns cost
                    assert result.gap <= float(true_gap) * (1 + 1e-3) + floor * result.null_objective


# Support proof


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_support_proof_never_calls_a_nonzero_zero(name, make):
    options = PROBLEMS[name]
    X, y = random_data(17, p=20, density=0.7)
    rng, proven, decided = np.random.default_rng(18), 0, 0
    for alpha in (0.3, 0.1, 0.03):
        exact, intercept, _ = coordinate_descent(X, y, alpha, tol=1e-15, max_iter=2000, **options)
        scale = options.get("l1_ratio", 1.0) * alpha
        for size in (0.0, 1e-7, 1e-4, 1e-2, 1e-1):
            coef = perturbed(exact, options, size, rng) * (rng.random(20) < 0.8 if size else 1)
            proof = support_proof(make(X), y, coef, intercept, alpha=alpha, **options)
            assert np.all((proof == 1) == (coef != 0))
            assert not np.any((proof == 0) & (np.abs(exact) > 1e-7)), (alpha, size)
            proven += np.sum(proof == 0)
            decided += np.sum(proof[exact == 0] == 0) if size == 0 else 0
    penalised = np.any(np.broadcast_to(options.get("penalty_factor", 1.0), 20) > 0) and scale > 0
    assert proven > 0 or not penalised
    assert decided > 0 or not penalised


def test_support_proof_decides_everything_at_a_nondegenerate_optimum():
    X, y = random_data(19, n=40, p=60)
    coef, intercept, _ = coordinate_descent(X, y, 0.1, tol=1e-15, max_iter=3000)
    proof = support_proof(X, y, coef, intercept, alpha=0.1)
    assert proof.dtype == np.int8
    assert np.array_equal(proof, (coef != 0).astype(int))


@pytest.mark.parametrize("side", [1, -1])
def test_support_proof_needs_none_on_the_side_of_a_bound_at_zero(side):
    X, y = orthonormal_problem()
    correlation, bounds = side * X.T @ y / len(y), {"lower": 0.0} if side > 0 else {"upper": 0.0}
    assert (correlation < -0.2).any()
    coef = side * np.maximum(correlation - 0.1, 0)
    proof = support_proof(X, y, coef, y.mean(), alpha=0.1, **bounds)
    np.testing.assert_array_equal(proof, coef != 0)
    assert (support_proof(X, y, 0 * coef, y.mean(), alpha=0.1)[correlation < -0.2] == -1).all()


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("density", [1.0, 0.4])
def test_support_proof_is_the_gap_safe_sphere(density, fit_intercept):
    """Where it stops deciding is where |c_j| + |x_j| sqrt(2 gap) = alpha."""
    X, y = random_data(20, p=60, density=density)
    options = {"alpha": 0.2, "fit_intercept": fit_intercept}
    best, _, _ = coordinate_descent(X, y, 0.2, fit_intercept=fit_intercept, tol=1e-12)
    shift, partly = X.mean(axis=0) * fit_intercept, 0
    for stretch in np.geomspace(1e-6, 1e-1, 40):
        coef = best * (1 + stretch)
        offset = np.mean(y - X @ coef) * fit_intercept
        result, r = verify(X, y, coef, offset, **options), y - offset - X @ coef
        c = result.dual_scale * (X - shift).T @ r / len(y)
        reach = np.abs(c) + np.sqrt(np.mean((X - shift) ** 2, axis=0) * 2 * result.gap)
        zero = coef == 0
        partly += 0 < np.sum(reach[zero] < 0.2) < zero.sum()
        for form in (X, sparse.csr_array(X)):
            proof = support_proof(form, y, coef, offset, **options)
            assert np.array_equal(proof[zero] == 0, reach[zero] < 0.2)
    assert partly > 5


def test_support_proof_without_intercept_uses_the_raw_norm():
    X, y = random_data(28, p=8)
    X, y = X + 5, y - y.mean()
    options = {"alpha": 0.2, "fit_intercept": False, "standardize": True}
    coef, _, _ = coordinate_descent(X, y, **options, tol=1e-13)
    proven = 0
    for stretch in np.geomspace(1e-7, 1e-1, 40):
        near = coef * (1 + stretch)
        result, r = verify(X, y, near, **options), y - X @ near
        reach = np.abs(result.dual_scale * X.T @ r / 30) + np.sqrt(np.mean(X**2, axis=0) * 2 * result.gap)
        proof = support_proof(X, y, near, **options)
        assert np.all((reach < 0.2 * X.std(axis=0))[proof == 0])
        proven += np.any(proof == 0)
    assert 0 < proven < 40


# Arguments


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y": np.ones(29)}, "y has shape"),
        ({"coef": np.zeros(19)}, "coef has shape"),
        ({"coef": np.full(20, np.nan)}, "coef contains NaN"),
        ({"coef": np.full(20, np.inf)}, "coef contains infinity"),
        ({"y": np.full(30, np.nan)}, "y contains NaN"),
        ({"X": np.full((30, 20), np.nan)}, "X contains NaN"),
        ({"X": sparse.csr_array(np.full((30, 20), np.inf))}, "X contains NaN"),
        ({"X": np.zeros(30)}, "two dimensions"),
        ({"X": np.zeros((30, 20), dtype=complex)}, "real numbers"),
        ({"X": np.zeros((0, 20)), "y": []}, "no rows"),
        ({"alpha": -1.0}, "alpha"),
        ({"alpha": math.nan}, "alpha"),
        ({"l1_ratio": 1.5}, "l1_ratio"),
        ({"sample_weight": np.r_[-1.0, np.ones(29)]}, "sample_weight has negative"),
        ({"sample_weight": np.zeros(30)}, "zero for every sample"),
        ({"sample_weight": np.ones(3)}, "sample_weight has shape"),
        ({"offset": np.ones((30, 1))}, "offset has shape"),
        ({"penalty_factor": -1.0}, "penalty_factor has negative"),
        ({"penalty_factor": np.full(20, np.nan)}, "penalty_factor contains NaN"),
        ({"lower": 0.1}, "lower <= 0 <= upper"),
        ({"upper": np.full(20, -0.1)}, "lower <= 0 <= upper"),
        ({"intercept": [1.0, 2.0]}, "intercept must be one finite number"),
        ({"intercept": 1.0, "fit_intercept": False}, "intercept must be 0"),
    ],
)
@pytest.mark.parametrize("call", [verify, support_proof])
def test_bad_arguments_are_named(call, change, words):
    X, y = random_data(21)
    arguments = {"X": X, "y": y, "coef": np.zeros(20), "alpha": 0.1, **change}
    with pytest.raises(ValueError, match=words):
        call(**arguments)
