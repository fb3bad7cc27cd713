"""Newton steps on the working set, for a loss that is not quadratic: see `newton.py`."""

from dataclasses import dataclass, replace

import numpy as np

from .._engine import engine
from ..matrices.near import with_near_columns
from . import cost
from .base import widened
from .basis import independent, places
from .least_squares import LeastSquares
from .quadratic_model import GramModel, SweepModel

# A model serves while the mean curvature changes by no more than this factor.
MOST_CHANGED = 8.0
# A new Gram matrix is formed as fast as this many times as many multiply-adds of products with vectors.
GRAM_SPEED = 20.0
# Multiply-adds of a Gram matrix that cost less than what Python takes for a step: then each step has a new one. Weights
# and repeated rows take the same steps so, for the rule above depends on the number of rows.
SMALL_MODEL = 1 << 18
# What the first step from a residual counts as, where a fresher model would have served without one.
FIRST_WASTE = 0.2
# Epochs of descent in a step, at most, for every step that `max_iter` allows.
STEP_EPOCHS = 100
# A step takes no more epochs than these, or than `max_iter` where that is more.
MOST_EPOCHS = 10_000
# A dual point that must shrink by no more than this share costs at most the share of P(0).
NEGLIGIBLE = 1e-12
# A product of theta with a column without a penalty is rounding up to this share of their norms.
FREE_ROUNDING = 1e-15
# Beyond this share the dual point is not feasible: of copies to eight digits 3e-9 is left. In between, what the column
# may gain is added to the gap.
FREE_TOLERANCE = 1e-10
# Rounds of making theta orthogonal to the columns without a penalty.
FREEING_ROUNDS = 3
NO_COLUMNS, NO_VALUES = np.empty(0, np.int64), np.empty(0)


@dataclass(frozen=True, slots=True)
class Point:
    """Coefficients of the working set, the intercept at the mean of X, and the scores, None where they were dropped."""

    b: np.ndarray
    centre: float
    eta: np.ndarray | None

    def padded(self, size):
        """Return the same point with zeros for further columns."""
        return self if len(self.b) == size else replace(self, b=widened(self.b[None], 1, size)[0])

    def towards(self, other, share):
        """Return the point at a share of the way to another; beyond it for shares above 1."""
        b = self.padded(len(other.b)).b
        return Point(b + share * (other.b - b), self.centre + share * (other.centre - self.centre),
                     engine.line(self.eta, other.eta, share))


@dataclass(frozen=True, slots=True)
class Certified:
    """A solution at one alpha and its dual point.

    Attributes
    ----------
    alpha, point : float, Point
    theta : ndarray of shape (n_samples,)
    z : ndarray
        X'theta of the working set as it was then.
    value : float
        F.
    gap : float
        On the working set alone until the columns outside are proven.
    bound : str
        "newton" or "residual": which dual point theta is.
    observed : object
        What `on_residual` returned for the scores.
    """

    alpha: float
    point: Point
    theta: np.ndarray
    z: np.ndarray
    value: float
    gap: float = np.inf
    bound: str = "newton"
    observed: object = None

    @property
    def b(self):
        """The coefficients of the working set."""
        return self.point.b


@dataclass(frozen=True, slots=True)
class Start:
    """Where a step starts from.

    Attributes
    ----------
    alpha, here : float, Point
    rho : ndarray of shape (n_samples,)
        The residual there, or another dual point.
    gradient : ndarray
        X'rho of the working set, rho balanced.
    """

    alpha: float
    here: Point
    rho: np.ndarray
    gradient: np.ndarray


class NewtonSteps:
    """A problem whose loss is a `Risk` on a working set, and the last solutions there.

    Attributes
    ----------
    problem : Problem
        Changed by `repenalise` alone.
    goal : Goal
    working_set : ndarray of int
    near : Design
        X with copies of the working set where these pay.
    model : GramModel or SweepModel, or None
    ratio : float
        What the curvature of the model is multiplied by.
    floor : float
        Least curvature of a sample, raised where f'' jumps and a step led uphill.
    wasted : float
        Multiply-adds of steps beyond the first one of an alpha since the model was made.
    trail : list of Certified
        The last one or two solutions, from which the next one is extrapolated.
    landed : Certified, or None
        Where the last step led.
    """

    def __init__(self, problem, goal):
        self.problem, self.goal, self.working_set = problem, goal, np.empty(0, np.int64)
        self.near = problem.design.beside(with_near_columns(problem.design.matrix))
        self.model, self.ratio, self.floor, self.wasted, self.trail, self.landed = None, 1.0, 0.0, 0.0, [], None

    @property
    def design(self):
        """X as the problem sees it."""
        return self.problem.design

    @property
    def last(self):
        """The last solution."""
        return self.trail[-1]

    @property
    def penalty(self):
        """The penalty of the working set."""
        return self.problem.penalty.at(self.working_set)

    @property
    def n_used(self):
        """Columns used by the last solution."""
        return np.count_nonzero(self.last.b)

    def _extend(self, cols):
        """Take columns into the working set."""
        self.working_set = np.concatenate([self.working_set, cols])
        self.trail = [replace(row, point=row.point.padded(len(self.working_set))) for row in self.trail]
        self.near.expect(cols)
        is_whole = self.model is not None and self.model.form.size == len(self.working_set) - len(cols)
        if is_whole and (self.model.sweeps or self._gram_pays(len(cols))):
            self.model.extend(cols, self.penalty)

    def repenalise(self, problem):
        """Go on under another penalty on the same design: solutions, Gram matrix and correlations stay as they are."""
        self.problem = problem.with_penalty(problem.penalty.with_exclusions_as_bounds())
        self.trail = self.trail[-1:]
        if self.model is not None:
            self.model.repenalise(self.penalty)

    def refitted(self, refit):
        """Return a refit on the solver's working set as one on X: the same, where columns are those of X."""
        return refit

    def nearly_dependent_gram(self, cols):
        """Return the Gram matrix of unpenalised columns if they nearly depend on each other, else None."""
        if self.model is None or len(independent(self.model.form.gram_of(places(cols, self.working_set)))[1]) == 0:
            return None
        return self.design.gram(cols, len(cols))

    # ------------------------------------------------------------ the model

    def _keep_model(self, d, step, renew):
        """Make a new model at the curvature d where there is none, or where the present one costs too many steps.

        Sweeps whose first step is slow give way to a Gram matrix where that fits, as if they had ended at their limit.
        The model's ratio is set to that of the mean curvatures. With a ridge part it stays 1, since the factor of the
        Gram matrix would have to be made anew.
        """
        n, m, mean = self.design.n_samples, len(self.working_set), self.problem.loss.mean(d)
        if step and renew and self.wasted == 0 and self.model.sweeps and not self.problem.has_ridge:
            self.model.form.give_up()
        self.wasted += (4.0 if step else FIRST_WASTE) * n * max(m, 1)
        costs = n * m * m / GRAM_SPEED + m**3 / 3 if (n + m) * m * m > SMALL_MODEL else 0.0
        if self._is_outdated(d, mean) or (step and renew) or self.wasted > costs:
            self._renew_model(d)
        self.ratio = 1.0 if self.problem.has_ridge or not mean > 0 else mean / self.model.total

    def _is_outdated(self, d, mean):
        """Whether the model cannot serve at the curvature d, whose mean is `mean`."""
        if self.model is None or self.model.form.size < len(self.working_set) or self.model.form.has_ended:
            return True
        if self.problem.loss.loss.keeps_curvature:
            return not self.model.total < MOST_CHANGED * mean < MOST_CHANGED**2 * self.model.total
        return not np.array_equal(d, self.model.curvature)

    def _renew_model(self, d):
        gram, swept = self._gram_pays(0), self._swept
        last = None if self.model is None else self.model.last()
        self.model, self.wasted = None, 0.0     # before there is a second Gram matrix
        if gram:
            self.model = GramModel(self.problem, self.near, d, swept)
        else:
            self.model = SweepModel(self.problem, self.near, d)
            self.model.form.end_at(cost.most_sweeps(*self._sizes()))
        self.model.extend(self.working_set, self.penalty)
        if last is not None:
            self.model.follow(*last)

    @property
    def _swept(self):
        """Sweeps that a step of the last model took, or of the one before it that a Gram matrix has replaced."""
        return 0 if self.model is None else self.model.form.swept

    def _gram_pays(self, entering):
        """Whether exact steps on a Gram matrix of the working set, of which some columns are new, cost less.

        As many columns come into use at each alpha as at the last one, at least.
        """
        design, stored, size, face, ridge = self._sizes()
        entering = max(entering, self.n_used - np.count_nonzero(self.trail[0].b))
        return not size or cost.gram_pays(design, stored, size, face, entering, ridge, self._swept)

    def _sizes(self):
        """What the cost of face steps on a Gram matrix depends on (`cost.gram_in_sweeps`)."""
        face = max(self.n_used, np.count_nonzero(self.penalty.unscreened))
        return (self.design, self.design.stored(self.working_set), len(self.working_set), face,
                self.problem.has_ridge)

    # ------------------------------------------------------------ steps

    def _gradients(self, residuals):
        """Return (the residuals, balanced by the model; their products with the working set)."""
        loss, model, balanced = self.problem.loss, self.model, np.array(residuals)
        for rho in balanced:
            loss.balance(rho, model.curvature, model.total, self.design.pool)
        return balanced, self.near.correlations_at(balanced, self.working_set)

    def _step(self, *start):
        """Return the minimiser of the model around one start, see `_steps`."""
        return self._steps([Start(*start)])[0]

    def _steps(self, starts):
        """Return the minimisers of the model around some starts, as `Certified` on the working set."""
        allowed = self.goal.max_iter
        goal = replace(self.goal, max_iter=min(STEP_EPOCHS * allowed, max(MOST_EPOCHS, allowed)))
        dual = self._last_dual()
        solved = [self.model.minimise(start.alpha, start.here, start.rho, start.gradient, self.ratio, goal, dual)
                  for start in starts]
        B = np.array([b for b, _ in solved])
        used = np.flatnonzero(B.any(axis=0))
        fitted = self.near.fitted(self.working_set[used], np.ascontiguousarray(B[:, used]))
        return [self._landed(start, b, z, row) for start, (b, z), row in zip(starts, solved, fitted, strict=True)]

    def _last_dual(self):
        """Return (theta, alpha) of the last step where a ridge part lets a model begin there, else None."""
        row = self.landed
        return (row.theta, row.alpha) if self.problem.has_ridge and row is not None and row.alpha > 0 else None

    def _landed(self, start, b, z, fitted):
        """Return the solution that a step leads to; its dual point takes the place of `start.rho`."""
        loss, model = self.problem.loss, self.model
        eta = loss.scores_of(fitted, start.here.centre)
        shift, value, slack = loss.land(start.rho, model.curvature, model.total, self.ratio, start.here.eta, eta,
                                        self.design.pool)
        row = Certified(start.alpha, Point(b, start.here.centre + shift, eta), start.rho, z, value)
        self.landed = freed = self._freed(row)
        return replace(freed, gap=self._gap(freed, slack=slack if freed is row else None))

    def _freed(self, row):
        """Return the row with a dual point that is orthogonal to the columns U that nothing penalises or holds.

        Its gap proves nothing otherwise. theta - d X_U a is orthogonal, with a = (X_U'd X_U)^-1 X_U'theta and d the
        curvature of the model. Columns that it pulls away from their only bound join U. Where d is 0 on too many
        samples the gap that `_gap` finds is infinite.
        """
        if not self.problem.penalty.leaves_free([row.alpha]):
            return row
        loss, model, penalty = self.problem.loss, self.model, self.penalty
        joined = penalty.unpenalised(row.alpha, row.point.padded(len(self.working_set)).b)
        for _ in range(FREEING_ROUNDS):
            far = self._cosines(self.working_set, row.z, row.theta) > FREE_ROUNDING
            joined |= far & penalty.exclusive(row.z, row.alpha)
            if not (far & joined).any():
                break
            free = np.flatnonzero(joined)
            step = LeastSquares(model.form.gram_of(free)).step(row.z[free])
            fitted = self.near.fitted(self.working_set[free], step[None])[0]
            theta = row.theta - model.curvature / model.total * fitted
            loss.balance(theta, model.curvature, model.total, self.design.pool)
            row = replace(row, theta=theta, z=self.near.correlations_at(theta[None], self.working_set)[0])
        return row

    # ------------------------------------------------------------ gaps

    def _gap(self, row, outside=NO_COLUMNS, z_outside=NO_VALUES, slack=None):
        """The duality gap of a row on the working set and some columns outside, which are zero in it.

        `slack` is that of the loss at theta itself, where it is known.
        """
        loss, m, alphas = self.problem.loss, len(self.working_set), np.array([row.alpha])
        penalty = self.problem.penalty.at(np.concatenate([self.working_set, outside]))
        b = widened(row.b[None], 1, m + len(outside))
        z = np.concatenate([widened(row.z[None], 1, m)[0], z_outside])[None]
        scales = penalty.scales(z, alphas)
        shrink = 1 - scales[0]
        if slack is None or shrink > NEGLIGIBLE:
            slack, shrink = loss.slack(self._with_scores(row.point).eta, scales[0] * row.theta, self.design.pool), 0.0
        gaps = np.array([slack + shrink * loss.null_value])
        if self.problem.penalty.leaves_free(alphas):
            free = np.flatnonzero(penalty.unpenalised(row.alpha, b[0]) | penalty.exclusive(z[0], row.alpha))
            cols = np.concatenate([self.working_set, outside])[free]
            if not (self._cosines(cols, z[0, free], row.theta) <= FREE_TOLERANCE).all():
                return np.inf
            gaps += np.abs(z[0, free]) @ np.abs(b[0, free])     # rounding, were all of b_j to change
        curvatures = np.concatenate([self.model.diagonal(), np.ones(len(outside))])
        penalty.add_slack(gaps, b, z, alphas, scales, curvatures)
        return float(gaps[0])

    def _cosines(self, cols, z, theta):
        """|x_j'theta| / (|x_j| |theta|) of some columns, whose products with theta are z; 0 where that is 0 / 0."""
        size = np.sqrt(self.design.norm2[cols] * self.problem.loss.mean(np.square(theta)))
        return np.divide(np.abs(z), size, out=np.zeros(len(cols)), where=size > 0)

    def _with_scores(self, point):
        """The same point with its scores, formed again where they were dropped."""
        if point.eta is not None:
            return point
        fitted = self.near.fitted(self.working_set[:len(point.b)], point.b[None])[0]
        return replace(point, eta=self.problem.loss.scores_of(fitted, point.centre))
