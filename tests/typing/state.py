"""State: declared keys, plain keys, and who may write."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, assert_type

from restate_reflect import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    State,
    WorkflowContext,
    WorkflowSharedContext,
)
from tests.typing.services import Inventory, Order

T = TypeVar("T")


class Declared:
    count = State(int, default=0)
    title = State(str)
    tags = State(list[str], default=[])
    by_name = State(dict[str, int])
    anything = State(int | str)

    async def reads(self, ctx: ObjectSharedContext) -> None:
        assert_type(await ctx.get(Declared.count), int)
        assert_type(await ctx.get(self.count), int)
        assert_type(await ctx.get(Declared.title), str | None)
        assert_type(await ctx.get(Declared.tags), list[str])
        assert_type(await ctx.get(Declared.by_name), dict[str, int] | None)
        assert_type(await ctx.get(Declared.anything), Any)
        assert_type(await ctx.get(Inventory.stock), int)

    async def writes(self, ctx: ObjectContext) -> None:
        ctx.set(Declared.count, 3)
        ctx.set(Declared.title, "t")
        ctx.clear(Declared.count)
        # expect-error mypy: misc; pyright: reportArgumentType, reportCallIssue
        ctx.set(Declared.count, "3")
        # expect-error mypy: misc; pyright: reportArgumentType, reportCallIssue
        ctx.set(Declared.tags, ["a", 1])


class Bag(Generic[T]):
    """Keys whose types a subclass binds."""

    record = State[T | None]()
    records = State[list[T]](default=[])
    annotated: State[dict[str, T]] = State(dict[str, T], default={})

    async def reads(self, ctx: ObjectSharedContext) -> T | None:
        assert_type(await ctx.get(self.record), T | None)
        assert_type(await ctx.get(self.records), list[T])
        assert_type(await ctx.get(self.annotated), dict[str, T])
        return await ctx.get(self.record)

    async def writes(self, ctx: ObjectContext, record: T) -> None:
        ctx.set(self.record, record)
        ctx.set(self.records, [record])
        # expect-error mypy: misc; pyright: reportArgumentType, reportCallIssue
        ctx.set(self.record, 1)


class OrderBag(Bag[Order]):
    async def bound(self, ctx: ObjectContext) -> None:
        assert_type(await ctx.get(self.record), Order | None)
        assert_type(await ctx.get(self.records), list[Order])
        assert_type(await ctx.get(self.annotated), dict[str, Order])
        # expect-error mypy: misc; pyright: reportArgumentType, reportCallIssue
        ctx.set(self.records, [1])


class Plain:
    async def reads(self, ctx: ObjectContext) -> None:
        assert_type(await ctx.get("stock", int), int | None)
        assert_type(await ctx.get("stock", int, default=0), int)
        assert_type(await ctx.get("order", Order), Order | None)
        assert_type(await ctx.get("names", list[str], default=[]), list[str])
        assert_type(await ctx.get("stock"), Any)
        assert_type(await ctx.get("stock", int) or 0, int)
        assert_type(await ctx.keys(), list[str])
        # expect-error mypy: call-overload; pyright: reportArgumentType, reportCallIssue
        ctx.get(5, int)

    async def writes(self, ctx: WorkflowContext) -> None:
        ctx.set("stock", 3)
        ctx.set("stock", 3, type=int)
        ctx.clear("stock")
        ctx.clear_all()


class Shared:
    async def of_an_object(self, ctx: ObjectSharedContext) -> None:
        assert_type(ctx.key, str)
        # expect-error mypy: attr-defined; pyright: reportAttributeAccessIssue
        ctx.set("stock", 3)
        # expect-error mypy: attr-defined; pyright: reportAttributeAccessIssue
        ctx.clear("stock")
        # expect-error mypy: attr-defined; pyright: reportAttributeAccessIssue
        ctx.clear_all()

    async def of_a_workflow(self, ctx: WorkflowSharedContext) -> None:
        assert_type(await ctx.get("stage", str), str | None)
        # expect-error mypy: attr-defined; pyright: reportAttributeAccessIssue
        ctx.set("stage", "done")

    async def of_a_service(self, ctx: Context) -> None:
        # expect-error mypy: attr-defined; pyright: reportAttributeAccessIssue
        ctx.key
        # expect-error mypy: attr-defined; pyright: reportAttributeAccessIssue
        ctx.get("stage", str)
        # expect-error mypy: attr-defined; pyright: reportAttributeAccessIssue
        ctx.set("stage", "done")
        # expect-error mypy: attr-defined; pyright: reportAttributeAccessIssue
        ctx.promise("p", str)
