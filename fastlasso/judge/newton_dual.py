"""Dual points by Newton steps: theta = rho - f'' D, where D is the change of scores that minimises a quadratic model.

At scores eta with the residual rho and the curvature d, the model of P on a set S of columns is

    min over z, b   sum_i q_i (-rho_i D_i + d_i D_i^2 / 2) + sum_(j in S) h_j(b_j),    D = z + X (b - coef)

Where it is solved, theta = rho - d D is orthogonal to 1 and has <x_j, theta> = l1_j sign(b_j) + l2_j b_j on S: it is a
dual point at once, without scaling. Near the optimum its gap is twice the true suboptimality at most, where the
residual itself is 1e2 to 1e4 times off. Columns that violate |c_j| <= l1_j then join S, those whose b_j leaves its
orthant or its bounds are held there, and the model is solved again (a primal-dual active set method). Where a gap is
much larger than what the step gains, the model is made anew at the better scores.

"residual" takes S = the unpenalised columns and "newton" the support as well. The former is the residual of the same
coefficients with the unpenalised part at its best.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from .rounding import QUIET, total
from .row_dual import gap_of, make_dual
from .rows import Point

# A model has at most so many columns, and so many bytes of them.
MODEL_COLUMNS, MODEL_BYTES = 3000, 800e6

# Rounds of exchanging columns per model, models per dual point, halvings of a step. After PATIENCE rounds the signs are
# found by SWEEPS of coordinate descent.
ROUNDS, MODELS, HALVINGS, PATIENCE, SWEEPS = 10, 8, 20, 4, 100

# Small models may have more sweeps: so many visits of a column.
VISITS = 3000

# Steps of iterative refinement of a linear system, whose diagonal is 1 + RIDGE.
REFINEMENTS, RIDGE = 5, 1e-13

# A gap at most KNOWN times what a step gains is as good as known, as is one of the share NOTHING of P(0). A step that
# gains less than the share LITTLE of the gap is the last one, if its dual point is any good.
KNOWN, NOTHING, LITTLE = 1.3, 1e-14, 0.002


class Search:
    """The dual point of least gap among those tried.

    Attributes
    ----------
    problem : JudgedProblem
    point : Point
        At the scores of the solution.
    gap : float
    dual : RowDual
    objective : float
        P at the solution.
    least : float
        The least P of the points passed on the way.
    """

    def __init__(self, problem, point):
        self.problem, self.point = problem, point
        self.objective = self.least = point.value + total(problem.penalty.value(problem.coef))
        self.gap, self.dual = math.inf, None

    def attempt(self, direction, bound, orthogonal=None):
        """Make a dual point of a direction, keep it if it is the best, and return it."""
        dual = make_dual(self.problem, self.point, direction, bound, orthogonal)
        gap = gap_of(self.problem, self.point, dual)
        if self.dual is None or gap < self.gap:
            self.gap, self.dual = gap, dual
        return dual

    @property
    def known(self):
        """Whether a better dual point would hardly lower the gap."""
        return self.gap <= max(KNOWN * (self.objective - self.least), NOTHING * self.problem.loss.null_value)

    def explore(self, wanted, bound, joining):
        """Try the dual points of the models on the columns `wanted`, and on those that join them."""
        chosen = np.flatnonzero(wanted)
        if self.known or not is_small(self.problem, len(chosen)):
            return
        place = Place(self.problem.coef, self.point, self.objective)
        columns = Gathered(chosen, self.problem.columns.gather_as_stored(chosen))
        for _ in range(MODELS):
            columns, solved, tried = self.exchange(Model(self.problem, place, columns), bound, joining)
            following = solved and better_place(self.problem, place, columns, solved)
            if not following:
                break
            gain, place = place.objective - following.objective, following
            self.least = min(self.least, place.objective)
            if self.known or gain <= max(LITTLE * self.gap * (tried.scale > 0), NOTHING * self.problem.loss.null_value):
                break

    def exchange(self, model, bound, joining):
        """Solve a model on its columns and those that join; return (columns, last solution, last dual point)."""
        state, solved, dual = model.start(), None, None
        for round_ in range(ROUNDS):
            following = model.solve(state)
            if following is None:
                break
            solved = following
            dual = self.attempt(solved.theta, bound, model.orthogonal(state))
            state, changed = model.next_state(state, solved)
            if joining:
                new = joiners(self.problem, model, dual)
                changed |= len(new) > 0
                model, state = model.extended(new), state.extended(np.sign(dual.correlation[new]))
                solved = replace(solved, b=np.append(solved.b, model.place.coef[new]))
            if not changed:
                break
            if round_ % PATIENCE == PATIENCE - 1:
                state = model.swept()
        return model.columns, solved, dual


def is_small(problem, size):
    """Whether so many columns make a model."""
    return size <= MODEL_COLUMNS and 8 * size * len(problem.root) <= MODEL_BYTES


def joiners(problem, model, dual):
    """Return the columns outside a model that violate |c_j| <= l1_j where their bounds let them move, worst first."""
    penalty, c = problem.penalty, dual.correlation
    movable = np.where(c > 0, penalty.upper > 0, penalty.lower < 0)
    excess = np.where(movable, np.abs(c) - penalty.l1 * (1 + 1e-12) - dual.error, 0.0)
    excess[model.columns.chosen] = 0.0
    new = np.argsort(-excess, kind="stable")[:np.count_nonzero(excess > 0)]
    room = MODEL_COLUMNS - len(model.columns.chosen)
    new = np.sort(new[:room])
    return new if is_small(problem, len(model.columns.chosen) + len(new)) else new[:0]


@dataclass(frozen=True)
class Place:
    """Coefficients, the `Point` of their scores, and P there."""

    coef: np.ndarray
    point: Point
    objective: float


@dataclass(frozen=True)
class Gathered:
    """The columns `chosen` of X - 1 centre', dense or sparse."""

    chosen: np.ndarray
    values: object

    def weighted_products(self, weight, other):
        """Return X' diag(weight) Y, dense, for the values Y of other columns."""
        if not sparse.issparse(other):
            return self.values.T @ (weight[:, None] * other)
        product = self.values.T @ sparse.dia_array((weight[None], [0]), shape=(len(weight), len(weight))) @ other
        return product.toarray() if sparse.issparse(product) else product

    def joined(self, other):
        """Return these columns and others."""
        chosen = np.append(self.chosen, other.chosen)
        if sparse.issparse(self.values) and sparse.issparse(other.values):
            return Gathered(chosen, sparse.hstack([self.values, other.values], format="csc"))
        return Gathered(chosen, np.column_stack([self.dense(slice(None)), other.dense(slice(None))]))

    def dense(self, which):
        """Return some of the columns, dense."""
        part = self.values[:, which]
        return part.toarray() if sparse.issparse(part) else part


@dataclass(frozen=True)
class State:
    """Of each column of a model: its coefficient, whether it is free to move, and the sign of its penalty's slope."""

    b: np.ndarray
    free: np.ndarray
    sign: np.ndarray

    def extended(self, signs):
        """Return the state with further columns, free, at 0."""
        return State(np.append(self.b, np.zeros(len(signs))), np.append(self.free, np.ones(len(signs), dtype=bool)),
                     np.append(self.sign, signs))


@dataclass(frozen=True)
class Solved:
    """The minimum of a model in a state: coefficients, change of scores, theta, <x_j, theta>."""

    b: np.ndarray
    change: np.ndarray
    shift: float
    theta: np.ndarray
    correlation: np.ndarray


class Model:
    """The quadratic model of the loss at a `Place`, on gathered columns, with the penalty as it is.

    Attributes
    ----------
    problem : JudgedProblem
    place : Place
    columns : Gathered
    penalty : Penalty
        Of the columns.
    weight : ndarray of shape (n_samples,)
        q_i d_i.
    gram : ndarray of shape (k, k)
        X' diag(weight) X.
    """

    def __init__(self, problem, place, columns, gram=None):
        self.problem, self.place, self.columns = problem, place, columns
        self.penalty = problem.penalty.take(columns.chosen)
        q, curvature = problem.loss.q, place.point.curvature
        self.weight = np.where(q > 0, q * curvature, 0.0)
        self.gram = columns.weighted_products(self.weight, columns.values) if gram is None else gram

    def extended(self, new):
        """Return the model with further columns."""
        if len(new) == 0:
            return self
        added = Gathered(new, self.problem.columns.gather_as_stored(new))
        corner = self.columns.weighted_products(self.weight, added.values)
        gram = np.block([[self.gram, corner], [corner.T, added.weighted_products(self.weight, added.values)]])
        columns = self.columns.joined(added)
        return Model(self.problem, self.place, columns, gram)

    def start(self):
        """Return the state of the coefficients: free where they are within their bounds and the penalty is smooth."""
        b, penalty = self.place.coef[self.columns.chosen], self.penalty
        free = (penalty.lower < b) & (b < penalty.upper) & ((b != 0) | (penalty.l1 == 0))
        return State(b.copy(), free, np.sign(b))

    def solve(self, state):
        """Minimise the model over the free columns and the intercept, or return None: Newton, refined."""
        try:
            system = System(self, state.free)
        except np.linalg.LinAlgError:
            return None
        b, shift, free = state.b.copy(), 0.0, state.free
        q, X, penalty = self.problem.loss.q, self.columns.values, self.penalty
        with np.errstate(**QUIET):
            for step in range(REFINEMENTS + 1):
                change = X @ (b - self.place.coef[self.columns.chosen]) + shift
                theta = self.place.point.residual - np.where(q > 0, self.place.point.curvature * change, 0.0)
                correlation = X.T @ (q * theta)
                if not (np.isfinite(theta).all() and np.isfinite(correlation).all()):
                    return None
                if step < REFINEMENTS:
                    miss = correlation - penalty.l1 * state.sign - penalty.l2 * b
                    move = system.solve(np.append(np.sum(q * theta), miss[free]))
                    shift, b[free] = shift + move[0], b[free] + move[1:]
        return Solved(b, change, shift, theta, correlation)

    def next_state(self, state, solved):
        """Return (state, whether it changed) by the rule of the primal-dual active set method.

        With H_j the curvature of b_j, w = H_j b_j + c_j, soft-thresholded by l1_j and divided by H_j + l2_j, says
        whether b_j is to be 0, at a bound, or free on the side of w.
        """
        penalty, curvature = self.penalty, np.diagonal(self.gram)
        w = curvature * solved.b + solved.correlation
        with np.errstate(**QUIET):
            u = np.sign(w) * np.maximum(np.abs(w) - penalty.l1, 0) / (curvature + penalty.l2)
        u = np.where(np.isfinite(u), u, solved.b)
        crossed = state.free & (solved.b * state.sign < 0)
        at_zero = ((np.abs(w) <= penalty.l1) | crossed) & (penalty.l1 > 0)
        free = ~at_zero & (penalty.lower < u) & (u < penalty.upper)
        held = np.where(at_zero, 0.0, np.clip(u, penalty.lower, penalty.upper))
        following = State(np.where(free, solved.b, held), free, np.where(free, np.sign(w), 0.0))
        same = np.array_equal(free, state.free) and np.array_equal(
            np.where(free, following.sign * (penalty.l1 > 0), following.b),
            np.where(free, state.sign * (penalty.l1 > 0), state.b))
        return following, not same

    def swept(self):
        """Return the state of the model's minimum as coordinate descent from the place's coefficients finds it."""
        gram, penalty, free = self.gram, self.penalty, self.penalty.lower < self.penalty.upper
        edge, corner = self.columns.values.T @ self.weight, np.sum(self.weight)
        q, residual = self.problem.loss.q, self.place.point.residual
        pull = self.columns.values.T @ (q * residual)
        if self.problem.fit_intercept and corner > 0:
            gram = gram - np.outer(edge, edge / corner)
            pull = pull - edge * (np.sum(q * residual) / corner)
        b = descend(gram, pull, penalty, self.place.coef[self.columns.chosen].copy(), free)
        inside = free & (penalty.lower < b) & (b < penalty.upper) & ((b != 0) | (penalty.l1 == 0))
        return State(b, inside, np.sign(b))

    def orthogonal(self, state):
        """Return what `make_dual` takes: the free columns without penalty, and what makes up for correlations there."""
        plain = state.free & (self.penalty.l1 == 0) & (self.penalty.l2 == 0)
        at = np.zeros(len(self.problem.coef), dtype=bool)
        at[self.columns.chosen[plain]] = True

        def changes(c, error):
            return Correction(self, plain).rows(c[np.append(0, 1 + self.columns.chosen[plain])],
                                                error[np.append(0, 1 + self.columns.chosen[plain])])

        return at, changes


def descend(gram, pull, penalty, b, free):
    """Minimise a quadratic of Hessian `gram` and negative gradient `pull` at b, plus the penalty, by sweeps."""
    curvature = np.diagonal(gram)
    order = np.flatnonzero(free & (curvature + penalty.l2 > 1e-12 * np.max(curvature, initial=0.0)))
    for _ in range(max(SWEEPS, VISITS // max(len(order), 1))):
        most = 0.0
        for j in order:
            u = pull[j] + curvature[j] * b[j]
            new = math.copysign(max(abs(u) - penalty.l1[j], 0.0), u) / (curvature[j] + penalty.l2[j])
            move = min(max(new, penalty.lower[j]), penalty.upper[j]) - b[j]
            if move != 0:
                most = max(most, curvature[j] * move * move)
                b[j] += move
                pull = pull - gram[j] * move
        if most == 0 or most <= 1e-30 * np.max(curvature) * (b @ b):
            break
    return b


class System:
    """The linear system of a model's free columns and its intercept, scaled to a unit diagonal, by Cholesky.

    Attributes
    ----------
    scale : ndarray
        1 / sqrt of the diagonal.
    factor : tuple
        Of `scipy.linalg.cho_factor`.
    """

    def __init__(self, model, free):
        from scipy.linalg import cho_factor

        inner = model.gram[np.ix_(free, free)] + np.diag(model.penalty.l2[free])
        edge = (model.columns.values.T @ model.weight)[free]
        corner = np.sum(model.weight)
        if not model.problem.fit_intercept:
            edge, corner = 0 * edge, 0.0
        matrix = np.block([[np.array([[corner]]), edge[None]], [edge[:, None], inner]])
        diagonal = np.diagonal(matrix).copy()
        self.with_intercept = model.problem.fit_intercept
        self.scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        matrix *= self.scale * self.scale[:, None]
        if not np.isfinite(matrix).all():
            raise np.linalg.LinAlgError
        np.fill_diagonal(matrix, np.where(diagonal > 0, 1.0, 0.0) + RIDGE + (diagonal <= 0))
        self.factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)

    def solve(self, right):
        """Return the solution; its first entry is the intercept's, 0 if there is none."""
        from scipy.linalg import cho_solve

        right = right if self.with_intercept else np.append(0.0, right[1:])
        return self.scale * cho_solve(self.factor, self.scale * right, check_finite=False)


class Correction:
    """What makes a direction orthogonal to 1 and to columns without penalty: d A z for some z, row by row.

    Attributes
    ----------
    system : System
        M = A' diag(q d) A, of 1 and the columns.
    design : ndarray of shape (n_samples, 1 + k)
        A; its first column is 0 without an intercept.
    curvature, weight : ndarray of shape (n_samples,)
        d and q d.
    """

    def __init__(self, model, plain):
        self.system = System(model, plain)
        ones = np.full(len(model.weight), float(model.problem.fit_intercept))
        self.design = np.column_stack([ones, model.columns.dense(plain)])
        self.weight = model.weight
        self.curvature = np.where(model.problem.loss.q > 0, model.place.point.curvature, 0.0)

    def rows(self, c, error):
        """Bound each row of d A M^-1 v for any v within c +- error, infinite where M cannot make up for c.

        The part of c is computed. That of the error is at most d_i |a_i| |v| in the norm of M^-1 (Cauchy and Schwarz).
        Columns that depend on each other up to rounding have correlations that do, too.
        """
        from scipy.linalg import solve_triangular

        z = self.system.solve(c)
        scores = self.design @ z
        if not (np.abs(self.design.T @ (self.weight * scores) - c) <= error).all():
            return np.full(len(scores), np.inf)
        factor, scale = self.system.factor[0], self.system.scale
        size = solve_triangular(factor, np.diag(scale * error), lower=True, check_finite=False)
        parts = solve_triangular(factor, (self.design * scale).T, lower=True, check_finite=False)
        norm, leverages = np.sum(np.sqrt(np.sum(size**2, axis=0))), np.sqrt(np.sum(parts**2, axis=0))
        return self.curvature * (np.abs(scores) + norm * leverages)


def better_place(problem, place, columns, solved):
    """Return the place of the model's minimum, or as far on the way to it as P falls; None where it does not."""
    start = place.coef[columns.chosen]
    penalty = problem.penalty.take(columns.chosen)
    end = np.clip(solved.b, penalty.lower, penalty.upper)
    change = solved.change
    if not np.array_equal(end, solved.b):
        change = columns.values @ (end - start) + solved.shift
    share = 1.0
    for _ in range(HALVINGS):
        coef = place.coef.copy()
        coef[columns.chosen] = start + share * (end - start)
        with np.errstate(**QUIET):
            point = Point(problem.loss, place.point.eta + share * change, place.point.error)
        objective = point.value + total(problem.penalty.value(coef))
        if objective < place.objective:
            return Place(coef, point, objective)
        share /= 2
    return None


def best_row_dual(problem, point):
    """Return (gap, RowDual) of least gap: from the residual, and from the Newton steps on the support."""
    search = Search(problem, point)
    search.attempt(point.residual, "residual")
    penalty = problem.penalty
    if penalty.unpenalised.any() or problem.fit_intercept:
        search.explore(penalty.unpenalised, "residual", joining=False)
    moving = (penalty.lower < penalty.upper) & ((problem.coef != 0) | (penalty.l1 == 0))
    search.explore(moving, "newton", joining=True)
    return search.gap, search.dual
