"""Files that hold what users sent: theirs alone, and never somewhere else by a symbolic link.

A project that was cloned may bring a data directory in which a name leads to a file outside.
"""

from __future__ import annotations

import errno
import os
import stat

__all__ = ["keep_private"]


def keep_private(file: str, *beside: str) -> None:
    """Makes ``file`` if it is not there, and it and those ``beside`` it readable by their owner alone.

    Raises:
        OSError: One of them is no regular file, or can't be made or changed.
    """
    for each in (file, *beside):
        _close_to_others(each)
    if not os.path.lexists(file):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _close_to_others(file: str) -> None:
    # Not by a descriptor: closing it would give up the locks that this process may have on the file.
    try:
        found = os.lstat(file)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "no file"
        raise OSError(errno.ELOOP, f"{file} is {kind}, and not followed. Remove it, or choose another --data-dir", file)
    if stat.S_IMODE(found.st_mode) & 0o077:
        os.chmod(file, 0o600)
