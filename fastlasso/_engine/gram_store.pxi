# The problem on the working set, given the Gram matrix G of its columns and c = correlation_y, their products with y:
#
#     minimise over b   1/2 b'Gb - c'b + alpha sum_j ( l1_j |b_j| + l2_j/2 b_j^2 ),   lower <= b <= upper
#
# A slot is a column's position in the working set. The face is the set of slots whose b may differ from zero (the
# active set), each with the sign s of its b; s = 0 where l1 = 0. A slot whose b is at a bound other than zero is held
# there, off the face, as in bounded-variable least squares (Stark and Parker 1995). Seven classes solve the problem,
# each built on the one before it:
#
#     GramStore     gram_store.pxi    the arrays: G, the penalty, and the state of each slot
#     FaceFactor    gram_factor.pxi   the Cholesky factor of G on the face, which grows and shrinks with the face
#     WholeFactor   gram_whole.pxi    the same factor, made anew
#     FaceStep      gram_face.pxi     the face of one alpha, and the exact solution on it
#     KnotWalk      gram_knots.pxi    from knot to knot of the path, where the face does not settle at once
#     PrimalSet     gram_primal.pxi   the solution of one alpha from any point, where the path cannot be followed
#     GramProblem   gram.pxi          one alpha after another; coordinate descent; the duality gap
#
# A method whose name begins with an underscore is called in its own class only.

cdef enum:
    # A matrix with at most this many rows grows by little at a time: 4 MB.
    ROOMY = 700
    # New arrays from 4 MB on lie on huge pages, and up to 64 MB the old one may stand beside the new one.
    LEAST_HUGE = 1 << 22
    MOST_TWICE = 1 << 26
    # A value read or written across the rows of a large matrix takes as long as this many multiply-adds.
    ACROSS = 16

# The correlation of column j is rounded by about this times |x_j| |y|.
cdef double CORRELATION_ROUNDING = 1e-14

# The rows of `GramStore.state`: floats first, then integers of 64 bits.
cdef enum:
    ROW_CORRELATION_Y, ROW_CORRELATION, ROW_B, ROW_SIGN, ROW_L1, ROW_L2, ROW_LOWER, ROW_UPPER, ROW_LAST_SOLVED
    ROW_ZC, ROW_ZS
    ROW_HELD, ROW_LEFT
    ROW_WORK, ROW_MORE_WORK, ROW_KNOT_WORK, ROW_POINT
    N_REAL_ROWS

cdef enum:
    ROW_PLACE, ROW_PARKED
    ROW_ORDER
    ROW_GONE, ROW_ENTERING, ROW_COUNTS
    N_INTEGER_ROWS


cdef enlarged(matrix, ptrdiff_t used, ptrdiff_t need):
    """Return a square matrix of `need` rows or more that begins with the `used` leading rows and columns of `matrix`.

    Where there was none, it is not filled. A matrix that grows for the second time gets spare room: a little up to
    ROOMY rows, where it grows in place, so that old and new memory do not stand beside each other. From there on it
    moves to a new array, half as wide again. Memory that has grown lies on small pages, which the system finds one by
    one: that took a fifth of a path over 215 x 5,150. Arrays that grow by a quarter take more memory together than the
    C library keeps for the next path: each path then waits for 2,600 pages, 10 ms of 66. Where half as wide again would
    take more than MOST_TWICE bytes, it is a quarter, and beyond that the matrix grows in place.
    """
    cdef ptrdiff_t stride, side = need + max(32, need // 8) if used else need
    if matrix is None:
        return np.empty((side, side))
    stride = matrix.shape[0]
    if side > ROOMY and used:
        side = need + need // 2
        if 8 * side * side > MOST_TWICE:
            side = need + need // 4
    if LEAST_HUGE <= 8 * side * side <= MOST_TWICE:
        larger = np.empty((side, side))
        larger[:used, :used] = matrix[:used, :used]
        return larger
    matrix.resize((side, side), refcheck=False)
    if used:
        spread(matrix.reshape(-1), stride, used, matrix.reshape(-1), side)
    return matrix


cdef spread(const double[::1] rows, ptrdiff_t stride, ptrdiff_t used, double[::1] to, ptrdiff_t longer):
    """Copy rows of length `used` to a larger stride. The last row goes first: source and target may share memory."""
    cdef ptrdiff_t i, moved = 0
    for i in range(used - 1, -1, -1):
        memmove(&to[i * longer], &rows[i * stride], used * sizeof(double))
        moved += used
        if moved > SIGNAL_WORK:
            moved = 0
            PyErr_CheckSignals()


cdef inline void mirror(const double* source, ptrdiff_t stride, ptrdiff_t n, double* to) noexcept nogil:
    """to[i] = source[i * stride]."""
    cdef ptrdiff_t i
    for i in range(n):
        to[i] = source[i * stride]


cdef class GramStore:
    """G, the penalty and the state of each slot.

    Attributes
    ----------
    size : int
        Number of slots.
    G : ndarray of shape (capacity, capacity)
        The first `size` rows and columns are the Gram matrix.
    y_norm2 : float
        |y|^2.
    """
    cdef readonly ptrdiff_t size
    cdef readonly object G
    cdef readonly double y_norm2
    cdef ptrdiff_t capacity
    cdef double[:, ::1] g
    # All arrays below are rows of this one. Separate arrays would cost a small fit more time than its arithmetic.
    cdef object state
    # By slot: c, q = c - G b, b, the sign on the face, the penalty, and b at the last alpha that was solved.
    cdef vector _correlation_y, _correlation, b, sign, l1, l2, lower, upper, last_solved
    # By slot: its place in the face or -1, and whether it was refused at this alpha because it depends on the face.
    cdef int_vector place, parked
    # By slot: the bound at which b is held, 0 where it is not; c less what the held slots explain, which is c itself
    # where no slot is held, and `own_left` elsewhere.
    cdef vector held, left, own_left
    cdef ptrdiff_t n_held
    # By place in the face: the slot, and the two right-hand sides that `FaceFactor` carries along.
    cdef int_vector order
    cdef vector zc, zs
    # By slot: where the primal active set is.
    cdef vector point
    # Scratch; `entering` lists slots that are to enter the face.
    cdef vector work, more_work, knot_work
    cdef int_vector gone, entering, counts
    # The correlation q_j is rounded by about noise * |x_j|; `longest` is the largest |x_j|.
    cdef double noise, longest
    cdef bint has_ridge
    cdef ptrdiff_t work_done
    # The pool of the call that is running; None between calls.
    cdef object pool

    @property
    def correlation_y(self):
        """c = X'y, by slot."""
        return self.state[ROW_CORRELATION_Y, :self.size]

    @property
    def correlation(self):
        """q = c - G b = X'r, by slot, at the b of the last descent or gap."""
        return self.state[ROW_CORRELATION, :self.size]

    cdef grow(self, ptrdiff_t need):
        """Make room for `need` slots."""
        cdef ptrdiff_t m = self.size, capacity
        self.g = None       # no view of the old place is left
        self.g = self.G = enlarged(self.G, m, need)
        capacity = len(self.G)
        state = np.zeros((N_REAL_ROWS + N_INTEGER_ROWS, capacity))
        if m:
            state[:, :m] = self.state[:, :m]
        self.state, self.capacity = state, capacity
        self._point_at_rows(state)

    cdef _point_at_rows(self, double[:, ::1] state):
        cdef vector reals = &state[0, 0]
        cdef int_vector integers = <int_vector> &state[N_REAL_ROWS, 0]
        cdef ptrdiff_t m = self.capacity
        self._correlation_y, self._correlation = reals + ROW_CORRELATION_Y * m, reals + ROW_CORRELATION * m
        self.b, self.sign, self.last_solved = reals + ROW_B * m, reals + ROW_SIGN * m, reals + ROW_LAST_SOLVED * m
        self.l1, self.l2 = reals + ROW_L1 * m, reals + ROW_L2 * m
        self.lower, self.upper = reals + ROW_LOWER * m, reals + ROW_UPPER * m
        self.zc, self.zs = reals + ROW_ZC * m, reals + ROW_ZS * m
        self.held, self.own_left = reals + ROW_HELD * m, reals + ROW_LEFT * m
        self.left = self.own_left if self.n_held else self._correlation_y
        self.work, self.more_work = reals + ROW_WORK * m, reals + ROW_MORE_WORK * m
        self.knot_work, self.point = reals + ROW_KNOT_WORK * m, reals + ROW_POINT * m
        self.place, self.parked = integers + ROW_PLACE * m, integers + ROW_PARKED * m
        self.order, self.gone = integers + ROW_ORDER * m, integers + ROW_GONE * m
        self.entering, self.counts = integers + ROW_ENTERING * m, integers + ROW_COUNTS * m

    def extend(self, rows, correlation_y, l1, l2, lower, upper, pool=None):
        """Add t slots; `rows` (t, size + t) holds their inner products with all slots, old ones first."""
        cdef ptrdiff_t j, old = self.size, m = old + len(correlation_y)
        if m > self.capacity:
            self.grow(m)
        self.pool = pool
        try:
            self._store(rows, old, m)
        finally:
            self.pool = None
        for row, values in ((ROW_CORRELATION_Y, correlation_y), (ROW_L1, l1), (ROW_L2, l2), (ROW_LOWER, lower),
                            (ROW_UPPER, upper)):
            self.state[row, old:m] = values
        for j in range(old, m):
            self.begin_slot(j)
        self.size = m
        self.leave_held()

    cdef leave_held(self):
        """Form `left` anew: c itself where no slot is held."""
        cdef ptrdiff_t j
        self.left = self.own_left if self.n_held else self._correlation_y
        if not self.n_held:
            return
        memcpy(self.left, self._correlation_y, self.size * sizeof(double))
        for j in range(self.size):
            if self.held[j] != 0:
                KERNELS.axpy(self.size, -self.held[j], &self.g[j, 0], self.left)

    cdef void begin_slot(self, ptrdiff_t j) noexcept nogil:
        """Put slot j off the face, with b_j = 0. Row j of G and the penalty must be there before."""
        self._correlation[j] = self.b[j] = self.sign[j] = self.held[j] = 0.0
        self.place[j], self.parked[j] = -1, 0
        self.longest = max(self.longest, sqrt(max(self.g[j, j], 0.0)))
        if self.l2[j] > 0:
            self.has_ridge = True

    cdef _store(self, rows, ptrdiff_t old, ptrdiff_t m):
        """Write rows old..m of G and, by symmetry, its columns old..m. More threads would wait for the same memory."""
        cdef const double[:, ::1] straight = rows if rows.flags.c_contiguous else self._straightened(rows)
        cdef ptrdiff_t start = 0, step = MIRROR_TILE + SIGNAL_WORK // (ACROSS * max(m - old, 1))
        while start < m:
            self._store_columns(straight, start, min(start + step, m), old)
            self.count_work(ACROSS * (m - old) * step)
            start += step

    cdef _straightened(self, rows):
        """Return a copy that is stored by rows.

        It is made some rows at a time, to look for Ctrl-C: ten million transposed values take a tenth of a second.
        """
        cdef ptrdiff_t a, step = 1 + SIGNAL_WORK // (ACROSS * rows.shape[1])
        out = np.empty(rows.shape)
        for a in range(0, len(rows), step):
            out[a:a + step] = rows[a:a + step]
            self.count_work(SIGNAL_WORK)
        return out

    cdef _store_columns(self, const double[:, ::1] rows, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t old):
        """Write columns start..stop of the new rows of G.

        Columns of old slots are also mirrored, in tiles that stay in the first-level cache.
        """
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

    cdef replace_penalty(self, l1, l2, lower, upper):
        """Take another penalty and other bounds for all slots."""
        cdef ptrdiff_t m = self.size
        for row, values in ((ROW_L1, l1), (ROW_L2, l2), (ROW_LOWER, lower), (ROW_UPPER, upper)):
            self.state[row, :m] = values
        self.has_ridge = np.any(l2)

    cdef int count_work(self, ptrdiff_t work) except -1 nogil:
        """Count multiply-adds. After SIGNAL_WORK of them a signal handler may raise, and a stopping pool raises."""
        self.work_done += work
        if self.work_done >= SIGNAL_WORK:
            self.work_done = 0
            with gil:
                PyErr_CheckSignals()
                if self.pool is not None:
                    self.pool.check()
        return 0
