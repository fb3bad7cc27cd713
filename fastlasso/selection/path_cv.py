"""The result of a cross-validation: `PathCV`, its curve and its choice."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os import PathLike
from typing import Any, overload

import numpy as np

from .. import validation
from ..annotations import ArrayLike, Data, Floats, NDArray
from ..path import saved
from ..path.between import warn_inexact
from ..path.result import Result
from ..path.results import LassoFit, LassoPath

RULES = ("min", "1se")


@dataclass(eq=False, repr=False)
class PathCV(Result):
    """A cross-validated path.

    Attributes
    ----------
    alphas : ndarray of shape (n_alphas,)
    errors : ndarray of shape (n_alphas, n_folds)
        Held-out error, smaller is better: the (weighted) mean of what `measure` says, 1 - AUC, 1 - R2, or minus a
        score of one's own.
    mean_error, standard_error : ndarray of shape (n_alphas,)
        Mean over folds, and its standard error (standard deviation over folds / sqrt(n_folds)).
    best_index, index_1se, index : int
        Smallest mean error; largest alpha within one standard error of it (Breiman et al. 1984); the rule's choice.
    path : LassoPath
        Fitted on all rows.
    fold_paths : list of LassoPath
    oof_predictions : ndarray of shape (n_samples,)
        Prediction of each row by the fold that held it out, at the chosen alpha (the last of several such folds; NaN
        where none did). It is the mean of y: a probability under log_loss, an expected count under poisson.
    rule : {"min", "1se"}
    measure : str or callable
        As in `cross_validate_path`.
    """

    alphas: Floats
    errors: Floats
    path: LassoPath
    fold_paths: list[Any]
    oof_predictions: NDArray[Any]
    rule: str
    measure: str | Callable[..., Any] = "mse"

    def __repr__(self):
        return (f"<{type(self).__name__}: {len(self.alphas)} alphas, {self.errors.shape[1]} folds, rule {self.rule!r}: "
                f"alpha={self.alpha:g}, error {self.mean_error[self.index]:.4g}>")

    def _parts(self):
        return [self.path, *self.fold_paths]

    _called = "cross-validation"

    def save(self, file: str | PathLike[str]) -> None:
        """Write the path on all rows, the errors, the rule and the measure to an .npz file, without pickle.

        The paths of the folds are not kept: `fold_paths` of what `load` returns is empty. Of a callable measure the
        name alone is kept. `LassoPath.load` reads the path of such a file.
        """
        super().save(file)

    def _arrays(self):
        is_name = isinstance(self.measure, str)
        facts = {"rule": self.rule, "measure": self.measure if is_name else None,
                 "score": None if is_name else name_of(self.measure)}
        return self.path._arrays() | {"cv_meta": saved.as_bytes(facts), "cv_errors": self.errors,
                                      "cv_oof_predictions": self.oof_predictions}

    @classmethod
    def _of_arrays(cls, members):
        path = LassoPath._of_arrays(members)
        rule, measure, errors, predictions = saved.read_choice(members, path)
        return cls(path.alphas, errors, path, [], predictions, validation.one_of(rule, "rule", RULES), measure)

    @property
    def mean_error(self) -> Floats:
        """Mean over folds of the held-out error at each alpha."""
        return self.errors.mean(axis=1)

    @property
    def standard_error(self) -> Floats:
        """Standard error of `mean_error`."""
        return standard_error(self.errors)

    @property
    def best_index(self) -> int:
        """Index of the smallest mean error."""
        return int(np.argmin(self.mean_error))

    @property
    def index_1se(self) -> int:
        """Index of the largest alpha whose mean error is within one standard error of the smallest."""
        best = self.best_index
        return int(np.argmax(self.mean_error <= self.mean_error[best] + self.standard_error[best]))

    @property
    def index(self) -> int:
        """Index of the alpha that the rule chose."""
        return self.index_1se if self.rule == "1se" else self.best_index

    @property
    def alpha(self) -> float:
        """The chosen alpha."""
        return float(self.alphas[self.index])

    @property
    def alpha_min(self) -> float:
        """The alpha of the smallest mean error."""
        return float(self.alphas[self.best_index])

    @property
    def alpha_1se(self) -> float:
        """The alpha of the one-standard-error rule."""
        return float(self.alphas[self.index_1se])

    @property
    def coef(self) -> Floats:
        """Coefficients of the full-data fit at the chosen alpha, shape (n_features,)."""
        return self.path.fit_at(self.index).coef

    @property
    def intercept(self) -> float:
        """Intercept of the full-data fit at the chosen alpha."""
        return float(self.path.intercepts[self.index])

    @property
    def scoring(self) -> Any:
        """The older name of `measure`."""
        return self.measure

    @overload
    def at(self, alpha: float | str | None = None) -> LassoFit: ...

    @overload
    def at(self, alpha: Iterable[float]) -> list[LassoFit]: ...

    def at(self, alpha: float | str | Iterable[float] | None = None) -> LassoFit | list[LassoFit]:
        """Return the full-data solution at an alpha, "min", "1se", or by default at the choice of the rule."""
        chosen = {None: self.index, "min": self.best_index, "1se": self.index_1se}
        if alpha is None or isinstance(alpha, str):
            return self.path.fit_at(chosen[None if alpha is None else validation.one_of(alpha, "alpha", RULES)])
        return self.path.at(alpha)

    def _columns(self):
        return {"alpha": self.alphas, "features": self.path.df, "error": self.mean_error,
                "standard_error": self.standard_error}

    def predict(self, X: Data, offset: ArrayLike | None = None, kind: str = "score", alpha: Any = None) -> NDArray[Any]:
        """Predict with the full-data fit, by default at the chosen alpha; see `at` and `LassoPath.predict`."""
        return warn_inexact(self.at(alpha)).predict(X, offset, kind)

    def plot(self, ax: Any = None) -> Any:
        """Draw the error curve; needs matplotlib. Returns the Axes."""
        from ..plotting import plot_cv

        return plot_cv(self, ax)


def name_of(measure):
    """Return the name of a measure that is a callable."""
    return getattr(measure, "name", None) or getattr(measure, "__name__", "score")


def standard_error(errors):
    """Standard error of the mean over folds, the last axis; 0 for a single fold."""
    n_folds = errors.shape[-1]
    return errors.std(axis=-1, ddof=1) / np.sqrt(n_folds) if n_folds > 1 else np.zeros(errors.shape[:-1])
