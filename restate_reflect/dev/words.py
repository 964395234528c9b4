"""Journal entries in words for somebody who never saw a journal: ``run "charge"``, ``call Inventory/tea/reserve 1``."""

from __future__ import annotations

import time
from typing import Any, Final

from restate_reflect.codecs import Codec
from restate_reflect.codecs._protobuf_binary import ProtobufCodec
from restate_reflect.dev.spans import span
from restate_reflect.engine import journal
from restate_reflect.engine.notifications import CANCEL_SIGNAL, Notification, SignalIndex
from restate_reflect.errors import CodecError
from restate_reflect.protocol.messages import MessageType

__all__ = ["arrived", "outcome", "step", "text_of"]

_LONGEST: Final = 100
"""Characters of a value that are shown."""

NOTHING: Final = "nothing"


def step(message_type: int, payload: bytes) -> str:
    """What a command does; its result comes behind an arrow, see ``outcome``."""
    message: Any = journal.decode(message_type, payload)
    match message_type:
        case MessageType.GET_LAZY_STATE_COMMAND | MessageType.GET_EAGER_STATE_COMMAND:
            return f"get {_quoted(message.key)}{_eager(message)}"
        case MessageType.GET_LAZY_STATE_KEYS_COMMAND:
            return "list state"
        case MessageType.GET_EAGER_STATE_KEYS_COMMAND:
            return f"list state → {_keys(list(message.value.keys))}"
        case MessageType.SET_STATE_COMMAND:
            return f"set {_quoted(message.key)} = {text_of(message.value.content)}"
        case MessageType.CLEAR_STATE_COMMAND:
            return f"clear {_quoted(message.key)}"
        case MessageType.CLEAR_ALL_STATE_COMMAND:
            return "clear all state"
        case MessageType.RUN_COMMAND:
            return f"run {_quoted(message.name)}"
        case MessageType.SLEEP_COMMAND:
            return f"sleep{_until(message.wake_up_time)}"
        case MessageType.CALL_COMMAND:
            return f"call {_target(message)}{_argument(message.parameter)}"
        case MessageType.ONE_WAY_CALL_COMMAND:
            due = f", to start in{_until(message.invoke_time)}" if message.invoke_time else ""
            return f"send {_target(message)}{_argument(message.parameter)}{due}"
        case _:
            return _between_invocations(message_type, message)


def _between_invocations(message_type: int, message: Any) -> str:
    match message_type:
        case MessageType.GET_PROMISE_COMMAND:
            return f"promise {_quoted(message.key)}"
        case MessageType.PEEK_PROMISE_COMMAND:
            return f"peek promise {_quoted(message.key)}"
        case MessageType.COMPLETE_PROMISE_COMMAND:
            return _completing(f"promise {_quoted(message.key)}", message, "completion_value", "completion_failure")
        case MessageType.COMPLETE_AWAKEABLE_COMMAND:
            return _completing(f"awakeable {message.awakeable_id}", message, "value", "failure")
        case MessageType.SEND_SIGNAL_COMMAND if message.WhichOneof("signal_id") == "idx":
            verb = "cancel" if message.idx == CANCEL_SIGNAL else "wake"
            return f"{verb} {message.target_invocation_id}"
        case MessageType.SEND_SIGNAL_COMMAND:
            return _completing(f"signal {_quoted(message.name)} of {message.target_invocation_id}", message)
        case MessageType.ATTACH_INVOCATION_COMMAND:
            return f"attach to {_attached(message)}"
        case MessageType.GET_INVOCATION_OUTPUT_COMMAND:
            return f"output of {_attached(message)}"
        case _:
            return MessageType(message_type).name.removesuffix("_COMMAND").lower().replace("_", " ")


def _eager(message: Any) -> str:
    """State that came along with the invocation is read at once."""
    if not hasattr(message, "value"):
        return ""
    return f" → {text_of(message.value.content)}" if message.HasField("value") else f" → {NOTHING}"


def _completing(what: str, message: Any, value: str = "value", failure: str = "failure") -> str:
    if message.HasField(failure):
        return f"reject {what}: {getattr(message, failure).message}"
    return f"resolve {what} with {text_of(getattr(message, value).content)}"


def _attached(message: Any) -> str:
    match message.WhichOneof("target"):
        case "workflow_target":
            return f"{message.workflow_target.workflow_name}/{message.workflow_target.workflow_key}"
        case "idempotent_request_target":
            request = message.idempotent_request_target
            return f"{request.service_name}/{request.handler_name} (idempotency key {request.idempotency_key!r})"
        case _:
            return str(message.invocation_id)


def _target(message: Any) -> str:
    return "/".join(part for part in (message.service_name, message.key, message.handler_name) if part)


def _argument(body: bytes) -> str:
    return f" {text_of(body)}" if body else ""


def _until(milliseconds: int) -> str:
    """How long it is still; nothing for a point in time that is over, as in a replay."""
    left = round((milliseconds - time.time() * 1000) / 10) * 10  # some of it is over since the handler said it
    return f" {span(left)}" if left > 0 else ""


def outcome(done: Notification) -> str:
    """What stands behind a step once its result is there: ``→ 5``, ``failed: sold out (409)``, nothing for a timer."""
    if done.failure is not None:
        return f" failed: {done.failure.message} ({done.failure.code})"
    if done.state_keys is not None:
        return f" → {_keys([key.encode() for key in done.state_keys])}"
    return "" if done.value is None else f" → {text_of(done.value)}"


def arrived(done: Notification) -> str:
    """A signal, by which awakeables are resolved, too."""
    if isinstance(done.id, SignalIndex):
        return "is asked to cancel" if int(done.id) == CANCEL_SIGNAL else f"awakeable{outcome(done)}"
    return f"signal {_quoted(str(done.id))}{outcome(done)}"


def text_of(body: bytes, codec: Codec[Any] | None = None) -> str:
    """A value in one line; protobuf messages as JSON if their codec is known."""
    if isinstance(codec, ProtobufCodec):
        try:
            body = codec.as_json.encode(codec.decode(body))
        except CodecError:
            pass
    if not body:
        return NOTHING
    try:
        text = " ".join(body.decode().split())
    except UnicodeDecodeError:
        return f"{len(body)} bytes"
    if not text:
        return f"{len(body)} bytes"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _keys(keys: list[bytes]) -> str:
    return ", ".join(map(_quoted, keys)) or NOTHING


def _quoted(name: str | bytes) -> str:
    return f'"{name.decode(errors="replace") if isinstance(name, bytes) else name}"'
