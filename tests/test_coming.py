"""The tables of docs/from-*.md: both cells of every row are run on the page's data, and give the same numbers.

The peers are in the extra "peers"; a page whose peer is missing is skipped. R's rows need Rscript and its glmnet.
"""

import re
import shutil
import subprocess
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from fastlasso import verify

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("from-*.md"))
ROW = re.compile(r"^\| `(.+?)` \| `(.+?)` \|")
ARGUMENTS = re.compile(r"^\| argument \| here \|\n(\|.*\n)+", re.MULTILINE)       # tests/test_porting*.py have these
SETUP = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ACCURACY = 1e-3                     # most peers run at their default tolerance
R = DOCS / "from-glmnet-r.md"


def rows_of(page):
    """Return the rows of a page: (code of the peer, code here)."""
    calls = ARGUMENTS.sub("", page.read_text())
    return [found.groups() for line in calls.splitlines() if (found := ROW.match(line))]


ROWS = [pytest.param(page, *row, id=f"{page.stem}: {row[0]}") for page in PAGES if page != R for row in rows_of(page)]


@cache
def names_of(page):
    """Run the setup of a page and return its names; a string instead if a package is missing."""
    names = {}
    try:
        for code in SETUP.findall(page.read_text()):
            exec(compile(code, str(page), "exec"), names)
    except ImportError as error:
        return str(error)
    return names


def evaluated(code, names):
    """Return the numbers of a cell."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return numbers(eval(code, dict(names)))


def numbers(value):
    """Return what is to be compared: an intercept and coefficients, parameters, or the value itself."""
    for intercept, coef in (("intercept", "coef"), ("intercept_", "coef_")):
        if hasattr(value, coef):
            return np.concatenate([np.ravel(getattr(value, intercept)), np.ravel(getattr(value, coef))])
    return np.asarray(getattr(value, "params", value), float)


def same(theirs, ours):
    """Compare the numbers of two cells; a coefficient alone is compared with that."""
    assert theirs.size == ours.size > 0
    np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, atol=ACCURACY * max(1, np.abs(theirs).max()))


@pytest.mark.parametrize(("page", "theirs", "here"), ROWS)
def test_row(page, theirs, here):
    names = names_of(page)
    if isinstance(names, str):
        pytest.skip(names)
    same(evaluated(theirs, names), evaluated(here, names))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_row_escapes(page):
    """Every line of a table that is no head is a row with code in both cells; tables of arguments say so."""
    calls = ARGUMENTS.sub("", page.read_text())
    lines = [line for line in calls.splitlines() if line.startswith("| ")]
    heads = [line for line in lines if re.match(r"^\| [\w -]+ \| here \|", line)]
    assert len(rows_of(page)) == len(lines) - len(heads) >= 3
    assert heads


def test_a_wrong_translation_is_noticed():
    """The accuracy asked for tells C on the sum from alpha on the mean, and a default from another."""
    page = DOCS / "from-scikit-learn.md"
    names = names_of(page)
    for theirs, here in (("Ridge(alpha=5.0).fit(X, y)", "fit(X, y, 5.0, l1_ratio=0)"),
                         ("Lasso(alpha=0.1).fit(X, y)", "fit(X, y, 0.1, standardize=True)"),
                         ("Lasso(alpha=0.1).fit(X, y)", "fit(X, y, 0.102)")):
        with pytest.raises(AssertionError):
            same(evaluated(theirs, names), evaluated(here, names))


def test_the_judge_finds_what_statsmodels_leaves():
    """The figure of docs/from-statsmodels.md: a fifth of the alphas, with an exposure."""
    names = names_of(DOCS / "from-statsmodels.md")
    if isinstance(names, str):
        pytest.skip(names)
    model = "sm.GLM(count, C, family=sm.families.Poisson(), exposure=days)"
    theirs = evaluated(f"{model}.fit_regularized(alpha=alphas / 5, L1_wt=1.0, **tight)", names)
    judged = verify(names["X"], names["count"], theirs[1:], theirs[0], alpha=0.02, loss="poisson",
                    offset=np.log(names["days"]))
    assert judged.relative_gap == pytest.approx(0.007, rel=0.1)


# ---- R: all rows in one process

R_HEAD = """suppressMessages(library(glmnet)); options(digits=17)
read <- function(name) as.matrix(read.csv(paste0(name, ".csv"), header=FALSE))
X <- read("X"); dimnames(X) <- NULL
for (name in c("y", "answer", "count", "amount", "w", "o", "v", "fold")) assign(name, read(name)[, 1])
glmnet.control(epsnr=1e-10, mxitnr=100)
row <- function(cell) tryCatch(cat("row", as.numeric(cell), "\\n"), packageNotFoundError=function(e) cat("row\\n"))
"""
VECTORS = ("X", "y", "answer", "count", "amount", "w", "o", "v", "fold")


@pytest.fixture(scope="module")
def in_r(tmp_path_factory):
    """The numbers of each row's cell, from one run of R."""
    if not shutil.which("Rscript"):
        pytest.skip("no Rscript")
    folder, names = tmp_path_factory.mktemp("r"), names_of(R)
    for name in VECTORS:
        np.savetxt(folder / f"{name}.csv", names[name], delimiter=",", fmt="%.17g")
    cells = [f"row({cell})" for cell, _ in rows_of(R)]
    (folder / "rows.R").write_text(R_HEAD + "\n".join(cells))
    done = subprocess.run(["Rscript", "rows.R"], cwd=folder, capture_output=True, text=True)
    if re.search(r"there is no package called .glmnet", done.stderr):
        pytest.skip("R has no glmnet")
    assert done.returncode == 0, done.stderr
    found = [np.array(line.split()[1:], float) for line in done.stdout.splitlines() if line.startswith("row")]
    return dict(zip((cell for cell, _ in rows_of(R)), found, strict=True))


@pytest.mark.parametrize(("theirs", "here"), rows_of(R), ids=lambda cell: cell)
def test_row_of_r(in_r, theirs, here):
    if not in_r[theirs].size:
        pytest.skip("a package of R is missing")
    ours = evaluated(here, names_of(R))
    same(in_r[theirs], np.ravel(ours, order="F"))
