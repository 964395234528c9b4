"""Section 5 of the contract: call trees that block are cancelled and killed."""

from __future__ import annotations

import json

import pytest

from tests.conformance.driver import Driver, Failed, eventually, fresh_key

SETTINGS = ("suspending", "default")
OPERATIONS = ("CALL", "SLEEP", "AWAKEABLE")


def unlock(driver: Driver, key: str) -> None:
    """Waits until the tree has been built, and lets it go on to where it blocks."""
    eventually(lambda: driver.call("AwakeableHolder", "hasAwakeable", key=key))
    driver.call("AwakeableHolder", "unlock", "go", key=key)


def wait_until_blocked(driver: Driver, key: str, operation: str) -> None:
    """Until the journal of the blocking handler shows what it blocks on; a second awakeable is no entry of it."""
    entry, count = {"CALL": ("Call", 2), "SLEEP": ("Sleep", 1), "AWAKEABLE": ("Call", 1)}[operation]
    sql = (
        "select count(*) as entries from sys_journal j join sys_invocation i on i.id = j.id"
        f" where i.target = 'CancelTestBlockingService/{key}/block' and j.entry_type = 'Command: {entry}'"
    )
    eventually(lambda: int(driver.server.query(sql)[0]["entries"]), lambda entries: entries >= count)


@pytest.mark.parametrize("way", ["admin API", "context"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_blocked_tree_is_cancelled(driver: Driver, operation: str, way: str) -> None:
    """The caller sees 409 and remembers it; the callee gives its key free."""
    key = fresh_key()
    message = {"serviceName": "CancelTestRunner", "virtualObjectKey": key, "handlerName": "startTest"}
    runner = driver.call("Proxy", "oneWayCall", {**message, "message": list(json.dumps(operation).encode())})
    unlock(driver, key)
    wait_until_blocked(driver, key, operation)
    if way == "context":
        driver.call("TestUtilsService", "cancelInvocation", runner)
    else:
        driver.cancel(runner)
    assert driver.attach(runner) is None
    assert driver.call("CancelTestRunner", "verifyTest", key=key) is True
    assert driver.call("CancelTestBlockingService", "isUnlocked", key=key) is None


def test_nothing_is_remembered_without_a_cancellation(driver: Driver) -> None:
    """``verifyTest`` is false."""
    assert driver.call("CancelTestRunner", "verifyTest", key=fresh_key()) is False


def test_a_tree_that_is_cancelled_before_it_blocks_ends_too(driver: Driver) -> None:
    """Wherever the signal finds it."""
    key = fresh_key()
    runner = driver.send("CancelTestRunner", "startTest", "SLEEP", key=key)
    driver.cancel(runner)
    assert driver.attach(runner) is None
    assert driver.call("CancelTestBlockingService", "isUnlocked", key=key) is None


def test_a_killed_tree_gives_its_keys_free(driver: Driver) -> None:
    """Down to the call that waits for its own caller's lock."""
    key = fresh_key()
    runner = driver.send("KillTestRunner", "startCallTree", key=key)
    unlock(driver, key)
    driver.kill(runner)
    with pytest.raises(Failed) as caught:
        driver.attach(runner)
    assert caught.value.code == 409
    assert driver.call("KillTestSingleton", "isUnlocked", key=key) is None
