"""
Subtract, divide, or both: the soft threshold
=============================================

Where columns do not overlap, each coefficient is a function of its own least-squares value u. The lasso subtracts alpha
and stops at zero, ridge divides by 1 + alpha, the elastic net does both. The lines are the formulas, the dots are what
the solver returns for a design with orthogonal columns.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastlasso

u = np.linspace(-3, 3, 25)
n = len(u)
alpha = 1.0


def shrunk(u, l1_ratio):
    """Return the minimiser of (b - u)^2 / 2 + alpha (l1_ratio |b| + (1 - l1_ratio) b^2 / 2)."""
    l1, l2 = alpha * l1_ratio, alpha * (1 - l1_ratio)
    return np.sign(u) * np.maximum(np.abs(u) - l1, 0) / (1 + l2)


figure, ax = plt.subplots(figsize=(6.4, 4.8))
ax.plot(u, u, color="0.55", linewidth=1, linestyle="--")
ax.text(2.35, 2.65, "least squares", color="0.4", ha="right", fontsize=9)
line = np.linspace(-3, 3, 601)
for l1_ratio, name, colour in ((1, "lasso: subtract", "#0072B2"), (0.5, "elastic net: both", "#009E73"),
                               (0, "ridge: divide", "#D55E00")):
    fit = fastlasso.fit(np.sqrt(n) * np.eye(n), np.sqrt(n) * u, alpha, l1_ratio=l1_ratio, fit_intercept=False)
    assert np.allclose(fit.coef, shrunk(u, l1_ratio), atol=1e-12)
    ax.plot(line, shrunk(line, l1_ratio), color=colour, label=name)
    ax.plot(u, fit.coef, "o", color=colour, markersize=4.5)
ax.axvspan(-alpha, alpha, color="#0072B2", alpha=0.08, linewidth=0)
ax.text(0, -2.75, "the lasso is zero here", color="#0072B2", ha="center", fontsize=9)
ax.axhline(0, color="0.6", linewidth=0.7, zorder=0)
ax.set(xlabel="least-squares value u", ylabel="coefficient", title="alpha = 1")
ax.legend(loc="upper left")
plt.show()

# %%
# Concave penalties answer the lasso's bias: past a point they leave u alone. Here MCP, solved by the same solver as a
# short sequence of lassos.

path = fastlasso.reweighted_path(np.sqrt(n) * np.eye(n), np.sqrt(n) * u, penalty="mcp", gamma=3.0, alphas=[alpha],
                                 fit_intercept=False)
mcp = path.fit_at(0).coef

figure, ax = plt.subplots(figsize=(6.4, 3.8))
ax.plot(u, u, color="0.55", linewidth=1, linestyle="--", label="least squares")
ax.plot(line, shrunk(line, 1), color="#0072B2", label="lasso")
ax.plot(u, mcp, "o-", color="#CC79A7", markersize=4.5, label="MCP")
ax.set(xlabel="least-squares value u", ylabel="coefficient", title="MCP does not shrink what is large")
ax.legend(loc="upper left")
plt.show()
