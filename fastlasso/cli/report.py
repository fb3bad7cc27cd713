"""Results as text: tables, choices, the strongest features."""

from pathlib import Path

from ..losses.choose import SQUARED_ERROR, as_loss
from ..matrices.base import Matrix
from ..plotting import feature_label
from ..selection.path_cv import name_of
from .column_sd import column_sd

# Rows of a table, besides the choices of a cross-validation.
TABLE_ROWS = 11

# How many of the strongest features are named.
STRONGEST = 10

# What a cross-validation is judged by: (its name in words, whether larger is better and 1 - error is shown).
MEASURES = {"mse": ("error", False), "mae": ("mae", False), "r2": ("R2", True), "deviance": ("deviance", False),
            "auc": ("AUC", True), "class": ("class error", False)}


def words_of(measure):
    """Return (name in words, whether larger is better) of a measure; a callable is a score, its error minus that."""
    return MEASURES[measure] if isinstance(measure, str) else (f"-{name_of(measure)}", False)


def loss_name(loss):
    """Return a loss in words: its name, and its parameters."""
    if loss == SQUARED_ERROR:
        return loss
    loss = as_loss(loss)
    given = ", ".join(f"{name} {value:g}" for name, value in loss.parameters.items())
    return f"{loss.name} ({given})" if given else loss.name


def heading(name, data, loss=SQUARED_ERROR):
    """Return a few words about the data, and the loss where it is not squared error."""
    n, p = data.X.shape
    is_sparse = data.X.is_sparse if isinstance(data.X, Matrix) else hasattr(data.X, "nnz")
    stored = f"sparse, {data.X.nnz:,} stored values" if is_sparse else "dense"
    fitted = "" if loss == SQUARED_ERROR else f", loss: {loss_name(loss)}"
    source = f" ({data.source})" if data.source != Path(name).name else ""
    return f"{name}{source}: {n:,} samples x {p:,} features, {stored}\ntarget: {data.target_name}{fitted}"


def table(path, seconds, pathcv=None):
    """Return about a dozen rows of the path, the cross-validation's choices always among them.

    `seconds` says after how long each alpha was certified; None leaves the column out.
    """
    noted = {} if pathcv is None else notes(pathcv)
    shown = representative(len(path), noted)
    errors = () if pathcv is None else (f"CV {words_of(pathcv.measure)[0]}", "std err")
    times = () if seconds is None else ("seconds",)
    lines = [("alpha", "features", share_name(path), *errors, "gap / P(0)", "passes", *times)]
    lines += [row(path, seconds, pathcv, k) for k in shown]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    return "\n".join(f"  {line}  {noted.get(k, '')}".rstrip() for line, k in zip(text, [None, *shown], strict=True))


def row(path, seconds, pathcv, k):
    """Return the cells of one alpha's row."""
    error = () if pathcv is None else (digits(shown(pathcv, k), 5), digits(pathcv.standard_error[k], 3))
    times = () if seconds is None else (f"{seconds.get(k, path.seconds):.4f}",)
    return (digits(path.alphas[k], 4), f"{path.df[k]:,}", f"{path.r2[k]:.4f}", *error,
            f"{path.gaps[k] / (path.null_objective or 1.0):.1e}", f"{path.n_passes[k]:.1f}", *times)


def share_name(path):
    """Return what the share of the deviance explained is called."""
    return "R2" if path.loss == SQUARED_ERROR else "dev ratio"


def shown(pathcv, k):
    """Return the mean held-out measure: the error, or the AUC or R2 that it is 1 minus."""
    error = pathcv.mean_error[k]
    return 1 - error if words_of(pathcv.measure)[1] else error


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
    name, larger_is_better = words_of(pathcv.measure)
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
    return (f"Path: {len(path)} alphas in {path.seconds:.3g} s, {max(path.n_passes, default=0.0):.1f} passes over X; "
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


def choice(pathcv, seconds=None):
    """Return both choices of a cross-validation in words."""
    folds = pathcv.errors.shape[1]
    return (f"{folds}-fold cross-validation{'' if seconds is None else f' in {seconds:.3g} s'}:\n"
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
