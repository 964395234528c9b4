"""What the plugin knows of a .proto file, in words of Python and Restate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from restate_reflect.definitions import ServiceKind

__all__ = ["Encoding", "File", "Message", "Method", "Service"]


class Encoding(Enum):
    """How the messages of a service travel."""

    BINARY = "binary"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Message:
    """A message class: ``shop.v1.orders_pb2`` and ``Order.Line``."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class Method:
    """An ``rpc``."""

    name: str
    context: str
    """The context class that makes its kind."""
    input: Message
    output: Message
    documentation: str | None


@dataclass(frozen=True, slots=True)
class Service:
    """A ``service``."""

    name: str
    full_name: str
    """With the package; the name on the wire."""
    kind: ServiceKind
    encoding: Encoding
    methods: tuple[Method, ...]
    documentation: str | None


@dataclass(frozen=True, slots=True)
class File:
    """A .proto file with services."""

    path: str
    services: tuple[Service, ...]
