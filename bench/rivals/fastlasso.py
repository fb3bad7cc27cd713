"""fastlasso: this project."""
from . import named_loss

NAME = "fastlasso"
PACKAGE = "fastlasso"
REQUIRES = ()  # installed from the checkout by `python -m bench setup`
VERSION = "fastlasso"
DEFAULT_TOL = 1e-6
OPTIONS = ("l1_ratio", "upper")
LOSSES = ("squared_error", "log_loss", "poisson")
TIGHT_TOL = 1e-9
PROMISE = 1.0
CERTIFIES = ANY_ORDER = True
MATCH = True
NOTES = "X as it comes (dense of either order, or CSR), tol is the promised relative gap"


def path(X, y, alphas, tol, n_threads, loss="squared_error", **options):
    """Fit with ``fit_path``; one alpha too, since a single fit is a path of one."""
    from fastlasso import fit, fit_path

    if len(alphas) == 1:
        found = fit(X, y, alphas[0], **named_loss(loss), tol=tol, n_threads=n_threads, **options)
        return found.coef[:, None], [found.intercept], {"claimed": [found.gap / found.null_objective]}
    found = fit_path(X, y, **named_loss(loss), alphas=alphas, tol=tol, n_threads=n_threads, **options)
    said = {"passes": float(found.n_passes[-1]), "claimed": (found.gaps / found.null_objective).tolist()}
    return found.coefs, found.intercepts, said


def cross_validate(X, y, alphas, splits, tol, n_threads, loss="squared_error"):
    """Run ``cross_validate_path`` on the given folds; it also fits the path on all rows."""
    from fastlasso import cross_validate_path

    found = cross_validate_path(X, y, **named_loss(loss), cv=splits, alphas=alphas, tol=tol,
                                n_threads=n_threads)
    passes = sum(float(path.n_passes[-1]) for path in (found.path, *found.fold_paths))
    return found.mean_error, {"passes": passes}
