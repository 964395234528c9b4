"""Services whose annotations are evaluated when they are read; imported on Python 3.14 and newer only."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pydantic
from pydantic import BaseModel

from restate_reflect import Context, ObjectContext, handler

if TYPE_CHECKING:
    from nowhere import Absent


class Forward:
    async def go(self, ctx: Context, order: Order) -> Receipt: ...
    async def nested(self, ctx: Context, orders: list[Order]) -> dict[str, Receipt] | None: ...
    async def inner(self, ctx: Context, inner: Inner) -> Inner: ...
    async def alias(self, ctx: Ctx, ids: Ids) -> Ids: ...

    class Inner(BaseModel):
        a: int


class Order(BaseModel):
    sku: str
    next: Order | None = None


@dataclass
class Receipt:
    id: int
    order: Order


type Ctx = Context
type Ids = list[Id]
Id = int


def local_service() -> type:
    class Local(BaseModel):
        a: int

    class Service:
        async def go(self, ctx: Context, local: Local) -> list[Local]: ...

    return Service


class Repository[T]:
    async def get(self, ctx: ObjectContext, value: T) -> Page[T]: ...


class Page[T](BaseModel):
    items: list[T]


class Orders(Repository[Order]): ...


class HidesBuiltins:
    async def list(self, ctx: Context) -> list[int]: ...
    async def set(self, ctx: Context, bare: list, inner: dict[str, set]) -> set | None: ...
    async def int(self, ctx: Context, ids: list[int]) -> int: ...


class WithHelpers:
    """What helpers are annotated with is their own business."""

    async def go(self, ctx: Context, a: int) -> int: ...
    def helper(self, absent: Absent) -> list[Absent]: ...
    def broken(self, order: "Order" | None) -> None: ...


class AbsentParameter:
    async def go(self, ctx: Context, absent: Absent, ok: int) -> int: ...


class AbsentInside:
    async def go(self, ctx: Context, absent: list[Absent] | int) -> Optional[Absent]: ...


class AbsentAttribute:
    async def go(self, ctx: Context, a: pydantic.Nothing) -> int: ...


class AbsentContext:
    async def go(self, ctx: Absent) -> None: ...
    async def fine(self, ctx: Context) -> None: ...


class PartlyQuoted:
    async def go(self, ctx: Context, order: "Order" | None) -> None: ...
    async def fine(self, ctx: Context) -> None: ...


class MarkedHelper:
    @handler
    async def go(self, what: Absent) -> None: ...
    async def fine(self, ctx: Context) -> None: ...


class AbsentInConstructor:
    def __init__(self, client: Absent | None = None) -> None: ...
    async def go(self, ctx: Context) -> None: ...


class NeedsAnArgument:
    def __init__(self, client: Absent) -> None: ...
    async def go(self, ctx: Context) -> None: ...


async def absent_result(word: str) -> Absent:
    return word


async def half_absent(word: Absent, *, times: int = 1) -> list[Order]:
    return [Order(sku="tea")]


async def absent_everywhere(word: Absent | "x", **kwargs: Any) -> "Order" | None:
    return None
