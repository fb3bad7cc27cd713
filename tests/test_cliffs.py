"""Structured data on which an earlier mechanism took a hundred times as long as on independent columns.

Time is not measured here: what made these cases slow, coordinate descent on the Gram matrix, sweeps or a working set
that only grew, must not happen.
"""

import warnings
from fractions import Fraction

import fuzz
import numpy as np
import pytest
from scipy import sparse

from fastlasso import (
    ConvergenceWarning,
    Huber,
    NegativeBinomial,
    Stage,
    Tweedie,
    alpha_max,
    cross_validate_path,
    fit,
    fit_path,
    fit_schedule,
    verify,
)
from fastlasso.judge.columns import read_columns
from fastlasso.matrices.choose import as_matrix
from fastlasso.parallel import Pool
from fastlasso.problem.design import Design
from fastlasso.reference import standard_deviation
from fastlasso.solver import cost
from fastlasso.solver.gram_form import GramForm
from fastlasso.solver.newton import NewtonSolver
from fastlasso.solver.quadratic_model import SweepModel
from fastlasso.solver.residual_form import ResidualForm
from fastlasso.solver.row_systems import RowNewton
from fastlasso.solver.solver import Solver
from fastlasso.validation import ROUNDING_SHARE
from fastlasso.ways import going


def forbid(monkeypatch, cls, name):
    """Let a method fail the test that calls it."""
    def called(*args, **kwargs):
        raise AssertionError(f"{cls.__name__}.{name} was called")
    monkeypatch.setattr(cls, name, called)


def gaussian(n, p, seed=0, used=10):
    rng = np.random.default_rng(seed)
    X, b = rng.standard_normal((n, p)), np.zeros(p)
    b[:used] = 2 * rng.standard_normal(used)
    return np.asfortranarray(X), X @ b + rng.standard_normal(n)


def is_optimal(X, y, path, **options):
    """Whether the judge finds some solutions of a path as near the minimum as promised."""
    for k in range(0, len(path), 7):
        one = path.fit_at(k)
        if not verify(X, y, one.coef, one.intercept, alpha=one.alpha, **options).relative_gap <= 1.01e-6:
            return False
    return bool(path.certified.all())


@pytest.mark.parametrize("bounds", [{"lower": -0.3, "upper": 0.3}, {"lower": 0.0, "upper": 0.2}, {"upper": 0.5},
                                    {"lower": -0.3, "upper": 0.3, "penalty_factor": "mixed"}])
def test_bounds_that_bind_cost_no_descent(monkeypatch, bounds):
    X, y = gaussian(120, 60)
    if "penalty_factor" in bounds:
        bounds = {**bounds, "penalty_factor": np.where(np.arange(60) % 7 == 0, 0.0, 1.0)}
    with going(small=0, compress_features=0, gram_form=True):
        monkeypatch.setattr(GramForm, "_descend", lambda *args: pytest.fail("descent"))
        path = fit_path(X, y, **bounds)
    assert is_optimal(X, y, path, **bounds)
    coefs = path.coefs.toarray()
    assert (np.isclose(coefs, bounds["upper"]).sum(axis=0) > 0).any()


def test_a_column_leaves_its_bound_where_another_takes_its_place():
    """x0 alone explains y down to some alpha; then x1, which has less penalty, takes over."""
    rng = np.random.default_rng(4)
    common = rng.standard_normal(200)
    X = np.column_stack([common + 0.6 * rng.standard_normal(200), common, rng.standard_normal((200, 3))])
    y = 3 * common + 0.1 * rng.standard_normal(200)
    options = {"upper": np.array([0.4, *[np.inf] * 4]), "penalty_factor": np.array([0.3, 1, 1, 1, 1.0])}
    path = fit_path(X, y, eps=1e-4, **options)
    held = path.coefs.toarray()[0] == 0.4
    assert held.any()
    assert not held[-1]
    assert is_optimal(X, y, path, **options)


@pytest.mark.parametrize("noise", [1e-2, 1e-3, 1e-4, 1e-6])
def test_near_copies_cost_no_descent(monkeypatch, noise):
    """Down to alphas at which as many columns are used as there are rows."""
    rng = np.random.default_rng(1)
    B = rng.standard_normal((60, 80))
    X = np.asfortranarray(np.repeat(B, 5, axis=1) + noise * rng.standard_normal((60, 400)))
    y = B[:, :8] @ rng.standard_normal(8) + rng.standard_normal(60)
    forbid(monkeypatch, GramForm, "_descend")
    with going(small=0, compress_features=0, gram_form=True):
        path = fit_path(X, y, eps=1e-3)
    assert is_optimal(X, y, path)
    assert path.df.max() > 50


def test_sums_and_differences_cost_no_descent(monkeypatch):
    rng = np.random.default_rng(2)
    B = rng.standard_normal((50, 40))
    i, j = rng.integers(0, 40, (2, 200))
    X = np.asfortranarray(np.hstack([B, B[:, i] + B[:, j], B[:, i] - B[:, j]]))
    y = B[:, :5].sum(axis=1) + rng.standard_normal(50)
    forbid(monkeypatch, GramForm, "_descend")
    with going(small=0, compress_features=0, gram_form=True):
        path = fit_path(X, y)
    assert is_optimal(X, y, path)


def rays(side, angles):
    """Shares of the pixels of a square picture in parallel rays: a pixel lies between two rays of each angle."""
    at, parts = np.indices((side, side)).reshape(2, -1) - (side - 1) / 2, []
    for angle in np.pi * np.arange(angles) / angles:
        place = np.array([np.sin(angle), np.cos(angle)]) @ at + (side - 1) / 2
        parts.append(sparse.csc_matrix(np.maximum(1 - np.abs(place - np.arange(side)[:, None]), 0)))
    return sparse.vstack(parts).tocsc()


@pytest.mark.parametrize("seed", [1, 2, 7])
def test_a_positive_tomography_costs_no_descent(monkeypatch, seed):
    """Descent used three times as many pixels as the rank."""
    rng = np.random.default_rng(seed)
    X, b = rays(24, 4), np.zeros(24 * 24)
    b[rng.choice(24 * 24, 24, replace=False)] = 1
    y = X @ b + 0.15 * rng.standard_normal(X.shape[0])
    forbid(monkeypatch, GramForm, "_descend")
    with going(small=0, compress_features=0, gram_form=True):
        path = fit_path(X, y, lower=0.0)
    assert is_optimal(X, y, path, lower=0.0)
    assert path.df.max() <= np.linalg.matrix_rank(X.toarray() - X.mean(axis=0))


def test_columns_leave_a_full_working_set(monkeypatch):
    """The path uses at most n columns at once, but many more in all."""
    X, y = gaussian(150, 1200, used=60)
    sizes, solve = [], Solver.solve

    def noted(self, alphas):
        batch = solve(self, alphas)
        sizes.append(self.form.size)
        return batch

    monkeypatch.setattr(Solver, "solve", noted)
    forbid(monkeypatch, ResidualForm, "__init__")
    most = 230
    with going(gram_bytes=16 * most**2):
        path = fit_path(X, y)
    assert (np.diff(sizes) < 0).any()
    assert max(sizes) <= most
    assert is_optimal(X, y, path)
    np.testing.assert_allclose(path.coefs.toarray(), fit_path(X, y).coefs.toarray(), atol=1e-6)


def test_columns_leave_a_swept_working_set_of_which_half_is_zero(monkeypatch):
    """An elastic net on columns with a common factor uses 390 of them half-way down its path, and 240 at its end."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((150, 1_500)) + rng.standard_normal((150, 1))
    y, sizes, solve = X[:, :30].sum(axis=1) + 3 * rng.standard_normal(150), [], Solver.solve

    def noted(self, alphas):
        batch = solve(self, alphas)
        sizes.append(0 if self.form.has_gram else self.form.size)
        return batch

    monkeypatch.setattr(Solver, "solve", noted)
    path = fit_path(X, y, l1_ratio=0.5)
    swept = np.array(sizes)[np.array(sizes) > 0]
    assert (np.diff(swept) < 0).any()
    assert is_optimal(X, y, path, l1_ratio=0.5)


@pytest.mark.parametrize(("n", "p", "most"), [(300, 1_200, 360), (400, 1_600, 600)])
def test_columns_leave_a_full_working_set_on_the_way_to_a_cold_start(monkeypatch, n, p, most):
    """A cold fit never let columns leave: it swept as soon as more than `most` had been on the way."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p))
    y = X[:, :20] @ rng.standard_normal(20) + rng.standard_normal(n)
    forbid(monkeypatch, ResidualForm, "solve")
    with going(gram_bytes=16 * most**2):
        found = fit(X, y, 1e-3 * alpha_max(X, y))
    assert found.certified
    assert np.count_nonzero(found.coef) > 0.95 * n


@pytest.mark.parametrize("limit", [19.0, 19.5, 20.0, 20.5, 21.0])
def test_sweeps_that_reach_their_limit_give_way_to_a_gram_matrix(monkeypatch, limit):
    """At a limit of 980.7 sweeps they ended after 980, and the alpha counted as solved: it was off by twice `tol`."""
    rng = np.random.default_rng(0)
    X = sparse.random_array((80, 200), density=0.1, format="csr", rng=rng)
    y = X[:, :10].sum(axis=1) + 0.1 * rng.standard_normal(80)
    monkeypatch.setattr(cost, "gram_pays", lambda *sizes: False)
    monkeypatch.setattr(cost, "gram_in_sweeps", lambda *sizes: limit)
    monkeypatch.setattr(cost, "LEAST_LIMIT", 10)
    assert fit_path(X, y, alphas=20, eps=1e-3, tol=1e-9).certified.all()


def test_ridge_is_one_linear_system():
    X, y = gaussian(300, 100)
    X = X @ np.diag(np.geomspace(1, 1e-3, 100))
    coef = fit(X, y, 1e-4, l1_ratio=0).coef
    centred = X - X.mean(axis=0)
    exact = np.linalg.solve(centred.T @ centred / 300 + 1e-4 * np.eye(100), centred.T @ (y - y.mean()) / 300)
    np.testing.assert_allclose(coef, exact, rtol=1e-8)


# ---------------------------------------------------------------- rounding


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 1.0, 3.0]])
@pytest.mark.parametrize("kind", [np.array, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_a_column_that_is_constant_but_for_rounding_is_constant(kind, weights, loss):
    X = kind(np.array([[0.1 + 0.2, 1], [0.3, 3], [0.1 + 0.2, 2], [0.3, 5]]))
    options = {"standardize": True, "sample_weight": weights, "loss": loss}
    fitted = fit(X, [1.0, 0, 1, 3], 0.01, **options)
    assert fitted.coef[0] == 0.0
    assert fitted.coef[1] != 0.0
    assert fitted.certified
    assert verify(X, [1.0, 0, 1, 3], fitted.coef, fitted.intercept, alpha=0.01, **options).relative_gap <= 1e-6


def exactly_constant(A, weights):
    """Which columns are constant but for rounding, in rational numbers."""
    w, constant = [Fraction(weight) for weight in weights], []
    for column in A.T:
        x = [Fraction(value) for value in column]
        mean = sum(a * b for a, b in zip(w, x, strict=True)) / sum(w)
        variance = sum(a * (b - mean) ** 2 for a, b in zip(w, x, strict=True)) / sum(w)
        constant.append(variance <= (Fraction(ROUNDING_SHARE) * mean) ** 2)
    return np.array(constant)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", [np.array, np.asfortranarray, sparse.csr_array, sparse.csc_array])
def test_solver_judge_and_reference_agree_on_which_columns_are_constant(kind, weighted):
    """Columns of few values, whole last places apart, with standard deviations of some 3 to 6 of these."""
    rng = np.random.default_rng(int(weighted))
    n, p = 5, 40_000
    weights = rng.integers(1, 4, n).astype(float) if weighted else np.ones(n)
    value = rng.choice([0.1, 0.3, 0.7, 1.0, -3.0, 1e8], p)
    A = value + rng.integers(-8, 9, (n, p)) * np.spacing(value)
    if weighted:
        A, weights = np.vstack([np.zeros(p), A]), np.append(0.0, weights)     # sparse X stores nothing in this row
    q = weights / weights.sum()
    with Pool() as pool:
        design, _ = Design.measured(as_matrix(kind(A)), q if weighted else None, True, pool, np.zeros(len(A)))
    exact = exactly_constant(A, weights)
    assert 0.1 < exact.mean() < 0.9
    np.testing.assert_array_equal(design.flat, exact)
    np.testing.assert_array_equal(read_columns(kind(A), q, True, True).sd == 0, exact)
    given = sparse.csr_array(A) if sparse.issparse(kind(A)) else A
    np.testing.assert_array_equal(standard_deviation(given, q, A.T @ q) == 0, exact)


@pytest.mark.parametrize(("loss", "deviation"), [
    ("squared_error", 1e-6), ("squared_error", 3e-8), ("squared_error", 1e-10), ("huber", 1e-6)])
@pytest.mark.parametrize("kind", [np.array, sparse.csr_array, sparse.csc_array])
def test_a_column_absent_only_from_rows_of_no_weight_may_vary_little(kind, loss, deviation, judge):
    """The mean square less the squared mean is rounding: the column was taken for a constant, or misread."""
    rng = np.random.default_rng(0)
    weights = np.arange(30) % 3 + 0.0
    A = np.where(weights[:, None] > 0, 0.7 + deviation * rng.standard_normal((30, 3)), 0.0)
    y = (A[:, 0] - 0.7) / deviation + 0.1 * rng.standard_normal(30)
    options = {"sample_weight": weights, "standardize": True, "loss": loss}
    path = fit_path(kind(A), y, alphas=5, **options)
    assert path.certified.all()
    assert path.coefs.toarray()[0, -1] * deviation == pytest.approx(0.98, abs=0.02)
    judge(A, y, path, **options)


def test_a_column_that_is_constant_but_for_rounding_in_a_fold_is_not_used_there():
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((60, 3)), rng.standard_normal(60)
    X[:40, 0] = np.where(np.arange(40) % 2, 0.1 + 0.2, 0.3)
    folds = [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))]
    cv = cross_validate_path(X, y, cv=folds, standardize=True, alphas=10)
    assert not cv.fold_paths[0].coefs.toarray()[0].any()
    assert cv.fold_paths[1].coefs.toarray()[0].any()


@pytest.mark.parametrize("kind", [np.array, sparse.csr_array])
def test_an_intercept_column_of_the_user_stays(kind):
    X, y = np.column_stack([np.ones(4), [1.0, 2, 3, 4]]), [11.0, 12, 13, 14.5]
    options = {"fit_intercept": False, "standardize": True, "penalty_factor": [0, 1]}
    fitted = fit(kind(X), y, 0.01, **options)
    own = fit(X[:, 1:], y, 0.01, standardize=True)
    np.testing.assert_allclose(fitted.coef, [own.intercept, own.coef[0]], rtol=1e-9)
    assert verify(X, y, fitted.coef, alpha=0.01, **options).relative_gap <= 1e-6


@pytest.mark.parametrize("alpha", [1e-16, 1e-100])
def test_an_alpha_below_rounding_is_certified(alpha):
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(100, 10))
    y = X[:, 0] + rng.standard_normal(100)
    fitted = fit(X, y, alpha)
    assert fitted.certified
    np.testing.assert_allclose(fitted.coef, fit(X, y, 0.0).coef, rtol=1e-9)


def test_a_stage_after_which_nothing_is_left_is_empty():
    """Its path would begin at an alpha of 1e-154."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((80, 20)), rng.standard_normal(80)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = fit_schedule(X, y, [Stage("1se"), Stage("min", factor="support")])
    assert not run.coef.any()
    assert run.alphas[0] == run.alphas[1]
    assert run.intercept == pytest.approx(y.mean())


# ---------------------------------------------------------------- other losses


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("loss", ["poisson", Tweedie(1.5), NegativeBinomial(1.0)])
@pytest.mark.parametrize(("n", "p"), [(40, 120), (60, 400)])
@pytest.mark.parametrize("tol", [1e-4, 1e-6])
def test_more_columns_than_rows_and_a_small_alpha(loss, n, p, l1_ratio, tol):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((n, p))
    y = rng.poisson(np.exp(0.5 * (X[:, 0] - 0.5 * X[:, 1]))).astype(float)
    assert fit(X, y, 1e-4, loss=loss, l1_ratio=l1_ratio, tol=tol).certified


def test_steps_go_on_where_the_loss_is_flat():
    """All residuals are beyond delta, so f'' is 0 everywhere and a step is as long as the damping lets it."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((10, 1))
    y = 100 * rng.standard_normal(10)
    path = fit_path(X, y, loss=Huber(0.5), alphas=5, eps=1e-3)
    assert path.certified.all()


@pytest.mark.parametrize("loss", ["log_loss", "poisson", "gamma"])
def test_compiled_steps_and_those_of_large_problems_agree(loss):
    rng = np.random.default_rng(6)
    X = rng.standard_normal((80, 12))
    mean = np.exp(0.4 * X[:, 0] - 0.3 * X[:, 1])
    y = {"log_loss": (rng.random(80) < mean / (1 + mean)).astype(float), "poisson": rng.poisson(mean).astype(float),
         "gamma": rng.gamma(2.0, mean / 2)}[loss]
    options = {"loss": loss, "sample_weight": rng.integers(0, 4, 80), "offset": 0.3 * rng.standard_normal(80),
               "l1_ratio": 0.7, "lower": -0.2, "penalty_factor": rng.uniform(0.5, 2, 12), "tol": 1e-12}
    compiled = fit_path(X, y, alphas=10, eps=1e-2, **options)
    with going(small=0):
        general = fit_path(X, y, alphas=compiled.alphas, **options)
    np.testing.assert_allclose(compiled.coefs.toarray(), general.coefs.toarray(), atol=2e-6)
    np.testing.assert_allclose(compiled.intercepts, general.intercepts, atol=2e-6)
    assert compiled.certified.all()
    assert general.certified.all()


def test_small_problems_need_no_other_steps(monkeypatch):
    """Weights, folds and penalty factors included; alphas far below alpha_max on correlated columns."""
    rng = np.random.default_rng(7)
    X = rng.standard_normal((150, 3)) @ rng.standard_normal((3, 20)) + 0.05 * rng.standard_normal((150, 20))
    y = (X[:, 0] + rng.logistic(size=150) > 0).astype(float)
    monkeypatch.setattr(NewtonSolver, "solve", lambda *args: pytest.fail("not compiled"))
    path = fit_path(X, y, loss="log_loss", sample_weight=rng.uniform(0.5, 2, 150), eps=1e-5,
                    penalty_factor=rng.uniform(0.5, 2, 20))
    assert path.certified.all()


def test_elastic_nets_on_copies_take_few_sweeps(monkeypatch):
    """Sweeps between copies converge slowly: Newton's method on the rows follows once they take as long as it does."""
    rng = np.random.default_rng(2)
    X = np.asfortranarray(np.repeat(rng.standard_normal((40, 60)), 5, axis=1))
    y, sweeps = X[:, :20] @ rng.standard_normal(20) + rng.standard_normal(40), ResidualForm._sweeps
    calls = []

    def counted(form, *args):
        calls.append(1)
        return sweeps(form, *args)

    monkeypatch.setattr(ResidualForm, "_sweeps", counted)
    with going(small=0, compress_features=0, gram_form=False):
        path = fit_path(X, y, l1_ratio=0.9)
    assert is_optimal(X, y, path, l1_ratio=0.9)
    assert len(calls) < 6 * len(path)


def test_newton_on_the_rows_begins_on_the_line_through_the_last_two_solutions(monkeypatch):
    """The residual is nearly linear in alpha, so fewer steps are needed than from the last solution."""
    rng, step, steps = np.random.default_rng(4), RowNewton._step, []
    X = rng.standard_normal((60, 1)) + 0.3 * rng.standard_normal((60, 300))
    y = X[:, :10].sum(axis=1) + rng.standard_normal(60)
    monkeypatch.setattr(RowNewton, "_step", lambda *given: steps.append(0) or step(*given))

    def n_steps():
        steps.clear()
        with going(small=0, compress_features=0, gram_form=False):
            assert is_optimal(X, y, fit_path(X, y, l1_ratio=0.1), l1_ratio=0.1)
        return len(steps)

    ahead = n_steps()
    monkeypatch.setattr(ResidualForm, "_ahead", lambda *given: [])
    assert 0 < ahead < 0.8 * n_steps()


@pytest.mark.parametrize("weights", [None, np.append(0.0, np.ones(99))], ids=["equal", "a row of weight 0"])
def test_a_search_on_the_rows_begins_at_the_last_dual_point(monkeypatch, weights):
    """An elastic net for counts, each column four times: it took 9,153 and 3,977 systems, now 239 and 197."""
    rng, step, steps = np.random.default_rng(4), RowNewton._step, []
    B = rng.standard_normal((100, 200))
    y = np.floor(np.exp(1 + B[:, :10].sum(axis=1) / 6 + 0.3 * rng.standard_normal(100)))
    X = np.asfortranarray(np.repeat(B, 4, axis=1))
    monkeypatch.setattr(RowNewton, "_step", lambda *given: steps.append(0) or step(*given))
    path = fit_path(X, y, loss="poisson", l1_ratio=0.99, alphas=30, sample_weight=weights)
    assert path.certified.all()
    assert 0 < len(steps) < 1000
    assert verify(X, y, path.coefs[:, -1], path.intercepts[-1], alpha=path.alphas[-1], l1_ratio=0.99, loss="poisson",
                  sample_weight=weights).relative_gap <= 1e-6


@pytest.mark.parametrize("form", [np.asfortranarray, sparse.csc_array])
@pytest.mark.parametrize("loss", ["poisson", "squared_hinge"])
def test_newton_on_the_rows_takes_few_steps_inside_bounds(monkeypatch, form, loss):
    """Where f'' is 0, a dual point known says little: searches from it alone took 358,716 systems, now 199 to 539."""
    rng, step, steps = np.random.default_rng(4), RowNewton._step, []
    B = rng.standard_normal((60, 100)) * (rng.random((60, 100)) < 0.3)
    y = np.floor(np.exp(1 + B[:, :10].sum(axis=1) / 6 + 0.3 * rng.standard_normal(60)))
    options = {"loss": loss, "l1_ratio": 0.97, "fit_intercept": False, "lower": -0.3, "upper": 0.4}
    monkeypatch.setattr(RowNewton, "_step", lambda *given: steps.append(0) or step(*given))
    with going(small=0, compress_features=0, gram_form=False):
        path = fit_path(form(np.repeat(B, 4, axis=1)), y if loss == "poisson" else y > 3, alphas=20, **options)
    assert path.certified.all()
    assert 0 < len(steps) < 1500


def test_newton_on_the_rows_that_leads_nowhere_is_rarely_tried_again(monkeypatch):
    """A try that solves 150 systems counts as fifty solutions. It counted as one: 1,665 tries, now 168."""
    def in_vain(rows, loss, alpha, starts, target):
        tries.append(alpha)
        rows.steps += 150

    rng, tries = np.random.default_rng(4), []
    X = rng.standard_normal((60, 1)) + 0.3 * rng.standard_normal((60, 300))
    monkeypatch.setattr(RowNewton, "solve", in_vain)
    with going(small=0, compress_features=0, gram_form=False):
        found = fit(X, X[:, :10].sum(axis=1) + rng.standard_normal(60), 0.01, l1_ratio=0.1)
    assert found.certified
    assert 0 < len(tries) < 400


@pytest.mark.parametrize("seed", [25000000041856, 25000000057022, 25000000064172])
def test_few_steps_where_the_objective_has_no_minimum(monkeypatch, seed):
    """Scores of 35 leave curvatures of 1e-15, on which steps come out short: a hundred were taken for each start."""
    case, steps, step = fuzz.random_case(seed), [], NewtonSolver._step
    monkeypatch.setattr(NewtonSolver, "_step", lambda *given: steps.append(0) or step(*given))
    with pytest.warns(ConvergenceWarning, match="no minimum"):
        found = fit(case.X, case.y, 0.01, **case.options)
    assert not found.certified
    assert len(steps) < 70


def test_an_alpha_that_rounding_leaves_uncertified_is_no_start_of_a_long_way(monkeypatch):
    """Columns of mean 1e5 and deviation 1e-3, no intercept: each alpha below took as many steps again on its way."""
    case, steps, step = fuzz.random_case(20000018030150), [], NewtonSolver._step
    monkeypatch.setattr(NewtonSolver, "_step", lambda *given: steps.append(0) or step(*given))
    with pytest.warns(ConvergenceWarning):
        path = fit_path(case.X, case.y, **case.how, **case.options)
    assert len(steps) < 200
    assert (path.gaps <= path.null_objective).all()     # as P itself bounds them


@pytest.mark.parametrize(("kind", "seed"), [("copies", 0), ("copies", 2), ("copies", 15), ("low rank", 21)])
def test_small_problems_with_dependent_columns_in_use_need_no_other_steps(kind, seed):
    """The exact step on columns in use failed where they depended on each other: 100,000 sweeps, 20 s for 100 of them.
    """
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((12, 8)) @ rng.standard_normal((8, 30)), np.append([1.0, 2.0], rng.poisson(0.2, 10))
    if kind == "copies":
        X = rng.standard_normal((12, 30))[:, rng.integers(0, 30, 30)]
    path = fit_path(X, y, loss="poisson", alphas=8, eps=1e-3, tol=1e-9)
    assert path.certified.all()
    assert (path.n_passes == 1).all()       # compiled steps alone
    last = path.fit_at(7)
    assert verify(X, y, last).gap <= 2e-9 * path.null_objective


def test_rows_are_solved_again_where_rounding_has_spoilt_their_steps(monkeypatch):
    """An elastic net on 2 rows of columns that equal each other to 5 digits, far from the origin: 50,030 sweeps."""
    case, sweeps, sweep = fuzz.random_case(25000000164132), [], ResidualForm._sweeps
    monkeypatch.setattr(ResidualForm, "_sweeps", lambda *given: sweeps.append(0) or sweep(*given))
    assert fit(case.X, case.y, 1.08, **case.options).certified
    assert len(sweeps) < 20


@pytest.mark.parametrize(("seed", "n", "p"), [(27, 400, 1000), (11, 800, 2000)])
def test_a_step_by_an_older_curvature_that_diverges_is_taken_back(seed, n, p):
    """Sparse classes that can nearly be separated: scores of 1e4 ended the steps, and up to 3 alphas missed `tol`."""
    rng = np.random.default_rng(seed)
    X = sparse.random(n, p, 2 / n, "csc", random_state=rng, data_rvs=rng.standard_normal)
    X, b = sparse.csc_matrix(X.multiply(rng.random(p) < 0.5)), np.zeros(p)
    b[rng.choice(p, p // 25)] = rng.normal(size=p // 25)
    eta = X @ b
    eta = eta + 0.3 * eta.std() * rng.normal(size=n)
    path = fit_path(X, eta > np.median(eta), loss="log_loss", alphas=40)
    assert path.certified.all()


def test_sweeps_take_the_place_of_a_gram_matrix_where_many_columns_come_into_use(monkeypatch):
    """Each alpha took the face through 200 columns more: 30,000 x 30,000 took 3.3 s where sweeps take 1.0."""
    swept, sweep = [], SweepModel.minimise
    monkeypatch.setattr(SweepModel, "minimise", lambda *given: swept.append(0) or sweep(*given))
    rng, n = np.random.default_rng(1), 6000
    rows, columns = rng.integers(n, size=12 * n), (n * rng.random(12 * n) ** 2).astype(int)
    X, b = sparse.csr_array((np.ones(12 * n), (rows, columns)), shape=(n, n)), np.zeros(n)
    b[:30] = rng.normal(size=30)
    eta = X @ b
    y = rng.random(n) < 1 / (1 + np.exp(-2 * eta / eta.std()))
    path = fit_path(X, y, loss="log_loss", alphas=40, eps=1e-2)
    assert path.certified.all()
    assert path.df[-1] > 1000
    assert len(swept) > 10
