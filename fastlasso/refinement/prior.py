"""The lasso as the mode of a posterior: what a penalty says about the coefficients beforehand.

Let y_i = b0 + x_i . b + e_i with e_i normal of variance sigma^2, a flat prior on b0, and independent Laplace priors on
the coefficients, with density exp(-|b_j| / tau) / (2 tau). Up to a constant the negative log posterior is

    1/(2 sigma^2) sum_i (y_i - b0 - x_i . b)^2 + 1/tau sum_j |b_j|

Multiplied by sigma^2 / n it is the lasso's objective, 1/(2 n) sum_i (...)^2 + alpha sum_j |b_j|, with

    alpha = sigma^2 / (n tau)

so the lasso at this alpha is the posterior's mode. With sample weights w_i the noise of row i has variance
sigma^2 / w_i, and n is their sum; penalty factors v_j are prior scales tau / v_j; with `standardize` the prior is on
b_j s_j.

References
----------
Tibshirani (1996), Regression shrinkage and selection via the lasso, JRSS B 58(1), section 5.
Park and Casella (2008), The Bayesian lasso, JASA 103(482).
"""

from typing import Any

import numpy as np


def laplace_prior(scale: float, noise_variance: float, n_samples: int) -> Any:
    """Return the alpha whose lasso is the posterior mode under Laplace priors: noise_variance / (n_samples scale).

    Parameters
    ----------
    scale : float or array
        tau of the prior density exp(-|b| / tau) / (2 tau), in units of the coefficients; its standard deviation is
        sqrt(2) tau.
    noise_variance : float
        sigma^2, in squared units of y.
    n_samples : float
        Number of rows, or the sum of the sample weights, where these are precisions.

    Returns
    -------
    float or array
        alpha. Several scales give several alphas; pass the first as `alpha` and all divided by it as `penalty_factor`.

    Examples
    --------
    >>> from fastlasso import laplace_prior, laplace_scale
    >>> laplace_prior(scale=0.5, noise_variance=4.0, n_samples=100)
    0.08
    >>> laplace_scale(alpha=0.08, noise_variance=4.0, n_samples=100)
    0.5
    """
    return ratio(noise_variance, n_samples, scale, "scale")


def laplace_scale(alpha: float, noise_variance: float, n_samples: int) -> float:
    """Return the scale of the Laplace prior that a lasso at `alpha` stands for: noise_variance / (n_samples alpha).

    Parameters
    ----------
    alpha : float or array
    noise_variance, n_samples : float
        As in `laplace_prior`, whose inverse this is.
    """
    return ratio(noise_variance, n_samples, alpha, "alpha")


def ratio(noise_variance, n_samples, divisor, name):
    """noise_variance / (n_samples divisor), all of them checked."""
    for value, what in ((noise_variance, "noise_variance"), (n_samples, "n_samples"), (divisor, name)):
        if np.asarray(value).dtype.kind not in "fiu":
            raise TypeError(f"{what} must be a number, got {value!r}")
        if not (np.isfinite(value).all() and (np.asarray(value) > 0).all()):
            raise ValueError(f"{what} must be finite and > 0, got {value!r}")
    result = noise_variance / (n_samples * np.asarray(divisor, dtype=float))
    return float(result) if np.ndim(result) == 0 else result
