"""What machine the figures come from: its class, without names of hosts or users, and how fast it is."""
import json
import os
import platform
import subprocess
import sys
import threading
import time

STREAM_BYTES = 512 << 20  # far more than the caches hold
STREAM_RUNS = 5
SYRK_SHAPE = (20_000, 1_000)
SYRK_RUNS = 3
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS",
)


def _cpu_model():
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _vector_units():
    """Return the widest vector unit that this CPU names, for "Xeon" alone says little."""
    try:
        with open("/proc/cpuinfo") as lines:
            flags = next(line.split() for line in lines if line.startswith("flags"))
    except (OSError, StopIteration):
        return ""
    return next((unit for unit in ("avx512f", "avx2", "avx") if unit in flags), "")


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def describe():
    """Return CPU model, vector unit, usable cores, system and Python version as a dict."""
    return {
        "cpu": _cpu_model(), "vector": _vector_units(), "cores": _cores(),
        "system": f"{platform.system()} {platform.machine()}", "python": sys.version.split()[0],
    }


def with_threads(n_threads):
    """Return this process's environment with the thread count of every library that has its own variable."""
    return {**os.environ, **{variable: str(n_threads) for variable in THREAD_VARIABLES}}


def speeds(n_threads):
    """Measure the read bandwidth and the speed of a Gram matrix, in a fresh process with so many threads.

    Returns
    -------
    dict
        ``bytes_per_second`` of summing a large array; ``syrk_flops_per_second`` of A'A, n p^2 operations.
    """
    command = [sys.executable, __file__, str(n_threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=with_threads(n_threads))
    return json.loads(done.stdout)


def _fastest(work, runs):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def _measure(n_threads):
    import numpy as np

    parts = np.array_split(np.ones(STREAM_BYTES // 8), n_threads)
    A = np.ones(SYRK_SHAPE)

    def read():
        threads = [threading.Thread(target=part.sum) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    n, p = SYRK_SHAPE
    return {
        "bytes_per_second": STREAM_BYTES / _fastest(read, STREAM_RUNS),
        "syrk_flops_per_second": n * p * p / _fastest(lambda: A.T @ A, SYRK_RUNS),
    }


def line(found, startup):
    """Return one line of text for a report."""
    versions = sorted({said["numpy"] for said in startup.values()}) or ["unknown"]
    return (
        f"{found['cpu']} ({found['vector']}), {found['cores']} cores, {found['system']}, Python {found['python']},"
        f" NumPy {' and '.join(versions)}, reads {_speed(found, 'bytes_per_second')} GB/s and forms a Gram matrix at"
        f" {_speed(found, 'syrk_flops_per_second')} Gflop/s with 1 and 2 threads"
    )


def _speed(found, key):
    """Write a speed at every number of threads, in units of 1e9."""
    return " and ".join(f"{said[key] / 1e9:.0f}" for said in found["speeds"].values())


if __name__ == "__main__":
    print(json.dumps(_measure(int(sys.argv[1]))))
