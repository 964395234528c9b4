"""How a payload tells what was done to it.

``MAGIC``, the length of a name, the name of a codec, and what that codec has written. What it has read may begin with
``MAGIC`` again: the codec before it. The empty name stands for nothing done, and ends that.

A payload that does not begin so is plain. JSON and protobuf can't: neither has a first byte of 0, and 0xF5 is in no
UTF-8 text. Bytes that do begin so by chance are wrapped with the empty name where a chain writes them.
"""

from __future__ import annotations

from typing import Final

from restate_reflect.errors import PayloadDamagedError

__all__ = ["MAGIC", "NOTHING", "is_enveloped", "open_envelope", "seal"]

MAGIC: Final = b"\x00\xf5\xffpay1"

NOTHING: Final = ""
"""The codec of what is written as it is."""


def is_enveloped(data: bytes) -> bool:
    """Whether anything was done to a payload."""
    return data.startswith(MAGIC)


def seal(codec: str, written: bytes) -> bytes:
    """``name`` is at most 255 ASCII characters."""
    name = codec.encode("ascii")
    return b"%b%c%b%b" % (MAGIC, len(name), name, written)


def open_envelope(data: bytes) -> tuple[str, bytes]:
    """The codec that was the last to change it, and what that one has written.

    Raises:
        PayloadDamagedError: It is cut short.
    """
    at = len(MAGIC) + 1
    if len(data) < at or len(data) < at + data[at - 1]:
        raise PayloadDamagedError("its envelope is cut short")
    end = at + data[at - 1]
    return data[at:end].decode("ascii", "backslashreplace"), data[end:]
