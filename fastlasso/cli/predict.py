"""`fastlasso predict MODEL DATA`: predictions from a saved path."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..datasets.matching import read_like
from ..matrices.mapped import open_dataset
from ..path.targets import TargetPaths
from .arguments import FORMATS, add_text, output_file
from .choosing import add_choice, chosen
from .exit_codes import CERTIFIED, NOT_CERTIFIED, UsageError
from .fitting import reading_of, say_notes
from .model_file import read_model
from .report import loss_name


def add(commands):
    """Add the command to the parser."""
    predict = commands.add_parser("predict", help="predict from what --out or `save` has written",
                                  description="Predict the rows of a table from what `path` or `cv` has saved by "
                                              "--out, one prediction per line. Columns are found by their names where "
                                              "both files have names, else by their places.")
    predict.add_argument("model", metavar="MODEL.npz",
                         help="what `path` or `cv` has saved by --out, or any result of the library")
    predict.add_argument("data", metavar="DATA", help=FORMATS)
    add_choice(predict)
    predict.add_argument("--kind", choices=("score", "mean", "class"), default="mean",
                         help="the score, the mean of y (a probability, an expected count), or the class (mean)")
    predict.add_argument("--target", metavar="NAME|NUMBER", help="a column of DATA that is no feature")
    predict.add_argument("--id", metavar="COL", help="names the rows; printed before each prediction")
    predict.add_argument("--offset", metavar="COL|FILE", help="known part of the score (the column of the fit)")
    predict.add_argument("--out", type=csv_file, metavar="FILE.csv", help="write a table; nothing is printed")
    add_text(predict)
    return predict


def csv_file(text):
    """Parse the path of a table to write."""
    return output_file(text, (".csv", ".tsv"))


def run(arguments):
    """Print or write predictions, and return the exit code."""
    model = read_model(arguments.model)
    fits = chosen(arguments, model)
    if arguments.kind == "class" and fits[0].classes is None:
        raise UsageError(f"--kind class needs a path of two classes, {arguments.model} has loss "
                         f"{loss_name(fits[0].loss)}")
    data = rows_of(arguments, model, fits[0])
    say_notes(data)
    columns = [] if data.ids is None else [np.asarray(data.ids).tolist()]
    columns += [fit.predict(data.X, offset=data.offset, kind=arguments.kind).tolist() for fit in fits]
    if arguments.out:
        write_table(arguments.out, columns, names_of(arguments, model, data.ids))
    else:
        for row in zip(*columns, strict=True):
            print(*row, sep=",")
    return CERTIFIED if all(fit.certified for fit in fits) else NOT_CERTIFIED


def names_of(arguments, model, ids):
    """Return the header of a table of predictions."""
    several = [arguments.kind]
    if isinstance(model.result, TargetPaths):
        several = model.result.target_names or [f"{arguments.kind} {k}" for k in range(len(model.result))]
    return several if ids is None else [arguments.id, *several]


def rows_of(arguments, model, fit):
    """Return the `Dataset` to predict: the columns of the fit, and its offset."""
    if Path(arguments.data).is_dir():
        return open_dataset(arguments.data)
    recipe = model.recipe
    how = reading_of(arguments)
    offset = how.offset or recipe.get("offset")
    if recipe.get("offset") and arguments.offset is None and not is_name(recipe["offset"]):
        raise UsageError(f"the fit had its offset from {recipe['offset']}: say by --offset COL|FILE which it is here")
    how = replace(how, offset=offset, categories=recipe.get("categories", {}), means=recipe.get("means", {}),
                  na="mean" if recipe.get("means") else "error",
                  zero_based=how.zero_based or recipe.get("zero_based", False))
    return read_like(arguments.data, model.result.feature_names, fit.n_features, how, arguments.target)


def is_name(offset):
    """Whether an offset was the name of a column, rather than a number or a file, which may be another one here."""
    return not re.fullmatch("-?[0-9]+", offset) and not Path(offset).is_file()


def write_table(file, columns, names):
    """Write predictions below a header, after the names of the rows where there are any."""
    with open(file, "w", newline="", encoding="utf-8") as out:
        table = csv.writer(out, delimiter="\t" if file.suffix.lower() == ".tsv" else ",", lineterminator="\n")
        table.writerow(names)
        table.writerows(zip(*columns, strict=True))
