"""Paths in .npz files, without pickle: written, read, and checked before they are used."""

import json
import zipfile
import zlib
from dataclasses import dataclass

import numpy as np

from .. import validation
from ..losses.choose import SQUARED_ERROR, loss_of

# The format of files with a loss other than squared error. Paths of refinements have format 2, plain ones 1.
FORMAT = 3
# The format of files of other results than paths (`stored.py`).
RESULT_FORMAT = 4
# What the file of `checkpoint=` says instead.
CHECKPOINT = "fastlasso checkpoint"
SCALARS = ("null_objective", "tol", "seconds", "n_samples", "n_features")
ARRAYS = ("alphas", "indptr", "indices", "values", "intercepts", "gaps", "r2", "n_passes")
LOSS_ARRAYS = ("classes", "newton_dual")
OPTIONAL_ARRAYS = ("unpenalised", "scale")
DAMAGE = (KeyError, TypeError, ValueError, AttributeError, EOFError, NotImplementedError, RuntimeError,
          zipfile.BadZipFile, zlib.error)       # what NumPy, JSON and a path itself raise over a damaged file
UNREADABLE = (FileNotFoundError, PermissionError, IsADirectoryError)


def as_bytes(facts):
    """Return facts of JSON's types as an array of bytes."""
    return np.frombuffer(json.dumps(facts).encode(), np.uint8)


def packed(path):
    """Return the arrays that hold a path; a class other than `LassoPath` is named in them as its kind."""
    names = None if path.feature_names is None else [str(name) for name in path.feature_names]
    text = {"format": 1, "status": path.status, "params": path.params, "feature_names": names,
            **{name: getattr(path, name) for name in SCALARS}, **path.extra_facts(),
            **{name: getattr(path, name) for name, usual in usual_facts(path).items() if getattr(path, name) != usual}}
    if type(path).__name__ != "LassoPath":
        text |= {"format": 2, "kind": type(path).__name__}
    arrays = {name: getattr(path, name) for name in (*ARRAYS, *path.extra_arrays)}
    if path.loss != SQUARED_ERROR:
        text |= {"format": FORMAT, "loss": {"name": path.loss.name, **path.loss.parameters}}
        arrays |= {name: getattr(path, name) for name in LOSS_ARRAYS if getattr(path, name) is not None}
    arrays |= {name: getattr(path, name) for name in OPTIONAL_ARRAYS if getattr(path, name) is not None}
    return arrays | {"meta": as_bytes(text)}


def meta_of(stored):
    """Return the facts that the members of a file hold, of a format that this version reads."""
    text = json.loads(stored["meta"].tobytes())
    if text["format"] == CHECKPOINT:
        raise ValueError("it is a checkpoint: repeat the call that wrote it, and the path goes on from there")
    if text["format"] > RESULT_FORMAT:
        raise ValueError("it was written by a newer fastlasso")
    return text


def usual_facts(path):
    """Facts that a file leaves out where they are as here, so that files of version 0.1.0 load."""
    return {"has_offset": False, "n_penalised": path.n_features}


def read(file, wanted, kinds):
    """Read a path of the class `wanted` or a subclass; `kinds` are the classes by name.

    Raises
    ------
    ValueError
        Where the file is not a saved path, was altered, or holds a path of another class.
    """
    try:
        with np.load(file, allow_pickle=False) as stored:
            path = read_any(stored, kinds)
        if not isinstance(path, wanted):
            raise ValueError(f"it holds a {type(path).__name__}, not a {wanted.__name__}")
    except UNREADABLE:
        raise
    except (OSError, *DAMAGE) as error:
        raise ValueError(f"{file} is not a path saved by fastlasso: {error}") from error
    return path


def read_choice(stored, path):
    """Return (rule, measure, errors, predictions out of fold) of a cross-validation saved with `path`, checked."""
    if "cv_meta" not in stored:
        raise ValueError("it holds a path without a cross-validation")
    facts = json.loads(stored["cv_meta"].tobytes())
    errors, predictions = stored["cv_errors"], stored["cv_oof_predictions"]
    if set(facts) != {"rule", "measure", "score"} or not isinstance(facts["measure"] or facts["score"], str):
        raise ValueError("its rule or its measure is damaged")
    if (errors.ndim != 2 or len(errors) != len(path) or not errors.shape[1] or errors.dtype != np.float64
            or not np.isfinite(errors).all() or predictions.ndim != 1 or predictions.dtype != np.float64):
        raise ValueError("its errors are damaged")
    return facts["rule"], facts["measure"] or NamedScore(facts["score"]), errors, predictions


@dataclass(frozen=True)
class NamedScore:
    """Stands for the score of a saved cross-validation, of which a file keeps the name alone."""

    name: str

    def __call__(self, y_true, y_pred, sample_weight=None):
        raise TypeError(f"the score {self.name!r} was not saved, only its name")


def read_any(stored, kinds):
    """Return a path of any of the classes `kinds` from the members of a file, checked."""
    text = meta_of(stored)
    if text.pop("format") > FORMAT:
        raise ValueError(f"it holds a {text.get('kind')}, not a path: fastlasso.load reads it")
    kind = kinds[validation.one_of(text.pop("kind", "LassoPath"), "kind", tuple(kinds))]
    arrays = {name: stored[name] for name in (*ARRAYS, *kind.extra_arrays)}
    if "loss" in text:
        text["loss"] = loss_of(**text["loss"])
        arrays |= {name: stored[name] for name in LOSS_ARRAYS if name in stored}
    arrays |= {name: stored[name] for name in OPTIONAL_ARRAYS if name in stored}
    path = kind(**arrays, **kind.restored(text))
    check_loaded(path)
    return path


def check_loaded(path):
    """Raise ValueError unless the parts of a loaded path are sound and fit together."""
    n = len(path.alphas)
    check_vectors(path, n, ("alphas", "intercepts", "gaps", "r2", "n_passes"))
    if (path.alphas < 0).any() or (np.diff(path.alphas) > 0).any() or (path.gaps < 0).any():
        raise ValueError("its alphas or gaps are damaged")
    check_facts(path)
    if path.indptr.shape != (n + 1,) or path.indptr.dtype.kind != "i" or path.indices.dtype.kind != "i":
        raise ValueError("its index arrays do not fit")
    if path.indptr[0] != 0 or (np.diff(path.indptr) < 0).any() or path.indptr[-1] != len(path.indices):
        raise ValueError("its index pointers are corrupt")
    if path.values.shape != path.indices.shape or path.values.dtype.kind != "f" or not np.isfinite(path.values).all():
        raise ValueError("its values are damaged")
    if len(path.indices) and not 0 <= path.indices.min() <= path.indices.max() < path.n_features:
        raise ValueError("an index is out of range")
    check_loss(path, n)
    path.check_extras()


def check_loss(path, n):
    """Raise ValueError unless classes and kinds of dual points are sound."""
    checked_classes(path.classes)
    if path.newton_dual is not None and (path.newton_dual.shape != (n,) or path.newton_dual.dtype != bool):
        raise ValueError("its kinds of dual points are damaged")


def checked_classes(classes):
    """Return the labels of two classes, or None."""
    if classes is not None and (classes.shape != (2,) or classes.dtype.kind not in "biufUSmM"):
        raise ValueError("its classes are damaged")
    return classes


def check_vectors(path, size, names):
    """Raise ValueError unless these are finite vectors of that size."""
    for name in names:
        array = getattr(path, name)
        if array.shape != (size,) or array.dtype != np.float64 or not np.isfinite(array).all():
            raise ValueError(f"{name} is damaged")


def check_factors(path, size, name):
    """Raise ValueError unless this is a vector of `size` penalty factors."""
    factors = getattr(path, name)
    if factors.shape != (size,) or factors.dtype != np.float64 or not (factors >= 0).all():
        raise ValueError(f"{name} is damaged")


def check_facts(path):
    """Raise ValueError unless the scalars of a loaded path have their types."""
    for name in ("n_samples", "n_features"):
        validation.whole_number(getattr(path, name), name)
    for name in ("null_objective", "tol", "seconds"):
        validation.number(getattr(path, name), name, 0.0)
    if not isinstance(path.params, dict) or not isinstance(path.status, str) or not isinstance(path.has_offset, bool):
        raise ValueError("its options or its status are damaged")
    check_penalised(path)
    names = path.feature_names
    if names is not None and (not isinstance(names, list) or len(names) != path.n_features
                              or not all(isinstance(name, str) for name in names)):
        raise ValueError("its feature names are damaged")


def check_penalised(path):
    """Raise ValueError unless what is said of columns without a penalty can be true."""
    free = path.unpenalised
    validation.whole_number(path.n_penalised, "n_penalised", 0)
    if path.n_penalised + (0 if free is None else len(free)) > path.n_features:
        raise ValueError("its number of penalised columns is damaged")
    if free is not None and (free.ndim != 1 or free.dtype.kind != "i" or (free < 0).any()
                             or (free >= path.n_features).any() or (np.diff(free) <= 0).any()):
        raise ValueError("its unpenalised columns are damaged")
    if path.scale is not None:
        check_factors(path, path.n_features, "scale")
