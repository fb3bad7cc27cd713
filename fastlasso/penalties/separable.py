"""penalties.separable."""

import numpy as np


def orthant(b, l1, lower, upper):
    """(which coordinates are neither zero nor at a bound, bounds low, high between which the signs of b hold)."""
    inside = ((b != 0) | (l1 == 0)) & (b > lower) & (b < upper)
    return inside, np.where((l1 > 0) & (b > 0), 0.0, lower), np.where((l1 > 0) & (b < 0), 0.0, upper)


def within(now, step, low, high):
    """The step, cut short where the first coordinate reaches its bound (and lands on it exactly)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(step < 0, (low - now) / step, np.where(step > 0, (high - now) / step, np.inf))
    cut = float(reach.min(initial=np.inf))
    if cut >= 1:
        return step
    return np.where(reach <= cut, np.where(step < 0, low, high) - now, cut * step)
