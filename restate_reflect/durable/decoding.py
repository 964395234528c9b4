"""Notifications -> what the handler's futures hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from restate_reflect.codecs._base import Codec
from restate_reflect.engine.notifications import Notification
from restate_reflect.errors import DecodeError

__all__ = [
    "Decoder",
    "decode_delivered",
    "decode_keys",
    "decode_nothing",
    "decode_optional",
    "decode_state",
]


class Decoder:
    """How to read a handler's output, where a type could stand."""

    __slots__ = ("decode",)

    def __init__(self, decode: Callable[[bytes], Any]) -> None:
        self.decode = decode


def decode_delivered(decode: Callable[[bytes], Any], notification: Notification) -> Any:
    """What others deliver, or another handler's result, may be empty bytes: ``None``, where the type takes it."""
    return decode(notification.value or b"")


def decode_optional(decode: Callable[[bytes], Any], notification: Notification) -> Any:
    return None if notification.value is None else decode(notification.value)


def decode_state(codec: Codec[Any], default: Any, notification: Notification) -> Any:
    """Other SDKs write empty bytes for ``None``: to a type without it, a key that has no value."""
    data = notification.value
    if data:
        return codec.decode(data)
    if data is None:
        return default
    try:
        return codec.decode(data)
    except DecodeError:
        return default


def decode_nothing(notification: Notification) -> None:
    return None


def decode_keys(notification: Notification) -> list[str]:
    return sorted(notification.state_keys or [])
