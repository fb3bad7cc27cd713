"""The plots of a run: time against reached gap per case, on easy and on structured data; ratio to the best rival;
growth with the size.

Colours stay with a solver through all plots; lines of others are thin, ours is thick.
"""
import io
import math

import matplotlib.pyplot as plt
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter
from PIL import Image

from . import report

plt.switch_backend("Agg")

OURS = "fastlasso"
COLOURS = {
    "fastlasso": "#c1121f", "scikit-learn": "#f4a261", "celer": "#2a9d8f", "skglm": "#457b9d", "adelie": "#6a4c93",
    "adelie (cov)": "#b197d6", "glmnet-rs": "#8d6e63", "python-glmnet": "#577590", "glmnet (R)": "#222222",
    "glum": "#90a955", "FISTA": "#999999",
}
MARKERS = dict(zip(COLOURS, "osD^vPX*<>h", strict=True))
AXES = {"n": "rows", "p": "columns", "nnz": "stored values (asked for)", "alphas": "alphas", "folds": "folds",
        "threads": "threads"}
SMALLEST_GAP = 1e-16
DOTS_PER_INCH = 100
PALETTE = 64
WIDE_RANGE = 30  # of the values on an axis
LEGEND_INCHES = 1.6  # width of one entry


def draw(found, folder):
    """Write gaps.png, structures.png, ratios.png and scaling.png into a folder, where measured; return their paths.

    Parameters
    ----------
    found : dict
        What `python -m bench run` wrote.
    folder : path
        It is made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = found["rows"]
    judged = [row for row in rows if row["gap"] is not None]
    figures = {"gaps": _gaps(report.group(judged, "main", "real")),
               "structures": _gaps(report.group(judged, "structures")),
               "ratios": _ratios(report.group(rows, "main", "cv", "losses", "structures", "real")),
               "scaling": _scaling(report.group(rows, "scaling"))}
    return [_save(figure, folder / f"{name}.png") for name, figure in figures.items() if figure]


def _save(figure, file):
    """Write a figure with a palette of few colours, a third of the bytes."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=DOTS_PER_INCH)
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(PALETTE).save(file, optimize=True)
    return file


def _grid(count, width, height, columns):
    """Return a figure and its first `count` axes, in rows of `columns`; one row at the bottom is for the legend."""
    columns = min(columns, count)
    lines = math.ceil(count / columns)
    figure, axes = plt.subplots(lines, columns, figsize=(width * columns, height * lines + 0.9), squeeze=False,
                                layout="constrained")
    for unused in axes.flat[count:]:
        unused.remove()
    return figure, axes.flat[:count]


def _legend(figure, names):
    handles = [plt.Line2D([], [], color=COLOURS[name], marker=MARKERS[name], label=name) for name in COLOURS
               if name in names]
    columns = max(2, int(figure.get_figwidth() / LEGEND_INCHES))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)


def _few_ticks(axis, write):
    """Label a logarithmic axis with few round values: powers of ten, between them 2 and 5 where the range is short."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < WIDE_RANGE * low else (1.0,), numticks=6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
    axis.set_minor_formatter(NullFormatter())


def _style(name):
    ours = name == OURS
    return {"color": COLOURS[name], "marker": MARKERS[name], "markersize": 6 if ours else 5,
            "linewidth": 2.2 if ours else 1.2, "zorder": 3 if ours else 2}


def _gaps(by_case):
    """One panel per case: a solver's settings as points, time across, worst gap reached upwards."""
    if not by_case:
        return None
    figure, axes = _grid(len(by_case), 3.0, 2.6, 4)
    for axis, (case, rows) in zip(axes, by_case.items(), strict=True):
        for name in COLOURS:
            points = sorted((row["median"], max(report.worst_gap(row), SMALLEST_GAP)) for row in rows
                            if row["name"] == name and report.complete(row))
            if points:
                axis.plot(*zip(*points, strict=True), **_style(name))
        axis.axhline(report.WANTED, color="0.7", linewidth=0.8, linestyle=":", zorder=1)
        axis.set(title=case, xscale="log", yscale="log")
        axis.title.set_fontsize(10)
        axis.yaxis.set_major_locator(LogLocator(numticks=5))
        _few_ticks(axis.xaxis, report.seconds)
        axis.tick_params(labelsize=8)
    figure.supylabel("worst relative gap", fontsize=9)
    figure.suptitle("Worst duality gap of all alphas against time: down and left is better", fontsize=11)
    _legend(figure, {row["name"] for rows in by_case.values() for row in rows})
    return figure


def _ratio_to(mine, rival):
    return rival["median"] / mine["median"] if rival else None


def _ratios(by_case):
    """Times of the best rivals over ours, one pair of bars per case; the line at 1 is where we lose."""
    lines = [(case, _ratio_to(mine, report.best_loose(rows)), _ratio_to(mine, report.best_tight(rows)))
             for case, rows in by_case.items() if (mine := report.ours(rows))]
    lines = [line for line in lines if line[1] or line[2]]
    if not lines:
        return None
    figure, axis = plt.subplots(figsize=(8, 0.42 * len(lines) + 1.5), layout="constrained")
    series = (("#9db4c0", "rival at its default tolerance"), ("#1d3557", f"rival with a gap <= {report.WANTED:.0e}"))
    for which, (colour, label) in enumerate(series):
        places = [(k + 0.2 * (2 * which - 1), line[which + 1]) for k, line in enumerate(lines) if line[which + 1]]
        for place, value in places:
            axis.barh(place, value - 1, left=1, height=0.36, color=colour, label=label)
            axis.annotate(f"{value:.2g} x", (value, place), xytext=(4 if value >= 1 else -4, 0), fontsize=8,
                          textcoords="offset points", ha="left" if value >= 1 else "right", va="center")
            label = None
    axis.axvline(1, color="black", linewidth=1)
    axis.set(xscale="log", yticks=range(len(lines)), xlabel="time of the fastest rival / time of fastlasso (log scale;"
             " left of 1 the rival is faster)")
    axis.set_yticklabels([line[0] for line in lines])
    axis.set_ylim(len(lines) - 0.4, -0.6)
    axis.margins(x=0.12)
    _few_ticks(axis.xaxis, "{:g}".format)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=9)
    return figure


def _scaling(by_case):
    """One panel per axis: time of each solver at its default against what grows."""
    rows = [row for rows in by_case.values() for row in rows if row["kind"] == "default" and report.complete(row)]
    kinds = [kind for kind in AXES if any(row["axis"] == kind for row in rows)]
    if not kinds:
        return None
    figure, axes = _grid(len(kinds), 3.4, 2.8, 3)
    for axis, kind in zip(axes, kinds, strict=True):
        for name in COLOURS:
            points = sorted((row["at"], row["median"]) for row in rows if row["axis"] == kind and row["name"] == name)
            if points:
                axis.plot(*zip(*points, strict=True), **_style(name))
        axis.set(title=AXES[kind], xscale="log", yscale="log")
        axis.title.set_fontsize(10)
        axis.xaxis.set_major_locator(FixedLocator(sorted({row["at"] for row in rows if row["axis"] == kind})))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
        axis.xaxis.set_minor_formatter(NullFormatter())
        _few_ticks(axis.yaxis, report.seconds)
        axis.tick_params(labelsize=8)
    figure.supylabel("time", fontsize=9)
    figure.suptitle("Time at default tolerance while one size grows", fontsize=11)
    _legend(figure, {row["name"] for row in rows})
    return figure


def _short(value):
    """Write 1600000 as 1.6M and 4000 as 4k."""
    for unit, scale in (("M", 1e6), ("k", 1e3)):
        if value >= scale:
            return f"{value / scale:g}{unit}"
    return f"{value:g}"
