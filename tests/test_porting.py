"""Translations of a peer's arguments (docs/from-*.md), combined as no row there does, run against the peer.

scikit-learn is among the tests' requirements. glum, R's glmnet and the Python glmnet are not: their tests are skipped
where they are absent. R's are among the slow ones: `pytest -m slow tests/test_porting.py`.
"""

import shutil
import subprocess
from functools import cache

import numpy as np
import pandas
import pytest
from sklearn import linear_model, svm

from fastlasso import Huber, NegativeBinomial, Tweedie, cross_validate_path, fit, verify

TOL = 1e-12
N, P = 120, 6


@pytest.fixture(scope="module")
def data():
    """X, y for each loss, weights and an offset; columns of different sizes."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((N, P)) * np.array([1.0, 2.0, 0.5, 1.0, 1.0, 3.0]) + 0.3
    eta = 0.7 * X[:, 0] - 0.3 * X[:, 1] + 0.2
    targets = {"number": eta + 0.5 * rng.standard_normal(N), "class": (rng.random(N) < 1 / (1 + np.exp(-eta))) * 1.0,
               "count": rng.poisson(np.exp(eta)) * 1.0, "amount": np.exp(eta) * rng.gamma(2.0, 0.5, N)}
    targets["claims"] = targets["count"] * targets["amount"]
    return X, targets, rng.uniform(0.5, 3.0, N), 0.3 * rng.standard_normal(N)


def same(ours, coef, intercept, accuracy):
    np.testing.assert_allclose(ours.coef, np.ravel(coef), atol=accuracy)
    assert ours.intercept == pytest.approx(np.ravel(intercept)[0] if np.size(intercept) else 0.0, abs=accuracy)


def ours(X, y, alpha, **options):
    return fit(X, y, alpha, tol=TOL, **options)


# ---- scikit-learn

def test_lasso_and_elastic_net(data):
    X, targets, w, _ = data
    theirs = linear_model.ElasticNet(alpha=0.1, l1_ratio=0.7, tol=1e-14, max_iter=10**6)
    theirs.fit(X, targets["number"], sample_weight=w)
    same(ours(X, targets["number"], 0.1, l1_ratio=0.7, sample_weight=w), theirs.coef_, theirs.intercept_, 1e-8)


def test_ridge(data):
    X, targets, w, _ = data
    theirs = linear_model.Ridge(alpha=5.0, tol=1e-14).fit(X, targets["number"], sample_weight=w)
    same(ours(X, targets["number"], 5.0 / w.sum(), l1_ratio=0, sample_weight=w), theirs.coef_, theirs.intercept_, 1e-8)


@pytest.mark.parametrize("class_weight", [None, {0: 1.0, 1: 3.0}, "balanced"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("l1_ratio", "C"), [(1, 0.3), (0.5, 0.2), (0, 0.1)])
def test_logistic_regression(data, class_weight, weighted, l1_ratio, C):
    X, targets, w, _ = data
    y, s = targets["class"], w if weighted else np.ones(N)
    solver = "newton-cholesky" if l1_ratio == 0 else "saga"
    theirs = linear_model.LogisticRegression(C=C, l1_ratio=l1_ratio, solver=solver, class_weight=class_weight, tol=1e-9,
                                             max_iter=10**5, random_state=0).fit(X, y, sample_weight=s)
    c = {0: 1.0, 1: 1.0} if class_weight is None else class_weight
    if class_weight == "balanced":
        c = {k: s.sum() / (2 * s[y == k].sum()) for k in (0, 1)}
    t = s * np.where(y == 1, c[1], c[0])
    same(ours(X, y, 1 / (C * t.sum()), loss="log_loss", l1_ratio=l1_ratio, sample_weight=t), theirs.coef_,
         theirs.intercept_, 1e-6)


def test_liblinear_penalises_its_intercept(data):
    X, targets, _, _ = data
    y = targets["class"]
    theirs = linear_model.LogisticRegression(C=0.3, l1_ratio=1, solver="liblinear", tol=1e-10, max_iter=10**5)
    theirs.set_params(fit_intercept=False).fit(X, y)
    same(ours(X, y, 1 / (0.3 * N), loss="log_loss", fit_intercept=False), theirs.coef_, 0.0, 1e-6)
    theirs.set_params(fit_intercept=True).fit(X, y)
    with_ones = ours(np.column_stack([X, np.ones(N)]), y, 1 / (0.3 * N), loss="log_loss", fit_intercept=False)
    np.testing.assert_allclose(with_ones.coef, [*theirs.coef_[0], theirs.intercept_[0]], atol=1e-6)


def test_linear_svc(data):
    X, targets, _, _ = data
    theirs = svm.LinearSVC(penalty="l1", dual=False, C=0.2, fit_intercept=False, tol=1e-9, max_iter=10**6)
    theirs.fit(X, targets["class"])
    found = ours(X, targets["class"], 1 / (2 * 0.2 * N), loss="squared_hinge", fit_intercept=False)
    same(found, theirs.coef_, 0.0, 1e-6)


@pytest.mark.parametrize(("model", "target", "loss"), [
    (linear_model.PoissonRegressor(), "count", "poisson"), (linear_model.GammaRegressor(), "amount", "gamma"),
    (linear_model.TweedieRegressor(power=1.5, link="log"), "claims", Tweedie(1.5)),
    (linear_model.TweedieRegressor(power=0, link="identity"), "number", "squared_error")])
def test_generalised_linear_models(data, model, target, loss):
    X, targets, w, _ = data
    theirs = model.set_params(alpha=0.2, solver="newton-cholesky", tol=1e-10).fit(X, targets[target], sample_weight=w)
    same(ours(X, targets[target], 0.2, loss=loss, l1_ratio=0, sample_weight=w), theirs.coef_, theirs.intercept_, 1e-6)


def test_exposure_is_an_offset_or_a_weight(data):
    X, targets, e, _ = data
    y = targets["count"]
    theirs = linear_model.PoissonRegressor(alpha=0.2, solver="newton-cholesky", tol=1e-10)
    theirs.fit(X, y / e, sample_weight=e)
    found = ours(X, y, 0.2 * e.sum() / N, loss="poisson", l1_ratio=0, offset=np.log(e))
    same(found, theirs.coef_, theirs.intercept_, 1e-6)


def test_huber_regressor(data):
    X, targets, _, _ = data
    y = targets["number"] + 20 * (np.arange(N) % 15 == 0)
    theirs = linear_model.HuberRegressor(epsilon=1.5, alpha=3.0, tol=1e-10, max_iter=10**5).fit(X, y)
    found = ours(X, y, 3.0 * theirs.scale_ / N, loss=Huber(1.5 * theirs.scale_), l1_ratio=0)
    same(found, theirs.coef_, theirs.intercept_, 1e-3)


# ---- glum

def glum_fit(X, y, **options):
    glum = pytest.importorskip("glum")
    arrays = {name: options.pop(name) for name in ("sample_weight", "offset") if name in options}
    return glum.GeneralizedLinearRegressor(gradient_tol=1e-11, max_iter=10_000, **options).fit(X, y, **arrays)


def glum_family(name, parameter=None):
    glum = pytest.importorskip("glum")
    kinds = {"tweedie": glum.TweedieDistribution, "negative_binomial": glum.NegativeBinomialDistribution}
    return kinds[name](parameter) if name in kinds else name


@pytest.mark.parametrize("l1_ratio", [1.0, 0.4, 0.0])
@pytest.mark.parametrize(("family", "link", "target", "loss"), [
    (("normal",), "auto", "number", "squared_error"), (("binomial",), "auto", "class", "log_loss"),
    (("poisson",), "auto", "count", "poisson"), (("gamma",), "log", "amount", "gamma"),
    (("tweedie", 1.5), "log", "claims", Tweedie(1.5)),
    (("negative_binomial", 0.5), "log", "count", NegativeBinomial(2))])
def test_glum(data, family, link, target, loss, l1_ratio):
    X, targets, w, o = data
    theirs = glum_fit(X, targets[target], family=glum_family(*family), link=link, alpha=0.15, l1_ratio=l1_ratio,
                      sample_weight=w, offset=o)
    found = ours(X, targets[target], 0.15, loss=loss, l1_ratio=l1_ratio, sample_weight=w, offset=o)
    same(found, theirs.coef_, theirs.intercept_, 1e-6)


def test_glum_p1_scale_predictors_and_bounds(data):
    X, targets, w, _ = data
    y, v = targets["count"], np.array([1.0, 0.0, 2.0, 1.0, 0.5, 1.0])
    theirs = glum_fit(X, y, family="poisson", alpha=0.1, l1_ratio=1, P1=v, sample_weight=w)
    same(ours(X, y, 0.1, loss="poisson", penalty_factor=v, sample_weight=w), theirs.coef_, theirs.intercept_, 1e-6)
    theirs = glum_fit(X, y, family="poisson", alpha=0.1, l1_ratio=1, scale_predictors=True, sample_weight=w)
    same(ours(X, y, 0.1, loss="poisson", standardize=True, sample_weight=w), theirs.coef_, theirs.intercept_, 1e-6)
    theirs = glum_fit(X, y, family="poisson", alpha=0.1, l1_ratio=1, lower_bounds=np.zeros(P))
    same(ours(X, y, 0.1, loss="poisson", lower=0), theirs.coef_, theirs.intercept_, 1e-6)


# ---- glmnet, R's: seconds each, for R to start

R_SCRIPT = """suppressMessages(library(glmnet)); read <- function(name) as.matrix(read.csv(name, header=FALSE))
X <- read("X.csv"); y <- read("y.csv")[, 1]; w <- read("w.csv")[, 1]; o <- read("o.csv")[, 1]; dimnames(X) <- NULL
fit <- glmnet(X, %s, thresh=1e-16, maxit=1e8)
cat(format(as.numeric(coef(fit)), digits=16), sep="\\n")
"""


@cache
def r_has_glmnet():
    return shutil.which("Rscript") and not subprocess.run(["Rscript", "-e", "library(glmnet)"],
                                                          capture_output=True).returncode


@pytest.fixture
def glmnet_r(data, tmp_path):
    """Return (intercept, coefficients) of a call of R's glmnet on the data and a target."""
    if not r_has_glmnet():
        pytest.skip("there is no R with glmnet")

    def call(target, code):
        X, targets, w, o = data
        for name, values in {"X": X, "y": targets[target], "w": w, "o": o}.items():
            np.savetxt(tmp_path / f"{name}.csv", values, delimiter=",", fmt="%.17g")
        done = subprocess.run(["Rscript", "-e", R_SCRIPT % code], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        numbers = np.array(done.stdout.split(), float)
        return numbers[0], numbers[1:]
    return call


@pytest.mark.slow
@pytest.mark.parametrize(("target", "code", "loss"), [
    ("number", 'family="gaussian"', "squared_error"), ("class", 'family="binomial"', "log_loss"),
    ("count", 'family="poisson"', "poisson"), ("amount", 'family=Gamma(link="log")', "gamma")])
@pytest.mark.parametrize("standardize", [False, True])
def test_glmnet_in_r(data, glmnet_r, target, code, loss, standardize):
    X, targets, w, o = data
    scaled = str(standardize).upper()
    intercept, coef = glmnet_r(target, f"y, weights=w, offset=o, lambda=0.1, {code}, standardize={scaled}")
    found = ours(X, targets[target], 0.1, loss=loss, sample_weight=w, offset=o, standardize=standardize)
    same(found, coef, intercept, 1e-3 if loss == "gamma" else 1e-6)      # a family of R's is solved to its own epsilon


@pytest.mark.slow
@pytest.mark.parametrize(("target", "code", "loss"), [("class", 'family="binomial"', "log_loss"),
                                                      ("count", 'family="poisson"', "poisson")])
def test_glmnet_elastic_net_in_r(data, glmnet_r, target, code, loss):
    X, targets, _, _ = data
    intercept, coef = glmnet_r(target, f"y, lambda=0.2, alpha=0.3, standardize=FALSE, {code}")
    same(ours(X, targets[target], 0.2, l1_ratio=0.3, loss=loss), coef, intercept, 1e-6)


@pytest.mark.slow
def test_glmnet_divides_the_ridge_part_of_a_gaussian_by_the_deviation_of_y(data, glmnet_r):
    X, targets, w, _ = data
    y = 10 * targets["number"]
    sd = np.sqrt(np.average((y - np.average(y, weights=w)) ** 2, weights=w))
    intercept, coef = glmnet_r("number", "10 * y, weights=w, lambda=0.4, alpha=0.3, standardize=FALSE")
    mixed = 0.3 + 0.7 / sd
    same(ours(X, y, 0.4 * mixed, l1_ratio=0.3 / mixed, sample_weight=w), coef, intercept, 1e-6)


@pytest.mark.slow
def test_glmnet_rescales_penalty_factors(data, glmnet_r):
    X, targets, _, _ = data
    v = np.array([1.0, 0.0, 2.0, 1.0, 0.5, 3.0])
    intercept, coef = glmnet_r("class", 'y, lambda=0.05, family="binomial", standardize=FALSE, '
                                        "penalty.factor=c(1, 0, 2, 1, 0.5, 3)")
    same(ours(X, targets["class"], 0.05, loss="log_loss", penalty_factor=v * P / v.sum()), coef, intercept, 1e-6)


@pytest.mark.slow
def test_glmnet_limits_and_exclusions(data, glmnet_r):
    X, targets, _, _ = data
    intercept, coef = glmnet_r("count", 'y, lambda=0.05, family="poisson", standardize=FALSE, lower.limits=0, '
                                        "exclude=c(3)")
    factor = np.where(np.arange(P) == 2, np.inf, 1)
    same(ours(X, targets["count"], 0.05, loss="poisson", penalty_factor=factor, lower=0), coef, intercept, 1e-6)


@pytest.mark.slow
def test_glmnet_proportions(data, glmnet_r):
    X, targets, _, _ = data
    failures, successes = targets["count"] + 1, np.floor(3 * targets["amount"])
    intercept, coef = glmnet_r("amount", f"cbind(c({', '.join(map(str, failures))}), floor(3 * y)), lambda=0.05, "
                                         "family='binomial', standardize=FALSE")
    trials = failures + successes
    same(ours(X, successes / trials, 0.05, loss="log_loss", sample_weight=trials), coef, intercept, 1e-6)


# ---- glmnet, Python's

@pytest.mark.parametrize(("kind", "target", "loss"), [("LogNet", "class", "log_loss"), ("FishNet", "count", "poisson"),
                                                      ("GaussNet", "number", "squared_error")])
@pytest.mark.parametrize("standardize", [False, True])
def test_glmnet_in_python(data, kind, target, loss, standardize):
    glmnet = pytest.importorskip("glmnet")
    if not hasattr(glmnet, kind):
        pytest.skip("another package called glmnet")
    X, targets, w, o = data
    y, v = targets[target], np.array([1.0, 0.0, 2.0, 1.0, 0.5, 3.0])
    table = pandas.DataFrame({"y": y.astype(int) if target == "class" else y, "w": w, "o": o})
    model = getattr(glmnet, kind)(lambda_values=np.array([0.2, 0.1]), standardize=standardize, penalty_factor=v.copy(),
                                  response_id="y", weight_id="w", offset_id="o")
    model.control.thresh, model.control.maxit = 1e-16, 10**7
    model.fit(X, table)
    found = ours(X, y, 0.1, loss=loss, penalty_factor=v * P / v.sum(), standardize=standardize, sample_weight=w,
                 offset=o)
    same(found, model.coefs_[-1], model.intercepts_[-1], 1e-6)


# ---- what all have in common

def test_the_judge_takes_a_peers_solution_in_our_units(data):
    X, targets, _, _ = data
    y, C = targets["class"], 0.3
    theirs = linear_model.LogisticRegression(C=C, l1_ratio=1, solver="saga", tol=1e-9, max_iter=10**5).fit(X, y)
    judged = verify(X, y, theirs.coef_[0], theirs.intercept_[0], alpha=1 / (C * N), loss="log_loss")
    assert judged.relative_gap < 1e-6


def test_folds_of_a_peer(data):
    """glmnet's foldid: a number for each row, and its mean over rows; ours is the mean over folds."""
    X, targets, _, _ = data
    y, foldid = targets["class"], np.arange(N) % 4
    splits = [(foldid != k, foldid == k) for k in range(4)]
    cv = cross_validate_path(X, y, loss="log_loss", alphas=5, cv=splits)
    train, test = splits[2]
    found = ours(X[train], y[train], cv.alphas[3], loss="log_loss")
    mu = found.predict(X[test], kind="mean")
    expected = -2 * np.mean(y[test] * np.log(mu) + (1 - y[test]) * np.log(1 - mu))
    assert cv.errors[3, 2] == pytest.approx(expected, rel=1e-3)
