"""fastlasso: certified L1-regularised regression, fast, on dense and sparse data taken as they are."""

from importlib import import_module

from .cross_validation import PathCV, cross_validate_path
from .path import ConvergenceWarning, alpha_max, fit, fit_path
from .results import LassoFit, LassoPath

__version__ = "0.1.0"
__all__ = ["AdaptivePath", "Certificate", "ConvergenceWarning", "LassoFit", "LassoPath", "PathCV", "RelaxedCV",
           "RelaxedPath", "ReweightedPath", "ScheduleFit", "StabilityPath", "Stage", "adaptive_factors",
           "adaptive_path", "alpha_max", "cross_validate_adaptive", "cross_validate_path", "cross_validate_relaxed",
           "cross_validate_reweighted", "fit", "fit_path", "fit_schedule", "laplace_prior", "laplace_scale",
           "relaxed_path", "reweighted_path", "stability_selection", "support_proof", "verify"]

# Imported on first use (PEP 562). What needs scikit-learn is not in __all__, which must work without it.
ON_FIRST_USE = {
    "certificate": ("Certificate", "support_proof", "verify"),
    "adaptive": ("AdaptivePath", "adaptive_path", "cross_validate_adaptive"),
    "prior": ("laplace_prior", "laplace_scale"),
    "relaxation": ("RelaxedCV", "RelaxedPath", "cross_validate_relaxed", "relaxed_path"),
    "reweighting": ("ReweightedPath", "cross_validate_reweighted", "reweighted_path"),
    "schedule": ("ScheduleFit", "Stage", "adaptive_factors", "fit_schedule"),
    "stability": ("StabilityPath", "stability_selection"),
    "estimators": ("ElasticNet", "ElasticNetCV", "Lasso", "LassoCV", "enet_path", "lasso_path"),
    "refinement_estimators": ("AdaptiveLasso", "AdaptiveLassoCV", "RelaxedLasso", "RelaxedLassoCV", "ReweightedLasso",
                              "ReweightedLassoCV", "StabilitySelection", "TwoStageLasso"),
}


def __getattr__(name):
    for module, names in ON_FIRST_USE.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *(name for names in ON_FIRST_USE.values() for name in names)})
