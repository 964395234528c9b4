"""Claims wait days for an answer, through any crash."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pytest

from examples.approval import Claim, Decision, Desk, Expenses, Outcome
from restate_reflect import TerminalError
from restate_reflect.testing import Durable

LARGE = Claim(employee="ada", amount=700)


class Inbox(Desk):
    """Keeps what the managers were asked; a crash may make them be asked twice."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.reminded: list[str] = []

    def ask(self, claim: Claim, awakeable_id: str) -> None:
        self.asked.append(awakeable_id)

    def remind(self, claim: Claim) -> None:
        self.reminded.append(claim.employee)


@pytest.mark.parametrize("approved, status", [(True, "approved"), (False, "rejected")])
async def test_the_manager_decides(durable: Durable, approved: bool, status: Literal["approved", "rejected"]) -> None:
    """Under the id that was mailed, which a crash does not change."""
    desk = Inbox()
    env = await durable(Expenses(desk))
    sent = await env.send(Expenses.submit, LARGE)
    await env.settle()
    assert set(desk.asked) == {env.awakeable(sent).id}
    env.awakeable(sent).resolve(Decision(approved=approved, by="grace"))
    assert await sent.attach() == Outcome(status=status, by="grace")


async def test_an_answer_may_take_two_days(durable: Durable) -> None:
    """Virtual time, moved by hand."""
    env = await durable(Expenses(Inbox()), auto_skip=False)
    sent = await env.send(Expenses.submit, LARGE)
    await env.advance(days=2)
    assert not await sent.output()
    env.awakeable(sent).resolve(Decision(approved=True, by="grace"))
    assert (await sent.attach()).status == "approved"


async def test_silence_expires(durable: Durable) -> None:
    """Time skips to the deadline; then somebody is reminded."""
    desk = Inbox()
    env = await durable(Expenses(desk))
    began = env.now()
    assert await env.call(Expenses.submit, LARGE) == Outcome(status="expired", by="deadline")
    assert env.now() - began == timedelta(days=3)
    assert set(desk.reminded) == {"ada"}


async def test_a_rejected_awakeable_fails_the_claim(durable: Durable) -> None:
    """Its reason is the failure's message."""
    env = await durable(Expenses(Inbox()))
    sent = await env.send(Expenses.submit, LARGE)
    await env.settle()
    env.awakeable(sent).reject("the department was closed")
    with pytest.raises(TerminalError, match="the department was closed"):
        await sent.attach()


async def test_a_mail_that_fails_is_sent_again(durable: Durable) -> None:
    """The awakeable stays the same."""
    desk = Inbox()
    env = await durable(Expenses(desk))
    env.fail_step("ask", ConnectionError("no mail today"), times=2)
    assert (await env.call(Expenses.submit, LARGE)).status == "expired"
    assert len(set(desk.asked)) == 1


async def test_small_claims_need_nobody(durable: Durable) -> None:
    """No awakeable, no question."""
    env = await durable(Expenses(Inbox()))
    sent = await env.send(Expenses.submit, Claim(employee="ada", amount=50))
    assert await sent.attach() == Outcome(status="approved", by="rule")
    assert env.journal(sent).outline == ["input", "output"]
