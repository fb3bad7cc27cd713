"""What libraries do with input that crashes, hangs or misleads: every case in a child process, every verdict computed.

    python tests/fault_matrix.py --env celer=PYTHON --env skglm=PYTHON --out docs/fault-matrix.md

A library without an interpreter of its own runs in this one, if it is there; one that is nowhere has no column. The
children are ended after `--limit` seconds a case, and started again after a crash.
"""

import argparse
import json
import os
import pathlib
import selectors
import subprocess
import sys
import warnings
from collections import Counter

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")      # before numpy

import numpy as np
from fault_cases import CASES
from fault_worker import LIBRARIES, named_loss
from oracles import exact_gap

from fastlasso import ConvergenceWarning, fit, verify

PROMISED = {"fastlasso": 1e-6}
OTHERS = 1e-3
FAR_ABOVE = 10.0        # times the promise
TIGHT = 1e-12
DIGITS_PAY = 5_000      # values of X up to which 60 digits are affordable
STARTING = 120.0        # seconds allowed for the first imports of a library
HERE = pathlib.Path(__file__).resolve().parent
VERDICTS = {
    "right": "the answer solves the problem: its duality gap, by `fastlasso.verify`, is within ten times the promise "
             "(1e-6 of P(0) for fastlasso; 1e-3 for the others, whose tolerances are not gaps)",
    "error": "an exception for input that means nothing",
    "refused": "an exception for input that has an answer",
    "warned": "not right, or not meaningful, and a warning was given",
    "accepted": "an answer to input that means nothing, without a word",
    "wrong": "not right, or not finite, without a word",
    "fails": "an interrupt not served within half a second, a child process that cannot fit, answers that differ "
             "between threads, input written to",
    "hang": "no answer within the limit",
    "crash": "the process ended by a signal",
    "not offered": "the library does not have the option; - in the table",
}
BAD = ("crash", "hang", "wrong", "accepted", "fails")


class Child:
    """A process that runs cases with one library."""

    def __init__(self, library, python):
        self.library, self.python, self.process = library, python, None

    def ask(self, name, limit):
        """Return the answer to a case, or {"status": "crash" or "hang"}."""
        if self.process is None:
            self._start()
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        return self._read(limit)

    def _start(self):
        environment = {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONFAULTHANDLER": ""}
        self.process = subprocess.Popen([self.python, str(HERE / "fault_worker.py"), self.library], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        env=environment)
        if self._read(STARTING).get("ready") is None:
            raise RuntimeError(f"{self.library}: its Python does not start the worker")

    def _read(self, limit):
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(limit):
                self.stop()
                return {"status": "hang"}
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        code = self.process.wait()
        self.stop()
        return {"status": "crash", "text": f"signal {-code}" if code < 0 else f"exit {code}"}

    def stop(self):
        """End the process, if any."""
        if self.process is not None:
            with self.process:      # closes its pipes and waits for it
                self.process.kill()
            self.process = None


def relative_gap(truth, coef, intercept):
    """Duality gap of an answer as a share of P(0), after scaling by powers of two out of the extremes.

    By `verify`; where that is large, which may be its allowance for rounding, by 60 digits. Of a loss that is not
    quadratic it is then the distance from the objective of a solution of tolerance TIGHT.
    """
    A, y, alpha, options = truth
    options = {name: value for name, value in options.items() if name not in ("tol", "max_iter")}
    if options.pop("positive", False):
        options["lower"] = 0.0
    loss = options.pop("loss", None)
    if loss is not None:
        options["loss"] = named_loss(loss)
    kx, ky = power_of_two(A), power_of_two(y) if loss is None else 0
    if options.get("l1_ratio", 1.0) != 1.0:
        kx = ky = 0
    scaled = np.ldexp(np.ldexp(coef, kx // 2), kx - kx // 2 - ky)
    A, y, intercept = np.ldexp(A, -kx), np.ldexp(y, -ky), np.ldexp(intercept, -ky)
    alpha = np.ldexp(np.ldexp(alpha, -kx), -ky)
    found = verify(A, y, scaled, intercept, alpha=alpha, **options)
    if loss is not None and found.relative_gap > 1e-6:
        return min(found.relative_gap, distance(A, y, found.primal, alpha, options) / found.null_objective)
    if found.relative_gap <= 1e-6 or found.null_objective == 0 or A.size > DIGITS_PAY:
        return found.relative_gap
    return min(found.relative_gap, exact_gap(A, y, scaled, intercept, alpha, options) / found.null_objective)


def distance(A, y, objective, alpha, options):
    """How far an objective is above that of a solution of tolerance TIGHT."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        best = fit(A, y, alpha, tol=TIGHT, **options)
    return max(objective - verify(A, y, best.coef, best.intercept, alpha=alpha, **options).primal, 0.0)


def power_of_two(values):
    """Exponent of the largest magnitude."""
    largest = np.max(np.abs(values))
    return int(np.frexp(largest)[1]) if largest > 0 else 0


def verdict(library, case, answer):
    """Judge what a library made of a case."""
    status = answer["status"]
    if status == "error":
        if answer["kind"] in ("TimeoutError", "BrokenProcessPool"):
            return "hang"
        return "error" if case.truth is None and case.group != "process" else "refused"
    if status == "judged":
        return "right" if answer["well"] else "fails"
    if status != "answer":
        return status
    if case.truth is None:
        return "warned" if answer["warned"] else "accepted"
    return "right" if is_right(library, case, answer) else "warned" if answer["warned"] else "wrong"


def is_right(library, case, answer):
    coef, intercept = np.array(answer["coef"]), answer["intercept"]
    if coef.shape != case.truth[0].shape[1:] or not np.isfinite(coef).all() or not np.isfinite(intercept):
        return False
    return relative_gap(case.truth, coef, intercept) <= FAR_ABOVE * PROMISED.get(library, OTHERS)


def column(library, python, limit, names=tuple(CASES), say=lambda text: None):
    """Return {case: (verdict, answer)} of one library."""
    child, found = Child(library, python), {}
    try:
        for name in names:
            answer = child.ask(name, limit)
            found[name] = verdict(library, CASES[name], answer), answer
            say(f"{library}: {name}: {found[name][0]} {answer.get('kind', '')} {answer.get('text', '')}")
    finally:
        child.stop()
    return found


def version(library, python):
    """Name and version of the library in an interpreter, or None where it is not."""
    package = {"scikit_learn": "scikit-learn", "python_glmnet": "python-glmnet"}.get(library, library)
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    run = subprocess.run([python, "-c", code], capture_output=True, text=True)
    return f"{package} {run.stdout.strip()}" if run.returncode == 0 else None


def table(columns, versions):
    """The verdicts as Markdown."""
    lines = [f"| case | {' | '.join(versions[library] for library in columns)} |", "|---" * (len(columns) + 1) + "|"]
    group = None
    for name, case in CASES.items():
        if case.group != group:
            group = case.group
            lines.append(f"| **{group}** |" + " |" * len(columns))
        cells = (columns[library][name][0] for library in columns)
        lines.append(f"| {name} | {' | '.join(shown(cell) for cell in cells)} |")
    return "\n".join(lines)


def shown(cell):
    return f"**{cell}**" if cell in BAD else "-" if cell == "not offered" else cell


def totals(columns, versions):
    """How often each verdict came, as Markdown."""
    lines = [f"| | {' | '.join(VERDICTS)} |", "|---" * (len(VERDICTS) + 1) + "|"]
    for library, found in columns.items():
        count = Counter(kind for kind, _ in found.values())
        lines.append(f"| {versions[library]} | {' | '.join(str(count[kind]) for kind in VERDICTS)} |")
    return "\n".join(lines)


def legend():
    """What the verdicts mean, as Markdown."""
    rows = (f"| {word} | {text} |" for word, text in VERDICTS.items())
    return "\n".join(["| verdict | meaning |", "|---|---|", *rows])


PAGE = """# Fault matrix

What fastlasso and its peers do with {count} inputs that crash, hang or mislead solvers. Written by
`python tests/fault_matrix.py`; the cases are in `tests/fault_cases.py`, the calls in `tests/fault_worker.py`. Each case
runs in a child process with a limit of {limit:g} s, and every verdict is computed. fastlasso's column is one of the
tests. Interrupts and hangs depend on the machine's speed; the rest does not.

{legend}

{totals}

{table}
"""


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", action="append", default=[], metavar="NAME=PYTHON",
                        help=f"interpreter of a library: {', '.join(LIBRARIES)} (repeatable)")
    parser.add_argument("--library", action="append", choices=list(LIBRARIES), help="only this one (repeatable)")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds per case")
    parser.add_argument("--out", type=pathlib.Path, help="Markdown file that is written; else the table is printed")
    given = parser.parse_args(arguments)
    pythons = dict(pair.split("=", 1) for pair in given.env)
    pythons = {name: pythons.get(name, sys.executable) for name in given.library or LIBRARIES}
    versions = {name: found for name, python in pythons.items() if (found := version(name, python))}
    columns = {name: column(name, pythons[name], given.limit, say=lambda text: print(text, flush=True))
               for name in versions}
    page = PAGE.format(count=len(CASES), limit=given.limit, legend=legend(), totals=totals(columns, versions),
                       table=table(columns, versions))
    if given.out:
        given.out.write_text(page)
    else:
        print(page)
    return 1 if any(kind in BAD for kind, _ in columns.get("fastlasso", {}).values()) else 0


if __name__ == "__main__":
    sys.exit(main())
