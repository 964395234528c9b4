"""Tools that are handler code themselves."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final, TypeVar

__all__ = ["inline", "is_inline"]

T = TypeVar("T")

_MARK: Final = "__restate_inline__"


def inline(tool: T) -> T:
    """Marks a tool that is handler code: it runs on the handler's loop, and uses ``current_context()`` itself.

    Without this mark a tool is a step. Put it below the library's own decorator. A plain function runs at once, on the
    loop, as a plain handler does. Toolsets can be marked as well.
    """
    marked: Any = tool
    if inspect.isfunction(tool) and not inspect.iscoroutinefunction(tool):
        marked = _at_once(tool)
    setattr(marked, _MARK, True)
    return marked  # type: ignore[no-any-return]


def is_inline(tool: object) -> bool:
    """Whether it bears the mark."""
    return getattr(tool, _MARK, False) is True


def _at_once(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def called(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return called
