"""`fastlasso predict MODEL DATA`: predictions from a saved path."""

import math
from pathlib import Path

import numpy as np
from scipy import sparse

from ..datasets import DataError, read_classified, read_matrix
from ..path.results import LassoPath
from .arguments import real
from .common import CERTIFIED, NOT_CERTIFIED, UsageError
from .report import loss_name

# A grid point this near, relatively, is the alpha asked for: tables print four digits.
SAME_ALPHA = 1e-3


def add(commands):
    """Add the command to the parser."""
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
    predict.set_defaults(run=run)


def run(arguments):
    """Print predictions, one a line, and return the exit code."""
    path = LassoPath.load(arguments.model)
    fit = path.fit_at(nearest(path, arguments.alpha))
    if arguments.kind == "class" and fit.classes is None:
        raise UsageError(f"--kind class needs a path of two classes, {arguments.model} has loss {loss_name(path.loss)}")
    X = columns_of(arguments, path)
    for value in fit.predict(X, kind=arguments.kind).tolist():
        print(value)
    return CERTIFIED if fit.certified else NOT_CERTIFIED


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
    if arguments.target is not None:
        return read_classified(arguments.data, arguments.target).X
    return read_matrix(Path(arguments.data))[0]
