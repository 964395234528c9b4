"""Compiles the hot modules, if asked: those that have a ``.pxd`` beside their ``.py``, an extension each.

The ``.py`` is the one source of both: interpreted as it stands, or compiled by Cython, which reads types of attributes
and arguments in the ``.pxd``. Nothing but the CPU that an invocation needs differs (docs/performance.md).

``RESTATE_REFLECT_COMPILE=1`` compiles, or fails, where a wheel is built and where an editable install is made; without
it nothing is compiled. By hand, in a checkout: ``python hatch_build.py`` compiles beside the sources, and ``--clean``
takes that away again."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # by hand, without the build backend
    BuildHookInterface = object

ROOT: Final = Path(__file__).parent
PACKAGE: Final = "restate_reflect"
VARIABLE: Final = "RESTATE_REFLECT_COMPILE"
_DIRECTIVES: Final = {
    "language_level": 3,
    "annotation_typing": False,  # annotations are for type checkers: `x: bytes` would refuse a subclass
    "binding": False,  # calls cost 3 % less
}


class CustomBuildHook(BuildHookInterface):  # type: ignore[misc, unused-ignore]
    """Adds the extensions to a wheel, or puts them beside the sources of an editable install."""

    def dependencies(self) -> list[str]:
        return ["Cython>=3.3", "setuptools>=70"] if _wished() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            clean(ROOT)
        if not _wished():
            return
        target = ROOT if version == "editable" else Path(self.directory, "extensions")
        compile_into(ROOT, target)
        if version != "editable":
            build_data["force_include"] |= {str(path): str(path.relative_to(target)) for path in extensions(target)}
            build_data |= {"pure_python": False, "infer_tag": True}


def _wished() -> bool:
    given = os.environ.get(VARIABLE, "0")
    if given not in ("0", "1"):
        raise SystemExit(f"{VARIABLE}={given!r} is neither 1 (compile or fail) nor 0 (don't)")
    return given == "1"


def modules(root: Path) -> list[Path]:
    """Sources of the modules that are compiled, relative to the root."""
    return [path.relative_to(root).with_suffix(".py") for path in sorted((root / PACKAGE).rglob("*.pxd"))]


def extensions(root: Path) -> list[Path]:
    """Those that were built below this folder."""
    return [path for path in (root / PACKAGE).rglob("*") if path.suffix in (".so", ".pyd")]


def stale(root: Path) -> list[Path]:
    """Sources that are newer than the extensions: Python would run these."""
    built = min((path.stat().st_mtime for path in extensions(root)), default=None)
    sources = [root / each.with_suffix(suffix) for each in modules(root) for suffix in (".pxd", ".py")]
    return [] if built is None else [path for path in sources if path.stat().st_mtime > built]


def clean(root: Path) -> None:
    """Removes the extensions beside the sources."""
    for path in extensions(root):
        path.unlink()


def compile_into(root: Path, target: Path) -> None:
    """Compiles the modules of ``root`` below ``target``. Raises whatever Cython and the C compiler do."""
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension

    os.chdir(root)  # Cython finds the .pxd of a package by paths relative to where it runs
    with tempfile.TemporaryDirectory() as scratch:
        wanted = [Extension(".".join(path.with_suffix("").parts), [path.as_posix()]) for path in modules(root)]
        built = cythonize(wanted, build_dir=scratch, compiler_directives=_DIRECTIVES, quiet=True)
        command = Distribution({"name": PACKAGE, "ext_modules": built}).get_command_obj("build_ext")
        command.build_temp, command.build_lib, command.parallel = scratch, str(target), os.cpu_count()
        command.ensure_finalized()
        command.run()


if __name__ == "__main__":
    clean(ROOT)
    if "--clean" not in sys.argv:
        compile_into(ROOT, ROOT)
