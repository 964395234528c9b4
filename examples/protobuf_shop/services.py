"""The services of ``shop.proto``."""

from __future__ import annotations

from examples.protobuf_shop import shop_pb2, shop_restate
from restate_reflect import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    State,
    TerminalError,
    WorkflowContext,
    WorkflowSharedContext,
)


class Stock(shop_restate.Stock):
    """Keeps a message as state, in the binary form."""

    stock = State(shop_pb2.Quantity, default=shop_pb2.Quantity())

    async def Refill(self, ctx: ObjectContext, request: shop_pb2.Quantity) -> shop_pb2.Quantity:
        """Adds to the stock."""
        return await self._change(ctx, request.pieces)

    async def Reserve(self, ctx: ObjectContext, request: shop_pb2.Quantity) -> shop_pb2.Quantity:
        """Takes from the stock; fails with 409 when there is too little."""
        return await self._change(ctx, -request.pieces)

    async def Available(self, ctx: ObjectSharedContext, request: shop_pb2.AvailableRequest) -> shop_pb2.Quantity:
        """What is there, also while somebody reserves."""
        return await ctx.get(Stock.stock)

    async def _change(self, ctx: ObjectContext, pieces: int) -> shop_pb2.Quantity:
        left = shop_pb2.Quantity(pieces=(await ctx.get(Stock.stock)).pieces + pieces)
        if left.pieces < 0:
            raise TerminalError(f"too few of {ctx.key}", code=409)
        ctx.set(Stock.stock, left)
        return left


class Pricing(shop_restate.Pricing):
    """Every piece costs 250 cents."""

    async def Quote(self, ctx: Context, request: shop_pb2.Order) -> shop_pb2.Price:
        """The price of an order."""
        return shop_pb2.Price(cents=sum(line.pieces for line in request.lines) * 250)


class Purchase(shop_restate.Purchase):
    """Calls the others by their interfaces."""

    async def Run(self, ctx: WorkflowContext, request: shop_pb2.Order) -> shop_pb2.Receipt:
        """Reserves, quotes, and waits for the payment."""
        for line in request.lines:
            await ctx.call(shop_restate.Stock.Reserve, shop_pb2.Quantity(pieces=line.pieces), key=line.sku)
        price = await ctx.call(shop_restate.Pricing.Quote, request)
        payment = await ctx.promise("payment", shop_pb2.Payment)
        return await ctx.run("receipt", self.receipt, price, payment)

    async def Pay(self, ctx: WorkflowSharedContext, request: shop_pb2.Payment) -> shop_pb2.PayResponse:
        """Tells the workflow that the customer has paid."""
        await ctx.promise("payment", shop_pb2.Payment).resolve(request)
        return shop_pb2.PayResponse()

    def receipt(self, price: shop_pb2.Price, payment: shop_pb2.Payment) -> shop_pb2.Receipt:
        """A step, whose result is a message as well: the clock is read once."""
        receipt = shop_pb2.Receipt(price=price, payment=payment)
        receipt.paid_at.GetCurrentTime()
        return receipt
