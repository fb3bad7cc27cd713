"""glmstar: the official Python glmnet, by its authors; their C++ core. Its early stopping is off with given lambdas."""
import numpy as np

from ._storage import as_csc

NAME = "glmstar"
PACKAGE = "glmnet"
REQUIRES = ("numpy", "scipy", "scikit-learn", "glmstar")
VERSION = "glmstar"
DEFAULT_TOL = 1e-7
SLOPE = 1.8
LOSSES = ("log_loss", "poisson")
NOTES = "LogNet or FishNet, lambda_values given, standardize=False; CSC conversion not timed"
prepare = as_csc
SCORES = {"log_loss": "Binomial Deviance", "poisson": "Poisson Deviance"}


def _model(alphas, tol, loss):
    from glmnet import FishNet, LogNet
    from glmnet.paths.fastnet import FastNetControl

    kind = LogNet if loss == "log_loss" else FishNet
    control = FastNetControl(thresh=tol, maxit=10_000_000)
    return kind(lambda_values=np.asarray(alphas), standardize=False, control=control)


def path(X, y, alphas, tol, n_threads, loss):
    """Fit on the caller's alphas, which are on its scale."""
    model = _model(alphas, tol, loss).fit(X, y)
    return model.coefs_.T, model.intercepts_


def cross_validate(X, y, alphas, splits, tol, n_threads, loss):
    """Fit, then ``cross_validation_path`` on the given folds."""
    model = _model(alphas, tol, loss).fit(X, y)
    _, scores = model.cross_validation_path(X, y, cv=splits, n_jobs=n_threads)
    return np.asarray(scores.scores[SCORES[loss]])
