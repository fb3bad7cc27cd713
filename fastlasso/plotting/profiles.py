"""Coefficient profiles: of one path, of several on the same axes, of several targets, of the stages of a schedule."""

import numpy as np

from .axes import (
    ALONG,
    drawable,
    feature_label,
    finish_axes,
    mark_alphas,
    open_frame,
    say_empty,
    shortened,
    write_labels,
)
from .theme import STYLES, matplotlib, new_axes, theme_of

# Most profiles that are drawn: more lines only make the same grey band, slowly.
MAX_PROFILES = 1000


def plot_path(path, ax=None, n_labels=8, *, scale=None, rank_at=-1, features=None, alphas=(), x="alpha",
              scaled=False):
    """Draw the coefficient profiles of a path against alpha.

    Only features that are ever used are drawn (the 1,000 strongest of them), the strongest in colour and with their
    names. The upper axis counts the features in use. The colours are those of matplotlib's settings and of the axes.

    Parameters
    ----------
    path : LassoPath
    ax : matplotlib Axes, optional
        Default: a new figure.
    n_labels : int, default=8
        Number of features in colour and named. Names that do not fit beside the axes are left out, the weakest first.
    scale : array of shape (n_features,), optional
        Multiplies the coefficients; the columns' standard deviations make them comparable.
    rank_at : int, default=-1
        Index of the alpha at which the strongest features are chosen; the default is the smallest alpha.
    features : sequence of names or column numbers, optional
        The features in colour and named, in place of the strongest. One that the path never uses is named at zero as
        "never enters".
    alphas : float or sequence of floats, optional
        Draw a line at each of these.
    x : {"alpha", "norm", "df"}, default="alpha"
        What lies along the axis: alpha, the sum of the absolute coefficients, or the number of features in use.
    scaled : bool, default=False
        Multiply the coefficients by the standard deviations that a path with `standardize` keeps.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        Where matplotlib is missing.
    ValueError
        For a feature that the path does not have, for `scaled` where it keeps no standard deviations, and for `alphas`
        beyond those that are drawn.
    """
    ax, scale = new_axes() if ax is None else ax, scale_of(path, scale, scaled)
    shown, at = drawable(path.alphas)
    places = places_along(path, shown, at, x)
    names, profiles = named_profiles(path, shown, scale, rank_at, n_labels, features)
    colours = draw_profiles(ax, places, profiles, len(names))
    finish_axes(ax, places, path.df[shown], x)
    mark_alphas(ax, alphas, at, places, x)
    ax.set_ylabel("coefficient" if scale is None else "coefficient × standard deviation")
    if len(path):
        write_labels(ax, profiles[:len(names), -1], names, colours)
    else:
        say_empty(ax, path)
    return ax


def compare_paths(paths, ax=None, n_labels=4, *, features=None, alphas=(), x="alpha", scaled=False):
    """Draw the profiles of some features in several paths on the same axes: a colour for each feature, a line style
    for each path.

    Parameters
    ----------
    paths : dict of str to LassoPath
        Up to four paths of the same features, by the name that the legend gives them.
    ax, n_labels, features, alphas, x, scaled
        As in `plot_path`. The strongest features are those of the largest coefficients at the ends of the paths.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        Where matplotlib is missing.
    ValueError
        As in `plot_path`; for paths of other features, and for more than four.

    Examples
    --------
    >>> import fastlasso
    >>> from fastlasso.datasets import load_diabetes
    >>> data = load_diabetes(quadratic=False)
    >>> lasso = fastlasso.fit_path(data.X, data.y)
    >>> mcp = fastlasso.reweighted_path(data.X, data.y)
    >>> ax = fastlasso.plotting.compare_paths({"lasso": lasso, "MCP": mcp}, x="norm")  # doctest: +SKIP
    """
    first = checked_family(paths)
    ax = new_axes() if ax is None else ax
    theme = theme_of(ax)
    columns = strongest_of(paths, n_labels, scaled) if features is None else columns_named(features, first)
    colours, ends, spans = [colour for colour, _ in theme.lines(len(columns))], np.zeros(len(columns)), []
    for (name, path), style in zip(paths.items(), STYLES, strict=False):
        shown, at = drawable(path.alphas)
        places = places_along(path, shown, at, x)
        profiles = profiles_of(path, columns, shown, scale_of(path, None, scaled))
        for curve, colour in zip(without_idle_zeros(profiles), colours, strict=True):
            ax.plot(places, curve, color=colour, linewidth=1.7, linestyle=style)
        ax.plot([], [], color=theme.mark, linestyle=style, label=name)
        spans.append(places)
        ends = profiles[:, -1] if len(path) and path is first else ends
    finish_axes(ax, spans[0], None, x)
    widen(ax, np.concatenate(spans), x)
    mark_alphas(ax, alphas, drawable(first.alphas)[1], spans[0], x)
    ax.set_ylabel("coefficient × standard deviation" if scaled else "coefficient")
    ax.legend(fontsize="small", facecolor=theme.face, edgecolor="none", framealpha=0.9)
    write_labels(ax, ends, [shortened(feature_label(first.feature_names, j)) for j in columns], colours)
    return ax


def plot_targets(targets, axes=None, **more):
    """Draw the path of each target on axes of its own.

    Parameters
    ----------
    targets : TargetPaths
    axes : sequence of matplotlib Axes, optional
        One for each target. Default: a new figure, four in a row.
    more
        As in `plot_path`; n_labels is 4 by default.

    Returns
    -------
    ndarray of Axes, of shape (n_targets,)
    """
    n = len(targets)
    axes = grid_of_axes(n) if axes is None else np.asarray(axes, dtype=object).ravel()
    if len(axes) != n:
        raise ValueError(f"axes has {len(axes)} Axes, there are {n} targets")
    names = targets.target_names or [f"target {k}" for k in range(n)]
    for ax, path, name in zip(axes, targets, names, strict=True):
        plot_path(path, ax, **{"n_labels": 4, **more})
        ax.set_title(shortened(name), fontsize="medium", parse_math=False)
    return axes


def plot_stages(schedule, ax=None, n_labels=8, *, features=None):
    """Draw the coefficients after each stage of a schedule, one line for each feature that any stage uses.

    Parameters
    ----------
    schedule : ScheduleFit
    ax, n_labels, features
        As in `plot_path`; the strongest features are those of the last stage.

    Returns
    -------
    matplotlib Axes
    """
    ax = new_axes() if ax is None else ax
    coefs = np.array([fit.coef for fit in schedule.fits]).T
    used = np.flatnonzero(coefs.any(axis=1))
    used = used[np.lexsort(-np.abs(coefs[used][:, [0, -1]]).T)]
    first = used[:n_labels] if features is None else columns_named(features, schedule.fits[0])
    order = np.concatenate([first, used[~np.isin(used, first)]])[:MAX_PROFILES]
    stages = np.arange(len(schedule.fits), dtype=float)
    colours = draw_profiles(ax, stages, coefs[order], len(first), marker="o")
    ax.set_xticks(stages, [f"alpha {fit.alpha:.3g}\n{np.count_nonzero(fit.coef):,} features" for fit in schedule.fits])
    ax.set_xlabel("stage")
    ax.set_ylabel("coefficient")
    open_frame(ax)
    write_labels(ax, coefs[first, -1], labels_of(schedule.feature_names, first, used), colours)
    return ax


def plot_coefficients(fit, ax=None, n_labels=20):
    """Draw the largest coefficients of a solution as bars, by name.

    Parameters
    ----------
    fit : LassoFit
    ax : matplotlib Axes, optional
        Default: a new figure.
    n_labels : int, default=20
        Most bars.

    Returns
    -------
    matplotlib Axes
    """
    ax = new_axes() if ax is None else ax
    used = np.flatnonzero(fit.coef)
    used = used[np.argsort(-np.abs(fit.coef[used]), kind="stable")[:n_labels]][::-1]
    names = [shortened(feature_label(fit.feature_names, j)) for j in used]
    ax.barh(np.arange(len(used)), fit.coef[used], color=theme_of(ax).palette[0])
    ax.set_yticks(np.arange(len(used)), names, parse_math=False)
    ax.axvline(0, color=theme_of(ax).mark, linewidth=0.6)
    ax.set_xlabel(f"coefficient at alpha {fit.alpha:.3g}")
    open_frame(ax)
    return ax


# ---------------------------------------------------------------- what is drawn


def scale_of(path, scale, scaled):
    """Return what multiplies the coefficients, or None."""
    if scaled and path.scale is None:
        raise ValueError("scaled=True needs the standard deviations that a path fitted with standardize=True keeps")
    return path.scale if scaled else scale


def columns_named(features, path):
    """Return the numbers of features given by name or number, each once."""
    names = {} if path.feature_names is None else {name: j for j, name in enumerate(path.feature_names)}
    features = [features] if isinstance(features, str) else list(features)
    columns = [names.get(feature, -1) if isinstance(feature, str) else int(feature) for feature in features]
    for feature, column in zip(features, columns, strict=True):
        if not 0 <= column < path.n_features:
            raise ValueError(f"features names {feature!r}, which the path does not have")
    return np.array(list(dict.fromkeys(columns)), dtype=int)


def named_profiles(path, shown, scale, rank_at, n_labels, features):
    """Return (names of the first profiles, profiles): of the features asked for or of the strongest, then the others.
    """
    used = used_features(path, scale, rank_at)
    first = used[:n_labels] if features is None else columns_named(features, path)
    profiles = profiles_of(path, np.concatenate([first, used[~np.isin(used, first)]]), shown, scale)
    return labels_of(path.feature_names, first, used), profiles


def labels_of(feature_names, columns, used):
    """Return what is written beside the lines of some features, of which those not in `used` never enter."""
    return [shortened(feature_label(feature_names, j)) + ("" if j in used else ": never enters") for j in columns]


def used_features(path, scale, rank_at):
    """Return the features ever used, the strongest first."""
    coefs = path.coefs.tocsr()
    features = np.flatnonzero(np.diff(coefs.indptr))
    if not len(path):
        return features
    rank_by = scale if scale is not None else path.scale    # what was standardised
    rank_by = np.ones(path.n_features) if rank_by is None else np.asarray(rank_by)
    strength = np.abs(coefs[features][:, [rank_at, -1]].toarray()) * rank_by[features, None]
    return features[np.lexsort(-strength.T[::-1])[:MAX_PROFILES]]


def profiles_of(path, columns, shown, scale):
    """Return the coefficients of some features at the alphas shown, a row for each."""
    profiles = path.coefs.tocsr()[columns].toarray()[:, shown]
    return profiles if scale is None else profiles * np.asarray(scale)[columns, None]


def strongest_of(paths, count, scaled):
    """Return the features of the largest coefficients at the ends of several paths."""
    ends = [np.abs(path.coefs[:, [-1]].toarray().ravel() * (1 if scale is None else scale))
            for path in paths.values() if len(path) for scale in [scale_of(path, None, scaled)]]
    strength = np.max(ends, axis=0) if ends else np.zeros(0)
    order = np.argsort(-strength, kind="stable")[:count]
    return order[strength[order] > 0]


def checked_family(paths):
    """Return the first of several paths of the same features, or raise."""
    if not hasattr(paths, "values") or not 1 <= len(paths) <= len(STYLES):
        raise ValueError(f"paths must be a dict of up to {len(STYLES)} paths by name")
    first = next(iter(paths.values()))
    for name, path in paths.items():
        if path.n_features != first.n_features or path.feature_names != first.feature_names:
            raise ValueError(f"the path {name!r} has other features than the first")
    return first


def places_along(path, shown, alphas, x):
    """Return where the solutions lie along the axis."""
    if x not in ALONG:
        raise ValueError(f"x must be 'alpha', 'norm' or 'df', got {x!r}")
    if x == "norm":
        return np.asarray(abs(path.coefs).sum(axis=0)).ravel()[shown]
    return alphas if x == "alpha" else path.df[shown].astype(float)


def draw_profiles(ax, places, profiles, n_coloured, marker=None):
    """Draw one line per profile, the first ones in colour; return their colours."""
    from matplotlib.collections import LineCollection

    theme = theme_of(ax)
    ax.axhline(0, color=theme.mark, linewidth=0.6, zorder=1)
    curves = without_idle_zeros(profiles)
    quiet = [np.column_stack([places, curve]) for curve in curves[n_coloured:]]
    ax.add_collection(LineCollection(quiet, colors=[theme.quiet], linewidths=0.7, alpha=0.8, zorder=2))
    marker = "o" if len(places) == 1 else marker
    lines = theme.lines(n_coloured)
    for curve, (colour, style) in zip(curves, lines, strict=False):
        ax.plot(places, curve, color=colour, linestyle=style, linewidth=1.7, marker=marker, zorder=3)
    ax.autoscale_view()
    return [colour for colour, _ in lines]


def without_idle_zeros(profiles):
    """Return the profiles with NaN where a coefficient and both its neighbours are zero."""
    zero = np.pad(profiles == 0, ((0, 0), (1, 1)), constant_values=True)
    return np.where(zero[:, :-2] & zero[:, 1:-1] & zero[:, 2:], np.nan, profiles)


def widen(ax, places, x):
    """Let the axis reach over the places of several paths."""
    if len(places) and places.min() < places.max():
        ax.set_xlim(*((places.max(), places.min()) if x == "alpha" else (places.min(), places.max())))


def grid_of_axes(count):
    """Return the axes of a new figure, at most four in a row."""
    matplotlib()
    from matplotlib import pyplot

    columns = min(count, 4)
    rows = -(-count // columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(4.4 * columns, 3.6 * rows), layout="constrained",
                                   squeeze=False)
    for ax in axes.flat[count:]:
        figure.delaxes(ax)
    return axes.flat[:count]
