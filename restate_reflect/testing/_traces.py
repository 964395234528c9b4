"""What an invocation did and what it was told, in a form that can be compared between runs.

Ids differ from run to run where concurrent invocations begin in another order, and completion ids where
branches of a handler do. So ids are replaced by names, and completion ids are left out of commands.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from google.protobuf.message import Message

from restate_reflect.embedded import Entry, IdError, Invocation, Status
from restate_reflect.embedded.ids import awakeable_target
from restate_reflect.engine import journal
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import is_command
from restate_reflect.protocol.messages import MessageType

__all__ = ["Command", "Event", "Names", "Trace", "first_difference", "read_trace"]


class Command(NamedTuple):
    """A command without the result that it may carry."""

    kind: int
    content: bytes
    shown: str


class Event(NamedTuple):
    """Something a handler was told: a result, a signal, a value of its state."""

    what: str
    """Which one; completions by their number, as the handler asked for them in that order."""
    value: bytes
    after: int
    """How many commands were stored before it."""
    step: int | None
    """The index of the ``run`` whose result it is."""


@dataclass(slots=True)
class Trace:
    """One invocation of one run.

    Attributes:
        name: The same in every run, made of parent, target and input.
        shown: The name for people: ``Shop/buy #1``.
    """

    id: str
    name: str
    shown: str
    commands: list[Command] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    status: Status = Status.RUNNING

    @property
    def completed(self) -> bool:
        return self.status is Status.COMPLETED

    @property
    def is_stuck(self) -> bool:
        """Whether its attempts fail."""
        return self.status in (Status.BACKING_OFF, Status.PAUSED)

    def line(self, index: int) -> str:
        """A command in words, a step with its result."""
        if index >= len(self.commands):
            return "nothing"
        shown = self.commands[index].shown
        if self.commands[index].kind != MessageType.RUN_COMMAND:
            return shown
        value = next((event.value for event in self.events if event.step == index), None)
        return f"{shown} → {'no result' if value is None else _shown_result(value)}"


def first_difference(left: Sequence[Event], right: Sequence[Event]) -> int:
    """The first index at which two invocations were told of different things; values do not count."""
    for index, (one, other) in enumerate(zip(left, right, strict=False)):
        if one.what != other.what:
            return index
    return min(len(left), len(right))


# ---------------------------------------------------------------- reading


class Names:
    """Names of invocations that are the same in every run, and their ids replaced by these."""

    def __init__(self) -> None:
        self._by_id: dict[str, str] = {}
        self._named: Counter[str] = Counter()
        self._shown: Counter[str] = Counter()

    def add(self, invocation: Invocation, given: bytes) -> tuple[str, str]:
        """Name, and name for people. Parents are to be added before their children."""
        parent = self._by_id.get(invocation.parent or "", "")
        target = str(invocation.target)
        content = self.replaced(b"\0".join((parent.encode(), target.encode(), given)))
        name = f"{invocation.target.service}/{invocation.target.handler}:{hashlib.sha256(content).hexdigest()[:16]}"
        self._named[name] += 1
        self._shown[target] += 1
        name = self._by_id[invocation.id] = f"{name}#{self._named[name]}"
        return name, f"{target} #{self._shown[target]}"

    def replaced(self, data: bytes) -> bytes:
        """The same bytes with names for ids."""
        return _IDS.sub(self._replacement, data) if b"_1" in data else data

    def _replacement(self, found: re.Match[bytes]) -> bytes:
        text = found[0].decode()
        if text.startswith("inv"):
            return f"<{self._by_id.get(text, 'invocation')}>".encode()
        try:
            identifier, index = awakeable_target(text)
        except IdError:
            return found[0]
        return f"<{self._by_id.get(identifier, 'invocation')} awakeable {index}>".encode()


_IDS: Final = re.compile(rb"inv_1[0-9a-zA-Z]{33}|sign_1[0-9a-zA-Z_-]{38}")


def read_trace(invocation: Invocation, entries: Sequence[Entry], names: Names) -> Trace:
    """One invocation's journal, and its place among the others."""
    first = entries[0].payload if entries else b""
    trace = Trace(invocation.id, *names.add(invocation, first), status=invocation.status)
    steps: dict[int, int] = {}
    for entry in entries:
        if is_command(entry.type):
            trace.events += _add_command(trace, entry, names, steps)
        else:
            trace.events.append(_event(trace, entry, names, steps))
    return trace


def _add_command(trace: Trace, entry: Entry, names: Names, steps: dict[int, int]) -> Iterator[Event]:
    message = journal.decode(entry.type, entry.payload)
    index = len(trace.commands)
    shown = journal.describe(entry.type, entry.payload)
    if isinstance(message, pb.RunCommandMessage):
        steps[message.result_completion_id] = index
    value = _take_state(message)
    for name in _CLEARED:
        if name in message.DESCRIPTOR.fields_by_name:
            message.ClearField(name)
    trace.commands.append(Command(entry.type, names.replaced(message.SerializeToString(deterministic=True)), shown))
    if value is not None:
        yield Event(f"state {index}", names.replaced(value), index + 1, None)


_CLEARED: Final = ("result_completion_id", "invocation_id_notification_idx", "wake_up_time", "invoke_time")
"""Numbers, and what clocks decide."""


def _take_state(message: Message) -> bytes | None:
    """What a command has read already; it belongs to what the handler was told, not to what it did."""
    match message:
        case pb.GetEagerStateCommandMessage():
            value = message.value.SerializeToString() if message.HasField("value") else b""
            message.ClearField("value")
            message.ClearField("void")
            return value
        case pb.GetEagerStateKeysCommandMessage():
            value = message.value.SerializeToString()
            message.ClearField("value")
            return value
        case _:
            return None


def _event(trace: Trace, entry: Entry, names: Names, steps: dict[int, int]) -> Event:
    done = pb.Notification.FromString(entry.payload)
    which = done.WhichOneof("id") or "completion_id"
    identifier = getattr(done, which)
    step = steps.get(identifier) if entry.type == MessageType.RUN_COMPLETION else None
    done.ClearField(which)
    value = names.replaced(done.SerializeToString(deterministic=True))
    return Event(f"{which} {identifier}", value, len(trace.commands), step)


def _shown_result(value: bytes) -> str:
    done = pb.Notification.FromString(value)
    if done.HasField("failure"):
        return f"failure {done.failure.code} {done.failure.message}"
    return str(done.value.content)
