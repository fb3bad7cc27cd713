"""The folds of a cross-validation: vectors of 0/1 weights that share sums, residuals and threads."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from .. import validation
from ..losses.choose import as_loss
from ..path.grid import grid_of
from ..path.path_solver import PathSolver, paths_at_once
from ..problem.problem import pose
from ..ways import ways
from .measures import checked_measure, held_out
from .path_cv import PathCV

# Out-of-fold predictions are formed for this many alphas at a time.
ALPHAS_AT_ONCE = 16
# Below this share of the squares whose difference it is, a held-out error is computed from residuals instead.
SQUARES_LEFT = 1e-8
# The sums of all folds may take 1 / SUMS_SHARE of X's bytes or SUMS_BYTES, whichever is more.
SUMS_SHARE = 4
# 64 MB.
SUMS_BYTES = 1 << 26


def at_ratio(problem, l1_ratio):
    """The same problem under another l1_ratio."""
    same = l1_ratio == problem.l1_ratio
    return problem if same else problem.with_penalty_factor(problem.penalty_factor, l1_ratio)


def named(paths):
    """Yield (path, whose it is, for a warning) of the path on all rows and those of the folds."""
    for k, path in enumerate(paths):
        yield path, f"fold {k - 1}: " if k else ""


class Folds:
    """The folds of one problem: what they share, and the work of each.

    Attributes
    ----------
    whole : Problem
        On all rows; None once `take_whole` has returned it.
    splits : list of (train, test)
        Row indices; train is None where it is all rows but test. May be empty.
    measure : str or callable
        The held-out error; "mse" or "deviance" by default.
    held_out : list of HeldOutSquares or HeldOutScores
        What each fold holds out.
    of_sums : bool
        Whether a grid point keeps alpha times the sum of the training weights the same in every fold, in place of
        alpha: what a penalty on the sum of the losses means, such as 1 / C.
    shown : Progress or None
    """

    def __init__(self, matrix, y, options, limits, splits, pool, measure=None, of_sums=False, shown=None):
        n, loss = matrix.shape[0], as_loss(options.loss)
        self.measure = checked_measure(measure, loss)
        groups = groups_to_sum(matrix, splits) if splits and loss is None else None
        self.whole = pose(matrix, y, options, pool, groups)
        self.matrix, self.group_sums = self.whole.design.matrix, self.whole.group_sums
        options = options.resolved(matrix)
        self.options, self.limits, self.splits, self.pool = options, limits, splits, pool
        self.risk, self.of_sums, self.shown = self.whole.loss, of_sums, shown
        self.y = validation.target(y, n) if loss is None else validation.same_length(y, n)
        self.weights = None if options.sample_weight is None else validation.finite_vector(
            options.sample_weight, n, "sample_weight")
        self.shift = 0.0 if options.offset is None else validation.finite_vector(options.offset, n, "offset")
        for k, (_, test) in enumerate(splits if self.weights is not None else ()):
            if not self.weights[test].any():
                raise ValueError(f"fold {k}: a fold of cv holds out only rows of weight zero")
            if not self._training_weights(k).any():
                raise ValueError(f"fold {k}: all rows that it trains on have sample_weight 0")
        if loss is not None:
            for k in range(len(splits)):
                check_training_rows(self.risk, self._training_weights(k), k)
        self.held_out = [held_out(self.measure, self.risk, self.y, self.weights, self.shift, test, k)
                         for k, (_, test) in enumerate(splits)]

    def each(self, work, first=-1, problems=None):
        """Return [work(k, problem k) for each fold k from `first` on], -1 standing for all rows.

        As many run at once as there are threads and as memory allows. `problems` replace newly posed ones.
        """
        def with_share(k, own):
            problem = self._problem(k, own) if problems is None else problems[k - first]
            with self._on(own, [problem]):
                return work(k, problem)

        stop = len(self.splits) if problems is None else first + len(problems)
        return self.pool.each(with_share, range(first, stop), paths_at_once(self.matrix))

    @contextmanager
    def _on(self, pool, problems):
        """Within the context some problems use the threads of `pool`, afterwards those of `self.pool`."""
        for problem in problems:
            problem.design.move_to(pool)
        try:
            yield
        finally:
            for problem in problems:
                problem.design.move_to(self.pool)

    def _problem(self, k, pool):
        return self.problem(k, pool) if k >= 0 else self.take_whole()

    def take_whole(self):
        """Return the problem on all rows, and drop the reference to it so that its memory can be freed."""
        whole, self.whole = self.whole, None
        return whole

    def solve(self, start, grids_of, finish, problems=None, whole_first=False):
        """Return [finish(k, solvers, grids) for each fold k, that of all rows (-1) first].

        Parameters
        ----------
        start : callable
            ``start(k, problem)`` returns a list of started `PathSolver`.
        grids_of : callable
            ``grids_of(solvers)`` returns the grid of each, from those on all rows.
        finish : callable
            ``finish(k, solvers, grids)``.
        problems : list of Problem, optional
            Used in place of newly posed ones; the problem on all rows first.
        whole_first : bool
            Whether all rows are done before the folds begin. The folds then use the alphas that were reached.
        """
        whole = start(-1, self.take_whole() if problems is None else problems[0])
        grids = grids_of(whole)
        if whole_first:
            done = finish(-1, whole, grids)
            grids = [path.alphas for path, _ in done]
            return [done, *self.each(lambda k, problem: finish(k, start(k, problem), grids), 0)]

        def work(k, own):
            if k < 0:
                return self._finish_whole(finish, whole, grids, own)
            problem = self.problem(k, own) if problems is None else problems[k + 1]
            with self._on(own, [problem]):
                return finish(k, start(k, problem), grids)

        count = len(self.splits) if problems is None else len(problems) - 1
        return self.pool.each(work, range(-1, count), paths_at_once(self.matrix))

    def _finish_whole(self, finish, solvers, grids, own):
        """Finish all rows on the threads of `own`, and drop their solvers so that memory can be freed."""
        with self._on(own, [solver.problem for solver in solvers]):
            done = finish(-1, solvers, grids)
        solvers.clear()
        return done

    def fit(self, l1_ratios, alphas, eps, callback):
        """Return (paths, errors) for each l1_ratio.

        These are the path on all rows and those of the folds, and the held-out errors of each fold.
        """
        def start(k, problem):
            return [self._path_solver(k, at_ratio(problem, ratio), callback if k < 0 else None) for ratio in l1_ratios]

        def finish(k, solvers, grids):
            return [self._path(k, solver, self._grid(k, grid)) for solver, grid in zip(solvers, grids, strict=True)]

        done = self.solve(start, lambda solvers: [grid_of(solver.solver, alphas, eps) for solver in solvers], finish,
                          whole_first=callback is not None)
        return [([path for path, _ in parts], [errors for _, errors in parts[1:]]) for parts in zip(*done, strict=True)]

    def result(self, paths, errors, rule):
        """The `PathCV` of the path on all rows (the first) and those of the folds, at the same alphas."""
        result = PathCV(paths[0].alphas, np.stack(errors, axis=1), paths[0], paths[1:],
                        np.full(len(self.y), np.nan), rule, self.measure)
        self.predict_out_of_fold(result)
        return result

    # ------------------------------------------------------------ one path

    def problem(self, k, pool):
        """The problem on the training rows of fold k."""
        options = replace(self.options, sample_weight=self._training_weights(k))
        sums = self.group_sums
        matrix = self.matrix.source if sums is None else self.matrix.without(sums[k])
        return pose(matrix, self.y, options, pool)

    def _training_weights(self, k):
        """The weights of fold k: 0 for the rows that it does not train on."""
        train, test = self.splits[k]
        counts = np.ones(len(self.y)) if train is None else np.bincount(train, minlength=len(self.y)).astype(float)
        if train is None:
            counts[test] = 0.0
        return counts if self.weights is None else counts * self.weights

    def _grid(self, k, grid):
        """The alphas of fold k, from those of all rows."""
        if k < 0 or not self.of_sums:
            return grid
        return grid * ((len(self.y) if self.weights is None else self.weights.sum()) / self._training_weights(k).sum())

    def _path_solver(self, k, problem, callback):
        """Start the path of a fold, which notes its held-out errors where residuals are formed."""
        watch = self.watch(problem.l1_ratio, k)
        if k < 0:
            options = replace(self.options, l1_ratio=problem.l1_ratio)
            return PathSolver(problem, self.limits, callback=callback, watch=watch, options=options)
        return PathSolver(problem, self.limits, on_residual=self.held_out[k].observed, watch=watch)

    def watch(self, stage, k):
        """Return what the `PathSolver` of a stage and fold calls after each batch, or None."""
        return None if self.shown is None else self.shown.watch((stage, k))

    def expect(self, stage, n_alphas):
        """Let the progress count the paths of a stage, on all rows and of each fold."""
        for k in range(-1, len(self.splits)):
            self.expect_one((stage, k), n_alphas)

    def expect_one(self, path, n_alphas):
        """Let the progress count one path, (stage, fold)."""
        if self.shown is not None:
            self.shown.expect([path], n_alphas)

    def _path(self, k, solver, grid):
        """Return the path of a fold and its held-out error at each alpha; all rows (k = -1) have none."""
        problem = solver.problem
        path = solver.down(grid).result(replace(self.options, l1_ratio=problem.l1_ratio))
        if k < 0:
            return path, None
        observed = np.array(solver.observed)
        if len(observed):
            return path, self._finite(k, path, observed)
        return path, self.errors(k, path, problem.design.pool)

    # ------------------------------------------------------------ held-out errors

    def errors(self, k, path, pool):
        """Held-out errors of a path of fold k."""
        return self._finite(k, path, self._errors_of(k, path, pool))

    def _finite(self, k, path, errors):
        if not np.isfinite(errors).all():
            raise ValueError(f"the held-out error of fold {k} is NaN or infinite at alpha="
                             f"{path.alphas[np.flatnonzero(~np.isfinite(errors))[0]]:.6g}")
        return errors

    def _errors_of(self, k, path, pool):
        held_out, matrix = self.held_out[k], self.matrix.source
        if self.group_sums is not None and held_out.is_square:
            errors = self._quadratic_errors(self.group_sums[k], path)
            if errors is not None:
                return held_out.of_squares(errors)
        errors, step = [], int(np.clip(matrix.nbytes // (32 * len(self.y)), 1, ALPHAS_AT_ONCE))    # a quarter of X
        for start in range(0, len(path), step):
            stop = min(start + step, len(path))
            cols, B = rows_of(path, range(start, stop))
            fitted = matrix.combine_rows(held_out.test, cols, B, pool) + path.intercepts[start:stop, None]
            errors.extend(map(held_out.of_fitted, fitted))
        return np.array(errors)

    def _quadratic_errors(self, S, path):
        """sum w (y - b0 - x b)^2 / sum w = u'Su / S_11 with u = (-b, 1, y_mean - b0 - centre b); None if it cancels."""
        used, B = rows_of(path, range(len(path)))
        last = self.risk.y_mean - path.intercepts - B @ self.matrix.centre[used]
        U = np.column_stack([-B, np.ones(len(path)), last])
        at = np.append(used, [-2, -1])
        errors = np.einsum("ki,ki->k", U, U @ S[np.ix_(at, at)]) / S[-1, -1]
        squares = (S[-2, -2] + last**2 * S[-1, -1]) / S[-1, -1]
        return errors if (errors > SQUARES_LEFT * squares).all() else None

    def predict_out_of_fold(self, result):
        """Fill in the predictions of each held-out row at the chosen alpha, all folds in one pass over X."""
        at = result.index
        coefs = np.stack([fold.fit_at(at).coef for fold in result.fold_paths])
        cols = np.flatnonzero(coefs.any(axis=0))
        fitted = self.matrix.combine(cols, np.ascontiguousarray(coefs[:, cols]), self.pool)
        for (_, test), fold, row in zip(self.splits, result.fold_paths, fitted, strict=True):
            result.oof_predictions[test] = row[test] + fold.intercepts[at]
        result.oof_predictions[:] += self.shift
        if not self.risk.is_quadratic:
            result.oof_predictions[:] = self.risk.loss.mean(result.oof_predictions)


def groups_to_sum(matrix, splits):
    """The held-out rows of each fold, and the rows of no fold, where sums over them suffice; otherwise None."""
    n, p = matrix.shape
    size = 8 * len(splits) * (p + 2) ** 2
    if not (ways().fold_sums and matrix.has_sums and matrix.is_compressible(p)):
        return None
    if size > max(SUMS_BYTES, matrix.nbytes / SUMS_SHARE):
        return None
    times = np.bincount(np.concatenate([test for _, test in splits]), minlength=n)
    if times.max() > 1 or any(train is not None for train, _ in splits):
        return None
    groups = [np.sort(test) for _, test in splits]
    return groups if times.all() else [*groups, np.flatnonzero(times == 0)]


def rows_of(path, indices):
    """(columns, B): the columns used at some points of a path, and their coefficients, a row for each point."""
    part = path.coefs[:, indices]
    used = np.unique(part.indices).astype(np.int64)
    return used, np.ascontiguousarray(part.tocsr()[used].toarray().T, dtype=np.float64)


def check_training_rows(risk, weights, fold):
    """Raise ValueError where no path can be fitted to rows of these weights."""
    loss, y = risk.loss, risk.y[weights > 0]
    if not len(y):
        return      # `pose` says so
    if loss.is_classifier:
        if y.min() == y.max() and abs(y[0]) in (0, 1):
            which = int(y[0] > 0) if risk.classes is None else risk.classes.tolist()[int(y[0] > 0)]
            raise ValueError(f"loss {loss.name!r} needs samples of both classes; all training rows of fold {fold} are "
                             f"{which!r}: take fewer folds, or folds that leave each class to train on, as an integer "
                             "cv does")
        return
    try:
        loss.target(y, weights[weights > 0])
    except ValueError as error:
        raise ValueError(f"the training rows of fold {fold}: {error}. Take fewer folds, or shuffle the rows "
                         "(random_state)") from None
