"""What the real server can't be made to do: overload, lost connections, strange answers. A small server plays them."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientSession, web

from restate_reflect import RetryPolicy
from restate_reflect.ingress import (
    Client,
    ConnectError,
    ConnectionLostError,
    IngressError,
    NotAnIngressError,
    OverloadedError,
    Ready,
    ServiceError,
    UnavailableError,
)
from tests.ingress.services import Approval, Item, Shelf

QUICK = RetryPolicy(max_attempts=3, initial_interval=0.001, max_interval=0.002)
Reply = Callable[[web.Request], web.StreamResponse]


class Scripted:
    """Answers requests by a script; the last reply stays."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.seen: list[web.Request] = []
        self.peers: set[Any] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.seen.append(request)
        assert request.transport is not None
        self.peers.add(request.transport.get_extra_info("peername"))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return reply(request)


def refused(status: int, message: str = "no", source: str = "ingress") -> Reply:
    headers = {"x-restate-error-source": source}
    body = {"code": status, "message": message, "source": source}
    return lambda request: web.json_response(body, status=status, headers=headers)


def said(value: Any, **headers: str) -> Reply:
    return lambda request: web.json_response(value, headers=headers)


def broken(request: web.Request) -> web.StreamResponse:
    """Cuts the connection after the request has arrived."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def against(script: Scripted, use: Callable[[Client], Awaitable[Any]], *, retry: RetryPolicy = QUICK) -> None:
    async def main() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", script.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            async with Client(url, retry=retry) as client:
                await use(client)
        finally:
            await runner.cleanup()

    asyncio.run(main())


@pytest.mark.parametrize("cause", [refused(503), refused(502), broken])
def test_what_may_have_been_accepted_is_only_repeated_with_an_idempotency_key(cause: Reply) -> None:
    once = Scripted(cause, said(7))

    async def without(client: Client) -> None:
        with pytest.raises(IngressError) as caught:
            await client.call(Shelf.add, 1, key="a")
        assert isinstance(caught.value, UnavailableError | ConnectionLostError)
        assert caught.value.accepted is None

    against(once, without)
    assert len(once.seen) == 1

    repeated = Scripted(cause, cause, said(7))

    async def with_key(client: Client) -> None:
        assert await client.call(Shelf.add, 1, key="a", idempotency_key="k") == 7

    against(repeated, with_key)
    assert [request.headers["idempotency-key"] for request in repeated.seen] == ["k", "k", "k"]


def test_reads_and_workflow_submissions_are_repeated() -> None:
    """They have the same effect however often they arrive."""
    answer = said({"invocationId": "inv_1", "status": "PreviouslyAccepted"})
    script = Scripted(refused(503), answer, broken, said(1), broken, said(2), broken, said({"invocationId": "inv_2"}))

    async def use(client: Client) -> None:
        assert not (await client.submit(Approval.run, Item(sku="a"), key="k")).is_new
        assert await client.invocation("inv_1", int).attach() == 1
        output = await client.invocation("inv_1", int).output()
        assert output == Ready(2)
        assert await client.workflow(Approval.run, key="k").find_id() == "inv_2"

    against(script, use)
    assert len(script.seen) == 8


def test_shed_load_is_repeated_because_nothing_was_accepted() -> None:
    script = Scripted(refused(429), said(7))
    against(script, lambda client: client.call(Shelf.add, 1, key="a"))
    assert len(script.seen) == 2


def test_repetitions_are_bounded() -> None:
    script = Scripted(refused(429))

    async def use(client: Client) -> None:
        with pytest.raises(OverloadedError) as caught:
            await client.call(Shelf.add, 1, key="a")
        assert caught.value.accepted is False

    against(script, use)
    assert len(script.seen) == 3


def test_one_attempt_means_one() -> None:
    script = Scripted(refused(429))

    async def use(client: Client) -> None:
        with pytest.raises(OverloadedError):
            await client.call(Shelf.add, 1, key="a")

    against(script, use, retry=RetryPolicy(max_attempts=1))
    assert len(script.seen) == 1


def test_a_duration_bounds_repetitions_too() -> None:
    script = Scripted(refused(429))

    async def use(client: Client) -> None:
        with pytest.raises(OverloadedError):
            await client.call(Shelf.add, 1, key="a")

    against(script, use, retry=RetryPolicy(max_attempts=1000, initial_interval=0.01, max_duration=0.05))
    assert 1 < len(script.seen) < 12


@pytest.mark.parametrize("code", [429, 503])
def test_a_handlers_own_429_or_503_is_not_repeated(code: int) -> None:
    """Even with an idempotency key: the result is there."""

    def reply(request: web.Request) -> web.StreamResponse:
        headers = {"x-restate-error-source": "invocation", "x-restate-id": "inv_1"}
        return web.json_response({"code": code, "message": "full"}, status=code, headers=headers)

    script = Scripted(reply)

    async def use(client: Client) -> None:
        with pytest.raises(ServiceError):
            await client.call(Shelf.add, 1, key="a", idempotency_key="k")

    against(script, use)
    assert len(script.seen) == 1


@pytest.mark.parametrize("status", [200, 204, 302])
def test_a_failure_is_one_whatever_its_status(status: int) -> None:
    """A handler chooses any code; the header tells, and redirections are not followed."""

    def reply(request: web.Request) -> web.StreamResponse:
        headers = {"x-restate-error-source": "invocation", "x-restate-id": "inv_1", "location": "/elsewhere"}
        return web.Response(text=json.dumps({"code": status, "message": "odd"}), status=status, headers=headers)

    async def use(client: Client) -> None:
        with pytest.raises(ServiceError) as caught:
            await client.call(Shelf.add, 1, key="a")
        assert caught.value.code == status

    against(Scripted(reply), use)


def test_servers_before_1_7_name_the_invocation_instead_of_the_source() -> None:
    def service(request: web.Request) -> web.StreamResponse:
        return web.json_response({"code": 409, "message": "sold"}, status=409, headers={"x-restate-id": "inv_1"})

    def server(request: web.Request) -> web.StreamResponse:
        return web.json_response({"message": "too many requests"}, status=429)

    async def use(client: Client) -> None:
        with pytest.raises(ServiceError, match="sold"):
            await client.call(Shelf.add, 1, key="a")
        with pytest.raises(OverloadedError):
            await client.call(Shelf.add, 1, key="a")

    against(Scripted(service, server), use)


@pytest.mark.parametrize("body", ["<html>404</html>", "[]", ""])
def test_an_answer_of_something_else_is_recognized(body: str) -> None:
    def reply(request: web.Request) -> web.StreamResponse:
        return web.Response(text=body, status=404)

    async def use(client: Client) -> None:
        with pytest.raises(NotAnIngressError, match="check URL and port"):
            await client.call(Shelf.add, 1, key="a")

    against(Scripted(reply), use)


def test_connections_are_reused() -> None:
    script = Scripted(said(1))

    async def use(client: Client) -> None:
        for _ in range(5):
            await client.call(Shelf.add, 1, key="a")

    against(script, use)
    assert (len(script.seen), len(script.peers)) == (5, 1)


def test_a_given_session_stays_open() -> None:
    script = Scripted(said(1))

    async def use(client: Client) -> None:
        async with ClientSession() as session:
            async with Client(client.url, session=session) as other:
                assert await other.call(Shelf.add, 1, key="a") == 1
            assert not session.closed

    against(script, use)


def test_a_server_that_comes_up_late_is_reached() -> None:
    """Nothing was sent before, so even a call without an idempotency key is repeated."""

    async def main() -> None:
        script = Scripted(said(7))
        runner = web.ServerRunner(web.Server(script.handle))  # type: ignore[arg-type]
        await runner.setup()
        bound = socket.socket()  # but not listening: whoever connects is refused, and nobody else gets the port
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        policy = RetryPolicy(max_attempts=200, initial_interval=0.01, max_interval=0.05)
        async with Client(f"http://127.0.0.1:{port}", retry=policy) as client:
            with pytest.raises(ConnectError):
                async with Client(client.url, retry=RetryPolicy(max_attempts=1)) as impatient:
                    await impatient.call(Shelf.add, 1, key="a")
            call = asyncio.create_task(client.call(Shelf.add, 1, key="a"))
            await asyncio.wait([call], timeout=0.05)
            assert not call.done()
            await web.SockSite(runner, bound).start()
            assert await call == 7
        await runner.cleanup()

    asyncio.run(main())
