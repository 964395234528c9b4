"""Section 3 of the contract: Counter, ListObject, MapObject."""

from __future__ import annotations

import pytest

from tests.conformance.driver import Driver, Failed, eventually, fresh_key

SETTINGS = ("lazy", "lazy-suspending")


def test_a_counter_counts(driver: Driver) -> None:
    """``add`` tells the old and the new value."""
    key = fresh_key()
    assert driver.call("Counter", "get", key=key) == 0
    assert driver.call("Counter", "add", 1, key=key) == {"oldValue": 0, "newValue": 1}
    assert driver.call("Counter", "add", -3, key=key) == {"oldValue": 1, "newValue": -2}
    assert driver.call("Counter", "get", key=key) == -2


def test_a_reset_counter_is_zero(driver: Driver) -> None:
    """The key is cleared, not set to zero."""
    key = fresh_key()
    driver.call("Counter", "add", 5, key=key)
    driver.call("Counter", "reset", key=key)
    assert driver.call("Counter", "get", key=key) == 0
    assert driver.server.query(f"select key from state where service_key = '{key}'") == []


def test_state_written_before_a_terminal_error_stays(driver: Driver) -> None:
    """The failure ends the invocation, and undoes nothing."""
    key = fresh_key()
    with pytest.raises(Failed, match=key):
        driver.call("Counter", "addThenFail", 1, key=key)
    assert driver.call("Counter", "get", key=key) == 1


def test_concurrent_adds_on_one_key_are_serialised(driver: Driver) -> None:
    """Every old value appears once."""
    key = fresh_key()
    updates = driver.each(lambda _: driver.call("Counter", "add", 1, key=key), range(40))
    assert sorted(update["oldValue"] for update in updates) == list(range(40))


def test_the_state_key_is_called_counter(driver: Driver) -> None:
    """Operators see it by that name."""
    key = fresh_key()
    driver.call("Counter", "add", 7, key=key)
    sql = f"select key, value_utf8 from state where service_key = '{key}'"
    assert eventually(lambda: driver.server.query(sql)) == [{"key": "counter", "value_utf8": "7"}]


def test_adding_costs_one_read_and_one_write(driver: Driver) -> None:
    """Nothing else is journaled."""
    key = fresh_key()
    invocation = driver.send("Counter", "add", 1, key=key, headers={"idempotency-key": key})
    driver.attach(invocation)
    read = "Command: GetLazyState" if driver.setting.lazy else "Command: GetEagerState"
    commands = [entry for entry in driver.journal(invocation) if entry.startswith("Command")]
    assert commands == ["Command: Input", read, "Command: SetState", "Command: Output"]


def test_a_list_keeps_its_order(driver: Driver) -> None:
    """``clear`` hands it out a last time."""
    key = fresh_key()
    assert driver.call("ListObject", "get", key=key) == []
    for item in ("a", "b", "a"):
        driver.call("ListObject", "append", item, key=key)
    assert driver.call("ListObject", "get", key=key) == ["a", "b", "a"]
    assert driver.call("ListObject", "clear", key=key) == ["a", "b", "a"]
    assert driver.call("ListObject", "get", key=key) == []


def test_each_entry_of_a_map_is_a_state_key(driver: Driver) -> None:
    """``clearAll`` returns what was there; other objects keep theirs."""
    key, other = fresh_key(), fresh_key()
    entries = [{"key": f"key-{n}", "value": f"wört-{n}"} for n in range(3)]
    for entry in entries:
        driver.call("MapObject", "set", entry, key=key)
    driver.call("MapObject", "set", {"key": "key-9", "value": "kept"}, key=other)
    assert driver.call("MapObject", "get", "key-1", key=key) == "wört-1"
    assert driver.call("MapObject", "get", "key-9", key=key) == ""
    cleared = driver.call("MapObject", "clearAll", key=key)
    assert sorted(cleared, key=lambda entry: str(entry["key"])) == entries
    assert driver.call("MapObject", "get", "key-1", key=key) == ""
    assert driver.call("MapObject", "clearAll", key=key) == []
    assert driver.call("MapObject", "get", "key-9", key=other) == "kept"
