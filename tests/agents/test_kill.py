"""Agents survive ``kill -9`` at each model request and between any two, without a second request.

The examples, and what they do with agents of the other libraries. The one exception is what was in flight: nobody can
know of a request that was cut whether the model has answered it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("pydantic_ai", reason="belongs to the extra 'pydantic-ai'")

from restate_reflect import RetryPolicy
from restate_reflect.server import RestateServer, ServerSettings
from tests.agents.gates import Gates
from tests.conftest import ServeProcess
from tests.realserver.waiting import eventually
from tests.support import ServedProcess, call, fetch

pytestmark = pytest.mark.server

PATIENT = RetryPolicy(max_attempts=1000, initial_interval=0.05, max_interval=0.5)
"""Without it the server pauses an invocation after 70 attempts, half a minute: on a busy machine a process takes longer
to be there again."""
PROGRAMS = {"pydantic_ai": "program", "agents": "program_openai", "langchain": "program_langchain"}
"""By the library that they need."""
SERVICES = ("account", "deliveries", "support", "researcher", "research", "chat")
REQUESTS = {
    "Support": {"support 0": 1, "support 1": 1, "support 2": 1},
    "Research": {"lead 0": 1, "researcher 0": 3, "lead 1": 1},
    "Chat": {"chat 0": 1, "chat 1": 1},
}
"""How often the models are asked, undisturbed."""
ANSWERS = {"Support": "paid back 10", "Research": "about steel, about stone, about rope", "Chat": "hello"}
STEPS = {"Support": ["Support tool look_up", "Support look up", "Support ask"], "Chat": ["Chat tool nothing"]}
"""That stand between two requests, at least."""


@pytest.fixture(params=PROGRAMS)
def library(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(request.param, reason="belongs to the extra of this library")
    return str(request.param)


@dataclass(frozen=True, slots=True)
class Agents:
    """The services of one library, in a process that can be killed."""

    server: RestateServer
    process: ServedProcess
    gates: Gates

    def killed(self, service: str, moment: str | None) -> tuple[Any, Counter[str]]:
        """Asks once, and kills at a moment: the answer, and the requests that were made and not cut by it."""
        self.gates.forget()
        since, key = len(self.process.output), f"{service} {uuid4()}"  # other tests have the same server
        in_flight: Counter[str] = Counter()
        with ThreadPoolExecutor(2) as pool:
            if moment is not None:
                self.gates.hold(moment)
            answer = pool.submit(self._ask, service, key)
            if service == "Support":
                pool.submit(self._approve, since)
            if moment is not None:
                in_flight = self._kill(service, moment)
            try:
                result = answer.result(240)
            except TimeoutError:
                said = "".join(self.process.output[since:])
                raise AssertionError(f"no answer, killed at {moment!r}:\n{said}") from None
        return result, self.gates.begun() - in_flight

    def _ask(self, service: str, key: str) -> Any:
        match service:
            case "Chat":
                return call(self.server, "Chat", "say", "hello", key=key, timeout=240).json
            case "Research":
                return call(self.server, "Research", "report", "bridges", timeout=240).json
            case _:
                return call(self.server, "Support", "ask", key, timeout=240).json

    def _approve(self, since: int) -> None:
        """As soon as a person was asked."""
        ids = eventually(lambda: re.findall(r"Answer to (\S+)", "".join(self.process.output[since:])), timeout=240)
        url = f"{self.server.ingress_url}/restate/awakeables/{ids[0]}/resolve"
        fetch(url, {"approved": True, "by": "grace"})

    def _kill(self, service: str, moment: str) -> Counter[str]:
        wanted = REQUESTS[service].get(moment, 1)
        eventually(lambda: self.gates.begun()[moment] == wanted, timeout=120)
        self.process.kill()
        in_flight = self.gates.begun() - self.gates.ended()
        self.gates.open(moment)
        self.process.start()
        return in_flight


@pytest.fixture(scope="module")
def server() -> Iterator[RestateServer]:
    with RestateServer(ServerSettings(retry_policy=PATIENT)) as server:
        yield server


@pytest.fixture
def agents(serve_process: ServeProcess, server: RestateServer, tmp_path: Path, library: str) -> Agents:
    targets = [f"tests.agents.{PROGRAMS[library]}:{name}" for name in SERVICES]
    options = ("--interceptor", "tests.agents.gates:Held")
    process = serve_process(server, *targets, *options, env={"AGENTS_FOLDER": str(tmp_path)})
    return Agents(server, process, Gates(tmp_path))


def assert_asked_once(agents: Agents, service: str, moment: str | None) -> list[str]:
    """Whatever is begun on the way, the first one first."""
    answer, begun = agents.killed(service, moment)
    assert answer == ANSWERS[service], f"killed at {moment!r}"
    assert {name: begun[name] for name in REQUESTS[service]} == REQUESTS[service], f"killed at {moment!r}"
    return list(begun)


@pytest.mark.slow
@pytest.mark.parametrize("service", REQUESTS)
def test_no_request_is_made_twice(agents: Agents, service: str) -> None:
    """Killed at each request, and at each step that an undisturbed run takes."""
    moments = assert_asked_once(agents, service, None)
    assert {*REQUESTS[service], *STEPS.get(service, [])} <= set(moments)
    for moment in moments:
        assert_asked_once(agents, service, moment)


def test_no_request_is_made_twice_when_killed_between_two(agents: Agents) -> None:
    """One moment of those above, of each library."""
    assert_asked_once(agents, "Chat", "Chat tool nothing")
