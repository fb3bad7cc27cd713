"""Freed memory is kept for the next arrays, where the C library would return it to the system."""

import numpy as np

# Share of X's bytes that one array takes, and the most that makes a difference: 32 MB less a page.
SHARE, MOST = 1 / 4, (1 << 25) - (1 << 12)
# Below this many bytes of X nothing is done.
LEAST = 1 << 20


def keep_freed(nbytes):
    """Make the GNU C library keep what a fit to an X of so many bytes frees: half as many bytes, 64 MB at most.

    It keeps twice as much as the largest array that was ever freed, which need not have been written to (`mallopt`,
    M_MMAP_THRESHOLD). Else each path waits for new pages, 1,000 to 2,400 on wide X: 2 to 4 ms of 35 over 500 x 5,000.
    """
    if nbytes >= LEAST:
        np.empty(int(min(SHARE * nbytes, MOST)), np.uint8)
