"""Pictures in files: a row of panels for each path."""

from .choices import mark_choices, plot_cv
from .profiles import plot_path
from .theme import matplotlib


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
