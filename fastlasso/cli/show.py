"""`fastlasso show MODEL`: what is in a file that --out has written."""

import json

import numpy as np

from .as_json import cv_facts, loss_facts, plain, point
from .choosing import add_choice, chosen
from .exit_codes import exit_code
from .model_file import read_model
from .report import choice, label, loss_name, summary, table

# Options of a fit that are said where they differ from these.
USUAL = {"l1_ratio": 1.0, "fit_intercept": True, "standardize": False, "lower": -np.inf, "upper": np.inf}


def add(commands):
    """Add the command to the parser."""
    show = commands.add_parser("show", help="show what --out has saved",
                               description="Show a saved path: its table, its certificate, and the coefficients of "
                                           "one solution by name.")
    show.add_argument("model", metavar="MODEL.npz", help="what `path` or `cv` has saved by --out")
    add_choice(show)
    show.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return show


def run(arguments):
    """Print what is in a file, and return the exit code: whether all of it is certified."""
    model = read_model(arguments.model)
    asked = arguments.alpha is not None or arguments.rule is not None
    fit = chosen(arguments, model) if asked or model.pathcv else None
    if arguments.json:
        print_model(arguments, model, fit)
    else:
        parts = [heading(arguments, model), table(model.path, None, model.pathcv), summary(model.path)]
        parts += [choice(model.pathcv)] if model.pathcv else []
        print(*parts, coefficients(model.path, fit), sep="\n\n")
    return exit_code(model.path)


def heading(arguments, model):
    """Return a few words about a saved path and the data it was fitted to."""
    path, recipe = model.path, model.recipe
    given = {name: value for name, value in path.params.items() if USUAL.get(name, value) != value}
    options = "".join(f", {name} {value:g}" if isinstance(value, float) else f", {name} {value}"
                      for name, value in given.items())
    origin = f"\nfitted to {recipe['source']}, target: {recipe['target']}" if recipe else ""
    kind = type(path).__name__ + ("" if path.status == "complete" else f" ({path.status})")
    return (f"{arguments.model}: {kind}, {path.n_samples:,} samples x {path.n_features:,} features, "
            f"loss: {loss_name(path.loss)}{options}{origin}")


def coefficients(path, fit):
    """Return the intercept and the coefficients that are not zero, the largest first; of no fit, how to see one."""
    if fit is None:
        return "One solution by name:  fastlasso show FILE.npz --alpha A"
    used = sorted(np.flatnonzero(fit.coef), key=lambda j: -abs(fit.coef[j]))
    names = ["(intercept)", *(label(path, j) for j in used)]
    width, values = max(map(len, names)), [fit.intercept, *fit.coef[used]]
    lines = [f"  {name:<{width}}  {value:+.6g}" for name, value in zip(names, values, strict=True)]
    features = f"{len(used):,} feature{'s' if len(used) != 1 else ''}"
    return "\n".join([f"Coefficients at alpha = {fit.alpha:.6g} ({features}), in the units of the columns:", *lines])


def print_model(arguments, model, fit):
    """Print everything about a saved path as one JSON object."""
    path = model.path
    result = {"file": str(arguments.model), "kind": type(path).__name__, "loss": loss_facts(path),
              "options": path.params, "tol": path.tol, "status": path.status, "n_samples": path.n_samples,
              "n_features": path.n_features, **model.recipe,
              "path": [point(path, model.pathcv, k) for k in range(len(path))]}
    if model.pathcv is not None:
        result["cv"] = cv_facts(model.pathcv, model.seed)
    if fit is not None:
        result["chosen"] = {"alpha": fit.alpha, "intercept": fit.intercept, "certified": fit.certified,
                            "coef": {label(path, j): fit.coef[j] for j in np.flatnonzero(fit.coef)}}
    print(json.dumps(plain(result), allow_nan=False))
