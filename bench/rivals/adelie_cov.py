"""adelie's covariance method: the Gram matrix is formed first (inside the time). Its best face when n >> p."""
import numpy as np

from ._storage import centred

NAME = "adelie (cov)"
PACKAGE = "adelie"
REQUIRES = ("numpy<2", "scipy", "adelie")
VERSION = "adelie"
DEFAULT_TOL = 1e-7
SLOPE = 1.8
NOTES = "X'X/n of centred X by NumPy inside the time, then gaussian_cov, n_threads=2, early_exit=False"


def suits(X, n_alphas):
    """Need dense X with n > 2p: the method is for p-sized problems."""
    return None if isinstance(X, np.ndarray) and X.shape[0] > 2 * X.shape[1] else "its covariance method is for n >> p"


def path(X, y, alphas, tol, n_threads):
    """Form the centred Gram matrix and run ``gaussian_cov``."""
    import adelie

    Xc, yc, X_mean, y_mean = centred(X, y)
    gram = np.asfortranarray(Xc.T @ Xc / len(y))
    wrapped = adelie.matrix.dense(gram, method="cov", n_threads=n_threads)
    state = adelie.gaussian_cov(
        wrapped, Xc.T @ yc / len(y), lmda_path=alphas, tol=tol * (yc @ yc) / len(y), n_threads=n_threads,
        early_exit=False, progress_bar=False, max_iters=10_000_000,
    )
    coefs = state.betas.T
    return coefs, y_mean - coefs.T @ X_mean
