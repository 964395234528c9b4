"""The saga on the real server: everything or nothing."""

from __future__ import annotations

import asyncio

from examples.payment_saga import Bank, Carrier, Shop, Warehouse
from restate_reflect import TerminalError
from restate_reflect.server import RestateServer
from tests.conftest import Serve
from tests.realserver.waiting import eventually
from tests.support import call, fetch


class StrikingCarrier(Carrier):
    """Fails for a reason a retry may mend: once."""

    def __init__(self) -> None:
        self.tries = 0

    async def ship(self, order_id: str, item: str) -> str:
        self.tries += 1
        if self.tries == 1:
            raise ConnectionError("no driver")
        return await super().ship(order_id, item)


class EndlessCarrier(Carrier):
    """Never gets anywhere, unless it is cancelled."""

    def __init__(self) -> None:
        self.cancelled = False

    async def ship(self, order_id: str, item: str) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        raise TerminalError("unreachable")


def order(item: str = "lamp", price: int = 40) -> dict[str, object]:
    return {"customer": "ada", "item": item, "price": price}


def test_a_purchase_reserves_charges_and_ships(any_server: RestateServer, serve: Serve) -> None:
    """All three steps are done once, under one id."""
    warehouse, bank = Warehouse(), Bank()
    serve(any_server, Shop(warehouse, bank, Carrier()))
    receipt = call(any_server, "Shop", "buy", order()).json
    assert receipt["tracking"] == f"track-{receipt['order_id'][:8]}"
    assert warehouse.reserved == {receipt["order_id"]: "lamp"}
    assert bank.charged == {receipt["order_id"]: 40}


def test_a_declined_card_puts_the_item_back(any_server: RestateServer, serve: Serve) -> None:
    """The second step fails; the first one is undone, and the caller gets the failure."""
    warehouse, bank = Warehouse(), Bank()
    serve(any_server, Shop(warehouse, bank, Carrier()))
    answer = call(any_server, "Shop", "buy", order(price=4000))
    assert (answer.status, answer.json["message"]) == (402, "the card was declined for 4000")
    assert (warehouse.reserved, bank.charged) == ({}, {})


def test_compensations_run_in_reverse_and_are_journaled(any_server: RestateServer, serve: Serve) -> None:
    """The last step fails; its predecessors are undone, the latest first."""
    warehouse, bank = Warehouse(), Bank()
    serve(any_server, Shop(warehouse, bank, Carrier()))
    answer = call(any_server, "Shop", "buy", order("piano"))
    assert answer.status == 422
    assert (warehouse.reserved, bank.charged) == ({}, {})
    sql = f"""SELECT name FROM sys_journal WHERE id = '{answer.invocation_id}'
              AND entry_type = 'Command: Run' ORDER BY index"""
    assert [row["name"] for row in any_server.query(sql)] == ["reserve", "charge", "ship", "refund", "put back"]


def test_a_passing_failure_is_retried_and_compensates_nothing(any_server: RestateServer, serve: Serve) -> None:
    """Only the failed step runs again."""
    warehouse, bank, carrier = Warehouse(), Bank(), StrikingCarrier()
    serve(any_server, Shop(warehouse, bank, carrier))
    assert call(any_server, "Shop", "buy", order()).status == 200
    assert (carrier.tries, len(warehouse.reserved), len(bank.charged)) == (2, 1, 1)


def test_cancellation_compensates_too(any_server: RestateServer, serve: Serve) -> None:
    """Cancelled while shipping: the running step is cancelled, what was done is undone, the caller gets a 409."""
    warehouse, bank, carrier = Warehouse(), Bank(), EndlessCarrier()
    serve(any_server, Shop(warehouse, bank, carrier))
    sent = call(any_server, "Shop", "buy", order(), send=True)
    eventually(lambda: bank.charged)
    eventually(
        lambda: any_server.query(f"SELECT 1 FROM sys_journal WHERE id = '{sent.invocation_id}' AND name = 'ship'")
    )
    any_server.admin.request("PATCH", f"/invocations/{sent.invocation_id}/cancel")
    answer = fetch(f"{any_server.ingress_url}/restate/invocation/{sent.invocation_id}/attach", method="GET")
    assert answer.status == 409
    assert carrier.cancelled
    assert (warehouse.reserved, bank.charged) == ({}, {})
