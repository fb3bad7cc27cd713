"""Threads for kernels that release the GIL: plain Python threads, started for one fit and gone with it.

Work is cut into pieces small enough (about ten milliseconds) that Ctrl-C is served between them, and cut so that no
result depends on how many threads there are.
"""

import os
from concurrent.futures import ThreadPoolExecutor, wait

PIECE = 1 << 22     # stored values per piece: about 5 ms of a pass over memory
SHARE = 1 << 18     # stored values below which a second thread costs more than it brings (a hand-over is 30 us)


def available_cores():
    """Cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


class Stopped(Exception):
    """Work given up because another piece failed, or because Ctrl-C came; never seen outside the pool that stopped."""


class Pool:
    """Run pieces of work on `n_threads` threads; a context manager that ends its threads on exit.

    A pool with an `outer` one lives inside a piece of that, and stops when that does.
    """

    def __init__(self, n_threads=None, outer=None):
        self.n_threads = available_cores() if n_threads is None else n_threads
        self._outer, self._failed, self._executor = outer, False, None

    @property
    def stopping(self):
        """Whether a piece failed or Ctrl-C came: long pieces look at it."""
        return self._failed or (self._outer is not None and self._outer.stopping)

    def check(self):
        """Raise Stopped where there is no use in going on."""
        if self.stopping:
            raise Stopped

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self._failed = self._failed or kind is not None     # a signal may come where no `run` sees it
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None

    def run(self, function, pieces):
        """Call function(*piece) for each piece, in any order."""
        def work(*piece):
            self.check()
            function(*piece)

        if self.n_threads == 1 or len(pieces) <= 1:
            for piece in pieces:
                work(*piece)
            return
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self.n_threads, thread_name_prefix="fastlasso")
        futures = []
        try:
            futures.extend(self._executor.submit(work, *piece) for piece in pieces)
            for future in futures:
                future.result()
        except BaseException:
            self._failed = True
            for future in futures:
                future.cancel()
            wait(futures)
            raise

    def each(self, function, jobs, most=None):
        """Return [function(job, pool of its own) for each job]: `most` at once, or as many as there are threads.

        The pools of those that run at once share the threads of this one.
        """
        at_once = max(1, min(self.n_threads, len(jobs), len(jobs) if most is None else most))
        results = [None] * len(jobs)

        def work(k):
            with Pool(self.n_threads // at_once, runners) as own:
                results[k] = function(jobs[k], own)

        with Pool(at_once, self) as runners:
            runners.run(work, [(k,) for k in range(len(jobs))])
        return results

    def split(self, n_items, work_per_item, align=1):
        """Cut range(n_items) into (start, stop) pieces worth a thread each, with edges at multiples of `align`."""
        work = n_items * max(work_per_item, 1)
        if work <= SHARE:
            return [(0, n_items)]
        count = max(-(-work // PIECE), self.n_threads if work > SHARE * self.n_threads else 1)
        step = max(-(-n_items // count), 1)
        step = -(-step // align) * align
        return [(start, min(start + step, n_items)) for start in range(0, n_items, step)]
