"""The test kit on a server: a handler's bug ends the requests that wait for it, which would be retried for ever."""

from __future__ import annotations

import asyncio
from typing import Annotated

import pytest
from pydantic import Field

from restate_reflect import Context
from restate_reflect.errors import HandlerBugError
from restate_reflect.server import RestateServer
from restate_reflect.testing import Durable
from restate_reflect.testing._base import Environment


class Dice:
    async def roll(self, ctx: Context) -> Annotated[int, Field(ge=1, le=6)]:
        return 0


LONGEST = 20
"""Seconds after which a request is taken for one that waits for ever."""


async def ask(env: Environment, verb: str) -> None:
    match verb:
        case "call":
            await env.call(Dice.roll)
        case "call_raw":
            await env.call_raw("Dice", "roll", b"", content_type=None)
        case "send":
            await (await env.send(Dice.roll)).attach()
        case _:
            await (await env.send_raw("Dice", "roll", b"", content_type=None)).attach()


@pytest.mark.parametrize("verb", ["call", "call_raw", "send", "send_raw"])
@pytest.mark.parametrize("first", [[], ["call_raw"]])
def test_a_bug_ends_every_request_then_and_later(first: list[str], verb: str, restate_server: RestateServer) -> None:
    durable = Durable(max_crashes=0, server=lambda: restate_server)

    async def scenario() -> None:
        env = await durable(Dice)
        async with asyncio.timeout(LONGEST):
            for each in first:
                with pytest.raises(HandlerBugError):
                    await ask(env, each)
            await ask(env, verb)

    with pytest.raises(HandlerBugError, match="greater than or equal to 1"):
        durable.run(scenario)
