"""Every instruction level gives the same bits: a laptop's answer is the cluster's answer."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastlasso._engine import engine

LEVELS = ("baseline", "avx2", "avx512")
SCRIPT = """
import hashlib
import numpy as np
from layouts import PLAIN, build, exact_matrix, target
from fastlasso import cross_validate_path, fit, fit_path
from fastlasso._engine import engine

print(engine.simd_level())
rng = np.random.default_rng(0)
for n, p in ((37, 19), (50, 130), (701, 90), (1, 3), (2, 5), (4100, 21), (300, 700)):
    A = rng.standard_normal((n, p))         # no exact sums: every addition rounds
    A[:, ::3] *= rng.random((n, len(A[0, ::3]))) < 0.5
    y = target(A)
    w = rng.random(n) + 0.1
    for layout in PLAIN:
        for dtype in ("f8", "f4"):
            X = build(layout, A, dtype=dtype)
            for options in ({}, {"sample_weight": w, "l1_ratio": 0.6, "standardize": True},
                            {"lower": 0.0, "upper": 0.3}):
                path = fit_path(X, y, alphas=8, eps=0.05, **options)
                parts = (path.alphas, path.indptr, path.indices, path.values, path.intercepts, path.gaps, path.r2)
                found = fit(X, y, 0.1, **options)
                digest = hashlib.sha256(b"".join(part.tobytes() for part in (*parts, found.coef))).hexdigest()
                print(n, p, layout, dtype, *options, digest)
"""


@functools.cache
def answers(level):
    """What a fresh process prints at an instruction level, or None where the machine lacks it."""
    environment = os.environ | {"FASTLASSO_SIMD": level, "PYTHONWARNINGS": "ignore"}
    here = str(Path(__file__).parent)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment)
    if run.returncode and "no such instruction level" in run.stderr:
        return None
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_gives_the_bits_of_the_default(level):
    here = answers(level)
    if here is None:
        pytest.skip(f"this machine has no {level}")
    assert here[0] == level
    assert here[1:] == answers("")[1:]


def test_baseline_is_everywhere():
    assert answers("baseline") is not None


def test_the_best_level_is_the_default():
    assert answers("")[0] == [level for level in LEVELS if answers(level) is not None][-1]


def test_an_unknown_level_is_an_error_that_names_it():
    run = subprocess.run([sys.executable, "-c", "import fastlasso"], capture_output=True, text=True,
                         env=os.environ | {"FASTLASSO_SIMD": "quantum"})
    assert run.returncode
    assert "ImportError" in run.stderr
    assert "quantum" in run.stderr


def test_the_level_in_use_has_a_name():
    assert engine.simd_level() in LEVELS
