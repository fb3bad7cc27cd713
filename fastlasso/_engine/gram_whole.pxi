# The factor of the whole face, made anew: for each alpha where there is a ridge part, else where rounding has built up.

cdef enum:
    # The factor is made by panels of this many columns, and each panel by parts.
    PANEL = 64
    PANEL_PART = 8


cdef class WholeFactor(FaceFactor):
    """The factor of the whole face, made anew."""

    cdef int rebuild(self, double alpha) except? -1 nogil:
        """Factor the face anew, because its ridge part has changed or the factor has gathered rounding.

        Where a column depends on those before it, the slots enter again one by one.
        """
        cdef ptrdiff_t f, count = self.n_face
        if count >= PANEL_PART and self._factor_whole(alpha):
            for f in range(count):
                self.zc[f] = self.left[self.order[f]]
                self.zs[f] = self.l1[self.order[f]] * self.sign[self.order[f]]
            self.solve_lower(self.zc, self.ldl, 1)
            self.solve_lower(self.zs, self.ldl, 1)
            return 0
        for f in range(count):
            self.entering[f] = self.order[f]
            self.place[self.order[f]] = -1
        self.n_face = 0
        self.append(count, alpha)
        return 0

    cdef bint _factor_whole(self, double alpha) except? -1 nogil:
        """Write all of L, a panel of columns after the other; return whether no column depends on those before it."""
        cdef ptrdiff_t k = self.n_face, start = 0, end, part, stop
        self._grow_block(PANEL, k)
        while start < k:
            end = min(start + PANEL, k)
            self._gather_columns(start, end, alpha)
            self._take_out(0, start, end)
            part = start
            while part < end:
                stop = min(part + PANEL_PART, end)
                self._take_out(start, part, stop)
                if not self._finish_columns(part, stop, alpha):
                    return False
                part = stop
            self.count_work((end - start) * end * (k - start))
            start = end
        return True

    cdef void _gather_columns(self, ptrdiff_t start, ptrdiff_t end, double alpha) noexcept nogil:
        """Write the columns start..end of (G + alpha l2)_FF, from the diagonal down, to L."""
        cdef ptrdiff_t k = self.n_face, f, i
        cdef double* column
        cdef const double* row
        for f in range(start, end):
            column, row = &self.L[0, f], &self.g[self.order[f], 0]
            for i in range(f, k):
                column[i] = row[self.order[i]]
            column[f] += alpha * self.l2[self.order[f]]

    cdef void _take_out(self, ptrdiff_t first, ptrdiff_t start, ptrdiff_t end) noexcept nogil:
        """Subtract from the columns start..end of L what they hold of the columns first..start."""
        cdef ptrdiff_t f, i
        if first == start:
            return
        for f in range(start, end):
            for i in range(first, start):
                self.block[f - start, i] = -self.L[f, i]
        KERNELS.combine_f64(&self.L[start, first], self.ldl, NULL, start - first, &self.block[0, first], 1,
                            self.block.shape[1], end - start, self.n_face - start, &self.L[start, start], self.ldl)

    cdef bint _finish_columns(self, ptrdiff_t start, ptrdiff_t end, double alpha) noexcept nogil:
        """Take what the columns start..end of L hold of each other out of them; return whether no pivot vanishes."""
        cdef ptrdiff_t k = self.n_face, f, i, c, slot
        cdef double pivot
        for f in range(start, end):
            slot = self.order[f]
            pivot = self.L[f, f]
            if not pivot > PIVOT_FLOOR * (self.g[slot, slot] + alpha * self.l2[slot]):
                return False
            pivot = sqrt(pivot)
            for i in range(f, k):
                self.L[i, f] /= pivot
            for c in range(f + 1, end):
                KERNELS.axpy(k - c, -self.L[c, f], &self.L[c, f], &self.L[c, c])
        return True
