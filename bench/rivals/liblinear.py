"""scikit-learn's liblinear: coordinate descent on Newton steps, one alpha at a time; it penalises the intercept."""
from .scikit_learn import PACKAGE, REQUIRES, VERSION, logistic_path, prepare

__all__ = ["PACKAGE", "REQUIRES", "VERSION", "path", "prepare"]
NAME = "scikit-learn (liblinear)"
DEFAULT_TOL = 1e-4
LOSSES = ("log_loss",)
NOTES = "LogisticRegression(solver='liblinear'), intercept_scaling=100 as it penalises the intercept; CSC not timed"


def path(X, y, alphas, tol, n_threads, loss="log_loss"):
    """Fit alpha by alpha; it has no warm starts."""
    return logistic_path(X, y, alphas, tol, solver="liblinear", intercept_scaling=100.0)
