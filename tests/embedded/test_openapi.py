"""The documents of the admin API: of a service, from its manifest, and of the API itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import openapi_spec_validator
import pytest

from restate_reflect.embedded import Runtime
from restate_reflect.embedded.http.admin import _not_covered, _to_page, _too_old, admin
from restate_reflect.openapi import published_openapi
from restate_reflect.server import RestateServer
from tests.conftest import ServerMaker
from tests.embedded.discovered import MANIFEST, Endpoint, manifest
from tests.embedded.running import asynchronous
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


@asynchronous
async def test_the_api_describes_each_path_that_it_serves() -> None:
    """Whatever is routed somewhere, but for what answers 501 or leads to a page, and older versions' prefixes."""
    async with Runtime() as runtime:
        routes = list(admin(runtime).router.routes())
    served = {
        (route.method, route.resource.canonical)
        for route in routes
        if route.handler not in (_not_covered, _to_page, _too_old)
        and route.method != "HEAD"
        and route.resource is not None
    }
    with ServedRuntime() as one:
        paths = fetch(f"{one.admin_url}/openapi", method="GET").json["paths"]
    described = {(method.upper(), path) for path, item in paths.items() for method in item}
    assert described | {(method, f"/{{version}}{path}") for method, path in described} == served


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    with ServedRuntime() as served:
        answer = fetch(f"{served.admin_url}/openapi", method="GET")
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        for prefix in ("/v2", "/v3", "/v4"):
            assert fetch(f"{served.admin_url}{prefix}/openapi", method="GET").json == answer.json
    found: dict[str, Any] = answer.json
    return found


def test_the_document_of_the_api_is_valid(document: dict[str, Any]) -> None:
    """Each operation says what it does, under a name of its own."""
    openapi_spec_validator.OpenAPIV31SpecValidator(document).validate()
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) > 20
    assert all(operation["summary"].endswith((".", ":")) for operation in operations)


@pytest.mark.server
def test_each_operation_is_that_of_restate_server(restate_server: RestateServer, document: dict[str, Any]) -> None:
    """By its name, tag, parameters, body, answers and their properties; two are in no document of its own."""
    theirs = fetch(f"{restate_server.admin_url}/openapi", method="GET").json
    compared = 0
    for path, item in document["paths"].items():
        for method, ours in item.items():
            if ours["operationId"] in ("openapi", "replace_deployment"):
                continue
            wanted = theirs["paths"][path][method]
            assert (ours["operationId"], ours["tags"]) == (wanted["operationId"], wanted["tags"])
            assert parameters(ours) <= parameters(wanted), (method, path)
            assert bodies(ours) == bodies(wanted), (method, path)
            assert successes(ours) == successes(wanted), (method, path)
            compared += 1
    assert compared == 26
    for name, schema in document["components"]["schemas"].items():
        assert properties(schema) <= properties(theirs["components"]["schemas"][name]), name


def parameters(operation: dict[str, Any]) -> set[tuple[str, str, bool]]:
    return {(each["name"], each["in"], each["required"]) for each in operation.get("parameters", [])}


def bodies(operation: dict[str, Any]) -> Any:
    return operation.get("requestBody", {}).get("content")


def successes(operation: dict[str, Any]) -> dict[str, Any]:
    """References to schemas, by status and type."""
    return {
        status: {media: each.get("schema", {}).get("$ref") for media, each in answer.get("content", {}).items()}
        for status, answer in operation["responses"].items()
        if status.startswith("2")
    }


def properties(schema: dict[str, Any]) -> set[str]:
    """Of an object; that of HTTP where there is one for Lambda, too."""
    return set(schema.get("oneOf", [schema])[0]["properties"])


DESCRIBED: list[tuple[str, str, str, Any]] = [
    ("GET", "/version", "/version", None),
    ("GET", "/cluster-health", "/cluster-health", None),
    ("GET", "/subscriptions", "/subscriptions", None),
    ("GET", "/kafka-clusters", "/kafka-clusters", None),
    ("POST", "/deployments", "/deployments", {}),
    ("GET", "/deployments", "/deployments", None),
    ("GET", "/deployments/{deployment}", "/deployments/{id}", None),
    ("PATCH", "/deployments/{deployment}", "/deployments/{id}", {"additional_headers": {"a": "b"}}),
    ("GET", "/deployments/{deployment}", "/deployments/{id}", None),
    ("GET", "/services", "/services", None),
    ("GET", "/services/{service}", "/services/Plain", None),
    ("PATCH", "/services/{service}", "/services/Workflow", {"workflow_completion_retention": "1h"}),
    ("GET", "/services/{service}/handlers", "/services/Plain/handlers", None),
    ("GET", "/services/{service}/handlers/{handler}", "/services/Plain/handlers/told", None),
    ("GET", "/services/{service}/handlers/{handler}", "/services/Plain/handlers/unknown", None),
    ("PATCH", "/invocations/{invocation_id}/kill", "/invocations/inv_1/kill", None),
]
"""Methods and paths as they are described and as they are asked for, with bodies."""


@pytest.mark.server
def test_answers_are_as_they_are_described(
    server_with: ServerMaker, endpoint: Endpoint, document: dict[str, Any]
) -> None:
    """Of both engines; and the embedded runtime tells nothing that is not described."""
    with ServedRuntime() as served:
        for one, exact in ((served, True), (server_with(), False)):
            identifier = "none"
            for method, described, path, body in DESCRIBED:
                given = {"uri": endpoint.url, "use_http_11": True} if body == {} else body
                asked = f"{one.admin_url}{path.replace('{id}', identifier)}"
                answer = fetch(asked, *(() if body is None else (given,)), method=method)
                identifier = answer.json.get("id", identifier)
                schema = schema_of(document, document["paths"][described][method.lower()], answer.status)
                checked = closed(schema) if exact else schema
                jsonschema.Draft202012Validator(checked).validate(answer.json)


def schema_of(document: dict[str, Any], operation: dict[str, Any], status: int) -> dict[str, Any]:
    """Of an answer, with all components at hand."""
    if str(status) in operation["responses"]:
        answer = operation["responses"][str(status)]
    else:
        answer = document["components"]["responses"]["Error"]
    return {**answer["content"]["application/json"]["schema"], "components": document["components"]}


def closed(node: Any) -> Any:
    """A schema that forbids other properties than it names."""
    if isinstance(node, list):
        return [closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    inner = {name: closed(each) for name, each in node.items()}
    return {"additionalProperties": False, **inner} if isinstance(node.get("properties"), dict) else inner
