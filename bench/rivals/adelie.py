"""adelie: ``grpnet`` with two threads and no early exit."""
import numpy as np
import scipy.sparse

NAME = "adelie"
PACKAGE = "adelie"
REQUIRES = ("numpy<2", "scipy", "adelie")
VERSION = "adelie"
DEFAULT_TOL = 1e-7
LADDER = (1e-10, 1e-11, 3e-12, 1e-12, 3e-13, 1e-13, 1e-14, 1e-15)
NOTES = "grpnet, n_threads=2, early_exit=False; CSC conversion not timed; an environment with numpy < 2"


def prepare(X, y):
    """Wrap a sparse X in adelie's matrix class, which converts it to CSC; a dense X is only viewed."""
    import adelie

    if scipy.sparse.issparse(X):
        X = adelie.matrix.sparse(scipy.sparse.csc_matrix(X), method="naive", n_threads=2)
    return X, y


def path(X, y, alphas, tol, n_threads):
    """Run ``grpnet``; each feature is its own group, alphas are on its scale."""
    import adelie

    view = adelie.matrix.dense(X, method="naive", n_threads=n_threads) if isinstance(X, np.ndarray) else X
    state = adelie.grpnet(
        view, adelie.glm.gaussian(y, dtype=y.dtype.type), lmda_path=alphas, tol=tol, n_threads=n_threads,
        early_exit=False, intercept=True, progress_bar=False, max_iters=10_000_000,
    )
    return state.betas.T, state.intercepts
