"""The contract of a kind of X: `Matrix`, whose docstrings say what each method returns."""

import numpy as np
from scipy import sparse

from .._engine import engine
from ..parallel import Pool
from ..ways import ways

# Values of columns that are read together where a matrix knows no better: 8 MB.
BLOCK_VALUES = 1 << 20


class Matrix:
    """The methods that every kind of X has. X is read in whole passes; weights and centring are the `Design`'s.

    No verb copies X whole, writes to it, or lets a result depend on the number of threads.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy dtype
    nnz, nbytes : int
        Stored values, and the bytes that they take with their indices.
    has_sums : bool
        Whether `typical` and `group_sums` are implemented: with few columns they let one pass serve all folds.
    by_columns : bool
        Whether reading a few columns costs less than reading all.
    visit_ns : float
        Nanoseconds per stored value of a sweep or a pass.
    combines_alone : bool
        Whether `combine` runs in the calling thread alone.
    gathered_kind : class
        What holds some gathered columns for coordinate descent (`gathered.py`).
    feature_names : list of str, or None
        The names of the columns of a frame.
    row_labels : pandas Index, or None
        The labels of its rows.
    is_sparse : bool
        Whether zeros are not stored.
    is_far : bool
        Whether a pass is a reading of a disk, or goes through a network.
    alphas_ahead : int
        Alphas that may be solved between two passes.
    free_residuals : int
        Residuals that one pass multiplies with all columns, at most, because bringing X is dear; 0 where it is not.
    looks_ahead : bool
        Whether `evaluated` can form Gram rows in the same pass.
    """

    shape = (0, 0)
    has_sums = False
    by_columns = True
    nbytes = 0
    visit_ns = 0.4
    gathered_kind = None
    combines_alone = False
    is_sparse = is_far = False
    alphas_ahead, free_residuals, looks_ahead = 12, 0, False
    feature_names = None
    row_labels = None

    def called(self, feature_names, row_labels):
        """Keep the names of columns and rows; return self."""
        self.feature_names, self.row_labels = feature_names, row_labels
        return self

    @property
    def pays_to_sum(self):
        """Whether one pass for moments and the whole Gram matrix (`group_sums`) costs less than two."""
        return False

    @property
    def source(self):
        """The matrix that reads X itself."""
        return self

    @property
    def pass_ns(self):
        """Nanoseconds of one pass over X, the reading of it included."""
        return self.nnz * self.visit_ns

    def moments(self, w, u, pool):
        """Return (first, sums): sums[j] = sum w d, sum w d^2, sum u d, d = X[:, j] - first[j]; u = 0 where w = 0."""
        raise NotImplementedError

    def dots(self, R, pool):
        """Return R X of shape (k, p) for R of shape (k, n)."""
        raise NotImplementedError

    def dots_at(self, R, cols, pool, w=None):
        """Return (w R) X[:, cols] of shape (k, len(cols)), w = 1 or weights of the rows."""
        raise NotImplementedError

    def combine(self, cols, B, pool):
        """Return B X[:, cols]' of shape (k, n) for B of shape (k, len(cols))."""
        raise NotImplementedError

    def combine_rows(self, rows, cols, B, pool):
        """Return B X[rows][:, cols]' of shape (k, len(rows))."""
        return self.combine(cols, B, pool)[:, rows]

    def evaluated(self, y, cols, B, centres, w, pool, whole, some):
        """Return (X'(w r), sums of w r and of w r^2, X[:, some]'(w r)) of r = y - centre - X[:, cols] b: one pass.

        The first result is that of the solutions `whole` (their numbers), the others are those of all. Shapes are
        (len(whole), p), (k, 2) and (k, len(some)) for B of shape (k, len(cols)); w is None for equal weights. A matrix
        that `looks_ahead` takes a further argument, (columns, n_new, mean), and returns as a fourth result what `gram`
        would.
        """
        R = self.combine(cols, B, pool)
        np.subtract(y, R, out=R)
        R -= centres[:, None]
        sums = np.empty((len(B), 2))
        for r, own in zip(R, sums, strict=True):
            own[1] = engine.dot(r, r) / len(r) if w is None else engine.dot(r, w * r)
        R *= 1 / self.shape[0] if w is None else w
        sums[:, 0] = R.sum(axis=1)
        Z = self.dots_in_any_order(R if len(whole) == len(R) else R[whole], pool) if len(whole) else R[:0, :0]
        return Z, sums, self.dots_at(R, some, pool) if len(some) else np.zeros((len(R), 0))

    def dots_in_any_order(self, R, pool):
        """As `dots`; the result may be a view of any strides."""
        return self.dots(R, pool)

    def gram(self, cols, n_new, mean, far_mean, weights, pool):
        """Return sum_i w_i (x_is - m_s)(x_it - m_t) of shape (n_new, len(cols)) for the last n_new of cols.

        `far_mean` says that some |m_s| is so large that both sides must be centred before they are multiplied.
        """
        raise NotImplementedError

    def column_sizes(self, cols):
        """Stored values of each of cols."""
        raise NotImplementedError

    def stored_in(self, cols):
        """Stored values of cols."""
        return int(self.column_sizes(cols).sum())

    def check_finite(self):
        """Raise ValueError where X has NaN or infinity; called when a moment came out non-finite."""
        raise NotImplementedError

    def gather(self, cols, mean, weights, pool):
        """Return the columns `cols` as `gathered_kind` takes them."""
        raise NotImplementedError

    def copies_pay(self, cols, share):
        """Whether to read a copy of some columns costs less, and they hold at most this share of the stored values."""
        del cols, share
        return False

    def with_copies(self, copied, cols, pool):
        """Return a matrix of the columns of `copied` (or of none, for None) and of further columns.

        `copied` must not be used any more.
        """
        raise NotImplementedError

    def typical(self):
        """A value near each column's mean, and equal to it where the column is constant."""
        raise NotImplementedError

    def group_sums(self, groups, centre, y, weights, pool):
        """Return S_g = sum_i w_i a_i a_i' with a_i = (x_i - centre, y_i, 1) over the rows i of each group, one pass.

        `groups` are disjoint, ascending row indices; the result has shape (n_groups, p + 2, p + 2). Where `pays_to_sum`
        says yes, y may have the shape (k, n): then the result has shape (n_groups, p + k + 1, p + k + 1), products of
        two targets are left out, and the bits of all others do not depend on k.
        """
        raise NotImplementedError

    def is_compressible(self, n_cols):
        """Whether a problem on `n_cols` of the columns is solved from the Gram matrix of all of them."""
        return compressible((self.shape[0], n_cols))

    def share(self, n_cols):
        """Return how many passes over X reading `n_cols` columns counts as."""
        return n_cols / self.shape[1] if self.by_columns else 1.0

    def share_of(self, cols):
        """Return how many passes over X reading these columns counts as."""
        return self.share(len(cols))

    def share_of_sum(self, cols):
        """Return how many passes over X a `combine` of these columns counts as."""
        return len(cols) / self.shape[1]

    def expect(self, cols, pool):
        """Make ready for the reading of some columns; return how many passes over X that took."""
        del cols, pool
        return 0.0

    def pays_to_select(self, n_cols):
        """Whether correlations with `n_cols` columns cost less than with all."""
        return True

    def read_blocks(self):
        """Yield (rows, cols, block): two slices, and these values as an array or a SciPy matrix, in a fixed order.

        Here some columns at a time, by `gather`; each block may take the place of the one before.
        """
        n, p = self.shape
        step, ones = max(1, BLOCK_VALUES // n), np.ones(n)
        with Pool(1) as pool:
            for start in range(0, p, step):
                cols = np.arange(start, min(start + step, p))
                got = self.gather(cols, np.zeros(len(cols)), ones, pool)
                if isinstance(got, tuple):
                    yield slice(0, n), slice(start, start + len(cols)), sparse.csc_array(got, shape=(n, len(cols)))
                else:
                    yield slice(0, n), slice(start, start + len(cols)), got.T

    def __matmul__(self, coef):
        """Return X coef for a vector, an array or a SciPy matrix of shape (n_features, k); columns in use are read."""
        several = np.ndim(coef) == 2 or sparse.issparse(coef)
        columns = sparse.csr_array(coef if several else np.reshape(coef, (-1, 1)))
        used = np.flatnonzero(np.diff(columns.indptr))
        with Pool() as pool:
            fitted = self.combine(used, np.ascontiguousarray(columns[used].toarray().T, dtype=np.float64), pool)
        return fitted.T if several else fitted[0]


def compressible(shape):
    """Whether a problem of this shape is solved from the Gram matrix of all columns."""
    n, p = shape
    return p <= ways().compress_features and (n >= p or p <= 64)
