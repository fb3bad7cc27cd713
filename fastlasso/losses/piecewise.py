"""Losses whose curvature is 0 or 1: Huber's, robust to outliers in y, and the squared hinge of a linear classifier."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import validation
from ..annotations import Floats, NDArray
from .base import Loss, numbers
from .log_loss import zeros_and_ones

# A dual point may be this much, relatively, outside its domain: rounding.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Huber(Loss):
    """Huber's loss of the residual r = y - eta.

        f = r^2 / 2   for |r| <= delta,      delta |r| - delta^2 / 2   beyond

    Parameters
    ----------
    delta : float > 0
        In units of y. 1.35 times the standard deviation of the noise keeps 95 % efficiency where noise is normal.

    Source: Huber 1964, Ann. Math. Stat. 35(1).
    """

    delta: float = 1.35
    name: ClassVar[str] = "huber"
    smoothness: ClassVar[float] = 1.0
    keeps_curvature: ClassVar[bool] = False

    def __post_init__(self):
        validation.number(self.delta, "delta", 0.0, low_open=True)

    def target(self, y: Any, weights: Floats | None) -> tuple[Floats, NDArray[Any] | None]:
        return numbers(y, self.name), None

    def start(self, y: Floats, weights: Floats | None) -> float:
        order = np.argsort(y, kind="stable")
        share = np.cumsum(np.full(len(y), 1 / len(y)) if weights is None else weights[order])
        return float(y[order[np.searchsorted(share, 0.5 * share[-1])]])

    def mean(self, eta: Floats) -> Floats:
        return eta

    def deviance(self, eta: Floats, y: Floats) -> Floats:
        size = np.abs(y - eta)
        inner = np.minimum(size, self.delta)
        return inner * (size - 0.5 * inner)

    def local(self, eta: Floats, y: Floats) -> tuple[Floats, Floats]:
        r = y - eta
        return np.clip(r, -self.delta, self.delta), (np.abs(r) <= self.delta).astype(np.float64)

    def slack(self, eta: Floats, y: Floats, theta: Floats) -> Floats:
        r, delta = y - eta, self.delta
        near = np.clip(r, -delta, delta)
        out = np.abs(theta) > delta * (1 + ROUNDING)
        theta = np.clip(theta, -delta, delta)
        with np.errstate(invalid="ignore"):
            return np.where(out, np.inf, 0.5 * (near - theta) ** 2 + (near - theta) * (r - near))


@dataclass(frozen=True)
class SquaredHinge(Loss):
    """The squared hinge of a linear support vector machine, s = -1 or 1 for the two classes of y.

        f = max(0, 1 - s eta)^2 / 2

    The larger class in sorted order is the positive one. alpha is on this half: scikit-learn's LinearSVC has the whole.

    Source: Fan, Chang, Hsieh, Wang and Lin 2008, JMLR 9.
    """

    name: ClassVar[str] = "squared_hinge"
    smoothness: ClassVar[float] = 1.0
    is_classifier: ClassVar[bool] = True
    keeps_curvature: ClassVar[bool] = False

    def target(self, y: Any, weights: Floats | None) -> tuple[Floats, NDArray[Any] | None]:
        y, classes = zeros_and_ones(y, self.name)
        share = y[weights > 0] if weights is not None else y
        if share.min() == share.max():
            raise ValueError(f"loss 'squared_hinge' needs samples of both classes; all with positive weight are "
                             f"{classes[int(share[0])]!r}")
        return 2 * y - 1, classes

    def start(self, y: Floats, weights: Floats | None) -> float:
        return 0.0

    def mean(self, eta: Floats) -> Floats:
        return np.sign(eta)

    def deviance(self, eta: Floats, y: Floats) -> Floats:
        return 0.5 * np.maximum(1 - y * eta, 0.0) ** 2

    def local(self, eta: Floats, y: Floats) -> tuple[Floats, Floats]:
        margin = 1 - y * eta
        return y * np.maximum(margin, 0.0), (margin > 0).astype(np.float64)

    def slack(self, eta: Floats, y: Floats, theta: Floats) -> Floats:
        u, margin = y * theta, 1 - y * eta
        inner = np.maximum(margin, 0.0)
        with np.errstate(invalid="ignore"):
            value = 0.5 * (inner - np.maximum(u, 0.0)) ** 2 + np.maximum(u, 0.0) * np.maximum(-margin, 0.0)
        return np.where(u < -ROUNDING, np.inf, value)
