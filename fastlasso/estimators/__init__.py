"""scikit-learn's face: estimators with the names, arguments, attributes and errors of `sklearn.linear_model`.

The solutions are certified. `docs/scikit-learn.md` lists what differs from scikit-learn.

A new estimator derives from `LinearModel` (`base`) or `LinearModelCV` (`cross_validated`). It keeps its arguments by
`keep_arguments` and decorates its `fit` with `all_or_nothing`. That `fit` calls `_check_parameters` (the rules are in
`parameters`), then `_validated`, then a function of `path`, `selection` or `refinement` with `_options`, then `_keep`.
The decorator `described` fills its docstring in with what other classes say of shared arguments and attributes.
"""

# `base` comes first: it says what to install where scikit-learn is missing.
from .base import ConvergenceWarning
from .cross_validated import ElasticNetCV, LassoCV
from .generalised import GammaRegressor, HuberLasso, NegativeBinomialRegressor, PoissonRegressor, TweedieRegressor
from .generalised_cv import (
    GammaRegressorCV,
    HuberLassoCV,
    NegativeBinomialRegressorCV,
    PoissonRegressorCV,
    TweedieRegressorCV,
)
from .information import LassoIC
from .linear import ElasticNet, Lasso, enet_path, lasso_path
from .logistic import LogisticRegression
from .logistic_cv import LogisticRegressionCV
from .parameters import InvalidParameterError
from .refined import (
    AdaptiveLasso,
    AdaptiveLassoCV,
    RelaxedLasso,
    RelaxedLassoCV,
    ReweightedLasso,
    ReweightedLassoCV,
    StabilitySelection,
    TwoStageLasso,
)

__all__ = ["AdaptiveLasso", "AdaptiveLassoCV", "ConvergenceWarning", "ElasticNet", "ElasticNetCV", "GammaRegressor",
           "GammaRegressorCV", "HuberLasso", "HuberLassoCV", "InvalidParameterError", "Lasso", "LassoCV", "LassoIC",
           "LogisticRegression", "LogisticRegressionCV", "NegativeBinomialRegressor", "NegativeBinomialRegressorCV",
           "PoissonRegressor", "PoissonRegressorCV", "RelaxedLasso", "RelaxedLassoCV", "ReweightedLasso",
           "ReweightedLassoCV", "StabilitySelection", "TweedieRegressor", "TweedieRegressorCV", "TwoStageLasso",
           "enet_path", "lasso_path"]
