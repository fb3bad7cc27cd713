"""The kernels give the same bits on every platform: hashes of their results, against those of `data/kernel_bits.txt`.

`kernel_bits.c` calls every kernel without Python, so that other compilers and emulated processors can be asked as well
(`.ci/wheels` does, with -O3). Here the compilers of this machine are asked, then the compiled module that is installed.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastlasso._engine import engine

HERE = Path(__file__).parent
SOURCES = HERE.parent / "fastlasso" / "_engine"
GOLDEN = (HERE / "data" / "kernel_bits.txt").read_text().splitlines()
MODULE = "9e8e8f997475b30c77009f6c79836f46a2eedc35a8216947e503c3f08b4d1f84"
# vectors, vectors without shuffles (gcc before 12), plain loops, and the multiply-add of fma.h not the C library
FLAGS = {"vectors": ["-O1"], "older gcc": ["-O0", "-DFL_NO_SHUFFLE"],
         "plain": ["-O2", "-DFL_PLAIN", "-fwrapv"], "own fma": ["-O0", "-DFL_OWN_FMA"]}


def run_with(compiler, folder, *flags):
    """What kernel_bits.c prints when this compiler has built it."""
    if shutil.which(compiler) is None or not (SOURCES / "simd.c").exists():
        pytest.skip(f"no {compiler}, or the tests run without the checkout")
    program = folder / "kernel_bits"
    strict = ["-std=c11", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([compiler, *strict, *flags, "-I", SOURCES, HERE / "kernel_bits.c", SOURCES / "simd.c", "-lm", "-o",
                    program], check=True)
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()


RARE = [("clang", flags) for flags in FLAGS if flags != "vectors"] + [("gcc", "own fma")]
# With clang only the vectors in every run: each compilation takes seconds.
COMPILED = [pytest.param(compiler, flags, id=f"{flags}-{compiler}",
                         marks=[pytest.mark.slow] if (compiler, flags) in RARE else [])
            for flags in FLAGS for compiler in ("gcc", "clang")]


@pytest.mark.parametrize(("compiler", "flags"), COMPILED)
def test_every_level_and_compiler_gives_the_same_bits(tmp_path, compiler, flags):
    lines = run_with(compiler, tmp_path, *FLAGS[flags])
    levels = list(dict.fromkeys(line.split()[0] for line in lines))
    assert levels[0] == "baseline"
    assert lines == [f"{level} {line}" for level in levels for line in GOLDEN]


def test_the_multiply_add_from_integers_rounds_once(tmp_path):
    assert run_with("gcc", tmp_path, "-O0", "-DFL_CHECK_FMA") == ["fma.h rounds as the C library does"]


def test_the_level_chosen_is_the_best_that_the_system_reports():
    if platform.machine() != "x86_64" or not Path("/proc/cpuinfo").exists():
        pytest.skip("reads /proc/cpuinfo of x86-64")
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    flags = next(set(line.split()) for line in lines if line.startswith("flags"))
    best = ("avx512" if {"avx512f", "avx512dq", "avx512vl"} <= flags else "avx2" if {"avx2", "fma"} <= flags
            else "baseline")
    level = subprocess.run([sys.executable, "-c", "from fastlasso._engine import engine; print(engine.simd_level())"],
                           capture_output=True, text=True, check=True,
                           env={name: value for name, value in os.environ.items() if name != "FASTLASSO_SIMD"})
    assert level.stdout.strip() == best


def results_of_the_module():
    """Results of the installed module's kernels on numbers that every NumPy draws alike."""
    rng = np.random.Generator(np.random.PCG64(1))
    for n, p in ((1, 1), (7, 3), (64, 5), (513, 11), (1030, 17)):
        X, W = rng.random((n, p)) - 0.3, rng.random((3, n))
        for dtype in ("f8", "f4"):
            A, out = np.asfortranarray(X, dtype), np.zeros((3, p))
            engine.dense_dots(A, 0, p, W, out)
            yield out
            out = np.zeros((3, n))
            engine.dense_combine(A, np.arange(p), rng.random((3, p)), 0, n, out)
            yield out
        yield engine.exp((W[0] - 0.5) * 1500)
        yield engine.divergence(W[0], W[1] - W[0])
        yield from engine.logistic((W[0] - 0.5) * 100)
        yield from engine.log_loss((W[0] - 0.5) * 20, np.round(W[1]), W[2] - 0.5)
        yield from engine.log_loss_local((W[0] - 0.5) * 20, np.round(W[1]))
        yield from engine.poisson((W[0] - 0.5) * 20, np.round(9 * W[1]), W[2] - 0.5)
        yield from engine.poisson_local((W[0] - 0.5) * 20, np.round(9 * W[1]))
        yield engine.line(W[0], W[1], 1.25)
        yield engine.farthest(W[0], W[1])
        yield engine.sums(W[0], None, 64)
        yield engine.sums(W[0], W[1], 64)


def test_the_installed_module_gives_the_same_bits_everywhere():
    digest = hashlib.sha256(b"".join(np.asarray(part, "<f8").tobytes() for part in results_of_the_module())).hexdigest()
    assert digest == MODULE
