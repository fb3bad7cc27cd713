"""Freed memory is kept for the next arrays, where the C library would return it to the system."""

from .._engine import engine

# Bytes of one allocation for each byte of X, and the most that the C library takes notice of: 32 MB less two pages.
SHARE, MOST = 2, (1 << 25) - (1 << 13)
# Below this many bytes of X nothing is done.
LEAST = 1 << 20


def keep_freed(nbytes):
    """Make the GNU C library keep what a fit to an X of so many bytes frees: four times as many bytes, 64 MB at most.

    It keeps twice as much as the largest allocation that was ever freed, which need not have been written to
    (`mallopt`, M_MMAP_THRESHOLD). Else each path waits for new pages: 300 to 4,000 of them, of 4 KB. Paths over
    X of 2 to 80 MB free up to 41 MB at once, the smaller X the more for each of its bytes.
    """
    if nbytes >= LEAST:
        engine.allocate_and_free(int(min(SHARE * nbytes, MOST)))
