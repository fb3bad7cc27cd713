"""glmnet-rs: glmnet's algorithm in Rust. The caller's lambdas turn its early stopping off."""
import numpy as np

from ._storage import as_csc, fold_numbers

NAME = "glmnet-rs"
PACKAGE = "glmnetrs"
REQUIRES = ("numpy", "scipy", "glmnet-rs")
VERSION = "glmnet-rs"
DEFAULT_TOL = 1e-7
SLOPE = 1.8
NOTES = "glmnet(standardize=False), explicit lambda_; converts to float64 inside the time; CSC conversion not timed"
prepare = as_csc


def path(X, y, alphas, tol, n_threads):
    """Run ``glmnet`` on the caller's alphas, which are on its scale."""
    from glmnetrs import glmnet

    found = glmnet(X, y, lambda_=np.asarray(alphas), standardize=False, thresh=tol, maxit=10_000_000)
    return found.beta, found.a0


def cross_validate(X, y, alphas, splits, tol, n_threads):
    """Run ``cv_glmnet`` on the given folds."""
    from glmnetrs import cv_glmnet

    return cv_glmnet(X, y, foldid=fold_numbers(splits), nfolds=len(splits), lambda_=np.asarray(alphas),
                     standardize=False, thresh=tol, maxit=10_000_000).cvm


def suits_folds(X):
    """Need dense X: it makes the held-out rows dense, gigabytes of them for text."""
    return None if isinstance(X, np.ndarray) else "its cross-validation makes sparse held-out rows dense"
