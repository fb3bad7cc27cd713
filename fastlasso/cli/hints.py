"""Ways out: which options a command has that would help, said after an error."""

import re

from ..datasets.errors import (
    EncodingError,
    IndexBaseError,
    MissingError,
    MissingRowError,
    RepeatedNameError,
    TargetError,
    UnnamedError,
    Utf16Error,
    WordsError,
)
from ..datasets.matching import ColumnCountError

# (kind of error, the options that a hint needs, the hint); the first whose options a command has is said.
HINTS = (
    (TargetError, ("--target", "--target-file"), "--target NAME|NUMBER or --target-file FILE"),
    (TargetError, ("--target",), "--target NAME|NUMBER"),
    (UnnamedError, ("--header",), "a first line of numbers names the columns on --header"),
    (MissingRowError, ("--na",), "--na drop leaves the rows out"),
    (MissingError, ("--na", "--drop"), "--na drop leaves the rows out, --na mean fills them in, --drop NAME leaves the "
                                       "column out"),
    (WordsError, ("--drop", "--one-hot", "--decimal"),
     "--drop NAME leaves a column out, --one-hot NAME makes columns of 0 and 1 of words, --decimal , reads 1,5"),
    (WordsError, ("--decimal",), "--decimal , reads 1,5"),
    (RepeatedNameError, ("--drop",), "--drop NUMBER leaves one of them out"),
    (Utf16Error, ("--encoding",), "--encoding utf-16"),
    (EncodingError, ("--encoding",), "--encoding latin-1, for one"),
    (IndexBaseError, ("--zero-based",), "--zero-based reads it"),
    (ColumnCountError, ("--target",), "--target NAME|NUMBER leaves one out"),
)


def hinted(error, options):
    """Return the message of an error, and the way out that the command with these options has."""
    for kind, needed, hint in HINTS:
        if isinstance(error, kind) and options.issuperset(needed):
            return f"{error} ({hint})"
    return str(error)


def options_of(command):
    """Return the options that a parser has, as its help says them."""
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", command.format_help()))
