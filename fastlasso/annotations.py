"""The types of arguments and results in public signatures."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ArrayLike", "ByColumn", "Callback", "Data", "Floats", "FoldsLike", "Ints", "NDArray", "RandomState",
           "Truths"]


class HasShape(Protocol):
    """A SciPy matrix, a frame, a dask array or a `Matrix`."""

    @property
    def shape(self) -> Any:
        """Numbers of rows and columns."""


class HasData(Protocol):
    """A data set of `fastlasso.datasets` or of a folder."""

    @property
    def X(self) -> Any:
        """The features."""


class Splitter(Protocol):
    """What scikit-learn calls a splitter."""

    def split(self, X: Any, y: Any = ..., groups: Any = ...) -> Any:
        """Return pairs of training and test rows."""


Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Truths = NDArray[np.bool_]
# X.
Data = ArrayLike | HasShape | HasData
# One value for each column, by place or by name.
ByColumn = ArrayLike | Mapping[str, float]
# A number of folds, the fold of each row, pairs of rows, or a splitter.
FoldsLike = int | ArrayLike | Iterable[Any] | Splitter
RandomState = int | np.random.Generator | np.random.RandomState
# Called with a state; a true return value ends the work.
Callback = Callable[[Any], object]
