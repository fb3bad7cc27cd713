"""The ways of holding one and the same matrix that the library promises to take as they are.

``LAYOUTS[name](A, dtype, directory)`` returns A (dense float64) in that layout. The values of `exact_matrix` are small
multiples of 1/8, so that every dtype holds them exactly, also when an entry is split into two duplicates.
"""

from itertools import product

import numpy as np
from scipy import sparse

DTYPES = {"f8": np.float64, "f4": np.float32}


def exact_matrix(n, p, seed=0, density=0.6):
    """Return an (n, p) matrix of multiples of 1/8 with some zeros, one zero column and one full column."""
    rng = np.random.default_rng(seed)
    A = rng.integers(-16, 17, (n, p)) / 8 * (rng.random((n, p)) < density)
    if p > 3:
        A[:, 2] = 0.0
        A[:, 3] = rng.integers(1, 9, n) / 8 + 4.0
    return A


def set_coordinates(X, rows, columns):
    """Replace the coordinates of a COO matrix, unchecked; SciPy before 1.13 keeps them as two attributes."""
    if hasattr(X, "coords"):
        X.coords = (rows, columns)
    else:
        X.row, X.col = rows, columns


def target(A, seed=0):
    """Return y: the first ten columns and noise, off centre."""
    rng = np.random.default_rng(seed + 1000)
    coef = rng.standard_normal(min(10, A.shape[1]))
    return 3.0 + A[:, :10] @ coef + 0.5 * rng.standard_normal(len(A))


def spelled_out(options, A):
    """Return the options with vectors for A in place of placeholders: some weights and factors 0, one factor inf."""
    i, j = map(np.arange, A.shape)
    vectors = {"sample_weight": i % 3 + 0.0, "offset": np.sin(i),
               "penalty_factor": np.where(j % 7 == 1, 0.0, np.where(j == 4, np.inf, 1 + j % 2))}
    return {name: vectors.get(name, value) for name, value in options.items()}


def folds_of(n, k=4):
    """Return (train, test) of k random folds of n rows."""
    rows = np.random.default_rng(0).permutation(n)
    return [(np.setdiff1d(rows, part), part) for part in np.array_split(rows, k)]


# ---------------------------------------------------------------- dense


def in_order(order):
    return lambda A, dtype, _: np.array(A, dtype=dtype, order=order)


def inside_larger(order):
    """A view into a larger array whose other values are NaN: reading one of them shows."""

    def build(A, dtype, _):
        n, p = A.shape
        larger = np.full((n + 5, p + 3), np.nan, dtype, order=order)
        larger[2:2 + n, 1:1 + p] = A
        return larger[2:2 + n, 1:1 + p]

    return build


def strided(A, dtype, _):
    n, p = A.shape
    larger = np.full((2 * n, 3 * p), np.nan, dtype)
    larger[::2, ::3] = A
    return larger[::2, ::3]


def backwards(order):
    return lambda A, dtype, _: np.array(A[::-1, ::-1], dtype=dtype, order=order)[::-1, ::-1]


def read_only(order):
    def build(A, dtype, _):
        X = np.array(A, dtype=dtype, order=order)
        X.setflags(write=False)
        return X

    return build


def memory_mapped(order):
    def build(A, dtype, directory):
        file = directory / "X.npy"
        np.save(file, np.array(A, dtype=dtype, order=order))
        return np.load(file, mmap_mode="r")

    return build


DENSE = {
    "F": in_order("F"), "C": in_order("C"),
    "F_slice": inside_larger("F"), "C_slice": inside_larger("C"), "strided": strided,
    "F_backwards": backwards("F"), "C_backwards": backwards("C"),
    "F_read_only": read_only("F"), "C_read_only": read_only("C"),
    "F_memmap": memory_mapped("F"), "C_memmap": memory_mapped("C"),
}


# ---------------------------------------------------------------- sparse

def kept(A, duplicated=False, zeros=False):
    """Return (data, major, minor) of the stored entries in order of the major axis."""
    stored = A != 0
    if zeros:
        stored |= np.arange(A.size).reshape(A.shape) % 4 == 0
    major, minor = np.nonzero(stored)
    data = A[major, minor]
    if duplicated:
        times = np.where(np.arange(len(data)) % 3 == 0, 2, 1)
        data, major, minor = ((part.repeat(times)) for part in (data / times, major, minor))
    return data, major, minor


def sparse_parts(A, entries):
    """Return (data, indices, indptr) of A by rows; `entries` names the disorder."""
    data, major, minor = kept(A, "duplicates" in entries, "zeros" in entries)
    key = np.random.default_rng(0).random(len(data)) if "unsorted" in entries else minor
    order = np.lexsort((key, major))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(major, minlength=len(A)))])
    return data[order], minor[order], indptr


def as_sparse(form, container, width, entries):
    def build(A, dtype, _):
        data, indices, indptr = sparse_parts(A if form == "csr" else A.T, entries)
        X = getattr(sparse, f"{form}_{container}")(A.shape, dtype=dtype)
        X.data, X.indices, X.indptr = data.astype(dtype), indices.astype(width), indptr.astype(width)
        for part in (X.data, X.indices, X.indptr):
            part.setflags(write=False)
        return X

    return build


ENTRIES = ("sorted", "unsorted", "duplicates", "unsorted_duplicates", "zeros")
SPARSE = {f"{form}_{container}-{width}-{entries}": as_sparse(form, container, width, entries)
          for form, container, width, entries in
          product(("csr", "csc"), ("matrix", "array"), ("int32", "int64"), ENTRIES)}

LAYOUTS = DENSE | SPARSE
CASES = [(layout, dtype) for layout in LAYOUTS for dtype in DTYPES]
PLAIN = ("F", "C", "csc_array-int32-sorted", "csr_array-int32-sorted")     # one for each class of matrices.py


def build(layout, A, directory=None, dtype="f8"):
    """Return A in a layout."""
    return LAYOUTS[layout](A, DTYPES[dtype], directory)


def content(X):
    """Return everything that X holds, as bytes: what must be the same after a fit."""
    if sparse.issparse(X):
        return [(part.dtype.str, part.tobytes()) for part in (X.data, X.indices, X.indptr)]
    whole = X
    while isinstance(whole.base, np.ndarray):
        whole = whole.base
    return [(whole.dtype.str, whole.shape, whole.tobytes())]
