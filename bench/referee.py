"""The referee: how far from optimal a whole path is, by arithmetic that no solver takes part in.

For one alpha, with r = y - b0 - X b, its centred part c and n samples,

    primal   P = |r|^2 / 2n + alpha |b|_1
    dual     D(s) = (|y_c|^2 - |y_c - s c|^2) / 2n    for |s| <= alpha n / max_j |x_j . c|
    relative gap = (P - max_s D(s)) / P(0),           P(0) = |y_c|^2 / 2n

where y_c is the centred y; centring c and scaling it by s is what makes it dual feasible.

An elastic net with l2 = alpha (1 - l1_ratio) > 0, or an upper bound u of every coefficient, has at s = 1

    dual     D = (|y_c|^2 - |y_c - c|^2) / 2n - sum_j h*(x_j . c / n),    h*(z) = max_b z b - l1 |b| - l2 b^2 / 2

with l1 = alpha l1_ratio, finite where l2 > 0. For l2 = 0 and b <= u it is u max(z - l1, 0), and c must be scaled by s
<= l1 / -z where z < -l1.

Of any other loss f, with eta = b0 + X b and the residual r = -f'(eta),

    primal   P = mean f(eta) + alpha |b|_1
    dual     D(theta) = -mean f*(-theta)    for sum theta = 0 and |x_j . theta| <= alpha n
    relative gap = (P - D(theta)) / P(0)

where f is half the unit deviance, so that P(0) is half the mean null deviance. Theta is r with the residuals of the
heavier sign scaled until it sums to zero, then scaled into the bounds: loose for every solver, by far.
"""
import functools

import numpy as np
import scipy.sparse
import scipy.special

BLOCK_BYTES = 64 << 20
BEST_TOL = 1e-10


def _blocks(n_alphas, n_rows):
    """Yield slices of alphas whose dense ``n_rows x width`` block stays within BLOCK_BYTES."""
    width = max(1, BLOCK_BYTES // (8 * n_rows))
    for start in range(0, n_alphas, width):
        yield slice(start, min(start + width, n_alphas))


def _dense(coefs):
    return coefs.toarray() if scipy.sparse.issparse(coefs) else np.asarray(coefs, dtype=np.float64)


def _block_gaps(X, y, coefs, intercepts, alphas):
    """Return the relative gap of each column of `coefs` (n_features x K, dense)."""
    n = X.shape[0]
    y_centred = y - y.mean()
    residual = y[:, None] - intercepts - X @ coefs
    primal = (residual**2).sum(axis=0) / (2 * n) + alphas * np.abs(coefs).sum(axis=0)
    residual -= residual.mean(axis=0)
    limit = alphas * n / np.maximum(np.abs(X.T @ residual).max(axis=0), np.finfo(float).tiny)
    best = y_centred @ residual / np.maximum((residual**2).sum(axis=0), np.finfo(float).tiny)
    residual *= -np.clip(best, -limit, limit)
    residual += y_centred[:, None]
    null = y_centred @ y_centred
    return 2 * n * primal / null - 1.0 + (residual**2).sum(axis=0) / null


class LogLoss:
    """Half the deviance of classes 0 and 1: f = log(1 + e^eta) - y eta, and f*(-theta) of m = y - theta in [0, 1]."""

    @staticmethod
    def value(y, eta):
        """Return f of every row, nothing in it overflows."""
        return np.logaddexp(0.0, eta) - y * eta

    @staticmethod
    def residual(y, eta):
        """Return y minus the probability."""
        return y - scipy.special.expit(eta)

    @staticmethod
    def conjugate(y, theta):
        """Return m log m + (1 - m) log(1 - m)."""
        m = np.clip(y - theta, 0.0, 1.0)
        return scipy.special.xlogy(m, m) + scipy.special.xlogy(1.0 - m, 1.0 - m)

    @staticmethod
    def link(mean):
        """Return eta where the mean is fitted by the intercept alone."""
        return scipy.special.logit(mean)


class Poisson:
    """Half the deviance of counts: f = e^eta - y eta + (y log y - y), and f*(-theta) of m = y - theta >= 0."""

    @staticmethod
    def value(y, eta):
        """Return f of every row."""
        return np.exp(eta) - y * eta + scipy.special.xlogy(y, y) - y

    @staticmethod
    def residual(y, eta):
        """Return y minus the mean."""
        return y - np.exp(eta)

    @staticmethod
    def conjugate(y, theta):
        """Return m log m - m, less what the deviance added to f."""
        m = np.maximum(y - theta, 0.0)
        return scipy.special.xlogy(m, m) - m - scipy.special.xlogy(y, y) + y

    @staticmethod
    def link(mean):
        """Return eta where the mean is fitted by the intercept alone."""
        return np.log(mean)


LOSSES = {"log_loss": LogLoss, "poisson": Poisson}


def _balanced(residual):
    """Scale the residuals of the heavier sign in each column until the column sums to zero."""
    up = np.maximum(residual, 0.0).sum(axis=0)
    down = -np.minimum(residual, 0.0).sum(axis=0)
    lighter = np.minimum(up, down)
    return residual * np.where(residual > 0, lighter / up, lighter / down)


def _block_of_loss(loss, X, y, coefs, intercepts, alphas):
    """Return the objective and the dual objective of each column of `coefs` (n_features x K, dense)."""
    y = y[:, None]
    eta = intercepts + X @ coefs
    primal = _means(loss.value(y, eta)) + alphas * np.abs(coefs).sum(axis=0)
    theta = _balanced(loss.residual(y, eta))
    theta *= np.minimum(1.0, alphas * X.shape[0] / np.maximum(np.abs(X.T @ theta).max(axis=0), np.finfo(float).tiny))
    return primal, -_means(loss.conjugate(y, theta))


def _means(values):
    """Return the mean of each column, added up in pairs: row after row, 60,000 rows would leave 1e-12 of it."""
    return np.ascontiguousarray(values.T).mean(axis=1)


def of_loss(name, X, y, coefs, intercepts, alphas):
    """Return relative gaps and objectives at every alpha of a path, and half the mean null deviance.

    Parameters
    ----------
    name : {"log_loss", "poisson"}
    X, y, coefs, intercepts, alphas
        As for `relative_gaps`.

    Returns
    -------
    gaps, objectives : array, (K,)
    null : float
        P(0), in the units of the objectives.
    """
    loss, y = LOSSES[name], np.asarray(y, dtype=np.float64)
    coefs = coefs.tocsc() if scipy.sparse.issparse(coefs) else coefs
    found = [
        _block_of_loss(loss, X, y, _dense(coefs[:, part]), intercepts[part], alphas[part])
        for part in _blocks(len(alphas), max(X.shape))
    ]
    primal, dual = (np.concatenate(values) for values in zip(*found, strict=True))
    null = loss.value(y, loss.link(y.mean())).mean()
    return (primal - dual) / null, primal, null


def _block_with_options(X, y, coefs, intercepts, alphas, l1_ratio, upper):
    """As `_block_gaps` of an elastic net, or with an upper bound; infinite beyond it."""
    n, (l1, l2) = X.shape[0], (alphas * l1_ratio, alphas * (1.0 - l1_ratio))
    y_centred = (y - y.mean())[:, None]
    residual = y[:, None] - intercepts - X @ coefs
    penalty = (l1 * np.abs(coefs) + 0.5 * l2 * coefs**2).sum(axis=0)
    primal = (residual**2).sum(axis=0) / (2 * n) + penalty
    residual -= residual.mean(axis=0)
    z = X.T @ residual / n
    if l1_ratio == 1.0:
        lowest = np.maximum(-z if np.isfinite(upper) else np.abs(z), np.finfo(float).tiny).max(axis=0)
        scale = np.minimum(1.0, l1 / lowest)
        residual, z = residual * scale, z * scale
    excess = np.where((z < 0) & (l2 == 0), 0.0, np.maximum(np.abs(z) - l1, 0.0))     # there s leaves rounding alone
    with np.errstate(divide="ignore", invalid="ignore"):
        best = np.where(excess > 0, np.minimum(np.sign(z) * excess / l2, upper), 0.0)
    conjugate = np.where(excess > 0, z * best - l1 * np.abs(best) - 0.5 * l2 * best**2, 0.0).sum(axis=0)
    null = y_centred[:, 0] @ y_centred[:, 0]
    dual = (null - ((y_centred - residual) ** 2).sum(axis=0)) / (2 * n) - conjugate
    return np.where((coefs <= upper).all(axis=0), 2 * n * (primal - dual) / null, np.inf)


def relative_gaps(X, y, coefs, intercepts, alphas, l1_ratio=1.0, upper=np.inf):
    """Return the relative duality gap at every alpha of a lasso path with intercept.

    Parameters
    ----------
    X : array or sparse matrix, (n_samples, n_features)
    y : array, (n_samples,)
    coefs : array or sparse matrix, (n_features, K)
    intercepts, alphas : array, (K,)
    l1_ratio, upper : float
        Share of the L1 part of the penalty, and a bound of every coefficient.

    Returns
    -------
    array, (K,)
        (primal - dual) / P(0), dimensionless; below about 1e-15 it is rounding.
    """
    y = np.asarray(y, dtype=np.float64)
    X = X if X.dtype == np.float64 else X.astype(np.float64)
    coefs = coefs.tocsc() if scipy.sparse.issparse(coefs) else coefs
    plain = l1_ratio == 1.0 and np.isinf(upper)
    gaps_of = _block_gaps if plain else functools.partial(_block_with_options, l1_ratio=l1_ratio, upper=upper)
    gaps = [
        gaps_of(X, y, _dense(coefs[:, part]), intercepts[part], alphas[part])
        for part in _blocks(len(alphas), max(X.shape))
    ]
    return np.concatenate(gaps)


def verified_gap(X, y, coefs, intercepts, alphas, gaps, loss="squared_error", n_looks=3, **options):
    """Return the worst relative gap that ``fastlasso.verify`` finds where `gaps` is largest, None without fastlasso.

    Only the `n_looks` alphas with the largest `gaps` are verified: its compensated sums cost more than solving.
    """
    try:
        from fastlasso import verify
    except ImportError:
        return None
    coefs = coefs.tocsc() if scipy.sparse.issparse(coefs) else coefs
    worst = np.argsort(gaps)[-n_looks:]
    named = options if loss == "squared_error" else {"loss": loss}
    found = [verify(X, y, _dense(coefs[:, [k]])[:, 0], intercepts[k], alpha=alphas[k], **named) for k in worst]
    return max(certificate.relative_gap for certificate in found)


def judge(X, y, coefs, intercepts, alphas, **options):
    """Return what the referee says of a path, as a dict: worst gap (twice), support at the end, alphas answered.

    `options` are `l1_ratio` and `upper`, where they are not those of a lasso.
    """
    answered = len(intercepts)
    alphas = alphas[:answered]
    gaps = relative_gaps(X, y, coefs, intercepts, alphas, **options)
    return {
        "gap": float(gaps.max()),
        "gap_verify": verified_gap(X, y, coefs, intercepts, alphas, gaps, **options),
        "support": int(np.count_nonzero(_dense(coefs[:, [-1]]))),
        "n_answered": answered,
    }


def judge_of_loss(loss, best, X, y, coefs, intercepts, alphas, claimed=None):
    """Return what the referee says of a path of another loss than squared error, as a dict.

    Parameters
    ----------
    loss : {"log_loss", "poisson"}
    best : array, (K,)
        The least objective known at every alpha.
    claimed : list of float, optional
        The relative gaps that the solver claims; `gap_verify` is then what `fastlasso.verify` says of them.

    Returns
    -------
    dict
        As `judge`; also `suboptimality`, the largest relative distance from `best`, and `overclaimed`, the largest
        excess of that distance over what was claimed (None without claims): above rounding, a claim was false.
    """
    answered = len(intercepts)
    alphas = alphas[:answered]
    gaps, objectives, null = of_loss(loss, X, y, coefs, intercepts, alphas)
    distances = (objectives - best[:answered]) / null
    return {
        "gap": float(gaps.max()),
        "gap_verify": verified_gap(X, y, coefs, intercepts, alphas, gaps, loss) if claimed else None,
        "suboptimality": float(distances.max()),
        "overclaimed": float((distances - claimed).max()) if claimed else None,
        "support": int(np.count_nonzero(_dense(coefs[:, [-1]]))),
        "n_answered": answered,
    }


def stored_best(folder, loss, X, y, alphas):
    """Return the objectives of a path that fastlasso fits to a gap of BEST_TOL, kept in the case's folder."""
    from fastlasso import fit_path

    file = folder / f"best-{len(alphas)}.npy"
    if not file.exists():
        path = fit_path(X, y, loss=loss, alphas=alphas, tol=BEST_TOL)
        np.save(file, of_loss(loss, X, y, path.coefs, path.intercepts, path.alphas)[1])
    return np.load(file)
