"""The compiled part: columns of X, the penalty, and coordinate descent and face steps on a working set.

It is one module without options and warnings. Its only global state is the table of kernels, chosen at import.
Everything that takes long releases the GIL.
"""
cimport cython
from cpython.exc cimport PyErr_CheckSignals
from cpython.pythread cimport (
    NOWAIT_LOCK,
    WAIT_LOCK,
    PyThread_acquire_lock,
    PyThread_allocate_lock,
    PyThread_free_lock,
    PyThread_release_lock,
    PyThread_type_lock,
)
from libc.math cimport INFINITY, NAN, copysign, fabs, hypot, isfinite, isnan, log, sqrt
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcpy, memmove, memset

import os

import numpy as np

cdef extern from "lanes.h" nogil:
    void FL_FETCH(const void*) noexcept
    void fl_add_lanes(double* to, double x, const double* r, int lanes) noexcept

ctypedef void (*loss_terms)(ptrdiff_t, const double*, const double*, const double*, double*, double*) noexcept nogil
ctypedef void (*loss_local)(ptrdiff_t, const double*, const double*, double*, double*) noexcept nogil

cdef extern from "simd.h" nogil:
    enum:
        FL_CHUNK
        FL_TRIANGLE
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
        void (*solve_triangle)(const double*, ptrdiff_t, ptrdiff_t, double*, ptrdiff_t, ptrdiff_t) noexcept nogil
        void (*rotate)(ptrdiff_t, double*, double*, double, double) noexcept nogil
        void (*line)(ptrdiff_t, const double*, const double*, double, double*) noexcept nogil
        void (*add_change)(ptrdiff_t, const double*, double, const double*, const double*, double*) noexcept nogil
        void (*farthest)(ptrdiff_t, const double*, const double*, double*) noexcept nogil
        void (*largest)(ptrdiff_t, ptrdiff_t, const double*, ptrdiff_t, double*) noexcept nogil
        void (*exp)(ptrdiff_t, const double*, double*) noexcept nogil
        void (*divergence)(ptrdiff_t, const double*, const double*, double*) noexcept nogil
        void (*logistic)(ptrdiff_t, const double*, double*, double*) noexcept nogil
        loss_terms log_loss
        loss_local log_loss_local
        loss_terms poisson
        loss_local poisson_local
    const fl_kernels* fl_choose_kernels(const char* name)

ctypedef fused real:
    float
    double

ctypedef fused index:
    int32_t
    int64_t

ctypedef double* vector
ctypedef int64_t* int_vector

cdef enum:
    # Ctrl-C is looked for after this many multiply-adds: about a millisecond.
    SIGNAL_WORK = 1 << 22
    # A transposed copy goes by square tiles with sides of this many values.
    MIRROR_TILE = 32

cdef const fl_kernels* KERNELS = fl_choose_kernels(os.environ.get("FASTLASSO_SIMD", "").encode())
if KERNELS == NULL:
    raise ImportError(f"FASTLASSO_SIMD={os.environ['FASTLASSO_SIMD']!r}: this machine has no such instruction level")


def simd_level():
    """Name of the instruction level in use: "baseline", "avx2" or "avx512"."""
    return KERNELS.name.decode()


include "heap.pxi"
include "crew.pxi"
include "functions.pxi"
include "penalty.pxi"
include "columns.pxi"
include "symmetric.pxi"
include "gram_store.pxi"
include "gram_factor.pxi"
include "gram_whole.pxi"
include "gram_face.pxi"
include "gram_knots.pxi"
include "gram_primal.pxi"
include "gram.pxi"
include "small.pxi"
include "small_loss.pxi"
include "small_risk.pxi"
include "descent.pxi"
