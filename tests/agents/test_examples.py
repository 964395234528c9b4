"""The examples of agents: right wherever they crash."""

from __future__ import annotations

import pytest

pytest.importorskip("pydantic_ai", reason="belongs to the extra 'pydantic-ai'")

from datetime import timedelta

from examples.agents.chat import Chat
from examples.agents.research import Research, Researcher
from examples.agents.support import Account, Decision, Deliveries, Support
from restate_reflect import TerminalError
from restate_reflect.testing import Durable
from tests.agents.scripted import calls, heard, returned, says, started

pytestmark = [
    pytest.mark.filterwarnings("ignore::restate_reflect.durable.blocking.BlockedLoopWarning"),
]


@pytest.mark.parametrize("approved", [True, False])
async def test_support_refunds_what_a_person_approves(durable: Durable, approved: bool) -> None:
    """The parcel is asked for beside the order; the money is paid once."""
    model = says([calls("look_up", number="17"), calls("where", number="17")], [calls("refund", number="17")], returned)
    env = await started(durable, Support(model), Account, Deliveries, auto_skip=False)
    sent = await env.send(Support.ask, "My order 17 came broken.")
    await env.settle()
    env.awakeable(sent).resolve(Decision(approved=approved, by="grace"))
    assert await sent.attach() == ("paid back 40" if approved else "grace has refused it")
    assert env.state(Account, "17").get("refunded") == (40 if approved else None)


async def test_support_does_not_wait_for_ever(durable: Durable) -> None:
    env = await started(durable, Support(says([calls("refund", number="17")], returned)), Account, Deliveries)
    assert await env.call(Support.ask, "Money!") == "nobody has decided in three days"


async def test_research_fans_out(durable: Durable) -> None:
    """Each question is an invocation of a sub-agent; the answers come in the order of the questions."""
    lead = says([calls("find_out", question=each) for each in ("steel", "stone")], returned)
    env = await started(durable, Research(lead), Researcher(says(lambda messages: f"about {heard(messages)}")))
    sent = await env.send(Research.report, "bridges")
    assert await sent.attach() == "about steel, about stone"
    outline = env.journal(sent).outline
    assert outline.count("call Researcher/answer") == 2


async def test_research_ends_in_time(durable: Durable) -> None:
    lead = says([calls("find_out", question="steel")], returned)
    env = await started(durable, Research(lead, timedelta(seconds=0)), Researcher(says("late")))
    with pytest.raises(TerminalError, match="no report in"):
        await env.call(Research.report, "bridges")


async def test_chat_remembers_each_conversation(durable: Durable) -> None:
    env = await started(durable, Chat(says(heard), limit=30))
    assert await env.call(Chat.say, "one", key="ann") == "one"
    assert await env.call(Chat.say, "two", key="ann") == "one / two"
    assert await env.call(Chat.used, key="ann") == 30
    with pytest.raises(TerminalError, match="used up: 30 of 30"):
        await env.call(Chat.say, "three", key="ann")


async def test_chat_forgets(durable: Durable) -> None:
    env = await started(durable, Chat(says(heard)))
    await env.call(Chat.say, "one", key="ann")
    await env.call(Chat.forget, key="ann")
    assert await env.call(Chat.say, "two", key="ann") == "two"
