"""What all attempts of an endpoint share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Generic, Protocol, TypeVar

from restate_reflect.durable.begun_run import Run
from restate_reflect.durable.guards import Guard
from restate_reflect.durable.locations import caller
from restate_reflect.durable.routes import Routes
from restate_reflect.engine.ending import AttemptError
from restate_reflect.engine.journal import Mismatch
from restate_reflect.errors import HandlerBugError
from restate_reflect.options import LATEST, ErrorDetails
from restate_reflect.protocol.framing import MAX_MESSAGE_BYTES
from restate_reflect.reflection import TargetDirectory

__all__ = ["Environment", "Sink"]

A = TypeVar("A")


class Sink(Protocol):
    """Where an attempt's output goes."""

    def write(self, data: bytes, *, end: bool) -> None:
        """Sends bytes; ``end`` closes the response after them."""


class Environment(Generic[A]):
    """Shared by the attempts of one endpoint on one event loop. ``A`` is their class, which stands on this one."""

    __slots__ = (
        "_idle",
        "attempts",
        "draining",
        "error_details",
        "executor",
        "guard",
        "logs_failures",
        "loop",
        "max_message_bytes",
        "on_exception",
        "on_failure",
        "on_mismatch",
        "routes",
        "strict",
        "told",
        "wall_clock",
        "wrap_sink",
        "wrap_step",
    )

    def __init__(
        self,
        directory: TargetDirectory,
        loop: asyncio.AbstractEventLoop,
        executor: Executor | None = None,
        guard: Guard = Guard.OFF,
        wall_clock: Callable[[], float] = time.time,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        error_details: ErrorDetails = "full",
    ) -> None:
        """Args:
        directory: The handlers that can be called.
        loop: The real loop: bodies of steps run on it.
        executor: For steps that are plain functions; ``None``: the loop's own.
        wall_clock: Seconds since the epoch, for wake-up times.
        error_details: Of handlers whose options do not say it.
        """
        self.error_details: ErrorDetails = error_details
        self.loop = loop
        self.executor = executor
        self.guard = guard
        self.wall_clock = wall_clock
        self.max_message_bytes = max_message_bytes
        self.routes = Routes(directory)
        self.told: set[tuple[str, int | None]] = set()
        """Lines (file and number) of which the guard has said that they ask for what no replay gets again."""
        self.on_failure: Callable[[A, AttemptError], None] | None = None
        """Told of every attempt that fails; test kits and ``dev`` show it."""
        self.on_exception: Callable[[A, BaseException, Run | None], None] | None = None
        """Told, before that, of the exception that fails an attempt, if it is one of a handler's or (with the step) of
        a step's body; test kits raise it."""
        self.on_mismatch: Callable[[A, Mismatch], None] | None = None
        """Told, before that, of what the handler does that its journal has not recorded."""
        self.logs_failures = True
        """Whether an attempt that fails is logged."""
        self.wrap_step: Callable[[str, str, Callable[[], Any], bool], Callable[[], Any] | None] | None = None
        """Given invocation, name and body of every step without a result, and whether it is async, returns the body to
        execute, or ``None`` if it is not to be executed; to inject failures, and to replay without side effects."""
        self.wrap_sink: Callable[[A, Sink], Sink] | None = None
        """Given each new attempt and where its output goes, returns where it goes instead; for logs."""
        self.strict = False
        """Whether a task that a handler leaves behind fails its attempt: in tests and ``dev``. Else it is logged."""
        self.draining = False
        """Whether the endpoint shuts down: attempts that start now suspend at their first await."""
        self.attempts: dict[A, None] = {}
        """Attempts in progress, oldest first."""
        self._idle: asyncio.Event | None = None

    def due(self, delay: float) -> int:
        """The point in time ``delay`` seconds from now, in ms since the epoch.

        Raises:
            HandlerBugError: It is no number, or that point is after the year 9999.
        """
        at = (self.wall_clock() + delay) * 1000
        if not at <= LATEST:
            raise HandlerBugError(
                f"a delay of {delay} seconds can't be journaled ({caller()}): it ends after the year 9999. To wait"
                " without end, await a signal, a promise or an awakeable."
            )
        return round(max(at, 0))

    def has_become_idle(self) -> None:
        """The last attempt in progress has ended."""
        if self._idle is not None:
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
