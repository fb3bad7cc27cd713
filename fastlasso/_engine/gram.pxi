# The problem on the working set, solved down a list of alphas, or for one alpha by coordinate descent. The problem and
# the classes that this one is built on are described in gram_store.pxi.

# Steps down in alpha are given up once the next alpha would be above this share of the last one.
cdef double SMALLEST_STEP = 1 - 1e-7
cdef enum:
    # The path is followed to the next alpha, too, if the last walk has crossed at most this many knots. Trying the face
    # again first takes longer near saturation.
    FEW_KNOTS = 64
    # From one alpha to the next there are at most this many steps, and KNOTS_PER_SLOT more for each slot. On the way to
    # alpha 0 steps may become smaller as fast as alpha does.
    MOST_STEPS = 512


cdef inline double squared_loss_gap(double scale, double norm2) noexcept nogil:
    """Return what squared loss adds to the duality gap: (1 - scale)^2 |r|^2 / 2, with the dual point scale * r."""
    return 0.5 * (1 - scale) * (1 - scale) * norm2


@cython.final
cdef class GramProblem(PrimalSet):
    """The problem on the working set, given the Gram matrix of its columns.

    Parameters
    ----------
    capacity : int
        Number of slots to make room for; more are made when they are needed.
    y_norm2 : float
        |y|^2.
    """
    # Whether the face did not settle lately and few knots had to be crossed instead: then that is tried first.
    cdef bint follows

    def __cinit__(self, ptrdiff_t capacity=64, double y_norm2=0.0):
        self.y_norm2, self.noise = y_norm2, CORRELATION_ROUNDING * sqrt(y_norm2)
        self.grow(capacity)
        self.grow_factor(min(capacity, 64))

    # ------------------------------------------------------------ face steps

    def solve(self, const double[::1] before, double here, const double[::1] alphas, ptrdiff_t start,
              double[:, ::1] B, double[:, ::1] Q=None, double enough=0.0, pool=None):
        """Solve alphas[start:] in order by face steps, from the solution `before` at the alpha `here`.

        Solutions are exact but for rounding, or have a gap of at most `enough` where columns nearly depend on others.
        Rows of B and, where wanted, Q get b and q = c - G b. Returns (status, at): SOLVED and len(alphas), or why and
        where it stopped.
        """
        cdef ptrdiff_t at = start
        cdef int status = SOLVED
        self.pool, self.enough = pool, enough
        try:
            with nogil:
                self.put_face(&before[0], here)
                memcpy(self.b, &before[0], self.size * sizeof(double))
                while at < alphas.shape[0]:
                    status = self.go_to(here, alphas[at])
                    if status != SOLVED:
                        break
                    here = alphas[at]
                    memcpy(&B[at, 0], self.b, self.size * sizeof(double))
                    if Q is not None:
                        self.correlate_all()
                        memcpy(&Q[at, 0], self._correlation, self.size * sizeof(double))
                    at += 1
        finally:
            self.pool = None
        return status, at

    cdef int go_to(self, double here, double alpha) except? -1 nogil:
        """Go from the solution at `here` to `alpha`: in one step if the face settles, else from knot to knot.

        With a ridge part the path between is not known. From where the walk ends the primal active set goes on. Where
        rounding holds that up, there are ever smaller steps: one that is small enough crosses one knot.
        """
        cdef double there = alpha
        cdef ptrdiff_t step
        cdef bint walks
        cdef int status = FAILED
        memcpy(self.last_solved, self.b, self.size * sizeof(double))
        for step in range(MOST_STEPS + KNOTS_PER_SLOT * self.size):
            walks = there == alpha and isfinite(here) and not self.has_ridge
            status = FAILED if walks and self.follows else self._solve_or_nearly(there)
            if status == FAILED and there == alpha:
                memcpy(self.point, self.last_solved, self.size * sizeof(double))
                if walks:
                    here = self._walk_near(here, alpha)
                status = self._minimise_nearly(alpha)
            if status == SOLVED:
                if there == alpha:
                    return SOLVED
                memcpy(self.last_solved, self.b, self.size * sizeof(double))
                there, here = max(alpha, there * (there / here) ** 2), there
            elif isfinite(here) and there < SMALLEST_STEP * here:
                self.put_face(self.last_solved, here)
                there = sqrt(here * max(there, 1e-3 * here))
            else:
                return status
        return FAILED

    cdef int _solve_or_nearly(self, double alpha) except? -1 nogil:
        """Solve for one alpha from the present face. Return SOLVED, if only within the gap `enough`, or FAILED.

        A slot that was released from its bound and parked is zero now, and another may be beyond its bound instead.
        """
        cdef int status = self.solve_at(alpha)
        if status == PARKED:
            self.coefficients(alpha)
            return self._settled_nearly(alpha)
        return status

    cdef int _settled_nearly(self, double alpha) noexcept nogil:
        """Return SOLVED if the solution on the face is within its bounds and the gap `enough`, or FAILED."""
        self.correlate_all()
        if self._is_within_bounds() and self.gap_at(alpha, self.b, self.residual_norm2(self.b)) <= self.enough:
            return SOLVED
        return FAILED

    cdef double _walk_near(self, double here, double alpha) except? -1 nogil:
        """Follow the path from `here` towards `alpha`, to `point`; return from where to go on if that is not enough."""
        cdef double reached
        self.put_face(self.last_solved, here)
        reached = self.walk(here, alpha)
        memcpy(self.point, self.b, self.size * sizeof(double))
        self.follows = reached <= alpha and self.n_crossed <= FEW_KNOTS
        if reached <= alpha:
            return here
        memcpy(self.last_solved, self.b, self.size * sizeof(double))
        return reached

    cdef int _minimise_nearly(self, double alpha) except? -1 nogil:
        """Solve for one alpha by the primal active set from `point`; return SOLVED as `_solve_or_nearly`, or FAILED."""
        cdef int status = self.minimise(alpha)
        return SOLVED if status == SOLVED else self._settled_nearly(alpha)

    cdef bint _is_within_bounds(self) noexcept nogil:
        """Whether no face member is beyond a bound."""
        cdef ptrdiff_t f, j
        for f in range(self.n_face):
            j = self.order[f]
            if self.b[j] < self.lower[j] or self.b[j] > self.upper[j]:
                return False
        return True

    # ------------------------------------------------------------ coordinate descent

    def descend(self, double alpha, double[::1] b, double tol, int max_epochs, pool=None):
        """Update b by cyclic soft-threshold coordinate descent until the gap of the working set is at most `tol`.

        Coordinate j:  b_j <- clip( S(q_j + G_jj b_j, alpha l1_j) / (G_jj + alpha l2_j), lower_j, upper_j ),
        and q <- q - (change of b_j) G[j].  Returns (gap, epochs).
        """
        cdef int epoch = 0
        cdef double gap = INFINITY, moved
        self.pool = pool
        try:
            with nogil:
                self._correlate(&b[0])
                while epoch < max_epochs:
                    moved = self._sweep(alpha, &b[0])
                    epoch += 1
                    self.count_work(self.size * self.size)
                    if epoch % 8 == 0 or moved == 0:
                        gap = self.gap_at(alpha, &b[0], self.residual_norm2(&b[0]))
                        if gap <= tol or moved == 0:
                            break
        finally:
            self.pool = None
        return gap, epoch

    cdef double _sweep(self, double alpha, double* b) noexcept nogil:
        """Update each coordinate once; return the largest |change of b_j| |x_j|."""
        cdef ptrdiff_t j, m = self.size
        cdef double best, delta, moved = 0.0
        cdef double* q = self._correlation
        for j in range(m):
            best = prox(q[j] + self.g[j, j] * b[j], self.g[j, j], alpha * self.l1[j], alpha * self.l2[j],
                        self.lower[j], self.upper[j])
            delta = best - b[j]
            if delta != 0:
                b[j] = best     # b + delta might be rounded to beyond a bound
                KERNELS.axpy(m, -delta, &self.g[j, 0], q)
                moved = max(moved, fabs(delta) * sqrt(self.g[j, j]))
        return moved

    cdef void _correlate(self, const double* b) noexcept nogil:
        """q = c - G b."""
        cdef ptrdiff_t j
        memcpy(self._correlation, self._correlation_y, self.size * sizeof(double))
        for j in range(self.size):
            if b[j] != 0:
                KERNELS.axpy(self.size, -b[j], &self.g[j, 0], self._correlation)

    def product(self, const double[::1] b):
        """Return G b."""
        cdef ptrdiff_t j
        out = np.zeros(self.size)
        cdef double[::1] to = out
        with nogil:
            for j in range(self.size):
                if b[j] != 0:
                    KERNELS.axpy(self.size, b[j], &self.g[j, 0], &to[0])
        return out

    # ------------------------------------------------------------ the duality gap

    def gap(self, double alpha, const double[::1] b):
        """Return the duality gap at b of the problem on the working set; `correlation` becomes c - G b."""
        self._correlate(&b[0])
        return self.gap_at(alpha, &b[0], self.residual_norm2(&b[0]))

    cdef double residual_norm2(self, const double* b) noexcept nogil:
        """Return |y - X b|^2 = |y|^2 - b.(c + q), where q = c - G b is known."""
        cdef ptrdiff_t j
        cdef double norm2 = self.y_norm2
        for j in range(self.size):
            norm2 -= b[j] * (self._correlation_y[j] + self._correlation[j])
        return max(norm2, 0.0)

    cdef double gap_at(self, double alpha, const double* b, double norm2) noexcept nogil:
        """Return the duality gap at b, where the residual's square `norm2` and q = c - G b are known."""
        cdef ptrdiff_t j
        cdef double scale = 1.0
        for j in range(self.size):
            scale = min(scale, feasible_scale(self._correlation[j], alpha * self.l1[j], alpha * self.l2[j],
                                              self.lower[j], self.upper[j]))
        return self.plus_penalty(squared_loss_gap(scale, norm2), alpha, b, scale)

    cdef double plus_penalty(self, double gap, double alpha, const double* b, double scale) noexcept nogil:
        """Return `gap` plus what the penalty adds to it, with the dual point scale * r."""
        cdef ptrdiff_t j
        for j in range(self.size):
            gap += fenchel_young(b[j], scale * self._correlation[j], alpha * self.l1[j], alpha * self.l2[j],
                                 self.lower[j], self.upper[j], self.g[j, j])
        return gap
