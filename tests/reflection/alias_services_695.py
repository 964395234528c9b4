"""Aliases made by ``type``, in services; imported on Python 3.12 and newer only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from restate_reflect.codecs import Codec, JsonCodec
from restate_reflect.context import Context, ObjectContext

if TYPE_CHECKING:
    from nowhere import Absent

reversing: Codec[Any] = JsonCodec(int)

type Json = dict[str, Json] | list[Json] | str | int | float | bool | None
type Even = tuple[int, Odd] | None
type Odd = tuple[int, Even]
type TreeOf[T] = T | list[TreeOf[T]]
type Maybe[T] = T | None
type Sku = Annotated[str, Field(min_length=2)]
type Marked[T] = Annotated[T, reversing]
type Same[T] = T
type Ctx = Context
type Nested = Ctx
type AnyContext = Context | ObjectContext
type AbsentAlias = list[Absent]
type Endless = Endless
type Ping = Pong
type Pong = Ping


class Recursive:
    async def json(self, ctx: Nested, value: Json) -> Json: ...
    async def mutual(self, ctx: Ctx, value: Even) -> Odd: ...
    async def generic(self, ctx: Ctx, value: TreeOf[int]) -> TreeOf[str]: ...


class Order(BaseModel):
    note: Maybe[Sku]


class Nestings:
    async def sku(self, ctx: Ctx, sku: Maybe[Sku]) -> Sku: ...
    async def order(self, ctx: Ctx, order: Order) -> Maybe[list[Order]]: ...
    async def marked(self, ctx: Ctx, value: Marked[int]) -> Same[Same[bytes]]: ...


class Repository[T]:
    type Page = list[T]
    type Plain = dict[str, int]

    async def page(self, ctx: Ctx, plain: Plain) -> Page: ...
    async def maybe(self, ctx: Ctx, tree: TreeOf[T]) -> Maybe[Page]: ...


class Orders(Repository[Order]): ...


class AbsentValue:
    async def go(self, ctx: Ctx, value: AbsentAlias) -> None: ...


class AbsentResult:
    def go(self, ctx: Ctx) -> AbsentAlias: ...


class EndlessAlias:
    async def go(self, ctx: Ctx, value: Endless) -> None: ...


class EndlessPair:
    async def go(self, ctx: Ctx, value: Ping) -> None: ...


class UnionContext:
    async def go(self, ctx: AnyContext) -> None: ...


class AbsentContext:
    async def go(self, ctx: AbsentAlias) -> None: ...
    async def fine(self, ctx: Ctx) -> None: ...
