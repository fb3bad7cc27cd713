/* Hashes the results of all kernels at every instruction level this machine has: the same on every platform.
 *
 *     cc -std=c11 -O3 -ffp-contract=off -I fastlasso/_engine tests/kernel_bits.c fastlasso/_engine/simd.c -lm && ./a.out
 *
 * prints a line "LEVEL KERNEL HASH" each. Sizes are odd and starts are anywhere, so that the rest of each loop counts.
 * With -DFL_CHECK_FMA it compares fma.h with the C library's fma() instead, which must round once.
 */
#include "simd.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static uint64_t state = 1;

static uint64_t draw(void)      /* a linear congruential generator, its high bits mixed in: the same anywhere */
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state ^ state >> 29;
}

static double uniform(void) { return (double)(draw() >> 11) * 0x1p-53; }
static int bits_drawn(int count) { return (int)(draw() >> (64 - count)); }

#if defined(FL_CHECK_FMA)
#include "fma.h"

static double any_number(void)      /* every exponent, subnormal ones too, and close ones half of the time */
{
    const int exponent = bits_drawn(1) ? bits_drawn(5) - 16 : bits_drawn(11) - 1074;
    const double size = ldexp(1.0 + uniform(), exponent);
    const uint64_t bits = draw();
    const double x = bits & 4 ? size : ldexp(floor(ldexp(size, 3)), -3);
    return bits & 1 ? -x : x;
}

int main(void)
{
    for (long i = 0; i < 3000000; i++) {
        const double a = any_number(), b = any_number(), product = a * b;
        const double c = i % 3 ? any_number() : -product * (i % 2 ? 1 : 1 + ldexp(0.75, -bits_drawn(6)));
        const double ours = fl_fma(a, b, c), theirs = fma(a, b, c);
        if (memcmp(&ours, &theirs, sizeof ours) && (ours == ours || theirs == theirs)) {
            printf("fma(%a, %a, %a): %a, the C library %a\n", a, b, c, ours, theirs);
            return 1;
        }
    }
    puts("fma.h rounds as the C library does");
    return 0;
}
#else
enum { ROWS = 1100, COLUMNS = 23, SIDES = 9, PLACES = ROWS * (COLUMNS + SIDES) + 64 };
static double A[PLACES], B[PLACES], W[PLACES], OUT[PLACES], MORE[PLACES];
static float F[PLACES];
static uint64_t hash;

static void add_to_hash(const double *x, size_t n)      /* FNV-1a of the bits, which are the numbers' and not the bytes' */
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = 0x7ff8000000000000u;            /* every NaN is one */
        if (x[i] == x[i]) memcpy(&bits, x + i, sizeof bits);
        for (int k = 0; k < 64; k += 8) hash = (hash ^ (bits >> k & 255)) * 0x100000001b3u;
    }
}

static void fill(void)
{
    state = 1;
    for (int i = 0; i < PLACES; i++) {
        const int big = bits_drawn(4), small = bits_drawn(4) - 8;       /* drawn first: C leaves the order in calls open */
        A[i] = ldexp(uniform() - 0.5, big);
        B[i] = ldexp(uniform() - 0.5, small);
        W[i] = uniform();
        F[i] = (float)(A[i] * 0.25);
    }
}

static void clear(void)
{
    hash = 0xcbf29ce484222325u;
    for (int i = 0; i < PLACES; i++) OUT[i] = W[i];
}

static const int SIZES[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 63, 64, 65, 127, 511, 512, 513, 1025, 1099};
#define EACH_SIZE(n) for (size_t s = 0, n; s < sizeof SIZES / sizeof *SIZES && (n = (size_t)SIZES[s], 1); s++)

static void say(const fl_kernels *k, const char *kernel)
{
    printf("%s %s %016llx\n", k->name, kernel, (unsigned long long)hash);
}

static void dots_and_combinations(const fl_kernels *k)
{
    static const int64_t gathered[] = {5, 0, 22, 3, 3, 17, 1, 9, 20, 2, 21};
#define BOTH(name, X, call)                                                                                            \
    clear();                                                                                                           \
    EACH_SIZE(n)                                                                                                       \
    for (int m = 1; m <= 11; m++)                                                                                      \
        for (int c = 1; c <= SIDES; c += 4)                                                                            \
            for (int some = 0; some < 2; some++) {                                                                     \
                const int64_t *cols = some ? gathered : NULL;                                                          \
                k->name call;                                                                                          \
            }                                                                                                          \
    add_to_hash(OUT, PLACES);                                                                                          \
    say(k, #name);
    BOTH(dots_f64, A, (A + m, ROWS, cols, m, B + c, ROWS, c, (ptrdiff_t)n, OUT, SIDES, 1))
    BOTH(dots_f32, F, (F + m, ROWS, cols, m, B + c, ROWS, c, (ptrdiff_t)n, OUT, SIDES, 1))
    BOTH(combine_f64, A, (A + m, ROWS, cols, m, B + c, SIDES, 1, c, (ptrdiff_t)n, OUT + m, ROWS))
    BOTH(combine_f32, F, (F + m, ROWS, cols, m, B + c, SIDES, 1, c, (ptrdiff_t)n, OUT + m, ROWS))
#undef BOTH
}

static void moments(const fl_kernels *k)
{
    for (int narrow = 0; narrow < 2; narrow++) {
        clear();
        EACH_SIZE(n) {
            if (narrow) k->moments_f32(F + s, ROWS, COLUMNS, W + s, B, (ptrdiff_t)n, OUT);
            else k->moments_f64(A + s, ROWS, COLUMNS, W + s, B, (ptrdiff_t)n, OUT);
            add_to_hash(OUT, 3 * COLUMNS);
        }
        say(k, narrow ? "moments_f32" : "moments_f64");
    }
}

static void vectors(const fl_kernels *k)
{
    clear();
    EACH_SIZE(n) k->axpy((ptrdiff_t)n, B[n], A + s, OUT + n);
    add_to_hash(OUT, PLACES);
    say(k, "axpy");
    clear();
    EACH_SIZE(n) {
        const double sum = k->dot((ptrdiff_t)n, A + s, B + n);
        add_to_hash(&sum, 1);
    }
    say(k, "dot");
    clear();
    for (int m = 1; m <= FL_TRIANGLE; m++) {
        memcpy(OUT, W, sizeof OUT);
        k->solve_triangle(W + m, FL_TRIANGLE + 1, m, OUT + m, ROWS, 1 + m % COLUMNS);
        add_to_hash(OUT, PLACES);
    }
    say(k, "solve_triangle");
    clear();
    EACH_SIZE(n) k->rotate((ptrdiff_t)n, OUT + s, OUT + ROWS + n, 0.8, -0.6);
    add_to_hash(OUT, PLACES);
    say(k, "rotate");
    clear();
    EACH_SIZE(n) k->line((ptrdiff_t)n, A + s, B + n, 1.25, OUT + n);
    add_to_hash(OUT, PLACES);
    say(k, "line");
    clear();
    EACH_SIZE(n) k->add_change((ptrdiff_t)n, W + s, 0.7, A + s, B + n, OUT + n);
    add_to_hash(OUT, PLACES);
    say(k, "add_change");
    clear();
    EACH_SIZE(n) {
        double most[2];
        const double kept = B[n + n / 2];
        for (int broken = 0; broken < 2; broken++) {
            k->farthest((ptrdiff_t)n, A + s, B + n, most);
            add_to_hash(most, 2);
            B[n + n / 2] = NAN;
        }
        B[n + n / 2] = kept;
    }
    say(k, "farthest");
    clear();
    EACH_SIZE(n)
    for (int m = 1; m <= 5; m++) {
        k->largest(m, (ptrdiff_t)n, A + s, ROWS + m, OUT);
        add_to_hash(OUT, n);
    }
    say(k, "largest");
}

/* Arguments of every size: scores from -800 to 800, means from 1e-10 to 1, changes of every sign, zeros. */
static void functions(const fl_kernels *k)
{
    static double x[ROWS], mu[ROWS], change[ROWS], y[ROWS], theta[ROWS];
    state = 2;
    for (int i = 0; i < ROWS; i++) {
        const int small = -bits_drawn(5);
        x[i] = i % 3 ? (uniform() - 0.5) * 1600 : (uniform() - 0.5) * 8;
        mu[i] = i % 17 ? ldexp(uniform(), small) : 0.0;
        change[i] = i % 2 ? (uniform() - 0.5) * mu[i] * 0.1 : (uniform() - 0.3) * mu[i] * 3;
        y[i] = i < ROWS / 2 ? (double)bits_drawn(1) : uniform();
        theta[i] = (uniform() - 0.5) * 0.9;
    }
    clear();
    EACH_SIZE(n) k->exp((ptrdiff_t)n, x + (ROWS - n) / 2, OUT), add_to_hash(OUT, n);
    say(k, "exp");
    clear();
    EACH_SIZE(n) k->divergence((ptrdiff_t)n, mu + (ROWS - n) / 2, change + (ROWS - n) / 2, OUT), add_to_hash(OUT, n);
    say(k, "divergence");
    clear();
    EACH_SIZE(n) {
        k->logistic((ptrdiff_t)n, x + (ROWS - n) / 2, OUT, MORE);
        add_to_hash(OUT, n);
        add_to_hash(MORE, n);
    }
    say(k, "logistic");
    clear();
    EACH_SIZE(n) {
        const size_t from = s % 2 ? 0 : ROWS - n;   /* labels in the first half, shares in the second */
        k->log_loss((ptrdiff_t)n, x + from, y + from, theta + from, OUT, MORE);
        add_to_hash(OUT, n);
        add_to_hash(MORE, n);
        k->log_loss_local((ptrdiff_t)n, x + from, y + from, OUT, MORE);
        add_to_hash(OUT, n);
        add_to_hash(MORE, n);
    }
    say(k, "log_loss");
    clear();
    EACH_SIZE(n) {
        k->poisson((ptrdiff_t)n, x + (ROWS - n) / 2, y + (ROWS - n) / 2, theta + (ROWS - n) / 2, OUT, MORE);
        add_to_hash(OUT, n);
        add_to_hash(MORE, n);
        k->poisson_local((ptrdiff_t)n, x + (ROWS - n) / 2, y + (ROWS - n) / 2, OUT, MORE);
        add_to_hash(OUT, n);
        add_to_hash(MORE, n);
    }
    say(k, "poisson");
}

int main(void)
{
    static const char *const levels[] = {"baseline", "avx2", "avx512"};
    fill();
    for (int i = 0; i < 3; i++) {
        const fl_kernels *k = fl_choose_kernels(levels[i]);
        if (!k) continue;
        dots_and_combinations(k);
        moments(k);
        vectors(k);
        functions(k);
    }
    return 0;
}
#endif
