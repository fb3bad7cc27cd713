"""Time two commits of fastlasso against each other in one job: ``python -m bench compare BASE HEAD``.

Each commit is checked out into a temporary worktree and built there; one worker process per commit stays up. A pair is
one timing of each, in turns BASE HEAD, HEAD BASE, ..., so that whatever slows the machine down slows both. Each pair
gives the ratio head / base, once of wall clock time and once of CPU time. The rule:

- A case is slower if the median ratio of either clock is above 1 + THRESHOLD.
- Pairs are added until the 95 % interval of the median excludes 1 + THRESHOLD for both clocks, or MOST_PAIRS are done.
  So noise costs time and not the verdict. The interval is that of the sign test: the order statistics k and N + 1 - k
  of the N ratios, with k the largest number for which a fair coin shows fewer than k heads in N throws with
  probability at most 2.5 %.
- A commit whose answer misses the gap that it promises is a failure, however fast.
"""
import contextlib
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np
import scipy.sparse

from . import cases, data, referee
from .environments import CHECKOUT
from .workers import RemoteRival, WorkerFailed

THRESHOLD = 0.15
FEWEST_PAIRS, MOST_PAIRS = 7, 41
SIDES = ("base", "head")
CLOCKS = {"wall": "seconds", "CPU": "cpu_seconds"}
TOLERANCE = 1e-9  # what is compared: an answer certified to this gap
LIMIT = 300.0  # seconds per call
TAIL = 0.025


class BuildFailed(Exception):
    """A commit cannot be checked out or built; the text says what failed."""


def _run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise BuildFailed(f"{' '.join(map(str, command))} failed:\n{done.stderr.strip()[-2000:]}")


@contextlib.contextmanager
def built(commit, folder):
    """Check a commit out into `folder`, build it in place, and remove the worktree afterwards."""
    _run(["git", "worktree", "add", "--detach", "--force", folder, commit], CHECKOUT)
    try:
        _run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], folder)
        yield folder
    finally:
        _run(["git", "worktree", "remove", "--force", folder], CHECKOUT)


def interval(ratios):
    """Return the 95 % interval of the median by the sign test; endless while there are too few ratios."""
    n, k, tail = len(ratios), 0, 0.0
    while (tail := tail + math.comb(n, k) / 2**n) <= TAIL:
        k += 1
    ordered = sorted(ratios)
    return (ordered[k - 1], ordered[n - k]) if k else (0.0, math.inf)


def decided(ratios):
    """Whether the interval of the median leaves 1 + THRESHOLD on one side."""
    low, high = interval(ratios)
    return low > 1 + THRESHOLD or high < 1 + THRESHOLD


def slower(ratios):
    """Whether the median ratio is above 1 + THRESHOLD."""
    return statistics.median(ratios) > 1 + THRESHOLD


class Comparison:
    """The comparison of two built commits.

    Parameters
    ----------
    folders : dict of str to path
        Of each side, a folder that holds a built package `fastlasso`.
    cache : path
        Folder for data and worker logs.
    options : object
        With `threads`, `text` (path) and `most_pairs`.
    say : callable
        Called with each line of the result.
    """

    def __init__(self, folders, cache, options, say=print):
        self.folders, self.cache, self.options, self.say = folders, pathlib.Path(cache), options, say
        self.cache.mkdir(parents=True, exist_ok=True)

    def case(self, case):
        """Compare one case; return whether it passes."""
        try:
            folder = data.store(case, self.cache, self.options.text)
        except cases.CaseAbsent as reason:
            self.say(f"{case.name}: not compared: {reason}")
            return True
        with contextlib.ExitStack() as stack:
            workers = {side: stack.enter_context(self._worker(side)) for side in SIDES}
            try:
                return self._compare(case, folder, workers)
            except WorkerFailed as failure:
                self.say(f"{case.name}: FAILED: {failure}")
                return False

    def _worker(self, side):
        log = self.cache / f"compare-{side}.log"
        return RemoteRival("fastlasso", sys.executable, self.options.threads, log, package=self.folders[side])

    def _compare(self, case, folder, workers):
        gaps = {side: self._first(case, folder, side, workers[side]) for side in SIDES}
        ratios = self._pairs(workers)
        bad = [clock for clock in CLOCKS if slower(ratios[clock])]
        missed = [f"{side} misses its gap: {gap:.0e}" for side, gap in gaps.items() if gap > 1.02 * TOLERANCE]
        verdict = "; ".join([f"SLOWER ({' and '.join(bad)})"] * bool(bad) + missed) or "ok"
        self.say(f"{case.name}: {', '.join(_words(clock, ratios[clock]) for clock in CLOCKS)}"
                 f" ({len(ratios['wall'])} pairs): {verdict}")
        return not bad and gaps["head"] <= 1.02 * TOLERANCE

    def _first(self, case, folder, side, worker):
        """Make sure that the right package is used, load the case, and return the worst gap of a first answer."""
        found = pathlib.Path(worker.ask(LIMIT, do="where")["file"]).resolve()
        if not found.is_relative_to(pathlib.Path(self.folders[side]).resolve()):
            raise WorkerFailed(f"{side} would be measured on {found}")
        worker.ask(LIMIT, do="load", folder=str(folder), fractions=list(case.fractions), folds=case.folds,
                   n_threads=case.threads or self.options.threads, loss=case.loss)
        answer = self.cache / f"compare-{side}.npz"
        worker.ask(LIMIT, do="run", tol=TOLERANCE, save=str(answer))
        return 0.0 if case.folds else _worst_gap(folder, answer, case.loss)

    def _pairs(self, workers):
        ratios = {clock: [] for clock in CLOCKS}
        while len(ratios["wall"]) < self.options.most_pairs:
            order = SIDES if len(ratios["wall"]) % 2 == 0 else SIDES[::-1]
            said = {side: workers[side].ask(LIMIT, do="run", tol=TOLERANCE) for side in order}
            for clock, key in CLOCKS.items():
                ratios[clock].append(said["head"][key] / said["base"][key])
            if len(ratios["wall"]) >= FEWEST_PAIRS and all(map(decided, ratios.values())):
                break
        return ratios


def _words(clock, ratios):
    low, high = interval(ratios)
    return f"{clock} x {statistics.median(ratios):.3f} [{low:.3f}, {high:.3f}]"


def _worst_gap(folder, answer, loss):
    """Return the referee's worst gap; of other losses than squared error that of `verify` where its own is worst."""
    X, y = data.load(folder)
    with np.load(answer) as parts:
        coefs = scipy.sparse.csc_matrix((parts["data"], parts["indices"], parts["indptr"]), shape=tuple(parts["shape"]))
        found = X, y, coefs, parts["intercepts"], parts["alphas"]
    if loss == "squared_error":
        return referee.relative_gaps(*found).max()
    return referee.verified_gap(*found, referee.of_loss(loss, *found)[0], loss)


def compare(base, head, names, cache, options, say=print):
    """Build two commits and compare them on the named cases; return whether all pass, or raise BuildFailed."""
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        commits = {"base": base, "head": head}
        folders = {}
        for side in SIDES:
            say(f"building {side}: {commits[side]}")
            folders[side] = stack.enter_context(built(commits[side], pathlib.Path(scratch) / side))
        found = Comparison(folders, cache, options, say)
        return all([found.case(cases.CASES[name]) for name in names])
