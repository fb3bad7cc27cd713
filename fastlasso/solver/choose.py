"""The solver of a problem."""

import numpy as np

from .base import Goal
from .basis import InBasis, with_basis
from .centred import InCentred, with_centred_columns
from .compressed import Compressed
from .far_solver import FarSolver
from .newton import NewtonSolver
from .small_newton import SmallNewton, is_small
from .solver import Solver


def started_solver(problem, tol, max_iter=10_000, screening=True, on_residual=None):
    """Return a solver for the problem that has been started.

    Parameters
    ----------
    tol : float
        The gap that is promised, as a share of P(0).
    max_iter, screening
        See `Goal`.
    on_residual : callable, optional
        Called with the residual of every solution. `Compressed` never calls it.
    """
    given, problem = problem, with_centred_columns(problem)
    if not problem.loss.is_quadratic:
        kind = SmallNewton if is_small(problem) else NewtonSolver
    else:
        usable, matrix = np.count_nonzero(problem.penalty.usable), problem.design.matrix
        kind = Compressed if matrix.is_compressible(usable) else FarSolver if matrix.free_residuals else Solver

    def started(problem):
        solver = kind(problem, Goal(tol * problem.null_objective, max_iter, screening), on_residual)
        solver.start()
        return solver

    solver = started(problem)
    other, basis = with_basis(problem, solver.nearly_dependent_gram)
    solver = solver if basis is None else InBasis(started(other), basis)
    return solver if problem is given else InCentred(solver, problem, given)
