"""Several alphas at once on one working set: propose columns, solve exactly, prove.

The working set's problem needs only its Gram matrix (`_engine/gram.pxi`). X is read to form that matrix, for the
residuals, and to prove that no column outside matters: one whole pass at the last alpha of a batch, and for the
others a look at the few columns that a bound cannot clear (`screening.unproven`).
"""

from dataclasses import dataclass

import numpy as np

from . import screening
from ._engine import engine
from .screening import Reference

VIOLATION = 1 + 1e-10       # a correlation beyond this times alpha l1 is a violation
COMPRESS_FEATURES = 640     # n >= p and p up to this: the whole Gram matrix once costs less than 25 passes over X


@dataclass(slots=True)
class Batch:
    """Certified solutions at consecutive alphas: coefficients on `cols` (ascending), one row per alpha."""

    alphas: np.ndarray
    cols: np.ndarray
    coefs: np.ndarray
    gaps: np.ndarray
    residual_norms: np.ndarray


class Solver:
    """Walks down the alphas of one `Problem`, keeping the working set, its factor and the proven correlations."""

    def __init__(self, problem, tol=1e-6, max_iter=10_000, use_screening=True):
        self.problem, self.design = problem, problem.design
        self.target_gap = tol * problem.null_objective
        self.max_iter, self.use_screening = max_iter, use_screening
        self.gram = engine.GramProblem()
        self.gram.yy = 2 * problem.null_objective
        self.slots = np.empty(0, np.int64)
        self.b = np.empty(0)                    # coefficients at the last verified alpha, by slot
        self.inside = np.zeros(self.design.n_features, bool)
        self.alpha = np.inf
        self.references = []
        self.n_rounds = 0

    # ------------------------------------------------------------ start

    def start(self):
        """Take in the columns that are never screened (no L1 part) and settle the state at alpha_max."""
        p, n = self.design.n_features, self.design.n_samples
        self.complete = p <= COMPRESS_FEATURES and (n >= p or p <= 64)
        usable = np.isfinite(self.problem.l1)
        first = usable if self.complete else self.problem.l1 == 0
        self._add(np.flatnonzero(first))
        if self.complete:
            return
        free = self._fit_free()
        self.references = [Reference(np.inf, *free)]

    def _fit_free(self):
        """Residual and correlations with only the columns that carry no L1 penalty in the model."""
        problem = self.problem
        if not len(self.slots):
            return problem.y, problem.correlation
        B, Q = self._solve_slots(np.array([1.0]), 0)[:2]
        self.b = B[0]
        residual = self.design.residuals(problem.y, self.slots, B)
        return residual[0], self.design.correlations(residual)[0]

    def _add(self, cols):
        """Take columns into the working set: one look at X for their inner products with all the others."""
        if not len(cols):
            return
        problem = self.problem
        self.slots = np.concatenate([self.slots, cols])
        self.inside[cols] = True
        self.gram.extend(self.design.gram(self.slots, len(cols)), problem.correlation[cols], problem.l1[cols],
                         problem.l2[cols], problem.lower[cols], problem.upper[cols])
        self.b = np.concatenate([self.b, np.zeros(len(cols))])

    def _outside(self, cols):
        return cols[~self.inside[cols]]

    def _room(self):
        """How many columns may join at once: enough to lead, not so many that they are carried in vain."""
        return max(40, np.count_nonzero(self.b) // 2)

    # ------------------------------------------------------------ one batch

    def solve(self, alphas):
        """Solve and certify some of the leading `alphas` (descending, below those solved so far); return a `Batch`."""
        if self.complete:
            return self._solve_compressed(alphas)
        self._add(screening.candidates(self.problem, self._finite_references(alphas), alphas[-1], self._outside,
                                       self._room()))
        B = Q = None
        at, self.n_rounds = 0, 0
        while True:
            B, Q, done = self._solve_slots(alphas, at, B, Q)
            alphas, B, Q = alphas[:done], B[:done], Q[:done]
            self.n_rounds += 1
            end = self._reference(alphas[-1], B[-1])
            at = self._admit(alphas, B, Q, end)
            if at is not None:
                continue
            batch, at = self._prove(alphas, B, Q, end)
            if batch is not None:
                return batch

    def _finite_references(self, alphas):
        if np.isinf(self.references[-1].alpha):
            self.references[-1].alpha = max(self.problem.alpha_max(), alphas[0])
        return self.references

    def _solve_slots(self, alphas, start, B=None, Q=None):
        """Solve on the working set from alphas[start]; return (B, Q, how many alphas are solved)."""
        m = self.gram.size
        B, Q = widened(B, len(alphas), m), widened(Q, len(alphas), m)
        before = B[start - 1] if start else self.b
        self.gram.set_face(np.ascontiguousarray(before), alphas[start])
        status, at = self.gram.solve(alphas, start, B, Q)
        if status == 0 or at > start:
            return B, Q, at
        self._descend(alphas[start], np.ascontiguousarray(before), B[start], Q[start])
        return B, Q, start + 1

    def _descend(self, alpha, before, b, q):
        """Coordinate descent on the Gram matrix where the face step does not settle or a bound binds."""
        warm = before.copy()
        self.gram.descend(alpha, warm, 1e-3 * self.target_gap, self.max_iter)
        b[:], q[:] = warm, self.gram.q[:len(warm)]

    def _reference(self, alpha, b):
        """Residual and exact correlations of every column at one solution: one pass over X."""
        residual = self._residuals(b[None, :])
        return Reference(alpha, residual[0], self.design.correlations(residual)[0])

    def _residuals(self, B):
        active = np.flatnonzero(B.any(axis=0))
        return self.design.residuals(self.problem.y, self.slots[active], np.ascontiguousarray(B[:, active]))

    def _admit(self, alphas, B, Q, end):
        """Take in what violates at the batch's end; return the first alpha to solve again, or None if all is well."""
        problem = self.problem
        found = np.empty(len(end.z), np.int64)
        count = engine.violators(end.z, problem.l1, problem.lower, problem.upper, alphas[-1], VIOLATION, found)
        missing = self._outside(found[:count])
        if not len(missing) or self._gaps(alphas[-1:], B[-1:], end.residual[None], end.z[None], missing) <= self.target_gap:
            return None
        return self._admit_columns(screening.strongest(problem, end.z, missing, self._room()), alphas, B)

    def _admit_columns(self, cols, alphas, B):
        """Add columns; return the index of the first alpha whose solution they violate."""
        m = self.gram.size
        self._add(cols)
        rows = self.gram.G[m:self.gram.size, :m]
        z = self.problem.correlation[cols] - B @ rows.T
        bad = (np.abs(z) > np.outer(alphas, self.problem.l1[cols]) * VIOLATION).any(axis=1)
        return int(np.argmax(bad)) if bad.any() else len(alphas) - 1

    def _gaps(self, alphas, B, R, Z, extra=()):
        """Certified gaps of solutions B (by slot), from true residuals R and exact correlations Z with all columns."""
        cols = np.concatenate([self.slots, extra]).astype(np.int64) if len(extra) else self.slots
        full = widened(B, len(B), len(cols))
        return self._gaps_at(alphas, full, R, Z[:, cols], cols)

    def _gaps_at(self, alphas, B, R, Z, cols):
        problem, gaps = self.problem, np.empty(len(alphas))
        rr = np.array([self.design.inner(r, r) for r in R])
        engine.dual_gaps(B, Z, problem.l1[cols], problem.l2[cols], problem.lower[cols], problem.upper[cols],
                         self.design.norm2[cols], np.ascontiguousarray(alphas), rr, gaps)
        return gaps

    # ------------------------------------------------------------ proof

    def _prove(self, alphas, B, Q, end):
        """Certify every alpha of the batch. Return (Batch, None), or (None, first alpha to solve again)."""
        R = np.concatenate([self._residuals(B[:-1]), end.residual[None]]) if len(alphas) > 1 else end.residual[None]
        gaps = np.empty(len(alphas))
        missing = np.empty(0, np.int64)
        for k in range(len(alphas)):
            if k == len(alphas) - 1:
                looked, z = None, end.z
            else:
                looked, z = self._look(R[k], alphas[k], end)
            gaps[k], extra = self._certify(alphas[k], B[k], R[k], looked, z)
            if gaps[k] > self.target_gap and len(extra):
                missing = np.union1d(missing, extra)
        if len(missing):
            return None, self._admit_columns(missing, alphas, B)
        return self._accept(alphas, B, R, gaps, end), None

    def _look(self, residual, alpha, end):
        """Exact correlations where needed: (columns looked at or None for all, correlations)."""
        if not self.use_screening or not self.design.matrix.by_columns:
            return None, self.design.correlations(residual[None])[0]
        found = np.empty(self.design.n_features, np.int64)
        cols = screening.unproven(self.problem, self.references[-1], end, residual, alpha, found)
        cols = np.union1d(cols, self.slots)
        return cols, self.design.correlations_at(residual[None], cols)[0]

    def _certify(self, alpha, b, residual, looked, z):
        """Gap at one alpha, and the columns outside the working set that violate."""
        problem = self.problem
        cols = np.arange(len(z)) if looked is None else looked
        found = np.empty(len(cols), np.int64)
        count = engine.violators(z, problem.l1[cols], problem.lower[cols], problem.upper[cols], alpha, VIOLATION, found)
        extra = self._outside(cols[found[:count]])
        full = np.zeros(self.design.n_features)
        full[cols] = z
        return self._gaps(np.array([alpha]), b[None], residual[None], full[None], extra)[0], extra

    def _accept(self, alphas, B, R, gaps, end):
        self.references = [self.references[-1], end]
        self.b = B[-1].copy()
        order = np.argsort(self.slots)
        norms = np.array([self.design.inner(r, r) for r in R])
        return Batch(alphas, self.slots[order], B[:, order], gaps, norms)

    # ------------------------------------------------------------ compressed: all columns in the working set

    def _solve_compressed(self, alphas):
        """Everything from the Gram matrix, X'y and y'y."""
        B, Q, done = self._solve_slots(alphas, 0)
        B, Q, alphas = B[:done], Q[:done], np.ascontiguousarray(alphas[:done])
        problem, cols = self.problem, self.slots
        rr = np.maximum(2 * problem.null_objective - ((problem.correlation[cols] + Q) * B).sum(axis=1), 0.0)
        gaps = np.empty(done)
        engine.dual_gaps(B, Q, problem.l1[cols], problem.l2[cols], problem.lower[cols], problem.upper[cols],
                         self.design.norm2[cols], alphas, rr, gaps)
        self.b = B[-1].copy()
        return Batch(alphas, cols, B, gaps, rr)


def widened(rows, n_rows, width):
    """`rows` (or nothing) as an (n_rows, width) array, new columns zero."""
    out = np.zeros((n_rows, width))
    if rows is not None:
        out[:len(rows), :rows.shape[1]] = rows[:, :width]
    return out


def free_correlation(problem):
    """X'r at the fit of the columns that carry no L1 penalty; X'y where there are none."""
    if not (problem.l1 == 0).any():
        return problem.correlation
    solver = Solver(problem)
    solver.complete = False
    solver._add(np.flatnonzero(problem.l1 == 0))
    return solver._fit_free()[1]
