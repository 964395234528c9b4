"""Four interceptors: what would otherwise stand in every handler, around all of them.

Shows ``handler`` (callers are authenticated), ``call`` and ``send`` (the tenant goes along), ``run``
(steps are timed), and a claim check: large texts travel as a ticket between services, and stay out
of their journals.

Try it::

    restate-reflect serve examples.interceptors --with-server
    curl localhost:8080/Letters/write --json '"to be"'  # 401: say who you are
    curl localhost:8080/Letters/write --json '"to be"' -H 'authorization: letmein' -H 'x-tenant: acme'
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from restate_reflect import Context, TerminalError, current_context, service
from restate_reflect.context import BaseContext
from restate_reflect.interceptors import HandlerCall, OutgoingCall, Step

Proceed = Callable[..., Awaitable[Any]]


class Authentication:
    """Lets in who knows a token, and lets its own calls in."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self.tokens = tokens

    async def handler(self, ctx: BaseContext, call: HandlerCall, proceed: Proceed) -> Any:
        """Raises ``TerminalError`` (401) for everybody else."""
        if call.request.headers.get("authorization") not in self.tokens:
            raise TerminalError("say who you are: authorization", code=401)
        return await proceed()

    def call(self, ctx: BaseContext, call: OutgoingCall) -> OutgoingCall:
        """Whoever was let in may call on."""
        return call.with_headers({"authorization": ctx.request.headers["authorization"]})

    send = call


class Tenant:
    """For whom it is goes with every call, and into the log."""

    async def handler(self, ctx: BaseContext, call: HandlerCall, proceed: Proceed) -> Any:
        ctx.log.info("%s for %s", call.handler, tenant())
        return await proceed()

    def call(self, ctx: BaseContext, call: OutgoingCall) -> OutgoingCall:
        return call.with_headers({"x-tenant": ctx.request.headers.get("x-tenant", "nobody")})

    send = call


def tenant() -> str:
    """Of the handler that runs."""
    return current_context().request.headers.get("x-tenant", "nobody")


class Timing:
    """How long steps take, each try for itself."""

    def __init__(self, tell: Callable[[str, float], None]) -> None:
        self.tell = tell

    async def run(self, step: Step, proceed: Proceed) -> Any:
        began = time.perf_counter()
        try:
            return await proceed()
        finally:
            self.tell(f"{step.service}/{step.handler} {step.name}", time.perf_counter() - began)


class ClaimCheck:
    """Texts above a size are left in a folder, under what they hash to; in their place a ticket is sent.

    Both ends know the folder. What is written is the same on every replay, so that nothing of it need be journaled.
    """

    def __init__(self, folder: Path, above: int) -> None:
        self.folder, self.above = folder, above

    def call(self, ctx: BaseContext, call: OutgoingCall) -> OutgoingCall:
        with ctx.unguarded():
            return call.with_arguments(*map(self._left, call.args), **call.kwargs)

    send = call

    async def handler(self, ctx: BaseContext, call: HandlerCall, proceed: Proceed) -> Any:
        with ctx.unguarded():
            args = [self._fetched(each) for each in call.args]
        return await proceed(call.with_arguments(*args, **call.kwargs))

    def _left(self, value: Any) -> Any:
        if not isinstance(value, str) or len(value) <= self.above:
            return value
        ticket = hashlib.sha256(value.encode()).hexdigest()
        (self.folder / ticket).write_text(value, encoding="utf-8")
        return f"ticket:{ticket}"

    def _fetched(self, value: Any) -> Any:
        if not isinstance(value, str) or not value.startswith("ticket:"):
            return value
        ticket = value.removeprefix("ticket:")
        if len(ticket) != 64 or not ticket.isalnum():  # a name of ours, and no path of somebody's
            raise TerminalError("that is no ticket", code=400)
        return (self.folder / ticket).read_text(encoding="utf-8")


async def count(text: str) -> int:
    return len(text.split())


def told(what: str, seconds: float) -> None:
    print(f"{what}: {seconds * 1000:.1f} ms")


@service(interceptors=[Authentication({"letmein": "ada"}), Tenant(), Timing(told)])
class Letters:
    """Writes letters for tenants."""

    async def write(self, ctx: Context, text: str) -> str:
        """Counts the words elsewhere."""
        words = await ctx.call(Words.count, text)
        return f"a letter of {words} words for {tenant()}"


@service(interceptors=[Authentication({"letmein": "ada"}), Tenant(), Timing(told)])
class Words:
    """Counts words."""

    async def count(self, ctx: Context, text: str) -> int:
        """The words of a text."""
        return await ctx.run("count", count, text)
