"""Time `import fastlasso` against numpy + scipy.sparse, in fresh interpreters.

    python -m bench.import_time [ROUNDS]

The contract: no more than 30 ms on top of numpy and scipy.sparse, and scikit-learn stays outside until an estimator
is asked for.
"""

import os
import subprocess
import sys

STATEMENTS = {"numpy, scipy.sparse": "import numpy, scipy.sparse",
              "fastlasso": "import fastlasso",
              "fastlasso.Lasso": "from fastlasso import Lasso",
              "sklearn.linear_model": "from sklearn.linear_model import Lasso"}
TIMED = "from time import process_time\nstart = process_time()\n{}\nprint(process_time() - start)"
ALLOWED = 0.030


def seconds(statement):
    """CPU seconds (an import does little else) of a statement in a fresh interpreter, beside its start."""
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return float(subprocess.run([sys.executable, "-c", TIMED.format(statement)], capture_output=True, text=True,
                                check=True, env=compiled).stdout)


def main(rounds=25):
    """Print the best of interleaved rounds: imports are only ever disturbed upwards."""
    times = [{name: seconds(statement) for name, statement in STATEMENTS.items()} for _ in range(rounds)]
    best = {name: min(row[name] for row in times) for name in STATEMENTS}
    for name, value in best.items():
        print(f"{name:22} {1e3 * value:6.0f} ms")
    extra = best["fastlasso"] - best["numpy, scipy.sparse"]
    print(f"fastlasso on top of numpy, scipy.sparse: {1e3 * extra:.0f} ms (allowed: {1e3 * ALLOWED:.0f} ms)")
    return 0 if extra <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
