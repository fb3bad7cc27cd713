"""Small dense problems are solved in compiled calls alone: the same answers as by the general way, their fallback."""

import numpy as np
import pytest
from layouts import PLAIN, build

from fastlasso import ConvergenceWarning, alpha_max, fit, fit_path
from fastlasso.path import small
from fastlasso.ways import going


def data(n=40, p=7, seed=0):
    A = np.random.default_rng(seed).integers(-32, 33, (n, p)) / 8
    A[:, 1] += 2.0**20       # far from zero, and exact in float32
    return A, A @ np.linspace(-1, 1, p) + np.sin(np.arange(n))


@pytest.fixture
def general():
    """Call the general way."""
    def run(function, *arguments, **options):
        with going(small=0):
            return function(*arguments, **options)
    return run


@pytest.mark.parametrize("layout", [name for name in PLAIN if "cs" not in name])
@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("options", [{}, {"fit_intercept": False}, {"l1_ratio": 0.3}])
@pytest.mark.parametrize("p", [7, 90])
def test_as_the_general_way(layout, dtype, options, p, general, judge):
    A, y = data(p=p)
    X = build(layout, A, dtype=dtype)
    ours, theirs = fit_path(X, y, alphas=30, **options), general(fit_path, X, y, alphas=30, **options)
    np.testing.assert_allclose(ours.alphas, theirs.alphas, rtol=1e-11)
    np.testing.assert_allclose(ours.coefs.toarray(), theirs.coefs.toarray(), atol=1e-8)
    np.testing.assert_allclose(ours.intercepts, theirs.intercepts, rtol=1e-8)
    np.testing.assert_allclose(ours.r2, theirs.r2, atol=1e-9)
    assert ours.status == theirs.status
    assert ours.params == theirs.params
    judge(A, y, ours, (0, 10, 29), **options)
    one = fit(X, y, ours.alphas[9], **options)
    np.testing.assert_allclose(one.coef, ours.fit_at(9).coef, atol=1e-9)
    assert one.certified
    assert one.n_passes == 1 or p > 7
    assert one.r2 == pytest.approx(ours.r2[9])


def count_small(monkeypatch):
    made = []
    real = small.engine.small_problem
    monkeypatch.setattr(small.engine, "small_problem", lambda *arguments: made.append(real(*arguments)) or made[-1])
    return made


def test_what_counts_as_small(monkeypatch):
    made = count_small(monkeypatch)
    A, y = data()
    plain = [dict(), dict(l1_ratio=0.2), dict(fit_intercept=False), dict(n_threads=1), dict(tol=1e-9),
             dict(sample_weight=3.0), dict(sample_weight=np.full(40, 2.0))]
    other = [dict(sample_weight=np.arange(40.0)), dict(offset=np.ones(40)), dict(lower=0.0), dict(upper=1.0),
             dict(standardize=True), dict(penalty_factor=np.ones(7)), dict(l1_ratio=0.0)]
    for options in plain:
        fit(A, y, 0.1, **options)
        fit_path(A, y, alphas=3, **options)
    assert len(made) == 2 * len(plain)
    assert all(problem is not None for problem in made)
    for options in other:
        fit(A, y, 0.1, **options)
        fit_path(A, y, alphas=3, **options)
    fit(A, y, 0.0)
    fit(A.tolist(), y, 0.1)
    fit(A, y.tolist(), 0.1)
    fit(A.astype(np.longdouble), y, 0.1)
    fit_path(A, y, alphas=3, dfmax=2)
    fit_path(A, y, alphas=3, callback=lambda state: False)
    rng = np.random.default_rng(0)
    for shape in ((100, 90), (200, 400)):       # the Gram matrix of all columns pays; too many values
        X = rng.standard_normal(shape)
        fit(X, X[:, 0], 0.1)
    assert len(made) == 2 * len(plain)


@pytest.mark.parametrize("p", [7, 90])
def test_other_numbers_are_the_same_problem(p):
    A, y = np.round(data(p=p)[0]), np.round(data(p=p)[1])
    first = fit(A, y, 0.1).coef
    for X, target in ((A.astype(int), y), (A.astype(">f8"), y), (A, y.astype(np.float32)), (A, y[:, None]),
                      (A, y.repeat(3)[::3]), (A[::-1][::-1], y.astype(np.int64))):
        np.testing.assert_array_equal(fit(X, target, 0.1).coef, first)


def test_alphas_far_apart_are_not_for_many_columns(monkeypatch, judge):
    A, y = data(p=90)
    top = alpha_max(A, y)
    made = count_small(monkeypatch)
    grids = ([1.0, 0.7], True), ([1.5, 1.0], True), ([0.5], False), ([1.0, 0.1], False)
    for shares, near in grids:
        path = fit_path(A, y, alphas=np.multiply(shares, top))
        assert (path.n_passes[-1] == 1) == near      # the general way reads X for moments first
        judge(A, y, path, range(len(shares)))
    assert len(made) == len(grids)


@pytest.mark.parametrize("p", [7, 90])
def test_nothing_to_fit(p):
    solution = fit(np.ones((10, p)), np.arange(10.0), 1.0)
    assert (solution.certified, np.count_nonzero(solution.coef), solution.intercept) == (True, 0, 4.5)


@pytest.mark.parametrize("alpha", [5e-324, 1e-100, 1e-5])
def test_a_tiny_alpha_goes_the_general_way(alpha, general):
    A, y = data(p=90)
    np.testing.assert_array_equal(fit(A, y, alpha, tol=1e-4).coef, general(fit, A, y, alpha, tol=1e-4).coef)
    assert fit(A, y, 1.0, l1_ratio=1e-300).certified


def test_many_columns_that_are_all_used_go_the_general_way(monkeypatch, judge):
    made, rng = count_small(monkeypatch), np.random.default_rng(0)
    X = rng.standard_normal((10, 2000))
    y = X[:, 0] + 0.1 * rng.standard_normal(10)
    path = fit_path(X, y, alphas=20, eps=0.1, l1_ratio=1e-3)
    assert path.df[-1] > 400
    assert made[0].solve(path.alphas, np.inf) is None
    judge(X, y, path, (3, 19), l1_ratio=1e-3)


@pytest.mark.parametrize("p", [7, 90])
@pytest.mark.parametrize("share", [2.0, 1.0, 0.5, 0.02])
def test_one_alpha_wherever_it_is(p, share, judge):
    A, y = data(p=p)
    alpha = share * alpha_max(A, y)
    solution = fit(A, y, alpha)
    judge(A, y, solution)
    assert solution.alpha == alpha
    assert np.any(solution.coef) == (share < 1)


def test_every_solution_of_many_columns_is_one_of_the_given_alphas():
    A, y = data(n=60, p=300)
    path = fit_path(A, y, alphas=50, eps=1e-2)
    for k in range(0, 50, 7):
        np.testing.assert_allclose(path.fit_at(k).coef, fit(A, y, path.alphas[k]).coef, atol=1e-9)
    assert (np.diff(path.n_passes) >= 0).all()
    assert path.n_passes[-1] < 50


@pytest.mark.parametrize("p", [7, 90])
@pytest.mark.parametrize("spoil", ["constant_column", "zero_column", "duplicates", "nearly_constant"])
def test_what_it_does_not_settle_goes_the_general_way(spoil, p, judge):
    A, y = data(p=p)
    if spoil == "duplicates":
        A = np.repeat(A, 3, axis=1)
    else:
        A[:, 3] = 0.0 if spoil == "zero_column" else 0.1
        A[5, 3] += 1e-15 * (spoil == "nearly_constant")
    solution = fit(A, y, 0.05)
    judge(A, y, solution)
    judge(A, y, fit_path(A, y, alphas=12), (3, 11))
    assert solution.coef[3] == 0 or spoil == "duplicates"


def test_a_constant_column_does_not_send_the_others_the_general_way(monkeypatch):
    A, y = data(p=90)
    A[:, [3, 60]] = 0.0, 0.1
    made = count_small(monkeypatch)
    assert fit(A, y, 0.05).certified
    assert made[0] is not None


@pytest.mark.parametrize("where", ["X", "y"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_bad_values_have_the_same_words(where, bad, general):
    A, y = data()
    (A if where == "X" else y)[(3, 2) if where == "X" else 3] = bad
    words = []
    for way in (lambda: fit(A, y, 0.1), lambda: general(fit, A, y, 0.1)):
        with pytest.raises(ValueError) as error:
            way()
        words.append(str(error.value))
    assert words[0] == words[1]


@pytest.mark.parametrize("p", [7, 90])
@pytest.mark.parametrize("size", [1e-145, 1.2e-146, 1e-146, 1e-160])
def test_a_tiny_y_is_an_error_or_none_of_both_ways(p, size, general):
    A, y = data(p=p)[0], size * np.repeat([1.0, -1.0], 20)
    words = []
    for way in (lambda: fit(A, y, size), lambda: general(fit, A, y, size)):
        try:
            words.append(np.count_nonzero(way().coef))
        except ValueError as error:
            words.append(str(error))
    assert words[0] == words[1]


def test_a_constant_y_has_only_an_intercept():
    solution = fit(data()[0], np.full(40, 0.1), 0.05)
    assert (solution.intercept, np.count_nonzero(solution.coef), solution.gap) == (pytest.approx(0.1), 0, 0.0)


@pytest.mark.parametrize("shape", [(2, 1), (2, 5), (3, 64)])
def test_tiny(shape, judge):
    A = np.random.default_rng(1).standard_normal(shape)
    y = np.arange(float(shape[0]))
    judge(A, y, fit(A, y, 0.01))
    assert fit_path(A, y, alphas=5).certified.all()


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_columns_that_have_nothing_to_do_with_y_have_a_grid_and_a_gap(fit_intercept):
    """Their alpha_max is zero, or rounding."""
    X = np.array([[1.0, 0.1], [-1.0, 0.1], [1.0, -0.1], [-1.0, -0.1]])
    for y in ([1.0, -1.0, -1.0, 1.0], [0.1, -0.1, -0.1, 0.1]):
        path = fit_path(X, np.array(y), alphas=5, fit_intercept=fit_intercept)
        assert path.certified.all()
        assert not path.coefs.toarray().any()
        assert (path.alphas > 0).all()


@pytest.mark.parametrize("p", [7, 90])
def test_gaps_count_what_rounding_of_the_intercept_costs(p):
    rng = np.random.default_rng(0)
    A = 1e10 + rng.integers(-8, 9, (40, p))
    y = A[:, 0] - A[:, 1] + rng.standard_normal(40)
    shift = np.finfo(float).eps * 1e10
    found = fit_path(A, y, alphas=5, eps=1e-2)
    assert (found.gaps >= 0.5 * (shift * np.abs(found.coefs).sum(axis=0)) ** 2).all()
    assert fit(A, y, found.alphas[3]).gap >= 0.5 * shift**2


def test_a_tolerance_that_is_missed_is_tried_the_general_way(monkeypatch):
    made, (A, y) = count_small(monkeypatch), data(p=90)
    with pytest.warns(ConvergenceWarning):
        found = fit_path(A, y, alphas=5, tol=1e-30)
    assert type(made[0]).__name__ == "SmallWideProblem"
    assert not found.certified.all()
    np.testing.assert_allclose(found.coefs.toarray(), fit_path(A, y, alphas=5).coefs.toarray(), atol=1e-8)
