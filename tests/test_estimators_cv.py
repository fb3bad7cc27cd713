"""`LassoCV` and `ElasticNetCV` against scikit-learn's: splits, errors, choice, metadata, and what is kept."""

import pickle

import numpy as np
import pytest
import sklearn
import sklearn.linear_model as peers
from layouts import PLAIN, build, exact_matrix, target
from scipy import sparse
from sklearn.metrics import get_scorer, make_scorer, r2_score, root_mean_squared_error
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneOut,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastlasso
from fastlasso import ElasticNetCV, Lasso, LassoCV, cross_validate_path, verify
from fastlasso.estimators.cross_validated import GivenPredictions
from fastlasso.matrices.dense import DenseRows
from fastlasso.selection.cross_validation import cross_validate_ratios

BOTH = [LassoCV, ElasticNetCV]
EXACT = {"tol": 1e-12, "max_iter": 100_000}
GRID = [1.0, 0.3, 0.1, 0.03, 0.01]


@pytest.fixture(scope="module")
def data():
    A = exact_matrix(48, 12, seed=5)
    return A, target(A, seed=5)


def peer_of(ours, **options):
    return getattr(peers, ours.__name__)(**EXACT | options)


def weights(n):
    return 0.5 + np.arange(n) % 3


def assert_same(mine, theirs, X):
    """The same errors, choice and solution as scikit-learn's, solved to rounding."""
    np.testing.assert_allclose(mine.alphas_, theirs.alphas_, rtol=1e-9)
    assert mine.mse_path_.shape == theirs.mse_path_.shape
    np.testing.assert_allclose(mine.mse_path_, theirs.mse_path_, rtol=1e-6)
    assert mine.alpha_ == pytest.approx(theirs.alpha_)
    for name in ("alpha_", "alphas_", "mse_path_", "coef_", "intercept_", "dual_gap_", "n_iter_"):
        assert type(getattr(mine, name)) is type(getattr(theirs, name)), name
    np.testing.assert_allclose(mine.coef_, theirs.coef_, atol=1e-6)
    np.testing.assert_allclose(mine.predict(X), theirs.predict(X), atol=1e-5)
    assert mine.dual_gap_ < 1e-10


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", [{}, {"positive": True}, {"fit_intercept": False}, {"cv": 3}],
                         ids=["plain", "positive", "no intercept", "cv"])
@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("ours", BOTH)
def test_results_are_those_of_scikit_learn(data, ours, layout, options, weighted):
    A, y = data
    w = weights(len(A)) if weighted else None
    mine = ours(alphas=GRID, **options).fit(build(layout, A), y, sample_weight=w)
    assert_same(mine, peer_of(ours, alphas=GRID, **options).fit(A, y, sample_weight=w), A)


@pytest.mark.parametrize("options", [{"alphas": [0.1]}, {"cv": [(np.arange(30), np.arange(30, 48))]}],
                         ids=["one alpha", "one split"])
@pytest.mark.parametrize("ours", BOTH)
def test_shapes_of_one_alpha_and_of_one_split(data, ours, options):
    options = {"alphas": GRID} | options
    assert_same(ours(**options).fit(*data), peer_of(ours, **options).fit(*data), data[0])


@pytest.mark.parametrize("ours", BOTH)
def test_the_automatic_grid_is_that_of_scikit_learn(data, ours):
    mine, theirs = ours(eps=0.05, cv=3).fit(*data), peer_of(ours, eps=0.05, cv=3).fit(*data)
    assert_same(mine, theirs, data[0])
    assert mine.alphas_.shape == (100,)
    assert ours(alphas=7).fit(*data).alphas_.shape == (7,)


@pytest.mark.parametrize(("shape", "verb", "looks"), [((400, 8), "group_sums", 1), ((40, 90), "moments", 4)])
def test_several_l1_ratios_share_what_is_known_of_X(shape, verb, looks, monkeypatch):
    A, seen, read = exact_matrix(*shape), [], getattr(DenseRows, verb)
    monkeypatch.setattr(DenseRows, verb, lambda *args: seen.append(verb) or read(*args))
    y, ratios = target(A), [0.5, 1.0, 0.2]
    results = cross_validate_ratios(A, y, ratios, cv=3, alphas=5, random_state=0)
    assert len(seen) == looks
    for result, ratio in zip(results, ratios, strict=True):
        alone = cross_validate_path(A, y, cv=3, alphas=5, l1_ratio=ratio)
        np.testing.assert_array_equal(result.errors, alone.errors)
        np.testing.assert_array_equal(result.coef, alone.coef)
        np.testing.assert_array_equal(result.oof_predictions, alone.oof_predictions)
        assert result.path.params == alone.path.params


@pytest.mark.parametrize("l1_ratio", [[0.5], [0.2, 0.9], [0.9, 1.0, 0.2]])
@pytest.mark.parametrize("options", [{"eps": 0.05}, {"alphas": GRID}])
def test_several_l1_ratios(data, l1_ratio, options):
    A, y = data
    mine = ElasticNetCV(l1_ratio=l1_ratio, cv=3, **options).fit(A, y)
    theirs = peer_of(ElasticNetCV, l1_ratio=l1_ratio, cv=3, **options).fit(A, y)
    assert_same(mine, theirs, A)
    assert mine.l1_ratio_ == theirs.l1_ratio_
    assert type(mine.l1_ratio_) is type(theirs.l1_ratio_)
    judged = verify(A, y, mine.coef_, mine.intercept_, alpha=mine.alpha_, l1_ratio=mine.l1_ratio_)
    assert judged.relative_gap < 1e-12


@pytest.mark.parametrize("cv", [KFold(4, shuffle=True, random_state=1), LeaveOneOut(), 2,
                                [(np.arange(20), np.arange(20, 48)), (np.arange(20, 48), np.arange(20))],
                                RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)], ids=str)
def test_every_splitter(data, cv):
    A, y = data
    assert_same(LassoCV(alphas=GRID, cv=cv).fit(A, y), peer_of(LassoCV, alphas=GRID, cv=cv).fit(A, y), A)


@pytest.mark.parametrize("routing", [False, True])
def test_a_generator_of_splits(data, routing):
    A, y = data
    listed = LassoCV(alphas=GRID, cv=list(KFold(3).split(A))).fit(A, y)
    with sklearn.config_context(enable_metadata_routing=routing):
        generated = LassoCV(alphas=GRID, cv=KFold(3).split(A)).fit(A, y)
    np.testing.assert_array_equal(generated.mse_path_, listed.mse_path_)


# ---------------------------------------------------------------- metadata


class WeightedFolds(KFold):
    """A splitter that asks for sample weights, and keeps what it was given."""

    def split(self, X, y=None, groups=None, sample_weight=None):
        self.given = sample_weight
        return super().split(X, y, groups)


def test_groups_without_routing(data):
    A, y = data
    groups = np.arange(len(A)) // 5
    splits = list(GroupKFold(3).split(A, y, groups))
    mine = LassoCV(alphas=GRID, cv=GroupKFold(3)).fit(A, y, groups=groups)
    np.testing.assert_array_equal(mine.mse_path_, LassoCV(alphas=GRID, cv=splits).fit(A, y).mse_path_)
    with pytest.raises(ValueError, match="enable_metadata_routing"):
        LassoCV().fit(A, y, colour=groups)


@pytest.mark.parametrize("ours", BOTH)
def test_metadata_are_routed_to_the_splitter(data, ours):
    A, y = data
    groups, w = np.arange(len(A)) // 5, weights(len(A))
    with sklearn.config_context(enable_metadata_routing=True):
        mine, theirs = (model.fit(A, y, groups=groups, sample_weight=w) for model in (
            ours(alphas=GRID, cv=GroupKFold(3)), peer_of(ours, alphas=GRID, cv=GroupKFold(3))))
        assert_same(mine, theirs, A)
        with pytest.raises(TypeError, match="unexpected argument"):
            ours(cv=KFold(3)).fit(A, y, groups=groups)
        asking = WeightedFolds(3).set_split_request(sample_weight=True)
        ours(cv=asking).fit(A, y, sample_weight=w)
        np.testing.assert_array_equal(asking.given, w)
        ours(cv=asking).fit(A, y)
        assert asking.given is None


def test_metadata_come_through_meta_estimators(data):
    A, y = data
    groups, w = np.arange(len(A)) // 5, weights(len(A))
    with sklearn.config_context(enable_metadata_routing=True):
        model = LassoCV(alphas=GRID, cv=GroupKFold(3)).set_fit_request(sample_weight=True)
        piped = make_pipeline(StandardScaler().set_fit_request(sample_weight=True), model)
        chosen = piped.fit(A, y, groups=groups, sample_weight=w)[-1]
        assert chosen.mse_path_.shape == (5, 3)
        model.set_score_request(sample_weight=True)
        scores = cross_validate(model, A, y, cv=GroupKFold(2), params={"groups": groups, "sample_weight": w})
    assert (scores["test_score"] > 0.5).all()


# ---------------------------------------------------------------- what is added


def test_what_is_kept_afterwards(data):
    A, y = data
    model = LassoCV(alphas=GRID, cv=4).fit(A, y)
    kept = model.cv_result_
    np.testing.assert_array_equal(kept.errors, model.mse_path_)
    np.testing.assert_allclose(kept.mean_error, model.mse_path_.mean(axis=1))
    np.testing.assert_allclose(kept.standard_error, model.mse_path_.std(axis=1, ddof=1) / 2)
    assert [sparse.issparse(path.coefs) and len(path) for path in kept.fold_paths] == [5] * 4
    assert model.path_ is kept.path
    np.testing.assert_array_equal(model.path_.coefs[:, [kept.index]].toarray()[:, 0], model.coef_)
    for k, (train, test) in enumerate(KFold(4).split(A)):
        alone = Lasso(alpha=model.alpha_).fit(A[train], y[train])
        np.testing.assert_allclose(kept.oof_predictions[test], alone.predict(A[test]), atol=1e-8)
        np.testing.assert_allclose(kept.fold_paths[k].fit_at(kept.index).coef, alone.coef_, atol=1e-8)
    assert model.path_.at(0.2).certified            # between grid points, while X is alive
    assert pickle.loads(pickle.dumps(model)).cv_result_.alpha == model.alpha_


@pytest.mark.parametrize("ours", BOTH)
def test_the_rule_of_one_standard_error(data, ours):
    A, y = data
    best, simple = (ours(cv=4, rule=rule).fit(A, y) for rule in ("min", "1se"))
    np.testing.assert_array_equal(best.mse_path_, simple.mse_path_)
    assert simple.alpha_ == best.cv_result_.alpha_1se > best.alpha_
    assert np.count_nonzero(simple.coef_) <= np.count_nonzero(best.coef_)


def test_columns_are_standardised_inside_each_fold(data):
    """Without the leak of scaling all rows beforehand, and in X's own units afterwards."""
    A, y = data
    A = A * np.geomspace(0.01, 100, A.shape[1])
    model = LassoCV(alphas=GRID, cv=3, standardize=True).fit(A, y)
    for k, (train, test) in enumerate(KFold(3).split(A)):
        scaled = make_pipeline(StandardScaler(), peers.Lasso(alpha=GRID[2], **EXACT)).fit(A[train], y[train])
        error = np.mean((y[test] - scaled.predict(A[test])) ** 2)
        assert model.mse_path_[2, k] == pytest.approx(error, rel=1e-6)


@pytest.mark.parametrize("model", [LassoCV(alphas=5, cv=3, verbose=1), fastlasso.HuberLassoCV(alphas=5, cv=3,
                                                                                              verbose=1),
                                   fastlasso.LogisticRegressionCV(Cs=5, cv=3, l1_ratios=(1,), verbose=1)],
                         ids=lambda model: type(model).__name__)
def test_verbose_counts_the_folds(data, capsys, model):
    A, y = data
    model.fit(A, y > np.median(y) if "Logistic" in type(model).__name__ else y)
    assert "20/20 alphas" in capsys.readouterr().err


def test_penalty_factors_of_the_folds(data):
    A, y = data
    factor = np.ones(A.shape[1])
    factor[:3] = 0.0, np.inf, 2.0
    model = LassoCV(alphas=GRID, cv=3, penalty_factor=factor).fit(A, y)
    functional = cross_validate_path(A, y, alphas=GRID, cv=3, random_state=None, penalty_factor=factor)
    np.testing.assert_array_equal(model.mse_path_, functional.errors)
    assert model.coef_[1] == 0


def largest_miss(estimator, X, y, sample_weight=None):
    return -np.max(np.abs(y - estimator.predict(X)))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scoring", ["neg_mean_squared_error", "neg_mean_absolute_error", "r2",
                                     "neg_median_absolute_error", "explained_variance", largest_miss,
                                     make_scorer(root_mean_squared_error, greater_is_better=False)],
                         ids=lambda scoring: getattr(scoring, "__name__", str(scoring)))
def test_scores_are_those_of_scikit_learn(data, scoring, weighted):
    """Errors are minus the score (1 - R2 for "r2"), and the choice is that of a grid search."""
    A, y = data
    w = weights(len(A)) if weighted else None
    model = LassoCV(alphas=GRID, cv=3, scoring=scoring).fit(A, y, sample_weight=w)
    scorer = scoring if callable(scoring) else get_scorer(scoring)
    for k, (train, test) in enumerate(KFold(3).split(A)):
        part, held = ({} if w is None else {"sample_weight": w[rows]} for rows in (train, test))
        for error, alpha in zip(model.mse_path_[:, k], GRID, strict=True):
            score = scorer(peers.Lasso(alpha=alpha, **EXACT).fit(A[train], y[train], **part), A[test], y[test], **held)
            assert error == pytest.approx((scoring == "r2") - score, rel=1e-6)
    assert model.alpha_ == GRID[np.argmin(model.mse_path_.mean(axis=1))]
    assert pickle.loads(pickle.dumps(model)).alpha_ == model.alpha_


@pytest.mark.parametrize(("scoring", "kind", "words"), [
    ("best", ValueError, "best"), (r2_score, ValueError, "metric function"), (3, ValueError, "scoring"),
    (lambda *_: np.nan, ValueError, "NaN or infinite"), (lambda *_: 1 / 0, ZeroDivisionError, "division")])
def test_bad_scores_are_errors(data, scoring, kind, words):
    """A NaN never wins, and a metric is not taken for a scorer, whose larger values are better."""
    model = LassoCV(scoring=scoring)
    with pytest.raises(kind, match=words):
        model.fit(*data)
    assert not hasattr(model, "alpha_")


@pytest.mark.parametrize("cv", [TimeSeriesSplit(3), ShuffleSplit(3, train_size=0.5, test_size=0.2, random_state=0)])
@pytest.mark.parametrize("weighted", [False, True])
def test_splits_that_leave_rows_out(data, cv, weighted):
    A, y = data
    w = weights(len(A)) if weighted else None
    mine, theirs = (model.fit(A, y, sample_weight=w) for model in (LassoCV(alphas=GRID, cv=cv),
                                                                  peer_of(LassoCV, alphas=GRID, cv=cv)))
    assert_same(mine, theirs, A)


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("ours", BOTH)
def test_the_number_of_jobs_changes_no_bit(data, ours, layout):
    A, y = data
    X = build(layout, A)
    models = [ours(n_jobs=n_jobs, cv=3).fit(X, y) for n_jobs in (None, 1, 2, 3, -1)]
    for model in models[1:]:
        assert model.mse_path_.tobytes() == models[0].mse_path_.tobytes()
        assert model.coef_.tobytes() == models[0].coef_.tobytes()
        assert model.cv_result_.oof_predictions.tobytes() == models[0].cv_result_.oof_predictions.tobytes()


def test_a_ridge_among_the_ratios(data):
    """scikit-learn refuses an automatic grid for l1_ratio = 0; here it has one."""
    model = ElasticNetCV(l1_ratio=[0.0, 0.5], cv=3, alphas=10).fit(*data)
    assert model.alphas_.shape == (2, 10)
    assert np.isfinite(model.mse_path_).all()


def test_what_scorers_are_given_predicts_what_it_is_told():
    told = np.array([1.0, 2.0])
    assert GivenPredictions().fit(told).predict(told) is told
