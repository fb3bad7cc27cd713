# The Cholesky factor L L' = (G + alpha l2)_FF of the face F, in the order in which the slots entered. L is stored by
# columns. Two right-hand sides are carried along:
#
#     zc = L^-1 left_F     zs = L^-1 (l1 s)_F
#
# so that a new alpha costs one back-substitution, b_F = L^-T (zc - alpha zs). `left` is c less what slots that are held
# at a bound explain. With a ridge part L depends on alpha (gram_whole.pxi).

cdef enum:
    # A blocked triangular solve takes this many columns of the factor per step.
    FACTOR_BLOCK = FL_TRIANGLE
    # At most this many slots enter the factor at once.
    MAX_APPEND = 64

# A column depends on the face if its squared pivot is at most this share of its diagonal entry.
cdef double PIVOT_FLOOR = 1e-13
# A slot waits for the next step if those that enter with it leave less than this share of its squared pivot.
cdef double LEAST_OWN = 0.5


cdef inline double face_sign(double l1, double direction) noexcept nogil:
    """Return the sign on the face of a coefficient that has, or is to get, the sign of `direction`: 0 where l1 = 0."""
    return 0.0 if l1 == 0 else (1.0 if direction > 0 else -1.0)


cdef void sort_entering(int_vector slots, ptrdiff_t count, const double* q, const double* l1) noexcept nogil:
    """Put the slots of the largest |q| / l1 first."""
    cdef ptrdiff_t at, to, j
    for at in range(1, count):
        j, to = slots[at], at
        while to > 0 and fabs(q[j]) * l1[slots[to - 1]] > fabs(q[slots[to - 1]]) * l1[j]:
            slots[to] = slots[to - 1]
            to -= 1
        slots[to] = j


cdef class FaceFactor(GramStore):
    """The Cholesky factor of G on the face, with zc and zs; a sign of NAN marks a slot that is to leave the face."""
    cdef ptrdiff_t n_face
    cdef object factor
    cdef double[::1, :] L
    cdef ptrdiff_t ldl
    # The alpha whose ridge part L includes; NAN if L must be made anew.
    cdef double factor_alpha
    # Rows that enter L, or vectors of rank-one updates.
    cdef double[:, ::1] block
    cdef ptrdiff_t n_gone
    # Whether slots have been held or released since `left` was formed.
    cdef bint holds_changed

    cdef grow_factor(self, ptrdiff_t need):
        """Make room for `need` face members."""
        self.L = None       # no view of the old place is left
        self.factor = enlarged(self.factor, self.n_face, need)
        self.L, self.ldl = self.factor.T, len(self.factor)

    cdef int _grow_block(self, ptrdiff_t rows, ptrdiff_t length) except -1 nogil:
        if self.block is None or self.block.shape[0] < rows or self.block.shape[1] < length:
            with gil:
                self.block = np.empty((max(rows, 16), length + 64))
        return 0

    def repenalise(self, l1, l2, lower, upper):
        """Take another penalty and other bounds for all slots.

        G stays. L stays too, unless it has or gets a ridge part. Face members keep the sign of their b, and zs is
        solved again. No slot is held any more.
        """
        cdef ptrdiff_t f, slot
        cdef bint had_ridge = self.has_ridge
        self.replace_penalty(l1, l2, lower, upper)
        if self.has_ridge or had_ridge:
            self.factor_alpha = NAN
        for f in range(self.n_face):
            slot = self.order[f]
            self.sign[slot] = face_sign(self.l1[slot], self.b[slot])
            self.zs[f] = self.l1[slot] * self.sign[slot]
        if self.n_face:
            self.solve_lower(&self.zs[0], self.ldl, 1)
        if self.n_held:
            self.n_held = 0
            memset(self.held, 0, self.size * sizeof(double))
            self.restart_zc()

    def retarget(self, correlation_y, double y_norm2):
        """Take another y: its products with the columns, and |y|^2. G, L and the face stay; zc is solved again."""
        self.state[ROW_CORRELATION_Y, :self.size] = correlation_y
        self.y_norm2, self.noise = y_norm2, CORRELATION_ROUNDING * sqrt(y_norm2)
        self.restart_zc()

    cdef void hold(self, ptrdiff_t j, double bound) noexcept nogil:
        """Hold slot j at a bound from now on; at 0: release it."""
        if self.held[j] != bound:
            self.n_held += (bound != 0) - (self.held[j] != 0)
            self.held[j] = bound
            self.holds_changed = True

    cdef int follow_holds(self) except -1 nogil:
        """Form `left` and zc anew where slots have been held or released."""
        if self.holds_changed:
            self.holds_changed = False
            with gil:
                self.restart_zc()
        return 0

    cdef restart_zc(self):
        """Form `left` and zc anew, since y or the held slots have changed."""
        cdef ptrdiff_t f
        self.leave_held()
        for f in range(self.n_face):
            self.zc[f] = self.left[self.order[f]]
        if self.n_face:
            self.solve_lower(&self.zc[0], self.ldl, 1)

    # ------------------------------------------------------------ triangular solves

    cdef int solve_lower(self, double* rhs, ptrdiff_t ldr, ptrdiff_t t) except -1 nogil:
        """rhs <- L^-1 rhs for t columns of length n_face, a block of FACTOR_BLOCK columns of L at a time."""
        cdef ptrdiff_t k = self.n_face, j, c, end, start = 0
        cdef double* L = &self.L[0, 0]
        cdef double[FACTOR_BLOCK * MAX_APPEND] minus
        while start < k:
            end = min(start + FACTOR_BLOCK, k)
            KERNELS.solve_triangle(L + start + start * self.ldl, self.ldl, end - start, rhs + start, ldr, t)
            if end < k:
                for c in range(t):
                    for j in range(start, end):
                        minus[j - start + c * FACTOR_BLOCK] = -rhs[j + c * ldr]
                KERNELS.combine_f64(L + end + start * self.ldl, self.ldl, NULL, end - start, minus, 1, FACTOR_BLOCK,
                                    t, k - end, rhs + end, ldr)
            self.count_work(t * (end - start) * (k - start))
            start = end
        return 0

    cdef void solve_upper(self, double* x) noexcept nogil:
        """x <- L^-T x."""
        cdef ptrdiff_t k = self.n_face, j
        cdef double* L = &self.L[0, 0]
        for j in range(k - 1, -1, -1):
            x[j] = (x[j] - KERNELS.dot(k - j - 1, L + j + 1 + j * self.ldl, x + j + 1)) / L[j + j * self.ldl]

    # ------------------------------------------------------------ slots enter

    cdef ptrdiff_t append(self, ptrdiff_t count, double alpha, ptrdiff_t most=-1) except? -1 nogil:
        """Put the first `count` slots of `entering` into the face with their signs; return how many entered.

        A slot whose column depends on the face is parked instead. With `most` >= 0 slots enter in order of |q| / l1. Of
        near copies with an L1 part only the first enters then; the others stay off the face for now. So does all the
        rest once more than `most` have entered, or once none of MAX_APPEND in a row could: near full rank hundreds may
        violate until a few complete it.
        """
        cdef ptrdiff_t at = 0, t, entered, done = 0, before = self.n_face if most >= 0 else -1
        if most >= 0:
            sort_entering(self.entering, count, self._correlation, self.l1)
        while at < count:
            t = min(MAX_APPEND, count - at)
            entered = self._append_block(&self.entering[at], t, alpha, before)
            done += entered
            at += t
            if most >= 0 and (done > most or done > 0 and entered == 0):
                for at in range(at, count):
                    self.sign[self.entering[at]] = 0.0
                break
        return done

    cdef ptrdiff_t _append_block(self, const int64_t* enter, ptrdiff_t t, double alpha,
                                 ptrdiff_t before) except? -1 nogil:
        """Let slots enter. One waits if members from place `before` on explain most of its column; with -1 none waits.
        """
        cdef ptrdiff_t k = self.n_face, a, e, accepted = 0
        cdef double diagonal, pivot
        cdef int64_t* rows = self.counts        # rows of the block that entered
        self._start_block(enter, t)
        for a in range(t):
            e = enter[a]
            self._finish_row(a, e, accepted)
            diagonal = self.g[e, e] + alpha * self.l2[e]
            pivot = diagonal - KERNELS.dot(k + accepted, &self.block[a, 0], &self.block[a, 0])
            if pivot <= PIVOT_FLOOR * diagonal:
                self.parked[e] = 1
                self.sign[e] = 0.0
                continue
            if before >= 0 and self.l1[e] > 0 and pivot < LEAST_OWN * self._pivot_without(before, a, diagonal):
                self.sign[e] = 0.0
                continue
            rows[accepted] = a
            self._enter(e, a, k + accepted, sqrt(pivot))
            self.count_work(ACROSS * k)
            accepted += 1
        self.n_face = k + accepted
        return accepted

    cdef int _start_block(self, const int64_t* enter, ptrdiff_t t) except -1 nogil:
        """block[a] = L^-1 G_F,enter[a], the first n_face values of a row of L for each slot."""
        cdef ptrdiff_t k = self.n_face, a, f
        cdef double* row
        if k + t > self.ldl:
            with gil:
                self.grow_factor(k + t)
        self._grow_block(t, k + t)
        for a in range(t):
            row = &self.g[enter[a], 0]
            for f in range(k):
                self.block[a, f] = row[self.order[f]]
        self.solve_lower(&self.block[0, 0], self.block.shape[1], t)
        return 0

    cdef double _pivot_without(self, ptrdiff_t before, ptrdiff_t a, double diagonal) noexcept nogil:
        """Return the squared pivot of row `a` of the block over the first `before` members alone."""
        return diagonal - KERNELS.dot(before, &self.block[a, 0], &self.block[a, 0])

    cdef void _finish_row(self, ptrdiff_t a, ptrdiff_t slot, ptrdiff_t accepted) noexcept nogil:
        """Append to block[a] a column f for each row f that entered before: L_af = (G_af - M_a.M_f) / L_ff.

        M_a is block[a] up to column f.
        """
        cdef ptrdiff_t k = self.n_face, f, i
        cdef double value
        for f in range(accepted):
            value = self.g[slot, self.order[k + f]]
            value -= KERNELS.dot(k, &self.block[a, 0], &self.block[self.counts[f], 0])
            for i in range(f):
                value -= self.block[a, k + i] * self.L[k + f, k + i]
            self.block[a, k + f] = value / self.L[k + f, k + f]

    cdef void _enter(self, ptrdiff_t slot, ptrdiff_t a, ptrdiff_t at, double pivot) noexcept nogil:
        """Write row `at` of L from block[a], and the next values of zc and zs."""
        cdef ptrdiff_t f
        for f in range(at):
            self.L[at, f] = self.block[a, f]
        self.L[at, at] = pivot
        self.zc[at] = (self.left[slot] - KERNELS.dot(at, &self.block[a, 0], &self.zc[0])) / pivot
        self.zs[at] = (self.l1[slot] * self.sign[slot] - KERNELS.dot(at, &self.block[a, 0], &self.zs[0])) / pivot
        self.order[at] = slot
        self.place[slot] = at

    # ------------------------------------------------------------ slots leave

    cdef int delete(self, ptrdiff_t t) except? -1 nogil:
        """Take out the t face members whose sign is NAN, in one sweep over L.

        When a column leaves, its part below the diagonal becomes the vector of a rank-one update of the columns behind
        it. Givens rotations apply the update. They carry zc and zs along.
        """
        cdef ptrdiff_t k = self.n_face, j, to, first, n_stay, n_vectors = 0
        self._grow_block(t, k + 2)
        first = to = self._list_gone()
        for j in range(first, k):
            n_stay = self._compact(j, j, k)
            if isnan(self.sign[self.order[j]]):
                memcpy(&self.block[n_vectors, 0], &self.L[j, j], n_stay * sizeof(double))
                self.work[n_vectors], self.more_work[n_vectors], self.counts[n_vectors] = self.zc[j], self.zs[j], 0
                n_vectors += 1
                continue
            self._rotate(j, n_stay, n_vectors)
            self.count_work(n_vectors * n_stay)
            memmove(&self.L[to, to], &self.L[j, j], n_stay * sizeof(double))
            self.zc[to] = self.zc[j]
            self.zs[to] = self.zs[j]
            to += 1
        for j in range(first):
            self._compact(j, first, k)
        self._renumber(first, k)
        return 0

    cdef ptrdiff_t _list_gone(self) noexcept nogil:
        """List the places that leave in `gone`; return the first one."""
        cdef ptrdiff_t j
        self.n_gone = 0
        for j in range(self.n_face):
            if isnan(self.sign[self.order[j]]):
                self.gone[self.n_gone] = j
                self.n_gone += 1
        return self.gone[0] if self.n_gone else self.n_face

    cdef ptrdiff_t _compact(self, ptrdiff_t j, ptrdiff_t start, ptrdiff_t k) noexcept nogil:
        """Close the gaps that the places in `gone` leave in L[start:k, j]; return how many rows stay."""
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

    cdef void _rotate(self, ptrdiff_t j, ptrdiff_t length, ptrdiff_t n_vectors) noexcept nogil:
        """Rotate the update vectors into column j of L. The first counts[u] values of vector u are zero already."""
        cdef ptrdiff_t u, i
        cdef double r, c, s
        for u in range(n_vectors):
            i = self.counts[u]
            r = hypot(self.L[j, j], self.block[u, i])
            c = self.L[j, j] / r
            s = self.block[u, i] / r
            KERNELS.rotate(length, &self.L[j, j], &self.block[u, i], c, s)
            self.counts[u] = i + 1
            rotate_pair(&self.zc[j], &self.work[u], c, s)
            rotate_pair(&self.zs[j], &self.more_work[u], c, s)

    cdef void _renumber(self, ptrdiff_t first, ptrdiff_t k) noexcept nogil:
        """Close the gaps in `order` from the place `first` on, and take what leaves off the face."""
        cdef ptrdiff_t i, slot, to = first
        for i in range(first, k):
            slot = self.order[i]
            if isnan(self.sign[slot]):
                self.sign[slot] = 0.0
                self.place[slot] = -1
                self.b[slot] = 0.0
            else:
                self.order[to] = slot
                self.place[slot] = to
                to += 1
        self.n_face = to


cdef inline void rotate_pair(double* x, double* y, double c, double s) noexcept nogil:
    """(x, y) <- (c x + s y, c y - s x)."""
    cdef double z = x[0]
    x[0] = c * z + s * y[0]
    y[0] = c * y[0] - s * z
