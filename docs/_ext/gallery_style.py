"""How the gallery draws: transparent, so that each picture suits both themes (site.css inverts its lightness)."""

from matplotlib import pyplot

# Okabe and Ito (2008), "Color universal design", as in fastlasso.plotting.
BLUE, RED, GREEN, PINK, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"

SETTINGS = {
    "figure.dpi": 100, "savefig.dpi": 100, "figure.figsize": (7.2, 4.2), "figure.constrained_layout.use": True,
    "savefig.transparent": True, "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 11,
    "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.labelsize": 10, "font.size": 10,
    "legend.frameon": False, "legend.fontsize": 9, "xtick.labelsize": 9, "ytick.labelsize": 9, "lines.linewidth": 1.8,
    "axes.prop_cycle": pyplot.cycler(color=[BLUE, RED, GREEN, PINK, ORANGE, SKY]),
}


def reset(gallery_conf, fname):
    """Set matplotlib up before each example; sphinx-gallery calls it."""
    pyplot.rcdefaults()
    pyplot.rcParams.update(SETTINGS)
