"""
A constant pull, and one that fades
===================================

The penalty b² pulls a coefficient towards zero with a force in proportion to its size: near zero it hardly pulls, and
never gets there. The penalty abs(b) pulls with the same force however small the coefficient is. So a coefficient whose
gain from the data is less than that force ends at zero, exactly.
"""

# %%
# One standardised column with true coefficient 0.5, and the fits of both penalties as alpha grows.

import matplotlib.pyplot as plt
import numpy as np

import fastlasso

rng = np.random.default_rng(0)
x = rng.standard_normal(200)
x = (x - x.mean()) / x.std()
y = 0.5 * x + 0.5 * rng.standard_normal(200)
alphas = np.linspace(1.2, 0.0, 61)
paths = {"abs(b)": fastlasso.fit_path(x[:, None], y, alphas=alphas),
         "b²": fastlasso.fit_path(x[:, None], y, alphas=alphas, l1_ratio=0)}

# %%
# Left, the force of each penalty. Right, what it does to the coefficient.

figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.7))
b = np.linspace(-1, 1, 201)
left.plot(b[b > 0], 0.4 * np.ones(100), color="#0072B2", label="abs(b): 0.4 or -0.4")
left.plot(b[b < 0], -0.4 * np.ones(100), color="#0072B2")
left.plot([0, 0], [-0.4, 0.4], color="#0072B2", linestyle=":", linewidth=1.5)
left.plot(b, 0.4 * b, color="#D55E00", label="b²: 0.4 b")
left.axhline(0, color="0.6", linewidth=0.7, zorder=0)
left.annotate("at 0, any force\nin between", (0, 0.1), (-0.92, 0.16), arrowprops={"arrowstyle": "-", "color": "0.4"},
              fontsize=9)
left.set(title="Slope of the penalty, alpha = 0.4", xlabel="b", ylabel="pull towards zero", ylim=(-0.62, 0.62),
         xticks=[-1, -0.5, 0, 0.5, 1])
left.legend(loc="lower right")

for (name, path), colour in zip(paths.items(), ("#0072B2", "#D55E00"), strict=True):
    right.plot(path.alphas, path.coefs.toarray()[0], color=colour, label=name)
zero = paths["abs(b)"].alphas[paths["abs(b)"].df == 0].min()
right.plot(zero, 0, "o", color="#0072B2", markersize=7)
right.annotate(f"exactly zero\nfrom alpha = {zero:.2f} on", (zero, 0), (0.62, 0.09), fontsize=9,
               arrowprops={"arrowstyle": "-", "color": "0.4"})
right.set(title="The fitted coefficient", xlabel="alpha", ylabel="b", xlim=(0, 1.2), ylim=(-0.02, None))
right.legend()
plt.show()

# %%
# With alpha at its largest, ridge still has a coefficient. The lasso has none.

for name, path in paths.items():
    print(f"{name:7} at alpha {path.alphas[0]:.1f}: {path.coefs[0, 0]:.3f}")
