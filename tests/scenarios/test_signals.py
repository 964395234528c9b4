"""Signals: structured ones, several of them, against the clock, and a stream of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from restate_reflect import Context
from tests.scenarios.conftest import Site


class Order(BaseModel):
    key: str
    count: int


class Heard:
    """Waits for signals in several ways."""

    async def structured(self, ctx: Context) -> Order:
        return await ctx.signal("order", Order)

    async def two(self, ctx: Context) -> dict[str, str]:
        a, b = await asyncio.gather(ctx.signal("a", str), ctx.signal("b", str))
        return {"a": a, "b": b}

    async def within(self, ctx: Context, seconds: float) -> str:
        try:
            return await asyncio.wait_for(ctx.signal("word", str), seconds)
        except TimeoutError:
            return "timeout"

    async def stream(self, ctx: Context, numbered: bool) -> list[str]:
        """Until one says that it is the last."""
        heard: list[str] = []
        while (item := await ctx.signal(f"item {len(heard)}" if numbered else "item", str | None)) is not None:
            heard.append(item)
        return heard


class Speaker:
    async def say(self, ctx: Context, invocation: str, said: list[tuple[str, Any]]) -> None:
        for name, value in said:
            ctx.resolve_signal(invocation, name, value)


SERVICES = (Heard(), Speaker())


def heard(site: Site, handler: str, body: list[Any], *batches: list[tuple[str, Any]]) -> Any:
    """What a handler returns to whom all this was said."""
    sent = site.send(f"Heard/{handler}", *body)
    for said in batches:
        assert site.call("Speaker/say", {"invocation": sent.id, "said": said}) is None
    return sent.attach()


def test_a_signal_has_a_type_of_its_own(site: Site) -> None:
    order = {"key": "lamp", "count": 42}
    assert heard(site, "structured", [], [("order", order)]) == order


def test_signals_are_told_apart_by_name(site: Site) -> None:
    """The second one that is waited for comes first."""
    assert heard(site, "two", [], [("b", "bravo")], [("a", "alpha")]) == {"a": "alpha", "b": "bravo"}


def test_a_signal_has_its_time(site: Site) -> None:
    assert site.call("Heard/within", 0.001) == "timeout"
    assert heard(site, "within", [3600], [("word", "fast")]) == "fast"


BATCHES: dict[str, list[list[str | None]]] = {
    "at once": [["alpha", "beta", "gamma"], [None]],
    "in batches": [["a", "b"], ["c"], [None]],
    "nothing": [[None]],
}


@pytest.mark.parametrize("how", BATCHES)
def test_a_stream_of_numbered_signals(site: Site, how: str) -> None:
    """Each item has a name of its own, and so can be waited for by an attempt that ends."""
    expected = [item for batch in BATCHES[how] for item in batch if item is not None]
    numbers = iter(range(len(expected) + 1))
    batches = [[(f"item {next(numbers)}", item) for item in batch] for batch in BATCHES[how]]
    assert heard(site, "stream", [True], *batches) == expected


@pytest.mark.parametrize("how", BATCHES)
def test_a_stream_of_signals_of_one_name(once: Site, how: str) -> None:
    """First in, first out, as long as the attempt lasts; a server would wake a suspended one at once, for ever."""
    expected = [item for batch in BATCHES[how] for item in batch if item is not None]
    batches = [[("item", item) for item in batch] for batch in BATCHES[how]]
    assert heard(once, "stream", [False], *batches) == expected
