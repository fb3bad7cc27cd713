"""The judge's losses that are not quadratic, row by row. They share no code with `fastlasso.losses`.

Each is half a unit deviance f(eta) >= 0 of a target y: convex in the score eta, with least value 0 in the saturated
model. With the dual value theta of a row and its conjugate f*(-theta) = max over eta of -theta eta - f(eta), a loss
says of every row

    residual(y, eta)          rho = -f'(eta)
    curvature(y, eta)         f''(eta)
    value(y, eta)             f(eta)
    slack(y, eta, change)     f(eta) + f*(-theta) + theta eta >= 0, or an upper bound of it, for theta = rho - change.
                              As a function of the change it has no cancellation. The change is cut to the domain.
    domain(y)                 (low, high): where f*(-theta) is finite, an interval that holds 0
    terms(y, eta)             the size of the terms that the residual is a difference of: what rounds in it
    spread(q, y, eta, change, gap)    q s at least, where (theta - theta*)^2 <= s times the row's share of a gap, for
                              every dual optimum theta* that a gap allows, q being the row's weight

    width                     the change of a score that changes the loss by much: what is tiny beside it is rounding

and reads its target with ``target(y, weight)``, or raises a ValueError. All but Tweedie's slack are exact.

For the exponential families the slack is the divergence of a dual mean m from the mean mu of the score, in terms of

    kl(m, mu) = m ln(m / mu) - m + mu

    loss                 f(eta)                                   residual      slack
    log_loss             log(1 + e^eta) - y eta - entropy(y)      y - mu        kl(m, mu) + kl(1 - m, 1 - mu),
                                                                                m = y - theta
    poisson              y ln(y / mu) - y + mu                    y - mu        kl(m, mu),  m = y - theta
    gamma                ln(mu / y) + y / mu - 1                  s - 1         kl(a, s),  s = y / mu,  a = 1 + theta
    tweedie              v / A + u / B, minus its least value     u - v         kl(v', v) / A + kl(u', u) / B
    negative_binomial    y ln(y / mu)                             y - (y + k) q (y + k) (kl(q', q) + kl(1 - q', 1 - q)),
                         - (y + k) ln((y + k) / (mu + k))                       q = mu / (mu + k),
                                                                                q' = (y - theta) / (y + k)
    huber                r^2 / 2, or delta |r| - delta^2 / 2      cut r         (rho - theta)^2 / 2
                                                                                + (delta - s theta) (|r| - delta)+
    squared_hinge        (1 - s eta)+^2 / 2                       s (1 - s eta)+
                                                                  (rho - theta)^2 / 2 + s theta (s eta - 1)+

Links are the logit for log_loss, the logarithm for poisson to negative_binomial. Tweedie has A = 2 - power and
B = power - 1, v = e^(A eta), u = y e^(-B eta), and any u', v' >= 0 with u' - v' = theta.

A loss of one's own is one more class, a dataclass of its parameters, and a call of `registry.register`.

References
----------
McCullagh, Nelder (1989), "Generalized Linear Models", 2nd ed.: unit deviances.
Ndiaye, Fercoq, Gramfort, Salmon (2017), "Gap Safe screening rules for sparsity enforcing penalties", JMLR 18(128).
Dantas, Soubies, Fevotte (2021), "Safe screening for sparse regression with the Kullback-Leibler divergence", ICASSP.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit

from .entropy import binary_spread, entropy_spread, exponential, relative_entropy
from .targets import proportions, signs, within


class ExponentialFamily:
    """What the losses with a closed slack share."""

    width: ClassVar[float] = 1.0

    def value(self, y, eta):
        """f(eta) = slack of theta = 0, because f*(0) = 0."""
        return self.slack(y, eta, self.residual(y, eta))


@dataclass(frozen=True)
class LogLoss(ExponentialFamily):
    """log(1 + e^eta) - y eta minus its least value over eta, with y in [0, 1]: y = 1 for the second of two classes."""

    name: ClassVar[str] = "log_loss"

    def target(self, y, weight):
        """Return y as proportions in [0, 1]."""
        return proportions(y, weight, self.name)

    def residual(self, y, eta):
        """y - mu, as y (1 - mu) - (1 - y) mu."""
        return y * expit(-eta) - (1 - y) * expit(eta)

    def terms(self, y, eta):
        """y (1 - mu) + (1 - y) mu."""
        return y * expit(-eta) + (1 - y) * expit(eta)

    def curvature(self, y, eta):
        """mu (1 - mu)."""
        return expit(eta) * expit(-eta)

    def domain(self, y):
        """0 <= m <= 1."""
        return y - 1, y

    def slack(self, y, eta, change):
        """kl(m, mu) + kl(1 - m, 1 - mu) with m = mu + change within [0, 1]."""
        return binary_entropy(change, eta)

    def spread(self, q, y, eta, change, gap):
        """At most q / 2, because f'' <= 1/4."""
        return binary_spread(q, *shifted_pair(expit(eta), expit(-eta), change), gap)


def shifted_pair(mean, other, change):
    """Return m and 1 - m for m = mean + change cut to [0, 1], mean + other = 1."""
    return np.clip(mean + change, 0, 1), np.clip(other - change, 0, 1)


def binary_entropy(change, eta):
    """kl(m, mu) + kl(1 - m, 1 - mu) with mu = 1 / (1 + e^-eta), m = mu + change cut to [0, 1]."""
    mean, other = expit(eta), expit(-eta)
    change = np.clip(change, -mean, other)
    return (relative_entropy(change, mean, -np.logaddexp(0, -eta))
            + relative_entropy(-change, other, -np.logaddexp(0, eta)))


@dataclass(frozen=True)
class Poisson(ExponentialFamily):
    """y ln(y / mu) - y + mu with mu = e^eta, y >= 0."""

    name: ClassVar[str] = "poisson"

    def target(self, y, weight):
        """Return y >= 0."""
        return within(y, self.name, "y >= 0", lambda v: v >= 0)

    def residual(self, y, eta):
        """y - mu."""
        return y - exponential(eta)

    def terms(self, y, eta):
        """y + mu."""
        return y + exponential(eta)

    def curvature(self, y, eta):
        """mu."""
        return exponential(eta)

    def domain(self, y):
        """m = y - theta >= 0."""
        return np.full_like(y, -np.inf), y

    def slack(self, y, eta, change):
        """kl(m, mu) with m = mu + change >= 0."""
        return relative_entropy(change, exponential(eta), eta)

    def spread(self, q, y, eta, change, gap):
        """Of the entropy of m."""
        return entropy_spread(q, np.maximum(exponential(eta) + change, 0), gap)


@dataclass(frozen=True)
class Gamma(ExponentialFamily):
    """ln(mu / y) + y / mu - 1 with mu = e^eta, y > 0."""

    name: ClassVar[str] = "gamma"

    def target(self, y, weight):
        """Return y > 0."""
        return within(y, self.name, "y > 0", lambda v: v > 0)

    def residual(self, y, eta):
        """s - 1, s = y / mu."""
        with np.errstate(over="ignore", under="ignore"):
            return np.expm1(np.log(y) - eta)

    def terms(self, y, eta):
        """s + 1."""
        return exponential(np.log(y) - eta) + 1

    def curvature(self, y, eta):
        """s."""
        return exponential(np.log(y) - eta)

    def domain(self, y):
        """a = 1 + theta >= 0."""
        return np.full_like(y, -1.0), np.full_like(y, np.inf)

    def slack(self, y, eta, change):
        """kl(a, s) with a = s - change >= 0."""
        logarithm = np.log(y) - eta
        return relative_entropy(-change, exponential(logarithm), logarithm)

    def spread(self, q, y, eta, change, gap):
        """Of the entropy of a."""
        return entropy_spread(q, np.maximum(exponential(np.log(y) - eta) - change, 0), gap)


@dataclass(frozen=True)
class NegativeBinomial(ExponentialFamily):
    """y ln(y / mu) - (y + k) ln((y + k) / (mu + k)) with mu = e^eta, y >= 0; the variance is mu + mu^2 / k."""

    k: float = 1.0
    name: ClassVar[str] = "negative_binomial"

    def __post_init__(self):
        positive(self.name, "k", self.k)

    def target(self, y, weight):
        """Return y >= 0."""
        return within(y, self.name, "y >= 0", lambda v: v >= 0)

    def share(self, eta):
        """Return the logit of q = mu / (mu + k)."""
        return eta - np.log(self.k)

    def residual(self, y, eta):
        """y - (y + k) q, as y (1 - q) - k q."""
        z = self.share(eta)
        return y * expit(-z) - self.k * expit(z)

    def terms(self, y, eta):
        """y (1 - q) + k q."""
        z = self.share(eta)
        return y * expit(-z) + self.k * expit(z)

    def curvature(self, y, eta):
        """(y + k) q (1 - q)."""
        z = self.share(eta)
        return (y + self.k) * expit(z) * expit(-z)

    def domain(self, y):
        """0 <= y - theta <= y + k."""
        return np.full_like(y, -self.k), y

    def slack(self, y, eta, change):
        """(y + k) (kl(q', q) + kl(1 - q', 1 - q)) with q' = q + change / (y + k)."""
        trials = y + self.k
        return trials * binary_entropy(change / trials, self.share(eta))

    def spread(self, q, y, eta, change, gap):
        """Of the entropies of q' and 1 - q', in a row of weight q (y + k)."""
        trials, z = y + self.k, self.share(eta)
        return binary_spread(q * trials, *shifted_pair(expit(z), expit(-z), change / trials), gap)


@dataclass(frozen=True)
class Huber:
    """r^2 / 2 for |r| <= delta, delta |r| - delta^2 / 2 beyond, with r = y - eta."""

    delta: float = 1.35
    name: ClassVar[str] = "huber"

    @property
    def width(self):
        """delta."""
        return self.delta

    def __post_init__(self):
        positive(self.name, "delta", self.delta)

    def target(self, y, weight):
        """Return any y."""
        return within(y, self.name, "numbers", np.isfinite)

    def residual(self, y, eta):
        """r cut to [-delta, delta]."""
        return np.clip(y - eta, -self.delta, self.delta)

    def terms(self, y, eta):
        """|y| + |eta| where it is not cut."""
        return np.where(np.abs(y - eta) <= self.delta, np.abs(y) + np.abs(eta), self.delta)

    def curvature(self, y, eta):
        """1, or 0 where it is cut."""
        return (np.abs(y - eta) <= self.delta).astype(np.float64)

    def value(self, y, eta):
        """f(eta)."""
        size = np.abs(y - eta)
        inside = np.minimum(size, self.delta)
        return inside * (0.5 * inside + (size - inside))

    def domain(self, y):
        """|theta| <= delta."""
        return np.full_like(y, -self.delta), np.full_like(y, self.delta)

    def slack(self, y, eta, change):
        """(rho - theta)^2 / 2 + |rho - theta| (|r| - delta)+: beyond, theta is on the inner side of rho."""
        rho = self.residual(y, eta)
        change = np.clip(change, rho - self.delta, rho + self.delta)
        return np.abs(change) * (0.5 * np.abs(change) + np.maximum(np.abs(y - eta) - self.delta, 0))

    def spread(self, q, y, eta, change, gap):
        """2 q, because f* is 1-strongly convex."""
        return 2 * q


@dataclass(frozen=True)
class SquaredHinge:
    """max(0, 1 - s eta)^2 / 2 with s = 1 for the second of two classes, s = -1 for the first."""

    name: ClassVar[str] = "squared_hinge"
    width: ClassVar[float] = 1.0

    def target(self, y, weight):
        """Return s."""
        return signs(y, weight, self.name)

    def residual(self, y, eta):
        """s max(0, 1 - s eta)."""
        return y * np.maximum(1 - y * eta, 0)

    def terms(self, y, eta):
        """1 + |eta| where it is not 0."""
        return np.where(y * eta < 1, 1 + np.abs(eta), 0.0)

    def curvature(self, y, eta):
        """1, or 0 where the row costs nothing."""
        return (y * eta < 1).astype(np.float64)

    def value(self, y, eta):
        """f(eta)."""
        with np.errstate(over="ignore"):
            return 0.5 * np.maximum(1 - y * eta, 0) ** 2

    def domain(self, y):
        """s theta >= 0."""
        return np.where(y > 0, 0.0, -np.inf), np.where(y > 0, np.inf, 0.0)

    def slack(self, y, eta, change):
        """(rho - theta)^2 / 2 + s theta (s eta - 1)+."""
        margin = 1 - y * eta
        pull = np.maximum(np.maximum(margin, 0) - y * change, 0)
        with np.errstate(over="ignore"):
            return np.where(margin > 0, 0.5 * np.minimum(y * change, margin) ** 2,
                            pull * (0.5 * pull - margin))

    def spread(self, q, y, eta, change, gap):
        """2 q, because f* is 1-strongly convex."""
        return 2 * q


def positive(name, parameter, value):
    """Raise where a parameter is not finite and above 0."""
    if not 0 < value < np.inf:
        raise ValueError(f"{name}: {parameter} must be positive and finite, got {value!r}")
