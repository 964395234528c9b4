"""Section 4 of the contract: TestUtilsService and AwakeableHolder; and what the ingress offers beside them."""

from __future__ import annotations

import os

import pytest

from tests.conformance.driver import Driver, Failed, eventually, fresh_key

SETTINGS = ("default", "signed")
UTILS = "TestUtilsService"
INTERPRETER = "VirtualObjectCommandInterpreter"


def awaiting(future: dict[str, str]) -> dict[str, object]:
    return {"commands": [{"type": "awaitOne", "command": future}]}


@pytest.mark.parametrize("text", ["", "hi", 'q"uote', "größe \N{SNOWMAN} 😀", "x" * 100_000])
def test_echo_returns_its_input(driver: Driver, text: str) -> None:
    """And ``uppercaseEcho`` in upper case."""
    assert driver.call(UTILS, "echo", text) == text
    assert driver.call(UTILS, "uppercaseEcho", text) == text.upper()


def test_headers_of_the_request_reach_the_handler(driver: Driver) -> None:
    """Their names in lower case."""
    headers = driver.call(UTILS, "echoHeaders", headers={"X-My-Header": "My Value"})
    assert headers["x-my-header"] == "My Value"
    assert [name for name in headers if name != name.lower()] == []


@pytest.mark.parametrize("size", [1, 100, 300_000])
@pytest.mark.parametrize("kind", ["application/octet-stream", "text/plain; charset=latin-1", "application/json"])
def test_raw_bytes_of_any_kind_come_back_unchanged(driver: Driver, size: int, kind: str) -> None:
    """No JSON is involved."""
    data = os.urandom(size)
    answer = driver.ask(UTILS, "rawEcho", data, headers={"content-type": kind})
    assert (answer.status, answer.body) == (200, data)
    assert answer.headers["content-type"] == "application/octet-stream"


def test_nothing_at_all_is_raw_bytes_too(driver: Driver) -> None:
    """With and without a content type."""
    for options in ({}, {"body": b"", "headers": {"content-type": "text/plain"}}):
        answer = driver.ask(UTILS, "rawEcho", **options)
        assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("times", [0, 1, 5])
def test_side_effects_are_counted_in_the_last_attempt(driver: Driver, times: int) -> None:
    """An attempt that never suspends executes each; one that suspends after each executes none."""
    assert driver.call(UTILS, "countExecutedSideEffects", times) == (0 if driver.setting.suspending else times)


def test_an_invocation_cancels_another(driver: Driver) -> None:
    """It fails with 409."""
    waiting = driver.send(
        INTERPRETER, "interpretCommands", awaiting({"type": "createSignal", "signalName": "s"}), key=fresh_key()
    )
    driver.call(UTILS, "cancelInvocation", waiting)
    with pytest.raises(Failed) as caught:
        driver.attach(waiting)
    assert caught.value.code == 409


def test_a_signal_is_resolved(driver: Driver) -> None:
    """Whether it comes before or after the handler asks for it."""
    waiting = driver.send(
        INTERPRETER, "interpretCommands", awaiting({"type": "createSignal", "signalName": "s"}), key=fresh_key()
    )
    driver.call(UTILS, "resolveSignal", {"invocationId": waiting, "signalName": "s", "value": "hello"})
    assert driver.attach(waiting) == "hello"


def test_a_signal_is_rejected(driver: Driver) -> None:
    """The reason is the message of the terminal error."""
    waiting = driver.send(
        INTERPRETER, "interpretCommands", awaiting({"type": "createSignal", "signalName": "s"}), key=fresh_key()
    )
    driver.call(UTILS, "rejectSignal", {"invocationId": waiting, "signalName": "s", "reason": "boom"})
    with pytest.raises(Failed) as caught:
        driver.attach(waiting)
    assert (caught.value.code, caught.value.message) == (500, "boom")


def test_a_held_awakeable_is_unlocked(driver: Driver) -> None:
    """The awakeable's owner gets the value."""
    key = fresh_key()
    waiting = driver.start(
        "VirtualObjectCommandInterpreter",
        "interpretCommands",
        awaiting({"type": "createAwakeable", "awakeableKey": "a"}),
        key=key,
    )
    id_ = awakeable_id(driver, key, "a")
    assert driver.call("AwakeableHolder", "hasAwakeable", key=key) is False
    driver.call("AwakeableHolder", "hold", id_, key=key)
    assert driver.call("AwakeableHolder", "hasAwakeable", key=key) is True
    driver.call("AwakeableHolder", "unlock", "open", key=key)
    assert waiting.result(30) == "open"


def test_nothing_held_is_a_terminal_error(driver: Driver) -> None:
    """Nothing to unlock."""
    with pytest.raises(Failed) as caught:
        driver.call("AwakeableHolder", "unlock", "open", key=fresh_key())
    assert caught.value.code == 500


def awakeable_id(driver: Driver, key: str, name: str) -> str:
    """As the interpreter keeps it in its state."""
    sql = f"select value_utf8 from state where service_key = '{key}' and key = 'awk-{name}'"
    return str(eventually(lambda: driver.server.query(sql))[0]["value_utf8"]).strip('"')


def test_the_ingress_completes_awakeables(driver: Driver) -> None:
    """Resolved with JSON, rejected with text."""
    key, other = fresh_key(), fresh_key()
    awakeable = awaiting({"type": "createAwakeable", "awakeableKey": "a"})
    first = driver.start(INTERPRETER, "interpretCommands", awakeable, key=key)
    second = driver.start(INTERPRETER, "interpretCommands", awakeable, key=other)
    assert driver.complete_awakeable(awakeable_id(driver, key, "a"), "resolve", "yes").status == 202
    assert driver.complete_awakeable(awakeable_id(driver, other, "a"), "reject", "no").status == 202
    assert first.result(30) == "yes"
    with pytest.raises(Failed) as caught:
        second.result(30)
    assert caught.value.message == "no"


def test_a_request_with_an_idempotency_key_runs_once(driver: Driver) -> None:
    """Repeated, it gets the first result; attach and output find it by the key."""
    key, once = fresh_key(), {"idempotency-key": "once"}
    answers = driver.each(lambda _: driver.call("Counter", "add", 1, key=key, headers=once), range(5))
    assert answers == [{"oldValue": 0, "newValue": 1}] * 5
    assert driver.call("Counter", "get", key=key) == 1
    path = f"Counter/{key}/add/once"
    assert driver.attach(path) == driver.output(path).json == {"oldValue": 0, "newValue": 1}


def test_output_of_an_unfinished_invocation_is_not_there_yet(driver: Driver) -> None:
    """470, until it has finished."""
    program = awaiting({"type": "createSignal", "signalName": "s"})
    waiting = driver.send(INTERPRETER, "interpretCommands", program, key=fresh_key(), headers={"idempotency-key": "i"})
    assert driver.output(waiting).status == 470
    driver.call(UTILS, "resolveSignal", {"invocationId": waiting, "signalName": "s", "value": "v"})
    assert driver.attach(waiting) == "v"
    assert driver.output(waiting).json == "v"


def test_a_delayed_send_waits(driver: Driver) -> None:
    """It is scheduled until then."""
    key = fresh_key()
    invocation = driver.send("Counter", "add", 1, key=key, delay="1d")
    assert driver.status(invocation) == "scheduled"
    driver.kill(invocation)
    soon = driver.send("Counter", "add", 1, key=key, delay="100ms")
    assert driver.attach(soon) == {"oldValue": 0, "newValue": 1}
