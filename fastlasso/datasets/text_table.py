"""Tables in text: numbers and words, separated by commas, semicolons, tabs or blanks."""

import csv
import math
import re
import warnings
from contextlib import closing

import numpy as np

from .errors import DataError, RepeatedNameError, bad_columns, one_line

# Fields that stand for a missing value, in lower case.
MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}


def missing_words(words):
    """Where an array of words says that a value is missing."""
    return np.isin(np.char.lower(words), list(MISSING))


# What pandas calls the column of an index that was written without a name.
INDEX_NAMES = ("", "Unnamed: 0", "__index_level_0__")


class TextTable:
    """A table in text.

    Attributes
    ----------
    file : Source
    names : tuple of str, or None
        None where no line names the columns.
    width : int
    first : list of str
        The fields of the first line.
    left_out : dict
        Index of a column that is no feature by itself -> why: the numbers or names of the rows.
    """

    y = qid = None

    def __init__(self, source, how, wordy=()):
        self.file, self.decimal = source, how.decimal
        self._skip, first, self._sep = first_line(source, how)
        header = has_header(first, how.decimal, wordy) if how.header is None else how.header
        self._skip += header
        self.width, self.first = len(first), [field.strip() for field in first]
        self.names = tuple(name.strip() for name in first) if header else None
        if header and self._rows_are_longer():
            self.width, self.names = self.width + 1, ("", *self.names)
        self.left_out = {}
        if self.names is not None and self.names[0] in INDEX_NAMES and self.width > 1 \
                and are_row_names(self.words([0])[0]):
            self.left_out[0] = "it numbers or names the rows"
        if self.names is not None:
            self.left_out |= dict.fromkeys(self._nameless_and_empty(), "it has no name and is empty")
            self.names = checked_names(self.names, source, how.drop)

    def _nameless_and_empty(self):
        """Return the columns after the first that have neither a name nor a field that is not empty."""
        nameless = [j for j, name in enumerate(self.names) if j and not name]
        return [j for j, words in self.words(nameless).items() if not any(words)] if nameless else []

    def label(self, j):
        """Return what messages call a column."""
        return j + 1 if self.names is None else repr(self.names[j])

    def _rows_are_longer(self):
        """Whether each row has one field more than the header, its own name first, as R's write.table makes them."""
        with closing(self.rows(checked=False)) as rows:
            if len(next(rows, (0, []))[1]) != self.width + 1:
                return False
        rows = [fields for _, fields in self.rows(checked=False)]
        if len(rows) < 2 or any(len(fields) != self.width + 1 for fields in rows):
            return False
        return are_row_names([fields[0].strip() for fields in rows], counted=True)

    def rows(self, checked=True):
        """Yield (number of the line, fields) below the header; blank lines are none."""
        with self.file.text() as lines:
            for number, line in enumerate(lines, 1):
                if number <= self._skip or not line.strip():
                    continue
                fields = split(line, self._sep)
                if checked and len(fields) != self.width:
                    raise DataError(f"{self.file} line {number}: {len(fields)} fields, but {self.width} in the lines "
                                    "before")
                yield number, fields

    def words(self, columns):
        """Return the fields of some columns as {index: list of str}, without the blanks around them."""
        found = {j: [] for j in columns}
        for number, fields in self.rows(checked=False):
            for j in columns:
                if len(fields) <= j:
                    raise DataError(f"{self.file} line {number}: {len(fields)} fields, but column {j + 1} is asked for")
                found[j].append(fields[j].strip())
        return found

    def parts(self, features, others, missing_ok):
        """Return (X of some columns, {index: vector} of others), missing values as NaN.

        Raises
        ------
        WordsError, MissingError
            Where a field is neither a finite number nor, with `missing_ok`, missing; the error names each such column.
        """
        columns = [*features, *others]
        X = self._numbers(columns, missing_ok) if columns else np.zeros((sum(1 for _ in self.rows()), 0))
        k = len(features)
        return X[:, :k], {j: np.array(X[:, k + at]) for at, j in enumerate(others)}

    def _numbers(self, columns, missing_ok):
        try:
            X = self._loaded(columns)
        except DataError:
            raise
        except ValueError as error:
            X = self._parsed(columns, missing_ok)
            if not np.isnan(X).any() and not isinstance(error, RaggedError):
                raise DataError(f"{self.file} {one_line(error)}") from None
            return X
        unclear = np.isinf(X).any() or not (missing_ok or np.isfinite(X).all())
        return self._parsed(columns, missing_ok) if unclear else X

    def _loaded(self, columns):
        """Return the columns as NumPy reads them, which is fast; raise ValueError where it cannot."""
        every = list(columns) == list(range(self.width))
        with self.file.text() as lines, warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*input contained no data")
            plain = self.file.path if every and self.decimal == "." and self.file.is_plain else None
            X = np.loadtxt(plain or self._prepared(lines, not every), delimiter=self._sep, skiprows=self._skip,
                           quotechar='"', comments=None, ndmin=2, encoding="utf-8-sig",
                           usecols=None if every else list(columns))
        if every and len(X) and X.shape[1] != self.width:
            raise RaggedError
        return X if len(X) else X.reshape(0, len(columns))

    def _prepared(self, lines, counted):
        """Yield lines with a decimal point; with `counted`, raise RaggedError at one that may have other columns."""
        swapped = None if self.decimal == "." else str.maketrans({self.decimal: ".", ".": self.decimal})
        for number, line in enumerate(lines):
            if counted and number >= self._skip and line.strip():
                fields = len(line.split()) if self._sep is None else line.count(self._sep) + 1
                if fields != self.width:
                    raise RaggedError
            yield line if swapped is None else line.translate(swapped)

    def _parsed(self, columns, missing_ok):
        """Return the columns read field by field, which finds out what is wrong with each."""
        values, bad = [], {}
        for number, fields in self.rows():
            given = [fields[j] for j in columns]
            row = plain_numbers(given) if self.decimal == "." else None
            if row is not None:
                values.append(row)
                continue
            row = [number_in(field.strip(), self.decimal) for field in given]
            for j, value in zip(columns, row, strict=True):
                if value is None or not (missing_ok or value == value):
                    bad.setdefault(self.label(j), (f"line {number}", None if value is not None else fields[j].strip()))
            values.append(row)
        if bad:
            raise bad_columns(self.file, bad)
        return np.array(values, dtype=float).reshape(len(values), len(columns))

    def place(self, i):
        """Return where row i (from 0) stands, for messages."""
        return f"line {next(number for k, (number, _) in enumerate(self.rows(checked=False)) if k == i)}"


class RaggedError(ValueError):
    """A line may have more or fewer fields than the first one."""


def are_row_names(fields, counted=False):
    """Whether these are distinct words, or distinct whole numbers; with `counted`, 1, 2, 3 and so on."""
    if len(set(fields)) < len(fields):
        return False
    if all(re.fullmatch("[0-9]+", text) for text in fields):
        return not counted or fields == [str(i) for i in range(1, len(fields) + 1)]
    return not any(map(is_number, fields))


def first_line(source, how):
    """Return (blank lines before it, fields, delimiter) of the first line with text; blanks are a delimiter of None."""
    with source.text() as lines:
        for skip, line in enumerate(lines):
            if line.strip():
                marks = "\t;," if how.decimal == "." else "\t;"
                sep = "\t" if source.suffix == ".tsv" and how.sep is None else how.sep
                sep = next((mark for mark in marks if mark in line), None) if sep is None else sep
                return skip, split(line, None if sep in (None, " ") else sep), None if sep == " " else sep
    raise DataError(f"{source} is empty")


def split(line, delimiter):
    """Return the fields of a line; a delimiter of None stands for blanks."""
    try:
        return next(csv.reader([line.strip("\r\n")], delimiter=delimiter), []) if delimiter else unquoted(line)
    except csv.Error as error:
        raise DataError(f"unreadable line {line[:40]!r}: {error}") from None


def unquoted(line):
    """Return the fields of a line that are separated by blanks; quotes may stand around them."""
    if '"' not in line:
        return line.split()
    return [field for field in next(csv.reader([line.strip()], delimiter=" ", skipinitialspace=True), []) if field]


def has_header(fields, decimal, wordy):
    """Tell whether a first line names columns: it has a name asked for, or a word in a column that is to be numbers.

    `wordy` are names or numbers of columns that may hold words.
    """
    fields = [field.strip() for field in fields]
    if any(name in fields and number_in(name, decimal) is None for name in wordy):
        return True
    numbers = {int(name) for name in wordy if re.fullmatch("-?[0-9]+", name)}
    may_be_words = {number - 1 if number > 0 else len(fields) + number for number in numbers}
    return any(number_in(field, decimal) is None for j, field in enumerate(fields) if j not in may_be_words)


def is_number(field, decimal="."):
    """Tell whether a field is a finite number; Python would take 1_000 for one."""
    value = number_in(field, decimal)
    return value is not None and not np.isnan(value)


def number_in(field, decimal="."):
    """Return the number in a field, NaN where it is missing, None where it is neither; Python would take 1_000."""
    if field.lower() in MISSING:
        return np.nan
    try:
        value = float(field if decimal == "." else swap(field, decimal))
    except ValueError:
        return None
    return value if np.isfinite(value) and "_" not in field else None


def plain_numbers(fields):
    """Return the numbers in fields that are all plain ones, else None: `number_in` tells more, in ten times as long."""
    text = "".join(fields)
    if "_" in text or "n" in text or "N" in text:       # digits apart, nan, inf, and what stands for missing
        return None
    try:
        row = [float(field) for field in fields]
    except ValueError:
        return None
    return row if all(map(math.isfinite, row)) else None


def swap(field, decimal):
    """Return a field with its decimal mark and the point exchanged: a point within is no decimal mark."""
    return field.translate(str.maketrans({decimal: ".", ".": decimal}))


def checked_names(names, file, dropped=()):
    """Return the names of a header, checked; a column whose name is empty gets its number as name.

    A column that is left out by its number may have the name of another; the number is then part of its own. `dropped`
    are the columns left out, as `Reading.drop` has them.
    """
    names = [name or f"x{j}" for j, name in enumerate(names, 1)]
    dropped = {part.strip() for text in dropped for part in str(text).split(",")}
    for j, name in enumerate(names):
        if names.count(name) > 1 and not {str(j + 1), str(j - len(names))}.isdisjoint(dropped):
            names[j] = f"{name} ({j + 1})"
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        places = [j for j, name in enumerate(names, 1) if name == twice]
        raise RepeatedNameError(f"{file}: the header names {twice!r} twice, columns {places[0]} and {places[1]}")
    return tuple(names)
