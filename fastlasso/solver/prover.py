"""The proof that no column outside the working set matters: what X, or a bound in its place, says of solutions."""

from dataclasses import dataclass

import numpy as np

from . import screening
from .base import TRUSTED, VIOLATION, WorkingSetSolver, widened
from .gram_form import GramForm
from .proof import Evaluation, gram_rounding, separate_gaps
from .screening import Anchor
from .unpenalised import residuals_of


@dataclass(slots=True)
class Outside:
    """Columns outside the working set that may violate at some solutions.

    Attributes
    ----------
    cols : ndarray of int
    Z : ndarray of shape (k, len(cols))
        Their correlations.
    found : list of ndarray of int
        For each solution the places in `cols` of those that violate.
    """

    cols: np.ndarray
    Z: np.ndarray
    found: list

    @classmethod
    def none(cls, k):
        """Return an empty `Outside` for k solutions."""
        return cls(np.empty(0, np.int64), np.empty((k, 0)), [np.empty(0, np.int64)] * k)

    def violators(self, k):
        """Return the columns that violate at solution k."""
        return self.cols[self.found[k]]


class Prover(WorkingSetSolver):
    """A solver that reads X to prove what it solved on its working set.

    Attributes
    ----------
    inside : ndarray of bool, shape (n_features,)
        The columns in the working set; changed by `Solver._add`.
    on_residual : callable, or None
        Called with y - b0 - X b of every solution, rows of weight zero included.
    """

    def __init__(self, problem, goal, on_residual=None):
        super().__init__(problem, GramForm(problem), goal)
        self.inside, self.on_residual = np.zeros(self.design.n_features, bool), on_residual

    def _outside(self, cols):
        return cols[~self.inside[cols]]

    def _residuals(self, alphas, B):
        """Return (B, true residuals of its rows), after refitting what carries no penalty."""
        R = residuals_of(self.design, self.problem.loss, self.working_set, B)
        if self.problem.penalty.leaves_free(alphas):
            return self.unpenalised.refit(alphas, B, R, self.form)
        return B, R

    def _anchors_at(self, alphas, B):
        """Return (B, refitted where nothing penalises, and anchors at its rows): one pass over X."""
        B, R = self._residuals(alphas, B)
        return B, [Anchor(*anchor) for anchor in zip(alphas, B.copy(), R, self.design.correlations(R),
                                                     self.design.norms2(R), strict=True)]

    # ------------------------------------------------------------ violators

    def _violators(self, z, alpha):
        """Return the violators outside the working set, from the correlations z of all columns."""
        return self._outside(self._violating(self.problem.penalty, self.design.norm2, z, alpha))

    def _violating(self, penalty, norm2, z, alpha):
        return penalty.violators(z, norm2, alpha, VIOLATION, self.unpenalised.noise if alpha == 0 else 0.0)

    def _outside_of_all(self, whole, alphas):
        """Return the violators outside at solutions whose correlations with all columns are the rows of `whole`."""
        violators = [self._violators(z, alpha) for z, alpha in zip(whole, alphas, strict=True)]
        if not any(map(len, violators)):
            return Outside.none(len(violators))
        cols = np.unique(np.concatenate(violators))
        return Outside(cols, np.array([z[cols] for z in whole]), [np.searchsorted(cols, part) for part in violators])

    def _outside_by_reading(self, cols, R, alphas):
        """Return the violators among some columns, read from X at residuals R."""
        if not len(cols):
            return Outside.none(len(alphas))
        if self.design.matrix.pays_to_select(len(cols)):
            Z = self.design.correlations_at(R, cols)
        else:
            Z = self.design.correlations(R)[:, cols]
        return self._violators_among(cols, Z, alphas)

    def _violators_among(self, cols, Z, alphas):
        """Return the violators among some columns, whose correlations are Z."""
        penalty, norm2 = self.problem.penalty.at(cols), self.design.norm2[cols]
        return Outside(cols, Z, [self._violating(penalty, norm2, z, alpha) for z, alpha in zip(Z, alphas, strict=True)])

    def _unproven(self, anchors, evaluation, alphas, B):
        """Return the columns outside that the anchors do not prove inactive at one of the alphas."""
        penalty, norm2 = self.problem.penalty, self.design.norm2
        if not self.goal.screening:
            return self._outside(np.flatnonzero(penalty.usable))
        T, distance = self._projected(screening.known_of(anchors, self.working_set), B, evaluation.Z)
        return self._outside(screening.unproven(penalty, norm2, anchors, T, distance, alphas))

    def _projected(self, known, B, Z):
        return screening.project_on_anchors(np.sqrt(self.design.norm2[self.working_set]), known, B, Z,
                                            self.problem.loss.norm)

    # ------------------------------------------------------------ evaluations and gaps

    def _evaluate(self, alphas, B):
        """Return (B, refitted where nothing penalises, and an `Evaluation` of its rows).

        It comes from the Gram matrix where that is smaller than the columns and its rounding is small, else from X.
        """
        evaluation = self._evaluation_by_gram(alphas, B)
        return (B, evaluation) if evaluation is not None else self._evaluate_by_reading(alphas, B)

    def _evaluation_by_gram(self, alphas, B):
        """Return the `Evaluation` by the Gram matrix, or None where that is large, or rounding in it."""
        if not self._gram_is_smaller() or self.problem.penalty.leaves_free(alphas):
            return None
        Z, norms = self.form.gradients(B)
        rounding = self._gram_rounding(alphas, B, norms, Z)
        return Evaluation(norms, Z, rounding) if (rounding <= TRUSTED * self.goal.gap).all() else None

    def _evaluate_by_reading(self, alphas, B):
        B, R = self._residuals(alphas, B)
        norms, nothing = self.design.norms2(R), np.zeros(len(B))
        if self.design.matrix.pays_to_select(self.form.size):
            return B, Evaluation(norms, self.design.correlations_at(R, self.working_set), nothing, R)
        whole = self.design.correlations(R)
        return B, Evaluation(norms, np.ascontiguousarray(whole[:, self.working_set]), nothing, R, whole)

    def _evaluation_of(self, anchors):
        """Return the `Evaluation` of solutions that are anchors."""
        whole, R = [anchor.z for anchor in anchors], [anchor.residual for anchor in anchors]
        return Evaluation(np.array([anchor.norm2 for anchor in anchors]),
                          np.array([z[self.working_set] for z in whole]), np.zeros(len(anchors)),
                          None if R[0] is None else R, whole)

    def _gram_is_smaller(self):
        return self.form.has_gram and 2 * self.form.size**2 <= self.design.stored(self.working_set)

    def _gram_rounding(self, alphas, B, norms, Z):
        return gram_rounding(self.problem.loss, self.form.penalty, self.design.norm2[self.working_set], alphas, B,
                             norms, Z)

    def _gaps_over(self, alphas, B, evaluation, outside):
        """Return certified gaps, columns outside the working set included."""
        if self.problem.penalty.leaves_free(alphas):
            return self._joint_gaps_over(alphas, B, evaluation, outside)
        gaps = self._separate_gaps(alphas, B, evaluation.norms, evaluation.Z)
        for k, found in enumerate(outside.found):
            if len(found):
                cols = np.concatenate([self.working_set, outside.cols[found]])
                z = np.concatenate([evaluation.Z[k], outside.Z[k, found]])
                gaps[k] = separate_gaps(self.problem.loss, self.problem.penalty.at(cols), self.design.norm2[cols],
                                        alphas[k:k + 1], widened(B[k:k + 1], 1, len(cols)), evaluation.norms[k:k + 1],
                                        z[None])[0]
        return gaps

    def _joint_gaps_over(self, alphas, B, evaluation, outside):
        """As `_gaps_over`, with what unpenalised columns would gain jointly."""
        used = np.unique(np.concatenate(outside.found))
        cols = np.concatenate([self.working_set, outside.cols[used]])
        R = evaluation.R        # a penalty that was put in place since may leave columns free
        if R is None:
            R = residuals_of(self.design, self.problem.loss, self.working_set, B)
        solutions = zip(alphas, widened(B, len(B), len(cols)), R, evaluation.norms,
                        np.hstack([evaluation.Z, outside.Z[:, used]]), strict=True)
        return self._joint_gaps(solutions, cols, self.problem.penalty.at(cols))

    def _farthest(self):
        norms = np.sqrt(np.where(self.inside, 0.0, self.design.norm2))
        return self.problem.penalty.first_entry(norms)
