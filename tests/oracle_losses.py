"""An oracle of 50 digits for the losses: is a claimed gap ever below the true distance from the minimum?

    python tests/oracle_losses.py --count 500 --seed 0 [--large] [--unpenalised]

Problem number s is a function of s alone, so a violation is repeated by `--seed s --count 1`. A path of tolerance 1e-11
gives a guess of each solution's face: which coefficients are zero, at a bound, positive or negative. Newton's method
solves the stationarity equations of the face in mpmath, and all optimality conditions are checked there. Where one
fails, it says how the face has to change. So a wrong guess costs time and cannot pass. A problem without an answer is
skipped and counted.

Then P at each solution, less the minimum, is compared with the gap that the path claims and the one that `verify`
finds. All formulas are written out here, from docs/losses.md; nothing is taken from the library's losses.
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
from mpmath import mp, mpf

import fastlasso
from fastlasso.ways import going

DIGITS = 50
STATIONARY = mpf(10) ** -42     # a gradient of this size is zero
BELOW = mpf(10) ** -30          # how far below the minimum an objective may come out
ROUNDING = mpf(10) ** -15       # of P(0): weights and penalties are rounded before any gap is taken
NEWTON_STEPS, HALVINGS, FACES = 100, 40, 40
GUESS_TOL = 1e-11
N_ALPHAS, EPS = 5, 0.01
POWER, K, DELTA = mpf(1.5), mpf(2), mpf(1.35)


# ---------------------------------------------------------------- the losses of one row: f, f', f''

def log_loss(y, eta):
    mu, nu = 1 / (1 + mp.exp(-eta)), 1 / (1 + mp.exp(eta))
    return x_log(y, mu) + x_log(1 - y, nu), mu - y, mu * nu


def poisson(y, eta):
    mu = mp.exp(eta)
    return x_log(y, mu) - y + mu, mu - y, mu


def gamma(y, eta):
    s = y * mp.exp(-eta)
    return s - 1 - mp.log(s), 1 - s, s


def tweedie(y, eta):
    A, B, mu = 2 - POWER, POWER - 1, mp.exp(eta)
    v, u, least = mu**A, y * mu**-B, y**A / (A * B)
    return v / A + u / B - least, v - u, A * v + B * u


def negative_binomial(y, eta):
    mu = mp.exp(eta)
    value = x_log(y, mu) - x_log(y + K, mu + K)
    return value, (y + K) * mu / (mu + K) - y, (y + K) * mu * K / (mu + K) ** 2


def huber(y, eta):
    r = y - eta
    if abs(r) <= DELTA:
        return r * r / 2, -r, mpf(1)
    return DELTA * abs(r) - DELTA**2 / 2, -DELTA * mp.sign(r), mpf(0)


def squared_hinge(y, eta):
    margin = 1 - y * eta
    return (margin**2 / 2, -y * margin, mpf(1)) if margin > 0 else (mpf(0), mpf(0), mpf(0))


def x_log(x, other):
    """x ln(x / other), 0 at 0."""
    return x * mp.log(x / other) if x else mpf(0)


FORMULAS = {f.__name__: f for f in (log_loss, poisson, gamma, huber, squared_hinge, tweedie, negative_binomial)}
WITH_PARAMETER = {
    "tweedie": fastlasso.Tweedie(float(POWER)),
    "negative_binomial": fastlasso.NegativeBinomial(float(K)),
    "huber": fastlasso.Huber(float(DELTA)),
}


# ---------------------------------------------------------------- the problem and its minimum

class Exact:
    """A problem in mpmath's numbers. Column 0 is the intercept; coefficients that must be 0 are bounded by 0 and 0.

    Attributes
    ----------
    formula : callable
        f, f' and f'' of (y, eta).
    y, offset, q : list
        Of the rows of positive weight; q is the weight divided by the sum.
    columns : list of lists
    l1, l2, lower, upper : list
        h_j(b) = l1 |b| + l2 b^2 / 2 within the bounds.
    """

    def __init__(self, name, X, y, alpha, options):
        n, p = X.shape
        weight, offset = options.get("sample_weight", np.ones(n)), options.get("offset", np.zeros(n))
        rows = np.flatnonzero(weight)
        self.formula, self.y, self.offset = FORMULAS[name], numbers(y[rows]), numbers(offset[rows])
        self.q = [w / mp.fsum(numbers(weight[rows])) for w in numbers(weight[rows])]
        self.columns = [[mpf(1)] * len(rows), *(numbers(X[rows, j]) for j in range(p))]
        factor = np.broadcast_to(options.get("penalty_factor", 1.0), p)
        used = np.r_[options.get("fit_intercept", True), np.isfinite(factor)]
        strength = [mpf(0), *(mpf(float(alpha)) * v for v in numbers(np.where(used[1:], factor, 0.0)))]
        ratio = mpf(options.get("l1_ratio", 1.0))
        self.l1, self.l2 = [ratio * v for v in strength], [(1 - ratio) * v for v in strength]
        lower, upper = (np.broadcast_to(options.get(k, v), p) for k, v in (("lower", -np.inf), ("upper", np.inf)))
        self.lower = numbers(np.where(used, np.r_[-np.inf, lower], 0.0))
        self.upper = numbers(np.where(used, np.r_[np.inf, upper], 0.0))

    def rows(self, b):
        """[(f, f', f'') of each row]."""
        used = [j for j in range(len(b)) if b[j]]
        scores = (o + mp.fsum(self.columns[j][i] * b[j] for j in used) for i, o in enumerate(self.offset))
        return [self.formula(y, eta) for y, eta in zip(self.y, scores, strict=True)]

    def objective(self, b):
        """P(b), infinite outside the bounds."""
        if any(not low <= v <= high for v, low, high in zip(b, self.lower, self.upper, strict=True)):
            return mp.inf
        penalty = mp.fsum(l1 * abs(v) + l2 * v * v / 2 for v, l1, l2 in zip(b, self.l1, self.l2, strict=True))
        return mp.fdot(self.q, [f for f, _, _ in self.rows(b)]) + penalty

    def pulls(self, b):
        """c_j = <x_j, rho>, the negative gradient of the loss."""
        pull = [-w * slope for w, (_, slope, _) in zip(self.q, self.rows(b), strict=True)]
        return [mp.fdot(column, pull) for column in self.columns]

    def slopes(self, b, j):
        """The slopes of h_j to the left and to the right of b_j: c_j has to lie between."""
        left = -mp.inf if b[j] == self.lower[j] else self.l2[j] * b[j] + self.l1[j] * (1 if b[j] > 0 else -1)
        right = mp.inf if b[j] == self.upper[j] else self.l2[j] * b[j] + self.l1[j] * (1 if b[j] >= 0 else -1)
        return left, right


def numbers(values):
    return [mpf(float(v)) for v in values]


def minimum(problem, guess):
    """Return the coefficients that minimise P, or None where no face near that of the guess satisfies all conditions.

    A face is a dict: the signs of the free coefficients. The others are fixed, at 0 or at a bound.
    """
    b = list(guess)
    face = {j: mp.sign(b[j]) if problem.l1[j] else 0 for j in range(len(b))
            if b[j] not in (problem.lower[j], problem.upper[j]) and (b[j] or not problem.l1[j])}
    for _ in range(FACES):
        b = least_on_face(problem, b, face)
        if b is None:
            return None
        if not leave_or_enter(problem, b, face):
            return b
    return None


def leave_or_enter(problem, b, face):
    """Change the face, in place, as the violated conditions say; return whether there was one.

    Free coefficients stop at the zero or bound that they passed. Where none did, the fixed one that is pulled most
    becomes free.
    """
    stops = {j: stop for j, sign in face.items() if (stop := passed(problem, b[j], j, sign)) is not None}
    for j, stop in stops.items():
        b[j] = stop
        del face[j]
    return bool(stops) or enter(problem, b, face)


def passed(problem, value, j, sign):
    """The zero or bound that a free coefficient of this sign is beyond, or None."""
    low = max(problem.lower[j], mpf(0)) if sign > 0 else problem.lower[j]
    high = min(problem.upper[j], mpf(0)) if sign < 0 else problem.upper[j]
    if value < low or (value == low and sign > 0):
        return low
    return high if value > high or (value == high and sign < 0) else None


def enter(problem, b, face):
    """Free the fixed coefficient whose condition is violated most; return whether there was one."""
    pulls, worst, most = problem.pulls(b), None, STATIONARY
    for j in set(range(len(b))) - set(face):
        left, right = problem.slopes(b, j)
        excess = max(pulls[j] - right, left - pulls[j])
        if excess > most:
            worst, most = j, excess
    if worst is None:
        return False
    up = pulls[worst] > problem.slopes(b, worst)[1]
    sign = mp.sign(b[worst]) or (1 if up else -1)
    face[worst] = sign if problem.l1[worst] else 0
    return True


def least_on_face(problem, b, face):
    """Minimise over the free coefficients, |b_j| being sign b_j: Newton's method with halved steps; None if it fails.
    """
    free = sorted(face)
    for _ in range(NEWTON_STEPS if free else 0):
        gradient, hessian = derivatives(problem, b, face, free)
        if max(map(abs, gradient)) <= STATIONARY:
            return b
        try:
            step = mp.lu_solve(hessian, -mp.matrix(gradient))
        except ZeroDivisionError:
            return None
        b = descended(problem, b, face, dict(zip(free, step, strict=True)))
        if b is None:
            return None
    return None if free else b


def derivatives(problem, b, face, free):
    """Gradient and Hessian on the face."""
    rows = problem.rows(b)
    slope = [w * row[1] for w, row in zip(problem.q, rows, strict=True)]
    curvature = [w * row[2] for w, row in zip(problem.q, rows, strict=True)]
    gradient = [mp.fdot(problem.columns[j], slope) + problem.l1[j] * face[j] + problem.l2[j] * b[j] for j in free]
    hessian = mp.matrix(len(free), len(free))
    for a, j in enumerate(free):
        weighted = [x * d for x, d in zip(problem.columns[j], curvature, strict=True)]
        for c, i in enumerate(free[: a + 1]):
            hessian[a, c] = hessian[c, a] = mp.fdot(weighted, problem.columns[i]) + (problem.l2[j] if i == j else 0)
    return gradient, hessian


def descended(problem, b, face, step):
    """b + 2^-k step for the first k at which the objective of the face is no larger; None where there is none."""
    before = on_face(problem, b, face)
    for k in range(HALVINGS):
        new = [v + step.get(j, 0) * mpf(2) ** -k for j, v in enumerate(b)]
        if on_face(problem, new, face) <= before * (1 + STATIONARY) + STATIONARY:
            return new
    return None


def on_face(problem, b, face):
    """P up to a constant, with sign b_j in place of |b_j|."""
    loss = mp.fdot(problem.q, [f for f, _, _ in problem.rows(b)])
    return loss + mp.fsum(problem.l1[j] * face[j] * b[j] + problem.l2[j] * b[j] ** 2 / 2 for j in face)


# ---------------------------------------------------------------- random problems

def random_matrix(rng):
    n, p = int(rng.integers(8, 31)), int(rng.integers(1, 13))
    X = rng.standard_normal((n, p))
    kind = rng.integers(5)
    if kind == 1:
        X = np.round(X, 1) * (rng.random((n, p)) < 0.6)
    if kind == 2:
        X += 2 * rng.standard_normal((n, 1))
    if kind == 3:
        X *= 10.0 ** rng.uniform(-2, 1, p)
    if kind == 4:
        X += rng.choice([1.0, 5.0, 20.0]) * rng.standard_normal(p)
    return X


def random_target(rng, name, eta):
    mu, spread = np.exp(eta), rng.gamma(2.0, 0.5, len(eta))
    if name in ("log_loss", "squared_hinge"):
        y = np.r_[0.0, 1.0, (rng.random(len(eta) - 2) < 1 / (1 + np.exp(-eta[2:]))).astype(float)]
        if name == "squared_hinge":
            return 2 * y - 1
        return np.round(rng.beta(1 + y, 2 - y), 3) if rng.random() < 0.2 else y
    if name == "huber":
        return eta + rng.standard_t(2, len(eta))
    if name == "gamma":
        return mu * np.maximum(spread, 1e-3)
    counts = rng.poisson(mu * spread) + np.r_[1.0, np.zeros(len(eta) - 1)]
    return counts * np.maximum(spread, 0.01) if name == "tweedie" else counts


def random_options(rng, n, p):
    draws = {
        "fit_intercept": lambda: False,
        "sample_weight": lambda: np.r_[1.0, 1.0, rng.choice([0.0, 0.5, 1.0, 3.0], n - 2)],
        "offset": lambda: 0.5 * rng.standard_normal(n),
        "penalty_factor": lambda: rng.choice([1e-3, 0.3, 1.0, 2.0, math.inf], p),
        "lower": lambda: rng.choice([0.0, -0.1, -math.inf], p),
        "upper": lambda: rng.choice([0.0, 0.15, math.inf], p),
        "l1_ratio": lambda: float(rng.choice([0.9, 0.5, 0.1, 0.0])),
    }
    options = {name: draw() for name, draw in draws.items() if rng.random() < 0.3}
    if "penalty_factor" in options and rng.random() < 0.3:
        options["penalty_factor"][-1] = 0.0
    return options


def random_problem(seed, unpenalised=False):
    """(name, X, y, options); where asked, about two columns have no penalty, whatever their options were."""
    rng = np.random.default_rng(seed)
    name, X = list(FORMULAS)[seed % len(FORMULAS)], random_matrix(rng)
    shares = rng.standard_normal(X.shape[1]) * (rng.random(X.shape[1]) < 0.6) / X.std(axis=0).clip(0.1)
    eta = np.clip((X - X.mean(axis=0)) @ shares, -4, 4)
    y, options, p = random_target(rng, name, eta), random_options(rng, *X.shape), X.shape[1]
    if unpenalised:
        options["penalty_factor"] = np.where(rng.permutation(p) < 2, 0.0, options.get("penalty_factor", np.ones(p)))
    return name, X, y, options


# ---------------------------------------------------------------- the judgement

@dataclass(frozen=True)
class Finding:
    """One solution: its tolerance, what it claims, what `verify` says, the truth and P(0); all but tol in mpmath.

    `true` is None where the minimum was not found.
    """

    text: str
    loss: str
    tol: float
    gap: object = None
    verified: object = None
    true: object = None
    null: object = None
    certified: bool = True

    def violations(self):
        """The names of the promises that are broken."""
        with mp.workdps(DIGITS):
            slack = ROUNDING * self.null
            checks = {"gap": self.true > self.gap + slack, "verify": self.true > self.verified + slack,
                      "below the minimum": self.true < -BELOW}
        return [name for name, broken in checks.items() if broken]

    def figures(self):
        """The numbers, as a text."""
        values = {"true": self.true, "gap": self.gap, "verify": self.verified, "P(0)": self.null}
        return ", ".join(f"{name} {mp.nstr(value, 17)}" for name, value in values.items())


def findings(seed, tols=(1e-3, 1e-6, GUESS_TOL), unpenalised=False):
    """Yield a `Finding` for each alpha and tolerance of one problem."""
    name, X, y, options = random_problem(seed, unpenalised)
    given = {"loss": WITH_PARAMETER.get(name, name), **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fastlasso.ConvergenceWarning)
        path = fastlasso.fit_path(X, y, alphas=N_ALPHAS, eps=EPS, **given)
        paths = {tol: fastlasso.fit_path(X, y, alphas=path.alphas, tol=tol, **given) for tol in {*tols, GUESS_TOL}}
    with mp.workdps(DIGITS):
        for k, alpha in enumerate(path.alphas):
            problem = Exact(name, X, y, alpha, options)
            best = minimum(problem, solution(paths[GUESS_TOL].fit_at(k)))
            for tol in tols:
                text = f"seed {seed} {name} alpha {float(alpha)!r} tol {tol:g} {sorted(options)}"
                if best is None:
                    yield Finding(text, name, tol)
                else:
                    yield judged(problem, best, paths[tol].fit_at(k), X, y, given, text=text, loss=name, tol=tol)


def judged(problem, best, fit, X, y, given, **facts):
    """The `Finding` of one solution."""
    verified = fastlasso.verify(X, y, fit.coef, fit.intercept, alpha=fit.alpha, **given).gap
    true = problem.objective(solution(fit)) - problem.objective(best)
    return Finding(gap=mpf(fit.gap), verified=mpf(verified), true=true, null=mpf(fit.null_objective),
                   certified=fit.certified, **facts)


def solution(fit):
    """Intercept and coefficients as mpmath's numbers."""
    return numbers([fit.intercept, *fit.coef])


def summary(found):
    """Lines on the sharpness of the gaps, by tolerance and loss, where the truth is more than rounding."""
    for tol in sorted({f.tol for f in found}, reverse=True):
        for loss in [*FORMULAS, "all"]:
            these = [f for f in found if f.tol == tol and loss in (f.loss, "all") and f.true > ROUNDING * f.null]
            if these:
                gaps, verified = quantiles(f.gap / f.true for f in these), quantiles(f.verified / f.true for f in these)
                yield (f"tol {tol:g} {loss:18s} {len(these)} solutions, gap / true (0, 50, 90 %): {gaps}; "
                       f"verify / true: {verified}")


def quantiles(values):
    return " ".join(f"{v:.4g}" for v in np.quantile([float(v) for v in values], [0, 0.5, 0.9]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--large", action="store_true", help="solve them by the ways of large problems")
    parser.add_argument("--unpenalised", action="store_true", help="leave two columns of each without a penalty")
    arguments = parser.parse_args()
    found, skipped, violations = [], 0, Counter()
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        with going(**({"small": 0} if arguments.large else {})):
            of_seed = list(findings(seed, unpenalised=arguments.unpenalised))
        known = [f for f in of_seed if f.true is not None]
        if len(known) < len(of_seed):
            skipped += 1
            print(f"SKIPPED: {next(f.text for f in of_seed if f.true is None)}", flush=True)
        for finding in known:
            for kind in finding.violations():
                violations[kind] += 1
                print(f"{kind.upper()}: {finding.text}: {finding.figures()}", flush=True)
        found += known
    print(f"{arguments.count} problems, {len(found)} solutions judged, {skipped} problems skipped in part, "
          f"{sum(not f.certified for f in found)} not certified, violations: {dict(violations) or 0}")
    for name in ("gap", "verified"):
        short = [float((f.true - getattr(f, name)) / f.null) for f in found if getattr(f, name) < f.true]
        print(f"{name} below the truth but for rounding: {len(short)}, by {max(short, default=0):.2g} P(0) at most")
    print(*summary(found), sep="\n")
    sys.exit(bool(violations))


if __name__ == "__main__":
    main()
