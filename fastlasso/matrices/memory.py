"""Freed memory is kept for the next arrays, where the C library would return it to the system."""

from .._engine import engine

# Bytes of one allocation for each byte of X, and the most that the C library takes notice of: 32 MB less two pages.
SHARE, MOST = 2, (1 << 25) - (1 << 13)
# Below this many bytes of X nothing is done.
LEAST = 1 << 20


def keep_freed(nbytes):
    """Make the GNU C library keep what a fit to an X of so many bytes frees: four times as many bytes, 64 MB at most.

    The library keeps twice as much as the largest allocation that was ever freed, which need not have been written to
    (`mallopt`, M_MMAP_THRESHOLD). With half of X's bytes kept, each path waited for 300 to 3,600 new pages of 4 KB. A
    path over 500 x 2,000 (8 MB) takes 11 MB of them, and one over 1,000 x 5,000 (40 MB) frees 41 MB at once.
    """
    if nbytes >= LEAST:
        engine.allocate_and_free(int(min(SHARE * nbytes, MOST)))
