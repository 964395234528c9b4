"""What a codec is."""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeAlias, TypeVar

__all__ = ["Codec", "JsonSchema", "SchemaMode"]

T = TypeVar("T")

JsonSchema: TypeAlias = dict[str, Any]
"""A JSON Schema (draft 2020-12) as plain data."""

SchemaMode: TypeAlias = Literal["validation", "serialization"]
"""``validation`` describes what is accepted, ``serialization`` what is produced."""


class Codec(Protocol[T]):
    """Turns values of one type into bytes and back; chosen once, at start-up.

    ``decode(encode(value))`` must give ``value`` or an equal one; other values are refused when they are written.
    One of the user's own may say by ``is_same(written, restored) -> bool`` which of its values are equal.
    """

    @property
    def content_type(self) -> str:
        """Media type put in the manifest, such as ``application/json``."""
        ...

    def encode(self, value: T) -> bytes:
        """Raises ``EncodeError`` when the value does not fit the type."""
        ...

    def decode(self, data: bytes) -> T:
        """Raises ``DecodeError`` when the bytes do not fit the type."""
        ...

    def json_schema(self, mode: SchemaMode) -> JsonSchema | None:
        """Schema of the encoded form; ``None`` when it is not JSON."""
        ...
