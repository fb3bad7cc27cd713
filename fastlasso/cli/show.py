"""`fastlasso show MODEL`: what is in a file that --out or a result's `save` has written."""

import json

import numpy as np

from ..path.targets import TargetPaths
from ..refinement.relaxation import RelaxedPath
from ..selection.stability import StabilityPath
from .as_json import cv_facts, loss_facts, plain, point
from .choosing import add_choice, chosen
from .exit_codes import CERTIFIED, NOT_CERTIFIED, UsageError, exit_code
from .model_file import Model, read_model
from .report import choice, label, loss_name, summary, table

# Options of a fit that are said where they differ from these.
USUAL = {"l1_ratio": 1.0, "fit_intercept": True, "standardize": False, "lower": -np.inf, "upper": np.inf}


def add(commands):
    """Add the command to the parser."""
    show = commands.add_parser("show", help="show what --out has saved",
                               description="Show a saved result: its table, its certificate, and the coefficients of "
                                           "one solution by name.")
    show.add_argument("model", metavar="MODEL.npz",
                      help="what `path` or `cv` has saved by --out, or any result of the library")
    add_choice(show)
    show.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return show


def run(arguments):
    """Print what is in a file, and return the exit code: whether all of it is certified."""
    model = read_model(arguments.model)
    if model.path is None:
        return show_other(arguments, model.result)
    asked = arguments.alpha is not None or arguments.rule is not None
    fit = chosen(arguments, model)[0] if asked or model.pathcv else None
    if arguments.json:
        print_model(arguments, model, fit)
    else:
        parts = [heading(arguments, model), table(model.path, None, model.pathcv), summary(model.path)]
        parts += [choice(model.pathcv)] if model.pathcv else []
        print(*parts, coefficients(model.path, fit), sep="\n\n")
    return exit_code(model.path)


def show_other(arguments, result):
    """Print a result that is no path of one target: its table, and its solutions or selected columns by name."""
    needs_alpha = isinstance(result, RelaxedPath | TargetPaths) and arguments.alpha is None
    if isinstance(result, StabilityPath):
        refuse_choice(arguments)
    fits = [] if needs_alpha or isinstance(result, StabilityPath) else chosen(arguments, Model(result))
    if arguments.json:
        columns = {name: np.asarray(values).tolist() for name, values in result._columns().items()}
        chosen_facts = [point_of(fit, result) for fit in fits]
        print(json.dumps(plain({"file": str(arguments.model), "kind": type(result).__name__, "table": columns,
                                "chosen": chosen_facts}), allow_nan=False))
    else:
        more = [selected(result)] if isinstance(result, StabilityPath) else [coefficients(fit, fit) for fit in fits]
        more = more or [coefficients(result, None)]
        print(f"{arguments.model}: {result!r}", result.summary(), *more, sep="\n\n")
    certified = all(np.all(part) for part in np.atleast_1d(getattr(result, "certified", True)))
    return CERTIFIED if certified else NOT_CERTIFIED


def refuse_choice(arguments):
    """Raise UsageError where a solution is asked of a result that has none."""
    if arguments.alpha is not None or arguments.rule is not None:
        raise UsageError(f"{arguments.model} holds a stability selection, which has no solutions to choose from")


def selected(stability):
    """Return the columns that stability selection chooses, the most probable first."""
    cols = stability.support()
    cols = cols[np.argsort(-stability.probabilities[cols, -1], kind="stable")]
    width = max((len(label(stability, j)) for j in cols), default=0)
    lines = [f"  {label(stability, j):<{width}}  {stability.probabilities[j, -1]:.2f}" for j in cols]
    return "\n".join([f"Selected in 75 % or more of the subsamples ({len(cols):,}), with their shares:", *lines])


def point_of(fit, result):
    """Return a solution in JSON's types."""
    return {"alpha": fit.alpha, "intercept": fit.intercept, "certified": fit.certified, "exact": fit.exact,
            "coef": {label(result, j): fit.coef[j] for j in np.flatnonzero(fit.coef)}}


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
        result["chosen"] = point_of(fit, path)
    print(json.dumps(plain(result), allow_nan=False))
