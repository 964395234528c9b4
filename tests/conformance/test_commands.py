"""Section 8 of the contract: combinations of awakeables, signals, timers and steps."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.conformance.driver import Driver, Failed, eventually, fresh_key

SETTINGS = ("suspending", "v7")
INTERPRETER = "VirtualObjectCommandInterpreter"
NEVER = {"type": "createSignal", "signalName": "never"}


def awakeable(name: str) -> dict[str, str]:
    return {"type": "createAwakeable", "awakeableKey": name}


def signal(name: str) -> dict[str, str]:
    return {"type": "createSignal", "signalName": name}


def sleep(millis: int) -> dict[str, Any]:
    return {"type": "sleep", "timeoutMillis": millis}


def returns(value: str) -> dict[str, str]:
    return {"type": "runReturns", "value": value}


def raises(reason: str) -> dict[str, str]:
    return {"type": "runThrowTerminalException", "reason": reason}


def combine(type_: str, *futures: dict[str, Any]) -> dict[str, Any]:
    return {"type": type_, "commands": list(futures)}


class Program:
    """A program that runs, on an object of its own."""

    def __init__(self, driver: Driver, *commands: dict[str, Any]) -> None:
        self.driver, self.key = driver, fresh_key()
        self.id = driver.send(INTERPRETER, "interpretCommands", {"commands": list(commands)}, key=self.key)

    def result(self) -> str:
        return str(self.driver.attach(self.id))

    def failure(self) -> str:
        with pytest.raises(Failed) as caught:
            self.driver.attach(self.id)
        assert caught.value.code == 500
        return caught.value.message

    def resolve(self, name: str, value: str) -> None:
        self.driver.call("TestUtilsService", "resolveSignal", {**self._signal(name), "value": value})

    def reject(self, name: str, reason: str) -> None:
        self.driver.call("TestUtilsService", "rejectSignal", {**self._signal(name), "reason": reason})

    def _signal(self, name: str) -> dict[str, str]:
        return {"invocationId": self.id, "signalName": name}

    def wait_for(self, name: str) -> None:
        """Until the awakeable is there."""
        eventually(lambda: self.driver.call(INTERPRETER, "hasAwakeable", name, key=self.key))

    def resolve_awakeable(self, name: str, value: str) -> None:
        self.wait_for(name)
        self.driver.call(INTERPRETER, "resolveAwakeable", {"awakeableKey": name, "value": value}, key=self.key)

    def reject_awakeable(self, name: str, reason: str) -> None:
        self.wait_for(name)
        self.driver.call(INTERPRETER, "rejectAwakeable", {"awakeableKey": name, "reason": reason}, key=self.key)


# ---------------------------------------------------------------- one future


@pytest.mark.parametrize("future, value", [(returns("x"), "x"), (sleep(5), "sleep"), (sleep(0), "sleep")])
def test_a_future_has_a_value(driver: Driver, future: dict[str, Any], value: str) -> None:
    """A step its result, a timer the word."""
    assert Program(driver, {"type": "awaitOne", "command": future}).result() == value


def test_a_timer_takes_its_time(driver: Driver) -> None:
    """At least."""
    started = time.monotonic()
    Program(driver, {"type": "awaitOne", "command": sleep(300)}).result()
    assert time.monotonic() - started >= 0.3


def test_many_timers_at_once_all_fire(driver: Driver) -> None:
    """Twenty in each of thirty invocations."""
    commands = [combine("awaitAllCompleted", *(sleep(10 + 7 * n % 40) for n in range(20)))]
    results = driver.each(lambda _: Program(driver, *commands).result(), range(30))
    assert results == ["|".join(["ok:sleep"] * 20)] * 30


def test_an_awakeable_has_the_value_it_is_resolved_with(driver: Driver) -> None:
    """Its id is in the state meanwhile."""
    program = Program(driver, {"type": "awaitOne", "command": awakeable("a")})
    program.resolve_awakeable("a", "value")
    assert program.result() == "value"


def test_a_rejected_awakeable_fails(driver: Driver) -> None:
    """With the reason as message."""
    program = Program(driver, {"type": "awaitOne", "command": awakeable("a")})
    program.reject_awakeable("a", "no")
    assert program.failure() == "no"


def test_a_signal_has_the_value_it_is_resolved_with(driver: Driver) -> None:
    """Or fails with the reason."""
    first, second = (Program(driver, {"type": "awaitOne", "command": signal("s")}) for _ in range(2))
    first.resolve("s", "value")
    second.reject("s", "boom")
    assert first.result() == "value"
    assert second.failure() == "boom"


def test_a_failing_step_fails_the_command(driver: Driver) -> None:
    """Its message propagates."""
    assert Program(driver, {"type": "awaitOne", "command": raises("why")}).failure() == "why"


# ---------------------------------------------------------------- combinations


@pytest.mark.parametrize("type_", ["awaitAny", "awaitFirstCompleted"])
def test_the_first_to_complete_wins(driver: Driver, type_: str) -> None:
    """Wherever it stands, and whether it succeeds or fails."""
    assert Program(driver, combine(type_, NEVER, returns("run"))).result() == "run"
    assert Program(driver, combine(type_, awakeable("a"), sleep(20))).result() == "sleep"
    assert Program(driver, combine(type_, NEVER, raises("lost"))).failure() == "lost"
    signalled = Program(driver, combine(type_, signal("s0"), signal("s1"), signal("s2")))
    signalled.resolve("s1", "first")
    assert signalled.result() == "first"


@pytest.mark.parametrize("type_", ["awaitAnySuccessful", "awaitFirstSucceededOrAllFailed"])
def test_the_first_to_succeed_wins(driver: Driver, type_: str) -> None:
    """Failures are passed over, until nothing is left."""
    program = Program(driver, combine(type_, signal("s0"), signal("s1"), signal("s2")))
    program.reject("s0", "fail0")
    program.reject("s2", "fail2")
    program.resolve("s1", "success1")
    assert program.result() == "success1"
    mixed = Program(driver, combine(type_, raises("fail"), signal("s")))
    mixed.resolve("s", "value")
    assert mixed.result() == "value"
    awakeables = Program(driver, combine(type_, awakeable("a"), awakeable("b")))
    awakeables.reject_awakeable("a", "no")
    awakeables.resolve_awakeable("b", "yes")
    assert awakeables.result() == "yes"
    assert Program(driver, combine(type_, raises("one"), raises("two"))).failure() in ("one", "two")


def test_all_values_are_joined(driver: Driver) -> None:
    """In the order of the futures, not in that of their completion."""
    program = Program(
        driver, combine("awaitAllSucceededOrFirstFailed", signal("s"), sleep(30), returns("r"), awakeable("a"))
    )
    program.resolve_awakeable("a", "last")
    program.resolve("s", "first")
    assert program.result() == "first|sleep|r|last"


def test_the_first_failure_ends_waiting_for_all(driver: Driver) -> None:
    """At once: the others never complete."""
    assert Program(driver, combine("awaitAllSucceededOrFirstFailed", NEVER, raises("no"))).failure() == "no"
    program = Program(driver, combine("awaitAllSucceededOrFirstFailed", NEVER, signal("s"), awakeable("a")))
    program.reject("s", "boom")
    assert program.failure() == "boom"


def test_all_outcomes_are_shown(driver: Driver) -> None:
    """Successes and failures, in the order of the futures."""
    program = Program(
        driver, combine("awaitAllCompleted", signal("s0"), returns("r"), signal("s1"), raises("no"), sleep(5))
    )
    program.reject("s1", "err1")
    program.resolve("s0", "val0")
    assert program.result() == "ok:val0|ok:r|err:err1|err:no|ok:sleep"


def test_a_combination_of_nothing_is_empty(driver: Driver) -> None:
    """All of no values."""
    assert Program(driver, combine("awaitAllSucceededOrFirstFailed")).result() == ""
    assert Program(driver, combine("awaitAllCompleted")).result() == ""


def test_an_awakeable_is_awaited_for_a_time(driver: Driver) -> None:
    """``await-timeout``, or its value."""
    late = {"type": "awaitAwakeableOrTimeout", "awakeableKey": "a", "timeoutMillis": 50}
    assert Program(driver, late).failure() == "await-timeout"
    program = Program(driver, {**late, "timeoutMillis": 60_000})
    program.resolve_awakeable("a", "in time")
    assert program.result() == "in time"
    failing = Program(driver, {**late, "timeoutMillis": 60_000})
    failing.reject_awakeable("a", "no")
    assert failing.failure() == "no"


# ---------------------------------------------------------------- other commands


def test_results_are_kept_in_the_state(driver: Driver) -> None:
    """One for each command; visible while the next one runs."""
    program = Program(
        driver,
        {"type": "awaitOne", "command": returns("one")},
        {"type": "awaitOne", "command": sleep(1)},
        {"type": "awaitOne", "command": awakeable("a")},
        {"type": "getEnvVariable", "envName": "SURELY_NOT_SET"},
    )
    program.wait_for("a")
    assert driver.call(INTERPRETER, "getResults", key=program.key) == ["one", "sleep"]
    program.resolve_awakeable("a", "three")
    assert program.result() == ""
    assert driver.call(INTERPRETER, "getResults", key=program.key) == ["one", "sleep", "three", ""]


def test_an_empty_program_has_an_empty_result(driver: Driver) -> None:
    """And leaves no results."""
    program = Program(driver)
    assert program.result() == ""
    assert driver.call(INTERPRETER, "getResults", key=program.key) == []


def test_environment_variables_are_read(driver: Driver) -> None:
    """Those of the endpoint's process."""
    assert Program(driver, {"type": "getEnvVariable", "envName": "PYTHONUNBUFFERED"}).result() == "1"


def test_a_program_completes_awakeables_of_its_own_object(driver: Driver) -> None:
    """Left by an earlier command that no longer waits for them."""
    program = Program(
        driver,
        combine("awaitAny", awakeable("a"), returns("r")),
        {"type": "resolveAwakeable", "awakeableKey": "a", "value": "v"},
        {"type": "rejectAwakeable", "awakeableKey": "a", "reason": "too late"},
    )
    assert program.result() == ""
    assert driver.call(INTERPRETER, "getResults", key=program.key) == ["r", "", ""]


@pytest.mark.parametrize("verb, field", [("resolveAwakeable", "value"), ("rejectAwakeable", "reason")])
def test_unknown_awakeables_are_terminal_errors(driver: Driver, verb: str, field: str) -> None:
    """As a command and as a handler; with or without the field ``type``."""
    body = {"awakeableKey": "nobody", field: "x"}
    Program(driver, {"type": verb, **body}).failure()
    for more in ({}, {"type": verb}):
        with pytest.raises(Failed) as caught:
            driver.call(INTERPRETER, verb, {**body, **more}, key=fresh_key())
        assert caught.value.code == 500
    assert driver.call(INTERPRETER, "hasAwakeable", "nobody", key=fresh_key()) is False


def test_a_step_that_lost_a_race_does_not_disturb_the_next_command(driver: Driver) -> None:
    """Losers are forgotten; their later completion wakes nobody."""
    program = Program(
        driver,
        combine("awaitAny", returns("slow"), sleep(0), signal("s")),
        combine("awaitAllCompleted", returns("a"), sleep(3), returns("b")),
        combine("awaitAny", NEVER, sleep(10)),
    )
    assert program.result() == "sleep"
    assert driver.call(INTERPRETER, "getResults", key=program.key)[1:] == ["ok:a|ok:sleep|ok:b", "sleep"]
