"""What reflection produces: plain, frozen data and callables.

Manifest, OpenAPI, endpoint, embedded runtime, clients and tests are derived from these and
from nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from restate_reflect.codecs._base import Codec, JsonSchema
from restate_reflect.codecs._bytes import no_value
from restate_reflect.options import DEFAULT_MAX_INPUT_BYTES, ErrorDetails, HandlerOptions, ServiceOptions

__all__ = [
    "Arguments",
    "HandlerDefinition",
    "HandlerKind",
    "InputDefinition",
    "InputStyle",
    "OutputDefinition",
    "Parameter",
    "ServiceDefinition",
    "ServiceKind",
    "SkippedMethod",
    "SourceLocation",
]

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional and keyword arguments for a handler, the context not included."""


class ServiceKind(Enum):
    """``ty`` of a service in the manifest."""

    SERVICE = "SERVICE"
    VIRTUAL_OBJECT = "VIRTUAL_OBJECT"
    WORKFLOW = "WORKFLOW"

    @property
    def keyed(self) -> bool:
        """Whether callers must give a key."""
        return self is not ServiceKind.SERVICE


class HandlerKind(Enum):
    """``ty`` of a handler in the manifest; handlers of a SERVICE have none."""

    EXCLUSIVE = "EXCLUSIVE"
    SHARED = "SHARED"
    WORKFLOW = "WORKFLOW"


class InputStyle(Enum):
    """How a request body becomes arguments."""

    EMPTY = "empty"
    """No parameter: the body must be empty."""
    VALUE = "value"
    """One parameter: the body is that value."""
    FIELDS = "fields"
    """Several parameters: the body is one JSON object with their names."""


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """Where in the user's code something stands."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a handler after the context."""

    name: str
    annotation: Any
    required: bool
    keyword_only: bool = False
    default: Any = None


@dataclass(frozen=True, slots=True)
class InputDefinition:
    """The input of a handler, both for the one who serves it and for the one who calls it."""

    style: InputStyle
    parameters: tuple[Parameter, ...]
    codec: Codec[Any] | None
    """``None`` for EMPTY. For FIELDS it carries a ``dict`` of arguments by name."""
    required: bool
    """Whether a body must be sent."""
    decode: Callable[[bytes], Arguments]
    """Body to arguments. Raises ``DecodeError``."""
    encode: Callable[[tuple[Any, ...], Mapping[str, Any]], bytes]
    """Arguments to body, for callers. Raises ``TypeError`` (wrong arguments) or ``EncodeError``."""

    @property
    def content_type(self) -> str | None:
        return self.codec.content_type if self.codec else None

    def json_schema(self) -> JsonSchema | None:
        return self.codec.json_schema("validation") if self.codec else None


@dataclass(frozen=True, slots=True)
class OutputDefinition:
    """The output of a handler."""

    annotation: Any
    codec: Codec[Any] | None
    """``None`` for a handler that returns nothing: the output is empty."""

    def encode(self, value: Any) -> bytes:
        """Raises ``EncodeError``."""
        return no_value(value) if self.codec is None else self.codec.encode(value)

    def decode(self, data: bytes) -> Any:
        """Raises ``DecodeError``."""
        return None if self.codec is None else self.codec.decode(data)

    @property
    def content_type(self) -> str | None:
        return self.codec.content_type if self.codec else None

    def json_schema(self) -> JsonSchema | None:
        return self.codec.json_schema("serialization") if self.codec else None


@dataclass(frozen=True, slots=True)
class HandlerDefinition:
    """One handler of a service."""

    name: str
    """The name on the wire."""
    method: str
    """The attribute on the class."""
    kind: HandlerKind | None
    function: Callable[..., Any]
    """The plain function as it stands on the class, undecorated; the identity that ``ctx.call`` looks up."""
    call: Callable[..., Any] | None
    """``call(ctx, *args, **kwargs)``, bound to the instance; ``None`` if only the class was reflected (interfaces)."""
    is_async: bool
    input: InputDefinition
    output: OutputDefinition
    options: HandlerOptions
    documentation: str | None
    source: SourceLocation
    qualified_name: str
    """``module.Class.method``."""


@dataclass(frozen=True, slots=True)
class SkippedMethod:
    """A public method that is not a handler, and why."""

    name: str
    reason: str
    mistake: str = ""
    """If it looks as if it were meant for one: what is wrong, where, and the change that makes it one."""


@dataclass(frozen=True, slots=True)
class ServiceDefinition:
    """One service."""

    name: str
    kind: ServiceKind
    handlers: Mapping[str, HandlerDefinition]
    """By wire name, in the order of definition."""
    options: ServiceOptions
    documentation: str | None
    cls: type
    instance: Any
    """The object whose methods run; ``None`` if only the class was reflected (interfaces)."""
    source: SourceLocation
    skipped: tuple[SkippedMethod, ...] = field(default=())

    def error_details(self, handler: HandlerDefinition) -> ErrorDetails | None:
        """What leaves the process when one of its handlers fails; ``None`` if neither option says it."""
        return handler.options.error_details or self.options.error_details

    def max_input_bytes(self, handler: HandlerDefinition) -> int:
        """What one of its handlers reads at most: the handler's option, the service's, or the default."""
        return handler.options.max_input_bytes or self.options.max_input_bytes or DEFAULT_MAX_INPUT_BYTES
