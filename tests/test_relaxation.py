"""The relaxed lasso: each refit is the least-squares solution on its support, each held-out error that of the blend."""

import numpy as np
import pytest
from layouts import PLAIN, build, exact_matrix, folds_of, spelled_out, target

from fastlasso import (
    ConvergenceWarning,
    Stage,
    cross_validate_path,
    cross_validate_relaxed,
    fit_path,
    fit_schedule,
    relaxed_path,
    stability_selection,
    verify,
)
from fastlasso.ways import going

SHAPES = {"tall": (80, 12), "wide": (50, 120)}
OPTIONS = {"plain": {}, "standardized": {"standardize": True}, "no_intercept": {"fit_intercept": False},
           "weighted": {"sample_weight": 1}, "factors": {"penalty_factor": 1}, "offset": {"offset": 1},
           "elastic_net": {"l1_ratio": 0.5}, "bounded": {"lower": -0.5, "upper": 1.5}, "positive": {"lower": 0.0}}


@pytest.fixture(params=SHAPES)
def data(request):
    A = exact_matrix(*SHAPES[request.param], seed=5)
    return A, target(A, seed=5)


def judged(A, y, path, options):
    """Every refit is a solution of the problem without penalty on its support."""
    rest = {name: value for name, value in options.items() if name not in ("penalty_factor", "l1_ratio", "standardize")}
    assert path.certified.all()
    for k in range(len(path)):
        used = path.lasso.fit_at(k).coef != 0
        true = verify(A, y, path.coef_at(k), path.intercept_at(k), alpha=1.0,
                      penalty_factor=np.where(used, 0.0, np.inf), **rest)
        assert true.relative_gap <= 1e-9, k
        assert set(np.flatnonzero(path.coef_at(k))) <= set(np.flatnonzero(used))


RESULTS = {
    "RelaxedPath": lambda X, y: relaxed_path(X, y, alphas=4),
    "RelaxedCV": lambda X, y: cross_validate_relaxed(X, y, alphas=4),
    "ScheduleFit": lambda X, y: fit_schedule(X, y, [Stage(0.5), Stage("bic", factor="adaptive", alphas=3)]),
    "StabilityPath": lambda X, y: stability_selection(X, y, n_pairs=2, alphas=3, random_state=0)}


@pytest.mark.parametrize("name", RESULTS)
def test_results_are_shown_in_a_line_and_compare_by_identity(name):
    A = exact_matrix(60, 12)
    result = RESULTS[name](A, target(A))
    assert repr(result).startswith(f"<{name}: ")
    assert len(repr(result)) < 150
    assert result in [result]
    assert result != RESULTS[name](A, target(A))


@pytest.mark.parametrize("name", OPTIONS)
def test_every_refit_is_least_squares_on_its_support(data, name):
    A, y = data
    options = spelled_out(OPTIONS[name], A)
    path = relaxed_path(A, y, alphas=12, eps=0.05, tol=1e-12, **options)
    judged(A, y, path, options)
    lasso = fit_path(A, y, alphas=12, eps=0.05, tol=1e-12, **options)
    np.testing.assert_allclose(path.lasso.coefs.toarray(), lasso.coefs.toarray(), atol=1e-7)


@pytest.mark.parametrize("name", ["plain", "weighted", "bounded"])
def test_the_same_without_a_gram_matrix(data, name):
    A, y = data
    options = spelled_out(OPTIONS[name], A)
    with going(gram_form=False, compress_features=0):
        path = relaxed_path(A, y, alphas=8, eps=0.1, **options)
    judged(A, y, path, options)


def test_phi_goes_from_the_refit_to_the_lasso(data):
    A, y = data
    path = relaxed_path(A, y, alphas=6, eps=0.1)
    lasso, refit = path.lasso.coefs.toarray(), path.coefs(0.0).toarray()
    np.testing.assert_array_equal(path.coefs(1.0).toarray(), lasso)
    np.testing.assert_allclose(path.coefs(0.3).toarray(), 0.3 * lasso + 0.7 * refit, atol=1e-12)
    np.testing.assert_allclose(path.predict(A, 0.3), A @ path.coefs(0.3).toarray()
                               + 0.3 * path.lasso.intercepts + 0.7 * path._blended(0.0).intercepts)
    np.testing.assert_array_equal(path.coef_at(4, 0.3), path.coefs(0.3).toarray()[:, 4])
    with pytest.raises(ValueError, match="phi =="):
        path.coefs(1.5)


@pytest.mark.parametrize("layout", PLAIN)
def test_layouts_give_the_same_refits(data, layout):
    A, y = data
    ours, dense = (relaxed_path(X, y, alphas=8, eps=0.1) for X in (build(layout, A), A))
    np.testing.assert_allclose(ours.coefs(0.0).toarray(), dense.coefs(0.0).toarray(), atol=1e-7)


def test_dependent_columns_and_supports_of_all_rows():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 30))
    X[:, 1] = X[:, 0]
    X[:, 3] = X[:, 0] + X[:, 2]
    y = X[:, 0] + X[:, 2] + 0.3 * rng.standard_normal(20)
    factor = np.where(np.arange(30) < 4, 0.0, 1.0)
    path = relaxed_path(X, y, alphas=30, eps=1e-3, penalty_factor=factor, max_r2=0.999)
    judged(X, y, path, {})
    used = [np.flatnonzero(path.lasso.fit_at(k).coef) for k in range(len(path))]
    for k, cols in enumerate(used):
        best = np.linalg.lstsq(np.column_stack([np.ones(20), X[:, cols]]), y, rcond=None)[0]
        fitted = best[0] + X[:, cols] @ best[1:]
        np.testing.assert_allclose(path.predict(X)[:, k], fitted, atol=1e-6)


def test_a_path_may_end_early(data):
    A, y = data
    path = relaxed_path(A, y, dfmax=3)
    assert len(path) == len(path.refit_residuals) < 100
    judged(A, y, path, {})


@pytest.mark.parametrize("name", ["plain", "weighted", "offset", "elastic_net"])
def test_held_out_errors_are_those_of_the_blends(data, name):
    A, y = data
    options, splits, phis = spelled_out(OPTIONS[name], A), folds_of(len(y)), [0.0, 0.1, 0.6, 1.0]
    cv = cross_validate_relaxed(A, y, phis=phis, cv=splits, alphas=8, eps=0.1, **options)
    assert cv.errors.shape == (8, 4, len(splits))
    rows = {key: value for key, value in options.items() if key in ("sample_weight", "offset")}
    rest = {key: value for key, value in options.items() if key not in rows}
    for f, (train, test) in enumerate(splits):
        alone = relaxed_path(A[train], y[train], alphas=cv.alphas, **rest,
                             **{key: value[train] for key, value in rows.items()})
        w, offset = (rows[key][test] if key in rows else None for key in ("sample_weight", "offset"))
        for j, phi in enumerate(phis):
            residual = y[test][:, None] - alone.predict(A[test], phi, offset)
            np.testing.assert_allclose(cv.errors[:, j, f], np.average(residual**2, axis=0, weights=w), rtol=1e-5)
        chosen = alone.predict(A[test], cv.phi, offset)[:, cv.index[0]]
        np.testing.assert_allclose(cv.oof_predictions[test], chosen, atol=1e-5)
    np.testing.assert_allclose(cv.predict(A, offset=0.0), A @ cv.coef + cv.intercept)
    np.testing.assert_array_equal(cv.coef, cv.path.coef_at(cv.index[0], cv.phi))


def test_phi_one_is_the_cross_validated_lasso(data):
    A, y = data
    ours = cross_validate_relaxed(A, y, phis=[1.0], cv=4, alphas=12)
    lasso = cross_validate_path(A, y, cv=4, alphas=12)
    np.testing.assert_allclose(ours.errors[:, 0], lasso.errors, rtol=1e-6)
    assert ours.alpha == lasso.alpha
    np.testing.assert_allclose(ours.coef, lasso.coef, atol=1e-8)


def test_the_rules(data):
    A, y = data
    best, simple = (cross_validate_relaxed(A, y, cv=5, alphas=20, rule=rule) for rule in ("min", "1se"))
    mean = best.mean_error
    assert mean[best.index] == mean.min()
    bar = mean.min() + best.standard_error[best.index]
    row, at = simple.index
    assert (mean[:row] > bar).all()
    assert mean[row, at] == mean[row].min() <= bar
    assert row <= best.index[0]


@pytest.mark.parametrize(("bad", "words"), [({"phis": [0.5, 1.1]}, "phis =="), ({"rule": "best"}, "rule must be"),
                                            ({"phis": []}, "phis is empty"), ({"cv": None}, "cv must be"),
                                            ({"cv": True}, "cv must be")])
def test_bad_input(data, bad, words):
    with pytest.raises((TypeError, ValueError), match=words):
        cross_validate_relaxed(*data, **bad)


def test_refits_that_miss_the_promise_are_told(data):
    for call in (relaxed_path, cross_validate_relaxed):
        with pytest.warns(ConvergenceWarning, match="refits miss the normal equations; worst: at alpha="):
            call(*data, alphas=4, eps=0.1, tol=0.0)


def test_the_refit_takes_the_shrinkage_away():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 400))
    truth = np.zeros(400)
    truth[:5] = 3, -3, 2, -2, 2
    y = X @ truth + rng.standard_normal(200)
    lasso = cross_validate_path(X, y, cv=5, random_state=0, alphas=50, eps=0.02)
    relaxed = cross_validate_relaxed(X, y, cv=5, random_state=0, alphas=50, eps=0.02)
    assert relaxed.phi < 0.5
    assert np.count_nonzero(relaxed.coef) < 0.5 * np.count_nonzero(lasso.coef)
    assert np.abs((relaxed.coef - truth)[:5]).max() < 0.7 * np.abs((lasso.coef - truth)[:5]).max()
    assert np.linalg.norm(relaxed.coef - truth) < 0.7 * np.linalg.norm(lasso.coef - truth)
