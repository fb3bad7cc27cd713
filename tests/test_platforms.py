"""What packages and platforms need: files that setup.py, MANIFEST.in and pyproject.toml name, and types of C."""

import re
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from layouts import exact_matrix, target
from scipy import sparse

import fastlasso
from fastlasso import fit, fit_path
from fastlasso.validation import doubles, is_engine_float

ROOT = Path(__file__).parent.parent
ENGINE = ROOT / "fastlasso" / "_engine"
checkout = pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="reads the checkout")


@checkout
def test_setup_and_manifest_name_every_source_of_the_engine():
    """An engine.pyx that was not shipped made the first source distribution one that nobody could install."""
    setup, manifest = (ROOT / "setup.py").read_text(), (ROOT / "MANIFEST.in").read_text()
    sources = [path for path in ENGINE.iterdir() if path.suffix in (".pyx", ".pxi", ".h", ".c")
               and path.name != "engine.c"]
    assert len(sources) > 10
    assert [path.name for path in sources if f'{path.name}"' not in setup] == []
    shipped = re.findall(r"fastlasso/_engine/\*(\.\w+)", manifest)
    assert {path.suffix for path in sources} | {".pyx"} == set(shipped)
    assert "exclude fastlasso/_engine/engine.c" in manifest


@checkout
def test_the_version_is_written_once():
    files = [*ROOT.glob("*.py"), *ROOT.glob("*.toml"), *ROOT.glob("conda/*"), *ROOT.glob(".github/**/*.yml"),
             *(ROOT / "fastlasso").rglob("*.py")]
    assert [path.name for path in files if f'"{fastlasso.__version__}"' in path.read_text()] == ["_version.py"]


@checkout
def test_the_long_description_has_no_relative_picture():
    """A package page shows pictures by address only; setup.py leaves others out."""
    code = (ROOT / "setup.py").read_text().split("\nclass Build")[0].split("def long_description")[1]
    found = {"re": re, "tomllib": tomllib, "Path": lambda name: ROOT / name}
    exec("def long_description" + code, found)
    text = found["long_description"]()
    assert text.startswith("# ")
    assert all(address.startswith("https://") for address in re.findall(r"!\[[^]]*\]\(([^)]*)\)", text))


@pytest.mark.parametrize("code", ["d", "f"])
def test_floats_of_the_engine(code):
    assert is_engine_float(np.dtype(code))
    assert not is_engine_float(np.dtype(code).newbyteorder())


def test_a_long_double_of_eight_bytes_is_no_double():
    """On Windows and on macOS arm64 it equals float64 in NumPy, and its buffers have the format "g"."""
    assert not is_engine_float(SimpleNamespace(char="g", itemsize=8, isnative=True))
    assert not is_engine_float(np.dtype(np.longdouble))


@pytest.mark.parametrize("kind", [np.longdouble, np.half, np.longlong, np.intc, "long", "ulonglong", bool])
def test_values_of_every_type_of_c(kind):
    """Types that differ between platforms in name or size: the fit is that of the same values as float64."""
    A = np.rint(exact_matrix(30, 8) * 4) > 0 if kind is bool else np.abs(np.rint(exact_matrix(30, 8) * 4))
    A = np.ascontiguousarray(A).astype(kind)
    y, weights = np.rint(target(A) * 8).astype(np.longdouble), np.ones(30, np.longdouble)
    weights[3] = 2
    expected = fit(A.astype(float), y.astype(float), 0.05, sample_weight=weights.astype(float))
    for X in (A, np.asfortranarray(A)):
        found = fit(X, y, np.longdouble(0.05), sample_weight=weights)
        np.testing.assert_allclose(found.coef, expected.coef, rtol=1e-12)
    assert fit_path(A, y, alphas=np.array([0.5, 0.1], np.longdouble)).certified.all()
    assert doubles(y).dtype.char == "d"


@pytest.mark.parametrize("kind", [np.intc, np.int32, np.int64, np.longlong])
def test_indices_of_every_type_of_c(kind):
    """int64 is C's long on Linux and macOS, and its long long on Windows."""
    A = exact_matrix(30, 8, density=0.4)
    X = sparse.csc_array(A)
    X.indices, X.indptr = X.indices.astype(kind), X.indptr.astype(kind)
    np.testing.assert_array_equal(fit(X, target(A), 0.05).coef, fit(sparse.csc_array(A), target(A), 0.05).coef)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks the dynamic linker of Linux")
def test_the_module_names_the_libraries_it_needs():
    """libm above all: sqrt, hypot and fma came from whatever else was loaded."""
    from fastlasso._engine import engine
    assert b"libm.so" in Path(engine.__file__).read_bytes() or b"libc.musl" in Path(engine.__file__).read_bytes()
