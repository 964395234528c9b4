"""Comparing what the handler does now with what the journal says it did."""

from __future__ import annotations

from typing import Final, NamedTuple

from restate_reflect.errors import JournalMismatchError, ProtocolViolationError, RelatedCommand
from restate_reflect.protocol import pb
from restate_reflect.protocol.framing import RawMessage
from restate_reflect.protocol.messages import MessageType, command_classes, parsed

__all__ = ["Command", "astray", "check", "decode", "describe"]


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


def check(index: int, recorded: RawMessage, current: Command, where: str) -> None:
    """Accepts the current command as the recorded one.

    The usual case is one comparison of bytes: the server stores a command as it got it.

    Raises:
        JournalMismatchError: They are not the same step.
    """
    if recorded.type == current.type:
        if recorded.payload == current.payload:
            return
        if _same_but_for_clocks(recorded, current):
            return
    raise mismatch(index, recorded, current, where)


def _same_but_for_clocks(recorded: RawMessage, current: Command) -> bool:
    old, new = decode(recorded.type, recorded.payload), decode(current.type, current.payload)
    for name in _NOT_COMPARED.get(current.type, ()):
        old.ClearField(name)
        new.ClearField(name)
    return old == new


def mismatch(index: int, recorded: RawMessage, current: Command, where: str) -> JournalMismatchError:
    """The error for two commands that differ; names both and the user's line."""
    return JournalMismatchError(
        f"journal mismatch at command {index}: the code no longer does what this invocation's journal recorded.\n"
        f"  recorded: {describe(recorded.type, recorded.payload)}\n"
        f"  current:  {describe(current.type, current.payload)}\n"
        f"  at:       {where}\n"
        "Deploy the old code for invocations in flight (a new deployment serves new ones), or make the step"
        " deterministic: clocks, random numbers and I/O belong in ctx.run.",
        related=RelatedCommand(index, current.type, str(current.name) or None),
    )


def astray(
    index: int, why: str, recorded: RawMessage | None, current: str, where: str, related: RelatedCommand | None
) -> JournalMismatchError:
    """The error for code that does something else than the next command of the journal."""
    shown = "nothing" if recorded is None else describe(recorded.type, recorded.payload)
    advice = "\nAn await was added or moved. Deploy the old code for invocations in flight."
    return JournalMismatchError(
        f"journal mismatch after command {index}: {why}\n"
        f"  recorded: {shown}\n"
        f"  current:  {current}\n"
        f"  at:       {where}{advice if current == AWAIT else ''}",
        related=related,
    )


AWAIT: Final = "an await"


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
