"""fastlasso: certified L1-regularised regression, fast, on dense and sparse data taken as they are."""

from .certificate import Certificate, support_proof, verify
from .cross_validation import PathCV, cross_validate_path
from .path import ConvergenceWarning, alpha_max, fit, fit_path
from .results import LassoFit, LassoPath

__version__ = "0.1.0"
__all__ = ["Certificate", "ConvergenceWarning", "LassoFit", "LassoPath", "PathCV", "alpha_max", "cross_validate_path",
           "fit", "fit_path", "support_proof", "verify"]

# what needs scikit-learn is imported on first use (PEP 562); the names are not in __all__, which must work without it
ESTIMATORS = ("ElasticNet", "ElasticNetCV", "Lasso", "LassoCV", "enet_path", "lasso_path")


def __getattr__(name):
    if name in ESTIMATORS:
        from . import estimators

        return getattr(estimators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *ESTIMATORS])
