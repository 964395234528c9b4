"""What ``ctx.call`` knows of a method it was given before."""

from __future__ import annotations

import gc
import weakref

import pytest
from pydantic import BaseModel

from restate_reflect import Context, ObjectContext, handler
from restate_reflect.durable.routes import Routes
from restate_reflect.errors import EncodeError, HandlerBugError
from restate_reflect.reflection import TargetDirectory, reflect


class Order(BaseModel):
    sku: str


class Shop:
    async def buy(self, ctx: Context, order: Order) -> int:
        return 1

    async def count(self, ctx: Context, *, order: Order) -> int:
        return 1

    async def add(self, ctx: Context, left: int, right: int = 2) -> None: ...

    async def nothing(self, ctx: Context) -> None: ...


class Shelf:
    async def put(self, ctx: ObjectContext, order: Order) -> None: ...


class Unhashable:
    __hash__ = None  # type: ignore[assignment]

    def __call__(self) -> None: ...


@pytest.fixture
def routes() -> Routes:
    return Routes(TargetDirectory([reflect(Shop), reflect(Shelf)]))


def test_a_single_argument_is_written_by_its_codec(routes: Routes) -> None:
    assert routes.find(Shop.buy).encode((Order(sku="a"),), {}) == b'{"sku":"a"}'
    with pytest.raises(EncodeError, match="does not fit"):
        routes.find(Shop.buy).encode(("no order",), {})


def test_arguments_by_name_and_several_are_written_as_the_signature_says(routes: Routes) -> None:
    assert routes.find(Shop.buy).encode((), {"order": Order(sku="a")}) == b'{"sku":"a"}'
    assert routes.find(Shop.count).encode((), {"order": Order(sku="a")}) == b'{"sku":"a"}'
    assert routes.find(Shop.add).encode((1,), {}) == b'{"left":1}'
    assert routes.find(Shop.add).encode((1,), {"right": 3}) == b'{"left":1,"right":3}'
    assert routes.find(Shop.nothing).encode((), {}) == b""


@pytest.mark.parametrize("method", [Shop.buy, Shop.count, Shop.add, Shop.nothing])
def test_wrong_arguments_are_refused(routes: Routes, method: object) -> None:
    with pytest.raises(TypeError):
        routes.find(method).encode((1, 2, 3), {})  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        routes.find(method).encode((), {"other": 1})  # type: ignore[arg-type]


def test_a_route_is_made_once(routes: Routes) -> None:
    assert routes.find(Shop.buy) is routes.find(Shop.buy)
    assert str(routes.find(Shop.buy).destination) == "Shop/buy"
    assert not routes.find(Shop.buy).is_keyed
    assert routes.find(Shelf.put).is_keyed


def test_an_instance_that_is_not_served_is_not_kept_alive(routes: Routes) -> None:
    shop = Shop()
    seen = weakref.ref(shop)
    assert str(routes.find(shop.buy).destination) == "Shop/buy"
    del shop
    gc.collect()
    assert seen() is None


def test_what_is_no_handler_is_named(routes: Routes) -> None:
    with pytest.raises(HandlerBugError, match="is not a handler"):
        routes.find(Unhashable())
    with pytest.raises(HandlerBugError, match="is not a handler"):
        routes.find(handler)
