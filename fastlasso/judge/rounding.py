"""Arithmetic whose rounding error is known: exact sums, exact differences, error bounds of dot products."""

import math

import numpy as np

# The unit roundoff of float64.
UNIT = 2.0**-53

# `np.errstate` of expressions in which 0/0 is masked afterwards and x/0 means infinity.
QUIET = {"divide": "ignore", "invalid": "ignore", "over": "ignore"}


def total(values):
    """Return the correctly rounded sum, whatever the order of the values."""
    return math.fsum(values[values != 0].tolist())


def euclidean_norm(v):
    """Return |v|; NumPy's pairwise sum is accurate to a few units."""
    return math.sqrt(np.sum(v * v))


def exact_difference(a, b):
    """Return (d, e) with d = fl(a - b) and d + e = a - b exactly (Knuth)."""
    d = a - b
    taken = a - d
    return d, (a - (d + taken)) + (taken - b)


def shifted_mean(values, root):
    """Return the mean of `values` under the weights root^2; exact for constant values."""
    origin = values[np.argmax(root > 0)]
    return float(origin + total(root * root * (values - origin)))


def dot_rounding(n):
    """Bound the relative error of a dot product of n terms, in units of the product of the norms."""
    return (8 + math.sqrt(n)) * UNIT
