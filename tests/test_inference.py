"""Inference after selection: the rigorous alpha, post-lasso, double selection, `LassoIC`.

tests/data/growth.npz is the table of R. Barro and J.-W. Lee (1994) as the R package hdm ships it (tests/data/README.md:
90 countries, growth of GDP per head, its initial level, 60 controls); hdm's vignette prints estimates and standard
errors for it.
"""

import sys
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas
import pytest
from scipy import sparse
from sklearn.linear_model import LassoLarsIC
from sklearn.utils.estimator_checks import parametrize_with_checks

from fastlasso import (
    LassoIC,
    convert,
    double_selection,
    fit,
    fit_path,
    open_dataset,
    plugin_alpha,
    post_lasso,
)
from fastlasso.inference.data import Regression
from fastlasso.inference.plugin import Columns

LOADINGS = ("heteroskedastic", "homoskedastic")


@pytest.fixture(scope="module")
def growth():
    with np.load(Path(__file__).parent / "data" / "growth.npz") as stored:
        table = pandas.DataFrame(stored["table"], columns=stored["names"].tolist())
    return table.iloc[:, 3:], table["Outcome"], table["gdpsh465"]


@pytest.fixture
def data():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((90, 40)) + 3
    d = X[:, 0] + rng.standard_normal(90)
    y = 0.5 * d + X[:, 0] - X[:, 1] + rng.standard_normal(90) * (1 + np.abs(X[:, 1] - 3))
    return X, y, d, rng.uniform(0.5, 2, 90), np.repeat(np.arange(18), 5)


# ---- published figures

def test_double_selection_gives_the_published_figures_of_hdm(growth):
    """Estimate -0.05001, standard error 0.01579. Ours is HC1 with n - k in place of hdm's n - (number selected) - 1."""
    pytest.importorskip("statsmodels")
    X, y, d = growth
    result = double_selection(X, y, d)
    n, k = len(y), len(result.support)
    assert result.coef[0] == pytest.approx(-0.05001, abs=5e-6)
    assert result.standard_errors[0] * np.sqrt((n - k - 2) / (n - k - 1)) == pytest.approx(0.01579, abs=5e-6)
    assert result.names[:2] == ["const", "gdpsh465"]
    assert "gdpsh465" in result.summary()


def test_least_squares_on_everything_gives_the_published_figures(growth):
    """rule=0 keeps all 60 controls: -0.009378 with standard error 0.02989."""
    pytest.importorskip("statsmodels")
    X, y, d = growth
    result = double_selection(X, y, d, penalty_factor=np.r_[np.zeros(59), 1.0], rule=0.0, cov_type="nonrobust")
    assert result.coef[0] == pytest.approx(-0.009378, abs=5e-7)
    assert result.standard_errors[0] == pytest.approx(0.02989, abs=5e-6)


# ---- the rigorous alpha

@pytest.mark.parametrize("loadings", LOADINGS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("refit", [False, True])
def test_the_rigorous_alpha_solves_its_own_equation(data, loadings, weighted, refit):
    """The loadings are those that the residuals of the last fit give, by the formulas of the module."""
    X, y, _, w, _ = data
    w = w if weighted else None
    found = plugin_alpha(X, y, loadings=loadings, sample_weight=w, refit=refit, penalty_factor=[0, *[1] * 38, np.inf])
    n, shares = len(y), np.ones(len(y)) if w is None else w / w.mean()
    assert found.alpha == pytest.approx(1.1 / np.sqrt(n) * NormalDist().inv_cdf(1 - 0.1 / np.log(n) / (2 * 38)))
    lasso = fit(X, y, found.alpha, penalty_factor=found.penalty_factor, sample_weight=w, tol=1e-10)
    np.testing.assert_allclose(lasso.coef, found.lasso.coef, atol=1e-5)
    used = np.union1d(np.flatnonzero(lasso.coef), [0])
    root = np.sqrt(shares)[:, None]
    project = lambda Z, v: v - Z @ np.linalg.lstsq(root * Z, root[:, 0] * v, rcond=None)[0]      # noqa: E731
    ones = np.ones((n, 1))
    e = project(np.hstack([ones, X[:, used]]), y) if refit else y - lasso.predict(X)
    for j in (1, 20, 38):
        x = project(np.hstack([ones, X[:, :1]]), X[:, j])
        expected = (np.mean(shares**2 * x**2 * e**2) if loadings == "heteroskedastic"
                    else np.mean(shares * x**2) * np.mean(shares * e**2))
        assert found.penalty_factor[j] == pytest.approx(np.sqrt(expected), rel=1e-4)
    assert found.penalty_factor[0] == 0
    assert found.penalty_factor[39] == np.inf


@pytest.mark.parametrize("shift", [0.0, 1e7])
def test_squares_of_columns_less_their_projection(data, shift):
    """Sparse ones are expanded, which cancels where columns are far from zero: these are made dense."""
    X, y, _, w, _ = data
    far, a = X + shift, y**2
    root = np.sqrt(w)[:, None]
    Z = np.column_stack([np.ones(90), far[:, 0] - far[:, 0].mean()])
    own = far[:, 1:] - far[:, 1:].mean(axis=0)
    expected = a @ (own - Z @ np.linalg.lstsq(root * Z, root * own, rcond=None)[0]) ** 2
    for given in (far, sparse.csr_array(far)):
        columns = Columns(Regression.checked(given, w, None, [0, *[1] * 39], True), np.arange(1, 40))
        np.testing.assert_allclose(columns.squares(a), expected, rtol=1e-6)


def test_clusters_count_scores_of_a_cluster_together(data):
    X, y, _, _, groups = data
    found = plugin_alpha(X, y, groups=groups)
    used = np.flatnonzero(found.lasso.coef)
    Z = np.column_stack([np.ones(len(y)), X[:, used]])
    e = y - Z @ np.linalg.lstsq(Z, y, rcond=None)[0]
    scores = (X[:, 7] - X[:, 7].mean()) * e
    expected = sum(scores[groups == g].sum() ** 2 for g in range(18)) / len(y)
    assert found.penalty_factor[7] == pytest.approx(np.sqrt(expected), rel=1e-4)
    alone = plugin_alpha(X, y, groups=np.arange(len(y)))
    np.testing.assert_allclose(alone.penalty_factor, plugin_alpha(X, y).penalty_factor)


def test_the_rigorous_alpha_does_not_depend_on_units_storage_or_blocks(data, monkeypatch):
    X, y, _, w, groups = data
    first = plugin_alpha(X, y, sample_weight=w)
    scaled = plugin_alpha(X * 1000, y * 7, sample_weight=3 * w)
    np.testing.assert_allclose(scaled.penalty_factor, first.penalty_factor * 7000, rtol=1e-5)
    monkeypatch.setattr("fastlasso.inference.data.BLOCK", 200)
    for given in (sparse.csr_array(X), sparse.csc_matrix(X), pandas.DataFrame(X), np.asfortranarray(X)):
        found = plugin_alpha(given, y, sample_weight=w)
        np.testing.assert_allclose(found.penalty_factor, first.penalty_factor, rtol=1e-5)
    rows = np.r_[np.arange(90), 3]
    zero = plugin_alpha(X[rows], y[rows], sample_weight=np.r_[w, 0], groups=np.r_[groups, 0])
    np.testing.assert_allclose(zero.penalty_factor, plugin_alpha(X, y, sample_weight=w, groups=groups).penalty_factor,
                               rtol=1e-5)


@pytest.mark.parametrize("loadings", LOADINGS)
def test_columns_that_are_made_up_already_are_never_used(data, loadings):
    """A constant, and a copy of a control that is kept: their loadings are rounding, and must not free them."""
    X, y, *_ = data
    X = np.column_stack([X, np.full(90, 3.7), 2 * X[:, 0] + 1])
    found = plugin_alpha(X, y, loadings=loadings, penalty_factor=[0, *[1] * 41])
    assert found.penalty_factor[-2:].tolist() == [np.inf, np.inf]
    assert found.penalty_factor[0] == 0
    np.testing.assert_array_equal(found.lasso.coef[-2:], 0)


@pytest.mark.parametrize("loadings", LOADINGS)
def test_y_without_noise_selects_no_more_than_it_is_made_of(data, loadings):
    X = data[0]
    assert np.flatnonzero(plugin_alpha(X, 2 * X[:, 4] - X[:, 9] + 1, loadings=loadings).lasso.coef).tolist() == [4, 9]


@pytest.mark.parametrize("loadings", LOADINGS)
def test_noise_alone_is_seldom_selected(loadings):
    """Of 100 samples without a signal at most a few select a column; gamma promises 0.1 / log(80) = 2.3 %."""
    rng = np.random.default_rng(0)
    selected = 0
    for _ in range(100):
        X = rng.standard_normal((80, 30))
        e = rng.standard_normal(80) * (1 if loadings == "homoskedastic" else np.abs(X[:, 0]))
        selected += plugin_alpha(X, e, loadings=loadings).lasso.coef.any()
    assert selected <= 9


@pytest.mark.parametrize(("arguments", "message"), [
    ({"loadings": "robust"}, "loadings must be one of"), ({"c": 0.0}, "c == 0"), ({"gamma": 1.5}, "gamma == 1.5"),
    ({"penalty_factor": np.zeros(40)}, "a column with a penalty"),
    ({"penalty_factor": [1]}, "penalty_factor must have"),
    ({"groups": np.zeros(90)}, "one value alone"), ({"sample_weight": -np.ones(90)}, "negative")])
def test_bad_arguments_of_the_rigorous_alpha(data, arguments, message):
    with pytest.raises(ValueError, match=message):
        plugin_alpha(*data[:2], **arguments)


# ---- post-lasso

@pytest.mark.parametrize("rule", ["plugin", "aic", "bic", "ebic", "min", "1se", 0.4])
def test_post_lasso_is_least_squares_on_what_the_lasso_keeps(data, rule):
    sm = pytest.importorskip("statsmodels.api")
    X, y, _, w, _ = data
    v = np.ones(40)
    v[[5, 9]] = 0
    result = post_lasso(pandas.DataFrame(X).add_prefix("c"), y, rule=rule, sample_weight=w, penalty_factor=v, cv=4)
    assert {5, 9} <= set(result.support)
    np.testing.assert_array_equal(result.support, np.union1d(np.flatnonzero(result.lasso.coef), [5, 9]))
    peer = sm.WLS(y, sm.add_constant(X[:, result.support]), w).fit(cov_type="HC1")
    np.testing.assert_allclose([result.intercept, *result.coef[result.support]], peer.params)
    np.testing.assert_allclose(result.standard_errors, peer.bse)
    np.testing.assert_allclose(result.conf_int(0.9), peer.conf_int(0.1))
    assert result.names == ["const", *(f"c{j}" for j in result.support)]
    np.testing.assert_allclose(result.predict(sparse.csr_array(X)), peer.fittedvalues)


def test_rules_choose_the_alphas_of_the_path(data):
    X, y, *_ = data
    path = fit_path(X, y)
    for rule in ("aic", "bic", "ebic"):
        assert post_lasso(X, y, rule=rule).lasso.alpha == pytest.approx(path.alphas[path.select(rule)])


@pytest.mark.parametrize("rule", ["bic", "ebic"])
def test_criteria_do_not_choose_a_saturated_fit(rule):
    """300 columns on 60 rows, two of them with a say."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 300))
    y = 2 * X[:, 4] - 2 * X[:, 9] + rng.standard_normal(60)
    result = post_lasso(X, y, rule=rule)
    assert {4, 9} <= set(result.support)
    assert len(result.support) <= 30


def test_clustered_errors_and_those_asked_for(data):
    sm = pytest.importorskip("statsmodels.api")
    X, y, _, _, groups = data
    result = post_lasso(X, y, groups=groups)
    model = sm.OLS(y, sm.add_constant(X[:, result.support]))
    np.testing.assert_allclose(result.standard_errors,
                               model.fit(cov_type="cluster", cov_kwds={"groups": groups}).bse)
    plain = post_lasso(X, y, loadings="homoskedastic")
    assert plain.cov_type == "nonrobust"
    with pytest.raises(ValueError, match="needs groups"):
        _ = post_lasso(X, y, cov_type="cluster").ols


def test_without_statsmodels_there_are_estimates_but_no_errors(data, monkeypatch):
    X, y, d, *_ = data
    monkeypatch.setitem(sys.modules, "statsmodels.regression.linear_model", None)
    assert np.isfinite(double_selection(X, y, d).coef).all()
    with pytest.raises(ImportError, match=r"fastlasso\[inference\]"):
        _ = post_lasso(X, y).standard_errors


@pytest.mark.parametrize(("arguments", "error"), [({"rule": "best"}, ValueError), ({"rule": -1.0}, ValueError),
                                                  ({"rule": None}, TypeError), ({"loadings": "x"}, ValueError)])
def test_bad_arguments_of_post_lasso(data, arguments, error):
    with pytest.raises(error, match=next(iter(arguments))):
        post_lasso(*data[:2], **arguments)


# ---- double selection

def test_double_selection_takes_the_union_and_several_effects(data):
    sm = pytest.importorskip("statsmodels.api")
    X, y, d, w, _ = data
    d2 = X[:, 3] + np.cos(np.arange(90.0))
    result = double_selection(X, y, pandas.DataFrame({"dose": d, "other": d2}), sample_weight=w,
                              penalty_factor=[*[1] * 39, 0])
    assert 0 in result.support_d[0]
    assert 3 in result.support_d[1]
    union = np.unique(np.concatenate([result.support_y, *result.support_d, [39]]))
    np.testing.assert_array_equal(result.support, union)
    peer = sm.WLS(y, sm.add_constant(np.column_stack([d, d2, X[:, union]])), w).fit(cov_type="HC1")
    np.testing.assert_allclose(result.coef, peer.params[1:3])
    np.testing.assert_allclose(result.standard_errors, peer.bse[1:3])
    np.testing.assert_allclose(result.pvalues, peer.pvalues[1:3])
    assert result.names == ["const", "dose", "other", *(f"x{j + 1}" for j in union)]
    assert "dose=" in repr(result)


@pytest.mark.parametrize("d", [np.ones((3, 1)), np.full(90, np.nan), np.ones((90, 0))])
def test_bad_treatments(data, d):
    with pytest.raises(ValueError, match="d "):
        double_selection(*data[:2], d)


def confounded(rng, n=100, p=60):
    """A treatment of effect 0.5 whose confounders matter more to it than to y; the errors' size depends on X."""
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = 0.5 * X[:, j - 1] + np.sqrt(0.75) * X[:, j]
    d = X[:, :3] @ [1.0, 0.8, 0.6] + rng.standard_normal(n)
    y = 0.5 * d + X[:, :3] @ [0.15, 0.12, 0.1] + np.exp(0.3 * X[:, 0]) * rng.standard_normal(n)
    return X, y, d


def test_intervals_cover_the_truth_as_often_as_they_say():
    """95 % intervals of 100 samples hold the effect 0.88 of the time or more; after selecting for y alone, seldom."""
    pytest.importorskip("statsmodels")
    rng, double, single = np.random.default_rng(1), [], []
    for k in range(100):
        X, y, d = confounded(rng)
        low, high = double_selection(X, y, d).conf_int()[0]
        double.append(low <= 0.5 <= high)
        if k < 40:
            alone = post_lasso(np.column_stack([d, X]), y, penalty_factor=[0, *[1] * X.shape[1]])
            low, high = alone.conf_int()[1]
            single.append(low <= 0.5 <= high)
    assert 0.88 <= np.mean(double) <= 1.0
    assert np.mean(single) <= 0.7


# ---- LassoIC

@parametrize_with_checks([LassoIC(), LassoIC("ebic", standardize=True), LassoIC("aic", positive=True)])
def test_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("criterion", ["aic", "bic"])
def test_lasso_ic_minimises_its_criterion(data, criterion):
    """On its alphas the criterion is the profile likelihood's, and the choice is its smallest value."""
    X, y, *_ = data
    peer = LassoLarsIC(criterion=criterion).fit(X, y)
    model = LassoIC(criterion, alphas=np.append(peer.alphas_[peer.alphas_ > 0], 1e-3), tol=1e-10).fit(X, y)
    n = len(y)
    residuals = y[:, None] - model.path_.predict(X)
    expected = n * np.log((residuals**2).mean(axis=0)) + (2 if criterion == "aic" else np.log(n)) * model.path_.df
    shift = model.criterion_ - expected
    np.testing.assert_allclose(shift, shift[0], atol=1e-6)
    assert model.alpha_ == model.alphas_[np.argmin(expected)]
    np.testing.assert_allclose(model.coef_, fit(X, y, model.alpha_, tol=1e-10).coef, atol=1e-6)


def test_lasso_ic_checks_its_parameters(data):
    for wrong in ({"criterion": "cv"}, {"gamma": -1.0}, {"alphas": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            LassoIC(**wrong).fit(*data[:2])
    assert LassoIC("ebic", gamma=5.0).fit(*data[:2]).path_.df.max() >= np.count_nonzero(
        LassoIC("ebic", gamma=5.0).fit(*data[:2]).coef_)


# ---- what cannot be told

@pytest.mark.parametrize("kind", ["a copy of a control", "twice", "constant"])
def test_an_effect_that_cannot_be_told_is_an_error(kind, data):
    X, y, d, *_ = data
    X = np.column_stack([X, d]) if kind == "a copy of a control" else X
    d = {"twice": np.column_stack([d, d]), "constant": np.ones(90)}.get(kind, d)
    with pytest.raises(ValueError, match="cannot be told"):
        double_selection(X, y + 3 * X[:, -1], d)


def test_post_lasso_predicts_by_name(data):
    X = pandas.DataFrame(data[0], columns=[f"c{j}" for j in range(40)])
    result = post_lasso(X, data[1])
    np.testing.assert_array_equal(result.predict(X), result.predict(X[X.columns[::-1]]))
    with pytest.raises(ValueError, match="missing: 'c0'"):
        result.predict(X.drop(columns="c0"))


@pytest.mark.parametrize("missing", [np.nan, None])
def test_a_missing_cluster_is_an_error(missing, data):
    groups = np.array([missing] * 5 + list(range(85)), object if missing is None else float)
    for call in (post_lasso, plugin_alpha):
        with pytest.raises(ValueError, match=r"NaN|missing"):
            call(data[0], data[1], groups=groups)


def test_a_tiny_probability():
    X = np.random.default_rng(0).standard_normal((60, 6))
    assert plugin_alpha(X, X[:, 0], gamma=1e-20).alpha > plugin_alpha(X, X[:, 0], gamma=1e-3).alpha


@pytest.mark.parametrize("call", [post_lasso, plugin_alpha, lambda X, y: double_selection(X, y, y)])
def test_mapped_data_are_refused(call, data, tmp_path):
    np.save(tmp_path / "X.npy", data[0])
    convert(tmp_path / "X.npy", tmp_path / "folder")
    with pytest.raises(TypeError, match="needs X in memory"):
        call(open_dataset(tmp_path / "folder").X, data[1])
