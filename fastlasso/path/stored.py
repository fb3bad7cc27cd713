"""Files of results: facts, arrays, and the results that one is made of, in one .npz file without pickle.

The member `meta` names the class and holds the facts as JSON. The members of the k-th part called NAME begin with
"NAME.k.". Paths and cross-validations have members of their own (`saved.py`), whole or as parts.
"""

import json

import numpy as np

from .. import validation
from ..losses.choose import SQUARED_ERROR, loss_of
from .saved import DAMAGE, RESULT_FORMAT, UNREADABLE, as_bytes, meta_of

# The range of finite numbers.
LOWEST, HIGHEST = np.finfo(float).min, np.finfo(float).max


class Members:
    """The members of a file whose names begin with a prefix, by the rest of their names."""

    def __init__(self, stored, prefix):
        self.stored, self.prefix = stored, prefix

    def __contains__(self, name):
        return f"{self.prefix}{name}" in self.stored

    def __getitem__(self, name):
        return self.stored[f"{self.prefix}{name}"]


def packed(result):
    """Return the arrays of a file that holds a result."""
    facts, arrays, parts = result._stored()
    listed = {name: [None if part is None else type(part).__name__ for part in some] for name, some in parts.items()}
    meta = {"format": RESULT_FORMAT, "kind": type(result).__name__, "facts": facts, "parts": listed}
    own = {f"{name}.{k}.{key}": array for name, some in parts.items() for k, part in enumerate(some) if part is not None
           for key, array in part._arrays().items()}
    return arrays | own | {"meta": as_bytes(meta)}


def unpacked(stored, wanted, kinds):
    """Return the result of the class `wanted` that the members of a file hold; `kinds` are the classes by name."""
    meta = meta_of(stored)
    if meta.get("kind", "LassoPath") != wanted.__name__:
        raise ValueError(f"it holds a {meta.get('kind', 'LassoPath')}, not a {wanted.__name__}")
    parts = {name: [part_of(Members(stored, f"{name}.{k}."), kind, kinds) for k, kind in enumerate(some)]
             for name, some in meta["parts"].items()}
    return wanted._of_stored(meta["facts"], stored, parts)


def part_of(members, kind, kinds):
    """Return one of the results that a result is made of, or None."""
    return None if kind is None else kinds[validation.one_of(kind, "kind", tuple(kinds))]._of_arrays(members)


def read(file, wanted):
    """Read a result of the class `wanted`.

    Raises
    ------
    ValueError
        Where the file is none that `save` has written, was altered, or holds a result of another class.
    """
    try:
        with np.load(file, allow_pickle=False) as stored:
            return wanted._of_arrays(stored)
    except UNREADABLE:
        raise
    except (OSError, *DAMAGE) as error:
        raise ValueError(f"{file} is not a {wanted._called} saved by fastlasso: {error}") from error


def kind_in(file):
    """Return the name of the class of the result that a file holds."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            return "PathCV" if "cv_meta" in stored else json.loads(stored["meta"].tobytes()).get("kind", "LassoPath")
    except UNREADABLE:
        raise
    except (OSError, *DAMAGE) as error:
        raise ValueError(f"{file} is not a result saved by fastlasso: {error}") from error


# ---------------------------------------------------------------- facts of several classes, and their checks


def loss_facts(loss):
    """Return a loss in JSON's types."""
    return None if loss == SQUARED_ERROR else {"name": loss.name, **loss.parameters}


def loss_from(facts):
    """Return the loss of what `loss_facts` returned."""
    return SQUARED_ERROR if facts is None else loss_of(**facts)


def number_from(facts, name):
    """Return a number of a file's facts, at most infinity."""
    value = facts[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise ValueError(f"{name} is damaged")
    return float(value)


def array(stored, name, shape, low=LOWEST, high=HIGHEST):
    """Return a float64 array of a file with values in [low, high], by default any finite ones; a size of -1 is any."""
    found = stored[name]
    fits = found.ndim == len(shape) and all(size in (-1, own) for size, own in zip(shape, found.shape, strict=True))
    if not fits or found.dtype != np.float64 or not ((found >= low) & (found <= high)).all():
        raise ValueError(f"{name} is damaged")
    return found


def falling(stored, name):
    """Return the alphas of a file, which do not rise."""
    alphas = array(stored, name, (-1,), 0.0)
    if (np.diff(alphas) > 0).any():
        raise ValueError(f"{name} is damaged")
    return alphas


def names_from(names, size):
    """Return feature or target names of a file, or None."""
    if names is not None and (not isinstance(names, list) or len(names) != size
                              or not all(isinstance(name, str) for name in names)):
        raise ValueError("its names are damaged")
    return names


def all_of(parts, wanted):
    """Return the parts, each of the class `wanted`."""
    if not all(isinstance(part, wanted) for part in parts):
        raise ValueError(f"it must be made of {wanted.__name__}")
    return parts
