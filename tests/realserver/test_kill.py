"""SIGKILL at random moments under load: everything finishes, and each step counts once."""

from __future__ import annotations

import json
import random
import time
from collections import Counter, defaultdict
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from restate_reflect.server import AdminError, RestateServer
from tests.conftest import ServeProcess, ServerMaker
from tests.realserver.chaos_program import COUNTERS, STEPS
from tests.realserver.waiting import eventually
from tests.support import ServedProcess, call, fetch

WORKFLOWS = 200
VICTIMS = ["endpoint", "server"] * 4
BATCH = WORKFLOWS // len(VICTIMS)
"""Workflows that are started before each kill, so that each one hits work in progress."""

pytestmark = [pytest.mark.chaos, pytest.mark.slow]


def submit(server: RestateServer, number: int) -> None:
    """Starts a workflow, however often it takes: the key makes a repetition harmless."""
    deadline = time.monotonic() + 60
    while True:
        try:
            answer = call(server, "ChaosWorkflow", "run", number, key=f"w{number}", send=True, timeout=5)
            if answer.status in (200, 202):
                return
        except OSError:  # the server is down
            pass
        assert time.monotonic() < deadline, f"workflow {number} could not be started within 60 s"
        time.sleep(0.05)


def completed(server: RestateServer) -> bool:
    sql = "SELECT count(*) AS n FROM sys_invocation WHERE target LIKE 'ChaosWorkflow/%' AND status = 'completed'"
    try:
        return bool(server.query(sql)[0]["n"] == WORKFLOWS)
    except AdminError:  # tables are not there yet after a restart
        return False


def recorded_steps(server: RestateServer) -> dict[str, list[tuple[str, str]]]:
    """By workflow key: name and journaled token of each step."""
    sql = """SELECT i.target_service_key AS key, j.index, j.name, j.entry_type, j.entry_json
             FROM sys_journal j JOIN sys_invocation i ON i.id = j.id
             WHERE i.target_service_name = 'ChaosWorkflow' AND j.entry_type IN ('Command: Run', 'Notification: Run')
             ORDER BY key, j.index"""
    names: dict[tuple[str, int], str] = {}
    steps: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in server.query(sql):
        entry = json.loads(row["entry_json"])
        if row["entry_type"] == "Command: Run":
            names[row["key"], entry["Command"]["Run"]["completion_id"]] = row["name"]
        else:
            run = entry["Notification"]["Completion"]["Run"]
            token = json.loads(bytes(run["result"]["Success"]))
            steps[row["key"]].append((names[row["key"], run["completion_id"]], token))
    assert Counter(key for key, _ in names) == {f"w{n}": STEPS for n in range(WORKFLOWS)}
    return steps


def check_everything_counted_once(server: RestateServer, file: Path) -> None:
    """Results, journals, side effects and counters agree."""
    lines = Counter((key, f"step-{step}", token) for key, step, token in map(str.split, file.read_text().splitlines()))
    assert set(lines.values()) == {1}
    steps = recorded_steps(server)
    for number in range(WORKFLOWS):
        recorded = steps[f"w{number}"]
        assert [name for name, _ in recorded] == [f"step-{step}" for step in range(STEPS)]
        assert all((f"w{number}", *step) in lines for step in recorded), "a journaled step left no side effect"
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(lambda number: result(server, number), range(WORKFLOWS))
        assert list(results) == [[token for _, token in steps[f"w{number}"]] for number in range(WORKFLOWS)]
    values = [call(server, "ChaosCounter", "value", key=str(key)).json for key in range(COUNTERS)]
    assert sum(values) == WORKFLOWS * STEPS


def result(server: RestateServer, number: int) -> object:
    answer = fetch(f"{server.ingress_url}/restate/workflow/ChaosWorkflow/w{number}/attach", method="GET")
    return answer.json


@pytest.mark.parametrize("protocol_v7", [False, True], ids=["v6", "v7"])
def test_nothing_is_lost_or_repeated(
    server_with: ServerMaker, serve_process: ServeProcess, tmp_path: Path, protocol_v7: bool
) -> None:
    """200 workflows of 5 steps while endpoint and server are killed four times each, in a random order."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    file = tmp_path / "effects"
    server: RestateServer = server_with(protocol_v7=protocol_v7)
    target = "tests.realserver.chaos_program"
    endpoint: ServedProcess = serve_process(
        server, f"{target}:ChaosCounter", f"{target}:make_workflow", env={"CHAOS_FILE": str(file)}
    )
    with ThreadPoolExecutor(4) as pool:
        submitted = start_and_kill(random.Random(seed), pool, server, endpoint)
        for each in submitted:
            each.result()
    eventually(lambda: completed(server), timeout=60)
    check_everything_counted_once(server, file)


def start_and_kill(
    chance: random.Random, pool: Executor, server: RestateServer, endpoint: ServedProcess
) -> list[Future[None]]:
    """Starts workflows in batches and kills in between; the pauses are part of what is random."""
    submitted = []
    for turn, victim in enumerate(chance.sample(VICTIMS, len(VICTIMS))):
        numbers = range(turn * BATCH, (turn + 1) * BATCH)
        submitted += [pool.submit(submit, server, number) for number in numbers]
        time.sleep(chance.uniform(0.02, 0.5))
        killed = endpoint if victim == "endpoint" else server
        killed.kill()
        killed.start()
    return submitted
