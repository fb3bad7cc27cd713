"""
Which alpha: cross-validation and the one-standard-error rule
=============================================================

The alpha of the lowest cross-validated error predicts well and tends to keep too many columns. Near its lowest point
the error curve is flat and noisy; the largest alpha within one standard error of it predicts about as well with fewer
columns.
"""

# %%
# The diabetes data with all products of measurements: 442 patients, 64 columns. Ten folds; standardising happens inside
# each fold.

import matplotlib.pyplot as plt

import fastlasso
from fastlasso.datasets import load_diabetes

data = load_diabetes()
cv = fastlasso.cross_validate_path(data.X, data.y, cv=10, random_state=0, standardize=True)
cv.path.feature_names = data.feature_names
print(f"lowest error: alpha {cv.alpha_min:.2f}, {cv.path.df[cv.best_index]} columns")
print(f"one standard error: alpha {cv.alpha_1se:.2f}, {cv.path.df[cv.index_1se]} columns")

# %%
# ``cv.plot()`` and ``path.plot()`` draw what one wants to see.

figure, axes = plt.subplots(1, 2, figsize=(10, 4.4))
cv.path.plot(ax=axes[0])
cv.plot(ax=axes[1])
plt.show()

# %%
# The columns of the sparser choice:

sparse = cv.path.fit_at(cv.index_1se)
for j in sorted(sparse.coef.nonzero()[0], key=lambda j: -abs(sparse.coef[j])):
    print(f"{data.feature_names[j]:8} {sparse.coef[j]:7.2f}")
