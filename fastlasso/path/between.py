"""Solutions of a path at any alpha: at a knot, on a straight piece, solved again, or interpolated and marked so."""

import warnings
import weakref
import zlib
from collections.abc import Callable, Iterable
from typing import Any, Generic, NamedTuple, Self, TypeVar, overload

import numpy as np
from scipy import sparse

from ..annotations import ArrayLike, Data
from ..frames import is_frame, values_of
from ..losses.choose import SQUARED_ERROR
from .warn import stack_level

Fit = TypeVar("Fit")
# Rows and columns of X from which values are remembered.
SAMPLED = 16
# Values of X up to which all are added up: in 30 us.
SUMMED = 1 << 16


class Kept(NamedTuple):
    """What `at` solves again with; `X()` is None once X is gone, `sampled` its `sample_sum`."""

    solve: Callable[..., Any]
    X: Callable[[], Any]
    y: Any
    options: dict[str, Any]
    settings: dict[str, Any]
    sampled: int


class Between(Generic[Fit]):
    """`LassoPath.at`, and the data that it solves again with. What it returns says whether it is `exact`."""

    # what `at` solves again with (`remember`); never saved, never pickled
    _data = None
    # whether a problem between knots has one solution, that of the path
    solved_alone = True

    @overload
    def at(self, alpha: float, X: Data | None = None, y: ArrayLike | None = None) -> Fit: ...

    @overload
    def at(self, alpha: Iterable[float], X: Data | None = None, y: ArrayLike | None = None) -> list[Fit]: ...

    def at(self, alpha: float | Iterable[float], X: Data | None = None, y: ArrayLike | None = None) -> Fit | list[Fit]:
        """Return the solution at any alpha from 0 to infinity, with its gap; for several alphas a list of solutions.

        A grid point is returned as it is. Above the first alpha, where no penalised column is in use, nothing changes.
        Between two grid points with the same signs the lasso path is a straight line (Osborne, Presnell and Turlach
        2000), so the solution is interpolated and its gap is bounded. Anywhere else, and where that bound misses `tol`,
        the problem is solved again, on X and y passed here or on those of the fit, as long as its X is alive (for ever
        with ``keep_data=True``) and unchanged, as far as a sample of its values tells. Where the data are gone, which
        they are for a path that was loaded or copied, the coefficients are interpolated linearly, or those of the
        nearest end are taken. Such a solution is marked: its `exact` is False, its gap infinite.
        """
        if np.ndim(alpha):
            return [self.at(one, X, y) for one in alpha]
        alpha = checked_alpha(alpha)
        known, has_data = self._known(alpha), self._has_data(X) and np.isfinite(alpha)
        if known is not None and (known.certified or not has_data or alpha in self.alphas):
            return known
        return self._solved(alpha, X, y) if has_data else self._linear(alpha)

    def interpolated(self, alpha: float) -> Fit:
        """Return the solution at any alpha as `at` does for a path whose data are gone."""
        alpha = checked_alpha(alpha)
        return self._known(alpha) or self._linear(alpha)

    def _known(self, alpha):
        """The solution at alpha as far as those of the path give it, or None."""
        same = np.flatnonzero(self.alphas == alpha)
        if len(same):
            return self.fit_at(same[0])
        return self._constant(alpha) or self._interpolated(alpha)

    def _has_data(self, X):
        """Whether the problem can be solved again."""
        return self.solved_alone and self._data is not None and (X is not None or self._kept_X() is not None)

    def _kept_X(self):
        """X of the fit, or None where it is gone or has changed."""
        X = None if self._data is None else self._data.X()
        return X if X is not None and sample_sum(X) == self._data.sampled else None

    def _constant(self, alpha):
        """The first solution, for an alpha above it, where it uses no penalised column; else None."""
        if not self.solved_alone or not len(self) or alpha < self.alphas[0] or self.params["l1_ratio"] == 0:
            return None
        first = self.fit_at(0)
        used = np.flatnonzero(first.coef)
        free = np.zeros(0, int) if self.unpenalised is None else self.unpenalised
        return None if np.setdiff1d(used, free).size else first.moved(alpha)

    def _interpolated(self, alpha):
        """The solution on a straight piece of the path, or None where there is none around alpha.

        With b, theta linear in alpha and the same signs s, the gap 1/2 |r - theta|^2 + sum_j b_j (alpha s_j - z_j) is
        at most 2 M max(gaps of the ends), M = the largest ratio of an end's coefficient to the other's. The slope of
        |r|^2 in alpha is 2 alpha times a constant, so |r|^2 and r2 are linear in alpha^2.
        """
        k = int(np.searchsorted(-self.alphas, -alpha))
        straight = all(self.params.get(bound) in (0.0, -np.inf, np.inf)
                       for bound in ("lower", "upper"))     # others are corners too
        if (not self.solved_alone or self.loss != SQUARED_ERROR or self.params["l1_ratio"] < 1 or not straight
                or k == 0 or k == len(self)):
            return None
        high, low = self.fit_at(k - 1), self.fit_at(k)
        if (np.sign(high.coef) != np.sign(low.coef)).any():
            return None
        used = high.coef != 0
        ratio = high.coef[used] / low.coef[used]
        worst = float(np.max(np.maximum(ratio, 1 / ratio), initial=1.0))
        return high.mixed(low, alpha, gap=2 * worst * max(high.gap, low.gap))

    def _linear(self, alpha):
        """The linear interpolation between the neighbours of alpha, or the nearest end, marked as not exact."""
        if not len(self):
            raise ValueError("this path has no solutions: it ended before its first alpha")
        k = int(np.searchsorted(-self.alphas, -alpha))
        if k == 0 or k == len(self):
            return self.fit_at(min(k, len(self) - 1)).moved(alpha, gap=np.inf, exact=False)
        return self.fit_at(k - 1).mixed(self.fit_at(k), alpha, gap=np.inf, exact=False)

    def _solved(self, alpha, X, y):
        data = self._data
        above, new_data = np.flatnonzero(self.alphas > alpha), X is not None or y is not None
        near = self.fit_at(above[-1]) if len(above) and not new_data else None
        X, y = self._kept_X() if X is None else X, data.y if y is None else y
        return data.solve(near, X, y, alpha, **data.options, tol=self.tol, **data.settings)

    def remember(self, solve: Callable[..., Any], X: Data, y: ArrayLike, options: dict[str, Any],
                 keep_data: bool = False, **settings: Any) -> Self:
        """Keep what `at` needs to solve anew: ``solve(near, X, y, alpha, **options, tol=tol, **settings)``.

        `near` is the solution at the next alpha above, None where there is none or where other data are passed.

        X is kept as a weak reference where its type allows one, and as itself with `keep_data`. Other arrays are
        copied, so that later changes of them do not matter; a series keeps its labels.
        """
        y = y.copy() if hasattr(y, "copy") and hasattr(y, "to_numpy") else np.array(y)
        options = {name: np.array(value) if isinstance(value, np.ndarray) else value for name, value in options.items()}
        try:
            kept = (lambda: X) if keep_data else weakref.ref(X)
        except TypeError:
            kept = lambda: X        # noqa: E731
        self._data = Kept(solve, kept, y, options, settings, sample_sum(X))
        return self

    @property
    def options(self) -> dict[str, Any] | None:
        """The options of the fit by name, as long as the path knows them; None once it was loaded or copied."""
        return None if self._data is None else dict(self._data.options)


def sample_sum(X):
    """Checksum of up to SAMPLED^2 values of X, evenly spread, and of the sum of a small dense X.

    It tells an X that was rescaled, or whose memory was reused. It is 0 for what has no values in memory.
    """
    if sparse.issparse(X) and hasattr(X, "data"):
        return zlib.crc32(np.ascontiguousarray(X.data[::1 + len(X.data) // SAMPLED**2]))
    if is_frame(X) and hasattr(X, "iloc") and len(X):
        X = values_of(X.iloc[::1 + len(X) // SAMPLED])
    if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype.kind not in "fiub":
        return 0
    n, p = X.shape
    some = np.ascontiguousarray(X[::1 + n // SAMPLED, ::1 + p // SAMPLED])
    return zlib.crc32(some, zlib.crc32(np.add.reduce(X, axis=None)) if X.size <= SUMMED else 0)


def checked_alpha(alpha):
    """Return alpha as a float from 0 to infinity."""
    if isinstance(alpha, bool | np.bool_ | str | bytes):
        raise TypeError(f"alpha must be a number, got {alpha!r}")
    alpha = float(alpha)
    if not alpha >= 0:
        raise ValueError(f"alpha == {alpha}, must be in [0.0, inf]")
    return alpha


def warn_inexact(fit):
    """Warn of predictions from coefficients that were interpolated."""
    if not fit.exact:
        warnings.warn(f"alpha={fit.alpha:.6g} is between the alphas of this path or beyond them, and its data are "
                      "gone or have changed: the coefficients are interpolated linearly. For exact ones pass the alpha "
                      "to the fit, or fit with keep_data=True.", UserWarning, stacklevel=stack_level())
    return fit
