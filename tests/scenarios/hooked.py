"""Handlers that fail in every way, hooks that note what they see of it, and hooks that fail themselves."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, TypeAlias

from restate_reflect import Context, ObjectContext, RetryableError, RetryPolicy, TerminalError, handler, service
from restate_reflect.context import BaseContext
from restate_reflect.interceptors import AttemptEvent, HandlerCall, Step

Proceed: TypeAlias = Callable[..., Awaitable[Any]]
TAG: ContextVar[str] = ContextVar("tag", default="unset")
NOTES: defaultdict[str, dict[str, list[str]]] = defaultdict(lambda: {"outer": [], "inner": []})
"""What the hooks of the endpoint and those of the service have seen, by invocation."""


HOOK_TIMES: defaultdict[str, list[float]] = defaultdict(list)
"""When the hook that delays was called."""


class Noting:
    """Notes begin and end of handlers and steps, and the end of each attempt."""

    def __init__(self, who: str) -> None:
        self.who = who

    async def handler(self, ctx: BaseContext, call: HandlerCall, proceed: Proceed) -> Any:
        return await self._around("handler", call.request.id, proceed)

    async def run(self, step: Step, proceed: Proceed) -> Any:
        return await self._around(step.name, step.request.id, proceed)

    def attempt(self, event: AttemptEvent) -> None:
        if event.kind != "begun":
            NOTES[event.request.id][self.who].append(event.kind)

    async def _around(self, what: str, invocation: str, proceed: Proceed) -> Any:
        seen = NOTES[invocation][self.who]
        seen.append(f"{what} >")
        try:
            result = await proceed()
        except (Exception, asyncio.CancelledError) as error:
            seen.append(f"{what} ! {str(error) or type(error).__name__}".partition("\n")[0])
            raise
        seen.append(f"{what} <")
        return result


class PaymentRejected(Exception):
    """What somebody's client raises."""


class Failing:
    """Between the two: fails on the first attempt, or for good, where a handler's name says so."""

    def __init__(self) -> None:
        self._tries: Counter[str] = Counter()

    async def handler(self, ctx: BaseContext, call: HandlerCall, proceed: Proceed) -> Any:
        TAG.set("from the hook")
        if call.handler == "hook_fails":
            self._first(call.request.id, "the hook fails")
        if call.handler == "hook_delays":
            HOOK_TIMES[call.request.id].append(time.monotonic())
        if call.handler == "hook_delays" and self._is_first(call.request.id):
            raise RetryableError("later", retry_after=0.4)
        result = await proceed()
        if call.handler == "hook_fails_after":
            self._first(call.request.id, "the hook fails after")
        if call.handler == "hook_ends":
            raise TerminalError("the hook ends it", code=418, metadata={"source": "hook"})
        return result

    async def run(self, step: Step, proceed: Proceed) -> Any:
        if step.handler == "step_hook_fails":
            self._first(step.request.id, "the hook fails")
        try:
            result = await proceed()
        except PaymentRejected as error:
            raise TerminalError(str(error), code=402) from error
        except TerminalError:
            if step.handler == "swallowed":
                return "swallowed"
            raise
        if step.handler == "step_hook_fails_after":
            self._first(step.request.id, "the hook fails after")
        if step.handler == "step_hook_ends":
            raise TerminalError("the hook ends it", code=418)
        return result

    def _is_first(self, invocation: str) -> bool:
        self._tries[invocation] += 1
        return self._tries[invocation] == 1

    def _first(self, invocation: str, message: str) -> None:
        if self._is_first(invocation):
            raise ConnectionError(message)


QUICK = RetryPolicy(initial_interval=0.01)
KILL = RetryPolicy(initial_interval=0.01, max_attempts=2, on_max_attempts="kill")
ONCE = RetryPolicy(max_attempts=1, on_max_attempts="kill")


@service(name="Hooked", retry_policy=QUICK, interceptors=[Failing(), Noting("inner")])
class Hooked:
    """One handler for each way to end."""

    def __init__(self) -> None:
        self.tries: Counter[str] = Counter()
        self.awakeables: dict[str, str] = {}
        self.began: defaultdict[str, threading.Event] = defaultdict(threading.Event)
        self.may_end: defaultdict[str, threading.Event] = defaultdict(threading.Event)
        self.first_ended: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    # ---------------------------------------------------------------- handlers

    async def plain(self, ctx: Context) -> str:
        return "done"

    async def step(self, ctx: Context) -> str:
        return await ctx.run("step", self._value)

    async def retried(self, ctx: Context) -> str:
        self._fail_until(2, ctx)
        return "done"

    async def twice_retried(self, ctx: Context) -> str:
        self._fail_until(3, ctx)
        return "done"

    async def twice_then_terminal(self, ctx: Context) -> str:
        self._fail_until(3, ctx)
        raise TerminalError("at last", code=418)

    async def terminal(self, ctx: Context) -> str:
        raise TerminalError("for good", code=418)

    async def replayed_step(self, ctx: Context) -> str:
        await ctx.run("one", self._value)
        self._fail_until(2, ctx)
        return await ctx.run("two", self._value)

    async def after_a_step(self, ctx: Context) -> str:
        await ctx.run("step", self._value)
        self._fail_until(2, ctx)
        raise TerminalError("at last", code=418)

    async def two_steps(self, ctx: Context) -> str:
        await ctx.run("one", self._fails_once, ctx.request.id)
        return await ctx.run("two", self._value)

    # ---------------------------------------------------------------- steps

    async def step_retried(self, ctx: Context) -> str:
        return await ctx.run("step", self._fails_once, ctx.request.id)

    async def step_terminal(self, ctx: Context) -> str:
        return await ctx.run("step", self._fails_for_good)

    async def step_gives_up(self, ctx: Context) -> str:
        policy = RetryPolicy(initial_interval=0.01, max_attempts=2)
        return await ctx.options(retry=policy).run("step", self._always_fails)

    @handler(retry_policy=KILL)
    async def step_without_codec(self, ctx: Context) -> str:
        return await ctx.run("step", self._wrong)

    async def translated(self, ctx: Context) -> str:
        return await ctx.run("charge", self._rejected)

    async def concurrent(self, ctx: Context) -> list[str]:
        """Both fail, one after the other."""
        attempt = self._count(ctx)
        steps = [ctx.run(f"run-{n}", self._one_of_two, ctx.request.id, attempt, n) for n in (1, 2)]
        return list(await asyncio.gather(*steps))

    # ---------------------------------------------------------------- hooks that fail, see class Failing

    hook_fails = plain
    hook_fails_after = plain
    hook_delays = plain
    hook_ends = plain
    step_hook_fails = step
    step_hook_fails_after = step
    step_hook_ends = step

    async def swallowed(self, ctx: Context) -> str:
        return await ctx.run("step", self._fails_for_good)

    async def tagged(self, ctx: Context) -> list[str]:
        return [TAG.get(), await ctx.run("tag", self._tag)]

    # ---------------------------------------------------------------- the outside

    async def takes_a_number(self, ctx: Context, number: int) -> int:
        return number

    @handler(retry_policy=KILL)
    async def calls_nobody(self, ctx: Context) -> None:
        await ctx.call_raw("NoSuchService", "handler", b"")

    @handler(retry_policy=ONCE)
    async def calls_nobody_beside_a_step(self, ctx: Context) -> None:
        """The step executes by then, and for a while."""
        slow = ctx.run("slow", self._takes_long)
        await ctx.run("before", self._value)
        await asyncio.gather(slow, ctx.call_raw("NoSuchService", "handler", b""))

    @handler(retry_policy=KILL)
    async def mismatched(self, ctx: Context) -> None:
        name = "a" if self._count(ctx) == 1 else "b"
        await ctx.run(name, self._always_fails)

    @handler(inactivity_timeout=0, abort_timeout=0.001, retry_policy=ONCE)
    async def blocks(self, ctx: Context) -> str:
        """Longer than it may, before it has asked for anything."""
        time.sleep(0.2)  # that is the point
        return await ctx.run("step", self._value)

    async def waits(self, ctx: Context) -> str:
        await ctx.run("before", self._value)
        awakeable = ctx.awakeable(str)
        self.awakeables[ctx.request.id] = awakeable.id
        result = await awakeable
        await ctx.run("after", self._value)
        return result

    async def waits_for_a_number(self, ctx: Context) -> str:
        """On the first attempt; what comes is a text."""
        await ctx.run("before", self._value)
        awakeable: Any = ctx.awakeable(int if self._count(ctx) == 1 else str)
        self.awakeables[ctx.request.id] = awakeable.id
        return f"{await awakeable}"

    async def slow_step(self, ctx: Context) -> str:
        await ctx.run("slow", self._slow, ctx.request.id)
        return await ctx.run("next", self._value)

    async def slow_thread(self, ctx: Context) -> str:
        return await ctx.run("slow", self._thread, ctx.request.id)

    # ---------------------------------------------------------------- parts

    def _count(self, ctx: Context) -> int:
        self.tries[ctx.request.id] += 1
        return self.tries[ctx.request.id]

    def _fail_until(self, attempt: int, ctx: Context) -> None:
        if self._count(ctx) < attempt:
            raise ConnectionError("again")

    async def _value(self) -> str:
        return "done"

    async def _takes_long(self) -> str:
        await asyncio.sleep(0.3)
        return "done"

    async def _tag(self) -> str:
        return TAG.get()

    async def _fails_once(self, invocation: str) -> str:
        self.tries[f"step of {invocation}"] += 1
        if self.tries[f"step of {invocation}"] == 1:
            raise ConnectionError("again")
        return "done"

    async def _always_fails(self) -> str:
        raise ConnectionError("again")

    async def _fails_for_good(self) -> str:
        raise TerminalError("for good", code=418, metadata={"source": "step"})

    async def _wrong(self) -> str:
        return object()  # type: ignore[return-value]

    async def _rejected(self) -> str:
        raise PaymentRejected("no money")

    async def _one_of_two(self, invocation: str, attempt: int, number: int) -> str:
        if attempt == 1:
            if number == 2:
                await asyncio.sleep(3600)
            await asyncio.sleep(0)  # the other one begins
            raise ConnectionError("run-1 fails")
        if number == 1:
            self.first_ended[invocation].set()
        elif attempt == 2:
            await self.first_ended[invocation].wait()
            await asyncio.sleep(0.05)  # what the first one has brought is on its way to the server
            raise ConnectionError("run-2 fails")
        return f"run-{number}"

    async def _slow(self, invocation: str) -> str:
        self.began[invocation].set()
        while not self.may_end[invocation].is_set():
            await asyncio.sleep(0.01)
        return "slow"

    def _thread(self, invocation: str) -> str:
        self.began[invocation].set()
        assert self.may_end[invocation].wait(30)
        return "slow"


SEEN: dict[str, list[Any]] = {}


class Target:
    async def handler(self, ctx: BaseContext, call: HandlerCall, proceed: Proceed) -> Any:
        SEEN[call.request.id] = [call.service, call.handler, call.request.key]
        return await proceed()


@service(interceptors=[Target()])
class HookedService:
    async def ask(self, ctx: Context) -> str:
        return ctx.request.id


@service(interceptors=[Target()])
class HookedObject:
    async def ask(self, ctx: ObjectContext) -> str:
        return ctx.request.id
