# Columns of X, dense and sparse: the only compiled loops that know how X is stored.
#
# Dense X is (pointer, row stride, column stride); one of the two strides is 1. "Long" arrays run along the unit stride.
# Sparse X is (data, indices, indptr) along its major axis: CSC by columns, CSR by rows.
# R holds right-hand sides: (k, n) with contiguous rows for dense X, (n, k) with contiguous rows for sparse X.

cdef enum:
    # A pass over row-major X adds up the moments of this many columns together: 6 KB of sums.
    ROW_TILE = 256
    # Rows of row-major X that are turned into columns together: a line of the cache is written at once. Value by value
    # lines 4 KB apart put each other out of the cache, and a value took 7 to 10 ns.
    LINE = 8
    # Values of row-major X that a pass takes at a time: they stay in the cache while sums of some columns after the
    # other are formed.
    ROWS_VALUES = 1 << 14
    # A pass over sparse X takes at most this many residuals at once.
    LANES = 8
    # Threads take columns of dense X by this many, as GRAM_TILE in matrices/tiling.py: a multiple of what is held in
    # registers at any level.
    DOTS_TILE = 24
    # And rows by this many.
    COMBINE_ROWS = 128


cdef inline void dots(const real* A, ptrdiff_t lda, const int64_t* cols, ptrdiff_t m, const double* B, ptrdiff_t ldb,
                      ptrdiff_t k, ptrdiff_t n, double* out, ptrdiff_t sj, ptrdiff_t sc) noexcept nogil:
    """As `dots_f64` in simd.h, for either type of A."""
    if real is double:
        KERNELS.dots_f64(A, lda, cols, m, B, ldb, k, n, out, sj, sc)
    else:
        KERNELS.dots_f32(A, lda, cols, m, B, ldb, k, n, out, sj, sc)


cdef inline void combine(const real* A, ptrdiff_t lda, const int64_t* cols, ptrdiff_t m, const double* coef,
                         ptrdiff_t sj, ptrdiff_t sc, ptrdiff_t k, ptrdiff_t n, double* out,
                         ptrdiff_t ldo) noexcept nogil:
    """As `combine_f64` in simd.h, for either type of A."""
    if real is double:
        KERNELS.combine_f64(A, lda, cols, m, coef, sj, sc, k, n, out, ldo)
    else:
        KERNELS.combine_f32(A, lda, cols, m, coef, sj, sc, k, n, out, ldo)


cdef struct DotsOf:
    # The arguments of `dots`, of either type of A; the sums of one column of B are contiguous.
    bint is_double
    const void* A
    ptrdiff_t lda
    const int64_t* cols
    const double* B
    ptrdiff_t ldb
    ptrdiff_t k
    ptrdiff_t n
    double* out
    ptrdiff_t ldo


cdef inline void some_dots(const real* A, const DotsOf* of, ptrdiff_t start, ptrdiff_t stop) noexcept nogil:
    cdef ptrdiff_t c
    for c in range(of.k):
        memset(of.out + start + c * of.ldo, 0, (stop - start) * sizeof(double))
    if of.cols == NULL:
        dots(A + start * of.lda, of.lda, NULL, stop - start, of.B, of.ldb, of.k, of.n, of.out + start, 1, of.ldo)
    else:
        dots(A, of.lda, of.cols + start, stop - start, of.B, of.ldb, of.k, of.n, of.out + start, 1, of.ldo)


cdef void part_of_dots(const void* work, ptrdiff_t start, ptrdiff_t stop) noexcept nogil:
    cdef const DotsOf* of = <const DotsOf*> work
    if of.is_double:
        some_dots(<const double*> of.A, of, start, stop)
    else:
        some_dots(<const float*> of.A, of, start, stop)


# ---------------------------------------------------------------- dense, columns contiguous

cdef struct MomentsOf:
    bint is_double
    const void* A
    ptrdiff_t lda
    const double* w
    const double* u
    ptrdiff_t n
    double* out


cdef void part_of_moments(const void* work, ptrdiff_t start, ptrdiff_t stop) noexcept nogil:
    cdef const MomentsOf* of = <const MomentsOf*> work
    if of.is_double:
        KERNELS.moments_f64(<const double*> of.A + start * of.lda, of.lda, stop - start, of.w, of.u, of.n,
                            of.out + 3 * start)
    else:
        KERNELS.moments_f32(<const float*> of.A + start * of.lda, of.lda, stop - start, of.w, of.u, of.n,
                            of.out + 3 * start)


def dense_moments(const real[:, :] X, ptrdiff_t start, ptrdiff_t stop, const double[::1] w, const double[::1] u,
                  double[:, ::1] out, Crew crew=None):
    """out[j] = sum w d, sum w d^2, sum u d with d = X[:, j] - X[0, j], for start <= j < stop; a crew shares them."""
    cdef MomentsOf of = MomentsOf(real is double, &X[0, start], leading(X), &w[0], &u[0], X.shape[0], &out[start, 0])
    with nogil:
        share(crew, part_of_moments, &of, stop - start, 1)


cdef inline ptrdiff_t leading(const real[:, :] X) noexcept nogil:
    """Return how many values lie between one column of X and the next."""
    return X.strides[1] // <ptrdiff_t> sizeof(real)


def dense_dots(const real[:, :] X, ptrdiff_t start, ptrdiff_t stop, const double[:, ::1] R, double[:, ::1] out,
               Crew crew=None):
    """out[c, j] = X[:, j] . R[c] for start <= j < stop; a crew shares the columns."""
    cdef DotsOf of = DotsOf(real is double, &X[0, start], leading(X), NULL, &R[0, 0], R.shape[1], R.shape[0],
                            X.shape[0], &out[0, start], out.shape[1])
    with nogil:
        share(crew, part_of_dots, &of, stop - start, DOTS_TILE)


def dense_dots_at(const real[:, :] X, const int64_t[::1] cols, const double[:, :] R, double[:, :] out, Crew crew=None):
    """out[c, s] = X[:, cols[s]] . R[c]; the rows of R must be contiguous. A crew shares the columns."""
    if R.shape[1] > 1 and R.strides[1] != 8:
        raise ValueError("the rows of R must be contiguous")
    cdef DotsOf of = DotsOf(real is double, &X[0, 0], leading(X), &cols[0], &R[0, 0], R.strides[0] // 8, R.shape[0],
                            X.shape[0], &out[0, 0], out.strides[0] // 8)
    with nogil:
        share(crew, part_of_dots, &of, cols.shape[0], DOTS_TILE)


cdef struct CombineOf:
    # The arguments of `combine`, of either type of A.
    bint is_double
    const void* A
    ptrdiff_t lda
    const int64_t* cols
    ptrdiff_t m
    const double* coef
    ptrdiff_t k
    double* out
    ptrdiff_t ldo


cdef void part_of_combine(const void* work, ptrdiff_t start, ptrdiff_t stop) noexcept nogil:
    cdef const CombineOf* of = <const CombineOf*> work
    if of.is_double:
        combine(<const double*> of.A + start, of.lda, of.cols, of.m, of.coef, 1, of.m, of.k, stop - start,
                of.out + start, of.ldo)
    else:
        combine(<const float*> of.A + start, of.lda, of.cols, of.m, of.coef, 1, of.m, of.k, stop - start,
                of.out + start, of.ldo)


def dense_combine(const real[:, :] X, const int64_t[::1] cols, const double[:, ::1] B, ptrdiff_t start,
                  ptrdiff_t stop, double[:, ::1] out, Crew crew=None):
    """out[c, i] += sum_s X[i, cols[s]] B[c, s] for rows start <= i < stop; a crew shares the rows."""
    cdef CombineOf of = CombineOf(real is double, &X[start, 0], leading(X), &cols[0], cols.shape[0], &B[0, 0],
                                  B.shape[0], &out[0, start], out.shape[1])
    with nogil:
        share(crew, part_of_combine, &of, stop - start, COMBINE_ROWS)


# ---------------------------------------------------------------- dense, rows contiguous: X passed as its transpose

def rows_moments(const real[:, :] Xt, ptrdiff_t start, ptrdiff_t stop, const double[::1] w, const double[::1] u,
                 double[:, ::1] out):
    """As dense_moments, for a row-major X given as its transpose Xt (n_features, n_samples)."""
    cdef ptrdiff_t i, j, a, tile
    cdef double d, x
    cdef const real* row
    cdef const real* first
    cdef double[3][ROW_TILE] acc
    with nogil:
        a = start
        while a < stop:
            tile = min(ROW_TILE, stop - a)
            for j in range(tile):
                acc[0][j] = acc[1][j] = acc[2][j] = 0.0
            first = &Xt[a, 0]
            for i in range(Xt.shape[1]):
                row = &Xt[a, i]
                for j in range(tile):
                    d = <double> row[j] - <double> first[j]
                    x = w[i] * d
                    acc[0][j] += x
                    acc[1][j] += x * d
                    acc[2][j] += u[i] * d
            for j in range(tile):
                out[a + j, 0] = acc[0][j]
                out[a + j, 1] = acc[1][j]
                out[a + j, 2] = acc[2][j]
            a += ROW_TILE


def rows_dots(const real[:, :] Xt, ptrdiff_t start, ptrdiff_t stop, const double[:, ::1] R, ptrdiff_t first,
              ptrdiff_t last, double[:, ::1] out):
    """out[c, j] += sum_i Xt[j, i] R[c, i] over the samples first..last, for start <= j < stop: X is row-major."""
    cdef ptrdiff_t i = first, step = max(LINE, ROWS_VALUES // max(stop - start, 1))
    with nogil:
        while i < last:
            combine(&Xt[start, i], leading(Xt), NULL, min(step, last - i), &R[0, i], 1, R.shape[1], R.shape[0],
                    stop - start, &out[0, start], out.shape[1])
            i += step


cdef inline void shifted_and_scaled(const real* x, double shift, const double* scale, ptrdiff_t n,
                                    double* out) noexcept nogil:
    """out = (x - shift) * scale."""
    cdef ptrdiff_t i
    for i in range(n):
        out[i] = (x[i] - shift) * scale[i]


def gather_dense(const real[:, :] X, const int64_t[::1] cols, const double[::1] shift, const double[::1] scale,
                 ptrdiff_t start, ptrdiff_t stop, double[:, :] out):
    """out[s, i - start] = (X[i, cols[s]] - shift[s]) scale[i] for rows start <= i < stop; rows of out contiguous."""
    cdef ptrdiff_t i = start, r, s, last
    cdef ptrdiff_t m = cols.shape[0]
    if out.shape[1] > 1 and out.strides[1] != 8:
        raise ValueError("the rows of out must be contiguous")
    with nogil:
        if X.strides[0] == <ptrdiff_t> sizeof(real):
            for s in range(m):
                shifted_and_scaled(&X[start, cols[s]], shift[s], &scale[start], stop - start, &out[s, 0])
            i = stop
        while i < stop:
            last = min(i + LINE, stop)
            for s in range(m):
                for r in range(i, last):
                    FL_FETCH(&X[min(r + LINE, stop - 1), cols[s]])
                    out[s, r - start] = (X[r, cols[s]] - shift[s]) * scale[r]
            i = last


def gather_rows(const real[:, :] X, const int64_t[::1] rows, const double[::1] shift, const double[::1] scale,
                double[:, :] out):
    """out[j, k] = (X[i, j] - shift[j]) scale[i] for the rows i = rows[k]."""
    cdef ptrdiff_t i, j, k, first = 0, last
    cdef ptrdiff_t n = rows.shape[0], p = X.shape[1], step = n if X.strides[0] == <ptrdiff_t> sizeof(real) else LINE
    with nogil:
        while first < n:
            last = min(first + step, n)
            for j in range(p):
                for k in range(first, last):
                    i = rows[k]
                    out[j, k] = (X[i, j] - shift[j]) * scale[i]
            first = last


def products(const double[:, :] A, const double[:, :] B, ptrdiff_t rows, double[:, :] out):
    """out[j, c] += A[j, :rows] . B[c, :rows]; the rows of A and B must be contiguous."""
    if (rows > 1 or A.shape[1] > 1) and A.strides[1] != 8 or (rows > 1 or B.shape[1] > 1) and B.strides[1] != 8:
        raise ValueError("the rows of A and B must be contiguous")
    with nogil:
        KERNELS.dots_f64(&A[0, 0], A.strides[0] // 8, NULL, A.shape[0], &B[0, 0], B.strides[0] // 8, B.shape[0],
                         rows, &out[0, 0], out.strides[0] // 8, out.strides[1] // 8)


def row_products(const double[:, ::1] A, const double[:, ::1] B, double[::1] out):
    """out[k] += A[k] . B[k]."""
    cdef ptrdiff_t k, n = A.shape[1]
    with nogil:
        for k in range(A.shape[0]):
            KERNELS.dots_f64(&A[k, 0], n, NULL, 1, &B[k, 0], n, 1, n, &out[k], 1, 1)


def subtract_means(double[:, ::1] R, const double[::1] weights, double total):
    """Subtract from each row of R its mean, weights . R[k] / total, and from the rest its own: rounding of a large one.
    """
    cdef ptrdiff_t i, k, n = R.shape[1]
    cdef int turn
    cdef double mean
    with nogil:
        for k in range(R.shape[0]):
            for turn in range(2):
                mean = 0.0
                KERNELS.dots_f64(&R[k, 0], n, NULL, 1, &weights[0], n, 1, n, &mean, 1, 1)
                mean /= total
                for i in range(n):
                    R[k, i] -= mean


def subtract_outer(double[:, :] G, const double[::1] x, const double[::1] y):
    """G -= x y'."""
    cdef ptrdiff_t i, j
    with nogil:
        for i in range(G.shape[0]):
            for j in range(G.shape[1]):
                G[i, j] -= x[i] * y[j]


cdef struct TriangleOf:
    const double* A
    ptrdiff_t lda
    ptrdiff_t m
    ptrdiff_t n
    double* out
    ptrdiff_t ldo


cdef void part_of_triangle(const void* work, ptrdiff_t start, ptrdiff_t stop) noexcept nogil:
    cdef const TriangleOf* of = <const TriangleOf*> work
    cdef ptrdiff_t a = start
    while a < stop:
        KERNELS.dots_f64(of.A + a * of.lda, of.lda, NULL, min(DOTS_TILE, stop - a), of.A + a * of.lda, of.lda, of.m - a,
                         of.n, of.out + a * of.ldo + a, of.ldo, 1)
        a += DOTS_TILE


def add_triangle(const double[:, :] A, ptrdiff_t rows, double[:, :] S, ptrdiff_t start, ptrdiff_t stop, Crew crew=None):
    """S[s, t] += A[s, :rows] . A[t, :rows] for start <= s < stop and t >= s (at some t < s, too); a crew shares the s.
    """
    if (rows > 1 or A.shape[1] > 1) and A.strides[1] != 8 or S.shape[1] > 1 and S.strides[1] != 8:
        raise ValueError("the rows of A and S must be contiguous")
    if start >= stop:
        return
    cdef TriangleOf of = TriangleOf(&A[start, 0], A.strides[0] // 8, A.shape[0] - start, rows, &S[start, start],
                                    S.strides[0] // 8)
    with nogil:
        share(crew, part_of_triangle, &of, stop - start, DOTS_TILE)


def mirror_triangle(double[:, ::1] S):
    """S[j, i] = S[i, j] for i < j, in tiles that stay in L1; values below the diagonal are overwritten."""
    cdef ptrdiff_t i, j, a, b, n = S.shape[0], tiles = (n + MIRROR_TILE - 1) // MIRROR_TILE
    with nogil:
        for a in range(tiles):
            for b in range(a, tiles):
                for i in range(a * MIRROR_TILE, min((a + 1) * MIRROR_TILE, n)):
                    for j in range(max(b * MIRROR_TILE, i + 1), min((b + 1) * MIRROR_TILE, n)):
                        S[j, i] = S[i, j]


def dot(const double[::1] x, const double[::1] y):
    """Return x . y, added up in one order on every machine, and without the threads of a BLAS library."""
    if x.shape[0] == 0:
        return 0.0
    return KERNELS.dot(x.shape[0], &x[0], &y[0])


def sums(const double[::1] values, const double[::1] weights, ptrdiff_t size):
    """Return the sum of each `size` values in a row, times their weights where there are some.

    Values of weight zero do not count, whatever they are.
    """
    cdef ptrdiff_t k, first, n = values.shape[0]
    cdef double[FL_CHUNK] ones
    out = np.empty((n + size - 1) // size)
    cdef double[::1] to = out
    for k in range(FL_CHUNK):
        ones[k] = 1.0
    with nogil:
        for k in range(to.shape[0]):
            first = k * size
            if weights is None:
                to[k] = plain_sum(min(size, n - first), &values[first], ones)
            else:
                to[k] = weighted_sum(min(size, n - first), &values[first], &weights[first])
    return out


cdef inline double plain_sum(ptrdiff_t n, const double* values, const double* ones) noexcept nogil:
    """The sum of n values, FL_CHUNK at a time; `ones` holds as many."""
    cdef ptrdiff_t i = 0
    cdef double total = 0.0
    while i < n:
        total += KERNELS.dot(min(FL_CHUNK, n - i), values + i, ones)
        i += FL_CHUNK
    return total


cdef inline double weighted_sum(ptrdiff_t n, const double* values, const double* weights) noexcept nogil:
    """weights . values without the values of weight zero."""
    cdef ptrdiff_t i
    cdef double total = KERNELS.dot(n, values, weights)
    if isfinite(total):
        return total
    total = 0.0
    for i in range(n):
        if weights[i] != 0:
            total += weights[i] * values[i]
    return total


# ---------------------------------------------------------------- sparse, either major axis

def check_structure(const index[::1] indptr, const index[::1] indices, ptrdiff_t n_minor):
    """Return 0 if sound, 1 if sound but unsorted or with duplicates, -1 bad indptr, -2 index out of range."""
    cdef int status
    with nogil:
        status = structure(indptr, indices, n_minor)
    return status


cdef int structure(const index[::1] indptr, const index[::1] indices, ptrdiff_t n_minor) except? -9 nogil:
    """As `check_structure`; `low` and `high` are the extreme indices."""
    cdef ptrdiff_t a, k, stop, seen = 0, nnz = indices.shape[0], n_major = indptr.shape[0] - 1
    cdef index low, high, j, last
    cdef int unsorted = 0
    if indptr[0] != 0 or indptr[n_major] != nnz:
        return -1
    for a in range(n_major):
        if indptr[a + 1] < indptr[a]:
            return -1
    low = high = 0
    for a in range(n_major):
        last = -1
        stop = indptr[a + 1]
        if stop - seen > SIGNAL_WORK:
            seen = stop
            with gil:
                PyErr_CheckSignals()
        for k in range(indptr[a], stop):
            j = indices[k]
            low = min(low, j)
            high = max(high, j)
            unsorted |= j <= last
            last = j
    if low < 0 or high >= n_minor and nnz > 0:
        return -2
    return unsorted


def minor_counts(const index[::1] indices, int64_t[::1] counts):
    """counts[j] += number of stored entries with minor index j."""
    cdef ptrdiff_t k
    with nogil:
        for k in range(indices.shape[0]):
            counts[indices[k]] += 1


def csc_moments(const real[::1] data, const index[::1] indices, const index[::1] indptr, ptrdiff_t start,
                ptrdiff_t stop, const double[::1] w, const double[::1] u, const double[::1] shift,
                double[:, ::1] out):
    """out[j] = sum w d, sum w d^2, sum u d over stored entries of column j, d = x - shift[j] (no duplicates)."""
    cdef ptrdiff_t j, k
    cdef double d, x, s0, s1, s2
    with nogil:
        for j in range(start, stop):
            s0 = s1 = s2 = 0.0
            for k in range(indptr[j], indptr[j + 1]):
                d = data[k] - shift[j]
                x = w[indices[k]] * d
                s0 += x
                s1 += x * d
                s2 += u[indices[k]] * d
            out[j, 0] = s0
            out[j, 1] = s1
            out[j, 2] = s2


def csr_moments(const real[::1] data, const index[::1] indices, const index[::1] indptr, ptrdiff_t start,
                ptrdiff_t stop, ptrdiff_t first, ptrdiff_t last, const double[::1] w, const double[::1] u,
                const double[::1] shift, double[:, ::1] out):
    """As csc_moments for the rows start..stop of a CSR matrix, added to out; out[j, 3] counts the entries.

    Only the columns first..last are added, which must ascend in each row. No `shift` stands for zeros.
    """
    cdef ptrdiff_t i, j, k, stop_k, next_k = entry_from(indices, indptr[start], indptr[start + 1], first)
    cdef double d, x
    with nogil:
        for i in range(start, stop):
            stop_k, k = indptr[i + 1], next_k
            if i + 1 < stop:
                next_k = entry_from(indices, stop_k, indptr[i + 2], first)
                fetch_lanes(indices, next_k, indptr[i + 2], last, &out[0, 0], 4)
            while k < stop_k and indices[k] < last:
                j = indices[k]
                d = data[k]
                if shift.shape[0]:
                    d -= shift[j]
                x = w[i] * d
                out[j, 0] += x
                out[j, 1] += x * d
                out[j, 2] += u[i] * d
                out[j, 3] += 1.0
                k += 1


cdef inline ptrdiff_t entry_from(const index[::1] indices, ptrdiff_t k, ptrdiff_t stop, ptrdiff_t first) noexcept nogil:
    """Return the first place from k on whose index is at least `first`."""
    if first > 0:
        while k < stop and indices[k] < first:
            k += 1
    return k


cdef inline void fetch_lanes(const index[::1] indices, ptrdiff_t k, ptrdiff_t stop, ptrdiff_t last, const double* out,
                             ptrdiff_t lanes) noexcept nogil:
    """Ask for the cache lines of the columns from place k on: they are in memory, and one row waits for all at once."""
    while k < stop and indices[k] < last:
        FL_FETCH(out + lanes * indices[k])
        k += 1


cdef inline void column_dots(const real* data, const index* rows, ptrdiff_t n, const double* R, ptrdiff_t n_rhs,
                             double* out, ptrdiff_t ldo, const int lanes) noexcept nogil:
    """out[c * ldo] = sum_k data[k] R[rows[k], c] for c < n_rhs <= lanes, the width of R and a constant of the call.

    Even and odd places are added up apart: an addition waits for the one before it, three cycles.
    """
    cdef ptrdiff_t k, c
    cdef double[LANES] even
    cdef double[LANES] odd
    memset(even, 0, sizeof(even))
    memset(odd, 0, sizeof(odd))
    for k in range(n // 2):
        fl_add_lanes(even, data[2 * k], R + lanes * rows[2 * k], lanes)
        fl_add_lanes(odd, data[2 * k + 1], R + lanes * rows[2 * k + 1], lanes)
    if n % 2:
        fl_add_lanes(even, data[n - 1], R + lanes * rows[n - 1], lanes)
    out[0] = even[0] + odd[0]
    if lanes > 1:
        for c in range(1, n_rhs):
            out[c * ldo] = even[c] + odd[c]


cdef inline void csc_dots_of(const real[::1] data, const index[::1] indices, const index[::1] indptr,
                             const int64_t[::1] cols, const double[:, ::1] R, double[:, :] out,
                             const int lanes) noexcept nogil:
    """As csc_dots; `lanes` is a constant of the call."""
    cdef ptrdiff_t s, first, ldo = out.strides[0] // sizeof(double)
    for s in range(cols.shape[0]):
        first = indptr[cols[s]]
        column_dots(&data[0] + first, &indices[0] + first, indptr[cols[s] + 1] - first, &R[0, 0], out.shape[0],
                    &out[0, s], ldo, lanes)


def csc_dots(const real[::1] data, const index[::1] indices, const index[::1] indptr, const int64_t[::1] cols,
             const double[:, ::1] R, double[:, :] out):
    """out[c, s] = sum_i X[i, cols[s]] R[i, c].

    R has 1, 2, 4 or 8 columns, of which the first len(out) are used.
    """
    cdef ptrdiff_t lanes = R.shape[1]
    if data.shape[0] == 0 or R.shape[0] == 0:
        out[:, :] = 0.0
        return
    with nogil:
        if lanes == 1:
            csc_dots_of(data, indices, indptr, cols, R, out, 1)
        elif lanes == 2:
            csc_dots_of(data, indices, indptr, cols, R, out, 2)
        elif lanes == 4:
            csc_dots_of(data, indices, indptr, cols, R, out, 4)
        else:
            csc_dots_of(data, indices, indptr, cols, R, out, LANES)


def csr_dots(const real[::1] data, const index[::1] indices, const index[::1] indptr, ptrdiff_t start,
             ptrdiff_t stop, const double[:, ::1] R, double[:, ::1] out):
    """out[j, c] += sum_i X[i, j] R[c, i] over the rows start..stop.

    All right-hand sides of a column share a cache line: `out` has 1, 2, 4 or 8 lanes; the first len(R) are used.
    """
    cdef ptrdiff_t lanes = out.shape[1]
    with nogil:
        if lanes == 1:
            csr_add_lanes(data, indices, indptr, start, stop, R, &out[0, 0], 1)
        elif lanes == 2:
            csr_add_lanes(data, indices, indptr, start, stop, R, &out[0, 0], 2)
        elif lanes == 4:
            csr_add_lanes(data, indices, indptr, start, stop, R, &out[0, 0], 4)
        else:
            csr_add_lanes(data, indices, indptr, start, stop, R, &out[0, 0], LANES)


cdef inline void csr_add_lanes(const real[::1] data, const index[::1] indices, const index[::1] indptr, ptrdiff_t start,
                               ptrdiff_t stop, const double[:, ::1] R, double* out, const int lanes) noexcept nogil:
    """As csr_dots; `lanes` is a constant of the call."""
    cdef ptrdiff_t i, k, c
    cdef double x
    cdef double* to
    cdef double[LANES] r
    memset(r, 0, sizeof(r))
    for i in range(start, stop):
        for c in range(R.shape[0]):
            r[c] = R[c, i]
        if i + 1 < stop:
            for k in range(indptr[i + 1], indptr[i + 2]):      # as fetch_lanes
                FL_FETCH(out + lanes * indices[k])
        for k in range(indptr[i], indptr[i + 1]):
            to = out + lanes * indices[k]
            x = data[k]
            fl_add_lanes(to, x, r, lanes)


def csc_combine(const real[::1] data, const index[::1] indices, const index[::1] indptr, const int64_t[::1] cols,
                const double[:, ::1] B, double[:, ::1] out):
    """out[c, i] += sum_s X[i, cols[s]] B[c, s]."""
    cdef ptrdiff_t s, k, c
    cdef double x
    with nogil:
        for s in range(cols.shape[0]):
            for c in range(B.shape[0]):     # the column stays in the cache
                x = B[c, s]
                if x != 0:
                    for k in range(indptr[cols[s]], indptr[cols[s] + 1]):
                        out[c, indices[k]] += data[k] * x


cdef inline bint has_slot(const uint64_t[::1] taken, ptrdiff_t j) noexcept nogil:
    """Whether bit j is set."""
    return (taken[j >> 6] >> (j & 63)) & 1


cdef inline ptrdiff_t compacted(const real* data, const index* indices, ptrdiff_t n, const int32_t[::1] slot,
                                const uint64_t[::1] taken, int32_t* slots, double* values) noexcept nogil:
    """Keep the entries of a row whose columns have a slot; return how many.

    The loops have no branch, for half of them would be mispredicted. `taken` has a bit for each column with a slot, or
    is empty: with many columns `slot` is larger than a cache, and few of its entries are needed.
    """
    cdef ptrdiff_t k, count = 0
    cdef int32_t s
    if taken.shape[0]:
        for k in range(n):
            slots[count] = <int32_t> indices[k]
            values[count] = data[k]
            count += has_slot(taken, indices[k])
        for k in range(count):
            slots[k] = slot[slots[k]]
        return count
    for k in range(n):
        s = slot[indices[k]]
        slots[count] = s
        values[count] = data[k]
        count += s >= 0
    return count


cdef inline void sum_lanes(ptrdiff_t n, const int32_t* slots, const double* values, const double* B, ptrdiff_t width,
                           double* out, ptrdiff_t ldo, ptrdiff_t k, const int lanes) noexcept nogil:
    """As sum_row; `lanes` is a constant of the call."""
    cdef ptrdiff_t a, c
    cdef double[LANES] acc
    memset(acc, 0, sizeof(acc))
    for a in range(n):
        fl_add_lanes(acc, values[a], B + width * slots[a], lanes)
    out[0] = acc[0]
    if lanes > 1:
        for c in range(1, k):
            out[c * ldo] = acc[c]


cdef inline void sum_row(ptrdiff_t n, const int32_t* slots, const double* values, const double* B, ptrdiff_t width,
                         double* out, ptrdiff_t ldo, ptrdiff_t k) noexcept nogil:
    """out[c * ldo] = sum_a values[a] B[slots[a], c] for c < k; B has `width` columns: 1, 2, 4, or LANES or more."""
    if width == 1:
        sum_lanes(n, slots, values, B, 1, out, ldo, k, 1)
    elif width == 2:
        sum_lanes(n, slots, values, B, 2, out, ldo, k, 2)
    elif width == 4:
        sum_lanes(n, slots, values, B, 4, out, ldo, k, 4)
    else:
        sum_lanes(n, slots, values, B, width, out, ldo, k, LANES)


def csr_combine(const real[::1] data, const index[::1] indices, const index[::1] indptr, const int32_t[::1] slot,
                const uint64_t[::1] taken,
                const double[:, ::1] Bt, ptrdiff_t start, ptrdiff_t stop, int32_t[::1] row_slots,
                double[::1] row_values, double[:, ::1] out):
    """out[c, i] = sum_j X[i, j] Bt[slot[j], c] over the columns with a slot, rows start..stop.

    Bt has 1, 2 or 4 columns, or a multiple of LANES, of which the first out.shape[0] are used.
    """
    cdef ptrdiff_t i, group, first, count
    with nogil:
        for i in range(start, stop):
            if indptr[i] == indptr[i + 1]:
                count = 0
            else:
                count = compacted(&data[indptr[i]], &indices[indptr[i]], indptr[i + 1] - indptr[i], slot, taken,
                                  &row_slots[0], &row_values[0])
            for group in range((out.shape[0] + LANES - 1) // LANES):
                first = group * LANES
                sum_row(count, &row_slots[0], &row_values[0], &Bt[0, first], Bt.shape[1], &out[first, i],
                        out.shape[1], min(LANES, out.shape[0] - first))


cdef inline void add_lanes(ptrdiff_t n, const int32_t* slots, const double* values, const double* r, double* out,
                           ptrdiff_t width, const int lanes) noexcept nogil:
    """As add_row; `lanes` is a constant of the call."""
    cdef ptrdiff_t a
    for a in range(n):
        fl_add_lanes(out + width * slots[a], values[a], r, lanes)


cdef inline void add_row(ptrdiff_t n, const int32_t* slots, const double* values, const double* r, double* out,
                         ptrdiff_t width) noexcept nogil:
    """out[slots[a], c] += values[a] r[c] for the first 1, 2, 4 or LANES of the `width` columns of out."""
    if width == 1:
        add_lanes(n, slots, values, r, out, 1, 1)
    elif width == 2:
        add_lanes(n, slots, values, r, out, 2, 2)
    elif width == 4:
        add_lanes(n, slots, values, r, out, 4, 4)
    else:
        add_lanes(n, slots, values, r, out, width, LANES)


def csr_dots_at(const real[::1] data, const index[::1] indices, const index[::1] indptr, const int32_t[::1] slot,
                const uint64_t[::1] taken,
                const double[:, ::1] R, ptrdiff_t start, ptrdiff_t stop, int32_t[::1] row_slots,
                double[::1] row_values, double[:, ::1] out):
    """out[slot[j], c] += sum_i X[i, j] R[c, i] over the columns with a slot, rows start..stop.

    `out` has 1, 2 or 4 columns, or a multiple of LANES, of which the first len(R) are used.
    """
    cdef ptrdiff_t i, c, group, first, count
    cdef double[LANES] r
    memset(r, 0, sizeof(r))
    with nogil:
        for i in range(start, stop):
            if indptr[i] == indptr[i + 1]:
                continue
            count = compacted(&data[indptr[i]], &indices[indptr[i]], indptr[i + 1] - indptr[i], slot, taken,
                              &row_slots[0], &row_values[0])
            for group in range((R.shape[0] + LANES - 1) // LANES):
                first = group * LANES
                for c in range(min(LANES, R.shape[0] - first)):
                    r[c] = R[first + c, i]
                add_row(count, &row_slots[0], &row_values[0], r, &out[0, first], out.shape[1])


cdef inline ptrdiff_t merged(int32_t* slots, double* values, ptrdiff_t n, int32_t* places) noexcept nogil:
    """Sum the entries of a row that share a slot; return how many are left.

    places[s] is the position of slot s among them. It may hold anything before: a position counts only where slots[]
    confirms it.
    """
    cdef ptrdiff_t a, at, count = 0
    for a in range(n):
        at = places[slots[a]]
        if 0 <= at < count and slots[at] == slots[a]:
            values[at] += values[a]
        else:
            places[slots[a]] = count
            slots[count] = slots[a]
            values[count] = values[a]
            count += 1
    return count


def csr_gram(const real[::1] data, const index[::1] indices, const index[::1] indptr, const int32_t[::1] slot,
             const uint64_t[::1] taken,
             const double[::1] shift, const double[::1] w, ptrdiff_t n_old, ptrdiff_t start, ptrdiff_t stop,
             int32_t[::1] row_slots, double[::1] row_values, int32_t[::1] places, double[:, ::1] G):
    """G[s - n_old, t] += sum_i w_i (X[i, s] - shift_s)(X[i, t] - shift_t) over stored entries, new slots s >= n_old.

    If X may have duplicate entries, `places` has room for every slot, and duplicates are summed before they are
    centred. Otherwise `places` is empty.
    """
    cdef ptrdiff_t i, a, b, count
    cdef double x
    cdef double* row
    with nogil:
        for i in range(start, stop):
            if w[i] == 0 or indptr[i] == indptr[i + 1]:
                continue
            count = compacted(&data[indptr[i]], &indices[indptr[i]], indptr[i + 1] - indptr[i], slot, taken,
                              &row_slots[0], &row_values[0])
            if places.shape[0] and count:
                count = merged(&row_slots[0], &row_values[0], count, &places[0])
            for a in range(count):
                row_values[a] -= shift[row_slots[a]]
            for a in range(count):
                if row_slots[a] >= n_old:
                    x = w[i] * row_values[a]
                    row = &G[row_slots[a] - n_old, 0]
                    for b in range(count):
                        row[row_slots[b]] += x * row_values[b]


def gather_counts(const index[::1] indices, const int32_t[::1] slot, const uint64_t[::1] taken, int64_t[::1] counts):
    """counts[slot[j] + 1] += 1 for each stored entry of a CSR matrix whose column j has a slot."""
    cdef ptrdiff_t k, s
    with nogil:
        for k in range(indices.shape[0]):
            if taken.shape[0] and not has_slot(taken, indices[k]):
                continue
            s = slot[indices[k]]
            if s >= 0:
                counts[s + 1] += 1


def gather_csr(const real[::1] data, const index[::1] indices, const index[::1] indptr, const int32_t[::1] slot,
               const uint64_t[::1] taken, ptrdiff_t start, ptrdiff_t stop, bint backwards, int32_t[::1] row_slots,
               double[::1] row_values, int64_t[::1] fill, double[::1] out_data, int32_t[::1] out_rows):
    """Rows start..stop of the columns of a CSR matrix that have a slot, as CSC; the last entry first with `backwards`.

    fill[s] is where the next entry of column s goes, or with `backwards` one place beyond it (updated).
    """
    cdef ptrdiff_t t, i, a, k, s, count
    with nogil:
        for t in range(stop - start):
            i = stop - 1 - t if backwards else start + t
            if indptr[i] == indptr[i + 1]:
                continue
            count = compacted(&data[indptr[i]], &indices[indptr[i]], indptr[i + 1] - indptr[i], slot, taken,
                              &row_slots[0], &row_values[0])
            for a in range(count):
                k = count - 1 - a if backwards else a
                s = row_slots[k]
                fill[s] -= backwards
                out_data[fill[s]] = row_values[k]
                out_rows[fill[s]] = i
                fill[s] += not backwards


def gather_csc(const real[::1] data, const index[::1] indices, const index[::1] indptr, const int64_t[::1] cols,
               ptrdiff_t at, ptrdiff_t first, ptrdiff_t last, int64_t[::1] fill, double[::1] out_data,
               int32_t[::1] out_slots):
    """Rows first..last of the columns `cols` of a CSC matrix, as CSR.

    Column cols[s] gets the slot at + s. fill[i - first] is where the next entry of row i goes (updated).
    """
    cdef ptrdiff_t s, k, i
    with nogil:
        for s in range(cols.shape[0]):
            for k in range(indptr[cols[s]], indptr[cols[s] + 1]):
                i = indices[k] - first
                if 0 <= i < last - first:
                    out_data[fill[i]] = data[k]
                    out_slots[fill[i]] = at + s
                    fill[i] += 1


def row_counts(const index[::1] indices, const index[::1] indptr, const int64_t[::1] cols, ptrdiff_t first,
               ptrdiff_t last, int64_t[::1] counts):
    """counts[i - first + 1] += 1 for each stored entry (i, j) of a CSC matrix with j in cols and first <= i < last."""
    cdef ptrdiff_t s, k
    with nogil:
        for s in range(cols.shape[0]):
            for k in range(indptr[cols[s]], indptr[cols[s] + 1]):
                if first <= indices[k] < last:
                    counts[indices[k] - first + 1] += 1
