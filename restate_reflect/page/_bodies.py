"""Bodies as text for people: JSON as it is, binary protobuf as protobuf-JSON, other bytes as text or base64."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any, Literal

from restate_reflect.codecs import Codec
from restate_reflect.codecs._protobuf_binary import ProtobufCodec
from restate_reflect.definitions import HandlerDefinition
from restate_reflect.errors import CodecError

__all__ = ["Form", "Shown", "form_of", "read", "show"]

Form = Literal["json", "text", "none"]
"""What the form asks for."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A body as text; ``form`` is json, text, base64 or empty."""

    form: str
    text: str

    def as_json(self) -> dict[str, str]:
        return {"form": self.form, "text": self.text}


def form_of(handler: HandlerDefinition) -> Form:
    """How the input is written in the form."""
    content_type = handler.input.content_type
    if content_type is None:
        return "none"
    return "json" if isinstance(handler.input.codec, ProtobufCodec) or _is_json(content_type) else "text"


def read(handler: HandlerDefinition, body: bytes) -> bytes:
    """What was written in the form as the handler wants it.

    Raises:
        CodecError: it is no such message.
    """
    codec = handler.input.codec
    if isinstance(codec, ProtobufCodec) and body:
        return codec.encode(codec.as_json.decode(body))
    return body


def show(body: bytes, codec: Codec[Any] | None = None) -> Shown:
    """A body for the page; with the codec of a message in its binary form, as protobuf-JSON."""
    if isinstance(codec, ProtobufCodec):
        try:
            body = codec.as_json.encode(codec.decode(body))
        except CodecError:
            pass  # not that message, such as a failure's text: shown as it is
    if not body:
        return Shown("empty", "")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return Shown("base64", base64.b64encode(body).decode())
    try:
        return Shown("json", json.dumps(json.loads(text), indent=2, ensure_ascii=False))
    except ValueError:
        return Shown("text", text)


def _is_json(content_type: str) -> bool:
    subtype = content_type.partition(";")[0].strip().lower()
    return subtype == "application/json" or subtype.endswith("+json")
