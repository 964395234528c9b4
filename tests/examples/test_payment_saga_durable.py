"""The saga leaves everything or nothing, wherever it crashes."""

from __future__ import annotations

import pytest

from examples.payment_saga import Bank, Carrier, Order, Shop, Warehouse
from restate_reflect import InvocationCancelledError, TerminalError
from restate_reflect.testing import Durable, Environment


class World:
    """What the steps change; they may be executed twice, as the example says."""

    def __init__(self) -> None:
        self.warehouse, self.bank = Warehouse(), Bank()
        self.shop = Shop(self.warehouse, self.bank, Carrier())

    @property
    def is_untouched(self) -> bool:
        return not self.warehouse.reserved and not self.bank.charged


def order(item: str = "lamp", price: int = 40) -> Order:
    return Order(customer="ada", item=item, price=price)


async def test_a_purchase_reserves_charges_and_ships(durable: Durable) -> None:
    """All under one id, which is the same after a crash."""
    world = World()
    env = await durable(world.shop)
    receipt = await env.call(Shop.buy, order())
    assert receipt.tracking == f"track-{receipt.order_id[:8]}"
    assert world.warehouse.reserved == {receipt.order_id: "lamp"}
    assert world.bank.charged == {receipt.order_id: 40}


@pytest.mark.parametrize(
    "wanted, code, steps",
    [
        (order(price=4000), 402, ["reserve", "charge", "refund", "put back"]),
        (order("piano"), 422, ["reserve", "charge", "ship", "refund", "put back"]),
    ],
    ids=["card declined", "too large"],
)
async def test_a_failure_is_compensated_in_reverse(
    durable: Durable, wanted: Order, code: int, steps: list[str]
) -> None:
    """Also if the process dies between two compensations."""
    world = World()
    env = await durable(world.shop)
    sent = await env.send(Shop.buy, wanted)
    with pytest.raises(TerminalError) as failed:
        await sent.attach()
    assert failed.value.code == code
    assert world.is_untouched
    assert env.journal(sent).steps == steps


@pytest.mark.parametrize("step", ["reserve", "charge", "ship"])
async def test_a_passing_failure_is_retried_and_compensates_nothing(durable: Durable, step: str) -> None:
    """Each step may fail twice."""
    world = World()
    env = await durable(world.shop)
    env.fail_step(step, ConnectionError("try later"), times=2)
    sent = await env.send(Shop.buy, order())
    await sent.attach()
    assert env.journal(sent).steps == ["reserve", "charge", "ship"]


@pytest.mark.parametrize("step", ["put back", "refund"])
async def test_a_compensation_is_tried_until_it_works(durable: Durable, step: str) -> None:
    """It may fail as well."""
    world = World()
    env = await durable(world.shop)
    env.fail_step(step, ConnectionError("try later"), times=3)
    with pytest.raises(TerminalError, match="a piano is too large"):
        await env.call(Shop.buy, order("piano"))
    assert world.is_untouched


async def test_cancellation_is_compensated_as_well(durable: Durable) -> None:
    """While the carrier is on strike the customer changes her mind."""
    world = World()
    env: Environment = await durable(world.shop, auto_skip=False)
    env.fail_step("ship", ConnectionError("strike"), times=1000)
    sent = await env.send(Shop.buy, order())
    await env.settle()
    await sent.cancel()
    await env.advance(minutes=5)
    with pytest.raises(TerminalError) as failed:
        await sent.attach()
    assert failed.value.code == InvocationCancelledError().code
    assert world.is_untouched
