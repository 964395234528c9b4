"""The package builds with extensions where that is possible, and without them everywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from hatch_build import VARIABLE, clean, modules, stale
from tests.support import ROOT

Build = Callable[..., "subprocess.CompletedProcess[str]"]

KEPT = ("restate_reflect/protocol/framing.pxd", "restate_reflect/http2/huffman.pxd")
"""Two modules that need no other: all of them take half a minute."""

NO_COMPILER = {"CC": "/nonexistent/cc", "LDSHARED": "/nonexistent/cc"}


def has_compiler() -> bool:
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    return shutil.which(compiler) is not None and Path(sysconfig.get_path("include"), "Python.h").exists()


def compiler_version() -> str:
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    return subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout


needs_compiler = pytest.mark.skipif(not has_compiler(), reason="no C compiler, or no headers of Python")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what a wheel is built from."""
    copy = tmp_path / "tree"
    ignored = shutil.ignore_patterns("__pycache__", "*.so")
    shutil.copytree(ROOT / "restate_reflect", copy / "restate_reflect", ignore=ignored)
    shutil.copytree(ROOT / "benchmarks", copy / "benchmarks", ignore=shutil.ignore_patterns("__pycache__", "results"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for path in (copy / "restate_reflect").rglob("*.pxd"):
        if path.relative_to(copy).as_posix() not in KEPT:
            path.unlink()
    return copy


@pytest.fixture
def build(tree: Path) -> Build:
    def run(wish: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
        variables = {**os.environ, VARIABLE: wish, **environment}
        return subprocess.run(command, cwd=tree, env=variables, capture_output=True, text=True, timeout=120)

    return run


def wheel_of(tree: Path) -> zipfile.ZipFile:
    (built,) = (tree / "dist").glob("*.whl")
    return zipfile.ZipFile(built)


def extensions_in(wheel: zipfile.ZipFile) -> list[str]:
    return sorted(name.partition(".")[0] for name in wheel.namelist() if name.endswith((".so", ".pyd")))


def test_zero_builds_without_extensions(tree: Path, build: Build) -> None:
    assert build("0").returncode == 0
    wheel = wheel_of(tree)
    assert str(wheel.filename).endswith("-py3-none-any.whl")
    assert extensions_in(wheel) == []
    assert not [name for name in wheel.namelist() if name.endswith((".pxd", ".c"))]


def test_without_a_compiler_the_wheel_has_no_extensions_and_says_so(tree: Path, build: Build) -> None:
    done = build("auto", **NO_COMPILER)
    assert done.returncode == 0, done.stderr
    assert str(wheel_of(tree).filename).endswith("-py3-none-any.whl")
    said = " ".join((done.stdout + done.stderr).split())
    assert "without extensions" in said
    assert f"{VARIABLE}=1 makes this an error" in said


def test_one_without_a_compiler_is_an_error(tree: Path, build: Build) -> None:
    done = build("1", **NO_COMPILER)
    assert done.returncode != 0
    assert not list((tree / "dist").glob("*.whl"))


def test_another_wish_is_refused(build: Build) -> None:
    done = build("yes")
    assert done.returncode != 0
    assert "none of auto, 1 (compile or fail), profile (twice) and 0" in done.stdout + done.stderr


@needs_compiler
def test_the_library_is_in_the_wheel_beside_the_sources_and_runs(tree: Path, build: Build) -> None:
    done = build("1")
    assert done.returncode == 0, done.stdout + done.stderr
    wheel = wheel_of(tree)
    assert "py3-none-any" not in str(wheel.filename)
    assert extensions_in(wheel) == ["restate_reflect/_compiled"]
    assert {"restate_reflect/http2/huffman.py", "restate_reflect/protocol/framing.py"} <= set(wheel.namelist())
    wheel.extractall(tree / "unpacked")
    code = (
        "from restate_reflect.protocol import framing\n"
        "from restate_reflect.http2 import huffman\n"
        "print(framing.__file__, framing.FrameDecoder().cut(framing.encode_frame(3, b'abc')))\n"
        "assert huffman.__file__ == framing.__file__ == framing.__spec__.origin\n"
        "assert framing.__package__ == 'restate_reflect.protocol'\n"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=tree / "unpacked", capture_output=True, text=True, check=True, timeout=60)
    assert str(tree / "unpacked") in ran.stdout
    assert "framing.py " not in ran.stdout
    assert "[(3, b'abc')]" in ran.stdout


@needs_compiler
def test_profile_compiles_by_what_the_workloads_do(tree: Path, build: Build) -> None:
    if "Free Software Foundation" not in compiler_version():
        pytest.skip("the compiler is not GCC")
    done = build("profile")
    assert done.returncode == 0, done.stdout + done.stderr
    assert extensions_in(wheel_of(tree)) == ["restate_reflect/_compiled"]


@needs_compiler
def test_profile_fails_when_the_workloads_do(tree: Path, build: Build) -> None:
    (tree / "benchmarks" / "training.py").write_text("raise RuntimeError('no profile of this')\n")
    done = build("profile")
    assert done.returncode != 0
    assert "benchmarks.training failed" in done.stdout + done.stderr
    assert "no profile of this" in done.stdout + done.stderr
    assert not list((tree / "dist").glob("*.whl"))


@pytest.mark.parametrize("wish, expected", [("profile", True), ("1", False), ("auto", False)])
def test_only_a_profile_needs_what_the_package_needs(tree: Path, wish: str, expected: bool) -> None:
    code = "from hatchling.build import get_requires_for_build_wheel as needs\nprint(*needs(), sep='\\n')"
    variables = {**os.environ, VARIABLE: wish}
    asked = subprocess.run(
        [sys.executable, "-c", code], cwd=tree, env=variables, capture_output=True, text=True, check=True, timeout=60
    )
    assert any(line.startswith("pydantic") for line in asked.stdout.splitlines()) is expected
    assert any(line.startswith("h2") for line in asked.stdout.splitlines()) is expected


def test_every_module_that_is_compiled_has_its_source() -> None:
    names = modules(ROOT)
    assert "restate_reflect.engine.machine" in names
    assert [name for name in names if not (ROOT / f"{name.replace('.', '/')}.py").is_file()] == []


def test_a_source_that_has_changed_since_is_found_and_the_library_taken_away(tree: Path) -> None:
    """Python would run the library in place of what was changed."""
    source = tree / "restate_reflect" / "protocol" / "framing.py"
    types = source.with_suffix(".pxd")
    built = tree / "restate_reflect" / "_compiled.cpython-311-x86_64-linux-gnu.so"
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


@needs_compiler
def test_two_modules_of_the_same_name_are_refused(tree: Path, build: Build) -> None:
    for suffix in (".py", ".pxd"):
        shutil.copy(tree / "restate_reflect" / "protocol" / f"framing{suffix}", tree / "restate_reflect" / "http2")
    done = build("1")
    assert done.returncode != 0
    assert "more than one of the compiled modules is called framing" in " ".join((done.stdout + done.stderr).split())


def test_a_library_that_can_not_be_loaded_is_no_reason_to_go_without(tree: Path) -> None:
    (tree / "restate_reflect" / f"_compiled{EXTENSION_SUFFIXES[0]}").write_bytes(b"not a library")
    command = [sys.executable, "-c", "import restate_reflect"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("ImportError")
    assert "_compiled" in done.stderr
