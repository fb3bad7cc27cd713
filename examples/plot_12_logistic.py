"""
Yes or no: does the program open a window?
==========================================

5,062 programs, the words of their descriptions, and whether Debian's taggers say that they open a window. A logistic
path, judged by the area under the ROC curve in five folds.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastlasso
from fastlasso.datasets import load_debian_programs

data = load_debian_programs()
cv = fastlasso.cross_validate_path(data.X, data.y, loss="log_loss", measure="auc", rule="1se", cv=5, random_state=0,
                                   alphas=40, eps=0.003)
print(f"{np.count_nonzero(cv.coef)} of {data.X.shape[1]:,} words, AUC {1 - cv.mean_error[cv.index]:.3f}, "
      f"certified: {cv.path.certified.all()}")

# %%
# The curve, and the words. A coefficient is the log of a factor on the odds.

figure, (left, right) = plt.subplots(1, 2, figsize=(9.4, 5.0), width_ratios=(1, 1))
cv.plot(ax=left)
strongest = np.argsort(-np.abs(cv.coef))[:22]
strongest = strongest[np.argsort(cv.coef[strongest])]
right.barh(range(22), cv.coef[strongest], color=np.where(cv.coef[strongest] > 0, "#0072B2", "#D55E00"))
right.set_yticks(range(22), [data.feature_names[j] for j in strongest])
right.axvline(0, color="0.4", linewidth=0.8)
right.set(xlabel="coefficient", title="No window  |  opens a window")
plt.show()

# %%
# How good are the probabilities? Those of the held-out rows, in ten groups of equal size.

probability = cv.oof_predictions
groups = np.array_split(np.argsort(probability), 10)
figure, ax = plt.subplots(figsize=(4.8, 4.4))
ax.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1)
ax.plot([probability[g].mean() for g in groups], [data.y[g].mean() for g in groups], "o-", color="#0072B2")
ax.set(xlabel="predicted probability", ylabel="share that opens a window", aspect="equal", xlim=(0, 1), ylim=(0, 1),
       title="Calibration of the penalised fit")
plt.show()
