"""The data of a regression after selection: columns on demand, weights, clusters, and what is always kept."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .. import validation
from ..frames import by_column, check_rows, column_names, is_frame, row_labels, values_of
from ..matrices.base import Matrix
from ..matrices.choose import is_far
from ..selection.splits import group_numbers
from ..validation import nothing_masked, sound_sparse

# Values of X that are made dense at a time: 8 MB.
BLOCK = 2**20


@dataclass(frozen=True, eq=False)
class Regression:
    """X and what is known about its rows and columns.

    Attributes
    ----------
    X : ndarray or csc_array of shape (n, p)
    names : list of str
    weights : ndarray of shape (n,), or None
        As they were given.
    codes : ndarray of int, shape (n,), or None
        The number of each row's cluster.
    factor : ndarray of shape (p,)
        Penalty factors; 0 is always kept, inf never used.
    fit_intercept : bool
    feature_names : list of str, or None
        What `predict` matches columns by.
    """

    X: object
    names: list
    weights: np.ndarray | None
    codes: np.ndarray | None
    factor: np.ndarray
    fit_intercept: bool
    feature_names: list | None = None

    @classmethod
    def checked(cls, X, sample_weight, groups, penalty_factor, fit_intercept, **more):
        """Return the data, checked as `fit` checks them; X is converted at most once.

        `more` are further vectors, whose row labels must be those of X too.
        """
        if is_far(X) or isinstance(X, Matrix):
            raise TypeError("inference needs X in memory: an array, a frame or a sparse matrix")
        for name, values in {"sample_weight": sample_weight, "groups": groups, **more}.items():
            check_rows(row_labels(X), values, name)
        names = [str(name) for name in X.columns] if hasattr(X, "columns") else None
        feature_names = column_names(X)
        penalty_factor = by_column(penalty_factor, names, 1.0, "penalty_factor")
        X = values_of(X) if is_frame(X) else X
        X = sparse.csc_array(sound_sparse(X)) if sparse.issparse(X) else np.asarray(nothing_masked(X, "X"), float)
        if X.ndim != 2:
            raise ValueError(f"X must have two dimensions, got shape {X.shape}")
        n, p = X.shape
        weights = None if sample_weight is None else validation.finite_vector(sample_weight, n, "sample_weight")
        if weights is not None and (weights.min() < 0 or not weights.any()):
            raise ValueError("sample_weight must not be negative, nor all zero")
        factor = np.ones(p) if penalty_factor is None else np.asarray(penalty_factor, float)
        if factor.shape != (p,) or not (factor >= 0).all():
            raise ValueError(f"penalty_factor must have shape ({p},) and hold no negative value and no NaN")
        names = [f"x{j}" for j in range(1, p + 1)] if names is None else names
        return cls(X, names, weights, codes_of(groups, n), factor, bool(fit_intercept), feature_names)

    @property
    def shares(self):
        """Weights whose mean over the rows of positive weight is 1."""
        n = self.X.shape[0]
        return np.ones(n) if self.weights is None else self.weights * (self.n_rows / self.weights.sum())

    @property
    def n_rows(self):
        """Number of rows of positive weight."""
        return self.X.shape[0] if self.weights is None else int(np.count_nonzero(self.weights))

    @property
    def penalised(self):
        """Indices of the columns that a penalty holds down."""
        return np.flatnonzero((self.factor > 0) & np.isfinite(self.factor))

    @property
    def kept(self):
        """Indices of the columns that are always kept."""
        return np.flatnonzero(self.factor == 0)

    def columns(self, which):
        """Return some columns as a dense array."""
        part = self.X[:, which]
        return part.toarray() if sparse.issparse(part) else part

    def blocks(self, which):
        """Yield (positions in `which`, columns) of dense blocks."""
        step = max(1, BLOCK // self.X.shape[0])
        for at in range(0, len(which), step):
            yield slice(at, at + step), self.columns(which[at:at + step])

    def with_intercept(self, columns):
        """Return columns below which a column of ones stands first where an intercept is fitted."""
        ones = np.ones((self.X.shape[0], 1 if self.fit_intercept else 0))
        return np.hstack([ones, columns])

    def refit(self, y, which):
        """Return (coefficients of some columns, intercept, residuals) of weighted least squares on them."""
        Z = self.with_intercept(self.columns(which))
        coef = least_squares(Z, y, self.weights)
        own = coef[1:] if self.fit_intercept else coef
        return own, float(coef[0]) if self.fit_intercept else 0.0, y - Z @ coef


def least_squares(Z, y, weights):
    """Return the coefficients of weighted least squares, the shortest where they are many; y may have columns."""
    root = None if weights is None else np.sqrt(weights)
    scaled = Z if root is None else Z * root[:, None]
    target = y if root is None else (y.T * root).T
    return np.linalg.lstsq(scaled, target, rcond=None)[0]


def codes_of(groups, n):
    """Return the number of each row's cluster, or None."""
    if groups is None:
        return None
    codes = group_numbers(groups, n)
    if codes.max() == 0:
        raise ValueError("groups has one value alone; clusters need two at least")
    return codes
