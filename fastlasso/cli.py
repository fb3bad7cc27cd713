"""The `fastlasso` command: `demo` on shipped data, `path` and `cv` on a file or folder, `predict`, `convert`.

Results go to standard output, everything else to standard error. Exit codes: 0 every solution certified, 1 some not
certified to the tolerance asked for, 2 wrong usage, 3 unusable data, 130 interrupted.
"""

import argparse
import json
import math
import os
import sys
import threading
import time
import warnings
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import sparse

from ._version import __version__
from .datasets import (
    DataError,
    TargetError,
    load_debian_programs,
    load_debian_words,
    load_diabetes,
    read_classified,
    read_dataset,
    read_matrix,
)
from .datasets.convert import convert
from .datasets.readers import read_target
from .judge import verify
from .losses.choose import SQUARED_ERROR, as_loss, loss_of
from .matrices.base import Matrix
from .matrices.mapped import open_dataset
from .parallel import Pool
from .path.fit import fit_path
from .path.results import LassoPath
from .plotting import feature_label, matplotlib, save_figure
from .selection.cross_validation import cross_validate_path
from .selection.measures import checked_measure

# The exit codes; 141 is that of a command whose reader has closed the pipe.
CERTIFIED, NOT_CERTIFIED, USAGE, BAD_DATA, INTERRUPTED, CLOSED_PIPE = 0, 1, 2, 3, 130, 141

# Seconds of work before a terminal shows progress.
PATIENCE = 1.0

# Rows of a table, besides the choices of a cross-validation.
TABLE_ROWS = 11

# How many of the strongest features are named.
STRONGEST = 10

# Values of a dense X that a standard deviation takes at a time: 8 MB.
SD_BLOCK = 2**20

# What the demo fits: (name, loader, eps, further options).
DEMOS = (("diabetes", load_diabetes, 1e-3, {}), ("Debian words", load_debian_words, 2e-3, {}),
         ("Debian programs", load_debian_programs, 4e-3, {"loss": "log_loss", "measure": "auc"}))

# The losses by name, and the parameters of each.
LOSSES = {SQUARED_ERROR: (), "log_loss": (), "poisson": (), "gamma": (), "tweedie": ("power",),
          "negative_binomial": ("k",), "huber": ("delta",), "squared_hinge": ()}

# What a cross-validation is judged by: (its name in words, whether larger is better and 1 - error is shown).
MEASURES = {"mse": ("error", False), "mae": ("mae", False), "r2": ("R2", True), "deviance": ("deviance", False),
            "auc": ("AUC", True), "class": ("class error", False)}

# A grid point this near, relatively, is the alpha asked for: tables print four digits.
SAME_ALPHA = 1e-3

# The formats of a picture.
PICTURES = (".png", ".pdf", ".svg")


def main(argv=None):
    """Run the command with these arguments (default: those of the process) and return its exit code."""
    try:
        arguments = parser().parse_args(argv)
        code = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except SystemExit as stop:          # argparse has said why
        return stop.code or 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:             # nobody reads on, as in `fastlasso demo | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except UsageError as error:
        return failed(error, USAGE)
    except (ValueError, TypeError, OSError, MemoryError) as error:
        return failed(*diagnosis(error))


class UsageError(Exception):
    """The arguments ask for something that cannot be done."""


def diagnosis(error):
    """Return (message, exit code) of an error."""
    if isinstance(error, TargetError):
        return f"{error} (--target NAME|NUMBER or --target-file FILE)", USAGE
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}", BAD_DATA
    return str(error) or "not enough memory", BAD_DATA


def failed(error, code):
    """Say what went wrong and return the exit code."""
    say(f"error: {error}")
    return code


def say(message):
    """Write one line to standard error."""
    print("fastlasso:", " ".join(str(message).split()), file=sys.stderr)


def parser():
    """Return the argument parser."""
    top = argparse.ArgumentParser(prog="fastlasso", description="Certified L1-regularised regression.",
                                  epilog="Exit codes: 0 certified, 1 not certified to --tol, 2 usage, 3 bad data.")
    top.add_argument("--version", action="version", version=f"fastlasso {__version__}")
    commands = top.add_subparsers(required=True, metavar="demo | path | cv | predict | convert")
    demo = commands.add_parser("demo", help="fit three real data sets that come with fastlasso",
                               description="Fit three real data sets that come with fastlasso: path, cross-validation, "
                                           "strongest features.")
    demo.add_argument("--plot", type=picture_file, metavar="FILE.png", help="draw paths and cross-validation")
    demo.set_defaults(run=run_demo)
    path = commands.add_parser("path", help="fit a whole path to a file",
                               description="Fit an L1 path, or an elastic net's, at every alpha of a grid.")
    path.set_defaults(run=run_path)
    cv = commands.add_parser("cv", help="fit a path to a file and choose alpha by cross-validation",
                             description="Fit a path and choose alpha by cross-validation.")
    cv.add_argument("--folds", type=whole(2), default=10, metavar="K", help="number of folds (10)")
    cv.add_argument("--seed", type=whole(0), default=0, metavar="N", help="seed of the random folds (0)")
    cv.add_argument("--rule", choices=("min", "1se"), default="min",
                    help="lowest error, or sparsest within one standard error of it (min)")
    cv.add_argument("--measure", choices=tuple(MEASURES),
                    help="what the folds are judged by (mse under squared_error, else deviance)")
    cv.set_defaults(run=run_cv)
    add_predict(commands)
    add_convert(commands)
    for command in (path, cv):
        add_data(command)
        add_loss(command)
        add_problem(command)
        add_output(command)
    return top


def add_data(command):
    """Add the arguments that say where the data are."""
    command.add_argument("data", metavar="DATA",
                         help=".csv, .npy, .npz (scipy sparse), .mtx, .svm, .libsvm, or a folder made by convert")
    target = command.add_mutually_exclusive_group()
    target.add_argument("--target", metavar="NAME|NUMBER", help="target column; 1 is the first, -1 the last")
    target.add_argument("--target-file", metavar="FILE", help="target, one number per row: .csv, .txt, .npy, .npz")


def add_loss(command):
    """Add the arguments that say which loss is fitted."""
    command.add_argument("--loss", choices=tuple(LOSSES), default=SQUARED_ERROR, help="(squared_error)")
    command.add_argument("--power", type=float, help="of --loss tweedie, between 1 and 2 (1.5)")
    command.add_argument("--k", type=float, help="of --loss negative_binomial: variance = mean + mean^2 / k (1)")
    command.add_argument("--delta", type=float, help="of --loss huber: larger residuals count linearly (1.35)")


def add_predict(commands):
    """Add the command that predicts."""
    predict = commands.add_parser("predict", help="predict from a path that --out has saved",
                                  description="Predict the rows of a file from a path that --out has saved, one "
                                              "prediction per line.")
    predict.add_argument("model", metavar="PATH.npz", help="what `path` or `cv` has saved by --out")
    predict.add_argument("data", metavar="DATA", help="the columns of the fit: .csv, .npy, .npz, .mtx, .svm or .libsvm")
    predict.add_argument("--alpha", type=real(0, math.inf), required=True,
                         help="which solution: an alpha of the path, to the four digits that tables print")
    predict.add_argument("--kind", choices=("score", "mean", "class"), default="mean",
                         help="the score, the mean of y (a probability, an expected count), or the class (mean)")
    predict.add_argument("--target", metavar="NAME|NUMBER", help="a column of DATA to leave out")
    predict.set_defaults(run=run_predict)


def add_convert(commands):
    """Add the command that converts."""
    command = commands.add_parser("convert", help="write a file of any size to a folder that need not fit in memory",
                                  description="Write a file, some rows at a time, to a folder that is mapped: X need "
                                              "not fit in memory to be fitted.")
    command.add_argument("data", metavar="SRC", help=".svm, .libsvm, .mtx, .csv (also .gz), .npy, .npz (scipy sparse), "
                                                     ".parquet, .h5ad or .zarr")
    command.add_argument("folder", metavar="DEST", help="the folder to make; it must not exist")
    target = command.add_mutually_exclusive_group()
    target.add_argument("--target", metavar="NAME|NUMBER", help="target column, of obs for AnnData")
    target.add_argument("--target-file", metavar="FILE", help="target, one number per row: .csv, .txt, .npy, .npz")
    command.add_argument("--dtype", choices=("float32", "float64"), help="of the values (that of SRC)")
    command.add_argument("--layer", metavar="NAME", help="of AnnData, in place of its X")
    command.set_defaults(run=run_convert)


def add_problem(command):
    """Add the arguments that say what is fitted."""
    command.add_argument("--alphas", type=alphas, default=100, metavar="N|A,B,...",
                         help="number of alphas, or their values (100)")
    command.add_argument("--eps", type=real(0, 1, open_low=True), default=1e-3,
                         help="smallest alpha of the grid / largest (1e-3)")
    command.add_argument("--l1-ratio", type=real(0, 1), default=1.0, help="1 lasso, between elastic net, 0 ridge (1)")
    command.add_argument("--standardize", action="store_true", help="penalise columns as if their sd were 1")
    command.add_argument("--no-intercept", action="store_true")
    command.add_argument("--tol", type=real(0, math.inf), default=1e-6,
                         help="largest duality gap / objective of the empty model (1e-6)")
    command.add_argument("--verify", action="store_true", help="compute every gap once more, by code of its own")
    command.add_argument("--threads", type=whole(1), metavar="N", help="default: all cores")


def add_output(command):
    """Add the arguments that say what becomes of the result."""
    command.add_argument("--out", type=npz_file, metavar="FILE.npz", help="save the path; LassoPath.load reads it")
    command.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    command.add_argument("--plot", type=picture_file, metavar="FILE.png", help="draw the result")


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


def run_demo(arguments):
    """Fit the shipped data sets, print and perhaps draw the results, and return the exit code."""
    need_matplotlib(arguments.plot)
    pictures, codes = [], []
    for name, loader, eps, more in DEMOS:
        data = loader()
        pathcv = demonstrate(name, data, eps=eps, **more)
        pictures.append((f"{data.source}: {data.target_name}", pathcv.path, pathcv, column_sd(data.X)))
        codes.append(exit_code(pathcv.path, *pathcv.fold_paths))
    if arguments.plot:
        save_figure(arguments.plot, pictures)
    print(f"Drawn to {arguments.plot}." if arguments.plot else
          "To draw the paths and the cross-validation:  fastlasso demo --plot demo.png\n"
          "On your own data:                            fastlasso cv DATA.csv --target NAME")
    return max(codes)


def demonstrate(name, data, loss=SQUARED_ERROR, **options):
    """Fit, cross-validate and print one shipped data set; return the `PathCV`."""
    print(heading(name, data, loss), end="\n\n", flush=True)
    pathcv, monitor = cross_validated(data, name, cv=10, random_state=0, loss=loss, **options)
    print(report_cv(pathcv, monitor, data), end="\n\n\n", flush=True)
    return pathcv


def cross_validated(data, name, cv, **options):
    """Return (the `PathCV` with its features named, the `Progress` that timed it)."""
    with progress(f"{name}: path", f"{name}: {cv}-fold cross-validation") as monitor:
        pathcv = cross_validate_path(data.X, data.y, cv=cv, callback=monitor, **options)
    pathcv.path.feature_names = named(data)
    pathcv.path.note_seconds(max(monitor.seconds.values(), default=0.0))    # the callback sees it, before the folds
    return pathcv, monitor


def run_path(arguments):
    """Fit a path to a file, print and save it, and return the exit code."""
    need_matplotlib(arguments.plot)
    options = fit_options(arguments)
    data = problem_of(arguments, options["loss"])
    with progress(f"{arguments.data}: path") as monitor:
        path = fit_path(data.X, data.y, **options, callback=monitor)
    path.feature_names = named(data)
    judged = verified(arguments, path, data)
    report_path(arguments, data, path, monitor.seconds, judged)
    save(arguments, path, None, data)
    return max(exit_code(path), judged_code(path, judged))


def report_path(arguments, data, path, seconds, judged):
    """Print a path: its table, its summary, and the strongest features at the choice of BIC."""
    if arguments.json:
        print_json(arguments, data, path, judged=judged)
        return
    print(heading(arguments.data, data, path.loss), table(path, seconds), summary(path, judged), sep="\n\n")
    if path.n_features > path.n_samples:
        print("\nBIC is for fewer features than samples: choose alpha by  fastlasso cv")
        return
    index = path.select("bic")
    print(f"\nBIC chooses {described(path, index)}.\n\n{strongest_at(path, index, data)}")


def run_cv(arguments):
    """Cross-validate a path on a file, print and save it, and return the exit code."""
    need_matplotlib(arguments.plot)
    options = fit_options(arguments)
    need_measure(arguments.measure, options["loss"])
    data = problem_of(arguments, options["loss"])
    pathcv, monitor = cross_validated(data, arguments.data, arguments.folds, rule=arguments.rule,
                                      measure=arguments.measure, random_state=arguments.seed, **options)
    judged = verified(arguments, pathcv.path, data)
    if arguments.json:
        print_json(arguments, data, pathcv.path, pathcv, judged)
    else:
        print(heading(arguments.data, data, pathcv.path.loss), report_cv(pathcv, monitor, data, judged), sep="\n\n")
    save(arguments, pathcv.path, pathcv, data)
    return max(exit_code(pathcv.path, *pathcv.fold_paths), judged_code(pathcv.path, judged))


def run_predict(arguments):
    """Print predictions, one a line, and return the exit code."""
    path = LassoPath.load(arguments.model)
    fit = path.fit_at(nearest(path, arguments.alpha))
    if arguments.kind == "class" and fit.classes is None:
        raise UsageError(f"--kind class needs a path of two classes, {arguments.model} has loss {loss_name(path.loss)}")
    X = columns_of(arguments, path)
    for value in fit.predict(X, kind=arguments.kind).tolist():
        print(value)
    return CERTIFIED if fit.certified else NOT_CERTIFIED


def run_convert(arguments):
    """Convert a file to a folder, say what it holds, and return the exit code."""
    data = open_dataset(convert(arguments.data, arguments.folder, target=arguments.target,
                                target_file=arguments.target_file, dtype=arguments.dtype, layer=arguments.layer))
    n, p = data.X.shape
    target = "no target" if data.y is None else f"target: {data.target_name}"
    print(f"{arguments.folder}: {n:,} x {p:,}, {data.X.nnz:,} stored values, {data.X.nbytes:,} bytes, "
          f"{target}")
    return CERTIFIED


def nearest(path, alpha):
    """Return the index of the alpha asked for, to the digits that tables print; raise UsageError where it is none."""
    index = int(np.argmin(np.abs(path.alphas - alpha)))
    if abs(path.alphas[index] - alpha) > SAME_ALPHA * alpha:
        raise UsageError(f"alpha {alpha:g} is not on the path; the nearest is {path.alphas[index]:.6g}")
    return index


def columns_of(arguments, path):
    """Return the X to predict, its target column (or that of .svm) left out, its rows as wide as the path's."""
    X = read_matrix_of(arguments)
    n, p = X.shape
    if p < path.n_features and Path(arguments.data).suffix.lower() in (".svm", ".libsvm"):
        return sparse.csr_array((X.data, X.indices, X.indptr), shape=(n, path.n_features))
    if p != path.n_features:
        raise DataError(f"{arguments.data} has {p} columns, the path {path.n_features} "
                        "(--target NAME|NUMBER leaves one out)")
    return X


def read_matrix_of(arguments):
    """Return X of a file: all its columns, or all but the target."""
    if Path(arguments.data).is_dir():
        return open_dataset(arguments.data).X
    if arguments.target is not None:
        return read_classified(arguments.data, arguments.target).X
    return read_matrix(Path(arguments.data))[0]


def problem_of(arguments, loss):
    """Return the `Dataset` of the file; the target of a classifier may be words."""
    if Path(arguments.data).is_dir():
        return problem_of_folder(arguments)
    loss = as_loss(loss)
    read = read_dataset if loss is None or not loss.is_classifier else read_classified
    return read(arguments.data, arguments.target, arguments.target_file)


def problem_of_folder(arguments):
    """Return the `Dataset` of a folder that `convert` has made, with its own target or that of a file."""
    data = open_dataset(arguments.data)
    if arguments.target is not None:
        raise TargetError(f"{arguments.data}: the target of a folder is chosen by `fastlasso convert`, or")
    if arguments.target_file is not None:
        file = Path(arguments.target_file)
        return replace(data, y=read_target(file, data.X.shape[0], arguments.data), target_name=file.stem)
    if data.y is None:
        raise TargetError(f"{arguments.data} has no target")
    return data


def loss_asked(arguments):
    """Return the loss by name, or as an object where parameters are given; raise UsageError for those it has not."""
    parameters = {name: getattr(arguments, name) for name in ("power", "k", "delta")
                  if getattr(arguments, name) is not None}
    for name in parameters:
        if name not in LOSSES[arguments.loss]:
            owner = next(loss for loss, names in LOSSES.items() if name in names)
            raise UsageError(f"--{name} is for --loss {owner}, not for {arguments.loss}")
    if not LOSSES[arguments.loss]:
        return arguments.loss
    try:
        return loss_of(arguments.loss, **parameters)
    except ValueError as error:
        raise UsageError(error) from None


def loss_name(loss):
    """Return a loss in words: its name, and its parameters."""
    if loss == SQUARED_ERROR:
        return loss
    loss = as_loss(loss)
    given = ", ".join(f"{name} {value:g}" for name, value in loss.parameters.items())
    return f"{loss.name} ({given})" if given else loss.name


def need_measure(measure, loss):
    """Raise UsageError where a measure does not fit the loss: before any work."""
    try:
        checked_measure(measure, as_loss(loss), "--measure")
    except ValueError as error:
        raise UsageError(error) from None


def verified(arguments, path, data):
    """Return each gap as the judge computes it, in units of P(0), or None where nobody asked."""
    if not arguments.verify:
        return None
    options = {name: path.params[name] for name in ("l1_ratio", "fit_intercept", "standardize")}
    loss = {} if path.loss == SQUARED_ERROR else {"loss": path.loss}
    fits = [path.fit_at(k) for k in range(len(path))]
    return [verify(data.X, data.y, fit.coef, fit.intercept, alpha=fit.alpha, **options, **loss).relative_gap
            for fit in fits]


def judged_code(path, judged):
    """Return the exit code of the judge's gaps."""
    return CERTIFIED if judged is None or max(judged, default=0.0) <= path.tol else NOT_CERTIFIED


def fit_options(arguments):
    """Return the arguments of `fit_path` that the command was given."""
    return {"loss": loss_asked(arguments), "alphas": arguments.alphas, "eps": arguments.eps,
            "l1_ratio": arguments.l1_ratio, "standardize": arguments.standardize,
            "fit_intercept": not arguments.no_intercept, "tol": arguments.tol, "n_threads": arguments.threads}


def named(data):
    """Return the names of the features as a path keeps them."""
    return None if data.feature_names is None else list(data.feature_names)


def exit_code(*paths):
    """Return the exit code of some paths."""
    return CERTIFIED if all(path.certified.all() for path in paths) else NOT_CERTIFIED


def save(arguments, path, pathcv, data):
    """Write the files that were asked for."""
    if arguments.out:
        path.save(arguments.out)
    if arguments.plot:
        scale = None if arguments.standardize else column_sd(data.X)
        save_figure(arguments.plot, [(f"{data.source}: {data.target_name}", path, pathcv, scale)])


def need_matplotlib(wanted):
    """Raise UsageError where a picture is wanted and matplotlib is missing: before any work."""
    if wanted:
        try:
            matplotlib()
        except ImportError as error:
            raise UsageError(error) from None


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


def heading(name, data, loss=SQUARED_ERROR):
    """Return a few words about the data, and the loss where it is not squared error."""
    n, p = data.X.shape
    stored = f"sparse, {data.X.nnz:,} stored values" if sparse_X(data.X) else "dense"
    fitted = "" if loss == SQUARED_ERROR else f", loss: {loss_name(loss)}"
    source = f" ({data.source})" if data.source != Path(name).name else ""
    return f"{name}{source}: {n:,} samples x {p:,} features, {stored}\ntarget: {data.target_name}{fitted}"


def sparse_X(X):
    """Tell whether zeros of X are not stored."""
    return X.is_sparse if isinstance(X, Matrix) else sparse.issparse(X)


def table(path, seconds, pathcv=None):
    """Return about a dozen rows of the path, the cross-validation's choices always among them."""
    noted = {} if pathcv is None else notes(pathcv)
    shown = representative(len(path), noted)
    errors = () if pathcv is None else (f"CV {MEASURES[pathcv.measure][0]}", "std err")
    lines = [("alpha", "features", share_name(path), *errors, "gap / P(0)", "passes", "seconds")]
    lines += [row(path, seconds, pathcv, k) for k in shown]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    return "\n".join(f"  {line}  {noted.get(k, '')}".rstrip() for line, k in zip(text, [None, *shown], strict=True))


def row(path, seconds, pathcv, k):
    """Return the cells of one alpha's row."""
    error = () if pathcv is None else (digits(shown(pathcv, k), 5), digits(pathcv.standard_error[k], 3))
    return (digits(path.alphas[k], 4), f"{path.df[k]:,}", f"{path.r2[k]:.4f}", *error,
            f"{path.gaps[k] / (path.null_objective or 1.0):.1e}", f"{path.n_passes[k]:.1f}",
            f"{seconds.get(k, path.seconds):.4f}")


def share_name(path):
    """Return what the share of the deviance explained is called."""
    return "R2" if path.loss == SQUARED_ERROR else "dev ratio"


def shown(pathcv, k):
    """Return the mean held-out measure: the error, or the AUC or R2 that it is 1 minus."""
    error = pathcv.mean_error[k]
    return 1 - error if MEASURES[pathcv.measure][1] else error


def digits(value, n):
    """Return the value with n significant digits, zeros at the end included."""
    return f"{value:#.{n}g}".rstrip(".")


def notes(pathcv):
    """Return what is noted beside the rows of a cross-validation's choices: {index of the alpha: words}."""
    noted = {pathcv.index_1se: "<- one standard error"}
    noted[pathcv.best_index] = f"<- {best_words(pathcv, 'CV ')}" + (", 1se" if pathcv.best_index in noted else "")
    return noted


def best_words(pathcv, prefix=""):
    """Return "lowest error", "highest AUC" and the like."""
    name, larger_is_better = MEASURES[pathcv.measure]
    return f"{'highest' if larger_is_better else 'lowest'} {prefix}{name}"


def representative(n, always=()):
    """Return TABLE_ROWS indices spread over range(n), and those that are shown always."""
    rows = min(n, TABLE_ROWS)
    return sorted({round(k * (n - 1) / max(rows - 1, 1)) for k in range(rows)} | {int(k) for k in always})


def summary(path, judged=None):
    """Return a line about a path: its cost and its certificate; another where a judge has looked."""
    gap = max(path.gaps, default=0.0) / (path.null_objective or 1.0)
    certified = int(path.certified.sum())
    verdict = "all certified" if certified == len(path) else f"only {certified} certified"
    return (f"Path: {len(path)} alphas in {path.seconds:.3g} s, {path.n_passes[-1]:.1f} passes over X; "
            f"largest gap {gap:.1e} of P(0), asked for {path.tol:g}: {verdict}.") + judged_words(path, judged)


def judged_words(path, judged):
    """Return a line about the judge's gaps."""
    if judged is None:
        return ""
    within = sum(gap <= path.tol for gap in judged)
    return f"\nJudge: largest gap {max(judged, default=0.0):.1e} of P(0), {within} of {len(path)} within {path.tol:g}."


def described(path, index):
    """Return alpha and size of a solution in words."""
    n = path.df[index]
    return f"alpha = {path.alphas[index]:.4g} ({n:,} feature{'s' if n != 1 else ''})"


def report_cv(pathcv, monitor, data, judged=None):
    """Return the table, the choice of the cross-validation, and the strongest features at it."""
    return "\n\n".join([table(pathcv.path, monitor.seconds, pathcv), summary(pathcv.path, judged),
                        choice(pathcv, monitor.elapsed - pathcv.path.seconds),
                        strongest_at(pathcv.path, pathcv.index, data)])


def choice(pathcv, seconds):
    """Return both choices of a cross-validation in words."""
    folds = pathcv.errors.shape[1]
    return (f"{folds}-fold cross-validation in {seconds:.3g} s:\n"
            f"  {best_words(pathcv):<22}  {described(pathcv.path, pathcv.best_index)}\n"
            f"  one standard error      {described(pathcv.path, pathcv.index_1se)}")


def strongest_at(path, index, data):
    """Return a list of the features whose effect, coefficient x standard deviation of the column, is largest."""
    solution = path.fit_at(index)
    effects = solution.coef * column_sd(data.X)
    order = sorted(range(len(effects)), key=lambda j: -abs(effects[j]))[:STRONGEST]
    order = [j for j in order if effects[j] != 0]
    if not order:
        return "No feature is used."
    names = [label(path, j) for j in order]
    width, largest = max(map(len, names)), abs(effects[order[0]])
    lines = [f"  {name:<{width}}  {effects[j]:+10.4g}  {'#' * max(1, round(24 * abs(effects[j]) / largest))}"
             for name, j in zip(names, order, strict=True)]
    head = f"Strongest features at alpha = {solution.alpha:.4g} (coefficient x standard deviation of the column):"
    return "\n".join([head, *lines])


def label(path, j):
    """Return the name of column j."""
    return feature_label(path.feature_names, j)


def column_sd(X):
    """Return the population standard deviation of each column, of a dense X without a copy of it."""
    n, p = X.shape
    if isinstance(X, Matrix):
        with Pool() as pool:
            _, sums = X.moments(np.full(n, 1 / n), np.zeros(n), pool)
        return np.sqrt(np.maximum(sums[:, 1] - sums[:, 0] ** 2, 0.0))
    mean = np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()
    if sparse.issparse(X):
        return sparse_column_sd(sparse.csc_array(X, copy=True), mean)
    rows = max(1, SD_BLOCK // p)
    squares = sum(np.sum((np.asarray(X[at:at + rows]) - mean) ** 2, axis=0) for at in range(0, n, rows))
    return np.sqrt(squares / n)


def sparse_column_sd(X, mean):
    """Return the population standard deviation of each column of a CSC matrix with these means; duplicates are summed.

        n sd_j^2 = sum over stored (x_ij - mean_j)^2 + (values not stored) mean_j^2
    """
    X.sum_duplicates()
    stored = np.diff(X.indptr)
    column = np.repeat(np.arange(X.shape[1]), stored)
    squares = np.bincount(column, (X.data - mean[column]) ** 2, X.shape[1])
    return np.sqrt((squares + (X.shape[0] - stored) * mean**2) / X.shape[0])


def print_json(arguments, data, path, pathcv=None, judged=None):
    """Print everything about a path, and a cross-validation of it, as one JSON object."""
    result = {"data": data_facts(arguments, data), "loss": loss_facts(path), "options": path.params,
              "tol": path.tol, "status": path.status,
              "certified": exit_code(path, *(pathcv.fold_paths if pathcv else ())) == CERTIFIED,
              "null_objective": path.null_objective, "seconds": path.seconds,
              "path": [point(path, pathcv, k) for k in range(len(path))]}
    if pathcv is not None:
        result["cv"] = {"measure": pathcv.measure, "folds": arguments.folds, "seed": arguments.seed,
                        "rule": arguments.rule, "alpha_min": pathcv.alpha_min, "alpha_1se": pathcv.alpha_1se,
                        "alpha": pathcv.alpha, "index": pathcv.index}
    if judged is not None:
        result["judged_gaps"] = judged
    print(json.dumps(plain(result), allow_nan=False))


def loss_facts(path):
    """Return the loss by name, its parameters, and the classes of a classifier."""
    if path.loss == SQUARED_ERROR:
        return {"name": SQUARED_ERROR}
    loss = as_loss(path.loss)
    classes = {} if path.classes is None else {"classes": path.classes.tolist()}
    return {"name": loss.name, **loss.parameters, **classes}


def data_facts(arguments, data):
    """Return where the data come from, and their shape."""
    n, p = data.X.shape
    return {"file": arguments.data, "target": data.target_name, "n_samples": n, "n_features": p}


def point(path, pathcv, k):
    """Return everything about one alpha; the coefficients are those that are not zero, by name."""
    part = slice(path.coefs.indptr[k], path.coefs.indptr[k + 1])
    coef = {label(path, j): value for j, value in zip(path.coefs.indices[part], path.coefs.data[part], strict=True)}
    facts = {"alpha": path.alphas[k], "n_features": path.df[k],
             "r2" if path.loss == SQUARED_ERROR else "deviance_ratio": path.r2[k], "gap": path.gaps[k],
             "certified": path.certified[k], "n_passes": path.n_passes[k], "intercept": path.intercepts[k]}
    if pathcv is not None:
        facts |= {"cv_error": pathcv.mean_error[k], "cv_standard_error": pathcv.standard_error[k]}
    return facts | {"coef": coef}


def plain(value):
    """Return the value in JSON's own types; numbers that are not finite become null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
