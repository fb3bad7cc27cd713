"""The relaxed lasso: the lasso chooses the columns, least squares on them undoes its shrinkage, phi blends both.

For each alpha let A be the support of the lasso solution b, and c the least-squares solution on the columns A (with
the same weights, intercept and bounds). The relaxed solution is

    phi b + (1 - phi) c,     0 <= phi <= 1        phi = 1 is the lasso, phi = 0 the refit

Every refit uses the final working set of the path. Where the solver holds its Gram matrix, X is not read again.
Predictions are linear in phi, so a held-out squared error is a parabola in phi, known from three of its values.
"""

import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, overload

import numpy as np
from scipy import sparse

from .. import validation
from ..annotations import ArrayLike, ByColumn, Callback, Data, Floats, FoldsLike, NDArray, RandomState, Truths
from ..losses.choose import SQUARED_ERROR, LossLike
from ..parallel import Pool
from ..path import stored
from ..path.between import warn_inexact
from ..path.fit import fit_near
from ..path.grid import count_of, grid_of
from ..path.path_solver import Limits, PathSolver, threads
from ..path.result import Result
from ..path.results import LassoFit, LassoPath
from ..path.warn import WARNING_CLASS, stack_level, warn_uncertified
from ..penalties.separable import Penalty
from ..problem.options import Options
from ..problem.problem import pose
from ..progress import shown
from ..selection.folds import named
from ..selection.path_cv import RULES, standard_error
from ..solver.newton_alphas import NewtonAlphas
from ..validation import UNBOUNDED
from .on_problems import fitted, in_folds, path_of

PHIS = (0.0, 0.25, 0.5, 0.75, 1.0)
# Where a refit needs descent, it goes on to this share of the gap promised for the path.
REFIT_SHARE = 1e-3
# What files keep beside the lasso: of a cross-validation, and of a path.
CV_ARRAYS = ("phis", "errors", "oof_predictions")
REFIT_ARRAYS = ("refit_values", "refit_intercepts", "refit_residuals")


@dataclass(eq=False, repr=False)
class RelaxedPath(Result):
    """A lasso path and the least-squares refit on each of its supports.

    Attributes
    ----------
    lasso : LassoPath
    refit_values : ndarray
        Coefficients of the refits, in the order of ``lasso.values``.
    refit_intercepts : ndarray of shape (n_alphas,)
    refit_residuals : ndarray of shape (n_alphas,)
        Largest |x_j . r| / (|x_j| |y|) over the support, r the residual of the refit, rounding included: how well the
        normal equations hold. A column that stands at a bound and pulls outwards counts 0.
    """

    lasso: LassoPath
    refit_values: Floats
    refit_intercepts: Floats
    refit_residuals: Floats

    def __len__(self) -> int:
        return len(self.lasso)

    def _parts(self):
        return [self.lasso]

    def __repr__(self):
        return (f"<RelaxedPath: {len(self)} alphas, {self.lasso.n_features} features, up to "
                f"{max(self.lasso.df, default=0)} used, {self.lasso.status}, "
                f"{'certified' if self.certified.all() else 'NOT all certified'} to {self.lasso.tol:g}>")

    @property
    def alphas(self) -> Floats:
        """The alphas of the lasso path, descending."""
        return self.lasso.alphas

    @property
    def certified(self) -> Truths:
        """Whether the lasso's gap and the normal equations of the refit both hold to the tolerance."""
        return self.lasso.certified & (self.refit_residuals <= self.lasso.tol)

    def coefs(self, phi: float = 0.0) -> sparse.csc_array:
        """phi b + (1 - phi) c for every alpha, as a csc_array of shape (n_features, n_alphas)."""
        return self._blended(phi).coefs

    def coef_at(self, index: int, phi: float = 0.0) -> Floats:
        """phi b + (1 - phi) c at one alpha, shape (n_features,)."""
        return self._blended(phi).fit_at(index).coef

    def intercept_at(self, index: int, phi: float = 0.0) -> float:
        """The intercept at one alpha."""
        return float(self._blended(phi).intercepts[index])

    def fit_at(self, index: int, phi: float = 0.0) -> LassoFit:
        """Return the blend at a grid point as a `LassoFit`. Its gap and r2 are the lasso's."""
        return self._blended(phi).fit_at(index)

    @overload
    def __getitem__(self, index: int) -> LassoFit: ...

    @overload
    def __getitem__(self, index: slice) -> list[LassoFit]: ...

    def __getitem__(self, index: int | slice) -> LassoFit | list[LassoFit]:
        return self._blended(0.0)[index]

    def __iter__(self) -> Iterator[LassoFit]:
        return iter(self._blended(0.0))

    @overload
    def at(self, alpha: float, phi: float = 0.0) -> LassoFit: ...

    @overload
    def at(self, alpha: Iterable[float], phi: float = 0.0) -> list[LassoFit]: ...

    def at(self, alpha: float | Iterable[float], phi: float = 0.0) -> LassoFit | list[LassoFit]:
        """Return the blend at any alpha from 0 to infinity; for several alphas a list of solutions.

        Its gap and r2 are the lasso's. Between grid points it is interpolated linearly. It is `exact` where the lasso's
        signs agree there, for then the support is the same, so the refit is too, and the lasso is a straight line.
        """
        if np.ndim(alpha):
            return [self.at(one, phi) for one in alpha]
        fit, lasso = self._blended(phi).at(alpha), self.lasso.interpolated(alpha)
        return replace(fit, gap=lasso.gap, exact=lasso.exact)

    def _columns(self):
        return self.lasso._columns() | {"refit_residual": self.refit_residuals}

    def predict(self, X: Data, phi: float = 0.0, offset: ArrayLike | None = None, kind: str = "score",
                alpha: ArrayLike | None = None) -> NDArray[Any]:
        """Predictions of shape (n_samples, n_alphas), or (n_samples,) at one alpha; `kind` as in `LassoPath.predict`.

        Warns
        -----
        UserWarning
            Where coefficients were interpolated, see `at`.
        """
        if alpha is not None and not np.ndim(alpha):
            return warn_inexact(self.at(alpha, phi)).predict(X, offset, kind)
        if alpha is not None:
            return np.column_stack([self.predict(X, phi, offset, kind, one) for one in alpha])
        return self._blended(phi).predict(X, None, offset, kind)

    def plot(self, ax: Any = None, phi: float = 0.0, **more: Any) -> Any:
        """Draw the coefficient profiles of the blend; needs matplotlib. Returns the Axes.

        `more` is as in `LassoPath.plot`.
        """
        from ..plotting import plot_path

        return plot_path(self._blended(phi), ax, **more)

    def _stored(self):
        arrays = {name: getattr(self, name) for name in REFIT_ARRAYS}
        return {}, arrays, {"lasso": [self.lasso]}

    @classmethod
    def _of_stored(cls, facts, arrays, parts):
        lasso, = stored.all_of(parts["lasso"], LassoPath)
        values = stored.array(arrays, "refit_values", (len(lasso.values),))
        intercepts = stored.array(arrays, "refit_intercepts", (len(lasso),))
        return cls(lasso, values, intercepts, stored.array(arrays, "refit_residuals", (len(lasso),), 0.0, np.inf))

    def _blended(self, phi):
        """A `LassoPath` of the coefficients and intercepts at `phi`; its gaps and r2 are still those of the lasso."""
        phi = validation.number(phi, "phi", 0.0, 1.0)
        mix = lambda b, c: phi * b + (1 - phi) * c      # noqa: E731
        return replace(self.lasso, values=mix(self.lasso.values, self.refit_values),
                       intercepts=mix(self.lasso.intercepts, self.refit_intercepts))


@dataclass(eq=False, repr=False)
class RelaxedCV(Result):
    """A relaxed path, cross-validated over alpha and phi.

    Attributes
    ----------
    alphas, phis : ndarray
    errors : ndarray of shape (n_alphas, n_phis, n_folds)
        Held-out mean squared error.
    path : RelaxedPath
        On all rows.
    fold_paths : list of RelaxedPath
    oof_predictions : ndarray of shape (n_samples,)
        Prediction of each row by the fold that held it out, at the chosen alpha and phi.
    rule : {"min", "1se"}
    """

    alphas: Floats
    phis: Floats
    errors: Floats
    path: RelaxedPath
    fold_paths: list[Any]
    oof_predictions: NDArray[Any]
    rule: str

    def __repr__(self):
        n_alphas, n_phis, n_folds = self.errors.shape
        return (f"<RelaxedCV: {n_alphas} alphas, {n_phis} phis, {n_folds} folds, rule {self.rule!r}: "
                f"alpha={self.alpha:g}, phi={self.phi:g}, error {self.mean_error[self.index]:.4g}>")

    def _parts(self):
        return [self.path, *self.fold_paths]

    @property
    def mean_error(self) -> Floats:
        """Mean over folds, shape (n_alphas, n_phis)."""
        return self.errors.mean(axis=2)

    @property
    def standard_error(self) -> Floats:
        """Standard error of `mean_error`."""
        return standard_error(self.errors)

    @property
    def index(self) -> tuple[int, int]:
        """(index of alpha, index of phi) that the rule chose.

        "min" is the smallest mean error. "1se" is the largest alpha at which some phi is within one standard error of
        it, and there the phi of the smallest mean error.
        """
        mean = self.mean_error
        best = np.unravel_index(np.argmin(mean), mean.shape)
        if self.rule == "min":
            return int(best[0]), int(best[1])
        row = int(np.argmax((mean <= mean[best] + self.standard_error[best]).any(axis=1)))
        return row, int(np.argmin(mean[row]))

    @property
    def alpha(self) -> float:
        """The chosen alpha."""
        return float(self.alphas[self.index[0]])

    @property
    def phi(self) -> float:
        """The chosen phi."""
        return float(self.phis[self.index[1]])

    @property
    def coef(self) -> Floats:
        """Coefficients on all rows at the chosen alpha and phi, shape (n_features,)."""
        return self.path.coef_at(self.index[0], self.phi)

    @property
    def intercept(self) -> float:
        """Intercept at the chosen alpha and phi."""
        return self.path.intercept_at(self.index[0], self.phi)

    @overload
    def at(self, alpha: float | str | None = None) -> LassoFit: ...

    @overload
    def at(self, alpha: Iterable[float]) -> list[LassoFit]: ...

    def at(self, alpha: float | str | Iterable[float] | None = None) -> LassoFit | list[LassoFit]:
        """Return the blend at the chosen phi, by default at the chosen alpha."""
        return self.path.at(self.alpha, self.phi) if alpha is None else self.path.at(alpha, self.phi)

    def _columns(self):
        best = self.mean_error.argmin(axis=1)
        rows = np.arange(len(self.alphas))
        return {"alpha": self.alphas, "features": self.path.lasso.df, "phi": self.phis[best],
                "error": self.mean_error[rows, best], "standard_error": self.standard_error[rows, best]}

    def predict(self, X: Data, offset: ArrayLike | None = None, kind: str = "score", alpha: Any = None) -> NDArray[Any]:
        """Predict at the chosen phi, by default at the chosen alpha; see `RelaxedPath.predict`."""
        return self.path.predict(X, self.phi, offset, kind, self.alpha if alpha is None else alpha)

    def plot(self, ax: Any = None) -> Any:
        """Draw the error curve of every phi, the chosen one in colour; needs matplotlib. Returns the Axes."""
        from ..plotting import plot_relaxed_cv

        return plot_relaxed_cv(self, ax)

    def save(self, file: str | PathLike[str]) -> None:
        """Write the path on all rows, the errors and the rule to an .npz file, without pickle.

        The paths of the folds are not kept: `fold_paths` of what `load` returns is empty.
        """
        super().save(file)

    def _stored(self):
        return {"rule": self.rule}, {name: getattr(self, name) for name in CV_ARRAYS}, {"path": [self.path]}

    @classmethod
    def _of_stored(cls, facts, arrays, parts):
        path, = stored.all_of(parts["path"], RelaxedPath)
        phis = stored.array(arrays, "phis", (-1,), 0.0, 1.0)
        errors = stored.array(arrays, "errors", (len(path), len(phis), -1))
        if not errors.size:
            raise ValueError("errors is damaged")
        predictions = arrays["oof_predictions"]
        if predictions.ndim != 1 or predictions.dtype != np.float64:
            raise ValueError("oof_predictions is damaged")
        return cls(path.alphas, phis, errors, path, [], predictions, validation.one_of(facts["rule"], "rule", RULES))


def relaxed_path(X: Data, y: ArrayLike, *, loss: LossLike = SQUARED_ERROR, alphas: ArrayLike = 100, eps: float = 1e-3,
                 l1_ratio: float = 1.0, fit_intercept: bool = True, standardize: bool = False,
                 sample_weight: ArrayLike | None = None, offset: ArrayLike | None = None,
                 penalty_factor: ByColumn | None = None, lower: ByColumn = UNBOUNDED[0], upper: ByColumn = UNBOUNDED[1],
                 tol: float = 1e-6, max_iter: int = 10_000, dfmax: int | None = None, max_r2: float | None = None,
                 n_threads: int | None = None, callback: Callback | None = None,
                 verbose: bool | int = False, progress: Callback | None = None) -> RelaxedPath:
    """Fit the relaxed lasso along a path: the lasso, and least squares on each of its supports.

    Where the columns of a support are linearly dependent, the refit uses an independent part of them. Where a support
    has as many columns as there are rows, the refit interpolates y.

    Parameters
    ----------
    X, y, ..., progress
        As in `fit_path`.

    Returns
    -------
    RelaxedPath
        `coefs(phi)`, `predict(X, phi)`: phi = 1 is the lasso, phi = 0 the refit (glmnet calls phi gamma).

    References
    ----------
    Meinshausen (2007), Relaxed lasso, CSDA 52(1), eq. (4): phi alpha in place of alpha on the support, which is this
    blend where the signs do not change. Hastie, Tibshirani and Tibshirani (2020), Best subset, forward stepwise or
    lasso?, Statistical Science 35(4), eq. (4): the blend.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import relaxed_path
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((80, 30))
    >>> y = 2 * X[:, 0] - X[:, 1] + 0.1 * rng.standard_normal(80)
    >>> relaxed = relaxed_path(X, y, alphas=[0.5])
    >>> for phi in (1.0, 0.5, 0.0):
    ...     print(relaxed.coef_at(0, phi)[:2].round(2))
    [ 1.56 -0.53]
    [ 1.78 -0.77]
    [ 1.99 -1.  ]
    """
    options = Options(l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper,
                      loss)
    limits = Limits.checked(tol, max_iter, dfmax, max_r2)
    with Pool(threads(n_threads)) as pool:
        started = time.perf_counter()
        with shown(verbose, progress) as monitor:
            solver = PathSolver(pose(X, y, options, pool), limits, callback=callback,
                                watch=None if monitor is None else monitor.watch(0))
            path = relaxed(solver, grid_of(solver.solver, alphas, eps))
    path.lasso.note_seconds(time.perf_counter() - started)
    warn_relaxed(path)
    path.lasso.remember(fit_near, X, y, options.as_dict(), max_iter=max_iter, n_threads=n_threads)
    return path


def cross_validate_relaxed(X: Data, y: ArrayLike, *, loss: LossLike = SQUARED_ERROR, phis: ArrayLike = PHIS,
                           cv: FoldsLike = 5, groups: ArrayLike | None = None, rule: str = "min",
                           random_state: RandomState | None = 0, alphas: ArrayLike = 100, eps: float = 1e-3,
                           l1_ratio: float = 1.0, fit_intercept: bool = True, standardize: bool = False,
                           sample_weight: ArrayLike | None = None, offset: ArrayLike | None = None,
                           penalty_factor: ByColumn | None = None, lower: ByColumn = UNBOUNDED[0],
                           upper: ByColumn = UNBOUNDED[1], tol: float = 1e-6, max_iter: int = 10_000,
                           n_threads: int | None = None,
                           verbose: bool | int = False, progress: Callback | None = None) -> RelaxedCV:
    """Choose alpha and phi of the relaxed lasso by cross-validation.

    Parameters
    ----------
    X, y, alphas, ..., n_threads
        As in `relaxed_path`.
    phis : array of floats in [0, 1]
    cv, groups, random_state, verbose, progress
        As in `cross_validate_path`.
    rule : {"min", "1se"}, default="min"
        See `RelaxedCV.index`.

    Returns
    -------
    RelaxedCV

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import cross_validate_relaxed
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((80, 30))
    >>> y = 2 * X[:, 0] - X[:, 1] + 0.1 * rng.standard_normal(80)
    >>> cv = cross_validate_relaxed(X, y, cv=4)
    >>> np.flatnonzero(cv.coef), cv.phi
    (array([0, 1]), 0.0)
    """
    validation.one_of(rule, "rule", RULES)
    phis = np.array([validation.number(float(phi), "phis", 0.0, 1.0) for phi in np.ravel(phis)])
    if not len(phis):
        raise ValueError("phis is empty: give at least one value in [0, 1]")
    options = Options(l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper,
                      loss)
    limits = Limits.checked(tol, max_iter)
    with Pool(threads(n_threads)) as pool, shown(verbose, progress, 0) as monitor:
        folds = in_folds(X, y, options, limits, cv, groups, random_state, pool, monitor)
        folds.expect(0, count_of(alphas))
        (path, *fold_paths), errors = fitted(folds, lambda problem, watch: PathSolver(problem, limits, watch=watch),
                                             alphas, eps, relaxed,
                                             lambda k, fold, own: errors_of_blends(folds, k, fold, phis, own))
        result = RelaxedCV(path.alphas, phis, np.stack(errors, axis=2), path, fold_paths,
                           np.full(len(folds.y), np.nan), rule)
        folds.predict_out_of_fold(Blend(result))
    for part, whose in named([path, *fold_paths]):
        warn_relaxed(part, whose)
    path.lasso.remember(fit_near, X, y, options.as_dict(), max_iter=max_iter, n_threads=n_threads)
    return result


def warn_relaxed(path, whose=""):
    """Warn of the worst lasso that misses its promise, and of the worst refit."""
    warn_uncertified(path.lasso, whose)
    missed = path.refit_residuals > path.lasso.tol
    if missed.any():
        worst = int(np.argmax(path.refit_residuals))
        warnings.warn(f"{whose}{np.count_nonzero(missed)} of {len(path)} refits miss the normal equations; worst: at "
                      f"alpha={path.alphas[worst]:.6g} by {path.refit_residuals[worst]:.3g} of |x_j| |y|, tol is "
                      f"{path.lasso.tol:.3g}. Raise max_iter or tol, or end the path earlier (eps, dfmax, max_r2).",
                      WARNING_CLASS.get(), stacklevel=stack_level())


class Blend:
    """A `RelaxedCV` at its chosen phi, with the attributes that `Folds.predict_out_of_fold` uses."""

    def __init__(self, result):
        self.index, self.oof_predictions = result.index[0], result.oof_predictions
        self.fold_paths = [fold._blended(result.phi) for fold in result.fold_paths]


def errors_of_blends(folds, k, path, phis, pool):
    """Held-out errors of fold k, shape (n_alphas, n_phis); squared errors through those at phi = 0, 1/2 and 1."""
    if not folds.risk.is_quadratic:
        return np.stack([folds.errors(k, path._blended(phi), pool) for phi in phis], axis=1)
    start, middle, end = (folds.errors(k, path._blended(phi), pool)[:, None] for phi in (0.0, 0.5, 1.0))
    return (1 - phis) * (1 - 2 * phis) * start + 4 * phis * (1 - phis) * middle + phis * (2 * phis - 1) * end


def relaxed(solver, grid):
    """Return the relaxed path of a started `PathSolver` along a grid."""
    lasso = path_of(solver, grid)
    values, residuals, intercepts = np.empty(len(lasso.values)), np.zeros(len(lasso)), np.empty(len(lasso))
    with refits(solver.solver) as refit:
        for k, (start, stop) in enumerate(zip(lasso.indptr[:-1], lasso.indptr[1:], strict=True)):
            cols = lasso.indices[start:stop].astype(np.int64)
            values[start:stop], intercepts[k], residuals[k] = refit(cols, lasso.values[start:stop],
                                                                    lasso.intercepts[k])
    return RelaxedPath(lasso, values, intercepts, residuals)


@contextmanager
def refits(solver):
    """Lend the working set of a solver to a refit, and give it back under the solver's own penalty.

    Yields a function like `Refits.on`.
    """
    if not solver.problem.loss.is_quadratic:
        yield solver.refitted(NewtonRefits(solver).on)
        return
    penalty = solver.form.penalty
    try:
        yield solver.refitted(Refits(solver.problem, solver.form, REFIT_SHARE * solver.goal.gap,
                                     solver.goal.max_iter).on)
    finally:
        solver.form.repenalise(penalty)


class Refits:
    """Least squares on one support after another, within the bounds of a problem, on a working set.

    A refit is the problem with no penalty at all, and every column off the support held at zero by its bounds.
    """

    def __init__(self, problem, form, target, max_iter):
        self.problem, self.form, self.target, self.max_iter = problem, form, target, max_iter
        self.place = np.empty(problem.design.n_features, np.int64)
        self.place[form.columns] = np.arange(form.size)

    def on(self, cols, coef, intercept):
        """Return (coefficients, intercept, `refit_residuals`) of the refit on `cols`, where the lasso has `coef`."""
        if not len(cols):
            return coef, intercept, 0.0
        at, size, given = self.place[cols], self.form.size, self.problem.penalty.at(cols)
        b, lower, upper, B = np.zeros(size), np.zeros(size), np.zeros(size), np.zeros((1, size))
        b[at], lower[at], upper[at] = coef, given.lower, given.upper
        self.form.repenalise(Penalty.bounds_alone(lower, upper))
        self.form.solve(b, 0.0, np.zeros(1), 0, B, self.target, self.max_iter)
        z, _ = self.form.gradient(B[0])
        residual = largest_pull(self.problem, cols, B[0, at], z[at], self.form.rounding(at, B[0]))
        return B[0, at], self.problem.intercepts(cols, B[:, at])[0], residual


class NewtonRefits:
    """As `Refits`, for a loss that is not quadratic: maximum likelihood on one support after another.

    Where the columns of a support separate the classes there is no maximum: see `NewtonAlphas.unpenalised`. The
    residual of such a refit is infinite.
    """

    def __init__(self, solver):
        self.solver, self.problem = solver, solver.problem

    def on(self, cols, coef, intercept):
        """Return (coefficients, intercept, `refit_residuals`) of the refit on `cols`, where the lasso has `coef`."""
        if not len(cols):
            return coef, intercept, 0.0
        given, n = self.problem.penalty, self.problem.design.n_features
        lower, upper = np.zeros(n), np.zeros(n)
        lower[cols], upper[cols] = given.lower[cols], given.upper[cols]
        refit = NewtonAlphas(self.problem.with_penalty(Penalty.bounds_alone(lower, upper)), self.solver.goal)
        point, z = refit.unpenalised(cols, coef, intercept + self.problem.design.mean[cols] @ coef)
        residual = largest_pull(self.problem, cols, point.b, z, 0.0)
        return point.b, self.problem.intercepts(cols, point.b[None], np.array([point.centre]))[0], residual


def largest_pull(problem, cols, coef, z, rounding):
    """Return the largest (|z_j| + rounding_j) / (|x_j| |rho|), z_j = 0 where it pulls b_j out of a bound.

    rho is the residual of the empty model, y for squared error.
    """
    given, size = problem.penalty.at(cols), np.sqrt(problem.design.norm2[cols] * problem.loss.norm2)
    pull = np.where(coef >= given.upper, np.minimum(z, 0.0), z)
    pull = np.where(coef <= given.lower, np.maximum(z, 0.0), pull)
    return float(np.max((np.abs(pull) + rounding) / size))
