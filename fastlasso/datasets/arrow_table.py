"""Tables in Parquet and Feather files, read by pyarrow (extra "parquet")."""

from importlib import import_module

import numpy as np

from .errors import DataError, bad_columns, one_line
from .text_table import INDEX_NAMES, checked_names, is_number


class ArrowTable:
    """A table of typed columns.

    Attributes
    ----------
    file, names, width, left_out
        As in `TextTable`.
    """

    y = qid = None

    def __init__(self, source, table, dropped=()):
        self.file, self._table = source, table
        self.names, self.width = checked_names(table.column_names, source, dropped), table.num_columns
        self.left_out = {j: "it numbers or names the rows" for j, name in enumerate(self.names)
                         if name.startswith("__index_level_") or (name in INDEX_NAMES and self.width > 1)}

    def label(self, j):
        """Return what messages call a column."""
        return repr(self.names[j])

    def words(self, columns):
        """Return some columns as {index: list of str}; what is missing is an empty string."""
        return {j: ["" if value is None else str(value) for value in self._table.column(j).to_pylist()]
                for j in columns}

    def parts(self, features, others, missing_ok):
        """Return (X of some columns, {index: vector} of others), missing values as NaN; as `TextTable.parts`."""
        columns = [*features, *others]
        X, bad = np.empty((self._table.num_rows, len(columns)), order="F"), {}
        for k, j in enumerate(columns):
            X[:, k], wrong = self._vector(j)
            wrong = first_missing(X[:, k]) if wrong is None and not missing_ok else wrong
            if wrong is not None:
                row, field = wrong
                bad[self.label(j)] = (self.place(row), field)
        if bad:
            raise bad_columns(self.file, bad)
        return X[:, :len(features)], {j: X[:, len(features) + k].copy() for k, j in enumerate(others)}

    def _vector(self, j):
        """Return (a column as float64, (row, field) of its first value that is no number or None)."""
        column = self._table.column(j)
        kind = column.type
        if str(kind) in ("bool", "halffloat", "float", "double") or str(kind).lstrip("u").startswith("int"):
            values = column.cast("float64").to_numpy()
            infinite = np.flatnonzero(np.isinf(values))
            return values, (infinite[0], str(values[infinite[0]])) if len(infinite) else None
        words = self.words([j])[j]
        first = next((i for i, text in enumerate(words) if text and not is_number(text)), 0)
        return np.nan, (first, words[first] if words else str(kind))

    def place(self, i):
        """Return where row i (from 0) stands, for messages."""
        return f"row {i + 1}"


def first_missing(values):
    """Return (row, None) of the first NaN, or None."""
    at = np.flatnonzero(np.isnan(values))
    return (int(at[0]), None) if len(at) else None


def read_parquet(source, how, wordy=()):
    """Read a Parquet file."""
    return read_by("parquet", source, how)


def read_feather(source, how, wordy=()):
    """Read a Feather file, which is an Arrow file."""
    return read_by("feather", source, how)


def read_by(module, source, how):
    """Read a file by a module of pyarrow."""
    try:
        reader = import_module(f"pyarrow.{module}")
        from pyarrow import ArrowException
    except ImportError:
        raise DataError(f'{source}: to read {source.suffix} files, pip install "fastlasso[parquet]"') from None
    try:
        return ArrowTable(source, reader.read_table(source.file()), how.drop)
    except (ArrowException, ValueError) as error:
        raise DataError(f"{source} is not a {module} file: {one_line(error)}") from None
