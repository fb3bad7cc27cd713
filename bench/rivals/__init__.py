"""One file per rival. A rival is a module with

    NAME          what the report calls it
    PACKAGE       the module whose import is timed
    REQUIRES      what pip installs for it, in an environment of its own; () is the checkout itself
    VERSION       name of the distribution whose version is reported
    DEFAULT_TOL   what a user gets who says nothing
    NOTES         how it is used, what is not timed
    path(X, y, alphas, tol, n_threads) -> coefs (n_features x K), intercepts (K)

and, where it has them,

    cross_validate(X, y, alphas, splits, tol, n_threads) -> mean held-out squared error (K)
    LOSSES                  which losses it has (squared error alone unless said): with any other, `path` and
                            `cross_validate` are called with ``loss=``, y is 0 or 1 for "log_loss", and the error of
                            a cross-validation is the mean unit deviance that is held out
    prepare(X, y)           untimed: the storage that it wants, from dense Fortran order or CSR
    ANY_ORDER = True        it takes dense X by rows as it is; for others X is turned to Fortran order, untimed
    suits(X, n_alphas)      a reason (str) why a problem is not for it, or None; for squared error
    suits_folds(X)          the same for cross-validation
    suits_loss(X, n_alphas, folds, loss)    the same for paths and cross-validations of other losses
    version()               instead of VERSION
    COMMAND                 a program that must be on the path
    PROMISE                 its tolerance, times this, is a relative gap that it promises; a miss is reported as one
    CERTIFIES = True        with other losses than squared error its tolerance is a promise as well
    SLOPE                   how fast its tolerance falls with the gap, d log tol / d log gap (1 unless said)
    TIGHT_TOL               a fixed tolerance instead of one that is searched until the wanted gap is reached
    OPTIONS                 which options of the penalty it has: "l1_ratio", "upper" (a bound of every coefficient);
                            `path` is then called with ``l1_ratio=`` or ``upper=`` where a case has them
    MATCH = True            it is also run at the gap that the fastest rival leaves at its default tolerance

`path` and `cross_validate` may return a dict besides: `passes` over X; `claimed`, the relative gap that it claims at
each alpha; `seconds`, `cpu_seconds`, `extra_bytes` where
another process than the worker does the work. The file's name is the rival's name on the command line; it imports its
package inside functions, so that the suite can list rivals that are not installed.
"""
import importlib
import pathlib

import numpy as np

SQUARED_ERROR = "squared_error"


def names():
    """Return the names of all rivals, ours first."""
    here = pathlib.Path(__file__).parent
    found = sorted(file.stem for file in here.glob("*.py") if not file.stem.startswith("_"))
    return sorted(found, key=lambda name: name != "fastlasso")


def get(name):
    """Import the description of a rival; its package is not imported."""
    return importlib.import_module(f"{__name__}.{name}")


def prepared(rival, X, y):
    """Return X and y in the storage that a rival wants."""
    if isinstance(X, np.ndarray) and not getattr(rival, "ANY_ORDER", False):
        X = np.asfortranarray(X)
    return getattr(rival, "prepare", lambda X, y: (X, y))(X, y)


def losses(rival):
    """Return the losses that a rival has."""
    return getattr(rival, "LOSSES", (SQUARED_ERROR,))


def named_loss(loss):
    """Return the loss as the argument that `path` and `cross_validate` take, none for squared error."""
    return {} if loss == SQUARED_ERROR else {"loss": loss}


def reason_against(rival, X, n_alphas, folds, loss=SQUARED_ERROR, options=()):
    """Return why a rival is not run on a problem, or None."""
    if missing := [name for name in options if name not in getattr(rival, "OPTIONS", ())]:
        return f"it has no {', '.join(missing)} here"
    if loss not in losses(rival):
        return f"it has no {loss} with an L1 penalty"
    if folds and not hasattr(rival, "cross_validate"):
        return "it has no cross-validation of its own"
    if loss != SQUARED_ERROR:
        return rival.suits_loss(X, n_alphas, folds, loss) if hasattr(rival, "suits_loss") else None
    if folds and hasattr(rival, "suits_folds"):
        return rival.suits_folds(X)
    return rival.suits(X, n_alphas) if hasattr(rival, "suits") else None
