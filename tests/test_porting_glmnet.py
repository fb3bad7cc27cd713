"""Each row of the table of arguments in docs/from-glmnet-r.md, run without R.

glmnet's problem is written down here with its own arguments, from its documentation, and solved by L-BFGS-B on the
positive and negative parts of the coefficients. Our translated call must find the same solution.
`tests/test_porting.py` asks R's glmnet itself, where it is installed.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

import fastlasso
from fastlasso import NegativeBinomial, cross_validate_path, fit, fit_path

N, P = 90, 5
PAGE = Path(__file__).parents[1] / "docs" / "from-glmnet-r.md"
ROWS = {}


def row(start):
    """Decorate the test of the row whose first cell begins so."""
    def kept(test):
        assert start not in ROWS
        ROWS[start] = test
        return test
    return kept


class Data:
    """X, a target of each kind, weights, an offset, factors, and a number for each row's fold."""

    def __init__(self):
        rng = np.random.default_rng(5)
        self.X = rng.standard_normal((N, P)) * np.array([1.0, 2.0, 0.5, 1.0, 1.5]) + 0.3
        eta = 0.7 * self.X[:, 0] - 0.3 * self.X[:, 1] + 0.2
        self.y = eta + 0.5 * rng.standard_normal(N)
        self.answer = (rng.random(N) < 1 / (1 + np.exp(-eta))) * 1.0
        self.count = rng.poisson(np.exp(eta)) * 1.0
        self.amount = np.exp(eta) * rng.gamma(2.0, 0.5, N)
        self.w, self.o = rng.uniform(0.5, 3.0, N), 0.3 * rng.standard_normal(N)
        self.v, self.foldid = np.array([1.0, 0.0, 2.0, 1.0, 0.5]), np.arange(N) % 5 + 1


@pytest.fixture(scope="module")
def data():
    return Data()


# What glmnet minimises is a mean of these, and of their slopes in eta.
FAMILIES = {
    "gaussian": (lambda y, eta: (y - eta) ** 2 / 2, lambda y, eta: eta - y),
    "binomial": (lambda y, eta: np.logaddexp(0, eta) - y * eta, lambda y, eta: 1 / (1 + np.exp(-eta)) - y),
    "poisson": (lambda y, eta: np.exp(eta) - y * eta, lambda y, eta: np.exp(eta) - y),
    "gamma": (lambda y, eta: eta + y * np.exp(-eta), lambda y, eta: 1 - y * np.exp(-eta)),
    "negative.binomial(2)": (lambda y, eta: (y + 2) * np.log(2 + np.exp(eta)) - y * eta,
                             lambda y, eta: (y + 2) * np.exp(eta) / (2 + np.exp(eta)) - y)}


def glmnet(X, y, lambda_, *, alpha=1.0, family="gaussian", weights=None, offset=0.0, penalty_factor=None, exclude=(),
           standardize=False, intercept=True, lower=-np.inf, upper=np.inf):
    """Return (intercept, coefficients) of glmnet's problem."""
    n, p = X.shape
    w = np.ones(n) if weights is None else np.asarray(weights, float)
    w = w / w.sum()
    v = np.ones(p) if penalty_factor is None else np.array(penalty_factor, float)
    v *= p / v.sum()                                                    # glmnet rescales factors
    s = np.sqrt(w @ (X - w @ X) ** 2) if standardize else np.ones(p)    # population deviations
    ridge = 1 / np.sqrt(w @ (y - w @ y) ** 2) if family == "gaussian" else 1.0      # y is divided by its deviation
    value, slope = FAMILIES[family]

    def both(parts):
        b0, b, size = parts[0], parts[1:p + 1] - parts[p + 1:], parts[1:p + 1] + parts[p + 1:]
        eta = offset + b0 + X @ b
        g = w * slope(y, eta)
        pull = lambda_ * v * (1 - alpha) * ridge * s**2 * b
        l1 = lambda_ * v * alpha * s
        gradient = X.T @ g + pull
        objective = w @ value(y, eta) + l1 @ size + pull @ b / 2
        return objective, np.concatenate([[g.sum() if intercept else 0.0], gradient + l1, l1 - gradient])

    high = [0.0 if j in exclude else upper for j in range(p)]
    low = [0.0 if j in exclude else -lower for j in range(p)]
    bounds = [(None, None), *((0, h if np.isfinite(h) else None) for h in high),
              *((0, h if np.isfinite(h) else None) for h in low)]
    found = minimize(both, np.zeros(2 * p + 1), jac=True, method="L-BFGS-B", bounds=bounds,
                     options={"maxiter": 20_000, "maxfun": 50_000, "ftol": 1e-16, "gtol": 1e-11, "maxcor": 30})
    return found.x[0], found.x[1:p + 1] - found.x[p + 1:]


def same(ours, theirs, accuracy=2e-5):
    intercept, coef = theirs
    np.testing.assert_allclose(ours.coef, coef, atol=accuracy)
    assert ours.intercept == pytest.approx(intercept, abs=accuracy)


def ours(X, y, alpha, **options):
    return fit(X, y, alpha, tol=1e-12, **options)


@row("**`lambda`**")
def lambda_is_alpha(d):
    same(ours(d.X, d.y, 0.1), glmnet(d.X, d.y, 0.1))
    path = fit_path(d.X, d.y, alphas=[0.3, 0.1], tol=1e-12)
    same(path.fit_at(1), glmnet(d.X, d.y, 0.1))


@row("**`alpha`**")
def alpha_is_l1_ratio(d):
    same(ours(d.X, d.answer, 0.1, l1_ratio=0.3, loss="log_loss"), glmnet(d.X, d.answer, 0.1, alpha=0.3,
                                                                         family="binomial"))
    with pytest.raises(AssertionError):         # exchanged, as the names suggest
        same(ours(d.X, d.answer, 0.3, l1_ratio=0.1, loss="log_loss"), glmnet(d.X, d.answer, 0.1, alpha=0.3,
                                                                             family="binomial"))


@row('`family="gaussian"`')
def families(d):
    for family, loss, y in (("gaussian", "squared_error", d.y), ("binomial", "log_loss", d.answer),
                            ("poisson", "poisson", d.count)):
        same(ours(d.X, y, 0.05, loss=loss), glmnet(d.X, y, 0.05, family=family))


@row('`family=Gamma(link="log")`')
def gamma(d):
    same(ours(d.X, d.amount, 0.1, loss="gamma"), glmnet(d.X, d.amount, 0.1, family="gamma"))


@row("`family=MASS::negative.binomial(k)`")
def negative_binomial(d):
    same(ours(d.X, d.count, 0.1, loss=NegativeBinomial(2)), glmnet(d.X, d.count, 0.1, family="negative.binomial(2)"))


@row("gaussian with alpha = m < 1")
def gaussian_elastic_net(d):
    m, y = 0.4, 3 * d.y
    sd = np.sqrt(np.average((y - np.average(y, weights=d.w)) ** 2, weights=d.w))
    q = m + (1 - m) / sd
    same(ours(d.X, y, 0.2 * q, l1_ratio=m / q, sample_weight=d.w), glmnet(d.X, y, 0.2, alpha=m, weights=d.w))


@row("`nlambda`")
def grids(d):
    path = fit_path(d.X, d.y, alphas=7, eps=0.01)
    largest = np.abs(d.X.T @ (d.y - d.y.mean())).max() / N
    np.testing.assert_allclose(path.alphas, largest * 0.01 ** (np.arange(7) / 6))
    default = fit_path(d.X, d.y)
    assert (len(default), default.alphas[-1] / default.alphas[0]) == (100, pytest.approx(1e-3))


@row("`standardize=TRUE`")
def standardize(d):
    same(ours(d.X, d.y, 0.1, standardize=True, sample_weight=d.w), glmnet(d.X, d.y, 0.1, standardize=True, weights=d.w))
    same(ours(d.X, d.y, 0.1), glmnet(d.X, d.y, 0.1, standardize=False))


@row("`penalty.factor=v`")
def penalty_factor(d):
    same(ours(d.X, d.y, 0.1, penalty_factor=d.v * P / d.v.sum()), glmnet(d.X, d.y, 0.1, penalty_factor=d.v))


@row("`exclude`")
def exclude(d):
    same(ours(d.X, d.y, 0.1, penalty_factor=[np.inf, 1, 1, 1, 1]), glmnet(d.X, d.y, 0.1, exclude=(0,)))


@row("`lower.limits`")
def limits(d):
    same(ours(d.X, d.y, 0.05, lower=0, upper=0.4), glmnet(d.X, d.y, 0.05, lower=0, upper=0.4))


@row("`weights`")
def weights(d):
    same(ours(d.X, d.count, 0.1, loss="poisson", sample_weight=7 * d.w), glmnet(d.X, d.count, 0.1, family="poisson",
                                                                               weights=d.w))


@row("`offset`")
def offsets(d):
    found = ours(d.X, d.count, 0.1, loss="poisson", offset=d.o)
    intercept, coef = glmnet(d.X, d.count, 0.1, family="poisson", offset=d.o)
    same(found, (intercept, coef))
    np.testing.assert_allclose(found.predict(d.X, offset=d.o, kind="mean"), np.exp(d.o + intercept + d.X @ coef),
                               rtol=1e-3)


@row("y of two columns")
def trials(d):
    failures, successes = d.count + 1, np.floor(3 * d.amount)
    k = failures + successes
    rows = np.concatenate([np.zeros(N), np.ones(N)])        # a row of failures and one of successes, weighted
    theirs = glmnet(np.vstack([d.X, d.X]), rows, 0.05, family="binomial", weights=np.concatenate([failures, successes]))
    same(ours(d.X, successes / k, 0.05, loss="log_loss", sample_weight=k), theirs)


@row("factor y")
def last_level(d):
    words = np.where(d.answer > 0, "sick", "fit")
    found = ours(d.X, words, 0.05, loss="log_loss")
    assert found.classes.tolist() == ["fit", "sick"]
    same(found, glmnet(d.X, d.answer, 0.05, family="binomial"))


@row("`intercept=FALSE`")
def no_intercept(d):
    same(ours(d.X, d.y, 0.1, fit_intercept=False), glmnet(d.X, d.y, 0.1, intercept=False))


@row("`thresh`")
def tolerance(d):
    loose = fit(d.X, d.answer, 0.02, loss="log_loss", tol=1e-3)
    judged = fastlasso.verify(d.X, d.answer, loose.coef, loose.intercept, alpha=0.02, loss="log_loss")
    assert judged.relative_gap <= 1e-3


@row("`dfmax`")
def dfmax(d):
    path = fit_path(d.X, d.y, dfmax=2)
    assert (path.status, path.df.max()) == ("dfmax", 2)
    with pytest.raises(TypeError):
        fit_path(d.X, d.y, pmax=2)


@row("`fdev`")
def share_of_the_deviance(d):
    path = fit_path(d.X, d.y, max_deviance_ratio=0.3)
    assert path.deviance_ratio[-1] > 0.3 >= path.deviance_ratio[-2]
    assert len(fit_path(d.X, d.X[:, 0], alphas=50)) == 50           # 100 % of the deviance, and the path goes on


@row("`maxit`")
def no_answer_changes(d):
    np.testing.assert_allclose(ours(d.X, d.y, 0.05, max_iter=20_000).coef, ours(d.X, d.y, 0.05).coef, atol=1e-9)


@row("`coef(fit, s=, exact=TRUE)`")
def exact(d):
    path = fit_path(d.X, d.y, alphas=10, tol=1e-12)
    alpha = np.sqrt(path.alphas[3] * path.alphas[4])
    same(path.at(alpha), glmnet(d.X, d.y, alpha))


@row('`predict(type="link"')
def kinds(d):
    found, (intercept, coef) = ours(d.X, d.answer, 0.05, loss="log_loss"), glmnet(d.X, d.answer, 0.05,
                                                                                 family="binomial")
    eta = intercept + d.X @ coef
    for kind, expected in (("score", eta), ("mean", 1 / (1 + np.exp(-eta))), ("class", eta > 0)):
        np.testing.assert_allclose(found.predict(d.X, kind=kind), expected, atol=1e-3)


@row("`dev.ratio`")
def deviances(d):
    path = fit_path(d.X, d.count, alphas=[0.1], loss="poisson", sample_weight=d.w)
    unit = lambda mu: 2 * (np.where(d.count > 0, d.count * np.log(np.maximum(d.count, 1) / mu), 0) - d.count + mu)   # noqa: E731
    null = d.w @ unit(np.average(d.count, weights=d.w))
    assert 2 * d.w.sum() * path.null_objective == pytest.approx(null)
    mu = path.fit_at(0).predict(d.X, kind="mean")
    assert path.deviance_ratio[0] == pytest.approx(1 - d.w @ unit(mu) / null)


def splits(d):
    return [(d.foldid != k, d.foldid == k) for k in range(1, 6)]


def cv_error(d, error):
    """The mean over folds of an error of glmnet's fits at 0.1, whose folds are of equal size here."""
    found = []
    for train, test in splits(d):
        intercept, coef = glmnet(d.X[train], d.answer[train], 0.1, family="binomial")
        eta = intercept + d.X[test] @ coef
        found.append(error(d.answer[test], eta, 1 / (1 + np.exp(-eta))))
    return np.mean(found)


def cv(d, **options):
    return cross_validate_path(d.X, d.answer, loss="log_loss", cv=splits(d), tol=1e-10, **options)


@row("`cv.glmnet(foldid=, nfolds=)`")
def folds(d):
    expected = cv_error(d, lambda y, eta, mu: -2 * np.mean(y * np.log(mu) + (1 - y) * np.log(1 - mu)))
    assert cv(d, alphas=[0.1]).mean_error[0] == pytest.approx(expected, rel=1e-4)


@row("`type.measure=")
def measures(d):
    def area(y, eta, mu):
        return np.mean(eta[y == 1][:, None] > eta[y == 0])
    for measure, error, factor in (("class", lambda y, eta, mu: np.mean((eta > 0) != y), 1),
                                   ("auc", lambda *a: 1 - area(*a), 1),
                                   ("mse", lambda y, eta, mu: 2 * np.mean((y - mu) ** 2), 2),     # both classes count
                                   ("mae", lambda y, eta, mu: 2 * np.mean(np.abs(y - mu)), 2)):
        ours = factor * cv(d, alphas=[0.1], measure=measure).mean_error[0]
        assert ours == pytest.approx(cv_error(d, error), rel=1e-4)


@row("`lambda.min`")
def rules(d):
    found = cv(d, alphas=20)
    m, se = found.errors.mean(axis=1), found.errors.std(axis=1, ddof=1) / np.sqrt(5)
    best = np.argmin(m)
    assert found.alpha_min == found.alphas[best]
    assert found.alpha_1se == found.alphas[m <= m[best] + se[best]].max()


@row("`keep=TRUE`")
def kept(d):
    found = cv(d, alphas=[0.1])
    train, test = splits(d)[2]
    intercept, coef = glmnet(d.X[train], d.answer[train], 0.1, family="binomial")
    np.testing.assert_allclose(found.oof_predictions[test], 1 / (1 + np.exp(-intercept - d.X[test] @ coef)), atol=1e-4)


@row("`relax=TRUE`")
def relaxed(d):
    path = fastlasso.relaxed_path(d.X, d.y, alphas=[0.2])
    used = np.flatnonzero(ours(d.X, d.y, 0.2).coef)
    Z = np.column_stack([np.ones(N), d.X[:, used]])
    np.testing.assert_allclose(path.coef_at(0)[used], np.linalg.lstsq(Z, d.y, rcond=None)[0][1:], atol=1e-8)


@row("multinomial, cox, mgaussian")
def not_here(d):
    for loss in ("multinomial", "cox", "mgaussian"):
        with pytest.raises(ValueError, match="loss must be one of"):
            fit(d.X, d.y, 0.1, loss=loss)


def cells():
    """The first cell of each row of glmnet's table."""
    section = PAGE.read_text().split("## Every argument")[1].split("\n## ")[0]
    return [found[1] for found in re.finditer(r"^\| (.+?) \| ", section, re.MULTILINE) if found[1] != "argument"]


@pytest.mark.parametrize("start", list(ROWS), ids=lambda start: ROWS[start].__name__)
def test_row(data, start):
    ROWS[start](data)


def test_every_row_has_a_test_and_every_test_a_row():
    assert [cell for cell in cells() if not any(cell.startswith(start) for start in ROWS)] == []
    assert [start for start in ROWS if not any(cell.startswith(start) for cell in cells())] == []


def test_lambda_and_alpha_stand_first():
    assert [re.findall("`(.+?)`", cell)[0] for cell in cells()[:2]] == ["lambda", "alpha"]
