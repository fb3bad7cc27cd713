"""Concave penalties (MCP, SCAD, log, lq) as sequences of lassos whose penalty factors come from the coefficients.

A concave penalty p(|b_j|) lies below its tangent at the present b (local linear approximation),

    p(|u|) <= p(|b_j|) + p'(|b_j|) (|u| - |b_j|),

so the lasso with factors v_j = p'(|b_j|) / alpha, solved to a gap of g, does not raise the objective with p itself by
more than g. Each such lasso is solved by the one engine, which goes on from the last with all it knows of X.

References
----------
Zou and Li (2008), One-step sparse estimates in nonconcave penalized likelihood models, Ann. Statist. 36(4), eq. (2.6).
Candes, Wakin and Boyd (2008), Enhancing sparsity by reweighted l1 minimization, J. Fourier Anal. Appl. 14.
"""

import time
import warnings
from copy import copy
from dataclasses import asdict, dataclass

import numpy as np

from . import validation
from .cross_validation import RULES, named
from .held_out import fitted, grid_of, in_folds, options_of, recast
from .parallel import Pool
from .path import WARNING_CLASS, Limits, Walk, threads
from .problem import Options, Problem
from .results import LassoPath, check_factors, check_vectors
from .validation import FREE

INNER_TOL = 0.1         # each weighted lasso is solved to this share of the tolerance of the fixed point
DESCENT_SLACK = 1e-10   # of P(0): rounding of the objective


@dataclass(frozen=True)
class Mcp:
    """p(t) = a t - t^2 / (2 gamma) up to t = gamma a, constant from there (Zhang 2010, Ann. Statist. 38, eq. 2.1)."""

    gamma: float = 3.0
    least = 1.0

    def slope(self, t, a):
        """p'(t) at t >= 0."""
        return np.maximum(a - t / self.gamma, 0.0)

    def value(self, t, a):
        """p(t)."""
        t = np.minimum(t, self.gamma * a)
        return a * t - t * t / (2 * self.gamma)


@dataclass(frozen=True)
class Scad:
    """p' = a up to t = a, then (gamma a - t)_+ / (gamma - 1) (Fan and Li 2001, JASA 96(456), eq. 2.7)."""

    gamma: float = 3.7
    least = 2.0

    def slope(self, t, a):
        """p'(t) at t >= 0."""
        return np.where(t <= a, a, np.maximum(self.gamma * a - t, 0.0) / (self.gamma - 1))

    def value(self, t, a):
        """p(t)."""
        beyond = np.clip(t, a, self.gamma * a) - a
        return a * np.minimum(t, a) + a * beyond - beyond * beyond / (2 * (self.gamma - 1))


@dataclass(frozen=True)
class Log:
    """p(t) = a e log(1 + t / e) with e = gamma a (Candes, Wakin and Boyd 2008, eq. 2.3, scaled to p'(0) = a)."""

    gamma: float = 1.0
    least = 0.0

    def slope(self, t, a):
        """p'(t) at t >= 0."""
        return a / (1 + t / (self.gamma * a))

    def value(self, t, a):
        """p(t)."""
        return self.gamma * a * a * np.log1p(t / (self.gamma * a))


@dataclass(frozen=True)
class Lq:
    """p(t) = a e / q ((1 + t / e)^q - 1) with e = gamma a (Foucart and Lai 2009, ACHA 26(3), scaled to p'(0) = a)."""

    gamma: float = 1.0
    q: float = 0.5
    least = 0.0

    def slope(self, t, a):
        """p'(t) at t >= 0."""
        return a * (1 + t / (self.gamma * a)) ** (self.q - 1)

    def value(self, t, a):
        """p(t)."""
        return self.gamma * a * a / self.q * np.expm1(self.q * np.log1p(t / (self.gamma * a)))


PENALTIES = {"mcp": Mcp, "scad": Scad, "log": Log, "lq": Lq}


def concave_penalty(name, gamma=None, q=None):
    """Return the penalty of that name, its parameters checked."""
    kind = PENALTIES[validation.one_of(name, "penalty", tuple(PENALTIES))]
    given = {} if gamma is None else {"gamma": validation.number(gamma, "gamma", kind.least, low_open=True)}
    if q is not None:
        if kind is not Lq:
            raise ValueError(f'q belongs to the penalty "lq", got penalty={name!r}')
        given["q"] = validation.number(q, "q", 0.0, 1.0, low_open=True)
    return kind(**given)


@dataclass(eq=False, repr=False)
class ReweightedPath(LassoPath):
    """A path of a concave penalty: at each alpha a fixed point of the weighted lasso.

    Each solution b solves, within its `gap`, the lasso whose factors are v_j = p'(|b_j|) / alpha at b itself, which is
    the condition for a stationary point of the concave problem. The gap is that of this lasso:
    ``verify(X, y, coef, intercept, alpha=alpha, penalty_factor=path.penalty_factor_at(k))`` finds it again.

    Attributes
    ----------
    n_steps : ndarray of shape (n_alphas,)
        Weighted lassos solved at each alpha.
    objectives : ndarray of shape (n_alphas,)
        1/(2 W) sum_i w_i (residual_i)^2 + sum_j p(|b_j|) at the solution.
    penalty : Mcp, Scad, Log or Lq
    penalty_factor : ndarray of shape (n_features,)
        The user's own factors u: p has slope alpha u_j at zero.
    factors : ndarray
        v at the non-zero coefficients, in the order of `values`.
    """

    n_steps: np.ndarray = None
    objectives: np.ndarray = None
    penalty: object = None
    penalty_factor: np.ndarray = None
    factors: np.ndarray = None

    extra_arrays = ("n_steps", "objectives", "penalty_factor", "factors")

    def extra_facts(self):
        """The penalty, by its name and parameters."""
        return {"penalty": {"name": type(self.penalty).__name__.lower(), **asdict(self.penalty)}}

    @classmethod
    def restored(cls, facts):
        """The penalty itself."""
        return facts | {"penalty": concave_penalty(**facts["penalty"])}

    def check_extras(self):
        """Raise ValueError unless steps, objectives and factors are sound."""
        check_factors(self, self.n_features, "penalty_factor")
        check_factors(self, len(self.values), "factors")
        check_vectors(self, len(self), ("objectives",))
        if self.n_steps.shape != (len(self),) or self.n_steps.dtype.kind != "i":
            raise ValueError("n_steps is damaged")

    def penalty_factor_at(self, index):
        """The factors v of the weighted lasso that the solution at a grid point solves, shape (n_features,)."""
        index = range(len(self))[index]
        part = slice(self.indptr[index], self.indptr[index + 1])
        factors = np.array(self.penalty_factor)
        factors[self.indices[part]] = self.factors[part]
        return factors

    def at(self, alpha, X=None, y=None):
        """Return the solution at a grid point; between grid points a concave path is not known.

        Raises
        ------
        ValueError
            Where alpha is not on the grid.
        """
        if not (self.alphas == alpha).any():
            raise ValueError(f"alpha == {alpha} is not on the grid of this path, and what a concave penalty finds "
                             "depends on the way to it: pass it among `alphas`")
        return super().at(alpha, X, y)


class ReweightedWalk(Walk):
    """The way down a grid with a concave penalty: at each alpha, weighted lassos until the factors settle.

    The first alpha starts from b = 0, so that its first step is the lasso; each other starts from the solution before.
    A column outside the working set has b = 0 and the factor that it always had, so most steps are taken on the
    working set alone; X is read again when the factors have settled there.
    """

    def __init__(self, problem, penalty, limits, max_steps, callback=None):
        super().__init__(problem, limits, callback=callback)
        self.penalty, self.max_steps, self.target = penalty, max_steps, self.solver.target_gap
        self.solver.target_gap *= INNER_TOL
        self.weighted = copy(problem)
        self.weighted.l1 = np.array(problem.l1)     # changes from step to step
        self.has_free = bool((problem.l1 == 0).any())
        self.scale = np.broadcast_to(problem.scale, len(problem.l1))
        self.fit_term = problem.null_objective
        self.n_steps, self.objectives, self.factors = [], [], []

    def down(self, grid):
        """Solve alpha by alpha until the end of the grid or the first reason to stop."""
        self._bridge(grid[0])
        for alpha in grid:
            if self.status == "complete":
                self._take(self._settled(alpha), len(grid))

    def _settled(self, alpha):
        """Solve one weighted lasso after another until the last solution solves the next one too."""
        if self.n_steps:
            self.objective = self._objective(alpha)
            self._reweight(alpha)
        else:
            self.objective = self.problem.null_objective
        steps, gap = 0, np.inf
        while gap > self.target and steps < self.max_steps:
            if (steps or self.solver.complete) and not self._is_ill():
                steps += self._settle_inside(alpha, self.max_steps - steps - 1)
            batch = self.solver.solve(np.array([alpha]))
            self._note_step(alpha, batch.gaps[0], batch.residual_norms[0])
            gap, steps = self.solver.gap(), steps + 1
        batch.gaps[0] = gap
        self.n_steps.append(steps)
        self.objectives.append(self.objective)
        used = batch.coefs[0] != 0
        self.factors.append(self._factors(alpha, batch.cols[used], batch.coefs[0, used]))
        return batch

    def _settle_inside(self, alpha, most):
        """At most so many steps on the working set alone; return how many it took."""
        for step in range(most):
            self.solver.solve_inside(alpha)
            self._note_step(alpha, *self.solver.gap_inside(), self.solver.joint_gap_inside)
            if self.solver.gap_inside()[0] <= self.solver.target_gap or self._is_ill():
                return step + 1
        return most

    def _is_ill(self):
        """Whether unpenalised columns of the user's depend so nearly on others that only X itself tells an objective.

        Columns that the penalty has set free alone are not asked: it would cost an eigendecomposition at every step.
        """
        return self.has_free and self.solver.is_ill()

    def _note_step(self, alpha, gap, norm2, closer_look=None):
        """Take over the solution of a step, solved to `gap`, and see that the objective did not rise by more.

        Before that is called a rise, ``closer_look()`` says what gap and |r|^2 are with all that free columns can gain.
        """
        before, self.fit_term = self.objective, 0.5 * norm2
        self.objective = self._objective(alpha)
        slack = max(gap, self.solver.target_gap) + DESCENT_SLACK * self.problem.null_objective
        if not self.objective <= before + slack:
            if closer_look is not None:
                self.objective = before
                return self._note_step(alpha, *closer_look())
            raise ArithmeticError(f"the objective rose from {before!r} to {self.objective!r} at alpha={alpha!r}, more "
                                  f"than the gap {gap:.3g} of the step allows: a defect of fastlasso, please report it")
        return self._reweight(alpha)

    def _reweight(self, alpha):
        """Give the solver the factors of its present solution."""
        slots = self.solver.slots
        self.weighted.l1[slots] = self._factors(alpha, slots, self.solver.b) * self.scale[slots]
        self.solver.repenalise(self.weighted)

    def _objective(self, alpha):
        """The concave objective at the solver's present solution."""
        slots, b = self.solver.slots, self.solver.b
        used = b != 0
        t, level = self._at(alpha, slots[used], b[used])
        penalised = level > 0
        return self.fit_term + float(np.sum(self.penalty.value(t[penalised], level[penalised])))

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
        """Everything found so far as a `ReweightedPath`."""
        path, n = super().result(options), self.n_done
        return recast(path, ReweightedPath, n_steps=np.array(self.n_steps[:n]), penalty=self.penalty,
                      objectives=np.array(self.objectives[:n]), penalty_factor=self.problem.penalty_factor,
                      factors=np.concatenate([*self.factors[:n], np.zeros(0)]))


def reweighted_path(X, y, *, penalty="mcp", gamma=None, q=None, max_steps=100, alphas=100, eps=1e-3, fit_intercept=True,
                    standardize=False, sample_weight=None, offset=None, penalty_factor=None, lower=FREE[0],
                    upper=FREE[1], tol=1e-6, max_iter=10_000, dfmax=None, max_r2=None, n_threads=None, callback=None):
    """Fit a concave penalty along a path by reweighted lassos (local linear approximation).

    Seeks for each alpha a stationary point of

        1/(2 W) sum_i w_i (y_i - o_i - b0 - x_i . b)^2 + sum_j p(|b_j|; alpha u_j)

    with p of slope alpha u_j at zero, as the lasso, and of falling slope beyond: large coefficients are shrunk less, or
    not at all. With a = alpha u_j and t = |b_j| (times s_j with `standardize`):

        mcp    p' = (a - t / gamma)_+                                     gamma > 1, default 3
        scad   p' = a for t <= a, else (gamma a - t)_+ / (gamma - 1)      gamma > 2, default 3.7
        log    p' = a / (1 + t / (gamma a))                               gamma > 0, default 1
        lq     p' = a / (1 + t / (gamma a))^(1 - q)                       gamma > 0, default 1; 0 < q <= 1, default 1/2

    Each step is a certified lasso with factors p'(t_j) / alpha at the present b. The objective never rises by more than
    the gap of the step; that is checked at every step. The steps end when b is, to `tol`, a solution of the lasso with
    its own factors. The first alpha starts from the lasso, each next one from the solution before; a concave objective
    can have other stationary points.

    Gamma is on the scale of the columns: with variance 1 (`standardize=True`) the defaults of MCP and SCAD are those of
    the papers, and a column alone has one minimum.

    Parameters
    ----------
    X, y, alphas, ..., callback
        As in `fit_path`; `penalty_factor` is u.
    penalty : {"mcp", "scad", "log", "lq"}, default="mcp"
    gamma, q : float, optional
    max_steps : int, default=100
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
    options = Options(1.0, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper)
    limits, concave = Limits.checked(tol, max_iter, dfmax, max_r2), concave_penalty(penalty, gamma, q)
    max_steps = validation.whole_number(max_steps, "max_steps")
    with Pool(threads(n_threads)) as pool:
        started = time.perf_counter()
        problem = Problem(X, y, options, pool)
        path = walked(problem, grid_of(problem, alphas, eps), concave, limits, max_steps, callback)
    path.seconds = time.perf_counter() - started
    warn_unsettled(path)
    return path.remember(X, y, options.as_dict(), max_iter=max_iter, n_threads=n_threads)


def cross_validate_reweighted(X, y, *, penalty="mcp", gamma=None, q=None, max_steps=100, cv=5, groups=None, rule="min",
                              random_state=None, alphas=100, eps=1e-3, fit_intercept=True, standardize=False,
                              sample_weight=None, offset=None, penalty_factor=None, lower=FREE[0], upper=FREE[1],
                              tol=1e-6, max_iter=10_000, n_threads=None):
    """Choose the alpha of a concave penalty by cross-validation.

    Parameters
    ----------
    X, y, penalty, ..., n_threads
        As in `reweighted_path`.
    cv, groups, rule, random_state
        As in `cross_validate_path`.

    Returns
    -------
    PathCV
        Its `path` and `fold_paths` are `ReweightedPath`s.

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
    options = Options(1.0, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper)
    limits, concave = Limits.checked(tol, max_iter), concave_penalty(penalty, gamma, q)
    max_steps = validation.whole_number(max_steps, "max_steps")
    with Pool(threads(n_threads)) as pool:
        folded = in_folds(X, y, options, limits, cv, groups, random_state, pool)
        grid = grid_of(folded.whole, alphas, eps)
        paths, errors = fitted(folded, lambda problem: walked(problem, grid, concave, limits, max_steps), folded.errors)
        result = folded.result(paths, errors, rule)
    for path, whose in named(paths):
        warn_unsettled(path, whose)
    paths[0].remember(X, y, options.as_dict(), max_iter=max_iter, n_threads=n_threads)
    return result


def walked(problem, grid, penalty, limits, max_steps, callback=None):
    """The path of a concave penalty along a grid."""
    walk = ReweightedWalk(problem, penalty, limits, max_steps, callback)
    walk.down(grid)
    return walk.result(options_of(problem))


def warn_unsettled(path, whose=""):
    """Warn of the alphas at which the factors have not settled."""
    if not path.certified.all():
        worst = int(np.argmax(path.gaps))
        missed = np.count_nonzero(~path.certified)
        warnings.warn(f"{whose}{missed} of {len(path)} alphas: the factors have not settled; "
                      f"worst: at alpha={path.alphas[worst]:.6g} after {path.n_steps[worst]} steps the gap of the next "
                      f"lasso is {path.gaps[worst]:.3g}, the target tol * P(0) {path.tol * path.null_objective:.3g}. "
                      "Raise max_steps or tol, or end the path earlier (eps, dfmax, max_r2).", WARNING_CLASS.get(),
                      stacklevel=3)
