"""The same handlers on both engines do the same: what they return, what callers see, what is stored.

Each scenario is a sequence of requests; the answers of both engines are compared, one by one, and
with what is expected.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from restate_reflect import (
    Context,
    IdempotentRequest,
    InvocationCancelledError,
    ObjectContext,
    ObjectSharedContext,
    RetryPolicy,
    TerminalError,
    WorkflowContext,
    WorkflowRun,
    WorkflowSharedContext,
    handler,
    service,
)
from restate_reflect.embedded import RuntimeSettings
from restate_reflect.protocol.versions import ProtocolVersion
from restate_reflect.server import RestateServer
from tests.embedded.served import ServedRuntime
from tests.support import ServedInThread, fetch


class Box:
    """State, and a place where handlers leave what they have seen."""

    async def put(self, ctx: ObjectContext, value: str) -> None:
        ctx.set("items", [*(await ctx.get("items", list[str]) or []), value])

    async def items(self, ctx: ObjectSharedContext) -> list[str]:
        return await ctx.get("items", list[str]) or []

    async def juggle(self, ctx: ObjectContext) -> list[Any]:
        ctx.set("b", 1)
        ctx.set("a", 2)
        seen: list[Any] = [await ctx.keys(), await ctx.get("a", int), await ctx.get("none", int)]
        ctx.clear("a")
        seen.append(await ctx.keys())
        ctx.clear_all()
        seen.append(await ctx.keys())
        return seen

    async def wait_for_awakeable(self, ctx: ObjectContext) -> str:
        awakeable = ctx.awakeable(str)
        ctx.send(Box.put, awakeable.id, key="ids")
        try:
            return await awakeable
        except TerminalError as error:
            return f"{error.code} {error.message}"


class Agent:
    """Everything that involves other invocations."""

    async def sleep(self, ctx: Context, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "slept"

    async def stubborn(self, ctx: Context, box: str) -> str:
        await ctx.call(Box.put, "started", key=box)
        try:
            await asyncio.sleep(3600)
        except InvocationCancelledError as error:
            await ctx.call(Box.put, f"cancelled {error.code}", key=box)
            raise TerminalError("gave up", 409) from error
        return "slept"

    async def parent(self, ctx: Context, box: str) -> str:
        return await ctx.call(Agent.stubborn, box)

    async def refuse(self, ctx: Context) -> None:
        raise TerminalError("refused", 422)

    async def catch(self, ctx: Context) -> str:
        try:
            await ctx.call(Agent.refuse)
        except TerminalError as error:
            return f"{error.code} {error.message}"
        return "nothing"

    async def same_twice(self, ctx: Context, key: str) -> list[str]:
        first = ctx.call(Agent.sleep, 0.01, idempotency_key=key)
        second = ctx.call(Agent.sleep, 0.01, idempotency_key=key)
        return [await first, await second]

    async def looks(self, ctx: Context, key: str) -> list[Any]:
        target = IdempotentRequest("Agent", "sleep", key)
        seen: list[Any] = []
        for look in (ctx.output(target, str), ctx.output(WorkflowRun("Saga", "never-run"), str)):
            try:
                seen.append(await look)
            except TerminalError as error:
                seen.append(f"{error.code} {error.message}")
        return seen

    async def later(self, ctx: Context, box: str) -> None:
        ctx.send(Box.put, "second", key=box, delay=timedelta(milliseconds=150))
        await ctx.call(Box.put, "first", key=box)

    async def races(self, ctx: Context) -> list[str]:
        done, _ = await asyncio.wait(
            [asyncio.ensure_future(ctx.call(Agent.sleep, 0.01)), asyncio.ensure_future(ctx.call(Agent.sleep, 5))],
            return_when=asyncio.FIRST_COMPLETED,
        )
        return [task.result() for task in done]


@service(error_details="full")
class Flaky:
    def __init__(self) -> None:
        self.calls: dict[str, int] = {}

    def _count(self, name: str) -> int:
        self.calls[name] = self.calls.get(name, 0) + 1
        return self.calls[name]

    async def third_time(self, ctx: Context, name: str) -> int:
        if (count := self._count(name)) < 3:
            raise ValueError(f"{count}")
        return count

    @handler(retry_policy=RetryPolicy(initial_interval=0.01, max_attempts=3, on_max_attempts="kill"))
    async def never(self, ctx: Context) -> None:
        raise ValueError("never")

    async def step(self, ctx: Context, name: str) -> str:
        policy = RetryPolicy(initial_interval=0.01, max_attempts=2)
        try:
            await ctx.options(retry=policy).run("s", self._fail, name)
        except TerminalError as error:
            return f"{error.message} after {self.calls[name]}"
        return "no failure"

    async def _fail(self, name: str) -> None:
        raise ValueError(str(self._count(name)))


class Saga:
    async def run(self, ctx: WorkflowContext, name: str) -> str:
        ctx.set("name", name)
        return name + await ctx.promise("suffix", str)

    async def suffix(self, ctx: WorkflowSharedContext, suffix: str) -> None:
        await ctx.promise("suffix", str).resolve(suffix)

    async def refuse(self, ctx: WorkflowSharedContext) -> None:
        await ctx.promise("suffix", str).reject("refused")

    async def name(self, ctx: WorkflowSharedContext) -> str | None:
        return await ctx.get("name", str)

    async def peek(self, ctx: WorkflowSharedContext) -> str | None:
        return await ctx.promise("suffix", str).peek()


class Engine:
    """One of the two, with its requests."""

    def __init__(self, ingress_url: str, admin_url: str) -> None:
        self._ingress, self._admin = ingress_url, admin_url

    def call(self, path: str, body: Any = None, **headers: str) -> Any:
        """Status and decoded body."""
        given = {} if body is None else {"body": body}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = fetch(f"{self._ingress}/{path}", headers=named, timeout=20, **given)
        return answer.status, answer.json

    def get(self, path: str) -> Any:
        answer = fetch(f"{self._ingress}/{path}", method="GET", timeout=20)
        return answer.status, answer.json

    def send(self, path: str, body: Any = None) -> str:
        given = {} if body is None else {"body": body}
        return fetch(f"{self._ingress}/{path}/send", **given).invocation_id

    def operate(self, invocation_id: str, operation: str) -> int:
        return fetch(f"{self._admin}/invocations/{invocation_id}/{operation}", method="PATCH").status

    def eventually(self, path: str, accept: Callable[[Any], bool]) -> Any:
        """Asks until the answer is acceptable."""
        deadline = time.monotonic() + 20
        while True:
            answer = self.call(path)
            if accept(answer[1]) or time.monotonic() > deadline:
                return answer
            time.sleep(0.02)


@pytest.fixture(scope="module", params=["v6", "v7"])
def engines(request: pytest.FixtureRequest) -> Iterator[tuple[Engine, Engine]]:
    """restate-server and the embedded runtime, each with an endpoint of its own, on one protocol version."""
    name = "restate_server" if request.param == "v6" else "restate_server_v7"
    server: RestateServer = request.getfixturevalue(name)
    services = (Box, Agent, Saga)
    settings = RuntimeSettings(
        retry_policy=RetryPolicy(initial_interval=0.01, max_interval=0.5),
        max_protocol_version=ProtocolVersion(int(request.param[1])),
    )
    with ServedInThread(*services, Flaky()) as served, ServedRuntime(*services, Flaky(), settings=settings) as embedded:
        server.register(served.url)
        yield Engine(server.ingress_url, server.admin_url), Engine(embedded.ingress_url, embedded.admin_url)


Scenario = Callable[[Engine], Any]


def state(engine: Engine) -> Any:
    return engine.call("Box/juggle/juggle")


def at_least(count: int, items: list[str]) -> bool:
    return len(items) >= count


def awakeable(engine: Engine) -> Any:
    answers: list[Any] = []
    for count, verb in enumerate(("resolve", "reject"), 1):
        waiting = engine.send(f"Box/wait-{verb}/wait_for_awakeable")
        ids = engine.eventually("Box/ids/items", partial(at_least, count))[1]
        engine.call(f"restate/awakeables/{ids[-1]}/{verb}", "hello")
        answers.append(engine.get(f"restate/invocation/{waiting}/attach"))
    return answers


def workflow(engine: Engine) -> Any:
    running = engine.send("Saga/w/run", "a")
    engine.eventually("Saga/w/name", lambda name: name == "a")
    return [
        engine.call("Saga/w/peek"),
        engine.get("restate/workflow/Saga/w/output"),
        engine.call("Saga/w/suffix", "z"),
        engine.get("restate/workflow/Saga/w/attach"),
        engine.call("Saga/w/suffix", "y"),
        engine.call("Saga/w/refuse"),
        engine.call("Saga/w/peek"),
        engine.call("Saga/w/name"),
        engine.get(f"restate/invocation/{running}/output"),
    ]


def rejected_promise(engine: Engine) -> Any:
    engine.send("Saga/r/run", "a")
    engine.eventually("Saga/r/name", lambda name: name == "a")
    return [engine.call("Saga/r/refuse"), engine.get("restate/workflow/Saga/r/attach"), engine.call("Saga/r/peek")]


def cancellation(engine: Engine) -> Any:
    parent = engine.send("Agent/parent", "cancelled")
    engine.eventually("Box/cancelled/items", bool)
    return [
        engine.operate(parent, "cancel"),
        engine.get(f"restate/invocation/{parent}/attach"),
        engine.eventually("Box/cancelled/items", partial(at_least, 2)),
    ]


def killing(engine: Engine) -> Any:
    parent = engine.send("Agent/parent", "killed")
    engine.eventually("Box/killed/items", bool)
    return [
        engine.operate(parent, "kill"),
        engine.get(f"restate/invocation/{parent}/attach"),
        engine.call("Box/killed/items"),
    ]


def failures(engine: Engine) -> Any:
    return [
        engine.call("Agent/catch"),
        engine.call("Flaky/third_time", "a"),
        strip_text(engine.call("Flaky/never")),
        engine.call("Flaky/step", "b"),
    ]


def strip_text(answer: Any) -> Any:
    """An attempt's error is told with details that differ from run to run."""
    status, body = answer
    shown = {"message": "never" in body["message"], "stacktrace": "raise ValueError" in body["stacktrace"]}
    return status, {**body, **shown}


def calls(engine: Engine) -> Any:
    answers = [engine.call("Agent/same_twice", "same"), engine.call("Agent/looks", "same"), engine.call("Agent/races")]
    engine.call("Agent/later", "later")
    items = engine.eventually("Box/later/items", lambda found: len(found) == 2)
    return [*answers, items]


def queueing(engine: Engine) -> Any:
    for n in range(20):
        engine.send("Box/queue/put", str(n))
    return engine.eventually("Box/queue/items", lambda found: len(found) == 20)


EXPECTED: dict[Scenario, Any] = {
    state: (200, [["a", "b"], 2, None, ["b"], []]),
    awakeable: [(200, "hello"), (200, '500 "hello"')],
    workflow: [
        (200, None),
        (470, {"code": 470, "message": "the invocation exists but has not completed yet", "source": "ingress"}),
        (200, None),
        (200, "az"),
        (409, {"code": 409, "message": "promise was already completed", "source": "invocation"}),
        (409, {"code": 409, "message": "promise was already completed", "source": "invocation"}),
        (200, "z"),
        (200, "a"),
        (200, "az"),
    ],
    rejected_promise: [
        (200, None),
        (500, {"code": 500, "message": "refused", "source": "invocation"}),
        (500, {"code": 500, "message": "refused", "source": "invocation"}),
    ],
    cancellation: [
        202,
        (409, {"code": 409, "message": "cancelled", "source": "invocation"}),
        (200, ["started", "cancelled 409"]),
    ],
    killing: [200, (409, {"code": 409, "message": "killed", "source": "invocation"}), (200, ["started"])],
    failures: [
        (200, "422 refused"),
        (200, 3),
        (500, {"code": 500, "message": True, "stacktrace": True, "source": "invocation"}),
        (200, "ValueError: 2 after 2"),
    ],
    calls: [
        (200, ["slept", "slept"]),
        (200, ["slept", "404 not found"]),
        (200, ["slept"]),
        (200, ["first", "second"]),
    ],
    queueing: (200, [str(n) for n in range(20)]),
}


@pytest.mark.parametrize("scenario", EXPECTED, ids=lambda scenario: scenario.__name__)
def test_both_engines_do_the_same(engines: tuple[Engine, Engine], scenario: Scenario) -> None:
    server, embedded = (json.loads(json.dumps(scenario(engine))) for engine in engines)
    assert server == embedded
    assert embedded == json.loads(json.dumps(EXPECTED[scenario]))
