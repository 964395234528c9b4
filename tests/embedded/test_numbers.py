"""Numbers from outside are brought within bounds where they enter; none of them stops the runtime, or its queries."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from restate_reflect import Context, RetryableError, RetryPolicy, TerminalError, reflect
from restate_reflect.embedded import (
    EmbeddedRuntimeError,
    ManifestError,
    RealClock,
    RequestError,
    Runtime,
    RuntimeSettings,
    SqliteStore,
    VirtualClock,
)
from restate_reflect.embedded.kernel import clock
from restate_reflect.errors import ReflectionError
from restate_reflect.ingress import Client
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.messages import MessageType
from tests.embedded.every_row import every_row
from tests.embedded.running import asynchronous
from tests.embedded.scripted import ScriptedDeployment, frame, output
from tests.embedded.served import JSON, ServedRuntime
from tests.support import fetch

pytestmark = pytest.mark.slow

HUGE = (1 << 64) - 1
QUERIES = ("sys_invocation", "sys_journal", "sys_journal_events", "state")


class Greeter:
    async def greet(self, ctx: Context, name: str) -> str:
        return name


def ask_all_tables(admin_url: str) -> None:
    for table in QUERIES:
        assert fetch(f"{admin_url}/query", {"query": f"SELECT * FROM {table}"}, headers=JSON).status == 200


@pytest.mark.parametrize(
    "delay",
    ["4000000d", "3000000d", "99999999999999999999999999w", "9" * 99 + "d", "9" * 5000 + "d", "P9999999D", "-5", "-5s",
     "1e5d", "NaN", "nan", "inf", "Infinity", "1e400", "0x10", "١d", "1", "1.5.5s", "", "PT", "-PT5S", "--5s", "+5s",
     "P" + "9" * 4500 + "D", "9999999999999999ns" * 6],
)  # fmt: skip
def test_delays_of_the_ingress(delay: str, tmp_path: Path) -> None:
    """A 400 that says why, or a date that can be shown."""
    with ServedRuntime(Greeter, file=tmp_path / "data.db") as served:
        answer = fetch(f"{served.ingress_url}/Greeter/greet/send?delay={'' if not delay else _quoted(delay)}", "a")
        assert answer.status in (202, 400), answer.body
        assert answer.json.get("message", "").startswith(("bad delay", "a delay of")) is (answer.status == 400)
        ask_all_tables(served.admin_url)
        assert fetch(f"{served.ingress_url}/Greeter/greet", "still there").status == 200
    with ServedRuntime(Greeter, file=tmp_path / "data.db") as later:
        ask_all_tables(later.admin_url)


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text)


@pytest.mark.parametrize("delay", [timedelta(days=4_000_000), timedelta.max, 1e300, math.inf, math.nan, -5, -math.inf])
@asynchronous
async def test_delays_of_the_runtime(delay: Any) -> None:
    async with Runtime(clock=VirtualClock()) as runtime:
        await runtime.deploy(Greeter)
        with pytest.raises(RequestError, match="a delay of"):
            runtime.send("Greeter", "greet", b'"a"', delay=delay)
        assert runtime.invocations() == []
        with pytest.raises(EmbeddedRuntimeError, match="a delay of"):
            await runtime.advance(delay)


@pytest.mark.parametrize("delay", [timedelta(days=4_000_000), 1e300, math.inf, math.nan, -5])
@asynchronous
async def test_delays_of_the_client(delay: Any) -> None:
    """A server takes longer ones, and then answers with dates that nobody can read."""
    async with Client("http://127.0.0.1:1") as client:
        with pytest.raises(ValueError, match="a delay of"):
            await client.send(Greeter.greet, "a", delay=delay)


class Late:
    """Asks for what is too far away."""

    def __init__(self, ask: Callable[[Context], Any]) -> None:
        self.ask = ask

    async def run(self, ctx: Context) -> None:
        await self.ask(ctx)


async def _send(ctx: Context) -> None:
    ctx.send(Greeter.greet, "a", delay=timedelta(days=4_000_000))


async def _sleep(ctx: Context) -> None:
    await ctx.sleep(timedelta(days=4_000_000))


async def _sleep_for_ever(ctx: Context) -> None:
    await asyncio.sleep(math.inf)


async def _sleep_for_no_time(ctx: Context) -> None:
    await ctx.sleep(math.nan)


async def _wait(ctx: Context) -> None:
    async with asyncio.timeout(1e15):
        await ctx.sleep(1)


@pytest.mark.parametrize("ask", [_send, _sleep, _sleep_for_no_time, _wait])
@asynchronous
async def test_delays_of_a_handler_are_refused_at_its_line(ask: Callable[[Context], Any]) -> None:
    async with Runtime(clock=VirtualClock(), settings=RuntimeSettings(retry_policy=RetryPolicy(max_attempts=1))) as it:
        await it.deploy(Late(ask), Greeter)
        identifier = it.send("Late", "run").invocation.id
        await it.settle()
        failure = it.invocation(identifier).last_failure
        assert failure is not None
        assert "can't be journaled" in failure.message
        assert "test_numbers.py:" in failure.message


# ---------------------------------------------------------------- messages of other SDKs

MESSAGES: dict[str, bytes] = {
    "sleep": frame(
        MessageType.SLEEP_COMMAND, pb.SleepCommandMessage(wake_up_time=HUGE, result_completion_id=(1 << 32) - 1)
    ),
    "send": frame(
        MessageType.ONE_WAY_CALL_COMMAND,
        pb.OneWayCallCommandMessage(
            service_name="Scripted", handler_name="run", invoke_time=HUGE, invocation_id_notification_idx=1
        ),
    ),
    "error": frame(MessageType.ERROR, pb.ErrorMessage(code=(1 << 32) - 1, message="x", next_retry_delay=HUGE)),
    "signal": frame(
        MessageType.SEND_SIGNAL_COMMAND,
        pb.SendSignalCommandMessage(target_invocation_id="inv_13MDnPSgBaD15ZeSRIfjxgAwaBMyxAJ4Ir", idx=(1 << 32) - 1),
    ),
    "failure": frame(
        MessageType.OUTPUT_COMMAND, pb.OutputCommandMessage(failure=pb.Failure(code=(1 << 32) - 1, message="x"))
    )
    + frame(MessageType.END, pb.EndMessage()),
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
@asynchronous
async def test_numbers_in_messages(message: bytes, tmp_path: Path) -> None:
    """They are stored, shown, and read again after a restart."""
    file = tmp_path / "data.db"
    async with Runtime(SqliteStore(file), VirtualClock()) as runtime:
        deployment = ScriptedDeployment()
        await runtime.register(deployment)
        runtime.send("Scripted", "run", idempotency_key="i")
        deployment.attempts[-1].say(message)
        assert runtime.failure is None
        every_row(runtime)
    async with Runtime(SqliteStore(file), VirtualClock()) as later:
        await later.register(ScriptedDeployment())
        assert later.failure is None
        every_row(later)


# ---------------------------------------------------------------- manifests and options

DURATIONS = ("inactivityTimeout", "abortTimeout", "journalRetention", "idempotencyRetention",
             "retryPolicyInitialInterval", "retryPolicyMaxInterval")  # fmt: skip


@pytest.mark.parametrize("value", [-1, 1.5, math.nan, math.inf, 1 << 64, "60", True, [1]])
@pytest.mark.parametrize("name", ["journalRetention", "retryPolicyMaxAttempts"])
@asynchronous
async def test_numbers_of_a_manifest_that_are_none(name: str, value: Any) -> None:
    async with Runtime(clock=VirtualClock()) as runtime:
        with pytest.raises(ManifestError, match=f"{name} is"):
            await runtime.register(ScriptedDeployment(**{name: value}))
        assert runtime.failure is None


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "2", True])
@asynchronous
async def test_a_factor_that_is_none(value: Any) -> None:
    async with Runtime(clock=VirtualClock()) as runtime:
        with pytest.raises(ManifestError, match="retryPolicyExponentiationFactor is"):
            await runtime.register(ScriptedDeployment(retryPolicyExponentiationFactor=value))


@pytest.mark.parametrize("name", [*DURATIONS, "retryPolicyExponentiationFactor"])
@pytest.mark.parametrize("value", [HUGE, 0])
def test_the_largest_numbers_of_a_manifest(name: str, value: Any, tmp_path: Path) -> None:
    """An invocation that fails, one that ends, all tables, and the same after a restart."""

    async def play() -> None:
        async with Runtime(SqliteStore(tmp_path / "data.db"), VirtualClock()) as runtime:
            deployment = ScriptedDeployment(**{name: value})
            await runtime.register(deployment)
            for _ in range(2):
                runtime.send("Scripted", "run", idempotency_key="i")
            deployment.attempts[-1].say(output(b"1"))
            for number in range(3):
                runtime.send("Scripted", "run", idempotency_key=f"j{number}")
                deployment.attempts[-1].say(b"", end=True)
            await runtime.advance(timedelta(days=300))
            assert runtime.failure is None
            every_row(runtime)
        async with Runtime(SqliteStore(tmp_path / "data.db"), VirtualClock()) as later:
            await later.register(ScriptedDeployment(**{name: value}))
            every_row(later)

    asyncio.run(play())


@pytest.mark.parametrize("value", [timedelta(days=4_000_000), timedelta.max, 1e300, 10**400, math.nan, math.inf, -1])
@pytest.mark.parametrize("name", ["journal_retention", "inactivity_timeout"])
def test_options_of_a_service(name: str, value: Any) -> None:
    with pytest.raises(ReflectionError, match="less than 8,000 years"):
        reflect(Greeter, **{name: value})
    if value != 10**400:
        with pytest.raises(ValueError, match="zero or more"):
            RuntimeSettings(journal_retention=value)


class Odd:
    async def fail(self, ctx: Context, code: int) -> None:
        raise TerminalError("odd", code=code)

    async def retry(self, ctx: Context, after: float) -> None:
        raise RetryableError("later", retry_after=after)


@pytest.mark.parametrize("after", [1e13, 0.0, 8e13])
def test_a_retry_that_is_far_away(after: float) -> None:
    with ServedRuntime(Odd) as served:
        assert fetch(f"{served.ingress_url}/Odd/retry/send", after).status == 202
        for _ in range(3):
            ask_all_tables(served.admin_url)


# ---------------------------------------------------------------- bodies


@pytest.mark.parametrize("path", ["{admin}/query", "{admin}/services/Greeter/state", "{admin}/deployments",
                                  "{ingress}/restate/lookup", "{ingress}/restate/attach"])  # fmt: skip
@pytest.mark.parametrize(
    "body",
    ["[" * 200_000, '{"a":' * 100_000, "9" * 10_000, "NaN", "-Infinity", "null", "5", "[]", '"x"', "{}", "\x00", "",
     '{"query": 5}', '{"query": null}', '{"uri": 5}', '{"uri": "http://["}', '{"uri": "http://a:99999/"}',
     '{"uri": "http://127.0.0.1:1", "additional_headers": 5}',
     '{"uri": "http://127.0.0.1:1", "additional_headers": {"a": 5}}',
     '{"uri": "http://127.0.0.1:1", "additional_headers": {"a": "b\\r\\nc: d"}}', '{"uri": "file:///etc/passwd"}',
     '{"target": 5}', '{"target": "workflow", "workflowName": 5, "workflowKey": "k"}',
     '{"target": "workflow", "workflowName": "\\ud800", "workflowKey": "k"}',
     '{"target": "idempotentInvocation", "service": "S", "handler": "h", "idempotencyKey": "k", "key": 5}',
     '{"target": "invocation", "invocationId": [1]}', '{"target": "invocation", "invocationId": "\\udfff"}'],
    ids=lambda body: body[:30],
)  # fmt: skip
def test_bodies_that_are_not_what_was_asked_for(numbers: ServedRuntime, path: str, body: str) -> None:
    """Each is refused with a reason; nothing is a traceback in the log."""
    url = path.format(admin=numbers.admin_url, ingress=numbers.ingress_url)
    answer = fetch(url, body.encode(), headers={"content-type": "application/json"})
    assert answer.status in (400, 422) or b"invalid" in answer.body or b"META0003" in answer.body, answer.body
    assert numbers.runtime.failure is None
    assert fetch(f"{numbers.ingress_url}/Greeter/greet", "still there").json == "still there"


@pytest.fixture(scope="module")
def numbers() -> Any:
    with ServedRuntime(Greeter) as served:
        yield served


@asynchronous
async def test_texts_that_are_no_unicode() -> None:
    """As a header of other octets is decoded: refused before anything is changed."""
    value = "\udcff"
    async with Runtime(clock=VirtualClock()) as runtime:
        await runtime.deploy(Greeter)
        requests: list[dict[str, Any]] = [
            {"idempotency_key": value},
            {"headers": {"a": value}},
            {"headers": [(value, "a")]},
            {"limit_key": value},
        ]
        for options in requests:
            with pytest.raises(RequestError, match="no Unicode text"):
                runtime.send("Greeter", "greet", b'"a"', **options)
        assert runtime.invocations() == []
        assert json.loads((await runtime.invoke("Greeter", "greet", b'"a"')).unwrap()) == "a"


# ---------------------------------------------------------------- the machine's time


@asynchronous
async def test_a_clock_that_is_set_forward_fires_what_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alarms of the loop go by another clock, which knows nothing of it."""
    monkeypatch.setattr(clock, "_LONGEST_SLEEP", 0.02)
    async with Runtime(clock=RealClock()) as runtime:
        await runtime.deploy(Greeter)
        waits = runtime.send("Greeter", "greet", b'"a"', delay=timedelta(hours=5)).invocation.id
        result = asyncio.ensure_future(runtime.attach(waits))
        await asyncio.sleep(0.05)
        assert not result.done()
        real = time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: real() + 6 * 3600 * 10**9)
        assert (await asyncio.wait_for(result, 10)).unwrap() == b'"a"'
