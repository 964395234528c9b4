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
    if notification.value:
        return decode(notification.value)
    try:
        return decode(b"")
    except DecodeError:
        return decode(b"null")


def decode_optional(decode: Callable[[bytes], Any], notification: Notification) -> Any:
    return None if notification.value is None else decode_delivered(decode, notification)


def decode_state(codec: Codec[Any], default: Any, notification: Notification) -> Any:
    return default if notification.value is None else codec.decode(notification.value)


def decode_nothing(notification: Notification) -> None:
    return None


def decode_keys(notification: Notification) -> list[str]:
    return sorted(notification.state_keys or [])
