"""Freed memory is kept for the next arrays, where the C library would return it to the system."""

from .._engine import engine

# Share of X's bytes that one allocation takes, and the most that makes a difference: 32 MB less a page.
SHARE, MOST = 1 / 2, (1 << 25) - (1 << 12)
# Below this many bytes of X nothing is done.
LEAST = 1 << 20


def keep_freed(nbytes):
    """Make the GNU C library keep what a fit to an X of so many bytes frees: as many bytes, 64 MB at most.

    It keeps twice as much as the largest allocation that was ever freed, which need not have been written to
    (`mallopt`, M_MMAP_THRESHOLD). Else each path waits for new pages, 1,000 to 2,400 on wide X: 2 to 4 ms of 35 over
    500 x 5,000. A path over 400 x 6,000 (19 MB) frees 6 to 10 MB, more or less as holes in the heap lie: with half of
    X's bytes to keep, some processes gave all of them back after each path.
    """
    if nbytes >= LEAST:
        engine.allocate_and_free(int(min(SHARE * nbytes, MOST)))
