"""What pictures share: the axis of alphas, the count of features above it, names beside lines."""

import numpy as np

from .theme import theme_of

# Longest name beside a line, in characters.
MAX_LABEL = 26

# What may lie along the axis, and its words.
ALONG = {"alpha": "alpha", "norm": "sum of absolute coefficients", "df": "features in use"}

# Below this ratio of the largest to the smallest alpha an axis has too few powers of ten to label them alone.
FEW_DECADES = 50

# Axes keep at least this share of their width when they make room for names.
LEAST_WIDTH = 0.4


def drawable(alphas):
    """Return (indices, values) of the alphas that a logarithmic axis can show; of all where it can show none."""
    shown = np.flatnonzero(alphas > 0) if alphas.any() else np.arange(len(alphas))
    return shown, alphas[shown]


def finish_axes(ax, places, df, x="alpha", counts="features in use"):
    """Let alpha fall to the right, so that models grow; count their features above; drop the rest of the frame."""
    if places.any() and x == "alpha":
        ax.set_xscale("log")
        label_decades(ax, places)
    if len(np.unique(places)) > 1:
        ax.set_xlim(places[0], places[-1])
    ax.set_xlabel(ALONG[x])
    open_frame(ax)
    if df is not None and len(places):
        count_above(ax, places, df, counts)


def label_decades(ax, alphas):
    """Label the decades alone, or, where there are too few of them, 1, 2 and 5 times their powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.xaxis.set_minor_formatter(NullFormatter())
    if alphas.max() < FEW_DECADES * alphas.min():
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def open_frame(ax):
    """Drop the upper and the right side of the frame."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.tick_params(labelsize="small")


def count_above(ax, places, df, counts):
    """Write the numbers of features in use along the upper axis."""
    theme = theme_of(ax)
    ticks = np.unique(np.linspace(0, len(places) - 1, min(len(places), 6)).round().astype(int))
    above = ax.secondary_xaxis("top")
    above.set_xticks(places[ticks], [f"{n:,}" for n in df[ticks]])
    above.minorticks_off()
    above.tick_params(labelsize="small", length=3, color=theme.quiet, labelcolor=theme.mark)
    above.spines["top"].set_visible(False)
    above.set_xlabel(counts, fontsize="small", color=theme.mark)


def say_empty(ax, path):
    """Write on axes without a line why there is none."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(0.5, 0.5, f"no solutions: {path.status}", transform=ax.transAxes, ha="center", va="center",
            color=theme_of(ax).mark)


def mark_alphas(ax, alphas, shown, places, x):
    """Draw a line at each of these alphas."""
    for alpha in np.atleast_1d(alphas):
        if not len(shown) or not shown[-1] <= alpha <= shown[0]:
            drawn = f"{shown[0]:.3g} to {shown[-1]:.3g}" if len(shown) else "none"
            raise ValueError(f"alphas: {alpha:g} is not among the alphas that are drawn, {drawn}")
        place = alpha if x == "alpha" else np.interp(-alpha, -shown, places)
        ax.axvline(place, color=theme_of(ax).mark, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)


def write_labels(ax, ends, names, colours):
    """Write each name beside the end of its line, pushed apart where they would touch, and make room for them.

    Where not all fit the height of the axes, the last ones are left out.
    """
    from matplotlib.font_manager import FontProperties

    height = ax.get_window_extent().height / ax.figure.dpi * 72
    low, high = ax.get_ylim()
    size = min(FontProperties(size="small").get_size_in_points(), max(height / max(len(names), 1) / 1.25, 6.0))
    fit = max(int(height / (1.25 * size)), 1)
    ends, names = np.asarray(ends, float)[:fit], names[:fit]
    places = spread(ends, min(1.5 * size / max(height, 1.0), 1 / max(len(names), 1)) * (high - low), low, high)
    beside, texts = ax.get_yaxis_transform(), []
    for end, place, name, colour in zip(ends, places, names, colours, strict=False):
        ax.plot([1.0, 1.025], [end, place], color=colour, linewidth=0.7, transform=beside, clip_on=False)
        texts.append(ax.text(1.03, place, name, color=colour, size=size, va="center", transform=beside,
                             parse_math=False))
    ax.set_ylim(low, high)
    make_room(ax, texts)


def make_room(ax, texts):
    """Narrow axes by the width of the names beside them, where no layout of the figure does so."""
    if not texts or ax.figure.get_layout_engine() is not None or ax.get_subplotspec() is None:
        return
    place, own = ax.get_position(), ax.get_window_extent()
    beyond = reach(texts) - own.x1
    room = (1 - LEAST_WIDTH) * own.width
    for text in texts if beyond > room else ():
        text.set_text(shortened(text.get_text(), max(int(MAX_LABEL * room / beyond), 5)))
    width = own.width - min(max(reach(texts) - own.x1, 0.0), room)
    ax.set_position([place.x0, place.y0, place.width * width / own.width, place.height])


def reach(texts):
    """Return how far to the right texts reach, in pixels."""
    return max(text.get_window_extent().x1 for text in texts)


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


def shortened(name, length=MAX_LABEL):
    """Return a name that fits beside a line."""
    return name if len(name) <= length else name[:length - 1] + "…"


def feature_label(names, j):
    """Return the name of column j, or how Python addresses its coefficient."""
    return names[j] if names is not None else f"coef[{j}]"
