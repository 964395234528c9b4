"""Many things, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from restate_reflect import Context, RetryPolicy, TerminalError
from restate_reflect.errors import HandlerBugError
from restate_reflect.patterns import map_bounded
from restate_reflect.testing import Durable, FakeContext


async def doubled(number: int) -> int:
    if number < 0:
        raise TerminalError(f"{number} is negative", code=422)
    return 2 * number


def halved(number: int) -> float:
    return number / 2


class Gauge:
    """How many are at it."""

    def __init__(self) -> None:
        self.inside = self.most = 0

    def enter(self) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)

    def leave(self) -> None:
        self.inside -= 1


class Many:
    def __init__(self) -> None:
        self.gauge = Gauge()

    async def steps(self, ctx: Context, numbers: list[int], tolerate: int) -> list[str]:
        results = await map_bounded(ctx, doubled, numbers, limit=2, tolerate=tolerate, name="double")
        return [str(each) for each in results]

    async def plain(self, ctx: Context, numbers: list[int]) -> list[float]:
        return await map_bounded(ctx, halved, numbers, limit=3, retry=RetryPolicy(max_attempts=5))

    async def durable_code(self, ctx: Context, numbers: list[int]) -> list[int]:
        return await map_bounded(ctx, self._one, numbers, limit=2)

    async def _one(self, ctx: Context, number: int) -> int:
        self.gauge.enter()
        try:
            await asyncio.sleep(10 - number)
            return await ctx.run(f"double {number}", doubled, number)
        finally:
            self.gauge.leave()

    async def calls(self, ctx: Context, numbers: list[int]) -> list[int]:
        return await map_bounded(ctx, lambda ctx, number: ctx.call(Many.twice, number), numbers, limit=2)

    async def twice(self, ctx: Context, number: int) -> int:
        return await ctx.run("double", doubled, number)

    async def waits(self, ctx: Context) -> list[Any]:
        return await map_bounded(ctx, self._wait, [1, 2, 3], limit=2, tolerate=3)

    async def _wait(self, ctx: Context, number: int) -> bool:
        return bool(await ctx.awakeable(bool))


async def test_results_come_in_order(durable: Durable) -> None:
    env = await durable(Many)
    sent = await env.send(Many.steps, [1, 2, 3, 4, 5], 0)
    assert await sent.attach() == ["2", "4", "6", "8", "10"]
    assert sorted(env.journal(sent).steps) == [f"double[{index}]" for index in range(5)]


async def test_plain_functions_are_steps_of_their_own_name(durable: Durable) -> None:
    env = await durable(Many)
    sent = await env.send(Many.plain, [1, 2])
    assert await sent.attach() == [0.5, 1.0]
    assert sorted(env.journal(sent).steps) == ["halved[0]", "halved[1]"]


async def test_durable_code_has_steps_of_its_own(durable: Durable) -> None:
    """The later ones wait shorter."""
    env = await durable(Many)
    assert await env.call(Many.durable_code, [0, 1, 2, 3, 4]) == [0, 2, 4, 6, 8]


@pytest.mark.no_crashes  # each attempt counts anew
async def test_two_are_in_progress_at_most(durable: Durable) -> None:
    many = Many()
    env = await durable(many)
    await env.call(Many.durable_code, [0, 1, 2, 3, 4])
    assert many.gauge.most == 2


async def test_a_handler_per_item(durable: Durable) -> None:
    env = await durable(Many)
    assert await env.call(Many.calls, [1, 2, 3]) == [2, 4, 6]


async def test_no_items_are_no_commands(durable: Durable) -> None:
    env = await durable(Many)
    sent = await env.send(Many.steps, [], 0)
    assert await sent.attach() == []
    assert env.journal(sent).steps == []


async def test_so_many_failures_are_tolerated(durable: Durable) -> None:
    """Each in the place of its result."""
    env = await durable(Many)
    assert await env.call(Many.steps, [1, -2, 3, -4], 2) == ["2", "-2 is negative", "6", "-4 is negative"]


@pytest.mark.parametrize("tolerate", [0, 1])
async def test_one_too_many_fails_it(durable: Durable, tolerate: int) -> None:
    """With that failure, and its code."""
    env = await durable(Many)
    with pytest.raises(TerminalError, match="is negative") as failed:
        await env.call(Many.steps, [1, -2, -3, 4, 5, 6], tolerate)
    assert failed.value.code == 422


async def test_a_cancellation_is_no_failure_to_tolerate(durable: Durable) -> None:
    env = await durable(Many)
    sent = await env.send(Many.waits)
    await env.settle()
    await sent.cancel()
    with pytest.raises(TerminalError) as failed:
        await sent.attach()
    assert failed.value.code == 409


def keyed(item: int, *, factor: int) -> int:
    return item * factor


def threefold(a: int, b: int, c: int) -> int:
    return a + b + c


def context_alone(ctx: Context) -> None: ...


def nothing() -> None: ...


@pytest.mark.parametrize(
    "function, said",
    [
        (keyed, "keyed needs factor"),
        (threefold, r"threefold takes \(a, b, c\)"),
        (context_alone, "takes a context and no item"),
        (nothing, r"nothing takes \(\)"),
        (Many.twice, r"twice takes \(self, ctx, number\)"),
        (3, "does not tell its parameters"),
    ],
)
def test_what_fits_neither_way_is_told(function: Callable[..., Any], said: str) -> None:
    """With the line and what would fit."""
    with pytest.raises(HandlerBugError, match=said) as refused:
        _ = map_bounded(FakeContext(), function, [1], limit=1)
    assert "test_bounded.py:" in str(refused.value)
    assert "(item)" in str(refused.value)


@pytest.mark.parametrize(
    "arguments, said",
    [
        ({"items": {1, 2}, "limit": 1}, "another order on every replay"),
        ({"items": 3, "limit": 1}, "can't be walked through"),
        ({"items": [1], "limit": 0}, "limit=0 .* at least 1"),
        ({"items": [1], "limit": 1, "tolerate": -1}, "tolerate=-1"),
        ({"items": [1], "limit": 2.5}, "limit=2.5"),
    ],
)
def test_what_can_not_be_mapped_is_told(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(HandlerBugError, match=said):
        _ = map_bounded(FakeContext(), doubled, **arguments)


def test_options_of_steps_are_for_steps() -> None:
    renamed: Any = lambda ctx, item: item  # noqa: E731  types refuse it
    with pytest.raises(HandlerBugError, match="name and retry are for steps"):
        _ = map_bounded(FakeContext(), renamed, [1], limit=1, name="x")


def test_defaults_need_no_item() -> None:
    """A function of one needed parameter is a step, whatever else it could take."""

    def scaled(item: int, factor: int = 3) -> int:
        return item * factor

    assert asyncio.run(map_bounded(FakeContext(), scaled, [1, 2], limit=1)) == [3, 6]
