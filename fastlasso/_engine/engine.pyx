"""The compiled part: columns of X, the penalty, and coordinate descent and face steps on a working set.

One module, no options, no warnings, no global state but the table of kernels chosen at import. Everything that takes
long releases the GIL.
"""
cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport INFINITY, NAN, fabs, hypot, isfinite, isnan, sqrt
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memmove, memset

import os

import numpy as np

cdef extern from "simd.h" nogil:
    ctypedef struct fl_kernels:
        const char* name
        void (*dots_f64)(const double*, ptrdiff_t, const int64_t*, ptrdiff_t, const double*, ptrdiff_t, ptrdiff_t,
                         ptrdiff_t, double*, ptrdiff_t, ptrdiff_t) noexcept nogil
        void (*dots_f32)(const float*, ptrdiff_t, const int64_t*, ptrdiff_t, const double*, ptrdiff_t, ptrdiff_t,
                         ptrdiff_t, double*, ptrdiff_t, ptrdiff_t) noexcept nogil
        void (*combine_f64)(const double*, ptrdiff_t, const int64_t*, ptrdiff_t, const double*, ptrdiff_t, ptrdiff_t,
                            ptrdiff_t, ptrdiff_t, double*, ptrdiff_t) noexcept nogil
        void (*combine_f32)(const float*, ptrdiff_t, const int64_t*, ptrdiff_t, const double*, ptrdiff_t, ptrdiff_t,
                            ptrdiff_t, ptrdiff_t, double*, ptrdiff_t) noexcept nogil
        void (*moments_f64)(const double*, ptrdiff_t, ptrdiff_t, const double*, const double*, ptrdiff_t,
                            double*) noexcept nogil
        void (*moments_f32)(const float*, ptrdiff_t, ptrdiff_t, const double*, const double*, ptrdiff_t,
                            double*) noexcept nogil
        void (*axpy)(ptrdiff_t, double, const double*, double*) noexcept nogil
        double (*dot)(ptrdiff_t, const double*, const double*) noexcept nogil
        void (*rotate)(ptrdiff_t, double*, double*, double, double) noexcept nogil
    const fl_kernels* fl_choose_kernels(const char* name)

ctypedef fused real:
    float
    double

ctypedef fused index:
    int32_t
    int64_t

ctypedef double* vector
ctypedef int64_t* mark_vector

cdef enum:
    ROW_TILE = 256          # columns whose moments are added up together in a row-major pass: 6 KB of sums
    CHECK_BLOCK = 512       # columns that the bound of screening is first tried on together
    LANES = 8               # residuals per sweep over sparse rows
    FACTOR_BLOCK = 32       # columns of the Cholesky factor per step of a blocked triangular solve
    ROOMY = 700             # rows of a Gram matrix or factor that still grows bit by bit: 4 MB
    MIRROR_TILE = 32        # values a side of a tile of a transposed copy
    MAX_APPEND = 64         # columns that enter the factor at once
    SMALL_BATCH = 8         # alphas of a small problem of many columns, solved before all of these are looked at
    SMALL_ROOM = 32         # columns that may join it at once, or half as many as it has
    SMALL_SLOTS = 320       # and at most (of an elastic net, whose factor is made anew for each alpha, 290 still pay)
    SAMPLED_ROWS = 32       # rows of the face whose equation is checked after each solve
    SIGNAL_WORK = 1 << 22   # multiply-adds between two looks for Ctrl-C: about a millisecond
    ACROSS = 16             # multiply-adds that a value read or written across the rows of a large matrix takes
    MAX_FACE_STEPS = 25     # primal-dual active set steps for one alpha; 3-5 are usual

cdef double FACE_TOLERANCE = 1e-11      # relative slack of the optimality conditions inside the working set
cdef double GRAM_ROUNDING = 8.9e-16     # of |x_j| (|y| + sum_k |x_k b_k|): what c - G b is off by
cdef double EPSILON = 2.0 ** -52
cdef double PARKED_TOLERANCE = 1e-8     # relative violation put down to rounding in a column that depends on the face
cdef double VIOLATION = 1e-10           # of a small problem: relative, by which a correlation must exceed alpha
cdef double SMALL_REACH = 0.6           # how far down from its first alpha a batch of these goes
cdef double PROMISING = 0.95            # of alpha: a column predicted to reach as much takes a slot
cdef double SMALLEST_STEP = 1 - 1e-7    # of alpha, when the face does not settle
cdef double SMALLEST_SQUARE = 1e-292    # sums of squares below it have lost digits to underflow
cdef double PIVOT_FLOOR = 1e-10         # squared pivot / G_jj below which a column counts as dependent

cdef const fl_kernels* KERNELS = fl_choose_kernels(os.environ.get("FASTLASSO_SIMD", "").encode())
if KERNELS == NULL:
    raise ImportError(f"FASTLASSO_SIMD={os.environ['FASTLASSO_SIMD']!r}: this machine has no such instruction level")


def simd_level():
    """Name of the instruction level in use: "baseline", "avx2" or "avx512"."""
    return KERNELS.name.decode()


include "penalty.pxi"
include "columns.pxi"
include "gram.pxi"
include "small.pxi"
include "descent.pxi"
