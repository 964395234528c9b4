"""Section 5 of the contract: calls by name."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.conformance.driver import Driver, Failed, eventually, fresh_key

SETTINGS = ("single", "http11")


def request(service: str, handler: str, message: Any = None, key: str | None = None, **more: Any) -> dict[str, Any]:
    """A proxy request; ``None`` stands for an empty message."""
    body = b"" if message is None else json.dumps(message).encode()
    target = {} if key is None else {"virtualObjectKey": key}
    return {"serviceName": service, "handlerName": handler, "message": list(body), **target, **more}


def test_a_call_returns_the_raw_reply(driver: Driver) -> None:
    """As an array of numbers."""
    assert bytes(driver.call("Proxy", "call", request("TestUtilsService", "uppercaseEcho", "ping"))) == b'"PING"'
    key = fresh_key()
    assert json.loads(bytes(driver.call("Proxy", "call", request("Counter", "add", 2, key)))) == {
        "oldValue": 0,
        "newValue": 2,
    }
    assert bytes(driver.call("Proxy", "call", request("Counter", "get", key=key))) == b"2"


def test_an_empty_message_and_an_empty_reply_are_possible(driver: Driver) -> None:
    """Both are an empty array."""
    assert driver.call("Proxy", "call", request("ServiceInterpreterHelper", "ping")) == []


def test_a_failing_callee_fails_the_caller(driver: Driver) -> None:
    """Same code, same message."""
    with pytest.raises(Failed) as caught:
        driver.call("Proxy", "call", request("Failing", "terminallyFailingCall", {"errorMessage": "no"}, fresh_key()))
    assert (caught.value.code, caught.value.message) == (500, "no")


def test_a_one_way_call_returns_the_id_of_the_callee(driver: Driver) -> None:
    """Which can be attached to."""
    key = fresh_key()
    invocation = driver.call("Proxy", "oneWayCall", request("Counter", "add", 1, key))
    assert driver.attach(invocation) == {"oldValue": 0, "newValue": 1}


def test_a_delayed_one_way_call_waits(driver: Driver) -> None:
    """The delay counts before the queue of the object: ten calls of one key take one delay."""
    key = fresh_key()
    started = time.monotonic()
    calls = [driver.call("Proxy", "oneWayCall", request("Counter", "add", 1, key, delayMillis=1000)) for _ in range(10)]
    assert sorted(driver.attach(call)["oldValue"] for call in calls) == list(range(10))
    assert 1 <= time.monotonic() - started < 8


@pytest.mark.parametrize("handler", ["call", "oneWayCall"])
def test_an_idempotency_key_makes_calls_one(driver: Driver, handler: str) -> None:
    """The callee runs once; the ingress finds it by the key."""
    key = fresh_key()
    for _ in range(3):
        driver.call("Proxy", handler, request("Counter", "add", 1, key, idempotencyKey="once"))
    assert driver.attach(f"Counter/{key}/add/once") == {"oldValue": 0, "newValue": 1}
    assert driver.call("Counter", "get", key=key) == 1


@pytest.mark.parametrize("one_way", [(True, False, False), (False, True, False), (True, True, False)])
def test_calls_and_one_way_calls_keep_their_order(driver: Driver, one_way: tuple[bool, ...]) -> None:
    """The object runs them in the order in which they were issued."""
    key = fresh_key()
    calls = [
        {"proxyRequest": request("ListObject", "append", str(n), key), "oneWayCall": way, "awaitAtTheEnd": not way}
        for n, way in enumerate(one_way)
    ]
    driver.call("Proxy", "manyCalls", calls)
    assert driver.call("ListObject", "get", key=key) == ["0", "1", "2"]


def test_calls_that_are_not_awaited_happen(driver: Driver) -> None:
    """With both flags false; and failures of awaited ones propagate."""
    key = fresh_key()
    add = request("Counter", "add", 1, key)
    driver.call("Proxy", "manyCalls", [{"proxyRequest": add, "oneWayCall": False, "awaitAtTheEnd": False}] * 20)
    eventually(lambda: driver.call("Counter", "get", key=key), lambda seen: seen == 20)
    failing = request("Failing", "terminallyFailingCall", {"errorMessage": "late"}, fresh_key())
    with pytest.raises(Failed, match="late"):
        driver.call("Proxy", "manyCalls", [{"proxyRequest": failing, "oneWayCall": False, "awaitAtTheEnd": True}])


def test_many_calls_of_no_calls_does_nothing(driver: Driver) -> None:
    """It succeeds."""
    assert driver.call("Proxy", "manyCalls", []) is None
