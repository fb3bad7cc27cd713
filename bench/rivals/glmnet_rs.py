"""glmnet-rs: glmnet's algorithm in Rust. The caller's lambdas turn its early stopping off."""
import numpy as np

from ._storage import as_csc, fold_numbers

NAME = "glmnet-rs"
PACKAGE = "glmnetrs"
REQUIRES = ("numpy", "scipy", "glmnet-rs")
VERSION = "glmnet-rs"
DEFAULT_TOL = 1e-7
LOSSES = ("squared_error", "log_loss", "poisson")
FAMILIES = {"squared_error": "gaussian", "log_loss": "binomial", "poisson": "poisson"}
SLOPE = 1.8
NOTES = "glmnet(standardize=False), explicit lambda_; converts to float64 inside the time; CSC conversion not timed"
prepare = as_csc


def path(X, y, alphas, tol, n_threads, loss="squared_error"):
    """Run ``glmnet`` on the caller's alphas, which are on its scale."""
    from glmnetrs import glmnet

    found = glmnet(X, y, family=FAMILIES[loss], lambda_=np.asarray(alphas), standardize=False, thresh=tol,
                   maxit=10_000_000)
    return found.beta, found.a0


def cross_validate(X, y, alphas, splits, tol, n_threads, loss="squared_error"):
    """Run ``cv_glmnet`` on the given folds."""
    from glmnetrs import cv_glmnet

    return cv_glmnet(X, y, family=FAMILIES[loss], foldid=fold_numbers(splits), nfolds=len(splits),
                     lambda_=np.asarray(alphas), standardize=False, thresh=tol, maxit=10_000_000).cvm


def suits_folds(X):
    """Need dense X: it makes the held-out rows dense, gigabytes of them for text."""
    return None if isinstance(X, np.ndarray) else "its cross-validation makes sparse held-out rows dense"


def suits_loss(X, n_alphas, folds, loss):
    """Need dense X: version 0.1 takes a sparse one for squared error alone."""
    return None if isinstance(X, np.ndarray) else f"it takes no sparse X for {loss}"
