"""The native calls.

`fit_path` solves many alphas, `fit` one; `alpha_max` is where the first coefficient enters.
"""

import time
from functools import partial
from os import PathLike

import numpy as np

from .. import validation
from ..annotations import ArrayLike, ByColumn, Callback, Data
from ..frames import check_rows, row_labels
from ..losses.choose import SQUARED_ERROR, LossLike
from ..parallel import Pool
from ..problem.options import Options
from ..problem.problem import pose
from ..problem.several import SeveralTargets
from ..progress import progress_of
from ..solver.choose import started_solver
from ..validation import UNBOUNDED
from .checkpoint import Checkpoint
from .grid import automatic_grid, given_grid
from .path_solver import Limits, PathSolver, threads
from .results import LassoFit, LassoPath
from .small import small_fit, small_path, small_problem
from .targets import TargetPaths, columns_of
from .warn import NO_MINIMUM, warn_gap, warn_no_minimum, warn_uncertified

# The default tolerance, as a share of P(0).
TOL = 1e-6


def fit_path(X: Data, y: ArrayLike, *, loss: LossLike = SQUARED_ERROR, alphas: ArrayLike = 100, eps: float = 1e-3,
             l1_ratio: float = 1.0, fit_intercept: bool = True, standardize: bool = False,
             sample_weight: ArrayLike | None = None, offset: ArrayLike | None = None,
             penalty_factor: ByColumn | None = None, lower: ByColumn = UNBOUNDED[0], upper: ByColumn = UNBOUNDED[1],
             tol: float = 1e-6, max_iter: int = 10_000, dfmax: int | None = None, max_r2: float | None = None,
             max_deviance_ratio: float | None = None, screening: bool = True, n_threads: int | None = None,
             callback: Callback | None = None, keep_data: bool = False, verbose: bool | int = False,
             progress: Callback | None = None, checkpoint: str | PathLike[str] | None = None) -> LassoPath:
    """Fit an L1-regularised model at every alpha of a grid, each solution with a certified duality gap.

    Minimises for each alpha, over (b0, b) with lower <= b <= upper,

        1/W sum_i w_i f(y_i, o_i + b0 + x_i . b) + alpha sum_j v_j (l1_ratio |b_j| + (1 - l1_ratio)/2 b_j^2)

    with W = sum w_i and f half the unit deviance of the loss, (y - eta)^2 / 2 for squared error: the lasso and the
    elastic net. X as float64 or float32 in one of the layouts below is never written to, and
    a large one never copied whole.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
        float64 or float32, C or Fortran order, CSR or CSC with 32 or 64 bit indices, read-only or memory-mapped arrays
        are used in place. Anything else is converted first.
    y : array of shape (n_samples,) or (n_samples, n_targets)
        Its values must lie in the domain of the loss; two classes may have any labels. Several targets are several
        problems, each with a grid of its own unless `alphas` are given.
    loss : str or loss object, default="squared_error"
        "squared_error", "log_loss" (logistic regression), "poisson", "gamma", "huber", "squared_hinge", or an object:
        `Tweedie(power)`, `Huber(delta)`, `NegativeBinomial(k)`. Their docstrings have the formulas.
    alphas : int or array of floats, default=100
        A number asks for that many values from alpha_max down to eps * alpha_max, evenly spaced on a log scale.
        Values >= 0 may come in any order; the result is in descending order.
    eps : float, default=1e-3
        Smallest alpha of an automatic grid as a fraction of the largest. In ridge regression no alpha makes all
        coefficients zero; its grid runs from ten times the sum of the Gram matrix' eigenvalues to eps times their mean.
    l1_ratio : float in [0, 1], default=1.0
        1 is the lasso, 0 ridge regression.
    fit_intercept : bool, default=True
        The intercept is never penalised.
    standardize : bool, default=False
        Penalise as if every column had standard deviation one; coefficients stay in the units of X.
    sample_weight, offset : array of shape (n_samples,), optional
        Weights w >= 0 and known offsets o. Only ratios of weights matter: 2 counts a row twice, 0 deletes it.
    penalty_factor : array of shape (n_features,), optional
        v in [0, inf], not rescaled. A column with v = 0 is never penalised, one with v = inf is never used.
    lower, upper : float or array of shape (n_features,)
        Bounds on the coefficients, lower <= 0 <= upper.
    tol : float, default=1e-6
        Promised duality gap of each solution as a fraction of P(0), the objective of the empty model.
    max_iter : int, default=10000
        Largest number of coordinate descent epochs per alpha, where descent is used at all.
    dfmax : int, optional
        Stop before the first solution with more than this many non-zero coefficients.
    max_r2, max_deviance_ratio : float, optional
        Stop after the first solution that explains more than this share of the variance, or of the deviance: two names
        of one limit.
    screening : bool, default=True
        False reads every column at every alpha; the answer is the same to the tolerance.
    n_threads : int, optional
        Default: the cores this process may use. The result does not depend on it, to the last bit.
    callback : callable, optional
        Called with a state (alpha, index, n_alphas, df, gap, r2, n_passes) after each alpha; a true return value stops
        the path, and the part so far comes back. ``state.path()`` is that part, after a KeyboardInterrupt too; its
        status is then "interrupted".
    keep_data : bool, default=False
        Keep X, so that `LassoPath.at` and `predict` are exact at any alpha however long the path lives. Otherwise they
        are while X is alive elsewhere.
    verbose : bool or int, default=False
        Draw a bar on standard error: alphas certified, passes, time left. In notebooks it is tqdm's where that is
        installed (extra ``[progress]``).
    progress : callable, optional
        Called with a state (n_certified, n_alphas, n_passes, seconds, seconds_left) after each batch of alphas.
    checkpoint : str or path, optional
        A file to which the certified part is written after each batch, whole or not at all. Where it exists, the fit
        goes on from it; one of other data or options is a ValueError. After Ctrl-C, an error or a crash the part is
        there.

    Returns
    -------
    LassoPath
        For several targets `TargetPaths`, a sequence of one for each.

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
    options = Options(l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper,
                      loss)
    limits = Limits.checked(tol, max_iter, dfmax, one_of_two(max_r2, max_deviance_ratio))
    how = {"alphas": alphas, "eps": eps, "screening": screening, "n_threads": n_threads, "callback": callback,
           "keep_data": keep_data, "checkpoint": checkpoint}
    targets = columns_of(y)
    shown = progress_of(verbose, progress, 1 if targets is None else len(targets[0]))
    if targets is None:
        return path_of_one(X, y, options, limits, partial(pose, X, y, options), shown=shown, **how)
    check_rows(row_labels(X), y, "y")
    if checkpoint is not None:
        raise ValueError("checkpoint is for one target: fit the columns of y one by one")
    several = SeveralTargets(X, targets[0], options)
    return TargetPaths(paths_of_each(X, targets[0], options, limits, several, shown=shown, **how), targets[1])


def paths_of_each(X, columns, options, limits, several, **how):
    """`fit_path` of each column of y."""
    return [path_of_one(X, y, options, limits, partial(several.problem, k), target=k, **how)
            for k, y in enumerate(columns)]


def paths_on_one_grid(X, columns, *, alphas, eps, callback, tol, max_iter, **options):
    """Return the `LassoPath` of each of several targets, all along the grid of the one with the largest alpha_max."""
    options, limits = Options(**options), Limits.checked(tol, max_iter)
    several, how = SeveralTargets(X, columns, options), {"eps": eps, "callback": callback}
    if np.ndim(alphas) == 0:
        first = int(np.argmax([one_alpha_max(X, y, options, partial(several.problem, k))
                               for k, y in enumerate(columns)]))
        alphas = path_of_one(X, columns[first], options, limits, partial(several.problem, first), alphas=alphas,
                             **how).alphas
    return paths_of_each(X, columns, options, limits, several, alphas=alphas, **how)


def path_of_one(X, y, options, limits, posed, *, alphas, eps, callback=None, screening=True, n_threads=None,
                keep_data=False, checkpoint=None, shown=None, target=0):
    """`fit_path` of one target, by number; `posed` returns its problem on the threads of a pool.

    `shown` is a `Progress` or None.
    """
    with Pool(threads(n_threads)) as pool:
        started = time.perf_counter()
        grid = given_grid(alphas, eps)
        watched = callback is not None or checkpoint is not None
        path = None if watched else small_path(X, y, grid, alphas, eps, options, limits)
        if path is None:
            problem = posed(pool)
            kept = None if checkpoint is None else Checkpoint(checkpoint, problem, limits, asked_for(grid, alphas, eps))
            path = watched_path(problem, limits, options, screening, callback, grid, (alphas, eps), kept,
                                None if shown is None else shown.watch(target)).result(options)
        elif shown is not None:
            shown.note(target, len(path), len(path), path.n_passes[-1])
        path.note_seconds(time.perf_counter() - started)
    warn_uncertified(path)
    return path.remember(fit_near, X, y, options.as_dict(), max_iter=limits.max_iter, keep_data=keep_data,
                         screening=screening, n_threads=n_threads)


def asked_for(grid, alphas, eps):
    """Return the alphas of the caller, or their number and eps, as a list."""
    return [int(alphas), float(eps)] if grid is None else grid.tolist()


def watched_path(problem, limits, options, screening, callback, grid, asked, kept, shown):
    """Return a `PathSolver` that has gone down the grid.

    Parameters
    ----------
    grid : ndarray, or None
        The alphas of the caller; None where their number and eps were `asked`.
    kept : Checkpoint or None
    shown : callable or None
        As `PathSolver.watch`.
    """
    def watch(solver, n_alphas):
        if kept is not None:
            kept.write(solver, grid)
        if shown is not None:
            shown(solver, n_alphas)

    before = None if kept is None else kept.grid()
    solver = PathSolver(problem, limits, screening, callback, watch=watch, options=options)
    grid = (automatic_grid(solver.solver, *asked) if grid is None else grid) if before is None else before
    if before is not None:
        solver.resume(*kept.batches())
    try:
        return solver.down(grid[solver.n_done:])
    except BaseException as error:
        if kept is not None:
            error.add_note(f"{solver.n_done} of {len(grid)} alphas are certified in {kept.file}")
        raise


def fit(X: Data, y: ArrayLike, alpha: float, *, loss: LossLike = SQUARED_ERROR, l1_ratio: float = 1.0,
        fit_intercept: bool = True, standardize: bool = False, sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None, penalty_factor: ByColumn | None = None, lower: ByColumn = UNBOUNDED[0],
        upper: ByColumn = UNBOUNDED[1], tol: float = 1e-6, max_iter: int = 10_000, screening: bool = True,
        n_threads: int | None = None) -> LassoFit:
    """Fit an L1-regularised model at one alpha, with a certified duality gap.

    The problem and all other parameters are those of `fit_path`. `alpha` >= 0; 0 is least squares within the bounds.
    A `ConvergenceWarning` says that the gap misses `tol`.

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
    options = Options(l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper,
                      loss)
    return one_fit(X, y, alpha, options, Limits.checked(tol, max_iter), partial(pose, X, y, options), screening,
                   n_threads)


def fit_near(near, X, y, alpha, *, tol, max_iter, screening=True, n_threads=None, **options):
    """`fit`, started from the `LassoFit` at a larger alpha; None for none."""
    options = Options(**options)
    return one_fit(X, y, alpha, options, Limits.checked(tol, max_iter), partial(pose, X, y, options), screening,
                   n_threads, near)


def one_fit(X, y, alpha, options, limits, posed, screening=True, n_threads=None, near=None):
    """Return the `LassoFit` at alpha of the problem that `posed` returns; warn where it is not certified."""
    alpha, n_threads = validation.number(alpha, "alpha", 0.0), threads(n_threads)
    solution, solver = small_fit(X, y, alpha, options, limits), None
    if solution is None:
        with Pool(n_threads) as pool:
            solver = PathSolver(posed(pool), limits, screening)
            if near is not None:
                solver.start_near(near)
            solution = solver.down(np.array([alpha])).solution(0)
    if not solution.certified and solver is not None and solver.status == NO_MINIMUM:
        warn_no_minimum()
    elif not solution.certified:
        warn_gap(solution.alpha, solution.gap, limits.tol, solution.null_objective,
                 limit=None if solver is None else solver.limit)
    return solution.with_options(options)


def fit_each(X, columns, alpha, *, tol, max_iter, n_threads=None, **options):
    """Return the `LassoFit` of each of several targets at one alpha; X is checked and measured once."""
    options = Options(**options)
    several, limits = SeveralTargets(X, columns, options), Limits.checked(tol, max_iter)
    return [one_fit(X, y, alpha, options, limits, partial(several.problem, k), n_threads=n_threads)
            for k, y in enumerate(columns)]


def alpha_max(X: Data, y: ArrayLike, *, loss: LossLike = SQUARED_ERROR, l1_ratio: float = 1.0,
              fit_intercept: bool = True, standardize: bool = False, sample_weight: ArrayLike | None = None,
              offset: ArrayLike | None = None, penalty_factor: ByColumn | None = None, lower: ByColumn = UNBOUNDED[0],
              upper: ByColumn = UNBOUNDED[1], n_threads: int | None = None) -> float:
    """Return the smallest alpha at which every coefficient with an L1 penalty is zero.

        alpha_max = max_j |x_j'rho| / (n l1_j),  l1_j = l1_ratio v_j (times s_j with `standardize`),

    where rho is the residual, the negative derivative of the loss (y - y_fit for squared error), at the fit of the
    intercept and of the columns without an L1 penalty. With weights the inner product is their weighted mean. Without
    an L1 penalty on any column (l1_ratio = 0) it is 0. Parameters are those of `fit_path`.

    Examples
    --------
    >>> from fastlasso import alpha_max
    >>> alpha_max([[1.0], [2.0], [3.0]], [1.0, 2.0, 3.0])
    0.6666666666666666
    """
    options = Options(l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper,
                      loss)
    return one_alpha_max(X, y, options, partial(pose, X, y, options), n_threads)


def one_alpha_max(X, y, options, posed, n_threads=None):
    """`alpha_max` of the problem that `posed` returns."""
    with Pool(threads(n_threads)) as pool:
        small = small_problem(X, y, options)
        return small.alpha_max if small is not None else started_solver(posed(pool), TOL).alpha_max


def one_of_two(max_r2, max_deviance_ratio):
    """Return the limit of the share of the deviance explained, which has two names."""
    if max_r2 is not None and max_deviance_ratio is not None:
        raise ValueError("max_r2 and max_deviance_ratio are two names of one limit: give one of them")
    return max_deviance_ratio if max_r2 is None else max_r2
