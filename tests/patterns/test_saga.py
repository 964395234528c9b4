"""What was done is undone: exactly when the handler fails for good, in reverse, wherever it crashes."""

from __future__ import annotations

import asyncio

import pytest

from restate_reflect import Context, RetryPolicy, TerminalError
from restate_reflect.errors import HandlerBugError
from restate_reflect.patterns import saga
from restate_reflect.testing import Durable, FakeContext


def done(what: str) -> str:
    return what


def declined(what: str) -> str:
    raise TerminalError(f"{what} declined", code=402)


class Stock:
    async def release(self, ctx: Context, article: str) -> str:
        return await ctx.run("release", done, article)


class Shop:
    def __init__(self) -> None:
        self.failing = True
        """Until somebody mends it."""

    async def buys(self, ctx: Context, ending: str) -> str:
        async with saga(ctx) as undo:
            undo("put back", done, "item")
            await ctx.run("reserve", done, "item")
            undo("refund", done, "money")
            await ctx.run("charge", done, "money")
            await self._end(ctx, ending)
        return "bought"

    async def _end(self, ctx: Context, ending: str) -> None:
        match ending:
            case "terminal":
                await ctx.run("ship", declined, "parcel")
            case "group":
                async with asyncio.TaskGroup() as group:
                    for number in range(2):
                        group.create_task(self._ship(ctx, number))
            case "waits":
                await ctx.awakeable(bool)
            case "bug" if self.failing:
                raise ValueError("somebody has to mend this")
            case "mixed group" if self.failing:
                raise ExceptionGroup("both", [TerminalError("no"), ValueError("somebody has to mend this")])
            case _:
                pass

    async def _ship(self, ctx: Context, number: int) -> None:
        await ctx.run(f"ship {number}", declined, "parcel")

    async def times_out(self, ctx: Context) -> str:
        try:
            async with asyncio.timeout(60):
                await self.buys(ctx, "waits")
        except TimeoutError:
            return "too late"
        return "in time"

    async def beside(self, ctx: Context, ending: str) -> None:
        """A saga in a task, beside one that fails."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.buys(ctx, "waits"))
            group.create_task(self._fail(ctx, ending))

    async def _fail(self, ctx: Context, ending: str) -> None:
        await asyncio.sleep(10)
        await self._end(ctx, ending)
        raise TerminalError("at last")

    async def in_the_body(self, ctx: Context) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.buys(ctx, "waits"))
            await asyncio.sleep(10)
            if self.failing:
                raise ValueError("somebody has to mend this")
            raise TerminalError("at last")

    async def releases(self, ctx: Context) -> None:
        async with saga(ctx) as undo:
            undo.durably(self._release, ctx, "tea")
            undo.durably(lambda: ctx.call(Stock.release, "coffee"))
            raise TerminalError("no")

    async def _release(self, ctx: Context, article: str) -> None:
        await ctx.sleep(1, name="a moment")
        await ctx.call(Stock.release, article)

    async def cannot_undo(self, ctx: Context) -> None:
        async with saga(ctx, retry=RetryPolicy(max_attempts=2, initial_interval=0.01)) as undo:
            undo("first", done, "1")
            undo("second", declined, "2")
            undo.durably(self._raise_group)
            undo("fourth", done, "4")
            raise TerminalError("the reason", code=409)

    async def _raise_group(self) -> None:
        raise ExceptionGroup("several", [TerminalError("a"), TerminalError("b")])

    async def slowly(self, ctx: Context) -> None:
        async with saga(ctx) as undo:
            undo("first", done, "1")
            undo.durably(self._undo_slowly, ctx)
            await ctx.awakeable(bool)

    async def _undo_slowly(self, ctx: Context) -> None:
        await ctx.sleep(3600, name="an hour")
        await ctx.run("undone", done, "slowly")

    async def slowly_in_time(self, ctx: Context) -> str:
        try:
            async with asyncio.timeout(60):
                async with saga(ctx) as undo:
                    undo("first", done, "1")
                    undo.durably(self._undo_slowly, ctx)
                    raise TerminalError("no")
        except TerminalError:
            return "undone"

    async def fails_slowly(self, ctx: Context) -> None:
        async with saga(ctx) as undo:
            undo("first", done, "1")
            undo.durably(self._undo_slowly, ctx)
            raise TerminalError("no")

    async def cancels_itself(self, ctx: Context) -> None:
        async with saga(ctx) as undo:
            undo("first", done, "1")
            undo.durably(self._cancelled)
            raise TerminalError("no")

    async def _cancelled(self) -> None:
        raise asyncio.CancelledError

    async def nested(self, ctx: Context) -> None:
        async with saga(ctx) as outer:
            outer("outer", done, "outer")
            async with saga(ctx) as inner:
                inner("inner", done, "inner")
                raise TerminalError("no")

    async def too_late(self, ctx: Context) -> None:
        async with saga(ctx) as undo:
            pass
        undo("refund", done, "money")


DOING = ["reserve", "charge"]
UNDOING = ["refund", "put back"]


async def test_what_ends_well_is_not_undone(durable: Durable) -> None:
    env = await durable(Shop)
    sent = await env.send(Shop.buys, "well")
    assert await sent.attach() == "bought"
    assert env.journal(sent).steps == DOING


@pytest.mark.parametrize(
    "ending, steps", [("terminal", ["ship"]), ("group", ["ship 0", "ship 1"])], ids=["terminal", "group"]
)
async def test_a_terminal_error_undoes_in_reverse(durable: Durable, ending: str, steps: list[str]) -> None:
    env = await durable(Shop)
    sent = await env.send(Shop.buys, ending)
    with pytest.raises(TerminalError, match="parcel declined") as failed:
        await sent.attach()
    assert failed.value.code == 402
    assert env.journal(sent).steps == [*DOING, *steps, *UNDOING]


async def test_cancellation_undoes(durable: Durable) -> None:
    env = await durable(Shop)
    sent = await env.send(Shop.buys, "waits")
    await env.settle()
    await sent.cancel()
    with pytest.raises(TerminalError) as failed:
        await sent.attach()
    assert failed.value.code == 409
    assert env.journal(sent).steps == [*DOING, *UNDOING]


async def test_a_deadline_around_it_undoes(durable: Durable) -> None:
    """A task that is cancelled by its own handler has ended for good; the handler goes on."""
    env = await durable(Shop)
    sent = await env.send(Shop.times_out)
    assert await sent.attach() == "too late"
    assert env.journal(sent).steps == [*DOING, *UNDOING]


async def test_a_sibling_that_fails_for_good_undoes(durable: Durable) -> None:
    env = await durable(Shop)
    sent = await env.send(Shop.beside, "well")
    with pytest.raises(TerminalError, match="at last"):
        await sent.attach()
    assert env.journal(sent).steps == [*DOING, *UNDOING]


async def test_a_body_that_fails_for_good_undoes_its_tasks(durable: Durable) -> None:
    shop = Shop()
    shop.failing = False
    env = await durable(shop)
    sent = await env.send(Shop.in_the_body)
    with pytest.raises(TerminalError, match="at last"):
        await sent.attach()
    assert env.journal(sent).steps == [*DOING, *UNDOING]


@pytest.mark.parametrize(
    "handler, args, after",
    [
        ("buys", ("bug",), DOING),
        ("buys", ("mixed group",), DOING),
        ("beside", ("bug",), [*DOING, *UNDOING]),
        ("in_the_body", (), [*DOING, *UNDOING]),
    ],
    ids=["bug", "mixed group", "sibling", "body"],
)
async def test_what_is_retried_is_not_undone(
    restate_env: Durable, handler: str, args: tuple[str, ...], after: list[str]
) -> None:
    """Neither where the error is raised, nor in a task that is cancelled for it; and once it is mended, the handler
    goes on from its journal."""
    shop = Shop()
    env = await restate_env(shop, auto_skip=False, retries=True)
    sent = await env.send(getattr(shop, handler), *args)
    await env.advance(seconds=11)
    assert env.journal(sent).steps == DOING
    assert env.executions("refund") == 0
    shop.failing = False
    await env.advance(minutes=10)
    assert env.journal(sent).steps == after
    assert env.journal(sent).outline[-1] == "output"


async def test_compensations_may_call_handlers(durable: Durable) -> None:
    env = await durable(Shop, Stock)
    sent = await env.send(Shop.releases)
    with pytest.raises(TerminalError, match="no"):
        await sent.attach()
    released = [env.journal(each.id).steps for each in env.invocations(Stock)]
    assert released == [["release"], ["release"]]


async def test_a_compensation_that_fails_does_not_keep_the_others(
    durable: Durable, caplog: pytest.LogCaptureFixture
) -> None:
    """The error stays the one that it all began with; the log has the others."""
    env = await durable(Shop)
    sent = await env.send(Shop.cannot_undo)
    with pytest.raises(TerminalError, match="the reason") as failed:
        await sent.attach()
    assert failed.value.code == 409
    assert env.journal(sent).steps == ["fourth", "second", "first"]
    if env.executions("second") == 1:  # logs are for those who look at the undisturbed run
        assert "compensation 'second' failed: 2 declined" in caplog.text
        assert "compensation '_raise_group' failed" in caplog.text


def test_a_failed_compensation_is_a_note_of_the_error() -> None:
    with pytest.raises(TerminalError) as failed:
        asyncio.run(Shop().cannot_undo(FakeContext()))
    assert failed.value.__notes__ == [
        "compensation '_raise_group' failed: several (2 sub-exceptions)",
        "compensation 'second' failed: 2 declined",
    ]


@pytest.mark.parametrize("handler", ["slowly", "fails_slowly"])
async def test_a_cancellation_while_undoing_does_not_stop_it(durable: Durable, handler: str) -> None:
    """What it interrupts is begun again; the second of two cancellations does nothing, as ever."""
    shop = Shop()
    env = await durable(shop, auto_skip=False)
    sent = await env.send(getattr(shop, handler))
    for _ in range(2):
        await env.settle()
        await sent.cancel()
    await env.advance(hours=3)
    with pytest.raises(TerminalError):
        await sent.attach()
    assert env.journal(sent).steps == ["undone", "first"]


async def test_a_deadline_while_undoing_does_not_stop_it(durable: Durable) -> None:
    env = await durable(Shop)
    sent = await env.send(Shop.slowly_in_time)
    assert await sent.attach() == "undone"
    assert env.journal(sent).steps == ["undone", "first"]


async def test_a_compensation_that_cancels_itself_has_failed(durable: Durable) -> None:
    """Nobody has cancelled the task: it is not begun again and again."""
    env = await durable(Shop)
    sent = await env.send(Shop.cancels_itself)
    with pytest.raises(TerminalError, match="no"):
        await sent.attach()
    assert env.journal(sent).steps == ["first"]


async def test_inner_sagas_come_first(durable: Durable) -> None:
    env = await durable(Shop)
    sent = await env.send(Shop.nested)
    with pytest.raises(TerminalError, match="no"):
        await sent.attach()
    assert env.journal(sent).steps == ["inner", "outer"]


def test_undo_belongs_inside_of_its_block() -> None:
    with pytest.raises(HandlerBugError, match=r"undo\('refund', …\) outside of its block"):
        asyncio.run(Shop().too_late(FakeContext()))
