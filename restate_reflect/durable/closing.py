"""Closes coroutines that will never run again, when their attempt has ended.

Python throws GeneratorExit into them, and what comes of it concerns nobody, since the next attempt runs the same code
for real: a ``finally`` raises, a ``TaskGroup`` makes a group of the GeneratorExit, an ``__aexit__`` begins to wait. One
that waits again is closed again, there. What a coroutine awaits is closed before it: Python would hand on what that
raises, and leave one that waits again to the garbage collector, which complains on stderr.
"""

from __future__ import annotations

import contextvars
import gc
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, Final

from restate_reflect.durable.locations import waiting_at

__all__ = ["MAX_CLOSES", "MAX_REFUSED", "HandlerAbandoned", "close", "quietly"]

logger = logging.getLogger("restate_reflect")

MAX_CLOSES: Final = 100
"""Awaits in a row at which a coroutine is closed: each ``finally`` may have some."""


class HandlerAbandoned(BaseException):
    """Ends a handler that goes on calling a context whose attempt has ended, or what was refused.

    ``while True: try: … except Exception: continue`` would swallow every such error and never come back; hence not an
    Exception.
    """


MAX_REFUSED: Final = 100
"""Calls that are refused before the handler is abandoned."""


def close(coroutine: Any, context: contextvars.Context) -> None:
    """Closes it in its own context, where its ``ContextVar.reset`` works. Never raises."""
    try:
        context.run(_close_all, coroutine)
    except RuntimeError:  # entered already: whoever ends the attempt runs in this very context
        _close_all(coroutine)


def quietly(call: Callable[[], object]) -> None:
    """Calls, and lets nothing out: what the code of an attempt that is over raises has no addressee."""
    try:
        call()
    except BaseException:
        pass


def _close_all(coroutine: Any) -> bool:
    """Innermost first. Returns whether all have ended."""
    chain = [coroutine]
    while (awaited := _awaited(chain[-1])) is not None:
        chain.append(awaited)
    have_ended = True
    while chain:
        have_ended = _close(chain.pop()) and have_ended
    return have_ended


def _awaited(awaitable: Any) -> Any:
    """What it waits for, if that has code of its own."""
    match awaitable:
        case CoroutineType():
            return awaitable.cr_await
        case GeneratorType():
            return awaitable.gi_yieldfrom
        case AsyncGeneratorType():
            return awaitable.ag_await
        case _ if type(awaitable).__name__ in _ITERATORS:
            return next((each for each in gc.get_referents(awaitable) if isinstance(each, _HAVE_CODE)), None)
        case _:
            return None


_ITERATORS: Final = {"coroutine_wrapper", "async_generator_asend", "async_generator_athrow", "anext_awaitable"}
"""Python's own, over something else (``__await__()`` of a coroutine, ``__anext__()`` of an async generator), which
they do not tell."""
_HAVE_CODE: Final = (Coroutine, Generator, AsyncGenerator)


def _close(awaitable: Any) -> bool:
    """Returns False for one that has not ended, and will not."""
    match awaitable:
        case CoroutineType() | GeneratorType():
            return _close_frame(awaitable)
        case AsyncGeneratorType():
            pass  # by the iterator over it that is next: it alone may while the generator waits
        case _:
            _throw(awaitable)
    return True


def _close_frame(coroutine: Any) -> bool:
    have_ended = True
    for _ in range(MAX_CLOSES):
        quietly(coroutine.close)
        if getattr(coroutine, "cr_frame", None) is None and getattr(coroutine, "gi_frame", None) is None:
            return True
        awaited = _awaited(coroutine)
        if awaited is not None and have_ended:  # a `finally` waits for it; not again for what never ends
            have_ended = _close_all(awaited)
    logger.warning(
        "the attempt has ended, and its handler does not: at %s it catches everything and waits again. Catch"
        " Exception there, not BaseException.",
        waiting_at(coroutine) or "an unknown place",
    )
    return False


def _throw(iterator: Any) -> None:
    """Closes what an iterator is over, by itself: its own ``close`` may do nothing but forget it."""
    throw = getattr(iterator, "throw", None)
    if throw is None:
        return
    for _ in range(MAX_CLOSES):
        try:
            throw(GeneratorExit())
        except BaseException:
            return
        awaited = _awaited(iterator)
        if awaited is not None:  # a `finally` waits again, perhaps in another generator
            _close_all(awaited)
