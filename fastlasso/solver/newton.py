"""Losses that are not quadratic: Newton's method inside the working set.

The solver proposes columns and proves with the loss's own residual. Only the working set sees a quadratic model of the
risk (`quadratic_model.py`), whose Gram matrix is kept from step to step and from alpha to alpha. For each alpha
(`newton_alphas.py`, and `newton_steps.py` for the single step)

1. the solution is extrapolated from the last two: no pass over X;
2. the model around that point is solved exactly on the working set. With the step of the scores Delta, the dual point

       theta = rho - d Delta       (the Newton dual)

   is orthogonal to 1 and to the unpenalised columns, and feasible on the working set, as exactly as the model is
   solved. It is feasible for the loss, too, where no |Delta| is large. Its gap at the new point is of second order in
   Delta;
3. where the gap is too large, a further step starts from the new point.

Batches, anchors and the filter are those of `solver.py`: X'theta of all columns is known at some alphas, and a bound
proves most columns inactive at the others.

Sources: Friedman, Hastie and Tibshirani 2010 (J. Stat. Softw. 33(1)), Newton and coordinate descent; Massias, Vaiter,
Gramfort and Salmon 2020 (JMLR 21), dual points of generalised linear models.
"""

from dataclasses import replace

import numpy as np

from . import screening
from .base import VIOLATION, Batch
from .newton_alphas import NewtonAlphas
from .newton_steps import Point
from .screening import Anchor

# Least value of `longest_batch`, and the largest ones where X is stored by columns and by rows. With 8 in place of 10
# wide data took 4 % more time. With 12 in place of 8 text took 5 to 12 % more.
SHORTEST_BATCH = 4
MOST_BY_COLUMNS, MOST_BY_ROWS = 10, 8
# Dual points of a batch may take this share of X's bytes.
BATCH_SHARE = 1 / 4
# Dual points whose products with all columns are formed together.
PASS_ROWS = 4
# Stored values of a working set from which X is read for two alphas at a time.
LARGE = 1 << 21
# Leaps that must succeed in a row before two alphas are tried at a time.
STREAK = 6
# Columns whose predicted correlation reaches this share of alpha join the working set. It is less than for squared
# error, whose correlations are linear in alpha between knots. With 0.95 a path took up to 5 % more time, with 0.88 up
# to 8 %.
CANDIDATE_SHARE = 0.92
# Columns that may always join at once.
LEAST_ENTERING = 40
# Columns that may join at once, as a share of the columns in use.
LEAD = 0.25
# Times as many of those that violate may join. With 1 in place of 3 wide data took a tenth more, with 4 their
# cross-validation 5 %.
VIOLATING = 3
# Times as many for X by rows, of which a pass serves any number. With 2 in place of 4 text took 5 % more.
BY_ROWS = 4
# The way to a cold start is cut into steps by this ratio, and every eighth is solved: the first of them is near.
APPROACH_RATIO, APPROACH_STRIDE = 0.94, 8
# Gaps there may be this share of P(0): steps from a looser point wander far.
LOOSE = 1e-3
# Columns that nothing penalises are fitted to this share of the gap before alpha_max is known.
FIRST_SHARE = 1e-3


class Rows(list):
    """The solutions of a batch so far, of class `Certified`.

    Attributes
    ----------
    Theta : ndarray of shape (k, n_samples)
        Their dual points.
    """

    def __init__(self, n_alphas, n_samples):
        super().__init__()
        self.Theta = np.empty((n_alphas, n_samples))

    def put(self, k, row):
        """Let a solution be the one at the k-th alpha, the next one or one that is there already."""
        self.Theta[k] = row.theta
        self[k:k + 1] = [row]

    def release(self, count):
        """Free the scores of the first solutions, and the copies that they have of their dual points."""
        for k in range(count):
            if self[k].point.eta is not None:
                self[k] = replace(self[k], point=replace(self[k].point, eta=None), theta=self.Theta[k])


class NewtonSolver(NewtonAlphas):
    """Walks down the alphas of one `Problem` whose loss is a `Risk`.

    Attributes
    ----------
    problem, goal, working_set, near, model, ratio, floor, wasted, trail, separated
        As in `NewtonAlphas`.
    on_residual : callable, or None
        Called with the scores of each solution, rows of weight zero included.
    inside : ndarray of bool, shape (n_features,)
        The columns in the working set.
    anchors : list of Anchor
        The last one or two solutions with X'theta of all columns.
    streak : int
        Alphas that leaps in a row reached.
    alpha_max : float
        Smallest alpha at which every column with an L1 part is zero; set by `start`.
    """

    compressed = False

    def __init__(self, problem, goal, on_residual=None):
        super().__init__(problem, goal)
        self.on_residual, self.inside = on_residual, np.zeros(problem.design.n_features, bool)
        self.anchors, self.alpha_max, self.streak = [], np.inf, STREAK

    def start(self):
        """Take in the columns without an L1 part, and settle the state at alpha_max."""
        penalty = self.problem.penalty
        self.trail, z = [self._empty(np.inf)], self.problem.correlation
        self._add(np.flatnonzero(penalty.unscreened))
        if len(self.working_set) and (penalty.has_unpenalised or not penalty.unscreened[penalty.usable].all()):
            fitted = self._solve(1.0, self.last.point, self.goal.gap * FIRST_SHARE)
            self.trail, z = [replace(fitted, alpha=np.inf)], self.design.correlations(fitted.theta[None])[0]
            self.separated = penalty.has_unpenalised and self._is_separated(self.last)
        self.alpha_max = penalty.first_entry(penalty.reach(z))
        self.anchors = [self._anchor_of(self.last, z)]

    def resume(self, alpha, cols, coef, centre):
        """Start below `alpha` from the solution there, which an earlier fit has found: one pass makes it an anchor."""
        b = np.zeros(self.design.n_features)
        b[cols] = coef
        self._add(self._outside(cols))
        row = self._solve(alpha, self._with_scores(Point(b[self.working_set], centre, None)), self.goal.gap)
        self.trail, self.anchors = [row], [self._anchor_of(row, self._correlations(row))]

    def longest_batch(self):
        """How many alphas to solve before columns outside are checked."""
        matrix = self.design.matrix
        rows = BATCH_SHARE * matrix.nbytes / (8 * self.design.n_samples)
        return int(np.clip(rows, SHORTEST_BATCH, MOST_BY_COLUMNS if matrix.by_columns else MOST_BY_ROWS))

    # ------------------------------------------------------------ the working set

    def _add(self, cols):
        """Take columns into the working set."""
        if len(cols):
            self.inside[cols] = True
            self._extend(cols)

    def _outside(self, cols):
        return cols[~self.inside[cols]]

    def _propose(self, first, alpha):
        """Take in the columns that are likely to matter at `alpha`, the last of a batch whose first is `first`."""
        if np.isinf(self.anchors[-1].alpha):
            top = max(self.alpha_max, first)
            self.anchors[-1], self.trail[-1] = replace(self.anchors[-1], alpha=top), replace(self.last, alpha=top)
        self._add(screening.candidates(self.problem.penalty, self.design.norm2, self.anchors, alpha, self._outside,
                                       self._most_entering(), CANDIDATE_SHARE))

    def _most_entering(self, times=1):
        """How many columns may join at once; where X is stored by columns, `times` as many as usual."""
        times = times if self.design.matrix.by_columns else BY_ROWS
        return times * max(LEAST_ENTERING, int(LEAD * self.n_used))

    # ------------------------------------------------------------ one batch

    def solve(self, alphas):
        """Solve and certify some of the leading `alphas` (descending, below those solved so far); return a `Batch`."""
        self._propose(alphas[0], alphas[-1])
        before, start, first, n_rounds = list(self.trail), self.anchors[-1:], 0, 0
        rows = Rows(len(alphas), self.design.n_samples)
        while first is not None:
            n_rounds += 1
            while first < len(alphas):
                self._solve_next(alphas, rows, first, before)
                first = len(rows) if n_rounds == 1 else first + 1
            if n_rounds == 1:
                self.anchors = [*start, self._anchor_of(rows[-1], self._correlations(rows[-1]))]
            first = self._add_missing(rows)
        return self._batch(rows, n_rounds)

    def _solve_next(self, alphas, rows, k, before):
        """Solve alphas[k], anew where there is a row already, and where a leap succeeds some further ones."""
        missed = None
        if k == len(rows):
            leap = self._leap(alphas[k:k + self._stride()], self.goal.gap)
            done = next((i for i, row in enumerate(leap) if row.gap > self.goal.gap), len(leap))
            missed = leap[done] if done < len(leap) else None
            for row in leap[:done]:
                rows.put(len(rows), self._observed(row))
            self.streak = self.streak + done if done == len(leap) else 0
            if done:
                return self._follow(rows, len(rows), before)
        size = len(self.working_set)
        point = self._with_scores(rows[k].point).padded(size) if k < len(rows) else self._extrapolated(alphas[k])
        row = self._solve(alphas[k], point, self.goal.gap, missed)
        rows.put(k, self._observed(row))
        return self._follow(rows, k + 1, before)

    def _follow(self, rows, count, before):
        """Extrapolate from the last two of the first `count` rows from now on."""
        rows.release(count - 2)
        self.trail = [*before, *rows[:count]][-2:]

    def _stride(self):
        """How many alphas to leap to at once: two where reading the working set takes long and leaps succeed."""
        return 2 if self.streak >= STREAK and self.design.stored(self.working_set) > LARGE else 1

    def approach(self, top, low):
        """Walk down from the solution at alpha `top` to a warm start for `low`; nothing is certified on the way."""
        steps = int(np.ceil(np.log(low / top) / np.log(APPROACH_RATIO)))
        target = max(LOOSE * self.problem.null_objective, self.goal.gap)
        for alpha in np.geomspace(top, low, steps + 1)[1:-1:APPROACH_STRIDE]:
            if self.separated or self.last.gap > target:        # rounding keeps gaps above the target
                break
            self._propose(alpha, alpha)
            row = self._solve(alpha, self._extrapolated(alpha), target)
            z = self._correlations(row)
            self.trail, self.anchors = [self.last, row], [self.anchors[-1], self._anchor_of(row, z)]
            found = self._outside(self.problem.penalty.violators(z, self.design.norm2, alpha, VIOLATION))
            self._add(screening.strongest(self.problem.penalty, z, found, self._most_entering(VIOLATING)))

    def _observed(self, row):
        """The row with what `on_residual` returns for its scores; not certified where there is no minimum."""
        if self.separated or (row.alpha == 0 and self._is_separated(row)):
            row = replace(row, gap=max(self.problem.null_objective, self._objective_of(row)))
        if row.gap > self.problem.null_objective:       # P itself is the gap of the dual point 0
            row = replace(row, gap=min(row.gap, self._objective_of(row)))
        return row if self.on_residual is None else replace(row, observed=self.on_residual(row.point.eta))

    def _objective_of(self, row):
        """P at a row."""
        return row.value + self.penalty.value(row.point.padded(len(self.working_set)).b, row.alpha)

    def _correlations(self, row):
        """X'theta of all columns; those of the working set are known where columns may be read apart."""
        if not self.design.matrix.by_columns:
            return self.design.correlations(row.theta[None])[0]
        z, outside = np.empty(self.design.n_features), np.flatnonzero(~self.inside)
        z[self.working_set] = row.z
        z[outside] = self.design.correlations_at(row.theta[None], outside)[0]
        return z

    def _anchor_of(self, row, z):
        """The anchor of a solution, its dual point's correlations with all columns being z."""
        return Anchor(row.alpha, np.empty(0), row.theta, z, self.design.norms2(row.theta[None])[0])

    def _batch(self, rows, n_rounds):
        """The `Batch` of solutions whose proof is complete."""
        order = np.argsort(self.working_set)
        coefs = np.array([row.point.padded(len(order)).b for row in rows])
        observed = [] if self.on_residual is None else [row.observed for row in rows]
        alphas, gaps, values = (np.array([getattr(row, name) for row in rows]) for name in ("alpha", "gap", "value"))
        return Batch(alphas, self.working_set[order], coefs[:, order], gaps, values, observed, n_rounds,
                     np.array([row.point.centre for row in rows]), np.array([row.bound == "newton" for row in rows]))

    # ------------------------------------------------------------ without proof of the columns outside, for refinements

    def solve_inside(self, alpha):
        """Solve at one alpha on the working set alone: nothing is proven of the other columns."""
        self.trail = [self._solve(alpha, self.last.point, self.goal.gap)]

    def gap_inside(self):
        """Return (gap, F) of the last solution, as one of the problem on the working set alone."""
        return self._gap(self.last), self.last.value

    joint_gap_inside = gap_inside

    def is_nearly_dependent(self):
        """False: a Newton step takes unpenalised columns that nearly depend on each other as they are."""
        return False

    def gap(self):
        """Certified gap of the last solution, under a penalty that may have changed since it was found."""
        if self.problem.null_objective == 0 and not self.last.b.any():
            return 0.0
        if self.model is None:      # compiled steps leave none
            self._renew_model(self.problem.loss.local(self._with_scores(self.last.point).eta, self.design.pool)[1])
        if self.anchors[-1].residual is not self.last.theta:
            self.anchors = [*self.anchors[:-1], self._anchor_of(self.last, self._correlations(self.last))]
        z, alpha = self.anchors[-1].z, self.last.alpha
        found = self._outside(self.problem.penalty.violators(z, self.design.norm2, alpha, VIOLATION))
        return self._gap(self.last, found, z[found])

    # ------------------------------------------------------------ columns outside

    def _add_missing(self, rows):
        """Take in the columns that violate at some row beyond its gap; return the first such row, or None."""
        cols = self._unproven(rows)
        if not len(cols):
            return None
        Z = self._products(rows, cols)
        violators = [self._violators(rows, k, cols, z) for k, z in enumerate(Z)]
        first = next((k for k, found in enumerate(violators) if len(found)), None)
        if first is not None:
            missing, z = np.unique(np.concatenate(violators)), np.zeros(self.design.n_features)
            z[cols] = Z[-1]
            self._add(screening.strongest(self.problem.penalty, z, cols[missing], self._most_entering(VIOLATING)))
        return first

    def _products(self, rows, cols):
        """The products of the rows' dual points with some columns."""
        Theta = rows.Theta[:len(rows)]
        if self.design.matrix.pays_to_select(len(cols)):
            return self.design.correlations_at(Theta, cols)
        return np.concatenate([self.design.correlations(Theta[start:start + PASS_ROWS])[:, cols]
                               for start in range(0, len(rows), PASS_ROWS)])

    def _violators(self, rows, k, cols, z):
        """The places in `cols` of the columns that violate at row k and leave its gap too large.

        The row's gap is replaced by one that counts them.
        """
        row = rows[k]
        found = self.problem.penalty.at(cols).violators(z, self.design.norm2[cols], row.alpha, VIOLATION, 0.0)
        if not len(found):
            return found
        rows[k] = replace(row, gap=self._gap(row, cols[found], z[found]))
        return found if rows[k].gap > self.goal.gap else found[:0]

    def _unproven(self, rows):
        """Return the columns outside that the anchors do not prove inactive at the rows' dual points."""
        penalty, norm2 = self.problem.penalty, self.design.norm2
        if not self.goal.screening:
            return self._outside(np.flatnonzero(penalty.usable))
        base = np.array([anchor.residual for anchor in self.anchors])
        gram = self.design.inner(base, base)
        products = np.hstack([self.design.inner(base, theta[None]) for theta in rows.Theta[:len(rows)]])
        norms = self.design.norms2(rows.Theta[:len(rows)])
        T = np.ascontiguousarray(np.linalg.lstsq(gram, products, rcond=1e-13)[0].T)
        left = norms - 2 * (T * products.T).sum(axis=1) + ((T @ gram) * T).sum(axis=1)
        distance = np.sqrt(np.maximum(left, 0.0) + screening.ROUNDING * (norms + np.abs(T) @ np.diagonal(gram)))
        alphas = np.array([row.alpha for row in rows])
        return self._outside(screening.unproven(penalty, norm2, self.anchors, T, distance, alphas))
