"""What `--out` writes: what `save` of the result writes, and beside it how the table was read."""

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import validation
from ..path.result import Result
from ..path.results import LassoPath
from ..refinement.load import load
from ..selection.path_cv import RULES, PathCV

# The member of the .npz that holds what the result does not: JSON as bytes, like the path's own facts.
MEMBER = "command"


@dataclass
class Model:
    """A saved result and what is known about it.

    Attributes
    ----------
    result : Result
        Of any class that `fastlasso.load` reads.
    seed : int or None
        Of the folds of a cross-validation, where the command made them.
    recipe : dict
        How the table was read; empty in files of the library.
    """

    result: Result
    seed: int | None = None
    recipe: dict = field(default_factory=dict)

    @property
    def pathcv(self):
        """The cross-validation, or None."""
        return self.result if isinstance(self.result, PathCV) else None

    @property
    def path(self):
        """The path, that on all rows; None for a result that is none."""
        found = self.result.path if isinstance(self.result, PathCV) else self.result
        return found if isinstance(found, LassoPath) else None


def recipe_of(arguments, data):
    """Return how the table was read, in JSON's types: what `predict` must repeat."""
    return {"source": data.source, "target": data.target_name, "categories": data.categories or {},
            "means": data.means or {}, "na": arguments.na, "zero_based": arguments.zero_based,
            "offset": arguments.offset}


def write_model(file, result, seed, recipe):
    """Save a path or a cross-validation by its own `save`, with its recipe."""
    result.save(file)
    text = json.dumps({"cv": {"seed": seed} if isinstance(result, PathCV) else None, "recipe": recipe})
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as members, members.open(f"{MEMBER}.npy", "w") as member:
        np.lib.format.write_array(member, np.frombuffer(text.encode(), np.uint8), allow_pickle=False)


def read_model(file):
    """Read a `Model`; raise ValueError where the file is none."""
    if Path(file).is_file() and not zipfile.is_zipfile(file):
        raise ValueError(f"{file} is not a result saved by fastlasso")
    result = load(file)
    with np.load(file, allow_pickle=False) as stored:
        if MEMBER not in stored:
            return Model(result)
        try:
            facts = json.loads(stored[MEMBER].tobytes())
            recipe, cv = checked_recipe(facts["recipe"]), facts["cv"] or {}
            if "errors" in cv:
                result = older_cross_validation(result, cv)
            seed = None if cv.get("seed") is None else validation.whole_number(cv["seed"], "seed", 0)
        except (ValueError, TypeError, KeyError, AttributeError, zipfile.BadZipFile) as error:
            raise ValueError(f"{file} is not a model saved by fastlasso: {error!r}") from None
    return Model(result, seed, recipe)


def checked_recipe(recipe):
    """Return a recipe, checked."""
    if not all(isinstance(recipe[name], dict) for name in ("categories", "means")):
        raise ValueError("its categories or its means are damaged")
    if not all(isinstance(recipe[name], str) for name in ("source", "target")):
        raise ValueError("its source or its target is damaged")
    return recipe


def older_cross_validation(path, facts):
    """Return the `PathCV` of a file written before the command used `PathCV.save`."""
    errors = np.array(facts["errors"], dtype=float)
    if errors.ndim != 2 or len(errors) != len(path) or not np.isfinite(errors).all():
        raise ValueError("its errors are damaged")
    return PathCV(path.alphas, errors, path, [], np.zeros(0), validation.one_of(facts["rule"], "rule", RULES),
                  facts["measure"])
