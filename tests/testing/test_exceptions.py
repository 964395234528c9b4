"""What handlers raise: an ordinary exception is what the test's own request raises, at once and as it is."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from restate_reflect import Context, ObjectContext, RetryableError, RetryPolicy, TerminalError, handler
from restate_reflect.server import RestateServer
from restate_reflect.testing import Durable, TestEnvironment
from restate_reflect.testing._base import Environment

LONGEST = 20
"""Seconds after which a request is taken for one that waits for ever."""


class Counted(Exception):
    """Has a cause and a context of its own, which stay."""


def always() -> int:
    raise ConnectionError("no route")


async def always_async() -> int:
    raise ConnectionError("no route")


class Shop:
    def __init__(self) -> None:
        self.calls: list[str] = []

    async def price(self, ctx: Context, prices: dict[str, int]) -> int:
        self.calls.append("call")
        return prices["tae"]

    def plain(self, ctx: Context) -> int:
        raise ValueError("plain")

    async def late(self, ctx: Context) -> str:
        async with asyncio.timeout(60):
            return await ctx.awakeable(str)

    async def step(self, ctx: Context) -> int:
        return await ctx.run("connect", always)

    async def async_step(self, ctx: Context) -> int:
        await ctx.run("before", int)
        return await ctx.run("connect", always_async)

    async def grouped(self, ctx: Context) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._fails())

    async def _fails(self) -> None:
        raise ValueError("in a task")

    async def chained(self, ctx: Context) -> None:
        try:
            always()
        except ConnectionError as error:
            raise Counted("no price") from error

    async def front(self, ctx: Context) -> int:
        try:
            return await ctx.call(Shop.price, {})
        except TerminalError:
            return 0

    async def seldom(self, ctx: Context) -> int:
        self.calls.append("call")
        if len(self.calls) < 3:
            raise ConnectionError(f"attempt {len(self.calls)}")
        return len(self.calls)

    async def patient(self, ctx: Context) -> int:
        self.calls.append("call")
        if len(self.calls) < 3:
            raise RetryableError("later", retry_after=0.01)
        return len(self.calls)

    async def careful(self, ctx: Context) -> str:
        try:
            await ctx.options(retry=RetryPolicy(max_attempts=3, initial_interval=0.01)).run("connect", self._connect)
        except TerminalError as error:
            return f"{error.message} after {len(self.calls)}"
        return "connected"

    def _connect(self) -> int:
        self.calls.append("call")
        raise ConnectionError("no route")

    async def leaves(self, ctx: Context) -> None:
        raise KeyboardInterrupt


class Stock:
    async def take(self, ctx: ObjectContext, pieces: int) -> int:
        left = await ctx.get("left", int, default=3) - pieces
        if left < 0:
            raise ValueError("sold out")
        ctx.set("left", left)
        return left


def run(durable: Durable, scenario: Callable[[Environment], Awaitable[None]], *services: object, **given: bool) -> None:
    async def whole() -> None:
        env = await durable(*services, **given)  # type: ignore[arg-type]
        async with asyncio.timeout(LONGEST):
            await scenario(env)

    durable.run(whole)


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.server)])
def kit(request: pytest.FixtureRequest) -> Durable:
    """What ``restate_env`` is on either engine."""
    if request.param == "embedded":
        return Durable(max_crashes=0)
    server: RestateServer = request.getfixturevalue("restate_server")
    return Durable(max_crashes=0, server=lambda: server)


def test_a_request_raises_what_its_handler_has_raised(kit: Durable) -> None:
    """The object itself, with the line, how far the handler had come, and how to expect a retry."""
    shop = Shop()

    async def scenario(env: Environment) -> None:
        await env.call(Shop.price, {"tea": 3})

    with pytest.raises(KeyError, match="tae") as caught:
        run(kit, scenario, shop)
    assert len(shop.calls) == 1 or kit.engine == "server"  # which may try again before it is told not to
    shown = "".join(traceback.format_exception(caught.value))
    assert 'return prices["tae"]' in shown
    assert "Shop/price (inv_" in shown
    assert "raised this in attempt 1, before its first command." in shown
    assert "retries=True" in shown


@pytest.mark.parametrize(
    "method, kind, noted",
    [
        (Shop.plain, ValueError, "before its first command"),
        (Shop.step, ConnectionError, "in step 'connect'"),
        (Shop.async_step, ConnectionError, "in step 'connect'"),
        (Shop.grouped, ExceptionGroup, "before its first command"),
        (Shop.leaves, RuntimeError, "before its first command"),
    ],
    ids=["plain", "step", "async_step", "group", "exit"],
)
def test_whatever_is_raised_anywhere(kit: Durable, method: Any, kind: type, noted: str) -> None:
    async def scenario(env: Environment) -> None:
        await env.call(method)

    with pytest.raises(kind) as caught:
        run(kit, scenario, Shop())
    assert noted in caught.value.__notes__[0]


async def test_a_deadline_that_nobody_catches(restate_env: Durable) -> None:
    env = await restate_env(Shop)
    with pytest.raises(TimeoutError):
        await env.call(Shop.late)


def test_cause_and_context_stay(kit: Durable) -> None:
    async def scenario(env: Environment) -> None:
        await env.call(Shop.chained)

    with pytest.raises(Counted) as caught:
        run(kit, scenario, Shop())
    assert isinstance(caught.value.__cause__, ConnectionError)


def test_the_test_goes_on_and_the_exception_is_told_once(kit: Durable) -> None:
    """The key is free again, and what the failed attempt has written is not."""

    async def scenario(env: Environment) -> None:
        assert await env.call(Stock.take, 2, key="tea") == 1
        with pytest.raises(ValueError, match="sold out"):
            await env.call(Stock.take, 2, key="tea")
        assert await env.call(Stock.take, 1, key="tea") == 0

    run(kit, scenario, Stock)


def test_a_caller_that_would_catch_it_is_not_told(kit: Durable) -> None:
    """What production would wait for is not a terminal failure."""

    async def scenario(env: Environment) -> None:
        await env.call(Shop.front)

    with pytest.raises(KeyError):
        run(kit, scenario, Shop())


@pytest.mark.parametrize("verb", ["attach", "output", "settle", "advance", "another", "end"])
def test_what_nobody_waits_for_is_told_by_what_follows(kit: Durable, verb: str) -> None:
    async def scenario(env: Environment) -> None:
        sent = await env.send(Shop.price, {})
        match verb:
            case "attach":
                await sent.attach()
            case "output":
                await env.settle() if kit.engine == "server" else await asyncio.sleep(0)
                await sent.output()
            case "settle":
                await env.settle()
            case "advance":
                await env.advance(0.01)
            case "another":
                await asyncio.sleep(0.5 if kit.engine == "server" else 0)
                await env.call(Shop.careful)
            case _:
                await asyncio.sleep(0.5 if kit.engine == "server" else 0)

    with pytest.raises(KeyError):
        run(kit, scenario, Shop())


async def test_only_the_request_that_it_concerns_raises(restate_env: Durable) -> None:
    env = await restate_env(Shop, Stock)
    done = await asyncio.gather(
        env.call(Shop.price, {}), env.call(Stock.take, 1, key="a"), env.call(Shop.front), return_exceptions=True
    )
    assert [type(each) for each in done] == [KeyError, int, KeyError]


def test_a_test_may_expect_retries(kit: Durable) -> None:
    async def scenario(env: Environment) -> None:
        assert await env.call(Shop.seldom) == 3

    run(kit, scenario, Shop(), retries=True)


@pytest.mark.parametrize("method, result", [(Shop.patient, 3), (Shop.careful, "ConnectionError: no route after 3")])
def test_code_that_asks_for_retries_gets_them(kit: Durable, method: Any, result: object) -> None:
    async def scenario(env: Environment) -> None:
        assert await env.call(method) == result

    run(kit, scenario, Shop())


def test_injected_failures_are_tried_again(kit: Durable) -> None:
    """They were asked for; what is raised after them is not."""

    async def scenario(env: Environment) -> None:
        env.fail_step("connect", OSError("injected"), times=2)
        await env.call(Shop.step)

    with pytest.raises(ConnectionError, match="no route"):
        run(kit, scenario, Shop())


async def test_the_end_of_expected_retries_is_told_too(restate_env: Durable) -> None:
    """The invocation is paused then, and nothing but an operator goes on with it."""
    env = await restate_env(Shop, retries=True)
    with pytest.raises(KeyError) as caught:
        await env.call(Shop.price, {})
    assert caught.value.__notes__ == ["Shop/price was paused after 70 attempts, the last of which raised this."]
    assert [each.status for each in env.invocations(Shop)] == ["paused"]


async def test_a_caller_of_one_that_is_paused_is_told(restate_env: Durable) -> None:
    env = await restate_env(Shop, retries=True)
    with pytest.raises(KeyError):
        await env.call(Shop.front)


async def test_a_mock_that_raises_fails_the_request(restate_env: Durable) -> None:
    env = await restate_env(Shop)
    env.mock(Shop.price, raises=ZeroDivisionError("mocked"))
    with pytest.raises(ZeroDivisionError):
        await env.call(Shop.front)
    with pytest.raises(ZeroDivisionError) as caught:
        await env.call(Shop.front)
    assert len(caught.value.__notes__) == 2


async def test_the_matrix_tells_what_only_a_crash_brings_about(durable: Durable) -> None:
    """An undisturbed run that raises is a test that fails before any crash."""
    env = await durable(Stock)
    assert await env.call(Stock.take, 2, key="tea") == 1
    with pytest.raises(ValueError, match="sold out"):
        await env.call(Stock.take, 2, key="tea")


class Once:
    @handler(retry_policy=RetryPolicy(max_attempts=1, on_max_attempts="kill"))
    async def go(self, ctx: Context) -> None:
        raise ValueError("once")


@pytest.mark.parametrize("retries", [False, True])
def test_a_policy_of_the_handler_counts_where_retries_are_expected(retries: bool) -> None:
    async def scenario() -> None:
        async with TestEnvironment(Once, retries=retries) as env:
            await env.call(Once.go)

    with pytest.raises(TerminalError if retries else ValueError, match="once"):
        asyncio.run(scenario())
