"""Hash what two thousand calls of public functions return, to prove that a change of the inside changes no result.

    OLD_PYTHON tests/fingerprint.py > FILE
    NEW_PYTHON tests/fingerprint.py --compare FILE

The first command writes a line "name answer passes" for each call. The second one computes all again, prints each call
that differs, and counts them. It ends with exit code 1 if an answer differs. An answer is all of the result but the
passes over X and the seconds. Warnings and errors are part of it. `--only TEXT` takes the calls with TEXT in the name.

Compare two checkouts on one machine. Hashes depend on the processor and on NumPy's BLAS, so the repository keeps none.
The script tests the fastlasso that its interpreter imports, and names that folder on standard error. It uses public
names only. Each call makes its data from a seed of their own, so a choice of calls gives the same hashes as all.

A name is function/data/options/arguments: a function of fastlasso or of this file, and words of the tables below.
"""

import argparse
import hashlib
import importlib.util
import os
import pickle
import re
import sys
import tempfile
import warnings
from functools import partial
from itertools import product
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"        # before numpy: one run must round as another does

import numpy as np
from layouts import LAYOUTS, build, exact_matrix, target
from scipy import sparse

import fastlasso
from fastlasso import Stage

# ---------------------------------------------------------------- what is hashed

FIT = "alpha coef intercept gap null_objective tol r2 certified n_passes"
PATH = ("alphas coefs intercepts gaps r2 df certified status null_objective tol n_samples n_features feature_names "
        "params n_passes")
CV = "alphas errors mean_error standard_error index alpha coef intercept path fold_paths oof_predictions rule"
FIELDS = {      # of a result, by the name of its class
    "LassoFit": FIT, "LassoPath": PATH, "AdaptivePath": f"{PATH} penalty_factor pilot",
    "ReweightedPath": f"{PATH} n_steps objectives penalty penalty_factor factors",
    "Mcp": "gamma", "Scad": "gamma", "Log": "gamma", "Lq": "gamma q",
    "PathCV": f"{CV} best_index index_1se alpha_min alpha_1se", "RelaxedCV": f"{CV} phis phi",
    "RelaxedPath": "lasso refit_values refit_intercepts refit_residuals certified alphas",
    "ScheduleFit": "fits penalty_factors paths cvs certified alphas coef intercept",
    "StabilityPath": "alphas probabilities mean_selected n_pairs n_passes",
    "Certificate": "primal dual gap relative_gap null_objective kkt_violation dual_scale",
}
SPARSE = ("format", "shape", "data", "indices", "indptr")
PASSES = ("n_passes", "n_iter_")        # what has one of these names is no part of the answer


def named_parts(value):
    """Return the parts of a result by name; an estimator's are all that its fit has set."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list | tuple):
        return dict(enumerate(value))
    if sparse.issparse(value):
        return {name: getattr(value, name) for name in SPARSE}
    if type(value).__name__ in FIELDS:
        return {name: getattr(value, name) for name in FIELDS[type(value).__name__].split()}
    if not hasattr(value, "get_params"):
        raise TypeError(f"FIELDS lacks the class {type(value).__name__}")
    return {name: part for name, part in vars(value).items() if name[-1] == "_" and name[0] != "_"}


def pieces(value, counts=False):
    """Yield (whether it counts passes, bytes) of everything in a result."""
    if isinstance(value, float):
        yield counts, float.hex(value).encode()
    elif value is None or isinstance(value, bool | int | str):
        yield counts, repr(value).encode()
    elif isinstance(value, np.ndarray | np.generic) and value.dtype.kind != "O":
        yield counts, f"{value.dtype.str} {value.shape} ".encode() + value.tobytes()
    else:
        parts = named_parts(value)
        yield counts, f"{type(value).__name__} {len(parts)}".encode()
        for name in sorted(parts, key=str):
            yield counts, str(name).encode()
            yield from pieces(parts[name], counts or name in PASSES)


def hashed(chunks):
    """Return the first digits of the hash of some bytes, each chunk with its length."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(len(chunk).to_bytes(8) + chunk)
    return digest.hexdigest()[:16]


def fingerprint(name, call):
    """Return [hash of the answer, hash of the passes] of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = list(pieces(call()))
        except Exception as error:
            found = list(pieces(["raised", type(error).__name__, str(error)]))
            if "/wrong" not in name:
                print(f"{name} raised {error!r}", file=sys.stderr)
    found += pieces(sorted(f"{warning.category.__name__}: {warning.message}" for warning in caught))
    return [hashed(part for counts, part in found if counts == which) for which in (False, True)]


# ---------------------------------------------------------------- data, as text


def normal(n, p, order="F", dtype="f8", shift=0.0, noise=0.0):
    """Return (X, y) of normal columns around `shift`; y has that much more noise than `target` gives it."""
    rng = np.random.default_rng([n, p])
    A = rng.standard_normal((n, p))
    return np.array(A + shift, dtype, order=order), target(A) + noise * rng.standard_normal(n)


def words(n, p, form, density=0.01, dtype="f8"):
    """Return (X, y) of counts like those of words in texts: the first columns have most of them."""
    rng = np.random.default_rng([n, p])
    size = int(density * n * p)
    at = rng.integers(0, n, size), (p * rng.random(size) ** 2).astype(int)
    X = sparse.coo_array((1.0 + rng.integers(0, 3, size), at), (n, p))
    y = X @ np.where(np.arange(p) % (p // 20) == 0, rng.standard_normal(p), 0.0) + rng.standard_normal(n)
    return X.astype(dtype).asformat(form), y


def held(layout, dtype, A):
    """Return (X, y) of a dense matrix in a layout; the open map of a file outlives the file."""
    with tempfile.TemporaryDirectory() as folder:
        return build(layout, A, Path(folder), dtype), target(A)


def dummies(n=90, k=6):
    return np.eye(k)[np.random.default_rng(k).integers(0, k, n)]


E = exact_matrix
HARD = {        # in all plain layouts
    "duplicated": "np.hstack([E(40, 30), E(40, 30)[:, ::-1], -E(40, 5)])", "far": "E(50, 80) + 2.0**17",
    "constant": "np.hstack([E(40, 60), np.full((40, 3), [0.3, 1e3 / 3, -1e-5]), np.ones((40, 40))])",
    "complements": "np.hstack([dummies(), 1 - dummies(), E(90, 70)])", "copies": "np.tile(E(12, 15), (1, 20))",
    "deficient": "E(60, 5, density=1.0) @ E(5, 100, 1)",
    "uneven-units": "E(120, 70) * 2.0 ** (np.arange(70) % 21 - 10)",
    "large-row": "E(50, 80) * np.where(np.arange(50) == 3, 1e4, 1.0)[:, None]",
}
FORMS = {"F": "F", "C": "C", "csc": "csc_array-int32-sorted", "csr": "csr_array-int64-sorted"}
SMALL = {       # each goes its own way through the solver
    "tiny-tall": "normal(60, 12)", "tiny-wide": "normal(40, 150)", "tall": "normal(300, 90)",
    "wide-F": "normal(80, 900)", "wide-C": "normal(80, 900, 'C')", "csc": "words(150, 600, 'csc', 0.05)",
    "csr": "words(150, 600, 'csr', 0.05)",
}
LARGE = {
    "large-F": "normal(200, 3000)", "large-C": "normal(200, 3000, 'C')", "large-f4": "normal(200, 3000, dtype='f4')",
    "square": "normal(800, 700, 'C')", "text-csc": "words(1000, 5000, 'csc')", "text-csr": "words(1000, 5000, 'csr')",
    "text-f4": "words(1000, 5000, 'csr', dtype='f4')", "summed-F": "normal(5000, 60)",
    "summed-C": "normal(5000, 60, 'C')", "summed-f4": "normal(5000, 60, 'C', 'f4')",
    "tall-csc": "words(5000, 60, 'csc', 0.1)",
    "tall-csr": "words(5000, 60, 'csr', 0.1)", "dense-csr": "words(2000, 3000, 'csr', 0.06)",
}
OTHER = {
    "far-tall": "normal(200, 20, shift=1e8)", "far-wide": "normal(60, 120, shift=1e8)", "one-column": "normal(30, 1)",
    "tall-f4": "normal(60, 12, 'C', 'f4')", "wide-f4": "normal(40, 150, 'C', 'f4')",
    "few-rows": "normal(3, 150, shift=1e3)", "noise-F": "normal(100, 1000, noise=30.0)",
    "noise-C": "normal(100, 1000, 'C', noise=30.0)",
}
WRONG = {f"wrong-{name}": f"(lambda X, y: ({pair}))(*normal(30, 8))" for name, pair in {
    "arguments": "X, y", "nan": "np.where(X > 2, np.nan, X), y", "huge": "X * 1e200, y", "tiny": "X * 1e-170, y",
    "zero": "0 * X, y", "rows": "X[1:], y", "empty": "X[:, :0], y", "nan-y": "X, y * np.nan", "huge-y": "X, y * 1e200",
    "constant-y": "X, 0 * y + 1 / 3", "text": "X, ['a'] * 30", "list": "X.tolist(), y.tolist()", "1d": "X[:, 0], y",
    "integers": "(8 * X).astype(int), y.astype('f4')", "coo": "sparse.coo_matrix(X), y[:, None]"}.items()}
IN_FORMS = {f"{name}-{form}": f"held({FORMS[form]!r}, 'f8', {HARD[name]})" for name, form in product(HARD, FORMS)}
IN_LAYOUTS = {f"{layout}/{dtype}/{shape.replace(', ', 'x')}": f"held({layout!r}, {dtype!r}, E({shape}))"
              for layout, dtype, shape in product(LAYOUTS, ("f8", "f4"), ("30, 100", "90, 20"))}
DATA = SMALL | LARGE | OTHER | WRONG | IN_FORMS | IN_LAYOUTS | {"2100-columns": "normal(100, 2100)"}

# ---------------------------------------------------------------- options, as text that may know X, y, n, p, i and j

FREE = "penalty_factor=np.where(j % 7 == 1, 0, np.where(j == 4, np.inf, 1.0 + j % 2))"      # some, and one excluded
OPTIONS = {f"ratio-{ratio}": f"l1_ratio={ratio}" for ratio in (0.0, 1e-3, 0.1, 0.5, 0.9, 0.99)} | {
    "plain": "", "no-intercept": "fit_intercept=False", "standardize": "standardize=True", "offset": "offset=np.sin(i)",
    "scaled-about-0": "standardize=True, fit_intercept=False", "weights": "sample_weight=i % 3",
    "weights-uneven": "sample_weight=10 ** np.linspace(-16, 0, n)", "factors": "penalty_factor=1 + j % 3",
    "one-free": "penalty_factor=j != 1", "some-free": FREE, "70-free": "penalty_factor=j >= 70",
    "excluded": "penalty_factor=np.where(j % 5, 1, np.inf)", "positive": "lower=0.0", "negative": "upper=0.0",
    "box": "lower=-0.05, upper=0.1", "uneven-box": "lower=-0.1 * (j % 3), upper=0.05 * (j % 4)",
    "one-sided": "lower=np.where(j % 2, -np.inf, -0.1)", "free-positive": f"lower=0.0, {FREE}",
    "pinned": "lower=np.where(j % 4, -np.inf, 0), upper=np.where(j % 4, np.inf, 0)",
    "ratio-free": f"l1_ratio=0.5, {FREE}",
    "ratio-box": "l1_ratio=0.5, lower=-0.05, upper=0.1", "ridge-box": "l1_ratio=0, lower=-0.01, upper=0.02",
    "everything": f"l1_ratio=0.8, standardize=True, lower=-0.5, sample_weight=i % 3, offset=np.sin(i), {FREE}",
}

# ---------------------------------------------------------------- functions beside those of fastlasso


def on(function, data, options, arguments):
    """Call a function on the data of that name, with options and arguments."""
    X, y = eval(DATA[data])
    n, p = (*np.shape(X), 1)[:2]
    known = {"X": X, "y": y, "n": n, "p": p, "i": np.arange(n), "j": np.arange(p)}
    given = eval(f"dict({', '.join(filter(None, (OPTIONS[options], arguments)))})", globals() | known)
    return (globals().get(function) or getattr(fastlasso, function))(X, y, **given)


def cold(X, y, share, tol=1e-6, **given):
    """Return alpha_max and the fit at a share of it, without a path."""
    top = fastlasso.alpha_max(X, y, **given)
    return top, fastlasso.fit(X, y, share * min(top, 10.0), tol=tol, **given)


def judged(X, y, digits, **given):
    """Judge a solution that was rounded to so many digits."""
    path = fastlasso.fit_path(X, y, alphas=[0.05], **given)
    solution = X, y, path.fit_at(0).coef.round(digits), round(float(path.intercepts[0]), digits)
    return [judge(*solution, alpha=0.05, **given) for judge in (fastlasso.verify, fastlasso.support_proof)]


def called_back(X, y, function, stop, **given):
    """Return a result and the states that its callback saw, which ends the path at one of them."""
    states, names = [], ("alpha", "index", "n_alphas", "df", "gap", "r2", "n_passes")

    def callback(state):
        states.append({name: getattr(state, name) for name in names})
        return state.index == stop

    return getattr(fastlasso, function)(X, y, callback=callback, **given), states


def used(X, y, **given):
    """Return what a path tells: solutions between and beyond its alphas, criteria, predictions, texts, its copies."""
    path = fastlasso.fit_path(X, y, alphas=12, eps=0.05, **given)
    at = [path.at(alpha) for alpha in (*np.sqrt(path.alphas[1:] * path.alphas[:-1]), path.alphas[3], 9.0, 1e-3)]
    criteria = [(path.select(name), path.criterion(name)) for name in ("aic", "bic", "ebic")]
    predicted = path.predict(X[:9]), path.predict(X[:9], alpha=float(path.alphas[4]), offset=np.arange(9.0))
    return at, criteria, predicted, path.effective_df(), reread(path), repr(path), {"n_passes": path.summary()}


def reread(path):
    """Return a path saved and read again, and one pickled."""
    with tempfile.TemporaryDirectory() as folder:
        path.save(Path(folder) / "path.npz")
        return fastlasso.load(Path(folder) / "path.npz"), pickle.loads(pickle.dumps(path))


def refined(X, y, function, **given):
    """Return the result of a refinement, its text, and its copies."""
    result = getattr(fastlasso, function)(X, y, **given)
    return result, repr(result), reread(result) if hasattr(result, "save") else None


def relaxed(X, y, **given):
    """Return a relaxed path and what it says of some phi."""
    path = fastlasso.relaxed_path(X, y, alphas=8, eps=0.05, **given)
    return path, [(path.coefs(phi), path.predict(X[:5], phi), path.intercept_at(3, phi)) for phi in (0.0, 0.3)]


def stable(X, y, **given):
    """Return selection probabilities, and bounds on what is selected by them."""
    result = fastlasso.stability_selection(X, y, alphas=8, eps=0.2, random_state=3, **given)
    bounds = [result.error_bound(0.8, k, unimodal) for k in range(len(result.alphas)) for unimodal in (False, True)]
    return result, bounds, result.support(), repr(result)


def estimator(X, y, name, data=None, **arguments):
    """Return a fitted estimator, and what it predicts or selects; `data` is other or more than X and y to fit."""
    model = getattr(fastlasso, name)(**arguments).fit(**({"X": X, "y": y} | (data or {})))
    told = model.predict(X[:7]) if hasattr(model, "predict") else model.get_support(indices=True)
    return model, told, getattr(model, "sparse_coef_", None)


def prior(X, y):
    return fastlasso.laplace_prior(0.7, 2.0, len(y)), fastlasso.laplace_scale(0.1, 2.0, len(y))


def own_score(y_true, y_pred, sample_weight=None):
    return -float(np.average(np.abs(y_true - y_pred) ** 1.5, weights=sample_weight))


class Blocks:
    """A splitter that holds out a group at a time."""

    def split(self, X, y, groups):
        return [(np.flatnonzero(groups != group), np.flatnonzero(groups == group)) for group in np.unique(groups)]


OVERLAPPING = [(np.arange(0, 30), np.arange(20, 40)), (np.repeat(np.arange(10, 40), 2), np.arange(0, 12))]
TO_RIDGE = [Stage("1se"), Stage("min", l1_ratio=0, factor="support", alphas=[1, 0.1, 0.01])]
TO_ADAPTIVE = [Stage("bic"), Stage("1se", factor="adaptive", gamma=0.5, alphas=9), Stage(0.01, 0.5, "support")]
OWN_FACTOR = [Stage(0.1), Stage("ebic", factor=lambda b: 1 / (0.1 + np.abs(b)), alphas=8), Stage(0, factor="support")]

# ---------------------------------------------------------------- the calls: products of the four parts of a name

FEW = ("plain", "weights", "some-free", "box", "ratio-0.5")
FOUR = ("tiny-tall", "wide-F", "csr", "tall")
SHORT = "cv=3, alphas=8, eps=0.05"
CALLS = [
    ("fit_path", IN_LAYOUTS, ["plain"], ["alphas=8, eps=0.02"]),
    ("fit_path", SMALL, OPTIONS, ["alphas=10, eps=0.02"]),
    ("fit_path", IN_FORMS | OTHER, (*FEW, "standardize", "no-intercept", "positive", "everything"),
     ["alphas=6, eps=0.03"]),
    ("fit_path", LARGE, (*FEW, "ratio-0.99"), ["alphas=8, eps=0.15"]),
    ("fit_path", LARGE, ["plain"], ["alphas=5, eps=0.3, n_threads=1", "alphas=5, eps=0.3, n_threads=2"]),
    ("fit_path", [f"copies-{form}" for form in FORMS], ("ratio-0.99", "ratio-0.0", "ridge-box"),
     ["alphas=5, tol=1e-10"]),
    ("fit_path", (*SMALL, "copies-F", "noise-F", "tall-f4", "wide-f4"), ["plain"], [
        "alphas=9, screening=False", "alphas=9, dfmax=7", "alphas=9, max_r2=0.8", "alphas=9, tol=0.01",
        "alphas=9, eps=0.02, tol=1e-13", "alphas=5, eps=0.1, tol=0", "alphas=[0.1, 0.7, 0.02, 0.7, 0.3, 5]",
        "alphas=[0.5, 0.05, 0.0]", "alphas=[1, 0.01]", "alphas=1", "alphas=12, eps=1e-6", "alphas=9, n_threads=1",
        "alphas=9, n_threads=2", "alphas=5, max_iter=1, l1_ratio=0.5, lower=-0.1"]),
    ("called_back", (*SMALL, "copies-F"), ["plain"], [
        f"function={name!r}, stop={stop}, alphas=9, eps=0.05"
        for name in ("fit_path", "cross_validate_path", "relaxed_path", "reweighted_path") for stop in (None, 4)]),
    ("cold", SMALL | OTHER | IN_FORMS, ["plain"], ["share=2", "share=0.3", "share=0.01", "share=1e-4", "share=1e-7"]),
    ("cold", FOUR, OPTIONS, ["share=0.03"]),
    ("cold", FOUR, FEW, ["share=0.03, tol=1e-3", "share=0.2, tol=1e-12"]),
    ("cold", SMALL, (*FEW, "positive", "70-free", "one-sided"), ["share=0"]),
    ("cold", LARGE, ["plain"], ["share=0.1"]),
    ("used", (*SMALL, "summed-C"), FEW, [""]),
    ("judged", (*SMALL, "far-tall", "wide-f4", "complements-F", "deficient-csr"), (*FEW, "one-sided", "pinned"),
     ["digits=3", "digits=12"]),
    ("verify", ["2100-columns"], ["plain"], ["coef=0 * j, alpha=0.1, penalty_factor=j > 2050"]),
    ("cross_validate_path", (*SMALL, "summed-F", "tall-csr", "far-tall"), ["plain"], [
        f"alphas=8, eps=0.05, {choice}" for choice in (
            "cv=4", "cv=3, random_state=5", "cv=OVERLAPPING", "cv=[(i % 2 == 0, i % 2 == 1)]", "rule='1se'",
            "cv=Blocks(), groups=4 * i // n", "scoring='mae'", "scoring='r2'", "scoring=own_score", "n_threads=1",
            "n_threads=2")]),
    ("cross_validate_path", ("tiny-tall", "tall", "csr", "summed-C"), OPTIONS, ["alphas=5, eps=0.1, cv=3"]),
    ("cross_validate_path", ("wide-C", "tall-csc"), FEW, ["alphas=5, eps=0.1, cv=3"]),
    ("cross_validate_path", ("tall", "csr", "summed-C"), ["weights"], [
        f"alphas=5, eps=0.1, cv=3, scoring={scoring}" for scoring in ("'mae'", "'r2'", "own_score")]),
    ("refined", FOUR, ["plain"], [f"function={name!r}, {SHORT}{more}" for name, choices in {
        "adaptive_path": ("", ", pilot_alpha='1se'", ", pilot_alpha='bic', gamma=2", ", pilot='ridge', pilot_alpha=0.1",
                          ", pilot='marginal', gamma=0.5", ", pilot=j"),
        "cross_validate_adaptive": ("", ", pilot_alpha='ebic', rule='1se'", ", pilot='ridge', pilot_alpha=1.0"),
        "cross_validate_relaxed": ("", ", rule='1se', phis=(0.1, 0.9)", ", lower=0.0"),
        "cross_validate_reweighted": ("", ", penalty='lq', rule='1se', random_state=1"),
    }.items() for more in choices]),
    ("refined", FOUR, ["plain"], [f"function='reweighted_path', alphas=8, eps=0.05{more}" for more in (
        "", ", penalty='scad'", ", penalty='log'", ", penalty='lq', q=0.3", ", gamma=1.5, standardize=True",
        ", lower=0.0", ", max_steps=2", ", dfmax=6", ", max_r2=0.5, n_threads=2")]),
    ("refined", ("copies-csc", "duplicated-F", "far-wide", "summed-C", "text-csr", "large-F"), ["plain"], [
        f"function={name!r}, alphas=6, eps=0.2" for name in ("relaxed_path", "reweighted_path")]),
    ("fit_schedule", FOUR, ["plain"], ["cv=3, stages=TO_RIDGE", "cv=3, stages=TO_ADAPTIVE", "stages=OWN_FACTOR"]),
    ("relaxed", FOUR, (*FEW, "everything"), [""]),
    ("adaptive_path", FOUR, FEW[:4], ["alphas=6, pilot_alpha=0.1"]),
    ("reweighted_path", (*FOUR, "complements-F", "complements-csr"), FEW[:4], ["alphas=6, eps=0.1"]),
    ("stable", (*FOUR, "summed-C"), (*FEW, "positive", "standardize"), [
        "n_pairs=3", "n_pairs=2, weakness=0.4", "n_pairs=2, dfmax=3, n_threads=2"]),
    ("prior", ["tiny-tall"], ["plain"], [""]),
    *[(name, WRONG, ["plain"], [""]) for name in ("fit_path", "alpha_max", "cross_validate_path")],
    *[(name, ["wrong-arguments"], ["plain"], wrong) for name, wrong in {
        "fit_path": ["alphas=[-1.0]", "alphas=0", "eps=2.0", "tol=-1.0", "l1_ratio=1.5", "l1_ratio=1e-310", "lower=1.0",
                     "sample_weight=0 * i", "penalty_factor=-1.0 - j", "offset=j", "dfmax=0.5", "n_threads=0"],
        # of several folds that fail at once on two threads either may be named
        "cross_validate_path": ["cv=1", "cv=31", "cv=[]", "scoring='auc'", "rule='2se'",
                                "cv=30, scoring='r2', n_threads=1",
                                "sample_weight=i > 9"],
        "reweighted_path": ["penalty='l0'", "gamma=0.5"], "cross_validate_relaxed": ["phis=[2.0]"],
        "adaptive_path": ["pilot='none'"], "fit_schedule": ["stages=[]"], "stability_selection": ["weakness=0.0"],
        "verify": ["coef=i, alpha=1.0", "coef=j, alpha=-1.0"], "fit": ["alpha=np.nan"]}.items()],
]
ESTIMATORS = [      # where scikit-learn is there
    ("estimator", ("tiny-tall", "tiny-wide", "csr", "wide-f4"), ["plain"], [f"name={text}" for text in (
        "'Lasso', alpha=0.1", "'Lasso', positive=True, fit_intercept=False", "'ElasticNet', tol=0.3",
        "'ElasticNet', alpha=0.1, standardize=True, data={'sample_weight': i % 3}", "'ElasticNet', alpha=0.0",
        "'ElasticNet', alpha=0.1, data={'y': np.column_stack([y, y[::-1]])}", "'LassoCV', alphas=8",
        "'LassoCV', alphas=8, rule='1se', scoring='neg_median_absolute_error'",
        "'LassoCV', data={'sample_weight': i % 3}",
        "'ElasticNetCV', l1_ratio=[0.1, 0.5, 1.0], alphas=6, cv=3", "'AdaptiveLasso', alpha=0.1",
        "'AdaptiveLassoCV', alphas=6, cv=3, pilot='marginal'", "'ReweightedLasso', alpha=0.2",
        "'ReweightedLassoCV', alphas=6, cv=3, penalty='scad', eps=0.05", "'RelaxedLasso', alpha=0.2, phi=0.3",
        "'RelaxedLassoCV', alphas=6, cv=3, rule='1se'", "'TwoStageLasso', cv=3",
        "'TwoStageLasso', prune='bic', refine=0.0",
        "'StabilitySelection', n_pairs=4, alphas=8, random_state=2")]),
    *[(name, ("tiny-tall", "csr", "wide-f4"), ["plain"], ["alphas=9"]) for name in ("lasso_path", "enet_path")],
    ("estimator", ["wrong-arguments"], ["plain"], ["name='Lasso', alpha=-1.0", "name='LassoCV', cv=1"]),
]


FREE_OPTIONS = {"one-free", "some-free", "70-free", "free-positive", "ratio-free", "everything"}
FREE_ARGUMENTS = r"\bshare=0$|, 0\.0\]|factor=j > 2050|\balpha=0\.0|refine=0\.0|OWN_FACTOR"


def named(parts):
    """Return the name of a call; "unpenalised" ends it where a column has factor 0 or alpha is 0."""
    free = parts[2] in FREE_OPTIONS or re.search(FREE_ARGUMENTS, parts[3])
    return "/".join((*parts, "unpenalised") if free else parts).replace(" ", "")


def all_calls():
    """Return {name: call}."""
    tables = CALLS + (ESTIMATORS if importlib.util.find_spec("sklearn") else [])
    return {named(parts): partial(on, *parts) for table in tables for parts in product([table[0]], *table[1:])}


# ---------------------------------------------------------------- command line


def hashes(only):
    """Yield (name, [answer, passes]) of the calls with that text in their name."""
    for name, call in all_calls().items():
        if only in name:
            yield name, fingerprint(name, call)


def compare(file, only):
    """Print what differs from a file of hashes; return whether an answer does."""
    lines = map(str.split, Path(file).read_text().splitlines())
    then, now = {name: pair for name, *pair in lines if only in name}, dict(hashes(only))
    alone, both = then.keys() ^ now.keys(), then.keys() & now.keys()
    answers = {name for name in both if now[name][0] != then[name][0]}
    passes = {name for name in both - answers if now[name] != then[name]}
    for names, what in ((alone, "is in one of both only"), (answers, "answer differs"), (passes, "only passes differ")):
        print(*(f"{name} {what}\n" for name in sorted(names)), sep="", end="")
    print(f"{len(now)} calls: {len(answers)} answers differ, {len(passes)} only in passes, {len(alone)} have no peer")
    return bool(answers or alone)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compare", metavar="FILE", help="compute again, and print what differs from the file")
    parser.add_argument("--only", metavar="TEXT", default="", help="take the calls with this text in their name")
    arguments = parser.parse_args()
    print(f"fastlasso of {Path(fastlasso.__file__).parent}, NumPy {np.__version__}", file=sys.stderr)
    if arguments.compare:
        return int(compare(arguments.compare, arguments.only))
    for name, pair in hashes(arguments.only):
        print(name, *pair, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
