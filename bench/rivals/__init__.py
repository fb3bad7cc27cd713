"""One file per rival. A rival is a module with

    NAME          what the report calls it
    PACKAGE       the module whose import is timed
    REQUIRES      what pip installs for it, in an environment of its own
    VERSION       name of the distribution whose version is reported
    DEFAULT_TOL   what a user gets who says nothing
    LADDER        tighter tolerances, each tried in turn until a wanted gap is reached
    NOTES         how it is used, what is not timed
    suits(X)      optional: a reason (str) why X is not for it, or None
    prepare(X, y) optional, untimed: the storage that it wants, from dense Fortran order or CSR
    path(X, y, alphas, tol, n_threads) -> coefs (n_features x K), intercepts (K)

and may define ``PROMISE`` (its tolerance, times this, is a relative gap that it promises; a miss is reported as one),
``TIGHT_TOL`` (a fixed tolerance instead of the ladder) and ``MATCH = True`` (it is also run at the gap
that the fastest rival leaves at its default tolerance). The file's name is the rival's name on the command line; it
imports its package inside functions, so that the suite can list rivals that are not installed.
"""
import importlib
import pathlib


def names():
    """Return the names of all rivals, ours first."""
    here = pathlib.Path(__file__).parent
    found = sorted(file.stem for file in here.glob("*.py") if not file.stem.startswith("_"))
    return sorted(found, key=lambda name: name != "fastlasso")


def get(name):
    """Import the description of a rival; its package is not imported."""
    return importlib.import_module(f"{__name__}.{name}")
