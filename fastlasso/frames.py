"""Data frames and series: their names and row labels are used, so that nothing is matched by position unseen.

Frames are known by what they can do (`columns`, `to_numpy`, `index`), so neither pandas nor polars is imported.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy import sparse

# Most names that a message lists.
MOST_NAMES = 10


def is_frame(X):
    """Whether X is a table with columns, of pandas, polars or the like."""
    return hasattr(X, "columns") and hasattr(X, "to_numpy")


def column_names(X):
    """Return the names of a frame's columns as a list of str; None for anything else and for columns 0, 1, 2, ..."""
    if not is_frame(X):
        return None
    labels = list(X.columns)
    if all(isinstance(label, int | np.integer) for label in labels) and labels == list(range(len(labels))):
        return None
    return [str(label) for label in labels]


def row_labels(values):
    """Return the row labels (`index`) of a frame or a series, or None where it has none."""
    index = getattr(values, "index", None)
    return index if hasattr(index, "equals") else None


def check_rows(labels, values, name):
    """Raise ValueError where `values` have row labels other than `labels`, those of X; else rows go by place."""
    own = row_labels(values)
    if labels is None or own is None or len(labels) != len(own) or labels.equals(own):
        return
    position = int(np.argmax(np.asarray(labels != own)))
    raise ValueError(f"{name} has another index than X: at position {position} it is {own[position]!r}, that of X is "
                     f"{labels[position]!r}. Take {name}.loc[X.index] to match labels, or {name}.to_numpy() to go by "
                     "position")


def by_column(value, names, fill, name):
    """Return a vector with one entry per column from a dict or a series that names columns; others as they are.

    Columns that are not named get `fill`.

    Raises
    ------
    ValueError
        For names that are no columns, and for names where X has none.
    """
    pairs = named_values(value, names)
    if pairs is None:
        return value
    if names is None:
        raise ValueError(f"{name} names columns, but the columns of X have no names, or 0, 1, 2, ... for names: pass a "
                         "vector, or X as a frame with other names")
    if unknown := [key for key in pairs if key not in set(names)]:
        raise ValueError(f"{name} names {listed(unknown)}, but X has no column of that name")
    return np.array([pairs.get(column, fill) for column in names], dtype=float)


def named_values(value, names):
    """Return {name: value} of a dict or of a series labelled by names; None for anything that goes by place."""
    if isinstance(value, dict):
        return {str(key): number for key, number in value.items()}
    labels = row_labels(value)
    if labels is None or getattr(value, "ndim", 1) != 1:
        return None
    keys = list(labels)
    if not any(isinstance(key, str) for key in keys) and not (names and {str(key) for key in keys} <= set(names)):
        return None
    return dict(zip(map(str, keys), value.to_numpy(), strict=True))


def aligned(X, names):
    """Return X with its columns in the order of `names`; columns 0, 1, 2, ... in that order where names are None.

    Anything else without column names is returned as it is.

    Raises
    ------
    ValueError
        Where a frame lacks a column, has one that was not there at the fit, or repeats a name out of order.
    """
    if not is_frame(X):
        return X
    own, numbers = [str(label) for label in X.columns], [str(place) for place in range(X.shape[1])]
    if names is None:
        if not set(own) <= set(numbers) or own == numbers:
            return X        # the fit had no names, and these are no places
        names = numbers
    elif column_names(X) is None and sorted(own) != sorted(names):
        return X
    if own == names:
        return X
    missing, new = ([name for name in these if name not in set(those)] for these, those in ((names, own), (own, names)))
    said = [f"{what}: {listed(which)}" for what, which in (("missing", missing), ("new", new)) if which]
    if said:
        raise ValueError(f"the columns of X are not those of the fit; {'; '.join(said)}")
    if len(set(own)) < len(own) or len(own) != len(names):
        raise ValueError("the columns of X are not in the order of the fit, and names that occur twice forbid to sort "
                         f"them: {listed([name for name in dict.fromkeys(own) if own.count(name) > 1])}")
    order = [own.index(name) for name in names]
    return X.iloc[:, order] if hasattr(X, "iloc") else X[:, order]


def listed(names):
    """Return some names in quotes, the first ten of many."""
    text = ", ".join(repr(str(name)) for name in names[:MOST_NAMES])
    return text if len(names) <= MOST_NAMES else f"{text} and {len(names) - MOST_NAMES} more"


def values_of(X):
    """Return the values of a frame: a CSC array where pandas stores every column sparse around zero, else an array.

    Raises
    ------
    ValueError, TypeError
        For a column that holds no real numbers, by its name.
    """
    columns = sparse_columns(X)
    if columns is not None:
        return columns
    values = np.asarray(X.to_numpy())
    if values.dtype.kind not in "fiub":
        return numeric_columns(X)
    return values


def sparse_columns(X):
    """Return a pandas frame of sparse columns around zero as a CSC array, or None where it is not one."""
    if getattr(X, "sparse", None) is None or not X.shape[1]:
        return None
    arrays = [X.iloc[:, j].array for j in range(X.shape[1])]
    if any(array.fill_value != 0 or array.dtype.subtype.kind not in "fiub" for array in arrays):
        return None
    indices = [array.sp_index.indices if hasattr(array.sp_index, "indices") else array.sp_index.to_int_index().indices
               for array in arrays]
    data = np.concatenate([array.sp_values for array in arrays])
    data = data if data.dtype in (np.float32, np.float64) else data.astype(np.float64)
    indptr = np.concatenate([[0], np.cumsum([len(part) for part in indices])])
    return sparse.csc_array((data, np.concatenate(indices), indptr), shape=X.shape)


def numeric_columns(X):
    """Return a frame of mixed kinds as float64; a missing value becomes NaN."""
    values, names = np.empty(X.shape, order="F"), [str(label) for label in X.columns]
    for j, name in enumerate(names):
        column = X.iloc[:, j] if hasattr(X, "iloc") else X[:, j]
        values[:, j] = numeric_column(column, name)
    return values


def numeric_column(column, name):
    """Return the numbers of one column, or raise."""
    kind = np.asarray(column.to_numpy()).dtype.kind
    if kind == "c":
        raise ValueError(f"Complex data not supported: column {name!r} of X is complex")
    try:
        if kind in "mM":
            raise TypeError("dates and durations are no numbers")
        if hasattr(column, "iloc"):
            return column.to_numpy(dtype=float, na_value=np.nan)
        return column.to_numpy().astype(float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"column {name!r} of X holds values that are not numbers ({error}): drop it, or encode it, "
                         "for example by pandas.get_dummies") from error


class FeatureNames:
    """The attribute `feature_names` of a result: None, or one str per feature, checked when it is assigned."""

    def __set_name__(self, owner, name):
        self.kept = f"_{name}"

    def __get__(self, instance: Any, owner: type | None = None) -> list[str] | None:
        return None if instance is None else instance.__dict__.get(self.kept)

    def __set__(self, instance: Any, names: Iterable[Any] | None) -> None:
        instance.__dict__[self.kept] = None if names is None else checked_names(names, instance.n_features)


def checked_names(names, n_features):
    """Return names as a list of `n_features` str.

    Raises
    ------
    ValueError, TypeError
        For another number of names, and for a str or anything else that is no sequence.
    """
    if isinstance(names, str | bytes) or not hasattr(names, "__iter__"):
        raise TypeError(f"feature_names must be a sequence of {n_features} names, got {names!r}")
    names = [str(name) for name in names]
    if len(names) != n_features:
        raise ValueError(f"feature_names has {len(names)} names, expected {n_features}, one per feature")
    return names
