"""asyncio's primitives give the same answers however often the handler is suspended and replayed."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from restate_reflect.server import RestateServer
from tests.conftest import Serve, ServeProcess, ServerMaker
from tests.realserver.programs import EXPECTED, Adder, Programs
from tests.support import Answer, call

INVOCATIONS = 100

pytestmark = pytest.mark.slow


def invoke_all(server: RestateServer, invocations: int = INVOCATIONS) -> dict[tuple[str, int], Answer]:
    """Each program with each number, many at once."""
    jobs = [(name, number) for number in range(invocations) for name in EXPECTED]
    with ThreadPoolExecutor(24) as pool:
        answers = pool.map(lambda job: call(server, "Programs", job[0], job[1]), jobs)
        return dict(zip(jobs, answers, strict=True))


def wrong(answers: dict[tuple[str, int], Answer]) -> dict[tuple[str, int], bytes]:
    """Whatever is not what the program is expected to answer."""
    return {
        (name, number): got.body
        for (name, number), got in answers.items()
        if (got.status, got.json) != (200, EXPECTED[name](number))
    }


def failed_attempts(server: RestateServer) -> list[dict[str, Any]]:
    """Journal mismatches and every other failure of an attempt that the server has noted."""
    sql = "SELECT event_json FROM sys_journal_events WHERE event_type <> 'Suspended'"
    return [json.loads(row["event_json"]) for row in server.query(sql)]


@pytest.mark.parametrize("inactivity_timeout", [0, 60])
@pytest.mark.parametrize("protocol_v7", [False, True], ids=["v6", "v7"])
def test_answers_are_identical_and_no_journal_mismatches(
    server_with: ServerMaker, serve: Serve, protocol_v7: bool, inactivity_timeout: int
) -> None:
    """100 invocations of each program: right answers, no failed attempt, and no attempt saw anything else."""
    server = server_with(protocol_v7=protocol_v7, inactivity_timeout=inactivity_timeout)
    programs = Programs()
    serve(server, programs, Adder)
    assert wrong(invoke_all(server)) == {}
    assert failed_attempts(server) == []
    versions = server.query("SELECT DISTINCT pinned_service_protocol_version AS version FROM sys_invocation")
    assert versions == [{"version": 7 if protocol_v7 else 6}]
    check_traces(programs, suspends=inactivity_timeout == 0)


def check_traces(programs: Programs, *, suspends: bool) -> None:
    """What an attempt saw is the beginning of what the last one saw; only a timeout of 0 suspends."""
    attempts: Counter[int] = Counter()
    for traces in programs.traces.by_invocation.values():
        attempts[len(traces)] += 1
        assert all(traces[-1][: len(trace)] == trace for trace in traces), traces
    assert attempts.total() == INVOCATIONS * len(EXPECTED)
    if suspends:
        assert attempts[1] < attempts.total() / 2, "the server hardly ever suspended"
    else:
        assert attempts == {1: attempts.total()}


@pytest.mark.chaos
@pytest.mark.parametrize("protocol_v7", [False, True], ids=["v6", "v7"])
def test_another_process_replays_alike(
    server_with: ServerMaker, serve_process: ServeProcess, protocol_v7: bool
) -> None:
    """Processes differ in hash seed and memory addresses; the endpoint is killed four times under load."""
    server = server_with(protocol_v7=protocol_v7, inactivity_timeout=0)
    endpoint = serve_process(server, "tests.realserver.programs:Programs", "tests.realserver.programs:Adder")
    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(invoke_all, server, 25)
        for _ in range(4):
            time.sleep(random.uniform(0.1, 0.6))
            endpoint.kill()
            endpoint.start()
        assert wrong(answers.result()) == {}
    assert [event for event in failed_attempts(server) if event["error_code"] in (570, 571)] == []
