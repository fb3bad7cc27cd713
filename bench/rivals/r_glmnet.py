"""R's glmnet through Rscript: data and answers go through files, the clock runs inside R."""
import json
import pathlib
import subprocess
import tempfile

import numpy as np
import scipy.sparse

from ._storage import as_csc, fold_numbers

NAME = "glmnet (R)"
COMMAND = "Rscript"
PACKAGE = "numpy"
REQUIRES = ("numpy", "scipy")
VERSION = ""
DEFAULT_TOL = 1e-7
LOSSES = ("squared_error", "log_loss", "poisson")
FAMILIES = {"squared_error": "gaussian", "log_loss": "binomial", "poisson": "poisson"}
SLOPE = 1.8
NOTES = "glmnet(standardize=FALSE), explicit lambda; timed inside R; start of R, files and dgCMatrix not timed"
SCRIPT = pathlib.Path(__file__).with_name("glmnet.R")


class Stored:
    """X and y as binary files that R reads."""

    def __init__(self, X, y):
        self.folder = tempfile.TemporaryDirectory()
        self.shape, self.sparse = X.shape, scipy.sparse.issparse(X)
        parts = {"x": X.data, "i": X.indices, "p": X.indptr} if self.sparse else {"x": X.T}
        for name, values in {**parts, "y": y}.items():
            kind = np.int32 if name in "ip" else np.float64
            np.ascontiguousarray(values, dtype=kind).tofile(self.path(name))

    def path(self, name):
        """Return the name of one file."""
        return pathlib.Path(self.folder.name) / name


def prepare(X, y):
    """Write X and y for R; a sparse X by columns."""
    return Stored(*as_csc(X, y)), y


def version():
    """Return the version of R's package; raise RuntimeError with what R says where there is none."""
    return _run("-e", "cat(as.character(packageVersion('glmnet')))")


def _run(*arguments):
    done = subprocess.run([COMMAND, "--vanilla", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(" ".join(done.stderr.split())[-250:])
    return done.stdout


def _ask(X, alphas, tol, folds, loss):
    np.asarray(alphas, dtype=np.float64).tofile(X.path("lambda"))
    np.asarray(folds, dtype=np.int32).tofile(X.path("folds"))
    n, p = X.shape
    _run(str(SCRIPT), X.folder.name, str(n), str(p), str(int(X.sparse)), repr(tol), FAMILIES[loss])
    said = json.loads(X.path("said").read_text())
    return said, np.fromfile(X.path("answer"))


def path(X, y, alphas, tol, n_threads, loss="squared_error"):
    """Run ``glmnet`` on the caller's alphas, which are on its scale."""
    said, answer = _ask(X, alphas, tol, [], loss)
    answer = answer.reshape(-1, X.shape[1] + 1)
    return answer[:, 1:].T, answer[:, 0], said


def cross_validate(X, y, alphas, splits, tol, n_threads, loss="squared_error"):
    """Run ``cv.glmnet`` on the given folds."""
    said, curve = _ask(X, alphas, tol, fold_numbers(splits) + 1, loss)
    return curve, said
