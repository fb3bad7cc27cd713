"""What a long fit says while it runs: a bar for people, a callable for programs."""

import math
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

# Cells of the bar.
WIDTH = 24
# Seconds between two lines where nothing can be overwritten.
PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class State:
    """How far a fit has come.

    Attributes
    ----------
    n_certified, n_alphas : int
        Alphas that are done, and all of them; those of the folds included.
    n_passes : float
        Passes over X so far, of all paths together.
    seconds, seconds_left : float
        Since the start, and to the end if each further alpha takes as long as those so far; NaN before the first.
    """

    n_certified: int
    n_alphas: int
    n_passes: float
    seconds: float
    seconds_left: float

    def __str__(self):
        done = WIDTH * self.n_certified // max(self.n_alphas, 1)
        left = "" if math.isnan(self.seconds_left) else f", {clock(self.seconds_left)} left"
        return (f"[{'#' * done:<{WIDTH}}] {self.n_certified}/{self.n_alphas} alphas, {self.n_passes:.0f} passes, "
                f"{clock(self.seconds)}{left}")


class Progress:
    """Adds up how far the paths of a fit have come, and shows it after each batch of alphas.

    Parameters
    ----------
    shows : list of callable
        Called with a `State`, by one thread at a time.
    n_paths : int
        Paths of this fit; 0 where all of them are expected by name (`expect`).
    """

    def __init__(self, shows, n_paths=1):
        self.shows, self.n_paths = shows, n_paths
        self.started, self._parts, self._lock = time.perf_counter(), {}, threading.Lock()

    def note(self, path, n_certified, n_alphas, n_passes):
        """Note how far the path of this key has come, and show all."""
        with self._lock:
            self._parts[path] = n_certified, n_alphas, n_passes
            state = self._state(n_alphas)
            for show in self.shows:
                show(state)

    def expect(self, paths, n_alphas):
        """Count paths of these keys, of so many alphas each, from the beginning on."""
        self._parts |= {path: (0, n_alphas, 0.0) for path in paths}

    def watch(self, path):
        """Return what a `PathSolver` calls after each batch of the path of this key."""
        return lambda solver, n_alphas: self.note(path, solver.n_done, n_alphas, solver.problem.design.passes)

    def finish(self):
        """Show the end, where paths that were expected were not needed."""
        unneeded = [path for path, part in self._parts.items() if part[0] < part[1]]
        for path in unneeded:
            done, _, passes = self._parts[path]
            self._parts[path] = done, done, passes
        if unneeded:
            for show in self.shows:
                show(self._state(0))

    def _state(self, n_alphas):
        done = sum(part[0] for part in self._parts.values())
        total = sum(part[1] for part in self._parts.values()) + n_alphas * max(self.n_paths - len(self._parts), 0)
        seconds = time.perf_counter() - self.started
        left = seconds * (total - done) / done if done else math.nan
        return State(done, total, sum(part[2] for part in self._parts.values()), seconds, left)


class Bar:
    """Draws a `State` on a stream: one line that is overwritten on a terminal and in a notebook, lines elsewhere."""

    def __init__(self, stream=None):
        self.stream = sys.stderr if stream is None else stream
        self.overwrites = self.stream.isatty() or "ipykernel" in sys.modules
        self.last = -math.inf

    def __call__(self, state):
        complete = state.n_certified >= state.n_alphas
        if self.overwrites:
            self.stream.write(f"\r{state}\x1b[K" + "\n" * complete)
        elif complete or state.seconds - self.last >= PATIENCE:
            self.stream.write(f"{state}\n")
            self.last = state.seconds
        self.stream.flush()


class NotebookBar:
    """Draws a `State` by tqdm, as a widget where the notebook has widgets."""

    def __init__(self, tqdm):
        self.bar, self.done, self.total = tqdm(unit="alpha"), 0, None

    def __call__(self, state):
        if state.n_alphas != self.total:
            self.bar.reset(state.n_alphas)
            self.done, self.total = 0, state.n_alphas
        self.bar.update(state.n_certified - self.done)
        self.done = state.n_certified
        self.bar.set_postfix_str(f"{state.n_passes:.0f} passes", refresh=False)
        self.bar.refresh()
        if state.n_certified >= state.n_alphas:
            self.bar.close()


def bar():
    """Return a bar for here: tqdm's in a notebook where tqdm is installed, else a line on standard error."""
    if "ipykernel" in sys.modules:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return Bar()
        return NotebookBar(tqdm)
    return Bar()


def progress_of(verbose, progress, n_paths=1):
    """Return the `Progress` that was asked for, or None."""
    if progress is not None and not callable(progress):
        raise TypeError(f"progress must be callable, got {progress!r}")
    shows = [bar()] * bool(verbose) + [progress] * (progress is not None)
    return Progress(shows, n_paths) if shows else None


@contextmanager
def shown(verbose, progress, n_paths=1):
    """Lend the `Progress` that was asked for, or None, and show its end."""
    found = progress_of(verbose, progress, n_paths)
    yield found
    if found is not None:
        found.finish()


def clock(seconds):
    """Return seconds as 12 s, 3 min 5 s or 2 h 10 min."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
