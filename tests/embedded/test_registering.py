"""``/deployments`` of the admin API: the same on both engines, in each of its versions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from restate_reflect import Context, ObjectContext
from restate_reflect.embedded import RuntimeSettings
from restate_reflect.protocol.versions import ProtocolVersion
from tests.conftest import ServerMaker
from tests.embedded.discovered import MANIFEST, Endpoint, manifest
from tests.embedded.served import ServedRuntime
from tests.support import Answer, ServedInThread, fetch


@pytest.fixture
def endpoints() -> Iterator[list[Endpoint]]:
    """Three of them."""
    made = [Endpoint() for _ in range(3)]
    yield made
    for each in made:
        each.close()


def handler(**options: Any) -> Any:
    return manifest(handlers=[{"name": "h", **options}])


def object_handler(ty: str | None, kind: str) -> Any:
    return manifest(ty=kind, handlers=[{"name": "h", **({} if ty is None else {"ty": ty})}])


def without_mode() -> Any:
    made = manifest()
    del made["protocolMode"]
    return made


def private(handler_is_private: bool) -> Any:
    made = handler(ingressPrivate=handler_is_private)
    made["services"][0]["ingressPrivate"] = True
    return made


SCHEMAS: dict[str, Any] = {
    "of number": {"type": 5},
    "of unknown type": {"type": "nope"},
    "text": "x",
    "number": 5,
    "true": True,
    "null": None,
    "list": [1],
    "empty": {},
    "lost reference": {"$ref": "#/definitions/x"},
    "reference": {"$defs": {"x/y": {"type": "string"}}, "$ref": "#/$defs/x~1y"},
    "remote reference": {"$ref": "http://localhost:1/x"},
    "bad pattern": {"type": "string", "pattern": "("},
    "patterns": {"anyOf": [{"pattern": "(?=a)b"}, {"pattern": r"^\p{L}(?<name>a)$"}]},
    "minimum": {"minimum": "a"},
    "required": {"required": "a"},
    "required twice": {"required": ["a", "a"]},
    "properties": {"properties": []},
    "unknown keyword": {"foo": 1},
    "unknown format": {"type": "string", "format": "foo"},
    "unknown meta-schema": {"$schema": "http://nope/", "type": "string"},
    "draft 7": {"$schema": "http://json-schema.org/draft-07/schema#", "type": "string"},
    "enum": {"enum": "a"},
    "nested": {"type": "object", "properties": {"a": {"type": "nope"}}},
    "additional": {"additionalProperties": 3},
    "items": {"items": 3},
    "no alternatives": {"anyOf": []},
    "multiple of 0": {"multipleOf": 0},
    "negative length": {"minLength": -1},
    "same type twice": {"type": ["string", "string"]},
    "older minimum": {"exclusiveMinimum": True, "minimum": 1},
    "id": {"$id": 5},
    "anchor": {"$anchor": ""},
    "unevaluated": {"unevaluatedProperties": 3},
    "dependent": {"dependentRequired": {"a": 1}},
    "two wrong ones": {"type": 5, "allOf": [], "properties": {"z": {"type": 1}, "a": {"type": 2}}},
    "examples": {"examples": 3},
    "object for a text": {"title": {"b": 1, "a": 2}},
    "object": {"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]},
}

DISCOVERIES: dict[str, tuple[int, str | None, Any]] = {
    **{
        f"service {name!r}": (200, MANIFEST, manifest(name))
        for name in ("restateFoo", "Restate.x", "openapi", "OpenAPI", "9a", "_", "_a", "a b", "é", "a-b.c", "", "a\n")
    },
    **{f"handler {name!r}": (200, MANIFEST, handler(name=name)) for name in ("9a", "_", "_a", "a-b", "a.b", "a b", "")},
    **{
        f"{ty} handler of a {kind}": (200, MANIFEST, object_handler(ty, kind))
        for kind in ("SERVICE", "VIRTUAL_OBJECT", "WORKFLOW")
        for ty in (None, "SHARED", "EXCLUSIVE", "WORKFLOW")
    },
    "no services": (200, MANIFEST, {**manifest(), "services": []}),
    "no handlers": (200, MANIFEST, manifest(handlers=[])),
    "unknown kind": (200, MANIFEST, manifest(ty="NOPE")),
    "public in private": (200, MANIFEST, private(False)),
    "private in private": (200, MANIFEST, private(True)),
    "retention of a workflow": (200, MANIFEST, handler(workflowCompletionRetention=5)),
    "idempotency of a workflow": (
        200,
        MANIFEST,
        manifest(ty="WORKFLOW", handlers=[{"name": "h", "ty": "WORKFLOW", "idempotencyRetention": 5}]),
    ),
    "old versions": (200, MANIFEST, manifest(minProtocolVersion=1, maxProtocolVersion=3)),
    "exchanged versions": (200, MANIFEST, manifest(minProtocolVersion=6, maxProtocolVersion=5)),
    "no mode": (200, MANIFEST, without_mode()),
    "streams over HTTP/1.1": (200, MANIFEST, manifest(protocolMode="BIDI_STREAM")),
    **{
        f"schema: {what}": (200, MANIFEST, handler(input={"contentType": "application/json", "jsonSchema": schema}))
        for what, schema in SCHEMAS.items()
    },
    "schema of an output": (
        200,
        MANIFEST,
        handler(output={"contentType": "application/json", "jsonSchema": {"type": "nope"}}),
    ),
    "no manifest": (200, MANIFEST, {"x": 1}),
    "no JSON": (200, MANIFEST, b"not json"),
    "text": (200, "text/plain", manifest()),
    "no content type": (200, None, manifest()),
    "not found": (404, MANIFEST, manifest()),
    "broken": (500, MANIFEST, manifest()),
}
"""Answers of an endpoint to its discovery."""


def told(answer: Answer) -> tuple[Any, ...]:
    """What a registration was answered, without ids, and without details of what can't be read."""
    if answer.status >= 400 and "json" not in answer.headers.get("content-type", ""):
        return answer.status, answer.body
    if answer.status >= 400:
        message = re.sub(r"dp_\w+", "dp", answer.json["message"])
        return answer.status, answer.json["restate_code"], re.split(r"(?<=decoded:)|(?<=META0003\]) ", message)[0]
    services = sorted(answer.json["services"], key=lambda service: service["name"])
    names = [
        (each["name"], each["ty"], each["revision"], sorted(one["name"] for one in each["handlers"]))
        for each in services
    ]
    return answer.status, names


@pytest.mark.server
def test_discoveries_are_judged_alike(server_with: ServerMaker, endpoints: list[Endpoint]) -> None:
    """Every answer of an endpoint leads to the same status, code and message; and a dry run registers nothing."""
    server = server_with()
    with ServedRuntime() as served:
        for what, discovered in DISCOVERIES.items():
            endpoints[0].answer = discovered
            wish = {"uri": endpoints[0].url, "use_http_11": True, "dry_run": True}
            here, there = (told(fetch(f"{url}/deployments", wish)) for url in (served.admin_url, server.admin_url))
            assert here == there, what
        for url in (served.admin_url, server.admin_url):
            assert fetch(f"{url}/deployments", method="GET").json == {"deployments": []}


V2, V3, LATEST = "/v2", "/v3", ""

STORY: list[tuple[str, int, Any, dict[str, Any]]] = [
    (LATEST, 0, manifest(), {"metadata": {"a": "b"}, "additional_headers": {"x-a": "1"}}),
    (LATEST, 0, manifest("Ignored"), {}),
    (V3, 0, manifest("Ignored"), {"dry_run": True}),
    (V2, 0, manifest("Ignored"), {"force": False}),
    (V2, 0, manifest("Ignored"), {"dry_run": True}),
    (V2, 0, manifest(), {}),
    (LATEST, 1, object_handler("EXCLUSIVE", "VIRTUAL_OBJECT"), {}),
    (LATEST, 1, object_handler("EXCLUSIVE", "VIRTUAL_OBJECT"), {"dry_run": True}),
    (V2, 1, object_handler("EXCLUSIVE", "VIRTUAL_OBJECT"), {"force": False}),
    (LATEST, 1, object_handler("EXCLUSIVE", "VIRTUAL_OBJECT"), {"dry_run": True, "breaking": True}),
    (LATEST, 1, object_handler("EXCLUSIVE", "VIRTUAL_OBJECT"), {"breaking": True}),
    (LATEST, 0, manifest("Other"), {"force": True}),
    (LATEST, 0, object_handler("WORKFLOW", "WORKFLOW"), {"breaking": True}),
    (LATEST, 0, object_handler("WORKFLOW", "WORKFLOW"), {"force": True}),
    (LATEST, 2, manifest(), {"force": "yes"}),
    (LATEST, 2, manifest(), {"force": None, "dry_run": True, "breaking": True}),
    (LATEST, 2, manifest(), {"uri": "/x"}),
    (LATEST, 2, manifest(), {"uri": "127.0.0.1:1"}),
    (LATEST, 2, manifest(), {"uri": 5}),
    (LATEST, 2, manifest(), {"metadata": {"a": 1}}),
    (LATEST, 2, manifest(), {"uri": "http://127.0.0.1:1"}),
]
"""Registrations, one after the other: version of the API, endpoint, what it says, what is asked for."""


def story(url: str, endpoints: list[Endpoint]) -> list[Any]:
    """What each was answered, and what was registered then."""
    seen: list[Any] = []
    for version, which, discovered, asked in STORY:
        endpoints[which].answer = (200, MANIFEST, discovered)
        wish = {"uri": endpoints[which].url, "use_http_11": True, **asked}
        answer = told(fetch(f"{url}{version}/deployments", wish))
        services = fetch(f"{url}/services", method="GET").json["services"]
        seen.append((answer, sorted((each["name"], each["ty"], each["revision"]) for each in services)))
    return seen


def listed(url: str) -> list[Any]:
    """Deployments as they are shown, and each alone, without ids and times."""
    found = sorted(fetch(f"{url}/deployments", method="GET").json["deployments"], key=lambda each: each["uri"])
    for each in found:
        alone = fetch(f"{url}/v4/deployments/{each['id']}", method="GET").json
        names = [{"name": one["name"], "revision": one["revision"]} for one in alone["services"]]
        assert {**alone, "services": names} == each
        del each["id"], each["created_at"]
    return found


def removals(url: str, endpoints: list[Endpoint]) -> list[Any]:
    """What removing is answered, and what is left."""
    known = {each["uri"]: each["id"] for each in fetch(f"{url}/deployments", method="GET").json["deployments"]}
    first = f"{url}/deployments/{known[endpoints[0].url]}"
    asked = (first, f"{first}?force=false", f"{first}?force=x", f"{first}?force=true", f"{first}?force=true")
    answers = [fetch(each, method="DELETE") for each in asked]
    services = fetch(f"{url}/services", method="GET").json["services"]
    told = [(each.status, each.body.replace(known[endpoints[0].url].encode(), b"dp")) for each in answers]
    return [told, [(each["name"], each["ty"], each["revision"]) for each in services]]


@pytest.mark.server
def test_registering_again_by_force_and_breaking(server_with: ServerMaker, endpoints: list[Endpoint]) -> None:
    """Statuses, codes, revisions and what services are of which kind after each; what is listed and removed then."""
    server = server_with()
    with ServedRuntime() as served:
        here, there = story(served.admin_url, endpoints), story(server.admin_url, endpoints)
        for number, (ours, theirs) in enumerate(zip(here, there, strict=True)):
            assert ours == theirs, STORY[number]
        assert listed(served.admin_url) == listed(server.admin_url)
        assert removals(served.admin_url, endpoints) == removals(server.admin_url, endpoints)


GENERAL = [("GET", f"{version}/{path}") for version in ("", "/v2", "/v3", "/v4") for path in ("health", "version")] + [
    ("GET", "/v1/version"),
    ("GET", "/v5/version"),
    ("GET", "/v/version"),
    ("GET", "/v4/nothing"),
    ("GET", "/v4/deployments/dp_x"),
    ("GET", "/v4/services/Nobody"),
    ("PATCH", "/v4/invocations/x/cancel"),
    ("POST", "/v4/health"),
]


@pytest.mark.server
def test_each_version_of_the_api_is_served(server_with: ServerMaker) -> None:
    """The same statuses and bodies under its prefix; what is older or newer is refused alike."""
    server = server_with()
    with ServedRuntime(settings=RuntimeSettings(max_protocol_version=ProtocolVersion.V6)) as served:
        for method, path in GENERAL:
            here, there = (fetch(f"{url}{path}", method=method) for url in (served.admin_url, server.admin_url))
            ours = here.body.replace(served.ingress_url.encode(), server.ingress_url.encode())
            assert (here.status, here.headers.get("content-type")) == (there.status, there.headers.get("content-type"))
            if path.endswith("version") and here.status == 200:
                assert json.loads(ours) == there.json
            else:
                assert ours == there.body


class Echo:
    async def wait(self, ctx: Context) -> str:
        return await ctx.awakeable(str)


class Box:
    async def put(self, ctx: ObjectContext, value: int) -> None:
        ctx.set("value", value)


def test_deployments_survive_a_restart(tmp_path: Path) -> None:
    """With id, headers, metadata and revisions; invocations that were in flight go on."""
    file = tmp_path / "data.sqlite"
    with ServedInThread(Echo, Box) as endpoint:
        wish = {"uri": endpoint.url, "additional_headers": {"x-a": "1"}, "metadata": {"a": "b"}}
        with ServedRuntime(file=file) as served:
            fetch(f"{served.admin_url}/deployments", wish)
            fetch(f"{served.admin_url}/deployments", {**wish, "force": True})
            before = fetch(f"{served.admin_url}/deployments", method="GET").json
            waiting = fetch(f"{served.ingress_url}/Echo/wait/send").invocation_id
        with ServedRuntime(file=file) as served:
            assert fetch(f"{served.admin_url}/deployments", method="GET").json == before
            assert before["deployments"][0]["services"][0]["revision"] == 2
            assert fetch(f"{served.ingress_url}/Box/k/put", 1).status == 200
            fetch(f"{served.admin_url}/invocations/{waiting}/cancel", method="PATCH")
            answer = fetch(f"{served.ingress_url}/restate/invocation/{waiting}/attach", method="GET")
            assert answer.status == 409
