"""
Numbers with outliers: the Huber loss
=====================================

Squared error lets a few wild rows choose the columns. The Huber loss grows linearly beyond delta, so a row can pull
with a force of at most delta. Here one row in twelve is wrong by up to forty.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastlasso

rng = np.random.default_rng(1)
n, p = 150, 300
X = rng.standard_normal((n, p))
truth = np.zeros(p)
truth[:5] = 2.0, -2.0, 1.5, -1.5, 1.0
y = X @ truth + 0.7 * rng.standard_normal(n)
wild = rng.choice(n, n // 12, replace=False)
y[wild] += rng.uniform(15, 40, len(wild)) * rng.choice([-1, 1], len(wild))

figure, axes = plt.subplots(1, 2, figsize=(8.6, 4.0), sharey=True)
for ax, loss, name in zip(axes, ("squared_error", fastlasso.Huber(1.0)), ("squared error", "Huber, delta = 1"),
                          strict=True):
    path = fastlasso.fit_path(X, y, loss=loss, alphas=60, eps=0.1)
    profiles = path.coefs.toarray()
    ax.plot(path.alphas, profiles[5:].T, color="0.75", linewidth=0.6)
    ax.plot(path.alphas, profiles[:5].T, color="#0072B2")
    for value in truth[:5]:
        ax.plot(1.02, value, "<", color="#D55E00", transform=ax.get_yaxis_transform(), clip_on=False, markersize=7)
    ax.set(xscale="log", xlim=(path.alphas[0], path.alphas[-1]), xlabel="alpha", title=name, ylim=(-3, 3))
    ax.set_xticks([0.2, 0.1, 0.05] if name[0] == "H" else [1, 0.5, 0.2], minor=False)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("")
axes[0].set_ylabel("coefficient")
axes[0].plot([], [], color="#0072B2", label="true columns")
axes[0].plot([], [], color="0.75", label="the others")
axes[0].plot([], [], "<", color="#D55E00", label="their true values")
axes[0].legend(loc="lower left")
plt.show()

# %%
# The same rule chooses alpha for both, by the median of the held-out errors, which wild rows do not move.


def minus_median(y_true, y_pred, sample_weight=None):
    """Return minus the median absolute error."""
    return -np.median(np.abs(y_true - y_pred))


for loss in ("squared_error", fastlasso.Huber(1.0)):
    cv = fastlasso.cross_validate_path(X, y, loss=loss, measure=minus_median, cv=5, random_state=0, alphas=60, eps=0.1)
    print(f"{loss!s:16} {np.count_nonzero(cv.coef[:5])} of 5 true, {np.count_nonzero(cv.coef[5:]):3} false, "
          f"error of the coefficients {np.linalg.norm(cv.coef - truth):.2f}")
