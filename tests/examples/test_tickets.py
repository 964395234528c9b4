"""The ticket reservation on the real server, by the wire names of the Go program."""

from __future__ import annotations

from datetime import timedelta

from examples.tickets import Checkout, Payment, PaymentProvider, TicketService, UserSession
from restate_reflect.server import RestateServer
from tests.conftest import Serve
from tests.realserver.waiting import eventually, milliseconds
from tests.support import call

AVAILABLE, RESERVED, SOLD = 0, 1, 2


class FlakyProvider(PaymentProvider):
    """Fails twice, then works; counts."""

    def __init__(self) -> None:
        self.tries: list[Payment] = []

    def charge(self, payment: Payment) -> None:
        self.tries.append(payment)
        if len(self.tries) < 3:
            raise ConnectionError("no answer")


def status(server: RestateServer, ticket: str) -> int:
    return int(call(server, "TicketService", "Status", key=ticket).json)


def test_a_ticket_is_reserved_once_and_sold(any_server: RestateServer, serve: Serve) -> None:
    """The second user gets false; check-out sells the tickets and empties the basket."""
    provider = FlakyProvider()
    serve(any_server, TicketService, UserSession, Checkout(provider))
    assert call(any_server, "UserSession", "AddTicket", "seat-1", key="ada").json is True
    assert call(any_server, "UserSession", "AddTicket", "seat-2", key="ada").json is True
    assert call(any_server, "UserSession", "AddTicket", "seat-1", key="bob").json is False
    assert status(any_server, "seat-1") == RESERVED
    assert call(any_server, "UserSession", "Checkout", key="bob").json is False
    assert call(any_server, "UserSession", "Checkout", key="ada").json is True
    eventually(lambda: [status(any_server, seat) for seat in ("seat-1", "seat-2")] == [SOLD, SOLD])
    assert call(any_server, "UserSession", "Checkout", key="ada").json is False


def test_the_payment_keeps_its_id_over_retries(any_server: RestateServer, serve: Serve) -> None:
    """Three tries of the step, one id: the provider can tell that it is one payment."""
    provider = FlakyProvider()
    serve(any_server, TicketService, UserSession, Checkout(provider))
    request = {"user": "ada", "tickets": ["a", "b"]}
    payment = call(any_server, "Checkout", "Payment", request).json
    assert payment["price"] == 60
    assert [each.id for each in provider.tries] == [payment["id"]] * 3


def test_the_hold_is_15_minutes(restate_server: RestateServer, serve: Serve) -> None:
    """The expiry waits in the server, as a scheduled invocation."""
    serve(restate_server, TicketService, UserSession, Checkout)
    call(restate_server, "UserSession", "AddTicket", "seat-3", key="eve")
    sql = "SELECT * FROM sys_invocation WHERE target = 'UserSession/eve/ExpireTicket'"
    (row,) = eventually(lambda: [row for row in restate_server.query(sql) if "scheduled_start_at" in row])
    delay = timedelta(milliseconds=milliseconds(row["scheduled_start_at"]) - milliseconds(row["created_at"]))
    assert timedelta(minutes=14, seconds=55) < delay <= timedelta(minutes=15, seconds=5)


def test_a_ticket_nobody_pays_for_becomes_available_again(any_server: RestateServer, serve: Serve) -> None:
    """With a short hold the expiry takes it out of the basket and frees it."""
    serve(any_server, TicketService, UserSession(hold=timedelta(milliseconds=100)), Checkout)
    assert call(any_server, "UserSession", "AddTicket", "seat-4", key="joe").json is True
    eventually(lambda: status(any_server, "seat-4") == AVAILABLE)
    assert call(any_server, "UserSession", "Checkout", key="joe").json is False


def test_the_expiry_of_a_sold_ticket_does_nothing(any_server: RestateServer, serve: Serve) -> None:
    """A basket that was paid for has nothing to expire."""
    serve(any_server, TicketService, UserSession, Checkout(FlakyProvider()))
    call(any_server, "UserSession", "AddTicket", "seat-5", key="may")
    call(any_server, "UserSession", "Checkout", key="may")
    eventually(lambda: status(any_server, "seat-5") == SOLD)
    assert call(any_server, "UserSession", "ExpireTicket", "seat-5", key="may").status == 200
    assert status(any_server, "seat-5") == SOLD
