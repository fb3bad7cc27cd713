"""Concave penalties (MCP, SCAD, log, lq) as sequences of lassos whose penalty factors come from the coefficients.

A concave penalty p(|b_j|) lies below its tangent at the present b (local linear approximation),

    p(|u|) <= p(|b_j|) + p'(|b_j|) (|u| - |b_j|),

so the lasso with factors v_j = p'(|b_j|) / alpha, solved to a gap of g, does not raise the objective with p itself by
more than g. One solver solves all these lassos: each starts from the last solution, Gram matrix and correlations.

References
----------
Zou and Li (2008), One-step sparse estimates in nonconcave penalized likelihood models, Ann. Statist. 36(4), eq. (2.6).
Candes, Wakin and Boyd (2008), Enhancing sparsity by reweighted l1 minimization, J. Fourier Anal. Appl. 14.
"""

import time
import warnings
from dataclasses import replace

import numpy as np

from .. import validation
from ..annotations import ArrayLike, ByColumn, Callback, Data, FoldsLike, RandomState
from ..losses.choose import SQUARED_ERROR, LossLike
from ..parallel import Pool
from ..path.fit import fit_near
from ..path.grid import count_of, grid_of
from ..path.path_solver import Limits, PathSolver, threads
from ..path.refined import ReweightedPath
from ..path.warn import WARNING_CLASS, stack_level
from ..penalties.concave import concave_penalty
from ..problem.options import Options
from ..problem.problem import pose
from ..progress import shown
from ..selection.folds import named
from ..selection.path_cv import RULES, PathCV
from ..validation import UNBOUNDED
from .on_problems import fitted, in_folds, path_of, recast

# Each weighted lasso is solved to this share of the tolerance of the fixed point.
INNER_TOL = 0.1
# Rounding of the objective, as a share of P(0).
DESCENT_SLACK = 1e-10


class ReweightedSolver(PathSolver):
    """Solves a grid with a concave penalty: at each alpha, weighted lassos until the factors settle.

    The first alpha starts from b = 0, so that its first step is the lasso; each other starts from the solution before.
    A column outside the working set has b = 0, so its factor does not change. Most steps are therefore taken on the
    working set alone, and X is read again once the factors have settled there.

    Attributes
    ----------
    penalty : Concave
    max_steps : int
        Weighted lassos for one alpha, at most.
    n_steps, objectives, factors : list
        Of each alpha, as in `ReweightedPath`.
    """

    def __init__(self, problem, penalty, limits, max_steps, callback=None, watch=None):
        super().__init__(problem, replace(limits, tol=INNER_TOL * limits.tol), callback=callback, watch=watch)
        self.outer_limits, self.penalty, self.max_steps = limits, penalty, max_steps
        self.target = limits.tol * problem.null_objective
        self.weighted = problem         # with the factors of the present step
        self.has_unscreened = bool(problem.penalty.unscreened.any())
        self.scale = np.broadcast_to(problem.scale, problem.design.n_features)
        self.loss_value = problem.null_objective
        self.objective = np.inf
        self.n_steps, self.objectives, self.factors = [], [], []

    def down(self, grid):
        """Solve alpha by alpha until the end of the grid or the first reason to stop; return self."""
        self._approach(grid[0])
        for alpha in grid:
            if self.goes_on:
                self._take(self._settled(alpha), len(grid))
                if self.watch is not None:
                    self.watch(self, len(grid) if self.goes_on else self.n_done)
        return self

    def _settled(self, alpha):
        """Solve one weighted lasso after another until the last solution solves the next one too."""
        if self.n_steps:
            self.objective = self._objective(alpha)
            self._reweight(alpha)
        else:
            self.objective = self.problem.null_objective
        steps, gap = 0, np.inf
        while gap > self.target and steps < self.max_steps:
            if (steps or self.solver.compressed) and not self._is_nearly_dependent():
                steps += self._settle_inside(alpha, self.max_steps - steps - 1)
            batch = self.solver.solve(np.array([alpha]))
            self._note_step(alpha, batch.gaps[0], batch.misfits[0])
            gap, steps = self.solver.gap(), steps + 1
        batch.gaps[0] = gap
        self.n_steps.append(steps)
        self.objectives.append(self.objective)
        used = batch.coefs[0] != 0
        self.factors.append(self._factors(alpha, batch.cols[used], batch.coefs[0, used]))
        return batch

    def _settle_inside(self, alpha, most):
        """Take at most so many steps on the working set alone; return how many it took."""
        for step in range(most):
            self.solver.solve_inside(alpha)
            self._note_step(alpha, *self.solver.gap_inside(), self.solver.joint_gap_inside)
            if self.solver.gap_inside()[0] <= self.solver.goal.gap or self._is_nearly_dependent():
                return step + 1
        return most

    def _is_nearly_dependent(self):
        """Whether unpenalised columns are so nearly dependent that the objective must be computed from X.

        This is checked only if the user left columns unpenalised: it costs an eigendecomposition at every step.
        """
        return self.has_unscreened and self.solver.is_nearly_dependent()

    def _note_step(self, alpha, gap, norm2, joint_gap=None):
        """Take over the solution of a step, solved to `gap`, and check that the objective did not rise by more.

        Where it seems to, ``joint_gap()`` gives the (gap, |r|^2) that count the joint gain of unpenalised columns, and
        the check is repeated.
        """
        before, self.loss_value = self.objective, self.problem.loss.value(norm2)
        self.objective = self._objective(alpha)
        slack = max(gap, self.solver.goal.gap) + DESCENT_SLACK * self.problem.null_objective
        if not self.objective <= before + slack:
            if joint_gap is not None:
                self.objective = before
                return self._note_step(alpha, *joint_gap())
            raise ArithmeticError(f"the objective rose from {before!r} to {self.objective!r} at alpha={alpha!r}, more "
                                  f"than the gap {gap:.3g} of the step allows: a defect of fastlasso, please report it")
        return self._reweight(alpha)

    def _reweight(self, alpha):
        """Give the solver the factors of its present solution."""
        cols, b = self.solver.working_set, self.solver.last.b
        penalty = self.weighted.penalty.with_factors(cols, self._factors(alpha, cols, b) * self.scale[cols])
        self.weighted = self.weighted.with_penalty(penalty)
        self.solver.repenalise(self.weighted)

    def _objective(self, alpha):
        """The concave objective at the solver's present solution."""
        cols, b = self.solver.working_set, self.solver.last.b
        used = b != 0
        t, level = self._at(alpha, cols[used], b[used])
        penalised = level > 0
        return self.loss_value + float(np.sum(self.penalty.value(t[penalised], level[penalised])))

    def _at(self, alpha, cols, coef):
        """(t_j = |b_j| s_j, a_j = alpha u_j) of some columns."""
        return np.abs(coef) * self.scale[cols], alpha * self.problem.penalty_factor[cols]

    def _factors(self, alpha, cols, coef):
        """v_j = p'(t_j) / alpha of some columns; u_j where b_j = 0."""
        factors = self.problem.penalty_factor[cols]
        t, level = self._at(alpha, cols, coef)
        penalised = (t > 0) & (level > 0)
        factors[penalised] = self.penalty.slope(t[penalised], level[penalised]) / alpha
        return factors

    def result(self, options):
        """Return everything found so far as a `ReweightedPath`."""
        path, n = super().result(options), self.n_done
        return recast(path, ReweightedPath, tol=self.outer_limits.tol, n_steps=np.array(self.n_steps[:n]),
                      penalty=self.penalty, objectives=np.array(self.objectives[:n]),
                      penalty_factor=self.problem.penalty_factor, factors=np.concatenate([*self.factors[:n],
                                                                                          np.zeros(0)]))


def reweighted_path(X: Data, y: ArrayLike, *, loss: LossLike = SQUARED_ERROR, penalty: str = "mcp",
                    gamma: float | None = None, q: float | None = None, max_steps: int = 2000, alphas: ArrayLike = 100,
                    eps: float = 1e-3, fit_intercept: bool = True, standardize: bool = False,
                    sample_weight: ArrayLike | None = None, offset: ArrayLike | None = None,
                    penalty_factor: ByColumn | None = None, lower: ByColumn = UNBOUNDED[0],
                    upper: ByColumn = UNBOUNDED[1], tol: float = 1e-6, max_iter: int = 10_000, dfmax: int | None = None,
                    max_r2: float | None = None, n_threads: int | None = None,
                    callback: Callback | None = None,
                    verbose: bool | int = False, progress: Callback | None = None) -> ReweightedPath:
    """Fit a concave penalty along a path by reweighted lassos (local linear approximation).

    Seeks for each alpha a stationary point of

        1/(2 W) sum_i w_i (y_i - o_i - b0 - x_i . b)^2 + sum_j p(|b_j|; alpha u_j)

    where p has the slope alpha u_j at zero, as the lasso, and a falling slope beyond it, so that large coefficients are
    shrunk less or not at all. With a = alpha u_j and t = |b_j| (times s_j with `standardize`):

        mcp    p' = (a - t / gamma)_+                                     gamma > 1, default 3
        scad   p' = a for t <= a, else (gamma a - t)_+ / (gamma - 1)      gamma > 2, default 3.7
        log    p' = a / (1 + t / (gamma a))                               gamma > 0, default 1
        lq     p' = a / (1 + t / (gamma a))^(1 - q)                       gamma > 0, default 1; 0 < q <= 1, default 1/2

    Each step is a certified lasso with factors p'(t_j) / alpha at the present b. The objective never rises by more than
    the gap of the step, which is checked at every step. The steps end when b is, to `tol`, a solution of the lasso with
    its own factors. The first alpha starts from the lasso, each next one from the solution before; a concave objective
    can have other stationary points.

    Gamma is on the scale of the columns: with variance 1 (`standardize=True`) the defaults of MCP and SCAD are those of
    the papers, and a column alone has one minimum.

    Parameters
    ----------
    X, y, alphas, ..., progress
        As in `fit_path`; `penalty_factor` is u.
    penalty : {"mcp", "scad", "log", "lq"} or Concave, default="mcp"
        A name, that of a penalty of your own included, or a `fastlasso.penalties.concave.Concave` itself.
    gamma, q : float, optional
    max_steps : int, default=2000
        Most lassos per alpha.

    Returns
    -------
    ReweightedPath

    Raises
    ------
    ArithmeticError
        If the objective rises, which would be a defect of the library.

    Warns
    -----
    ConvergenceWarning
        Where the factors have not settled within `max_steps`.

    References
    ----------
    Zou and Li (2008), Ann. Statist. 36(4), eq. (2.6); `Mcp`, `Scad`, `Log` and `Lq` name the penalties' sources.
    Breheny and Huang (2011), Ann. Appl. Stat. 5(1), for the way down the path.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import fit_path, reweighted_path
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((80, 200))
    >>> y = 3 * X[:, 0] - 2 * X[:, 1] + rng.standard_normal(80)
    >>> mcp = reweighted_path(X, y, alphas=[1.0, 0.5])
    >>> mcp.fit_at(1).coef[:2].round(1), fit_path(X, y, alphas=[0.5]).fit_at(0).coef[:2].round(1)
    (array([ 3. , -1.8]), array([ 2.5, -1.4]))
    """
    options = Options(1.0, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper,
                      loss)
    limits, concave = Limits.checked(tol, max_iter, dfmax, max_r2), concave_penalty(penalty, gamma, q)
    max_steps = validation.whole_number(max_steps, "max_steps")
    with Pool(threads(n_threads)) as pool:
        started = time.perf_counter()
        with shown(verbose, progress) as monitor:
            solver = ReweightedSolver(pose(X, y, options, pool), concave, limits, max_steps, callback,
                                      None if monitor is None else monitor.watch(0))
            path = path_of(solver, grid_of(solver.solver, alphas, eps))
    path.note_seconds(time.perf_counter() - started)
    warn_unsettled(path)
    return path.remember(fit_near, X, y, options.as_dict(), max_iter=max_iter, n_threads=n_threads)


def cross_validate_reweighted(X: Data, y: ArrayLike, *, loss: LossLike = SQUARED_ERROR, penalty: str = "mcp",
                              gamma: float | None = None, q: float | None = None, max_steps: int = 2000,
                              cv: FoldsLike = 5,
                              groups: ArrayLike | None = None, rule: str = "min",
                              random_state: RandomState | None = 0, alphas: ArrayLike = 100, eps: float = 1e-3,
                              fit_intercept: bool = True, standardize: bool = False,
                              sample_weight: ArrayLike | None = None, offset: ArrayLike | None = None,
                              penalty_factor: ByColumn | None = None, lower: ByColumn = UNBOUNDED[0],
                              upper: ByColumn = UNBOUNDED[1], tol: float = 1e-6, max_iter: int = 10_000,
                              n_threads: int | None = None,
                              verbose: bool | int = False, progress: Callback | None = None) -> PathCV:
    """Choose the alpha of a concave penalty by cross-validation.

    Parameters
    ----------
    X, y, penalty, ..., n_threads
        As in `reweighted_path`.
    cv, groups, rule, random_state, verbose, progress
        As in `cross_validate_path`.

    Returns
    -------
    PathCV
        Its `path` and `fold_paths` are of class `ReweightedPath`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import cross_validate_reweighted
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((80, 200))
    >>> y = 3 * X[:, 0] - 2 * X[:, 1] + rng.standard_normal(80)
    >>> np.flatnonzero(cross_validate_reweighted(X, y, eps=0.05, rule="1se").coef)
    array([0, 1])
    """
    validation.one_of(rule, "rule", RULES)
    options = Options(1.0, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper,
                      loss)
    limits, concave = Limits.checked(tol, max_iter), concave_penalty(penalty, gamma, q)
    max_steps = validation.whole_number(max_steps, "max_steps")
    with Pool(threads(n_threads)) as pool, shown(verbose, progress, 0) as monitor:
        folds = in_folds(X, y, options, limits, cv, groups, random_state, pool, monitor)
        folds.expect(0, count_of(alphas))
        paths, errors = fitted(folds, lambda problem, watch: ReweightedSolver(problem, concave, limits, max_steps,
                                                                              watch=watch),
                               alphas, eps, path_of, folds.errors)
        result = folds.result(paths, errors, rule)
    for path, whose in named(paths):
        warn_unsettled(path, whose)
    paths[0].remember(fit_near, X, y, options.as_dict(), max_iter=max_iter, n_threads=n_threads)
    return result


def warn_unsettled(path, whose=""):
    """Warn of the alphas at which the factors have not settled."""
    if not path.certified.all():
        worst = int(np.argmax(path.gaps))
        missed = np.count_nonzero(~path.certified)
        warnings.warn(f"{whose}{missed} of {len(path)} alphas: the factors have not settled; "
                      f"worst: at alpha={path.alphas[worst]:.6g} after {path.n_steps[worst]} steps the gap of the next "
                      f"lasso is {path.gaps[worst]:.3g}, the target tol * P(0) {path.tol * path.null_objective:.3g}. "
                      "Raise max_steps or tol, or end the path earlier (eps, dfmax, max_r2).", WARNING_CLASS.get(),
                      stacklevel=stack_level())
