"""Exact least squares on the columns that nothing penalises: the one loop, for every form of the problem."""

import numpy as np

# Rounds of a refit, at most.
REFIT_ROUNDS = 20


def refit(penalty, alpha, b, most, correlations, columns_of, settled, take):
    """Refit the unpenalised coordinates of b until nothing is to be gained; b is changed by `take`.

    A coordinate that reaches its bound is not refitted any more. Where columns nearly depend on each other, a second
    round removes the rounding errors of the first.

    Parameters
    ----------
    penalty : Penalty
        Of the working set.
    most : int
        Largest number of coordinates that are refitted; more are left as they are.
    correlations : callable
        ``correlations(where)`` are X'r at these places.
    columns_of : callable
        ``columns_of(where)`` is their `LeastSquares`.
    settled : callable
        ``settled(columns, z, where)`` says whether the gain left is rounding or too small to matter.
    take : callable
        ``take(where, step, better)`` sets b[where] = better and updates what depends on b, and returns True. Where the
        step leads uphill, it may change nothing and return False.
    """
    for _ in range(REFIT_ROUNDS):
        where = np.flatnonzero(penalty.unpenalised(alpha, b))
        if not len(where) or len(where) > most:
            return
        z, columns = correlations(where), columns_of(where)
        if settled(columns, z, where):
            return
        if not take(where, *penalty.step_within(where, b[where], columns.step(z))):
            return
