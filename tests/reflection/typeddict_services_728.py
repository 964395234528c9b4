"""TypedDicts in the words of Python 3.15, which has them in ``typing``."""

from __future__ import annotations

from datetime import date
from typing import NotRequired, TypedDict

from restate_reflect.context import Context


class Closed(TypedDict, closed=True):
    sku: str
    note: NotRequired[str]


class Narrowed(Closed, closed=True):
    qty: int


class WithDates(TypedDict, extra_items=date):
    name: str


class Standard:
    async def closed(self, ctx: Context, value: Closed) -> Closed: ...
    async def narrowed(self, ctx: Context, value: Narrowed) -> Narrowed: ...
    async def dates(self, ctx: Context, value: WithDates) -> WithDates: ...
