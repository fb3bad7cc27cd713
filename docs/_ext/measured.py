"""Tables and pictures of benchmark runs: `{measured}` writes what `python -m bench run` left in docs/measured."""

import json
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from bench import report

ROOT = Path(__file__).parents[2]
RUNS = ROOT / "docs" / "measured"
PICTURES = ROOT / "docs" / "_build" / "measured"


def run_of(name):
    """Return the run of a file in docs/measured."""
    return report.merge([json.loads((RUNS / f"{name}.json").read_text())])


class Measured(SphinxDirective):
    """Write the summary tables of a run: `{measured} NAME`; with `README` those of the README."""

    required_arguments = 1

    def run(self):
        """Return the tables."""
        name = self.arguments[0]
        file = ROOT / "README.md" if name == "README" else RUNS / f"{name}.json"
        self.env.note_dependency(str(file))
        lines = of_readme(file) if name == "README" else report.tables(run_of(name))
        made = nodes.container(classes=["measured"])
        self.state.nested_parse(StringList(lines, source=str(file)), 0, made)
        return [made]


def of_readme(file):
    """Return the lines between the marks that `python -m bench report --into` fills; pictures are those of docs."""
    between = file.read_text().partition(report.BEGIN)[2].partition(report.END)[0]
    return between.replace("](docs/", "](").splitlines()


def draw(app):
    """Draw the pictures of every run into docs/_build/measured before the pages are read."""
    from bench import plots

    for file in sorted(RUNS.glob("*.json")):
        plots.draw(run_of(file.stem), PICTURES / file.stem)


def setup(app):
    """Add the directive, and draw."""
    app.add_directive("measured", Measured)
    app.connect("builder-inited", draw)
    return {"parallel_read_safe": True}
