"""Section 7 of the contract: BlockAndWaitWorkflow."""

from __future__ import annotations

import pytest

from tests.conformance.driver import Driver, Failed, eventually, fresh_key

SETTINGS = ("http11", "v7")
WORKFLOW = "BlockAndWaitWorkflow"


def test_a_workflow_waits_until_it_is_unblocked(driver: Driver) -> None:
    """Its state is visible meanwhile; its result can be had any number of times; a second run is none."""
    key = fresh_key()
    assert driver.call(WORKFLOW, "getState", key=key) is None
    first = driver.ask(WORKFLOW, "run", "Francesco", key=key, send=True)
    assert first.json["status"] == "Accepted"
    eventually(lambda: driver.call(WORKFLOW, "getState", key=key), lambda seen: seen == "Francesco")
    assert driver.workflow(WORKFLOW, key, "output").status == 470
    assert driver.call(WORKFLOW, "unblock", "Till", key=key) is None
    assert driver.workflow(WORKFLOW, key, "attach").json == "Till"
    assert driver.workflow(WORKFLOW, key, "output").json == "Till"
    second = driver.ask(WORKFLOW, "run", "Francesco", key=key, send=True)
    assert second.json == {"invocationId": first.invocation_id, "status": "PreviouslyAccepted"}
    assert driver.workflow(WORKFLOW, key, "output").json == "Till"


def test_a_promise_can_be_resolved_before_anybody_waits(driver: Driver) -> None:
    """It is kept."""
    key = fresh_key()
    driver.call(WORKFLOW, "unblock", "early", key=key)
    assert driver.call(WORKFLOW, "run", "x", key=key) == "early"


def test_a_promise_can_be_resolved_once(driver: Driver) -> None:
    """The second time it is a terminal error."""
    key = fresh_key()
    driver.call(WORKFLOW, "unblock", "one", key=key)
    with pytest.raises(Failed) as caught:
        driver.call(WORKFLOW, "unblock", "two", key=key)
    assert caught.value.code == 409
    assert driver.call(WORKFLOW, "run", "x", key=key) == "one"


def test_many_workflows_run_side_by_side(driver: Driver) -> None:
    """Each has its own promise and state."""
    keys = [fresh_key() for _ in range(20)]
    runs = [driver.start(WORKFLOW, "run", f"in-{n}", key=key) for n, key in enumerate(keys)]
    for n, key in enumerate(keys):
        eventually(lambda key=key: driver.call(WORKFLOW, "getState", key=key), lambda seen, n=n: seen == f"in-{n}")  # type: ignore[misc]
    driver.each(lambda n: driver.call(WORKFLOW, "unblock", f"out-{n}", key=keys[n]), range(20))
    assert [run.result(60) for run in runs] == [f"out-{n}" for n in range(20)]
