"""Human approval: wait for a person, but not for ever.

Shows an awakeable, whose id goes to whoever will answer, and ``asyncio.timeout`` as a durable
deadline: it holds over crashes and redeploys, and costs nothing while nobody answers.

Try it::

    restate-reflect serve examples.approval --with-server
    curl localhost:8080/Expenses/submit/send --json '{"employee": "ada", "amount": 700}'
    curl localhost:8080/restate/awakeables/<id that serve printed>/resolve --json '{"approved": true, "by": "grace"}'
    curl localhost:8080/restate/invocation/<id from the first answer>/attach
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, Field

from restate_reflect import Context


class Claim(BaseModel):
    """Money an employee wants back."""

    employee: str
    amount: int = Field(gt=0)


class Decision(BaseModel):
    """A manager's answer."""

    approved: bool
    by: str


class Outcome(BaseModel):
    """How a claim ended."""

    status: Literal["approved", "rejected", "expired"]
    by: str


class Desk:
    """Stands for the managers' inbox: prints."""

    def ask(self, claim: Claim, awakeable_id: str) -> None:
        """Asks for a decision; it goes to the awakeable with this id."""
        print(f"{claim.employee} claims {claim.amount}; answer to {awakeable_id}")

    def remind(self, claim: Claim) -> None:
        """Tells that nobody has answered."""
        print(f"nobody has answered the claim of {claim.employee}")


class Expenses:
    """Pays expenses back."""

    def __init__(self, desk: Desk | None = None, patience: timedelta = timedelta(days=3), free: int = 50) -> None:
        self.desk = desk or Desk()
        self.patience = patience
        self.free = free
        """Claims up to this amount need no approval."""

    async def submit(self, ctx: Context, claim: Claim) -> Outcome:
        """Decides on a claim, by a manager if it is large."""
        if claim.amount <= self.free:
            return Outcome(status="approved", by="rule")
        answer = ctx.awakeable(Decision)
        await ctx.run("ask", self.desk.ask, claim, answer.id)
        try:
            async with asyncio.timeout(self.patience.total_seconds()):
                decision = await answer
        except TimeoutError:
            await ctx.run("remind", self.desk.remind, claim)
            return Outcome(status="expired", by="deadline")
        return Outcome(status="approved" if decision.approved else "rejected", by=decision.by)
