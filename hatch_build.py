"""Compiles the hot modules, where that is possible: those that have a ``.pxd`` beside their ``.py``.

All of them become one library, ``restate_reflect/_compiled``, from which ``restate_reflect/_extensions.py`` imports
them: what an invocation runs through lies close together, which after a switch between processes costs 5 % less than
40 libraries did; starting takes 10 ms less, and memory 0.7 MB.

The ``.py`` is the one source of both: interpreted as it stands, or compiled by Cython, which reads types of attributes
and arguments in the ``.pxd``. Compiled, an invocation needs a third of the CPU or less (docs/performance.md); nothing
else differs, so a machine without a C compiler gets the package without extensions.

``RESTATE_REFLECT_COMPILE`` says what a build does:

- ``auto`` (the default): compile if it works. Not for editable installs, whose sources are about to change.
- ``1``: compile, or fail.
- ``profile``: compile twice, or fail. In between the benchmark's workloads run (``benchmarks/training.py``) and show
  which branches are the usual ones: a tenth less CPU than with ``1``, and smaller extensions. GCC only; takes two and
  a half minutes on two cores where ``1`` takes one.
- ``0``: don't.

By hand, in a checkout: ``python hatch_build.py`` compiles beside the sources, with ``--profile`` as just said, and
``--clean`` takes that away again.
"""

from __future__ import annotations

import multiprocessing
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # by hand, without the build backend
    BuildHookInterface = object

ROOT: Final = Path(__file__).parent
PACKAGE: Final = "restate_reflect"
LIBRARY: Final = "_compiled"
"""A module, too: its ``MODULES`` are the names of all others in it."""
VARIABLE: Final = "RESTATE_REFLECT_COMPILE"
_EXTENSIONS: Final = (".so", ".pyd")
_IS_WINDOWS: Final = sys.platform == "win32"
# Pages of the extensions count as the process's memory: unwind tables, symbols and padding are a tenth of them. Less
# optimization (-Os) would be smaller still, and cost all that compiling gains.
_UNIX: Final = [] if _IS_WINDOWS else ["-O2", "-g0", "-fno-asynchronous-unwind-tables", "-fvisibility=hidden"]
_IS_LINUX: Final = sys.platform == "linux"
# Calls into Python not by way of a table of jumps: 5 % of an invocation.
_COMPILER: Final = [*_UNIX, "-fno-plt"] if _IS_LINUX else _UNIX
_LINKER: Final = ["-Wl,-s", "-Wl,-z,noseparate-code"] if _IS_LINUX else []
_WATCHING: Final = ["-fprofile-generate"]
# Threads of steps may count at the same time, and not every module is met.
_WATCHED: Final = ["-fprofile-use", "-fprofile-correction", "-Wno-missing-profile"]
_TRAINING: Final = "benchmarks.training"
_TRAINING_NEEDS: Final = ["h2>=4.1"]
"""Beside what the package needs."""
_TRAINING_TIMEOUT: Final = 600
"""Seconds; it takes three to ten."""

_DIRECTIVES: Final = {
    "language_level": 3,
    # What annotations say is for type checkers; Cython would turn `x: bytes` into a check that refuses a subclass.
    "annotation_typing": False,
    # Functions like those of C modules, without signatures and docstrings: 1 MB less, and calls cost 3 % less.
    "binding": False,
    # Nothing of this is ever pickled: 0.3 MB less.
    "auto_pickle": False,
}


class CompileError(Exception):
    """The extensions can't be built here; says why."""


class CustomBuildHook(BuildHookInterface):  # type: ignore[misc, unused-ignore]
    """Adds the extensions to a wheel, or puts them beside the sources of an editable install."""

    _folder: Path | None = None

    def dependencies(self) -> list[str]:
        """What the build needs beside Cython: the package must run for a profile."""
        if _wish(editable=False) != "profile":
            return []
        return [*self.metadata.core.dependencies, *_TRAINING_NEEDS]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """``version`` is "standard" or "editable"."""
        wish = _wish(editable=version == "editable")
        if version == "editable":
            clean(ROOT)
        if wish == "0":
            return
        try:
            self._compile(in_place=version == "editable", profile=wish == "profile", build_data=build_data)
        except CompileError as error:
            if wish != "auto":
                raise
            self.app.display_warning(
                f"{PACKAGE} is built without extensions ({error}). It works the same and needs more CPU;"
                f" {VARIABLE}=1 makes this an error."
            )

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _compile(self, *, in_place: bool, profile: bool, build_data: dict[str, Any]) -> None:
        if in_place:
            compile_into(ROOT, ROOT, profile=profile)
            return
        self._folder = Path(tempfile.mkdtemp())
        compile_into(ROOT, self._folder, profile=profile)
        for built in extensions(self._folder):
            build_data["force_include"][str(built)] = str(built.relative_to(self._folder))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def _wish(*, editable: bool) -> str:
    given = os.environ.get(VARIABLE, "auto")
    if given not in ("auto", "0", "1", "profile"):
        raise SystemExit(f"{VARIABLE}={given!r} is none of auto, 1 (compile or fail), profile (twice) and 0 (don't)")
    if given == "auto" and (editable or platform.python_implementation() != "CPython"):
        return "0"
    return given


def modules(root: Path) -> list[str]:
    """Names of the modules that are compiled."""
    found = (path.with_suffix(".py") for path in sorted((root / PACKAGE).rglob("*.pxd")))
    return [".".join(path.relative_to(root).with_suffix("").parts) for path in found if path.exists()]


def extensions(root: Path) -> Iterator[Path]:
    """Those that were built below this folder."""
    return (path for path in (root / PACKAGE).rglob("*") if path.suffix in _EXTENSIONS)


def stale(root: Path) -> list[Path]:
    """Sources that are newer than the extensions: Python would run these."""
    built = min((each.stat().st_mtime for each in extensions(root)), default=None)
    if built is None:
        return []
    types = list((root / PACKAGE).rglob("*.pxd"))
    sources = [path.with_suffix(".py") for path in types]
    return [path for path in (*types, *sources) if path.exists() and path.stat().st_mtime > built]


def clean(root: Path) -> None:
    """Removes the extensions beside the sources."""
    for built in list(extensions(root)):
        built.unlink()


def compile_into(root: Path, target: Path, *, profile: bool = False) -> None:
    """Compiles the modules of ``root`` to one library below ``target``.

    Raises:
        CompileError: Cython, setuptools, a C compiler or Python's headers are missing, or do not work; for a profile
            also what the package needs to run.
    """
    try:
        from Cython.Build import cythonize
        from Cython.Compiler import Options
        from setuptools import Extension
    except ImportError as error:
        raise CompileError(f"{error.name} is missing: pip install Cython setuptools") from error
    Options.docstrings = False
    before = Path.cwd()
    os.chdir(root)  # Cython finds the .pxd of a package by paths relative to where it runs
    try:
        with tempfile.TemporaryDirectory() as scratch:
            sources = [Extension(name, [f"{name.replace('.', '/')}.py"]) for name in modules(root)]
            translated: list[Any] = cythonize(
                [*sources, Extension(f"{PACKAGE}.{LIBRARY}", [_index(modules(root), scratch)])],
                nthreads=_processes(),
                build_dir=scratch,
                compiler_directives=_DIRECTIVES,
                quiet=True,
            )
            library = Extension(f"{PACKAGE}.{LIBRARY}", [source for each in translated for source in each.sources])
            if profile:
                _watch(root, library, scratch)
            _build(library, scratch, target, _WATCHED if profile else [])
    except CompileError:
        raise
    except (Exception, SystemExit) as error:
        raise CompileError(_said(error)) from error
    finally:
        os.chdir(before)


def _index(names: list[str], scratch: str) -> str:
    """Writes the library's own module. Python looks for a module's entry by the last part of its name."""
    shared = [name for name, count in Counter(name.rpartition(".")[2] for name in names).items() if count > 1]
    if shared:
        raise CompileError(f"more than one of the compiled modules is called {shared[0]}: give them names of their own")
    source = Path(scratch, f"{LIBRARY}.py")
    source.write_text(f"MODULES = frozenset({names})\n")
    return str(source)


def _watch(root: Path, library: Any, scratch: str) -> None:
    """Compiles a copy that counts, and lets it work; the counts lie beside the objects, where the next build looks."""
    copy = Path(scratch, "watched")
    for folder in (PACKAGE, "benchmarks"):
        shutil.copytree(root / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.pyd"))
    _build(library, scratch, copy, _WATCHING)
    command = [sys.executable, "-m", _TRAINING]
    variables = {**os.environ, "PYTHONSAFEPATH": ""}  # else the copy would not be found
    done = subprocess.run(
        command, cwd=copy, env=variables, capture_output=True, text=True, errors="replace", timeout=_TRAINING_TIMEOUT
    )
    if done.returncode:
        raise CompileError(f"{_TRAINING} failed: {done.stderr[-300:]}")
    if not any(Path(scratch).rglob("*.gcda")):
        raise CompileError(f"this C compiler leaves no profile as GCC does; {VARIABLE}=1 needs none")


def _build(library: Any, scratch: str, target: Path, flags: list[str]) -> None:
    from setuptools import Distribution

    library.extra_compile_args = [*_COMPILER, *flags]
    library.extra_link_args = [*_LINKER, *(flags if flags is _WATCHING else [])]
    command = Distribution({"name": PACKAGE, "ext_modules": [library]}).get_command_obj("build_ext")
    command.build_temp, command.build_lib = scratch, str(target)
    command.force = True  # objects of the first pass of a profile are in the way of the second
    command.ensure_finalized()
    _compile_in_parallel(command)
    command.run()


def _compile_in_parallel(command: Any) -> None:
    """Several sources at a time, where setuptools does that only for several extensions."""
    build = command.build_extensions

    def build_extensions() -> None:
        compile_one = command.compiler.compile

        def compile_all(sources: list[str], **options: Any) -> list[str]:
            with ThreadPoolExecutor(1 if _IS_WINDOWS else os.cpu_count()) as pool:
                return [made for (made,) in pool.map(lambda source: compile_one([source], **options), sources)]

        command.compiler.compile = compile_all
        build()

    command.build_extensions = build_extensions


def _processes() -> int:
    """Cython's own workers import the main module anew unless they are forked, and pip's is not made for that."""
    return (os.cpu_count() or 1) if multiprocessing.get_start_method() == "fork" else 0


def _said(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:300]}…"


def main() -> None:
    if sys.argv[1:] == ["--clean"]:
        clean(ROOT)
    elif sys.argv[1:] not in ([], ["--profile"]):
        raise SystemExit("usage: python hatch_build.py [--profile | --clean]")
    else:
        clean(ROOT)
        try:
            compile_into(ROOT, ROOT, profile="--profile" in sys.argv)
        except CompileError as error:
            raise SystemExit(f"nothing was compiled: {error}") from error


if __name__ == "__main__":
    main()
