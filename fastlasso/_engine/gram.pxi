# The working set's own problem, given its Gram matrix: coordinate descent, and the exact face step.
#
#     minimise over b   1/2 b'Gb - c'b + alpha sum_j ( l1_j |b_j| + l2_j/2 b_j^2 ),   lower <= b <= upper
#
# The face is the set of coordinates with a known sign s (0 where l1 = 0). On it the solution is the linear system
#     (G + alpha l2)_FF b_F = c_F - alpha (l1 s)_F,
# solved with a Cholesky factor L (column-major, order of entry) that grows and shrinks. zc = L^-1 c_F and
# zs = L^-1 (l1 s)_F are carried along, so a new alpha costs one back-substitution.

cdef enum:
    SOLVED = 0
    FAILED = 1          # the face step did not settle
    BOUND = 2           # a bound other than zero binds


cdef enlarged(matrix, ptrdiff_t used, ptrdiff_t need):
    """A square matrix of `need` rows that begins with the `used` leading rows and columns of `matrix`.

    One that grows again gets room for more. Where that is little it grows in place, so that old and new need not stand
    beside each other. Beyond ROOMY rows it is made half as wide again, of memory that nobody touches before it is used:
    to move all and to fill what is new with zeros, time and again, took 2 to 5 % of a path with 1,500 active columns.
    """
    cdef ptrdiff_t stride = matrix.shape[0], side = need + max(32, need // 8) if used else need
    if side <= ROOMY:
        matrix.resize((side, side), refcheck=False)
        larger = matrix
    else:
        side = need + need // 2 if used else side
        larger = np.empty((side, side))
    if used:
        spread(matrix.reshape(-1), stride, used, larger.reshape(-1), side)
    return larger


cdef spread(const double[::1] rows, ptrdiff_t stride, ptrdiff_t used, double[::1] to, ptrdiff_t longer):
    """Copy rows of length `used` from one stride to a larger one, the last one first: the two may be one memory."""
    cdef ptrdiff_t i, moved = 0
    for i in range(used - 1, -1, -1):
        memmove(&to[i * longer], &rows[i * stride], used * sizeof(double))
        moved += used
        if moved > SIGNAL_WORK:
            moved = 0
            PyErr_CheckSignals()


cdef inline void mirror(const double* source, ptrdiff_t stride, ptrdiff_t n, double* to) noexcept nogil:
    cdef ptrdiff_t i
    for i in range(n):
        to[i] = source[i * stride]


@cython.final
cdef class GramProblem:
    """Coordinates of a working set with their Gram matrix, solved for one alpha after another.

    Attributes used from Python: `size`, `G`, `c`, `q` (= c - G b), `l1`, `l2`, `lower`, `upper`, `n_steps`.
    """
    cdef readonly ptrdiff_t size, n_face, n_steps
    cdef ptrdiff_t capacity, ldl, work_done
    cdef readonly object G
    # one array each, with a row of length capacity for what the pointers below name: a view of its own for
    # every row would cost a small fit more than its arithmetic
    cdef object vectors, marks
    cdef object factor
    cdef double[:, ::1] g
    cdef vector c_, b_, q_, sign_, l1_, l2_, lower_, upper_, zc, zs, kept, work
    cdef mark_vector place           # position in the face, or -1
    cdef mark_vector parked          # refused as dependent at this alpha
    cdef mark_vector order, gone, changed
    cdef double[::1, :] L
    cdef double[:, ::1] block        # right-hand sides of an append; update vectors of a delete
    cdef ptrdiff_t n_gone
    cdef double factor_alpha
    cdef double noise, largest       # rounding of q_j is noise * |x_j|; the largest |x_j|
    cdef int has_ridge
    cdef public object pool          # asked now and then whether to go on
    cdef public double yy

    def __init__(self, ptrdiff_t capacity=64):
        self.size = self.n_face = self.capacity = self.ldl = 0
        self.factor_alpha = 0.0
        self.yy = 0.0
        self.noise = self.largest = 0.0
        self.has_ridge = 0
        self.G, self.factor = np.empty((0, 0)), np.empty((0, 0))
        self._grow(capacity)
        self._grow_factor(min(capacity, 64))

    cdef _grow(self, ptrdiff_t need):
        cdef ptrdiff_t m = self.size, capacity
        self.g = None       # no view of the old place is left
        self.g = self.G = enlarged(self.G, m, need)
        capacity = len(self.G)
        vectors, marks = np.zeros((13, capacity)), np.zeros((6, capacity), np.int64)
        if m:
            vectors[:, :m] = self.vectors[:, :m]
            marks[:, :m] = self.marks[:, :m]
        self.vectors, self.marks, self.capacity = vectors, marks, capacity
        cdef double[:, ::1] v = vectors
        cdef int64_t[:, ::1] at = marks
        self.c_, self.b_, self.q_, self.sign_ = &v[0, 0], &v[1, 0], &v[2, 0], &v[3, 0]
        self.l1_, self.l2_, self.lower_, self.upper_ = &v[4, 0], &v[5, 0], &v[6, 0], &v[7, 0]
        self.zc, self.zs, self.kept, self.work = &v[8, 0], &v[9, 0], &v[10, 0], &v[11, 0]      # work: two rows
        self.place, self.parked, self.order, self.gone = &at[0, 0], &at[1, 0], &at[2, 0], &at[3, 0]
        self.changed = &at[4, 0]    # two rows

    @property
    def c(self):
        return self.vectors[0]

    @property
    def q(self):
        return self.vectors[2]

    @property
    def l1(self):
        return self.vectors[4]

    @property
    def l2(self):
        return self.vectors[5]

    @property
    def lower(self):
        return self.vectors[6]

    @property
    def upper(self):
        return self.vectors[7]

    cdef _grow_factor(self, ptrdiff_t need):
        self.L = None
        self.factor = enlarged(self.factor, self.n_face, need)
        self.L, self.ldl = self.factor.T, len(self.factor)

    def extend(self, rows, c, l1, l2, lower, upper):
        """Add t coordinates; `rows` (t, size + t) holds their inner products with all, old ones first."""
        cdef ptrdiff_t t = len(c), old = self.size, m = old + t
        if m > self.capacity:
            self._grow(m)
        cdef const double[:, ::1] straight = rows if rows.flags.c_contiguous else self._straightened(rows)
        self._store(straight, old, m, old)
        if self.pool is None:
            self._store(straight, 0, old, old)
        else:
            self.pool.run(lambda a, b: self._store(straight, a, b, old), self.pool.split(old, ACROSS * t, MIRROR_TILE))
        self.vectors[:, old:m] = 0.0
        for row, value in zip((self.c, self.l1, self.l2, self.lower, self.upper), (c, l1, l2, lower, upper)):
            row[old:m] = value
        self.marks[0, old:m], self.marks[1, old:m] = -1, 0
        self.size = m
        self._note(old)

    cdef _straightened(self, rows):
        """A copy of `rows` by rows, some at a time: ten million transposed values take a tenth of a second."""
        cdef ptrdiff_t a, step = 1 + SIGNAL_WORK // (ACROSS * rows.shape[1])
        out = np.empty(rows.shape)
        for a in range(0, len(rows), step):
            out[a:a + step] = rows[a:a + step]
            self._count_work(SIGNAL_WORK)
        return out

    def repenalise(self, l1, l2, lower, upper):
        """Take other penalties and bounds for all slots. G stays, and so does L but for a ridge part on its diagonal.

        Face members keep the sign of their coefficient, and zs = L^-1 (l1 s)_F is solved again.
        """
        cdef ptrdiff_t f, slot, m = self.size
        cdef int had_ridge = self.has_ridge
        for row, value in zip((self.l1, self.l2, self.lower, self.upper), (l1, l2, lower, upper)):
            row[:m] = value
        self.has_ridge = np.any(l2)
        if self.has_ridge or had_ridge:
            self.factor_alpha = NAN
        for f in range(self.n_face):
            slot = self.order[f]
            self.sign_[slot] = 0.0 if self.l1_[slot] == 0 else (1.0 if self.b_[slot] > 0 else -1.0)
            self.zs[f] = self.l1_[slot] * self.sign_[slot]
        if self.n_face:
            self._solve_lower(&self.zs[0], self.ldl, 1)

    cdef void _note(self, ptrdiff_t old) noexcept nogil:
        """Keep what rounding and the factor depend on: the largest |x_j|, and whether any slot has a ridge part."""
        cdef ptrdiff_t j
        self.noise = 1e-14 * sqrt(self.yy)
        for j in range(old, self.size):
            self.largest = max(self.largest, sqrt(max(self.g[j, j], 0.0)))
            if self.l2_[j] > 0:
                self.has_ridge = 1

    cdef _store(self, const double[:, ::1] rows, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t old):
        """Write columns start..stop of new rows of G, and the mirror image of old columns, in tiles that stay in L1."""
        cdef ptrdiff_t i, j, a, b, t = rows.shape[0]
        with nogil:
            for i in range(t):
                memcpy(&self.g[old + i, start], &rows[i, start], (stop - start) * sizeof(double))
            a = start
            while a < min(stop, old):
                b = min(a + MIRROR_TILE, stop)
                i = 0
                while i < t:
                    for j in range(a, b):
                        mirror(&rows[i, j], rows.shape[1], min(MIRROR_TILE, t - i), &self.g[j, old + i])
                    i += MIRROR_TILE
                a = b

    # ------------------------------------------------------------ the factor

    cdef int _solve_lower(self, double* rhs, ptrdiff_t ldr, ptrdiff_t t) except -1 nogil:
        """rhs <- L^-1 rhs for t columns of length n_face, a block of FACTOR_BLOCK columns of L at a time."""
        cdef ptrdiff_t k = self.n_face, j, i, c, end, start = 0
        cdef double* L = &self.L[0, 0]
        cdef double value
        cdef double[FACTOR_BLOCK * MAX_APPEND] minus
        while start < k:
            end = min(start + FACTOR_BLOCK, k)
            for c in range(t):
                for j in range(start, end):
                    value = rhs[j + c * ldr] / L[j + j * self.ldl]
                    rhs[j + c * ldr] = value
                    minus[j - start + c * FACTOR_BLOCK] = -value
                    for i in range(j + 1, end):
                        rhs[i + c * ldr] -= value * L[i + j * self.ldl]
            if end < k:
                KERNELS.combine_f64(L + end + start * self.ldl, self.ldl, NULL, end - start, minus, 1, FACTOR_BLOCK,
                                    t, k - end, rhs + end, ldr)
            self._count_work(t * (end - start) * (k - start))
            start = end
        return 0

    cdef void _solve_upper(self, double* x) noexcept nogil:
        """x <- L^-T x."""
        cdef ptrdiff_t k = self.n_face, j
        cdef double* L = &self.L[0, 0]
        for j in range(k - 1, -1, -1):
            x[j] = (x[j] - KERNELS.dot(k - j - 1, L + j + 1 + j * self.ldl, x + j + 1)) / L[j + j * self.ldl]

    cdef int _append(self, const int64_t* enter, ptrdiff_t t, double alpha) except? -1 nogil:
        """Put slots into the face with the signs in sign_; park those that depend on it. Return how many entered."""
        cdef ptrdiff_t k = self.n_face, f, a, e, i, accepted = 0
        cdef double pivot, value
        cdef double* row
        if k + t > self.ldl:
            with gil:
                self._grow_factor(k + t)
        if self.block is None or self.block.shape[0] < t or self.block.shape[1] < k + t:
            with gil:
                self.block = np.empty((max(t, 16), k + t + 64))
        for a in range(t):
            row = &self.g[enter[a], 0]
            for f in range(k):
                self.block[a, f] = row[self.order[f]]
        self._solve_lower(&self.block[0, 0], self.block.shape[1], t)
        for a in range(t):
            e = enter[a]
            for f in range(accepted):    # rows of the block that entered before: L_af = (G - M'M)_af / L_ff
                value = self.g[e, self.order[k + f]]
                value -= KERNELS.dot(k, &self.block[a, 0], &self.block[self.changed[f], 0])
                for i in range(f):
                    value -= self.block[a, k + i] * self.L[k + f, k + i]
                self.block[a, k + f] = value / self.L[k + f, k + f]
            pivot = self.g[e, e] + alpha * self.l2_[e] - KERNELS.dot(k + accepted, &self.block[a, 0], &self.block[a, 0])
            if pivot <= PIVOT_FLOOR * (self.g[e, e] + alpha * self.l2_[e]):
                self.parked[e] = 1
                self.sign_[e] = 0.0
                continue
            self.changed[accepted] = a
            self._enter(e, a, k + accepted, sqrt(pivot))
            self._count_work(ACROSS * k)
            accepted += 1
        self.n_face = k + accepted
        return accepted

    cdef void _enter(self, ptrdiff_t slot, ptrdiff_t a, ptrdiff_t at, double pivot) noexcept nogil:
        """Write row `at` of L from block[a] and carry zc and zs on."""
        cdef ptrdiff_t f
        for f in range(at):
            self.L[at, f] = self.block[a, f]
        self.L[at, at] = pivot
        self.zc[at] = (self.c_[slot] - KERNELS.dot(at, &self.block[a, 0], &self.zc[0])) / pivot
        self.zs[at] = (self.l1_[slot] * self.sign_[slot] - KERNELS.dot(at, &self.block[a, 0], &self.zs[0])) / pivot
        self.order[at] = slot
        self.place[slot] = at

    cdef int _delete(self, ptrdiff_t t) except? -1 nogil:
        """Take the face members whose sign_ is NAN out, in one sweep over L; t is how many there are."""
        cdef ptrdiff_t k = self.n_face, j, to, i, u, first = k, n_out = 0, kept
        cdef double r, c, s, z
        for j in range(k):
            if isnan(self.sign_[self.order[j]]):
                first = j
                break
        if self.block is None or self.block.shape[0] < t or self.block.shape[1] < k + 2:
            with gil:
                self.block = np.empty((max(t, 16), k + 64))
        self.n_gone = 0
        for j in range(first, k):
            if isnan(self.sign_[self.order[j]]):
                self.gone[self.n_gone] = j
                self.n_gone += 1
        to = first
        for j in range(first, k):
            kept = self._compact(j, j, k)       # rows of column j below its diagonal that stay, moved up to j
            if isnan(self.sign_[self.order[j]]):
                memcpy(&self.block[n_out, 0], &self.L[j, j], kept * sizeof(double))
                self.work[2 * n_out] = self.zc[j]
                self.work[2 * n_out + 1] = self.zs[j]
                self.changed[n_out] = 0      # how much of this update vector is used up
                n_out += 1
                continue
            for u in range(n_out):
                i = self.changed[u]
                r = hypot(self.L[j, j], self.block[u, i])
                c = self.L[j, j] / r
                s = self.block[u, i] / r
                KERNELS.rotate(kept, &self.L[j, j], &self.block[u, i], c, s)
                self.changed[u] = i + 1
                z = self.zc[j]
                self.zc[j] = c * z + s * self.work[2 * u]
                self.work[2 * u] = c * self.work[2 * u] - s * z
                z = self.zs[j]
                self.zs[j] = c * z + s * self.work[2 * u + 1]
                self.work[2 * u + 1] = c * self.work[2 * u + 1] - s * z
            self._count_work(n_out * kept)
            memmove(&self.L[to, to], &self.L[j, j], kept * sizeof(double))
            self.zc[to] = self.zc[j]
            self.zs[to] = self.zs[j]
            to += 1
        for j in range(first):
            self._compact(j, first, k)
        self._reorder(first, k)
        return 0

    cdef ptrdiff_t _compact(self, ptrdiff_t j, ptrdiff_t start, ptrdiff_t k) noexcept nogil:
        """Close the gaps that the deleted rows leave in L[start:k, j]; return how many rows stay."""
        cdef ptrdiff_t g, begin, end, to = start
        cdef double* column = &self.L[0, j]
        begin = start
        for g in range(self.n_gone + 1):
            end = self.gone[g] if g < self.n_gone else k
            if end < begin:
                continue
            if to != begin:
                memmove(column + to, column + begin, (end - begin) * sizeof(double))
            to += end - begin
            begin = end + 1
        return to - start

    cdef void _reorder(self, ptrdiff_t first, ptrdiff_t k) noexcept nogil:
        cdef ptrdiff_t i, slot, to = first
        for i in range(first, k):
            slot = self.order[i]
            if isnan(self.sign_[slot]):
                self.sign_[slot] = 0.0
                self.place[slot] = -1
                self.b_[slot] = 0.0
            else:
                self.order[to] = slot
                self.place[slot] = to
                to += 1
        self.n_face = to

    # ------------------------------------------------------------ the face step

    cdef int _coefficients(self, double alpha) except -1 nogil:
        """b = L^-T (zc - alpha zs) on the face and 0 off it; q = c - G b where it is not known to be alpha l1 s."""
        cdef ptrdiff_t k = self.n_face, f, m = self.size
        cdef double* x = &self.work[0]
        for f in range(k):
            x[f] = self.zc[f] - alpha * self.zs[f]
        self._solve_upper(x)
        memset(&self.b_[0], 0, m * sizeof(double))
        for f in range(k):
            self.b_[self.order[f]] = x[f]
        self._count_work(k * k)
        if 2 * k < m:
            self._all_correlations()
        else:
            self._correlations_off_face()
        return 0

    cdef void _all_correlations(self) noexcept nogil:
        """q = c - G b, row by row of the face."""
        cdef ptrdiff_t k = self.n_face, f
        cdef double* minus = &self.work[0]
        for f in range(k):
            minus[f] = -self.b_[self.order[f]]
        memcpy(&self.q_[0], &self.c_[0], self.size * sizeof(double))
        if k:
            KERNELS.combine_f64(&self.g[0, 0], self.capacity, &self.order[0], k, minus, 1, 0, 1, self.size,
                                &self.q_[0], self.size)

    cdef void _correlations_off_face(self) noexcept nogil:
        """q_j = c_j - G_j . b for the slots off the face: less to read than the face once it holds most slots."""
        cdef ptrdiff_t j, count = 0
        cdef double* sums = &self.work[0]
        for j in range(self.size):
            if self.place[j] < 0:
                self.gone[count] = j
                sums[count] = 0.0
                count += 1
        self._rows_times_b(&self.gone[0], count, sums)

    cdef void _rows_times_b(self, const int64_t* rows, ptrdiff_t count, double* sums) noexcept nogil:
        """q = c - G b at the given slots; sums is scratch of zeros."""
        cdef ptrdiff_t s
        KERNELS.dots_f64(&self.g[0, 0], self.capacity, rows, count, &self.b_[0], 0, 1, self.size, sums, 1, 0)
        for s in range(count):
            self.q_[rows[s]] = self.c_[rows[s]] - sums[s]

    cdef int _leavers(self) noexcept nogil:
        """Mark with NAN each face member on the wrong side of zero; return their number, or -1 where a bound binds."""
        cdef ptrdiff_t f, slot
        cdef int count = 0
        cdef double b
        for f in range(self.n_face):
            slot = self.order[f]
            b = self.b_[slot]
            if b * self.sign_[slot] < 0 or b < 0 == self.lower_[slot] or b > 0 == self.upper_[slot]:
                count += 1
            elif b < self.lower_[slot] or b > self.upper_[slot]:
                return -1
        if count:
            for f in range(self.n_face):
                slot = self.order[f]
                b = self.b_[slot]
                if b * self.sign_[slot] < 0 or b < 0 == self.lower_[slot] or b > 0 == self.upper_[slot]:
                    self.sign_[slot] = NAN
        return count

    cdef void _keep_leavers(self) noexcept nogil:
        """Undo the marks of _leavers."""
        cdef ptrdiff_t f, slot
        for f in range(self.n_face):
            slot = self.order[f]
            if isnan(self.sign_[slot]):
                self.sign_[slot] = 0.0 if self.l1_[slot] == 0 else (-1.0 if self.b_[slot] > 0 else 1.0)

    cdef ptrdiff_t _enterers(self, double alpha) noexcept nogil:
        """List in `changed` the slots off the face that violate |q| <= alpha l1, with the sign they enter with."""
        cdef ptrdiff_t j, count = 0
        cdef double q, limit
        for j in range(self.size):
            if self.place[j] >= 0 or self.parked[j]:
                continue
            q = self.q_[j]
            limit = alpha * self.l1_[j] * (1 + FACE_TOLERANCE) + self.noise * sqrt(self.g[j, j])
            if q > limit and self.upper_[j] > 0 or q < -limit and self.lower_[j] < 0:
                self.sign_[j] = 0.0 if self.l1_[j] == 0 else (1.0 if q > 0 else -1.0)
                self.changed[self.capacity + count] = j
                count += 1
        return count

    cdef int _settle(self, double alpha) except? -1 nogil:
        """Primal-dual active set: correct all wrong signs at once until none is left."""
        cdef ptrdiff_t n_in, n_done, best = self.size + 1, swaps = 0
        cdef int n_out, stall = 0, step = 0
        memset(self.parked, 0, self.size * sizeof(int64_t))
        while step < MAX_FACE_STEPS:
            self.n_steps += 1
            self._coefficients(alpha)
            n_out = self._leavers()
            if n_out < 0:
                return BOUND
            n_in = self._enterers(alpha)
            if n_out + n_in == 0 and self._worst_parked(alpha) <= PARKED_TOLERANCE:
                return SOLVED
            self._count_work(self.size * self.n_face)
            if n_out + n_in > 64 + self.n_face // 2:
                self._keep_leavers()
                return FAILED
            n_done = 0
            if n_out:
                self._delete(n_out)
                memset(self.parked, 0, self.size * sizeof(int64_t))
            if n_in:
                n_done = self._append_in_pieces(n_in, alpha)
            if n_out + n_done == 0:      # all that violates depends on the face
                swaps += 1
                if swaps > self.n_face or not self._swap(alpha):
                    return FAILED
                continue
            step += 1
            stall = 0 if n_out + n_in < best else stall + 1
            best = min(best, n_out + n_in)
            if stall > 4:
                return FAILED
        return FAILED

    cdef int _swap(self, double alpha) except? -1 nogil:
        """Let the worst parked slot j take the place of a face member: return 0 if none is worth it.

        With x_j = X_F u, moving b_j by t sign(q_j) and b_F by -t sign(q_j) u leaves the fit as it is and lowers the
        penalty while |q_j| = alpha |u.s| exceeds alpha l1_j; the first member to reach zero leaves.
        """
        cdef ptrdiff_t j = self._worst_parked_slot(alpha), f, slot, leaver = -1
        cdef double side, ratio, best = INFINITY
        cdef double* u = &self.work[0]
        if j < 0:
            return 0
        side = 1.0 if self.q_[j] > 0 else -1.0
        for f in range(self.n_face):
            u[f] = self.g[j, self.order[f]]
        self._solve_lower(u, self.capacity, 1)
        self._solve_upper(u)
        for f in range(self.n_face):
            slot = self.order[f]
            if self.sign_[slot] * side * u[f] > 1e-12:
                ratio = fabs(self.b_[slot] / u[f])
                if ratio < best:
                    best, leaver = ratio, slot
        if leaver < 0:
            return 0
        self.sign_[leaver] = NAN
        self._delete(1)
        memset(self.parked, 0, self.size * sizeof(int64_t))
        self.sign_[j] = side
        self.changed[self.capacity] = j
        return 1 if self._append_in_pieces(1, alpha) == 1 else 0

    cdef ptrdiff_t _worst_parked_slot(self, double alpha) noexcept nogil:
        """The parked slot that violates most, or -1 where none does by more than rounding."""
        cdef ptrdiff_t j, worst = -1
        cdef double violation, most = PARKED_TOLERANCE
        for j in range(self.size):
            if self.parked[j]:
                violation = self._violation(j, alpha)
                if violation > most:
                    most, worst = violation, j
        return worst

    cdef double _violation(self, ptrdiff_t j, double alpha) noexcept nogil:
        """How far |q_j| exceeds alpha l1_j, relatively."""
        return (fabs(self.q_[j]) - alpha * self.l1_[j]) / (alpha * self.l1_[j] + 1e4 * self.noise * sqrt(self.g[j, j]))

    cdef ptrdiff_t _append_in_pieces(self, ptrdiff_t count, double alpha) except? -1 nogil:
        """Append the slots listed in `changed`, MAX_APPEND at a time; return how many entered."""
        cdef ptrdiff_t at = 0, t, done = 0
        cdef int64_t* listed = &self.changed[self.capacity]
        while at < count:
            t = min(MAX_APPEND, count - at)
            done += self._append(listed + at, t, alpha)
            at += t
        return done

    cdef double _worst_parked(self, double alpha) noexcept nogil:
        """Largest relative violation among the slots refused as dependent."""
        cdef ptrdiff_t j = self._worst_parked_slot(alpha)
        return 0.0 if j < 0 else self._violation(j, alpha)

    cdef double _stationarity(self, double alpha, const int64_t* slots, ptrdiff_t count) noexcept nogil:
        """work[s] = q - alpha (l1 sign + l2 b), the residual of the face's system at some slots; return the largest."""
        cdef ptrdiff_t s, slot
        cdef double worst = 0.0
        memset(&self.work[0], 0, count * sizeof(double))
        self._rows_times_b(slots, count, &self.work[0])
        for s in range(count):
            slot = slots[s]
            self.work[s] = self.q_[slot] - alpha * (self.l1_[slot] * self.sign_[slot] + self.l2_[slot] * self.b_[slot])
            worst = max(worst, fabs(self.work[s]))
        return worst

    cdef int _refine(self, double alpha) except? -1 nogil:
        """One step of iterative refinement where rounding has built up; rebuild the factor if that is not enough.

        A few rows of the face are looked at, others each time; all of them only when those are off.
        """
        cdef ptrdiff_t f, k = self.n_face, look = min(k, SAMPLED_ROWS)
        cdef double before, target = FACE_TOLERANCE * alpha + 10 * self.noise * self.largest
        cdef ptrdiff_t first = self.n_steps * SAMPLED_ROWS % max(k - look + 1, 1)
        if self._stationarity(alpha, &self.order[first], look) <= target:
            return 0
        before = self._stationarity(alpha, &self.order[0], k)
        self._count_work(k * self.size)
        self._solve_lower(&self.work[0], self.capacity, 1)
        self._solve_upper(&self.work[0])
        for f in range(k):
            self.b_[self.order[f]] += self.work[f]
        if self._stationarity(alpha, &self.order[0], k) > max(100 * target, 0.1 * before):
            self.factor_alpha = NAN       # worn out: the next solve rebuilds it
        return 0

    cdef int _solve(self, double alpha) except? -1 nogil:
        cdef int status
        if isnan(self.factor_alpha) or self.has_ridge and alpha != self.factor_alpha:
            self._rebuild(alpha)
        self.factor_alpha = alpha
        status = self._settle(alpha)
        if status == SOLVED:
            self._refine(alpha)
        return status

    cdef int _rebuild(self, double alpha) except? -1 nogil:
        """Factor the face anew (after a change of the ridge on the diagonal, or when worn out)."""
        cdef ptrdiff_t f, count = self.n_face
        for f in range(count):
            self.changed[self.capacity + f] = self.order[f]
            self.place[self.order[f]] = -1
        self.n_face = 0
        self._append_in_pieces(count, alpha)
        return 0

    cdef int _count_work(self, ptrdiff_t work) except -1 nogil:
        """Now and then let a signal handler raise, and the pool where there is no use in going on."""
        self.work_done += work
        if self.work_done >= SIGNAL_WORK:
            self.work_done = 0
            with gil:
                PyErr_CheckSignals()
                if self.pool is not None:
                    self.pool.check()
        return 0

    cdef int _walk(self, double here, double alpha) except? -1 nogil:
        """Go from the solution in b at `here` to `alpha`: in one step if the face settles, else in ever smaller ones.

        In the limit a step crosses one knot of the path and the face step cannot fail, but for exact ties.
        """
        cdef double there = alpha
        cdef int status
        memcpy(&self.kept[0], &self.b_[0], self.size * sizeof(double))
        while True:
            status = self._solve(there)
            if status == SOLVED:
                if there == alpha:
                    return SOLVED
                memcpy(&self.kept[0], &self.b_[0], self.size * sizeof(double))
                there, here = max(alpha, there * (there / here) ** 2), there
            elif status == FAILED and isfinite(here) and there < SMALLEST_STEP * here:
                self._put_face(&self.kept[0], here)
                there = sqrt(here * max(there, 1e-3 * here))
            else:
                return status

    cdef int _put_face(self, const double* b, double alpha) except? -1 nogil:
        """Make the face the support of b, with its signs."""
        cdef ptrdiff_t j, n_out = 0, n_in = 0
        cdef double s
        memset(self.parked, 0, self.size * sizeof(int64_t))
        for j in range(self.size):
            s = 0.0 if b[j] == 0 or self.l1_[j] == 0 else (1.0 if b[j] > 0 else -1.0)
            if self.place[j] >= 0 and (b[j] == 0 or s != self.sign_[j]):
                self.sign_[j] = NAN
                n_out += 1
        if n_out:
            self._delete(n_out)
        for j in range(self.size):
            if self.place[j] < 0 and b[j] != 0:
                self.sign_[j] = 0.0 if self.l1_[j] == 0 else (1.0 if b[j] > 0 else -1.0)
                self.changed[self.capacity + n_in] = j
                n_in += 1
        if n_in and not isnan(self.factor_alpha):
            self._append_in_pieces(n_in, self.factor_alpha if self.has_ridge else 0.0)
        return 0

    # ------------------------------------------------------------ from Python

    def solve(self, const double[::1] before, double here, const double[::1] alphas, ptrdiff_t start,
              double[:, ::1] B, double[:, ::1] Q=None):
        """Solve alphas[start:] in order by face steps, from the solution `before` at the alpha `here`.

        Rows of B and, where wanted, Q get b and q = c - G b. Returns (status, at): SOLVED and len(alphas), or why and
        where it stopped.
        """
        cdef ptrdiff_t a
        cdef int status = SOLVED
        with nogil:
            self._put_face(&before[0], here)
            memcpy(&self.b_[0], &before[0], self.size * sizeof(double))
            for a in range(start, alphas.shape[0]):
                status = self._walk(here, alphas[a])
                if status != SOLVED:
                    break
                here = alphas[a]
                memcpy(&B[a, 0], &self.b_[0], self.size * sizeof(double))
                if Q is not None:
                    self._all_correlations()
                    memcpy(&Q[a, 0], &self.q_[0], self.size * sizeof(double))
            else:
                a = alphas.shape[0]
        return status, a

    def descend(self, double alpha, double[::1] b, double tol, int max_epochs):
        """Cyclic soft-threshold coordinate descent on G from b (updated) until the gap on the slots is <= tol.

        Coordinate j:  b_j <- clip( S(q_j + G_jj b_j, alpha l1_j) / (G_jj + alpha l2_j), lower_j, upper_j ),
        and q <- q - (change of b_j) G[j].  Returns (gap, epochs).
        """
        cdef ptrdiff_t j, m = self.size
        cdef int epoch = 0
        cdef double gap = INFINITY, best, delta, moved
        cdef double* q = &self.q_[0]
        with nogil:
            self._take(&b[0])
            while epoch < max_epochs:
                moved = 0.0
                for j in range(m):
                    best = prox(q[j] + self.g[j, j] * b[j], self.g[j, j], alpha * self.l1_[j], alpha * self.l2_[j],
                                self.lower_[j], self.upper_[j])
                    delta = best - b[j]
                    if delta != 0:
                        b[j] = best     # not b + delta, which rounds to beside a bound
                        KERNELS.axpy(m, -delta, &self.g[j, 0], q)
                        moved = max(moved, fabs(delta) * sqrt(self.g[j, j]))
                epoch += 1
                self._count_work(m * m)
                if epoch % 8 == 0 or moved == 0:
                    gap = self._gap(alpha, &b[0])
                    if gap <= tol or moved == 0:
                        break
        return gap, epoch

    cdef void _take(self, const double* b) noexcept nogil:
        """q = c - G b."""
        cdef ptrdiff_t j
        memcpy(&self.q_[0], &self.c_[0], self.size * sizeof(double))
        for j in range(self.size):
            if b[j] != 0:
                KERNELS.axpy(self.size, -b[j], &self.g[j, 0], &self.q_[0])

    def gap(self, double alpha, const double[::1] b):
        """The duality gap at b of the problem restricted to the slots; q is set to c - G b."""
        self._take(&b[0])
        return self._gap(alpha, &b[0])

    cdef double _gap(self, double alpha, const double* b) noexcept nogil:
        """The duality gap of the problem restricted to the slots."""
        cdef ptrdiff_t j
        cdef double scale = 1.0, gap, rr = self.yy
        for j in range(self.size):
            rr -= b[j] * (self.c_[j] + self.q_[j])
            scale = min(scale, feasible_scale(self.q_[j], alpha * self.l1_[j], alpha * self.l2_[j], self.lower_[j],
                                              self.upper_[j]))
        gap = 0.5 * (1 - scale) * (1 - scale) * max(rr, 0.0)
        for j in range(self.size):
            gap += fenchel_young(b[j], scale * self.q_[j], alpha * self.l1_[j], alpha * self.l2_[j], self.lower_[j],
                                 self.upper_[j], self.g[j, j])
        return gap
