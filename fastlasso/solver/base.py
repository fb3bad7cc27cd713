"""What both solvers share: a form of the problem on the working set, the last solution, and its certificate there."""

from dataclasses import dataclass

import numpy as np

from .proof import separate_gaps
from .unpenalised import JointGap, Unpenalised, read

# Correlations beyond this times alpha l1 are violations.
VIOLATION = 1 + 1e-10
# X is read again where rounding of a Gram matrix may hide more than this share of the promised gap.
TRUSTED = 0.01


@dataclass(frozen=True, slots=True)
class Goal:
    """What is asked of every solution.

    Attributes
    ----------
    gap : float
        The duality gap that is promised, in units of the objective.
    max_iter : int
        Epochs of descent for one alpha, at most.
    screening : bool
        Whether a bound may prove a column inactive; otherwise every column is read.
    """

    gap: float
    max_iter: int
    screening: bool = True


@dataclass(frozen=True, slots=True)
class Solution:
    """Coefficients of the working set at one alpha."""

    alpha: float
    b: np.ndarray


@dataclass(slots=True)
class Batch:
    """Certified solutions at consecutive alphas.

    Attributes
    ----------
    alphas : ndarray of shape (k,)
    cols : ndarray of int
        The working set.
    coefs : ndarray of shape (k, len(cols))
    gaps, misfits : ndarray of shape (k,)
        Duality gaps, and what the loss has left: |r|^2 for squared error, F for others.
    observed : list
        What `on_residual` returned for each residual.
    n_rounds : int
        How often the batch was solved until the working set missed no column.
    centres : ndarray of shape (k,), or None
        Intercepts at the mean of X, where the loss does not tell them.
    newton : ndarray of bool, shape (k,), or None
        Where the gap is that of the Newton dual.
    """

    alphas: np.ndarray
    cols: np.ndarray
    coefs: np.ndarray
    gaps: np.ndarray
    misfits: np.ndarray
    observed: list
    n_rounds: int = 1
    centres: np.ndarray | None = None
    newton: np.ndarray | None = None

    def raise_gaps(self, costs):
        """Add further bounds on the distance of each objective from its minimum."""
        self.gaps += costs


class WorkingSetSolver:
    """The problem on a working set, and the last solution there.

    Attributes
    ----------
    problem : Problem
        Changed by `repenalise` alone.
    goal : Goal
    form : GramForm or ResidualForm
        The working set, its penalty, and how it is solved.
    last : Solution
        Where the next solution starts from.
    unpenalised : Unpenalised
    n_used : int
        Columns used by the last solution.
    """

    compressed = False      # whether all columns are in the working set
    separated = False       # whether there is no minimum

    def __init__(self, problem, form, goal):
        self.problem, self.goal, self.form = problem, goal, form
        self.unpenalised = Unpenalised(problem, goal.gap)
        self.last, self.n_used = Solution(np.inf, np.empty(0)), 0

    @property
    def design(self):
        """X as the problem sees it."""
        return self.problem.design

    @property
    def ran_out(self):
        """Whether `max_iter` has ended the work on some alpha: more of it may help."""
        return self.form.ran_out

    @property
    def working_set(self):
        """The columns in the working set, in order of entry."""
        return self.form.columns

    def repenalise(self, problem):
        """Go on under another penalty on the same design: solutions, Gram matrix and correlations stay as they are.

        What is known of X does not depend on the penalty, so the next solution starts where the last one ended.
        """
        self.problem = problem.with_penalty(problem.penalty.with_exclusions_as_bounds())
        self.unpenalised.forget()
        self.form.repenalise(self.problem.penalty.at(self.working_set))

    def resume(self, alpha, cols, coef, centre):
        """Start below `alpha` from the solution there, which an earlier fit has found. Here nothing is gained by it."""
        del alpha, cols, coef, centre

    def solve_inside(self, alpha):
        """Solve at one alpha on the working set alone: nothing is proven of the other columns.

        In Gram form X is not read.
        """
        self.last = Solution(alpha, self._solve_from(np.array([alpha]), 0)[0][0])

    def gap_inside(self):
        """Return (gap, |r|^2) of the last solution, as one of the problem on the working set alone.

        Unpenalised coordinates are taken one by one. This gap steers the iteration; `joint_gap_inside` certifies.
        """
        z, norm2 = self.form.gradient(self.last.b)
        return self._separate_gaps(np.array([self.last.alpha]), self.last.b[None], np.array([norm2]), z[None])[0], norm2

    def joint_gap_inside(self):
        """As `gap_inside`, with what unpenalised columns would gain jointly."""
        residual, norm2, z = self._present_inside()
        gap, = self._gaps(np.array([self.last.alpha]), self.last.b[None], [residual], np.array([norm2]), z[None])
        return gap, norm2

    def is_nearly_dependent(self):
        """Whether the last solution has unpenalised columns that nearly depend on each other."""
        return self._is_nearly_dependent(self.last.alpha, self.last.b)

    def _is_nearly_dependent(self, alpha, b):
        """Whether unpenalised columns depend on each other more than c - G b can tell."""
        if not self.problem.penalty.leaves_free([alpha]):
            return False
        return self.unpenalised.nearly_dependent(self.working_set[self.form.penalty.unpenalised(alpha, b)], self.form)

    def refitted(self, refit):
        """Return a refit on the solver's working set as one on X: the same, where columns are those of X."""
        return refit

    def nearly_dependent_gram(self, cols):
        """Return the Gram matrix of unpenalised columns if they nearly depend on each other, else None."""
        if not self.unpenalised.nearly_dependent(cols, self.form):
            return None
        return self.unpenalised.gram(cols, self.form)

    def _present_inside(self):
        """(r or None, |r|^2, z of the working set) at the last solution, from X where the Gram matrix cannot tell."""
        if self.is_nearly_dependent():
            return read(self.design, self.problem.loss, self.working_set, self.last.b)
        z, norm2 = self.form.gradient(self.last.b)
        return None, norm2, z

    def _solve_from(self, alphas, start, B=None, Q=None, loose=1.0):
        """Solve on the working set from alphas[start]; return (B, how many alphas are solved).

        Where descent is needed it may leave a gap `loose` times as large as the one promised.
        """
        B = widened(B, len(alphas), self.form.size)
        before = np.ascontiguousarray(B[start - 1] if start else self.last.b)
        here = alphas[start - 1] if start else self.last.alpha
        done = self.form.solve(before, here, alphas, start, B, loose * self.goal.gap, self.goal.max_iter, Q)
        self.n_used = np.count_nonzero(B[done - 1])
        return B, done

    # ------------------------------------------------------------ gaps

    def _gaps(self, alphas, B, R, norms, Z):
        """Certified gaps of solutions that no column outside violates; R is None, or None in places."""
        if not self.problem.penalty.leaves_free(alphas):
            return self._separate_gaps(alphas, B, norms, Z)
        residuals = [None] * len(B) if R is None else R
        return self._joint_gaps(zip(alphas, B, residuals, norms, Z, strict=True), self.working_set, self.form.penalty)

    def _joint_gaps(self, solutions, cols, penalty):
        """Certified gaps of some (alpha, b, r or None, |r|^2, z) on the columns `cols`, which cost `penalty`."""
        rows = [JointGap(*solution, penalty, self.problem.loss) for solution in solutions]
        for row in rows:
            if not self.problem.penalty.leaves_free([row.alpha]):
                row.close_separately(self.problem.loss, self.design.norm2[cols])
        return self.unpenalised.joint_gaps(rows, self.form, cols, self._farthest())

    def _farthest(self):
        """max_j |x_j| / l1_j over the columns outside the working set."""
        return 0.0

    def _separate_gaps(self, alphas, B, norms, Z):
        """Gaps of several solutions, unpenalised coordinates taken one by one."""
        norm2 = self.design.norm2[self.working_set]
        return separate_gaps(self.problem.loss, self.form.penalty, norm2, alphas, B, norms, Z)


def widened(rows, n_rows, width):
    """Return `rows` (or nothing) as an (n_rows, width) array, new columns zero."""
    out = np.zeros((n_rows, width))
    if rows is not None:
        kept = min(len(rows), n_rows)
        out[:kept, :rows.shape[1]] = rows[:kept]
    return out
