"""Start-up and shut-down of the instances that serve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from restate_reflect.endpoint.core import Core

__all__ = ["Presence", "enter_services"]


async def enter_services(stack: AsyncExitStack, core: Core) -> None:
    """Enters every instance that is an asynchronous context manager; the stack leaves them in reverse."""
    for instance in _entered(core):
        await stack.enter_async_context(instance)


def _entered(core: Core) -> list[Any]:
    instances = [service.instance for service in core.services.values()]
    return [each for each in instances if hasattr(each, "__aenter__") and hasattr(each, "__aexit__")]


class Presence:
    """Whether the services of a core are entered: by whoever runs the application, or else by the first attempt."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._has_any = bool(_entered(core))
        self._holders = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._living: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None]

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Enters them, and leaves them in the same task."""
        async with AsyncExitStack() as stack:
            await enter_services(stack, self._core)
            self._holders += 1
            stack.callback(self._let_go)
            yield

    def _let_go(self) -> None:
        self._holders -= 1

    async def needed(self) -> None:
        """Returns once they are entered; raises what entering them raised."""
        if self._holders or not self._has_any:
            return
        loop = asyncio.get_running_loop()
        if self._living is None or self._living.done() or self._loop is not loop:
            # In a task of their own: cancel scopes must be left by the task that has entered them, and attempts end.
            self._loop, self._ready = loop, loop.create_future()
            self._living = asyncio.create_task(self._live(self._ready))
        await asyncio.shield(self._ready)

    async def _live(self, ready: asyncio.Future[None]) -> None:
        """Until the end of the loop, which cancels this."""
        try:
            async with AsyncExitStack() as stack:
                await enter_services(stack, self._core)
                ready.set_result(None)
                await _loop_end()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)


async def _loop_end() -> None:
    """Never returns; cancelled with all that is left when ``asyncio.run`` is through."""
    await asyncio.get_running_loop().create_future()
