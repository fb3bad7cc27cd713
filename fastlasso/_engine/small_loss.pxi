# A loss on a small sample, for `SmallRisk`: what `losses/` has in Python for the solver of large problems.

cdef enum:
    LOG_LOSS, POISSON, GAMMA

SMALL_LOSSES = {"log_loss": LOG_LOSS, "poisson": POISSON, "gamma": GAMMA}


cdef inline double weighted(double w, double value) noexcept nogil:
    """w value; 0 for a sample of weight 0, whose value may be infinite."""
    return w * value if w != 0 else 0.0


cdef class SmallLoss:
    """The weighted mean of a loss on a sample, as a function of the scores.

    The weights `w` sum to one. Values of samples of weight 0 do not count, infinite ones either.
    """
    cdef ptrdiff_t n
    cdef int kind
    # By sample: y, weights, offset, scores, residuals, the same times the weights, dual point, and scratch.
    cdef double[:, ::1] samples
    cdef vector y, w, offset, eta, rho, w_rho, theta, first, second

    cdef void _take(self, int kind, const double[:] y, const double[:] weights, const double[:] offset):
        """Keep the sample; weights of None are equal, an offset of None is 0."""
        cdef ptrdiff_t i
        self.n, self.kind, self.samples = y.shape[0], kind, np.zeros((9, y.shape[0]))
        self.y, self.w, self.offset = &self.samples[0, 0], &self.samples[1, 0], &self.samples[2, 0]
        self.eta, self.rho, self.w_rho = &self.samples[3, 0], &self.samples[4, 0], &self.samples[5, 0]
        self.theta, self.first, self.second = &self.samples[6, 0], &self.samples[7, 0], &self.samples[8, 0]
        for i in range(self.n):
            self.y[i], self.offset[i] = y[i], 0.0 if offset is None else offset[i]
            self.w[i] = 1.0 / self.n if weights is None else weights[i]

    cdef double _mean_score(self) noexcept nogil:
        """The score of the mean of y."""
        cdef double share = KERNELS.dot(self.n, self.y, self.w)
        return log(share / (1 - share)) if self.kind == LOG_LOSS else log(share)

    cdef double _mean_square(self, const double* values) noexcept nogil:
        cdef ptrdiff_t i
        cdef double total = 0.0
        for i in range(self.n):
            total += weighted(self.w[i], values[i] * values[i])
        return total

    cdef void _local(self, vector d) noexcept nogil:
        """rho = -f' at the scores eta, and f'' there in `d`."""
        cdef ptrdiff_t i
        if self.kind == LOG_LOSS:
            KERNELS.log_loss_local(self.n, self.eta, self.y, self.rho, d)
        elif self.kind == POISSON:
            KERNELS.poisson_local(self.n, self.eta, self.y, self.rho, d)
        else:
            self._gamma_ratios(self.eta, d)
            for i in range(self.n):
                self.rho[i] = d[i] - 1
        for i in range(self.n):
            self.w_rho[i] = weighted(self.w[i], self.rho[i])

    cdef void _gamma_ratios(self, const double* eta, vector out) noexcept nogil:
        """y e^-eta."""
        cdef ptrdiff_t i
        for i in range(self.n):
            self.second[i] = -eta[i]
        KERNELS.exp(self.n, self.second, out)
        for i in range(self.n):
            out[i] *= self.y[i]

    cdef double _risk(self, const double* eta) noexcept nogil:
        """The mean half deviance at some scores."""
        cdef double slack
        return self._terms(eta, &slack)

    cdef double _terms(self, const double* eta, double* slack) noexcept nogil:
        """Return the mean half deviance at some scores, and the mean slack of theta there."""
        cdef ptrdiff_t i
        cdef double value = 0.0, gap = 0.0
        if self.kind == GAMMA:
            self._gamma_ratios(eta, self.first)
            for i in range(self.n):
                self.second[i] = 1 - self.first[i]
            value = self._divergences()
            for i in range(self.n):
                self.second[i] += self.theta[i]
            gap = self._divergences()
        else:
            if self.kind == LOG_LOSS:
                KERNELS.log_loss(self.n, eta, self.y, self.theta, self.first, self.second)
            else:
                KERNELS.poisson(self.n, eta, self.y, self.theta, self.first, self.second)
            for i in range(self.n):
                value += weighted(self.w[i], self.first[i])
                gap += weighted(self.w[i], self.second[i])
        slack[0] = gap
        return value

    cdef double _divergences(self) noexcept nogil:
        """The mean divergence of first + second from first, a block at a time."""
        cdef double[64] out
        cdef double total = 0.0
        cdef ptrdiff_t i, k, m
        i = 0
        while i < self.n:
            m = min(64, self.n - i)
            KERNELS.divergence(m, self.first + i, self.second + i, out)
            for k in range(m):
                total += weighted(self.w[i + k], out[k])
            i += m
        return total
