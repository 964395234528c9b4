"""What both forms of messages demand of a value."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from restate_reflect.errors import DecodeError, EncodeError

__all__ = ["check", "check_complete", "content", "is_recursive"]


def check(cls: type[Message], value: Any) -> None:
    """Raises ``EncodeError`` unless it is such a message."""
    if not isinstance(value, cls):
        raise EncodeError(f"expected the message {cls.DESCRIPTOR.full_name}, got {type(value).__name__}.")


def check_complete(message: Message, error: type[EncodeError] | type[DecodeError]) -> None:
    """proto2's required fields, which the binary form demands by itself when it is written."""
    if not message.IsInitialized():
        missing = ", ".join(message.FindInitializationErrors())  # type: ignore[attr-defined]  # not in the stubs
        raise error(f"not a valid {message.DESCRIPTOR.full_name}: required and missing: {missing}")


def content(message: Message) -> bytes:
    """Everything that is in it, in bytes that are the same for equal messages."""
    return message.SerializeToString(deterministic=True)


def is_recursive(descriptor: Any) -> bool:
    """Whether a message of this kind may hold one that holds its like, at any depth."""
    return _recurs(descriptor, (), set())


def _recurs(descriptor: Any, above: tuple[str, ...], done: set[str]) -> bool:
    name = descriptor.full_name
    if name in above:
        return True
    if name in done:
        return False
    done.add(name)
    kinds = [field.message_type for field in descriptor.fields if field.message_type is not None]
    return any(_recurs(kind, (*above, name), done) for kind in kinds)
