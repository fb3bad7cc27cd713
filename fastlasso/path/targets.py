"""Several targets on one X: a sequence of paths, one for each column of y."""

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from ..annotations import ArrayLike, Data, NDArray, Truths
from ..frames import column_names, is_frame
from .result import Result
from .results import LassoFit, LassoPath
from .stored import all_of, names_from


def columns_of(y):
    """Return (the columns of a two-dimensional y with several, their names or None), or None for a single target."""
    if len(getattr(y, "shape", ())) != 2 and not (isinstance(y, list | tuple) and len(y) and np.ndim(y[0]) == 1):
        return None
    if is_frame(y):
        names, y = column_names(y), y.to_numpy()
    else:
        names, y = None, np.asanyarray(y)
    if y.ndim != 2 or y.shape[1] == 1:
        return None
    if not y.shape[1]:
        raise ValueError(f"y of shape {y.shape} has no target")
    return [np.ascontiguousarray(y[:, k]) for k in range(y.shape[1])], names


class TargetPaths(Result, Sequence):
    """The paths of several targets on one X, each fitted for itself: ``paths[k]`` is that of the k-th column of y.

    Attributes
    ----------
    target_names : list of str, or None
        The names of y's columns where it was a frame.
    """

    def __init__(self, paths: list[LassoPath], target_names: list[str] | None = None) -> None:
        self.paths, self.target_names = paths, target_names

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, k: int | str) -> LassoPath: ...

    @overload
    def __getitem__(self, k: slice) -> "TargetPaths": ...

    def __getitem__(self, k: int | slice | str) -> "LassoPath | TargetPaths":
        if isinstance(k, str):
            if k not in (self.target_names or ()):
                raise KeyError(k)
            k = self.target_names.index(k)
        return TargetPaths(self.paths[k], self.target_names and self.target_names[k]) if isinstance(k, slice) \
            else self.paths[k]

    def __repr__(self):
        return f"<TargetPaths: {len(self)} targets, {self.paths[0].n_features} features>"

    def _parts(self):
        return self.paths

    @property
    def certified(self) -> list[Truths]:
        """Whether each solution of each path is certified, a list of ndarray of bool."""
        return [path.certified for path in self.paths]

    def _columns(self):
        return {"target": self.target_names or list(range(len(self))), "alphas": [len(path) for path in self.paths],
                "features": [int(max(path.df, default=0)) for path in self.paths],
                "certified": [bool(path.certified.all()) for path in self.paths]}

    def at(self, alpha: Any) -> list[LassoFit]:
        """Return the solution of each target at one alpha, a list of `LassoFit`."""
        return [path.at(alpha) for path in self.paths]

    def coefficients(self, alpha: Any, nonzero: bool = False) -> list[Any]:
        """Return the coefficients of each target at one alpha by name, a list; see `LassoPath.coefficients`."""
        return [path.coefficients(alpha, nonzero) for path in self.paths]

    def predict(self, X: Data, alpha: ArrayLike, offset: ArrayLike | None = None, kind: str = "score") -> NDArray[Any]:
        """Return predictions at one alpha, shape (n_samples, n_targets), or at several, (..., n_alphas)."""
        return np.stack([path.predict(X, alpha, offset, kind) for path in self.paths], axis=1)

    def plot(self, axes: Any = None, **more: Any) -> Any:
        """Draw the coefficient profiles of each target on axes of its own; needs matplotlib. Returns the Axes.

        Parameters
        ----------
        axes : sequence of matplotlib Axes, optional
            One for each target. Default: a new figure.
        more
            As in `LassoPath.plot`.

        Returns
        -------
        ndarray of Axes, of shape (n_targets,)
        """
        from ..plotting import plot_targets

        return plot_targets(self, axes, **more)

    def _stored(self):
        return {"target_names": self.target_names}, {}, {"paths": self.paths}

    @classmethod
    def _of_stored(cls, facts, arrays, parts):
        paths = all_of(parts["paths"], LassoPath)
        if not paths or len({path.n_features for path in paths}) > 1:
            raise ValueError("its paths are damaged")
        return cls(paths, names_from(facts["target_names"], len(paths)))

    def select(self, criterion: str = "bic", gamma: float = 0.5) -> list[int]:
        """Return the index of the alpha that each path chooses, see `LassoPath.select`."""
        return [path.select(criterion, gamma) for path in self.paths]
