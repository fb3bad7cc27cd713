"""Annotations: every public name has them, lazy names are known to type checkers, and the examples pass mypy."""

import ast
import inspect
import subprocess
import sys
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import pytest

import fastlasso
from fastlasso import datasets, reference

PACKAGE = Path(fastlasso.__file__).parent
LAZY = {name: module for module, names in fastlasso.ON_FIRST_USE.items() for name in names}
NAMES = sorted({*fastlasso.__all__, *LAZY})
SPECIAL = ("__init__", "__len__", "__iter__", "__getitem__")


def functions_of(value):
    """The public functions behind a name, those of its base classes that are ours included."""
    if not inspect.isclass(value):
        return {value.__qualname__: value}
    members = {name: member for kind in reversed(value.__mro__) if kind.__module__.startswith("fastlasso")
               for name, member in vars(kind).items() if name[0] != "_" or name in SPECIAL}
    found = {}
    for name, member in members.items():
        inner = {property: "fget", cached_property: "func"}.get(type(member), "__func__")
        function = getattr(member, inner, member)
        if inspect.isroutine(function):
            found[f"{value.__name__}.{name}"] = inspect.unwrap(function)
    return {name: function for name, function in found.items() if function.__module__.startswith("fastlasso")}


def bare(function):
    """The parameters of a function without an annotation, and "return"."""
    signature = inspect.signature(function)
    missing = [name for name, parameter in signature.parameters.items()
               if parameter.annotation is parameter.empty and name not in ("self", "cls")]
    return missing + ["return"] * (signature.return_annotation is signature.empty)


@pytest.mark.parametrize("name", NAMES)
def test_public_functions_are_annotated(name):
    functions = functions_of(getattr(fastlasso, name))
    assert not {label: bare(function) for label, function in functions.items() if bare(function)}


@pytest.mark.parametrize("module", [datasets, reference], ids=["datasets", "reference"])
def test_functions_of_public_modules_are_annotated(module):
    names = getattr(module, "__all__", ["soft_threshold", "objective", "fista", "coordinate_descent"])
    functions = [getattr(module, name) for name in names if inspect.isfunction(getattr(module, name))]
    assert functions
    assert not {function.__name__: bare(function) for function in functions if bare(function)}


def test_type_checkers_know_each_lazy_name():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    block, = [node for node in tree.body if isinstance(node, ast.If) and node.test.id == "TYPE_CHECKING"]
    assert {alias.name: node.module for node in block.body for alias in node.names} == LAZY


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").exists()


def test_an_argument_without_an_annotation_is_found():
    def half(x: float, y) -> float:
        return x + y

    assert bare(half) == ["y"]
    assert bare(lambda x: x) == ["x", "return"]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_mypy_accepts_the_examples():
    done = subprocess.run([sys.executable, Path(__file__).parent / "typed_examples.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
