"""Generic base classes: their type variables are bound by the subclass, the alias or the instance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Generic, NamedTuple, NewType, Self, TypeVar, Union

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict
from typing_extensions import TypeVar as NewTypeVar

from restate_reflect.context import ObjectContext, ObjectSharedContext
from restate_reflect.errors import ReflectionError
from restate_reflect.reflection import reflect

T = TypeVar("T")
K = TypeVar("K")
D = NewTypeVar("D", default=int)


class User(BaseModel):
    name: str


class Page(BaseModel, Generic[T]):
    items: list[T]


@dataclass
class Box(Generic[T]):
    content: T


class Entry(TypedDict, Generic[T]):
    value: T


class Row(NamedTuple):
    a: int


UserId = NewType("UserId", int)


class Repository(Generic[K, T]):
    def get(self, ctx: ObjectSharedContext) -> T | None: ...
    def put(self, ctx: ObjectContext, key: K, value: T) -> None: ...
    def page(self, ctx: ObjectSharedContext) -> Page[T]: ...  # type: ignore[empty-body]
    def box(self, ctx: ObjectSharedContext) -> Box[T]: ...  # type: ignore[empty-body]
    def entries(self, ctx: ObjectSharedContext) -> dict[str, Entry[T]]: ...  # type: ignore[empty-body]
    def union(self, ctx: ObjectSharedContext) -> Union[T, list[K]]: ...  # type: ignore[empty-body]  # noqa: UP007
    def noted(self, ctx: ObjectContext, value: Annotated[T, Field(description="d")]) -> None: ...


class Users(Repository[UserId, User]): ...


class Middle(Repository[str, T], Generic[T]): ...


class Rows(Middle[list[Row]]): ...


class Defaulted(Generic[D]):
    def get(self, ctx: ObjectSharedContext) -> D: ...  # type: ignore[empty-body]


def outputs(target: Any, **options: Any) -> dict[str, Any]:
    return {name: handler.output.annotation for name, handler in reflect(target, **options).handlers.items()}


def test_a_subclass_binds_the_variables_at_any_depth() -> None:
    found = outputs(Users)
    assert found["get"] == User | None
    assert found["page"] is Page[User]
    assert found["box"] == Box[User]
    assert found["entries"] == dict[str, Entry[User]]
    assert found["union"] == Union[User, list[UserId]]  # noqa: UP007


def test_values_of_a_bound_class_come_back() -> None:
    handlers = reflect(Users).handlers
    for name, value in (("page", Page[User](items=[User(name="a")])), ("box", Box(User(name="a")))):
        assert handlers[name].output.decode(handlers[name].output.encode(value)) == value
    body = handlers["put"].input.encode((UserId(1), User(name="a")), {})
    assert handlers["put"].input.decode(body) == ((1, User(name="a")), {})


def test_variables_are_bound_through_generic_classes_in_between() -> None:
    definition = reflect(Rows)
    assert definition.handlers["get"].output.annotation == list[Row] | None
    assert [p.annotation for p in definition.handlers["put"].input.parameters] == [str, list[Row]]


def test_metadata_stays_on_a_bound_annotation() -> None:
    schema = reflect(Users).handlers["noted"].input.json_schema()
    assert schema is not None
    assert schema["description"] == "d"


def test_an_alias_and_an_instance_made_by_it_are_bound() -> None:
    for target in (Repository[str, int], Repository[str, int]()):
        definition = reflect(target, name="Ints")
        assert definition.cls is Repository
        assert definition.handlers["get"].output.annotation == int | None


def test_defaults_of_type_variables_are_used() -> None:
    assert outputs(Defaulted) == {"get": int}
    assert outputs(Defaulted[str]) == {"get": str}


def test_unbound_variables_are_reported_by_name() -> None:
    with pytest.raises(ReflectionError, match="type variable T is not bound") as caught:
        reflect(Middle)
    assert {problem.code for problem in caught.value.problems} == {"unbound-typevar"}


def test_self_is_the_class_that_is_reflected() -> None:
    class Value(BaseModel):
        n: int = 1

        def copy_of(self, ctx: ObjectContext) -> Self: ...  # type: ignore[empty-body]
        def all(self, ctx: ObjectContext, other: list[Self]) -> None: ...

    class Derived(Value): ...

    handlers = reflect(Derived).handlers
    assert handlers["copy_of"].output.annotation is Derived
    assert handlers["all"].input.parameters[0].annotation == list[Derived]


class Shadowing:
    """A method named like a builtin must not hide it in annotations."""

    class Nested(BaseModel):
        n: int

    def list(self, ctx: ObjectContext) -> list[int]: ...  # type: ignore[empty-body]
    def nested(self, ctx: ObjectContext, value: Nested) -> None: ...


def test_names_of_the_class_are_found_after_those_of_the_module() -> None:
    definition = reflect(Shadowing)
    assert definition.handlers["list"].output.annotation == list[int]
    assert definition.handlers["nested"].input.parameters[0].annotation is Shadowing.Nested
