"""Logistic regression and the regressors with other losses: scikit-learn's checks, and its estimators as the peers."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from fastlasso import (
    GammaRegressor,
    HuberLasso,
    LogisticRegression,
    NegativeBinomialRegressor,
    PoissonRegressor,
    TweedieRegressor,
)

@parametrize_with_checks([
    LogisticRegression(), LogisticRegression(l1_ratio=1, standardize=True, n_jobs=1, tol=1e-10),
    LogisticRegression(l1_ratio=0.5, alpha=0.01, class_weight="balanced"),
    PoissonRegressor(), PoissonRegressor(l1_ratio=1, alpha=0.01), GammaRegressor(), GammaRegressor(l1_ratio=0.5),
    TweedieRegressor(), TweedieRegressor(power=1.5), NegativeBinomialRegressor(), HuberLasso(alpha=0.01),
    HuberLasso(l1_ratio=0)])
def test_the_checks_of_scikit_learn(estimator, check):
    check(estimator)
