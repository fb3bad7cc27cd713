"""The weighted mean of a loss over the samples, the empirical risk, as a function of the scores.

    F(eta) = sum_i q_i f(y_i, eta_i),      eta = o + b0 + X b,   q = w / sum(w)

f is half the unit deviance, so the saturated model has F = 0, and P(0), the objective of the empty model, is half the
mean null deviance. The residual of a sample is rho = -f'(eta); X'rho, weighted, is the negative gradient. For a dual
point theta the loss's part of the duality gap is sum_i q_i slack_i(eta_i, theta_i).
"""

from dataclasses import dataclass, replace
from itertools import chain, pairwise

import numpy as np

from .. import validation
from .._engine import engine
from .base import Loss, average

EPSILON = float(np.finfo(float).eps)
# Samples that are added up at a time.
CHUNK = 1 << 13
# Chunks evaluated at a time, at most: temporaries of 256 KB each stay in cache. With one chunk at a time two threads
# took 1.3 times as long as one.
SPAN = 4
# Chunks of a loss from which a second thread pays: it starts in 60 to 100 us, and a chunk takes 60 us.
FEW_CHUNKS = 4
# Chunks of a sum of vectors from which a second thread pays: a chunk takes 2 to 4 us.
FEW_SUMS = 64
# A weighted mean of this size, relative to the norm, is rounding.
MEAN_ROUNDING = 1e-16
# Rounds of making a mean zero, each of which allows four times the rounding. More are due only where squares underflow.
MEAN_ROUNDS = 30
# Newton steps to the best intercept, at most.
INTERCEPT_STEPS = 300
# The best intercept is found where a step is below this, relative to 1 + |b0|.
INTERCEPT_ACCURACY = 1e-15
# Errors of scores beyond this count as this: (e^300)^2 is finite.
LARGEST_ERROR = 300.0
# The longest first step of an intercept: exp(5) = 150 times the mean.
LONGEST_STEP = 5.0


@dataclass(frozen=True, eq=False)
class Risk:
    """A loss on one target.

    Attributes
    ----------
    loss : Loss
    y : ndarray of shape (n_samples,)
        As `Loss.target` returned it.
    classes : ndarray of shape (2,), or None
        The labels that y = 0 (or -1) and y = 1 stand for.
    offset : ndarray of shape (n_samples,), or None
    weights : ndarray of shape (n_samples,), or None
        q; None where all are equal.
    fit_intercept : bool
    null_intercept : float
        b0 of the empty model.
    null_value : float
        P(0), the unit of the tolerance: half the mean null deviance.
    null_residual : ndarray of shape (n_samples,)
        rho of the empty model.
    idle : ndarray of int, or None
        The rows of weight zero. Their scores may be of any size, so rho and d are 0 there: a square of one that
        overflows would make a weighted mean NaN.
    """

    loss: Loss
    y: np.ndarray
    classes: np.ndarray | None
    offset: np.ndarray | None
    weights: np.ndarray | None
    fit_intercept: bool
    null_intercept: float = 0.0
    null_value: float = 0.0
    null_residual: np.ndarray | None = None
    idle: np.ndarray | None = None

    is_quadratic = False

    @classmethod
    def of(cls, loss, y, offset, weights, fit_intercept, pool):
        """Return the risk of a target, checked, and of its empty model.

        Raises
        ------
        ValueError
            For a bad y or offset, and where the empty model has no finite minimum.
        """
        y, classes = loss.target(y, weights)
        if offset is not None:
            offset = validation.no_nan_or_inf(validation.finite_vector(offset, len(y), "offset"), "offset")
        idle = None if weights is None or weights.all() else np.flatnonzero(weights == 0)
        risk = cls(loss, y, classes, offset, weights, fit_intercept, idle=idle)
        start = loss.start(y, weights) - (0.0 if offset is None else average(offset, weights))
        b0 = risk.best_intercept(risk.scores(0.0), start, pool) if fit_intercept else 0.0
        eta = risk.scores(b0)
        null_value = risk.mean_deviance(eta, pool)
        if not np.isfinite(null_value):
            raise ValueError(f"loss {loss.name!r} overflows at the empty model: y or the offset is too large")
        residual = risk.local(eta, pool)[0]
        if fit_intercept and all(is_constant(part if idle is None else np.delete(part, idle))
                                 for part in (y, offset) if part is not None):
            null_value, residual = 0.0, np.zeros(len(y))        # but for rounding of the scores
        return replace(risk, null_intercept=b0, null_value=null_value, null_residual=residual)

    @property
    def norm2(self):
        """Squared weighted norm of the residual of the empty model."""
        return float(self.mean(self.null_residual**2))

    @property
    def norm(self):
        """Weighted norm of the residual of the empty model."""
        return float(np.sqrt(self.norm2))

    def norm_of(self, v):
        """Weighted norm of an n-vector."""
        return float(np.sqrt(engine.dot(v, v) / len(v) if self.weights is None else self.mean(np.square(v))))

    def scores(self, intercept):
        """o + b0."""
        return np.full(len(self.y), intercept) if self.offset is None else self.offset + intercept

    def scores_of(self, fitted, intercept):
        """o + b0 + fitted, in the place of `fitted`."""
        fitted += intercept
        if self.offset is not None:
            fitted += self.offset
        return fitted

    def mean(self, values):
        """Weighted mean of an n-vector, in an order of addition that does not depend on a BLAS."""
        return np.add.reduce(values) / len(values) if self.weights is None else engine.dot(self.weights, values)

    def local(self, eta, pool):
        """Return (rho, d), the residual and the curvature of each sample; 0 for those of weight zero."""
        rho, d = np.empty(len(eta)), np.empty(len(eta))

        def span(a, b):
            rho[a:b], d[a:b] = self.loss.local(eta[a:b], self.y[a:b])

        run_spans(pool, len(eta), span)
        if self.idle is not None:
            rho[self.idle] = d[self.idle] = 0.0
        return rho, d

    def value(self, misfit):
        """F, from what a batch of solutions keeps: F itself."""
        return misfit

    def mean_deviance(self, eta, pool):
        """F(eta)."""
        return self._means_of(pool, lambda a, b: [self.loss.deviance(eta[a:b], self.y[a:b])])[0]

    def slack(self, eta, theta, pool):
        """The loss's part of the duality gap of eta and theta; infinite where theta is infeasible."""
        return self._means_of(pool, lambda a, b: [self.loss.slack(eta[a:b], self.y[a:b], theta[a:b])])[0]

    def land(self, theta, curvature, total, ratio, before, after, pool):
        """Finish a Newton step: return (shift, F, slack); theta and the scores `after` are changed in place.

        theta + ratio curvature (before - after) is the Newton dual. With an intercept the scores move on by the shift
        that makes its mean zero. `total` is the mean curvature.
        """
        run_sums(pool, len(theta), lambda a, b: engine.add_change(theta, curvature, ratio, before, after, a, b))
        shift = self.balance(theta, curvature, total, pool) / ratio
        if shift:
            after += shift
        return shift, *self._means_of(pool, lambda a, b: self.loss.terms(after[a:b], self.y[a:b], theta[a:b]))

    def balance(self, v, curvature, total, pool):
        """Subtract from v the multiple of the curvature that makes its mean zero; return it, 0 without intercept."""
        if not self.fit_intercept:
            return 0.0
        shift, mean, most = 0.0, self.mean(v), MEAN_ROUNDING * self.norm_of(v)
        for _ in range(MEAN_ROUNDS):
            if not abs(mean) > most:
                break
            more = mean / total
            run_sums(pool, len(v), lambda a, b, more=more: engine.add_multiple(v, -more, curvature, a, b))
            shift, mean, most = shift + more, self.mean(v), 4 * most
        return shift

    def _means_of(self, pool, of_span):
        """Return the weighted means of functions of the samples; `of_span(a, b)` returns their values from a to b.

        Samples of weight zero may have infinite values or NaN. Chunks are added up in their order.
        """
        n, sums = len(self.y), {}

        def span(a, b):
            sums[a] = [self._sums(values, a, b) for values in of_span(a, b)]

        run_spans(pool, n, span)
        total = [sum(chain(*parts)) for parts in zip(*(sums[a] for a in sorted(sums)), strict=True)]
        return [value / n for value in total] if self.weights is None else total

    def _sums(self, values, a, b):
        """Weighted sums of the values of samples a to b, chunk by chunk; one value may stand for all."""
        if np.shape(values) != (b - a,):
            values = np.broadcast_to(values, (b - a,))
        values = np.ascontiguousarray(values, np.float64)
        return engine.sums(values, None if self.weights is None else self.weights[a:b], CHUNK).tolist()

    def explained(self, values):
        """1 - F / P(0) for each F, the share of the deviance explained; 0 where P(0) is 0."""
        return 1 - values / self.null_value if self.null_value > 0 else np.zeros(len(values))

    def intercepts(self, means, coefs, centres):
        """b0 for each row of coefficients on columns with these means, from b0 + means.b."""
        return centres - coefs @ means if self.fit_intercept and len(means) else np.array(centres)

    def intercept_costs(self, means, coefs):
        """What rounding of scores may add to each objective, e = eps |mean|.|b| being its size.

        An error of all scores at once costs L e^2 / 2, with L at least 1; one of each row costs up to mean |rho| e,
        with the null model's rho.
        """
        if not self.fit_intercept or not len(means):
            return np.zeros(len(coefs))
        errors = self._as_felt(EPSILON * (np.abs(coefs) @ np.abs(means)))
        return errors * (self.mean(np.abs(self.null_residual)) + 0.5 * self._largest_curvature * errors)

    def _as_felt(self, errors):
        """Return errors e of scores, or exp(e) - 1 where no L bounds f'': f is a sum of exponentials there."""
        return np.expm1(np.minimum(errors, LARGEST_ERROR)) if np.isinf(self.loss.smoothness) else errors

    @property
    def _largest_curvature(self):
        return max(1.0, self.loss.smoothness if np.isfinite(self.loss.smoothness) else self.null_value)

    def costs_of_errors(self, errors, gaps):
        """What errors e of scores in a span that nothing penalises may add to each gap.

        That is |e| sqrt(2 L gap) + L |e|^2 / 2: there <theta, e> = 0, and the slack of the loss is at least
        |theta - rho|^2 / (2 L).
        """
        errors = self._as_felt(errors)
        return errors * np.sqrt(2 * self._largest_curvature * gaps) + 0.5 * self._largest_curvature * errors**2

    def best_intercept(self, eta, start, pool):
        """Return the b0 that minimises F(eta + b0): Newton's method, kept between points of opposite slope.

        While no point of opposite slope is known, steps that do not shrink double: where all residuals are beyond the
        bend of Huber's loss there is no curvature, and far above the minimum of an exponential each step is 1. Between
        two such points a step that does not shrink halves the interval.

        Raises
        ------
        ValueError
            Where no finite b0 minimises F.
        """
        b0, low, high, last, newton = start, -np.inf, np.inf, 0.0, np.inf
        for _ in range(INTERCEPT_STEPS):
            rho, d = self.local(eta + b0, pool)
            slope, curvature = self.mean(rho), self.mean(d)
            low, high = (b0, high) if slope > 0 else (low, b0)
            before, newton = newton, slope / curvature if curvature > 0 else np.copysign(np.inf, slope)
            shrinks = abs(newton) < 0.5 * abs(before)
            if slope == 0:
                new = b0
            elif np.isfinite(low) and np.isfinite(high):
                new = b0 + newton if shrinks and low <= b0 + newton <= high else 0.5 * (low + high)
            else:
                last = float(np.clip(abs(newton), 0.0 if shrinks else 2 * last, max(LONGEST_STEP, 2 * last)))
                new = b0 + np.copysign(last, slope)
            if abs(new - b0) <= INTERCEPT_ACCURACY * (1 + abs(b0)):
                return self._finite_intercept(new, eta)
            b0 = new
        return self._finite_intercept(b0 if np.isfinite(low) and np.isfinite(high) else np.inf, eta)

    def _finite_intercept(self, b0, eta):
        """Return b0, or raise ValueError where it, or each score, is so large that there can be no minimum."""
        if np.isfinite(b0) and np.min(np.abs(eta + b0)) <= self.loss.largest_score:
            return float(b0)
        raise ValueError(f"loss {self.loss.name!r} has no finite best intercept on these data")


def is_constant(values):
    """Whether all values are the same."""
    return bool((values == values[0]).all())


def run_spans(pool, n, function):
    """Call function(a, b) for spans of range(n), on the threads of the pool where that is more than FEW_CHUNKS chunks.

    A span is up to SPAN whole chunks; their number is even. Spans do not depend on the number of threads.
    """
    chunks = -(-n // CHUNK)
    count = 2 * -(-chunks // (2 * SPAN))
    edges = [CHUNK * (chunks * k // count) for k in range(count)] + [n]
    spans = [(a, b) for a, b in pairwise(edges) if a < b]
    if chunks > FEW_CHUNKS:
        pool.run(function, spans)
        return
    for span in spans:
        function(*span)


def run_sums(pool, n, function):
    """Call function(a, b) for all of range(n): at once, or in spans on the threads of the pool where n is large."""
    if n > FEW_SUMS * CHUNK:
        run_spans(pool, n, function)
    else:
        function(0, n)
