"""What a fit gives back: one solution (`LassoFit`) or a path of them (`LassoPath`)."""

import math
import numbers
import weakref
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy import sparse

from .. import validation
from ..losses.choose import SQUARED_ERROR, as_loss, deviance_term
from ..matrices.base import Matrix
from ..matrices.choose import far_matrix, is_far
from ..parallel import Pool
from ..problem.options import Options
from ..problem.problem import pose
from . import saved


@dataclass(eq=False, repr=False)
class LassoFit:
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
    """

    alpha: float
    coef: np.ndarray
    intercept: float
    gap: float
    null_objective: float
    tol: float
    n_passes: float
    r2: float
    loss: object = SQUARED_ERROR
    classes: np.ndarray | None = None
    bound: str = "residual"

    def __repr__(self):
        share = "r2" if self.loss == SQUARED_ERROR else "deviance_ratio"
        return (f"<LassoFit: alpha={self.alpha:g}, {np.count_nonzero(self.coef)} of {len(self.coef)} features, "
                f"{share}={self.r2:.4f}, {'certified' if self.certified else 'NOT certified'} to {self.tol:g}>")

    @property
    def deviance_ratio(self):
        """1 - deviance / null deviance on the data of the fit, which is r2 for squared error."""
        return self.r2

    @property
    def certified(self):
        """Whether the gap is within the tolerance asked for."""
        return bool(self.gap <= self.tol * self.null_objective)

    def predict(self, X, offset=None, kind="score"):
        """Return predictions of shape (n_samples,).

        Parameters
        ----------
        kind : {"score", "mean", "class"}
            eta = intercept + X coef (+ offset), the mean of y at eta (a probability, an expected count), or the class.
        """
        return of_kind(kind, predictions(X, self.coef, self.intercept, offset), self.loss, self.classes)


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


def predictions(X, coef, intercept, offset):
    """Return intercept + X coef (+ offset) for a vector of coefficients, or for several as sparse columns."""
    X = far_matrix(X) if is_far(X) else X
    if not (sparse.issparse(X) or isinstance(X, Matrix)):
        X = np.asarray(validation.nothing_masked(X, "X"))
    if len(X.shape) != 2 or X.shape[1] != coef.shape[0]:
        raise ValueError(f"X has shape {X.shape}, but the fit expects {coef.shape[0]} features as input")
    if isinstance(X, Matrix):
        fitted = X @ coef
    else:
        fitted = (validation.sound_sparse(X) if sparse.issparse(X) else X) @ coef
    result = (fitted.toarray() if sparse.issparse(fitted) else fitted) + intercept
    if offset is None:
        return result
    offset = validation.finite_vector(offset, X.shape[0], "offset")
    return result + (offset if result.ndim == 1 else offset[:, None])


@dataclass(eq=False, repr=False)
class LassoPath:
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
        "complete", or what stopped the path: "dfmax", "r2", "callback"; "no minimum" where columns without a penalty
        leave none.
    null_objective, tol, seconds : float
    n_samples, n_features : int
        Number of rows of positive weight (a row of weight 0 counts as deleted), and of columns of X.
    feature_names : list of str, or None
    params : dict
        The scalars among the options of the fit.
    loss : str or Loss
        "squared_error", or a `Loss`.
    classes : ndarray of shape (2,), or None
        The labels of a classifier, the positive class last.
    newton_dual : ndarray of bool, shape (n_alphas,), or None
        Where the gap is that of the Newton dual; see `bound`.
    """

    alphas: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    values: np.ndarray
    intercepts: np.ndarray
    gaps: np.ndarray
    r2: np.ndarray
    n_passes: np.ndarray
    null_objective: float
    tol: float
    status: str
    seconds: float
    n_samples: int
    n_features: int
    params: dict
    feature_names: list | None = None
    loss: object = SQUARED_ERROR
    classes: np.ndarray | None = None
    newton_dual: np.ndarray | None = None

    extra_arrays: ClassVar = ()     # names of the arrays that a subclass saves beside those of this class
    kinds: ClassVar = {}            # this class and its subclasses by name, as saved files name them

    def __init_subclass__(cls):
        LassoPath.kinds[cls.__name__] = cls

    # what `at` solves again with (`remember`); never saved, never pickled
    _data = None

    def __len__(self):
        return len(self.alphas)

    def __repr__(self):
        return (f"<{type(self).__name__}: {len(self)} alphas, {self.n_features} features, up to "
                f"{max(self.df, default=0)} used, {self.status}, "
                f"{'certified' if self.certified.all() else 'NOT all certified'} to {self.tol:g}>")

    @cached_property
    def coefs(self):
        """Coefficients as a csc_array of shape (n_features, n_alphas)."""
        return sparse.csc_array((self.values, self.indices, self.indptr), shape=(self.n_features, len(self)))

    @property
    def df(self):
        """Number of non-zero coefficients at each alpha."""
        return np.diff(self.indptr)

    @property
    def certified(self):
        """Whether each gap is within the tolerance asked for."""
        return self.gaps <= self.tol * self.null_objective

    @property
    def deviance_ratio(self):
        """1 - deviance / null deviance at each alpha, which is r2 for squared error."""
        return self.r2

    @property
    def bound(self):
        """The dual point of each gap: "residual" or "newton"."""
        newton = np.zeros(len(self), bool) if self.newton_dual is None else self.newton_dual
        return np.where(newton, "newton", "residual")

    def predict(self, X, alpha=None, offset=None, kind="score"):
        """Return predictions of shape (n_samples, n_alphas), or (n_samples,) at one `alpha`.

        An alpha between grid points is solved exactly, see `at`.

        Parameters
        ----------
        kind : {"score", "mean", "class"}
            eta = intercept + X coef (+ offset), the mean of y at eta (a probability, an expected count), or the class.
        """
        if alpha is not None:
            return self.at(alpha).predict(X, offset, kind)
        return of_kind(kind, predictions(X, self.coefs, self.intercepts, offset), self.loss, self.classes)

    def fit_at(self, index):
        """Return the solution at a grid point as a `LassoFit`."""
        index = range(len(self))[index]
        coef = np.zeros(self.n_features, self.values.dtype)
        part = slice(self.indptr[index], self.indptr[index + 1])
        coef[self.indices[part]] = self.values[part]
        return LassoFit(float(self.alphas[index]), coef, float(self.intercepts[index]), float(self.gaps[index]),
                        self.null_objective, self.tol, float(self.n_passes[index]), float(self.r2[index]), self.loss,
                        self.classes, str(self.bound[index]))

    def at(self, alpha, X=None, y=None):
        """Return the solution at any alpha, with its gap.

        A grid point is returned as it is. Between two grid points with the same signs the lasso path is a straight
        line (Osborne, Presnell and Turlach 2000), so the solution is interpolated and its gap is bounded. Anywhere
        else, and where that bound misses `tol`, the problem is solved again, on X and y passed here or on those of the
        fit, as long as its X is alive. Where the data are gone, an interpolated solution is returned although its
        bound misses `tol`: `LassoFit.certified` tells. A path that was loaded or copied cannot be solved again.

        Raises
        ------
        ValueError
            Where the problem must be solved again and the data are gone.
        """
        alpha = validation.number(alpha, "alpha", 0.0)
        same = np.flatnonzero(self.alphas == alpha)
        if len(same):
            return self.fit_at(same[0])
        between = self._interpolated(alpha)
        gone = self._data is None or (X is None and self._data[1]() is None)
        return between if between is not None and (between.certified or gone) else self._solved(alpha, X, y)

    def _interpolated(self, alpha):
        """The solution on a straight piece of the path, or None where there is none around alpha.

        With b, theta linear in alpha and the same signs s, the gap 1/2 |r - theta|^2 + sum_j b_j (alpha s_j - z_j) is
        at most 2 M max(gaps of the ends), M = the largest ratio of an end's coefficient to the other's. The slope of
        |r|^2 in alpha is 2 alpha times a constant, so |r|^2 and r2 are linear in alpha^2.
        """
        k = int(np.searchsorted(-self.alphas, -alpha))
        straight = all(self.params.get(bound) in (0.0, -np.inf, np.inf)
                       for bound in ("lower", "upper"))     # others are corners too
        if self.loss != SQUARED_ERROR or self.params["l1_ratio"] < 1 or not straight or k == 0 or k == len(self):
            return None
        high, low = self.fit_at(k - 1), self.fit_at(k)
        if (np.sign(high.coef) != np.sign(low.coef)).any():
            return None
        share = (high.alpha - alpha) / (high.alpha - low.alpha)
        square_share = share * (high.alpha + alpha) / (high.alpha + low.alpha)
        mix = lambda a, b, share=share: (1 - share) * a + share * b      # noqa: E731
        used = high.coef != 0
        ratio = high.coef[used] / low.coef[used]
        worst = float(np.max(np.maximum(ratio, 1 / ratio), initial=1.0))
        return LassoFit(alpha, mix(high.coef, low.coef), mix(high.intercept, low.intercept),
                        2 * worst * max(high.gap, low.gap), self.null_objective, self.tol, low.n_passes,
                        mix(high.r2, low.r2, square_share))

    def _solved(self, alpha, X, y):
        if self._data is None:
            raise ValueError("this path knows neither its data nor its vectors of options any more (it was loaded or "
                             "copied); fit again at this alpha with fastlasso.fit")
        solve, kept_X, kept_y, options, settings = self._data
        X, y = kept_X() if X is None else X, kept_y if y is None else y
        if X is None:
            raise ValueError("the path turns a corner near this alpha and X is gone: pass at(alpha, X=X)")
        return solve(X, y, alpha, **options, tol=self.tol, **settings)

    def note_seconds(self, seconds):
        """Keep how long the fit took."""
        self.seconds = seconds

    def remember(self, solve, X, y, options, **settings):
        """Keep what `at` needs to solve anew: ``solve(X, y, alpha, **options, tol=tol, **settings)``.

        X is kept as a weak reference where its type allows one. Other arrays are copied, so that later changes of
        them do not matter.
        """
        y = np.array(y)
        options = {name: np.array(value) if isinstance(value, np.ndarray) else value for name, value in options.items()}
        try:
            self._data = solve, weakref.ref(X), y, options, settings
        except TypeError:
            self._data = solve, (lambda: X), y, options, settings
        return self

    def __getstate__(self):
        state = dict(self.__dict__)
        state.pop("_data", None)
        state.pop("coefs", None)
        return state

    def effective_df(self, X=None):
        """Degrees of freedom at each alpha: trace of X_A (X_A'X_A + alpha diag(l2_A))^-1 X_A', |A| for the lasso.

        For other losses than squared error X'X has the curvatures of the loss at the solution as weights.

        Reference: Tibshirani and Taylor (2012), Ann. Statist. 40(2). With a ridge part the data are needed.
        """
        if self.params["l1_ratio"] == 1.0:
            return self.df.astype(float)
        _, kept_X, y, options, _ = self._data or (None, lambda: None, None, None, None)
        X = kept_X() if X is None else X
        if options is None or X is None:
            raise ValueError("effective_df of an elastic net needs the data of the fit, which are gone")
        with Pool(1) as pool:
            return self.df_of(pose(X, y, Options(**options), pool))

    def df_of(self, problem):
        """`effective_df` from the `Problem` that the path solves."""
        if self.params["l1_ratio"] == 1.0:
            return self.df.astype(float)
        supports, coefs = ([part[a:b] for a, b in zip(self.indptr[:-1], self.indptr[1:], strict=True)]
                           for part in (self.indices, self.values))
        return problem.ridge_degrees_of_freedom(self.alphas, supports, self.intercepts, coefs)

    def select(self, criterion="bic", gamma=0.5, df=None):
        """Return the index of the alpha that minimises an information criterion.

            aic  = n log(RSS/n) + 2 df
            bic  = n log(RSS/n) + log(n) df
            ebic = bic + 2 gamma log C(p, df)          (Chen and Chen 2008)

        with n = `n_samples`, the rows of positive weight, and RSS/n the weighted mean of the squared residuals. For
        other losses than squared error the deviance, n times the weighted mean of the unit deviance, takes the place
        of n log(RSS/n): the dispersion counts as 1.
        `df`, of shape (n_alphas,), is `effective_df` unless given.
        """
        if not len(self):
            raise ValueError("this path has no alphas to select from")
        return int(np.argmin(self.criterion(criterion, gamma, df)))

    def criterion(self, criterion="bic", gamma=0.5, df=None):
        """Return the values of an information criterion at each alpha, see `select`."""
        n, p, df = self.n_samples, self.n_features, self.effective_df() if df is None else df
        fit_term = deviance_term(self.loss, n, self.null_objective, self.r2)
        if criterion == "aic":
            return fit_term + 2 * df
        if criterion not in ("bic", "ebic"):
            raise ValueError(f'criterion must be "aic", "bic" or "ebic", got {criterion!r}')
        values = fit_term + np.log(n) * df
        if criterion == "ebic":
            values = values + 2 * gamma * np.array([log_binomial(p, k) for k in df])
        return values

    def summary(self, rows=12):
        """Return a table of about `rows` alphas as text."""
        share = "R2" if self.loss == SQUARED_ERROR else "dev"
        lines = [f"{'alpha':>11} {'features':>8} {share:>8} {'gap / P(0)':>10} {'passes':>7}"]
        scale = self.null_objective or 1.0
        for k in np.unique(np.linspace(0, len(self) - 1, min(rows, len(self))).astype(int)):
            lines.append(f"{self.alphas[k]:11.5g} {self.df[k]:8d} {self.r2[k]:8.4f} {self.gaps[k] / scale:10.1e} "
                         f"{self.n_passes[k]:7.1f}")
        return "\n".join(lines)

    def plot(self, ax=None):
        """Draw the coefficient profiles; needs matplotlib. Returns the Axes."""
        from ..plotting import plot_path

        return plot_path(self, ax)

    def save(self, file):
        """Write the path to an .npz file, without pickle; NumPy appends ".npz" to a name that lacks it."""
        saved.write(self, file)

    @classmethod
    def load(cls, file):
        """Read a path written by `save`; any other file, or an altered one, raises ValueError.

        ``LassoPath.load`` also reads paths of its subclasses, as their own class. A subclass reads its own paths alone.
        """
        return saved.read(file, cls, LassoPath.kinds)

    @classmethod
    def restored(cls, facts):
        """Return the arguments of the class that the facts of a saved file stand for."""
        return facts

    def extra_facts(self):
        """Return what a subclass saves beside arrays, by name, in JSON's types; `restored` takes it back."""
        return {}

    def check_extras(self):
        """Raise ValueError unless what a subclass has loaded is sound."""


def log_binomial(n, k):
    """log C(n, k), for fractional k too (`scipy.special` would double the time of `import fastlasso`)."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


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
