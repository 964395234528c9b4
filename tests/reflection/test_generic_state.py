"""Declared state of generic classes: its type variables are bound where the class is, as those of handlers are."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any, Generic, Self, TypeVar

import pytest
from pydantic import BaseModel

from restate_reflect import ObjectContext, State, reflect
from restate_reflect.errors import HandlerBugError
from restate_reflect.testing import FakeContext, TestEnvironment

T = TypeVar("T")
K = TypeVar("K")


class User(BaseModel):
    name: str


class Page(BaseModel, Generic[T]):
    items: list[T]


class Shelf(Generic[T]):
    """``State(T)`` is how it is said to Python; mypy wants ``State[T | None]()``."""

    record: State[T | None] = State(T)  # type: ignore[misc]
    records = State(list[T], default=[], name="all")
    page = State(Page[T])
    pairs = State[dict[str, T]](default={})
    maybe = State[T | None]()
    others = State(list[Self])
    count = State(int, default=0)

    async def put(self, ctx: ObjectContext, value: T) -> list[T]:
        ctx.set(self.record, value)
        ctx.set(self.records, [*await ctx.get(self.records), value])
        ctx.set(self.pairs, {"a": value})
        ctx.set(self.maybe, value)
        return [*await ctx.get(self.records), *(await ctx.get(self.pairs)).values()]


class Users(Shelf[User]): ...


class Numbers(Shelf[int]): ...


class Middle(Shelf[list[K]], Generic[K]): ...


class Texts(Middle[str]): ...


TYPES: dict[type[Shelf[Any]], tuple[Any, ...]] = {
    Users: (User | None, User, list[User], Page[User], dict[str, User], list[Users]),
    Numbers: (int | None, int, list[int], Page[int], dict[str, int], list[Numbers]),
    Texts: (list[str] | None, list[str], list[list[str]], Page[list[str]], dict[str, list[str]], list[Texts]),
}


@pytest.mark.parametrize("cls", TYPES)
def test_a_subclass_binds_the_types_of_its_state(cls: type[Shelf[Any]]) -> None:
    """Read from an instance and from the class; at any depth of inheritance; ``Self`` too."""
    for holder in (cls, cls()):
        found = [getattr(holder, name).type for name in ("maybe", "record", "records", "page", "pairs", "others")]
        assert tuple(found) == TYPES[cls]


def test_what_is_bound_stays_one_object_with_its_name_and_default() -> None:
    """It can be compared, and used as a key."""
    assert Users().records is Users().records is Users.records
    assert (Users.records.name, Users.records.fresh_default(), Users.record.name) == ("all", [], "record")  # type: ignore[misc]
    assert Users.record is not Numbers.record  # type: ignore[misc]
    assert Users.count is Numbers.count is Shelf.count


def test_an_instance_of_an_alias_binds_them() -> None:
    assert Shelf[int]().records.type == list[int]
    assert reflect(Shelf[bytes], name="Bytes").instance.records.type == list[bytes]


def test_values_come_back_as_what_the_subclass_says() -> None:
    """A journal keeps JSON; a handler of the base reads models."""

    async def main() -> None:
        async with TestEnvironment(Users, Numbers, reflect(Shelf[int], name="Alias")) as env:
            ada = User(name="ada")
            assert await env.call(Users().put, ada, key="a") == [ada, ada]
            assert env.state(Users, "a").get(Users.record) == ada  # type: ignore[misc]
            assert env.state(Users, "a").raw()["all"] == b'[{"name":"ada"}]'
            assert await env.call_raw("Alias", "put", b"1", key="a") == b"[1,1]"

    asyncio.run(main())


def test_a_value_of_another_type_is_refused() -> None:
    """As with every declared key."""

    async def main() -> None:

        class Wrong(Shelf[int]):
            async def put_text(self, ctx: ObjectContext) -> None:
                ctx.set(self.record, "text")  # type: ignore[misc]

        async with TestEnvironment(Wrong) as env:
            await env.call(Wrong.put_text, key="a")

    with pytest.raises(HandlerBugError, match="state 'record' does not fit its declared type"):
        asyncio.run(main())


def test_fake_contexts_take_them() -> None:

    async def main() -> None:
        ctx = FakeContext(key="a")
        assert await Numbers().put(ctx, 3) == [3, 3]
        assert ctx.state == {"record": 3, "all": [3], "pairs": {"a": 3}, "maybe": 3}

    asyncio.run(main())


def test_a_key_says_when_it_reads_as_none() -> None:
    """``State[X]()`` has the type that it names, and no other."""
    with pytest.raises((TypeError, RuntimeError)) as caught:
        type("Counter", (), {"count": State[int]()})
    error = caught.value if isinstance(caught.value, TypeError) else caught.value.__cause__
    assert str(error) == (
        "Counter.count = State[int]() reads as None while it is not set, which its type does not say."
        " Write State[int | None](), or give a default."
    )


def test_a_key_without_a_type_is_refused() -> None:
    with pytest.raises((TypeError, RuntimeError)) as caught:
        type("Counter", (), {"count": State()})
    error = caught.value if isinstance(caught.value, TypeError) else caught.value.__cause__
    assert str(error) == "Counter.count = State() has no type. Write State(int), or State[int](default=0)."


def test_a_key_outside_of_a_class_has_the_type_in_brackets() -> None:

    async def main() -> None:
        total = State[int](name="total", default=0)
        ctx = FakeContext(key="a", state={"total": 4})
        assert await ctx.get(total) == 4
        assert total.type is int

    asyncio.run(main())


def test_a_key_that_nothing_has_bound_says_so() -> None:
    """``Shelf.record`` is nobody's."""

    async def main() -> None:
        async with TestEnvironment(Numbers) as env:
            with pytest.raises(Exception, match="type variable is not bound to a type"):
                env.state(Numbers, "a").set(Shelf.record, 1)  # type: ignore[misc]

    asyncio.run(main())


def test_classes_are_not_kept_by_the_keys_they_bind() -> None:
    def bound() -> weakref.ref[type]:
        class Local(Shelf[int]): ...

        assert Local.record.type is int  # type: ignore[misc]
        return weakref.ref(Local)

    kept = bound()
    gc.collect()
    assert kept() is None
