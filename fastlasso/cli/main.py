"""The parser of the command, and its way out: the exit code and one line of what went wrong.

Results go to standard output, everything else to standard error. Exit codes: 0 every solution certified, 1 some not
certified to the tolerance asked for, 2 wrong usage, 3 unusable data, 130 interrupted.
"""

import argparse
import os
import sys

from .._version import __version__
from ..datasets.errors import ColumnError, TargetError
from . import convert, cv, demo, path, predict, show
from .exit_codes import BAD_DATA, CLOSED_PIPE, INTERRUPTED, USAGE, UsageError, say
from .hints import hinted, options_of

# The subcommands, in the order of the help. A module's name is the command's.
COMMANDS = (demo, path, cv, predict, show, convert)


def main(argv=None):
    """Run the command with these arguments (default: those of the process) and return its exit code."""
    options = set()
    try:
        arguments = parser().parse_args(argv)
        options = options_of(arguments.command)
        code = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except SystemExit as stop:          # argparse has said why
        return stop.code or 0
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:             # nobody reads on, as in `fastlasso demo | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except UsageError as error:
        return failed(error, USAGE)
    except (ValueError, TypeError, OSError, MemoryError) as error:
        return failed(*diagnosis(error, options))


def diagnosis(error, options):
    """Return (message, exit code) of an error of a command that has these options."""
    if isinstance(error, (TargetError, ColumnError)):
        return hinted(error, options), USAGE
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}", BAD_DATA
    return hinted(error, options) or "not enough memory", BAD_DATA


def failed(error, code):
    """Say what went wrong and return the exit code."""
    say(f"error: {error}")
    return code


def parser():
    """Return the argument parser."""
    top = argparse.ArgumentParser(prog="fastlasso", description="Certified L1-regularised regression.",
                                  epilog="Exit codes: 0 certified, 1 not certified to --tol, 2 usage, 3 bad data, "
                                         "130 interrupted.")
    top.add_argument("--version", action="version", version=f"fastlasso {__version__}")
    names = [module.__name__.rpartition(".")[2] for module in COMMANDS]
    commands = top.add_subparsers(required=True, metavar=" | ".join(names))
    for module in COMMANDS:
        command = module.add(commands)
        command.set_defaults(run=module.run, command=command)
    return top
