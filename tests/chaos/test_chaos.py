"""SIGKILL at random under mixed load from 64 clients: nothing is lost, doubled or stuck.

    pytest tests/chaos --minutes 10

prints figures (with ``-s``) and the seed; ``--chaos-seed N`` repeats its choices.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from restate_reflect.server import RestateServer
from tests.chaos.clients import Load
from tests.chaos.invariants import check, left_over
from tests.chaos.killer import Killer
from tests.conftest import ServeProcess, ServerMaker

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

TARGETS = [f"tests.chaos.program:{name}" for name in ("Ledger", "Mailbox", "Flow", "make_desk")]


@pytest.mark.parametrize("protocol_v7", [False, True], ids=["v6", "v7"])
def test_nothing_is_lost_doubled_or_stuck(
    server_with: ServerMaker,
    serve_process: ServeProcess,
    tmp_path: Path,
    seed: int,
    seconds: float,
    protocol_v7: bool,
) -> None:
    """Every operation has its effect once, every result stays what it was, every invocation completes."""
    file = tmp_path / "effects"
    file.touch()
    server: RestateServer = server_with(protocol_v7=protocol_v7)
    endpoint = serve_process(server, *TARGETS, env={"CHAOS_FILE": str(file)})
    load = Load(server.ingress_url, seed)
    with Killer(server, endpoint, seed) as killer:
        try:
            asyncio.run(load.run(seconds))
        except ExceptionGroup as error:
            killer.stop()
            error.add_note(left_over(server))
            raise
    figures = check(server, load.done, file)
    operations = sum(load.done.counts.values())
    print(
        f"{operations} operations {load.done.counts} of 64 clients in {seconds:g} s, {figures['invocations']}"
        f" invocations; killed: {dict(killer.killed)}; {load.done.repeated} requests repeated"
    )
    assert operations > 64
    assert killer.killed["endpoint"] >= 2
    assert killer.killed.total() >= seconds / 6
