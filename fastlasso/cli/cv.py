"""`fastlasso cv DATA`: a path, and alpha by cross-validation."""

from .arguments import add_data, add_loss, add_output, add_problem, whole
from .as_json import print_json
from .common import exit_code, judged_code
from .fitting import cross_validated, fit_options, need_matplotlib, need_measure, problem_of, save, verified
from .report import MEASURES, heading, report_cv


def add(commands):
    """Add the command to the parser."""
    cv = commands.add_parser("cv", help="fit a path to a file and choose alpha by cross-validation",
                             description="Fit a path and choose alpha by cross-validation.")
    cv.add_argument("--folds", type=whole(2), default=10, metavar="K", help="number of folds (10)")
    cv.add_argument("--seed", type=whole(0), default=0, metavar="N", help="seed of the random folds (0)")
    cv.add_argument("--rule", choices=("min", "1se"), default="min",
                    help="lowest error, or sparsest within one standard error of it (min)")
    cv.add_argument("--measure", choices=tuple(MEASURES),
                    help="what the folds are judged by (mse under squared_error, else deviance)")
    cv.set_defaults(run=run)
    for group in (add_data, add_loss, add_problem, add_output):
        group(cv)


def run(arguments):
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
