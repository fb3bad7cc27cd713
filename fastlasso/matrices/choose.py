"""What X is stored as: validated once, then read only through the methods of `base.Matrix`.

`as_matrix` turns what the user passed into one of four matrices: dense by columns, dense by rows, CSC, CSR. X in row
blocks out of memory goes through with copies of the columns in use beside it (`near.Far`). A new kind of matrix is one
more subclass of `base.Matrix`; it passes through `as_matrix` as it is.
"""

import numpy as np
from scipy import sparse

from .._engine import engine
from ..validation import BAD_INDEX, BAD_POINTERS, CORRUPT, as_numbers, compressed, nothing_masked, sparse_parts
from .base import Matrix
from .dense import DenseColumns, DenseRows
from .near import Far
from .row_blocks import RowBlocks
from .sparse import SparseColumns, SparseRows
from .tiling import converted


def as_matrix(X):
    """Return X as a `Matrix`: dense or sparse, by columns or by rows.

    float64, float32, C and Fortran order, CSR and CSC with 32 or 64 bit indices are used in place; any other dtype,
    order or sparse format is converted first.

    Raises
    ------
    ValueError
        Where X is not two-dimensional, is empty, complex, or a sparse matrix with a corrupt structure.
    """
    if hasattr(X, "target_name") and hasattr(X, "X"):       # a Dataset, whose module is not loaded for this
        X = X.X
    if isinstance(X, Matrix):
        return Far(X) if isinstance(X, RowBlocks) else X
    if sparse.issparse(X):
        return as_sparse(X)
    X = np.asarray(X.to_numpy() if hasattr(X, "to_numpy") else nothing_masked(X, "X"))
    check_shape(X)
    if X.dtype.kind == "O":
        X = as_numbers(X, "X")
    if X.dtype not in (np.float64, np.float32) or not X.dtype.isnative:
        X = converted(X, np.float64)
    item = X.itemsize
    if X.strides[1] == item and X.strides[0] >= item * X.shape[1] and X.strides[0] % item == 0:
        if X.strides[0] == item and X.shape[1] == 1:
            return DenseColumns(X)
        return DenseRows(X)
    if X.strides[0] == item and X.strides[1] >= item * X.shape[0] and X.strides[1] % item == 0:
        return DenseColumns(X)
    return DenseColumns(converted(X, X.dtype, "F"))


def is_far(X):
    """Whether X is a `Matrix` or a data set, and no array that others can read."""
    return isinstance(X, Matrix) or (hasattr(X, "target_name") and hasattr(X, "X"))


def far_matrix(X):
    """Return the `Matrix` of what `is_far` says yes to; copies of its columns are made by each fit anew."""
    X = X.X if hasattr(X, "target_name") else X
    return X if isinstance(X, Matrix) else as_matrix(X)


def check_shape(X):
    if X.ndim != 2:
        raise ValueError(f"Expected 2D array, got {X.ndim}D array instead; reshape your data")
    for axis, what in enumerate(("sample", "feature")):
        if X.shape[axis] == 0:
            raise ValueError(f"Found array with 0 {what}(s) (shape={X.shape}) while a minimum of 1 is required.")
    if X.dtype.kind == "c":
        raise ValueError("Complex data not supported: X is complex")
    if X.dtype.kind not in "fiubO":
        raise ValueError(f"X must hold real numbers, got dtype {X.dtype}")


def as_sparse(X):
    check_shape(X)
    X = compressed(X)
    data, indices, indptr = sparse_parts(X)
    if data.dtype not in (np.float64, np.float32) or not data.dtype.isnative:
        data = converted(data, np.float64)
    kind = indices.dtype if indices.dtype in (np.int32, np.int64) and indices.dtype.isnative else np.dtype(np.int64)
    parts = (np.ascontiguousarray(data), np.ascontiguousarray(indices, kind), np.ascontiguousarray(indptr, kind))
    n_minor = X.shape[X.format == "csr"]
    status = engine.check_structure(parts[2], parts[1], n_minor)
    if status < 0:
        raise ValueError(CORRUPT + (BAD_POINTERS if status == -1 else BAD_INDEX.format(n_minor)))
    return (SparseRows if X.format == "csr" else SparseColumns)(parts, X.shape, canonical=status == 0)
