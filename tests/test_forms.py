"""One contract for the two forms of the problem on a working set, whatever X is stored as."""

import numpy as np
import pytest
from layouts import PLAIN, build, exact_matrix, spelled_out, target

from fastlasso.parallel import Pool
from fastlasso.problem.options import Options
from fastlasso.problem.problem import pose
from fastlasso.solver.cost import ROUNDING
from fastlasso.solver.gram_form import GramForm
from fastlasso.solver.proof import gap_errors, separate_gaps
from fastlasso.solver.residual_form import ResidualForm

TARGET = 1e-10        # the gap asked for
FORMS = {"gram": GramForm, "residual": ResidualForm}
OPTIONS = {
    "plain": {}, "weighted": {"sample_weight": 3}, "no intercept": {"fit_intercept": False},
    "elastic net": {"l1_ratio": 0.5}, "bounded": {"lower": -0.1, "upper": 0.3}, "factors": {"penalty_factor": 1},
    "standardized": {"standardize": True},
}
# in order of entry; the factor of column 8 may be zero
COLS = np.array([9, 0, 5, 33, 8, 26, 21, 7, 38, 12])


class Dense:
    """The same problem by NumPy: weights q, columns W of the working set about the centre, y about its own."""

    def __init__(self, A, y, options):
        q = options.get("sample_weight", np.ones(len(y)))
        self.q = q / q.sum()
        centre = self.q if options.get("fit_intercept", True) else np.zeros(len(y))
        self.W, self.y = (A - centre @ A)[:, COLS], y - centre @ y

    def gradient(self, b):
        r = self.y - self.W @ b
        return self.W.T @ (self.q * r), r @ (self.q * r)

    def gram(self):
        return self.W.T @ (self.q[:, None] * self.W)


def exact_gradient(A, y, options, b):
    """The same correlations in long doubles: of these data they are known to 18 digits."""
    A, y = A.astype(np.longdouble), y.astype(np.longdouble)
    q = np.broadcast_to(options.get("sample_weight", 1), len(y)).astype(np.longdouble)
    q = q / q.sum()
    centre = q if options.get("fit_intercept", True) else np.zeros(len(y))
    W, y = (A - centre @ A)[:, COLS], y - centre @ y
    return W.T @ (q * (y - W @ b))


@pytest.fixture(params=[(form, layout, options) for form in FORMS for layout in PLAIN for options in OPTIONS],
                ids=lambda param: ", ".join(param))
def case(request):
    """(form with COLS taken in by two steps, problem, the same densely, its A, y and options)."""
    form, layout, options = request.param
    A = exact_matrix(50, 40, seed=4)
    y, options = target(A, seed=4), spelled_out(OPTIONS[options], A)
    with Pool(1) as pool:
        problem = pose(build(layout, A), y, Options(**options), pool)
        found = FORMS[form](problem)
        found.extend(COLS[:6], problem.penalty.at(COLS[:6]))
        found.extend(COLS[6:], problem.penalty.at(COLS))
        yield found, problem, Dense(A, y, options), (A, y, options)


def solved(form, alpha):
    B = np.zeros((1, form.size))
    assert form.solve(np.zeros(form.size), np.inf, np.array([alpha]), 0, B, TARGET, 100_000) == 1
    return B[0]


def gap(form, problem, alpha, b):
    z, norm2 = form.gradient(b)
    return separate_gaps(problem.loss, form.penalty, problem.design.norm2[form.columns], np.array([alpha]), b[None],
                         np.array([norm2]), z[None])[0]


def test_the_working_set_is_kept_in_order_of_entry(case):
    form, problem, *_ = case
    np.testing.assert_array_equal(form.columns, COLS)
    assert form.size == len(COLS)
    np.testing.assert_array_equal(form.penalty.lower, problem.penalty.lower[COLS])


def test_gradients_and_inner_products_are_those_of_numpy(case):
    form, _, dense, _ = case
    b = np.where(np.arange(len(COLS)) % 3 == 0, 0.0, np.linspace(-0.1, 0.3, len(COLS)))
    (z, norm2), (z_true, norm2_true) = form.gradient(b), dense.gradient(b)
    at = np.array([1, 4, 8])
    np.testing.assert_allclose(z, z_true, atol=1e-12)
    assert norm2 == pytest.approx(norm2_true, rel=1e-11)
    np.testing.assert_allclose(form.gram_of(at), dense.gram()[np.ix_(at, at)], atol=1e-12)
    if form.has_gram:       # the other form forms the residual itself
        np.testing.assert_allclose(form.images_in(at, np.ones(3)), dense.gram()[at].sum(axis=0), atol=1e-12)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
def test_correlations_are_off_by_no_more_than_the_proof_allows(case, size):
    """The proof allows for ROUNDING |x_j| (|y| + sum_k |x_k b_k|)."""
    form, problem, _, data = case
    norms = np.sqrt(problem.design.norm2[COLS])
    for seed in range(20):
        rng = np.random.default_rng(seed)
        b = size * rng.standard_normal(len(COLS)) * (rng.random(len(COLS)) < 0.6)
        error = np.abs(form.gradient(b)[0] - exact_gradient(*data, b))
        assert (error <= ROUNDING * norms * (problem.loss.norm + norms @ np.abs(b))).all()


def test_rounding_is_that_of_the_difference_of_c_and_g_b(case):
    """It leaves out what rounding of c and of G itself hide; the other form says zero."""
    form, problem, *_ = case
    at = np.array([1, 4, 8])
    for seed in range(20):
        rng = np.random.default_rng(seed)
        b = rng.standard_normal(len(COLS)) * (rng.random(len(COLS)) < 0.6)
        rounding = form.rounding(at, b)
        if not form.has_gram:
            assert not rounding.any()
            continue
        c, G = (part.astype(np.longdouble) for part in (problem.correlation[COLS], form.gram_of(np.arange(len(COLS)))))
        error = np.abs(form.gradient(b)[0] - (c - G @ b))[at]
        assert (error <= rounding + ROUNDING * np.abs(c[at])).all()


@pytest.mark.parametrize("share", [0.5, 0.05])
def test_solutions_are_optimal_on_the_working_set(case, share):
    form, problem, *_ = case
    alpha = share * problem.penalty.first_entry(problem.correlation)
    b = solved(form, alpha)
    assert form.penalty.is_within(b)
    assert gap(form, problem, alpha, b) <= TARGET + 1e-15 * problem.null_objective


def dual_gap(problem, form, alpha, b, z, norm2, scale):
    """The gap of the dual point scale r."""
    gaps, scales = problem.loss.slack(np.array([norm2]), scale), np.array([scale])
    form.penalty.add_slack(gaps, b[None], z[None], alpha, scales, problem.design.norm2[COLS])
    return gaps[0]


@pytest.mark.parametrize("size", [1e-3, 1e-6])
def test_errors_of_correlations_cost_the_gap_no_more_than_is_said(case, size):
    """The best multiple of r proves the claim and the cost, whatever the correlations are within their errors."""
    form, problem, *_ = case
    alpha, rng = 0.1 * problem.penalty.first_entry(problem.correlation), np.random.default_rng(0)
    b, alphas = 0.99 * solved(form, alpha), np.array([alpha])
    (z, norm2), limits = form.gradient(b), alpha * form.penalty.l1
    claimed = gap(form, problem, alpha, b)
    for _ in range(10):
        error = size * alpha * rng.random(form.size) * (limits > 0)
        cost = gap_errors(problem.loss, form.penalty, alphas, b[None], np.array([norm2]), z[None], error[None])[0]
        off = z + error * rng.choice([-1.0, 1.0], form.size)
        shrink = (error[limits > 0] / limits[limits > 0]).max()
        feasible = form.penalty.scales(off[None], alphas)[0]
        gaps = [dual_gap(problem, form, alphas, b, off, norm2, min(t, feasible)) for t in (1.0, 1 - shrink)]
        assert min(gaps) <= (claimed + cost) * (1 + 1e-12)


def test_a_step_within_bounds_is_cut_for_all_where_the_first_reaches_its_own(case):
    form, *_ = case
    low, high, rng = form.penalty.lower, form.penalty.upper, np.random.default_rng(0)
    for where in (np.arange(form.size), np.array([2, 5])):
        for size in (0.01, 1.0, 100.0):
            now = np.clip(rng.standard_normal(len(where)), low[where], high[where])
            step = size * rng.standard_normal(len(where))
            share = min([1.0, *((bound[j] - x) / d for j, x, d in zip(where, now, step, strict=True)
                                for bound in (low if d < 0 else high,))])
            taken, end = form.penalty.step_within(where, now, step)
            np.testing.assert_allclose(taken, share * step, atol=1e-12)
            np.testing.assert_allclose(end, now + share * step, atol=1e-12)
            assert ((end >= low[where]) & (end <= high[where])).all()
            assert share == 1 or ((end == low[where]) | (end == high[where])).any()


def test_another_penalty_leads_to_its_own_solution(case):
    form, problem, *_ = case
    alpha = 0.1 * problem.penalty.first_entry(problem.correlation)
    solved(form, alpha)
    penalty = problem.penalty.at(COLS).with_factors(np.arange(4), np.full(4, 3.0))
    fresh = type(form)(problem)
    fresh.extend(COLS, penalty)
    form.repenalise(penalty)
    np.testing.assert_allclose(solved(form, alpha), solved(fresh, alpha), atol=1e-7)


def test_the_first_solution_that_new_columns_violate_is_named(case):
    form, problem, dense, _ = case
    old = type(form)(problem)
    old.extend(COLS[:6], problem.penalty.at(COLS[:6]))
    alphas = problem.penalty.first_entry(problem.correlation) * np.geomspace(0.9, 0.01, 12)
    B = np.array([solved(old, alpha) for alpha in alphas])
    old.extend(COLS[6:], problem.penalty.at(COLS))
    z = np.array([dense.gradient(np.append(b, np.zeros(4)))[0][6:] for b in B])
    violated = (np.abs(z) > np.outer(alphas, old.penalty.l1[6:])).any(axis=1)
    expected = (int(np.argmax(violated)) if violated.any() else None) if form.has_gram else 0
    assert old.first_violated(alphas, B, 1 + 1e-10) == expected
