"""Unpenalised columns that nearly depend on each other, replaced by well-conditioned ones with the same span.

With columns U that nothing penalises or bounds, X_U b_U = Z c for any basis Z = X_U T of their span, and the problem in
c is the same one. Gram matrices square the condition of X_U; Z is found from X_U itself, whose values are exact
numbers: Gram-Schmidt steps choose T, and X_U T is added up in twice the working precision, so that it is exact but for
its last rounding however ill X_U is conditioned. The solution is brought back by b_U = T c, in the same precision.
"""

from dataclasses import replace

import numpy as np

from ..matrices.replaced import Replaced
from ..ways import ways
from .cost import ROUNDING
from .least_squares import step_of

# A column is kept as it is where its squared distance from the span of those kept is above this share of its square.
INDEPENDENT = 1e-4
# A column nearer to the span of others than this share of its norm depends on them by rounding of its values.
DEPENDENT = 1e-12
# Columns that are replaced, at most.
MOST_REPLACED = 64
# Gram-Schmidt steps of a column, and of taking off its mean, at most. A step leaves 1e-16 of the norm times the
# condition of the columns kept.
STEPS = 5
# A step that leaves this share of a column's norm has not met cancellation.
SETTLED = 0.5
# Splits a float into two halves of 26 bits, whose products are exact.
SPLITTER = 2.0**27 + 1
EPSILON = float(np.finfo(float).eps)


class Basis:
    """Columns in the place of some that nearly depend on others.

    Attributes
    ----------
    cols : ndarray of int
        The columns U.
    T : ndarray of shape (len(replaced), len(cols))
        The columns that replace some are X_U t, for the rows t of T.
    replaced : ndarray of int
        Places in `cols`.
    sizes, mean : ndarray of shape (n_features,)
        Norms and centres of all columns of X.
    loss : SquaredError or Risk
    """

    def __init__(self, cols, T, replaced, problem):
        self.cols, self.T, self.replaced = cols, T, replaced
        self.sizes, self.mean, self.loss = np.sqrt(problem.design.norm2), problem.design.mean, problem.loss

    def given(self, cols, C):
        """Return B, the coefficients of X, for rows of coefficients on some columns: the basis, and others."""
        at = places(self.cols, cols)
        B, own = np.array(C), C[:, at]
        high, low = own.copy(), np.zeros(own.shape)
        high[:, self.replaced] = 0.0
        for place, t in zip(self.replaced, self.T, strict=True):
            high, low = add_product(high, low, own[:, place, None], t)
        B[:, at] = high + low
        return B

    def own(self, cols, b):
        """Return the coefficients on the basis, and other columns, of coefficients of X on some columns."""
        c, at = np.array(b), places(self.cols, cols)
        mine = c[at]
        mine[self.replaced] = np.linalg.solve(self.T[:, self.replaced].T, mine[self.replaced])
        kept = np.setdiff1d(np.arange(len(at)), self.replaced)
        mine[kept] -= mine[self.replaced] @ self.T[:, kept]
        c[at] = mine
        return c

    def refitted(self, refit):
        """Return a function like ``refit(cols, coef, intercept)`` that takes and returns coefficients of X.

        The residual of a refit is infinite where some column of the basis has no coefficient.
        """
        def refit_given(cols, coef, intercept):
            if not np.isin(self.cols, cols).all():
                return coef, intercept, 0.0 if not len(cols) else np.inf
            c, centred = self.own(cols, coef), self.mean[cols].copy()
            centred[places(self.cols[self.replaced], cols)] = 0.0
            c, here, residual = refit(cols, c, intercept + self.mean[cols] @ coef - centred @ c)
            b = self.given(cols, c[None])[0]
            return b, here + centred @ c - self.mean[cols] @ b, residual
        return refit_given

    def batch(self, batch):
        """Return a `Batch` on X: each gap holds what rounding of b_U adds.

        P(b) - P(c) <= |e| sqrt(2 gap) + |e|^2 / 2 for squared error, e = X_U (b_U - T c) and what rounding of the
        centres moves the intercept by: |e| <= ROUNDING sum (|x_j| + |mean_j|) |b_j|.
        """
        at, coefs = places(self.cols, batch.cols), self.given(batch.cols, batch.coefs)
        errors = ROUNDING * (np.abs(coefs[:, at]) @ (self.sizes + np.abs(self.mean))[self.cols])
        return replace(batch, coefs=coefs, gaps=batch.gaps + self.loss.costs_of_errors(errors, batch.gaps))


class InBasis:
    """A solver of a problem in which some columns are replaced; solutions come and go as coefficients of X.

    All that is not named here is that of the solver.
    """

    def __init__(self, solver, basis):
        self.solver, self.basis = solver, basis

    def __getattr__(self, name):
        return getattr(self.solver, name)

    def solve(self, alphas):
        """Solve and certify some of the leading `alphas`; return a `Batch` on X."""
        return self.basis.batch(self.solver.solve(alphas))

    def resume(self, alpha, cols, coef, centre):
        """Start below `alpha` from the solution there, which an earlier fit has found."""
        every = np.union1d(cols, self.basis.cols)
        b = np.zeros(len(every))
        b[np.searchsorted(every, cols)] = coef
        self.solver.resume(alpha, every, self.basis.own(every, b), centre)

    def refitted(self, refit):
        """Return a function like ``refit(cols, coef, intercept)`` that takes and returns coefficients of X."""
        return self.basis.refitted(refit)

    def repenalise(self, problem):
        """Go on under another penalty, under which the columns of the basis are unpenalised still."""
        here = self.solver.problem
        self.solver.repenalise(replace(problem, design=here.design, correlation=here.correlation))


def places(chosen, cols):
    """Return where in `cols`, in any order, each of the columns `chosen` is."""
    order = np.argsort(cols)
    return order[np.searchsorted(cols, chosen, sorter=order)]


def with_basis(problem, nearly_dependent):
    """Return (the same problem on well-conditioned unpenalised columns, its `Basis`); (problem, None) where they are.

    Parameters
    ----------
    nearly_dependent : callable
        ``nearly_dependent(cols)`` returns the Gram matrix of unpenalised columns that nearly depend on each other,
        None where they do not.
    """
    design, cols = problem.design, np.flatnonzero(problem.penalty.never_bind)
    room = max(ways().gram_bytes, design.matrix.nbytes / 4) / (8 * design.n_samples)
    gram = nearly_dependent(cols) if 1 < len(cols) <= min(ways().max_unpenalised, room) else None
    if gram is None:
        return problem, None
    kept, rest = independent(gram)
    if len(rest) > MOST_REPLACED:
        return problem, None
    replaced, T, Z = GramSchmidt(design, cols, gram, kept).columns(rest)
    if not len(replaced):
        return problem, None
    correlation = problem.correlation.copy()
    correlation[cols[replaced]] = design.inner(Z, problem.loss.null_residual[None])[:, 0]
    return (replace(problem, design=design.replaced(Replaced(design.matrix, cols[replaced], Z), cols[replaced], Z),
                    correlation=correlation), Basis(cols, T, replaced, problem))


def independent(gram):
    """Return (places of columns that are independent, places of the rest), by Cholesky with pivots."""
    from scipy.linalg.lapack import dpstrf

    norm = np.sqrt(np.diagonal(gram))
    unit = np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0)
    _, pivots, rank, _ = dpstrf(gram * unit * unit[:, None], tol=INDEPENDENT, lower=1)
    return np.sort(pivots[:rank] - 1), np.sort(pivots[rank:] - 1)


class GramSchmidt:
    """Replaces columns one by one by what they hold beside the span of those before.

    Parameters
    ----------
    design : Design
    cols : ndarray of int
    gram : ndarray of shape (k, k)
    kept : ndarray of int
        Places of independent columns.
    """

    def __init__(self, design, cols, gram, kept):
        self.design, self.kept, self.gram = design, kept, gram[np.ix_(kept, kept)]
        self.X = design.matrix.combine(cols, np.eye(len(cols)), design.pool)
        self.sizes = np.sqrt(np.diagonal(gram) + design.mean[cols] ** 2)

    def columns(self, rest):
        """Return (places of the columns replaced, T, Z); of the places in `rest`, those that depend on others stay."""
        replaced, T, Z = [], [], []
        for place in rest:
            t, z = self._beside(place, T, Z)
            norm = np.sqrt(self.design.norms2(z[None])[0])
            if norm > DEPENDENT * (np.abs(t) @ self.sizes):
                scale = 2.0 ** -np.round(np.log2(norm))      # a power of two changes no digit
                replaced.append(place)
                T.append(t * scale)
                Z.append(z * scale)
        return np.array(replaced, np.int64), np.array(T), np.array(Z)

    def _beside(self, place, T, Z):
        """Return (t, X_U t): a column less what it holds of the columns kept and of Z."""
        t = np.zeros(len(self.X))
        t[place] = 1.0
        z = self._combined(t)
        for _ in range(STEPS):
            before = self.design.norms2(z[None])[0]
            t[self.kept] -= step_of(self.gram, self.design.inner(self.X[self.kept], z[None])[:, 0])
            if Z:
                t -= (self.design.inner(np.array(Z), z[None])[:, 0] / self.design.norms2(np.array(Z))) @ np.array(T)
            z = self._combined(t)
            if self.design.norms2(z[None])[0] >= SETTLED**2 * before:
                break
        return t, z

    def _combined(self, t):
        """X_U t, centred where there is an intercept: exact but for its last rounding."""
        high, low = np.zeros(self.X.shape[1]), np.zeros(self.X.shape[1])
        for x, factor in zip(self.X, t, strict=True):
            if factor:
                high, low = add_product(high, low, x, factor)
        for _ in range(STEPS if self.design.fit_intercept else 0):
            mean = self.design.means(high[None])[0]
            high, low = add_product(high, low, np.ones(len(high)), -mean)
            if abs(mean) <= EPSILON * np.abs(high).max(initial=0.0):
                break
        return high + low


def add_product(high, low, a, b):
    """Return (high, low) + a b, whose sum has twice the digits of a float (Dekker 1971, Knuth 1969)."""
    product = a * b
    total = high + product
    part = total - high
    return total, low + ((high - (total - part)) + (product - part)) + product_error(a, b, product)


def product_error(a, b, product):
    """a b - fl(a b), exactly."""
    a_high, a_low = halves(a)
    b_high, b_low = halves(b)
    return a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)


def halves(a):
    """Return two floats of 26 bits whose sum is a."""
    big = SPLITTER * a
    high = big - (big - a)
    return high, a - high
