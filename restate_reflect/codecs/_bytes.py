"""``bytes``: passed through unchanged as ``application/octet-stream``.

An empty body is ``b""``. Constraints in ``Annotated[bytes, Field(max_length=...)]`` are checked by
pydantic in both directions; nothing else is looked at.
"""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, ValidationError

from restate_reflect.codecs._base import JsonSchema, SchemaMode
from restate_reflect.codecs._misfit import misfit, unreadable
from restate_reflect.codecs._report import decode_error
from restate_reflect.errors import EncodeError

__all__ = ["BytesCodec", "ConstrainedBytesCodec", "no_value"]


class BytesCodec:
    """Raw bytes."""

    __slots__ = ()
    content_type = "application/octet-stream"

    def encode(self, value: bytes) -> bytes:
        if type(value) is not bytes:
            raise EncodeError(f"expected bytes, got {type(value).__name__}; convert it with bytes(...).")
        return value

    def decode(self, data: bytes) -> bytes:
        return data

    def json_schema(self, mode: SchemaMode) -> JsonSchema | None:
        return None


class ConstrainedBytesCodec(BytesCodec):
    """Raw bytes with pydantic constraints."""

    __slots__ = ("_annotation", "_check")

    def __init__(self, annotation: Any) -> None:
        self._annotation = annotation
        self._check = TypeAdapter(annotation).validator.validate_python

    def encode(self, value: bytes) -> bytes:
        data = super().encode(value)
        try:
            restored = self._check(data)
        except ValidationError as error:
            raise unreadable(self._annotation, value, error, secret=False) from None
        if restored != data:
            raise misfit(self._annotation, value, ["value: its type would read it as other bytes"])
        return data

    def decode(self, data: bytes) -> bytes:
        try:
            value: bytes = self._check(data)
        except ValidationError as error:
            raise decode_error(self._annotation, error) from None
        return value


def no_value(value: Any) -> bytes:
    """What is written where ``None`` is declared. Raises ``EncodeError`` for anything else, which would be lost."""
    if value is not None:
        raise EncodeError(f"a value of type {type(value).__name__} would be lost: the declared type is None.")
    return b""
