"""Which solution of a saved path: --alpha, --rule, or what the file's own cross-validation chose."""

import math

import numpy as np

from .arguments import real
from .exit_codes import UsageError, say

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
    """Return the `LassoFit` that was asked for; raise UsageError where that is unclear or not there."""
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
    return between(path, alpha, path.alphas[index])


def between(path, alpha, nearest):
    """Return the solution at an alpha that is not on the path's grid; raise UsageError where the path cannot tell."""
    try:
        fit = path.at(alpha)
    except ValueError:
        raise UsageError(f"alpha {alpha:g} is not on the path; the nearest is {nearest:.6g}") from None
    if not fit.certified or not getattr(fit, "exact", True):
        say(f"warning: alpha {alpha:g} is between two alphas of the path; its solution is interpolated")
    return fit
