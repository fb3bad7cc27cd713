"""Exit codes, and what goes to standard error."""

import sys

# The exit codes; 141 is that of a command whose reader has closed the pipe.
CERTIFIED, NOT_CERTIFIED, USAGE, BAD_DATA, INTERRUPTED, CLOSED_PIPE = 0, 1, 2, 3, 130, 141


class UsageError(Exception):
    """The arguments ask for something that cannot be done."""


def say(message):
    """Write one line to standard error."""
    print("fastlasso:", " ".join(str(message).split()), file=sys.stderr)


def exit_code(*paths):
    """Return the exit code of some paths."""
    return CERTIFIED if all(path.certified.all() for path in paths) else NOT_CERTIFIED


def judged_code(path, judged):
    """Return the exit code of the judge's gaps."""
    if judged is not None and len(judged) < len(path):
        return INTERRUPTED
    return CERTIFIED if judged is None or max(judged, default=0.0) <= path.tol else NOT_CERTIFIED
