"""What an operator's pause does to an invocation, whatever it is at: the same on both engines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from restate_reflect import Context, RetryPolicy, service
from restate_reflect.server import RestateServer
from tests.conftest import Serve
from tests.realserver.waiting import eventually
from tests.support import call, fetch

pytestmark = pytest.mark.slow

BACKING_OFF = {"running", "backing-off"}
"""The embedded runtime tells a short wait for a retry as it is; restate-server's table is a little late."""


@service(name="Paused", retry_policy=RetryPolicy(initial_interval=0.05, max_interval=0.05))
class Paused:
    """A step that ends when the test says so."""

    def __init__(self) -> None:
        self.executions = 0
        self.began, self.may_end = threading.Event(), threading.Event()

    def wait(self) -> str:
        self.executions += 1
        self.began.set()
        assert self.may_end.wait(30)
        return f"step {self.executions}"

    async def step(self, ctx: Context) -> str:
        first = await ctx.run("wait", self.wait)
        return f"{first}, {await ctx.run('again', lambda: 'again')}"

    async def fails_after_step(self, ctx: Context) -> str:
        return await ctx.run("wait", self._fail)

    def _fail(self) -> str:
        self.wait()
        raise OSError("broken")

    async def fails(self, ctx: Context) -> None:
        self.began.set()
        raise OSError("always")

    async def sleeps(self, ctx: Context) -> str:
        await asyncio.sleep(1)
        return "slept"

    async def sleeps_on(self, ctx: Context) -> str:
        await asyncio.sleep(3600)
        return "slept"


@service(name="Suspended", inactivity_timeout=0)
class Suspended:
    async def sleeps(self, ctx: Context) -> str:
        await asyncio.sleep(1.5)
        return "slept"


class Operated:
    """One invocation, and what is done to it."""

    def __init__(self, server: RestateServer, service: str, handler: str) -> None:
        self._server = server
        self.id = call(server, service, handler, send=True).invocation_id

    def operate(self, operation: str) -> int:
        return fetch(f"{self._server.admin_url}/invocations/{self.id}/{operation}", method="PATCH").status

    def is_(self, *statuses: str) -> Callable[[], bool]:
        return lambda: self.status in statuses

    @property
    def status(self) -> str:
        return str(self._server.query(f"SELECT status FROM sys_invocation WHERE id = '{self.id}'")[0]["status"])

    @property
    def journal(self) -> list[str]:
        rows = self._server.query(f"SELECT entry_type FROM sys_journal WHERE id = '{self.id}' ORDER BY \"index\"")
        return [str(row["entry_type"]) for row in rows]

    def result(self) -> Any:
        return fetch(f"{self._server.ingress_url}/restate/invocation/{self.id}/attach", method="GET", timeout=30).json


@pytest.fixture
def paused(any_server: RestateServer, serve: Serve) -> Paused:
    served = Paused()
    serve(any_server, served, Suspended)
    return served


def test_a_step_ends_and_is_stored_before_the_pause(any_server: RestateServer, paused: Paused) -> None:
    """It is not executed again after resume."""
    sent = Operated(any_server, "Paused", "step")
    assert paused.began.wait(30)
    assert sent.operate("pause") == 202
    assert sent.status == "running"
    assert sent.operate("pause") == 202
    paused.may_end.set()
    eventually(sent.is_("paused"))
    assert sent.journal == ["Command: Input", "Command: Run", "Notification: Run"]
    assert sent.operate("pause") == 200
    assert sent.operate("resume") == 200
    assert sent.result() == "step 1, again"
    assert paused.executions == 1


def test_resuming_before_the_step_has_ended_does_not_take_the_pause_back(
    any_server: RestateServer, paused: Paused
) -> None:
    sent = Operated(any_server, "Paused", "step")
    assert paused.began.wait(30)
    assert (sent.operate("pause"), sent.operate("resume")) == (202, 200)
    paused.may_end.set()
    eventually(sent.is_("paused"))
    assert sent.operate("resume") == 200
    assert sent.result() == "step 1, again"


def test_a_step_that_fails_meanwhile_is_tried_again_after_resume(any_server: RestateServer, paused: Paused) -> None:
    sent = Operated(any_server, "Paused", "fails_after_step")
    assert paused.began.wait(30)
    assert sent.operate("pause") == 202
    paused.may_end.set()
    eventually(sent.is_("paused"))
    assert paused.executions == 1
    assert sent.operate("kill") == 200


def test_an_attempt_that_waits_is_suspended_and_paused(any_server: RestateServer, paused: Paused) -> None:
    """Its timer is stored while it is paused, and starts nothing."""
    sent = Operated(any_server, "Paused", "sleeps")
    eventually(lambda: "Command: Sleep" in sent.journal)
    assert sent.operate("pause") == 202
    eventually(sent.is_("paused"))
    eventually(lambda: "Notification: Sleep" in sent.journal)
    assert sent.status == "paused"
    assert sent.operate("resume") == 200
    assert sent.result() == "slept"


def test_a_suspended_invocation_stays_suspended_and_goes_on(any_server: RestateServer, paused: Paused) -> None:
    sent = Operated(any_server, "Suspended", "sleeps")
    eventually(sent.is_("suspended"))
    assert sent.operate("pause") == 200
    assert sent.status == "suspended"
    assert sent.result() == "slept"


def test_one_that_waits_for_a_retry_is_paused_at_once(any_server: RestateServer, paused: Paused) -> None:
    sent = Operated(any_server, "Paused", "fails")
    assert paused.began.wait(30)
    eventually(sent.is_(*BACKING_OFF))
    assert sent.operate("pause") == 202
    eventually(sent.is_("paused"))
    paused.began.clear()
    assert sent.operate("resume") == 200
    assert paused.began.wait(30)
    assert sent.operate("kill") == 200


def test_a_cancellation_waits_for_resume_when_it_comes_before_the_pause(
    any_server: RestateServer, paused: Paused
) -> None:
    """It is stored, as everything that arrives; one that comes later resumes by itself."""
    sent = Operated(any_server, "Paused", "step")
    assert paused.began.wait(30)
    assert (sent.operate("pause"), sent.operate("cancel")) == (202, 202)
    paused.may_end.set()
    eventually(sent.is_("paused"))
    assert sent.journal == ["Command: Input", "Command: Run", "Notification: Signal", "Notification: Run"]
    assert sent.operate("resume") == 200
    assert sent.result()["code"] == 409


def test_cancelling_a_paused_invocation_resumes_it(any_server: RestateServer, paused: Paused) -> None:
    sent = Operated(any_server, "Paused", "sleeps_on")
    eventually(lambda: "Command: Sleep" in sent.journal)
    assert sent.operate("pause") == 202
    eventually(sent.is_("paused"))
    assert sent.operate("cancel") == 202
    assert sent.result()["code"] == 409
