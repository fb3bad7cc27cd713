# What one coefficient costs, its prox and its conjugate. (The face step solves linear systems in l1, l2 and signs, and
# holds for this shape.) For one coordinate
#     h(b) = a1 |b| + a2/2 b^2  on  lower <= b <= upper,  infinite elsewhere;   lower <= 0 <= upper,
# where a1 = alpha l1_j and a2 = alpha l2_j. Its conjugate is h*(z) = max_b z b - h(b).

cdef enum:
    # Screening tries its bound on this many columns together before it looks at single ones.
    CHECK_BLOCK = 512


cdef inline double prox(double u, double curvature, double a1, double a2, double lower, double upper) noexcept nogil:
    """Minimise curvature/2 b^2 - u b + h(b): b = clip(S(u, a1) / (curvature + a2), lower, upper)."""
    cdef double b
    if fabs(u) <= a1 or curvature + a2 <= 0:
        return 0.0
    b = (u - a1 if u > 0 else u + a1) / (curvature + a2)
    return min(max(b, lower), upper)


cdef inline double feasible_scale(double z, double a1, double a2, double lower, double upper) noexcept nogil:
    """Return the largest t <= 1 for which h*(t z) is finite; 1 where a1 = 0, for which fenchel_young is finite."""
    if a2 > 0 or a1 == 0 or fabs(z) <= a1 or z > 0 and upper < INFINITY or z < 0 and lower > -INFINITY:
        return 1.0
    return a1 / fabs(z)


cdef inline double fenchel_young(double b, double z, double a1, double a2, double lower, double upper,
                                 double curvature) noexcept nogil:
    """Return h(b) + h*(z) - b z >= 0.

    If h = 0 on the whole side that z pulls b to, h*(z) is infinite. The term is then z^2 / (2 curvature), what one
    exact step on b would still gain: that step makes the dual point feasible.
    """
    cdef double best
    if a1 == 0 and a2 == 0 and (z > 0 and upper == INFINITY or z < 0 and lower == -INFINITY):
        return 0.5 * z * z / curvature if curvature > 0 else 0.0
    best = prox(z, 0.0, a1, a2, lower, upper) if a2 > 0 else (0.0 if fabs(z) <= a1 else (upper if z > 0 else lower))
    if best == INFINITY or best == -INFINITY:      # rounding has put z beyond the edge of the feasible set
        best = 0.0
    return max(0.0, a1 * (fabs(b) - fabs(best)) + 0.5 * a2 * (b * b - best * best) - z * (b - best))


# The duality gap at b, with residual r, correlations z = X'r and the dual point t r, is a sum of terms that are never
# negative, so that nothing cancels:
#
#     gap = 1/2 (1 - t)^2 r.r + sum_j ( h_j(b_j) + h_j*(t z_j) - t z_j b_j )
#
# A column may be left out where b_j = 0 and |z_j| <= alpha l1_j, since its term is zero.


def feasible_scales(const double[:, :] Z, const double[:] l1, const double[:] l2, const double[:] lower,
                    const double[:] upper, const double[::1] alphas, double[::1] scales):
    """scales[k] = the largest t <= 1 for which h_j*(t Z[k, j]) is finite for all columns j, at alphas[k]."""
    cdef ptrdiff_t j, k
    cdef double scale, alpha
    with nogil:
        for k in range(Z.shape[0]):
            scale, alpha = 1.0, alphas[k]
            for j in range(Z.shape[1]):
                scale = min(scale, feasible_scale(Z[k, j], alpha * l1[j], alpha * l2[j], lower[j], upper[j]))
            scales[k] = scale


def add_fenchel_young(const double[:, :] B, const double[:, :] Z, const double[:] l1, const double[:] l2,
                      const double[:] lower, const double[:] upper, const double[:] curvature,
                      const double[::1] alphas, const double[::1] scales, double[::1] gaps):
    """gaps[k] += sum_j ( h_j(b_j) + h_j*(t z_j) - t z_j b_j ) for b = B[k], z = Z[k], t = scales[k] and alphas[k]."""
    cdef ptrdiff_t j, k
    cdef double scale, gap, alpha
    with nogil:
        for k in range(B.shape[0]):
            scale, alpha, gap = scales[k], alphas[k], gaps[k]
            for j in range(B.shape[1]):
                gap += fenchel_young(B[k, j], scale * Z[k, j], alpha * l1[j], alpha * l2[j], lower[j], upper[j],
                                     curvature[j])
            gaps[k] = gap


def columns_to_check(const double[:, ::1] Z, const double[:, ::1] T, const double[::1] distance,
                     const double[:] norm2, const double[:] l1, const double[:] lower, const double[:] upper,
                     const double[::1] alphas, int64_t[::1] found):
    """List the columns whose |x_j . r_k| may reach alphas[k] l1_j for some k; return how many.

    With the residual r_k = sum_a T[k, a] r_a + d, |d| = distance[k], and the correlations Z[a] = X'r_a,

        |x_j . r_k| <= |sum_a T[k, a] Z[a, j]| + |x_j| distance[k].

    Most columns are cleared for all k at once, by |sum_a T[k, a] Z[a, j]| <= max_k sum_a |T[k, a]| max_a |Z[a, j]|.
    The sums are formed only for blocks of columns in which that leaves some.
    """
    cdef ptrdiff_t i, j, at, left, size, first = 0, p = Z.shape[1], n = T.shape[1], m = T.shape[0], count = 0
    cdef double reach = most_weight(T), farthest = 0.0, lowest = INFINITY
    cdef double[CHECK_BLOCK] largest
    cdef double[:, ::1] sums = np.empty((m, CHECK_BLOCK))
    for i in range(m):
        farthest, lowest = max(farthest, distance[i]), min(lowest, alphas[i])
    with nogil:
        while first < p:
            size, left = min(CHECK_BLOCK, p - first), count
            largest_sizes(&Z[0, first], n, p, size, &largest[0])
            for i in range(size):
                j, largest[i] = first + i, reach * largest[i]
                if largest[i] + sqrt(norm2[j]) * farthest >= lowest * l1[j]:
                    found[left] = j
                    left += 1
            if left > count:
                memset(&sums[0, 0], 0, m * CHECK_BLOCK * sizeof(double))
                KERNELS.combine_f64(&Z[0, first], p, NULL, n, &T[0, 0], 1, n, m, size, &sums[0, 0], CHECK_BLOCK)
            for at in range(count, left):
                j = found[at]
                i = j - first
                if not_cleared(&sums[0, i], distance, alphas, sqrt(norm2[j]), 1e-12 * largest[i], l1[j], lower[j] < 0,
                               upper[j] > 0):
                    found[count] = j
                    count += 1
            first += size
    return count


cdef double most_weight(const double[:, ::1] T) noexcept nogil:
    """Return max_k sum_a |T[k, a]|, rounded up."""
    cdef ptrdiff_t k, a
    cdef double total, most = 0.0
    for k in range(T.shape[0]):
        total = 0.0
        for a in range(T.shape[1]):
            total += fabs(T[k, a])
        most = max(most, total)
    return most * (1 + 1e-11)


cdef inline void largest_sizes(const double* Z, ptrdiff_t n_rows, ptrdiff_t stride, ptrdiff_t size,
                               double* out) noexcept nogil:
    """out[j] = max_a |Z[a, j]|."""
    cdef ptrdiff_t j, a
    cdef double z
    for j in range(size):
        out[j] = fabs(Z[j])
    for a in range(1, n_rows):
        for j in range(size):
            z = fabs(Z[a * stride + j])
            out[j] = z if z > out[j] else out[j]


cdef inline bint not_cleared(const double* z, const double[::1] distance, const double[::1] alphas, double length,
                             double rounding, double l1, bint may_fall, bint may_rise) noexcept nogil:
    """Whether some z_k +- (length distance[k] + rounding) reaches alphas[k] l1, on a side that the bounds leave open.

    z_k stands at z[k * CHECK_BLOCK].
    """
    cdef ptrdiff_t k
    cdef double least
    for k in range(alphas.shape[0]):
        least = alphas[k] * l1 - length * distance[k] - rounding
        if z[k * CHECK_BLOCK] >= least and may_rise or -z[k * CHECK_BLOCK] >= least and may_fall:
            return True
    return False


def violators(const double[:] z, const double[:] l1, const double[:] lower, const double[:] upper,
              const double[:] norm2, double alpha, double slack, double noise, int64_t[::1] found):
    """List the columns with |z_j| > slack alpha l1_j + noise |x_j|, unless a bound of 0 holds them; return how many."""
    cdef ptrdiff_t j, count = 0
    cdef double limit
    with nogil:
        for j in range(z.shape[0]):
            limit = slack * alpha * l1[j]
            if (z[j] > limit and upper[j] > 0 or -z[j] > limit and lower[j] < 0) and (
                    fabs(z[j]) > limit + noise * sqrt(norm2[j])):
                found[count] = j
                count += 1
    return count
