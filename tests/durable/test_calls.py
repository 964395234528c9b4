"""Calls and one-way calls."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from restate_reflect import Context, ObjectContext, TerminalError
from restate_reflect.errors import AttemptClosedError
from restate_reflect.protocol.versions import ProtocolVersion
from tests.journals import V5, V6, V7, M, called, done, inv, play


class Stock:
    async def reserve(self, ctx: ObjectContext, qty: int) -> int:
        raise AssertionError("not run here")

    async def move(self, ctx: ObjectContext, qty: int, to: str = "shop") -> None:
        raise AssertionError("not run here")


class Mail:
    async def send(self, ctx: Context, text: str) -> str:
        raise AssertionError("not run here")


class Shop:
    async def buy(self, ctx: Context) -> int:
        return await ctx.call(Stock.reserve, 2, key="sku", idempotency_key="once", headers={"a": "b"})

    async def keywords(self, ctx: Context) -> None:
        await ctx.target(Stock.move, key="sku").call(2, to="home")

    async def who(self, ctx: Context) -> str:
        call = ctx.call(Mail.send, "hi")
        return await call.invocation_id

    async def who_then_what(self, ctx: Context) -> str:
        call = ctx.call(Mail.send, "hi")
        id_ = await call.invocation_id
        return f"{id_} {await call} {await call.invocation_id}"

    async def who_late(self, ctx: Context) -> str:
        call = ctx.call(Mail.send, "hi")
        await ctx.sleep(1)
        return await call.invocation_id

    async def catch(self, ctx: Context) -> str:
        try:
            return await ctx.call(Mail.send, "hi")
        except TerminalError as error:
            return f"{error.code} {error.message} {error.metadata}"

    async def later(self, ctx: Context) -> str:
        handle = ctx.send(Mail.send, "hi", delay=timedelta(minutes=1), idempotency_key="i", headers={"h": "v"})
        return await handle

    async def at_once(self, ctx: Context) -> None:
        ctx.send(Stock.reserve, 1, key="k")

    async def stop(self, ctx: Context) -> None:
        call = ctx.call(Mail.send, "hi")
        await call.cancel_invocation()

    async def handle_all(self, ctx: Context) -> str:
        handle = ctx.send(Mail.send, "hi")
        await handle.cancel()
        seen = await handle.output()
        return f"{seen} {await handle.attach()}"

    async def raw(self, ctx: Context) -> bytes:
        ctx.send_raw("Other", "one", b"\x00", key="k", delay=2)
        return await ctx.call_raw("Other", "two", b"\x01", key="k")

    async def scoped(self, ctx: Context) -> str:
        return await ctx.scope("tenant", limit_key="gold").call(Mail.send, "hi")

    async def parallel(self, ctx: Context) -> list[int]:
        return await asyncio.gather(*(ctx.call(Stock.reserve, n, key="k") for n in range(3)))

    async def no_key(self, ctx: Context) -> None:
        await ctx.call(Stock.reserve, 1)  # type: ignore[arg-type]

    async def needless_key(self, ctx: Context) -> None:
        await ctx.call(Mail.send, "x", key="k")  # type: ignore[arg-type]

    async def wrong_argument(self, ctx: Context) -> None:
        await ctx.call(Stock.reserve, "many", key="k")  # type: ignore[arg-type]


OTHERS = (Stock, Mail)


def test_call_command_carries_everything() -> None:
    played = play(Shop, "buy", others=OTHERS)
    assert played.types == [M.CALL_COMMAND]
    call = played.one(M.CALL_COMMAND)
    assert (call.service_name, call.handler_name, call.key, call.parameter) == ("Stock", "reserve", "sku", b"2")
    assert call.idempotency_key == "once"
    assert [(header.key, header.value) for header in call.headers] == [("a", "b")]
    assert (call.invocation_id_notification_idx, call.result_completion_id) == (1, 2)
    assert not call.HasField("scope")
    assert played.feed(called(1, inv(0)), done(M.CALL_COMPLETION, 2, b"7")).output == b"7"


def test_an_id_that_came_empty_does_not_hang_whoever_asks_later() -> None:
    """No server does that; an await that nothing can end must not come of it."""
    played = play(Shop, "who_late", others=OTHERS)
    played.feed(done(M.CALL_INVOCATION_ID_COMPLETION, 1), done(M.SLEEP_COMPLETION, 3))
    assert played.output == b'""'


def test_call_to_a_service_that_is_not_served_here_works_by_its_class() -> None:
    assert play(Shop, "who").one(M.CALL_COMMAND).service_name == "Mail"


def test_keyword_arguments_go_through_target() -> None:
    played = play(Shop, "keywords", others=OTHERS)
    assert played.one(M.CALL_COMMAND).parameter == b'{"qty":2,"to":"home"}'
    assert played.feed(done(M.CALL_COMPLETION, 2, b"")).output == b""


def test_invocation_id_can_be_awaited_before_the_result() -> None:
    assert play(Shop, "who", others=OTHERS).feed(called(1, "inv_7")).output == b'"inv_7"'


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_id_and_result_may_come_in_any_order(order: tuple[int, int]) -> None:
    answers = [called(1, "inv_7"), done(M.CALL_COMPLETION, 2, b'"ok"')]
    played = play(Shop, "who_then_what", others=OTHERS).feed(*(answers[i] for i in order))
    assert played.output == b'"inv_7 ok inv_7"'


def test_callee_failure_is_a_terminal_error_with_code_and_message() -> None:
    played = play(Shop, "catch", others=OTHERS).feed(done(M.CALL_COMPLETION, 2, error=(409, "sold out")))
    assert played.output == b'"409 sold out {}"'


def test_uncaught_callee_failure_ends_the_caller_likewise() -> None:
    played = play(Shop, "buy", others=OTHERS).feed(done(M.CALL_COMPLETION, 2, error=(409, "sold out")))
    assert played.failure == (409, "sold out")


def test_send_with_delay_is_due_at_a_point_in_time() -> None:
    """The harness's clock stands at 1000 s."""
    played = play(Shop, "later", others=OTHERS)
    assert played.types == [M.ONE_WAY_CALL_COMMAND]
    send = played.one(M.ONE_WAY_CALL_COMMAND)
    assert send.invoke_time == 1_060_000
    assert (send.service_name, send.handler_name, send.parameter) == ("Mail", "send", b'"hi"')
    assert (send.idempotency_key, send.headers[0].key, send.headers[0].value) == ("i", "h", "v")
    assert played.feed(called(1, "inv_9")).output == b'"inv_9"'


def test_send_waits_for_nothing() -> None:
    played = play(Shop, "at_once", others=OTHERS)
    assert played.types == [M.ONE_WAY_CALL_COMMAND, M.OUTPUT_COMMAND, M.END]
    assert (played.one(M.ONE_WAY_CALL_COMMAND).invoke_time, played.one(M.ONE_WAY_CALL_COMMAND).key) == (0, "k")


def test_delay_on_record_counts_on_replay() -> None:
    """A clock that moved on is no mismatch."""
    played = play(Shop, "later", others=OTHERS)
    following = played.again(called(1, "inv_9"))
    assert following.types == [M.OUTPUT_COMMAND, M.END]


def test_cancel_invocation_sends_the_cancel_signal_once_the_id_is_known() -> None:
    played = play(Shop, "stop", others=OTHERS)
    assert M.SEND_SIGNAL_COMMAND not in played.types
    played.feed(called(1, inv(3)))
    cancel = played.one(M.SEND_SIGNAL_COMMAND)
    assert (cancel.target_invocation_id, cancel.idx, cancel.WhichOneof("result")) == (
        inv(3),
        1,
        "void",
    )


def test_once_the_attempt_has_ended_a_callee_is_not_cancelled_however_often_that_is_tried() -> None:
    refused = []

    class Stubborn:
        async def go(self, ctx: Context) -> None:
            call = ctx.call_raw("Other", "one")
            await call.invocation_id
            try:
                await call
            finally:
                while True:
                    try:
                        await call.cancel_invocation()
                    except AttemptClosedError as error:
                        refused.append(str(error))

    played = play(Stubborn, "go").feed(called(1, "inv"))
    played.attempt.abort("the connection is gone")
    assert set(refused) == {"this attempt has ended; its calls can't be cancelled any more"}
    assert M.SEND_SIGNAL_COMMAND not in played.types


def test_handle_cancels_looks_and_attaches() -> None:
    played = play(Shop, "handle_all", others=OTHERS).feed(called(1, inv(3)))
    assert played.one(M.GET_INVOCATION_OUTPUT_COMMAND).invocation_id == inv(3)
    played.feed(done(M.GET_INVOCATION_OUTPUT_COMPLETION, 2))
    assert played.one(M.ATTACH_INVOCATION_COMMAND).invocation_id == inv(3)
    assert played.feed(done(M.ATTACH_INVOCATION_COMPLETION, 3, b'"sent"')).output == b'"None sent"'


def test_raw_calls_carry_bytes_by_name() -> None:
    played = play(Shop, "raw")
    send, call = played.one(M.ONE_WAY_CALL_COMMAND), played.one(M.CALL_COMMAND)
    assert (send.service_name, send.handler_name, send.parameter, send.key) == ("Other", "one", b"\x00", "k")
    assert send.invoke_time == 1_002_000
    assert (call.service_name, call.handler_name, call.parameter, call.key) == ("Other", "two", b"\x01", "k")
    assert played.feed(done(M.CALL_COMPLETION, 3, b"\xff")).output == b"\xff"


def test_scope_and_limit_key_travel_on_v7() -> None:
    call = play(Shop, "scoped", others=OTHERS, version=V7).one(M.CALL_COMMAND)
    assert (call.scope, call.limit_key) == ("tenant", "gold")


@pytest.mark.parametrize("version", [V5, V6])
def test_scope_before_v7_is_unsupported(version: ProtocolVersion) -> None:
    played = play(Shop, "scoped", others=OTHERS, version=version)
    assert played.types == [M.ERROR]
    assert played.error.code == 573
    assert "needs service protocol V7" in played.error.message
    assert "test_calls.py:" in played.error.message


def test_calls_in_a_gather_start_in_order_and_may_end_in_any() -> None:
    played = play(Shop, "parallel", others=OTHERS)
    assert [call.parameter for call in played.all(M.CALL_COMMAND)] == [b"0", b"1", b"2"]
    assert [call.result_completion_id for call in played.all(M.CALL_COMMAND)] == [2, 4, 6]
    played.feed(*(done(M.CALL_COMPLETION, id_, str(id_).encode()) for id_ in (6, 2, 4)))
    assert played.output == b"[2,4,6]"


@pytest.mark.parametrize(
    "handler, text",
    [
        ("no_key", "Stock/reserve needs a key"),
        ("needless_key", "Mail/send belongs to a service and takes no key"),
    ],
)
def test_a_wrong_key_is_a_bug_with_place_and_fix(handler: str, text: str) -> None:
    played = play(Shop, handler, others=OTHERS)
    assert played.types == [M.ERROR]
    assert text in played.error.message
    assert "test_calls.py:" in played.error.message
    assert "key=…" in played.error.message


def test_an_argument_that_does_not_fit_is_a_retryable_bug() -> None:
    played = play(Shop, "wrong_argument", others=OTHERS)
    assert played.types == [M.ERROR]
    assert "test_calls.py" in played.error.stacktrace


def test_result_that_does_not_fit_is_a_retryable_bug_of_the_caller() -> None:
    played = play(Shop, "buy", others=OTHERS).feed(done(M.CALL_COMPLETION, 2, b'"many"'))
    assert played.types == [M.CALL_COMMAND, M.ERROR]
    assert "the result of call Stock/sku/reserve does not fit its declared type" in played.error.message


def refused(call: Callable[[Context], Any]) -> str:
    """The message for a call that can't be made; it names a line of this file."""

    async def go(self: object, ctx: Context) -> None:
        result = call(ctx)
        if inspect.isawaitable(result):
            await result

    message: str = play(type("Caller", (), {"go": go}), "go", version=V7, others=OTHERS).error.message
    assert "test_calls.py:" in message
    return message


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda ctx: ctx.call(Stock.reserve, 1, key=5), "key=5 is not a str in a call of Stock/reserve"),
        (lambda ctx: ctx.call(Mail.send, "x", idempotency_key=""), "an empty idempotency_key in a call of Mail/send"),
        (lambda ctx: ctx.scope("").call(Mail.send, "x"), "an empty scope in a call of Mail/send"),
        (lambda ctx: ctx.call(Mail.send, "x", headers={"n": 1}), "header 'n': 1 is not a str in a call of Mail/send"),
        (lambda ctx: ctx.call_raw("A", "b", "text"), "the body of a raw call is bytes, not str"),
        (lambda ctx: ctx.send_raw("A", "b", {"a": 1}), "the body of a raw call is bytes, not dict"),
        (lambda ctx: ctx.cancel(ctx.send(Mail.send, "x")), "not InvocationHandle"),
        (lambda ctx: ctx.attach(ctx.send(Mail.send, "x")), "Write await handle, which is the id"),
        (lambda ctx: ctx.output(ctx.call(Mail.send, "x")), "Write await call.invocation_id, which is the id"),
        (lambda ctx: ctx.resolve_signal(7, "go", 1), "an invocation id is a str, not int"),
    ],
)
def test_what_can_not_be_sent_is_refused_with_the_place(call: Callable[[Context], Any], text: str) -> None:
    """protobuf's own error for these says ``bad argument type for built-in operation``."""
    assert text in refused(call)


@pytest.mark.parametrize("value", [b"", b"null"])
@pytest.mark.parametrize("verb", ["attach", "output"])
def test_the_result_of_a_handler_that_returns_nothing_is_none(verb: str, value: bytes) -> None:
    """Its output is empty bytes, which is no JSON."""

    class Looker:
        async def go(self, ctx: Context) -> str:
            return repr(await getattr(ctx, verb)(inv(0)))

    type_ = M.ATTACH_INVOCATION_COMPLETION if verb == "attach" else M.GET_INVOCATION_OUTPUT_COMPLETION
    assert play(Looker, "go").feed(done(type_, 1, value)).output == b'"None"'


def test_answered_calls_are_not_kept() -> None:
    """An attempt remembers calls to cancel them, not for as long as it lasts."""

    class Many:
        async def go(self, ctx: Context) -> None:
            for _ in range(1000):
                await ctx.call_raw("Other", "one")
            await ctx.sleep(1)

    played = play(Many, "go")
    for number in range(1000):
        played.attempt.receive(called(2 * number + 1, "inv") + done(M.CALL_COMPLETION, 2 * number + 2, b"x"))
    assert played.types[-1] == M.SLEEP_COMMAND
    assert len(list(played.attempt.results.pending())) == 1
