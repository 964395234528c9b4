"""Runs a handler of this process against a recorded journal, up to the await where the invocation stands.

The handler gets what a server would send: start message and journal. Then nothing comes any more: steps without a
result are not executed (unless they are named), nothing is sent, and what the handler has written is looked at. An
attempt does all that within one call, as bytes come in; only the execution of steps needs an event loop that runs.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, Final

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.durable.attempt import Attempt
from restate_reflect.durable.begun_run import Run
from restate_reflect.durable.environment import Environment
from restate_reflect.durable.guards import Guard, enter_handler, outside_handler
from restate_reflect.durable.locations import user_spot
from restate_reflect.durable.routes import Plan
from restate_reflect.durable.shown import title_of
from restate_reflect.engine.journal import Command, Mismatch, decode, fits
from restate_reflect.engine.machine import RECORDING, Engine
from restate_reflect.errors import RestateReflectError
from restate_reflect.identifiers import invocation_bytes
from restate_reflect.interceptors import Hooks, combined, hooks_of
from restate_reflect.protocol import pb
from restate_reflect.protocol.framing import FrameDecoder, RawMessage, encode_frame
from restate_reflect.protocol.messages import MessageType
from restate_reflect.protocol.versions import MAXIMUM, MINIMUM, ProtocolVersion
from restate_reflect.reflection import TargetDirectory
from restate_reflect.replay._recorded import RecordedJournal
from restate_reflect.replay._result import Replay
from restate_reflect.replay._summary import Seen, summary

__all__ = ["OnStep", "Replayer", "UnknownHandlerError"]

OnStep = Callable[[int, str, bool], None]
"""Told of each command before it is compared: number, name (or title, if it has none), and whether the journal does not
have it: it is new, or does not fit."""


class UnknownHandlerError(RestateReflectError):
    """The code has no such service or handler."""


class Replayer:
    """Replays journals against some services; made once for many of them.

    Args:
        services: As ``reflect`` makes them.
        interceptors: Around those of the services, as ``endpoint`` takes them.
        execute: Names of steps that are executed if the journal has no result of them.
        guard: What happens when handler code does I/O outside of steps (files, sockets, subprocesses): it is refused by
            default, and the replay ends there. Clocks and random numbers are left alone.
        on_step: Told of each command, on the stack of the handler that issues it; for debuggers.
    """

    def __init__(
        self,
        services: Iterable[ServiceDefinition],
        *,
        interceptors: Iterable[object] = (),
        execute: Collection[str] = (),
        guard: Guard | str = Guard.FAIL,
        on_step: OnStep | None = None,
    ) -> None:
        self.services = {service.name: service for service in services}
        self.execute = frozenset(execute)
        self._hooks = hooks_of(interceptors)
        self._directory = TargetDirectory(self.services.values())
        self._plans: dict[tuple[str, str], Plan] = {}
        self._guard = Guard(guard)
        self._on_step = on_step

    def replay(self, journal: RecordedJournal) -> Replay:
        """One attempt.

        Raises:
            UnknownHandlerError: There is no such service, handler or protocol version here.
        """
        plan = self._plan(journal)
        if self.execute:
            return _run(self._executing(plan, journal))
        one = _One(plan, journal, self._environment(_NO_LOOP), self._on_step)
        return copy_context().run(self._guarded, one.go)

    async def _executing(self, plan: Plan, journal: RecordedJournal) -> Replay:
        environment = self._environment(asyncio.get_running_loop())
        enter_handler(self._guard)  # in the context of the main task, which is nobody else's
        return await _One(plan, journal, environment, self._on_step, self.execute).go_executing()

    def _guarded(self, go: Callable[[], Replay]) -> Replay:
        """Its handler's context is a copy of this one."""
        enter_handler(self._guard)
        return go()

    def _environment(self, loop: asyncio.AbstractEventLoop) -> Environment[Attempt]:
        environment: Environment[Attempt] = Environment(self._directory, loop)
        environment.logs_failures = False
        return environment

    def _plan(self, journal: RecordedJournal) -> Plan:
        if not MINIMUM <= journal.protocol <= MAXIMUM:
            raise UnknownHandlerError(
                f"{journal.invocation} runs on service protocol V{journal.protocol}; V{MINIMUM} to V{MAXIMUM} are"
                " spoken here."
            )
        service = self.services.get(journal.service)
        if service is None:
            known = ", ".join(sorted(self.services)) or "none"
            raise UnknownHandlerError(f"there is no service {journal.service!r} in the code; it has {known}.")
        handler = service.handlers.get(journal.handler)
        if handler is None:
            known = ", ".join(service.handlers)
            raise UnknownHandlerError(f"{service.name} has no handler {journal.handler!r} any more; it has {known}.")
        names = (service.name, handler.name)
        if names not in self._plans:
            self._plans[names] = Plan(service, handler, self._combined(service))
        return self._plans[names]

    def _combined(self, service: ServiceDefinition) -> Hooks:
        return combined(self._hooks, hooks_of(service.options.interceptors or ()))


class _NoLoop(asyncio.AbstractEventLoop):
    """In place of the event loop that executes steps: none is executed. One that is real would have to be closed."""

    def call_soon_threadsafe(self, *args: Any, **options: Any) -> asyncio.Handle:  # type: ignore[override]
        raise RuntimeError("nothing of a replay is awaited in another thread")


_NO_LOOP: Final = _NoLoop()  # type: ignore[abstract]


def _run(work: Any) -> Replay:
    """Runs a coroutine to its end, also where an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)  # type: ignore[no-any-return]
    found: list[Replay] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(work)), name="replay")
    thread.start()
    thread.join()
    return found[0]


@dataclass(slots=True)
class _Written:
    """Where the output of the attempt goes."""

    messages: list[RawMessage] = field(default_factory=list)
    decoder: FrameDecoder = field(default_factory=FrameDecoder)
    on_write: Callable[[bool], None] | None = None

    def write(self, data: bytes, *, end: bool) -> None:
        self.messages += self.decoder.feed(data)
        if self.on_write is not None:
            self.on_write(end)


class _One:
    """One replay."""

    def __init__(
        self,
        plan: Plan,
        journal: RecordedJournal,
        environment: Environment[Attempt],
        on_step: OnStep | None,
        execute: Collection[str] = (),
    ) -> None:
        self._journal = journal
        self._execute = execute
        self._on_step = on_step
        self._version = ProtocolVersion(journal.protocol)
        self._written = _Written()
        self._seen = Seen()
        self._unanswered = 0
        """Results of steps that were proposed."""
        self._stands: asyncio.Event | None = None
        self._written.on_write = self._on_write
        environment.wrap_step = self._wrap_step
        environment.on_exception = self._on_exception
        environment.on_mismatch = self._on_mismatch
        self._attempt = Attempt(plan, self._version, self._written, environment, {})

    def go(self) -> Replay:
        with self._watched():
            self._attempt.receive(start_of(self._journal))
            return self._end()

    async def go_executing(self) -> Replay:
        """The same, with the steps that are to be executed."""
        self._stands = asyncio.Event()
        with self._watched():
            self._attempt.receive(start_of(self._journal))
            self._look()
            await self._stands.wait()
            return self._end()

    def _end(self) -> Replay:
        if self._attempt.engine.ending is None:
            self._seen.look(self._attempt)
        try:
            return summary(self._journal, self._attempt, self._seen)
        finally:
            if self._on_step is not None:
                sys.settrace(None)  # a debugger that still steps would stop in each frame that is closed here
            self._attempt.abort("the replay has ended")

    def _on_write(self, end: bool) -> None:
        if end:
            self._seen.look(self._attempt)
        if self._stands is not None:
            self._look()

    # ------------------------------------------------------------ what the attempt tells

    @contextmanager
    def _watched(self) -> Generator[None]:
        RECORDING.append(self._on_command)
        try:
            yield
        finally:
            RECORDING.remove(self._on_command)

    def _on_command(self, engine: Engine, type_: int, payload: bytes) -> None:
        if engine is not self._attempt.engine:
            return
        is_step = type_ != MessageType.OUTPUT_COMMAND  # which is the attempt's, once the handler has ended
        self._seen.issued[engine.command_index] = (RawMessage(type_, payload), user_spot() if is_step else None)
        if self._on_step is not None and is_step:
            current = Command(MessageType(type_), payload)
            named = None if engine.related is None else engine.related.name
            name = named or title_of(type_, decode(type_, payload))
            self._on_step(engine.command_index, name, self._is_new(current))

    def _is_new(self, current: Command) -> bool:
        commands, number = self._journal.commands, self._attempt.engine.command_index
        return number >= len(commands) or not fits(commands[number], current)

    def _on_mismatch(self, attempt: Attempt, mismatch: Mismatch) -> None:
        self._seen.look_at_mismatch(attempt, mismatch)

    def _on_exception(self, _: Attempt, error: BaseException, run: Run | None) -> None:
        self._seen.exception = error

    # ------------------------------------------------------------ steps that are executed

    def _wrap_step(self, _: str, name: str, body: Callable[[], Any], is_async: bool) -> Callable[[], Any] | None:
        if name not in self._execute:
            return None

        def free() -> Any:
            outside_handler()
            return body()

        return free

    def _look(self) -> None:
        """Answers what was proposed, as a server does; the attempt stands once nothing is executed any more."""
        for proposed in [each for each in self._written.messages if each.type == MessageType.PROPOSE_RUN_COMPLETION]:
            self._written.messages.remove(proposed)
            self._unanswered += 1
            asyncio.get_running_loop().call_soon(self._answer, proposed.payload)
            return
        is_over = self._attempt.engine.ending is not None
        if self._stands is not None and (is_over or not (self._unanswered or self._attempt.runs.is_executing())):
            self._stands.set()

    def _answer(self, payload: bytes) -> None:
        message = pb.ProposeRunCompletionMessage.FromString(payload)
        self._attempt.receive(_stored(message, self._version))
        self._unanswered -= 1  # now, as it does not stand before
        self._look()


def _stored(proposed: pb.ProposeRunCompletionMessage, version: ProtocolVersion) -> bytes:
    """What a server sends for a proposal."""
    completion_id = proposed.result_completion_id
    if version.has_run_acks:
        ack = pb.ProposeRunCompletionAckMessage(completion_id=completion_id)
        return encode_frame(MessageType.PROPOSE_RUN_COMPLETION_ACK, ack.SerializeToString())
    told = pb.Notification(completion_id=completion_id)
    if proposed.WhichOneof("result") == "failure":
        told.failure.CopyFrom(proposed.failure)
    else:
        told.value.content = proposed.value
        told.value.SetInParent()
    return encode_frame(MessageType.RUN_COMPLETION, told.SerializeToString())


def start_of(journal: RecordedJournal) -> bytes:
    """The first bytes of an attempt: start message and journal."""
    version = ProtocolVersion(journal.protocol)
    start = pb.StartMessage(
        id=invocation_bytes(journal.invocation),
        debug_id=journal.invocation,
        known_entries=len(journal.entries),
        key=journal.key or "",
        partial_state=journal.state is None,
    )
    for name, value in (journal.state or {}).items():
        start.state_map.add(key=name.encode(), value=value)
    if version.has_random_seed and journal.random_seed is not None:
        start.random_seed = journal.random_seed
    if version.has_scopes:
        for name in ("scope", "limit_key", "idempotency_key"):
            if (known := getattr(journal, name)) is not None:
                setattr(start, name, known)
    frames = [encode_frame(each.type, each.payload) for each in journal.entries]
    return b"".join([encode_frame(MessageType.START, start.SerializeToString()), *frames])
