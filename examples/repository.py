"""A generic mixin: ``class Users(Repository[User])`` is a durable, typed store of users.

Shows inherited handlers whose types are bound by the subclass: ``Users/save`` takes a ``User``
and ``Products/save`` a ``Product``, each with its own JSON Schema, validation and static types. So is the declared
state: ``self.record`` holds a ``User`` in the one and a ``Product`` in the other.

Try it::

    restate-reflect serve examples.repository --with-server
    curl localhost:8080/Users/ada/save --json '{"name": "Ada", "email": "ada@example.com"}'
    curl -X POST localhost:8080/Users/ada/load
    curl localhost:8080/Users/ada/rename --json '"Ada L."'
    curl localhost:8080/Products/lamp/save --json '{"title": "Lamp", "price": -1}'  # 400: a price is positive
    curl -X POST localhost:8080/Users/ada/delete
"""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from restate_reflect import ObjectContext, ObjectSharedContext, State, TerminalError

T = TypeVar("T", bound=BaseModel)


class Repository(Generic[T]):
    """Keeps one record per key."""

    record = State[T | None]()

    async def save(self, ctx: ObjectContext, record: T) -> T:
        """Stores a record in place of the one before."""
        ctx.set(self.record, record)
        return record

    async def load(self, ctx: ObjectSharedContext) -> T | None:
        """The record, if there is one."""
        return await ctx.get(self.record)

    async def delete(self, ctx: ObjectContext) -> bool:
        """Removes the record; whether there was one."""
        existed = await ctx.get(self.record) is not None
        ctx.clear(self.record)
        return existed


class User(BaseModel):
    """Somebody."""

    name: str
    email: str = Field(examples=["ada@example.com"])


class Product(BaseModel):
    """Something to sell."""

    title: str
    price: int = Field(gt=0)


class Users(Repository[User]):
    """Users by name, with a handler of their own."""

    async def rename(self, ctx: ObjectContext, name: str) -> User:
        """Changes the name of a user. Raises ``TerminalError`` (404) if there is no such user."""
        user = await ctx.get(self.record)
        if user is None:
            raise TerminalError(f"there is no user {ctx.key!r}", code=404)
        renamed = user.model_copy(update={"name": name})
        ctx.set(self.record, renamed)
        return renamed


class Products(Repository[Product]):
    """Products by article number."""
