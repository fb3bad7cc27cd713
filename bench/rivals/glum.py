"""glum: iteratively reweighted least squares with coordinate descent on the p x p Gram matrix; made for n >> p."""
import numpy as np

from ._storage import as_csc

NAME = "glum"
PACKAGE = "glum"
REQUIRES = ("numpy", "scipy", "scikit-learn", "glum")
VERSION = "glum"
DEFAULT_TOL = 1e-4
LOSSES = ("squared_error", "log_loss", "poisson")
FAMILIES = {"squared_error": "normal", "log_loss": "binomial", "poisson": "poisson"}
NOTES = "GeneralizedLinearRegressor(l1_ratio=1, alpha_search=True); CSC conversion not timed"
prepare = as_csc
LARGEST_P = 3_000


def suits(X, n_alphas):
    """Need n > p and a p x p matrix that is small: its manual says that it is made for that."""
    return None if X.shape[1] < min(LARGEST_P, X.shape[0]) else "its p x p matrix is for n >> p"


def suits_loss(X, n_alphas, folds, loss):
    """Need the same for every loss."""
    return suits(X, n_alphas)


def path(X, y, alphas, tol, n_threads, loss="squared_error"):
    """Fit the whole path with ``alpha_search``; objective is the mean of half the deviance."""
    from glum import GeneralizedLinearRegressor

    single = len(alphas) == 1
    grid = {"alpha": alphas[0]} if single else {"alphas": np.asarray(alphas), "alpha_search": True}
    model = GeneralizedLinearRegressor(family=FAMILIES[loss], l1_ratio=1.0, gradient_tol=tol, fit_intercept=True,
                                       copy_X=False, **grid)
    model.fit(X, y)
    if single:
        return model.coef_[:, None], [model.intercept_]
    return np.asarray(model.coef_path_).T, np.asarray(model.intercept_path_)


def cross_validate(X, y, alphas, splits, tol, n_threads, loss="squared_error"):
    """Run ``GeneralizedLinearRegressorCV`` on the given folds; the normal family's deviance is the squared error."""
    from glum import GeneralizedLinearRegressorCV

    model = GeneralizedLinearRegressorCV(family=FAMILIES[loss], l1_ratio=1.0, alphas=np.asarray(alphas), cv=splits,
                                         gradient_tol=tol, copy_X=False, n_jobs=n_threads).fit(X, y)
    return np.asarray(model.deviance_path_).reshape(-1, len(splits), len(alphas)).mean(axis=(0, 1))
