"""The one compiled module of fastlasso; everything else about the project is in pyproject.toml."""
import os
import re
import sysconfig
import tomllib
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

DIRECTIVES = {"language_level": 3, "boundscheck": False, "wraparound": False, "cdivision": True,
              "initializedcheck": False, "auto_pickle": False, "freethreading_compatible": True}
# The compiler fuses no multiply-add on its own: the same bits at every instruction level. Tables for unwinding, which C
# does not need, would be 53 KB.
FLAGS = {"unix": ["-O2", "-g0", "-ffp-contract=off", "-fno-asynchronous-unwind-tables"],
         # gcc for Windows keeps the stack to 16 bytes, so that no vector on it may be taken for aligned
         "mingw32": ["-O2", "-g0", "-ffp-contract=off", "-Wa,-muse-unaligned-vector-move"],
         "clang-cl": ["/clang:-O2", "/clang:-ffp-contract=off"],
         "msvc": ["/O2", "/fp:precise"]}
# Tiles of sums stay in registers at this level only. For the rest of the module it would be 180 KB more.
KERNELS = "fastlasso/_engine/simd.c"
KERNEL_FLAGS = {"unix": ["-O3"], "mingw32": ["-O3"], "clang-cl": ["/clang:-O3"], "msvc": []}
# One module for every CPython from 3.11 on: the limited API, which the free-threaded ones up to 3.14 do not have.
LIMITED = not sysconfig.get_config_var("Py_GIL_DISABLED")

ENGINE = Extension("fastlasso._engine.engine", sources=["fastlasso/_engine/engine.pyx"],
                   py_limited_api=LIMITED, define_macros=[("Py_LIMITED_API", "0x030b0000")] if LIMITED else [],
                   depends=[KERNELS] + [f"fastlasso/_engine/{name}" for name in (
                       "simd.h", "simd_body.h", "simd_functions.h", "vectors.h", "fma.h", "lanes.h", "yield.h",
                       "heap.h", "heap.pxi", "crew.pxi", "functions.pxi", "penalty.pxi", "columns.pxi",
                       "symmetric.pxi", "gram_store.pxi", "gram_factor.pxi", "gram_whole.pxi", "gram_face.pxi",
                       "gram_knots.pxi", "gram_primal.pxi", "gram.pxi", "small.pxi", "small_loss.pxi",
                       "small_risk.pxi", "descent.pxi")],
                   libraries=[] if sysconfig.get_platform().startswith("win") else ["m"])


def long_description():
    """README.md with pictures that a package page can show: by address in the repository, or left out without one."""
    text = Path("README.md").read_text(encoding="utf-8")
    urls = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"].get("urls", {})
    picture = r"!\[([^]]*)\]\((docs/[^)]*)\)\n*"
    if "Repository" not in urls:
        return re.sub(picture, "", text)
    return re.sub(picture, rf"![\1]({urls['Repository']}/raw/HEAD/\2)\n\n", text)


class Build(build_ext):
    """Chooses the flags of the compiler at hand; on Windows CC=clang-cl takes it in place of MSVC's compiler."""

    def build_extensions(self):
        kind = self.compiler.compiler_type
        if kind == "msvc":
            if not self.compiler.initialized:
                self.compiler.initialize()
            if os.environ.get("CC", "").endswith(("clang-cl", "clang-cl.exe")):
                self.compiler.cc, kind = os.environ["CC"], "clang-cl"
        kind = kind if kind in FLAGS else "unix"
        for extension in self.extensions:
            extension.extra_compile_args = FLAGS[kind]
            extension.extra_objects = self.compiler.compile(
                [KERNELS], output_dir=self.build_temp, extra_postargs=FLAGS[kind] + KERNEL_FLAGS[kind])
        super().build_extensions()

    def copy_extensions_to_source(self):
        """Also remove a module for this Python alone, which would be imported in place of the one for all."""
        if LIMITED:
            Path("fastlasso/_engine/engine" + sysconfig.get_config_var("EXT_SUFFIX")).unlink(missing_ok=True)
        super().copy_extensions_to_source()


setup(ext_modules=cythonize([ENGINE], compiler_directives=DIRECTIVES), cmdclass={"build_ext": Build},
      options={"bdist_wheel": {"py_limited_api": "cp311"}} if LIMITED else {},
      long_description=long_description(), long_description_content_type="text/markdown")
