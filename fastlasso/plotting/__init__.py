"""Pictures of results. matplotlib is imported only here, and only when asked for."""

from .axes import feature_label as feature_label
from .choices import plot_cv, plot_relaxed_cv, plot_stability
from .files import plot_both, save_figure as save_figure
from .profiles import compare_paths, plot_coefficients, plot_path, plot_stages, plot_targets
from .theme import matplotlib as matplotlib

__all__ = ["compare_paths", "plot_both", "plot_coefficients", "plot_cv", "plot_path", "plot_relaxed_cv",
           "plot_stability", "plot_stages", "plot_targets"]
