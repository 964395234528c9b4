"""What is decided without a transport: which request is answered how, and what a shut-down does."""

from __future__ import annotations

import asyncio

import pytest

from restate_reflect import Context, reflect
from restate_reflect.endpoint import Core
from restate_reflect.endpoint.core import Accepted, Answer
from tests.journals import M, Recorder, frames, given_input, journal

V6 = {"content-type": "application/vnd.restate.invocation.v6"}


class Monitor:
    """Its handlers are named like paths of the endpoint itself."""

    async def health(self, ctx: Context) -> str:
        return "fine"

    async def discover(self, ctx: Context) -> str:
        return "found"

    async def wait(self, ctx: Context) -> None:
        await ctx.sleep(1000)


def accepted(core: Core, handler: str) -> Accepted:
    decision = core.answer("POST", f"/some/prefix/invoke/Monitor/{handler}", V6, "BIDI_STREAM")
    assert isinstance(decision, Accepted), decision
    return decision


@pytest.mark.parametrize("handler", ["health", "discover", "wait"])
def test_handlers_may_have_any_name(handler: str) -> None:
    assert accepted(Core([reflect(Monitor)]), handler).plan.handler.name == handler


@pytest.mark.parametrize("path", ["/health", "/any/prefix/health", "/invoke/health"])
def test_health_is_answered_under_any_prefix(path: str) -> None:
    decision = Core([reflect(Monitor)]).answer("GET", path, {}, "BIDI_STREAM")
    assert isinstance(decision, Answer)
    assert (decision.status, decision.body) == (200, b"ok")


def test_a_shut_down_suspends_attempts_that_are_late() -> None:
    """Neither a journal that is still arriving nor a request that crosses with the shut-down waits for its end."""

    async def run() -> None:
        core = Core([reflect(Monitor)])
        request = journal(given_input())
        early, late = Recorder(), Recorder()
        attempt = core.start(accepted(core, "wait"), early, {})
        attempt.receive(request[:5])
        draining = asyncio.create_task(core.drain(60))
        await asyncio.sleep(0)
        core.start(accepted(core, "wait"), late, {}).receive(request)
        attempt.receive(request[5:])
        await draining
        for sink in (early, late):
            assert [raw.type for raw in frames(bytes(sink.data))] == [M.SLEEP_COMMAND, M.SUSPENSION]

    asyncio.run(asyncio.wait_for(run(), 5))


def test_after_a_shut_down_a_core_can_serve_again() -> None:
    async def run() -> None:
        core = Core([reflect(Monitor)])
        await core.drain(0)
        sink = Recorder()
        attempt = core.start(accepted(core, "wait"), sink, {})
        attempt.receive(journal(given_input()))
        assert [raw.type for raw in frames(bytes(sink.data))] == [M.SLEEP_COMMAND]
        attempt.abort("over")

    asyncio.run(run())
