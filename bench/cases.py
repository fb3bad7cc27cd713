"""The problems that are timed: what each is, how its data is made, and where the alphas come from.

Data is made once, by the process that runs the suite, and stored in a cache folder. Every rival's worker reads
the same bytes from there, so that no two rivals see different roundings of one problem and nothing that is timed
includes pickling or reading.
"""
import dataclasses
import hashlib
import json
import os
import pathlib

import numpy as np
import scipy.sparse

TEXT_VARIABLE = "FASTLASSO_BENCH_TEXT"


class CaseAbsent(Exception):
    """Say why the data of a case cannot be had here."""


@dataclasses.dataclass(frozen=True)
class Case:
    """Describe one problem.

    Parameters
    ----------
    name : str
    kind : {"ar1", "text", "diabetes"}
        Which maker below builds the data.
    n_samples, n_features, n_true : int
    rho : float
        Correlation of neighbouring columns.
    snr : float
        Standard deviation of the signal over that of the noise.
    fractions : tuple of (int, float)
        ``(K, e)``: K alphas, geometric from alpha_max to ``e * alpha_max``; ``(1, e)`` is ``e * alpha_max`` alone.
    dtype : str
    seed : int
    target : str
        What the project promises for this case, printed with its table.
    """

    name: str
    kind: str = "ar1"
    n_samples: int = 0
    n_features: int = 0
    n_true: int = 0
    rho: float = 0.0
    snr: float = 3.0
    fractions: tuple = (100, 1e-2)
    dtype: str = "float64"
    seed: int = 0
    target: str = ""

    def key(self):
        """Return the name of the folder that caches the data: it changes when what it is made from changes."""
        made_from = [v for k, v in dataclasses.asdict(self).items() if k not in ("name", "target", "fractions")]
        return f"{self.kind}-{hashlib.sha256(repr(made_from).encode()).hexdigest()[:12]}"


def _ar1(name, n, p, n_true, rho, target="", **more):
    return Case(name, "ar1", n, p, n_true, rho, target=target, **more)


_WIDE = dict(n=200, p=20_000, n_true=50, rho=0.6)
_SQUARE = dict(n=2_000, p=5_000, n_true=200, rho=0.6)
_COLD = "gap 1e-6 no slower than the best of skglm and celer"

CASES = {case.name: case for case in (
    _ar1("wide", **_WIDE, target="gap 1e-9 in 0.3 x best loose"),
    _ar1("wide-correlated", **{**_WIDE, "rho": 0.95}, target="gap 1e-9 in 0.4 x best loose"),
    _ar1("square", **_SQUARE, target="gap 1e-9 in 1.2 x best loose and 0.09 x best at 2e-5"),
    _ar1("tall", 100_000, 300, 60, 0.5, target="gap 1e-9 in 0.3 x best peer"),
    _ar1("tall-wider", 20_000, 2_000, 300, 0.5, target="gap 1e-9 in 0.4 x best peer"),
    Case("text", "text", target="gap 1e-9 in 0.5 x best loose"),
    _ar1("wide-cold-100", **_WIDE, fractions=(1, 1e-2), target=_COLD),
    _ar1("wide-cold-1000", **_WIDE, fractions=(1, 1e-3), target=_COLD),
    _ar1("square-cold-100", **_SQUARE, fractions=(1, 1e-2), target=_COLD),
    _ar1("square-cold-1000", **_SQUARE, fractions=(1, 1e-3), target=_COLD),
    Case("diabetes", "diabetes", target="path in 0.5 ms"),
    _ar1("small-fit", 100, 10, 5, 0.5, fractions=(1, 1e-1), target="single fit in 60 us"),
    _ar1("wide-float32", **_WIDE, dtype="float32", target="passes 1.5 x faster than float64"),
)}


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


def _make_ar1(case, text):
    """Build ``y = 3 + X b + noise`` with ``sd(X b) / sd(noise) = snr``; the shift makes the intercept matter."""
    rng = np.random.default_rng(case.seed)
    X = ar1_columns(rng, case.n_samples, case.n_features, case.rho)
    signal = X @ sparse_signal(rng, case.n_features, case.n_true)
    noise = rng.standard_normal(case.n_samples)
    y = 3.0 + signal + noise * (signal.std() / (case.snr * noise.std()))
    return X.astype(case.dtype, order="F", copy=False), y.astype(case.dtype, copy=False)


def _make_text(case, text):
    """Read word counts against a target: ``npz`` with CSR parts ``data, indices, indptr, shape`` and ``y``."""
    if not text:
        raise CaseAbsent(f"no text data: give --text FILE.npz or set {TEXT_VARIABLE}")
    if not os.path.exists(text):
        raise CaseAbsent(f"no text data: there is no file {text}")
    with np.load(text, allow_pickle=False) as parts:
        values = parts["data"].astype(np.float64)
        X = scipy.sparse.csr_matrix((values, parts["indices"], parts["indptr"]), shape=tuple(parts["shape"]))
        return X, parts["y"].astype(np.float64)


def _make_diabetes(case, text):
    """Load the diabetes data of Efron et al. (2004), 442 x 10, from scikit-learn."""
    try:
        from sklearn.datasets import load_diabetes
    except ImportError:
        raise CaseAbsent("the diabetes data needs scikit-learn in the Python that runs the suite") from None
    X, y = load_diabetes(return_X_y=True)
    return np.asfortranarray(X), y


_MAKERS = {"ar1": _make_ar1, "text": _make_text, "diabetes": _make_diabetes}


def alpha_max(X, y):
    """Return ``max_j |x_j . (y - mean y)| / n``: from there on every coefficient is zero (with intercept)."""
    y = np.asarray(y, dtype=np.float64)
    centred = y - y.mean()
    dtype = np.promote_types(X.dtype, np.float64)
    return float(np.abs(X.T.astype(dtype, copy=False) @ centred).max()) / X.shape[0]


def alpha_grid(X, y, fractions):
    """Return K alphas, geometric from alpha_max to ``e * alpha_max``, descending; for K = 1 the last alone."""
    count, last = fractions
    if count == 1:
        return np.array([last * alpha_max(X, y)])
    return alpha_max(X, y) * np.geomspace(1.0, last, count)


def make(case, text=None):
    """Return X (dense Fortran order, or CSR) and y of a case; raise CaseAbsent when its data cannot be had."""
    return _MAKERS[case.kind](case, text)


def _write(folder, X, y):
    if scipy.sparse.issparse(X):
        np.savez(folder / "X.npz", data=X.data, indices=X.indices, indptr=X.indptr, shape=X.shape)
    else:
        np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", y)


def store(case, cache, text=None):
    """Make the data of a case in the cache folder unless it is there.

    Returns
    -------
    pathlib.Path
        The folder that `load` reads.

    Raises
    ------
    CaseAbsent
        When the data cannot be had.
    """
    folder = pathlib.Path(cache) / case.key()
    if not (folder / "complete").exists():
        X, y = make(case, text)
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder, X, y)
        (folder / "complete").write_text(json.dumps(dataclasses.asdict(case), indent=1))
    return folder


def load(folder):
    """Read X (dense Fortran order, or CSR) and y of a stored case into memory."""
    folder = pathlib.Path(folder)
    y = np.load(folder / "y.npy")
    if (folder / "X.npy").exists():
        return np.load(folder / "X.npy"), y
    with np.load(folder / "X.npz") as parts:
        triple = (parts["data"], parts["indices"], parts["indptr"])
        return scipy.sparse.csr_matrix(triple, shape=tuple(parts["shape"])), y
