# Newton's method for small dense problems with few columns: all columns are in the working set, and every step has a
# Gram matrix of its own, H = X' diag(d) X / n, centred with the weights d. A fit of a hundred samples and ten features
# takes 70 us here, and the general way a hundred times as long.

cdef enum:
    # Newton steps for one alpha, at most.
    SMALL_STEPS = 50
    # Sweeps over all models of one alpha, at most.
    SMALL_SWEEPS = 2000
    # Sweeps between two exact steps on the columns in use.
    SWEEPS_AT_ONCE = 4
    # Halvings of a step that leads uphill.
    SMALL_HALVINGS = 30
    # Steps with the H of the step before, at most, once the gap is small enough.
    LAST_STEPS = 3

# Sweeps end where no coordinate moves the model by more than this share of the largest |x_j| |rho|.
cdef double SWEEP_TOLERANCE = 1e-13
# An objective may rise by this share of P(0): rounding.
cdef double RISE = 1e-13
# The last steps end at a gap of this share of P(0): coefficients are right to eight digits then, so that weights and
# repeated rows agree. The last steps take about a quarter of a fit of 100 x 10.
cdef double LAST_GAP = 1e-16
# Columns whose part of H leaves a smaller pivot, relative to their own, depend on each other.
cdef double SMALLEST_PIVOT = 1e-12
# A column whose variance is below this share of its squared mean is left to the general way.
cdef double NEARLY_CONSTANT = 1e-12

cdef bint solve_positive(double[:, ::1] factor, ptrdiff_t m, vector v) noexcept nogil:
    """v = A^-1 v for a symmetric A, whose lower triangle becomes its Cholesky factor; return whether A is positive.

    Where it is not, v becomes a u with A u = 0 and u'v >= 0: the first column that depends on those before, less what
    they have of it.
    """
    cdef ptrdiff_t i, k
    cdef double size, slope
    for i in range(m):
        size = factor[i, i]
        for k in range(i):
            factor[i, k] = (factor[i, k] - KERNELS.dot(k, &factor[i, 0], &factor[k, 0])) / factor[k, k]
        factor[i, i] -= KERNELS.dot(i, &factor[i, 0], &factor[i, 0])
        slope = v[i] - KERNELS.dot(i, &factor[i, 0], v)
        if not factor[i, i] > SMALLEST_PIVOT * size:
            v[i] = 1.0 if slope >= 0 else -1.0
            for k in range(i):
                v[k] = -v[i] * factor[i, k]
            for k in range(i + 1, m):
                v[k] = 0.0
            solve_transposed(factor, i, v)
            return False
        factor[i, i] = sqrt(factor[i, i])
        v[i] = slope / factor[i, i]
    solve_transposed(factor, m, v)
    return True


cdef void solve_transposed(double[:, ::1] factor, ptrdiff_t m, vector v) noexcept nogil:
    """v = L'^-1 v for the lower triangle L of the first m rows."""
    cdef ptrdiff_t i
    for i in range(m - 1, -1, -1):
        v[i] /= factor[i, i]
        KERNELS.axpy(i, -v[i], &factor[i, 0], v)


@cython.final
cdef class SmallRisk(SmallLoss):
    """A loss on a small dense X, a penalty, and the last solution.

    Attributes
    ----------
    null_objective, null_intercept, alpha_max : float
    sound : bool
        Whether all columns vary and no sum overflows.

    Notes
    -----
    Sums over samples are weighted means. A column that nothing penalises is never certified.
    """
    cdef ptrdiff_t p
    cdef readonly bint sound
    cdef bint fit_intercept
    cdef readonly double null_objective, null_intercept, alpha_max
    cdef double longest
    # X by columns, less the means; H; a factor of its part on the columns in use, which `used` lists.
    cdef double[:, ::1] x, h, factor
    cdef ptrdiff_t[::1] used
    # By sample: curvatures, the same times the weights, scores of a trial.
    cdef double[:, ::1] rows
    cdef vector d, w_d, trial
    # By column: means, means with the weights w d, coefficients, those before a step, gradient, penalty, bounds, step.
    cdef double[:, ::1] columns
    cdef vector mean, centre, b, before, z, l1, l2, lower, upper, move
    cdef double b0, value, curvature
    cdef int sweeps

    def __cinit__(self, const double[:, :] X, const double[:] y, const double[:] weights, int kind,
                  bint fit_intercept, const double[:] offset, double null_intercept, const double[:, ::1] penalty):
        cdef ptrdiff_t i, j
        self._take(kind, y, weights, offset)
        self.p, self.fit_intercept = X.shape[1], fit_intercept
        self.x, self.h, self.factor = (np.empty((self.p, width)) for width in (self.n, self.p, self.p))
        self.used = np.empty(self.p, np.intp)
        self.rows, self.columns = np.zeros((3, self.n)), np.zeros((10, self.p))
        self.d, self.w_d, self.trial = &self.rows[0, 0], &self.rows[1, 0], &self.rows[2, 0]
        self.mean, self.centre, self.b = &self.columns[0, 0], &self.columns[1, 0], &self.columns[2, 0]
        self.before, self.z = &self.columns[3, 0], &self.columns[4, 0]
        self.l1, self.l2, self.lower, self.upper = (&self.columns[5, 0], &self.columns[6, 0], &self.columns[7, 0],
                                                    &self.columns[8, 0])
        self.move = &self.columns[9, 0]
        memcpy(self.l1, &penalty[0, 0], 4 * self.p * sizeof(double))
        for j in range(self.p):
            for i in range(self.n):
                self.x[j, i] = X[i, j]
            self.mean[j] = KERNELS.dot(self.n, &self.x[j, 0], self.w) if fit_intercept else 0.0
            for i in range(self.n):
                self.x[j, i] -= self.mean[j]
        self.null_intercept = null_intercept
        if null_intercept != null_intercept:
            self.null_intercept = self._mean_score() if fit_intercept else 0.0
        self._start()

    cdef void _start(self) noexcept nogil:
        """Set the empty model, P(0) and alpha_max; a bad X or y leaves NaN or infinity there."""
        cdef ptrdiff_t i, j
        cdef double norm
        self._empty()
        self.null_objective = self.value
        self._local(self.d)
        self.alpha_max, self.longest, self.sound = 0.0, 0.0, True
        for j in range(self.p):
            self.alpha_max = max(self.alpha_max, fabs(KERNELS.dot(self.n, &self.x[j, 0], self.w_rho)) / self.l1[j])
            norm = self._mean_square(&self.x[j, 0])
            if not norm >= NEARLY_CONSTANT * self.mean[j] * self.mean[j]:
                self.sound = False      # constant but for rounding, or NaN
            self.longest = max(self.longest, norm)
        self.sound = self.sound and isfinite(self.longest) and isfinite(self.null_objective)
        self.longest = sqrt(self.longest * self._mean_square(self.rho))

    cdef void _empty(self) noexcept nogil:
        """Go to the empty model."""
        cdef ptrdiff_t i
        self.b0 = self.null_intercept
        for i in range(self.p):
            self.b[i] = 0.0
        for i in range(self.n):
            self.eta[i] = self.b0 + self.offset[i]
        self.value = self._risk(self.eta)

    # ------------------------------------------------------------ alphas

    def solve(self, const double[::1] alphas, double target, bint keep_scores=False):
        """Solve descending alphas until a gap stays above `target`.

        Returns
        -------
        count : int
            How many alphas are solved.
        B : ndarray of shape (n_alphas, p)
        figures : ndarray of shape (4, n_alphas)
            Intercepts at the mean of X and at 0, gaps, F.
        scores : ndarray of shape (n_alphas, n), or None
        """
        cdef ptrdiff_t k, solved = 0, count = alphas.shape[0]
        cdef double[:, ::1] B = np.empty((count, self.p)), out = np.empty((4, count)), scores
        scores = np.empty((count if keep_scores else 1, self.n))
        with nogil:
            for k in range(count):
                out[2, k] = self._solve_at(alphas[k], target)
                if not out[2, k] <= target:
                    self._empty()
                    break
                solved = k + 1
                memcpy(&B[k, 0], self.b, self.p * sizeof(double))
                with gil:
                    PyErr_CheckSignals()
                out[0, k], out[1, k] = self.b0, self.b0 - KERNELS.dot(self.p, self.mean, self.b)
                out[3, k] = self.value
                if keep_scores:
                    memcpy(&scores[k, 0], self.eta, self.n * sizeof(double))
        return solved, B.base, out.base, scores.base if keep_scores else None

    def present(self):
        """Return (scores, dual point, its products with X) of the last solution."""
        return np.array(self.samples[3]), np.array(self.samples[6]), np.array(self.columns[4])

    cdef double _solve_at(self, double alpha, double target) noexcept nogil:
        """Take Newton steps until the gap is at most `target`, and a few last ones; return the gap."""
        cdef int step, last = 0
        cdef double gap = INFINITY, lowest = self.value + self._penalty(alpha, self.b), objective, shift, slack
        self.sweeps = 0
        for step in range(SMALL_STEPS):
            if self.sweeps >= SMALL_SWEEPS:
                return INFINITY
            memcpy(self.before, self.b, self.p * sizeof(double))
            if not self._model(gap > target):
                return INFINITY
            self._minimise(alpha)
            shift = self._land()
            self.value = self._terms(self.trial, &slack)
            gap = self._gap(alpha, slack)
            objective = self.value + self._penalty(alpha, self.b)
            if gap > target and not objective <= lowest + RISE * self.null_objective:
                shift, objective = self._backtrack(alpha, lowest, shift), lowest
            self.b0 += shift
            memcpy(self.eta, self.trial, self.n * sizeof(double))
            if shift != shift or (gap <= target and (last == LAST_STEPS or gap <= LAST_GAP * self.null_objective)):
                return gap
            last = min(LAST_STEPS, last + (gap <= target))
            lowest = min(lowest, objective)
        return gap

    cdef bint _model(self, bint fresh) noexcept nogil:
        """Form the gradient at eta, and H there or keep that of an earlier eta; return whether there is curvature."""
        cdef ptrdiff_t i, j, k
        cdef double mean = 0.0, weight
        self._local(self.d if fresh else self.first)
        if fresh:
            self.curvature = 0.0
            for i in range(self.n):
                self.w_d[i] = weighted(self.w[i], self.d[i])
                self.curvature += self.w_d[i]
        if not self.curvature > 0:
            return False
        for i in range(self.n):
            mean += self.w_rho[i]
        mean = mean / self.curvature if self.fit_intercept else 0.0
        for j in range(self.p):
            weight = KERNELS.dot(self.n, &self.x[j, 0], self.w_d)
            self.centre[j] = weight / self.curvature if self.fit_intercept else 0.0
            self.z[j] = KERNELS.dot(self.n, &self.x[j, 0], self.w_rho) - mean * weight
        for j in range(self.p if fresh else 0):
            for i in range(self.n):
                self.first[i] = self.w_d[i] * (self.x[j, i] - self.centre[j])
            for k in range(j + 1):
                self.h[j, k] = self.h[k, j] = KERNELS.dot(self.n, self.first, &self.x[k, 0])
        return True

    cdef void _minimise(self, double alpha) noexcept nogil:
        """Minimise the model by coordinate descent and exact steps on the columns in use; z becomes X'theta."""
        cdef int sweep = 0
        while self.sweeps < SMALL_SWEEPS:
            self.sweeps += 1
            if self._sweep(alpha) <= SWEEP_TOLERANCE * self.longest:
                break
            sweep += 1
            if sweep % SWEEPS_AT_ONCE == 0:
                while self._face_step(alpha) >= 0:
                    pass

    cdef double _sweep(self, double alpha) noexcept nogil:
        """Minimise the model in one coordinate after another; return the largest change of a gradient by its own."""
        cdef ptrdiff_t j
        cdef double moved = 0.0, best, delta
        for j in range(self.p):
            best = prox(self.z[j] + self.h[j, j] * self.b[j], self.h[j, j], alpha * self.l1[j], alpha * self.l2[j],
                        self.lower[j], self.upper[j])
            delta = best - self.b[j]
            if delta != 0:
                self.b[j] = best
                KERNELS.axpy(self.p, -delta, &self.h[j, 0], self.z)
                moved = max(moved, fabs(delta) * self.h[j, j])
        return moved

    cdef ptrdiff_t _face_step(self, double alpha) noexcept nogil:
        """Step towards the minimiser of the model with the signs of b, up to the first zero or bound.

        Where columns in use depend on each other, the step is one along which the model is linear, downhill.
        Return the column that came to rest there, or -1 where there was none or no step.
        """
        cdef ptrdiff_t i, j, k, m = 0, first = -1
        cdef double share, end, rest = 0.0
        for j in range(self.p):
            if self.b[j] != 0 and self.lower[j] < self.b[j] < self.upper[j]:
                self.used[m] = j
                m += 1
        for i in range(m):
            j = self.used[i]
            for k in range(i + 1):
                self.factor[i, k] = self.h[j, self.used[k]]
            self.factor[i, i] += alpha * self.l2[j]
            self.move[i] = self.z[j] - alpha * (copysign(self.l1[j], self.b[j]) + self.l2[j] * self.b[j])
        share = 1.0 if solve_positive(self.factor, m, self.move) else INFINITY
        for i in range(m):
            j = self.used[i]
            end = self.upper[j] if self.move[i] > 0 else self.lower[j]
            if self.l1[j] > 0 and self.b[j] * self.move[i] < 0:
                end = 0.0
            if fabs(self.move[i]) * share > fabs(end - self.b[j]):
                share, first, rest = (end - self.b[j]) / self.move[i], j, end
        if not share < INFINITY:
            return -1
        for i in range(m):
            j = self.used[i]
            self.b[j] += share * self.move[i]
            KERNELS.axpy(self.p, -share * self.move[i], &self.h[j, 0], self.z)
        if first >= 0:
            self.b[first] = rest
        return first

    cdef double _land(self) noexcept nogil:
        """trial = the scores after the step, theta = the Newton dual; return the step of the intercept."""
        cdef ptrdiff_t i, j
        cdef double mean = 0.0, shift
        for i in range(self.n):
            self.trial[i] = self.b0 + self.offset[i]
        for j in range(self.p):
            if self.b[j] != 0:
                KERNELS.axpy(self.n, self.b[j], &self.x[j, 0], self.trial)
        for i in range(self.n):
            self.theta[i] = self.rho[i] + self.d[i] * (self.eta[i] - self.trial[i])
            mean += weighted(self.w[i], self.theta[i])
        if not self.fit_intercept:
            return 0.0
        shift = mean / self.curvature
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
            value += alpha * (self.l1[j] * fabs(b[j]) + 0.5 * self.l2[j] * b[j] * b[j])
        return value

    cdef double _gap(self, double alpha, double slack) noexcept nogil:
        """The duality gap at b and the scores `trial`, with the slack of theta itself."""
        cdef ptrdiff_t i, j
        cdef double scale = 1.0, value
        for j in range(self.p):
            scale = min(scale, feasible_scale(self.z[j], alpha * self.l1[j], alpha * self.l2[j], self.lower[j],
                                              self.upper[j]))
        if scale < 1:
            for i in range(self.n):
                self.theta[i] *= scale
            value = self._terms(self.trial, &slack)
        for j in range(self.p):
            slack += fenchel_young(self.b[j], scale * self.z[j], alpha * self.l1[j], alpha * self.l2[j], self.lower[j],
                                   self.upper[j], self.h[j, j])
        return slack


def small_risk(X, y, weights, str loss, bint fit_intercept, double l1_ratio):
    """Return the `SmallRisk` of a small dense X without offset under an elastic net; see `small_risk_of`."""
    penalty = np.empty((4, X.shape[1]))
    penalty[0], penalty[1], penalty[2], penalty[3] = l1_ratio, 1 - l1_ratio, -INFINITY, INFINITY
    return SmallRisk(X, y, weights, SMALL_LOSSES[loss], fit_intercept, None, NAN, penalty)


def small_risk_of(X, y, weights, str loss, bint fit_intercept, offset, double null_intercept, penalty):
    """Return the `SmallRisk` of a small dense X.

    `weights` sum to one, None stands for equal ones; an offset of None is 0. `penalty` has the rows l1, l2, lower and
    upper.
    """
    return SmallRisk(X, y, weights, SMALL_LOSSES[loss], fit_intercept, offset, null_intercept, penalty)
