"""penalties.concave."""

from dataclasses import dataclass

import numpy as np

from .. import validation


@dataclass(frozen=True)
class Mcp:
    """p(t) = a t - t^2 / (2 gamma) up to t = gamma a, constant from there (Zhang 2010, Ann. Statist. 38, eq. 2.1)."""

    gamma: float = 3.0
    least = 1.0

    def slope(self, t, a):
        """p'(t) at t >= 0."""
        return np.maximum(a - t / self.gamma, 0.0)

    def value(self, t, a):
        """p(t)."""
        t = np.minimum(t, self.gamma * a)
        return a * t - t * t / (2 * self.gamma)


@dataclass(frozen=True)
class Scad:
    """p' = a up to t = a, then (gamma a - t)_+ / (gamma - 1) (Fan and Li 2001, JASA 96(456), eq. 2.7)."""

    gamma: float = 3.7
    least = 2.0

    def slope(self, t, a):
        """p'(t) at t >= 0."""
        return np.where(t <= a, a, np.maximum(self.gamma * a - t, 0.0) / (self.gamma - 1))

    def value(self, t, a):
        """p(t)."""
        beyond = np.clip(t, a, self.gamma * a) - a
        return a * np.minimum(t, a) + a * beyond - beyond * beyond / (2 * (self.gamma - 1))


@dataclass(frozen=True)
class Log:
    """p(t) = a e log(1 + t / e) with e = gamma a (Candes, Wakin and Boyd 2008, eq. 2.3, scaled to p'(0) = a)."""

    gamma: float = 1.0
    least = 0.0

    def slope(self, t, a):
        """p'(t) at t >= 0."""
        return a / (1 + t / (self.gamma * a))

    def value(self, t, a):
        """p(t)."""
        return self.gamma * a * a * np.log1p(t / (self.gamma * a))


@dataclass(frozen=True)
class Lq:
    """p(t) = a e / q ((1 + t / e)^q - 1) with e = gamma a (Foucart and Lai 2009, ACHA 26(3), scaled to p'(0) = a)."""

    gamma: float = 1.0
    q: float = 0.5
    least = 0.0

    def slope(self, t, a):
        """p'(t) at t >= 0."""
        return a * (1 + t / (self.gamma * a)) ** (self.q - 1)

    def value(self, t, a):
        """p(t)."""
        return self.gamma * a * a / self.q * np.expm1(self.q * np.log1p(t / (self.gamma * a)))
PENALTIES = {"mcp": Mcp, "scad": Scad, "log": Log, "lq": Lq}


def concave_penalty(name, gamma=None, q=None):
    """Return the penalty of that name, its parameters checked."""
    kind = PENALTIES[validation.one_of(name, "penalty", tuple(PENALTIES))]
    given = {} if gamma is None else {"gamma": validation.number(gamma, "gamma", kind.least, low_open=True)}
    if q is not None:
        if kind is not Lq:
            raise ValueError(f'q belongs to the penalty "lq", got penalty={name!r}')
        given["q"] = validation.number(q, "q", 0.0, 1.0, low_open=True)
    return kind(**given)
