"""Commands and results of a journal as people read them: a title, and values decoded by their codecs."""

from __future__ import annotations

import base64
import inspect
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from restate_reflect.codecs import Codec, codec_for
from restate_reflect.context import State
from restate_reflect.definitions import HandlerDefinition, ServiceDefinition
from restate_reflect.engine import journal
from restate_reflect.errors import CodecError, ProtocolViolationError
from restate_reflect.protocol import pb
from restate_reflect.protocol.messages import MessageType
from restate_reflect.reflection import TargetDirectory

__all__ = ["Codecs", "command_line", "differences", "text_of", "title_of", "values_of"]

MAX_SHOWN: Final = 400
"""Characters of a value; what differs between two is shown by itself."""

_NOISE: Final = frozenset({"result_completion_id", "invocation_id_notification_idx", "wake_up_time", "invoke_time"})
_IN_TITLE: Final = frozenset({"name", "entry_name", "service_name", "handler_name", "idx", "awakeable_id"})
_STATE: Final = frozenset({"GET_EAGER_STATE", "GET_LAZY_STATE", "SET_STATE", "CLEAR_STATE"})


class Codecs:
    """Which codec reads what a journal of this handler carries; ``None`` where the code does not tell."""

    def __init__(self, service: ServiceDefinition, handler: HandlerDefinition, directory: TargetDirectory) -> None:
        self._service, self._handler, self._directory = service, handler, directory
        self._state: dict[str, Codec[Any]] | None = None

    def sent(self, type_: int, message: Any) -> Codec[Any] | None:
        """Of a command's own value."""
        match type_:
            case MessageType.INPUT_COMMAND:
                return self._handler.input.codec
            case MessageType.OUTPUT_COMMAND:
                return self._handler.output.codec
            case MessageType.CALL_COMMAND | MessageType.ONE_WAY_CALL_COMMAND:
                callee = self._directory.named(message.service_name, message.handler_name)
                return None if callee is None else callee.input.codec
            case _:
                return self._of_state(type_, message)

    def received(self, type_: int, message: Any) -> Codec[Any] | None:
        """Of a command's result."""
        if type_ != MessageType.CALL_COMMAND:
            return self._of_state(type_, message)
        callee = self._directory.named(message.service_name, message.handler_name)
        return None if callee is None else callee.output.codec

    def _of_state(self, type_: int, message: Any) -> Codec[Any] | None:
        if _word(type_) not in _STATE:
            return None
        if self._state is None:
            self._state = _declared(self._service)
        return self._state.get(message.key.decode(errors="replace"))


def _declared(service: ServiceDefinition) -> dict[str, Codec[Any]]:
    holder = service.cls if service.instance is None else service.instance
    found: dict[str, Codec[Any]] = {}
    for name in dict.fromkeys(name for base in service.cls.__mro__ for name in vars(base)):
        declared = inspect.getattr_static(service.cls, name)
        if isinstance(declared, State):
            with suppress(CodecError):  # a type variable of a generic class
                state: State[Any] = getattr(holder, name)
                found[state.known_name()] = codec_for(state.type)
    return found


def command_line(type_: int, payload: bytes, codecs: Codecs | None = None) -> str:
    """``call Inventory/a/reserve  parameter=1``."""
    try:
        message = journal.decode(type_, payload)
    except ProtocolViolationError as error:
        return str(error)
    values = values_of(type_, message, codecs)
    return "  ".join([title_of(type_, message), *(f"{name}={text}" for name, text in values.items())])


def title_of(type_: int, message: Any) -> str:
    """``run 'charge'``, ``call Inventory/a/reserve``, ``set state 'stock'``."""
    word = _word(type_).replace("_EAGER", "").replace("_LAZY", "").lower().replace("_", " ")
    match type_:
        case MessageType.CALL_COMMAND | MessageType.ONE_WAY_CALL_COMMAND:
            word = "call" if type_ == MessageType.CALL_COMMAND else "send"
            return f"{word} {'/'.join(filter(None, (message.service_name, message.key, message.handler_name)))}"
        case MessageType.SEND_SIGNAL_COMMAND:
            named = message.WhichOneof("signal_id") == "name"
            return f"{word} {message.name!r}" if named else f"{word} {message.idx}"
        case MessageType.COMPLETE_AWAKEABLE_COMMAND:
            return f"{word} {message.awakeable_id}"
        case _:
            pass
    key = getattr(message, "key", "")
    subject = message.name or (key.decode(errors="replace") if isinstance(key, bytes) else key)
    return f"{word} {subject!r}" if subject else word


def _word(type_: int) -> str:
    return MessageType(type_).name.removesuffix("_COMMAND")


def values_of(type_: int, message: Any, codecs: Codecs | None = None) -> dict[str, str]:
    """What else the command carries, by the protocol's names; points in time and ids of completions left out."""
    codec = None if codecs is None else codecs.sent(type_, message)
    left_out = _NOISE | _IN_TITLE | {"key", "headers" if type_ == MessageType.INPUT_COMMAND else ""}
    fields = message.ListFields()
    return {field.name: _field(value, codec) for field, value in fields if field.name not in left_out}


def _field(value: Any, codec: Codec[Any] | None) -> str:
    match value:
        case bytes():
            return text_of(value, codec)
        case pb.Value():
            return text_of(value.content, codec)
        case pb.Failure():
            return f"[{value.code}] {value.message}"
        case pb.Void():
            return "nothing"
        case pb.StateKeys():
            return ", ".join(key.decode(errors="replace") for key in value.keys)
        case str():
            return repr(value)
        case _ if hasattr(value, "extend"):  # of headers
            return ", ".join(f"{each.key}: {each.value!r}" for each in value)
        case _:
            return " ".join(str(value).split())


def text_of(body: bytes, codec: Codec[Any] | None = None, limit: int = MAX_SHOWN) -> str:
    """A payload in one line: JSON, a protobuf message as JSON, text, or base64."""
    return _short(_text(_as_json(body, codec)), limit)


def _as_json(body: bytes, codec: Codec[Any] | None) -> bytes:
    as_json = getattr(codec, "as_json", None)  # of a protobuf message
    if codec is None or as_json is None:
        return body
    try:
        found: bytes = as_json.encode(codec.decode(body))
    except CodecError:
        return body
    return found


def _text(body: bytes) -> str:
    if not body:
        return "nothing"
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return f"base64 {base64.b64encode(body).decode()}"
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError:
        return repr(text)


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} characters more)"


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """``parameter: 1 → 2`` for each value that is not the same."""
    names = dict.fromkeys([*old, *new])
    return [
        f"{name}: {old.get(name, 'nothing')} → {new.get(name, 'nothing')}"
        for name in names
        if old.get(name) != new.get(name)
    ]
