"""What X is stored as: validated once, then read only through the methods of `base.Matrix`.

`as_matrix` turns what the user passed into one of four matrices: dense by columns, dense by rows, CSC, CSR. A new kind
of matrix is one more subclass of `base.Matrix`; it passes through `as_matrix` as it is.
"""

import numpy as np
from scipy import sparse

from .._engine import engine
from ..frames import column_names, is_frame, row_labels, values_of
from ..validation import (
    BAD_INDEX,
    BAD_POINTERS,
    CORRUPT,
    as_numbers,
    compressed,
    is_engine_float,
    nothing_masked,
    sparse_parts,
)
from .base import Matrix
from .dense import DenseColumns, DenseRows
from .sparse import SparseColumns, SparseRows
from .tiling import converted


def as_matrix(X):
    """Return X as a `Matrix`: dense or sparse, by columns or by rows.

    float64, float32, C and Fortran order, CSR and CSC with 32 or 64 bit indices are used in place; any other dtype,
    order or sparse format is converted first.

    A frame keeps the names of its columns and rows; its sparse columns stay sparse.

    Raises
    ------
    ValueError
        Where X is not two-dimensional, is empty, complex, or a sparse matrix with a corrupt structure.
    """
    if isinstance(X, Matrix):
        return X
    if sparse.issparse(X):
        return as_sparse(X)
    if is_frame(X):
        return as_matrix(values_of(X)).called(column_names(X), row_labels(X))
    X = np.asarray(X.to_numpy() if hasattr(X, "to_numpy") else nothing_masked(X, "X"))
    check_shape(X)
    if X.dtype.kind == "O":
        X = as_numbers(X, "X")
    if not is_engine_float(X.dtype):
        X = converted(X, np.float64)
    item = X.itemsize
    if X.strides[1] == item and X.strides[0] >= item * X.shape[1] and X.strides[0] % item == 0:
        if X.strides[0] == item and X.shape[1] == 1:
            return DenseColumns(X)
        return DenseRows(X)
    if X.strides[0] == item and X.strides[1] >= item * X.shape[0] and X.strides[1] % item == 0:
        return DenseColumns(X)
    return DenseColumns(converted(X, X.dtype, "F"))


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
    if not is_engine_float(data.dtype):
        data = converted(data, np.float64)
    kind = indices.dtype if indices.dtype in (np.int32, np.int64) and indices.dtype.isnative else np.dtype(np.int64)
    parts = (np.ascontiguousarray(data), np.ascontiguousarray(indices, kind), np.ascontiguousarray(indptr, kind))
    n_minor = X.shape[X.format == "csr"]
    status = engine.check_structure(parts[2], parts[1], n_minor)
    if status < 0:
        raise ValueError(CORRUPT + (BAD_POINTERS if status == -1 else BAD_INDEX.format(n_minor)))
    return (SparseRows if X.format == "csr" else SparseColumns)(parts, X.shape, canonical=status == 0)
