"""Warnings of solutions that are not certified, raised where the caller's code stands."""

import sys
import warnings
from contextvars import ContextVar

import numpy as np


class ConvergenceWarning(UserWarning):
    """A solution is not certified to the tolerance asked for; the result still carries its true gap."""


OTHERWISE = "raise tol, or stop the path at a larger alpha (eps, dfmax, max_r2)."
# A column whose mean is more than this many standard deviations is named where rounding limits the gap.
FAR = 1e4
# The same for the ratio of the largest standard deviation to the smallest.
UNEVEN = 1e4
# The status of a path that has none.
NO_MINIMUM = "no minimum"
# The class to warn with. During a fit the estimators set one that is also a scikit-learn ConvergenceWarning.
WARNING_CLASS = ContextVar("WARNING_CLASS", default=ConvergenceWarning)


def stack_level():
    """Return the `stacklevel` by which a warning of the calling function names the first frame outside the package."""
    package, frame, level = __name__.partition(".")[0], sys._getframe(1), 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    return level


def warn_uncertified(path, whose=""):
    """Warn of the worst solution that misses its promise."""
    if path.status == NO_MINIMUM:
        warn_no_minimum(whose)
    elif not path.certified.all():
        worst = int(np.argmax(path.gaps))
        warn_gap(path.alphas[worst], path.gaps[worst], path.tol, path.null_objective,
                 f"{whose}{np.count_nonzero(~path.certified)} of {len(path)} alphas missed the tolerance; worst: ",
                 path.limit)


def warn_no_minimum(whose=""):
    """Warn that the columns without a penalty leave no minimum."""
    warnings.warn(f"{whose}the objective has no minimum: the columns without a penalty separate the classes, or the "
                  "like, and their coefficients would grow for ever. No solution is certified. Give these columns a "
                  "penalty_factor above 0, or leave them out.", WARNING_CLASS.get(), stacklevel=stack_level())


def warn_gap(alpha, gap, tol, null_objective, prefix="", limit=None):
    """Warn that the gap of a solution misses `tol`; `limit` says in a sentence what keeps it there."""
    what = f"Raise max_iter, {OTHERWISE}" if limit is None else f"{limit} Or {OTHERWISE}"
    what = what if tol else "tol=0 asks for no rounding at all: raise tol."
    warnings.warn(f"{prefix}at alpha={alpha:.6g} the duality gap is {gap:.3g}, the target tol * P(0) is "
                  f"{tol * null_objective:.3g}. {what}", WARNING_CLASS.get(), stacklevel=stack_level())


def rounding_words(problem):
    """Return what makes rounding large in a problem, in one sentence."""
    design, used = problem.design, np.flatnonzero(problem.penalty.usable & (problem.design.variance > 0))
    start = "Rounding keeps it there, and more iterations would not help: "
    if not len(used):
        return start + "no column varies."
    deviation = np.sqrt(design.variance[used])
    far = np.abs(design.mean[used]) / deviation
    worst, spread = int(np.argmax(far)), float(deviation.max() / deviation.min())
    if far[worst] > FAR:
        names, j = problem.origin.feature_names if problem.origin else None, int(used[worst])
        return (f"{start}the mean of column {j if names is None else repr(names[j])} is {far[worst]:.1g} times its "
                "standard deviation; subtract a number near its mean from it.")
    if spread > UNEVEN and not problem.standardize:
        return f"{start}columns differ in size by a factor of {spread:.1g}; standardize=True helps."
    return start + "columns nearly depend on each other; leave some out, or take l1_ratio below 1."
