"""Read a problem whose target is a class: the labels may be words."""

from pathlib import Path

import numpy as np

from .readers import (
    MAX_NAMED,
    MISSING,
    READERS,
    DataError,
    Dataset,
    column_number,
    first_line,
    is_header,
    is_number,
    numbered,
    read_csv,
    read_dataset,
    reader_of,
    split,
)


def read_classified(file, target=None, target_file=None):
    """Read a classification problem from a file.

    Parameters
    ----------
    file, target, target_file
        As in `read_dataset`. The target column of a .csv, and a target file of suffix .csv or .txt, may hold words.

    Returns
    -------
    Dataset
        y are numbers, or strings where a label is none.
    """
    file = Path(file)
    if target_file is not None and Path(target_file).suffix.lower() in (".csv", ".txt"):
        y = words_of_file(Path(target_file))
        return read_dataset(file, target, target_file) if y is None else with_target(file, y, Path(target_file))
    if target is None or target_file is not None or file.suffix.lower() != ".csv":
        return read_dataset(file, target, target_file)
    return read_csv_of_words(file, target) or read_dataset(file, target)


def read_csv_of_words(file, target):
    """Return the `Dataset` of a .csv whose target column holds words, or None where it holds numbers."""
    skip, first, delimiter = first_line(file)
    names = [field.strip() for field in first]
    named = target in names
    j = column_number(target, tuple(names) if named or is_header(first) else None, len(first), file)
    header = named or is_header(first[:j] + first[j + 1:])
    y = column_of_words(file, j, delimiter, skip + header)
    if all(is_number(label) for label in y):
        return None
    if len(first) == 1:
        raise DataError(f"{file} has no column besides the target")
    X, kept, _ = read_csv(file, text=j, header=header)
    name = names[j] if header else f"x{j + 1}"
    if kept is None:
        kept = tuple(other for other in numbered(len(first)) if other != name)
    return Dataset(X, complete(y, file), kept, name, file.name)


def words_of_file(file):
    """Return the labels of a file of one column, or None where they are numbers; the first line may be a name."""
    skip, first, delimiter = first_line(file)
    y = column_of_words(file, 0, delimiter, skip)
    numeric = [is_number(label) for label in y]
    if len(first) > 1 or all(numeric[1:]):
        return None
    return complete(y, file)


def with_target(file, y, target_file):
    """Return the `Dataset` of a file without a target, and of labels; a first line too many is a header."""
    X, names = read_matrix(file)
    n = X.shape[0]
    if len(y) == n + 1:
        y = y[1:]
    if len(y) != n:
        raise DataError(f"{target_file} has {len(y)} values, but {file} has {n} rows")
    return Dataset(X, y, names, target_file.stem, file.name)


def read_matrix(file):
    """Return (X, names) of a file, its own target left aside."""
    X, names, _ = reader_of(file, READERS)(file)
    return X, numbered(X.shape[1]) if names is None and X.shape[1] <= MAX_NAMED else names


def column_of_words(file, j, delimiter, skip):
    """Return the fields of column j below the first `skip` lines, without the blanks around them."""
    fields, number = [], 0
    with open(file, encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if number <= skip or not line.strip():
                continue
            row = split(line, delimiter)
            if len(row) <= j:
                raise DataError(f"{file} line {number}: {len(row)} fields, but the target is column {j + 1}")
            fields.append(row[j].strip())
    return fields


def complete(labels, file):
    """Return the labels as an array, none of them empty."""
    missing = next((i for i, label in enumerate(labels, 1) if label.lower() in MISSING), None)
    if missing is not None:
        raise DataError(f"{file}: the label of row {missing} is missing")
    return np.array(labels)
