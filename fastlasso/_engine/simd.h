/* The few loops that run once per stored value of a dense array.
 *
 * Every level (x86-64 baseline, AVX2, AVX-512) adds in the same order: a dot product always runs in 8 lanes, reduced by
 * one fixed tree, in row chunks of FL_CHUNK, and multiplies and adds with one rounding (FMA) wherever it says so. The
 * compiler fuses nothing on its own (-ffp-contract=off), so the same bits come out on every machine. Only the number
 * of columns held in registers at once differs between levels. The baseline calls fma() of the C library and is slow.
 */
#ifndef FASTLASSO_SIMD_H
#define FASTLASSO_SIMD_H
#include <stddef.h>
#include <stdint.h>

#define FL_CHUNK 512
#define FL_RHS_BLOCK 128
#define FL_RHS_FETCH 24
#define FL_BLOCK 64
#define FL_TRIANGLE 32

typedef struct {
    const char *name;
    /* out[j*sj + c*sc] += sum_i A[i + cols[j]*lda] * B[i + c*ldb],  j < m, c < k, i < n.  cols == NULL means 0..m-1. */
    void (*dots_f64)(const double *A, ptrdiff_t lda, const int64_t *cols, ptrdiff_t m, const double *B, ptrdiff_t ldb,
                     ptrdiff_t k, ptrdiff_t n, double *out, ptrdiff_t sj, ptrdiff_t sc);
    void (*dots_f32)(const float *A, ptrdiff_t lda, const int64_t *cols, ptrdiff_t m, const double *B, ptrdiff_t ldb,
                     ptrdiff_t k, ptrdiff_t n, double *out, ptrdiff_t sj, ptrdiff_t sc);
    /* out[i + c*ldo] += sum_j A[i + cols[j]*lda] * coef[j*sj + c*sc],  in the order of j. */
    void (*combine_f64)(const double *A, ptrdiff_t lda, const int64_t *cols, ptrdiff_t m, const double *coef,
                        ptrdiff_t sj, ptrdiff_t sc, ptrdiff_t k, ptrdiff_t n, double *out, ptrdiff_t ldo);
    void (*combine_f32)(const float *A, ptrdiff_t lda, const int64_t *cols, ptrdiff_t m, const double *coef,
                        ptrdiff_t sj, ptrdiff_t sc, ptrdiff_t k, ptrdiff_t n, double *out, ptrdiff_t ldo);
    /* out[3*j..] = sum_i w_i d, sum_i w_i d^2, sum_i u_i d  with d = A[i + j*lda] - A[j*lda], for m columns. */
    void (*moments_f64)(const double *A, ptrdiff_t lda, ptrdiff_t m, const double *w, const double *u, ptrdiff_t n,
                        double *out);
    void (*moments_f32)(const float *A, ptrdiff_t lda, ptrdiff_t m, const double *w, const double *u, ptrdiff_t n,
                        double *out);
    /* y += a x */
    void (*axpy)(ptrdiff_t n, double a, const double *x, double *y);
    /* x . y */
    double (*dot)(ptrdiff_t n, const double *x, const double *y);
    /* x_c <- L^-1 x_c, x_c = x + c*ldx, c < k, with the lower triangle of L[i + j*ldl], i, j < m <= FL_TRIANGLE */
    void (*solve_triangle)(const double *L, ptrdiff_t ldl, ptrdiff_t m, double *x, ptrdiff_t ldx, ptrdiff_t k);
    /* (x, y) <- (c x + s y, c y - s x), a Givens rotation */
    void (*rotate)(ptrdiff_t n, double *x, double *y, double c, double s);
    /* out = x + share (y - x) */
    void (*line)(ptrdiff_t n, const double *x, const double *y, double share, double *out);
    /* out += scale w (x - y) */
    void (*add_change)(ptrdiff_t n, const double *w, double scale, const double *x, const double *y, double *out);
    /* most[0] = max |y - x|, NaN where one is; most[1] = max |y| */
    void (*farthest)(ptrdiff_t n, const double *x, const double *y, double *most);
    /* out[i] = max_a |Z[i + a*ldz]|,  a < m, i < n; m >= 1 */
    void (*largest)(ptrdiff_t m, ptrdiff_t n, const double *Z, ptrdiff_t ldz, double *out);
    /* out = e^x, 0 below x = -708, infinite above 709 */
    void (*exp)(ptrdiff_t n, const double *x, double *out);
    /* out = m ln(m / mu) - m + mu with m = mu + change, mu >= 0: 0 for 0 and 0, infinite where m < 0 or mu = 0 < m */
    void (*divergence)(ptrdiff_t n, const double *mu, const double *change, double *out);
    /* mu = 1 / (1 + e^-x), nu = 1 - mu, both to full relative precision */
    void (*logistic)(ptrdiff_t n, const double *x, double *mu, double *nu);
    /* the deviance -y ln(mu / y) - ..., and its slack for the dual point theta, of the log loss */
    void (*log_loss)(ptrdiff_t n, const double *eta, const double *y, const double *theta, double *deviance,
                     double *slack);
    /* the residual y - mu and the curvature mu (1 - mu) of the log loss */
    void (*log_loss_local)(ptrdiff_t n, const double *eta, const double *y, double *rho, double *d);
    /* the same of the Poisson loss, whose mean is mu = exp(min(eta, 700)): y - mu and mu */
    void (*poisson)(ptrdiff_t n, const double *eta, const double *y, const double *theta, double *deviance,
                    double *slack);
    void (*poisson_local)(ptrdiff_t n, const double *eta, const double *y, double *rho, double *d);
} fl_kernels;

/* The kernels of the best level this machine has, or of the one named ("baseline", "avx2", "avx512"); NULL if none. */
const fl_kernels *fl_choose_kernels(const char *name);

#endif
