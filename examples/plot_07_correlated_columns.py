"""
Elastic net: columns that belong together
=========================================

Of strongly correlated columns the lasso takes one and leaves the others, and another sample may take another one. A
ridge part makes them enter together. Here three groups of five columns, nearly copies of each other within a group, and
forty columns of noise.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastlasso

COLOURS = ("#0072B2", "#D55E00", "#009E73")


def sample(seed):
    """Return X and y; the columns 0-4, 5-9 and 10-14 are three groups."""
    rng = np.random.default_rng(seed)
    causes = rng.standard_normal((100, 3))
    groups = np.repeat(causes, 5, axis=1) + 0.15 * rng.standard_normal((100, 15))
    return np.hstack([groups, rng.standard_normal((100, 40))]), causes @ [3.0, -2.0, 1.5] + rng.standard_normal(100)


X, y = sample(0)
figure, axes = plt.subplots(1, 2, figsize=(8.4, 4.0), sharey=True)
for ax, l1_ratio, name in zip(axes, (1.0, 0.3), ("lasso", "elastic net, l1_ratio = 0.3"), strict=True):
    path = fastlasso.fit_path(X, y, l1_ratio=l1_ratio, eps=0.003 if l1_ratio == 1 else 0.01)
    profiles = path.coefs.toarray()
    ax.plot(path.alphas, profiles[15:].T, color="0.75", linewidth=0.7)
    for k, colour in enumerate(COLOURS):
        ax.plot(path.alphas, profiles[5 * k:5 * k + 5].T, color=colour, linewidth=1.6)
        ax.plot([], [], color=colour, label=f"group {k + 1}")
    ax.set(xscale="log", xlabel="alpha", title=name)
    ax.invert_xaxis()
axes[0].plot([], [], color="0.75", label="noise")
axes[0].set_ylabel("coefficient")
axes[0].legend(loc="upper left")
plt.show()

# %%
# Which columns are chosen, over fifty samples? The lasso draws lots within a group; the elastic net takes the group.

chosen = {}
for l1_ratio in (1.0, 0.3):
    fits = (fastlasso.fit(*sample(seed), alpha=0.3 / l1_ratio, l1_ratio=l1_ratio).coef != 0 for seed in range(50))
    chosen[l1_ratio] = np.mean(list(fits), axis=0)

figure, ax = plt.subplots(figsize=(8.4, 3.4))
place = np.arange(20)
for shift, (l1_ratio, share), colour in zip((-0.2, 0.2), chosen.items(), ("#56B4E9", "#E69F00"), strict=True):
    ax.bar(place + shift, 100 * share[:20], 0.38, color=colour,
           label="lasso" if l1_ratio == 1 else f"elastic net, l1_ratio = {l1_ratio}")
for k in range(3):
    ax.text(5 * k + 2, 108, f"group {k + 1}", ha="center", color=COLOURS[k], fontweight="bold", fontsize=9)
ax.text(17, 108, "noise", ha="center", color="0.4", fontweight="bold", fontsize=9)
for k in (4.5, 9.5, 14.5):
    ax.axvline(k, color="0.8", linewidth=0.8)
ax.set(xlabel="column", ylabel="chosen (% of samples)", ylim=(0, 118), yticks=range(0, 101, 25), xticks=place)
figure.legend(loc="outside lower center", ncols=2)
plt.show()
