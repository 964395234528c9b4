"""Scopes: services, virtual objects and workflows in them, the same on restate-server and on the embedded runtime.

The same requests go to a restate-server and to runtimes with both stores, one after the other; all answers, rows of
tables and refusals must be equal. Ids and times are replaced.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

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
)
from restate_reflect.checking import check
from restate_reflect.ingress import AdminClient
from restate_reflect.reflection import reflect_all
from restate_reflect.replay import journal_of
from restate_reflect.server import RestateServer, ServerSettings
from tests.embedded.served import JSON, ServedRuntime
from tests.embedded.server import SCOPED_OBJECTS, SCOPES, EmbeddedServer, runtime_settings
from tests.embedded.test_differential import normalized, replaced
from tests.support import Answer, ServedInThread, fetch

pytestmark = pytest.mark.server

ALL = {SCOPES: True, SCOPED_OBJECTS: True}
NAMES = ("server", "memory", "file")
LONG = "x" * 37


class Greeter:
    async def greet(self, ctx: Context, name: str) -> list[Any]:
        return [name, ctx.request.scope, ctx.request.limit_key]


class Counter:
    async def add(self, ctx: ObjectContext, n: int) -> list[Any]:
        count = (await ctx.get("n", int) or 0) + n
        ctx.set("n", count)
        return [count, ctx.request.scope, ctx.key]

    async def hold(self, ctx: ObjectContext) -> str:
        ctx.set("held", True)
        return await ctx.signal("go", str)

    async def get(self, ctx: ObjectSharedContext) -> list[Any]:
        return [await ctx.keys(), await ctx.get("n", int), ctx.request.scope]


class Flow:
    async def run(self, ctx: WorkflowContext, name: str) -> list[Any]:
        ctx.set("name", name)
        return [name, ctx.request.scope, ctx.key, await ctx.promise("end", str)]

    async def end(self, ctx: WorkflowSharedContext, end: str) -> list[Any]:
        await ctx.promise("end", str).resolve(end)
        return ["ended", ctx.request.scope]

    async def look(self, ctx: WorkflowSharedContext) -> list[Any]:
        return [await ctx.get("name", str), await ctx.promise("end", str).peek(), ctx.request.scope, ctx.key]


class Boss:
    """Does the same as callers, from a handler."""

    async def workflow(self, ctx: Context, key: str) -> list[Any]:
        blue = ctx.scope("blue", limit_key="a/b")
        run = await blue.send(Flow.run, "ours", key=key).invocation_id
        seen: list[Any] = [await blue.call(Flow.end, "x", key=key)]
        seen.append(await ctx.attach(WorkflowRun("Flow", key, "blue"), list[Any]))
        for target in (
            WorkflowRun("Flow", key, "red"),
            WorkflowRun("Flow", key),
            WorkflowRun("Flow", key, "blue"),
            run,
        ):
            try:
                seen.append(await ctx.output(target, list[Any]))
            except TerminalError as error:
                seen.append(f"{error.code} {error.message}")
        try:
            await blue.call(Flow.run, "again", key=key)
        except TerminalError as error:
            seen.append(f"{error.code} {error.message}")
        return [*seen, await blue.call(Flow.look, key=key), await ctx.call(Flow.look, key=key)]

    async def objects(self, ctx: Context, key: str) -> list[Any]:
        blue, red = ctx.scope("blue"), ctx.scope("red")
        added = [await blue.call(Counter.add, 1, key=key), await red.call(Counter.add, 2, key=key)]
        return [*added, await ctx.call(Counter.add, 5, key=key), await blue.call(Counter.get, key=key)]

    async def repeats(self, ctx: Context, key: str) -> list[Any]:
        """Ids by idempotency key: one in each scope."""
        scopes = [ctx.scope("blue"), ctx.scope("blue"), ctx.scope("red"), ctx]
        calls = [each.call(Counter.get, key=key, idempotency_key="i") for each in scopes]
        ids = [await call.invocation_id for call in calls]
        await calls[2]  # else it may not have ended yet
        found = await ctx.output(IdempotentRequest("Counter", "get", "i", key, "red"), list[Any])
        return [[ids.index(each) for each in ids], found]

    async def greet(self, ctx: Context, scope: str) -> list[Any]:
        return await ctx.scope(scope).call(Greeter.greet, "x")

    async def limit(self, ctx: Context, limit_key: str) -> list[Any]:
        return await ctx.scope("blue", limit_key=limit_key).call(Greeter.greet, "x")

    async def attach(self, ctx: Context, scope: str) -> list[Any]:
        return await ctx.attach(WorkflowRun("Flow", "nobody", scope), list[Any])

    async def output(self, ctx: Context, scope: str) -> list[Any] | None:
        return await ctx.output(IdempotentRequest("Greeter", "greet", "nobody", scope=scope), list[Any])


class Engine:
    """One of those compared."""

    def __init__(self, engine: RestateServer | ServedRuntime, endpoint: str) -> None:
        self.ingress, self.admin = engine.ingress_url, engine.admin_url
        self.ids: dict[str, str] = {}
        """By name."""
        assert fetch(f"{self.admin}/deployments", {"uri": endpoint}).status == 201

    def ask(self, step: Step) -> Answer:
        """``{name}`` in a path stands for an id that was kept before."""
        path = step.path
        for name, identifier in self.ids.items():
            path = path.replace(f"{{{name}}}", identifier)
        base = self.admin if path.startswith(("/invocations", "/services")) else self.ingress
        given = {} if step.body is None else {"body": step.body}
        answer = fetch(base + path, method=step.method, headers=step.headers, **given)
        if step.name:
            self.ids[step.name] = answer.invocation_id
        return answer

    def rows(self, sql: str) -> list[dict[str, Any]]:
        answer = fetch(f"{self.admin}/query", {"query": sql}, headers=JSON)
        assert answer.status == 200, answer.body
        rows: list[dict[str, Any]] = answer.json["rows"]
        return sorted(rows, key=json.dumps)

    def until(self, sql: str, wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows, once they are those; what they are after five seconds if they don't come to be."""
        end = time.monotonic() + 5
        while (rows := self.rows(sql)) != wanted and time.monotonic() < end:
            pass
        return rows


class Step:
    """One request. The answer's id is kept under ``name``."""

    def __init__(self, path: str, body: Any = None, *, method: str = "POST", name: str = "", **headers: str) -> None:
        self.path, self.body, self.method, self.name = path, body, method, name
        self.headers = {key.replace("_", "-"): value for key, value in headers.items()}

    def __repr__(self) -> str:
        return f"{self.method} {self.path} {'' if self.body is None else self.body}"


def get(path: str) -> Step:
    return Step(path, method="GET")


def patch(path: str) -> Step:
    return Step(path, method="PATCH")


def run_of(key: str, scope: object) -> dict[str, Any]:
    return {"target": "workflow", "workflowName": "Flow", "workflowKey": key, "scope": scope}


def request_of(service: str, handler: str, scope: object, key: str | None = None) -> dict[str, Any]:
    named = {"service": service, "handler": handler, "key": key, "idempotencyKey": "i", "scope": scope}
    return {"target": "idempotentInvocation", **named}


def started(config: dict[str, Any]) -> Iterator[dict[str, Engine]]:
    settings = ServerSettings(protocol_v7=True, config=config)
    with ExitStack() as stack:
        endpoint = stack.enter_context(ServedInThread(Greeter, Counter, Flow, Boss)).url
        engines = (
            RestateServer(settings), ServedRuntime(settings=runtime_settings(settings)), EmbeddedServer(settings)
        )  # fmt: skip
        yield {
            name: Engine(stack.enter_context(each), endpoint)  # type: ignore[arg-type]
            for name, each in zip(NAMES, engines, strict=True)
        }


@pytest.fixture(scope="module")
def engines() -> Iterator[dict[str, Engine]]:
    """With all experiments."""
    yield from started(ALL)


def answers(engines: dict[str, Engine], steps: list[Step]) -> dict[str, list[Any]]:
    """Of all steps, with what each was."""
    found: dict[str, list[Any]] = {}
    for name, engine in engines.items():
        found[name] = [(repr(step), _comparable(engine.ask(step))) for step in steps]
    return found


def _comparable(answer: Answer) -> Any:
    shown = normalized(answer)
    body = json.loads(replaced(json.dumps(shown["body"])))
    if isinstance(body, dict) and str(body.get("message", "")).startswith("cannot read body"):
        body["message"] = "cannot read body"  # Rust's parser says why, with a stack trace
    return shown["status"], body


def same(found: dict[str, Any]) -> Any:
    """What all engines answer."""
    for name in NAMES[1:]:
        assert found[name] == found["server"], name
    return found["server"]


WORKFLOWS = [
    Step("/restate/scope/blue/send/Flow/w/run", "b", name="blue"),
    Step("/restate/scope/blue/send/Flow/w/run", "again"),
    Step("/restate/scope/red/send/Flow/w/run?limit-key=a%2Fb", "r", name="red"),
    Step("/Flow/w/run/send", "plain", name="plain"),
    Step("/restate/scope/green/call/Flow/w/look"),
    Step("/restate/scope/blue/call/Flow/w/end", "x"),
    Step("/restate/scope/blue/call/Flow/w/end", "y"),
    Step("/restate/scope/blue/call/Flow/w/run", "again"),
    Step("/restate/attach", run_of("w", "blue")),
    get("/restate/workflow/Flow/w/output"),
    *(Step("/restate/output", run_of("w", scope)) for scope in ("blue", "red", "green", None, "", "a b", LONG, 5)),
    *(Step("/restate/lookup", run_of("w", scope)) for scope in ("blue", "red", "green", None, "", "a b", LONG)),
    get("/restate/attach/{blue}"),
    get("/restate/invocation/{blue}/output"),
    get("/restate/output/{red}"),
    Step("/restate/scope/blue/call/Flow/w/look", idempotency_key="i", name="look"),
    Step("/restate/scope/blue/call/Flow/w/run", "x", idempotency_key="i"),
    *(Step("/restate/output", request_of("Flow", "look", scope, "w")) for scope in ("blue", "red", None, "a b")),
    patch("/invocations/{blue}/restart-as-new"),
    patch("/invocations/{red}/cancel"),
    Step("/restate/attach", run_of("w", "red")),
    Step("/restate/scope/blue/call/Flow/w/look"),
    Step("/restate/scope/red/call/Flow/w/look"),
]


def test_workflows_run_once_in_each_scope(engines: dict[str, Engine]) -> None:
    """With promises, state, results and idempotency keys of their own; the last answers show both after cancelling."""
    found = same(answers(engines, WORKFLOWS))
    assert [body for _, (_, body) in found[-2:]] == [["b", "x", "blue", "w"], ["r", None, "red", "w"]]


def test_what_is_stored_of_workflows_is_told_by_scope(engines: dict[str, Engine]) -> None:
    """State and promises; purging a run takes those of its scope along, and it can run again."""
    state = "SELECT scope, service_name, service_key, key, value_utf8 FROM state WHERE service_key = 's'"
    promises = "SELECT scope, service_key, key, completed, completion_success_value_utf8 FROM sys_promise"
    promises += " WHERE service_key = 's'"
    runs = "SELECT scope, limit_key, target, target_service_key, status, completion_result FROM sys_invocation"
    runs += " WHERE target = 'Flow/s/run'"
    answers(
        engines,
        [
            Step("/restate/scope/blue/send/Flow/s/run?limit-key=l", "b", name="blue"),
            Step("/restate/scope/red/send/Flow/s/run", "r"),
            Step("/Flow/s/run/send", "plain", name="plain"),
            *(Step(f"/restate/scope/{scope}/call/Flow/s/end", "x") for scope in ("blue", "red")),
            *(Step("/restate/attach", run_of("s", scope)) for scope in ("blue", "red")),
        ],
    )
    for name, engine in engines.items():
        engine.until(promises, EXPECTED_PROMISES)
        assert engine.rows(promises) == EXPECTED_PROMISES, name
        assert len(engine.rows(state)) == 3, name
    assert len(same({name: engine.rows(state) for name, engine in engines.items()})) == 3
    assert len(same({name: _running_as_suspended(engine.rows(runs)) for name, engine in engines.items()})) == 3
    same(answers(engines, [patch("/invocations/{blue}/purge")]))
    left = [row for row in EXPECTED_PROMISES if row.get("scope") != "blue"]
    assert same({name: engine.until(promises, left) for name, engine in engines.items()}) == left
    assert len(same({name: engine.rows(state) for name, engine in engines.items()})) == 2
    same(answers(engines, [Step("/restate/scope/blue/send/Flow/s/run", "b2"), patch("/invocations/{blue}/kill")]))
    same(answers(engines, [Step("/restate/attach", run_of("s", "blue"))]))


EXPECTED_PROMISES = [
    {"scope": "blue", "service_key": "s", "key": "end", "completed": True, "completion_success_value_utf8": '"x"'},
    {"scope": "red", "service_key": "s", "key": "end", "completed": True, "completion_success_value_utf8": '"x"'},
    {"service_key": "s", "key": "end", "completed": False},
]


def _running_as_suspended(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Which of both a run that waits is depends on how long it has waited."""
    return [row | {"status": row["status"].replace("running", "suspended")} for row in rows]


def test_a_workflow_may_begin_later_in_a_scope(engines: dict[str, Engine]) -> None:
    """It counts from the moment it was asked for; cancelled before its time, it was never there."""
    steps = [
        Step("/restate/scope/blue/send/Flow/later/run?delay=1h", "l", name="later"),
        Step("/restate/scope/blue/send/Flow/later/run", "m"),
        Step("/restate/scope/red/send/Flow/later/run", "r"),
        patch("/invocations/{later}/cancel"),
    ]
    same(answers(engines, steps))
    again = [Step("/restate/output", run_of("later", scope)) for scope in ("blue", "red")]
    assert [status for _, (status, _) in same(answers(engines, again))] == [404, 470]


def test_ids_of_a_scope_begin_alike(engines: dict[str, Engine]) -> None:
    """As a scope is what chooses the partition: of services, objects and workflows."""
    steps = [
        Step("/restate/scope/lime/send/Flow/i/run", "b", name="flow"),
        Step("/restate/scope/lime/send/Counter/i/add", 1, name="object"),
        Step("/restate/scope/lime/send/Greeter/greet", "x", name="service"),
        Step("/restate/scope/lime/send/Greeter/greet", "x", name="request", idempotency_key="k"),
        Step("/restate/scope/pink/send/Flow/i/run", "b", name="other"),
        Step("/Flow/i/run/send", "b", name="none"),
    ]
    answers(engines, steps)
    for engine in engines.values():
        begins = {name: engine.ids[name][:16] for name in ("flow", "object", "service", "request", "other", "none")}
        assert len({begins[name] for name in ("flow", "object", "service", "request")}) == 1
        assert len(set(begins.values())) == 3
        for scope, name in (("lime", "flow"), ("pink", "other"), (None, "none")):
            known = fetch(f"{engine.ingress}/restate/lookup", run_of("i", scope)).json["invocationId"]
            assert known == engine.ids[name]


OBJECTS = [
    Step("/restate/scope/blue/call/Counter/o/add", 1),
    Step("/restate/scope/red/call/Counter/o/add", 2),
    Step("/Counter/o/add", 5),
    *(Step(f"/restate/scope/{scope}/call/Counter/o/get") for scope in ("blue", "red", "green")),
    Step("/restate/scope/blue/send/Counter/o/hold", name="hold"),
    Step("/restate/scope/blue/send/Counter/o/add", 1, name="waits"),
    Step("/restate/scope/red/call/Counter/o/add", 2),
    Step("/Counter/o/add", 5),
    get("/restate/output/{waits}"),
    *(
        Step("/services/Counter/state", {"object_key": "o", "scope": scope, "new_state": {"n": list(value)}})
        for scope, value in (("blue", b"90"), ("red", b"80"), (None, b"70"), ("a b", b"1"), ("", b"1"), (LONG, b"1"))
    ),
    Step("/services/Nobody/state", {"object_key": "o", "scope": "a b", "new_state": {"n": [48]}}),
    Step("/services/Nobody/state", {"object_key": "o", "scope": "a b", "new_state": {}}),
    patch("/invocations/{hold}/kill"),
    get("/restate/attach/{waits}"),
]


def test_objects_have_state_and_a_queue_in_each_scope(engines: dict[str, Engine]) -> None:
    """A handler that holds the key in one scope holds up that scope alone; a change of state waits there, too."""
    found = same(answers(engines, OBJECTS))
    assert found[-1][1] == (200, [2, "blue", "o"])
    sql = "SELECT scope, key, value_utf8 FROM state WHERE service_name = 'Counter' AND service_key = 'o'"
    wanted = [
        {"key": "n", "value_utf8": "70"},
        {"scope": "blue", "key": "n", "value_utf8": "90"},
        {"scope": "red", "key": "n", "value_utf8": "80"},
    ]
    assert same({name: engine.until(sql, wanted) for name, engine in engines.items()}) == wanted


def test_handlers_call_into_scopes(engines: dict[str, Engine]) -> None:
    """Workflows, objects, and requests with idempotency keys; what they called shows in ``sys_journal``."""
    steps = [Step(f"/Boss/{handler}", f"{handler}-1", name=handler) for handler in ("workflow", "objects", "repeats")]
    workflow, objects, repeats = (body for _, (_, body) in same(answers(engines, steps)))
    nobody = "404 not found"
    ours = ["ours", "blue", "workflow-1", "x"]
    assert workflow[:7] == [
        ["ended", "blue"], ours, nobody, nobody, ours, ours, "409 the workflow method was already invoked"
    ]  # fmt: skip
    assert objects[:3] == [[1, "blue", "objects-1"], [2, "red", "objects-1"], [5, None, "objects-1"]]
    assert repeats == [[0, 0, 2, 3], [[], None, "red"]]
    for handler in ("workflow", "objects", "repeats"):
        same({name: _commands(engine, engine.ids[handler]) for name, engine in engines.items()})


def _commands(engine: Engine, identifier: str) -> list[Any]:
    """Whom a handler has called and asked for; partitions are each engine's own."""
    sql = f"SELECT index, entry_json, entry_lite_json FROM sys_journal WHERE id = '{identifier}' ORDER BY index"
    found = []
    for row in fetch(f"{engine.admin}/query", {"query": sql}, headers=JSON).json["rows"]:
        for column in ("entry_json", "entry_lite_json"):
            for kind, content in json.loads(row[column]).get("Command", {}).items():
                told = content.get("request", content)
                told = {
                    name: told.get(name) for name in ("invocation_target", "target", "limit_key", "idempotency_key")
                }
                for target in (told["target"] or {}).values():
                    if isinstance(target, dict):
                        assert isinstance(target.pop("partition_key"), int)
                found.append(replaced(json.dumps([column, kind, told])))
    return found


@pytest.mark.slow  # 30 queries, for each of which the embedded runtime starts a process
def test_admin_clients_see_the_state_of_one_scope(engines: dict[str, Engine]) -> None:
    """They read and replace it; a journal that is fetched has that of its scope, and a check replays with it."""
    runs = [Step(f"/restate/scope/{scope}/send/Flow/c/run", scope, name=scope) for scope in ("blue", "red")]
    same(answers(engines, runs))
    for engine in engines.values():
        engine.until(_NAMED, [{"scope": "blue"}, {"scope": "red"}])
    steps = [
        *(Step(f"/restate/scope/{scope}/call/Flow/c/look") for scope in ("blue", "red")),
        *(Step(f"/restate/scope/{scope}/call/Counter/c/add", n) for scope, n in (("blue", 1), ("red", 2))),
        Step("/Counter/c/add", 3),
    ]
    same(answers(engines, steps))
    found = same({name: asyncio.run(_seen_by_clients(engine)) for name, engine in engines.items()})
    assert found == [
        *({"n": count} for count in (b"1", b"2", b"3")),
        {},
        {("c", "blue"): {"n": b"1"}, ("c", "red"): {"n": b"2"}, ("c", None): {"n": b"3"}},
        {"name": b'"blue"'},
        {"name": b'"red"'},
        {"n": b"7"},
    ]


async def _seen_by_clients(engine: Engine) -> list[Any]:
    async with AdminClient(engine.admin) as admin:
        found: list[Any] = [await admin.state("Counter", "c", scope=scope) for scope in ("blue", "red", None, "green")]
        found.append(await admin.states_by_scope("Counter", ["c", "nobody"]))
        found += [(await journal_of(admin, engine.ids[scope])).state for scope in ("blue", "red")]
        report = await check(list(reflect_all((Greeter, Counter, Flow, Boss))), admin)
        assert not report.findings, report.findings
        await admin.replace_state("Counter", "c", {"n": 7}, scope="red")
        engine.until(_SEVEN, [{"scope": "red"}])
        return [*found, await admin.state("Counter", "c", scope="red")]


_NAMED = "SELECT scope FROM state WHERE service_name = 'Flow' AND service_key = 'c' AND key = 'name' ORDER BY scope"
_SEVEN = "SELECT scope FROM state WHERE service_name = 'Counter' AND service_key = 'c' AND value_utf8 = '7'"


SCOPE_TEXTS = ("blue", "", "a%20b", "%C3%BC", "x" * 36, LONG, "%20" * 37, ".", "..", "a%2Fb", "a~b", "%FF")
LIMIT_KEYS = ("a", "a/b", "a/b/", "a/b/c", "a b/b/c", "", "/", "a//", "a b", "x" * 36, LONG, "*")
REFUSALS = [
    *(Step(f"/restate/scope/{scope}/call/Greeter/greet", "x") for scope in SCOPE_TEXTS),
    *(Step("/restate/scope/s/call/Greeter/greet", "x", x_restate_limit_key=key) for key in LIMIT_KEYS),
    *(Step(f"/restate/scope/s/call/Greeter/greet?limit-key={key}", "x") for key in ("a%2Fb", "%C3%BC", "")),
    *(Step("/Greeter/greet", "x", x_restate_limit_key=key) for key in ("", "a", "a b", "\xfc")),
    Step("/restate/scope/a%20b/call/Counter/k/add", 1, method="PUT"),
    Step("/restate/scope/blue/call/Counter/k/add", 1, method="PUT"),
    Step("/restate/scope/blue/call/Counter/k/add", b"x", content_type="nonsense"),
    Step("/restate/scope/blue/call/Flow/refused/run", b"x", content_type="nonsense"),
    Step("/restate/scope/a%20b/call/Flow/k/run", "x", idempotency_key="k"),
    Step("/restate/scope/a%20b/call/Counter/k/nobody", 1),
    Step("/restate/scope/a%20b/call/Nobody/k/nobody", 1),
    Step("/restate/scope/blue/call/Flow/run", 1),
    Step("/restate/scope/blue/attach/x", 1),
    Step("/restate/lookup", run_of("w", "blue")),
    Step("/restate/lookup", run_of("w", "a b")),
    Step("/restate/output", run_of("nobody", "blue")),
    Step("/restate/output", request_of("Greeter", "greet", "a b")),
    Step("/services/Counter/state", {"object_key": "u", "scope": "blue", "new_state": {"n": [49]}}),
]
FROM_HANDLERS = [
    *(("greet", scope) for scope in ("blue", "a b", LONG)),
    *(("limit", key) for key in ("a", "a/b/c", "a b", LONG)),
    *((handler, scope) for handler in ("attach", "output") for scope in ("blue", "", "a b", LONG)),
    ("objects", "k"),
    ("workflow", "k"),
]


@pytest.mark.parametrize("config", [ALL, {SCOPES: True}, {}], ids=["all", "no-objects", "none"])
def test_what_can_not_be_is_refused_in_the_same_words(config: dict[str, Any]) -> None:
    """Callers hear it at once; handlers' attempts fail, and are tried again. In three states of the experiments."""
    for engines in started(config):
        features = {name: fetch(f"{each.admin}/version", method="GET").json for name, each in engines.items()}
        assert same({name: told["features"]["scoped_virtual_objects"] for name, told in features.items()}) is (
            SCOPED_OBJECTS in config
        )
        same(answers(engines, REFUSALS))
        same({name: _ended(engine) for name, engine in engines.items()})


def _ended(engine: Engine) -> list[Any]:
    """How calls of ``Boss`` end, or why their attempts fail."""
    ids = [fetch(f"{engine.ingress}/Boss/{handler}/send", given).invocation_id for handler, given in FROM_HANDLERS]
    failures = "last_failure, last_failure_error_code, completion_failure, completion_result"
    sql = f"SELECT id, {failures} FROM sys_invocation WHERE target_service_name = 'Boss'"
    sql += " AND (last_failure IS NOT NULL OR status = 'completed')"
    end = time.monotonic() + 20
    while len(rows := engine.rows(sql)) < len(ids):
        assert time.monotonic() < end, rows
    for identifier in ids:
        fetch(f"{engine.admin}/invocations/{identifier}/kill", method="PATCH")
    by_id = {row.pop("id"): row for row in rows}
    return [[call, by_id[identifier]] for call, identifier in zip(FROM_HANDLERS, ids, strict=True)]


def test_scopes_outlast_a_restart() -> None:
    """Who holds a key, who waits for it, state and promises: each where it was."""
    settings = ServerSettings(protocol_v7=True, config=ALL)
    before = [
        Step("/restate/scope/blue/send/Counter/o/hold", name="hold"),
        Step("/restate/scope/blue/send/Counter/o/add", 1, name="waits"),
        Step("/restate/scope/red/call/Counter/o/add", 2),
        Step("/restate/scope/blue/send/Flow/w/run", "b", name="flow"),
        Step("/Flow/w/run/send", "plain"),
    ]
    after = [
        Step("/restate/scope/red/call/Counter/o/add", 2),
        Step("/Counter/o/add", 2),
        get("/restate/output/{waits}"),
        Step("/restate/scope/blue/call/Flow/w/end", "x"),
        get("/restate/attach/{flow}"),
        Step("/restate/output", run_of("w", None)),
        patch("/invocations/{hold}/kill"),
        get("/restate/attach/{waits}"),
    ]
    found: dict[str, list[Any]] = {}
    for name, make in (("server", RestateServer), ("file", EmbeddedServer)):
        with ServedInThread(Greeter, Counter, Flow, Boss) as endpoint, make(settings) as server:
            engine = Engine(server, endpoint.url)
            answers({name: engine}, before)
            assert engine.until("SELECT key FROM state WHERE key = 'held'", [{"key": "held"}])
            server.stop()
            server.start()
            found |= answers({name: engine}, after)
    assert found["file"] == found["server"]
    assert found["server"][-1][1] == (200, [1, "blue", "o"])
