"""Services whose models and contexts are imported when they are used; imported on Python 3.15 and newer only."""

lazy from restate_reflect import Context, ObjectContext, WorkflowContext
lazy from tests.reflection import models_810
lazy from tests.reflection.models_810 import Missing, Order, shelf
lazy from tests.reflection.nowhere import Absent


class Evaluated:
    async def go(self, ctx: Context, order: Order) -> list[models_810.Receipt]: ...


class Quoted:
    async def go(self, ctx: "ObjectContext", order: "Order") -> "list[models_810.Receipt]": ...


class AbsentModule:
    async def go(self, ctx: Context, value: Absent) -> None: ...


class AbsentName:
    async def go(self, ctx: Context, value: "Missing") -> None: ...


class AbsentInHelper:
    async def run(self, ctx: WorkflowContext, order: Order) -> None: ...
    def helper(self, value: Absent) -> Missing: ...


async def receipts(order: Order) -> list[models_810.Receipt]:
    return [models_810.Receipt(id=1)]


async def broken(order: Absent) -> list[models_810.Receipt]:
    return [models_810.Receipt(id=1)]
