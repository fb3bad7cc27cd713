"""python-glmnet: the Fortran glmnet. With the caller's lambdas its early stopping (fdev) is off."""
import numpy as np

from ._centring import as_csc

NAME = "python-glmnet"
PACKAGE = "glmnet"
REQUIRES = ("numpy", "scipy", "scikit-learn", "python-glmnet")
VERSION = "python-glmnet"
DEFAULT_TOL = 1e-7
LADDER = (1e-10, 1e-11, 3e-12, 1e-12, 3e-13, 1e-13, 1e-14, 1e-15)
NOTES = "ElasticNet(n_splits=0, standardize=False), explicit lambda_path; copies X inside the time; converts to float64"
prepare = as_csc


def path(X, y, alphas, tol, n_threads):
    """Fit without cross-validation; lambda is alpha as it stands (glmnet itself divides it by the sd of y).

    Its Fortran stops a path at a lambda that it cannot converge in `max_iter` sweeps: so many are allowed.
    """
    from glmnet import ElasticNet

    model = ElasticNet(
        alpha=1.0, lambda_path=np.asarray(alphas), n_splits=0, standardize=False, fit_intercept=True, tol=tol,
        max_iter=10_000_000,
    ).fit(X, y)
    return model.coef_path_, model.intercept_path_
