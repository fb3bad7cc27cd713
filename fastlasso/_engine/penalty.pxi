# What one coefficient costs, its prox and its conjugate. (The face step solves linear systems in l1, l2 and signs, and
# holds for this shape.) For one coordinate
#     h(b) = a1 |b| + a2/2 b^2  on  lower <= b <= upper,  infinite elsewhere;   lower <= 0 <= upper,
# where a1 = alpha l1_j and a2 = alpha l2_j. Its conjugate is h*(z) = max_b z b - h(b).

cdef enum:
    # Screening tries its bound on this many columns together before it looks at single ones.
    CHECK_BLOCK = 512
    # If at least this many columns of a block remain, a kernel forms the sums of the whole block.
    CHECK_MANY = 64


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
    The sums are formed for the columns that this leaves.
    """
    cdef ptrdiff_t k, size, left, first = 0, p = Z.shape[1], count = 0
    cdef double reach = most_weight(T), farthest = 0.0, lowest = INFINITY
    cdef double[CHECK_BLOCK] largest
    cdef double[::1] sums = np.empty(len(T) * CHECK_BLOCK)
    for k in range(T.shape[0]):
        farthest, lowest = max(farthest, distance[k]), min(lowest, alphas[k])
    with nogil:
        while first < p:
            size = min(CHECK_BLOCK, p - first)
            KERNELS.largest(Z.shape[0], size, &Z[0, first], p, largest)
            left = may_reach(largest, reach, norm2, l1, first, size, farthest, lowest, &found[count])
            count += keep_not_cleared(Z, T, distance, norm2, l1, lower, upper, alphas, first, largest, reach, &sums[0],
                                      left, &found[count])
            first += size
    return count


cdef ptrdiff_t may_reach(const double* largest, double reach, const double[:] norm2, const double[:] l1,
                         ptrdiff_t first, ptrdiff_t size, double farthest, double lowest,
                         int64_t* found) noexcept nogil:
    """List the columns from `first` on with reach * largest + |x_j| farthest >= lowest l1_j; return how many."""
    cdef ptrdiff_t i, count = 0
    for i in range(size):
        if reach * largest[i] + sqrt(norm2[first + i]) * farthest >= lowest * l1[first + i]:
            found[count] = first + i
            count += 1
    return count


cdef ptrdiff_t keep_not_cleared(const double[:, ::1] Z, const double[:, ::1] T, const double[::1] distance,
                                const double[:] norm2, const double[:] l1, const double[:] lower,
                                const double[:] upper, const double[::1] alphas, ptrdiff_t first,
                                const double* largest, double reach, double* sums, ptrdiff_t n,
                                int64_t* found) noexcept nogil:
    """Keep of n columns those that their own sums do not clear; return how many.

    No sum of column j is larger than reach * largest[j - first].
    """
    cdef ptrdiff_t a, i, j, count = 0
    cdef bint many = n >= CHECK_MANY
    if many:
        form_sums(Z, T, first, min(CHECK_BLOCK, Z.shape[1] - first), sums)
    for a in range(n):
        j = found[a]
        i = j - first
        if not many:
            form_sums_of_one(Z, T, j, sums)
        if not_cleared(sums + (i if many else 0), CHECK_BLOCK if many else 1, distance, alphas, sqrt(norm2[j]),
                       1e-12 * reach * largest[i], l1[j], lower[j] < 0, upper[j] > 0):
            found[count] = j
            count += 1
    return count


cdef void form_sums(const double[:, ::1] Z, const double[:, ::1] T, ptrdiff_t first, ptrdiff_t size,
                    double* sums) noexcept nogil:
    """sums[k, j - first] = sum_a T[k, a] Z[a, j] for `size` columns j; a row of sums has room for CHECK_BLOCK."""
    cdef ptrdiff_t n = T.shape[1], m = T.shape[0]
    memset(sums, 0, m * CHECK_BLOCK * sizeof(double))
    KERNELS.combine_f64(&Z[0, first], Z.shape[1], NULL, n, &T[0, 0], 1, n, m, size, sums, CHECK_BLOCK)


cdef void form_sums_of_one(const double[:, ::1] Z, const double[:, ::1] T, ptrdiff_t j, double* sums) noexcept nogil:
    """sums[k] = sum_a T[k, a] Z[a, j]."""
    cdef ptrdiff_t k, a
    for k in range(T.shape[0]):
        sums[k] = 0.0
        for a in range(T.shape[1]):
            sums[k] += T[k, a] * Z[a, j]


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


cdef inline bint not_cleared(const double* z, ptrdiff_t stride, const double[::1] distance, const double[::1] alphas,
                             double length, double rounding, double l1, bint may_fall, bint may_rise) noexcept nogil:
    """Whether some z_k +- (length distance[k] + rounding) reaches alphas[k] l1, on a side that the bounds leave open.

    z_k stands at z[k * stride].
    """
    cdef ptrdiff_t k
    cdef double least
    for k in range(alphas.shape[0]):
        least = alphas[k] * l1 - length * distance[k] - rounding
        if z[k * stride] >= least and may_rise or -z[k * stride] >= least and may_fall:
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
            if not fabs(z[j]) > limit:
                continue
            if (upper[j] > 0 if z[j] > 0 else lower[j] < 0) and fabs(z[j]) > limit + noise * sqrt(norm2[j]):
                found[count] = j
                count += 1
    return count
