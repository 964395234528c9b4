"""What all attempts of an endpoint share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from restate_reflect.durable.guards import Guard
from restate_reflect.protocol.framing import MAX_MESSAGE_BYTES
from restate_reflect.reflection import TargetDirectory

if TYPE_CHECKING:
    from restate_reflect.durable.attempt import Attempt

__all__ = ["Environment"]


@dataclass(slots=True)
class Environment:
    """Shared by the attempts of one endpoint on one event loop."""

    directory: TargetDirectory
    loop: asyncio.AbstractEventLoop
    """The real loop: bodies of steps run on it."""
    executor: Executor | None = None
    """For steps that are plain functions; ``None``: the loop's own."""
    guard: Guard = Guard.OFF
    wall_clock: Callable[[], float] = time.time
    """Seconds since the epoch, for wake-up times."""
    max_message_bytes: int = MAX_MESSAGE_BYTES
    attempts: dict[Attempt, None] = field(default_factory=dict)
    """Attempts in progress, oldest first."""
    _idle: asyncio.Event | None = None

    def remove(self, attempt: Attempt) -> None:
        """An attempt has ended."""
        self.attempts.pop(attempt, None)
        if self._idle is not None and not self.attempts:
            self._idle.set()

    async def wait_until_idle(self, timeout: float) -> None:
        """Waits until no attempt is in progress, at most ``timeout`` seconds."""
        if not self.attempts:
            return
        self._idle = asyncio.Event()
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            pass
        finally:
            self._idle = None
