"""Every entry point takes X that is not in memory: a `Matrix`, and a data set that `open_dataset` returns."""

import numpy as np
import pytest
from layouts import exact_matrix, target
from sklearn.model_selection import KFold

import fastlasso
from fastlasso import Stage, convert, fit_path, open_dataset, support_proof, verify
from fastlasso.matrices.base import Matrix
from fastlasso.matrices.choose import as_matrix

A = exact_matrix(60, 150, seed=2)
Y = target(A, seed=2)


class OnlyVerbs(Matrix):
    """What a newcomer's kind of matrix has, and no more."""

    def __init__(self, inner):
        self.shape, self.dtype, self.nnz, self.nbytes = inner.shape, inner.dtype, inner.nnz, inner.nbytes
        self.gathered_kind, self.by_columns = inner.gathered_kind, inner.by_columns
        for verb in ("moments", "dots", "dots_at", "combine", "gram", "gather", "column_sizes", "check_finite"):
            setattr(self, verb, getattr(inner, verb))


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    place = tmp_path_factory.mktemp("folders")
    np.save(place / "y.npy", Y)
    np.save(place / "X.npy", A)
    from scipy import sparse
    sparse.save_npz(place / "X.npz", sparse.csr_array(A))
    found = {name: open_dataset(convert(place / f"X.{name}", place / name, target_file=place / "y.npy"))
             for name in ("npy", "npz")}
    return {"dense": found["npy"].X, "csr": found["npz"].X, "dataset": found["npz"],
            "dense in memory": as_matrix(A), "csc in memory": as_matrix(sparse.csc_array(A)),
            "newcomer": OnlyVerbs(as_matrix(A)), "sparse newcomer": OnlyVerbs(as_matrix(sparse.csr_array(A)))}


NAMES = ["dense", "csr", "dataset", "dense in memory", "csc in memory", "newcomer", "sparse newcomer"]


@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
@pytest.mark.parametrize("options", [{}, {"standardize": True}, {"fit_intercept": False}], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_the_judge(name, options, loss, kinds):
    X, y = kinds[name], Y if loss == "squared_error" else Y > 3
    found = fit_path(A, y, loss=loss, alphas=4, eps=0.3, **options).fit_at(3)
    for judge in (verify, support_proof):
        ours, theirs = (judge(data, y, found.coef, found.intercept, alpha=found.alpha, loss=loss, **options)
                        for data in (X, A))
        if judge is verify:
            assert ours.relative_gap <= 1e-6
            np.testing.assert_allclose([ours.primal, ours.null_objective], [theirs.primal, theirs.null_objective])
        else:
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", NAMES)
def test_fits_and_predictions(name, kinds):
    X = kinds[name]
    ours, theirs = (fastlasso.fit(data, Y, 0.2) for data in (X, A))
    np.testing.assert_allclose(ours.coef, theirs.coef, atol=1e-9)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(A), atol=1e-9)
    path = fit_path(X, Y, alphas=5, eps=0.2)
    np.testing.assert_allclose(path.predict(X), path.predict(A), atol=1e-9)
    assert path.at(0.99 * float(path.alphas[2])).certified
    np.testing.assert_allclose(fastlasso.alpha_max(X, Y), fastlasso.alpha_max(A, Y))


ESTIMATORS = {
    "Lasso": lambda: fastlasso.Lasso(alpha=0.2), "ElasticNet": lambda: fastlasso.ElasticNet(alpha=0.2),
    "LassoCV": lambda: fastlasso.LassoCV(cv=KFold(3), alphas=4, eps=0.2),
    "ElasticNetCV": lambda: fastlasso.ElasticNetCV(cv=3, alphas=4, eps=0.2),
    "LogisticRegression": lambda: fastlasso.LogisticRegression(l1_ratio=1.0, C=0.1),
    "LogisticRegressionCV": lambda: fastlasso.LogisticRegressionCV(l1_ratios=[1.0], Cs=3, cv=3),
    "HuberLasso": lambda: fastlasso.HuberLasso(alpha=0.2), "HuberLassoCV": lambda: fastlasso.HuberLassoCV(
        alphas=4, eps=0.2, cv=3),
    "AdaptiveLasso": lambda: fastlasso.AdaptiveLasso(alpha=0.2),
    "RelaxedLasso": lambda: fastlasso.RelaxedLasso(alpha=0.2),
    "ReweightedLasso": lambda: fastlasso.ReweightedLasso(alpha=0.2),
    "StabilitySelection": lambda: fastlasso.StabilitySelection(n_pairs=2, alphas=4, random_state=0),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators(name, kinds):
    y = Y > 3 if "Logistic" in name else Y
    ours, theirs = ESTIMATORS[name]().fit(kinds["dataset"], y), ESTIMATORS[name]().fit(A, y)
    assert ours.n_features_in_ == 150
    if name == "StabilitySelection":
        np.testing.assert_allclose(ours.scores_, theirs.scores_)
        return
    np.testing.assert_allclose(ours.predict(kinds["csr"]), theirs.predict(A), atol=2e-2)
    assert ours.score(kinds["csr"], y) == pytest.approx(theirs.score(A, y), abs=1e-2)
    with pytest.raises(ValueError, match="features"):
        ours.predict(as_matrix(A[:, :7]))


def test_refinements(kinds):
    for data in ("dense", "dataset"):
        X = kinds[data]
        for call in (lambda X: fastlasso.relaxed_path(X, Y, alphas=4, eps=0.2).predict(X),
                     lambda X: fastlasso.adaptive_path(X, Y, alphas=4, eps=0.2).coefs.toarray(),
                     lambda X: fastlasso.reweighted_path(X, Y, alphas=4, eps=0.2).coefs.toarray(),
                     lambda X: fastlasso.fit_schedule(X, Y, [Stage("1se", alphas=5, eps=0.4),
                                                             Stage("min", factor="adaptive", alphas=5)], cv=3).coef,
                     lambda X: fastlasso.stability_selection(X, Y, n_pairs=2, alphas=4, random_state=0).probabilities):
            np.testing.assert_allclose(call(X), call(A), atol=1e-4)
