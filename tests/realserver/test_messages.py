"""Promises, awakeables, signals, other invocations and scopes, on the real server."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from pydantic import BaseModel

from restate_reflect import (
    Context,
    IdempotentRequest,
    InvocationCancelledError,
    ObjectContext,
    TerminalError,
    WorkflowContext,
    WorkflowRun,
    WorkflowSharedContext,
)
from restate_reflect.server import RestateServer
from tests.conftest import Serve
from tests.realserver.waiting import eventually
from tests.support import Answer, call, fetch

_serial = itertools.count()


@pytest.fixture
def fresh() -> str:
    """A key nobody has used."""
    return f"key-{next(_serial)}"


class Note(BaseModel):
    text: str


def attach(server: RestateServer, invocation_id: str) -> Answer:
    return fetch(f"{server.ingress_url}/restate/invocation/{invocation_id}/attach", method="GET")


# ---------------------------------------------------------------- promises


class Approval:
    """A workflow that waits for a promise."""

    async def run(self, ctx: WorkflowContext) -> str:
        note = await ctx.promise("note", Note)
        return note.text

    async def decide(self, ctx: WorkflowSharedContext, text: str) -> str:
        try:
            await ctx.promise("note", Note).resolve(Note(text=text))
        except TerminalError as error:
            return f"refused with {error.code}"
        return "taken"

    async def refuse(self, ctx: WorkflowSharedContext, reason: str) -> None:
        await ctx.promise("note", Note).reject(reason, 418)

    async def look(self, ctx: WorkflowSharedContext) -> str | None:
        note = await ctx.promise("note", Note).peek()
        return None if note is None else note.text


def test_a_promise_is_completed_once(any_server: RestateServer, serve: Serve, fresh: str) -> None:
    """The first value counts, whoever asks and how often."""
    serve(any_server, Approval)
    sent = call(any_server, "Approval", "run", key=fresh, send=True).invocation_id
    assert call(any_server, "Approval", "look", key=fresh).json is None
    assert call(any_server, "Approval", "decide", "yes", key=fresh).json == "taken"
    assert call(any_server, "Approval", "decide", "no", key=fresh).json == "refused with 409"
    assert call(any_server, "Approval", "look", key=fresh).json == "yes"
    assert attach(any_server, sent).json == "yes"


def test_a_rejected_promise_raises(any_server: RestateServer, serve: Serve, fresh: str) -> None:
    """In the workflow and in whoever peeks, with its code."""
    serve(any_server, Approval)
    sent = call(any_server, "Approval", "run", key=fresh, send=True).invocation_id
    call(any_server, "Approval", "refuse", "too late", key=fresh)
    result = attach(any_server, sent)
    assert (result.status, result.json["message"]) == (418, "too late")
    assert call(any_server, "Approval", "look", key=fresh).status == 418


# ---------------------------------------------------------------- awakeables and signals


class Waiter:
    """Waits for others, and completes what others wait for."""

    async def two(self, ctx: Context, fail: bool) -> list[str]:
        first, second = ctx.awakeable(Note), ctx.awakeable(Note)
        ctx.send(Waiter.answer, second.id, "second", False)
        ctx.send(Waiter.answer, first.id, "first", fail)
        return [note.text for note in await asyncio.gather(first, second)]

    async def answer(self, ctx: Context, id: str, text: str, fail: bool) -> None:
        if fail:
            ctx.reject_awakeable(id, text, 422)
        else:
            ctx.resolve_awakeable(id, Note(text=text))

    async def listen(self, ctx: Context) -> list[Any]:
        go, stop = ctx.signal("go", Note), ctx.signal("stop", int)
        heard: list[Any] = [(await go).text]
        try:
            heard.append(await stop)
        except TerminalError as error:
            heard.append(f"{error.code} {error}")
        return heard

    async def conduct(self, ctx: Context, reject: bool) -> list[Any]:
        handle = ctx.send(Waiter.listen)
        listener = await handle
        if reject:
            ctx.reject_signal(listener, "stop", "no more", 410)
        else:
            ctx.resolve_signal(listener, "stop", 5)
        ctx.resolve_signal(listener, "go", Note(text="now"))
        heard: list[Any] = await handle.attach()
        return heard


def test_awakeables_are_told_apart(any_server: RestateServer, serve: Serve) -> None:
    """Each gets its own value, in whatever order they come."""
    serve(any_server, Waiter)
    assert call(any_server, "Waiter", "two", False).json == ["first", "second"]


def test_a_rejected_awakeable_raises(any_server: RestateServer, serve: Serve) -> None:
    serve(any_server, Waiter)
    answer = call(any_server, "Waiter", "two", True)
    assert (answer.status, answer.json["message"]) == (422, "first")


@pytest.mark.parametrize("reject, heard", [(False, ["now", 5]), (True, ["now", "410 no more"])])
def test_signals_go_by_name(any_server: RestateServer, serve: Serve, reject: bool, heard: list[Any]) -> None:
    """One that comes before it is awaited is kept."""
    serve(any_server, Waiter)
    assert call(any_server, "Waiter", "conduct", reject).json == heard


# ---------------------------------------------------------------- other invocations


class Slow:
    """Ends when told to."""

    async def work(self, ctx: ObjectContext) -> str:
        return await ctx.signal("end", str)

    async def cancellable(self, ctx: ObjectContext) -> str:
        try:
            await ctx.signal("end", str)
        except InvocationCancelledError:
            return await ctx.run("clean up", lambda: "cleaned up")
        return "ended"


class Observer:
    """Looks at other invocations."""

    async def follow(self, ctx: Context, key: str) -> list[Any]:
        handle = ctx.send(Slow.work, key=key)
        id_ = await handle
        before = await ctx.output(id_, str)
        ctx.resolve_signal(id_, "end", "done")
        return [before, await ctx.attach(id_, str), await handle.output(), await handle.attach()]

    async def stop(self, ctx: Context, key: str) -> str:
        handle = ctx.send(Slow.cancellable, key=key)
        await handle.cancel()
        return await handle.attach()

    async def stop_call(self, ctx: Context, key: str) -> str:
        running = ctx.call(Slow.cancellable, key=key)
        await running.cancel_invocation()
        return await running

    async def idempotent(self, ctx: Context, key: str) -> list[Any]:
        first = ctx.call(Slow.work, key=key, idempotency_key="once")
        second = ctx.call(Slow.work, key=key, idempotency_key="once")
        ids = [await first.invocation_id, await second.invocation_id]
        ctx.resolve_signal(ids[0], "end", "shared")
        request = IdempotentRequest("Slow", "work", "once", key)
        return [ids[0] == ids[1], await first, await second, await ctx.attach(request, str)]

    async def workflow(self, ctx: Context, key: str) -> list[Any]:
        run = WorkflowRun("Approval", key)
        ctx.send(Approval.run, key=key)
        before = await ctx.output(run, str)
        await ctx.call(Approval.decide, "fine", key=key)
        return [before, await ctx.attach(run, str)]

    async def parent(self, ctx: Context, key: str) -> str:
        try:
            return await ctx.call(Slow.cancellable, key=key)
        except InvocationCancelledError as error:
            return f"cancelled with {error.code}"


def test_an_invocation_is_followed_by_its_id(any_server: RestateServer, serve: Serve, fresh: str) -> None:
    """Output is none before the end, attach waits for it."""
    serve(any_server, Slow, Observer)
    assert call(any_server, "Observer", "follow", fresh).json == [None, "done", "done", "done"]


@pytest.mark.parametrize("handler", ["stop", "stop_call"])
def test_a_cancelled_callee_cleans_up(any_server: RestateServer, serve: Serve, fresh: str, handler: str) -> None:
    """Cancellation raises at its await; steps after that work, and the caller sees what it returns."""
    serve(any_server, Slow, Observer)
    assert call(any_server, "Observer", handler, fresh).json == "cleaned up"


def test_an_idempotency_key_makes_two_calls_one(any_server: RestateServer, serve: Serve, fresh: str) -> None:
    serve(any_server, Slow, Observer)
    assert call(any_server, "Observer", "idempotent", fresh).json == [True, "shared", "shared", "shared"]


def test_a_workflow_is_followed_by_its_key(any_server: RestateServer, serve: Serve, fresh: str) -> None:
    serve(any_server, Slow, Observer, Approval)
    assert call(any_server, "Observer", "workflow", fresh).json == [None, "fine"]


def test_cancellation_reaches_the_callee_first(any_server: RestateServer, serve: Serve, fresh: str) -> None:
    """The callee is cancelled, too, and the caller's await raises."""
    serve(any_server, Slow, Observer)
    sent = call(any_server, "Observer", "parent", fresh, send=True).invocation_id
    sql = f"SELECT id FROM sys_invocation WHERE target = 'Slow/{fresh}/cancellable' AND status != 'completed'"
    (callee,) = eventually(lambda: any_server.query(sql))
    any_server.admin.request("PATCH", f"/invocations/{sent}/cancel")
    assert attach(any_server, sent).json == "cancelled with 409"
    assert attach(any_server, callee["id"]).json == "cleaned up"
