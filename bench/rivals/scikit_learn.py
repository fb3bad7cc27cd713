"""scikit-learn: ``lasso_path`` after centring, as LassoCV does it; Gram matrix when n > p ("auto")."""
import numpy as np
import scipy.sparse

from ._storage import as_csc, centred

NAME = "scikit-learn"
PACKAGE = "sklearn.linear_model"
REQUIRES = ("numpy", "scipy", "scikit-learn")
VERSION = "scikit-learn"
DEFAULT_TOL = 1e-4
OPTIONS = ("l1_ratio",)
LOSSES = ("squared_error", "log_loss")
PROMISE = 2.0  # it stops at a gap of tol |y|^2, and P(0) = |y|^2 / 2 on that scale
NOTES = "lasso_path, precompute='auto', X centred inside the time; log_loss: saga, warm starts; CSC not timed"
prepare = as_csc


def path(X, y, alphas, tol, n_threads, loss="squared_error", l1_ratio=1.0):
    """Centre, run ``enet_path``, as ``lasso_path`` does, and add the intercepts; one alpha is one fit.

    `max_iter` is raised so that tol decides.
    """
    from sklearn.linear_model import ElasticNet, enet_path

    if loss != "squared_error":
        return logistic_path(X, y, alphas, tol, solver="saga")
    if len(alphas) == 1:
        model = ElasticNet(alpha=alphas[0], l1_ratio=l1_ratio, tol=tol, max_iter=100_000).fit(X, y)
        return model.coef_[:, None], [model.intercept_]
    Xc, yc, X_mean, y_mean = centred(X, y)
    scaled = {"X_offset": X_mean, "X_scale": np.ones_like(X_mean)} if scipy.sparse.issparse(X) else {}
    options = {"tol": tol, "max_iter": 100_000, "precompute": "auto", "copy_X": False, **scaled}
    _, coefs, _ = enet_path(Xc, yc, alphas=alphas, l1_ratio=l1_ratio, **options)
    return coefs, y_mean - X_mean @ coefs


def cross_validate(X, y, alphas, splits, tol, n_threads, loss="squared_error"):
    """Run ``LassoCV`` or ``LogisticRegressionCV`` on the given folds; ``C = 1 / (n alpha)``, n a fold's mean size."""
    from sklearn.linear_model import LassoCV, LogisticRegressionCV

    if loss != "squared_error":
        n = np.mean([len(train) for train, _ in splits])
        model = LogisticRegressionCV(Cs=1.0 / (n * np.asarray(alphas)), l1_ratios=(1.0,), solver="saga", cv=splits,
                                     scoring="neg_log_loss", tol=tol, max_iter=100_000, n_jobs=n_threads,
                                     use_legacy_attributes=False).fit(X, y)
        return -2 * model.scores_.reshape(len(splits), len(alphas)).mean(axis=0)
    model = LassoCV(alphas=alphas, cv=splits, tol=tol, max_iter=100_000, n_jobs=n_threads).fit(X, y)
    return model.mse_path_.mean(axis=1)


def logistic_path(X, y, alphas, tol, **solver):
    """Fit ``LogisticRegression`` alpha by alpha from the last solution; ``C = 1 / (n alpha)``."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(l1_ratio=1.0, tol=tol, max_iter=100_000, warm_start=True, random_state=0, **solver)
    coefs, intercepts = np.zeros((X.shape[1], len(alphas)), order="F"), np.zeros(len(alphas))
    for k, alpha in enumerate(alphas):
        model.set_params(C=1.0 / (len(y) * alpha)).fit(X, y)
        coefs[:, k], intercepts[k] = model.coef_[0], model.intercept_[0]
    return coefs, intercepts
