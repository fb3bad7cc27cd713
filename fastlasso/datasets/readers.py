"""Read a regression or classification problem from a file: `read_dataset`, `read_classified`, `read_matrix`."""

from dataclasses import dataclass, replace
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from .. import validation
from .arrow_table import read_feather, read_parquet
from .errors import DataError, MissingError, MissingRowError, TargetError, bad_columns
from .matrix_table import load_array, read_mtx, read_npy, read_npz, read_svm
from .one_hot import one_hot, with_blocks
from .reading import NA, Reading, roles_of
from .source import Source
from .text_table import MISSING, TextTable, is_number, missing_words

# Columns without a header that still get a name each.
MAX_NAMED = 1_000_000

# Names of columns that a notebook shows.
SHOWN_NAMES = 8

# The table of each suffix.
TABLES = {".npz": read_npz, ".npy": read_npy, ".csv": TextTable, ".tsv": TextTable, ".txt": TextTable, ".mtx": read_mtx,
          ".svm": read_svm, ".libsvm": read_svm, ".parquet": read_parquet, ".feather": read_feather}

# Suffixes of text in columns.
TEXT = (".csv", ".tsv", ".txt")


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
    weights, groups, offset, ids : ndarray of shape (n_samples,), or None
        More about the rows, where it was asked for. Groups may be numbers or words.
    categories : dict
        Name of a one-hot column -> its values.
    means : dict
        Name of a column -> what took the place of its missing values.
    notes : tuple of str
        What was left out.
    """

    X: Any
    y: Any
    feature_names: Any
    target_name: str
    source: str
    weights: Any = None
    groups: Any = None
    offset: Any = None
    ids: Any = None
    categories: Any = None
    means: Any = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        n, p = self.X.shape
        return f"<Dataset {self.source}: {n} samples, {p} features, target {self.target_name!r}>"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(said)}</td></tr>"
                       for name, said in self._facts().items())
        return f"<p>{escape(repr(self))}</p><table><tbody>{rows}</tbody></table>"

    def _facts(self):
        """What a notebook shows: {name: text}, a few names of many."""
        names = [] if self.feature_names is None else list(self.feature_names)
        kind = type(self.X).__name__
        return {"X": f"{kind}, {self.X.shape[0]} x {self.X.shape[1]}, {self.X.dtype}",
                "features": ", ".join(map(str, names[:SHOWN_NAMES])) + ", ..." * (len(names) > SHOWN_NAMES),
                "y": "none" if self.y is None else f"{self.target_name}, {np.asarray(self.y).dtype}",
                "also": ", ".join(name for name in ("weights", "groups", "offset", "ids")
                                  if getattr(self, name) is not None) or "nothing",
                "notes": "; ".join(self.notes) or "none"}


def read_dataset(file: Any, target: str | int | None = None, target_file: str | PathLike[str] | None = None,
                 how: Reading | None = None) -> Dataset:
    """Read a regression problem from a file.

    Parameters
    ----------
    file : str or path
        .npz (a scipy sparse matrix), .npy (memory-mapped), .csv, .tsv or .txt (numbers, with or without a header),
        .mtx (Matrix Market), .svm or .libsvm (carries its target), .parquet or .feather (extra "parquet"); any of
        these packed by gzip, with .gz at the end; "-" for standard input.
    target : str, optional
        Name of a column, or its number: 1 is the first, -1 the last.
    target_file : str or path, optional
        .npy, .npz, .csv, .tsv or .txt with one number for each row; takes the place of `target`.
    how : Reading, optional
        Which columns are what, missing values, one-hot columns, and the ways of text files.

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
    return read_problem(file, target, target_file, how, words=False)


def read_classified(file: Any, target: str | int | None = None, target_file: str | PathLike[str] | None = None,
                    how: Reading | None = None) -> Dataset:
    """Read a classification problem from a file.

    Parameters
    ----------
    file, target, target_file, how
        As in `read_dataset`. The target column of a table, and a target file in text, may hold words.

    Returns
    -------
    Dataset
        y are numbers, or strings where a label is none.
    """
    return read_problem(file, target, target_file, how, words=True)


def read_matrix(file: Any) -> Any:
    """Read (X, names) of a file, its own target left aside."""
    how = Reading()
    table = open_table(file, how, ())
    data = assembled(table, how, roles_of(table, how), {}, aside=True)
    return data.X, data.feature_names


def read_problem(file, target, target_file, how, words):
    """As `read_dataset`; with `words` the target may hold words."""
    how = checked(how)
    table = open_table(file, how, how.wordy(target if words else None))
    if target is not None and target_file is None and table.y is not None:
        raise TargetError(f"{table.file} carries its own target; a target file can replace it, a column cannot")
    if target is None and target_file is None and table.y is None:
        raise TargetError(f"{table.file}: say which column is the target, or give a file with it")
    how, beside = files_beside(table, how)
    if target_file is not None:
        source = Source(target_file, how.encoding)
        y = read_labels(source) if words else read_vector(source)
        return assembled(table, how, roles_of(table, how), {**beside, "y": y}, words, target_name=source.stem)
    if table.y is not None:
        beside["y"] = table.y
    return assembled(table, how, roles_of(table, how, target), beside, words)


def files_beside(table, how):
    """Return (the `Reading` of what is in columns, {"weights": vector, ...} of what is in files of its own)."""
    beside = {}
    for name in ("weights", "offset", "groups"):
        given = getattr(how, name)
        if given is None or (table.names is not None and given in table.names):
            continue
        if name == "groups" and given == "qid" and table.qid is not None:
            beside[name] = table.qid
        elif Path(given).suffix and Path(given).is_file():
            beside[name] = (read_labels if name == "groups" else read_vector)(Source(given, how.encoding))
    return replace(how, **dict.fromkeys(beside)), beside


def checked(how):
    """Return the `Reading`, its parts that are one of few checked."""
    how = Reading() if how is None else how
    validation.one_of(how.na, "na", NA)
    validation.one_of(how.decimal, "decimal", (".", ","))
    return how


def open_table(file, how, wordy):
    """Open a table by the suffix of its file."""
    source = Source(file, how.encoding, how.format)
    if source.suffix not in TABLES:
        raise DataError(f"{source}: cannot read {source.suffix or 'a file without a suffix'}; "
                        f"known are {', '.join(TABLES)}")
    return TABLES[source.suffix](source, how, wordy)


def assembled(table, how, roles, beside, words=False, target_name="y", aside=False):
    """Return the `Dataset` of a table whose columns have their roles.

    `beside` are vectors that come from elsewhere, among them perhaps y. With `aside` there is no y.
    """
    numeric = [j for j in roles.features if j not in roles.one_hot]
    column_y = None if aside or "y" in beside else roles.target
    labels = labels_of(table, column_y, how) if words and column_y is not None else None
    others = [j for j in (column_y if labels is None else None, roles.weights, roles.offset) if j is not None]
    X, vectors = table.parts(numeric, others, missing_ok=how.na != "error")
    if X.shape[0] == 0:
        raise DataError(f"{table.file} has no rows")
    if not roles.features:
        raise DataError(f"{table.file} has no column besides the target")
    rows = {"y": labels if labels is not None else vectors.get(column_y), "weights": vectors.get(roles.weights),
            "offset": vectors.get(roles.offset), "groups": groups_of(table, roles, how),
            "ids": words_of(table, roles.id)}
    rows |= {name: aligned(values, X.shape[0], name, table) for name, values in beside.items()
             if not (aside and name == "y")}
    name = target_name if column_y is None else name_of(table, column_y)
    data = Dataset(X, rows.pop("y"), None, name, table.file.short, **rows, notes=notes_of(table, roles, rows))
    return with_features(table, how, roles, numeric, data)


def with_features(table, how, roles, numeric, data):
    """Return the data with names, one-hot columns, and without missing values."""
    names, blocks, positions = [], [], []
    categories, means = {}, {}
    absent = np.zeros(data.X.shape[0], bool)
    for j in roles.features:
        if j not in roles.one_hot:
            names.append(None)
            continue
        block, labels, categories[name_of(table, j)], missing = one_hot(table, j, how, means)
        absent |= missing
        positions.append(len(names) - sum(other.shape[1] for other in blocks))
        blocks.append(block)
        names.extend(labels)
    X = data.X
    rows = rows_kept(table, how, data, numeric, absent if how.na == "drop" else None)
    if how.na == "mean":
        X = filled(table, how, X, numeric, means)
    if blocks:
        X = with_blocks(X, positions, blocks)
    data = replace(data, X=X, feature_names=names_of(table, numeric, names, X.shape[1]), categories=categories,
                   means=means)
    return data if rows is None else only(data, rows)


def names_of(table, numeric, names, p):
    """Return the names of the features, None where they are too many and have none; names of one-hot columns stand."""
    if table.names is None and p > MAX_NAMED:
        return None
    plain = iter(numeric)
    return tuple(name_of(table, next(plain)) if name is None else name for name in names)


def rows_kept(table, how, data, numeric, absent):
    """Return a mask of the rows that stay, or None for all; raise MissingError where y, a weight or an offset lacks."""
    bad = {}
    keep = np.ones(data.X.shape[0], bool)
    if data.weights is not None and (data.weights < 0).any():
        raise DataError(f"{table.file} {table.place(int(np.argmax(data.weights < 0)))}: a weight is negative")
    target = f"{data.target_name!r} (the target)"
    for name, vector in ((target, data.y), ("weights", data.weights), ("offset", data.offset), ("groups", data.groups)):
        missing = np.zeros(0, bool) if vector is None else missing_in(vector)
        if missing.any():
            bad[name] = (table.place(int(np.argmax(missing))), None)
            keep &= ~missing
    if bad and how.na != "drop":
        raise bad_columns(table.file, bad, MissingRowError)
    if how.na != "drop":
        return None
    if not sparse.issparse(data.X):
        keep &= ~np.isnan(data.X).any(axis=1)
    keep &= ~absent
    if not keep.any():
        raise MissingError(f"{table.file}: every row has a missing value")
    return keep


def missing_in(vector):
    """Where a vector of numbers or of words has no value."""
    if vector.dtype.kind == "U":
        return missing_words(vector)
    return np.isnan(vector) if vector.dtype.kind == "f" else np.zeros(len(vector), bool)


def only(data, keep):
    """Return the data without the rows that are not kept."""
    dropped = int((~keep).sum())
    if not dropped:
        return data
    rows = {name: getattr(data, name)[keep] for name in ("y", "weights", "groups", "offset", "ids")
            if getattr(data, name) is not None}
    note = f"{dropped:,} of {len(keep):,} rows have missing values and are left out"
    return replace(data, X=data.X[np.flatnonzero(keep)], **rows, notes=(*data.notes, note))


def filled(table, how, X, numeric, means):
    """Return X with the mean of each column in place of its missing values.

    The means, those of the fit where there was one (`Reading.means`), are noted for every column.
    """
    if sparse.issparse(X):
        return X
    X = np.array(X, dtype=float)
    for k, j in enumerate(numeric):
        missing, name = np.isnan(X[:, k]), name_of(table, j)
        if missing.all() and name not in how.means:
            raise MissingError(f"{table.file}: column {table.label(j)} has no value to take the mean of")
        means[name] = float(how.means[name] if name in how.means else X[~missing, k].mean())
        X[missing, k] = means[name]
    return X


def name_of(table, j):
    """Return the name of a column; one that has none is called after its place."""
    return f"x{j + 1}" if table.names is None else table.names[j]


def notes_of(table, roles, rows):
    """Return what is said about columns that are no features by themselves."""
    query = table.qid is not None and rows["groups"] is None
    queries = ("qid is left out: groups 'qid' keeps the rows of a query together",) if query else ()
    used = {*roles.features, roles.id, roles.target, roles.groups, roles.weights, roles.offset}
    left_out = [f"column {table.label(j)} is left out: {why}" for j, why in table.left_out.items() if j not in used]
    return (*left_out, *queries)


# ---------------------------------------------------------------- the target, and more about the rows


def labels_of(table, j, how):
    """Return the labels of a column of words, or None where they are numbers; some may miss where rows are dropped."""
    labels = table.words([j])[j]
    if all(is_number(label) for label in labels if how.na != "drop" or label.lower() not in MISSING):
        return None
    return np.array(labels) if how.na == "drop" else complete(labels, table.file)


def complete(labels, file):
    """Return the labels as an array, none of them empty."""
    missing = next((i for i, label in enumerate(labels, 1) if label.lower() in MISSING), None)
    if missing is not None:
        raise DataError(f"{file}: the label of row {missing} is missing")
    return np.array(labels)


def aligned(values, n, name, table):
    """Return a vector of n rows; of labels, a first one too many is a header."""
    if values.dtype.kind in "US" and len(values) == n + 1:
        values = values[1:]
    if len(values) != n:
        what = "the target" if name == "y" else name
        raise DataError(f"{what} has {len(values)} values, but {table.file} has {n} rows")
    return values


def read_vector(source):
    """Read one number for each row from a file of its own."""
    if source.suffix in TEXT:
        table = TextTable(source, Reading())
        y = table.parts(list(range(table.width)), [], missing_ok=False)[0]
    elif source.suffix in (".npy", ".npz"):
        y = load_array(source)
    else:
        raise DataError(f"{source}: cannot read {source.suffix or 'a file without a suffix'}; "
                        f"known are {', '.join((*TEXT, '.npy', '.npz'))}")
    if y.ndim == 2 and 1 in y.shape:
        y = y.ravel()
    if y.ndim != 1:
        raise DataError(f"{source} has shape {y.shape}; one number for each row is needed")
    if y.dtype.kind not in "fiub":
        raise DataError(f"{source} holds {y.dtype}, not numbers")
    return y.astype(float)


def read_labels(source):
    """Read one label for each row from a file of its own; the first line may be a name."""
    if source.suffix not in TEXT:
        return read_vector(source)
    table = TextTable(source, Reading(header=False))
    labels = table.words([0])[0]
    if table.width > 1 or all(is_number(label) for label in labels[1:]):
        return read_vector(source)
    return complete(labels, source)


def words_of(table, j):
    """Return the words of a column as an array, or None for no column."""
    return None if j is None else np.array(table.words([j])[j])


def groups_of(table, roles, how):
    """Return the group of each row, or None where none is asked for; some may miss where rows are dropped."""
    groups = words_of(table, roles.groups)
    if groups is None or how.na == "drop":
        return groups
    missing = missing_words(groups)
    if missing.any():
        raise MissingRowError(f"{table.file} {table.place(int(np.argmax(missing)))}, column "
                              f"{table.label(roles.groups)}: missing group")
    return groups
