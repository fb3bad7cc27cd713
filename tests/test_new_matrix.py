"""A newcomer's kind of matrix, in this one file: it keeps what the shipped ones keep.

`RowBlocks` serves dense rows in blocks by a callable and never holds them whole, as rows in a file or a database would.
"""

import matrix_contract as contract
import numpy as np
import pytest
from layouts import exact_matrix, target

from fastlasso import cross_validate_path, fit, fit_path, relaxed_path, verify
from fastlasso.matrices.base import Matrix
from fastlasso.matrices.gathered import GatheredDense
from fastlasso.parallel import Pool
from fastlasso.solver import newton

ROWS = 16       # rows of a block


class RowBlocks(Matrix):
    """Dense rows that ``block(start, stop)`` returns as an array of shape (stop - start, n_features)."""

    has_sums = True
    by_columns = False
    visit_ns = 0.4
    gathered_kind = GatheredDense

    def __init__(self, block, n, p):
        self.block, self.shape, self.nnz, self.nbytes, self.dtype = block, (n, p), n * p, 8 * n * p, np.dtype("f8")

    def _blocks(self, pool):
        """Yield (rows as a slice, values)."""
        for start in range(0, self.shape[0], ROWS):
            pool.check()
            rows = slice(start, min(start + ROWS, self.shape[0]))
            yield rows, self.block(rows.start, rows.stop)

    def _sum(self, pool, part):
        """The sum of ``part(rows, values)`` over all blocks, in their order."""
        return sum(part(rows, values) for rows, values in self._blocks(pool))

    def check_finite(self):
        if not all(np.isfinite(values).all() for _, values in self._blocks(Pool(1))):
            raise ValueError("Input X contains NaN.")

    def typical(self):
        return self.block(0, 1)[0].astype(float)

    def moments(self, w, u, pool):
        first = self.block(int(np.argmax(w > 0)), int(np.argmax(w > 0)) + 1)[0]

        def part(rows, values):
            D = np.where(w[rows, None] > 0, values - first, 0.0)
            return np.stack([w[rows] @ D, w[rows] @ (D * D), u[rows] @ D], axis=1)

        return first, self._sum(pool, part)

    def dots(self, R, pool):
        return self._sum(pool, lambda rows, values: R[:, rows] @ values)

    def dots_at(self, R, cols, pool, w=None):
        R = R if w is None else R * w
        return self._sum(pool, lambda rows, values: R[:, rows] @ values[:, cols])

    def combine(self, cols, B, pool):
        return np.hstack([B @ values[:, cols].T for _, values in self._blocks(pool)])

    def gram(self, cols, n_new, mean, far_mean, weights, pool):
        del far_mean        # both sides are centred in any case
        w = np.full(self.shape[0], 1 / self.shape[0]) if weights is None else weights

        def part(rows, values):
            D = values[:, cols] - mean
            return D[:, len(cols) - n_new:].T @ (w[rows, None] * D)

        return self._sum(pool, part)

    def gather(self, cols, mean, weights, pool):
        root = np.sqrt(np.full(self.shape[0], 1 / self.shape[0]) if weights is None else weights)
        return np.hstack([((values[:, cols] - mean) * root[rows, None]).T for rows, values in self._blocks(pool)])

    def column_sizes(self, cols):
        return np.full(len(cols), self.shape[0])

    def group_sums(self, groups, centre, y, weights, pool):
        w = np.full(self.shape[0], 1 / self.shape[0]) if weights is None else weights
        members = np.array([np.isin(np.arange(self.shape[0]), rows) for rows in groups])

        def part(rows, values):
            a = np.column_stack([values - centre, y[rows], np.ones(len(values))])
            return np.array([a.T @ ((w[rows] * own)[:, None] * a) for own in members[:, rows]])

        return self._sum(pool, part)


def row_blocks(A):
    """A as `RowBlocks`, and the largest number of rows that were ever asked for at once."""
    most = [0]

    def block(start, stop):
        most[0] = max(most[0], stop - start)
        return A[start:stop]

    return RowBlocks(block, *A.shape), most


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (23, 17), (70, 33)])
def test_matrix_verbs(shape):
    A = exact_matrix(*shape)
    matrix, most = row_blocks(A)
    with Pool(1) as pool:
        contract.every_verb(matrix, A, pool)
    assert most[0] <= ROWS


@pytest.mark.parametrize("options", [{}, {"l1_ratio": 0.5, "standardize": True}, {"lower": 0.0},
                                     {"sample_weight": np.arange(60) % 3}, {"fit_intercept": False},
                                     {"penalty_factor": np.arange(150) % 10}, {"screening": False}], ids=str)
@pytest.mark.parametrize("p", [12, 150])
def test_a_path_is_certified_and_that_of_the_array(p, options, judge):
    A = exact_matrix(60, p, seed=2)
    y, (matrix, most) = target(A, seed=2), row_blocks(A)
    options = {name: value[:p] if name == "penalty_factor" else value for name, value in options.items()}
    path, dense = (fit_path(X, y, alphas=8, eps=0.03, tol=1e-10, **options) for X in (matrix, A))
    np.testing.assert_allclose(path.coefs.toarray(), dense.coefs.toarray(), atol=1e-10)
    options.pop("screening", None)
    judge(A, y, path, (3, 7), **options)
    assert most[0] <= ROWS


def test_it_is_fitted_cross_validated_refined_and_predicted():
    A = exact_matrix(60, 150, seed=2)
    y, (matrix, _) = target(A, seed=2), row_blocks(A)
    found = fit(matrix, y, 0.1)
    assert verify(A, y, found.coef, found.intercept, alpha=0.1).relative_gap <= 1e-6
    ours, theirs = (cross_validate_path(X, y, cv=3, alphas=5, eps=0.1, tol=1e-10) for X in (matrix, A))
    np.testing.assert_allclose(ours.errors, theirs.errors, rtol=1e-6)
    np.testing.assert_allclose(ours.oof_predictions, theirs.oof_predictions, atol=1e-6)
    relaxed = relaxed_path(matrix, y, alphas=4, eps=0.2)
    np.testing.assert_allclose(relaxed.predict(matrix), relaxed.predict(A), atol=1e-10)
    np.testing.assert_allclose(found.predict(matrix, offset=y), found.predict(A, offset=y), atol=1e-10)
    np.testing.assert_allclose(ours.path.at(float(ours.alphas[2]) * 0.99).coef,
                               theirs.path.at(float(ours.alphas[2]) * 0.99).coef, atol=1e-6)


def test_what_is_not_finite_is_refused():
    A = exact_matrix(60, 12)
    A[40, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        fit_path(row_blocks(A)[0], np.arange(60.0))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", ["by columns", "read-only", "float32"])
def test_what_combine_returns_may_be_stored_in_any_way(kind, fit_intercept, monkeypatch):
    class Stored(RowBlocks):
        def combine(self, cols, B, pool):
            out = super().combine(cols, B, pool)
            out = np.asfortranarray(out) if kind == "by columns" else out.astype("f4") if kind == "float32" else out
            out.flags.writeable = kind != "read-only"
            return out

    monkeypatch.setattr(newton, "LARGE", 0)     # two alphas at a time
    monkeypatch.setattr(newton, "STREAK", 0)
    A = exact_matrix(60, 150, seed=2)
    y = np.random.default_rng(0).poisson(np.exp(0.3 * A[:, 0] / A[:, 0].std()))
    matrix = Stored(lambda start, stop: A[start:stop], *A.shape)
    path = fit_path(matrix, y, loss="poisson", alphas=20, eps=0.1, fit_intercept=fit_intercept)
    assert path.certified.all()
