"""Micro-benchmarks of the engine's kernels: ``pytest -n 0 bench/test_kernels.py``.

Times are pytest-benchmark's. Where valgrind is present each kernel also carries the number of instructions of one
call (``extra_info["instructions"]``), which no other process disturbs; valgrind knows no AVX-512, so these are counted
at the level "avx2".
"""
import os
import re
import shutil
import subprocess
import sys

import pytest

from .kernels import CALLS, kernels

pytest.importorskip("pytest_benchmark")
KERNELS = kernels()
INCLUSIVE = re.compile(r"^\s*([\d,]+) \([^)]*\)\s+\S*:(\S+)")


def inclusive_counts(listing):
    """Return the instructions of each function, callees included, from what callgrind_annotate prints."""
    found = {}
    for count, name in (match.groups() for line in listing.splitlines() if (match := INCLUSIVE.match(line))):
        found[name] = max(found.get(name, 0), int(count.replace(",", "")))
    return found


@pytest.fixture(scope="session")
def instructions(tmp_path_factory):
    """Instructions by function, of one process that called every kernel CALLS times; None without valgrind."""
    if not shutil.which("valgrind"):
        return None
    out = tmp_path_factory.mktemp("callgrind") / "out"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", sys.executable, "-m", "bench.kernels"]
    environment = os.environ | {"FASTLASSO_SIMD": "avx2", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    listing = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", str(out)], check=True,
                             capture_output=True, text=True)
    return inclusive_counts(listing.stdout)


def count_of(found, symbol):
    """Return the instructions of one call of a kernel; Cython names its function ``..._pw_..._<number><symbol>``.

    Of a function for several types there are as many, and one that chooses: the one that worked counts most.
    """
    name = re.compile(rf"__pyx\w*_pw_\w*\d{symbol}$")
    return max(count for function, count in found.items() if name.match(function)) / CALLS


@pytest.mark.parametrize("name", KERNELS)
def test_kernel(benchmark, instructions, name):
    """Time a kernel, and count its instructions where that can be done."""
    symbol, call = KERNELS[name]
    benchmark(call)
    if instructions:
        benchmark.extra_info["instructions"] = count_of(instructions, symbol)
        assert benchmark.extra_info["instructions"] > 0
