"""Steps and what is the same in every attempt, on the real server."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest

from restate_reflect import Context, RetryableError, RetryPolicy, TerminalError, handler
from restate_reflect.server import RestateServer
from tests.conftest import Serve
from tests.realserver.waiting import eventually
from tests.support import call, fetch


class Broken:
    """Fails a number of times, then works; remembers when it was tried."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.tries: list[float] = []

    def __call__(self) -> int:
        self.tries.append(time.monotonic())
        if len(self.tries) <= self.failures:
            raise OSError("not yet")
        return len(self.tries)

    @property
    def pauses(self) -> list[float]:
        return [after - before for before, after in zip(self.tries, self.tries[1:], strict=False)]


class Retries:
    """Steps with policies."""

    def __init__(self, step: Broken) -> None:
        self.step = step

    async def for_ever(self, ctx: Context) -> int:
        return await ctx.run("step", self.step)

    async def three_times(self, ctx: Context) -> str:
        policy = RetryPolicy(max_attempts=3, initial_interval=0.02)
        try:
            return f"worked at try {await ctx.options(retry=policy).run('step', self.step)}"
        except TerminalError as error:
            return f"gave up: {error}"

    async def growing(self, ctx: Context) -> int:
        policy = RetryPolicy(initial_interval=timedelta(milliseconds=50), factor=3, max_interval=timedelta(seconds=1))
        return await ctx.options(retry=policy).run("step", self.step)

    async def for_a_while(self, ctx: Context) -> str:
        policy = RetryPolicy(max_duration=0.3, initial_interval=0.05, factor=1)
        try:
            await ctx.options(retry=policy).run("step", self.step)
        except TerminalError as error:
            return str(error)
        return "worked"

    async def on_demand(self, ctx: Context) -> int:
        async def step() -> int:
            try:
                return self.step()
            except OSError as error:
                raise RetryableError("later", retry_after=0.3) from error

        return await ctx.run("step", step)

    @handler(retry_policy=RetryPolicy(max_attempts=3, initial_interval=0.01, on_max_attempts="kill"))
    async def killed(self, ctx: Context) -> None:
        self.step()

    @handler(retry_policy=RetryPolicy(max_attempts=2, initial_interval=0.01, on_max_attempts="pause"))
    async def paused(self, ctx: Context) -> int:
        return self.step()

    async def steps_paused(self, ctx: Context) -> int:
        policy = RetryPolicy(max_attempts=2, initial_interval=0.01, on_max_attempts="pause")
        return await ctx.options(retry=policy).run("step", self.step)


def test_a_step_is_retried_until_it_works(any_server: RestateServer, serve: Serve) -> None:
    """Without a policy the server's decides."""
    step = Broken(4)
    serve(any_server, Retries(step))
    assert call(any_server, "Retries", "for_ever").json == 5
    assert len(step.tries) == 5


@pytest.mark.parametrize("failures, answer", [(2, "worked at try 3"), (9, "gave up: OSError: not yet")])
def test_max_attempts_counts_the_first_one(any_server: RestateServer, serve: Serve, failures: int, answer: str) -> None:
    """Then the step fails terminally, which the handler can catch."""
    step = Broken(failures)
    serve(any_server, Retries(step))
    assert call(any_server, "Retries", "three_times").json == answer
    assert len(step.tries) == 3


def test_intervals_grow(any_server: RestateServer, serve: Serve) -> None:
    """50 ms, 150 ms, 450 ms; a busy machine may be later, never earlier."""
    step = Broken(3)
    serve(any_server, Retries(step))
    assert call(any_server, "Retries", "growing").json == 4
    assert [pause >= wanted for pause, wanted in zip(step.pauses, [0.05, 0.15, 0.45], strict=True)] == [True] * 3


def test_max_duration_ends_the_tries(any_server: RestateServer, serve: Serve) -> None:
    """It is measured since the first try."""
    step = Broken(1000)
    serve(any_server, Retries(step))
    assert call(any_server, "Retries", "for_a_while").json == "OSError: not yet"
    assert len(step.tries) >= 2
    assert step.tries[-1] - step.tries[0] >= 0.2


def test_an_error_may_say_when_to_come_back(any_server: RestateServer, serve: Serve) -> None:
    """``RetryableError(retry_after=…)`` beats every policy."""
    step = Broken(2)
    serve(any_server, Retries(step))
    assert call(any_server, "Retries", "on_demand").json == 3
    assert min(step.pauses) >= 0.3


def test_the_policy_of_a_handler_ends_the_invocation(any_server: RestateServer, serve: Serve) -> None:
    """``kill`` fails it with the last error."""
    step = Broken(1000)
    serve(any_server, Retries(step))
    answer = call(any_server, "Retries", "killed")
    assert answer.status == 500
    assert "not yet" in answer.json["message"]
    assert len(step.tries) == 3


def status(server: RestateServer, invocation_id: str) -> str:
    return str(server.query(f"SELECT status FROM sys_invocation WHERE id = '{invocation_id}'")[0]["status"])


def test_the_policy_of_a_handler_pauses_the_invocation(any_server: RestateServer, serve: Serve) -> None:
    """An operator resumes it."""
    step = Broken(2)
    serve(any_server, Retries(step))
    check_paused_and_resumed(any_server, "paused")
    assert len(step.tries) == 3


def test_the_policy_of_a_step_pauses_the_invocation(restate_server_v7: RestateServer, serve: Serve) -> None:
    """Since V7."""
    step = Broken(2)
    serve(restate_server_v7, Retries(step))
    check_paused_and_resumed(restate_server_v7, "steps_paused")
    assert len(step.tries) == 3


def check_paused_and_resumed(server: RestateServer, handler_name: str) -> None:
    sent = call(server, "Retries", handler_name, send=True).invocation_id
    eventually(lambda: status(server, sent) == "paused")
    server.admin.request("PATCH", f"/invocations/{sent}/resume")
    assert fetch(f"{server.ingress_url}/restate/invocation/{sent}/attach", method="GET").json == 3


# ---------------------------------------------------------------- equal across attempts


class Seen:
    """What each attempt of an invocation has seen."""

    def __init__(self) -> None:
        self.attempts: defaultdict[str, list[list[Any]]] = defaultdict(list)


class Deterministic:
    """Fails after looking at everything that must be the same in the next attempt."""

    def __init__(self, seen: Seen, failures: int = 3) -> None:
        self.seen = seen
        self.failures = failures

    async def look(self, ctx: Context) -> list[Any]:
        attempts = self.seen.attempts[ctx.request.id]
        values = [str(ctx.uuid()), ctx.random.random(), ctx.random.randrange(10**9), str(await ctx.now())]
        values += [str(ctx.uuid()), ctx.random.sample(range(100), 5), ctx.request.headers.get("x-tenant")]
        attempts.append(values)
        ctx.log.warning("looked once")
        await ctx.run("remember", lambda: None)
        ctx.log.warning("went on in attempt %d", len(attempts))
        if len(attempts) <= self.failures:
            raise OSError("look again")
        return values


def test_random_uuid_and_now_are_equal_across_attempts(any_server: RestateServer, serve: Serve) -> None:
    """Different from invocation to invocation, of course."""
    seen = Seen()
    serve(any_server, Deterministic(seen))
    first, second = (call(any_server, "Deterministic", "look", headers={"x-tenant": "blue"}).json for _ in range(2))
    for attempts in seen.attempts.values():
        assert len(attempts) == 4
        assert attempts == [attempts[0]] * 4
    assert first[-1] == "blue"
    assert all(one != other for one, other in zip(first[:-1], second[:-1], strict=True))


def test_the_log_is_silent_while_replaying(
    any_server: RestateServer, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """A line is logged by the attempt that gets there first, with the invocation's id."""
    caplog.set_level(logging.INFO, "restate_reflect.handlers")
    seen = Seen()
    serve(any_server, Deterministic(seen))
    invocation = call(any_server, "Deterministic", "look").invocation_id
    records = [record for record in caplog.records if getattr(record, "invocation_id", "") == invocation]
    messages = [record.getMessage() for record in records]
    assert messages.count("looked once") == 1
    assert [line for line in messages if line.startswith("went on")] == [
        f"went on in attempt {attempt}" for attempt in range(1, 5)
    ]


# ---------------------------------------------------------------- bodies


class Bodies:
    """Where bodies of steps run, and what cancels them."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self.started = threading.Event()

    async def threads(self, ctx: Context) -> list[bool]:
        def plain() -> int:
            return threading.get_ident()

        async def asynchronous() -> int:
            await asyncio.sleep(0.001)
            return threading.get_ident()

        here = threading.get_ident()
        sync_id, async_id = await asyncio.gather(ctx.run("plain", plain), ctx.run("async", asynchronous))
        return [sync_id == here, async_id == here]

    async def raced(self, ctx: Context) -> str:
        async def endless() -> None:
            self.started.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise

        try:
            async with asyncio.timeout(0.1):
                await ctx.run("endless", endless)
        except TimeoutError:
            return "timed out"
        return "never"


def test_plain_bodies_run_in_a_thread_and_async_ones_on_the_loop(any_server: RestateServer, serve: Serve) -> None:
    serve(any_server, Bodies)
    answer = call(any_server, "Bodies", "threads")
    assert answer.json == [False, True]


def test_a_timeout_cancels_the_body(any_server: RestateServer, serve: Serve) -> None:
    """Real cancellation, at its await."""
    bodies = Bodies()
    serve(any_server, bodies)
    assert call(any_server, "Bodies", "raced").json == "timed out"
    assert bodies.started.is_set()
    assert bodies.cancelled.wait(10)
