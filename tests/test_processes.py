"""Threads, processes, memory and everything around a fit that a fit must leave alone."""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_all_start_methods, get_context

import numpy as np
import pytest
from layouts import PLAIN, build, exact_matrix, target

from fastlasso import alpha_max, cross_validate_path, fit, fit_path, stability_selection, support_proof, verify
from fastlasso.parallel import available_cores

A = exact_matrix(60, 30, seed=3)
Y = target(A, seed=3)
BIG = exact_matrix(3_000, 600, seed=4)
BIG_Y = target(BIG, seed=4)


def everything(X=A, y=Y):
    """One call of each kind."""
    found = fit(X, y, 0.1)
    path = fit_path(X, y, alphas=5, eps=0.05, n_threads=2)
    cross_validate_path(X, y, cv=3, alphas=4, eps=0.1, n_threads=2)
    alpha_max(X, y)
    verify(X, y, found.coef, found.intercept, alpha=0.1)
    support_proof(X, y, found.coef, found.intercept, alpha=0.1)
    return path


def answer(seed):
    """The bits of a fit of problem number `seed`."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((30, 20 if seed % 2 else 80))
    found = fit(X, X[:, 0] + rng.standard_normal(30), 0.05 + 0.01 * (seed % 5))
    return found.coef.tobytes() + np.array([found.intercept, found.gap]).tobytes()


def eight_threads(fits_each):
    """Whether eight threads with so many fits each get the bits that one thread gets."""
    seeds = range(fits_each)
    alone = [answer(seed) for seed in seeds]
    with ThreadPoolExecutor(8) as pool:
        return all(found == alone for found in pool.map(lambda _: [answer(seed) for seed in seeds], range(8)))


def test_eight_threads_get_the_bits_of_one():
    assert eight_threads(60)


@pytest.mark.slow
def test_eight_threads_with_a_thousand_fits_each():
    assert eight_threads(1000)


@pytest.mark.parametrize("context", [name for name in ("fork", "spawn") if name in get_all_start_methods()])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_pools_of_processes_after_a_fit(context):
    """A library whose threads outlive its calls hangs here after a fork."""
    everything(BIG, BIG_Y)
    with get_context(context).Pool(2) as pool:
        assert pool.map_async(answer, range(4)).get(timeout=60) == [answer(seed) for seed in range(4)]


def test_no_thread_outlives_its_call():
    before = threading.active_count()
    everything(BIG, BIG_Y)
    assert threading.active_count() == before


BUSY = {
    "path": lambda X, y: fit_path(X, y, alphas=30, eps=1e-2),
    "path_two_threads": lambda X, y: fit_path(X, y, alphas=30, eps=1e-2, n_threads=2),
    "cross_validation": lambda X, y: cross_validate_path(X, y, cv=3, alphas=20, eps=0.05, n_threads=2),
    "stability": lambda X, y: stability_selection(X, y, n_pairs=3, n_threads=2),
}


@pytest.mark.slow
@pytest.mark.parametrize("call", BUSY)
@pytest.mark.parametrize("layout", PLAIN)
def test_other_threads_run_during_a_fit(layout, call):
    """The longest pause of a thread that wakes every millisecond, the best of three: at most 50 ms."""
    rng = np.random.default_rng(0)
    X = build(layout, rng.standard_normal((1500, 3000)))
    y = X @ (np.arange(3000) % 50 == 0) + rng.standard_normal(1500)
    assert min(longest_pause(lambda: BUSY[call](X, y)) for _ in range(3)) < 0.05


def longest_pause(call):
    pauses, stop = [], threading.Event()

    def tick():
        last = time.perf_counter()
        while not stop.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            pauses.append(now - last)
            last = now

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        call()
    finally:
        stop.set()
        thread.join()
    return max(pauses)


# ---------------------------------------------------------------- what a fit must leave alone

def subnormals_and_rounding():
    """Values that change with flush-to-zero or another rounding mode."""
    tiny, half_unit = np.full(4, 5e-324), np.full(4, 2.0**-53)
    return tiny * 1.0, (tiny * 3).tobytes(), (1 + half_unit).tobytes(), (1 - half_unit / 2).tobytes(), 0.1 * 3


@pytest.mark.parametrize("layout", PLAIN)
def test_floating_point_mode_is_untouched(layout):
    before = subnormals_and_rounding()
    everything(build(layout, A))
    after = subnormals_and_rounding()
    assert before[1:] == after[1:]
    assert (after[0] == 5e-324).all()


def surroundings():
    """What belongs to the process."""
    import threadpoolctl

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGSEGV)}
    blas = [(pool["internal_api"], pool["num_threads"]) for pool in threadpoolctl.threadpool_info()]
    random = np.random.get_state()[1].tobytes()     # noqa: NPY002
    return (np.geterr(), list(warnings.filters), handlers, blas, dict(os.environ), random, sys.getswitchinterval(),
            sys.getrecursionlimit(), os.getcwd(), np.get_printoptions())


def test_the_process_is_as_it_was():
    everything()
    before = surroundings()
    everything()
    everything(BIG, BIG_Y)
    with pytest.raises(ValueError):
        fit(A, Y[:-1], 0.1)
    assert surroundings() == before


def test_vectors_are_untouched():
    given = {"sample_weight": np.arange(60) % 3.0, "offset": np.ones(60), "penalty_factor": np.arange(30) % 2.0,
             "lower": np.full(30, -0.5), "upper": np.full(30, 0.5)}
    kept = {name: vector.copy() for name, vector in given.items()}
    y = Y.copy()
    fit_path(A, y, alphas=4, **given)
    cross_validate_path(A, y, cv=3, alphas=4, **given)
    np.testing.assert_array_equal(y, Y)
    for name, vector in given.items():
        np.testing.assert_array_equal(vector, kept[name])


def test_read_only_vectors_are_taken():
    vectors = {"sample_weight": np.arange(60) % 3.0, "penalty_factor": np.arange(30) % 2.0, "lower": np.full(30, -0.5)}
    for vector in (*vectors.values(), y := Y.copy()):
        vector.setflags(write=False)
    assert fit_path(A, y, alphas=4, **vectors).certified.all()


GROWTH = """
import sys
sys.path.insert(0, {tests!r})
import gc, resource
from test_processes import answer, everything

def held():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

for seed in range(300):
    answer(seed)
everything()
before = held()
for seed in range({count}):
    answer(seed)
for _ in range({count} // 100):
    everything()
print(held() - before)
"""


def growth(count):
    """Bytes by which a process grows over so many fits."""
    code = GROWTH.format(tests=os.path.dirname(__file__), count=count)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads the resident size from /proc")
def test_memory_does_not_grow():
    assert growth(2000) < 3_000_000


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads the resident size from /proc")
def test_memory_does_not_grow_over_100_000_fits():
    assert growth(100_000) < 3_000_000


def test_a_system_that_does_not_say_which_cores_are_ours_offers_all(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert available_cores() == (os.cpu_count() or 1)
