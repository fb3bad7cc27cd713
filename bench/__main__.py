"""``python -m bench``: set rivals up, run them, report, compare two commits."""
import argparse
import json
import os
import pathlib
import sys

from . import cases, compare, data, environments, machine, report, rivals
from .runner import Run


def _pair(text):
    """Split NAME=PYTHON."""
    name, found, python = text.partition("=")
    if not found:
        raise argparse.ArgumentTypeError(f"NAME=PYTHON expected, not {text!r}")
    return name, python


def _add_common(command):
    command.add_argument("--folder", default=environments.DEFAULT_FOLDER, type=pathlib.Path,
                         help="folder of environments and cached data")


def _add_cases(command):
    command.add_argument("--case", action="append", choices=list(cases.CASES), metavar="NAME",
                         help="only this case (repeatable; `list` names them)")
    command.add_argument("--text", default=os.environ.get(data.TEXT_VARIABLE), help="npz of the text case")
    command.add_argument("--threads", type=int, default=2, help="threads for every solver (default 2)")


def _add_run(commands):
    run = commands.add_parser("run", help="time the rivals and write JSON")
    _add_cases(run)
    run.add_argument("--group", action="append", choices=cases.GROUPS, help="only these cases (repeatable)")
    run.add_argument("--repeat", type=int, default=3, help="interleaved rounds (default 3)")
    run.add_argument("--patience", type=int, default=2,
                     help="how often a timing that other processes disturbed is repeated (default 2)")
    run.add_argument("--out", default="bench.json", help="file that is written (default bench.json)")
    run.add_argument("--env", action="append", type=_pair, default=[], metavar="NAME=PYTHON",
                     help="existing interpreter of a rival, or all=PYTHON (repeatable)")
    run.add_argument("--limit", type=float, default=30.0,
                     help="seconds per call before a rival is stopped (default %(default)s)")
    run.add_argument("--wanted", type=float, default=report.WANTED, help="gap that the tight setting must reach")
    run.add_argument("--no-memory", dest="memory", action="store_false", help="leave the memory runs out")
    return run


def _add_report(commands):
    shown = commands.add_parser("report", help="write Markdown and plots; several files of one machine are one run")
    shown.add_argument("file", type=pathlib.Path, nargs="+")
    shown.add_argument("--out", type=pathlib.Path, help="file for the Markdown (default: standard output)")
    shown.add_argument("--images", type=pathlib.Path, help="folder for the plots (needs matplotlib)")
    shown.add_argument("--into", type=pathlib.Path, metavar="FILE",
                       help=f"replace the table between {report.BEGIN} and {report.END} in FILE")


def _add_compare(commands):
    compared = commands.add_parser("compare", help="time two commits in turns; exit 1 if one case is 15 %% slower")
    compared.add_argument("base")
    compared.add_argument("head")
    compared.add_argument("--most-pairs", type=int, default=compare.MOST_PAIRS,
                          help="timings of each commit at most (default %(default)s)")
    _add_cases(compared)
    _add_common(compared)


def _parser():
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (_add_run(commands), commands.add_parser("setup", help="make the rivals' environments")):
        command.add_argument("--rival", action="append", choices=rivals.names(), help="only this rival (repeatable)")
        _add_common(command)
    _add_report(commands)
    _add_compare(commands)
    commands.add_parser("list", help="name cases and rivals")
    return parser


def _setup(options):
    return 1 if environments.setup(options.folder, options.rival or rivals.names()) else 0


def _write(run, options, names):
    """Write what has been measured so far, so that an interrupted run is not lost."""
    kept = {key: getattr(options, key) for key in ("repeat", "patience", "limit", "wanted", "threads")}
    found = {
        "machine": machine.describe() | {"speeds": run.speeds}, "options": kept, "startup": run.startup,
        "absent": run.absent, "targets": {name: cases.CASES[name].target for name in names}, "rows": run.rows,
        "notes": {rivals.get(name).NAME: rivals.get(name).NOTES for name in run.pythons},
    }
    pathlib.Path(options.out).write_text(json.dumps(found, indent=1))


def _names(options):
    """Return the names of the cases asked for: some, those of some groups, or all."""
    groups = options.group or cases.GROUPS
    return options.case or [name for name, case in cases.CASES.items() if case.group in groups]


def _progress(text):
    print(text, file=sys.stderr, flush=True)


def _run(options):
    pythons, absent = environments.resolve(options.folder, options.rival or rivals.names(), dict(options.env))
    names = _names(options)
    with Run(pythons, options.folder / "data", options, say=_progress) as run:
        run.absent.update(absent)
        run.greet()
        for name in names:
            run.case(cases.CASES[name])
            _write(run, options, names)
    _write(run, options, names)
    for name, reason in run.absent.items():
        print(f"not measured: {name}: {reason}", file=sys.stderr)
    return 0


def _report(options):
    found = report.merge([json.loads(file.read_text()) for file in options.file])
    if options.images:
        from . import plots

        plots.draw(found, options.images)
    if options.into:
        report.insert(found, options.into, options.images)
    if options.out:
        options.out.write_text(report.render(found) + "\n")
    elif not options.into:
        print(report.render(found))
    return 0


def _compare(options):
    names = options.case or [name for name, case in cases.CASES.items() if case.group == "main"]
    try:
        passed = compare.compare(options.base, options.head, names, options.folder / "data", options, _progress)
    except compare.BuildFailed as failure:
        _progress(failure)
        return 2
    return 0 if passed else 1


def _list(options):
    for group in cases.GROUPS:
        print(f"{group} cases:", " ".join(name for name, case in cases.CASES.items() if case.group == group))
    print("rivals:", " ".join(rivals.names()))
    return 0


def main(arguments=None):
    """Run a command; return its exit code."""
    options = _parser().parse_args(arguments)
    commands = {"run": _run, "setup": _setup, "report": _report, "compare": _compare, "list": _list}
    return commands[options.command](options)


if __name__ == "__main__":
    sys.exit(main())
