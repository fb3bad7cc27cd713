# A second solver, for small problems. A fit of a hundred samples and ten features takes 19 us with it. The general way
# spends four times as long in Python alone.
#
# Small dense problems are solved in two compiled calls: `small_problem` reads X, and `solve` solves. A problem of few
# columns is known by its Gram matrix (`SmallProblem`). Of many columns only those in use enter the working set, and X
# itself tells whether others violate (`SmallWideProblem`).

cdef enum:
    # This many alphas are solved on the working set before all columns are checked.
    SMALL_BATCH = 8
    # At most this many columns enter the working set at once, or half as many as it has if that is more.
    SMALL_ROOM = 32
    # The working set has at most this many columns. At 290 this way still pays for an elastic net, whose factor is made
    # anew for each alpha.
    SMALL_SLOTS = 320

# The unit of rounding of a double.
cdef double EPSILON = 2.0 ** -52
# Rounding moves the correlation c_j - (G b)_j by at most this times |x_j| (|y| + sum_k |x_k b_k|).
cdef double GRAM_ROUNDING = 8.9e-16
# Rounding may hide at most this share of the gap that is asked for.
cdef double TRUSTED_SHARE = 0.01
# A correlation violates if it exceeds alpha l1 by more than this, relatively.
cdef double VIOLATION = 1e-10
# The alphas of a batch are larger than this share of its first one.
cdef double SMALL_REACH = 0.6
# A column enters the working set if its correlation is predicted to exceed this share of alpha l1.
cdef double PROMISING = 0.95
# A sum of squares below this has lost digits to underflow.
cdef double SMALLEST_SQUARE = 1e-292
# A column counts as constant if centring leaves at most this share of its squares.
cdef double CONSTANT_SHARE = 1e-14


@cython.final
cdef class SmallProblem:
    """The lasso or elastic net with equal weights, no bounds and no penalty factors, known by its Gram matrix.

    Attributes
    ----------
    y_mean, null_objective, alpha_max : float
    long_steps : bool
        Whether alphas may be far apart.
    """
    cdef ptrdiff_t p
    cdef GramProblem gram
    # The memory of `mean`, which has the mean of each column, and that of y as its last value.
    cdef double[::1] memory
    cdef vector mean
    cdef readonly double y_mean, null_objective, alpha_max
    long_steps = True

    def solve(self, const double[::1] alphas, double target):
        """Return (columns, B, figures) for descending alphas.

        B has a row for each alpha, and `figures` a column: intercept, gap, r.r and passes over X. `columns` is None,
        which stands for all. Return None where the face steps do not settle, or where rounding may hide more than
        TRUSTED_SHARE of the gap `target`.
        """
        cdef ptrdiff_t k, count = alphas.shape[0]
        cdef double[:, ::1] rows = np.empty((count, self.p + 4))
        cdef double here = INFINITY
        with nogil:
            memset(self.gram.b, 0, self.p * sizeof(double))
            self.gram.put_face(self.gram.b, here)
            for k in range(count):
                if self.gram.go_to(here, alphas[k]) != SOLVED or not self._report(alphas[k], &rows[k, 0], target):
                    with gil:
                        return None
                here = alphas[k]
        return None, rows.base[:, :self.p], rows.base[:, self.p:].T

    cdef bint _report(self, double alpha, double* row, double target) noexcept nogil:
        """Write b, intercept, gap, r.r and passes to a row; return whether rounding hides little of the gap."""
        cdef double* b = self.gram.b
        cdef double cost, norm2, rounding
        self.gram.correlate_all()
        memcpy(row, b, self.p * sizeof(double))
        row[self.p] = intercept(self.y_mean, self.mean, NULL, b, self.p, &cost)
        row[self.p + 2] = norm2 = self.gram.residual_norm2(b)
        rounding = self._rounding(alpha, b, norm2)
        row[self.p + 1] = rounding + (self.gram.gap_at(alpha, b, norm2) + cost)
        row[self.p + 3] = 1.0
        return rounding <= TRUSTED_SHARE * target

    cdef double _rounding(self, double alpha, const double* b, double norm2) noexcept nogil:
        """Return what rounding of G and q = c - G b may hide in the gap.

        With S = |y| + sum_j |x_j b_j| it moves q_j by at most e_j = GRAM_ROUNDING |x_j| S, so that sum_j b_j q_j and
        |r|^2 move by GRAM_ROUNDING S^2 together. Without a ridge part the dual point must also shrink by the share
        delta = max_j e_j / (alpha l1), at most 1, to stay feasible.
        """
        cdef ptrdiff_t j
        cdef double size = sqrt(self.gram.y_norm2), total = 0.0, delta = 0.0, l1 = self.gram.l1[0]
        for j in range(self.p):
            size += sqrt(self.gram.g[j, j]) * fabs(b[j])
            total += fabs(b[j])
        if self.gram.l2[0] == 0:
            delta = min(GRAM_ROUNDING * size * self.gram.longest / (alpha * l1), 1.0)
        return GRAM_ROUNDING * size * size + delta * alpha * l1 * total + 0.5 * delta * delta * norm2


@cython.final
cdef class SmallWideProblem:
    """As `SmallProblem`, for so many columns that most are never used; a column gets a slot when it is."""
    cdef ptrdiff_t n, p
    cdef GramProblem gram
    # The memory of the columns of X, then y, one after another, centred and divided by sqrt(n), and of their means.
    cdef double[::1] memory
    cdef vector columns, mean
    cdef double[::1] correlation_y
    # The column of each slot, and whether a column has a slot.
    cdef int64_t[::1] slots
    cdef unsigned char[::1] has_slot
    # The |correlation| of each column as a share of alpha l1; 0 for columns with a slot.
    cdef double[::1] score
    # Residuals at the alphas of a batch, and their correlations with all columns.
    cdef double[:, ::1] R, Z
    # (alpha, correlations) where the last two batches ended; None without one.
    cdef tuple before, last
    cdef double l1, l2
    cdef readonly double y_mean, null_objective, alpha_max
    long_steps = False

    def solve(self, const double[::1] alphas, double target):
        """As `SmallProblem.solve`; each alpha is to be near the one before, and the first near alpha_max.

        A batch of alphas is solved on the slots. Columns that violate at one of them get slots, and the batch goes on
        from there, until no column violates. Return None where the face steps do not settle, where a gap is above
        `target`, or where more than SMALL_SLOTS slots are needed.
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
                    self._evaluate(B, first, stop, at)
                passes += 1
                first = self._first_violated(alphas, first, stop, at)
                self._take_in(1 + VIOLATION)
            self._report(alphas, B, at, stop, passes, out)
            if not np.all(out.base[1, at:stop] <= target):
                return None
            self.before, self.last = self.last, (alphas[stop - 1], self.Z.base[stop - 1 - at].copy())
            PyErr_CheckSignals()
            at = stop
        return self.slots.base[:self.gram.size], B.base[:, :self.gram.size], out.base

    cdef _start(self):
        """Begin without slots."""
        self.gram = GramProblem(2 * SMALL_ROOM, 2 * self.null_objective)
        self.slots, self.score, self.has_slot = np.empty(self.p, np.int64), np.empty(self.p), np.zeros(self.p, np.uint8)
        self.R, self.Z = np.empty((SMALL_BATCH, self.n)), np.empty((SMALL_BATCH, self.p))
        self.before, self.last = None, (self.alpha_max, self.correlation_y.base)

    cdef ptrdiff_t _end_of_batch(self, const double[::1] alphas, ptrdiff_t at) noexcept nogil:
        """Return where the batch from `at` on ends: after SMALL_BATCH alphas, or before SMALL_REACH of the first."""
        cdef ptrdiff_t stop = at + 1
        while stop < min(at + SMALL_BATCH, alphas.shape[0]) and alphas[stop] > SMALL_REACH * alphas[at]:
            stop += 1
        return stop

    cdef _predict(self, double alpha):
        """Score all columns by their predicted correlations at alpha.

        The prediction lies on the secant through the ends of the last two batches, or comes from the strong rule.
        """
        cdef ptrdiff_t j
        cdef double here, there, step = 0.0, reach = self.last[0] - alpha
        cdef const double[::1] last = self.last[1], before = last
        if self.before is not None:
            (there, before), here = self.before, self.last[0]
            step, reach = (alpha - here) / (here - there) if here < there else 0.0, 0.0
        for j in range(self.p):
            self.score[j] = (fabs(last[j] + step * (last[j] - before[j])) / self.l1 + reach) / alpha

    cdef _take_in(self, double bar):
        """Give slots to the columns that score more than `bar`: to the best ones if they are too many."""
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
        self.slots.base[m:m + t], self.has_slot.base[new], rows = new, True, np.zeros((t, m + t))
        for a in range(t):
            KERNELS.dots_f64(self.columns, self.n, &self.slots[0], m + t, self.columns + self.slots[m + a] * self.n,
                             self.n, 1, self.n, &rows[a, 0], 1, m + t)
        penalty = np.repeat([[self.l1], [self.l2], [-INFINITY], [INFINITY]], t, axis=1)
        self.gram.extend(rows.base, self.correlation_y.base[new], *penalty)

    cdef _widened(self, double[:, ::1] B):
        """Return B with room for all slots."""
        cdef ptrdiff_t used = B.shape[1]
        if used >= self.gram.size:
            return B
        wider = np.zeros((B.shape[0], self.gram.size + self.gram.size // 2))
        wider[:, :used] = B
        return wider

    cdef bint _solve_slots(self, const double[::1] alphas, ptrdiff_t first, double[:, ::1] B):
        """Solve alphas[first:] on the slots, from the solution before; return whether the face settled."""
        cdef ptrdiff_t m = self.gram.size
        before = B.base[first - 1, :m].copy() if first else np.zeros(m)
        status, _ = self.gram.solve(before, alphas[first - 1] if first else INFINITY, alphas, first, B)
        return status == SOLVED

    cdef void _evaluate(self, const double[:, ::1] B, ptrdiff_t first, ptrdiff_t stop, ptrdiff_t at) noexcept nogil:
        """R[k - at] = y - X B[k] and Z[k - at] = X'R[k - at] for first <= k < stop, at most SMALL_BATCH of them."""
        cdef ptrdiff_t k, i, rows = stop - first
        cdef const double* y = self.columns + self.p * self.n
        for k in range(first - at, stop - at):
            for i in range(self.n):
                self.R[k, i] = -y[i]
        KERNELS.combine_f64(self.columns, self.n, &self.slots[0], self.gram.size, &B[first, 0], 1, B.shape[1],
                            rows, self.n, &self.R[first - at, 0], self.n)
        for k in range(first - at, stop - at):
            for i in range(self.n):
                self.R[k, i] = -self.R[k, i]
        memset(&self.Z[first - at, 0], 0, rows * self.p * sizeof(double))
        KERNELS.dots_f64(self.columns, self.n, NULL, self.p, &self.R[first - at, 0], self.n, rows, self.n,
                         &self.Z[first - at, 0], 1, self.p)

    cdef ptrdiff_t _first_violated(self, const double[::1] alphas, ptrdiff_t first, ptrdiff_t stop, ptrdiff_t at):
        """Score columns without a slot by the largest |z_j| / (alpha l1); return the first k where one violates."""
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
        cdef ptrdiff_t k
        cdef double cost
        for k in range(at, stop):
            out[0, k] = intercept(self.y_mean, self.mean, &self.slots[0], &B[k, 0], self.gram.size, &cost)
            out[2, k] = KERNELS.dot(self.n, &self.R[k - at, 0], &self.R[k - at, 0])
            out[1, k] = self._gap(alphas[k], &B[k, 0], &self.Z[k - at, 0], out[2, k]) + cost
            out[3, k] = passes

    cdef double _gap(self, double alpha, const double* b, const double* z, double norm2) noexcept nogil:
        """Return the duality gap at b, given by slot; z has the correlations of all columns.

        A column without a slot adds nothing, unless it has a ridge part and |z_j| exceeds alpha l1.
        """
        cdef ptrdiff_t j, s
        cdef double scale = 1.0, gap, a1 = alpha * self.l1, a2 = alpha * self.l2
        if a2 == 0:
            scale = feasible_scale(largest(z, self.p), a1, a2, -INFINITY, INFINITY)
        for s in range(self.gram.size):
            self.gram._correlation[s] = z[self.slots[s]]
        gap = self.gram.plus_penalty(squared_loss_gap(scale, norm2), alpha, b, scale)
        if a2 > 0:
            for j in range(self.p):
                if fabs(z[j]) > a1 and not self.has_slot[j]:
                    gap += fenchel_young(0.0, z[j], a1, a2, -INFINITY, INFINITY, 1.0)
        return gap


cdef double intercept(double y_mean, const double* mean, const int64_t* columns, const double* b, ptrdiff_t m,
                      double* cost) noexcept nogil:
    """Return y_mean - sum_s mean[columns[s]] b[s]; without `columns`, mean[s].

    `cost` becomes what rounding of the intercept may add to the gap: with S = sum_s |mean b|, (8 EPSILON S)^2 / 2.
    """
    cdef ptrdiff_t s
    cdef double shift, size = 0.0
    for s in range(m):
        shift = mean[s if columns == NULL else columns[s]] * b[s]
        y_mean -= shift
        size += fabs(shift)
    cost[0] = 32.0 * (EPSILON * size) * (EPSILON * size)
    return y_mean


cdef void raise_to(double* score, const double* z, double unit, ptrdiff_t p) noexcept nogil:
    """score_j <- max(score_j, |z_j| unit)."""
    cdef ptrdiff_t j
    cdef double value
    for j in range(p):
        value = fabs(z[j]) * unit
        score[j] = value if value > score[j] else score[j]


cdef bint any_above(const double* values, double bar, ptrdiff_t p) noexcept nogil:
    """Whether a value exceeds `bar`. The loop counts such values, since it then has no branch."""
    cdef ptrdiff_t j
    cdef int64_t count = 0
    for j in range(p):
        count += values[j] > bar
    return count > 0


cdef double largest(const double* z, ptrdiff_t p) noexcept nogil:
    """Return max |z_j|, in four chains (see `total`)."""
    cdef ptrdiff_t j, whole = p - p % 4
    cdef double a = 0.0, b = 0.0, c = 0.0, d = 0.0
    for j in range(0, whole, 4):
        a, b, c, d = max(a, fabs(z[j])), max(b, fabs(z[j + 1])), max(c, fabs(z[j + 2])), max(d, fabs(z[j + 3]))
    for j in range(whole, p):
        a = max(a, fabs(z[j]))
    return max(max(a, b), max(c, d))


def small_problem(const real[:, :] X, const double[::1] y, bint fit_intercept, double l1_ratio, bint few):
    """Return X and y as a `SmallProblem` if the columns are `few`, else as a `SmallWideProblem`.

    Return None where y is constant or too small, a column nearly constant, or a value not finite.
    """
    cdef ptrdiff_t i, j, n = X.shape[0], p = X.shape[1]
    cdef double[::1] memory = np.empty((p + 1) * (n + 1))
    cdef double* mean = &memory[(p + 1) * n]
    cdef double* column = &memory[0]
    for j in range(p + 1):
        if j < p:
            for i in range(n):
                column[i] = X[i, j]
        else:
            for i in range(n):
                column[i] = y[i]
        if not centred(column, n, fit_intercept, &mean[j]) and (j == p or not is_zero(column, n)):
            return None
        column += n
    column -= n
    if not KERNELS.dot(n, column, column) > 2 * SMALLEST_SQUARE:
        return None
    return summed_up(memory, n, p, l1_ratio) if few else wide(memory, n, p, l1_ratio)


cdef bint centred(double* x, ptrdiff_t n, bint fit_intercept, double* mean) noexcept nogil:
    """x <- (x - mean) / sqrt(n); return whether it is finite and more than rounding. x[0] is subtracted first."""
    cdef ptrdiff_t i, k
    cdef double first = x[0], spread = 0.0, rest, shift, scale = 1 / sqrt(<double> n)
    mean[0] = 0.0
    if fit_intercept:
        mean[0] = first
        for i in range(n):
            x[i] -= first
        spread = KERNELS.dot(n, x, x)
        for k in range(2):      # the second round removes what rounding left of the mean
            shift = total(x, n) / n
            mean[0] += shift
            for i in range(n):
                x[i] -= shift
    for i in range(n):
        x[i] *= scale
    rest = KERNELS.dot(n, x, x)
    return isfinite(rest) and rest > SMALLEST_SQUARE and rest > CONSTANT_SHARE * spread * scale * scale


cdef bint is_zero(const double* x, ptrdiff_t n) noexcept nogil:
    """Whether a column is zero: such a column never enters, and may stay."""
    cdef ptrdiff_t i
    for i in range(n):
        if x[i] != 0:
            return False
    return True


cdef double total(const double* x, ptrdiff_t n) noexcept nogil:
    """Return the sum of x, in four chains: a single one would wait four cycles for each addition."""
    cdef ptrdiff_t i, whole = n - n % 4
    cdef double a = 0.0, b = 0.0, c = 0.0, d = 0.0
    for i in range(0, whole, 4):
        a, b, c, d = a + x[i], b + x[i + 1], c + x[i + 2], d + x[i + 3]
    for i in range(whole, n):
        a += x[i]
    return (a + b) + (c + d)


cdef summed_up(double[::1] memory, ptrdiff_t n, ptrdiff_t p, double l1_ratio):
    """Return the `SmallProblem` of centred columns, in the order of `SmallWideProblem`'s memory."""
    cdef ptrdiff_t j
    cdef vector columns = &memory[0], y = columns + p * n
    cdef SmallProblem problem = SmallProblem.__new__(SmallProblem)
    cdef GramProblem gram = GramProblem(p, KERNELS.dot(n, y, y))
    gram.size, problem.p, problem.gram, problem.memory, problem.mean = p, p, gram, memory, y + n
    memset(&gram.g[0, 0], 0, p * p * sizeof(double))
    KERNELS.dots_f64(columns, n, NULL, p, columns, n, p, n, &gram.g[0, 0], p, 1)
    problem.alpha_max = 0.0
    for j in range(p):
        gram._correlation_y[j] = KERNELS.dot(n, columns + j * n, y)
        problem.alpha_max = max(problem.alpha_max, fabs(gram._correlation_y[j]) / l1_ratio)
        gram.l1[j], gram.l2[j], gram.lower[j], gram.upper[j] = l1_ratio, 1 - l1_ratio, -INFINITY, INFINITY
        gram.begin_slot(j)
    problem.y_mean, problem.null_objective = problem.mean[p], 0.5 * gram.y_norm2
    return problem


cdef wide(double[::1] memory, ptrdiff_t n, ptrdiff_t p, double l1_ratio):
    """Return the `SmallWideProblem` of centred columns in its memory."""
    cdef SmallWideProblem problem = SmallWideProblem.__new__(SmallWideProblem)
    cdef vector columns = &memory[0], y = columns + p * n
    problem.p, problem.n, problem.memory, problem.columns, problem.mean = p, n, memory, columns, y + n
    problem.l1, problem.l2 = l1_ratio, 1 - l1_ratio
    problem.correlation_y = np.zeros(p)
    KERNELS.dots_f64(columns, n, NULL, p, y, n, 1, n, &problem.correlation_y[0], 1, p)
    problem.alpha_max = largest(&problem.correlation_y[0], p) / l1_ratio
    problem.y_mean, problem.null_objective = problem.mean[p], 0.5 * KERNELS.dot(n, y, y)
    return problem
