"""
A million columns of text
=========================

How large is a program, judged by the one line that describes it? The descriptions of 12,000 packages have 7,112 words.
Every *pair* of words in one description makes a column too: a million of them, in a sparse matrix. The solver takes it
as it is.
"""

# %%
# Pairs are numbered by hashing into 2^20 columns.

import time

import matplotlib.pyplot as plt
import numpy as np
from scipy import sparse

import fastlasso
from fastlasso.datasets import load_debian_words

data = load_debian_words()
words = data.X.tocsr()
rows, first, second = [], [], []
for i in range(words.shape[0]):
    used = words.indices[words.indptr[i]:words.indptr[i + 1]]
    a, b = np.triu_indices(len(used), 1)
    rows.append(np.full(len(a), i))
    first.append(used[a])
    second.append(used[b])
rows, first, second = map(np.concatenate, (rows, first, second))
low, high = np.minimum(first, second).astype(np.uint64), np.maximum(first, second).astype(np.uint64)
column = ((low * np.uint64(7919) + high * np.uint64(104729)) * np.uint64(2654435761) >> np.uint64(7)) % np.uint64(2**20)
pairs = sparse.csr_array((np.ones(len(rows)), (rows, column.astype(np.int64))), shape=(len(data.y), 2**20))
X = sparse.hstack([words, pairs], format="csr")
print(f"{X.shape[0]:,} x {X.shape[1]:,}, {X.nnz:,} stored values, {X.data.nbytes / 1e6:.0f} MB")

# %%
# The path, down to a fiftieth of the largest alpha, stopped at 600 columns.

start = time.perf_counter()
path = fastlasso.fit_path(X, data.y, alphas=50, eps=0.02, dfmax=600)
seconds = time.perf_counter() - start
print(path)
print(f"{seconds:.1f} s here, {path.n_passes[-1]:.0f} passes over X, "
      f"worst gap {max(path.gaps / path.null_objective):.0e} of P(0)")

# %%
# The strongest columns near the end of the path. A pair is named by the two words most often behind its number.

names = list(data.feature_names) + [None] * 2**20
fit = path.fit_at(-1)
strongest = np.argsort(-np.abs(fit.coef))[:24]
for j in strongest[strongest >= words.shape[1]]:
    here = np.flatnonzero(column == j - words.shape[1])
    kinds, counts = np.unique(low[here] * np.uint64(2**20) + high[here], return_counts=True)
    names[j] = " + ".join(data.feature_names[w] for w in divmod(int(kinds[counts.argmax()]), 2**20))
strongest = strongest[np.argsort(fit.coef[strongest])]

figure, ax = plt.subplots(figsize=(7.2, 6.2))
colours = np.where(strongest < words.shape[1], "#0072B2", "#D55E00")
ax.barh(range(24), fit.coef[strongest], color=colours)
ax.set_yticks(range(24), [names[j] for j in strongest])
ax.axvline(0, color="0.4", linewidth=0.8)
ax.set(xlabel="coefficient, on the log of the size in kB", title="Words that go with small and large packages")
ax.bar(0, 0, color="#0072B2", label="a word")
ax.bar(0, 0, color="#D55E00", label="two words together")
ax.legend(loc="lower right")
plt.show()
