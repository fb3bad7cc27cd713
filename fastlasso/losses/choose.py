"""Losses by name."""

from . import log_link, log_loss, piecewise  # noqa: F401  (each registers its losses)
from .base import Loss
from .squared import log_likelihood_term

SQUARED_ERROR = "squared_error"
# What `loss=` takes.
LossLike = str | Loss


def as_loss(loss):
    """Return a `Loss`, or None for squared error, from a name or an object.

    Raises
    ------
    ValueError, TypeError
        For an unknown name, and for anything else.
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str):
        if loss == SQUARED_ERROR:
            return None
        if loss in Loss.kinds:
            return Loss.kinds[loss]()
        raise ValueError(f"loss must be one of {', '.join(map(repr, [SQUARED_ERROR, *sorted(Loss.kinds)]))}, "
                         f"got {loss!r}")
    raise TypeError(f"loss must be a name or an object of fastlasso.losses, got {loss!r}")


def loss_of(name, **parameters):
    """Return the `Loss` of this name with these parameters."""
    return type(as_loss(name))(**parameters)


def deviance_term(loss, n, null_value, explained):
    """The term of an information criterion that falls as the fit improves: see `LassoPath.select`.

    The mean deviance is 2 P(0) (1 - explained).
    """
    if loss == SQUARED_ERROR:
        return log_likelihood_term(n, null_value, explained)
    return n * (2 * null_value) * (1 - explained)
