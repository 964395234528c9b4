"""Tickets are sold once, and come back when nobody pays, wherever a handler crashes."""

from __future__ import annotations

from examples.tickets import Checkout, Payment, PaymentProvider, TicketService, TicketStatus, UserSession
from restate_reflect.testing import Durable, Environment


class Reliable(PaymentProvider):
    """Is never down: failures are the tests' business."""

    def __init__(self) -> None:
        self.charged: dict[str, int] = {}

    def charge(self, payment: Payment) -> None:
        self.charged[payment.id] = payment.price


async def a_shop(durable: Durable, *, auto_skip: bool = True) -> tuple[Environment, Reliable]:
    provider = Reliable()
    return await durable(TicketService, Checkout(provider), UserSession, auto_skip=auto_skip), provider


async def test_a_ticket_is_sold_to_the_first(durable: Durable) -> None:
    """One payment for the basket, under one id."""
    env, provider = await a_shop(durable, auto_skip=False)
    assert await env.call(UserSession.add_ticket, "seat-17", key="ada")
    assert not await env.call(UserSession.add_ticket, "seat-17", key="bob")
    assert await env.call(UserSession.checkout, key="ada")
    await env.settle()
    assert await env.call(TicketService.status, key="seat-17") is TicketStatus.SOLD
    assert list(provider.charged.values()) == [30]


async def test_a_reservation_expires_after_15_minutes(durable: Durable) -> None:
    """Not earlier; then somebody else can have it."""
    env, _ = await a_shop(durable, auto_skip=False)
    await env.call(UserSession.add_ticket, "seat-17", key="ada")
    await env.advance(minutes=14)
    assert await env.call(TicketService.status, key="seat-17") is TicketStatus.RESERVED
    await env.advance(minutes=1)
    assert await env.call(TicketService.status, key="seat-17") is TicketStatus.AVAILABLE
    assert await env.call(UserSession.add_ticket, "seat-17", key="bob")


async def test_what_is_sold_does_not_expire(durable: Durable) -> None:
    """The message to oneself finds an empty basket."""
    env, _ = await a_shop(durable, auto_skip=False)
    await env.call(UserSession.add_ticket, "seat-17", key="ada")
    await env.call(UserSession.checkout, key="ada")
    await env.advance(minutes=15)
    assert await env.call(TicketService.status, key="seat-17") is TicketStatus.SOLD


async def test_a_payment_is_tried_until_it_works(durable: Durable) -> None:
    """Also if that takes more than the minute after which the session complains."""
    env, provider = await a_shop(durable)
    await env.call(UserSession.add_ticket, "seat-17", key="ada")
    env.fail_step("charge", ConnectionError("down"), times=8)
    assert await env.call(UserSession.checkout, key="ada")
    assert list(provider.charged.values()) == [30]


async def test_an_empty_basket_costs_nothing(durable: Durable) -> None:
    """Nobody is asked to pay."""
    env, _ = await a_shop(durable)
    assert not await env.call(UserSession.checkout, key="ada")
    assert env.invocations(Checkout) == []
