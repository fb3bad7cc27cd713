"""
Why the diamond gives zeros
===========================

A penalty of size alpha is a ball that the coefficients may not leave. The ball of the lasso is a diamond, that of
ridge a disc. The ellipses of the loss grow from the least-squares solution until they touch the ball. A diamond is
touched at a corner by a whole cone of ellipses, and at a corner a coefficient is exactly zero. A disc has no corners.
"""

# %%
# Two columns, and both solutions with balls of about the same size.

import matplotlib.pyplot as plt
import numpy as np

import fastlasso

rng = np.random.default_rng(3)
X = rng.standard_normal((60, 2)) @ [[1.0, 0.5], [0.0, 0.9]]
X -= X.mean(axis=0)
y = X @ [0.2, 1.0] + 0.3 * rng.standard_normal(60)
options = {"fit_intercept": False, "tol": 1e-12}
lasso = fastlasso.fit(X, y, alpha=0.45, **options)
ridge = fastlasso.fit(X, y, alpha=0.55, l1_ratio=0, **options)
print("lasso", lasso.coef.round(3), " ridge", ridge.coef.round(3))

# %%
# The touching ellipse is the one of the solution's own loss.

b = np.linspace(-1.1, 1.7, 281)
grid = np.stack(np.meshgrid(b, b), axis=-1)
best = np.linalg.lstsq(X, y, rcond=None)[0]


def loss(coef):
    """Return the excess of the squared error over its minimum."""
    return 0.5 * np.sum(((coef - best) @ np.linalg.cholesky(X.T @ X / len(y))) ** 2, axis=-1)


figure, axes = plt.subplots(1, 2, figsize=(8.4, 4.3), sharey=True)
balls = (("L1: a diamond", np.abs(grid).sum(-1), np.abs(lasso.coef).sum(), lasso),
         ("L2: a disc", np.hypot(*np.moveaxis(grid, -1, 0)), np.hypot(*ridge.coef), ridge))
for ax, (title, size, radius, fit) in zip(axes, balls, strict=True):
    touch = loss(fit.coef)
    ax.contourf(b, b, size, levels=[0, radius], colors=["#0072B2"], alpha=0.25)
    ax.contour(b, b, size, levels=[radius], colors=["#0072B2"])
    ax.contour(b, b, loss(grid), levels=touch * np.array([0.1, 0.4, 1, 2.2, 4.5]), colors=["#D55E00"],
               linewidths=[0.8, 0.8, 2, 0.8, 0.8])
    ax.plot(*best, "x", color="#D55E00", markersize=8, markeredgewidth=2)
    ax.annotate("least squares", best, (0.5, 1.48), color="#D55E00", fontsize=9, arrowprops={
        "arrowstyle": "-", "color": "#D55E00", "linewidth": 0.7, "shrinkB": 5})
    ax.plot(*fit.coef, "o", color="black", markersize=8, zorder=5)
    ax.annotate(f"({fit.coef[0]:.2f}, {fit.coef[1]:.2f})", fit.coef, (0, -17), textcoords="offset points", ha="center",
                fontsize=9)
    ax.axhline(0, color="0.6", linewidth=0.7, zorder=0)
    ax.axvline(0, color="0.6", linewidth=0.7, zorder=0)
    ax.set(title=title, aspect="equal", xlabel="first coefficient", xlim=(-1.1, 1.3), ylim=(-1.0, 1.6))
axes[0].set_ylabel("second coefficient")
plt.show()

# %%
# The lasso's first coefficient is not small: it is zero. That is no accident of this sample. The pull of the data on
# that coefficient may be anything up to alpha, and zero stays the best answer.

pull = X[:, 0] @ (y - X @ lasso.coef) / len(y)
print(f"pull {pull:.3f}, alpha 0.45")
