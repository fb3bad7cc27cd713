"""What a loss other than squared error tells the solver: `Loss`, the contract of a new one.

A loss f(y, eta) of one sample is half its unit deviance: convex in the score eta, and 0 at the best score for y (the
saturated model). The solver asks for it a vector of samples at a time:

    target        y as numbers, checked
    start         a score near the best one for all samples
    deviance      f
    local         rho = -f' and d = f'' >= 0, or a majorant of f''
    slack         f(eta) + f*(-theta) + theta eta >= 0, the loss's part of the duality gap (Fenchel-Young)
    mean          the prediction on the scale of y

f* is the convex conjugate of f. Where -theta lies outside its domain, the slack is infinite. rho itself has slack 0.

A new loss is one source file: a frozen dataclass derived from `Loss`, its parameters its fields. `fastlasso.verify`
shares no code with this folder and needs a twin of the loss (`fastlasso.judge.row_losses`).
"""

from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np

from .. import validation
from ..annotations import Floats, NDArray, Truths


class Loss:
    """One sample's loss as a function of its score eta.

    Attributes
    ----------
    name : str
        As `loss=` takes it.
    smoothness : float
        The largest value of f''; infinite where there is none.
    is_classifier : bool
        Whether y is one of two classes.
    link : str
        "identity", "log" or "logit": how a score and a mean belong together.
    largest_score : float
        Larger scores mean that there is no minimum: columns without a penalty separate the classes, or the like.
    keeps_curvature : bool
        Whether f'' changes little along a path, so that an older one serves as well. Not where f'' jumps.
    """

    name: ClassVar[str]
    smoothness: ClassVar[float] = np.inf
    is_classifier: ClassVar[bool] = False
    link: ClassVar[str] = "identity"
    largest_score: ClassVar[float] = np.inf
    keeps_curvature: ClassVar[bool] = True
    kinds: ClassVar[dict] = {}

    def __init_subclass__(cls):
        if "name" in cls.__dict__:
            Loss.kinds[cls.name] = cls

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters by name."""
        return asdict(self)

    def target(self, y: Any, weights: Floats | None) -> tuple[Floats, NDArray[Any] | None]:
        """Return (y as a float64 vector, the two classes or None).

        Raises
        ------
        ValueError
            Where a value of y is outside the loss's domain: its name and the first bad value are in the message.
        """
        raise NotImplementedError

    def start(self, y: Floats, weights: Floats | None) -> float:
        """Return a score near the best one for all samples, from the weighted mean of y where that suffices."""
        return self.score(average(y, weights))

    def score(self, mean: float) -> float:
        """Return the score whose mean is `mean`."""
        raise NotImplementedError

    def mean(self, eta: Floats) -> Floats:
        """Return the mean of y at scores eta."""
        raise NotImplementedError

    def deviance(self, eta: Floats, y: Floats) -> Floats:
        """Return f(y, eta), half the unit deviance."""
        raise NotImplementedError

    def local(self, eta: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return (rho, d): the negative derivative, and the second derivative or a majorant of it."""
        raise NotImplementedError

    def slack(self, eta: Floats, y: Floats, theta: Floats) -> Floats:
        """Return f(eta) + f*(-theta) + theta eta, infinite where theta is infeasible."""
        raise NotImplementedError

    def terms(self, eta: Floats, y: Floats, theta: Floats) -> tuple[Floats, Floats]:
        """Return (deviance, slack)."""
        return self.deviance(eta, y), self.slack(eta, y, theta)

    def reject(self, y: Floats, bad: Truths, needs: str) -> None:
        """Raise ValueError for the first value of y where `bad`."""
        if bad.any():
            at = int(np.argmax(bad))
            raise ValueError(f"loss {self.name!r} needs {needs}; y[{at}] is {float(y[at])!r}")


def average(values, weights):
    """Weighted mean; `weights` sum to one, None stands for equal ones."""
    return float(values.mean() if weights is None else weights @ values)


def numbers(y, loss):
    """Return y as a checked float64 vector; errors name the loss."""
    return validation.target(y, len(y), loss)
