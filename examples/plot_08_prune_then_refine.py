"""
One knob, or prune hard and refine gently
=========================================

One alpha does two jobs: it decides which columns are in, and it shrinks those that are in. Enough to keep noise out is
too much for the coefficients that matter. Two stages take the jobs apart: a hard one selects, a gentle one estimates on
what was selected. The truth is known here: ten columns of a thousand.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastlasso
from fastlasso import Stage

rng = np.random.default_rng(0)
X = rng.standard_normal((200, 1000))
truth = np.zeros(1000)
truth[:10] = 3, -3, 2.5, -2.5, 2, -2, 1.5, -1.5, 1, -1
y = 5 + X @ truth + 2 * rng.standard_normal(200)

# %%
# What one knob can do: the error of the coefficients and the number of false columns along the whole path.

path = fastlasso.fit_path(X, y, alphas=60, eps=0.05)
error = np.linalg.norm(path.coefs.toarray() - truth[:, None], axis=0)
false = np.asarray((path.coefs != 0)[10:].sum(axis=0)).ravel()

# %%
# Three ways to use more than one, each choosing by ten-fold cross-validation.

grid = {"cv": 10, "random_state": 0, "alphas": 50, "eps": 0.05}
found = {
    "lasso, lowest error": fastlasso.cross_validate_path(X, y, **grid).coef,
    "lasso, 1-se rule": fastlasso.cross_validate_path(X, y, rule="1se", **grid).coef,
    "two stages": fastlasso.fit_schedule(X, y, [Stage("1se"), Stage("min", factor="support")], cv=10,
                                         random_state=0).coef,
    "adaptive lasso": fastlasso.cross_validate_adaptive(X, y, cv=10, random_state=0).coef,
    "MCP": fastlasso.cross_validate_reweighted(X, y, **grid | {"eps": 0.1}).coef,
}
colours = dict(zip(found, ("#0072B2", "#56B4E9", "#009E73", "#E69F00", "#CC79A7"), strict=True))

figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 4.2), width_ratios=(1.15, 1))
left.plot(false, error, color="0.5", linewidth=1.4, label="lasso, every alpha", zorder=1)
for name, coef in found.items():
    left.plot(np.count_nonzero(coef[10:]), np.linalg.norm(coef - truth), "o", color=colours[name], markersize=10,
              label=name)
left.set(xlabel="false columns", ylabel="error of the coefficients", title="No alpha gets down there", xlim=(-2, 60),
         ylim=(0, 4))
left.legend(loc="upper right")
right.axhline(0, color="0.6", linewidth=0.7)
place = np.arange(10)
right.bar(place, truth[:10], 0.9, color="0.85", label="truth")
for shift, name in ((-0.25, "lasso, lowest error"), (0, "two stages"), (0.25, "MCP")):
    right.bar(place + shift, found[name][:10], 0.2, color=colours[name], label=name)
right.set(xlabel="true column", ylabel="coefficient", title="Shrunk, less shrunk, not shrunk", xticks=place)
right.legend(loc="upper right")
plt.show()

# %%
for name, coef in found.items():
    print(f"{name:20} {np.count_nonzero(coef[:10]):2} of 10 true, {np.count_nonzero(coef[10:]):2} false, "
          f"error {np.linalg.norm(coef - truth):.2f}")
