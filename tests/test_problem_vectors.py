"""Every vector of the one problem, alone and together: against the slow reference, scikit-learn and a conic solver."""

import math
from itertools import product

import numpy as np
import pytest
from layouts import PLAIN, build, exact_matrix, target
from oracles import conic_solution
from sklearn.linear_model import ElasticNet, Lasso, Ridge

from fastlasso import alpha_max, fit, fit_path, verify
from fastlasso.reference import coordinate_descent, fista, objective
from fastlasso.ways import going

SHAPES = {"tall": (30, 12), "wide": (24, 80)}
SHARES = (0.7, 0.2, 0.02)       # of alpha_max
STRICT = 1e-10


def vectors(n, p):
    """Options that reach every branch of the problem, by name."""
    rng = np.random.default_rng(0)
    weights = rng.integers(0, 4, n) + 0.5 * (np.arange(n) % 2)
    factor = rng.uniform(0.3, 2.0, p)
    mixed = np.where(np.arange(p) % 9 == 1, 0.0, np.where(np.arange(p) % 5 == 2, math.inf, factor))
    one_sided = {"upper": np.where(np.arange(p) % 2, 0.25, math.inf)}
    box = {"lower": -rng.uniform(0, 0.3, p), "upper": np.where(np.arange(p) % 3 == 0, 0.0, 0.2)}
    partly = {"lower": np.where(np.arange(p) % 3, -math.inf, 0.0), "upper": np.where(np.arange(p) % 4, math.inf, 0.15)}
    return {
        "plain": {},
        "no_intercept": {"fit_intercept": False},
        "weights": {"sample_weight": weights},
        "offset": {"offset": rng.standard_normal(n)},
        "factors": {"penalty_factor": factor},
        "factors_0_inf": {"penalty_factor": mixed},
        "factors_0_no_intercept": {"penalty_factor": mixed, "fit_intercept": False},
        "standardize": {"standardize": True},
        "standardize_weights": {"standardize": True, "sample_weight": weights},
        "standardize_no_intercept": {"standardize": True, "fit_intercept": False},
        "standardize_enet": {"standardize": True, "l1_ratio": 0.3, "penalty_factor": factor},
        "positive": {"lower": 0.0},
        "negative": {"upper": 0.0},
        "one_sided": one_sided,
        "box": box,
        "partly_bounded": partly,
        "bounded_free": {**box, "penalty_factor": mixed},
        "tiny_box": {"lower": -0.01, "upper": 0.01},
        "pinned": {"lower": 0.0, "upper": np.where(np.arange(p) % 2, 0.0, math.inf)},
        "enet": {"l1_ratio": 0.3},
        "enet_factors": {"l1_ratio": 0.3, "penalty_factor": mixed},
        "enet_box": {"l1_ratio": 0.5, **box},
        "ridge": {"l1_ratio": 0.0},
        "ridge_weights_factors": {"l1_ratio": 0.0, "sample_weight": weights, "penalty_factor": mixed},
        "ridge_positive": {"l1_ratio": 0.0, "lower": 0.0, "standardize": True},
        "all_unpenalised_but_two": {"penalty_factor": np.where(np.arange(p) < min(p, n) // 2, 0.0, 1.0)},
        "everything": {"sample_weight": weights, "offset": rng.standard_normal(n), "penalty_factor": mixed,
                       "standardize": True, "l1_ratio": 0.6, **partly},
    }


NAMES = list(vectors(4, 4))


def data(shape, name):
    A = exact_matrix(*SHAPES[shape], seed=7)
    return A, target(A, seed=7), vectors(*A.shape)[name]


def alphas_of(A, y, options):
    return np.array(SHARES) * (alpha_max(A, y, **options) or 1.0)


def reference_objective(A, y, alpha, options):
    sweeps = 1000 if len(A) > A.shape[1] else 200
    coef, intercept, _ = coordinate_descent(A, y, alpha, tol=STRICT, max_iter=sweeps, **options)
    return objective(A, y, coef, intercept, alpha, **options), coef


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_path_is_certified_and_reaches_the_reference(shape, name, judge):
    A, y, options = data(shape, name)
    alphas = alphas_of(A, y, options)
    path = fit_path(A, y, alphas=alphas, tol=STRICT, **options)
    judge(A, y, path, **options)
    for k, alpha in enumerate(alphas):
        best, coef = reference_objective(A, y, alpha, options)
        found = path.fit_at(k)
        value = objective(A, y, found.coef, found.intercept, alpha, **options)
        assert value <= best + 2 * STRICT * path.null_objective
        if shape == "tall":
            np.testing.assert_allclose(found.coef, coef, atol=2e-4)


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_single_fits_and_default_paths_are_certified_on_every_class(shape, name, layout, judge):
    A, y, options = data(shape, name)
    X = build(layout, A)
    for alpha in alphas_of(A, y, options)[1:]:
        judge(A, y, fit(X, y, alpha, tol=STRICT, **options), **options)
    path = fit_path(X, y, alphas=15, **options)
    judge(A, y, path, (0, 5, 14), **options)
    assert path.certified.all()


@pytest.fixture(params=[True, False], ids=["gram", "residual"])
def form(request):
    """Both sides of the cost model: the working set solved by its Gram matrix, or by sweeps over its columns."""
    with going(gram_form=request.param):
        yield request.param


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("name", NAMES)
def test_both_forms_of_the_working_set_solve_every_problem(form, name, layout, judge):
    A, y, options = data("wide", name)
    path = fit_path(build(layout, A), y, alphas=6, eps=0.05, **options)
    assert path.certified.all()
    # Sweeps take bounded columns without a penalty one by one: that claims up to three times the true gap.
    tight = form or name != "bounded_free"
    judge(A, y, path, (1, 5), tight=tight, **options)
    judge(A, y, fit(build(layout, A), y, path.alphas[4], **options), tight=tight, **options)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("shape", [(60, 150), (40, 800)])
def test_both_forms_agree_on_larger_faces(form, layout, dtype, shape, judge):
    A = exact_matrix(*shape, seed=4)
    y = target(A, seed=4)
    path = fit_path(build(layout, A, dtype=dtype), y, alphas=12, eps=0.01)
    assert path.df[-1] > 30
    assert path.certified.all()
    judge(A, y, path, (4, 11))


@pytest.mark.parametrize("name", ["weights", "factors_0_inf", "box", "enet", "ridge", "standardize_weights",
                                  "everything"])
def test_fista_agrees(name):
    A, y, options = data("tall", name)
    alpha = alphas_of(A, y, options)[1]
    coef, intercept, _ = fista(A, y, alpha, tol=1e-12, **options)
    found = fit(A, y, alpha, tol=1e-12, **options)
    np.testing.assert_allclose(found.coef, coef, atol=1e-5)
    assert found.intercept == pytest.approx(intercept, abs=1e-4)


# ---------------------------------------------------------------- what the numbers mean

@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("ridge")])
def test_alpha_max_is_where_the_first_penalised_coefficient_enters(shape, name, judge):
    A, y, options = data(shape, name)
    top = alpha_max(A, y, **options)
    penalised = np.broadcast_to(options.get("penalty_factor", 1.0), A.shape[1]) > 0
    above, below = (fit(A, y, share * top, tol=1e-13, **options) for share in (1 + 1e-8, 0.98))
    assert not above.coef[penalised].any()
    assert below.coef[penalised].any()
    judge(A, y, above, **options)


@pytest.mark.parametrize("name", NAMES)
def test_coefficients_keep_to_their_bounds_and_factors(name):
    A, y, options = data("wide", name)
    B = fit_path(A, y, alphas=12, eps=1e-2, **options).coefs.toarray().T
    assert (B >= options.get("lower", -math.inf)).all()
    assert (B <= options.get("upper", math.inf)).all()
    assert not B[:, np.isinf(np.broadcast_to(options.get("penalty_factor", 1.0), A.shape[1]))].any()


@pytest.mark.parametrize("name", NAMES)
def test_r2_intercepts_and_df_are_those_of_the_coefficients(name):
    A, y, options = data("tall", name)
    path = fit_path(A, y, alphas=6, **options)
    w = np.broadcast_to(options.get("sample_weight", 1.0), len(y)).astype(float)
    z = y - options.get("offset", 0.0)
    centre = np.average(z, weights=w) if options.get("fit_intercept", True) else 0.0
    fitted = path.predict(A, offset=0.0)
    rss = np.average((z[:, None] - fitted) ** 2, axis=0, weights=w)
    np.testing.assert_allclose(path.r2, 1 - rss / np.average((z - centre) ** 2, weights=w), atol=1e-9)
    np.testing.assert_array_equal(path.df, (path.coefs.toarray() != 0).sum(axis=0))
    if options.get("fit_intercept", True):
        np.testing.assert_allclose(np.average(z[:, None] - fitted, axis=0, weights=w), 0, atol=1e-12)
    else:
        assert not path.intercepts.any()


def test_standardize_is_the_fit_on_standardised_columns():
    A, y, _ = data("tall", "plain")
    w = np.arange(30) % 3 + 1.0
    keep = A.std(axis=0) > 0
    sd = np.sqrt(np.average((A - np.average(A, axis=0, weights=w)) ** 2, axis=0, weights=w))[keep]
    for l1_ratio in (1.0, 0.4):
        options = {"alphas": [0.3, 0.05], "l1_ratio": l1_ratio, "sample_weight": w, "tol": 1e-13}
        inside, outside = fit_path(A, y, standardize=True, **options), fit_path(A[:, keep] / sd, y, **options)
        np.testing.assert_allclose(inside.coefs.toarray()[keep], outside.coefs.toarray() / sd[:, None], atol=1e-8)
        assert not inside.coefs.toarray()[~keep].any()


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("layout", PLAIN)
def test_standardized_constant_columns_get_coefficient_zero(layout, intercept, judge):
    A = exact_matrix(20, 6)
    A[:, 1], A[:, 4] = 3.0, 0.1
    y, options = target(A), {"standardize": True, "fit_intercept": intercept}
    path = fit_path(build(layout, A), y, alphas=6, **options)
    assert not path.coefs.toarray()[[1, 2, 4]].any()
    judge(A, y, path, **options)


def test_penalty_factors_are_the_fit_on_scaled_columns():
    A, y, _ = data("wide", "plain")
    factor = 2.0 ** np.arange(-3, 77).clip(max=3)
    scaled = fit_path(A / factor, y, alphas=[0.1, 0.02], tol=1e-13)
    weighted = fit_path(A, y, alphas=[0.1, 0.02], penalty_factor=factor, tol=1e-13)
    np.testing.assert_allclose(weighted.coefs.toarray(), scaled.coefs.toarray() / factor[:, None], atol=1e-7)


def test_an_offset_is_taken_off_y():
    A, y, options = data("tall", "offset")
    shifted = fit_path(A, y, alphas=[0.2, 0.01], **options)
    plain = fit_path(A, y - options["offset"], alphas=[0.2, 0.01])
    np.testing.assert_allclose(shifted.coefs.toarray(), plain.coefs.toarray(), atol=1e-12)


# ---------------------------------------------------------------- scikit-learn

SKLEARN = {"max_iter": 200_000, "tol": 1e-13}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.3])
def test_scikit_learn_finds_the_same(l1_ratio, intercept, positive, weighted):
    A, y, _ = data("tall", "plain")
    w = np.arange(30) % 4 + 0.5 if weighted else None
    for alpha in (0.5, 0.05):
        common = {"fit_intercept": intercept, "positive": positive, **SKLEARN}
        peer = Lasso(alpha, **common) if l1_ratio == 1 else ElasticNet(alpha, l1_ratio=l1_ratio, **common)
        peer.fit(A, y, sample_weight=w)
        ours = fit(A, y, alpha, l1_ratio=l1_ratio, fit_intercept=intercept, sample_weight=w, tol=1e-13,
                   lower=0.0 if positive else -math.inf)
        np.testing.assert_allclose(ours.coef, peer.coef_, atol=1e-6)
        assert ours.intercept == pytest.approx(peer.intercept_, abs=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [True, False])
def test_ridge_is_scikit_learns_closed_form(intercept, weighted, shape):
    A, y, _ = data(shape, "plain")
    w = np.arange(len(y)) % 4 + 0.5 if weighted else np.ones(len(y))
    for alpha in (2.0, 0.05):
        peer = Ridge(alpha * w.sum(), fit_intercept=intercept, solver="cholesky").fit(A, y, sample_weight=w)
        ours = fit(A, y, alpha, l1_ratio=0.0, fit_intercept=intercept, sample_weight=w, tol=1e-13)
        np.testing.assert_allclose(ours.coef, peer.coef_, atol=1e-6)
        assert ours.intercept == pytest.approx(peer.intercept_, abs=1e-5)


def test_unpenalised_is_least_squares():
    A, y, _ = data("tall", "plain")
    A = np.delete(A, 2, axis=1)     # the zero column has no coefficient of its own
    exact = np.linalg.lstsq(np.column_stack([np.ones(30), A]), y, rcond=None)[0]
    for options in ({"alpha": 0.3, "penalty_factor": 0.0}, {"alpha": 0.0}, {"alpha": 0.0, "l1_ratio": 0.5}):
        found = fit(A, y, tol=1e-13, **options)
        np.testing.assert_allclose(np.r_[found.intercept, found.coef], exact, atol=1e-8)


# ---------------------------------------------------------------- a conic solver

@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["plain", "no_intercept", "factors_0_inf", "standardize_weights", "box", "enet_box",
                                  "everything"])
def test_a_conic_solver_reaches_no_lower(shape, name):
    A, y, options = data(shape, name)
    alpha = alphas_of(A, y, options)[1]
    found = fit(A, y, alpha, tol=STRICT, **options)
    ours = verify(A, y, found.coef, found.intercept, alpha=alpha, **options)
    *_, best = conic_solution(A, y, alpha, options)
    assert ours.primal == pytest.approx(best, abs=1e-7 * ours.null_objective)


@pytest.mark.parametrize(("l1_ratio", "standardize", "weighted"), list(product((0.0, 0.3, 1.0), (False, True),
                                                                            (False, True))))
@pytest.mark.parametrize("layout", PLAIN)
def test_long_paths_of_every_mix(layout, l1_ratio, standardize, weighted, judge):
    A = exact_matrix(60, 150, seed=3)
    y = target(A, seed=3)
    options = {"l1_ratio": l1_ratio, "standardize": standardize,
               "sample_weight": np.arange(60) % 5 + 0.25 if weighted else None}
    path = fit_path(build(layout, A), y, alphas=40, **options)
    assert path.certified.all()
    judge(A, y, path, (10, 39), **options)
