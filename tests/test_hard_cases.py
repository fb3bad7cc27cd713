"""Designs that break solvers: dependent columns, saturated fits, constants, tiny data."""

import warnings

import numpy as np
import pytest
from layouts import LAYOUTS, PLAIN, build, exact_matrix, target
from scipy import sparse
from scipy.optimize import nnls

from fastlasso import (
    ConvergenceWarning,
    alpha_max,
    cross_validate_path,
    fit,
    fit_path,
    reweighted_path,
    verify,
)
from fastlasso.matrices.choose import as_matrix
from fastlasso.matrices.gathered import GatheredSparse
from fastlasso.parallel import Pool
from fastlasso.problem.design import Design
from fastlasso.problem.options import Options
from fastlasso.problem.problem import pose
from fastlasso.solver.choose import started_solver
from fastlasso.solver.least_squares import LeastSquares, step_of
from fastlasso.solver.unpenalised import residuals_of
from fastlasso.ways import going

SAMPLE_LAYOUTS = [*PLAIN, "csr_matrix-int64-unsorted_duplicates", "csc_matrix-int64-unsorted_duplicates"]


def base(n, p, seed=0):
    A = exact_matrix(n, p, seed, density=0.8)
    A[:, 2] = np.arange(n) % 5 - 2.0
    return A


def dependent(kind, n=30, p=20):
    """Matrices with exactly dependent columns; every value is exact, so that the dependence is too."""
    A = base(n, p)
    if kind == "duplicates":
        return np.hstack([A, A[:, ::-1]])
    if kind == "negated":
        return np.hstack([A, -A])
    if kind == "sums":
        return np.hstack([A, A[:, :10] + A[:, 10:20], A[:, :10] - A[:, 1:11]])
    if kind == "multiples":
        return np.hstack([A, 2 * A, A / 4])
    if kind == "many_times":
        return np.repeat(A[:, :5], 12, axis=1)
    if kind == "shifted":       # equal up to a constant: the same column about its mean
        return np.hstack([A, A + 3, A - 8])
    if kind == "complement":    # indicator columns that add up to one
        codes = np.arange(n) % 6
        return np.hstack([(codes[:, None] == np.arange(6)).astype(float), A])
    raise KeyError(kind)


DEPENDENT = ("duplicates", "negated", "sums", "multiples", "many_times", "shifted", "complement")


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("layout", SAMPLE_LAYOUTS)
@pytest.mark.parametrize("kind", DEPENDENT)
def test_exactly_dependent_columns(kind, layout, dtype, judge):
    A = dependent(kind)
    y = target(A)
    path = fit_path(build(layout, A, dtype=dtype), y, alphas=30, eps=1e-3)
    judge(A, y, path, (3, 10, 20, 29))
    assert path.certified.all()


@pytest.mark.parametrize("shape", [(30, 20), (15, 90)])
@pytest.mark.parametrize("kind", DEPENDENT)
@pytest.mark.parametrize("options", [{"fit_intercept": False}, {"standardize": True}, {"l1_ratio": 0.5}, {"lower": 0.0},
                                     {"lower": -0.2, "upper": 0.3}, {"penalty_factor": "some_free"}, {"l1_ratio": 0.0}],
                         ids=str)
def test_dependent_columns_in_every_problem(kind, options, shape, judge):
    A = dependent(kind, *shape)
    y, p = target(A), A.shape[1]
    if "penalty_factor" in options:     # a pair of dependent columns among them
        options = {"penalty_factor": np.isin(np.arange(p), (0, p - 1, p // 2), invert=True).astype(float)}
    path = fit_path(A, y, alphas=20, eps=1e-2, **options)
    judge(A, y, path, (2, 10, 19), **options)
    assert path.certified.all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_duplicated_columns_on_every_layout(layout, tmp_path, judge):
    A = dependent("duplicates", 20, 40)
    y = target(A)
    judge(A, y, fit_path(build(layout, A, tmp_path), y, alphas=15, eps=1e-2), (5, 14))


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("intercept", [True, False])
def test_constant_and_zero_columns(layout, intercept, judge):
    A = base(25, 30)
    A[:, 5], A[:, 6], A[:, 7], A[:, 8], A[:, 9] = 0.0, 1.0, -7.5, 0.1, 1e9
    if not intercept:
        A[:, 9] = 0.0
    y = target(A)
    path = fit_path(build(layout, A), y, alphas=20, fit_intercept=intercept)
    judge(A, y, path, (1, 5, 19), fit_intercept=intercept)
    never = [5, 6, 7, 8, 9] if intercept else [5, 9]
    assert not path.coefs.toarray()[never].any()


@pytest.mark.parametrize("layout", PLAIN)
def test_the_deviation_of_a_column_absent_only_from_a_row_of_tiny_weight(layout, judge):
    weights = np.array([1e-6, 1e3, 6e5, 2e4, 3e3, 1e3, 5e5, 1e4])
    A, y = np.ones((8, 2)), np.random.default_rng(3).standard_normal(8)
    A[0, 0], A[::2, 1] = 0.0, 0.0
    shares = weights / weights.sum()
    deviation = np.sqrt(shares[0] * shares[1:].sum())       # the mean square is 1e12 times its square
    options = {"sample_weight": weights, "standardize": True, "fit_intercept": False}
    X = build(layout, A)
    assert alpha_max(X, y, **options) == pytest.approx(abs(shares[1:] @ y[1:]) / deviation, rel=1e-9)
    judge(A, y, fit_path(X, y, alphas=5, **options), **options)     # of sparse X `verify` can tell 4e-9 of P(0)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("layout", PLAIN)
def test_a_column_absent_only_from_rows_of_no_weight_is_constant(layout, intercept, judge):
    rng = np.random.default_rng(1)      # rounding leaves a difference of 1.5e-14 of the mean square
    weights, A = rng.random(40_000) * (rng.random(40_000) < 0.5), rng.standard_normal((40_000, 3))
    A[:, 0] = 0.7 * (weights > 0)
    y = A[:, 1] + rng.standard_normal(len(A))
    options = {"sample_weight": weights, "standardize": True, "fit_intercept": intercept}
    path = fit_path(build(layout, A), y, alphas=5, **options)
    assert not path.coefs.toarray()[0].any()
    judge(A, y, path, [4], **options)


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("value", [0.0, 0.1, 1e8])
def test_nothing_but_constant_columns(layout, value, judge):
    A, y = np.full((12, 70), value), np.arange(12.0)
    X = build(layout, A)
    path = fit_path(X, y, alphas=5)
    assert not path.coefs.toarray().any()
    np.testing.assert_allclose(path.intercepts, y.mean())
    assert path.certified.all()
    assert alpha_max(X, y) == 0
    assert fit(X, y, 0.0).certified


# ---------------------------------------------------------------- saturated

@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("intercept", [True, False])
def test_support_up_to_n(layout, intercept, judge):
    rng = np.random.default_rng(2)
    A = rng.standard_normal((15, 100))
    y = rng.standard_normal(15)
    path = fit_path(build(layout, A), y, alphas=60, eps=1e-6, fit_intercept=intercept)
    assert path.df.max() == 15 - intercept
    judge(A, y, path, range(0, 60, 7), fit_intercept=intercept)
    assert path.certified.all()


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("shape", [(40, 10), (12, 90), (20, 20), (21, 20)])
def test_alpha_zero_at_the_end_of_a_path(layout, shape, judge):
    rng = np.random.default_rng(3)
    A = rng.standard_normal(shape)
    y = rng.standard_normal(shape[0])
    path = fit_path(build(layout, A), y, alphas=[0.3, 0.1, 0.01, 1e-4, 0.0])
    judge(A, y, path)
    assert path.alphas[-1] == 0
    if shape[0] > shape[1]:
        exact = np.linalg.lstsq(np.column_stack([np.ones(shape[0]), A]), y, rcond=None)[0]
        np.testing.assert_allclose(path.coefs.toarray()[:, -1], exact[1:], atol=1e-3)


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("shape", [(40, 10), (12, 90)])
@pytest.mark.parametrize("options", [{}, {"l1_ratio": 0.0}, {"lower": 0.0}, {"sample_weight": "some"}], ids=str)
def test_alpha_zero_alone(layout, shape, options, judge):
    rng = np.random.default_rng(4)
    A = rng.standard_normal(shape)
    y = rng.standard_normal(shape[0])
    if "sample_weight" in options:
        options = {"sample_weight": np.arange(shape[0]) % 3}
    judge(A, y, fit(build(layout, A), y, 0.0, **options), **options)


@pytest.mark.parametrize("layout", PLAIN)
def test_rank_30_with_400_columns_down_to_a_tiny_alpha(layout, judge):
    rng = np.random.default_rng(5)
    A = rng.standard_normal((60, 30)) @ rng.standard_normal((30, 400))
    y = A @ (rng.random(400) < 0.02) + rng.standard_normal(60)
    path = fit_path(build(layout, A), y, alphas=40, eps=1e-4)
    judge(A, y, path, range(3, 40, 9))
    assert path.certified.all()


@pytest.mark.parametrize("values", [(0.0, 1.0), (-1.0, 1.0), (-1.0, 0.0, 1.0), (0.0, 0.0, 0.0, 1.0)], ids=str)
@pytest.mark.parametrize("shape", [(30, 20), (30, 150), (200, 40)])
@pytest.mark.parametrize("layout", PLAIN)
def test_designs_of_few_values(values, shape, layout, judge):
    """Ties everywhere: equal correlations, equal columns, several columns entering at once."""
    rng = np.random.default_rng(6)
    A = rng.choice(values, shape)
    for y in (A[:, :3].sum(axis=1), np.round(A[:, :5] @ [3, -2, 2, 1, 1] + rng.standard_normal(shape[0]))):
        path = fit_path(build(layout, A), y, alphas=25, eps=1e-3)
        judge(A, y, path, (1, 8, 16, 24))
        assert path.certified.all()


@pytest.mark.parametrize("n", [4, 8, 16])
@pytest.mark.parametrize("intercept", [True, False])
def test_orthogonal_columns_that_all_tie(n, intercept, judge):
    hadamard = np.array([[1.0]])
    while len(hadamard) < n:
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    y = hadamard.sum(axis=1)
    path = fit_path(hadamard, y, alphas=10, eps=1e-2, fit_intercept=intercept)
    judge(hadamard, y, path, fit_intercept=intercept)


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("shape", [(50, 30), (40, 200)])
def test_coarse_grids(layout, shape, judge):
    """Each step crosses dozens of knots of the path."""
    A = base(*shape, seed=7)
    y = target(A, seed=7)
    for alphas, eps in ((4, 1e-4), (2, 1e-6), (3, 1e-2)):
        path = fit_path(build(layout, A), y, alphas=alphas, eps=eps)
        judge(A, y, path)


@pytest.mark.parametrize("layout", PLAIN)
def test_strongly_correlated_columns(layout, judge):
    rng = np.random.default_rng(8)
    A = rng.standard_normal((50, 1)) + 1e-3 * rng.standard_normal((50, 120))
    y = A[:, 0] + 0.01 * rng.standard_normal(50) + 20 * (A[:, 1] - A[:, 2])
    path = fit_path(build(layout, A), y, alphas=30, eps=1e-5)
    judge(A, y, path, range(2, 30, 9))
    assert path.certified.all()


@pytest.mark.parametrize("spread", [1e-2, 1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("shape", [(20, 4), (5, 30)])
@pytest.mark.parametrize("options", [{"penalty_factor": 0.0}, {"penalty_factor": "some"}, {"alpha": 0.0},
                                     {"alpha": 0.0, "l1_ratio": 0.0}], ids=str)
def test_nearly_dependent_unpenalised_columns_are_solved_or_not_certified(shape, options, spread):
    """A gap of a sum over columns is too small here by the condition number: no claim may be below the truth."""
    rng = np.random.default_rng(12)
    A, y = rng.standard_normal((shape[0], 1)) + spread * rng.standard_normal(shape), rng.standard_normal(shape[0])
    if "some" in options.values():
        options = {"penalty_factor": np.r_[np.zeros(min(shape) + 2), np.ones(shape[1])][:shape[1]]}
    alpha = options.get("alpha", 0.1)
    options = {name: value for name, value in options.items() if name != "alpha"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = fit(A, y, alpha, **options)
    true = verify(A, y, found.coef, found.intercept, alpha=alpha, **options)
    assert true.gap <= 1.02 * found.gap + 1e-8 * true.null_objective


@pytest.mark.parametrize("options", [{}, {"l1_ratio": 0.0}, {"penalty_factor": 0.0}, {"fit_intercept": False}], ids=str)
@pytest.mark.parametrize("layout", PLAIN)
def test_columns_that_depend_but_for_rounding_to_float32_are_fitted_exactly(layout, options, judge):
    """Rank 3 before rounding to float32: the Gram matrix in float64 cannot tell the other directions from nothing."""
    rng = np.random.default_rng(13)
    A = (rng.standard_normal((40, 3)) @ rng.standard_normal((3, 8))).astype(np.float32)
    y = rng.standard_normal(40)
    found = fit(build(layout, A, dtype="f4"), y, 0.0, **options)
    exact = verify(A, y, found.coef, found.intercept, alpha=0.0, **options)
    assert exact.relative_gap < 1e-9
    assert found.certified
    assert np.abs(found.coef).max() > 1e4       # the directions below rounding of the Gram matrix were used


def test_columns_of_very_different_scales(judge):
    A = base(30, 80) * 10.0 ** np.linspace(-12, 12, 80)
    y = target(base(30, 80))
    for options in ({}, {"standardize": True}):
        path = fit_path(A, y, alphas=20, **options)
        judge(A, y, path, (1, 10, 19), **options)


# ---------------------------------------------------------------- tiny data

@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (1, 90), (2, 1), (2, 2), (2, 90), (3, 1), (50, 1), (3, 3)])
def test_tiny_data(shape, intercept, layout, judge):
    rng = np.random.default_rng(9)
    A, y = rng.standard_normal(shape), 5 + rng.standard_normal(shape[0])
    X, options = build(layout, A), {"fit_intercept": intercept}
    path = fit_path(X, y, alphas=6, **options)
    if shape[0] == 1 and intercept:
        assert path.certified.all()
        assert not path.coefs.toarray().any()
        np.testing.assert_allclose(path.intercepts, np.full(6, y[0]))
        return
    judge(A, y, path, **options)
    judge(A, y, fit(X, y, 0.01, **options), **options)


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("value", [0.0, 0.1, -3e7])
@pytest.mark.parametrize("shape", [(20, 6), (10, 90)])
def test_constant_y(shape, value, layout):
    A, y = base(*shape), np.full(shape[0], value)
    X = build(layout, A)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = fit_path(X, y, alphas=5)
        found = fit(X, y, 0.1)
    assert not path.coefs.toarray().any()
    assert not found.coef.any()
    np.testing.assert_allclose(path.intercepts, value)
    assert path.certified.all()
    assert found.certified
    assert np.isfinite(path.r2).all()
    assert alpha_max(X, y) <= 1e-15 * abs(value)
    assert (path.alphas >= 0).all()


@pytest.mark.parametrize("options", [{"fit_intercept": False}, {"sample_weight": np.arange(20.0)},
                                     {"standardize": True}, {"l1_ratio": 0.0}, {"lower": 0.0},
                                     {"penalty_factor": 0.0}], ids=str)
def test_zero_y(options):
    A = base(20, 6)
    path = fit_path(A, np.zeros(20), alphas=5, **options)
    assert not path.coefs.toarray().any()
    assert not path.intercepts.any()
    assert path.certified.all()
    assert fit(A, np.zeros(20), 0.0, **options).certified


def test_y_on_a_large_pedestal(judge):
    """y = 1e8 + noise: P(0) is of the noise, and so is the gap."""
    A = base(40, 90)
    noise = target(A)
    path = fit_path(A, 1e8 + noise, alphas=10, eps=1e-2)
    np.testing.assert_allclose(path.coefs.toarray(), fit_path(A, noise, alphas=10, eps=1e-2).coefs.toarray(), atol=1e-5)
    assert path.certified.all()


@pytest.mark.parametrize("layout", PLAIN)
def test_nothing_may_enter(layout):
    A = base(20, 80)
    y = target(A)
    for options in ({"penalty_factor": np.inf}, {"lower": 0.0, "upper": 0.0}):
        path = fit_path(build(layout, A), y, alphas=4, **options)
        assert not path.coefs.toarray().any()
        np.testing.assert_allclose(path.intercepts, y.mean())
        assert path.certified.all()
        assert fit(build(layout, A), y, 0.0, **options).certified


@pytest.mark.parametrize("max_iter", [1, 10, 10_000])
@pytest.mark.parametrize("spread", [1.0, 0.3, 0.03])
@pytest.mark.filterwarnings("ignore::fastlasso.ConvergenceWarning")
def test_claims_cover_what_columns_held_by_a_bound_would_gain_together(spread, max_iter):
    """Least squares with coefficients >= 0: each column has little to gain, all together have much."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((20, 1)) + spread * rng.standard_normal((20, 40))
        y = X @ np.maximum(rng.standard_normal(40), 0) + 0.1 * rng.standard_normal(20)
        found = fit(X, y, 0.0, lower=0.0, fit_intercept=False, max_iter=max_iter)
        lost = 0.5 * np.mean((y - X @ found.coef) ** 2) - nnls(X, y)[1] ** 2 / 40
        assert lost <= found.gap + 1e-13 * np.mean(y**2)


@pytest.mark.parametrize("alpha", [1e-5, 1e-7])
@pytest.mark.filterwarnings("ignore::fastlasso.ConvergenceWarning")
def test_claims_cover_the_penalty_where_unpenalised_columns_could_fit_everything(alpha):
    """The optimum is zero, so all of the objective is lost: the residual's part and that of the other coefficients."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X, y, w = rng.standard_normal((10, 32)), rng.standard_normal(10), 10.0 ** rng.uniform(-3, 3, 10)
        factor = np.r_[np.zeros(12), np.ones(20)]
        found = fit(X, y, alpha, penalty_factor=factor, sample_weight=w, tol=1e-9)
        residual = y - found.intercept - X @ found.coef
        lost = 0.5 * np.average(residual**2, weights=w) + alpha * np.sum(np.abs(found.coef[12:]))
        assert lost <= found.gap * (1 + 1e-3) + 1e-13 * np.mean(y**2)


@pytest.mark.parametrize("layout", SAMPLE_LAYOUTS)
def test_residuals_are_centred_to_their_own_rounding(layout, tmp_path):
    """A fitted value of 1e5 leaves a mean of 1e-11 behind, and correlations multiply that by the mean of a column."""
    A = exact_matrix(20, 6, density=1.0) + 2.0**20
    y = A[:, 4] - A[:, 4].mean()
    with Pool(1) as pool:
        design = Design(as_matrix(build(layout, A, tmp_path)), None, True, pool)
        design.measure(y)
        cols = np.array([4, 5])
        R = design.residuals(y, cols, np.array([[1.0 - 1e-6, 1e-7]]))
    assert np.abs(R).max() < 1e-4
    assert abs(np.sum(R)) < 1e-18

@pytest.mark.parametrize("kind", ["regular", "copies", "zero"])
def test_steps_by_a_cholesky_factor_are_those_of_least_squares(kind):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((30, 8)) * 10.0 ** np.arange(-4, 4)
    if kind != "regular":
        A[:, 3] = A[:, 5] if kind == "copies" else 0.0
    gram, z = A.T @ A, A.T @ rng.standard_normal(30)
    expected = LeastSquares(gram).step(z)
    np.testing.assert_allclose(step_of(gram, z), expected, rtol=1e-7, atol=1e-12 * np.abs(expected).max())
    np.testing.assert_allclose(gram @ step_of(gram, z), z, rtol=1e-8, atol=1e-9 * np.abs(z).max())


def test_least_squares_does_not_depend_on_the_units_of_columns():
    rng = np.random.default_rng(0)
    X, r = rng.standard_normal((30, 12)), rng.standard_normal(30)
    units = 10.0 ** rng.uniform(-8, 8, 12)
    X, expected = X * units, X @ np.linalg.lstsq(X, r)[0]
    columns = LeastSquares(X.T @ X)
    assert np.isclose(columns.gain(X.T @ r), 0.5 * expected @ expected, rtol=1e-12)
    np.testing.assert_allclose(X @ columns.step(X.T @ r), expected, rtol=1e-10)


def test_light_rows_leave_open_what_dependent_columns_have_to_gain():
    """Column 3 is column 2 but for the last row, whose image in their difference is 1e-16 of that of the others."""
    def is_vague(root):
        A = root[:, None] * X
        return LeastSquares(A.T @ A, lambda V: V @ A.T, np.ones(4), root).undetermined

    X, light = np.random.default_rng(0).standard_normal((30, 4)), np.where(np.arange(30) < 29, 1.0, 1e-16)
    X[:, 3] = X[:, 2]
    assert not is_vague(light)
    X[-1, 3] = 5.0
    assert is_vague(light)
    assert not is_vague(np.ones(30))


def test_rows_of_weight_zero_leave_nothing_open(judge):
    """Two dummy-coded factors without a penalty, and folds: rounding in a row of weight zero is no image."""
    rng = np.random.default_rng(0)
    first, second = np.arange(120) % 4, np.arange(120) // 4 % 3
    X = np.column_stack([np.eye(4)[first], np.eye(3)[second], rng.standard_normal((120, 8))])
    y = X[:, 7] + first + rng.standard_normal(120)
    options = {"penalty_factor": np.repeat([0.0, 1.0], [7, 8])}
    for light in (0.0, 1e-40):
        weights = {"sample_weight": np.where(np.arange(120) < 24, light, 1.0)}
        solution = fit(X, y, 0.05, **options, **weights)
        assert solution.gap < 1e-12
        judge(X, y, solution, **options, **weights)
    found = cross_validate_path(X, y, alphas=10, **options)
    assert all(path.certified.all() for path in found.fold_paths)


def test_a_light_row_of_large_values_leaves_nothing_open():
    rng = np.random.default_rng(0)
    for _ in range(10):
        X, w = rng.standard_normal((200, 12)), rng.uniform(0.5, 2.0, 200)
        X[:, 1], X[:, 3], X[:, 4] = X[:, 0], X[:, 2], X[:, 0] + X[:, 2]
        y = X[:, 0] - X[:, 5] + rng.standard_normal(200)
        X[0], w[0] = 1e3 * X[0], 1e-6
        solution = fit(X, y, 0.1, sample_weight=w, penalty_factor=np.repeat([0.0, 1.0], [5, 7]))
        assert solution.certified


def test_weights_that_leave_one_row(judge):
    A = base(20, 80)
    y = target(A)
    options = {"sample_weight": np.eye(20)[4]}
    path = fit_path(A, y, alphas=4, **options)
    assert not path.coefs.toarray().any()
    np.testing.assert_allclose(path.intercepts, np.full(4, y[4]))
    options["fit_intercept"] = False
    judge(A, y, fit_path(A, y, alphas=4, **options), **options)


def test_weights_over_many_orders_of_magnitude(judge):
    A = base(40, 90)
    y, options = target(A), {"sample_weight": 10.0 ** np.linspace(-14, 0, 40)}
    path = fit_path(A, y, alphas=15, eps=1e-2, **options)
    judge(A, y, path, (3, 14), **options)


def test_interpolation_leaves_a_certified_gap(judge):
    """y in the span of a few columns: the residual vanishes with alpha, and rounding must not pass for a gap."""
    A = base(50, 20)
    y = A[:, :4] @ [1.0, -2.0, 3.0, 0.5]
    for X in (A, np.hstack([A, base(50, 100, seed=1)])):
        path = fit_path(X, y, alphas=50, eps=1e-8, tol=1e-12)
        judge(X, y, path, (10, 30, 49))
        assert path.certified.all()
        assert path.r2[-1] > 1 - 1e-12


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scale", [0.1, 1 / 3, 1e10, 1e-100])
def test_a_target_constant_but_for_rounding_is_constant(scale, weighted):
    X = np.random.default_rng(0).standard_normal((60, 20))
    y = np.full(60, scale)
    options = {"sample_weight": np.arange(60.0)} if weighted else {}
    for path in (fit_path(X, y, **options), reweighted_path(X, y, **options),
                 *cross_validate_path(X, y, **options).fold_paths):
        assert path.certified.all()
        assert (path.df == 0).all()
        assert path.null_objective == 0
        np.testing.assert_allclose(path.intercepts, scale, rtol=1e-15)


# ---------------------------------------------------------------- beyond the limits of exact steps

SIX_FREE = {"penalty_factor": np.r_[np.zeros(6), np.ones(114)]}
LIMITED = {
    "bounds": {"lower": -0.3, "upper": 0.3},
    "unpenalised": SIX_FREE,
    "unpenalised_and_bounds": {**SIX_FREE, "lower": -1.0, "upper": 1.0},
}


def twelve_of_120(common=0.0):
    """(X, y): 60 rows and, besides noise, a common part of that many standard deviations in all columns."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((60, 120))
    y = X[:, :12] @ np.linspace(-2, 2, 12) + rng.standard_normal(60)
    return X + common * rng.standard_normal((60, 1)), y


@pytest.mark.parametrize("memory", [1 << 28, 0], ids=["gram", "residual"])
@pytest.mark.parametrize("name", LIMITED)
def test_descent_alone_ends_at_the_solution_too(name, memory, judge):
    """No Newton step and no joint refit of more than two coordinates, with and without room for a Gram matrix."""
    X, y = twelve_of_120()
    with going(largest_newton=2, gram_bytes=memory):
        path = fit_path(X, y, alphas=6, eps=0.2, **LIMITED[name])
    judge(X, y, path, **LIMITED[name])


def holds_to_tol(X, y, path, options):
    """Whether every solution is within the tolerance, whatever is claimed."""
    solutions = zip(path.alphas, path.coefs.toarray().T, path.intercepts, strict=True)
    return all(verify(X, y, coef, intercept, alpha=alpha, **options).relative_gap <= path.tol
               for alpha, coef, intercept in solutions)


@pytest.mark.parametrize("limit", [{"largest_newton": 2}, {"newton_steps": 1}], ids=str)
@pytest.mark.parametrize("name", LIMITED)
def test_descent_goes_on_where_newton_steps_are_too_large_or_cut_too_often(name, limit):
    X, y = twelve_of_120(common=3.0)
    with going(**limit):
        path = fit_path(X, y, alphas=6, eps=0.05, **LIMITED[name])
    assert path.certified.all()
    assert holds_to_tol(X, y, path, LIMITED[name])


@pytest.mark.parametrize("name", LIMITED)
def test_more_unpenalised_columns_than_are_refitted_together_end_at_the_solution_too(name):
    """The gap claimed leaves out what they would gain jointly (docs/promises.md)."""
    X, y = twelve_of_120()
    with going(max_unpenalised=2):
        path = fit_path(X, y, alphas=6, eps=0.2, **LIMITED[name])
    assert holds_to_tol(X, y, path, LIMITED[name])


def test_signs_that_need_more_rounds_than_there_are_leave_the_gap_of_the_dual_point_zero():
    X, y = twelve_of_120()
    with going(sign_rounds=0), pytest.warns(ConvergenceWarning):
        found = fit(X[:, :30], y, 0.0, lower=0.0)
    true = verify(X[:, :30], y, found.coef, found.intercept, alpha=0.0, lower=0.0)
    assert found.gap == pytest.approx(true.primal)
    assert true.relative_gap <= found.tol


@pytest.mark.parametrize("options", [{}, {"sample_weight": "some"}, {"upper": 1e9}], ids=str)
@pytest.mark.parametrize("layout", SAMPLE_LAYOUTS)
@pytest.mark.parametrize("shape", [(2, 70), (12, 150)])
def test_ridge_on_few_rows_far_from_the_origin_is_solved_exactly(shape, layout, options, judge):
    """2 x 70 took 5 s of sweeps that led nowhere: the gap stayed at P(0)."""
    A = 2.0**17 + exact_matrix(*shape, density=0.8)
    if "sample_weight" in options:
        options = {"sample_weight": 1.0 + np.arange(shape[0]) % 3}
    X, y = build(layout, A), target(A)
    options = options | {"l1_ratio": 0.0, "standardize": True, "fit_intercept": False}
    path = fit_path(X, y, alphas=6, eps=1e-6, tol=1e-9, **options)
    judge(A, y, path, **options)
    assert (path.gaps <= 1e-12 * path.null_objective).all()


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("options", [{}, {"sample_weight": "some"}, {"lower": 0.0}, {"lower": -0.01, "upper": 0.01},
                                     {"penalty_factor": "uneven"}], ids=str)
def test_copies_of_columns_under_an_elastic_net(layout, options, judge):
    """Sweeps alone equalise the coefficients of copies so slowly that 500 of them left gaps of 1e-6 P(0)."""
    A = np.tile(exact_matrix(12, 15, density=0.6), (1, 20))
    named = {"some": np.arange(12) % 3 + 0.0, "uneven": 0.5 + np.arange(300) % 15 / 10}
    options = {key: named[value] if isinstance(value, str) else value for key, value in options.items()}
    X, y, options = build(layout, A), target(A), options | {"l1_ratio": 0.95}
    with going(gram_form=False):
        path = fit_path(X, y, alphas=8, eps=1e-2, tol=1e-10, max_iter=500, **options)
    judge(A, y, path, **options)
    assert path.certified.all()
    copies = path.coefs.toarray().reshape(20, 15, -1)
    # a gap g leaves |b - b*|^2 <= 2 g / (alpha l2), and at the optimum copies are equal; the least l2 is 0.05 / 2
    allowed = 2 * np.sqrt(2 * path.gaps / (path.alphas * 0.025))
    assert (np.ptp(copies, axis=0) <= np.maximum(allowed, 1e-3 * np.abs(copies).max())).all()


def test_an_l1_ratio_next_to_nothing():
    """alpha_max overflows: no automatic grid, but solutions of all alphas, and no warnings of NumPy's."""
    rng = np.random.default_rng(0)
    for n, p in ((50, 10), (50, 200), (300, 1000)):
        X = rng.standard_normal((n, p))
        y = X[:, 0] + rng.standard_normal(n)
        for l1_ratio in (1e-310, 5e-324):
            with pytest.raises(ValueError, match="alpha_max is infinite"):
                fit_path(X, y, l1_ratio=l1_ratio)
            path = fit_path(X, y, l1_ratio=l1_ratio, alphas=[0.5, 0.1])
            ridge = fit_path(X, y, l1_ratio=0.0, alphas=[0.5, 0.1])
            np.testing.assert_allclose(path.coefs.toarray(), ridge.coefs.toarray(), atol=1e-2)
            assert path.certified.all()


def test_sweeps_that_rounding_would_hold_up_are_not_needed(monkeypatch):
    """Implicitly centred columns of mean 1e5 deviations: sweeps alone reach a gap of 1e-11 of P(0), and 1e-14 never."""
    rng, sweeps, honest = np.random.default_rng(0), [], GatheredSparse.sweep
    monkeypatch.setattr(GatheredSparse, "sweep", lambda self, *rest: sweeps.append(1) or honest(self, *rest))
    X, y = sparse.csc_array(1e3 + 1e-2 * rng.standard_normal((3, 150))), rng.standard_normal(3)
    options = {"l1_ratio": 0.0, "upper": 1e-3}
    found = fit(X, y, 1e-3, tol=1e-10, max_iter=20_000, **options)
    assert found.certified
    assert verify(X, y, found.coef, found.intercept, alpha=1e-3, **options).gap <= 1e-14 * found.null_objective
    assert len(sweeps) < 100


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("weighted", [False, True])
def test_constant_columns_are_never_used_however_many_rows_they_have(layout, weighted):
    """What rounding leaves of their variance is not zero, and a standardised penalty would divide by it."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((1000, 5))
    A[:, 0], A[:, 1], A[:, 2] = 0.3, 1e3 / 3, 1e-5
    w = rng.random(1000) if weighted else np.ones(1000)
    if weighted:
        A[:7, :3], w[:7] = rng.standard_normal((7, 3)), 0.0      # constant where it counts
    y = A[:, 3] + rng.standard_normal(1000)
    path = fit_path(build(layout, A), y, alphas=6, standardize=True, sample_weight=w)
    assert not path.coefs.toarray()[:3].any()
    assert path.df[-1] == 2


@pytest.mark.parametrize("uphill", [False, True])
def test_a_step_on_free_columns_is_taken_unless_it_leads_uphill(uphill, monkeypatch):
    """As one does that is nothing but rounding; random problems no longer reach that, so the step is spoiled."""
    A = exact_matrix(30, 90)
    factor = np.where(np.arange(90) < 3, 0.0, 1.0)
    with Pool(1) as pool:
        solver = started_solver(pose(A, target(A), Options(penalty_factor=factor), pool), tol=1e-8)
        solver.solve(np.array([0.1]))
        b, form = solver.last.b, solver.form
        moved = b + form.penalty.unscreened

        def residual(b):
            return residuals_of(solver.design, solver.problem.loss, form.columns, b[None])

        if uphill:
            monkeypatch.setattr(LeastSquares, "step", lambda self, z, rooted=None: np.full(len(z), 1e3))
        refitted, R = solver.unpenalised.refit([0.1], moved[None], residual(moved), form)
        np.testing.assert_allclose(refitted[0], moved if uphill else b, atol=1e-12)
        np.testing.assert_allclose(R, residual(refitted[0]), atol=1e-12)
