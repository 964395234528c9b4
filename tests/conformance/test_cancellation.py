"""Cancellation and kill reach a handler in every await, its steps, and its callees; compensation runs afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from restate_reflect.server import RestateServer
from tests.conformance.driver import Driver, Failed, eventually, fresh_key
from tests.conformance.settings import Setting, Signing, on_engines
from tests.conformance.waiting import HOW, WHAT, Journal, Waiting, WaitingWorkflow
from tests.support import ServedInThread

pytestmark = pytest.mark.server


class Waits(Driver):
    """A driver of ``waiting``'s services, which run in this process."""

    def __init__(self, server: RestateServer, setting: Setting, journal: Journal) -> None:
        super().__init__(server, None, setting)  # type: ignore[arg-type]  # no child process here
        self.events, self._release = journal.events, journal.release

    def release(self, key: str) -> None:
        """Ends the step that holds a thread: there are few."""
        self._release[key].set()

    def start_waiting(self, handler: str, *arguments: object, key: str, service: str = "Waiting") -> str:
        """Sends, and returns once the handler says that it is about to wait."""
        once = {"idempotency-key": "once"} if service == "Waiting" else {}
        invocation = self.send(service, handler, *arguments, key=key, headers=once)
        eventually(lambda: self.call(service, "is_waiting", key=key))
        return invocation

    def compensation(self, key: str, service: str = "Waiting") -> str:
        return str(self.call(service, "compensation", key=key))

    def outcome(self, invocation: str) -> tuple[int, str]:
        with pytest.raises(Failed) as caught:
            self.attach(invocation)
        return caught.value.code, caught.value.message


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "waits" in metafunc.fixturenames:
        every = ["default", "suspending", "http11", "v5", "v7", "v7-suspending"]
        chosen = every if metafunc.config.getoption("--all-settings") else ["default", "v7-suspending"]
        settings = on_engines(chosen, metafunc.config.getoption("--engine") or "both")
        metafunc.parametrize("waits", settings, ids=str, indirect=True, scope="module")


@pytest.fixture(scope="module")
def waits(request: pytest.FixtureRequest, signing: Signing) -> Iterator[Waits]:
    """A step whose attempt can't be told of a cancellation any more is aborted soon."""
    setting, journal = request.param, Journal()
    with ExitStack() as stack:
        server = stack.enter_context(setting.start(signing, abort_timeout=0.3))
        served = stack.enter_context(
            ServedInThread(Waiting(journal), WaitingWorkflow, max_protocol_version=5 if setting.protocol == 5 else 7)
        )
        server.register(served.url, use_http_11=setting.use_http_11)
        waits = Waits(server, setting, journal)
        stack.callback(waits.close)
        yield waits


UNDONE = "undone undone slept"


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("what", WHAT)
def test_a_waiting_handler_is_cancelled(waits: Waits, what: str, how: str) -> None:
    """It gets the error at its await, compensates with steps, timers and calls, and fails with 409."""
    if waits.setting.suspending and what in ("run", "thread") and how != "plain":
        pytest.skip("the request is closed while the step runs: only an abort tells, and the server takes 5 s for it")
    key = fresh_key()
    invocation = waits.start_waiting("wait", {"what": what, "how": how}, key=key)
    if what in ("run", "thread"):
        eventually(lambda: waits.events[key])
    waits.cancel(invocation)
    assert waits.outcome(invocation) == (409, "cancelled")
    waits.release(key)
    error = "ExceptionGroup" if how == "TaskGroup" else "InvocationCancelledError"
    assert waits.compensation(key) == f"{error} {UNDONE}"
    if what == "run":
        eventually(lambda: waits.events[key], lambda events: events == ["started", "cancelled"])


@pytest.mark.parametrize("how", HOW)
def test_a_waiting_workflow_is_cancelled(waits: Waits, how: str) -> None:
    """While it waits for a promise."""
    key = fresh_key()
    invocation = waits.start_waiting("run", how, key=key, service="WaitingWorkflow")
    waits.cancel(invocation)
    assert waits.outcome(invocation) == (409, "cancelled")
    error = "ExceptionGroup" if how == "TaskGroup" else "InvocationCancelledError"
    assert waits.compensation(key, "WaitingWorkflow") == f"{error} {UNDONE}"


def test_a_handler_may_recover_from_cancellation(waits: Waits) -> None:
    """Then the invocation succeeds."""
    key = fresh_key()
    invocation = waits.start_waiting("recovers", key=key)
    waits.cancel(invocation)
    assert waits.attach(invocation) == "recovered"
    assert waits.compensation(key) == f"InvocationCancelledError {UNDONE}"


def test_callees_are_cancelled_with_their_caller(waits: Waits) -> None:
    """Down to the leaves of a tree of 1 + 3 + 9 invocations; each leaf compensates."""
    key = fresh_key()
    leaves = [f"{key}.{a}.{b}" for a in range(3) for b in range(3)]
    root = waits.send("Waiting", "parent", {"children": 3, "depth": 2}, key=key, headers={"idempotency-key": "once"})
    for leaf in leaves:
        eventually(lambda leaf=leaf: waits.call("Waiting", "is_waiting", key=leaf))  # type: ignore[misc]
    waits.cancel(root)
    assert waits.outcome(root)[0] == 409
    for leaf in leaves:
        eventually(lambda leaf=leaf: waits.compensation(leaf))  # type: ignore[misc]
    for inner in (key, *(f"{key}.{n}" for n in range(3)), *leaves):
        assert waits.call("Waiting", "is_free", key=inner) is True


def test_a_call_that_is_not_awaited_is_cancelled_too(waits: Waits) -> None:
    """Its caller is gone all the same."""
    key = fresh_key()
    invocation = waits.start_waiting("abandons", key=key)
    eventually(lambda: waits.call("Waiting", "is_waiting", key=f"{key}-child"))
    waits.cancel(invocation)
    assert waits.outcome(invocation)[0] == 409
    assert eventually(lambda: waits.compensation(f"{key}-child")) == f"InvocationCancelledError {UNDONE}"


def test_a_one_way_call_outlives_its_sender(waits: Waits) -> None:
    """Nobody but the sender is cancelled."""
    key = fresh_key()
    invocation = waits.start_waiting("detached", key=key)
    eventually(lambda: waits.call("Waiting", "is_waiting", key=f"{key}-child"))
    waits.cancel(invocation)
    assert waits.outcome(invocation)[0] == 409
    assert waits.compensation(f"{key}-child") == ""
    sql = f"select id, status from sys_invocation where target = 'Waiting/{key}-child/child'"
    (child,) = waits.server.query(sql)
    assert child["status"] != "completed"
    waits.kill(child["id"])


@pytest.mark.parametrize("what", WHAT)
def test_a_killed_handler_is_gone_without_compensation(waits: Waits, what: str) -> None:
    """Its key is free, its step is cancelled."""
    key = fresh_key()
    invocation = waits.start_waiting("wait", {"what": what, "how": "plain"}, key=key)
    if what in ("run", "thread"):
        eventually(lambda: waits.events[key])
    waits.kill(invocation)
    assert waits.outcome(invocation)[0] == 409
    waits.release(key)
    assert waits.call("Waiting", "is_free", key=key) is True
    assert waits.compensation(key) == ""
    if what == "run":
        eventually(lambda: waits.events[key], lambda events: events == ["started", "cancelled"])
