"""Pictures of a path and of its cross-validation. matplotlib is imported only here, and only when asked for."""

import numpy as np

# The colours of Okabe and Ito (2008), "Color universal design", without yellow, which is too pale for a line on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F3C8D", "#000000")

# Held-out errors by the name of their measure.
ERRORS = {"mse": "squared error", "mae": "absolute error", "r2": "1 - R2", "deviance": "deviance", "auc": "1 - AUC",
          "class": "misclassification"}

# The colour of profiles without a name.
QUIET = "#B8B8B8"

# The colour of lines and words that explain.
MARK = "#555555"

# Most profiles that are drawn: more lines only make the same grey band, slowly.
MAX_PROFILES = 1000

# Longest name beside a profile, in characters.
MAX_LABEL = 26


def matplotlib():
    """Return the matplotlib package, or raise an ImportError that says how to get it."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError('drawing needs matplotlib: pip install "fastlasso[plot]"') from error
    return matplotlib


def plot_path(path, ax=None, n_labels=8, *, scale=None, rank_at=-1, features=None, alphas=(), x="alpha",
              scaled=False):
    """Draw the coefficient profiles of a path against alpha.

    Only features that are ever used are drawn (the 1,000 strongest of them), the strongest in colour and with their
    names. The upper axis counts the features in use.

    Parameters
    ----------
    path : LassoPath
    ax : matplotlib Axes, optional
        Default: a new figure.
    n_labels : int, default=8
        Number of features in colour and named, at most 8.
    scale : array of shape (n_features,), optional
        Multiplies the coefficients; the columns' standard deviations make them comparable.
    rank_at : int, default=-1
        Index of the alpha at which the strongest features are chosen; the default is the smallest alpha.
    features : sequence of names or column numbers, optional
        The features in colour and named, in place of the strongest; at most 8.
    alphas : sequence of floats, optional
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
        For a feature that the path does not have, and for `scaled` where it keeps no standard deviations.
    """
    if scaled and path.scale is None:
        raise ValueError("scaled=True needs the standard deviations that a path fitted with standardize=True keeps")
    ax, scale = new_axes() if ax is None else ax, path.scale if scaled else scale
    shown, at = drawable(path.alphas)
    used, profiles = used_profiles(path, shown, scale, rank_at)
    if features is not None:
        order = with_first(used, columns_named(features, path))
        used, profiles, n_labels = used[order], profiles[order], np.isin(used, columns_named(features, path)).sum()
    n_labels = min(n_labels, len(PALETTE), len(used))
    places = places_along(path, shown, at, x)
    draw_profiles(ax, places, profiles, n_labels)
    finish_axes(ax, places, path.df[shown], x)
    for alpha in alphas:
        ax.axvline(np.interp(-alpha, -at, places), color=MARK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    ax.set_ylabel("coefficient" if scale is None else "coefficient × standard deviation")
    names = [shortened(feature_label(path.feature_names, j)) for j in used[:n_labels]]
    write_labels(ax, profiles[:n_labels, -1:].ravel(), names)
    return ax


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
    shown, alphas = drawable(pathcv.alphas)
    mean, error = pathcv.mean_error[shown], pathcv.standard_error[shown]
    ax.fill_between(alphas, mean - error, mean + error, color=PALETTE[0], alpha=0.18, linewidth=0)
    ax.plot(alphas, mean, color=PALETTE[0], linewidth=1.6)
    finish_axes(ax, alphas, pathcv.path.df[shown])
    ax.set_ylabel(f"cross-validated {error_label(getattr(pathcv, 'measure', 'mse'))} ± 1 se")
    mark_choices(ax, pathcv)
    ax.legend(fontsize=9, loc="best", facecolor="white", edgecolor="none", framealpha=0.9)
    return ax


def error_label(measure):
    """Return the words for a held-out error on an axis; a callable is a score, so its error is minus its value."""
    if isinstance(measure, str):
        return ERRORS[measure]
    name = getattr(measure, "name", None) or getattr(measure, "__name__", "score")
    return name[4:].replace("_", " ") if name.startswith("neg_") else f"-{name}"


def plot_both(pathcv, file, *, scale=None, title=None):
    """Draw path and cross-validation side by side into a file; its suffix is the format (.png, .pdf, .svg).

    Parameters
    ----------
    pathcv : PathCV
    file : str or path
    scale : array of shape (n_features,), optional
        See `plot_path`.
    title : str, optional

    Raises
    ------
    ImportError
        Where matplotlib is missing.
    """
    save_figure(file, [(title, pathcv.path, pathcv, scale)])


def save_figure(file, rows):
    """Draw one row of panels for each (title, path, PathCV or None, scale) into a file."""
    matplotlib()
    from matplotlib.figure import Figure

    columns = 1 if all(pathcv is None for _, _, pathcv, _ in rows) else 2
    figure = Figure(figsize=(6.6 * columns, 4.4 * len(rows)), layout="constrained", dpi=160)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12, wspace=0.04, hspace=0.06)
    for strip, (title, path, pathcv, scale) in zip(figure.subfigures(len(rows), squeeze=False).flat, rows, strict=True):
        axes = strip.subplots(1, columns, squeeze=False).flat
        plot_path(path, axes[0], scale=scale, rank_at=-1 if pathcv is None else pathcv.index)
        if pathcv is not None:
            mark_choices(axes[0], pathcv)
            plot_cv(pathcv, axes[1])
        if title:
            strip.suptitle(title, fontsize=11, fontweight="bold", parse_math=False)
    figure.savefig(file)


def new_axes():
    """Return the axes of a new figure."""
    matplotlib()
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(7, 4.6), layout="constrained")[1]


def columns_named(features, path):
    """Return the numbers of features given by name or number."""
    names = {} if path.feature_names is None else {name: j for j, name in enumerate(path.feature_names)}
    columns = [names.get(feature, -1) if isinstance(feature, str) else int(feature) for feature in features]
    for feature, column in zip(features, columns, strict=True):
        if not 0 <= column < path.n_features:
            raise ValueError(f"features names {feature!r}, which the path does not have")
    return np.array(columns, dtype=int)


def with_first(used, wanted):
    """Return the order of `used` in which those wanted come first."""
    return np.argsort(~np.isin(used, wanted), kind="stable")


def places_along(path, shown, alphas, x):
    """Return where the solutions lie along the axis."""
    if x == "alpha":
        return alphas
    if x == "norm":
        return np.asarray(abs(path.coefs).sum(axis=0)).ravel()[shown]
    if x == "df":
        return path.df[shown].astype(float)
    raise ValueError(f"x must be 'alpha', 'norm' or 'df', got {x!r}")


def drawable(alphas):
    """Return (indices, values) of the alphas that a logarithmic axis can show; of all where it can show none."""
    shown = np.flatnonzero(alphas > 0) if alphas.any() else np.arange(len(alphas))
    return shown, alphas[shown]


def used_profiles(path, shown, scale, rank_at):
    """Return (features, their coefficients at the alphas shown) of the features ever used, the strongest first."""
    coefs = path.coefs.tocsr()
    features = np.flatnonzero(np.diff(coefs.indptr))
    rank_by = scale if scale is not None else path.scale    # what was standardised
    rank_by, scale = (np.ones(path.n_features) if by is None else np.asarray(by) for by in (rank_by, scale))
    if not len(path):
        return features, np.zeros((0, 0))
    strength = np.abs(coefs[features][:, [rank_at, -1]].toarray()) * rank_by[features, None]
    features = features[np.lexsort(-strength.T[::-1])[:MAX_PROFILES]]
    return features, coefs[features].toarray()[:, shown] * scale[features, None]


def draw_profiles(ax, alphas, profiles, n_coloured):
    """Draw one line per profile, the first ones in colour."""
    from matplotlib.collections import LineCollection

    ax.axhline(0, color=MARK, linewidth=0.6, zorder=1)
    curves = without_idle_zeros(profiles)
    quiet = [np.column_stack([alphas, curve]) for curve in curves[n_coloured:]]
    ax.add_collection(LineCollection(quiet, colors=QUIET, linewidths=0.7, alpha=0.8, zorder=2))
    marker = "o" if len(alphas) == 1 else None
    for curve, colour in zip(curves[:n_coloured], PALETTE, strict=False):
        ax.plot(alphas, curve, color=colour, linewidth=1.7, marker=marker, zorder=3)
    ax.autoscale_view()


def without_idle_zeros(profiles):
    """Return the profiles with NaN where a coefficient and both its neighbours are zero."""
    zero = np.pad(profiles == 0, ((0, 0), (1, 1)), constant_values=True)
    return np.where(zero[:, :-2] & zero[:, 1:-1] & zero[:, 2:], np.nan, profiles)


def finish_axes(ax, alphas, df, x="alpha"):
    """Let alpha fall to the right, so that models grow; count their features above; drop the rest of the frame."""
    if alphas.any() and x == "alpha":
        ax.set_xscale("log")
    if len(np.unique(alphas)) > 1:
        ax.set_xlim(alphas[0], alphas[-1])
    ax.set_xlabel({"alpha": "alpha", "norm": "sum of absolute coefficients", "df": "features in use"}[x])
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.tick_params(labelsize=9)
    count_above(ax, alphas, df)


def count_above(ax, alphas, df):
    """Write the numbers of features in use along the upper axis."""
    ticks = np.unique(np.linspace(0, len(alphas) - 1, min(len(alphas), 6)).round().astype(int))
    above = ax.secondary_xaxis("top")
    above.set_xticks(alphas[ticks], [f"{n:,}" for n in df[ticks]])
    above.minorticks_off()
    above.tick_params(labelsize=9, length=3, color=QUIET, labelcolor=MARK)
    above.spines["top"].set_visible(False)
    above.set_xlabel("features in use", fontsize=9, color=MARK)


def write_labels(ax, ends, names):
    """Write each name beside the end of its profile, pushed apart where they would touch."""
    from matplotlib.font_manager import FontProperties

    height = ax.get_window_extent().height / ax.figure.dpi * 72
    low, high = ax.get_ylim()
    size = FontProperties(size="small").get_size_in_points()
    places = spread(ends, 1.5 * size / max(height, 1.0) * (high - low), low, high)
    beside = ax.get_yaxis_transform()
    for end, place, name, colour in zip(ends, places, names, PALETTE, strict=False):
        ax.plot([1.0, 1.025], [end, place], color=colour, linewidth=0.7, transform=beside, clip_on=False)
        ax.text(1.03, place, name, color=colour, size=size, va="center", transform=beside, parse_math=False)
    ax.set_ylim(low, high)


def spread(values, gap, low, high):
    """Return places near `values`, in the same order, at least `gap` apart and, where there is room, in [low, high].

    Isotonic regression by pooling adjacent violators: labels that would touch are pooled into a block. The k-th label
    of a block wants the lowest one to stand at value_k - k gap; a block is (sum of these, number of labels).
    """
    order = np.argsort(values, kind="stable")
    blocks = []
    for value in np.asarray(values, float)[order]:
        blocks.append((value, 1))
        while len(blocks) > 1 and lowest(blocks[-2]) + gap * blocks[-2][1] > lowest(blocks[-1]):
            total, count = blocks.pop()
            before, n_before = blocks.pop()
            blocks.append((before + total - gap * n_before * count, n_before + count))
    places = np.concatenate([lowest(block) + gap * np.arange(block[1]) for block in blocks] or [[]])
    steps = gap * np.arange(len(places))
    places = np.maximum(places - steps, low).clip(max=max(high - gap * (len(places) - 1), low)) + steps
    result = np.empty(len(places))
    result[order] = places
    return result


def lowest(block):
    """Return where the lowest label of a block stands: the mean of what its labels want."""
    total, count = block
    return total / count


def shortened(name):
    """Return a name that fits beside a profile."""
    return name if len(name) <= MAX_LABEL else name[:MAX_LABEL - 1] + "…"


def mark_choices(ax, pathcv):
    """Draw a line at the lowest error and one at the one-standard-error choice, with words for a legend."""
    choices = [(pathcv.best_index, "lowest error", "-"), (pathcv.index_1se, "within one standard error", (0, (4, 3)))]
    if pathcv.best_index == pathcv.index_1se:
        choices = choices[:1]
    for index, text, style in choices:
        alpha, n = pathcv.alphas[index], pathcv.path.df[index]
        line = {"color": MARK, "linewidth": 0.9, "linestyle": style, "zorder": 1,
                "label": f"{text}: alpha {alpha:.3g}, {n:,} feature{'s' if n != 1 else ''}"}
        if alpha > 0:
            ax.axvline(alpha, **line)
        else:
            ax.plot([], [], **line)        # it has no place on a logarithmic axis: only the legend shows it


def feature_label(names, j):
    """Return the name of column j, or how Python addresses its coefficient."""
    return names[j] if names is not None else f"coef[{j}]"
