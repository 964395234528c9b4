"""The counter counts each addition once, wherever it crashes."""

from __future__ import annotations

import pytest

from examples.counter import Counter
from restate_reflect import TerminalError
from restate_reflect.testing import Durable


async def test_counts_per_key(durable: Durable) -> None:
    """A crash between reading and writing adds nothing twice."""
    env = await durable(Counter)
    assert await env.call(Counter.add, 3, key="apples") == 3
    assert await env.call(Counter.add, 4, key="apples") == 7
    assert await env.call(Counter.value, key="pears") == 0
    assert env.state(Counter, "apples").get(Counter.count) == 7


async def test_a_refused_subtraction_changes_nothing(durable: Durable) -> None:
    """The failure is stored, and not tried again after a crash."""
    env = await durable(Counter)
    env.state(Counter, "plums").set(Counter.count, 2)
    with pytest.raises(TerminalError, match="plums can't fall below zero") as refused:
        await env.call(Counter.add, -3, key="plums")
    assert refused.value.code == 409
    assert await env.call(Counter.value, key="plums") == 2


async def test_reset_brings_the_default_back(durable: Durable) -> None:
    """Nothing is left in the state."""
    env = await durable(Counter)
    await env.call(Counter.add, 2, key="figs")
    await env.call(Counter.reset, key="figs")
    assert env.state(Counter, "figs").keys() == []
