"""What both forms of messages demand of a value."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from restate_reflect.errors import DecodeError, EncodeError

__all__ = ["check", "check_complete"]


def check(cls: type[Message], value: Any) -> None:
    """Raises ``EncodeError`` unless it is such a message."""
    if not isinstance(value, cls):
        raise EncodeError(f"expected the message {cls.DESCRIPTOR.full_name}, got {type(value).__name__}.")


def check_complete(message: Message, error: type[EncodeError] | type[DecodeError]) -> None:
    """proto2's required fields, which the binary form demands by itself when it is written."""
    if not message.IsInitialized():
        missing = ", ".join(message.FindInitializationErrors())  # type: ignore[attr-defined]  # not in the stubs
        raise error(f"not a valid {message.DESCRIPTOR.full_name}: required and missing: {missing}")
