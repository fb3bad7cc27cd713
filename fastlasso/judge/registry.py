"""The judge's losses by name. A public loss names its twin here and gives it its parameters; nothing else is shared."""

import dataclasses

from .row_losses import Gamma, Huber, LogLoss, NegativeBinomial, Poisson, SquaredHinge
from .tweedie import Tweedie

SQUARED_ERROR = "squared_error"

TWINS = {cls.name: cls for cls in (LogLoss, Poisson, Gamma, Tweedie, NegativeBinomial, Huber, SquaredHinge)}


def register(name, cls):
    """Let ``loss=name``, or an object whose ``name`` this is, be judged by ``cls``.

    Parameters
    ----------
    name : str
    cls : class
        Called with the object's dataclass fields as keywords; `row_losses` says what it must know.
    """
    TWINS[name] = cls


def find_loss(loss):
    """Return the judge's twin of a loss given by name or as an object; None for the squared error.

    Raises
    ------
    ValueError
        For a name that is not registered, or parameters that are missing or out of range.
    """
    name = loss if isinstance(loss, str) else getattr(loss, "name", None)
    if name == SQUARED_ERROR:
        return None
    if not isinstance(name, str) or name not in TWINS or isinstance(loss, type):
        raise ValueError(f"loss must be one of {', '.join(sorted([SQUARED_ERROR, *TWINS]))}, or such a loss with its "
                         f"parameters as an object, got {loss!r}")
    fields = {} if isinstance(loss, str) else parameters(loss)
    try:
        return TWINS[name](**fields)
    except TypeError:
        raise ValueError(f"loss {name!r} needs its parameters: give it as an object, got {loss!r}") from None


def parameters(loss):
    """Return the dataclass fields of a public loss."""
    if not dataclasses.is_dataclass(loss):
        return {}
    return {field.name: getattr(loss, field.name) for field in dataclasses.fields(loss) if field.init}
