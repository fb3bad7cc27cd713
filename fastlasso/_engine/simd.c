/* Compiles simd_body.h once per instruction level and chooses one of them at run time. */
#include "simd.h"
#include "vectors.h"
#if defined(FL_VECTORS) && defined(__x86_64__)
#define FL_LEVELS
#include <cpuid.h>
#include <immintrin.h>
#elif defined(FL_VECTORS) && defined(__aarch64__)
#include <arm_neon.h>
#endif

#define NAME_OF_(x) #x
#define NAME_OF(x) NAME_OF_(x)

/* Fused multiply-add lane by lane, rounded once with or without help from the processor. */
#define LEVEL(name) name##_baseline
#if !defined(FL_VECTORS)
#define FMA(a, b, c) ONE_FMA(a, b, c)
#define WIDTH 1
#elif defined(__aarch64__)
#define FMA(a, b, c) ((VEC)vfmaq_f64((float64x2_t)(c), (float64x2_t)(a), (float64x2_t)(b)))
#define WIDTH 2
#else
#define FMA(a, b, c) ((VEC){ONE_FMA((a)[0], (b)[0], (c)[0]), ONE_FMA((a)[1], (b)[1], (c)[1])})
#define WIDTH 2
#endif
#define ROWS 2
#define RHS 1
#include "simd_body.h"
#undef LEVEL
#undef FMA
#undef WIDTH
#undef ROWS
#undef RHS

#if defined(FL_LEVELS)
#define LEVEL(name) name##_avx2
#define FMA(a, b, c) ((VEC)_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c)))
#define WIDTH 4
#define ROWS 2
#define RHS 2
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "simd_body.h"
#pragma clang attribute pop
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#include "simd_body.h"
#pragma GCC pop_options
#endif
#undef LEVEL
#undef FMA
#undef WIDTH
#undef ROWS
#undef RHS

#define LEVEL(name) name##_avx512
#define FMA(a, b, c) ((VEC)_mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c)))
#define WIDTH 8
#define ROWS 6
#define RHS 4
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl"))), apply_to = function)
#include "simd_body.h"
#pragma clang attribute pop
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl")
#include "simd_body.h"
#pragma GCC pop_options
#endif
#undef LEVEL
#undef FMA
#undef WIDTH
#undef ROWS
#undef RHS

/* Whether the system saves all state whose bits are in `mask` (XCR0). macOS on Intel shows the bits of AVX-512 only
 * after its first use, so AVX2 is taken there. */
static int saves(unsigned mask)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (a & mask) == mask;
}

static int has_avx2(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_FMA) && __get_cpuid_count(7, 0, &a, &b, &c, &d)
           && (b & bit_AVX2) && saves(0x06);
}

static int has_avx512(void)
{
    const unsigned all = bit_AVX512F | bit_AVX512DQ | bit_AVX512VL;
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & all) == all && saves(0xe6);
}
#endif

static int supported(const fl_kernels *kernels)
{
#if defined(FL_LEVELS)
    if (kernels == &kernels_avx512) return has_avx512();
    if (kernels == &kernels_avx2) return has_avx2();
#endif
    return kernels == &kernels_baseline;
}

const fl_kernels *fl_choose_kernels(const char *name)
{
    static const fl_kernels *const levels[] = {
#if defined(FL_LEVELS)
        &kernels_avx512, &kernels_avx2,
#endif
        &kernels_baseline};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (supported(levels[i]) && (!name || !*name || !strcmp(name, levels[i]->name)))
            return levels[i];
    return NULL;
}
