"""glmnet-rs: glmnet's algorithm in Rust. The caller's lambdas turn its early stopping off."""
import numpy as np

from ._centring import as_csc

NAME = "glmnet-rs"
PACKAGE = "glmnetrs"
REQUIRES = ("numpy", "scipy", "glmnet-rs")
VERSION = "glmnet-rs"
DEFAULT_TOL = 1e-7
LADDER = (1e-10, 1e-11, 3e-12, 1e-12, 3e-13, 1e-13, 1e-14, 1e-15)
NOTES = "glmnet(standardize=False), explicit lambda_; converts to float64 inside the time; CSC conversion not timed"
prepare = as_csc


def path(X, y, alphas, tol, n_threads):
    """Run ``glmnet`` on the caller's alphas, which are on its scale."""
    from glmnetrs import glmnet

    found = glmnet(X, y, lambda_=np.asarray(alphas), standardize=False, thresh=tol, maxit=10_000_000)
    return found.beta, found.a0
