"""Services that are described by somebody else: an endpoint's manifest, or the answer of an admin API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from restate_reflect.definitions import HandlerKind, ServiceKind
from restate_reflect.errors import RestateReflectError

__all__ = ["Described", "HandlerShape", "Payload", "ServiceShape", "StubsError", "read_services"]

Described: TypeAlias = Mapping[str, Any] | Iterable[Any]
"""A manifest, the admin API's answer to ``GET /services`` or ``POST /deployments``, or services out of one."""

_KINDS = {kind.value.replace("_", ""): kind for kind in ServiceKind}
_CONTENT_TYPE = re.compile(r"[\w.+-]+/[\w.+*-]+")


class StubsError(RestateReflectError):
    """No interface can be made of what was given."""


@dataclass(frozen=True, slots=True)
class Payload:
    """An input or output that is not empty."""

    content_type: str
    schema: Mapping[str, Any] | None
    required: bool = True
    ordered: bool = True
    """Whether properties stand in the order in which they were declared."""


@dataclass(frozen=True, slots=True)
class HandlerShape:
    """A handler, as far as callers see it."""

    name: str
    kind: HandlerKind | None
    input: Payload | None
    output: Payload | None
    documentation: str | None


@dataclass(frozen=True, slots=True)
class ServiceShape:
    """A service, as far as callers see it."""

    name: str
    kind: ServiceKind
    handlers: tuple[HandlerShape, ...]
    documentation: str | None


def read_services(described: Described) -> tuple[ServiceShape, ...]:
    """Plain shapes, by service name; handlers by name, as the admin API gives them in no order.

    Raises:
        StubsError: it is no description of services.
    """
    try:
        listed: Iterable[Any] = described["services"] if isinstance(described, Mapping) else described
        services = [_service(getattr(each, "raw", each)) for each in listed]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise StubsError(
            f"neither a manifest nor an admin API's list of services ({type(error).__name__}: {error}). "
            "Give the JSON of GET /discover, or of the admin API's GET /services."
        ) from error
    if len({service.name for service in services}) < len(services):
        raise StubsError("two services have one name. Give each service once.")
    return tuple(sorted(services, key=lambda service: service.name))


def _service(raw: Mapping[str, Any]) -> ServiceShape:
    kind = _KINDS[raw["ty"].replace("_", "").upper()]
    handlers = sorted((_handler(each) for each in raw["handlers"]), key=lambda handler: handler.name)
    if len({handler.name for handler in handlers}) < len(handlers):
        raise ValueError(f"{raw['name']} has two handlers of one name")
    return ServiceShape(_string(raw["name"]), kind, tuple(handlers), _documentation(raw))


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no name")
    value.encode()  # half a surrogate pair is no text
    return value


def _schema(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, Mapping) else None  # `true` says nothing


def _documentation(raw: Mapping[str, Any]) -> str | None:
    text = raw.get("documentation")
    return text.encode(errors="replace").decode() if isinstance(text, str) else None


def _handler(raw: Mapping[str, Any]) -> HandlerShape:
    kind = raw.get("ty")
    read = _of_admin if "input_description" in raw else _of_manifest
    return HandlerShape(
        _string(raw["name"]),
        HandlerKind[kind.upper()] if kind else None,
        read(raw, "input"),
        read(raw, "output"),
        _documentation(raw),
    )


def _of_manifest(raw: Mapping[str, Any], side: str) -> Payload | None:
    payload = raw.get(side) or {}
    content_type = payload.get("contentType")
    if content_type is None and "jsonSchema" not in payload:
        return None
    schema = _schema(payload.get("jsonSchema"))
    return Payload(_string(content_type or "application/json"), schema, payload.get("required", True) is not False)


def _of_admin(raw: Mapping[str, Any], side: str) -> Payload | None:
    """The admin API sorts properties by name, shows content types only in words, and not what may be left out."""
    schema = _schema(raw.get(f"{side}_json_schema"))
    described = str(raw.get(f"{side}_description", ""))
    found = _CONTENT_TYPE.search(described)
    if schema is None and found is None and "JSON" not in described:
        return None
    return Payload(found[0] if found and schema is None else "application/json", schema, ordered=False)
