"""Threads for kernels that release the GIL: plain Python threads, started for one fit and gone with it.

Work is cut into pieces small enough (about ten milliseconds) that Ctrl-C is served between them, and cut so that no
result depends on how many threads there are.
"""

import os
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import cache, partial
from pathlib import Path
from threading import Lock, Thread

from ._engine import engine

# Stored values per piece: about 5 ms of a pass over memory.
PIECE = 1 << 22
# Stored values below which a second thread costs more than it brings: a hand-over takes 30 us.
SHARE = 1 << 18
# The same for each thread where threads share a kernel.
CREW_SHARE = 1 << 17
# Multiply-adds that cost as much as one value read.
MULTIPLIES = 24


# The limit that `limit_threads` sets.
LIMIT = ContextVar("LIMIT", default=None)
# Where the kernel says what a control group may use.
CGROUPS, OWN_CGROUP = "/sys/fs/cgroup", "/proc/self/cgroup"


@contextmanager
def limit_threads(n_threads: int) -> AbstractContextManager[None]:
    """Within, fits use at most so many threads by default; an explicit `n_threads` of a call still holds.

    Examples
    --------
    >>> from fastlasso import fit_path, limit_threads
    >>> with limit_threads(1):
    ...     path = fit_path([[1.0, 2.0], [2.0, 1.0], [3.0, 5.0]], [1.0, 2.0, 4.0], alphas=3)
    """
    if isinstance(n_threads, bool) or not isinstance(n_threads, int) or n_threads < 1:
        raise ValueError(f"n_threads == {n_threads!r}, must be an integer >= 1")
    token = LIMIT.set(n_threads)
    try:
        yield
    finally:
        LIMIT.reset(token)


def available_cores():
    """Threads that a fit uses by default: the cores this process may use, or fewer where a limit says so.

    Limits are `limit_threads`, the environment variable FASTLASSO_NUM_THREADS, in a worker process the OMP_NUM_THREADS
    that joblib sets for it, and the quota of the control group.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    limits = [LIMIT.get(), from_environment("FASTLASSO_NUM_THREADS"), quota(CGROUPS, OWN_CGROUP)]
    if is_worker():
        limits.append(from_environment("OMP_NUM_THREADS"))
    return min([cores, *(limit for limit in limits if limit is not None)])


def is_worker():
    """Whether this process was started by multiprocessing or joblib; both have then imported multiprocessing."""
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def from_environment(name):
    """Return the number of threads that an environment variable asks for, or None.

    Raises
    ------
    ValueError
        Where FASTLASSO_NUM_THREADS is no integer >= 1.
    """
    text = os.environ.get(name, "").strip()
    if text.isdecimal() and int(text) > 0:
        return int(text)
    if text and name.startswith("FASTLASSO"):
        raise ValueError(f"the environment variable {name} is {text!r}, must be an integer >= 1")
    return None


@cache
def quota(root, own):
    """Return the whole cores that the control groups of this process allow, at least 1; None without a quota."""
    root, shares = Path(root), []
    try:
        lines = Path(own).read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        base = root if not controllers else root / "cpu"
        if controllers and "cpu" not in controllers.split(","):
            continue
        below = path.strip("/").split("/") if path.strip("/") else []
        shares += [share_of(base.joinpath(*below[:depth])) for depth in range(len(below) + 1)]
    shares = [share for share in shares if share is not None]
    return max(1, int(min(shares))) if shares else None


def share_of(group):
    """Return the cores that one control group allows, of version 2 (cpu.max) or 1, or None."""
    try:
        if (group / "cpu.max").exists():
            limit, period = (group / "cpu.max").read_text().split()
        else:
            limit, period = ((group / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
        return None if limit in ("max", "-1") else int(limit) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


class Stopped(Exception):
    """Raised in a piece when another piece failed or Ctrl-C came; the pool that stopped raises the cause instead."""


class Pool:
    """Run pieces of work on `n_threads` threads; a context manager that ends its threads on exit.

    A pool with an `outer` pool runs inside one of its pieces, and stops when the outer pool stops.
    """

    def __init__(self, n_threads=None, outer=None):
        self.n_threads = available_cores() if n_threads is None else n_threads
        self._outer, self._failed, self._executor = outer, False, None
        self._crew, self._helpers, self._sharing = None, [], Lock()

    @property
    def stopping(self):
        """Whether a piece failed or Ctrl-C came; long pieces must check it."""
        return self._failed or (self._outer is not None and self._outer.stopping)

    def check(self):
        """Raise `Stopped` if the pool is stopping."""
        if self.stopping:
            raise Stopped

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self._failed = self._failed or kind is not None     # a signal may come where no `run` sees it
        if self._crew is not None:
            self._dismiss()
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None

    def run(self, function, pieces):
        """Call function(*piece) for each piece, in any order, in this thread and in others.

        The calling thread works as well. If helpers did it all, two would be woken at once: often on one core, which
        costs up to 3 ms.
        """
        waiting = deque(pieces)

        def work():
            try:
                for piece in iter(partial(taken, waiting), None):
                    self.check()
                    function(*piece)
            except BaseException:
                self._failed = True
                raise

        others = min(self.n_threads, len(waiting)) - 1
        if others < 1:
            work()
        else:
            self._run_with(others, work)

    def _run_with(self, others, work):
        """Call `work` here and in `others` more threads; raise the error that occurred, not the `Stopped` it caused."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self.n_threads - 1, thread_name_prefix="fastlasso")
        helpers = []
        try:
            helpers.extend(self._executor.submit(work) for _ in range(others))
            work()
            for helper in helpers:
                if not helper.cancel():
                    helper.result()
        except BaseException as error:
            self._failed = True
            wait(helpers)
            causes = [helper.exception() for helper in helpers if not helper.cancelled()]
            causes = [cause for cause in causes if not isinstance(cause, Stopped | None)]
            if isinstance(error, Stopped) and causes:
                raise causes[0] from None
            raise

    @contextmanager
    def sharing(self, values):
        """Within, kernels that read so many values may be shared with a crew, as many threads as that is worth.

        They pass parts of a kernel to each other without the interpreter's lock (`_engine/crew.pxi`), which pieces that
        `run` passes need. The crew is None for little work, on one thread, and while another thread has it.
        """
        among = min(self.n_threads, values // CREW_SHARE)
        if among > 1 and self._sharing.acquire(blocking=False):
            try:
                yield self._crew_of(among)
            finally:
                self._sharing.release()
        else:
            yield None

    def share(self, kernel, n_items, work_per_item, align=1):
        """Call kernel(start, stop, crew) for pieces of range(n_items), one after the other; a crew shares each piece.

        The pieces have edges at multiples of `align`.
        """
        values = max(work_per_item, 1)
        with self.sharing(n_items * values) as crew:
            step = max(PIECE * (1 if crew is None else crew.n_threads) // values, 1)
            step = -(-step // align) * align
            for start in range(0, n_items, step):
                self.check()
                kernel(start, min(start + step, n_items), crew)

    def _crew_of(self, n_threads):
        """Return the crew, of which so many threads take parts; those that it has not yet are started."""
        if self._crew is None:
            self._crew = engine.Crew()
        for k in range(len(self._helpers) + 1, n_threads):
            self._helpers.append(Thread(target=self._crew.serve, name=f"fastlasso_{k}", daemon=True))
            self._helpers[-1].start()
        self._crew.ask_for(n_threads)
        return self._crew

    def _dismiss(self):
        """End the threads of the crew."""
        self._crew.dismiss()
        for helper in self._helpers:
            if helper.is_alive():       # not where Ctrl-C came before it was started
                helper.join()
        self._crew, self._helpers = None, []

    def each(self, function, jobs, most=None):
        """Return [function(job, pool of its own) for each job]; at most `most` jobs and n_threads jobs run at once.

        The pools of jobs that run at once divide the threads of this pool among them.
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
        if work <= SHARE * self.n_threads:
            return [(0, n_items)]
        count = -(-work // (PIECE * self.n_threads)) * self.n_threads
        step = max(-(-n_items // count), 1)
        step = -(-step // align) * align
        return [(start, min(start + step, n_items)) for start in range(0, n_items, step)]


def taken(waiting):
    """Pop the first waiting piece, or return None; safe when several threads call it at once."""
    try:
        return waiting.popleft()
    except IndexError:
        return None
