"""The data directory of ``dev``: private, out of git by itself, and one ``dev`` at a time.

A project that was cloned may bring one along. Nothing in it is followed that leads elsewhere, and of a directory that
holds something else nothing is changed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from restate_reflect.dev.orphan import end_orphan
from restate_reflect.server import ServerError

__all__ = ["data_folder"]

_LOCK: Final = "dev.lock"
_IGNORED: Final = ".gitignore"
_DATA: Final = (
    "invocations.db",
    "invocations.db-wal",
    "invocations.db-journal",
    "invocations.db-shm",
    "invocations.db-lock",
    "restate-server",
    "restate-server.pid",
)
"""What ``--fresh`` forgets; everything else there is not ours."""
_OURS: Final = frozenset({_LOCK, _IGNORED, *_DATA})
_ELSEWHERE: Final = "Choose another folder: --data-dir PATH."


@contextmanager
def data_folder(folder: Path, *, fresh: bool) -> Iterator[Path]:
    """The folder, its data forgotten if ``fresh``, for this process alone until the end.

    Raises:
        ServerError: Another ``dev`` uses it, it can't be made or written, it is a symbolic link or has one where data
            should be, or it is a folder of something else.
    """
    try:
        _prepare(folder)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(folder, error) from None
    try:
        _take(lock, folder)
        end_orphan(folder.absolute())
        if fresh:
            _empty(folder)
    except OSError as error:
        os.close(lock)
        raise _unusable(folder, error) from None
    except BaseException:
        os.close(lock)
        raise
    try:
        yield folder
    finally:
        os.close(lock)


def _prepare(folder: Path) -> None:
    if folder.is_symlink():
        raise ServerError(f"{folder} is a symbolic link, and not followed. Give the folder itself: --data-dir PATH.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    entries = {each.name: each for each in folder.iterdir()}
    foreign = sorted(entries.keys() - _OURS)
    if foreign and _LOCK not in entries:
        raise ServerError(f"{folder} is no data directory of dev: it holds {foreign[0]}. {_ELSEWHERE}")
    for name in sorted(entries.keys() & _OURS):
        _check_own(entries[name])
    if stat.S_IMODE(folder.stat().st_mode) != 0o700:
        folder.chmod(0o700)
    if _IGNORED not in entries:
        ignored = os.open(folder / _IGNORED, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(ignored, "w") as file:
            file.write("*\n")


def _check_own(path: Path) -> None:
    """A file, or a folder, and closed to others."""
    mode = path.lstat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kind = "a symbolic link" if stat.S_ISLNK(mode) else "no file"
        raise ServerError(f"{path} is {kind}, and not followed. Remove it, or choose another folder: --data-dir PATH.")
    if stat.S_IMODE(mode) & 0o077:
        path.chmod(stat.S_IMODE(mode) & 0o700)


def _take(lock: int, folder: Path) -> None:
    try:
        # Let go of by the system, however this process ends.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(lock, 20).decode(errors="replace") or "unknown"
        raise ServerError(
            f"another `restate-reflect dev` (pid {pid}) uses {folder}. End that one, or choose another folder:"
            " --data-dir PATH."
        ) from None
    os.truncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())


def _unusable(folder: Path, error: OSError) -> ServerError:
    named = "" if error.filename in (None, str(folder), folder) else f" ({error.filename})"
    return ServerError(f"{folder} can't be used: {error.strerror}{named}. {_ELSEWHERE}")


def _empty(folder: Path) -> None:
    for each in (folder / name for name in _DATA):
        if each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink(missing_ok=True)
