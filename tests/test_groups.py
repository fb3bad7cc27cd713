"""Rows of one group stay together: in folds of any method, and in the halves of stability selection."""

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold

import fastlasso
from fastlasso import cross_validate_path, stability_selection
from fastlasso.selection.splits import splits_of

METHODS = ["cross_validate_path", "cross_validate_adaptive", "cross_validate_relaxed", "cross_validate_reweighted"]
ESTIMATORS = ["LassoCV", "ElasticNetCV", "AdaptiveLassoCV", "RelaxedLassoCV", "ReweightedLassoCV", "HuberLassoCV",
              "PoissonRegressorCV", "LogisticRegressionCV"]


@pytest.fixture(scope="module")
def visits():
    """30 patients with 8 visits each: a patient's own level is in X and y, so its other visits predict a visit."""
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(30), 8)
    X = np.eye(30)[patient] + 0.1 * rng.standard_normal((240, 30))
    order = rng.permutation(240)
    return X[order], (2 * rng.standard_normal(30)[patient] + 0.3 * rng.standard_normal(240))[order], patient[order]


def parted(splits, groups):
    """Whether some fold trains on rows of a group of which it holds out others."""
    return any(np.intersect1d(np.delete(groups, test), groups[test]).size for _, test in splits)


def test_an_integer_cv_makes_folds_of_whole_groups(visits):
    X, y, patient = visits
    leaky = cross_validate_path(X, y, cv=5, random_state=0)
    honest = cross_validate_path(X, y, cv=5, random_state=0, groups=patient)
    assert 2.5 * leaky.mean_error.min() < honest.mean_error.min()


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_folds_are_balanced_and_whole(seed):
    rng = np.random.default_rng(3)
    groups = rng.choice(np.array(["a", "b", "c", "d", "e", "f", "g"]), 200, p=[.3, .2, .1, .1, .1, .1, .1])
    splits = splits_of(3, None, None, groups, 200, seed)
    assert not parted(splits, groups)
    sizes = [len(test) for _, test in splits]
    assert sum(sizes) == 200
    assert max(sizes) - min(sizes) <= np.unique(groups, return_counts=True)[1].max()


def test_random_state_shuffles_groups():
    groups = np.arange(60) // 4
    folds = [[test.tolist() for _, test in splits_of(3, None, None, groups, 60, seed)] for seed in (0, 0, 1)]
    assert folds[0] == folds[1] != folds[2]


@pytest.mark.parametrize("sizes", [np.ones(9), [5, 1, 7, 3, 3, 2, 9]])
def test_folds_without_a_seed_are_scikit_learns(sizes):
    groups = np.repeat(np.arange(len(sizes)), np.array(sizes, int))
    ours = [test.tolist() for _, test in splits_of(3, None, None, groups, len(groups), None)]
    theirs = [test.tolist() for _, test in GroupKFold(3).split(groups, groups, groups)]
    assert sorted(map(len, ours)) == sorted(map(len, theirs))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_makes_folds_of_whole_groups(visits, name):
    X, y, patient = visits
    method = getattr(fastlasso, name)
    whole = splits_of(4, None, None, patient, len(y), 0)
    pairs = [(np.delete(np.arange(len(y)), test), test) for _, test in whole]
    ours, theirs = (method(X, y, alphas=5, **how) for how in ({"cv": 4, "groups": patient, "random_state": 0},
                                                              {"cv": pairs}))
    np.testing.assert_array_equal(ours.errors, theirs.errors)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_makes_folds_of_whole_groups(visits, name):
    X, y, patient = visits
    y = {"PoissonRegressorCV": np.exp(np.minimum(y, 2)).round(), "LogisticRegressionCV": y > 0}.get(name, y)
    groups = patient % 10
    whole = splits_of(3, None, None, groups, len(y), None)
    pairs = [(np.delete(np.arange(len(y)), test), test) for _, test in whole]
    kind = getattr(fastlasso, name)
    ours = kind(cv=3, alphas=4, max_iter=10_000).fit(X, y, groups=groups)
    theirs = kind(cv=pairs, alphas=4, max_iter=10_000).fit(X, y)
    np.testing.assert_array_equal(ours.coef_, theirs.coef_)
    loose = kind(cv=3, alphas=4, max_iter=10_000).fit(X, y)
    assert not np.array_equal(ours.cv_result_.errors, loose.cv_result_.errors)


def test_two_stages_take_groups(visits):
    X, y, patient = visits
    ours = fastlasso.TwoStageLasso(cv=4).fit(X, y, groups=patient)
    whole = splits_of(4, None, None, patient, len(y), None)
    pairs = [(np.delete(np.arange(len(y)), test), test) for _, test in whole]
    np.testing.assert_array_equal(ours.coef_, fastlasso.TwoStageLasso(cv=pairs).fit(X, y).coef_)


@pytest.mark.parametrize("labels", [np.arange(60) % 6, list(np.arange(60) % 6), np.array(list("abcdef") * 10)])
def test_a_vector_names_the_fold_of_each_row(labels):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 8))
    y = X[:, 0] + rng.standard_normal(60)
    pairs = [(np.flatnonzero(np.arange(60) % 6 != k), np.flatnonzero(np.arange(60) % 6 == k)) for k in range(6)]
    expected = cross_validate_path(X, y, cv=pairs, alphas=5).errors
    np.testing.assert_array_equal(cross_validate_path(X, y, cv=labels, alphas=5).errors, expected)
    np.testing.assert_array_equal(fastlasso.LassoCV(cv=labels, alphas=5, tol=1e-6).fit(X, y).mse_path_.shape, (5, 6))


def test_folds_that_part_a_group_are_refused():
    rng = np.random.default_rng(0)
    X, y, groups = rng.standard_normal((40, 3)), rng.standard_normal(40), np.arange(40) // 2
    with pytest.raises(ValueError, match="fold 0 of cv trains on rows of a group"):
        cross_validate_path(X, y, cv=np.arange(40) % 2, groups=groups)
    with pytest.raises(ValueError, match="fold 0 of cv trains on rows of a group"):
        cross_validate_path(X, y, cv=[(np.arange(1, 40), np.arange(1))], groups=groups)
    assert cross_validate_path(X, y, cv=groups % 4, groups=groups, alphas=3).errors.shape == (3, 4)


@pytest.mark.parametrize(("cv", "groups", "words"), [
    (5, np.arange(40) % 3, "greater than the number of groups: 3"), (5, np.arange(39), "groups.shape"),
    (5, [None] + [1] * 39, "missing"), (np.arange(39), None, "39 fold numbers, X has 40 rows"),
    (np.zeros(40, int), None, "one fold only"), (np.arange(40) / 2, None, "must hold integers"),
    (5, np.where(np.arange(40) > 3, np.nan, 1.0), "groups contains NaN")])
def test_bad_groups_and_fold_numbers_are_named(cv, groups, words):
    rng = np.random.default_rng(0)
    with pytest.raises((ValueError, TypeError), match=words):
        cross_validate_path(rng.standard_normal((40, 3)), rng.standard_normal(40), cv=cv, groups=groups)


@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_halves_hold_whole_groups(visits, loss):
    from fastlasso.selection import stability

    X, y, patient = visits
    seen = []

    class Noting(stability.ComplementaryPairs):
        def path(self, grid, monitor=None):
            seen.append(self.half_of)
            return super().path(grid, monitor)

    original, stability.ComplementaryPairs = stability.ComplementaryPairs, Noting
    try:
        stability_selection(X, y if loss == "squared_error" else np.isin(patient, [1, 2, 5, 7, 9, 11]), loss=loss,
                            groups=patient, n_pairs=4, alphas=4, random_state=0)
    finally:
        stability.ComplementaryPairs = original
    for half_of in seen[0]:
        assert len({(int(g), int(h)) for g, h in zip(patient, half_of, strict=True)}) == 30
        assert np.bincount(half_of, minlength=3)[:2].tolist() == [120, 120]


def test_the_selector_takes_groups(visits):
    X, y, patient = visits
    ours = fastlasso.StabilitySelection(n_pairs=3, alphas=5, random_state=0).fit(X, y, groups=patient)
    native = stability_selection(X, y, n_pairs=3, alphas=5, random_state=0, groups=patient)
    np.testing.assert_array_equal(ours.stability_path_.probabilities, native.probabilities)
    with pytest.raises(ValueError, match="at least 4 groups"):
        stability_selection(X, y, groups=patient % 3)
