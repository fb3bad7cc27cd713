"""The floors of the library: each module imports only from those below it, and importing it stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fastlasso

PACKAGE = Path(fastlasso.__file__).parent
FLOORS = [
    {"_engine", "parallel", "validation", "reference", "parameters", "prior"},     # stand alone
    {"judged"},
    {"certificate"},
    {"matrices"},
    {"design"},
    {"problem"},
    {"screening", "working_set"},
    {"solver"},
    {"results"},
    {"path"},
    {"cross_validation", "stability"},
    {"held_out"},
    {"schedule"},
    {"adaptive", "relaxation", "reweighting"},
    {"datasets"},
    {"estimators"},
    {"refinement_estimators"},
    {"plotting"},
    {"cli"},
    {"__main__"},
    {"__init__"},
]
FLOOR = {name: level for level, names in enumerate(FLOORS) for name in names}
# imports inside functions that break a cycle: an object offers a call that stands above it
UPWARDS = {("problem", "solver"), ("results", "path"), ("results", "plotting"), ("cross_validation", "plotting"),
           ("cli", "__init__")}
# modules that are imported on first use only
NEEDS_EXTRA = {"estimators": {"sklearn", "joblib"}, "refinement_estimators": {"sklearn"}}
EXTRAS = ("sklearn", "matplotlib", "pandas", "polars", "tqdm", "clarabel", "pytest")
SHARED = {"judged": {"validation"}, "certificate": {"judged"}}  # all that the judge shares: the check of a sparse X
ALONE = {"certificate", "judged", "reference", "validation", "parallel"}


def modules():
    return sorted(path.stem for path in PACKAGE.glob("*.py"))


def imports(module):
    """Yield (name of a module of ours, whether it is imported inside a function)."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    inner = {node for function in functions for node in ast.walk(function)}
    for node in ast.walk(tree):
        for name in ours(node):
            yield name, node in inner


def ours(node):
    """Names of our modules that a node imports."""
    if isinstance(node, ast.ImportFrom) and node.level:
        names = [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "fastlasso":
        names = (node.module.split(".")[1:2] or [alias.name for alias in node.names])
    elif isinstance(node, ast.Import):
        names = [alias.name.split(".")[1] for alias in node.names if alias.name.startswith("fastlasso.")]
    else:
        names = []
    return [name if name in modules() or name == "_engine" else "__init__" for name in names]


def outside(module):
    """Names of foreign packages imported at the top of a module, or in a `try` there."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text())
    tried = [node for block in tree.body if isinstance(block, ast.Try) for node in block.body]
    for node in tree.body + tried:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


def test_every_module_has_its_floor():
    assert set(modules()) | {"_engine"} == set(FLOOR)


@pytest.mark.parametrize("module", modules())
def test_imports_go_down(module):
    for name, inside_function in imports(module):
        excepted = inside_function and (module, name) in UPWARDS
        assert FLOOR[name] < FLOOR[module] or excepted, f"{module} imports {name}"


def test_every_exception_is_still_needed():
    used = {(module, name) for module in modules() for name, inside in imports(module)
            if inside and FLOOR[name] >= FLOOR[module]}
    assert UPWARDS <= used


@pytest.mark.parametrize("module", sorted(ALONE))
def test_the_judge_and_the_references_share_no_code_with_the_engine(module):
    assert {name for name, _ in imports(module)} == SHARED.get(module, set())


@pytest.mark.parametrize("module", modules())
def test_modules_need_only_numpy_and_scipy(module):
    assert set(outside(module)) <= set(sys.stdlib_module_names) | {"numpy", "scipy"} | NEEDS_EXTRA.get(module, set())


@pytest.mark.parametrize("module", NEEDS_EXTRA)
def test_of_scikit_learn_only_public_names_are_used(module):
    tree = ast.parse((PACKAGE / f"{module}.py").read_text())
    foreign = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level]
    names = {part for node in foreign for part in [*node.module.split("."), *(alias.name for alias in node.names)]}
    assert not {name for name in names if name.startswith("_")}


def test_only_the_matrices_and_the_working_set_know_dense_from_sparse():
    """Kernels named after a layout are called by matrices.py, and by working_set.py on the columns that it gathered."""
    layouts = ("csc_", "csr_", "dense_", "rows_", "gather_")
    for module in set(modules()) - {"matrices", "working_set"}:
        tree = ast.parse((PACKAGE / f"{module}.py").read_text())
        called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
                  and isinstance(node.value, ast.Name) and node.value.id == "engine"}
        assert not [name for name in called if name.startswith(layouts)], module


def loaded_by(statement):
    """Modules that a fresh interpreter holds after the statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_and_fitting_load_no_extra():
    loaded = loaded_by("import fastlasso, numpy\nfastlasso.fit_path(numpy.eye(3), [1.0, 2.0, 4.0], alphas=3)")
    assert not [name for name in EXTRAS if name in loaded]
    assert not loaded & {"fastlasso.plotting", "fastlasso.estimators"}


def test_importing_is_no_heavier_than_numpy_and_scipy_sparse():
    """What comes on top of numpy, scipy.sparse and the standard library is ours."""
    extra = loaded_by("import fastlasso") - loaded_by("import numpy, scipy.sparse, concurrent.futures")
    foreign = {name for name in extra if name.split(".")[0] not in sys.stdlib_module_names | {"fastlasso"}}
    assert not {name for name in foreign if not name.startswith(("numpy", "_cython", "cython"))}, foreign


def test_every_public_name_is_there():
    for name in fastlasso.__all__:
        assert getattr(fastlasso, name).__doc__, name
