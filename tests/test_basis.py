"""Unpenalised columns that nearly depend on each other, up to a condition of 1e10: against 60-digit arithmetic."""

import warnings

import mpmath as mp
import numpy as np
import pytest
from scipy import sparse

import fastlasso
from fastlasso.parallel import Pool
from fastlasso.problem.options import Options
from fastlasso.problem.problem import pose
from fastlasso.solver.choose import started_solver
from fastlasso.ways import going

N, ALPHA = 40, 0.1
CONDITIONS = 1e6, 1e8, 1e10
LAYOUTS = {"rows": np.ascontiguousarray, "csr": sparse.csr_array}


def problem(condition, p=40, seed=3):
    """(X, y): columns 0 and 1 differ by 1 / condition, as do 3 and a sum; column 2 leans on the small difference.

    Columns from 4 on are too small to enter.
    """
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N, p))
    X[:, 1] = X[:, 0] + rng.standard_normal(N) / condition
    small = X[:, 1] - X[:, 0]
    small *= np.sqrt(N) / np.linalg.norm(small)
    X[:, 2] = 0.7 * small + 0.7 * X[:, 2]
    X[:, 3] = X[:, 0] + 0.5 * X[:, 4] + rng.standard_normal(N) / condition
    y = 0.5 * X[:, 2] + 3 * small + rng.standard_normal(N)
    X[:, 5:] *= 1e-6
    return X, y


FREE = [0, 1, 3, 4]


def factors(p=40):
    v = np.ones(p)
    v[FREE] = 0
    return v


def outside(X, y, weights=None, fit_intercept=True):
    """Column 2 and y, root-weighted, less what they hold of the columns without a penalty: in the digits of mpmath."""
    w = [mp.mpf(float(v)) for v in (np.ones(len(y)) if weights is None else weights)]
    root = [mp.sqrt(v / mp.fsum(w)) for v in w]
    columns = [*(np.ones(len(y)) for _ in range(fit_intercept)), *X[:, FREE].T, X[:, 2], y]
    basis = []
    for column in columns:
        v = mp.matrix([r * mp.mpf(float(x)) for r, x in zip(root, column, strict=True)])
        for _ in range(2):
            for q in basis[:len(columns) - 2]:
                v = v - q * (q.T * v)[0]
        basis.append(v if len(basis) >= len(columns) - 2 else v / mp.norm(v))
    return basis[-2:]


def oracle(X, y, alpha, weights=None, fit_intercept=True):
    """The coefficient of column 2, the only one with a penalty that is used, in 60 digits."""
    with mp.workdps(60):
        x, r = outside(X, y, weights, fit_intercept)
        z = (x.T * r)[0]
        return float(mp.sign(z) * max(abs(z) - mp.mpf(alpha), 0) / (x.T * x)[0])


@pytest.mark.parametrize("options", [{}, {"fit_intercept": False}, {"standardize": True},
                                     {"sample_weight": np.arange(N) % 4 + 0.5}],
                         ids=["intercept", "none", "standardize", "weights"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_penalised_coefficient_is_right_to_rounding(condition, layout, options):
    X, y = problem(condition)
    v = factors()
    if options.get("standardize"):
        v[2] = 1 / X[:, 2].std()            # the same problem as without
        v[5:] = 1e9
    expected = oracle(X, y, ALPHA, options.get("sample_weight"), options.get("fit_intercept", True))
    for way in ({}, {"compress_features": 0}, {"compress_features": 0, "gram_form": False}):
        with warnings.catch_warnings(), going(**way):
            warnings.simplefilter("error")
            fit = fastlasso.fit(LAYOUTS[layout](X), y, ALPHA, penalty_factor=v, **options)
        assert fit.coef[2] == pytest.approx(expected, abs=1e-9 if way.get("gram_form", True) else 1e-3)
        assert not fit.coef[5:].any()
    judged = fastlasso.verify(X, y, fit.coef, fit.intercept, alpha=ALPHA, penalty_factor=v, **options)
    assert judged.relative_gap < 1e-6


def test_a_path_from_folds_to_refinements():
    X, y = problem(1e8)
    v = factors()
    path = fastlasso.fit_path(X, y, alphas=5, eps=0.05, penalty_factor=v)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cv = fastlasso.cross_validate_path(X, y, alphas=5, eps=0.05, penalty_factor=v)
        relaxed = fastlasso.relaxed_path(X, y, alphas=5, eps=0.05, penalty_factor=v)
        mcp = fastlasso.reweighted_path(X, y, alphas=3, eps=0.5, penalty_factor=v)
    for k, alpha in enumerate(path.alphas):
        assert path.coefs[2, k] == pytest.approx(oracle(X, y, alpha), abs=1e-9)
        assert relaxed.refit_residuals[k] < 1e-9
        if path.coefs[2, k]:
            assert relaxed.fit_at(k, 0.0).coef[2] == pytest.approx(oracle(X, y, 0.0), abs=1e-7)
    np.testing.assert_allclose(cv.path.coefs.toarray()[2], path.coefs.toarray()[2], atol=1e-9)
    assert mcp.certified.all()


@pytest.mark.parametrize("loss", ["log_loss", "poisson"])
def test_other_losses(loss):
    """The gap of coefficients from another solver of the same span, in a basis that is well conditioned."""
    X, y = problem(1e7)
    y = (y > 0) * 1.0 if loss == "log_loss" else np.round(np.exp(0.3 * y))
    well = X.copy()
    well[:, 1] = (X[:, 1] - X[:, 0]) * 1e7
    well[:, 3] = (X[:, 3] - X[:, 0] - 0.5 * X[:, 4]) * 1e7
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = fastlasso.fit(X, y, 0.05, loss=loss, penalty_factor=factors(), tol=1e-8)
        expected = fastlasso.fit(well, y, 0.05, loss=loss, penalty_factor=factors(), tol=1e-8)
    assert got.coef[2] == pytest.approx(expected.coef[2], abs=1e-4)
    if loss == "log_loss":
        judged = fastlasso.verify(X, y, got.coef, got.intercept, alpha=0.05, loss=loss, penalty_factor=factors())
        assert judged.relative_gap < 1e-6


def test_the_claim_holds_what_rounding_of_the_coefficients_costs():
    """At 1e11 coefficients are 1e11, and their rounding moves the fit: the claim is above the true distance."""
    X, y = problem(1e11)
    fit = fastlasso.fit(X, y, ALPHA, penalty_factor=factors())
    with mp.workdps(60):
        residual = [mp.mpf(float(t)) - mp.mpf(float(fit.intercept))
                    - mp.fsum(mp.mpf(float(x)) * mp.mpf(float(b)) for x, b in zip(row, fit.coef, strict=True))
                    for row, t in zip(X, y, strict=True)]
        value = mp.fsum(r * r for r in residual) / (2 * N) + mp.mpf(ALPHA) * abs(mp.mpf(float(fit.coef[2])))
        x, r = outside(X, y)
        b = mp.mpf(oracle(X, y, ALPHA))
        best = (r - b * x).T * (r - b * x) / 2
        distance = value - best[0] - mp.mpf(ALPHA) * abs(b)
    assert 0 <= distance <= fit.gap
    assert fit.certified


def test_exactly_dependent_columns_stay_as_they_are():
    """Nothing is replaced by rounding of a sum: levels of a factor and an intercept, copies."""
    rng = np.random.default_rng(0)
    levels = np.eye(4)[rng.integers(0, 4, 50)]
    X = np.c_[levels, levels @ [0.1, 0.2, 0.3, 0.7], rng.standard_normal((50, 3))]
    X = np.c_[X, X[:, 5] / 3]
    v = np.r_[np.zeros(6), 1.0, 1.0, 0.0]
    with Pool(1) as pool:
        solver = started_solver(pose(X, X[:, 7] + rng.standard_normal(50), Options(penalty_factor=v), pool), 1e-6)
    assert not hasattr(solver, "basis")
