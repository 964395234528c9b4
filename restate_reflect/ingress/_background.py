"""An event loop in a thread of its own, for callers that have none, or one that must not be touched."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["BackgroundLoop"]

T = TypeVar("T")
_JOIN_TIMEOUT = 5.0


class BackgroundLoop:
    """Runs coroutines from any thread, also from one whose own loop is running (a notebook's).

    The thread starts with the first coroutine. It ends with ``close``, with the garbage collection of this object, or
    with the process, in each case after ``last`` has run.

    Args:
        last: Closes what the coroutines have opened. Must not refer to this object, which would then never be
            collected.
    """

    def __init__(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._last = last
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._end: Callable[[], Any] | None = None
        self._closed = False

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result; when the wait is interrupted (Ctrl-C), the coroutine is cancelled.

        Raises:
            RuntimeError: after ``close``, or on the loop's own thread, which would wait for itself.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._running())
        except BaseException:
            coroutine.close()
            raise
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Ends the thread, if it was ever started."""
        with self._lock:
            self._closed = True
            end = self._end
        if end is not None:
            end()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise RuntimeError("the client is closed")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name="restate-client", daemon=True)
                self._thread.start()
                self._end = weakref.finalize(self, _finish, self._loop, self._thread, self._last)
            if threading.current_thread() is self._thread:
                raise RuntimeError("a blocking client can't be used from its own event loop; use Client there")
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def _finish(
    loop: asyncio.AbstractEventLoop, thread: threading.Thread, last: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    async def finish() -> None:
        try:
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await last()
        finally:
            loop.stop()

    asyncio.run_coroutine_threadsafe(finish(), loop)
    # The garbage collector may run on that very thread.
    if threading.current_thread() is not thread:
        thread.join(_JOIN_TIMEOUT)
