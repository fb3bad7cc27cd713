"""Stability selection: which columns the lasso keeps choosing on random halves of the rows.

A subsample is a vector of 0/1 weights, so all of them share one X, and none copies a row. They come in complementary
pairs (Shah and Samworth 2013): a random half of the rows, and the other half. For each alpha of a grid let

    S_k = the columns that are non-zero at alphas[k] or at a larger alpha of the grid
    P_jk = the share of the 2 B subsamples in which column j is in S_k
    q_k = the mean number of columns in S_k

The columns with P_jk >= threshold are selected. The expected number selected by chance is bounded in terms of q_k.

References
----------
Meinshausen and Buehlmann (2010), Stability selection, JRSS B 72(4).
Shah and Samworth (2013), Variable selection with error control: another look at stability selection, JRSS B 75(1).
"""

import warnings
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

from .. import validation
from ..annotations import ArrayLike, ByColumn, Callback, Data, Floats, Ints, RandomState
from ..frames import FeatureNames, check_rows, row_labels
from ..losses.choose import SQUARED_ERROR, LossLike
from ..parallel import Pool
from ..path.between import checked_alpha
from ..path.grid import given_grid, grid_of
from ..path.path_solver import Limits, PathSolver, paths_at_once, threads
from ..path.result import Result, named_vector
from ..path.stored import array, falling, names_from
from ..path.warn import WARNING_CLASS, stack_level
from ..problem.options import Options
from ..problem.problem import pose
from ..progress import shown
from ..solver.choose import started_solver
from ..validation import UNBOUNDED
from .splits import group_numbers

# Marks a row that is in neither half; 0 and 1 are the halves.
NEITHER = 2
NO_MODEL = "It chooses columns (`support`): fit a model to those, such as fit(X[:, columns], y, alpha) or post_lasso"


@dataclass(eq=False, repr=False)
class StabilityPath(Result):
    """Selection probabilities along a path.

    Attributes
    ----------
    alphas : ndarray of shape (n_alphas,)
    probabilities : ndarray of shape (n_features, n_alphas)
        Share of the subsamples in which a column is non-zero at this alpha or a larger one.
    mean_selected : ndarray of shape (n_alphas,)
        q_k, the mean number of columns so selected. Columns without a penalty, which are in every model, do not count.
    n_pairs : int
        B, the number of complementary pairs of subsamples.
    n_passes : float
        Passes over X that the fit of one subsample took, at most.
    feature_names : list of str, or None
    n_penalised : int
        The number of columns with a penalty factor above 0 and finite.
    """

    alphas: Floats
    probabilities: Floats
    mean_selected: Floats
    n_pairs: int
    n_passes: float = 0.0
    feature_names: list[str] | None = FeatureNames()     # noqa: RUF009 (a descriptor, whose default is None)
    n_penalised: int | None = None

    def __post_init__(self):
        if self.n_penalised is None:
            self.n_penalised = self.n_features

    @property
    def n_features(self) -> int:
        """Number of columns of X."""
        return len(self.probabilities)

    def __repr__(self):
        return (f"<StabilityPath: {len(self.alphas)} alphas, {len(self.probabilities)} features, {self.n_pairs} pairs "
                f"of halves, {self.mean_selected[-1]:.4g} selected on average at the end>")

    def _columns(self):
        return {"alpha": self.alphas, "mean_selected": self.mean_selected,
                "at_0.75": np.count_nonzero(self.probabilities >= 0.75, axis=0)}

    def at(self, alpha: Any = None) -> Any:
        """Return the selection probabilities at one alpha by name, by default at the smallest.

        Between two alphas of the grid, and below the last, those of the next larger alpha are returned: they can only
        grow as alpha falls. Above the first they are those of the first, from above.

        Returns
        -------
        pandas Series, or a structured array with the fields "feature" and "probability" where pandas is not installed
        """
        alpha = self.alphas[-1] if alpha is None else checked_alpha(alpha)
        above = np.flatnonzero(self.alphas >= alpha)
        names = self.feature_names
        names = [f"coef[{j}]" for j in range(self.n_features)] if names is None else list(names)
        return named_vector(names, self.probabilities[:, above[-1] if len(above) else 0], "probability")

    def coefficients(self, alpha: Any = None, nonzero: bool = False) -> NoReturn:
        """Raise TypeError: stability selection fits no model."""
        raise TypeError(f"a stability selection has no coefficients. {NO_MODEL}")

    def predict(self, X: Data, *more: Any) -> NoReturn:
        """Raise TypeError: stability selection fits no model."""
        raise TypeError(f"a stability selection makes no predictions. {NO_MODEL}")

    def plot(self, ax: Any = None, threshold: float = 0.75, **more: Any) -> Any:
        """Draw the selection probabilities against alpha; needs matplotlib. Returns the Axes.

        `more` are n_labels, features and alphas, as `fastlasso.plotting.plot_stability` describes them.
        """
        from ..plotting import plot_stability

        return plot_stability(self, ax, threshold, **more)

    def _stored(self):
        facts = {name: getattr(self, name) for name in ("n_pairs", "n_passes", "feature_names", "n_penalised")}
        return facts, {name: getattr(self, name) for name in ("alphas", "probabilities", "mean_selected")}, {}

    @classmethod
    def _of_stored(cls, facts, arrays, parts):
        alphas = falling(arrays, "alphas")
        probabilities = array(arrays, "probabilities", (-1, len(alphas)), 0.0, 1.0)
        n = len(probabilities)
        n_pairs = validation.whole_number(facts["n_pairs"], "n_pairs")
        n_penalised = validation.whole_number(facts["n_penalised"], "n_penalised", 0)
        if n_penalised > n or (np.diff(probabilities, axis=1) < 0).any():
            raise ValueError("probabilities is damaged")
        return cls(alphas, probabilities, array(arrays, "mean_selected", (len(alphas),), 0.0, float(n)), n_pairs,
                   validation.number(facts["n_passes"], "n_passes", 0.0), names_from(facts["feature_names"], n),
                   n_penalised)

    def error_bound(self, threshold: float, index: int = -1, unimodal: bool = False) -> float:
        """Return a bound on the expected number of selected columns that are selected no more often than at random.

        "At random" is a chance of at most theta = q / p in one subsample. For every column of that kind together

            E[V] <= q^2 / (p (2 threshold - 1))                                          threshold > 1/2

        with no assumption (Shah and Samworth 2013, theorem 1 and eq. 4; under exchangeability also Meinshausen and
        Buehlmann 2010, theorem 1, for all columns without signal). If the selection proportion of each such column
        over pairs has a unimodal distribution (their theorem 2), E[V] <= C q^2 / p with

            C = 1 / (2 (2 threshold - 1 - 1 / (2 B)))       threshold <= 3/4
            C = 4 (1 - threshold + 1 / (2 B)) / (1 + 1 / B)       threshold > 3/4

        where theta <= 1/sqrt(3) and threshold > min(1/2 + theta^2, 1/2 + 1/(2 B) + 3/4 theta^2); elsewhere the first
        bound is returned.

        Parameters
        ----------
        threshold : float in (1/2, 1]
        index : int, default=-1
            Which alpha.
        unimodal : bool, default=False
        """
        threshold = validation.number(threshold, "threshold", 0.5, 1.0, low_open=True)
        p, q, B = max(self.n_penalised, 1), float(self.mean_selected[index]), self.n_pairs
        general = q * q / (p * (2 * threshold - 1))
        theta = q / p       # p and q count penalised columns: no other can be selected by chance
        if not unimodal or theta > 3**-0.5 or threshold <= min(0.5 + theta**2, 0.5 + 0.5 / B + 0.75 * theta**2):
            return general
        if threshold <= 0.75:
            constant = 0.5 / (2 * threshold - 1 - 0.5 / B) if 2 * threshold - 1 > 0.5 / B else np.inf
        else:
            constant = 4 * (1 - threshold + 0.5 / B) / (1 + 1 / B)
        return min(general, constant * q * q / p)

    def index_for(self, max_false: float, threshold: float = 0.75, unimodal: bool = False) -> int:
        """Return the index of the smallest alpha at which `error_bound` is at most `max_false`.

        Raises
        ------
        ValueError
            Where `error_bound` is larger at every alpha.
        """
        bounds = [self.error_bound(threshold, k, unimodal) for k in range(len(self.alphas))]
        within = np.flatnonzero(np.array(bounds) <= max_false)
        if not len(within):
            raise ValueError(f"no alpha of the path has an error bound of at most {max_false}; the smallest is "
                             f"{min(bounds):.3g}: raise max_false or threshold, or start the path at a larger alpha")
        return int(within[-1])

    def support(self, threshold: float = 0.75, max_false: float | None = None, unimodal: bool = False) -> Ints:
        """Return the indices of the selected columns, those with probability >= threshold.

        They are taken at the smallest alpha of the path, or with `max_false` at the smallest alpha whose `error_bound`
        is at most `max_false`.
        """
        index = -1 if max_false is None else self.index_for(max_false, threshold, unimodal)
        threshold = validation.number(threshold, "threshold", 0.0, 1.0)
        return np.flatnonzero(self.probabilities[:, index] >= threshold)


def stability_selection(X: Data, y: ArrayLike, *, loss: LossLike = SQUARED_ERROR, n_pairs: int = 50,
                        weakness: float = 1.0, random_state: RandomState | None = None, alphas: ArrayLike = 50,
                        eps: float = 0.05, dfmax: int | None = None, l1_ratio: float = 1.0, fit_intercept: bool = True,
                        standardize: bool = False, sample_weight: ArrayLike | None = None,
                        offset: ArrayLike | None = None, penalty_factor: ByColumn | None = None,
                        lower: ByColumn = UNBOUNDED[0], upper: ByColumn = UNBOUNDED[1], tol: float = 1e-6,
                        max_iter: int = 10_000, n_threads: int | None = None,
                        groups: ArrayLike | None = None,
                        verbose: bool | int = False, progress: Callback | None = None) -> StabilityPath:
    """Fit the lasso path on complementary pairs of random halves of the rows, and count what is selected.

    Parameters
    ----------
    X, y, loss, l1_ratio, ..., n_threads
        As in `fit_path`. All subsamples use one grid; an automatic grid is that of all rows. Rows of weight zero belong
        to no subsample. Where y is a class, both halves of a pair hold as many rows of each class, to one row. The
        result does not depend on `n_threads`.
    n_pairs : int, default=50
        B; 2 B paths are fitted.
    weakness : float in (0, 1], default=1.0
        Below 1, each column's penalty factor is divided, in each subsample anew, by a random number from
        [weakness, 1] (the randomised lasso of Meinshausen and Buehlmann 2010, eq. 7).
    random_state : int or numpy Generator, optional
    dfmax : int, optional
        End each subsample's path before its first model with more columns: what is selected later does not count.
    groups : array of shape (n_samples,), optional
        Rows of one group stay together: a half is a random half of the groups. Where y is a class, the groups of each
        class are shared out if no group has rows of both.
    verbose, progress
        As in `fit_path`; alphas and passes are those of all halves.

    Returns
    -------
    StabilityPath

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import stability_selection
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((120, 200))
    >>> y = 2 * X[:, 0] - 2 * X[:, 1] + rng.standard_normal(120)
    >>> stable = stability_selection(X, y, random_state=0)
    >>> stable.support(max_false=1.0)
    array([0, 1])
    """
    options = Options(l1_ratio, fit_intercept, standardize, sample_weight, offset, penalty_factor, lower, upper, loss)
    limits, n_pairs = Limits.checked(tol, max_iter, dfmax), validation.whole_number(n_pairs, "n_pairs")
    weakness = validation.number(weakness, "weakness", 0.0, 1.0, low_open=True)
    given_grid(alphas, eps)
    check_rows(row_labels(X), groups, "groups")
    with Pool(threads(n_threads)) as pool:
        whole = pose(X, y, options, pool)
        grid = grid_of(started_solver(whole, limits.tol), alphas, eps)
        halves = ComplementaryPairs(whole, y, options, limits, weakness, np.random.default_rng(random_state), n_pairs,
                                    None if groups is None else group_numbers(groups, whole.design.n_samples))
        with shown(verbose, progress, 2 * n_pairs) as monitor:
            return halves.path(grid, monitor)


class ComplementaryPairs:
    """The random halves of the rows of one problem: `half_of[pair, row]` is 0, 1 or NEITHER."""

    def __init__(self, whole, y, options, limits, weakness, rng, n_pairs, groups=None):
        self.whole, self.y, self.options, self.limits, self.weakness = whole, y, options, limits, weakness
        n = whole.design.n_samples
        self.weights = np.ones(n) if whole.design.weights is None else whole.design.weights
        self.half_of = np.full((n_pairs, n), NEITHER, np.int8)
        units, unit_of, is_small_class = self._units(np.flatnonzero(self.weights), groups)
        for half_of in self.half_of:
            half_of_unit = halves(units, is_small_class, rng)
            half_of[self.weights > 0] = half_of_unit[unit_of]
        self.generators = rng.spawn(2 * n_pairs)

    def _units(self, rows, groups):
        """(number of units, the unit of each row of positive weight, which are of the smaller class): rows or groups.
        """
        small = small_class(self.whole)
        small = None if small is None else small[rows]
        unit_of, what = np.arange(len(rows)), "n_samples"
        if groups is not None:
            unit_of, what = np.unique(groups[rows], return_inverse=True)[1], "n_groups"
        units = unit_of.max() + 1
        if units < 4:
            raise ValueError(f"stability selection needs at least 4 {'rows' if groups is None else 'groups'} of "
                             f"weight > 0, got {what}={units}")
        return units, unit_of, None if small is None else class_of_units(small, unit_of)

    def path(self, grid, monitor=None):
        """Fit the path of every half along `grid`, several at once, and count the columns selected."""
        probabilities = np.zeros((self.whole.design.n_features, len(grid)))
        design = self.whole.design
        paths = design.pool.each(lambda k, own: self._first_selected(k, grid, own, monitor),
                                 range(2 * len(self.half_of)), paths_at_once(design.matrix))
        for cols, first, _, _ in paths:
            probabilities[cols, first] += 1
        uncertified = sum(not certified for _, _, certified, _ in paths)
        if uncertified:
            warnings.warn(f"{uncertified} of {len(paths)} subsamples have solutions that are not certified to tol. "
                          "Raise max_iter or tol, or end the paths earlier (eps, dfmax).", WARNING_CLASS.get(),
                          stacklevel=stack_level())
        np.cumsum(probabilities, axis=1, out=probabilities)
        probabilities /= len(paths)
        origin = self.whole.origin
        penalised = np.delete(probabilities, origin.unpenalised, axis=0)
        return StabilityPath(grid, probabilities, penalised.sum(axis=0), len(paths) // 2,
                             max(passes for *_, passes in paths), origin.feature_names, origin.n_penalised)

    def _first_selected(self, k, grid, pool, monitor):
        """(columns ever used, index of the alpha at which each first was, whether all is certified, passes) of one."""
        weights = np.where(self.half_of[k // 2] == k % 2, self.weights, 0.0)
        options = replace(self.options, sample_weight=weights, penalty_factor=self._factors(k))
        watch = None if monitor is None else monitor.watch(k)
        path = PathSolver(self._problem(options, pool), self.limits, watch=watch).down(grid).result(options)
        at = np.repeat(np.arange(len(path)), path.df)
        cols, where = np.unique(path.indices, return_index=True)
        return cols, at[where], path.certified.all(), path.n_passes.max(initial=0.0)

    def _problem(self, options, pool):
        """The problem of one half."""
        try:
            return pose(self.whole.design.matrix.source, self.y, options, pool)
        except ValueError as error:
            raise ValueError(f"a random half of the rows cannot be fitted: {error}") from error

    def _factors(self, k):
        """The penalty factors of one half."""
        if self.weakness == 1:
            return self.options.penalty_factor
        return self.whole.penalty_factor / self.generators[k].uniform(self.weakness, 1.0, self.whole.design.n_features)


def halves(units, is_small_class, rng):
    """Return which half each of so many units is in, at random: 0, 1, or NEITHER for one left over."""
    half, order = units // 2, rng.permutation(units)
    half_of = np.full(units, NEITHER, np.int8)
    if is_small_class is not None:      # dealt out in turn: the last unit, which may be left over, is of the larger
        order = order[np.argsort(~is_small_class[order], kind="stable")]        # class
        order = np.concatenate([order[:2 * half:2], order[1:2 * half:2]])
    half_of[order[:half]], half_of[order[half:2 * half]] = 0, 1
    return half_of


def class_of_units(small, unit_of):
    """Return which units are of the smaller class, or None where one has rows of both."""
    share = np.bincount(unit_of, small) / np.bincount(unit_of)
    return share == 1 if np.isin(share, (0, 1)).all() else None


def small_class(problem):
    """Which rows are of the class with fewer rows of positive weight, or None where y holds no classes.

    Raises
    ------
    ValueError
        Where that is a single row: one half would lack the class.
    """
    if problem.classes is None:
        return None
    positive = problem.loss.y > 0
    counted = positive if problem.design.weights is None else positive[problem.design.weights > 0]
    is_small = positive if 2 * np.count_nonzero(counted) <= len(counted) else ~positive
    size = min(np.count_nonzero(counted), np.count_nonzero(~counted))
    if size < 2:
        raise ValueError(f"stability selection needs at least 2 rows of each class, y has one that is "
                         f"{problem.classes.tolist()[int(is_small is positive)]!r}")
    return is_small
