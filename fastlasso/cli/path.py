"""`fastlasso path DATA`: a whole path."""

from ..path.fit import fit_path
from .arguments import add_data, add_loss, add_output, add_problem
from .as_json import print_json
from .exit_codes import exit_code, judged_code
from .fitting import (
    Interrupted,
    data_options,
    fit_options,
    interrupted,
    keeping,
    limits,
    named,
    need_matplotlib,
    problem_of,
    save,
    verified,
)
from .progress import progress
from .report import described, heading, strongest_at, summary, table


def add(commands):
    """Add the command to the parser."""
    path = commands.add_parser("path", help="fit a whole path to a file",
                               description="Fit an L1 path, or an elastic net's, at every alpha of a grid.")
    for group in (add_data, add_loss, add_problem, add_output):
        group(path)
    return path


def run(arguments):
    """Fit a path to a file, print and save it, and return the exit code."""
    need_matplotlib(arguments.plot)
    options = fit_options(arguments)
    data = problem_of(arguments, options["loss"])
    options |= data_options(arguments, data)
    try:
        with progress(f"{arguments.data}: path") as monitor, keeping(monitor, data):
            path = fit_path(data.X, data.y, **options, **limits(arguments), callback=monitor)
    except Interrupted as stop:
        path, seconds = stop.args
        report_path(arguments, data, path, seconds)
        return interrupted(arguments, path, data)
    path.feature_names = named(data)
    judged = verified(arguments, path, data, options)
    report_path(arguments, data, path, monitor.seconds, judged)
    save(arguments, path, None, data)
    return max(exit_code(path), judged_code(path, judged))


def report_path(arguments, data, path, seconds, judged=None):
    """Print a path: its table, its summary, and the strongest features at the choice of BIC."""
    if arguments.json:
        print_json(arguments, data, path, judged=judged)
        return
    print(heading(arguments.data, data, path.loss), table(path, seconds), summary(path, judged), sep="\n\n")
    if path.status == "interrupted" or not len(path):
        return
    if path.n_features > path.n_samples:
        print("\nBIC is for fewer features than samples: choose alpha by  fastlasso cv")
        return
    index = path.select("bic")
    print(f"\nBIC chooses {described(path, index)}.\n\n{strongest_at(path, index, data)}")
