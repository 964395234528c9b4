"""The admin client, on the real server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from restate_reflect.definitions import HandlerKind, ServiceKind
from restate_reflect.ingress import (
    AdminClient,
    AdminError,
    AdminNotFoundError,
    Client,
    InvocationInfo,
    InvocationNotFoundError,
    ServiceError,
)
from restate_reflect.server import RestateServer
from tests.ingress.services import Approval, Desk, Item, Shelf
from tests.support import ServedInThread


def with_both(server: RestateServer, use: Callable[[AdminClient, Client], Awaitable[Any]]) -> None:
    async def main() -> None:
        async with AdminClient(server.admin_url) as admin, Client(server.ingress_url, timeout=60) as client:
            await use(admin, client)

    asyncio.run(main())


def fresh() -> str:
    return uuid.uuid4().hex


def fresh_url(served: ServedInThread) -> str:
    """Never registered before, though its port may have been another's: ports that were closed come round again."""
    return f"{served.url}/{fresh()}"


async def until(admin: AdminClient, invocation_id: str, *statuses: str) -> InvocationInfo:
    """The invocation once it is in one of these states; tables follow the requests a moment later."""
    async with asyncio.timeout(20):
        while True:
            try:
                info = await admin.invocation(invocation_id)
            except AdminNotFoundError:
                info = None
            if info is not None and info.status in statuses:
                return info
            await asyncio.sleep(0.01)


def test_services_and_deployments_are_described(server: RestateServer) -> None:
    async def use(admin: AdminClient, client: Client) -> None:
        shelf = await admin.service("Shelf")
        assert (shelf.kind, shelf.documentation) == (ServiceKind.VIRTUAL_OBJECT, "A virtual object.")
        assert list(shelf.handlers) == ["add", "key_of", "note", "noted", "total"]
        assert shelf.handlers["total"].kind is HandlerKind.SHARED
        assert shelf.handlers["add"].input_schema == {"type": "integer"}
        desk = next(service for service in await admin.services() if service.name == "Desk")
        assert desk.handlers["hidden"].public is False
        assert desk.handlers["nothing"].input_schema is None
        deployment = next(each for each in await admin.deployments() if each.id == shelf.deployment_id)
        assert deployment.services["Shelf"] == shelf.revision
        assert deployment.bidirectional
        assert deployment.created_at <= datetime.now(UTC)
        assert "/restate/call/Shelf/{key}/add" in (await admin.service_openapi("Shelf"))["paths"]

    with_both(server, use)


def test_a_deployment_is_registered_and_deleted(server: RestateServer) -> None:
    """Its kind can't change unless that is allowed; a dry run changes nothing."""

    class Changing:
        __restate_name__ = "Changing"

        async def go(self, ctx: Any) -> None: ...

    from restate_reflect import Context, ObjectContext

    async def use(admin: AdminClient, client: Client) -> None:
        Changing.go.__annotations__["ctx"] = Context
        with ServedInThread(Changing) as first:
            await admin.register(fresh_url(first), dry_run=True)
            with pytest.raises(AdminNotFoundError):
                await admin.service("Changing")
            first_url = fresh_url(first)
            registered = await admin.register(first_url, metadata={"commit": "abc"})
            assert [service.name for service in registered.services] == ["Changing"]
            again = await admin.register(first_url)
            assert again.id == registered.id
        Changing.go.__annotations__["ctx"] = ObjectContext
        with ServedInThread(Changing) as second:
            second_url = fresh_url(second)
            with pytest.raises(AdminError) as caught:
                await admin.register(second_url)
            assert caught.value.status in (409, 500)
            changed = await admin.register(second_url, breaking=True, use_http_11=True)
            deployments = {each.id: each for each in await admin.deployments()}
            assert deployments[registered.id].metadata == {"commit": "abc"}
            assert deployments[changed.id].http_version == "HTTP/1.1"
            await admin.delete_deployment(changed.id)
            await admin.delete_deployment(registered.id)
        assert not {changed.id, registered.id} & {each.id for each in await admin.deployments()}

    with_both(server, use)


def test_invocations_are_found_by_what_is_known_of_them(server: RestateServer) -> None:
    async def use(admin: AdminClient, client: Client) -> None:
        shelf = f"it's {fresh()}"
        done = await client.send(Shelf.add, 1, key=shelf, idempotency_key="k")
        await done.attach()
        waiting = await client.send(Shelf.add, 1, key=shelf, delay=timedelta(hours=1))
        await until(admin, waiting.id, "scheduled")
        found = await admin.invocations(service="Shelf", handler="add", key=shelf)
        assert [info.id for info in found] == [waiting.id, done.id]
        assert [info.id for info in await admin.invocations(key=shelf, unfinished=True)] == [waiting.id]
        assert [info.id for info in await admin.invocations(key=shelf, status="completed")] == [done.id]
        assert len(await admin.invocations(limit=1)) == 1
        info = found[1]
        assert (info.target, info.success, info.idempotency_key) == (f"Shelf/{shelf}/add", True, "k")
        assert (info.kind, info.invoked_by, info.failure) == (ServiceKind.VIRTUAL_OBJECT, "ingress", None)
        assert info.completed_at is not None
        assert found[0].scheduled_start_at is not None
        assert [entry.type for entry in await admin.journal(done.id)][:2] == [
            "Command: Input",
            "Command: GetEagerState",
        ]
        await admin.kill(waiting.id)

    with_both(server, use)


def test_a_failed_invocation_shows_its_failure(server: RestateServer) -> None:
    async def use(admin: AdminClient, client: Client) -> None:
        sent = await client.send(Desk.fail, "sold out", 409)
        info = await until(admin, sent.id, "completed")
        assert info.success is False
        assert "sold out" in (info.failure or "")

    with_both(server, use)


def test_kill_and_purge(server: RestateServer) -> None:
    """A purged invocation is not known any more."""

    async def use(admin: AdminClient, client: Client) -> None:
        sent = await client.send(Desk.sleep, 3600.0)
        await admin.kill(sent.id)
        with pytest.raises(ServiceError, match="killed"):
            await sent.attach()
        await admin.purge_journal(sent.id)
        assert await admin.journal(sent.id) == ()
        await admin.purge(sent.id)
        with pytest.raises(AdminNotFoundError):
            await admin.purge(sent.id)
        with pytest.raises(InvocationNotFoundError):
            await sent.output()

    with_both(server, use)


def test_pause_and_resume(server: RestateServer) -> None:
    async def use(admin: AdminClient, client: Client) -> None:
        key = fresh()
        sent = await client.submit(Approval.run, Item(sku="a"), key=key)
        await until(admin, sent.id, "running")
        await admin.pause(sent.id)
        await until(admin, sent.id, "paused")
        await client.call(Approval.approve, True, key=key)
        assert not await sent.output()
        await admin.resume(sent.id)
        assert await sent.attach() == "a:True"

    with_both(server, use)


def test_a_finished_invocation_is_restarted_as_a_new_one(server: RestateServer) -> None:
    """With the same input."""

    async def use(admin: AdminClient, client: Client) -> None:
        sent = await client.send(Desk.price, Item(sku="a", qty=2))
        assert await sent.attach() == 5.0
        new = await admin.restart_as_new(sent.id)
        assert new != sent.id
        assert await client.invocation(new, Desk.price).attach() == 5.0

    with_both(server, use)


def test_state_is_read_and_replaced_as_a_whole(server: RestateServer) -> None:
    async def use(admin: AdminClient, client: Client) -> None:
        shelf = fresh()
        await client.call(Shelf.add, 5, key=shelf)
        await client.call(Shelf.note, "ü", key=shelf)
        assert await admin.state("Shelf", shelf) == {"n": b"5", "note": '"ü"'.encode()}
        await admin.replace_state("Shelf", shelf, {"n": 70, "raw": b"\x00\xff"})
        async with asyncio.timeout(20):
            while await client.call(Shelf.total, key=shelf) != 70:
                await asyncio.sleep(0.01)
        assert await admin.state("Shelf", shelf) == {"n": b"70", "raw": b"\x00\xff"}
        assert await client.call(Shelf.noted, key=shelf) is None

    with_both(server, use)


def test_refusals_carry_the_servers_words(server: RestateServer) -> None:
    async def use(admin: AdminClient, client: Client) -> None:
        with pytest.raises(AdminError, match="No field named nope") as caught:
            await admin.query("SELECT nope")
        assert caught.value.status == 500
        with pytest.raises(AdminNotFoundError, match="Nowhere"):
            await admin.service("Nowhere")
        with pytest.raises(AdminError, match="META0003"):
            await admin.register("http://127.0.0.1:1")
        version = await admin.version()
        assert version.version.startswith("1.")
        assert version.ingress_url == server.ingress_url
        await admin.health()

    with_both(server, use)


def test_no_admin_api_and_the_wrong_one_are_told_apart(server: RestateServer) -> None:
    async def main() -> None:
        async with AdminClient("http://127.0.0.1:1") as admin:
            with pytest.raises(AdminError, match="no admin API of a restate-server answers at") as caught:
                await admin.version()
            assert caught.value.status is None
        async with AdminClient(server.ingress_url) as ingress:
            with pytest.raises(AdminError) as caught:
                await ingress.version()
            assert caught.value.status in (400, 404)

    asyncio.run(main())
