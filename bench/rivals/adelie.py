"""adelie: ``grpnet`` with two threads and no early exit."""
import numpy as np
import scipy.sparse

from ..cases import FOLD_SEED

NAME = "adelie"
PACKAGE = "adelie"
REQUIRES = ("numpy<2", "scipy", "adelie")
VERSION = "adelie"
DEFAULT_TOL = 1e-7
OPTIONS = ("l1_ratio",)
LOSSES = ("squared_error", "log_loss", "poisson")
SLOPE = 1.8
NOTES = (
    "grpnet, n_threads=2, early_exit=False, irls_tol = tol for other losses; CSC conversion not timed; an environment"
    " with numpy < 2"
)


def prepare(X, y):
    """Wrap a sparse X in adelie's matrix class, which converts it to CSC; a dense X is only viewed."""
    import adelie

    if scipy.sparse.issparse(X):
        X = adelie.matrix.sparse(scipy.sparse.csc_matrix(X), method="naive", n_threads=2)
    return X, y


def _model(y, loss):
    """Return the loss with its target."""
    import adelie

    name = {"squared_error": "gaussian", "log_loss": "binomial", "poisson": "poisson"}[loss]
    return getattr(adelie.glm, name)(y, dtype=y.dtype.type)


def path(X, y, alphas, tol, n_threads, loss="squared_error", l1_ratio=1.0):
    """Run ``grpnet``; each feature is its own group, alphas are on its scale."""
    import adelie

    view = adelie.matrix.dense(X, method="naive", n_threads=n_threads) if isinstance(X, np.ndarray) else X
    state = adelie.grpnet(
        view, _model(y, loss), lmda_path=alphas, alpha=l1_ratio, tol=tol, irls_tol=tol, n_threads=n_threads,
        early_exit=False, intercept=True, progress_bar=False, max_iters=10_000_000,
    )
    return state.betas.T, state.intercepts


def cross_validate(X, y, alphas, splits, tol, n_threads, loss="squared_error"):
    """Run ``cv_grpnet``, whose folds are those of the suite; its loss is |y - eta|^2 / 2 without the |y|^2 part.

    That of classes is half the deviance; cases that cross-validate counts would need their constant as well.
    """
    import adelie

    found = adelie.cv_grpnet(
        X, _model(y, loss), n_threads=n_threads, min_ratio=alphas[-1] / alphas[0],
        lmda_path_size=len(alphas), n_folds=len(splits), seed=FOLD_SEED, tol=tol, irls_tol=tol, progress_bar=False,
        max_iters=10_000_000,
    )
    if loss != "squared_error":
        return 2 * found.losses.mean(axis=0)
    squares = np.array([np.mean(y[test] ** 2) for _, test in splits])
    return (2 * found.losses + squares[:, None]).mean(axis=0)
