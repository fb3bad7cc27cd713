"""The rivals' Pythons: one virtual environment per rival, made by pip from package names."""
import importlib.util
import json
import pathlib
import shutil
import subprocess
import sys

from . import rivals

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
DEFAULT_FOLDER = pathlib.Path.home() / ".cache" / "fastlasso-bench"


def _python(folder, name):
    scripts = "Scripts" if sys.platform == "win32" else "bin"
    return pathlib.Path(folder) / name / scripts / "python"


def _install(folder, name):
    """Make the environment of one rival; return None or the last line of what pip said."""
    if hasattr(rivals.get(name), "COMMAND"):
        return _missing_command(rivals.get(name).COMMAND)
    python = _python(folder, name)
    requirements = list(rivals.get(name).REQUIRES) or [str(CHECKOUT)]
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(python.parent.parent)], check=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--prefer-binary", *requirements]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or ["pip failed"])[-1]


def _missing_command(command):
    """Return what is wrong with a program that a rival needs, or None; its package is its own to report."""
    return None if shutil.which(command) else f"there is no {command} on the path"


def setup(folder, names, say=print):
    """Make the environments of the named rivals; each that fails is named with pip's last word, none is hidden.

    Returns
    -------
    dict of str to str
        What failed, and why.
    """
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    failed = {}
    for name in names:
        problem = _install(folder, name)
        say(f"{name}: {problem or 'ready'}")
        if problem:
            failed[name] = problem
    (pathlib.Path(folder) / "failed.json").write_text(json.dumps(failed, indent=1))
    return failed


def _why_absent(folder, name):
    file = pathlib.Path(folder) / "failed.json"
    failed = json.loads(file.read_text()) if file.exists() else {}
    return failed.get(name, "no environment: run `python -m bench setup` or give --env NAME=PYTHON")


def resolve(folder, names, given):
    """Find the interpreter of each rival.

    Parameters
    ----------
    folder : path
        Where `setup` made environments.
    names : list of str
    given : dict of str to str
        Interpreters named by the user; ``all=PYTHON`` serves every rival not named.

    Returns
    -------
    found, absent : dict of str to str
        Interpreters, and reasons for the rivals without one. Those of this project, and those that are programs of
        their own, fall back on this very Python.
    """
    found, absent = {}, {}
    for name in names:
        rival = rivals.get(name)
        python = given.get(name) or given.get("all") or str(_python(folder, name))
        if hasattr(rival, "COMMAND") and _missing_command(rival.COMMAND):
            absent[name] = _missing_command(rival.COMMAND)
        elif pathlib.Path(python).exists():
            found[name] = python
        elif hasattr(rival, "COMMAND") or (not rival.REQUIRES and importlib.util.find_spec("fastlasso")):
            found[name] = sys.executable
        else:
            absent[name] = _why_absent(folder, name)
    return found, absent
