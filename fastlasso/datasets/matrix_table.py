"""Tables that are matrices: .npy, .npz, .mtx and svmlight files."""

import zipfile
from array import array

import numpy as np
from scipy import io, sparse

from .errors import DataError, IndexBaseError, one_line, some
from .text_table import MISSING, is_number

# Rows or columns that a text file may announce: one wrong number must not ask for gigabytes.
MAX_SIDE = 100_000_000


class MatrixTable:
    """A matrix of numbers without names.

    Attributes
    ----------
    file : Source
    matrix : ndarray, csr_array or csc_array
    y : ndarray of shape (n_rows,), or None
        The target that the file carries.
    qid : ndarray of shape (n_rows,), or None
        The query that each row belongs to.
    """

    names = None

    def __init__(self, source, matrix, y=None, qid=None):
        self.file, self.matrix, self.y, self.qid = source, matrix, y, qid
        self.width, self.left_out = matrix.shape[1], {}

    def label(self, j):
        """Return what messages call a column."""
        return j + 1

    def words(self, columns):
        """Return some columns as {index: list of str}."""
        return {j: [f"{value:.17g}" for value in self._vector(j)] for j in columns}

    def parts(self, features, others, missing_ok):
        """Return (X of some columns, {index: vector} of others); neighbouring columns of a dense X are not copied."""
        return self._columns(features), {j: self._vector(j) for j in others}

    def _columns(self, features):
        if features == list(range(self.width)):
            return self.matrix
        if not sparse.issparse(self.matrix) and features and features == list(range(features[0], features[-1] + 1)):
            return self.matrix[:, features[0]:features[-1] + 1]
        return self.matrix[:, features]

    def _vector(self, j):
        column = self.matrix[:, [j]]
        return column.toarray().ravel() if sparse.issparse(column) else np.array(column[:, 0], float)

    def place(self, i):
        """Return where row i (from 0) stands, for messages."""
        return f"row {i + 1}"


# ---------------------------------------------------------------- .npy, .npz and .mtx


def read_npy(source, how, wordy=()):
    """Map a dense matrix into memory."""
    X = load_array(source, mmap_mode="r")
    if X.ndim != 2:
        raise DataError(f"{source} has shape {X.shape}; a matrix of samples by features is needed")
    if X.dtype.kind not in "fiub":
        raise DataError(f"{source} holds {X.dtype}, not numbers")
    return MatrixTable(source, X)


def load_array(source, mmap_mode=None):
    """Load the array of a .npy, or the only one (or the one called y) of a .npz."""
    file = source.file()
    try:
        loaded = np.load(file, allow_pickle=False, mmap_mode=mmap_mode if file is source.path else None)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{source} is not a NumPy file of numbers: {one_line(error)}") from None
    if isinstance(loaded, np.ndarray):
        return loaded
    with loaded:
        members = loaded.files
        if len(members) != 1 and "y" not in members:
            raise DataError(f"{source} holds {some(members)}; one array, or one called y, is needed")
        return loaded["y" if "y" in members else members[0]]


def read_npz(source, how, wordy=()):
    """Read a matrix saved by `scipy.sparse.save_npz`."""
    try:
        matrix = sparse.load_npz(source.file())
    except (ValueError, KeyError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise DataError(f"{source} is not a sparse matrix saved by scipy.sparse.save_npz: {one_line(error)}") from None
    return MatrixTable(source, as_csr_or_csc(matrix))


def read_mtx(source, how, wordy=()):
    """Read a Matrix Market file, dense or sparse."""
    try:
        rows, columns, _, _, field, _ = io.mminfo(source.file())
        if max(rows, columns) > MAX_SIDE:
            raise DataError(f"{source} announces {rows} x {columns} entries; at most {MAX_SIDE} each are read")
        if field == "complex":
            raise DataError(f"{source} holds complex numbers")
        matrix = io.mmread(source.file())
    except DataError:
        raise
    except (ValueError, OverflowError, EOFError) as error:
        raise DataError(f"{source} is not a Matrix Market file: {one_line(error)}") from None
    return MatrixTable(source, as_csr_or_csc(matrix) if sparse.issparse(matrix) else matrix)


def as_csr_or_csc(matrix):
    """Return a sparse matrix as CSR or CSC."""
    return matrix if matrix.format in ("csr", "csc") else sparse.csr_array(matrix)


# ---------------------------------------------------------------- .svm


def read_svm(source, how, wordy=()):
    """Read lines of `target [qid:query] index:value index:value ... # comment`, indices ascending from 1, or from 0."""
    y, qid, values, columns, indptr = array("d"), [], array("d"), array("i"), array("q", [0])
    with source.text() as lines:
        for number, line in enumerate(lines, 1):
            if fields := line.partition("#")[0].split():
                try:
                    y.append(finite(fields[0], "the target"))
                    add_entries(fields[1:], qid, values, columns, 0 if how.zero_based else 1)
                except ValueError as error:
                    kind = type(error) if isinstance(error, IndexBaseError) else DataError
                    raise kind(f"{source} line {number}: {error}") from None
                indptr.append(len(values))
    if not y:
        raise DataError(f"{source} has no rows")
    if not columns:
        raise DataError(f"{source} has no index:value entry")
    if qid and len(qid) != len(y):
        raise DataError(f"{source}: {len(qid)} of {len(y)} lines have a qid; all must, or none")
    X = sparse.csr_array(tuple(np.array(part) for part in (values, columns, indptr)), shape=(len(y), max(columns) + 1))
    return MatrixTable(source, X, np.array(y), np.array(qid) if qid else None)


def add_entries(fields, qid, values, columns, base):
    """Append one line's query and entries; raise ValueError where they make no sense. `base` is the first index."""
    if fields and fields[0].startswith("qid:"):
        qid.append(query(fields[0][4:]))
        fields = fields[1:]
    last = base - 1
    for field in fields:
        index, colon, value = field.partition(":")
        if not colon:
            raise ValueError(f"{field[:40]!r} is not index:value")
        if not (index.isascii() and index.isdigit()):
            raise ValueError(f"{index[:40]!r} is not an index; they are whole numbers from {base}")
        j = int(index[:20])
        if not last < j <= MAX_SIDE:
            wrong = f"index {index[:20]} after {last}; indices ascend from {base} to at most {MAX_SIDE}"
            raise IndexBaseError(wrong) if j == last == 0 else ValueError(wrong)
        values.append(finite(value, f"the value of index {j}"))
        columns.append(j - base)
        last = j


def query(text):
    """Return the number of a query."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"the qid is {text[:40]!r}, not a whole number")
    return int(text[:18])


def finite(text, what):
    """Return a finite number from text; raise ValueError where it is none."""
    if text.lower() in MISSING or not is_number(text):
        raise ValueError(f"{what} is {text[:40]!r}, not a finite number")
    return float(text)
