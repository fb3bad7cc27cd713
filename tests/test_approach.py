"""The way to an alpha far below the last one: its steps, and that what it reads on the way changes no answer."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from fastlasso import fit, fit_path, verify
from fastlasso.solver import approach
from fastlasso.solver.approach import geometric_steps
from fastlasso.ways import going


def problem(n=400, p=3_000, order="F"):
    """Correlated columns; 40 of them matter."""
    rng = np.random.default_rng(1)
    X = 0.5 * rng.standard_normal((n, 1)) + rng.standard_normal((n, p))
    return np.asarray(X, order=order), X[:, :40] @ rng.standard_normal(40) + rng.standard_normal(n)


@pytest.mark.parametrize(("low", "ratio", "count"), [(0.6, 0.78, 3), (0.81, 0.9, 2), (0.5, 0.4, 1), (0.9, 0.9, 1)])
def test_steps_end_at_the_lowest_alpha_and_are_no_longer_than_the_ratio(low, ratio, count):
    steps = geometric_steps(2.0, 2 * low, ratio)
    ratios = steps / np.r_[2.0, steps[:-1]]
    assert len(steps) == count
    assert steps[-1] == 2 * low
    np.testing.assert_allclose(ratios, low ** (1 / count))
    assert ratios.min() > ratio * 0.999 or count == 1


def walks(monkeypatch):
    """Count the legs on which columns are read."""
    legs = []
    walk = approach.Approach._leg_by_reading

    def counted(solver, top, low):
        end = walk(solver, top, low)
        legs.append((top, end))
        return end

    monkeypatch.setattr(approach.Approach, "_leg_by_reading", counted)
    return legs


@pytest.mark.parametrize("options", [{}, {"lower": -0.5}, {"upper": 0.05}, {"standardize": True},
                                     {"penalty_factor": np.r_[0.0, 0.0, np.ones(2_998)]}, {"fit_intercept": False},
                                     {"sample_weight": np.arange(400) % 3}], ids=str)
def test_a_path_of_few_alphas_reads_columns_on_the_way_and_is_certified(monkeypatch, options):
    legs = walks(monkeypatch)
    X, y = problem()
    path = fit_path(X, y, alphas=12, eps=1e-3, **options)
    assert len(legs) >= 2
    assert path.certified.all()
    for k in range(len(path)):
        one = path.fit_at(k)
        checked = verify(X, y, one.coef, one.intercept, alpha=one.alpha, **options)
        assert checked.gap <= one.gap + 1e-9 * checked.null_objective


def test_a_cold_fit_reads_columns_leg_by_leg_to_its_alpha(monkeypatch):
    legs = walks(monkeypatch)
    X, y = problem()
    one = fit(X, y, 0.01)
    assert one.certified
    assert len(legs) >= 3
    assert legs[-1][1] == 0.01
    assert all(before[1] == after[0] for before, after in pairwise(legs))


@pytest.mark.parametrize("form", [np.asfortranarray, sparse.csc_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("options", [{}, {"upper": 0.3, "lower": -0.3}, {"fit_intercept": False},
                                     {"standardize": True}], ids=str)
def test_reading_changes_no_answer(monkeypatch, form, options):
    """On little data, with copies and near copies of columns, where it would not pay."""
    legs = walks(monkeypatch)
    rng = np.random.default_rng(2)
    B = rng.standard_normal((60, 80)) * (rng.random((60, 80)) < 0.5)
    X, y = form(np.hstack([B, B[:, :40], B[:, 40:] + 1e-7 * B[:, :40]])), B[:, :9].sum(axis=1) + rng.standard_normal(60)
    with going(small=0, compress_features=0):
        path = fit_path(X, y, alphas=6, eps=1e-3, tol=1e-9, **options)
        assert not legs
        with going(reading_ns=-1.0):
            read = fit_path(X, y, alphas=6, eps=1e-3, tol=1e-9, **options)
    assert len(legs) >= 5
    assert read.certified.all()
    np.testing.assert_allclose(read.alphas, path.alphas)
    np.testing.assert_allclose(X @ read.coefs.toarray(), X @ path.coefs.toarray(), atol=1e-4)


def test_a_ridge_part_takes_the_way_without_reading(monkeypatch):
    legs = walks(monkeypatch)
    assert fit_path(*problem(), alphas=12, eps=1e-3, l1_ratio=0.9).certified.all()
    assert not legs


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_x_stored_by_rows_takes_the_way_without_reading(monkeypatch, n_threads):
    legs = walks(monkeypatch)
    X, y = problem(order="C")
    path = fit_path(X, y, alphas=10, eps=1e-2, n_threads=n_threads)
    assert not legs
    other = fit_path(np.asfortranarray(X), y, alphas=10, eps=1e-2)
    np.testing.assert_allclose(path.coefs.toarray(), other.coefs.toarray(), atol=1e-9)


def test_the_first_alpha_of_a_path_costs_no_pass():
    X, y = problem()
    path = fit_path(X, y, alphas=10, eps=1e-2)
    assert path.df[0] == 0
    assert path.n_passes[0] < 1.01
