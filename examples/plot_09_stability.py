"""
Stability selection
===================

A column that matters is chosen from any half of the rows; a column that came in by chance is not. Fit the path on both
halves of many random splits, and count. A bound says how many false columns to expect above a threshold.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastlasso

rng = np.random.default_rng(0)
X = rng.standard_normal((200, 500))
strong = [1.2, -1.2, 0.9, -0.9, 0.7, -0.7]
y = X[:, :6] @ strong + 1.5 * rng.standard_normal(200)
stable = fastlasso.stability_selection(X, y, n_pairs=50, random_state=0)
chosen = stable.support(threshold=0.75, max_false=1.0)
print("chosen:", chosen, " true: 0-5")

# %%
# Beside the plain path of the lasso: there the true columns are not to be told from the others by eye alone.

path = fastlasso.fit_path(X, y, alphas=stable.alphas)
figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 4.2))
for ax, profiles in ((left, np.abs(path.coefs.toarray())), (right, 100 * stable.probabilities)):
    ax.plot(stable.alphas, profiles[6:].T, color="0.75", linewidth=0.6)
    ax.plot(stable.alphas, profiles[:6].T, color="#0072B2", linewidth=1.7)
    ax.set(xscale="log", xlabel="alpha", xlim=(stable.alphas[0], stable.alphas[-1]))
left.set(title="Lasso path", ylabel="size of the coefficient", ylim=(0, None))
right.set(title="Chosen from random halves", ylabel="% of 100 halves", ylim=(0, 103))
right.axhline(75, color="#D55E00", linestyle="--", linewidth=1.2)
right.annotate("threshold", (stable.alphas[0], 75), (4, 4), textcoords="offset points", color="#D55E00", fontsize=9)
left.plot([], [], color="#0072B2", label="true columns")
left.plot([], [], color="0.75", label="the others")
left.legend(loc="upper left")
plt.show()
