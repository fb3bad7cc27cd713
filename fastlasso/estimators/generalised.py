"""Regressors with a loss other than squared error: Poisson, gamma, Tweedie, negative binomial and Huber's.

A new one derives from `LossModel`, or from `Deviance` where its score is D^2, and says in `_loss` which loss it has.
"""

from typing import ClassVar, Self

import numpy as np
from sklearn.metrics import r2_score

from .. import validation
from ..annotations import ArrayLike, ByColumn, Data, Floats
from ..losses.base import Loss
from ..losses.choose import SQUARED_ERROR, as_loss
from ..losses.log_link import Gamma, NegativeBinomial, Poisson, Tweedie
from ..losses.piecewise import Huber
from ..losses.risk import Risk
from ..parallel import Pool
from ..path.fit import fit
from .base import LinearModel, all_or_nothing
from .parameters import POSITIVE, REAL, InvalidParameterError, described, keep_arguments, word_in

# The solvers of scikit-learn's generalised linear models, over the versions.
SOLVER = word_in("auto", "lbfgs", "newton-cholesky", "newton-cg", "newton-cd", "newton-cd-gram")
LINK = word_in("auto", "identity", "log")


def mean_of(loss, scores):
    """Return the means of y at scores; the loss is a `Loss` or "squared_error"."""
    loss = as_loss(loss)
    return scores if loss is None else loss.mean(scores)


def explained_deviance(loss, y, scores, sample_weight=None, offset=None):
    """Return D^2 = 1 - D / D_null; D_null is the deviance of the best constant (beside the offset), 0 where that is 0.

    Parameters
    ----------
    loss : Loss or "squared_error"
    y, scores : array of shape (n_samples,)
        The scores include the offset.
    """
    if as_loss(loss) is None:
        known = 0.0 if offset is None else validation.finite_vector(offset, len(scores), "offset")
        return r2_score(y - known, scores - known, sample_weight=sample_weight)
    weights = validation.sample_weights(sample_weight, len(scores))
    with Pool(1) as pool:
        risk = Risk.of(loss, validation.same_length(y, len(scores)), offset, weights, True, pool)
        return float(risk.explained(np.array([risk.mean_deviance(scores.astype(np.float64), pool)]))[0])


@described
class LossModel(LinearModel):
    """Linear regression with a loss of its own: what all of them share.

    Parameters
    ----------
    alpha : float >= 0, default=1.0
        Multiplies the penalty; the loss is a weighted mean.
    l1_ratio : float in [0, 1], default=0.0
        0 is ridge regression, as in scikit-learn; set 1 for a sparse model.
    fit_intercept : bool, default=True
        The intercept is never penalised.
    max_iter : int, default=100 (1000 for the Huber loss)
        Largest number of Newton steps, and of coordinate descent epochs in each, where descent is used at all.
    tol : float, default=1e-4
        Promised duality gap as a fraction of P(0), half the mean deviance of the empty model.
    solver, warm_start, verbose
        Checked; they change neither result nor cost.
    standardize : bool, default=False
        Penalise as if every column had standard deviation one; `coef_` stays in the units of X.
    penalty_factor : array of shape (n_features,), optional
        Multiplies the penalty of each coefficient: 0 is never penalised, inf never used.
    lower, upper : float or array of shape (n_features,), default=-inf, inf
        Bounds on the coefficients, lower <= 0 <= upper.
    n_jobs : int, optional
        Threads; None is every core this process may use. The result does not depend on it, to the last bit.

    Attributes
    ----------
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_
        As in `LinearModel`.
    loss_ : Loss or str
        The loss that was fitted: an object of `fastlasso.losses`, or "squared_error".
    """

    loss_: Loss

    _rules: ClassVar = {"solver": SOLVER}

    def _loss(self):
        """Return the loss: an object or a name."""
        raise NotImplementedError

    @all_or_nothing
    def fit(self, X: Data, y: ArrayLike, sample_weight: ArrayLike | None = None,
            offset: ArrayLike | None = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        y : array of shape (n_samples,)
        sample_weight : float or array of shape (n_samples,), optional
            Weights >= 0; only ratios matter.
        offset : array of shape (n_samples,), optional
            Known part of the score. Under a log link the logarithm of an exposure.
        """
        self._check_parameters()
        self.loss_ = self._loss()
        X, y = self._validated(X, y)
        options = self._options(sample_weight, loss=self.loss_, l1_ratio=self.l1_ratio, offset=offset)
        return self._keep([fit(X, self._one_target(y), self.alpha, **options)], X.dtype, one_target=True)

    def _scores(self, X, offset):
        """Return intercept_ + X coef_ (+ offset)."""
        scores = super().predict(X)
        return self._with_offset(scores, offset)

    def predict(self, X: Data, offset: ArrayLike | None = None) -> Floats:
        """Return the mean of y at each sample: that of the score intercept_ + X coef_ (+ offset).

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        offset : array of shape (n_samples,), optional

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        scores = self._scores(X, offset)
        return mean_of(self.loss_, scores)

    def score(self, X: Data, y: ArrayLike, sample_weight: ArrayLike | None = None,
              offset: ArrayLike | None = None) -> float:
        """Return R^2 of the predictions.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        y : array of shape (n_samples,)
        sample_weight, offset : array of shape (n_samples,), optional
        """
        return r2_score(y, self.predict(X, offset), sample_weight=sample_weight)


class Deviance(LossModel):
    """A generalised linear model: half the unit deviance is its loss, and its score is D^2."""

    def score(self, X: Data, y: ArrayLike, sample_weight: ArrayLike | None = None,
              offset: ArrayLike | None = None) -> float:
        """Return D^2 = 1 - D / D_null, the share of the deviance explained.

        D_null is the deviance of the best constant, beside the offset. Without an offset that is the weighted mean.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        y : array of shape (n_samples,)
        sample_weight, offset : array of shape (n_samples,), optional

        Raises
        ------
        ValueError
            For y outside the domain of the loss.
        """
        return explained_deviance(self.loss_, y, self._scores(X, offset), sample_weight, offset)


class PositiveTarget:
    """Say by scikit-learn's tags that y must be positive."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        return tags


@described
class PoissonRegressor(PositiveTarget, Deviance):
    """Poisson regression with L1 and L2 penalty and a log link.

        1/W sum_i w_i (mu_i - y_i eta_i) + alpha ( l1_ratio |b|_1 + (1 - l1_ratio)/2 |b|_2^2 ),
        mu_i = exp(eta_i),  eta_i = b0 + x_i . b + offset_i,  W = sum_i w_i

    In place of `sklearn.linear_model.PoissonRegressor`. y >= 0. For counts over an exposure e, either y are the counts
    and the offset ln(e), or y are the rates and the weights e: the fits are the same.

    Parameters
    ----------
    alpha, fit_intercept, solver, max_iter, tol, warm_start, verbose, l1_ratio, standardize, penalty_factor, lower, \
upper, n_jobs
        As in `LossModel`.

    Attributes
    ----------
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_, loss_
        As in `LossModel`.

    Examples
    --------
    >>> from fastlasso import PoissonRegressor
    >>> X, y = [[1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [4.0, 1.0]], [1, 2, 5, 9]
    >>> PoissonRegressor(alpha=0.1, l1_ratio=1, tol=1e-9).fit(X, y).coef_.round(3)
    array([0.698, 0.   ])
    """

    def __init__(self, *, alpha: float = 1.0, fit_intercept: bool = True, solver: str = "lbfgs", max_iter: int = 100,
                 tol: float = 1e-4, warm_start: bool = False, verbose: bool | int = 0, l1_ratio: float = 0.0,
                 standardize: bool = False, penalty_factor: ByColumn | None = None, lower: ByColumn = -np.inf,
                 upper: ByColumn = np.inf, n_jobs: int | None = None) -> None:
        keep_arguments(locals())

    def _loss(self):
        return Poisson()


@described
class GammaRegressor(PositiveTarget, Deviance):
    """Gamma regression with L1 and L2 penalty and a log link.

        1/W sum_i w_i (eta_i + y_i / mu_i) + alpha ( l1_ratio |b|_1 + (1 - l1_ratio)/2 |b|_2^2 ),
        mu_i = exp(eta_i),  eta_i = b0 + x_i . b + offset_i,  W = sum_i w_i

    In place of `sklearn.linear_model.GammaRegressor`. y > 0.

    Parameters
    ----------
    alpha, fit_intercept, solver, max_iter, tol, warm_start, verbose, l1_ratio, standardize, penalty_factor, lower, \
upper, n_jobs
        As in `LossModel`.

    Attributes
    ----------
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_, loss_
        As in `LossModel`.

    Examples
    --------
    >>> from fastlasso import GammaRegressor
    >>> X, y = [[1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [4.0, 1.0]], [1, 2, 5, 9]
    >>> GammaRegressor(alpha=0.1, l1_ratio=1, tol=1e-9).fit(X, y).coef_.round(2)
    array([0.67, 0.  ])
    """

    def __init__(self, *, alpha: float = 1.0, fit_intercept: bool = True, solver: str = "lbfgs", max_iter: int = 100,
                 tol: float = 1e-4, warm_start: bool = False, verbose: bool | int = 0, l1_ratio: float = 0.0,
                 standardize: bool = False, penalty_factor: ByColumn | None = None, lower: ByColumn = -np.inf,
                 upper: ByColumn = np.inf, n_jobs: int | None = None) -> None:
        keep_arguments(locals())

    def _loss(self):
        return Gamma()


def tweedie_loss(power, link):
    """Return the loss of a Tweedie power under a link.

    Raises
    ------
    InvalidParameterError
        Where there is no such distribution, or where its loss is not convex, so that no fit could be certified.
    """
    if link == "auto":
        link = "identity" if power <= 0 else "log"
    if power == 0 and link == "identity":
        return SQUARED_ERROR
    if not 1 <= power <= 2 or link == "identity":
        raise InvalidParameterError(
            f"TweedieRegressor takes power=0 with the identity link and powers from 1 to 2 with the log link. Got "
            f"power={power!r} and link={link!r}: " + ("no distribution has this power." if 0 < power < 1 else
                                                      "that loss is not convex, or has no certificate here."))
    return Poisson() if power == 1 else Gamma() if power == 2 else Tweedie(power)


@described
class TweedieRegressor(Deviance):
    """Generalised linear model of a Tweedie distribution with L1 and L2 penalty.

        1/(2 W) sum_i w_i d(y_i, mu_i) + alpha ( l1_ratio |b|_1 + (1 - l1_ratio)/2 |b|_2^2 ),  W = sum_i w_i

    d is the unit deviance (see `fastlasso.Tweedie`), mu_i = exp(eta_i) or eta_i, eta_i = b0 + x_i . b + offset_i.
    In place of `sklearn.linear_model.TweedieRegressor`, for the powers whose loss is convex.

    Parameters
    ----------
    power : float, default=0.0
        The variance of y is proportional to mu^power. 0 is squared error, 1 Poisson, 2 gamma; between 1 and 2 are sums
        of a Poisson number of gamma variables. Other powers raise an error.
    link : {"auto", "identity", "log"}, default="auto"
        "auto" is the identity for power 0 and the logarithm for powers from 1 to 2. No other pair is taken.
    alpha, fit_intercept, solver, max_iter, tol, warm_start, verbose, l1_ratio, standardize, penalty_factor, lower, \
upper, n_jobs
        As in `LossModel`.

    Attributes
    ----------
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_, loss_
        As in `LossModel`.

    Examples
    --------
    >>> from fastlasso import TweedieRegressor
    >>> X, y = [[1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [4.0, 1.0]], [0, 2, 5, 9]
    >>> TweedieRegressor(power=1.5, alpha=0.1, l1_ratio=1, tol=1e-9).fit(X, y).coef_.round(3)
    array([1.019, 0.   ])
    """

    _rules: ClassVar = {"solver": SOLVER, "power": REAL, "link": LINK}

    def __init__(self, *, power: float = 0.0, alpha: float = 1.0, fit_intercept: bool = True, link: str = "auto",
                 solver: str = "lbfgs", max_iter: int = 100, tol: float = 1e-4, warm_start: bool = False,
                 verbose: bool | int = 0, l1_ratio: float = 0.0, standardize: bool = False,
                 penalty_factor: ByColumn | None = None, lower: ByColumn = -np.inf, upper: ByColumn = np.inf,
                 n_jobs: int | None = None) -> None:
        keep_arguments(locals())

    def _loss(self):
        return tweedie_loss(self.power, self.link)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = REAL.holds(self.power) and self.power > 0
        return tags


@described
class NegativeBinomialRegressor(PositiveTarget, Deviance):
    """Negative binomial regression with known k, L1 and L2 penalty and a log link.

        1/W sum_i w_i ((y_i + k) ln(1 + mu_i / k) - y_i eta_i) + alpha ( l1_ratio |b|_1 + (1 - l1_ratio)/2 |b|_2^2 ),
        mu_i = exp(eta_i),  eta_i = b0 + x_i . b + offset_i,  W = sum_i w_i

    For counts that vary more than Poisson's: the variance of y is mu + mu^2 / k. scikit-learn has no such estimator.

    Parameters
    ----------
    k : float > 0, default=1.0
    alpha, l1_ratio, fit_intercept, max_iter, tol, standardize, penalty_factor, lower, upper, n_jobs
        As in `LossModel`.

    Attributes
    ----------
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_, loss_
        As in `LossModel`.

    Examples
    --------
    >>> from fastlasso import NegativeBinomialRegressor
    >>> X, y = [[1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [4.0, 1.0]], [0, 2, 5, 9]
    >>> NegativeBinomialRegressor(k=2.0, alpha=0.1, l1_ratio=1, tol=1e-9).fit(X, y).coef_.round(3)
    array([0.961, 0.   ])
    """

    _rules: ClassVar = {"k": POSITIVE}

    def __init__(self, *, k: float = 1.0, alpha: float = 1.0, l1_ratio: float = 0.0, fit_intercept: bool = True,
                 max_iter: int = 100, tol: float = 1e-4, standardize: bool = False,
                 penalty_factor: ByColumn | None = None, lower: ByColumn = -np.inf, upper: ByColumn = np.inf,
                 n_jobs: int | None = None) -> None:
        keep_arguments(locals())

    def _loss(self):
        return NegativeBinomial(float(self.k))


@described
class HuberLasso(LossModel):
    """Linear regression with Huber's loss, robust to outliers in y, with L1 and L2 penalty.

        1/W sum_i w_i H(y_i - b0 - x_i . b - offset_i) + alpha ( l1_ratio |b|_1 + (1 - l1_ratio)/2 |b|_2^2 ),
        H(r) = r^2 / 2 for |r| <= delta, delta |r| - delta^2 / 2 beyond,  W = sum_i w_i

    This is `Lasso` with another loss, and has its name: with a large delta it is `Lasso`. It is not
    `sklearn.linear_model.HuberRegressor`, which is a ridge regression, estimates the scale of the noise along with the
    coefficients, measures its epsilon in units of that scale, and adds alpha to a sum.

    Parameters
    ----------
    delta : float > 0, default=1.35
        Residuals beyond it count linearly; in units of y. 1.35 times the standard deviation of the noise keeps 95 %
        efficiency where the noise is normal.
    l1_ratio : float in [0, 1], default=1.0
        1 is the lasso, 0 ridge regression.
    alpha, fit_intercept, max_iter, tol, standardize, penalty_factor, lower, upper, n_jobs
        As in `LossModel`.

    Attributes
    ----------
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_, loss_
        As in `LossModel`.

    Examples
    --------
    >>> from fastlasso import HuberLasso, Lasso
    >>> X, y = [[1.0], [2.0], [3.0], [4.0], [5.0]], [1.0, 2.0, 3.0, 4.0, 50.0]
    >>> HuberLasso(alpha=0.1, tol=1e-9).fit(X, y).coef_.round(2), Lasso(alpha=0.1).fit(X, y).coef_.round(2)
    (array([1.57]), array([9.95]))
    """

    _rules: ClassVar = {"delta": POSITIVE}

    def __init__(self, alpha: float = 1.0, *, delta: float = 1.35, l1_ratio: float = 1.0, fit_intercept: bool = True,
                 max_iter: int = 1000, tol: float = 1e-4, standardize: bool = False,
                 penalty_factor: ByColumn | None = None, lower: ByColumn = -np.inf, upper: ByColumn = np.inf,
                 n_jobs: int | None = None) -> None:
        keep_arguments(locals())

    def _loss(self):
        return Huber(float(self.delta))
