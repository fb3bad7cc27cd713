import warnings

import numpy as np
from benchopt import BaseSolver
from benchopt.stopping_criterion import SufficientProgressCriterion

from fastlasso import fit_path


class Solver(BaseSolver):
    """fastlasso: exact active faces on the Gram matrix of a working set, certified by the duality gap."""

    name = "fastlasso"
    install_cmd = "conda"
    requirements = ("pip::fastlasso",)
    stopping_criterion = SufficientProgressCriterion(patience=3, eps=1e-15, strategy="tolerance")

    def set_objective(self, X, y, lambdas, fit_intercept):
        self.X, self.y, self.alphas, self.fit_intercept = X, y, lambdas / len(y), fit_intercept
        warnings.simplefilter("ignore")  # a tolerance below rounding cannot be certified

    def get_next(self, tol):
        """Ask for tolerances that can be of use: 1e-3, 1e-4, ..."""
        return 1e-3 if tol >= 1 else tol / 10

    def run(self, tol):
        """Fit the path, whose alphas descend, to relative duality gaps of `tol`; at tol >= 1 answer zero."""
        n_features, n_alphas = self.X.shape[1], len(self.alphas)
        self.coefs = np.zeros((n_features + self.fit_intercept, n_alphas))
        if tol >= 1:
            return
        path = fit_path(self.X, self.y, alphas=self.alphas, fit_intercept=self.fit_intercept, tol=max(tol, 1e-15))
        self.coefs[:n_features] = path.coefs.toarray()
        if self.fit_intercept:
            self.coefs[-1] = path.intercepts

    def get_result(self):
        return {"coefs": self.coefs}
