"""Certificates of optimality: how far a given solution, whoever made it, can be from the best one.

With q_i = w_i / W, the inner product <u, v> = sum_i q_i u_i v_i, the scores s = b0 + X b and a loss F (`losses`, offset
included), the problem and its dual are

    P(b0, b)  = F(s) + sum_j h_j(b_j)
    h_j(b)    = l1_j |b| + l2_j/2 b^2  for lower_j <= b <= upper_j, else infinity   (l1, l2 include alpha)
    D(theta)  = -F*(-theta) - sum_j h_j*(<x_j, theta>)
    h_j*(c)   = max_b c b - h_j(b), attained at clip(soft_threshold(c, l1_j) / l2_j, lower_j, upper_j)

where theta is orthogonal to 1 if there is an intercept. h_j* is infinite beyond +-l1_j on a side where nothing bounds
b_j (l2_j = 0, infinite bound), so unpenalised unbounded columns must be orthogonal to theta. D(theta) <= P(b0, b)
always. With c_j = <x_j, theta> the difference is the Fenchel-Young decomposition

    P - D = [ F(s) + F*(-theta) + <theta, s> ] + sum_j ( h_j(b_j) + h_j*(c_j) - b_j c_j )

in which no term is negative. The gap is computed as this sum: P - D would cancel, the sum does not. For the squared
error F(s) = 1/2 |z - s|^2, z = y - offset, with the residual rho = z - s,

    -F*(-theta) = <theta, z> - 1/2 |theta|^2     and the bracket is     1/2 |rho - theta|^2

The dual point is theta = t r (`dual_point`), with r the part of rho orthogonal to 1 and to the unpenalised columns, and
t the best scale that keeps theta feasible. A computed c_j differs from the exact one by at most about

    error_j = (8 + sqrt(n)) u |x_j| |theta|,   u = 2^-53      (Higham and Mary 2019, for sums of n rounded terms)

Every place where that could lower the gap takes the worse end of c_j +- error_j. So the gap of an exact solution is not
zero but some 1e-15 of P(0), and a gap is never below the true suboptimality.

Nothing is shared with the solvers but the checks of a sparse X's structure and of row labels. X is read in blocks. Few
columns are gathered as a dense array: those without a penalty (`dual_point`), and those that a Newton step on another
loss moves (`newton_dual`).

References
----------
Fercoq, Gramfort, Salmon (2015), "Mind the duality gap: safer rules for the Lasso", ICML.
Ndiaye, Fercoq, Gramfort, Salmon (2017), "Gap Safe screening rules for sparsity enforcing penalties", JMLR 18(128).
Higham, Mary (2019), "A new approach to probabilistic rounding error analysis", SIAM J. Sci. Comput. 41(5).
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..annotations import ArrayLike, ByColumn, Data, Truths
from .dual_point import best_dual_point
from .newton_dual import best_row_dual
from .reading import Arguments, read_problem
from .rounding import QUIET, UNIT, dot_rounding, euclidean_norm, total
from .row_dual import dual_value
from .rows import Point, Rows, point_of

__all__ = ["Certificate", "support_proof", "verify"]


@dataclass(frozen=True)
class Certificate:
    """What `verify` found.

    Attributes
    ----------
    primal : float
        P at the given coefficients and intercept; infinite outside the bounds. In units of the objective, as are
        `dual`, `gap` and `null_objective`.
    dual : float
        D at the dual point, a lower bound of the optimum.
    gap : float
        Upper bound of ``primal`` minus the optimum, rounding included. Sharper than ``primal - dual``, which cancels.
    relative_gap : float
        ``gap / null_objective``; 0 when both are 0.
    null_objective : float
        P(0), the objective of zero coefficients with the best intercept.
    kkt_violation : float
        Largest distance of a column's gradient from its optimality condition, in units of alpha * l1_j, or of the
        gradient itself where l1_j = 0. The intercept is taken at its best here; a poor one shows in the gap.
    dual_scale : float
        t in theta = t r.
    bound : str
        How the dual point was found: "residual" or "newton" (`newton_dual`).
    """

    primal: float
    dual: float
    gap: float
    relative_gap: float
    null_objective: float
    kkt_violation: float
    dual_scale: float
    bound: str = "residual"


def verify(X: Data, y: Any, coef: Any, intercept: float = 0.0, *, alpha: float | None = None, l1_ratio: float = 1.0,
           fit_intercept: bool = True, standardize: bool = False, sample_weight: ArrayLike | None = None,
           offset: ArrayLike | None = None, penalty_factor: ByColumn | None = None, lower: ByColumn = -math.inf,
           upper: ByColumn = math.inf, loss: object = "squared_error") -> Certificate:
    """Certify a solution of

        1/W sum_i w_i f(y_i, o_i + b0 + x_i.b) + alpha sum_j v_j ( l1_ratio s_j |b_j| + (1 - l1_ratio)/2 s_j^2 b_j^2 )

    subject to lower <= b <= upper, by its duality gap, recomputed from X in float64. f is half the unit deviance of the
    loss: (y - eta)^2 / 2 for squared error.

    Parameters
    ----------
    X : array or scipy.sparse matrix or array, shape (n_samples, n_features)
        Read in blocks (formats other than CSR and CSC are converted to CSR once). Up to 200 MB of columns without a
        penalty are gathered, and up to 800 MB of columns for a loss that is not quadratic. Also what `open_dataset`
        returns, and any `Matrix`.
    y : array, shape (n_samples,)
    coef : array, shape (n_features,), or a fit
        In the units of X, also with ``standardize``. A `LassoFit` or a fitted estimator brings its intercept, alpha and
        options with it; then none of them may be given here.
    intercept : float
        Must be 0 when ``fit_intercept`` is false.
    alpha : float >= 0
    l1_ratio : float in [0, 1]
    fit_intercept : bool
    standardize : bool
        s_j = weighted population standard deviation of column j instead of 1. A column that is constant (on the rows
        of positive weight) is then excluded: its coefficient must be 0.
    sample_weight : array, shape (n_samples,), optional
        Only ratios matter.
    offset : array, shape (n_samples,), optional
    penalty_factor : array in [0, inf], shape (n_features,), optional
        v_j; infinity excludes the column.
    lower, upper : float or array, shape (n_features,)
        lower <= 0 <= upper.
    loss : str or loss, default="squared_error"
        As in `fit`.

    Returns
    -------
    Certificate

    Raises
    ------
    ValueError
        If shapes disagree, a value is NaN, or a parameter is outside its range.

    Notes
    -----
    The dual point is one scaling of the residual. It is as good as the solution for ordinary problems. Where a column
    has a penalty factor far below the others (1e-8, not 0), the scaling suffers and the gap is an overestimate.

    The bound includes rounding, with two reservations. Unpenalised columns that depend on each other up to rounding are
    taken to do so exactly. Beyond 2000 unpenalised columns (or 200 MB) their ill-conditioning is not accounted for.

    Examples
    --------
    With one orthonormal column the solution is a soft threshold: x.y / n = 1 becomes 1 - 0.25.

    >>> import numpy as np
    >>> from fastlasso import verify
    >>> X, y = np.array([[1.0], [-1.0]]), np.array([1.0, -1.0])
    >>> exact = verify(X, y, [0.75], alpha=0.25)
    >>> exact.relative_gap < 1e-14
    True
    >>> round(verify(X, y, [0.5], alpha=0.25).gap, 6)  # (0.75 - 0.5)^2 / 2
    0.03125
    """
    if hasattr(coef, "claim"):
        coef, intercept, own = coef.claim()
        return verify(X, y, coef, intercept, **own)
    if alpha is None:
        raise TypeError("verify() needs alpha, unless it is given a fit or an estimator")
    problem = read_problem(X, y, coef, intercept, Arguments(
        alpha=alpha, l1_ratio=l1_ratio, fit_intercept=fit_intercept, standardize=standardize,
        sample_weight=sample_weight, offset=offset, penalty_factor=penalty_factor, lower=lower, upper=upper,
        loss=loss))
    if isinstance(problem.loss, Rows):
        return row_certificate(problem)
    return certified(problem, best_dual_point(problem))


def support_proof(X: Data, y: Any, coef: Any, intercept: float = 0.0, *, alpha: float, l1_ratio: float = 1.0,
                  fit_intercept: bool = True, standardize: bool = False, sample_weight: ArrayLike | None = None,
                  offset: ArrayLike | None = None, penalty_factor: ByColumn | None = None, lower: ByColumn = -math.inf,
                  upper: ByColumn = math.inf, loss: object = "squared_error") -> Truths:
    """Say of each zero coefficient whether it is proven to be zero in every optimal solution.

    D is 1-strongly concave, so the dual optimum lies within radius = sqrt(2 gap) of theta, and an optimal b_j is the
    maximiser of h_j* at c*_j = <x_j, theta*>, which is 0 wherever |c*_j| < l1_j = alpha v_j l1_ratio s_j, ridge part or
    not. Hence

        |<x_j, theta>| + |x_j| radius < l1_j   proves   b*_j = 0

    with |x_j| the centred norm if there is an intercept. Where lower_j = 0 the side c_j -> -infinity needs no proof,
    where upper_j = 0 the other. This is the gap-safe sphere of Fercoq, Gramfort and Salmon (2015) and Ndiaye et al.
    (2017, theorem 6), with the ridge part kept in h_j* instead of in an augmented design.

    Parameters
    ----------
    X, y, coef, intercept, alpha, l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, \
upper, loss
        As in `verify`.

    Returns
    -------
    proof : int8 array, shape (n_features,)
        1 where ``coef`` is nonzero, 0 where the coefficient is proven zero, -1 where it is zero but undecided.

    Raises
    ------
    ValueError
        As `verify`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import support_proof
    >>> X = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    >>> support_proof(X, X @ [1.0, 0.1], [0.75, 0.0], alpha=0.25)
    array([1, 0], dtype=int8)
    """
    problem = read_problem(X, y, coef, intercept, Arguments(
        alpha=alpha, l1_ratio=l1_ratio, fit_intercept=fit_intercept, standardize=standardize,
        sample_weight=sample_weight, offset=offset, penalty_factor=penalty_factor, lower=lower, upper=upper,
        loss=loss))
    by_loss = rows_proven_zero if isinstance(problem.loss, Rows) else proven_zero
    proven = by_loss(problem)
    return np.where(problem.coef != 0, 1, np.where(proven, 0, -1)).astype(np.int8)


def certified(problem, dual):
    """Gather the figures of a `Certificate` from a problem and a dual point."""
    loss, penalty, coef = problem.loss, problem.penalty, problem.coef
    primal, gap, violation = math.inf, math.inf, math.inf
    if problem.feasible:
        primal = loss.value(dual.residual(problem.root)) + total(penalty.value(coef))
        gap = duality_gap(problem, dual)
        violation = float(np.max(penalty.kkt_distances(coef, dual.projection.gradient), initial=0.0))
    null = loss.null_value
    relative = gap / null if null > 0 else (0.0 if gap == 0 else math.inf)
    return Certificate(primal=primal, dual=dual_objective(problem, dual), gap=gap, relative_gap=relative,
                       null_objective=null, kkt_violation=violation, dual_scale=dual.scale)


def dual_objective(problem, dual):
    """Return what is certain of D(theta): h_j* is convex, so it is largest at an end of c_j +- error_j."""
    theta = dual.theta
    error = dual.span_error + 4 * UNIT * euclidean_norm(theta)
    conjugate = np.maximum(*map(problem.penalty.conjugate, dual.correlation_ends(problem.penalty)))
    return problem.loss.dual_value(theta, error) - total(conjugate)


def duality_gap(problem, dual):
    """Return the sum of the Fenchel-Young terms: they too are convex in c_j, and taken at the worse end."""
    error = residual_error(problem) + dual.span_error
    ends = dual.correlation_ends(problem.penalty)
    terms = np.maximum(*(problem.penalty.fenchel_young(problem.coef, c) for c in ends))
    return (problem.loss.slack(dual.difference(problem.root), error) + total(terms)) * (1 + 8 * UNIT)


def residual_error(problem):
    """Bound the norm of the rounding error of rho."""
    columns, size = problem.columns, np.abs(problem.coef)
    summed = problem.loss.target_norm + float(np.sum(columns.norm * size))
    return dot_rounding(np.count_nonzero(size)) * summed + UNIT * float(np.sum(np.abs(columns.centre) * size))


def proven_zero(problem):
    """Tell which columns are zero in every optimal solution, by the gap-safe sphere about theta."""
    penalty, columns, dual = problem.penalty, problem.columns, best_dual_point(problem)
    gap = duality_gap(problem, dual) if problem.feasible else math.inf
    if gap == math.inf:
        return (penalty.lower == 0) & (penalty.upper == 0)
    slack = dot_rounding(len(problem.root))
    width = np.sqrt(columns.sd**2 + slack * columns.norm**2) if problem.fit_intercept else columns.norm * (1 + slack)
    c = dual.scale * dual.projection.correlation
    reach = width * problem.loss.dual_radius(gap) * (1 + slack) + dual.scale * dual.projection.error
    return ((c + reach < penalty.l1) | (penalty.upper == 0)) & ((reach - c < penalty.l1) | (penalty.lower == 0))


# ---------------------------------------------------------------- losses of rows


@np.errstate(all="ignore")
def row_certificate(problem):
    """Gather the figures of a `Certificate` for a loss of rows."""
    judged, point, gap, dual = judged_rows(problem)
    finite = judged is problem
    rows, null = problem.loss, problem.loss.null_value
    penalty = total(problem.penalty.value(problem.coef))
    primal = point.value + penalty if finite else math.inf
    whole = point.safe_value + penalty * (1 + 8 * UNIT) if finite else math.inf     # the gap of the dual point 0
    gap = min(gap, whole) if finite else math.inf
    violation = float(np.max(row_kkt_distances(problem, point), initial=0.0)) if finite else math.inf
    relative = gap / null if null > 0 else (0.0 if gap == 0 else math.inf)
    value = dual_value(judged, Point(rows, rows.null_scores, 2 * UNIT * np.abs(rows.null_scores)), dual)
    if math.isfinite(gap):
        value = max(value, primal - gap - 4 * UNIT * primal)
    return Certificate(primal=primal, dual=value, gap=gap, relative_gap=relative, null_objective=null,
                       kkt_violation=violation, dual_scale=dual.scale, bound=dual.bound)


def judged_rows(problem):
    """Return (problem, point, gap, dual point); where P is infinite those of coefficients that are 0, for their D."""
    point = point_of(problem)
    if problem.feasible and math.isfinite(point.value + total(problem.penalty.value(problem.coef))):
        return problem, point, *best_row_dual(problem, point)
    zero = replace(problem, coef=np.zeros_like(problem.coef), intercept=0.0)
    point = Point(problem.loss, problem.loss.null_scores, 2 * UNIT * np.abs(problem.loss.null_scores))
    return zero, point, *best_row_dual(zero, point)


def row_kkt_distances(problem, point):
    """Return the distances of the columns' gradients from their optimality conditions, at the best intercept."""
    rows = problem.loss
    if rows.fit_intercept:
        point = Point(rows, point.eta + rows.best_shift(point.eta), point.error)
    return problem.penalty.kkt_distances(problem.coef, problem.columns.correlate(rows.q * point.residual))


@np.errstate(all="ignore")
def rows_proven_zero(problem):
    """Tell which columns are zero in every optimal solution, by what a gap says of how far the dual optimum can be.

    A gap bounds sum_i q_i B_i(theta, theta*), the divergences of f*. Where (theta_i - theta*_i)^2 <= s_i B_i for all
    theta* within the gap, |<x_j, theta - theta*>| is at most sqrt(gap sum_i q_i s_i (x_ij - a)^2) for any a (0 without
    an intercept).
    """
    penalty = problem.penalty
    judged, point, gap, dual = judged_rows(problem)
    if judged is not problem or gap == math.inf or dual.scale == 0:
        return (penalty.lower == 0) & (penalty.upper == 0)
    reach = math.sqrt(gap) * column_spread(problem, point, dual, gap) + dual.scale * dual.error
    c = dual.scale * dual.correlation
    return ((c + reach < penalty.l1) | (penalty.upper == 0)) & ((reach - c < penalty.l1) | (penalty.lower == 0))


def column_spread(problem, point, dual, gap):
    """Return sqrt(sum_i q_i s_i (x_ij - a)^2) per column, rounding included."""
    rows, slack = problem.loss, dot_rounding(len(problem.root))
    with np.errstate(**QUIET):
        spread = rows.loss.spread(rows.q, rows.y, point.eta, point.residual - dual.theta, gap)
        spread = np.where(rows.q > 0, spread, 0.0)
        square, mean = problem.columns.moments(spread)
        least = np.maximum(square - mean**2 / np.sum(spread), 0) if rows.fit_intercept else square
    return np.sqrt(least + 4 * slack * square) * (1 + slack)
