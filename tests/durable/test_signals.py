"""Named signals, and other invocations: attach, output, cancel."""

from __future__ import annotations

import asyncio

import pytest

from restate_reflect import Context, IdempotentRequest, TerminalError, WorkflowRun
from tests.journals import V6, V7, M, done, inv, play, signal


class Listener:
    async def one(self, ctx: Context) -> int:
        return await ctx.signal("go", int)

    async def late(self, ctx: Context) -> int:
        await ctx.sleep(1)
        return await ctx.signal("go", int)

    async def fifo(self, ctx: Context) -> list[int]:
        return [await ctx.signal("go", int), await ctx.signal("go", int), await ctx.signal("go", int)]

    async def together(self, ctx: Context) -> list[int]:
        return list(await asyncio.gather(ctx.signal("go", int), ctx.signal("go", int)))

    async def abandoned(self, ctx: Context) -> list[object]:
        first = ctx.signal("go", int)
        first.cancel()
        return [first.cancelled(), await ctx.signal("go", int)]

    async def catch(self, ctx: Context) -> str:
        try:
            return str(await ctx.signal("go"))
        except TerminalError as error:
            return f"{error.code} {error.message}"

    async def tell(self, ctx: Context) -> None:
        ctx.resolve_signal(inv(2), "go", 5)
        ctx.reject_signal(inv(2), "go", "no", 410)
        ctx.cancel(inv(3))

    async def by_id(self, ctx: Context) -> list[object]:
        return [
            await ctx.output(inv(2), int),
            await ctx.attach(inv(2), int),
        ]

    async def by_run(self, ctx: Context) -> int:
        return await ctx.attach(WorkflowRun("Flow", "k", scope=None), int)

    async def by_request(self, ctx: Context) -> int | None:
        return await ctx.output(IdempotentRequest("Svc", "do", "idem", key="k"), int)

    async def in_scope(self, ctx: Context) -> int:
        return await ctx.attach(WorkflowRun("Flow", "k", scope="tenant"), int)


def test_a_signal_is_awaited_by_name_and_is_no_command() -> None:
    played = play(Listener, "one", eof=True)
    assert played.suspended_on == ["#1", "go"]
    assert play(Listener, "one").feed(signal("other", b"1"), signal("go", b"2")).output == b"2"


def test_a_signal_may_come_before_it_is_awaited() -> None:
    assert play(Listener, "late").feed(signal("go", b"7"), done(M.SLEEP_COMPLETION, 1)).output == b"7"


@pytest.mark.parametrize("handler", ["fifo", "together"])
def test_signals_of_one_name_are_first_in_first_out(handler: str) -> None:
    played = play(Listener, handler).feed(signal("go", b"1"), signal("go", b"2"))
    if handler == "fifo":
        played.feed(signal("go", b"3"))
    assert played.output == (b"[1,2,3]" if handler == "fifo" else b"[1,2]")


def test_a_signal_is_not_given_to_one_who_has_left() -> None:
    assert play(Listener, "abandoned").feed(signal("go", b"1")).output == b"[true,1]"


def test_a_failed_signal_is_a_terminal_error() -> None:
    assert play(Listener, "catch").feed(signal("go", error=(410, "gone"))).output == b'"410 gone"'


def test_a_second_wait_for_a_name_can_not_suspend() -> None:
    """The server counts the name as arrived for ever, and would wake the invocation again and again."""
    played = play(Listener, "fifo", signal("go", b"1"), eof=True)
    assert played.types == [M.ERROR]
    assert "signal 'go' was received before" in played.error.message
    assert "ctx.signal(f'step-{i}'" in played.error.message


def test_sending_signals_and_cancelling_are_commands() -> None:
    resolved, rejected, cancelled = play(Listener, "tell").all(M.SEND_SIGNAL_COMMAND)
    assert (resolved.target_invocation_id, resolved.name, resolved.value.content) == (
        inv(2),
        "go",
        b"5",
    )
    assert (rejected.name, rejected.failure.code, rejected.failure.message) == ("go", 410, "no")
    assert (cancelled.target_invocation_id, cancelled.idx, cancelled.WhichOneof("result")) == (
        inv(3),
        1,
        "void",
    )


def test_output_and_attach_by_invocation_id() -> None:
    played = play(Listener, "by_id")
    assert played.one(M.GET_INVOCATION_OUTPUT_COMMAND).invocation_id == inv(2)
    played.feed(done(M.GET_INVOCATION_OUTPUT_COMPLETION, 1))
    assert played.one(M.ATTACH_INVOCATION_COMMAND).invocation_id == inv(2)
    assert played.feed(done(M.ATTACH_INVOCATION_COMPLETION, 2, b"4")).output == b"[null,4]"


def test_attach_by_workflow_run() -> None:
    target = play(Listener, "by_run").one(M.ATTACH_INVOCATION_COMMAND).workflow_target
    assert (target.workflow_name, target.workflow_key, target.HasField("scope")) == ("Flow", "k", False)


def test_output_by_idempotency_key() -> None:
    target = play(Listener, "by_request").one(M.GET_INVOCATION_OUTPUT_COMMAND).idempotent_request_target
    assert (target.service_name, target.service_key, target.handler_name) == ("Svc", "k", "do")
    assert target.idempotency_key == "idem"


def test_a_scope_needs_v7() -> None:
    assert play(Listener, "in_scope", version=V7).one(M.ATTACH_INVOCATION_COMMAND).workflow_target.scope == "tenant"
    assert play(Listener, "in_scope", version=V6).error.code == 573
