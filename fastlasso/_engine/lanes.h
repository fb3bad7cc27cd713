/* Sums of a few right-hand sides that lie together: the inner step of the passes over sparse rows and columns.
 *
 * The engine is compiled with -O2, which does not unroll a loop over 8 numbers. Here the count is a constant of each
 * call, and numbers go in pairs where the compiler has vectors. Every sum adds its own terms in their order: the same
 * bits.
 */
#ifndef FASTLASSO_LANES_H
#define FASTLASSO_LANES_H
#include <stddef.h>

#if defined(__GNUC__)
#define FL_FETCH(place) __builtin_prefetch(place, 1, 2)
#define FL_INLINE static inline __attribute__((always_inline))
#else
#define FL_FETCH(place) ((void)(place))
#define FL_INLINE static __forceinline
#endif

#if defined(__GNUC__)
typedef double fl_pair __attribute__((vector_size(16), aligned(8), may_alias));
FL_INLINE void fl_add_pair(double *to, double x, const double *r) { *(fl_pair *)to += x * *(const fl_pair *)r; }
#else
FL_INLINE void fl_add_pair(double *to, double x, const double *r)
{
    to[0] += x * r[0];
    to[1] += x * r[1];
}
#endif

/* to[c] += x r[c] for c < lanes, which is 1, 2, 4 or 8. */
FL_INLINE void fl_add_lanes(double *to, double x, const double *r, const int lanes)
{
    if (lanes == 1) {
        to[0] += x * r[0];
        return;
    }
    fl_add_pair(to, x, r);
    if (lanes >= 4) fl_add_pair(to + 2, x, r + 2);
    if (lanes == 8) {
        fl_add_pair(to + 4, x, r + 4);
        fl_add_pair(to + 6, x, r + 6);
    }
}
#endif
