"""The judge's Tweedie loss of power between 1 and 2, whose conjugate has no closed form."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .entropy import entropy_spread, exponential, relative_entropy
from .rounding import QUIET
from .targets import within

# Most steps of Newton's method for the split of a theta. It converges in a few; a split that has not is a worse bound.
SPLIT_STEPS = 60

# Relative change of the last step: the bound is worse by the square of its error.
SPLIT_DIGITS = 1e-9


@dataclass(frozen=True)
class Tweedie:
    """v / A + u / B minus its least value over eta, with A = 2 - power, B = power - 1, v = e^(A eta), u = y e^(-B eta).

    That is half the unit deviance y (y^-B - mu^-B) / -B - (y^A - mu^A) / A with mu = e^eta, for y >= 0. With u' - v' =
    theta for any u', v' >= 0,

        f*(-theta) <= (v' ln v' - v') / A + (u' ln(u' / y) - u') / B        (y = 0: u' = 0)

    so kl(v', v) / A + kl(u', u) / B bounds the slack from above. It is the slack where v' = v e^(A z) and
    u' = u e^(-B z) for one z, the change of the score that belongs to theta.
    """

    power: float = 1.5
    name: ClassVar[str] = "tweedie"
    width: ClassVar[float] = 1.0

    def __post_init__(self):
        if not 1 < self.power < 2:
            raise ValueError(f"{self.name}: power must be between 1 and 2, got {self.power!r}")

    @property
    def exponents(self):
        """A = 2 - power and B = power - 1."""
        return 2 - self.power, self.power - 1

    def target(self, y, weight):
        """Return y >= 0."""
        return within(y, self.name, "y >= 0", lambda v: v >= 0)

    def parts(self, y, eta):
        """Return u and v."""
        A, B = self.exponents
        return scaled_exponential(y, -B * eta), exponential(A * eta)

    def residual(self, y, eta):
        """u - v."""
        u, v = self.parts(y, eta)
        return u - v

    def terms(self, y, eta):
        """u + v."""
        u, v = self.parts(y, eta)
        return u + v

    def curvature(self, y, eta):
        """A v + B u."""
        (A, B), (u, v) = self.exponents, self.parts(y, eta)
        return A * v + B * u

    def domain(self, y):
        """Any theta, or theta <= 0 where y = 0."""
        return np.full_like(y, -np.inf), np.where(y > 0, np.inf, 0.0)

    def value(self, y, eta):
        """kl(y^A, v) / A + kl(y^A, u) / B: theta = 0 is split at e^z = y / mu."""
        (A, B), (u, v) = self.exponents, self.parts(y, eta)
        power = np.where(y > 0, exponential(A * log_of(y)), 0.0)
        return (relative_entropy(power - v, v, A * eta) / A
                + np.where(y > 0, relative_entropy(power - u, u, log_of(y) - B * eta), 0.0) / B)

    def slack(self, y, eta, change):
        """kl(v', v) / A + kl(u', u) / B at the split of theta = u - v - change."""
        A, B = self.exponents
        u, v = self.parts(y, eta)
        of_u, of_v = self.split(u, v, change)
        return (relative_entropy(of_v, v, A * eta) / A
                + np.where(y > 0, relative_entropy(of_u, u, log_of(y) - B * eta), 0.0) / B)

    def split(self, u, v, change):
        """Return (u' - u, v' - v), whose difference is -change exactly but for rounding of the larger of u' and v'.

        The larger of the two takes what the other one leaves, so that both stay positive.
        """
        A, B = self.exponents
        z = self.shift(u, v, change)
        with np.errstate(**QUIET, under="ignore"):
            of_u, of_v = u * np.expm1(-B * z), v * np.expm1(A * z)
            of_u = np.where(u == 0, 0.0, of_u)
            takes = (u > 0) & (u + of_u > v + of_v)
            of_u, of_v = np.where(takes, of_v - change, of_u), np.where(takes, of_v, of_u + change)
        return np.maximum(of_u, -u), np.maximum(of_v, -v)

    def shift(self, u, v, change):
        """Solve v (e^(A z) - 1) - u (e^(-B z) - 1) = change for z, by Newton steps between bounds that close in.

        Both terms have the sign of z, so that neither alone may exceed the change.
        """
        A, B = self.exponents
        size = np.abs(change)
        with np.errstate(**QUIET, under="ignore"):
            growing, falling = np.where(change > 0, v, u), np.where(change > 0, u, v)
            rates = np.where(change > 0, A, B), np.where(change > 0, B, A)
            most = np.log1p(size / growing) / rates[0]
            by_falling = -np.log1p(-np.minimum(size / falling, 1.0)) / rates[1]
            high = np.fmin(most, by_falling)
            low, z = np.zeros_like(high), np.fmin(size / (A * v + B * u), high)
            for _ in range(SPLIT_STEPS):
                miss = growing * np.expm1(rates[0] * z) - falling * np.expm1(-rates[1] * z) - size
                low, high = np.where(miss < 0, z, low), np.where(miss > 0, z, high)
                slope = rates[0] * growing * np.exp(rates[0] * z) + rates[1] * falling * np.exp(-rates[1] * z)
                newton = z - miss / slope
                following = np.where((newton >= low) & (newton <= high), newton, 0.5 * (low + high))
                moved, z = np.abs(following - z) > SPLIT_DIGITS * np.abs(z), following
                if not moved.any():
                    break
        return np.copysign(z, change)

    def spread(self, q, y, eta, change, gap):
        """Of A^2 times the entropy of v' / A and B^2 times that of u' / B, whose divergences add up."""
        A, B = self.exponents
        u, v = self.parts(y, eta)
        of_u, of_v = self.split(u, v, change)
        spread = A**2 * entropy_spread(q / A, v + of_v, gap)
        return spread + np.where(y > 0, B**2 * entropy_spread(q / B, u + of_u, gap), 0.0)


def log_of(y):
    """ln y, and 0 where y is 0."""
    return np.log(np.where(y > 0, y, 1.0))


def scaled_exponential(y, x):
    """y e^x, 0 where y is 0."""
    return np.where(y > 0, exponential(log_of(y) + x), 0.0)
