"""Plays one attempt of a handler against literal journals: a server's side without a server, without sockets.

``play(Greeter, "greet", body=b'"bob"')`` runs a first attempt. Whatever the handler writes and whatever it is fed is
kept in ``stored``, in the order in which a server would store it, so that ``again()`` plays the next attempt.
"""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from google.protobuf.message import Message

from restate_reflect import ServiceDefinition, reflect
from restate_reflect.durable.attempt import Attempt
from restate_reflect.durable.environment import Environment
from restate_reflect.durable.guards import Guard
from restate_reflect.durable.routes import Plan
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import FrameDecoder, RawMessage, encode_frame
from restate_reflect.protocol.messages import MessageType, command_classes
from restate_reflect.protocol.versions import ProtocolVersion
from restate_reflect.reflection import TargetDirectory

M = MessageType
V5, V6, V7 = ProtocolVersion.V5, ProtocolVersion.V6, ProtocolVersion.V7

LOOP = asyncio.new_event_loop()
"""The real loop, on which bodies of steps run; one for the process, as each costs two file descriptors."""
atexit.register(LOOP.close)

CONTROL: dict[int, type[Message]] = {
    M.START: pb.StartMessage,
    M.SUSPENSION: pb.SuspensionMessage,
    M.ERROR: pb.ErrorMessage,
    M.END: pb.EndMessage,
    M.PROPOSE_RUN_COMPLETION: pb.ProposeRunCompletionMessage,
    M.AWAITING_ON: pb.AwaitingOnMessage,
}


def read(raw: RawMessage) -> Any:
    """Decodes any message that the handler's side writes."""
    return (command_classes().get(raw.type) or CONTROL[raw.type]).FromString(raw.payload)


def frames(data: bytes) -> list[RawMessage]:
    """Cuts bytes into messages; nothing may be left over."""
    decoder = FrameDecoder()
    cut = list(decoder.feed(data))
    assert decoder.is_empty
    return cut


# ---------------------------------------------------------------- what a server sends


def frame(type_: MessageType, message: Message) -> bytes:
    return encode_frame(type_, message.SerializeToString())


def start(
    known_entries: int, *, state: dict[str, bytes] | None = None, partial: bool | None = None, **fields: Any
) -> bytes:
    """A start message; without ``state`` nothing is known of it (lazy)."""
    known: dict[str, Any] = {"id": b"\x01" * 24, "debug_id": "inv_test", "random_seed": 7} | fields
    message = pb.StartMessage(
        known_entries=known_entries, partial_state=state is None if partial is None else partial, **known
    )
    for name, value in (state or {}).items():
        message.state_map.add(key=name.encode(), value=value)
    return frame(M.START, message)


def given_input(body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    listed = [pb.Header(key=key, value=value) for key, value in (headers or {}).items()]
    return frame(M.INPUT_COMMAND, pb.InputCommandMessage(value=pb.Value(content=body), headers=listed))


def journal(*entries: bytes, **start_fields: Any) -> bytes:
    """Start message and entries."""
    return start(len(entries), **start_fields) + b"".join(entries)


def done(type_: MessageType, id_: int, value: bytes | None = None, *, error: tuple[int, str] | None = None) -> bytes:
    """A completion: with a value, with a failure, or void."""
    return frame(type_, _notification(value, error, completion_id=id_))


def inv(number: int) -> str:
    """An invocation id."""
    return f"inv_1{number:033}"


def called(id_: int, invocation_id: str) -> bytes:
    """The callee's invocation id."""
    return frame(M.CALL_INVOCATION_ID_COMPLETION, pb.Notification(completion_id=id_, invocation_id=invocation_id))


def signal(name: str | int, value: bytes | None = None, *, error: tuple[int, str] | None = None) -> bytes:
    """A signal by name, or by index (awakeables count from 17)."""
    id_ = {"signal_name": name} if isinstance(name, str) else {"signal_id": name}
    return frame(M.SIGNAL_NOTIFICATION, _notification(value, error, **id_))


def _notification(value: bytes | None, error: tuple[int, str] | None, **id_: Any) -> pb.Notification:
    if error is not None:
        return pb.Notification(failure=pb.Failure(code=error[0], message=error[1]), **id_)
    if value is None:
        return pb.Notification(void=pb.Void(), **id_)
    return pb.Notification(value=pb.Value(content=value), **id_)


CANCEL = signal(1)


def ack(id_: int) -> bytes:
    return frame(M.PROPOSE_RUN_COMPLETION_ACK, pb.ProposeRunCompletionAckMessage(completion_id=id_))


# ---------------------------------------------------------------- an attempt


@dataclass
class Recorder:
    """A sink that keeps what was written."""

    data: bytearray = field(default_factory=bytearray)
    ended: bool = False

    def write(self, data: bytes, *, end: bool) -> None:
        assert not self.ended, "written after the end"
        self.data += data
        self.ended = end


@lru_cache(maxsize=1024)
def definition(target: Any) -> ServiceDefinition:
    return reflect(target)


class Played:
    """One attempt, driven step by step."""

    def __init__(
        self, target: Any, handler: str, version: ProtocolVersion, others: Sequence[Any], guard: Guard
    ) -> None:
        service = target if isinstance(target, ServiceDefinition) else definition(target)
        directory = TargetDirectory([service, *map(definition, others)])
        self.environment: Environment[Attempt] = Environment(directory, LOOP, guard=guard, wall_clock=lambda: 1000.0)
        self.sink = Recorder()
        plan = Plan(service, service.handlers[handler])
        self.attempt = Attempt(plan, version, self.sink, self.environment, {"traceparent": "00-1"})
        self.stored: list[bytes] = []
        self._setup = (target, handler, version, others, guard)
        self._read = 0
        self._pending_echoes: list[pb.ProposeRunCompletionMessage] = []
        self._body_tasks: list[asyncio.Future[Any]] = []

    # -- feeding

    def begin(self, entries: Sequence[bytes], *, eof: bool = False, **start_fields: Any) -> Played:
        """Sends the journal as one chunk."""
        self.stored = list(entries)
        data = journal(*entries, **start_fields)
        LOOP.run_until_complete(self._send(data, eof))
        return self

    def feed(self, *notifications: bytes) -> Played:
        """Sends notifications, one chunk each; the server stores them after what was written before."""
        for notification in notifications:
            self._store_written()
            self.stored.append(notification)
            LOOP.run_until_complete(self._send(notification, False))
        return self

    def raw(self, data: bytes) -> Played:
        """Sends bytes that the server does not store."""
        LOOP.run_until_complete(self._send(data, False))
        return self

    def eof(self) -> Played:
        LOOP.run_until_complete(self._send(b"", True))
        return self

    async def _send(self, data: bytes, eof: bool) -> None:
        if data:
            self.attempt.receive(data)
        if eof:
            self.attempt.receive_eof()
        await self._settle_async()

    async def _settle_async(self) -> None:
        """Lets bodies of steps go as far as they can without waiting."""
        for _ in range(4):
            await asyncio.sleep(0)

    def finish_runs(self) -> Played:
        """Waits for the steps that execute."""
        LOOP.run_until_complete(self._finish_runs())
        return self

    async def _finish_runs(self) -> None:
        while tasks := [body for run in self.attempt.runs._executing.values() if (body := run.future.body) is not None]:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await self._settle_async()

    def echo(self) -> Played:
        """Confirms every proposal of a step's result: by a copy (V5, V6) or an ack (V7)."""
        self._store_written()
        proposals, self._pending_echoes = self._pending_echoes, []
        for proposal in proposals:
            self._confirm(proposal)
        return self

    def _confirm(self, proposal: pb.ProposeRunCompletionMessage) -> None:
        failure = proposal.failure if proposal.WhichOneof("result") == "failure" else None
        value = None if failure is not None else pb.Value(content=proposal.value)
        message = pb.Notification(completion_id=proposal.result_completion_id, failure=failure, value=value)
        completion = frame(M.RUN_COMPLETION, message)
        self.stored.append(completion)
        acked = self.attempt.engine.version.has_run_acks
        self.raw(ack(proposal.result_completion_id) if acked else completion)

    def _store_written(self) -> None:
        for raw in self.written[self._read :]:
            self._read += 1
            if raw.type in command_classes():
                self.stored.append(encode_frame(raw.type, raw.payload))
            elif raw.type == M.PROPOSE_RUN_COMPLETION:
                self._pending_echoes.append(read(raw))

    # -- the next attempt

    def again(
        self, *more: bytes, target: Any = None, handler: str | None = None, eof: bool = False, **start_fields: Any
    ) -> Played:
        """Plays the next attempt against what is stored, and ``more``; of other code, if ``target`` is given."""
        self._store_written()
        old_target, old_handler, version, others, guard = self._setup
        following = Played(target or old_target, handler or old_handler, version, others, guard)
        return following.begin([*self.stored, *more], eof=eof, **start_fields)

    # -- looking

    @property
    def written(self) -> list[RawMessage]:
        return frames(bytes(self.sink.data))

    @property
    def messages(self) -> list[tuple[MessageType, Any]]:
        return [(M(raw.type), read(raw)) for raw in self.written]

    @property
    def types(self) -> list[MessageType]:
        return [M(raw.type) for raw in self.written]

    def all(self, type_: MessageType) -> list[Any]:
        return [read(raw) for raw in self.written if raw.type == type_]

    def one(self, type_: MessageType) -> Any:
        """The only message of this type."""
        (found,) = self.all(type_)
        return found

    @property
    def error(self) -> Any:
        return self.one(M.ERROR)

    @property
    def output(self) -> bytes:
        """The value that the invocation ended with."""
        assert self.types[-2:] == [M.OUTPUT_COMMAND, M.END], self.messages
        assert self.sink.ended
        found = self.one(M.OUTPUT_COMMAND)
        assert found.WhichOneof("result") == "value", found
        value: bytes = found.value.content
        return value

    @property
    def failure(self) -> tuple[int, str]:
        """The failure that the invocation ended with."""
        assert self.types[-2:] == [M.OUTPUT_COMMAND, M.END], self.messages
        found = self.one(M.OUTPUT_COMMAND)
        assert found.WhichOneof("result") == "failure", found
        return found.failure.code, found.failure.message

    @property
    def waits(self) -> bool:
        """Whether the attempt is still open."""
        return not self.sink.ended

    @property
    def suspended_on(self) -> list[int | str]:
        """What the suspension waits for (V5, V6): completions, then signals as ``"#17"``, then names."""
        assert self.types[-1] == M.SUSPENSION, self.messages
        message = self.one(M.SUSPENSION)
        indexes = [f"#{index}" for index in message.waiting_signals]
        return [*message.waiting_completions, *indexes, *message.waiting_named_signals]


def play(
    target: Any,
    handler: str,
    *entries: bytes,
    body: bytes = b"",
    version: ProtocolVersion = V6,
    others: Sequence[Any] = (),
    guard: Guard = Guard.OFF,
    headers: dict[str, str] | None = None,
    eof: bool = False,
    **start_fields: Any,
) -> Played:
    """Plays an attempt: the input, then ``entries``."""
    played = Played(target, handler, version, others, guard)
    return played.begin([given_input(body, headers), *entries], eof=eof, **start_fields)


def command(type_: MessageType, **fields: Any) -> bytes:
    """A recorded command, such as ``command(M.SLEEP_COMMAND, wake_up_time=1, result_completion_id=1)``."""
    return frame(type_, command_classes()[type_](**fields))


def tree(future: Any) -> Any:
    """An await tree as plain data: ``("FIRST_COMPLETED", [1, "#1", "name"], [nested…])``."""
    leaves: Iterable[int | str] = [
        *future.waiting_completions,
        *(f"#{index}" for index in future.waiting_signals),
        *future.waiting_named_signals,
    ]
    name = pb.CombinatorType.Name(future.combinator_type)
    return name, list(leaves), [tree(nested) for nested in future.nested_futures]
