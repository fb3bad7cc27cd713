# The factor of the whole face, made anew: for each alpha where there is a ridge part, else where rounding has built up.


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
        cdef ptrdiff_t k = self.n_face, start = 0, end
        cdef double[PANEL] least
        self._grow_block(PANEL, k)
        while start < k:
            end = min(start + PANEL, k)
            self._gather_columns(start, end, alpha, least)
            if not factor_panel(&self.L[0, 0], self.ldl, k, start, end, &self.block[0, 0], self.block.shape[1], least):
                return False
            self.count_work((end - start) * end * (k - start))
            start = end
        return True

    cdef void _gather_columns(self, ptrdiff_t start, ptrdiff_t end, double alpha, double* least) noexcept nogil:
        """Write the columns start..end of (G + alpha l2)_FF, from the diagonal down, to L, and their least pivots."""
        cdef ptrdiff_t k = self.n_face, f, i
        cdef double* column
        cdef const double* row
        for f in range(start, end):
            column, row = &self.L[0, f], &self.g[self.order[f], 0]
            for i in range(f, k):
                column[i] = row[self.order[i]]
            column[f] += alpha * self.l2[self.order[f]]
            least[f - start] = PIVOT_FLOOR * column[f]
