"""The generated messages of ``_pb2``, loaded with the first one that is needed: they take 15 ms and 3 MB.

``wire`` reads and writes the hot messages without them, so a process may serve for long before it needs one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.message import DecodeError as DecodeError
    from google.protobuf.message import Message as Message

    from restate_reflect.protocol._pb2 import *  # noqa: F403
else:

    def __getattr__(name: str) -> object:
        """Asked once for each name, which then stands in the module."""
        if name.startswith("_"):  # asked for by tools
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from google.protobuf import message

        from restate_reflect.protocol import _pb2

        value = globals()[name] = getattr(message if name in ("DecodeError", "Message") else _pb2, name)
        return value
