"""fastlasso: certified L1-regularised regression, fast, on dense and sparse data taken as they are."""

from .path import ConvergenceWarning, alpha_max, fit, fit_path
from .results import LassoFit, LassoPath

__version__ = "0.1.0"
__all__ = ["ConvergenceWarning", "LassoFit", "LassoPath", "alpha_max", "fit", "fit_path"]
