# From knot to knot of the path, where the face does not settle at once: many columns that nearly equal each other enter
# and leave one after another. Without a ridge part b_F and q are linear in alpha on a face,
#
#     b_F(alpha - t) = b_F + t slope,    q(alpha - t) = q - t pull,    slope = L^-T zs,    pull = G_.F slope,
#
# up to the knot where a member reaches zero or a bound, |q_j| reaches alpha l1_j, or a held slot is pulled back
# (Osborne, Presnell and Turlach 2000; Efron, Hastie, Johnstone and Tibshirani 2004).

cdef enum:
    # A walk crosses at most this many knots for each slot.
    KNOTS_PER_SLOT = 8
    # A walk is given up after this number plus the face's of knots at the same alpha.
    MAX_STUCK = 64

# A slot approaches its knot if it does so at more than this share of l1: copies of a face member stay where they are.
cdef double SMALLEST_RATE = 1e-9


cdef class KnotWalk(FaceStep):
    """The path as it is followed from knot to knot."""
    # By slot: the rates of b on the face and of q, per unit of alpha downwards.
    cdef vector slope, pull
    # The slot of the next knot.
    cdef ptrdiff_t at_knot
    # How many knots the last walk has crossed; 0 if there was no walk.
    cdef readonly ptrdiff_t n_crossed

    cdef double walk(self, double here, double alpha) except? -1 nogil:
        """Follow the path from `here`, where the present face is right, to `alpha`; return where it ended."""
        cdef double t
        cdef ptrdiff_t stuck = 0
        if isnan(self.factor_alpha):
            self.rebuild(here)
            self.factor_alpha = here
        self.coefficients(here)
        self.slope, self.pull = self.more_work, self.knot_work
        for self.n_crossed in range(KNOTS_PER_SLOT * self.size):
            self._rates()
            t = self._next_knot(here)
            if t >= here - alpha:
                return alpha
            stuck = 0 if t > 0 else stuck + 1
            if stuck > MAX_STUCK + self.n_face:
                return here
            self._advance(t)
            here -= t
            self._cross(here)
        return here

    cdef int _rates(self) except -1 nogil:
        """Form `slope` and `pull`."""
        cdef ptrdiff_t f, k = self.n_face
        for f in range(k):
            self.work[f] = self.zs[f]
        self.solve_upper(self.work)
        memset(self.pull, 0, self.size * sizeof(double))
        if k:
            KERNELS.combine_f64(&self.g[0, 0], self.capacity, self.order, k, self.work, 1, 0, 1, self.size, self.pull,
                                self.size)
        memset(self.slope, 0, self.size * sizeof(double))
        for f in range(k):
            self.slope[self.order[f]] = self.work[f]
        self.count_work(k * (k + self.size))
        return 0

    cdef double _next_knot(self, double alpha) noexcept nogil:
        """Return how far below alpha the next knot is, and keep its slot; infinite where there is none."""
        cdef ptrdiff_t j
        cdef double t, least = INFINITY
        for j in range(self.size):
            if self.place[j] >= 0:
                t = self._to_end(j)
            elif self.held[j] != 0:
                t = self._to_release(j, alpha)
            elif not self.parked[j]:
                t = self._to_entry(j, alpha)
            else:
                continue
            if t < least:
                least, self.at_knot = t, j
        return least

    cdef double _to_end(self, ptrdiff_t j) noexcept nogil:
        """How far a face member is from zero or the bound that it moves to."""
        cdef double slope = self.slope[j]
        return max((self.end_of(j, slope) - self.b[j]) / slope, 0.0) if slope != 0 else INFINITY

    cdef double end_of(self, ptrdiff_t j, double direction) noexcept nogil:
        """Return where a coefficient that moves in a direction must stop: at zero or its bound."""
        if self.sign[j] * direction < 0:
            return 0.0
        return self.upper[j] if direction > 0 else self.lower[j]

    cdef double _to_entry(self, ptrdiff_t j, double alpha) noexcept nogil:
        """How far a slot off the face is from entering with either sign."""
        cdef double t = INFINITY, q = self._correlation[j], pull = self.pull[j], l1 = self.l1[j]
        if l1 - pull > SMALLEST_RATE * l1 and self.upper[j] > 0:
            t = (alpha * l1 - q) / (l1 - pull)
        if l1 + pull > SMALLEST_RATE * l1 and self.lower[j] < 0:
            t = min(t, (alpha * l1 + q) / (l1 + pull))
        return max(t, 0.0)

    cdef double _to_release(self, ptrdiff_t j, double alpha) noexcept nogil:
        """How far a held slot is from being pulled back."""
        cdef double side = 1.0 if self.held[j] > 0 else -1.0, rate = side * self.pull[j] - self.l1[j]
        if rate <= SMALLEST_RATE * self.l1[j]:
            return INFINITY
        return max((side * self._correlation[j] - alpha * self.l1[j]) / rate, 0.0)

    cdef void _advance(self, double t) noexcept nogil:
        cdef ptrdiff_t j
        for j in range(self.size):
            self.b[j] += t * self.slope[j]
            self._correlation[j] -= t * self.pull[j]

    cdef int _cross(self, double alpha) except? -1 nogil:
        """Let the slot of the knot leave the face, enter it, be held or released."""
        cdef ptrdiff_t j = self.at_knot
        cdef double bound = 0.0
        if self.place[j] >= 0:
            if self.sign[j] * self.slope[j] >= 0:
                bound = self.upper[j] if self.slope[j] > 0 else self.lower[j]
            self.sign[j] = NAN
            self.delete(1)
            self.unpark()
            self.hold(j, bound)
            self.b[j] = bound
            return self.follow_holds()
        self.sign[j] = face_sign(self.l1[j], self.held[j] if self.held[j] != 0 else self._correlation[j])
        self.hold(j, 0.0)
        self.follow_holds()
        self.entering[0] = j
        self.append(1, alpha)
        return 0
