"""Durable promises of workflows."""

from __future__ import annotations

import asyncio

from restate_reflect import TerminalError, WorkflowContext, WorkflowSharedContext
from tests.journals import M, done, play


class Approval:
    async def run(self, ctx: WorkflowContext) -> str:
        return await ctx.promise("ok", str)

    async def first(self, ctx: WorkflowSharedContext) -> str:
        promise = ctx.promise("ok", str)
        done_, _ = await asyncio.wait([promise.get(), ctx.promise("no", str).get()], return_when="FIRST_COMPLETED")
        return done_.pop().result()

    async def look(self, ctx: WorkflowSharedContext) -> str:
        try:
            return repr(await ctx.promise("ok", str).peek())
        except TerminalError as error:
            return f"{error.code} {error.message}"

    async def approve(self, ctx: WorkflowSharedContext, text: str) -> str:
        try:
            await ctx.promise("ok", str).resolve(text)
        except TerminalError as error:
            return f"{error.code} {error.message}"
        return "done"

    async def deny(self, ctx: WorkflowSharedContext) -> None:
        await ctx.promise("ok", str).reject("denied", 403)


def test_get_waits_for_the_value() -> None:
    played = play(Approval, "run", key="k")
    asked = played.one(M.GET_PROMISE_COMMAND)
    assert (asked.key, asked.result_completion_id) == ("ok", 1)
    assert played.feed(done(M.GET_PROMISE_COMPLETION, 1, b'"yes"')).output == b'"yes"'


def test_get_raises_what_the_promise_was_rejected_with() -> None:
    played = play(Approval, "run").feed(done(M.GET_PROMISE_COMPLETION, 1, error=(403, "denied")))
    assert played.failure == (403, "denied")


def test_promises_race_like_futures() -> None:
    played = play(Approval, "first").feed(done(M.GET_PROMISE_COMPLETION, 2, b'"no"'))
    assert played.output == b'"no"'


def test_peek_gives_none_while_the_promise_is_open() -> None:
    played = play(Approval, "look")
    assert played.types == [M.PEEK_PROMISE_COMMAND]
    assert played.feed(done(M.PEEK_PROMISE_COMPLETION, 1)).output == b'"None"'


def test_peek_gives_the_value_or_the_rejection() -> None:
    assert play(Approval, "look").feed(done(M.PEEK_PROMISE_COMPLETION, 1, b'"yes"')).output == b"\"'yes'\""
    failed = play(Approval, "look").feed(done(M.PEEK_PROMISE_COMPLETION, 1, error=(403, "denied")))
    assert failed.output == b'"403 denied"'


def test_resolve_is_confirmed() -> None:
    played = play(Approval, "approve", body=b'"yes"')
    resolve = played.one(M.COMPLETE_PROMISE_COMMAND)
    assert (resolve.key, resolve.completion_value.content, resolve.result_completion_id) == ("ok", b'"yes"', 1)
    assert played.feed(done(M.COMPLETE_PROMISE_COMPLETION, 1)).output == b'"done"'


def test_resolving_twice_is_a_terminal_error() -> None:
    answer = done(M.COMPLETE_PROMISE_COMPLETION, 1, error=(409, "already completed"))
    assert play(Approval, "approve", body=b'"yes"').feed(answer).output == b'"409 already completed"'


def test_reject_carries_message_and_code() -> None:
    failure = play(Approval, "deny").one(M.COMPLETE_PROMISE_COMMAND).completion_failure
    assert (failure.code, failure.message) == (403, "denied")
