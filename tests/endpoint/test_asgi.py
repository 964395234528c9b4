"""The ASGI application, driven as a server drives it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from restate_reflect import Context, reflect
from restate_reflect.endpoint import Core, EndpointLimits
from restate_reflect.endpoint.asgi import asgi_app
from restate_reflect.protocol.messages import MessageType
from tests.journals import frames, given_input, journal, read

V6 = "application/vnd.restate.invocation.v6"


class Greeter:
    def __init__(self) -> None:
        self.open = False

    async def __aenter__(self) -> Greeter:
        self.open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.open = False

    async def greet(self, ctx: Context, name: str) -> str:
        return f"Hello {name}"


class Exchange:
    """One request: what the server would send, and what it got."""

    def __init__(self, *incoming: dict[str, Any]) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for message in incoming:
            self.incoming.put_nowait(message)
        self.sent: list[Any] = []

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


def _messages(body: bytes) -> list[tuple[MessageType, Any]]:
    return [(MessageType(raw.type), read(raw)) for raw in frames(body)]


def http(method: str, path: str, version: str = "2", **headers: str) -> dict[str, Any]:
    encoded = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "path": path, "http_version": version, "headers": encoded}


async def serve(scope: dict[str, Any], *incoming: dict[str, Any]) -> Exchange:
    exchange = Exchange(*incoming)
    await asgi_app(Core([reflect(Greeter)]))(scope, exchange.incoming.get, exchange.send)
    return exchange


def test_an_invocation_is_answered_over_http2_and_http1() -> None:
    """The same journal gives the same output whatever the HTTP version."""
    body = {"type": "http.request", "body": journal(given_input(b'"Ada"')), "more_body": False}
    for version in ("1.1", "2"):
        exchange = asyncio.run(serve(http("POST", "/any/prefix/invoke/Greeter/greet", version, content_type=V6), body))
        assert exchange.sent[0]["status"] == 200
        types = [type_ for type_, _ in _messages(exchange.body)]
        assert types == [MessageType.OUTPUT_COMMAND, MessageType.END]


def test_the_manifest_names_the_mode_of_the_transport() -> None:
    """HTTP/1.1 can't stream both ways."""
    scope = {"1.1": b"REQUEST_RESPONSE", "2": b"BIDI_STREAM"}
    for version, mode in scope.items():
        exchange = asyncio.run(serve(http("GET", "/discover", version)))
        assert mode in exchange.body


def test_a_disconnect_aborts_the_attempt() -> None:
    """Nothing hangs and nothing is sent after the peer has gone."""
    exchange = asyncio.run(
        asyncio.wait_for(
            serve(
                http("POST", "/invoke/Greeter/greet", content_type=V6),
                {"type": "http.request", "body": b"", "more_body": True},
                {"type": "http.disconnect"},
            ),
            5,
        )
    )
    assert exchange.body == b""


@pytest.mark.parametrize("version", ["1.1", "2"])
def test_a_disconnect_after_the_request_aborts_the_attempt(version: str) -> None:
    """The server gives an attempt up while a step executes; the step must not go on beside its next attempt."""
    cancelled: list[str] = []

    class Slow:
        async def go(self, ctx: Context) -> None:
            await ctx.run("slow", self.step)

        async def step(self) -> None:
            exchange.incoming.put_nowait({"type": "http.disconnect"})
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.append("step")

    async def run() -> None:
        scope = http("POST", "/invoke/Slow/go", version, content_type=V6)
        app = asgi_app(Slow)
        await asyncio.wait_for(app(scope, exchange.incoming.get, exchange.send), 5)

    exchange = Exchange({"type": "http.request", "body": journal(given_input()), "more_body": False})
    asyncio.run(run())
    assert cancelled == ["step"]


def test_the_lifespan_enters_and_leaves_instances() -> None:
    """``__aenter__`` runs before the first request, ``__aexit__`` at shut-down."""

    async def run() -> list[bool]:
        greeter = Greeter()
        exchange = Exchange({"type": "lifespan.startup"})
        app = asgi_app(Core([reflect(greeter)]))
        task = asyncio.create_task(app({"type": "lifespan"}, exchange.incoming.get, exchange.send))
        while not exchange.sent:
            await asyncio.sleep(0)
        opened = greeter.open
        exchange.incoming.put_nowait({"type": "lifespan.shutdown"})
        await task
        assert [message["type"] for message in exchange.sent] == [
            "lifespan.startup.complete",
            "lifespan.shutdown.complete",
        ]
        return [opened, greeter.open]

    assert asyncio.run(run()) == [True, False]


class Pool:
    """Counts how often it was entered; fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures, self.entered, self.left, self.task = failures, 0, 0, None

    async def __aenter__(self) -> Pool:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("no database")
        self.task, self.entered = asyncio.current_task(), self.entered + 1  # type: ignore[assignment]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert asyncio.current_task() is self.task, "cancel scopes are left by the task that has entered them"
        self.left += 1

    async def ask(self, ctx: Context, name: str) -> str:
        assert self.entered > self.left, "not open"
        return f"{name}: {self.entered}"


def request() -> Exchange:
    """One attempt of ``Pool/ask``."""
    return Exchange({"type": "http.request", "body": journal(given_input(b'"Ada"')), "more_body": False})


ASK = http("POST", "/api/invoke/Pool/ask", "1.1", content_type=V6)


def test_mounted_without_a_lifespan_services_are_entered_before_the_first_attempt() -> None:
    """Once, however many come at a time; discovery does not need it. They are left when the loop ends."""
    pool = Pool()

    async def run() -> None:
        app = asgi_app(pool)
        found = Exchange({"type": "http.request", "body": b""})
        accept = "application/vnd.restate.endpointmanifest.v3+json"
        await app(http("GET", "/api/discover", accept=accept), found.incoming.get, found.send)
        assert (found.sent[0]["status"], pool.entered) == (200, 0)
        exchanges = [request() for _ in range(3)]
        await asyncio.gather(*(app(ASK, each.incoming.get, each.send) for each in exchanges))
        for each in exchanges:
            assert each.sent[0]["status"] == 200
            assert b": 1" in each.body
        assert pool.left == 0

    asyncio.run(run())
    assert (pool.entered, pool.left) == (1, 1)


def test_a_service_that_can_not_be_entered_is_tried_again_with_the_next_attempt() -> None:
    """The server retries what was answered with a 500; the log has the reason, and nothing of it leaves the process."""
    pool = Pool(failures=1)

    async def run() -> list[int]:
        app = asgi_app(pool)
        exchanges = [request(), request()]
        for each in exchanges:
            await app(ASK, each.incoming.get, each.send)
        assert exchanges[0].body == b"a service's __aenter__ failed; the log has the error"
        return [each.sent[0]["status"] for each in exchanges]

    assert asyncio.run(run()) == [500, 200]


def test_an_outer_application_may_hold_the_lifespan() -> None:
    """Then nothing is left to the first attempt, and leaving happens where entering did."""
    pool = Pool()

    async def run() -> None:
        app = asgi_app(pool)
        async with app.lifespan(object()):
            assert (pool.entered, pool.left) == (1, 0)
            exchange = request()
            await app(ASK, exchange.incoming.get, exchange.send)
            assert b": 1" in exchange.body
        assert (pool.entered, pool.left) == (1, 1)

    asyncio.run(run())


@pytest.mark.parametrize(
    "method, path, status, allow",
    [
        ("HEAD", "/health", 200, None),
        ("HEAD", "/discover", 200, None),
        ("PUT", "/discover", 405, b"GET, HEAD, OPTIONS"),
        ("OPTIONS", "/invoke/Greeter/greet", 204, b"POST, OPTIONS"),
        ("BREW", "/health", 501, None),
    ],
)
def test_methods_are_those_of_the_endpoint(method: str, path: str, status: int, allow: bytes | None) -> None:
    """The date is the server's business. HEAD has the length of what GET would answer, and no body."""
    exchange = asyncio.run(serve(http(method, path)))
    headers = dict(exchange.sent[0]["headers"])
    assert (exchange.sent[0]["status"], headers.get(b"allow")) == (status, allow)
    assert b"date" not in headers
    if method == "HEAD":
        assert (exchange.body, int(headers[b"content-length"]) > 0) == (b"", True)


@pytest.mark.parametrize(
    "method, path, headers, status",
    [
        ("POST", "/health", {"content_encoding": "gzip"}, 200),
        ("GET", "/discover", {"content_encoding": "gzip"}, 200),
        ("POST", "/invoke/Greeter/greet", {"content_encoding": "gzip", "content_type": V6}, 415),
        ("POST", "/invoke/Greeter/nothing", {}, 404),
    ],
)
def test_a_body_nobody_asked_for_is_not_read(method: str, path: str, headers: dict[str, str], status: int) -> None:
    """Nor waited for: ``receive`` would never return."""
    exchange = asyncio.run(asyncio.wait_for(serve(http(method, path, **headers)), 5))
    assert exchange.sent[0]["status"] == status


def test_unsigned_requests_are_refused_before_their_body_is_read() -> None:
    exchange = Exchange()
    app = asgi_app(Greeter, identity_keys=["publickeyv1_w7YHemBctH5Ck2nQRQ47iBBqhNHy4FV7t2Usbye2A6f"])
    scope = http("POST", "/invoke/Greeter/greet", content_type=V6)
    asyncio.run(asyncio.wait_for(app(scope, exchange.incoming.get, exchange.send), 5))
    assert exchange.sent[0]["status"] == 401


@pytest.mark.parametrize("version", ["1.1", "2"])
def test_a_request_that_is_too_large_ends_the_attempt(version: str) -> None:
    """As over HTTP/2; the rest of it is not asked for."""
    exchange = Exchange({"type": "http.request", "body": journal(given_input(b"x" * 1000)), "more_body": True})
    app = asgi_app(Greeter, limits=EndpointLimits(max_request_bytes=500))
    scope = http("POST", "/invoke/Greeter/greet", version, content_type=V6)
    asyncio.run(asyncio.wait_for(app(scope, exchange.incoming.get, exchange.send), 5))
    ((kind, error),) = _messages(exchange.body)
    assert (kind, error.code) == (MessageType.ERROR, 413)


def test_the_path_is_taken_as_it_was_sent() -> None:
    """``path`` is decoded, ``raw_path`` tells a segment from a slash in it."""
    scope = {**http("GET", "/any/health"), "raw_path": b"/any%2Fhealth"}
    assert asyncio.run(serve(scope)).sent[0]["status"] == 404
