"""The one compiled module of fastlasso; everything else about the project is in pyproject.toml."""
from Cython.Build import cythonize
from setuptools import Extension, setup

DIRECTIVES = {"language_level": 3, "boundscheck": False, "wraparound": False, "cdivision": True,
              "initializedcheck": False, "freethreading_compatible": True}
ENGINE = Extension("fastlasso._engine.engine",
                   sources=["fastlasso/_engine/engine.pyx", "fastlasso/_engine/simd.c"],
                   depends=[f"fastlasso/_engine/{name}" for name in (
                       "simd.h", "simd_body.h", "simd_functions.h", "functions.pxi", "penalty.pxi", "columns.pxi",
                       "gram_store.pxi", "gram_factor.pxi", "gram_face.pxi", "gram_knots.pxi", "gram.pxi", "small.pxi",
                       "small_loss.pxi", "small_risk.pxi", "descent.pxi")],
                   # the compiler fuses no multiply-add on its own: the same bits at every instruction level
                   extra_compile_args=["-O3", "-g0", "-ffp-contract=off"])

setup(ext_modules=cythonize([ENGINE], compiler_directives=DIRECTIVES))
