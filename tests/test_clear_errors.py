"""What is passed wrong is named: the argument, the column or the fold, and the way out where there is one."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.model_selection import KFold

import fastlasso
from fastlasso import cross_validate_path, fit_path

RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 4))
Y = X[:, 0] + RNG.standard_normal(30)


def coo(values):
    """A COO matrix whose values are of a type that SciPy itself does not convert."""
    X = sparse.coo_array((np.ones(len(values)), (np.arange(len(values)), np.arange(len(values)) % 3)), shape=(30, 3))
    X.data = np.array(values)
    return X


@pytest.mark.parametrize(("alphas", "words"), [
    (["1", "2"], "alphas must be numbers, got values such as '1'"), ([True], "alphas must be numbers"),
    ("10", "alphas must be an integer"), ([None, "a"], "alphas holds values that are not numbers")])
def test_alphas(alphas, words):
    with pytest.raises((TypeError, ValueError), match=words):
        fit_path(X, Y, alphas=alphas)
    with pytest.raises((TypeError, ValueError), match=words):
        cross_validate_path(X, Y, alphas=alphas)


@pytest.mark.parametrize("name", ["ElasticNetCV", "PoissonRegressorCV", "HuberLassoCV"])
def test_no_l1_ratio(name):
    with pytest.raises(ValueError, match="l1_ratio is empty"):
        getattr(fastlasso, name)(l1_ratio=[]).fit(X, np.abs(Y))


def test_one_dimensional_sparse_x():
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        fit_path(sparse.coo_array(np.ones(30)), Y)


@pytest.mark.parametrize("dtype", [np.float16, object])
def test_coordinates_of_any_number_type(dtype):
    expected = fit_path(coo(np.arange(30.0)), Y, alphas=3)
    path = fit_path(coo(np.arange(30.0).astype(dtype)), Y, alphas=3)
    np.testing.assert_array_equal(path.coefs.toarray(), expected.coefs.toarray())


def test_coordinates_that_are_no_numbers():
    with pytest.raises(ValueError, match="X holds values that are not numbers"):
        fit_path(coo(np.array([1.0] * 29 + ["a"], object)), Y)


def test_a_fold_without_weight():
    first = np.arange(30) < 6
    with pytest.raises(ValueError, match="fold 1: all rows that it trains on have sample_weight 0"):
        cross_validate_path(X, Y, cv=[(first, first), (~first, first)], sample_weight=first.astype(float))


@pytest.mark.parametrize("call", [lambda: cross_validate_path(X, Y, cv=KFold),
                                  lambda: fastlasso.LassoCV(cv=KFold).fit(X, Y),
                                  lambda: fastlasso.cross_validate_relaxed(X, Y, cv=KFold)])
def test_the_class_of_a_splitter(call):
    with pytest.raises(TypeError, match=r"the class KFold: pass an instance, KFold\(\.\.\.\)"):
        call()


@pytest.mark.parametrize("y", [np.array(["yes", "no"] * 15), ["yes", "no"] * 15, np.array(["yes", "no"] * 15, object),
                               Y > 0, (Y > 0).tolist(), (Y > 0).astype(object)])
@pytest.mark.parametrize("call", [fit_path, cross_validate_path, fastlasso.stability_selection,
                                  lambda X, y: fastlasso.fit(X, y, 0.1)])
def test_classes_under_squared_error(y, call):
    with pytest.raises((TypeError, ValueError), match="For two classes take loss='log_loss'"):
        call(X, y)
    assert fit_path(X, y, loss="log_loss", alphas=3).classes is not None
