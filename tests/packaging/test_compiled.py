"""The package builds with extensions where that is possible, and without them everywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hatch_build import VARIABLE, clean, modules, stale
from tests.support import ROOT

pytestmark = pytest.mark.slow

Build = Callable[..., "subprocess.CompletedProcess[str]"]

KEPT = ("restate_reflect/protocol/framing.pxd", "restate_reflect/protocol/wire.pxd")
"""Two modules that need no other: all of them take half a minute."""

SECONDS = 1800
"""For one build, which takes a few on a quiet machine: so that a build that hangs ends, and for nothing else."""

NO_COMPILER = {"CC": "/nonexistent/cc", "LDSHARED": "/nonexistent/cc"}


def has_compiler() -> bool:
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    return shutil.which(compiler) is not None and Path(sysconfig.get_path("include"), "Python.h").exists()


needs_compiler = pytest.mark.skipif(not has_compiler(), reason="no C compiler, or no headers of Python")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what a wheel is built from."""
    copy = tmp_path / "tree"
    ignored = shutil.ignore_patterns("__pycache__", "*.so")
    shutil.copytree(ROOT / "restate_reflect", copy / "restate_reflect", ignore=ignored)
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for path in (copy / "restate_reflect").rglob("*.pxd"):
        if path.relative_to(copy).as_posix() not in KEPT:
            path.unlink()
    return copy


@pytest.fixture
def build(tree: Path) -> Build:
    def run(wish: str | None, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
        variables = {**os.environ, **environment}
        variables.pop(VARIABLE, None)
        if wish is not None:
            variables[VARIABLE] = wish
        return subprocess.run(command, cwd=tree, env=variables, capture_output=True, text=True, timeout=SECONDS)

    return run


def wheel_of(tree: Path) -> zipfile.ZipFile:
    (built,) = (tree / "dist").glob("*.whl")
    return zipfile.ZipFile(built)


def extensions_in(wheel: zipfile.ZipFile) -> list[str]:
    return sorted(name.partition(".")[0] for name in wheel.namelist() if name.endswith((".so", ".pyd")))


@pytest.mark.parametrize("wish", [None, "0"])
def test_nothing_is_compiled_unless_it_is_asked_for(tree: Path, build: Build, wish: str | None) -> None:
    """So that a newcomer's first command needs no compiler, and no minute."""
    done = build(wish, **NO_COMPILER)
    assert done.returncode == 0, done.stderr
    wheel = wheel_of(tree)
    assert str(wheel.filename).endswith("-py3-none-any.whl")
    assert extensions_in(wheel) == []
    assert not [name for name in wheel.namelist() if name.endswith((".pxd", ".c"))]


def test_one_without_a_compiler_is_an_error(tree: Path, build: Build) -> None:
    done = build("1", **NO_COMPILER)
    assert done.returncode != 0
    assert not list((tree / "dist").glob("*.whl"))


def test_another_wish_is_refused(build: Build) -> None:
    done = build("yes")
    assert done.returncode != 0
    assert "neither 1 (compile or fail) nor 0" in done.stdout + done.stderr


@needs_compiler
def test_the_extensions_are_in_the_wheel_beside_the_sources_and_run(tree: Path, build: Build) -> None:
    done = build("1")
    assert done.returncode == 0, done.stdout + done.stderr
    wheel = wheel_of(tree)
    assert "py3-none-any" not in str(wheel.filename)
    assert extensions_in(wheel) == ["restate_reflect/protocol/framing", "restate_reflect/protocol/wire"]
    assert {"restate_reflect/protocol/framing.py", "restate_reflect/protocol/wire.py"} <= set(wheel.namelist())
    wheel.extractall(tree / "unpacked")
    code = (
        "from restate_reflect.protocol import framing\n"
        "print(framing.__file__, framing.FrameDecoder().cut(framing.encode_frame(3, b'abc')))\n"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=tree / "unpacked", capture_output=True, text=True, check=True, timeout=60)
    assert str(tree / "unpacked") in ran.stdout
    assert "framing.py " not in ran.stdout
    assert "[(3, b'abc')]" in ran.stdout


@pytest.mark.parametrize("wish, expected", [("1", True), ("0", False)])
def test_only_compiling_needs_cython(tree: Path, wish: str, expected: bool) -> None:
    code = "from hatchling.build import get_requires_for_build_wheel as needs\nprint(*needs(), sep='\\n')"
    variables = {**os.environ, VARIABLE: wish}
    asked = subprocess.run(
        [sys.executable, "-c", code], cwd=tree, env=variables, capture_output=True, text=True, check=True, timeout=60
    )
    assert any(line.startswith("Cython") for line in asked.stdout.splitlines()) is expected


def test_every_module_that_is_compiled_has_its_source() -> None:
    sources = modules(ROOT)
    assert Path("restate_reflect/engine/machine.py") in sources
    assert [path for path in sources if not (ROOT / path).is_file()] == []


def test_a_source_that_has_changed_since_is_found_and_the_extension_taken_away(tree: Path) -> None:
    """Python would run the extension in place of what was changed."""
    source = tree / "restate_reflect" / "protocol" / "framing.py"
    types = source.with_suffix(".pxd")
    built = tree / "restate_reflect" / "protocol" / "framing.cpython-311-x86_64-linux-gnu.so"
    built.touch()
    now = built.stat().st_mtime
    for path in modules_and_types(tree):
        os.utime(path, (now - 10, now - 10))
    assert stale(tree) == []
    for path in (source, types):
        os.utime(path, (now + 10, now + 10))
        assert stale(tree) == [path]
        os.utime(path, (now - 10, now - 10))
    clean(tree)
    assert not built.exists()
    os.utime(source, (now + 10, now + 10))
    assert stale(tree) == []


def modules_and_types(tree: Path) -> list[Path]:
    types = list((tree / "restate_reflect").rglob("*.pxd"))
    return [*types, *(path.with_suffix(".py") for path in types)]
