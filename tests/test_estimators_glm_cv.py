"""Cross-validated estimators of losses other than squared error: scikit-learn's checks, its class, and plain loops."""

import pickle

import numpy as np
import pytest
import sklearn
import sklearn.linear_model as peers
from sklearn.base import clone
from sklearn.metrics import check_scoring, mean_gamma_deviance, mean_poisson_deviance, mean_tweedie_deviance
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, StratifiedShuffleSplit
from sklearn.utils.estimator_checks import parametrize_with_checks
from test_estimators_glm import NEWER, checked

from fastlasso import (
    GammaRegressorCV,
    HuberLassoCV,
    LogisticRegression,
    LogisticRegressionCV,
    NegativeBinomialRegressorCV,
    PoissonRegressor,
    PoissonRegressorCV,
    TweedieRegressorCV,
    cross_validate_path,
)

REGRESSORS = [PoissonRegressorCV, GammaRegressorCV, TweedieRegressorCV, NegativeBinomialRegressorCV, HuberLassoCV]
ALL = [LogisticRegressionCV, *REGRESSORS]
CS = [0.3, 0.01, 3.0]


@parametrize_with_checks([LogisticRegressionCV(), LogisticRegressionCV(l1_ratios=(1,), alphas=5, cv=3, rule="1se"),
                          PoissonRegressorCV(alphas=5, cv=3), GammaRegressorCV(alphas=5, cv=3),
                          TweedieRegressorCV(power=1.5, alphas=5, cv=3, l1_ratio=[0.5, 1]),
                          NegativeBinomialRegressorCV(alphas=5, cv=3), HuberLassoCV(alphas=5, cv=3),
                          TweedieRegressorCV(alphas=5, cv=3)])
def test_the_checks_of_scikit_learn(estimator, check):
    checked(estimator, check)


CHECKS = parametrize_with_checks([NegativeBinomialRegressorCV(l1_ratio=0.5, alphas=10),
                                  TweedieRegressorCV(power=1.5, alphas=5)]).args[1]


@pytest.mark.parametrize(("estimator", "check"), [pair for pair in CHECKS if "sample_weight_equivalence" in str(pair)])
def test_weights_equal_repeated_rows_to_seven_digits(estimator, check):
    """On other grids: each alpha takes the same steps, whatever the number of rows. Predictions differed by 2e-3."""
    check(estimator)


@pytest.fixture(scope="module")
def labels():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((120, 8)) @ np.diag(np.linspace(0.5, 2, 8))
    odds = np.exp(X[:, 0] - X[:, 1] + 0.5 * X[:, 2] - 0.7)
    return X, np.where(rng.random(120) < odds / (1 + odds), "yes", "no")


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((150, 7))
    return X, rng.poisson(np.exp(0.5 * X[:, 0] - 0.3 * X[:, 1] + 0.5)).astype(float)


def suitable(cls, y):
    """Numbers in the domain of a regressor's loss."""
    return y + 0.5 if cls is GammaRegressorCV else y


def weights(n):
    return np.arange(n) % 3 + 0.5


def theirs(**options):
    """scikit-learn's class, quiet and tight."""
    new = {"use_legacy_attributes": False, "l1_ratios": (0,)} if NEWER else {}
    return peers.LogisticRegressionCV(**{"Cs": CS, "solver": "newton-cholesky", "tol": 1e-12, "scoring": "neg_log_loss",
                                         **new, **options})


def ours(**options):
    return LogisticRegressionCV(**{"Cs": CS, "tol": 1e-13, **options})


# ---------------------------------------------------------------- scikit-learn's class


@pytest.mark.skipif(not NEWER, reason="other shapes of attributes")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("class_weight", [None, "balanced", {"no": 0.5, "yes": 3.0}])
@pytest.mark.parametrize("scoring", ["neg_log_loss", "roc_auc", "accuracy", None, "neg_brier_score",
                                     "balanced_accuracy", "average_precision"])
def test_scores_and_choice_are_those_of_scikit_learn(labels, scoring, class_weight, weighted):
    if scoring in ("average_precision", "neg_brier_score"):         # they do not know which label is positive
        labels = labels[0], (labels[1] == "yes").astype(int)
        class_weight = {0: 0.5, 1: 3.0} if isinstance(class_weight, dict) else class_weight
    X, y = labels
    w, options = weights(len(y)) if weighted else None, {"class_weight": class_weight, "scoring": scoring, "cv": 4}
    mine, peer = ours(**options).fit(X, y, sample_weight=w), theirs(**options).fit(X, y, sample_weight=w)
    np.testing.assert_allclose(mine.scores_, peer.scores_, atol=1e-6)
    np.testing.assert_allclose(mine.coefs_paths_, peer.coefs_paths_, atol=1e-4)
    np.testing.assert_array_equal(mine.Cs_, peer.Cs_)
    np.testing.assert_array_equal(mine.l1_ratios_, peer.l1_ratios_)
    assert mine.n_iter_.shape == peer.n_iter_.shape
    assert (mine.C_, mine.l1_ratio_) == (peer.C_, peer.l1_ratio_)
    np.testing.assert_allclose(mine.coef_, peer.coef_, atol=1e-5)
    np.testing.assert_allclose(mine.intercept_, peer.intercept_, atol=1e-5)
    assert mine.score(X, y, sample_weight=w) == pytest.approx(peer.score(X, y, sample_weight=w), abs=1e-6)


@pytest.mark.skipif(not NEWER, reason="other shapes of attributes")
@pytest.mark.parametrize("options", [{"refit": False}, {"fit_intercept": False}, {"Cs": 3}, {"cv": StratifiedKFold(3)},
                                     {"cv": StratifiedShuffleSplit(3, random_state=0)}, {"Cs": [1.0]},
                                     {"use_legacy_attributes": True}])
def test_options_are_those_of_scikit_learn(labels, options):
    X, y = labels
    mine, peer = ours(**options).fit(X, y), theirs(**options).fit(X, y)
    np.testing.assert_allclose(mine.Cs_, peer.Cs_, rtol=1e-12)
    np.testing.assert_allclose(mine.coef_, peer.coef_, atol=1e-4)
    np.testing.assert_allclose(mine.C_, peer.C_)
    if "use_legacy_attributes" not in options:
        np.testing.assert_allclose(mine.coefs_paths_, peer.coefs_paths_, atol=1e-3)
        np.testing.assert_allclose(mine.scores_, peer.scores_, atol=1e-5)


@pytest.mark.skipif(not NEWER, reason="l1_ratios had other rules")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("ratios", [None, (0.0,)])
def test_legacy_attributes_have_the_older_shapes(labels, ratios):
    X, y = labels
    options = {"use_legacy_attributes": True, "l1_ratios": ratios}
    mine, peer = ours(**options).fit(X, y), theirs(**options).fit(X, y)
    assert list(mine.scores_) == list(peer.scores_) == ["yes"]
    for name in ("scores_", "coefs_paths_"):
        np.testing.assert_allclose(getattr(mine, name)["yes"], getattr(peer, name)["yes"], atol=1e-5)
    for name in ("C_", "l1_ratio_"):
        a, b = getattr(mine, name), getattr(peer, name)
        assert (type(a), a.shape) == (type(b), b.shape)
    assert mine.n_iter_.shape == peer.n_iter_.shape


def test_a_plain_loop_gives_the_same_scores(labels):
    """C keeps its meaning on the rows of each fold, for any l1_ratio, weights and class weights."""
    X, y = labels
    w = weights(len(y))
    model = ours(l1_ratios=(0.3, 1), class_weight="balanced", cv=3).fit(X, y, sample_weight=w)
    balanced = {label: w.sum() / (2 * w[y == label].sum()) for label in ("no", "yes")}
    for k, (train, test) in enumerate(StratifiedKFold(3).split(X, y)):
        for i, ratio in enumerate((0.3, 1)):
            for j, C in enumerate(CS):
                alone = LogisticRegression(C=C, l1_ratio=ratio, class_weight=balanced, tol=1e-13)
                alone.fit(X[train], y[train], sample_weight=w[train])
                score = check_scoring(alone, "neg_log_loss")(alone, X[test], y[test], sample_weight=w[test])
                assert model.scores_[k, i, j] == pytest.approx(score, abs=1e-6)
                np.testing.assert_allclose(model.coefs_paths_[k, i, j, 0, :-1], alone.coef_[0], atol=1e-5)
    i, j = np.unravel_index(np.argmax(model.scores_.mean(axis=0)), (2, 3))
    assert (model.C_, model.l1_ratio_) == (CS[j], (0.3, 1)[i])
    again = LogisticRegression(C=model.C_, l1_ratio=model.l1_ratio_, class_weight=balanced, tol=1e-13)
    np.testing.assert_allclose(model.coef_, again.fit(X, y, sample_weight=w).coef_, atol=1e-6)
    assert model.alpha_ == pytest.approx(again.alpha_)


# ---------------------------------------------------------------- what is added


def test_alphas_in_place_of_cs(labels):
    X, y = labels
    model = LogisticRegressionCV(alphas=15, l1_ratios=(1,), cv=4, scoring="roc_auc").fit(X, y)
    native = cross_validate_path(X, (y == "yes").astype(int), loss="log_loss", measure="auc", alphas=15, cv=4, tol=1e-4,
                                 max_iter=100, random_state=None)
    np.testing.assert_array_equal(model.alphas_, native.alphas)
    np.testing.assert_allclose(model.scores_[:, 0], 1 - native.errors.T, atol=1e-12)
    np.testing.assert_allclose(model.Cs_, 1 / (native.alphas * len(y)))
    assert model.alpha_ == native.alpha
    np.testing.assert_array_equal(model.coef_[0], native.coef)
    assert model.C_ == pytest.approx(1 / (native.alpha * len(y)))
    several = LogisticRegressionCV(alphas=4, l1_ratios=(0.5, 1)).fit(X, y)
    assert several.Cs_.shape == several.alphas_.shape == (2, 4)
    assert several.scores_.shape == (5, 2, 4)


@pytest.mark.parametrize("rule", ["min", "1se"])
def test_the_rule_of_one_standard_error(labels, rule):
    X, y = labels
    model = LogisticRegressionCV(Cs=20, l1_ratios=(1,), rule=rule).fit(X, y)
    mean, error = -model.scores_[:, 0].mean(axis=0), model.scores_[:, 0].std(axis=0, ddof=1) / np.sqrt(5)
    best = np.argmin(mean)
    expected = best if rule == "min" else np.argmax(mean <= mean[best] + error[best])
    assert model.C_ == pytest.approx(model.Cs_[expected])


def test_the_order_of_cs_is_kept(labels):
    X, y = labels
    given, ordered = (LogisticRegressionCV(Cs=Cs, l1_ratios=(1,), tol=1e-12).fit(X, y) for Cs in (CS, sorted(CS)))
    np.testing.assert_array_equal(given.scores_[..., np.argsort(CS)], ordered.scores_)
    np.testing.assert_array_equal(given.coefs_paths_[:, :, np.argsort(CS)], ordered.coefs_paths_)
    assert given.C_ == ordered.C_


def test_offsets_move_the_intercept_alone(labels):
    X, y = labels
    shift = np.full(len(y), 0.3)
    plain, moved = ours().fit(X, y), ours().fit(X, y, offset=shift)
    np.testing.assert_allclose(moved.scores_, plain.scores_, atol=1e-7)
    np.testing.assert_allclose(moved.intercept_, plain.intercept_ - 0.3, atol=1e-5)
    assert moved.score(X, y, offset=shift) == pytest.approx(plain.score(X, y), abs=1e-6)


@pytest.mark.parametrize(("options", "words"), [
    ({"Cs": []}, "Cs"), ({"Cs": [0.0]}, "Cs"), ({"Cs": 0}, "Cs"), ({"l1_ratios": []}, "l1_ratios"),
    ({"l1_ratios": (2.0,)}, "l1_ratio"), ({"scoring": "best"}, "best"), ({"cv": 1}, "cv"), ({"refit": 1}, "refit"),
    ({"use_legacy_attributes": "warn"}, "use_legacy"), ({"rule": "max"}, "rule"), ({"penalty": None}, "penalty"),
    ({"alphas": [-1.0]}, ">= 0"), ({"class_weight": "even"}, "class_weight"), ({"cv": 121}, "n_splits")])
def test_bad_parameters(labels, options, words):
    with pytest.raises(ValueError, match=words):
        LogisticRegressionCV(**options).fit(*labels)


def test_a_fold_of_one_class_is_an_error_that_names_it(labels):
    X, y = labels
    order = np.argsort(y, kind="stable")
    with pytest.raises(ValueError, match=r"training rows of fold 1 are 'no'"):
        LogisticRegressionCV(cv=KFold(2)).fit(X[order], y[order])
    with pytest.raises(ValueError, match=r"fold 0.*one class"):
        LogisticRegressionCV(cv=KFold(5), scoring="roc_auc").fit(X[order], y[order])


def test_older_names_of_penalties(labels):
    with pytest.warns(FutureWarning, match="'penalty' was deprecated"):
        model = LogisticRegressionCV(Cs=CS, penalty="l1").fit(*labels)
    np.testing.assert_array_equal(model.scores_, LogisticRegressionCV(Cs=CS, l1_ratios=(1,)).fit(*labels).scores_)


# ---------------------------------------------------------------- regressors


@pytest.mark.parametrize(("cls", "options", "deviance"), [
    (PoissonRegressorCV, {}, mean_poisson_deviance), (GammaRegressorCV, {}, mean_gamma_deviance),
    (TweedieRegressorCV, {"power": 1.5}, lambda *a, **k: mean_tweedie_deviance(*a, power=1.5, **k)),
    (TweedieRegressorCV, {"power": 0}, lambda *a, **k: mean_tweedie_deviance(*a, power=0, **k))])
def test_regressors_choose_as_a_plain_loop_does(counts, cls, options, deviance):
    X, y = counts[0], suitable(cls, counts[1])
    w, alphas, ratios = weights(len(y)), [0.3, 0.1, 0.01], [0.0, 0.6, 1.0]
    model = cls(alphas=alphas, l1_ratio=ratios, cv=3, tol=1e-12, **options).fit(X, y, sample_weight=w)
    assert model.error_path_.shape == (3, 3, 3)
    for k, (train, test) in enumerate(KFold(3).split(X)):
        for i, ratio in enumerate(ratios):
            for j, alpha in enumerate(alphas):
                alone = cls.__bases__[1](alpha=alpha, l1_ratio=ratio, tol=1e-12, **options)
                alone.fit(X[train], y[train], sample_weight=w[train])
                error = deviance(y[test], alone.predict(X[test]), sample_weight=w[test])
                assert model.error_path_[i, j, k] == pytest.approx(error, rel=1e-5)
    i, j = np.unravel_index(np.argmin(model.error_path_.mean(axis=2)), (3, 3))
    assert (model.l1_ratio_, model.alpha_) == (ratios[i], alphas[j])


@pytest.mark.parametrize("cls", REGRESSORS)
def test_regressors_are_the_native_call(counts, cls):
    X, y = counts[0], suitable(cls, counts[1])
    model = cls(l1_ratio=1, alphas=12, rule="1se", cv=4).fit(X, y)
    native = cross_validate_path(X, y, loss=model.loss_, alphas=12, cv=4, random_state=None, rule="1se", tol=1e-4,
                                 max_iter=100)
    np.testing.assert_array_equal(model.error_path_, native.errors)
    np.testing.assert_array_equal(model.coef_, native.coef)
    assert (model.alpha_, model.intercept_) == (native.alpha, native.intercept)
    np.testing.assert_allclose(model.predict(X), native.predict(X, kind="mean"), rtol=1e-12)


@pytest.mark.parametrize(("scoring", "measure"), [
    (None, "deviance"), ("deviance", "deviance"), ("mse", "mse"), ("neg_mean_squared_error", "mse"), ("mae", "mae"),
    ("neg_mean_absolute_error", "mae"), ("neg_mean_poisson_deviance", "deviance"), ("r2", None),
    ("neg_median_absolute_error", None), (lambda model, X, y: -np.max(np.abs(model.predict(X) - y)), None)])
def test_scores_of_regressors(counts, scoring, measure):
    X, y = counts
    model = PoissonRegressorCV(alphas=[0.1, 0.01], cv=3, scoring=scoring, tol=1e-10).fit(X, y)
    assert callable(model.cv_result_.measure) if measure is None else model.cv_result_.measure == measure
    scorer = check_scoring(PoissonRegressor(), {
        "deviance": "neg_mean_poisson_deviance", "mse": "neg_mean_squared_error", "mae": "neg_mean_absolute_error",
    }.get(measure, scoring))
    for k, (train, test) in enumerate(KFold(3).split(X)):
        alone = PoissonRegressor(alpha=0.1, tol=1e-10).fit(X[train], y[train])
        assert model.error_path_[0, k] == pytest.approx(-scorer(alone, X[test], y[test]), rel=1e-4)


def test_an_exposure_is_an_offset_in_every_fold(counts):
    X, y = counts
    offset = np.log(np.linspace(0.5, 3, len(y)))
    model = PoissonRegressorCV(alphas=[0.1], cv=3, tol=1e-12).fit(X, y, offset=offset)
    for k, (train, test) in enumerate(KFold(3).split(X)):
        alone = PoissonRegressor(alpha=0.1, tol=1e-12).fit(X[train], y[train], offset=offset[train])
        error = mean_poisson_deviance(y[test], alone.predict(X[test], offset=offset[test]))
        assert model.error_path_[0, k] == pytest.approx(error, rel=1e-6)


@pytest.mark.parametrize("options", [{"alphas": 0}, {"alphas": [-1.0]}, {"eps": 0}, {"cv": 1}, {"rule": "max"},
                                     {"l1_ratio": 2}, {"l1_ratio": [0.5, 2]}, {"scoring": 3}, {"verbose": -1}])
@pytest.mark.parametrize("cls", REGRESSORS)
def test_bad_parameters_of_regressors(counts, cls, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        cls(**options).fit(counts[0], suitable(cls, counts[1]))


# ---------------------------------------------------------------- company


@pytest.mark.parametrize("cls", ALL)
def test_clones_pickles_and_parameters(labels, counts, cls):
    A, y = labels if cls is LogisticRegressionCV else counts
    grid = {"Cs": 3} if cls is LogisticRegressionCV else {"alphas": 5}
    model = cls(n_jobs=1, standardize=True, cv=3, **grid).fit(A, suitable(cls, y))
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(A), model.predict(A))
    if cls is LogisticRegressionCV:
        np.testing.assert_array_equal(again.coefs_paths_, model.coefs_paths_)
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    assert not hasattr(fresh, "coef_")
    assert not hasattr(fresh, "coefs_paths_")


@pytest.mark.parametrize("cls", ALL)
def test_groups_weights_and_offsets_are_routed(labels, counts, cls):
    A, y = labels if cls is LogisticRegressionCV else counts
    y, groups, w = suitable(cls, y), np.arange(len(y)) % 6, weights(len(y))
    grid = {"Cs": 3} if cls is LogisticRegressionCV else {"alphas": [0.1, 0.01]}
    plain = cls(cv=list(GroupKFold(3).split(A, y, groups)), **grid).fit(A, y, sample_weight=w)
    by_name = cls(cv=GroupKFold(3), **grid).fit(A, y, sample_weight=w, groups=groups)
    with sklearn.config_context(enable_metadata_routing=True):
        model = cls(cv=GroupKFold(3).set_split_request(groups=True), **grid)
        model.set_fit_request(sample_weight=True, offset=True)
        routed = model.fit(A, y, sample_weight=w, groups=groups, offset=np.zeros(len(y)))
    np.testing.assert_array_equal(by_name.coef_, plain.coef_)
    np.testing.assert_allclose(routed.coef_, plain.coef_, rtol=1e-6)
    with pytest.raises(ValueError, match="enable_metadata_routing"):
        cls(**grid).fit(A, y, colour="red")


@pytest.mark.parametrize("cls", ALL)
def test_the_result_does_not_depend_on_threads(labels, counts, cls):
    A, y = labels if cls is LogisticRegressionCV else counts
    one, two = (cls(n_jobs=n_jobs, cv=3, **({"Cs": 4} if cls is LogisticRegressionCV else {"alphas": 6})).fit(
        A, suitable(cls, y)) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one.coef_, two.coef_)
    np.testing.assert_array_equal(one.cv_result_.errors, two.cv_result_.errors)
