"""The examples with scripted models, to be served by a process that is killed."""

from __future__ import annotations

from examples.agents.chat import Chat
from examples.agents.research import Research, Researcher
from examples.agents.support import Account, Deliveries, Support
from tests.agents.gates import GATES
from tests.agents.scripted import calls, heard, returned, says

QUESTIONS = ("steel", "stone", "rope")

account, deliveries = Account(), Deliveries()
support = Support(
    says(
        lambda messages: [calls("look_up", number=heard(messages)), calls("where", number=heard(messages))],
        lambda messages: [calls("refund", number=heard(messages))],
        returned,
        gates=GATES,
        name="support",
    )
)
researcher = Researcher(says(lambda messages: f"about {heard(messages)}", gates=GATES, name="researcher"))
research = Research(says([calls("find_out", question=each) for each in QUESTIONS], returned, gates=GATES, name="lead"))
chat = Chat(says([calls("nothing")], heard, gates=GATES, name="chat"))


@chat.agent.tool_plain
def nothing() -> str:
    """Does nothing, so that a turn of the chat takes two requests."""
    return "nothing"
