"""Random small problems, each solved and judged: does the library keep its promises on what nobody thought of?

    python tests/fuzz.py --count 1000000 --jobs 2 --seed 0

Problem number s is a function of s alone, so a violation is named by its seed and repeated by `--seed s --count 1`, and
a run that was stopped goes on at any seed. From STRUCTURED_FROM on X is structured: copies, sums, spectra. From
LOSSES_FROM on the loss is one of LOSSES. Both ranges begin with problems of up to 40 x 150 and 30 alphas; SMALL_AFTER
seeds later begin small ones, of up to 30 x 30 and few alphas, of which a core judges two to three times as many.
Problem ABSENT_FROM + s is problem s with columns that vary little, some of them 0 in the rows that do not count.

A violation is a crash of the process, an exception, a coefficient outside its bounds or not finite, a gap larger than
the one claimed (by `verify`, and where that cannot tell by 60 digits), or a solution that is not certified without a
ConvergenceWarning, or a problem that takes longer than SLOW seconds and PACE times its twin (not where CRIPPLED leaves
too few sweeps). Honest failures to reach `tol` are counted apart. Of a loss that is not quadratic, a claimed gap is
wrong where it is below the distance from the objective of a tighter solution, and `verify` is wrong where its is.

With --solve-only, for runs under a sanitizer, no gap is judged and each problem is solved several times: in COPIES
layouts, by all WAYS, on one thread and on two. Solutions are then all that were computed, one for each alpha of each
call (of its folds too, in a cross-validation); without it they are those judged, at most three of a path.
"""

import argparse
import os
import signal
import sys
import threading
import time
import warnings
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, cycle

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")      # before numpy: its threads wait longer than they work here

import numpy as np
from layouts import DTYPES, LAYOUTS, build
from oracles import exact_gap

from fastlasso import (
    ConvergenceWarning,
    Huber,
    NegativeBinomial,
    Tweedie,
    alpha_max,
    cross_validate_path,
    fit,
    fit_path,
    verify,
)
from fastlasso.ways import going

IN_MEMORY = [name for name in LAYOUTS if "memmap" not in name]
IN_SPARSE = [name for name in IN_MEMORY if name.startswith("cs")]
CHUNK = 200             # problems per piece of work of a run
COPIES = 8              # of each problem in a run that judges nothing
SLACK = 1e-8            # of P(0), and
ROUNDING = 1e-12        # of the mean square of y: what rounding may do to a gap
MOST_SWEEPS = 50        # for one alpha
MOST_SHOWN = 50         # violations printed in full
TIGHT = 1e-12           # the tolerance of a second solution
CAPPED = 1e250          # (e^300)^2 is the largest claim (`losses/risk.py`)


# ---------------------------------------------------------------- the problems

def low_rank(rng, X):
    rank = int(rng.integers(1, 1 + min(X.shape)))
    return X[:, :rank] @ rng.standard_normal((rank, X.shape[1]))


def mixed(rng, X):
    p = X.shape[1]
    return X @ (np.eye(p) + rng.standard_normal((p, p)) * (rng.random((p, p)) < 0.1))


MATRICES = {
    "normal": lambda rng, X: X,
    "binary": lambda rng, X: (rng.random(X.shape) < 0.3).astype(float),
    "signs": lambda rng, X: np.sign(X),
    "mixed": mixed,
    "duplicated": lambda rng, X: X[:, rng.integers(0, X.shape[1], X.shape[1])],
    "nearly_equal": lambda rng, X: X[:, :1] + 10.0 ** rng.integers(-6, 0) * X,
    "few_integers": lambda rng, X: np.round(X) * (rng.random(X.shape) < 0.2),
    "low_rank": low_rank,
    "column_scales": lambda rng, X: X * 10.0 ** rng.uniform(-6, 6, X.shape[1]),
    "heavy_tails": lambda rng, X: X / np.maximum(np.abs(rng.standard_normal(X.shape)), 1e-3),
}
NEARLY_DEPENDENT = ("low_rank", "nearly_equal")


def near_copies(rng, X):
    """A few columns, each repeated with noise of any size down to the last digit."""
    B = X[:, :max(1, X.shape[1] // int(rng.integers(2, 6)))]
    return B[:, np.arange(X.shape[1]) % B.shape[1]] * (1 + 10.0 ** -rng.integers(1, 17) * X)


def sums(rng, X):
    """Columns, and sums and differences of two of them."""
    half = max(1, X.shape[1] // 2)
    i, j = rng.integers(0, half, (2, X.shape[1] - half))
    return np.hstack([X[:, :half], X[:, i] + rng.choice([-1.0, 1.0], len(j)) * X[:, j]])


def complements(rng, X):
    """Yes and no, each as a column."""
    B = (rng.random((len(X), -(-X.shape[1] // 2))) < rng.uniform(0.1, 0.9)).astype(float)
    return np.hstack([B, 1 - B])[:, :X.shape[1]]


def levels(rng, X):
    """One-hot columns of a few categories: each category sums to 1."""
    codes = rng.integers(0, rng.integers(2, 6), (len(X), X.shape[1]))
    return (codes[:, np.arange(X.shape[1]) // 3] == np.arange(X.shape[1]) % 3).astype(float)


def nearly_constant(rng, X):
    """Some columns vary in their last digits alone."""
    return np.where(rng.random(X.shape[1]) < 0.3, 0.3 * (1 + 10.0 ** -rng.integers(12, 17, X.shape[1]) * X), X)


def spectrum(rng, X):
    """Smooth columns, each much like its neighbours."""
    at, centre = np.linspace(0, 1, X.shape[1]), np.linspace(0, 1, len(X))[:, None]
    return np.exp(-((at - centre) / rng.uniform(0.02, 0.5)) ** 2) + 10.0 ** -rng.integers(2, 9) * X


LOSSES = {
    "log_loss": lambda rng, eta: ("log_loss", (rng.random(len(eta)) < 1 / (1 + np.exp(-eta))).astype(float)),
    "proportions": lambda rng, eta: ("log_loss", rng.integers(0, 5, len(eta)) / 4),
    "poisson": lambda rng, eta: ("poisson", 1.0 + rng.poisson(np.exp(eta))),
    "zeros": lambda rng, eta: ("poisson", np.append(1.0, rng.poisson(np.exp(eta - 2)))[:len(eta)]),
    "gamma": lambda rng, eta: ("gamma", rng.gamma(2.0, np.exp(eta) / 2) + 1e-3),
    "huber": lambda rng, eta: (Huber(float(rng.uniform(0.1, 2))), eta + rng.standard_t(2, len(eta))),
    "squared_hinge": lambda rng, eta: ("squared_hinge", (eta + rng.standard_normal(len(eta)) > 0).astype(float)),
    "tweedie": lambda rng, eta: (Tweedie(float(rng.uniform(1.05, 1.95))),
                                 np.append(1.0, rng.poisson(np.exp(eta)) * rng.gamma(2.0, 1.0, len(eta)))[:len(eta)]),
    "negative_binomial": lambda rng, eta: (NegativeBinomial(float(rng.choice([0.3, 2.0, 50.0]))),
                                           1.0 + rng.negative_binomial(2, 2 / (2 + np.exp(eta)))),
}
STRUCTURES = {function.__name__: function
              for function in (near_copies, sums, complements, levels, nearly_constant, spectrum)}
STRUCTURED_FROM = 10**13
LOSSES_FROM = 2 * 10**13
SMALL_AFTER = 5 * 10**12
ABSENT_FROM = 10**14
SIZES = {       # (rows, their odds), (columns, theirs)
    False: (([1, 2, 3, 5, 10, 20, 40], [0.03, 0.05, 0.07, 0.15, 0.3, 0.25, 0.15]),
            ([1, 2, 3, 8, 20, 70, 150], [0.05, 0.05, 0.1, 0.25, 0.3, 0.2, 0.05])),
    True: (([2, 3, 5, 8, 12, 18, 30], [0.05, 0.1, 0.2, 0.25, 0.2, 0.15, 0.05]),
           ([1, 2, 3, 5, 8, 15, 30], [0.05, 0.1, 0.15, 0.2, 0.25, 0.2, 0.05])),
}
ALPHAS = {False: [1, 4, 12, 30], True: [1, 2, 4, 8]}
STRUCTURED = 0.3        # of the problems of a loss
SLOW = 0.5              # seconds that a problem may take however fast its twin is
ENDLESS = 200.0         # processor seconds after which a problem is ended
PACE = 20               # and how many times as long as its twin, independent columns of the same shape
TARGETS = {
    "linear": lambda rng, X: X[:, :3].sum(axis=1) + rng.standard_normal(len(X)) * rng.choice([0.1, 1.0, 3.0]),
    "exact": lambda rng, X: X[:, :3].sum(axis=1),
    "noise": lambda rng, X: rng.standard_normal(len(X)),
    "classes": lambda rng, X: rng.integers(0, 2, len(X)).astype(float),
    "constant": lambda rng, X: np.full(len(X), rng.choice([0.0, 0.1, -7.0])),
    "pedestal": lambda rng, X: 1e6 + X[:, 0] / max(np.abs(X[:, 0]).max(), 1e-300) + rng.standard_normal(len(X)),
}
TARGET_ODDS = (0.6, 0.05, 0.2, 0.09, 0.02, 0.04)
CALLS = ("path", "fit", "cv")
CALL_ODDS = (0.6, 0.32, 0.08)
WAYS = {        # limits between the ways to solve, moved so that small problems go the ways of large ones
    "usual": {},
    "summed": {"small": 0, "summed_from": 0},
    "working set": {"small": 0, "compress_features": 0, "reading_ns": -1.0},
    # so few sweeps that thousands of problems can: many are then not certified, and have to say so
    "sweeps": {"small": 0, "compress_features": 0, "gram_form": False, "max_sweeps": MOST_SWEEPS},
}
CRIPPLED = "sweeps"
WAY_ODDS = (0.6, 0.2, 0.15, 0.05)      # sweeps take five times as long as the others


def random_matrix(rng, n, p, options):
    """Return a matrix of one of the kinds, perhaps with a constant column or far from the origin.

    Where columns nearly depend on each other (their kind, or without intercept a common mean) and carry no penalty,
    bounds are left out, and rounding is not made the only difference: neither the library nor `verify` promises
    anything there (docs/promises.md).
    """
    kind = str(rng.choice(list(MATRICES)))
    X = MATRICES[kind](rng, rng.standard_normal((n, p)))
    if rng.random() < 0.3:
        X[:, rng.integers(p)] = rng.choice([0.0, 1.0, 3.3])
    shift = rng.choice([10.0, 1e3, 1e5]) if rng.random() < 0.2 and kind not in NEARLY_DEPENDENT else 0.0
    if kind in NEARLY_DEPENDENT or (shift and not options.get("fit_intercept", True)):
        options.pop("lower", None)
        options.pop("upper", None)
        options.pop("penalty_factor", None)
    scale = 2.0 ** rng.integers(-100, 100) if rng.random() < 0.1 and options.get("l1_ratio", 1.0) > 0 else 1.0
    return (X + shift) * scale


def structured(rng, A, options):
    """Return a structured matrix of the same shape as A.

    Where no column carries a penalty, nothing is promised of columns that nearly depend on each other
    (docs/promises.md): every column gets one.
    """
    penalise_all(options)
    kind = str(rng.choice(list(STRUCTURES)))
    return STRUCTURES[kind](rng, rng.standard_normal(A.shape))


def penalise_all(options):
    """Give every column an l1 penalty."""
    if np.any(options.get("penalty_factor", 1.0) == 0):
        options["penalty_factor"] = np.where(options["penalty_factor"] == 0, 1.0, options["penalty_factor"])
    options["l1_ratio"] = max(options.get("l1_ratio", 1.0), 0.01)


def with_absent_columns(rng, case):
    """Return the problem with columns that vary little, and columns of zeros in the rows that do not count.

    These rows have no weight, or are the test rows of a fold. Mostly X is standardized and sparse.
    """
    penalise_all(case.options)
    n, p = case.A.shape
    absent = np.zeros(n, bool)
    if "cv" in case.how:
        absent[case.how["cv"][0][1]] = True
    elif rng.random() < 0.8:
        weights = case.options.setdefault("sample_weight", (rng.random(n) < 0.7).astype(float))
        weights[:2] = 1.0
        absent = weights == 0
    value, digits = rng.choice([0.1, 0.3, 1.0, -7.0, 1e5, 1e-3], p), rng.uniform(0, 17, p)
    little = value * (1 + 10.0**-digits * rng.standard_normal((n, p)))
    A = np.where(rng.random(p) < 0.5, little, case.A)
    A[np.ix_(absent, rng.random(p) < 0.5)] = 0.0
    dtype = str(rng.choice(list(DTYPES)))
    A = A.astype(DTYPES[dtype]).astype(float)
    layouts = IN_SPARSE if rng.random() < 0.6 else IN_MEMORY
    options = case.options | {"standardize": bool(rng.random() < 0.8)}
    return replace(case, X=build(rng.choice(layouts), A, dtype=dtype), A=A, options=options)


def random_weights(rng, n):
    weights = rng.choice([0.0, 0.5, 1.0, 2.0], n) if rng.random() < 0.7 else 10.0 ** rng.uniform(-6, 6, n)
    weights[rng.integers(n)] = 1.0
    return weights


def random_factors(rng, p):
    if rng.random() < 0.7:
        return rng.choice([0.0, 0.5, 1.0, 1.0, 2.0, np.inf], p)
    return 10.0 ** rng.uniform(-2, 2, p)


def random_bounds(rng, p):
    kind = rng.integers(10)
    if kind == 0:
        return {"lower": 0.0}
    if kind == 1:
        return {"lower": -0.3 * rng.random(p), "upper": rng.choice([0.0, 0.2, np.inf], p)}
    if kind == 2:
        return {"upper": float(rng.choice([0.0, 0.1, 0.5]))}
    return {}


def random_options(rng, n, p):
    """Return options of the problem; most have none or one of them, some have all."""
    share, options = rng.choice([0.0, 0.15, 0.3, 0.6]), {}
    if rng.random() < share:
        options["l1_ratio"] = float(rng.choice([0.0, 0.3, 0.9, 1.0, rng.random()]))
    if rng.random() < share:
        options["fit_intercept"] = False
    if rng.random() < share:
        options["standardize"] = True
    if rng.random() < share:
        options["sample_weight"] = random_weights(rng, n)
    if rng.random() < share:
        options["offset"] = rng.standard_normal(n)
    if rng.random() < share:
        options["penalty_factor"] = random_factors(rng, p)
    return options | (random_bounds(rng, p) if rng.random() < 2 * share else {})


@dataclass
class Case:
    """One problem: X in some layout, the same numbers as dense float64, and how to call for its solution."""

    X: object
    A: np.ndarray
    y: np.ndarray
    options: dict
    call: str
    how: dict
    n_threads: int = 1


def random_way(seed):
    """Return the way of problem number `seed`."""
    return str(np.random.default_rng([seed, 1]).choice(list(WAYS), p=WAY_ODDS))


def without_some_rows(rng, folds):
    """The same folds, with some training rows in none of them."""
    return [(train[np.append(True, rng.random(len(train) - 1) < 0.8)], test) for train, test in folds]


def is_small(seed):
    """Whether problem number `seed` is one of the small ones of its range."""
    return seed >= STRUCTURED_FROM and seed % STRUCTURED_FROM >= SMALL_AFTER


def random_case(seed, way="usual"):
    """Return problem number `seed`."""
    rng = np.random.default_rng(seed)
    if seed >= ABSENT_FROM:
        return with_absent_columns(rng, random_case(seed - ABSENT_FROM, way))
    small = is_small(seed)
    n, p = (int(rng.choice(sizes, p=odds)) for sizes, odds in SIZES[small])
    layout, dtype = rng.choice(IN_MEMORY), rng.choice(list(DTYPES))
    options = random_options(rng, n, p)
    A, other = random_matrix(rng, n, p, options), np.random.default_rng([seed, 3])
    if STRUCTURED_FROM <= seed < LOSSES_FROM or (seed >= LOSSES_FROM and other.random() < STRUCTURED):
        A = structured(other, A, options)
    A = A.astype(DTYPES[dtype]).astype(float)
    y = TARGETS[rng.choice(list(TARGETS), p=TARGET_ODDS)](rng, A)
    call = str(rng.choice(CALLS, p=CALL_ODDS)) if n >= 4 else "path"
    how = random_call(rng, n, call, ALPHAS[small])
    if seed >= LOSSES_FROM and "share" in how:
        how["share"] = max(how["share"], 1e-3)
    if seed >= LOSSES_FROM:
        options["loss"], y = random_loss(other, A)
        if "sample_weight" in options:
            options["sample_weight"][:2] = 1.0      # rows of both classes, or a count above 0
        if call == "cv":
            call, _ = "path", how.pop("cv")
    if "cv" in how and way != "usual" and rng.random() < 0.5:
        how["cv"] = without_some_rows(rng, how["cv"])
    return Case(build(layout, A, dtype=dtype), A, y, options, call, how)


def random_loss(rng, A):
    """Return (a loss, y drawn from its model)."""
    n, eta = len(A), A[:, :3].sum(axis=1)
    eta = 3 * rng.random() * (eta - eta[0]) / max(np.ptp(eta), 1e-300)
    kinds = [name for name in LOSSES if n > 1 or name not in ("log_loss", "proportions", "squared_hinge")]
    loss, y = LOSSES[rng.choice(kinds)](rng, eta)
    if loss in ("log_loss", "squared_hinge") and n > 1:     # both classes
        y = np.where(np.arange(n) < 2, np.arange(n) % 2, y)
    return loss, y


def random_call(rng, n, call, alphas):
    """Return what says how much to solve: a share of alpha_max, a grid, folds."""
    if call == "fit":
        return {"share": float(rng.choice([1.1, 0.5, 0.1, 1e-3, 0.0]))}
    grid = {"alphas": int(rng.choice(alphas)), "eps": float(rng.choice([0.1, 1e-2, 1e-3, 1e-4])),
            "tol": float(rng.choice([1e-3, 1e-6, 1e-9]))}
    if call == "path":
        return grid | {"screening": bool(rng.random() < 0.8)}
    tests = np.array_split(rng.permutation(n), 2)
    return grid | {"cv": [(np.setdiff1d(np.arange(n), test), test) for test in tests]}


# ---------------------------------------------------------------- the judgement

def results(case):
    """Yield (what a call returned, options it was called with)."""
    if case.call == "fit":
        alpha = case.how["share"] * alpha_max(case.X, case.y, **case.options)
        yield fit(case.X, case.y, alpha, n_threads=case.n_threads, **case.options), case.options
    elif case.call == "path":
        yield fit_path(case.X, case.y, n_threads=case.n_threads, **case.how, **case.options), case.options
    else:
        yield from cross_validated(case)


def solved(case):
    """Yield (solution, options it was fitted with): of a path, three."""
    for found, options in results(case):
        if case.call == "fit":
            yield found, options
        else:
            for k in sorted({0, len(found) // 2, len(found) - 1}):
                yield found.fit_at(k), options


def cross_validated(case):
    """Yield (path, options) of all rows and of each fold: a fold is the problem with its rows at weight zero."""
    weights = case.options.get("sample_weight", np.ones(len(case.y)))
    if not all(weights[rows].any() for fold in case.how["cv"] for rows in fold):
        return      # an error, and not of this test
    result = cross_validate_path(case.X, case.y, n_threads=case.n_threads, **case.how, **case.options)
    yield result.path, case.options
    for (train, _), fold in zip(case.how["cv"], result.fold_paths, strict=True):
        yield fold, case.options | {"sample_weight": np.where(np.isin(np.arange(len(weights)), train), weights, 0.0)}


def judgement(A, X, y, solution, options):
    """Return what is wrong with a solution for the dense matrix A, which is stored as X, or None.

    `verify` allows for rounding, and can prove less than is claimed where alpha is all but lost in it; there the gap
    in 60 digits decides.
    """
    if not finite(solution.coef, solution.intercept, solution.gap):
        return "not finite"
    if "loss" in options:
        return loss_judgement(A, X, y, solution, options)
    true = verify(A, y, solution.coef, solution.intercept, alpha=solution.alpha, **options)
    slack = SLACK * true.null_objective + ROUNDING * float(np.mean((y - options.get("offset", 0.0)) ** 2))
    claimed = min(solution.gap, solution.tol * true.null_objective) if solution.certified else solution.gap
    if true.gap <= 1.02 * claimed + slack:
        return None
    exact = exact_gap(A, y, solution.coef, solution.intercept, solution.alpha, options)
    if exact <= 1.02 * claimed + slack:
        return None
    return f"alpha {solution.alpha:.3g}: gap {exact:.3g}, claimed {claimed:.3g}, P(0) {true.null_objective:.3g}"


def loss_judgement(A, X, y, solution, options):
    """Return what is wrong with a solution of a loss that is not quadratic, or None.

    The minimum is at most the objective of a solution of tolerance TIGHT. A gap from CAPPED on claims nothing: rounding
    moves scores so far that the objective may overflow. Whether a column is constant but for rounding can depend on the
    order of a sum, so on how X is stored. A column that A counts as constant may have no coefficient.
    """
    if solution.gap >= CAPPED and not solution.certified:
        return None
    true = verify(A, y, solution.coef, solution.intercept, alpha=solution.alpha, **options)
    if np.isinf(true.primal):
        A, true = X, verify(X, y, solution.coef, solution.intercept, alpha=solution.alpha, **options)
    slack = SLACK * true.null_objective + ROUNDING      # scores and deviances are of size 1
    if true.gap <= 1.02 * solution.gap + slack:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        best = fit(A, y, solution.alpha, tol=TIGHT, **options)
    least = verify(A, y, best.coef, best.intercept, alpha=solution.alpha, **options).primal
    worse = true.primal - least
    if worse <= 1.02 * solution.gap + slack and worse <= true.gap + slack:
        return None
    return (f"alpha {solution.alpha:.3g}: {worse:.3g} above another solution, gap {true.gap:.3g}, claimed "
            f"{solution.gap:.3g}, P(0) {true.null_objective:.3g}")


def finite(*values):
    return all(np.isfinite(value).all() for value in values)


def judged(case):
    """Yield (what is wrong or None, solutions, uncertified ones)."""
    for solution, options in solved(case):
        yield judgement(case.A, case.X, case.y, solution, options), 1, not solution.certified


def unjudged(case):
    """As `judged` of nothing but NaN and infinity, of all solutions."""
    for found, _ in results(case):
        values = (found.coef, found.intercept) if case.call == "fit" else (found.values, found.intercepts)
        right = finite(*values, gaps := np.atleast_1d(found.gap if case.call == "fit" else found.gaps))
        yield None if right else "not finite", len(gaps), np.count_nonzero(~np.atleast_1d(found.certified))


def examined(case, way, examine=judged):
    """Return (violations, solutions, uncertified ones) of one problem, solved in a `way`."""
    found, n_solutions, uncertified = [], 0, 0
    with warnings.catch_warnings(record=True) as caught, going(**WAYS[way]):
        warnings.simplefilter("always", ConvergenceWarning)
        started = time.process_time()
        try:
            with ended_after(ENDLESS):
                for wrong, solutions, missed in examine(case):
                    n_solutions += solutions
                    uncertified += missed
                    found += [wrong] if wrong else []
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
    if examine is judged and way != CRIPPLED and time.process_time() - started > SLOW:
        found.extend(too_slow(case, way))
    warned = any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    if uncertified and not warned:
        found.append(f"{uncertified} solutions are not certified, and no warning says so")
    return [f"{case.call} ({way}): {text}" for text in found], n_solutions, uncertified


@contextmanager
def ended_after(seconds):
    """Raise TimeoutError within, after some processor seconds; on Windows there is no limit."""
    def end(number, frame):
        raise TimeoutError(f"no end after {seconds:g} s")

    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def too_slow(case, way):
    """Yield what is wrong if solving alone takes longer than SLOW and PACE times its twin, independent columns."""
    A = np.random.default_rng(0).standard_normal(case.A.shape)
    y = A[:, 0] + np.random.default_rng(1).standard_normal(len(A))
    twin = replace(case, X=A, A=A, y=case.y if "loss" in case.options else y)
    own, easy = seconds_of(case, way), seconds_of(twin, way)
    if own > max(SLOW, PACE * easy):
        yield f"took {own:.2g} s, its twin {easy:.2g} s"


def seconds_of(case, way):
    started = time.process_time()
    examined(case, way, unjudged)
    return time.process_time() - started


def outcome(seed, way=None):
    """Return (violations, solutions, uncertified ones) of one problem, solved the `way` that its seed says."""
    way = way or random_way(seed)
    return examined(random_case(seed, way), way)


def outcome_everywhere(seed):
    """As `outcome`, of all solutions of a problem in some layouts, by all ways, on one thread and on two, unjudged."""
    case, rng = random_case(seed), np.random.default_rng([seed, 2])
    dtypes = ["f8", case.X.dtype.str[1:]]       # what was drawn as float64 may be out of the range of float32
    copies = [replace(case, X=build(rng.choice(IN_MEMORY), case.A, dtype=rng.choice(dtypes)),
                      n_threads=1 + k // len(WAYS) % 2) for k in range(COPIES)]
    found, solutions, uncertified = zip(*(examined(copy, way, unjudged) for copy, way in zip(copies, cycle(WAYS))),
                                        strict=True)
    return list(chain.from_iterable(found)), sum(solutions), sum(uncertified)


def outcomes(seeds, solve=outcome):
    """Return (violations by seed, problems, solutions, uncertified solutions) of some problems."""
    results = {seed: solve(seed) for seed in seeds}
    return ({seed: found for seed, (found, _, _) in results.items() if found}, len(results),
            sum(count for _, count, _ in results.values()), sum(count for _, _, count in results.values()))


# ---------------------------------------------------------------- long runs

def run(count, jobs, seed, say=print, solve=outcome, seconds=np.inf):
    """Solve and judge problems seed .. seed + count - 1 and print what was found; return the number of violations.

    After `seconds` no more of them are begun.
    """
    pieces = [range(start, min(start + CHUNK, seed + count)) for start in range(seed, seed + count, CHUNK)]
    work = partial(outcomes, solve=solve)
    totals, started, said, violations, done = np.zeros(3, int), time.monotonic(), 0.0, 0, seed
    with ProcessPoolExecutor(jobs) as pool:
        try:
            for piece, (bad, *numbers) in in_order(pool, jobs, work, pieces, started + seconds):
                totals += numbers
                done = piece.stop
                for at, found in bad.items():
                    violations += 1
                    if violations <= MOST_SHOWN:
                        say(f"VIOLATION seed {at}: {found}")
                if time.monotonic() - said > 60:
                    said = time.monotonic()
                    say(f"[{said - started:.0f} s] seeds below {done}: {totals[0]} problems, {totals[1]} solutions, "
                        f"{totals[2]} not certified, {violations} violations")
        except BrokenProcessPool:
            violations += 1
            say(f"VIOLATION: a process crashed on one of the {jobs * CHUNK} seeds from {done} on")
    say(f"{totals[0]} problems from seed {seed}: {totals[1]} solutions, {violations} violations, "
        f"{totals[2]} solutions not certified to tol (all of them warned of)")
    return violations


def in_order(pool, jobs, work, pieces, until):
    """Yield (piece, work(piece)) in order, with `jobs` of them under way, none begun after the time `until`."""
    waiting = deque()
    for piece in pieces:
        if time.monotonic() >= until:
            break
        waiting.append((piece, pool.submit(work, piece)))
        if len(waiting) == jobs:
            begun, future = waiting.popleft()
            yield begun, future.result()
    for begun, future in waiting:
        yield begun, future.result()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="number of problems")
    parser.add_argument("--seconds", type=float, default=np.inf, help="begin no more problems after so long")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, default=0, help="number of the first problem")
    parser.add_argument("--solve-only", action="store_true", help="judge no gap, and solve each problem several times")
    given = parser.parse_args(arguments)
    solve = outcome_everywhere if given.solve_only else outcome
    return 1 if run(given.count, given.jobs, given.seed, partial(print, flush=True), solve, given.seconds) else 0


if __name__ == "__main__":
    sys.exit(main())
