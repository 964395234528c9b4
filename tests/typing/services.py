"""The services that the other files of this folder call."""

from __future__ import annotations

from typing import Generic, TypeVar

from restate_reflect import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    State,
    WorkflowContext,
    WorkflowSharedContext,
)

T = TypeVar("T")


class Order:
    sku: str


class Checkout:
    """A service."""

    async def submit(self, ctx: Context, order: Order, express: bool = False) -> str:
        return ""

    async def ping(self, ctx: Context) -> None: ...

    def plain(self, ctx: Context, number: int) -> float:
        return 0.0


class Inventory:
    """A virtual object."""

    stock = State(int, default=0)
    label = State(str)

    async def reserve(self, ctx: ObjectContext, qty: int) -> int:
        return qty

    async def available(self, ctx: ObjectSharedContext) -> int:
        return 0

    def plain(self, ctx: ObjectContext, number: int) -> bytes:
        return b""


class Signup:
    """A workflow."""

    async def run(self, ctx: WorkflowContext, email: str) -> bool:
        return True

    async def click(self, ctx: WorkflowSharedContext, secret: str) -> None: ...


class Repository(Generic[T]):
    async def save(self, ctx: ObjectContext, record: T) -> T:
        return record


class Orders(Repository[Order]): ...
