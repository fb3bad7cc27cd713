"""Time `import fastlasso` in a process that has numpy and scipy.sparse, in fresh interpreters.

    python -m bench.import_time [ROUNDS]

The contract: no more than 30 ms on top of numpy and scipy.sparse, and scikit-learn stays outside until an estimator
is asked for.
"""

import os
import statistics
import subprocess
import sys

BEFORE = "import numpy, scipy.sparse"
STATEMENTS = (BEFORE, "import fastlasso", "from fastlasso import Lasso", "from sklearn.linear_model import Lasso")
TIMED = "{}\nfrom time import process_time\nstart = process_time()\n{}\nprint(process_time() - start)"
ALLOWED = 0.030


def seconds(statement):
    """CPU seconds (an import does little else) of a statement in a fresh interpreter, after those of `BEFORE`."""
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = "" if statement == BEFORE else BEFORE
    return float(subprocess.run([sys.executable, "-c", TIMED.format(before, statement)], capture_output=True,
                                text=True, check=True, env=compiled).stdout)


def main(rounds=25):
    """Print medians of interleaved rounds; return 1 if `import fastlasso` takes longer than allowed, else 0."""
    times = [[seconds(statement) for statement in STATEMENTS] for _ in range(rounds)]
    medians = dict(zip(STATEMENTS, map(statistics.median, zip(*times, strict=True)), strict=True))
    for statement, value in medians.items():
        print(f"{'' if statement == BEFORE else 'and then ':9}{statement:42}{1e3 * value:6.0f} ms")
    print(f"allowed for import fastlasso: {1e3 * ALLOWED:.0f} ms")
    return 0 if medians["import fastlasso"] <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
