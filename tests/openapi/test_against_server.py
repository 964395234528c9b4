"""Compared with what restate-server publishes for the same deployment, and used against it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.openapi import build_openapi
from restate_reflect.openapi._shared import GENERAL_PATHS
from restate_reflect.reflection import reflect_all
from restate_reflect.server import RestateServer
from tests.openapi.services import Basket, Delivery, Shop
from tests.support import fetch

SERVICES = {service.name: service for service in reflect_all([Shop, Basket, Delivery])}

REASONS = {
    "deprecated": "the server deprecates the typed attach and output paths in favour of untyped ones",
    "summary": "ours names the verb, so that the four operations of a handler differ",
    "operationId": "ours holds the service's name: one document has many services",
    "tags": "ours groups by service, the server's by verb",
    "parameters/key": "ours refuses the empty key, for which there is no path",
    "parameters/idempotency-key": "ours says that header values are visible ASCII",
    "parameters/idempotencyKey": "ours says which characters a path carries, as the server does not decode them",
    "parameters/delay": "ours has a pattern",
    "responses/409": "ours describes what a second call of a run handler gets",
    "responses/200/headers": "ours names x-restate-id",
    "responses/200/description": "the server's is empty",
    "responses/202": "ours names x-restate-id, and leaves room for new members",
    "additionalProperties": "likewise, in the answer to a send",
    "responses/404": "ours has a code in its example, and the source that the server really gives",
    "responses/470": "ours has a code in its example",
    "responses/default": "ours has another example, and a code that is an integer",
    "application/octet-stream/schema": "generators of clients leave out a body without a schema",
    "example": "the server gives no examples of bodies",
    "description": "ours falls back to a sentence of our own, and does not call attach and output deprecated",
}
"""Every difference there may be, and why."""


def published(server: RestateServer, name: str) -> dict[str, Any]:
    document: dict[str, Any] = fetch(f"{server.admin_url}/services/{name}/openapi", method="GET").json
    return document


def plain(node: Any, document: Mapping[str, Any]) -> Any:
    """With references replaced by what they lead to; recursive ones end as ``...``."""
    return _plain(node, document, ())


def _plain(node: Any, document: Mapping[str, Any], opened: tuple[str, ...]) -> Any:
    if isinstance(node, list):
        return [_plain(part, document, opened) for part in node]
    if not isinstance(node, dict):
        return node
    if isinstance(reference := node.get("$ref"), str):
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
        # By what it is: the two documents name one definition differently.
        identity = json.dumps(str(target.get("title", reference)))
        if identity in opened:
            return "..."
        return _plain({**target, **{k: v for k, v in node.items() if k != "$ref"}}, document, (*opened, identity))
    return {k: _plain(v, document, opened) for k, v in node.items() if k not in ("$defs", "mapping")}


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """Paths within an operation at which the two differ."""
    if ours == theirs:
        return
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}):
            yield from differences(ours.get(key), theirs.get(key), f"{path}/{key}" if path else key)
    else:
        yield path


def operation(document: Mapping[str, Any], path: str) -> dict[str, Any]:
    (shown,) = plain(document["paths"][path], document).values()
    shown["parameters"] = {parameter["name"]: parameter for parameter in shown.get("parameters", [])}
    return dict(shown)


def reason(path: str) -> str | None:
    """The entry of ``REASONS`` that covers a difference."""
    return next(
        (known for known in REASONS if path == known or path.startswith(f"{known}/") or path.endswith(f"/{known}")),
        None,
    )


@pytest.mark.parametrize("name", SERVICES)
def test_it_has_the_paths_that_the_server_publishes(server: RestateServer, name: str) -> None:
    """And those that belong to no service."""
    ours = build_openapi([SERVICES[name]])["paths"]
    assert set(ours) - set(GENERAL_PATHS) == set(published(server, name)["paths"])


def test_operations_differ_from_the_servers_only_for_known_reasons(server: RestateServer) -> None:
    """And every reason is needed."""
    used: set[str] = set()
    for name, service in SERVICES.items():
        theirs, ours = published(server, name), build_openapi([service])
        for path in theirs["paths"]:
            for found in differences(operation(ours, path), operation(theirs, path)):
                assert reason(found), f"{path}: {found}"
                used.add(reason(found) or "")
    assert used == set(REASONS)


def test_schemas_are_the_servers_schemas(server: RestateServer) -> None:
    """Request and response bodies, with all that they refer to."""
    compared = 0
    for name, service in SERVICES.items():
        theirs, ours = published(server, name), build_openapi([service])
        for path, shown, wanted in pairs(service, ours, theirs):
            assert shown == wanted, path
            compared += 1
    assert compared == 14


def pairs(service: ServiceDefinition, ours: Any, theirs: Any) -> Iterator[tuple[str, Any, Any]]:
    for path in theirs["paths"]:
        if "/call/" in path:
            one, other = operation(ours, path), operation(theirs, path)
            for content_of in (request_schema, response_schema):
                if (wanted := content_of(other)) is not None:
                    yield path, content_of(one), wanted


def request_schema(shown: Any) -> Any:
    return shown.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")


def response_schema(shown: Any) -> Any:
    return shown["responses"]["200"].get("content", {}).get("application/json", {}).get("schema")
