"""Run rivals on cases: find each one's tolerances, then time all of them in turns.

For each case: (1) probe: every rival runs once at its default tolerance, then down its ladder until the wanted gap is
reached; the referee judges each answer. Ours runs at its default, at a tight tolerance, and at the gap that the
fastest rival leaves at its default. (2) rounds: every setting is timed again, one after the other, as many rounds as
asked, so that a slow minute of the machine hits all of them. (3) memory: a fresh process per rival.
"""
import contextlib
import pathlib
import statistics
import tempfile
import time

import numpy as np
import scipy.sparse

from . import cases, referee, rivals
from .workers import RemoteRival, WorkerFailed

BRIEF = 1.0  # seconds; below this the first, cold run is not the one that counts
TIMES = ("seconds", "cpu_seconds", "others")
QUIET = 0.2  # cores kept busy by other processes; above this a timing is disturbed
PAUSE = 2.0  # seconds
LONG = 20.0  # seconds; above this the one probing run counts


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
        self.cache.mkdir(parents=True, exist_ok=True)

    def remote(self, name):
        """Return the (not yet started) worker of a rival."""
        return RemoteRival(name, self.pythons[name], self.options.threads, self.cache / f"{name}.log")

    def greet(self):
        """Start every rival once: versions, import and first-fit times; drop those that cannot be imported."""
        for name in list(self.pythons):
            try:
                with self.remote(name) as worker:
                    self.startup[name] = worker.ask(300, do="hello")
            except (WorkerFailed, OSError) as failure:
                self.absent[name] = str(failure)
                del self.pythons[name]

    def case(self, case):
        """Measure one case and append its rows."""
        try:
            folder = cases.store(case, self.cache, self.options.text)
        except cases.CaseAbsent as reason:
            self.absent[f"case {case.name}"] = str(reason)
            return
        with contextlib.ExitStack() as stack:
            found = CaseRun(self, case, folder, stack)
            found.probe()
            found.rounds()
        if self.options.memory:
            found.memory()
        self.rows += [_finished(row) for row in found.rows]


def _finished(row):
    """Add the medians of the times to a row."""
    wall, cpu, others = (statistics.median(row[key]) if row[key] else None for key in TIMES)
    return {**row, "median": wall, "median_cpu": cpu, "median_others": others}


class CaseRun:
    """The measuring of one case with all its rivals."""

    def __init__(self, run, case, folder, stack):
        self.run, self.case, self.folder, self.rows = run, case, folder, []
        self.X, self.y = cases.load(folder)
        self.alphas = cases.alpha_grid(self.X, self.y, case.fractions)
        self.workers = {name: stack.enter_context(run.remote(name)) for name in run.pythons}
        self.answer = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory())) / "path.npz"

    def probe(self):
        """Run every rival once per tolerance and have the answers judged; ours last, for it must match the others."""
        for name in sorted(self.workers, key=lambda name: getattr(rivals.get(name), "MATCH", False)):
            try:
                self._probe_rival(name, rivals.get(name))
            except WorkerFailed as failure:
                self._row(name, "load", None, status=str(failure))

    def _probe_rival(self, name, rival):
        reason = getattr(rival, "suits", lambda X: None)(self.X)
        if reason:
            self.run.absent[f"{name} on {self.case.name}"] = reason
            return
        self._load(self.workers[name])
        self._try(name, "default", rival.DEFAULT_TOL)
        if hasattr(rival, "TIGHT_TOL"):
            self._try(name, "tight", rival.TIGHT_TOL)
        else:
            self._climb(name, rival.LADDER)
        if getattr(rival, "MATCH", False) and (loose := self.best_loose()):
            self._try(name, "match", loose["gap"])

    def _climb(self, name, ladder):
        """Try tighter tolerances until the wanted gap is reached; only that rung (or the last) is kept as "tight"."""
        first = self.rows[-1]
        if first["status"] != "ok":
            return
        row = first
        for tol in ladder:
            if row["gap"] <= self.run.options.wanted:
                break
            tighter = self._try(name, "tight", tol)
            if tighter["status"] != "ok":
                break
            if row is not first:
                self.rows.remove(row)
            row = tighter
        if row is first:
            self.rows.append({**first, "kind": "tight", "alias": True})

    def _try(self, name, kind, tol):
        """Run once, judge, and append the row."""
        worker = self.workers[name]
        try:
            said = worker.ask(self.run.options.limit, do="run", tol=tol, save=str(self.answer))
            if said["seconds"] < BRIEF:
                said = worker.ask(self.run.options.limit, do="run", tol=tol)
        except WorkerFailed as failure:
            return self._row(name, kind, tol, status=str(failure))
        times = {key: [said.pop(key)] for key in TIMES}
        row = self._row(name, kind, tol, **times, **said, **self._judged())
        self.run.say(
            f"{self.case.name}: {row['name']} {kind} tol {tol:.1e}: {row['seconds'][0]:.4g} s, gap {row['gap']:.1e},"
            f" support {row['support']}"
        )
        return row

    def _judged(self):
        with np.load(self.answer) as parts:
            triple = (parts["data"], parts["indices"], parts["indptr"])
            coefs = scipy.sparse.csc_matrix(triple, shape=tuple(parts["shape"]))
            return referee.judge(self.X, self.y, coefs, parts["intercepts"], parts["alphas"])

    def _row(self, name, kind, tol, status="ok", **found):
        row = {
            "case": self.case.name, "rival": name, "name": rivals.get(name).NAME, "kind": kind, "tol": tol,
            "status": status, "gap": None, "support": None, "n_alphas": len(self.alphas),
            "promised": _promise(name, tol), **{key: [] for key in TIMES}, **found,
        }
        if status != "ok":
            self.run.say(f"{self.case.name}: {name} {kind}: {status}")
        self.rows.append(row)
        return row

    def _load(self, worker):
        fractions, n_threads = list(self.case.fractions), self.run.options.threads
        return worker.ask(600, do="load", folder=str(self.folder), fractions=fractions, n_threads=n_threads)

    def best_loose(self):
        """Return the row of the fastest rival (not ours) at its default tolerance, or None."""
        others = [r for r in self.rows if r["kind"] == "default" and r["status"] == "ok" and not _ours(r)]
        return min(others, key=lambda row: row["seconds"][0], default=None)

    def rounds(self):
        """Time every setting again, in turns; the probing run, cold, does not count unless it was long."""
        live = [row for row in self.rows if row["status"] == "ok" and not row.get("alias") and row["seconds"][0] < LONG]
        for turn in range(self.run.options.repeat):
            for row in live:
                self._time_again(row, forget=turn == 0)

    def _time_again(self, row, forget):
        """Time a setting once more; while other processes disturb it, wait and try again while patience lasts."""
        for _ in range(1 + self.run.options.patience):
            try:
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
        return worker.ask(self.run.options.limit, do="run", tol=row["tol"])

    def memory(self):
        """Measure the peak of extra memory at each rival's default (ours: tight) setting in a fresh process."""
        for row in self.rows:
            wanted = "tight" if _ours(row) else "default"
            if row["status"] != "ok" or row["kind"] != wanted:
                continue
            with self.run.remote(row["rival"]) as worker:
                with contextlib.suppress(WorkerFailed):
                    row["x_bytes"] = self._load(worker)["x_bytes"]
                    row.update(worker.ask(self.run.options.limit, do="memory", tol=row["tol"]))


def _promise(name, tol):
    """Return the relative gap that a rival promises at a tolerance, None when it promises none."""
    factor = getattr(rivals.get(name), "PROMISE", None)
    return None if factor is None or tol is None else factor * tol


def _ours(row):
    return getattr(rivals.get(row["rival"]), "MATCH", False)
