"""Arrays and sparse matrices in memory as a `Matrix`: dense by columns or by rows, CSC or CSR."""

import numpy as np
from scipy import sparse

from .._engine import engine
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
from .dense import DenseColumns, DenseRows
from .memory import keep_freed
from .sparse import SparseColumns, SparseRows
from .tiling import converted


def in_memory(X):
    """Return an array or a SciPy matrix as a `Matrix`; see `choose.as_matrix`."""
    matrix = as_sparse(X) if sparse.issparse(X) else as_dense(X)
    keep_freed(matrix.nbytes)
    return matrix


def as_dense(X):
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
