"""Stability selection counts what fits on complementary halves select; its bounds are the papers' formulas."""

import numpy as np
import pytest
from layouts import PLAIN, build, exact_matrix, spelled_out, target

from fastlasso import ConvergenceWarning, StabilityPath, fit_path, stability_selection
from fastlasso.selection import stability

OPTIONS = {"plain": {}, "standardized": {"standardize": True}, "weighted": {"sample_weight": 1},
           "offset": {"offset": 1}, "factors": {"penalty_factor": 1}, "positive": {"lower": 0.0},
           "elastic_net": {"l1_ratio": 0.5}}


@pytest.fixture(params=[(80, 12), (50, 120)], ids=["tall", "wide"])
def data(request):
    A = exact_matrix(*request.param, seed=7)
    return A, target(A, seed=7)


@pytest.fixture
def halves(monkeypatch):
    """The row indices of every half that was fitted."""
    seen = []
    made = stability.ComplementaryPairs.__init__

    def noting(self, *args):
        made(self, *args)
        seen.extend(np.flatnonzero(pair == half) for pair in self.half_of for half in (0, 1))

    monkeypatch.setattr(stability.ComplementaryPairs, "__init__", noting)
    return seen


@pytest.mark.parametrize("name", OPTIONS)
def test_probabilities_count_the_fits_on_the_halves(data, halves, name):
    A, y = data
    options = spelled_out(OPTIONS[name], A)
    ours = stability_selection(A, y, n_pairs=3, random_state=1, alphas=8, eps=0.2, **options)
    np.testing.assert_allclose(ours.alphas, fit_path(A, y, alphas=8, eps=0.2, **options).alphas)
    rows_of = {key: value for key, value in options.items() if key in ("sample_weight", "offset")}
    rest = {key: value for key, value in options.items() if key not in rows_of}
    counts = np.zeros(ours.probabilities.shape)
    for rows in halves:
        path = fit_path(A[rows], y[rows], alphas=ours.alphas, **rest,
                        **{key: value[rows] for key, value in rows_of.items()})
        counts += np.maximum.accumulate(path.coefs.toarray() != 0, axis=1)
    np.testing.assert_allclose(ours.probabilities, counts / 6)
    penalised = options.get("penalty_factor", np.ones(A.shape[1])) > 0
    np.testing.assert_allclose(ours.mean_selected, counts[penalised].sum(axis=0) / 6)


def test_halves_come_in_pairs_without_common_rows(data, halves):
    A, y = data
    w = np.arange(len(y)) % 4 != 0
    stability_selection(A, y, n_pairs=4, random_state=0, alphas=2, sample_weight=w.astype(float))
    size = np.count_nonzero(w) // 2
    assert [len(rows) for rows in halves] == [size] * 8
    for first, second in zip(halves[::2], halves[1::2], strict=True):
        assert not set(first) & set(second)
        assert w[first].all()
        assert w[second].all()
    assert set(halves[0]) != set(halves[2])


def test_results_depend_on_the_seed_and_not_on_threads(data):
    A, y = data
    one, three, other = (stability_selection(A, y, n_pairs=4, weakness=0.5, random_state=seed, alphas=10, n_threads=k)
                         for seed, k in ((0, 1), (0, 3), (1, 1)))
    np.testing.assert_array_equal(one.probabilities, three.probabilities)
    assert (one.probabilities != other.probabilities).any()


@pytest.mark.parametrize("layout", PLAIN)
def test_layouts_give_the_same_probabilities(data, layout):
    A, y = data
    ours, dense = (stability_selection(X, y, n_pairs=3, random_state=0, alphas=6, eps=0.2)
                   for X in (build(layout, A), A))
    np.testing.assert_array_equal(ours.probabilities, dense.probabilities)


def test_weakness_divides_the_factors(data, monkeypatch):
    A, y = data
    seen = []
    pairs, factors = stability.ComplementaryPairs, stability.ComplementaryPairs._factors
    monkeypatch.setattr(pairs, "_factors", lambda self, k: seen.append(factors(self, k)) or seen[-1])
    given = np.where(np.arange(A.shape[1]) == 0, np.inf, 2.0)
    stability_selection(A, y, n_pairs=2, weakness=0.25, random_state=0, alphas=3, penalty_factor=given, n_threads=1)
    assert len(seen) == 4
    for factor in seen:
        assert np.isinf(factor[0])
        assert (factor[1:] >= 2.0).all()
        assert (factor[1:] <= 8.0).all()
        assert np.ptp(factor[1:]) > 1
    assert (seen[0] != seen[1]).any()


def test_dfmax_ends_the_count(data):
    A, y = data
    ours = stability_selection(A, y, n_pairs=4, random_state=0, dfmax=3)
    assert ours.mean_selected.max() < 3 + 2      # a column may leave and another come, but not more
    assert (np.diff(ours.probabilities, axis=1) >= 0).all()


def known(q, p=100, n_pairs=50):
    probabilities = np.full((p, 1), q / p)
    return StabilityPath(np.ones(1), probabilities, probabilities.sum(axis=0), n_pairs)


def test_the_bounds_are_the_formulas_of_the_papers():
    path = known(q=10)
    assert path.error_bound(0.9) == pytest.approx(10**2 / ((2 * 0.9 - 1) * 100))
    assert path.error_bound(0.7, unimodal=True) == pytest.approx(0.5 / (2 * 0.7 - 1 - 0.01) * 1.0)
    assert path.error_bound(0.9, unimodal=True) == pytest.approx(4 * (0.1 + 0.01) / 1.02 * 1.0)
    assert known(q=70).error_bound(0.9, unimodal=True) == known(q=70).error_bound(0.9)      # theta > 1/sqrt(3)
    thresholds = np.linspace(0.52, 1.0, 60)
    general, unimodal = ([path.error_bound(t, unimodal=u) for t in thresholds] for u in (False, True))
    assert (np.diff(general) < 0).all()
    assert (np.diff(unimodal) < 1e-12).all()
    assert (np.array(unimodal) <= np.array(general)).all()


def test_max_false_takes_the_smallest_alpha_within_it(data):
    A, y = data
    path = stability_selection(A, y, n_pairs=10, random_state=0, alphas=20)
    k = path.index_for(0.5, threshold=0.8)
    assert path.error_bound(0.8, k) <= 0.5
    assert k == len(path.alphas) - 1 or path.error_bound(0.8, k + 1) > 0.5
    np.testing.assert_array_equal(path.support(0.8, max_false=0.5), np.flatnonzero(path.probabilities[:, k] >= 0.8))
    np.testing.assert_array_equal(path.support(0.6), np.flatnonzero(path.probabilities[:, -1] >= 0.6))
    with pytest.raises(ValueError, match="no alpha of the path"):
        StabilityPath(path.alphas[-1:], path.probabilities[:, -1:], path.mean_selected[-1:], 10).index_for(1e-9)


def test_solutions_that_miss_the_tolerance_are_told(data):
    with pytest.warns(ConvergenceWarning, match="of 4 subsamples"):
        stability_selection(*data, n_pairs=2, alphas=5, upper=0.01, tol=0.0, random_state=0)


@pytest.mark.parametrize(("bad", "words"), [
    ({"n_pairs": 0}, "n_pairs"), ({"weakness": 0.0}, "weakness"), ({"weakness": 1.5}, "weakness"),
    ({"eps": 0.0}, "eps"), ({"alphas": [-1.0]}, "alphas"),
])
def test_bad_input(data, bad, words):
    with pytest.raises(ValueError, match=words):
        stability_selection(*data, **bad)


def test_too_few_rows():
    with pytest.raises(ValueError, match="at least 4 rows"):
        stability_selection(np.eye(5), np.arange(5.0), sample_weight=[1, 1, 1, 0, 0])


def test_what_is_selected_by_chance_stays_within_the_bound():
    """Over 20 data sets, the mean number of wrong columns is below the bound, and no true column is missed."""
    wrong = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((120, 150))
        y = 1.5 * X[:, :4].sum(axis=1) + rng.standard_normal(120)
        stable = stability_selection(X, y, n_pairs=15, random_state=seed, alphas=25, eps=0.05, dfmax=25)
        chosen = stable.support(threshold=0.7, max_false=2.0)
        assert set(range(4)) <= set(chosen)
        wrong.append(len(chosen) - 4)
    assert np.mean(wrong) <= 2.0
