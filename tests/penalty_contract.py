"""What every concave penalty must keep, the shipped ones and a newcomer's: plain functions for the tests of both."""

import numpy as np
import pytest
from judging import judged
from layouts import exact_matrix, spelled_out, target

from fastlasso import LassoPath, cross_validate_reweighted, reweighted_path
from fastlasso.penalties.concave import PENALTIES
from fastlasso.refinement.reweighting import ReweightedSolver

SHAPES = {"tall": (80, 12), "wide": (50, 120)}
OPTIONS = {
    "plain": {}, "standardized": {"standardize": True}, "no_intercept": {"fit_intercept": False},
    "weighted": {"sample_weight": 3}, "offset": {"offset": 0.7}, "factors": {"penalty_factor": 1},
    "bounded": {"lower": -0.5, "upper": 1.5},
}


def data_of(shape):
    A = exact_matrix(*SHAPES[shape], seed=3)
    return A, target(A, seed=3)


def slope_is_the_derivative(name, level):
    """The slope begins at the level, falls, never below 0, and its integral is the value."""
    penalty, t = PENALTIES[name](), np.linspace(0, 6 * level, 500)
    slope, value = penalty.slope(t, level), penalty.value(t, level)
    assert value[0] == 0
    assert slope[0] == pytest.approx(level)
    assert (np.diff(slope) <= 1e-15).all()
    assert (slope >= 0).all()
    middle = penalty.slope(0.5 * (t[1:] + t[:-1]), level)
    integral = np.cumsum(np.diff(t) * (slope[1:] + 4 * middle + slope[:-1]) / 6)      # Simpson's rule
    np.testing.assert_allclose(value[1:], integral, atol=1e-5 * level**2)
    np.testing.assert_allclose(penalty.value(3 * t, 3 * level), 9 * value, rtol=1e-12)      # scales as the loss does


def every_solution_solves_its_own_lasso(data, name, options):
    """Each solution is certified for the lasso with factors p'(t) / alpha at itself, and its objective is p's own."""
    A, y = data
    options = spelled_out(OPTIONS[options], A)
    path = reweighted_path(A, y, penalty=name, alphas=6, eps=0.25, **options)
    given = options.pop("penalty_factor", np.ones(A.shape[1]))
    scale = A.std(axis=0) if options.get("standardize") else np.ones(A.shape[1])
    for k in range(len(path)):
        solution, factor = path.fit_at(k), path.penalty_factor_at(k)
        judged(A, y, solution, tight=False, penalty_factor=factor, **options)
        level = given * solution.alpha
        penalised = np.isfinite(level) & (level > 0)
        t, level = np.abs(solution.coef * scale)[penalised], level[penalised]
        np.testing.assert_allclose(factor[penalised] * solution.alpha, path.penalty.slope(t, level), rtol=1e-9,
                                   atol=1e-12)
        np.testing.assert_array_equal(factor[~penalised], given[~penalised])
        r = y - solution.predict(A, options.get("offset"))
        loss = 0.5 * np.average(r * r, weights=options.get("sample_weight", np.ones(len(y))))
        assert path.objectives[k] == pytest.approx(loss + path.penalty.value(t, level).sum(), rel=1e-9)


def no_step_raises_the_objective(data, name, monkeypatch):
    """No weighted lasso raises the concave objective by more than its own gap, and some lower it."""
    steps, note = [], ReweightedSolver._note_step

    def noting(self, alpha, gap, *others):
        before = self.objective
        note(self, alpha, gap, *others)
        steps.append((before, self.objective, gap))

    monkeypatch.setattr(ReweightedSolver, "_note_step", noting)
    path = reweighted_path(*data, penalty=name, alphas=10, eps=0.1)
    before, after, gap = np.array(steps).T
    assert len(steps) == path.n_steps.sum() > len(path)
    assert (after <= before + gap + 1e-10 * path.null_objective).all()
    assert (before - after).max() > 1e-3 * path.null_objective


def a_saved_path_comes_back(data, name, folder):
    """The file names the penalty and its parameters."""
    path = reweighted_path(*data, penalty=name, gamma=3.9, alphas=4, eps=0.3)
    path.save(folder / "path.npz")
    loaded = LassoPath.load(folder / "path.npz")
    assert loaded.penalty == path.penalty
    assert loaded.penalty.gamma == 3.9
    np.testing.assert_array_equal(loaded.coefs.toarray(), path.coefs.toarray())


def its_alpha_can_be_chosen(data, name):
    """Cross-validation fits each fold as a problem of its own."""
    cv = cross_validate_reweighted(*data, penalty=name, cv=3, alphas=5, eps=0.2)
    assert cv.errors.shape == (5, 3)
    assert type(cv.path.penalty) is PENALTIES[name]
