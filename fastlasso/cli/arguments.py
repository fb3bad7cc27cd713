"""The arguments that several commands have, and the parsers of their values."""

import argparse
import math
from pathlib import Path

from ..datasets.readers import TABLES
from ..datasets.reading import NA
from ..losses.choose import SQUARED_ERROR

# The losses by name, and the parameters of each.
LOSSES = {SQUARED_ERROR: (), "log_loss": (), "poisson": (), "gamma": (), "tweedie": ("power",),
          "negative_binomial": ("k",), "huber": ("delta",), "squared_hinge": ()}

# What a file of data may be.
FORMATS = (".csv, .tsv, .npy, .npz (scipy sparse), .mtx, .svm, .parquet or .feather, each also with .gz; "
           "- is standard input")

# Names of separators that a shell does not like.
SEPARATORS = {"tab": "\t", "\\t": "\t", "blank": " ", "space": " ", "comma": ",", "semicolon": ";"}

# The formats of a picture.
PICTURES = (".png", ".pdf", ".svg")


def add_data(command):
    """Add the arguments that say where the data are."""
    command.add_argument("data", metavar="DATA", help=FORMATS)
    target = command.add_mutually_exclusive_group()
    target.add_argument("--target", metavar="NAME|NUMBER", help="target column; 1 is the first, -1 the last")
    target.add_argument("--target-file", metavar="FILE", help="target, one number per row: .csv, .txt, .npy, .npz")
    group = command.add_argument_group("columns", "COL is a name or a number; several are separated by commas.")
    group.add_argument("--columns", action="append", default=[], metavar="COL,...", help="the features; default: all")
    group.add_argument("--drop", action="append", default=[], metavar="COL,...", help="leave these out")
    group.add_argument("--id", metavar="COL", help="names the rows; no feature")
    group.add_argument("--one-hot", action="append", default=[], metavar="COL,...",
                       help="a column of 0 and 1 for each value")
    group.add_argument("--weights", metavar="COL|FILE", help="weights of the rows")
    group.add_argument("--offset", metavar="COL|FILE", help="known part of the score")
    group.add_argument("--na", choices=NA, default="error",
                       help="missing values: refuse, leave the row out, or take the column's mean (error)")
    add_text(command)


def add_text(command):
    """Add the arguments that say how a file is read."""
    group = command.add_argument_group("how DATA is read")
    group.add_argument("--sep", type=separator, metavar="CHAR", help="between fields: , ; tab blank (looks)")
    group.add_argument("--decimal", choices=(".", ","), default=".", help="decimal mark (.)")
    group.add_argument("--encoding", default="utf-8", metavar="NAME", help="(utf-8)")
    group.add_argument("--header", action=argparse.BooleanOptionalAction, help="the first line names columns (looks)")
    group.add_argument("--format", choices=tuple(suffix[1:] for suffix in TABLES),
                       help="in place of the file's suffix; csv on standard input")
    group.add_argument("--zero-based", action="store_true", help="svmlight files count columns from 0")


def add_loss(command):
    """Add the arguments that say which loss is fitted."""
    command.add_argument("--loss", choices=tuple(LOSSES), default=SQUARED_ERROR, help="(squared_error)")
    command.add_argument("--power", type=float, help="of --loss tweedie, between 1 and 2 (1.5)")
    command.add_argument("--k", type=float, help="of --loss negative_binomial: variance = mean + mean^2 / k (1)")
    command.add_argument("--delta", type=float, help="of --loss huber: larger residuals count linearly (1.35)")


def add_problem(command):
    """Add the arguments that say what is fitted."""
    command.add_argument("--alphas", type=alphas, default=100, metavar="N|A,B,...",
                         help="number of alphas, or their values (100)")
    command.add_argument("--eps", type=real(0, 1, open_low=True), default=1e-3,
                         help="smallest alpha of the grid / largest (1e-3)")
    command.add_argument("--l1-ratio", type=real(0, 1), default=1.0, help="1 lasso, between elastic net, 0 ridge (1)")
    command.add_argument("--penalty-factor", metavar="COL=V,...|FILE",
                         help="penalty of single columns, 0 for none; or a file of one number per column")
    command.add_argument("--positive", action="store_true", help="no coefficient below 0")
    command.add_argument("--dfmax", type=whole(0), metavar="N", help="end the path before more than N features")
    command.add_argument("--max-r2", type=real(0, 1), metavar="SHARE",
                         help="end the path once it explains more of the variance or deviance")
    command.add_argument("--standardize", action="store_true", help="penalise columns as if their sd were 1")
    command.add_argument("--no-intercept", action="store_true")
    command.add_argument("--tol", type=real(0, math.inf), default=1e-6,
                         help="largest duality gap / objective of the empty model (1e-6)")
    command.add_argument("--verify", action="store_true", help="compute every gap once more, by code of its own")
    command.add_argument("--threads", type=whole(1), metavar="N", help="default: all cores")


def add_output(command):
    """Add the arguments that say what becomes of the result."""
    command.add_argument("--out", type=npz_file, metavar="FILE.npz",
                         help="save the result for predict and show; fastlasso.load reads it")
    command.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    command.add_argument("--plot", type=picture_file, metavar="FILE.png", help="draw the result")


def separator(text):
    """Parse what is between fields."""
    mark = SEPARATORS.get(text, text)
    if len(mark) != 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not one character, nor tab, blank, comma or semicolon")
    return mark


def real(low, high, open_low=False):
    """Return a parser of numbers in [low, high], or in (low, high]."""
    def number(text):
        value = float(text)
        if not low <= value <= high or (open_low and value == low):
            raise argparse.ArgumentTypeError(f"{text} is not in {'(' if open_low else '['}{low}, {high}]")
        return value
    return number


def whole(low):
    """Return a parser of whole numbers >= low."""
    def number(text):
        value = int(text)
        if value < low:
            raise argparse.ArgumentTypeError(f"{text} is less than {low}")
        return value
    return number


def alphas(text):
    """Parse a count or a comma-separated list of values: "100" is a count, "0.5" and "100," are lists."""
    if text.strip().isdecimal():
        return whole(1)(text)
    values = [real(0, math.inf)(part) for part in text.split(",") if part.strip()]
    if not values or any(math.isinf(value) for value in values):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a count nor a list of finite numbers")
    return values


def output_file(text, suffixes):
    """Parse the path of a file to write, in a folder that is there."""
    file = Path(text)
    if file.suffix.lower() not in suffixes:
        raise argparse.ArgumentTypeError(f"{text} does not end in {' or '.join(suffixes)}")
    if not file.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {file.parent}")
    return file


def npz_file(text):
    """Parse the path of a .npz to write."""
    return output_file(text, (".npz",))


def picture_file(text):
    """Parse the path of a picture to write."""
    return output_file(text, PICTURES)
