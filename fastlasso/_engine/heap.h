/* Allocate memory, leave it unwritten, and free it: what that teaches the GNU C library is in matrices/memory.py. */
#ifndef FASTLASSO_HEAP_H
#define FASTLASSO_HEAP_H

#include <stdlib.h>

/* A pointer that is not volatile would let the compiler leave both calls out. */
static inline void fl_allocate_and_free(size_t n_bytes) {
    void *volatile memory = malloc(n_bytes);
    free(memory);
}
#endif
