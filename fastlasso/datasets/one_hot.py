"""Columns of words as columns of 0 and 1, one for each word."""

import numpy as np
from scipy import sparse

from .errors import MOST_NAMED, DataError, MissingError, some
from .text_table import missing_words

# Below this share of values that are not zero in a row, a table with one-hot columns is stored sparse.
SPARSE_BELOW = 0.3


def one_hot(table, j, how, means):
    """Return (block, names, categories, missing) of one column.

    Parameters
    ----------
    means : dict
        Name of a column -> shares of its categories; filled in here, or used where `how.means` has it.

    Returns
    -------
    block : csr_array of shape (n_rows, n_categories)
    names : list of str
        "city=Rome" and so on.
    categories : list of str
    missing : ndarray of bool, shape (n_rows,)
    """
    name = f"x{j + 1}" if table.names is None else table.names[j]
    words = np.array(table.words([j])[j], dtype=str)
    missing = missing_words(words)
    if missing.any() and how.na == "error":
        where = table.place(int(np.argmax(missing)))
        raise MissingError(f"{table.file} {where}, column {table.label(j)}: missing value")
    categories = how.categories.get(name)
    if categories is None:
        categories = sorted(set(words[~missing].tolist()), key=natural)
    check_known(table, j, words, missing, categories)
    order = {word: k for k, word in enumerate(categories)}
    rows = np.flatnonzero(~missing)
    at = np.array([order[word] for word in words[rows]], dtype=np.int64)
    block = sparse.csr_array((np.ones(len(rows)), (rows, at)), shape=(len(words), len(categories)))
    if how.na == "mean":
        shares = how.means.get(name, np.bincount(at, minlength=len(categories)) / max(len(rows), 1))
        means[name] = np.asarray(shares).tolist()
        if missing.any():
            block = sparse.csr_array(block + sparse.csr_array(np.outer(missing, shares)))
    return block, [f"{name}={word}" for word in categories], categories, missing


def natural(word):
    """The order of categories: numbers by their size, before words."""
    try:
        return 0, float(word), word
    except ValueError:
        return 1, 0.0, word


def check_known(table, j, words, missing, categories):
    """Raise DataError where a column has words that are none of its categories."""
    new = sorted(set(words[~missing].tolist()) - set(categories))
    if new:
        first = table.place(int(np.argmax(words == new[0])))
        raise DataError(f"{table.file}: column {table.label(j)} has values that the fit has not seen: "
                        f"{some([repr(word) for word in new], MOST_NAMED)} (the first in {first})")


def with_blocks(X, positions, blocks):
    """Return X with blocks of columns put in before some positions of it; sparse where most values are zero."""
    pieces, last = [], 0
    for at, block in zip(positions, blocks, strict=True):
        pieces += [X[:, last:at], block]
        last = at
    pieces.append(X[:, last:])
    stored = sum(piece.nnz if sparse.issparse(piece) else piece.size for piece in pieces)
    size = X.shape[0] * sum(piece.shape[1] for piece in pieces)
    if sparse.issparse(X) or stored < SPARSE_BELOW * size:
        return sparse.csr_array(sparse.hstack([sparse.csr_array(piece) for piece in pieces], format="csr"))
    return np.hstack([piece.toarray() if sparse.issparse(piece) else piece for piece in pieces])
