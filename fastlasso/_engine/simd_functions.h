/* exp, the entropy divergence and two losses of vectors: included by simd_body.h: all levels give the same bits.
 *
 * Numbers are taken apart and put together by their bits. `pick` chooses by a mask, lane by lane. What works on whole
 * blocks is a call (ONCE): inlined at its ten places it took 80 KB of the module and saved nothing.
 */
INLINE VEC LEVEL(pick)(INTS mask, VEC yes, VEC no) { return REAL((BITS(yes) & mask) | (BITS(no) & ~mask)); }

/* c[0] + c[1] x + ... + c[n - 1] x^(n - 1). */
INLINE VEC LEVEL(polynomial)(VEC x, const double *c, int n)
{
    VEC sum = EVERY(c[n - 1]);
    for (int k = n - 2; k >= 0; k--) sum = FMA(sum, x, EVERY(c[k]));
    return sum;
}

/* e^x = 2^k e^r with |r| <= ln(2) / 2, where Taylor's polynomial of degree 13 is exact to 4e-18. 0 below -708. */
INLINE VEC LEVEL(exp1)(VEC x)
{
    static const double taylor[] = {1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320,
                                    1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
    const VEC shift = EVERY(0x1.8p52);       /* added to k, it leaves k in the last bits */
    const INTS low = BELOW(x, EVERY(-708.0)), high = BELOW(EVERY(709.0), x);
    const VEC inside = LEVEL(pick)(low, EVERY(-708.0), LEVEL(pick)(high, EVERY(709.0), x));
    const VEC shifted = FMA(inside, EVERY(0x1.71547652b82fep0), shift), k = shifted - shift;
    const VEC r = FMA(k, EVERY(-0x1.abc9e3b39803fp-56), FMA(k, EVERY(-0x1.62e42fefa39efp-1), inside));
    const VEC scale = REAL((BITS(shifted) << 52) + BITS(EVERY(1.0)));
    const VEC value = LEVEL(polynomial)(r, taylor, 14) * scale;
    return LEVEL(pick)(low, EVERY(0.0), LEVEL(pick)(high, EVERY(INFINITY), value));
}

/* ln(x) for normal x > 0: x = 2^k f with f near 1, and ln(f) = 2 atanh(s), s = (f - 1) / (f + 1), |s| < 0.172. */
INLINE VEC LEVEL(log1)(VEC x)
{
    static const double series[] = {2.0, 2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13, 2.0 / 15, 2.0 / 17,
                                    2.0 / 19, 2.0 / 21};
    const VEC one = EVERY(1.0), shift = EVERY(0x1.8p52);
    const INTS bits = BITS(x) - BITS(EVERY(0x1.6a09e667f3bcdp-1));       /* so that f >= sqrt(1/2) */
    const INTS k = bits >> 52;
    const VEC f = REAL(BITS(x) - (k << 52)), s = (f - one) / (f + one);
    const VEC exponent = REAL(k + BITS(shift)) - shift;
    return FMA(exponent, EVERY(0x1.62e42fefa39efp-1), s * LEVEL(polynomial)(s * s, series, 11));
}

/* m ln(m / mu) - m + mu for m = mu + change. With x = change / mu it is m ln(1 + x) - change, near 0 a series in x. */
INLINE VEC LEVEL(near_divergence)(VEC change, VEC x)
{
    static const double series[] = {1.0 / 2,  -1.0 / 6, 1.0 / 12,   -1.0 / 20, 1.0 / 30,  -1.0 / 42, 1.0 / 56,
                                    -1.0 / 72, 1.0 / 90, -1.0 / 110, 1.0 / 132, -1.0 / 156, 1.0 / 182};
    return change * x * LEVEL(polynomial)(x, series, 13);
}

/* Whether a mask is set in all lanes. */
INLINE int LEVEL(every)(INTS mask)
{
    int64_t all = -1;
    for (int i = 0; i < WIDTH; i++) all &= LANE(mask, i);
    return all != 0;
}

INLINE INTS LEVEL(is_near)(VEC x) { return BELOW(x, EVERY(0.0625)) & BELOW(EVERY(-0.0625), x); }

INLINE VEC LEVEL(divergence1)(VEC mu, VEC change)
{
    const VEC zero = EVERY(0.0), one = EVERY(1.0), x = change / mu;
    const INTS near = LEVEL(is_near)(x), gone = AT_MOST(x, EVERY(-1.0));
    const INTS infeasible = BELOW(x, EVERY(-1.0 - 1e-12)), nothing = SAME(mu, zero) & SAME(change, zero);
    const VEC ratio = LEVEL(pick)(gone | near | nothing, one, x + one);
    const VEC far = FMA(mu + change, LEVEL(log1)(ratio), -change);
    const VEC value = LEVEL(pick)(near, LEVEL(near_divergence)(change, x), LEVEL(pick)(gone, mu, far));
    const INTS huge = BELOW(EVERY(0x1p1000), x);
    return LEVEL(pick)(nothing, zero, LEVEL(pick)(infeasible | huge, EVERY(INFINITY), value));
}

/* The divergences of FL_BLOCK values. Where all changes are small, which is usual, no logarithm is needed. */
ONCE void LEVEL(block_divergence)(const double *mu, const double *change, double *out)
{
    INTS near = ZERO;
    near = ~near;
    for (int i = 0; i < FL_BLOCK; i += WIDTH) {
        const VEC c = LEVEL(load_f64)(change + i), x = c / LEVEL(load_f64)(mu + i);
        near &= LEVEL(is_near)(x);
        LEVEL(store)(out + i, LEVEL(near_divergence)(c, x));
    }
    if (!LEVEL(every)(near))
        for (int i = 0; i < FL_BLOCK; i += WIDTH)
            LEVEL(store)(out + i, LEVEL(divergence1)(LEVEL(load_f64)(mu + i), LEVEL(load_f64)(change + i)));
}

/* mu = 1 / (1 + e^-x) and nu = 1 - mu, each from e = e^-|x|, which is returned. */
INLINE VEC LEVEL(logistic1)(VEC x, VEC *mu, VEC *nu)
{
    const VEC one = EVERY(1.0);
    const INTS positive = AT_MOST(EVERY(0.0), x);
    const VEC e = LEVEL(exp1)(LEVEL(pick)(positive, -x, x)), large = one / (one + e), small = e * large;
    *mu = LEVEL(pick)(positive, large, small);
    *nu = LEVEL(pick)(positive, small, large);
    return e;
}

ONCE void LEVEL(block_logistic)(const double *x, double *mu, double *nu)
{
    for (int i = 0; i < FL_BLOCK; i += WIDTH) {
        VEC m, n;
        LEVEL(logistic1)(LEVEL(load_f64)(x + i), &m, &n);
        LEVEL(store)(mu + i, m);
        LEVEL(store)(nu + i, n);
    }
}

/* The residual y - mu of the log loss, without a difference of numbers near 1. */
INLINE VEC LEVEL(log_loss_residual)(VEC y, VEC mu, VEC nu) { return y * nu - (EVERY(1.0) - y) * mu; }

/* Residuals and curvatures of the log loss of FL_BLOCK values. */
ONCE void LEVEL(block_log_loss_local)(const double *eta, const double *y, const double *theta, double *rho, double *d)
{
    (void)theta;
    for (int i = 0; i < FL_BLOCK; i += WIDTH) {
        VEC m, n;
        LEVEL(logistic1)(LEVEL(load_f64)(eta + i), &m, &n);
        LEVEL(store)(rho + i, LEVEL(log_loss_residual)(LEVEL(load_f64)(y + i), m, n));
        LEVEL(store)(d + i, m * n);
    }
}

/* Deviances and slacks of the log loss of FL_BLOCK values. Where all y are 0 or 1, the deviance is -ln of the
 * probability of y: ln(1 + e^s) = max(s, 0) + ln(1 + e^-|s|), s = -eta or eta. */
ONCE void LEVEL(block_log_loss)(const double *eta, const double *y, const double *theta, double *deviance,
                                double *slack)
{
    double mu[FL_BLOCK], nu[FL_BLOCK], rho[FL_BLOCK], change[FL_BLOCK], other[FL_BLOCK];
    const VEC zero = EVERY(0.0), one = EVERY(1.0);
    INTS binary = ZERO;
    binary = ~binary;
    for (int i = 0; i < FL_BLOCK; i += WIDTH) {
        const VEC v = LEVEL(load_f64)(eta + i), t = LEVEL(load_f64)(y + i);
        VEC m, n;
        const VEC e = LEVEL(logistic1)(v, &m, &n), r = LEVEL(log_loss_residual)(t, m, n);
        const VEC s = LEVEL(pick)(BELOW(EVERY(0.5), t), -v, v), above = LEVEL(pick)(BELOW(zero, s), s, zero);
        binary &= SAME(t, zero) | SAME(t, one);
        LEVEL(store)(mu + i, m);
        LEVEL(store)(nu + i, n);
        LEVEL(store)(rho + i, r);
        LEVEL(store)(change + i, r - LEVEL(load_f64)(theta + i));
        LEVEL(store)(deviance + i, above + LEVEL(log1)(one + e));
    }
    if (!LEVEL(every)(binary)) {
        LEVEL(block_divergence)(mu, rho, deviance);
        for (int i = 0; i < FL_BLOCK; i++) rho[i] = -rho[i];
        LEVEL(block_divergence)(nu, rho, other);
        for (int i = 0; i < FL_BLOCK; i++) deviance[i] += other[i];
    }
    LEVEL(block_divergence)(mu, change, slack);
    for (int i = 0; i < FL_BLOCK; i++) change[i] = -change[i];
    LEVEL(block_divergence)(nu, change, other);
    for (int i = 0; i < FL_BLOCK; i++) slack[i] += other[i];
}

/* The mean of the Poisson loss. */
INLINE VEC LEVEL(poisson_mean)(VEC eta)
{
    const VEC most = EVERY(700.0);
    return LEVEL(exp1)(LEVEL(pick)(BELOW(most, eta), most, eta));
}

/* Residuals and curvatures of the Poisson loss of FL_BLOCK values. */
ONCE void LEVEL(block_poisson_local)(const double *eta, const double *y, const double *theta, double *rho, double *d)
{
    (void)theta;
    for (int i = 0; i < FL_BLOCK; i += WIDTH) {
        const VEC m = LEVEL(poisson_mean)(LEVEL(load_f64)(eta + i));
        LEVEL(store)(rho + i, LEVEL(load_f64)(y + i) - m);
        LEVEL(store)(d + i, m);
    }
}

/* Deviances and slacks of the Poisson loss of FL_BLOCK values. */
ONCE void LEVEL(block_poisson)(const double *eta, const double *y, const double *theta, double *deviance,
                               double *slack)
{
    double mu[FL_BLOCK], change[FL_BLOCK];
    for (int i = 0; i < FL_BLOCK; i += WIDTH) {
        const VEC m = LEVEL(poisson_mean)(LEVEL(load_f64)(eta + i));
        LEVEL(store)(mu + i, m);
        LEVEL(store)(change + i, LEVEL(load_f64)(y + i) - m);
    }
    LEVEL(block_divergence)(mu, change, deviance);
    for (int i = 0; i < FL_BLOCK; i++) change[i] -= theta[i];
    LEVEL(block_divergence)(mu, change, slack);
}

/* Vectors of any length: whole blocks in place, the rest in blocks of its own, filled up with `fill`. */
#define REST(name, fill)                                                                                               \
    double name[FL_BLOCK];                                                                                             \
    for (int k = 0; k < FL_BLOCK; k++) name[k] = fill;                                                                 \
    memcpy(name, rest_of_##name + i, (size_t)(n - i) * sizeof *name);
#define GIVE(to, from) memcpy(to + i, from, (size_t)(n - i) * sizeof *to);

static void LEVEL(exp)(ptrdiff_t n, const double *rest_of_x, double *out)
{
    ptrdiff_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) LEVEL(store)(out + i, LEVEL(exp1)(LEVEL(load_f64)(rest_of_x + i)));
    if (i < n) {
        REST(x, 0.0)
        LEVEL(store)(x, LEVEL(exp1)(LEVEL(load_f64)(x)));
        GIVE(out, x)
    }
}

static void LEVEL(divergence)(ptrdiff_t n, const double *rest_of_mu, const double *rest_of_change, double *out)
{
    ptrdiff_t i = 0;
    for (; i + FL_BLOCK <= n; i += FL_BLOCK) LEVEL(block_divergence)(rest_of_mu + i, rest_of_change + i, out + i);
    if (i < n) {
        double last[FL_BLOCK];
        REST(mu, 1.0)
        REST(change, 0.0)
        LEVEL(block_divergence)(mu, change, last);
        GIVE(out, last)
    }
}

static void LEVEL(logistic)(ptrdiff_t n, const double *rest_of_x, double *mu, double *nu)
{
    ptrdiff_t i = 0;
    for (; i + FL_BLOCK <= n; i += FL_BLOCK) LEVEL(block_logistic)(rest_of_x + i, mu + i, nu + i);
    if (i < n) {
        double up[FL_BLOCK], down[FL_BLOCK];
        REST(x, 0.0)
        LEVEL(block_logistic)(x, up, down);
        GIVE(mu, up)
        GIVE(nu, down)
    }
}

typedef void LEVEL(block_terms)(const double *, const double *, const double *, double *, double *);

ONCE void LEVEL(terms)(LEVEL(block_terms) *block, ptrdiff_t n, const double *rest_of_eta, const double *rest_of_y,
                       const double *rest_of_theta, double *first, double *second)
{
    ptrdiff_t i = 0;
    for (; i + FL_BLOCK <= n; i += FL_BLOCK)
        block(rest_of_eta + i, rest_of_y + i, rest_of_theta + i, first + i, second + i);
    if (i < n) {
        double f[FL_BLOCK], s[FL_BLOCK];
        REST(eta, 0.0)
        REST(y, 0.0)
        REST(theta, 0.0)
        block(eta, y, theta, f, s);
        GIVE(first, f)
        GIVE(second, s)
    }
}

static void LEVEL(log_loss)(ptrdiff_t n, const double *eta, const double *y, const double *theta, double *deviance,
                            double *slack)
{
    LEVEL(terms)(LEVEL(block_log_loss), n, eta, y, theta, deviance, slack);
}

static void LEVEL(log_loss_local)(ptrdiff_t n, const double *eta, const double *y, double *rho, double *d)
{
    LEVEL(terms)(LEVEL(block_log_loss_local), n, eta, y, y, rho, d);
}

static void LEVEL(poisson)(ptrdiff_t n, const double *eta, const double *y, const double *theta, double *deviance,
                           double *slack)
{
    LEVEL(terms)(LEVEL(block_poisson), n, eta, y, theta, deviance, slack);
}

static void LEVEL(poisson_local)(ptrdiff_t n, const double *eta, const double *y, double *rho, double *d)
{
    LEVEL(terms)(LEVEL(block_poisson_local), n, eta, y, y, rho, d);
}
#undef REST
#undef GIVE

/* The largest |y - x|, NaN where one is, and the largest |y|. */
static void LEVEL(farthest)(ptrdiff_t n, const double *x, const double *y, double *most)
{
    const INTS sign = BITS(EVERY(-0.0));
    VEC change = EVERY(0.0), size = EVERY(0.0);
    INTS nan = ZERO;
    ptrdiff_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) {
        const VEC v = LEVEL(load_f64)(y + i), s = REAL(BITS(v) & ~sign);
        const VEC c = REAL(BITS(v - LEVEL(load_f64)(x + i)) & ~sign);
        nan |= ~SAME(c, c);
        change = LEVEL(pick)(BELOW(change, c), c, change);
        size = LEVEL(pick)(BELOW(size, s), s, size);
    }
    double far = 0.0, large = 0.0;
    int broken = 0;
    for (int k = 0; k < WIDTH; k++) {
        broken |= LANE(nan, k) != 0;
        far = LANE(change, k) > far ? LANE(change, k) : far;
        large = LANE(size, k) > large ? LANE(size, k) : large;
    }
    for (; i < n; i++) {
        const double s = fabs(y[i]), c = fabs(y[i] - x[i]);
        broken |= c != c;
        far = c > far ? c : far;
        large = s > large ? s : large;
    }
    most[0] = broken ? NAN : far;
    most[1] = large;
}

/* The largest of m rows, column by column. */
static void LEVEL(largest)(ptrdiff_t m, ptrdiff_t n, const double *Z, ptrdiff_t ldz, double *out)
{
    for (ptrdiff_t i = 0; i < n; i++) out[i] = fabs(Z[i]);
    for (ptrdiff_t a = 1; a < m; a++)
        for (ptrdiff_t i = 0; i < n; i++) {
            const double z = fabs(Z[a * ldz + i]);
            out[i] = z > out[i] ? z : out[i];
        }
}
