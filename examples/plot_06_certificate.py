"""
The certificate at work
=======================

A solver's tolerance says when it stops, not how far it got. ``fastlasso.verify`` takes anybody's coefficients and
returns a proven bound on what they lose: the duality gap. Here it judges scikit-learn's lasso at its default settings,
along a path, and then as its tolerance is tightened.
"""

# %%
# Correlated columns, as spectra and genes have.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn import linear_model

import fastlasso

rng = np.random.default_rng(0)
n, p, rho = 120, 600, 0.95
X = rng.standard_normal((n, p))
for j in range(1, p):
    X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * X[:, j]
y = X[:, ::60] @ np.tile([2.0, -2.0], 5) + rng.standard_normal(n)
path = fastlasso.fit_path(X, y, alphas=30, eps=3e-3)


def gap_of(coef, intercept, alpha):
    """Return the relative gap of a solution and how many of its zeros are proven."""
    judged = fastlasso.verify(X, y, coef, intercept, alpha=alpha)
    proof = fastlasso.support_proof(X, y, coef, intercept, alpha=alpha)
    return judged.relative_gap, np.mean(proof == 0)


def theirs(alpha, tol):
    """Return scikit-learn's solution at a tolerance."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = linear_model.Lasso(alpha=alpha, tol=tol, max_iter=20_000).fit(X, y)
    return model.coef_, model.intercept_


# %%
# Every solution of both, judged by the same code.

default = np.array([gap_of(*theirs(alpha, 1e-4), alpha) for alpha in path.alphas[1:]])
ours = np.array([gap_of((fit := path.fit_at(k)).coef, fit.intercept, path.alphas[k]) for k in range(1, 30)])

figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.9))
left.plot(path.alphas[1:], default[:, 0], "o-", color="#D55E00", markersize=4, label="scikit-learn, default")
left.plot(path.alphas[1:], ours[:, 0], "o-", color="#0072B2", markersize=4, label="fastlasso, default")
left.set(xscale="log", yscale="log", ylim=(1e-17, 1), xlabel="alpha", ylabel="gap, share of P(0)",
         title="How far from the best, at most")
left.invert_xaxis()
left.legend(loc="center right")
right.plot(path.alphas[1:], 100 * default[:, 1], "o-", color="#D55E00", markersize=4)
right.plot(path.alphas[1:], 100 * ours[:, 1], "o-", color="#0072B2", markersize=4)
right.set(xscale="log", xlabel="alpha", ylabel="columns proven to be zero (%)", ylim=(-4, 104),
          title="What the gap proves of zeros")
right.invert_xaxis()
plt.show()

# %%
# Towards small alphas a gap of 1e-4 proves no zero at all, while at rounding nearly all are proven. The tolerance can
# be tightened, of course:

alpha = path.alphas[15]
for tol in (1e-4, 1e-6, 1e-8):
    gap, proven = gap_of(*theirs(alpha, tol), alpha)
    print(f"tol {tol:.0e}: gap {gap:.0e}, {proven:4.0%} of the columns proven to be zero")
