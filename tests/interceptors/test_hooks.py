"""What wraps handlers, steps, calls and attempts does so in order, once, and replays."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from restate_reflect import Context, RetryPolicy, TerminalError, current_context, service
from restate_reflect.context import BaseContext
from restate_reflect.durable.operations import Operations
from restate_reflect.embedded import RuntimeSettings
from restate_reflect.errors import HandlerBugError
from restate_reflect.interceptors import AttemptEvent, HandlerCall, OutgoingCall, Step
from restate_reflect.testing import Durable, TestEnvironment

Proceed = Callable[..., Awaitable[Any]]
VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


async def charge(amount: int) -> str:
    return f"charge of {amount} ({VARIABLE.get()})"


def weigh(amount: int) -> tuple[int, str, bool]:
    return amount, VARIABLE.get(), threading.current_thread() is threading.main_thread()


class Bank:
    async def account(self, ctx: Context, owner: str) -> dict[str, str]:
        return {"owner": owner, "tenant": ctx.request.headers.get("x-tenant", "nobody")}

    async def raw(self, ctx: Context, body: bytes) -> bytes:
        return body + ctx.request.headers.get("x-tenant", "nobody").encode()


class Shop:
    async def buy(self, ctx: Context, amount: int) -> str:
        return await ctx.run("charge", charge, amount)

    async def weighed(self, ctx: Context, amount: int) -> tuple[int, str, bool]:
        return await ctx.run("weigh", weigh, amount)

    async def asks(self, ctx: Context, owner: str) -> dict[str, str]:
        return await ctx.call(Bank.account, owner, headers={"x-own": "1"})

    async def asks_raw(self, ctx: Context) -> bytes:
        return await ctx.call_raw("Bank", "raw", b"body ")

    async def sends(self, ctx: Context, owner: str) -> dict[str, str]:
        sent = ctx.send(Bank.account, owner)
        return await sent.attach()

    async def plainly(self, ctx: Context, amount: int) -> int:
        return amount

    def not_async(self, ctx: Context, amount: int) -> int:
        return amount

    async def waits(self, ctx: Context) -> str:
        await asyncio.sleep(60)
        return await ctx.run("charge", charge, 1)


class Noting:
    """Writes down what it sees."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name, self.notes = name, notes

    async def handler(self, ctx: BaseContext, call: HandlerCall, proceed: Proceed) -> Any:
        self.notes.append(f"{self.name} > {call.handler}{call.args}")
        try:
            return await proceed()
        finally:
            self.notes.append(f"{self.name} < {call.handler}")

    async def run(self, step: Step, proceed: Proceed) -> Any:
        self.notes.append(f"{self.name} > {step.name} of {step.service}/{step.handler}, {step.attempt}")
        result = await proceed()
        self.notes.append(f"{self.name} < {step.name}: {result}")
        return result

    def call(self, ctx: BaseContext, call: OutgoingCall) -> OutgoingCall | None:
        self.notes.append(f"{self.name} calls {call.service}/{call.handler}{call.args}")
        return None

    def send(self, ctx: BaseContext, call: OutgoingCall) -> OutgoingCall | None:
        self.notes.append(f"{self.name} sends {call.service}/{call.handler}{call.args}")
        return None


async def test_the_first_one_is_the_outermost(restate_env: Durable) -> None:
    """Around handlers, around steps, and first to be asked about calls; then those of the service."""
    notes: list[str] = []
    served = service(interceptors=[Noting("service's", notes)])(type("Shop", (Shop,), {"__module__": __name__}))
    env = await restate_env(served, interceptors=[Noting("outer", notes), Noting("inner", notes)])
    assert await env.call_raw("Shop", "buy", b"5") == b'"charge of 5 (unset)"'
    who = [note.partition(" ")[0] for note in notes]
    assert who == ["outer", "inner", "service's"] * 2 + ["service's", "inner", "outer"] * 2
    assert notes[0] == "outer > buy(5,)"
    assert notes[3] == "outer > charge of Shop/buy, 1"
    assert notes[6] == "service's < charge: charge of 5 (unset)"


async def test_calls_and_sends_are_asked_about(restate_env: Durable) -> None:
    notes: list[str] = []
    env = await restate_env(Shop, Bank, interceptors=[Noting("it", notes)])
    await env.call(Shop.asks, "ada")
    await env.call(Shop.asks_raw)
    await env.call(Shop.sends, "bob")
    asked = [note for note in notes if note.startswith(("it calls", "it sends"))]
    assert asked == ["it calls Bank/account('ada',)", "it calls Bank/raw(b'body ',)", "it sends Bank/account('bob',)"]


class Tenant:
    """From header to header."""

    def call(self, ctx: BaseContext, call: OutgoingCall) -> OutgoingCall:
        return call.with_headers({"x-tenant": ctx.request.headers["x-tenant"]})

    send = call


async def test_headers_are_added_to_whatever_goes_out(durable: Durable) -> None:
    env = await durable(Shop, Bank, interceptors=[Tenant()])
    headers = {"x-tenant": "acme"}
    expected = {"owner": "ada", "tenant": "acme"}
    assert await env.call(Shop.asks, "ada", headers=headers) == expected
    assert await env.call(Shop.sends, "ada", headers=headers) == expected
    assert await env.call(Shop.asks_raw, headers=headers) == b"body acme"


class Doubling:
    """Changes arguments and results."""

    async def handler(self, ctx: BaseContext, call: HandlerCall, proceed: Proceed) -> Any:
        if call.handler == "account":
            return await proceed()
        return 10 * await proceed(call.with_arguments(2 * call.args[0]))

    def call(self, ctx: BaseContext, call: OutgoingCall) -> OutgoingCall:
        return call.with_arguments(call.args[0] * 2)


@pytest.mark.parametrize("handler", [Shop.plainly, Shop.not_async])
async def test_arguments_and_results_can_be_changed(durable: Durable, handler: Any) -> None:
    env = await durable(Shop, interceptors=[Doubling])
    assert await env.call(handler, 3) == 60


async def test_arguments_of_calls_can_be_changed(durable: Durable) -> None:
    class Repeating:
        def call(self, ctx: BaseContext, call: OutgoingCall) -> OutgoingCall:
            return call.with_arguments(call.args[0] * 2)

    env = await durable(Shop, Bank, interceptors=[Repeating()])
    assert (await env.call(Shop.asks, "ada"))["owner"] == "adaada"


class Variables:
    """What it sets is there in the step's body."""

    async def run(self, step: Step, proceed: Proceed) -> Any:
        token = VARIABLE.set(f"step {step.name}")
        try:
            return await proceed()
        finally:
            VARIABLE.reset(token)


async def test_steps_see_the_context_variables(durable: Durable) -> None:
    """The async ones on the event loop, the others in a thread; results keep their declared types."""
    env = await durable(Shop, interceptors=[Variables()])
    assert await env.call(Shop.buy, 5) == "charge of 5 (step charge)"
    assert await env.call(Shop.weighed, 5) == (5, "step weigh", False)


class Counting:
    def __init__(self) -> None:
        self.tries: list[int] = []
        self.failures: list[str] = []

    async def run(self, step: Step, proceed: Proceed) -> Any:
        self.tries.append(step.attempt)
        try:
            return await proceed()
        except ConnectionError as error:
            self.failures.append(str(error))
            raise


class Flaky:
    def __init__(self) -> None:
        self.left = 2

    async def work(self, ctx: Context) -> str:
        return await ctx.options(retry=RetryPolicy(initial_interval=1)).run("flaky", self.flaky)

    async def flaky(self) -> str:
        self.left -= 1
        if self.left >= 0:
            raise ConnectionError(f"{self.left} left")
        return "at last"


async def test_each_execution_of_a_step_is_seen(restate_env: Durable) -> None:
    """With its number; what is replayed is not executed."""
    counting = Counting()
    env = await restate_env(Flaky(), interceptors=[counting], retries=True)
    assert await env.call(Flaky.work) == "at last"
    assert counting.tries == [1, 2, 3]
    assert counting.failures == ["1 left", "0 left"]


async def test_what_is_replayed_is_not_executed(durable: Durable) -> None:
    """A crash after the step's result: the body's hook is not called again."""
    counting = Counting()
    env = await durable(Shop, interceptors=[counting])
    await env.call(Shop.waits)
    assert len(counting.tries) in (1, 2)  # two, where it crashed before the journal had it
    assert env.executions("charge") == len(counting.tries)


class Guarding:
    """Authenticates callers."""

    async def handler(self, ctx: BaseContext, call: HandlerCall, proceed: Proceed) -> Any:
        if call.request.headers.get("authorization") != "secret":
            raise TerminalError("who are you?", code=401)
        return await proceed()


async def test_errors_of_a_hook_are_the_handlers(durable: Durable) -> None:
    env = await durable(Shop, interceptors=[Guarding()])
    with pytest.raises(TerminalError, match="who are you") as refused:
        await env.call(Shop.plainly, 1)
    assert refused.value.code == 401
    assert await env.call(Shop.plainly, 1, headers={"authorization": "secret"}) == 1


class Journaling:
    """Durable code of its own around the handler."""

    async def handler(self, ctx: BaseContext, call: HandlerCall, proceed: Proceed) -> Any:
        assert current_context() is ctx
        await ctx.run("before", charge, 0)
        result = await proceed()
        await ctx.sleep(1, name="after")
        return result


async def test_hooks_of_handlers_are_durable_code(durable: Durable) -> None:
    env = await durable(Shop, interceptors=[Journaling(), Variables()])
    sent = await env.send(Shop.buy, 5)
    assert await sent.attach() == "charge of 5 (step charge)"
    assert env.journal(sent).steps == ["before", "charge"]


class Calling:
    """Sends in turn, for the books; and is not asked about that."""

    def call(self, ctx: BaseContext, call: OutgoingCall) -> None:
        ctx.send(Bank.account, "the books")

    def send(self, ctx: BaseContext, call: OutgoingCall) -> None:
        raise AssertionError("asked about its own")


async def test_a_hook_that_calls_is_not_asked_about_it(durable: Durable) -> None:
    env = await durable(Shop, Bank, interceptors=[Calling()])
    await env.call(Shop.asks, "ada")
    assert len(env.invocations(Bank)) == 2


# ------------------------------------------------------------ replay


NUMBERS = itertools.count()


class ByChance:
    """Nothing of it is the same on replay."""

    def __init__(self, what: str) -> None:
        self.what = what

    async def handler(self, ctx: BaseContext, call: HandlerCall, proceed: Proceed) -> Any:
        if self.what == "step":
            await ctx.run(f"step {next(NUMBERS)}", charge, 0)
        return await proceed()

    def call(self, ctx: BaseContext, call: OutgoingCall) -> OutgoingCall:
        chance = str(next(NUMBERS))
        if self.what == "header":
            return call.with_headers({"x-chance": chance})
        return call.with_arguments(chance) if self.what == "argument" else call


@pytest.mark.parametrize("what", ["step", "header", "argument"])
def test_no_interceptor_breaks_replay_unnoticed(what: str) -> None:
    """The journal knows all that it can change: its steps, and headers and arguments of calls."""
    durable = Durable(max_crashes=20)

    async def scenario() -> None:
        env = await durable(Shop, Bank, interceptors=[ByChance(what)])
        await env.call(Shop.asks, "ada")

    with pytest.raises(Exception, match="journal mismatch"):
        durable.run(scenario)


# ------------------------------------------------------------ attempts


class Watching:
    def __init__(self) -> None:
        self.events: list[AttemptEvent] = []

    def attempt(self, event: AttemptEvent) -> None:
        self.events.append(event)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


async def test_an_attempt_begins_and_ends(restate_env: Durable) -> None:
    watching = Watching()
    env = await restate_env(Shop, interceptors=[watching])
    await env.call(Shop.plainly, 1)
    assert watching.kinds == ["begun", "completed"]
    begun, completed = watching.events
    assert (begun.service, begun.handler, begun.replayed) == ("Shop", "plainly", 1)
    assert completed.request is begun.request
    assert completed.failure is None


async def test_a_suspended_attempt_goes_on_with_what_is_replayed(restate_env: Durable) -> None:
    watching = Watching()
    env = await restate_env(Shop, interceptors=[watching], settings=RuntimeSettings(force_suspension=True))
    await env.call(Shop.waits)
    assert watching.kinds[:-2] == ["begun", "suspended"] * (len(watching.kinds) // 2 - 1)
    assert watching.kinds[-2:] == ["begun", "completed"]
    assert [event.replayed for event in watching.events if event.kind == "begun"][:2] == [1, 3]


async def test_failures_are_told_apart(restate_env: Durable) -> None:
    """One that callers see, and one that is tried again."""
    watching = Watching()
    env = await restate_env(Shop, Flaky(), interceptors=[watching, Guarding()], retries=True)
    with pytest.raises(TerminalError):
        await env.call(Shop.plainly, 1)
    with pytest.raises(TerminalError):
        await env.call_raw("Shop", "plainly", b'"no number"')
    await env.call(Flaky.work, headers={"authorization": "secret"})
    assert watching.kinds == [
        "begun",
        "completed",
        "begun",
        "completed",
        *["begun", "failed"] * 2,
        "begun",
        "completed",
    ]
    assert [event.failure.code for event in watching.events if event.failure is not None] == [401, 400]
    assert [event.error for event in watching.events if event.error] == [
        "ConnectionError: 1 left",
        "ConnectionError: 0 left",
    ]


async def test_a_lost_attempt_was_aborted(restate_env: Durable) -> None:
    watching = Watching()
    env = await restate_env(Shop, interceptors=[watching], auto_skip=False)
    sent = await env.send(Shop.waits)
    await env.settle()
    env.crash()
    await env.advance(minutes=2)
    await sent.attach()
    assert watching.kinds[:2] == ["begun", "aborted"]


async def test_who_looks_on_does_not_stand_in_the_way(restate_env: Durable, caplog: pytest.LogCaptureFixture) -> None:
    class Failing:
        def attempt(self, event: AttemptEvent) -> None:
            raise OSError("the disk is full")

    env = await restate_env(Shop, interceptors=[Failing()])
    assert await env.call(Shop.plainly, 1) == 1
    assert "the attempt hook of an interceptor has failed" in caplog.text


# ------------------------------------------------------------ without any


async def test_nothing_is_in_the_way_without_one(restate_env: Durable) -> None:
    """The context has the attempt's own operations; also if no hook is asked about calls or steps."""
    found: list[object] = []

    class Looking:
        async def look(self, ctx: Context) -> None:
            found.append(type(ctx._operations))

    env = await restate_env(Looking)
    await env.call_raw("Looking", "look")
    env = await restate_env(Looking, interceptors=[Watching(), Guarding()])
    await env.call_raw("Looking", "look", headers={"authorization": "secret"})
    assert found == [Operations, Operations]


class Wrong:
    async def calls(self, ctx: Context) -> None:
        await ctx.call(charge, 1)  # type: ignore[arg-type]

    async def runs(self, ctx: Context) -> None:
        await ctx.run("charge", 3)  # type: ignore[call-overload]

    async def keywords(self, ctx: Context) -> None:
        await ctx.run("charge", charge, 1, retry=RetryPolicy())  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "handler, said",
    [
        ("calls", "is not a handler"),
        ("runs", "ctx.run takes a name and a function"),
        ("keywords", "retry=… was passed"),
    ],
)
def test_context_calls_keep_their_errors(handler: str, said: str) -> None:
    """What the context refuses, it refuses behind hooks, too."""

    async def scenario() -> None:
        async with TestEnvironment(Wrong, interceptors=[Noting("it", [])]) as env:
            await env.call_raw("Wrong", handler)

    with pytest.raises(HandlerBugError, match=said):
        asyncio.run(scenario())


class Misusing:
    def call(self, ctx: BaseContext, call: OutgoingCall) -> Any:
        return {"x-tenant": "acme"}

    async def handler(self, ctx: BaseContext, call: HandlerCall, proceed: Proceed) -> Any:
        return await (proceed(*call.args) if call.handler == "plainly" else proceed())


@pytest.mark.parametrize(
    "handler, said",
    [
        ("asks", r"Misusing.call \(.*test_hooks.py:\d+\) returned a dict. Return call.with_headers"),
        ("plainly", r"Misusing.handler \(.*\) called proceed with a int. Write await proceed\(\)"),
    ],
)
def test_what_a_hook_hands_on_is_checked(handler: str, said: str) -> None:
    """With its line, and what to write."""

    async def scenario() -> None:
        async with TestEnvironment(Shop, interceptors=[Misusing()]) as env:
            await env.call_raw("Shop", handler, b'"ada"' if handler == "asks" else b"1")

    with pytest.raises(HandlerBugError, match=said):
        asyncio.run(scenario())
