"""``restart-as-new`` and ``resume?deployment=``: the same on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from restate_reflect import Context, RetryPolicy, WorkflowContext, WorkflowSharedContext, handler
from tests.conftest import ServerMaker
from tests.embedded.served import JSON
from tests.support import Answer, ServedInThread, fetch

pytestmark = [pytest.mark.server, pytest.mark.both_engines]


class Steps:
    def __init__(self) -> None:
        self.runs: list[str] = []

    async def two(self, ctx: Context, name: str) -> list[Any]:
        first = await ctx.run("first", self._ran, "first")
        second = await ctx.run("second", self._ran, "second")
        return [first, second]

    def _ran(self, step: str) -> int:
        self.runs.append(step)
        return len(self.runs)

    @handler(retry_policy=RetryPolicy(max_attempts=1, on_max_attempts="pause"))
    async def fail(self, ctx: Context) -> str:
        await ctx.run("first", self._ran, "fail")
        if len(self.runs) < 2:
            raise ValueError("not yet")
        return "went on"


class Flow:
    async def run(self, ctx: WorkflowContext) -> str:
        return "done"

    async def look(self, ctx: WorkflowSharedContext) -> str:
        return "seen"


def result(server: Any, identifier: str) -> Any:
    return fetch(f"{server.ingress_url}/restate/invocation/{identifier}/attach", method="GET").json


def restart(server: Any, identifier: str, query: str = "") -> Answer:
    return fetch(f"{server.admin_url}/invocations/{identifier}/restart-as-new{query}", method="PATCH")


def test_a_new_invocation_begins_with_the_prefix_that_is_asked_for(server_with: ServerMaker) -> None:
    """The input alone, or steps with their results, which then do not execute."""
    server, steps = server_with(), Steps()
    with ServedInThread(steps) as endpoint:
        server.register(endpoint.url)
        done = fetch(f"{server.ingress_url}/Steps/two", "x")
        old = done.invocation_id
        whole = restart(server, old).json["new_invocation_id"]
        assert result(server, whole) == [3, 4]
        part = restart(server, old, "?from=1").json["new_invocation_id"]  # the command; its result comes along
        assert result(server, part) == [1, 5]
        assert steps.runs == ["first", "second", "first", "second", "second"]
        sql = f"SELECT restarted_from, invoked_by, target FROM sys_invocation WHERE id = '{part}'"
        row = fetch(f"{server.admin_url}/query", {"query": sql}, headers=JSON).json["rows"]
        assert row == [{"restarted_from": old, "invoked_by": "restart_as_new", "target": "Steps/two"}]


def test_what_cannot_be_restarted(server_with: ServerMaker) -> None:
    """Each with the server's status."""
    server, steps = server_with(), Steps()
    with ServedInThread(steps, Flow) as endpoint:
        server.register(endpoint.url)
        old = fetch(f"{server.ingress_url}/Steps/two", "x").invocation_id
        run = fetch(f"{server.ingress_url}/Flow/k/run").invocation_id
        later = fetch(f"{server.ingress_url}/Steps/two/send?delay=1h", "x").invocation_id
        seen = [
            restart(server, old, query).status
            for query in (
                "?from=99",
                "?from=x",
                "?from=-1",
                "?deployment=dp_1",
                "?deployment=dp_11111111111111111111111",
                "?deployment=keep",
                "?deployment=latest",
            )
        ]
        assert seen == [400, 400, 400, 400, 400, 200, 200]
        assert restart(server, run).status == 422
        assert restart(server, fetch(f"{server.ingress_url}/Flow/k/look").invocation_id).status == 422
        assert restart(server, later).status == 425
        assert restart(server, "inv_1" + "0" * 33).status == 404
        fetch(f"{server.admin_url}/invocations/{old}/purge-journal", method="PATCH")
        assert restart(server, old).status == 410


def test_a_paused_invocation_goes_on_elsewhere(server_with: ServerMaker) -> None:
    """On the deployment that is named, where its steps are not executed again."""
    server, first, second = server_with(), Steps(), Steps()
    second.runs = ["x", "y"]
    with ServedInThread(first) as before, ServedInThread(second) as after:
        server.register(before.url)
        paused = fetch(f"{server.ingress_url}/Steps/fail/send").invocation_id
        while _row(server, paused)["status"] != "paused":
            pass
        identifier = server.register(after.url)["id"]
        refused = fetch(f"{server.admin_url}/invocations/{paused}/resume?deployment=dp_1x", method="PATCH")
        assert refused.status == 400
        resumed = fetch(f"{server.admin_url}/invocations/{paused}/resume?deployment={identifier}", method="PATCH")
        assert resumed.status == 200
        assert result(server, paused) == "went on"
        assert _row(server, paused)["pinned_deployment_id"] == identifier
        assert (first.runs, second.runs) == (["fail"], ["x", "y"])


def _row(server: Any, identifier: str) -> dict[str, Any]:
    sql = f"SELECT status, pinned_deployment_id FROM sys_invocation WHERE id = '{identifier}'"
    row: dict[str, Any] = fetch(f"{server.admin_url}/query", {"query": sql}, headers=JSON).json["rows"][0]
    return row
