"""Services with schemas of every sort."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, computed_field

from restate_reflect import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    WorkflowContext,
    WorkflowSharedContext,
    handler,
    service,
)


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    street: str
    city: str = "Berlin"


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = Field(default=9, ge=0, le=9)


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    good: bool = True


class Order(BaseModel):
    """What is bought."""

    sku: str = Field(min_length=1, max_length=20, description="The article", examples=["sku-1"])
    qty: int = Field(gt=0, le=1000)
    to: Address
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] = Dog()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def label(self) -> str:
        return f"{self.qty} x {self.sku}"


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


@dataclass
class Receipt:
    id: int
    at: datetime


class Shop:
    """Sells things.

    Every day.
    """

    async def buy(self, ctx: Context, order: Order) -> Receipt:
        """Buys.

        At once.
        """
        return Receipt(order.qty, datetime(2026, 1, 1, tzinfo=UTC))

    async def echo(self, ctx: Context, order: Order) -> Order:
        return order

    async def grow(self, ctx: Context, tree: Tree) -> Tree:
        return tree

    async def paint(self, ctx: Context, color: Color, times: int = 1) -> list[Color]:
        return [color] * min(times, 3)

    async def photo(self, ctx: Context, image: bytes) -> bytes:
        return image

    async def ping(self, ctx: Context) -> None:
        return None

    @handler(ingress_private=True)
    async def internal(self, ctx: Context) -> None:
        return None


class Basket:
    async def put(self, ctx: ObjectContext, sku: str) -> int:
        return 1

    @handler(metadata={"owner": "web"})
    async def size(self, ctx: ObjectSharedContext) -> int:
        return 0


class Delivery:
    async def run(self, ctx: WorkflowContext, to: Address) -> str:
        return to.city

    async def where(self, ctx: WorkflowSharedContext) -> str:
        return "here"


@service(ingress_private=True)
class Backstage:
    async def work(self, ctx: Context) -> None:
        return None
