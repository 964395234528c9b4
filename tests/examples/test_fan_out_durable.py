"""The survey fetches each page once per journal, and adds up alike, wherever it crashes."""

from __future__ import annotations

import pytest

from examples.fan_out import PageCount, Survey, Total, WordCounter
from restate_reflect import TerminalError
from restate_reflect.testing import Durable


async def test_counts_in_the_order_given(durable: Durable) -> None:
    """One step and one call for each page."""
    env = await durable(Survey, WordCounter)
    total = await env.call(Survey.count, ["venus", "mars"])
    assert total == Total(pages=[PageCount(page="venus", words=7), PageCount(page="mars", words=3)], words=10)
    assert len(env.invocations(WordCounter.words)) == 2


async def test_a_missing_page_fails_the_whole_survey(durable: Durable) -> None:
    """The terminal failure of a step is a result like any other: it is stored."""
    env = await durable(Survey, WordCounter)
    with pytest.raises(TerminalError, match="there is no page 'vulcan'") as failed:
        await env.call(Survey.count, ["vulcan"])
    assert failed.value.code == 404


async def test_a_fetch_that_fails_is_retried(durable: Durable) -> None:
    """With a crash on top of it or without."""
    env = await durable(Survey, WordCounter)
    env.fail_step("fetch mars", ConnectionError("reset"))
    assert (await env.call(Survey.count, ["mars"])).words == 3
    assert env.executions("fetch mars") >= 2


async def test_the_counter_can_be_replaced(durable: Durable) -> None:
    """Only the survey is under test."""
    env = await durable(Survey, mocks=[WordCounter])
    counting = env.mock(WordCounter.words, calls=len)
    assert (await env.call(Survey.count, ["mars"])).words == len("the red planet")
    assert [call.args for call in counting.calls] == [("the red planet",)]


async def test_nothing_to_count(durable: Durable) -> None:
    """An empty group ends at once."""
    env = await durable(Survey, WordCounter)
    assert await env.call(Survey.count, []) == Total(pages=[], words=0)
