"""The compiled functions on the penalty, sweeps and face steps, each against a slow twin on random input.

A twin is written from the formula of its function, in plain Python and one coordinate at a time.
"""

import math

import numpy as np
import pytest
from scipy import sparse

from fastlasso._engine import engine

INF = math.inf
EDGE = 1 + 1e-14        # a dual point scaled onto the edge of the feasible set may be rounded to beyond it
SEEDS = range(12)
SOLVED = 0


# ---------------------------------------------------------------- the twins


def cost(b, a1, a2):
    """Return h(b) = a1 |b| + a2/2 b^2, for b within its bounds."""
    return a1 * abs(b) + a2 / 2 * b * b


def is_free(z, a1, a2, lower, upper):
    """Return whether h is zero on the whole side that z pulls b to."""
    return a1 == a2 == 0 and ((z > 0 and upper == INF) or (z < 0 and lower == -INF))


def conjugate(z, a1, a2, lower, upper):
    """Return h*(z) = max_b z b - h(b); the maximum is at 0, at a bound, or where the slope of h is z."""
    if a2 == 0 and ((z > a1 * EDGE and upper == INF) or (z < -a1 * EDGE and lower == -INF)):
        return INF
    points = [0.0, *(b for b in (lower, upper) if math.isfinite(b))]
    if a2 > 0:
        points += [b for b in ((z - a1) / a2, (z + a1) / a2) if lower <= b <= upper]
    return max(z * b - cost(b, a1, a2) for b in points)


def fenchel_young(b, z, a1, a2, lower, upper, curvature):
    """Return h(b) + h*(z) - b z, or what an exact step on b would gain if h is zero where z pulls b to."""
    if is_free(z, a1, a2, lower, upper):
        return z * z / (2 * curvature) if curvature > 0 else 0.0
    return cost(b, a1, a2) + conjugate(z, a1, a2, lower, upper) - b * z


def prox(u, curvature, a1, a2, lower, upper):
    """Return the b with the least curvature/2 b^2 - u b + h(b) of all that can have it; 0 if there is no curvature."""
    if curvature + a2 == 0:
        return 0.0
    points = [0.0, (u - a1) / (curvature + a2), (u + a1) / (curvature + a2)]
    return min((min(max(b, lower), upper) for b in points),
               key=lambda b: curvature / 2 * b * b - u * b + cost(b, a1, a2))


def sweep(G, c, b, penalty):
    """Minimise 1/2 b'Gb - c'b + sum_j h_j(b_j) over one coordinate after the other.

    Return b and the largest |change of b_j| sqrt(G_jj).
    """
    b, moved = list(b), 0.0
    for j in range(len(b)):
        u = c[j] - sum(G[j][k] * b[k] for k in range(len(b)) if k != j)
        best = prox(u, G[j][j], *(part[j] for part in penalty))
        moved, b[j] = max(moved, abs(best - b[j]) * math.sqrt(G[j][j])), best
    return np.array(b), moved


def slow_minimum(G, c, b, penalty):
    """Return b after as many sweeps as it takes until no coordinate moves."""
    moved = INF
    while moved > 1e-13:
        b, moved = sweep(G.tolist(), c.tolist(), b, [part.tolist() for part in penalty])
    return b


def objective(G, c, b, l1, l2):
    """Return 1/2 b'Gb - c'b + sum_j h_j(b_j)."""
    return b @ G @ b / 2 - c @ b + sum(map(cost, b, l1, l2))


def worst_condition(G, c, b, l1, l2, lower, upper):
    """Return by how much b misses its bounds or the condition that q = c - G b is a subgradient of h at b."""
    worst = 0.0
    for j, q in enumerate(c - G @ b):
        slope = l1[j] * np.sign(b[j]) + l2[j] * b[j]
        least, most = (slope, slope) if b[j] else (-l1[j], l1[j])
        least = -INF if b[j] <= lower[j] else least
        most = INF if b[j] >= upper[j] else most
        worst = max(worst, least - q, q - most, lower[j] - b[j], b[j] - upper[j])
    return worst


def open_side(pull, lower, upper):
    """Return whether the bounds let b move to the side of the sign of `pull`."""
    return upper > 0 if pull > 0 else lower < 0


# ---------------------------------------------------------------- random input


def penalty_of(rng, p, bounds=True):
    """Return (l1, l2, lower, upper): unpenalised, ridge only, with no bound, one, two, or closed on a side."""
    l1, l2 = rng.choice([0.0, 0.5, 1.0, 1.0, 2.0], p), rng.choice([0.0, 0.0, 0.5, 1.0], p)
    if not bounds:
        return l1, l2, np.full(p, -INF), np.full(p, INF)
    return l1, l2, rng.choice([-INF, -INF, -1.0, -0.2, 0.0], p), rng.choice([INF, INF, 1.0, 0.1, 0.0], p)


def at_alpha(alpha, l1, l2, lower, upper):
    """Return the penalty with the parts alpha l1 and alpha l2."""
    return alpha * l1, alpha * l2, lower, upper


def single(penalty, j):
    """Return the penalty of one coordinate."""
    return [part[j] for part in penalty]


def coefficients(rng, shape, lower, upper):
    """Return coefficients within their bounds: many zero, some at a bound."""
    return np.where(rng.random(shape) < 0.4, 0.0, np.clip(rng.normal(size=shape), lower, upper))


def correlations(rng, edge):
    """Return correlations that lie inside the edge, exactly on it, and outside."""
    shares = rng.choice([0.0, 0.5, 1.0, 1.0, 1.5, 3.0], edge.shape)
    return (shares * edge + rng.choice([0.0, 0.0, 0.3], edge.shape)) * rng.choice([-1, 1], edge.shape)


def columns(rng, n, p, dependent=True):
    """Return n x p columns: one twice, one that is the sum of two others, one zero."""
    X = rng.normal(size=(n, p))
    if dependent:
        X[:, 1], X[:, 2], X[:, 3] = X[:, 0], X[:, 4] + X[:, 5], 0
    return X


def settling(l1, *rest):
    """Return the penalty with an l1 part on dependent columns: face steps give up on two equal free columns."""
    return (np.where(np.isin(np.arange(len(l1)), (1, 2, 3)), np.maximum(l1, 0.5), l1), *rest)


def gram_problem(X, y, penalty, parts=1):
    """Return a GramProblem whose columns come in several parts."""
    problem = engine.GramProblem(capacity=1, y_norm2=y @ y)
    for new in np.array_split(np.arange(X.shape[1]), parts):
        rows = X[:, new].T @ X[:, :new[-1] + 1]
        problem.extend(rows, X[:, new].T @ y, *(part[new] for part in penalty))
    return problem


# ---------------------------------------------------------------- the penalty

ALPHAS = np.array([0.5, 1.0, 2.0])


@pytest.mark.parametrize("p", [1, 2, 9])
@pytest.mark.parametrize("seed", SEEDS)
def test_feasible_scales_are_the_largest_with_a_finite_conjugate(seed, p):
    rng = np.random.default_rng(seed)
    penalty, scales = penalty_of(rng, p), np.empty(3)
    Z = correlations(rng, ALPHAS[:, None] * penalty[0])
    engine.feasible_scales(Z, *penalty, ALPHAS, scales)
    for z, alpha, scale in zip(Z, ALPHAS, scales, strict=True):
        terms = [(z[j], single(at_alpha(alpha, *penalty), j)) for j in range(p) if penalty[0][j] > 0]
        assert 0 < scale <= 1
        assert all(conjugate(scale * z_j, *h) < INF for z_j, h in terms)
        assert scale == 1 or any(conjugate(scale * (1 + 1e-12) * z_j, *h) == INF for z_j, h in terms)


@pytest.mark.parametrize("seed", SEEDS)
def test_fenchel_young_terms_are_added_for_each_alpha(seed):
    rng = np.random.default_rng(seed)
    penalty, curvature, scales = penalty_of(rng, 60), rng.choice([0.0, 0.5, 2.0], 60), np.empty(3)
    Z, B = correlations(rng, ALPHAS[:, None] * penalty[0]), coefficients(rng, (3, 60), *penalty[2:])
    engine.feasible_scales(Z, *penalty, ALPHAS, scales)
    start = rng.random(3)
    gaps = start.copy()
    engine.add_fenchel_young(B, Z, *penalty, curvature, ALPHAS, scales, gaps)
    for k, alpha in enumerate(ALPHAS):
        h = at_alpha(alpha, *penalty)
        terms = [fenchel_young(B[k, j], scales[k] * Z[k, j], *single(h, j), curvature[j]) for j in range(60)]
        assert gaps[k] - start[k] == pytest.approx(sum(terms), rel=1e-12, abs=1e-12)


FENCHEL_YOUNG = {       # name: (b, z, l1, l2, lower, upper, curvature), the term by hand
    "inside": ((0.0, 0.5, 1.0, 0.0, -INF, INF, 1.0), 0.0),
    "on the edge": ((2.0, 1.0, 1.0, 0.0, -INF, INF, 1.0), 0.0),
    "on the other edge": ((2.0, -1.0, 1.0, 0.0, -INF, INF, 1.0), 4.0),
    "rounded beyond the edge": ((2.0, 1 + 2.0**-52, 1.0, 0.0, -INF, INF, 1.0), 0.0),
    "unpenalised": ((2.0, 3.0, 0.0, 0.0, -INF, INF, 4.0), 9 / 8),
    "unpenalised and without curvature": ((2.0, 3.0, 0.0, 0.0, -INF, INF, 0.0), 0.0),
    "unpenalised, pulled to a bound": ((2.0, 3.0, 0.0, 0.0, -INF, 5.0, 4.0), 9.0),
    "at the bound it is pulled to": ((5.0, 3.0, 1.0, 0.0, -INF, 5.0, 1.0), 0.0),
    "closed on the side it is pulled to": ((0.0, 3.0, 1.0, 0.0, -INF, 0.0, 1.0), 0.0),
    "ridge": ((1.0, 3.0, 1.0, 0.5, -INF, INF, 1.0), 1 + 0.25 + 4 - 3),
    "ridge, bound between": ((1.0, 3.0, 1.0, 0.5, -1.0, 2.0, 1.0), 1 + 0.25 + 3 - 3),
}


@pytest.mark.parametrize("name", FENCHEL_YOUNG)
def test_fenchel_young_by_hand(name):
    (b, z, *rest), expected = FENCHEL_YOUNG[name]
    gaps = np.zeros(1)
    engine.add_fenchel_young(np.array([[b]]), np.array([[z]]), *np.array(rest)[:, None], np.ones(1), np.ones(1), gaps)
    assert gaps[0] == pytest.approx(expected, abs=1e-14)
    assert fenchel_young(b, z, *rest) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("slack", [1.0, 1.25])
@pytest.mark.parametrize("seed", SEEDS)
def test_violators(seed, slack, noise):
    rng = np.random.default_rng(seed)
    l1, _, lower, upper = penalty_of(rng, 200)
    l1[::50] = INF
    z = correlations(rng, np.where(l1 < INF, 0.5 * l1, 3.0))
    norm2, found = rng.choice([0.0, 0.25, 4.0], 200), np.empty(200, np.int64)
    count = engine.violators(z, l1, lower, upper, norm2, 0.5, slack, noise, found)
    expected = [j for j in range(200) if abs(z[j]) > slack * 0.5 * l1[j] + noise * math.sqrt(norm2[j])
                and open_side(z[j], lower[j], upper[j])]
    assert found[:count].tolist() == expected
    assert 0 < count < 200


def may_reach(sums, distances, limits, lower, upper):
    """Return whether some sum +- distance reaches its limit on a side that the bounds leave open."""
    return any(distance + side * total >= limit and open_side(side, lower, upper) for side in (1, -1)
               for total, distance, limit in zip(sums, distances, limits, strict=True))


@pytest.mark.parametrize("p", [1, 40, 1100])
@pytest.mark.parametrize("seed", SEEDS)
def test_columns_to_check(seed, p):
    rng = np.random.default_rng(seed)
    l1, _, lower, upper = penalty_of(rng, p)
    T, Z, norm2 = rng.normal(size=(3, 2)), 0.5 * rng.normal(size=(2, p)), rng.random(p)
    distance, found = rng.choice([0.0, 0.1, 0.2], 3), np.empty(p, np.int64)
    count = engine.columns_to_check(Z, T, distance, norm2, l1, lower, upper, ALPHAS, found)
    expected = [j for j in range(p) if may_reach(T @ Z[:, j], distance * math.sqrt(norm2[j]), ALPHAS * l1[j],
                                                 lower[j], upper[j])]
    assert found[:count].tolist() == expected
    assert p == 1 or 0 < count < p


def test_columns_on_the_edge_are_checked():
    z, found = np.array([[1.0, -1.0, 0.999, -0.999, 1.0, -1.0]]), np.empty(6, np.int64)
    lower, upper = np.array([-INF, -INF, -INF, -INF, -INF, 0.0]), np.array([INF, INF, INF, INF, 0.0, INF])
    zero, one = np.zeros(1), np.ones(1)
    assert engine.columns_to_check(z, one[None], zero, np.ones(6), np.ones(6), lower, upper, one, found) == 2
    assert found[:2].tolist() == [0, 1]


# ---------------------------------------------------------------- vectors of samples


@pytest.mark.parametrize("n", [1, 7, 8, 64, 101])
def test_vectors_are_formed_entry_by_entry(n):
    rng = np.random.default_rng(n)
    x, y, w = rng.normal(size=(3, n))
    np.testing.assert_allclose(engine.line(x, y, 1.5), [a + 1.5 * (b - a) for a, b in zip(x, y, strict=True)],
                               rtol=1e-15, atol=1e-15)
    assert engine.farthest(x, y) == (max(np.abs(y - x)), max(np.abs(y)))
    start, stop, out, more = n // 3, n - n // 4, np.ones(n), np.ones(n)
    engine.add_change(out, w, 0.5, x, y, start, stop)
    engine.add_multiple(more, -2.0, x, start, stop)
    inside = np.arange(start, stop)
    expected, also = np.ones(n), np.ones(n)
    expected[inside] += 0.5 * w[inside] * (x - y)[inside]
    also[inside] -= 2.0 * x[inside]
    np.testing.assert_allclose(out, expected, rtol=1e-15, atol=1e-15)
    np.testing.assert_allclose(more, also, rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("broken", ["x", "y"])
@pytest.mark.parametrize("at", [0, 5, 19])
def test_the_farthest_change_is_nan_where_one_is(at, broken):
    vectors = {"x": np.zeros(20), "y": np.full(20, 2.0)}
    vectors[broken][at] = np.nan
    change, size = engine.farthest(vectors["x"], vectors["y"])
    assert np.isnan(change)
    assert size == 2.0


@pytest.mark.parametrize("size", [1, 64, 1000, 5000])
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_go_chunk_by_chunk(size, weighted):
    rng = np.random.default_rng(size)
    values, weights = rng.normal(size=3001), rng.random(3001)
    chunks = [slice(start, start + size) for start in range(0, len(values), size)]
    expected = [math.fsum(values[part] * weights[part] if weighted else values[part]) for part in chunks]
    np.testing.assert_allclose(engine.sums(values, weights if weighted else None, size), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_sums_leave_out_what_has_no_weight(broken):
    values, weights = np.arange(1.0, 21.0), np.ones(20)
    values[[3, 12]], weights[3] = broken, 0.0
    assert engine.sums(values, weights, 10)[0] == 51.0
    assert not np.isfinite(engine.sums(values, weights, 10)[1])


def test_vectors_without_entries():
    none = np.empty(0)
    assert engine.sums(none, None, 8).shape == (0,)
    assert engine.line(none, none, 2.0).shape == (0,)
    assert engine.farthest(none, none) == (0.0, 0.0)
    engine.add_change(none, none, 1.0, none, none, 0, 0)


# ---------------------------------------------------------------- sweeps


def weights(rng, n, weighted):
    """Return weights that sum to 1; some are 0 if they are not all equal."""
    w = rng.choice([0.0, 0.5, 1.0, 3.0], n) if weighted else np.ones(n)
    return w / w.sum()


def residual_problem(rng, weighted, centred, density=1.0):
    """Return (X, y, w, mean of the columns, mean of y), with means of zero unless centred."""
    X, y = columns(rng, 30, 8), rng.normal(size=30) + 1
    X *= rng.random(X.shape) < density
    w = weights(rng, 30, weighted)
    return X, y, w, centred * (w @ X), centred * (w @ y)


def gram_of(X, y, w, mean, y_mean):
    """Return G and c of the centred columns and target."""
    return (X - mean).T * w @ (X - mean), (X - mean).T * w @ (y - y_mean)


def swept(G, c, b, penalty, epochs):
    """Return b after some sweeps, and the largest move of the last one."""
    for _ in range(epochs):
        b, moved = sweep(G, c, b, penalty)
    return b, moved


sweeps_of_all_kinds = pytest.mark.parametrize(("weighted", "centred", "epochs"), [
    (False, False, 1), (True, False, 3), (False, True, 3), (True, True, 1), (True, True, 4)])


@sweeps_of_all_kinds
@pytest.mark.parametrize("seed", SEEDS)
def test_dense_sweeps(seed, weighted, centred, epochs):
    rng = np.random.default_rng(seed)
    X, y, w, mean, y_mean = residual_problem(rng, weighted, centred)
    penalty = at_alpha(0.1, *penalty_of(rng, 8))
    b = coefficients(rng, 8, *penalty[2:])
    G, c = gram_of(X, y, w, mean, y_mean)
    A = np.ascontiguousarray(((X - mean) * np.sqrt(w)[:, None]).T)
    r = np.sqrt(w) * (y - y_mean) - b @ A
    expected, expected_move = swept(G, c, b, penalty, epochs)
    moved = engine.dense_sweeps(A, r, b, G.diagonal().copy(), *penalty, epochs)
    np.testing.assert_allclose(b, expected, atol=1e-11)
    np.testing.assert_allclose(r, np.sqrt(w) * (y - y_mean) - b @ A, atol=1e-12)
    assert moved == pytest.approx(expected_move, abs=1e-11)


@sweeps_of_all_kinds
@pytest.mark.parametrize("seed", SEEDS)
def test_sparse_sweeps(seed, weighted, centred, epochs):
    rng = np.random.default_rng(seed)
    X, y, w, mean, y_mean = residual_problem(rng, weighted, centred, density=0.4)
    penalty = at_alpha(0.1, *penalty_of(rng, 8))
    b = coefficients(rng, 8, *penalty[2:])
    G, c = gram_of(X, y, w, mean, y_mean)
    S, r = stored(X), y - X @ b
    expected, expected_move = swept(G, c, b, penalty, epochs)
    moved, offset = engine.sparse_sweeps(S.data, S.indices, S.indptr, w[S.indices] * S.data, mean, r, y_mean - mean @ b,
                                         b, G.diagonal().copy(), *penalty, epochs)
    np.testing.assert_allclose(b, expected, atol=1e-11)
    np.testing.assert_allclose(r, y - X @ b, atol=1e-12)
    assert offset == pytest.approx(y_mean - mean @ b, abs=1e-12)
    assert moved == pytest.approx(expected_move, abs=1e-11)


def stored(X):
    """Return X as a CSC array with the index types of gathered columns."""
    S = sparse.csc_array(X)
    S.indices, S.indptr = S.indices.astype(np.int32), S.indptr.astype(np.int64)
    return S


@pytest.mark.parametrize("seed", SEEDS)
def test_sparse_combine(seed):
    rng = np.random.default_rng(seed)
    X, out = columns(rng, 20, 9) * (rng.random((20, 9)) < 0.4), rng.normal(size=20)
    b, S = coefficients(rng, 9, -INF, INF), stored(X)
    expected = [out[i] + sum(X[i, j] * b[j] for j in range(9)) for i in range(20)]
    engine.sparse_combine(S.data, S.indices, S.indptr, b, out)
    np.testing.assert_allclose(out, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_sparse_correlations(seed, weighted, centred):
    rng = np.random.default_rng(seed)
    X, r, w, mean, offset = residual_problem(rng, weighted, centred, density=0.4)
    S, z = stored(X), np.full(8, np.nan)
    engine.sparse_correlations(S.indices, S.indptr, w[S.indices] * S.data, mean, r, offset, z)
    expected = [sum(w[i] * (X[i, j] - mean[j]) * (r[i] - offset) for i in range(30)) for j in range(8)]
    np.testing.assert_allclose(z, expected, rtol=1e-13, atol=1e-13)


# ---------------------------------------------------------------- the problem on the working set


def working_set(rng, n=30, p=8, bounds=True, dependent=True):
    """Return (X, y, G, c, penalty)."""
    X, y = columns(rng, n, p, dependent) / math.sqrt(n), 2 * rng.normal(size=n) / math.sqrt(n)
    y += X[:, -3:].sum(axis=1)
    return X, y, X.T @ X, X.T @ y, penalty_of(rng, p, bounds)


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_one_epoch_of_descent(seed, parts):
    rng = np.random.default_rng(seed)
    X, y, G, c, penalty = working_set(rng)
    problem, b = gram_problem(X, y, penalty, parts), coefficients(rng, 8, *penalty[2:])
    expected, _ = sweep(G, c, b, at_alpha(0.1, *penalty))
    gap, epochs = problem.descend(0.1, b, 0.0, 1)
    np.testing.assert_allclose(b, expected, atol=1e-12)
    np.testing.assert_allclose(problem.correlation, c - G @ b, atol=1e-12)
    assert (gap, epochs) == (INF, 1)       # the gap is taken every eighth time


@pytest.mark.parametrize("seed", SEEDS)
def test_descent_reaches_the_gap_it_returns(seed):
    rng = np.random.default_rng(seed)
    X, y, G, c, penalty = working_set(rng, dependent=False)
    problem, b = gram_problem(X, y, penalty), coefficients(rng, 8, *penalty[2:])
    gap, epochs = problem.descend(0.1, b, 1e-9, 10_000)
    assert gap <= 1e-9
    assert epochs < 10_000
    assert gap == pytest.approx(problem.gap(0.1, b), abs=1e-14)
    h = at_alpha(0.1, *penalty)
    best = objective(G, c, slow_minimum(G, c, b, h), *h[:2])
    assert -1e-14 <= objective(G, c, b, *h[:2]) - best <= gap + 1e-14


@pytest.mark.parametrize("seed", SEEDS)
def test_gap_is_the_sum_of_its_terms(seed):
    rng = np.random.default_rng(seed)
    X, y, G, c, penalty = working_set(rng)
    problem, b, scale = gram_problem(X, y, penalty, 2), coefficients(rng, 8, *penalty[2:]), np.empty(1)
    q, r, h = c - G @ b, y - X @ b, at_alpha(0.1, *penalty)
    engine.feasible_scales(q[None], *penalty, np.array([0.1]), scale)
    terms = [fenchel_young(b[j], scale[0] * q[j], *single(h, j), G[j, j]) for j in range(8)]
    expected = (1 - scale[0]) ** 2 * (r @ r) / 2 + sum(terms)
    assert problem.gap(0.1, b) == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(problem.correlation, q, atol=1e-13)


@pytest.mark.parametrize("seed", SEEDS)
def test_gap_is_primal_minus_dual(seed):
    rng = np.random.default_rng(seed)
    X, y, G, c, (l1, *rest) = working_set(rng)
    penalty = (np.maximum(l1, 0.5), *rest)
    problem, b = gram_problem(X, y, penalty), coefficients(rng, 8, *penalty[2:])
    r, h = y - X @ b, at_alpha(0.1, *penalty)
    primal = r @ r / 2 + sum(map(cost, b, *h[:2]))

    def dual(t):
        return t * (y @ r) - t * t * (r @ r) / 2 - sum(map(conjugate, t * (c - G @ b), *h))

    scale = np.empty(1)
    engine.feasible_scales((c - G @ b)[None], *penalty, np.array([0.1]), scale)
    assert problem.gap(0.1, b) == pytest.approx(primal - dual(scale[0]), rel=1e-10)


def solved(problem, alphas, p):
    """Return (status, b for each alpha that was solved, their q)."""
    B, Q = np.full((2, len(alphas), p), np.nan)
    status, at = problem.solve(np.zeros(p), INF, alphas, 0, B, Q)
    assert status == SOLVED or at < len(alphas)
    return status, B[:at], Q[:at]


def check_solved(G, c, penalty, alphas, B, Q):
    """Check q, and that each b meets the optimality conditions."""
    np.testing.assert_allclose(Q, c - B @ G, atol=1e-12)
    for alpha, b in zip(alphas, B, strict=False):
        assert worst_condition(G, c, b, *at_alpha(alpha, *penalty)) < 1e-11


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize(("n", "p"), [(30, 8), (40, 25), (12, 30)])
@pytest.mark.parametrize("seed", SEEDS)
def test_face_steps_meet_the_optimality_conditions(seed, n, p, parts):
    rng = np.random.default_rng(seed)
    X, y, G, c, penalty = working_set(rng, n, p, bounds=False)
    penalty = (np.maximum(penalty[0], 0.5), *penalty[1:]) if n < p else settling(*penalty)
    alphas = np.abs(c).max() * np.geomspace(1, 1e-2, 7)
    status, B, Q = solved(gram_problem(X, y, penalty, parts), alphas, p)
    assert status == SOLVED
    check_solved(G, c, penalty, alphas, B, Q)


@pytest.mark.parametrize("equal_and_free", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_descent_goes_on_where_face_steps_stop(seed, equal_and_free):
    rng = np.random.default_rng(seed)
    X, y, G, c, penalty = working_set(rng, bounds=not equal_and_free)
    for part in penalty[:2]:
        part[:2] = 0.0 if equal_and_free else part[:2]
    alphas = np.abs(c).max() * np.geomspace(1, 1e-2, 7)
    problem = gram_problem(X, y, penalty)
    _, B, Q = solved(problem, alphas, 8)
    check_solved(G, c, penalty, alphas, B, Q)
    b = B[-1].copy() if len(B) else np.zeros(8)
    for alpha in alphas[len(B):]:
        problem.descend(alpha, b, 0.0, 100_000)
        assert worst_condition(G, c, b, *at_alpha(alpha, *penalty)) < 1e-9


@pytest.mark.parametrize("seed", SEEDS)
def test_face_steps_hold_bounds_of_zero(seed):
    rng = np.random.default_rng(seed)
    X, y, G, c, (l1, l2, lower, upper) = working_set(rng, 40, 20)
    penalty = settling(l1, l2, np.where(lower == 0, 0, -INF), np.where(upper == 0, 0, INF))
    alphas = np.abs(c).max() * np.geomspace(1, 1e-2, 7)
    status, B, Q = solved(gram_problem(X, y, penalty), alphas, 20)
    assert status == SOLVED
    check_solved(G, c, penalty, alphas, B, Q)


@pytest.mark.parametrize("bounds", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_face_steps_find_the_slow_minimum(seed, bounds):
    rng = np.random.default_rng(seed)
    X, y, G, c, penalty = working_set(rng, bounds=bounds, dependent=False)
    alphas = np.abs(c).max() * np.geomspace(1, 1e-2, 4)
    _, B, _ = solved(gram_problem(X, y, penalty), alphas, 8)
    b = np.zeros(8)
    for alpha, found in zip(alphas, B, strict=False):
        b = slow_minimum(G, c, b, at_alpha(alpha, *penalty))
        np.testing.assert_allclose(found, b, atol=1e-11)
    assert bounds or len(B) == 4


@pytest.mark.parametrize("seed", SEEDS)
def test_another_penalty_and_more_slots_go_on_to_the_same_solution(seed):
    rng = np.random.default_rng(seed)
    X, y, G, c, penalty = working_set(rng, 40, 20, bounds=False)
    problem = gram_problem(X[:, :12], y, [part[:12] for part in settling(*penalty)])
    top = np.abs(c).max()
    _, B, _ = solved(problem, top * np.array([0.5, 0.1]), 12)
    penalty = settling(*penalty_of(rng, 20, bounds=False))
    problem.extend(X[:, 12:].T @ X, c[12:], *(part[12:] for part in penalty))
    problem.repenalise(*penalty)
    B, Q, alphas = np.r_[B[-1], np.zeros(8)][None].copy(), np.empty((1, 20)), np.array([0.05 * top])
    assert problem.solve(B[0].copy(), 0.1 * top, alphas, 0, B, Q) == (SOLVED, 1)
    check_solved(G, c, penalty, alphas, B, Q)
