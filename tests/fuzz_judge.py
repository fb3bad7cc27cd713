"""Random problems of the losses of rows, judged: is a gap ever below the true distance from the optimum?

    python tests/fuzz_judge.py --count 2000 --seed 0

Problem number s is a function of s alone, so a violation is repeated by `--seed s --count 1`. Each is solved by a slow
solver that knows nothing of the library. Then solutions near the optimum and far from it are judged, and P is evaluated
in 40 digits: P at the slow solver's end is no less than the optimum, so a gap below the difference is a violation. So
are a dual objective above P there, a figure that is not a number, a warning, and a proof of a coefficient that is not
0.
"""

import argparse
import math
import os
import sys
import warnings
from collections import Counter
from dataclasses import dataclass

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from mpmath import mp
from oracles import RowProblem
from scipy import sparse

from fastlasso import support_proof, verify

DIGITS = 40
SIZES = (0.0, 1e-13, 1e-10, 1e-7, 1e-5, 1e-3, 1e-1, 1.0)      # of the perturbations of an optimum


@dataclass(frozen=True)
class Loss:
    """A stand-in of a public loss: its name, and parameters by the names of the subclasses' fields."""


@dataclass(frozen=True)
class Tweedie(Loss):
    power: float
    name = "tweedie"


@dataclass(frozen=True)
class Huber(Loss):
    delta: float
    name = "huber"


@dataclass(frozen=True)
class NegativeBinomial(Loss):
    k: float
    name = "negative_binomial"


NAMES = ("log_loss", "poisson", "gamma", "tweedie", "negative_binomial", "huber", "squared_hinge")
WITH_PARAMETER = {"tweedie": Tweedie, "huber": Huber, "negative_binomial": NegativeBinomial}


def loss_of(name, parameter):
    """What `verify` takes as the loss."""
    return name if parameter is None else WITH_PARAMETER[name](parameter)


def random_loss(rng, name):
    """A parameter, or None."""
    if name == "tweedie":
        return float(rng.choice([1.05, 1.3, 1.5, 1.9]))
    if name == "negative_binomial":
        return float(10.0 ** rng.uniform(-2, 3))
    return float(10.0 ** rng.uniform(-2, 1)) if name == "huber" else None


def random_target(rng, name, eta):
    """A target for scores eta."""
    n = len(eta)
    mu, noise = np.exp(np.clip(eta, -8, 8)), rng.gamma(2, 0.5, n)
    if name in ("log_loss", "squared_hinge"):
        y = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)
        y[:2] = 0, 1
        if name == "log_loss" and rng.random() < 0.2:
            y = np.round(rng.beta(1 + y, 2 - y), int(rng.integers(1, 9)))
        return 2 * y - 1 if name == "squared_hinge" else y
    if name == "huber":
        return eta + rng.standard_t(2, n)
    if name == "gamma":
        return mu * np.maximum(noise, 1e-3)
    counts = rng.poisson(mu * noise).astype(float)
    counts[0] += 1
    return counts if rng.random() < 0.7 else counts * np.maximum(noise, 1e-3)


def random_matrix(rng):
    n, p = int(rng.integers(4, 30)), int(rng.integers(1, 9))
    X = rng.standard_normal((n, p))
    kind = rng.integers(6)
    if kind == 1:
        X = (rng.random((n, p)) < 0.4).astype(float)
    if kind == 2:
        X *= rng.random((n, p)) < 0.4
    if kind == 3:
        X = X * 10.0 ** rng.uniform(-3, 1, p)
    if kind == 4:
        X = X[:, rng.integers(0, p, p)]
    if kind == 5:
        X = X + 10 * rng.standard_normal(p)
    return X


def random_options(rng, n, p):
    options = {}
    if rng.random() < 0.3:
        options["fit_intercept"] = False
    if rng.random() < 0.3:
        options["sample_weight"] = rng.integers(0, 4, n) + 1.0 * (np.arange(n) < 2)
    if rng.random() < 0.3:
        options["offset"] = rng.standard_normal(n)
    if rng.random() < 0.3:
        options["penalty_factor"] = rng.choice([0.0, 0.3, 1.0, 2.0, math.inf], p)
    if rng.random() < 0.3:
        options["l1_ratio"] = float(rng.choice([0.9, 0.5, 0.0]))
    if rng.random() < 0.2:
        options["standardize"] = True
    if rng.random() < 0.2:
        options["lower"] = rng.choice([0.0, -0.1, -math.inf], p)
    if rng.random() < 0.2:
        options["upper"] = rng.choice([0.0, 0.1, math.inf], p)
    return options


def random_problem(seed):
    """(name, parameter, X, y, alpha, options)."""
    rng = np.random.default_rng(seed)
    name = NAMES[int(rng.integers(len(NAMES)))]
    X = random_matrix(rng)
    options = random_options(rng, *X.shape)
    eta = X @ (rng.standard_normal(X.shape[1]) * rng.random(X.shape[1])) * rng.choice([0.1, 1.0, 2.0])
    y = random_target(rng, name, np.clip(eta, -6, 6))
    alpha = float(np.abs(X.T @ (y - y.mean())).max() / len(y) * 10.0 ** rng.uniform(-4, 0))
    return name, random_loss(rng, name), X, y, max(alpha, 1e-4), options


def candidates(rng, problem, coef, intercept):
    """Solutions to be judged: (what, coef, intercept)."""
    p = len(coef)
    with_intercept = float(problem.fit_intercept)
    yield "zero", np.zeros(p), 0.0
    for size in SIZES:
        may_move = (rng.random(p) < 0.5) & (problem.lower < problem.upper)
        moved = coef + size * rng.standard_normal(p) * may_move
        moved = np.clip(moved, problem.lower, problem.upper)
        yield f"moved {size}", moved, intercept + with_intercept * size * rng.standard_normal()
        yield f"shrunk {size}", coef * (1 - size), intercept
    yield "wild", np.clip(1e3 * rng.standard_normal(p), problem.lower, problem.upper), 0.0


def judge(seed):
    """Yield (kind, text, None) of violations, and ("ratio", text, figures) of the sharpness, of one problem."""
    name, parameter, X, y, alpha, options = random_problem(seed)
    problem, rng = RowProblem(name, parameter, X, y, alpha, options), np.random.default_rng(seed + 2**40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coef, intercept = problem.solve()
    given = {"alpha": alpha, "loss": loss_of(name, parameter), **options}
    form = (np.asarray, sparse.csr_array, sparse.csc_array)[int(rng.integers(3))](X)
    solved = problem.violation(coef, intercept) < 1e-8
    with mp.workdps(DIGITS):
        best = problem.exact_objective(coef, intercept)
        for what, b, b0 in candidates(rng, problem, coef, intercept):
            text = f"seed {seed} {name} {parameter} {what} {options}"
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                try:
                    found = verify(form, y, b, b0, **given)
                    proof = support_proof(form, y, b, b0, **given)
                except Exception as error:
                    yield "error", f"{text}: {error!r}", None
                    continue
            if any(math.isnan(v) for v in vars(found).values() if isinstance(v, float)):
                yield "nan", f"{text}: {found}", None
                continue
            true = problem.exact_objective(b, b0) - best
            if true > mp.mpf(found.gap):
                yield "gap", f"{text}: gap {found.gap} below {float(true)}, P(0) {found.null_objective}", None
            if mp.mpf(found.dual) > best + mp.mpf(10) ** -15 * found.null_objective:
                yield "dual", f"{text}: dual {found.dual} above {float(best)}", None
            wrong = (proof == 0) & (np.abs(coef) > 1e-4)
            if wrong.any():
                yield "proof", f"{text}: {np.flatnonzero(wrong)} of {coef}", None
            true = float(true) / (found.null_objective or 1)
            yield "ratio", text, (what, name, found.relative_gap, true, found.bound, solved)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=float, default=math.inf, help="print near solutions so many times off")
    arguments = parser.parse_args()
    violations, judged, bounds, ratios, floors = Counter(), 0, Counter(), {}, {}
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        for kind, text, figures in judge(seed):
            if kind != "ratio":
                violations[kind] += 1
                print(f"{kind.upper()}: {text}", flush=True)
                continue
            judged += 1
            what, name, gap, true, bound, solved = figures
            bounds[bound] += 1
            if not solved:      # the slow solver did not get there: it says nothing of the sharpness
                continue
            if 1e-11 < true < 1e-3:
                ratios.setdefault(name, []).append(gap / true)
                if gap / true > arguments.show:
                    print(f"LOOSE: {text}: gap {gap:.3g}, true {true:.3g}, {bound}")
            if what == "shrunk 0.0":
                floors.setdefault(name, []).append(gap)
                if gap > 1e-10 and arguments.show < math.inf:
                    print(f"FLOOR: {text}: gap {gap:.3g}, {bound}")
    print(f"{arguments.count} problems, {judged} solutions, violations: {dict(violations) or 0}; "
          f"bounds: {dict(bounds)}")
    for name in sorted(ratios):
        quantiles = " ".join(f"{v:.3g}" for v in np.quantile(ratios[name], [0.5, 0.9, 0.99, 1]))
        least = " ".join(f"{v:.1e}" for v in np.quantile(floors[name], [0.5, 0.9, 0.99, 1]))
        print(f"{name:18s} gap / true (50, 90, 99, 100 %): {quantiles};  gap / P(0) at the optimum: {least}")
    sys.exit(bool(violations))


if __name__ == "__main__":
    main()
