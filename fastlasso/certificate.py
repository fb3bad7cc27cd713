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
from scipy import sparse

from .validation import sound_sparse

__all__ = ["Certificate", "support_proof", "verify"]

_UNIT = 2.0**-53  # unit roundoff of float64
_BLOCK = 2**18  # values per dense block of X: 2 MB of float64 stays in cache, where 32 MB would not
_STORED = 2**21  # stored values per sparse block: scipy.sparse copies the indices of smaller views
_BASIS_COLUMNS, _BASIS_BYTES = 2000, 200e6  # beyond these, project by LSMR and not by a QR factor
_LSMR_ITERATIONS = 2000
_QUIET = {"divide": "ignore", "invalid": "ignore", "over": "ignore"}  # where 0/0 is masked and x/0 means infinity
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
    options = _Options(alpha, l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper)
    problem = _read_problem(X, y, coef, intercept, options)
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
    options = _Options(alpha, l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper)
    problem = _read_problem(X, y, coef, intercept, options)
    proven = _proven_zero(problem, _dual_point(problem))
    return np.where(problem.coef != 0, 1, np.where(proven, 0, -1)).astype(np.int8)


# The problem as a value: everything validated once, alpha and s_j multiplied in.


@dataclass(frozen=True)
class _Options:
    """The keyword arguments of `verify`, as given."""

    alpha: float
    l1_ratio: float
    fit_intercept: bool
    standardize: bool
    sample_weight: object
    offset: object
    penalty_factor: object
    lower: object
    upper: object


@dataclass(frozen=True)
class _Columns:
    """The columns of X, read as blocks of X - 1 centre'.

    norm[j] bounds the weighted norm of column j minus its centre, up to rounding; sd[j] is its weighted standard
    deviation.
    """

    X: object
    centre: np.ndarray
    norm: np.ndarray
    sd: np.ndarray

    def times(self, b):
        """Return (X - 1 centre') b."""
        product = np.zeros(self.X.shape[0])
        for rows, cols, block in _blocks(self.X, self.centre):
            if b[cols].any():
                product[rows] += block @ b[cols]
        return product

    def correlate(self, v):
        """Return (X - 1 centre')' v, for v of shape (n,) or (n, k)."""
        product = np.zeros((self.X.shape[1], *v.shape[1:]))
        for rows, cols, block in _blocks(self.X, self.centre):
            product[cols] += block.T @ v[rows]
        return product

    def gather(self, chosen):
        """Return the columns `chosen` (sorted indices) of X - 1 centre' as a dense array."""
        dense = np.zeros((self.X.shape[0], len(chosen)), order="F")
        for rows, cols, block in _blocks(self.X, self.centre):
            first, last = np.searchsorted(chosen, (cols.start, cols.stop))
            part = block[:, chosen[first:last] - cols.start]
            dense[rows, first:last] = part.toarray() if sparse.issparse(part) else part
        return dense


@dataclass(frozen=True)
class _Penalty:
    """h_j(b) = l1 |b| + l2/2 b^2 on [lower, upper], one entry per column."""

    l1: np.ndarray
    l2: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def take(self, chosen):
        """Return the penalty of the columns `chosen`."""
        return _Penalty(self.l1[chosen], self.l2[chosen], self.lower[chosen], self.upper[chosen])

    @property
    def rigid(self):
        """Where c_j <= l1_j, and where c_j >= -l1_j, is a constraint of the dual: nothing stops b_j on that side."""
        return (self.l2 == 0) & np.isposinf(self.upper), (self.l2 == 0) & np.isneginf(self.lower)

    def value(self, b):
        """h(b), whatever the bounds."""
        return self.l1 * np.abs(b) + 0.5 * self.l2 * b * b

    def maximiser(self, c):
        """Return (b, e): b maximises c b - h(b); e = soft_threshold(c, l1) - l2 b is what a bound leaves over."""
        excess = np.sign(c) * np.maximum(np.abs(c) - self.l1, 0)
        with np.errstate(**_QUIET):
            unbounded = np.where(excess == 0, 0.0, excess / self.l2)
        best = np.clip(unbounded, self.lower, self.upper)
        return best, np.where(best == unbounded, 0.0, excess - self.l2 * best)

    def conjugate(self, c):
        """h*(c) = max_b c b - h(b)."""
        best, left_over = self.maximiser(c)
        return best * (left_over + 0.5 * self.l2 * best)

    def fenchel_young(self, b, c):
        """h(b) + h*(c) - b c for b within the bounds, as a sum of terms that are none of them negative.

        With m the maximiser, e what it leaves over and m != 0 (l1 |m| = l1 sign(m) m):
            l2/2 (b - m)^2 + l1 (|b| - sign(m) b) + (m - b) e;     for m = 0:  l2/2 b^2 + |b| (l1 - sign(b) c).
        """
        best, left_over = self.maximiser(c)
        moved = self.l1 * (np.abs(b) - np.sign(best) * b) + (best - b) * left_over
        at_zero = np.abs(b) * (self.l1 - np.sign(b) * c)
        return 0.5 * self.l2 * (b - best) ** 2 + np.where(best == 0, at_zero, moved)


@dataclass(frozen=True)
class _Problem:
    """The validated problem and the solution to be judged.

    n-vectors called root-weighted are multiplied by root = sqrt(w / W), which makes <u, v> their plain dot product.
    """

    columns: _Columns
    penalty: _Penalty
    root: np.ndarray
    target: np.ndarray  # root-weighted z - target_mean
    target_mean: float  # 0 without an intercept
    coef: np.ndarray
    intercept: float
    fit_intercept: bool

    @property
    def feasible(self):
        """Whether the coefficients respect the bounds."""
        return bool(np.all((self.penalty.lower <= self.coef) & (self.coef <= self.penalty.upper)))

    @property
    def null_objective(self):
        """P(0) = 1/2 |z - mean|^2."""
        return 0.5 * _total(self.target**2)


def _read_problem(X, y, coef, intercept, options):
    """Validate the arguments of `verify` into a _Problem."""
    X = _read_matrix(X)
    n, p = X.shape
    root = _root_weights(options.sample_weight, n)
    y = _finite(_vector(y, "y", n), "y")
    offset = np.zeros(n) if options.offset is None else _finite(_vector(options.offset, "offset", n), "offset")
    target, rounding = _exact_difference(y, offset)
    columns = _read_columns(X, root**2, options)
    mean = _shifted_mean(target, root) if options.fit_intercept else 0.0
    return _Problem(
        columns=columns,
        penalty=_read_penalty(columns.sd, options),
        root=root,
        target=root * (target - mean + rounding),
        target_mean=mean,
        coef=_finite(_vector(coef, "coef", p), "coef"),
        intercept=_read_intercept(intercept, options.fit_intercept),
        fit_intercept=bool(options.fit_intercept),
    )


def _read_matrix(X):
    """Return X as a 2-d numeric ndarray, CSR or CSC, without copying those."""
    X = X if sparse.issparse(X) else np.asarray(X)
    if X.ndim != 2:
        raise ValueError(f"X must have two dimensions, got {X.ndim}")
    if sparse.issparse(X):
        X = sound_sparse(X)
    if X.dtype.kind not in "biuf":
        raise ValueError(f"X must hold real numbers, got dtype {X.dtype}")
    if X.shape[0] == 0:
        raise ValueError("X has no rows")
    return X


def _vector(values, name, size):
    """Return `values` as a float64 vector of length `size` without NaN."""
    if sparse.issparse(values):
        values = values.toarray().ravel()
    vector = np.asarray(values, dtype=np.float64)
    if vector.shape != (size,):
        raise ValueError(f"{name} has shape {vector.shape}, expected ({size},)")
    if np.isnan(vector).any():
        raise ValueError(f"{name} contains NaN")
    return vector


def _finite(vector, name):
    """Return `vector`, which must not hold infinity."""
    if not np.isfinite(vector).all():
        raise ValueError(f"{name} contains infinity")
    return vector


def _repeated(value, name, size):
    """Return a scalar or vector as a vector of length `size`."""
    return _vector(np.full(size, value) if np.ndim(value) == 0 else value, name, size)


def _root_weights(sample_weight, n):
    """Return sqrt(w / W)."""
    if sample_weight is None:
        return np.full(n, math.sqrt(1 / n))
    weight = _finite(_vector(sample_weight, "sample_weight", n), "sample_weight")
    if (weight < 0).any():
        raise ValueError("sample_weight has negative entries")
    if not weight.any():
        raise ValueError("sample_weight is zero for every sample")
    weight = weight / weight.max()
    return np.sqrt(weight / _total(weight))


def _read_intercept(intercept, fit_intercept):
    """Return the intercept as a float; without fit_intercept the problem has none."""
    value = np.asarray(intercept, dtype=np.float64)
    if value.size != 1 or not np.isfinite(value).all():
        raise ValueError(f"intercept must be one finite number, got {intercept!r}")
    if not fit_intercept and value.item() != 0:
        raise ValueError(f"intercept must be 0 when fit_intercept is false, got {intercept!r}")
    return value.item()


def _read_penalty(sd, options):
    """Return h with alpha and s_j multiplied in; an excluded column is one bounded to [0, 0]."""
    p = len(sd)
    if not 0 <= options.alpha < math.inf:
        raise ValueError(f"alpha must be finite and not negative, got {options.alpha!r}")
    if not 0 <= options.l1_ratio <= 1:
        raise ValueError(f"l1_ratio must be between 0 and 1, got {options.l1_ratio!r}")
    lower, upper = _repeated(options.lower, "lower", p), _repeated(options.upper, "upper", p)
    if (lower > 0).any() or (upper < 0).any():
        raise ValueError("bounds must satisfy lower <= 0 <= upper")
    factor = np.ones(p) if options.penalty_factor is None else _repeated(options.penalty_factor, "penalty_factor", p)
    if (factor < 0).any():
        raise ValueError("penalty_factor has negative entries")
    scale = sd if options.standardize else np.ones(p)
    excluded = np.isposinf(factor) | (scale == 0)
    strength = options.alpha * np.where(excluded, 0.0, factor)
    return _Penalty(
        l1=strength * options.l1_ratio * scale,
        l2=strength * (1 - options.l1_ratio) * scale**2,
        lower=np.where(excluded, 0.0, lower),
        upper=np.where(excluded, 0.0, upper),
    )


# Reading X.


def _blocks(X, centre):
    """Yield (rows, cols, block): slices, and X[rows, cols] - 1 centre' in float64, valid until the next one.

    A sparse block subtracts the centre from stored values only: a column with implicit zeros must have centre 0.
    """
    return _sparse_blocks(X, centre) if sparse.issparse(X) else _dense_blocks(X, centre)


def _dense_blocks(X, centre):
    """Yield whole rows of a row-major X, whole columns of any other, in one reused buffer."""
    by_row = abs(X.strides[0]) > abs(X.strides[1])
    n_major, n_minor = X.shape if by_row else X.shape[::-1]
    step = max(1, _BLOCK // max(n_minor, 1))
    buffer = np.empty((min(step, n_major), n_minor))
    for start in range(0, n_major, step):
        major, minor = slice(start, min(start + step, n_major)), slice(0, n_minor)
        rows, cols = (major, minor) if by_row else (minor, major)
        block = buffer[: major.stop - start]
        block = block if by_row else block.T
        np.subtract(X[rows, cols], centre[cols], out=block, dtype=np.float64, casting="same_kind")
        yield rows, cols, block


def _sparse_blocks(X, centre):
    """Yield groups of rows of a CSR matrix or of columns of a CSC matrix; duplicates are summed in the block."""
    by_row = X.format == "csr"
    kind = sparse.csr_array if by_row else sparse.csc_array
    n_major, n_minor = X.shape if by_row else X.shape[::-1]
    shifted = centre.any()
    for major in _stored_cuts(X.indptr, n_major):
        first, last = X.indptr[major.start], X.indptr[major.stop]
        pointers = X.indptr[major.start : major.stop + 1] - first
        shape = (len(pointers) - 1, n_minor) if by_row else (n_minor, len(pointers) - 1)
        values = X.data[first:last].astype(np.float64, copy=False)
        block = kind((values, X.indices[first:last], pointers), shape=shape, copy=False)
        if not block.has_canonical_format:
            block = block.copy()
            block.sum_duplicates()
        rows, cols = (major, slice(0, n_minor)) if by_row else (slice(0, n_minor), major)
        if shifted:
            block.data = block.data - _centre_of_stored(block, centre[cols])
        yield rows, cols, block


def _stored_cuts(indptr, n_major):
    """Yield slices of rows (or columns) that hold at most _STORED stored values, or are single."""
    start = 0
    while start < n_major:
        stop = int(np.searchsorted(indptr, indptr[start] + _STORED, side="right")) - 1
        stop = min(max(stop, start + 1), n_major)
        yield slice(start, stop)
        start = stop


def _centre_of_stored(block, centre):
    """Return the centre of the column of each stored value."""
    return centre[block.indices] if block.format == "csr" else np.repeat(centre, np.diff(block.indptr))


def _squared(block):
    """Return the block with its values squared; a dense block is overwritten."""
    if not sparse.issparse(block):
        return np.square(block, out=block)
    return type(block)((block.data**2, block.indices, block.indptr), shape=block.shape, copy=False)


def _read_columns(X, q, options):
    """Return the columns of X with what centring and scaling need to know about them.

    A float close to the mean is as good a centre as the mean, because theta is orthogonal to 1. It is found in two
    steps, first row then mean about it, so that the values of a constant column become exactly 0.
    """
    centre = np.zeros(X.shape[1])
    with np.errstate(**_QUIET):
        if options.fit_intercept or options.standardize:
            centre = _close_to_mean(X, q)
        square, mean = np.zeros(X.shape[1]), np.zeros(X.shape[1])
        for rows, cols, block in _blocks(X, centre):
            mean[cols] += block.T @ q[rows]
            square[cols] += _squared(block).T @ q[rows]
    if not np.isfinite(square).all():
        raise ValueError("X contains NaN, infinity or a value too large for float64")
    norm, sd = np.sqrt(square), np.sqrt(np.maximum(square - mean**2, 0))
    if options.fit_intercept:
        return _Columns(X, centre, norm, sd)
    return _Columns(X, np.zeros_like(centre), norm + np.abs(centre), sd)


def _close_to_mean(X, q):
    """Return the weighted mean of each column that has no implicit zeros, 0 for the others."""
    full = _full_columns(X, q)
    if not full.any():
        return np.zeros(X.shape[1])
    row = X[[int(np.argmax(q > 0))]]
    row = row.toarray() if sparse.issparse(row) else row
    centre = np.where(full, row.ravel().astype(np.float64), 0.0)
    shift = np.zeros_like(centre)
    for rows, cols, block in _blocks(X, centre):
        shift[cols] += block.T @ q[rows]
    return np.where(full, centre + shift, 0.0)


def _full_columns(X, q):
    """Tell which columns store a value in every row of positive weight."""
    if not sparse.issparse(X):
        return np.ones(X.shape[1], dtype=bool)
    counted = (q > 0).astype(np.float64)
    stored = np.zeros(X.shape[1])
    for rows, cols, block in _blocks(X, stored):
        ones = type(block)((np.ones(block.nnz), block.indices, block.indptr), shape=block.shape, copy=False)
        stored[cols] += ones.T @ counted[rows]
    return stored == counted.sum()


# Sums. No BLAS on single vectors: its threads cost more than the sum when other processes hold the cores.


def _total(values):
    """Return the correctly rounded sum."""
    return math.fsum(values[values != 0].tolist())


def _norm(v):
    """Return |v|; the pairwise sum of NumPy is accurate to a few units."""
    return math.sqrt(np.sum(v * v))


def _exact_difference(a, b):
    """Return (d, e) with d = fl(a - b) and d + e = a - b exactly (Knuth)."""
    d = a - b
    taken = a - d
    return d, (a - (d + taken)) + (taken - b)


def _shifted_mean(values, root):
    """Return the weighted mean; exact for constant values."""
    origin = values[np.argmax(root > 0)]
    return float(origin + _total(root * root * (values - origin)))


def _rounding(n):
    """Bound of the relative error of a dot product of n terms, in units of the product of the norms."""
    return (8 + math.sqrt(n)) * _UNIT


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
    drift = _total(root * residual)
    mean = _total(np.array([drift, problem.target_mean, -problem.intercept, *(-columns.centre * coef)[coef != 0]]))
    return mean, residual - drift * root


def _projection(problem, residual):
    """Project the residual off the unpenalised columns and correlate what remains.

    A column with l1 = l2 = 0 and one infinite bound demands one sign of c_j, which no scaling can give. It is
    projected out where the sign comes out wrong, and at first also where the optimum is likely to have c_j = 0.
    """
    penalty, norm = problem.penalty, problem.columns.norm
    above, below = penalty.rigid
    unpenalised = penalty.l1 == 0
    free, room = unpenalised & above & below, _room(problem)
    for trial in range(_SIGN_TRIALS):
        removed, leak = _remove(residual, *_component(problem, free))
        rest = residual - removed
        pair = np.column_stack([residual, rest] if free.any() else [rest]) * problem.root[:, None]
        products = problem.columns.correlate(pair)
        gradient, correlation = products[:, 0], products[:, -1]
        error = norm * (_rounding(len(rest)) * _norm(rest) + leak)
        slack = error + (room if trial == 0 else 0.0)
        wrong = unpenalised & ~free & ((above & (correlation + slack > 0)) | (below & (slack - correlation > 0)))
        if not wrong.any():
            break
        free = free | (wrong if trial < _SIGN_TRIALS - 2 else unpenalised & (above | below))
    return _Projection(removed, leak, gradient, np.where(free, 0.0, correlation), np.where(free, 0.0, error))


def _room(problem):
    """Return |x_j|^2 times the distance of b_j from its only finite bound: a column pulled back by less is not held.

    This is the rule of the primal-dual active set method; infinite where b_j has no bound, or 0 where it has two.
    """
    lower, upper, above, below = problem.penalty.lower, problem.penalty.upper, *problem.penalty.rigid
    distance = np.where(above, problem.coef - lower, np.where(below, upper - problem.coef, 0.0))
    return np.where(problem.columns.norm > 0, problem.columns.norm, 1.0) ** 2 * distance


def _component(problem, free):
    """Return the function that gives the part of a root-weighted vector in the span of 1 and X[:, free], or None.

    Also return what it misses: the norm of the part that is left after it has been applied twice, per norm of the
    vector. Rounding leaves X[:, free]'theta at some u, which is u / sigma_min(X[:, free]) in the span.
    """
    chosen = np.flatnonzero(free & (problem.columns.norm > 0))
    unit = _rounding(len(problem.root))
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
    pivots = pivots[pivots > 2 * _UNIT * max(columns.shape) * pivots[0]]
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
    return removed, _norm(component(rest)) + miss * _norm(rest)


def _largest_scale(penalty, correlation, error):
    """Return the largest t for which t r is certain to be feasible: t (c_j + error_j) <= l1_j on rigid sides."""
    above, below = penalty.rigid
    reach = np.maximum(np.where(above, correlation + error, 0.0), np.where(below, error - correlation, 0.0))
    bound = reach > 0
    with np.errstate(**_QUIET):
        return (1 - 4 * _UNIT) * float(np.min(penalty.l1[bound] / reach[bound], initial=math.inf))


def _best_scale(problem, residual, cut):
    """Maximise what is certain of the concave D(t r), that is with each c_j off by error_j and r off by the leak.

    D'(t) = <r, z> - leak |z| - t |r|^2 - sum_j c_j m_j(t c_j),  |c_j| = |x_j'r| + error_j,  m_j the maximiser of h_j*.
    The sum is not negative, so the first three terms bound t; the t they give is best if the sum vanishes there.
    Without the error a bound u_j far from b_j would cost u_j error_j, for h_j* rises by u_j per unit beyond l1_j.
    """
    square = np.sum(residual**2)
    slope_at_zero = np.sum(residual * problem.target) - cut.leak * _norm(problem.target)
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
        primal = 0.5 * _total(rho**2) + _total(penalty.value(coef))
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
    doubt = dual.scale * dual.cut.leak + 4 * _UNIT * _norm(theta)
    conjugate = np.maximum(*map(problem.penalty.conjugate, _correlation_ends(problem.penalty, dual)))
    return _total(theta * (problem.target - 0.5 * theta)) - doubt * _norm(problem.target) - _total(conjugate)


def _gap(problem, dual):
    """Return the sum of the Fenchel-Young terms; they too are convex in c_j, and taken at the worse end."""
    difference = dual.mean * problem.root + dual.cut.removed + (1 - dual.scale) * dual.rest
    error = _residual_error(problem) + dual.scale * dual.cut.leak
    ends = _correlation_ends(problem.penalty, dual)
    terms = np.maximum(*(problem.penalty.fenchel_young(problem.coef, c) for c in ends))
    return (0.5 * (_norm(difference) + error) ** 2 + _total(terms)) * (1 + 8 * _UNIT)


def _residual_error(problem):
    """Bound the norm of the rounding error of rho."""
    columns, size = problem.columns, np.abs(problem.coef)
    summed = _norm(problem.target) + float(np.sum(columns.norm * size))
    return _rounding(np.count_nonzero(size)) * summed + _UNIT * float(np.sum(np.abs(columns.centre) * size))


def _kkt_violation(penalty, coef, gradient):
    """Return the largest distance of x_j'rho - l2 b_j from the subdifferential of l1 |b_j| and the bounds.

    That is {l1} for b_j > 0, {-l1} for b_j < 0, [-l1, l1] for 0, open to infinity on the side of a bound in force.
    """
    pull = gradient - penalty.l2 * coef
    least = np.where(coef <= penalty.lower, -math.inf, np.where(coef > 0, penalty.l1, -penalty.l1))
    most = np.where(coef >= penalty.upper, math.inf, np.where(coef < 0, -penalty.l1, penalty.l1))
    distance = np.maximum(np.maximum(least - pull, pull - most), 0)
    with np.errstate(**_QUIET):
        return float(np.max(distance / np.where(penalty.l1 > 0, penalty.l1, 1.0), initial=0.0))


def _proven_zero(problem, dual):
    """Tell which columns are zero in every optimal solution, by the gap-safe sphere about theta."""
    penalty, columns = problem.penalty, problem.columns
    gap = _gap(problem, dual) if problem.feasible else math.inf
    if gap == math.inf:
        return (penalty.lower == 0) & (penalty.upper == 0)
    slack = _rounding(len(problem.root))
    width = np.sqrt(columns.sd**2 + slack * columns.norm**2) if problem.fit_intercept else columns.norm * (1 + slack)
    c = dual.scale * dual.cut.correlation
    reach = width * math.sqrt(2 * gap) * (1 + slack) + dual.scale * dual.cut.error
    return ((c + reach < penalty.l1) | (penalty.upper == 0)) & ((reach - c < penalty.l1) | (penalty.lower == 0))
