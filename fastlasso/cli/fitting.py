"""From parsed arguments to a fit and back: the problem, the options, the judge, the files."""

from ..datasets import read_classified, read_dataset
from ..judge import verify
from ..losses.choose import SQUARED_ERROR, as_loss, loss_of
from ..plotting import matplotlib, save_figure
from ..selection.cross_validation import cross_validate_path
from ..selection.measures import checked_measure
from .arguments import LOSSES
from .column_sd import column_sd
from .common import UsageError
from .progress import progress


def cross_validated(data, name, cv, **options):
    """Return (the `PathCV` with its features named, the `Progress` that timed it)."""
    with progress(f"{name}: path", f"{name}: {cv}-fold cross-validation") as monitor:
        pathcv = cross_validate_path(data.X, data.y, cv=cv, callback=monitor, **options)
    pathcv.path.feature_names = named(data)
    pathcv.path.note_seconds(max(monitor.seconds.values(), default=0.0))    # the callback sees it, before the folds
    return pathcv, monitor


def problem_of(arguments, loss):
    """Return the `Dataset` of the file; the target of a classifier may be words."""
    loss = as_loss(loss)
    read = read_dataset if loss is None or not loss.is_classifier else read_classified
    return read(arguments.data, arguments.target, arguments.target_file)


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


def fit_options(arguments):
    """Return the arguments of `fit_path` that the command was given."""
    return {"loss": loss_asked(arguments), "alphas": arguments.alphas, "eps": arguments.eps,
            "l1_ratio": arguments.l1_ratio, "standardize": arguments.standardize,
            "fit_intercept": not arguments.no_intercept, "tol": arguments.tol, "n_threads": arguments.threads}


def named(data):
    """Return the names of the features as a path keeps them."""
    return None if data.feature_names is None else list(data.feature_names)


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
