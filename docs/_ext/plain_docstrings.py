"""Docstrings as they are written here: plain text, in which an indented block is a formula.

reStructuredText would read `|b|` as a substitution and `alpha_` as a reference. So, before numpydoc reads a docstring,
indented blocks become literal blocks, and outside of code and backticks these signs are escaped.
"""

import inspect
import re

BACKTICKS = re.compile(r"(``.+?``|`[^`]+`)")
SIGNS = re.compile(r"([|*\\])|(?<=[A-Za-z0-9])(_)(?![A-Za-z0-9])")
NAMED = {"Parameters", "Other Parameters", "Returns", "Yields", "Attributes", "Raises", "Warns"}


def indent(line):
    """Return the number of blanks that a line begins with; None for an empty line."""
    return len(line) - len(line.lstrip()) if line.strip() else None


def escaped(text):
    """Return text whose signs mean themselves, but within backticks."""
    parts = BACKTICKS.split(text)
    return "".join(part if k % 2 else SIGNS.sub(lambda found: "\\" + found[0], part) for k, part in enumerate(parts))


def line_of_section(line, section):
    """Return a line of a numpydoc section; of `name : type` numpydoc itself escapes the name."""
    if section in NAMED and indent(line) == 0:
        name, colon, kind = line.partition(" : ")
        return name + colon + escaped(kind) if colon or section == "Parameters" else line
    return escaped(line)


def as_rst(lines):
    """Return the lines of a docstring as reStructuredText."""
    found, section, deepest = [], "", None          # deepest: the indent that a literal block must exceed
    for k, line in enumerate(lines):
        here = indent(line)
        if deepest is not None and (here is None or here > deepest):
            found.append(line)
            continue
        deepest = None
        if here is None or set(line.strip()) == {"-"}:
            found.append(line)
            continue
        if k + 1 < len(lines) and set(lines[k + 1].strip()) == {"-"}:
            section = line.strip()
            found.append(line)
        elif line.lstrip().startswith(">>>"):
            deepest = here - 1
            found.append(line)
        elif is_formula(lines, k):
            deepest = before(lines, k)
            found += [" " * deepest + "::", "", line]
        else:
            found.append(line_of_section(line, section))
    return found


def before(lines, k):
    """Return the indent of the last line with text before line k."""
    return next((indent(line) for line in reversed(lines[:k]) if line.strip()), 0)


def is_formula(lines, k):
    """Whether line k begins a block that is indented more than the paragraph before it, after an empty line."""
    return k > 0 and not lines[k - 1].strip() and indent(lines[k]) > before(lines, k)


def convert(app, what, name, obj, options, lines):
    """Rewrite the docstring of an object of ours, before numpydoc does."""
    lines[:] = as_rst(inspect.cleandoc("\n".join(lines)).split("\n") if lines else [])


def of_others(app, what, name, obj, skip, options):
    """Skip members that come from other packages' base classes."""
    function = getattr(obj, "fget", obj)
    function = getattr(function, "__func__", function)
    return True if not (getattr(function, "__module__", None) or "fastlasso").startswith("fastlasso") else None


def setup(app):
    """Connect both, the first before numpydoc."""
    app.connect("autodoc-process-docstring", convert, priority=100)
    app.connect("autodoc-skip-member", of_others)
    return {"parallel_read_safe": True}
