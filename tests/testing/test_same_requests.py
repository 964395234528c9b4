"""Odd requests of a test end alike on either engine: the same value, or the same error with the same words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from restate_reflect import Context, ObjectContext, WorkflowContext
from restate_reflect.ingress import SentInvocation
from restate_reflect.server import RestateServer
from restate_reflect.testing import Durable
from restate_reflect.testing._base import Environment

pytestmark = pytest.mark.server


class Counter:
    async def add(self, ctx: ObjectContext, n: int) -> str:
        count = await ctx.get("n", int, default=0) + n
        ctx.set("n", count)
        return f"{ctx.key!r} {count}"


class Plain:
    async def echo(self, ctx: Context, n: int) -> int:
        return n

    async def headers(self, ctx: Context) -> dict[str, str]:
        return {name: value for name, value in ctx.request.headers.items() if name.startswith("x-own")}

    async def pass_on(self, ctx: Context, headers: dict[str, str]) -> dict[str, str]:
        return await ctx.call(Plain.headers, headers=headers)

    async def count(self, ctx: Context, key: str) -> str:
        return await ctx.call(Counter.add, 1, key=key)


class Flow:
    async def run(self, ctx: WorkflowContext) -> str:
        return ctx.key


Ask = Callable[[Environment], Any]

DELAYS: tuple[Any, ...] = (
    -5,
    -0.0,
    0,
    0.01,
    timedelta(seconds=-1),
    timedelta(days=-1, hours=25),
    float("nan"),
    float("inf"),
    float("-inf"),
    1e18,
    "5",
)
KEYS: tuple[Any, ...] = (
    "", " ", "  a ", "\0", "\t", "\n", "\x1b[31m", "\x7f", "\x85", "\u2028", "a/b", "/", "ä", "😀", "..", ".", "%",
    "%2F", "?", "#", "+", "&", ";", "\ud800", "k" * 3000, b"k", 5, None,
)  # fmt: skip
IDEMPOTENCY: tuple[Any, ...] = ("", " ", "k", "a/b c", "ä", "a\nb", "\0", "\ud800", "k" * 500, 5)
HEADERS: tuple[Any, ...] = (
    {"X-Own": "b"},
    {"x-OWN-a": "", "x-own-b": " "},
    {"x-own": "1", "X-Own": "2"},
    {"x-own": "ä"},
    {"x-own": "a\nb"},
    {"x-own": "a\tb"},
    {"x-own": "\0"},
    {"x-own": "\ud800"},
    {"": "x"},
    {"x own": "b"},
    {"x-own:": "b"},
    {"x-ownä": "b"},
    {"x-own": 5},
    {5: "b"},
    {"x-own": "v" * 5000},
)


def asks() -> Iterator[tuple[str, Ask]]:
    """What each of them asks, in words."""
    for delay in DELAYS:
        yield f"delay {delay!r}", partial(send_later, delay)
    for key in KEYS:
        shown = repr(key)[:20]
        yield f"key {shown}", partial(call, Counter.add, 1, key=key)
        yield f"workflow {shown}", partial(call, Flow.run, key=key)
        yield f"raw key {shown}", partial(call_raw, "Counter", "add", key=key)
        yield f"raw key of a plain service {shown}", partial(call_raw, "Plain", "echo", key=key)
        if isinstance(key, str) and key != "\ud800":
            yield f"key in a handler {shown}", partial(call, Plain.count, key)
    for key in IDEMPOTENCY:
        yield f"idempotency key {key!r}"[:50], partial(call, Plain.echo, 1, idempotency_key=key)
    for headers in HEADERS:
        yield f"headers {headers!r}"[:50], partial(call, Plain.headers, headers=headers)
    for headers in HEADERS[:3]:
        yield f"headers in a handler {headers}", partial(call, Plain.pass_on, headers)
    for service, handler in (("Nope", "echo"), ("Plain", "nope"), ("plain", "echo"), ("Counter", "add")):
        yield f"raw {service}/{handler}", partial(call_raw, service, handler)
    yield "a body of another type", partial(call_raw, "Plain", "echo", content_type="text/plain")
    yield "no JSON", partial(call_raw, "Plain", "echo", b"{")
    yield "no body", partial(call_raw, "Plain", "echo", b"")
    yield "a body that is not wanted", partial(call_raw, "Flow", "run", key="wanted")


async def send_later(delay: Any, env: Environment) -> Any:
    return await env.send(Plain.echo, 1, delay=delay)


async def call(*given: Any, **options: Any) -> Any:
    method, *arguments, env = given
    return await env.call(method, *arguments, **options)


async def call_raw(service: str, handler: str, *given: Any, **options: Any) -> Any:
    *body, env = given
    return await env.call_raw(service, handler, *(body or [b"1"]), **options)


ASKS = dict(asks())


async def outcome(env: Environment, ask: Ask) -> str:
    try:
        async with asyncio.timeout(20):
            result = await ask(env)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "sent" if isinstance(result, SentInvocation) else repr(result)


async def outcomes(env: Environment) -> dict[str, str]:
    return {name: await outcome(env, ask) for name, ask in ASKS.items()}


def test_both_engines_answer_alike(restate_server: RestateServer) -> None:
    """All differences at once."""
    answers: list[dict[str, str]] = []

    async def scenario(kit: Durable) -> None:
        answers.append(await outcomes(await kit(Counter, Plain, Flow)))

    for kit in (Durable(max_crashes=0), Durable(max_crashes=0, server=lambda: restate_server)):
        kit.run(lambda kit=kit: scenario(kit))  # type: ignore[misc]
    embedded, server = answers
    differences = [
        f"{name}\n  embedded: {embedded[name]}\n  server:   {server[name]}"
        for name in ASKS
        if embedded[name] != server[name] and not _says_it_in_own_words(name, embedded[name], server[name])
    ]
    assert not differences, "\n".join(differences)


def _says_it_in_own_words(name: str, embedded: str, server: str) -> bool:
    """An address that leads nowhere is told with what there is, which the test kit knows; the class is the same."""
    kind = embedded.partition(":")[0]
    return kind == server.partition(":")[0] and kind in ("HandlerNotFoundError", "BadRequestError") and "raw" in name
