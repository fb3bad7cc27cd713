"""What several rivals need: centring as their own estimators do it, CSC storage, folds as numbers."""
import numpy as np
import scipy.sparse


def centred(X, y):
    """Return X, y, means of the columns and of y; a dense X is copied and centred, a sparse one is left as it is."""
    X_mean = np.asarray(X.mean(axis=0)).ravel().astype(X.dtype)
    y_mean = y.mean()
    if not scipy.sparse.issparse(X):
        X = np.subtract(X, X_mean, order="F")
    return X, y - y_mean, X_mean, y_mean


def as_csc(X, y):
    """Store a sparse X by columns with sorted 32-bit indices; a dense one stays."""
    if scipy.sparse.issparse(X):
        X = scipy.sparse.csc_matrix(X)
        X.sort_indices()
    return X, y


def fold_numbers(splits):
    """Return, for each row, the number of the fold that holds it out."""
    ids = np.empty(sum(len(test) for _, test in splits), dtype=np.int64)
    for fold, (_, test) in enumerate(splits):
        ids[test] = fold
    return ids
