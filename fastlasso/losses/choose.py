"""Losses by name."""

from . import log_link, log_loss, piecewise  # noqa: F401  (each registers its losses)
from .base import Loss

SQUARED_ERROR = "squared_error"


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
