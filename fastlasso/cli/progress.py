"""A line of progress on a terminal, and warnings in one line each."""

import sys
import threading
import time
import warnings
from contextlib import contextmanager

from .exit_codes import say

# Seconds of work before a terminal shows progress.
PATIENCE = 1.0


class Progress:
    """Show a line of progress on a terminal's standard error once the work has lasted PATIENCE; elsewhere be silent.

    As a callback of `fit_path` it also keeps after how many seconds each alpha was certified.

    Attributes
    ----------
    seconds : dict
        Index of an alpha -> seconds since the start.
    elapsed : float or None
        Seconds of all the work, once it has ended.
    """

    def __init__(self, path, afterwards=None):
        self.path, self.afterwards, self.state = path, afterwards, None
        self.started, self.seconds, self.elapsed = time.perf_counter(), {}, None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._draw, daemon=True)

    def __call__(self, state):
        self.seconds[state.index] = time.perf_counter() - self.started
        self.state = state

    def start(self):
        """Begin to draw, where standard error is a terminal."""
        if sys.stderr.isatty():
            self._thread.start()

    def stop(self):
        """Take the time and end the line."""
        self.elapsed = time.perf_counter() - self.started
        self._done.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _draw(self):
        """Draw the line anew ten times a second until the work has ended, and then wipe it out."""
        if self._done.wait(PATIENCE):
            return
        while not self._done.wait(0.1):
            sys.stderr.write(f"\r{self.line()}\x1b[K")
            sys.stderr.flush()
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()

    def line(self):
        """Return the line to show now."""
        elapsed = f"{time.perf_counter() - self.started:.0f} s"
        if self.state is None:
            return f"{self.path}  {elapsed}"
        done, total = self.state.index + 1, self.state.n_alphas
        if done == total and self.afterwards:
            return f"{self.afterwards}  {elapsed}"
        bar = "#" * (24 * done // total)
        return f"{self.path}  [{bar:<24}] {done}/{total} alphas, {self.state.df:,} features, {elapsed}"


@contextmanager
def progress(path, afterwards=None):
    """Show progress within, by the `Progress` that is given; at the end say each warning once, in one line."""
    monitor = Progress(path, afterwards)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", UserWarning)
        monitor.start()
        try:
            yield monitor
        finally:
            monitor.stop()
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        say(f"warning: {message}")
