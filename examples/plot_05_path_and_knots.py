"""
A path and its knots
====================

As alpha falls, columns enter and sometimes leave. Between two such knots every coefficient is a straight line in alpha,
so a few solutions are enough to know all of them: ``path.at(alpha)`` interpolates exactly where nothing enters or
leaves, and solves again elsewhere.
"""

# %%
# The diabetes data: 442 patients, ten measurements. A grid fine enough to see each knot.

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

import fastlasso
from fastlasso.datasets import load_diabetes

data = load_diabetes(quadratic=False)
path = fastlasso.fit_path(data.X, data.y, standardize=True, alphas=np.linspace(46, 0.02, 2000))
signs = np.sign(path.coefs.toarray())
knots = np.flatnonzero((signs[:, 1:] != signs[:, :-1]).any(axis=0)) + 1
print(f"{len(knots)} knots; passes over X for 2,000 solutions: {path.n_passes[-1]:.0f}")

# %%
profiles = path.coefs.toarray() * data.X.std(axis=0)[:, None]
figure, ax = plt.subplots(figsize=(7.8, 4.8))
colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F3C8D", "#555555", "#8C6D31", "#AD494A"]
order = np.argsort(-np.abs(profiles[:, -1]))
for j, colour in zip(order, colours, strict=True):
    ax.plot(path.alphas, profiles[j], color=colour)
    entered = np.flatnonzero(signs[j])[0]
    ax.plot(path.alphas[entered], 0, "o", color=colour, markersize=5, zorder=4)
for k in knots:
    ax.axvline(path.alphas[k], color="0.75", linewidth=0.7, zorder=0)
ax.axhline(0, color="0.5", linewidth=0.7, zorder=0)
ax.set(xlabel="alpha (square-root scale)", ylabel="coefficient x standard deviation", xlim=(46, 0.0))
ax.set_xscale("function", functions=(lambda a: np.sqrt(np.maximum(a, 0)), np.square))
ax.set_xticks([40, 20, 10, 5, 2, 0.5, 0])
places = profiles[order, -1].copy()
for low, high in pairwise(np.argsort(places)):
    places[high] = max(places[high], places[low] + 2.6)
for j, place, colour in zip(order, places, colours, strict=True):
    ax.annotate(data.feature_names[j], (0, place), (6, 0), textcoords="offset points", color=colour, va="center",
                fontsize=9, annotation_clip=False)
ax.set_title("Each vertical line is a knot; a dot shows where a column enters")
plt.show()

# %%
# Between knots nothing is solved again, and the certificate holds all the same.

few = fastlasso.fit_path(data.X, data.y, standardize=True, alphas=path.alphas[[0, *(knots - 1), *knots, -1]])
middle = few.at(10.0)
judged = fastlasso.verify(data.X, data.y, middle.coef, middle.intercept, alpha=10.0, standardize=True)
print(f"{len(few.alphas)} solutions; at alpha 10, between two of them, the gap is {judged.relative_gap:.0e} of P(0)")
