"""Colours from matplotlib's settings, so that pictures fit dark themes too, and the axes of a new figure."""

from dataclasses import dataclass
from itertools import cycle, islice

# The colours of Okabe and Ito (2008), "Color universal design", without yellow, which is too pale for a line on white,
# and the last one for the colour of text.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F3C8D", "text.color")

# Shares of the colour of text, the rest being that of the background: profiles without a name, and lines and words that
# explain.
QUIET_SHARE, MARK_SHARE = 0.28, 0.67

# Lines of one colour differ by these.
STYLES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (6, 2, 1, 2)))


def matplotlib():
    """Return the matplotlib package, or raise an ImportError that says how to get it."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError('drawing needs matplotlib: pip install "fastlasso[plot]"') from error
    return matplotlib


def new_axes():
    """Return the axes of a new figure."""
    matplotlib()
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(7, 4.6), layout="constrained")[1]


@dataclass(frozen=True)
class Theme:
    """The colours of a picture, of the kinds that matplotlib knows.

    Attributes
    ----------
    palette : list
        For lines with names.
    quiet, mark : tuple
        For lines without a name, and for lines and words that explain.
    face : tuple
        The background.
    """

    palette: list
    quiet: tuple
    mark: tuple
    face: tuple

    def lines(self, count):
        """Return (colour, line style) of so many lines: the colours in turn, then again in another style."""
        n = len(self.palette)
        return [(colour, STYLES[k // n % len(STYLES)]) for k, colour in enumerate(islice(cycle(self.palette), count))]


def theme_of(ax):
    """Return the `Theme` of axes: their background, and the colours of matplotlib's settings.

    The palette is that of the settings (``axes.prop_cycle``), but in place of matplotlib's default one of colours that
    everybody can tell apart.
    """
    settings = matplotlib()
    from matplotlib.colors import to_rgb, to_rgba

    face, text = to_rgba(ax.get_facecolor()), to_rgb(settings.rcParams["text.color"])
    if face[3] == 0:
        face = to_rgba(ax.figure.get_facecolor())
    own = settings.rcParams["axes.prop_cycle"].by_key().get("color", [])
    usual = settings.rcParamsDefault["axes.prop_cycle"].by_key()["color"]
    palette = own if own and list(own) != list(usual) else [text if name == "text.color" else name for name in PALETTE]
    return Theme(list(palette), mixed(face, text, QUIET_SHARE), mixed(face, text, MARK_SHARE), face)


def mixed(low, high, share):
    """Return the mixture of two colours."""
    return tuple((1 - share) * a + share * b for a, b in zip(low[:3], high[:3], strict=True))
