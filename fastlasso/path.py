"""Paths of certified solutions: the alpha grid, the walk down it, and the result.

The native calls are `fit_path` (many alphas) and `fit` (one).
"""

import time
import warnings
from contextvars import ContextVar
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from . import validation
from ._engine import engine
from .design import compressible
from .parallel import Pool
from .problem import Options, Problem
from .results import LassoFit, LassoPath, scalars
from .solver import Solver
from .validation import FREE

FIRST_BATCH = 4
WALK_RATIO = 0.94       # a large step down in alpha is walked by this factor, uncertified until the end
LONG_STEP = 0.6         # what counts as a large step
SMALL_STEP = 0.8        # the same for small problems
LOWEST_BRIDGE = 1e-6    # and no further than this
SMALL = 1 << 16         # values of X up to which a dense problem is small
SMALL_FEATURES = 64     # and columns, all of which its Gram matrix has; of more, those that are used
PATHS_SHARE = 0.3       # of X's bytes for paths that are followed at once,
PATHS_BYTES = 1 << 24   # or 16 MB;
PATH_VECTORS = 10       # one takes so many vectors of n + p values
PATH_COLUMNS = 600      # and the Gram matrix and factor of so many columns, or fewer
SMALLEST_SHARE = 1e-9   # of the largest alpha_max that these norms allow: an alpha_max below it is rounding


class ConvergenceWarning(UserWarning):
    """A solution is not certified to the tolerance asked for; the result still carries its true gap."""


# the class to warn with: the estimators put one there, while they fit, that is scikit-learn's as well
WARNING_CLASS = ContextVar("WARNING_CLASS", default=ConvergenceWarning)


def fit_path(X, y, *, alphas=100, eps=1e-3, l1_ratio=1.0, fit_intercept=True, standardize=False, sample_weight=None,
             offset=None, penalty_factor=None, lower=FREE[0], upper=FREE[1], tol=1e-6, max_iter=10_000, dfmax=None,
             max_r2=None, screening=True, n_threads=None, callback=None):
    """Fit the lasso or elastic net at every alpha of a grid, each solution with a certified duality gap.

    Minimises for each alpha, over (b0, b) with lower <= b <= upper,

        1/(2 W) sum_i w_i (y_i - o_i - b0 - x_i . b)^2 + alpha sum_j v_j (l1_ratio |b_j| + (1 - l1_ratio)/2 b_j^2)

    with W = sum w_i. X as float64 or float32 in one of the layouts below is never copied whole and never written to.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
        float64 or float32, C or Fortran order, CSR or CSC with 32 or 64 bit indices, read-only or memory-mapped: taken
        as it is. Anything else is converted first.
    y : array of shape (n_samples,)
    alphas : int or array of floats, default=100
        A number asks for that many values from alpha_max down to eps * alpha_max, evenly spaced on a log scale.
        Values may come in any order; the result is in descending order.
    eps : float, default=1e-3
        Smallest alpha of an automatic grid as a fraction of the largest. Ridge, whose alpha_max is infinite, has one
        from ten times the sum of the eigenvalues of its Gram matrix to eps times their mean.
    l1_ratio : float in [0, 1], default=1.0
        1 is the lasso, 0 ridge regression.
    fit_intercept : bool, default=True
        The intercept is never penalised.
    standardize : bool, default=False
        Penalise as if every column had standard deviation one; coefficients stay in the units of X.
    sample_weight, offset : array of shape (n_samples,), optional
        Weights w >= 0 (only ratios matter: 2 is the row twice, 0 the row deleted) and known offsets o.
    penalty_factor : array of shape (n_features,), optional
        v in [0, inf]: 0 is never penalised, inf never used. Taken as given, not rescaled.
    lower, upper : float or array of shape (n_features,)
        Bounds on the coefficients, lower <= 0 <= upper.
    tol : float, default=1e-6
        Promised duality gap of each solution as a fraction of P(0), the objective of the empty model.
    max_iter : int, default=10000
        Largest number of coordinate descent epochs per alpha, where descent is used at all.
    dfmax : int, optional
        Stop before the first solution with more than this many non-zero coefficients.
    max_r2 : float, optional
        Stop after the first solution that explains more than this share of the variance.
    screening : bool, default=True
        False looks at every column at every alpha; the answer is the same to the tolerance.
    n_threads : int, optional
        Default: the cores this process may use. The result does not depend on it, to the last bit.
    callback : callable, optional
        Called with a state (alpha, index, n_alphas, df, gap, r2, n_passes) after each alpha; a true return value stops
        the path, and the part so far comes back.

    Returns
    -------
    LassoPath

    Raises
    ------
    ValueError, TypeError
        For bad input, before any work is done.

    Warns
    -----
    ConvergenceWarning
        Where a solution is not certified to `tol`; `LassoPath.gaps` has the true gaps.

    References
    ----------
    Friedman, Hastie and Tibshirani (2010), J. Stat. Software 33(1); Tibshirani et al. (2012), JRSS B 74(2), strong
    rules; Fercoq, Gramfort and Salmon (2015), ICML, duality gaps.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import fit_path
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((50, 200))
    >>> y = 2 * X[:, 3] - X[:, 7] + 0.1 * rng.standard_normal(50)
    >>> path = fit_path(X, y, alphas=20)
    >>> bool(path.certified.all())
    True
    >>> sorted(path.coefs[:, [8]].indices.tolist())
    [3, 7]
    """
    options = Options(l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper)
    limits = Limits.checked(tol, max_iter, dfmax, max_r2)
    with Pool(threads(n_threads)) as pool:
        started = time.perf_counter()
        grid = given_grid(alphas, eps)
        path = small_path(X, y, grid, alphas, eps, options, limits) if callback is None else None
        if path is None:
            problem = Problem(X, y, options, pool)
            if grid is None:
                grid = automatic_grid(problem, alphas, eps)
            walk = Walk(problem, limits, screening, callback)
            walk.down(grid)
            path = walk.result(options)
        path.seconds = time.perf_counter() - started
    warn_uncertified(path)
    return path.remember(X, y, options.as_dict(), max_iter=max_iter, screening=screening, n_threads=n_threads)


def fit(X, y, alpha, *, l1_ratio=1.0, fit_intercept=True, standardize=False, sample_weight=None, offset=None,
        penalty_factor=None, lower=FREE[0], upper=FREE[1], tol=1e-6, max_iter=10_000, screening=True, n_threads=None):
    """Fit the lasso or elastic net at one alpha, with a certified duality gap.

    The problem and all parameters are those of `fit_path`.

    Returns
    -------
    LassoFit

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import fit
    >>> X = np.eye(4) * 2
    >>> fit(X, [4.0, 0.2, -6.0, 0.0], alpha=0.5, fit_intercept=False).coef
    array([ 1.5,  0. , -2.5,  0. ])
    """
    options = Options(l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper)
    limits = Limits.checked(tol, max_iter)
    alpha, n_threads = validation.number(alpha, "alpha", 0.0), threads(n_threads)
    solution = small_fit(X, y, alpha, options, limits)
    if solution is None:
        with Pool(n_threads) as pool:
            walk = Walk(Problem(X, y, options, pool), limits, screening)
            walk.down(np.array([alpha]))
            solution = walk.solution(0)
    if not solution.certified:
        warn_gap(solution.alpha, solution.gap, tol, solution.null_objective, stacklevel=3)
    return solution


def alpha_max(X, y, *, l1_ratio=1.0, fit_intercept=True, standardize=False, sample_weight=None, offset=None,
              penalty_factor=None, lower=FREE[0], upper=FREE[1], n_threads=None):
    """Return the smallest alpha at which every coefficient with an L1 penalty is zero.

        alpha_max = max_j |x_j'(y - y_fit)| / (n l1_j),  y_fit = the fit of intercept and unpenalised columns.

    Parameters are those of `fit_path`.

    Examples
    --------
    >>> from fastlasso import alpha_max
    >>> alpha_max([[1.0], [2.0], [3.0]], [1.0, 2.0, 3.0])
    0.6666666666666666
    """
    options = Options(l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper)
    with Pool(threads(n_threads)) as pool:
        small = small_problem(X, y, options)
        return Problem(X, y, options, pool).alpha_max() if small is None else small.alpha_max


def small_problem(X, y, options):
    """The problem in two compiled calls where X is small and dense and options are the plainest; else None."""
    if not (is_numeric(X) and is_numeric(y) and X.ndim == 2 and 0 < X.size <= SMALL
            and y.shape in (X.shape[:1], (len(X), 1)) and options.are_plain()
            and validation.sample_weights(options.sample_weight, len(X)) is None):
        return None
    few = X.shape[1] <= SMALL_FEATURES
    if not few and compressible(X.shape):
        return None     # all columns are known by their Gram matrix the general way, too
    l1_ratio = validation.number(options.l1_ratio, "l1_ratio", 0.0, 1.0)
    if l1_ratio == 0:
        return None
    if X.dtype.char not in "df" or not X.dtype.isnative:
        X = X.astype(np.float64)
    if y.dtype.char != "d" or y.ndim > 1 or not y.flags.c_contiguous or not y.dtype.isnative:
        y = np.ascontiguousarray(y, dtype=np.float64).reshape(-1)
    return engine.small_problem(X, y, bool(options.fit_intercept), l1_ratio, few)


def is_numeric(values):
    """Whether this is an array, and no more than that, of real numbers."""
    return type(values) is np.ndarray and values.dtype.kind in "fiub" and values.itemsize <= 8


def small_fit(X, y, alpha, options, limits):
    """`fit` of a small problem, or None where it is not one."""
    small = small_problem(X, y, options) if alpha > 0 else None
    if small is None or not (small.long_steps or alpha >= LOWEST_BRIDGE * small.alpha_max):
        return None
    grid = np.array([alpha]) if small.long_steps or alpha >= small.alpha_max else steps_down(small.alpha_max, alpha)
    solved = small.solve(grid, limits.tol * small.null_objective)
    if solved is None:
        return None
    cols, B, *figures = solved
    coef, null = np.zeros(X.shape[1]), small.null_objective
    coef[cols] = B[-1]
    intercept, gap, rr, passes = (float(values[-1]) for values in figures)
    return LassoFit(alpha, coef, intercept, gap, null, limits.tol, passes, 1 - 0.5 * rr / null)


def steps_down(top, alpha):
    """Alphas from below `top` to `alpha`, each near the one before."""
    steps = int(np.ceil(np.log(alpha / top) / np.log(SMALL_STEP)))
    return np.append(np.geomspace(top, alpha, steps + 1)[1:-1], alpha)


def small_path(X, y, grid, n_alphas, eps, options, limits):
    """`fit_path` of a small problem, or None where it is not one."""
    unlimited = limits.dfmax is None and limits.max_r2 is None and (grid is None or grid[-1] > 0)
    small = small_problem(X, y, options) if unlimited else None
    if small is None:
        return None
    if grid is None:
        largest = max(float(X.max()), -float(X.min()))
        if not SMALLEST_SHARE * np.sqrt(2 * small.null_objective) * largest < small.alpha_max < np.inf:
            return None     # no column has to do with y, but for rounding perhaps: `automatic_grid` knows what to do
        grid = geometric(small.alpha_max, eps, n_alphas)
    near = small.long_steps or run_length(np.append(small.alpha_max, grid)) == len(grid) + 1
    solved = small.solve(grid, limits.tol * small.null_objective) if near else None
    if solved is None:
        return None
    cols, B, intercepts, gaps, rr, passes = solved
    order, null = np.argsort(cols), small.null_objective
    counts, indices, values = compressed_columns(cols[order], B[:, order])
    return LassoPath(grid, np.concatenate([[0], np.cumsum(counts)]), indices, values, intercepts, gaps,
                     1 - 0.5 * rr / null, passes, null, limits.tol, "complete", 0.0, *X.shape, scalars(options))


def paths_at_once(matrix):
    """How many paths on weighted rows of a matrix may be followed at once for the memory that they take."""
    n, p = matrix.shape
    each = 8 * PATH_VECTORS * (n + p) + 16 * min(2 * n, p, PATH_COLUMNS) ** 2
    return max(1, int(max(PATHS_BYTES, PATHS_SHARE * matrix.nbytes) / each))


def threads(n_threads):
    return None if n_threads is None else validation.whole_number(n_threads, "n_threads")


@dataclass(frozen=True, slots=True)
class Limits:
    """When a solution is good enough and when a path ends."""

    tol: float
    max_iter: int
    dfmax: int | None = None
    max_r2: float | None = None

    @classmethod
    def checked(cls, tol, max_iter, dfmax=None, max_r2=None):
        return cls(validation.number(tol, "tol", 0.0), validation.whole_number(max_iter, "max_iter", 0),
                   None if dfmax is None else validation.whole_number(dfmax, "dfmax", 0),
                   None if max_r2 is None else validation.number(max_r2, "max_r2", 0.0, 1.0))


def given_grid(alphas, eps):
    """The alphas of the caller, descending, or None where a grid is to be made from a number of them and eps."""
    if np.ndim(alphas):
        return validation.alpha_grid(alphas)
    validation.whole_number(alphas, "alphas")
    validation.number(eps, "eps", 0.0, 1.0, low_open=True)
    return None


def automatic_grid(problem, n_alphas, eps):
    """Geometric grid from alpha_max to eps * alpha_max; that of ridge, whose alpha_max is infinite, is `ridge_grid`."""
    if problem.l1_ratio == 0:
        return ridge_grid(problem, n_alphas, eps)
    top = max(problem.alpha_max(), SMALLEST_SHARE * largest_correlation(problem)) or np.finfo(float).tiny ** 0.5
    if not top < np.inf:
        raise ValueError("alpha_max is infinite, as l1_ratio or a penalty factor is too near 0: pass alphas, or take "
                         "l1_ratio=0, which is ridge regression")
    return geometric(top, eps, n_alphas)


def ridge_grid(problem, n_alphas, eps):
    """Geometric grid from ten times the sum of the Gram matrix' eigenvalues to eps times their mean.

    Ridge shrinks along an eigenvector of the (scaled) Gram matrix with value d by d / (d + alpha): at the top of the
    grid everything is shrunk below a tenth. As it should, the grid does not depend on y.
    """
    used = (problem.l2 > 0) & np.isfinite(problem.l1)
    total = float(np.sum(problem.design.norm2[used] / problem.l2[used])) or 1.0
    return geometric(10 * total, 0.1 * eps / max(np.count_nonzero(used), 1), n_alphas)


def geometric(top, eps, n_alphas):
    return top * np.geomspace(1.0, eps, n_alphas)     # this way the grid scales exactly with the data


def largest_correlation(problem):
    """|y| max_j |x_j| / l1_j: no alpha_max can be larger."""
    return problem.first_entry(np.sqrt(2 * problem.null_objective) * np.sqrt(problem.design.norm2))


class Walk:
    """The way down a grid: batches of alphas, their certificates, and when to stop."""

    def __init__(self, problem, limits, use_screening=True, callback=None, watch=None):
        self.problem, self.limits, self.callback = problem, limits, callback
        self.solver = Solver(problem, limits.tol, limits.max_iter, use_screening, watch)
        self.solver.start()
        self.batches, self.passes, self.seen, self.status = [], [], [], "complete"
        self.n_done = 0

    def down(self, grid):
        """Solve the grid batch by batch until its end or the first reason to stop."""
        size, at = FIRST_BATCH, 0
        while at < len(grid) and self.status == "complete":
            if self.solver.complete:
                size = len(grid) if self.callback is None else FIRST_BATCH
            self._bridge(grid[at])
            batch = self.solver.solve(grid[at:at + run_length(grid[at:at + size])])
            at += len(batch.alphas)
            size = next_size(size, len(batch.alphas), self.solver.n_rounds, self.solver.longest_batch())
            self._take(batch, len(grid))

    def _bridge(self, alpha):
        """Walk to the neighbourhood of an alpha that is far below the last one, without proofs on the way."""
        if self.solver.complete:
            return      # without X in the way the face finds its own steps
        top = self.solver.alpha if np.isfinite(self.solver.alpha) else self.problem.alpha_max()
        low = max(alpha, LOWEST_BRIDGE * top)
        if top > 0 and low < LONG_STEP * top:
            steps = int(np.ceil(np.log(low / top) / np.log(WALK_RATIO)))
            self.solver.approach(np.geomspace(top, low, steps + 1)[1:-1])

    def _take(self, batch, n_alphas):
        """Keep the solutions of a batch up to the first that ends the path."""
        batch.gaps += self.problem.intercept_costs(batch.cols, batch.coefs)
        r2 = self._r2(batch)
        df = np.count_nonzero(batch.coefs, axis=1)
        keep = len(batch.alphas)
        for k in range(keep):
            stop = self._reason_to_stop(batch, k, df[k], r2[k], n_alphas)
            if stop:
                keep = k if stop == "dfmax" else k + 1
                self.status = stop
                break
        self.n_done += keep
        self.batches.append((batch, keep))
        self.seen.extend(batch.seen[:keep])
        self.passes.extend([self.problem.design.passes] * keep)

    def _reason_to_stop(self, batch, k, df, r2, n_alphas):
        if self.limits.dfmax is not None and df > self.limits.dfmax:
            return "dfmax"
        if self.callback is not None and self.callback(SimpleNamespace(
                alpha=float(batch.alphas[k]), index=self.n_done + k, n_alphas=n_alphas, df=int(df),
                gap=float(batch.gaps[k]), r2=float(r2), n_passes=self.problem.design.passes)):
            return "callback"
        if self.limits.max_r2 is not None and r2 > self.limits.max_r2:
            return "r2"
        return None

    def _r2(self, batch):
        null = 2 * self.problem.null_objective
        return 1 - batch.residual_norms / null if null > 0 else np.zeros(len(batch.alphas))

    def solution(self, k):
        """The k-th solution of the last batch as a `LassoFit`."""
        batch, problem = self.batches[-1][0], self.problem
        coef = np.zeros(problem.design.n_features)
        coef[batch.cols] = batch.coefs[k]
        intercept = float(problem.intercepts(batch.cols, batch.coefs[k:k + 1])[0])
        return LassoFit(float(batch.alphas[k]), coef, intercept, float(batch.gaps[k]), problem.null_objective,
                        self.limits.tol, problem.design.passes, float(self._r2(batch)[k]))

    def result(self, options):
        """Everything found so far as a `LassoPath`."""
        problem, parts = self.problem, [(batch, keep) for batch, keep in self.batches if keep]
        triples = [compressed_columns(batch.cols, batch.coefs[:keep]) for batch, keep in parts]
        counts = np.concatenate([part[0] for part in triples]) if triples else np.zeros(0, np.int64)
        intercepts = [problem.intercepts(part.cols, part.coefs[:keep]) for part, keep in parts]
        gather = lambda name: np.concatenate([getattr(part, name)[:keep] for part, keep in parts] or [np.zeros(0)])  # noqa: E731
        return LassoPath(
            alphas=gather("alphas"), indptr=np.concatenate([[0], np.cumsum(counts)]),
            indices=np.concatenate([part[1] for part in triples] or [np.zeros(0, np.int32)]),
            values=np.concatenate([part[2] for part in triples] or [np.zeros(0)]),
            intercepts=np.concatenate(intercepts or [np.zeros(0)]),
            gaps=gather("gaps"), r2=np.concatenate([self._r2(part)[:keep] for part, keep in parts] or [np.zeros(0)]),
            n_passes=np.array(self.passes, dtype=float), null_objective=problem.null_objective, tol=self.limits.tol,
            status=self.status, seconds=0.0, n_samples=problem.design.n_weighted,
            n_features=problem.design.n_features, params=scalars(options))


def warn_uncertified(path, whose="", stacklevel=4):
    """Warn of the worst solution that misses its promise."""
    if not path.certified.all():
        worst = int(np.argmax(path.gaps))
        warn_gap(path.alphas[worst], path.gaps[worst], path.tol, path.null_objective,
                 f"{whose}{np.count_nonzero(~path.certified)} of {len(path)} alphas missed the tolerance; worst: ",
                 stacklevel)


def warn_gap(alpha, gap, tol, null_objective, prefix="", stacklevel=4):
    warnings.warn(f"{prefix}at alpha={alpha:.6g} the duality gap is {gap:.3g}, the target tol * P(0) is "
                  f"{tol * null_objective:.3g}. Raise max_iter, raise tol, or stop the path at a larger alpha (eps, "
                  "dfmax, max_r2).", WARNING_CLASS.get(), stacklevel=stacklevel)


def run_length(alphas):
    """How many of the leading alphas follow each other without a large step."""
    if len(alphas) == 1:
        return 1
    large = np.flatnonzero(alphas[1:] < LONG_STEP * alphas[:-1])
    return int(large[0]) + 1 if len(large) else len(alphas)


def next_size(size, solved, rounds, longest):
    """Longer batches while they succeed at once, shorter when columns were missing or the face step gave up."""
    if solved < size or rounds > 2:
        return max(1, solved // 2)
    return min(2 * size, longest) if rounds == 1 else min(size, longest)


def compressed_columns(cols, coefs):
    """(counts, indices, values) of the non-zeros of each row of `coefs`, in the order of `cols`."""
    rows, at = np.nonzero(coefs)
    return np.bincount(rows, minlength=len(coefs)), cols[at].astype(np.int32), coefs[rows, at]
