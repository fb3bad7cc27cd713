"""``python -m bench.refine``: what each way to prune and refine finds on data whose truth is known, as Markdown.

y = 5 + X b + 2 e with e standard normal and ten true columns in every fifth place, b = 3, -3, 2.5, -2.5, ..., 1, -1.
The figures are means over seeds: columns kept; true ones among them; the shrinkage of the true coefficients (mean of
1 - estimate / truth); the error |estimate - b|; seconds.
"""
import argparse
import time
import warnings

import numpy as np

import fastlasso
from fastlasso import Stage

TRUTH = np.array([3, -3, 2.5, -2.5, 2, -2, 1.5, -1.5, 1, -1])
DESIGNS = {"wide": (200, 1000, 0.0), "correlated": (200, 1000, 0.7), "tall": (400, 100, 0.5)}
GRID = {"cv": 10, "random_state": 0, "alphas": 50, "eps": 0.05}
FOLDS = {"cv": 10, "random_state": 0}


def design(name, seed):
    """Return X (rows are autoregressive with correlation rho from column to column), y and b."""
    n, p, rho = DESIGNS[name]
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * X[:, j]
    coef = np.zeros(p)
    coef[:50:5] = TRUTH
    return np.asfortranarray(X), 5 + X @ coef + 2 * rng.standard_normal(n), coef


def stable_refit(X, y):
    """Least squares on what stability selection keeps where at most one column is expected to be false."""
    stable = fastlasso.stability_selection(X, y, random_state=0)
    factor = np.full(X.shape[1], np.inf)
    factor[stable.support(threshold=0.9, max_false=1.0, unimodal=True)] = 0.0
    return fastlasso.fit(X, y, 1.0, penalty_factor=factor)


METHODS = {
    "lasso, lowest CV error": lambda X, y: fastlasso.cross_validate_path(X, y, **GRID),
    "lasso, one standard error": lambda X, y: fastlasso.cross_validate_path(X, y, rule="1se", **GRID),
    "pruned at 1se, refined": lambda X, y: fastlasso.fit_schedule(
        X, y, [Stage("1se", alphas=50, eps=0.05), Stage("min", factor="support")], **FOLDS),
    "pruned at 1se, adaptive": lambda X, y: fastlasso.fit_schedule(
        X, y, [Stage("1se", alphas=50, eps=0.05), Stage("min", factor="adaptive")], **FOLDS),
    "relaxed": lambda X, y: fastlasso.cross_validate_relaxed(X, y, **GRID),
    "adaptive": lambda X, y: fastlasso.cross_validate_adaptive(X, y, **FOLDS),
    "MCP": lambda X, y: fastlasso.cross_validate_reweighted(X, y, **GRID),
    "SCAD": lambda X, y: fastlasso.cross_validate_reweighted(X, y, penalty="scad", **GRID),
    "log": lambda X, y: fastlasso.cross_validate_reweighted(X, y, penalty="log", **GRID),
    "stability, then refit": stable_refit,
}


def found(method, X, y, truth):
    """(columns kept, true ones, shrinkage, error, seconds) of one method."""
    started = time.perf_counter()
    coef = method(X, y).coef
    seconds = time.perf_counter() - started
    used = truth != 0
    return (np.count_nonzero(coef), np.count_nonzero(coef[used]), np.mean(1 - coef[used] / truth[used]),
            np.linalg.norm(coef - truth), seconds)


def main():
    """Print one table per design."""
    parser = argparse.ArgumentParser(prog="python -m bench.refine", description=__doc__)
    parser.add_argument("--design", action="append", choices=list(DESIGNS), help="only this one (repeatable)")
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    warnings.simplefilter("ignore", fastlasso.ConvergenceWarning)       # the end of a concave path may not settle
    for name in options.design or DESIGNS:
        data = [design(name, seed) for seed in range(options.seeds)]
        n, p, rho = DESIGNS[name]
        print(f"\n{name}: {n} x {p}, correlation {rho}, {options.seeds} seeds\n")
        print("| | columns | true, of 10 | shrinkage | error | seconds |\n|---|---|---|---|---|---|")
        for label, method in METHODS.items():
            kept, true, shrinkage, error, seconds = np.mean([found(method, *seed) for seed in data], axis=0)
            print(f"| {label} | {kept:.1f} | {true:.1f} | {shrinkage:.0%} | {error:.2f} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
