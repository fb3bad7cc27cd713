"""The shipped losses keep the contract of a loss, and what is particular to each."""

import re
from decimal import Decimal

import loss_contract as contract
import numpy as np
import pytest
from layouts import PLAIN
from loss_contract import Case

from fastlasso import (
    ConvergenceWarning,
    Gamma,
    Huber,
    LogisticRegression,
    LogLoss,
    NegativeBinomial,
    Poisson,
    SquaredHinge,
    Tweedie,
    alpha_max,
    fit,
    fit_path,
    reweighted_path,
    verify,
)
from fastlasso.losses.risk import Risk
from fastlasso.parallel import Pool
from fastlasso.problem.options import Options
from fastlasso.problem.problem import pose
from fastlasso.solver.base import Goal
from fastlasso.solver.newton import NewtonSolver
from fastlasso.ways import going


def coin(rng, eta):
    y = (rng.random(len(eta)) < 1 / (1 + np.exp(-eta))).astype(float)
    y[:2] = 0, 1
    return y


def compound(rng, eta):
    counts = rng.poisson(np.exp(eta))
    return np.where(counts > 0, rng.gamma(np.maximum(2.0 * counts, 1e-9), 0.5), 0.0)


CASES = [
    Case("log_loss", LogLoss(), (0.0, 0.3, 1.0), coin),
    Case("poisson", Poisson(), (0.0, 1.0, 7.5), lambda rng, eta: rng.poisson(np.exp(eta)) + 0.0),
    Case("gamma", Gamma(), (0.2, 3.0), lambda rng, eta: rng.gamma(2.0, np.exp(eta) / 2) + 1e-3),
    Case(Tweedie(1.4), Tweedie(1.4), (0.0, 0.5, 4.0), compound, exact=False),
    Case(NegativeBinomial(2.0), NegativeBinomial(2.0), (0.0, 3.0),
         lambda rng, eta: rng.negative_binomial(2, 2 / (2 + np.exp(eta))) + 0.0),
    Case(Huber(0.8), Huber(0.8), (-2.0, 0.4), lambda rng, eta: eta + 0.5 * rng.standard_t(2, len(eta))),
    Case("squared_hinge", SquaredHinge(), (-1.0, 1.0), coin),
]
NAMES = [case.object.name for case in CASES]
every_loss = pytest.mark.parametrize("case", CASES, ids=NAMES)


@every_loss
@pytest.mark.parametrize("law", [
    contract.derivative_is_minus_the_residual, contract.curvature_is_the_second_derivative,
    contract.deviance_is_zero_at_its_least, contract.slack_bounds_the_conjugate, contract.slack_of_zero_is_the_deviance,
    contract.first_alpha_leaves_the_empty_model, contract.repeated_rows_are_weights,
    contract.results_do_not_depend_on_threads, contract.folds_are_fits_of_their_rows], ids=lambda law: law.__name__)
def test_laws(case, law):
    law(case)


@every_loss
@pytest.mark.parametrize(("options", "layout", "dtype"), [
    *[(options, PLAIN[0], "f8") for options in contract.OPTIONS],
    *[(options, *layout) for options in ("plain", "everything")
      for layout in ((PLAIN[1], "f4"), (PLAIN[2], "f4"), (PLAIN[3], "f8"))]])
def test_paths_are_certified(case, options, layout, dtype):
    contract.path_is_certified_by_the_judge(case, options, layout, dtype)


@every_loss
@pytest.mark.parametrize("options", ["plain", "everything"])
def test_layouts_agree(case, options):
    contract.layouts_agree(case, options)


@every_loss
def test_files(case, tmp_path):
    contract.path_survives_a_file(case, tmp_path)


@every_loss
@pytest.mark.parametrize("options", ["plain", "weights", "elastic net", "everything"])
def test_sweeps_solve_what_a_gram_matrix_solves(case, options):
    X, y, chosen = contract.problem(case, options)
    exact = fit_path(X, y, alphas=6, eps=0.05, tol=1e-9, **chosen)
    with going(gram_form=False, small=0):
        swept = fit_path(X, y, alphas=exact.alphas, tol=1e-9, **chosen)
    np.testing.assert_allclose(swept.coefs.toarray(), exact.coefs.toarray(), atol=2e-4)


@every_loss
def test_screening_changes_nothing(case):
    X, y, chosen = contract.problem(case, "plain", p=120)
    on, off = (fit_path(X, y, alphas=12, eps=0.05, tol=1e-9, screening=flag, **chosen) for flag in (True, False))
    np.testing.assert_allclose(on.coefs.toarray(), off.coefs.toarray(), atol=2e-4)


@every_loss
def test_a_ridge_path(case):
    """l1_ratio = 0 with more columns than rows: no bound on which columns enter."""
    X, y, chosen = contract.problem(case, "plain", n=40, p=90)
    path = fit_path(X, y, alphas=[1.0, 0.1, 0.01], l1_ratio=0, **chosen)
    assert path.certified.all()
    one = path.fit_at(2)
    assert verify(X, y, one.coef, one.intercept, alpha=0.01, l1_ratio=0, **chosen).relative_gap < 2e-6


@pytest.mark.parametrize("case", CASES[:2], ids=NAMES[:2])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("options", ["plain", "no intercept", "elastic net"])
def test_small_problems_are_solved_as_large_ones(case, dtype, options):
    X, y, chosen = contract.problem(case, options)
    X = np.asarray(X, dtype)
    small = fit_path(X, y, alphas=12, eps=0.02, tol=1e-10, **chosen)
    with going(small=0):
        general = fit_path(X, y, alphas=12, eps=0.02, tol=1e-10, **chosen)
        single = fit(X, y, small.alphas[6], tol=1e-10, **chosen)
    np.testing.assert_allclose(small.alphas, general.alphas, rtol=1e-12)
    np.testing.assert_allclose(small.coefs.toarray(), general.coefs.toarray(), atol=1e-4)
    np.testing.assert_allclose(fit(X, y, small.alphas[6], tol=1e-10, **chosen).coef, single.coef, atol=1e-4)
    assert (small.n_passes == 1).all()      # two ways indeed
    assert general.n_passes[-1] > 1


# ---------------------------------------------------------------- identities


def test_proportions_with_trials_are_the_single_trials():
    rng = np.random.default_rng(0)
    X, trials = rng.standard_normal((40, 12)), rng.integers(1, 6, 40)
    hits = rng.binomial(trials, 1 / (1 + np.exp(-X[:, 0])))
    rows = np.repeat(np.arange(40), trials)
    single = np.concatenate([np.repeat([1.0, 0.0], [h, t - h]) for h, t in zip(hits, trials, strict=True)])
    grid = alpha_max(X[rows], single, loss="log_loss") * np.geomspace(0.9, 0.05, 6)
    a = fit_path(X, hits / trials, loss="log_loss", sample_weight=trials, alphas=grid, tol=1e-11)
    b = fit_path(X[rows], single, loss="log_loss", alphas=grid, tol=1e-11)
    np.testing.assert_allclose(a.coefs.toarray(), b.coefs.toarray(), atol=1e-5)


def test_exposure_as_offset_is_rates_with_exposure_as_weights():
    rng = np.random.default_rng(0)
    X, exposure = rng.standard_normal((60, 12)), rng.uniform(0.2, 5, 60)
    y = rng.poisson(exposure * np.exp(0.5 * X[:, 0]))
    grid = alpha_max(X, y / exposure, loss="poisson", sample_weight=exposure) * np.geomspace(0.9, 0.05, 6)
    rates = fit_path(X, y / exposure, loss="poisson", sample_weight=exposure, alphas=grid, tol=1e-11)
    counts = fit_path(X, y, loss="poisson", offset=np.log(exposure), alphas=grid * exposure.mean(), tol=1e-11)
    np.testing.assert_allclose(rates.coefs.toarray(), counts.coefs.toarray(), atol=1e-5)


@pytest.mark.parametrize("labels", [("no", "yes"), (1, 2), (-1, 1), (False, True), (3.5, 9.0)])
def test_labels_of_any_kind(labels):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 8))
    y = coin(rng, 2 * X[:, 0])
    plain, named = (fit_path(X, t, loss="log_loss", alphas=6) for t in (y, np.array(labels)[y.astype(int)]))
    np.testing.assert_array_equal(plain.values, named.values)
    np.testing.assert_array_equal(named.classes, labels)
    assert set(named.predict(X, alpha=named.alphas[4], kind="class").tolist()) <= set(labels)


def test_squared_error_is_tweedies_neighbour_no_more():
    """Poisson and gamma are the ends of the Tweedie family."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 10))
    y = rng.gamma(2.0, np.exp(0.5 * X[:, 0])) + 0.1
    for name, power in (("poisson", 1 + 1e-7), ("gamma", 2 - 1e-7)):
        grid = alpha_max(X, y, loss=name) * np.geomspace(0.9, 0.1, 4)
        a, b = (fit_path(X, y, loss=loss, alphas=grid, tol=1e-10) for loss in (name, Tweedie(power)))
        np.testing.assert_allclose(a.coefs.toarray(), b.coefs.toarray(), atol=1e-4)


def test_huber_with_a_wide_delta_is_squared_error():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 80))
    y = X[:, 0] + rng.standard_normal(50)
    a, b = (fit_path(X, y, loss=loss, alphas=8, eps=0.05, tol=1e-11) for loss in ("squared_error", Huber(1e3)))
    np.testing.assert_allclose(a.coefs.toarray(), b.coefs.toarray(), atol=1e-5)


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(("loss", "y", "words"), [
    ("poisson", [1.0, 2.0, -1.0, 0.0], r"'poisson' needs y >= 0; y\[2\] is -1.0"),
    ("gamma", [1.0, 0.0, 2.0, 3.0], r"'gamma' needs y > 0; y\[1\] is 0.0"),
    (Tweedie(1.5), [-2.0, 1.0, 1.0, 1.0], r"'tweedie' needs y >= 0; y\[0\] is -2.0"),
    ("log_loss", ["a", "b", "c", "a"], "'log_loss' needs two classes"),
    ("log_loss", [0.0, 0.0, 0.0, 0.0], "samples of both classes"),
    ("log_loss", ["a", "a", "a", "a"], "two classes"),
    ("squared_hinge", [0.0, 1.0, 2.0, 0.0], "'squared_hinge' needs two classes"),
    ("poisson", [0.0, 0.0, 0.0, 0.0], "no minimum where all y"),
    ("poisson", [1.0, np.nan, 0.0, 0.0], "NaN"),
    ("gamma", [1.0, np.inf, 2.0, 3.0], "infinity"),
], ids=str)
def test_a_bad_target_is_named(loss, y, words):
    for function in (lambda: fit_path(np.eye(4), y, loss=loss), lambda: fit(np.eye(4), y, 0.1, loss=loss),
                     lambda: alpha_max(np.eye(4), y, loss=loss)):
        with pytest.raises(ValueError, match=words):
            function()


@every_loss
@pytest.mark.parametrize("size", [300.0, -500.0, 2e4])
def test_an_offset_of_any_size_moves_the_intercept_alone(case, size):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 6))
    y = case.draw(rng, 0.5 * X[:, 0])
    path, moved = (fit_path(X, y, loss=case.loss, alphas=5, eps=0.1, tol=1e-9, offset=np.full(200, offset))
                   for offset in (0, size))
    assert moved.certified.all()
    assert moved.null_objective == pytest.approx(path.null_objective, rel=1e-8)
    np.testing.assert_allclose(moved.alphas, path.alphas, rtol=1e-6)
    np.testing.assert_allclose(moved.intercepts + size, path.intercepts, atol=1e-5)
    np.testing.assert_allclose(moved.coefs.toarray(), path.coefs.toarray(), atol=1e-5)


@pytest.mark.parametrize(("loss", "value"), [("poisson", 5.0), ("poisson", 1 / 3), ("gamma", 5.0), ("tweedie", 0.7),
                                             ("negative_binomial", 5.0), ("log_loss", 0.3), ("huber", 5.0)])
@pytest.mark.parametrize("shape", [(400, 5), (60, 900)], ids=str)
@pytest.mark.parametrize("options", [{}, {"l1_ratio": 0.5}, {"lower": -0.1}, {"free": 1}, {"weights": 3}, {"o": 0.3}],
                         ids=str)
def test_a_constant_target_leaves_the_empty_model(loss, value, shape, options):
    """P(0) is 0, not what rounding of the scores makes of it."""
    (n, p), options = shape, dict(options)
    if options.pop("free", 0):
        options["penalty_factor"] = np.arange(p) > 0
    if options.pop("weights", 0):
        options["sample_weight"] = np.arange(n) % 3
    if o := options.pop("o", 0.0):
        options["offset"] = np.full(n, o)
    X, y = np.random.default_rng(0).standard_normal(shape), np.full(n, value)
    path, one = fit_path(X, y, loss=loss, alphas=4, **options), fit(X, y, 0.1, loss=loss, **options)
    assert path.null_objective == 0
    assert path.certified.all()
    assert not path.df.any()
    assert not path.deviance_ratio.any()
    assert (one.gap, np.count_nonzero(one.coef)) == (0, 0)
    mean = one.predict(X[:1], kind="mean", offset=np.full(1, o) if o else None)[0]
    assert mean == pytest.approx(value)
    assert not fit_path(X, y, loss=loss, alphas=2, **options).df.any()


def test_factors_settle_at_once_on_a_constant_target():
    X = np.random.default_rng(0).standard_normal((60, 6))
    path = reweighted_path(X, np.full(60, 7.0), loss=NegativeBinomial(2.0), alphas=3)       # no warning
    assert path.certified.all()


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e4, 1e9])
def test_huber_in_any_unit(unit):
    """Incomes: the median, where the search begins, is many thousand units from the best intercept."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 5))
    y = np.exp(0.5 + 0.3 * X[:, 0] + 0.8 * rng.standard_normal(400))
    one = fit(X, y, 0.01, loss=Huber(2.0), tol=1e-9)
    other = fit(X, y * unit, 0.01 * unit, loss=Huber(2.0 * unit), tol=1e-9)
    assert other.certified
    np.testing.assert_allclose(other.coef / unit, one.coef, atol=1e-5)
    assert other.null_objective / unit**2 == pytest.approx(one.null_objective)
    assert other.gap <= 1e-9 * other.null_objective


def test_an_intercept_between_two_groups_of_outliers():
    """No residual is within the bend of the loss on the way: Newton's steps have no curvature."""
    y = np.r_[np.full(100, -1e6), 0.25, np.full(100, 1e6)]
    one = fit(np.zeros((201, 1)), y, 0.1, loss=Huber(1.0))
    assert one.intercept == pytest.approx(0.25)


MISSING = {
    "None": lambda yes: np.where(yes, "a", None), "list": lambda yes: ["a" if one else None for one in yes],
    "NaN among words": lambda yes: np.where(yes, "a", np.array(np.nan, object)),
    "NaT": lambda yes: np.where(yes, np.datetime64("2020-01-01"), np.datetime64("NaT")),
    "boolean": lambda yes: pytest.importorskip("pandas").Series(np.where(yes, True, None), dtype="boolean"),
    "string": lambda yes: pytest.importorskip("pandas").Series(np.where(yes, "a", None), dtype="string"),
    "NaN in a list of words": lambda yes: ["a" if one else float("nan") for one in yes],
    "NaN in a tuple": lambda yes: tuple("a" if one else float("nan") for one in yes),
    "Decimal": lambda yes: np.array([Decimal(1) if one else Decimal("nan") for one in yes], object),
    "category": lambda yes: pytest.importorskip("pandas").Series(np.where(yes, "a", None), dtype="category"),
}


@pytest.mark.parametrize("kind", MISSING)
@pytest.mark.parametrize("loss", ["log_loss", "squared_hinge"])
def test_a_missing_label_is_no_class(kind, loss):
    X, y = np.random.default_rng(0).standard_normal((40, 3)), MISSING[kind](np.arange(40) % 7 != 3)
    with pytest.raises(ValueError, match=r"y\[3\] is missing"):
        fit(X, y, 0.05, loss=loss)
    if isinstance(y, list | tuple):
        with pytest.raises(ValueError, match="missing"):
            verify(X, y, np.zeros(3), alpha=0.05, loss=loss)
        with pytest.raises(ValueError, match=r"NaN|missing|None"):
            LogisticRegression(l1_ratio=1.0).fit(X, y)


@pytest.mark.parametrize("kind", ["score", "mean", "class"])
def test_a_missing_feature_has_no_prediction(kind):
    X = np.random.default_rng(0).standard_normal((40, 3))
    path = fit_path(X, X[:, 0] > 0, loss="log_loss", alphas=3)
    X[5, 1] = np.nan
    for predict in (path.fit_at(2).predict, lambda X, kind: path.predict(X, path.alphas[2], kind=kind)):
        with pytest.raises(ValueError, match="row 5"):
            predict(X, kind=kind)


def test_complex_labels_are_refused():
    X = np.random.default_rng(0).standard_normal((40, 3))
    with pytest.raises(ValueError, match="complex"):
        fit(X, (X[:, 0] > 0) + 0j, 0.05, loss="log_loss")


def test_classes_that_are_dates_or_long_words_are_saved(tmp_path):
    X = np.random.default_rng(0).standard_normal((40, 3))
    days = np.where(X[:, 0] > 0, np.datetime64("2020-01-01"), np.datetime64("2021-01-01"))
    words = np.where(X[:, 0] > 0, "a", "b")
    variable = words.tolist()
    if hasattr(np.dtypes, "StringDType"):
        variable = np.array(variable, np.dtypes.StringDType())
    for labels, classes in ((days, np.unique(days)), (variable, ["a", "b"])):
        path = fit_path(X, labels, loss="log_loss", alphas=3)
        path.save(tmp_path / "path.npz")
        np.testing.assert_array_equal(type(path).load(tmp_path / "path.npz").classes, classes)


def test_one_class_among_rows_of_positive_weight():
    with pytest.raises(ValueError, match="both classes"):
        fit_path(np.eye(4), [0, 1, 1, 1], loss="log_loss", sample_weight=[0, 1, 1, 1])


@pytest.mark.parametrize("loss", ["hinge", 3, None])
def test_an_unknown_loss(loss):
    with pytest.raises((ValueError, TypeError), match="loss must be"):
        fit_path(np.eye(4), [0, 1, 0, 1], loss=loss)


@pytest.mark.parametrize("make", [lambda: Tweedie(1.0), lambda: Tweedie(2.5), lambda: Huber(0.0),
                                  lambda: NegativeBinomial(-1.0)])
def test_parameters_outside_their_range(make):
    with pytest.raises(ValueError, match="must be"):
        make()


def test_unpenalised_columns_that_separate_the_classes():
    """There is no minimum: a warning, a finite answer, and no certificate."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 6))
    y = (X[:, 0] > 0).astype(int)
    with pytest.warns(ConvergenceWarning, match="no minimum"):
        one = fit(X, y, 0.05, loss="log_loss", penalty_factor=[0, 1, 1, 1, 1, 1])
    assert np.isfinite([*one.coef, one.intercept]).all()
    assert not one.certified


@every_loss
def test_a_claim_counts_what_columns_at_their_only_bound_gain_together(case):
    """Opposite columns but for a tenth, both pulled up from 0: alone they gain next to nothing, together a lot.

    Every row comes twice, with u of either sign, so that u itself has nothing to do with y. Nothing is claimed where a
    dual point that is orthogonal to both leaves the domain of the loss.
    """
    rng = np.random.default_rng(0)
    (u, v), twice = rng.standard_normal((2, 100)), np.tile(np.arange(100), 2)
    y, u = case.draw(rng, 0.5 * v)[twice], np.where(np.arange(200) < 100, 1.0, -1.0) * u[twice]
    X = 0.1 * v[twice, None] + np.column_stack([u, -u])
    best = fit(X, y, 0.0, loss=case.loss, lower=0.0, tol=1e-9)
    with Pool(1) as pool:
        solver = NewtonSolver(pose(X, y, Options(loss=case.loss, lower=0.0), pool), Goal(0.0, 100, True))
        solver.trail = [solver._empty(0.0)]
        solver._add(np.arange(2))
        solver._keep_model(solver.problem.loss.local(solver.last.point.eta, pool)[1], 0, False)
        claimed = solver._standing(0.0, solver.last.point).gap
    gain = best.null_objective - verify(X, y, best.coef, best.intercept, alpha=0.0, loss=case.loss, lower=0.0).primal
    assert (best.coef > 0).all()
    assert best.certified
    assert gain <= claimed
    assert claimed < 3 * gain or np.isinf(claimed)


def test_scores_that_overflow_are_refused():
    with pytest.raises(ValueError, match="overflows"):
        fit_path(np.eye(4), [1.0, 2.0, 3.0, 4.0], loss="poisson", offset=[800.0, 0.0, 0.0, -800.0], fit_intercept=False)


def test_a_limit_of_the_share_explained():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 30))
    y = coin(rng, 2 * X[:, 0])
    path = fit_path(X, y, loss="log_loss", max_deviance_ratio=0.2)
    assert path.status == "r2"
    assert path.deviance_ratio[-1] > 0.2 >= path.deviance_ratio[-2]
    with pytest.raises(ValueError, match="two names"):
        fit_path(X, y, loss="log_loss", max_deviance_ratio=0.2, max_r2=0.2)


def test_a_point_between_grid_points_is_solved():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 20))
    y = coin(rng, X[:, 0])
    path = fit_path(X, y, loss="log_loss", alphas=10)
    alpha = 0.7 * path.alphas[3] + 0.3 * path.alphas[4]
    assert path.at(alpha).certified
    assert path.at(alpha).alpha == alpha


def test_information_criteria_count_the_deviance():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((150, 10))
    y = rng.poisson(np.exp(0.6 * X[:, 0]))
    path = fit_path(X, y, loss="poisson")
    deviance = 2 * 150 * path.null_objective * (1 - path.deviance_ratio)
    np.testing.assert_allclose(path.criterion("bic"), deviance + np.log(150) * path.df)
    assert np.flatnonzero(path.fit_at(path.select("bic")).coef).tolist() == [0]


def test_degrees_of_freedom_of_an_elastic_net():
    """tr (H + alpha l2)^-1 H, H the second derivative of the mean deviance in the coefficients in use."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((150, 6))
    y = coin(rng, X[:, 0] - X[:, 1])
    path = fit_path(X, y, loss="log_loss", l1_ratio=0.5, alphas=4, eps=0.1, tol=1e-10)
    df = path.effective_df()
    for k, alpha in enumerate(path.alphas):
        one = path.fit_at(k)
        used = one.coef != 0
        mu = one.predict(X, kind="mean")
        d = mu * (1 - mu) / len(X)
        A = X[:, used] - d @ X[:, used] / d.sum()
        H = (A * d[:, None]).T @ A
        expected = np.trace(np.linalg.solve(H + 0.5 * alpha * np.eye(used.sum()), H)) if used.any() else 0
        assert df[k] == pytest.approx(expected, rel=1e-6)


def test_residuals_whose_squares_underflow_are_balanced():
    """Their norm is 0 where their mean is not: rounds of balancing once went on for ever."""
    risk = Risk(Poisson(), np.ones(3), None, None, None, True)
    tiny = np.array([1e-170, 2e-170, 4e-170])
    risk.balance(tiny, np.full(3, 0.3), 0.3, None)
    assert abs(tiny.mean()) <= 1e-185


@pytest.mark.parametrize("loss", ["poisson", "gamma", Huber(0.8), NegativeBinomial(2.0)], ids=str)
@pytest.mark.parametrize("y", [np.arange(6) > 2, np.array(list("aabbab"))], ids=["booleans", "text"])
def test_the_loss_is_named_where_y_holds_classes(loss, y):
    name = getattr(loss, "name", loss)
    with pytest.raises(TypeError, match=re.escape(f"under loss={name!r}")):
        fit(np.eye(6), y, 0.1, loss=loss)


def test_a_row_of_weight_zero_may_have_an_infinite_slack():
    y, weights = np.array([1.0, 2.0, 0.0, 4.0]), np.array([1.0, 1.0, 0.0, 1.0]) / 3
    with Pool(1) as pool:
        risk = Risk.of(Poisson(), y, None, weights, True, pool)
        eta, theta = np.zeros(4), np.array([0.5, 0.5, 3.0, 0.5])        # m = y - theta = -3 where the weight is 0
        counted = weights > 0
        assert risk.loss.slack(eta, y, theta)[2] == np.inf
        expected = weights[counted] @ risk.loss.slack(eta[counted], y[counted], theta[counted])
        np.testing.assert_allclose(risk.slack(eta, theta, pool), expected, rtol=1e-15)
        theta[0] = 3.0      # and here it is not
        assert risk.slack(eta, theta, pool) == np.inf


def test_a_dual_point_is_balanced_beside_a_row_of_weight_zero_of_any_score():
    """The square of exp(400) overflows: the norm that says what is rounding was NaN, and the mean stayed as it was."""
    y, weights = np.array([1.0, 2.0, 0.0, 4.0]), np.array([1.0, 1.0, 0.0, 1.0]) / 3
    with Pool(1) as pool:
        risk = Risk.of(Poisson(), y, None, weights, True, pool)
        theta, d = risk.local(np.array([0.1, 0.5, 400.0, 1.5]), pool)
        assert (theta[2], d[2]) == (0, 0)
        assert abs(weights @ theta) > 0.01
        risk.balance(theta, d, weights @ d, pool)
        assert abs(weights @ theta) < 1e-15


def test_ridge_on_columns_of_all_sizes_has_a_minimum_beside_a_constant_column():
    """The solver once tried a ridge part of 1, found the classes nearly separated, and gave up the alphas of 1e12."""
    X = np.random.default_rng(0).standard_normal((5, 70)) * 10.0 ** np.linspace(-5, 6, 70)
    X[:, 3] = 1.0
    path = fit_path(X, [0, 1, 1, 1, 1], loss="log_loss", l1_ratio=0, alphas=6, tol=1e-3)
    assert path.certified.all()
