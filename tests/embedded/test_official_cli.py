"""The official command line says the same of both engines, and ends with the same exit code.

Ids and times apart, that is: and of tables, which have no order, the lines are compared as a set.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from restate_reflect import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    RetryPolicy,
    TerminalError,
    WorkflowContext,
    WorkflowSharedContext,
    handler,
    service,
)
from restate_reflect.server import RestateServer, ServerSettings
from tests.embedded.official_cli import CommandLine, find_command_line
from tests.embedded.served import JSON, ServedRuntime
from tests.embedded.server import runtime_settings
from tests.support import ServedInThread, fetch

pytestmark = [pytest.mark.server, pytest.mark.slow]


# What waits stays running, however long the commands take on a busy machine.
waiting = service(inactivity_timeout=timedelta(hours=1))


@waiting
class Counter:
    """Counts."""

    async def add(self, ctx: ObjectContext, amount: int) -> int:
        total = await ctx.get("total", int, default=0) + amount
        ctx.set("total", total)
        return total

    async def hold(self, ctx: ObjectContext) -> str:
        return await ctx.awakeable(str)

    async def get(self, ctx: ObjectSharedContext) -> int | None:
        return await ctx.get("total", int)


async def one() -> int:
    return 1


async def breaks() -> int:
    raise ValueError("broken")


@waiting
class Greeter:
    async def greet(self, ctx: Context, name: str) -> str:
        await ctx.run("step", one)
        await ctx.call(Counter.add, 1, key="g")
        return name

    async def wait(self, ctx: Context) -> str:
        await ctx.run("before", one)
        return await ctx.awakeable(str)

    @handler(retry_policy=RetryPolicy(max_attempts=1, on_max_attempts="pause"))
    async def fail(self, ctx: Context) -> None:
        await ctx.run("breaks", breaks)

    async def refuse(self, ctx: Context) -> None:
        raise TerminalError("no", 409, metadata={"a": "b"})


@waiting
class Flow:
    async def run(self, ctx: WorkflowContext, number: int) -> int:
        ctx.set("number", number)
        return await ctx.promise("p", int)

    async def done(self, ctx: WorkflowSharedContext, number: int) -> None:
        await ctx.promise("p", int).resolve(number)


@dataclass
class Engine:
    """One of the two, and what the tests remember of it."""

    url: str
    ingress_url: str
    cli: CommandLine
    ids: dict[str, str] = field(default_factory=dict)

    def query(self, sql: str) -> list[dict[str, Any]]:
        answer = fetch(f"{self.url}/query", {"query": sql}, headers=JSON)
        assert answer.status == 200, answer.body
        rows: list[dict[str, Any]] = answer.json["rows"]
        return rows

    def until(self, name: str, status: str) -> None:
        """Waits until an invocation has a status."""
        end = time.monotonic() + 60
        while self.query(f"SELECT status FROM sys_invocation WHERE id = '{self.ids[name]}'") != [{"status": status}]:
            assert time.monotonic() < end, (name, status)
            time.sleep(0.05)

    def send(self, name: str, path: str, *body: Any) -> None:
        answer = fetch(f"{self.ingress_url}/{path}", *body)
        self.ids[name] = answer.invocation_id

    def filled(self, arguments: str) -> list[str]:
        """Words of a command line, with ids put in."""
        words = re.findall(r"'[^']*'|\S+", arguments)
        return [re.sub(r"\{(\w+)\}", lambda found: self.ids[found[1]], word.strip("'")) for word in words]


Engines = tuple[Engine, Engine]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with ServedInThread(Counter, Greeter, Flow) as served:
        yield served.url


@pytest.fixture
def engines(endpoint: str, tmp_path: Path) -> Iterator[Engines]:
    """Both, with nothing registered."""
    program = find_command_line()
    settings = ServerSettings()
    with ServedRuntime(settings=runtime_settings(settings)) as here, RestateServer(settings) as there:
        made: list[Engine] = []
        both: list[Any] = [here, there]
        for number, each in enumerate(both):
            home = tmp_path / str(number)
            home.mkdir()
            cli = CommandLine(program, home, each.admin_url, each.ingress_url)
            made.append(Engine(each.admin_url, each.ingress_url, cli))
        yield made[0], made[1]


def same(engines: Engines, arguments: str, **environ: str) -> list[str]:
    """What both say to a command."""
    here, there = (engine.cli.told("--yes", *engine.filled(arguments), **environ) for engine in engines)
    assert here == there, arguments
    return here[1]


def registered(engines: Engines, endpoint: str) -> None:
    for engine in engines:
        engine.ids["dp"] = fetch(f"{engine.url}/deployments", {"uri": endpoint}).json["id"]


def test_deployments_and_services(engines: Engines, endpoint: str) -> None:
    """Registered, registered again, by force; listed, described, removed."""
    assert "Admin base URL ADMIN/" in same(engines, "whoami")
    assert "Deployment ID: DP" in same(engines, f"deployments register {endpoint}")
    same(engines, f"deployments register {endpoint}")
    same(engines, f"deployments register {endpoint} --force")
    same(engines, "deployments register http://127.0.0.1:1")
    for engine in engines:
        engine.ids["dp"] = engine.query("SELECT id FROM sys_deployment")[0]["id"]
    for command in (
        "deployments list",
        "deployments list --extra",
        "deployments describe {dp}",
        "deployments describe {dp} --extra",
        "deployments describe dp_none",
        "services list",
        "services describe Counter",
        "services describe Flow",
        "services describe Nobody",
        "services status",
        "services status Greeter",
        "services config view Counter",
        "services config view Greeter",
        "services config view Flow",
        "deployments remove {dp}",
        "deployments remove {dp} --force",
        "deployments list",
        "services list",
    ):
        same(engines, command)


def begun(engines: Engines) -> None:
    """Invocations in every status."""
    for engine in engines:
        fetch(f"{engine.ingress_url}/Greeter/greet", "x")
        engine.send("refused", "Greeter/refuse")
        engine.send("hold", "Counter/a/hold/send")
        engine.until("hold", "running")
        engine.send("inboxed", "Counter/a/add/send", 1)
        engine.send("wait", "Greeter/wait/send")
        engine.send("fail", "Greeter/fail/send")
        engine.send("later", "Greeter/wait/send?delay=1h")
        engine.send("flow", "Flow/w/run/send", 1)
        engine.until("fail", "paused")
        engine.until("wait", "running")
        engine.until("flow", "running")
        while not engine.query("SELECT key FROM sys_promise") or len(_journal(engine, "wait")) < 3:
            time.sleep(0.05)


def _journal(engine: Engine, name: str) -> list[dict[str, Any]]:
    return engine.query(f"SELECT index FROM sys_journal WHERE id = '{engine.ids[name]}'")


def test_invocations_are_shown(engines: Engines, endpoint: str) -> None:
    """Each alone, and in lists by status, service and key."""
    registered(engines, endpoint)
    begun(engines)
    for name in engines[0].ids:
        if name != "dp":
            assert same(engines, f"invocations describe {{{name}}}")
    for command in (
        "invocations list",
        "invocations list --all",
        "invocations list --status scheduled",
        "invocations list --status paused --status pending",
        "invocations list --completion-result failure",
        "invocations list --service Counter --oldest-first",
        "invocations list --service Greeter --handler wait",
        "invocations list --key w",
        "invocations list --virtual-objects-only",
        "invocations list --deployment {dp}",
        "invocations list --zombie",
        "invocations list --limit 2",
        "services status Flow",  # of others it names one of the oldest by chance
        "deployments list --extra",
        "deployments describe {dp} --extra",
    ):
        same(engines, command)


def test_invocations_are_operated(engines: Engines, endpoint: str) -> None:
    """Paused, resumed, cancelled, killed, purged, restarted; and refused where that can't be."""
    registered(engines, endpoint)
    begun(engines)
    for command in (
        "invocations purge {wait}",
        "invocations restart-as-new {wait}",
        "invocations restart-as-new {later}",
        "invocations pause {later}",
        "invocations resume {later}",
        "invocations cancel {refused}",
        "invocations kill {refused}",
        "invocations resume {refused}",
        "invocations cancel Nobody",
        "invocations resume {fail} --deployment dp_none",
        "invocations resume {fail} --deployment dp_11111111111111111111111",
        "invocations resume {fail} --deployment {dp}",
    ):
        same(engines, command)
    _wait(engines, "fail", "paused")
    same(engines, "invocations pause {wait}")
    _wait(engines, "wait", "paused")
    same(engines, "invocations describe {wait}")
    same(engines, "invocations resume {wait} --deployment latest")
    _wait(engines, "wait", "running")
    for name, command in (("wait", "cancel"), ("fail", "kill"), ("flow", "kill")):
        same(engines, f"invocations {command} {{{name}}}")
        _wait(engines, name, "completed")
    same(engines, "invocations cancel {later}")
    for command in (
        "invocations list --all",
        "invocations describe {wait}",
        "invocations restart-as-new {flow}",
        "invocations restart-as-new {refused}",
        "invocations purge {refused}",
        "invocations purge {wait}",
        "invocations describe {refused}",
    ):
        same(engines, command)
    for engine in engines:
        new = engine.query("SELECT id, restarted_from, invoked_by FROM sys_invocation WHERE restarted_from IS NOT NULL")
        assert [(row["restarted_from"], row["invoked_by"]) for row in new] == [
            (engine.ids["refused"], "restart_as_new")
        ]
        engine.ids["again"] = new[0]["id"]
    _wait(engines, "again", "completed")
    same(engines, "invocations describe {again}")


def _wait(engines: Engines, name: str, status: str) -> None:
    for engine in engines:
        engine.until(name, status)


def test_state(engines: Engines, endpoint: str, tmp_path: Path) -> None:
    """Shown, patched, edited and cleared; what was changed meanwhile is not overwritten."""
    registered(engines, endpoint)
    for engine in engines:
        fetch(f"{engine.ingress_url}/Counter/a/add", 5)
        fetch(f"{engine.ingress_url}/Counter/b/add", 5)
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/5/6/' \"$1\"\n")
    editor.chmod(0o700)
    added = json.dumps([{"op": "add", "path": "/more", "value": {"b": [1, None]}}])
    for command in (
        "state get Counter a",
        "state get Counter a --plain",
        "state get Counter a --binary",
        "state get Counter nobody",
        "state get Greeter a",
        "state get Nobody a",
        f"state patch Counter a --patch '{added}'",
        "state get Counter a --plain",
        "state edit Counter a",
        "state get Counter a --plain",
        "state clear Counter/nobody",
        "state clear Counter/b",
        "state get Counter b",
    ):
        same(engines, command, RESTATE_EDITOR=str(editor), EDITOR=str(editor))


def test_state_is_changed_in_the_version_that_was_seen(engines: Engines, endpoint: str) -> None:
    """And in no other, though nobody is told."""
    registered(engines, endpoint)
    for engine in engines:
        fetch(f"{engine.ingress_url}/Counter/a/add", 5)
        for version in ("wrong", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"):
            change = {"object_key": "a", "new_state": {"total": [55]}, "version": version}
            assert fetch(f"{engine.url}/services/Counter/state", change).status == 202
        change = {
            "object_key": "b",
            "new_state": {"total": [56]},
            "version": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        }
        assert fetch(f"{engine.url}/services/Counter/state", change).status == 202
        assert fetch(f"{engine.ingress_url}/Counter/b/get").json == 8
        assert fetch(f"{engine.ingress_url}/Counter/a/get").json == 5


def test_sql(engines: Engines, endpoint: str) -> None:
    """As a table and as JSON."""
    registered(engines, endpoint)
    for engine in engines:
        fetch(f"{engine.ingress_url}/Counter/a/add", 5)
    for command in (
        "sql 'select count(*) from sys_invocation'",
        "sql 'select target, status, created_at from sys_invocation'",
        "sql 'select name, revision, public from sys_service order by name' --json",
        "sql 'select * from state' --jsonl",
        "sql 'select created_at is not null as made, retry_count from sys_invocation' --json",
        "sql 'select * from nothing'",
        "sql 'select 1; select 2'",
        "rules list",
    ):
        same(engines, command)
