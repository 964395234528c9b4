"""The protobuf services: messages survive in journal, state and promises, wherever a handler crashes."""

from __future__ import annotations

import pytest

from examples.protobuf_shop import shop_pb2
from examples.protobuf_shop.services import Pricing, Purchase, Stock
from restate_reflect import TerminalError
from restate_reflect.testing import Durable

ORDER = shop_pb2.Order(lines=[shop_pb2.Order.Line(sku="pen", pieces=3)])


async def test_a_purchase_reserves_and_waits_for_the_payment(durable: Durable) -> None:
    """The receipt holds the payment as it was sent."""
    env = await durable(Stock, Pricing, Purchase)
    await env.call(Stock.Refill, shop_pb2.Quantity(pieces=10), key="pen")
    submitted = await env.submit(Purchase.Run, ORDER, key="1")
    await env.settle()
    await env.call(Purchase.Pay, shop_pb2.Payment(card="4242"), key="1")
    receipt = await submitted.attach()
    assert (receipt.price.cents, receipt.payment.card) == (750, "4242")
    assert env.state(Stock, "pen").get(Stock.stock).pieces == 7


async def test_too_small_a_stock_fails_the_purchase(durable: Durable) -> None:
    """And nothing is taken."""
    env = await durable(Stock, Pricing, Purchase)
    await env.call(Stock.Refill, shop_pb2.Quantity(pieces=2), key="pen")
    submitted = await env.submit(Purchase.Run, ORDER, key="1")
    with pytest.raises(TerminalError, match="too few of pen") as failed:
        await submitted.attach()
    assert failed.value.code == 409
    assert (await env.call(Stock.Available, shop_pb2.AvailableRequest(), key="pen")).pieces == 2
