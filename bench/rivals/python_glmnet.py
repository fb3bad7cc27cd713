"""python-glmnet: the Fortran glmnet. With the caller's lambdas its early stopping (fdev) is off."""
import numpy as np

from ._storage import as_csc, fold_numbers

NAME = "python-glmnet"
PACKAGE = "glmnet"
REQUIRES = ("numpy", "scipy", "scikit-learn", "python-glmnet")
VERSION = "python-glmnet"
DEFAULT_TOL = 1e-7
OPTIONS = ("l1_ratio", "upper")
LOSSES = ("squared_error", "log_loss")
SLOPE = 1.8
NOTES = (
    "ElasticNet or LogitNet(n_splits=0, standardize=False), explicit lambda_path; copies X inside the time; converts to"
    " float64"
)
prepare = as_csc


def _model(loss):
    import glmnet

    return glmnet.ElasticNet if loss == "squared_error" else glmnet.LogitNet


def path(X, y, alphas, tol, n_threads, loss="squared_error", l1_ratio=1.0, upper=np.inf):
    """Fit without cross-validation; lambda is alpha as it stands (glmnet itself divides it by the sd of y).

    Its Fortran stops a path at a lambda that it cannot converge in `max_iter` sweeps: so many are allowed.
    """
    model = _model(loss)(
        alpha=l1_ratio, lambda_path=np.asarray(alphas), n_splits=0, standardize=False, fit_intercept=True, tol=tol,
        max_iter=10_000_000, upper_limits=upper,
    ).fit(X, y)
    return model.coef_path_.reshape(X.shape[1], -1), model.intercept_path_.ravel()


def cross_validate(X, y, alphas, splits, tol, n_threads, loss="squared_error"):
    """Cross-validate on the given folds (as groups); its score is minus the mean squared error, or log loss."""
    model = _model(loss)(
        alpha=1.0, lambda_path=np.asarray(alphas), n_splits=len(splits), standardize=False, fit_intercept=True, tol=tol,
        max_iter=10_000_000, scoring="mean_squared_error" if loss == "squared_error" else "log_loss", n_jobs=n_threads,
    ).fit(X, y, groups=fold_numbers(splits))
    return -model.cv_mean_score_ if loss == "squared_error" else -2 * model.cv_mean_score_
