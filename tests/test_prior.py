"""The lasso is the mode of the posterior under Laplace priors."""

import numpy as np
import pytest
from scipy.optimize import minimize

from fastlasso import fit, laplace_prior, laplace_scale

SIGMA2, TAU = 0.8, 0.2


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scales", [False, True])
def test_the_lasso_is_the_posterior_mode(weighted, scales):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 5))
    y = X[:, 0] - 0.5 * X[:, 1] + np.sqrt(SIGMA2) * rng.standard_normal(40)
    w = rng.integers(1, 4, 40) if weighted else np.ones(40)
    tau = TAU * np.array([1, 0.5, 2, 1, 0.1]) if scales else np.full(5, TAU)
    alphas = laplace_prior(tau, SIGMA2, w.sum())
    mode = fit(X, y, alphas[0], penalty_factor=alphas / alphas[0], sample_weight=w)

    def negative_log_posterior(b):
        return np.sum(w * (y - b[0] - X @ b[1:]) ** 2) / (2 * SIGMA2) + np.sum(np.abs(b[1:]) / tau)

    at = np.append(mode.intercept, mode.coef)
    best = negative_log_posterior(at)
    for size in (1e-4, 1e-2, 1.0):
        for step in size * rng.standard_normal((50, 6)):
            assert best <= negative_log_posterior(at + step) + 1e-9
    found = minimize(negative_log_posterior, at, method="Nelder-Mead", options={"maxfev": 2000})
    assert found.fun >= best - 1e-8


def test_the_scale_is_the_inverse():
    assert laplace_prior(0.5, 4.0, 100) == 0.08
    assert laplace_scale(laplace_prior(0.3, 2.0, 50), 2.0, 50) == pytest.approx(0.3)
    np.testing.assert_allclose(laplace_prior([0.5, 0.25], 4.0, 100), [0.08, 0.16])


@pytest.mark.parametrize("bad", [("a", 1, 1), (1.0, None, 10), (1.0, 1.0, True)])
def test_what_is_no_number(bad):
    with pytest.raises(TypeError, match="must be a number"):
        laplace_prior(*bad)


@pytest.mark.parametrize("bad", [(0.0, 1.0, 10), (1.0, -1.0, 10), (1.0, 1.0, 0), (np.inf, 1.0, 10), (1.0, np.nan, 10)])
def test_bad_numbers(bad):
    with pytest.raises(ValueError, match="must be finite and > 0"):
        laplace_prior(*bad)
