"""The service of the package."""

from . import Period, fresh_name
from .sources import Table
from restate_reflect import Context as Ctx, ObjectContext


class Reports:
    async def weekly(self, ctx: Ctx, table: str) -> str:
        period = Period.last_week()
        with Table(table) as source:
            rows = source.rows()
        name = fresh_name("weekly")
        await ctx.run("write", print, name, period.days, len(rows))
        return name

    async def nightly(self, ctx: Ctx, tables: frozenset[str]) -> None:
        for number, table in enumerate(tables):  # expect: RR110
            ctx.send(Reports.weekly, table)
            await ctx.run(f"{number}", print, table)


class Archive:
    """One archive per key."""

    async def store(self, ctx: ObjectContext, name: str) -> int:
        names = await ctx.get("names", list[str]) or []
        names.extend([name])  # expect: RR306
        return len(names)

    async def restore(self, ctx: ObjectContext, name: str) -> int:
        return await ctx.call(Archive.store, name, key=ctx.key)  # expect: RR206
