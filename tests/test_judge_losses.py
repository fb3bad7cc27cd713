"""The judge's losses of rows: their formulas in 40 digits, their gaps against a slow solver, their targets."""

import math
import warnings
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from fuzz_judge import NAMES, WITH_PARAMETER, judge, loss_of, random_target
from mpmath import mp
from oracles import RowProblem, unit_loss, xlogx
from scipy import sparse

from fastlasso.judge import newton_dual, registry, support_proof, verify
from fastlasso.judge.entropy import relative_entropy
from fastlasso.losses.base import Loss

PARAMETER = {"tweedie": 1.4, "huber": 0.8, "negative_binomial": 2.5}
LOSSES = {name: loss_of(name, PARAMETER.get(name)) for name in NAMES}
N, P = 25, 8


@pytest.fixture(autouse=True)
def no_warning_from_numpy():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def twin(name):
    return registry.find_loss(LOSSES[name])


# ---------------------------------------------------------------- formulas, in 40 digits


def conjugate(name, k, y, theta):
    """f*(-theta) of half the unit deviance, in mpmath's digits."""
    y, theta = mp.mpf(float(y)), mp.mpf(theta)
    m = y - theta
    if name == "log_loss":
        return xlogx(m) + xlogx(1 - m) - xlogx(y) - xlogx(1 - y)
    if name == "poisson":
        return xlogx(m) - m - xlogx(y) + y
    if name == "gamma":
        a = 1 + theta
        return a * mp.log(a / y) - a + mp.log(y) + 1 if a else mp.log(y) + 1
    if name == "tweedie":
        eta = mp.findroot(lambda e: mp.diff(lambda t: unit_loss(name, k, y, t), e) + theta, mp.log(max(m, y, 0.01)))
        return -theta * eta - unit_loss(name, k, y, eta)
    if name == "negative_binomial":
        k = mp.mpf(k)
        q = m / (y + k)
        whole = (y + k) * (xlogx(q) + xlogx(1 - q)) + m * mp.log(k)
        return whole - xlogx(y) + (y + k) * mp.log(y + k) - mp.log(k) * (y + k)
    if name == "huber":
        return theta * theta / 2 - theta * y
    return theta * theta / 2 - y * theta


def triples(name, count=60):
    """(y, eta, change): rows, scores, and changes of rho that stay in the domain, from tiny to its width."""
    rng = np.random.default_rng(1)
    y = random_target(rng, name, rng.standard_normal(count))
    eta = rng.standard_normal(count) * rng.choice([0.1, 1.0, 4.0], count)
    rho = twin(name).residual(y, eta)
    low, high = twin(name).domain(y)
    low, high = np.maximum(low, rho - 5 - np.abs(rho)), np.minimum(high, rho + 5 + np.abs(rho))
    inner = low + (high - low) * rng.uniform(0.001, 0.999, count)
    change = (rho - inner) * 10.0 ** rng.choice([-14, -10, -6, -3, -1, 0], count)
    return y, eta, change


@pytest.mark.parametrize("name", NAMES)
def test_value_and_derivatives_are_those_of_the_definition(name):
    y, eta, _ = triples(name)
    loss, k = twin(name), PARAMETER.get(name)
    value, rho, curvature = loss.value(y, eta), loss.residual(y, eta), loss.curvature(y, eta)
    with mp.workdps(40):
        for i in range(len(y)):
            def f(t, i=i):
                return unit_loss(name, k, y[i], t)
            assert value[i] == pytest.approx(float(f(eta[i])), rel=1e-12, abs=1e-15)
            assert rho[i] == pytest.approx(-float(mp.diff(f, eta[i])), rel=1e-11, abs=1e-14)
            assert curvature[i] == pytest.approx(float(mp.diff(f, eta[i], 2)), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_slack_is_primal_minus_dual_to_the_last_digits(name):
    """Of theta = rho - change with the exact rho, however near the two are."""
    y, eta, change = triples(name)
    slack, k = twin(name).slack(y, eta, change), PARAMETER.get(name)
    with mp.workdps(60):
        for i in range(len(y)):
            theta = -mp.diff(lambda t, i=i: unit_loss(name, k, y[i], t), mp.mpf(eta[i])) - mp.mpf(change[i])
            exact = unit_loss(name, k, y[i], eta[i]) + conjugate(name, k, y[i], theta) + theta * mp.mpf(eta[i])
            assert slack[i] == pytest.approx(float(exact), rel=1e-11, abs=1e-34), (y[i], eta[i], change[i])


@pytest.mark.parametrize("name", NAMES)
def test_slack_at_the_ends_of_the_domain_and_of_theta_0(name):
    y, eta, _ = triples(name)
    loss = twin(name)
    for end in loss.domain(y):
        change = loss.residual(y, eta) - np.where(np.isfinite(end), end, 0.0)
        assert np.isfinite(loss.slack(y, eta, change)).all()
        assert (loss.slack(y, eta, change) >= 0).all()
    np.testing.assert_allclose(loss.slack(y, eta, loss.residual(y, eta)), loss.value(y, eta), rtol=1e-11, atol=1e-16)


@pytest.mark.parametrize("mean", [1e-300, 1e-5, 1.0, 1e5])
def test_relative_entropy_keeps_its_digits(mean):
    shares = np.r_[-1.0, -1 + 1e-9, -0.5, -0.051, -0.049, -1e-9, 0.0, 1e-12, 0.049, 0.051, 1.0, 1e9, 1e250]
    shares = shares[shares * mean < 1e300]
    value = relative_entropy(shares * mean, np.full_like(shares, mean), np.full_like(shares, math.log(mean)))
    with mp.workdps(400):
        for share, v in zip(shares, value, strict=True):
            m, mu = mp.mpf(share * mean) + mp.mpf(mean), mp.mpf(mean)
            exact = m * mp.log(m / mu) - m + mu if m > 0 else mu
            assert v == pytest.approx(float(exact), rel=1e-12, abs=1e-12 * mean if mean < 1e-290 else 0)


# ---------------------------------------------------------------- gaps, against a slow solver


def options_of(kind):
    rng = np.random.default_rng(5)
    weight = np.r_[1.0, 2.0, rng.integers(0, 4, N - 2)]
    factor = np.where(np.arange(P) % 3 == 1, 0.0, np.where(np.arange(P) == 5, math.inf, 1.0))
    return {
        "plain": {},
        "no_intercept": {"fit_intercept": False},
        "weights_offset": {"sample_weight": weight, "offset": rng.standard_normal(N)},
        "factors": {"penalty_factor": factor, "sample_weight": weight},
        "factors_no_intercept": {"penalty_factor": factor, "fit_intercept": False},
        "bounds": {"lower": -0.1, "upper": np.where(np.arange(P) % 2, 0.0, 0.2)},
        "unpenalised_bounds": {"penalty_factor": factor, "lower": 0.0, "upper": 0.3},
        "enet": {"l1_ratio": 0.5, "offset": rng.standard_normal(N)},
        "enet_standardize": {"l1_ratio": 0.8, "standardize": True, "penalty_factor": factor},
        "ridge": {"l1_ratio": 0.0},
    }[kind]


KINDS = ("plain", "no_intercept", "weights_offset", "factors", "factors_no_intercept", "bounds", "unpenalised_bounds",
         "enet", "enet_standardize", "ridge")


@cache
def solved(name, kind):
    """(RowProblem, arguments, X, coef, intercept, P there in 40 digits)."""
    rng = np.random.default_rng(7)
    X = rng.standard_normal((N, P)) * (rng.random((N, P)) < 0.7)
    y = random_target(rng, name, X[:, :3] @ [1.0, -0.7, 0.5] + 0.3)
    options = options_of(kind)
    problem = RowProblem(name, PARAMETER.get(name), X, y, 0.05, options)
    coef, intercept = problem.solve()
    with mp.workdps(40):
        return problem, {"alpha": 0.05, "loss": LOSSES[name], **options}, X, coef, intercept, problem.exact_objective(
            coef, intercept)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_gap_bounds_the_suboptimality_and_vanishes_at_the_optimum(name, kind, make):
    problem, given, X, coef, intercept, best = solved(name, kind)
    rng = np.random.default_rng(8)
    exact = verify(make(X), problem.y, coef, intercept, **given)
    assert exact.relative_gap < 2e-12
    assert exact.kkt_violation < 1e-5
    for size in (1e-9, 1e-6, 1e-3, 0.1, 1.0):
        near = np.clip(coef + size * rng.standard_normal(P), problem.lower, problem.upper)
        b0 = intercept + size * problem.fit_intercept
        found = verify(make(X), problem.y, near, b0, **given)
        with mp.workdps(40):
            reached = problem.exact_objective(near, b0)
            assert mp.mpf(found.gap) >= reached - best
            assert mp.mpf(found.dual) <= best + mp.mpf(10) ** -15
        assert found.primal == pytest.approx(float(reached), rel=1e-12)
        assert found.gap == pytest.approx(found.primal - found.dual, rel=1e-8, abs=1e-12)
        if size < 1e-2:
            assert found.gap <= 3 * float(reached - best) + 1e-12, "a Newton step is sharp"


@pytest.mark.parametrize("name", NAMES)
def test_a_newton_step_is_sharper_than_the_residual(name, monkeypatch):
    problem, given, X, coef, intercept, best = solved(name, "plain")
    near = np.where(coef == 0, 0.0, coef + 1e-4)
    by_newton = verify(X, problem.y, near, intercept, **given)
    monkeypatch.setattr(newton_dual, "MODEL_COLUMNS", 0)
    by_residual = verify(X, problem.y, near, intercept, **given)
    assert (by_newton.bound, by_residual.bound) == ("newton", "residual")
    with mp.workdps(40):
        true = float(problem.exact_objective(near, intercept) - best)
    assert true <= by_newton.gap < by_residual.gap


@pytest.mark.parametrize("kind", ["plain", "no_intercept", "enet", "weights_offset"])
@pytest.mark.parametrize("name", NAMES)
def test_support_proof_decides_near_the_optimum_and_never_wrongly(name, kind):
    problem, given, X, coef, intercept, _ = solved(name, kind)
    rng, decided = np.random.default_rng(9), 0
    for size in (0.0, 1e-6, 1e-3, 1e-2, 0.1):
        near = coef + size * rng.standard_normal(P) * (rng.random(P) < 0.5)
        proof = support_proof(sparse.csr_array(X), problem.y, near, intercept, **given)
        assert ((proof == 1) == (near != 0)).all()
        assert not ((proof == 0) & (np.abs(coef) > 1e-6)).any()
        decided += np.sum(proof[coef == 0] == 0) if size == 0 else 0
    assert decided == np.sum(coef == 0)


@pytest.mark.parametrize("seed", range(14))
def test_random_problems_are_never_violated(seed):
    """Some of `fuzz_judge.py`."""
    assert not [text for kind, text, _ in judge(seed) if kind != "ratio"]


def test_gap_of_scikit_learns_ridge_models():
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(3)
    X, weight = rng.standard_normal((60, 5)), rng.random(60)
    y = rng.poisson(np.exp(X[:, 0])) * rng.gamma(2, 0.5, 60)
    given = {"alpha": 0.1, "l1_ratio": 0.0, "sample_weight": weight}
    for model, loss, target in (
            (linear_model.PoissonRegressor(alpha=0.1, tol=1e-9, solver="newton-cholesky"), "poisson", y),
            (linear_model.GammaRegressor(alpha=0.1, tol=1e-9, solver="newton-cholesky"), "gamma", y + 0.1),
            (linear_model.TweedieRegressor(power=1.4, link="log", alpha=0.1, tol=1e-9, solver="newton-cholesky"),
             LOSSES["tweedie"], y)):
        model.fit(X, target, sample_weight=weight)
        found = verify(X, target, model.coef_, model.intercept_, loss=loss, **given)
        assert found.relative_gap < 1e-12
        assert 1 - (found.primal - 0.05 * model.coef_ @ model.coef_) / found.null_objective == pytest.approx(
            model.score(X, target, sample_weight=weight))


# ---------------------------------------------------------------- identities


FIELDS = ("primal", "dual", "gap", "null_objective", "kkt_violation")


def assert_same(one, other, rel=1e-9):
    for field in FIELDS:
        assert getattr(one, field) == pytest.approx(getattr(other, field), rel=rel, abs=1e-14), field


@pytest.mark.parametrize("name", NAMES)
def test_weight_two_is_the_row_twice(name):
    problem, given, X, coef, intercept, _ = solved(name, "weights_offset")
    weight = given["sample_weight"].astype(int)
    again = np.repeat(np.arange(N), weight)
    repeated = {**given, "sample_weight": None, "offset": given["offset"][again]}
    for b in (coef, coef + 1e-4):
        assert_same(verify(X, problem.y, b, intercept, **given),
                    verify(X[again], problem.y[again], b, intercept, **repeated))


def test_proportions_weighted_by_trials_are_repeated_rows():
    """Of the distances: a proportion's loss is less by its entropy."""
    rng = np.random.default_rng(2)
    X, trials = rng.standard_normal((20, 4)), rng.integers(1, 6, 20)
    successes = rng.binomial(trials, 0.4)
    rows = np.repeat(np.arange(20), trials)
    y = np.concatenate([np.r_[np.ones(s), np.zeros(t - s)] for s, t in zip(successes, trials, strict=True)])
    coef, intercept = RowProblem("log_loss", None, X[rows], y, 0.05, {}).solve()
    coef[0] += 1e-3
    by_share = verify(X, successes / trials, coef, intercept, alpha=0.05, sample_weight=trials, loss="log_loss")
    by_row = verify(X[rows], y, coef, intercept, alpha=0.05, loss="log_loss")
    assert by_share.gap == pytest.approx(by_row.gap, rel=1e-6)
    assert by_share.kkt_violation == pytest.approx(by_row.kkt_violation, rel=1e-9)
    share = successes / trials
    with mp.workdps(30):
        entropy = sum(int(t) * (xlogx(mp.mpf(float(s))) + xlogx(1 - mp.mpf(float(s))))
                      for t, s in zip(trials, share, strict=True)) / int(trials.sum())
    assert by_share.primal - by_row.primal == pytest.approx(float(entropy), rel=1e-9)


def test_counts_with_an_exposure_are_rates_with_weights():
    rng = np.random.default_rng(2)
    X, exposure = rng.standard_normal((20, 4)), rng.uniform(0.5, 3, 20)
    y = rng.poisson(exposure)
    coef, intercept = RowProblem("poisson", None, X, y, 0.05, {"offset": np.log(exposure)}).solve()
    coef[0] += 1e-3
    counts = verify(X, y, coef, intercept, alpha=0.05, offset=np.log(exposure), loss="poisson")
    mean = exposure.mean()
    rates = verify(X, y / exposure, coef, intercept, alpha=0.05 / mean, sample_weight=exposure, loss="poisson")
    for field in ("primal", "gap", "null_objective"):
        assert getattr(counts, field) == pytest.approx(mean * getattr(rates, field), rel=1e-7)


@pytest.mark.parametrize(("name", "mean"), [
    ("poisson", lambda y, o: math.log(y.mean() / np.exp(o).mean())),
    ("gamma", lambda y, o: math.log(np.mean(y * np.exp(-o)))),
])
def test_null_objective_has_a_closed_form_with_an_offset(name, mean):
    rng = np.random.default_rng(2)
    y, offset = rng.poisson(3, 20) + 1.0, rng.standard_normal(20)
    found = verify(np.zeros((20, 1)), y, [0.0], 0.0, alpha=1.0, offset=offset, loss=name)
    best = verify(np.zeros((20, 1)), y, [0.0], mean(y, offset), alpha=1.0, offset=offset, loss=name)
    assert found.null_objective == pytest.approx(best.primal, rel=1e-14)
    assert best.relative_gap < 1e-14


def test_kkt_violation_has_the_units_of_the_penalty():
    """One column, the intercept at its best: x.(y - mu) / n beyond alpha, in units of alpha."""
    x, y = np.array([-1.0, -1.0, 1.0, 1.0]), np.array([1.0, 0.0, 1.0, 1.0])
    found = verify(x[:, None], y, [0.0], 7.0, alpha=0.1, loss="log_loss")
    assert found.kkt_violation == pytest.approx((x @ (y - 0.75) / 4 - 0.1) / 0.1)
    assert found.null_objective == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))


# ---------------------------------------------------------------- targets


@pytest.mark.parametrize("name", ["log_loss", "squared_hinge"])
@pytest.mark.parametrize("labels", [("a", "b"), (1, 2), (-1, 1), (False, True), (0, 1), (5.0, 7.5)])
def test_two_classes_may_have_any_labels(name, labels):
    X = np.random.default_rng(0).standard_normal((12, 2))
    second = np.arange(12) % 3 == 0
    y = np.where(second, labels[1], labels[0])
    expected = verify(X, np.where(second, 1, 0), [0.5, 0.1], 0.2, alpha=0.1, loss=name)
    assert verify(X, y, [0.5, 0.1], 0.2, alpha=0.1, loss=name) == expected
    assert verify(X, list(y), [0.5, 0.1], 0.2, alpha=0.1, loss=name) == expected


@pytest.mark.parametrize(("loss", "y", "words"), [
    ("log_loss", [0, 0, 0, 0], "log_loss needs two classes; y is 0"),
    ("log_loss", [1.0, 1.0, 1.0, 1.0], "log_loss needs two classes; y is 1"),
    ("log_loss", ["a", "a", "a", "a"], "log_loss needs two classes; y is a"),
    ("log_loss", [0, 1, 0, 3], r"log_loss needs two classes, or numbers within \[0, 1\]; y\[3\] is 3"),
    ("log_loss", [0.2, 0.5, 1.5, 0.1], r"log_loss needs .* y\[2\] is 1.5"),
    ("squared_hinge", ["a", "b", "a", "c"], r"squared_hinge needs two classes; y\[3\] is 'c'"),
    ("squared_hinge", [1, 1, 1, 1], "squared_hinge needs two classes"),
    ("poisson", [0, 1, 2, -1], r"poisson needs y >= 0; y\[3\] is -1.0"),
    ("gamma", [1, 2, 0, 3], r"gamma needs y > 0; y\[2\] is 0.0"),
    ("tweedie", [1, -2, 0, 3], r"tweedie needs y >= 0; y\[1\] is -2.0"),
    ("negative_binomial", [1, -2, 0, 3], r"negative_binomial needs y >= 0; y\[1\] is -2.0"),
    ("poisson", [0, 1, math.nan, 1], "y contains NaN"),
    ("huber", [0, 1, math.inf, 1], "y contains infinity"),
    ("poisson", [0, 1, 1], "y has shape"),
])
def test_bad_targets_are_named(loss, y, words):
    for call in (verify, support_proof):
        with pytest.raises(ValueError, match=words):
            call(np.eye(4), y, np.zeros(4), alpha=0.1, loss=LOSSES[loss])


@pytest.mark.parametrize(("loss", "words"), [
    ("logistic", "must be one of gamma, huber, log_loss"),
    (None, "must be one of"),
    (3, "must be one of"),
    (WITH_PARAMETER["tweedie"](2.0), "power must be between 1 and 2"),
    (WITH_PARAMETER["tweedie"](1.0), "power must be between 1 and 2"),
    (WITH_PARAMETER["huber"](0.0), "delta must be positive"),
    (WITH_PARAMETER["negative_binomial"](math.inf), "k must be positive"),
    (WITH_PARAMETER["huber"], "must be one of"),
])
def test_bad_losses_are_named(loss, words):
    with pytest.raises(ValueError, match=words):
        verify(np.eye(4), [1.0, 2.0, 3.0, 4.0], np.zeros(4), alpha=0.1, loss=loss)


def test_a_loss_may_be_a_name_or_an_object():
    X, y = np.random.default_rng(0).standard_normal((12, 2)), np.arange(12.0)
    given = {"alpha": 0.1, "coef": [1.0, 0.0]}
    for name, usual in (("huber", 1.35), ("tweedie", 1.5), ("negative_binomial", 1.0)):
        assert verify(X, y, loss=name, **given) == verify(X, y, loss=WITH_PARAMETER[name](usual), **given)
        assert verify(X, y, loss=name, **given) == verify(X, y, loss=Loss.kinds[name](), **given)

    @dataclass(frozen=True)
    class SquaredError:
        name = "squared_error"

    assert verify(X, y, loss=SquaredError(), **given) == verify(X, y, **given)


def test_a_loss_of_ones_own_is_registered_by_one_call(monkeypatch):
    monkeypatch.setattr(registry, "TWINS", dict(registry.TWINS))
    poisson = registry.TWINS["poisson"]

    @dataclass(frozen=True)
    class Counts(poisson):
        name = "counts"
        least: float = 0.0

    registry.register("counts", Counts)
    X, y = np.random.default_rng(0).standard_normal((12, 2)), np.arange(12.0)
    assert verify(X, y, [0.1, 0.0], alpha=0.1, loss="counts") == verify(X, y, [0.1, 0.0], alpha=0.1, loss="poisson")
    assert verify(X, y, [0.1, 0.0], alpha=0.1, loss=Counts(least=1.0)).gap > 0


# ---------------------------------------------------------------- hard numbers


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [30.0, 1e3, 1e6, 1e200])
def test_scores_that_overflow_get_a_finite_or_infinite_answer_but_no_other(name, size):
    problem, given, X, coef, intercept, best = solved(name, "plain")
    for direction in (np.ones(P), -np.ones(P), coef):
        found = verify(X, problem.y, size * direction, intercept, **given)
        assert not any(math.isnan(v) for v in vars(found).values() if not isinstance(v, str))
        assert found.gap > 0
        assert found.dual <= float(best) * (1 + 1e-12)
        assert set(support_proof(X, problem.y, size * direction, intercept, **given)) <= {-1, 0, 1}
        assert found.primal >= found.gap * (1 - 1e-9)


@pytest.mark.parametrize("name", ["poisson", "negative_binomial", "tweedie"])
def test_a_target_of_zeros_has_nothing_to_certify(name):
    """P(0) = 0 at an intercept of minus infinity; without one the problem is like any other."""
    X = np.random.default_rng(0).standard_normal((12, 2))
    found = verify(X, np.zeros(12), [0.1, 0.0], -3.0, alpha=0.1, loss=LOSSES[name])
    assert found.gap == pytest.approx(found.primal)
    assert found.dual == 0
    given = {"alpha": 0.1, "fit_intercept": False, "loss": LOSSES[name]}
    problem = RowProblem(name, PARAMETER.get(name), X, np.zeros(12), 0.1, given)
    assert verify(X, np.zeros(12), problem.solve()[0], **given).relative_gap < 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_no_weight_do_not_matter(name):
    problem, given, X, coef, intercept, _ = solved(name, "plain")
    weight = np.r_[np.ones(N), 0.0, 0.0]
    wild = np.vstack([X, np.full((2, P), 1e6)])
    y = np.r_[problem.y, problem.y[:2]]
    assert_same(verify(wild, y, coef + 0.01, intercept, sample_weight=weight, **given),
                verify(X, problem.y, coef + 0.01, intercept, **given), rel=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_out_of_bounds_is_infinite_but_the_dual_remains(name):
    problem, given, X, coef, intercept, best = solved(name, "bounds")
    found = verify(X, problem.y, coef + 1, intercept, **given)
    assert found.primal == found.gap == found.kkt_violation == math.inf
    assert 0 <= found.dual <= float(best) * (1 + 1e-12)


def test_separated_classes_by_unpenalised_columns_end_in_an_honest_gap():
    """The optimum is at infinity; P itself is small by then, and so is the gap."""
    X = np.linspace(-1, 1, 10)[:, None]
    y = (X[:, 0] > 0).astype(float)
    for size in (1.0, 10.0, 100.0, 1e4):
        found = verify(X, y, [size], 0.0, alpha=0.1, penalty_factor=0.0, loss="log_loss")
        assert found.gap == pytest.approx(found.primal, rel=1e-6)
