"""The way down a grid: batches of alphas, what ends a path, and the results put together."""

from copy import copy
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np

from .. import validation
from ..solver.choose import started_solver
from .grid import LONG_STEP, LOWEST_APPROACH, run_length
from .results import LassoFit, LassoPath, compressed_columns, scalars
from .warn import NO_MINIMUM, rounding_words

# Alphas of the first batch.
FIRST_BATCH = 4
# Paths fitted at once may take this share of X's bytes or PATHS_BYTES, whichever is more.
PATHS_SHARE = 0.3
# 16 MB.
PATHS_BYTES = 1 << 24
# Vectors of n + p values that one path takes.
PATH_VECTORS = 10
# Columns of the Gram matrix and factor that one path takes, at most.
PATH_COLUMNS = 600


def paths_at_once(matrix):
    """How many paths on weighted rows of a matrix may be fitted at once within the memory allowed.

    One where X is far away: each path keeps copies of columns, and two would read from two places of a disk.
    """
    if matrix.is_far:
        return 1
    n, p = matrix.shape
    each = 8 * PATH_VECTORS * (n + p) + 16 * min(2 * n, p, PATH_COLUMNS) ** 2
    return max(1, int(max(PATHS_BYTES, PATHS_SHARE * matrix.nbytes) / each))


def threads(n_threads):
    """Return `n_threads`, checked."""
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


class PathSolver:
    """Solves a grid batch by batch, and keeps the solutions until something ends the path.

    Attributes
    ----------
    problem, limits, callback, options : Problem, Limits, callable or None, Options or None
    solver : Solver or Compressed
        Started.
    batches : list of (Batch, int)
        Batches, and how many solutions of each count.
    passes : list of float
        Passes over X up to each solution.
    observed : list
        What `on_residual` returned for each solution.
    status : str
        "complete", or what ended the path.
    n_done, n_alphas : int
        Solutions kept, and alphas asked for.
    so_far : callable
        Returns the solutions kept so far as a `LassoPath`, for whoever has interrupted the work.
    watch : callable or None
        Called with this object and the number of alphas after each batch: the alphas solved, once the path has ended.
    """

    def __init__(self, problem, limits, screening=True, callback=None, on_residual=None, watch=None, options=None):
        self.problem, self.limits, self.callback, self.watch, self.options = problem, limits, callback, watch, options
        self.solver = started_solver(problem, limits.tol, limits.max_iter, screening, on_residual)
        self.batches, self.passes, self.observed, self.status = [], [], [], "complete"
        self.n_done = self.n_alphas = 0
        self.so_far = None

    @property
    def goes_on(self):
        """Whether nothing has ended the path."""
        return self.status in ("complete", NO_MINIMUM)

    def down(self, grid):
        """Solve the grid batch by batch until its end or the first reason to stop; return self."""
        size, at, self.n_alphas = FIRST_BATCH, 0, self.n_done + len(grid)
        self.so_far = self._kept()
        while at < len(grid) and self.goes_on:
            if self.solver.compressed:
                size = len(grid) if self.callback is None else FIRST_BATCH
            self._approach(grid[at])
            batch = self.solver.solve(grid[at:at + run_length(grid[at:at + size])])
            at += len(batch.alphas)
            size = next_size(size, len(batch.alphas), batch.n_rounds, self.solver.longest_batch())
            self._take(batch, self.n_alphas)
            if self.watch is not None:
                self.watch(self, self.n_alphas if self.goes_on else self.n_done)
        return self

    def resume(self, batches, passes):
        """Take over batches that an earlier fit has solved, and the passes over X up to each alpha; return self."""
        if not batches:
            return self
        self.batches, self.passes = [(batch, len(batch.alphas)) for batch in batches], list(passes)
        self.n_done = len(passes)
        self.problem.design.count(passes[-1])
        last = batches[-1]
        if self.limits.max_r2 is not None and self._r2(last)[-1] > self.limits.max_r2:
            self.status = "r2"
        self.solver.resume(float(last.alphas[-1]), last.cols, last.coefs[-1],
                           0.0 if last.centres is None else float(last.centres[-1]))
        return self

    def start_near(self, fit):
        """Start from a `LassoFit` of the same problem at a larger alpha."""
        cols = np.flatnonzero(fit.coef)
        centre = fit.intercept + float(self.problem.design.mean[cols] @ fit.coef[cols])
        if not self.solver.compressed and np.isfinite(fit.alpha):
            self.solver.resume(fit.alpha, cols, fit.coef[cols], centre)

    def _approach(self, alpha):
        """Where an alpha is far below the last one, walk near it in small steps that are not certified."""
        if self.solver.compressed:
            return      # face steps on the whole Gram matrix reach any alpha
        top = self.solver.last.alpha if np.isfinite(self.solver.last.alpha) else self.solver.alpha_max
        low = max(alpha, LOWEST_APPROACH * top)
        if top > 0 and low < LONG_STEP * top:
            self.solver.approach(top, low)

    def _take(self, batch, n_alphas):
        """Keep the solutions of a batch up to the first that ends the path."""
        batch.raise_gaps(self.problem.intercept_costs(batch.cols, batch.coefs))
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
        if self.solver.separated and self.status == "complete":
            self.status = NO_MINIMUM
        self.observed.extend(batch.observed[:keep])
        self.passes.extend([self.problem.design.passes] * keep)

    def _reason_to_stop(self, batch, k, df, r2, n_alphas):
        if self.limits.dfmax is not None and df > self.limits.dfmax:
            return "dfmax"
        if self.callback is not None and self.callback(SimpleNamespace(
                alpha=float(batch.alphas[k]), index=self.n_done + k, n_alphas=n_alphas, df=int(df),
                gap=float(batch.gaps[k]), r2=float(r2), deviance_ratio=float(r2), n_passes=self.problem.design.passes,
                path=self.so_far)):
            return "callback"
        if self.limits.max_r2 is not None and r2 > self.limits.max_r2:
            return "r2"
        return None

    def _r2(self, batch):
        return self.problem.loss.explained(batch.misfits)

    def solution(self, k):
        """The k-th solution of the last batch as a `LassoFit`."""
        batch, problem = self.batches[-1][0], self.problem
        coef = np.zeros(problem.design.n_features)
        coef[batch.cols] = batch.coefs[k]
        centres = None if batch.centres is None else batch.centres[k:k + 1]
        intercept = float(problem.intercepts(batch.cols, batch.coefs[k:k + 1], centres)[0])
        return LassoFit(float(batch.alphas[k]), coef, intercept, float(batch.gaps[k]), problem.null_objective,
                        self.limits.tol, problem.design.passes, float(self._r2(batch)[k]), problem.loss_given,
                        problem.classes, "newton" if batch.newton is not None and batch.newton[k] else "residual",
                        problem.origin.feature_names, problem.origin.has_offset)

    def _kept(self):
        """Return a function that returns the solutions kept so far; it does not keep the solver's memory alive."""
        view = copy(self)           # of the lists of batches, which grow
        view.solver = view.watch = None

        def so_far():
            path = view.result(view.options)
            return path if len(path) == view.n_alphas else replace(path, status="interrupted")
        return so_far

    @property
    def limit(self):
        """What keeps gaps above the tolerance where that is rounding, in a sentence; None where `max_iter` may."""
        return None if self.solver is None or self.solver.ran_out else rounding_words(self.problem)

    def result(self, options):
        """Everything found so far as a `LassoPath`."""
        problem, parts = self.problem, [(batch, keep) for batch, keep in self.batches if keep]
        triples = [compressed_columns(batch.cols, batch.coefs[:keep]) for batch, keep in parts]
        counts = np.concatenate([part[0] for part in triples]) if triples else np.zeros(0, np.int64)
        intercepts = [problem.intercepts(part.cols, part.coefs[:keep], head(part.centres, keep))
                      for part, keep in parts]
        gather = lambda name: np.concatenate([getattr(part, name)[:keep] for part, keep in parts] or [np.zeros(0)])  # noqa: E731
        path = LassoPath(
            alphas=gather("alphas"), indptr=np.concatenate([[0], np.cumsum(counts)]),
            indices=np.concatenate([part[1] for part in triples] or [np.zeros(0, np.int32)]),
            values=np.concatenate([part[2] for part in triples] or [np.zeros(0)]),
            intercepts=np.concatenate(intercepts or [np.zeros(0)]),
            gaps=gather("gaps"), r2=np.concatenate([self._r2(part)[:keep] for part, keep in parts] or [np.zeros(0)]),
            n_passes=np.array(self.passes, dtype=float), null_objective=problem.null_objective, tol=self.limits.tol,
            status=self.status, seconds=0.0, n_samples=problem.design.n_weighted,
            n_features=problem.design.n_features, params=scalars(options), loss=problem.loss_given,
            classes=problem.classes, newton_dual=None if problem.loss.is_quadratic else gather("newton"),
            scale=problem.scale if problem.standardize else None, **problem.origin.facts())
        if not path.certified.all():
            path.note_limit(self.limit)
        return path


def head(values, keep):
    """The first `keep` of some values, or None for None."""
    return None if values is None else values[:keep]


def next_size(size, solved, rounds, longest):
    """Length of the next batch: doubled after success in one round, halved after three rounds or a partial batch."""
    if solved < size or rounds > 2:
        return max(1, solved // 2)
    return min(2 * size, longest) if rounds == 1 else min(size, longest)
