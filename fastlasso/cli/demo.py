"""`fastlasso demo`: three real data sets that come with the package."""

from ..datasets import load_debian_programs, load_debian_words, load_diabetes
from ..losses.choose import SQUARED_ERROR
from ..plotting import save_figure
from .arguments import picture_file
from .column_sd import column_sd
from .exit_codes import exit_code
from .fitting import cross_validated, need_matplotlib
from .report import heading, report_cv

# What the demo fits: (name, loader, eps, further options).
DEMOS = (("diabetes", load_diabetes, 1e-3, {}), ("Debian words", load_debian_words, 2e-3, {}),
         ("Debian programs", load_debian_programs, 4e-3, {"loss": "log_loss", "measure": "auc"}))


def add(commands):
    """Add the command to the parser."""
    demo = commands.add_parser("demo", help="fit three real data sets that come with fastlasso",
                               description="Fit three real data sets that come with fastlasso: path, cross-validation, "
                                           "strongest features.")
    demo.add_argument("--plot", type=picture_file, metavar="FILE.png", help="draw paths and cross-validation")
    return demo


def run(arguments):
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
