"""Invocations from request to result, in process, on virtual time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from restate_reflect import (
    Context,
    IdempotentRequest,
    ObjectContext,
    ObjectSharedContext,
    TerminalError,
    WorkflowContext,
    WorkflowRun,
    WorkflowSharedContext,
    handler,
    service,
)
from restate_reflect.embedded import (
    InvocationNotFoundError,
    InvocationStateError,
    Runtime,
    Status,
    UnknownHandlerError,
    VirtualClock,
)
from restate_reflect.protocol.messages import MessageType
from tests.embedded.running import asynchronous, call, decoded, runtime_with

DAY = 86_400_000


class Counter:
    def __init__(self) -> None:
        self.order: list[int] = []

    async def add(self, ctx: ObjectContext, n: int) -> int:
        count = (await ctx.get("n", int) or 0) + n
        ctx.set("n", count)
        return count

    async def slow_add(self, ctx: ObjectContext, n: int) -> None:
        await asyncio.sleep(60)
        await ctx.run("note", self.note, n)
        ctx.set("n", (await ctx.get("n", int) or 0) + n)

    async def note(self, n: int) -> None:
        self.order.append(n)

    async def get(self, ctx: ObjectSharedContext) -> int:
        return await ctx.get("n", int) or 0

    async def keys(self, ctx: ObjectSharedContext) -> list[str]:
        return await ctx.keys()

    async def clear(self, ctx: ObjectContext) -> None:
        ctx.clear("n")

    async def fill(self, ctx: ObjectContext, size: int) -> None:
        ctx.set("a", "x" * size)
        ctx.set("b", "y" * size)


@service(lazy_state=True)
class LazyCounter(Counter):
    pass


class Caller:
    def __init__(self) -> None:
        self.awakeable = ""

    async def through(self, ctx: Context, n: int) -> int:
        return await ctx.call(Counter.add, n, key="k")

    async def later(self, ctx: Context) -> None:
        ctx.send(Counter.add, 7, key="later", delay=timedelta(hours=1))

    async def sleep(self, ctx: Context, hours: int) -> str:
        await asyncio.sleep(hours * 3600)
        return "awake"

    async def steps(self, ctx: Context) -> list[int]:
        return [await ctx.run(f"step {n}", self.step, n) for n in range(3)]

    async def step(self, n: int) -> int:
        return n * n

    async def wait(self, ctx: Context) -> str:
        awakeable = ctx.awakeable(str)
        self.awakeable = awakeable.id
        return await awakeable

    async def signalled(self, ctx: Context) -> str:
        return await ctx.signal("go", str)

    async def fail(self, ctx: Context) -> None:
        raise TerminalError("no", 418, metadata={"a": "b"})

    async def attach(self, ctx: Context, key: str) -> str:
        return await ctx.attach(WorkflowRun("Flow", key), str)


class Flow:
    async def run(self, ctx: WorkflowContext, name: str) -> str:
        ctx.set("name", name)
        return name + await ctx.promise("suffix", str)

    async def finish(self, ctx: WorkflowSharedContext, suffix: str) -> None:
        await ctx.promise("suffix", str).resolve(suffix)

    async def peek(self, ctx: WorkflowSharedContext) -> str | None:
        return await ctx.promise("suffix", str).peek()


@asynchronous
async def test_a_step_is_journaled_once_and_its_result_returned() -> None:
    async with await runtime_with(Caller()) as runtime:
        outcome = await runtime.invoke("Caller", "steps")
        assert decoded(outcome) == [0, 1, 4]
        journal = runtime.journal(outcome.invocation_id)
        assert [entry.type for entry in journal] == [
            MessageType.INPUT_COMMAND,
            *[MessageType.RUN_COMMAND, MessageType.RUN_COMPLETION] * 3,
            MessageType.OUTPUT_COMMAND,
        ]
        names = [entry.name for entry in journal if entry.type is MessageType.RUN_COMMAND]
        assert names == ["step 0", "step 1", "step 2"]


@asynchronous
async def test_exclusive_handlers_of_one_key_queue_and_other_keys_and_shared_ones_do_not() -> None:
    counter = Counter()
    async with await runtime_with(counter, auto_skip=False) as runtime:
        ids = [runtime.send("Counter", "slow_add", str(n).encode(), key="a").invocation.id for n in (1, 2, 3)]
        other = runtime.send("Counter", "slow_add", b"4", key="b").invocation.id
        assert [runtime.invocation(id_).status for id_ in (*ids, other)] == [
            Status.RUNNING, Status.INBOXED, Status.INBOXED, Status.RUNNING,
        ]  # fmt: skip
        assert await call(runtime, "Counter", "get", key="a") == 0
        await runtime.advance(timedelta(minutes=5))
        assert counter.order == [1, 4, 2, 3]
        assert await call(runtime, "Counter", "get", key="a") == 6


@pytest.mark.parametrize("counter", [Counter, LazyCounter])
@asynchronous
async def test_state_survives_the_invocation(counter: type[Counter]) -> None:
    async with await runtime_with(counter) as runtime:
        name = counter.__name__
        assert await call(runtime, name, "add", 2, key="a") == 2
        assert await call(runtime, name, "add", 3, key="a") == 5
        assert await call(runtime, name, "keys", key="a") == ["n"]
        assert runtime.state(name, "a") == {"n": b"5"}
        await call(runtime, name, "clear", key="a")
        assert await call(runtime, name, "keys", key="a") == []
        assert await call(runtime, name, "get", key="b") == 0


@pytest.mark.parametrize("limit, eager", [(1000, True), (45, False), (0, False)])
@asynchronous
async def test_state_beyond_the_limit_is_read_lazily(limit: int, eager: bool) -> None:
    async with await runtime_with(Counter, eager_state_limit=limit) as runtime:
        await call(runtime, "Counter", "fill", 40, key="a")
        outcome = await runtime.invoke("Counter", "keys", key="a")
        assert decoded(outcome) == ["a", "b"]
        types = {entry.type for entry in runtime.journal(outcome.invocation_id)}
        assert (MessageType.GET_EAGER_STATE_KEYS_COMMAND in types) is eager
        assert (MessageType.GET_LAZY_STATE_KEYS_COMMAND in types) is not eager


@asynchronous
async def test_state_can_be_poked_unless_the_key_is_in_use() -> None:
    async with await runtime_with(Counter, auto_skip=False) as runtime:
        runtime.set_state("Counter", "a", {"n": b"40", "m": b"1"})
        assert await call(runtime, "Counter", "add", 2, key="a") == 42
        runtime.set_state("Counter", "a", {"n": None})
        assert runtime.state("Counter", "a") == {"m": b"1"}
        holder = runtime.send("Counter", "slow_add", b"1", key="a").invocation.id
        with pytest.raises(InvocationStateError, match=holder):
            runtime.set_state("Counter", "a", {}, replace=True)


@asynchronous
async def test_a_call_runs_a_child_that_knows_its_parent() -> None:
    async with await runtime_with(Caller(), Counter) as runtime:
        outcome = await runtime.invoke("Caller", "through", b"5")
        assert decoded(outcome) == 5
        (child,) = [each for each in runtime.invocations() if each.target.service == "Counter"]
        assert child.parent == outcome.invocation_id
        journal = runtime.journal(outcome.invocation_id)
        told = [entry for entry in journal if entry.type is MessageType.CALL_INVOCATION_ID_COMPLETION]
        assert [entry.message.invocation_id for entry in told] == [child.id]


@asynchronous
async def test_a_delayed_send_runs_at_its_time() -> None:
    async with await runtime_with(Caller(), Counter, auto_skip=False) as runtime:
        await call(runtime, "Caller", "later")
        await runtime.advance(timedelta(minutes=59))
        assert runtime.state("Counter", "later") == {}
        await runtime.advance(timedelta(minutes=1))
        assert runtime.state("Counter", "later") == {"n": b"7"}


@asynchronous
async def test_time_is_skipped_only_while_somebody_waits() -> None:
    async with await runtime_with(Caller()) as runtime:
        start = runtime.time()
        sent = runtime.send("Caller", "sleep", b"72").invocation.id
        for _ in range(50):
            await asyncio.sleep(0)
        assert runtime.time() == start
        assert decoded(await runtime.attach(sent)) == "awake"
        assert runtime.time() - start == pytest.approx(72 * 3600, abs=1)


@asynchronous
async def test_a_waiting_handler_suspends_after_the_inactivity_timeout_and_wakes_in_time() -> None:
    async with await runtime_with(Caller(), auto_skip=False) as runtime:
        id_ = runtime.send("Caller", "sleep", b"1").invocation.id
        await runtime.advance(59)
        assert runtime.invocation(id_).status is Status.RUNNING
        await runtime.advance(1)
        assert runtime.invocation(id_).status is Status.SUSPENDED
        await runtime.advance(3600)
        assert runtime.invocation(id_).status is Status.COMPLETED


@asynchronous
async def test_awakeables_and_signals_complete_from_outside() -> None:
    caller = Caller()
    async with await runtime_with(caller) as runtime:
        waiting = asyncio.ensure_future(runtime.invoke("Caller", "wait"))
        await runtime.settle()
        runtime.resolve_awakeable(caller.awakeable, b'"yes"')
        assert decoded(await waiting) == "yes"
        waiting = asyncio.ensure_future(runtime.invoke("Caller", "wait"))
        await runtime.settle()
        runtime.reject_awakeable(caller.awakeable, TerminalError("no way", 422))
        assert (await waiting).failure == TerminalError("no way", 422)
        sent = runtime.send("Caller", "signalled").invocation.id
        runtime.signal(sent, "go", b'"gone"')
        assert decoded(await runtime.attach(sent)) == "gone"


@asynchronous
async def test_a_workflow_runs_once_for_each_key() -> None:
    async with await runtime_with(Flow, Caller()) as runtime:
        first = asyncio.ensure_future(runtime.invoke("Flow", "run", b'"a"', key="w"))
        await runtime.settle()
        repeated = await runtime.invoke("Flow", "run", b'"b"', key="w")
        assert repeated.failure == TerminalError("the workflow method was already invoked", 409)
        assert runtime.output(WorkflowRun("Flow", "w")) is None
        attached = asyncio.ensure_future(call(runtime, "Caller", "attach", "w"))
        await runtime.settle()
        assert await call(runtime, "Flow", "peek", key="w") is None
        await call(runtime, "Flow", "finish", "z", key="w")
        assert decoded(await first) == await attached == "az"
        assert await call(runtime, "Flow", "peek", key="w") == "z"
        output = runtime.output(WorkflowRun("Flow", "w"))
        assert output is not None
        assert decoded(output) == "az"
        again = await runtime.invoke("Flow", "finish", b'"y"', key="w")
        assert again.failure is not None
        assert again.failure.code == 409


@asynchronous
async def test_a_workflow_is_forgotten_with_state_and_promises_after_its_retention() -> None:
    async with await runtime_with(Flow) as runtime:
        runtime.resolve_promise("Flow", "w", "suffix", b'"!"')
        await runtime.invoke("Flow", "run", b'"a"', key="w")
        assert runtime.state("Flow", "w") == {"name": b'"a"'}
        await runtime.advance(timedelta(days=1))
        assert runtime.state("Flow", "w") == {}
        assert runtime.promise("Flow", "w", "suffix") is None
        with pytest.raises(InvocationNotFoundError):
            runtime.output(WorkflowRun("Flow", "w"))


@asynchronous
async def test_a_request_with_an_idempotency_key_runs_once_within_its_retention() -> None:
    async with await runtime_with(Counter) as runtime:
        first = await runtime.invoke("Counter", "add", b"1", key="a", idempotency_key="i")
        second = await runtime.invoke("Counter", "add", b"1", key="a", idempotency_key="i")
        assert (first.invocation_id, first.value) == (second.invocation_id, second.value)
        assert first.expires_at is None
        assert second.expires_at == runtime.clock.now() + DAY
        assert not runtime.send("Counter", "add", b"1", key="a", idempotency_key="i").is_new
        found = runtime.output(IdempotentRequest("Counter", "add", "i", "a"))
        assert found is not None
        await runtime.advance(timedelta(days=1))
        third = await runtime.invoke("Counter", "add", b"1", key="a", idempotency_key="i")
        assert third.value == b"2"


@asynchronous
async def test_a_failure_keeps_code_and_metadata() -> None:
    async with await runtime_with(Caller()) as runtime:
        outcome = await runtime.invoke("Caller", "fail")
        assert outcome.failure == TerminalError("no", 418, metadata={"a": "b"})
        assert runtime.invocation(outcome.invocation_id).status is Status.COMPLETED


@asynchronous
async def test_journals_are_kept_as_long_as_told() -> None:
    class Kept:
        @handler(journal_retention=60, idempotency_retention=120)
        async def a(self, ctx: Context) -> None: ...

        @handler(journal_retention=0)
        async def b(self, ctx: Context) -> None: ...

    async with await runtime_with(Kept, auto_skip=False) as runtime:
        kept = (await runtime.invoke("Kept", "a", idempotency_key="i")).invocation_id
        dropped = (await runtime.invoke("Kept", "b")).invocation_id
        with pytest.raises(InvocationNotFoundError):
            runtime.journal(dropped)
        await runtime.advance(59)
        assert runtime.journal(kept)
        await runtime.advance(1)
        assert not runtime.journal(kept)
        await runtime.advance(60)
        with pytest.raises(InvocationNotFoundError):
            runtime.invocation(kept)


@asynchronous
async def test_ids_repeat_from_run_to_run_under_a_virtual_clock() -> None:
    async def scenario() -> list[str]:
        async with await runtime_with(Caller(), Counter) as runtime:
            await call(runtime, "Caller", "through", 1)
            await call(runtime, "Counter", "add", 1, key="x")
            return [each.id for each in runtime.invocations()]

    first = await scenario()
    assert first == await scenario()
    assert len(set(first)) == 3


@pytest.mark.parametrize(
    "address, key, message",
    [
        (("Nope", "x"), None, "no service 'Nope' is registered; there is Caller, Counter"),
        (("Caller", "x"), None, "Caller has no handler 'x'; it has through, later"),
        (("Counter", "add"), None, "Counter is a VIRTUAL_OBJECT, and needs a key"),
        (("Caller", "steps"), "k", "Caller is a SERVICE, and takes no key"),
    ],
)
@asynchronous
async def test_a_wrong_address_says_what_is_there(address: tuple[str, str], key: str | None, message: str) -> None:
    async with await runtime_with(Caller(), Counter) as runtime:
        with pytest.raises(UnknownHandlerError, match=message):
            await runtime.invoke(*address, key=key)


@asynchronous
async def test_a_new_deployment_gets_new_invocations_and_old_ones_stay() -> None:
    class Versioned:
        def __init__(self, version: int) -> None:
            self.version = version

        async def wait(self, ctx: Context) -> int:
            await ctx.run("pin", int)
            await asyncio.sleep(60)
            return self.version

    async with await runtime_with(Versioned(1), auto_skip=False) as runtime:
        old = runtime.send("Versioned", "wait").invocation.id
        repinned = runtime.send("Versioned", "wait").invocation.id
        await runtime.settle()
        await runtime.deploy(Versioned(2))
        new = runtime.send("Versioned", "wait").invocation.id
        await runtime.advance(30)
        runtime.pause(repinned)
        runtime.repin(repinned)
        runtime.resume(repinned)
        await runtime.advance(60)
        values = [outcome.value for id_ in (old, repinned, new) if (outcome := runtime.output(id_))]
        assert values == [b"1", b"2", b"2"]


@asynchronous
async def test_invocations_wait_for_their_deployment_after_a_restart() -> None:
    from restate_reflect.embedded import MemoryStore

    store = MemoryStore()
    runtime = await runtime_with(Caller(), store=store, auto_skip=False)
    sent = runtime.send("Caller", "sleep", b"1").invocation.id
    await runtime.advance(30)
    runtime.close()
    later = Runtime(store, VirtualClock(runtime.clock.now()))
    await later.advance(3600)
    assert later.output(sent) is None
    await later.deploy(Caller())
    await later.settle()
    assert later.output(sent) is not None
    later.close()
