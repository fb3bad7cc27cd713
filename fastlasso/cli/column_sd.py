"""Standard deviations of columns, without a copy of a dense X."""

import numpy as np
from scipy import sparse

from ..matrices.base import Matrix
from ..parallel import Pool

# Values of a dense X that a standard deviation takes at a time: 8 MB.
SD_BLOCK = 2**20


def column_sd(X):
    """Return the population standard deviation of each column, of a dense X without a copy of it."""
    n, p = X.shape
    if isinstance(X, Matrix):
        with Pool() as pool:
            _, sums = X.moments(np.full(n, 1 / n), np.zeros(n), pool)
        return np.sqrt(np.maximum(sums[:, 1] - sums[:, 0] ** 2, 0.0))
    mean = np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()
    if sparse.issparse(X):
        return sparse_column_sd(sparse.csc_array(X, copy=True), mean)
    rows = max(1, SD_BLOCK // p)
    squares = sum(np.sum((np.asarray(X[at:at + rows]) - mean) ** 2, axis=0) for at in range(0, n, rows))
    return np.sqrt(squares / n)


def sparse_column_sd(X, mean):
    """Return the population standard deviation of each column of a CSC matrix with these means; duplicates are summed.

        n sd_j^2 = sum over stored (x_ij - mean_j)^2 + (values not stored) mean_j^2
    """
    X.sum_duplicates()
    stored = np.diff(X.indptr)
    column = np.repeat(np.arange(X.shape[1]), stored)
    squares = np.bincount(column, (X.data - mean[column]) ** 2, X.shape[1])
    return np.sqrt((squares + (X.shape[0] - stored) * mean**2) / X.shape[0])
