"""Names and keys may be of classes derived from ``str``: members of a ``StrEnum`` above all."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest

from restate_reflect import ObjectContext
from tests.journals import M, play


class Name(StrEnum):
    A = "a"


class Text(str):
    """Compiled code tells it from ``str``."""


NAMES = pytest.mark.parametrize("name", [Name.A, Text("a")])
CHOSEN: list[Any] = []
"""The name that the test uses."""


async def step() -> int:
    return 1


class Named:
    async def takes(self, ctx: ObjectContext) -> None: ...

    async def runs(self, ctx: ObjectContext) -> None:
        await ctx.run(CHOSEN[-1], step)

    async def reads(self, ctx: ObjectContext) -> None:
        await ctx.get(CHOSEN[-1])

    async def writes(self, ctx: ObjectContext) -> None:
        ctx.set(CHOSEN[-1], 1)
        ctx.clear(CHOSEN[-1])

    async def calls(self, ctx: ObjectContext) -> None:
        await ctx.call(Named.takes, key=CHOSEN[-1])

    async def calls_with_options(self, ctx: ObjectContext) -> None:
        name = CHOSEN[-1]
        await ctx.call(Named.takes, key=name, idempotency_key=name, headers={name: name})

    async def sends(self, ctx: ObjectContext) -> None:
        ctx.send(Named.takes, key=CHOSEN[-1])

    async def sleeps(self, ctx: ObjectContext) -> None:
        await ctx.sleep(1, name=CHOSEN[-1])


@NAMES
@pytest.mark.parametrize(
    "handler, type_",
    [
        ("runs", M.RUN_COMMAND),
        ("reads", M.GET_LAZY_STATE_COMMAND),
        ("writes", M.SET_STATE_COMMAND),
        ("calls", M.CALL_COMMAND),
        ("calls_with_options", M.CALL_COMMAND),
        ("sends", M.ONE_WAY_CALL_COMMAND),
        ("sleeps", M.SLEEP_COMMAND),
    ],
)
def test_a_name_is_a_name(name: str, handler: str, type_: M) -> None:
    CHOSEN.append(name)
    played = play(Named, handler, key="k")
    assert M.ERROR not in played.types, played.messages
    assert played.types[0] == type_


@NAMES
def test_state_sent_along_is_found(name: str) -> None:
    CHOSEN.append(name)
    played = play(Named, "reads", key="k", state={"a": b"1"})
    assert played.types[0] == M.GET_EAGER_STATE_COMMAND, played.messages
