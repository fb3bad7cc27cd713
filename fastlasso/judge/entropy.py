"""x ln x and its relatives, without cancellation: what the conjugates of the exponential families are made of."""

import numpy as np
from scipy.special import xlog1py, xlogy

from .rounding import QUIET

# Up to this |x| the series of phi(x) is summed; its first term left out is below 1e-16 of its sum.
SERIES = 0.05
TERMS = 13

# Below this mean, and beyond this ratio, quotients overflow or lose digits, and logarithms are subtracted instead.
TINY, VAST = 1e-290, 1e200


def relative_entropy(change, mean, log_mean):
    """Return m ln(m / mean) - m + mean >= 0 for m = max(mean + change, 0).

    It is mean * phi(change / mean) with phi(x) = (1 + x) ln(1 + x) - x, summed as a series near 0. Where the mean is
    too small for a quotient, its logarithm is used.

    Parameters
    ----------
    change, mean, log_mean : ndarray of one shape
    """
    with np.errstate(**QUIET, under="ignore"):
        x = np.maximum(change / mean, -1.0)
        usual = mean * np.where(np.abs(x) < SERIES, phi_series(np.where(np.abs(x) < SERIES, x, 0.0)),
                                xlog1py(1 + x, x) - x)
        m = np.maximum(mean + change, 0.0)
        by_logarithms = xlogy(m, m) - xlogy_of(m, log_mean) - m + mean
        value = np.where((mean < TINY) | (x > VAST), by_logarithms, usual)
    return np.where(np.isnan(value), np.inf, np.maximum(value, 0.0))


def phi_series(x):
    """(1 + x) ln(1 + x) - x = sum_k (-x)^k / (k (k - 1)), k >= 2, for small x."""
    value = np.zeros_like(x)
    for k in range(TERMS + 1, 1, -1):
        value = 1 / (k * (k - 1)) - x * value
    return x * x * value


def xlogy_of(x, logarithm):
    """x * logarithm, and 0 where x is 0."""
    return np.where(x == 0, 0.0, x * np.where(x == 0, 0.0, logarithm))


def exponential(x):
    """exp(x), infinite beyond the largest number, without a warning."""
    with np.errstate(over="ignore", under="ignore"):
        return np.exp(x)


# ---------------------------------------------------------------- how far a dual optimum can be


def entropy_spread(weight, m, gap):
    """Bound weight * s, where (m - m*)^2 <= s kl(m, m*) for every m* >= 0 with weight * kl(m, m*) <= gap.

    From kl(m, m*) >= (m - m*)^2 / s with s = 4/3 m* + 2/3 m (Bernstein), m* is at most m + Y / weight, where
    Y^2 = gap (4/3 Y + 2 weight m).
    """
    above = 2 / 3 * gap + np.sqrt(4 / 9 * gap * gap + 2 * weight * m * gap)
    return 2 * weight * m + 4 / 3 * above


def binary_spread(weight, m, other, gap):
    """As `entropy_spread`, for kl(m, m*) + kl(1 - m, 1 - m*), other = 1 - m.

    The two spreads a and b of m* and 1 - m* add up to 2, so 1 / (1 / a + 1 / b) = a b / 2 <= 1 / 2.
    """
    first, second = entropy_spread(weight, m, gap), entropy_spread(weight, other, gap)
    with np.errstate(**QUIET):
        product = first * np.where(weight > 0, second / (2 * weight), 0.0)
    return np.minimum(product, weight / 2)
