# Functions of vectors, entry by entry, with the same bits on every machine.

def exp(const double[::1] x):
    """Return e^x: 0 below x = -708, infinite above 709."""
    cdef ptrdiff_t n = x.shape[0]
    out = np.empty(n)
    cdef double[::1] to = out
    if n:
        with nogil:
            KERNELS.exp(n, &x[0], &to[0])
    return out


def divergence(const double[::1] mu, const double[::1] change):
    """Return m ln(m / mu) - m + mu for m = mu + change, mu >= 0; infinite where m < 0, by more than rounding.

    No digits cancel near change = 0.
    """
    cdef ptrdiff_t n = mu.shape[0]
    out = np.empty(n)
    cdef double[::1] to = out
    if n:
        with nogil:
            KERNELS.divergence(n, &mu[0], &change[0], &to[0])
    return out


def logistic(const double[::1] x):
    """Return (mu, 1 - mu) with mu = 1 / (1 + e^-x), both to full relative precision."""
    cdef ptrdiff_t n = x.shape[0]
    mu, nu = np.empty(n), np.empty(n)
    cdef double[::1] to_mu = mu
    cdef double[::1] to_nu = nu
    if n:
        with nogil:
            KERNELS.logistic(n, &x[0], &to_mu[0], &to_nu[0])
    return mu, nu


def log_loss(const double[::1] eta, const double[::1] y, const double[::1] theta):
    """Return (deviance, slack) of the log loss: see `fastlasso.losses.log_loss`."""
    cdef ptrdiff_t n = eta.shape[0]
    deviance, slack = np.empty(n), np.empty(n)
    cdef double[::1] to_deviance = deviance
    cdef double[::1] to_slack = slack
    if n:
        with nogil:
            KERNELS.log_loss(n, &eta[0], &y[0], &theta[0], &to_deviance[0], &to_slack[0])
    return deviance, slack
