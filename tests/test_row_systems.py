"""Systems of as many equations as rows, against the larger systems that they stand for."""

import numpy as np
import pytest
from layouts import PLAIN, build, exact_matrix
from scipy import sparse

from fastlasso import fit_path
from fastlasso._engine import engine
from fastlasso.parallel import Pool
from fastlasso.problem.options import Options
from fastlasso.problem.problem import pose
from fastlasso.solver import row_systems
from fastlasso.solver.choose import started_solver
from fastlasso.solver.proof import separate_gaps
from fastlasso.solver.residual_form import ResidualForm
from fastlasso.solver.row_systems import RidgeRows, RowNewton, solved
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
@pytest.mark.parametrize("l1_ratio", [0.0, 0.6, 0.99])
def test_newton_by_rows_meets_the_optimality_conditions(case, bounds, l1_ratio):
    """From any start, and from alpha to alpha: b = clip(soft(X'r, alpha l1) / (alpha l2)) at r = y - X b."""
    problem, penalty, gathered, cols, X, y = case(l1_ratio=l1_ratio, **bounds)
    newton, b = RowNewton(problem.design, penalty, cols, gathered), np.linspace(-1.0, 1.0, len(cols))
    for alpha in (0.5, 0.05, 0.04, 0.01):
        assert alpha > newton.least_alpha
        b = newton.solve(problem.loss, alpha, [(b, gathered.residual(problem.loss.y, b), None)], 1e-24)
        z = X.T @ (y - X @ b)
        soft = np.sign(z) * np.maximum(np.abs(z) - alpha * penalty.l1, 0)
        np.testing.assert_allclose(b, np.clip(soft / (alpha * penalty.l2), penalty.lower, penalty.upper), atol=1e-9)
    assert newton.sweeps > 0


@pytest.mark.parametrize("target", [1e-4, 1e-6, 1e-9])
def test_newton_by_rows_ends_where_the_gap_of_its_residual_is_as_asked(case, target):
    """Copies with a small ridge part: the dual point y - X b of a certificate is worse than Newton's own by far."""
    problem, penalty, gathered, cols, X, y = case(l1_ratio=0.999)
    newton, b = RowNewton(problem.design, penalty, cols, gathered), np.zeros(len(cols))
    for alpha in (0.05, 0.03, 0.02):
        b = newton.solve(problem.loss, alpha, [(b, gathered.residual(problem.loss.y, b), None)], target)
        r = y - X @ b
        gap, = separate_gaps(problem.loss, penalty, problem.design.norm2[cols], np.array([alpha]), b[None],
                             np.array([r @ r]), (X.T @ r)[None])
        assert gap <= 1.01 * target + 1e-18


def test_newton_by_rows_takes_few_full_steps_along_a_path(case, monkeypatch):
    """From alpha to alpha few columns change; searches, which take a step for nearly each, are not needed."""
    problem, penalty, gathered, cols, *_ = case(l1_ratio=0.99)
    newton, b, steps = RowNewton(problem.design, penalty, cols, gathered), np.zeros(len(cols)), []
    monkeypatch.setattr(newton, "_by_searches", None)
    step = newton._step
    monkeypatch.setattr(newton, "_step", lambda *args: steps.append(0) or step(*args))
    alphas = np.geomspace(0.3, 1e-3, 60)
    for alpha in alphas:
        b = newton.solve(problem.loss, alpha, [(b, gathered.residual(problem.loss.y, b), None)], 1e-24)
    assert np.count_nonzero(b) >= ROWS - 1
    assert len(steps) <= 3 * len(alphas)


def test_steps_of_nearly_the_same_columns_share_a_factor(case, monkeypatch):
    """Conjugate gradients with the last factor lead to the same solutions, and the slope that they leave is counted."""
    problem, penalty, gathered, cols, *_ = case(l1_ratio=0.99)
    alphas, paths, factors = np.geomspace(0.3, 1e-3, 30), [], []
    for least_rows, energy_left in ((np.inf, 0.0), (0, 1e-16), (0, 1e-2)):
        monkeypatch.setattr(row_systems, "LEAST_ROWS", least_rows)
        monkeypatch.setattr(row_systems, "ENERGY_LEFT", energy_left)
        newton, b, path = RowNewton(problem.design, penalty, cols, gathered), np.zeros(len(cols)), []
        for alpha in alphas:
            b = newton.solve(problem.loss, alpha, [(b, gathered.residual(problem.loss.y, b), None)], 1e-24)
            path.append(b)
        paths.append(path)
        factors.append(newton.steps)
    np.testing.assert_allclose(paths[1], paths[0], atol=1e-9)
    np.testing.assert_allclose(paths[2], paths[0], atol=1e-9)
    assert factors[1] < factors[0]


def test_gradients_that_take_too_long_leave_a_step_to_a_factor(case, monkeypatch):
    problem, penalty, gathered, cols, *_ = case(l1_ratio=0.99)
    monkeypatch.setattr(row_systems, "LEAST_ROWS", 0)
    monkeypatch.setattr(row_systems, "MOST_GRADIENTS", 1)
    newton, rng = RowNewton(problem.design, penalty, cols, gathered), np.random.default_rng(0)
    slope, inside = rng.standard_normal(problem.design.n_samples), np.ones(len(cols), bool)
    newton._step(0.01, inside, slope)
    inside[:5] = False
    d, left = newton._step(0.01, inside, slope)
    assert newton.steps == 2
    assert not left.any()
    system = newton._sum / 0.01 + np.eye(len(slope))
    np.testing.assert_allclose(engine.symmetric_product(system, d), -slope, atol=1e-9)
    assert newton._by_gradients(0.01, np.full(len(slope), np.nan)) is None


def test_full_steps_that_go_round_in_circles_end_in_searches(case, monkeypatch):
    problem, penalty, gathered, cols, *_ = case(l1_ratio=0.99)
    zero = np.zeros(len(cols))
    start = gathered.residual(problem.loss.y, zero)
    fresh = RowNewton(problem.design, penalty, cols, gathered)
    expected = fresh.solve(problem.loss, 0.01, [(zero, start, None)], 1e-24)
    newton = RowNewton(problem.design, penalty, cols, gathered)
    monkeypatch.setattr(row_systems, "PATIENCE", -1)
    np.testing.assert_allclose(newton.solve(problem.loss, 0.01, [(zero, start, None)], 1e-24), expected, atol=1e-10)


def test_full_steps_that_lead_nowhere_are_left_for_the_next_start(case, monkeypatch):
    """From zero most columns change their pieces at each step; from the solution next to it few do."""
    problem, penalty, gathered, cols, *_ = case(l1_ratio=0.99)
    newton, zero, steps = RowNewton(problem.design, penalty, cols, gathered), np.zeros(len(cols)), []
    far = zero, gathered.residual(problem.loss.y, zero), None
    b = newton.solve(problem.loss, 0.0101, [far], 1e-24)
    near, step = (b, gathered.residual(problem.loss.y, b), None), newton._step
    monkeypatch.setattr(newton, "_step", lambda *args: steps.append(0) or step(*args))
    monkeypatch.setattr(newton, "_by_searches", None)
    taken = []
    for most_wrong in (np.inf, row_systems.MOST_WRONG):
        monkeypatch.setattr(row_systems, "MOST_WRONG", most_wrong)
        steps.clear()
        newton.solve(problem.loss, 0.01, [far, near], 1e-24)
        taken.append(len(steps))
    assert taken[1] < taken[0]


def test_newton_by_rows_goes_on_when_columns_join(case):
    problem, penalty, gathered, cols, *_ = case(l1_ratio=0.5)
    alpha, few = 0.02, cols[:-4]
    first = problem.design.gathered(few)
    newton = RowNewton(problem.design, penalty.at(np.arange(len(few))), few, first)
    nothing = np.zeros(len(few))
    newton.solve(problem.loss, alpha, [(nothing, first.residual(problem.loss.y, nothing), None)], 1e-24)
    zero = np.zeros(len(cols))
    start = gathered.residual(problem.loss.y, zero)
    fresh = RowNewton(problem.design, penalty, cols, gathered).solve(problem.loss, alpha, [(zero, start, None)], 1e-24)
    newton.extend(problem.design, penalty, cols, gathered)
    later = newton.solve(problem.loss, alpha, [(zero, start, None)], 1e-24)
    np.testing.assert_allclose(later, fresh, atol=1e-12)
    assert np.count_nonzero(fresh)


def test_what_is_not_finite_or_not_definite_ends_newton_by_rows(case):
    problem, penalty, gathered, cols, *_ = case(l1_ratio=0.5)
    newton, zero = RowNewton(problem.design, penalty, cols, gathered), np.zeros(len(cols))
    start = gathered.residual(problem.loss.y, zero)
    assert newton.solve(problem.loss, 0.02, [(zero, np.full_like(start, np.nan), None)], 1e-24) is None
    assert solved(np.diag([1.0, -1.0]), np.ones(2)) is None
    np.testing.assert_allclose(solved(np.diag([2.0, 4.0]), np.ones(2)), [0.5, 0.25])


def test_there_are_no_steps_without_a_ridge_part_or_with_too_many_rows(case):
    problem, penalty, gathered, cols, *_ = case()
    assert RowNewton(problem.design, penalty, cols, gathered).least_alpha == np.inf
    problem, penalty, gathered, cols, *_ = case(l1_ratio=0.5)
    with going(largest_newton=2):
        assert RowNewton(problem.design, penalty, cols, gathered).least_alpha == np.inf


def solved_in_fours(X, y, l1_ratio, least):
    """Return a solver that has taken in all columns, whether it had a Gram matrix, and has solved 12 alphas."""
    with Pool(1) as pool:
        solver = started_solver(pose(X, y, Options(l1_ratio=l1_ratio), pool), 1e-6)
        solver._add(np.arange(X.shape[1]), 100)
        had_gram, done = solver.form.has_gram, 0
        alphas = solver.alpha_max * np.geomspace(0.9, least, 12)
        while done < len(alphas):
            batch = solver.solve(alphas[done:done + 4])
            assert (batch.gaps <= solver.goal.gap).all()
            done += len(batch.alphas)
    return solver, had_gram


def test_more_columns_than_rows_under_a_ridge_part_have_no_gram_matrix():
    """With a ridge part nearly all of them come into use, and the factor costs their cube.

    A common factor in all columns: 8.4 s for 300 x 2,000, and 1 s by the rows.
    """
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 1000)) + 10 * rng.standard_normal((60, 1))
    solver, had_gram = solved_in_fours(X, X[:, :10] @ rng.standard_normal(10) + rng.standard_normal(60), 0.01, 0.05)
    assert solver.n_used > 200
    assert not had_gram
    assert not solver.form.has_gram


def test_a_gram_matrix_is_left_when_its_columns_come_into_use():
    """All columns may have come in before they are used."""
    rng = np.random.default_rng(0)
    X = (sparse.random_array((900, 800), density=0.004, rng=rng) + sparse.eye_array(900, 800)).tocsc()
    solver, had_gram = solved_in_fours(X, X @ rng.standard_normal(800) + rng.standard_normal(900), 0.5, 0.001)
    assert solver.n_used > 400
    assert had_gram
    assert not solver.form.has_gram


def test_a_gram_matrix_takes_the_place_of_sweeps_that_do_not_end():
    """One dense row makes all columns alike: 10,000 sweeps an alpha, and 27 s for a path of 5,000 x 20,000."""
    rng, n, p = np.random.default_rng(0), 1500, 6000
    A = sparse.random_array((n, p), density=0.002, rng=rng, format="lil")
    A[0] = 10 * rng.standard_normal(p)
    X = A.tocsr()
    y = X @ np.where(np.arange(p) < 100, rng.standard_normal(p), 0.0) + rng.standard_normal(n)
    swept, honest = [], ResidualForm._sweeps
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ResidualForm, "_sweeps", lambda self, *rest: swept.append(1) or honest(self, *rest))
        assert fit_path(X, y, eps=1e-4).certified.all()
    assert 0 < len(swept) < 500
