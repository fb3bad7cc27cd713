"""scikit-learn's own checks, and its `Lasso` and `ElasticNet` as the peer for every argument and attribute."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from fastlasso import ElasticNet, ElasticNetCV, Lasso, LassoCV


@parametrize_with_checks([Lasso(), ElasticNet(), Lasso(positive=True, standardize=True), Lasso(fit_intercept=False),
                         LassoCV(), ElasticNetCV(), LassoCV(rule="1se", standardize=True)])
def test_the_checks_of_scikit_learn(estimator, check):
    check(estimator)
