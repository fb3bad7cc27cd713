"""Several targets: each is fitted for itself, with the bits of a fit of its own."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import fastlasso
from fastlasso import fit_path


@pytest.fixture(scope="module")
def several():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 12))
    return X, X[:, :3] @ rng.standard_normal((3, 4)) + rng.standard_normal((60, 4))


@pytest.mark.parametrize("layout", [np.asarray, sparse.csc_array,
                                    lambda X: pd.DataFrame(X, columns=list("abcdefghijkl"))])
def test_fit_path_returns_a_path_for_each_target(several, layout):
    X, Y = layout(several[0]), several[1]
    paths = fit_path(X, Y, alphas=8)
    assert len(paths) == 4
    for k, path in enumerate(paths):
        alone = fit_path(X, Y[:, k].copy(), alphas=8)
        np.testing.assert_array_equal(path.coefs.toarray(), alone.coefs.toarray())
        np.testing.assert_array_equal(path.alphas, alone.alphas)
        np.testing.assert_array_equal(paths.predict(X, 0.1)[:, k], alone.predict(X, 0.1))
    assert [len(part) for part in (paths[1:], paths.at(0.2), paths.select("bic"))] == [3, 4, 4]


def test_targets_of_a_frame_have_names(several):
    X, Y = several
    paths = fit_path(X, pd.DataFrame(Y, columns=["u", "v", "w", "x"]), alphas=3)
    assert paths.target_names == ["u", "v", "w", "x"]
    np.testing.assert_array_equal(paths["w"].coefs.toarray(), fit_path(X, Y[:, 2].copy(), alphas=3).coefs.toarray())
    with pytest.raises(KeyError):
        paths["z"]


def test_a_single_column_is_one_target(several):
    X, Y = several
    assert isinstance(fit_path(X, Y[:, :1], alphas=3), fastlasso.LassoPath)
    assert isinstance(fit_path(X, pd.DataFrame(Y[:, :1]), alphas=3), fastlasso.LassoPath)


@pytest.mark.parametrize("name", ["Lasso", "ElasticNet"])
def test_estimators_fit_each_target(several, name):
    X, Y = several
    kind = getattr(fastlasso, name)
    model = kind(alpha=0.1).fit(X, Y)
    assert (model.coef_.shape, model.intercept_.shape, model.predict(X).shape) == ((4, 12), (4,), (60, 4))
    for k in range(4):
        np.testing.assert_array_equal(model.coef_[k], kind(alpha=0.1).fit(X, Y[:, k].copy()).coef_)


@pytest.mark.parametrize("alphas", [6, [0.5, 0.1]])
@pytest.mark.parametrize("function", ["lasso_path", "enet_path"])
def test_path_functions_stack_the_targets(several, function, alphas):
    X, Y = several
    solve = getattr(fastlasso, function)
    grid, coefs, gaps, n_iters = solve(X, Y, alphas=alphas, return_n_iter=True)
    assert (coefs.shape, gaps.shape, len(n_iters)) == ((4, 12, len(grid)), (len(grid),), len(grid))
    for k in range(4):
        np.testing.assert_array_equal(coefs[k], solve(X, Y[:, k].copy(), alphas=grid)[1])
    if alphas == 6:
        assert not coefs[:, :, 0].any()
        assert coefs[:, :, 1].any()
    with pytest.raises(ValueError, match="positive=True is not allowed"):
        solve(X, Y, positive=True)


def test_bad_targets_are_refused_as_single_ones_are(several):
    X, Y = several
    with pytest.raises(ValueError, match="inconsistent numbers"):
        fit_path(X, Y[:-1])
    with pytest.raises(TypeError, match="booleans"):
        fit_path(X, Y > 0)
