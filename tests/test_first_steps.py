"""Every line of docs/start-shell.md is run; `python -m doctest docs/*.md` runs the Python of the other pages."""

import gzip
import io
import re
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fastlasso.cli import main

DOCS = Path(__file__).parents[1] / "docs"
SHELL = DOCS / "start-shell.md"
PAGES = sorted(DOCS.glob("start-*.md"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The tables that the page speaks of."""
    place, rng = tmp_path_factory.mktemp("shell"), np.random.default_rng(0)
    age, weight = rng.integers(30, 80, 90), rng.normal(75, 9, 90).round(1)
    smoker = np.where(0.1 * (age - 55) + rng.normal(size=90) > 0, "yes", "no")
    center = rng.choice(["Oslo", "Rome", "Lima", "Bonn"], 90)
    score = (0.08 * age + (smoker == "yes") + rng.normal(size=90)).round(2)
    rows = [["patient", "age", "weight", "smoker", "center", "score"],
            *([f"p{i:03d}", *map(str, row)] for i, row in
              enumerate(zip(age, weight, smoker, center, score, strict=True), 1))]
    rows[2][2] = ""
    text = "\n".join(map(",".join, rows)) + "\n"
    (place / "patients.csv").write_text(text)
    (place / "patients.csv.gz").write_bytes(gzip.compress(text.encode()))
    (place / "german.csv").write_text(text.replace(",", ";").replace(".", ","))
    (place / "later.csv").write_text("\n".join(",".join(row[::-1]) for row in [rows[0], *rows[50:60]]))
    return place


def commands():
    """(command, what the page shows of its answer) of each line with a prompt."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", SHELL.read_text(), re.DOTALL | re.MULTILINE)
    found = []
    for line in "".join(blocks).splitlines():
        if line.startswith("$ "):
            found.append([line[2:], ""])
        else:
            found[-1][1] += line
    return found


def test_every_line_of_the_shell_page(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    assert len(commands()) > 12
    for line, shown in commands():
        words = shlex.split(line)
        if words[0] == "cat":
            monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO((folder / words[1]).read_bytes())))
            words = words[3:]
        assert words[0] == "fastlasso"
        code, (out, err) = main(words[1:]), capsys.readouterr()
        if shown:
            assert (code, err.startswith(shown.removesuffix("..."))) == (3, True), (line, err)
        else:
            assert (code, bool(out) or "--out" in words) == (0, True), (line, err)
    assert (folder / "predicted.csv").read_text().startswith("patient,mean\np050,")


def test_there_is_a_page_for_each_side():
    assert [page.stem for page in PAGES] == [f"start-{side}" for side in ("biostatistics", "econometrics", "notebooks",
                                                                          "shell", "text")]
