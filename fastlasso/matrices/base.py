"""matrices.base."""







class Matrix:
    """The verbs that every kind of X speaks; weights and centring are the `Design`'s."""

    shape = (0, 0)
    by_columns = True       # whether looking at a few columns costs less than looking at all
    dense = False
    nbytes = 0

    @property
    def source(self):
        """The matrix that reads X itself."""
        return self

    def moments(self, w, u, pool):
        """Return (first, sums): sums[j] = sum w d, sum w d^2, sum u d, d = X[:, j] - first[j]; u is zero where w is."""
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

    def gram(self, cols, n_new, mean, far_mean, weights, pool):
        """Return sum_i w_i (x_is - m_s)(x_it - m_t) of shape (n_new, len(cols)) for the last n_new of cols.

        `far_mean` says that some |m_s| is so large that both sides must be centred before they are multiplied.
        """
        raise NotImplementedError

    def column_sizes(self, cols):
        """Stored values of each of cols."""
        raise NotImplementedError

    def gather(self, cols, mean, weights, pool):
        """Return the columns `cols` for residual-form descent: dense rows or CSC parts, see `descent.pxi`."""
        raise NotImplementedError

    def typical(self):
        """A value near each column's mean, and equal to it where the column is constant."""
        raise NotImplementedError

    def group_sums(self, groups, centre, y, weights, pool):
        """Return S_g = sum_i w_i a_i a_i' with a_i = (x_i - centre, y_i, 1) over the rows i of each group, one pass.

        `groups` are disjoint, ascending row indices; the result has shape (n_groups, p + 2, p + 2).
        """
        raise NotImplementedError

    def share(self, n_cols):
        """Passes that a look at some columns counts for."""
        return n_cols / self.shape[1] if self.by_columns else 1.0

    def pays_to_select(self, n_cols):
        """Whether correlations with so many columns cost less than with all."""
        return True
