"""Ticket reservation: objects that call each other, and a message to oneself in 15 minutes.

Shows typed calls between objects, a delayed send instead of a scheduler, a payment that is
raced against a timer with plain ``asyncio.wait``, and wire names that differ from Python's
(``AddTicket`` for ``add_ticket``), so that callers written in other languages need no change.

Try it::

    restate-reflect serve examples.tickets --with-server
    curl localhost:8080/UserSession/ada/AddTicket --json '"seat-17"'    # true
    curl localhost:8080/UserSession/bob/AddTicket --json '"seat-17"'    # false: reserved
    curl -X POST localhost:8080/UserSession/ada/Checkout                # true
    curl -X POST localhost:8080/TicketService/seat-17/Status            # 2: sold
"""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from enum import IntEnum

from pydantic import BaseModel

from restate_reflect import Context, ObjectContext, ObjectSharedContext, State, handler

TICKET_PRICE = 30


class TicketStatus(IntEnum):
    """Where a ticket stands."""

    AVAILABLE = 0
    RESERVED = 1
    SOLD = 2


class TicketService:
    """One ticket; the key is its id."""

    _status = State(TicketStatus, default=TicketStatus.AVAILABLE, name="status")

    @handler(name="Reserve")
    async def reserve(self, ctx: ObjectContext) -> bool:
        """Reserves the ticket if it is available; whether that worked."""
        if await ctx.get(self._status) is not TicketStatus.AVAILABLE:
            return False
        ctx.set(self._status, TicketStatus.RESERVED)
        return True

    @handler(name="Unreserve")
    async def unreserve(self, ctx: ObjectContext) -> None:
        """Makes the ticket available again, unless it is sold."""
        if await ctx.get(self._status) is not TicketStatus.SOLD:
            ctx.clear(self._status)

    @handler(name="MarkAsSold")
    async def mark_as_sold(self, ctx: ObjectContext) -> None:
        """Sells a reserved ticket."""
        if await ctx.get(self._status) is TicketStatus.RESERVED:
            ctx.set(self._status, TicketStatus.SOLD)

    @handler(name="Status")
    async def status(self, ctx: ObjectSharedContext) -> TicketStatus:
        """Where the ticket stands."""
        return await ctx.get(self._status)


class PaymentRequest(BaseModel):
    """Who pays for which tickets."""

    user: str
    tickets: list[str]


class Payment(BaseModel):
    """A payment that was made."""

    id: str
    price: int


class PaymentProvider:
    """Stands for a payment provider that is down every other time."""

    def charge(self, payment: Payment) -> None:
        """Charges the payment; the same id is never charged twice."""
        if random.random() < 0.5:
            raise ConnectionError("the payment provider does not answer")


class Checkout:
    """Takes payments."""

    def __init__(self, provider: PaymentProvider | None = None) -> None:
        self.provider = provider or PaymentProvider()

    @handler(name="Payment")
    async def payment(self, ctx: Context, request: PaymentRequest) -> Payment:
        """Charges a user for tickets; tries until it works."""
        payment = Payment(id=str(ctx.uuid()), price=TICKET_PRICE * len(request.tickets))
        await ctx.run("charge", self.provider.charge, payment)
        return payment


class UserSession:
    """The basket of one user; the key is the user's id."""

    tickets = State(list[str], default=[])

    def __init__(self, hold: timedelta = timedelta(minutes=15)) -> None:
        self.hold = hold
        """How long a ticket stays in the basket."""

    @handler(name="AddTicket")
    async def add_ticket(self, ctx: ObjectContext, ticket: str) -> bool:
        """Reserves a ticket and puts it into the basket; whether that worked."""
        if not await ctx.call(TicketService.reserve, key=ticket):
            return False
        ctx.set(self.tickets, [*await ctx.get(self.tickets), ticket])
        ctx.send(UserSession.expire_ticket, ticket, key=ctx.key, delay=self.hold)
        return True

    @handler(name="ExpireTicket")
    async def expire_ticket(self, ctx: ObjectContext, ticket: str) -> None:
        """Takes a ticket out of the basket, if it is still there."""
        tickets = await ctx.get(self.tickets)
        if ticket not in tickets:
            return
        ctx.set(self.tickets, [each for each in tickets if each != ticket])
        ctx.send(TicketService.unreserve, key=ticket)

    @handler(name="Checkout")
    async def checkout(self, ctx: ObjectContext) -> bool:
        """Pays for the basket and empties it; false if there is nothing in it."""
        tickets = await ctx.get(self.tickets)
        if not tickets:
            return False
        payment = ctx.call(Checkout.payment, PaymentRequest(user=ctx.key, tickets=tickets))
        done, _ = await asyncio.wait([payment], timeout=60)
        if not done:
            ctx.log.warning("the payment takes more than a minute")
        ctx.log.info("paid %s", (await payment).id)
        for ticket in tickets:
            ctx.send(TicketService.mark_as_sold, key=ticket)
        ctx.clear(self.tickets)
        return True
