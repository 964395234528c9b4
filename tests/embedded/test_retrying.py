"""Failed attempts: backing off, pausing, giving up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from restate_reflect import Context, RetryableError, RetryPolicy, TerminalError, handler
from restate_reflect.embedded import Status
from restate_reflect.embedded.deployments.policy import merge_policies
from restate_reflect.embedded.settings import DEFAULT_RETRY_POLICY
from restate_reflect.protocol.versions import ProtocolVersion
from tests.embedded.running import asynchronous, decoded, runtime_with


class Flaky:
    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0
        self.counts: list[int] = []

    def _fail_first(self) -> int:
        self.calls += 1
        if self.calls <= self.failures:
            raise ValueError(f"failure {self.calls}")
        return self.calls

    async def plain(self, ctx: Context) -> int:
        self.counts.append(ctx.request.retry_count)
        return self._fail_first()

    async def after_step(self, ctx: Context) -> int:
        self.counts.append(ctx.request.retry_count)
        await ctx.run("step", int)
        return self._fail_first()

    @handler(retry_policy=RetryPolicy(initial_interval=1, factor=3, max_interval=5, max_attempts=4))
    async def pausing(self, ctx: Context) -> int:
        return self._fail_first()

    @handler(retry_policy=RetryPolicy(initial_interval=1, max_attempts=2, on_max_attempts="kill"))
    async def killing(self, ctx: Context) -> int:
        return self._fail_first()

    @handler(retry_policy=RetryPolicy(max_attempts=1, on_max_attempts="kill"))
    async def never_again(self, ctx: Context) -> int:
        return self._fail_first()

    async def patient(self, ctx: Context) -> int:
        try:
            return self._fail_first()
        except ValueError as error:
            raise RetryableError("later", retry_after=100) from error

    async def step(self, ctx: Context) -> int:
        policy = RetryPolicy(initial_interval=2, factor=2, max_attempts=3)
        return await ctx.options(retry=policy).run("s", self._failing)

    async def pausing_step(self, ctx: Context) -> int:
        policy = RetryPolicy(initial_interval=2, max_attempts=2, on_max_attempts="pause")
        return await ctx.options(retry=policy).run("s", self._failing)

    async def _failing(self) -> int:
        return self._fail_first()


@asynchronous
async def test_the_default_policy_doubles_from_half_a_second() -> None:
    flaky = Flaky(3)
    async with await runtime_with(flaky) as runtime:
        start = runtime.time()
        assert decoded(await runtime.invoke("Flaky", "plain")) == 4
        assert runtime.time() - start == pytest.approx(0.5 + 1 + 2)
        assert flaky.counts == [0, 1, 2, 3]


@asynchronous
async def test_the_retry_count_of_an_attempt_starts_over_with_each_stored_command() -> None:
    flaky = Flaky(3)
    async with await runtime_with(flaky) as runtime:
        await runtime.invoke("Flaky", "after_step")
        assert flaky.counts == [0, 1, 2, 3]
        assert runtime.invocations()[0].retries_since_entry == 0


@asynchronous
async def test_the_handler_s_policy_holds_and_pauses_at_its_end() -> None:
    async with await runtime_with(Flaky(100), auto_skip=False) as runtime:
        id_ = runtime.send("Flaky", "pausing").invocation.id
        await runtime.settle()
        for delay in (1, 3, 5):
            invocation = runtime.invocation(id_)
            assert invocation.status is Status.BACKING_OFF
            assert invocation.retry_at == runtime.clock.now() + delay * 1000
            await runtime.advance(delay)
        invocation = runtime.invocation(id_)
        assert invocation.status is Status.PAUSED
        assert invocation.last_failure is not None
        assert "failure 4" in invocation.last_failure.message
        runtime.resume(id_)
        await runtime.settle()
        assert runtime.invocation(id_).status is Status.BACKING_OFF


@pytest.mark.parametrize("name, calls", [("killing", 2), ("never_again", 1)])
@asynchronous
async def test_kill_at_the_end_of_the_policy_fails_with_the_last_error(name: str, calls: int) -> None:
    flaky = Flaky(100)
    async with await runtime_with(flaky) as runtime:
        outcome = await runtime.invoke("Flaky", name)
        assert outcome.failure is not None
        assert outcome.failure.code == 500
        assert f"failure {calls}" in outcome.failure.message
        assert flaky.calls == calls


@asynchronous
async def test_the_handler_s_own_delay_wins() -> None:
    async with await runtime_with(Flaky(2)) as runtime:
        start = runtime.time()
        await runtime.invoke("Flaky", "patient")
        assert runtime.time() - start == pytest.approx(200)


@pytest.mark.parametrize("version", list(ProtocolVersion))
@asynchronous
async def test_the_policy_of_a_step_counts_over_attempts(version: ProtocolVersion) -> None:
    flaky = Flaky(100)
    async with await runtime_with(flaky, max_protocol_version=version) as runtime:
        start = runtime.time()
        outcome = await runtime.invoke("Flaky", "step")
        assert outcome.failure == TerminalError("ValueError: failure 3")
        assert flaky.calls == 3
        assert runtime.time() - start == pytest.approx(2 + 4)


@asynchronous
async def test_a_step_may_pause_the_invocation() -> None:
    flaky = Flaky(2)
    async with await runtime_with(flaky, auto_skip=False) as runtime:
        id_ = runtime.send("Flaky", "pausing_step").invocation.id
        await runtime.advance(timedelta(hours=1))
        assert runtime.invocation(id_).status is Status.PAUSED
        runtime.resume(id_)
        await runtime.settle()
        outcome = runtime.output(id_)
        assert outcome is not None
        assert decoded(outcome) == 3


@asynchronous
async def test_resume_does_not_wait_for_the_next_attempt_s_time() -> None:
    async with await runtime_with(Flaky(1), auto_skip=False) as runtime:
        id_ = runtime.send("Flaky", "plain").invocation.id
        await runtime.settle()
        assert runtime.invocation(id_).status is Status.BACKING_OFF
        runtime.resume(id_)
        await runtime.settle()
        assert runtime.output(id_) is not None
        assert runtime.next_timer() is None


def test_policies_are_merged_field_by_field() -> None:
    merged = merge_policies(RetryPolicy(factor=3), RetryPolicy(initial_interval=2, factor=9), DEFAULT_RETRY_POLICY)
    assert [merged.delay(n) for n in range(4)] == [2000, 6000, 18_000, 54_000]
    assert merged.delay(4) == 60_000
    assert merged.delay(68) == 60_000
    assert merged.delay(69) is None
