"""A handler whose code changed under an invocation in flight stops with a 570, and goes on once mended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from restate_reflect.server import RestateServer
from tests.conftest import ServeProcess
from tests.realserver.waiting import eventually
from tests.support import ServedProcess, call, fetch

VERSION_1 = """\
from restate_reflect import Context


def done(what: str) -> str:
    return what


class Shop:
    async def buy(self, ctx: Context) -> str:
        answer = ctx.awakeable(str)
        await ctx.run("tell", print, f"awakeable <{answer.id}>", flush=True)
        reserved = await ctx.run("reserve", done, "reserved")
        charged = await ctx.run("charge", done, "charged")
        shipped = await ctx.run("ship", done, "shipped")
        return f"{reserved} {charged} {shipped} {await answer}"
"""

CHARGE = '        charged = await ctx.run("charge", done, "charged")\n'
SHIP = '        shipped = await ctx.run("ship", done, "shipped")\n'
WITHOUT_CHARGE = VERSION_1.replace(CHARGE, "").replace("{charged} ", "")
WITHOUT_SHIP = VERSION_1.replace(SHIP, "").replace("{shipped} ", "")
WITH_A_CALL = VERSION_1.replace(CHARGE, f'{CHARGE}        await ctx.call_raw("Shop", "buy")\n')
RENAMED = VERSION_1.replace('"charge"', '"collect"')


class InFlight:
    """An invocation that has taken all of its steps and waits for an awakeable."""

    def __init__(self, server: RestateServer, serve_process: ServeProcess, folder: Path, service: str) -> None:
        self.server = server
        self.service = service
        self.file = folder / "shop.py"
        self._write(VERSION_1)
        self.endpoint: ServedProcess = serve_process(server, "shop.py", cwd=folder)
        self.id = call(server, service, "buy", send=True).invocation_id
        index = self.endpoint.wait_for("awakeable <")
        self.awakeable = self.endpoint.output[index - 1].partition("<")[2].partition(">")[0]
        eventually(lambda: len(self.names()) == 4)

    def _write(self, code: str) -> None:
        self.file.write_text(code.replace("class Shop", f"class {self.service}").replace('"Shop"', f'"{self.service}"'))

    def names(self) -> list[str]:
        """Names of the steps with a result in the journal."""
        sql = f"SELECT name, entry_type FROM sys_journal WHERE id = '{self.id}' ORDER BY index"
        rows = self.server.query(sql)
        done = sum(row["entry_type"] == "Notification: Run" for row in rows)
        return [row["name"] for row in rows if row["entry_type"] == "Command: Run"][:done]

    def redeploy(self, code: str) -> None:
        """Serves other code at the same port."""
        self.endpoint.stop()
        self._write(code)
        self.endpoint.start()

    def resolve(self) -> None:
        """Delivers the awakeable, which resumes the invocation."""
        fetch(f"{self.server.ingress_url}/restate/awakeables/{self.awakeable}/resolve", "paid")

    def failure(self, text: str = "570") -> dict[str, Any]:
        """The row of ``sys_invocation``, once an attempt has failed with this in its message."""

        def failed() -> dict[str, Any] | None:
            (row,) = self.server.query(f"SELECT * FROM sys_invocation WHERE id = '{self.id}'")
            return row if text in str(row.get("last_failure")) else None

        found = eventually(failed)
        assert found is not None
        return found

    def result(self) -> object:
        return fetch(f"{self.server.ingress_url}/restate/invocation/{self.id}/attach", method="GET").json


@dataclass(frozen=True)
class Change:
    """Other code for the same invocation, and what the error then says."""

    service: str
    code: str
    recorded: str
    current: str
    line: int
    command: tuple[int, str]
    """Index and type of the command that the server shows beside the failure."""
    fitting: int
    """Steps before it."""


CHANGES = [
    Change("Deleted", WITHOUT_CHARGE, "run 'charge'", "run 'ship'", 13, (3, "Run"), 2),
    Change("Renamed", RENAMED, "run 'charge'", "run 'collect'", 13, (3, "Run"), 2),
    Change("Added", WITH_A_CALL, "run 'ship'", "call Added/", 14, (4, "Call"), 3),
    Change("DeletedAtTheEnd", WITHOUT_SHIP, "run 'ship'", "an await", 14, (3, "Run"), 3),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.service)
def test_changed_code_is_a_570_that_shows_both_sides(
    restate_server: RestateServer, serve_process: ServeProcess, tmp_path: Path, change: Change
) -> None:
    """The recorded command, the current one, file and line; nothing is lost: the old code finishes the invocation."""
    check(restate_server, serve_process, tmp_path, change)


def test_a_deleted_step_is_found_in_v7_too(
    restate_server_v7: RestateServer, serve_process: ServeProcess, tmp_path: Path
) -> None:
    check(restate_server_v7, serve_process, tmp_path, CHANGES[0])


def check(server: RestateServer, serve_process: ServeProcess, folder: Path, change: Change) -> None:
    invocation = InFlight(server, serve_process, folder, change.service)
    invocation.redeploy(change.code)
    invocation.resolve()
    row = invocation.failure()
    message = row["last_failure"]
    assert f"recorded: {change.recorded}" in message
    assert f"current:  {change.current}" in message
    assert f"shop.py:{change.line} in {change.service}.buy" in message
    assert row["status"] in ("backing-off", "running")
    assert related(server, invocation.id) == {change.command}
    before = message.partition("The steps before it, which fit:\n")[2].partition("Likeliest cause: ")[0].splitlines()
    assert [line.split()[2] for line in before[::2]] == ["'tell'", "'reserve'", "'charge'"][: change.fitting]
    assert all("shop.py:" in line and "await ctx.run(" in line for line in before[1::2])
    assert f"restate-reflect replay {invocation.id} TARGET --pdb" in message
    invocation.redeploy(VERSION_1)
    assert invocation.result() == "reserved charged shipped paid"
    assert invocation.names() == ["tell", "reserve", "charge", "ship"]


def related(server: RestateServer, invocation_id: str) -> set[tuple[int, str]]:
    """Index and type of the command that each 570 speaks of; the server writes events down after the fact."""
    sql = f"SELECT event_json FROM sys_journal_events WHERE id = '{invocation_id}' AND event_type = 'TransientError'"

    def written() -> list[dict[str, Any]]:
        events = [json.loads(row["event_json"]) for row in server.query(sql)]
        return [event for event in events if event["error_code"] == 570]

    mismatches = eventually(written)
    return {(event["related_command_index"], event["related_command_type"]) for event in mismatches}
