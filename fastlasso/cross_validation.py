"""Cross-validation of a whole path. A fold is a vector of 0/1 weights: no row of X is ever copied.

Everything that depends on the data (centre, scale, correlations) is weighted, so each fold is the one problem with
its held-out rows at weight zero, standardising included.
"""

from dataclasses import dataclass

import numpy as np

from . import validation
from .parallel import Pool
from .path import Limits, Walk, fit_path, threads, warn_uncertified
from .problem import Options, Problem
from .results import LassoPath, predictions
from .validation import FREE

ALPHAS_AT_ONCE = 16     # out-of-fold predictions are formed for this many alphas at a time


@dataclass
class PathCV:
    """A cross-validated path.

    Attributes
    ----------
    alphas : ndarray of shape (n_alphas,)
    errors : ndarray of shape (n_alphas, n_folds)
        Mean squared error on the held-out rows (weighted by their sample weights).
    mean_error, standard_error : ndarray of shape (n_alphas,)
        Mean over folds, and its standard error (standard deviation over folds / sqrt(n_folds)).
    best_index, index_1se, index : int
        Smallest mean error; largest alpha within one standard error of it (Breiman et al. 1984); the rule's choice.
    path : LassoPath
        Fitted on all rows.
    fold_paths : list of LassoPath
    oof_predictions : ndarray of shape (n_samples,)
        Prediction of each row by the fold that held it out, at the chosen alpha (NaN where none did).
    """

    alphas: np.ndarray
    errors: np.ndarray
    path: LassoPath
    fold_paths: list
    oof_predictions: np.ndarray
    rule: str

    @property
    def mean_error(self):
        """Mean over folds of the held-out error at each alpha."""
        return self.errors.mean(axis=1)

    @property
    def standard_error(self):
        """Standard error of `mean_error`."""
        n_folds = self.errors.shape[1]
        return self.errors.std(axis=1, ddof=1) / np.sqrt(n_folds) if n_folds > 1 else np.zeros(len(self.alphas))

    @property
    def best_index(self):
        """Index of the smallest mean error."""
        return int(np.argmin(self.mean_error))

    @property
    def index_1se(self):
        """Index of the largest alpha whose mean error is within one standard error of the smallest."""
        best = self.best_index
        return int(np.argmax(self.mean_error <= self.mean_error[best] + self.standard_error[best]))

    @property
    def index(self):
        """Index of the alpha that the rule chose."""
        return self.index_1se if self.rule == "1se" else self.best_index

    @property
    def alpha(self):
        """The chosen alpha."""
        return float(self.alphas[self.index])

    @property
    def alpha_min(self):
        """The alpha of the smallest mean error."""
        return float(self.alphas[self.best_index])

    @property
    def alpha_1se(self):
        """The alpha of the one-standard-error rule."""
        return float(self.alphas[self.index_1se])

    @property
    def coef(self):
        """Coefficients of the full-data fit at the chosen alpha, shape (n_features,)."""
        return self.path.fit_at(self.index).coef

    @property
    def intercept(self):
        """Intercept of the full-data fit at the chosen alpha."""
        return float(self.path.intercepts[self.index])

    def predict(self, X, offset=None):
        """Predict with the full-data fit at the chosen alpha."""
        return predictions(X, self.coef, self.intercept, offset)

    def plot(self, ax=None):
        """Draw the error curve; needs matplotlib. Returns the Axes."""
        from .plotting import plot_cv

        return plot_cv(self, ax)


def cross_validate_path(X, y, *, cv=5, rule="min", random_state=None, alphas=100, eps=1e-3, l1_ratio=1.0,
                        fit_intercept=True, standardize=False, sample_weight=None, offset=None, penalty_factor=None,
                        lower=FREE[0], upper=FREE[1], tol=1e-6, max_iter=10_000, n_threads=None, callback=None):
    """Fit a path on all rows, and on the rows left in by each fold, and choose alpha by held-out squared error.

    Parameters
    ----------
    X, y, alphas, ..., callback
        As in `fit_path`; the folds use the grid of the full-data path. The callback sees the full-data path.
    cv : int, iterable of (train, test), or splitter, default=5
        An integer makes that many contiguous folds, shuffled first if `random_state` is given. An iterable yields
        pairs of row indices; a splitter has ``split(X, y)``.
    rule : {"min", "1se"}, default="min"
        What `PathCV.index` points at: the smallest mean error, or the largest alpha within one standard error of it.
    random_state : int or numpy Generator, optional
        Shuffles the rows before an integer `cv` cuts them.

    Returns
    -------
    PathCV

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import cross_validate_path
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 30))
    >>> y = X[:, 0] + 0.1 * rng.standard_normal(60)
    >>> result = cross_validate_path(X, y, cv=3, alphas=20)
    >>> result.errors.shape
    (20, 3)
    """
    if rule not in ("min", "1se"):
        raise ValueError(f'rule must be "min" or "1se", got {rule!r}')
    options = Options(l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper)
    limits = Limits.checked(tol, max_iter)
    path = fit_path(X, y, alphas=alphas, eps=eps, tol=tol, max_iter=max_iter, n_threads=n_threads, callback=callback,
                    **options.as_dict())
    splits = folds(cv, X, y, path.n_samples, random_state)
    weights = np.broadcast_to(1.0, path.n_samples) if sample_weight is None else validation.finite_vector(
        sample_weight, path.n_samples, "sample_weight")
    with Pool(threads(n_threads)) as pool:
        parts = [fit_fold(X, y, options, limits, weights, test, path.alphas, pool) for test in splits]
    result = PathCV(path.alphas, np.stack([errors for _, errors, _ in parts], axis=1),
                    path, [fold for fold, _, _ in parts], np.full(path.n_samples, np.nan), rule)
    for test, (_, _, held_out) in zip(splits, parts, strict=True):
        result.oof_predictions[test] = held_out[result.index]
    return result


def folds(cv, X, y, n, random_state):
    """Return the held-out rows of each fold, checked."""
    if isinstance(cv, (int, np.integer)) and not isinstance(cv, bool):
        cv = validation.whole_number(cv, "cv", 2)
        if cv > n:
            raise ValueError(f"Cannot have number of splits n_splits={cv} greater than the number of samples: "
                             f"n_samples={n}.")
        rows = np.arange(n) if random_state is None else np.random.default_rng(random_state).permutation(n)
        return [np.sort(part) for part in np.array_split(rows, cv)]
    pairs = cv.split(X, y) if hasattr(cv, "split") else cv
    return [held_out_rows(train, test, n) for train, test in pairs]


def held_out_rows(train, test, n):
    """Return test as indices; train must be all the other rows, or rows left out of both are an error."""
    train, test = np.asarray(train), np.asarray(test)
    train, test = (np.flatnonzero(part) if part.dtype == bool else part for part in (train, test))
    if test.ndim != 1 or test.dtype.kind not in "iu" or train.dtype.kind not in "iu":
        raise ValueError("cv must yield pairs of row indices (train, test)")
    if not len(test) or test.min() < 0 or test.max() >= n:
        raise ValueError("a fold of cv holds no rows out, or rows that X does not have")
    if not np.array_equal(np.sort(train), np.setdiff1d(np.arange(n), test)):
        raise ValueError("each fold of cv must train on exactly the rows that it does not test on")
    return test


def fit_fold(X, y, options, limits, weights, test, alphas, pool):
    """Fit one fold; return (path, errors at each alpha, predictions of the held-out rows at each alpha)."""
    training = weights.astype(float)
    training[test] = 0.0
    fold_options = Options(**options.as_dict() | {"sample_weight": training})
    problem = Problem(X, y, fold_options, pool)
    walk = Walk(problem, limits, use_screening=True)
    walk.down(alphas)
    path = walk.result(fold_options, 0.0)
    warn_uncertified(path)
    held_out = held_out_predictions(problem, path, test)
    if options.offset is not None:
        held_out = held_out + validation.finite_vector(options.offset, len(weights), "offset")[test]
    y = np.asarray(y, dtype=float).reshape(len(weights))
    if not weights[test].any():
        raise ValueError("a fold of cv holds out only rows of weight zero")
    return path, np.average((y[test] - held_out) ** 2, axis=1, weights=weights[test]), held_out


def held_out_predictions(problem, path, test):
    """Predictions of the rows `test` at every alpha, shape (n_alphas, len(test)), without copying rows of X."""
    out = np.empty((len(path), len(test)))
    for start in range(0, len(path), ALPHAS_AT_ONCE):
        part = path.coefs[:, start:start + ALPHAS_AT_ONCE]
        used = np.unique(part.indices).astype(np.int64)
        B = np.ascontiguousarray(part.tocsr()[used].toarray().T, dtype=np.float64)
        fitted = problem.design.matrix.combine(used, B, problem.design.pool)
        out[start:start + ALPHAS_AT_ONCE] = fitted[:, test] + path.intercepts[start:start + ALPHAS_AT_ONCE, None]
    return out
