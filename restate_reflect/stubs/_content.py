"""Bytes of a content type that no codec here knows: what a stub has in place of a message of another language."""

from __future__ import annotations

from dataclasses import dataclass

from restate_reflect.codecs import JsonSchema, SchemaMode
from restate_reflect.errors import EncodeError

__all__ = ["ContentType"]


@dataclass(frozen=True, slots=True)
class ContentType:
    """``Annotated[bytes, ContentType("application/proto")]``: passed through unchanged."""

    content_type: str

    def encode(self, value: bytes) -> bytes:
        """Raises ``EncodeError`` for anything but bytes."""
        if not isinstance(value, bytes):
            raise EncodeError(f"expected {self.content_type} as bytes, got {type(value).__name__}.")
        return value

    def decode(self, data: bytes) -> bytes:
        """The bytes themselves."""
        return data

    def json_schema(self, mode: SchemaMode) -> JsonSchema | None:
        """None: it is no JSON."""
        return None
