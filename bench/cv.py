"""The judge of cross-validations: the error curve done slowly and plainly, to compare every rival's curve with.

For each fold the rows are copied, the path is fitted on the copy to a gap of 1e-10 that the referee recomputes, and
the held-out squared errors, or deviances of another loss, are averaged. Whoever fitted it, a path with such a gap is
the path.
"""
import numpy as np

from . import referee

TOLERANCE = 1e-10


def reference(X, y, alphas, splits, loss="squared_error"):
    """Return the mean held-out squared error, or unit deviance, at each alpha, and the worst gap behind it.

    Parameters
    ----------
    X : array or sparse matrix, (n_samples, n_features)
    y : array, (n_samples,)
    alphas : array, (K,)
    splits : list of (rows trained on, rows held out)
    loss : str

    Returns
    -------
    curve : array, (K,)
    gap : float
        Of squared error it is near the tolerance; the scaled residual of other losses shows a far larger one.
    """
    from fastlasso import fit_path

    errors, gaps = [], []
    for train, test in splits:
        X_train, y_train = X[train], np.asarray(y[train], dtype=np.float64)
        path = fit_path(X_train, y_train, loss=loss, alphas=alphas, tol=TOLERANCE)
        gaps.append(_worst_gap(X_train, y_train, path, loss))
        predicted = np.asarray(X[test] @ path.coefs.toarray()) + path.intercepts
        errors.append(_error(y[test, None], predicted, loss))
    return np.mean(errors, axis=0), float(max(gaps))


def _worst_gap(X, y, path, loss):
    answer = path.coefs, path.intercepts, path.alphas
    if loss == "squared_error":
        return referee.relative_gaps(X, y, *answer).max()
    return referee.of_loss(loss, X, y, *answer)[0].max()


def _error(y, eta, loss):
    """Return the mean error of each column of linear predictors."""
    each = (y - eta) ** 2 if loss == "squared_error" else 2 * referee.LOSSES[loss].value(y, eta)
    return each.mean(axis=0)


def stored_reference(folder, X, y, alphas, splits, loss="squared_error"):
    """Return `reference`, kept in the case's folder."""
    file = folder / f"curve-{len(splits)}-{len(alphas)}.npz"
    if not file.exists():
        curve, gap = reference(X, y, alphas, splits, loss)
        np.savez(file, curve=curve, gap=gap)
    with np.load(file) as parts:
        return parts["curve"], float(parts["gap"])


def judge(curve, reference_curve, alphas):
    """Say how far a curve is off, as a share of the error of the empty model, and which alpha it chooses."""
    chosen, best = int(np.argmin(curve)), int(np.argmin(reference_curve))
    return {
        "curve_error": float(np.abs(curve - reference_curve).max() / reference_curve[0]),
        "chosen": float(alphas[chosen]), "chosen_reference": float(alphas[best]),
        "regret": float(reference_curve[chosen] / reference_curve[best] - 1.0),
    }
