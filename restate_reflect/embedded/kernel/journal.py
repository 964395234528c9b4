"""Journal entries: as they are stored, as they go over the wire, and as tests look at them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from google.protobuf.message import Message

from restate_reflect.embedded.kernel.records import Failure
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import encode_frame, is_command, is_notification
from restate_reflect.protocol.messages import MessageType, command_classes

__all__ = [
    "CANCEL_SIGNAL",
    "Entry",
    "JournalEntry",
    "NotificationKey",
    "completion",
    "invocation_id_completion",
    "notification_key",
    "signal",
]

CANCEL_SIGNAL: Final = 1
"""Built-in signal index of cancellation."""

_MAX_SHOWN: Final = 120

NotificationKey = tuple[str, int | str]
"""``("completion", id)``, ``("signal", index)`` or ``("named", name)``."""


class Entry(NamedTuple):
    """A stored entry."""

    type: int
    payload: bytes
    stored_at: int
    """Milliseconds since the epoch."""

    @property
    def frame(self) -> bytes:
        return encode_frame(self.type, self.payload)


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A journal entry to look at.

    Attributes:
        index: Position in the journal; the input is 0.
        type: What it is, such as ``MessageType.SLEEP_COMMAND``.
        message: The decoded protobuf message.
        stored_at: Milliseconds since the epoch.
    """

    index: int
    type: MessageType
    message: Any
    stored_at: int

    @classmethod
    def read(cls, index: int, entry: Entry) -> JournalEntry:
        message_class: type[Message] = command_classes().get(entry.type, pb.Notification)
        return cls(index, MessageType(entry.type), message_class.FromString(entry.payload), entry.stored_at)

    @property
    def is_command(self) -> bool:
        return is_command(self.type)

    @property
    def is_notification(self) -> bool:
        return is_notification(self.type)

    @property
    def name(self) -> str:
        """The name of the step, as the handler gave it; ``""`` for notifications and unnamed commands."""
        if not self.is_command:
            return ""
        return self.message.entry_name if self.type is MessageType.SEND_SIGNAL_COMMAND else str(self.message.name)

    @property
    def completes(self) -> int | None:
        """The completion id that this completion belongs to."""
        if not self.is_notification or self.message.WhichOneof("id") != "completion_id":
            return None
        return int(self.message.completion_id)

    @property
    def completion_id(self) -> int | None:
        """Under which id the result of this command arrives; ``None`` if it has none."""
        return int(self.message.result_completion_id) or None if _has_result(self.message) else None

    def __str__(self) -> str:
        """One line for people: ``call service_name='Inventory' handler_name='reserve' …``."""
        title = self.type.name.removesuffix("_COMMAND").lower().replace("_", " ")
        shown = (f"{field.name}={_shown(value)}" for field, value in self.message.ListFields())
        return " ".join([title, *shown])


def _shown(value: object) -> str:
    text = " ".join(str(value).split()) if isinstance(value, Message) else repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _has_result(message: Message) -> bool:
    return "result_completion_id" in message.DESCRIPTOR.fields_by_name


_ID_FIELDS: Final = {"completion_id": "completion", "signal_id": "signal", "signal_name": "named"}


def notification_key(message: pb.Notification) -> NotificationKey:
    """What an await tree names this notification by."""
    which = message.WhichOneof("id") or "completion_id"
    return _ID_FIELDS[which], getattr(message, which)


def completion(completion_id: int, result: bytes | Failure | None) -> pb.Notification:
    """A completion with a value, a failure, or neither."""
    message = pb.Notification(completion_id=completion_id)
    fill_result(message, result)
    return message


def fill_result(message: pb.Notification, result: bytes | Failure | None) -> None:
    """Sets value, failure or void."""
    if result is None:
        message.void.SetInParent()
    elif isinstance(result, Failure):
        message.failure.CopyFrom(result.to_message())
    else:
        message.value.content = result
        message.value.SetInParent()


def invocation_id_completion(completion_id: int, identifier: str) -> pb.Notification:
    """The completion that tells a caller whom it has called."""
    return pb.Notification(completion_id=completion_id, invocation_id=identifier)


def signal(index: int | str, result: bytes | Failure | None) -> pb.Notification:
    """A signal, by index or by name."""
    message = pb.Notification(signal_id=index) if isinstance(index, int) else pb.Notification(signal_name=index)
    fill_result(message, result)
    return message
