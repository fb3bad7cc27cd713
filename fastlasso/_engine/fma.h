/* a b + c rounded once, from integers: for C libraries whose fma() rounds twice (mingw-w64 before version 12). */
#ifndef FASTLASSO_FMA_H
#define FASTLASSO_FMA_H
#include <math.h>
#include <stdint.h>

typedef unsigned __int128 fl_wide;

/* |x| = mantissa 2^exponent with 2^52 <= mantissa < 2^53, for finite x other than 0. */
static inline uint64_t fl_mantissa(double x, int *exponent)
{
    const double fraction = frexp(fabs(x), exponent);
    *exponent -= 53;
    return (uint64_t)ldexp(fraction, 53);
}

/* x 2^-shift; bits that fall off leave a one in the last place. */
static inline fl_wide fl_shifted(fl_wide x, int shift)
{
    if (shift > 127) return 1;
    return x >> shift | (shift && x << (128 - shift) ? 1 : 0);
}

/* m 2^e to the nearest double, ties to even, below 2^-1022 to a multiple of 2^-1074. 0 < m < 2^127. */
static inline double fl_rounded(fl_wide m, int e)
{
    const uint64_t high = (uint64_t)(m >> 64);
    const int bits = high ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll((uint64_t)m);
    const int last = e + bits - 53 > -1074 ? e + bits - 53 : -1074, shift = last - e;
    if (shift <= 0) return ldexp((double)(uint64_t)m, e);
    if (shift > 127) return 0.0;
    const fl_wide rest = m & (((fl_wide)1 << shift) - 1), half = (fl_wide)1 << (shift - 1);
    const uint64_t whole = (uint64_t)(m >> shift);
    return ldexp((double)(whole + (rest > half || (rest == half && (whole & 1)))), last);
}

static inline double fl_fma(double a, double b, double c)
{
    if (!isfinite(a) || !isfinite(b) || a == 0 || b == 0) return a * b + c;
    if (!isfinite(c)) return c;
    if (c == 0) return a * b;
    int ea, eb, ec;
    const uint64_t ma = fl_mantissa(a, &ea), mb = fl_mantissa(b, &eb), mc = fl_mantissa(c, &ec);
    fl_wide product = (fl_wide)ma * mb << 20, addend = (fl_wide)mc << 73;   /* both below 2^126, at least 2^124 */
    const int ep = ea + eb - 20, e = ep > ec - 73 ? ep : ec - 73;
    const int sign = signbit(a) != signbit(b), same = sign == (signbit(c) != 0);
    product = fl_shifted(product, e - ep);
    addend = fl_shifted(addend, e - (ec - 73));
    if (!same && product == addend) return 0.0;
    const fl_wide sum = same ? product + addend : product > addend ? product - addend : addend - product;
    const double size = fl_rounded(sum, e);
    return (product > addend ? sign : signbit(c) != 0) ? -size : size;
}
#endif
