"""What a method passed to ``ctx.call`` stands for."""

from __future__ import annotations

import gc
import weakref
from typing import Any, Generic, Protocol, TypeVar

import pytest

from restate_reflect.context import Context, ObjectContext, WorkflowContext
from restate_reflect.definitions import HandlerKind, ServiceKind
from restate_reflect.errors import HandlerBugError
from restate_reflect.reflection import CallTarget, TargetDirectory, handler, handler_of, reflect, service

T = TypeVar("T")


class Inventory:
    async def reserve(self, ctx: ObjectContext, qty: int) -> int: ...  # type: ignore[empty-body]

    @staticmethod
    async def fixed(ctx: ObjectContext) -> None: ...

    @classmethod
    async def named(cls, ctx: ObjectContext) -> None: ...

    @handler(name="renamed")
    async def other(self, ctx: ObjectContext) -> None: ...

    def helper(self, n: int) -> None: ...


class Repository(Generic[T]):
    async def get(self, ctx: ObjectContext) -> T: ...  # type: ignore[empty-body]


class Users(Repository[str]): ...


class Orders(Repository[int]): ...


class Remote(Protocol):
    async def run(self, ctx: WorkflowContext) -> int: ...

    class Nested:
        async def go(self, ctx: Context) -> None: ...


@service(name="billing")
class Billing:
    def __init__(self, dependency: str) -> None: ...
    async def charge(self, ctx: Context, cents: int) -> None: ...


def name_of(target: CallTarget) -> tuple[str, str]:
    return target.service, target.handler


@pytest.mark.parametrize(
    "method, name",
    [
        (Inventory.reserve, ("Inventory", "reserve")),
        (Inventory().reserve, ("Inventory", "reserve")),
        (Inventory.fixed, ("Inventory", "fixed")),
        (Inventory().fixed, ("Inventory", "fixed")),
        (Inventory.named, ("Inventory", "named")),
        (Inventory().named, ("Inventory", "named")),
        (Inventory.other, ("Inventory", "renamed")),
        (handler_of(Inventory, "other"), ("Inventory", "renamed")),
        (Remote.run, ("Remote", "run")),
        (Remote.Nested.go, ("Nested", "go")),
        (Billing.charge, ("billing", "charge")),
        (Users().get, ("Users", "get")),
        (handler_of(Orders, "get"), ("Orders", "get")),
    ],
)
@pytest.mark.parametrize("served", [(), (Inventory,)])
def test_methods_are_found_whether_served_here_or_not(method: Any, name: tuple[str, str], served: Any) -> None:
    directory = TargetDirectory(reflect(cls) for cls in served)
    assert name_of(directory.target(method)) == name
    assert name_of(directory.target(method)) == name


def test_a_target_has_what_a_caller_needs() -> None:
    target = TargetDirectory().target(Inventory.reserve)
    assert (target.kind, target.handler_kind) == (ServiceKind.VIRTUAL_OBJECT, HandlerKind.EXCLUSIVE)
    assert target.input.encode((2,), {}) == b"2"
    assert target.output.decode(b"3") == 3


def test_the_name_given_to_reflect_is_the_target() -> None:
    directory = TargetDirectory([reflect(Inventory, name="stock")])
    assert name_of(directory.target(Inventory.reserve)) == ("stock", "reserve")


def test_an_inherited_function_is_found_when_one_service_has_it() -> None:
    directory = TargetDirectory([reflect(Users)])
    assert name_of(directory.target(Users.get)) == ("Users", "get")


def test_an_inherited_function_of_several_services_must_be_bound() -> None:
    users, orders = reflect(Users), reflect(Orders)
    directory = TargetDirectory([users, orders])
    with pytest.raises(HandlerBugError, match=r"several services \(Users, Orders\).*handler_of\(YourClass, 'get'\)"):
        directory.target(Users.get)
    assert directory.target(users.instance.get).service == "Users"
    assert directory.target(Orders().get).service == "Orders"
    assert directory.target(handler_of(Users, "get")).service == "Users"


def test_one_class_served_twice_is_told_apart_by_its_instances() -> None:
    first, second = Inventory(), Inventory()
    directory = TargetDirectory([reflect(first, name="a"), reflect(second, name="b")])
    assert directory.target(first.reserve).service == "a"
    assert directory.target(second.reserve).service == "b"
    for unclear in (Inventory.reserve, Inventory().reserve, handler_of(Inventory, "reserve")):
        with pytest.raises(HandlerBugError, match=r"several services \(a, b\)"):
            directory.target(unclear)


def free_function(ctx: Context) -> None: ...


class Unfit:
    async def go(self, ctx: Context, thing) -> None: ...  # type: ignore[no-untyped-def]


def local() -> Any:
    class Local:
        async def go(self, ctx: Context) -> None: ...

    return Local


@pytest.mark.parametrize(
    "method, message",
    [
        (Inventory.helper, "not a handler: its first parameter 'n' is int, not a context.*Handlers of Inventory are"),
        (Inventory().helper, "not a handler: its first parameter"),
        (free_function, "function outside of a class"),
        (len, "not a handler"),
        (3, "not a handler"),
        ([], "not a handler"),
        ("Inventory.reserve", "not a handler"),
        (Inventory, "not a handler"),
        (Unfit.go, "Unfit can't be called as a service: .*'thing' has no annotation"),
        (local().go, r"handler_of\(YourClass, 'go'\)"),
    ],
)
def test_what_is_no_handler_is_refused_with_cause_and_fix(method: Any, message: str) -> None:
    with pytest.raises(HandlerBugError, match=f"(?s){message}"):
        TargetDirectory().target(method)


def test_a_local_class_is_found_by_handler_of() -> None:
    assert TargetDirectory().target(handler_of(local(), "go")).service == "Local"


def test_handler_of_a_missing_method_fails_at_once() -> None:
    with pytest.raises(AttributeError):
        handler_of(Inventory, "reserv")


def test_calling_a_reference_calls_the_plain_method() -> None:
    class Adder:
        def add(self, ctx: Any, n: int) -> int:
            return n + 1

    assert handler_of(Adder, "add")(Adder(), None, 1) == 2


def test_a_directory_does_not_keep_instances_alive_that_are_not_served() -> None:
    directory, proxy = TargetDirectory(), Inventory()
    directory.target(proxy.reserve)
    gone = weakref.ref(proxy)
    del proxy
    gc.collect()
    assert gone() is None
