"""The examples survive ``kill -9`` at each model request and between any two, without a second request.

The one exception is what was in flight: nobody can know of a request that was cut whether the model has answered it.
"""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic_ai", reason="belongs to the extra 'pydantic-ai'")

from restate_reflect.server import RestateServer
from tests.agents.scripted import Gates
from tests.conftest import ServeProcess
from tests.realserver.waiting import eventually
from tests.support import ServedProcess, call, fetch

pytestmark = [pytest.mark.slow]

SERVICES = ("account", "deliveries", "support", "researcher", "research", "chat")
REQUESTS = {
    "Support": {"support 0": 1, "support 1": 1, "support 2": 1},
    "Research": {"lead 0": 1, "researcher 0": 3, "lead 1": 1},
    "Chat": {"chat 0": 1, "chat 1": 1},
}
"""How often the models are asked, undisturbed."""
ANSWERS = {"Support": "paid back 10", "Research": "about steel, about stone, about rope", "Chat": "hello"}
MOMENTS = {
    "Support": ["support 0", "Support tool look_up", "support 1", "Support look up", "Support ask", "support 2"],
    "Research": ["lead 0", "researcher 0", "lead 1"],
    "Chat": ["chat 0", "Chat tool nothing", "chat 1", "Chat remember"],
}
"""Where they are killed: at each request, and at each step between two."""


@pytest.fixture
def gates(tmp_path: Path) -> Gates:
    return Gates(tmp_path)


@pytest.fixture
def endpoint(serve_process: ServeProcess, restate_server: RestateServer, tmp_path: Path) -> ServedProcess:
    targets = [f"tests.agents.program:{name}" for name in SERVICES]
    options = ("--interceptor", "tests.agents.program:Held")
    return serve_process(restate_server, *targets, *options, env={"AGENTS_FOLDER": str(tmp_path)})


def ask(server: RestateServer, service: str, turn: int) -> Any:
    match service:
        case "Chat":
            return call(server, "Chat", "say", "hello", key=f"turn {turn}", timeout=240).json
        case "Research":
            return call(server, "Research", "report", "bridges", timeout=240).json
        case _:
            return call(server, "Support", "ask", f"{turn}", timeout=240).json


def approve(server: RestateServer, endpoint: ServedProcess, since: int) -> None:
    """As soon as a person was asked."""
    endpoint.wait_for("Answer to", since)
    (id_, *_) = re.findall(r"Answer to (\S+)", "".join(endpoint.output[since:]))
    fetch(f"{server.ingress_url}/restate/awakeables/{id_}/resolve", {"approved": True, "by": "grace"})


def all_begun(gates: Gates, service: str, moment: str) -> bool:
    return gates.begun()[moment] == REQUESTS[service].get(moment, 1)


@pytest.mark.parametrize("service", REQUESTS)
def test_no_request_is_made_twice(
    restate_server: RestateServer, endpoint: ServedProcess, gates: Gates, service: str
) -> None:
    for turn, moment in enumerate(MOMENTS[service]):
        gates.forget()
        gates.hold(moment)
        since = len(endpoint.output)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(ask, restate_server, service, turn)
            if moment == "support 2":
                approve(restate_server, endpoint, since)
            eventually(partial(all_begun, gates, service, moment), timeout=120)
            endpoint.kill()
            in_flight = gates.begun() - gates.ended()
            gates.open(moment)
            endpoint.start()
            if service == "Support" and moment != "support 2":
                approve(restate_server, endpoint, since)
            assert answer.result(240) == ANSWERS[service]
        asked = Counter({name: gates.begun()[name] - in_flight[name] for name in REQUESTS[service]})
        assert asked == REQUESTS[service], f"killed at {moment!r}"
