"""A solver that goes on under another penalty finds what a fresh one finds, and claims the true gap."""

import numpy as np
import pytest
from judging import holds_its_claim

from fastlasso import verify
from fastlasso.parallel import Pool
from fastlasso.problem.options import Options
from fastlasso.problem.problem import pose
from fastlasso.solver.choose import started_solver
from fastlasso.solver.residual_form import ResidualForm
from fastlasso.ways import going

SHAPES = {"compressed": (60, 12), "gram": (50, 200), "residual": (50, 200)}
FACTORS = {
    "other": lambda p: np.random.default_rng(0).uniform(0.2, 2, p),
    "some_free": lambda p: np.where(np.arange(p) % 9 == 1, 0.0, 1.0),
    "some_closed": lambda p: np.where(np.arange(p) % 3 == 1, np.inf, 1.0),
    "all_closed": lambda p: np.full(p, np.inf),
    "free_or_closed": lambda p: np.where(np.arange(p) % 7 == 1, 0.0, np.inf),
}


@pytest.fixture(params=SHAPES)
def data(request):
    n, p = SHAPES[request.param]
    X = np.random.default_rng(1).standard_normal((n, p)) + 2
    y = 5 + X[:, :6] @ np.array([2.0, -2, 1.5, -1, 1, 0.5]) + 0.3 * np.random.default_rng(2).standard_normal(n)
    with going(gram_form=False if request.param == "residual" else None):
        yield X, y


def certificate(X, y, solver, options, **penalty):
    """The certificate of the solver's last solution."""
    coef = np.zeros(X.shape[1])
    coef[solver.working_set] = solver.last.b
    intercept = solver.problem.intercepts(np.arange(len(coef)), coef[None])[0]
    return verify(X, y, coef, intercept, alpha=solver.last.alpha, **options.as_dict() | penalty)


@pytest.mark.parametrize("name", FACTORS)
@pytest.mark.parametrize("options", [Options(), Options(standardize=True), Options(fit_intercept=False),
                                     Options(l1_ratio=0.5), Options(lower=-0.5, upper=1.0),
                                     Options(sample_weight=np.arange(50) % 3)], ids=lambda o: o.__repr__()[8:40])
def test_going_on_is_as_good_as_starting_anew(data, options, name):
    X, y = (part[:50] for part in data)
    factor = FACTORS[name](X.shape[1])
    with Pool(1) as pool:
        problem = pose(X, y, options, pool)
        solver = started_solver(problem, tol=1e-8)
        top = solver.alpha_max
        for alpha, factors in ((top / 3, None), (top / 3, factor), (top / 10, factor), (top / 10, None)):
            solver.repenalise(problem.with_penalty_factor(factors))
            before = solver.gap() if np.isfinite(solver.last.alpha) and factors is None else None
            if before is not None:
                claim = certificate(X, y, solver, options, penalty_factor=factors)
                holds_its_claim(claim, before)
            batch = solver.solve(np.array([alpha]))
            true = certificate(X, y, solver, options, penalty_factor=factors)
            assert true.relative_gap <= 1e-8 + 1e-9
            holds_its_claim(true, batch.gaps[0])
            assert solver.gap() == pytest.approx(batch.gaps[0], abs=1e-12 * true.null_objective)


def test_l1_ratio_may_change_too(data):
    X, y = data
    with Pool(1) as pool:
        problem = pose(X, y, Options(), pool)
        solver = started_solver(problem, tol=1e-8)
        top = solver.alpha_max
        solver.solve(np.array([top / 5]))
        solver.repenalise(problem.with_penalty_factor(None, l1_ratio=0.3))
        solver.solve(np.array([top / 10]))
        assert certificate(X, y, solver, Options(), l1_ratio=0.3).relative_gap <= 1.1e-8
        solver.repenalise(problem)
        solver.solve(np.array([top / 10]))
    assert certificate(X, y, solver, Options()).relative_gap <= 1.1e-8


def test_the_gap_of_unpenalised_columns_that_nearly_depend_is_read_from_X():
    X = np.random.default_rng(1).standard_normal((60, 6))
    X[:, 5] = X[:, 4] + 1e-9 * X[:, 3]
    y, options = X @ np.arange(6.0) + np.random.default_rng(2).standard_normal(60), Options(penalty_factor=np.r_[
        np.ones(3), np.zeros(3)])
    with Pool(1) as pool:
        solver = started_solver(pose(X, y, options, pool), tol=1e-6)
        solver.solve(np.array([0.05]))
        claimed = solver.gap()
    true = certificate(X, y, solver, options)
    holds_its_claim(true, claimed)


def test_extrapolation_leaves_what_it_cannot_improve():
    X = np.random.default_rng(1).standard_normal((20, 3))
    with Pool(1) as pool:
        problem = pose(X, X[:, 0], Options(), pool)
        form = ResidualForm(problem)
        form.extend(np.arange(3), problem.penalty)
        for step in (0.0, 1e200):       # no step moved; squares of steps overflow
            b = np.array([0.5, 0.0, -0.1])
            state = form.gathered.residual(problem.loss.y, b)
            iterates = [(b + k * step, state) for k in range(6)]
            with np.errstate(over="ignore", invalid="ignore"):
                form._extrapolate(0.1, b, state, iterates)
            np.testing.assert_array_equal(b, [0.5, 0.0, -0.1])
