"""Any saved result, read as its own class."""

from os import PathLike
from typing import Any

from ..path import refined, targets  # noqa: F401  (these register their classes)
from ..path.result import Result
from ..path.results import LassoPath
from ..path.stored import kind_in
from ..selection import path_cv, stability  # noqa: F401
from . import relaxation, schedule  # noqa: F401


def load(file: str | PathLike[str]) -> Any:
    """Read any result that its method `save` wrote, as its own class.

    Parameters
    ----------
    file : str or path

    Returns
    -------
    LassoFit, LassoPath, PathCV, RelaxedPath, RelaxedCV, ScheduleFit, StabilityPath or TargetPaths

    Raises
    ------
    ValueError
        For any other file, and for one that was altered.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from fastlasso import load, relaxed_path
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((80, 30))
    >>> relaxed = relaxed_path(X, 2 * X[:, 0] - X[:, 1] + rng.standard_normal(80), alphas=5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = os.path.join(folder, "relaxed.npz")
    ...     relaxed.save(file)
    ...     copy = load(file)
    >>> type(copy).__name__, len(copy)
    ('RelaxedPath', 5)
    """
    kind = kind_in(file)
    known = Result._kinds.get(kind)
    if known is None:
        raise ValueError(f"{file} is not a result saved by fastlasso: it holds a {kind}")
    return (LassoPath if issubclass(known, LassoPath) else known).load(file)
