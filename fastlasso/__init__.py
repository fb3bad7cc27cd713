"""fastlasso: certified L1-regularised regression, fast, on dense and sparse data taken as they are."""

from .certificate import Certificate, support_proof, verify
from .cross_validation import PathCV, cross_validate_path
from .path import ConvergenceWarning, alpha_max, fit, fit_path
from .results import LassoFit, LassoPath

__version__ = "0.1.0"
__all__ = ["Certificate", "ConvergenceWarning", "LassoFit", "LassoPath", "PathCV", "alpha_max", "cross_validate_path",
           "fit", "fit_path", "support_proof", "verify"]
