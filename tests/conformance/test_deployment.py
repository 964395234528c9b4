"""Section 1 of the contract: the process, its manifest, its environment variables."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from restate_reflect.server import RestateServer
from tests.conformance.settings import SERVICES, Signing
from tests.conftest import ServeProcess
from tests.support import Answer, call, fetch

MANIFEST = "application/vnd.restate.endpointmanifest.v"

KINDS = {
    "Counter": "X add addThenFail reset; S get",
    "ListObject": "X append get clear",
    "MapObject": "X set get clearAll",
    "TestUtilsService": (
        "- echo uppercaseEcho echoHeaders rawEcho countExecutedSideEffects cancelInvocation resolveSignal rejectSignal"
    ),
    "AwakeableHolder": "X hold hasAwakeable unlock",
    "Proxy": "- call oneWayCall manyCalls",
    "CancelTestRunner": "X startTest verifyTest",
    "CancelTestBlockingService": "X block isUnlocked",
    "KillTestRunner": "X startCallTree",
    "KillTestSingleton": "X recursiveCall isUnlocked",
    "Failing": (
        "X terminallyFailingCall callTerminallyFailingCall failingCallWithEventualSuccess terminallyFailingSideEffect"
        " sideEffectSucceedsAfterGivenAttempts sideEffectFailsAfterGivenAttempts"
    ),
    "NonDeterministic": "X eitherSleepOrCall callDifferentMethod backgroundInvokeWithDifferentTargets setDifferentKey",
    "BlockAndWaitWorkflow": "W run; S unblock getState",
    "VirtualObjectCommandInterpreter": (
        "X interpretCommands; S resolveAwakeable rejectAwakeable hasAwakeable getResults"
    ),
    "ObjectInterpreterL0": "X interpret; S counter",
    "ObjectInterpreterL1": "X interpret; S counter",
    "ObjectInterpreterL2": "X interpret; S counter",
    "ServiceInterpreterHelper": (
        "- ping echo echoLater terminalFailure incrementIndirectly resolveAwakeable rejectAwakeable"
        " incrementViaAwakeableDance"
    ),
}
LETTERS = {"X": "EXCLUSIVE", "S": "SHARED", "W": "WORKFLOW", "-": None}


def handlers_of(text: str) -> dict[str, str | None]:
    """``X add; S get`` as handler kinds by name."""
    groups = [group.split() for group in text.split(";")]
    return {name: LETTERS[letter] for letter, *names in groups for name in names}


def discover(url: str, accept: str = f"{MANIFEST}3+json") -> Answer:
    return fetch(f"{url}/discover", method="GET", headers={"accept": accept})


def services_in(answer: Answer) -> dict[str, Any]:
    return {service["name"]: service for service in answer.json["services"]}


def test_the_manifest_lists_every_service_with_every_handler(serve_process: ServeProcess) -> None:
    """Exactly the contract's names and kinds."""
    manifest = discover(serve_process(None, SERVICES).url)
    found = {
        name: {handler["name"]: handler.get("ty") for handler in service["handlers"]}
        for name, service in services_in(manifest).items()
    }
    assert found == {name: handlers_of(text) for name, text in KINDS.items()}
    assert manifest.json["maxProtocolVersion"] == 7


@pytest.mark.parametrize(
    "accept, version",
    [
        (f"{MANIFEST}3+json", 3),
        (f"{MANIFEST}4+json", 4),
        (f"{MANIFEST}3+json, {MANIFEST}4+json", 4),
    ],
)
def test_the_newest_acceptable_manifest_is_sent(serve_process: ServeProcess, accept: str, version: int) -> None:
    """And the content type names its version."""
    answer = discover(serve_process(None, SERVICES).url, accept)
    assert answer.status == 200
    assert answer.headers["content-type"] == f"{MANIFEST}{version}+json"


def test_unknown_manifest_versions_are_refused(serve_process: ServeProcess) -> None:
    """415."""
    assert discover(serve_process(None, SERVICES).url, f"{MANIFEST}99+json").status == 415


def test_services_are_chosen_by_a_variable(serve_process: ServeProcess) -> None:
    """``SERVICES`` has names, separated by commas."""
    served = serve_process(None, SERVICES, env={"SERVICES": "Counter,Proxy"})
    assert set(services_in(discover(served.url))) == {"Counter", "Proxy"}


def test_unsigned_requests_are_refused_where_signatures_are_asked_for(
    serve_process: ServeProcess, signing: Signing
) -> None:
    """Discovery included; only health stays open."""
    served = serve_process(None, SERVICES, env={"E2E_REQUEST_SIGNING": signing.public})
    assert discover(served.url).status == 401
    assert fetch(f"{served.url}/invoke/Counter/add", b"").status == 401
    assert fetch(f"{served.url}/health", method="GET").status == 200


def test_sigterm_stops_the_process_within_seconds(serve_process: ServeProcess, restate_server: RestateServer) -> None:
    """Also while an invocation waits."""
    served = serve_process(restate_server, SERVICES)
    body = {"commands": [{"type": "awaitOne", "command": {"type": "createSignal", "signalName": "never"}}]}
    call(restate_server, "VirtualObjectCommandInterpreter", "interpretCommands", body, key="stopped", send=True)
    before = time.monotonic()
    assert served.stop() == 0
    assert time.monotonic() - before < 5


def test_a_killed_process_comes_back_on_its_port(serve_process: ServeProcess, restate_server: RestateServer) -> None:
    """What it was doing goes on; process-wide counters start at zero."""
    served = serve_process(restate_server, SERVICES)
    body = {"commands": [{"type": "awaitOne", "command": {"type": "createSignal", "signalName": "go"}}]}
    waiting = call(
        restate_server, "VirtualObjectCommandInterpreter", "interpretCommands", body, key="killed", send=True
    ).invocation_id
    served.kill()
    served.start()
    signal = {"invocationId": waiting, "signalName": "go", "value": "on"}
    assert call(restate_server, "TestUtilsService", "resolveSignal", signal).status == 200
    attached = fetch(f"{restate_server.ingress_url}/restate/invocation/{waiting}/attach", method="GET")
    assert json.loads(attached.body) == "on"
    assert call(restate_server, "Failing", "sideEffectFailsAfterGivenAttempts", 2, key="a").json == 2
