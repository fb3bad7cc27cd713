"""A rival's worker: runs in the rival's own Python and answers one JSON object per line.

Started as ``python worker.py RIVAL``; it loads the package `bench` from its own folder without putting the checkout on
the path, so that ``import fastlasso`` finds the installed package and not the sources. It needs only NumPy, SciPy and
the rival. Commands: ``hello``, ``where``, ``load``, ``run``, ``memory``; each is a function below of the same
name.
"""
import importlib
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import resource
import subprocess
import sys
import time
import traceback
import warnings

QUICK = 0.02  # seconds; a call below this is repeated and its median taken
QUICK_TOTAL = 0.06
QUICK_CALLS = 200
MANY_TICKS = 0.1  # seconds; the machine counts its work in ticks of a hundredth
FLOOR = "numpy, scipy.sparse"  # what every solver here imports anyway


def _load_package():
    """Import this folder as the package ``bench``; off the path with it, its file names would hide packages."""
    here = pathlib.Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if pathlib.Path(entry or ".").resolve() != here]
    spec = importlib.util.spec_from_file_location("bench", here / "__init__.py", submodule_search_locations=[str(here)])
    sys.modules["bench"] = package = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)


def _take_stdout():
    """Keep the real standard output for answers and send everything that libraries print to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _resident(field):
    """Return VmRSS or VmHWM of this process in bytes (Linux), else the peak that getrusage knows."""
    try:
        with open("/proc/self/status") as lines:
            return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))
    except (OSError, StopIteration):
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _reset_peak():
    """Set VmHWM to the present VmRSS (Linux)."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass


def _version(rival):
    if hasattr(rival, "version"):
        return rival.version()
    try:
        return importlib.metadata.version(rival.VERSION)
    except importlib.metadata.PackageNotFoundError:
        return "not packaged"


def _import_seconds(names, runs):
    """Return the seconds that importing some modules takes in a fresh process, the fastest of some."""
    code = f"import time; start = time.perf_counter(); import {names}; print(time.perf_counter() - start)"
    done = [subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True) for _ in range(runs)]
    return min(float(one.stdout.split()[-1]) for one in done)


def _machine_busy():
    """Return the seconds that all cores together have worked since the machine started (Linux; else 0)."""
    try:
        with open("/proc/stat") as lines:
            user, nice, system, _, _, irq, softirq, steal = map(int, lines.readline().split()[1:9])
    except (OSError, ValueError):
        return 0.0
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


class Worker:
    """Hold one rival and the case that it is working on."""

    def __init__(self, name):
        self.rivals = importlib.import_module("bench.rivals")
        self.rival = self.rivals.get(name)
        self.package = importlib.import_module(self.rival.PACKAGE)

    def hello(self, repeat):
        """Say versions, the time of the import alone and beside its floor, and of a first fit of 100 x 10."""
        import numpy

        start, self.options = time.perf_counter(), {}
        self._warm(numpy.dtype(float), sparse=False, folds=0, loss=self.rivals.losses(self.rival)[0])
        first = time.perf_counter() - start
        return {
            "version": _version(self.rival), "numpy": numpy.__version__, "python": sys.version.split()[0],
            "import_seconds": _import_seconds(self.rival.PACKAGE, repeat),
            "floor_seconds": _import_seconds(FLOOR, repeat), "first_fit_seconds": first,
        }

    def where(self):
        """Say which file the package comes from."""
        return {"file": self.package.__file__}

    def load(self, folder, fractions, folds, n_threads, loss="squared_error", options=None):
        """Read a stored case, bring it into the rival's storage and warm the rival up on a small twin."""
        import scipy.sparse

        from bench import cases, data

        self.X = self.y = None
        self.loss, self.options = loss, options or {}
        X, y = data.load(folder)
        self.alphas = cases.alpha_grid(X, y, fractions) / self.options.get("l1_ratio", 1.0)
        self.n_threads = n_threads
        self.splits = cases.splits(cases.fold_ids(len(y), folds)) if folds else None
        self._warm(X.dtype, scipy.sparse.issparse(X), folds, loss)
        self.X, self.y = self.rivals.prepared(self.rival, X, y)
        return {"x_bytes": data.nbytes(X)}

    def run(self, tol, save=None):
        """Time one path: wall clock, CPU time of all threads, cores that other processes kept busy meanwhile.

        A quick path is repeated and its median counts, unless the rival times itself. The answer is saved when asked.
        """
        found, extra, times = self._timed(tol)
        if save:
            _save(save, self.alphas, found)
        elif times[0] < QUICK and "seconds" not in extra:
            calls = min(QUICK_CALLS, 1 + int(QUICK_TOTAL / times[0]))
            times = sorted(self._timed(tol)[2] for _ in range(calls))[calls // 2]
        return {"seconds": times[0], "cpu_seconds": times[1], "others": times[2], **extra}

    def memory(self, tol, n_threads):
        """Return how far one path raises the peak of resident memory, its answer included."""
        self.n_threads = n_threads
        _reset_peak()
        before = _resident("VmRSS")
        _, extra, _ = self._timed(tol)
        return {"extra_bytes": extra.get("extra_bytes", max(0, _resident("VmHWM") - before))}

    def _timed(self, tol):
        """Return the answer (a tuple of arrays), what the rival says besides, and (wall, CPU, others)."""
        busy, start, cpu = _machine_busy(), time.perf_counter(), time.process_time()
        found = self._solve(self.X, self.y, self.alphas, self.splits, tol, self.n_threads, self.loss)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        others = max(0.0, (_machine_busy() - busy - cpu) / seconds) if seconds > MANY_TICKS else 0.0
        found = found if isinstance(found, tuple) else (found,)
        extra = found[-1] if isinstance(found[-1], dict) else {}
        if "seconds" in extra:  # of another process, which is then among the others
            others = 0.0
        return found, extra, (extra.get("seconds", seconds), extra.get("cpu_seconds", cpu), others)

    def _solve(self, X, y, alphas, splits, tol, n_threads, loss):
        named = self.rivals.named_loss(loss)
        if splits is None:
            return self.rival.path(X, y, alphas, tol, n_threads, **named, **self.options)
        return self.rival.cross_validate(X, y, alphas, splits, tol, n_threads, **named)

    def _warm(self, dtype, sparse, folds, loss):
        """Solve a small problem of the given kind, so that compilers and caches have done their first work."""
        import numpy as np
        import scipy.sparse

        from bench import cases

        rng = np.random.default_rng(0)
        X = np.asfortranarray(rng.standard_normal((100, 10)), dtype=dtype)
        y = (X[:, 0] + 1.0 if loss == "squared_error" else rng.random(100) < 0.5).astype(dtype)
        splits = cases.splits(cases.fold_ids(100, folds)) if folds else None
        X, y = self.rivals.prepared(self.rival, scipy.sparse.csr_matrix(X) if sparse else X, y)
        self._solve(X, y, np.geomspace(0.5, 0.05, 5), splits, self.rival.DEFAULT_TOL, 1, loss)


def _save(file, alphas, found):
    """Write an answer as ``npz``: a path (coefficients by columns, intercepts), or the error curve of folds."""
    import numpy as np
    import scipy.sparse

    if len(found) == 1 or isinstance(found[1], dict):
        np.savez(file, curve=np.asarray(found[0], dtype=np.float64), alphas=alphas)
        return
    coefs = scipy.sparse.csc_matrix(found[0], dtype=np.float64)
    parts = {"data": coefs.data, "indices": coefs.indices, "indptr": coefs.indptr, "shape": coefs.shape}
    np.savez(file, intercepts=np.asarray(found[1], dtype=np.float64), alphas=alphas, **parts)


def main(name):
    """Answer commands until standard input ends."""
    answers = _take_stdout()
    _load_package()
    warnings.simplefilter("ignore")  # a peer that does not converge shows it in its gap
    worker = None
    for line in sys.stdin:
        command = json.loads(line)
        try:
            worker = worker or Worker(name)
            answer = getattr(worker, command.pop("do"))(**command)
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
