"""What X is stored as: validated once, then read only through the methods of `base.Matrix`.

`as_matrix` turns what the user passed into one of four matrices: dense by columns, dense by rows, CSC, CSR. X in row
blocks out of memory goes through with copies of the columns in use beside it (`near.Far`). A new kind of matrix is one
more subclass of `base.Matrix`; it passes through `as_matrix` as it is.
"""

from ..frames import column_names, is_frame, row_labels, values_of
from .base import Matrix
from .dask_rows import dask_rows
from .in_memory import in_memory
from .near import Far
from .row_blocks import RowBlocks


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
    if hasattr(X, "target_name") and hasattr(X, "X"):       # a Dataset, whose module is not loaded for this
        X = X.X
    if isinstance(X, Matrix):
        return Far(X) if isinstance(X, RowBlocks) else X
    if is_dask(X):
        return Far(dask_rows(X))
    if is_frame(X):
        return in_memory(values_of(X)).called(column_names(X), row_labels(X))
    return in_memory(X)


def is_far(X):
    """Whether X is a `Matrix` or a data set, and no array that others can read."""
    return isinstance(X, Matrix) or (hasattr(X, "target_name") and hasattr(X, "X")) or is_dask(X)


def is_dask(X):
    """Whether X is a dask array; the package is not loaded for this."""
    return type(X).__module__.partition(".")[0] == "dask" and hasattr(X, "to_delayed")


def far_matrix(X):
    """Return the `Matrix` of what `is_far` says yes to; copies of its columns are made by each fit anew."""
    X = X.X if hasattr(X, "target_name") else X
    if is_dask(X):
        return dask_rows(X)
    return X if isinstance(X, Matrix) else as_matrix(X)
