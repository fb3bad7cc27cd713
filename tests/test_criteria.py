"""Information criteria and the bound of stability selection count the columns that a penalty may choose from."""

import warnings
from math import lgamma

import numpy as np
import pytest

import fastlasso
from fastlasso import LassoPath, fit_path, stability_selection


@pytest.fixture(scope="module")
def controlled():
    """60 columns, the first 30 of which are controls without a penalty."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 60))
    y = X[:, :5].sum(axis=1) + 2 * X[:, 40] - X[:, 41] + rng.standard_normal(200)
    return X, y, np.where(np.arange(60) < 30, 0.0, 1.0)


def log_binomial(n, k):
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def test_the_term_of_ebic_counts_penalised_columns(controlled, tmp_path):
    X, y, factors = controlled
    path = fit_path(X, y, penalty_factor=factors, alphas=20)
    path.save(tmp_path / "path.npz")
    chosen = (path.coefs.toarray()[30:] != 0).sum(axis=0)
    assert chosen.max() > 5
    expected = [2 * 0.7 * log_binomial(30, k) for k in chosen]
    for each in (path, LassoPath.load(tmp_path / "path.npz")):
        term = each.criterion("ebic", gamma=0.7) - each.criterion("bic")
        np.testing.assert_allclose(term, expected, atol=1e-9)


def test_excluded_columns_do_not_count(controlled):
    X, y, factors = controlled
    one = fit_path(X[:, 30:], y, alphas=[0.5, 0.1])
    two = fit_path(X, y, alphas=[0.5, 0.1], penalty_factor=np.where(factors == 0, np.inf, 1.0))
    np.testing.assert_allclose(one.criterion("ebic"), two.criterion("ebic"), rtol=1e-12)


def test_columns_that_a_pilot_drops_do_count(controlled):
    X, y, _ = controlled
    path = fastlasso.adaptive_path(X, y, pilot_alpha=0.2, alphas=10)
    assert np.isinf(path.penalty_factor).any()
    assert path.n_penalised == 60


def test_without_factors_the_term_is_that_of_all_columns(controlled):
    X, y, _ = controlled
    path = fit_path(X, y, alphas=10)
    term = path.criterion("ebic") - path.criterion("bic")
    np.testing.assert_allclose(term, [log_binomial(60, k) for k in path.df], atol=1e-9)


def test_a_stage_and_select_use_one_gamma(controlled):
    X, y, factors = controlled
    path = fit_path(X, y, penalty_factor=factors)
    chosen = []
    for gamma in (0.0, 0.5, 30.0):
        stage = fastlasso.Stage("ebic", ebic_gamma=gamma)
        chosen.append(fastlasso.fit_schedule(X, y, [stage], penalty_factor=factors).alphas[0])
        assert chosen[-1] == pytest.approx(path.alphas[path.select("ebic", gamma=gamma)], rel=1e-12)
    assert len(set(chosen)) > 1
    assert fastlasso.fit_schedule(X, y, [fastlasso.Stage("ebic")], penalty_factor=factors).alphas[0] == chosen[1]


def test_bic_on_a_saturated_path_warns():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 300))
    y = X[:, 0] + rng.standard_normal(40)
    path = fit_path(X, y)
    with pytest.warns(UserWarning, match="bic chooses the last alpha of the path") as caught:
        assert path.select("bic") == len(path) - 1
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit_path(X, y, eps=0.3).select("bic")
        fit_path(X[:, :10], y).select("aic")


def test_the_bound_of_stability_selection_counts_penalised_columns(controlled):
    X, y, factors = controlled
    how = {"n_pairs": 6, "alphas": 15, "eps": 0.2, "random_state": 0}
    stable = stability_selection(X, y, penalty_factor=factors, **how)
    assert set(stable.support(max_false=1)) == {*range(30), 40, 41}
    np.testing.assert_allclose(stable.mean_selected, stable.probabilities[30:].sum(axis=0), rtol=1e-12)
    q = stable.mean_selected[-1]
    assert stable.error_bound(0.75) == pytest.approx(q * q / (30 * 0.5))
    plain = stability_selection(X, y, **how)
    assert plain.error_bound(0.75) == pytest.approx(plain.probabilities[:, -1].sum() ** 2 / (60 * 0.5))
