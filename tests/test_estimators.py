"""scikit-learn's own checks, and its `Lasso` and `ElasticNet` as the peer for every argument, attribute and error."""

import dataclasses
import importlib.util
import inspect
import pickle
import subprocess
import sys
import warnings
from operator import attrgetter

import numpy as np
import pandas as pd
import pytest
import sklearn
import sklearn.linear_model as peers
from layouts import PLAIN, build, exact_matrix, set_coordinates, target
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning as PeerWarning, NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastlasso
from fastlasso import ElasticNet, ElasticNetCV, Lasso, LassoCV, enet_path, lasso_path, verify
from fastlasso.estimators import base, cross_validated, linear

BOTH = [Lasso, ElasticNet]
ALL = [Lasso, ElasticNet, LassoCV, ElasticNetCV]


def peer_of(ours):
    return getattr(peers, ours.__name__)


@pytest.fixture(scope="module")
def data():
    A = exact_matrix(50, 12, seed=4)
    return A, target(A, seed=4)


def weights(n):
    return np.arange(n) % 4 / 2.0


@parametrize_with_checks([Lasso(), ElasticNet(), LassoCV(), ElasticNetCV(), Lasso(positive=True, standardize=True),
                          ElasticNet(fit_intercept=False, n_jobs=1), LassoCV(rule="1se", standardize=True)])
def test_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


# ---------------------------------------------------------------- signatures


def parameters(callable_):
    """Parameters by name; `n_alphas`, which comes and goes with the versions, apart."""
    return {name: value for name, value in inspect.signature(callable_).parameters.items() if name != "n_alphas"}


@pytest.mark.parametrize("name", ["Lasso", "Lasso.fit", "ElasticNet", "ElasticNet.fit", "LassoCV", "LassoCV.fit",
                                  "ElasticNetCV", "ElasticNetCV.fit", "lasso_path", "enet_path"])
def test_signatures_hold_those_of_scikit_learn(name):
    """Its parameters come first, in its order, of its kind, with its defaults; what is added comes by keyword only."""
    mine, theirs = (parameters(attrgetter(name)(module)) for module in (fastlasso, peers))
    assert list(mine)[:len(theirs)] == list(theirs)
    for parameter, value in theirs.items():
        assert mine[parameter].kind == value.kind, parameter
        if parameter == "alphas":
            assert mine[parameter].default == 100
            assert value.default in (100, None, "warn")     # all of them mean 100, over the versions
        else:
            assert mine[parameter].default == value.default, parameter
    assert all(mine[added].kind == inspect.Parameter.KEYWORD_ONLY for added in list(mine)[len(theirs):])


# ---------------------------------------------------------------- solutions

PENALTIES = {"plain": {}, "positive": {"positive": True}, "no intercept": {"fit_intercept": False}}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("ours", BOTH)
def test_fits_are_those_of_scikit_learn(data, ours, layout, options, weighted):
    A, y = data
    X, w = build(layout, A), weights(len(A)) if weighted else None
    mine = ours(alpha=0.05, tol=1e-10, **options).fit(X, y, sample_weight=w)
    theirs = peer_of(ours)(alpha=0.05, tol=1e-12, max_iter=100_000, **options).fit(X, y, sample_weight=w)
    np.testing.assert_allclose(mine.coef_, theirs.coef_, atol=1e-8)
    np.testing.assert_allclose(mine.intercept_, theirs.intercept_, atol=1e-7)
    np.testing.assert_allclose(mine.predict(X), theirs.predict(X), atol=1e-7)
    assert mine.score(X, y) == pytest.approx(theirs.score(X, y))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", [*PENALTIES.values(), {"standardize": True}, {"penalty_factor": True}])
@pytest.mark.parametrize("ours", BOTH)
def test_fits_keep_their_certificate(data, ours, options, weighted):
    """`dual_gap_` is the gap that `verify` finds, in units of the objective, for what is added here as well."""
    A, y = data
    w = weights(len(A)) if weighted else None
    if "penalty_factor" in options:
        options = {"penalty_factor": np.arange(A.shape[1]) / 5.0}
    model = ours(alpha=0.05, tol=1e-3, **options).fit(A, y, sample_weight=w)
    options = {"lower" if name == "positive" else name: 0.0 if name == "positive" else value
               for name, value in options.items()}
    judged = verify(A, y, model.coef_, model.intercept_, alpha=0.05, l1_ratio=model.l1_ratio, sample_weight=w,
                    **options)
    assert judged.gap <= model.tol * judged.null_objective
    assert judged.gap == pytest.approx(model.dual_gap_, abs=1e-9 * judged.null_objective)


def test_dual_gap_has_the_scale_of_scikit_learn():
    """Far from the optimum both report the gap of 1/(2 n) |y - X b|^2 + alpha |b|_1 at their own b."""
    A = exact_matrix(60, 30, seed=1)
    y = target(A, seed=1)
    with pytest.warns(PeerWarning):
        theirs = peers.Lasso(alpha=0.01, tol=0.0, max_iter=3).fit(A, y)
    judged = verify(A, y, theirs.coef_, theirs.intercept_, alpha=0.01)
    assert theirs.dual_gap_ == pytest.approx(judged.gap, rel=0.2)
    mine = Lasso(alpha=0.01, tol=0.0, max_iter=1)
    with warnings.catch_warnings(action="ignore"):
        mine.fit(A, y)
    judged = verify(A, y, mine.coef_, mine.intercept_, alpha=0.01)
    assert mine.dual_gap_ == pytest.approx(judged.gap, abs=1e-12 * judged.null_objective)


@pytest.mark.parametrize("X_dtype", [np.float32, np.float64, int, "csr", "list"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_targets", [0, 1, 2])
@pytest.mark.parametrize("ours", BOTH)
def test_attributes_have_the_types_and_shapes_of_scikit_learn(data, ours, n_targets, fit_intercept, X_dtype):
    A, y = data
    A = np.round(A)
    X = (sparse.csr_matrix(A) if X_dtype == "csr" else A.tolist() if X_dtype == "list" else A.astype(X_dtype))
    Y = np.column_stack([y] * n_targets) if n_targets else y
    mine, theirs = (cls(alpha=0.1, fit_intercept=fit_intercept).fit(X, Y) for cls in (ours, peer_of(ours)))
    for name in ("coef_", "intercept_", "dual_gap_"):
        a, b = getattr(mine, name), getattr(theirs, name)
        assert (type(a), np.shape(a), np.asarray(a).dtype) == (type(b), np.shape(b), np.asarray(b).dtype), name
    assert type(mine.n_iter_) is type(theirs.n_iter_)
    assert np.min(mine.n_iter_) >= 1
    assert type(mine.sparse_coef_) is type(theirs.sparse_coef_)
    np.testing.assert_array_equal(mine.sparse_coef_.toarray(), np.atleast_2d(mine.coef_))
    a, b = mine.predict(X), theirs.predict(X)
    assert (a.shape, a.dtype) == (b.shape, b.dtype)


@pytest.mark.parametrize("ours", BOTH)
def test_every_target_is_a_certified_problem_of_its_own(data, ours):
    A, y = data
    Y = np.column_stack([y, -2 * y, np.roll(y, 1)])
    model = ours(alpha=0.05).fit(A, Y)
    for k, column in enumerate(Y.T):
        alone = ours(alpha=0.05).fit(A, column)
        np.testing.assert_array_equal(model.coef_[k], alone.coef_)
        assert (model.intercept_[k], model.dual_gap_[k]) == (alone.intercept_, alone.dual_gap_)
    theirs = peer_of(ours)(alpha=0.05, tol=1e-12, max_iter=100_000).fit(A, Y)
    np.testing.assert_allclose(model.predict(A), theirs.predict(A), atol=1e-6)


def test_arguments_without_effect_change_no_bit(data):
    A, y = data
    plain = Lasso(alpha=0.05).fit(A, y)
    others = [Lasso(alpha=0.05, **options).fit(A, y) for options in (
        {"precompute": True}, {"precompute": A.T @ A}, {"copy_X": False}, {"selection": "random", "random_state": 3},
        {"random_state": np.random.RandomState(0)}, {"warm_start": True}, {"n_jobs": 2}, {"n_jobs": -1})]
    others += [Lasso(alpha=0.05).fit(A, y, check_input=False), Lasso(alpha=0.05).fit(A, y, sample_weight=3.0)]
    for other in others:
        np.testing.assert_array_equal(other.coef_, plain.coef_)


def test_a_warm_start_ends_at_the_same_solution(data):
    A, y = data
    model = Lasso(alpha=1.0, warm_start=True).fit(A, y)
    model.set_params(alpha=0.05).fit(A, y)
    np.testing.assert_array_equal(model.coef_, Lasso(alpha=0.05).fit(A, y).coef_)


def parts(X):
    """The arrays that hold a matrix."""
    return (X.data, X.indices, X.indptr) if sparse.issparse(X) else (X,)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("layout", [*PLAIN, "csr_array-int64-unsorted", "csc_matrix-int64-duplicates", "F_read_only"])
def test_x_goes_to_the_engine_as_it_is(data, layout, dtype, monkeypatch):
    A, y = data
    X = build(layout, A, dtype="f4" if dtype is np.float32 else "f8")
    seen = []

    honest = linear.fit_each

    def recorded(matrix, *args, **kwargs):
        seen.append(matrix)
        return honest(matrix, *args, **kwargs)

    monkeypatch.setattr(linear, "fit_each", recorded)
    for targets in (y, y.tolist()):             # the second goes through scikit-learn's validation
        model = Lasso(alpha=0.05).fit(X, targets)
        assert model.coef_.dtype == dtype
        passed = seen.pop()
        for ours, theirs in zip(parts(passed), parts(X), strict=True):
            assert np.shares_memory(ours, theirs)


# ---------------------------------------------------------------- errors and warnings

BAD = [("alpha", -1), ("alpha", "a"), ("alpha", np.inf), ("max_iter", 0), ("max_iter", 1.5), ("tol", -1.0),
       ("fit_intercept", "yes"), ("positive", 1), ("selection", "some"), ("random_state", -1), ("random_state", "a"),
       ("precompute", "auto"), ("copy_X", None), ("warm_start", 3)]
BAD_CV = [("eps", 0), ("alphas", "a"), ("cv", "a"), ("cv", 1), ("n_jobs", 0.5), ("verbose", "a"), ("verbose", -1),
          ("precompute", "a"), ("tol", None), ("max_iter", "a")]


@pytest.mark.parametrize(("ours", "name", "value"), [(ours, *bad) for ours in BOTH for bad in BAD]
                         + [(ElasticNet, "l1_ratio", 2), (ElasticNetCV, "l1_ratio", "a")]
                         + [(ours, *bad) for ours in (LassoCV, ElasticNetCV) for bad in BAD_CV])
def test_bad_parameters_are_refused_in_the_words_of_scikit_learn(data, ours, name, value):
    words = []
    for cls in (ours, peer_of(ours)):
        model = cls(**{name: value})
        for kind in (ValueError, TypeError):
            with pytest.raises(kind) as caught:
                model.fit(*data)
        words.append(str(caught.value).partition(" must be ")[0])
    assert words[0] == words[1] == f"The {name!r} parameter of {ours.__name__}"


@pytest.mark.parametrize(("ours", "options", "words"), [
    (Lasso, {"standardize": 1}, "standardize"), (Lasso, {"n_jobs": 1.5}, "n_jobs"), (Lasso, {"n_jobs": 0}, "n_jobs"),
    (Lasso, {"penalty_factor": [1.0]}, "penalty_factor"), (Lasso, {"precompute": np.eye(3)}, "precompute.shape"),
    (LassoCV, {"rule": "max"}, "rule"), (LassoCV, {"alphas": [-1.0, 1.0]}, ">= 0"), (LassoCV, {"alphas": []}, "empty"),
    (LassoCV, {"n_alphas": 0}, "n_alphas"), (LassoCV, {"cv": 51}, "n_splits"), (LassoCV, {"cv": [([0], [99])]}, "cv"),
    (ElasticNetCV, {"l1_ratio": [0.5, 2.0]}, "l1_ratio")])
def test_what_is_added_is_checked_too(data, ours, options, words):
    with pytest.raises(ValueError, match=words):
        ours(**options).fit(*data)


def broken(y, at=3, value=np.nan):
    y = np.array(y)
    y[at] = value
    return y


def corrupt(X):
    """A sparse matrix with an index that is out of range: SciPy would write, or read, where it points."""
    if X.format == "coo":
        set_coordinates(X, X.row + 50_000_000, X.col)
    else:
        X.indices = X.indices + 50_000_000
    return X


@pytest.mark.parametrize(("X", "y", "fit_arguments"), [
    (lambda A: broken(A), lambda y: y, {}), (lambda A: A, lambda y: broken(y), {}),
    (lambda A: broken(A, value=np.inf), lambda y: y, {}), (lambda A: sparse.csr_matrix(broken(A)), lambda y: y, {}),
    (lambda A: A, lambda y: y[:-1], {}), (lambda A: A, lambda y: None, {}), (lambda A: A[:, 0], lambda y: y, {}),
    (lambda A: A[:0], lambda y: y[:0], {}), (lambda A: A[:, :0], lambda y: y, {}), (lambda A: A * 1j, lambda y: y, {}),
    (lambda A: A, lambda y: y, {"sample_weight": np.ones(7)}), (lambda A: A, lambda y: y[:, None, None], {}),
    (lambda A: A, lambda y: y, {"sample_weight": np.ones((50, 2))}), (lambda A: A, lambda y: [*"a" * 50], {}),
    (lambda A: A, lambda y: y, {"sample_weight": -np.ones(50)}), (lambda A: A, lambda y: y[:, None][:, :0], {}),
    (lambda A: A, lambda y: sparse.csr_matrix(y[:, None]), {}), (lambda A: A, lambda y: np.ma.masked_less(y, 0), {}),
    (lambda A: np.ma.masked_less(A, 0), lambda y: y, {}), (lambda A: corrupt(sparse.csr_array(A)), lambda y: y, {}),
    (lambda A: corrupt(sparse.coo_array(A)), lambda y: y, {})])
@pytest.mark.parametrize("ours", ALL)
def test_bad_data_are_refused_and_nothing_stays_fitted(data, ours, X, y, fit_arguments):
    """Also where an earlier fit was good: the failed one leaves none of its attributes."""
    model = ours().fit(*data)
    with pytest.raises((ValueError, TypeError)):
        model.fit(X(data[0]), y(data[1]), **fit_arguments)
    assert set(vars(model)) == set(vars(ours()))
    with pytest.raises(NotFittedError):
        model.predict(data[0])


@pytest.mark.parametrize("ours", ALL)
def test_an_interrupted_fit_leaves_nothing(data, ours, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(linear, "fit_each", interrupt)
    monkeypatch.setattr(cross_validated, "cross_validate_ratios", interrupt)
    model = ours()
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data)
    assert set(vars(model)) == set(vars(ours()))


@pytest.mark.parametrize("call", [lambda X, y, **o: Lasso(0.01, **o).fit(X, y),
                                  lambda X, y, **o: LassoCV(alphas=5, **o).fit(X, y),
                                  lambda X, y, **o: enet_path(X, y, l1_ratio=0.9, alphas=5, **o)])
def test_what_is_not_certified_warns_in_both_classes(data, call):
    """A gap of exactly 0 is more than rounding allows."""
    X, y = data
    options = {"positive": True, "max_iter": 1, "tol": 0.0}
    for kind in (PeerWarning, fastlasso.ConvergenceWarning):
        with pytest.warns(kind, match="duality gap"):
            call(X, y, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", kind)
            with pytest.raises(kind):
                call(X, y, **options)
    with pytest.warns(fastlasso.ConvergenceWarning) as caught:
        fastlasso.fit(X, y, 0.01, tol=0.0)
    assert not any(issubclass(warning.category, PeerWarning) for warning in caught)     # it ended with the estimators


def test_a_column_as_y(data):
    """`LassoCV` warns as scikit-learn does and flattens it; several targets are refused."""
    A, y = data
    with pytest.warns(sklearn.exceptions.DataConversionWarning):
        model = LassoCV(alphas=5).fit(A, y[:, None])
    np.testing.assert_array_equal(model.coef_, LassoCV(alphas=5).fit(A, y).coef_)
    for cls in (LassoCV, ElasticNetCV, peers.LassoCV):
        with pytest.raises(ValueError, match="multi-task"):
            cls().fit(A, np.column_stack([y, y]))


# ---------------------------------------------------------------- paths


@pytest.mark.parametrize("options", [{}, {"positive": True}, {"eps": 0.1}, {"alphas": [0.05, 1.0, 0.3]}],
                         ids=["plain", "positive", "eps", "alphas"])
@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("name", ["lasso_path", "enet_path"])
def test_paths_are_those_of_scikit_learn(data, name, layout, options):
    A, y = data
    mine, theirs = getattr(fastlasso, name), getattr(peers, name)
    alphas, coefs, gaps, n_iters = mine(build(layout, A), y, return_n_iter=True, tol=1e-10, **options)
    peer_alphas, peer_coefs, *_ = theirs(A, y, tol=1e-12, max_iter=100_000, **options)
    np.testing.assert_allclose(alphas, peer_alphas, rtol=1e-12)
    np.testing.assert_allclose(coefs, peer_coefs, atol=1e-7)
    for k in (0, len(alphas) - 1):
        judged = verify(A, y, coefs[:, k], 0.0, alpha=alphas[k], l1_ratio=1.0 if name == "lasso_path" else 0.5,
                        fit_intercept=False, lower=0.0 if "positive" in options else -np.inf)
        assert judged.gap == pytest.approx(gaps[k], abs=1e-9 * judged.null_objective)
    assert type(n_iters) is list
    assert len(n_iters) == len(alphas)
    assert all(type(n) is int and n >= 1 for n in n_iters)
    assert len(mine(A, y, **options)) == 3


def test_a_column_as_target_of_a_path(data):
    A, y = data
    (alphas, coefs, gaps), plain = lasso_path(A.astype(np.float32), y[:, None]), lasso_path(A.astype(np.float32), y)
    theirs = peers.lasso_path(A, y[:, None])
    assert (coefs.shape, gaps.shape, alphas.shape) == (theirs[1].shape, theirs[2].shape, theirs[0].shape)
    assert coefs.dtype == np.float32
    np.testing.assert_array_equal(coefs[0], plain[1])


def test_arguments_of_a_path_without_effect(data):
    A, y = data
    plain = lasso_path(A, y)[1]
    for options in ({"precompute": A.T @ A}, {"precompute": False}, {"Xy": A.T @ y}, {"copy_X": False},
                    {"coef_init": np.ones(A.shape[1])}, {"selection": "random", "random_state": 0},
                    {"do_screening": False}, {"check_input": False}, {"X_offset": None}, {"alphas": 100},
                    {"sample_weight": np.full(len(y), 2.0)}):
        np.testing.assert_array_equal(lasso_path(A, y, **options)[1], plain)
    np.testing.assert_allclose(lasso_path(A, y, verbose=1)[1], plain, atol=1e-12)     # with a callback


def test_sample_weights_of_a_path(data):
    A, y = data
    w = np.arange(len(y)) % 3
    _, coefs, _ = lasso_path(A, y, sample_weight=w, alphas=[0.1])
    _, repeated, _ = lasso_path(np.repeat(A, w, axis=0), np.repeat(y, w), alphas=[0.1])
    np.testing.assert_allclose(coefs, repeated, atol=1e-12)


def test_verbose_writes_a_line_per_alpha(data, capsys):
    lasso_path(*data, alphas=3, verbose=1)
    assert capsys.readouterr().err.splitlines() == [f"Path: 00{k} out of 003" for k in (1, 2, 3)]


@pytest.mark.parametrize("call", [lambda X, y, **o: len(lasso_path(X, y, **o)[0]),
                                  lambda X, y, **o: len(enet_path(X, y, **o)[0]),
                                  lambda X, y, **o: len(LassoCV(**o).fit(X, y).alphas_)])
def test_the_older_names_of_a_number_of_alphas(data, call):
    with pytest.warns(FutureWarning, match="n_alphas"):
        assert call(*data, n_alphas=7) == 7
    with pytest.warns(FutureWarning, match="n_alphas"):
        assert call(*data, n_alphas=7, alphas=[0.1, 0.2]) == 2
    with pytest.warns(FutureWarning, match="alphas=None"):
        assert call(*data, alphas=None) == 100


@pytest.mark.parametrize(("options", "words"), [
    ({"foo": 1}, "Unexpected parameters"), ({"selection": "a"}, "selection"), ({"eps": 0.0}, "eps"),
    ({"coef_init": np.ones(3)}, "coef_init"), ({"precompute": np.eye(3)}, "precompute"), ({"Xy": [1.0]}, "Xy"),
    ({"alphas": 0}, "alphas"), ({"alphas": [-1.0]}, "alphas"), ({"n_alphas": 0}, "n_alphas"), ({"tol": -1}, "tol"),
    ({"X_offset": np.zeros(12), "X_scale": np.ones(12)}, "X_offset"), ({"l1_ratio": 1.5}, "l1_ratio")])
def test_bad_arguments_of_a_path(data, options, words):
    with pytest.raises(ValueError, match=words):
        enet_path(*data, **options)


def test_a_path_of_several_targets_takes_no_bounds(data):
    A, y = data
    with pytest.raises(ValueError, match="positive=True is not allowed for multi-output"):
        enet_path(A, np.column_stack([y, y]), positive=True)


@pytest.mark.parametrize("ours", ALL)
def test_estimators_carry_their_path_function(ours):
    assert ours.path.__name__ == peer_of(ours).path.__name__


# ---------------------------------------------------------------- company


@pytest.mark.parametrize("ours", ALL)
def test_clones_pickles_and_parameters(data, ours):
    model = ours(tol=1e-6, n_jobs=1, standardize=True).fit(*data)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(data[0]), model.predict(data[0]))
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    assert not hasattr(fresh, "coef_")
    assert peer_of(ours)().get_params().keys() <= model.get_params().keys()


@pytest.mark.parametrize("ours", ALL)
def test_metadata_and_tags_are_those_of_scikit_learn(ours):
    mine, theirs = ours(), peer_of(ours)()
    assert parameters(mine.set_fit_request).keys() == parameters(theirs.set_fit_request).keys()
    mine, theirs = (dataclasses.asdict(sklearn.utils.get_tags(model)) for model in (mine, theirs))
    mine.pop("array_api_support"), theirs.pop("array_api_support")
    assert mine == theirs


@pytest.mark.parametrize("ours", ALL)
def test_in_pipelines_and_searches(data, ours):
    mine, theirs = (GridSearchCV(make_pipeline(StandardScaler(), cls()), {f"{cls.__name__.lower()}__fit_intercept":
                                 [True, False]}, cv=3).fit(*data) for cls in (ours, peer_of(ours)))
    assert mine.best_params_ == theirs.best_params_
    assert mine.best_score_ == pytest.approx(theirs.best_score_, rel=1e-3)


@pytest.mark.parametrize("ours", ALL)
def test_as_a_feature_selector(data, ours):
    A, y = data
    mine, theirs = (SelectFromModel(cls(tol=1e-10, max_iter=100_000)).fit(A, y) for cls in (ours, peer_of(ours)))
    np.testing.assert_array_equal(mine.get_support(), theirs.get_support())
    assert mine.threshold_ == pytest.approx(theirs.threshold_, rel=1e-3)
    assert mine.transform(A).shape == (len(A), np.count_nonzero(mine.get_support()))


def test_names_of_columns(data):
    A, y = data
    frame = pd.DataFrame(A, columns=[f"x{j}" for j in range(A.shape[1])])
    model = Lasso(alpha=0.05).fit(frame, pd.Series(y))
    assert list(model.feature_names_in_) == list(frame.columns)
    np.testing.assert_allclose(model.coef_, Lasso(alpha=0.05).fit(A, y).coef_, rtol=1e-12)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(A)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[frame.columns[::-1]])
    assert not hasattr(model.fit(A, y), "feature_names_in_")
    selector = SelectFromModel(Lasso(alpha=0.05)).set_output(transform="pandas").fit(frame, y)
    assert list(selector.transform(frame).columns) == list(frame.columns[model.coef_ != 0])


@pytest.mark.parametrize("X", [lambda A: broken(A), lambda A: np.ma.masked_less(A, 0), lambda A: A[0],
                               lambda A: corrupt(sparse.csr_array(A)), lambda A: corrupt(sparse.csc_array(A)),
                               lambda A: corrupt(sparse.coo_array(A))])
def test_predictions_for_bad_data_are_refused(data, X):
    with pytest.raises(ValueError):
        Lasso().fit(*data).predict(X(data[0]))


def test_predictions_of_another_width_are_refused(data):
    A, y = data
    with pytest.raises(ValueError, match="X has 11 features, but Lasso is expecting 12 features as input"):
        Lasso().fit(A, y).predict(A[:, 1:])


@pytest.mark.skipif("sparse_interface" not in sklearn.get_config(), reason="this scikit-learn has one sparse interface")
def test_sparse_coef_follows_the_sparse_interface(data):
    model = Lasso(alpha=0.05).fit(*data)
    with sklearn.config_context(sparse_interface="sparray"):
        assert isinstance(model.sparse_coef_, sparse.csr_array)


# ---------------------------------------------------------------- imports


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_estimators_come_on_first_use():
    run = python("import sys, fastlasso\nassert 'sklearn' not in sys.modules\nassert 'LassoCV' in dir(fastlasso)\n"
                 "from fastlasso import Lasso, LassoCV, ElasticNet, ElasticNetCV, lasso_path, enet_path\n"
                 "assert Lasso is fastlasso.estimators.Lasso")
    assert run.returncode == 0, run.stderr


def test_without_scikit_learn_the_error_says_what_to_install():
    run = python("import sys\nsys.modules['sklearn'] = None\nimport numpy, fastlasso\nfrom fastlasso import *\n"
                 "fastlasso.fit(numpy.eye(2), [1.0, 2.0], 0.1)\nfrom fastlasso import Lasso")
    assert 'need scikit-learn 1.6 or newer: pip install "fastlasso[sklearn]"' in run.stderr
    assert "line 6" in run.stderr


def test_other_names_are_still_missing():
    with pytest.raises(AttributeError, match="no attribute 'Ridge'"):
        fastlasso.Ridge     # noqa: B018


def test_the_message_without_scikit_learn_is_an_import_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    again = importlib.util.spec_from_file_location("fastlasso.estimators.base_again", base.__file__)
    with pytest.raises(ImportError, match=r"need scikit-learn 1\.6 or newer"):
        again.loader.exec_module(importlib.util.module_from_spec(again))
