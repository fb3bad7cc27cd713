"""Independent judges: the problem in many digits by mpmath, and an interior point solver, from its definition."""

import math

import clarabel
import numpy as np
from mpmath import mp
from scipy import sparse

from fastlasso.validation import ROUNDING_SHARE

DIGITS = 60
DEPENDENT = mp.mpf(10) ** -35     # of a column: what counts as nothing left of it in exact arithmetic
LAST_PLACES = 4                   # of its values, for each column of X: what may be rounding of X
SEARCH_STEPS = 60                 # of the golden section for the scale of the dual point
PUSHES = 4                        # for each column of infeasible sign, at most
TOO_FAR = mp.mpf(1001) / 1000     # how far each goes: to just beyond where the sign is feasible


def conic_solution(X, y, alpha, options):
    """Coefficients, intercept and optimal value by the interior point solver Clarabel, from the problem's definition.

    Variables (b0, b, t, e): minimise q.e^2 / 2 + l2.b^2 / 2 + l1.t  with  e = z - b0 - X b,  |b| <= t, and the bounds.
    """
    X = X.toarray() if sparse.issparse(X) else np.asarray(X, dtype=np.float64)
    n, p = X.shape
    w = np.broadcast_to(options.get("sample_weight", 1.0), n)
    q = w / w.sum()
    scale = np.sqrt(q @ (X - q @ X) ** 2) if options.get("standardize") else np.ones(p)
    factor = np.where(is_dropped(scale, q @ X, options), np.inf, options.get("penalty_factor", 1.0))
    strength, ratio = alpha * np.where(np.isinf(factor), 0, factor), options.get("l1_ratio", 1.0)
    lower = np.where(np.isinf(factor), 0.0, options.get("lower", -math.inf))
    upper = np.where(np.isinf(factor), 0.0, options.get("upper", math.inf))
    quadratic = sparse.diags(np.r_[0, strength * (1 - ratio) * scale**2, np.zeros(p), q]).tocsc()
    linear = np.r_[0, np.zeros(p), strength * ratio * scale, np.zeros(n)]
    one, eye, none, dense = sparse.csr_array(np.ones((n, 1))), sparse.csr_array(np.eye(p)), sparse.csr_array, np.zeros
    rows = [
        sparse.hstack([one, sparse.csr_array(X), none((n, p)), sparse.csr_array(np.eye(n))]),
        sparse.hstack([sparse.csr_array([[float(not options.get("fit_intercept", True))]]), none((1, 2 * p + n))]),
        sparse.hstack([none((p, 1)), eye, -eye, none((p, n))]),
        sparse.hstack([none((p, 1)), -eye, -eye, none((p, n))]),
        sparse.hstack([none((p, 1)), eye, none((p, p + n))]).tocsr()[np.isfinite(upper)],
        sparse.hstack([none((p, 1)), -eye, none((p, p + n))]).tocsr()[np.isfinite(lower)],
    ]
    right = [y - options.get("offset", 0.0), [0.0], dense(2 * p), upper[np.isfinite(upper)], -lower[np.isfinite(lower)]]
    right = np.concatenate(right)
    settings = clarabel.DefaultSettings()
    settings.verbose, settings.max_threads = False, 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-12
    cones = [clarabel.ZeroConeT(n + 1), clarabel.NonnegativeConeT(len(right) - n - 1)]
    solved = clarabel.DefaultSolver(quadratic, linear, sparse.vstack(rows).tocsc(), right, cones, settings).solve()
    x = np.array(solved.x)
    intercept = x[0] if options.get("fit_intercept", True) else 0.0
    return np.clip(x[1 : p + 1], lower, upper), intercept, solved.obj_val


def exact_optimum(X, y, alpha, options, coef):
    """The optimal value in 50 digits, from the signs and bounds in force at an almost exact solution `coef`.

    Solves the linear system of the face and asserts its KKT conditions, so a wrong face cannot pass.
    """
    A, r, l1, l2, lower, upper = exact_problem(X, y, alpha, options)
    p, sign = len(coef), [mp.sign(v) for v in coef]
    fixed = [mp.mpf(coef[j]) if coef[j] in (0, lower[j], upper[j]) else None for j in range(p)]
    b = face_minimum(A, r, l1, l2, sign, fixed)
    residual = without_columns(r, A, b)
    for j in range(p):
        pull = mp.fdot(A[j], residual) - l2[j] * b[j]
        assert b[j] == fixed[j] or (l1[j] * (mp.sign(b[j]) - sign[j]) == 0 and lower[j] <= b[j] <= upper[j])
        assert pull >= (l1[j] if b[j] > 0 else -l1[j]) - mp.mpf(10) ** -30 or b[j] <= lower[j]
        assert pull <= (-l1[j] if b[j] < 0 else l1[j]) + mp.mpf(10) ** -30 or b[j] >= upper[j]
    return mp.fdot(residual, residual) / 2 + mp.fsum(l1[j] * abs(b[j]) + l2[j] * b[j] ** 2 / 2 for j in range(p))


def face_minimum(A, r, l1, l2, sign, fixed):
    """Coefficients of the least objective with those of `fixed` kept, and l1 |b_j| = l1 sign_j b_j for the others."""
    inside = [j for j in range(len(A)) if fixed[j] is None]
    rest = without_columns(r, A, [value or 0 for value in fixed])
    b = list(fixed)
    if inside:
        gram = mp.matrix(len(inside), len(inside))
        right = mp.matrix(len(inside), 1)
        for k, j in enumerate(inside):
            right[k] = mp.fdot(A[j], rest) - l1[j] * sign[j]
            for other, i in enumerate(inside):
                gram[k, other] = mp.fdot(A[j], A[i]) + (l2[j] if i == j else 0)
        for j, value in zip(inside, mp.lu_solve(gram, right), strict=True):
            b[j] = value
    return b


def without_columns(vector, A, b):
    """vector - A b."""
    used = [j for j in range(len(b)) if b[j]]
    return [vector[i] - mp.fsum(A[j][i] * b[j] for j in used) for i in range(len(vector))]


def exact_problem(X, y, alpha, options):
    """Columns of A (a list of lists), response, l1, l2 and bounds in 50 digits; the intercept is eliminated."""
    n, p = X.shape
    weight = [mp.mpf(float(w)) for w in np.broadcast_to(options.get("sample_weight", 1.0), n)]
    q = [w / mp.fsum(weight) for w in weight]
    columns = [[mp.mpf(float(v)) for v in X[:, j]] for j in range(p)]
    offset = np.broadcast_to(options.get("offset", 0.0), n)
    z = [mp.mpf(float(a)) - mp.mpf(float(b)) for a, b in zip(y, offset, strict=True)]
    factor = [mp.mpf(float(v)) for v in np.broadcast_to(options.get("penalty_factor", 1.0), p)]
    ratio, strength = mp.mpf(options.get("l1_ratio", 1.0)), mp.mpf(alpha)
    centred = [[v - mp.fdot(q, column) for v in column] for column in [*columns, z]]
    scale = [mp.sqrt(mp.fdot(q, [v * v for v in c])) if options.get("standardize") else 1 for c in centred[:-1]]
    means = [mp.fdot(q, column) for column in columns]
    never = [v == math.inf or bool(out) for v, out in zip(
        factor, is_dropped(np.array(scale, dtype=float), np.array(means, dtype=float), options), strict=True)]
    used = centred if options.get("fit_intercept", True) else [*columns, z]
    *A, r = [[mp.sqrt(w) * v for w, v in zip(q, column, strict=True)] for column in used]
    return (
        A,
        r,
        [mp.inf if out else strength * v * ratio * s for v, s, out in zip(factor, scale, never, strict=True)],
        [0 if out else strength * v * (1 - ratio) * s**2 for v, s, out in zip(factor, scale, never, strict=True)],
        np.broadcast_to(options.get("lower", -math.inf), p),
        np.broadcast_to(options.get("upper", math.inf), p),
    )


def is_dropped(scale, mean, options):
    """Where a column is no feature under `standardize`: it varies by rounding alone, and is no intercept of a user."""
    if not options.get("standardize"):
        return np.zeros(len(scale), bool)
    dropped = scale <= ROUNDING_SHARE * np.abs(mean)
    if not options.get("fit_intercept", True):
        dropped &= np.broadcast_to(options.get("penalty_factor", 1.0), len(scale)) > 0
    return dropped


def exact_objective(raw, ones, coef, intercept):
    """P(intercept, coef) in 50 digits, from `exact_problem` without its intercept and root-weighted ones."""
    A, r, l1, l2, _, _ = raw
    b = [mp.mpf(float(v)) for v in coef]
    residual = [r[i] - ones[i] * mp.mpf(float(intercept)) for i in range(len(r))]
    residual = [residual[i] - mp.fsum(A[j][i] * b[j] for j in range(len(b)) if b[j]) for i in range(len(r))]
    penalty = mp.fsum(l1[j] * abs(b[j]) + l2[j] * b[j] ** 2 / 2 for j in range(len(b)) if b[j])
    return mp.fdot(residual, residual) / 2 + penalty


def exact_gap(X, y, coef, intercept, alpha, options):
    """The duality gap of a solution in 60 digits, as a float; inf outside the bounds.

    The dual point is the best multiple t of a residual's part orthogonal to 1 and to the columns without any penalty
    or bound; a column with one bound and no penalty is projected out where its sign would be infeasible. The residual
    is the solution's own or, where that proves less, the one of the best coefficients of the same face; that one stays
    orthogonal to all columns that have no penalty and are clear of their bounds. Or it is `pushed` to where all
    constraints hold. What of a column that is projected out is not in the span of others counts as nothing where
    rounding of X may have left it.
    """
    with mp.workdps(digits_for(alpha)):
        A, z, l1, l2, lower, upper = exact_problem(X, y, alpha, options)
        least = last_places(X, options)
        b = [mp.mpf(float(v)) for v in coef]
        if any(not lower[j] <= b[j] <= upper[j] or (b[j] and not mp.isfinite(l1[j] + l2[j])) for j in range(len(b))):
            return math.inf
        rho, drift = without_columns(z, A, b), exact_drift(X, y, b, intercept, options)
        penalty = l1, l2, lower, upper
        inside = [j for j in range(len(b)) if l1[j] == 0 and l2[j] == 0 and lower[j] < b[j] < upper[j]]
        starts = [(rho, []), (face_residual(A, z, b, penalty), inside)]
        further = pushed(rho, A, penalty)
        if further is not rho:
            starts.append((further, []))
        return float(min(gap_from(*start, rho, drift, A, b, penalty, rest) for start in starts for rest in least))


def digits_for(alpha):
    """Enough digits for products X'r of size alpha, which are differences of numbers of size 1."""
    return DIGITS + (max(0, math.ceil(-1.1 * math.log10(alpha))) if alpha > 0 else 0)


def pushed(rest, A, penalty):
    """The residual, pushed along the columns whose constraints it breaks, one at a time, a little too far.

    It suits near copies: where one bound holds them and nothing penalises them, they would be projected out together
    and take what lies in their difference along. Where alpha is tiny, scaling the residual until all hold loses much.
    """
    l1, l2, lower, upper = penalty
    for _ in range(PUSHES * len(A)):
        excess = [beyond(mp.fdot(column, rest), l1[j], l2[j], lower[j], upper[j]) for j, column in enumerate(A)]
        j = max(range(len(A)), key=lambda j: abs(excess[j]))
        if not excess[j]:
            break
        share = TOO_FAR * excess[j] / mp.fdot(A[j], A[j])
        rest = [v - share * a for v, a in zip(rest, A[j], strict=True)]
    return rest


def beyond(c, l1, l2, lower, upper):
    """How far c is from where h* is finite; 0 for a column of which only c = 0 would do, or that has a ridge part."""
    if l2 > 0 or not mp.isfinite(l1) or (l1 == 0 and lower == -math.inf and upper == math.inf):
        return mp.mpf(0)
    if c > l1 and upper == math.inf:
        return c - l1
    return c + l1 if c < -l1 and lower == -math.inf else mp.mpf(0)


def last_places(X, options):
    """Norms up to which what is left of the columns counts as nothing: in exact arithmetic, and as rounding of X."""
    w = np.broadcast_to(options.get("sample_weight", 1.0), len(X))
    size = np.sqrt(w @ np.square(X, dtype=float) / w.sum())
    return np.zeros(X.shape[1]), LAST_PLACES * X.shape[1] * np.finfo(float).eps * size


def face_residual(A, z, b, penalty):
    """Residual of the best coefficients that are zero, at a bound or of one sign where b is.

    Columns that depend on others of the face keep the coefficients that they have.
    """
    l1, l2, lower, upper = penalty
    basis = []
    inside = [b[j] not in (0, lower[j], upper[j]) and (l2[j] > 0 or extend(basis, A[j])) for j in range(len(b))]
    fixed = [None if free else value for value, free in zip(b, inside, strict=True)]
    return without_columns(z, A, face_minimum(A, z, l1, l2, [mp.sign(v) for v in b], fixed))


def gap_from(start, inside, rho, drift, A, b, penalty, least):
    """The duality gap of b, whose residual is rho, at the best multiple of the feasible part of `start`.

    It is orthogonal to the columns `inside`, too. Of column j no more than least[j] counts as nothing.
    """
    l1, l2, lower, upper = penalty
    basis = []
    for j in inside:
        extend(basis, A[j], least[j])
    rest = without(start, basis)
    while True:
        c = [mp.fdot(column, rest) for column in A]
        wrong = [j for j in range(len(b)) if l1[j] == 0 and l2[j] == 0 and abs(c[j]) > 0
                 and (upper[j] == math.inf if c[j] > 0 else lower[j] == -math.inf) and extend(basis, A[j], least[j])]
        if not wrong:
            break
        rest = without(start, basis)
    c = [mp.mpf(0) if l1[j] == 0 and outside(A[j], basis, least[j]) is None else c[j] for j in range(len(b))]
    parts = [(b[j], c[j], l1[j], l2[j], lower[j], upper[j]) for j in range(len(b)) if mp.isfinite(l1[j] + l2[j])]
    return best_over_scales(rho, rest, drift, parts)


def exact_drift(X, y, b, intercept, options):
    """Weighted mean of y - offset - intercept - X b; 0 where there is no intercept to be judged."""
    if not options.get("fit_intercept", True):
        return mp.mpf(0)
    n = len(y)
    w = [mp.mpf(float(v)) for v in np.broadcast_to(options.get("sample_weight", 1.0), n)]
    offset = np.broadcast_to(options.get("offset", 0.0), n)
    rows = [mp.mpf(float(y[i])) - mp.mpf(float(offset[i])) - mp.mpf(float(intercept))
            - mp.fsum(mp.mpf(float(X[i, j])) * b[j] for j in range(len(b)) if b[j]) for i in range(n)]
    return mp.fdot(w, rows) / mp.fsum(w)


def outside(column, basis, least=0.0):
    """What of a column is not in the span of an orthonormal basis, normalised; None where no more than `least` is."""
    size = mp.sqrt(mp.fdot(column, column))
    left = without(without(column, basis), basis)
    norm = mp.sqrt(mp.fdot(left, left))
    return None if norm <= max(DEPENDENT * size, least) else [v / norm for v in left]


def extend(basis, column, least=0.0):
    """Add a column to an orthonormal basis; return whether more than `least` of it was not in its span."""
    left = outside(column, basis, least)
    if left is not None:
        basis.append(left)
    return left is not None


def without(vector, basis):
    """The part of a vector orthogonal to an orthonormal basis."""
    for unit in basis:
        share = mp.fdot(unit, vector)
        vector = [v - share * u for v, u in zip(vector, unit, strict=True)]
    return vector


def best_over_scales(rho, rest, drift, parts):
    """The smallest gap over the multiples of the projected residual: a convex function of the scale."""
    rigid = [l1 / abs(c) for _, c, l1, l2, lower, upper in parts
             if l2 == 0 and c and (upper if c > 0 else -lower) == math.inf]
    low, high, share = mp.mpf(0), min([mp.mpf(2), *rigid]), (mp.sqrt(5) - 1) / 2

    def gap(t):
        far = mp.fsum((a - t * r) ** 2 for a, r in zip(rho, rest, strict=True)) + drift**2
        return far / 2 + mp.fsum(fenchel_young(b, t * c, *penalty) for b, c, *penalty in parts if b or c)

    best = min(gap(low), gap(high), gap(min(mp.mpf(1), high)))
    for _ in range(SEARCH_STEPS):
        a, c = high - share * (high - low), low + share * (high - low)
        at_a, at_c = gap(a), gap(c)
        best = min(best, at_a, at_c)
        low, high = (low, c) if at_a <= at_c else (a, high)
    return best


def fenchel_young(b, c, l1, l2, lower, upper):
    """h(b) + h*(c) - b c for h(b) = l1 |b| + l2/2 b^2 on [lower, upper]."""
    excess = max(abs(c) - l1, mp.mpf(0)) * mp.sign(c)
    if excess == 0:
        m = mp.mpf(0)
    elif l2 > 0:
        m = min(max(excess / l2, lower), upper)
    else:
        m = mp.mpf(upper if excess > 0 else lower)
    value = lambda v: l1 * abs(v) + l2 * v * v / 2      # noqa: E731
    return value(b) + (c * m - value(m)) - b * c


# ---------------------------------------------------------------- losses of rows


def unit_loss(name, parameter, y, eta):
    """Half the unit deviance of one row, from its definition, in mpmath's current digits."""
    y, eta = mp.mpf(float(y)), mp.mpf(eta)
    k = mp.mpf(parameter) if parameter is not None else None
    if name == "log_loss":
        return mp.log1p(mp.exp(eta)) - y * eta + xlogx(y) + xlogx(1 - y)
    if name == "poisson":
        return xlogx(y) - y * eta - y + mp.exp(eta)
    if name == "gamma":
        return eta - mp.log(y) + y * mp.exp(-eta) - 1
    if name == "tweedie":
        saturated = y ** (2 - k) * (1 / (2 - k) + 1 / (k - 1)) if y else 0
        return mp.exp((2 - k) * eta) / (2 - k) + y * mp.exp((1 - k) * eta) / (k - 1) - saturated
    if name == "negative_binomial":
        return xlogx(y) - y * eta - (y + k) * mp.log((y + k) / (mp.exp(eta) + k))
    if name == "huber":
        r = abs(y - eta)
        return r * r / 2 if r <= k else k * r - k * k / 2
    return max(1 - y * eta, mp.mpf(0)) ** 2 / 2


def xlogx(x):
    """x ln x, 0 at 0."""
    return x * mp.log(x) if x else mp.mpf(0)


def unit_slopes(name, k, y, eta):
    """First and second derivative of the loss of each row, for a solver."""
    mu = np.exp(np.clip(eta, -600, 600))
    if name == "log_loss":
        share = 1 / (1 + 1 / mu)
        return share - y, share * (1 - share)
    if name == "poisson":
        return mu - y, mu
    if name == "gamma":
        return 1 - y / mu, y / mu
    if name == "tweedie":
        u, v = y * mu ** (1 - k), mu ** (2 - k)
        return v - u, (2 - k) * v + (k - 1) * u
    if name == "negative_binomial":
        share = mu / (mu + k)
        return (y + k) * share - y, (y + k) * share * (1 - share)
    if name == "huber":
        return -np.clip(y - eta, -k, k), (np.abs(y - eta) <= k) * 1.0
    return -y * np.maximum(1 - y * eta, 0), (y * eta < 1) * 1.0


class RowProblem:
    """A problem of one of the losses of rows, from its definition.

    Attributes
    ----------
    name, parameter : str, float or None
        The loss.
    X, y, q, offset : ndarray
        y is the target as a number: 0 to 1 for log_loss, +-1 for squared_hinge.
    l1, l2, lower, upper : ndarray
    fit_intercept : bool
    """

    def __init__(self, name, parameter, X, y, alpha, options):
        n, p = X.shape
        w = np.broadcast_to(options.get("sample_weight", 1.0), n)
        self.name, self.parameter, self.X, self.y, self.q = name, parameter, X, y, w / w.sum()
        self.offset = np.broadcast_to(options.get("offset", 0.0), n)
        self.fit_intercept = options.get("fit_intercept", True)
        scale = np.sqrt(self.q @ (X - self.q @ X) ** 2) if options.get("standardize") else np.ones(p)
        given = np.broadcast_to(options.get("penalty_factor", 1.0), p)
        factor = np.where(is_dropped(scale, self.q @ X, options) | (scale <= 1e-12), np.inf, given)
        out, ratio = np.isinf(factor), options.get("l1_ratio", 1.0)
        strength = alpha * np.where(out, 0, factor)
        self.l1, self.l2 = strength * ratio * scale, strength * (1 - ratio) * scale**2
        self.lower = np.where(out, 0.0, options.get("lower", -math.inf))
        self.upper = np.where(out, 0.0, options.get("upper", math.inf))

    def exact_objective(self, coef, intercept):
        """P in mpmath's current digits; l1, l2 and the q are taken as the floats that they are."""
        value = mp.mpf(0)
        for i in np.flatnonzero(self.q):
            eta = mp.mpf(float(self.offset[i])) + mp.mpf(float(intercept))
            eta += mp.fsum(mp.mpf(float(self.X[i, j])) * mp.mpf(float(coef[j])) for j in np.flatnonzero(coef))
            value += mp.mpf(float(self.q[i])) * unit_loss(self.name, self.parameter, self.y[i], eta)
        return value + mp.fsum(mp.mpf(float(l1)) * abs(mp.mpf(float(b))) + mp.mpf(float(l2)) * mp.mpf(float(b)) ** 2 / 2
                               for b, l1, l2 in zip(coef, self.l1, self.l2, strict=True) if b)

    def objective(self, coef, intercept):
        """P up to a constant, for a solver."""
        eta, y, k = self.offset + intercept + self.X @ coef, self.y, self.parameter
        with np.errstate(all="ignore"):
            rows = {
                "log_loss": lambda: np.logaddexp(0, eta) - y * eta,
                "poisson": lambda: np.exp(eta) - y * eta,
                "gamma": lambda: eta + y * np.exp(-eta),
                "tweedie": lambda: np.exp((2 - k) * eta) / (2 - k) + y * np.exp((1 - k) * eta) / (k - 1),
                "negative_binomial": lambda: (y + k) * np.logaddexp(0, eta - math.log(k)) - y * eta,
                "huber": lambda: np.where(np.abs(y - eta) <= k, (y - eta) ** 2 / 2, k * np.abs(y - eta) - k * k / 2),
                "squared_hinge": lambda: np.maximum(1 - y * eta, 0) ** 2 / 2,
            }[self.name]()
            value = self.q @ rows
        penalty = self.l1 @ np.abs(coef) + self.l2 @ coef**2 / 2
        return value + penalty if np.isfinite(value) else math.inf

    def solve(self, steps=300, sweeps=60):
        """Coefficients and intercept by proximal Newton steps, each by coordinate descent on its Gram matrix."""
        n, p = self.X.shape
        A = np.column_stack([np.full(n, float(self.fit_intercept)), self.X])
        l1, l2 = np.r_[0.0, self.l1], np.r_[0.0, self.l2]
        low, high = np.r_[-math.inf, self.lower], np.r_[math.inf, self.upper]
        b, damping = np.zeros(p + 1), 1e-8
        value, majorant = self.objective(b[1:], b[0]), self.q @ A**2 + 1e-9
        for _ in range(steps):
            slope, curvature = unit_slopes(self.name, self.parameter, self.y, self.offset + A @ b)
            gradient, gram = A.T @ (self.q * slope), A.T @ ((self.q * curvature)[:, None] * A)
            gram[np.diag_indices(p + 1)] += damping * majorant
            new = quadratic_minimum(gram, gradient - gram @ b, l1, l2, low, high, b.copy(), sweeps)
            for halving in range(30):
                trial = b + (new - b) * 0.5**halving
                reached = self.objective(trial[1:], trial[0])
                if reached <= value:
                    break
            if reached > value:
                damping *= 100
                if damping > 1e3:
                    break
                continue
            moved = np.max(np.abs(trial - b))
            b, value, damping = trial, reached, max(damping * (0.1 if halving == 0 else 10), 1e-14)
            if moved <= 1e-15 * np.max(np.abs(b), initial=1e-3) and damping <= 1e-8:
                break
        return np.clip(b[1:], self.lower, self.upper), b[0]

    def violation(self, coef, intercept):
        """The largest distance of a gradient from where it must be, in units of the mean l1, or of 1e-3."""
        eta = self.offset + intercept + self.X @ coef
        pull = -(self.q * unit_slopes(self.name, self.parameter, self.y, eta)[0])
        c = self.X.T @ pull - self.l2 * coef
        least = np.where(coef <= self.lower, -np.inf, np.where(coef > 0, self.l1, -self.l1))
        most = np.where(coef >= self.upper, np.inf, np.where(coef < 0, -self.l1, self.l1))
        distance = np.maximum(least - c, c - most)
        return max(np.max(distance, initial=0.0), abs(pull.sum()) * self.fit_intercept) / (self.l1.mean() or 1e-3)


def quadratic_minimum(gram, linear, l1, l2, low, high, b, sweeps):
    """The minimum of b.gram b / 2 + linear.b + the penalty within bounds: coordinate descent, then its face exactly."""
    for sweep in range(sweeps):
        before = b.copy()
        pull = -(linear + gram @ b)
        for j in np.flatnonzero((np.diagonal(gram) + l2 > 0) & (low < high)):
            u = pull[j] + gram[j, j] * b[j]
            new = math.copysign(max(abs(u) - l1[j], 0.0), u) / (gram[j, j] + l2[j])
            new = min(max(new, low[j]), high[j])
            if new != b[j]:
                pull -= gram[:, j] * (new - b[j])
                b[j] = new
        if np.max(np.abs(b - before)) <= 1e-15 * np.max(np.abs(b)):
            break
        if sweep % 10 == 9:
            b = on_its_face(gram, linear, l1, l2, low, high, b)
    return b


def on_its_face(gram, linear, l1, l2, low, high, b):
    """The minimum over the coefficients that are free where b is, if it stays in the face of b; else b."""
    free = (low < b) & (b < high) & ((b != 0) | (l1 == 0))
    new = b.copy()
    right = -(linear + gram[:, ~free] @ b[~free])[free] - (l1 * np.sign(b))[free]
    new[free] = np.linalg.lstsq(gram[np.ix_(free, free)] + np.diag(l2[free]), right)[0]
    stays = (new > low) & (new < high) & ((new * b > 0) | (l1 == 0))
    return new if stays[free].all() else b
