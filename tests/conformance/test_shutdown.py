"""SIGTERM loses nothing and ends within the deadline."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from restate_reflect.server import RestateServer
from tests.conformance.driver import Driver, eventually, fresh_key
from tests.conformance.settings import SETTINGS, Signing
from tests.support import ServedProcess

pytestmark = pytest.mark.server
GRACE = 2.0
SLACK = 3.0
"""Seconds that a busy machine may add to a deadline."""


@dataclass
class Stopping:
    """A process that is stopped and started on its port."""

    driver: Driver
    notes: Path

    def stop(self) -> float:
        """SIGTERM; how long the end took."""
        before = time.monotonic()
        assert self.driver.served.stop() == 0
        return time.monotonic() - before

    def noted(self) -> list[str]:
        return self.notes.read_text().splitlines() if self.notes.exists() else []

    def start_step(self, name: str, seconds: float) -> str:
        """Returns once the step runs."""
        body = {"name": name, "seconds": seconds, "notes": str(self.notes)}
        invocation = self.driver.send("Steps", "run", body, headers={"idempotency-key": fresh_key()})
        eventually(lambda: f"{name} started" in self.noted())
        return invocation


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "stopping" in metafunc.fixturenames:
        every = ["default", "suspending", "http11", "v7"]
        chosen = every if metafunc.config.getoption("--all-settings") else ["default"]
        metafunc.parametrize("stopping", chosen, indirect=True)


@pytest.fixture
def stopping(request: pytest.FixtureRequest, signing: Signing, tmp_path: Path) -> Iterator[Stopping]:
    setting = SETTINGS[request.param]
    with ExitStack() as stack:
        server = stack.enter_context(RestateServer(setting.server_settings(signing)))
        served = stack.enter_context(ServedProcess("tests.conformance.stopping", "--grace", str(GRACE)))
        server.register(served.url, use_http_11=setting.use_http_11)
        driver = Driver(server, served, setting)
        stack.callback(driver.close)
        yield Stopping(driver, tmp_path / "notes")


def test_a_waiting_attempt_is_suspended(stopping: Stopping) -> None:
    """At once and cleanly: the server sees no failure, only a suspension; it goes on in the next process."""
    key = fresh_key()
    invocation = stopping.driver.send("Waits", "wait", key=key, headers={"idempotency-key": key})
    eventually(lambda: "Command: SetState" in stopping.driver.journal(invocation))
    took = stopping.stop()
    assert took < SLACK
    assert eventually(lambda: stopping.driver.status(invocation), lambda seen: seen != "running") == "suspended"
    row = stopping.driver.row(invocation)
    assert row.get("last_failure") is None
    stopping.driver.served.start()
    stopping.driver.call("Waits", "go_on", invocation, key=fresh_key())
    assert stopping.driver.attach(invocation) == "went on"


def test_a_step_that_ends_in_time_is_finished(stopping: Stopping) -> None:
    """And journaled: it is not executed again."""
    invocation = stopping.start_step("short", 0.5)
    assert 0.2 < stopping.stop() < GRACE + SLACK
    stopping.driver.served.start()
    assert stopping.driver.attach(invocation) == "short"
    assert stopping.noted() == ["short started", "short finished"]


def test_a_step_that_takes_too_long_is_cancelled(stopping: Stopping) -> None:
    """At the deadline; the next process executes it anew."""
    invocation = stopping.start_step("long", 4.0)
    took = stopping.stop()
    assert GRACE <= took < GRACE + SLACK
    assert stopping.noted() == ["long started", "long cancelled"]
    stopping.driver.served.start()
    assert stopping.driver.attach(invocation) == "long"
    assert stopping.noted() == ["long started", "long cancelled", "long started", "long finished"]


def test_nothing_is_lost_under_load(stopping: Stopping) -> None:
    """Three stops while 64 clients add on 8 keys: every call succeeds, every total is exact."""
    keys = [fresh_key() for _ in range(8)]
    calls = [
        stopping.driver.start("Mixed", "add", n, key=keys[n % 8], headers={"idempotency-key": str(n)})
        for n in range(160)
    ]
    for stop in range(3):
        done = 20 * (stop + 1)
        eventually(lambda done=done: sum(call.done() for call in calls) >= done)  # type: ignore[misc]
        assert stopping.stop() < GRACE + SLACK
        stopping.driver.served.start()
    for call in calls:
        call.result(60)
    totals = stopping.driver.each(lambda key: stopping.driver.call("Mixed", "total", key=key), keys)
    assert totals == [sum(n for n in range(160) if n % 8 == slot) for slot in range(8)]


def test_a_second_signal_ends_at_once(stopping: Stopping) -> None:
    """Nobody has to wait for the deadline; the step runs again."""
    invocation = stopping.start_step("stubborn", 1.0)
    process = stopping.driver.served.process
    assert process is not None
    process.terminate()
    stopping.driver.served.wait_for("stopping")
    before = time.monotonic()
    stopping.driver.served.stop()
    assert time.monotonic() - before < GRACE
    stopping.driver.served.start()
    assert stopping.driver.attach(invocation) == "stubborn"
