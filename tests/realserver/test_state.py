"""State, declared and plain, eager and lazy, on the real server."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from restate_reflect import ObjectContext, ObjectSharedContext, State, service
from restate_reflect.server import RestateServer
from tests.conftest import Serve
from tests.support import call

_serial = itertools.count()


@pytest.fixture
def fresh() -> str:
    """A key nobody has used."""
    return f"key-{next(_serial)}"


class Colour(Enum):
    RED = "red"


class Address(BaseModel):
    street: str
    since: date


VALUES: dict[str, Any] = {
    "address": Address(street="Main", since=date(2020, 1, 2)),
    "amount": Decimal("1.10"),
    "colour": Colour.RED,
    "id": UUID(int=5),
    "numbers": {"a": (1, 2)},
    "raw": b"\x00\xff",
    "seen": datetime(2026, 1, 31, tzinfo=UTC),
}


class Profile:
    """Everything a declared key can hold."""

    address = State(Address)
    amount = State(Decimal, default=Decimal(0))
    colour = State(Colour, default=Colour.RED)
    id = State(UUID)
    numbers = State(dict[str, tuple[int, int]])
    raw = State(bytes, default=b"")
    seen = State(datetime)
    renamed = State(int, default=7, name="other-name")

    async def fill(self, ctx: ObjectContext) -> list[str]:
        for name, value in VALUES.items():
            ctx.set(getattr(Profile, name), value)
        ctx.set(self.renamed, 8)
        return await ctx.keys()

    async def differences(self, ctx: ObjectSharedContext) -> list[str]:
        """Names of the keys that do not come back as what was set."""
        found = {name: await ctx.get(getattr(Profile, name)) for name in VALUES}
        return [name for name, value in VALUES.items() if found[name] != value or type(found[name]) is not type(value)]

    async def defaults(self, ctx: ObjectSharedContext) -> list[Any]:
        return [await ctx.get(self.address), await ctx.get(self.renamed), await ctx.get("absent", int, default=3)]

    async def clear(self, ctx: ObjectContext, everything: bool) -> list[str]:
        if everything:
            ctx.clear_all()
        else:
            ctx.clear(self.address)
            ctx.clear("other-name")
        return await ctx.keys()


@service(lazy_state=True)
class LazyProfile(Profile):
    """The same, with state that is fetched key by key."""


@pytest.mark.parametrize("cls", [Profile, LazyProfile])
def test_values_come_back_as_what_they_were(
    any_server: RestateServer, serve: Serve, fresh: str, cls: type[Profile]
) -> None:
    """Set by one invocation, read by the next; keys are sorted."""
    serve(any_server, cls)
    name = cls.__name__
    assert call(any_server, name, "defaults", key=fresh).json == [None, 7, 3]
    assert call(any_server, name, "fill", key=fresh).json == sorted([*VALUES, "other-name"])
    assert call(any_server, name, "differences", key=fresh).json == []
    assert call(any_server, name, "clear", False, key=fresh).json == sorted(set(VALUES) - {"address"})
    assert call(any_server, name, "clear", True, key=fresh).json == []
    assert call(any_server, name, "defaults", key=fresh).json == [None, 7, 3]


@pytest.mark.parametrize("cls, entry", [(Profile, "Command: GetEagerState"), (LazyProfile, "Command: GetLazyState")])
def test_lazy_state_is_asked_for_key_by_key(
    any_server: RestateServer, serve: Serve, fresh: str, cls: type[Profile], entry: str
) -> None:
    """The journal tells which way a value has come."""
    serve(any_server, cls)
    answer = call(any_server, cls.__name__, "defaults", key=fresh)
    sql = f"SELECT entry_type FROM sys_journal WHERE id = '{answer.invocation_id}' AND entry_type LIKE 'Command: Get%'"
    assert {row["entry_type"] for row in any_server.query(sql)} == {entry}


class Ledger:
    """Fails between two writes."""

    def __init__(self) -> None:
        self.attempts = 0

    async def book(self, ctx: ObjectContext, amount: int) -> int:
        total = await ctx.get("total", int, default=0) + amount
        ctx.set("total", total)
        self.attempts += 1
        if self.attempts % 3:
            raise OSError("in between")
        ctx.set("bookings", await ctx.get("bookings", int, default=0) + 1)
        return total

    async def both(self, ctx: ObjectSharedContext) -> list[int | None]:
        return [await ctx.get("total", int), await ctx.get("bookings", int)]


def test_a_retried_handler_writes_once(any_server: RestateServer, serve: Serve, fresh: str) -> None:
    """Three attempts each, one booking each."""
    ledger = Ledger()
    serve(any_server, ledger)
    assert [call(any_server, "Ledger", "book", 5, key=fresh).json for _ in range(4)] == [5, 10, 15, 20]
    assert ledger.attempts == 12
    assert call(any_server, "Ledger", "both", key=fresh).json == [20, 4]
