"""The same requests to restate-server and to the embedded runtime get the same answers.

Both drive one and the same endpoint. Ids, times and ports are replaced by placeholders; headers
that belong to the HTTP connection are left out. Everything else must be equal, texts included.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import pytest

from restate_reflect import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    TerminalError,
    WorkflowContext,
    WorkflowSharedContext,
    handler,
    service,
)
from restate_reflect.embedded import RuntimeSettings
from restate_reflect.options import RetryPolicy
from restate_reflect.server import RestateServer
from tests.embedded import raw_requests
from tests.embedded.odd_requests import ODD_REQUESTS
from tests.embedded.served import ServedRuntime
from tests.support import Answer, ServedInThread, fetch


class Greeter:
    """Says hello."""

    async def greet(self, ctx: Context, name: str) -> str:
        return f"hi {name}"

    async def headers(self, ctx: Context) -> dict[str, str]:
        return dict(ctx.request.headers)

    async def attempt_headers(self, ctx: Context) -> list[str]:
        return sorted(ctx.request.attempt_headers)

    async def fail(self, ctx: Context) -> None:
        raise TerminalError("bad", 418, metadata={"a": "b"})

    async def fail_oddly(self, ctx: Context) -> None:
        raise TerminalError("odd", 1000)

    async def fail_with(self, ctx: Context, code: int) -> None:
        raise TerminalError("odd", code)

    async def raw(self, ctx: Context, data: bytes) -> bytes:
        return data

    async def nothing(self, ctx: Context) -> None:
        pass

    async def optional(self, ctx: Context, name: str = "you") -> str:
        return name

    async def slow(self, ctx: Context) -> str:
        await asyncio.sleep(3600)
        return "done"

    @handler(ingress_private=True)
    async def hidden(self, ctx: Context) -> None:
        pass


class Counter:
    async def add(self, ctx: ObjectContext, n: int) -> int:
        count = (await ctx.get("n", int) or 0) + n
        ctx.set("n", count)
        return count

    async def get(self, ctx: ObjectSharedContext) -> int:
        return await ctx.get("n", int) or 0

    async def hold(self, ctx: ObjectContext) -> None:
        await asyncio.sleep(3600)


@service(retry_policy=RetryPolicy(max_attempts=3), inactivity_timeout=30)
class Flow:
    async def run(self, ctx: WorkflowContext, n: int) -> int:
        return n

    async def peek(self, ctx: WorkflowSharedContext) -> int:
        return 1


pytestmark = pytest.mark.server


ENGINES = ("server", "embedded")


@dataclass
class Pair:
    """The two engines; each request goes to both."""

    ingress: dict[str, str]
    admin: dict[str, str]
    uri: str
    ids: dict[str, dict[str, str]] = field(default_factory=dict)
    """Ids by name, by engine."""

    def both(
        self, method: str, path: str, body: Any = None, *, name: str = "", to: str = "ingress", **headers: str
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The two normalized answers; ``{name}`` in the path stands for an id kept before under ``name``."""
        answers = [self._ask(engine, method, path, body, name, to, headers) for engine in ENGINES]
        return answers[0], answers[1]

    def _ask(
        self, engine: str, method: str, path: str, body: Any, name: str, to: str, headers: dict[str, str]
    ) -> dict[str, Any]:
        url = (self.ingress if to == "ingress" else self.admin)[engine]
        path = re.sub(r"\{(\w+)\}", lambda found: self.ids[found[1]][engine], path)
        given = {} if body is None else {"body": body}
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        answer = fetch(url + path, method=method, headers=named, **given)
        if name:
            self.ids.setdefault(name, {})[engine] = answer.invocation_id
        return normalized(answer)


_CONNECTION = {"date", "connection", "content-length", "transfer-encoding"}
_PLACEHOLDERS = (
    (re.compile(r"inv_1[0-9a-zA-Z]{33}"), "<invocation>"),
    (re.compile(r"dp_1[0-9a-zA-Z]{22}"), "<deployment>"),
    # What a JSON parser finds, which Rust's says with a stack trace.
    (re.compile(r'(?<=invalid lookup body: ).*?(?=","source")'), "<reason>"),
    (re.compile(r'(?<=invalid request body: ).*?(?=","source")'), "<reason>"),
    (re.compile(r"(?<=Failed to parse the request body as JSON: ).*"), "<reason>"),
    (re.compile(r"(?<=into the target type: )invalid type.*"), "<reason>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"), "<time>"),
)


def normalized(answer: Answer) -> dict[str, Any]:
    """Status, headers and body with placeholders; JSON bodies decoded."""
    headers = {k.lower(): replaced(v) for k, v in answer.headers.items() if k.lower() not in _CONNECTION}
    text = replaced(answer.body.decode(errors="backslashreplace"))
    body = json.loads(text) if text and headers.get("content-type") == "application/json" else text
    return {"status": answer.status, "headers": headers, "body": body}


def replaced(text: str) -> str:
    for pattern, placeholder in _PLACEHOLDERS:
        text = pattern.sub(placeholder, text)
    return text


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """With a server of its own: both list everything that was ever registered."""
    settings = RuntimeSettings(
        retry_policy=RetryPolicy(initial_interval=0.01, max_interval=0.5, factor=2.0),
    )
    with (
        RestateServer() as restate_server,
        ServedInThread(Greeter, Counter, Flow) as served,
        ServedRuntime(settings=settings, origins=["*"]) as embedded,
    ):
        pair = Pair(
            {"server": restate_server.ingress_url, "embedded": embedded.ingress_url},
            {"server": restate_server.admin_url, "embedded": embedded.admin_url},
            served.url,
        )
        for engine in ENGINES:
            answer = fetch(f"{pair.admin[engine]}/deployments", {"uri": served.url})
            assert answer.status in (200, 201), answer.body
        yield pair


REQUESTS: list[tuple[str, str, Any, dict[str, str]]] = [
    ("POST", "/Greeter/greet", "bob", {}),
    ("POST", "/Greeter/greet", "bob", {"content_type": "application/json; charset=utf-8"}),
    ("GET", "/Greeter/headers", None, {}),
    ("POST", "/Greeter/headers?q=1", None, {"x_foo": "bar", "Idempotency_Key": "h"}),
    ("POST", "/Greeter/fail", None, {}),
    ("POST", "/Greeter/fail_oddly", None, {}),
    ("POST", "/Greeter/raw", b"\x01\x02", {}),
    ("POST", "/Greeter/raw", b"", {}),
    ("POST", "/Greeter/nothing", None, {}),
    ("POST", "/Greeter/optional", None, {}),
    ("POST", "/Greeter/optional", "me", {}),
    ("POST", "/Greeter/hidden", None, {}),
    ("POST", "/Greeter/greet", None, {}),
    ("POST", "/Greeter/greet", b"", {"content_type": "application/json"}),
    ("POST", "/Greeter/greet", b"abc", {"content_type": "text/plain"}),
    ("POST", "/Greeter/greet", b"abc", {"content_type": "nonsense"}),
    ("POST", "/Greeter/greet", b"not json", {"content_type": "application/json"}),
    ("POST", "/Greeter/fail", "x", {}),
    ("PUT", "/Greeter/greet", "x", {}),
    ("DELETE", "/Greeter/greet", None, {}),
    ("OPTIONS", "/Greeter/greet", None, {"origin": "http://a.b", "access_control_request_method": "POST"}),
    ("POST", "/Greeter/greet", "x", {"origin": "http://a.b"}),
    ("POST", "/Greeter/nope", "x", {}),
    ("POST", "/Nope/nope", "x", {}),
    ("POST", "/Greeter", "x", {}),
    ("GET", "/", None, {}),
    ("GET", "/openapi", None, {}),
    ("GET", "/a/b/c/d/e/f/g/h", None, {}),
    ("POST", "/Greeter/greet/foo", "x", {}),
    ("POST", "/Greeter/greet/send/x", "x", {}),
    ("POST", "/Greeter/greet?delay=1s", "x", {}),
    ("POST", "/Greeter/greet/send", "x", {}),
    ("POST", "/Greeter/greet/send?delay=10s", "x", {}),
    ("POST", "/Greeter/greet/send?delay=1h+30m", "x", {}),
    ("POST", "/Greeter/greet/send?delay=PT10S", "x", {}),
    ("POST", "/Greeter/greet/send?delay=P1DT1H", "x", {}),
    ("POST", "/Greeter/greet/send?DELAY=0", "x", {}),
    ("POST", "/Greeter/greet/send?delay=bla", "x", {}),
    ("POST", "/restate/call/Greeter/greet", "x", {}),
    ("POST", "/restate/send/Greeter/greet", "x", {}),
    ("POST", "/restate/call/Counter/c/add", 1, {}),
    ("POST", "/restate/call/Counter/add", 1, {}),
    ("POST", "/restate/call/Greeter/greet/x", "x", {}),
    ("POST", "/restate/scope/s/call/Greeter/greet", "x", {}),
    ("POST", "/restate/scope/s/send/Greeter/greet", "x", {}),
    ("POST", "/restate/scope/s/nope/Greeter/greet", "x", {}),
    ("POST", "/restate/scope/s", "x", {}),
    ("POST", "/Greeter/greet?limit-key=l", "x", {}),
    ("POST", "/Greeter/greet", "x", {"x_restate_limit_key": "l"}),
    ("POST", "/Counter/a%2Fb%20c/add", 3, {}),
    ("POST", "/Counter/a%2Fb%20c/get", None, {}),
    ("POST", "/Counter/add", 3, {}),
    ("POST", "/Counter/x/y/z", 3, {}),
    ("POST", "/Flow/w/run", 3, {}),
    ("POST", "/Flow/w/run", 3, {}),
    ("POST", "/Flow/w/run/send", 3, {}),
    ("POST", "/Flow/w/run", 3, {"idempotency_key": "k"}),
    ("POST", "/Flow/w/peek", None, {"idempotency_key": "k"}),
    ("GET", "/restate/workflow/Flow/w/attach", None, {}),
    ("GET", "/restate/workflow/Flow/w/output", None, {}),
    ("GET", "/restate/workflow/Flow/none/output", None, {}),
    ("GET", "/restate/workflow/Flow/none/attach", None, {}),
    ("POST", "/restate/workflow/Flow/w/attach", None, {}),
    ("GET", "/restate/workflow/Flow/w/foo", None, {}),
    ("GET", "/restate/workflow/Flow/w", None, {}),
    ("POST", "/Greeter/greet", "bob", {"idempotency_key": "k1"}),
    ("POST", "/Greeter/greet", "bob", {"idempotency_key": "k1"}),
    ("POST", "/Greeter/greet/send", "bob", {"idempotency_key": "k1"}),
    ("POST", "/Greeter/fail", None, {"idempotency_key": "k2"}),
    ("POST", "/Greeter/fail", None, {"idempotency_key": "k2"}),
    ("GET", "/restate/invocation/Greeter/greet/k1/output", None, {}),
    ("GET", "/restate/invocation/Greeter/greet/k1/attach", None, {}),
    ("GET", "/restate/invocation/Greeter/fail/k2/attach", None, {}),
    ("GET", "/restate/invocation/Greeter/greet/none/output", None, {}),
    ("GET", "/restate/invocation/Greeter/greet/none/attach", None, {}),
    ("GET", "/restate/invocation/Nope/greet/none/attach", None, {}),
    ("GET", "/restate/invocation/Greeter/greet/k1", None, {}),
    ("GET", "/restate/invocation/inv_bla/output", None, {}),
    ("GET", "/restate/invocation/foo/output", None, {}),
    ("GET", "/restate/invocation/foo_1/output", None, {}),
    ("GET", "/restate/invocation/inv_1" + "a" * 33 + "/output", None, {}),
    ("GET", "/restate/invocation/inv_1" + "0" * 32 + "/output", None, {}),
    ("GET", "/restate/invocation/inv_1" + "0" * 34 + "/output", None, {}),
    ("GET", "/restate/invocation/inv_1" + "0" * 10 + "1" * 23 + "/output", None, {}),
    ("GET", "/restate/invocation/dp_1" + "0" * 22 + "/output", None, {}),
    ("POST", "/restate/lookup", {"target": "idempotentInvocation", "service": "Greeter", "handler": "greet",
                                 "idempotencyKey": "k1"}, {}),
    ("POST", "/restate/attach", {"target": "workflow", "workflowName": "Flow", "workflowKey": "w"}, {}),
    ("GET", "/restate/attach", None, {}),
    ("GET", "/restate/health", None, {}),
    ("POST", "/restate/health", None, {}),
    ("GET", "/restate/foo/bar", None, {}),
    ("POST", "/restate/awakeables/foo/resolve", "x", {}),
    ("POST", "/restate/awakeables/prom_1abc/resolve", "x", {}),
    ("POST", "/restate/a/sign_1abc/reject", "x", {}),
    ("POST", "/restate/awakeables/sign_1" + "A" * 38 + "/resolve", "x", {}),
    ("GET", "/restate/awakeables/foo/resolve", None, {}),
    ("POST", "/restate/awakeables/foo/bar", "x", {}),
    ("POST", "/restate/awakeables/foo", "x", {}),
    *(("POST", "/Greeter/fail_with", code, {}) for code in (0, 99, 100, 103, 199, 200, 204, 304, 600, 999, 70_000)),
    ("POST", "//Greeter/greet", "x", {}),
    ("POST", "///Greeter/greet", "x", {}),
    ("POST", "/Greeter/greet/", "x", {}),
    ("POST", "/Greeter/greet//", "x", {}),
    ("POST", "/Greeter//greet", "x", {}),
    ("POST", "/Greeter/greet/send/", "x", {}),
    ("POST", "/Greeter/greet//send", "x", {}),
    ("POST", "/Greeter/", "x", {}),
    ("POST", "//", "x", {}),
    ("POST", "/Counter//add", 3, {}),
    ("POST", "/Counter//add/", 3, {}),
    ("POST", "/Counter/k/add/", 3, {}),
    ("POST", "/Counter/%20/add", 3, {}),
    ("POST", "/Counter/%00/add", 3, {}),
    ("POST", "/Counter/%0A%1B/get", None, {}),
    ("POST", "/Counter/%FF/get", None, {}),
    ("POST", "/Counter/%/get", None, {}),
    ("POST", "/Counter/%2F/get", None, {}),
    ("GET", "/restate/health/", None, {}),
    ("GET", "//restate/health", None, {}),
    ("POST", "/restate/call/Greeter/greet/", "x", {}),
    ("POST", "/Greeter/gr%65et", "x", {}),
    ("POST", "/Gr%65eter/greet", "x", {}),
    ("POST", "/Greeter/greet/send?delay=", "x", {}),
    ("POST", "/Greeter/greet/send?delay=-5", "x", {}),
    ("POST", "/Greeter/greet/send?delay=-5s", "x", {}),
    ("POST", "/Greeter/greet/send?delay=5", "x", {}),
    ("POST", "/Greeter/greet", "x", {"idempotency_key": ""}),
    ("POST", "/Greeter/greet", "x", {"content_encoding": "gzip"}),
    ("POST", "/Greeter/greet", "x", {"content_encoding": "nonsense"}),
]  # fmt: skip


def shown(request: tuple[str, str, Any, dict[str, str]]) -> str:
    return f"{request[0]} {request[1][:60]} {request[3] or ''}"


@pytest.mark.parametrize("requests", [REQUESTS, ODD_REQUESTS], ids=["usual", "odd"])
def test_the_ingress_answers_as_restate_server_does(
    pair: Pair, requests: list[tuple[str, str, Any, dict[str, str]]]
) -> None:
    """Every request in order; all differences are listed at once."""
    differences: list[str] = []
    for request in requests:
        method, path, body, headers = request
        server, embedded = pair.both(method, path, body, **headers)
        forget_key_order(server, embedded)
        if server != embedded:
            differences.append(f"{shown(request)}\n  server:   {server}\n  embedded: {embedded}")
    assert not differences, "\n".join(differences)


def forget_key_order(*answers: dict[str, Any]) -> None:
    """The server lists services and handlers in an order of its own."""
    for answer in answers:
        if isinstance(answer["body"], dict) and isinstance(answer["body"].get("services"), list):
            answer["body"]["services"].sort(key=str)


@pytest.mark.parametrize("to", ["ingress", "admin"])
def test_raw_requests_are_answered_as_by_restate_server(pair: Pair, to: str) -> None:
    """Each on a connection of its own; all differences are listed at once."""
    differences: list[str] = []
    for request in raw_requests.INGRESS if to == "ingress" else raw_requests.ADMIN:
        server, embedded = (
            ask_raw((pair.ingress if to == "ingress" else pair.admin)[engine], request) for engine in ENGINES
        )
        for answer in (server, embedded):
            forget_key_order(answer)
            if to == "admin":
                answer["headers"].pop("vary", None)
                sort_listings(answer["body"])
        if server != embedded:
            differences.append(f"{request[:200]!r}\n  server:   {server}\n  embedded: {embedded}")
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("request_", raw_requests.UNLIKE.values(), ids=raw_requests.UNLIKE)
def test_what_http_libraries_take_their_own_way_is_answered_by_both(pair: Pair, request_: bytes) -> None:
    """And with nothing worse than a refusal."""
    for engine in ENGINES:
        assert ask_raw(pair.ingress[engine], request_)["status"] in {200, 400, 403, 404, 405, 414, 431, 500}


def ask_raw(url: str, request: bytes) -> dict[str, Any]:
    """The normalized answer to these bytes."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=30) as connection:
        connection.sendall(request)
        response = HTTPResponse(connection, method=request.partition(b" ")[0].decode())
        response.begin()
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return normalized(Answer(response.status, body, headers))


ADMIN: list[tuple[str, str]] = [
    ("GET", "/health"),
    ("PATCH", "/invocations/{slow}/purge"),
    ("PATCH", "/invocations/{slow}/purge-journal"),
    ("PATCH", "/invocations/{slow}/pause"),
    ("PATCH", "/invocations/{slow}/resume"),
    ("PATCH", "/invocations/{slow}/resume"),
    ("PATCH", "/invocations/{slow}/cancel"),
    ("PATCH", "/invocations/{delayed}/pause"),
    ("PATCH", "/invocations/{delayed}/resume"),
    ("PATCH", "/invocations/{delayed}/cancel"),
    ("PATCH", "/invocations/{delayed}/cancel"),
    ("PATCH", "/invocations/{queued}/pause"),
    ("PATCH", "/invocations/{queued}/resume"),
    ("PATCH", "/invocations/{queued}/kill"),
    ("PATCH", "/invocations/{queued}/kill"),
    ("PATCH", "/invocations/{holder}/kill"),
    ("PATCH", "/invocations/{holder}/kill"),
    ("PATCH", "/invocations/{done}/cancel"),
    ("PATCH", "/invocations/{done}/kill"),
    ("PATCH", "/invocations/{done}/pause"),
    ("PATCH", "/invocations/{done}/resume"),
    ("PATCH", "/invocations/{done}/purge-journal"),
    ("PATCH", "/invocations/{done}/purge"),
    ("PATCH", "/invocations/{done}/purge"),
    ("PATCH", "/invocations/{done}/cancel"),
    ("PATCH", "/invocations/foo/cancel"),
    ("PATCH", "/invocations/inv_1" + "a" * 33 + "/cancel"),
    ("PATCH", "/invocations/{done}/nope"),
    ("DELETE", "/invocations/{done}"),
    ("DELETE", "/invocations/{done}?mode=Purge"),
    ("DELETE", "/invocations/{done}?mode=kill"),
    ("DELETE", "/invocations/foo"),
    ("GET", "/invocations/{done}"),
    ("GET", "/nope"),
    ("GET", "/services"),
    ("GET", "/services/Greeter"),
    ("GET", "/services/Flow"),
    ("GET", "/services/Nope"),
    ("GET", "/services/Counter/handlers"),
    ("GET", "/services/Counter/handlers/add"),
    ("GET", "/services/Counter/handlers/nope"),
    ("GET", "/services/Nope/handlers"),
    ("HEAD", "/services"),
    ("PUT", "/services/Greeter"),
    ("PATCH", "/services/Greeter/handlers/greet"),
    ("GET", "/services/Greeter/handlers/greet/x"),
    ("GET", "/subscriptions"),
    ("GET", "/v2/kafka-clusters"),
    ("GET", "/cluster-health"),
    ("GET", "/rules"),
    ("GET", "/internal"),
    ("GET", "/query"),
    ("GET", "/query/x"),
    ("GET", "/metrics"),
    ("GET", "/deployments"),
    ("GET", "/deployments/dp_1abc"),
    ("GET", "/deployments/dp_1" + "0" * 21 + "1"),
]


def test_the_admin_api_answers_as_restate_server_does(pair: Pair) -> None:
    """Every request in order; all differences are listed at once."""
    pair.both("POST", "/Greeter/slow/send", name="slow")
    pair.both("POST", "/Greeter/slow/send?delay=1h", name="delayed")
    pair.both("POST", "/Counter/held/hold/send", name="holder")
    pair.both("POST", "/Counter/held/add/send", 1, name="queued")
    pair.both("POST", "/Greeter/greet", "bob", name="done")
    differences: list[str] = []
    for method, path in ADMIN:
        server, embedded = pair.both(method, path, to="admin", accept="application/json")
        for answer in (server, embedded):
            answer["headers"].pop("vary", None)
            sort_listings(answer["body"])
        if server != embedded:
            differences.append(f"{method} {path}\n  server:   {server}\n  embedded: {embedded}")
    assert not differences, "\n".join(differences)


CHANGES: list[tuple[str, Any]] = [
    ("Counter", {}),
    ("Counter", {"public": None, "unknown": 1}),
    ("Counter", {"public": "x"}),
    ("Counter", None),
    ("Counter", b"nope"),
    ("Nope", {"public": False}),
    ("Nope", {}),
    ("Counter", {"idempotency_retention": "1h", "journal_retention": "0s", "inactivity_timeout": "PT3M"}),
    ("Counter", {"abort_timeout": "2m"}),
    ("Counter", {"idempotency_retention": "bla"}),
    ("Counter", {"idempotency_retention": 5}),
    ("Counter", {"idempotency_retention": "-5s"}),
    ("Counter", {"inactivity_timeout": "1y"}),
    ("Counter", {"workflow_completion_retention": "1h"}),
    ("Flow", {"workflow_completion_retention": "1h", "idempotency_retention": "3h"}),
    ("Flow", {"workflow_completion_retention": "bla"}),
    ("Greeter", {"public": False}),
    ("Greeter", {"public": True}),
    ("Counter", {"public": False}),
]


def test_services_are_changed_as_on_restate_server(pair: Pair) -> None:
    """Until they are registered anew; what is called afterwards is judged by it."""
    differences: list[str] = []
    for name, body in CHANGES:
        for answers in (
            pair.both("PATCH", f"/services/{name}", body, to="admin"),
            pair.both("GET", f"/services/{name}", to="admin"),
        ):
            for answer in answers:
                answer["headers"].pop("vary", None)
                sort_listings(answer["body"])
                if answer["status"] == 422:  # where in the body it stands
                    answer["body"] = re.sub(" at line 1 column .*", "", answer["body"])
            if answers[0] != answers[1]:
                differences.append(f"{name} {body}\n  server:   {answers[0]}\n  embedded: {answers[1]}")
    for path in ("/Counter/changed/get", "/Greeter/hidden", "/Greeter/nothing"):
        server, embedded = pair.both("POST", path)
        if server != embedded:
            differences.append(f"{path}\n  server:   {server}\n  embedded: {embedded}")
    for engine in ENGINES:
        assert fetch(f"{pair.admin[engine]}/deployments", {"uri": pair.uri, "force": True}).status == 200
    assert pair.both("POST", "/Counter/changed/get")[1]["status"] == 200
    assert not differences, "\n".join(differences)


def sort_listings(body: Any) -> None:
    """Services and handlers come in an order of the server's own."""
    if isinstance(body, dict):
        for name, value in body.items():
            if name in ("services", "handlers") and isinstance(value, list):
                value.sort(key=lambda each: each["name"])
            sort_listings(value)
    elif isinstance(body, list):
        for each in body:
            sort_listings(each)


def test_registration_answers_as_restate_server_does(pair: Pair) -> None:
    """Again without force, again with force, somebody who is not there, and nonsense."""
    bodies: list[Any] = [{"uri": pair.uri}, {"uri": pair.uri, "force": True}, {"foo": 1}]
    for body in bodies:
        server, embedded = pair.both("POST", "/deployments", body, to="admin")
        for answer in (server, embedded):
            answer["headers"].pop("vary", None)
            sort_listings(answer["body"])
            forget_revisions(answer["body"])
        assert server == embedded
    server, embedded = pair.both("POST", "/deployments", {"uri": "http://127.0.0.1:1"}, to="admin")
    assert server["status"] == embedded["status"] == 500
    assert server["body"]["restate_code"] == embedded["body"]["restate_code"]


def forget_revisions(body: Any) -> None:
    if isinstance(body, dict):
        for each in body.get("services", []):
            each.pop("revision")


def test_state_is_replaced_from_outside(pair: Pair) -> None:
    """``POST /services/{name}/state`` takes byte lists."""
    request = {"object_key": "poked", "new_state": {"n": list(b"41")}}
    server, embedded = pair.both("POST", "/services/Counter/state", request, to="admin")
    assert server == embedded
    server, embedded = pair.both("POST", "/Counter/poked/add", 1)
    assert server["body"] == embedded["body"] == 42
