"""path.warn."""

import warnings
from contextvars import ContextVar

import numpy as np


class ConvergenceWarning(UserWarning):
    """A solution is not certified to the tolerance asked for; the result still carries its true gap."""
# the class to warn with: the estimators put one there, while they fit, that is scikit-learn's as well
WARNING_CLASS = ContextVar("WARNING_CLASS", default=ConvergenceWarning)


def warn_uncertified(path, whose="", stacklevel=4):
    """Warn of the worst solution that misses its promise."""
    if not path.certified.all():
        worst = int(np.argmax(path.gaps))
        warn_gap(path.alphas[worst], path.gaps[worst], path.tol, path.null_objective,
                 f"{whose}{np.count_nonzero(~path.certified)} of {len(path)} alphas missed the tolerance; worst: ",
                 stacklevel)


def warn_gap(alpha, gap, tol, null_objective, prefix="", stacklevel=4):
    warnings.warn(f"{prefix}at alpha={alpha:.6g} the duality gap is {gap:.3g}, the target tol * P(0) is "
                  f"{tol * null_objective:.3g}. Raise max_iter, raise tol, or stop the path at a larger alpha (eps, "
                  "dfmax, max_r2).", WARNING_CLASS.get(), stacklevel=stacklevel)
