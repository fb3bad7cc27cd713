"""Prune hard, then refine gently: a schedule of stages, each the same problem under its own penalty factors.

Stage t minimises, at its alpha and l1_ratio,

    1/(2 W) sum_i w_i (y_i - o_i - b0 - x_i . b)^2 + alpha_t sum_j v_tj ( l1_ratio_t |b_j| + (1 - l1_ratio_t)/2 b_j^2 )

and its penalty factors v_t are a function of the coefficients of stage t - 1. The lasso followed by a gentler lasso
or by ridge on its support (`TwoStageLasso`) and the adaptive lasso (`adaptive_path`) are schedules of two stages.

Where a stage chooses its alpha by cross-validation, all earlier stages are run again on the training rows of each
fold: no coefficient fitted to a row is used to predict that row. The folds share only the alphas of earlier stages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from .. import validation
from ..annotations import ArrayLike, ByColumn, Callback, Data, Floats, FoldsLike, NDArray, RandomState
from ..frames import check_rows, row_labels
from ..losses.choose import SQUARED_ERROR, LossLike
from ..parallel import Pool
from ..path.between import warn_inexact
from ..path.grid import count_of
from ..path.path_solver import Limits, PathSolver, threads
from ..path.result import Result
from ..path.results import LassoFit, LassoPath
from ..path.stored import all_of, array
from ..path.warn import warn_gap, warn_uncertified
from ..problem.options import Options
from ..progress import shown
from ..selection.folds import at_ratio, named
from ..selection.path_cv import RULES, PathCV
from ..validation import UNBOUNDED
from .on_problems import NO_FOLDS, fit_of, fitted, in_folds, path_of, remember

CRITERIA = ("aic", "bic", "ebic")
FACTORS = ("all", "support", "adaptive")
# The smallest adaptive penalty factor: 0 would mean "never penalised".
SMALLEST_FACTOR = np.finfo(float).tiny ** 0.5


@dataclass(frozen=True)
class Stage:
    """One stage of a schedule.

    Parameters
    ----------
    alpha : float or str, default="min"
        A number, or how to choose one along a path: "min" or "1se" by cross-validation, "aic", "bic" or "ebic" by an
        information criterion on all rows.
    l1_ratio : float in [0, 1], default=1.0
        1 is the lasso, 0 ridge regression.
    factor : {"all", "support", "adaptive"} or callable, default="all"
        Penalty factors from the coefficients b of the stage before: "all" is 1 for every column; "support" is 1 where
        b_j != 0 and inf elsewhere; "adaptive" is 1 / |b_j s_j|^gamma, s_j = 1 without `standardize`. A callable takes
        b in the units of X, shape (n_features,), and returns factors in [0, inf]. The user's own `penalty_factor`
        multiplies all of these; where it is 0 or inf, it stays so.
    gamma : float, default=1.0
        Exponent of "adaptive".
    alphas : int or array of floats, default=100
        The path along which a rule chooses, as in `fit_path`.
    eps : float, default=1e-3
        Smallest alpha of an automatic grid as a fraction of the largest.
    ebic_gamma : float, default=0.5
        The gamma of `LassoPath.select`, for the rule "ebic".
    """

    alpha: object = "min"
    l1_ratio: float = 1.0
    factor: object = "all"
    gamma: float = 1.0
    alphas: object = 100
    eps: float = 1e-3
    ebic_gamma: float = 0.5

    def __post_init__(self):
        if isinstance(self.alpha, str):
            if self.alpha not in RULES + CRITERIA:
                raise ValueError(f"alpha must be a number or one of {RULES + CRITERIA}, got {self.alpha!r}")
        else:
            validation.number(self.alpha, "alpha", 0.0)
        if not callable(self.factor) and not (isinstance(self.factor, str) and self.factor in FACTORS):
            raise ValueError(f"factor must be callable or one of {FACTORS}, got {self.factor!r}")
        validation.number(self.gamma, "gamma", 0.0)
        validation.number(self.l1_ratio, "l1_ratio", 0.0, 1.0)
        validation.number(self.ebic_gamma, "ebic_gamma", 0.0)

    @property
    def cross_validated(self) -> bool:
        """Whether alpha is chosen by cross-validation."""
        return self.alpha in RULES

    def penalty_factor(self, problem: Any, coef: Floats) -> Floats:
        """The factors v of this stage after one that ended in `coef`, shape (n_features,)."""
        if callable(self.factor):
            own = self.factor(coef)
        elif self.factor == "support":
            own = np.where(coef != 0, 1.0, np.inf)
        else:
            own = 1.0 if self.factor == "all" else adaptive_factors(coef * problem.scale, self.gamma)
        return combined(problem.penalty_factor, validation.penalty_factors(own, len(coef)))

    def problem(self, problem: Any, coef: Floats) -> Any:
        """The problem of this stage after one that ended in `coef`; None is no stage before."""
        if coef is None:
            return at_ratio(problem, self.l1_ratio)
        return problem.with_penalty_factor(self.penalty_factor(problem, coef), self.l1_ratio)


def adaptive_factors(coef: ArrayLike, gamma: float = 1.0) -> Floats:
    """Return the penalty factors of the adaptive lasso, v_j = 1 / |b_j|^gamma; inf where b_j = 0, never zero.

    Reference: Zou (2006), The adaptive lasso and its oracle properties, JASA 101(476), eq. (4).

    Examples
    --------
    >>> adaptive_factors([2.0, 0.0, -0.5])
    array([0.5, inf, 2. ])
    """
    coef, gamma = np.asarray(coef, dtype=float), validation.number(gamma, "gamma", 0.0)
    with np.errstate(divide="ignore", over="ignore"):
        return np.where(coef == 0, np.inf, np.maximum(1 / np.abs(coef) ** gamma, SMALLEST_FACTOR))


def combined(given, own):
    """The product of two vectors of factors; 0 (never penalised) and inf (never used) in `given` win."""
    with np.errstate(invalid="ignore"):
        return np.where((given == 0) | np.isinf(given), given, given * own)


@dataclass(eq=False, repr=False)
class ScheduleFit(Result):
    """A schedule that was run.

    Attributes
    ----------
    fits : list of LassoFit
        The solution of each stage on all rows, each with its own certificate.
    penalty_factors : list of ndarray of shape (n_features,)
        The factors of each stage: ``verify(X, y, fit.coef, fit.intercept, alpha=fit.alpha, penalty_factor=...,
        l1_ratio=...)`` checks its solution.
    paths : list of LassoPath or None
        The path along which the stage chose its alpha.
    cvs : list of PathCV or None
        The cross-validation by which it chose.
    """

    fits: list[LassoFit]
    penalty_factors: list[Floats]
    paths: list[Any]
    cvs: list[Any]

    def __repr__(self):
        return (f"<ScheduleFit: {len(self.fits)} stages, {np.count_nonzero(self.coef)} of {len(self.coef)} features, "
                f"alphas {', '.join(f'{alpha:g}' for alpha in self.alphas)}, "
                f"{'certified' if self.certified else 'NOT certified'}>")

    def _parts(self):
        return [part for part in (*self.fits, *self.paths, *self.cvs) if part is not None]

    def add(self, *stage: Any) -> None:
        """Append the result of one stage: its fit, penalty factors, path and cross-validation."""
        for kept, new in zip((self.fits, self.penalty_factors, self.paths, self.cvs), stage, strict=True):
            kept.append(new)

    @property
    def certified(self) -> list[bool]:
        """Whether every stage is certified to its tolerance."""
        return all(fit.certified for fit in self.fits)

    @property
    def alphas(self) -> list[float]:
        """The alpha of each stage."""
        return [fit.alpha for fit in self.fits]

    @property
    def coef(self) -> Floats:
        """Coefficients of the last stage, shape (n_features,)."""
        return self.fits[-1].coef

    @property
    def intercept(self) -> float:
        """Intercept of the last stage."""
        return self.fits[-1].intercept

    def at(self, alpha: Any = None) -> Any:
        """Return the solution of the last stage, by default at its own alpha.

        Another alpha is taken from the path along which the last stage chose its own (`LassoPath.at`).

        Raises
        ------
        ValueError
            For another alpha where the last stage has no path, because its alpha was given.
        """
        if alpha is None or (np.ndim(alpha) == 0 and alpha == self.fits[-1].alpha):
            return self.fits[-1]
        if self.paths[-1] is None:
            raise ValueError(f"the last stage was solved at alpha={self.fits[-1].alpha:g} alone: let it choose from a "
                             "path (Stage('min'), Stage('bic')) for solutions at other alphas")
        return self.paths[-1].at(alpha)

    def _columns(self):
        return {"stage": np.arange(len(self.fits)), "alpha": self.alphas,
                "features": [np.count_nonzero(fit.coef) for fit in self.fits], "r2": [fit.r2 for fit in self.fits],
                "gap": [fit.gap for fit in self.fits], "certified": [fit.certified for fit in self.fits]}

    def predict(self, X: Data, offset: ArrayLike | None = None, kind: str = "score", alpha: Any = None) -> NDArray[Any]:
        """Predict with the last stage, by default at its own alpha; see `at` and `LassoPath.predict`."""
        return warn_inexact(self.at(alpha)).predict(X, offset, kind)

    def plot(self, ax: Any = None, n_labels: int = 8, features: Any = None) -> Any:
        """Draw the coefficients after each stage; needs matplotlib. Returns the Axes.

        `n_labels` and `features` are as `fastlasso.plotting.plot_stages` describes them.
        """
        from ..plotting import plot_stages

        return plot_stages(self, ax, n_labels, features=features)

    def save(self, file: str | PathLike[str]) -> None:
        """Write fits, factors, paths and cross-validations to an .npz file, without pickle.

        The paths of folds are not kept, as in `PathCV.save`.
        """
        super().save(file)

    def _stored(self):
        arrays = {"penalty_factors": np.array(self.penalty_factors)}
        return {}, arrays, {"fits": self.fits, "paths": self.paths, "cvs": self.cvs}

    @classmethod
    def _of_stored(cls, facts, arrays, parts):
        fits = all_of(parts["fits"], LassoFit)
        if not fits or not len(fits) == len(parts["paths"]) == len(parts["cvs"]):
            raise ValueError("its stages are damaged")
        all_of([path for path in parts["paths"] if path is not None], LassoPath)
        all_of([cv for cv in parts["cvs"] if cv is not None], PathCV)
        factors = array(arrays, "penalty_factors", (len(fits), fits[0].n_features), 0.0, np.inf)
        return cls(fits, list(factors), parts["paths"], parts["cvs"])


class ScheduleRun:
    """The run of a schedule: the problems on all rows and on each fold, and their present coefficients.

    `coefs` are the coefficients of the stage before, one vector for each problem; None before the first stage. `n_run`
    counts the stages that were run.
    """

    def __init__(self, X, folds):
        self.X, self.folds, self.limits = X, folds, folds.limits
        self.problems = folds.each(lambda k, problem: problem)
        self.coefs, self.n_run = [None] * len(self.problems), 0
        self.result = ScheduleFit([], [], [], [])

    def expect(self, stages, alone=None):
        """Let the progress count all that these stages fit; `alone` is a last one that is fitted to all rows only."""
        for number, stage in enumerate(stages):
            last = max((k for k, later in enumerate(stages) if later.cross_validated), default=-1)
            folds = 0 if number > last else len(self.folds.splits)
            for k in range(-1, folds):
                whole = isinstance(stage.alpha, str) and (stage.cross_validated or k < 0)
                self.folds.expect_one((number, k), count_of(stage.alphas) if whole else 1)
        if alone is not None:
            self.folds.expect_one((len(stages), -1), count_of(alone.alphas))

    def begin_with(self, coefs):
        """Use these coefficients, one vector for each problem, as those of the stage before."""
        self.coefs = coefs

    def leave_folds(self):
        """Go on with all rows only: no stage to come needs the folds."""
        self.problems, self.coefs = self.problems[:1], self.coefs[:1]

    def run(self, stage, skips_empty=False):
        """Run one stage on all rows and on the folds.

        With `skips_empty`, where the stages before have left no column, the stage is the empty model at the alpha of
        the one before, without a path.
        """
        problems, path, cv = self.next_problems(stage), None, None
        if skips_empty and self.result.fits and not problems[0].penalty.usable.any():
            fits = self.fits(self.result.fits[-1].alpha, problems)
        else:
            fits, path, cv = self._solved(stage, problems)
        self.coefs, self.n_run = [fit.coef for fit in fits], self.n_run + 1
        own = {"penalty_factor": problems[0].penalty_factor, "l1_ratio": problems[0].l1_ratio}
        self.result.add(fits[0].with_options(self.folds.options.as_dict() | own), problems[0].penalty_factor, path, cv)

    def _solved(self, stage, problems):
        """Return (the solutions of a stage, the path and the cross-validation by which its alpha was chosen or None).
        """
        if not isinstance(stage.alpha, str):
            return self.fits(float(stage.alpha), problems), None, None
        paths, errors = self.paths(stage, problems if stage.cross_validated else problems[:1])
        path = remember(paths[0], self.X, self.folds.y, self.folds.options, problems[0].penalty_factor,
                        max_iter=self.limits.max_iter)
        if stage.cross_validated:
            cv = self.folds.result(paths, errors, stage.alpha)
            return [part.fit_at(cv.index) for part in paths], path, cv
        chosen = path.fit_at(path.select(stage.alpha, stage.ebic_gamma, path.df_of(problems[0])))
        return [chosen, *self.fits(chosen.alpha, problems[1:], 0)], path, None

    def next_problems(self, stage):
        """What the stage solves, on all rows and on each fold."""
        return [stage.problem(problem, coef) for problem, coef in zip(self.problems, self.coefs, strict=True)]

    def paths(self, stage, problems):
        """(paths, held-out errors of the folds) of some problems, all along the grid of the first."""
        paths, errors = fitted(self.folds, lambda problem, watch: PathSolver(problem, self.limits, watch=watch),
                               stage.alphas, stage.eps, path_of, self.folds.errors, problems, self.n_run)
        for path, whose in named(paths):
            warn_uncertified(path, whose)
        return paths, errors

    def fits(self, alpha, problems, first=-1):
        """Solutions of some problems at one alpha, that of all rows or of fold 0 first."""
        fits = self.folds.each(lambda k, problem: fit_of(problem, alpha, self.limits,
                                                              self.folds.watch(self.n_run, k)), first, problems)
        for k, fit in enumerate(fits, first):
            if not fit.certified:
                warn_gap(alpha, fit.gap, fit.tol, fit.null_objective, f"fold {k}: " if k >= 0 else "")
        return fits


def fit_schedule(X: Data, y: ArrayLike, stages: Sequence[Any], *, loss: LossLike = SQUARED_ERROR, cv: FoldsLike = 5,
                 groups: ArrayLike | None = None, random_state: RandomState | None = 0, fit_intercept: bool = True,
                 standardize: bool = False, sample_weight: ArrayLike | None = None, offset: ArrayLike | None = None,
                 penalty_factor: ByColumn | None = None, lower: ByColumn = UNBOUNDED[0], upper: ByColumn = UNBOUNDED[1],
                 tol: float = 1e-6, max_iter: int = 10_000, n_threads: int | None = None,
                 verbose: bool | int = False, progress: Callback | None = None) -> ScheduleFit:
    """Run a schedule of stages: each takes its penalty factors from the coefficients of the one before.

    Parameters
    ----------
    X, y, fit_intercept, ..., n_threads
        As in `fit_path`; every stage has the same weights, offset and bounds.
    stages : list of Stage
    cv, groups, random_state
        As in `cross_validate_path`, for stages with the rule "min" or "1se". The stages before such a stage are run
        again inside each fold, at the alphas that they chose on all rows.
    verbose, progress
        As in `fit_path`; alphas and passes are those of all stages and folds.

    Returns
    -------
    ScheduleFit

    Warns
    -----
    ConvergenceWarning
        Where a solution is not certified to `tol`.

    Examples
    --------
    Prune at the one-standard-error alpha, then refine by ridge on what is left:

    >>> import numpy as np
    >>> from fastlasso import Stage, fit_schedule
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 50))
    >>> y = 2 * X[:, 0] - X[:, 1] + rng.standard_normal(100)
    >>> run = fit_schedule(X, y, [Stage("1se"), Stage("min", l1_ratio=0, factor="support", alphas=[1, 0.1, 0.01])])
    >>> np.flatnonzero(run.coef), run.certified
    (array([0, 1]), True)
    """
    stages = checked_stages(stages)
    options = Options(1.0, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper,
                      loss)
    limits = Limits.checked(tol, max_iter)
    check_rows(row_labels(X), groups, "groups")
    with Pool(threads(n_threads)) as pool, shown(verbose, progress, 0) as monitor:
        cv = cv if any(stage.cross_validated for stage in stages) else NO_FOLDS
        run = ScheduleRun(X, in_folds(X, y, options, limits, cv, groups, random_state, pool, monitor))
        run.expect(stages)
        for k, stage in enumerate(stages):
            if not any(later.cross_validated for later in stages[k:]):
                run.leave_folds()
            run.run(stage, skips_empty=True)
    return run.result


def checked_stages(stages):
    """Return the stages as a list, or raise."""
    stages = list(stages)
    if not stages or not all(isinstance(stage, Stage) for stage in stages):
        raise TypeError(f"stages must be a non-empty list of Stage, got {stages!r}")
    if stages[0].factor != "all":
        raise ValueError(f'the first stage has no stage before it: its factor must be "all", got {stages[0].factor!r}')
    return stages
