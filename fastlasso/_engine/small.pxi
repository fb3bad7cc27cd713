# Small dense problems in two compiled calls: for thousands of fits of a few hundred values each, what Python takes to
# say the same would cost four times as much as the fit. Few columns are known by their Gram matrix (`SmallProblem`);
# of many only those that are used are, and X itself tells whether others matter (`SmallWideProblem`).


@cython.final
cdef class SmallProblem:
    """The lasso or elastic net with equal weights, no bounds and no factors, known by its Gram matrix.

    Attributes
    ----------
    y_mean, null_objective, alpha_max : float
    long_steps : bool
        Whether alphas may be far apart.
    """
    cdef ptrdiff_t p
    cdef GramProblem gram
    cdef double[::1] mean
    cdef readonly double y_mean, null_objective, alpha_max
    long_steps = True

    def solve(self, const double[::1] alphas, double target):
        """Return (columns, B, intercepts, gaps, r.r, passes over X) for descending alphas; B has a row for each.

        None where the face steps do not settle, or where rounding may hide more than a hundredth of the gap `target`.
        """
        cdef ptrdiff_t k, j, count = alphas.shape[0]
        cdef double[:, ::1] B = np.empty((count, self.p)), Q = np.empty((count, self.p))
        cdef double[:, ::1] out = np.ones((4, count))
        cdef double shift, size
        if self.gram.solve(np.zeros(self.p), INFINITY, alphas, 0, B, Q)[0] != SOLVED:
            return None
        for k in range(count):
            out[0, k], out[2, k], size = self.y_mean, self.gram.yy, 0.0
            for j in range(self.p):
                shift = self.mean[j] * B[k, j]
                out[0, k] -= shift
                size += fabs(shift)
                out[2, k] -= B[k, j] * (self.gram.c_[j] + Q[k, j])
            out[2, k] = max(out[2, k], 0.0)
            memcpy(&self.gram.q_[0], &Q[k, 0], self.p * sizeof(double))
            out[1, k] = self._rounding(alphas[k], &B[k, 0], out[2, k])
            if out[1, k] > 0.01 * target:
                return None
            out[1, k] += self.gram._gap(alphas[k], &B[k, 0]) + intercept_cost(size)
        return np.arange(self.p), B.base, *out.base

    cdef double _rounding(self, double alpha, const double* b, double rr) noexcept nogil:
        """As `Solver._gram_rounding`, for one alpha and one penalty on all columns."""
        cdef ptrdiff_t j
        cdef double size = sqrt(self.gram.yy), total = 0.0, delta = 0.0, l1 = self.gram.l1_[0]
        for j in range(self.p):
            size += sqrt(self.gram.g[j, j]) * fabs(b[j])
            total += fabs(b[j])
        if self.gram.l2_[0] == 0:
            delta = min(GRAM_ROUNDING * size * self.gram.largest / (alpha * l1), 1.0)
        return GRAM_ROUNDING * size * size + delta * alpha * l1 * total + 0.5 * delta * delta * rr


@cython.final
cdef class SmallWideProblem:
    """As `SmallProblem`, for so many columns that most are never used: they get slots of a Gram matrix as they are."""
    cdef ptrdiff_t n, p
    cdef GramProblem gram
    cdef double[:, ::1] columns         # centred, over sqrt(n); the last one is y
    cdef double[::1] mean, correlation
    cdef int64_t[::1] slots
    cdef unsigned char[::1] is_slot
    cdef double[::1] score              # how near alpha each column's correlation comes, in units of it; slots have 0
    cdef double[:, ::1] R, Z            # residuals at a few alphas, and their correlations with all columns
    cdef tuple before, last             # (alpha, correlations) where the last two batches ended, None without one
    cdef double l1, l2
    cdef readonly double y_mean, null_objective, alpha_max
    long_steps = False

    def solve(self, const double[::1] alphas, double target):
        """As `SmallProblem.solve`; each alpha is to be near the one before, and the first near alpha_max.

        A few at a time are solved on the slots. What then violates at one of them takes a slot, until nothing does.
        None where the face steps do not settle, where a gap is above `target`, or where more than SMALL_SLOTS are used.
        """
        cdef ptrdiff_t at = 0, first, stop, passes = 0, count = alphas.shape[0]
        cdef double[:, ::1] B = np.zeros((count, 2 * SMALL_ROOM)), out = np.empty((4, count))
        self._start()
        while at < count:
            stop, first = self._end_of_batch(alphas, at), at
            self._predict(alphas[stop - 1])
            self._take_in(PROMISING)
            while first < stop:
                B = self._widened(B)
                if self.gram.size > SMALL_SLOTS or not self._solve_slots(alphas[:stop], first, B):
                    return None
                with nogil:
                    self._look(B, first, stop, at)
                passes += 1
                first = self._first_violated(alphas, first, stop, at)
                self._take_in(1 + VIOLATION)
            self._report(alphas, B, at, stop, passes, out)
            if not np.all(out.base[1, at:stop] <= target):
                return None
            self.before, self.last = self.last, (alphas[stop - 1], self.Z.base[stop - 1 - at].copy())
            PyErr_CheckSignals()
            at = stop
        return self.slots.base[:self.gram.size], B.base[:, :self.gram.size], *out.base

    cdef _start(self):
        self.gram = GramProblem(2 * SMALL_ROOM)
        self.gram.yy = 2 * self.null_objective
        self.slots, self.score, self.is_slot = np.empty(self.p, np.int64), np.empty(self.p), np.zeros(self.p, np.uint8)
        self.R, self.Z = np.empty((SMALL_BATCH, self.n)), np.empty((SMALL_BATCH, self.p))
        self.before, self.last = None, (self.alpha_max, self.correlation.base)

    cdef ptrdiff_t _end_of_batch(self, const double[::1] alphas, ptrdiff_t at) noexcept nogil:
        """After SMALL_BATCH alphas, or where they become much smaller than the first."""
        cdef ptrdiff_t stop = at + 1
        while stop < min(at + SMALL_BATCH, alphas.shape[0]) and alphas[stop] > SMALL_REACH * alphas[at]:
            stop += 1
        return stop

    cdef _predict(self, double alpha):
        """Score all columns by their correlations at alpha: on the secant through two ends, or by the strong rule."""
        cdef ptrdiff_t j
        cdef double here, there, step = 0.0, reach = self.last[0] - alpha
        cdef const double[::1] last = self.last[1], before = last
        if self.before is not None:
            (there, before), here = self.before, self.last[0]
            step, reach = (alpha - here) / (here - there) if here < there else 0.0, 0.0
        for j in range(self.p):
            self.score[j] = (fabs(last[j] + step * (last[j] - before[j])) / self.l1 + reach) / alpha

    cdef _take_in(self, double bar):
        """Give slots to the columns that score more than `bar`, the best ones if they are many."""
        cdef ptrdiff_t a, t, m = self.gram.size, room = max(SMALL_ROOM, m // 2)
        cdef double[:, ::1] rows
        score = self.score.base
        score[self.slots.base[:m]] = 0.0
        new = np.flatnonzero(score > bar)
        if len(new) > room:
            new = np.sort(new[np.argpartition(score[new], len(new) - room)[-room:]])
        t = len(new)
        if t == 0:
            return
        self.slots.base[m:m + t], self.is_slot.base[new], rows = new, True, np.zeros((t, m + t))
        for a in range(t):
            KERNELS.dots_f64(&self.columns[0, 0], self.n, &self.slots[0], m + t, &self.columns[self.slots[m + a], 0],
                             self.n, 1, self.n, &rows[a, 0], 1, m + t)
        penalty = np.repeat([[self.l1], [self.l2], [-INFINITY], [INFINITY]], t, axis=1)
        self.gram.extend(rows.base, self.correlation.base[new], *penalty)

    cdef _widened(self, double[:, ::1] B):
        """B with room for all slots."""
        cdef ptrdiff_t used = B.shape[1]
        if used >= self.gram.size:
            return B
        wider = np.zeros((B.shape[0], self.gram.size + self.gram.size // 2))
        wider[:, :used] = B
        return wider

    cdef bint _solve_slots(self, const double[::1] alphas, ptrdiff_t first, double[:, ::1] B):
        """Solve alphas[first:] on the slots, from the solution before; whether the face settled."""
        cdef ptrdiff_t m = self.gram.size
        before = B.base[first - 1, :m].copy() if first else np.zeros(m)
        status, _ = self.gram.solve(before, alphas[first - 1] if first else INFINITY, alphas, first, B)
        return status == SOLVED

    cdef void _look(self, const double[:, ::1] B, ptrdiff_t first, ptrdiff_t stop, ptrdiff_t at) noexcept nogil:
        """R[k - at] = y - X B[k] and Z[k - at] = X'R[k - at] for first <= k < stop."""
        cdef ptrdiff_t k, i, rows = stop - first
        for k in range(first - at, stop - at):
            for i in range(self.n):
                self.R[k, i] = -self.columns[self.p, i]
        KERNELS.combine_f64(&self.columns[0, 0], self.n, &self.slots[0], self.gram.size, &B[first, 0], 1, B.shape[1],
                            rows, self.n, &self.R[first - at, 0], self.n)
        for k in range(first - at, stop - at):
            for i in range(self.n):
                self.R[k, i] = -self.R[k, i]
        memset(&self.Z[first - at, 0], 0, rows * self.p * sizeof(double))
        KERNELS.dots_f64(&self.columns[0, 0], self.n, NULL, self.p, &self.R[first - at, 0], self.n, rows, self.n,
                         &self.Z[first - at, 0], 1, self.p)

    cdef ptrdiff_t _first_violated(self, const double[::1] alphas, ptrdiff_t first, ptrdiff_t stop, ptrdiff_t at):
        """Score columns without a slot by their largest |z_j| / (alpha l1); return the first k that one violates."""
        cdef ptrdiff_t k, s, found = stop
        memset(&self.score[0], 0, self.p * sizeof(double))
        for k in range(first, stop):
            raise_to(&self.score[0], &self.Z[k - at, 0], 1 / (alphas[k] * self.l1), self.p)
            for s in range(self.gram.size):
                self.score[self.slots[s]] = 0.0
            if found == stop and any_above(&self.score[0], 1 + VIOLATION, self.p):
                found = k
        return found

    cdef void _report(self, const double[::1] alphas, const double[:, ::1] B, ptrdiff_t at, ptrdiff_t stop,
                      ptrdiff_t passes, double[:, ::1] out) noexcept nogil:
        """Write intercept, gap, r.r and passes for at <= k < stop."""
        cdef ptrdiff_t k, s
        cdef double shift, size
        for k in range(at, stop):
            out[0, k], out[3, k], size = self.y_mean, passes, 0.0
            for s in range(self.gram.size):
                shift = self.mean[self.slots[s]] * B[k, s]
                out[0, k] -= shift
                size += fabs(shift)
            out[2, k] = KERNELS.dot(self.n, &self.R[k - at, 0], &self.R[k - at, 0])
            out[1, k] = self._gap(alphas[k], &B[k, 0], &self.Z[k - at, 0], out[2, k]) + intercept_cost(size)

    cdef double _gap(self, double alpha, const double* b, const double* z, double rr) noexcept nogil:
        """As `dual_gaps`, b by slot. Without a ridge part a column without a slot adds nothing."""
        cdef ptrdiff_t j, s
        cdef double scale = 1.0, gap, a1 = alpha * self.l1, a2 = alpha * self.l2
        if a2 == 0:
            scale = feasible_scale(largest(z, self.p), a1, a2, -INFINITY, INFINITY)
        gap = 0.5 * (1 - scale) * (1 - scale) * rr
        for s in range(self.gram.size):
            j = self.slots[s]
            gap += fenchel_young(b[s], scale * z[j], a1, a2, -INFINITY, INFINITY, 1.0)
        if a2 > 0:
            for j in range(self.p):
                if fabs(z[j]) > a1 and not self.is_slot[j]:
                    gap += fenchel_young(0.0, z[j], a1, a2, -INFINITY, INFINITY, 1.0)
        return gap


cdef inline double intercept_cost(double size) noexcept nogil:
    """As `Problem.intercept_costs`, where `size` is |mean|.|b|."""
    return 0.5 * (EPSILON * size) * (EPSILON * size)


cdef void raise_to(double* score, const double* z, double unit, ptrdiff_t p) noexcept nogil:
    """score_j <- max(score_j, |z_j| unit)"""
    cdef ptrdiff_t j
    cdef double value
    for j in range(p):
        value = fabs(z[j]) * unit
        score[j] = value if value > score[j] else score[j]


cdef bint any_above(const double* values, double bar, ptrdiff_t p) noexcept nogil:
    cdef ptrdiff_t j
    cdef int64_t count = 0
    for j in range(p):
        count += values[j] > bar
    return count > 0


cdef double largest(const double* z, ptrdiff_t p) noexcept nogil:
    """max |z_j|, in four chains (see `total`)."""
    cdef ptrdiff_t j, whole = p - p % 4
    cdef double a = 0.0, b = 0.0, c = 0.0, d = 0.0
    for j in range(0, whole, 4):
        a, b, c, d = max(a, fabs(z[j])), max(b, fabs(z[j + 1])), max(c, fabs(z[j + 2])), max(d, fabs(z[j + 3]))
    for j in range(whole, p):
        a = max(a, fabs(z[j]))
    return max(max(a, b), max(c, d))


def small_problem(const real[:, :] X, const double[::1] y, bint fit_intercept, double l1_ratio, bint few):
    """Return X and y as a small problem of `few` columns or more.

    None where y is constant or too small, a column nearly constant, or something not finite.
    """
    cdef ptrdiff_t i, j, n = X.shape[0], p = X.shape[1]
    cdef double[:, ::1] columns = np.empty((p + 1, n))
    cdef double[::1] mean = np.empty(p + 1)
    for i in range(n):
        columns[p, i] = y[i]
    for j in range(p):
        for i in range(n):
            columns[j, i] = X[i, j]
    for j in range(p + 1):
        if not centred(&columns[j, 0], n, fit_intercept, &mean[j]) and (j == p or not is_zero(&columns[j, 0], n)):
            return None
    if not KERNELS.dot(n, &columns[p, 0], &columns[p, 0]) > 2 * SMALLEST_SQUARE:
        return None
    return summed_up(columns, mean, l1_ratio) if few else wide(columns, mean, l1_ratio)


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


cdef bint is_zero(const double* x, ptrdiff_t n) noexcept nogil:
    """Whether nothing is left of a column, which then never enters."""
    cdef ptrdiff_t i
    for i in range(n):
        if x[i] != 0:
            return False
    return True


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
    gram.size, problem.p, problem.gram, problem.mean = p, p, gram, mean
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


cdef wide(double[:, ::1] columns, double[::1] mean, double l1_ratio):
    cdef SmallWideProblem problem = SmallWideProblem.__new__(SmallWideProblem)
    cdef ptrdiff_t p = columns.shape[0] - 1, n = columns.shape[1]
    problem.p, problem.n, problem.columns, problem.mean = p, n, columns, mean
    problem.l1, problem.l2 = l1_ratio, 1 - l1_ratio
    problem.correlation = np.zeros(p)
    KERNELS.dots_f64(&columns[0, 0], n, NULL, p, &columns[p, 0], n, 1, n, &problem.correlation[0], 1, p)
    problem.alpha_max = largest(&problem.correlation[0], p) / l1_ratio
    problem.y_mean, problem.null_objective = mean[p], 0.5 * KERNELS.dot(n, &columns[p, 0], &columns[p, 0])
    return problem
