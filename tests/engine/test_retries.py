"""What a retry policy says after a step failed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restate_reflect import RetryPolicy
from restate_reflect.engine.retries import FAIL, FOREVER, PAUSE, Retry, RetryInfo, next_step


def delays(policy: RetryPolicy, attempts: int) -> list[float | None]:
    steps = [next_step(policy, RetryInfo(n, 0)) for n in range(1, attempts + 1)]
    return [step.delay for step in steps if isinstance(step, Retry)]


def test_without_a_policy_the_server_decides_for_ever() -> None:
    assert next_step(FOREVER, RetryInfo(10**6, 10**9)) == Retry(None)


def test_delays_grow_by_the_factor_up_to_the_maximum() -> None:
    policy = RetryPolicy(initial_interval=timedelta(milliseconds=100), factor=3, max_interval=1)
    assert delays(policy, 5) == pytest.approx([0.1, 0.3, 0.9, 1, 1])


def test_the_default_factor_is_two() -> None:
    assert delays(RetryPolicy(initial_interval=1), 4) == [1, 2, 4, 8]


def test_attempts_are_counted_with_the_first() -> None:
    policy = RetryPolicy(max_attempts=2)
    assert next_step(policy, RetryInfo(1, 0)) == Retry(None)
    assert next_step(policy, RetryInfo(2, 0)) is FAIL


def test_either_limit_is_enough() -> None:
    policy = RetryPolicy(max_attempts=5, max_duration=10)
    assert next_step(policy, RetryInfo(1, 10)) is FAIL
    assert next_step(policy, RetryInfo(5, 0)) is FAIL
    assert isinstance(next_step(policy, RetryInfo(4, 9.9)), Retry)


def test_pause_in_place_of_failing() -> None:
    assert next_step(RetryPolicy(max_attempts=1, on_max_attempts="pause"), RetryInfo(1, 0)) is PAUSE


@given(st.integers(1, 10**9), st.floats(0.001, 1e6), st.floats(1, 1e300), st.floats(0.001, 1e6))
def test_delays_are_bounded_whatever_the_count(attempts: int, initial: float, factor: float, maximum: float) -> None:
    """No overflow: a service may fail for years."""
    policy = RetryPolicy(initial_interval=initial, factor=factor, max_interval=maximum)
    step = next_step(policy, RetryInfo(attempts, 0))
    assert isinstance(step, Retry)
    assert step.delay is not None
    assert 0 < step.delay <= maximum


def test_a_delay_beyond_all_numbers_is_infinite() -> None:
    """The wire caps it at a year."""
    assert next_step(RetryPolicy(initial_interval=1, factor=1e200), RetryInfo(9, 0)) == Retry(float("inf"))
