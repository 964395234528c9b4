"""Which classes and methods become which services and handlers."""

from __future__ import annotations

import abc
import asyncio
import dataclasses
import functools
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Protocol, TypeVar

import pytest
from pydantic import BaseModel

from restate_reflect.context import Context, ObjectContext, ObjectSharedContext, WorkflowContext, WorkflowSharedContext
from restate_reflect.definitions import HandlerKind, InputStyle, ServiceDefinition, ServiceKind
from restate_reflect.errors import ReflectionError
from restate_reflect.reflection import handler, reflect, reflect_all, reflect_interface, service

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
Ctx = Annotated[Context, "the context"]


class Greeter:
    """Greets.

    Twice if asked.
    """

    def greet(self, ctx: Context, name: str) -> str:
        """Says hello."""
        return f"hello {name}"

    async def later(self, ctx: Ctx) -> None: ...

    @staticmethod
    async def fixed(ctx: Context) -> int:
        return 1

    @classmethod
    async def named(cls, ctx: Context) -> str:
        return cls.__name__

    def price(self, order: str) -> int:
        return 1

    def bare(self): ...  # type: ignore[no-untyped-def]

    def untyped(self, ctx): ...  # type: ignore[no-untyped-def]

    def many(self, *args: Context) -> None: ...

    def swapped(self, n: int, ctx: Context) -> None: ...

    def _private(self, ctx: Context) -> None: ...

    @property
    def size(self) -> int:
        return 1

    version = 3

    class Inner:
        pass


class Counter:
    async def add(self, ctx: ObjectContext, n: int) -> int: ...  # type: ignore[empty-body]
    async def get(self, ctx: ObjectSharedContext) -> int: ...  # type: ignore[empty-body]


class Signup:
    async def run(self, ctx: WorkflowContext, email: str) -> bool: ...  # type: ignore[empty-body]
    async def click(self, ctx: WorkflowSharedContext) -> None: ...


@pytest.mark.parametrize(
    "cls, kind, handler_kinds",
    [
        (Greeter, ServiceKind.SERVICE, {"greet": None, "later": None, "fixed": None, "named": None}),
        (Counter, ServiceKind.VIRTUAL_OBJECT, {"add": HandlerKind.EXCLUSIVE, "get": HandlerKind.SHARED}),
        (Signup, ServiceKind.WORKFLOW, {"run": HandlerKind.WORKFLOW, "click": HandlerKind.SHARED}),
    ],
)
def test_the_context_decides_the_kinds(cls: type, kind: ServiceKind, handler_kinds: dict[str, Any]) -> None:
    definition = reflect(cls)
    assert definition.kind is kind
    assert {name: handler.kind for name, handler in definition.handlers.items()} == handler_kinds


def test_handlers_keep_the_order_of_definition() -> None:
    assert list(reflect(Greeter).handlers) == ["greet", "later", "fixed", "named"]


def test_every_other_public_method_is_skipped_with_a_reason() -> None:
    reasons = {skipped.name: skipped.reason for skipped in reflect(Greeter).skipped}
    assert reasons == {
        "price": "its first parameter 'order' is str, not a context",
        "bare": "it takes no context",
        "untyped": "its first parameter 'ctx' has no annotation",
        "many": "it takes no context",
        "swapped": "its first parameter 'n' is int, not a context",
        "size": "it is a property",
        "version": "it is int data, not a function",
        "Inner": "it is a class",
    }


def test_a_definition_knows_names_documentation_and_source() -> None:
    definition = reflect(Greeter)
    greet = definition.handlers["greet"]
    assert definition.name == "Greeter"
    assert definition.documentation == "Greets.\n\nTwice if asked."
    assert greet.documentation == "Says hello."
    assert greet.qualified_name == f"{__name__}.Greeter.greet"
    assert greet.function is Greeter.greet
    assert definition.source.file.endswith("test_rules.py")
    with open(__file__) as file:
        lines = file.read().splitlines()
    assert lines[definition.source.line - 1] == "class Greeter:"
    assert lines[greet.source.line - 1].lstrip().startswith("def greet")


def test_call_is_the_bound_method_and_runs_without_the_engine() -> None:
    definition = reflect(Greeter)
    ctx: Any = object()
    greet = definition.handlers["greet"].call
    assert greet == definition.instance.greet
    assert greet is not None
    assert greet(ctx, "you") == "hello you"
    for name, result in (("fixed", 1), ("named", "Greeter")):
        call = definition.handlers[name].call
        assert call is not None
        assert asyncio.run(call(ctx)) == result


def test_async_and_plain_methods_are_told_apart() -> None:
    assert {name: handler.is_async for name, handler in reflect(Greeter).handlers.items()} == {
        "greet": False,
        "later": True,
        "fixed": True,
        "named": True,
    }


def test_an_instance_is_served_as_it_is() -> None:
    counter = Counter()
    assert reflect(counter).instance is counter


def test_definitions_are_immutable() -> None:
    definition = reflect(Counter)
    with pytest.raises(dataclasses.FrozenInstanceError):
        definition.name = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        definition.handlers["x"] = definition.handlers["add"]  # type: ignore[index]


class Audited:
    """A mixin."""

    async def audit(self, ctx: ObjectSharedContext) -> list[str]:
        """Of the mixin."""
        return []


class Base(Audited):
    async def close(self, ctx: ObjectContext) -> None:
        """Of the base."""

    async def dropped(self, ctx: ObjectContext) -> None: ...


class Account(Base):
    async def close(self, ctx: ObjectContext, reason: str = "") -> None: ...

    dropped = None  # type: ignore[assignment]


def test_inherited_handlers_count_once_and_the_most_derived_wins() -> None:
    definition = reflect(Account)
    assert list(definition.handlers) == ["audit", "close"]
    assert definition.handlers["close"].function is Account.__dict__["close"]
    assert definition.handlers["audit"].function is Audited.audit


def test_documentation_of_a_method_is_inherited_and_that_of_a_class_is_not() -> None:
    definition = reflect(Account)
    assert definition.handlers["close"].documentation == "Of the base."
    assert definition.documentation is None


def test_a_dataclass_has_no_documentation_that_dataclass_wrote() -> None:
    @dataclasses.dataclass
    class Settings:
        limit: int = 1

        def get(self, ctx: Context) -> int:
            return self.limit

    assert reflect(Settings).documentation is None


def test_the_class_names_the_service_unless_something_else_does() -> None:
    class Plain(Counter): ...

    class ByAttribute(Counter):
        __restate_name__ = "attribute"

    @service(name="decorator")
    class ByDecorator(ByAttribute): ...

    class Derived(ByDecorator): ...

    assert [reflect(cls).name for cls in (Plain, ByAttribute, ByDecorator, Derived)] == [
        "Plain",
        "attribute",
        "decorator",
        "attribute",
    ]
    assert reflect(ByDecorator, name="argument").name == "argument"


def test_decorators_return_the_very_same_object_with_and_without_arguments() -> None:
    class Undecorated(Counter): ...

    def method(self: Any, ctx: Context) -> None: ...

    assert service(Undecorated) is Undecorated
    assert service(name="x")(Undecorated) is Undecorated
    assert handler(method) is method
    assert handler(name="x")(method) is method
    static = staticmethod(method)
    assert handler(static) is static


def test_handlers_are_renamed_above_and_below_staticmethod() -> None:
    class Renamed:
        @handler(name="a")
        @staticmethod
        def one(ctx: Context) -> None: ...

        @classmethod
        @handler(name="b")
        def two(cls, ctx: Context) -> None: ...

        @handler
        def three(self, ctx: Context) -> None: ...

    handlers = reflect(Renamed).handlers
    assert {name: handler.method for name, handler in handlers.items()} == {"a": "one", "b": "two", "three": "three"}


@pytest.mark.parametrize("decorator, target", [(handler, Counter), (service, len), (handler, 3)])
def test_decorators_refuse_what_they_are_not_for(decorator: Any, target: Any) -> None:
    with pytest.raises(TypeError, match="is for"):
        decorator(target)


def test_an_unknown_option_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match="unknown option abort_timout; known are abort_timeout"):
        handler(abort_timout=1)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="unknown option nope"):
        reflect(Counter, nope=1)  # type: ignore[call-arg]


def traced(function: F) -> F:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper  # type: ignore[return-value]


def test_a_wrapper_made_with_wraps_keeps_the_signature_of_what_it_wraps() -> None:
    class Traced:
        @traced
        @handler(name="go")
        async def run_it(self, ctx: Context, n: int) -> int:
            return n

    definition = reflect(Traced)
    assert definition.handlers["go"].is_async
    assert definition.handlers["go"].function is Traced.__dict__["run_it"]
    assert definition.handlers["go"].input.style is InputStyle.VALUE


class Api(Protocol):
    def fetch(self, ctx: ObjectContext, n: int) -> Awaitable[int]: ...


class AbstractApi(abc.ABC):
    @abc.abstractmethod
    async def fetch(self, ctx: WorkflowSharedContext) -> str: ...


class NeedsArguments(Counter):
    def __init__(self, dependency: str) -> None:
        raise AssertionError("an interface must not be constructed")


@pytest.mark.parametrize("cls", [Api, AbstractApi, NeedsArguments, Counter])
def test_an_interface_is_read_without_constructing_anything(cls: type) -> None:
    definition = reflect_interface(cls)
    assert definition.instance is None
    assert all(handler.call is None for handler in definition.handlers.values())


def test_a_plain_method_that_returns_an_awaitable_has_the_awaited_output() -> None:
    fetch = reflect_interface(Api).handlers["fetch"]
    assert fetch.is_async
    assert fetch.output.annotation is int


def test_reflect_all_takes_classes_instances_and_finished_definitions() -> None:
    finished = reflect(Signup)
    definitions = reflect_all([Greeter, Counter(), finished])
    assert [definition.name for definition in definitions] == ["Greeter", "Counter", "Signup"]
    assert definitions[2] is finished


def test_a_pydantic_model_can_be_a_service() -> None:
    class Configured(BaseModel):
        limit: int = 3

        def get(self, ctx: Context) -> int:
            return self.limit

    definition: ServiceDefinition = reflect(Configured(limit=4))
    assert list(definition.handlers) == ["get"]


class Stock(Protocol[T]):
    """An interface, as ``stubs`` writes one."""

    async def reserve(self, ctx: ObjectContext, item: T, *, pieces: int = 1) -> list[T]: ...

    async def left(self, ctx: ObjectSharedContext) -> int: ...


class Left(abc.ABC):
    @abc.abstractmethod
    async def left(self, ctx: ObjectSharedContext) -> int: ...


class Warehouse(Stock[str], Left):
    """Repeats no annotation; parameters by position may have other names."""

    async def reserve(self, context, article, *, pieces=1):  # type: ignore[no-untyped-def]
        return [article] * pieces

    async def left(self, ctx):  # type: ignore[no-untyped-def]
        return 0


class PartlyAnnotated(Stock[int]):
    async def reserve(self, ctx, item: bool, *, pieces=1) -> list[bool]:  # type: ignore[no-untyped-def, override]
        return [item] * pieces

    async def left(self, ctx):  # type: ignore[no-untyped-def]
        return 0


def test_implementations_need_not_repeat_the_annotations_of_an_interface() -> None:
    """A Protocol or a base class, with its type variables bound; what is repeated counts."""
    warehouse, partly = reflect(Warehouse), reflect(PartlyAnnotated)
    assert warehouse.kind is ServiceKind.VIRTUAL_OBJECT
    reserve = warehouse.handlers["reserve"]
    assert [(each.name, each.annotation, each.required) for each in reserve.input.parameters] == [
        ("article", str, True),
        ("pieces", int, False),
    ]
    assert reserve.output.annotation == list[str]
    assert warehouse.handlers["left"].kind is HandlerKind.SHARED
    assert warehouse.handlers["left"].output.annotation is int
    assert [each.annotation for each in partly.handlers["reserve"].input.parameters] == [bool, int]
    assert partly.handlers["reserve"].output.annotation == list[bool]


def test_what_neither_annotates_is_told_of_the_implementation() -> None:
    class Half(Protocol):
        async def go(self, ctx: Context, n): ...  # type: ignore[no-untyped-def]

    class Whole(Half):
        async def go(self, ctx, n):  # type: ignore[no-untyped-def]
            return n

    with pytest.raises(ReflectionError, match=r"Whole\.go .*parameter 'n' has no annotation"):
        reflect(Whole)


def test_a_method_of_its_own_is_still_no_handler() -> None:
    class Plain:
        def go(self, ctx): ...  # type: ignore[no-untyped-def]

        async def run(self, ctx: Context) -> None: ...

    assert list(reflect(Plain).handlers) == ["run"]
