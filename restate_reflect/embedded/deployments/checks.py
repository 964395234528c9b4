"""What restate-server 1.7 asks of a manifest before it registers a deployment; the words are its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from restate_reflect.definitions import HandlerKind, ServiceKind
from restate_reflect.embedded.deployments.refusals import ManifestError

__all__ = [
    "check_content_type",
    "check_handler",
    "check_manifest",
    "check_service",
    "check_visibility",
    "read_manifest",
]

MANIFESTS: Final = tuple(f"application/vnd.restate.endpointmanifest.v{version}+json" for version in (1, 2, 3, 4))
_SERVICE_NAME: Final = r"^([a-zA-Z]|_[a-zA-Z0-9])[a-zA-Z0-9._-]*$"
_HANDLER_NAME: Final = r"^([a-zA-Z]|_[a-zA-Z0-9])[a-zA-Z0-9_]*$"
_TYPES: Final = {
    ServiceKind.SERVICE: "Service",
    ServiceKind.VIRTUAL_OBJECT: "VirtualObject",
    ServiceKind.WORKFLOW: "Workflow",
}
_FITTING: Final[Mapping[ServiceKind, frozenset[HandlerKind | None]]] = {
    ServiceKind.SERVICE: frozenset({None, HandlerKind.SHARED}),
    ServiceKind.VIRTUAL_OBJECT: frozenset({None, HandlerKind.SHARED, HandlerKind.EXCLUSIVE}),
    ServiceKind.WORKFLOW: frozenset({None, HandlerKind.SHARED, HandlerKind.WORKFLOW}),
}

Described = Mapping[str, Any]


def check_content_type(content_type: str | None) -> None:
    """Of the answer to a discovery.

    Raises:
        ManifestError: It is no manifest's.
    """
    expected = f"Expected one of '\"{', '.join(MANIFESTS)}\"'"
    if content_type is None:
        raise ManifestError.bad_response(f"No content type header was specified. {expected} content type.")
    if content_type not in MANIFESTS:
        raise ManifestError.bad_response(f'Bad content type header: "{content_type}". {expected}')


def read_manifest(body: bytes) -> dict[str, Any]:
    """The answer to a discovery.

    Raises:
        ManifestError: It is no JSON object.
    """
    try:
        manifest = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ManifestError.undecodable(f"{error}. Discovery response: {body[:500]!r}") from None
    if not isinstance(manifest, dict):
        raise ManifestError.undecodable(f"expected an object. Discovery response: {body[:500]!r}")
    return manifest


def check_manifest(manifest: Described) -> None:
    """Names, mode and versions.

    Raises:
        ManifestError: A name does not fit its pattern, or the manifest contradicts itself.
        KeyError, TypeError: Something is missing, or of another type.
    """
    for service in manifest["services"]:
        _check_name(service["name"], _SERVICE_NAME)
        for handler in service["handlers"]:
            _check_name(handler["name"], _HANDLER_NAME)
    if manifest.get("protocolMode") is None:
        raise ManifestError.bad_response("missing protocol mode")
    lowest, highest = manifest["minProtocolVersion"], manifest["maxProtocolVersion"]
    if lowest > highest:
        raise ManifestError.bad_response(
            "Expected min protocol version to be <= max protocol version. Received min protocol version"
            f" '{lowest}', max protocol version '{highest}'"
        )


def _check_name(name: object, pattern: str) -> None:
    if not isinstance(name, str) or re.fullmatch(pattern, name) is None:
        raise ManifestError.undecodable(f'the name {name!r:.100} doesn\'t match pattern "{pattern}"')


def check_service(described: Described) -> None:
    """A service's own name.

    Raises:
        ManifestError: It is one of those that restate-server keeps for itself.
    """
    name: str = described["name"]
    if name.lower().startswith("restate") or name.lower() == "openapi":
        raise ManifestError.bad_service(
            f"cannot insert/modify service '{name}' as it contains a reserved name", "META0005"
        )


def check_visibility(service: Described) -> None:
    """Of the handlers, as code has them; who makes a service private later on is not asked about them.

    Raises:
        ManifestError: The service is private, and one of them is not.
    """
    for described in service["handlers"] if service.get("ingressPrivate") else ():
        if described.get("ingressPrivate") is False:
            raise ManifestError.bad_service(
                f"The service {service['name']} is private, but the {described['name']} is explicitly set as public."
                " This is not supported. Please make the service public, and hide the individual handlers"
            )


def check_handler(described: Described, kind: ServiceKind) -> None:
    """What a handler says of itself, in a service of a kind.

    Raises:
        ManifestError: It can't be.
    """
    handler_kind = HandlerKind(described["ty"]) if described.get("ty") else None
    if handler_kind not in _FITTING[kind]:
        shown = "None" if handler_kind is None else f"Some({handler_kind.value.capitalize()})"
        raise ManifestError.bad_service(
            f"invalid combination of service type and handler type '({_TYPES[kind]}, {shown})'"
        )
    _check_retention(described, is_workflow=handler_kind is HandlerKind.WORKFLOW)


def _check_retention(described: Described, *, is_workflow: bool) -> None:
    name = described["name"]
    if described.get("workflowCompletionRetention") is not None and not is_workflow:
        raise ManifestError.bad_service(
            f"{name} sets the workflow_completion_retention, but it's not a WORKFLOW handler"
        )
    if described.get("idempotencyRetention") is not None and is_workflow:
        raise ManifestError.bad_service(f"{name} sets the idempotency_retention, but it's a WORKFLOW handler")
