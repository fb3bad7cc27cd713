# Symmetric matrices by their upper half, stored by rows. The threads of a BLAS library wait for each other in a loop:
# on a machine that is busy with other work the Cholesky factor of 600 rows took 1.6 s in place of 2 ms.

cdef enum:
    # A factor is made by panels of this many columns, and each panel by parts. With panels of 64 it took 1.1 times as
    # long (400 rows).
    PANEL = 32
    PANEL_PART = 8


cdef struct ProductsOf:
    double* S
    const double* A
    const double* C
    ptrdiff_t n
    ptrdiff_t count


cdef void part_of_products(const void* work, ptrdiff_t start, ptrdiff_t stop) noexcept nogil:
    cdef const ProductsOf* of = <const ProductsOf*> work
    cdef ptrdiff_t a = start, n = of.n
    while a < stop:
        KERNELS.combine_f64(of.A + a, n, NULL, of.count, of.C + a, n, 1, min(FL_TRIANGLE, stop - a), n - a,
                            of.S + a * n + a, n)
        a += FL_TRIANGLE


def add_products(double[:, ::1] S, const double[:, ::1] A, const double[:, ::1] C, Crew crew=None):
    """S += A'C, which is symmetric, in the upper half; a crew shares its rows."""
    cdef ProductsOf of = ProductsOf(&S[0, 0], &A[0, 0], &C[0, 0], S.shape[0], A.shape[0])
    with nogil:
        share(crew, part_of_products, &of, S.shape[0], FL_TRIANGLE)


def symmetric_product(const double[:, ::1] S, const double[::1] x):
    """Return S x."""
    cdef ptrdiff_t i, n = S.shape[0]
    out = np.zeros(n)
    cdef double[::1] y = out
    with nogil:
        for i in range(n):
            y[i] += KERNELS.dot(n - i, &S[i, i], &x[i])
            KERNELS.axpy(n - i - 1, x[i], &S[i, i] + 1, &y[i] + 1)
    return out


def cholesky(double[:, ::1] S):
    """Replace S by its Cholesky factor, S = L L' with L' in the upper half; return whether S is definite."""
    cdef ptrdiff_t start, n = S.shape[0]
    cdef double[:, ::1] minus = np.empty((PANEL, n))
    cdef bint definite = True
    for start in range(0, n, PANEL):
        PyErr_CheckSignals()
        with nogil:
            definite = factor_panel(&S[0, 0], n, n, start, min(start + PANEL, n), &minus[0, 0], n, NULL)
        if not definite:
            break
    return definite


cdef bint factor_panel(double* L, ptrdiff_t ldl, ptrdiff_t n, ptrdiff_t start, ptrdiff_t end, double* minus,
                       ptrdiff_t ldm, const double* least) noexcept nogil:
    """Columns start..end of L, from those before; return whether all pivots are above `least` (NULL: above 0).

    Column j of L is L[j ldl + i], j <= i < n. `minus` has room for PANEL rows of `end` values.
    """
    cdef ptrdiff_t part = start, stop
    take_out(L, ldl, n, 0, start, end, minus, ldm)
    while part < end:
        stop = min(part + PANEL_PART, end)
        take_out(L, ldl, n, start, part, stop, minus, ldm)
        if not finish_part(L, ldl, n, part, stop, least, start):
            return False
        part = stop
    return True


cdef void take_out(double* L, ptrdiff_t ldl, ptrdiff_t n, ptrdiff_t first, ptrdiff_t start, ptrdiff_t end,
                   double* minus, ptrdiff_t ldm) noexcept nogil:
    """Subtract from the columns start..end of L what they hold of the columns first..start."""
    cdef ptrdiff_t i, j
    if first == start:
        return
    for i in range(first, start):
        for j in range(start, end):
            minus[(j - start) * ldm + i] = -L[i * ldl + j]
    KERNELS.combine_f64(L + first * ldl + start, ldl, NULL, start - first, minus + first, 1, ldm, end - start,
                        n - start, L + start * ldl + start, ldl)


cdef bint finish_part(double* L, ptrdiff_t ldl, ptrdiff_t n, ptrdiff_t start, ptrdiff_t end, const double* least,
                      ptrdiff_t first) noexcept nogil:
    """Take what the columns start..end of L hold of each other out of them; `least` are pivots of columns from `first`.

    Return whether all pivots are larger.
    """
    cdef ptrdiff_t i, j, c
    cdef double pivot
    for j in range(start, end):
        pivot = L[j * ldl + j]
        if not (pivot > (0.0 if least == NULL else least[j - first]) and isfinite(pivot)):
            return False
        pivot = sqrt(pivot)
        for i in range(j, n):
            L[j * ldl + i] /= pivot
        for c in range(j + 1, end):
            KERNELS.axpy(n - c, -L[j * ldl + c], L + j * ldl + c, L + c * ldl + c)
    return True


def cholesky_solve(const double[:, ::1] L, double[::1] x):
    """Replace x by the solution of L L' x = x."""
    cdef ptrdiff_t i, n = L.shape[0]
    with nogil:
        for i in range(n):
            x[i] /= L[i, i]
            KERNELS.axpy(n - i - 1, -x[i], &L[i, i] + 1, &x[i] + 1)
        for i in range(n - 1, -1, -1):
            x[i] = (x[i] - KERNELS.dot(n - i - 1, &L[i, i] + 1, &x[i] + 1)) / L[i, i]
