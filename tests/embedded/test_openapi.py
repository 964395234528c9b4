"""The documents of the admin API: of a service, from its manifest, and of the API itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest

from restate_reflect.openapi import published_openapi
from restate_reflect.server import RestateServer
from tests.conftest import ServerMaker
from tests.embedded.discovered import MANIFEST, Endpoint, manifest
from tests.embedded.served import ServedRuntime
from tests.support import fetch

JSON = {"contentType": "application/json"}
TREE = {
    "title": "Tree",
    "type": "object",
    "properties": {"of": {"$ref": "#/$defs/Leaf"}, "children": {"type": "array", "items": {"$ref": "#"}}},
    "$defs": {"Leaf": {"type": "string", "description": "One"}},
}
HANDLERS: dict[str, dict[str, Any]] = {
    "bare": {},
    "null": {"input": None, "output": None, "documentation": None, "metadata": {}},
    "nothing": {"input": {}, "output": {}},
    "json": {"input": {**JSON, "required": True}, "output": JSON},
    "optional": {"input": {**JSON, "required": False}, "output": {**JSON, "setContentTypeIfEmpty": True}},
    "schemas": {"input": {**JSON, "required": True, "jsonSchema": TREE}, "output": {**JSON, "jsonSchema": TREE}},
    "anything": {"input": {**JSON, "jsonSchema": True}, "output": {**JSON, "jsonSchema": True}},
    "empty": {"input": {**JSON, "jsonSchema": {}}, "output": {**JSON, "jsonSchema": {}}},
    "bytes": {"input": {"contentType": "*/*"}, "output": {"contentType": "text/plain; charset=utf-8"}},
    "image": {
        "input": {"contentType": " image/png ", "required": True, "jsonSchema": {"type": "string"}},
        "output": {"contentType": "image/png", "jsonSchema": {"type": "string"}},
    },
    "data": {"output": {**JSON, "jsonSchema": {"enum": [{"$ref": "#/x"}, {"$ref": 5}]}}},
    "told": {"documentation": "Does it.", "metadata": {"owner": "web"}},
    "hidden": {"ingressPrivate": True},
    "shown": {"ingressPrivate": False},
}
KINDS: dict[str, tuple[str | None, ...]] = {
    "SERVICE": (None, "SHARED"),
    "VIRTUAL_OBJECT": (None, "SHARED", "EXCLUSIVE"),
    "WORKFLOW": (None, "SHARED", "WORKFLOW"),
}


def service(name: str, handlers: dict[str, dict[str, Any]], ty: str = "SERVICE", **more: Any) -> dict[str, Any]:
    return {"name": name, "ty": ty, "handlers": [{"name": name, **each} for name, each in handlers.items()], **more}


SERVICES: dict[str, dict[str, Any]] = {
    each["name"]: each
    for each in (
        service("Plain", HANDLERS),
        service("Told", {"h": {}}, documentation="Of what it is.", metadata={"team": "a"}),
        service("Private", {"h": {}, "hidden": {"ingressPrivate": True}}, ingressPrivate=True),
        service("Empty", {}),
        *(
            service(kind.title(), {str(ty): {} if ty is None else {"ty": ty} for ty in types}, kind)
            for kind, types in KINDS.items()
        ),
    )
}
WORDS = {"description", "summary", "example", "externalDocs", "title"}


def structure(node: Any) -> Any:
    """Without the words of either side, which no client is generated from."""
    if isinstance(node, list):
        return [structure(each) for each in node]
    if isinstance(node, dict):
        return {name: structure(each) for name, each in node.items() if name not in WORDS}
    return node


def described(one: ServedRuntime | RestateServer, name: str) -> list[Any]:
    """Status, type, the document's structure, and to the last word what handlers say."""
    answer = fetch(f"{one.admin_url}/services/{name}/openapi", method="GET")
    document = answer.json
    for each in document.get("servers", ()):
        assert each.pop("url") == f"{one.ingress_url}/"
    schemas = document.get("components", {}).get("schemas", {})
    own = {name: schema for name, schema in schemas.items() if name != "RestateError"}
    return [answer.status, answer.headers["content-type"], structure(document), document.get("info"), own]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """With all services."""
    made = Endpoint()
    made.answer = (200, MANIFEST, {**manifest(), "services": list(SERVICES.values())})
    yield made
    made.close()


@pytest.mark.server
def test_a_service_is_described_as_on_restate_server(server_with: ServerMaker, endpoint: Endpoint) -> None:
    """From the manifest of any SDK: paths, operations, parameters, bodies, answers; and schemas to the last word."""
    server = server_with()
    with ServedRuntime() as served:
        for url in (served.admin_url, server.admin_url):
            assert fetch(f"{url}/deployments", {"uri": endpoint.url, "use_http_11": True}).status == 201
        for name in (*SERVICES, "Unknown"):
            assert described(served, name) == described(server, name), name


STORY: list[tuple[str, bool]] = [
    (name, public) for name in ("Open", "Said", "Closed") for public in (False, True, True, False)
]
VISIBLE = (
    service("Open", {"own": {}, "hidden": {"ingressPrivate": True}, "shown": {"ingressPrivate": False}}),
    service("Said", {"own": {}, "shown": {"ingressPrivate": False}}, ingressPrivate=False),
    service("Closed", {"own": {}, "hidden": {"ingressPrivate": True}}, ingressPrivate=True),
)


def visibility(admin_url: str, ingress_url: str, name: str) -> list[Any]:
    """Of a service, its handlers, and its document; and what the ingress answers."""
    shown = fetch(f"{admin_url}/services/{name}", method="GET").json
    handlers = sorted((each["name"], each["public"]) for each in shown["handlers"])
    sent = [fetch(f"{ingress_url}/{name}/{each}/send?delay=1h", method="POST") for each, _ in handlers]
    refused = [each.json["message"] for each in sent if each.status != 202]
    paths = fetch(f"{admin_url}/services/{name}/openapi", method="GET").json["paths"]
    return [shown["public"], handlers, [each.status for each in sent], refused, sorted(paths)]


@pytest.mark.server
def test_a_service_becomes_private_and_public_again_as_on_restate_server(
    server_with: ServerMaker, endpoint: Endpoint, tmp_path: Path
) -> None:
    """Whatever its handlers say of themselves; a restart keeps what was made of it."""
    endpoint.answer = (200, MANIFEST, {**manifest(), "services": list(VISIBLE)})
    server, file = server_with(), tmp_path / "data.sqlite"
    seen: dict[str, list[Any]] = {}
    with ServedRuntime(file=file) as served:
        for one in (server, served):
            assert fetch(f"{one.admin_url}/deployments", {"uri": endpoint.url, "use_http_11": True}).status == 201
        for name, public in STORY:
            both: list[Any] = []
            for one in (server, served):
                answer = fetch(f"{one.admin_url}/services/{name}", {"public": public}, method="PATCH")
                both.append([answer.status, *visibility(one.admin_url, one.ingress_url, name)])
            assert both[0] == both[1], (name, public)
            seen[name] = both[1][1:]
    with ServedRuntime(file=file) as served:
        for name, before in seen.items():
            assert visibility(served.admin_url, served.ingress_url, name) == before


@pytest.mark.parametrize("name", SERVICES)
def test_the_document_of_a_service_is_valid(name: str) -> None:
    openapi_spec_validator.OpenAPIV31SpecValidator(published_openapi(SERVICES[name], revision=1)).validate()
