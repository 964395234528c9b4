"""Services with everything that the page has to show."""

from __future__ import annotations

import asyncio
from datetime import datetime
from enum import Enum
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from examples.protobuf_shop.shop_pb2 import Order as ProtoOrder
from examples.protobuf_shop.shop_pb2 import Price
from restate_reflect import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    State,
    TerminalError,
    WorkflowContext,
    WorkflowSharedContext,
    handler,
)


class Size(Enum):
    """How big."""

    SMALL = "small"
    LARGE = "large"


class Address(BaseModel):
    """Where somebody lives."""

    street: str = Field(min_length=1, max_length=80)
    zip: str = Field(pattern=r"^\d{5}$", description="Five digits.", examples=["10115"])


class Item(BaseModel):
    """One line of an order; may come in parts."""

    sku: str = Field(description="What is ordered.", examples=["pen"])
    qty: int = Field(default=1, ge=1, le=99)
    size: Size = Size.SMALL
    parts: list[Item] = []


class Order(BaseModel):
    """What a customer wants."""

    items: list[Item] = Field(min_length=1)
    to: Address
    notes: dict[str, str] = {}
    gift: bool | None = None
    pay: Literal["card", "invoice"] = "card"
    due: datetime | None = None


class Orders:
    """Takes orders.

    A service with **docs**: a `code`, a [link](https://docs.restate.dev/), <b>no markup</b>, and

    - a list
    - of things
    """

    async def submit(self, ctx: Context, order: Order) -> str:
        """Reserves every item, waits a moment, and charges.

        Args:
            order: What is wanted; see [the manual](https://example.com/manual).

        Raises:
            TerminalError: sold out (409).

        Example::

            await ctx.call(Orders.submit, order)
        """
        total = 0
        for item in order.items:
            total += await ctx.call(Articles.reserve, item.qty, key=item.sku)
        await asyncio.sleep(0.2)
        return await ctx.run("charge", self.charge, total)

    async def charge(self, total: int) -> str:
        """Pretends to."""
        await asyncio.sleep(0.05)
        return f"charged {total}"

    async def fail(self, ctx: Context, message: Annotated[str, Field(max_length=200)], code: int = 409) -> None:
        """Fails as it is told, after a step that fails as well."""
        try:
            await ctx.run("try", self.refuse)
        except TerminalError:
            raise TerminalError(message, code=code) from None

    async def refuse(self) -> None:
        """A step that fails."""
        raise TerminalError("the bank says no", code=402)

    async def nap(self, ctx: Context, seconds: float = 3600) -> None:
        """Sleeps."""
        await asyncio.sleep(seconds)

    async def quote(self, ctx: Context, order: ProtoOrder) -> Price:
        """Takes and gives protobuf messages in the binary form."""
        return Price(cents=sum(line.pieces for line in order.lines) * 250)

    async def reverse(self, ctx: Context, data: bytes) -> bytes:
        """Raw bytes."""
        return data[::-1]

    async def ping(self, ctx: Context) -> str:
        """No input at all."""
        return "<img src=x onerror=alert(1)>"

    @handler(ingress_private=True)
    async def inner(self, ctx: Context) -> None:
        """For other handlers only."""


class Articles:
    """The stock of one article; the key is its SKU."""

    stock = State(int, default=100)

    async def reserve(self, ctx: ObjectContext, qty: int) -> int:
        """Takes from the stock."""
        left = await ctx.get(Articles.stock) - qty
        ctx.set(Articles.stock, left)
        return qty

    async def available(self, ctx: ObjectSharedContext) -> int:
        """What is there."""
        return await ctx.get(Articles.stock)


class Newsletter:
    """Waits for a confirmation."""

    async def run(self, ctx: WorkflowContext, email: str) -> bool:
        """The workflow."""
        return await ctx.promise("confirmed", bool)

    async def confirm(self, ctx: WorkflowSharedContext) -> None:
        """The click in the mail."""
        await ctx.promise("confirmed", bool).resolve(True)
