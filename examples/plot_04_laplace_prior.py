"""
The lasso as a prior with a peak
================================

Noise that is normal, coefficients that are Laplace: then the lasso is the most probable coefficient vector, and
alpha = noise variance / (n x scale of the prior). The Laplace density has a peak at zero, and the posterior keeps it;
that is why its mode can be exactly zero. A normal prior is round there, and gives ridge.
"""

# %%
# One column, ten observations, and both posteriors over a grid of b.

import matplotlib.pyplot as plt
import numpy as np

import fastlasso

rng = np.random.default_rng(1)
n, sigma, tau = 10, 1.0, 0.25
x = rng.standard_normal(n)
y = 0.2 * x + sigma * rng.standard_normal(n)
b = np.linspace(-1.5, 1.5, 1201)
step = b[1] - b[0]


def density(log_values):
    """Return exp(log_values), scaled to area one."""
    values = np.exp(log_values - log_values.max())
    return values / (values.sum() * step)


log_likelihood = -0.5 / sigma**2 * np.sum((y[:, None] - x[:, None] * b) ** 2, axis=0)
priors = {"Laplace": -np.abs(b) / tau, "normal": -b**2 / (2 * 2 * tau**2)}      # the same variance, 2 tau^2

# %%
# The modes, from the solver: `laplace_prior` turns the scale of the prior into alpha. For the normal prior of variance
# v it is ridge with alpha = sigma^2 / (n v).

alpha = fastlasso.laplace_prior(tau, noise_variance=sigma**2, n_samples=n)
modes = {"Laplace": fastlasso.fit(x[:, None], y, alpha, fit_intercept=False).coef[0],
         "normal": fastlasso.fit(x[:, None], y, sigma**2 / (n * 2 * tau**2), l1_ratio=0, fit_intercept=False).coef[0]}
for name, prior in priors.items():
    on_grid = b[np.argmax(log_likelihood + prior)]
    print(f"{name:8} mode of the posterior {on_grid:6.3f}, of the solver {modes[name]:6.3f}")

# %%
figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.7), sharey=True)
for ax, (name, prior), colour in zip(axes, priors.items(), ("#0072B2", "#D55E00"), strict=True):
    posterior = density(log_likelihood + prior)
    ax.fill_between(b, posterior, color=colour, alpha=0.15, linewidth=0)
    ax.plot(b, posterior, color=colour, label="posterior")
    ax.plot(b, density(prior), color="0.45", linewidth=1.2, linestyle="--", label="prior")
    ax.plot(b, density(log_likelihood), color="0.45", linewidth=1.2, linestyle=":", label="likelihood")
    ax.plot(modes[name], np.interp(modes[name], b, posterior), "o", color="black", markersize=7)
    ax.annotate(f"mode {modes[name]:.3g}", (modes[name], np.interp(modes[name], b, posterior)), (10, 4),
                textcoords="offset points")
    ax.set(title=f"{name} prior", xlabel="b", ylim=(0, None), xlim=(-1.5, 1.5))
axes[0].set_ylabel("density")
axes[1].legend(loc="upper left")
plt.show()

# %%
# Only the *mode* is zero. Under this prior no coefficient is zero with positive probability, and the mean of the
# posterior is not:

posterior = density(log_likelihood + priors["Laplace"])
print(f"mean of the posterior {np.sum(b * posterior) * step:.3f}")
