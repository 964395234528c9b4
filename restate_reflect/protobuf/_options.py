"""Custom options of services and methods, by full name.

protoc hands them over as extensions that only the files of its request explain, so they are read with these files'
own descriptors. That also lets a .proto with the Go SDK's options stay as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

__all__ = ["Options", "UnreadableFileError"]


class UnreadableFileError(Exception):
    """A file that protoc would have refused, such as one with names that are none."""


class Options:
    """Reads the options of the files of one request."""

    def __init__(self, files: Iterable[descriptor_pb2.FileDescriptorProto]) -> None:
        pool = descriptor_pool.DescriptorPool()
        for file in files:  # protoc lists each file after those that it imports
            try:
                pool.AddSerializedFile(file.SerializeToString())
            except TypeError as error:
                raise UnreadableFileError(f"{file.name!r} can't be read: {error}") from error
        self._pool = pool

    def read(self, options: Any) -> Mapping[str, str]:
        """The enum-valued extensions that are set: full name to the name of the value."""
        try:
            explained = self._pool.FindMessageTypeByName(options.DESCRIPTOR.full_name)
        except KeyError:
            return {}  # no file of the request knows of options at all
        message = message_factory.GetMessageClass(explained).FromString(options.SerializeToString())
        set_fields = [(field, value) for field, value in message.ListFields() if field.is_extension]
        return {
            field.full_name: field.enum_type.values_by_number[value].name
            for field, value in set_fields
            if field.enum_type is not None and value in field.enum_type.values_by_number
        }
