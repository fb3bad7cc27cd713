"""Reading y: which targets a loss takes, and errors that name the loss and the first bad value."""

import numpy as np
from scipy import sparse


def plain(y, size):
    """Return y as a one-dimensional array of `size` values without missing ones; labels may be of any type."""
    if sparse.issparse(y):
        y = y.toarray().ravel()
    if np.ma.is_masked(y):
        raise ValueError("y contains masked entries")
    if isinstance(y, list | tuple) and any(isinstance(one, str) for one in y) and any(
            one is None or (isinstance(one, float) and one != one) for one in y):
        raise ValueError("y contains missing values")       # NumPy would make words of them
    y = np.asarray(y)
    if y.shape != (size,):
        raise ValueError(f"y has shape {y.shape}, expected ({size},)")
    if y.dtype.kind == "f" and np.isnan(y).any():
        raise ValueError("y contains NaN")
    if y.dtype.kind == "f" and np.isinf(y).any():
        raise ValueError("y contains infinity")
    return y


def refuse(name, needs, y, bad):
    """Raise, with the first value where `bad` holds."""
    first = int(np.argmax(bad))
    raise ValueError(f"{name} needs {needs}; y[{first}] is {y[first:first + 1].tolist()[0]!r}")


def numbers(y):
    """Return y as float64."""
    return np.asarray(y, dtype=np.float64)


def within(y, name, needs, holds):
    """Return y as float64, or raise where it is not what the loss needs."""
    values = numbers(y)
    if not np.isfinite(values).all():
        raise ValueError("y contains " + ("NaN" if np.isnan(values).any() else "infinity"))
    good = holds(values)
    if not good.all():
        refuse(name, needs, values, ~good)
    return values


def proportions(y, weight, name):
    """Return y in [0, 1]: as it is where it holds numbers within [0, 1], else 1 for the second of two classes."""
    if y.dtype.kind in "biuf" and ((y >= 0) & (y <= 1)).all():
        values = numbers(y)
        counted = values[weight > 0]
        if (counted == 0).all() or (counted == 1).all():
            raise ValueError(f"{name} needs two classes; y is {counted[0]:g} in every row of positive weight")
        return values
    return in_second_class(y, weight, name, "two classes, or numbers within [0, 1]").astype(np.float64)


def signs(y, weight, name):
    """Return +1 for the second of two classes, in sorted order, -1 for the first."""
    return np.where(in_second_class(y, weight, name, "two classes"), 1.0, -1.0)


def in_second_class(y, weight, name, needs):
    """Tell which rows have the second of the two labels of y, in sorted order."""
    labels, first, code = np.unique(y, return_index=True, return_inverse=True)
    if len(labels) > 2:
        third = np.sort(first)[2]
        refuse(name, needs, y, np.arange(len(y)) == third)
    if len(labels) < 2 or len(np.unique(code[weight > 0])) < 2:
        only = y[np.argmax(weight > 0)]
        raise ValueError(f"{name} needs two classes; y is {only!s} in every row of positive weight")
    return code.reshape(y.shape) == 1
