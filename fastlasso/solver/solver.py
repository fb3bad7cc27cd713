"""Several alphas at once on one working set: propose columns, solve exactly, prove.

The problem on the working set is solved apart (`cost.py`). X is read to take columns into it, and to prove
that no column outside matters: one whole pass over X marks a batch, at its last alpha or at some along it, and in
between a bound clears all but a few columns, which are looked at (`screening.unproven`).
"""

from dataclasses import dataclass

import numpy as np

from .._engine import engine
from ..matrices.summed import compressible
from ..penalties.separable import within
from ..ways import ways
from . import cost, screening
from .cost import ROUNDING
from .gram_form import GramSet
from .least_squares import NO_WORSE, LeastSquares, negligible
from .residual_form import ResidualSet
from .screening import Reference

VIOLATION = 1 + 1e-10       # a correlation beyond this times alpha l1 is a violation
BATCH_RANGE = 4, 12        # shortest and longest batch of alphas solved ahead
PASS_RESIDUALS = 4          # residuals at a time: a whole pass over rows keeps p sums for each,
FILTER_RESIDUALS = 8, 16    # few columns keep next to nothing: so many, the more while a sixteenth of X's bytes lasts
TRUSTED = 0.01              # of the gap asked for: what rounding of a Gram matrix may hide before X is read again
LEAST_ROOM = 80             # columns that may join at once (with 40, one pass in eight more was needed),
LEAD, COLD_LEAD = 0.5, 1.0  # or this share of the columns in use; more on the way to a cold start, where a miss costs
CLOSE = 4                   # alphas from mark to mark once one a batch has proven too little:
PROVES_LITTLE = 8           # once the bound leaves an eighth of the columns
NOTHING = np.empty(0, np.int64), np.empty(0)
STEPS_PER_CHECK = 8         # alphas between two passes on the way to a cold start, where
LOOSE = 100.0               # times the promised gap is near enough


@dataclass(slots=True)
class Batch:
    """Certified solutions at consecutive alphas: coefficients on `cols` (ascending), one row per alpha."""

    alphas: np.ndarray
    cols: np.ndarray
    coefs: np.ndarray
    gaps: np.ndarray
    residual_norms: np.ndarray
    seen: list      # what `watch` said of each residual


@dataclass(slots=True)
class Proof:
    """What is known of a batch: gaps, squared norms, what `watch` said, and violators of solutions that miss tol."""

    gaps: np.ndarray
    norms: np.ndarray
    seen: list
    missing: list


@dataclass(slots=True)
class Look:
    """Some solutions: |r|^2, correlations Z of the slots, what rounding may hide, and R and R'X where X was read."""

    norms: np.ndarray
    Z: np.ndarray
    rounding: np.ndarray
    R: np.ndarray | None = None
    whole: np.ndarray | None = None


class Solver:
    """Walks down the alphas of one `Problem`, keeping the working set, its factor and the proven correlations.

    `watch(residual)` is called with y - b0 - X b of every solution, rows of weight zero included; a problem
    whose answers come from the Gram matrix alone (`complete`) has none to show.
    """

    def __init__(self, problem, tol=1e-6, max_iter=10_000, use_screening=True, watch=None):
        self.design = problem.design
        self._set_problem(problem)
        self.target_gap = tol * problem.null_objective
        self.max_iter, self.use_screening, self.watch = max_iter, use_screening, watch
        self.set = GramSet(problem)
        self.slots = np.empty(0, np.int64)
        self.b = np.empty(0)                    # coefficients at the last verified alpha, by slot
        self.inside = np.zeros(self.design.n_features, bool)
        self.complete = False
        self.noise = 1e-13 * np.sqrt(2 * problem.null_objective)       # rounding of x_j . r, per unit of |x_j|
        self.alpha = np.inf
        self.references = []                    # the last two marks: what is known of X beyond the slots
        self.stale = False                      # whether the solution changed since the last of them
        self.n_rounds, self.batch_size, self.n_used, self.marked_at, self.spacing = 0, 1, 0, 0, BATCH_RANGE[1]

    def _set_problem(self, problem):
        self.problem, self.free_columns = problem, None
        self.has_free = bool(((problem.l1 == 0) & (problem.l2 == 0)).any())

    def repenalise(self, problem):
        """Go on under another penalty on the same design: solutions, Gram matrix and correlations stay as they are.

        What is known of X does not depend on the penalty, so the next solution starts where the last one ended.
        """
        self._set_problem(problem.closed())
        self.set.repenalise(self.problem)
        if self.complete:
            self._add(self._outside(np.flatnonzero(np.isfinite(problem.l1))))

    def gap(self):
        """Certified duality gap of the last solution, under a penalty that may have changed since it was found."""
        residual, norm2, z, *extra = self._present()
        return self._gap(self.alpha, self.b, residual, norm2, z, *extra)

    def _present(self):
        """(r or None, |r|^2, z of the slots, violators outside, their z) at the last solution."""
        if not self.complete:
            if self.stale:
                self.references[-1], self.stale = self._mark(np.array([self.alpha]), self.b[None])[0], False
            end = self.references[-1]
            return end.residual, end.norm2, *self._look_at(end.z, self.alpha)
        return *self._present_inside(), *NOTHING

    def _present_inside(self):
        """(r or None, |r|^2, z of the slots) at the last solution, from X where the Gram matrix cannot tell."""
        if not self.is_ill():
            z, norm2 = self.set.look(self.b)
            return None, norm2, z
        return self._read(self.b)

    def is_ill(self):
        """Whether the last solution has free columns, under the present penalty, that nearly depend on each other."""
        return self._is_ill(self.alpha, self.b)

    def _read(self, b):
        """(r, |r|^2, z of the slots) from X."""
        R = self.design.residuals(self.problem.y, self.slots, b[None])
        return R[0], self.design.norms2(R)[0], self.design.correlations_at(R, self.slots)[0]

    def solve_inside(self, alpha):
        """Solve at one alpha on the working set alone: X is not read, and nothing is proven of the other columns."""
        self.b, self.alpha = self._solve_slots(np.array([alpha]), 0)[0][0], alpha

    def gap_inside(self):
        """(duality gap, |r|^2) of the last solution as one of the problem on the working set alone.

        Unpenalised coordinates are taken one by one: for a look on the way, not for a certificate.
        """
        z, norm2 = self.set.look(self.b)
        return self._separate_gap(self.alpha, self.b, norm2, z, self.slots), norm2

    def joint_gap_inside(self):
        """As `gap_inside`, with what unpenalised columns would gain jointly."""
        residual, norm2, z = self._present_inside()
        return self._gap(self.alpha, self.b, residual, norm2, z, *NOTHING), norm2

    # ------------------------------------------------------------ start

    def start(self):
        """Take in the columns that are never screened (no L1 part) and settle the state at alpha_max."""
        usable = np.isfinite(self.problem.l1)
        self.complete = compressible((self.design.n_samples, np.count_nonzero(usable)))
        first = usable if self.complete else self.problem.l1 == 0
        self._add(np.flatnonzero(first))
        if self.complete:
            # above it zero is the solution, but for columns without an L1 part; from there the face finds its way
            self.alpha = self.problem.first_entry(self.problem.correlation) or np.inf
            return
        residual, z = self._fit_free()
        self.references = [Reference(np.inf, self.b.copy(), residual, z, self.design.norms2(residual[None])[0])]

    def _fit_free(self):
        """Residual and correlations with only the columns that carry no L1 penalty in the model."""
        problem = self.problem
        if not len(self.slots):
            return problem.y, problem.correlation
        B, _ = self._solve_slots(np.array([1.0]), 0)
        self.b = B[0]
        residual = self._residuals([1.0], B)
        return residual[0], self.design.correlations(residual)[0]

    def _add(self, cols):
        """Take columns into the working set; change to residual form once the Gram matrix no longer pays."""
        if not len(cols):
            return
        self.slots = np.concatenate([self.slots, cols])
        self.inside[cols] = True
        self.b = np.concatenate([self.b, np.zeros(len(cols))])
        if isinstance(self.set, GramSet) and not self.complete and not self._gram_pays(len(cols)):
            self.set = ResidualSet(self.problem)
        self.set.extend(self.slots, len(cols))

    def _gram_pays(self, entering):
        stored = self.design.stored(self.slots)
        face = max(self.n_used, np.count_nonzero(self.problem.l1[self.slots] == 0))
        return cost.gram_pays(self.design, stored, len(self.slots), face, entering / self.batch_size,
                                     self.problem.l1_ratio < 1)

    def _outside(self, cols):
        return cols[~self.inside[cols]]

    def _room(self, lead=LEAD):
        """How many columns may join at once: enough to lead, not so many that they are carried in vain."""
        return max(LEAST_ROOM, int(lead * self.n_used))

    def longest_batch(self):
        """How many alphas to solve ahead: as many as cost about one pass over X, since a failure costs them again."""
        shortest, longest = BATCH_RANGE
        length = cost.pass_cost(self.design) / cost.face_cost(self.n_used)
        return int(min(max(length, shortest), longest))

    # ------------------------------------------------------------ one batch

    def solve(self, alphas):
        """Solve and certify some of the leading `alphas` (descending, below those solved so far); return a `Batch`."""
        if self.complete:
            return self._solve_compressed(alphas)
        self.batch_size = len(alphas)
        self._add(screening.candidates(self.problem, self._finite_references(alphas), alphas[-1], self._outside,
                                       self._room()))
        del self.references[:-1]
        B, at, marks, self.n_rounds = None, 0, [], 0
        while True:
            B, done = self._solve_slots(alphas, at, B)
            alphas, B = alphas[:done], B[:done]
            self.n_rounds += 1
            if not marks:
                marks = self._marks(alphas, B)
                at = self._admit(alphas, B, marks)
                if at is not None:
                    continue
            batch, at = self._prove(alphas, B, marks)
            if batch is not None:
                return batch

    def approach(self, alphas):
        """Walk down `alphas` to where the next one can be solved: checked by a pass now and then, proven never.

        Columns found missing send the walk back to the last step that they do not violate.
        """
        B, at, self.batch_size = None, 0, STEPS_PER_CHECK
        for stop in [*range(STEPS_PER_CHECK, len(alphas), STEPS_PER_CHECK), len(alphas)]:
            here = alphas[:stop]
            self._add(screening.candidates(self.problem, self._finite_references(alphas), here[-1], self._outside,
                                           self._room(COLD_LEAD)))
            while at < stop:
                B, at = self._solve_slots(here, at, B, loose=LOOSE)
            end = self._mark(here[-1:], B[-1:])[0]
            self.b, self.references = B[-1], [self.references[-1], end]
            missing = screening.strongest(self.problem, end.z, self._look_at(end.z, here[-1])[1], self._room(COLD_LEAD))
            if len(missing):
                self._add(missing)
                clean = self.set.first_violated(here, B, VIOLATION)
                at = stop if clean is None else clean
        self.b = widened(B, at, self.set.size)[at - 1] if at else np.zeros(self.set.size)
        self.alpha, self.stale = alphas[at - 1] if at else self.alpha, True

    def _finite_references(self, alphas):
        if np.isinf(self.references[-1].alpha):
            self.alpha = self.references[-1].alpha = max(self.problem.alpha_max(), alphas[0])
        return self.references

    def _solve_slots(self, alphas, start, B=None, Q=None, loose=1.0):
        """Solve on the working set from alphas[start]; return (B, how many alphas are solved).

        Where descent is needed it may leave a gap `loose` times as large as the one promised.
        """
        B = widened(B, len(alphas), self.set.size)
        before = np.ascontiguousarray(B[start - 1] if start else self.b)
        here = alphas[start - 1] if start else self.alpha
        done = self.set.solve(before, here, alphas, start, B, loose * self.target_gap, self.max_iter, Q)
        self.n_used = np.count_nonzero(B[done - 1])
        return B, done

    def _mark(self, alphas, B):
        """References at some solutions, which may be refitted: one pass over X."""
        R = self._residuals(alphas, B)
        return [Reference(*mark) for mark in zip(alphas, B.copy(), R, self.design.correlations(R),
                                                 self.design.norms2(R), strict=True)]

    def _marks(self, alphas, B):
        """References spread evenly over the batch, the last at its end.

        A few alphas are all marked where slots are so many that to look at them afterwards would cost more.
        """
        many_slots = PROVES_LITTLE * len(self.slots) > self.design.n_features
        count = len(alphas) if many_slots and len(alphas) <= CLOSE else -(-len(alphas) // self.spacing)
        at = len(alphas) * np.arange(1, count + 1) // count - 1
        rows, self.marked_at = B[at], self.n_rounds
        marks = self._mark(alphas[at], rows)
        B[at] = rows
        return marks

    def _residuals(self, alphas, B):
        """True residuals of the solutions B, after refitting what carries no penalty (B changes)."""
        R = self._plain_residuals(B)
        if 0 in alphas or self.has_free:
            worse = ~(self.design.norms2(R) <= 2 * NO_WORSE * self.problem.null_objective)
            B[worse], R[worse] = 0.0, self.problem.y        # than nothing: descent was blown up by rounding
            for k, alpha in enumerate(alphas):
                self._refit(alpha, B[k], R[k:k + 1])
                if self.free_columns is not None and self.free_columns[1].basis is not None:
                    R[k] = self._plain_residuals(B[k:k + 1])[0]     # large coefficients took digits off the steps
        return R

    def _plain_residuals(self, B):
        active = np.flatnonzero(B.any(axis=0))
        return self.design.residuals(self.problem.y, self.slots[active], np.ascontiguousarray(B[:, active]))

    def _refit(self, alpha, b, R):
        """Exact least squares on what carries no penalty: the dual point must be orthogonal to it to rounding."""
        for free, low, high in self.problem.free_rounds(alpha, self.slots, b):
            cols = self.slots[free]
            z = self.design.correlations_at(R, cols)[0]
            if len(cols) > ways().max_unpenalised or self._is_rounding(z, cols, R[0]):
                return
            step = within(b[free], self._free_columns(cols).step(z, self.design.rooted(R[0])), low, high)
            left = self.design.residuals(R, cols, step[None])
            if not self.design.norms2(left)[0] <= NO_WORSE * self.design.norms2(R)[0]:
                return      # nothing is left but the rounding of z, which nearly dependent columns blow up
            b[free] = np.clip(b[free] + step, low, high)
            R[:] = left

    def _is_rounding(self, z, cols, residual=None):
        """Whether correlations with free columns are zero but for rounding, or worth nothing (see `LeastSquares`)."""
        free = self._free_columns(cols)
        if free.basis is None and (np.abs(z) <= self.noise * np.sqrt(self.design.norm2[cols])).all():
            return True
        rooted = None if residual is None else self.design.rooted(residual)
        return free.gain(z, rooted) <= negligible(self.target_gap, self.problem.null_objective)

    def _free_columns(self, cols):
        """Least squares on unpenalised columns, kept while these stay the same."""
        if self.free_columns is None or not np.array_equal(self.free_columns[0], cols):
            design = self.design
            sizes = np.sqrt(1 + design.mean[cols] ** 2 / design.norm2[cols])
            known = np.flatnonzero(np.isin(self.slots, cols))
            gram = self.set.gram_of(known) if len(known) == len(cols) else design.gram(cols, len(cols))
            root = None if design.weights is None else design.rooted(1.0)
            self.free_columns = cols, LeastSquares(gram, lambda V: design.images(cols, V), sizes, root)
        return self.free_columns[1]

    def _admit(self, alphas, B, marks):
        """Take in what violates at the marks; return the first alpha to solve again, or None if all is well."""
        missing = [self._missing(mark) for mark in marks]
        cols = np.unique(np.concatenate(missing))
        if not len(cols):
            return None
        return self._admit_columns(screening.strongest(self.problem, marks[-1].z, cols, self._room()), alphas, B)

    def _missing(self, mark):
        """Violators outside at a mark whose gap is too large for them to be left there."""
        z, extra, z_extra = self._look_at(mark.z, mark.alpha)
        if len(extra) and self._gap(mark.alpha, mark.coef, mark.residual, mark.norm2, z, extra,
                                    z_extra) <= self.target_gap:
            return extra[:0]
        return extra

    def _admit_columns(self, cols, alphas, B):
        """Add columns; return the index of the first alpha whose solution they violate."""
        self._add(cols)
        at = self.set.first_violated(alphas, B, VIOLATION)
        return len(alphas) - 1 if at is None else at

    def _gap(self, alpha, b, residual, norm2, z, extra, z_extra):
        """Certified gap of one solution: z are exact correlations of the slots, z_extra those of violators outside."""
        cols = self.slots
        if len(extra):
            cols, z = np.concatenate([cols, extra]), np.concatenate([z, z_extra])
            b = np.concatenate([b, np.zeros(len(extra))])
        if alpha > 0 and not self.has_free:
            return self._separate_gap(alpha, b, norm2, z, cols)
        return self._joint_gap(alpha, b, residual, norm2, z, cols)

    def _joint_gap(self, alpha, b, residual, norm2, z, cols):
        """As _separate_gap, with the dual point orthogonal to the columns U that nothing penalises or holds.

        With d = G_UU^+ z_U and r = X_U d + r', r' takes the place of r, and |X_U d|^2 / 2 comes on top. Columns that r'
        pulls away from their only bound join U. Where that does not end, where d cannot be told, and where it is less,
        the gap of the dual point 0 counts: the objective itself.
        """
        problem = self.problem
        l1, l2 = alpha * problem.l1[cols], alpha * problem.l2[cols]
        above, below = np.isinf(problem.upper[cols]), np.isinf(problem.lower[cols])
        objective = 0.5 * norm2 + engine.dot(np.abs(b), l1 + 0.5 * l2 * np.abs(b))
        projected = problem.free(alpha, cols, b)
        if np.count_nonzero(projected) > ways().max_unpenalised:
            return self._separate_gap(alpha, b, norm2, z, cols)
        for _ in range(ways().sign_rounds):
            if residual is None and self._depend(cols[projected]):
                residual, norm2, z = self._read(b)
            rest, gain, leak = self._without(np.flatnonzero(projected), cols, b, z, residual, norm2)
            wrong = (l1 == 0) & (l2 == 0) & (above & (rest > 0) | below & (rest < 0))
            if np.isinf(gain):
                break
            if not wrong.any():
                left, leaks = max(norm2 - 2 * gain, 0.0), np.where(projected, 0.0, leak)
                gap = gain + self._separate_gap(alpha, b, left, rest, cols)
                return min(objective, gap + self._leaked(alpha, b, left, rest, cols, leaks, gain))
            projected |= wrong
        return objective

    def _without(self, at, cols, b, z, residual, norm2):
        """Correlations with r' = r - X_U d, |X_U d|^2 / 2, and what rounding may leave of X_U d in r', U = cols[at].

        The second is infinite where that cannot be told.
        """
        if not len(at):
            return z, 0.0, 0.0
        design, free = self.design, self._free_columns(cols[at])
        rooted = None if residual is None else design.rooted(residual)
        step, rest = free.step(z[at], rooted), z.copy()
        if residual is None:
            rest -= step @ self.set.gram.G[at, :self.set.size]
            error = self.set.rounding(at, b)
        else:
            fitted = design.residuals(np.zeros(len(residual)), cols[at], step[None])
            rest += design.correlations_at(fitted, cols)[0]
            error = ROUNDING * np.sqrt(norm2 * (design.norm2[cols[at]] + design.mean[cols[at]] ** 2))
        rest[at] = 0.0
        gain = np.inf if free.vague else free.gain(z[at], rooted)
        return rest, gain, np.sqrt(2 * free.worst_gain(error))

    def _leaked(self, alpha, b, norm2, z, cols, leaks, gain):
        """What r' has left in the span of U may hide, of length leaks[j] to cols[j], and X_U d in unread columns."""
        design, delta = self.design, 0.0
        if alpha > 0 and not self.complete:
            farthest = self.problem.first_entry(np.sqrt(np.where(self.inside, 0.0, design.norm2)))
            delta = float((np.max(leaks, initial=0.0) + np.sqrt(2 * gain)) * farthest / alpha)
        error = leaks * np.sqrt(design.norm2[cols])
        return self._hidden(np.array([alpha]), b[None], z[None], np.array([norm2]), cols, error[None], delta)[0]

    def _separate_gap(self, alpha, b, norm2, z, cols):
        """As _gap, but for what unpenalised columns would gain jointly."""
        return self._separate_gaps(np.array([alpha]), b[None], np.array([norm2]), z[None], cols)[0]

    def _separate_gaps(self, alphas, B, norms, Z, cols):
        """The same for several solutions on the same columns."""
        problem, gaps = self.problem, np.empty(len(alphas))
        engine.dual_gaps(B, Z, problem.l1[cols], problem.l2[cols], problem.lower[cols], problem.upper[cols],
                         self.design.norm2[cols], alphas, norms, gaps)
        return gaps

    # ------------------------------------------------------------ proof

    def _prove(self, alphas, B, marks):
        """Certify every alpha of the batch. Return (Batch, None), or (None, first alpha to solve again)."""
        proof, count = Proof(np.empty(len(alphas)), np.empty(len(alphas)), [], []), PASS_RESIDUALS
        if self.use_screening and self.design.matrix.pays_to_select(len(self.slots)):
            least, most = FILTER_RESIDUALS
            count = min(most, max(least, self.design.matrix.nbytes // (128 * self.design.n_samples)))
        for start in range(0, len(alphas), count):
            self._prove_part(proof, slice(start, min(start + count, len(alphas))), alphas, B, marks)
        if proof.missing:
            return None, self._admit_columns(np.unique(np.concatenate(proof.missing)), alphas, B)
        self.references, self.stale = [self.references[-1], marks[-1].kept()], self.n_rounds > 1
        self.b, self.alpha = B[-1].copy(), alphas[-1]
        order = np.argsort(self.slots)
        return Batch(alphas, self.slots[order], B[:, order], proof.gaps, proof.norms, proof.seen), None

    def _prove_part(self, proof, part, alphas, B, marks):
        """Certify a few alphas of the batch; their residuals are gone before the next few are formed."""
        here, rows = alphas[part], B[part]
        all_read = len(marks) == len(alphas) and self.marked_at == self.n_rounds
        look = self._look_again(marks[part]) if all_read else self._look(here, rows)
        outside = self._look_outside(look, part, alphas, B, marks)
        if self.watch is not None:
            proof.seen.extend(map(self.watch, self._residuals(here, rows) if look.R is None else look.R))
        gaps = self._gaps(here, rows, look.R, look.norms, look.Z)
        for k, (extra, z_extra) in enumerate(outside):
            if len(extra):
                residual = None if look.R is None else look.R[k]
                gaps[k] = self._gap(here[k], rows[k], residual, look.norms[k], look.Z[k], extra, z_extra)
                if gaps[k] > self.target_gap:
                    proof.missing.append(extra)
        proof.gaps[part], proof.norms[part] = gaps + look.rounding, look.norms

    def _look(self, alphas, B):
        """A `Look` from the Gram matrix where that is less to read and can tell, otherwise from X."""
        if self._gram_is_smaller() and not self.has_free and alphas[-1] > 0:
            Z, norms = self.set.looks(B)
            rounding = self._gram_rounding(alphas, B, Z, norms)
            if (rounding <= TRUSTED * self.target_gap).all():
                return Look(norms, Z, rounding)
        R = self._residuals(alphas, B)
        norms, nothing = self.design.norms2(R), np.zeros(len(B))
        if self.design.matrix.pays_to_select(len(self.slots)):
            return Look(norms, self.design.correlations_at(R, self.slots), nothing, R)
        whole = self.design.correlations(R)
        return Look(norms, np.ascontiguousarray(whole[:, self.slots]), nothing, R, whole)

    def _look_again(self, marks):
        """The `Look` of marks made since the batch was last solved, one for each alpha."""
        whole = np.array([mark.z for mark in marks])
        return Look(np.array([mark.norm2 for mark in marks]), np.ascontiguousarray(whole[:, self.slots]),
                    np.zeros(len(marks)), np.array([mark.residual for mark in marks]), whole)

    def _gram_is_smaller(self):
        return isinstance(self.set, GramSet) and 2 * self.set.size**2 <= self.design.stored(self.slots)

    def _gaps(self, alphas, B, R, norms, Z):
        """Certified gaps where no column outside violates."""
        if self.has_free or alphas[-1] == 0:
            return np.array([self._gap(alpha, b, r, norm2, z, *NOTHING)
                             for alpha, b, r, norm2, z in zip(alphas, B, R, norms, Z, strict=True)])
        return self._separate_gaps(alphas, B, norms, Z, self.slots)

    def _look_outside(self, look, part, every_alpha, every_B, marks):
        """(violators outside, their correlations) for each alpha of a part, reading what no bound proves inactive.

        Where one mark, or marks from before the batch was solved again, leave too much, new ones are made first.
        """
        alphas, B = every_alpha[part], every_B[part]
        if look.whole is not None:
            return [self._look_at(z, alpha)[1:] for z, alpha in zip(look.whole, alphas, strict=True)]
        cols = self._unproven(look, alphas, B, marks)
        renewable = self.marked_at < self.n_rounds or len(marks) * CLOSE < len(every_alpha)
        if self.use_screening and renewable and PROVES_LITTLE * len(cols) > self.design.n_features:
            self.spacing = CLOSE
            marks[:] = self._marks(every_alpha, every_B)
            cols = self._unproven(look, alphas, B, marks)
        if not len(cols):
            return [NOTHING] * len(alphas)
        R, penalty = self._residuals(alphas, B) if look.R is None else look.R, self._penalty(cols)
        outside = []
        for z, alpha in zip(self._correlations_at(R, cols), alphas, strict=True):
            at = self._violators(z, alpha, *penalty)
            outside.append((cols[at], z[at]))
        return outside

    def _correlations_at(self, R, cols):
        if self.design.matrix.pays_to_select(len(cols)):
            return self.design.correlations_at(R, cols)
        return self.design.correlations(R)[:, cols]

    def _unproven(self, look, alphas, B, marks):
        """Columns outside that the marks do not prove inactive at one of the alphas."""
        if not self.use_screening:
            return self._outside(np.flatnonzero(np.isfinite(self.problem.l1)))
        size = np.sqrt(2 * self.problem.null_objective)
        references = [self.references[-1], *marks]
        T, distance = screening.spans(self.design, references, self.slots, B, look.Z, size)
        return self._outside(screening.unproven(self.problem, references, T, distance, alphas))

    def _look_at(self, z, alpha):
        """(correlations of the slots, violators outside, theirs) from the correlations z of all columns."""
        extra = self._outside(self._violators(z, alpha, *self._penalty(slice(None))))
        return z[self.slots], extra, z[extra]

    def _penalty(self, cols):
        problem = self.problem
        return problem.l1[cols], problem.lower[cols], problem.upper[cols], self.design.norm2[cols]

    def _violators(self, z, alpha, *penalty):
        """Places in z of the correlations beyond what the penalty and the bounds of their columns allow."""
        found = np.empty(len(z), np.int64)
        count = engine.violators(z, *penalty, alpha, VIOLATION, self.noise if alpha == 0 else 0.0, found)
        return found[:count]

    # ------------------------------------------------------------ compressed: all columns in the working set

    def _solve_compressed(self, alphas):
        """Everything from the Gram matrix, X'y and y'y."""
        Q = np.empty((len(alphas), self.set.size))
        B, done = self._solve_slots(alphas, 0, None, Q)
        B, Q, alphas = B[:done], Q[:done], np.ascontiguousarray(alphas[:done])
        problem, cols = self.problem, self.slots
        if any(self._is_ill(alpha, b) for alpha, b in zip(alphas, B, strict=True)):
            return self._reread(alphas, B)
        self._refit_compressed(alphas, B, Q)
        rr = np.maximum(2 * problem.null_objective - ((problem.correlation[cols] + Q) * B).sum(axis=1), 0.0)
        gaps = self._gaps(alphas, B, [None] * done, rr, Q)
        rounding = self._gram_rounding(alphas, B, Q, rr)
        if (rounding > TRUSTED * self.target_gap).any():
            read = self._reread(alphas, B)
            read.gaps += rounding / 64
            if not self.has_free and alphas[-1] > 0:        # no refit changed B: both gaps are proven
                read.gaps = np.minimum(read.gaps, gaps + rounding)
            return read
        self.b, self.alpha = B[-1].copy(), alphas[-1]
        return Batch(alphas, cols, B, gaps + rounding, rr, [])

    def _gram_rounding(self, alphas, B, Q, rr):
        """What rounding of G, and of q = c - G b, may hide in each gap.

        With S = |y| + sum_k |x_k b_k|, q_j is known to +-ROUNDING |x_j| S. Where the residual is read from X, a 64th
        of it allows for what 60 digits showed (a 180th at most).
        """
        norms, size = np.sqrt(self.design.norm2[self.slots]), np.sqrt(2 * self.problem.null_objective)
        S = size + np.abs(B) @ norms
        return ROUNDING * S * size + self._hidden(alphas, B, Q, rr, self.slots, ROUNDING * np.outer(S, norms))

    def _hidden(self, alphas, B, Q, rr, cols, error, delta=0.0):
        """What errors e_j of the correlations q_j of the dual point may hide in each gap.

        They move sum_j b_j q_j, and a dual point that is feasible all the same is shorter by
        delta = max_j e_j / (alpha l1_j), over the columns that e_j takes beyond alpha l1_j where no bound holds them,
        or by 1, for 0 is feasible.
        """
        problem, sizes = self.problem, np.abs(B)
        l1, limit = problem.l1[cols], np.outer(alphas, problem.l1[cols])
        up, down = np.isinf(problem.upper[cols]), np.isinf(problem.lower[cols])
        hard = ((Q + error > limit) & up | (Q - error < -limit) & down) & (limit > 0) & (problem.l2[cols] == 0)
        with np.errstate(over="ignore"):        # an alpha near the smallest numbers
            delta = np.divide(error, limit, out=np.zeros_like(error), where=hard).max(axis=1, initial=delta)
        delta = np.minimum(delta, 1.0)
        return (sizes * error).sum(axis=1) + delta * alphas * (sizes @ l1) + 0.5 * delta * delta * rr

    def _is_ill(self, alpha, b):
        """Whether unpenalised columns depend on each other more than c - G b can tell."""
        if alpha > 0 and not self.has_free:
            return False
        return self._depend(self.slots[self.problem.free(alpha, self.slots, b)])

    def _depend(self, cols):
        """Whether unpenalised columns depend on each other so nearly that only X can tell."""
        return 0 < len(cols) <= ways().max_unpenalised and self._free_columns(cols).basis is not None

    def _reread(self, alphas, B):
        """Refit and certify from X itself, the Gram matrix left aside."""
        gaps, norms = np.empty(len(B)), np.empty(len(B))
        for start in range(0, len(B), PASS_RESIDUALS):
            part = slice(start, min(start + PASS_RESIDUALS, len(B)))
            R = self._residuals(alphas[part], B[part])
            norms[part], Z = self.design.norms2(R), self.design.correlations_at(R, self.slots)
            gaps[part] = self._gaps(alphas[part], B[part], R, norms[part], Z)
        self.b, self.alpha = B[-1].copy(), alphas[-1]
        return Batch(alphas, self.slots, B, gaps, norms, [])

    def _refit_compressed(self, alphas, B, Q):
        """As _refit, from the Gram matrix; Q stays c - B G."""
        if not (0 in alphas or self.has_free):
            return
        G = self.set.gram.G[:self.set.size, :self.set.size]
        for alpha, b, q in zip(alphas, B, Q, strict=True):
            for free, low, high in self.problem.free_rounds(alpha, self.slots, b):
                if self._is_rounding(q[free], self.slots[free]):
                    break
                step = within(b[free], self._free_columns(self.slots[free]).step(q[free]), low, high)
                b[free] = np.clip(b[free] + step, low, high)
                q -= step @ G[free]


def widened(rows, n_rows, width):
    """`rows` (or nothing) as an (n_rows, width) array, new columns zero."""
    out = np.zeros((n_rows, width))
    if rows is not None:
        kept = min(len(rows), n_rows)
        out[:kept, :rows.shape[1]] = rows[:kept]
    return out


def free_correlation(problem):
    """X'r at the fit of the columns that carry no L1 penalty; X'y where there are none."""
    if not (problem.l1 == 0).any():
        return problem.correlation
    solver = Solver(problem)
    solver.complete = False
    solver._add(np.flatnonzero(problem.l1 == 0))
    return solver._fit_free()[1]
