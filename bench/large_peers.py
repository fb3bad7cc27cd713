"""What other packages need for the problems of `large.py` that fit in memory, and the gaps of what they return."""
import time

import numpy as np


def adelie_path(X, y, loss, alphas):
    """Coefficients and intercepts of adelie's ``grpnet`` at its default tolerance; conversion to CSC is not timed."""
    from .rivals import adelie
    given, y = adelie.prepare(X, np.asarray(y, np.float64))
    started = time.perf_counter()
    coefs, intercepts = adelie.path(given, y, alphas, adelie.DEFAULT_TOL, 2, loss)
    return np.asarray(coefs.toarray()).T, intercepts, time.perf_counter() - started


def admm_path(X, y, loss, alphas):
    """Coefficients of dask-glm's ADMM, which dask-ml uses, with tolerances of 1e-8, at the last alpha alone.

    Two chunks, one for each core. rho is about the curvature of a chunk's loss: with the default of 1 gaps stay above a
    half of P(0). There is no intercept, which it would penalise; sparse chunks are not taken.
    """
    from dask import array
    from dask_glm.algorithms import admm
    from dask_glm.families import Logistic, Normal
    chunked = array.from_array(np.asarray(X, np.float64), chunks=(-(-len(y) // 2), X.shape[1]))
    target = array.from_array(np.asarray(y, np.float64), chunks=-(-len(y) // 2))
    started = time.perf_counter()
    # the objective of Normal is the sum of squares, without 1/2
    scale = len(y) * (2 if loss == "squared_error" else 1)
    coef = admm(chunked, target, regularizer="l1", lamduh=scale * alphas[-1], rho=scale / 2, abstol=1e-8, reltol=1e-8,
                max_iter=500, family=Logistic if loss == "log_loss" else Normal)
    return np.asarray(coef)[None], np.zeros(1), time.perf_counter() - started


SOLVERS = {"adelie": adelie_path, "dask-ml": admm_path}


def measured(place, way, loss, n_alphas, eps):
    """The figures of one peer: seconds, and the largest relative gap of what it returned."""
    import fastlasso

    from .large import in_memory
    data = fastlasso.open_dataset(place)
    X, y = in_memory(data.X), data.y > np.median(data.y) if loss == "log_loss" else np.asarray(data.y)
    intercept = way != "dask-ml"
    top = fastlasso.alpha_max(X, y, loss=loss, fit_intercept=intercept)
    alphas = top * np.geomspace(1, eps, n_alphas)
    processor = time.process_time()
    coefs, intercepts, seconds = SOLVERS[way](X, y, loss, alphas)
    processor = time.process_time() - processor
    gaps = [fastlasso.verify(X, y, coef, float(b0), alpha=alpha, loss=loss, fit_intercept=intercept).relative_gap
            for coef, b0, alpha in zip(coefs, intercepts, alphas[len(alphas) - len(intercepts):], strict=True)]
    return {"way": way, "shape": list(X.shape), "bytes": data.X.nbytes, "alphas": len(gaps), "eps": eps,
            "seconds": seconds, "processor seconds": processor, "gap": float(max(gaps))}
