"""The data of the cases: made or fetched once, stored in a cache folder, and read from there by every rival.

Every rival's worker reads the same bytes, so that no two rivals see different roundings of one problem and nothing
that is timed includes pickling or reading.
"""
import dataclasses
import json
import os
import pathlib

import numpy as np
import scipy.sparse

from . import real, structures
from .cases import CaseAbsent

TEXT_VARIABLE = "FASTLASSO_BENCH_TEXT"


def ar1_columns(rng, n_samples, n_features, rho):
    """Draw Gaussian columns of unit variance: ``X[:, j] = rho X[:, j-1] + sqrt(1 - rho^2) Z[:, j]``, Fortran order."""
    X = np.asfortranarray(rng.standard_normal((n_features, n_samples)).T)
    fresh = np.sqrt(1.0 - rho * rho)
    for j in range(1, n_features):
        X[:, j] *= fresh
        X[:, j] += rho * X[:, j - 1]
    return X


def sparse_signal(rng, n_features, n_true):
    """Return coefficients that are standard normal at `n_true` evenly spread places and 0 elsewhere."""
    coef = np.zeros(n_features)
    coef[np.linspace(0, n_features - 1, n_true).astype(int)] = rng.standard_normal(n_true)
    return coef


def _respond(rng, case, X):
    """Return ``y = 3 + X b + noise`` with ``sd(X b) / sd(noise) = snr``; the shift makes the intercept matter.

    Classes and counts are drawn from the means that ``eta = 1/2 + X b`` with ``sd(X b) = snr`` gives.
    """
    signal = X @ sparse_signal(rng, case.n_features, case.n_true)
    if case.loss != "squared_error":
        return _DRAWS[case.loss](rng, 0.5 + signal * (case.snr / signal.std()))
    noise = rng.standard_normal(case.n_samples)
    return 3.0 + signal + noise * (signal.std() / (case.snr * noise.std()))


def _draw_classes(rng, eta):
    """Draw 0 or 1 with probability ``1 / (1 + exp(-eta))`` of a 1."""
    return (rng.random(len(eta)) < 1.0 / (1.0 + np.exp(-eta))).astype(np.float64)


def _draw_counts(rng, eta):
    """Draw Poisson counts with mean ``exp(eta)``."""
    return rng.poisson(np.exp(eta)).astype(np.float64)


_DRAWS = {"log_loss": _draw_classes, "poisson": _draw_counts}


def _make_ar1(case):
    rng = np.random.default_rng(case.seed)
    X = ar1_columns(rng, case.n_samples, case.n_features, case.rho)
    y = _respond(rng, case, X)
    return X.astype(case.dtype, order=case.order, copy=False), y.astype(case.dtype, copy=False)


def _make_sparse(case):
    """Draw counts whose columns grow rarer like words: a value falls in column ``p u^2`` for a uniform u."""
    rng = np.random.default_rng(case.seed)
    n, p = case.n_samples, case.n_features
    count = int(case.density * n * p)
    rows, cols = rng.integers(n, size=count), (p * rng.random(count) ** 2).astype(np.int64)
    X = scipy.sparse.csr_matrix((np.ones(count), (rows, cols)), shape=(n, p))
    return X, _respond(rng, case, X)


def _make_diabetes(case):
    """Load the diabetes data of Efron et al. (2004), 442 x 10, from scikit-learn."""
    try:
        from sklearn.datasets import load_diabetes
    except ImportError:
        raise CaseAbsent("the diabetes data needs scikit-learn in the Python that runs the suite") from None
    X, y = load_diabetes(return_X_y=True)
    return np.asfortranarray(X), y


_TARGETS = {  # what a loss makes of the target of the text case
    "squared_error": lambda y: y,
    "log_loss": lambda y: (y > np.median(y)).astype(np.float64),
    "poisson": lambda y: np.floor(np.exp(y / 3.0)),
}


def _read_text(text, loss):
    """Read word counts against a target: ``npz`` with CSR parts ``data, indices, indptr, shape`` and ``y``."""
    if not text:
        raise CaseAbsent(f"no text data: give --text FILE.npz or set {TEXT_VARIABLE}")
    if not os.path.exists(text):
        raise CaseAbsent(f"no text data: there is no file {text}")
    with np.load(text, allow_pickle=False) as parts:
        values = parts["data"].astype(np.float64)
        X = scipy.sparse.csr_matrix((values, parts["indices"], parts["indptr"]), shape=tuple(parts["shape"]))
        return X, _TARGETS[loss](parts["y"].astype(np.float64))


_MAKERS = {"ar1": _make_ar1, "sparse": _make_sparse, "diabetes": _make_diabetes}


def make(case, cache=None, text=None):
    """Return X (dense, or CSR) and y of a case.

    Parameters
    ----------
    case : Case
    cache : path, optional
        Where packages that carry real data are kept; needed for these only.
    text : path, optional
        File of the text case.

    Raises
    ------
    CaseAbsent
        When the data cannot be had.
    """
    if case.kind == "text":
        return _read_text(text, case.loss)
    if case.kind in real.LOADERS:
        return real.load(case.kind, cache)
    if case.kind in structures.MAKERS:
        return structures.make(case)
    return _MAKERS[case.kind](case)


def _write(folder, X, y):
    if scipy.sparse.issparse(X):
        np.savez(folder / "X.npz", data=X.data, indices=X.indices, indptr=X.indptr, shape=X.shape)
    else:
        np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", y)


def store(case, cache, text=None):
    """Make the data of a case in the cache folder unless it is there; return the folder that `load` reads."""
    folder = pathlib.Path(cache) / case.key()
    if not (folder / "complete").exists():
        X, y = make(case, cache, text)
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder, X, y)
        (folder / "complete").write_text(json.dumps(dataclasses.asdict(case), indent=1))
    return folder


def load(folder):
    """Read X (dense, or CSR) and y of a stored case into memory."""
    folder = pathlib.Path(folder)
    y = np.load(folder / "y.npy")
    if (folder / "X.npy").exists():
        return np.load(folder / "X.npy"), y
    with np.load(folder / "X.npz") as parts:
        triple = (parts["data"], parts["indices"], parts["indptr"])
        return scipy.sparse.csr_matrix(triple, shape=tuple(parts["shape"])), y


def nbytes(X):
    """Return the bytes of the stored values and indices of X."""
    return X.nbytes if hasattr(X, "nbytes") else X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
