"""Small dense problems with plain options: two compiled calls in place of everything else (`_engine/small.pxi`)."""

import numpy as np

from .. import validation
from .._engine import engine
from ..losses.choose import SQUARED_ERROR, as_loss
from ..losses.squared import explained, norm_of
from ..matrices.base import compressible
from ..solver.small_newton import is_small_risk
from ..ways import ways
from .grid import LOWEST_APPROACH, SMALLEST_SHARE, geometric, run_length
from .results import LassoFit, LassoPath, compressed_columns, scalars

# Alphas on the way to one that is far below alpha_max follow each other by this factor.
SMALL_STEP = 0.8
# Up to this many columns the Gram matrix holds all of them; beyond, only the columns in use.
SMALL_FEATURES = 64
# A null objective below this share of y may be rounding.
LEAST_NULL = 1e-20


def small_problem(X, y, options):
    """The problem in two compiled calls where X is small and dense and options are the plainest; else None."""
    if not (options.loss == SQUARED_ERROR and is_numeric(X) and is_numeric(y) and X.ndim == 2 and y.dtype.kind != "b"
            and 0 < X.size <= ways().small
            and y.shape in (X.shape[:1], (len(X), 1)) and options.are_plain()
            and validation.sample_weights(options.sample_weight, len(X)) is None):
        return None
    few = X.shape[1] <= SMALL_FEATURES
    if not few and compressible(X.shape):
        return None     # `Compressed` solves it from the Gram matrix of all columns
    l1_ratio = validation.number(options.l1_ratio, "l1_ratio", 0.0, 1.0)
    if l1_ratio == 0:
        return None
    if X.dtype.char not in "df" or not X.dtype.isnative:
        X = X.astype(np.float64)
    if y.dtype.char != "d" or y.ndim > 1 or not y.flags.c_contiguous or not y.dtype.isnative:
        y = np.ascontiguousarray(validation.doubles(y)).reshape(-1)
    return engine.small_problem(X, y, bool(options.fit_intercept), l1_ratio, few)


def is_numeric(values):
    """Whether this is exactly an ndarray, no subclass, of real numbers."""
    return type(values) is np.ndarray and values.dtype.kind in "fiub" and values.itemsize <= 8


def small_risk(X, y, options):
    """A problem of another loss in compiled code, and its loss, where X is small and dense with few columns.

    (None, None) where options are not the plainest, where the loss has no compiled form, and where something is wrong.
    """
    loss = as_loss(options.loss)
    if not (loss is not None and loss.name in engine.SMALL_LOSSES and is_numeric(X) and X.ndim == 2
            and X.size and is_small_risk(X.shape) and options.are_plain()):
        return None, None, None
    if X.dtype.char != "d" or not X.dtype.isnative:
        X = X.astype(np.float64)
    weights = validation.sample_weights(options.sample_weight, len(X))
    target, classes = loss.target(validation.same_length(y, len(X)), weights)
    small = engine.small_risk(X, target, weights, loss.name, bool(options.fit_intercept),
                              validation.number(options.l1_ratio, "l1_ratio", 0.0, 1.0))
    least = LEAST_NULL * abs(float(target[0]))      # of a y that may be constant
    return (small, loss, classes) if small.sound and small.null_objective > least else (None, None, None)


def small_risk_fit(X, y, alpha, options, limits):
    """`fit` of a small problem of another loss, or None where it is not one."""
    small, loss, classes = small_risk(X, y, options) if alpha > 0 and limits.max_iter > 0 else (None, None, None)
    if small is None:
        return None
    count, B, figures, _ = small.solve(np.array([alpha]), limits.tol * small.null_objective)
    if not count:
        return None
    _, intercept, gap, value = figures[:, 0].tolist()
    return LassoFit(alpha, B[0], intercept, gap, small.null_objective, limits.tol, 1.0,
                    1 - value / small.null_objective, loss, classes, "newton")


def small_risk_path(X, y, grid, n_alphas, eps, options, limits):
    """`fit_path` of a small problem of another loss, or None where it is not one."""
    unlimited = limits.dfmax is None and limits.max_r2 is None and (grid is None or grid[-1] > 0)
    small, loss, classes = small_risk(X, y, options) if unlimited and limits.max_iter > 0 else (None, None, None)
    if small is None or (grid is None and not 0 < small.alpha_max < np.inf):
        return None
    grid = geometric(small.alpha_max, eps, n_alphas) if grid is None else grid
    count, B, (_, intercepts, gaps, values), _ = small.solve(grid, limits.tol * small.null_objective)
    if count < len(grid):
        return None
    counts, indices, coefs = compressed_columns(np.arange(X.shape[1]), B)
    return LassoPath(grid, np.concatenate([[0], np.cumsum(counts)]), indices, coefs, intercepts, gaps,
                     1 - values / small.null_objective, np.ones(len(grid)), small.null_objective, limits.tol,
                     "complete", 0.0, *X.shape, scalars(options), None, loss, classes, np.ones(len(grid), bool))


def small_fit(X, y, alpha, options, limits):
    """`fit` of a small problem, or None where it is not one."""
    if options.loss != SQUARED_ERROR:
        return small_risk_fit(X, y, alpha, options, limits)
    small = small_problem(X, y, options) if alpha > 0 else None
    if small is None or not (small.long_steps or alpha >= LOWEST_APPROACH * small.alpha_max):
        return None
    grid = np.array([alpha]) if small.long_steps or alpha >= small.alpha_max else steps_down(small.alpha_max, alpha)
    solved = small.solve(grid, limits.tol * small.null_objective)
    if solved is None:
        return None
    cols, B, figures = solved
    coef, null = (B[-1].copy() if cols is None else np.zeros(X.shape[1])), small.null_objective
    if cols is not None:
        coef[cols] = B[-1]
    intercept, gap, rr, passes = figures[:, -1].tolist()
    return LassoFit(alpha, coef, intercept, gap, null, limits.tol, passes, explained(rr, null))


def steps_down(top, alpha):
    """Alphas from below `top` to `alpha`, each near the one before."""
    steps = int(np.ceil(np.log(alpha / top) / np.log(SMALL_STEP)))
    return np.append(np.geomspace(top, alpha, steps + 1)[1:-1], alpha)


def small_path(X, y, grid, n_alphas, eps, options, limits):
    """`fit_path` of a small problem, or None where it is not one."""
    if options.loss != SQUARED_ERROR:
        return small_risk_path(X, y, grid, n_alphas, eps, options, limits)
    unlimited = limits.dfmax is None and limits.max_r2 is None and (grid is None or grid[-1] > 0)
    small = small_problem(X, y, options) if unlimited else None
    if small is None:
        return None
    if grid is None:
        largest = max(float(X.max()), -float(X.min()))
        if not SMALLEST_SHARE * norm_of(small.null_objective) * largest < small.alpha_max < np.inf:
            return None     # correlations with y are zero or rounding: `automatic_grid` handles that
        grid = geometric(small.alpha_max, eps, n_alphas)
    near = small.long_steps or run_length(np.append(small.alpha_max, grid)) == len(grid) + 1
    solved = small.solve(grid, limits.tol * small.null_objective) if near else None
    if solved is None:
        return None
    cols, B, (intercepts, gaps, rr, passes) = solved
    if cols is None:
        cols = np.arange(X.shape[1])
    else:
        cols, B = np.sort(cols), B[:, np.argsort(cols)]
    counts, indices, values = compressed_columns(cols, B)
    null = small.null_objective
    return LassoPath(grid, np.concatenate([[0], np.cumsum(counts)]), indices, values, intercepts, gaps,
                     explained(rr, null), passes, null, limits.tol, "complete", 0.0, *X.shape, scalars(options))
