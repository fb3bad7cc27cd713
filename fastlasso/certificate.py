"""Certificates of optimality: how far a given solution, whoever made it, can be from the best one.

With z = y - offset, q_i = w_i / W and the inner product <u, v> = sum_i q_i u_i v_i, the problem and its dual are

    P(b0, b)  = 1/2 |z - b0 - X b|^2 + sum_j h_j(b_j)
    h_j(b)    = l1_j |b| + l2_j/2 b^2  for lower_j <= b <= upper_j, else infinity   (l1, l2 include alpha)
    D(theta)  = <theta, z> - 1/2 |theta|^2 - sum_j h_j*(<x_j, theta>)
    h_j*(c)   = max_b c b - h_j(b), attained at clip(soft_threshold(c, l1_j) / l2_j, lower_j, upper_j)

where theta is orthogonal to 1 if there is an intercept. h_j* is infinite beyond +-l1_j on a side where nothing bounds
b_j (l2_j = 0, infinite bound), so unpenalised unbounded columns must be orthogonal to theta. D(theta) <= P(b0, b)
always. With rho = z - b0 - X b and c_j = <x_j, theta>, substituting z into D gives the Fenchel-Young decomposition

    P - D = 1/2 |rho - theta|^2 + sum_j ( h_j(b_j) + h_j*(c_j) - b_j c_j )

in which no term is negative. That is how the gap is computed here: P - D would cancel, this sum does not.

The dual point is theta = t r, with r the part of rho orthogonal to 1 and to the unpenalised columns, and t the best
scale that keeps theta feasible. A computed c_j differs from the exact one by at most about

    error_j = (8 + sqrt(n)) u |x_j| |theta|,   u = 2^-53      (Higham and Mary 2019, for sums of n rounded terms)

and every place where that could lower the gap takes the worse end of c_j +- error_j. So the gap of an exact solution
is not zero but some 1e-15 of P(0), and it does not fall below the true suboptimality.

Nothing is shared with the solvers but the check of a sparse X's structure. X is read in blocks, is never copied whole,
and sparse X stays sparse.

References
----------
Fercoq, Gramfort, Salmon (2015), "Mind the duality gap: safer rules for the Lasso", ICML.
Ndiaye, Fercoq, Gramfort, Salmon (2017), "Gap Safe screening rules for sparsity enforcing penalties", JMLR 18(128).
Higham, Mary (2019), "A new approach to probabilistic rounding error analysis", SIAM J. Sci. Comput. 41(5).
"""

import math
from dataclasses import dataclass

import numpy as np

from .judged import QUIET, UNIT, Options, dot_rounding, euclidean_norm, read_problem, total

__all__ = ["Certificate", "support_proof", "verify"]

_BASIS_COLUMNS, _BASIS_BYTES = 2000, 200e6  # beyond these, project by LSMR and not by a QR factor
_LSMR_ITERATIONS = 2000
_SIGN_TRIALS = 12  # rounds of projecting out unpenalised columns of the wrong sign, before all of them are


@dataclass(frozen=True)
class Certificate:
    """What `verify` found; every figure but the last three is in units of the objective.

    Attributes
    ----------
    primal : float
        P at the given coefficients and intercept; infinite outside the bounds.
    dual : float
        D at the dual point, a lower bound of the optimum.
    gap : float
        Upper bound of ``primal`` minus the optimum, rounding included. Sharper than ``primal - dual``, which cancels.
    null_objective : float
        P(0), the objective of zero coefficients with the best intercept.
    relative_gap : float
        ``gap / null_objective``; 0 when both are 0.
    kkt_violation : float
        Largest distance of a column's gradient from its optimality condition, in units of alpha * l1_j, or of the
        gradient itself where l1_j = 0. The intercept is taken at its best here; a poor one shows in the gap.
    dual_scale : float
        t in theta = t r.
    """

    primal: float
    dual: float
    gap: float
    relative_gap: float
    null_objective: float
    kkt_violation: float
    dual_scale: float


def verify(
    X,
    y,
    coef,
    intercept=0.0,
    *,
    alpha,
    l1_ratio=1.0,
    fit_intercept=True,
    standardize=False,
    sample_weight=None,
    offset=None,
    penalty_factor=None,
    lower=-math.inf,
    upper=math.inf,
):
    """Certify a solution of

        1/(2W) sum_i w_i (y_i - o_i - b0 - x_i.b)^2
        + alpha sum_j v_j ( l1_ratio s_j |b_j| + (1 - l1_ratio)/2 s_j^2 b_j^2 )

    subject to lower <= b <= upper, by its duality gap, recomputed from X in float64.

    Parameters
    ----------
    X : array or scipy.sparse matrix or array, shape (n_samples, n_features)
        Never copied whole (formats other than CSR and CSC are converted to CSR once).
    y : array, shape (n_samples,)
    coef : array, shape (n_features,)
        In the units of X, also with ``standardize``.
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

    Returns
    -------
    Certificate

    Raises
    ------
    ValueError
        If shapes disagree, a value is NaN, or a parameter is outside its range.

    Notes
    -----
    The dual point is one scaling of the residual. It is as good as the solution for ordinary problems; where a column
    has a penalty factor far below the others (1e-8, not 0), the scaling suffers and the gap is an overestimate.
    The bound includes rounding, with two reservations: unpenalised columns that depend on each other up to rounding are
    taken to do so exactly, and beyond 2000 of them (or 200 MB) their ill-conditioning is not accounted for.

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
    options = Options(alpha, l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper)
    problem = read_problem(X, y, coef, intercept, options)
    dual = _dual_point(problem)
    return _certificate(problem, dual)


def support_proof(
    X,
    y,
    coef,
    intercept=0.0,
    *,
    alpha,
    l1_ratio=1.0,
    fit_intercept=True,
    standardize=False,
    sample_weight=None,
    offset=None,
    penalty_factor=None,
    lower=-math.inf,
    upper=math.inf,
):
    """Say of each zero coefficient whether it is proven to be zero in every optimal solution.

    D is 1-strongly concave, so the dual optimum lies within radius = sqrt(2 gap) of theta, and an optimal b_j is the
    maximiser of h_j* at c*_j = <x_j, theta*>, which is 0 wherever |c*_j| < l1_j, ridge part or not. Hence

        |<x_j, theta>| + |x_j| radius < alpha l1_j   proves   b*_j = 0

    with |x_j| the centred norm if there is an intercept. Where lower_j = 0 the side c_j -> -infinity needs no proof,
    where upper_j = 0 the other. This is the gap-safe sphere of Fercoq, Gramfort and Salmon (2015) and Ndiaye et al.
    (2017, theorem 6), with the ridge part kept in h_j* instead of in an augmented design.

    Parameters
    ----------
    X, y, coef, intercept, alpha, l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, \
upper
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
    options = Options(alpha, l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper)
    problem = read_problem(X, y, coef, intercept, options)
    proven = _proven_zero(problem, _dual_point(problem))
    return np.where(problem.coef != 0, 1, np.where(proven, 0, -1)).astype(np.int8)


# The dual point.


@dataclass(frozen=True)
class _Projection:
    """The centred residual, root-weighted rho - mean, cut in two."""

    removed: np.ndarray  # its part in the span of the unpenalised columns, root-weighted
    leak: float  # bound of the norm of what is left of that part in the rest
    gradient: np.ndarray  # X' residual before
    correlation: np.ndarray  # X' rest; exactly 0 at the columns projected out
    error: np.ndarray  # what `correlation` may be off by


@dataclass(frozen=True)
class _Dual:
    """theta = scale * rest, and how it came about: rho = mean + cut.removed + rest."""

    mean: float
    rest: np.ndarray
    cut: _Projection
    scale: float


def _dual_point(problem):
    """Return the best dual point among the multiples of the projected residual."""
    mean, residual = _residual(problem)
    cut = _projection(problem, residual)
    rest = residual - cut.removed
    return _Dual(mean, rest, cut, _best_scale(problem, rest, cut))


def _residual(problem):
    """Return the weighted mean of rho and the root-weighted rho - mean.

    rho = (z - target_mean) - (X - 1 centre') coef + (target_mean - intercept - centre.coef)
    """
    columns, coef, root = problem.columns, problem.coef, problem.root
    residual = problem.target - root * columns.times(coef)
    if not problem.fit_intercept:
        return 0.0, residual
    drift = total(root * residual)
    mean = total(np.array([drift, problem.target_mean, -problem.intercept, *(-columns.centre * coef)[coef != 0]]))
    return mean, residual - drift * root


def _projection(problem, residual):
    """Project the residual off the unpenalised columns and correlate what remains.

    A column with l1 = l2 = 0 and one infinite bound demands one sign of c_j, which no scaling can give. It is
    projected out where the sign comes out wrong, and, as any without a penalty, where the optimum is likely to have
    c_j = 0: at first those that are pulled to neither bound by more than their distance from it.
    """
    penalty, norm = problem.penalty, problem.columns.norm
    above, below = penalty.rigid
    unpenalised = (penalty.l1 == 0) & (penalty.l2 == 0) & (penalty.lower < penalty.upper)
    free, (down, up) = unpenalised & above & below, _room(problem)
    for trial in range(_SIGN_TRIALS):  # pragma: no branch (in the last one all that may be wrong are free)
        removed, leak = _remove(residual, *_component(problem, free))
        rest = residual - removed
        pair = np.column_stack([residual, rest] if free.any() else [rest]) * problem.root[:, None]
        products = problem.columns.correlate(pair)
        gradient, correlation = products[:, 0], products[:, -1]
        error = norm * (dot_rounding(len(rest)) * euclidean_norm(rest) + leak)
        wrong = (above & (correlation + error > 0)) | (below & (error - correlation > 0))
        if trial == 0:
            wrong |= (correlation + error > -down) & (correlation - error < up)
        wrong &= unpenalised & ~free
        if not wrong.any():
            break
        free = free | (wrong if trial < _SIGN_TRIALS - 2 else unpenalised & (above | below))
    return _Projection(removed, leak, gradient, np.where(free, 0.0, correlation), np.where(free, 0.0, error))


def _room(problem):
    """Return |x_j|^2 times the distances of b_j from its bounds: a column pulled there by less is not held.

    This is the rule of the primal-dual active set method.
    """
    square = np.where(problem.columns.norm > 0, problem.columns.norm, 1.0) ** 2
    return square * (problem.coef - problem.penalty.lower), square * (problem.penalty.upper - problem.coef)


def _component(problem, free):
    """Return the function that gives the part of a root-weighted vector in the span of 1 and X[:, free], or None.

    Also return what it misses: the norm of the part that is left after it has been applied twice, per norm of the
    vector. Rounding leaves X[:, free]'theta at some u, which is u / sigma_min(X[:, free]) in the span.
    """
    chosen = np.flatnonzero(free & (problem.columns.norm > 0))
    unit = dot_rounding(len(problem.root))
    if len(chosen) == 0:
        return (lambda v: np.sum(problem.root * v) * problem.root) if problem.fit_intercept else None, 0.0
    if len(chosen) <= _BASIS_COLUMNS and 8 * len(chosen) * len(problem.root) <= _BASIS_BYTES:
        basis, smallest = _orthonormal_basis(problem, chosen)
        return lambda v: basis @ (basis.T @ v), unit * math.sqrt(basis.shape[1]) / smallest
    return _least_squares_fit(problem, chosen), unit


def _orthonormal_basis(problem, chosen):
    """Return Q with the span of sqrt(q) [1, X[:, chosen]], columns normalised, and about their least singular value.

    By pivoted QR, cut at the numerical rank: the last pivot kept stands for the singular value.
    """
    from scipy.linalg import qr

    columns = problem.columns.gather(chosen)
    columns *= problem.root[:, None] / problem.columns.norm[chosen]
    if problem.fit_intercept:
        columns = np.column_stack([problem.root, columns])
    basis, triangle, _ = qr(columns, mode="economic", pivoting=True, overwrite_a=True, check_finite=False)
    pivots = np.abs(np.diagonal(triangle))
    pivots = pivots[pivots > 2 * UNIT * max(columns.shape) * pivots[0]]
    return basis[:, : len(pivots)], float(pivots[-1])


def _least_squares_fit(problem, chosen):
    """Return v -> A (A^+ v) by LSMR to machine precision, with A = sqrt(q) [1, X[:, chosen]], columns normalised."""
    from scipy.sparse.linalg import LinearOperator, lsmr

    columns, root = problem.columns, problem.root
    scale = 1 / columns.norm[chosen]
    spread = np.zeros(len(columns.norm))
    with_one = float(problem.fit_intercept)

    def forward(b):
        spread[chosen] = scale * b[1:]
        return root * (columns.times(spread) + with_one * b[0])

    def adjoint(v):
        return np.concatenate([[with_one * (root @ v)], scale * columns.correlate(root * v)[chosen]])

    design = LinearOperator((len(root), 1 + len(chosen)), forward, adjoint, dtype=np.float64)
    return lambda v: forward(lsmr(design, v, atol=0, btol=0, conlim=0, maxiter=_LSMR_ITERATIONS)[0])


def _remove(vector, component, miss):
    """Return the component of a vector, found twice for orthogonality, and a bound of what is still left of it."""
    if component is None:
        return np.zeros_like(vector), 0.0
    removed = component(vector)
    removed = removed + component(vector - removed)
    rest = vector - removed
    return removed, euclidean_norm(component(rest)) + miss * euclidean_norm(rest)


def _largest_scale(penalty, correlation, error):
    """Return the largest t for which t r is certain to be feasible: t (c_j + error_j) <= l1_j on rigid sides."""
    above, below = penalty.rigid
    reach = np.maximum(np.where(above, correlation + error, 0.0), np.where(below, error - correlation, 0.0))
    bound = reach > 0
    with np.errstate(**QUIET):
        return (1 - 4 * UNIT) * float(np.min(penalty.l1[bound] / reach[bound], initial=math.inf))


def _best_scale(problem, residual, cut):
    """Maximise what is certain of the concave D(t r), that is with each c_j off by error_j and r off by the leak.

    D'(t) = <r, z> - leak |z| - t |r|^2 - sum_j c_j m_j(t c_j),  |c_j| = |x_j'r| + error_j,  m_j the maximiser of h_j*.
    The sum is not negative, so the first three terms bound t; the t they give is best if the sum vanishes there.
    Without the error a bound u_j far from b_j would cost u_j error_j, for h_j* rises by u_j per unit beyond l1_j.
    """
    square = np.sum(residual**2)
    slope_at_zero = np.sum(residual * problem.target) - cut.leak * euclidean_norm(problem.target)
    if square == 0 or slope_at_zero <= 0:
        return 0.0
    top = min(_largest_scale(problem.penalty, cut.correlation, cut.error), slope_at_zero / square)
    c = cut.correlation + np.copysign(cut.error, cut.correlation)
    busy = top * np.abs(c) > problem.penalty.l1
    penalty, c = problem.penalty.take(busy), c[busy]

    def slope(t):
        return slope_at_zero - t * square - c @ penalty.maximiser(t * c)[0]

    return float(top if len(c) == 0 or slope(top) >= 0 else _last_positive(slope, top))


def _last_positive(slope, top):
    """Bisect for the end of the part of [0, top] where a decreasing function is not negative."""
    low, high = 0.0, top
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if slope(middle) >= 0 else (low, middle)
    return low


# What the dual point proves.


def _certificate(problem, dual):
    """Gather the figures of a Certificate."""
    penalty, coef = problem.penalty, problem.coef
    primal, gap, violation = math.inf, math.inf, math.inf
    if problem.feasible:
        rho = dual.mean * problem.root + dual.cut.removed + dual.rest
        primal = 0.5 * total(rho**2) + total(penalty.value(coef))
        gap = _gap(problem, dual)
        violation = _kkt_violation(penalty, coef, dual.cut.gradient)
    null = problem.null_objective
    relative = gap / null if null > 0 else (0.0 if gap == 0 else math.inf)
    return Certificate(primal, _dual_objective(problem, dual), gap, relative, null, violation, dual.scale)


def _correlation_ends(penalty, dual):
    """Return c_j - error_j and c_j + error_j, cut to where h_j* is finite."""
    above, below = penalty.rigid
    most, least = np.where(above, penalty.l1, math.inf), np.where(below, -penalty.l1, -math.inf)
    return [np.clip(dual.scale * (dual.cut.correlation + side * dual.cut.error), least, most) for side in (-1, 1)]


def _dual_objective(problem, dual):
    """Return what is certain of D(theta); h_j* is convex, so the worse end is the worst point."""
    theta = dual.scale * dual.rest
    doubt = dual.scale * dual.cut.leak + 4 * UNIT * euclidean_norm(theta)
    conjugate = np.maximum(*map(problem.penalty.conjugate, _correlation_ends(problem.penalty, dual)))
    return total(theta * (problem.target - 0.5 * theta)) - doubt * euclidean_norm(problem.target) - total(conjugate)


def _gap(problem, dual):
    """Return the sum of the Fenchel-Young terms; they too are convex in c_j, and taken at the worse end."""
    difference = dual.mean * problem.root + dual.cut.removed + (1 - dual.scale) * dual.rest
    error = _residual_error(problem) + dual.scale * dual.cut.leak
    ends = _correlation_ends(problem.penalty, dual)
    terms = np.maximum(*(problem.penalty.fenchel_young(problem.coef, c) for c in ends))
    return (0.5 * (euclidean_norm(difference) + error) ** 2 + total(terms)) * (1 + 8 * UNIT)


def _residual_error(problem):
    """Bound the norm of the rounding error of rho."""
    columns, size = problem.columns, np.abs(problem.coef)
    summed = euclidean_norm(problem.target) + float(np.sum(columns.norm * size))
    return dot_rounding(np.count_nonzero(size)) * summed + UNIT * float(np.sum(np.abs(columns.centre) * size))


def _kkt_violation(penalty, coef, gradient):
    """Return the largest distance of x_j'rho - l2 b_j from the subdifferential of l1 |b_j| and the bounds.

    That is {l1} for b_j > 0, {-l1} for b_j < 0, [-l1, l1] for 0, open to infinity on the side of a bound in force.
    """
    pull = gradient - penalty.l2 * coef
    least = np.where(coef <= penalty.lower, -math.inf, np.where(coef > 0, penalty.l1, -penalty.l1))
    most = np.where(coef >= penalty.upper, math.inf, np.where(coef < 0, -penalty.l1, penalty.l1))
    distance = np.maximum(np.maximum(least - pull, pull - most), 0)
    with np.errstate(**QUIET):
        return float(np.max(distance / np.where(penalty.l1 > 0, penalty.l1, 1.0), initial=0.0))


def _proven_zero(problem, dual):
    """Tell which columns are zero in every optimal solution, by the gap-safe sphere about theta."""
    penalty, columns = problem.penalty, problem.columns
    gap = _gap(problem, dual) if problem.feasible else math.inf
    if gap == math.inf:
        return (penalty.lower == 0) & (penalty.upper == 0)
    slack = dot_rounding(len(problem.root))
    width = np.sqrt(columns.sd**2 + slack * columns.norm**2) if problem.fit_intercept else columns.norm * (1 + slack)
    c = dual.scale * dual.cut.correlation
    reach = width * math.sqrt(2 * gap) * (1 + slack) + dual.scale * dual.cut.error
    return ((c + reach < penalty.l1) | (penalty.upper == 0)) & ((reach - c < penalty.l1) | (penalty.lower == 0))
