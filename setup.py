"""What setup.cfg can't say: the native engine is built where there is a compiler.

It is a plain shared library that ctypes loads, no extension module, so that one file serves every
version of Python. Set TORCH_SPECINV_REQUIRE_NATIVE=1 to fail where it can't be built.
"""

import os
import runpy
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

FLAGS = ["-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden"]
FLAGS += ["-pthread", "-g0"]
if sys.platform == "darwin":
    FLAGS.append("-faligned-allocation")  # also where old systems are to be served

NATIVE = Path(__file__).parent / "torch_specinv" / "native"
SOURCES = runpy.run_path(str(NATIVE / "sources.py"))
HASH = SOURCES["hash_of"](NATIVE)


class Library(build_ext):
    """Builds shared libraries that know nothing of Python."""

    def build_extension(self, ext):
        """Build a library, and note from which sources beside it."""
        note = Path(self.get_ext_fullpath(ext.name)).with_name(SOURCES["NOTE"])
        # times of files don't tell whether a library is of these sources
        self.force = self.force or not note.exists() or note.read_text("ascii") != HASH
        note.unlink(missing_ok=True)
        super().build_extension(ext)
        note.write_text(HASH, "ascii")

    def get_export_symbols(self, ext):
        """Return what a library exports, without an entry point of a module."""
        return ext.export_symbols

    def get_ext_filename(self, fullname):
        """Return a file name without the version of Python."""
        return fullname.replace(".", os.sep) + ".so"


class Wheel(bdist_wheel):
    """Wheels for a platform and every version of Python."""

    def get_tag(self):
        """Return the tag of the wheel."""
        return ("py3", "none", super().get_tag()[2])


extension = Extension(
    "torch_specinv.native._lanes",
    [f"torch_specinv/native/{name}.cpp" for name in ("native", "forest", "peaks", "sinusoids")],
    depends=sorted(map(str, Path("torch_specinv/native").glob("*.h"))),
    define_macros=[("SPECINV_SOURCES", f'"{HASH}"')],
    language="c++",
    optional=os.environ.get("TORCH_SPECINV_REQUIRE_NATIVE") != "1",
    extra_compile_args=FLAGS,
    extra_link_args=["-pthread"],
)

# Visual C++ has no vectors of floats
setup(
    ext_modules=[] if sys.platform == "win32" else [extension],
    cmdclass={"build_ext": Library, "bdist_wheel": Wheel},
)
