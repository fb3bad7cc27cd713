/* exp and the entropy divergence of vectors: included by simd_body.h, so that all levels give the same bits.
 *
 * Numbers are taken apart and put together by their bits. `pick` chooses by a mask, lane by lane.
 */
typedef int64_t LEVEL(ints) __attribute__((vector_size(8 * WIDTH), may_alias));
#define INTS LEVEL(ints)

INLINE VEC LEVEL(pick)(INTS mask, VEC yes, VEC no) { return (VEC)(((INTS)yes & mask) | ((INTS)no & ~mask)); }

INLINE VEC LEVEL(every)(double x)
{
    VEC v;
    for (int i = 0; i < WIDTH; i++) v[i] = x;
    return v;
}

/* c[0] + c[1] x + ... + c[n - 1] x^(n - 1). */
INLINE VEC LEVEL(polynomial)(VEC x, const double *c, int n)
{
    VEC sum = LEVEL(every)(c[n - 1]);
    for (int k = n - 2; k >= 0; k--) sum = FMA(sum, x, LEVEL(every)(c[k]));
    return sum;
}

/* e^x = 2^k e^r with |r| <= ln(2) / 2, where Taylor's polynomial of degree 13 is exact to 4e-18. 0 below -708. */
INLINE VEC LEVEL(exp1)(VEC x)
{
    static const double taylor[] = {1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320,
                                    1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
    const VEC shift = LEVEL(every)(0x1.8p52);       /* added to k, it leaves k in the last bits */
    const INTS low = x < LEVEL(every)(-708.0), high = x > LEVEL(every)(709.0);
    const VEC inside = LEVEL(pick)(low, LEVEL(every)(-708.0), LEVEL(pick)(high, LEVEL(every)(709.0), x));
    const VEC shifted = FMA(inside, LEVEL(every)(0x1.71547652b82fep0), shift), k = shifted - shift;
    const VEC r = FMA(k, LEVEL(every)(-0x1.abc9e3b39803fp-56), FMA(k, LEVEL(every)(-0x1.62e42fefa39efp-1), inside));
    const VEC scale = (VEC)(((INTS)shifted << 52) + (INTS)LEVEL(every)(1.0));
    const VEC value = LEVEL(polynomial)(r, taylor, 14) * scale;
    return LEVEL(pick)(low, LEVEL(every)(0.0), LEVEL(pick)(high, LEVEL(every)(INFINITY), value));
}

/* ln(x) for normal x > 0: x = 2^k f with f near 1, and ln(f) = 2 atanh(s), s = (f - 1) / (f + 1), |s| < 0.172. */
INLINE VEC LEVEL(log1)(VEC x)
{
    static const double series[] = {2.0, 2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13, 2.0 / 15, 2.0 / 17,
                                    2.0 / 19, 2.0 / 21};
    const VEC one = LEVEL(every)(1.0), shift = LEVEL(every)(0x1.8p52);
    const INTS bits = (INTS)x - (INTS)LEVEL(every)(0x1.6a09e667f3bcdp-1);       /* so that f >= sqrt(1/2) */
    const INTS k = bits >> 52;
    const VEC f = (VEC)((INTS)x - (k << 52)), s = (f - one) / (f + one);
    const VEC exponent = (VEC)(k + (INTS)shift) - shift;
    return FMA(exponent, LEVEL(every)(0x1.62e42fefa39efp-1), s * LEVEL(polynomial)(s * s, series, 11));
}

/* m ln(m / mu) - m + mu for m = mu + change. With x = change / mu it is m ln(1 + x) - change, near 0 a series in x. */
INLINE VEC LEVEL(divergence1)(VEC mu, VEC change)
{
    static const double series[] = {1.0 / 2,  -1.0 / 6, 1.0 / 12,   -1.0 / 20, 1.0 / 30,  -1.0 / 42, 1.0 / 56,
                                    -1.0 / 72, 1.0 / 90, -1.0 / 110, 1.0 / 132, -1.0 / 156, 1.0 / 182};
    const VEC zero = LEVEL(every)(0.0), one = LEVEL(every)(1.0), x = change / mu;
    const INTS near = (x < LEVEL(every)(0.0625)) & (x > LEVEL(every)(-0.0625)), gone = x <= LEVEL(every)(-1.0);
    const INTS infeasible = x < LEVEL(every)(-1.0 - 1e-12), nothing = (mu == zero) & (change == zero);
    const VEC ratio = LEVEL(pick)(gone | near | nothing, one, x + one);
    const VEC far = FMA(mu + change, LEVEL(log1)(ratio), -change);
    const VEC value = LEVEL(pick)(near, change * x * LEVEL(polynomial)(x, series, 13), LEVEL(pick)(gone, mu, far));
    const INTS huge = x > LEVEL(every)(0x1p1000);
    return LEVEL(pick)(nothing, zero, LEVEL(pick)(infeasible | huge, LEVEL(every)(INFINITY), value));
}

/* out = function(in...), the last values in a padded vector of their own. */
static void LEVEL(exp)(ptrdiff_t n, const double *x, double *out)
{
    ptrdiff_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) LEVEL(store)(out + i, LEVEL(exp1)(LEVEL(load_f64)(x + i)));
    if (i < n) {
        VEC last = LEVEL(every)(0.0);
        for (ptrdiff_t k = i; k < n; k++) last[k - i] = x[k];
        last = LEVEL(exp1)(last);
        for (ptrdiff_t k = i; k < n; k++) out[k] = last[k - i];
    }
}

static void LEVEL(divergence)(ptrdiff_t n, const double *mu, const double *change, double *out)
{
    ptrdiff_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH)
        LEVEL(store)(out + i, LEVEL(divergence1)(LEVEL(load_f64)(mu + i), LEVEL(load_f64)(change + i)));
    if (i < n) {
        VEC m = LEVEL(every)(1.0), c = LEVEL(every)(0.0);
        for (ptrdiff_t k = i; k < n; k++) m[k - i] = mu[k], c[k - i] = change[k];
        m = LEVEL(divergence1)(m, c);
        for (ptrdiff_t k = i; k < n; k++) out[k] = m[k - i];
    }
}
/* mu = 1 / (1 + e^-x) and nu = 1 - mu, each from the exponential of -|x|. */
static void LEVEL(logistic)(ptrdiff_t n, const double *x, double *mu, double *nu)
{
    const VEC zero = LEVEL(every)(0.0), one = LEVEL(every)(1.0);
    for (ptrdiff_t i = 0; i < n; i += WIDTH) {
        const ptrdiff_t count = n - i < WIDTH ? n - i : WIDTH;
        VEC v = zero;
        if (count == WIDTH)
            v = LEVEL(load_f64)(x + i);
        else
            for (ptrdiff_t k = 0; k < count; k++) v[k] = x[i + k];
        const INTS positive = v >= zero;
        const VEC e = LEVEL(exp1)(LEVEL(pick)(positive, -v, v)), large = one / (one + e), small = e * large;
        const VEC up = LEVEL(pick)(positive, large, small), down = LEVEL(pick)(positive, small, large);
        if (count == WIDTH) {
            LEVEL(store)(mu + i, up);
            LEVEL(store)(nu + i, down);
        } else
            for (ptrdiff_t k = 0; k < count; k++) mu[i + k] = up[k], nu[i + k] = down[k];
    }
}
#undef INTS
