"""Scopes and limit keys on the real server: service protocol V7, and an experiment of restate-server 1.7."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from restate_reflect import Context, IdempotentRequest
from restate_reflect.server import RestateServer, ServerSettings
from tests.conftest import Serve
from tests.embedded.server import EmbeddedServer
from tests.realserver.waiting import eventually
from tests.support import call

_serial = itertools.count()


@pytest.fixture
def fresh() -> str:
    """A key nobody has used."""
    return f"scoped-{next(_serial)}"


class Tenant:
    """Is called within a scope."""

    async def who(self, ctx: Context) -> list[str | None]:
        return [ctx.request.scope, ctx.request.limit_key, ctx.request.idempotency_key]


class Landlord:
    """Calls within scopes."""

    async def ask(self, ctx: Context, key: str) -> list[Any]:
        called = await ctx.scope("blue", limit_key="gold").call(Tenant.who, idempotency_key=key)
        sent = await ctx.scope("red").send(Tenant.who).attach()
        raw = await ctx.scope("green").call_raw("Tenant", "who")
        return [called, sent, json.loads(raw), await ctx.call(Tenant.who)]

    async def ids(self, ctx: Context, key: str) -> list[str]:
        scopes = [ctx.scope("blue"), ctx.scope("blue"), ctx.scope("red"), ctx]
        return [await scope.call(Tenant.who, idempotency_key=key).invocation_id for scope in scopes]

    async def by_idempotency_key(self, ctx: Context, key: str) -> list[Any]:
        request = IdempotentRequest("Tenant", "who", key, scope="blue")
        await ctx.scope("blue").call(Tenant.who, idempotency_key=key)
        return await ctx.attach(request, list[Any])


@pytest.fixture(scope="module", params=[RestateServer, EmbeddedServer], ids=["server", "embedded"])
def scoped_server(request: pytest.FixtureRequest) -> Iterator[RestateServer]:
    """Scopes are one of the experiments of restate-server 1.7; it knows them for services only."""
    with request.param(ServerSettings(protocol_v7=True, config={"experimental-enable-vqueues": True})) as server:
        yield server


@pytest.mark.server
def test_scope_and_limit_key_arrive_at_the_callee(scoped_server: RestateServer, serve: Serve, fresh: str) -> None:
    serve(scoped_server, Tenant, Landlord)
    assert call(scoped_server, "Landlord", "ask", fresh).json == [
        ["blue", "gold", fresh],
        ["red", None, None],
        ["green", None, None],
        [None, None, None],
    ]


@pytest.mark.server
def test_scopes_keep_idempotency_keys_apart(scoped_server: RestateServer, serve: Serve, fresh: str) -> None:
    """One key in one scope is one invocation, in another scope another one."""
    serve(scoped_server, Tenant, Landlord)
    ids = call(scoped_server, "Landlord", "ids", fresh).json
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    answer = call(scoped_server, "Landlord", "by_idempotency_key", f"{fresh}-attached")
    assert answer.json == ["blue", None, f"{fresh}-attached"]


def test_a_scope_in_v6_names_version_and_place(restate_server: RestateServer, serve: Serve, fresh: str) -> None:
    """It is retryable: a newer server mends it."""
    serve(restate_server, Tenant, Landlord)
    sent = call(restate_server, "Landlord", "ask", fresh, send=True).invocation_id

    def failure() -> str | None:
        (row,) = restate_server.query(f"SELECT * FROM sys_invocation WHERE id = '{sent}'")
        found: str | None = row.get("last_failure")
        return found

    message = str(eventually(failure))
    assert "needs service protocol V7" in message
    assert "test_scopes.py:" in message
    restate_server.admin.request("PATCH", f"/invocations/{sent}/kill")
