"""The examples of README.md and docs/*.md as type checkers see them: `python tests/typed_examples.py [CHECKER ...]`.

Each page becomes one file. mypy, or each checker that is named (mypy, pyright), reads all of them, as strictly as it
can. Libraries without annotations are left out. The exit code is that of the first checker that complains.
"""

import doctest
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMMANDS = {"mypy": [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")],
            "pyright": ["pyright", "--pythonpath", sys.executable]}
PYRIGHT = {"extraPaths": [str(ROOT)], "reportMissingImports": False, "reportMissingModuleSource": False,
           "reportUnnecessaryTypeIgnoreComment": True, "reportUnusedExpression": False}
# Where a checker did not find the annotations of the package, it would call this comment unused.
REFUSED = """import fastlasso
fastlasso.fit_path([[1.0], [2.0]], [1.0, 2.0], no_such_argument=1)  # type: ignore[call-arg]
fastlasso.Lasso(no_such_argument=1)  # type: ignore[call-arg]
"""


def pages():
    """The pages with examples."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def examples(text):
    """Return the Python code of a page: doctests without their prompts, and blocks without any as they are."""
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    code = [source_of(block) if ">>>" in block else block for block in blocks]
    return "\n".join(part for part in code if part)


def source_of(block):
    """Return the examples of a doctest."""
    return "".join(example.source for example in doctest.DocTestParser().get_examples(block))


def write(folder):
    """Write the examples of each page to a file of its own; return the files."""
    files = []
    for page in pages():
        if code := examples(page.read_text(encoding="utf-8")):
            files.append(Path(folder) / f"{re.sub(r'[^a-z0-9]', '_', page.stem.lower())}_page.py")
            files[-1].write_text(code, encoding="utf-8")
    return files


def main(checkers):
    with tempfile.TemporaryDirectory() as folder:
        files = [*write(folder), Path(folder) / "refused.py"]
        files[-1].write_text(REFUSED, encoding="utf-8")
        (Path(folder) / "pyrightconfig.json").write_text(json.dumps(PYRIGHT), encoding="utf-8")
        codes = [subprocess.run([*COMMANDS[name], *([] if name == "pyright" else map(str, files))],
                                cwd=folder).returncode for name in checkers]
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["mypy"]))
