# Small dense problems in two compiled calls: for thousands of fits of a few hundred values each, what Python takes to
# say the same would cost four times as much as the fit.


@cython.final
cdef class SmallProblem:
    """The lasso or elastic net with equal weights, no bounds and no factors, known by its Gram matrix.

    Attributes
    ----------
    y_mean, null_objective, alpha_max : float
    """
    cdef ptrdiff_t n, p
    cdef GramProblem gram
    cdef double[::1] mean
    cdef readonly double y_mean, null_objective, alpha_max

    def solve(self, const double[::1] alphas, double target):
        """Return (B, intercepts, gaps, r.r) for descending alphas.

        None where the face steps do not settle, or where rounding may hide more than a hundredth of the gap `target`.
        """
        cdef ptrdiff_t k, j, count = alphas.shape[0]
        cdef double[:, ::1] B = np.empty((count, self.p)), Q = np.empty((count, self.p))
        cdef double[:, ::1] out = np.empty((3, count))
        if self.gram.solve(np.zeros(self.p), INFINITY, alphas, 0, B, Q)[0] != SOLVED:
            return None
        for k in range(count):
            out[0, k], out[2, k] = self.y_mean, self.gram.yy
            for j in range(self.p):
                out[0, k] -= self.mean[j] * B[k, j]
                out[2, k] -= B[k, j] * (self.gram.c_[j] + Q[k, j])
            out[2, k] = max(out[2, k], 0.0)
            memcpy(&self.gram.q_[0], &Q[k, 0], self.p * sizeof(double))
            out[1, k] = self._rounding(alphas[k], &B[k, 0], out[2, k])
            if out[1, k] > 0.01 * target:
                return None
            out[1, k] += self.gram._gap(alphas[k], &B[k, 0])
        return B.base, *out.base

    cdef double _rounding(self, double alpha, const double* b, double rr) noexcept nogil:
        """As `Solver._gram_rounding`, for one alpha and one penalty on all columns."""
        cdef ptrdiff_t j
        cdef double size = sqrt(self.gram.yy), total = 0.0, delta = 0.0, l1 = self.gram.l1_[0]
        for j in range(self.p):
            size += sqrt(self.gram.g[j, j]) * fabs(b[j])
            total += fabs(b[j])
        if self.gram.l2_[0] == 0:
            delta = GRAM_ROUNDING * size * self.gram.largest / (alpha * l1)
        return GRAM_ROUNDING * size * size + delta * alpha * l1 * total + 0.5 * delta * delta * rr


def small_problem(const real[:, :] X, const double[::1] y, bint fit_intercept, double l1_ratio):
    """Return the `SmallProblem` of X and y, or None where a column or y is constant or something is not finite."""
    cdef ptrdiff_t i, j, n = X.shape[0], p = X.shape[1]
    cdef double[:, ::1] columns = np.empty((p + 1, n))
    cdef double[::1] mean = np.empty(p + 1)
    for i in range(n):
        columns[p, i] = y[i]
    for j in range(p):
        for i in range(n):
            columns[j, i] = X[i, j]
    for j in range(p + 1):
        if not centred(&columns[j, 0], n, fit_intercept, &mean[j]):
            return None
    return summed_up(columns, mean, l1_ratio)


cdef bint centred(double* x, ptrdiff_t n, bint fit_intercept, double* mean) noexcept nogil:
    """x <- (x - mean) / sqrt(n); whether anything finite is left of it. The mean is taken about the first value."""
    cdef ptrdiff_t i, k
    cdef double first = x[0], spread = 0.0, rest, shift, scale = 1 / sqrt(<double> n)
    mean[0] = 0.0
    if fit_intercept:
        mean[0] = first
        for i in range(n):
            x[i] -= first
        spread = KERNELS.dot(n, x, x)
        for k in range(2):      # a second round takes off what rounding left
            shift = total(x, n) / n
            mean[0] += shift
            for i in range(n):
                x[i] -= shift
    for i in range(n):
        x[i] *= scale
    rest = KERNELS.dot(n, x, x)
    return isfinite(rest) and rest > SMALLEST_SQUARE and rest > 1e-14 * spread * scale * scale


cdef double total(const double* x, ptrdiff_t n) noexcept nogil:
    """Sum of x, in four chains: one alone waits four cycles for each addition."""
    cdef ptrdiff_t i, whole = n - n % 4
    cdef double a = 0.0, b = 0.0, c = 0.0, d = 0.0
    for i in range(0, whole, 4):
        a, b, c, d = a + x[i], b + x[i + 1], c + x[i + 2], d + x[i + 3]
    for i in range(whole, n):
        a += x[i]
    return (a + b) + (c + d)


cdef summed_up(double[:, ::1] columns, double[::1] mean, double l1_ratio):
    cdef ptrdiff_t j, p = columns.shape[0] - 1, n = columns.shape[1]
    cdef double* y = &columns[p, 0]
    cdef SmallProblem problem = SmallProblem.__new__(SmallProblem)
    cdef GramProblem gram = GramProblem(p)
    gram.size, problem.n, problem.p, problem.gram, problem.mean = p, n, p, gram, mean
    gram.yy = KERNELS.dot(n, y, y)
    memset(&gram.g[0, 0], 0, p * p * sizeof(double))
    KERNELS.dots_f64(&columns[0, 0], n, NULL, p, &columns[0, 0], n, p, n, &gram.g[0, 0], p, 1)
    problem.alpha_max = 0.0
    for j in range(p):
        gram.c_[j] = KERNELS.dot(n, &columns[j, 0], y)
        problem.alpha_max = max(problem.alpha_max, fabs(gram.c_[j]) / l1_ratio)
        gram.l1_[j], gram.l2_[j], gram.lower_[j], gram.upper_[j] = l1_ratio, 1 - l1_ratio, -INFINITY, INFINITY
        gram.b_[j] = gram.q_[j] = gram.sign_[j] = 0.0
        gram.place[j], gram.parked[j] = -1, 0
    gram._note(0)
    problem.y_mean, problem.null_objective = mean[p], 0.5 * gram.yy
    return problem
