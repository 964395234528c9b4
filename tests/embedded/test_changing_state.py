"""State is changed from outside once its key is free, in turn with what waits for the key, also after a restart."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from restate_reflect import ObjectContext, ObjectSharedContext
from tests.conftest import ServerMaker
from tests.embedded.served import JSON, ServedRuntime
from tests.support import ServedInThread, fetch


class Box:
    async def hold(self, ctx: ObjectContext, value: int) -> int | None:
        seen = await ctx.get("value", int)
        ctx.set("value", value)
        await ctx.awakeable(str)
        return seen

    async def add(self, ctx: ObjectContext) -> int:
        value = await ctx.get("value", int, default=0) + 1
        ctx.set("value", value)
        return value

    async def get(self, ctx: ObjectSharedContext) -> int | None:
        return await ctx.get("value", int)


def begun(server: Any) -> str:
    """A handler that holds the key, with its state written."""
    holder = fetch(f"{server.ingress_url}/Box/k/hold/send", 1).invocation_id
    while fetch(f"{server.ingress_url}/Box/k/get").json != 1:
        time.sleep(0.02)
    return holder


def change(server: Any, value: int, **more: str) -> int:
    body = {"object_key": "k", "new_state": {"value": list(str(value).encode())}, **more}
    return fetch(f"{server.admin_url}/services/Box/state", body).status


def end(server: Any, holder: str) -> None:
    fetch(f"{server.admin_url}/invocations/{holder}/cancel", method="PATCH")
    fetch(f"{server.ingress_url}/restate/invocation/{holder}/attach", method="GET")


@pytest.mark.server
@pytest.mark.both_engines
def test_a_change_waits_for_the_key(server_with: ServerMaker) -> None:
    """Behind what has waited before, and before what comes later; in the wrong version nothing is changed."""
    server = server_with()
    with ServedInThread(Box) as endpoint:
        server.register(endpoint.url)
        holder = begun(server)
        first = fetch(f"{server.ingress_url}/Box/k/add/send").invocation_id
        assert change(server, 10) == 202
        assert change(server, 77, version="wrong") == 202
        second = fetch(f"{server.ingress_url}/Box/k/add/send").invocation_id
        assert fetch(f"{server.ingress_url}/Box/k/get").json == 1
        end(server, holder)
        results = [
            fetch(f"{server.ingress_url}/restate/invocation/{each}/attach", method="GET").json
            for each in (first, second)
        ]
        assert results == [2, 11]
        assert change(server, 20) == 202
        while fetch(f"{server.ingress_url}/Box/k/get").json != 20:
            time.sleep(0.02)


def test_a_change_waits_through_a_restart(tmp_path: Path) -> None:
    """What was accepted is made."""
    file = tmp_path / "data.sqlite"
    with ServedInThread(Box) as endpoint:
        with ServedRuntime(file=file) as served:
            fetch(f"{served.admin_url}/deployments", {"uri": endpoint.url})
            holder = begun(served)
            first = fetch(f"{served.ingress_url}/Box/k/add/send").invocation_id
            assert change(served, 10) == 202
            second = fetch(f"{served.ingress_url}/Box/k/add/send").invocation_id
        with ServedRuntime(file=file) as served:
            end(served, holder)
            results = [
                fetch(f"{served.ingress_url}/restate/invocation/{each}/attach", method="GET").json
                for each in (first, second)
            ]
            assert results == [2, 11]
            sql = "SELECT value_utf8 FROM state"
            rows = fetch(f"{served.admin_url}/query", {"query": sql}, headers=JSON).json["rows"]
            assert rows == [{"value_utf8": "11"}]
