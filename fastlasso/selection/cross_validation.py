"""Cross-validation of a whole path. A fold is a vector of 0/1 weights: no row of X is ever copied.

Everything that depends on the data (centre, scale, correlations) is weighted, so each fold is the same problem with
weight zero on its held-out rows, standardising included. Three things make K folds cost little more than one path:

- Where the whole Gram matrix is formed (n >> p), one pass sums it up fold by fold, and the Gram matrix of a training
  set is the total less its held-out part (`matrices/summed.py`). Held-out squared errors are quadratic forms in the
  held-out part.
- Elsewhere the residual (or the scores) that certifies a solution covers the held-out rows too, so X is not read for
  their errors.
- The full-data path and the folds run at once, as many as there are threads and as X's bytes allow (`paths_at_once`);
  beyond that the threads work inside a fold.
"""

from collections.abc import Callable
from typing import Any

from .. import validation
from ..annotations import ArrayLike, ByColumn, Callback, Data, FoldsLike, RandomState
from ..losses.choose import SQUARED_ERROR, LossLike, as_loss
from ..matrices.choose import as_matrix
from ..parallel import Pool
from ..path.fit import fit_near
from ..path.grid import given_grid
from ..path.path_solver import Limits, threads
from ..path.warn import warn_uncertified
from ..problem.options import Options
from ..progress import progress_of
from ..validation import UNBOUNDED
from .folds import Folds, named
from .measures import checked_measure, one_of_both
from .path_cv import RULES, PathCV
from .splits import splits_of


def cross_validate_path(X: Data, y: ArrayLike, *, loss: LossLike = SQUARED_ERROR, cv: FoldsLike = 5,
                        groups: ArrayLike | None = None, measure: str | Callable[..., Any] | None = None,
                        rule: str = "min", random_state: RandomState | None = 0, alphas: ArrayLike = 100,
                        eps: float = 1e-3, l1_ratio: float = 1.0, fit_intercept: bool = True, standardize: bool = False,
                        sample_weight: ArrayLike | None = None, offset: ArrayLike | None = None,
                        penalty_factor: ByColumn | None = None, lower: ByColumn = UNBOUNDED[0],
                        upper: ByColumn = UNBOUNDED[1], tol: float = 1e-6, max_iter: int = 10_000,
                        n_threads: int | None = None, callback: Callback | None = None,
                        scoring: str | Callable[..., float] | None = None, keep_data: bool = False,
                        verbose: bool | int = False, progress: Callback | None = None) -> PathCV:
    """Fit a path on all rows, and on the training rows of each fold, and choose alpha by the held-out error.

    Parameters
    ----------
    X, y, loss, alphas, ..., callback, keep_data
        As in `fit_path`; the folds use the grid of the full-data path. With a callback the full-data path is fitted
        first. If the callback ends it early, the folds use the alphas that it reached.
    cv : int, vector of fold numbers, iterable of (train, test), or splitter, default=5
        An integer makes that many folds of rows at random, the same ones in every call (`random_state`), as the command
        line does. Where y is a class, the folds share out the rows of each class evenly. A vector of shape (n_samples,)
        names the fold that holds out each row (glmnet's foldid). An iterable yields pairs of row indices or masks; a
        splitter has ``split(X, y, groups)``.
    groups : array of shape (n_samples,), optional
        Rows of one group are held out together. An integer `cv` then makes folds of whole groups, of about as many rows
        each, shuffled by `random_state`; classes are not balanced. Fold numbers and pairs that part a group are an
        error. A splitter is given the groups.
    measure : {"deviance", "auc", "class", "mse", "mae", "r2"} or callable, optional
        The held-out error, smaller is better; "mse" by default under squared error, else "deviance".

        - "deviance": the mean unit deviance, twice the loss.
        - "auc": 1 - AUC, ties counted half. For classifiers.
        - "class": the share of rows in the wrong class. For classifiers.
        - "mse", "mae": the mean squared or absolute difference between y (classes as 0 and 1, or -1 and 1 under
          squared_hinge) and its predicted mean.
        - "r2": 1 - R2. For squared error.
        - a callable: minus ``measure(y_true, y_pred, sample_weight=w)``, so larger is better. y_true is y as given,
          y_pred the predicted mean; w is None without sample weights.
    rule : {"min", "1se"}, default="min"
        What `PathCV.index` points at: the smallest mean error, or the largest alpha within one standard error of it
        (Breiman, Friedman, Olshen and Stone 1984, section 3.4.3).
    random_state : int, numpy Generator or None, default=0
        Shuffles the rows before an integer `cv` cuts them. With None they keep their order: contiguous folds, as those
        of scikit-learn's ``KFold`` and of the estimators, for rows that are in the order of time.
    scoring : optional
        The older name of `measure`.
    verbose, progress
        As in `fit_path`; alphas and passes are those of all paths, the folds included.

    Returns
    -------
    PathCV

    Raises
    ------
    ValueError, TypeError
        For bad input, where a held-out error comes out as NaN or infinite, where the training rows of a fold lack a
        class or are all zero counts, and where measure="auc" meets held-out rows of one class.

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
    result, = cross_validate_ratios(
        X, y, [l1_ratio], cv=cv, groups=groups, measure=measure, scoring=scoring, rule=rule, random_state=random_state,
        alphas=alphas, eps=eps, tol=tol, max_iter=max_iter, n_threads=n_threads, callback=callback, loss=loss,
        keep_data=keep_data,
        fit_intercept=fit_intercept, standardize=standardize, sample_weight=sample_weight, offset=offset,
        penalty_factor=penalty_factor, lower=lower, upper=upper, verbose=verbose, progress=progress)
    return result


def cross_validate_ratios(X, y, l1_ratios, *, cv=5, groups=None, measure=None, scoring=None, rule="min",
                          random_state=None, alphas=100, eps=1e-3, tol=1e-6, max_iter=10_000, n_threads=None,
                          callback=None, of_sums=False, keep_data=False, verbose=False, progress=None, **options):
    """As `cross_validate_path`, one `PathCV` for each l1_ratio: X is measured, and summed up, once for all of them.

    With `of_sums` the alphas of a fold are those of all rows times the sum of all weights over that of its training
    rows: see `Folds`.
    """
    validation.one_of(rule, "rule", RULES)
    if not l1_ratios:
        raise ValueError("l1_ratio is empty: give a number in [0, 1], or at least one of several")
    given = Options(l1_ratios[0], **options)
    measure, name = one_of_both(measure, scoring)
    measure = checked_measure(measure, as_loss(given.loss), name)
    limits = Limits.checked(tol, max_iter)
    given_grid(alphas, eps)
    with Pool(threads(n_threads)) as pool:
        matrix = as_matrix(X)
        splits = splits_of(cv, X, y, groups, matrix.shape[0], random_state, given.loss, given.sample_weight)
        shown = progress_of(verbose, progress, len(l1_ratios) * (1 + len(splits)))
        folds = Folds(matrix, y, given, limits, splits, pool, measure, of_sums, shown)
        results = []
        for ratio, (paths, errors) in zip(l1_ratios, folds.fit(l1_ratios, alphas, eps, callback), strict=True):
            for path, whose in named(paths):
                warn_uncertified(path, whose)
            paths[0].remember(fit_near, X, y, options | {"l1_ratio": ratio}, keep_data, max_iter=max_iter,
                              n_threads=n_threads)
            results.append(folds.result(paths, errors, rule))
        return results
