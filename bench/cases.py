"""The problems that are timed: what each is, and where its alphas and folds come from."""
import dataclasses
import hashlib

import numpy as np

from . import structures

FOLD_SEED = 0
GROUPS = ("main", "cv", "losses", "structures", "real", "scaling")


class CaseAbsent(Exception):
    """Say why the data of a case cannot be had here."""


@dataclasses.dataclass(frozen=True)
class Case:
    """Describe one problem.

    Parameters
    ----------
    name : str
    kind : str
        Which maker of `data.py`, `structures.py` or `real.py` builds the data.
    group : {"main", "cv", "losses", "structures", "real", "scaling"}
    loss : {"squared_error", "log_loss", "poisson"}
    n_samples, n_features, n_true : int
    rho : float
        Correlation of neighbouring columns.
    density : float
        Stored values per row and column (sparse kinds).
    snr : float
        Standard deviation of the signal over that of the noise; of the linear predictor itself where y is drawn from
        the means of another loss than squared error.
    fractions : tuple of (int, float)
        ``(K, e)``: K alphas, geometric from alpha_max to ``e * alpha_max``; ``(1, e)`` is ``e * alpha_max`` alone.
    folds : int
        0 for a path; otherwise the path is cross-validated on so many folds.
    threads : int, optional
        Instead of those that the run gives to every solver.
    axis, at : str, float
        For scaling cases: what grows ("n", "p", "nnz", "alphas", "folds", "threads"), and its value here.
    twin : str
        For structured cases: the case of independent columns of the same shape.
    l1_ratio, upper : float
        Share of the L1 part of the penalty, and a bound of every coefficient; a rival must offer what is not usual.
    dtype : str
    order : {"F", "C"}
        How dense X is stored: by columns, or by rows as NumPy does unless asked.
    seed : int
    target : str
        What the project promises for this case, printed with its table.
    """

    name: str
    kind: str = "ar1"
    group: str = "main"
    loss: str = "squared_error"
    n_samples: int = 0
    n_features: int = 0
    n_true: int = 0
    rho: float = 0.0
    density: float = 1.0
    snr: float = 3.0
    fractions: tuple = (100, 1e-2)
    folds: int = 0
    threads: int | None = None
    axis: str = ""
    at: float = 0.0
    twin: str = ""
    l1_ratio: float = 1.0
    upper: float = float("inf")
    dtype: str = "float64"
    order: str = "F"
    seed: int = 0
    target: str = ""

    def options(self):
        """Return the penalty's options that are not those of a lasso."""
        usual = {field.name: field.default for field in dataclasses.fields(self)}
        return {name: getattr(self, name) for name in ("l1_ratio", "upper") if getattr(self, name) != usual[name]}

    def key(self):
        """Return the name of the folder that caches the data: it changes when what it is made from changes."""
        made_from = (self.kind, self.n_samples, self.n_features, self.n_true, self.rho, self.density, self.snr,
                     self.dtype, self.seed)
        made_from += () if self.loss == "squared_error" else (self.loss,)
        made_from += () if self.order == "F" else (self.order,)
        return f"{self.kind}-{hashlib.sha256(repr(made_from).encode()).hexdigest()[:12]}"


_WIDE = {"n_samples": 200, "n_features": 20_000, "n_true": 50, "rho": 0.6}
_SQUARE = {"n_samples": 2_000, "n_features": 5_000, "n_true": 200, "rho": 0.6}
_TALL = {"n_samples": 100_000, "n_features": 300, "n_true": 60, "rho": 0.5}
_TALL_WIDER = {"n_samples": 20_000, "n_features": 2_000, "n_true": 300, "rho": 0.5}
_COLD = "gap 1e-6 no slower than the best of skglm and celer"


def _main():
    yield Case("wide", **_WIDE, target="gap 1e-9 in 0.3 x best loose")
    yield Case("wide-correlated", **_WIDE | {"rho": 0.95}, target="gap 1e-9 in 0.4 x best loose")
    yield Case("square", **_SQUARE, target="gap 1e-9 in 1.2 x best loose and 0.09 x best at 2e-5")
    yield Case("tall", **_TALL, target="gap 1e-9 in 0.3 x best peer")
    yield Case("tall-wider", **_TALL_WIDER, target="gap 1e-9 in 0.4 x best peer")
    yield Case("tall-wider-rows", **_TALL_WIDER, order="C", target="2 x the time of tall-wider")
    yield Case("text", "text", target="gap 1e-9 in 0.5 x best loose")
    yield Case("wide-cold-100", **_WIDE, fractions=(1, 1e-2), target=_COLD)
    yield Case("wide-cold-1000", **_WIDE, fractions=(1, 1e-3), target=_COLD)
    yield Case("square-cold-100", **_SQUARE, fractions=(1, 1e-2), target=_COLD)
    yield Case("square-cold-1000", **_SQUARE, fractions=(1, 1e-3), target=_COLD)
    yield Case("diabetes", "diabetes", target="path in 0.5 ms")
    yield Case("small-fit", n_samples=100, n_features=10, n_true=5, rho=0.5, fractions=(1, 1e-1),
               target="single fit in 60 us")
    yield Case("wide-float32", **_WIDE, dtype="float32", target="passes 1.5 x faster than float64")


def _cv():
    folds = {"group": "cv", "folds": 5}
    yield Case("wide-cv", **_WIDE, **folds, target="0.5 x best peer, 4 x own path")
    yield Case("tall-cv", **_TALL, **folds, target="0.1 x best peer, 1.5 x own path")
    yield Case("text-cv", "text", **folds, target="0.5 x best peer")


def _losses():
    logit, poisson = {"group": "losses", "loss": "log_loss"}, {"group": "losses", "loss": "poisson"}
    wide = {"n_samples": 1_000, "n_features": 10_000, "n_true": 50, "rho": 0.5, "snr": 2.0, **logit}
    tall = {"n_samples": 100_000, "n_features": 300, "n_true": 60, "rho": 0.5, "snr": 2.0, **logit}
    yield Case("logit-wide", **wide, target="0.5 x best peer")
    yield Case("logit-tall", **tall, target="0.2 x best peer")
    yield Case("logit-tall-rows", **tall, order="C", target="2 x the time of logit-tall")
    yield Case("logit-tall-wider", n_samples=20_000, n_features=2_000, n_true=200, rho=0.5, snr=2.0, **logit,
               target="0.2 x best peer")
    yield Case("logit-text", "text", **logit, target="0.4 x best peer")
    yield Case("poisson-tall", n_samples=100_000, n_features=200, n_true=50, rho=0.5, snr=0.7, **poisson,
               target="0.2 x best peer")
    yield Case("poisson-text", "text", **poisson, target="0.4 x best peer")
    yield Case("logit-one-fit", n_samples=10_000, n_features=10, n_true=5, rho=0.5, snr=2.0, fractions=(1, 1e-2),
               **logit, target="7 ms, no slower than scikit-learn")
    yield Case("logit-small-fit", n_samples=100, n_features=10, n_true=5, rho=0.5, snr=2.0, fractions=(1, 1e-1),
               **logit, target="150 us")
    yield Case("logit-wide-cv", **wide, folds=5, target="0.4 x best peer, 4 x own path")
    yield Case("logit-tall-cv", **tall, folds=5, target="0.2 x best peer, 4 x own path")
    yield Case("logit-text-cv", "text", **logit, folds=5, target="0.4 x best peer, 4 x own path")


def _structures():
    """Some structures in three shapes, each shape with its easy twin; saturated paths have many rows and few alphas."""
    target = "no slower than 5 x its easy twin"
    dense, sparse = {"n_samples": 300, "n_features": 1_500}, {"n_samples": 1_000, "n_features": 3_000}
    long = {"n_samples": 400, "n_features": 4_000, "fractions": (50, 1e-4)}
    shapes = {"easy-dense": dense, "easy-sparse": sparse}
    for twin, shape in shapes.items():
        yield Case(twin, twin, "structures", **shape)
    yield Case("easy-long", "easy-dense", "structures", **long | {"fractions": (50, 1e-2)})
    yield Case("saturation", "easy-dense", "structures", twin="easy-long", target=target, **long)
    for twin, kinds in (("easy-dense", structures.DENSE), ("easy-sparse", structures.SPARSE)):
        for kind in kinds:
            yield Case(kind, kind, "structures", twin=twin, target=target, **shapes[twin])
    yield Case("box-binds", "easy-dense", "structures", twin="easy-dense", upper=0.1, target=target, **dense)
    yield Case("elastic-net-copies", "copies", "structures", twin="easy-dense", l1_ratio=0.9, target=target, **dense)


def _real():
    for name in ("nci60", "tecator", "fermentation", "movielens", "nycflights", "debian"):
        yield Case(name, name, group="real")


def _scaling():
    dense = {"group": "scaling", "n_true": 50, "rho": 0.5}
    for n in (250, 1_000, 4_000, 16_000):
        yield Case(f"n-{n}", n_samples=n, n_features=2_000, axis="n", at=n, **dense)
    for p in (1_000, 4_000, 16_000, 64_000):
        yield Case(f"p-{p}", n_samples=300, n_features=p, axis="p", at=p, **dense)
    for nnz in (50_000, 200_000, 800_000, 3_200_000):
        yield Case(f"nnz-{nnz}", "sparse", group="scaling", n_samples=4_000, n_features=10_000, n_true=50,
                   density=nnz / (4_000 * 10_000), axis="nnz", at=nnz)
    for k in (10, 40, 160, 640):
        yield Case(f"alphas-{k}", n_samples=500, n_features=5_000, fractions=(k, 1e-2), axis="alphas", at=k, **dense)
    for folds in (3, 6, 12, 24):
        yield Case(f"folds-{folds}", n_samples=300, n_features=3_000, folds=folds, axis="folds", at=folds, **dense)
    for threads in (1, 2):
        yield Case(f"threads-{threads}", n_samples=1_000, n_features=20_000, threads=threads, axis="threads",
                   at=threads, **dense)


CASES = {case.name: case for make in (_main, _cv, _losses, _structures, _real, _scaling) for case in make()}


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


def fold_ids(n_samples, n_folds):
    """Return the fold that holds each row out.

    The permutation is the one that adelie draws from ``FOLD_SEED``, for its cross-validation takes no folds.
    """
    order = np.random.RandomState(FOLD_SEED).choice(n_samples, n_samples, replace=False)
    ids = np.empty(n_samples, dtype=np.int64)
    for fold, rows in enumerate(np.array_split(order, n_folds)):
        ids[rows] = fold
    return ids


def splits(ids):
    """Return the pairs (rows trained on, rows held out) of a vector of fold numbers."""
    return [(np.flatnonzero(ids != fold), np.flatnonzero(ids == fold)) for fold in range(ids.max() + 1)]
