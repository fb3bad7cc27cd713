"""fastlasso: certified L1-regularised regression, fast, on dense and sparse data taken as they are."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__ as __version__
from .parallel import limit_threads
from .path.fit import alpha_max, fit, fit_path
from .path.refined import AdaptivePath, ReweightedPath
from .path.results import LassoFit, LassoPath
from .path.targets import TargetPaths
from .path.warn import ConvergenceWarning
from .selection.cross_validation import cross_validate_path
from .selection.path_cv import PathCV

__all__ = ["AdaptivePath", "Certificate", "ConvergenceWarning", "DoubleSelection", "Gamma", "Huber", "LassoFit",
           "LassoPath", "LogLoss", "NegativeBinomial", "PathCV", "PluginAlpha", "Poisson", "PostLasso", "RelaxedCV",
           "RelaxedPath", "ReweightedPath", "ScheduleFit", "SquaredHinge", "StabilityPath", "Stage", "TargetPaths",
           "Tweedie", "adaptive_factors", "adaptive_path", "alpha_max", "convert", "cross_validate_adaptive",
           "cross_validate_path", "cross_validate_relaxed", "cross_validate_reweighted", "double_selection", "fit",
           "fit_path", "fit_schedule", "laplace_prior", "laplace_scale", "limit_threads", "load", "open_dataset",
           "plugin_alpha", "post_lasso", "relaxed_path", "reweighted_path", "stability_selection", "support_proof",
           "verify"]

# For type checkers and editors, which do not follow `__getattr__`.
if TYPE_CHECKING:
    from .datasets.convert import convert
    from .estimators import (
        AdaptiveLasso as AdaptiveLasso,
        AdaptiveLassoCV as AdaptiveLassoCV,
        ElasticNet as ElasticNet,
        ElasticNetCV as ElasticNetCV,
        GammaRegressor as GammaRegressor,
        GammaRegressorCV as GammaRegressorCV,
        HuberLasso as HuberLasso,
        HuberLassoCV as HuberLassoCV,
        Lasso as Lasso,
        LassoCV as LassoCV,
        LassoIC as LassoIC,
        LogisticRegression as LogisticRegression,
        LogisticRegressionCV as LogisticRegressionCV,
        NegativeBinomialRegressor as NegativeBinomialRegressor,
        NegativeBinomialRegressorCV as NegativeBinomialRegressorCV,
        PoissonRegressor as PoissonRegressor,
        PoissonRegressorCV as PoissonRegressorCV,
        RelaxedLasso as RelaxedLasso,
        RelaxedLassoCV as RelaxedLassoCV,
        ReweightedLasso as ReweightedLasso,
        ReweightedLassoCV as ReweightedLassoCV,
        StabilitySelection as StabilitySelection,
        TweedieRegressor as TweedieRegressor,
        TweedieRegressorCV as TweedieRegressorCV,
        TwoStageLasso as TwoStageLasso,
        enet_path as enet_path,
        lasso_path as lasso_path,
    )
    from .inference.double_selection import DoubleSelection, double_selection
    from .inference.plugin import PluginAlpha, plugin_alpha
    from .inference.post_lasso import PostLasso, post_lasso
    from .judge import Certificate, support_proof, verify
    from .losses.log_link import Gamma, NegativeBinomial, Poisson, Tweedie
    from .losses.log_loss import LogLoss
    from .losses.piecewise import Huber, SquaredHinge
    from .matrices.mapped import open_dataset
    from .refinement.adaptive import adaptive_path, cross_validate_adaptive
    from .refinement.load import load
    from .refinement.prior import laplace_prior, laplace_scale
    from .refinement.relaxation import RelaxedCV, RelaxedPath, cross_validate_relaxed, relaxed_path
    from .refinement.reweighting import cross_validate_reweighted, reweighted_path
    from .refinement.schedule import ScheduleFit, Stage, adaptive_factors, fit_schedule
    from .selection.stability import StabilityPath, stability_selection

# Imported on first use (PEP 562). What needs scikit-learn is not in __all__, which must work without it.
ON_FIRST_USE = {
    "datasets.convert": ("convert",),
    "matrices.mapped": ("open_dataset",),
    "losses.log_link": ("Gamma", "NegativeBinomial", "Poisson", "Tweedie"),
    "losses.log_loss": ("LogLoss",),
    "losses.piecewise": ("Huber", "SquaredHinge"),
    "inference.double_selection": ("DoubleSelection", "double_selection"),
    "inference.plugin": ("PluginAlpha", "plugin_alpha"),
    "inference.post_lasso": ("PostLasso", "post_lasso"),
    "judge": ("Certificate", "support_proof", "verify"),
    "refinement.load": ("load",),
    "refinement.adaptive": ("adaptive_path", "cross_validate_adaptive"),
    "refinement.prior": ("laplace_prior", "laplace_scale"),
    "refinement.relaxation": ("RelaxedCV", "RelaxedPath", "cross_validate_relaxed", "relaxed_path"),
    "refinement.reweighting": ("cross_validate_reweighted", "reweighted_path"),
    "refinement.schedule": ("ScheduleFit", "Stage", "adaptive_factors", "fit_schedule"),
    "selection.stability": ("StabilityPath", "stability_selection"),
    "estimators": ("AdaptiveLasso", "AdaptiveLassoCV", "ElasticNet", "ElasticNetCV", "GammaRegressor",
                   "GammaRegressorCV", "HuberLasso", "HuberLassoCV", "Lasso", "LassoCV", "LassoIC",
                   "LogisticRegression", "LogisticRegressionCV", "NegativeBinomialRegressor",
                   "NegativeBinomialRegressorCV", "PoissonRegressor", "PoissonRegressorCV", "RelaxedLasso",
                   "RelaxedLassoCV", "ReweightedLasso", "ReweightedLassoCV", "StabilitySelection", "TweedieRegressor",
                   "TweedieRegressorCV", "TwoStageLasso", "enet_path", "lasso_path"),
}


def __getattr__(name: str) -> Any:
    for module, names in ON_FIRST_USE.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *(name for names in ON_FIRST_USE.values() for name in names)})
