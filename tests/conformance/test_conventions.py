"""Section 2 of the contract: bodies, optional fields, terminal errors."""

from __future__ import annotations

import pytest

from tests.conformance.driver import Driver, Failed, fresh_key

SETTINGS = ("v5",)


def test_no_input_is_an_empty_body(driver: Driver) -> None:
    """Neither body nor content type."""
    assert driver.call("Counter", "get", key=fresh_key()) == 0


def test_no_output_is_an_empty_body(driver: Driver) -> None:
    """And no JSON is announced for it."""
    answer = driver.ask("ServiceInterpreterHelper", "ping")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("extra", [{}, {"virtualObjectKey": None, "idempotencyKey": None, "delayMillis": None}])
def test_optional_fields_may_be_missing_or_null(driver: Driver, extra: dict[str, None]) -> None:
    """Both mean: not given."""
    request = {"serviceName": "TestUtilsService", "handlerName": "echo", "message": list(b'"hi"'), **extra}
    assert bytes(driver.call("Proxy", "call", request)) == b'"hi"'


def test_unknown_fields_are_ignored(driver: Driver) -> None:
    """In models, and in several arguments."""
    key = fresh_key()
    request = {"serviceName": "TestUtilsService", "handlerName": "echo", "message": list(b'"hi"'), "colour": "red"}
    assert bytes(driver.call("Proxy", "call", request)) == b'"hi"'
    driver.call("MapObject", "set", {"key": "a", "value": "1", "colour": "red"}, key=key)
    assert driver.call("MapObject", "get", "a", key=key) == "1"


@pytest.mark.parametrize(
    "service, handler, body",
    [
        ("Counter", "add", b"one"),
        ("Counter", "add", b'"one"'),
        ("Counter", "add", b"1.5"),
        ("MapObject", "set", b'{"key": "a"}'),
        ("CancelTestRunner", "startTest", b'"WAIT"'),
        ("ObjectInterpreterL0", "interpret", b'{"commands": [{"kind": 99}]}'),
        ("VirtualObjectCommandInterpreter", "interpretCommands", b'{"commands": [{"type": "await"}]}'),
    ],
)
def test_input_that_cannot_be_decoded_is_a_terminal_error(
    driver: Driver, service: str, handler: str, body: bytes
) -> None:
    """The caller gets a 400 at once; nothing is retried."""
    with pytest.raises(Failed) as caught:
        driver.call(service, handler, body, key=fresh_key(), headers={"content-type": "application/json"})
    assert caught.value.code == 400
    assert f".{handler}:" in caught.value.message


def test_a_terminal_error_has_code_500_unless_it_says_otherwise(driver: Driver) -> None:
    """And its message is exactly the given text."""
    key = fresh_key()
    with pytest.raises(Failed) as caught:
        driver.call("Counter", "addThenFail", 1, key=key)
    assert (caught.value.code, caught.value.message) == (500, key)
