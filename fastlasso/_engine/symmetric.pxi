# Symmetric matrices by their lower half, stored by rows. The threads of a BLAS library wait for each other in a loop:
# on a machine that is busy with other work its Cholesky factor of 600 rows took 1.6 s in place of 2 ms.

def add_products(double[:, ::1] S, const double[:, ::1] A, const double[:, ::1] C):
    """S += A'C, which is symmetric, in the lower half."""
    cdef ptrdiff_t size, start = 0, n = S.shape[0]
    with nogil:
        while start < n:
            size = min(FL_TRIANGLE, n - start)
            KERNELS.combine_f64(&A[0, 0], n, NULL, A.shape[0], &C[0, start], n, 1, size, start + size, &S[start, 0], n)
            start += size


def symmetric_product(const double[:, ::1] S, const double[::1] x):
    """Return S x."""
    cdef ptrdiff_t i, n = S.shape[0]
    out = np.empty(n)
    cdef double[::1] y = out
    with nogil:
        for i in range(n):
            y[i] = KERNELS.dot(i + 1, &S[i, 0], &x[0])
            KERNELS.axpy(i, x[i], &S[i, 0], &y[0])
    return out


def cholesky(double[:, ::1] S):
    """Replace S by its Cholesky factor L, S = L L', in blocks of FL_TRIANGLE columns; return whether S is definite."""
    cdef ptrdiff_t start = 0, n = S.shape[0]
    cdef double[:, ::1] rows = np.empty((FL_TRIANGLE, n))
    cdef bint definite = True
    while definite and start < n:
        PyErr_CheckSignals()
        with nogil:
            definite = factor_block(&S[0, 0], n, start, min(FL_TRIANGLE, n - start), &rows[0, 0])
        start += FL_TRIANGLE
    return definite


cdef bint factor_block(double* S, ptrdiff_t n, ptrdiff_t start, ptrdiff_t size, double* minus) noexcept nogil:
    """Columns start..start + size of L, from those before; return whether all pivots are positive."""
    cdef ptrdiff_t i, j, end = start + size
    cdef double[FL_TRIANGLE * FL_TRIANGLE] triangle
    if start:
        for i in range(size):
            for j in range(start):
                minus[i * n + j] = -S[(start + i) * n + j]
        KERNELS.dots_f64(S + start * n, n, NULL, n - start, minus, n, size, start, S + start * n + start, n, 1)
    for j in range(start, end):
        for i in range(j, end):
            S[i * n + j] -= KERNELS.dot(j - start, S + i * n + start, S + j * n + start)
            if i == j:
                if not (S[j * n + j] > 0 and isfinite(S[j * n + j])):
                    return False
                S[j * n + j] = sqrt(S[j * n + j])
            else:
                S[i * n + j] /= S[j * n + j]
            triangle[i - start + (j - start) * FL_TRIANGLE] = S[i * n + j]
    if end < n:
        KERNELS.solve_triangle(triangle, FL_TRIANGLE, size, S + end * n + start, n, n - end)
    return True


def cholesky_solve(const double[:, ::1] L, double[::1] x):
    """Replace x by the solution of L L' x = x."""
    cdef ptrdiff_t i, n = L.shape[0]
    with nogil:
        for i in range(n):
            x[i] = (x[i] - KERNELS.dot(i, &L[i, 0], &x[0])) / L[i, i]
        for i in range(n - 1, -1, -1):
            x[i] /= L[i, i]
            KERNELS.axpy(i, -x[i], &L[i, 0], &x[0])
