/* The body of one instruction level; see simd.h for what each function computes and simd.c for LEVEL, ROWS, RHS. */

INLINE v8 LEVEL(load_f64)(const double *x) { return *(const v8u *)x; }
INLINE v8 LEVEL(load_f32)(const float *x) { return __builtin_convertvector(*(const f8u *)x, v8); }

INLINE double LEVEL(reduce)(v8 a)
{
    return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
}

/* The last n < 8 values, followed by zeros. */
#define PARTIAL(T)                                                                                                     \
    INLINE v8 LEVEL(partial_##T)(const T *x, ptrdiff_t n)                                                              \
    {                                                                                                                  \
        v8 v = {0};                                                                                                    \
        double lanes[8] = {0};                                                                                         \
        for (ptrdiff_t i = 0; i < n; i++) lanes[i] = x[i];                                                             \
        memcpy(&v, lanes, sizeof v);                                                                                   \
        return v;                                                                                                      \
    }
PARTIAL(double)
PARTIAL(float)
#undef PARTIAL

/* One tile: out[r*sj + c*sc] += a_r . b_c for r < R columns and c < C right-hand sides, n <= FL_CHUNK. */
#define TILE(T, load, R, C)                                                                                            \
    INLINE void LEVEL(tile_##T##_##R##x##C)(const T *const *a, const double *b, ptrdiff_t ldb, ptrdiff_t n,            \
                                            double *out, ptrdiff_t sj, ptrdiff_t sc)                                   \
    {                                                                                                                  \
        v8 acc[R][C] = {{{0}}};                                                                                        \
        const ptrdiff_t whole = n & ~(ptrdiff_t)7;                                                                     \
        for (ptrdiff_t i = 0; i < whole; i += 8) {                                                                     \
            v8 vb[C];                                                                                                  \
            for (int c = 0; c < C; c++) vb[c] = LEVEL(load_f64)(b + c * ldb + i);                                      \
            for (int r = 0; r < R; r++) {                                                                              \
                const v8 va = LEVEL(load)(a[r] + i);                                                                   \
                for (int c = 0; c < C; c++) acc[r][c] += va * vb[c];                                                   \
            }                                                                                                          \
        }                                                                                                              \
        if (whole < n)                                                                                                 \
            for (int r = 0; r < R; r++) {                                                                              \
                const v8 va = LEVEL(partial_##T)(a[r] + whole, n - whole);                                             \
                for (int c = 0; c < C; c++) acc[r][c] += va * LEVEL(partial_double)(b + c * ldb + whole, n - whole);   \
            }                                                                                                          \
        for (int r = 0; r < R; r++)                                                                                    \
            for (int c = 0; c < C; c++) out[r * sj + c * sc] += LEVEL(reduce)(acc[r][c]);                              \
    }

#define TILE_SHAPES(T, load, R, C) TILE(T, load, R, C)

/* All right-hand sides for R columns of one row chunk. */
#define STRIP(T, R, C)                                                                                                 \
    INLINE void LEVEL(strip_##T##_##R)(const T *const *a, const double *b, ptrdiff_t ldb, ptrdiff_t k, ptrdiff_t n,    \
                                       double *out, ptrdiff_t sj, ptrdiff_t sc)                                        \
    {                                                                                                                  \
        ptrdiff_t c = 0;                                                                                               \
        for (; c + C <= k; c += C) LEVEL(tile_##T##_##R##x##C)(a, b + c * ldb, ldb, n, out + c * sc, sj, sc);          \
        for (; c < k; c++) LEVEL(tile_##T##_##R##x1)(a, b + c * ldb, ldb, n, out + c * sc, sj, sc);                    \
    }

#define DOTS(T, suffix, R)                                                                                             \
    static void LEVEL(dots_##suffix)(const T *A, ptrdiff_t lda, const int64_t *cols, ptrdiff_t m, const double *B,     \
                                     ptrdiff_t ldb, ptrdiff_t k, ptrdiff_t n, double *out, ptrdiff_t sj, ptrdiff_t sc) \
    {                                                                                                                  \
        for (ptrdiff_t i = 0; i < n; i += FL_CHUNK) {                                                                  \
            const ptrdiff_t rows = n - i < FL_CHUNK ? n - i : FL_CHUNK;                                                \
            ptrdiff_t j = 0;                                                                                           \
            for (; j < m; j += R) {                                                                                    \
                const T *a[R];                                                                                         \
                const ptrdiff_t here = m - j < R ? m - j : R;                                                          \
                for (ptrdiff_t r = 0; r < here; r++) a[r] = A + i + (cols ? cols[j + r] : j + r) * lda;                \
                if (here == R)                                                                                         \
                    LEVEL(strip_##T##_##R)(a, B + i, ldb, k, rows, out + j * sj, sj, sc);                              \
                else                                                                                                   \
                    for (ptrdiff_t r = 0; r < here; r++)                                                               \
                        LEVEL(strip_##T##_1)(a + r, B + i, ldb, k, rows, out + (j + r) * sj, sj, sc);                  \
            }                                                                                                          \
        }                                                                                                              \
    }

#define EXPAND_STRIP(T, R, C) STRIP(T, R, C)
#define EXPAND_DOTS(T, suffix, R) DOTS(T, suffix, R)
#define DOTS_FAMILY(T, suffix, load)                                                                                   \
    TILE_SHAPES(T, load, ROWS, 1)                                                                                      \
    TILE_SHAPES(T, load, 1, 1)
#if RHS > 1
#define WIDE_FAMILY(T, load)                                                                                           \
    TILE_SHAPES(T, load, ROWS, RHS)                                                                                    \
    TILE_SHAPES(T, load, 1, RHS)
WIDE_FAMILY(double, load_f64)
WIDE_FAMILY(float, load_f32)
#undef WIDE_FAMILY
#endif
DOTS_FAMILY(double, f64, load_f64)
DOTS_FAMILY(float, f32, load_f32)
EXPAND_STRIP(double, ROWS, RHS)
EXPAND_STRIP(float, ROWS, RHS)
EXPAND_STRIP(double, 1, RHS)
EXPAND_STRIP(float, 1, RHS)
EXPAND_DOTS(double, f64, ROWS)
EXPAND_DOTS(float, f32, ROWS)
#undef TILE
#undef TILE_SHAPES
#undef STRIP
#undef DOTS
#undef EXPAND_STRIP
#undef EXPAND_DOTS
#undef DOTS_FAMILY

#define COMBINE_ROWS 512

/* out += a0 c0, then a1 c1, a2 c2, a3 c3: four columns for one load and store of out. */
#define COMBINE(T, suffix)                                                                                             \
    INLINE void LEVEL(quad_##suffix)(const T *const *a, const double *coef, ptrdiff_t sj, ptrdiff_t n, double *out)    \
    {                                                                                                                  \
        const double c0 = coef[0], c1 = coef[sj], c2 = coef[2 * sj], c3 = coef[3 * sj];                                \
        ptrdiff_t i = 0;                                                                                               \
        for (; i + 8 <= n; i += 8) {                                                                                   \
            v8 o = LEVEL(load_f64)(out + i);                                                                           \
            o += LEVEL(load_##suffix)(a[0] + i) * c0;                                                                  \
            o += LEVEL(load_##suffix)(a[1] + i) * c1;                                                                  \
            o += LEVEL(load_##suffix)(a[2] + i) * c2;                                                                  \
            o += LEVEL(load_##suffix)(a[3] + i) * c3;                                                                  \
            *(v8u *)(out + i) = o;                                                                                     \
        }                                                                                                              \
        for (; i < n; i++) out[i] = (((out[i] + a[0][i] * c0) + a[1][i] * c1) + a[2][i] * c2) + a[3][i] * c3;          \
    }                                                                                                                  \
    INLINE void LEVEL(single_##suffix)(const T *a, double c, ptrdiff_t n, double *out)                                 \
    {                                                                                                                  \
        ptrdiff_t i = 0;                                                                                               \
        for (; i + 8 <= n; i += 8) *(v8u *)(out + i) = LEVEL(load_f64)(out + i) + LEVEL(load_##suffix)(a + i) * c;     \
        for (; i < n; i++) out[i] += a[i] * c;                                                                         \
    }                                                                                                                  \
    static void LEVEL(combine_##suffix)(const T *A, ptrdiff_t lda, const int64_t *cols, ptrdiff_t m,                   \
                                        const double *coef, ptrdiff_t sj, ptrdiff_t sc, ptrdiff_t k, ptrdiff_t n,      \
                                        double *out, ptrdiff_t ldo)                                                    \
    {                                                                                                                  \
        for (ptrdiff_t i = 0; i < n; i += COMBINE_ROWS) {                                                              \
            const ptrdiff_t rows = n - i < COMBINE_ROWS ? n - i : COMBINE_ROWS;                                        \
            ptrdiff_t j = 0;                                                                                           \
            for (; j + 4 <= m; j += 4) {                                                                               \
                const T *a[4];                                                                                         \
                for (int r = 0; r < 4; r++) a[r] = A + i + (cols ? cols[j + r] : j + r) * lda;                         \
                for (ptrdiff_t c = 0; c < k; c++)                                                                      \
                    LEVEL(quad_##suffix)(a, coef + j * sj + c * sc, sj, rows, out + i + c * ldo);                      \
            }                                                                                                          \
            for (; j < m; j++)                                                                                         \
                for (ptrdiff_t c = 0; c < k; c++)                                                                      \
                    LEVEL(single_##suffix)(A + i + (cols ? cols[j] : j) * lda, coef[j * sj + c * sc], rows,            \
                                           out + i + c * ldo);                                                         \
        }                                                                                                              \
    }
COMBINE(double, f64)
COMBINE(float, f32)
#undef COMBINE
#undef COMBINE_ROWS

/* Moments of each column about its own first value, so that a mean far from zero costs no digits. */
#define MOMENTS(T, suffix)                                                                                             \
    static void LEVEL(moments_##suffix)(const T *A, ptrdiff_t lda, ptrdiff_t m, const double *w, const double *u,      \
                                        ptrdiff_t n, double *out)                                                      \
    {                                                                                                                  \
        for (ptrdiff_t j = 0; j < m; j++) {                                                                            \
            const T *a = A + j * lda;                                                                                  \
            const double first = a[0];                                                                                 \
            const ptrdiff_t whole = n & ~(ptrdiff_t)7;                                                                 \
            v8 wd = {0}, wdd = {0}, ud = {0};                                                                          \
            for (ptrdiff_t i = 0; i < whole; i += 8) {                                                                 \
                const v8 d = LEVEL(load_##suffix)(a + i) - first, x = LEVEL(load_f64)(w + i) * d;                      \
                wd += x;                                                                                               \
                wdd += x * d;                                                                                          \
                ud += LEVEL(load_f64)(u + i) * d;                                                                      \
            }                                                                                                          \
            double s0 = LEVEL(reduce)(wd), s1 = LEVEL(reduce)(wdd), s2 = LEVEL(reduce)(ud);                            \
            for (ptrdiff_t i = whole; i < n; i++) {                                                                    \
                const double d = a[i] - first, x = w[i] * d;                                                           \
                s0 += x;                                                                                               \
                s1 += x * d;                                                                                           \
                s2 += u[i] * d;                                                                                        \
            }                                                                                                          \
            out[3 * j] = s0;                                                                                           \
            out[3 * j + 1] = s1;                                                                                       \
            out[3 * j + 2] = s2;                                                                                       \
        }                                                                                                              \
    }
MOMENTS(double, f64)
MOMENTS(float, f32)
#undef MOMENTS

static void LEVEL(axpy)(ptrdiff_t n, double a, const double *x, double *y) { LEVEL(single_f64)(x, a, n, y); }

static double LEVEL(dot)(ptrdiff_t n, const double *x, const double *y)
{
    double out = 0;
    LEVEL(tile_double_1x1)(&x, y, 0, n, &out, 0, 0);
    return out;
}

static void LEVEL(rotate)(ptrdiff_t n, double *x, double *y, double c, double s)
{
    ptrdiff_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const v8 u = LEVEL(load_f64)(x + i), v = LEVEL(load_f64)(y + i);
        *(v8u *)(x + i) = u * c + v * s;
        *(v8u *)(y + i) = v * c - u * s;
    }
    for (; i < n; i++) {
        const double u = x[i], v = y[i];
        x[i] = u * c + v * s;
        y[i] = v * c - u * s;
    }
}

static const fl_kernels LEVEL(kernels) = {
    NAME_OF(LEVEL(x)) + 2, LEVEL(dots_f64),  LEVEL(dots_f32), LEVEL(combine_f64),
    LEVEL(combine_f32), LEVEL(moments_f64), LEVEL(moments_f32), LEVEL(axpy), LEVEL(dot), LEVEL(rotate)};
