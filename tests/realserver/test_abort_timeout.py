"""An attempt that does not suspend in time: the same on both engines, with and without an inactivity timeout."""

from __future__ import annotations

import asyncio

import pytest

from restate_reflect import Context, RetryPolicy, reflect
from restate_reflect.server import RestateServer
from tests.conftest import Serve
from tests.support import call, fetch

pytestmark = pytest.mark.slow

FIRED = "the invocation stream was closed after the 'abort timeout' (200ms) fired."


class Slow:
    """The first execution of the step takes longer than may be."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def step(self, ctx: Context) -> str:
        return await ctx.run("slow", self.execute)

    async def execute(self) -> str:
        self.told.append("begun")
        if len(self.told) == 1:
            await asyncio.sleep(0.8)
        self.told.append("ended")
        return "done"


@pytest.mark.parametrize("inactivity_timeout", [0, 0.2])
@pytest.mark.parametrize("use_http_11", [False, True])
def test_a_step_ends_and_is_tried_again(
    any_server: RestateServer, serve: Serve, inactivity_timeout: float, use_http_11: bool
) -> None:
    """It is not cut off; its result comes too late."""
    slow = Slow()
    definition = reflect(slow, inactivity_timeout=inactivity_timeout, abort_timeout=0.2)
    serve(any_server, definition, use_http_11=use_http_11)
    assert call(any_server, "Slow", "step", timeout=30).json == "done"
    # A busy machine may be too slow for the second one, too.
    assert slow.told == ["begun", "ended"] * max(2, len(slow.told) // 2)


@pytest.mark.parametrize("inactivity_timeout", [0, 0.2])
def test_who_gives_up_is_told_why(any_server: RestateServer, serve: Serve, inactivity_timeout: float) -> None:
    policy = RetryPolicy(max_attempts=1, on_max_attempts="kill")
    definition = reflect(Slow(), inactivity_timeout=inactivity_timeout, abort_timeout=0.2, retry_policy=policy)
    serve(any_server, definition)
    answer = fetch(f"{any_server.ingress_url}/Slow/step", timeout=30)
    assert (answer.status, answer.json["message"]) == (500, FIRED)
