"""The columns worked on, and the two ways to solve the problem restricted to them.

`GramSet` forms their Gram matrix and solves exactly, face by face (`_engine/gram.pxi`). `ResidualSet` sweeps over
the columns themselves with Anderson extrapolation (`_engine/descent.pxi`). `gram_pays` is the one cost model that
chooses between them. Both speak the same verbs: `extend`, `repenalise`, `solve`, `first_violated`, `look`, `rounding`,
`gram_of`, and both have a `size`.
"""

import numpy as np

from ._engine import engine
from .matrices import cuts_by_size
from .parallel import PIECE
from .problem import NO_WORSE, LeastSquares, negligible, orthant, within

# sweeps per extrapolation (Bertrand and Massias 2021, "Anderson acceleration of coordinate descent")
ANDERSON = 5
SWEEPS_PER_ALPHA = 60   # what residual form needs for a gap of 1e-6 from a warm start while the face is small,
SWEEPS_SATURATED = 1200 # and what it needs besides when the face approaches n columns (measured on 2,000 x 5,000)
NS_GRAM_STREAM = 1.2    # ns per squared face size and alpha: three face steps that stream the factor and the Gram rows
NS_GRAM_APPEND = 0.15   # ns per squared face size and entering column
NS_ROW_PAIR = 0.6       # ns per column and pair of rows of a ridge problem solved by its rows
NS_REBUILD = 0.03       # ns per cubed face size of a Cholesky factor made anew
NS_PRODUCT = 0.03       # ns per multiply-add of a block of inner products,
NS_SCALED = 6.0         # and per value of the columns that go into it, scaled and turned
NS_SPARSE_VISIT = 2.0   # ns per stored value and sweep, sparse columns
NS_DENSE_VISIT = 0.4    # the same, dense
DENSE_BLOCK = 1 << 20   # values gathered at a time: 8 MB
EPOCHS_PER_NEWTON = 64  # of coordinate descent on a Gram matrix
NEWTON_STEPS = 64       # in a row
STALLED = 128           # extrapolations
PATIENCE = 64           # rounds of epochs and Newton steps
WISHED, SETTLED = 1e-3, 0.1     # of the gap asked for, see `GramSet._descend`
LARGEST_NEWTON = 1500   # coordinates: a tenth of a second
ROUNDING = 4 * np.finfo(float).eps      # of a sum of products, per unit of the sum of their sizes
GRAM_BYTES = 1 << 28    # memory always allowed for a Gram matrix and its factor: 256 MB


def face_cost(n_face, entering=0.0):
    """Nanoseconds of the face steps of one alpha."""
    return max(n_face, 1) ** 2 * (NS_GRAM_STREAM + NS_GRAM_APPEND * entering)


def visit_cost(design):
    """Nanoseconds per stored value of a sweep."""
    return NS_DENSE_VISIT if design.dense else NS_SPARSE_VISIT


def pass_cost(design):
    """Nanoseconds of one pass over X."""
    return design.matrix.nnz * visit_cost(design)


def gram_pays(design, stored, n_slots, n_face, entering, ridge):
    """Whether exact face steps on a Gram matrix cost less than sweeps over `stored` values of the working set.

    ``entering`` is the number of columns that come in per alpha. With a ``ridge`` part the factor is made anew for each
    alpha, but sweeps converge however full the face is. The Gram matrix must also fit: 16 bytes for each
    pair of slots (itself and the factor), at most a quarter of X's own bytes or 256 MB.
    """
    if 16.0 * n_slots * n_slots > max(GRAM_BYTES, design.matrix.nbytes / 4):
        return False
    sweep, gram = visit_cost(design) * stored, face_cost(n_face, entering)
    if ridge:
        return gram + NS_REBUILD * n_face**3 <= SWEEPS_PER_ALPHA * sweep
    sweeps = SWEEPS_PER_ALPHA + SWEEPS_SATURATED * min(n_face / design.n_samples, 1.0) ** 2
    return gram <= sweeps * sweep


class GramSet:
    """Exact solutions from the Gram matrix of the slots."""

    def __init__(self, problem):
        self.problem, self.slots = problem, np.empty(0, np.int64)
        self.gram = engine.GramProblem()
        self.gram.yy = 2 * problem.null_objective
        self.gram.pool = problem.design.pool

    @property
    def size(self):
        """Number of slots."""
        return self.gram.size

    def extend(self, slots, n_new):
        """Take in the last `n_new` of `slots`: one look at X for their inner products with all the others."""
        self.slots = slots
        problem, cols = self.problem, slots[len(slots) - n_new:]
        self.gram.extend(problem.design.gram(slots, n_new), problem.correlation[cols], problem.l1[cols],
                         problem.l2[cols], problem.lower[cols], problem.upper[cols])

    def repenalise(self, problem):
        """Go on under another penalty and other bounds on the same design; the Gram matrix stays."""
        self.problem, slots = problem, self.slots
        self.gram.repenalise(problem.l1[slots], problem.l2[slots], problem.lower[slots], problem.upper[slots])

    def gram_of(self, at):
        """Inner products of some slots."""
        return self.gram.G[np.ix_(at, at)]

    def look(self, b):
        """(X'r for all slots, |r|^2)."""
        Z, norms = self.looks(b[None])
        return Z[0], norms[0]

    def looks(self, B):
        """The same for several solutions: c - B G and y'y - b'(c + X'r)."""
        m = self.size
        fitted = np.zeros((len(B), m))
        engine.products(B, self.gram.G[:m, :m], m, fitted)
        Z = self.gram.c[:m] - fitted
        return Z, np.maximum(self.gram.yy - ((self.gram.c[:m] + Z) * B).sum(axis=1), 0.0)

    def rounding(self, at, b):
        """What rounding of c - G b may hide in some slots."""
        return ROUNDING * (np.abs(self.gram.G[at, :self.size]) @ np.abs(b))

    def first_violated(self, alphas, B, slack):
        """Index of the first solution in B that the slots added since then violate, or None."""
        old, new = B.shape[1], self.gram.size
        fitted = np.zeros((len(B), new - old))
        engine.products(B, self.gram.G[old:new, :old], old, fitted)
        z = np.abs(self.gram.c[old:new] - fitted)
        bad = (z > np.outer(alphas, self.gram.l1[old:new]) * slack).any(axis=1)
        return int(np.argmax(bad)) if bad.any() else None

    def solve(self, before, here, alphas, start, B, target_gap, max_iter, Q=None):
        """Fill B[start:] (and Q with c - G b) from the solution `before` at `here`; return how many alphas are done."""
        status, at = self.gram.solve(before, here, alphas, start, B, Q)
        if status == 0 or at > start:
            return at
        b = before.copy()       # a bound binds, or exact ties keep the face from settling
        self._descend(alphas[start], b, target_gap, max_iter)
        B[start] = b
        if Q is not None:
            Q[start] = self.look(b)[0]      # the last Newton step moved b after q was formed
        return start + 1

    def _descend(self, alpha, b, target_gap, max_iter):
        """Coordinate descent, with Newton steps on the coordinates inside their bounds after each few epochs.

        It goes on to WISHED of the gap asked for, but no further than rounding lets it: once SETTLED of that gap is
        reached, no longer than the gap halves; before, no more than PATIENCE rounds without a hundredth less.
        """
        target, best, last, waited = WISHED * target_gap, np.inf, np.inf, 0
        while max_iter > 0 and waited < PATIENCE:
            epochs = min(EPOCHS_PER_NEWTON, max_iter)
            self.problem.design.pool.check()
            gap, done = self.gram.descend(alpha, b, target, epochs)
            max_iter -= epochs
            at_rest = done < epochs or 0.5 * last <= gap <= SETTLED * target_gap
            if gap <= target or at_rest:
                if self._refit_free(alpha, b, target) <= target or at_rest:
                    return
            waited = waited + 1 if gap > 0.99 * best else 0
            best, last = min(best, gap), gap
            self._newton(alpha, b)

    def _refit_free(self, alpha, b, target):
        """Exact least squares on the slots without a penalty; returns the gap after it."""
        gram = self.gram
        for free, low, high in self.problem.free_rounds(alpha, self.slots, b):
            if len(free) > LARGEST_NEWTON:
                break
            columns = LeastSquares(self.gram_of(free))
            if columns.gain(gram.q[free]) <= negligible(target, self.problem.null_objective):
                break
            b[free] = np.clip(b[free] + within(b[free], columns.step(gram.q[free]), low, high), low, high)
            gram.gap(alpha, b)
        return gram.gap(alpha, b)

    def _newton(self, alpha, b):
        """Minimise over the coordinates that are neither zero nor at a bound, while their signs hold.

        One that reaches zero or its bound stays there, and the others go on (as in Lawson and Hanson 1974, chapter 23):
        cut at the first of many tiny coefficients of wrong sign, a single step would lead nowhere.
        """
        for _ in range(NEWTON_STEPS):
            if not self._newton_step(alpha, b):
                return
            self.gram.gap(alpha, b)

    def _newton_step(self, alpha, b):
        """Whether the step (G + alpha l2)_FF d = (q - alpha (l1 sign(b) + l2 b))_F, q = c - G b, had to be cut."""
        m, gram = len(b), self.gram
        l1, l2, lower, upper = alpha * gram.l1[:m], alpha * gram.l2[:m], gram.lower[:m], gram.upper[:m]
        inside, low, high = orthant(b, l1, lower, upper)
        inside = np.flatnonzero(inside)
        if not 0 < len(inside) <= LARGEST_NEWTON:
            return False
        now, l1, l2 = b[inside], l1[inside], l2[inside]
        system = LeastSquares(gram.G[np.ix_(inside, inside)] + np.diag(l2))
        step = system.step(gram.q[inside] - l1 * np.sign(now) - l2 * now)
        low, high = low[inside], high[inside]
        allowed = within(now, step, low, high)
        b[inside] = np.clip(now + allowed, low, high)
        return allowed is not step


class ResidualSet:
    """Solutions by sweeps over the columns themselves."""

    def __init__(self, problem):
        self.slots = np.empty(0, np.int64)
        self.columns = None
        self.repenalise(problem)

    def repenalise(self, problem):
        """Go on under another penalty and other bounds on the same design; the columns stay."""
        self.problem, self.free_columns, self.ridge, self.by_rows = problem, None, None, None
        self.has_free = bool(((problem.l1 == 0) & (problem.l2 == 0)).any())

    @property
    def size(self):
        """Number of slots."""
        return len(self.slots)

    def gram_of(self, at):
        """Inner products of some slots."""
        return self.problem.design.gram(self.slots[at], len(at))

    def rounding(self, at, b):
        """What rounding may hide in some slots: next to nothing, since `look` forms the true residual."""
        del b
        return np.zeros(len(at))

    def look(self, b):
        """(X'r for all slots, |r|^2)."""
        state = self.columns.residual(self.problem.y, b)
        return self.columns.correlations(state), self.columns.norm2(state)

    def extend(self, slots, n_new):
        """Gather the last `n_new` of `slots`."""
        del n_new       # gathering all anew keeps the parts contiguous and costs less than one sweep
        self.slots, self.ridge, self.by_rows = slots, None, None
        self.columns = (DenseParts if self.problem.design.dense else SparseParts)(self.problem.design, slots)

    def first_violated(self, alphas, B, slack):
        """Residual form keeps no inner products, so everything is solved again."""
        del alphas, B, slack
        return 0

    def solve(self, before, here, alphas, start, B, target_gap, max_iter, Q=None):
        """Fill B[start:] from the solution `before`; return how many alphas are done."""
        del here, Q
        b = before.copy()
        for k in range(start, len(alphas)):
            with np.errstate(over="ignore", invalid="ignore"):      # of sweeps that blow up
                self._descend(alphas[k], b, 0.3 * target_gap, max_iter)
            B[k] = b
        return len(alphas)

    def _descend(self, alpha, b, target, max_iter):
        """Sweep and extrapolate from b (updated) until the gap on the slots is at most `target`.

        Columns of means far from zero may round it to more than that: STALLED extrapolations that lower neither it by
        a hundredth nor the objective by more than rounding end it. So do sweeps after which the objective is twice the
        lowest: rounding is all that moves them, and the lowest is what counts.
        """
        penalty = self._penalty(alpha)
        if self._solve_ridge(alpha, b):
            return
        state = self.columns.residual(self.problem.y, b)
        trail, kept, best, lowest, waited, steps = [], None, np.inf, np.inf, 0, 0
        for epoch in range(0, max_iter, ANDERSON):
            self._refit_free(alpha, b, state, target)
            gap = self._gap(alpha, b, state) if epoch else np.inf
            objective = self._objective(alpha, b, state)
            if epoch and not objective <= 2 * lowest:
                break
            held_up = gap > 0.99 * best and objective > lowest - ROUNDING * self.problem.null_objective
            waited = waited + 1 if held_up else 0
            if gap <= target or waited > STALLED:
                return
            trail.append((b.copy(), state.copy()))
            kept = trail[0] if objective <= lowest else kept
            best, lowest = min(best, gap), min(lowest, objective)
            self.problem.design.pool.check()
            for _ in range(ANDERSON):
                moved = self.columns.sweep(b, state, penalty)
                trail.append((b.copy(), state.copy()))
            if moved == 0:      # or nothing but NaN did
                break
            self._extrapolate(alpha, b, state, trail)
            trail.clear()
            if epoch + ANDERSON >= (steps + 1) * self._sweeps_per_newton(alpha):    # both get half of the time
                self._newton(alpha, b, state)
                steps += 1
        if kept is not None and not self._objective(alpha, b, state) <= 2 * lowest:
            b[:], state[:] = kept

    def _sweeps_per_newton(self, alpha):
        """How many sweeps cost as much as a Newton step; infinite where there is none."""
        if self.by_rows is None:
            self.by_rows = RowSteps(self.problem, self.slots, self.columns)
        return self.by_rows.sweeps if alpha > self.by_rows.least_alpha else np.inf

    def _newton(self, alpha, b, state):
        """Go to the minimum for the present signs and bounds, or towards it where that is no better than b."""
        step, low, high = self.by_rows.step(alpha, b, self.columns.correlations(state))
        objective = self._objective(alpha, b, state)
        for better in (np.clip(b + step, low, high), np.clip(b + within(b, step, low, high), low, high)):
            residual = self.columns.residual(self.problem.y, better)
            if self._objective(alpha, better, residual) < objective:
                b[:], state[:] = better, residual
                return

    def _solve_ridge(self, alpha, b):
        """Solve exactly (b updated) where every slot is one of ridge regression, rows are few and no bound binds."""
        if self.ridge is None:
            self.ridge = RidgeRows(self.problem, self.slots, self.columns)
        solution = self.ridge.solve(alpha) if alpha > 0 and self.ridge.applies else None
        low, high = self.problem.lower[self.slots], self.problem.upper[self.slots]
        if solution is None or (solution < low).any() or (solution > high).any():
            return False
        b[:] = solution
        return True

    def _refit_free(self, alpha, b, state, target):
        """Exact least squares on the slots without a penalty, which sweeps alone reach slowly."""
        if alpha > 0 and not self.has_free:
            return
        for free, low, high in self.problem.free_rounds(alpha, self.slots, b):
            if len(free) > LARGEST_NEWTON:
                return
            z = self.columns.correlations(state)[free]
            if self.free_columns is None or not np.array_equal(self.free_columns[0], free):
                self.free_columns = free, LeastSquares(self.gram_of(free))
            if self.free_columns[1].gain(z) <= negligible(target, self.problem.null_objective):
                return
            better = b.copy()
            better[free] = np.clip(b[free] + within(b[free], self.free_columns[1].step(z), low, high), low, high)
            left = self.columns.residual(self.problem.y, better)
            if not self.columns.norm2(left) <= NO_WORSE * self.columns.norm2(state):
                return      # the step is rounding, blown up where columns nearly depend on each other
            b[:], state[:] = better, left

    def _penalty(self, alpha):
        problem, slots = self.problem, self.slots
        return (np.ascontiguousarray(problem.design.norm2[slots]), alpha * problem.l1[slots],
                alpha * problem.l2[slots], np.ascontiguousarray(problem.lower[slots]),
                np.ascontiguousarray(problem.upper[slots]))

    def _objective(self, alpha, b, state):
        l1, l2 = self.problem.l1[self.slots], self.problem.l2[self.slots]
        return 0.5 * self.columns.norm2(state) + alpha * float(l1 @ np.abs(b) + 0.5 * (l2 @ (b * b)))

    def _extrapolate(self, alpha, b, state, trail):
        """Replace b by the affine combination of the trail whose steps cancel best, where that lowers the objective."""
        path = np.array([point for point, _ in trail])
        steps = np.diff(path, axis=0)
        inner = steps @ steps.T
        inner[np.diag_indices_from(inner)] += 1e-10 * np.trace(inner)
        try:
            c = np.linalg.solve(inner, np.ones(len(steps)))
        except np.linalg.LinAlgError:       # no step moved, or by squares that underflow
            return
        if not np.isfinite(c).all() or c.sum() == 0:
            return
        c /= c.sum()
        better = np.clip(c @ path[1:], self.problem.lower[self.slots], self.problem.upper[self.slots])
        residual = self.columns.residual(self.problem.y, better)
        if self._objective(alpha, better, residual) < self._objective(alpha, b, state):
            b[:], state[:] = better, residual

    def _gap(self, alpha, b, state):
        problem, slots, gap = self.problem, self.slots, np.empty(1)
        z = self.columns.correlations(state)
        engine.dual_gaps(b[None], z[None], problem.l1[slots], problem.l2[slots], problem.lower[slots],
                         problem.upper[slots], problem.design.norm2[slots], np.array([alpha]),
                         np.array([self.columns.norm2(state)]), gap)
        return gap[0]


class RidgeRows:
    """Ridge regression on few rows, exactly at every alpha, from the decomposition X diag(l2)^-1/2 = V diag(s) U'.

        b = diag(l2)^-1/2 U diag(s / (s^2 + alpha)) V'y         (Hastie, Tibshirani and Friedman 2009, eq. 3.47)

    Sweeps get nowhere on columns of means far from zero, and the squares of s in a Gram matrix lose half of its digits.
    """

    def __init__(self, problem, slots, columns):
        self.problem, self.columns, self.root = problem, columns, np.sqrt(problem.l2[slots])
        n = problem.design.n_samples
        cheap = NS_ROW_PAIR * n * n * len(slots) <= SWEEPS_PER_ALPHA * visit_cost(problem.design) * columns.stored
        self.applies = (cheap and 32 * n * len(slots) <= GRAM_BYTES / 8 and self.root.min() > 0
                        and not problem.l1[slots].any())
        if self.applies:
            X = np.concatenate([part for _, _, part in columns.rooted_parts()])
            self.U, self.s, self.V = np.linalg.svd(X / self.root[:, None], full_matrices=False)

    def solve(self, alpha):
        """The coefficients; what rounding left of them is solved once more."""
        b = np.zeros(len(self.root))
        for _ in range(2):
            left = self.columns.rooted(self.columns.residual(self.problem.y, b))
            shrunk = (self.s * (self.V @ left) - alpha * (self.root * b) @ self.U) / (self.s**2 + alpha)
            b += self.U @ shrunk / self.root
        return b


class RowSteps:
    """Newton steps for more columns than rows, all of them with a ridge part, by a system of as many equations as rows.

    On the coordinates F that are neither zero nor at a bound, with D = alpha diag(l2_F) and the gradient g there,

        d = -(X_F'X_F + D)^-1 g = h - D^-1 X_F's,    (I + X_F D^-1 X_F') s = X_F h,    h = -D^-1 g

    (Woodbury's identity). Columns that are copies of each other share a coefficient so slowly in sweeps, by a factor of
    1 + alpha l2 / |x_j|^2 each, that there may be thousands.
    """

    def __init__(self, problem, slots, columns):
        self.problem, self.slots, self.columns, self.least_alpha = problem, slots, columns, np.inf
        n, least = problem.design.n_samples, problem.l2[slots].min(initial=np.inf)
        if n <= min(LARGEST_NEWTON, len(slots)) and least > 0:
            cost = (NS_PRODUCT * n + NS_SCALED) * n * len(slots) + 2 * NS_REBUILD * n**3
            self.sweeps = cost / (visit_cost(problem.design) * max(columns.stored, 1))
            # below it nothing but rounding is left of h - D^-1 X's
            self.least_alpha = ROUNDING * problem.design.norm2[slots].max() / least

    def step(self, alpha, b, z):
        """The step d from b, whose correlations are z, and the bounds between which its signs hold."""
        problem, slots, n = self.problem, self.slots, self.problem.design.n_samples
        l1, l2 = alpha * problem.l1[slots], alpha * problem.l2[slots]
        inside, low, high = orthant(b, l1, problem.lower[slots], problem.upper[slots])
        h = np.where(inside, (z - l1 * np.sign(b) - l2 * b) / l2, 0.0)
        system, right = np.eye(n), np.zeros((n, 1))
        for a, rows in self._scaled_rows(inside, l2):
            engine.products(rows, rows, rows.shape[1], system)
            engine.products(rows, (h * np.sqrt(l2))[None, a], rows.shape[1], right)
        s = np.linalg.solve(system, right[:, 0])
        for a, rows in self._scaled_rows(inside, l2):
            h[a] -= s @ rows / np.sqrt(l2[a])
        return h, low, high

    def _scaled_rows(self, inside, l2):
        """Yield some of the columns in F, divided by sqrt(l2), as (their places, n rows)."""
        for start, stop, A in self.columns.rooted_parts():
            at = np.flatnonzero(inside[start:stop])
            yield start + at, np.ascontiguousarray((A[at] / np.sqrt(l2[start + at, None])).T)


class DenseParts:
    """Dense columns, centred and scaled by sqrt(w); the state is the residual scaled alike.

    The columns are gathered once where that is little memory beside X, and block by block in each sweep where not.
    """

    def __init__(self, design, slots):
        n = design.n_samples
        self.design, self.slots, self.stored = design, slots, n * len(slots)
        self.root = np.full(n, n ** -0.5) if design.weights is None else np.sqrt(design.weights)
        width = max(1, DENSE_BLOCK // n)
        self.blocks = [(a, min(a + width, len(slots))) for a in range(0, len(slots), width)]
        keep = 8 * self.stored <= max(GRAM_BYTES / 4, design.matrix.nbytes / 4)
        self.kept = [design.gather(slots[a:b]) for a, b in self.blocks] if keep else None

    def _parts(self):
        for k, (a, b) in enumerate(self.blocks):
            self.design.pool.check()
            yield a, b, self.kept[k] if self.kept else self.design.gather(self.slots[a:b])

    def rooted_parts(self):
        """Yield (start, stop, columns as rows, centred and scaled by sqrt(w)): a few at a time."""
        return self._parts()

    def residual(self, y, b):
        """sqrt(w) (y - X b)."""
        used = np.flatnonzero(b)
        return self.root * self.design.residuals(y, self.slots[used], b[used][None])[0]

    def sweep(self, b, state, penalty):
        """One epoch; returns the largest move."""
        return max(engine.dense_sweeps(A, state, b[start:stop], *(part[start:stop] for part in penalty), 1)
                   for start, stop, A in self._parts())

    def correlations(self, state):
        """X'r for all slots."""
        out = np.zeros((len(self.slots), 1))
        for start, stop, A in self._parts():
            engine.products(A, state[None], len(state), out[start:stop])
        return out[:, 0]

    def norm2(self, state):
        """|r|^2."""
        return engine.dot(state, state)

    def rooted(self, state):
        """sqrt(w) r, which is the state."""
        return state


class SparseParts:
    """Gathered sparse columns; the state is the residual before its mean is taken off, which is the last entry."""

    def __init__(self, design, slots):
        self.design, self.pool = design, design.pool
        self.data, self.rows, indptr = design.gather(slots)
        self.indptr = indptr.astype(np.int64, copy=False)
        self.stored = len(self.data)
        self.mean = np.ascontiguousarray(design.mean[slots])
        self.weights = design.weights
        self.blocks, self.wx = cuts_by_size(self.indptr, PIECE), np.empty(self.stored)
        for _, _, indptr in self._parts():
            here = slice(indptr[0], indptr[-1])
            x = self.data[here]
            self.wx[here] = design.weigh(x) if design.weights is None else x * design.weights[self.rows[here]]

    def _parts(self):
        """Yield (start, stop, indptr): a few columns at a time."""
        for start, stop in self.blocks:
            self.pool.check()
            yield start, stop, self.indptr[start:stop + 1]

    def residual(self, y, b):
        """y - X b, and the mean of it."""
        fitted = np.zeros(len(y))
        for start, stop, indptr in self._parts():
            engine.sparse_combine(self.data, self.rows, indptr, b[start:stop], fitted)
        return np.append(y - fitted, -engine.dot(self.mean, b))

    def sweep(self, b, state, penalty):
        """One epoch; returns the largest move."""
        largest = 0.0
        for start, stop, indptr in self._parts():
            moved, state[-1] = engine.sparse_sweeps(self.data, self.rows, indptr, self.wx, self.mean[start:stop],
                                                    state[:-1], state[-1], b[start:stop],
                                                    *(part[start:stop] for part in penalty), 1)
            largest = max(largest, moved)
        return largest

    def correlations(self, state):
        """X'r for all slots."""
        z = np.empty(len(self.mean))
        for start, stop, indptr in self._parts():
            engine.sparse_correlations(self.rows, indptr, self.wx, self.mean[start:stop], state[:-1], state[-1],
                                       z[start:stop])
        return z

    def norm2(self, state):
        """|r|^2."""
        r = state[:-1] - state[-1]
        return engine.dot(r, r) / len(r) if self.weights is None else engine.dot(self.weights, r * r)

    def rooted(self, state):
        """sqrt(w) r."""
        return self.design.rooted(state[:-1] - state[-1])

    def rooted_parts(self):
        """Yield (start, stop, columns as dense rows, centred and scaled by sqrt(w)): a few at a time."""
        n = self.design.n_samples
        width = max(1, DENSE_BLOCK // n)
        for start in range(0, len(self.mean), width):
            self.pool.check()
            indptr = self.indptr[start:start + width + 1]
            here = slice(indptr[0], indptr[-1])
            X = np.repeat(-self.mean[start:start + width, None], n, axis=1)
            np.add.at(X, (np.repeat(np.arange(len(X)), np.diff(indptr)), self.rows[here]), self.data[here])
            yield start, start + len(X), self.design.rooted(X)      # add.at, for entries may repeat
