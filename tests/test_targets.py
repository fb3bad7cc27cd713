"""Several targets: each is fitted for itself, with the bits of a fit of its own."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import fastlasso
from fastlasso import fit_path
from fastlasso.matrices import dense, sparse as sparse_kinds
from fastlasso.problem import several as problems
from fastlasso.ways import going


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


# ---------------------------------------------------------------- what several targets share

# How X's products are formed: in one pass with y; by the Gram matrix of all columns; on working sets.
WAYS = {"one pass": {"small": 0, "summed_from": 0}, "Gram matrix": {"small": 0},
        "working set": {"small": 0, "compress_features": 0}}
LAYOUTS = {"columns": np.asfortranarray, "rows": np.ascontiguousarray, "csc": sparse.csc_array, "csr": sparse.csr_array,
           "float32": lambda X: X.astype(np.float32), "frame": pd.DataFrame,
           "integers": lambda X: np.rint(9 * X).astype(int)}
OPTIONS = {"plain": {}, "weights": {"sample_weight": np.r_[np.zeros(5), np.linspace(0.1, 2, 195)]},
           "scaled": {"standardize": True, "offset": np.sin(np.arange(200)), "l1_ratio": 0.7},
           "bounds": {"lower": 0.0, "penalty_factor": np.r_[0.0, 0.0, np.inf, np.ones(22)], "fit_intercept": False}}


@pytest.fixture(scope="module")
def taller():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((200, 25)) + 3
    X[:, 7] = 5.0       # constant
    Y = X[:, :6] @ rng.standard_normal((6, 4)) + rng.standard_normal((200, 4))
    Y[:, 2] = 2.0
    return X, Y


def same_bits(one, other):
    """Whether two paths hold the same numbers."""
    for name in ("alphas", "indptr", "indices", "values", "intercepts", "gaps", "r2", "n_passes", "null_objective"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize(("layout", "options"), [*((layout, "plain") for layout in LAYOUTS),
                                                 ("columns", "weights"), ("rows", "scaled"), ("csr", "bounds")])
@pytest.mark.parametrize("way", WAYS)
def test_each_target_has_the_bits_of_a_fit_of_its_own(taller, way, layout, options):
    X, Y = LAYOUTS[layout](taller[0]), taller[1]
    with going(**WAYS[way]):
        for k, path in enumerate(fit_path(X, Y, alphas=5, **OPTIONS[options])):
            same_bits(path, fit_path(X, Y[:, k].copy(), alphas=5, **OPTIONS[options]))


def test_targets_of_another_loss_have_the_bits_of_a_fit_of_their_own(taller):
    X, Y = taller
    how = {"loss": "poisson", "alphas": [0.2, 0.05], "offset": np.cos(np.arange(200))}
    for k, path in enumerate(fit_path(X, np.abs(Y), **how)):
        same_bits(path, fit_path(X, np.abs(Y[:, k]), **how))


def test_more_targets_than_one_pass_serves(taller, monkeypatch):
    monkeypatch.setattr(problems, "TOGETHER", 1)        # then as many as there are columns
    X, Y = taller[0][:, :3], np.hstack([taller[1], np.random.default_rng(2).standard_normal((200, 4))])
    with going(**WAYS["one pass"]):
        for k, path in enumerate(fit_path(X, Y, alphas=5)):
            same_bits(path, fit_path(X, Y[:, k].copy(), alphas=5))


@pytest.mark.parametrize(("way", "layout", "verb", "kinds"), [
    ("one pass", "columns", "group_sums", [dense.Dense]), ("one pass", "rows", "group_sums", [dense.Dense]),
    ("Gram matrix", "columns", "gram", [dense.Dense]),
    ("Gram matrix", "csr", "gram", [sparse_kinds.Sparse])])
def test_one_gram_matrix_serves_all_targets(taller, monkeypatch, way, layout, verb, kinds):
    calls = []
    for kind in kinds:
        original = getattr(kind, verb)
        monkeypatch.setattr(kind, verb, lambda *args, original=original: calls.append(verb) or original(*args))
    X, Y = LAYOUTS[layout](taller[0]), taller[1]
    with going(**WAYS[way]):
        fit_path(X, Y, alphas=4)
        assert calls == [verb]
        fastlasso.ElasticNet(alpha=0.1).fit(X, Y)
        assert calls == 2 * [verb]
        fastlasso.enet_path(X, Y, alphas=4)
        assert calls == 3 * [verb]


def test_x_is_checked_once_for_all_targets(taller, monkeypatch):
    calls = []
    original = problems.Given.of
    monkeypatch.setattr(problems.Given, "of", lambda *args: calls.append(1) or original(*args))
    fit_path(pd.DataFrame(taller[0]), taller[1], alphas=3)
    assert len(calls) == 1


def test_bad_values_of_a_target_are_named(taller):
    X, Y = taller[0], taller[1].copy()
    Y[3, 1] = np.nan
    with going(**WAYS["one pass"]), pytest.raises(ValueError, match="y contains NaN"):
        fit_path(X, Y)


def test_a_y_without_a_column_is_an_error():
    with pytest.raises(ValueError, match="has no target"):
        fit_path(np.eye(4), np.zeros((4, 0)))
