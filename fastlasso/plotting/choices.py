"""How cross-validated errors and selection probabilities go along alpha, and what was chosen."""

import numpy as np

from .axes import drawable, feature_label, finish_axes, mark_alphas, shortened, write_labels
from .profiles import MAX_PROFILES, columns_named, draw_profiles
from .theme import new_axes, theme_of

# Held-out errors by the name of their measure.
ERRORS = {"mse": "squared error", "mae": "absolute error", "r2": "1 - R2", "deviance": "deviance", "auc": "1 - AUC",
          "class": "misclassification"}


def plot_cv(pathcv, ax=None):
    """Draw the mean cross-validated error against alpha, with a band of one standard error on either side.

    The lowest error and the largest alpha within one standard error of it are marked.

    Parameters
    ----------
    pathcv : PathCV
    ax : matplotlib Axes, optional
        Default: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        Where matplotlib is missing.
    """
    ax = new_axes() if ax is None else ax
    colour, (shown, alphas) = theme_of(ax).palette[0], drawable(pathcv.alphas)
    mean, error = pathcv.mean_error[shown], pathcv.standard_error[shown]
    ax.fill_between(alphas, mean - error, mean + error, color=colour, alpha=0.18, linewidth=0)
    ax.plot(alphas, mean, color=colour, linewidth=1.6)
    finish_axes(ax, alphas, pathcv.path.df[shown])
    ax.set_ylabel(f"cross-validated {error_label(getattr(pathcv, 'measure', 'mse'))} ± 1 se")
    mark_choices(ax, pathcv)
    legend_of(ax)
    return ax


def plot_relaxed_cv(relaxed, ax=None):
    """Draw the mean held-out error of the relaxed lasso against alpha, a line for each phi, the chosen one in colour.

    Parameters
    ----------
    relaxed : RelaxedCV
    ax : matplotlib Axes, optional
        Default: a new figure.

    Returns
    -------
    matplotlib Axes
    """
    ax = new_axes() if ax is None else ax
    theme, (shown, alphas), (row, column) = theme_of(ax), drawable(relaxed.alphas), relaxed.index
    mean, error = relaxed.mean_error[shown], relaxed.standard_error[shown, column]
    colour = theme.palette[0]
    for k in range(len(relaxed.phis)):
        ax.plot(alphas, mean[:, k], color=colour if k == column else theme.quiet, linewidth=1.6 if k == column else 1.0)
    ax.fill_between(alphas, mean[:, column] - error, mean[:, column] + error, color=colour, alpha=0.18, linewidth=0)
    finish_axes(ax, alphas, relaxed.path.lasso.df[shown])
    draw_choice(ax, relaxed.alphas[row], "-", f"{relaxed.rule}: alpha {relaxed.alpha:.3g}, phi {relaxed.phi:g}, "
                                              f"{counted(relaxed.path.lasso.df[row])}")
    ax.set_ylabel("cross-validated error ± 1 se")
    legend_of(ax)
    write_labels(ax, mean[-1], [f"phi {phi:g}" for phi in relaxed.phis],
                 [colour if k == column else theme.mark for k in range(len(relaxed.phis))])
    return ax


def plot_stability(stability, ax=None, threshold=0.75, n_labels=8, *, features=None, alphas=()):
    """Draw the selection probability of each feature against alpha; those that pass the threshold are in colour.

    Parameters
    ----------
    stability : StabilityPath
    ax : matplotlib Axes, optional
        Default: a new figure.
    threshold : float, default=0.75
        Where a line is drawn. The upper axis counts the features that pass it.
    n_labels : int, default=8
        Most features in colour and named, the most probable first.
    features : sequence of names or column numbers, optional
        The features in colour and named, in place of those that pass.
    alphas : float or sequence of floats, optional
        Draw a line at each of these.

    Returns
    -------
    matplotlib Axes
    """
    ax = new_axes() if ax is None else ax
    (shown, at), P = drawable(stability.alphas), stability.probabilities
    order = np.lexsort(-P[:, [0, P.shape[1] // 2, -1]].T)
    passing = order[P[order, -1] >= threshold][:n_labels]
    first = passing if features is None else columns_named(features, stability)
    others = order[~np.isin(order, first) & P[order].any(axis=1)]
    order = np.concatenate([first, others])[:MAX_PROFILES]
    colours = draw_profiles(ax, at, P[order][:, shown], len(first))
    ax.axhline(threshold, color=theme_of(ax).mark, linewidth=0.9, linestyle=(0, (4, 3)))
    finish_axes(ax, at, np.count_nonzero(P >= threshold, axis=0)[shown], counts=f"features in {threshold:.0%} or more")
    mark_alphas(ax, alphas, at, at, "alpha")
    ax.set_ylim(-0.02, 1.02)
    ax.set_ylabel("share of the subsamples that select it")
    names = [shortened(feature_label(stability.feature_names, j)) for j in first]
    write_labels(ax, P[first, -1], names, colours)
    return ax


def error_label(measure):
    """Return the words for a held-out error on an axis; a callable is a score, so its error is minus its value."""
    if isinstance(measure, str):
        return ERRORS[measure]
    name = getattr(measure, "name", None) or getattr(measure, "__name__", "score")
    return name[4:].replace("_", " ") if name.startswith("neg_") else f"-{name}"


def mark_choices(ax, pathcv):
    """Draw a line at the lowest error and one at the one-standard-error choice, with words for a legend."""
    choices = [(pathcv.best_index, "lowest error", "-"), (pathcv.index_1se, "within one standard error", (0, (4, 3)))]
    if pathcv.best_index == pathcv.index_1se:
        choices = choices[:1]
    for index, text, style in choices:
        alpha, n = pathcv.alphas[index], pathcv.path.df[index]
        draw_choice(ax, alpha, style, f"{text}: alpha {alpha:.3g}, {counted(n)}")


def draw_choice(ax, alpha, style, label):
    """Draw a line at a choice, with words for a legend."""
    line = {"color": theme_of(ax).mark, "linewidth": 0.9, "linestyle": style, "zorder": 1, "label": label}
    if alpha > 0:
        ax.axvline(alpha, **line)
    else:
        ax.plot([], [], **line)        # it has no place on a logarithmic axis: only the legend shows it


def counted(n):
    """Return a number of features in words."""
    return f"{n:,} feature{'s' if n != 1 else ''}"


def legend_of(ax):
    """Write the legend on the background of the axes."""
    ax.legend(fontsize="small", loc="best", facecolor=theme_of(ax).face, edgecolor="none", framealpha=0.9)
