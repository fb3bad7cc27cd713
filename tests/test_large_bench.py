"""The bench group `large` on a small twin: every way is certified, and the ways agree."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it reads /proc")
@pytest.mark.parametrize(("case", "scale"), [("one-hot", "0.0005"), ("dense", "0.01")])
def test_a_small_twin(case, scale, tmp_path):
    done = subprocess.run([sys.executable, "-m", "bench.large", "--case", case, "--scale", scale, "--alphas", "8",
                           "--eps", "0.1", "--way", "memory", "--way", "cold", "--folder", str(tmp_path)],
                          capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["way"] for line in lines] == ["memory", "cold"]
    assert all(line["certified"] for line in lines)
    assert lines[0]["used"] == lines[1]["used"]
