"""celer: ``celer_path`` with pruning, after centring as its estimators do it."""
import numpy as np
import scipy.sparse

from ._storage import as_csc, centred

NAME = "celer"
PACKAGE = "celer"
REQUIRES = ("numpy", "scipy", "scikit-learn", "celer")
VERSION = "celer"
DEFAULT_TOL = 1e-4  # of its estimators; celer_path itself defaults to 1e-6
NOTES = "celer_path, prune=1, X centred inside the time; CSC conversion not timed"
prepare = as_csc


def path(X, y, alphas, tol, n_threads):
    """Centre, run ``celer_path``, add the intercepts."""
    from celer import celer_path

    Xc, yc, X_mean, y_mean = centred(X, y)
    scaled = {"X_offset": X_mean, "X_scale": np.ones_like(X_mean)} if scipy.sparse.issparse(X) else {}
    grid = alphas.astype(X.dtype)  # float64 alphas would turn its float32 vectors into float64 ones
    _, coefs, _ = celer_path(Xc, yc, "lasso", alphas=grid, tol=tol, prune=1, max_iter=100, **scaled)
    return coefs, y_mean - X_mean @ coefs


def cross_validate(X, y, alphas, splits, tol, n_threads):
    """Run ``LassoCV`` on the given folds."""
    from celer import LassoCV

    return LassoCV(alphas=alphas, cv=splits, tol=tol, n_jobs=n_threads).fit(X, y).mse_path_.mean(axis=1)
