"""fastlasso's column of the fault matrix, and the judge of the matrix itself."""

import os
import sys

import numpy as np
import pytest
from fault_cases import CASES
from fault_matrix import BAD, Child, column, relative_gap, verdict

LIMIT = 30.0        # seconds per case
pytestmark = pytest.mark.skipif(os.name != "posix", reason="waits by select for the pipe of a child process")


@pytest.fixture(scope="module")
def verdicts():
    return column("fastlasso", sys.executable, LIMIT)


@pytest.mark.parametrize("name", CASES)
def test_nothing_crashes_hangs_or_misleads(name, verdicts):
    kind, answer = verdicts[name]
    assert kind not in BAD, answer
    assert kind != "warned" or CASES[name].truth is not None or CASES[name].may_warn, answer


def test_there_are_enough_cases():
    assert len(CASES) >= 120


def answered(coef, intercept=0.0, warned=()):
    return {"status": "answer", "coef": coef, "intercept": intercept, "warned": list(warned)}


@pytest.mark.parametrize(("name", "answer", "expected"), [
    ("two rows", answered([0.0] * 12), "wrong"),
    ("two rows", answered([0.0] * 12, warned=["careful"]), "warned"),
    ("two rows", answered([np.nan] * 12), "wrong"),
    ("two rows", answered([0.0]), "wrong"),
    ("y of zeros", answered([0.0] * 12), "right"),
    ("no rows", answered([0.0] * 12), "accepted"),
    ("no rows", {"status": "error", "kind": "ValueError"}, "error"),
    ("two rows", {"status": "error", "kind": "ValueError"}, "refused"),
    ("fork after a fit", {"status": "error", "kind": "TimeoutError"}, "hang"),
    ("8 threads at once", {"status": "judged", "well": False}, "fails"),
    ("two rows", {"status": "crash"}, "crash"),
    ("poisson: dense", answered([0.0] * 12), "wrong"),
    ("poisson: y has -1", answered([0.0] * 12), "accepted"),
])
def test_verdicts_are_computed(name, answer, expected):
    assert verdict("fastlasso", CASES[name], answer) == expected


def test_the_judge_scales_out_of_the_extremes():
    A, y, alpha, options = CASES["two rows"].truth
    plain = relative_gap((A, y, alpha, options), np.zeros(12), y.mean())
    huge = relative_gap((A * 2.0**540, y * 2.0**-500, alpha * 2.0**40, options), np.zeros(12), y.mean() * 2.0**-500)
    assert huge == plain > 0


def test_a_child_that_dies_is_a_crash_and_another_is_started():
    child = Child("fastlasso", sys.executable)
    try:
        assert child.ask("no such case", LIMIT)["status"] == "crash"
        assert child.ask("two rows", LIMIT)["status"] == "answer"
        assert child.ask("Ctrl-C in a long fit", 0.01)["status"] == "hang"
        assert child.ask("two rows", LIMIT)["status"] == "answer"
    finally:
        child.stop()
