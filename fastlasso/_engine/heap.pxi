# The C library's heap.

cdef extern from "heap.h" nogil:
    void fl_allocate_and_free(size_t n_bytes) noexcept


def allocate_and_free(size_t n_bytes):
    """Allocate so many bytes of the C library and free them, unwritten; nothing happens where there is no memory."""
    fl_allocate_and_free(n_bytes)
