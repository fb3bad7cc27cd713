"""The one problem as a value, validated once.

    minimise over (b0, b)   1/(2 W) sum_i w_i (y_i - o_i - b0 - x_i . b)^2
                            + alpha sum_j ( l1_j |b_j| + l2_j/2 b_j^2 ),      lower_j <= b_j <= upper_j

with l1 = v l1_ratio s, l2 = v (1 - l1_ratio) s^2, penalty factors v and scales s (1, or each column's standard
deviation with `standardize`). A column that cannot enter (v = inf, or constant under an intercept) has l1 = inf.
"""

from dataclasses import dataclass, replace

import numpy as np

from .. import validation
from ..frames import check_rows
from ..losses.choose import SQUARED_ERROR, as_loss
from ..losses.risk import Risk
from ..losses.squared import SquaredError
from ..matrices.base import Matrix
from ..matrices.choose import as_matrix
from ..matrices.summed import summed_whole
from ..penalties.separable import Penalty
from .design import Design
from .options import Options


@dataclass(frozen=True, eq=False)
class Origin:
    """What a result must know of the data and options that it was fitted to.

    Attributes
    ----------
    feature_names : list of str, or None
    has_offset : bool
    unpenalised : ndarray of int
        The columns whose penalty factor is 0.
    n_penalised : int
        The number of columns whose penalty factor is above 0 and finite.
    """

    feature_names: list | None
    has_offset: bool
    unpenalised: np.ndarray
    n_penalised: int

    @classmethod
    def of(cls, matrix, factors, has_offset):
        return cls(matrix.feature_names, has_offset, np.flatnonzero(factors == 0),
                   int(np.count_nonzero((factors > 0) & (factors < np.inf))))

    def facts(self):
        """The attributes by name, as a path keeps them."""
        return vars(self)


@dataclass(frozen=True, eq=False)
class Problem:
    """A loss, a penalty, and X behind a `Design`. Variants are new values; only the design's counter and pool change.

    Attributes
    ----------
    design : Design
        X with its weights and centre.
    loss : SquaredError or Risk
    penalty : Penalty
        Of every column, per unit of alpha.
    correlation : ndarray of shape (n_features,)
        X'y, or X'rho of the empty model, weighted and centred: the negative gradient at b = 0.
    penalty_factor : ndarray of shape (n_features,)
        v in [0, inf], as given.
    l1_ratio : float
    standardize : bool
    group_sums : ndarray of shape (n_groups, n_features + 2, n_features + 2), or None
        The sums over each of the groups of rows that were asked for (`Matrix.group_sums`), y centred.
    origin : Origin
        What a result must know of the data; the same for all penalty factors that are put in place of the user's.
    """

    design: Design
    loss: SquaredError | Risk
    penalty: Penalty
    correlation: np.ndarray
    penalty_factor: np.ndarray
    l1_ratio: float
    standardize: bool
    group_sums: np.ndarray | None = None
    origin: Origin | None = None

    @property
    def null_objective(self):
        """P(0), the objective at b = 0 with the best intercept: the unit of the tolerance."""
        return self.loss.null_value

    @property
    def loss_given(self):
        """The loss as results keep it: "squared_error", or a `Loss`."""
        return SQUARED_ERROR if self.loss.is_quadratic else self.loss.loss

    @property
    def classes(self):
        """The two labels of a classifier, or None."""
        return None if self.loss.is_quadratic else self.loss.classes

    @property
    def scale(self):
        """s_j by which the penalty multiplies each coefficient: 1, or the standard deviations of the columns."""
        return np.sqrt(self.design.variance) if self.standardize else 1.0

    @property
    def has_ridge(self):
        """Whether the penalty may have a ridge part."""
        return self.l1_ratio < 1

    def with_penalty_factor(self, penalty_factor, l1_ratio=None):
        """Return the same data under other penalty factors (and another l1_ratio): X is not read again."""
        ratio = self.l1_ratio if l1_ratio is None else validation.number(l1_ratio, "l1_ratio", 0.0, 1.0)
        factors = validation.penalty_factors(penalty_factor, self.design.n_features)
        bounds = self.penalty.lower, self.penalty.upper
        return replace(self, design=self.design.counted_anew(), penalty_factor=factors, l1_ratio=ratio,
                       penalty=penalty_of(self.design, factors, ratio, self.standardize, *bounds))

    def with_penalty(self, penalty):
        """Return the same data under another penalty in the same fit: both count their passes together."""
        return replace(self, penalty=penalty)

    def intercepts(self, cols, coefs, centres=None):
        """b0 for each row of coefficients on the columns `cols`.

        `centres` are b0 + mean.b, where the loss does not tell them.
        """
        return self.loss.intercepts(self.design.mean[cols], coefs, centres)

    def intercept_costs(self, cols, coefs):
        """What rounding of b0 may add to each objective."""
        return self.loss.intercept_costs(self.design.mean[cols], coefs)

    def ridge_degrees_of_freedom(self, alphas, supports, intercepts, coefs):
        """Trace of (H_A + alpha diag(l2_A))^-1 H_A for each alpha and support A, H = X'X weighted and centred.

        For a loss that is not quadratic H has the curvatures of the loss at the solution as further weights.
        """
        df, last = np.zeros(len(alphas)), np.empty(0, np.int64)
        for k, (alpha, cols) in enumerate(zip(alphas, supports, strict=True)):
            if not (self.loss.is_quadratic and np.array_equal(cols, last)):
                last = cols.astype(np.int64)
                gram = self._curvature_gram(last, intercepts[k], coefs[k])
            if len(last):
                ridge = np.diag(self.penalty.at(last).ridge_curvature(alpha))
                df[k] = np.trace(np.linalg.solve(gram + ridge, gram))
        return df

    def _curvature_gram(self, cols, intercept, coef):
        """The second derivative of the loss in some coefficients, the intercept at its best."""
        if self.loss.is_quadratic:
            return self.design.gram(cols, len(cols))
        fitted = np.require(self.design.matrix.combine(cols, coef[None], self.design.pool), np.float64, "CW")[0]
        d = self.loss.local(self.loss.scores_of(fitted, intercept), self.design.pool)[1]
        mean = self.loss.mean(d)
        design = self.design.reweighted(self.design.weigh(d) / mean)
        design.measure_centres(cols)
        return mean * design.gram(cols, len(cols))


@dataclass(frozen=True, eq=False)
class Given:
    """X and the options, checked: what the problems of several targets have in common.

    Attributes
    ----------
    matrix : Matrix
    options : Options
        Vectors in place of what names columns.
    weights : ndarray of shape (n_samples,), or None
    factors : ndarray of shape (n_features,)
    l1_ratio : float
    bounds : tuple of ndarray
    """

    matrix: Matrix
    options: Options
    weights: np.ndarray | None
    factors: np.ndarray
    l1_ratio: float
    bounds: tuple

    @classmethod
    def of(cls, X, options, y):
        """Check X and options, and that `y` has the row labels of X.

        Raises
        ------
        ValueError, TypeError
            For bad input.
        """
        matrix = as_matrix(X)
        n, p = matrix.shape
        options = options.resolved(matrix)
        check_rows(matrix.row_labels, y, "y")
        weights = validation.sample_weights(options.sample_weight, n)
        l1_ratio = validation.number(options.l1_ratio, "l1_ratio", 0.0, 1.0)
        return cls(matrix, options, weights, validation.penalty_factors(options.penalty_factor, p), l1_ratio,
                   validation.bounds(options.lower, options.upper, p))

    @property
    def is_quadratic(self):
        """Whether the loss is squared error."""
        return self.options.loss == SQUARED_ERROR

    @property
    def fit_intercept(self):
        """Whether there is an intercept."""
        return bool(self.options.fit_intercept)

    def loss(self, y, pool):
        """Return the loss of one target, which is checked."""
        if self.is_quadratic:
            y = validation.target(y, self.matrix.shape[0])
            return SquaredError.of(y, self.options.offset, self.weights, self.fit_intercept)
        y = validation.same_length(y, self.matrix.shape[0])
        return Risk.of(as_loss(self.options.loss), y, self.options.offset, self.weights, self.fit_intercept, pool)

    def problem(self, loss, matrix, pool, group_sums=None, kept=None):
        """Return the `Problem` of a loss on X, read through `matrix`; a design keeps Gram matrices in `kept`."""
        slope = loss.null_residual
        design, correlation = Design.measured(matrix, self.weights, self.fit_intercept, pool, slope, kept)
        standardize = bool(self.options.standardize)
        penalty = penalty_of(design, self.factors, self.l1_ratio, standardize, *self.bounds)
        origin = Origin.of(self.matrix, self.factors, self.options.offset is not None)
        return Problem(design, loss, penalty, correlation, self.factors, self.l1_ratio, standardize, group_sums, origin)


def pose(X, y, options, pool, groups=None):
    """Return the `Problem` of X, y and `Options`: everything is checked, and X is measured in one pass.

    `groups` are disjoint row indices; their sums are kept in `group_sums`.

    Raises
    ------
    ValueError, TypeError
        For bad input.
    """
    given = Given.of(X, options, y)
    matrix, loss, sums = given.matrix, given.loss(y, pool), None
    if groups is not None or (given.is_quadratic and matrix.pays_to_sum):
        matrix, sums = summed_whole(matrix, groups or [np.arange(matrix.shape[0])], loss.y, given.weights, pool)
    return given.problem(loss, matrix, pool, None if groups is None else sums)


def penalty_of(design, factors, l1_ratio, standardize, lower, upper):
    """Return the `Penalty` of factors; columns that are constant (`Design.constant`, `Design.flat`) are excluded.

    Without intercept a constant column that nothing penalises stays: it may be the user's own intercept.
    """
    scale = np.sqrt(design.variance) if standardize else None
    excluded = design.constant
    if standardize:
        excluded = design.flat if design.fit_intercept else np.where(factors == 0, design.constant, design.flat)
    return Penalty.of(factors, l1_ratio, scale, excluded, lower, upper)
