"""Read rows to predict: the columns of a fit, by their names where both have names."""

import re
from dataclasses import replace

from scipy import sparse

from .errors import MOST_NAMED, DataError, some
from .matrix_table import MatrixTable
from .readers import assembled, checked, files_beside, open_table
from .reading import roles_of


def read_like(file, names, n_features, how=None, target=None):
    """Read the columns that a fit has used.

    Parameters
    ----------
    names : sequence of str, or None
        The features of the fit.
    n_features : int
    how : Reading, optional
        Its `categories` are those of the fit; `columns` and `one_hot` follow from names.
    target : str, optional
        A column that is no feature, where columns go by their places.

    Returns
    -------
    Dataset
        Its y is None, its columns are in the order of the fit.

    Raises
    ------
    DataError
        Where columns of the fit are missing.
    """
    how = checked(how)
    table = open_table(file, how, (*how.wordy(target), *how.categories))
    how, beside = files_beside(table, how)
    by_place = table.names is None or goes_by_places(names, table.names)
    if by_place:
        data = assembled(table, how, roles_of(table, how, target), beside, aside=True)
        return replace(data, X=as_wide(data.X, table, n_features))
    raw = raw_columns(names, how.categories)
    known = set(table.names)
    lacking = [name for name in raw if name not in known]
    if lacking:
        raise DataError(f"{table.file} lacks {len(lacking)} of the {len(raw)} columns of the fit: "
                        f"{some([repr(name) for name in lacking], MOST_NAMED)}")
    how = replace(how, columns=tuple(raw), one_hot=tuple(how.categories), drop=())
    data = assembled(table, how, roles_of(table, how, None), beside, aside=True)
    left = [repr(name) for j, name in enumerate(table.names)
            if name not in set(raw) and j not in table.left_out and name not in (how.id, how.offset, target)]
    note = (f"not of the fit and left out: {some(left, MOST_NAMED)}",) if left else ()
    return replace(data, notes=(*data.notes, *note))


def goes_by_places(names, given):
    """Whether the columns of a fit had no names, or only their numbers, and a table has others."""
    return names is None or (all(re.fullmatch("x[0-9]+", name) for name in names) and not set(names) & set(given))


def raw_columns(names, categories):
    """Return the columns of a table that features were made of: one-hot features by the column they come from."""
    source = {f"{column}={word}": column for column, words in categories.items() for word in words}
    return list(dict.fromkeys(source.get(name, name) for name in names))


def as_wide(X, table, n_features):
    """Return X as wide as the fit: svmlight lines may lack the last columns; anything else must have them all."""
    n, p = X.shape
    if p < n_features and isinstance(table, MatrixTable) and table.y is not None:
        return sparse.csr_array((X.data, X.indices, X.indptr), shape=(n, n_features))
    if p != n_features:
        raise ColumnCountError(f"{table.file} has {p} columns, the path {n_features}")
    return X


class ColumnCountError(DataError):
    """A table without names has more or fewer columns than the fit."""
