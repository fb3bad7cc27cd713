"""What every loss keeps, shipped or a newcomer's: `test_losses.py` and `test_new_loss.py` run it.

A `Case` names a loss, some values of y that belong to its domain, and how to draw a target from scores.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from layouts import PLAIN, build, exact_matrix

from fastlasso import LassoPath, alpha_max, cross_validate_path, fit, fit_path, verify

ODD = ("C_backwards", "F_slice", "csr_array-int64-unsorted_duplicates", "csc_matrix-int32-duplicates")
SCORES = np.linspace(-6, 6, 49)
OPTIONS = ("plain", "no intercept", "weights", "offset", "factors", "bounds", "elastic net", "standardize",
           "everything")


@dataclass(frozen=True)
class Case:
    """A loss as `loss=` takes it, its object, values of y, and ``draw(rng, eta)``, which gives a target.

    `exact` says that the slack is exact and not only a bound.
    """

    loss: object
    object: object
    values: tuple
    draw: object
    exact: bool = True


def problem(case, options, seed=0, n=90, p=25):
    """Return (X, y, options of `fit_path`): four columns matter."""
    rng = np.random.default_rng(seed)
    X = exact_matrix(n, p, seed)
    y = case.draw(rng, X[:, :4] @ np.array([0.8, -0.6, 0.4, 0.3]))
    every, chosen = options == "everything", {"loss": case.loss}
    if options == "weights" or every:
        chosen["sample_weight"] = np.concatenate([np.ones(4), rng.integers(0, 4, n - 4)])
    if options == "offset" or every:
        chosen["offset"] = 0.3 * rng.standard_normal(n)
    if options == "factors" or every:
        chosen["penalty_factor"] = np.concatenate([[0.0, 2.0, np.inf], rng.uniform(0.5, 2, p - 3)])
    if options == "bounds" or every:
        chosen |= {"lower": -0.1, "upper": 0.3}
    if options == "elastic net" or every:
        chosen["l1_ratio"] = 0.6
    if options == "no intercept":
        chosen["fit_intercept"] = False
    if options == "standardize" or every:
        chosen["standardize"] = True
    return X, y, chosen


# ---------------------------------------------------------------- one sample


def derivative_is_minus_the_residual(case):
    for value in case.values:
        y, step = np.full(len(SCORES), value), 1e-6
        slope = (case.object.deviance(SCORES + step, y) - case.object.deviance(SCORES - step, y)) / (2 * step)
        rho, d = case.object.local(SCORES, y)
        np.testing.assert_allclose(-rho, slope, atol=2e-7 * (1 + np.abs(slope).max()))
        assert (d >= 0).all()


def curvature_is_the_second_derivative(case):
    """Or a majorant of it; where f'' jumps, beside the jumps."""
    for value in case.values:
        y, step = np.full(len(SCORES), value), 1e-5
        slopes = [case.object.local(SCORES + shift, y)[0] for shift in (-step, step)]
        second, d = (slopes[0] - slopes[1]) / (2 * step), case.object.local(SCORES, y)[1]
        jumps = np.abs(case.object.local(SCORES - step, y)[1] - case.object.local(SCORES + step, y)[1]) > 0.5
        assert (d >= second - 1e-4 * (1 + np.abs(second)))[~jumps].all()


def deviance_is_zero_at_its_least(case):
    for value in case.values:
        grid = np.linspace(-60, 60, 200_001)
        least = case.object.deviance(grid, np.full(len(grid), value))
        assert least.min() >= 0
        assert least.min() < 1e-6 * (1 + least[len(grid) // 2])


def slack_bounds_the_conjugate(case):
    """slack(theta) >= f(eta) + theta eta - (f(e) + theta e) for every e: that is Fenchel and Young's inequality."""
    rng = np.random.default_rng(0)
    for value in case.values:
        y = np.full(len(SCORES), value)
        rho, _ = case.object.local(SCORES, y)
        for share in (0.0, 0.5, 0.9, 1.0):
            theta = share * rho
            slack = case.object.slack(SCORES, y, theta)
            assert (slack >= 0).all()
            for other in rng.uniform(-8, 8, 20):
                there = case.object.deviance(np.full(len(SCORES), other), y) + theta * other
                here = case.object.deviance(SCORES, y) + theta * SCORES
                assert (slack >= here - there - 1e-9 * (1 + np.abs(here) + np.abs(there))).all()
        np.testing.assert_allclose(case.object.slack(SCORES, y, rho), 0, atol=1e-12 * (1 + np.abs(rho).max()))


def slack_of_zero_is_the_deviance(case):
    for value in case.values:
        y = np.full(len(SCORES), value)
        deviance = case.object.deviance(SCORES, y)
        slack = case.object.slack(SCORES, y, np.zeros(len(SCORES)))
        assert (slack >= deviance * (1 - 1e-8) - 1e-12).all()
        if case.exact:
            np.testing.assert_allclose(slack, deviance, rtol=1e-8, atol=1e-12)
        theta = 0.5 * case.object.local(SCORES, y)[0]
        both = case.object.terms(SCORES, y, theta)
        np.testing.assert_allclose(both[0], deviance, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(both[1], case.object.slack(SCORES, y, theta), rtol=1e-12, atol=1e-14)


# ---------------------------------------------------------------- whole paths


def path_is_certified_by_the_judge(case, options, layout, dtype="f8"):
    X, y, chosen = problem(case, options)
    A = build(layout, X, dtype=dtype)
    path = fit_path(A, y, alphas=8, eps=0.02, **chosen)
    assert path.certified.all()
    for k in (0, 3, 7):
        one = path.fit_at(k)
        judged = verify(A, y, one.coef, one.intercept, alpha=one.alpha, **chosen)
        assert judged.relative_gap <= 2e-6
        assert judged.null_objective == pytest.approx(path.null_objective, rel=1e-9)
        assert path.deviance_ratio[k] == pytest.approx(deviance_ratio(judged, one, chosen, X), abs=1e-6)


def deviance_ratio(judged, fit, chosen, X):
    """1 - F / P(0), from the judge's objective less the penalty."""
    w = chosen.get("sample_weight", np.ones(len(X)))
    centred = X - np.average(X, axis=0, weights=w)
    scale = np.sqrt(np.average(centred**2, axis=0, weights=w)) if chosen.get("standardize") else np.ones(X.shape[1])
    ratio, factor = chosen.get("l1_ratio", 1.0), chosen.get("penalty_factor", np.ones(X.shape[1]))
    size = np.abs(fit.coef) * scale
    penalty = fit.alpha * np.sum(np.where(size > 0, factor, 0) * (ratio * size + (1 - ratio) / 2 * size**2))
    return 1 - (judged.primal - penalty) / judged.null_objective


def first_alpha_leaves_the_empty_model(case):
    X, y, chosen = problem(case, "weights")
    top = alpha_max(X, y, **chosen)
    above, below = (fit(X, y, factor * top, **chosen) for factor in (1.0001, 0.98))
    assert not above.coef.any()
    assert below.coef.any()


def repeated_rows_are_weights(case):
    X, y, chosen = problem(case, "weights")
    w = chosen.pop("sample_weight")
    rows = np.repeat(np.arange(len(X)), w.astype(int))
    grid = alpha_max(X, y, sample_weight=w, **chosen) * np.geomspace(0.9, 0.05, 5)
    weighted = fit_path(X, y, alphas=grid, sample_weight=w, tol=1e-11, **chosen)
    repeated = fit_path(X[rows], y[rows], alphas=grid, tol=1e-11, **chosen)
    np.testing.assert_allclose(weighted.coefs.toarray(), repeated.coefs.toarray(), atol=1e-5)
    np.testing.assert_allclose(weighted.deviance_ratio, repeated.deviance_ratio, atol=5e-6)


def results_do_not_depend_on_threads(case):
    X, y, chosen = problem(case, "everything", n=400)
    paths = [fit_path(X, y, alphas=10, eps=0.01, n_threads=n, **chosen) for n in (1, 2, 3)]
    for other in paths[1:]:
        for name in ("values", "indices", "intercepts", "gaps", "r2"):
            np.testing.assert_array_equal(getattr(paths[0], name), getattr(other, name))


def layouts_agree(case, options):
    """All layouts of one X give one path, to the tolerance."""
    X, y, chosen = problem(case, options)
    layouts = [(layout, dtype) for layout in (*PLAIN, *ODD) for dtype in ("f8", "f4")]
    paths = [fit_path(build(layout, X, dtype=dtype), y, alphas=6, eps=0.05, tol=1e-11, **chosen)
             for layout, dtype in layouts]
    for other in paths[1:]:
        np.testing.assert_allclose(paths[0].coefs.toarray(), other.coefs.toarray(), atol=2e-5)


def path_survives_a_file(case, tmp_path):
    X, y, chosen = problem(case, "offset")
    path = fit_path(X, y, alphas=5, **chosen)
    path.save(tmp_path / "path.npz")
    loaded = LassoPath.load(tmp_path / "path.npz")
    assert loaded.loss == path.loss
    offset = chosen["offset"]
    np.testing.assert_array_equal(loaded.predict(X, offset=offset, kind="mean"),
                                  path.predict(X, offset=offset, kind="mean"))
    np.testing.assert_array_equal(loaded.bound, path.bound)


def folds_are_fits_of_their_rows(case):
    X, y, chosen = problem(case, "plain")
    folds = [(np.delete(np.arange(len(X)), test), test) for test in np.array_split(np.arange(len(X)), 3)]
    result = cross_validate_path(X, y, cv=folds, alphas=5, eps=0.05, tol=1e-12, **chosen)
    for k, (train, test) in enumerate(folds):
        alone = fit_path(X[train], y[train], alphas=result.alphas, tol=1e-12, **chosen)
        target, _ = case.object.target(y, None)
        for index, eta in enumerate(alone.predict(X[test]).T):
            expected = 2 * case.object.deviance(np.ascontiguousarray(eta), target[test]).mean()
            assert result.errors[index, k] == pytest.approx(expected, rel=1e-5)
