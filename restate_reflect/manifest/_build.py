"""Definitions to the manifest that discovery answers with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.manifest._fields import HANDLER_FIELDS, SERVICE_FIELDS, HandlerView, ManifestField
from restate_reflect.manifest._negotiate import check_version
from restate_reflect.manifest._payload import describe_input, describe_output

__all__ = ["ProtocolMode", "UnsupportedOption", "build_manifest", "unsupported_options"]

ProtocolMode = Literal["BIDI_STREAM", "REQUEST_RESPONSE"]


def build_manifest(
    services: Iterable[ServiceDefinition],
    *,
    version: int,
    protocol_mode: ProtocolMode,
    min_protocol_version: int = 5,
    max_protocol_version: int = 7,
) -> dict[str, Any]:
    """The endpoint manifest as plain JSON data (restatedev/restate, `service-protocol/endpoint_manifest_schema.json`).

    Options newer than ``version`` are left out; ``unsupported_options`` lists them. Official SDKs fail the
    discovery instead; whoever answers it may do the same for options that must not be lost.

    Args:
        services: In the order in which they should appear.
        version: Manifest version, 1 to 4, as ``negotiate`` found it.
        protocol_mode: What the transport can do.
        min_protocol_version: Oldest service protocol spoken.
        max_protocol_version: Newest service protocol spoken.

    Raises:
        ValueError: unknown version.
    """
    check_version(version)
    return {
        "protocolMode": protocol_mode,
        "minProtocolVersion": min_protocol_version,
        "maxProtocolVersion": max_protocol_version,
        "services": [_service(service, version) for service in services],
    }


def _service(service: ServiceDefinition, version: int) -> dict[str, Any]:
    return {
        "name": service.name,
        "ty": service.kind.value,
        "handlers": [_handler(HandlerView(service, handler), version) for handler in service.handlers.values()],
        **_known(SERVICE_FIELDS, service, version),
    }


def _handler(view: HandlerView, version: int) -> dict[str, Any]:
    handler = view.handler
    return {
        "name": handler.name,
        **({"ty": handler.kind.value} if handler.kind else {}),
        "input": describe_input(handler.input),
        "output": describe_output(handler.output),
        **_known(HANDLER_FIELDS, view, version),
    }


def _known(fields: Iterable[ManifestField], subject: Any, version: int) -> dict[str, Any]:
    values = ((field.name, field.read(subject)) for field in fields if field.since <= version)
    return {name: value for name, value in values if value is not None}


class UnsupportedOption(NamedTuple):
    """An option that is set, but that a manifest of the asked version can't carry."""

    where: str
    """``Service`` or ``Service/handler``."""
    option: str
    """As the user spelled it, such as ``retry_policy.max_attempts``."""
    since: int
    """The first manifest version that has it."""

    def __str__(self) -> str:
        return f"{self.where}: {self.option} needs manifest version {self.since}"


def unsupported_options(services: Iterable[ServiceDefinition], version: int) -> tuple[UnsupportedOption, ...]:
    """What ``build_manifest`` leaves out in this version. Docstrings are no options, and not listed.

    Raises:
        ValueError: unknown version.
    """
    check_version(version)
    return tuple(lost for service in services for lost in _lost_in_service(service, version))


def _lost_in_service(service: ServiceDefinition, version: int) -> Iterator[UnsupportedOption]:
    yield from _lost(service.name, SERVICE_FIELDS, service, version)
    for handler in service.handlers.values():
        yield from _lost(f"{service.name}/{handler.name}", HANDLER_FIELDS, HandlerView(service, handler), version)


def _lost(where: str, fields: Iterable[ManifestField], subject: Any, version: int) -> Iterator[UnsupportedOption]:
    for field in fields:
        if field.since > version and field.name != "documentation" and field.read(subject) is not None:
            yield UnsupportedOption(where, field.option, field.since)
