"""What `--out` writes: a saved path, and beside it what a cross-validation chose and how the table was read."""

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import validation
from ..path.results import LassoPath
from ..selection.path_cv import RULES, PathCV

# The member of the .npz that holds what the path does not: JSON as bytes, like the path's own facts.
MEMBER = "command"


@dataclass
class Model:
    """A saved path and what is known about it.

    Attributes
    ----------
    path : LassoPath
    pathcv : PathCV or None
        The cross-validation, without the paths of its folds and their predictions.
    seed : int or None
        Of its folds.
    recipe : dict
        How the table was read; empty in files of `LassoPath.save`.
    """

    path: LassoPath
    pathcv: PathCV | None = None
    seed: int | None = None
    recipe: dict = field(default_factory=dict)


def recipe_of(arguments, data):
    """Return how the table was read, in JSON's types: what `predict` must repeat."""
    return {"source": data.source, "target": data.target_name, "categories": data.categories or {},
            "means": data.means or {}, "na": arguments.na, "zero_based": arguments.zero_based,
            "offset": arguments.offset}


def write_model(file, path, pathcv, seed, recipe):
    """Save a path with its cross-validation and its recipe."""
    path.save(file)
    cv = None if pathcv is None else {"measure": pathcv.measure, "rule": pathcv.rule, "seed": seed,
                                      "errors": pathcv.errors.tolist()}
    text = json.dumps({"cv": cv, "recipe": recipe})
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as members, members.open(f"{MEMBER}.npy", "w") as member:
        np.lib.format.write_array(member, np.frombuffer(text.encode(), np.uint8), allow_pickle=False)


def read_model(file):
    """Read a `Model`; raise ValueError where the file is none."""
    if Path(file).is_file() and not zipfile.is_zipfile(file):
        raise ValueError(f"{file} is not a path saved by fastlasso")
    path = LassoPath.load(file)
    with np.load(file, allow_pickle=False) as stored:
        if MEMBER not in stored:
            return Model(path)
        try:
            facts = json.loads(stored[MEMBER].tobytes())
            recipe = checked_recipe(facts["recipe"])
            pathcv, seed = cross_validation(path, facts["cv"])
        except (ValueError, TypeError, KeyError, AttributeError, zipfile.BadZipFile) as error:
            raise ValueError(f"{file} is not a model saved by fastlasso: {error!r}") from None
    return Model(path, pathcv, seed, recipe)


def checked_recipe(recipe):
    """Return a recipe, checked."""
    if not all(isinstance(recipe[name], dict) for name in ("categories", "means")):
        raise ValueError("its categories or its means are damaged")
    if not all(isinstance(recipe[name], str) for name in ("source", "target")):
        raise ValueError("its source or its target is damaged")
    return recipe


def cross_validation(path, facts):
    """Return (the `PathCV` of saved facts, its seed), or (None, None)."""
    if facts is None:
        return None, None
    errors = np.array(facts["errors"], dtype=float)
    if errors.ndim != 2 or len(errors) != len(path) or not np.isfinite(errors).all():
        raise ValueError("its errors are damaged")
    rule = validation.one_of(facts["rule"], "rule", RULES)
    return PathCV(path.alphas, errors, path, [], np.zeros(0), rule, facts["measure"]), facts["seed"]
