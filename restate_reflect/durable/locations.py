"""Where in the user's code a call stands; for error messages."""

from __future__ import annotations

import os
import sys
from asyncio import current_task
from functools import lru_cache
from pathlib import Path
from types import CodeType, CoroutineType, FrameType
from typing import Any, Final

from restate_reflect.durable.extending import running_loop

__all__ = [
    "Spot",
    "asked_by",
    "caller",
    "is_asked_by_user",
    "is_own_file",
    "library_call",
    "outer_frame",
    "short",
    "spot",
    "user_spot",
    "waiting_at",
]

_PACKAGE: Final = Path(__file__).parents[1]
_OWN_FILES: Final = str(_PACKAGE) + os.sep
_OWN: Final = (_OWN_FILES, "<frozen")
_LIBRARY: Final = str(Path(os.__file__).parent) + os.sep


def _is_users(code: CodeType) -> bool:
    """Neither this package's nor the standard library's (installed packages live below the latter)."""
    return _is_users_file(code.co_filename)


@lru_cache(maxsize=1024)  # a notebook has a new file for each of its cells
def _is_users_file(name: str) -> bool:
    return not name.startswith(_OWN) and (not name.startswith(_LIBRARY) or f"-packages{os.sep}" in name)


def _is_generated(code: CodeType) -> bool:
    """Whether it is a method that dataclasses or attrs have written, which has no file."""
    name = code.co_filename
    return name.startswith("<") and (name.startswith("<attrs ") or code.co_qualname.startswith("__create_fn__."))


def is_asked_by_user(frame: FrameType) -> bool:
    """Whether the frame is the user's or a package's, and not asyncio's or this package's."""
    return _is_users_file(frame.f_code.co_filename)


class Spot:
    """A place in code that is cheap to remember (0.1 µs) and turned into text only when needed."""

    __slots__ = ("_at", "code")

    def __init__(self, code: CodeType, at: int) -> None:
        """``at``: offset in its bytecode (``f_lasti``), from which the line is found when it is asked for."""
        self.code = code
        self._at = at

    @property
    def line(self) -> int | None:
        return next((line for start, stop, line in self.code.co_lines() if start <= self._at < stop), None)

    def __str__(self) -> str:
        return f"{short(self.code.co_filename)}:{self.line} in {self.code.co_qualname}"


def outer_frame() -> FrameType:
    """The nearest frame that is not this package's. (Not the n-th: compiled functions have none.)"""
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_OWN_FILES) and frame.f_back is not None:
        frame = frame.f_back
    return frame


def spot(skipped: int = 0) -> Spot | None:
    """The nearest frame of user code. ``skipped`` callers are known to be this package's, and are not looked at."""
    frame: FrameType | None = sys._getframe(1 + skipped)
    while frame is not None:
        if _is_users_file(frame.f_code.co_filename):
            return Spot(frame.f_code, frame.f_lasti)
        frame = frame.f_back
    return None


def user_spot() -> Spot | None:
    """The line of the current task that leads here, in the user's own files rather than in an installed package.

    Not above the task: there stands whoever drives it. A task whose own code has no such line was made by one.
    """
    task: Any = current_task() if running_loop() is not None else None
    outermost = None if task is None else getattr(task.get_coro(), "cr_frame", None)
    frame: FrameType | None = sys._getframe(1)
    package: Spot | None = None
    while frame is not None:
        name = frame.f_code.co_filename
        if _is_users_file(name) and not _is_generated(frame.f_code):
            if _PACKAGES not in name:
                return Spot(frame.f_code, frame.f_lasti)
            package = package or Spot(frame.f_code, frame.f_lasti)
        if frame is outermost:
            return getattr(task, "where", None) or package
        frame = frame.f_back
    return package


_PACKAGES: Final = f"-packages{os.sep}"


def caller() -> str:
    """``shop.py:14 in Checkout.submit``, or ``unknown place``."""
    found = user_spot()
    return str(found) if found else "unknown place"


def library_call(frame: FrameType | None) -> tuple[str, Spot] | None:
    """The function of an installed package that leads to this frame, and the user's line that calls it."""
    found = user_spot()
    if found is None or not is_own_file(found.code.co_filename):
        return None
    called: FrameType | None = None
    while frame is not None and frame.f_code is not found.code:
        called, frame = frame, frame.f_back
    if frame is None or called is None or _PACKAGES not in called.f_code.co_filename:
        return None
    return f"{called.f_globals.get('__name__', '?')}.{called.f_code.co_qualname}", found


def waiting_at(coroutine: object) -> str | None:
    """Where a suspended coroutine stands: the innermost ``await`` of the user's own files, else of a package's."""
    own: Spot | None = None
    package: Spot | None = None
    while isinstance(coroutine, CoroutineType):
        frame: FrameType | None = coroutine.cr_frame
        if frame is not None and _is_users(frame.f_code):
            found = Spot(frame.f_code, frame.f_lasti)
            own, package = (own, found) if _PACKAGES in frame.f_code.co_filename else (found, package)
        awaited: Any = coroutine.cr_await
        coroutine = awaited
    found_at = own or package
    return str(found_at) if found_at else None


def is_own_file(name: str) -> bool:
    """Whether it is the user's, and not an installed package's."""
    return _is_users_file(name) and _PACKAGES not in name


def short(path: str) -> str:
    """As it is called from the current folder, if it is below."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def asked_by(frame: FrameType | None) -> Spot | None:
    """The user's line (or a library's) on whose behalf a function of the standard library runs.

    ``None`` if it is this package's doing, an import's, or a log record's, whose time nobody depends on.
    """
    while frame is not None:
        name = frame.f_code.co_filename
        if name == _ANSWERS:  # in place of the function, for a handler that has not asked for that
            frame = frame.f_back
            continue
        if name.startswith((_OWN_FILES, "<frozen importlib")) or name.endswith((*_READERS, _LOGGING)):
            return None
        if _is_users_file(name) and not _is_generated(frame.f_code):
            return Spot(frame.f_code, frame.f_lasti)
        frame = frame.f_back
    return None


_ANSWERS: Final = f"{_OWN_FILES}durable{os.sep}answers.py"
_LOGGING: Final = f"{os.sep}logging{os.sep}__init__.py"


def user_opened(args: tuple[object, ...]) -> bool:
    """Whether an ``open`` audit event comes from the user's own statement.

    Imports, tracebacks (linecache) and the like read files too; those are not the handler's doing.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(("<frozen importlib", "<frozen zipimport")) or name.endswith(_READERS):
            return False
        frame = frame.f_back
    return bool(args)


_READERS: Final = (
    "linecache.py",
    "tokenize.py",
    "traceback.py",
    "warnings.py",
    "inspect.py",
    "pdb.py",
    f"pydantic{os.sep}plugin{os.sep}_loader.py",  # with the first model or codec of the process
)
