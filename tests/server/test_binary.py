"""Finding restate-server, and installing it from npm."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from restate_reflect.server import VERSION, BinaryNotFoundError, find_or_install
from restate_reflect.server._binary import cache_folder
from tests.support import ROOT


@pytest.fixture(scope="module")
def real() -> Path:
    return find_or_install()


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def environment(tmp_path: Path, **variables: str) -> Mapping[str, str]:
    """No restate-server and no npm, but what a test adds."""
    return {"PATH": str(tmp_path / "bin"), "XDG_CACHE_HOME": str(tmp_path / "cache"), **variables}


def in_cache(environ: Mapping[str, str], real: Path) -> Path:
    """The place of the cached binary, taken from a real npm install."""
    return cache_folder(environ) / "node_modules" / "@restatedev" / real.parts[-3] / "bin" / "restate-server"


def test_an_explicit_path_wins(tmp_path: Path) -> None:
    """Over the variable, too, and in any version."""
    mine = program(tmp_path / "mine", "exit 1")
    environ = environment(tmp_path, RESTATE_SERVER_BINARY="/nowhere")
    assert find_or_install(mine, environ) == mine


def test_the_variable_names_a_binary(tmp_path: Path) -> None:
    """RESTATE_SERVER_BINARY is the first place looked at without an explicit path."""
    mine = program(tmp_path / "mine", "exit 1")
    assert find_or_install(environ=environment(tmp_path, RESTATE_SERVER_BINARY=str(mine))) == mine


def test_a_named_path_must_exist(tmp_path: Path) -> None:
    """Nothing else is tried: a typo must not start another server."""
    with pytest.raises(BinaryNotFoundError, match=r"no restate-server at .*/gone \(RESTATE_SERVER_BINARY\)"):
        find_or_install(environ=environment(tmp_path, RESTATE_SERVER_BINARY=str(tmp_path / "gone")))


def test_a_named_path_must_be_executable(tmp_path: Path) -> None:
    """The message holds the command that mends it."""
    (tmp_path / "flat").write_text("")
    with pytest.raises(BinaryNotFoundError, match=r"\(the given path\) is not executable. Run: chmod \+x"):
        find_or_install(tmp_path / "flat", environment(tmp_path))


def test_path_is_searched(tmp_path: Path, real: Path) -> None:
    """A native restate-server of an accepted version on PATH is used."""
    environ = environment(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "restate-server").symlink_to(real)
    assert find_or_install(environ=environ) == tmp_path / "bin" / "restate-server"


@pytest.mark.parametrize("on_path", ["launcher script", "other version", "broken"])
def test_other_programs_on_path_are_passed_over(on_path: str, tmp_path: Path, real: Path) -> None:
    """npm's launcher, since a kill would not reach the server; and versions that were never tried."""
    environ = environment(tmp_path)
    here = tmp_path / "bin" / "restate-server"
    here.parent.mkdir()
    if on_path == "launcher script":
        program(here, f'exec {real} "$@"')
    elif on_path == "other version":
        here.symlink_to(sys.executable)  # a native program that prints "Python 3.x.y"
    else:
        here.write_bytes(b"\x7fELF")
        here.chmod(0o755)
    cached = program(in_cache(environ, real), "")
    assert find_or_install(environ=environ) == cached


def test_without_npm_the_message_names_three_ways_out(tmp_path: Path, real: Path) -> None:
    """Install Node.js, PATH, or the variable."""
    assert real.is_file()
    with pytest.raises(BinaryNotFoundError, match=r"npm.* is missing.*Node\.js.*PATH.*RESTATE_SERVER_BINARY"):
        find_or_install(environ=environment(tmp_path))


def test_a_failing_npm_is_quoted(tmp_path: Path) -> None:
    """And nothing stays in the cache that the next try could mistake for a server."""
    program(tmp_path / "bin" / "npm", "echo 'npm error code E403' >&2; exit 7")
    environ = environment(tmp_path)
    with pytest.raises(BinaryNotFoundError, match=r"exit code 7\):\n  npm error code E403"):
        find_or_install(environ=environ)
    assert not cache_folder(environ).exists()
    assert not list(cache_folder(environ).parent.glob(".installing-*"))


def test_an_install_without_the_binary_is_an_error(tmp_path: Path) -> None:
    """npm leaves optional packages out, without failing, when the platform does not fit."""
    program(tmp_path / "bin" / "npm", "exit 0")
    with pytest.raises(
        BinaryNotFoundError, match=f"npm installed @restatedev/restate-server@{VERSION}, but it holds no"
    ):
        find_or_install(environ=environment(tmp_path))


def test_processes_at_once_install_once(tmp_path: Path, real: Path) -> None:
    """Six processes find an empty cache; npm runs once, and all get the same binary."""
    bin_ = f"$3/{in_cache({}, real).relative_to(cache_folder({})).parent}"
    program(
        tmp_path / "bin" / "npm",
        f'echo ran >> {tmp_path}/runs; /bin/mkdir -p "{bin_}"; : > "{bin_}/restate-server"; '
        f'/bin/chmod +x "{bin_}/restate-server"',
    )
    environ = {**environment(tmp_path), "PYTHONPATH": str(ROOT), "HOME": os.environ.get("HOME", "/")}
    code = "from restate_reflect.server import find_or_install; print(find_or_install())"
    started = [
        subprocess.Popen([sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(6)
    ]
    outputs = [process.communicate(timeout=60)[0].decode().strip() for process in started]
    assert outputs == [str(in_cache(environ, real))] * 6
    assert (tmp_path / "runs").read_text() == "ran\n"


def test_a_relative_cache_home_is_ignored() -> None:
    """As the XDG Base Directory specification demands."""
    assert cache_folder({"XDG_CACHE_HOME": "here"}) == Path.home() / ".cache/restate-reflect/restate-server" / VERSION
