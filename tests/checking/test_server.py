"""The same changes, found in the tables of restate-server."""

from __future__ import annotations

from pathlib import Path

import pytest

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.server import RestateServer
from tests.chaos import program
from tests.checking.changes import COMPATIBLE, INCOMPATIBLE
from tests.checking.test_changes import Changed, begin, changed, checked
from tests.conftest import Serve, ServerMaker

__all__ = ["changed"]


@pytest.mark.parametrize("protocol_v7", [False, True], ids=["V6", "V7"])
def test_every_change_is_seen_for_what_it_is(
    protocol_v7: bool, server_with: ServerMaker, serve: Serve, changed: Changed, tmp_path: Path
) -> None:
    """On both protocols: what breaks something is found, and nothing else."""
    server = server_with(protocol_v7=protocol_v7)
    serve(server, program.Ledger, program.Mailbox, program.Desk(tmp_path / "stamps"), program.Flow)
    begin(server.ingress_url, server.admin_url)
    kinds = {name: found(server, changed(change)) for name, (_, change) in INCOMPATIBLE.items()}
    assert {name: kinds[name] for name, (kind, _) in INCOMPATIBLE.items() if kind not in kinds[name]} == {}
    told = {name: found(server, changed(change)) for name, change in COMPATIBLE.items()}
    assert {name: each for name, each in told.items() if each} == {}


def found(server: RestateServer, services: list[ServiceDefinition]) -> set[str]:
    """Kinds of findings; and what was not replayed, where nothing was found."""
    report = checked(server.admin_url, services)
    left = {row.name for row in report.rows.values() if row.replayed != row.in_flight + row.completed}
    return {each.kind.value for each in report.findings} or left
