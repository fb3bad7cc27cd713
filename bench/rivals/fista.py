"""FISTA with adaptive restart in NumPy, from `fastlasso.reference`: what an afternoon's own solver would give."""
import numpy as np

NAME = "FISTA"
PACKAGE = "fastlasso.reference"
REQUIRES = ()  # installed from the checkout by `python -m bench setup`
VERSION = "fastlasso"
DEFAULT_TOL = 1e-4
PROMISE = 1.0
NOTES = "fastlasso.reference.fista, every alpha from zero; only where X has few values, it takes minutes elsewhere"
MOST_VALUES = 10_000_000  # of X, times the number of alphas


def suits(X, n_alphas):
    """Need a small problem: a thousand passes per alpha are usual."""
    values = X.size if isinstance(X, np.ndarray) else X.nnz
    return None if values * n_alphas < MOST_VALUES else "a thousand passes over X per alpha would take minutes"


def path(X, y, alphas, tol, n_threads):
    """Solve every alpha by itself."""
    from fastlasso.reference import fista

    answers = [fista(X, y, alpha, tol=tol) for alpha in alphas]
    return np.column_stack([coef for coef, _, _ in answers]), [intercept for _, intercept, _ in answers]
