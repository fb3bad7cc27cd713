/* What simd_body.h is written in: vectors of WIDTH numbers where the compiler has them, else plain numbers (WIDTH 1).
 *
 * Vectors need gcc or clang (clang-cl too); FL_PLAIN leaves them out. Either way the additions and their order are the
 * same, and so are the bits.
 */
#ifndef FASTLASSO_VECTORS_H
#define FASTLASSO_VECTORS_H
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(FL_OWN_FMA) || defined(__MINGW32__)
#include "fma.h"
#define ONE_FMA fl_fma
#elif defined(__GNUC__)
#define ONE_FMA __builtin_fma
#else
#define ONE_FMA fma
#endif

#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#define ONCE static __attribute__((noinline))
#define FETCH(place) __builtin_prefetch(place, 0, 2)
#else
#define INLINE static __forceinline
#define ONCE static __declspec(noinline)
#define FETCH(place) ((void)(place))
#endif

#if defined(__GNUC__) && !defined(FL_PLAIN)
#define FL_VECTORS
typedef double quad __attribute__((vector_size(32), aligned(8), may_alias));
#define BITS(x) ((INTS)(x))
#define REAL(x) ((VEC)(x))
#define BELOW(a, b) ((INTS)((a) < (b)))
#define AT_MOST(a, b) ((INTS)((a) <= (b)))
#define SAME(a, b) ((INTS)((a) == (b)))
#define EVERY(x) ((x) - (VEC){0})
#define ZERO {0}
#define LANE(v, i) ((v)[i])
#else
typedef double quad[4];
INLINE int64_t bits_of(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
INLINE double real_of(int64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
#define BITS(x) bits_of(x)
#define REAL(x) real_of(x)
#define BELOW(a, b) (-(int64_t)((a) < (b)))
#define AT_MOST(a, b) (-(int64_t)((a) <= (b)))
#define SAME(a, b) (-(int64_t)((a) == (b)))
#define EVERY(x) (x)
#define ZERO 0
#define LANE(v, i) (v)
#endif

#if defined(__has_builtin) && !defined(FL_NO_SHUFFLE)
#if __has_builtin(__builtin_shufflevector)
#define FL_SHUFFLE      /* clang, and gcc from version 12 */
#endif
#endif
#endif
