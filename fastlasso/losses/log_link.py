"""Losses whose mean is exp(eta): Poisson, gamma, Tweedie and negative binomial."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import validation
from .._engine import engine
from .._engine.engine import divergence
from ..annotations import Floats, NDArray
from .base import Loss, average, numbers

# Scores beyond this are cut before exp: exp(700) = 1e304 still is a number. `engine.poisson` does the same.
LARGEST_EXPONENT = 700.0


class LogLink(Loss):
    """A loss whose mean is exp(eta)."""

    link: ClassVar[str] = "log"
    largest_score: ClassVar[float] = 600.0

    def target(self, y: Any, weights: Floats | None) -> tuple[Floats, NDArray[Any] | None]:
        y = numbers(y, self.name)
        self.reject(y, y < 0, "y >= 0")
        if average(y, weights) == 0:
            raise ValueError(f"loss {self.name!r} has no minimum where all y of positive weight are 0")
        return y, None

    def score(self, mean: float) -> float:
        return float(np.log(mean))

    def mean(self, eta: Floats) -> Floats:
        with np.errstate(over="ignore"):
            return np.exp(eta)


@dataclass(frozen=True)
class Poisson(LogLink):
    """Half the Poisson deviance with the log link, mu = exp(eta).

        f = y ln(y / mu) - y + mu,      y >= 0, real numbers too

    An exposure e is the offset ln(e); the fit equals that of the rates y / e with weights e.

    Source: McCullagh and Nelder 1989, "Generalized Linear Models", chapter 6.
    """

    name: ClassVar[str] = "poisson"

    def deviance(self, eta: Floats, y: Floats) -> Floats:
        mu = exponential(eta)
        return divergence(mu, y - mu)

    def local(self, eta: Floats, y: Floats) -> tuple[Floats, Floats]:
        return engine.poisson_local(eta, y)

    def slack(self, eta: Floats, y: Floats, theta: Floats) -> Floats:
        mu = exponential(eta)
        return divergence(mu, y - mu - theta)

    def terms(self, eta: Floats, y: Floats, theta: Floats) -> tuple[Floats, Floats]:
        return engine.poisson(eta, y, theta)


@dataclass(frozen=True)
class Gamma(LogLink):
    """Half the gamma deviance with the log link, mu = exp(eta).

        f = ln(mu / y) + y / mu - 1,      y > 0

    Source: McCullagh and Nelder 1989, "Generalized Linear Models", chapter 8.
    """

    name: ClassVar[str] = "gamma"

    def target(self, y: Any, weights: Floats | None) -> tuple[Floats, NDArray[Any] | None]:
        y = numbers(y, self.name)
        self.reject(y, y <= 0, "y > 0")
        return y, None

    def deviance(self, eta: Floats, y: Floats) -> Floats:
        s = y * exponential(-eta)
        return divergence(s, 1 - s)

    def local(self, eta: Floats, y: Floats) -> tuple[Floats, Floats]:
        s = y * exponential(-eta)
        return s - 1, s

    def slack(self, eta: Floats, y: Floats, theta: Floats) -> Floats:
        s = y * exponential(-eta)
        return divergence(s, 1 + theta - s)


@dataclass(frozen=True)
class Tweedie(LogLink):
    """Half the Tweedie deviance of a power between 1 and 2 with the log link, mu = exp(eta).

        f = mu^A / A + y mu^-B / B - y^A / (A B),      A = 2 - power, B = power - 1, y >= 0

    The variance of y is proportional to mu^power: sums of a Poisson number of gamma variables, with a mass at 0.
    f* has no closed form. The slack is an upper bound of f + f* + theta eta that is exact where theta is optimal: f is
    the sum of two exponentials, and f* at most the sum of their conjugates at any u - v = theta.

    Parameters
    ----------
    power : float, 1 < power < 2

    Source: Jorgensen 1987, J. R. Stat. Soc. B 49(2); Dunn and Smyth 2005, Stat. Comput. 15(4).
    """

    power: float = 1.5
    name: ClassVar[str] = "tweedie"

    def __post_init__(self):
        if not 1 < validation.number(self.power, "power") < 2:
            raise ValueError(f"power == {self.power}, must be between 1 and 2; 1 is loss='poisson', 2 is loss='gamma'")

    def _exponentials(self, eta, y):
        """(A, v = mu^A, B, u = y mu^-B)."""
        A, B = 2 - self.power, self.power - 1
        return A, exponential(A * eta), B, y * exponential(-B * eta)

    def deviance(self, eta: Floats, y: Floats) -> Floats:
        A, v, B, u = self._exponentials(eta, y)
        best = y**A
        return divergence(v, best - v) / A + divergence(u, best - u) / B

    def local(self, eta: Floats, y: Floats) -> tuple[Floats, Floats]:
        A, v, B, u = self._exponentials(eta, y)
        return u - v, A * v + B * u

    def slack(self, eta: Floats, y: Floats, theta: Floats) -> Floats:
        A, v, B, u = self._exponentials(eta, y)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            move = (u - v - theta) / (A * v + B * u)
            dv, du = A * v * move, -B * u * move
            out = (v + dv < 0) | (u + du < 0)
            if out.any():
                least = np.maximum(-theta[out], 0.0)
                dv[out], du[out] = least - v[out], least + theta[out] - u[out]
        return divergence(v, dv) / A + divergence(u, du) / B


@dataclass(frozen=True)
class NegativeBinomial(LogLink):
    """Half the deviance of the negative binomial with known k and the log link, mu = exp(eta).

        f = y ln(y / mu) - (y + k) ln((y + k) / (mu + k)),      y >= 0

    The variance of y is mu + mu^2 / k.

    Parameters
    ----------
    k : float > 0

    Source: Hilbe 2011, "Negative Binomial Regression" (NB2).
    """

    k: float = 1.0
    name: ClassVar[str] = "negative_binomial"

    def __post_init__(self):
        validation.number(self.k, "k", 0.0, low_open=True)

    def _shares(self, eta):
        """(q, 1 - q), q = mu / (mu + k)."""
        return engine.logistic(eta - np.log(self.k))

    def _divergence(self, eta, y, theta):
        q, p = self._shares(eta)
        n = y + self.k
        change = (y * p - self.k * q - theta) / n
        return n * (divergence(q, change) + divergence(p, -change))

    def deviance(self, eta: Floats, y: Floats) -> Floats:
        return self._divergence(eta, y, 0.0)

    def local(self, eta: Floats, y: Floats) -> tuple[Floats, Floats]:
        q, p = self._shares(eta)
        return y * p - self.k * q, (y + self.k) * q * p

    def slack(self, eta: Floats, y: Floats, theta: Floats) -> Floats:
        return self._divergence(eta, y, theta)


def exponential(eta):
    """exp(eta), finite."""
    return engine.exp(np.minimum(eta, LARGEST_EXPONENT))
