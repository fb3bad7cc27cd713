"""fastlasso: this project."""

NAME = "fastlasso"
PACKAGE = "fastlasso"
REQUIRES = ()  # installed from the checkout by `python -m bench setup`
VERSION = "fastlasso"
DEFAULT_TOL = 1e-6
TIGHT_TOL = 1e-9
PROMISE = 1.0
LADDER = ()
MATCH = True
NOTES = "X as it comes (dense Fortran order or CSR), tol is the promised relative gap"


def path(X, y, alphas, tol, n_threads):
    """Fit with ``fit_path``; one alpha too, since a single fit is a path of one."""
    from fastlasso import fit, fit_path

    if len(alphas) == 1:
        found = fit(X, y, alphas[0], tol=tol, n_threads=n_threads)
        return found.coef[:, None], [found.intercept]
    found = fit_path(X, y, alphas=alphas, tol=tol, n_threads=n_threads)
    return found.coefs, found.intercepts, {"passes": float(found.n_passes[-1])}
