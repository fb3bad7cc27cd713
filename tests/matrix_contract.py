"""What every kind of matrix must keep, the shipped ones and a newcomer's: each verb against dense NumPy."""

import numpy as np


def weights_of(n, weighted):
    """Weights that sum to one, some of them zero; or equal ones."""
    w = np.arange(n) % 5 * 1.0 + (n == 1) if weighted else np.ones(n)
    return w / w.sum()


def close(got, expected, atol):
    """As assert_allclose, at a tenth of its time."""
    assert np.shape(got) == np.shape(expected)
    assert np.all(np.abs(got - expected) <= atol), np.max(np.abs(got - expected))


def check_moments(matrix, A, weighted, pool):
    rng, w = np.random.default_rng(3), weights_of(len(A), weighted)
    u = w * rng.standard_normal(len(A))
    first, sums = matrix.moments(w, u, pool)
    mean = w @ A
    close(first + sums[:, 0], mean, atol=1e-11 * np.abs(A).max())
    close(sums[:, 1] - sums[:, 0] ** 2, w @ (A - mean) ** 2, atol=1e-11 * np.abs(A).max() ** 2)
    close(sums[:, 2] + first * u.sum(), u @ A, atol=1e-11 * len(A) * np.abs(A).max())


def check_products(matrix, A, pool):
    rng = np.random.default_rng(4)
    n, p = A.shape
    cols = rng.permutation(p)[:max(1, p // 2)]
    for k in (1, 2, 3, 5, 9):
        R, B = rng.standard_normal((k, n)), rng.standard_normal((k, len(cols)))
        close(matrix.dots(R, pool), R @ A, atol=1e-10)
        close(matrix.dots_at(R, cols, pool), R @ A[:, cols], atol=1e-10)
        close(matrix.combine(cols, B, pool), B @ A[:, cols].T, atol=1e-10)
    nothing = np.empty(0, np.int64)
    assert matrix.dots_at(R, nothing, pool).shape == (k, 0)
    np.testing.assert_array_equal(matrix.combine(nothing, np.empty((k, 0)), pool), np.zeros((k, n)))


def check_gram(matrix, A, weighted, pool, far_mean=False):
    n, p = A.shape
    cols = np.random.default_rng(5).permutation(p)[:max(1, 2 * p // 3)]
    w = weights_of(n, weighted)
    for centred in (True, False):
        mean = w @ A[:, cols] if centred else np.zeros(len(cols))
        D = A[:, cols] - mean
        full = D.T @ (w[:, None] * D)
        for n_new in {1, len(cols) // 3, len(cols)} - {0}:
            G = matrix.gram(cols, n_new, mean, far_mean, w if weighted else None, pool)
            close(G, full[len(cols) - n_new:], atol=1e-11 * np.abs(A).max() ** 2)


def check_evaluated(matrix, A, weighted, pool):
    """Sums of residuals that are formed where the rows are, and Gram rows in the same pass."""
    rng, (n, p) = np.random.default_rng(9), A.shape
    w, y, cols = weights_of(n, weighted), rng.standard_normal(n), rng.permutation(p)[:max(1, p // 2)]
    B, centres = rng.standard_normal((3, len(cols))), rng.standard_normal(3)
    R = y - B @ A[:, cols].T - centres[:, None]
    more = ((cols, 1, w @ A[:, cols]),) if matrix.looks_ahead else ()
    some = rng.permutation(p)[:max(1, p // 3)]
    for whole, own in [(np.arange(3), some), (np.array([2]), some), (np.arange(3), some[:0]), (some[:0], some)]:
        Z, sums, part, *gram = matrix.evaluated(y, cols, B, centres, w if weighted else None, pool, whole, own, *more)
        if len(whole):
            close(Z, (w * R[whole]) @ A, atol=1e-10)
        close(sums, np.stack([R @ w, R**2 @ w], axis=1), atol=1e-10)
        close(part, (w * R) @ A[:, own], atol=1e-10)
    if gram:
        close(gram[0], matrix.gram(cols, 1, more[0][2], False, w if weighted else None, pool), atol=1e-12)


def check_gather(matrix, A, weighted, pool):
    """Columns for descent: dense ones centred and weighted, sparse ones as stored."""
    n, p = A.shape
    cols = np.random.default_rng(6).permutation(p)[:max(1, p // 2)]
    w = weights_of(n, weighted)
    mean = w @ A[:, cols]
    got = matrix.gather(cols, mean, w if weighted else None, pool)
    if isinstance(got, tuple):
        data, rows, indptr = got
        dense = np.zeros((n, len(cols)))
        np.add.at(dense, (rows, np.repeat(np.arange(len(cols)), np.diff(indptr))), data)
        close(dense, A[:, cols], atol=1e-14)
    else:
        close(got, ((A[:, cols] - mean) * np.sqrt(w)[:, None]).T, atol=1e-14)


def check_group_sums(matrix, A, weighted, pool):
    """S_g = sum_i w_i a_i a_i' with a_i = (x_i - centre, y_i, 1) over the rows of each group."""
    n, w, y = len(A), weights_of(len(A), weighted), np.sin(np.arange(len(A)))
    groups = [part for part in np.array_split(np.random.default_rng(7).permutation(n), 3) if len(part)]
    groups = [np.sort(part) for part in groups]
    centre = matrix.typical()
    for S, rows in zip(matrix.group_sums(groups, centre, y, w if weighted else None, pool), groups, strict=True):
        a = np.column_stack([A[rows] - centre, y[rows], np.ones(len(rows))])
        close(S, a.T @ (w[rows, None] * a), atol=1e-11 * max(1.0, np.abs(A).max() ** 2))


def check_rows_and_sizes(matrix, A, pool):
    """`combine_rows` and `column_sizes`."""
    rng, (n, p) = np.random.default_rng(8), A.shape
    cols, rows = rng.permutation(p)[:max(1, p // 2)], np.sort(rng.permutation(n)[:max(1, n // 2)])
    B = rng.standard_normal((2, len(cols)))
    for chosen in (rows, np.arange(n // 2, n)):
        close(matrix.combine_rows(chosen, cols, B, pool), B @ A[np.ix_(chosen, cols)].T, atol=1e-10)
    assert matrix.column_sizes(np.arange(p)).sum() >= np.count_nonzero(A)


def every_verb(matrix, A, pool):
    """All verbs of a matrix that holds the values A."""
    assert matrix.shape == A.shape
    check_products(matrix, A, pool)
    check_rows_and_sizes(matrix, A, pool)
    for weighted in (False, True):
        check_moments(matrix, A, weighted, pool)
        check_gram(matrix, A, weighted, pool, far_mean=weighted)
        check_gather(matrix, A, weighted, pool)
        check_evaluated(matrix, A, weighted, pool)
        check_group_sums(matrix, A, weighted, pool)
