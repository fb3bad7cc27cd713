"""Change the code in one place at a time, and see whether the tests notice.

    python tests/mutate.py judge/certificate judge/dual_point solver/screening --sample 100 --seed 0

Each mutant differs from the module in one operator, constant or comparison, in a copy of the checkout; the
tests named in `TESTS` run on it until the first failure. The score is the share of mutants that failed.
"""

import argparse
import ast
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The tests of each module, by its path in the package; the cheapest first.
TESTS = {
    **{f"judge/{module}": ["tests/test_certificate.py"]
       for module in ("certificate", "columns", "dual_point", "losses", "penalties", "reading", "rounding")},
    "solver/screening": ["tests/test_screening.py", "tests/test_invariances.py", "tests/test_problem_vectors.py",
                         "tests/test_hard_cases.py"],
    "validation": ["tests/test_validation.py", "tests/test_engine_contract.py", "tests/test_fault_matrix.py"],
}

# Seconds of processor time per mutant; it may take twenty times as many on the clock.
LIMIT = 120

# What becomes of each operator.
SWAPS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Lt: ast.LtE, ast.LtE: ast.Lt,
         ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.And: ast.Or, ast.Or: ast.And,
         ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn,
         ast.NotIn: ast.In, ast.Pow: ast.Mult, ast.FloorDiv: ast.Mult}


def changes(node):
    """Yield functions that change the node, each in one way."""
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in SWAPS:
        yield lambda: setattr(node, "op", SWAPS[type(node.op)]())
    if isinstance(node, ast.Compare):
        for k, op in enumerate(node.ops):
            yield lambda k=k, op=op: node.ops.__setitem__(k, SWAPS[type(op)]())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Invert):
        yield lambda: setattr(node, "op", ast.UAdd() if isinstance(node.op, ast.USub) else ast.Not())
    if isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
        yield lambda: setattr(node, "value", not node.value if isinstance(node.value, bool) else node.value + 1)
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield lambda: setattr(node, "test", ast.UnaryOp(ast.Not(), node.test))


def mutated(source, number=None):
    """Return (mutant `number` of a module's source, the line it changes), or how many mutants there are."""
    tree, count = ast.parse(source), 0
    for node in ast.walk(tree):
        for change in changes(node):
            if count == number:
                change()
                return ast.unparse(ast.fix_missing_locations(tree)), node.lineno
            count += 1
    return count


def outcome(folder, tests):
    """Return whether a mutant "survived" the tests, was "noticed", or took "too long"."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", *tests]
    try:
        run = subprocess.run(command, cwd=folder, capture_output=True, env=environment, timeout=20 * LIMIT,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT + 5)))
    except subprocess.TimeoutExpired:
        return "too long"
    if run.returncode == -signal.SIGXCPU:
        return "too long"
    return "survived" if run.returncode == 0 else "noticed"


def run(module, sample, seed, folder):
    """Try a sample of the mutants of a module, print the survivors, and return (how many were noticed, tried)."""
    file = folder / "fastlasso" / f"{module}.py"
    source = file.read_text()
    numbers = range(mutated(source))
    chosen = sorted(random.Random(seed).sample(numbers, min(sample, len(numbers))))
    noticed = 0
    for number in chosen:
        mutant, line = mutated(source, number)
        file.write_text(mutant)
        what = outcome(folder, TESTS[module])
        noticed += what == "noticed"
        if what != "noticed":
            print(f"{what}: {module} {number}, line {line}: {source.splitlines()[line - 1].strip()}", flush=True)
    file.write_text(source)
    print(f"{module}: {noticed} of {len(chosen)} mutants noticed ({100 * noticed / len(chosen):.0f} %), "
          f"of {len(numbers)} there are", flush=True)
    return noticed, len(chosen)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", default=list(TESTS), metavar="module", help=", ".join(TESTS))
    parser.add_argument("--sample", type=int, default=50, help="mutants of each module")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "checkout"
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", "build", "bench", "__pycache__"))
        for module in given.modules:
            run(module, given.sample, given.seed, folder)


if __name__ == "__main__":
    main()
