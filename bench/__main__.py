"""``python -m bench``: set rivals up, run them, report."""
import argparse
import json
import os
import pathlib
import sys

from . import cases, environments, machine, report, rivals
from .runner import Run


def _pair(text):
    """Split NAME=PYTHON."""
    name, found, python = text.partition("=")
    if not found:
        raise argparse.ArgumentTypeError(f"NAME=PYTHON expected, not {text!r}")
    return name, python


def _add_run(commands):
    run = commands.add_parser("run", help="time the rivals and write JSON")
    run.add_argument("--case", action="append", choices=list(cases.CASES), help="only this case (repeatable)")
    run.add_argument("--repeat", type=int, default=3, help="interleaved rounds (default 3)")
    run.add_argument("--patience", type=int, default=2,
                     help="how often a timing that other processes disturbed is repeated (default 2)")
    run.add_argument("--out", default="bench.json", help="file that is written (default bench.json)")
    run.add_argument("--env", action="append", type=_pair, default=[], metavar="NAME=PYTHON",
                     help="existing interpreter of a rival, or all=PYTHON (repeatable)")
    run.add_argument("--text", default=os.environ.get(cases.TEXT_VARIABLE), help="npz of the text case")
    run.add_argument("--limit", type=float, default=120.0, help="seconds per call before a rival is stopped")
    run.add_argument("--wanted", type=float, default=report.WANTED, help="gap that the tight setting must reach")
    run.add_argument("--threads", type=int, default=2, help="threads for every solver (default 2)")
    run.add_argument("--no-memory", dest="memory", action="store_false", help="leave the memory runs out")
    return run


def _parser():
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (_add_run(commands), commands.add_parser("setup", help="make the rivals' environments")):
        command.add_argument("--rival", action="append", choices=rivals.names(), help="only this rival (repeatable)")
        command.add_argument("--folder", default=environments.DEFAULT_FOLDER, type=pathlib.Path,
                             help="folder of environments and cached data")
    shown = commands.add_parser("report", help="print Markdown; several files of one machine are shown as one run")
    shown.add_argument("file", type=pathlib.Path, nargs="+")
    commands.add_parser("list", help="name cases and rivals")
    return parser


def _setup(options):
    return 1 if environments.setup(options.folder, options.rival or rivals.names()) else 0


def _write(run, options, names):
    """Write what has been measured so far, so that an interrupted run is not lost."""
    kept = {key: getattr(options, key) for key in ("repeat", "patience", "limit", "wanted", "threads")}
    found = {
        "machine": machine.describe(), "options": kept, "startup": run.startup, "absent": run.absent,
        "targets": {name: cases.CASES[name].target for name in names}, "rows": run.rows,
        "notes": {rivals.get(name).NAME: rivals.get(name).NOTES for name in run.pythons},
    }
    pathlib.Path(options.out).write_text(json.dumps(found, indent=1))


def _run(options):
    pythons, absent = environments.resolve(options.folder, options.rival or rivals.names(), dict(options.env))
    run = Run(pythons, options.folder / "data", options, say=lambda text: print(text, file=sys.stderr, flush=True))
    run.absent.update(absent)
    run.greet()
    names = options.case or list(cases.CASES)
    for name in names:
        run.case(cases.CASES[name])
        _write(run, options, names)
    _write(run, options, names)
    for name, reason in run.absent.items():
        print(f"not measured: {name}: {reason}", file=sys.stderr)
    return 0


def _report(options):
    print(report.render(report.merge([json.loads(file.read_text()) for file in options.file])))
    return 0


def _list(options):
    print("cases: ", " ".join(cases.CASES))
    print("rivals:", " ".join(rivals.names()))
    return 0


def main(arguments=None):
    """Run a command; return its exit code."""
    options = _parser().parse_args(arguments)
    commands = {"run": _run, "setup": _setup, "report": _report, "list": _list}
    return commands[options.command](options)


if __name__ == "__main__":
    sys.exit(main())
