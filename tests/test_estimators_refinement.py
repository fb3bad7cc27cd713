"""The estimators that prune and refine: scikit-learn's own checks, and the functions they stand for as the peer."""

import pickle
import re

import numpy as np
import pytest
import sklearn
from layouts import PLAIN, build, exact_matrix, target
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning as PeerWarning, NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastlasso
from fastlasso import (
    AdaptiveLasso,
    AdaptiveLassoCV,
    RelaxedLasso,
    RelaxedLassoCV,
    ReweightedLasso,
    ReweightedLassoCV,
    StabilitySelection,
    Stage,
    TwoStageLasso,
    verify,
)

FIXED = [AdaptiveLasso(0.1), ReweightedLasso(0.1), RelaxedLasso(0.1, phi=0.5), TwoStageLasso()]
CV = [AdaptiveLassoCV(alphas=20), ReweightedLassoCV(alphas=20, eps=0.1), RelaxedLassoCV(alphas=20)]
REGRESSORS = FIXED + CV
SELECTOR = StabilitySelection(n_pairs=5, random_state=0)


def name_of(estimator):
    return type(estimator).__name__


@pytest.fixture(scope="module")
def data():
    A = exact_matrix(60, 12, seed=8)
    return A, target(A, seed=8)


@parametrize_with_checks([AdaptiveLasso(), AdaptiveLassoCV(alphas=20), ReweightedLasso(),
                          ReweightedLassoCV(alphas=8, eps=0.1), RelaxedLasso(), RelaxedLassoCV(alphas=20),
                          TwoStageLasso(), StabilitySelection(n_pairs=5),
                          AdaptiveLasso(pilot="ridge", pilot_alpha=0.1, positive=True),
                          ReweightedLasso(penalty="log", standardize=True)])
def test_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


# ---------------------------------------------------------------- each is its function

OPTIONS = {"fit_intercept": False, "standardize": True, "tol": 1e-7, "max_iter": 5000}
PAIRS = {
    "AdaptiveLasso": ({"alpha": 0.2, "pilot": "ridge", "pilot_alpha": 0.3, "gamma": 0.5},
                      lambda X, y, w, o: fastlasso.adaptive_path(X, y, pilot="ridge", pilot_alpha=0.3, gamma=0.5,
                                                                 alphas=[0.2], sample_weight=w, **o).fit_at(0)),
    "ReweightedLasso": ({"alpha": 0.2, "penalty": "lq", "gamma": 2.0, "q": 0.3},
                        lambda X, y, w, o: fastlasso.reweighted_path(X, y, penalty="lq", gamma=2.0, q=0.3, alphas=[0.2],
                                                                     sample_weight=w, **o).fit_at(0)),
    "AdaptiveLassoCV": ({"pilot": "marginal", "alphas": 9, "eps": 0.01, "rule": "1se", "cv": 3},
                        lambda X, y, w, o: fastlasso.cross_validate_adaptive(
                            X, y, pilot="marginal", alphas=9, eps=0.01, rule="1se", cv=3, random_state=None,
                            sample_weight=w, **o)),
    "ReweightedLassoCV": ({"penalty": "scad", "alphas": 9, "eps": 0.1, "cv": 3},
                          lambda X, y, w, o: fastlasso.cross_validate_reweighted(
                              X, y, penalty="scad", alphas=9, eps=0.1, cv=3, random_state=None,
                            sample_weight=w, **o)),
    "RelaxedLassoCV": ({"phis": [0.0, 0.7], "alphas": 9, "eps": 0.1, "rule": "1se", "cv": 3},
                       lambda X, y, w, o: fastlasso.cross_validate_relaxed(
                           X, y, phis=[0.0, 0.7], alphas=9, eps=0.1, rule="1se", cv=3, random_state=None,
                            sample_weight=w, **o)),
    "TwoStageLasso": ({"prune": "bic", "refine": "min", "l1_ratio": 0.5, "factor": "adaptive", "cv": 4},
                      lambda X, y, w, o: fastlasso.fit_schedule(
                          X, y, [Stage("bic"), Stage("min", l1_ratio=0.5, factor="adaptive")], cv=4, random_state=None,
                          sample_weight=w, **o)),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", PAIRS)
def test_an_estimator_is_its_function(data, name, weighted):
    A, y = data
    w = np.arange(len(y)) % 3 + 0.5 if weighted else None
    parameters, function = PAIRS[name]
    factor = 1.0 + np.arange(A.shape[1]) % 2
    model = getattr(fastlasso, name)(**parameters, **OPTIONS, positive=True, penalty_factor=factor)
    model.fit(A, y, sample_weight=w)
    peer = function(A, y, w, OPTIONS | {"lower": 0.0, "penalty_factor": factor})
    np.testing.assert_array_equal(model.coef_, peer.coef)
    assert model.intercept_ == peer.intercept == 0.0
    np.testing.assert_allclose(model.predict(A), A @ peer.coef)
    if name.endswith("CV"):
        np.testing.assert_array_equal(model.mse_path_, peer.errors)
        assert model.alpha_ == peer.alpha


@pytest.mark.parametrize("phi", [0.0, 0.4, 1.0])
def test_relaxed_lasso_is_the_blend(data, phi):
    A, y = data
    path = fastlasso.relaxed_path(A, y, alphas=[0.2])
    model = RelaxedLasso(0.2, phi=phi).fit(A, y)
    np.testing.assert_array_equal(model.coef_, path.coef_at(0, phi))
    assert model.intercept_ == path.intercept_at(0, phi)
    assert model.refit_residual_ == path.refit_residuals[0] < 1e-12


def test_two_stages_may_be_any_stages(data):
    A, y = data
    stages = [Stage(0.3), Stage(0.2, factor="adaptive"), Stage(0.0, factor="support")]
    model = TwoStageLasso(stages=stages).fit(A, y)
    assert model.alphas_ == [0.3, 0.2, 0.0]
    np.testing.assert_array_equal(model.coef_, fastlasso.fit_schedule(A, y, stages).coef)


def test_what_is_kept_can_be_verified(data):
    A, y = data
    for model in (AdaptiveLasso(0.1, pilot_alpha=0.1), ReweightedLasso(0.1)):
        model.fit(A, y)
        true = verify(A, y, model.coef_, model.intercept_, alpha=0.1, penalty_factor=model.penalty_factor_)
        assert true.relative_gap <= 1e-6
        assert true.gap <= 1.02 * model.dual_gap_ + 1e-9 * true.null_objective


# ---------------------------------------------------------------- in company


@pytest.mark.parametrize("estimator", REGRESSORS, ids=name_of)
def test_company(data, estimator):
    A, y = data
    model = clone(estimator).fit(A, y)
    selected = SelectFromModel(clone(estimator)).fit(A, y)
    np.testing.assert_array_equal(selected.get_support(), np.abs(model.coef_) > 1e-5)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(A), model.predict(A))
    assert make_pipeline(selected, LinearRegression()).fit(A, y).score(A, y) > 0.5
    assert model.sparse_coef_.shape == (1, A.shape[1])


def test_grid_search(data):
    A, y = data
    search = GridSearchCV(RelaxedLasso(), {"alpha": [0.05, 0.2], "phi": [0.0, 1.0]}, cv=3).fit(A, y)
    assert search.best_params_["alpha"] in (0.05, 0.2)


@pytest.mark.parametrize("estimator", [*REGRESSORS, SELECTOR], ids=name_of)
@pytest.mark.parametrize("layout", PLAIN)
def test_layouts(data, estimator, layout):
    A, y = data
    X = build(layout, A)
    ours, dense = clone(estimator).fit(X, y), clone(estimator).fit(A, y)
    if hasattr(ours, "coef_"):
        np.testing.assert_allclose(ours.coef_, dense.coef_, atol=1e-7)
    else:
        np.testing.assert_array_equal(ours.get_support(), dense.get_support())
    single = clone(estimator).fit(A.astype(np.float32), y)
    assert not hasattr(single, "coef_") or single.coef_.dtype == np.float32


@pytest.mark.parametrize("estimator", [*REGRESSORS, SELECTOR], ids=name_of)
def test_results_do_not_depend_on_threads(data, estimator):
    A, y = data
    one, three = (clone(estimator).set_params(n_jobs=k).fit(A, y) for k in (1, 3))
    for name in ("coef_", "scores_"):
        np.testing.assert_array_equal(getattr(one, name, 0), getattr(three, name, 0))


@pytest.mark.parametrize("estimator", [*CV, TwoStageLasso(), AdaptiveLasso(0.1)], ids=name_of)
def test_splitters_and_groups(data, estimator):
    A, y = data
    splitter = KFold(4, shuffle=True, random_state=0)
    by_splitter = clone(estimator).set_params(cv=splitter).fit(A, y)
    by_list = clone(estimator).set_params(cv=list(splitter.split(A))).fit(A, y)
    np.testing.assert_array_equal(by_splitter.coef_, by_list.coef_)
    groups = np.arange(len(y)) % 6
    by_list = clone(estimator).set_params(cv=list(GroupKFold(3).split(A, y, groups))).fit(A, y)
    by_groups = clone(estimator).set_params(cv=GroupKFold(3)).fit(A, y, groups=groups)
    np.testing.assert_array_equal(by_groups.coef_, by_list.coef_)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = clone(estimator).set_params(cv=GroupKFold(3).set_split_request(groups=True)).fit(A, y, groups=groups)
    np.testing.assert_array_equal(routed.coef_, by_list.coef_)


# ---------------------------------------------------------------- help


@pytest.mark.parametrize("name", [*PAIRS, "RelaxedLasso", "StabilitySelection", "Lasso", "ElasticNet", "LassoCV",
                                  "ElasticNetCV"])
def test_help_says_something_of_every_parameter_and_attribute(data, name):
    model = getattr(fastlasso, name)()
    model.fit(*data)
    described = set(re.findall(r"\w+", " ".join(re.findall(r"^(\w+(?:, \w+)*)(?: : .*)?\n", model.__doc__, re.M))))
    fitted = {attribute for attribute in vars(model) if attribute.endswith("_")}
    assert set(model.get_params()) | fitted <= described
    assert "As in" not in model.__doc__
    assert "not fitted" in model.fit.__doc__


# ---------------------------------------------------------------- errors

BAD = [
    (AdaptiveLasso, {"alpha": -1.0}, "alpha"), (AdaptiveLasso, {"pilot": "ols"}, "pilot"),
    (AdaptiveLasso, {"pilot_alpha": "best"}, "pilot_alpha"), (AdaptiveLassoCV, {"gamma": -1}, "gamma"),
    (AdaptiveLassoCV, {"rule": "best"}, "rule"), (ReweightedLasso, {"penalty": "l1"}, "penalty"),
    (ReweightedLasso, {"gamma": 0.0}, "gamma"), (ReweightedLasso, {"gamma": 0.5}, "gamma"),
    (ReweightedLassoCV, {"max_steps": 0}, "max_steps"), (ReweightedLassoCV, {"penalty": "mcp", "q": 0.5}, "q belongs"),
    (RelaxedLasso, {"phi": 1.5}, "phi"), (RelaxedLassoCV, {"phis": 0.5}, "phis"),
    (RelaxedLassoCV, {"phis": [2.0]}, "phis"), (TwoStageLasso, {"prune": "best"}, "prune"),
    (TwoStageLasso, {"factor": "half"}, "factor"), (TwoStageLasso, {"stages": [0.1]}, "stages"),
    (StabilitySelection, {"threshold": 0.0}, "threshold"), (StabilitySelection, {"n_pairs": 1.5}, "n_pairs"),
    (StabilitySelection, {"max_false": 1e-9, "n_pairs": 2, "random_state": 0}, "error bound"),
]


@pytest.mark.parametrize(("kind", "parameters", "words"), BAD)
def test_a_fit_that_fails_leaves_the_estimator_unfitted(data, kind, parameters, words):
    A, y = data
    model = kind(**{"random_state": 0} if kind is StabilitySelection else {}).fit(A, y)
    model.set_params(**parameters)
    with pytest.raises((ValueError, TypeError), match=words):
        model.fit(A, y)
    assert not [name for name in vars(model) if name.endswith("_")]
    with pytest.raises(NotFittedError):
        model.predict(A) if hasattr(model, "predict") else model.transform(A)


def test_warnings_are_scikit_learns_too(data):
    A, y = data
    with pytest.warns(PeerWarning, match="factors have not settled"):
        ReweightedLassoCV(max_steps=1, alphas=10).fit(A, y)


def test_the_columns_that_are_true_are_found_again():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((150, 300))
    truth = np.zeros(300)
    truth[[5, 50, 120]] = 2, -2, 1.5
    y = X @ truth + rng.standard_normal(150)
    selector = StabilitySelection(max_false=1.0, random_state=0).fit(X, y)
    np.testing.assert_array_equal(selector.get_support(indices=True), [5, 50, 120])
    for model in (AdaptiveLassoCV(rule="1se"), ReweightedLassoCV(eps=0.1, rule="1se"), RelaxedLassoCV(rule="1se")):
        model.fit(X, y)
        np.testing.assert_array_equal(np.flatnonzero(model.coef_), [5, 50, 120])
        assert np.abs(model.coef_ - truth).max() < 0.4
