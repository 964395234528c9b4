"""Ordinary mistakes in handlers: each answers at once, with the place and the change that mends it."""

from __future__ import annotations

import asyncio
import bdb
import importlib
import logging
import re
import sys
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from restate_reflect import (
    Context,
    InvocationCancelledError,
    ObjectContext,
    ObjectSharedContext,
    TerminalError,
    WorkflowContext,
)
from restate_reflect.durable.guards import GuardWarning
from restate_reflect.errors import HandlerBugError
from restate_reflect.testing import TestEnvironment


def three() -> int:
    return 3


Body = Callable[[Any], Awaitable[Any]]


class Service:
    body: Body

    async def go(self, ctx: Context) -> int:
        return cast(int, await self.body(ctx))


class Thing:
    body: Body

    async def go(self, ctx: ObjectContext) -> int:
        return cast(int, await self.body(ctx))

    async def other(self, ctx: ObjectContext) -> int:
        return 1

    async def look(self, ctx: ObjectSharedContext) -> int:
        return cast(int, await self.body(ctx))


def told(cls: Any, method: Any, body: Body, **options: Any) -> str:
    """What whoever tests the handler is told."""
    made = cls()
    made.body = body
    with pytest.raises(HandlerBugError) as caught:
        called(made, method, **options)
    return str(caught.value)


def called(service: Any, method: Any, *, retries: bool = False, **options: Any) -> Any:
    async def call() -> Any:
        async with TestEnvironment(service, retries=retries) as env:
            return await env.call(method, **options)

    return asyncio.run(call())


STEPS: list[tuple[Body, str]] = [
    (lambda ctx: ctx.run(lambda: 3), "the step has no name"),
    (lambda ctx: ctx.run(three), "Write ctx.run('three', three)"),
    (lambda ctx: ctx.run("three"), "run 'three' has a name and no function"),
    (lambda ctx: ctx.run(3), "takes a name and a function, not int"),
    (lambda ctx: ctx.options(type=int).run(three), "Write ctx.run('three', three)"),
]


@pytest.mark.parametrize("body, text", STEPS)
def test_a_step_without_a_name_or_a_function_is_told(body: Body, text: str) -> None:
    found = told(Service, Service.go, body)
    assert text in found
    assert "test_mistakes.py:" in found


async def _plus(ctx: Any) -> Any:
    return ctx.run("three", three) + 1


async def _index(ctx: Any) -> Any:
    return ctx.run("three", three)["a"]


async def _attribute(ctx: Any) -> Any:
    return ctx.run("three", three).name


async def _compared(ctx: Any) -> Any:
    return ctx.run("three", three) > 3


async def _text(ctx: Any) -> Any:
    return "a" + ctx.run("three", three)


async def _iterated(ctx: Any) -> Any:
    return list(ctx.run("three", three))


async def _formatted(ctx: Any) -> Any:
    return f"{ctx.run('three', three)}"


async def _coroutine(ctx: Any) -> Any:
    async def helper() -> int:
        return 3

    asked = helper()
    try:
        return cast(Any, asked) + 1
    finally:
        asked.close()


@pytest.mark.parametrize("body", [_plus, _index, _attribute, _compared, _text, _iterated, _formatted, _coroutine])
def test_a_forgotten_await_is_told_at_its_line(body: Body) -> None:
    found = told(Service, Service.go, body)
    assert f"'await' is missing at tests/durable/test_mistakes.py:{_line_of(body)} in {body.__name__}" in found


def _line_of(body: Body) -> int:
    last = {"_coroutine": 6}.get(body.__name__, 1)
    return int(body.__code__.co_firstlineno) + last


def test_a_forgotten_await_in_a_task_is_told() -> None:
    """The group that a TaskGroup makes does not hide it."""

    async def body(ctx: Any) -> int:
        async with asyncio.TaskGroup() as group:
            group.create_task(_plus(ctx))
        return 1

    assert "'await' is missing" in told(Service, Service.go, body)


CONTEXTS: list[tuple[Any, Any, Body, str]] = [
    (Service, Service.go, lambda ctx: ctx.get("n", int), "Context has no 'get'"),
    (Service, Service.go, lambda ctx: ctx.key, "annotate the context with ObjectContext or WorkflowContext"),
    (Service, Service.go, lambda ctx: ctx.rnu("three", three), "Did you mean 'run'?"),
    (Thing, Thing.look, lambda ctx: ctx.set("n", 1), "annotate the context with ObjectContext"),
    (Thing, Thing.go, lambda ctx: ctx.promise("p"), "annotate the context with WorkflowContext"),
]


@pytest.mark.parametrize("cls, method, body, text", CONTEXTS)
def test_what_a_context_lacks_is_told_with_the_context_that_has_it(
    cls: Any, method: Any, body: Body, text: str
) -> None:
    found = told(cls, method, body, **({"key": "k"} if cls is Thing else {}))
    assert text in found
    assert "test_mistakes.py:" in found


def test_a_wrong_argument_of_the_context_is_told_with_the_right_ones() -> None:
    found = told(Service, Service.go, lambda ctx: ctx.sleep(seconds=3))
    assert "ctx.sleep is called in another way than it can be" in found
    assert "It is ctx.sleep(duration, *, name='')." in found


def test_a_call_of_the_own_key_is_told() -> None:
    """It would wait for its own end; a shared handler and another key are no problem."""
    found = told(Thing, Thing.go, lambda ctx: ctx.call(Thing.other, key=ctx.key), key="k")
    assert "Thing/go calls other of its own key" in found
    assert "await self.other(ctx, …)" in found
    raw = told(Thing, Thing.go, lambda ctx: ctx.call_raw("Thing", "go", key="k"), key="k")
    assert "Thing/go calls go of its own key" in raw

    class Fine:
        async def go(self, ctx: ObjectContext) -> int:
            return await ctx.call(Fine.look, key=ctx.key) + await ctx.call(Fine.one, key="else")

        async def look(self, ctx: ObjectSharedContext) -> int:
            return await ctx.call(Fine.one, key="third")

        async def one(self, ctx: ObjectContext) -> int:
            return 1

    assert called(Fine, Fine.go, key="k") == 2


class Booking:
    """A compensation as one writes it in Temporal, and as it is here."""

    undone: int

    def undo(self) -> None:
        self.undone += 1

    async def run(self, ctx: WorkflowContext, caught: str) -> None:
        if caught == "restate":
            await self._restate(ctx)
        elif caught == "both":
            await self._both(ctx)
        else:
            await self._asyncio(ctx)

    async def _asyncio(self, ctx: WorkflowContext) -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await ctx.run("undo", self.undo)
            raise

    async def _restate(self, ctx: WorkflowContext) -> None:
        try:
            await asyncio.sleep(3600)
        except InvocationCancelledError:
            await ctx.run("undo", self.undo)
            raise

    async def _both(self, ctx: WorkflowContext) -> None:
        try:
            await asyncio.sleep(3600)
        except (asyncio.CancelledError, InvocationCancelledError):
            await ctx.run("undo", self.undo)
            raise


@pytest.mark.parametrize("caught", ["asyncio", "restate", "both"])
def test_a_compensation_that_a_cancellation_passes_by_is_told(caught: str) -> None:
    booking = Booking()
    booking.undone = 0

    async def cancelled() -> None:
        async with TestEnvironment(booking) as env:
            handle = await env.send(Booking.run, caught, key="k")
            await env.advance(seconds=1)
            await handle.cancel()
            await handle.attach()

    with pytest.raises(HandlerBugError if caught == "asyncio" else TerminalError) as ended:
        asyncio.run(cancelled())
    if caught == "asyncio":
        assert "the cancellation passes by 'except asyncio.CancelledError'" in str(ended.value)
        assert "Write 'except InvocationCancelledError:'" in str(ended.value)
    assert booking.undone == (caught != "asyncio")


def test_leaving_the_debugger_ends_the_invocation() -> None:
    async def body(ctx: Any) -> Any:
        raise bdb.BdbQuit

    assert "the debugger was left at" in told(Service, Service.go, body)


def test_errors_of_the_users_own_are_left_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    """They may pass, so they are tried again."""
    tries: list[int] = []

    async def body(ctx: Any) -> int:
        tries.append(1)
        if len(tries) == 1:
            raise TypeError("unsupported operand type(s) for +: 'int' and 'str'")
        return 3

    made = Service()
    made.body = body
    caplog.set_level(logging.WARNING)

    async def call() -> int:
        async with TestEnvironment(made, retries=True) as env:
            return await env.call(Service.go)

    assert asyncio.run(call()) == 3


LIBRARY = """
import os
import socket

def get(url):
    timeout = os.environ.get("FETCHING_TIMEOUT", "1")
    with socket.socket() as one:
        one.connect_ex(("127.0.0.1", 9))
    return 3
"""


@pytest.fixture
def fetching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An installed package that asks the environment and opens a socket."""
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "fetching.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    yield importlib.import_module("fetching")
    del sys.modules["fetching"]


@pytest.mark.parametrize("is_plain", [True, False])
def test_a_library_is_named_at_the_users_line(fetching: Any, is_plain: bool) -> None:
    """Neither its own lines nor what it asks of the machine one by one say what to change."""

    class Fetcher:
        async def go(self, ctx: Context) -> int:
            return int(fetching.get("http://localhost"))

        def plain(self, ctx: Context) -> int:
            return int(fetching.get("http://localhost"))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        called(Fetcher, Fetcher.plain if is_plain else Fetcher.go)
    told = [str(each.message) for each in caught if isinstance(each.message, GuardWarning)]
    where = r"handler code calls fetching\.get at tests/durable/test_mistakes\.py:\d+ in \S+(go|plain), which "
    assert len(told) == 2
    assert re.match(where + "asks os.environ", told[0])
    assert re.match(where + "opens a network connection", told[1])
