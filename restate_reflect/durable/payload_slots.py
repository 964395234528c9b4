"""Where the messages of an attempt have payloads, and which positions these are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from restate_reflect.engine.journal import Command, Mismatch
from restate_reflect.payloads import Position
from restate_reflect.protocol import pb
from restate_reflect.protocol.framing import RawMessage, is_notification
from restate_reflect.protocol.messages import MessageType, command_classes, parsed

__all__ = ["Positions", "Slot", "hidden", "slot_of"]


class Slot(NamedTuple):
    """The one payload of a message."""

    message: pb.Message
    holder: Any
    field: str
    """Of the holder."""

    @property
    def payload(self) -> bytes:
        payload: bytes = getattr(self.holder, self.field)
        return payload

    def replaced(self, payload: bytes) -> bytes:
        """The message, serialized with another payload."""
        setattr(self.holder, self.field, payload)
        return self.message.SerializeToString()


def slot_of(message_type: int, payload: bytes) -> Slot | None:
    """``None``: it has none, or a failure in its place. Raises ``ProtocolViolationError``: it is malformed."""
    field = "value" if is_notification(message_type) else _FIELDS.get(message_type)
    if field is None:
        return None
    message = parsed(_class(message_type), payload)
    if field == "parameter":
        return Slot(message, message, field)
    if not message.HasField(field):
        return None
    value = getattr(message, field)
    return Slot(message, message, field) if isinstance(value, bytes) else Slot(message, value, "content")


def _class(message_type: int) -> type[Any]:
    if is_notification(message_type):
        return pb.Notification
    if message_type == MessageType.PROPOSE_RUN_COMPLETION:
        return pb.ProposeRunCompletionMessage
    return command_classes()[message_type]


_FIELDS: Final[dict[int, str]] = {
    MessageType.INPUT_COMMAND: "value",
    MessageType.OUTPUT_COMMAND: "value",
    MessageType.SET_STATE_COMMAND: "value",
    MessageType.GET_EAGER_STATE_COMMAND: "value",
    MessageType.COMPLETE_PROMISE_COMMAND: "completion_value",
    MessageType.CALL_COMMAND: "parameter",
    MessageType.ONE_WAY_CALL_COMMAND: "parameter",
    MessageType.SEND_SIGNAL_COMMAND: "value",
    MessageType.COMPLETE_AWAKEABLE_COMMAND: "value",
    MessageType.PROPOSE_RUN_COMPLETION: "value",
}


class Positions:
    """Of one invocation: what its commands announce, their notifications bring."""

    def __init__(self, service: str, handler: str) -> None:
        self.service = service
        self.handler = handler
        self.key = ""
        """Of the object; the start message tells it."""
        self._completions: dict[int, Position] = {}

    def note(self, message_type: int, payload: bytes) -> None:
        """A command: its completion, if it has one, will bring a payload of this position."""
        announce = _ANNOUNCED.get(message_type)
        if announce is None:
            return
        command: Any = parsed(command_classes()[message_type], payload)
        self._completions[command.result_completion_id] = announce(self, command)

    def of(self, message_type: int, message: Any) -> Position:
        """Of the payload of a message."""
        if is_notification(message_type):
            return self._of_notification(message)
        if message_type == MessageType.PROPOSE_RUN_COMPLETION:
            return self._completions.get(message.result_completion_id, _OUTPUT)
        return _POSITIONS[message_type](self, message)

    def _of_notification(self, message: Any) -> Position:
        match message.WhichOneof("id"):
            case "signal_id":
                return _AWAKEABLE
            case "signal_name":
                return _SIGNAL
            case _:
                return self._completions.get(message.completion_id, _OUTPUT)

    def state(self, name: bytes) -> Position:
        return Position("state", self.service, self.key, name.decode(errors="backslashreplace"))

    def promise(self, name: str) -> Position:
        return Position("promise", self.service, name=name)

    def step(self, name: str) -> Position:
        return Position("step", self.service, name=name)


_OUTPUT: Final = Position("output")
_AWAKEABLE: Final = Position("awakeable")
_SIGNAL: Final = Position("signal")


def _called(positions: Positions, message: Any) -> Position:
    return Position("input", f"{message.service_name}/{message.handler_name}")


def _state(positions: Positions, message: Any) -> Position:
    return positions.state(message.key)


def _promise(positions: Positions, message: Any) -> Position:
    return positions.promise(message.key)


def _output(positions: Positions, message: Any) -> Position:
    return _OUTPUT


_POSITIONS: Final[dict[int, Callable[[Positions, Any], Position]]] = {
    MessageType.INPUT_COMMAND: lambda positions, _: Position("input", f"{positions.service}/{positions.handler}"),
    MessageType.OUTPUT_COMMAND: _output,
    MessageType.SET_STATE_COMMAND: _state,
    MessageType.GET_EAGER_STATE_COMMAND: _state,
    MessageType.COMPLETE_PROMISE_COMMAND: _promise,
    MessageType.CALL_COMMAND: _called,
    MessageType.ONE_WAY_CALL_COMMAND: _called,
    MessageType.SEND_SIGNAL_COMMAND: lambda *_: _SIGNAL,
    MessageType.COMPLETE_AWAKEABLE_COMMAND: lambda *_: _AWAKEABLE,
}

_ANNOUNCED: Final[dict[int, Callable[[Positions, Any], Position]]] = {
    MessageType.GET_LAZY_STATE_COMMAND: _state,
    MessageType.GET_PROMISE_COMMAND: _promise,
    MessageType.PEEK_PROMISE_COMMAND: _promise,
    MessageType.RUN_COMMAND: lambda positions, message: positions.step(message.name),
    MessageType.CALL_COMMAND: _output,
    MessageType.ATTACH_INVOCATION_COMMAND: _output,
    MessageType.GET_INVOCATION_OUTPUT_COMMAND: _output,
}
"""The commands whose completions bring payloads."""


def hidden(mismatch: Mismatch) -> Mismatch:
    """The same, with words in the place of payloads: equal ones for equal payloads."""
    words: dict[bytes, bytes] = {}

    def hide(message_type: int, payload: bytes) -> bytes:
        slot = slot_of(message_type, payload)
        if slot is None:
            return payload
        return slot.replaced(words.setdefault(slot.payload, b"(encrypted, %d)" % (len(words) + 1)))

    def raw(message: RawMessage) -> RawMessage:
        return message._replace(payload=hide(message.type, message.payload))

    def issued(command: Command) -> Command:
        return command._replace(payload=hide(command.type, command.payload))

    return mismatch._replace(
        recorded=raw(mismatch.recorded),
        current=None if mismatch.current is None else issued(mismatch.current),
        later=tuple(map(raw, mismatch.later)),
        before=tuple(each._replace(payload=hide(each.type, each.payload)) for each in mismatch.before),
    )
