"""python-glmnet: the Fortran glmnet. With the caller's lambdas its early stopping (fdev) is off."""
import numpy as np

from ._storage import as_csc, fold_numbers

NAME = "python-glmnet"
PACKAGE = "glmnet"
REQUIRES = ("numpy", "scipy", "scikit-learn", "python-glmnet")
VERSION = "python-glmnet"
DEFAULT_TOL = 1e-7
SLOPE = 1.8
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


def cross_validate(X, y, alphas, splits, tol, n_threads):
    """Cross-validate on the given folds (as groups); its score is minus the mean squared error."""
    from glmnet import ElasticNet

    model = ElasticNet(
        alpha=1.0, lambda_path=np.asarray(alphas), n_splits=len(splits), standardize=False, fit_intercept=True, tol=tol,
        max_iter=10_000_000, scoring="mean_squared_error", n_jobs=n_threads,
    ).fit(X, y, groups=fold_numbers(splits))
    return -model.cv_mean_score_
