"""Run rivals on cases: find each one's tolerances, then time all of them in turns.

For each case: (1) probe: every rival runs once at its default tolerance, then at tighter ones until the wanted gap is
reached; the referee judges each answer. Ours runs at its default, at a tight tolerance, and at the gap that the
fastest rival leaves at its default. (2) rounds: every setting is timed again, one after the other, as many rounds as
asked, so that a slow minute of the machine hits all of them. (3) memory: a fresh process per rival; for a
cross-validation once with one thread and once with two.
"""
import pathlib
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse

from . import cases, cv, data, machine, referee, rivals
from .workers import RemoteRival, WorkerFailed

BRIEF = 1.0  # seconds; below this the first, cold run is not the one that counts
TIMES = ("seconds", "cpu_seconds", "others")
QUIET = 0.2  # cores kept busy by other processes; above this a timing is disturbed
PAUSE = 2.0  # seconds
TRIES = 5  # tolerances of a rival that are tried to reach the wanted gap
TOO_FAR = 10  # below the wanted gap by this factor a quick rival gets a looser tolerance
LONG = 5.0  # seconds; above this the one probing run counts
AT_ONCE = 2  # memory is measured of so many rivals at a time, for nothing is timed then
JOBS = (1, 2)  # threads at which the memory of a cross-validation is measured
STRUCTURE_LIMIT = 5.0  # seconds per call on structured data, where half of the rivals would take minutes
STRUCTURE_RIVALS = ("fastlasso", "scikit_learn", "celer", "skglm", "adelie", "python_glmnet", "glmnet_rs")
DEFAULT_ONLY = ("scaling", "structures")  # groups in which every rival runs at its default alone
SCALING_RIVALS = ("fastlasso", "scikit_learn", "celer", "adelie", "python_glmnet")
TALL = 2  # rows per column above which one Gram matrix is the limit of a path


class Run:
    """One run of the suite: its options and what was found.

    Parameters
    ----------
    pythons : dict of str to str
        Interpreter of each rival.
    cache : path
        Folder for data and worker logs.
    options : object
        With `repeat`, `patience`, `limit` (seconds per call), `wanted` (gap), `threads`, `memory` (bool), and
        `text` (path).
    say : callable
        Called with each line of progress.
    """

    def __init__(self, pythons, cache, options, say=print):
        self.pythons, self.cache, self.options, self.say = pythons, pathlib.Path(cache), options, say
        self.rows, self.absent, self.startup = [], {}, {}
        self.workers = {}
        self.speeds = {threads: machine.speeds(threads) for threads in sorted({*JOBS, options.threads})}
        self.cache.mkdir(parents=True, exist_ok=True)

    def remote(self, name, threads):
        """Return a new (not yet started) worker of a rival."""
        return RemoteRival(name, self.pythons[name], threads, self.cache / f"{name}.log")

    def worker(self, name, threads):
        """Return the worker of a rival that stays up for all cases, so that its package is imported once."""
        return self.workers.setdefault((name, threads), self.remote(name, threads))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for worker in self.workers.values():
            worker.stop()

    def names(self, case):
        """Return the rivals of a case, those that have its loss: some groups have a few, at their defaults."""
        able = [name for name in self.pythons if case.loss in rivals.losses(rivals.get(name))]
        few = {"scaling": SCALING_RIVALS, "structures": STRUCTURE_RIVALS}.get(case.group, able)
        return [name for name in able if name in few]

    def greet(self):
        """Start every rival once: versions, import and first-fit times; drop those that cannot be imported."""
        for name in list(self.pythons):
            try:
                self.startup[name] = self.worker(name, self.options.threads).ask(
                    300, do="hello", repeat=self.options.repeat)
            except (WorkerFailed, OSError) as failure:
                self.absent[name] = str(failure)
                del self.pythons[name]

    def case(self, case):
        """Measure one case and append its rows."""
        start = time.perf_counter()
        self._case(case)
        self.say(f"{case.name}: done in {time.perf_counter() - start:.0f} s")

    def _case(self, case):
        try:
            folder = data.store(case, self.cache, self.options.text)
        except cases.CaseAbsent as reason:
            self.absent[f"case {case.name}"] = str(reason)
            return
        kind = CrossValidationRun if case.folds else CaseRun if case.loss == "squared_error" else LossRun
        with tempfile.TemporaryDirectory() as scratch:
            found = kind(self, case, folder, pathlib.Path(scratch) / "answer.npz")
            found.probe()
            found.rounds()
        if self.options.memory and case.group != "structures":
            found.memory()
        self.rows += [_finished(row) for row in found.rows]


def _finished(row):
    """Add the medians of the times to a row."""
    wall, cpu, others = (statistics.median(row[key]) if row[key] else None for key in TIMES)
    return {**row, "median": wall, "median_cpu": cpu, "median_others": others}


class CaseRun:
    """The measuring of one case with all its rivals."""

    def __init__(self, run, case, folder, answer):
        self.run, self.case, self.folder, self.answer, self.rows = run, case, folder, answer, []
        self.X, self.y = data.load(folder)
        self.alphas = cases.alpha_grid(self.X, self.y, case.fractions) / case.l1_ratio
        self.patience = min(run.options.limit, STRUCTURE_LIMIT) if case.group == "structures" else run.options.limit
        self.threads = case.threads or run.options.threads
        self.workers = {name: run.worker(name, self.threads) for name in run.names(case)}
        self.limit = self._limit()

    def _limit(self):
        """Return the seconds that no solver of this case can beat: X read once; for n >> p its Gram matrix formed."""
        speeds = self.run.speeds.get(self.threads)
        if not speeds:
            return None
        n, p = self.X.shape
        read = data.nbytes(self.X) / speeds["bytes_per_second"]
        tall = isinstance(self.X, np.ndarray) and n > TALL * p and len(self.alphas) > 1
        return max(read, n * p * p / speeds["syrk_flops_per_second"]) if tall else read

    def probe(self):
        """Run every rival once per tolerance and have the answers judged; ours last, for it must match the others."""
        for name in sorted(self.workers, key=lambda name: getattr(rivals.get(name), "MATCH", False)):
            try:
                self._probe_rival(name, rivals.get(name))
            except WorkerFailed as failure:
                self._row(name, "default", None, status=str(failure))

    def _probe_rival(self, name, rival):
        reason = rivals.reason_against(rival, self.X, len(self.alphas), self.case.folds, self.case.loss,
                                       self.case.options())
        if reason:
            self.run.absent[f"{name} on {self.case.name}"] = reason
            return
        self._load(self.workers[name])
        self._try(name, "default", rival.DEFAULT_TOL)
        if self.case.group not in DEFAULT_ONLY:
            self._try_harder(name, rival)

    def _try_harder(self, name, rival):
        """Run at tighter tolerances, and ours at the gap of the fastest rival."""
        if hasattr(rival, "TIGHT_TOL"):
            self._try(name, "tight", rival.TIGHT_TOL)
        else:
            self._tighten(name, getattr(rival, "SLOPE", 1.0))
        if getattr(rival, "MATCH", False) and (loose := self.best_loose()):
            self._try(name, "match", loose["gap"])

    def _tighten(self, name, slope):
        """Search for a tolerance that reaches the wanted gap, but not by far; only that row is kept as "tight"."""
        first = miss = self.rows[-1]
        hit, wanted, spent = None, self.run.options.wanted, 0.0
        if first["status"] != "ok":
            return
        if self._distance(first) <= wanted:
            self.rows.append({**first, "kind": "tight", "alias": True})
            return
        for _ in range(TRIES):
            row = self._try(name, "tight", _next_tol(miss, hit, wanted, slope, self._distance))
            dropped = row if hit and (row["status"] != "ok" or self._distance(row) > wanted) else hit or miss
            if dropped is not first:
                self.rows.remove(dropped)
            if row["status"] != "ok":
                return
            hit, miss = (row, miss) if self._distance(row) <= wanted else (hit, row)
            spent += row["seconds"][0]
            near = hit and (self._distance(hit) >= wanted / TOO_FAR or hit["seconds"][0] > BRIEF)
            if near or spent > self.run.options.limit:
                return

    def _try(self, name, kind, tol):
        """Run once, judge, and append the row."""
        worker = self.workers[name]
        try:
            said = worker.ask(self.patience, do="run", tol=tol, save=str(self.answer))
            if said["seconds"] < BRIEF:
                said = worker.ask(self.patience, do="run", tol=tol)
        except WorkerFailed as failure:
            return self._row(name, kind, tol, status=str(failure))
        times = {key: [said.pop(key)] for key in TIMES}
        row = self._row(name, kind, tol, **times, **self._judged(said.pop("claimed", None)), **said)
        seconds = row["seconds"][0]
        self.run.say(f"{self.case.name}: {row['name']} {kind} tol {tol:.1e}: {seconds:.4g} s, {_verdict(row)}")
        return row

    def _judged(self, claimed):
        return referee.judge(self.X, self.y, *self._answered(), **self.case.options())

    def _answered(self):
        """Return coefficients, intercepts and alphas of the last answer."""
        with np.load(self.answer) as parts:
            triple = (parts["data"], parts["indices"], parts["indptr"])
            coefs = scipy.sparse.csc_matrix(triple, shape=tuple(parts["shape"]))
            return coefs, parts["intercepts"], parts["alphas"]

    def _distance(self, row):
        """Return what of a row must be at most the wanted gap."""
        return row["gap"]

    def _row(self, name, kind, tol, status="ok", **found):
        case = self.case
        row = {
            "case": case.name, "group": case.group, "axis": case.axis, "at": case.at, "folds": case.folds,
            "rival": name, "name": rivals.get(name).NAME, "kind": kind, "tol": tol, "status": status, "gap": None,
            "support": None, "n_alphas": len(self.alphas), "promised": _promise(name, tol, case.loss),
            "twin": case.twin, "x_bytes": data.nbytes(self.X), "limit": self.limit, "loss": case.loss,
            **{key: [] for key in TIMES}, **found,
        }
        if status != "ok":
            self.run.say(f"{case.name}: {name} {kind}: {status}")
        self.rows.append(row)
        return row

    def _load(self, worker):
        return worker.ask(600, do="load", folder=str(self.folder), fractions=list(self.case.fractions),
                          folds=self.case.folds, n_threads=self.threads, loss=self.case.loss,
                          options=self.case.options())

    def best_loose(self):
        """Return the row of the fastest rival (not ours) at its default tolerance, or None."""
        others = [r for r in self.rows if r["kind"] == "default" and r["status"] == "ok" and not _ours(r)]
        return min(others, key=lambda row: row["seconds"][0], default=None)

    def rounds(self):
        """Time every setting again, in turns; the probing run, cold, does not count unless it was long."""
        long = BRIEF if self.case.group == "structures" else LONG
        live = [row for row in self.rows if row["status"] == "ok" and not row.get("alias") and row["seconds"][0] < long]
        for turn in range(self.run.options.repeat):
            for row in live:
                self._time_again(row, forget=turn == 0)

    def _time_again(self, row, forget):
        """Time a setting once more; while other processes disturb it, wait and try again while patience lasts."""
        for _ in range(1 + self.run.options.patience):
            try:
                if row["seconds"][0] < BRIEF:
                    self._ask_loaded(row)       # untimed: the turn before leaves threads spinning and cold caches
                said = self._ask_loaded(row)
            except WorkerFailed as failure:
                row["lost"] = str(failure)
                return
            if said["others"] < QUIET:
                break
            time.sleep(PAUSE)
        for key in TIMES:
            row[key][:] = [] if forget else row[key]
            row[key].append(said[key])

    def _ask_loaded(self, row):
        worker = self.workers[row["rival"]]
        if worker.process is None:
            self._load(worker)
        return worker.ask(self.patience, do="run", tol=row["tol"])

    def memory(self):
        """Measure the peak of extra memory at each rival's default (ours: tight) setting in a fresh process."""
        rows = [row for row in self.rows if row["status"] == "ok" and row["kind"] == self._remembered(row)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for row, extra in zip(rows, pool.map(lambda row: self._extra_bytes(row, self.threads), rows), strict=True):
                row["extra_bytes"] = extra

    def _remembered(self, row):
        return "tight" if _ours(row) and self.case.group != "scaling" else "default"

    def _extra_bytes(self, row, threads):
        """Return the peak of extra memory of one call in a fresh process, None where it failed."""
        with self.run.remote(row["rival"], threads) as worker:
            try:
                self._load(worker)
                return worker.ask(self.run.options.limit, do="memory", tol=row["tol"], n_threads=threads)["extra_bytes"]
            except WorkerFailed:
                return None


class LossRun(CaseRun):
    """The measuring of a path of another loss: the gap of the scaled residual is loose, so distances count as well.

    A tolerance is tight when the objective is within the wanted gap of the best one known at every alpha.
    """

    def __init__(self, run, case, folder, answer):
        super().__init__(run, case, folder, answer)
        self.best = referee.stored_best(folder, case.loss, self.X, self.y, self.alphas)

    def _judged(self, claimed):
        return referee.judge_of_loss(self.case.loss, self.best, self.X, self.y, *self._answered(), claimed)

    def _distance(self, row):
        return row["suboptimality"]


class CrossValidationRun(CaseRun):
    """The measuring of one cross-validation: every rival at its default, judged by the error curve."""

    def __init__(self, run, case, folder, answer):
        super().__init__(run, case, folder, answer)
        splits = cases.splits(cases.fold_ids(len(self.y), case.folds))
        self.curve, self.curve_gap = cv.stored_reference(folder, self.X, self.y, self.alphas, splits, case.loss)

    def _try_harder(self, name, rival):
        """Leave everyone at the default: what is judged is the error curve."""

    def _judged(self, claimed):
        with np.load(self.answer) as parts:
            return cv.judge(parts["curve"], self.curve, self.alphas) | {"reference_gap": self.curve_gap}

    def memory(self):
        """Measure the peak of extra memory at one thread and at two."""
        for row in self.rows:
            if row["status"] == "ok":
                row["extra_bytes_of_jobs"] = {jobs: self._extra_bytes(row, jobs) for jobs in JOBS}


def _next_tol(miss, hit, wanted, slope, distance):
    """Return a tolerance to try, beyond the last miss with ``log tol ~ slope log gap``, or halfway back to it.

    Half of the wanted gap is aimed at; steps tighten by at least a factor of two.
    """
    if hit:
        return float(np.sqrt(miss["tol"] * hit["tol"]))
    return miss["tol"] * min(0.5, (0.5 * wanted / distance(miss)) ** slope)


def _verdict(row):
    """Write what the referee found in a line of progress."""
    if row["gap"] is None:
        return f"curve off by {row['curve_error']:.1e}, chosen alpha {row['chosen']:.3g}"
    away = f", {row['suboptimality']:.1e} from the best" if "suboptimality" in row else ""
    return f"gap {row['gap']:.1e}{away}, support {row['support']}"


def _promise(name, tol, loss):
    """Return the relative gap that a rival promises at a tolerance, None when it promises none."""
    rival = rivals.get(name)
    kept = loss == "squared_error" or hasattr(rival, "CERTIFIES")
    factor = getattr(rival, "PROMISE", None) if kept else None
    return None if factor is None or tol is None else factor * tol


def _ours(row):
    return getattr(rivals.get(row["rival"]), "MATCH", False)
