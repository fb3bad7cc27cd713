"""Read a regression problem from a file: .npz, .npy, .csv, .mtx, .svm or .libsvm.

A reader of one format takes a path and returns (X, feature names or None, y or None). What is wrong with a file is said
in one line, a `DataError`.
"""

import csv
import warnings
import zipfile
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import io, sparse

# Rows or columns that a text file may announce: one wrong number must not ask for gigabytes.
MAX_SIDE = 100_000_000

# Columns without a header that still get a name each.
MAX_NAMED = 1_000_000

# Fields that stand for a missing value, in lower case.
MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}


class DataError(ValueError):
    """A data file cannot be used; the message is one line that names the file and, where it can, the line."""


class TargetError(DataError):
    """The target asked for is not in the data, or none was asked for."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A regression problem.

    Attributes
    ----------
    X : ndarray or csr_array of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    feature_names : tuple of str, or None
        None where the columns have no names and are too many to be given some.
    target_name : str
    source : str
        Where the data come from, in a few words.
    """

    X: np.ndarray | sparse.csr_array
    y: np.ndarray
    feature_names: tuple | None
    target_name: str
    source: str


def read_dataset(file, target=None, target_file=None):
    """Read a regression problem from a file.

    Parameters
    ----------
    file : str or path
        .npz (a scipy sparse matrix), .npy (memory-mapped), .csv (numbers, with or without a header), .mtx (Matrix
        Market), .svm or .libsvm (carries its target).
    target : str, optional
        Name of a column, or its number: 1 is the first, -1 the last.
    target_file : str or path, optional
        .npy, .npz, .csv or .txt with one number for each row; takes the place of `target`.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        Where a file cannot be read or makes no sense; TargetError where only the target is in question.
    OSError
        Where a file cannot be opened.
    """
    file = Path(file)
    X, names, y = reader_of(file, READERS)(file)
    if target_file is not None:
        y, target_name = read_target(Path(target_file), X.shape[0], file), Path(target_file).stem
    elif target is not None:
        if y is not None:
            raise TargetError(f"{file} carries its own target; a target file can replace it, a column cannot")
        X, names, y, target_name = take_target(X, names, target, file)
    elif y is not None:
        target_name = "y"
    else:
        raise TargetError(f"{file}: say which column is the target, or give a file with it")
    if X.shape[1] == 0:
        raise DataError(f"{file} has no column besides the target")
    if names is None and X.shape[1] <= MAX_NAMED:
        names = numbered(X.shape[1])
    return Dataset(X, y, names, target_name, file.name)


def reader_of(file, readers):
    """Return the reader of a file's suffix."""
    try:
        return readers[file.suffix.lower()]
    except KeyError:
        raise DataError(f"{file}: cannot read {file.suffix or 'a file without a suffix'}; "
                        f"known are {', '.join(readers)}") from None


def numbered(p):
    """Return the names x1, x2, ... of p columns."""
    return tuple(f"x{j}" for j in range(1, p + 1))


# ---------------------------------------------------------------- the target


def take_target(X, names, target, file):
    """Return (X without the target column, its names, the column, the column's name)."""
    j = column_number(target, names, X.shape[1], file)
    names = numbered(X.shape[1]) if names is None else names
    y = X[:, [j]].toarray().ravel() if sparse.issparse(X) else np.array(X[:, j])
    return without_column(X, j), names[:j] + names[j + 1:], y, names[j]


def without_column(X, j):
    """Return X without column j; a dense X is copied only where the column is neither the first nor the last."""
    p = X.shape[1]
    if j in (0, p - 1):
        return X[:, slice(1, None) if j == 0 else slice(None, p - 1)]
    return X[:, np.delete(np.arange(p), j)]


def column_number(target, names, p, file):
    """Return the index of the target column from its name or its number."""
    if names is not None and target in names:
        return names.index(target)
    try:
        number = int(target)
    except ValueError:
        known = f"; it has {some(names)}" if names is not None else f"; it has no header, number its columns 1 to {p}"
        raise TargetError(f"{file} has no column {target!r}{known}") from None
    if number == 0 or abs(number) > p:
        raise TargetError(f"{file} has no column {number}; it has columns 1 to {p} (-1 is the last)")
    return number - 1 if number > 0 else p + number


def some(names, at_most=8):
    """Return the first names in one line."""
    return ", ".join(names[:at_most]) + (", ..." if len(names) > at_most else "")


def read_target(file, n, data_file):
    """Read a target of n numbers from a file of its own."""
    y = reader_of(file, TARGET_READERS)(file)
    if y.ndim == 2 and 1 in y.shape:
        y = y.ravel()
    if y.ndim != 1:
        raise DataError(f"{file} has shape {y.shape}; a target is one number for each row")
    if y.dtype.kind not in "fiub":
        raise DataError(f"{file} holds {y.dtype}, not numbers")
    if len(y) != n:
        raise DataError(f"{file} has {len(y)} values, but {data_file} has {n} rows")
    return y.astype(float)


# ---------------------------------------------------------------- .csv


def read_csv(file, text=None, header=None):
    """Read numbers separated by commas, semicolons, tabs or blanks; the first line may name the columns.

    Column `text` is not numbers and is left out. `header` says whether the first line names columns; None looks.
    """
    skip, first, delimiter = first_line(file)
    kept = [j for j in range(len(first)) if j != text]
    header = is_header([first[j] for j in kept]) if header is None else header
    names = tuple(first[j].strip() for j in kept) if header else None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*input contained no data")
            X = np.loadtxt(file, delimiter=delimiter, skiprows=skip + header, quotechar='"', comments=None, ndmin=2,
                           encoding="utf-8-sig", usecols=None if text is None else kept)
    except UnicodeDecodeError:
        raise DataError(f"{file} is not text in UTF-8") from None
    except ValueError as error:
        raise DataError(f"{file} {first_bad_field(file, delimiter, first, header, text) or one_line(error)}") from None
    if len(X) == 0:
        raise DataError(f"{file} has no rows")
    if not np.isfinite(X).all():
        bad = first_bad_field(file, delimiter, first, header, text)
        raise DataError(f"{file} {bad or 'holds NaN or infinity'}")
    return X, checked_names(names, X.shape[1], file), None


def read_column(file):
    """Read the numbers of a .csv or .txt alone."""
    return read_csv(file)[0]


def first_line(file):
    """Return (blank lines before it, fields, delimiter) of the first line with text."""
    try:
        with open(file, encoding="utf-8-sig") as lines:
            for skip, line in enumerate(lines):
                if line.strip():
                    delimiter = next((mark for mark in "\t;," if mark in line), None)
                    return skip, split(line, delimiter), delimiter
    except UnicodeDecodeError:
        raise DataError(f"{file} is not text in UTF-8") from None
    raise DataError(f"{file} is empty")


def split(line, delimiter):
    """Return the fields of a line; a delimiter of None stands for blanks."""
    try:
        return next(csv.reader([line.strip("\r\n")], delimiter=delimiter), []) if delimiter else line.split()
    except csv.Error as error:
        raise DataError(f"unreadable line {line[:40]!r}: {error}") from None


def is_header(fields):
    """Tell whether a first line names columns: a field is neither a number nor a missing value."""
    return any(field.strip().lower() not in MISSING and not is_number(field) for field in fields)


def is_number(field):
    """Tell whether a field is a finite number; Python would take 1_000 for one."""
    try:
        return np.isfinite(float(field)) and "_" not in field
    except ValueError:
        return False


def first_bad_field(file, delimiter, first, header, text=None):
    """Read a .csv again, line by line, and say where it first goes wrong; None where no line alone is wrong."""
    width, is_first = None, header
    with open(file, encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            fields = split(line, delimiter)
            if not line.strip():
                continue
            width = width or len(fields)
            if len(fields) != width:
                return f"line {number}: {len(fields)} fields, but {width} in the lines before"
            bad = next((j for j, field in enumerate(fields) if not (is_first or j == text or is_number(field))), None)
            if bad is not None:
                column = repr(first[bad].strip()) if header else bad + 1
                return f"line {number}, column {column}: {complaint(fields[bad].strip())}"
            is_first = False
    return None


def complaint(field):
    """Say what is wrong with a field that is no number."""
    return "missing value" if field.lower() in MISSING else f"{field[:40]!r} is not a finite number"


def checked_names(names, p, file):
    """Return the names of a header, checked; a column whose name is empty gets its number as name."""
    if names is None:
        return None
    if len(names) != p:
        raise DataError(f"{file}: the header names {len(names)} columns, the rows have {p}")
    names = tuple(name or f"x{j}" for j, name in enumerate(names, 1))
    if len(set(names)) < p:
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{file}: the header names {twice!r} twice")
    return names


# ---------------------------------------------------------------- .npy, .npz and .mtx


def read_npy(file):
    """Map a dense matrix into memory."""
    X = load_array(file, mmap_mode="r")
    if X.ndim != 2:
        raise DataError(f"{file} has shape {X.shape}; a matrix of samples by features is needed")
    if X.dtype.kind not in "fiub":
        raise DataError(f"{file} holds {X.dtype}, not numbers")
    return X, None, None


def load_array(file, mmap_mode=None):
    """Load the array of a .npy, or the only one (or the one called y) of a .npz."""
    try:
        loaded = np.load(file, allow_pickle=False, mmap_mode=mmap_mode)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{file} is not a NumPy file of numbers: {one_line(error)}") from None
    if isinstance(loaded, np.ndarray):
        return loaded
    with loaded:
        members = loaded.files
        if len(members) != 1 and "y" not in members:
            raise DataError(f"{file} holds {some(members)}; one array, or one called y, is needed")
        return loaded["y" if "y" in members else members[0]]


def read_npz(file):
    """Read a matrix saved by `scipy.sparse.save_npz`."""
    try:
        matrix = sparse.load_npz(file)
    except (ValueError, KeyError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise DataError(f"{file} is not a sparse matrix saved by scipy.sparse.save_npz: {one_line(error)}") from None
    return as_csr_or_csc(matrix), None, None


def read_mtx(file):
    """Read a Matrix Market file, dense or sparse."""
    try:
        rows, columns, _, _, field, _ = io.mminfo(file)
        if max(rows, columns) > MAX_SIDE:
            raise DataError(f"{file} announces {rows} x {columns} entries; at most {MAX_SIDE} each are read")
        if field == "complex":
            raise DataError(f"{file} holds complex numbers")
        matrix = io.mmread(file)
    except DataError:
        raise
    except (ValueError, OverflowError, EOFError) as error:
        raise DataError(f"{file} is not a Matrix Market file: {one_line(error)}") from None
    return as_csr_or_csc(matrix) if sparse.issparse(matrix) else matrix, None, None


def as_csr_or_csc(matrix):
    """Return a sparse matrix as CSR or CSC."""
    return matrix if matrix.format in ("csr", "csc") else sparse.csr_array(matrix)


def one_line(error):
    """Return the message of an error in one line."""
    return " ".join(str(error).split()) or type(error).__name__


# ---------------------------------------------------------------- .svm


def read_svm(file):
    """Read lines of `target index:value index:value ... # comment`, indices ascending from 1."""
    y, values, columns, indptr = array("d"), array("d"), array("i"), array("q", [0])
    try:
        with open(file, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if fields := line.partition("#")[0].split():
                    try:
                        add_row(fields, y, values, columns)
                    except ValueError as error:
                        raise DataError(f"{file} line {number}: {error}") from None
                    indptr.append(len(values))
    except UnicodeDecodeError:
        raise DataError(f"{file} is not text") from None
    if not y:
        raise DataError(f"{file} has no rows")
    if not columns:
        raise DataError(f"{file} has no index:value entry")
    X = sparse.csr_array(tuple(np.array(part) for part in (values, columns, indptr)), shape=(len(y), max(columns) + 1))
    return X, None, np.array(y)


def add_row(fields, y, values, columns):
    """Append one line's target and entries; raise ValueError where they make no sense."""
    y.append(finite(fields[0], "the target"))
    last = 0
    for field in fields[1:]:
        index, colon, value = field.partition(":")
        if not colon:
            raise ValueError(f"{field[:40]!r} is not index:value")
        if not (index.isascii() and index.isdigit()):
            raise ValueError(f"{index[:40]!r} is not an index; they are whole numbers from 1")
        j = int(index[:20])
        if not last < j <= MAX_SIDE:
            raise ValueError(f"index {index[:20]} after {last}; indices ascend from 1 to at most {MAX_SIDE}")
        values.append(finite(value, f"the value of index {j}"))
        columns.append(j - 1)
        last = j


def finite(text, what):
    """Return a finite number from text; raise ValueError where it is none."""
    if not is_number(text):
        raise ValueError(f"{what} is {text[:40]!r}, not a finite number")
    return float(text)


# The reader of each suffix.
READERS = {".npz": read_npz, ".npy": read_npy, ".csv": read_csv, ".mtx": read_mtx, ".svm": read_svm,
           ".libsvm": read_svm}

# The reader of each suffix that a file with nothing but the target may have.
TARGET_READERS = {".npy": load_array, ".npz": load_array, ".csv": read_column, ".txt": read_column}
