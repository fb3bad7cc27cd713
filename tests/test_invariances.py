"""What may not change the answer, and what may not change a bit of it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from layouts import PLAIN, build, exact_matrix, target

from fastlasso import fit, fit_path
from fastlasso.parallel import Pool
from fastlasso.problem.options import Options
from fastlasso.problem.problem import pose
from fastlasso.solver import screening

SHAPES = {"tall": (50, 14), "wide": (40, 120)}
OPTIONS = {
    "plain": {},
    "enet": {"l1_ratio": 0.4, "standardize": True},
    "no_intercept": {"fit_intercept": False},
    "positive": {"lower": 0.0},
}
GRID = {"alphas": 10, "eps": 0.02, "tol": 1e-12}


@pytest.fixture(params=SHAPES)
def data(request):
    A = exact_matrix(*SHAPES[request.param], seed=11)
    A[:, 2] = np.arange(len(A)) % 3        # no zero column: scaling by its norm is tried too
    return A, target(A, seed=11)


def same(a, b, atol=1e-8):
    np.testing.assert_allclose(a.alphas, b.alphas, rtol=1e-12)
    np.testing.assert_allclose(a.coefs.toarray(), b.coefs.toarray(), atol=atol)
    np.testing.assert_allclose(a.intercepts, b.intercepts, atol=10 * atol)


def bits(path):
    """Everything of a path but its seconds."""
    return [getattr(path, name).tobytes() for name in ("alphas", "indptr", "indices", "values", "intercepts", "gaps",
                                                       "r2", "n_passes")] + [path.status, path.null_objective]


@pytest.mark.parametrize("name", OPTIONS)
def test_rows_in_another_order(data, name):
    A, y = data
    order = np.random.default_rng(0).permutation(len(y))
    same(fit_path(A[order], y[order], **GRID, **OPTIONS[name]), fit_path(A, y, **GRID, **OPTIONS[name]))


@pytest.mark.parametrize("name", OPTIONS)
def test_columns_in_another_order(data, name):
    A, y = data
    order = np.random.default_rng(0).permutation(A.shape[1])
    moved, plain = (fit_path(X, y, **GRID, **OPTIONS[name]) for X in (A[:, order], A))
    np.testing.assert_allclose(moved.coefs.toarray(), plain.coefs.toarray()[order], atol=1e-8)


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize(("k_x", "k_y"), [(7, 0), (-9, 0), (0, 30), (0, -30), (60, -40), (-100, 100)])
def test_powers_of_two_are_exact(data, k_x, k_y, layout):
    A, y = data
    plain = fit_path(build(layout, A), y, **GRID)
    scaled = fit_path(build(layout, A * 2.0**k_x), y * 2.0**k_y, alphas=plain.alphas * 2.0 ** (k_x + k_y), tol=1e-12)
    np.testing.assert_array_equal(scaled.coefs.toarray(), plain.coefs.toarray() * 2.0 ** (k_y - k_x))
    np.testing.assert_array_equal(scaled.gaps, plain.gaps * 4.0**k_y)
    np.testing.assert_array_equal(scaled.r2, plain.r2)


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("k_x", [-510, -500, -400, -200, 200, 400, 500, 510])
def test_powers_of_two_up_to_500_are_exact_or_an_error(data, k_x, layout):
    """Never zeros without a word, where squares leave the range of float64."""
    A, y = data
    plain, one = fit_path(build(layout, A), y, alphas=6, eps=0.02), fit(build(layout, A), y, 0.1)
    for k_y in (-510, -500, -400, 0, 300, 500, 510):
        X, scaled_y = build(layout, np.ldexp(A, k_x)), np.ldexp(y, k_y)
        alphas, alpha = np.ldexp(plain.alphas, k_x + k_y), float(np.ldexp(0.1, k_x + k_y))
        path, single = refused_by_size(fit_path, X, scaled_y, alphas=alphas), refused_by_size(fit, X, scaled_y, alpha)
        if -500 < min(k_x, k_y) and max(k_x, k_y) <= 500:
            assert path is not None
            assert single is not None
        rtol = 0 if max(k_x, k_y) <= 500 else 1e-12     # beyond, another way to the same answer may be taken
        if path is not None:
            expected = np.ldexp(plain.coefs.toarray(), k_y - k_x)
            np.testing.assert_allclose(path.coefs.toarray(), expected, rtol=rtol, atol=0)
            assert path.certified.all()
        if single is not None:
            np.testing.assert_allclose(single.coef, np.ldexp(one.coef, k_y - k_x), rtol=rtol, atol=0)


def refused_by_size(call, *args, **options):
    """The result of a call, or None where it says by what to multiply or divide."""
    try:
        return call(*args, **options)
    except ValueError as error:
        if "by a constant" in str(error):
            return None
        raise


def test_the_automatic_grid_scales_exactly(data):
    A, y = data
    alphas = fit_path(A, y, **GRID).alphas
    for k_x, k_y in ((7, 0), (0, -30), (-9, 40)):
        np.testing.assert_array_equal(fit_path(A * 2.0**k_x, y * 2.0**k_y, **GRID).alphas, alphas * 2.0 ** (k_x + k_y))


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("name", OPTIONS)
def test_weight_two_is_the_row_twice_and_weight_zero_is_none(data, name, layout):
    A, y = data
    times = np.random.default_rng(1).integers(0, 3, len(y))
    rows = np.repeat(np.arange(len(y)), times)
    weighted = fit_path(build(layout, A), y, sample_weight=times, **GRID, **OPTIONS[name])
    same(weighted, fit_path(build(layout, A[rows]), y[rows], **GRID, **OPTIONS[name]))


def test_only_ratios_of_weights_matter(data):
    A, y = data
    w = np.arange(len(y)) % 4 + 0.5
    plain = fit_path(A, y, sample_weight=w, **GRID)
    for scale in (2.0**-1000, 2.0**900):
        assert bits(fit_path(A, y, sample_weight=w * scale, **GRID)) == bits(plain)
    assert bits(fit_path(A, y, sample_weight=np.full(len(y), 3.7), **GRID)) == bits(fit_path(A, y, sample_weight=3.7,
                                                                                           **GRID))
    np.testing.assert_allclose(fit_path(A, y, sample_weight=3.7, **GRID).coefs.toarray(),
                               fit_path(A, y, **GRID).coefs.toarray(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_rejected_row_may_hold_anything(data, name):
    """A row of weight zero is deleted, whatever y it carries."""
    A, y = data
    w = np.arange(len(y)) % 3 > 0
    wild = np.where(w, y, 1e12)
    same(fit_path(A, wild, sample_weight=w, **GRID, **OPTIONS[name]), fit_path(A[w], y[w], **GRID, **OPTIONS[name]))


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("name", OPTIONS)
def test_warm_path_equals_cold_fits(data, name, layout):
    A, y = data
    X = build(layout, A)
    path = fit_path(X, y, **GRID, **OPTIONS[name])
    for k in (1, 5, 9):
        cold = fit(X, y, path.alphas[k], tol=1e-12, **OPTIONS[name])
        np.testing.assert_allclose(cold.coef, path.fit_at(k).coef, atol=1e-7)


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("name", OPTIONS)
def test_screening_changes_no_answer(data, name, layout):
    A, y = data
    X = build(layout, A)
    same(*(fit_path(X, y, screening=on, **GRID, **OPTIONS[name]) for on in (True, False)))
    a, b = (fit(X, y, 0.05, screening=on, tol=1e-12, **OPTIONS[name]) for on in (True, False))
    np.testing.assert_allclose(a.coef, b.coef, atol=1e-7)


@pytest.mark.parametrize("options", [{}, {"lower": 0.0}, {"upper": 0.0, "standardize": True},
                                     {"penalty_factor": np.arange(120) % 5 / 2.0}, {"l1_ratio": 0.5},
                                     {"sample_weight": np.arange(40) % 3}], ids=str)
def test_the_filter_lists_every_column_that_matters(options):
    """No residual near the anchors' span has a column beyond alpha l1 that the bound clears."""
    rng = np.random.default_rng(3)
    A = exact_matrix(40, 120, seed=11)
    A[:, 2] = np.arange(40) % 3
    cols = np.arange(7, 19)
    with Pool(1) as pool:
        problem = pose(A, target(A, seed=11), Options(**options), pool)
        design, penalty = problem.design, problem.penalty
        norms = np.sqrt(design.norm2[cols])

        def evaluated(B):
            residuals = problem.loss.residuals(design, cols, B)
            return residuals, design.correlations(residuals), design.norms2(residuals)

        known = 0.1 * rng.standard_normal((3, len(cols)))
        anchors = [screening.Anchor(1.0, *anchor) for anchor in zip(known, *evaluated(known), strict=True)]
        for size in (0.0, 1e-9, 1e-2, 0.3, 3.0):
            B = np.array([[0.5, 0.7, -0.2]]) @ known + size * rng.standard_normal(len(cols))
            Z = evaluated(B)[1]
            T, distance = screening.project_on_anchors(norms, screening.known_of(anchors, cols), B, Z[:, cols],
                                                       problem.loss.norm)
            for alpha in np.quantile(np.abs(Z), [0.05, 0.3, 0.7, 0.99]):
                listed = screening.unproven(penalty, design.norm2, anchors, T, distance, np.array([alpha]))
                limit = alpha * penalty.l1
                matter = (Z[0] >= limit) & (penalty.upper > 0) | (-Z[0] >= limit) & (penalty.lower < 0)
                assert not set(np.flatnonzero(matter)) - set(listed)
                assert size > 0 or len(listed) <= matter.sum() + 1      # and in the anchors' plane no others
                both = screening.unproven(penalty, design.norm2, anchors, np.repeat(T, 2, axis=0),
                                          np.repeat(distance, 2), np.array([2 * alpha, alpha]))
                np.testing.assert_array_equal(both, listed)             # of several alphas the union


@pytest.mark.parametrize("layout", PLAIN)
def test_a_poor_guess_of_the_working_set_costs_work_and_no_answer(data, layout, monkeypatch, judge):
    A, y = data
    nothing = np.empty(0, np.int64)
    monkeypatch.setattr(screening, "candidates", lambda *_: nothing)
    path = fit_path(build(layout, A), y, alphas=20, eps=0.02)
    judge(A, y, path)


@pytest.mark.parametrize("name", OPTIONS)
def test_an_alpha_does_not_depend_on_its_neighbours(data, name):
    A, y = data
    whole = fit_path(A, y, **GRID, **OPTIONS[name])
    for some in ([0, 4, 9], [9], [3, 4, 5]):
        part = fit_path(A, y, alphas=whole.alphas[some], tol=1e-12, **OPTIONS[name])
        np.testing.assert_allclose(part.coefs.toarray(), whole.coefs.toarray()[:, some], atol=1e-7)


# ---------------------------------------------------------------- the same bits

def test_the_same_call_gives_the_same_bits(data):
    A, y = data
    assert bits(fit_path(A, y, **GRID)) == bits(fit_path(A, y, **GRID))


BIG = {"tall": (40_000, 70), "wide": (300, 6_000)}      # enough work for several pieces and threads


@pytest.fixture(scope="module", params=BIG)
def big(request):
    A = exact_matrix(*BIG[request.param], seed=2, density=0.3)
    return A, target(A)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("layout", PLAIN)
def test_any_number_of_threads_gives_the_same_bits(big, layout, dtype):
    A, y = big
    X, w = build(layout, A, dtype=dtype), np.arange(len(A)) % 3 + 0.5
    for options in ({}, {"sample_weight": w, "l1_ratio": 0.5, "standardize": True}):
        one, two, three = (bits(fit_path(X, y, alphas=5, eps=0.3, n_threads=k, **options)) for k in (1, 2, 3))
        assert one == two == three


@pytest.mark.parametrize("layout", PLAIN)
def test_two_fits_at_once_are_two_fits(big, layout):
    A, y = big
    X = build(layout, A)
    jobs = [(y, {}), (-2 * y, {"l1_ratio": 0.5}), (y, {"lower": 0.0})]
    run = lambda job: bits(fit_path(X, job[0], alphas=4, eps=0.4, **job[1]))        # noqa: E731
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(run, jobs))
    assert together == [run(job) for job in jobs]
