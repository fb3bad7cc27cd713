"""Imports go down, each idea has one place, classes stay short, and importing stays light.

Folders stand on floors. A file imports only from folders below its own, or from files of its own folder that do not
import it in turn. There are no exceptions, and imports inside functions count as well.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastlasso

PACKAGE = Path(fastlasso.__file__).parent
FLOORS = [
    {"annotations"},        # types, and no code
    {"_engine", "validation", "frames", "ways", "plotting", "progress", "_version"},    # import nothing else of ours
    {"parallel", "reference"},                  # side by side
    {"judge", "datasets"},
    {"losses", "penalties", "matrices"},        # side by side
    {"problem"},
    {"solver"},
    {"path"},
    {"selection"},
    {"refinement", "inference"},                # side by side
    {"estimators"},
    {"cli"},
    {"__main__"},
    {"__init__"},
]
FLOOR = {name: level for level, names in enumerate(FLOORS) for name in names}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "data" not in path.relative_to(PACKAGE).parts[:-1])
NEEDS_EXTRA = {"estimators": {"sklearn", "joblib"}}         # folders that are imported on first use only
EXTRAS = ("sklearn", "matplotlib", "pandas", "polars", "tqdm", "clarabel", "pytest", "pyarrow", "statsmodels")
SOLVER_CLASSES = ("solver/base.py:WorkingSetSolver", "solver/prover.py:Prover", "solver/working_set.py:WorkingSet",
                  "solver/solver.py:Solver", "solver/approach.py:Approach")
LONGEST_CLASS = 300
MOST_ATTRIBUTES = 12


def module(path):
    """The dotted name of a file within the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def tree(path):
    return ast.parse(path.read_text())


def nodes(path, *kinds):
    return [node for node in ast.walk(tree(path)) if isinstance(node, kinds)]


def imports(path):
    """Dotted names of our modules that a file imports, inside functions too."""
    package = list(path.relative_to(PACKAGE).parts[:-1])
    for node in nodes(path, ast.Import, ast.ImportFrom):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[2] or "__init__" for alias in node.names
                        if alias.name.split(".")[0] == "fastlasso")
        elif node.level:
            base = [*package[:len(package) - node.level + 1], *(node.module.split(".") if node.module else [])]
            yield from (resolved([*base, alias.name]) for alias in node.names)
        elif (node.module or "").split(".")[0] == "fastlasso":
            yield from (resolved([*node.module.split(".")[1:], alias.name]) for alias in node.names)


def resolved(parts):
    """The module that `from a.b import c` reads: a.b.c where that is one, else a.b."""
    known = {module(path) for path in FILES}
    for name in (".".join(parts), ".".join(parts[:-1])):
        if name in known or name.startswith("_engine"):
            return name
    return "__init__"


def test_every_folder_has_its_floor():
    assert {module(path).split(".")[0] for path in FILES} | {"_engine"} == set(FLOOR)


def test_the_design_page_lists_the_floors():
    page = PACKAGE.parent / "docs" / "design.md"
    if not page.exists():
        pytest.skip("no checkout")
    lines = page.read_text().partition("```{picture}\n")[2].partition("```")[0].splitlines()
    assert [set(re.split(" {2,}", line)) & set(FLOOR) for line in reversed(lines)] == FLOORS


@pytest.mark.parametrize("path", FILES, ids=module)
def test_imports_go_down(path):
    own = module(path).split(".")[0]
    for name in imports(path):
        folder = name.split(".")[0]
        assert folder == own or FLOOR[folder] < FLOOR[own], f"{module(path)} imports {name}"


def test_no_file_is_imported_by_what_it_imports():
    graph = {module(path): {name for name in imports(path) if name != module(path)} for path in FILES}

    def reached(name, seen):
        for other in graph.get(name, ()):
            if other not in seen:
                seen.add(other)
                reached(other, seen)
        return seen

    assert not [name for name in graph if name in reached(name, set())]


def test_package_faces_hold_no_constant():
    """A constant in two places could be patched in the wrong one."""
    for path in FILES:
        if path.name == "__init__.py":
            assert not [alias.name for node in nodes(path, ast.ImportFrom) for alias in node.names
                        if node.level and alias.name.isupper()], path


# ---------------------------------------------------------------- one place per idea


def engine_calls(path):
    return {node.attr for node in nodes(path, ast.Attribute)
            if isinstance(node.value, ast.Name) and node.value.id == "engine"}


def outside_of(*folders):
    return [path for path in FILES if module(path).split(".")[0] not in folders]


@pytest.mark.parametrize("path", outside_of("matrices"), ids=module)
def test_how_x_is_stored_is_known_to_the_matrices_alone(path):
    """Kernels named after a layout, and classes of it, are used in matrices/ alone."""
    assert not [name for name in engine_calls(path) if re.match("csc_|csr_|dense_|sparse_|rows_|gather_", name)]
    names = {alias.name for node in nodes(path, ast.ImportFrom) for alias in node.names if node.level}
    assert not [name for name in names if re.fullmatch("Dense.*|Sparse.*|Gathered.*|FromSums", name)]


def test_stored_values_are_read_in_the_columns_files_alone():
    """Of the compiled files, only those of the columns know rows and index pointers."""
    for path in (PACKAGE / "_engine").glob("*.pxi"):
        if path.name not in ("columns.pxi", "descent.pxi"):
            assert "indptr" not in path.read_text(), path


@pytest.mark.parametrize("path", outside_of("penalties", "judge", "reference"), ids=module)
def test_the_shape_of_the_penalty_is_known_to_the_penalties_alone(path):
    """L1 and ridge parts are named, and the compiled lines that know them called, in penalties/ alone."""
    assert not [node.attr for node in nodes(path, ast.Attribute) if node.attr in ("l1", "l2")]
    assert not engine_calls(path) & {"feasible_scales", "add_fenchel_young", "violators", "columns_to_check"}


def test_the_compiled_prox_stands_in_one_file():
    defined = {name for path in (PACKAGE / "_engine").glob("*.pxi")
               for name in re.findall(r"cdef inline double (prox|feasible_scale|fenchel_young)\(", path.read_text())
               if path.name != "penalty.pxi"}
    assert not defined


def is_squared_error(node):
    """Whether an expression halves or doubles a squared norm or P(0)."""
    if not (isinstance(node.op, ast.Mult | ast.Div)):
        return False
    constants = [side.value for side in (node.left, node.right) if isinstance(side, ast.Constant)]
    return any(value in (0.5, 2) for value in constants) and re.search("norms?2|null_(value|objective)|misfits",
                                                                      ast.unparse(node))


@pytest.mark.parametrize("path", outside_of("losses", "judge", "reference"), ids=module)
def test_the_loss_is_known_to_the_losses_alone(path):
    """1/2 |r|^2, P(0) = 1/2 |y|^2 and what follows from them are written in losses/ and in the judge's twin alone."""
    assert not [ast.unparse(node) for node in nodes(path, ast.BinOp) if is_squared_error(node)]
    assert "y_mean" not in {node.attr for node in nodes(path, ast.Attribute)} - ({"y_mean"} if "folds" in path.name
                                                                                 else set())


@pytest.mark.parametrize("path", [path for path in FILES if module(path).split(".")[0] == "judge"], ids=module)
def test_the_judge_shares_no_code_with_the_solver(path):
    """All that it takes from outside are checks of a sparse X's structure and of row labels, and names of types."""
    assert {name for name in imports(path) if not name.startswith("judge")} <= {"validation", "frames", "annotations"}


# ---------------------------------------------------------------- classes


def copies_of_self(function):
    """Names that a method gives to a copy of its own object."""
    return {target.id for node in ast.walk(function) if isinstance(node, ast.Assign)
            and ast.unparse(node.value) == "copy(self)" for target in node.targets}


def foreign_writes(path):
    """Attributes that a function writes on anything but its own object or a copy of it.

    Two are meant to be written: a path's `feature_names`, by whoever knows them, and scikit-learn's tags.
    """
    for function in nodes(path, ast.FunctionDef):
        own = {"self", "cls", *copies_of_self(function)}
        for node in ast.walk(function):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            for target in (part for whole in targets if whole for part in ast.walk(whole)):
                if (isinstance(target, ast.Attribute) and isinstance(target.ctx, ast.Store)
                        and ast.unparse(target.value) not in own and target.attr not in ("__doc__", "feature_names")
                        and not ast.unparse(target).startswith("tags.")):
                    yield ast.unparse(target)


@pytest.mark.parametrize("path", FILES, ids=module)
def test_nobody_outside_a_class_writes_its_attributes(path):
    assert not list(foreign_writes(path))


def classes():
    for path in FILES:
        for node in nodes(path, ast.ClassDef):
            yield f"{path.relative_to(PACKAGE)}:{node.name}", node.end_lineno - node.lineno + 1
    for path in (PACKAGE / "_engine").glob("*.pxi"):
        lines = path.read_text().splitlines()
        starts = [k for k, line in enumerate(lines) if line.startswith("cdef class")]
        for start in starts:
            end = next((k for k in range(start + 1, len(lines)) if re.match(r"\S", lines[k])), len(lines))
            yield f"{path.name}:{lines[start]}", end - start


def test_no_class_is_long():
    assert not [(name, length) for name, length in classes() if length > LONGEST_CLASS]


def test_the_solver_has_a_dozen_attributes_and_says_what_each_is():
    found, described = set(), ""
    for name in SOLVER_CLASSES:
        file, _, wanted = name.partition(":")
        kind = next(node for node in nodes(PACKAGE / file, ast.ClassDef) if node.name == wanted)
        described += ast.get_docstring(kind)
        found |= {node.attr for node in ast.walk(kind) if isinstance(node, ast.Attribute)
                  and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"}
    assert len(found) <= MOST_ATTRIBUTES, sorted(found)
    assert not [name for name in found if not re.search(rf"\b{name}\b", described)]


# ---------------------------------------------------------------- weight


def foreign_imports(path):
    """Names of foreign packages imported at the top of a file, or in a `try` there."""
    tried = [node for block in tree(path).body if isinstance(block, ast.Try) for node in block.body]
    for node in tree(path).body + tried:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", FILES, ids=module)
def test_files_need_only_numpy_and_scipy(path):
    needed = NEEDS_EXTRA.get(module(path).split(".")[0], set())
    assert set(foreign_imports(path)) <= set(sys.stdlib_module_names) | {"numpy", "scipy"} | needed


@pytest.mark.parametrize("path", sorted((PACKAGE / "estimators").glob("*.py")), ids=module)
def test_of_scikit_learn_only_public_names_are_used(path):
    foreign = [node for node in nodes(path, ast.ImportFrom) if not node.level]
    names = {part for node in foreign for part in [*node.module.split("."), *(alias.name for alias in node.names)]}
    assert not {name for name in names if name.startswith("_")}


def loaded_by(statement):
    """Modules that a fresh interpreter holds after the statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_and_fitting_load_no_extra():
    loaded = loaded_by("import fastlasso, numpy\nfastlasso.fit_path(numpy.eye(3), [1.0, 2.0, 4.0], alphas=3)")
    assert not [name for name in EXTRAS if name in loaded]
    assert not {name for name in loaded if name.startswith(("fastlasso.estimators", "fastlasso.refinement"))}


def test_importing_is_no_heavier_than_numpy_and_scipy_sparse():
    """What comes on top of numpy, scipy.sparse and the standard library is ours."""
    extra = loaded_by("import fastlasso") - loaded_by("import numpy, scipy.sparse, concurrent.futures")
    foreign = {name for name in extra if name.split(".")[0] not in sys.stdlib_module_names | {"fastlasso"}}
    assert not {name for name in foreign if not name.startswith(("numpy", "_cython", "cython"))}, foreign


def test_every_public_name_is_there():
    for name in fastlasso.__all__:
        assert getattr(fastlasso, name).__doc__, name
