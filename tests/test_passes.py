"""Passes over X are the unit of cost: how many each of some named problems takes, and what may not add to them.

The figures are pinned. A change that moves one on purpose says so, and writes the new figure here.
"""

import numpy as np
import pytest
from scipy import sparse

from fastlasso import (
    ElasticNetCV,
    Stage,
    alpha_max,
    cross_validate_path,
    fit,
    fit_path,
    fit_schedule,
)
from fastlasso.parallel import Pool
from fastlasso.problem.options import Options
from fastlasso.problem.problem import pose
from fastlasso.solver.choose import started_solver


def data(n, p, order="C", density=None):
    """Ten columns that matter, and noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p))
    if density is not None:
        X *= rng.random((n, p)) < density
    y = X[:, :10] @ rng.standard_normal(10) + rng.standard_normal(n)
    return (np.asarray(X, order=order) if density is None else sparse.csr_array(X)), y


def classes(problem):
    X, y = problem
    return X, y > np.median(y)


def one_free(p):
    return np.where(np.arange(p) == 3, 0.0, 1.0)


PINNED = {
    "wide by rows": (lambda: fit_path(*data(300, 10_000)), 46.5),
    "wide by columns": (lambda: fit_path(*data(300, 10_000, "F")), 15.5),
    "one unpenalised column, by rows": (lambda: fit_path(*data(300, 10_000), penalty_factor=one_free(10_000)), 89.4),
    "one unpenalised column, by columns":
        (lambda: fit_path(*data(300, 10_000, "F"), penalty_factor=one_free(10_000)), 15.9),
    "sparse": (lambda: fit_path(*data(400, 3_000, density=0.02)), 62.9),
    "elastic net": (lambda: fit_path(*data(100, 2_000), l1_ratio=0.5), 51.3),
    "compressed": (lambda: fit_path(*data(3_000, 40)), 2.0),
    "logistic, by columns": (lambda: fit_path(*classes(data(300, 10_000, "F")), loss="log_loss", eps=1e-2), 15.3),
    "logistic, sparse": (lambda: fit_path(*classes(data(400, 3_000, density=0.02)), loss="log_loss", eps=1e-2), 43.9),
    "cold fit": (lambda: fit(*data(100, 2_000), 0.01), 14.2),
    "ten alphas, by columns": (lambda: fit_path(*data(500, 5_000, "F"), alphas=10, eps=1e-2), 13.5),
    "cold fit, by columns": (lambda: fit(*data(500, 5_000, "F"), 0.01), 12.8),
    "alpha_max alone": (lambda: fit_path(*data(300, 10_000, "F"), alphas=1), 1.0),
}


@pytest.mark.parametrize("name", PINNED)
def test_passes_are_as_pinned(name):
    call, passes = PINNED[name]
    assert np.ravel(call().n_passes)[-1] == pytest.approx(passes, abs=0.06)


@pytest.mark.parametrize(("n", "p"), [(100, 600), (500, 20)])
def test_every_path_of_several_l1_ratios_counts_its_own_passes(n, p):
    """Only the first of those that share a design has the pass in it that measured X."""
    X, y = data(n, p)
    model = ElasticNetCV(l1_ratio=[1.0, 0.5, 0.9], cv=3, tol=1e-6).fit(X, y)
    chosen = float(model.l1_ratio_)
    alone = cross_validate_path(X, y, cv=3, random_state=None, l1_ratio=chosen)
    for ours, theirs in zip([model.path_, *model.cv_result_.fold_paths], [alone.path, *alone.fold_paths], strict=True):
        assert theirs.n_passes[-1] - ours.n_passes[-1] == pytest.approx(0.0 if chosen == 1.0 else 1.0, abs=0.01)


def test_the_last_of_several_l1_ratios_takes_no_more_passes_than_alone():
    """It reported the sum of all before it."""
    X, y = data(100, 1_000)
    model = ElasticNetCV(l1_ratio=[1.0, 0.5, 0.9], cv=3, tol=1e-6)
    model.fit(X, y)
    alone = fit_path(X, y, l1_ratio=float(model.l1_ratio_))
    assert model.path_.n_passes[-1] <= alone.n_passes[-1]


def test_a_later_stage_counts_its_own_passes():
    X, y = data(100, 1_000)
    run = fit_schedule(X, y, [Stage(0.1), Stage(0.05, factor="support")])
    assert run.fits[0].n_passes == pytest.approx(fit(X, y, 0.1).n_passes, abs=0.01)
    assert run.fits[1].n_passes <= 2


@pytest.mark.parametrize(("n", "p"), [(60, 3_000), (200, 30)])
def test_the_largest_alpha_costs_a_path_no_pass_of_its_own(n, p):
    """What `alpha_max` asks for, the path's first anchor knows."""
    X, y = data(n, p)
    factor = np.where(np.arange(p) < 3, 0.0, 1.0)
    with Pool(1) as pool:
        problem = pose(X, y, Options(penalty_factor=factor), pool)
        solver = started_solver(problem, 1e-6)
        started = problem.design.passes
        top = solver.alpha_max
        assert problem.design.passes == started
    assert top == pytest.approx(alpha_max(X, y, penalty_factor=factor), rel=1e-12)
    grid = fit_path(X, y, penalty_factor=factor)
    given = fit_path(X, y, penalty_factor=factor, alphas=top * np.geomspace(1.0, 1e-3, 100))
    assert grid.n_passes[-1] <= given.n_passes[-1] + 0.01
