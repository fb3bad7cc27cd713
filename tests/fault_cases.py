"""Inputs that crash, hang or mislead solvers, as data: no library is named here, and NumPy and SciPy are all it needs.

A case is a function that is given ``solve(X, y, alpha, **options) -> (coef, intercept)`` of some library. It returns
that answer, to be judged by the problem in `truth`, or whether all was well where a gap is not the question. A case
without a truth has input that means nothing, for which only an error is right.
"""

import os
import signal
import sys
import tempfile
import threading
import time
import warnings
from dataclasses import dataclass, field

import numpy as np
from layouts import set_coordinates
from scipy import sparse

N, P = 40, 12
CASES = {}


@dataclass
class Case:
    """One row of the table: what is run, and the problem (A, y, alpha, options) that its answer must solve."""

    group: str
    run: object
    truth: tuple | None = None
    options: dict = field(default_factory=dict)
    may_warn: bool = False      # of input that means nothing: an answer with a warning will do


def numbers(n=N, p=P, seed=0):
    """A matrix of multiples of 1/8, half of it zeros, and a target."""
    rng = np.random.default_rng(seed)
    A = rng.integers(-16, 17, (n, p)) / 8 * (rng.random((n, p)) < 0.5)
    return A, 1.0 + A[:, :3] @ np.array([2.0, -1.5, 1.0])[: min(3, p)] + 0.3 * rng.standard_normal(n)


A, Y = numbers()
ALPHA = 0.1


def add(group, name, make, A=A, y=Y, alpha=ALPHA, valid=True, may_warn=False, **options):
    """Register the fit of what `make()` returns, (X, y); a valid one must solve the problem of the dense A and y."""
    def run(solve):
        X, target = make()
        return solve(X, target, alpha, **options)

    CASES[name] = Case(group, run, (A, y, alpha, options) if valid else None, options, may_warn)


def nothing(group, name, make, alpha=ALPHA, **options):
    """Register input that means nothing."""
    add(group, name, make, alpha=alpha, valid=False, **options)


# ---------------------------------------------------------------- corrupt sparse structure

def altered(form, part, change):
    """A matrix of which one of the arrays was changed."""
    X = getattr(sparse, f"{form}_array")(A)
    setattr(X, part, change(getattr(X, part).copy(), X))
    return X, Y


def put(index, value):
    def change(array, X):
        array[index] = value(X) if callable(value) else value
        return array
    return change


def n_minor(X):
    return X.shape[1] if X.format == "csr" else X.shape[0]


STRUCTURES = {
    "index 50,000,000": ("indices", put(3, 50_000_000)),
    "index just beyond": ("indices", put(3, n_minor)),
    "index 50 beyond": ("indices", put(3, lambda X: n_minor(X) + 50)),
    "index -1": ("indices", put(3, -1)),
    "index -50,000,000": ("indices", put(3, -50_000_000)),
    "index lowest int32": ("indices", put(3, -(2**31))),
    "pointers decrease": ("indptr", lambda a, X: a[[0, 3, 2, 1, *range(4, len(a))]]),
    "pointer 2,000,000,000": ("indptr", put(4, 2_000_000_000)),
    "pointer negative": ("indptr", put(4, -5)),
    "pointers start at 1": ("indptr", put(0, 1)),
    "pointers end early": ("indptr", put(-1, lambda X: len(X.data) - 2)),
    "pointers end late": ("indptr", put(-1, lambda X: len(X.data) + 9)),
    "one pointer missing": ("indptr", lambda a, X: a[:-1]),
    "fewer indices than values": ("indices", lambda a, X: a[:-3]),
    "fewer values than indices": ("data", lambda a, X: a[:-3]),
    "one pointer too many": ("indptr", lambda a, X: np.r_[a, a[-1]]),
    "index 2^32 + 1": ("indices", lambda a, X: np.r_[a[:3].astype(np.int64), 2**32 + 1, a[4:]]),
    "indices are floats": ("indices", lambda a, X: a + 0.5),
}
for form in ("csc", "csr"):
    for name, (part, change) in STRUCTURES.items():
        nothing("corrupt sparse", f"{form}: {name}", lambda f=form, p=part, c=change: altered(f, p, c))


def coordinates(axis, value):
    X = sparse.coo_array(A)
    coords = [part.copy() for part in (X.row, X.col)]
    coords[axis][3] = value
    set_coordinates(X, *coords)
    return X, Y


def blocks(value):
    X = sparse.bsr_array(A, blocksize=(2, 2))
    X.indices = X.indices.copy()
    X.indices[2] = value
    return X, Y


def lists(columns):
    X = sparse.lil_array(A)
    X.rows[2], X.data[2] = columns, [1.0] * len(columns)
    return X, Y


def diagonals():
    X = sparse.dia_array(A)
    X.offsets = X.offsets[:-3]
    return X, Y


nothing("corrupt sparse", "coo: row 50,000,000", lambda: coordinates(0, 50_000_000))
nothing("corrupt sparse", "coo: column -50,000,000", lambda: coordinates(1, -50_000_000))
nothing("corrupt sparse", "bsr: block 50,000,000", lambda: blocks(50_000_000))
nothing("corrupt sparse", "lil: column 50,000,000", lambda: lists([50_000_000, 50_000_001]))
nothing("corrupt sparse", "dia: fewer offsets than diagonals", diagonals)


# ---------------------------------------------------------------- sound sparse matrices

def with_duplicates(form):
    X = getattr(sparse, f"{form}_array")(A)
    twice = getattr(sparse, f"{form}_array")(A.shape)
    twice.data, twice.indices = np.repeat(X.data / 2, 2), np.repeat(X.indices, 2)
    twice.indptr = 2 * X.indptr
    return twice, Y


def backwards(form):
    X = getattr(sparse, f"{form}_array")(A)
    for a, b in zip(X.indptr[:-1], X.indptr[1:], strict=True):
        X.indices[a:b], X.data[a:b] = X.indices[a:b][::-1].copy(), X.data[a:b][::-1].copy()
    X.has_sorted_indices = False
    return X, Y


def with_zeros(form):
    X = getattr(sparse, f"{form}_array")(np.where(A == 0, 7.0, A))
    X.data[X.data == 7.0] = 0.0
    return X, Y


def wide_indices(form):
    X = getattr(sparse, f"{form}_array")(A)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X, Y


def read_only(form):
    X = getattr(sparse, f"{form}_array")(A)
    for part in (X.data, X.indices, X.indptr):
        part.setflags(write=False)
    return X, Y


for form in ("csc", "csr"):
    for name, make in (("duplicate entries", with_duplicates), ("indices unsorted", backwards),
                       ("explicit zeros", with_zeros), ("int64 indices", wide_indices),
                       ("read-only buffers", read_only)):
        add("sound sparse", f"{form}: {name}", lambda f=form, m=make: m(f))
    add("sound sparse", f"{form}_matrix", lambda f=form: (getattr(sparse, f"{f}_matrix")(A), Y))
    add("sound sparse", f"{form}: float32", lambda f=form: (getattr(sparse, f"{f}_array")(A.astype("f4")), Y))
    add("sound sparse", f"{form}: integers", lambda f=form: (getattr(sparse, f"{f}_array")((8 * A).astype(int)), Y),
        A=8 * A)
    add("sound sparse", f"{form}: no entries", lambda f=form: (getattr(sparse, f"{f}_array")(A.shape), Y), A=0 * A)
for form in ("coo", "lil", "dok", "bsr", "dia"):
    add("sound sparse", f"{form}_array", lambda f=form: (getattr(sparse, f"{f}_array")(A), Y))


# ---------------------------------------------------------------- types and memory layouts

def memory_mapped():
    file = tempfile.NamedTemporaryFile(suffix=".npy")
    np.save(file.name, A)
    X = np.load(file.name, mmap_mode="r")
    X._file = file      # removed with the array
    return X, Y


def masked():
    return np.ma.masked_array(A, mask=np.eye(N, P, dtype=bool)), Y


def frame():
    import pandas

    return pandas.DataFrame(A), pandas.Series(Y)


def nullable_frame():
    import pandas

    return pandas.DataFrame(A).convert_dtypes(), Y


for kind in (">f8", ">f4", "f4", "longdouble", "object"):
    add("types", f"dense {kind}", lambda k=kind: (A.astype(k), Y))
add("types", "y is big-endian", lambda: (A, Y.astype(">f8")))
add("types", "dense float16", lambda: (A.astype("f2"), Y))
for kind in ("i1", "i8", "u2"):
    whole = np.abs(8 * A) if kind == "u2" else 8 * A
    add("types", f"dense {kind}", lambda k=kind, a=whole: (a.astype(k), Y), A=whole)
add("types", "dense bool", lambda: (A > 0, Y), A=(A > 0).astype(float))
add("types", "negative strides", lambda: (A[::-1, ::-1].copy()[::-1, ::-1], Y))
add("types", "every other row and column of a larger array", lambda: (np.kron(A, np.ones((2, 2)))[::2, ::2], Y))
add("types", "row-major slice", lambda: (np.pad(A, 3, constant_values=np.nan)[3:-3, 3:-3], Y))
add("types", "column-major slice", lambda: (np.asfortranarray(np.pad(A, 3, constant_values=np.nan))[3:-3, 3:-3], Y))
add("types", "read-only memory map", memory_mapped)
add("types", "lists", lambda: (A.tolist(), Y.tolist()))
add("types", "np.matrix", lambda: (np.matrix(A), Y))
add("types", "data frame", frame)
add("types", "data frame of nullable types", nullable_frame)
add("types", "y of shape (n, 1)", lambda: (A, Y[:, None]))
nothing("types", "masked array with masked entries", masked)
nothing("types", "complex X", lambda: (A + 1j, Y))
nothing("types", "complex y", lambda: (A, Y + 1j))
nothing("types", "X of strings", lambda: (np.full(A.shape, "a"), Y))
nothing("types", "X of dates", lambda: (np.zeros(A.shape, "M8[s]"), Y))
nothing("types", "X is None", lambda: (None, Y))
nothing("types", "X one-dimensional", lambda: (A[0], Y))
nothing("types", "X three-dimensional", lambda: (A[None], Y))
nothing("types", "ragged lists", lambda: ([[1.0, 2.0], [3.0]], [1.0, 2.0]))
nothing("types", "y of shape (1, n)", lambda: (A, Y[None]))
nothing("types", "y is a number", lambda: (A, 1.0))
nothing("types", "y is sparse", lambda: (A, sparse.csr_array(Y[:, None])))
nothing("types", "y too short", lambda: (A, Y[:-1]))
nothing("types", "y too long", lambda: (A, np.r_[Y, 1.0]))


# ---------------------------------------------------------------- numbers

def holding(value, at, form=None):
    X = np.where(A == 0, 0.5, A)
    X[at] = value
    return (X if form is None else getattr(sparse, f"{form}_array")(X)), Y


for name, value in (("NaN", np.nan), ("inf", np.inf), ("-inf", -np.inf)):
    nothing("numbers", f"{name} in X, first value", lambda v=value: holding(v, (0, 0)))
    nothing("numbers", f"{name} in X, last value", lambda v=value: holding(v, (-1, -1)))
    nothing("numbers", f"{name} in y", lambda v=value: (A, np.r_[Y[:-1], v]))
for form in ("csc", "csr"):
    nothing("numbers", f"{form}: NaN in X", lambda f=form: holding(np.nan, (3, 3), f))
for shift in (100.0, 1e7, 1e8):
    add("numbers", f"features + {shift:g}, dense", lambda s=shift: (A + s, Y), A=A + shift)
    add("numbers", f"features + {shift:g}, csc", lambda s=shift: (sparse.csc_array(A + s), Y), A=A + shift)
add("numbers", "features + 100, float32", lambda: ((A + 100).astype("f4"), Y), A=A + 100)
add("numbers", "y + 1e8", lambda: (A, Y + 1e8), y=Y + 1e8)
for power in (160, 100, -100, -160):
    add("numbers", f"X * 1e{power}", lambda s=10.0**power: (A * s, Y), A=A * 10.0**power, alpha=ALPHA * 10.0**power)
    add("numbers", f"y * 1e{power}", lambda s=10.0**power: (A, Y * s), y=Y * 10.0**power, alpha=ALPHA * 10.0**power)
add("numbers", "X and y * 1e-160", lambda: (A * 1e-160, Y * 1e-160), A=A * 1e-160, y=Y * 1e-160, alpha=0.0)
add("numbers", "one column of subnormal values", lambda: (np.c_[A, A[:, 0] * 1e-310], Y), A=np.c_[A, A[:, 0] * 1e-310])
add("numbers", "y of subnormal values", lambda: (A, Y * 1e-310), y=Y * 1e-310, alpha=1e-311)
add("numbers", "columns of scale 1e-12 to 1e12", lambda: (A * 10.0 ** np.linspace(-12, 12, P), Y),
    A=A * 10.0 ** np.linspace(-12, 12, P))
add("numbers", "negative zeros", lambda: (np.where(A == 0, -0.0, A), Y))


# ---------------------------------------------------------------- degenerate problems

EQUAL = np.c_[A, A]
TALL_GRID = A[:, :1] @ np.ones((1, 5))
add("degenerate", "one row", lambda: (A[:1], Y[:1]), A=A[:1], y=Y[:1])
add("degenerate", "two rows", lambda: (A[:2], Y[:2]), A=A[:2], y=Y[:2])
add("degenerate", "one column", lambda: (A[:, :1], Y), A=A[:, :1])
add("degenerate", "more columns than rows", lambda: (A[:5], Y[:5]), A=A[:5], y=Y[:5])
add("degenerate", "constant y", lambda: (A, np.full(N, 0.1)), y=np.full(N, 0.1))
add("degenerate", "y of zeros", lambda: (A, np.zeros(N)), y=np.zeros(N))
add("degenerate", "a constant column", lambda: (np.c_[A, np.full(N, 0.1)], Y), A=np.c_[A, np.full(N, 0.1)])
add("degenerate", "a column of zeros", lambda: (np.c_[A, np.zeros(N)], Y), A=np.c_[A, np.zeros(N)])
add("degenerate", "only constant columns", lambda: (np.ones((N, 3)), Y), A=np.ones((N, 3)))
add("degenerate", "X of zeros", lambda: (np.zeros((N, 3)), Y), A=np.zeros((N, 3)))
add("degenerate", "every column twice", lambda: (EQUAL, Y), A=EQUAL)
add("degenerate", "every column twice, csc", lambda: (sparse.csc_array(EQUAL), Y), A=EQUAL)
add("degenerate", "five equal columns", lambda: (TALL_GRID, Y), A=TALL_GRID)
add("degenerate", "alpha 0, more rows", lambda: (A, Y), alpha=0.0)
add("degenerate", "alpha 0, more columns", lambda: (A[:6], Y[:6]), A=A[:6], y=Y[:6], alpha=0.0)
add("degenerate", "alpha 0, every column twice", lambda: (EQUAL, Y), A=EQUAL, alpha=0.0)
add("degenerate", "alpha above the largest that matters", lambda: (A, Y), alpha=1e6)
add("degenerate", "tiny alpha, more columns", lambda: numbers(20, 60), A=numbers(20, 60)[0], y=numbers(20, 60)[1],
    alpha=1e-7)
nothing("degenerate", "no rows", lambda: (A[:0], Y[:0]))
nothing("degenerate", "no columns", lambda: (A[:, :0], Y))
nothing("degenerate", "csr without rows", lambda: (sparse.csr_array((0, P)), Y[:0]))


# ---------------------------------------------------------------- options

WEIGHTS = np.arange(N) % 3.0
UNBOUNDED = (np.arange(P) > 1).astype(float)
for form in ("dense", "csc", "csr"):
    made = A if form == "dense" else getattr(sparse, f"{form}_array")(A)
    add("options", f"{form}: weights with zeros", lambda X=made: (X, Y), sample_weight=WEIGHTS)
    add("options", f"{form}: two columns without penalty", lambda X=made: (X, Y), penalty_factor=UNBOUNDED)
add("options", "all weight on one row", lambda: (A, Y), sample_weight=np.eye(N)[3])
add("options", "weights * 1e300", lambda: (A, Y), sample_weight=(1 + WEIGHTS) * 1e300)
add("options", "weights * 1e-300", lambda: (A, Y), sample_weight=(1 + WEIGHTS) * 1e-300)
add("options", "positive", lambda: (A, Y), positive=True)
add("options", "positive, and nothing may enter", lambda: (np.abs(A), -np.abs(A).sum(axis=1)), A=np.abs(A),
    y=-np.abs(A).sum(axis=1), positive=True)
add("options", "l1_ratio 0.5", lambda: (A, Y), l1_ratio=0.5)
add("options", "ridge: l1_ratio 0", lambda: (A, Y), l1_ratio=0.0)
add("options", "no intercept", lambda: (A, Y), fit_intercept=False)
add("options", "tol 0", lambda: (A, Y), tol=0.0)
WIDE, WIDE_Y = numbers(60, 100)
add("options", "max_iter 1", lambda: (WIDE, WIDE_Y), A=WIDE, y=WIDE_Y, alpha=1e-3, max_iter=1)
for name, value in (("NaN", np.nan), ("-1", -1.0), ("inf", np.inf), ("text", "0.1"), ("None", None)):
    nothing("options", f"alpha {name}", lambda: (A, Y), alpha=value)
for name, value in (("negative", -1 - WEIGHTS), ("one negative", np.r_[-1.0, np.ones(N - 1)]),
                    ("all zero", 0 * WEIGHTS), ("one NaN", np.r_[np.nan, np.ones(N - 1)]),
                    ("one inf", np.r_[np.inf, np.ones(N - 1)]),
                    ("too few", np.ones(N - 1))):
    nothing("options", f"weights: {name}", lambda: (A, Y), sample_weight=value)
for name, value in (("NaN", np.nan), ("2", 2.0), ("-1", -1.0)):
    nothing("options", f"l1_ratio {name}", lambda: (A, Y), l1_ratio=value)
for name, value in (("NaN", np.nan), ("-1", -1.0), ("text", "1e-6")):
    nothing("options", f"tol {name}", lambda: (A, Y), tol=value)
nothing("options", "max_iter -1", lambda: (A, Y), max_iter=-1)
nothing("options", "penalty factor NaN", lambda: (A, Y), penalty_factor=np.r_[np.nan, np.ones(P - 1)])
nothing("options", "penalty factor -1", lambda: (A, Y), penalty_factor=np.r_[-1.0, np.ones(P - 1)])


# ---------------------------------------------------------------- losses: y, weights, offsets, scores that overflow

MEANS = np.exp(0.5 * np.clip(A[:, 0] - A[:, 1], -3, 3))
RANDOM = np.random.default_rng(1)
CLASSES = (RANDOM.random(N) < MEANS / (1 + MEANS)).astype(float)
COUNTS = RANDOM.poisson(MEANS).astype(float)
TARGETS = {     # by loss: a name, and what parameter it has
    "log_loss": CLASSES, "squared_hinge": CLASSES, "poisson": COUNTS, "negative_binomial:2": COUNTS,
    "gamma": RANDOM.gamma(2.0, MEANS / 2), "tweedie:1.5": COUNTS * RANDOM.gamma(2.0, 0.5, N), "huber:1": Y,
}
DOMAINS = {     # values that y cannot have
    "log_loss": {"three classes": 2.0, "a class of -1 beside 0 and 1": -1.0}, "squared_hinge": {"three classes": 2.0},
    "poisson": {"-1": -1.0}, "negative_binomial:2": {"-1": -1.0}, "gamma": {"-1": -1.0, "0": 0.0},
    "tweedie:1.5": {"-1": -1.0}, "huber:1": {},
}
CONSTANT = {    # y for which the intercept alone has no minimum
    "log_loss": {"one class": np.ones(N)}, "squared_hinge": {"one class": np.ones(N)},
    "poisson": {"all 0": np.zeros(N)}, "negative_binomial:2": {"all 0": np.zeros(N)},
    "tweedie:1.5": {"all 0": np.zeros(N)}, "gamma": {}, "huber:1": {},
}
LOG_LINKS = ("poisson", "gamma", "tweedie:1.5", "negative_binomial:2")
SPREAD = np.linspace(-2000.0, 2000.0, N)


def with_value(y, value, at=3):
    y = y.copy()
    y[at] = value
    return y


for loss, target in TARGETS.items():
    group = f"loss {loss}"
    for form in ("dense", "csr", "csc"):
        made = A if form == "dense" else getattr(sparse, f"{form}_array")(A)
        add(group, f"{loss}: {form}", lambda X=made, y=target: (X, y), y=target, loss=loss, alpha=0.02)
    for name, options in {
        "weights with zeros": {"sample_weight": WEIGHTS}, "weights * 1e300": {"sample_weight": (1 + WEIGHTS) * 1e300},
        "an offset": {"offset": A[:, 3]}, "an offset of 500 everywhere": {"offset": np.full(N, 500.0)},
        "no intercept": {"fit_intercept": False}, "two columns without penalty": {"penalty_factor": UNBOUNDED},
        "ridge: l1_ratio 0": {"l1_ratio": 0.0}, "positive": {"positive": True}, "max_iter 1": {"max_iter": 1},
        "tiny alpha": {"alpha": 1e-9},
    }.items():
        add(group, f"{loss}: {name}", lambda y=target: (A, y), y=target, **{"alpha": 0.02, "loss": loss, **options})
    add(group, f"{loss}: columns of scale 1e-12 to 1e12", lambda y=target: (A * 10.0 ** np.linspace(-12, 12, P), y),
        A=A * 10.0 ** np.linspace(-12, 12, P), y=target, loss=loss)
    add(group, f"{loss}: X * 1e150", lambda y=target: (A * 1e150, y), A=A * 1e150, y=target, alpha=1e149, loss=loss)
    add(group, f"{loss}: every column twice", lambda y=target: (EQUAL, y), A=EQUAL, y=target, loss=loss, alpha=0.02)
    add(group, f"{loss}: more columns than rows", lambda y=target: (A[:8], y[:8]), A=A[:8], y=target[:8], loss=loss)
    for name, value in {"NaN": np.nan, "inf": np.inf, "-inf": -np.inf, **DOMAINS[loss]}.items():
        nothing(group, f"{loss}: y has {name}", lambda y=target, v=value: (A, with_value(y, v)), loss=loss)
    for name, y in {"too short": target[:-1], "no rows": target[:0], "two columns": np.c_[target, target]}.items():
        nothing(group, f"{loss}: y is {name}", lambda y=y: (A, y), loss=loss)
    for name, y in CONSTANT[loss].items():
        nothing(group, f"{loss}: y is {name}", lambda y=y: (A, y), loss=loss)
        kept = target == y[0]
        nothing(group, f"{loss}: y is {name} where weights are not 0", lambda y=target: (A, y), loss=loss,
                sample_weight=kept.astype(float))
    for name, options in {
        "weights: negative": {"sample_weight": -1 - WEIGHTS}, "weights: all zero": {"sample_weight": 0 * WEIGHTS},
        "weights: one NaN": {"sample_weight": with_value(np.ones(N), np.nan)},
        "weights: too few": {"sample_weight": np.ones(N - 1)},
        "offset: one NaN": {"offset": with_value(np.zeros(N), np.nan)},
        "offset: one inf": {"offset": with_value(np.zeros(N), np.inf)},
        "offset: too short": {"offset": np.zeros(N - 1)},
        "alpha NaN": {"alpha": np.nan}, "alpha -1": {"alpha": -1.0},
    }.items():
        nothing(group, f"{loss}: {name}", lambda y=target: (A, y), loss=loss, **options)
    if target is not CLASSES:   # a class may have any label
        nothing(group, f"{loss}: y is complex", lambda y=target: (A, y + 1j), loss=loss)
    if loss in LOG_LINKS:
        nothing(group, f"{loss}: offsets that overflow", lambda y=target: (A, y), loss=loss, offset=SPREAD)
SIDES = (A[:, 0] > 0).astype(float)
FREE = np.where(np.arange(P) == 0, 0.0, 1.0)
for loss in ("log_loss", "squared_hinge"):
    add(f"loss {loss}", f"{loss}: separable", lambda: (A, SIDES), y=SIDES, loss=loss, alpha=1e-3)
nothing("loss log_loss", "log_loss: a column without penalty separates", lambda: (A, SIDES), loss="log_loss",
        penalty_factor=FREE, may_warn=True)
nothing("loss log_loss", "log_loss: alpha 0, separable", lambda: (A, SIDES), loss="log_loss", alpha=0.0,
        may_warn=True)
nothing("loss log_loss", "log_loss: no such loss", lambda: (A, CLASSES), loss="log_los")
nothing("loss poisson", "poisson: no such power", lambda: (A, COUNTS), loss="tweedie:3")


# ---------------------------------------------------------------- the process around it: True where all was well

def process(name):
    """Register a case that judges itself."""
    def register(run):
        CASES[name] = Case("process", run)
        return run
    return register


def fits(solve, **options):
    """Coefficients of the plain problem."""
    return np.asarray(solve(A, Y, ALPHA, **options)[0])


@process("Ctrl-C in a long fit")
def interrupted(solve, **options):
    """Ends within half a second, and the next fit is right."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1500, 4000))
    y, sent, before = X[:, :800].sum(axis=1) + rng.standard_normal(1500), [], fits(solve)
    y = (y > 0).astype(float) if options else y

    def send():
        time.sleep(0.3)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=send, daemon=True).start()
    try:
        while not sent or time.perf_counter() < sent[0] + 5:
            solve(X, y, 1e-4, **options)
    except KeyboardInterrupt:
        return time.perf_counter() - sent[0] < 0.5 and np.array_equal(fits(solve), before)
    return False


@process("Ctrl-C in a long logistic fit")
def interrupted_classes(solve):
    return interrupted(solve, loss="log_loss")


@process("Ctrl-C in a long Poisson fit")
def interrupted_counts(solve):
    return interrupted(solve, loss="poisson")


def child_answers(solve, context):
    import multiprocessing

    before = fits(solve)
    with multiprocessing.get_context(context).Pool(1) as pool:
        return np.array_equal(pool.apply_async(fits, (solve,)).get(timeout=15), before)


@process("fork after a fit")
def forked(solve):
    return child_answers(solve, "fork")


@process("spawn after a fit")
def spawned(solve):
    return child_answers(solve, "spawn")


@process("8 threads at once")
def threaded(solve):
    from concurrent.futures import ThreadPoolExecutor

    before = fits(solve)
    with ThreadPoolExecutor(8) as pool:
        return all(np.array_equal(answer, before) for answer in pool.map(lambda _: fits(solve), range(64)))


@process("the same call twice")
def repeated(solve):
    return np.array_equal(fits(solve), fits(solve))


@process("X, y and weights stay as they were")
def untouched(solve):
    for form in (np.asfortranarray, np.ascontiguousarray, sparse.csc_array, sparse.csr_array):
        X, y = form(A + 0.0), Y.copy()
        parts = [X] if isinstance(X, np.ndarray) else [X.data, X.indices, X.indptr]
        before = [part.tobytes() for part in (*parts, y)]
        solve(X, y, ALPHA)
        if before != [part.tobytes() for part in (*parts, y)]:
            return False
    return True


@process("warnings are errors")
def strict_warnings(solve):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return bool(np.isfinite(fits(solve)).all())


@process("NumPy raises at every floating-point event")
def strict_numpy(solve):
    before = fits(solve)
    with np.errstate(all="raise"):
        return np.array_equal(fits(solve), before)


@process("a low recursion limit")
def shallow(solve):
    before, limit = fits(solve), sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(150)
        return np.array_equal(fits(solve), before)
    finally:
        sys.setrecursionlimit(limit)


# ---------------------------------------------------------------- tables: frames, series, words, names

def table(**more):
    """A frame with names, and further columns."""
    import pandas

    return pandas.DataFrame(A, columns=[f"c{j}" for j in range(P)]).assign(**more)


def series(values, index=None):
    import pandas

    return pandas.Series(values, index=index)


def sparse_frame():
    import pandas

    return pandas.DataFrame.sparse.from_spmatrix(sparse.csc_matrix(A)), Y


def named_rows(offset):
    """X and y whose rows have labels, those of y shifted."""
    X = table()
    return X.set_axis([f"r{i}" for i in range(N)]), series(Y, [f"r{(i + offset) % N}" for i in range(N)])


def with_category():
    import pandas

    return table(c0=pandas.Categorical(["u", "v"] * (N // 2))), Y


WORDS = np.array(["yes", "no"] * (N // 2))
add("tables", "frame of sparse columns", sparse_frame)
add("tables", "row labels that agree", lambda: named_rows(0))
add("tables", "y as a series of another frame's rows in the same order", lambda: (table(), series(Y)))
add("tables", "column of booleans", lambda: (table(c0=A[:, 0] > 0), Y), A=np.c_[A[:, 0] > 0, A[:, 1:]])
add("tables", "columns of nullable types", lambda: (table().convert_dtypes(), Y))
nothing("tables", "frame with a column of words", lambda: (table(c0=WORDS), Y))
nothing("tables", "frame with a category", with_category)
nothing("tables", "frame with a missing value", lambda: (table(c0=[None, *A[1:, 0]]), Y))
nothing("tables", "frame with a date", lambda: (table(c0=np.arange(N).astype("M8[D]")), Y))
nothing("tables", "row labels of y that differ", lambda: named_rows(3))
nothing("tables", "y of words", lambda: (A, WORDS))
nothing("tables", "y of numbers as text", lambda: (A, Y.astype(str)))
nothing("tables", "y with a missing value", lambda: (A, np.array([None, *Y[1:]], dtype=object)))
nothing("tables", "alpha as a whole number in text", lambda: (A, Y), alpha="1")
nothing("tables", "alpha True", lambda: (A, Y), alpha=True)
nothing("tables", "l1_ratio in text", lambda: (A, Y), l1_ratio="1")
nothing("tables", "sparse X of one dimension", lambda: (sparse.coo_array(A[:, 0]), Y))
nothing("tables", "coo of objects", lambda: (sparse.coo_array(A.astype(object)), Y))
nothing("tables", "weights of words", lambda: (A, Y), sample_weight=WORDS)
nothing("tables", "penalty factors by name, X without names", lambda: (A, Y), penalty_factor={"c0": 0.0})
nothing("tables", "penalty factors of names that X lacks", lambda: (table(), Y), penalty_factor={"none": 0.0})
