# The face step: at one alpha, find the face and solve on it,
#
#     (G + alpha l2)_FF b_F = c_F - alpha (l1 s)_F,     b = 0 elsewhere.
#
# The face is right if b_F has the signs s and is within its bounds, |q_j| <= alpha l1_j for all slots off the face
# that are zero, and q_j pulls outwards for all that are held at a bound; q = c - G b. In place of c there is `left`,
# which is c less what held slots explain.

cdef enum:
    SOLVED = 0
    FAILED = 1      # the face did not settle
    PARKED = 2      # the face is right but for parked slots that violate their condition

cdef enum:
    # An alpha takes at most this many primal-dual active set steps; 3 to 5 are usual.
    MAX_FACE_STEPS = 25
    # The face does not settle if more than this many steps in a row bring no new least number of wrong slots.
    MAX_STALLED_STEPS = 4
    # The face does not settle if more slots are to change at once than this number plus half the face.
    MIN_CHANGED = 64
    # The equations of this many face members are checked after each solve.
    SAMPLED_ROWS = 32

# The optimality conditions inside the working set hold up to this relative slack.
cdef double FACE_TOLERANCE = 1e-11
# A parked slot may violate its condition by this much, relatively: such a violation is rounding.
cdef double PARKED_TOLERANCE = 1e-8
# A dependent column is a combination of face columns. A coefficient of it up to this size counts as zero.
cdef double SMALLEST_SHARE = 1e-12


cdef inline bint is_wrong(double b, double sign, double lower, double upper) noexcept nogil:
    """Whether b is on the wrong side of zero: against its sign, or beyond a bound of zero."""
    return b * sign < 0 or b < 0 == lower or b > 0 == upper


cdef class FaceStep(WholeFactor):
    """The face of one alpha, and the exact solution on it."""
    # A gap that is small enough where only parked slots violate their condition.
    cdef double enough
    cdef ptrdiff_t n_steps
    # Slots without an L1 part among those that are to enter: they are in every face.
    cdef ptrdiff_t n_certain

    cdef int solve_at(self, double alpha) except? -1 nogil:
        """Solve for one alpha, starting from the present face. Return SOLVED, FAILED or PARKED."""
        cdef int status
        if isnan(self.factor_alpha) or self.has_ridge and alpha != self.factor_alpha:
            self.rebuild(alpha)
        self.factor_alpha = alpha
        status = self._settle(alpha)
        if status == SOLVED:
            self.refine(alpha)
        return status

    cdef int put_face(self, const double* b, double alpha) except? -1 nogil:
        """Make the face the support of b, with its signs, and hold what is at a bound other than zero."""
        cdef ptrdiff_t j, n_out = 0, n_in = 0
        self.unpark()
        for j in range(self.size):
            self.hold(j, b[j] if b[j] == self.lower[j] or b[j] == self.upper[j] else 0.0)
            if self.place[j] >= 0 and (b[j] == 0 or self.held[j] != 0 or face_sign(self.l1[j], b[j]) != self.sign[j]):
                self.sign[j] = NAN
                n_out += 1
        if n_out:
            self.delete(n_out)
        self.follow_holds()
        for j in range(self.size):
            if self.place[j] < 0 and b[j] != 0 and self.held[j] == 0:
                self.sign[j] = face_sign(self.l1[j], b[j])
                self.entering[n_in] = j
                n_in += 1
        if n_in and not isnan(self.factor_alpha):
            self.append(n_in, self.factor_alpha if self.has_ridge else 0.0)
        return 0

    cdef int _settle(self, double alpha) except? -1 nogil:
        """Primal-dual active set: correct all wrong slots at once until none is left."""
        cdef ptrdiff_t n_out, n_in, most, n_changed, best = self.size + 1, swaps = 0
        cdef int stall = 0, step = 0
        self.unpark()
        while step < MAX_FACE_STEPS:
            self.n_steps += 1
            self.coefficients(alpha)
            n_out = self._leavers()
            n_in = self._enterers(alpha)
            if n_out + n_in == 0 and self.worst_parked(alpha) < 0:
                return SOLVED
            self.count_work(self.size * self.n_face)
            most = MIN_CHANGED + self.n_face // 2
            if n_out > most:
                self._keep_leavers()
                return FAILED
            most += self.n_certain
            n_changed = self._correct(n_out, n_in, most, alpha)
            if n_changed > most:
                return FAILED
            if n_changed == 0:
                swaps += 1
                if swaps > self.n_face or not self._swap(alpha):
                    return PARKED
                continue
            step += 1
            stall = 0 if n_out + n_in < best else stall + 1
            best = min(best, n_out + n_in)
            if stall > MAX_STALLED_STEPS:
                return FAILED
        return FAILED

    cdef ptrdiff_t _correct(self, ptrdiff_t n_out, ptrdiff_t n_in, ptrdiff_t most, double alpha) except? -1 nogil:
        """Let the wrong slots leave, and enter until more than `most` have; return how many did.

        The face does not change if no slot leaves and all that were to enter depend on it. Near copies of one column,
        all wrong with the same sign, enter one a step: at once they would get large coefficients of opposite signs.
        """
        cdef ptrdiff_t n_done = 0
        if n_out:
            self.delete(n_out)
            self.unpark()
        self.follow_holds()
        if n_in:
            n_done = self.append(n_in, alpha, most)
        return n_out + n_done

    # ------------------------------------------------------------ the solution on the face

    cdef int coefficients(self, double alpha) except -1 nogil:
        """b as in `face_solution`; q = c - G b, at least off the face."""
        self.face_solution(alpha)
        if 2 * self.n_face < self.size:
            self.correlate_all()
        else:
            self._correlate_off_face()
        return 0

    cdef int face_solution(self, double alpha) except -1 nogil:
        """b = L^-T (zc - alpha zs) on the face; off it 0, or the bound that a slot is held at."""
        cdef ptrdiff_t k = self.n_face, f
        cdef double* x = self.work
        for f in range(k):
            x[f] = self.zc[f] - alpha * self.zs[f]
        self.solve_upper(x)
        memcpy(self.b, self.held, self.size * sizeof(double))
        for f in range(k):
            self.b[self.order[f]] = x[f]
        self.count_work(k * k)
        return 0

    cdef void correlate_all(self) noexcept nogil:
        """q = left - (G b)_F, row by row of the face."""
        cdef ptrdiff_t k = self.n_face, f
        cdef double* minus = self.work
        for f in range(k):
            minus[f] = -self.b[self.order[f]]
        memcpy(self._correlation, self.left, self.size * sizeof(double))
        if k:
            KERNELS.combine_f64(&self.g[0, 0], self.capacity, self.order, k, minus, 1, 0, 1, self.size,
                                self._correlation, self.size)

    cdef void _correlate_off_face(self) noexcept nogil:
        """q = c - G b for the slots off the face: the cheaper way once the face holds most slots."""
        cdef ptrdiff_t j, count = 0
        cdef int64_t* off_face = self.counts
        for j in range(self.size):
            if self.place[j] < 0:
                off_face[count] = j
                count += 1
        self._correlate_at(off_face, count)

    cdef void _correlate_at(self, const int64_t* slots, ptrdiff_t count) noexcept nogil:
        """q = c - G b for some slots."""
        cdef ptrdiff_t s
        cdef double* sums = self.work
        memset(sums, 0, count * sizeof(double))
        KERNELS.dots_f64(&self.g[0, 0], self.capacity, slots, count, self.b, 0, 1, self.size, sums, 1, 0)
        for s in range(count):
            self._correlation[slots[s]] = self._correlation_y[slots[s]] - sums[s]

    cdef double _residual(self, double alpha, const int64_t* slots, ptrdiff_t count) noexcept nogil:
        """work = q - alpha (l1 s + l2 b), the residual of the equations of some face members; return the largest."""
        cdef ptrdiff_t i, j
        cdef double worst = 0.0
        self._correlate_at(slots, count)
        for i in range(count):
            j = slots[i]
            self.work[i] = self._correlation[j] - alpha * (self.l1[j] * self.sign[j] + self.l2[j] * self.b[j])
            worst = max(worst, fabs(self.work[i]))
        return worst

    cdef int refine(self, double alpha) except? -1 nogil:
        """Refine the solution once where rounding has built up. If that is not enough, have the factor rebuilt.

        The equations of a few face members are checked first, of other ones each time. If they hold, nothing is done.
        """
        cdef ptrdiff_t f, j, k = self.n_face, n_sampled = min(k, SAMPLED_ROWS)
        cdef double before, target = FACE_TOLERANCE * alpha + 10 * self.noise * self.longest
        cdef ptrdiff_t first = self.n_steps * SAMPLED_ROWS % max(k - n_sampled + 1, 1)
        if self._residual(alpha, &self.order[first], n_sampled) <= target:
            return 0
        before = self._residual(alpha, self.order, k)
        self.count_work(k * self.size)
        self.solve_lower(self.work, self.capacity, 1)
        self.solve_upper(self.work)
        for f in range(k):
            j = self.order[f]
            self.b[j] = min(max(self.b[j] + self.work[f], self.lower[j]), self.upper[j])
        if self._residual(alpha, self.order, k) > max(100 * target, 0.1 * before):
            self.factor_alpha = NAN
        return 0

    # ------------------------------------------------------------ wrong slots

    cdef ptrdiff_t _leavers(self) noexcept nogil:
        """Mark the wrong face members by a sign of NAN, and hold those beyond a bound; return their number."""
        cdef ptrdiff_t f, j, count = 0
        for f in range(self.n_face):
            j = self.order[f]
            if is_wrong(self.b[j], self.sign[j], self.lower[j], self.upper[j]):
                self.sign[j] = NAN
                count += 1
            elif self.b[j] < self.lower[j] or self.b[j] > self.upper[j]:
                self.hold(j, self.lower[j] if self.b[j] < 0 else self.upper[j])
                self.sign[j] = NAN
                count += 1
        return count

    cdef void _keep_leavers(self) noexcept nogil:
        """Undo the marks of `_leavers`: the sign was that of b beyond a bound, and the opposite elsewhere."""
        cdef ptrdiff_t f, slot
        for f in range(self.n_face):
            slot = self.order[f]
            if isnan(self.sign[slot]):
                self.sign[slot] = face_sign(self.l1[slot], self.b[slot] if self.held[slot] != 0 else -self.b[slot])
                self.hold(slot, 0.0)

    cdef ptrdiff_t _enterers(self, double alpha) noexcept nogil:
        """List in `entering` the slots off the face that violate |q| <= alpha l1, with signs; return their number.

        Slots that are held and pulled back from their bound are released and listed, too.
        """
        cdef ptrdiff_t j, count = 0
        cdef const double* q = self._correlation
        self.n_certain = 0
        for j in range(self.size):
            if self.place[j] >= 0 or self.parked[j] or self.held[j] == 0 and fabs(q[j]) <= alpha * self.l1[j]:
                continue
            if not self.is_violated(j, alpha):
                continue
            self.sign[j] = face_sign(self.l1[j], self.held[j] if self.held[j] != 0 else q[j])
            self.hold(j, 0.0)
            self.entering[count] = j
            self.n_certain += self.l1[j] == 0
            count += 1
        return count

    cdef bint is_violated(self, ptrdiff_t j, double alpha) noexcept nogil:
        """Whether the objective falls as the b of a slot off the face leaves zero or the bound that it is held at."""
        cdef double q = self._correlation[j]
        cdef double limit = alpha * self.l1[j] * (1 + FACE_TOLERANCE) + self.noise * sqrt(self.g[j, j])
        if self.held[j] != 0:
            return self._is_pulled_back(j, alpha)
        return q > limit and self.upper[j] > 0 or q < -limit and self.lower[j] < 0

    cdef bint _is_pulled_back(self, ptrdiff_t j, double alpha) noexcept nogil:
        """Whether the objective falls as the b of a held slot goes back from its bound."""
        cdef double side = 1.0 if self.held[j] > 0 else -1.0
        cdef double cost = alpha * (self.l1[j] + self.l2[j] * fabs(self.held[j]))
        return side * self._correlation[j] < cost * (1 - FACE_TOLERANCE) - self.noise * sqrt(self.g[j, j])

    # ------------------------------------------------------------ parked slots: their columns depend on the face

    cdef void unpark(self) noexcept nogil:
        memset(self.parked, 0, self.size * sizeof(int64_t))

    cdef ptrdiff_t worst_parked(self, double alpha) noexcept nogil:
        """Return the parked slot whose |q| exceeds alpha l1 most, relatively; -1 if none does by more than rounding."""
        cdef ptrdiff_t j, worst = -1
        cdef double limit, violation, most = PARKED_TOLERANCE
        for j in range(self.size):
            if self.parked[j]:
                limit = alpha * self.l1[j]
                violation = (fabs(self._correlation[j]) - limit) / (limit + 1e4 * self.noise * sqrt(self.g[j, j]))
                if violation > most:
                    most, worst = violation, j
        return worst

    cdef bint _swap(self, double alpha) except? -1 nogil:
        """Let the worst parked slot j take the place of a face member; return whether it did.

        Its column is x_j = X_F u. A move of b_j by t sign(q_j) and of b_F by -t sign(q_j) u leaves the fit as it is,
        and lowers the penalty while |q_j| = alpha |u.s| exceeds alpha l1_j. The first member to reach zero leaves. It
        comes back where rounding still makes x_j depend on the others.
        """
        cdef ptrdiff_t j = self.worst_parked(alpha), f, leaver
        cdef double side, sign
        cdef double* u = self.work
        if j < 0:
            return False
        side = 1.0 if self._correlation[j] > 0 else -1.0
        for f in range(self.n_face):
            u[f] = self.g[j, self.order[f]]
        self.solve_lower(u, self.capacity, 1)
        self.solve_upper(u)
        leaver = self._first_at_zero(u, side)
        if leaver < 0:
            return False
        sign, self.sign[leaver] = self.sign[leaver], NAN
        self.delete(1)
        self.unpark()
        self.sign[j], self.entering[0] = side, j
        if self.append(1, alpha) == 1:
            return True
        self.sign[leaver], self.entering[0] = sign, leaver
        self.append(1, alpha)
        return False

    cdef ptrdiff_t _first_at_zero(self, const double* u, double side) noexcept nogil:
        """Return the face member that reaches zero first as b_F moves by -t side u, t > 0; -1 if none ever does."""
        cdef ptrdiff_t f, slot, first = -1
        cdef double step, least = INFINITY
        for f in range(self.n_face):
            slot = self.order[f]
            if self.sign[slot] * side * u[f] > SMALLEST_SHARE:
                step = fabs(self.b[slot] / u[f])
                if step < least:
                    least, first = step, slot
        return first
