"""Installs an npm package into a folder, all or nothing, however many processes try at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from restate_reflect.server._errors import BinaryNotFoundError

__all__ = ["install"]

_TIMEOUT = 600.0
"""Seconds. The package is 81 MB to download; slow lines need minutes."""

_SHOWN_LINES = 15
_FLAGS = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
"""``--ignore-scripts``: the binary is a plain file of the package, its only script reports usage."""


def install(package: str, folder: Path, wanted: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Fills ``folder`` so that ``folder / wanted`` exists; does nothing if it does already.

    Raises:
        BinaryNotFoundError: npm is missing, failed, or brought no ``wanted``.
    """
    npm = shutil.which("npm", path=environ.get("PATH"))
    if npm is None:
        raise BinaryNotFoundError(
            f"restate-server was not found, and npm, which would install {package}, is missing. Install Node.js "
            "(it brings npm), or put restate-server on PATH, or set RESTATE_SERVER_BINARY to its path."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(folder.with_name(folder.name + ".lock")):
        if not (folder / wanted).is_file():
            _install_aside(npm, package, folder, wanted, environ)


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Holds a lock file; the kernel drops the lock when its holder dies, so it can't go stale."""
    try:
        import fcntl
    except ImportError:  # Windows
        text = "restate-server is not made for Windows. Run it in WSL or in a container, and give its URLs."
        raise BinaryNotFoundError(text) from None
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install_aside(npm: str, package: str, folder: Path, wanted: Path, environ: Mapping[str, str]) -> None:
    """Installs beside ``folder`` and renames: a broken-off install is never seen there."""
    with tempfile.TemporaryDirectory(prefix=".installing-", dir=folder.parent) as scratch:
        print(f"installing {package} into {folder} (once)", file=sys.stderr)
        _run_npm([npm, "install", "--prefix", scratch, *_FLAGS, package], environ)
        if not Path(scratch, wanted).is_file():
            raise BinaryNotFoundError(f"npm installed {package}, but it holds no {wanted}. Set RESTATE_SERVER_BINARY.")
        shutil.rmtree(folder, ignore_errors=True)
        made = Path(scratch, "made")
        made.mkdir()
        Path(scratch, "node_modules").rename(made / "node_modules")
        made.rename(folder)


def _run_npm(command: list[str], environ: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise BinaryNotFoundError(
            f"npm did not finish within {_TIMEOUT:g} s. Run it by hand: {' '.join(command)}"
        ) from None
    if done.returncode != 0:
        said = "\n".join(f"  {line}" for line in (done.stdout + done.stderr).splitlines()[-_SHOWN_LINES:])
        raise BinaryNotFoundError(
            f"npm could not install restate-server (exit code {done.returncode}):\n{said}\n"
            "Mend npm's set-up, or set RESTATE_SERVER_BINARY to the path of a restate-server."
        )
