/* The body of one instruction level; see simd.h for what each function computes and simd.c for LEVEL, ROWS, RHS. */

#define PARTS (8 / WIDTH)
#if WIDTH > 1
typedef double LEVEL(vec) __attribute__((vector_size(8 * WIDTH)));
typedef double LEVEL(vec_u) __attribute__((vector_size(8 * WIDTH), aligned(8), may_alias));
typedef float LEVEL(half_u) __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));
typedef int64_t LEVEL(ints) __attribute__((vector_size(8 * WIDTH), may_alias));
#define VEC LEVEL(vec)
#define INTS LEVEL(ints)

INLINE VEC LEVEL(load_f64)(const double *x) { return *(const LEVEL(vec_u) *)x; }
INLINE VEC LEVEL(load_f32)(const float *x) { return __builtin_convertvector(*(const LEVEL(half_u) *)x, VEC); }
INLINE void LEVEL(store)(double *x, VEC v) { *(LEVEL(vec_u) *)x = v; }
INLINE void LEVEL(fold)(const double *lanes, quad *s) { *s = *(const quad *)lanes + *(const quad *)(lanes + 4); }
#else
#define VEC double
#define INTS int64_t

INLINE VEC LEVEL(load_f64)(const double *x) { return *x; }
INLINE VEC LEVEL(load_f32)(const float *x) { return *x; }
INLINE void LEVEL(store)(double *x, VEC v) { *x = v; }
INLINE void LEVEL(fold)(const double *lanes, quad *s)
{
    for (int i = 0; i < 4; i++) (*s)[i] = lanes[i] + lanes[i + 4];
}
#endif

/* Sum of 8 lanes by one fixed tree: ((0+4)+(2+6)) + ((1+5)+(3+7)). */
INLINE double LEVEL(reduce)(const double *lanes)
{
    quad s;
    LEVEL(fold)(lanes, &s);
    return (s[0] + s[2]) + (s[1] + s[3]);
}

/* The same for four sums at once, from (0+4, 1+5, 2+6, 3+7) of each. */
INLINE void LEVEL(reduce4)(const quad *s, double *sums)
{
#if WIDTH > 1 && defined(FL_SHUFFLE)
    const quad ab = __builtin_shufflevector(s[0], s[1], 0, 1, 4, 5) + __builtin_shufflevector(s[0], s[1], 2, 3, 6, 7);
    const quad cd = __builtin_shufflevector(s[2], s[3], 0, 1, 4, 5) + __builtin_shufflevector(s[2], s[3], 2, 3, 6, 7);
    *(quad *)sums = __builtin_shufflevector(ab, cd, 0, 2, 4, 6) + __builtin_shufflevector(ab, cd, 1, 3, 5, 7);
#else
    for (int e = 0; e < 4; e++) sums[e] = (s[e][0] + s[e][2]) + (s[e][1] + s[e][3]);
#endif
}

/* One tile: out[r*sj + c*sc] += a_r . b_c for r < R columns and c < C right-hand sides, n <= FL_CHUNK. */
#define TILE(T, load, R, C)                                                                                            \
    INLINE void LEVEL(tile_##T##_##R##x##C)(const T *const *a, const double *b, ptrdiff_t ldb, ptrdiff_t n,            \
                                            double *out, ptrdiff_t sj, ptrdiff_t sc)                                   \
    {                                                                                                                  \
        VEC acc[R][C][PARTS] = {{{ZERO}}};                                                                             \
        const ptrdiff_t whole = n & ~(ptrdiff_t)7;                                                                     \
        for (ptrdiff_t i = 0; i < whole; i += 8)                                                                       \
            for (int part = 0; part < PARTS; part++) {                                                                 \
                VEC vb[C];                                                                                             \
                for (int c = 0; c < C; c++) vb[c] = LEVEL(load_f64)(b + c * ldb + i + part * WIDTH);                   \
                for (int r = 0; r < R; r++) {                                                                          \
                    const VEC va = LEVEL(load)(a[r] + i + part * WIDTH);                                               \
                    for (int c = 0; c < C; c++) acc[r][c][part] = FMA(va, vb[c], acc[r][c][part]);                     \
                }                                                                                                      \
            }                                                                                                          \
        for (ptrdiff_t i = whole; i < n; i++)                                                                          \
            for (int r = 0; r < R; r++)                                                                                \
                for (int c = 0; c < C; c++) {                                                                          \
                    double *lane = (double *)acc[r][c] + (i - whole);                                                  \
                    *lane = ONE_FMA(a[r][i], b[c * ldb + i], *lane);                                                   \
                }                                                                                                      \
        for (int q = 0; q < R * C; q += 4) {                                                                           \
            quad s[4] = {{0}};                                                                                         \
            double sums[4];                                                                                            \
            for (int e = 0; e < 4 && q + e < R * C; e++) {                                                             \
                const double *lanes = (const double *)acc[(q + e) / C][(q + e) % C];                                   \
                LEVEL(fold)(lanes, &s[e]);                                                                             \
            }                                                                                                          \
            LEVEL(reduce4)(s, sums);                                                                                   \
            for (int e = 0; e < 4 && q + e < R * C; e++) out[(q + e) / C * sj + (q + e) % C * sc] += sums[e];          \
        }                                                                                                              \
    }

#define TILE_SHAPES(T, load, R, C) TILE(T, load, R, C)

/* All right-hand sides for R columns of one row chunk; meanwhile the next R columns are fetched into L2, evenly. */
#define STRIP(T, R, C)                                                                                                 \
    INLINE void LEVEL(strip_##T##_##R)(const T *const *a, const T *const *next, const double *b, ptrdiff_t ldb,        \
                                       ptrdiff_t k, ptrdiff_t n, double *out, ptrdiff_t sj, ptrdiff_t sc)              \
    {                                                                                                                  \
        const ptrdiff_t line = 64 / sizeof(T), share = (n * C / k + line) & -line;                                     \
        ptrdiff_t c = 0, from = 0;                                                                                     \
        for (; c + C <= k; c += C) {                                                                                   \
            if (next)                                                                                                  \
                for (const ptrdiff_t end = from + share < n ? from + share : n; from < end; from += line)              \
                    for (int r = 0; r < R; r++) FETCH(next[r] + from);                                                 \
            LEVEL(tile_##T##_##R##x##C)(a, b + c * ldb, ldb, n, out + c * sc, sj, sc);                                 \
        }                                                                                                              \
        for (; c < k; c++) LEVEL(tile_##T##_##R##x1)(a, b + c * ldb, ldb, n, out + c * sc, sj, sc);                    \
    }

/* Columns of one row chunk against up to FL_RHS_BLOCK right-hand sides, which stay in L2. */
#define PANEL(T, suffix, R)                                                                                            \
    INLINE void LEVEL(columns_##suffix)(const T *A, ptrdiff_t lda, const int64_t *cols, ptrdiff_t j, const T **a)      \
    {                                                                                                                  \
        for (ptrdiff_t r = 0; r < R; r++) a[r] = A + (cols ? cols[j + r] : j + r) * lda;                               \
    }                                                                                                                  \
    INLINE void LEVEL(panel_##suffix)(const T *A, ptrdiff_t lda, const int64_t *cols, ptrdiff_t m, const double *B,    \
                                      ptrdiff_t ldb, ptrdiff_t k, ptrdiff_t rows, double *out, ptrdiff_t sj,           \
                                      ptrdiff_t sc)                                                                    \
    {                                                                                                                  \
        ptrdiff_t j = 0;                                                                                               \
        const T *a[R], *next[R];                                                                                       \
        for (; j + R <= m; j += R) {                                                                                   \
            const int more = k >= FL_RHS_FETCH && j + 2 * R <= m;                                                      \
            LEVEL(columns_##suffix)(A, lda, cols, j, a);                                                               \
            if (more) LEVEL(columns_##suffix)(A, lda, cols, j + R, next);                                              \
            LEVEL(strip_##T##_##R)(a, more ? next : NULL, B, ldb, k, rows, out + j * sj, sj, sc);                      \
        }                                                                                                              \
        for (; j < m; j++) {                                                                                           \
            a[0] = A + (cols ? cols[j] : j) * lda;                                                                     \
            LEVEL(strip_##T##_1)(a, NULL, B, ldb, k, rows, out + j * sj, sj, sc);                                      \
        }                                                                                                              \
    }

#define DOTS(T, suffix, R)                                                                                             \
    PANEL(T, suffix, R)                                                                                                \
    static void LEVEL(dots_##suffix)(const T *A, ptrdiff_t lda, const int64_t *cols, ptrdiff_t m, const double *B,     \
                                     ptrdiff_t ldb, ptrdiff_t k, ptrdiff_t n, double *out, ptrdiff_t sj, ptrdiff_t sc) \
    {                                                                                                                  \
        for (ptrdiff_t i = 0; i < n; i += FL_CHUNK)                                                                    \
            for (ptrdiff_t c = 0; c < k; c += FL_RHS_BLOCK)                                                            \
                LEVEL(panel_##suffix)(A + i, lda, cols, m, B + i + c * ldb, ldb,                                       \
                                      k - c < FL_RHS_BLOCK ? k - c : FL_RHS_BLOCK,                                     \
                                      n - i < FL_CHUNK ? n - i : FL_CHUNK, out + c * sc, sj, sc);                      \
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
#undef PANEL
#undef EXPAND_STRIP
#undef EXPAND_DOTS
#undef DOTS_FAMILY


/* out_c += a_0 coef_0c, then a_1 coef_1c, a_2 coef_2c, a_3 coef_3c, for C right-hand sides c: four columns for one load
 * and store of out, and one load of them for all c. */
#define QUAD(T, suffix, C)                                                                                             \
    INLINE void LEVEL(quad_##suffix##_##C)(const T *const *a, const double *coef, ptrdiff_t sj, ptrdiff_t sc,          \
                                           ptrdiff_t n, double *out, ptrdiff_t ldo)                                    \
    {                                                                                                                  \
        VEC v[C][4];                                                                                                   \
        for (int c = 0; c < C; c++)                                                                                    \
            for (int r = 0; r < 4; r++) v[c][r] = EVERY(coef[r * sj + c * sc]);                                        \
        ptrdiff_t i = 0;                                                                                               \
        for (; i + WIDTH <= n; i += WIDTH) {                                                                           \
            VEC x[4];                                                                                                  \
            for (int r = 0; r < 4; r++) x[r] = LEVEL(load_##suffix)(a[r] + i);                                         \
            for (int c = 0; c < C; c++) {                                                                              \
                VEC o = LEVEL(load_f64)(out + i + c * ldo);                                                            \
                for (int r = 0; r < 4; r++) o = FMA(x[r], v[c][r], o);                                                 \
                LEVEL(store)(out + i + c * ldo, o);                                                                    \
            }                                                                                                          \
        }                                                                                                              \
        for (; i < n; i++)                                                                                             \
            for (int c = 0; c < C; c++)                                                                                \
                for (int r = 0; r < 4; r++)                                                                            \
                    out[i + c * ldo] = ONE_FMA(a[r][i], coef[r * sj + c * sc], out[i + c * ldo]);                      \
    }

#define QUAD_SHAPES(T, suffix, C) QUAD(T, suffix, C)
#define EXPAND_COMBINE(T, suffix, C) COMBINE(T, suffix, C)
#define COMBINE(T, suffix, C)                                                                                          \
    INLINE void LEVEL(single_##suffix)(const T *a, double c, ptrdiff_t n, double *out)                                 \
    {                                                                                                                  \
        ptrdiff_t i = 0;                                                                                               \
        const VEC v = EVERY(c);                                                                                        \
        for (; i + WIDTH <= n; i += WIDTH)                                                                             \
            LEVEL(store)(out + i, FMA(LEVEL(load_##suffix)(a + i), v, LEVEL(load_f64)(out + i)));                      \
        for (; i < n; i++) out[i] = ONE_FMA(a[i], c, out[i]);                                                          \
    }                                                                                                                  \
    static void LEVEL(combine_##suffix)(const T *A, ptrdiff_t lda, const int64_t *cols, ptrdiff_t m,                   \
                                        const double *coef, ptrdiff_t sj, ptrdiff_t sc, ptrdiff_t k, ptrdiff_t n,      \
                                        double *out, ptrdiff_t ldo)                                                    \
    {                                                                                                                  \
        const ptrdiff_t fits = (4096 / (k + 4)) & ~(ptrdiff_t)7, step = fits < 32 ? 32 : fits; /* 32 KB in L1 */       \
        for (ptrdiff_t i = 0; i < n; i += step) {                                                                      \
            const ptrdiff_t rows = n - i < step ? n - i : step;                                                        \
            ptrdiff_t j = 0;                                                                                           \
            for (; j + 4 <= m; j += 4) {                                                                               \
                const T *a[4];                                                                                         \
                for (int r = 0; r < 4; r++) a[r] = A + i + (cols ? cols[j + r] : j + r) * lda;                         \
                ptrdiff_t c = 0;                                                                                       \
                for (; c + C <= k; c += C)                                                                             \
                    LEVEL(quad_##suffix##_##C)(a, coef + j * sj + c * sc, sj, sc, rows, out + i + c * ldo, ldo);       \
                for (; c < k; c++)                                                                                     \
                    LEVEL(quad_##suffix##_1)(a, coef + j * sj + c * sc, sj, sc, rows, out + i + c * ldo, ldo);         \
            }                                                                                                          \
            for (; j < m; j++)                                                                                         \
                for (ptrdiff_t c = 0; c < k; c++)                                                                      \
                    LEVEL(single_##suffix)(A + i + (cols ? cols[j] : j) * lda, coef[j * sj + c * sc], rows,            \
                                           out + i + c * ldo);                                                         \
        }                                                                                                              \
    }
QUAD_SHAPES(double, f64, 1)
QUAD_SHAPES(float, f32, 1)
#if RHS > 1
QUAD_SHAPES(double, f64, RHS)
QUAD_SHAPES(float, f32, RHS)
#endif
EXPAND_COMBINE(double, f64, RHS)
EXPAND_COMBINE(float, f32, RHS)
#undef QUAD
#undef QUAD_SHAPES
#undef COMBINE
#undef EXPAND_COMBINE

/* Moments of each column about its own first value, so that a mean far from zero costs no digits. */
#define MOMENTS(T, suffix)                                                                                             \
    static void LEVEL(moments_##suffix)(const T *A, ptrdiff_t lda, ptrdiff_t m, const double *w, const double *u,      \
                                        ptrdiff_t n, double *out)                                                      \
    {                                                                                                                  \
        for (ptrdiff_t j = 0; j < m; j++) {                                                                            \
            const T *a = A + j * lda;                                                                                  \
            const double first = a[0];                                                                                 \
            const ptrdiff_t whole = n & ~(ptrdiff_t)7;                                                                 \
            VEC wd[PARTS] = {ZERO}, wdd[PARTS] = {ZERO}, ud[PARTS] = {ZERO};                                           \
            for (ptrdiff_t i = 0; i < whole; i += 8)                                                                   \
                for (int part = 0; part < PARTS; part++) {                                                             \
                    const ptrdiff_t k = i + part * WIDTH;                                                              \
                    const VEC d = LEVEL(load_##suffix)(a + k) - first, x = LEVEL(load_f64)(w + k) * d;                 \
                    wd[part] += x;                                                                                     \
                    wdd[part] += x * d;                                                                                \
                    ud[part] += LEVEL(load_f64)(u + k) * d;                                                            \
                }                                                                                                      \
            double s0 = LEVEL(reduce)((const double *)wd), s1 = LEVEL(reduce)((const double *)wdd);                    \
            double s2 = LEVEL(reduce)((const double *)ud);                                                             \
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

/* A vector holds one row of WIDTH right-hand sides: alone, each would wait for a division per row. */
static void LEVEL(solve_triangle)(const double *L, ptrdiff_t ldl, ptrdiff_t m, double *x, ptrdiff_t ldx, ptrdiff_t k)
{
    VEC rows[FL_TRIANGLE];
    for (ptrdiff_t c = 0; c < k; c += WIDTH) {
        const ptrdiff_t count = k - c < WIDTH ? k - c : WIDTH;
        for (ptrdiff_t i = 0; i < m; i++) {
            double values[WIDTH] = {0};
            for (ptrdiff_t s = 0; s < count; s++) values[s] = x[i + (c + s) * ldx];
            rows[i] = LEVEL(load_f64)(values);
        }
        for (ptrdiff_t j = 0; j < m; j++) {
            const VEC solved = rows[j] = rows[j] / EVERY(L[j + j * ldl]);
            for (ptrdiff_t i = j + 1; i < m; i++) rows[i] -= solved * EVERY(L[i + j * ldl]);
        }
        for (ptrdiff_t i = 0; i < m; i++) {
            double values[WIDTH];
            LEVEL(store)(values, rows[i]);
            for (ptrdiff_t s = 0; s < count; s++) x[i + (c + s) * ldx] = values[s];
        }
    }
}

static void LEVEL(rotate)(ptrdiff_t n, double *x, double *y, double c, double s)
{
    ptrdiff_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) {
        const VEC u = LEVEL(load_f64)(x + i), v = LEVEL(load_f64)(y + i);
        LEVEL(store)(x + i, u * c + v * s);
        LEVEL(store)(y + i, v * c - u * s);
    }
    for (; i < n; i++) {
        const double u = x[i], v = y[i];
        x[i] = u * c + v * s;
        y[i] = v * c - u * s;
    }
}

static void LEVEL(line)(ptrdiff_t n, const double *x, const double *y, double share, double *out)
{
    ptrdiff_t i = 0;
    const VEC v = EVERY(share);
    for (; i + WIDTH <= n; i += WIDTH) {
        const VEC from = LEVEL(load_f64)(x + i);
        LEVEL(store)(out + i, FMA(v, LEVEL(load_f64)(y + i) - from, from));
    }
    for (; i < n; i++) out[i] = ONE_FMA(share, y[i] - x[i], x[i]);
}

static void LEVEL(add_change)(ptrdiff_t n, const double *w, double scale, const double *x, const double *y, double *out)
{
    ptrdiff_t i = 0;
    const VEC v = EVERY(scale);
    for (; i + WIDTH <= n; i += WIDTH) {
        const VEC change = v * (LEVEL(load_f64)(x + i) - LEVEL(load_f64)(y + i));
        LEVEL(store)(out + i, FMA(LEVEL(load_f64)(w + i), change, LEVEL(load_f64)(out + i)));
    }
    for (; i < n; i++) out[i] = ONE_FMA(w[i], scale * (x[i] - y[i]), out[i]);
}

#include "simd_functions.h"

static const fl_kernels LEVEL(kernels) = {
    &NAME_OF(LEVEL(x))[2], LEVEL(dots_f64),  LEVEL(dots_f32), LEVEL(combine_f64),
    LEVEL(combine_f32), LEVEL(moments_f64), LEVEL(moments_f32), LEVEL(axpy), LEVEL(dot), LEVEL(solve_triangle),
    LEVEL(rotate), LEVEL(line), LEVEL(add_change), LEVEL(farthest), LEVEL(largest), LEVEL(exp), LEVEL(divergence),
    LEVEL(logistic), LEVEL(log_loss), LEVEL(log_loss_local), LEVEL(poisson), LEVEL(poisson_local)};
#undef PARTS
#undef VEC
#undef INTS
