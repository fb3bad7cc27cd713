"""Columns that nothing penalises: refitted exactly, and projected out of the dual point.

A dual point is feasible only if it is orthogonal to these columns. So each residual is refitted on them until its
correlations with them are rounding; the rest is projected out of the dual point. All solutions of a call take each
step together, so that X is read once for all of them.
"""

from itertools import compress

import numpy as np

from ..ways import ways
from .cost import ROUNDING
from .least_squares import NO_WORSE, LeastSquares, largest_gain_ignored
from .proof import gap_errors, separate_gaps
from .refit import REFIT_ROUNDS

# Rounding of x_j . r, per unit of |x_j| |y|.
CORRELATION_ROUNDING = 1e-13


class Unpenalised:
    """Exact least squares on the unpenalised columns of a problem, from X itself where their Gram matrix cannot tell.

    Attributes
    ----------
    design, loss : Design, SquaredError
    target : float
        The gap that is promised.
    noise : float
        Correlations of at most noise |x_j| are rounding.
    """

    def __init__(self, problem, target):
        self.design, self.loss, self.target = problem.design, problem.loss, target
        self.noise = CORRELATION_ROUNDING * problem.loss.norm
        self._cols, self._columns = None, None

    def columns(self, cols, form):
        """Return the `LeastSquares` of some columns, kept while these stay the same."""
        if self._cols is None or not np.array_equal(self._cols, cols):
            design = self.design
            varies = ~design.flat[cols] if design.fit_intercept else np.ones(len(cols), bool)
            gram = np.where(varies & varies[:, None], self.gram(cols, form), 0.0)
            sizes = np.sqrt(1 + np.divide(design.mean[cols] ** 2, design.norm2[cols], out=np.zeros(len(cols)),
                                          where=varies))
            root = None if design.weights is None else design.rooted(1.0)
            self._cols, self._columns = cols, LeastSquares(gram, lambda V: design.images(cols, V), sizes, root)
        return self._columns

    def gram(self, cols, form):
        """Return the Gram matrix of some columns, in the order of the working set where they are all there."""
        known = np.flatnonzero(np.isin(form.columns, cols))
        return form.gram_of(known) if len(known) == len(cols) else self.design.gram(cols, len(cols))

    def forget(self):
        """Forget the columns kept: under another penalty other columns are unpenalised."""
        self._cols, self._columns = None, None

    def nearly_dependent(self, cols, form):
        """Whether these columns are so nearly dependent that their Gram matrix is too inexact and X must be read."""
        return 0 < len(cols) <= ways().max_unpenalised and self.columns(cols, form).basis is not None

    def is_rounding(self, z, cols, form, residual=None):
        """Whether correlations with these columns are rounding, or the gain of a refit too small to matter."""
        columns = self.columns(cols, form)
        if columns.basis is None and (np.abs(z) <= self.noise * np.sqrt(self.design.norm2[cols])).all():
            return True
        rooted = None if residual is None else self.design.rooted(residual)
        return columns.gain(z, rooted) <= largest_gain_ignored(self.target, self.loss.null_value)

    # ------------------------------------------------------------ refits

    def refit(self, alphas, B, R, form):
        """Refit the rows of B, whose residuals are R, by exact least squares; return the refitted (B, R).

        A solution worse than b = 0 was blown up by rounding: its refit starts from b = 0.
        """
        B, worse = B.copy(), self.loss.is_worse_than_nothing(self.design.norms2(R), NO_WORSE)
        B[worse], R[worse] = 0.0, self.loss.y
        active = np.arange(len(B))
        for _ in range(REFIT_ROUNDS):
            active = self._refit_round(alphas, B, R, form, active)
            if not len(active):
                break
        if self._columns is not None and self._columns.basis is not None:
            R = residuals_of(self.design, self.loss, form.columns, B)   # large coefficients took digits off the steps
        return B, R

    def _refit_round(self, alphas, B, R, form, active):
        """Take one step of each solution in `active`; return those that took one."""
        places = [np.flatnonzero(form.penalty.unpenalised(alphas[k], B[k])) for k in active]
        read = np.unique(np.concatenate(places))
        if not 0 < max(map(len, places)) <= ways().max_unpenalised:
            return active[:0]
        moving, steps = [], []
        for k, where, z in zip(active, places, self.design.correlations_at(R[active], form.columns[read]), strict=True):
            z, cols = z[np.isin(read, where)], form.columns[where]
            if len(where) and not self.is_rounding(z, cols, form, R[k]):
                step = self.columns(cols, form).step(z, self.design.rooted(R[k]))
                moving.append(k)
                steps.append((where, *form.penalty.step_within(where, B[k, where], step)))
        return self._take_steps(B, R, form, np.array(moving, np.int64), steps) if moving else active[:0]

    def _take_steps(self, B, R, form, moving, steps):
        """Take the steps that do not lead uphill; return which solutions took one.

        A step leads uphill where z is only rounding that nearly dependent columns amplify.
        """
        left = self.design.residuals(R[moving], *stacked(form.columns, [(where, step) for where, step, _ in steps]))
        better = self.design.norms2(left) <= NO_WORSE * self.design.norms2(R[moving])
        for k, (where, _, end), row in zip(moving[better], compress(steps, better), left[better], strict=True):
            B[k, where], R[k] = end, row
        return moving[better]

    # ------------------------------------------------------------ gaps

    def joint_gaps(self, rows, form, cols, farthest=0.0):
        """Return the gaps of some solutions, the dual point orthogonal to the columns U that nothing penalises.

        With d = G_UU^+ z_U and r = X_U d + r', r' takes the place of r, and |X_U d|^2 / 2 is added to the gap. Columns
        that r' pulls away from their only bound join U. The gap of the dual point 0, the objective itself, is taken
        where it is smaller, where U still grows after `Ways.sign_rounds`, and where d cannot be determined. Rounding of
        X b, which large coefficients make large, is allowed for.

        Parameters
        ----------
        rows : list of JointGap
        cols : ndarray of int
            The columns of their coefficients and correlations: the working set, then others.
        farthest : float
            max_j |x_j| / l1_j over the columns that are not among these.
        """
        for row in rows:
            if row.gap is None and np.count_nonzero(row.projected) > ways().max_unpenalised:
                row.close_separately(self.loss, self.design.norm2[cols])
        for _ in range(ways().sign_rounds):
            if still_open := [row for row in rows if row.gap is None]:
                self._project_out(still_open, form, cols, farthest)
        gaps = np.array([row.objective if row.gap is None else row.gap for row in rows])
        sizes = np.sqrt(self.design.norm2[cols]) + np.abs(self.design.mean[cols])
        errors = np.array([ROUNDING * (np.abs(row.b) @ sizes) for row in rows])
        return gaps + self.loss.costs_of_errors(errors, gaps)

    def _project_out(self, rows, form, cols, farthest):
        """Project the columns U of each row out of its dual point, and close it where the signs are right."""
        for row in rows:
            if row.residual is None and self.nearly_dependent(cols[row.projected], form):
                row.replace_residual(*read(self.design, self.loss, form.columns, row.b))
        steps = [self._step(row, form, cols) for row in rows]
        for row, rest, (_, gain, error) in zip(rows, self._rests(rows, steps, form, cols), steps, strict=True):
            at, leak = np.flatnonzero(row.projected), 0.0
            if len(at):
                columns, left = self.columns(cols[at], form), max(row.norm2 - 2 * gain, 0.0)
                leak = np.sqrt(2 * columns.worst_gain(np.abs(rest[at]) + error)) + columns.blur * np.sqrt(left)
                rest[at] = 0.0
            wrong = row.penalty.exclusive(rest, row.alpha)
            if np.isinf(gain):
                row.close(row.objective)
            elif wrong.any():
                row.project_out(wrong)
            else:
                self._close(row, rest, gain, leak, cols, farthest)

    def _step(self, row, form, cols):
        """(d, |X_U d|^2 / 2 or inf where it is undetermined, what rounding may hide of the correlations with U)."""
        at = np.flatnonzero(row.projected)
        if not len(at):
            return np.empty(0), 0.0, 0.0
        columns, z = self.columns(cols[at], form), row.z[at]
        if row.residual is None:
            rooted, error = None, form.rounding(at, row.b)
        else:
            rooted = self.design.rooted(row.residual)
            error = ROUNDING * np.sqrt(row.norm2 * (self.design.norm2[cols[at]] + self.design.mean[cols[at]] ** 2))
        gain = np.inf if columns.undetermined else columns.gain(z, rooted)
        return columns.step(z, rooted), gain, error

    def _rests(self, rows, steps, form, cols):
        """Return the correlations with r' = r - X_U d of each row; X is read once for all of them."""
        rests, by_reading = [row.z.copy() for row in rows], []
        for k, (row, (step, _, _)) in enumerate(zip(rows, steps, strict=True)):
            if len(step) and row.residual is None:
                rests[k] -= form.images_in(np.flatnonzero(row.projected), step)
            elif len(step):
                by_reading.append(k)
        if by_reading:
            moves = [(np.flatnonzero(rows[k].projected), steps[k][0]) for k in by_reading]
            fitted = self.design.residuals(np.zeros(self.design.n_samples), *stacked(cols, moves))
            for k, change in zip(by_reading, self.design.correlations_at(fitted, cols), strict=True):
                rests[k] += change
        return rests

    def _close(self, row, rest, gain, leak, cols, farthest):
        """Set the gap of a row from the dual point r', whose correlations are `rest`.

        r' is not exactly orthogonal to U: it holds a part of the span of length `leak` at most, which has to go too.
        That lengthens X_U d, and moves the correlation of cols[j] by at most leak |x_j|. Columns that were not read
        move by at most |x_j| (|X_U d| + leak).
        """
        left, shrink, norm2 = max(row.norm2 - 2 * gain, 0.0), 0.0, self.design.norm2[cols]
        taken = np.sqrt(2 * gain) + leak
        if row.alpha > 0:
            shrink = float(taken * farthest / row.alpha)
        errors = np.where(row.projected, 0.0, leak * np.sqrt(norm2))
        error = gap_errors(self.loss, row.penalty, np.array([row.alpha]), row.b[None], np.array([left]), rest[None],
                           errors[None], shrink)
        row.close(taken**2 / 2 + row.separate_gap(self.loss, norm2, left, rest) + error[0])


class JointGap:
    """One solution whose gap is asked for: what is known of it, and which columns are projected out of its dual point.

    Attributes
    ----------
    alpha, b, norm2, z, penalty : float, ndarray, float, ndarray, Penalty
        The solution, its |r|^2 and correlations, and the penalty, on the same columns.
    residual : ndarray of shape (n_samples,), or None
        None where z comes from the Gram matrix.
    objective : float
        The gap of the dual point 0.
    projected : ndarray of bool
    gap : float, or None while it is open
    """

    def __init__(self, alpha, b, residual, norm2, z, penalty, loss):
        self.alpha, self.b, self.residual, self.norm2, self.z, self.penalty = alpha, b, residual, norm2, z, penalty
        self.objective = loss.value(norm2) + penalty.exact_value(b, alpha)
        self.projected, self.gap = penalty.unpenalised(alpha, b), None

    def project_out(self, columns):
        """Take further columns out of the dual point."""
        self.projected |= columns

    def close_separately(self, loss, column_norms2):
        """Set the gap, unpenalised columns taken one by one."""
        self.gap = self.separate_gap(loss, column_norms2, self.norm2, self.z)

    def close(self, gap):
        """Set the gap, at most the objective, which is the gap of the dual point 0."""
        self.gap = min(self.objective, gap)

    def replace_residual(self, residual, norm2, z):
        """Take over what X says, in place of what the Gram matrix said."""
        self.residual, self.norm2, self.z = residual, norm2, z

    def separate_gap(self, loss, column_norms2, norm2, z):
        """Return the gap from other correlations and |r|^2, unpenalised columns taken one by one."""
        return separate_gaps(loss, self.penalty, column_norms2, np.array([self.alpha]), self.b[None],
                             np.array([norm2]), z[None])[0]


def stacked(cols, moves):
    """Return (columns, D) of some moves (places, step): a row of D for each, zero in the columns of others."""
    used = np.unique(np.concatenate([where for where, _ in moves]))
    D = np.zeros((len(moves), len(used)))
    for row, (where, step) in zip(D, moves, strict=True):
        row[np.searchsorted(used, where)] = step
    return cols[used], D


def residuals_of(design, loss, columns, B):
    """Return the residuals of some solutions on the columns, read from X."""
    active = np.flatnonzero(B.any(axis=0))
    return loss.residuals(design, columns[active], np.ascontiguousarray(B[:, active]))


def read(design, loss, columns, b):
    """Return (r, |r|^2, correlations of the columns) of one solution, from X."""
    R = loss.residuals(design, columns, b[None])
    return R[0], design.norms2(R)[0], design.correlations_at(R, columns)[0]
