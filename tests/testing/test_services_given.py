"""What an environment takes: classes, instances, factories; and what it does with their lifespan."""

from __future__ import annotations

import functools
from types import TracebackType
from typing import Self

import pytest

from restate_reflect import Context, ObjectContext, RetryableError, TerminalError, WorkflowContext, WorkflowRun
from restate_reflect.errors import ReflectionError
from restate_reflect.ingress import BadRequestError, HandlerNotFoundError
from restate_reflect.testing import Durable, RuntimeSettings, TestEnvironment


class Bank:
    """Is open between its start-up and its shut-down."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    async def __aenter__(self) -> Self:
        self.log.append("open")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.log.append("close")

    async def pay(self, ctx: Context, amount: int) -> str:
        return await ctx.run("pay", self._pay, amount)

    async def _pay(self, amount: int) -> str:
        self.log.append(f"pay {amount}")
        return f"paid {amount}"


class Tenant:
    async def who(self, ctx: Context) -> list[str | None]:
        return [ctx.request.scope, ctx.request.limit_key]

    async def ask(self, ctx: Context, key: str) -> list[list[str | None]]:
        scope = ctx.scope("blue", limit_key="gold")
        return [await scope.call(Tenant.who, idempotency_key=key), await ctx.call(Tenant.who, idempotency_key=key)]


class Keyed:
    async def hello(self, ctx: ObjectContext, name: str) -> str:
        return f"hello {name}"


class Counter:
    async def add(self, ctx: ObjectContext, n: int) -> int:
        count = (await ctx.get("n", int) or 0) + n
        ctx.set("n", count)
        return count


async def test_an_instance_is_entered_before_and_left_after(restate_env: Durable) -> None:
    """As an endpoint does."""
    log: list[str] = []
    async with TestEnvironment(Bank(log)) as env:
        assert log == ["open"]
        await env.call(Bank.pay, 1)
    assert log == ["open", "pay 1", "close"]


@pytest.mark.parametrize("kind", ["plain", "async", "partial"])
async def test_a_factory_is_called_for_every_run(durable: Durable, kind: str) -> None:
    """Each run of the matrix has an instance of its own."""
    log: list[str] = []

    def plain() -> Bank:
        return Bank(log)

    async def later() -> Bank:
        return Bank(log)

    factories = {"plain": plain, "async": later, "partial": functools.partial(Bank, log)}
    env = await durable(factories[kind])
    assert log == ["open"]
    assert await env.call(Bank.pay, 1) == "paid 1"


async def test_what_fails_to_start_is_left_again(restate_env: Durable) -> None:
    """Everything that was entered before is left."""

    class Broken(Bank):
        async def __aenter__(self) -> Self:
            raise OSError("no database")

    class Sound(Bank):
        pass

    log: list[str] = []
    with pytest.raises(OSError, match="no database"):
        await restate_env(Sound(log), Broken(log))
    assert log == ["open", "close"]


async def test_a_factory_that_makes_no_service_is_refused(restate_env: Durable) -> None:
    """With the usual words."""
    with pytest.raises(ReflectionError, match="neither a class nor an instance"):
        await restate_env(lambda: 5)


async def test_raw_input_meets_the_same_checks_as_over_the_ingress(durable: Durable) -> None:
    """What does not fit is a terminal 400; a wrong content type is refused before the handler is asked."""
    env = await durable(Keyed)
    assert await env.call_raw("Keyed", "hello", b'"ada"', key="a") == b'"hello ada"'
    sent = await env.send_raw("Keyed", "hello", b'"bob"', key="a")
    assert await sent.attach() == b'"hello bob"'
    with pytest.raises(TerminalError, match="valid string") as wrong:
        await env.call_raw("Keyed", "hello", b"5", key="a")
    assert wrong.value.code == 400
    with pytest.raises(BadRequestError, match="input validation error"):
        await env.call_raw("Keyed", "hello", b"ada", key="a", content_type="text/plain")
    with pytest.raises(HandlerNotFoundError, match="nobody"):
        await env.call_raw("Keyed", "nobody", key="a")


async def test_scopes_keep_requests_apart(durable: Durable) -> None:
    """The callee is told of scope and limit key; one idempotency key counts once in each scope."""
    env = await durable(Tenant)
    assert await env.call(Tenant.ask, "k") == [["blue", "gold"], [None, None]]
    blue = env.scope("blue", limit_key="gold")
    assert await blue.call(Tenant.who) == ["blue", "gold"]
    first = await blue.send(Tenant.who, idempotency_key="k2")
    assert not (await blue.send(Tenant.who, idempotency_key="k2")).is_new
    assert (await env.scope("red").send(Tenant.who, idempotency_key="k2")).id != first.id


class Flow:
    async def run(self, ctx: WorkflowContext, name: str) -> list[str | None]:
        ctx.set("name", name)
        return [name, ctx.request.scope, await ctx.promise("end", str)]


async def test_a_workflow_has_state_and_promises_in_each_scope(durable: Durable) -> None:
    """An environment looks at one scope's, and completes them there alone."""
    env = await durable(Flow)
    runs = [await env.scope(scope).send(Flow.run, scope, key="w") for scope in ("blue", "red")]
    await env.settle()
    for scope in ("blue", "red"):
        assert env.state(Flow, "w", scope=scope).get("name", str) == scope
        assert env.recorded(WorkflowRun("Flow", "w", scope)).state == {"name": f'"{scope}"'.encode()}
    assert env.state(Flow, "w").keys() == []
    env.promise(Flow, "w", "end", scope="blue").resolve("x")
    assert await runs[0].attach() == ["blue", "blue", "x"]
    assert env.promise(Flow, "w", "end", scope="blue").peek(str) == "x"
    assert env.promise(Flow, "w", "end", scope="red").peek(str) is None
    assert env.promise(Flow, "w", "end").peek(str) is None
    env.promise(Flow, "w", "end", scope="red").resolve("y")
    assert await runs[1].attach() == ["red", "red", "y"]


async def test_state_of_an_object_in_a_scope_is_given(restate_env: Durable) -> None:
    """With the setting that restate-server has for it."""
    settings = RuntimeSettings(scopes=True, scoped_virtual_objects=True)
    async with TestEnvironment(Counter, settings=settings) as env:
        env.state(Counter, "a", scope="blue").set("n", 5)
        assert await env.scope("blue").call(Counter.add, 1, key="a") == 6
        assert await env.call(Counter.add, 1, key="a") == 1
        env.state(Counter, "a", scope="blue").clear("n")
        assert await env.scope("blue").call(Counter.add, 1, key="a") == 1


async def test_a_scope_that_can_not_be_is_refused(restate_env: Durable) -> None:
    """In the server's words."""
    env = await restate_env(Tenant, Keyed)
    with pytest.raises(BadRequestError, match="not supported for Virtual Object"):
        await env.scope("blue").call(Keyed.hello, "ada", key="a")
    with pytest.raises(BadRequestError, match="bad scope value: value contains characters outside"):
        await env.scope("no spaces").call(Tenant.who)
    async with TestEnvironment(Tenant, settings=RuntimeSettings()) as plain:
        with pytest.raises(BadRequestError, match="require vqueues"):
            await plain.scope("blue").call(Tenant.who)


async def test_retryable_errors_in_steps_are_waited_for(durable: Durable) -> None:
    """``fail_step`` takes any error."""
    log: list[str] = []
    env = await durable(Bank(log))
    env.fail_step("pay", RetryableError("later", retry_after=60))
    began = env.now()
    assert await env.call(Bank.pay, 1) == "paid 1"
    assert env.now() >= began
