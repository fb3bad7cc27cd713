"""Concave penalties: what each coefficient costs, as a sum of p(t_j; a_j) with t_j = |b_j| and a_j the slope at zero.

Reweighted lassos (`refinement/reweighting.py`) need only the slope and the value of a penalty.
"""

from dataclasses import asdict, dataclass, fields
from typing import ClassVar

import numpy as np

from .. import validation

# Classes by the name that callers use.
PENALTIES = {}


@dataclass(frozen=True)
class Concave:
    """The contract of a concave penalty p(t; a), t >= 0, a > 0: p(0) = 0, p'(0) = a, p' >= 0 and never increasing.

    A subclass is a frozen dataclass of its parameters. Callers name it by its class name in lower case.

    Attributes
    ----------
    gamma : float
        The scale of t on which the slope falls, in units of a.
    least : float
        `gamma` must be larger.
    most : dict
        The largest value of each further parameter that has one; all must be above 0.
    """

    gamma: float
    least: ClassVar = 0.0
    most: ClassVar = {}

    def __init_subclass__(cls):
        PENALTIES[cls.__name__.lower()] = cls

    @classmethod
    def parameters(cls):
        """Return the names of the parameters."""
        return [field.name for field in fields(cls)]

    @classmethod
    def checked(cls, parameter, value):
        """Return the value of a parameter as a float.

        Raises
        ------
        ValueError
            Where there is no such parameter, or it cannot have this value.
        """
        if parameter not in cls.parameters():
            owners = [name for name, kind in PENALTIES.items() if parameter in kind.parameters()]
            raise ValueError(f"{parameter} belongs to {', '.join(map(repr, owners)) or 'no penalty'}, "
                             f"got penalty={cls.__name__.lower()!r}")
        least = cls.least if parameter == "gamma" else 0.0
        return validation.number(value, parameter, least, cls.most.get(parameter, np.inf), low_open=True)

    def slope(self, t, a):
        """p'(t)."""
        raise NotImplementedError

    def value(self, t, a):
        """p(t), the integral of the slope from 0."""
        raise NotImplementedError


@dataclass(frozen=True)
class Mcp(Concave):
    """p(t) = a t - t^2 / (2 gamma) up to t = gamma a, constant from there (Zhang 2010, Ann. Statist. 38, eq. 2.1)."""

    gamma: float = 3.0
    least: ClassVar = 1.0

    def slope(self, t, a):
        return np.maximum(a - t / self.gamma, 0.0)

    def value(self, t, a):
        t = np.minimum(t, self.gamma * a)
        return a * t - t * t / (2 * self.gamma)


@dataclass(frozen=True)
class Scad(Concave):
    """p' = a up to t = a, then (gamma a - t)_+ / (gamma - 1) (Fan and Li 2001, JASA 96(456), eq. 2.7)."""

    gamma: float = 3.7
    least: ClassVar = 2.0

    def slope(self, t, a):
        return np.where(t <= a, a, np.maximum(self.gamma * a - t, 0.0) / (self.gamma - 1))

    def value(self, t, a):
        beyond = np.clip(t, a, self.gamma * a) - a
        return a * np.minimum(t, a) + a * beyond - beyond * beyond / (2 * (self.gamma - 1))


@dataclass(frozen=True)
class Log(Concave):
    """p(t) = a e log(1 + t / e) with e = gamma a (Candes, Wakin and Boyd 2008, eq. 2.3, scaled to p'(0) = a)."""

    gamma: float = 1.0

    def slope(self, t, a):
        return a / (1 + t / (self.gamma * a))

    def value(self, t, a):
        return self.gamma * a * a * np.log1p(t / (self.gamma * a))


@dataclass(frozen=True)
class Lq(Concave):
    """p(t) = a e / q ((1 + t / e)^q - 1) with e = gamma a (Foucart and Lai 2009, ACHA 26(3), scaled to p'(0) = a)."""

    gamma: float = 1.0
    q: float = 0.5
    most: ClassVar = {"q": 1.0}

    def slope(self, t, a):
        return a * (1 + t / (self.gamma * a)) ** (self.q - 1)

    def value(self, t, a):
        return self.gamma * a * a / self.q * np.expm1(self.q * np.log1p(t / (self.gamma * a)))


def concave_penalty(name, gamma=None, q=None, **others):
    """Return the penalty of that name, its parameters checked; None is a parameter's default.

    `name` may also be a `Concave`. Its own parameters are checked, and it is returned unchanged.
    """
    given = {"gamma": gamma, "q": q, **others}
    given = {parameter: value for parameter, value in given.items() if value is not None}
    if not isinstance(name, Concave):
        kind = PENALTIES[validation.one_of(name, "penalty", tuple(PENALTIES))]
        return kind(**{parameter: kind.checked(parameter, value) for parameter, value in given.items()})
    if given:
        raise ValueError(f"{', '.join(given)}: belongs to a penalty by name, got penalty={name!r}")
    for parameter, value in asdict(name).items():
        name.checked(parameter, value)
    return name
