"""The data directory of ``dev``: out of git by itself, and one ``dev`` at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from restate_reflect.dev.orphan import end_orphan
from restate_reflect.server import ServerError

__all__ = ["data_folder"]

_LOCK: Final = "dev.lock"


@contextmanager
def data_folder(folder: Path, *, fresh: bool) -> Iterator[Path]:
    """The folder, emptied if ``fresh``, for this process alone until the end.

    Raises:
        ServerError: Another ``dev`` uses it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    with (folder / _LOCK).open("a+") as lock:
        try:
            # Let go of by the system, however this process ends.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ServerError(
                f"another `restate-reflect dev` (pid {lock.read() or 'unknown'}) uses {folder}. End that one, or choose"
                " another folder: --data-dir PATH."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        end_orphan(folder.absolute())
        if fresh:
            _empty(folder)
        yield folder


def _empty(folder: Path) -> None:
    for each in folder.iterdir():
        if each.name in (_LOCK, ".gitignore"):
            continue
        if each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink()
