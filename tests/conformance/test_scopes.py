"""Section 5 of the contract: scope and limit key travel with calls (service protocol V7)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from restate_reflect.server import RestateServer, ServerSettings
from tests.conformance.driver import Driver, fresh_key
from tests.conformance.settings import SERVICES, Setting
from tests.conformance.test_proxy import request
from tests.embedded.server import EmbeddedServer
from tests.support import ServedProcess

ALL_SETTINGS = ("default", "suspending", "v5")

SCOPES = Setting(
    name="scopes", server={"protocol_v7": True, "config": {"experimental-enable-vqueues": True}}, protocol=7
)


@pytest.fixture(scope="module", params=[RestateServer, EmbeddedServer], ids=["server", "embedded"])
def scoped(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """A server that knows scopes, which 1.7 counts among its experiments."""
    with ExitStack() as stack:
        server = stack.enter_context(request.param(ServerSettings(**SCOPES.server)))
        served = stack.enter_context(ServedProcess(SERVICES))
        server.register(served.url)
        driver = Driver(server, served, SCOPES)
        stack.callback(driver.close)
        yield driver


@pytest.mark.server
def test_scope_and_limit_key_arrive_at_the_server(scoped: Driver) -> None:
    """``sys_invocation`` shows them on the callee."""
    scope, limit = "tenant-1", "limit-1"
    body = request("TestUtilsService", "echo", "hi", scope=scope, limitKey=limit, idempotencyKey=fresh_key())
    invocation = scoped.call("Proxy", "oneWayCall", body)
    assert scoped.attach(invocation) == "hi"
    row = scoped.row(invocation)
    assert (row["scope"], row["limit_key"]) == (scope, limit)
    assert bytes(scoped.call("Proxy", "call", body)) == b'"hi"'


@pytest.mark.server
def test_a_scope_needs_protocol_v7(driver: Driver) -> None:
    """On V6 the attempt fails with a hint and is retried: a new server mends it."""
    body = request("TestUtilsService", "echo", "hi", scope="tenant-1")
    invocation = driver.send("Proxy", "call", body)
    failure = driver.last_failure(invocation)
    driver.kill(invocation)
    assert "a scope or limit key needs service protocol V7" in failure
