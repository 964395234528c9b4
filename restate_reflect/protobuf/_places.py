"""Lines and comments of a .proto file (``SourceCodeInfo`` in descriptor.proto)."""

from __future__ import annotations

import textwrap

from google.protobuf.descriptor_pb2 import FileDescriptorProto

__all__ = ["Places"]


class Places:
    """A place is a path of field numbers and indexes, such as ``(6, 0, 2, 1)`` for the second rpc of a service."""

    def __init__(self, file: FileDescriptorProto) -> None:
        self._file = file.name
        self._locations = {tuple(location.path): location for location in file.source_code_info.location}

    def line(self, place: tuple[int, ...]) -> str:
        """``file:line``, or the file alone if protoc kept no lines."""
        location = self._locations.get(place)
        return self._file if location is None else f"{self._file}:{location.span[0] + 1}"

    def comment(self, place: tuple[int, ...]) -> str:
        """The comment above it, else the one behind it on its line."""
        location = self._locations.get(place)
        if location is None:
            return ""
        text = location.leading_comments or location.trailing_comments
        return textwrap.dedent("\n".join(line.rstrip() for line in text.splitlines())).strip()
