"""Questions about fields, answered alike by every protobuf runtime that is allowed (``label`` went away in 7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

__all__ = ["exclusive_groups", "is_repeated", "is_required"]


def is_repeated(field: Any) -> bool:
    """Lists, and maps, which are lists of entries on the wire."""
    if hasattr(field, "is_repeated"):
        return bool(field.is_repeated)
    return bool(field.label == FieldDescriptor.LABEL_REPEATED)


def is_required(field: Any) -> bool:
    """``required`` of proto2."""
    if hasattr(field, "is_required"):
        return bool(field.is_required)
    return bool(field.label == FieldDescriptor.LABEL_REQUIRED)


def exclusive_groups(message: Descriptor) -> Iterator[list[str]]:
    """JSON names of the members of each ``oneof``; not of those that only stand for proto3's ``optional``."""
    for oneof in message.oneofs:
        if len(oneof.fields) > 1:
            yield [field.json_name for field in oneof.fields]
