"""What methods share that do more than one path: problems instead of X and y, and folds in which all is done again.

A fold is the one problem with the rows it does not train on at weight zero (`cross_validation.py`). Methods with
pilots, refits or stages run on such problems, so X is measured once for each fold whatever they do.
"""

from dataclasses import fields

import numpy as np

from ..matrices.choose import as_matrix
from ..path.fit import fit
from ..path.grid import automatic_grid, given_grid
from ..path.walk import Walk
from ..problem.options import Options
from ..selection.folds import Folded, folds

NO_FOLDS = object()     # in place of `cv` where nothing is cross-validated; None of a caller is an error


def in_folds(X, y, options, limits, cv, groups, random_state, pool):
    """Return the `Folded` of a problem."""
    matrix = as_matrix(X)
    splits = [] if cv is NO_FOLDS else folds(cv, X, y, groups, matrix.shape[0], random_state)
    return Folded(matrix, y, options, limits, splits, pool)


def fitted(folded, fit, errors_of, problems=None):
    """Fit all rows and every fold, at once as `Folded.each` does.

    ``fit(problem)`` makes a path; ``errors_of(k, path, pool)`` are the held-out errors of the path of fold k. Returns
    (paths, errors): the path on all rows first.
    """
    def work(k, problem):
        path = fit(problem)
        return path, None if k < 0 else errors_of(k, path, problem.design.pool)

    done = folded.each(work, problems=problems)
    return [path for path, _ in done], [errors for _, errors in done[1:]]


def grid_of(problem, alphas, eps):
    """The user's values of alpha in descending order, or an automatic grid of so many."""
    grid = given_grid(alphas, eps)
    return automatic_grid(problem, alphas, eps) if grid is None else grid


def path_of(problem, grid, limits):
    """The path of a problem along a grid, as a `LassoPath`."""
    walk = Walk(problem, limits)
    walk.down(grid)
    return walk.result(options_of(problem))


def fit_of(problem, alpha, limits):
    """The solution of a problem at one alpha, as a `LassoFit`."""
    walk = Walk(problem, limits)
    walk.down(np.array([alpha]))
    return walk.solution(0)


def options_of(problem):
    """The options of a problem that a path keeps: plain numbers, and whether there are bounds."""
    bounds = {name: getattr(problem, name) for name in ("lower", "upper") if np.isfinite(getattr(problem, name)).any()}
    return Options(problem.l1_ratio, problem.fit_intercept, problem.standardize, **bounds)


def remember(path, X, y, options, penalty_factor, **settings):
    """Let a path know its data (`LassoPath.remember`), under the penalty factors that it was made with."""
    return path.remember(fit, X, y, options.as_dict() | {"penalty_factor": penalty_factor,
                                                    "l1_ratio": path.params["l1_ratio"]}, **settings)


def recast(path, kind, **extra):
    """The same path as a subclass of `LassoPath` with further fields."""
    return kind(**{field.name: getattr(path, field.name) for field in fields(path)}, **extra)
