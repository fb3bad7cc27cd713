"""The textbook solvers, slow and plainly right: the tests compare the fast ones with them.

    minimise  P(b0, b) = 1/2 |z - b0 - X b|^2 + sum_j h_j(b_j),   |u|^2 = sum_i w_i u_i^2 / W,  z = y - offset
    h_j(b) = l1_j |b| + l2_j/2 b^2  for lower_j <= b <= upper_j,  else infinity
    l1_j = alpha v_j l1_ratio s_j,  l2_j = alpha v_j (1 - l1_ratio) s_j^2

The best intercept is b0 = mean(z) - mean(X).b. With A = sqrt(w/W) (X - 1 mean(X)') and r = sqrt(w/W) (z - mean(z))
it remains to minimise 1/2 |r - A b|^2 + h(b) over b alone. Both solvers do so by the proximal map of h,

    prox_{t h}(v) = argmin_b  (b - v)^2 / (2 t) + h(b) = clip( soft(v, t l1) / (1 + t l2), lower, upper )
    soft(v, k) = sign(v) max(|v| - k, 0)

The zeros come from soft. The derivative of |b| jumps from -1 to 1 at 0, so a whole interval |v| <= t l1 is mapped to
exactly 0, and a small pull of the data cannot move b off it. The derivative of b^2 vanishes at 0, so ridge alone
(l1 = 0) maps v to v / (1 + t l2): every coefficient shrinks, and none becomes 0 unless v was.

References
----------
Beck, Teboulle (2009), "A fast iterative shrinkage-thresholding algorithm for linear inverse problems", SIAM J. Imaging
Sciences 2(1).
O'Donoghue, Candes (2015), "Adaptive restart for accelerated gradient schemes", Found. Comput. Math. 15(3).
Friedman, Hastie, Hoefling, Tibshirani (2007), "Pathwise coordinate optimization", Ann. Appl. Stat. 1(2).
Kuczynski, Wozniakowski (1992), "Estimating the largest eigenvalue by the power and Lanczos algorithms with a random
start", SIAM J. Matrix Anal. Appl. 13(4).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from .annotations import ArrayLike, Floats, NDArray
from .validation import ROUNDING_SHARE

__all__ = ["coordinate_descent", "fista", "objective", "soft_threshold"]


def soft_threshold(v: ArrayLike, k: float) -> NDArray[Any]:
    """Return sign(v) max(|v| - k, 0), the minimiser of (b - v)^2 / 2 + k |b|.

    Parameters
    ----------
    v, k : float or array, k >= 0

    Examples
    --------
    >>> from fastlasso.reference import soft_threshold
    >>> soft_threshold([-3.0, 0.5, 2.0], 1.0).tolist()
    [-2.0, 0.0, 1.0]
    """
    return np.sign(v) * np.maximum(np.abs(v) - k, 0.0)


def objective(X: Any, y: Any, coef: Any, intercept: float, alpha: float, *, l1_ratio: float = 1.0,
              fit_intercept: bool = True, standardize: bool = False, sample_weight: ArrayLike | None = None,
              offset: ArrayLike | None = None, penalty_factor: ArrayLike | None = None, lower: ArrayLike = -math.inf,
              upper: ArrayLike = math.inf) -> float:
    """Return P(intercept, coef); infinity outside the bounds, or for an intercept where there is none.

    Parameters
    ----------
    X : array or scipy.sparse, shape (n_samples, n_features)
    y : array, shape (n_samples,)
    coef : array, shape (n_features,)
    intercept, alpha : float
    l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper
        The problem, as in `fastlasso.verify`.

    Examples
    --------
    >>> from fastlasso.reference import objective
    >>> objective([[1.0], [-1.0]], [1.0, -1.0], [0.5], 0.0, alpha=0.25)  # (1 - 0.5)^2 / 2 + 0.25 * 0.5
    0.25
    """
    problem = prepare(X, y, alpha, l1_ratio=l1_ratio, fit_intercept=fit_intercept, standardize=standardize,
                      sample_weight=sample_weight, offset=offset, penalty_factor=penalty_factor, lower=lower,
                      upper=upper)
    coef = np.asarray(coef, dtype=np.float64)
    inside = np.all((problem.lower <= coef) & (coef <= problem.upper)) and (fit_intercept or intercept == 0)
    residual = problem.root * (problem.response - intercept - problem.X @ coef)
    return float(0.5 * residual @ residual + problem.penalty(coef)) if inside else math.inf


def fista(X: Any, y: Any, alpha: float, *, l1_ratio: float = 1.0, fit_intercept: bool = True, standardize: bool = False,
          sample_weight: ArrayLike | None = None, offset: ArrayLike | None = None,
          penalty_factor: ArrayLike | None = None, lower: ArrayLike = -math.inf, upper: ArrayLike = math.inf,
          tol: float = 1e-6, max_iter: int = 100_000) -> tuple[Floats, float, int]:
    """Solve the problem by the accelerated proximal gradient method with adaptive restart.

    With L >= |A|_2^2 and momentum t_0 = 1 (Beck and Teboulle 2009, FISTA with constant step):

        b_k = prox_{h/L}( v_k + A'(r - A v_k) / L )
        t_{k+1} = (1 + sqrt(1 + 4 t_k^2)) / 2
        v_{k+1} = b_k + (t_k - 1) / t_{k+1} (b_k - b_{k-1})

    When the momentum points uphill, (v_k - b_k).(b_k - b_{k-1}) > 0, t is set back to 1 (O'Donoghue and Candes 2015,
    gradient scheme). Sparse X stays sparse: centring is a rank-one correction.

    Parameters
    ----------
    X : array or scipy.sparse, shape (n_samples, n_features)
    y : array, shape (n_samples,)
    alpha : float
    l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper
        The problem, as in `fastlasso.verify`.
    tol : float
        Stop when the duality gap is at most tol * P(0).
    max_iter : int

    Returns
    -------
    coef : array, shape (n_features,)
    intercept : float
    n_iter : int
        max_iter if the tolerance may not have been reached.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso.reference import fista
    >>> coef, intercept, _ = fista(np.array([[1.0], [-1.0]]), [1.0, -1.0], alpha=0.25, tol=1e-12)
    >>> round(float(coef[0]), 6)
    0.75
    """
    problem = prepare(X, y, alpha, l1_ratio=l1_ratio, fit_intercept=fit_intercept, standardize=standardize,
                      sample_weight=sample_weight, offset=offset, penalty_factor=penalty_factor, lower=lower,
                      upper=upper)
    coef, n_iter = accelerate(problem, step_size(problem), tol * problem.null_objective, max_iter)
    return coef, problem.intercept(coef), n_iter


def coordinate_descent(X: Any, y: Any, alpha: float, *, l1_ratio: float = 1.0, fit_intercept: bool = True,
                       standardize: bool = False, sample_weight: ArrayLike | None = None,
                       offset: ArrayLike | None = None, penalty_factor: ArrayLike | None = None,
                       lower: ArrayLike = -math.inf, upper: ArrayLike = math.inf, tol: float = 1e-6,
                       max_iter: int = 10_000) -> tuple[Floats, float, int]:
    """Solve the problem by cyclic soft-threshold coordinate descent on a dense copy of A.

    Each step minimises P exactly over one coefficient, the others fixed: it is prox_{t h} with t = 1 / |a_j|^2,

        b_j <- clip( soft(a_j.r + |a_j|^2 b_j, l1_j) / (|a_j|^2 + l2_j), lower_j, upper_j ),   r the current residual

    Parameters
    ----------
    X, y, alpha, l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper, tol
        As in `fista`.
    max_iter : int
        Largest number of sweeps over all coefficients.

    Returns
    -------
    coef, intercept, n_iter
        As in `fista`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso.reference import coordinate_descent
    >>> coef, intercept, _ = coordinate_descent(np.array([[1.0], [-1.0]]), [1.0, -1.0], alpha=0.25)
    >>> round(float(coef[0]), 6)
    0.75
    """
    problem = prepare(X, y, alpha, l1_ratio=l1_ratio, fit_intercept=fit_intercept, standardize=standardize,
                      sample_weight=sample_weight, offset=offset, penalty_factor=penalty_factor, lower=lower,
                      upper=upper)
    A = problem.dense()
    coef, residual = np.zeros(A.shape[1]), problem.target.copy()
    goal = tol * problem.null_objective
    for n_iter in range(1, max_iter + 1):
        sweep(problem, A, coef, residual)
        if n_iter % 5 == 0 and problem.gap(coef) <= goal:
            break
    return coef, problem.intercept(coef), n_iter


def sweep(problem, A, coef, residual):
    """Minimise over each coefficient in turn; `coef` and `residual` are updated in place."""
    for j in range(A.shape[1]):
        square, old = A[:, j] @ A[:, j], coef[j]
        if square + problem.l2[j] == 0:
            continue
        pulled = soft_threshold(A[:, j] @ residual + square * old, problem.l1[j]) / (square + problem.l2[j])
        coef[j] = min(max(pulled, problem.lower[j]), problem.upper[j])
        if coef[j] != old:
            residual -= (coef[j] - old) * A[:, j]


def step_size(problem):
    """Return 1/L with L >= |A|_2^2, by the power method.

    From a random start, k iterations fall short of the largest eigenvalue by a fraction 0.871 ln(p) / (k - 1) on
    average (Kuczynski and Wozniakowski 1992): 3 % for k = 300 and p = 100 000, hence the factor 1.05.
    """
    v = np.random.default_rng(0).standard_normal(problem.X.shape[1])
    largest = 0.0
    for _ in range(300):
        norm = np.linalg.norm(v)
        if norm == 0:
            break
        v = problem.adjoint(problem.forward(v / norm))
        largest = max(largest, np.linalg.norm(v))
    return 1 / (1.05 * largest) if largest > 0 else 1.0


def accelerate(problem, step, goal, max_iter):
    """Iterate FISTA until the gap, computed every tenth time, is at most `goal`."""
    coef = momentum = np.zeros(problem.X.shape[1])
    t = 1.0
    for n_iter in range(1, max_iter + 1):
        gradient = problem.adjoint(problem.forward(momentum) - problem.target)
        previous, coef = coef, problem.prox(momentum - step * gradient, step)
        if (momentum - coef) @ (coef - previous) > 0:
            t = 1.0
        t_next = (1 + math.sqrt(1 + 4 * t * t)) / 2
        momentum = coef + (t - 1) / t_next * (coef - previous)
        t = t_next
        if n_iter % 10 == 0 and problem.gap(coef) <= goal:
            break
    return coef, n_iter


@dataclass(frozen=True)
class Centred:
    """The problem without its intercept: 1/2 |target - A b|^2 + h(b), A = root (X - 1 mean').

    Attributes
    ----------
    X : array or CSR, shape (n_samples, n_features)
    root : ndarray of shape (n_samples,)
        sqrt(w / W).
    response : ndarray of shape (n_samples,)
        y - offset.
    response_mean : float
        Weighted; 0 without an intercept.
    mean : ndarray of shape (n_features,)
        Weighted means of the columns; 0 without an intercept.
    l1, l2, lower, upper : ndarray of shape (n_features,)
        The penalty h; an excluded column has bounds [0, 0].
    """

    X: object
    root: np.ndarray
    response: np.ndarray
    response_mean: float
    mean: np.ndarray
    l1: np.ndarray
    l2: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    @property
    def target(self):
        """r = root (z - mean(z))."""
        return self.root * (self.response - self.response_mean)

    @property
    def null_objective(self):
        """P(0)."""
        return 0.5 * self.target @ self.target

    def forward(self, b):
        """A b."""
        return self.root * (self.X @ b - self.mean @ b)

    def adjoint(self, v):
        """A'v."""
        return self.X.T @ (self.root * v) - self.mean * (self.root @ v)

    def dense(self):
        """A, in Fortran order."""
        X = self.X.toarray() if sparse.issparse(self.X) else self.X
        return np.asfortranarray(self.root[:, None] * (X - self.mean))

    def intercept(self, b):
        """The best intercept for b."""
        return float(self.response_mean - self.mean @ b)

    def penalty(self, b):
        """h(b) within the bounds."""
        return self.l1 @ np.abs(b) + 0.5 * self.l2 @ (b * b)

    def prox(self, v, step):
        """prox_{step h}(v)."""
        return np.clip(soft_threshold(v, step * self.l1) / (1 + step * self.l2), self.lower, self.upper)

    def gap(self, b):
        """P(b) - D(theta), theta the residual projected off the unpenalised columns and scaled down until D is finite.

        Where an unpenalised column with only one bound pulls away from it, theta is 0 and the gap is P(b).
        """
        residual = self.target - self.forward(b)
        theta = self._off_unpenalised(residual, b)
        c = self.adjoint(theta)
        c[self._unpenalised(b)] = 0.0
        scale = self._feasible_scale(c)
        theta, c = scale * theta, scale * c
        dual = theta @ self.target - 0.5 * theta @ theta - self._conjugate(c)
        return 0.5 * residual @ residual + self.penalty(b) - dual

    def _unpenalised(self, b):
        """Columns with neither a penalty nor a bound that holds b_j: x_j must be orthogonal to theta."""
        no_lower, no_upper = np.isinf(self.lower), np.isinf(self.upper)
        return (self.l1 + self.l2 == 0) & ((no_lower & no_upper) | ((no_lower | no_upper) & (b != 0)))

    def _off_unpenalised(self, v, b):
        """Subtract from v its least-squares fit by the unpenalised columns."""
        cols = np.flatnonzero(self._unpenalised(b))
        if len(cols) == 0:
            return v
        X = self.X[:, cols].toarray() if sparse.issparse(self.X) else self.X[:, cols]
        A = self.root[:, None] * (X - self.mean[cols])
        return v - A @ np.linalg.lstsq(A, v, rcond=None)[0]

    def _feasible_scale(self, c):
        """Largest t <= 1 with t c_j <= l1_j (>= -l1_j) where l2_j = 0 and no upper (lower) bound limits b_j."""
        above = (self.l2 == 0) & np.isinf(self.upper) & (c > self.l1)
        below = (self.l2 == 0) & np.isinf(self.lower) & (-c > self.l1)
        reach = above | below
        return np.min(self.l1[reach] / np.abs(c[reach]), initial=1.0)

    def _conjugate(self, c):
        """sum_j max_b c_j b - h_j(b); the maximum is at clip(soft(c, l1) / l2)."""
        excess = soft_threshold(c, self.l1)
        excess[np.abs(excess) <= 4e-16 * self.l1] = 0.0  # t c_j = l1_j up to rounding
        ratio = np.divide(excess, self.l2, out=np.copysign(math.inf, excess), where=self.l2 > 0)
        best = np.where(excess == 0, 0.0, np.clip(ratio, self.lower, self.upper))
        return c @ best - self.penalty(best)


def prepare(X, y, alpha, *, l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper):
    """Return the problem as a `Centred`; X in float64, CSR if sparse."""
    X = X.tocsr().astype(np.float64) if sparse.issparse(X) else np.asarray(X, dtype=np.float64)
    n, p = X.shape
    weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    q = weight / weight.sum()
    response = np.asarray(y, dtype=np.float64) - (0.0 if offset is None else np.asarray(offset, dtype=np.float64))
    mean = X.T @ q
    scale = standard_deviation(X, q, mean) if standardize else np.ones(p)
    factor = np.full(p, 1.0) * (1.0 if penalty_factor is None else np.asarray(penalty_factor, dtype=np.float64))
    excluded = np.isinf(factor) | (scale == 0) & (fit_intercept | (factor > 0))
    strength = alpha * np.where(excluded, 0.0, factor)
    return Centred(
        X=X, root=np.sqrt(q), response=response, response_mean=float(q @ response) if fit_intercept else 0.0,
        mean=mean if fit_intercept else np.zeros(p), l1=strength * l1_ratio * scale,
        l2=strength * (1 - l1_ratio) * scale**2, lower=np.where(excluded, 0.0, lower),
        upper=np.where(excluded, 0.0, upper))


def standard_deviation(X, q, mean):
    """Return the weighted population standard deviation of each column; exactly 0 where it is rounding."""
    away = distances(X, q, mean) if sparse.issparse(X) else X - mean
    square = away.power(2) if sparse.issparse(X) else away**2
    scale = np.sqrt(np.maximum(square.T @ q - (away.T @ q) ** 2, 0.0))
    return np.where(scale <= ROUNDING_SHARE * np.abs(mean), 0.0, scale)


def distances(X, q, mean):
    """Return a CSR matrix less the means of those columns that store a value in every row of positive weight."""
    X = X.copy()
    X.sum_duplicates()
    counted = np.repeat(q > 0, np.diff(X.indptr))
    stored = np.bincount(X.indices[counted], minlength=X.shape[1])
    centre = np.where(stored == np.count_nonzero(q), mean, 0.0)
    return sparse.csr_array((X.data - centre[X.indices], X.indices, X.indptr), shape=X.shape)
