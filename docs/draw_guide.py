"""Draw the pictures of docs/guide.md: python docs/draw_guide.py. Needs matplotlib; writes into docs/images."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot

import fastlasso
from fastlasso import plotting
from fastlasso.datasets import load_diabetes

IMAGES = Path(__file__).parent / "images"


def diabetes():
    """Return X with names, y: ten measurements of 442 patients."""
    data = load_diabetes(quadratic=False)
    return data.X, data.y, list(data.feature_names)


def named(result, names):
    """Give the features of a result their names."""
    result.feature_names = names
    return result


def keep(figure, name):
    """Write a figure and close it."""
    figure.savefig(IMAGES / f"plot-{name}.png", dpi=90)
    pyplot.close(figure)


def draw_profiles():
    """Profiles against alpha with lines at two alphas, and against the norm with features that were asked for."""
    X, y, names = diabetes()
    path = named(fastlasso.fit_path(X, y, standardize=True), names)
    short = named(fastlasso.fit_path(X, y, standardize=True, alphas=[20.0, 10.0, 5.0, 2.0, 1.0]), names)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    path.plot(left, n_labels=5, alphas=[10.0, 1.0], scaled=True)
    short.plot(right, features=["bmi", "ltg", "age"], x="norm", scaled=True)
    keep(figure, "profiles")


def draw_dark():
    """The same in a dark theme."""
    X, y, names = diabetes()
    with pyplot.style.context("dark_background"):
        cv = named(fastlasso.cross_validate_path(X, y, standardize=True), names)
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
        cv.path.plot(left, n_labels=10, scaled=True)
        cv.plot(right)
        keep(figure, "dark")


def draw_comparison():
    """Two paths on the same axes."""
    X, y, names = diabetes()
    lasso = named(fastlasso.fit_path(X, y, standardize=True), names)
    mcp = named(fastlasso.reweighted_path(X, y, standardize=True), names)
    figure, ax = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    plotting.compare_paths({"lasso": lasso, "MCP": mcp}, ax, n_labels=4, scaled=True)
    keep(figure, "comparison")


def draw_choices():
    """Stability selection beside the cross-validation of a relaxed lasso."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 200))
    y = X[:, :4] @ [2, -2, 1, 0.7] + rng.standard_normal(120)
    stable = fastlasso.stability_selection(X, y, random_state=0)
    relaxed = fastlasso.cross_validate_relaxed(X, y, alphas=50, eps=0.02)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    stable.plot(left)
    relaxed.plot(right)
    keep(figure, "choices")


def draw_stages():
    """The stages of a schedule beside the coefficients of its end."""
    X, y, names = diabetes()
    run = named(fastlasso.fit_schedule(X, y, [
        fastlasso.Stage("1se"), fastlasso.Stage("min", factor="adaptive")], standardize=True), names)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    run.plot(left)
    run.at().plot(right)
    keep(figure, "stages")


if __name__ == "__main__":
    matplotlib.use("agg")
    for draw in (draw_profiles, draw_dark, draw_comparison, draw_choices, draw_stages):
        draw()
