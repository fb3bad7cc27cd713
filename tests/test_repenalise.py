"""A solver that goes on under another penalty finds what a fresh one finds, and claims the true gap."""

import numpy as np
import pytest

from fastlasso import verify
from fastlasso.parallel import Pool
from fastlasso.problem.options import Options
from fastlasso.problem.problem import Problem
from fastlasso.solver.residual_form import ResidualSet
from fastlasso.solver.solver import Solver
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


def judged(X, y, solver, options, alpha, **penalty):
    """The certificate of the solver's last solution."""
    coef = np.zeros(X.shape[1])
    coef[solver.slots] = solver.b
    intercept = solver.problem.intercepts(np.arange(len(coef)), coef[None])[0]
    return verify(X, y, coef, intercept, alpha=alpha, **options.as_dict() | penalty)


@pytest.mark.parametrize("name", FACTORS)
@pytest.mark.parametrize("options", [Options(), Options(standardize=True), Options(fit_intercept=False),
                                     Options(l1_ratio=0.5), Options(lower=-0.5, upper=1.0),
                                     Options(sample_weight=np.arange(50) % 3)], ids=lambda o: o.__repr__()[8:40])
def test_going_on_is_as_good_as_starting_anew(data, options, name):
    X, y = (part[:50] for part in data)
    factor = FACTORS[name](X.shape[1])
    with Pool(1) as pool:
        problem = Problem(X, y, options, pool)
        walker = Solver(problem, tol=1e-8)
        walker.start()
        top = problem.alpha_max()
        for alpha, factors in ((top / 3, None), (top / 3, factor), (top / 10, factor), (top / 10, None)):
            changed = problem.with_penalty_factor(factors)
            walker.repenalise(changed)
            before = walker.gap() if np.isfinite(walker.alpha) and factors is None else None
            if before is not None:
                claim = judged(X, y, walker, options, walker.alpha, penalty_factor=factors)
                assert claim.gap <= 1.02 * before + 1e-9 * claim.null_objective
            batch = walker.solve(np.array([alpha]))
            true = judged(X, y, walker, options, alpha, penalty_factor=factors)
            assert true.relative_gap <= 1e-8 + 1e-9
            assert true.gap <= 1.02 * batch.gaps[0] + 1e-9 * true.null_objective
            assert walker.gap() == pytest.approx(batch.gaps[0], abs=1e-12 * true.null_objective)


def test_l1_ratio_may_change_too(data):
    X, y = data
    with Pool(1) as pool:
        problem = Problem(X, y, Options(), pool)
        walker = Solver(problem, tol=1e-8)
        walker.start()
        walker.solve(np.array([problem.alpha_max() / 5]))
        walker.repenalise(problem.with_penalty_factor(None, l1_ratio=0.3))
        walker.solve(np.array([problem.alpha_max() / 10]))
        true = judged(X, y, walker, Options(), problem.alpha_max() / 10, l1_ratio=0.3)
    assert true.relative_gap <= 1.1e-8
    walker.repenalise(problem)
    walker.solve(np.array([problem.alpha_max() / 10]))
    assert judged(X, y, walker, Options(), problem.alpha_max() / 10).relative_gap <= 1.1e-8


def test_the_gap_of_free_columns_that_nearly_depend_is_read_from_X():
    X = np.random.default_rng(1).standard_normal((60, 6))
    X[:, 5] = X[:, 4] + 1e-9 * X[:, 3]
    y, options = X @ np.arange(6.0) + np.random.default_rng(2).standard_normal(60), Options(penalty_factor=np.r_[
        np.ones(3), np.zeros(3)])
    with Pool(1) as pool:
        problem = Problem(X, y, options, pool)
        going = Solver(problem)
        going.start()
        going.solve(np.array([0.05]))
        claimed = going.gap()
        true = judged(X, y, going, options, 0.05)
    assert true.gap <= 1.02 * claimed + 1e-9 * true.null_objective


def test_extrapolation_leaves_what_it_cannot_improve():
    X = np.random.default_rng(1).standard_normal((20, 3))
    with Pool(1) as pool:
        columns = ResidualSet(Problem(X, X[:, 0], Options(), pool))
        columns.extend(np.arange(3), 3)
        for step in (0.0, 1e200):       # no step moved; squares of steps overflow
            b = np.array([0.5, 0.0, -0.1])
            state = columns.columns.residual(columns.problem.y, b)
            trail = [(b + k * step, state) for k in range(6)]
            with np.errstate(over="ignore", invalid="ignore"):
                columns._extrapolate(0.1, b, state, trail)
            np.testing.assert_array_equal(b, [0.5, 0.0, -0.1])
