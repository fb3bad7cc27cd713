"""Helpers for methods that fit several paths on one data set: they take a `Problem` and run anew in each fold.

A fold is the same problem with weight zero on the rows that it does not train on (`selection/folds.py`). X is measured
once for each fold, however many paths are fitted there.
"""

from dataclasses import fields

import numpy as np

from ..matrices.choose import as_matrix
from ..path.fit import fit_near
from ..path.grid import grid_of
from ..path.path_solver import PathSolver
from ..problem.options import Options
from ..selection.folds import Folds
from ..selection.splits import splits_of

# Stands for `cv` where nothing is cross-validated; cv=None from a caller is an error.
NO_FOLDS = object()


def in_folds(X, y, options, limits, cv, groups, random_state, pool, shown=None):
    """Return the `Folds` of a problem; `shown` is a `Progress` or None."""
    matrix = as_matrix(X)
    splits = [] if cv is NO_FOLDS else splits_of(cv, X, y, groups, matrix.shape[0], random_state, options.loss,
                                                 options.sample_weight)
    return Folds(matrix, y, options, limits, splits, pool, shown=shown)


def fitted(folds, start, alphas, eps, finish, errors_of, problems=None, stage=0):
    """Fit all rows and every fold along the grid of all rows.

    ``start(problem, watch)`` returns a started `PathSolver`, ``finish(solver, grid)`` makes its path, and
    ``errors_of(k, path, pool)`` are the held-out errors of the path of fold k. Returns (paths, errors): the path on all
    rows first.
    """
    def work(k, solvers, grids):
        path = finish(solvers[0], grids[0])
        return path, None if k < 0 else errors_of(k, path, solvers[0].problem.design.pool)

    done = folds.solve(lambda k, problem: [start(problem, folds.watch(stage, k))],
                       lambda solvers: [grid_of(solvers[0].solver, alphas, eps)], work, problems)
    return [path for path, _ in done], [errors for _, errors in done[1:]]


def path_of(solver, grid):
    """Return the path of a started `PathSolver` along a grid, as a `LassoPath`."""
    return solver.down(grid).result(options_of(solver.problem))


def fit_of(problem, alpha, limits, watch=None):
    """Return the solution of a problem at one alpha, as a `LassoFit`."""
    return PathSolver(problem, limits, watch=watch).down(np.array([alpha])).solution(0)


def options_of(problem):
    """Return the `Options` of a problem that a path keeps: l1_ratio, flags, and the bounds if any is finite."""
    penalty = problem.penalty
    bounds = {name: getattr(penalty, name) for name in ("lower", "upper") if np.isfinite(getattr(penalty, name)).any()}
    return Options(problem.l1_ratio, problem.loss.fit_intercept, problem.standardize, **bounds, loss=problem.loss_given)


def remember(path, X, y, options, penalty_factor, **settings):
    """Call `LassoPath.remember` with the data and the penalty factors that the path was fitted with."""
    return path.remember(fit_near, X, y, options.as_dict() | {"penalty_factor": penalty_factor,
                                                         "l1_ratio": path.params["l1_ratio"]}, **settings)


def recast(path, kind, **extra):
    """Return the same path as a subclass of `LassoPath` with further fields, or other ones."""
    return kind(**{field.name: getattr(path, field.name) for field in fields(path)} | extra)
