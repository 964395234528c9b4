"""Section 6 of the contract: failures and retries."""

from __future__ import annotations

import pytest

from tests.conformance.driver import Driver, Failed, fresh_key

SETTINGS = ("default", "suspending")
METADATA = {"key1": "value1", "key2": "wört"}
WAYS = ("terminallyFailingCall", "callTerminallyFailingCall", "terminallyFailingSideEffect")


@pytest.mark.parametrize("handler", WAYS)
def test_a_terminal_error_reaches_the_caller(driver: Driver, handler: str) -> None:
    """With its message and nothing else; three times in a row."""
    for body in ({"errorMessage": "my error"}, {"errorMessage": "my error", "metadata": None}) * 2:
        with pytest.raises(Failed) as caught:
            driver.call("Failing", handler, body, key=fresh_key())
        assert (caught.value.code, caught.value.message, caught.value.metadata) == (500, "my error", {})


@pytest.mark.parametrize("handler", WAYS)
def test_metadata_travels_with_a_terminal_error(driver: Driver, handler: str) -> None:
    """From calls and from steps; since service protocol V6."""
    if driver.setting.protocol < 6:
        pytest.skip("V5 has no metadata")
    with pytest.raises(Failed) as caught:
        driver.call("Failing", handler, {"errorMessage": "my error", "metadata": METADATA}, key=fresh_key())
    assert caught.value.message == "my error"
    assert caught.value.metadata == METADATA


def test_metadata_that_the_protocol_cannot_carry_fails_the_attempt(driver: Driver) -> None:
    """V5: code 573 and a hint, not a silent loss."""
    if driver.setting.protocol > 5:
        pytest.skip("V6 and newer carry metadata")
    body = {"errorMessage": "my error", "metadata": METADATA}
    invocation = driver.send("Failing", "terminallyFailingCall", body, key=fresh_key())
    failure = driver.last_failure(invocation)
    driver.kill(invocation)
    assert "needs service protocol V6" in failure


def test_an_invocation_is_retried_until_it_succeeds(driver: Driver) -> None:
    """On its fourth attempt, again and again."""
    for _ in range(3):
        assert driver.call("Failing", "failingCallWithEventualSuccess", key=fresh_key()) == 4


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_step_is_retried_until_it_succeeds(driver: Driver, attempts: int) -> None:
    """The counter is never set back, so it may succeed at once."""
    assert driver.call("Failing", "sideEffectSucceedsAfterGivenAttempts", attempts, key=fresh_key()) >= attempts


@pytest.mark.parametrize("attempts", [1, 3, 5])
def test_a_step_gives_up_after_its_last_attempt(driver: Driver, attempts: int) -> None:
    """It is executed exactly so often."""
    before = driver.call("Failing", "sideEffectFailsAfterGivenAttempts", 1, key=fresh_key())
    after = driver.call("Failing", "sideEffectFailsAfterGivenAttempts", attempts, key=fresh_key())
    assert after - before == attempts
