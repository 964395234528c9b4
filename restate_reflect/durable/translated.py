"""An attempt whose payloads go through a chain: ``translating``, and the waiting for what is kept elsewhere.

Messages keep their order: one whose payload is fetched holds up those behind it, and what is written waits until its
payload is kept. Fetching and keeping begin at once, several at a time.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from struct import Struct
from typing import Any, Final, Generic, TypeVar

from restate_reflect.durable.attempt import Attempt
from restate_reflect.durable.environment import Environment, Sink
from restate_reflect.durable.routes import Plan
from restate_reflect.durable.translating import Arriving, ArrivingState, Translation
from restate_reflect.engine.ending import AttemptError, error_message
from restate_reflect.engine.machine import Engine
from restate_reflect.errors import (
    EngineError,
    PayloadDamagedError,
    PayloadError,
    PayloadUnavailableError,
    TerminalError,
)
from restate_reflect.payloads import Chain
from restate_reflect.protocol.framing import FrameDecoder, encode_frame
from restate_reflect.protocol.messages import MessageType
from restate_reflect.protocol.versions import ProtocolVersion

__all__ = ["TranslatedAttempt", "translated"]

logger = logging.getLogger("restate_reflect")

T = TypeVar("T")

AT_ONCE: Final = 16
"""Payloads of one attempt that are fetched, or kept, at a time."""


def translated(
    plan: Plan,
    version: ProtocolVersion,
    sink: Sink,
    environment: Environment[Attempt],
    headers: Mapping[str, str],
    chain: Chain,
    *,
    services: frozenset[str],
    max_message_bytes: int,
) -> TranslatedAttempt:
    """An attempt, as ``Attempt(…)`` makes one.

    Args:
        services: Those of this endpoint.
        max_message_bytes: Of what the server sends; decoded it may be longer.
    """
    translation = Translation(chain, services, plan.service.name, plan.handler.name, plan.max_input_bytes)
    leaving = _Leaving(translation, chain, sink, version, environment.loop)
    attempt = Attempt(plan, version, leaving, environment, headers)
    attempt.hides_payloads = chain.hides
    return TranslatedAttempt(attempt, leaving, translation, chain, max_message_bytes)


class TranslatedAttempt:
    """In the place of an attempt, to whoever brings its request."""

    def __init__(
        self, attempt: Attempt, leaving: _Leaving, translation: Translation, chain: Chain, max_message_bytes: int
    ) -> None:
        self._attempt = attempt
        self._leaving = leaving
        self._translation = translation
        self._chain = chain
        self._frames = FrameDecoder(max_message_bytes)
        self._line: _Line[Callable[[], None]] = _Line(attempt.environment.loop, self._deliver)
        leaving.on_error = self._fail

    @property
    def engine(self) -> Engine:
        return self._attempt.engine

    @property
    def is_executing(self) -> bool:
        """Whether a step executes, or a payload is fetched or kept."""
        return self._attempt.is_executing or bool(self._line.waiting) or self._leaving.is_waiting

    def receive(self, data: bytes) -> None:
        """Bytes of the request body."""
        ready: list[bytes] = []
        for message_type, payload in self._frames.cut(data):
            try:
                found = self._translation.arrived(message_type, payload)
            except EngineError as error:
                self._end(AttemptError(error.code, error.message))
                return
            if isinstance(found, bytes) and not self._line.waiting:
                ready.append(encode_frame(message_type, found))
                continue
            self._hand_over(ready)
            self._take(message_type, found)
        self._hand_over(ready)
        if self._frames.violation is not None:
            self._end(AttemptError(self._frames.violation.code, self._frames.violation.message))

    def _hand_over(self, ready: list[bytes]) -> None:
        if ready:
            self._attempt.receive(b"".join(ready))
            ready.clear()

    def _take(self, message_type: int, found: bytes | Arriving | ArrivingState) -> None:
        if isinstance(found, bytes):
            frame = encode_frame(message_type, found)
            self._line.add(lambda: self._attempt.receive(frame))
        elif isinstance(found, ArrivingState):
            self._line.add(lambda: self._start(found), lambda: self._fetch_state(found))
        elif self._chain.is_claim(found.payload):
            self._line.add(lambda: self._decode(found), lambda: self._fetch(found))
        else:
            self._line.add(lambda: self._decode(found))

    async def _fetch(self, arriving: Arriving) -> None:
        """What goes wrong is told in its turn."""
        try:
            arriving.payload = await self._chain.fetch(arriving.payload, arriving.position, arriving.limit)
        except PayloadError as error:
            arriving.error = error

    async def _fetch_state(self, state: ArrivingState) -> None:
        """What can't be had is left out."""
        for name, value in state.claims.items():
            try:
                state.fetched[name] = await self._chain.fetch(value, self._translation.positions.state(name))
            except PayloadError:
                continue

    def _start(self, state: ArrivingState) -> None:
        self._attempt.receive(encode_frame(MessageType.START, self._translation.start(state.payload, state.fetched)))

    def _decode(self, arriving: Arriving) -> None:
        message = self._decoded(arriving)
        if message is not None:
            self._attempt.receive(encode_frame(arriving.message_type, message))

    def _decoded(self, arriving: Arriving) -> bytes | None:
        try:
            if arriving.error is not None:
                raise arriving.error
            return self._translation.decoded(arriving)
        except PayloadError as error:
            return self._undecoded(arriving, error)

    def _deliver(self, act: Callable[[], None]) -> None:
        act()

    def receive_eof(self) -> None:
        """The request body has ended."""
        if not self._frames.is_empty and not self._line.waiting:
            self._attempt.receive(b"\0")  # as a message that is cut short
        self._line.add(self._attempt.receive_eof)

    def abort(self, reason: str) -> None:
        """The connection is gone: nothing can be written any more."""
        self._line.cancel()
        self._leaving.cancel()
        self._attempt.abort(reason)

    def interrupt(self, reason: str) -> None:
        """Ends the attempt with a retryable error."""
        self._line.cancel()
        self._attempt.interrupt(reason)

    # ------------------------------------------------------------ what can't be decoded

    def _undecoded(self, arriving: Arriving, error: PayloadError) -> bytes | None:
        """An input is somebody else's: its sender is told. Anything else ends the attempt, which is tried again."""
        if arriving.message_type != MessageType.INPUT_COMMAND or not self._is_answered(error):
            self._fail(error)
            return None
        is_large = isinstance(error, PayloadDamagedError) and error.is_too_large
        self._attempt.refusal = TerminalError(str(error), 413 if is_large else 400)
        return arriving.slot.replaced(b"")

    def _is_answered(self, error: PayloadError) -> bool:
        """Not while a deployment may bring what is missing. (The start message has been read by now.)"""
        if not isinstance(error, PayloadUnavailableError):
            return True
        started = self.engine.started
        return started.retry_duration >= self._chain.patience

    def _fail(self, error: PayloadError) -> None:
        environment = self._attempt.environment
        if environment.on_exception is not None:
            environment.on_exception(self._attempt, error, None)
        self._end(AttemptError(500, str(error)))

    def _end(self, error: AttemptError) -> None:
        self._line.cancel()
        self.engine.fail(error)
        self._attempt.interrupt(error.message)  # writes that failure: the first one counts


class _Leaving:
    """The sink of the attempt."""

    def __init__(
        self,
        translation: Translation,
        chain: Chain,
        sink: Sink,
        version: ProtocolVersion,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._translation, self._chain, self._sink, self._version = translation, chain, sink, version
        self._line: _Line[_Written] = _Line(loop, self._write)
        self._is_over = False
        self._has_ended = False
        """Whether the attempt has written its last."""
        self.on_error: Callable[[PayloadError], None] = self._refuse

    @property
    def is_waiting(self) -> bool:
        """Whether something is to be written yet."""
        return bool(self._line.waiting)

    def write(self, data: bytes, *, end: bool) -> None:
        if self._is_over:
            return
        self._has_ended = end
        try:
            written = _Written(b"", [], end)
            for message_type, flags, payload in _cut(data):
                message, kept, position = self._translation.leaving(message_type, payload)
                written.data += encode_frame(message_type, message, flags)
                if kept is not None:
                    written.to_keep.append((kept, position))
        except PayloadError as error:
            self._failed(error)
            return
        self._line.add(written, (lambda: self._keep(written)) if written.to_keep else None)

    async def _keep(self, written: _Written) -> None:
        try:
            for kept, position in written.to_keep:
                await self._chain.keep(kept, position)
        except PayloadError as error:
            written.error = error

    def _write(self, written: _Written) -> None:
        if written.error is not None:
            self._failed(written.error)
        elif not self._is_over:
            self._is_over = written.end
            self._sink.write(written.data, end=written.end)

    def _failed(self, error: PayloadError) -> None:
        """What has been written stays; the rest is done again by the next attempt."""
        self._line.cancel()
        if self._has_ended:
            self._refuse(error)
        else:
            self.on_error(error)

    def _refuse(self, error: PayloadError) -> None:
        self._is_over = True
        logger.warning("attempt failed (500): %s", error)
        message = error_message(AttemptError(500, str(error)), self._version)
        self._sink.write(encode_frame(MessageType.ERROR, message.SerializeToString()), end=True)

    def cancel(self) -> None:
        self._is_over = True
        self._line.cancel()


class _Written:
    """Messages that leave together."""

    __slots__ = ("data", "end", "error", "to_keep")

    def __init__(self, data: bytes, to_keep: list[tuple[bytes, Any]], end: bool) -> None:
        self.data = data
        self.to_keep = to_keep
        self.end = end
        self.error: PayloadError | None = None


class _Line(Generic[T]):
    """Things that wait for one another: each is passed on once those before it are, and its own work is done."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pass_on: Callable[[T], None]) -> None:
        self._loop = loop
        self._pass_on = pass_on
        self._bound = asyncio.Semaphore(AT_ONCE)
        self._moving = False
        self.waiting: deque[tuple[T, asyncio.Task[None] | None]] = deque()

    def add(self, item: T, work: Callable[[], Awaitable[None]] | None = None) -> None:
        task = None
        if work is not None:
            task = self._loop.create_task(self._bounded(work))
            task.add_done_callback(self._moved)
        self.waiting.append((item, task))
        self._move()

    async def _bounded(self, work: Callable[[], Awaitable[None]]) -> None:
        async with self._bound:
            await work()

    def _moved(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._move()

    def _move(self) -> None:
        if self._moving:
            return
        self._moving = True
        try:
            while self.waiting and (self.waiting[0][1] is None or self.waiting[0][1].done()):
                self._pass_on(self.waiting.popleft()[0])
        finally:
            self._moving = False

    def cancel(self) -> None:
        """Drops what waits."""
        dropped = [*self.waiting]
        self.waiting.clear()
        for _, task in dropped:
            if task is not None:
                task.cancel()


_HEADER: Final = Struct(">HHI")


def _cut(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, flags and payload of whole messages."""
    at = 0
    while at < len(data):
        message_type, flags, length = _HEADER.unpack_from(data, at)
        at += 8 + length
        yield message_type, flags, data[at - length : at]
