"""The judge's own losses. They share no code with `fastlasso.losses`: a judge that borrows F* is no judge.

A loss F is a function of the scores s = b0 + X b; target, offset and weights are inside it. The judge asks it for

    value                  F(s)
    null_value             the least F(b0) over the intercepts b0: P(0)
    residual               rho = -F'(s), in the inner product <u, v> = sum_i q_i u_i v_i
    dual_value             -F*(-theta), the loss's part of the dual objective
    slack                  F(s) + F*(-theta) + <theta, s>, the loss's part of the duality gap, never negative
    dual_slope             the derivative of -F*(-t r) in t: where the best multiple t of a residual r is
    dual_radius            how far the dual optimum can be from a dual point of a given gap
    target_norm            the size of the numbers that the residual is the difference of

A further loss is one more class with these names, as in `row_losses`, and one line in `registry`.

All vectors are root-weighted: multiplied by sqrt(q_i), which makes <u, v> their plain dot product.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .rounding import euclidean_norm, exact_difference, shifted_mean, total


@dataclass(frozen=True)
class SquaredError:
    """F(s) = 1/2 |z - s|^2 with z = y - offset.

    Its conjugate is F*(-theta) = 1/2 |theta|^2 - <theta, z>, and its residual is rho = z - s. So

        F(s) + F*(-theta) + <theta, s> = 1/2 |rho - theta|^2

    F' has Lipschitz constant 1, so the dual is 1-strongly concave.

    Attributes
    ----------
    target : ndarray of shape (n_samples,)
        Root-weighted z - target_mean.
    target_mean : float
        The weighted mean of z with an intercept, 0 without.
    root : ndarray of shape (n_samples,)
        sqrt(q_i).
    fit_intercept : bool
    """

    target: np.ndarray
    target_mean: float
    root: np.ndarray
    fit_intercept: bool

    @classmethod
    def of(cls, y, offset, root, fit_intercept):
        """Return the loss of validated data; y - offset keeps the digits that its rounding would lose."""
        target, rounding = exact_difference(y, offset)
        mean = shifted_mean(target, root) if fit_intercept else 0.0
        return cls(root * (target - mean + rounding), mean, root, fit_intercept)

    @cached_property
    def target_norm(self):
        """|z - target_mean|."""
        return euclidean_norm(self.target)

    @cached_property
    def null_value(self):
        """P(0) = 1/2 |z - target_mean|^2."""
        return 0.5 * total(self.target**2)

    def residual(self, product, constants):
        """Return the weighted mean of rho and the root-weighted rho - mean.

        The scores are `product`, a vector, plus the sum of `constants`. Without an intercept rho is not centred: the
        mean is returned as 0.
        """
        residual = self.target - self.root * product
        if not self.fit_intercept:
            return 0.0, residual
        drift = total(self.root * residual)
        mean = total(np.concatenate([[drift, self.target_mean], -constants]))
        return mean, residual - drift * self.root

    def value(self, rho):
        """F(s), from the residual."""
        return 0.5 * total(rho**2)

    def dual_value(self, theta, error):
        """What is certain of -F*(-theta) = <theta, z> - 1/2 |theta|^2 where theta is off by `error` in norm."""
        return total(theta * (self.target - 0.5 * theta)) - error * self.target_norm

    def slack(self, difference, error):
        """1/2 |rho - theta|^2 at most, where the difference rho - theta is off by `error` in norm."""
        return 0.5 * (euclidean_norm(difference) + error) ** 2

    def dual_slope(self, rest, error):
        """Return (slope, t): the derivative of -F*(-t rest) as a function of t >= 0, and where it vanishes.

            slope(t) = <rest, z> - error |z| - t |rest|^2

        The second term is what `rest` being off by `error` in norm may take away. Where the derivative is nowhere
        positive, t = 0.
        """
        square = np.sum(rest**2)
        at_zero = np.sum(rest * self.target) - error * self.target_norm
        vanishes = 0.0 if square == 0 or at_zero <= 0 else at_zero / square
        return lambda t: at_zero - t * square, vanishes

    def dual_radius(self, gap):
        """Largest distance of the dual optimum from a dual point of this gap: sqrt(2 gap)."""
        return math.sqrt(2 * gap)
