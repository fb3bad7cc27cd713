"""Data frames and series: names and row labels are kept, matched by name, or refused; sparse columns stay sparse."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import fastlasso
from fastlasso import LassoPath, cross_validate_path, fit, fit_path
from fastlasso.matrices.choose import as_matrix

NAMES = ["age", "bmi", "dose", "kidney", "liver", "weight"]


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.standard_normal((60, 6)), columns=NAMES, index=[f"patient {k}" for k in range(60)])
    return X, (2 * X.age - X.dose + 0.5 * rng.standard_normal(60)).rename("y")


CALLS = {
    "fit": lambda X, y, **more: fit(X, y, 0.1, **more),
    "fit_path": lambda X, y, **more: fit_path(X, y, alphas=6, **more),
    "relaxed_path": lambda X, y, **more: fastlasso.relaxed_path(X, y, alphas=6, **more),
    "adaptive_path": lambda X, y, **more: fastlasso.adaptive_path(X, y, alphas=6, pilot_alpha=0.01, **more),
    "reweighted_path": lambda X, y, **more: fastlasso.reweighted_path(X, y, alphas=6, **more),
    "schedule": lambda X, y, **more: fastlasso.fit_schedule(X, y, [fastlasso.Stage("bic"), fastlasso.Stage(0.1)],
                                                            **more),
    "cv": lambda X, y, **more: cross_validate_path(X, y, alphas=6, **more),
    "cv relaxed": lambda X, y, **more: fastlasso.cross_validate_relaxed(X, y, alphas=6, **more),
    "cv adaptive": lambda X, y, **more: fastlasso.cross_validate_adaptive(X, y, alphas=6, **more),
    "cv reweighted": lambda X, y, **more: fastlasso.cross_validate_reweighted(X, y, alphas=6, **more),
    "stability": lambda X, y, **more: fastlasso.stability_selection(X, y, n_pairs=2, alphas=6, random_state=0, **more),
}


def numbers_of(result):
    """All coefficients or probabilities of a result."""
    if isinstance(result, fastlasso.StabilityPath):
        return result.probabilities
    if isinstance(result, LassoPath):
        return result.coefs.toarray()
    return result.coefs().toarray() if isinstance(result, fastlasso.RelaxedPath) else result.coef


@pytest.mark.parametrize("call", CALLS)
def test_every_result_keeps_the_names(frame, call):
    X, y = frame
    result = CALLS[call](X, y)
    assert result.feature_names == NAMES
    plain = CALLS[call](X.to_numpy(), y.to_numpy())
    assert plain.feature_names is None
    np.testing.assert_allclose(numbers_of(result), numbers_of(plain), atol=1e-8)
    plain.feature_names = NAMES
    assert plain.feature_names == NAMES


@pytest.mark.parametrize("call", [call for call in CALLS if call != "stability"])
def test_predictions_go_by_name(frame, call):
    X, y = frame
    result = CALLS[call](X, y)
    expected = result.predict(X)
    np.testing.assert_array_equal(result.predict(X[NAMES[::-1]]), expected)
    np.testing.assert_array_equal(result.predict(X.to_numpy()), expected)
    with pytest.raises(ValueError, match="missing: 'age', 'dose'; new: 'ages'"):
        result.predict(X.drop(columns="dose").rename(columns={"age": "ages"}))
    with pytest.raises(ValueError, match="new: 'extra'"):
        result.predict(X.assign(extra=1.0))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", [dict, pd.Series])
def test_factors_and_bounds_go_by_name(frame, call, kind):
    X, y = frame
    named = {"penalty_factor": kind({"bmi": 0.0, "age": 2.0}), "lower": kind({"dose": -0.5})}
    vectors = {"penalty_factor": [2.0, 0, 1, 1, 1, 1], "lower": [-np.inf, -np.inf, -0.5, -np.inf, -np.inf, -np.inf]}
    np.testing.assert_array_equal(numbers_of(CALLS[call](X, y, **named)), numbers_of(CALLS[call](X, y, **vectors)))


def test_bad_names_are_named(frame):
    X, y = frame
    with pytest.raises(ValueError, match="penalty_factor names 'ages'"):
        fit_path(X, y, penalty_factor={"ages": 0.0})
    with pytest.raises(ValueError, match="the columns of X have no names"):
        fit_path(X.to_numpy(), y.to_numpy(), upper={"age": 0.0})
    with pytest.raises(ValueError, match="'word' of X holds values that are not numbers"):
        fit_path(X.assign(word="a"), y)
    with pytest.raises(ValueError, match="'when' of X holds values that are not numbers"):
        fit_path(X.assign(when=pd.Timestamp("2020-01-01")), y)
    with pytest.raises(ValueError, match="NaN"):
        fit_path(X.assign(gap=pd.array([None] * 60, dtype="Int64")), y)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_missing_value_is_told_with_its_column(frame, call):
    X, y = frame
    X = X.copy()
    X.loc["patient 7", "kidney"] = np.nan
    with pytest.raises(ValueError, match=r"Input X contains NaN\. The first column with it is 'kidney'"):
        call(X, y)


@pytest.mark.parametrize("name", ["y", "sample_weight", "offset"])
def test_another_index_is_refused(frame, name):
    X, y = frame
    vectors = {"y": y, "sample_weight": pd.Series(1.0 + np.arange(60), X.index), "offset": 0.1 * y}
    for call in ("fit", "fit_path", "cv", "stability"):
        arguments = vectors | {name: vectors[name].iloc[::-1]}
        with pytest.raises(ValueError, match=f"{name} has another index than X: at position 0 it is 'patient 59'"):
            CALLS[call](X, **arguments)
        by_place = vectors | {name: arguments[name].to_numpy()}
        assert CALLS[call](X, **by_place) is not None


@pytest.mark.parametrize(("names", "error"), [(["a"], ValueError), ("abcdef", TypeError), (3, TypeError)])
def test_names_are_checked_when_they_are_assigned(frame, names, error, tmp_path):
    path = fit_path(*frame, alphas=3)
    with pytest.raises(error, match="feature_names"):
        path.feature_names = names
    path.feature_names = range(6)
    path.save(tmp_path / "path.npz")
    assert LassoPath.load(tmp_path / "path.npz").feature_names == list("012345")


def test_numbers_as_labels_count_as_names_unless_they_count_the_columns(frame):
    X, y = frame
    path = fit_path(X.set_axis([3, 1, 4, 15, 9, 2], axis=1), y, alphas=3)
    assert path.feature_names == ["3", "1", "4", "15", "9", "2"]
    assert fit_path(X.set_axis(range(6), axis=1), y, alphas=3).feature_names is None


@pytest.mark.parametrize("fitted", ["in order", "in another order", "an array"])
def test_columns_that_are_numbers_go_by_their_number(frame, fitted):
    X, y = frame
    X = X.set_axis(range(6), axis=1)
    other = X[[4, 1, 0, 5, 2, 3]]
    path = fit_path({"in order": X, "in another order": other, "an array": X.to_numpy()}[fitted], y, alphas=3)
    np.testing.assert_array_equal(path.predict(X), path.predict(other))
    np.testing.assert_allclose(path.predict(X), fit_path(X, y, alphas=3).predict(X))
    np.testing.assert_array_equal(path.predict(X), path.predict(other.set_axis(list("410523"), axis=1)))
    if fitted != "in another order":
        with pytest.raises(ValueError, match="missing: '5'"):
            path.predict(X[[0, 0, 1, 2, 3, 4]])


def test_names_that_occur_twice(frame):
    X, y = frame
    twice = X.set_axis(["a", "a", "b", "c", "d", "e"], axis=1)
    path = fit_path(twice, y, alphas=3)
    np.testing.assert_array_equal(path.predict(twice), path.predict(X.to_numpy()))
    with pytest.raises(ValueError, match="occur twice"):
        path.predict(twice.iloc[:, [2, 0, 1, 3, 4, 5]])


ESTIMATORS = ["LassoCV", "AdaptiveLassoCV", "RelaxedLassoCV", "ReweightedLassoCV", "PoissonRegressorCV",
              "LogisticRegressionCV", "HuberLassoCV"]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_hand_the_names_on(frame, name):
    X, y = frame
    y = {"PoissonRegressorCV": (y - y.min()).round(), "LogisticRegressionCV": y > 0}.get(name, y)
    model = getattr(fastlasso, name)(alphas=4, penalty_factor={"bmi": 0.5}, max_iter=10_000).fit(X, y)
    assert model.path_.feature_names == model.cv_result_.feature_names == NAMES
    factors = getattr(fastlasso, name)(alphas=4, penalty_factor=[1, 0.5, 1, 1, 1, 1], max_iter=10_000).fit(X, y)
    np.testing.assert_array_equal(model.coef_, factors.coef_)


def test_other_estimators_hand_the_names_on(frame):
    X, y = frame
    assert fastlasso.TwoStageLasso().fit(X, y).schedule_.feature_names == NAMES
    stable = fastlasso.StabilitySelection(n_pairs=2, alphas=4, random_state=0).fit(X, y)
    assert stable.stability_path_.feature_names == NAMES


@pytest.mark.parametrize("dtype", [np.float64, np.float32, bool, np.int8])
def test_sparse_columns_stay_sparse(dtype):
    rng = np.random.default_rng(0)
    values = (rng.random((50, 8)) < 0.2).astype(dtype)
    y = values[:, 0] - 2.0 * values[:, 3] + 0.1 * rng.standard_normal(50)
    X = pd.DataFrame(values, columns=list("abcdefgh")).astype(pd.SparseDtype(dtype, dtype(0)))
    matrix = as_matrix(X)
    assert matrix.nnz == np.count_nonzero(values)
    assert matrix.dtype == (np.float32 if dtype == np.float32 else np.float64)
    expected = fit_path(sparse.csc_array(values), y, alphas=5)
    path = fit_path(X, y, alphas=5)
    np.testing.assert_array_equal(path.coefs.toarray(), expected.coefs.toarray())
    np.testing.assert_array_equal(path.predict(X[list("hgfedcba")]), path.predict(sparse.csc_array(values)))
    np.testing.assert_array_equal(fit(X, y, 0.01).coef, fit(sparse.csc_array(values), y, 0.01).coef)
    np.testing.assert_array_equal(cross_validate_path(X, y, alphas=5).errors,
                                  cross_validate_path(sparse.csc_array(values), y, alphas=5).errors)


def test_sparse_columns_around_another_value_are_read_as_dense():
    values = np.where(np.arange(40).reshape(20, 2) % 3, 1.0, 5.0)
    X = pd.DataFrame(values).astype(pd.SparseDtype(float, 1.0))
    y = np.arange(20.0)
    np.testing.assert_allclose(fit(X, y, 0.1).coef, fit(values, y, 0.1).coef, rtol=1e-10)


# ---------------------------------------------------------------- offsets


@pytest.mark.parametrize("call", [call for call in CALLS if call != "stability"])
def test_a_fit_with_an_offset_asks_for_one(frame, call):
    X, y = frame
    result = CALLS[call](X, y, offset=pd.Series(0.5, X.index))
    with pytest.raises(ValueError, match="fitted with an offset"):
        result.predict(X)
    np.testing.assert_allclose(result.predict(X, offset=2.0), result.predict(X, offset=0.0) + 2, atol=1e-12)


def test_files_ask_for_an_offset_too(frame, tmp_path):
    X, y = frame
    for offset, has_one in ((np.zeros(60), True), (0.5, True), (None, False)):
        fit_path(X, y, alphas=3, offset=offset).save(tmp_path / "path.npz")
        path = LassoPath.load(tmp_path / "path.npz")
        assert path.has_offset == has_one
        if has_one:
            with pytest.raises(ValueError, match="fitted with an offset"):
                path.predict(X)


@pytest.mark.parametrize("name", ["PoissonRegressor", "PoissonRegressorCV", "LogisticRegression",
                                  "LogisticRegressionCV"])
def test_estimators_ask_for_an_offset(frame, name):
    X, y = frame
    y = (y - y.min()).round() if "Poisson" in name else y > 0
    more = {"alphas": 3} if name.endswith("CV") else {}
    model = getattr(fastlasso, name)(max_iter=10_000, **more).fit(X, y, offset=np.full(60, 0.1))
    with pytest.raises(ValueError, match="fitted with an offset"):
        model.predict(X)
    assert len(model.predict(X, offset=np.zeros(60))) == 60
    assert len(getattr(fastlasso, name)(max_iter=10_000, **more).fit(X, y).predict(X)) == 60


@pytest.mark.parametrize("name", ["PoissonRegressor", "LogisticRegression"])
def test_bounds_of_estimators_go_by_name(name):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.standard_normal((80, 3)), columns=list("abc"))
    y = (X.a + 0.3 * rng.standard_normal(80) > 0).astype(int)
    make = getattr(fastlasso, name)
    bounded = make(alpha=0.01, upper={"a": 0.1}).fit(X, y)
    same = make(alpha=0.01, upper=np.array([0.1, np.inf, np.inf])).fit(X, y)
    np.testing.assert_array_equal(bounded.coef_, same.coef_)
    assert np.ravel(bounded.coef_)[0] == 0.1
    with pytest.raises(ValueError, match="upper names 'd'"):
        make(alpha=0.01, upper={"d": 0.1}).fit(X, y)
