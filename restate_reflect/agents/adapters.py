"""Payloads in a library's own words: values of its types, written and read by its own adapters."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from restate_reflect.codecs import JsonSchema, SchemaMode
from restate_reflect.errors import DecodeError

__all__ = ["AdapterCodec"]

T = TypeVar("T")


class AdapterCodec(Generic[T]):
    """A codec that leaves all to an adapter: ``Annotated[ModelResponse, AdapterCodec(…)]``.

    Types of libraries have fields that are not written, or hold anything. What such an adapter reads is what the
    library itself would find after storing it, and equal to what was written, or it is refused.
    """

    content_type = "application/json"

    def __init__(self, adapter: TypeAdapter[T], *, by_alias: bool | None = None) -> None:
        self._adapter, self._by_alias = adapter, by_alias

    def encode(self, value: T) -> bytes:
        """Raises pydantic's errors for what the library could not store."""
        return self._adapter.dump_json(value, by_alias=self._by_alias)

    def decode(self, data: bytes) -> T:
        """Raises ``DecodeError``."""
        try:
            return self._adapter.validate_json(data)
        except ValidationError as error:
            raise DecodeError(str(error)) from error

    def settled(self, value: T) -> T:
        """The value as it will be read: a tuple is a list then, a model among a tool's results a ``dict``."""
        return self._adapter.validate_json(self.encode(value))

    def is_same(self, written: T, restored: T) -> bool:
        """By the library's own equality."""
        return written == restored

    def json_schema(self, mode: SchemaMode) -> JsonSchema | None:
        return self._adapter.json_schema(mode=mode)

    def __repr__(self) -> str:
        return f"AdapterCodec({self._adapter!r})"
