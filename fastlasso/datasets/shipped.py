"""The three real data sets that come with the package; `docs/data.md` says where they are from."""

from itertools import combinations
from pathlib import Path

import numpy as np
from scipy import sparse

from .readers import Dataset

SHIPPED = Path(__file__).parents[1] / "data"
DIABETES_NAMES = ("age", "sex", "bmi", "map", "tc", "ldl", "hdl", "tch", "ltg", "glu")


def load_diabetes(quadratic: bool = True) -> Dataset:
    """Return the diabetes data of Efron et al. (2004), 442 patients.

    Parameters
    ----------
    quadratic : bool, default=True
        True: the 64 columns of the paper's section 3, namely the 10 measurements, the squares of 9 of them (sex has
        none) and their 45 products. Measurements are standardised to mean 0 and standard deviation 1 before they are
        multiplied, squares and products afterwards. False: the 10 measurements as they were taken.

    Returns
    -------
    Dataset
        X is a float64 array of shape (442, 64) or (442, 10).

    References
    ----------
    Efron, Hastie, Johnstone and Tibshirani (2004), Least angle regression, Ann. Statist. 32(2).

    Examples
    --------
    >>> from fastlasso.datasets import load_diabetes
    >>> data = load_diabetes()
    >>> data.X.shape, data.feature_names[2], data.feature_names[-1]
    ((442, 64), 'bmi', 'ltg:glu')
    """
    with np.load(SHIPPED / "diabetes.npz", allow_pickle=False) as stored:
        X, y = stored["X"], stored["y"]
    names = DIABETES_NAMES
    if quadratic:
        X, names = with_quadratic_terms(X, names, no_square=("sex",))
    return Dataset(X, y, names, "disease progression after one year", "Efron et al. 2004")


def with_quadratic_terms(X, names, no_square=()):
    """Return (columns, names) of the standardised columns of X, their squares and their pairwise products."""
    Z = standardised(X)
    p = len(names)
    squares = [j for j in range(p) if names[j] not in no_square]
    pairs = list(combinations(range(p), 2))
    first, second = np.array([(j, j) for j in squares] + pairs).T
    labels = [f"{names[j]}^2" for j in squares] + [f"{names[j]}:{names[k]}" for j, k in pairs]
    return np.hstack([Z, standardised(Z[:, first] * Z[:, second])]), (*names, *labels)


def standardised(X):
    """Return X with columns of mean 0 and standard deviation 1."""
    return (X - X.mean(axis=0)) / X.std(axis=0)


def load_debian_words() -> Dataset:
    """Return the words of 12,000 Debian packages' names and one-line descriptions, against their installed size.

    Columns are the words and pairs of neighbouring words that occur in at least three packages; values are counts.
    The target is the natural logarithm of 1 + installed size in kB. `bench/make_debian_words.py` is the recipe.

    Returns
    -------
    Dataset
        X is a float64 csr_array of shape (12000, 7112).

    Examples
    --------
    >>> from fastlasso.datasets import load_debian_words
    >>> data = load_debian_words()
    >>> data.X.shape, "data files" in data.feature_names
    ((12000, 7112), True)
    """
    X, names, stored = counted_words("debian_words.npz")
    y = np.log1p(stored["installed_kb"].astype(float))
    return Dataset(X, y, names, "log(1 + installed size in kB)", "Debian 12 package index")


def load_debian_programs() -> Dataset:
    """Return the words of Debian's programs' names and one-line descriptions, against whether they open a window.

    Columns are as in `load_debian_words`. The target is 1.0 where Debian's taggers have given the program the tag
    `interface::graphical` or `interface::x11`, and 0.0 where it has other interfaces only (a command line, a daemon,
    the web). `bench/make_debian_programs.py` is the recipe.

    Returns
    -------
    Dataset
        X is a float64 csr_array of shape (5062, 2968).

    Examples
    --------
    >>> from fastlasso.datasets import load_debian_programs
    >>> data = load_debian_programs()
    >>> data.X.shape, "puzzle game" in data.feature_names, int(data.y.sum())
    ((5062, 2968), True, 2194)
    """
    X, names, stored = counted_words("debian_programs.npz")
    return Dataset(X, stored["window"].astype(float), names, "opens a window", "Debian 12 package index")


def counted_words(file):
    """Return (counts as a csr_array, the words, the arrays of the file) of a shipped table of words."""
    with np.load(SHIPPED / file, allow_pickle=False) as archive:
        stored = dict(archive)
    names = tuple(stored["feature_names"].tobytes().decode().split("\n"))
    lengths = stored["row_lengths"]
    indptr = np.concatenate([[0], np.cumsum(lengths, dtype=np.int32)], dtype=np.int32)
    columns = stored["columns"].astype(np.int32)
    X = sparse.csr_array((stored["values"].astype(float), columns, indptr), shape=(len(lengths), len(names)))
    return X, names, stored
