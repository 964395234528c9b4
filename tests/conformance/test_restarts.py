"""Server and endpoint are killed and stopped; state, timers and results survive."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from restate_reflect import reflect
from restate_reflect.server import RestateServer
from tests.conformance.driver import Driver, eventually, fresh_key
from tests.conformance.services.state import Counter
from tests.conformance.settings import SERVICES, SETTINGS
from tests.conftest import Serve
from tests.embedded.server import EmbeddedServer
from tests.support import ServedProcess

pytestmark = pytest.mark.server
INTERPRETER = "VirtualObjectCommandInterpreter"


@pytest.fixture(scope="module", params=[RestateServer, EmbeddedServer], ids=["server", "embedded"])
def restarting(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """A server and an endpoint that no other module uses."""
    with ExitStack() as stack:
        server = stack.enter_context(request.param())
        served = stack.enter_context(ServedProcess(SERVICES))
        server.register(served.url)
        driver = Driver(server, served, SETTINGS["default"])
        stack.callback(driver.close)
        yield driver


@pytest.mark.parametrize("way", ["kill", "stop"])
def test_state_survives_the_server(restarting: Driver, way: str) -> None:
    """Killed or stopped, it goes on with what it had acknowledged."""
    key = fresh_key()
    assert restarting.call("Counter", "add", 1, key=key) == {"oldValue": 0, "newValue": 1}
    getattr(restarting.server, way)()
    restarting.server.start()
    again = {"idempotency-key": fresh_key()}
    assert restarting.call("Counter", "add", 2, key=key, headers=again) == {"oldValue": 1, "newValue": 3}


@pytest.mark.parametrize("who", ["endpoint", "server"])
@pytest.mark.parametrize("way", ["kill", "stop"])
def test_a_timer_survives(restarting: Driver, way: str, who: str) -> None:
    """It neither fires early nor starts anew."""
    started = time.monotonic()
    program = {"commands": [{"type": "awaitOne", "command": {"type": "sleep", "timeoutMillis": 2000}}]}
    once = {"idempotency-key": fresh_key()}
    invocation = restarting.send(INTERPRETER, "interpretCommands", program, key=fresh_key(), headers=once)
    eventually(lambda: wake_ups(restarting, invocation))
    planned = wake_ups(restarting, invocation)
    victim = restarting.served if who == "endpoint" else restarting.server
    getattr(victim, way)()
    victim.start()
    assert restarting.attach(invocation) == "sleep"
    assert time.monotonic() - started >= 2.0
    assert wake_ups(restarting, invocation) == planned


def wake_ups(driver: Driver, invocation: str) -> list[str]:
    """The timers in its journal, with their times."""
    sql = f"select entry_type, entry_lite_json from sys_journal where id = '{invocation}'"
    return [row["entry_lite_json"] for row in driver.server.query(sql) if row["entry_type"] == "Command: Sleep"]


def test_a_call_is_answered_though_the_endpoint_dies(restarting: Driver) -> None:
    """Five kills while programs run; every result comes, every count is right."""
    commands = [{"kind": kind, "duration": 20, "key": 1} for kind in (4, 6, 5, 12, 18, 6, 4)]
    keys = [fresh_key() for _ in range(10)]
    calls = [restarting.start("ObjectInterpreterL0", "interpret", {"commands": commands}, key=key) for key in keys]
    for _ in range(5):
        restarting.served.kill()
        restarting.served.start()
    for call in calls:
        call.result(60)
    for key in keys:
        assert restarting.eventually_counts("ObjectInterpreterL0", key, 4) == 4


def test_journals_are_kept_as_long_as_asked(restate_server: RestateServer, serve: Serve) -> None:
    """``journal_retention`` needs no idempotency key."""
    driver = Driver(restate_server, None, SETTINGS["default"])  # type: ignore[arg-type]  # served by this process
    for days, expected in ((1, ["Command: Input", "Command: GetEagerState", "Command: Output"]), (0, [])):
        serve(restate_server, reflect(Counter, journal_retention=timedelta(days=days)))
        invocation = driver.send("Counter", "get", key=fresh_key())
        eventually(lambda: driver.status(invocation), lambda seen: seen in ("completed", None))  # noqa: B023
        assert driver.journal(invocation) == expected
