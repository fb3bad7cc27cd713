"""Logistic regression: the log loss of two classes, or of proportions."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .._engine import engine
from .._engine.engine import divergence
from ..annotations import Floats, NDArray
from .base import Loss, average, numbers


@dataclass(frozen=True)
class LogLoss(Loss):
    """Half the binomial deviance with the logit link, mu = 1 / (1 + exp(-eta)).

        f = y ln(y / mu) + (1 - y) ln((1 - y) / (1 - mu))

    For y in {0, 1} that is ln(1 + exp(eta)) - y eta. y holds two classes of any label (the larger one in sorted order
    is the positive class), or numbers within [0, 1]. Numbers between are proportions: with the numbers of trials as
    weights the fit equals that of the single trials.

    Source: McCullagh and Nelder 1989, "Generalized Linear Models", section 4.4.
    """

    name: ClassVar[str] = "log_loss"
    smoothness: ClassVar[float] = 0.25
    is_classifier: ClassVar[bool] = True
    link: ClassVar[str] = "logit"
    largest_score: ClassVar[float] = 2000.0

    def target(self, y: Any, weights: Floats | None) -> tuple[Floats, NDArray[Any] | None]:
        y, classes = zeros_and_ones(y, self.name, proportions=True)
        share = average(y, weights)
        if share in (0.0, 1.0):
            which = share if classes is None else classes[int(share)].item()
            raise ValueError(f"loss 'log_loss' needs samples of both classes; all with positive weight are {which!r}")
        return y, classes

    def score(self, mean: float) -> float:
        return float(np.log(mean / (1 - mean)))

    def mean(self, eta: Floats) -> Floats:
        return engine.logistic(np.ravel(eta))[0].reshape(np.shape(eta))

    def deviance(self, eta: Floats, y: Floats) -> Floats:
        return engine.log_loss(eta, y, np.zeros(len(eta)))[0]

    def local(self, eta: Floats, y: Floats) -> tuple[Floats, Floats]:
        return engine.log_loss_local(eta, y)

    def slack(self, eta: Floats, y: Floats, theta: Floats) -> Floats:
        return self._divergence(*engine.logistic(eta), y, theta)

    def terms(self, eta: Floats, y: Floats, theta: Floats) -> tuple[Floats, Floats]:
        return engine.log_loss(eta, y, theta)

    @staticmethod
    def _divergence(mu, nu, y, theta):
        """m ln(m / mu) + (1 - m) ln((1 - m) / (1 - mu)) for the dual mean m = y - theta."""
        change = y * nu - (1 - y) * mu - theta
        return divergence(mu, change) + divergence(nu, -change)


def zeros_and_ones(y, name, proportions=False):
    """Return (y with 0 and 1 for its two classes, the classes); (y, None) for proportions.

    Numbers that all lie within [0, 1] are proportions where these are allowed; 0 and 1 alone are classes, too.
    """
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.dtype.kind == "O" and all(isinstance(value, (int, float, np.number, np.bool_)) for value in y.tolist()):
        y = y.astype(np.float64)
    if y.dtype.kind == "f" or np.ma.isMaskedArray(y):
        y = numbers(y, name)
    if y.ndim != 1:
        raise ValueError(f"y should be a 1d array, got an array of shape {y.shape} instead.")
    if y.dtype.kind == "T":
        y = y.astype(object)
    if y.dtype.kind in "OMm":
        refuse_missing(y)
    if y.dtype.kind == "O":
        y = y.astype(str)
    if y.dtype.kind == "c":
        raise ValueError(f"loss {name!r} needs two classes in y, got complex numbers")
    if proportions and y.dtype.kind in "fiu" and y.min() >= 0 and y.max() <= 1:
        labels = np.array([0, 1], y.dtype) if ((y == 0) | (y == 1)).all() else None
        return y.astype(np.float64), labels
    classes = np.unique(y)
    if len(classes) != 2:
        raise ValueError(f"loss {name!r} needs two classes in y" + (" or numbers within [0, 1]" if proportions else "")
                         + f"; y has {len(classes)} different values, the first is {classes.tolist()[0]!r}")
    return (y == classes[1]).astype(np.float64), classes


def refuse_missing(labels):
    """Raise ValueError for the first label that is missing: None, NaN, NaT or pandas' NA."""
    for at, label in enumerate(labels.tolist() if labels.dtype.kind == "O" else np.where(np.isnat(labels), None, 0)):
        if label is None or type(label).__name__ in ("NAType", "NaTType") or label != label:
            raise ValueError(f"y[{at}] is missing: leave that row out, or give it a label")
