"""Penalty factors from coefficients: schedules, the adaptive lasso, concave penalties; each step is judged alone."""

import numpy as np
import penalty_contract as contract
import pytest
from judging import judged
from layouts import PLAIN, build, exact_matrix, folds_of, spelled_out, target
from penalty_contract import OPTIONS, SHAPES

from fastlasso import (
    ConvergenceWarning,
    Stage,
    adaptive_factors,
    adaptive_path,
    cross_validate_adaptive,
    cross_validate_path,
    cross_validate_reweighted,
    fit,
    fit_path,
    fit_schedule,
    relaxed_path,
    reweighted_path,
    verify,
)
from fastlasso.parallel import Pool
from fastlasso.penalties.concave import Mcp
from fastlasso.problem.options import Options
from fastlasso.problem.problem import pose
from fastlasso.refinement.schedule import combined

SHIPPED = ("mcp", "scad", "log", "lq")

@pytest.fixture(params=SHAPES)
def data(request):
    return contract.data_of(request.param)


# ------------------------------------------------------------ schedules


@pytest.mark.parametrize("criterion", ["aic", "bic", "ebic"])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.0])
def test_a_criterion_chooses_as_on_the_path_alone(data, l1_ratio, criterion):
    A, y = data
    run = fit_schedule(A, y, [Stage(0.1), Stage(criterion, l1_ratio, "adaptive", alphas=20, eps=0.01)])
    grid, factors = run.paths[1].alphas, run.penalty_factors[1]
    alone = fit_path(A, y, alphas=grid, l1_ratio=l1_ratio, penalty_factor=factors)
    if criterion == "ebic":     # the columns that the first stage dropped count among those to choose from
        alone.n_penalised = A.shape[1]
    assert run.alphas[1] == grid[alone.select(criterion)]
    between = np.sqrt(grid[3] * grid[4])
    judged(A, y, run.paths[1].at(between), tight=False, penalty_factor=factors, l1_ratio=l1_ratio)

SCHEDULES = {
    "two_lassos": [Stage("1se", alphas=20), Stage("min", factor="support", alphas=20)],
    "then_ridge": [Stage("bic", alphas=20, eps=0.05), Stage(0.1, l1_ratio=0.0, factor="support")],
    "refit": [Stage(0.3), Stage(0.0, factor="support")],
    "adaptive": [Stage("min", alphas=20), Stage("min", factor="adaptive", gamma=0.5, alphas=20, l1_ratio=0.9)],
    "three": [Stage(0.5), Stage(0.2, factor="adaptive"), Stage(0.05, factor=lambda b: 1 / (0.1 + np.abs(b)))],
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", SCHEDULES)
def test_every_stage_is_the_one_problem_with_its_factors(data, name, options):
    A, y = data
    options, stages = spelled_out(OPTIONS[options], A), SCHEDULES[name]
    run = fit_schedule(A, y, stages, cv=folds_of(len(y)), **options)
    assert run.certified
    given = options.pop("penalty_factor", np.ones(A.shape[1]))
    scale = np.ones(A.shape[1])
    if options.get("standardize"):
        scale = A.std(axis=0)
    coef = None
    for stage, solution, factor in zip(stages, run.fits, run.penalty_factors, strict=True):
        expected = given if coef is None else combined(given, factors_of(stage, coef, scale))
        np.testing.assert_allclose(factor, expected)
        judged(A, y, solution, tight=False, penalty_factor=factor, l1_ratio=stage.l1_ratio, **options)
        coef = solution.coef
    np.testing.assert_array_equal(run.coef, coef)
    np.testing.assert_allclose(run.predict(A, offset=0.0), A @ coef + run.intercept)


def factors_of(stage, coef, scale):
    if stage.factor == "support":
        return np.where(coef != 0, 1.0, np.inf)
    if stage.factor == "adaptive":
        return adaptive_factors(scale * coef, stage.gamma)
    return stage.factor(coef)


def test_a_stage_repeats_the_ones_before_it_inside_each_fold(data):
    A, y = data
    splits = folds_of(len(y))
    run = fit_schedule(A, y, [Stage("1se", alphas=20), Stage("min", factor="support", alphas=15)], cv=splits)
    first, second = run.cvs
    np.testing.assert_allclose(first.errors, cross_validate_path(A, y, cv=splits, alphas=20).errors, rtol=1e-6)
    for k, (train, test) in enumerate(splits):
        pruned = fit(A[train], y[train], run.alphas[0])
        factor = np.where(pruned.coef != 0, 1.0, np.inf)
        alone = fit_path(A[train], y[train], alphas=second.alphas, penalty_factor=factor)
        errors = ((y[test][:, None] - alone.predict(A[test])) ** 2).mean(axis=0)
        np.testing.assert_allclose(second.errors[:, k], errors, rtol=1e-5)
        np.testing.assert_allclose(second.oof_predictions[test], alone.predict(A[test])[:, second.index], rtol=1e-4,
                                   atol=1e-6)


@pytest.mark.parametrize("criterion", ["aic", "bic", "ebic"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
def test_a_criterion_counts_the_ridge_part_of_its_own_stage(data, criterion, l1_ratio):
    A, y = data
    factor = np.where(np.arange(A.shape[1]) % 2, 2.0, 1.0)
    stages = [Stage(0.05), Stage(criterion, l1_ratio, factor=lambda b: factor, alphas=[1.0, 0.1, 0.01, 0.001])]
    run = fit_schedule(A, y, stages)
    alone = fit_path(A, y, alphas=stages[1].alphas, l1_ratio=l1_ratio, penalty_factor=factor)
    assert run.alphas[1] == alone.alphas[alone.select(criterion)]


@pytest.mark.parametrize("layout", PLAIN)
def test_layouts_give_the_same_schedule(data, layout):
    A, y = data
    stages = [Stage("1se", alphas=20), Stage("min", factor="adaptive", alphas=20)]
    ours, dense = (fit_schedule(X, y, stages, cv=4) for X in (build(layout, A), A))
    np.testing.assert_allclose(ours.coef, dense.coef, atol=1e-8)


def test_results_do_not_depend_on_threads(data):
    A, y = data
    stages = [Stage("min", alphas=20), Stage("min", factor="support", alphas=20)]
    one, two = (fit_schedule(A, y, stages, cv=4, n_threads=k) for k in (1, 3))
    np.testing.assert_array_equal(one.coef, two.coef)
    np.testing.assert_array_equal(one.cvs[1].errors, two.cvs[1].errors)


@pytest.mark.parametrize(("bad", "words"), [
    ([], "stages must be"), ([0.1], "stages must be"), ([Stage(0.1, factor="support")], "first stage"),
])
def test_bad_schedules(data, bad, words):
    with pytest.raises((TypeError, ValueError), match=words):
        fit_schedule(*data, bad)


@pytest.mark.parametrize(("bad", "words"), [
    ({"alpha": "best"}, "alpha must be"), ({"alpha": -1.0}, "alpha =="), ({"factor": "most"}, "factor must be"),
    ({"factor": np.ones(20)}, "factor must be"), ({"gamma": -1.0}, "gamma =="), ({"l1_ratio": 2.0}, "l1_ratio =="),
])
def test_bad_stages(bad, words):
    with pytest.raises(ValueError, match=words):
        Stage(**bad)


def test_factors_that_a_callable_gets_wrong_are_an_error(data):
    with pytest.raises(ValueError, match="penalty_factor must be >= 0"):
        fit_schedule(*data, [Stage(0.1), Stage(0.1, factor=lambda b: -np.ones(len(b)))])


def test_zero_and_inf_of_the_user_win():
    given, own = np.array([0.0, 0.0, np.inf, np.inf, 2.0, 2.0]), np.array([np.inf, 3.0, 0.0, 3.0, np.inf, 0.0])
    np.testing.assert_array_equal(combined(given, own), [0.0, 0.0, np.inf, np.inf, np.inf, 0.0])


def test_no_adaptive_factor_is_zero():
    factors = adaptive_factors([1e200, -1e10, 0.0], 2.0)
    assert 0 < factors[0] < factors[1] == pytest.approx(1e-20)
    assert factors[2] == np.inf


# ------------------------------------------------------------ adaptive lasso


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("pilot", ["lasso", "ridge", "marginal", "array"])
def test_the_adaptive_path_is_a_path_with_the_pilots_factors(data, pilot, options):
    A, y = data
    options = spelled_out(OPTIONS[options], A)
    b = np.where(np.arange(A.shape[1]) % 2, 0.0, 1.0 + np.arange(A.shape[1]))
    path = adaptive_path(A, y, pilot=b if pilot == "array" else pilot, pilot_alpha=0.1, gamma=0.7, alphas=8, eps=0.05,
                         **options)
    given = options.pop("penalty_factor", np.ones(A.shape[1]))
    if pilot in ("lasso", "ridge"):
        first = fit(A, y, 0.1, l1_ratio=float(pilot == "lasso"), penalty_factor=given, **options)
        np.testing.assert_allclose(path.pilot, first.coef, atol=1e-8)
    scale = A.std(axis=0) if options.get("standardize") else 1.0
    factor = combined(given, adaptive_factors(path.pilot * scale, 0.7))
    np.testing.assert_allclose(path.penalty_factor, factor)
    for k in range(len(path)):
        judged(A, y, path.fit_at(k), tight=False, penalty_factor=factor, **options)
    between = path.at(0.5 * (path.alphas[3] + path.alphas[4]))
    judged(A, y, between, tight=False, penalty_factor=factor, **options)


def test_the_marginal_pilot_takes_each_column_alone(data):
    A, y = data
    path = adaptive_path(A, y, pilot="marginal", alphas=3)
    for j in range(A.shape[1]):
        alone = np.polyfit(A[:, j], y, 1)[0] if A[:, j].std() > 0 else 0.0
        assert path.pilot[j] == pytest.approx(alone, abs=1e-10)


def test_no_pilot_sees_the_rows_held_out(data):
    A, y = data
    splits = folds_of(len(y))
    cv = cross_validate_adaptive(A, y, pilot="lasso", pilot_alpha=0.2, cv=splits, alphas=12)
    for k, (train, test) in enumerate(splits):
        factor = adaptive_factors(fit(A[train], y[train], 0.2).coef)
        alone = fit_path(A[train], y[train], alphas=cv.alphas, penalty_factor=factor)
        errors = ((y[test][:, None] - alone.predict(A[test])) ** 2).mean(axis=0)
        np.testing.assert_allclose(cv.errors[:, k], errors, rtol=1e-5)
    np.testing.assert_array_equal(cv.path.alphas, cv.alphas)
    assert cv.path.penalty_factor.shape == cv.coef.shape


def test_a_pilot_without_columns_leaves_the_empty_model(data):
    A, y = data
    path = adaptive_path(A, y, pilot=np.zeros(A.shape[1]), alphas=4)
    assert path.df.max() == 0
    assert path.certified.all()
    np.testing.assert_allclose(path.intercepts, y.mean())


@pytest.mark.parametrize(("bad", "words"), [
    ({"pilot": "ols"}, "pilot must be one of"), ({"pilot": [1.0, 2.0]}, r"pilot\.shape"), ({"gamma": -1}, "gamma"),
    ({"pilot": "lasso", "pilot_alpha": "best"}, "alpha must be"),
])
def test_bad_pilots(data, bad, words):
    for call in (adaptive_path, cross_validate_adaptive):
        with pytest.raises(ValueError, match=words):
            call(*data, **bad)


@pytest.mark.parametrize("call", [cross_validate_adaptive, cross_validate_reweighted])
def test_bad_rules(data, call):
    with pytest.raises(ValueError, match="rule must be one of"):
        call(*data, rule="best")


# ------------------------------------------------------------ concave penalties


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("level", [0.3, 1.0, 4.0])
def test_the_slope_is_the_derivative_and_falls_from_the_level(name, level):
    contract.slope_is_the_derivative(name, level)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", SHIPPED)
def test_every_solution_solves_the_lasso_with_its_own_factors(data, name, options):
    contract.every_solution_solves_its_own_lasso(data, name, options)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_saved_path_comes_back(data, name, tmp_path):
    contract.a_saved_path_comes_back(data, name, tmp_path)


@pytest.mark.parametrize("name", SHIPPED)
def test_alpha_can_be_chosen(data, name):
    contract.its_alpha_can_be_chosen(data, name)


def proximal(u, penalty, alpha):
    """argmin_b 1/2 (b - u)^2 + p(|b|), by search."""
    b = np.linspace(0, abs(u) + 1, 200_001)
    return np.sign(u) * b[np.argmin(0.5 * (b - abs(u)) ** 2 + penalty.value(b, alpha))]


@pytest.mark.parametrize("name", ["mcp", "scad"])
def test_orthogonal_columns_give_the_thresholding_function(name):
    u = np.array([0.4, 0.9, 1.3, 2.2, 3.5, -1.7, -5.0])
    n = len(u)
    path = reweighted_path(np.sqrt(n) * np.eye(n), np.sqrt(n) * u, penalty=name, alphas=[0.8], fit_intercept=False,
                           tol=1e-12)
    expected = [proximal(v, path.penalty, 0.8) for v in u]
    np.testing.assert_allclose(path.fit_at(0).coef, expected, atol=1e-4)
    unshrunk = np.abs(u) > path.penalty.gamma * 0.8
    np.testing.assert_allclose(path.fit_at(0).coef[unshrunk], u[unshrunk])


@pytest.mark.parametrize("name", SHIPPED)
def test_no_step_raises_the_objective_by_more_than_its_gap(data, name, monkeypatch):
    contract.no_step_raises_the_objective(data, name, monkeypatch)


@pytest.mark.filterwarnings("ignore:.*factors have not settled")
@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("difference", [0.0, 1e-6, 1e-5])
def test_nearly_dependent_unpenalised_columns_raise_nothing(name, difference):
    for seed in (3, 11):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((33, 10))
        y = X[:, :3].sum(axis=1) + rng.standard_normal(33)
        X[:, 1] = X[:, 0] + difference * X[:, 3]
        free = np.where(np.arange(10) < 2, 0.0, 1.0)
        path = reweighted_path(X, y, penalty=name, alphas=8, eps=0.01, penalty_factor=free)
        for k in range(8):
            found = path.fit_at(k)
            true = verify(X, y, found.coef, found.intercept, alpha=found.alpha,
                          penalty_factor=path.penalty_factor_at(k))
            assert true.gap <= 1.02 * found.gap + path.tol * true.null_objective      # coefficients of 1e6 cancel


def test_an_objective_that_rises_is_an_error(data, monkeypatch):
    monkeypatch.setattr(Mcp, "slope", lambda self, t, a: a * (1 + t))     # not the slope of p
    with pytest.raises(ArithmeticError, match="objective rose"):
        reweighted_path(*data, alphas=10, eps=0.05)


def test_factors_that_do_not_settle_are_told(data):
    A, y = data
    with pytest.warns(ConvergenceWarning, match="factors have not settled; worst.* after 1 steps"):
        path = reweighted_path(A, y, alphas=10, eps=0.05, max_steps=1)
    assert not path.certified.all()
    assert (path.n_steps == 1).all()
    for k in range(len(path)):
        true = verify(A, y, path.fit_at(k).coef, path.fit_at(k).intercept, alpha=path.alphas[k],
                      penalty_factor=path.penalty_factor_at(k))
        assert true.gap <= 1.02 * path.gaps[k] + 1e-9 * true.null_objective


def test_lq_with_q_one_is_the_lasso(data):
    A, y = data
    ours = reweighted_path(A, y, penalty="lq", q=1.0, alphas=8, eps=0.1)
    np.testing.assert_allclose(ours.coefs.toarray(), fit_path(A, y, alphas=8, eps=0.1).coefs.toarray(), atol=1e-7)
    assert (ours.n_steps <= 2).all()


@pytest.mark.parametrize("layout", PLAIN)
def test_layouts_give_the_same_reweighted_path(data, layout):
    A, y = data
    ours, dense = (reweighted_path(X, y, alphas=8, eps=0.1, tol=1e-9) for X in (build(layout, A), A))
    np.testing.assert_allclose(ours.coefs.toarray(), dense.coefs.toarray(), atol=1e-6)


def test_scaling_y_and_alpha_scales_the_solution(data):
    A, y = data
    one = reweighted_path(A, y, alphas=8, eps=0.1, tol=1e-9)
    ten = reweighted_path(A, 10 * y, alphas=10 * one.alphas, tol=1e-9)
    np.testing.assert_allclose(ten.coefs.toarray(), 10 * one.coefs.toarray(), atol=1e-6)


def test_a_fold_is_the_path_of_its_training_rows(data):
    A, y = data
    splits = folds_of(len(y))
    cv = cross_validate_reweighted(A, y, cv=splits, alphas=8, eps=0.2, tol=1e-9)
    for k, (train, test) in enumerate(splits):
        alone = reweighted_path(A[train], y[train], alphas=cv.alphas, tol=1e-9)
        errors = ((y[test][:, None] - alone.predict(A[test])) ** 2).mean(axis=0)
        np.testing.assert_allclose(cv.errors[:, k], errors, rtol=1e-4)


def test_a_path_ends_early_and_keeps_what_it_has(data):
    A, y = data
    for limit, status in (({"dfmax": 4}, "dfmax"), ({"max_r2": 0.5}, "r2"),
                          ({"callback": lambda state: state.df >= 3}, "callback")):
        path = reweighted_path(A, y, **limit)
        assert path.status == status
        assert len(path) == len(path.n_steps) == len(path.objectives) < 100
        assert len(path.factors) == len(path.values)


def test_between_grid_points_a_concave_path_is_interpolated(data):
    path = reweighted_path(*data, alphas=5, eps=0.2)
    assert path.at(path.alphas[2]).gap == path.gaps[2]
    assert not path.at(0.5 * (path.alphas[2] + path.alphas[3])).exact


@pytest.mark.parametrize(("bad", "words"), [
    ({"penalty": "l1"}, "penalty must be one of"), ({"penalty": "mcp", "gamma": 1.0}, "gamma =="),
    ({"penalty": "scad", "gamma": 2.0}, "gamma =="), ({"penalty": "log", "gamma": 0.0}, "gamma =="),
    ({"penalty": "mcp", "q": 0.5}, "q belongs"), ({"penalty": "lq", "q": 0.0}, "q =="), ({"max_steps": 0}, "max_steps"),
])
def test_bad_penalties(data, bad, words):
    for call in (reweighted_path, cross_validate_reweighted):
        with pytest.raises(ValueError, match=words):
            call(*data, **bad)


# ------------------------------------------------------------ what they are for


def known_truth(seed, n=150, p=300):
    rng = np.random.default_rng(seed)
    X = np.asfortranarray(rng.standard_normal((n, p)))
    coef = np.zeros(p)
    coef[:60:10] = 3, -3, 2, -2, 1.5, -1.5
    return X, 5 + X @ coef + 1.5 * rng.standard_normal(n), coef


def test_the_lasso_selects_too_much_and_shrinks_and_the_others_do_not():
    kept, bias = {}, {}
    for seed in range(4):
        X, y, truth = known_truth(seed)
        grid = {"cv": 5, "random_state": 0, "alphas": 25, "eps": 0.05}
        found = {
            "lasso": cross_validate_path(X, y, **grid).coef,
            "adaptive": cross_validate_adaptive(X, y, **grid | {"eps": 1e-3}).coef,
            "mcp": cross_validate_reweighted(X, y, **grid).coef,
            "two_stage": fit_schedule(X, y, [Stage("1se", alphas=25, eps=0.05), Stage("min", factor="adaptive")],
                                      cv=5, random_state=0).coef,
        }
        for name, coef in found.items():
            assert (coef[truth != 0] != 0).all()        # none misses a true column
            kept.setdefault(name, []).append(np.count_nonzero(coef))
            bias.setdefault(name, []).append(np.mean((truth - coef)[truth != 0] * np.sign(truth[truth != 0])))
    kept, bias = ({name: np.mean(values) for name, values in table.items()} for table in (kept, bias))
    assert kept["lasso"] > 4 * 6, kept
    for name in ("adaptive", "mcp", "two_stage"):
        assert kept[name] < 0.5 * kept["lasso"], kept
        assert abs(bias[name]) < 0.6 * bias["lasso"], bias


# ---------------------------------------------------------------- the parts that folds share

@pytest.fixture
def ridge():
    X, y = exact_matrix(40, 6), target(exact_matrix(40, 6))
    with Pool(1) as pool:
        yield X, y, pose(X, y, Options(l1_ratio=0.0), pool)


def test_a_ridge_grid_starts_where_nearly_nothing_is_left(ridge):
    X, y, _ = ridge
    grid = fit_path(X, y, l1_ratio=0.0, alphas=7).alphas
    least_squares, top = fit(X, y, 0.0).coef, fit(X, y, grid[0], l1_ratio=0.0).coef
    assert len(grid) == 7
    assert (np.diff(grid) < 0).all()
    assert 0 < np.linalg.norm(top) <= 0.1 * np.linalg.norm(least_squares)
    end = fit(X, y, grid[-1], l1_ratio=0.0).coef
    assert np.linalg.norm(end - least_squares) <= 0.1 * np.linalg.norm(least_squares)


def test_every_method_has_the_same_ridge_grid_whatever_y(ridge):
    X, y, _ = ridge
    options = {"l1_ratio": 0.0, "alphas": 4}
    grid = fit_path(X, y, **options).alphas
    schedule = fit_schedule(X, y, [Stage("min", **options)], cv=4)
    for alphas in (fit_path(X, -8 * y, **options).alphas, cross_validate_path(X, y, cv=4, **options).alphas,
                   relaxed_path(X, y, **options).alphas, schedule.paths[0].alphas):
        np.testing.assert_allclose(alphas, grid, rtol=1e-12)


def test_a_ridge_pilot_is_chosen_on_its_own_grid():
    X, y = exact_matrix(40, 6), target(exact_matrix(40, 6))
    path = adaptive_path(X, y, pilot="ridge", pilot_alpha="min", cv=4, alphas=5)
    assert path.certified.all()
    np.testing.assert_array_equal(np.isinf(path.penalty_factor), path.pilot == 0)


def test_solutions_of_stages_that_miss_their_promise_are_warned_of(ridge):
    X, y, _ = ridge
    with pytest.warns(ConvergenceWarning) as caught:
        fit_schedule(X, y, [Stage(0.01), Stage("min", alphas=2, factor="support")], cv=3, tol=0.0, max_iter=0)
    said = [str(warning.message) for warning in caught]
    for whose in ("at alpha=0.01", "fold 2: at alpha=0.01", "2 of 2 alphas", "fold 0: 2 of 2"):
        assert any(text.startswith(whose) for text in said), said


def test_factors_settle_on_gaussian_data_to_the_end_of_the_path():
    """Reweighted lassos come near a saddle of the objective, or go down a flat valley: hundreds of steps, no cycle."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 200))
    y = X[:, :5] @ [3, -2, 2, 1, -1] + rng.standard_normal(100)
    path = reweighted_path(X, y, standardize=True)
    assert path.certified.all()
    assert path.n_steps.max() > 100
    at = int(np.argmax(path.n_steps))
    certificate = verify(X, y, path.fit_at(at).coef, path.intercepts[at], alpha=path.alphas[at], standardize=True,
                         penalty_factor=path.penalty_factor_at(at))
    assert certificate.relative_gap < 1e-6


def test_steps_that_are_compiled_leave_a_gap_under_the_next_factors():
    """An AttributeError, where no step of the first alpha had needed a quadratic model in Python."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((40, 8))
    y = rng.poisson(np.exp(0.5 * X[:, 0] - 0.5 * X[:, 1])).astype(float)
    top = fit_path(X, y, loss="poisson", alphas=1).alphas[0]
    path = reweighted_path(X, y, loss="poisson", alphas=[0.9 * top, 0.3 * top])
    assert path.certified.all()
    for k in range(2):
        assert verify(X, y, path.fit_at(k).coef, path.intercepts[k], alpha=path.alphas[k], loss="poisson",
                      penalty_factor=path.penalty_factor_at(k)).relative_gap < 1e-6
