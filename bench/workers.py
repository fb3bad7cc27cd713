"""The suite's side of a worker: start it, ask it, and end it when it takes too long."""
import contextlib
import json
import os
import pathlib
import selectors
import signal
import subprocess

from .machine import with_threads


class WorkerFailed(Exception):
    """A rival raised, died or ran over its time; the text says which."""


class RemoteRival:
    """A rival in a process of its own.

    Parameters
    ----------
    name : str
        File name of the rival.
    python : str
        Its interpreter.
    n_threads : int
    log : path
        Where its standard error goes.
    package : path, optional
        Folder whose package is imported instead of the installed one.
    """

    def __init__(self, name, python, n_threads, log, package=None):
        self.name, self.python, self.n_threads, self.log, self.package = name, python, n_threads, log, package
        self.process = None

    def start(self):
        """Start the process with the same number of threads for every library."""
        environment = with_threads(self.n_threads)
        environment.pop("PYTHONPATH", None)
        if self.package:
            environment["PYTHONPATH"] = str(self.package)
        script = pathlib.Path(__file__).with_name("worker.py")
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [self.python, str(script), self.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                text=True, env=environment, start_new_session=True,
            )

    def ask(self, limit, **command):
        """Send a command and return its answer; raise WorkerFailed after `limit` seconds or at an error."""
        if self.process is None:
            self.start()
        try:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
            answer = json.loads(self._line(limit))
        except (BrokenPipeError, ValueError):
            self.stop()
            raise WorkerFailed("the worker died, see its log") from None
        if "error" in answer:
            raise WorkerFailed(answer["error"])
        return answer

    def _line(self, limit):
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(limit):
                self.stop()
                raise WorkerFailed(f"more than {limit:g} s")
        return self.process.stdout.readline()

    def stop(self):
        """End the process, if any, and those that it started, which would go on and disturb the timings that follow."""
        if self.process is not None:
            with self.process:      # closes its pipes and waits for it
                if hasattr(os, "killpg"):
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(self.process.pid, signal.SIGKILL)
                else:
                    self.process.kill()
            self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
