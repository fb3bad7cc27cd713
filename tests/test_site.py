"""What the site is made of: every public name has its page, every example runs, the links of a built site are checked.

`make -C docs html` builds the site, with warnings as errors; `.ci/run` does so.
"""

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastlasso
from fastlasso import datasets, estimators, judge, plotting

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SCRIPTS = sorted((ROOT / "examples").glob("plot_*.py"))
MODULES = (fastlasso, estimators, datasets, judge, plotting)
PUBLIC = [pytest.param(module, name, id=f"{module.__name__}.{name}") for module in MODULES for name in module.__all__]
ON_FIRST_USE = [name for names in fastlasso.ON_FIRST_USE.values() for name in names]


def documented():
    """Return the objects that the API pages describe, by the name of their page."""
    found, module = {}, None
    for line in (DOCS / "api" / "index.md").read_text().splitlines():
        if line.startswith(".. currentmodule:: "):
            module = importlib.import_module(line.split()[-1])
        elif re.fullmatch(r"   \w+", line):
            found[f"{module.__name__}.{line.strip()}"] = getattr(module, line.strip())
    return found


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_every_public_name_has_a_page(module, name):
    assert any(getattr(module, name) is known for known in documented().values())


def test_names_imported_on_first_use_have_a_page_too():
    known = documented().values()
    assert not [name for name in ON_FIRST_USE if not any(getattr(fastlasso, name) is one for one in known)]


def test_every_page_is_that_of_a_public_name():
    names = {id(getattr(module, name)) for module in MODULES for name in module.__all__}
    assert not [page for page, known in documented().items() if id(known) not in names]


def test_public_names_say_what_they_are():
    assert not [page for page, known in documented().items() if not (known.__doc__ or "").strip()]


@pytest.fixture
def on_the_path(monkeypatch):
    """Put the folder of an extension on the path."""
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    monkeypatch.syspath_prepend(str(DOCS))


def test_plain_docstrings_become_rst(on_the_path):
    from plain_docstrings import as_rst

    given = ["Fit |b|, see `alpha_`; alpha_ and x*y.", "", "    1/2 |y - X b|^2 + alpha_", "", "after",
             "", "Parameters", "----------", "coef_ : array {|a|}", "    Of |b|."]
    assert as_rst(given) == [
        "Fit \\|b\\|, see `alpha_`; alpha\\_ and x\\*y.", "", "::", "", "    1/2 |y - X b|^2 + alpha_", "", "after", "",
        "Parameters", "----------", "coef_ : array {\\|a\\|}", "    Of \\|b\\|."]


def test_names_of_pages_become_links(on_the_path):
    from page_links import linked

    text = "See docs/guide.md and `docs/guide.md`, not `doctest docs/guide.md`.\n\n    docs/guide.md\n\ndocs/none.md"
    expected = "See [](/guide.md) and [](/guide.md), not `doctest docs/guide.md`.\n\n    docs/guide.md\n\ndocs/none.md"
    assert linked(text, {"guide"}) == expected
    fenced = "```python\n>>> docs/guide.md\n```\n"
    assert linked(fenced, {"guide"}) == fenced


def test_every_part_of_the_package_says_what_it_is(on_the_path):
    pytest.importorskip("sphinx")
    import package_picture

    parts = [name for floor in package_picture.parts() for name in floor]
    assert len(parts) == len(set(parts)) > 15
    assert not [name for name in parts if not package_picture.said_of(name)]


def test_links_are_checked(tmp_path, on_the_path):
    from check_links import main

    (tmp_path / "index.html").write_text('<a href="other.html#here">x</a><a href="https://elsewhere.org/none">y</a>')
    (tmp_path / "other.html").write_text('<p id="here"></p><a href="#here">z</a><img src="index.html">')
    assert main(tmp_path) == 0
    for bad in ('<a href="none.html">', '<a href="#none">', '<img src="none.png">', '<a href="index.html#none">'):
        (tmp_path / "third.html").write_text(bad)
        assert main(tmp_path) == 1


def test_an_empty_site_is_no_site(tmp_path, on_the_path):
    from check_links import main

    assert main(tmp_path) == 1


def test_there_are_examples():
    assert len(SCRIPTS) >= 10


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_examples_have_a_title_and_parse(script):
    """The site's build runs them; here only what a reader sees first."""
    text = script.read_text()
    compile(text, str(script), "exec")
    title, line, empty = text.splitlines()[1:4]
    assert set(line) == {"="}
    assert len(line) == len(title)
    assert empty == ""
    assert len(text.splitlines()) < 110


def test_the_notebook_runs_from_top_to_bottom(tmp_path):
    """Its code cells, in order, in one fresh interpreter, as a kernel would run them."""
    notebook = json.loads((ROOT / "examples" / "first_steps.ipynb").read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(code) > 8
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)
    lines = "\n".join("".join(cell["source"]) for cell in code)
    done = subprocess.run([sys.executable, "-c", lines], cwd=tmp_path, capture_output=True, text=True,
                          env={**os.environ, "MPLBACKEND": "agg", "PYTHONWARNINGS": "error::RuntimeWarning"})
    assert done.returncode == 0, done.stderr
    assert "certified" in done.stdout
    assert not list(tmp_path.iterdir())
