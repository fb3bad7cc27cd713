# Coordinate descent in residual form, for working sets whose Gram matrix would cost more than it saves.
#
# Dense columns are rows of A. They and the residual r are centred and scaled by sqrt(w), so that the correlation of
# column j is the plain product x_j . r. Sparse columns are CSC parts that are not centred. The true residual is
# r_i - offset, where the scalar `offset` makes sum_i w_i (r_i - offset) = 0. With mean_j = sum_i w_i x_ij, column j has
# the correlation sum_i w_i x_ij r_i - offset mean_j.


def dense_sweeps(const double[:, ::1] A, double[::1] r, double[::1] b, const double[::1] curvature,
                 const double[::1] a1, const double[::1] a2, const double[::1] lower, const double[::1] upper,
                 int epochs):
    """Cyclic soft-threshold sweeps: b_j <- prox(x_j . r + |x_j|^2 b_j), r <- r - (change of b_j) x_j.

    Returns the largest move |change of b_j| |x_j| of the last sweep.
    """
    cdef ptrdiff_t j, n = r.shape[0]
    cdef double best, delta, moved = 0.0
    cdef int epoch
    with nogil:
        for epoch in range(epochs):
            moved = 0.0
            for j in range(A.shape[0]):
                best = prox(KERNELS.dot(n, &A[j, 0], &r[0]) + curvature[j] * b[j], curvature[j], a1[j], a2[j],
                            lower[j], upper[j])
                delta = best - b[j]
                if delta != 0:
                    b[j] = best
                    KERNELS.axpy(n, -delta, &A[j, 0], &r[0])
                    moved = max(moved, fabs(delta) * sqrt(curvature[j]))
    return moved


def sparse_sweeps(const double[::1] data, const int32_t[::1] rows, const int64_t[::1] indptr, const double[::1] wx,
                  const double[::1] mean, double[::1] r, double offset, double[::1] b, const double[::1] curvature,
                  const double[::1] a1, const double[::1] a2, const double[::1] lower, const double[::1] upper,
                  int epochs):
    """As dense_sweeps for CSC columns, where wx holds w_i x_ij. Returns (largest move, offset)."""
    cdef ptrdiff_t j, k, at
    cdef double z, best, delta, moved = 0.0
    cdef int epoch
    with nogil:
        for epoch in range(epochs):
            moved = 0.0
            for j in range(b.shape[0]):
                at = indptr[j]
                column_dots(&wx[0] + at, &rows[0] + at, indptr[j + 1] - at, &r[0], 1, &z, 1, 1)
                z -= offset * mean[j]
                best = prox(z + curvature[j] * b[j], curvature[j], a1[j], a2[j], lower[j], upper[j])
                delta = best - b[j]
                if delta != 0:
                    b[j] = best
                    for k in range(indptr[j], indptr[j + 1]):
                        r[rows[k]] -= delta * data[k]
                    offset -= delta * mean[j]
                    moved = max(moved, fabs(delta) * sqrt(curvature[j]))
    return moved, offset


def sparse_combine(const double[::1] data, const int32_t[::1] rows, const int64_t[::1] indptr,
                   const double[::1] b, double[::1] out):
    """out += X b."""
    cdef ptrdiff_t j, k
    with nogil:
        for j in range(b.shape[0]):
            if b[j] != 0:
                for k in range(indptr[j], indptr[j + 1]):
                    out[rows[k]] += data[k] * b[j]


def sparse_correlations(const int32_t[::1] rows, const int64_t[::1] indptr, const double[::1] wx,
                        const double[::1] mean, const double[::1] r, double offset, double[::1] z):
    """z_j = sum_i w_i x_ij r_i - offset mean_j."""
    cdef ptrdiff_t j, at
    with nogil:
        for j in range(z.shape[0]):
            at = indptr[j]
            column_dots(&wx[0] + at, &rows[0] + at, indptr[j + 1] - at, &r[0], 1, &z[j], 1, 1)
            z[j] -= offset * mean[j]
