"""Which solution of a saved path: --alpha, --rule, or what the file's own cross-validation chose."""

import math

import numpy as np

from ..path.results import LassoFit
from ..path.targets import TargetPaths
from ..refinement.relaxation import RelaxedPath
from ..selection.stability import StabilityPath
from .arguments import real
from .exit_codes import UsageError, say
from .model_file import Model

# A grid point this near, relatively, is the alpha asked for: tables print four digits.
SAME_ALPHA = 1e-3


def add_choice(command):
    """Add the arguments that choose a solution."""
    choice = command.add_mutually_exclusive_group()
    choice.add_argument("--alpha", type=real(0, math.inf), help="which solution: an alpha, to the four digits that "
                                                                "tables print where it is one of the path")
    choice.add_argument("--rule", choices=("min", "1se"), help="the choice of the cross-validation that `cv` ran "
                                                               "(default: by the rule it had)")


def chosen(arguments, model):
    """Return the solutions that were asked for, one or one for each target; raise UsageError where that is unclear."""
    result = model.result
    if isinstance(result, StabilityPath):
        raise UsageError(f"{arguments.model} holds a stability selection, which chooses columns and fits no model: fit "
                         "one to them by  fastlasso path DATA --columns ...")
    if isinstance(result, TargetPaths):
        return [chosen_on_path(arguments, Model(path)) for path in result.paths]
    return [chosen_on_path(arguments, model) if model.path is not None else chosen_elsewhere(arguments, result)]


def chosen_elsewhere(arguments, result):
    """Return the solution of a result that is no path of one target: its own choice, or that at --alpha."""
    if arguments.rule is not None:
        raise UsageError(f"--rule {arguments.rule} cannot be obeyed; {arguments.model} holds a {type(result).__name__}")
    if arguments.alpha is None:
        if isinstance(result, RelaxedPath):
            raise UsageError(f"required: --alpha A; {arguments.model} holds no cross-validation")
        return result.at()
    if isinstance(result, LassoFit):
        if abs(result.alpha - arguments.alpha) > SAME_ALPHA * arguments.alpha:
            raise UsageError(f"{arguments.model} holds one solution, at alpha {result.alpha:.6g}")
        return result
    try:
        return said(result.at(arguments.alpha), arguments.alpha)
    except ValueError as error:
        raise UsageError(f"--alpha: {error}") from None


def chosen_on_path(arguments, model):
    """Return the `LassoFit` of a path or its cross-validation."""
    alpha = arguments.alpha
    if alpha is None:
        if model.pathcv is None:
            wanted = "required: --alpha A" if arguments.rule is None else f"--rule {arguments.rule} cannot be obeyed"
            raise UsageError(f"{wanted}; {arguments.model} holds no cross-validation, which `cv` with --out saves")
        alpha = getattr(model.pathcv, f"alpha_{arguments.rule or model.pathcv.rule}")
    path = model.path
    if not len(path):
        raise UsageError(f"{arguments.model} has no solution")
    index = int(np.argmin(np.abs(path.alphas - alpha)))
    if abs(path.alphas[index] - alpha) <= SAME_ALPHA * alpha:
        return path.fit_at(index)
    return said(path.at(alpha), alpha)


def said(fit, alpha):
    """Return a solution, and say where it is interpolated."""
    if not fit.certified or not fit.exact:
        say(f"warning: alpha {alpha:g} is between two alphas of the path; its solution is interpolated")
    return fit
