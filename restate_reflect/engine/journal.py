"""Comparing what the handler does now with what the journal says it did."""

from __future__ import annotations

from typing import Final, NamedTuple

from restate_reflect.errors import ProtocolViolationError
from restate_reflect.protocol import pb
from restate_reflect.protocol.framing import RawMessage
from restate_reflect.protocol.messages import MessageType, command_classes, parsed

__all__ = ["AWAIT", "END", "Command", "Mismatch", "Noted", "decode", "describe", "fits", "plain"]


class Command(NamedTuple):
    """A journal command as the handler issues it now."""

    type: MessageType
    payload: bytes
    name: object = ""
    """Shown by ``str``, in errors only."""


# Fields that may differ between the recorded and the current command: a wake-up time is computed
# from a clock, the first execution's counts.
_NOT_COMPARED: Final[dict[int, tuple[str, ...]]] = {
    MessageType.SLEEP_COMMAND: ("wake_up_time",),
    MessageType.ONE_WAY_CALL_COMMAND: ("invoke_time",),
}

_MAX_SHOWN: Final = 120


def fits(recorded: RawMessage, current: Command) -> bool:
    """Whether the current command is the recorded one.

    The usual case is one comparison of bytes: the server stores a command as it got it.
    """
    if recorded.type != current.type:
        return False
    return recorded.payload == current.payload or _same_but_for_clocks(recorded, current)


def _same_but_for_clocks(recorded: RawMessage, current: Command) -> bool:
    old, new = decode(recorded.type, recorded.payload), decode(current.type, current.payload)
    for name in _NOT_COMPARED.get(current.type, ()):
        old.ClearField(name)
        new.ClearField(name)
    return old == new


class Noted(NamedTuple):
    """A command that was replayed, and where in the user's source it was issued."""

    number: int
    type: MessageType
    payload: bytes
    place: object
    """Shown by ``str``; ``None`` if it is not known."""


class Mismatch(NamedTuple):
    """What the handler does, and what its journal says instead."""

    number: int
    """Of the recorded command that it does not issue again; the input is 0."""
    why: str
    recorded: RawMessage
    current: Command | None
    """``None``: it issues none, but awaits something or ends."""
    doing: str
    """That in words: the current command's, ``AWAIT`` or ``END``."""
    where: str
    """In the user's source."""
    later: tuple[RawMessage, ...]
    """The recorded commands behind it."""
    before: tuple[Noted, ...]
    """The last commands that fitted, if they were noted; oldest first."""


AWAIT: Final = "an await"
END: Final = "the end"


def plain(mismatch: Mismatch) -> str:
    """The mismatch in words, by one who knows nothing but the wire."""
    return (
        f"journal mismatch at command {mismatch.number}: {mismatch.why}\n"
        f"  recorded: {describe(mismatch.recorded.type, mismatch.recorded.payload)}\n"
        f"  current:  {mismatch.doing}\n"
        f"  at:       {mismatch.where}"
    )


def decode(message_type: int, payload: bytes) -> pb.Message:
    """The generated message for a command.

    Raises:
        ProtocolViolationError: Unknown type or malformed payload.
    """
    cls = command_classes().get(message_type)
    if cls is None:
        raise ProtocolViolationError(f"unknown command type {message_type:#06x}")
    return parsed(cls, payload)


def describe(message_type: int, payload: bytes) -> str:
    """A command in one line, for people: ``call Inventory/reserve key='a' parameter=b'1'``."""
    try:
        message = decode(message_type, payload)
    except ProtocolViolationError as error:
        return str(error)
    title = MessageType(message_type).name.removesuffix("_COMMAND").lower().replace("_", " ")
    parts = [f"{field.name}={_show(value)}" for field, value in message.ListFields() if field.name not in _NOISE]
    return " ".join([title, *parts])


_NOISE: Final = frozenset({"result_completion_id", "invocation_id_notification_idx", "wake_up_time", "invoke_time"})


def _show(value: object) -> str:
    text = " ".join(str(value).split()) if isinstance(value, pb.Message) else repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
