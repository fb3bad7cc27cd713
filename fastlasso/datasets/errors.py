"""What can be wrong with data: one line that names the file and, where it can, the line and the column."""

# Columns that one message names.
MOST_NAMED = 10


class DataError(ValueError):
    """A data file cannot be used; the message is one line that names the file and, where it can, the line."""


class TargetError(DataError):
    """The target asked for is not in the data, or none was asked for."""


class ColumnError(DataError):
    """A column asked for is not in the data, or is asked for twice."""


class UnnamedError(ColumnError):
    """A column is asked for by a name, and no line of the file names columns."""


class WordsError(DataError):
    """Columns hold something that is no finite number."""


class MissingError(DataError):
    """Columns have missing values and nothing else is wrong with them."""


class MissingRowError(MissingError):
    """The target, a weight, an offset or a group is missing: no mean can take its place."""


class RepeatedNameError(DataError):
    """A header gives two columns the same name."""


class EncodingError(DataError):
    """A file is not text in the encoding that it was read in."""


class Utf16Error(EncodingError):
    """A file begins with the byte order mark of UTF-16."""


class IndexBaseError(DataError):
    """An svmlight file counts its columns from 0."""


def some(names, at_most=8):
    """Return the first names in one line."""
    return ", ".join(map(str, names[:at_most])) + (", ..." if len(names) > at_most else "")


def one_line(error):
    """Return the message of an error in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def bad_columns(file, bad, missing=MissingError):
    """Return the error about columns that cannot be read as numbers.

    Parameters
    ----------
    bad : dict
        Name of a column -> (where, field) of its first bad field; a field of None is a missing value.
    missing : class
        The error where all of them are missing values.
    """
    kind = missing if all(field is None for _, field in bad.values()) else WordsError
    if len(bad) == 1:
        (name, (where, field)), = bad.items()
        return kind(f"{file} {where}, column {name}: {complaint(field)}")
    parts = [f"{name} ({where}: {complaint(field)})" for name, (where, field) in list(bad.items())[:MOST_NAMED]]
    more = len(bad) - len(parts)
    what = "have missing values" if kind is missing else "are not all numbers"
    return kind(f"{file}: {len(bad)} columns {what}: {', '.join(parts)}" + (f" and {more} more" if more else ""))


def complaint(field):
    """Say what is wrong with a field that is no number; None is a missing one."""
    return "missing value" if field is None else f"{field[:40]!r} is not a finite number"
