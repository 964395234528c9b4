"""The verbs of the client, on the real server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from restate_reflect import IdempotentRequest, TerminalError, WorkflowRun, handler_of
from restate_reflect.errors import EncodeError, HandlerBugError
from restate_reflect.ingress import (
    AdminConflictError,
    AlreadyInvokedError,
    BadRequestError,
    Client,
    ConnectError,
    HandlerNotFoundError,
    InvocationNotFoundError,
    NotReady,
    Ready,
    RequestTimeoutError,
    ServiceError,
)
from restate_reflect.server import RestateServer
from tests.ingress.services import Approval, Desk, Item, Shelf

T = TypeVar("T")
Use = Callable[[Client], Coroutine[Any, Any, T]]


def with_client(server: RestateServer, use: Use[T], timeout: float = 60.0, **options: Any) -> T:
    async def main() -> T:
        async with Client(server.ingress_url, admin_url=server.admin_url, timeout=timeout, **options) as client:
            return await use(client)

    return asyncio.run(main())


def fresh() -> str:
    return uuid.uuid4().hex


async def noted(client: Client, desk: str) -> str:
    """What a handler has told its shelf, as soon as it is there."""
    async with asyncio.timeout(20):
        while (text := await client.call(Shelf.noted, key=desk)) is None:
            await asyncio.sleep(0.01)
        return text


def test_results_have_the_declared_types(server: RestateServer) -> None:
    """Models, defaults, keyword arguments, bytes and nothing travel as with ``ctx.call``."""

    async def use(client: Client) -> None:
        assert await client.call(Desk.price, Item(sku="a", qty=4)) == 10.0
        assert await client.call(Desk.join, "a", "b") == "ab"
        assert await client.target(Desk.join).call("a", times=2) == "a!a!"
        assert await client.call(Desk.nothing) is None  # type: ignore[func-returns-value]
        assert await client.call(Desk.blob, b"\x00\xff") == b"\xff\x00"
        assert await client.call(Desk.blob, b"") == b""
        blob: Any = handler_of(Desk, "blob")
        assert await client.call(blob, b"ab") == b"ba"
        assert await client.call(Desk().price, Item(sku="a")) == 2.5

    with_client(server, use)


@pytest.mark.parametrize("key", ["a", "a/b", "ü ?#%", "..", "send", "+"])
def test_any_key_arrives_as_it_is(server: RestateServer, key: str) -> None:
    assert with_client(server, lambda client: client.call(Shelf.key_of, key=key)) == key


def test_a_sent_invocation_is_not_ready_and_then_ready(server: RestateServer) -> None:
    """Not being finished is a value, and false; ``attach`` waits."""

    async def use(client: Client) -> None:
        sent = await client.send(Desk.wait_for_awakeable, desk := fresh())
        assert sent.is_new
        assert await sent.output() == NotReady()
        assert not await sent.output()
        await client.resolve_awakeable(await noted(client, desk), 42)
        assert await sent.attach() == 42
        match await sent.output():
            case Ready(value):
                assert value == 42
            case NotReady():
                raise AssertionError("attach has returned")

    with_client(server, use)


def test_a_rejected_awakeable_fails_its_owner(server: RestateServer) -> None:
    async def use(client: Client) -> None:
        sent = await client.send(Desk.wait_for_awakeable, desk := fresh())
        await client.reject_awakeable(await noted(client, desk), "too late")
        with pytest.raises(ServiceError, match="too late") as caught:
            await sent.attach()
        assert (caught.value.code, caught.value.invocation_id) == (500, sent.id)

    with_client(server, use)


def test_a_delayed_send_tells_when_it_will_start(server: RestateServer) -> None:
    async def use(client: Client) -> None:
        before = datetime.now(UTC)
        sent = await client.send(Shelf.add, 1, key=fresh(), delay=timedelta(hours=1))
        assert sent.execution_time is not None
        assert timedelta(minutes=59) < sent.execution_time - before < timedelta(minutes=61)
        assert (await client.send(Shelf.add, 1, key=fresh())).execution_time is None

    with_client(server, use)


def test_an_idempotency_key_runs_a_handler_once(server: RestateServer) -> None:
    """A repetition gets the first result; whoever knows the key can attach to it, whatever characters it has."""

    async def use(client: Client) -> None:
        shelf = fresh()
        for idempotency_key in (fresh(), f"{fresh()}/ ?%"):
            first = await client.call(Shelf.add, 1, key=shelf, idempotency_key=idempotency_key)
            assert await client.call(Shelf.add, 1, key=shelf, idempotency_key=idempotency_key) == first
            assert not (await client.send(Shelf.add, 1, key=shelf, idempotency_key=idempotency_key)).is_new
            request = IdempotentRequest("Shelf", "add", idempotency_key, shelf)
            assert await client.invocation(request, Shelf.add).attach() == first
            assert await client.invocation(request, int).output() == Ready(first)
            found = await client.invocation(request).find_id()
            assert await client.invocation(found, Shelf.add).attach() == first
        assert await client.call(Shelf.total, key=shelf) == 2

    with_client(server, use)


def test_a_workflow_runs_once_per_key(server: RestateServer) -> None:
    """``submit`` is idempotent, shared handlers are called, and the run is found by its key."""

    async def use(client: Client) -> None:
        key = fresh()
        run = client.workflow(Approval.run, key=key)
        with pytest.raises(InvocationNotFoundError):
            await run.attach()
        first = await client.submit(Approval.run, Item(sku="a"), "!", key=key)
        second = await client.submit(Approval.run, Item(sku="other"), "?", key=key)
        assert (first.is_new, second.is_new, second.id) == (True, False, first.id)
        assert await run.output() == NotReady()
        await client.call(Approval.approve, True, key=key)
        assert await run.attach() == await first.attach() == "a:True!"
        assert await client.invocation(WorkflowRun("Approval", key), str).output() == Ready("a:True!")
        assert await run.find_id() == first.id

    with_client(server, use)


def test_a_second_call_of_a_run_handler_is_refused_by_the_server(server: RestateServer) -> None:
    """It is no failure of the workflow, although the server says so."""

    async def use(client: Client) -> None:
        key = fresh()
        await client.submit(Approval.run, Item(sku="a"), key=key)
        with pytest.raises(AlreadyInvokedError) as caught:
            await client.target(Approval.run, key=key).call(Item(sku="a"))
        assert caught.value.accepted is False

    with_client(server, use)


def test_cancel_ends_an_invocation_once(server: RestateServer) -> None:
    """Whoever attaches sees the cancellation as the handler's failure; a finished one can't be cancelled."""

    async def use(client: Client) -> None:
        sent = await client.send(Desk.sleep, 3600.0)
        await sent.cancel()
        with pytest.raises(ServiceError) as caught:
            await sent.attach()
        assert caught.value.code == 409
        with pytest.raises(AdminConflictError, match="already completed"):
            await sent.cancel()

    with_client(server, use)


def test_cancel_without_an_admin_url_says_what_to_give(server: RestateServer) -> None:
    async def main() -> None:
        async with Client(server.ingress_url) as client:
            with pytest.raises(ValueError, match="admin_url="):
                await client.invocation("inv_1").cancel()

    asyncio.run(main())


@pytest.mark.parametrize("code", [400, 404, 409, 418, 429, 470, 500, 503])
def test_a_terminal_failure_keeps_code_message_and_metadata(server: RestateServer, code: int) -> None:
    """Whatever the code is: it is the service that has answered, and it is asked once."""

    async def use(client: Client) -> None:
        with pytest.raises(ServiceError) as caught:
            await client.call(Desk.fail, "sold out", code)
        error = caught.value
        assert isinstance(error, TerminalError)
        assert (error.code, error.message, error.metadata, error.accepted) == (code, "sold out", {"sku": "a-1"}, True)
        assert error.invocation_id
        sent = await client.send(Desk.fail, "sold out", code)
        with pytest.raises(ServiceError) as again:
            await sent.attach()
        assert (again.value.code, again.value.metadata) == (code, {"sku": "a-1"})

    with_client(server, use)


def test_a_handlers_own_not_found_is_not_the_servers(server: RestateServer) -> None:
    """The words are the same, and the server gives no hint while it waits for the handler."""

    async def use(client: Client) -> None:
        sent = await client.send(Desk.fail_late, "not found", 404)
        with pytest.raises(ServiceError):
            await sent.attach()
        with pytest.raises(ServiceError):
            await sent.output()
        with pytest.raises(ServiceError):
            await client.call(Desk.fail_late, "not found", 404)

    with_client(server, use)


def test_input_that_does_not_fit_is_the_services_answer(server: RestateServer) -> None:
    async def use(client: Client) -> None:
        with pytest.raises(ServiceError, match="valid integer") as caught:
            await client.call_raw("Shelf", "add", b'"x"', key="a")
        assert caught.value.code == 400

    with_client(server, use)


def test_the_servers_refusals_have_classes_of_their_own(server: RestateServer) -> None:
    async def use(client: Client) -> None:
        with pytest.raises(HandlerNotFoundError, match="Nowhere"):
            await client.call_raw("Nowhere", "at_all")
        with pytest.raises(HandlerNotFoundError, match="'nope'"):
            await client.call_raw("Desk", "nope")
        with pytest.raises(BadRequestError, match="not public"):
            await client.call(Desk.hidden)
        with pytest.raises(BadRequestError, match="content-type"):
            await client.call_raw("Desk", "price")
        with pytest.raises(BadRequestError, match="bad invocation id"):
            await client.invocation("inv_nonsense").attach()
        with pytest.raises(BadRequestError, match="awakeable"):
            await client.resolve_awakeable("sign_nonsense", 1)

    with_client(server, use)


def test_raw_calls_take_and_give_bytes(server: RestateServer) -> None:
    async def use(client: Client) -> None:
        shelf = fresh()
        assert await client.call_raw("Shelf", "add", b"3", key=shelf) == b"3"
        sent = await client.send_raw("Shelf", "add", b"4", key=shelf)
        assert await sent.attach() == b"7"
        assert await client.call_raw("Desk", "nothing") == b""
        reversed_ = await client.call_raw("Desk", "blob", b"ab", content_type="application/octet-stream")
        assert reversed_ == b"ba"

    with_client(server, use)


def test_headers_reach_the_handler_and_nothing_needless_does(server: RestateServer) -> None:
    """They are kept in the journal: no user agent, no accept lists."""

    async def use(client: Client) -> None:
        assert await client.call(Desk.header, "x-tenant") == "from-client"
        assert await client.call(Desk.header, "x-tenant", headers={"X-Tenant": "from-call"}) == "from-call"
        names = await client.call(Desk.headers)
        assert not {"user-agent", "accept", "accept-encoding", "content-type"} & set(names)

    with_client(server, use, headers={"x-tenant": "from-client"})


def test_wrong_calls_fail_before_anything_is_sent(server: RestateServer) -> None:
    """Also without a type checker."""

    async def use(client: Any) -> None:
        with pytest.raises(TypeError, match=r"Shelf/add belongs to one key; give it by key='...'"):
            await client.call(Shelf.add, 1)
        with pytest.raises(TypeError, match="leave out key='a'"):
            await client.call(Desk.nothing, key="a")
        with pytest.raises(ValueError, match="empty key"):
            await client.call(Shelf.total, key="")
        with pytest.raises(TypeError, match="add"):
            await client.call(Shelf.add, 1, 2, key="a")
        with pytest.raises(EncodeError, match="does not fit"):
            await client.call(Shelf.add, "1", key="a")
        with pytest.raises(ValueError, match="visible ASCII"):
            await client.call(Shelf.add, 1, key="a", idempotency_key="ü")
        with pytest.raises(ValueError, match="once per key already"):
            await client.call(Approval.run, Item(sku="a"), key="a", idempotency_key="k")
        with pytest.raises(TypeError, match="use send"):
            await client.target(Desk.nothing, delay=3).call()
        with pytest.raises(HandlerBugError, match="not a handler"):
            await client.call(len)

    with_client(server, use)


def test_a_timeout_ends_the_wait_but_not_the_invocation(server: RestateServer) -> None:
    async def use(client: Client) -> None:
        key = fresh()
        with pytest.raises(RequestTimeoutError, match=r"within 0\.3 s") as caught:
            await client.call(Desk.sleep, 1.0, idempotency_key=key)
        assert isinstance(caught.value, TimeoutError)
        assert caught.value.accepted is None
        async with Client(server.ingress_url) as patient:
            assert await patient.invocation(IdempotentRequest("Desk", "sleep", key), str).attach() == "rested"

    with_client(server, use, timeout=0.3)


def test_scopes_use_the_servers_scoped_paths(server: RestateServer) -> None:
    """This server has them switched off, and says so."""

    async def use(client: Client) -> None:
        with pytest.raises(BadRequestError, match="vqueues"):
            await client.scope("tenant-1", limit_key="a").call(Desk.nothing)

    with_client(server, use)


def test_health_names_the_registered_services(server: RestateServer) -> None:
    names = with_client(server, lambda client: client.health())
    assert {"Approval", "Desk", "Shelf"} <= set(names)


def test_a_url_that_nobody_listens_at_is_named() -> None:
    """Nothing was sent, and the error says so."""

    async def main() -> None:
        async with Client("http://127.0.0.1:1") as client:
            with pytest.raises(
                ConnectError, match=r"ingress of a restate-server answers at http://127\.0\.0\.1:1"
            ) as e:
                await client.call(Shelf.total, key="a")
            assert e.value.accepted is False

    asyncio.run(main())


def test_a_url_without_a_scheme_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="Write it as http://"):
        Client("localhost:8080")
