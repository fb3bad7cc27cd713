"""`fastlasso cv DATA`: a path, and alpha by cross-validation."""

from ..path.fit import fit_path
from .arguments import add_data, add_loss, add_output, add_problem, whole
from .as_json import print_json
from .exit_codes import UsageError, exit_code, judged_code
from .fitting import (
    Interrupted,
    cross_validated,
    data_options,
    fit_options,
    interrupted,
    keeping,
    limits,
    need_matplotlib,
    need_measure,
    problem_of,
    save,
    verified,
)
from .path import report_path
from .progress import progress
from .report import MEASURES, heading, report_cv

# scikit-learn's names of what the folds are judged by.
SCORINGS = {"neg_mean_squared_error": "mse", "neg_mean_absolute_error": "mae", "r2": "r2", "roc_auc": "auc",
            "accuracy": "class", "neg_log_loss": "deviance", "neg_mean_poisson_deviance": "deviance",
            "neg_mean_gamma_deviance": "deviance"}

# The loss whose deviance a name stands for.
DEVIANCE_OF = {"neg_log_loss": "log_loss", "neg_mean_poisson_deviance": "poisson", "neg_mean_gamma_deviance": "gamma"}


def add(commands):
    """Add the command to the parser."""
    cv = commands.add_parser("cv", help="fit a path to a file and choose alpha by cross-validation",
                             description="Fit a path and choose alpha by cross-validation.")
    cv.add_argument("--folds", type=whole(2), default=10, metavar="K", help="number of folds (10)")
    cv.add_argument("--seed", type=whole(0), default=0, metavar="N", help="seed of the random folds (0)")
    cv.add_argument("--groups", metavar="COL|FILE", help="rows of one group stay in one fold; qid for svmlight queries")
    cv.add_argument("--rule", choices=("min", "1se"), default="min",
                    help="lowest error, or sparsest within one standard error of it (min)")
    measure = cv.add_mutually_exclusive_group()
    measure.add_argument("--measure", choices=tuple(MEASURES),
                         help="what the folds are judged by (mse under squared_error, else deviance)")
    measure.add_argument("--scoring", choices=tuple(SCORINGS), help="the same by scikit-learn's names")
    for group in (add_data, add_loss, add_problem, add_output):
        group(cv)
    return cv


def run(arguments):
    """Cross-validate a path on a file, print and save it, and return the exit code."""
    need_matplotlib(arguments.plot)
    options = fit_options(arguments)
    measure = measure_asked(arguments, options["loss"])
    data = problem_of(arguments, options["loss"])
    options |= data_options(arguments, data)
    try:
        options["alphas"] = alphas_within(arguments, data, options)
        pathcv, monitor = cross_validated(data, arguments.data, arguments.folds, rule=arguments.rule, measure=measure,
                                          random_state=arguments.seed, **options)
    except Interrupted as stop:
        path, seconds = stop.args
        report_path(arguments, data, path, seconds)
        return interrupted(arguments, path, data)
    judged = verified(arguments, pathcv.path, data, options)
    if arguments.json:
        print_json(arguments, data, pathcv.path, pathcv, judged)
    else:
        print(heading(arguments.data, data, pathcv.path.loss), report_cv(pathcv, monitor, data, judged), sep="\n\n")
    save(arguments, pathcv.path, pathcv, data)
    return max(exit_code(pathcv.path, *pathcv.fold_paths), judged_code(pathcv.path, judged))


def measure_asked(arguments, loss):
    """Return the measure that was asked for by one of its names; raise UsageError where it does not fit the loss."""
    if arguments.scoring is None:
        need_measure(arguments.measure, loss, "--measure")
        return arguments.measure
    measure, owner = SCORINGS[arguments.scoring], DEVIANCE_OF.get(arguments.scoring, arguments.loss)
    need_measure(measure, loss, "--scoring",
                 f"{arguments.scoring} is for --loss {owner}" if owner != arguments.loss else None)
    return measure


def alphas_within(arguments, data, options):
    """Return the alphas that a path reaches before --dfmax or --max-r2 end it; without these, as they were given."""
    ends = limits(arguments)
    if all(end is None for end in ends.values()):
        return options["alphas"]
    with progress(f"{arguments.data}: alphas") as monitor, keeping(monitor, data):
        alphas = fit_path(data.X, data.y, **options, **ends, callback=monitor).alphas
    if not len(alphas):
        raise UsageError(f"--dfmax {arguments.dfmax} leaves no alpha: more columns than that have no penalty")
    return alphas
