"""Where the restate-server binary is.

Looked for in this order; the first hit wins:

1. an explicit path,
2. ``RESTATE_SERVER_BINARY``,
3. ``restate-server`` on PATH, if it is a native program of an accepted version,
4. the cache folder, ``${XDG_CACHE_HOME:-~/.cache}/restate-reflect/restate-server/VERSION``,
5. npm, which fills the cache folder.

An explicit path is trusted in any version: whoever names a file wants that file.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from restate_reflect.server._errors import BinaryNotFoundError
from restate_reflect.server._npm import install

__all__ = ["VERSION", "cache_folder", "find_or_install"]

VERSION = "1.7.12"
"""The version this package is tested with and installs."""

_OLDEST_ON_PATH = (1, 7)
"""1.7 knows manifest v4 and service protocol V7; an older program on PATH is passed over."""

_VERSION_TIMEOUT = 20.0
_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
_SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}


def find_or_install(binary: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Path of a restate-server that can be run.

    Raises:
        BinaryNotFoundError: the named file is no program, the platform has no build, or npm
            is missing or failed.
    """
    named = _named(binary, environ)
    if named is not None:
        return named
    return _on_path(environ) or _cached(environ) or _installed(environ)


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder into which npm installs ``VERSION``."""
    # The XDG specification says to ignore a relative path there.
    base = environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    return root / "restate-reflect" / "restate-server" / VERSION


def _named(binary: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Path | None:
    if binary is not None:
        return _executable(Path(binary), "the given path")
    if variable := environ.get("RESTATE_SERVER_BINARY"):
        return _executable(Path(variable), "RESTATE_SERVER_BINARY")
    return None


def _executable(path: Path, origin: str) -> Path:
    if not path.is_file():
        raise BinaryNotFoundError(f"no restate-server at {path} ({origin}). Give the path of the program itself.")
    if not os.access(path, os.X_OK):
        raise BinaryNotFoundError(f"{path} ({origin}) is not executable. Run: chmod +x {path}")
    return path.resolve()


def _on_path(environ: Mapping[str, str]) -> Path | None:
    found = shutil.which("restate-server", path=environ.get("PATH"))
    return Path(found) if found and _native(Path(found)) and _acceptable(_version_of(Path(found))) else None


def _native(path: Path) -> bool:
    """npm's own launcher is a script that starts the server as a child, which a kill would orphan."""
    with path.open("rb") as file:
        return file.read(2) != b"#!"


def _version_of(path: Path) -> tuple[int, ...] | None:
    try:
        shown = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_VERSION_TIMEOUT, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", shown.stdout)
    return tuple(int(part) for part in match.groups()) if match else None


def _acceptable(version: tuple[int, ...] | None) -> bool:
    """At least ``_OLDEST_ON_PATH``, and of the major version this package was tested with."""
    return version is not None and version[:2] >= _OLDEST_ON_PATH and version[0] == int(VERSION.split(".")[0])


def _cached(environ: Mapping[str, str]) -> Path | None:
    path = cache_folder(environ) / _path_in_package()
    return path if path.is_file() and os.access(path, os.X_OK) else None


def _installed(environ: Mapping[str, str]) -> Path:
    folder = cache_folder(environ)
    install(f"@restatedev/restate-server@{VERSION}", folder, _path_in_package(), environ)
    return folder / _path_in_package()


def _path_in_package() -> Path:
    system, machine = _SYSTEMS.get(platform.system()), _MACHINES.get(platform.machine().lower())
    if system is None or machine is None:
        raise BinaryNotFoundError(
            f"restate-server has no build for {platform.system()} on {platform.machine()}. "
            "Set RESTATE_SERVER_BINARY to a build of your own."
        )
    return Path("node_modules", "@restatedev", f"restate-server-{system}-{machine}", "bin", "restate-server")
