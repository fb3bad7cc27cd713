"""The picture of the package, `{picture}`, and its parts, `{parts}`: drawn from the floors that the tests hold."""

import ast
import html
import re
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "fastlasso"
HIDDEN = {"__main__", "_version"}                   # of no interest to a visitor


def floors():
    """Return the floors, the lowest first, as tests/test_floors.py has them."""
    for node in ast.parse((ROOT / "tests" / "test_floors.py").read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "FLOORS":
            return ast.literal_eval(node.value)
    raise LookupError("tests/test_floors.py has no FLOORS")


def files(name):
    """Return the Python files of a folder, or the one file of that name; of the engine also what is compiled."""
    folder = PACKAGE / name
    if not folder.is_dir():
        return [PACKAGE / f"{name}.py"]
    found = [file for suffix in ("py", "pyx", "pxi", "c", "h") for file in folder.glob(f"*.{suffix}")]
    return sorted(file for file in found if file.name != "engine.c")


def first_sentence(file):
    """Return the first sentence of what a file says of itself."""
    text = file.read_text()
    if file.suffix == ".py":
        said = ast.get_docstring(ast.parse(text)) or ""
    elif file.suffix in {".c", ".h"}:
        said = text.partition("/*")[2].partition("*/")[0] if text.lstrip().startswith("/*") else ""
    else:
        said = text.partition('"""')[2].partition('"""')[0] if text.lstrip().startswith('"""') else comment(text)
    words = " ".join(line.strip(" *") for line in said.replace("\n *\n", "\n\n").strip().split("\n\n")[0].splitlines())
    sentence = re.split(r"(?<=\.)\s", words, maxsplit=1)[0].rstrip(",:. ")
    return sentence and f"{sentence}."


def comment(text):
    """Return the comment at the head of a file."""
    head = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        head.append(line.lstrip("# "))
    return "\n".join(head)


def said_of(name):
    """Return what a folder or file says of itself."""
    folder = PACKAGE / name
    return first_sentence(folder / "__init__.py" if folder.is_dir() else PACKAGE / f"{name}.py")


def parts():
    """Return the folders and files of each floor, the highest first, as they are drawn."""
    return [[name for name in sorted(floor, key=lambda name: (not (PACKAGE / name).is_dir(), name))
             if name not in HIDDEN] for floor in reversed(floors())]


class Picture(SphinxDirective):
    """Draw the floors, each folder or file a link to its section. The text inside is for readers of the file itself."""

    has_content = True

    def run(self):
        """Return the picture as HTML."""
        self.env.note_dependency(str(ROOT / "tests" / "test_floors.py"))
        lines = ['<div class="picture" role="navigation" aria-label="the floors of the package">']
        for floor in filter(None, parts()):
            boxes = "".join(self.box(name) for name in floor)
            lines.append(f'<div class="floor">{boxes}</div>')
        return [nodes.raw("", "\n".join([*lines, "</div>"]), format="html")]

    def box(self, name):
        """Return the box of one folder or file."""
        shown = name + ("/" if (PACKAGE / name).is_dir() else ".py")
        title = html.escape(said_of(name), quote=True)
        return f'<a class="part" href="#{anchor(name)}" title="{title}">{shown}</a>'


class Parts(SphinxDirective):
    """Write a section for each folder or file, the highest floor first: what it is, and its files."""

    def run(self):
        """Return the sections."""
        return [self.section(name) for floor in parts() for name in floor]

    def section(self, name):
        """Return the section of one folder or file."""
        folder = (PACKAGE / name).is_dir()
        made = nodes.section(ids=[anchor(name)], names=[anchor(name)])
        made += nodes.title("", "", nodes.literal("", name + ("/" if folder else ".py")))
        lines = [said_of(name), ""]
        if folder:
            lines += [f"- `{file.name}`: {said}" for file in files(name) if file.name != "__init__.py"
                      and (said := first_sentence(file))]
        self.state.nested_parse(StringList(lines, source=str(PACKAGE / name)), 0, made)
        return made


def anchor(name):
    """Return the id of a section."""
    return f"part-{name.strip('_').replace('_', '-')}"


def setup(app):
    """Add both directives."""
    app.add_directive("picture", Picture)
    app.add_directive("parts", Parts)
    return {"parallel_read_safe": True}
