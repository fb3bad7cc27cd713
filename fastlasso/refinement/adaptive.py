"""The adaptive lasso: penalty factors from a pilot fit, so that strong coefficients are hardly shrunk.

It is a schedule of two stages (`schedule.py`), the pilot and the lasso with factors 1 / |pilot_j|^gamma.
"""

from dataclasses import replace

import numpy as np

from .. import validation
from ..annotations import ArrayLike, ByColumn, Callback, Data, FoldsLike, RandomState
from ..losses.choose import SQUARED_ERROR, LossLike
from ..parallel import Pool
from ..path.path_solver import Limits, threads
from ..path.refined import AdaptivePath
from ..problem.options import Options
from ..progress import shown
from ..selection.path_cv import RULES, PathCV
from ..validation import UNBOUNDED
from .on_problems import NO_FOLDS, in_folds, recast, remember
from .schedule import ScheduleRun, Stage

PILOTS = ("lasso", "ridge", "marginal")


def adaptive_path(X: Data, y: ArrayLike, *, loss: LossLike = SQUARED_ERROR, pilot: str = "lasso",
                  pilot_alpha: float | str = "min", gamma: float = 1.0, alphas: ArrayLike = 100, eps: float = 1e-3,
                  l1_ratio: float = 1.0, cv: FoldsLike = 5, groups: ArrayLike | None = None,
                  random_state: RandomState | None = 0, fit_intercept: bool = True, standardize: bool = False,
                  sample_weight: ArrayLike | None = None, offset: ArrayLike | None = None,
                  penalty_factor: ByColumn | None = None, lower: ByColumn = UNBOUNDED[0],
                  upper: ByColumn = UNBOUNDED[1], tol: float = 1e-6, max_iter: int = 10_000,
                  n_threads: int | None = None,
                  verbose: bool | int = False, progress: Callback | None = None) -> AdaptivePath:
    """Fit the adaptive lasso along a path: the lasso with factors from a pilot fit.

        v_j = 1 / |b_j|^gamma,     b = the pilot's coefficients (times s_j with `standardize`)

    A column that the pilot leaves out (b_j = 0) is never used, unless its `penalty_factor` is 0.

    Parameters
    ----------
    X, y, alphas, eps, ..., n_threads
        As in `fit_path`. `penalty_factor` multiplies v; the pilot uses it too, and the bounds.
    pilot : {"lasso", "ridge", "marginal"} or array of shape (n_features,), default="lasso"
        What is fitted first. "marginal" takes each column alone, b_j = x_j'y / |x_j|^2. An array is taken as b.
    pilot_alpha : float or {"min", "1se", "aic", "bic", "ebic"}, default="min"
        The penalty of a lasso or ridge pilot, or how to choose it (`Stage`); ridge with 0 is least squares.
    gamma : float, default=1.0
        0 gives back the lasso on the columns that the pilot keeps.
    cv, groups, random_state
        As in `cross_validate_path`, for the choice of `pilot_alpha`.
    verbose, progress
        As in `fit_path`; alphas and passes are those of all paths, the pilot's and those of folds included.

    Returns
    -------
    AdaptivePath

    References
    ----------
    Zou (2006), JASA 101(476), eq. (4). Huang, Ma and Zhang (2008), Statistica Sinica 18, for the marginal pilot.
    Buehlmann and van de Geer (2011), Statistics for high-dimensional data, section 2.8, for the lasso pilot.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import adaptive_path
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 200))
    >>> y = 3 * X[:, 0] - 2 * X[:, 1] + rng.standard_normal(60)
    >>> path = adaptive_path(X, y, pilot_alpha="1se")
    >>> np.flatnonzero(path.fit_at(path.select("bic")).coef)
    array([0, 1])
    """
    options = Options(1.0, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper,
                      loss)
    limits, stages = Limits.checked(tol, max_iter), adaptive_stages(pilot, pilot_alpha, gamma, alphas, eps, l1_ratio)
    with Pool(threads(n_threads)) as pool, shown(verbose, progress, 0) as monitor:
        cv = cv if any(stage.cross_validated for stage in stages[:-1]) else NO_FOLDS
        run = ScheduleRun(X, in_folds(X, y, options, limits, cv, groups, random_state, pool, monitor))
        run.expect(stages[:-1], alone=stages[-1])
        run_pilot(run, pilot, stages[:-1])
        run.leave_folds()
        problems = run.next_problems(stages[-1])
        (path,), _ = run.paths(stages[-1], problems)
    return adaptive_result(path, problems[0].penalty_factor, run.coefs[0], X, y, options, max_iter=max_iter,
                           n_threads=n_threads)


def cross_validate_adaptive(X: Data, y: ArrayLike, *, loss: LossLike = SQUARED_ERROR, pilot: str = "lasso",
                            pilot_alpha: float | str = "min", gamma: float = 1.0, cv: FoldsLike = 5,
                            groups: ArrayLike | None = None, rule: str = "min", random_state: RandomState | None = 0,
                            alphas: ArrayLike = 100, eps: float = 1e-3, l1_ratio: float = 1.0,
                            fit_intercept: bool = True, standardize: bool = False,
                            sample_weight: ArrayLike | None = None, offset: ArrayLike | None = None,
                            penalty_factor: ByColumn | None = None, lower: ByColumn = UNBOUNDED[0],
                            upper: ByColumn = UNBOUNDED[1], tol: float = 1e-6, max_iter: int = 10_000,
                            n_threads: int | None = None,
                            verbose: bool | int = False, progress: Callback | None = None) -> PathCV:
    """Choose the adaptive lasso's alpha by cross-validation, with the pilot fitted again inside each fold.

    A pilot fitted to the held-out rows too would make their errors too small. Two things are shared by all folds: the
    value of `pilot_alpha` chosen by a rule, and a pilot given as an array.

    Parameters
    ----------
    X, y, pilot, ..., n_threads
        As in `adaptive_path`.
    cv, groups, rule, random_state, verbose, progress
        As in `cross_validate_path`.

    Returns
    -------
    PathCV
        Its `path` is an `AdaptivePath`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import cross_validate_adaptive
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 200))
    >>> y = 3 * X[:, 0] - 2 * X[:, 1] + rng.standard_normal(60)
    >>> np.flatnonzero(cross_validate_adaptive(X, y, rule="1se").coef)
    array([0, 1])
    """
    validation.one_of(rule, "rule", RULES)
    options = Options(1.0, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper,
                      loss)
    limits, stages = Limits.checked(tol, max_iter), adaptive_stages(pilot, pilot_alpha, gamma, alphas, eps, l1_ratio,
                                                                    rule)
    with Pool(threads(n_threads)) as pool, shown(verbose, progress, 0) as monitor:
        run = ScheduleRun(X, in_folds(X, y, options, limits, cv, groups, random_state, pool, monitor))
        run.expect(stages)
        run_pilot(run, pilot, stages[:-1])
        pilot_coef = run.coefs[0]
        run.run(stages[-1])
    result = run.result.cvs[-1]
    path = adaptive_result(result.path, run.result.penalty_factors[-1], pilot_coef, X, y, options, max_iter=max_iter,
                           n_threads=n_threads)
    return replace(result, path=path)


def adaptive_stages(pilot, pilot_alpha, gamma, alphas, eps, l1_ratio, rule="min"):
    """The schedule of the adaptive lasso; a pilot that needs no fit has no stage."""
    last = Stage(rule, l1_ratio, "adaptive", gamma, alphas, eps)
    if not isinstance(pilot, str):
        return [last]
    validation.one_of(pilot, "pilot", PILOTS)
    return [last] if pilot == "marginal" else [Stage(pilot_alpha, 1.0 if pilot == "lasso" else 0.0), last]


def run_pilot(run, pilot, stages):
    """Run the pilot of a `ScheduleRun`: its stages, or a pilot that needs no fit."""
    if not isinstance(pilot, str):
        pilot = validation.finite_vector(pilot, run.problems[0].design.n_features, "pilot")
        run.begin_with([validation.no_nan_or_inf(pilot, "pilot")] * len(run.problems))
    elif pilot == "marginal":
        run.begin_with([marginal(problem) for problem in run.problems])
    for stage in stages:
        run.run(stage)


def marginal(problem):
    """Coefficients of each column alone, b_j = x_j'y / |x_j|^2; 0 for a constant column."""
    design = problem.design
    return np.divide(problem.correlation, design.norm2, out=np.zeros(design.n_features), where=~design.constant)


def adaptive_result(path, penalty_factor, pilot, X, y, options, **settings):
    path = recast(path, AdaptivePath, penalty_factor=penalty_factor, pilot=pilot)
    return remember(path, X, y, options, penalty_factor, **settings)
