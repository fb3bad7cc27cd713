"""skglm: Anderson-accelerated coordinate descent, compiled before the clock starts."""
import functools

import numpy as np

from ._storage import as_csc

NAME = "skglm"
PACKAGE = "skglm"
REQUIRES = ("numpy", "scipy", "scikit-learn", "skglm")
VERSION = "skglm"
DEFAULT_TOL = 1e-4
LOSSES = ("squared_error", "log_loss", "poisson")
NOTES = (
    "AndersonCD.path, ProxNewton with warm starts for other losses, fit_intercept=True, JIT warmed; tol is absolute in"
    " units of the gradient; CSC not timed"
)
prepare = as_csc


@functools.lru_cache
def _compiled(dtype):
    """Return the compiled squared loss and L1 penalty for a dtype; compiling them is not timed."""
    from skglm.datafits import Quadratic
    from skglm.penalties import L1
    from skglm.utils.jit_compilation import compiled_clone

    single = dtype == np.float32
    return compiled_clone(Quadratic(), to_float32=single), compiled_clone(L1(1.0), to_float32=single)


def path(X, y, alphas, tol, n_threads, loss="squared_error"):
    """Run ``AndersonCD.path``; its last row of coefficients is the intercept."""
    from skglm.solvers import AndersonCD

    if loss != "squared_error":
        return _newton_path(X, y, alphas, tol, loss)
    solver = AndersonCD(tol=tol, fit_intercept=True, max_iter=100, ws_strategy="subdiff", warm_start=False)
    datafit, penalty = _compiled(X.dtype.type)
    _, coefs, _ = solver.path(X, y, datafit, penalty, alphas=alphas.astype(X.dtype))
    return coefs[:-1], coefs[-1]


def _newton_path(X, y, alphas, tol, loss):
    """Run ``ProxNewton``, which has no path of its own, alpha by alpha from the last solution, as its estimators do."""
    from skglm.datafits import Logistic, Poisson
    from skglm.penalties import L1
    from skglm.solvers import ProxNewton

    datafit, y = (Logistic(), 2 * y - 1) if loss == "log_loss" else (Poisson(), y)
    solver = ProxNewton(tol=tol, fit_intercept=True, max_iter=100)
    found, product = np.zeros((X.shape[1] + 1, len(alphas)), order="F"), np.zeros(len(y))
    last = np.zeros(X.shape[1] + 1)
    for k, alpha in enumerate(alphas):
        last = solver.solve(X, y, datafit, L1(alpha), last, product)[0]
        found[:, k] = last
        product = X @ last[:-1] + last[-1]
    return found[:-1], found[-1]
