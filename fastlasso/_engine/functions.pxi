# Functions of vectors, entry by entry, with the same bits on every machine.

def line(const double[::1] x not None, const double[::1] y not None, double share):
    """Return x + share (y - x)."""
    cdef ptrdiff_t n = x.shape[0]
    out = np.empty(n)
    cdef double[::1] to = out
    if n:
        with nogil:
            KERNELS.line(n, &x[0], &y[0], share, &to[0])
    return out


def add_change(double[::1] out, const double[::1] w, double scale, const double[::1] x, const double[::1] y,
               ptrdiff_t start, ptrdiff_t stop):
    """out += scale w (x - y), from start to stop."""
    if start < stop:
        with nogil:
            KERNELS.add_change(stop - start, &w[start], scale, &x[start], &y[start], &out[start])


def add_multiple(double[::1] out, double factor, const double[::1] x, ptrdiff_t start, ptrdiff_t stop):
    """out += factor x, from start to stop."""
    if start < stop:
        with nogil:
            KERNELS.axpy(stop - start, factor, &x[start], &out[start])


def farthest(const double[::1] x not None, const double[::1] y not None):
    """Return (max |y - x|, NaN where one is; max |y|); 0 where there are none."""
    cdef double[2] most
    most[0] = most[1] = 0.0
    if x.shape[0]:
        with nogil:
            KERNELS.farthest(x.shape[0], &x[0], &y[0], &most[0])
    return most[0], most[1]


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
    return terms(KERNELS.log_loss, eta, y, theta)


def log_loss_local(const double[::1] eta, const double[::1] y):
    """Return (residual, curvature) of the log loss."""
    return local(KERNELS.log_loss_local, eta, y)


def poisson(const double[::1] eta, const double[::1] y, const double[::1] theta):
    """Return (deviance, slack) of the Poisson loss: see `fastlasso.losses.log_link`."""
    return terms(KERNELS.poisson, eta, y, theta)


def poisson_local(const double[::1] eta, const double[::1] y):
    """Return (residual, curvature) of the Poisson loss."""
    return local(KERNELS.poisson_local, eta, y)


cdef terms(loss_terms kernel, const double[::1] eta, const double[::1] y, const double[::1] theta):
    cdef ptrdiff_t n = eta.shape[0]
    deviance, slack = np.empty(n), np.empty(n)
    cdef double[::1] to_deviance = deviance
    cdef double[::1] to_slack = slack
    if n:
        with nogil:
            kernel(n, &eta[0], &y[0], &theta[0], &to_deviance[0], &to_slack[0])
    return deviance, slack


cdef local(loss_local kernel, const double[::1] eta, const double[::1] y):
    cdef ptrdiff_t n = eta.shape[0]
    rho, d = np.empty(n), np.empty(n)
    cdef double[::1] to_rho = rho
    cdef double[::1] to_d = d
    if n:
        with nogil:
            kernel(n, &eta[0], &y[0], &to_rho[0], &to_d[0])
    return rho, d
