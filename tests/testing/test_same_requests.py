"""Odd requests of a test end alike on either engine: the same value, or the same error with the same words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
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


def asks() -> dict[str, Ask]:
    """By what they ask."""
    found: dict[str, Ask] = {}
    for delay in DELAYS:
        found[f"delay {delay!r}"] = lambda env, delay=delay: env.send(Plain.echo, 1, delay=delay)
    for key in KEYS:
        shown = repr(key)[:20]
        found[f"key {shown}"] = lambda env, key=key: env.call(Counter.add, 1, key=key)
        found[f"raw key {shown}"] = lambda env, key=key: env.call_raw("Counter", "add", b"1", key=key)
        found[f"raw key of a plain service {shown}"] = lambda env, key=key: env.call_raw("Plain", "echo", b"1", key=key)
        found[f"workflow {shown}"] = lambda env, key=key: env.call(Flow.run, key=key)
        if isinstance(key, str) and key != "\ud800":
            found[f"key in a handler {shown}"] = lambda env, key=key: env.call(Plain.count, key)
    for idempotency_key in IDEMPOTENCY:
        shown = repr(idempotency_key)[:20]
        found[f"idempotency key {shown}"] = lambda env, given=idempotency_key: env.call(
            Plain.echo, 1, idempotency_key=given
        )
    for headers in HEADERS:
        shown = repr(headers)[:30]
        found[f"headers {shown}"] = lambda env, headers=headers: env.call(Plain.headers, headers=headers)
    for headers in HEADERS[:3]:
        found[f"headers in a handler {headers}"] = lambda env, headers=headers: env.call(Plain.pass_on, headers)
    for service, handler in (("Nope", "echo"), ("Plain", "nope"), ("plain", "echo"), ("Counter", "add")):
        found[f"raw {service}/{handler}"] = lambda env, names=(service, handler): env.call_raw(*names, b"1")
    found["a body of another type"] = lambda env: env.call_raw("Plain", "echo", b"1", content_type="text/plain")
    found["no JSON"] = lambda env: env.call_raw("Plain", "echo", b"{")
    found["no body"] = lambda env: env.call_raw("Plain", "echo", b"")
    found["a body that is not wanted"] = lambda env: env.call_raw("Flow", "run", b"1", key="wanted")
    return found


ASKS = asks()


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
