"""skglm: Anderson-accelerated coordinate descent, compiled before the clock starts."""
import functools

import numpy as np

from ._storage import as_csc

NAME = "skglm"
PACKAGE = "skglm"
REQUIRES = ("numpy", "scipy", "scikit-learn", "skglm")
VERSION = "skglm"
DEFAULT_TOL = 1e-4
NOTES = "AndersonCD.path, fit_intercept=True, JIT warmed; tol is absolute in units of the gradient; CSC not timed"
prepare = as_csc


@functools.lru_cache
def _compiled(dtype):
    """Return the compiled squared loss and L1 penalty for a dtype; compiling them is not timed."""
    from skglm.datafits import Quadratic
    from skglm.penalties import L1
    from skglm.utils.jit_compilation import compiled_clone

    single = dtype == np.float32
    return compiled_clone(Quadratic(), to_float32=single), compiled_clone(L1(1.0), to_float32=single)


def path(X, y, alphas, tol, n_threads):
    """Run ``AndersonCD.path``; its last row of coefficients is the intercept."""
    from skglm.solvers import AndersonCD

    solver = AndersonCD(tol=tol, fit_intercept=True, max_iter=100, ws_strategy="subdiff", warm_start=False)
    datafit, penalty = _compiled(X.dtype.type)
    _, coefs, _ = solver.path(X, y, datafit, penalty, alphas=alphas.astype(X.dtype))
    return coefs[:-1], coefs[-1]
