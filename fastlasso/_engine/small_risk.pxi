# Newton's method for small dense problems with few columns: all columns are in the working set, and every step has a
# Gram matrix of its own, H = X' diag(d) X / n, centred with the weights d. A fit of a hundred samples and ten features
# takes 50 us here, and the general way thirty times as long.

cdef enum:
    LOG_LOSS, POISSON
    # Newton steps for one alpha, at most.
    SMALL_STEPS = 50
    # Sweeps over a model, at most.
    SMALL_SWEEPS = 2000
    # Halvings of a step that leads uphill.
    SMALL_HALVINGS = 30

# Sweeps end where no coordinate moves the model by more than this share of the largest |x_j| |rho|.
cdef double SWEEP_TOLERANCE = 1e-13
# An objective may rise by this share of P(0): rounding.
cdef double RISE = 1e-13
# A column whose variance is below this share of its squared mean is left to the general way.
cdef double NEARLY_CONSTANT = 1e-12

SMALL_LOSSES = {"log_loss": LOG_LOSS, "poisson": POISSON}


@cython.final
cdef class SmallRisk:
    """A loss with equal weights and no offset on a small dense X, and the last solution.

    Attributes
    ----------
    null_objective, null_intercept, alpha_max : float
    sound : bool
        Whether all columns vary and no sum overflows.
    """
    cdef ptrdiff_t n, p
    cdef readonly bint sound
    cdef int kind
    cdef bint fit_intercept
    cdef readonly double null_objective, null_intercept, alpha_max
    cdef double l1, l2, longest
    # X by columns, less the plain means; H.
    cdef double[:, ::1] x, h
    # By sample: y, scores, residuals, curvatures, dual point, scores of a trial, and scratch.
    cdef double[:, ::1] rows
    cdef vector y, eta, rho, d, theta, trial, first, second
    # By column: plain means, means with the weights d, coefficients, those before the step, gradient.
    cdef double[:, ::1] columns
    cdef vector mean, centre, b, before, z
    cdef double b0, value

    def __cinit__(self, const double[:, :] X, const double[::1] y, int kind, bint fit_intercept, double l1_ratio):
        cdef ptrdiff_t i, j
        cdef double total
        self.n, self.p, self.kind, self.fit_intercept = X.shape[0], X.shape[1], kind, fit_intercept
        self.l1, self.l2 = l1_ratio, 1 - l1_ratio
        self.x, self.h = np.empty((self.p, self.n)), np.empty((self.p, self.p))
        self.rows, self.columns = np.zeros((8, self.n)), np.zeros((5, self.p))
        self.y, self.eta, self.rho, self.d = &self.rows[0, 0], &self.rows[1, 0], &self.rows[2, 0], &self.rows[3, 0]
        self.theta, self.trial = &self.rows[4, 0], &self.rows[5, 0]
        self.first, self.second = &self.rows[6, 0], &self.rows[7, 0]
        self.mean, self.centre, self.b = &self.columns[0, 0], &self.columns[1, 0], &self.columns[2, 0]
        self.before, self.z = &self.columns[3, 0], &self.columns[4, 0]
        memcpy(self.y, &y[0], self.n * sizeof(double))
        for j in range(self.p):
            total = 0.0
            for i in range(self.n):
                total += X[i, j]
            self.mean[j] = total / self.n if fit_intercept else 0.0
            for i in range(self.n):
                self.x[j, i] = X[i, j] - self.mean[j]
        self._start()

    cdef void _start(self) noexcept nogil:
        """Set the empty model, P(0) and alpha_max; a bad X or y leaves NaN or infinity there."""
        cdef ptrdiff_t i, j
        cdef double share = 0.0, norm = 0.0
        for i in range(self.n):
            share += self.y[i] / self.n
        self.null_intercept = 0.0
        if self.fit_intercept:
            self.null_intercept = log(share / (1 - share)) if self.kind == LOG_LOSS else log(share)
        self.b0 = self.null_intercept
        for i in range(self.n):
            self.eta[i] = self.b0
            self.theta[i] = 0.0
        self.null_objective = self.value = self._risk(self.eta)
        self._local()
        self.alpha_max, self.longest, self.sound = 0.0, 0.0, True
        for j in range(self.p):
            self.alpha_max = max(self.alpha_max, fabs(KERNELS.dot(self.n, &self.x[j, 0], self.rho)) / self.n / self.l1)
            norm = KERNELS.dot(self.n, &self.x[j, 0], &self.x[j, 0])
            if not norm >= NEARLY_CONSTANT * self.n * self.mean[j] * self.mean[j]:
                self.sound = False      # constant but for rounding, or NaN
            self.longest = max(self.longest, norm)
        self.sound = self.sound and isfinite(self.longest) and isfinite(self.null_objective)
        self.longest = sqrt(self.longest * KERNELS.dot(self.n, self.rho, self.rho)) / self.n

    # ------------------------------------------------------------ the loss

    cdef void _local(self) noexcept nogil:
        """rho = -f' and d = f'' at the scores eta."""
        cdef ptrdiff_t i
        if self.kind == LOG_LOSS:
            KERNELS.logistic(self.n, self.eta, self.first, self.second)
            for i in range(self.n):
                self.rho[i] = self.y[i] * self.second[i] - (1 - self.y[i]) * self.first[i]
                self.d[i] = self.first[i] * self.second[i]
        else:
            KERNELS.exp(self.n, self.eta, self.d)
            for i in range(self.n):
                self.rho[i] = self.y[i] - self.d[i]

    cdef double _risk(self, const double* eta) noexcept nogil:
        """The mean half deviance at some scores."""
        cdef double slack
        return self._terms(eta, &slack)

    cdef double _terms(self, const double* eta, double* slack) noexcept nogil:
        """Return the mean half deviance at some scores, and the mean slack of theta there."""
        cdef ptrdiff_t i
        cdef double value = 0.0, gap = 0.0
        if self.kind == LOG_LOSS:
            KERNELS.log_loss(self.n, eta, self.y, self.theta, self.first, self.second)
            for i in range(self.n):
                value += self.first[i]
                gap += self.second[i]
        else:
            KERNELS.exp(self.n, eta, self.first)
            for i in range(self.n):
                self.second[i] = self.y[i] - self.first[i]
            value = self._divergences()
            for i in range(self.n):
                self.second[i] = self.y[i] - self.first[i] - self.theta[i]
            gap = self._divergences()
        slack[0] = gap / self.n
        return value / self.n

    cdef double _divergences(self) noexcept nogil:
        """Sum the divergences of first + second from first, a block at a time."""
        cdef double[64] out
        cdef double total = 0.0
        cdef ptrdiff_t i, k, m
        i = 0
        while i < self.n:
            m = min(64, self.n - i)
            KERNELS.divergence(m, self.first + i, self.second + i, out)
            for k in range(m):
                total += out[k]
            i += m
        return total

    # ------------------------------------------------------------ alphas

    def solve(self, const double[::1] alphas, double target):
        """Return (B, intercepts, gaps, F) for descending alphas, or None where a gap stays above `target`."""
        cdef ptrdiff_t k, count = alphas.shape[0]
        cdef bint done = True
        cdef double[:, ::1] B = np.empty((count, self.p)), out = np.empty((3, count))
        with nogil:
            for k in range(count):
                out[1, k] = self._solve_at(alphas[k], target)
                if not out[1, k] <= target:
                    done = False
                    break
                memcpy(&B[k, 0], self.b, self.p * sizeof(double))
                out[0, k], out[2, k] = self.b0 - KERNELS.dot(self.p, self.mean, self.b), self.value
        return (B.base, *out.base) if done else None

    cdef double _solve_at(self, double alpha, double target) noexcept nogil:
        """Take Newton steps until the gap is at most `target`; return it."""
        cdef int step
        cdef double gap = INFINITY, lowest = self.value + self._penalty(alpha, self.b), objective, shift, slack
        for step in range(SMALL_STEPS):
            memcpy(self.before, self.b, self.p * sizeof(double))
            self._local()
            if not self._minimise(alpha):
                return INFINITY
            shift = self._land()
            self.value = self._terms(self.trial, &slack)
            gap = self._gap(alpha, slack)
            objective = self.value + self._penalty(alpha, self.b)
            if gap > target and not objective <= lowest + RISE * self.null_objective:
                shift, objective = self._backtrack(alpha, lowest, shift), lowest
            self.b0 += shift
            memcpy(self.eta, self.trial, self.n * sizeof(double))
            if gap <= target or shift != shift:
                return gap
            lowest = min(lowest, objective)
        return gap

    cdef bint _minimise(self, double alpha) noexcept nogil:
        """Minimise the model around eta by coordinate descent; z becomes X'theta. Return whether it has curvature."""
        cdef ptrdiff_t i, j, k
        cdef double total = 0.0, mean = 0.0, weight, moved, best, delta
        cdef int sweep
        for i in range(self.n):
            total += self.d[i]
            mean += self.rho[i]
        if not total > 0:
            return False
        mean = mean / total if self.fit_intercept else 0.0
        for j in range(self.p):
            weight = KERNELS.dot(self.n, &self.x[j, 0], self.d)
            self.centre[j] = weight / total if self.fit_intercept else 0.0
            self.z[j] = (KERNELS.dot(self.n, &self.x[j, 0], self.rho) - mean * weight) / self.n
        for j in range(self.p):
            for i in range(self.n):
                self.first[i] = self.d[i] * (self.x[j, i] - self.centre[j])
            for k in range(j + 1):
                self.h[j, k] = self.h[k, j] = KERNELS.dot(self.n, self.first, &self.x[k, 0]) / self.n
        for sweep in range(SMALL_SWEEPS):
            moved = 0.0
            for j in range(self.p):
                best = prox(self.z[j] + self.h[j, j] * self.b[j], self.h[j, j], alpha * self.l1, alpha * self.l2,
                            -INFINITY, INFINITY)
                delta = best - self.b[j]
                if delta != 0:
                    self.b[j] = best
                    KERNELS.axpy(self.p, -delta, &self.h[j, 0], self.z)
                    moved = max(moved, fabs(delta) * self.h[j, j])
            if moved <= SWEEP_TOLERANCE * self.longest:
                break
        return True

    cdef double _land(self) noexcept nogil:
        """trial = the scores after the step, theta = the Newton dual; return the step of the intercept."""
        cdef ptrdiff_t i, j
        cdef double total = 0.0, mean = 0.0, shift
        for i in range(self.n):
            self.trial[i] = self.b0
        for j in range(self.p):
            if self.b[j] != 0:
                KERNELS.axpy(self.n, self.b[j], &self.x[j, 0], self.trial)
        for i in range(self.n):
            self.theta[i] = self.rho[i] + self.d[i] * (self.eta[i] - self.trial[i])
            total += self.d[i]
            mean += self.theta[i]
        if not self.fit_intercept:
            return 0.0
        shift = mean / total
        for i in range(self.n):
            self.trial[i] += shift
            self.theta[i] -= shift * self.d[i]
        return shift

    cdef double _backtrack(self, double alpha, double lowest, double shift) noexcept nogil:
        """Halve the step until it leads downhill; return the step of the intercept, or NAN where none does."""
        cdef ptrdiff_t i
        cdef int halving
        for halving in range(SMALL_HALVINGS):
            shift *= 0.5
            for i in range(self.n):
                self.trial[i] = 0.5 * (self.trial[i] + self.eta[i])
            for i in range(self.p):
                self.b[i] = 0.5 * (self.b[i] + self.before[i])
            self.value = self._risk(self.trial)
            if self.value + self._penalty(alpha, self.b) < lowest:
                return shift
        return NAN

    cdef double _penalty(self, double alpha, const double* b) noexcept nogil:
        """sum_j h_j(b_j)."""
        cdef ptrdiff_t j
        cdef double value = 0.0
        for j in range(self.p):
            value += alpha * (self.l1 * fabs(b[j]) + 0.5 * self.l2 * b[j] * b[j])
        return value

    cdef double _gap(self, double alpha, double slack) noexcept nogil:
        """The duality gap at b and the scores `trial`, with the slack of theta itself."""
        cdef ptrdiff_t i, j
        cdef double scale = 1.0, value
        for j in range(self.p):
            scale = min(scale, feasible_scale(self.z[j], alpha * self.l1, alpha * self.l2, -INFINITY, INFINITY))
        if scale < 1:
            for i in range(self.n):
                self.theta[i] *= scale
            value = self._terms(self.trial, &slack)
        for j in range(self.p):
            slack += fenchel_young(self.b[j], scale * self.z[j], alpha * self.l1, alpha * self.l2, -INFINITY, INFINITY,
                                   self.h[j, j])
        return slack


def small_risk(const double[:, :] X, const double[::1] y, str loss, bint fit_intercept, double l1_ratio):
    """Return the `SmallRisk` of a small dense X."""
    return SmallRisk(X, y, SMALL_LOSSES[loss], fit_intercept, l1_ratio)
