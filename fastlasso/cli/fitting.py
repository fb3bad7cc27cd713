"""From parsed arguments to a fit and back: the problem, the options, the judge, the files."""

from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from ..datasets import DataError, Reading, read_classified, read_dataset
from ..datasets.errors import TargetError, some
from ..datasets.readers import read_vector
from ..datasets.source import Source
from ..judge import verify
from ..losses.choose import as_loss, loss_of
from ..matrices.mapped import open_dataset
from ..plotting import matplotlib, save_figure
from ..selection.cross_validation import cross_validate_path
from ..selection.measures import checked_measure
from .arguments import LOSSES
from .column_sd import column_sd
from .exit_codes import INTERRUPTED, UsageError, say
from .model_file import recipe_of, write_model
from .progress import progress


def cross_validated(data, name, cv, **options):
    """Return (the `PathCV` with its features named, the `Progress` that timed it).

    Raises
    ------
    Interrupted
        On Ctrl-C, where a part of the path on all rows is certified.
    """
    with progress(f"{name}: path", f"{name}: {cv}-fold cross-validation") as monitor, keeping(monitor, data):
        pathcv = cross_validate_path(data.X, data.y, cv=cv, groups=data.groups, callback=monitor, **options)
    pathcv.path.feature_names = named(data)
    pathcv.path.note_seconds(max(monitor.seconds.values(), default=0.0))    # the callback sees it, before the folds
    return pathcv, monitor


class Interrupted(KeyboardInterrupt):
    """Ctrl-C; its arguments are the path so far, which has at least one alpha, and the seconds of each alpha."""


@contextmanager
def keeping(monitor, data):
    """Within the context Ctrl-C raises `Interrupted` with the path so far, where there is one."""
    try:
        yield
    except KeyboardInterrupt:
        path = None if monitor.state is None else monitor.state.path()
        if path is None or not len(path):
            raise
        path.feature_names = named(data)
        path.note_seconds(max(monitor.seconds.values()))
        raise Interrupted(path, monitor.seconds) from None


def interrupted(arguments, path, data):
    """Save the path so far, say so, and return the exit code."""
    save(arguments, path, None, data)
    kept = f", saved to {arguments.out}" if arguments.out else "; --out FILE.npz would have saved them"
    say(f"interrupted: {len(path)} alphas kept, {int(path.certified.sum())} of them certified{kept}")
    return INTERRUPTED


def problem_of(arguments, loss):
    """Return the `Dataset` of the file or folder; the target of a classifier may be words."""
    if Path(arguments.data).is_dir():
        return problem_of_folder(arguments)
    loss = as_loss(loss)
    read = read_dataset if loss is None or not loss.is_classifier else read_classified
    data = read(arguments.data, arguments.target, arguments.target_file, reading_of(arguments))
    say_notes(data)
    return data


def problem_of_folder(arguments):
    """Return the `Dataset` of a folder that `convert` has made, with its own target or that of a file."""
    data = open_dataset(arguments.data)
    if reading_of(arguments) != Reading() or arguments.target is not None:
        raise UsageError(f"{arguments.data} is a folder: of the options about columns it takes --target-file alone")
    if arguments.target_file is not None:
        file = Path(arguments.target_file)
        return replace(data, y=read_vector(Source(file)), target_name=file.stem)
    if data.y is None:
        raise TargetError(f"{arguments.data} has no target")
    return data


def reading_of(arguments):
    """Return how the command was asked to read its file."""
    given = vars(arguments)
    return Reading(**{item.name: tuple(given[item.name]) if isinstance(given[item.name], list) else given[item.name]
                      for item in fields(Reading) if item.name in given})


def say_notes(data):
    """Say what was left out of the data."""
    for note in data.notes:
        say(f"note: {note}")


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


def need_measure(measure, loss, name, otherwise=None):
    """Raise UsageError where a measure does not fit the loss, or for the reason `otherwise`: before any work."""
    if otherwise:
        raise UsageError(f"{name} {otherwise}")
    try:
        checked_measure(measure, as_loss(loss), name)
    except ValueError as error:
        raise UsageError(error) from None


def verified(arguments, path, data, options):
    """Return each gap as the judge computes it, in units of P(0), or None where nobody asked.

    Ctrl-C ends that alone: the gaps so far are returned.
    """
    if not arguments.verify:
        return None
    options = {name: value for name, value in options.items()
               if name not in ("alphas", "eps", "tol", "n_threads", "dfmax", "max_r2")}
    fits = [path.fit_at(k) for k in range(len(path))]
    gaps = []
    try:
        for fit in fits:
            judged = verify(data.X, data.y, fit.coef, fit.intercept, alpha=fit.alpha, **options)
            gaps.append(judged.relative_gap)
    except KeyboardInterrupt:
        say(f"interrupted: {len(gaps)} of {len(path)} solutions verified")
    return gaps


def fit_options(arguments):
    """Return the arguments of `fit_path` that the command was given, but for those about rows and columns."""
    return {"loss": loss_asked(arguments), "alphas": arguments.alphas, "eps": arguments.eps,
            "l1_ratio": arguments.l1_ratio, "standardize": arguments.standardize,
            "fit_intercept": not arguments.no_intercept, "tol": arguments.tol, "n_threads": arguments.threads,
            **({"lower": 0.0} if arguments.positive else {})}


def data_options(arguments, data):
    """Return the arguments of `fit_path` about rows and columns."""
    factors = None if arguments.penalty_factor is None else factors_of(arguments.penalty_factor, data)
    given = {"sample_weight": data.weights, "offset": data.offset, "penalty_factor": factors}
    return {name: value for name, value in given.items() if value is not None}


def limits(arguments):
    """Return the arguments of `fit_path` that end a path early."""
    return {"dfmax": arguments.dfmax, "max_r2": arguments.max_r2}


def factors_of(text, data):
    """Return the penalty factors of all columns from "NAME=V,..." or a file of one number per column."""
    p = data.X.shape[1]
    if "=" not in text:
        factors = read_vector(Source(text))
        if len(factors) != p:
            raise DataError(f"{text} has {len(factors)} penalty factors, X has {p} columns")
        return factors
    factors, place = np.ones(p), {name: j for j, name in enumerate(data.feature_names or ())}
    for part in text.split(","):
        name, _, value = part.rpartition("=")
        words = (data.categories or {}).get(name.strip())
        names = [name.strip()] if words is None else [f"{name.strip()}={word}" for word in words]
        if not all(one in place for one in names):
            raise UsageError(f"--penalty-factor: there is no column {name.strip()!r}; features are "
                             f"{some(data.feature_names or ())}")
        factors[[place[one] for one in names]] = factor(value)
    return factors


def factor(text):
    """Return a penalty factor from text."""
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--penalty-factor: {text!r} is not a number") from None


def named(data):
    """Return the names of the features as a path keeps them."""
    return None if data.feature_names is None else list(data.feature_names)


def save(arguments, path, pathcv, data):
    """Write the files that were asked for."""
    if arguments.out:
        write_model(arguments.out, path if pathcv is None else pathcv, getattr(arguments, "seed", None),
                    recipe_of(arguments, data))
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
