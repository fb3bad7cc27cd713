"""One matrix for several paths that are solved at once: each reading of X serves all the paths that wait for one.

Every path holds a `Reader`. A reading that a path asks for waits until all paths wait for one. The readings of the
least dear kind are then made together, and the other paths wait on. So paths fall into step: gradients are formed
first, then scores, and a pass over all columns comes when every path has come to the end of its batch.

Which readings are made together depends on the paths alone, not on the number of threads.
"""

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..parallel import Pool, Stopped
from ..ways import ways
from .base import Matrix
from .near import Near

# Kinds of readings, in the order in which they are made: copies, gradients, scores, and products with most columns.
COPY, GRADIENT, SCORES, PASS = range(4)
# A product with this share of the columns counts as one with all.
MOST = 0.5


def pays(matrix):
    """Whether paths on a matrix should read it together.

    Six paths read dense columns in 1.6 to 2.3 times the time of one (100,000 rows, 80 columns). Sparse kernels take as
    long for each of several paths as for one, and short columns stay in the cache between paths.
    """
    n, p = matrix.shape
    return not (matrix.is_far or matrix.is_sparse) and n >= p and matrix.nnz >= ways().together_from


@dataclass(eq=False)
class Reading:
    """What a path asks for: R X[:, cols], or B X[:, cols]' (SCORES), and the result once it is there."""

    kind: int
    cols: np.ndarray | None         # None for all
    rows: np.ndarray
    result: np.ndarray | None = None
    is_done: bool = False

    def give(self, result):
        """Keep the result, and say that it is there."""
        self.result, self.is_done = result, True

    def place_in(self, cols):
        """Where the columns stand in sorted columns that include them."""
        return np.searchsorted(cols, self.cols)


class Together:
    """Makes the readings of X that several paths ask for.

    Attributes
    ----------
    near : Near
        X, with copies of the columns in use of all paths.
    is_on : bool
        Whether paths wait for each other, within `each`.
    """

    def __init__(self, matrix):
        self.near, self.is_on = Near(matrix), False
        self._changed, self._asked, self._present, self._failed = threading.Condition(), [], 0, False
        self._pool = self._permits = None

    def each(self, work, jobs, pool, most):
        """Return [work(job, pool of its own) for each job]: as `Pool.each`, but at most `most` in step at once."""
        n_groups, results = -(-len(jobs) // most), []
        for group in np.array_split(np.asarray(jobs), n_groups):
            results += self._each_of(work, group.tolist(), pool)
        return results

    def _each_of(self, work, jobs, pool):
        results = [None] * len(jobs)

        def run(k):
            with self._member(), Pool(1, runners) as own:
                results[k] = work(jobs[k], own)

        with Pool(len(jobs), pool) as runners, Pool(pool.n_threads, runners) as self._pool:
            self._permits, self._present, self.is_on = threading.Semaphore(pool.n_threads), len(jobs), True
            try:
                runners.run(run, [(k,) for k in range(len(jobs))])
            finally:
                self.is_on = False
        return results

    @contextmanager
    def _member(self):
        """Within, a path works; no more paths than there are threads do so at the same time."""
        self._permits.acquire()
        try:
            yield
        except BaseException:
            self._fail()
            raise
        finally:
            self._permits.release()
            with self._changed:
                self._present -= 1
            self._serve()

    def _fail(self):
        with self._changed:
            self._failed = True
            self._changed.notify_all()

    def ask(self, kind, cols, rows):
        """Return the reading asked for, once all paths wait for one.

        Raises
        ------
        Stopped
            Where another path failed.
        """
        reading = Reading(kind, cols, rows)
        self._permits.release()
        try:
            with self._changed:
                self._asked.append(reading)
            self._serve()
            with self._changed:
                self._changed.wait_for(lambda: reading.is_done or self._failed)
        except BaseException:
            self._fail()
            raise
        finally:
            self._permits.acquire()
        if self._failed:
            raise Stopped
        return reading.result

    def _serve(self):
        """Where all paths wait, make the readings of the first kind."""
        with self._changed:
            if self._failed or not self._asked or len(self._asked) < self._present:
                return
            kind = min(reading.kind for reading in self._asked)
            served = [reading for reading in self._asked if reading.kind == kind]
            self._asked = [reading for reading in self._asked if reading.kind != kind]
        results = self._make(kind, served)
        with self._changed:
            for reading, result in zip(served, results, strict=True):
                reading.give(result)
            self._changed.notify_all()

    def _make(self, kind, readings):
        """Make readings of one kind together, on the union of their columns; return the result of each."""
        edges = np.cumsum([0, *(len(reading.rows) for reading in readings)])
        parts = [slice(a, b) for a, b in pairwise(edges)]
        if any(reading.cols is None for reading in readings):
            products = self.near.source.dots(np.concatenate([reading.rows for reading in readings]), self._pool)
            return [products[part, slice(None) if reading.cols is None else reading.cols]
                    for reading, part in zip(readings, parts, strict=True)]
        cols = np.unique(np.concatenate([reading.cols for reading in readings]))
        if kind == COPY:
            self.near.take(cols, self._pool)
            return [None] * len(readings)
        if kind == SCORES:
            B = np.zeros((edges[-1], len(cols)))
            for reading, part in zip(readings, parts, strict=True):
                B[part, reading.place_in(cols)] = reading.rows
            products = self.near.combine(cols, B, self._pool)
            return [products[part] for part in parts]
        products = self.near.dots_at(np.concatenate([reading.rows for reading in readings]), cols, self._pool)
        return [products[part, reading.place_in(cols)] for reading, part in zip(readings, parts, strict=True)]


class Reader(Matrix):
    """X as one path of several sees it; outside `Together.each` it reads X itself."""

    keeps_copies = True

    def __init__(self, together):
        source = together.near.source
        self._together, self._source = together, source
        for name in ("shape", "dtype", "nnz", "nbytes", "has_sums", "by_columns", "visit_ns", "combines_alone",
                     "gathered_kind", "feature_names", "row_labels", "is_sparse"):
            setattr(self, name, getattr(source, name))
        for name in ("moments", "combine_rows", "gram", "column_sizes", "check_finite", "gather", "copies_pay",
                     "typical", "group_sums", "is_compressible", "share", "share_of", "share_of_sum", "pays_to_select",
                     "read_blocks", "with_copies"):
            setattr(self, name, getattr(source, name))

    @property
    def source(self):
        return self._source

    def expect(self, cols, pool):
        if self._together.is_on:
            if self._source.copies_pay(cols, 1.0):
                self._together.ask(COPY, cols, cols)
        else:
            self._together.near.take(cols, pool)
        return 0.0

    def dots(self, R, pool):
        return self._together.ask(PASS, None, R) if self._together.is_on else self._source.dots(R, pool)

    def dots_at(self, R, cols, pool, w=None):
        if not self._together.is_on:
            return self._together.near.dots_at(R, cols, pool, w)
        kind = PASS if len(cols) > MOST * self.shape[1] else GRADIENT
        return self._together.ask(kind, cols, R if w is None else R * w)

    def combine(self, cols, B, pool):
        if not self._together.is_on:
            return self._together.near.combine(cols, B, pool)
        return self._together.ask(SCORES, cols, B)
