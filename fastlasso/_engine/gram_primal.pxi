# A primal active set, where neither the face settles nor the path can be followed: with nearly as many columns in use
# as the rank allows, one wrong slot makes a face step exchange half the face. Here a point within its bounds moves:
#
#     towards the minimiser on its face, until a member reaches zero or a bound, where it leaves the face;
#     at the minimiser the slot off the face that violates its condition most enters
#
# (Lawson and Hanson 1974, chapter 23; Stark and Parker 1995). Where the column of slot j depends on the face,
# x_j = X_F u, the point slides: b_j by t, b_F by -t u, so that the fit stays, until a member leaves and j takes its
# place. Each step lowers the objective but for rounding. Whatever the point at the start, the columns of the face are
# independent: at most as many as the rank.

cdef enum:
    # At most this many steps for each slot.
    PRIMAL_STEPS_PER_SLOT = 8


cdef class PrimalSet(KnotWalk):
    """The solution of one alpha from any point within the bounds, one slot after another."""

    cdef int minimise(self, double alpha) except? -1 nogil:
        """Solve for one alpha from `point`. Return SOLVED, PARKED if refused slots still violate, or FAILED.

        A slot is refused until the objective has fallen where rounding lets it neither enter nor slide. The point is
        put within its bounds first: they may be others than those it was found under.
        """
        cdef ptrdiff_t j, step, stuck = 0
        cdef double objective, lowest = INFINITY
        if isnan(self.factor_alpha) or self.has_ridge and alpha != self.factor_alpha:
            self.rebuild(alpha)
        self.factor_alpha = alpha
        for j in range(self.size):
            self.point[j] = min(max(self.point[j], self.lower[j]), self.upper[j])
        self.put_face(self.point, alpha)
        self._make_independent(alpha)
        for step in range(PRIMAL_STEPS_PER_SLOT * self.size):
            self.face_solution(alpha)
            if self._leave_on_the_way():
                continue
            self.correlate_all()
            self.count_work(self.n_face * self.size)
            objective = self._objective(alpha)
            if objective < lowest:
                lowest, stuck = objective, 0
                self.unpark()
            else:
                stuck += 1
            if stuck > MAX_STUCK + self.n_face:
                return FAILED
            if not self._let_in(alpha):
                self.refine(alpha)
                return SOLVED if self.worst_parked(alpha) < 0 else PARKED
        return FAILED

    cdef double _objective(self, double alpha) noexcept nogil:
        """Return |y - X b|^2 / 2 plus the penalty, where q is known."""
        cdef ptrdiff_t j
        cdef double twice = self.y_norm2
        for j in range(self.size):
            twice -= self.b[j] * (self._correlation_y[j] + self._correlation[j])
            twice += alpha * (2 * self.l1[j] * fabs(self.b[j]) + self.l2[j] * self.b[j] * self.b[j])
        return 0.5 * twice

    # ------------------------------------------------------------ members leave

    cdef bint _leave_on_the_way(self) except -1 nogil:
        """Move towards the minimiser b on the face; return whether members reached their end before it, and left.

        Those that would leave at once are refused: rounding has given them the wrong sign.
        """
        cdef ptrdiff_t f, j, n_out = 0
        cdef double least = 1.0
        for f in range(self.n_face):
            j = self.order[f]
            least = min(least, self._steps_to_end(j, self.b[j] - self.point[j]))
        for f in range(self.n_face):
            j = self.order[f]
            if least < 1 and self._steps_to_end(j, self.b[j] - self.point[j]) <= least:
                self._stop(j, self.b[j] - self.point[j])
                self.parked[j] = least == 0
                n_out += 1
            else:
                self.point[j] = self.b[j] if least == 1 else self.point[j] + least * (self.b[j] - self.point[j])
        if n_out:
            self.delete(n_out)
            self.follow_holds()
        return n_out > 0

    cdef double _steps_to_end(self, ptrdiff_t j, double direction) noexcept nogil:
        """How many steps of size `direction` take slot j to its end."""
        if direction == 0:
            return INFINITY
        return max((self.end_of(j, direction) - self.point[j]) / direction, 0.0)

    cdef void _stop(self, ptrdiff_t j, double direction) noexcept nogil:
        """Put slot j at its end, held there if that is a bound, and mark it to leave the face."""
        self.point[j] = self.end_of(j, direction)
        self.hold(j, self.point[j])
        self.sign[j] = NAN

    # ------------------------------------------------------------ slots enter

    cdef bint _let_in(self, double alpha) except -1 nogil:
        """Let the slot that violates its condition most enter or slide; return False if none is left that can."""
        cdef ptrdiff_t j = self._worst_violator(alpha)
        while j >= 0:
            if self._enter_or_slide(j, alpha):
                return True
            j = self._worst_violator(alpha)
        return False

    cdef ptrdiff_t _worst_violator(self, double alpha) noexcept nogil:
        """Return the slot off the face, not refused, of the largest violation per norm of its column; -1 if none."""
        cdef ptrdiff_t j, worst = -1
        cdef double violation, most = 0.0
        for j in range(self.size):
            if self.place[j] < 0 and not self.parked[j] and self.is_violated(j, alpha):
                violation = fabs(fabs(self._correlation[j]) - alpha * self.l1[j]) / sqrt(self.g[j, j])
                if violation > most:
                    most, worst = violation, j
        return worst

    cdef bint _enter_or_slide(self, ptrdiff_t j, double alpha) except -1 nogil:
        """Let slot j enter, or slide if it depends on the face; return False, and refuse it, where neither can be."""
        cdef double bound = self.held[j]
        cdef double sign = face_sign(self.l1[j], bound if bound != 0 else self._correlation[j])
        cdef double side = copysign(1.0, -bound if bound != 0 else self._correlation[j])
        self.hold(j, 0.0)
        self.follow_holds()
        self.entering[0], self.sign[j] = j, sign
        if self.append(1, alpha) == 1:
            return True
        self._express(j)
        if self._slide(j, sign, side, alpha):
            return True
        self.hold(j, bound)
        self.follow_holds()
        return False

    # ------------------------------------------------------------ slides along dependent columns

    cdef int _express(self, ptrdiff_t j) except -1 nogil:
        """knot_work = u by slot, with x_j = X_F u."""
        cdef ptrdiff_t f
        for f in range(self.n_face):
            self.work[f] = self.g[j, self.order[f]]
        self.solve_lower(self.work, self.capacity, 1)
        self.solve_upper(self.work)
        self.count_work(self.n_face * self.n_face)
        for f in range(self.n_face):
            self.knot_work[self.order[f]] = self.work[f] if fabs(self.work[f]) > SMALLEST_SHARE else 0.0
        return 0

    cdef bint _slide(self, ptrdiff_t j, double sign, double side, double alpha) except -1 nogil:
        """Move b_j by t side and b_F by -t side u until one reaches its end; return whether it could be done.

        A member that reaches its end makes room for j. If j depends on the others, too, by rounding, all is undone.
        """
        cdef ptrdiff_t first = j
        cdef double t, was, sign_of_first
        self.sign[j] = sign
        t = self._first_end(j, side, &first)
        if not isfinite(t):
            self.sign[j] = 0.0
            return False
        sign_of_first, was = self.sign[first], self.point[first]
        self._move(j, first, side, t)
        if first == j:
            self.sign[j] = 0.0
            self.follow_holds()
            return True
        self.delete(1)
        self.follow_holds()
        self.entering[0] = j
        if self.append(1, alpha) == 1:
            return True
        self.hold(first, 0.0)
        self.follow_holds()
        self.entering[0], self.sign[first] = first, sign_of_first
        self.append(1, alpha)
        self._move(j, first, side, -t)
        self.point[first] = was if self.place[first] >= 0 else 0.0
        return False

    cdef double _first_end(self, ptrdiff_t j, double side, ptrdiff_t* first) noexcept nogil:
        """Return how far slot j slides until it or a member of the face is at its end, and which that is."""
        cdef ptrdiff_t f, slot
        cdef double t, least = self._steps_to_end(j, side)
        for f in range(self.n_face):
            slot = self.order[f]
            t = self._steps_to_end(slot, -side * self.knot_work[slot])
            if t < least:
                least, first[0] = t, slot
        return least

    cdef void _move(self, ptrdiff_t j, ptrdiff_t first, double side, double t) noexcept nogil:
        """Slide by t; where t > 0 `first` stops at its end."""
        cdef ptrdiff_t f, slot
        cdef double direction = side if first == j else -side * self.knot_work[first]
        for f in range(self.n_face):
            slot = self.order[f]
            self.point[slot] -= t * side * self.knot_work[slot]
        self.point[j] += t * side
        if t >= 0:
            self._stop(first, direction)

    cdef int _make_independent(self, double alpha) except -1 nogil:
        """Slide along each slot in use that depends on the face, to where the penalty falls, until one leaves.

        Where rounding forbids that, the slot becomes zero.
        """
        cdef ptrdiff_t j
        cdef double rate, side
        for j in range(self.size):
            if self.point[j] == 0 or self.place[j] >= 0 or self.held[j] != 0:
                continue
            self._express(j)
            rate = self._penalty_rate(j)
            side = copysign(1.0, -rate if rate != 0 else -self.point[j])
            if not self._slide(j, face_sign(self.l1[j], self.point[j]), side, alpha):
                self.point[j] = 0.0
        self.unpark()
        return 0

    cdef double _penalty_rate(self, ptrdiff_t j) noexcept nogil:
        """Return how fast the L1 part grows as slot j slides upwards."""
        cdef ptrdiff_t f, slot
        cdef double rate = self.l1[j] * face_sign(self.l1[j], self.point[j])
        for f in range(self.n_face):
            slot = self.order[f]
            rate -= self.l1[slot] * self.sign[slot] * self.knot_work[slot]
        return rate
