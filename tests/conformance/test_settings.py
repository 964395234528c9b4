"""Every setting is what its name says, and takes one call of each kind; this module always runs in all of them."""

from __future__ import annotations

from tests.conformance.driver import Driver, fresh_key
from tests.conformance.settings import SETTINGS as ALL

SETTINGS = tuple(ALL)
PROGRAM = {"commands": [{"kind": kind, "key": 1, "duration": 5} for kind in (1, 2, 4, 5, 6, 9, 10, 11, 12, 13, 18)]}


def test_the_setting_is_in_force(driver: Driver) -> None:
    """Protocol version, transport, eager or lazy state, suspension: as the server's tables show them."""
    key = fresh_key()
    driver.call("Counter", "add", 1, key=key)
    invocation = driver.send("ObjectInterpreterL0", "interpret", PROGRAM, key=key, headers={"idempotency-key": key})
    driver.attach(invocation)
    assert driver.row(invocation)["pinned_service_protocol_version"] == driver.setting.protocol
    assert ("Command: GetLazyState" in driver.journal(invocation)) is driver.setting.lazy
    (deployment,) = driver.server.admin.request("GET", "/deployments")["deployments"]
    assert deployment["protocol_type"] == ("RequestResponse" if driver.setting.use_http_11 else "BidiStream")
    executed = driver.call("TestUtilsService", "countExecutedSideEffects", 3)
    assert executed == (0 if driver.setting.suspending else 3)


def test_calls_of_every_kind_work(driver: Driver) -> None:
    """State, calls, one-way calls, delayed ones, awakeables, steps, timers, failures, in one program."""
    key = fresh_key()
    driver.call("ObjectInterpreterL0", "interpret", PROGRAM, key=key)
    assert driver.eventually_counts("ObjectInterpreterL0", key, 4)
