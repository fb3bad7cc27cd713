"""Half the squared error, with the intercept at its best.

    F(b) = 1/(2 W) sum_i w_i (y_i - o_i - b0 - x_i . b)^2 = 1/2 |y - X b|^2

with y less offset and mean, X centred, and |.| weighted. The residual is r = y - X b. For the dual point t r

    F + F*(-t r) + t <r, X b> = 1/2 (1 - t)^2 |r|^2,

and P(0), the objective at b = 0, is 1/2 |y|^2. F is its own quadratic model, so one Gram matrix serves a whole path.
"""

from dataclasses import dataclass, replace

import numpy as np

from .. import validation
from .._engine import engine

EPSILON = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class SquaredError:
    """Squared error on one y.

    Attributes
    ----------
    y : ndarray of shape (n_samples,)
        Target less offset, centred where there is an intercept.
    y_mean : float
        The mean that was subtracted from y; 0 without an intercept.
    fit_intercept : bool
    null_value : float
        P(0), the unit of the tolerance.
    """

    y: np.ndarray
    y_mean: float
    fit_intercept: bool
    null_value: float

    name = "squared_error"
    is_quadratic = True

    @classmethod
    def of(cls, y, offset, weights, fit_intercept):
        """Return the loss of a target, checked: `weights` sum to one or are None for equal ones.

        Raises
        ------
        ValueError
            Where the offset is not finite, squares of y overflow, or all of them underflow.
        """
        if offset is not None:
            y = y - validation.no_nan_or_inf(validation.finite_vector(offset, len(y), "offset"), "offset")
        y_mean = mean(y, weights) if fit_intercept else 0.0
        y = y - y_mean
        if fit_intercept:       # a second round takes off what rounding left
            rest = mean(y, weights)
            y -= rest
            y_mean += rest
        with np.errstate(over="ignore"):
            null_value = float(0.5 * mean(y * y, weights))
        rounding = EPSILON * abs(y_mean)
        if null_value**0.5 <= rounding and mean(np.abs(y), weights) <= 2 * rounding:
            y, null_value = np.zeros(len(y)), 0.0       # y is constant but for rounding
        if not np.isfinite(null_value):
            raise ValueError("y is too large: its squares overflow; divide y (and alpha) by a constant")
        if null_value < validation.SMALLEST_SQUARE and mean(np.abs(y), weights) > 0:
            raise ValueError("y is too small: its squares underflow; multiply y (and alpha) by a constant")
        return cls(y, y_mean, fit_intercept, null_value)

    @property
    def null_residual(self):
        """y, the residual at b = 0."""
        return self.y

    @property
    def norm2(self):
        """|y|^2, the squared norm of the residual at b = 0."""
        return 2 * self.null_value

    @property
    def norm(self):
        """|y|."""
        return norm_of(self.null_value)

    def residuals(self, design, cols, B):
        """Return y - B X[:, cols]', centred, a row for each row of B."""
        return design.residuals(self.y, cols, B)

    def value(self, norm2):
        """F, from |r|^2."""
        return 0.5 * norm2

    def slack(self, norm2, scale):
        """F + F*(-t r) + t <r, X b> with t = scale, from |r|^2: the part of the duality gap that the loss has."""
        return 0.5 * (1 - scale) * (1 - scale) * norm2

    def cost_of_shrinking(self, norm2, delta):
        """What the dual point (1 - delta) r costs the gap of r itself, at most: delta^2 |r|^2 / 2."""
        return 0.5 * delta * delta * norm2

    def explained(self, norms2):
        """1 - F / P(0) for each |r|^2, which is R2; 0 where y is constant."""
        return explained(norms2, self.null_value) if self.null_value > 0 else np.zeros(len(norms2))

    def is_worse_than_nothing(self, norms2, slack):
        """Whether |r|^2 exceeds `slack` times that of b = 0, or is NaN."""
        return ~(norms2 <= 2 * slack * self.null_value)

    def intercepts(self, means, coefs, centres=None):
        """b0 for each row of coefficients, on columns with these means."""
        del centres     # b0 + means.b is y_mean
        if not self.fit_intercept or not len(means):
            return np.full(len(coefs), self.y_mean)
        return self.y_mean - shifts(coefs, means)

    def intercept_costs(self, means, coefs):
        """What rounding of b0 = y_mean - mean.b and of X b may add to each objective: (8 eps |mean|.|b|)^2 / 2.

        The means, their products with b, b0, the products x_ij b_j and the sums of both are rounded. In 60 digits up to
        6.9 eps |mean|.|b| was seen together.
        """
        if not self.fit_intercept or not len(means):
            return np.zeros(len(coefs))
        return 0.5 * (8 * EPSILON * shifts(np.abs(coefs), np.abs(means))) ** 2


    def of_norm2(self, norm2):
        """Return the loss of another y with this |y|^2, the values of which nobody asks for."""
        return replace(self, null_value=0.5 * norm2)

    def costs_of_errors(self, errors, gaps):
        """What an error e of the fitted values, of norm |e|, may add to each objective: |e| sqrt(2 gap) + |e|^2 / 2.

        The residual has at most sqrt(2 gap) in a span that nothing penalises, where e is.
        """
        return errors * np.sqrt(2 * gaps) + 0.5 * errors**2


def norm_of(null_value):
    """|y| from P(0)."""
    return np.sqrt(2 * null_value)


def explained(norm2, null_value):
    """1 - F / P(0) from |r|^2."""
    return 1 - 0.5 * norm2 / null_value


def log_likelihood_term(n, null_value, explained):
    """n log(RSS / n): minus twice the log likelihood of normal noise at its best variance, up to a constant.

    RSS / n = 2 P(0) (1 - R2), at least eps P(0): below that 1 - R2 is rounding.
    """
    floor = EPSILON * max(null_value, np.finfo(float).tiny)
    return n * np.log(np.maximum(2 * null_value * (1 - explained), floor))


def mean(values, weights):
    """Weighted mean of an n-vector, in an order of addition that does not depend on a BLAS."""
    return np.add.reduce(values) / len(values) if weights is None else engine.dot(weights, values)


def shifts(coefs, means):
    """mean.b for each row b of `coefs`."""
    shift = np.zeros((len(coefs), 1))
    engine.products(np.ascontiguousarray(coefs), means[None], len(means), shift)
    return shift[:, 0]
