/* Compiles simd_body.h once per instruction level and chooses one of them at run time. */
#include "simd.h"
#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef double quad __attribute__((vector_size(32), aligned(8), may_alias));

#define NAME_OF_(x) #x
#define NAME_OF(x) NAME_OF_(x)
#define INLINE static inline __attribute__((always_inline))

/* Fused multiply-add lane by lane: the fma() of the C library rounds once, with or without help from the processor. */
#define LEVEL(name) name##_baseline
#define FMA(a, b, c) ((VEC){fma((a)[0], (b)[0], (c)[0]), fma((a)[1], (b)[1], (c)[1])})
#define WIDTH 2
#define ROWS 2
#define RHS 1
#include "simd_body.h"
#undef LEVEL
#undef FMA
#undef WIDTH
#undef ROWS
#undef RHS

#if defined(__x86_64__)
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
#endif

static int supported(const fl_kernels *kernels)
{
#if defined(__x86_64__)
    if (kernels == &kernels_avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (kernels == &kernels_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return kernels == &kernels_baseline;
}

const fl_kernels *fl_choose_kernels(const char *name)
{
    static const fl_kernels *const levels[] = {
#if defined(__x86_64__)
        &kernels_avx512, &kernels_avx2,
#endif
        &kernels_baseline};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (supported(levels[i]) && (!name || !*name || !strcmp(name, levels[i]->name)))
            return levels[i];
    return NULL;
}
