"""What a fit gives back: one solution (`LassoFit`) or a path of them (`LassoPath`)."""

import numbers
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from typing import Any, ClassVar, Self, overload

import numpy as np
from scipy import sparse

from .. import validation
from ..annotations import ArrayLike, Data, Floats, Ints, NDArray, Truths
from ..frames import FeatureNames, aligned, by_column, check_rows, is_frame, row_labels, values_of
from ..losses.choose import SQUARED_ERROR, LossLike, as_loss
from ..matrices.base import Matrix
from ..matrices.choose import far_matrix, is_far
from . import saved
from .between import Between, warn_inexact
from .criteria import Criteria
from .result import Result, Table
from .stored import array, loss_facts, loss_from, names_from, number_from

NO_OFFSET = ("the model was fitted with an offset, so predictions need one: pass offset=, an array of shape "
             "(n_samples,) or a number (0 for none)")

# The numbers of a solution, as a file keeps them.
FIT_NUMBERS = ("alpha", "intercept", "gap", "null_objective", "tol", "n_passes", "r2")


@dataclass(eq=False, repr=False)
class LassoFit(Result):
    """A certified solution at one alpha.

    Attributes
    ----------
    alpha : float
    coef : ndarray of shape (n_features,)
        float64, for float32 X too: rounding to float32 would add about 1e-7 P(0) to the gap.
    intercept : float
    gap : float
        Duality gap, in units of the objective: the objective is at most this far from its minimum.
    null_objective : float
        P(0), the objective of the empty model with its intercept.
    tol : float
        `certified` means gap <= tol * null_objective.
    n_passes : float
        Passes over X that the fit took.
    r2 : float
        Share of the (weighted) variance explained on the data of the fit; of the deviance, for other losses than
        squared error.
    loss : str or Loss
    classes : ndarray of shape (2,), or None
        The labels of a classifier, the positive class last.
    bound : {"residual", "newton"}
        The dual point of the gap: the scaled residual, or the one of the last Newton step.
    feature_names : list of str, or None
    has_offset : bool
        Whether the fit had an offset; `predict` then needs one.
    exact : bool
        False where coefficients were interpolated linearly between knots of a path, or taken from its nearest end.
    """

    alpha: float
    coef: Floats
    intercept: float
    gap: float
    null_objective: float
    tol: float
    n_passes: float
    r2: float
    loss: LossLike = SQUARED_ERROR
    classes: NDArray[Any] | None = None
    bound: str = "residual"
    feature_names: list[str] | None = FeatureNames()     # noqa: RUF009 (a descriptor, whose default is None)
    has_offset: bool = False
    exact: bool = True

    # the options of the fit (`with_options`); never saved
    options = None

    def __repr__(self):
        share = "r2" if self.loss == SQUARED_ERROR else "deviance_ratio"
        return (f"<LassoFit: alpha={self.alpha:g}, {np.count_nonzero(self.coef)} of {len(self.coef)} features, "
                f"{share}={self.r2:.4f}, {'certified' if self.certified else 'NOT certified'} to {self.tol:g}"
                f"{'' if self.exact else ', interpolated'}>")

    def at(self) -> Self:
        """Return this solution."""
        return self

    def plot(self, ax: Any = None, n_labels: int = 20) -> Any:
        """Draw the `n_labels` largest coefficients as bars; needs matplotlib. Returns the Axes."""
        from ..plotting import plot_coefficients

        return plot_coefficients(self, ax, n_labels)

    def _stored(self):
        facts = {name: getattr(self, name) for name in FIT_NUMBERS}
        facts |= {name: getattr(self, name) for name in ("bound", "feature_names", "has_offset", "exact")}
        classes = {} if self.classes is None else {"classes": self.classes}
        return facts | {"loss": loss_facts(self.loss)}, {"coef": self.coef, **classes}, {}

    @classmethod
    def _of_stored(cls, facts, arrays, parts):
        numbers = {name: number_from(facts, name) for name in FIT_NUMBERS}
        coef, flags = array(arrays, "coef", (-1,)), [facts["has_offset"], facts["exact"]]
        if facts["bound"] not in ("residual", "newton") or not all(isinstance(flag, bool) for flag in flags):
            raise ValueError("its facts are damaged")
        names = names_from(facts["feature_names"], len(coef))
        classes = saved.checked_classes(arrays["classes"] if "classes" in arrays else None)
        return cls(**numbers, coef=coef, loss=loss_from(facts["loss"]), classes=classes, bound=facts["bound"],
                   feature_names=names, has_offset=flags[0], exact=flags[1])

    def _columns(self):
        return {"alpha": [self.alpha], "features": [np.count_nonzero(self.coef)], "r2": [self.r2], "gap": [self.gap],
                "certified": [self.certified]}

    def with_options(self, options: Any) -> Self:
        """Keep the options of the fit, `Options` or a dict, so that `verify` can take the fit alone; return self."""
        self.options = options
        return self

    def claim(self) -> tuple[NDArray[Any], float, dict[str, Any]]:
        """Return (coef, intercept, {alpha and the options of the fit}): what `verify` checks.

        Raises
        ------
        ValueError
            Where the options are not known any more: for a solution of a path that was loaded or copied.
        """
        if self.options is None:
            raise ValueError("this solution does not know the options of its fit any more, or is a blend of two: pass "
                             "coef, intercept and the options to verify")
        options = self.options if isinstance(self.options, dict) else self.options.as_dict()
        return self.coef, self.intercept, resolved_by_name(options, self.feature_names) | {"alpha": self.alpha}

    def moved(self, alpha: float, gap: float | None = None, exact: bool = True) -> Self:
        """Return the same coefficients as a solution at another alpha."""
        return replace(self, alpha=alpha, gap=self.gap if gap is None else gap,
                       exact=exact).with_options(self.options)

    def mixed(self, low: Any, alpha: float, gap: float, exact: bool = True) -> Self:
        """Return the mixture of this solution and that at a lower alpha which is linear in alpha."""
        share = (self.alpha - alpha) / (self.alpha - low.alpha)
        square_share = share * (self.alpha + alpha) / (self.alpha + low.alpha)
        mix = lambda a, b, share=share: (1 - share) * a + share * b      # noqa: E731
        return replace(self, alpha=alpha, coef=mix(self.coef, low.coef), intercept=mix(self.intercept, low.intercept),
                       gap=gap, n_passes=low.n_passes, r2=mix(self.r2, low.r2, square_share), bound="residual",
                       exact=exact).with_options(self.options)

    @property
    def n_features(self) -> int:
        """Number of columns of X."""
        return len(self.coef)

    @property
    def deviance_ratio(self) -> float:
        """1 - deviance / null deviance on the data of the fit, which is r2 for squared error."""
        return self.r2

    @property
    def certified(self) -> bool:
        """Whether the gap is within the tolerance asked for."""
        return bool(self.gap <= self.tol * self.null_objective)

    def predict(self, X: Data, offset: ArrayLike | None = None, kind: str = "score") -> NDArray[Any]:
        """Return predictions of shape (n_samples,).

        Parameters
        ----------
        kind : {"score", "mean", "class"}
            eta = intercept + X coef (+ offset), the mean of y at eta (a probability, an expected count), or the class.
        """
        scores = predictions(X, self.coef, self.intercept, offset, self.feature_names, self.has_offset)
        return of_kind(kind, scores, self.loss, self.classes)


def resolved_by_name(options, names):
    """Return options with vectors in place of what names columns."""
    fills = {"penalty_factor": 1.0, "lower": -np.inf, "upper": np.inf}
    return options | {name: by_column(options[name], names, fill, name) for name, fill in fills.items()
                      if name in options}


def of_kind(kind, scores, loss, classes):
    """Return scores, the means of y there, or its classes."""
    validation.one_of(kind, "kind", ("score", "mean", "class"))
    loss = as_loss(loss)
    if kind == "class":
        if classes is None:
            raise ValueError("kind='class' needs a loss of two classes: loss='log_loss' with two labels in y, or "
                             "loss='squared_hinge'")
        return classes[(scores > 0).astype(int)]
    return scores if kind == "score" or loss is None else loss.mean(scores)


def predictions(X, coef, intercept, offset, names=None, has_offset=False):
    """Return intercept + X coef (+ offset) for a vector of coefficients, or for several as sparse columns.

    Columns of a frame are put into the order of `names`.

    Raises
    ------
    ValueError
        For columns that are not those of the fit, without an offset where the fit had one, and for missing values.
    """
    if has_offset and offset is None:
        raise ValueError(NO_OFFSET)
    if is_far(X):
        X = far_matrix(X)
    elif is_frame(X):
        check_rows(row_labels(X), offset, "offset")
        X = values_of(aligned(X, names))
    if not (sparse.issparse(X) or isinstance(X, Matrix)):
        X = np.asarray(validation.nothing_masked(X, "X"))
    if len(X.shape) != 2 or X.shape[1] != coef.shape[0]:
        raise ValueError(f"X has shape {X.shape}, but the fit expects {coef.shape[0]} features as input")
    if isinstance(X, Matrix):
        fitted = X @ coef
    else:
        fitted = (validation.sound_sparse(X) if sparse.issparse(X) else X) @ coef
    result = (fitted.toarray() if sparse.issparse(fitted) else fitted) + intercept
    missing = np.isnan(result)
    if missing.any():
        raise ValueError(f"X has NaN or infinite values in row {np.argwhere(missing)[0][0]}: nothing can be predicted "
                         "there")
    if offset is None:
        return result
    offset = validation.finite_vector(offset, X.shape[0], "offset")
    return result + (offset if result.ndim == 1 else offset[:, None])


@dataclass(eq=False, repr=False)
class LassoPath(Between[LassoFit], Criteria, Result):
    """Certified solutions at descending alphas.

    Attributes
    ----------
    alphas : ndarray of shape (n_alphas,)
    coefs : csc_array of shape (n_features, n_alphas)
    intercepts, gaps, r2 : ndarray of shape (n_alphas,)
        Gaps are in units of the objective; r2 is the share of the variance explained on the data of the fit, of the
        deviance for other losses than squared error (`deviance_ratio`).
    df : ndarray of shape (n_alphas,)
        Number of non-zero coefficients: the lasso's degrees of freedom (Zou, Hastie and Tibshirani 2007).
    certified : ndarray of bool, shape (n_alphas,)
        gaps <= tol * null_objective.
    n_passes : ndarray of shape (n_alphas,)
        Passes over X up to and including each alpha.
    status : str
        "complete", or what stopped the path: "dfmax", "r2", "callback", "interrupted"; "no minimum" where columns
        without a penalty leave none.
    null_objective, tol, seconds : float
    n_samples, n_features : int
        Number of rows of positive weight (a row of weight 0 counts as deleted), and of columns of X.
    feature_names : list of str, or None
        The names of X's columns where it was a frame. May be assigned: one name per feature.
    params : dict
        The scalars among the options of the fit.
    loss : str or Loss
        "squared_error", or a `Loss`.
    classes : ndarray of shape (2,), or None
        The labels of a classifier, the positive class last.
    newton_dual : ndarray of bool, shape (n_alphas,), or None
        Where the gap is that of the Newton dual; see `bound`.
    has_offset : bool
        Whether the fit had an offset; `predict` then needs one.
    unpenalised : ndarray of int, or None
        The columns with penalty factor 0; None where there is none.
    n_penalised : int
        The number of columns with a penalty factor above 0 and finite.
    scale : ndarray of shape (n_features,), or None
        With `standardize` the standard deviation of each column: what the penalty multiplies its coefficient by.
    """

    alphas: Floats
    indptr: Ints
    indices: NDArray[Any]
    values: Floats
    intercepts: Floats
    gaps: Floats
    r2: Floats
    n_passes: Floats
    null_objective: float
    tol: float
    status: str
    seconds: float
    n_samples: int
    n_features: int
    params: dict[str, Any]
    feature_names: list[str] | None = FeatureNames()     # noqa: RUF009 (a descriptor, whose default is None)
    loss: LossLike = SQUARED_ERROR
    classes: NDArray[Any] | None = None
    newton_dual: Truths | None = None
    has_offset: bool = False
    unpenalised: Ints | None = None
    n_penalised: int | None = None
    scale: Floats | None = None

    extra_arrays: ClassVar = ()     # names of the arrays that a subclass saves beside those of this class
    limit = None                    # see `note_limit`
    kinds: ClassVar = {}            # this class and its subclasses by name, as saved files name them

    def __init_subclass__(cls, **more):
        super().__init_subclass__(**more)
        LassoPath.kinds[cls.__name__] = cls

    def __post_init__(self):
        if self.n_penalised is None:
            self.n_penalised = self.n_features
        if self.unpenalised is not None and not len(self.unpenalised):
            self.unpenalised = None

    def __len__(self) -> int:
        return len(self.alphas)

    def __repr__(self):
        return (f"<{type(self).__name__}: {len(self)} alphas, {self.n_features} features, up to "
                f"{max(self.df, default=0)} used, {self.status}, "
                f"{'certified' if self.certified.all() else 'NOT all certified'} to {self.tol:g}>")

    @cached_property
    def coefs(self) -> sparse.csc_array:
        """Coefficients as a csc_array of shape (n_features, n_alphas)."""
        return sparse.csc_array((self.values, self.indices, self.indptr), shape=(self.n_features, len(self)))

    @property
    def df(self) -> Ints:
        """Number of non-zero coefficients at each alpha."""
        return np.diff(self.indptr)

    @property
    def certified(self) -> Truths:
        """Whether each gap is within the tolerance asked for."""
        return self.gaps <= self.tol * self.null_objective

    @property
    def deviance_ratio(self) -> Floats:
        """1 - deviance / null deviance at each alpha, which is r2 for squared error."""
        return self.r2

    @property
    def bound(self) -> NDArray[np.str_]:
        """The dual point of each gap: "residual" or "newton"."""
        newton = np.zeros(len(self), bool) if self.newton_dual is None else self.newton_dual
        return np.where(newton, "newton", "residual")

    def predict(self, X: Data, alpha: ArrayLike | None = None, offset: ArrayLike | None = None, kind: str = "score",
                data: tuple[Data, ArrayLike] | None = None) -> NDArray[Any]:
        """Return predictions of shape (n_samples, n_alphas), or (n_samples,) at one `alpha`.

        Parameters
        ----------
        X : array, sparse matrix or frame of shape (n_samples, n_features)
            The columns of a frame are matched by name.
        alpha : float or sequence of floats, optional
            Default: every alpha of the path. Between grid points see `at`.
        offset : array of shape (n_samples,) or float, optional
            Needed where the fit had one.
        kind : {"score", "mean", "class"}
            eta = intercept + X coef (+ offset), the mean of y at eta (a probability, an expected count), or the class.
        data : pair (X, y), optional
            The data of the fit, where the problem may have to be solved again and they are gone.

        Warns
        -----
        UserWarning
            Where coefficients were interpolated, see `at`.
        """
        if alpha is not None:
            data = (None, None) if data is None else data
            if np.ndim(alpha):
                return np.column_stack([self.predict(X, one, offset, kind, data) for one in alpha])
            return warn_inexact(self.at(alpha, *data)).predict(X, offset, kind)
        scores = predictions(X, self.coefs, self.intercepts, offset, self.feature_names, self.has_offset)
        return of_kind(kind, scores, self.loss, self.classes)

    @overload
    def __getitem__(self, index: int) -> LassoFit: ...

    @overload
    def __getitem__(self, index: slice) -> list[LassoFit]: ...

    def __getitem__(self, index: int | slice) -> LassoFit | list[LassoFit]:
        if isinstance(index, slice):
            return [self.fit_at(k) for k in range(*index.indices(len(self)))]
        return self.fit_at(index)

    def __iter__(self) -> Iterator[LassoFit]:
        return map(self.fit_at, range(len(self)))

    def _columns(self):
        share = "r2" if self.loss == SQUARED_ERROR else "deviance_ratio"
        return {"alpha": self.alphas, "features": self.df, share: self.r2, "gap": self.gaps,
                "certified": self.certified, "passes": self.n_passes}

    def fit_at(self, index: int) -> LassoFit:
        """Return the solution at a grid point as a `LassoFit`."""
        index = range(len(self))[index]
        coef = np.zeros(self.n_features, self.values.dtype)
        part = slice(self.indptr[index], self.indptr[index + 1])
        coef[self.indices[part]] = self.values[part]
        return LassoFit(float(self.alphas[index]), coef, float(self.intercepts[index]), float(self.gaps[index]),
                        self.null_objective, self.tol, float(self.n_passes[index]), float(self.r2[index]), self.loss,
                        self.classes, str(self.bound[index]), self.feature_names,
                        self.has_offset).with_options(self.options)

    def note_limit(self, limit: str | None) -> None:
        """Keep what keeps gaps above the tolerance, in a sentence for a warning; None where it is `max_iter`."""
        self.limit = limit

    def note_seconds(self, seconds: float) -> None:
        """Keep how long the fit took."""
        self.seconds = seconds

    def __getstate__(self):
        state = dict(self.__dict__)
        state.pop("_data", None)
        state.pop("coefs", None)
        return state

    def summary(self, rows: int = 12) -> str:
        """Return a table of about `rows` alphas as text."""
        share = "R2" if self.loss == SQUARED_ERROR else "dev"
        lines = [f"{'alpha':>11} {'features':>8} {share:>8} {'gap / P(0)':>10} {'passes':>7}"]
        scale = self.null_objective or 1.0
        for k in np.unique(np.linspace(0, len(self) - 1, min(rows, len(self))).astype(int)):
            lines.append(f"{self.alphas[k]:11.5g} {self.df[k]:8d} {self.r2[k]:8.4f} {self.gaps[k] / scale:10.1e} "
                         f"{self.n_passes[k]:7.1f}")
        return Table("\n".join(lines))

    def plot(self, ax: Any = None, **more: Any) -> Any:
        """Draw the coefficient profiles; needs matplotlib. Returns the Axes.

        `more` are n_labels, features, alphas, x, scaled and scale, as `fastlasso.plotting.plot_path` describes them.
        """
        from ..plotting import plot_path

        return plot_path(self, ax, **more)

    def _arrays(self):
        return saved.packed(self)

    @classmethod
    def load(cls, file: str | PathLike[str]) -> Self:
        """Read a path written by `save`; any other file, or an altered one, raises ValueError.

        ``LassoPath.load`` also reads paths of its subclasses, as their own class. A subclass reads its own paths alone.
        """
        return saved.read(file, cls, LassoPath.kinds)

    @classmethod
    def _of_arrays(cls, members):
        return saved.read_any(members, LassoPath.kinds)

    @classmethod
    def restored(cls, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of the class that the facts of a saved file stand for."""
        return facts

    def extra_facts(self) -> dict[str, Any]:
        """Return what a subclass saves beside arrays, by name, in JSON's types; `restored` takes it back."""
        return {}

    def check_extras(self) -> None:
        """Raise ValueError unless what a subclass has loaded is sound."""


def scalars(options):
    """The options that are numbers or booleans, of whatever type, as Python's own."""
    given = options.as_dict()
    given |= {name: bool(given[name]) for name in ("fit_intercept", "standardize")}
    return {name: value if isinstance(value, bool) else float(value) for name, value in given.items()
            if isinstance(value, numbers.Real)}


def compressed_columns(cols, coefs):
    """(counts, indices, values) of the non-zeros of each row of `coefs`, in the order of `cols`."""
    rows, at = np.nonzero(coefs)
    return np.bincount(rows, minlength=len(coefs)), cols[at].astype(np.int32), coefs[rows, at]


LassoPath.kinds["LassoPath"] = LassoPath
